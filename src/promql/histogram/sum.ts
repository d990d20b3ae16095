import type { CounterResetHint, FloatHistogram, Span } from '../../model/float-histogram.ts'
import { exponentialBound } from './buckets.ts'
import { addColumns, addInPlace, type Columns, coarsen, columnsOf, copyColumns, kahan, kahanAdd, rebound, scale } from './columns.ts'
import { isCustom, sameBounds, withBuckets } from './layout.ts'

/**
 * A sum of histograms: what sum, rate, + and - are made of. It takes the lowest resolution, the widest zero bucket and the custom bounds that all have in common, and
 * sums with Kahan's compensation. The histograms that are added are not touched.
 */
export class HistogramSum {
  schema: number
  zeroThreshold: number
  customBounds: readonly number[]
  resetHint: CounterResetHint
  /** Histograms with custom buckets of different bounds have met, and were brought to the bounds they share. */
  reconciled = false
  /** One says there was a counter reset, another there was none. */
  collided = false
  #count: number
  #countLost = 0
  #sum: number
  #sumLost = 0
  #zero: number
  #zeroLost = 0
  #positive: Columns
  #negative: Columns

  constructor(first: FloatHistogram) {
    this.schema = first.schema
    this.zeroThreshold = first.zeroThreshold
    this.customBounds = first.customBounds
    this.resetHint = first.resetHint
    this.#count = first.count
    this.#sum = first.sum
    this.#zero = first.zeroCount
    this.#positive = columnsOf(first.positiveSpans, first.positiveCounts)
    this.#negative = columnsOf(first.negativeSpans, first.negativeCounts)
  }

  copy(): HistogramSum {
    const copy = new HistogramSum(this.#bare())
    copy.reconciled = this.reconciled
    copy.collided = this.collided
    copy.#countLost = this.#countLost
    copy.#sumLost = this.#sumLost
    copy.#zeroLost = this.#zeroLost
    copy.#positive = copyColumns(this.#positive)
    copy.#negative = copyColumns(this.#negative)
    return copy
  }

  #bare(): FloatHistogram {
    return {
      schema: this.schema,
      count: this.#count,
      sum: this.#sum,
      zeroThreshold: this.zeroThreshold,
      zeroCount: this.#zero,
      positiveSpans: [],
      positiveCounts: [],
      negativeSpans: [],
      negativeCounts: [],
      customBounds: this.customBounds,
      resetHint: this.resetHint,
    }
  }

  /** Adds `factor` times a histogram. False, and nothing is added, where one has exponential and the other custom buckets. */
  add(other: FloatHistogram, factor = 1): boolean {
    const custom = isCustom(other)
    if (custom !== isCustom(this)) return false
    this.#adjustHint(other.resetHint)
    kahanAdd(this.#count, this.#countLost, factor * other.count)
    this.#count = kahan.sum
    this.#countLost = kahan.lost
    kahanAdd(this.#sum, this.#sumLost, factor * other.sum)
    this.#sum = kahan.sum
    this.#sumLost = kahan.lost
    if (custom) this.#addCustom(other, factor)
    else this.#addExponential(other, factor)
    return true
  }

  /** Brings the sum to a lower resolution. */
  reduceTo(schema: number): void {
    if (schema >= this.schema) return
    coarsen(this.#positive, this.schema - schema)
    coarsen(this.#negative, this.schema - schema)
    this.schema = schema
  }

  /** Multiplies every number by `factor / divisor`; the two are apart so that a whole divisor rounds but once. */
  scale(factor: number, divisor = 1): void {
    this.#count = (this.#count * factor) / divisor
    this.#countLost = (this.#countLost * factor) / divisor
    this.#sum = (this.#sum * factor) / divisor
    this.#sumLost = (this.#sumLost * factor) / divisor
    this.#zero = (this.#zero * factor) / divisor
    this.#zeroLost = (this.#zeroLost * factor) / divisor
    scale(this.#positive, factor, divisor)
    scale(this.#negative, factor, divisor)
  }

  get overflowed(): boolean {
    const infinite = (x: number): boolean => x === Number.POSITIVE_INFINITY || x === Number.NEGATIVE_INFINITY
    return (
      infinite(this.#count) ||
      infinite(this.#sum) ||
      infinite(this.#zero) ||
      this.#positive.count.some(infinite) ||
      this.#negative.count.some(infinite)
    )
  }

  /** The sum so far divided by `divisor`, without empty buckets. */
  value(divisor = 1): FloatHistogram {
    const totals = {
      ...this.#bare(),
      count: this.#count / divisor + this.#countLost / divisor,
      sum: this.#sum / divisor + this.#sumLost / divisor,
      zeroCount: this.#zero / divisor + this.#zeroLost / divisor,
    }
    return withBuckets(totals, rounded(this.#positive, divisor), rounded(this.#negative, divisor))
  }

  /** Of a counter and a gauge the sum is a gauge, of something unknown and a counter unknown; reset and no reset contradict each other. */
  #adjustHint(hint: CounterResetHint): void {
    if (hint === this.resetHint || this.resetHint === 'gauge') return
    if (hint === 'gauge') {
      this.resetHint = 'gauge'
      return
    }
    if (hint !== 'unknown' && this.resetHint !== 'unknown') this.collided = true
    this.resetHint = 'unknown'
  }

  #addCustom(other: FloatHistogram, factor: number): void {
    if (sameBounds(this.customBounds, other.customBounds)) {
      if (addInPlace(this.#positive, other.positiveSpans, other.positiveCounts, factor)) return
      addColumns(this.#positive, columnsOf(other.positiveSpans, other.positiveCounts), factor)
      return
    }
    this.reconciled = true
    const shared = sharedBounds(this.customBounds, other.customBounds)
    const columns = columnsOf(other.positiveSpans, other.positiveCounts)
    rebound(this.#positive, this.customBounds, shared)
    rebound(columns, other.customBounds, shared)
    addColumns(this.#positive, columns, factor)
    this.customBounds = shared
  }

  #addExponential(other: FloatHistogram, factor: number): void {
    const zero = this.#reconcileZero(other)
    kahanAdd(this.#zero, this.#zeroLost, factor * zero.count)
    kahanAdd(kahan.sum, kahan.lost, factor * zero.lost)
    this.#zero = kahan.sum
    this.#zeroLost = kahan.lost
    if (other.schema < this.schema) this.reduceTo(other.schema)
    this.#addSide(this.#positive, other.positiveSpans, other.positiveCounts, other.schema, factor)
    this.#addSide(this.#negative, other.negativeSpans, other.negativeCounts, other.schema, factor)
  }

  /** Buckets that end within the zero bucket, at the resolution of the sum, are left out: they are counted there. */
  #addSide(columns: Columns, spans: readonly Span[], counts: readonly number[], schema: number, factor: number): void {
    if (counts.length === 0) return
    const clear = exponentialBound(spans[0]!.offset, schema) > this.zeroThreshold
    if (clear && schema === this.schema && addInPlace(columns, spans, counts, factor)) return
    const other = columnsOf(spans, counts)
    // As Prometheus does: of a finer bucket that a coarser one takes beyond the zero bucket both hold what it holds.
    if (schema > this.schema) coarsen(other, schema - this.schema)
    dropWithin(other, this.schema, this.zeroThreshold)
    addColumns(columns, other, factor)
  }

  /** Widens the zero buckets until both have the same width and neither ends within a populated bucket. Returns the zero count that `other` then has. */
  #reconcileZero(other: FloatHistogram): ZeroBucket {
    const mine: Sides = { schema: this.schema, positive: this.#positive, negative: this.#negative }
    let zero: ZeroBucket = { threshold: other.zeroThreshold, count: other.zeroCount, lost: 0 }
    if (zero.threshold === this.zeroThreshold) return zero
    const original = zero
    const theirs = sidesOf(other)
    while (zero.threshold !== this.zeroThreshold) {
      if (this.zeroThreshold > zero.threshold) zero = widened(original, theirs, this.zeroThreshold)
      if (zero.threshold > this.zeroThreshold) {
        const wider = widened({ threshold: this.zeroThreshold, count: this.#zero, lost: this.#zeroLost }, mine, zero.threshold)
        this.zeroThreshold = wider.threshold
        this.#zero = wider.count
        this.#zeroLost = wider.lost
        dropWithin(mine.positive, mine.schema, this.zeroThreshold)
        dropWithin(mine.negative, mine.schema, this.zeroThreshold)
      }
    }
    return zero
  }
}

export interface ZeroBucket {
  readonly threshold: number
  readonly count: number
  readonly lost: number
}

/** The buckets of both sides. */
export interface Sides {
  readonly schema: number
  readonly positive: Columns
  readonly negative: Columns
}

export const sidesOf = (histogram: FloatHistogram): Sides => ({
  schema: histogram.schema,
  positive: columnsOf(histogram.positiveSpans, histogram.positiveCounts),
  negative: columnsOf(histogram.negativeSpans, histogram.negativeCounts),
})

/**
 * The zero bucket if it were as wide as `threshold`, with what the buckets within it hold. Where `threshold` lies within a populated bucket, that bucket is taken
 * whole and the threshold returned is its far bound.
 */
export function widened(zero: ZeroBucket, { schema, positive, negative }: Sides, threshold: number): ZeroBucket {
  if (threshold === zero.threshold) return zero
  let wanted = threshold
  for (;;) {
    const up = swallowed(zero, positive, schema, wanted)
    const down = swallowed(up, negative, schema, up.threshold)
    if (down.threshold === up.threshold) return down
    // The negative side has moved the threshold, so the positive side is to be asked again.
    wanted = down.threshold
  }
}

/** `zero` with the buckets of one side that begin below `threshold`. */
function swallowed(zero: ZeroBucket, { index, count, lost }: Columns, schema: number, threshold: number): ZeroBucket {
  kahan.sum = zero.count
  kahan.lost = zero.lost
  for (let i = 0; i < index.length; i++) {
    if (exponentialBound(index[i]! - 1, schema) >= threshold) break
    kahanAdd(kahan.sum, kahan.lost, count[i]!)
    kahanAdd(kahan.sum, kahan.lost, lost[i]!)
    const upper = exponentialBound(index[i]!, schema)
    if (upper <= threshold) continue
    return { threshold: count[i] === 0 ? threshold : upper, count: kahan.sum, lost: kahan.lost }
  }
  return { threshold, count: kahan.sum, lost: kahan.lost }
}

/** Takes out the buckets that end within a zero bucket. Widening has seen to it that none that is populated ends beyond it and begins within. */
export function dropWithin(columns: Columns, schema: number, threshold: number): void {
  const { index } = columns
  let from = 0
  while (from < index.length && exponentialBound(index[from]!, schema) <= threshold) from++
  if (from === 0) return
  for (const column of [columns.index, columns.count, columns.lost]) column.splice(0, from)
  columns.spans = undefined
}

/** Whether it has a bucket that ends within its zero bucket: such a one is not looked at where histograms are added to others or compared. */
export function reachesIntoZero({ schema, zeroThreshold, positiveSpans, negativeSpans }: FloatHistogram): boolean {
  if (zeroThreshold === 0) return false
  return [positiveSpans, negativeSpans].some(([first]) => first !== undefined && exponentialBound(first.offset, schema) <= zeroThreshold)
}

/** Bounds that both have; both are ascending. */
export function sharedBounds(a: readonly number[], b: readonly number[]): number[] {
  const shared: number[] = []
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    if (a[i] === b[j]) {
      shared.push(a[i]!)
      i++
      j++
    } else if (a[i]! < b[j]!) i++
    else j++
  }
  return shared
}

function rounded({ index, count, lost }: Columns, divisor: number): { index: number[]; count: number[] } {
  const kept: { index: number[]; count: number[] } = { index: [], count: [] }
  for (let i = 0; i < index.length; i++) {
    const total = count[i]! / divisor + lost[i]! / divisor
    if (total === 0) continue
    kept.index.push(index[i]!)
    kept.count.push(total)
  }
  return kept
}
