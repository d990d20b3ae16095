import type { FloatHistogram } from '../model/float-histogram.ts'
import { Labels } from '../model/labels.ts'
import type { Queryable } from '../model/query.ts'
import type { Expr } from '../promql/ast.ts'
import { type Engine, QueryError } from '../promql/engine.ts'
import { HISTOGRAM, type QueryValue } from '../promql/value.ts'

/** One element of an instant vector. */
export interface VectorSample {
  readonly labels: Labels
  /** 0 where it is a histogram */
  readonly value: number
  readonly histogram: FloatHistogram | undefined
}

/** Evaluates an expression at a time [epoch ms]. @throws {QueryError} */
export type RuleQuery = (expr: Expr, text: string, time: number, signal?: AbortSignal) => Promise<readonly VectorSample[]>

/** @param queryable who answers; undefined: nobody at the moment */
export function engineQuery(engine: Engine, queryable: () => Queryable | undefined): RuleQuery {
  return async (expr, text, time, signal) => {
    const source = queryable()
    if (source === undefined) throw new QueryError('execution', 'there is no store that could be asked')
    const { value } = await engine.instant(source, { expr, text, time, ...(signal === undefined ? {} : { signal }) })
    return vectorOf(value)
  }
}

function vectorOf(value: QueryValue): readonly VectorSample[] {
  if (value.type === 'scalar') return [{ labels: Labels.empty, value: value.value, histogram: undefined }]
  if (value.type !== 'vector') throw new QueryError('execution', 'rule result is not a vector or scalar')
  return value.rows.map(({ labels, kind, value, histograms }) => {
    const histogram = kind[0] === HISTOGRAM ? histograms?.[0] : undefined
    return { labels, value: histogram === undefined ? value[0]! : 0, histogram }
  })
}
