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

function positiveBucket(histogram: FloatHistogram, index: number, count: number): Bucket {
  const custom = isCustom(histogram)
  const lower = bound(histogram, index - 1)
  const upper = bound(histogram, index)
  return { lower, upper, lowerInclusive: custom ? index === 0 : lower < 0, upperInclusive: custom || upper > 0, count }
}

function negativeBucket(histogram: FloatHistogram, index: number, count: number): Bucket {
  const lower = -bound(histogram, index)
  const upper = -bound(histogram, index - 1)
  return { lower, upper, lowerInclusive: lower < 0, upperInclusive: upper > 0, count }
}

/** Buckets above zero (all, of custom ones), ascending, empty ones too. */
export const positiveBuckets = (histogram: FloatHistogram): Bucket[] =>
  histogram.positiveCounts.map((count, at) => positiveBucket(histogram, indexAt(histogram.positiveSpans, at), count))

/** Buckets below zero, from zero downwards, empty ones too. */
export const negativeBuckets = (histogram: FloatHistogram): Bucket[] =>
  histogram.negativeCounts.map((count, at) => negativeBucket(histogram, indexAt(histogram.negativeSpans, at), count))

export function zeroBucket(histogram: FloatHistogram): Bucket {
  const { zeroThreshold, zeroCount } = histogram
  return { lower: -zeroThreshold, upper: zeroThreshold, lowerInclusive: true, upperInclusive: true, count: zeroCount }
}

/**
 * The buckets of a histogram in ascending order, by position, empty ones too but for the zero bucket: those below zero, the zero bucket, those above. Looking at counts makes no
 * bucket, since nearly always one alone is wanted.
 */
export class BucketList {
  readonly #histogram: FloatHistogram
  readonly #below: number
  readonly #zero: number
  readonly length: number

  constructor(histogram: FloatHistogram) {
    this.#histogram = histogram
    this.#below = histogram.negativeCounts.length
    this.#zero = histogram.zeroCount > 0 ? 1 : 0
    this.length = this.#below + this.#zero + histogram.positiveCounts.length
  }

  countAt(position: number): number {
    const { negativeCounts, positiveCounts, zeroCount } = this.#histogram
    const above = position - this.#below - this.#zero
    if (above >= 0) return positiveCounts[above]!
    return position < this.#below ? negativeCounts[this.#below - 1 - position]! : zeroCount
  }

  /** A bucket that the zero bucket reaches into begins where the zero bucket ends. */
  at(position: number): Bucket {
    const histogram = this.#histogram
    const { zeroThreshold } = histogram
    const above = position - this.#below - this.#zero
    if (above >= 0) {
      const bucket = positiveBucket(histogram, indexAt(histogram.positiveSpans, above), histogram.positiveCounts[above]!)
      return bucket.lower > 0 && bucket.lower < zeroThreshold ? { ...bucket, lower: zeroThreshold } : bucket
    }
    if (position >= this.#below) return zeroBucket(histogram)
    const at = this.#below - 1 - position
    const bucket = negativeBucket(histogram, indexAt(histogram.negativeSpans, at), histogram.negativeCounts[at]!)
    return bucket.upper < 0 && bucket.upper > -zeroThreshold ? { ...bucket, upper: -zeroThreshold } : bucket
  }

  *[Symbol.iterator](): Generator<Bucket> {
    for (let position = 0; position < this.length; position++) yield this.at(position)
  }
}

/** Index of the bucket at a position of its side. */
function indexAt(spans: readonly Span[], position: number): number {
  let index = 0
  let left = position
  for (const { offset, length } of spans) {
    index += offset
    if (left < length) return index + left
    index += length
    left -= length
  }
  return index + left
}

/** All buckets as a list. */
export const allBuckets = (histogram: FloatHistogram): Bucket[] => [...new BucketList(histogram)]
