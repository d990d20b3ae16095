/** What a question is answered from. */
import type { QueryConfig } from '../../component/configuration.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Matcher } from '../../model/matcher.ts'
import { valueTest } from '../../model/matcher.ts'
import type { Store } from '../../model/query.ts'
import type { Expr } from '../../promql/ast.ts'
import type { Engine, EngineOptions } from '../../promql/engine.ts'
import { parseOptions } from '../../promql/features.ts'
import { ParseError, parseExpr, parseSelector } from '../../promql/parse.ts'
import { ApiError, badData, invalidParameter } from './answer.ts'
import type { Form } from './form.ts'
import { maxTime, minTime, optionalTime } from './times.ts'

export interface Sources {
  readonly clock: Clock
  /** as the configuration has it, at this moment */
  readonly settings: () => QueryConfig
  readonly store: () => Store | undefined
  readonly engine: (options: Partial<EngineOptions>) => Engine
}

/** One question. */
export interface Asking extends Sources {
  readonly form: Form
  /** aborted when the client has gone away */
  readonly signal: AbortSignal
}

/** @throws {ApiError} 503 where nobody keeps series */
export function storeOf({ store }: Sources): Store {
  const found = store()
  if (found !== undefined) return found
  throw new ApiError('unavailable', 'no series are kept here: list the exporter "store" in a metrics pipeline, or name a query backend')
}

/** The parameter `query`. @throws {ApiError} with Prometheus's words */
export function queryOf({ form, settings }: Asking): { readonly text: string; readonly expr: Expr } {
  const text = form.get('query')
  try {
    return { text, expr: parseExpr(text, parseOptions(settings().features)) }
  } catch (error) {
    if (error instanceof ParseError) throw invalidParameter('query', error.message)
    throw error
  }
}

export interface Span {
  /** epoch ms, exclusive: a millisecond before what was asked for, which is inclusive */
  readonly from: number
  readonly to: number
}

export function spanOf(form: Form): Span {
  return { from: optionalTime(form, 'start', minTime) - 1, to: optionalTime(form, 'end', maxTime) }
}

/** The parameters `match[]`. @throws {ApiError} */
export function selectorsOf(form: Form): readonly (readonly Matcher[])[] {
  const selectors = form.all('match[]').map(selectorOf)
  for (const matchers of selectors) {
    if (matchers.every(matcher => valueTest(matcher)(''))) throw badData('match[] must contain at least one non-empty matcher')
  }
  return selectors
}

function selectorOf(text: string): readonly Matcher[] {
  try {
    return parseSelector(text)
  } catch (error) {
    if (error instanceof ParseError) throw badData(error.message)
    throw error
  }
}
