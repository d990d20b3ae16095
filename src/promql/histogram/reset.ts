import type { FloatHistogram } from '../../model/float-histogram.ts'
import { type Columns, coarsen, rebound } from './columns.ts'
import { isCustom, sameBounds, sameShape } from './layout.ts'
import { dropWithin, reachesIntoZero, sharedBounds, sidesOf, widened } from './sum.ts'

/**
 * Whether a counter has begun anew between two histograms: anything it counts has become fewer, a populated bucket is gone, or its shape has changed as it only does
 * with a restart (more resolution, a narrower zero bucket, other kinds of buckets). The hint of `current` decides where it says.
 */
export function detectReset(current: FloatHistogram, previous: FloatHistogram): boolean {
  if (current.resetHint === 'reset') return true
  if (current.resetHint === 'not_reset') return false
  if (current.count < previous.count) return true
  if (sameShape(current, previous) && !reachesIntoZero(current)) return anyFewer(current, previous)
  if (isCustom(current)) return isCustom(previous) ? customReset(current, previous) : true
  if (current.schema > previous.schema || current.zeroThreshold < previous.zeroThreshold) return true

  const before = sidesOf(previous)
  const zero = widened({ threshold: previous.zeroThreshold, count: previous.zeroCount, lost: 0 }, before, current.zeroThreshold)
  // A populated bucket of before lies across the end of the zero bucket of now.
  if (zero.threshold !== current.zeroThreshold) return true
  if (current.zeroCount < zero.count + zero.lost) return true

  const now = sidesOf(current)
  return (['positive', 'negative'] as const).some(side => {
    dropWithin(before[side], previous.schema, current.zeroThreshold)
    coarsen(before[side], previous.schema - current.schema)
    return fewer(now[side], before[side])
  })
}

/** Whether anything that `previous` holds, in whatever bucket, has become fewer. Both have one schema, zero threshold and bounds. */
export function anythingFewer(current: FloatHistogram, previous: FloatHistogram): boolean {
  if (current.count < previous.count || current.zeroCount < previous.zeroCount) return true
  const [now, before] = [sidesOf(current), sidesOf(previous)]
  return fewer(now.positive, before.positive) || fewer(now.negative, before.negative)
}

function anyFewer(current: FloatHistogram, previous: FloatHistogram): boolean {
  if (current.zeroCount < previous.zeroCount) return true
  for (let i = 0; i < current.positiveCounts.length; i++) if (current.positiveCounts[i]! < previous.positiveCounts[i]!) return true
  for (let i = 0; i < current.negativeCounts.length; i++) if (current.negativeCounts[i]! < previous.negativeCounts[i]!) return true
  return false
}

function customReset(current: FloatHistogram, previous: FloatHistogram): boolean {
  const now = sidesOf(current).positive
  const before = sidesOf(previous).positive
  if (!sameBounds(current.customBounds, previous.customBounds)) {
    const shared = sharedBounds(current.customBounds, previous.customBounds)
    rebound(now, current.customBounds, shared)
    rebound(before, previous.customBounds, shared)
  }
  return fewer(now, before)
}

/** Whether a bucket of `before` holds more than it does `now`. */
function fewer(now: Columns, before: Columns): boolean {
  let i = 0
  for (let j = 0; j < before.index.length; j++) {
    while (i < now.index.length && now.index[i]! < before.index[j]!) i++
    if (now.index[i] !== before.index[j]) {
      if (before.count[j] !== 0) return true
    } else if (now.count[i]! < before.count[j]!) return true
  }
  return false
}
