import type { Expr } from '../promql/ast.ts'
import { QueryError } from '../promql/engine.ts'
import { nodesOf } from '../promql/nodes.ts'

/** Parts of PromQL that every Prometheus has today, and that tests may turn off as its early versions had them. */
export interface Features {
  /** `@` (on) */
  readonly atModifier: boolean
  /** `offset -5m` (on) */
  readonly negativeOffset: boolean
}

/** @throws {QueryError} where an expression uses what is off */
export function checkFeatures(expr: Expr, { atModifier = true, negativeOffset = true }: Partial<Features> = {}): void {
  if (atModifier && negativeOffset) return
  for (const node of nodesOf(expr)) {
    if (node.kind !== 'vector_selector' && node.kind !== 'subquery') continue
    const { at, offset } = node
    if (!atModifier && at !== undefined) {
      throw new QueryError('bad_data', '@ modifier is disabled, set promql.EngineOpts.EnableAtModifier to true to enable it')
    }
    if (!negativeOffset && typeof offset === 'number' && offset < 0) {
      throw new QueryError('bad_data', 'negative offset is disabled, set promql.EngineOpts.EnableNegativeOffset to true to enable it')
    }
  }
}
