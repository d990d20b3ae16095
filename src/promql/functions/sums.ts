import { histogramsOverTime } from '../histogram/over-time.ts'
import type { MutableRow, WindowFunction } from '../kernel.ts'
import { FLOAT } from '../value.ts'
import { SlidingSum, slidingCapacity } from './sliding-sum.ts'
import { type Floats, refuseMixed, split } from './split.ts'
import { noteTier, shareOfBucket } from './tiers.ts'

/**
 * sum_over_time and avg_over_time, with the compensated summation of Kahan in Neumaier's form: `lost` is what the sum had no digits for.
 * Short windows are summed anew, each in the order of its samples; long ones that overlap slide.
 */
export const sumOverTime: WindowFunction = {
  kind: 'window',
  dropName: true,
  run(windows, out, cx) {
    const { floats, histograms } = refuseMixed(windows, split(windows), cx)
    if (histograms !== undefined) histogramsOverTime('sum', histograms, windows, out, cx)
    sums(floats.tier?.sum ?? floats.value, floats, out)
    const share = shareOfBucket(windows)
    if (share < 1) for (let step = 0; step < out.value.length; step++) out.value[step]! *= share
    noteTier('sum_over_time', windows, cx, true)
  },
}

export const avgOverTime: WindowFunction = {
  kind: 'window',
  dropName: true,
  run(windows, out, cx) {
    const { floats, histograms } = refuseMixed(windows, split(windows), cx)
    if (histograms !== undefined) histogramsOverTime('avg', histograms, windows, out, cx)
    if (floats.tier === undefined) averages(floats, out)
    else {
      sums(floats.tier.sum, floats, out)
      divideByCounts(floats.tier.count, floats, out)
    }
    noteTier('avg_over_time', windows, cx, true)
  },
}

function sums(value: Float64Array, { lo, hi }: Floats, out: MutableRow): void {
  const capacity = slidingCapacity(value, lo, hi)
  if (capacity !== undefined) {
    slide(new SlidingSum(value, capacity), lo, hi, out, false)
    return
  }
  for (let step = 0; step < lo.length; step++) {
    const end = hi[step]!
    if (end <= lo[step]!) continue
    let sum = 0
    let lost = 0
    for (let i = lo[step]!; i < end; i++) {
      const x = value[i]!
      const next = sum + x
      if (next === Number.POSITIVE_INFINITY || next === Number.NEGATIVE_INFINITY) lost = 0
      else if (Math.abs(sum) >= Math.abs(x)) lost += sum - next + x
      else lost += x - next + sum
      sum = next
    }
    out.kind[step] = FLOAT
    out.value[step] = sum + lost
  }
}

function slide(window: SlidingSum, lo: Int32Array, hi: Int32Array, out: MutableRow, average: boolean): void {
  for (let step = 0; step < lo.length; step++) {
    const count = hi[step]! - lo[step]!
    if (count <= 0) continue
    window.moveTo(lo[step]!, hi[step]!)
    out.kind[step] = FLOAT
    out.value[step] = average ? window.sum / count + window.lost / count : window.sum + window.lost
  }
}

function averages({ value, lo, hi }: Floats, out: MutableRow): void {
  const capacity = slidingCapacity(value, lo, hi)
  if (capacity !== undefined) {
    slide(new SlidingSum(value, capacity), lo, hi, out, true)
    return
  }
  for (let step = 0; step < lo.length; step++) {
    const begin = lo[step]!
    const end = hi[step]!
    if (end <= begin) continue
    let sum = value[begin]!
    let lost = 0
    let i = begin + 1
    for (; i < end; i++) {
      const x = value[i]!
      const next = sum + x
      if (next === Number.POSITIVE_INFINITY || next === Number.NEGATIVE_INFINITY) break
      lost += Math.abs(sum) >= Math.abs(x) ? sum - next + x : x - next + sum
      sum = next
    }
    out.kind[step] = FLOAT
    const count = i - begin
    out.value[step] = i === end ? sum / count + lost / count : meanFrom(sum / count, lost / count, value, begin, i, end)
  }
}

/** Goes on from the mean of the values before `i`, one by one: what a sum too large for a float is averaged by. */
function meanFrom(mean: number, lost: number, value: Float64Array, begin: number, i: number, end: number): number {
  for (; i < end; i++) {
    const count = i - begin + 1
    const weight = (count - 1) / count
    const old = weight * mean
    const x = value[i]! / count
    mean = old + x
    lost *= weight
    if (mean === Number.POSITIVE_INFINITY || mean === Number.NEGATIVE_INFINITY) lost = 0
    else lost += Math.abs(old) >= Math.abs(x) ? old - mean + x : x - mean + old
  }
  return mean + lost
}

function divideByCounts(counts: Float64Array, { lo, hi }: Floats, out: MutableRow): void {
  for (let step = 0; step < lo.length; step++) {
    let count = 0
    for (let i = lo[step]!; i < hi[step]!; i++) count += counts[i]!
    out.value[step]! /= count
  }
}
