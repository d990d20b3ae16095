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

/** The parameter `query`. @throws {ApiError} with Prometheus's words @param problem how what is wrong with it is told */
export function queryOf(
  { form, settings }: Asking,
  problem: (why: string) => ApiError = why => invalidParameter('query', why),
): { readonly text: string; readonly expr: Expr } {
  const text = form.get('query')
  try {
    return { text, expr: parseExpr(text, parseOptions(settings().features)) }
  } catch (error) {
    if (error instanceof ParseError) throw problem(error.message)
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

/** The parameters `match[]`. @throws {ApiError} @param problem how what is wrong with one is told */
export function selectorsOf(form: Form, problem = badData): readonly (readonly Matcher[])[] {
  const selectors = looseSelectorsOf(form, problem)
  for (const matchers of selectors) {
    if (matchers.every(matcher => valueTest(matcher)(''))) throw problem('match[] must contain at least one non-empty matcher')
  }
  return selectors
}

/** Those that select series without any label as well. @throws {ApiError} */
export const looseSelectorsOf = (form: Form, problem = badData): readonly (readonly Matcher[])[] =>
  form.all('match[]').map(text => selectorOf(text, problem))

/** One selector. @throws {ApiError} */
export function selectorOf(text: string, problem: (why: string) => ApiError): readonly Matcher[] {
  try {
    return parseSelector(text)
  } catch (error) {
    if (error instanceof ParseError) throw problem(error.message)
    throw error
  }
}
