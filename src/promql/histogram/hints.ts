import type { CounterResetHint, FloatHistogram } from '../../model/float-histogram.ts'
import { isCustom, sameBounds } from './layout.ts'
import { anythingFewer, detectReset } from './reset.ts'
import { emptyHistogram } from './text.ts'

/**
 * The hint with which Prometheus's storage gives back a histogram that was appended after another one: `not_reset` where the two fit into one chunk, which holds counters of
 * one shape that only grow, `unknown` where a chunk has to begin. A gauge stays one; whoever appends `reset` begins a chunk.
 * @param previous the sample before in the series, as it was appended; undefined where there is none or it is no histogram
 */
export function storedHint(current: FloatHistogram, previous: FloatHistogram | undefined): CounterResetHint {
  if (current.resetHint === 'gauge') return 'gauge'
  return previous !== undefined && continues(current, previous) ? 'not_reset' : 'unknown'
}

function continues(current: FloatHistogram, previous: FloatHistogram): boolean {
  return (
    current.resetHint !== 'reset' &&
    previous.resetHint !== 'gauge' &&
    current.schema === previous.schema &&
    current.zeroThreshold === previous.zeroThreshold &&
    (!isCustom(current) || sameBounds(current.customBounds, previous.customBounds)) &&
    !anythingFewer(current, previous)
  )
}

/**
 * What those get who ask for counts and sums alone (histogram_count, histogram_sum, histogram_avg): histograms without buckets. Since resets could not be found later, they are
 * found now, and so a sum of such series can tell that resets collide.
 * @param histograms [samples] of one series, as read
 */
export function withoutBuckets(histograms: readonly (FloatHistogram | undefined)[]): (FloatHistogram | undefined)[] {
  let previous: FloatHistogram | undefined
  return histograms.map(histogram => {
    if (histogram === undefined) return undefined
    const before = previous
    previous = histogram
    const { schema, count, sum, resetHint } = histogram
    if (resetHint !== 'unknown' || before === undefined) return { ...emptyHistogram, schema, count, sum, resetHint }
    return { ...emptyHistogram, schema, count, sum, resetHint: detectReset(histogram, before) ? 'reset' : 'not_reset' }
  })
}
