import type { FloatHistogram, Span } from '../../model/float-histogram.ts'
import { isCustom } from './layout.ts'

/** One bucket with its bounds. Those of the zero bucket are both inclusive. */
export interface Bucket {
  readonly lower: number
  readonly upper: number
  readonly lowerInclusive: boolean
  readonly upperInclusive: boolean
  readonly count: number
}

/**
 * How far Prometheus's bounds between 1 and 2 lie below the nearest double to 2^(i/256), in units of the last place (`+`: one above). Clients and servers have the bounds
 * as a table, whose last digits are part of what a bound is: buckets are named by them.
 */
const below =
  '00000010001000000012001111111111001000100111001100110+1100110011' +
  '0000001111221021001000100001000000010+00102200110111001010221111' +
  '1010112211211011111111212122212200110010112210221122101121221121' +
  '1132112122322232222222333344324311211222213311222132112222432233'

/** Bounds between 1 and 2 at schema 8, of which lower schemas have every second, fourth, … */
const fractions = Float64Array.from(below, (digit, i) => 2 ** (i / 256) - (digit === '+' ? -1 : Number(digit)) * Number.EPSILON)

/**
 * Upper bound of bucket `index` of an exponential schema up to 8, in absolute values: 2^(index · 2^-schema). The last finite bucket ends at the largest
 * double instead of infinity, which has a bucket of its own.
 */
export function exponentialBound(index: number, schema: number): number {
  const perDoubling = 2 ** schema
  const whole = Math.floor(index / perDoubling)
  const part = index - whole * perDoubling
  if (part === 0 && whole === 1024) return Number.MAX_VALUE
  const fraction = part === 0 ? 1 : fractions[part * 2 ** (8 - schema)]!
  // 2^whole alone is rounded to 0 long before the product is.
  return whole < -1000 ? fraction * 2 ** -1000 * 2 ** (whole + 1000) : fraction * 2 ** whole
}

/** Upper bound of custom bucket `index`; below the first it is -Inf, after the last bound +Inf. */
export function customBound(index: number, bounds: readonly number[]): number {
  return index < 0 ? Number.NEGATIVE_INFINITY : (bounds[index] ?? Number.POSITIVE_INFINITY)
}

function bound(histogram: FloatHistogram, index: number): number {
  return isCustom(histogram) ? customBound(index, histogram.customBounds) : exponentialBound(index, histogram.schema)
}

/**
 * Share of a bucket's width that lies below `value`, which is strictly within its bounds. Exponential buckets are measured on a logarithmic scale, on which all have the same
 * width; custom ones and the zero bucket linearly.
 */
export function fractionBelow({ lower, upper }: Bucket, value: number, linear: boolean): number {
  if (linear) return (value - lower) / (upper - lower)
  const from = Math.log2(Math.abs(lower))
  const to = Math.log2(Math.abs(upper))
  const at = Math.log2(Math.abs(value))
  return value > 0 ? (at - from) / (to - from) : 1 - (at - to) / (from - to)
}

function each(spans: readonly Span[], visit: (index: number, at: number) => void): void {
  let index = 0
  let at = 0
  for (const span of spans) {
    index += span.offset
    for (let i = 0; i < span.length; i++) visit(index++, at++)
  }
}

/** Buckets above zero (all, of custom ones), ascending, empty ones too. */
export function positiveBuckets(histogram: FloatHistogram): Bucket[] {
  const buckets: Bucket[] = []
  const custom = isCustom(histogram)
  each(histogram.positiveSpans, (index, at) => {
    const lower = bound(histogram, index - 1)
    const upper = bound(histogram, index)
    buckets.push({
      lower,
      upper,
      lowerInclusive: custom ? index === 0 : lower < 0,
      upperInclusive: custom || upper > 0,
      count: histogram.positiveCounts[at] ?? 0,
    })
  })
  return buckets
}

/** Buckets below zero, from zero downwards, empty ones too. */
export function negativeBuckets(histogram: FloatHistogram): Bucket[] {
  const buckets: Bucket[] = []
  each(histogram.negativeSpans, (index, at) => {
    const lower = -bound(histogram, index)
    const upper = -bound(histogram, index - 1)
    const count = histogram.negativeCounts[at] ?? 0
    buckets.push({ lower, upper, lowerInclusive: lower < 0, upperInclusive: upper > 0, count })
  })
  return buckets
}

export function zeroBucket(histogram: FloatHistogram): Bucket {
  const { zeroThreshold, zeroCount } = histogram
  return { lower: -zeroThreshold, upper: zeroThreshold, lowerInclusive: true, upperInclusive: true, count: zeroCount }
}

/**
 * All buckets, ascending, empty ones too but for the zero bucket. One that the zero bucket reaches into begins where the zero bucket ends.
 */
export function allBuckets(histogram: FloatHistogram): Bucket[] {
  const { zeroThreshold } = histogram
  const buckets: Bucket[] = []
  const cut = (bucket: Bucket): Bucket => {
    if (bucket.upper < 0 && bucket.upper > -zeroThreshold) return { ...bucket, upper: -zeroThreshold }
    if (bucket.lower > 0 && bucket.lower < zeroThreshold) return { ...bucket, lower: zeroThreshold }
    return bucket
  }
  const below = negativeBuckets(histogram)
  for (let i = below.length - 1; i >= 0; i--) buckets.push(cut(below[i]!))
  if (histogram.zeroCount > 0) buckets.push(zeroBucket(histogram))
  for (const bucket of positiveBuckets(histogram)) buckets.push(cut(bucket))
  return buckets
}
