import type { FloatHistogram } from '../../model/float-histogram.ts'
import { HistogramMean } from './mean.ts'
import { HistogramSum } from './sum.ts'

/**
 * Histograms of a group, or of a window, as their sum or their mean: what sum, avg, sum_over_time and avg_over_time share. Once exponential and custom buckets have met, there is
 * no result, whatever comes after.
 */
export class HistogramAggregate {
  readonly #op: 'sum' | 'avg'
  #of: HistogramSum | HistogramMean | undefined
  #resetSeen = false
  #noResetSeen = false
  /** Exponential and custom buckets have met. */
  incompatible = false

  constructor(op: 'sum' | 'avg') {
    this.#op = op
  }

  add(histogram: FloatHistogram): void {
    if (this.incompatible) return
    if (histogram.resetHint === 'reset') this.#resetSeen = true
    else if (histogram.resetHint === 'not_reset') this.#noResetSeen = true
    if (this.#of === undefined) this.#of = this.#op === 'sum' ? new HistogramSum(histogram) : new HistogramMean(histogram)
    else if (!this.#of.add(histogram)) this.incompatible = true
  }

  /** One said that there was a counter reset, another that there was none. */
  get collided(): boolean {
    return this.#resetSeen && this.#noResetSeen
  }

  /** Custom bounds differed, and were brought to those they share. */
  get reconciled(): boolean {
    return this.#of?.reconciled ?? false
  }

  /** without empty buckets; undefined where nothing was added, or what does not go together */
  value(): FloatHistogram | undefined {
    return this.incompatible ? undefined : this.#of?.value()
  }
}
