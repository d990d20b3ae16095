import { compareLabels } from '../../model/labels.ts'
import type { Queryable } from '../../model/query.ts'
import { Annotations } from '../annotations.ts'
import type { Expr, MatrixSelector, SubqueryExpr } from '../ast.ts'
import { typeOf } from '../check.ts'
import type { EngineOptions, InstantQuery, QueryResult, RangeQuery } from '../engine.ts'
import type { Windows } from '../kernel.ts'
import { QueryError } from '../query-error.ts'
import { ABSENT, type Grid, type QueryValue, type Row, type Series } from '../value.ts'
import { Budget } from './budget.ts'
import { bare } from './calls.ts'
import { RefusedDuration } from './durations.ts'
import { extended } from './extended.ts'
import { mergeAlike, sameLabelset } from './merge.ts'
import type { Evaluation } from './operator.ts'
import { Planner } from './plan.ts'
import { type FlowingRow, RowPool, withoutName } from './rows.ts'
import { statisticsSelectors } from './statistics.ts'
import { Tally } from './tally.ts'

/** One evaluation. */
export function evaluateInstant(options: EngineOptions, queryable: Queryable, query: InstantQuery): Promise<QueryResult> {
  const { expr, time } = query
  const grid = { start: time, step: 1, steps: 1 }
  return evaluated(options, queryable, query, { expr, start: time, end: time, step: 0, grid }, async (planner, cx) => {
    const inner = bare(expr)
    switch (typeOf(expr)) {
      case 'string':
        return { type: 'string', time, value: inner.kind === 'string' ? inner.value : '' }
      case 'scalar': {
        const [value] = await planner.scalar(expr, grid).values()
        return { type: 'scalar', time, value: value! }
      }
      case 'vector':
        return { type: 'vector', time, rows: await rowsOf(planner, cx, expr, grid) }
      case 'matrix':
        return { type: 'series', series: await seriesOf(planner, cx, inner as MatrixSelector | SubqueryExpr, grid) }
    }
  })
}

/** Evaluations at start, start + step, … up to end. */
export function evaluateRange(options: EngineOptions, queryable: Queryable, query: RangeQuery): Promise<QueryResult> {
  const { expr, start, end, step } = query
  const grid = { start, step, steps: Math.max(0, Math.floor((end - start) / step) + 1) }
  return evaluated(options, queryable, query, { expr, start, end, step, grid }, async (planner, cx) => {
    const type = typeOf(expr)
    if (type !== 'scalar' && type !== 'vector')
      throw new QueryError(
        'bad_data',
        `invalid expression type "${type === 'matrix' ? 'range vector' : type}" for range query, must be Scalar or instant Vector`,
      )
    if (grid.steps === 0) return { type: 'matrix', grid, rows: [] }
    cx.budget.room(grid.steps)
    const rows = type === 'scalar' ? [await scalarRow(planner, cx, expr, grid)] : await rowsOf(planner, cx, expr, grid)
    return { type: 'matrix', grid, rows: [...rows].sort((a, b) => compareLabels(a.labels, b.labels)) }
  })
}

interface Asked {
  readonly expr: Expr
  readonly start: number
  readonly end: number
  readonly step: number
  readonly grid: Grid
}

async function evaluated(
  options: EngineOptions,
  queryable: Queryable,
  { text, signal, stats = 'total' }: Pick<InstantQuery, 'text' | 'signal' | 'stats'>,
  { expr, start, end, step, grid }: Asked,
  evaluate: (planner: Planner, cx: Evaluation) => Promise<QueryValue>,
): Promise<QueryResult> {
  const { now, breathe, maxSamples, timeout, lookback, delayedNameRemoval, startTimestamps, functions, defaultStep } = options
  const began = now()
  const budget = new Budget({ maxSamples, timeout, signal, now, breathe })
  const cx: Evaluation = {
    pool: new RowPool(budget),
    budget,
    annotations: new Annotations(),
    lookback,
    delayedNameRemoval,
    startTimestamps,
  }
  const tally = new Tally(grid, stats)
  const planner = new Planner({
    cx,
    queryable,
    functions,
    statistics: statisticsSelectors(expr),
    start,
    end,
    step,
    defaultStep,
    typeOf,
    tally,
  })
  budget.check()
  const value = await evaluate(planner, cx).catch(cause => failed(cause, text))
  budget.check()
  return {
    value,
    annotations: [...cx.annotations],
    stats: {
      samples: tally.total,
      samplesRead: tally.read,
      steps: tally.steps,
      peakSamples: budget.peak,
      tier: budget.tier,
      elapsed: now() - began,
    },
  }
}

/** Rows that have something, with the names that are to have gone gone. */
async function rowsOf(planner: Planner, cx: Evaluation, expr: Expr, grid: Grid): Promise<readonly Row[]> {
  const operator = planner.vector(expr, grid)
  const rows: FlowingRow[] = []
  await operator.run(row => {
    if (row.kind.some(kind => kind !== ABSENT)) rows.push(row)
  })
  return finished(rows, cx)
}

function finished(rows: FlowingRow[], cx: Evaluation): FlowingRow[] {
  if (!cx.delayedNameRemoval) return rows
  for (const row of rows) {
    if (!row.dropName) continue
    row.labels = withoutName(row.labels)
    row.dropName = false
  }
  return mergeAlike(rows, cx.pool, 'merge')
}

async function scalarRow(planner: Planner, cx: Evaluation, expr: Expr, grid: Grid): Promise<Row> {
  let row: Row | undefined
  await planner.row(expr, grid).run(only => {
    row = only
  })
  cx.budget.check()
  return row!
}

/** The samples of a range vector themselves. */
async function seriesOf(planner: Planner, cx: Evaluation, expr: MatrixSelector | SubqueryExpr, grid: Grid): Promise<readonly Series[]> {
  const series: Series[] = []
  const keys = new Set<string>()
  await planner.matrix(expr, grid, '').each((windows, nameGoes) => {
    const samples = windows.modifier === undefined ? cut(windows) : extended(windows)
    if (samples.time.length === 0) return
    const labels = nameGoes && cx.delayedNameRemoval ? withoutName(windows.labels) : windows.labels
    if (keys.has(labels.key)) throw sameLabelset()
    keys.add(labels.key)
    series.push({ labels, ...samples })
  }, true)
  return series.sort((a, b) => compareLabels(a.labels, b.labels))
}

function cut({ samples, lo, hi }: Windows): Omit<Series, 'labels'> {
  const from = lo[0]!
  const to = hi[0]!
  return {
    time: samples.time.subarray(from, to),
    value: samples.value.subarray(from, to),
    histograms: samples.histograms?.slice(from, to),
  }
}

/** What nobody foresaw: a store that cannot be read, a fault of ours. */
function failed(cause: unknown, query: string): never {
  if (cause instanceof RefusedDuration) throw cause.in(query)
  if (cause instanceof QueryError) throw cause
  throw new QueryError('internal', `unexpected error: ${cause instanceof Error ? cause.message : cause}`, { cause })
}
