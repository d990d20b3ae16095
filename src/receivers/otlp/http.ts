/** OTLP over HTTP on node:http: one server, and what each request is measured against before its body is read. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { TlsOptions, Server as TlsServer } from 'node:tls'
import type { Authenticator } from '../../component/component.ts'
import { Connections, close } from '../../component/connections.ts'
import { answerPreflight, type Cors, createCors } from '../../component/cors.ts'
import { serverOptions } from '../../component/http-server.ts'
import { listen } from '../../component/listen.ts'
import { splitEndpoint } from '../../component/settings.ts'
import type { Signal } from '../../model/signal.ts'
import type { Encoding } from '../../otlp/status.ts'
import type { Form } from './body.ts'
import type { ContentEncoding } from './decompress.ts'
import { type Door, sayAccepting } from './door.ts'
import { Exchange, refuse } from './exchange.ts'
import { PlainRequests } from './plain.ts'
import { encodings, type HttpSettings } from './settings.ts'
import { grpcCode, outOfMemory, Refusal, shuttingDown, tooLarge } from './verdict.ts'

const defaultBodyBytes = 20 * 2 ** 20

export class HttpServer {
  readonly door: Door
  readonly maxBodyBytes: number
  readonly cors: Cors | undefined
  /** added to every answer */
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly connections: Connections
  readonly #settings: HttpSettings
  readonly #authenticator: Authenticator | undefined
  readonly #signals: ReadonlyMap<string, Signal>
  readonly #encodings: ReadonlySet<string>
  readonly #server: Server
  readonly #scheme: string
  readonly #plain: PlainRequests | undefined
  url = ''

  constructor(door: Door, settings: HttpSettings, authenticator: Authenticator | undefined, tls: TlsOptions | undefined) {
    this.door = door
    this.maxBodyBytes = settings.max_request_body_size || defaultBodyBytes
    this.cors = createCors(settings.cors)
    this.#settings = settings
    this.#authenticator = authenticator
    this.#encodings = new Set(settings.compression_algorithms)
    this.#signals = new Map([
      [settings.metrics_url_path, 'metrics'],
      [settings.traces_url_path, 'traces'],
      [settings.logs_url_path, 'logs'],
    ])
    this.#scheme = tls === undefined ? 'http' : 'https'
    const options = serverOptions(settings)
    this.#server = tls === undefined ? createServer(options) : createSecureServer({ ...options, ...tls })
    this.#server.on('request', (request: IncomingMessage, response: ServerResponse) => this.#open(request, response, false))
    this.#server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => this.#open(request, response, true))
    this.headers = Object.entries(settings.response_headers)
    const bare = this.headers.length === 0 && settings.keep_alives_enabled
    const plain = settings.fast_path && bare && tls === undefined && authenticator === undefined
    const patience = { idleMs: settings.idle_timeout, readMs: settings.read_timeout }
    this.#plain = plain ? new PlainRequests(this, this.#server, door.clock, patience) : undefined
    // After whoever takes connections away from node:http, so that it hears of them first.
    const { max_connections: most } = settings
    const pipelined = 100
    this.connections = new Connections(this.#server, { listener: `${door.id}/http`, most, pipelined, meter: door.meter, clock: door.clock })
  }

  /** Where it serves TLS, what its certificates are set on. */
  get secure(): TlsServer {
    return this.#server as unknown as TlsServer
  }

  /** @throws {StartError} */
  async listen(setting: string): Promise<void> {
    const { host, port } = splitEndpoint(this.#settings.endpoint)
    this.url = await listen(this.#server, host, port, setting, this.#scheme, this.door.ports)
    sayAccepting(this.#server, this.door)
  }

  /** A request that came to another listener. */
  serve(request: IncomingMessage, response: ServerResponse): void {
    this.#open(request, response, false)
  }

  /** Requests that have begun are finished; `signal` cuts them off. */
  shutdown(signal: AbortSignal): Promise<void> {
    this.#plain?.drain()
    return close(this.#server, this.connections, signal)
  }

  /** How a request with these is read; undefined where it is not. */
  formOf(path: string, type: string | undefined, contentEncoding: string | undefined): Form | undefined {
    const signal = this.#signals.get(path)
    const encoding = encodingOf(type)
    const intake = signal && this.door.intakes[signal]
    if (encoding === undefined || intake === undefined || !this.#encodings.has(contentEncoding ?? '')) return undefined
    return { intake, encoding, compressed: contentEncoding as ContentEncoding | undefined, limit: this.maxBodyBytes }
  }

  #open(request: IncomingMessage, response: ServerResponse, expectsContinue: boolean): void {
    if (this.connections.behindTooMany(request, response)) return
    response.sendDate = false
    if (!this.#settings.keep_alives_enabled) response.shouldKeepAlive = false
    for (const [name, value] of this.headers) response.setHeader(name, value)
    const answersIn = encodingOf(request.headers['content-type'])
    try {
      const signal = this.#route(request, response)
      if (signal === undefined) return
      this.#admit(request)
      if (answersIn === undefined) throw unsupportedType(request.headers['content-type'])
      const compressed = this.#contentEncoding(request.headers['content-encoding'])
      const intake = this.door.intakes[signal]
      if (intake === undefined) throw new Refusal(404, grpcCode.unimplemented, `no pipeline takes ${signal} from this receiver`)
      if (Number(request.headers['content-length'] ?? 0) > this.maxBodyBytes) throw tooLarge(this.maxBodyBytes)
      if (expectsContinue) response.writeContinue()
      new Exchange(this, request, response, { intake, encoding: answersIn, compressed, limit: this.maxBodyBytes }).begin()
    } catch (refusal) {
      // Who was not told to go on may send the body or the next request: nobody could tell which.
      if (expectsContinue) response.shouldKeepAlive = false
      refuse(this, request, response, refusal, answersIn)
    }
  }

  /** Undefined: already answered. */
  #route(request: IncomingMessage, response: ServerResponse): Signal | undefined {
    const url = request.url ?? '/'
    const signal = this.#signals.get(url) ?? this.#signals.get(pathOf(url))
    if (signal === undefined) {
      throw new Refusal(404, grpcCode.unimplemented, `nothing is received here, only at ${[...this.#signals.keys()].join(', ')}`)
    }
    if (request.method === 'POST') return signal
    if (request.method === 'OPTIONS' && this.cors !== undefined) {
      answerPreflight(this.cors, request, response)
      return undefined
    }
    response.setHeader('allow', this.cors === undefined ? 'POST' : 'POST, OPTIONS')
    throw new Refusal(405, grpcCode.unimplemented, `only POST is understood here, got ${request.method}`)
  }

  #admit(request: IncomingMessage): void {
    if (this.door.draining) throw shuttingDown()
    this.#authenticator?.check(request.headers)
    if (this.door.budget.exceeded) throw outOfMemory()
  }

  #contentEncoding(header: string | undefined): ContentEncoding | undefined {
    if (header === undefined) return undefined
    const named = header.trim().toLowerCase()
    const encoding = named === 'identity' ? '' : named === 'x-gzip' ? 'gzip' : named
    if (!this.#encodings.has(encoding)) {
      const known = encodings.filter(name => name !== '' && this.#encodings.has(name)).join(', ')
      throw new Refusal(415, grpcCode.invalidArgument, `content-encoding ${JSON.stringify(header)} is not taken, only ${known || 'none'}`)
    }
    return encoding === '' ? undefined : (encoding as ContentEncoding)
  }
}

/** Parameters such as a charset are allowed: both encodings have but one. */
function encodingOf(contentType: string | undefined): Encoding | undefined {
  if (contentType === 'application/x-protobuf') return 'protobuf'
  if (contentType === undefined) return undefined
  switch (contentType.split(';', 1)[0]!.trim().toLowerCase()) {
    case 'application/x-protobuf':
      return 'protobuf'
    case 'application/json':
      return 'json'
    default:
      return undefined
  }
}

const unsupportedType = (got: string | undefined) =>
  new Refusal(
    415,
    grpcCode.invalidArgument,
    `content-type must be application/x-protobuf or application/json, got ${got === undefined ? 'none' : JSON.stringify(got)}`,
  )

/** A proxy may send the whole address (RFC 9112, 3.2.2). */
const pathOf = (target: string): string => target.replace(/^https?:\/\/[^/?#]*/i, '').split('?', 1)[0]!
