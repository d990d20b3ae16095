import type { FloatHistogram } from '../../model/float-histogram.ts'
import { type Bucket, fractionBelow, negativeBuckets, positiveBuckets, zeroBucket } from './buckets.ts'
import { compact, isCustom } from './layout.ts'

/** What of a bucket is kept, and the value that stands for each observation kept. */
interface Kept {
  readonly count: number
  readonly mean: number
}

const none: Kept = { count: 0, mean: 0 }

type Side = 'below' | 'above'

/** What trimming has to know of the bucket's kind. */
interface Kind {
  readonly linear: boolean
  readonly positive: boolean
}

/**
 * The observations below a bound (`histogram </ bound`), or above it (`>/`). A bucket that the bound cuts keeps the share that interpolation gives it. If anything is
 * cut off, count and sum are estimated anew from the buckets, with the middle of each for its observations; else the histogram stays as it is.
 */
export function trim(histogram: FloatHistogram, bound: number, side: Side): FloatHistogram {
  const custom = isCustom(histogram)
  const positive = trimSide(positiveBuckets(histogram), bound, side, { linear: custom, positive: true }, { count: 0, sum: 0 })
  const negative = trimSide(negativeBuckets(histogram), bound, side, { linear: custom, positive: false }, positive)
  const hasZero = histogram.zeroCount > 0
  const zero = hasZero ? keepOfZero(zeroBucket(histogram), bound, side, negative.populated, positive.populated) : none
  if (!positive.cut && !negative.cut && (!hasZero || zero.count === histogram.zeroCount)) return histogram

  return compact({
    ...histogram,
    count: negative.count + zero.count,
    sum: negative.sum + zero.mean * zero.count,
    zeroCount: hasZero ? zero.count : histogram.zeroCount,
    positiveCounts: positive.counts,
    negativeCounts: negative.counts,
  })
}

interface Totals {
  readonly count: number
  readonly sum: number
}

/** Totals are of all that was trimmed so far: added up in one go, they come near to infinity only where the whole does. */
interface Trimmed extends Totals {
  readonly counts: readonly number[]
  /** Something was in a bucket before. */
  readonly populated: boolean
  readonly cut: boolean
}

function trimSide(buckets: readonly Bucket[], bound: number, side: Side, kind: Kind, before: Totals): Trimmed {
  let { count, sum } = before
  let populated = false
  let cut = false
  const counts = buckets.map(bucket => {
    if (bucket.count === 0) return 0
    populated = true
    const kept = keep(bucket, bound, side, kind)
    count += kept.count
    sum += kept.mean * kept.count
    if (kept.count !== bucket.count) cut = true
    return kept.count
  })
  return { counts, count, sum, populated, cut }
}

function keep(bucket: Bucket, bound: number, side: Side, kind: Kind): Kept {
  const whole = side === 'below' ? bucket.upper <= bound : bucket.lower >= bound
  if (whole) return { count: bucket.count, mean: middle(bucket.lower, bucket.upper, kind) }
  const cut = side === 'below' ? bucket.lower < bound : bucket.upper > bound
  if (!cut) return none
  if (bucket.lower === Number.NEGATIVE_INFINITY) return keepOfLowest(bucket, bound, side)
  if (bucket.upper === Number.POSITIVE_INFINITY) return side === 'below' ? none : { count: bucket.count, mean: bound }
  const below = bucket.count * fractionBelow(bucket, bound, kind.linear)
  return side === 'below'
    ? { count: below, mean: middle(bucket.lower, bound, kind) }
    : { count: bucket.count - below, mean: middle(bound, bucket.upper, kind) }
}

/**
 * Of the bucket that begins at -Inf, which only custom bounds have. Where it ends above zero it is taken to begin at 0, as quantiles take it; else nobody knows
 * where its observations lie: all of them are kept below a bound, and none above it.
 */
function keepOfLowest({ upper, count }: Bucket, bound: number, side: Side): Kept {
  const finite = upper !== Number.POSITIVE_INFINITY
  if (side === 'below') {
    if (bound > 0 && upper > 0 && finite) return { count: (count * bound) / upper, mean: bound / 2 }
    return upper <= 0 ? { count, mean: bound } : none
  }
  return bound >= 0 && finite ? { count: count * (1 - bound / upper), mean: (bound + upper) / 2 } : none
}

/** The zero bucket reaches only to the side where there are other observations, if there are on one. */
function keepOfZero(bucket: Bucket, bound: number, side: Side, hasNegative: boolean, hasPositive: boolean): Kept {
  const lower = hasPositive && !hasNegative ? 0 : bucket.lower
  const upper = hasNegative && !hasPositive ? 0 : bucket.upper
  const all = { count: bucket.count, mean: (lower + upper) / 2 }
  if (bound <= lower) return side === 'below' ? none : all
  if (bound >= upper) return side === 'below' ? all : none
  return side === 'below'
    ? { count: bucket.count * ((bound - lower) / (upper - lower)), mean: (lower + bound) / 2 }
    : { count: bucket.count * ((upper - bound) / (upper - lower)), mean: (bound + upper) / 2 }
}

/** The value that stands for what lies between two bounds: the arithmetic mean of custom ones, else the geometric. An end that is infinite does not count. */
function middle(lower: number, upper: number, { linear, positive }: Kind): number {
  const endless = !Number.isFinite(upper)
  if (!Number.isFinite(lower)) {
    if (endless) return 0
    return upper > 0 ? upper / 2 : upper
  }
  if (endless) return lower
  if (linear) return (lower + upper) / 2
  const mean = Math.sqrt(Math.abs(lower * upper))
  return positive ? mean : -mean
}
