import type { FloatHistogram } from '../../model/float-histogram.ts'
import { type Bucket, BucketList, fractionBelow } from './buckets.ts'
import { kahan, kahanAdd } from './columns.ts'
import { isCustom } from './layout.ts'

/** What NaN among the observations does to a quantile: it counts as above every bucket, so that the result is NaN or `skewed` upwards. */
export type NaNObservations = 'nan' | 'skewed'

export interface Quantile {
  readonly value: number
  readonly nan: NaNObservations | undefined
}

const plain = (value: number): Quantile => ({ value, nan: undefined })

/**
 * The value below which the share `q` of the observations lies, interpolated within its bucket: exponentially, as if finer buckets were filled evenly, or linearly in custom
 * buckets and in the zero bucket. NaN without observations, ∓Inf where q is below 0 or above 1.
 */
export function histogramQuantile(q: number, histogram: FloatHistogram): Quantile {
  if (q < 0) return plain(Number.NEGATIVE_INFINITY)
  if (q > 1) return plain(Number.POSITIVE_INFINITY)
  if (histogram.count === 0 || Number.isNaN(q)) return plain(Number.NaN)

  const hasNaN = Number.isNaN(histogram.sum)
  // From the nearer end fewer counts are added up. NaN is in no bucket but in the count, as if at the upper end, so that only the lower end can be counted from.
  const upwards = hasNaN || q < 0.5
  const buckets = new BucketList(histogram)
  const rank = (upwards ? q : 1 - q) * histogram.count
  const { at, counted } = upwards ? findUpwards(buckets, rank) : findDownwards(buckets, rank)
  const bucket = boundedQuantile(buckets.length === 0 ? nothing : buckets.at(at), histogram)
  if (typeof bucket === 'number') return plain(bucket)
  // Rounding can take the sum of the buckets past the count.
  const count = Math.min(counted, histogram.count)
  if (count < rank) return hasNaN ? { value: Number.NaN, nan: 'nan' } : plain(bucket.upper)

  const within = upwards ? rank - (count - bucket.count) : count - rank
  // As Prometheus does: having counted on to the last bucket it interpolates in that one.
  const last = hasNaN && at + 1 < buckets.length ? buckets.at(buckets.length - 1) : bucket
  const nan = hasNaN && sumOf(buckets, at + 1, count) < histogram.count ? 'skewed' : undefined
  return { value: interpolate(last, within / last.count, isCustom(histogram)), nan }
}

interface Found {
  readonly at: number
  readonly counted: number
}

/** Position of the bucket with which the counts from below reach `rank`, or of the last; what has been counted then. */
function findUpwards(buckets: BucketList, rank: number): Found {
  let counted = 0
  for (let at = 0; at < buckets.length; at++) {
    const count = buckets.countAt(at)
    if (count === 0) continue
    counted += count
    if (counted >= rank) return { at, counted }
  }
  return { at: buckets.length - 1, counted }
}

/** The same from above. */
function findDownwards(buckets: BucketList, rank: number): Found {
  let counted = 0
  for (let at = buckets.length - 1; at >= 0; at--) {
    const count = buckets.countAt(at)
    if (count === 0) continue
    counted += count
    if (counted >= rank) return { at, counted }
  }
  return { at: 0, counted }
}

/** Stands for the buckets of a histogram that has observations but no bucket. */
const nothing: Bucket = { lower: 0, upper: 0, lowerInclusive: true, upperInclusive: true, count: 0 }

/** The bucket as it is interpolated in; or the quantile itself where a bucket without an end leaves only its other bound. */
function boundedQuantile(bucket: Bucket, histogram: FloatHistogram): Bucket | number {
  if (!isCustom(histogram)) return withZeroBound(bucket, histogram, bucket.lower < 0 && bucket.upper > 0)
  if (bucket.lower === Number.NEGATIVE_INFINITY) return bucket.upper <= 0 ? bucket.upper : { ...bucket, lower: 0 }
  return bucket.upper === Number.POSITIVE_INFINITY ? bucket.lower : bucket
}

/** The zero bucket of a histogram whose other observations all lie on one side of zero reaches to that side only. */
function withZeroBound(bucket: Bucket, { negativeCounts, positiveCounts }: FloatHistogram, isZeroBucket: boolean): Bucket {
  if (!isZeroBucket) return bucket
  if (negativeCounts.length === 0 && positiveCounts.length > 0) return { ...bucket, lower: 0 }
  if (positiveCounts.length === 0 && negativeCounts.length > 0) return { ...bucket, upper: 0 }
  return bucket
}

function interpolate({ lower, upper }: Bucket, fraction: number, custom: boolean): number {
  if (custom || (lower <= 0 && upper >= 0)) return lower + (upper - lower) * fraction
  const from = Math.log2(Math.abs(lower))
  const to = Math.log2(Math.abs(upper))
  return lower > 0 ? 2 ** (from + (to - from) * fraction) : -(2 ** (to + (from - to) * (1 - fraction)))
}

function sumOf(buckets: BucketList, from: number, start: number): number {
  let sum = start
  for (let i = from; i < buckets.length; i++) sum += buckets.countAt(i)
  return sum
}

export interface Fraction {
  readonly value: number
  /** There are NaN observations, which belong to no interval. */
  readonly hasNaN: boolean
}

/** The share of the observations between two values, interpolated as quantiles are. NaN without observations, 0 where `lower` is not below `upper`. */
export function histogramFraction(lower: number, upper: number, histogram: FloatHistogram): Fraction {
  if (histogram.count === 0 || Number.isNaN(lower) || Number.isNaN(upper)) return { value: Number.NaN, hasNaN: false }
  if (lower >= upper) return { value: 0, hasNaN: false }
  const buckets = new BucketList(histogram)
  const counted = Number.isNaN(histogram.sum) ? sumOf(buckets, 0, 0) : histogram.count
  const below = (value: number): number => Math.min(rankOf(value, buckets, histogram) ?? counted, counted)
  return { value: (below(upper) - below(lower)) / histogram.count, hasNaN: counted < histogram.count }
}

/** How many observations lie below `value`; undefined where it is above all buckets. */
function rankOf(value: number, buckets: BucketList, histogram: FloatHistogram): number | undefined {
  const custom = isCustom(histogram)
  let rank = 0
  for (const each of buckets) {
    const isZeroBucket = each.lower <= 0 && each.upper >= 0
    const bucket = withZeroBound(each, histogram, isZeroBucket)
    if (bucket.lower >= value) return rank
    if (bucket.upper > value) {
      // Nobody knows where in an endless bucket observations lie: the lowest counts as a whole, the highest not at all.
      if (bucket.lower === Number.NEGATIVE_INFINITY) return bucket.count
      return rank + bucket.count * fractionBelow(bucket, value, custom || isZeroBucket)
    }
    rank += bucket.count
  }
  return undefined
}

/** Population variance, with the middle of each bucket for its observations: the geometric mean of its bounds, the arithmetic of custom ones, 0 of the zero bucket. */
export function histogramVariance(histogram: FloatHistogram): number {
  const mean = histogram.sum / histogram.count
  const custom = isCustom(histogram)
  kahan.sum = 0
  kahan.lost = 0
  for (const bucket of new BucketList(histogram)) {
    if (bucket.count === 0) continue
    const distance = middle(bucket, custom) - mean
    kahanAdd(kahan.sum, kahan.lost, bucket.count * distance * distance)
  }
  return (kahan.sum + kahan.lost) / histogram.count
}

function middle({ lower, upper }: Bucket, custom: boolean): number {
  if (custom) return (upper + lower) / 2
  if (lower <= 0 && upper >= 0) return 0
  const mean = Math.sqrt(upper * lower)
  return upper < 0 ? -mean : mean
}

/** What histogram_count, histogram_sum and the like are of one histogram. */
export const statistics = {
  histogram_count: ({ count }: FloatHistogram): number => count,
  histogram_sum: ({ sum }: FloatHistogram): number => sum,
  histogram_avg: ({ sum, count }: FloatHistogram): number => sum / count,
  histogram_stddev: (histogram: FloatHistogram): number => Math.sqrt(histogramVariance(histogram)),
  histogram_stdvar: histogramVariance,
} as const
