/**
 * Samples to buckets: what a coarser tier keeps. A bucket is left-open, (end - step, end], its time is its end and its value its last sample;
 * beside it stand the first, least, largest, sum and count of its numbers, and how much a counter has grown since the last
 * sample of the bucket before: v - before, or v where it is less, for then the counter has begun anew.
 */
import type { SampleColumns } from './chunk.ts'
import { appendOne } from './head.ts'

/** In the order of `aggregateNames`. */
const FIRST = 0
const MIN = 1
const MAX = 2
const SUM = 3
const COUNT = 4
const INCREASE = 5

/**
 * Appends buckets to `into`.
 * @param before the last number there was before, NaN where there is none: the first sample is then no increase
 * @param until epoch ms: a bucket that ends later has the time of its last sample, so that what is new can be seen
 */
export function thin(samples: SampleColumns, step: number, before: number, into: SampleColumns, until = Number.POSITIVE_INFINITY): void {
  into.beginAggregates()
  let last = before
  let known = !Number.isNaN(before)
  for (let i = 0; i < samples.length; ) {
    const end = bucketEnd(samples.time[i]!, step)
    const from = i
    while (i < samples.length && samples.time[i]! <= end) i++
    appendOne(samples, i - 1, into)
    const at = into.length - 1
    const columns = into.beginAggregates()
    into.time[at] = end <= until ? end : samples.time[i - 1]!
    const bucket = { first: Number.NaN, min: Number.NaN, max: Number.NaN, sum: 0, count: 0, increase: 0 }
    let lost = 0
    // Decimals are added as decimals: what comes out is one again, and compresses as such.
    const power = powerFor(samples, from, i, known ? last : 0)
    for (let k = from; k < i; k++) {
      if (samples.histograms?.[k] !== undefined || samples.isStale(k)) continue
      const value = samples.value[k]!
      if (bucket.count === 0) bucket.first = value
      if (!(bucket.min <= value)) bucket.min = Number.isNaN(value) ? bucket.min : value
      if (!(bucket.max >= value)) bucket.max = Number.isNaN(value) ? bucket.max : value
      // Neumaier: what an addition loses is kept beside the sum, as Prometheus does over time.
      const sum = bucket.sum + value
      if (Number.isFinite(sum)) lost += Math.abs(bucket.sum) >= Math.abs(value) ? bucket.sum - sum + value : value - sum + bucket.sum
      bucket.sum = sum
      bucket.count++
      if (known)
        bucket.increase +=
          value < last ? value : power === 0 ? value - last : (Math.round(value * power) - Math.round(last * power)) / power
      last = value
      known = true
    }
    columns[FIRST]![at] = bucket.first
    columns[MIN]![at] = bucket.min
    columns[MAX]![at] = bucket.max
    columns[SUM]![at] = snapped(bucket.sum + lost, power)
    columns[COUNT]![at] = bucket.count
    columns[INCREASE]![at] = snapped(bucket.increase, power)
  }
}

/** Sums of numbers with so many places have no more of them; what is over is what doubles cannot hold. */
const snapped = (sum: number, power: number): number => (power <= 1 || !(Math.abs(sum) < 2 ** 30) ? sum : Math.round(sum * power) / power)

/** The least power of ten, up to 10^4, that makes whole numbers of all of them; 0: none does. */
function powerFor(samples: SampleColumns, from: number, to: number, last: number): number {
  let power = 1
  const fits = (value: number): boolean => {
    while (Math.round(value * power) / power !== value) {
      if (power >= 1e4) return false
      power *= 10
    }
    return Math.abs(value) < 2 ** 30
  }
  if (!fits(last)) return 0
  for (let i = from; i < to; i++) {
    if (samples.histograms?.[i] !== undefined || samples.isStale(i)) continue
    if (!fits(samples.value[i]!)) return 0
  }
  return power
}

export const bucketEnd = (time: number, step: number): number => Math.ceil(time / step) * step

/** The last number; NaN where there is none. */
export function lastNumber(samples: SampleColumns): number {
  for (let i = samples.length - 1; i >= 0; i--) if (samples.histograms?.[i] === undefined && !samples.isStale(i)) return samples.value[i]!
  return Number.NaN
}
