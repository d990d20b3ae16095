import type { Expr } from '../ast.ts'
import type { Argument, FunctionContext, SampleFunction, WholeFunction, WindowFunction, Windows } from '../kernel.ts'
import { QueryError } from '../query-error.ts'
import { FLOAT, type Grid, type Row, timeOf } from '../value.ts'
import type { Evaluation, ScalarOperator, VectorOperator } from './operator.ts'
import { dropName } from './row-operators.ts'
import { type FlowingRow, type Sink, sharedRow, withoutName } from './rows.ts'
import type { MatrixOperator } from './windows.ts'

/** An argument of a call, planned. */
export type Planned =
  | { readonly type: 'vector'; readonly operator: VectorOperator }
  | { readonly type: 'matrix'; readonly operator: MatrixOperator }
  | { readonly type: 'scalar'; readonly operator: ScalarOperator }
  | { readonly type: 'string'; readonly value: string }
  /** read as it is written: the selector that info() is told labels by */
  | { readonly type: 'written' }

/** What a call tells its function, but for the scalars, which are evaluated when it runs. */
export type CallContext = Omit<FunctionContext, 'scalars'>

export interface PlannedCall {
  readonly name: string
  readonly args: readonly Planned[]
  readonly context: CallContext
  readonly cx: Evaluation
  readonly grid: Grid
}

async function contextOf({ args, context }: PlannedCall): Promise<FunctionContext> {
  const scalars: Float64Array[] = []
  for (const arg of args) if (arg.type === 'scalar') scalars.push(await arg.operator.values())
  return { ...context, scalars }
}

/** rate(x[5m]) and the like. */
export class WindowCall implements VectorOperator {
  readonly grid: Grid
  readonly oneName: boolean
  readonly #call: PlannedCall
  readonly #func: WindowFunction
  readonly #matrix: MatrixOperator

  constructor(call: PlannedCall, func: WindowFunction, matrix: MatrixOperator) {
    this.grid = call.grid
    this.oneName = matrix.oneName
    this.#call = call
    this.#func = func
    this.#matrix = matrix
  }

  async run(sink: Sink): Promise<void> {
    const { cx, grid } = this.#call
    const { pool } = cx
    const func = this.#func
    const context = await contextOf(this.#call)
    await this.#matrix.each((windows, nameGoes) => {
      const out = pool.take(windows.labels, grid.steps)
      func.run(windows, out, context)
      if (pool.charge(out)) {
        if (func.dropName || nameGoes) dropName(out, cx)
        sink(out)
      } else pool.give(out)
    }, false)
  }
}

/** abs(x) and the like. */
export class SampleCall implements VectorOperator {
  readonly grid: Grid
  readonly oneName: boolean
  readonly #call: PlannedCall
  readonly #func: SampleFunction
  readonly #vector: VectorOperator

  constructor(call: PlannedCall, func: SampleFunction, vector: VectorOperator) {
    this.grid = call.grid
    this.oneName = vector.oneName
    this.#call = call
    this.#func = func
    this.#vector = vector
  }

  async run(sink: Sink): Promise<void> {
    const { cx, grid } = this.#call
    const { pool } = cx
    const context = await contextOf(this.#call)
    await this.#vector.run(row => {
      const out = pool.take(row.labels, grid.steps)
      this.#func.run(row, out, context)
      if (pool.charge(out)) {
        if (this.#func.dropName) dropName(out, cx)
        else out.dropName = row.dropName
        sink(out)
      } else pool.give(out)
      pool.give(row)
    })
  }
}

/** Functions of whole vectors: everything is gathered, then asked once. */
export class WholeCall implements VectorOperator {
  readonly grid: Grid
  readonly oneName = false
  readonly #call: PlannedCall
  readonly #func: WholeFunction

  constructor(call: PlannedCall, func: WholeFunction) {
    this.grid = call.grid
    this.#call = call
    this.#func = func
  }

  async run(sink: Sink): Promise<void> {
    const { cx, args } = this.#call
    const { pool } = cx
    const context = await contextOf(this.#call)
    const given: Argument[] = []
    const taken: FlowingRow[] = []
    let scalar = 0
    for (const arg of args) {
      if (arg.type === 'scalar') given.push({ type: 'scalar', values: context.scalars[scalar++]! })
      else if (arg.type === 'vector') given.push({ type: 'vector', rows: await gatherInto(taken, arg.operator) })
      else if (arg.type === 'matrix') given.push({ type: 'matrix', windows: await gatherWindows(arg.operator) })
      else if (arg.type === 'string') given.push(arg)
    }
    const rows = (await this.#func.run(given, context)).map(sharedRow)
    for (const row of taken) cx.budget.release(row.samples)
    for (const row of rows) {
      if (row.dropName && !cx.delayedNameRemoval) {
        row.dropName = false
        row.labels = withoutName(row.labels)
      }
      if (pool.charge(row)) sink(row)
    }
  }
}

async function gatherInto(all: FlowingRow[], operator: VectorOperator): Promise<readonly Row[]> {
  const rows: FlowingRow[] = []
  await operator.run(row => {
    rows.push(row)
    all.push(row)
  })
  return rows
}

async function gatherWindows(operator: MatrixOperator): Promise<readonly Windows[]> {
  const windows: Windows[] = []
  await operator.each(each => windows.push(each), true)
  return windows
}

/** A function whose result is a scalar: it gives one row that has a value at every step. */
export class ScalarCall implements ScalarOperator {
  readonly grid: Grid
  readonly #whole: WholeCall
  readonly #cx: Evaluation

  constructor(call: PlannedCall, func: WholeFunction) {
    this.grid = call.grid
    this.#cx = call.cx
    this.#whole = new WholeCall(call, func)
  }

  async values(): Promise<Float64Array> {
    let values: Float64Array | undefined
    await this.#whole.run(row => {
      values = row.value
      this.#cx.pool.give(row)
    })
    if (values === undefined) throw new QueryError('internal', 'a scalar function gave no value')
    return values
  }
}

/** `vector(time())`: what functions of dates read where they are given nothing. */
export class TimeVector implements VectorOperator {
  readonly grid: Grid
  readonly oneName = true
  readonly #cx: Evaluation
  readonly #labels: FlowingRow['labels']

  constructor(cx: Evaluation, grid: Grid, labels: FlowingRow['labels']) {
    this.grid = grid
    this.#cx = cx
    this.#labels = labels
  }

  async run(sink: Sink): Promise<void> {
    const row = this.#cx.pool.take(this.#labels, this.grid.steps)
    row.kind.fill(FLOAT)
    for (let step = 0; step < this.grid.steps; step++) row.value[step] = timeOf(this.grid, step) / 1000
    this.#cx.pool.charge(row)
    sink(row)
  }
}

/** Evaluates, so that what is wrong is told, and gives nothing. */
export class Nothing implements VectorOperator {
  readonly grid: Grid
  readonly oneName = true
  readonly #cx: Evaluation
  readonly #vector: VectorOperator

  constructor(cx: Evaluation, vector: VectorOperator) {
    this.grid = vector.grid
    this.#cx = cx
    this.#vector = vector
  }

  async run(): Promise<void> {
    await this.#vector.run(row => void this.#cx.pool.give(row))
  }
}

/** timestamp(expr): the time of the step wherever there is a sample; of a selector the time of the sample, which the selector gives itself. */
export class Timestamp implements VectorOperator {
  readonly grid: Grid
  readonly oneName: boolean
  readonly #cx: Evaluation
  readonly #vector: VectorOperator
  readonly #ofSample: boolean

  constructor(cx: Evaluation, vector: VectorOperator, ofSample: boolean) {
    this.grid = vector.grid
    this.oneName = vector.oneName
    this.#cx = cx
    this.#vector = vector
    this.#ofSample = ofSample
  }

  async run(sink: Sink): Promise<void> {
    await this.#vector.run(row => {
      const own = this.#cx.pool.own(row)
      if (!this.#ofSample)
        for (let step = 0; step < own.kind.length; step++) {
          if (own.kind[step] === 0) continue
          own.kind[step] = FLOAT
          own.value[step] = timeOf(this.grid, step) / 1000
        }
      own.histograms = undefined
      dropName(own, this.#cx)
      sink(own)
    })
  }
}

/** Parentheses mean nothing to a function. */
export function bare(expr: Expr): Expr {
  let inner = expr
  while (inner.kind === 'paren') inner = inner.expr
  return inner
}
