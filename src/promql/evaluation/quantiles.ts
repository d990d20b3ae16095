import { warnInvalidQuantile } from '../annotations.ts'
import type { AggregateExpr } from '../ast.ts'
import { FLOAT, type Grid } from '../value.ts'
import { groupingOf } from './aggregate.ts'
import { ignoreHistograms } from './columns.ts'
import type { Evaluation, ScalarOperator, VectorOperator } from './operator.ts'
import type { FlowingRow, Sink } from './rows.ts'

/** quantile: needs every value of a group at a step, so all rows are gathered first. */
export class Quantile implements VectorOperator {
  readonly grid: Grid
  readonly oneName: boolean
  readonly #cx: Evaluation
  readonly #expr: AggregateExpr
  readonly #param: ScalarOperator
  readonly #from: VectorOperator

  constructor(cx: Evaluation, expr: AggregateExpr, param: ScalarOperator, from: VectorOperator) {
    this.grid = from.grid
    this.oneName = !groupingOf(expr).byName
    this.#cx = cx
    this.#expr = expr
    this.#param = param
    this.#from = from
  }

  async run(sink: Sink): Promise<void> {
    const { pool, budget, annotations } = this.#cx
    const { signature, labels } = groupingOf(this.#expr)
    const param = await this.#param.values()
    const groups = new Map<string, FlowingRow[]>()
    await this.#from.run(row => {
      if (row.histograms !== undefined) ignoreHistograms(row, 'quantile', { annotations, position: this.#expr.expr.position })
      const key = signature(row.labels)
      const group = groups.get(key)
      if (group === undefined) groups.set(key, [row])
      else group.push(row)
    })
    // After what the rows have to say: of two annotations alike the later one's place is told.
    this.#warn(param)
    for (const rows of groups.values()) {
      const out = pool.take(labels(rows[0]!.labels), this.grid.steps)
      out.dropName = rows.some(row => row.dropName)
      const values = new Float64Array(rows.length)
      for (let step = 0; step < param.length; step++) {
        if ((step & 63) === 63 && budget.due) await budget.pause()
        let count = 0
        for (const { kind, value } of rows) if (kind[step] === FLOAT) values[count++] = value[step]!
        if (count === 0) continue
        out.kind[step] = FLOAT
        out.value[step] = quantile(param[step]!, values.subarray(0, count))
      }
      for (const row of rows) pool.give(row)
      if (pool.charge(out)) sink(out)
      else pool.give(out)
      if (budget.due) await budget.pause()
    }
  }

  #warn(param: Float64Array): void {
    const { annotations } = this.#cx
    const { position } = this.#expr.param!
    let min = 0
    let max = 1
    let nan = false
    for (const q of param) {
      nan ||= Number.isNaN(q)
      if (q < min) min = q
      if (q > max) max = q
    }
    // Beside one that is no number only an infinite one is noticed.
    if (nan) {
      warnInvalidQuantile(annotations, Number.NaN, position)
      if (max < Number.POSITIVE_INFINITY) max = 1
      if (min > Number.NEGATIVE_INFINITY) min = 0
    }
    if (max > 1) warnInvalidQuantile(annotations, max, position)
    if (min < 0) warnInvalidQuantile(annotations, min, position)
  }
}

/** Between the two values that the rank q × (n − 1) lies between. Orders `values`; NaN comes first. */
export function quantile(q: number, values: Float64Array): number {
  if (values.length === 0 || Number.isNaN(q)) return Number.NaN
  if (q < 0) return Number.NEGATIVE_INFINITY
  if (q > 1) return Number.POSITIVE_INFINITY
  order(values)
  const rank = q * (values.length - 1)
  const lower = Math.floor(rank)
  const upper = Math.min(values.length - 1, lower + 1)
  const weight = rank - lower
  return values[lower]! * (1 - weight) + values[upper]! * weight
}

/** Ascending, with NaN first; typed arrays sort it last. */
function order(values: Float64Array): void {
  values.sort()
  let numbers = values.length
  while (numbers > 0 && Number.isNaN(values[numbers - 1]!)) numbers--
  if (numbers === values.length) return
  values.copyWithin(values.length - numbers, 0, numbers)
  values.fill(Number.NaN, 0, values.length - numbers)
}
