import { formatF, quote } from '../../lib/go-text.ts'
import type { Labels } from '../../model/labels.ts'
import type { AggregateExpr } from '../ast.ts'
import { showHistogram } from '../histogram/text.ts'
import { QueryError } from '../query-error.ts'
import { ABSENT, FLOAT, type Grid, HISTOGRAM } from '../value.ts'
import { groupingOf } from './aggregate.ts'
import type { Evaluation, VectorOperator } from './operator.ts'
import type { FlowingRow, Sink } from './rows.ts'

/** count_values: as many series for each group as there are values, each with a count of those that have it. */
export class CountValues implements VectorOperator {
  readonly grid: Grid
  readonly oneName: boolean
  readonly #cx: Evaluation
  readonly #label: string
  readonly #from: VectorOperator
  readonly #labels: (labels: Labels) => Labels

  constructor(cx: Evaluation, expr: AggregateExpr, label: string, from: VectorOperator) {
    // Bytes that are no UTF-8 are read as lone surrogates.
    if (label === '' || !label.isWellFormed()) throw new QueryError('execution', `invalid label name ${quote(label)}`)
    this.grid = from.grid
    this.#cx = cx
    this.#label = label
    this.#from = from
    const { labels, byName } = groupingOf({ without: expr.without, grouping: expr.without ? expr.grouping : [...expr.grouping, label] })
    this.#labels = labels
    this.oneName = !byName
  }

  async run(sink: Sink): Promise<void> {
    const { pool } = this.#cx
    const counts = new Map<string, FlowingRow>()
    await this.#from.run(row => {
      // Of one series: a value that comes again needs no second look at labels.
      const ofNumber = new Map<number, FlowingRow>()
      const { kind, value } = row
      for (let step = 0; step < kind.length; step++) {
        if (kind[step] === ABSENT) continue
        const float = kind[step] === FLOAT
        let count = float ? ofNumber.get(value[step]!) : undefined
        if (count === undefined) {
          count = this.#countOf(counts, row, step)
          // −0 and 0 are one to a Map and two texts.
          if (float && value[step] !== 0) ofNumber.set(value[step]!, count)
        }
        if (count.kind[step] === ABSENT) count.value[step] = 0
        count.kind[step] = FLOAT
        count.value[step]!++
      }
      pool.give(row)
    })
    for (const row of counts.values()) if (pool.charge(row)) sink(row)
  }

  #countOf(counts: Map<string, FlowingRow>, row: FlowingRow, step: number): FlowingRow {
    const text = row.kind[step] === HISTOGRAM ? showHistogram(row.histograms![step]!) : formatF(row.value[step]!)
    const labels = this.#labels(row.labels.with(this.#label, text))
    let count = counts.get(labels.key)
    if (count === undefined) counts.set(labels.key, (count = this.#cx.pool.take(labels, this.grid.steps)))
    return count
  }
}
