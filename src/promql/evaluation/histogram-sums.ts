import type { FloatHistogram } from '../../model/float-histogram.ts'
import { infoMismatchedCustomBuckets, warnCounterResetCollision, warnMixedExponentialCustomHistograms } from '../annotations.ts'
import { HistogramMean } from '../histogram/mean.ts'
import { HistogramSum } from '../histogram/sum.ts'
import { HISTOGRAM, type Row } from '../value.ts'
import type { ColumnContext } from './columns.ts'

/** Sums or means of the histograms of a group, at every step. */
export class HistogramSums {
  /** [steps]; `incompatible`: exponential and custom buckets have met, there is no sum */
  readonly #sums: (HistogramSum | HistogramMean | 'incompatible' | undefined)[]
  /** [steps] what hints of resets were seen */
  readonly #hints: Uint8Array
  readonly #cx: ColumnContext
  readonly #op: 'sum' | 'avg'

  constructor(cx: ColumnContext, op: 'sum' | 'avg') {
    this.#cx = cx
    this.#op = op
    this.#sums = new Array(cx.steps).fill(undefined)
    this.#hints = new Uint8Array(cx.steps)
  }

  add(row: Row): void {
    for (let step = 0; step < row.kind.length; step++) if (row.kind[step] === HISTOGRAM) this.#add(step, row.histograms![step]!, row)
  }

  #add(step: number, histogram: FloatHistogram, row: Row): void {
    const sum = this.#sums[step]
    if (sum === 'incompatible') return
    this.#hints[step]! |= histogram.resetHint === 'reset' ? sawReset : histogram.resetHint === 'not_reset' ? sawNoReset : 0
    if (sum === undefined) this.#sums[step] = this.#op === 'sum' ? new HistogramSum(histogram) : new HistogramMean(histogram)
    else if (!sum.add(histogram)) {
      this.#sums[step] = 'incompatible'
      warnMixedExponentialCustomHistograms(this.#cx.annotations, row.labels.name, this.#cx.position)
    }
  }

  /** Undefined where the histograms do not go together. */
  at(step: number): FloatHistogram | undefined {
    const { annotations, position } = this.#cx
    const sum = this.#sums[step]
    if (sum === undefined || sum === 'incompatible') return undefined
    if (sum.reconciled) infoMismatchedCustomBuckets(annotations, 'aggregation', position)
    if (this.#hints[step] === (sawReset | sawNoReset)) warnCounterResetCollision(annotations, 'aggregation', position)
    return sum.value()
  }
}

const sawReset = 1
const sawNoReset = 2
