import type { Queryable } from '../model/query.ts'
import type { Annotation } from './annotations.ts'
import type { Expr } from './ast.ts'
import { evaluateInstant, evaluateRange } from './evaluation/evaluate.ts'
import { promqlFunctions } from './functions/index.ts'
import type { PromqlFunction } from './kernel.ts'
import type { Grid, QueryValue } from './value.ts'

export { QueryError } from './query-error.ts'

/** Everything that bounds a query or turns something on. Defaults are Prometheus's. */
export interface EngineOptions {
  /** [ms] how far an instant selector looks back (5 minutes) */
  readonly lookback: number
  /** [ms] step of a subquery that names none: the global evaluation interval (1 minute) */
  readonly defaultStep: number
  /** [samples] held at one time (50,000,000) */
  readonly maxSamples: number
  /** [ms] (2 minutes) */
  readonly timeout: number
  /** Names go at the end of the whole expression instead of at each step (off). */
  readonly delayedNameRemoval: boolean
  /** `rate` and the like use start timestamps (off) */
  readonly startTimestamps: boolean
  /** [ms] of a clock that never goes back; by default one that stands still: no query times out */
  readonly now: () => number
  /** Resolves after others had a turn of the event loop: asked for every 10 ms, so that a query is noticed to be given up. By default there is none. */
  readonly breathe: () => Promise<void>
  /** by name */
  readonly functions: ReadonlyMap<string, PromqlFunction>
}

export interface InstantQuery {
  readonly expr: Expr
  /** the text that `expr` came from: positions are shown with it */
  readonly text: string
  /** epoch ms */
  readonly time: number
  readonly signal?: AbortSignal
  /** how samples are counted: in all, with those that were read, or both of each step as well; `total` unless given */
  readonly stats?: StatsDetail
}

export type StatsDetail = 'total' | 'sums' | 'steps'

export interface RangeQuery {
  readonly expr: Expr
  readonly text: string
  /** epoch ms */
  readonly start: number
  readonly end: number
  /** [ms] > 0 */
  readonly step: number
  readonly signal?: AbortSignal
  readonly stats?: StatsDetail
}

export interface QueryResult {
  readonly value: QueryValue
  readonly annotations: readonly Annotation[]
  readonly stats: QueryStats
}

/** Samples are counted as Prometheus counts them, whatever the engine does. */
export interface QueryStats {
  /** [samples] seen: those of a window at each step that it is seen at */
  readonly samples: number
  /** [samples] of them that were read for it, where more than the total was asked for */
  readonly samplesRead: number
  /** [samples] both, of each step, where steps were asked for */
  readonly steps: { readonly grid: Grid; readonly samples: Float64Array; readonly samplesRead: Float64Array } | undefined
  /** [samples] the most held at one time */
  readonly peakSamples: number
  /** [ms] of the coarsest tier that was read; 0: samples as they came */
  readonly tier: number
  /** [ms] */
  readonly elapsed: number
}

/** Evaluates expressions over a Queryable. @throws {QueryError} with Prometheus's wording */
export interface Engine {
  instant(queryable: Queryable, query: InstantQuery): Promise<QueryResult>
  range(queryable: Queryable, query: RangeQuery): Promise<QueryResult>
}

export const defaultEngineOptions: EngineOptions = {
  lookback: 5 * 60_000,
  defaultStep: 60_000,
  maxSamples: 50_000_000,
  timeout: 2 * 60_000,
  delayedNameRemoval: false,
  startTimestamps: false,
  now: () => 0,
  breathe: () => Promise.resolve(),
  functions: promqlFunctions,
}

export function createEngine(options: Partial<EngineOptions> = {}): Engine {
  const all: EngineOptions = { ...defaultEngineOptions, ...options }
  return {
    instant: (queryable, query) => evaluateInstant(all, queryable, query),
    range: (queryable, query) => evaluateRange(all, queryable, query),
  }
}
