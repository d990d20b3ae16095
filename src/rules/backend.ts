/** Queries of rules, sent to another server that speaks Prometheus's API, instead of the store. */
import type { QueryConfig } from '../component/configuration.ts'
import type { Clock } from '../lib/clock.ts'
import { Labels } from '../model/labels.ts'
import { QueryError } from '../promql/engine.ts'
import type { RuleQuery, VectorSample } from './vector.ts'

/** [bytes] of an answer; one that is larger is an error, and is not read on */
const MAX_ANSWER = 64 * 2 ** 20

/** @param timeoutMs for a query and its answer */
export function backendQuery({ url, headers }: NonNullable<QueryConfig['backend']>, timeoutMs: number, clock: Clock): RuleQuery {
  const address = `${url.replace(/\/+$/, '')}/api/v1/query`
  return async (_, text, time, signal) => {
    const late = new AbortController()
    const timer = clock.after(timeoutMs, () => late.abort(new QueryError('timeout', `the query backend took longer than ${timeoutMs} ms`)))
    try {
      const body = new URLSearchParams({ query: text, time: String(time / 1000) })
      const ends = signal === undefined ? late.signal : AbortSignal.any([late.signal, signal])
      const response = await fetch(address, { method: 'POST', body, headers: { ...headers }, signal: ends, redirect: 'error' })
      return vectorIn(await textOf(response), response.status)
    } catch (error) {
      if (error instanceof QueryError) throw error
      const reason = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error)
      throw new QueryError('execution', `the query backend does not answer: ${reason}`, { cause: error })
    } finally {
      timer[Symbol.dispose]()
    }
  }
}

async function textOf({ body }: Response): Promise<string> {
  const pieces: Uint8Array[] = []
  let size = 0
  for await (const piece of body ?? []) {
    size += piece.length
    if (size > MAX_ANSWER) throw new QueryError('execution', `the query backend answers with more than ${MAX_ANSWER} bytes`)
    pieces.push(piece)
  }
  return Buffer.concat(pieces).toString()
}

interface Answer {
  readonly status?: unknown
  readonly error?: unknown
  readonly data?: { readonly resultType?: unknown; readonly result?: unknown }
}

function vectorIn(text: string, status: number): readonly VectorSample[] {
  const { status: outcome, error, data } = answerIn(text, status)
  if (outcome !== 'success') throw new QueryError('execution', typeof error === 'string' ? error : `the query backend answers ${status}`)
  if (data?.resultType === 'scalar') return [{ labels: Labels.empty, value: numberIn(data.result), histogram: undefined }]
  if (data?.resultType !== 'vector' || !Array.isArray(data.result))
    throw new QueryError('execution', 'rule result is not a vector or scalar')
  return data.result.map(sampleIn)
}

function answerIn(text: string, status: number): Answer {
  try {
    const answer: unknown = JSON.parse(text)
    if (typeof answer === 'object' && answer !== null) return answer
  } catch {
    // A proxy in between speaks for itself.
  }
  throw new QueryError('execution', `the query backend answers ${status}, and not in JSON`)
}

function sampleIn(sample: unknown): VectorSample {
  const { metric, value } = sample as { metric?: Record<string, string>; value?: unknown }
  // The API shows bounds of buckets and no schema: what it was cannot be told.
  if (value === undefined) throw new QueryError('execution', 'histograms of a query backend cannot be read')
  return { labels: Labels.from(metric ?? {}), value: numberIn(value), histogram: undefined }
}

/** `[time, "value"]` */
function numberIn(point: unknown): number {
  const text = Array.isArray(point) ? String(point[1]) : ''
  if (text === '+Inf') return Number.POSITIVE_INFINITY
  if (text === '-Inf') return Number.NEGATIVE_INFINITY
  const value = text === '' ? Number.NaN : Number(text)
  if (Number.isNaN(value) && text !== 'NaN')
    throw new QueryError('execution', `the query backend gives ${JSON.stringify(text)} for a number`)
  return value
}
