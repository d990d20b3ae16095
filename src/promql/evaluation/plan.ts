import { formatG } from '../../lib/go-text.ts'
import { Labels } from '../../model/labels.ts'
import type { Matcher } from '../../model/matcher.ts'
import type { Queryable, SelectedSeries, SelectHints } from '../../model/query.ts'
import type {
  AggregateExpr,
  At,
  BinaryExpr,
  Call,
  Duration,
  Expr,
  MatrixSelector,
  Position,
  StringLiteral,
  SubqueryExpr,
  ValueType,
  VectorSelector,
} from '../ast.ts'
import type { PromqlFunction, WindowFunction } from '../kernel.ts'
import { QueryError } from '../query-error.ts'
import type { Grid } from '../value.ts'
import { StreamedAggregate } from './aggregate.ts'
import { scalarOperation } from './arithmetic.ts'
import {
  bare,
  Nothing,
  type Planned,
  type PlannedCall,
  SampleCall,
  ScalarCall,
  Timestamp,
  TimeVector,
  WholeCall,
  WindowCall,
} from './calls.ts'
import { type Streamed, streamed } from './columns.ts'
import { CountValues } from './count-values.ts'
import { resolveDuration } from './durations.ts'
import { infoTimes } from './info-times.ts'
import { InstantSelector, type Wanted } from './instant.ts'
import { VectorMatch } from './matching.ts'
import { Merged } from './merge.ts'
import { LastWords, Operation } from './operation.ts'
import type { Evaluation, ScalarOperator, VectorOperator } from './operator.ts'
import { Quantile } from './quantiles.ts'
import { Ranked } from './ranking.ts'
import { Invariant, Negated, Shared, WithScalar } from './row-operators.ts'
import { Calculated, Constant, ConstantScalar } from './scalars.ts'
import { SetOperator } from './sets.ts'
import { SmoothedSelector } from './smoothed.ts'
import { withResetsFound } from './statistics.ts'
import { innerGrid, Subquery } from './subquery.ts'
import { Counted, CountedAgain, Repeated, Tally } from './tally.ts'
import { type Bounds, boundsOf, type MatrixOperator, RangeSelector } from './windows.ts'

/** Whose result changes with the time of evaluation even where their arguments do not. */
const ofTheTime: ReadonlySet<string> = new Set([
  'days_in_month',
  'day_of_month',
  'day_of_week',
  'day_of_year',
  'hour',
  'minute',
  'month',
  'year',
  'predict_linear',
  'time',
  'timestamp',
])

const anchoredSafe = ['changes', 'delta', 'increase', 'rate', 'resets']
const smoothedSafe = ['delta', 'increase', 'rate']

export interface Selection {
  readonly series: Promise<readonly SelectedSeries[]>
  readonly oneName: boolean
}

/** The query that an expression is planned for. */
export interface PlanContext {
  readonly cx: Evaluation
  readonly queryable: Queryable
  readonly functions: ReadonlyMap<string, PromqlFunction>
  /** of what is read of histograms only count and sum are asked for */
  readonly statistics: ReadonlySet<VectorSelector>
  /** epoch ms */
  readonly start: number
  readonly end: number
  /** [ms]; 0 where it is evaluated once */
  readonly step: number
  /** [ms] of subqueries that name none */
  readonly defaultStep: number
  readonly typeOf: (expr: Expr) => ValueType
  /** of its grid */
  readonly tally: Tally
}

/**
 * Makes operators of an expression: `@`, offsets and durations become times, what is true of every step is evaluated once, and selectors are asked for
 * series, each once, while the tree is still being made.
 */
export class Planner {
  readonly #plan: PlanContext
  readonly #cx: Evaluation
  readonly #selections = new Map<string, Selection>()
  readonly #shared = new Map<string, Shared>()
  readonly #calls = new Map<string, { readonly call: PlannedCall; readonly shared: Shared; readonly evaluation: Repeated }>()
  /** where what is being planned counts its samples */
  #tally: Tally

  constructor(plan: PlanContext) {
    this.#plan = plan
    this.#cx = plan.cx
    this.#tally = plan.tally
  }

  scalar(expr: Expr, grid: Grid): ScalarOperator {
    switch (expr.kind) {
      case 'number':
        return new Constant(grid, expr.value)
      case 'paren':
        return this.scalar(expr.expr, grid)
      case 'unary': {
        const of = this.scalar(expr.expr, grid)
        return expr.op === '+' ? of : new Calculated(of, new Constant(grid, -1), value => -value)
      }
      case 'binary':
        if (grid.steps > 1 && invariant(expr)) return this.#constantScalar(expr, grid)
        return new Calculated(this.scalar(expr.left, grid), this.scalar(expr.right, grid), scalarOperation(expr.op as '+'))
      case 'call':
        return this.#scalarCall(expr, grid)
      default:
        throw new QueryError('internal', `a ${expr.kind} is no scalar`)
    }
  }

  vector(expr: Expr, grid: Grid): VectorOperator {
    if (grid.steps > 1 && invariant(expr)) {
      const { planned, done } = this.#planOnce(grid, only => this.vector(expr, only))
      return new Invariant(this.#cx, grid, planned, done)
    }
    switch (expr.kind) {
      case 'paren':
        return this.vector(expr.expr, grid)
      case 'vector_selector':
        return this.#selector(expr, grid, 'value', '')
      case 'unary': {
        const of = this.vector(expr.expr, grid)
        return expr.op === '+' ? of : this.#nameless(new Negated(this.#cx, of), 'merge')
      }
      case 'binary':
        return this.#binary(expr, grid)
      case 'aggregate':
        return this.#aggregate(expr, grid)
      case 'call':
        return this.#call(expr, grid)
      default:
        throw new QueryError('internal', `a ${expr.kind} is no vector`)
    }
  }

  /** @param func the function that reads it */
  matrix(expr: MatrixSelector | SubqueryExpr, grid: Grid, func: string): MatrixOperator {
    return expr.kind === 'matrix_selector' ? this.#range(expr, grid, func) : this.#subquery(expr, grid, func === '')
  }

  /** Series for the selector, from a store that is told why. */
  select(matchers: readonly Matcher[], hints: SelectHints): Selection {
    const key = JSON.stringify([matchers.map(({ name, op, value }) => [name, op, value]), hints])
    let selection = this.#selections.get(key)
    if (selection === undefined) {
      const series = this.#plan.queryable.select(matchers, hints).catch(failedSelect)
      // Whoever awaits it hears of a failure; that nobody does yet is no failure of its own.
      series.catch(() => {})
      selection = { series, oneName: matchers.some(({ name, op }) => name === '__name__' && op === '=') }
      this.#selections.set(key, selection)
    }
    return selection
  }

  #selected(expr: VectorSelector, hints: SelectHints): Selection {
    const selection = this.select(expr.matchers, hints)
    if (!this.#plan.statistics.has(expr)) return selection
    const series = selection.series.then(withResetsFound)
    series.catch(() => {})
    return { ...selection, series }
  }

  /** Names go at once where they are not to go in the end; then rows may have come to be alike. */
  #nameless(operator: VectorOperator, alike: 'merge' | 'refuse'): VectorOperator {
    return this.#cx.delayedNameRemoval || operator.oneName ? operator : new Merged(this.#cx, operator, alike, true)
  }

  #selector(expr: VectorSelector, grid: Grid, wanted: Wanted, func: string): VectorOperator {
    const { lookback } = this.#cx
    const first = this.#time(expr, grid)
    const step = expr.at === undefined ? grid.step : 0
    const last = first + step * (grid.steps - 1)
    const ahead = expr.modifier === 'smoothed' ? lookback : 0
    const hints = { from: first - lookback, to: last + ahead, step: this.#hintStep(grid), range: 0, func }
    const selection = this.#selected(expr, hints)
    const look = { first, step, lookback }
    if (expr.modifier === 'smoothed') return new Counted(new SmoothedSelector(this.#cx, grid, selection, look, expr.position), this.#tally)
    const key = JSON.stringify([
      expr.matchers.map(({ name, op, value }) => [name, op, value]),
      look,
      grid,
      wanted,
      func,
      this.#plan.statistics.has(expr),
    ])
    let shared = this.#shared.get(key)
    if (shared === undefined) {
      shared = new Shared(new InstantSelector(this.#cx, grid, selection, look, wanted))
      this.#shared.set(key, shared)
    }
    return new Counted(shared.use(), this.#tally)
  }

  #range({ selector, range }: MatrixSelector, grid: Grid, func: string): MatrixOperator {
    const { lookback } = this.#cx
    const bounds = this.#bounds(selector, range, grid)
    const { modifier } = selector
    if (modifier !== undefined) refuseModifier(modifier, func)
    const from = bounds.from[0]! - (modifier === undefined ? 0 : lookback)
    const to = bounds.to.at(-1)! + (modifier === 'smoothed' ? lookback : 0)
    const hints = { from, to, step: this.#hintStep(grid), range: bounds.range, func }
    const reader = { func, at: selector.position, tally: this.#tally }
    return new RangeSelector(this.#cx, grid, this.#selected(selector, hints), bounds, reader, modifier)
  }

  /** @param bare it is no function's */
  #subquery(expr: SubqueryExpr, grid: Grid, bare: boolean): MatrixOperator {
    const bounds = this.#bounds(expr, expr.range, grid)
    const step = expr.step === undefined ? this.#plan.defaultStep : this.#duration(expr.step, false)
    const inner = innerGrid(bounds.from[0]!, bounds.to.at(-1)!, step === 0 ? this.#plan.defaultStep : step)
    this.#cx.budget.room(inner.steps)
    const count = { tally: this.#tally, inner: this.#tally.within(inner), offset: this.#duration(expr.offset, true), bare }
    const planned = this.#counting(count.inner, () => this.row(expr.expr, inner))
    return new Subquery(this.#cx, grid, planned, bounds, count)
  }

  /** What is planned meanwhile counts its samples there. */
  #counting<T>(tally: Tally, plan: () => T): T {
    const outer = this.#tally
    this.#tally = tally
    try {
      return plan()
    } finally {
      this.#tally = outer
    }
  }

  /** What is true of every step: planned for the first. `done` counts it for all of them. */
  #planOnce<T>(grid: Grid, plan: (only: Grid) => T): { readonly planned: T; readonly done: () => void } {
    const tally = this.#tally
    const only = { ...grid, steps: 1 }
    const inner = new Tally(only, tally.detail === 'total' ? 'total' : 'sums')
    return { planned: this.#counting(inner, () => plan(only)), done: () => tally.repeat(inner) }
  }

  #constantScalar(expr: Expr, grid: Grid): ScalarOperator {
    const { planned, done } = this.#planOnce(grid, only => this.scalar(expr, only))
    return new ConstantScalar(grid, planned, done)
  }

  /** The rows of a vector, or of a scalar as one without labels. */
  row(expr: Expr, grid: Grid): VectorOperator {
    if (grid.steps === 0) return { grid, oneName: true, run: async () => {} }
    return this.#plan.typeOf(expr) === 'scalar' ? new ScalarRow(this.#cx, this.scalar(expr, grid)) : this.vector(expr, grid)
  }

  #bounds(of: { readonly offset: Duration; readonly at: At | undefined }, range: Duration, grid: Grid): Bounds {
    const first = this.#time(of, grid)
    return boundsOf(first, of.at === undefined ? grid.step : 0, grid.steps, this.#duration(range, false))
  }

  /** epoch ms: what the first step looks at */
  #time({ offset, at }: { readonly offset: Duration; readonly at: At | undefined }, grid: Grid): number {
    return (at === undefined ? grid.start : this.#at(at)) - this.#duration(offset, true)
  }

  /** epoch ms */
  #at(at: At): number {
    const { start, end } = this.#plan
    return at === 'start' ? start : at === 'end' ? end : at
  }

  #duration(duration: Duration, mayBeNegative: boolean): number {
    const { start, end, step } = this.#plan
    return resolveDuration(duration, { step, range: end - start }, mayBeNegative)
  }

  #hintStep(grid: Grid): number {
    return this.#plan.step === 0 && grid.steps === 1 ? 0 : grid.step
  }

  #binary(expr: BinaryExpr, grid: Grid): VectorOperator {
    const left = this.#plan.typeOf(expr.left)
    const right = this.#plan.typeOf(expr.right)
    const cx = this.#cx
    if (left === 'vector' && right === 'vector') {
      const [a, b] = [this.vector(expr.left, grid), this.vector(expr.right, grid)]
      const { op } = expr
      if (op === 'and' || op === 'or' || op === 'unless') return new SetOperator(cx, op, expr.matching!, a, b)
      const words = new LastWords()
      return new VectorMatch(cx, new Operation(expr, words), words, expr.matching!, a, b)
    }
    const operation = new Operation(expr, cx.annotations)
    const operator =
      left === 'vector'
        ? new WithScalar(cx, operation, this.vector(expr.left, grid), this.scalar(expr.right, grid), 'left')
        : new WithScalar(cx, operation, this.vector(expr.right, grid), this.scalar(expr.left, grid), 'right')
    return operation.dropsName || operation.bool ? this.#nameless(operator, 'merge') : operator
  }

  #aggregate(written: AggregateExpr, grid: Grid): VectorOperator {
    // Annotations point into parentheses that are around a whole argument.
    const expr = { ...written, expr: bare(written.expr), param: written.param && bare(written.param) }
    const inner = expr.expr
    const from = inner.kind === 'vector_selector' ? this.#selector(inner, grid, 'value', expr.op) : this.vector(inner, grid)
    if (streamed.has(expr.op)) return new StreamedAggregate(this.#cx, { ...expr, op: expr.op as Streamed }, from)
    const param = expr.param!
    if (expr.op === 'count_values') return new CountValues(this.#cx, expr, (param as StringLiteral).value, from)
    const scalar = this.scalar(param, grid)
    return expr.op === 'quantile' ? new Quantile(this.#cx, expr, scalar, from) : new Ranked(this.#cx, expr, scalar, from)
  }

  #call(expr: Call, grid: Grid): VectorOperator {
    const cx = this.#cx
    const args = expr.args.map(bare)
    if (expr.func === 'timestamp' || expr.func === 'start_timestamp') return this.#timestamp(expr.func, args[0]!, grid)
    const func = this.#function(expr.func)
    if (func.kind === 'window') return this.#windowCall(expr, args, func, grid)
    const call = this.#planCall(expr, args, grid)
    if (func.kind === 'whole') return new Merged(cx, new WholeCall(call, func), 'merge', false)
    const vector = call.args.find(arg => arg.type === 'vector')
    const operator = new SampleCall(call, func, vector?.operator ?? new TimeVector(cx, grid, Labels.empty))
    return func.dropName ? this.#nameless(operator, 'merge') : operator
  }

  /** A function of a range selector may stand more than once: the share that one has of all asks for each and for all. It is evaluated once, and counted for each. */
  #windowCall(expr: Call, args: readonly Expr[], func: WindowFunction, grid: Grid): VectorOperator {
    const plain = args.every(arg => arg.kind === 'matrix_selector' || arg.kind === 'number' || arg.kind === 'string')
    const key = plain ? JSON.stringify([expr.func, args, grid], written) : ''
    let known = this.#calls.get(key)
    if (!plain || known === undefined) {
      const tally = plain ? new Tally(grid, this.#tally.detail) : this.#tally
      const call = this.#counting(tally, () => this.#planCall(expr, args, grid))
      const matrix = call.args.find(arg => arg.type === 'matrix')
      if (matrix === undefined) throw new QueryError('internal', `${expr.func}() has no range vector`)
      const operator = new WindowCall(call, func, matrix.operator)
      if (!plain) return func.dropName ? this.#nameless(operator, 'refuse') : operator
      known = { call, shared: new Shared(operator), evaluation: new Repeated(tally) }
      this.#calls.set(key, known)
    } else {
      // Annotations are about the last of them, as if each had been evaluated.
      Object.assign(known.call.context, { position: expr.position, positions: args.map(positionOf) })
    }
    const operator = new CountedAgain(known.shared.use(), known.evaluation, this.#tally)
    return func.dropName ? this.#nameless(operator, 'refuse') : operator
  }

  #scalarCall(expr: Call, grid: Grid): ScalarOperator {
    const { start, end, step } = this.#plan
    switch (expr.func) {
      case 'start':
        return new Constant(grid, start / 1000)
      case 'end':
        return new Constant(grid, end / 1000)
      case 'range':
        return new Constant(grid, (end - start) / 1000)
      case 'step':
        return new Constant(grid, start === end ? 0 : step / 1000)
    }
    if (grid.steps > 1 && invariant(expr)) return this.#constantScalar(expr, grid)
    const func = this.#function(expr.func)
    if (func.kind !== 'whole') throw new QueryError('internal', `${expr.func}() gives no scalar`)
    return new ScalarCall(this.#planCall(expr, expr.args.map(bare), grid), func)
  }

  #timestamp(func: 'timestamp' | 'start_timestamp', arg: Expr, grid: Grid): VectorOperator {
    const cx = this.#cx
    // Of a selector the samples themselves are asked, whatever lies between them.
    const sampled = arg.kind === 'vector_selector' ? { ...arg, modifier: undefined } : undefined
    if (func === 'timestamp') {
      const vector = sampled === undefined ? this.vector(arg, grid) : this.#selector(sampled, grid, 'seconds', func)
      return this.#nameless(new Timestamp(cx, vector, sampled !== undefined), 'merge')
    }
    // Only of a selector, and only where start timestamps are used, is there anything to tell.
    if (sampled === undefined) return new Nothing(cx, this.vector(arg, grid))
    if (!cx.startTimestamps) return { grid, oneName: true, run: async () => {} }
    return this.#nameless(new Timestamp(cx, this.#selector(sampled, grid, 'start', func), true), 'merge')
  }

  #function(name: string): PromqlFunction {
    const func = this.#plan.functions.get(name)
    if (func === undefined) throw new QueryError('bad_data', `unknown function with name "${name}"`)
    return func
  }

  #planCall(expr: Call, args: readonly Expr[], grid: Grid): PlannedCall {
    const { cx, start, end } = this.#plan
    const tally = this.#tally
    const planned = args.map((arg, index) =>
      expr.func === 'info' && index === 1 ? ({ type: 'written' } as const) : this.#argument(arg, grid, expr.func),
    )
    return {
      name: expr.func,
      args: planned,
      cx,
      grid,
      context: {
        grid,
        strings: planned.flatMap(arg => (arg.type === 'string' ? [arg.value] : [])),
        annotations: cx.annotations,
        position: expr.position,
        positions: args.map(positionOf),
        lookback: cx.lookback,
        args,
        instant: grid.steps === 1 && (start === end || invariant(expr)),
        delayedNameRemoval: cx.delayedNameRemoval,
        breathe: () => (this.#cx.budget.due ? this.#cx.budget.pause() : undefined),
        selectTimes: matchers => this.#selectTimes(matchers, args[0]!, grid, expr.func, tally),
      },
    }
  }

  #argument(arg: Expr, grid: Grid, func: string): Planned {
    switch (arg.kind) {
      case 'string':
        return { type: 'string', value: arg.value }
      case 'matrix_selector':
      case 'subquery':
        return { type: 'matrix', operator: this.matrix(arg, grid, func) }
      case 'vector_selector':
        return {
          type: 'vector',
          operator: grid.steps > 1 && invariant(arg) ? this.vector(arg, grid) : this.#selector(arg, grid, 'value', func),
        }
      default:
        return this.#plan.typeOf(arg) === 'scalar'
          ? { type: 'scalar', operator: this.scalar(arg, grid) }
          : { type: 'vector', operator: this.vector(arg, grid) }
    }
  }

  async #selectTimes(matchers: readonly Matcher[], expr: Expr, grid: Grid, func: string, tally: Tally) {
    const { lookback } = this.#cx
    const { at, offset } = infoTimes(expr, {
      typeOf: this.#plan.typeOf,
      offset: duration => this.#duration(duration, true),
      at: at => this.#at(at),
    })
    const first = (at ?? grid.start) - offset
    const step = at === undefined ? grid.step : 0
    const look = { first, step, lookback }
    const hints = { from: first - lookback, to: first + step * (grid.steps - 1), step: this.#hintStep(grid), range: 0, func }
    const selection = this.select(matchers, hints)
    const rows: Parameters<Parameters<VectorOperator['run']>[0]>[0][] = []
    const selector = new InstantSelector(this.#cx, grid, selection, look, 'milliseconds')
    await new Counted(selector, tally).run(row => rows.push(row))
    return rows
  }
}

/** A scalar as a vector of one series. */
class ScalarRow implements VectorOperator {
  readonly grid: Grid
  readonly oneName = true
  readonly #cx: Evaluation
  readonly #scalar: ScalarOperator

  constructor(cx: Evaluation, scalar: ScalarOperator) {
    this.grid = scalar.grid
    this.#cx = cx
    this.#scalar = scalar
  }

  async run(sink: Parameters<VectorOperator['run']>[0]): Promise<void> {
    const row = this.#cx.pool.take(Labels.empty, this.grid.steps)
    row.kind.fill(1)
    row.value.set(await this.#scalar.values())
    this.#cx.pool.charge(row)
    sink(row)
  }
}

/** Whether an expression has one value, whatever the step: all selectors have `@`, and nothing asks for the time. */
export function invariant(expr: Expr): boolean {
  switch (expr.kind) {
    case 'number':
    case 'string':
      return true
    case 'vector_selector':
    case 'subquery':
      return expr.at !== undefined
    case 'matrix_selector':
      return expr.selector.at !== undefined
    case 'paren':
    case 'unary':
      return invariant(expr.expr)
    case 'aggregate':
      // The parameter is not asked, by Prometheus neither: `topk(scalar(k), x @ end())` takes the k of the first step.
      return invariant(expr.expr)
    case 'binary':
      return invariant(expr.left) && invariant(expr.right)
    case 'call':
      if (expr.func === 'timestamp') return expr.args.every(arg => bare(arg).kind === 'vector_selector' && invariant(arg))
      // Where the argument's selectors share no time, info series are looked at at each step.
      return !ofTheTime.has(expr.func) && expr.func !== 'info' && expr.args.every(invariant)
  }
}

function refuseModifier(modifier: 'anchored' | 'smoothed', func: string): void {
  const safe = modifier === 'anchored' ? anchoredSafe : smoothedSafe
  if (func === '' || safe.includes(func)) return
  throw new QueryError('execution', `${modifier} modifier can only be used with: ${safe.join(', ')} - not with ${func}`)
}

/** For JSON that two expressions have in common only where they are the same, wherever they stand. JSON has null for what is not finite, and no −0. */
function written(name: string, value: unknown): unknown {
  if (name === 'position') return undefined
  return typeof value === 'number' && (!Number.isFinite(value) || Object.is(value, -0)) ? formatG(value) : value
}

function failedSelect(cause: unknown): never {
  if (cause instanceof QueryError) throw cause
  throw new QueryError('execution', `expanding series: ${cause instanceof Error ? cause.message : cause}`, { cause })
}

/** Where annotations place an argument. To Prometheus a subquery, which becomes samples before its function is called, begins where the query does. */
const positionOf = ({ kind, position }: Expr): Position => (kind === 'subquery' ? { start: 0, end: 0 } : position)
