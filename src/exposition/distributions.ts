/** The last point of a histogram, an exponential histogram or a summary, or the sum of its deltas. Bounded: what is added up is never wider. */

import type { MetricBatch } from '../model/batch.ts'
import type { Dictionary } from '../model/dictionary.ts'
import { coarser, maxSchema, minSchema, type Side, width } from './exponential.ts'
import type { ExponentialBuckets, Row } from './families.ts'

const none = new Float64Array(0)

/** [ms] a dictionary may give an id of bounds to other bounds when nobody has used it for ten minutes; half of that is safe */
const boundsMayChangeMs = 5 * 60_000

export class HistogramState {
  readonly delta: boolean
  #count = 0
  #sum = 0
  #buckets: Float64Array = none
  #bounds: Float64Array = none
  /** bounds that do not ascend are not shown, and so no buckets but +Inf */
  bounds: Float64Array = none
  #boundsId = -1
  #boundsOf: Dictionary | undefined
  #boundsAt = Number.NEGATIVE_INFINITY

  constructor(delta: boolean) {
    this.delta = delta
  }

  /** `goesOn`: may a delta be added to what is here? @returns whether it was */
  take({ histograms, buckets, dictionary }: MetricBatch, i: number, goesOn: boolean, nowMs: number): boolean {
    const from = histograms.bucketsFrom[i]!
    const length = histograms.bucketsLength[i]!
    const sameBounds = this.#useBounds(dictionary, histograms.bounds[i]!, nowMs)
    const adds = this.delta && goesOn && sameBounds && this.#buckets.length === length
    if (this.#buckets.length !== length) this.#buckets = new Float64Array(length)
    const old = adds ? 1 : 0
    this.#count = histograms.count[i]! + old * this.#count
    this.#sum = adds ? this.#sum + histograms.sum[i]! : histograms.sum[i]!
    for (let k = 0; k < length; k++) this.#buckets[k] = buckets[from + k]! + old * this.#buckets[k]!
    return adds
  }

  /** @returns whether the bounds are what they were */
  #useBounds(dictionary: Dictionary, id: number, nowMs: number): boolean {
    const sameId = id === this.#boundsId && dictionary === this.#boundsOf && nowMs - this.#boundsAt < boundsMayChangeMs
    this.#boundsAt = nowMs
    if (sameId) return true
    const bounds = id < 0 ? none : dictionary.bounds(id)
    const same = bounds.length === this.#bounds.length && bounds.every((bound, k) => bound === this.#bounds[k])
    this.#boundsId = id
    this.#boundsOf = dictionary
    if (!same) {
      this.#bounds = bounds
      this.bounds = ascends(bounds) ? bounds : none
    }
    return same
  }

  show(row: Row): void {
    row.shape = 'histogram'
    row.count = this.#count
    row.sum = this.#sum
    row.bounds = this.bounds
    row.buckets = this.#buckets
  }
}

const ascends = (bounds: Float64Array): boolean => bounds.every((bound, k) => Number.isFinite(bound) && (k === 0 || bound > bounds[k - 1]!))

/** [buckets] of one side that deltas may add up to; more are merged to a coarser scale. What SDKs use by default. */
const maxBuckets = 160

export class ExponentialState implements ExponentialBuckets {
  readonly delta: boolean
  #count = 0
  #sum = 0
  scale = 0
  zeroCount = 0
  zeroThreshold = 0
  positiveOffset = 0
  positive: ArrayLike<number> = none
  negativeOffset = 0
  negative: ArrayLike<number> = none

  constructor(delta: boolean) {
    this.delta = delta
  }

  /** Prometheus has no schema coarser than that. */
  fits(scale: number): boolean {
    return scale >= minSchema
  }

  take(batch: MetricBatch, i: number, goesOn: boolean): boolean {
    const rows = batch.exponentials
    const adds = this.delta && goesOn
    this.#count = rows.count[i]! + (adds ? this.#count : 0)
    this.#sum = adds ? this.#sum + rows.sum[i]! : rows.sum[i]!
    this.zeroCount = rows.zeroCount[i]! + (adds ? this.zeroCount : 0)
    this.zeroThreshold = adds ? Math.max(this.zeroThreshold, rows.zeroThreshold[i]!) : rows.zeroThreshold[i]!
    const scale = rows.scale[i]!
    const positive = side(batch.buckets, rows.positiveOffset[i]!, rows.positiveFrom[i]!, rows.positiveLength[i]!)
    const negative = side(batch.buckets, rows.negativeOffset[i]!, rows.negativeFrom[i]!, rows.negativeLength[i]!)
    if (adds) this.#add(scale, positive, negative)
    else this.#set(scale, positive, negative)
    return adds
  }

  /** The columns are the sender's: what stays is a copy, at a scale that Prometheus knows. */
  #set(scale: number, positive: Side, negative: Side): void {
    const by = Math.max(0, scale - maxSchema)
    this.#put(scale - by, coarser(positive, by), coarser(negative, by))
  }

  /** At the coarser of both scales, or the first below that keeps both sides within bounds. */
  #add(scale: number, positive: Side, negative: Side): void {
    const old = {
      positive: { offset: this.positiveOffset, counts: this.positive },
      negative: { offset: this.negativeOffset, counts: this.negative },
    }
    let common = Math.min(scale, this.scale)
    const sum = (mine: Side, theirs: Side) => merged(coarser(mine, this.scale - common), coarser(theirs, scale - common))
    let [above, below] = [sum(old.positive, positive), sum(old.negative, negative)]
    while (common > minSchema && (width(above, 0) > maxBuckets || width(below, 0) > maxBuckets)) {
      common--
      ;[above, below] = [sum(old.positive, positive), sum(old.negative, negative)]
    }
    this.#put(common, above, below)
  }

  #put(scale: number, positive: Side, negative: Side): void {
    this.scale = scale
    this.positiveOffset = positive.offset
    this.positive = positive.counts
    this.negativeOffset = negative.offset
    this.negative = negative.counts
  }

  show(row: Row): void {
    row.shape = 'exponential'
    row.count = this.#count
    row.sum = this.#sum
    row.exponential = this
  }
}

const side = (buckets: Float64Array, offset: number, from: number, length: number): Side => ({
  offset,
  counts: buckets.subarray(from, from + length),
})

/** Two sides of one scale, put together. */
function merged(a: Side, b: Side): Side {
  if (a.counts.length === 0) return b
  if (b.counts.length === 0) return a
  const offset = Math.min(a.offset, b.offset)
  const end = Math.max(a.offset + a.counts.length, b.offset + b.counts.length)
  const counts = new Array<number>(end - offset).fill(0)
  for (const one of [a, b]) for (let k = 0; k < one.counts.length; k++) counts[one.offset - offset + k]! += one.counts[k]!
  return { offset, counts }
}

export class SummaryState {
  readonly delta = false
  #count = 0
  #sum = 0
  #quantiles: Float64Array = none

  take({ summaries, quantiles }: MetricBatch, i: number): void {
    const from = 2 * summaries.quantilesFrom[i]!
    const length = 2 * summaries.quantilesLength[i]!
    this.#count = summaries.count[i]!
    this.#sum = summaries.sum[i]!
    if (this.#quantiles.length !== length) this.#quantiles = new Float64Array(length)
    for (let k = 0; k < length; k++) this.#quantiles[k] = quantiles[from + k]!
  }

  show(row: Row): void {
    row.shape = 'summary'
    row.count = this.#count
    row.sum = this.#sum
    row.quantiles = this.#quantiles
  }
}
