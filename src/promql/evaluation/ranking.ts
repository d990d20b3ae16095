import { formatG } from '../../lib/go-text.ts'
import { type Annotations, warnInvalidRatio } from '../annotations.ts'
import type { AggregateExpr } from '../ast.ts'
import { QueryError } from '../query-error.ts'
import { ABSENT, type Grid, HISTOGRAM } from '../value.ts'
import { groupingOf } from './aggregate.ts'
import { ignoreHistograms } from './columns.ts'
import { ratioOf } from './label-hash.ts'
import { Leaders } from './leaders.ts'
import type { Evaluation, ScalarOperator, VectorOperator } from './operator.ts'
import type { FlowingRow, Sink } from './rows.ts'

export type Ranking = 'topk' | 'bottomk' | 'limitk' | 'limit_ratio'

/** Wider heaps are made when it is known how many series there are. */
const widestHeap = 64

/** The aggregations that let some of the samples of a group through as they are. */
export class Ranked implements VectorOperator {
  readonly grid: Grid
  readonly oneName: boolean
  readonly #cx: Evaluation
  readonly #expr: AggregateExpr
  readonly #param: ScalarOperator
  readonly #from: VectorOperator

  constructor(cx: Evaluation, expr: AggregateExpr, param: ScalarOperator, from: VectorOperator) {
    this.grid = from.grid
    this.oneName = from.oneName
    this.#cx = cx
    this.#expr = expr
    this.#param = param
    this.#from = from
  }

  async run(sink: Sink): Promise<void> {
    const { pool, annotations } = this.#cx
    const op = this.#expr.op as Ranking
    const param = await this.#param.values()
    let any = false
    // Prometheus looks at the parameter when it has the vector.
    const say = await annotations.later(async () => {
      any = op === 'limit_ratio' ? checkRatios(param, this.#expr, annotations) : checkCounts(param)
    })
    await (any ? this.#rank(op, param, sink) : this.#from.run(row => pool.give(row)))
    say()
  }

  #rank(op: Ranking, param: Float64Array, sink: Sink): Promise<void> {
    switch (op) {
      case 'topk':
      case 'bottomk':
        return this.#best(op, param, sink)
      case 'limitk':
        return this.#first(param, sink)
      case 'limit_ratio':
        return this.#share(param, sink)
    }
  }

  async #best(op: 'topk' | 'bottomk', param: Float64Array, sink: Sink): Promise<void> {
    const { pool, annotations, budget } = this.#cx
    const { signature } = groupingOf(this.#expr)
    const wanted = Int32Array.from(param, k => Math.max(0, Math.min(k, 2 ** 31 - 1)))
    const sign = op === 'topk' ? 1 : -1
    const widest = wanted.reduce((a, b) => Math.max(a, b), 0)
    const groups = new Map<string, Leaders | FlowingRow[]>()
    await this.#from.run(row => {
      if (row.histograms !== undefined) ignoreHistograms(row, op, { annotations, position: this.#expr.position })
      const key = signature(row.labels)
      const group = groups.get(key)
      if (group === undefined) groups.set(key, [row])
      else if (group instanceof Leaders) group.add(row)
      else {
        group.push(row)
        // From here on there are more than are wanted, and a heap takes less room than they do.
        if (group.length > widest && widest <= widestHeap) groups.set(key, this.#led(group, sign, wanted))
      }
    })
    for (const group of groups.values()) {
      for (const row of (group instanceof Leaders ? group : this.#led(group, sign, wanted)).take()) {
        pool.charge(row)
        sink(row)
      }
      if (budget.due) await budget.pause()
    }
  }

  #led(rows: readonly FlowingRow[], sign: 1 | -1, wanted: Int32Array): Leaders {
    const leaders = new Leaders(
      this.#cx.pool,
      sign,
      wanted.map(k => Math.min(k, rows.length)),
    )
    for (const row of rows) leaders.add(row)
    return leaders
  }

  /** The first k that are there. */
  async #first(param: Float64Array, sink: Sink): Promise<void> {
    const { signature } = groupingOf(this.#expr)
    const groups = new Map<string, Float64Array>()
    await this.#from.run(row => {
      const key = signature(row.labels)
      let left = groups.get(key)
      if (left === undefined) groups.set(key, (left = param.map(Math.trunc)))
      const own = this.#cx.pool.own(row)
      for (let i = 0; i < own.kind.length; i++) if (own.kind[i] !== ABSENT && left[i]!-- < 1) own.kind[i] = ABSENT
      this.#pass(own, sink)
    })
  }

  /** Those whose hash lies in the share; a negative share is the other end of it. */
  async #share(param: Float64Array, sink: Sink): Promise<void> {
    await this.#from.run(row => {
      const ratio = ratioOf(row.labels)
      const own = this.#cx.pool.own(row)
      for (let i = 0; i < own.kind.length; i++) {
        const limit = Math.max(-1, Math.min(1, param[i]!))
        if (limit >= 0 ? ratio >= limit : ratio < 1 + limit) own.kind[i] = ABSENT
      }
      this.#pass(own, sink)
    })
  }

  #pass(row: FlowingRow, sink: Sink): void {
    if (row.histograms !== undefined && !row.kind.includes(HISTOGRAM)) row.histograms = undefined
    if (this.#cx.pool.charge(row)) sink(row)
    else this.#cx.pool.give(row)
  }
}

const largest = 2 ** 63

/** @returns whether any is at least 1 @throws {QueryError} where one is no integer of Go */
function checkCounts(param: Float64Array): boolean {
  let min = Number.MAX_VALUE
  let max = -Number.MAX_VALUE
  let nan = false
  for (const value of param) {
    if (value < min) min = value
    if (value > max) max = value
    if (Number.isNaN(value)) nan = true
  }
  if (!nan && max < 1) return false
  if (nan) throw new QueryError('execution', 'Parameter value is NaN')
  if (min <= -largest) throw new QueryError('execution', `Scalar value ${formatG(min)} underflows int64`)
  if (max >= largest) throw new QueryError('execution', `Scalar value ${formatG(max)} overflows int64`)
  return true
}

function checkRatios(param: Float64Array, expr: AggregateExpr, annotations: Annotations): boolean {
  let min = Number.MAX_VALUE
  let max = -Number.MAX_VALUE
  for (const value of param) {
    if (Number.isNaN(value)) throw new QueryError('execution', 'Ratio value is NaN')
    if (value < min) min = value
    if (value > max) max = value
  }
  if (max === 0 && min === 0) return false
  if (max > 1) warnInvalidRatio(annotations, max, 1, expr.param!.position)
  if (min < -1) warnInvalidRatio(annotations, min, -1, expr.param!.position)
  return true
}
