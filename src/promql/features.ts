import type { EngineOptions } from './engine.ts'
import type { ParseOptions } from './parse.ts'

/** What of PromQL is experimental, by the names of Prometheus's `--enable-feature`, is turned on by these in the parser … */
export const parseOptions = (on: readonly string[]): Partial<ParseOptions> => ({
  experimentalFunctions: has(on, 'promql-experimental-functions'),
  durationExpressions: has(on, 'promql-duration-expr'),
  extendedRangeSelectors: has(on, 'promql-extended-range-selectors'),
  fillModifiers: has(on, 'promql-binop-fill-modifiers'),
})

/** … and by these in the engine. */
export const engineFeatures = (on: readonly string[]): Pick<EngineOptions, 'delayedNameRemoval'> => ({
  delayedNameRemoval: has(on, 'promql-delayed-name-removal'),
})

/** What lets `stats=all` tell steps apart. */
export const perStepStats = 'promql-per-step-stats'

const has = (on: readonly string[], feature: string): boolean => on.includes(feature)
