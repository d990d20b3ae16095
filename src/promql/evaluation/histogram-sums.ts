import type { FloatHistogram } from '../../model/float-histogram.ts'
import { infoMismatchedCustomBuckets, warnCounterResetCollision, warnMixedExponentialCustomHistograms } from '../annotations.ts'
import { HistogramMean } from '../histogram/mean.ts'
import { HistogramSum } from '../histogram/sum.ts'
import { ABSENT, FLOAT, HISTOGRAM, type Row } from '../value.ts'
import type { ColumnContext } from './columns.ts'

/** Sums or means of the histograms of a group, at every step. */
export class HistogramSums {
  /** [steps]; `incompatible`: exponential and custom buckets have met, there is no sum */
  readonly #sums: (HistogramSum | HistogramMean | 'incompatible' | undefined)[]
  /** [steps] what hints of resets were seen */
  readonly #hints: Uint8Array
  /** [steps] FLOAT | HISTOGRAM as were seen in the group */
  readonly #seen: Uint8Array
  /** [steps] 1 where a float came first: what histograms follow does not matter, not even whether they go together */
  readonly #floatFirst: Uint8Array
  readonly #cx: ColumnContext
  readonly #op: 'sum' | 'avg'

  /** @param seen [steps] FLOAT where the group had a float before its first histogram; from now on kept here */
  constructor(cx: ColumnContext, op: 'sum' | 'avg', seen: Uint8Array) {
    this.#cx = cx
    this.#op = op
    this.#seen = seen
    this.#floatFirst = Uint8Array.from(seen)
    this.#sums = new Array(cx.steps).fill(undefined)
    this.#hints = new Uint8Array(cx.steps)
  }

  add(row: Row): void {
    const seen = this.#seen
    for (let step = 0; step < row.kind.length; step++) {
      const kind = row.kind[step]!
      // Once histograms do not go together, nothing that follows matters.
      if (kind === ABSENT || this.#sums[step] === 'incompatible') continue
      if (kind === FLOAT && seen[step] === ABSENT) this.#floatFirst[step] = 1
      seen[step]! |= kind
      if (kind === HISTOGRAM && this.#floatFirst[step] === 0) this.#add(step, row.histograms![step]!, row)
    }
  }

  #add(step: number, histogram: FloatHistogram, row: Row): void {
    const sum = this.#sums[step]
    if (sum === 'incompatible') return
    this.#hints[step]! |= histogram.resetHint === 'reset' ? sawReset : histogram.resetHint === 'not_reset' ? sawNoReset : 0
    if (sum === undefined) this.#sums[step] = this.#op === 'sum' ? new HistogramSum(histogram) : new HistogramMean(histogram)
    else if (!sum.add(histogram)) {
      if (sum.reconciled) infoMismatchedCustomBuckets(this.#cx.annotations, 'aggregation', this.#cx.position)
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
