import type { FloatHistogram } from '../../model/float-histogram.ts'
import { infoMismatchedCustomBuckets, warnCounterResetCollision, warnMixedExponentialCustomHistograms } from '../annotations.ts'
import { HistogramAggregate } from '../histogram/aggregate.ts'
import { ABSENT, FLOAT, HISTOGRAM, type Row } from '../value.ts'
import type { ColumnContext } from './columns.ts'

/** Sums or means of the histograms of a group, at every step. */
export class HistogramSums {
  /** [steps] */
  readonly #groups: (HistogramAggregate | undefined)[]
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
    this.#groups = new Array(cx.steps).fill(undefined)
  }

  add(row: Row): void {
    const seen = this.#seen
    for (let step = 0; step < row.kind.length; step++) {
      const kind = row.kind[step]!
      // Once histograms do not go together, nothing that follows matters.
      if (kind === ABSENT || this.#groups[step]?.incompatible === true) continue
      if (kind === FLOAT && seen[step] === ABSENT) this.#floatFirst[step] = 1
      seen[step]! |= kind
      if (kind === HISTOGRAM && this.#floatFirst[step] === 0) this.#add(step, row.histograms![step]!, row)
    }
  }

  #add(step: number, histogram: FloatHistogram, row: Row): void {
    this.#groups[step] ??= new HistogramAggregate(this.#op)
    const group = this.#groups[step]
    group.add(histogram)
    if (!group.incompatible) return
    const { annotations, position } = this.#cx
    if (group.reconciled) infoMismatchedCustomBuckets(annotations, 'aggregation', position)
    warnMixedExponentialCustomHistograms(annotations, row.labels.name, position)
  }

  /** Undefined where the histograms do not go together. */
  at(step: number): FloatHistogram | undefined {
    const { annotations, position } = this.#cx
    const group = this.#groups[step]
    const value = group?.value()
    if (group === undefined || value === undefined) return undefined
    if (group.reconciled) infoMismatchedCustomBuckets(annotations, 'aggregation', position)
    if (group.collided) warnCounterResetCollision(annotations, 'aggregation', position)
    return value
  }
}
