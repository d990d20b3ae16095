import type { Labels } from '../../model/labels.ts'
import type { AggregateExpr } from '../ast.ts'
import type { Grid } from '../value.ts'
import { type Column, type ColumnContext, columnOf, type Streamed } from './columns.ts'
import type { Evaluation, VectorOperator } from './operator.ts'
import type { Sink } from './rows.ts'
import { type Signature, signatureOf, signatureWithout } from './signature.ts'

/** How series are grouped, and what a group is called. */
export interface Grouping {
  readonly signature: Signature
  readonly labels: (labels: Labels) => Labels
  /** Groups may be called by the name of a metric. */
  readonly byName: boolean
}

export function groupingOf({ grouping, without }: Pick<AggregateExpr, 'grouping' | 'without'>): Grouping {
  const byName = !without && grouping.includes('__name__')
  const names = new Set(without ? [...grouping, '__name__'] : grouping)
  return without
    ? { signature: signatureWithout([...names]), labels: labels => labels.without(names), byName }
    : { signature: signatureOf(grouping), labels: labels => labels.keep(names), byName }
}

/** The aggregations that need no more than a few columns for each group: rows go in one after the other and are not kept. */
export class StreamedAggregate implements VectorOperator {
  readonly grid: Grid
  readonly oneName: boolean
  readonly #cx: Evaluation
  readonly #op: Streamed
  readonly #grouping: Grouping
  readonly #from: VectorOperator
  readonly #columns: ColumnContext

  constructor(cx: Evaluation, expr: AggregateExpr & { readonly op: Streamed }, from: VectorOperator) {
    this.grid = from.grid
    this.#cx = cx
    this.#op = expr.op
    this.#grouping = groupingOf(expr)
    this.oneName = !this.#grouping.byName
    this.#from = from
    this.#columns = { steps: from.grid.steps, annotations: cx.annotations, position: expr.expr.position }
  }

  async run(sink: Sink): Promise<void> {
    const { pool } = this.#cx
    const groups = new Map<string, { readonly labels: Labels; readonly column: Column; dropName: boolean }>()
    await this.#from.run(row => {
      const signature = this.#grouping.signature(row.labels)
      let group = groups.get(signature)
      if (group === undefined) {
        group = { labels: this.#grouping.labels(row.labels), column: columnOf(this.#op, this.#columns), dropName: false }
        groups.set(signature, group)
      }
      if (row.dropName) group.dropName = true
      group.column.add(row)
      pool.give(row)
    })
    for (const { labels, column, dropName } of groups.values()) {
      const row = pool.take(labels, this.grid.steps)
      row.dropName = dropName
      column.finish(row)
      if (pool.charge(row)) sink(row)
      else pool.give(row)
    }
  }
}
