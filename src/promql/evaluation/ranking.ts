import { formatG } from '../../lib/go-text.ts'
import { type Annotations, warnInvalidRatio } from '../annotations.ts'
import type { AggregateExpr } from '../ast.ts'
import { QueryError } from '../query-error.ts'
import { ABSENT, FLOAT, type Grid, HISTOGRAM } from '../value.ts'
import { groupingOf } from './aggregate.ts'
import { ignoreHistograms } from './columns.ts'
import { ratioOf } from './label-hash.ts'
import type { Evaluation, ScalarOperator, VectorOperator } from './operator.ts'
import type { FlowingRow, Sink } from './rows.ts'

export type Ranking = 'topk' | 'bottomk' | 'limitk' | 'limit_ratio'

/** The aggregations that let some of the samples through as they are. Which ones is a question of each step, so all rows are gathered first. */
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
    const { pool, budget, annotations } = this.#cx
    const op = this.#expr.op as Ranking
    const param = await this.#param.values()
    const nothing = op === 'limit_ratio' ? !checkRatios(param, this.#expr, annotations) : !checkCounts(param)
    const groups = new Map<string, FlowingRow[]>()
    const { signature } = groupingOf(this.#expr)
    await this.#from.run(row => {
      if (nothing) return pool.give(row)
      if (row.histograms !== undefined && (op === 'topk' || op === 'bottomk'))
        ignoreHistograms(row, op, { annotations, position: this.#expr.position })
      const key = signature(row.labels)
      const group = groups.get(key)
      if (group === undefined) groups.set(key, [row])
      else group.push(row)
    })
    for (const rows of groups.values()) {
      for (const row of await this.#passing(rows, param)) {
        if (pool.charge(row)) sink(row)
        else pool.give(row)
      }
      if (budget.due) await budget.pause()
    }
  }

  #passing(rows: readonly FlowingRow[], param: Float64Array): readonly FlowingRow[] | Promise<readonly FlowingRow[]> {
    switch (this.#expr.op as Ranking) {
      case 'topk':
        return this.#best(rows, param, (a, b) => a > b)
      case 'bottomk':
        return this.#best(rows, param, (a, b) => a < b)
      case 'limitk':
        return this.#first(rows, param)
      case 'limit_ratio':
        return this.#ratio(rows, param)
    }
  }

  /** @param better whether a value comes before another; NaN comes last */
  async #best(rows: readonly FlowingRow[], param: Float64Array, better: (a: number, b: number) => boolean): Promise<readonly FlowingRow[]> {
    const { budget } = this.#cx
    const { steps } = this.grid
    const masks: (Uint8Array | undefined)[] = new Array(rows.length)
    const kept = new Best(better)
    for (let step = 0; step < steps; step++) {
      if ((step & 63) === 63 && budget.due) await budget.pause()
      const k = Math.min(Math.trunc(param[step]!), rows.length)
      if (k < 1) continue
      kept.reset(k)
      for (let r = 0; r < rows.length; r++) if (rows[r]!.kind[step] === FLOAT) kept.offer(r, rows[r]!.value[step]!)
      for (const r of kept.rows) (masks[r] ??= new Uint8Array(steps))[step] = FLOAT
    }
    // Of one evaluation the result is in order.
    const order = steps === 1 ? kept.sorted() : rows.keys()
    return this.#masked(rows, masks, order)
  }

  #first(rows: readonly FlowingRow[], param: Float64Array): readonly FlowingRow[] {
    const { steps } = this.grid
    const taken = new Uint32Array(steps)
    const masks = rows.map(({ kind }) => {
      const mask = new Uint8Array(steps)
      for (let i = 0; i < steps; i++) {
        if (kind[i] === ABSENT || taken[i]! >= Math.trunc(param[i]!)) continue
        taken[i]!++
        mask[i] = kind[i]!
      }
      return mask
    })
    return this.#masked(rows, masks, rows.keys())
  }

  #ratio(rows: readonly FlowingRow[], param: Float64Array): readonly FlowingRow[] {
    const { steps } = this.grid
    const masks = rows.map(({ kind, labels }) => {
      const ratio = ratioOf(labels)
      const mask = new Uint8Array(steps)
      for (let i = 0; i < steps; i++) {
        const limit = Math.max(-1, Math.min(1, param[i]!))
        if (limit >= 0 ? ratio < limit : ratio >= 1 + limit) mask[i] = kind[i]!
      }
      return mask
    })
    return this.#masked(rows, masks, rows.keys())
  }

  /** The rows, each with only the steps of its mask; one without a mask has none. */
  #masked(rows: readonly FlowingRow[], masks: readonly (Uint8Array | undefined)[], order: Iterable<number>): readonly FlowingRow[] {
    const { pool } = this.#cx
    const passing: FlowingRow[] = []
    for (const index of order) {
      const mask = masks[index]
      if (mask === undefined) continue
      const own = pool.own(rows[index]!)
      own.kind.set(mask)
      if (own.histograms !== undefined && !own.kind.includes(HISTOGRAM)) own.histograms = undefined
      passing.push(own)
    }
    for (const [index, row] of rows.entries()) if (masks[index] === undefined) pool.give(row)
    return passing
  }
}

/** The k best of what is offered: a heap whose root is the worst of them. */
class Best {
  readonly rows: number[] = []
  readonly #values: number[] = []
  readonly #better: (a: number, b: number) => boolean
  #k = 0

  constructor(better: (a: number, b: number) => boolean) {
    this.#better = better
  }

  reset(k: number): void {
    this.#k = k
    this.rows.length = 0
    this.#values.length = 0
  }

  offer(row: number, value: number): void {
    const values = this.#values
    if (values.length < this.#k) {
      values.push(value)
      this.rows.push(row)
      this.#up(values.length - 1)
    } else if (this.#better(value, values[0]!) || (Number.isNaN(values[0]!) && !Number.isNaN(value))) {
      values[0] = value
      this.rows[0] = row
      this.#down()
    }
  }

  /** The rows, the best first; of equals the one that was offered first. */
  sorted(): number[] {
    return this.rows
      .map((row, index) => ({ row, value: this.#values[index]! }))
      .sort((a, b) => {
        if (this.#worse(b.value, a.value) && !this.#worse(a.value, b.value)) return -1
        if (this.#worse(a.value, b.value) && !this.#worse(b.value, a.value)) return 1
        return a.row - b.row
      })
      .map(({ row }) => row)
  }

  #worse(a: number, b: number): boolean {
    return Number.isNaN(a) || this.#better(b, a)
  }

  #up(index: number): void {
    for (let at = index; at > 0; ) {
      const parent = (at - 1) >> 1
      if (!this.#worse(this.#values[at]!, this.#values[parent]!)) return
      this.#swap(at, parent)
      at = parent
    }
  }

  #down(): void {
    const length = this.#values.length
    for (let at = 0; ; ) {
      let worst = 2 * at + 1
      if (worst >= length) return
      if (worst + 1 < length && this.#worse(this.#values[worst + 1]!, this.#values[worst]!)) worst++
      if (!this.#worse(this.#values[worst]!, this.#values[at]!)) return
      this.#swap(at, worst)
      at = worst
    }
  }

  #swap(a: number, b: number): void {
    const values = this.#values
    const rows = this.rows
    const value = values[a]!
    values[a] = values[b]!
    values[b] = value
    const row = rows[a]!
    rows[a] = rows[b]!
    rows[b] = row
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
