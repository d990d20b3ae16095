import type { FloatHistogram } from '../../model/float-histogram.ts'
import { divide } from './arithmetic.ts'
import { HistogramSum } from './sum.ts'

/**
 * The mean of histograms, as avg and avg_over_time have it: the sum divided by how many there are, as long as the sum is finite, and from then on a mean
 * that each further histogram moves by its share, which cannot overflow.
 */
export class HistogramMean {
  #sum: HistogramSum
  #n = 1
  /** `#sum` is the mean already. */
  #incremental = false
  /** No number of `#sum` is larger than this. */
  #largest: number

  constructor(first: FloatHistogram) {
    this.#sum = new HistogramSum(first)
    this.#largest = largest(first)
  }

  get reconciled(): boolean {
    return this.#sum.reconciled
  }

  /** False, and nothing is added, where one has exponential and the others have custom buckets. */
  add(histogram: FloatHistogram): boolean {
    const n = this.#n + 1
    if (!this.#incremental) {
      this.#largest += largest(histogram)
      // Only near the end of what a double can hold the sum has to be kept as it was.
      const before = this.#largest < Number.MAX_VALUE / 4 ? undefined : this.#sum.copy()
      if (!this.#sum.add(histogram)) return false
      if (before === undefined || !this.#sum.overflowed) {
        this.#n = n
        return true
      }
      this.#incremental = true
      this.#sum = before
      this.#sum.scale(1, this.#n)
    }
    const mean = this.#sum.copy()
    mean.scale(this.#n / n)
    if (!mean.add(divide(histogram, n))) return false
    this.#sum = mean
    this.#n = n
    return true
  }

  /** The mean so far, without empty buckets. */
  value(): FloatHistogram {
    return this.#sum.value(this.#incremental ? 1 : this.#n)
  }
}

function largest(histogram: FloatHistogram): number {
  let most = Math.max(Math.abs(histogram.count), Math.abs(histogram.sum), Math.abs(histogram.zeroCount))
  for (const count of histogram.positiveCounts) most = Math.max(most, Math.abs(count))
  for (const count of histogram.negativeCounts) most = Math.max(most, Math.abs(count))
  return most
}
