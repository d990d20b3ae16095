/**
 * Spans and log records that are kept here, over HTTP: `/api/v1/traces/ID` is one trace, `/api/v1/traces` finds traces by what one of their spans is,
 * `/api/v1/logs` finds log records. Answers are OTLP, as JSON or, where the client asks for it, as protobuf; times, errors and what is
 * wrong with a parameter are said as in Prometheus's API.
 */
import type { Handler, Logger } from '../../component/component.ts'
import type { KeptRecords } from '../../component/records.ts'
import type { Clock } from '../../lib/clock.ts'
import type { FoundRecords, Records } from '../../model/records.ts'
import { protobufToJson } from '../../otlp/json.ts'
import { type Asking as Asked, answering, type Reply } from '../answering.ts'
import { ApiError } from '../prometheus/answer.ts'
import { logQuery, mostTraceSpans, onlyKnown, searchLimit, spanQuery, traceIdOf } from './questions.ts'

export interface RecordsApi {
  readonly clock: Clock
  readonly log: Logger
  readonly records: KeptRecords
}

type Signal = 'traces' | 'logs'
interface Asking extends Asked {
  readonly api: RecordsApi
}
interface Answer {
  readonly signal: Signal
  readonly found: FoundRecords
}

const tracePath = '/api/v1/traces/'

export function recordsApi(api: RecordsApi): readonly (readonly [path: string, handler: Handler])[] {
  const handlerOf = (ask: (asking: Asking) => Promise<Answer>): Handler =>
    answering(api.log, async asked => toReply(await ask({ api, ...asked }), asked.accept))
  return [
    [tracePath, handlerOf(oneTrace)],
    ['/api/v1/traces', handlerOf(someTraces)],
    ['/api/v1/logs', handlerOf(someLogs)],
  ]
}

async function oneTrace({ api, form, path, signal }: Asking): Promise<Answer> {
  onlyKnown(form, 'trace')
  const id = traceIdOf(decoded(path.slice(tracePath.length)))
  const found = await kept(api, 'traces').find({ ...always, traceIds: [id], limit: mostTraceSpans }, signal)
  if (found.rows === 0) throw new ApiError('not_found', 'trace not found')
  return { signal: 'traces', found }
}

const always = { from: Number.NEGATIVE_INFINITY, to: Number.POSITIVE_INFINITY }

/** Whole traces, of which one span is as asked. */
async function someTraces({ api, form, signal }: Asking): Promise<Answer> {
  onlyKnown(form, 'traces')
  const store = kept(api, 'traces')
  const limit = searchLimit(form, 'traces')
  const spans = await store.find(spanQuery(form, api.clock.now()), signal)
  const traceIds = spans.traceIds.slice(0, limit).map(id => Buffer.from(id, 'hex'))
  if (traceIds.length === 0) return { signal: 'traces', found: { ...spans, requests: [], rows: 0 } }
  const found = await store.find({ ...always, traceIds, limit: mostTraceSpans }, signal)
  return { signal: 'traces', found: { ...found, more: found.more || spans.more || spans.traceIds.length > limit } }
}

async function someLogs({ api, form, signal }: Asking): Promise<Answer> {
  onlyKnown(form, 'logs')
  return { signal: 'logs', found: await kept(api, 'logs').find(logQuery(form, api.clock.now()), signal) }
}

function kept<S extends Signal>({ records }: RecordsApi, signal: S): Records<S> {
  const found = records[signal].get() as Records<S> | undefined
  if (found === undefined) throw new ApiError('unavailable', `nothing keeps ${signal} here: no pipeline of them has an exporter store`)
  return found
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** OTLP as the client takes it. */
function toReply({ signal, found: { requests, more } }: Answer, accept: string): Reply {
  if (/\bapplication\/(x-)?protobuf\b/.test(accept)) return { type: 'application/x-protobuf', pieces: requests, more }
  return { type: 'application/json', pieces: toJson(signal, requests), more }
}

/** `{"resourceSpans":[…]}`, a request at a time. */
function* toJson(signal: Signal, requests: readonly Uint8Array[]): Generator<string> {
  const list = signal === 'traces' ? 'resourceSpans' : 'resourceLogs'
  yield `{"${list}":[`
  let comma = ''
  for (const request of requests) {
    const entries = protobufToJson(signal, request)[list]
    if (!Array.isArray(entries) || entries.length === 0) continue
    yield comma + JSON.stringify(entries).slice(1, -1)
    comma = ','
  }
  yield ']}'
}
