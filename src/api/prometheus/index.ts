/**
 * Prometheus's HTTP API over what is kept here: paths, methods, parameters, answers and errors are Prometheus's, so that Grafana, promtool
 * and every client of its work unchanged. Each question is a function of its parameters (query.ts, series.ts, status.ts); this file leads to
 * it, and answers.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Handler, Logger } from '../../component/component.ts'
import type { ScrapePool } from '../../component/targets.ts'
import { QueryError } from '../../promql/engine.ts'
import { pretty } from '../../promql/pretty.ts'
import { tree } from '../../promql/tree.ts'
import type { GroupStatus } from '../../rules/status.ts'
import { type Answer, ApiError, closing, invalidParameter, refusal } from './answer.ts'
import { type Asking, queryOf, type Sources } from './asking.ts'
import { sendOn } from './backend.ts'
import { federate } from './federate.ts'
import { readForm } from './form.ts'
import { Gate } from './gate.ts'
import { instantQuery, rangeQuery } from './query.ts'
import { remoteRead } from './remote-read.ts'
import { type Piece, send } from './respond.ts'
import { alerts, ruleGroups } from './rules.ts'
import { labelNames, labelValues, metadata, queryExemplars, series } from './series.ts'
import { buildInfo, configuration, flags, runtimeInfo, type Server, tsdb } from './status.ts'
import { scrapePools, targets } from './targets.ts'

export interface PrometheusApi extends Sources {
  readonly server: () => Server
  /** what is evaluated here, as it stands */
  readonly rules: () => readonly GroupStatus[]
  /** what is scraped here */
  readonly targets: () => readonly ScrapePool[]
  readonly log: Logger
}

type Question = (asking: Asking) => Answer | Promise<Answer>

interface Route {
  readonly methods: readonly string[]
  readonly ask: Question
  /** answered by evaluating an expression: only so many at one time */
  readonly heavy?: boolean
  /** about us, whoever answers queries */
  readonly own?: boolean
}

const reading = ['GET', 'POST']
const getting = ['GET']

function routesOf({ server, rules, targets: scraped }: PrometheusApi): Record<string, Route> {
  return {
    query: { methods: reading, ask: instantQuery, heavy: true },
    query_range: { methods: reading, ask: rangeQuery, heavy: true },
    query_exemplars: { methods: reading, ask: queryExemplars },
    series: { methods: reading, ask: series },
    labels: { methods: reading, ask: labelNames },
    metadata: { methods: getting, ask: metadata },
    format_query: { methods: reading, ask: asking => ({ data: pretty(queryOf(asking).expr) }) },
    parse_query: { methods: reading, ask: asking => ({ data: tree(queryOf(asking).expr) }) },
    rules: { methods: getting, ask: asking => ruleGroups(asking, rules()), own: true },
    alerts: { methods: getting, ask: () => alerts(rules()), own: true },
    alertmanagers: { methods: getting, ask: () => ({ data: { activeAlertmanagers: [], droppedAlertmanagers: [] } }), own: true },
    targets: { methods: getting, ask: asking => targets(asking, scraped()), own: true },
    scrape_pools: { methods: getting, ask: () => scrapePools(scraped()), own: true },
    'status/buildinfo': { methods: getting, ask: () => buildInfo(server()) },
    'status/runtimeinfo': { methods: getting, ask: ({ clock }) => runtimeInfo(server(), clock.now()), own: true },
    'status/config': { methods: getting, ask: () => configuration(server()), own: true },
    'status/flags': { methods: getting, ask: flags, own: true },
    'status/tsdb': { methods: getting, ask: tsdb },
    // What answers has replayed its log, and has nothing to announce.
    'status/walreplay': { methods: getting, ask: () => ({ data: { min: 0, max: 0, current: 0 } }), own: true },
    notifications: { methods: getting, ask: () => ({ data: [] }), own: true },
  }
}

const base = '/api/v1/'
/** Remote reads that are answered at one time, as with Prometheus. */
const maxReads = 10

/** Path and handler of every question. */
export function prometheusApi(api: PrometheusApi): readonly (readonly [path: string, handler: Handler])[] {
  const gate = new Gate(() => api.settings().maxConcurrency)
  const reads = new Gate(() => maxReads)
  const handlerOf = (route: Route): Handler => {
    return (request, response) => void new Exchange(api, gate, route, request, response).run()
  }
  const valuesOf: Handler = (request, response) => {
    const name = labelIn(request.url ?? '')
    if (name !== undefined) return handlerOf({ methods: getting, ask: asking => labelValues(asking, name) })(request, response)
    request.resume()
    response.writeHead(404, { 'content-type': 'text/plain; charset=utf-8' }).end('404 page not found\n')
  }
  const whole = (methods: readonly string[], answer: Whole): Handler => {
    return (request, response) => void answerWhole(api, methods, answer, request, response)
  }
  return [
    ...Object.entries(routesOf(api)).map(([path, route]) => [base + path, handlerOf(route)] as const),
    [`${base}label/`, valuesOf],
    [
      `${base}read`,
      whole(['POST'], (sources, request, response, signal) => reads.pass(signal, () => remoteRead(sources, request, response, signal))),
    ],
    ['/federate', whole(getting, federate)],
  ]
}

/** The name in `/api/v1/label/NAME/values`; undefined where the path is another. */
function labelIn(url: string): string | undefined {
  const [, name] = /^\/api\/v1\/label\/([^/?]+)\/values(?:\?|$)/.exec(url) ?? []
  try {
    return name === undefined ? undefined : decodeURIComponent(name)
  } catch {
    // Not UTF-8: no label has that name. Its bytes are kept as quote() shows them.
    const bytes = name!.replace(/%([89a-f][\da-f])/gi, (_, hex: string) => String.fromCharCode(0xdc00 + Number.parseInt(hex, 16)))
    return bytes.replace(/%([0-7][\da-f])/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  }
}

/** What is not answered in JSON, and so neither are its errors. @throws {ApiError} */
type Whole = (sources: Sources, request: IncomingMessage, response: ServerResponse, signal: AbortSignal) => Promise<void>

async function answerWhole(
  api: PrometheusApi,
  methods: readonly string[],
  answer: Whole,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const gone = new AbortController()
  response.once('close', () => gone.abort(new ApiError('canceled', 'the client has gone away')))
  try {
    if (!methods.includes(request.method ?? '')) return otherMethod(methods, request, response)
    const { backend, timeoutMs } = api.settings()
    if (backend !== undefined) return sendOn(backend, request, response, api.clock, timeoutMs)
    await answer(api, request, response, gone.signal)
  } catch (error) {
    const problem = problemOf(error)
    if (problem.type === 'internal') api.log.error({ err: error, path: request.url?.split('?')[0] }, unanswered)
    if (response.headersSent) return void response.destroy()
    if (!response.destroyed) response.writeHead(problem.status, { 'content-type': 'text/plain; charset=utf-8' }).end(`${problem.message}\n`)
  }
}

const unanswered = 'a question could not be answered'

function otherMethod(methods: readonly string[], request: IncomingMessage, response: ServerResponse): void {
  request.resume()
  if (request.method === 'OPTIONS') return void response.writeHead(204, { allow: methods.join(', ') }).end()
  response.writeHead(405, { allow: methods.join(', '), 'content-type': 'text/plain; charset=utf-8' })
  response.end('Method Not Allowed\n')
}

/** One question and its answer. */
class Exchange {
  readonly #api: PrometheusApi
  readonly #gate: Gate
  readonly #route: Route
  readonly #request: IncomingMessage
  readonly #response: ServerResponse
  readonly #gone = new AbortController()

  constructor(api: PrometheusApi, gate: Gate, route: Route, request: IncomingMessage, response: ServerResponse) {
    this.#api = api
    this.#gate = gate
    this.#route = route
    this.#request = request
    this.#response = response
    response.once('close', () => this.#gone.abort(new ApiError('canceled', 'query was canceled in query execution')))
  }

  async run(): Promise<void> {
    try {
      if (!this.#route.methods.includes(this.#request.method ?? '')) return otherMethod(this.#route.methods, this.#request, this.#response)
      const { backend, timeoutMs } = this.#api.settings()
      if (backend !== undefined && this.#route.own !== true)
        return sendOn(backend, this.#request, this.#response, this.#api.clock, timeoutMs)
      await this.#succeed(await this.#answer())
    } catch (error) {
      this.#fail(error)
    }
  }

  async #answer(): Promise<Answer> {
    const { clock, settings, store, engine } = this.#api
    const form = await readForm(this.#request)
    const asking: Asking = { clock, settings, store, engine, form, signal: this.#gone.signal }
    const answer = async () => this.#route.ask(asking)
    return this.#route.heavy === true ? this.#gate.pass(this.#gone.signal, answer) : answer()
  }

  async #succeed(answer: Answer): Promise<void> {
    if (answer.data === undefined && answer.pieces === undefined) return void this.#response.writeHead(204).end()
    await send(this.#request, this.#response, { status: 200, type: 'application/json', pieces: envelope(answer) })
  }

  #fail(error: unknown): void {
    const problem = problemOf(error)
    if (problem.type === 'internal') this.#api.log.error({ err: error, path: this.#request.url?.split('?')[0] }, unanswered)
    if (this.#response.headersSent) return void this.#response.destroy()
    if (this.#response.destroyed) return
    const { status } = problem
    send(this.#request, this.#response, { status, type: 'application/json', pieces: [refusal(problem)] }).catch(() =>
      this.#response.destroy(),
    )
  }
}

function* envelope({ data, pieces, ...rest }: Answer): Generator<Piece, void> {
  if (pieces === undefined) return yield `{"status":"success","data":${JSON.stringify(data)}${closing(rest)}}`
  yield* joined('{"status":"success","data":', pieces, `${closing(rest)}}`)
}

/** Pieces of a size that is worth sending. */
function* joined(head: string, pieces: Iterable<Piece>, tail: string): Generator<Piece, void> {
  let held: Uint8Array[] = [Buffer.from(head)]
  let size = head.length
  for (const piece of pieces) {
    const bytes = typeof piece === 'string' ? Buffer.from(piece) : piece
    held.push(bytes)
    size += bytes.length
    if (size < pieceBytes) continue
    yield Buffer.concat(held)
    held = []
    size = 0
  }
  yield Buffer.concat([...held, Buffer.from(tail)])
}
const pieceBytes = 64 * 1024

/** What goes wrong, in Prometheus's words. */
function problemOf(error: unknown): ApiError {
  if (error instanceof ApiError) return error
  // What is wrong with the question is known of the parameter that asks it.
  if (error instanceof QueryError && error.type === 'bad_data') return invalidParameter('query', error.message)
  if (error instanceof QueryError) return new ApiError(error.type, error.message, { cause: error })
  return new ApiError('internal', 'internal error: the log has it', { cause: error })
}
