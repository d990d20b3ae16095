/**
 * HTTP servers and clients of Node, and fetch, read from Node's own diagnostics channels: nothing is patched, so that it is the same for
 * ES modules, CommonJS and named imports, nothing can be counted twice, and a request costs a fraction of what patching costs.
 * Names and attributes are the semantic conventions' (stable HTTP).
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { EventEmitter } from 'node:events'
import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http'
import {
  type Attributes,
  type Context,
  context,
  type Histogram,
  type Meter,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import { isTracingSuppressed, type RPCMetadata, RPCType, suppressTracing } from '@opentelemetry/core'
import { cleanQuery, cleanUrl } from './clean.ts'
import { RequestContext } from './request-context.ts'
import type { Cost, Spending } from './spending.ts'

export interface HttpOptions {
  readonly meter: Meter | undefined
  /** none: nothing is traced, and no context made */
  readonly tracer: Tracer | undefined
  readonly contexts: Contexts
  /** headers of which a request must have one to be part of somebody's trace; none: any may be */
  readonly tracingHeaders: readonly string[] | undefined
  /** [ms] never goes back */
  readonly monotonic: () => number
  /** what this takes of each request is told here; none: nothing is timed */
  readonly spending?: Spending | undefined
  /** whether requests for a path are neither measured nor traced */
  readonly ignores: (path: string) => boolean
}

export interface Contexts {
  active(): Context
  /** Makes a context the current one for what follows in this turn and what comes of it. */
  attach(context: Context): void
  with<T>(context: Context, run: () => T): T
}

/** @returns what ends it */
export function watchHttp(options: HttpOptions): Disposable {
  const histogram = (side: 'server' | 'client') =>
    options.meter?.createHistogram(`http.${side}.request.duration`, {
      unit: 's',
      description: `Duration of HTTP ${side} requests.`,
      advice: { explicitBucketBoundaries: [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10] },
    })
  const channels = { ...serverChannels(options, histogram('server')), ...clientChannels(options, histogram('client')) }
  const listeners = Object.entries(channels).map(([name, take]) => {
    // Whatever is wrong here, the request goes on.
    const safe = (message: unknown) => {
      try {
        take(message as never)
      } catch {}
    }
    const { spending } = options
    const listener =
      spending === undefined
        ? safe
        : (message: unknown) =>
            spending.timed(
              () => safe(message),
              () => costOf(message),
            )
    subscribe(name, listener)
    return [name, listener] as const
  })
  return {
    [Symbol.dispose]() {
      for (const [name, listener] of listeners) unsubscribe(name, listener)
    },
  }
}

/** A server's request has its own; whose a client's is, its context says. */
function costOf(message: unknown): Cost | undefined {
  const { request } = message as { request?: Partial<Message> & { raw?: Message } }
  return request?.[served] ?? request?.raw?.[served]
}

type Channels = Readonly<Record<string, (message: never) => void>>

const known = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH', 'QUERY'])

/** What is kept of a request from its beginning to its end. */
interface Begun {
  readonly startMs: number
  readonly method: string
  span: Span | undefined
}

// --- server

interface Served extends Begun, Cost {
  readonly scheme: string
  /** of what happens for the request; undefined: nothing is traced */
  inside: Context | undefined
  /** where instrumentations of frameworks leave the route */
  metadata: RPCMetadata | undefined
  route: string | undefined
  /** neither measured nor traced, or told already */
  done: boolean
}

const served = Symbol('thalamus.served')
type Message = IncomingMessage & { [served]?: Served; baseUrl?: unknown; route?: { path?: unknown } }

function serverChannels(options: HttpOptions, durations: Histogram | undefined): Channels {
  const { tracer, contexts, tracingHeaders, monotonic, ignores, spending } = options
  /** What a request's events find, bodies that arrive later among them: they come out of the connection, which knows no request. */
  const emitOf = (served: (emitter: never) => Served | undefined) => ({
    // Without an array of what is passed on, where there is little: a request has ten of these events.
    value: function emit(this: EventEmitter, event: Event, first?: unknown, ...more: unknown[]): boolean {
      // Most of them nobody listens to.
      if (event !== 'error' && countListeners.call(this, event) === 0) return false
      const of = served(this as never)?.inside
      // Most of the others come while the request is handled, and are inside already, or inside of what the application has begun there.
      // biome-ignore lint/complexity/noArguments: what was passed as undefined is passed on as that.
      const given = arguments.length
      if (of === undefined || holds(of, contexts.active())) return passOn(this, given, event, first, more)
      return emitWithin(of, this, given, event, first, more)
    },
    writable: true,
    configurable: true,
    enumerable: false,
  })
  /** Apart, because whoever makes a function pays for what it knows at each call. */
  const emitWithin = (of: Context, emitter: EventEmitter, given: number, event: Event, first: unknown, more: readonly unknown[]): boolean =>
    contexts.with(of, () => passOn(emitter, given, event, first, more))
  const emitOfRequest = emitOf((request: Message) => request[served])
  const emitOfResponse = emitOf((response: ServerResponse) => (response.req as Message)[served])
  const goInside = (of: Context, request: Message, response: ServerResponse) => {
    Object.defineProperty(request, 'emit', emitOfRequest)
    Object.defineProperty(response, 'emit', emitOfResponse)
    contexts.attach(of)
  }

  function end(this: ServerResponse): void {
    const request = this.req as Message
    const begun = request[served]
    if (begun === undefined || begun.done) return
    begun.done = true
    if (spending === undefined) return finish(request, this, begun)
    spending.timed(
      () => finish(request, this, begun),
      () => begun,
    )
    spending.finished(begun)
  }

  function finish(request: Message, response: ServerResponse, begun: Served): void {
    const route = begun.route ?? begun.metadata?.route ?? expressRoute(request)
    const status = response.headersSent ? response.statusCode : undefined
    const failed = status !== undefined && status >= 500
    if (durations !== undefined) {
      const attributes: Attributes = {
        'http.request.method': begun.method,
        'url.scheme': begun.scheme,
        'network.protocol.version': request.httpVersion,
      }
      if (status !== undefined) attributes['http.response.status_code'] = status
      if (route !== undefined) attributes['http.route'] = route
      if (failed) attributes['error.type'] = String(status)
      durations.record((monotonic() - begun.startMs) / 1000, attributes)
    }
    const { span } = begun
    if (span === undefined) return
    if (status !== undefined) span.setAttribute('http.response.status_code', status)
    if (route !== undefined) span.setAttribute('http.route', route).updateName(`${nameOf(begun.method)} ${route}`)
    if (failed) span.setAttribute('error.type', String(status)).setStatus({ code: SpanStatusCode.ERROR })
    span.end()
  }

  /** Of most requests nobody else's trace is known, and nothing is to be read. */
  const parentOf = ({ headers }: IncomingMessage): Context =>
    tracingHeaders === undefined || tracingHeaders.some(name => headers[name] !== undefined)
      ? propagation.extract(ROOT_CONTEXT, headers)
      : ROOT_CONTEXT

  return {
    'http.server.request.start'({ request, response }: { request: Message; response: ServerResponse }) {
      const [path = '/', query = ''] = splitTarget(request.url ?? '/')
      const ignored = ignores(path)
      if (ignored && tracer === undefined) return
      const method = known.has(request.method ?? '') ? request.method! : '_OTHER'
      const begun: Served = {
        startMs: monotonic(),
        method,
        scheme: 'encrypted' in request.socket ? 'https' : 'http',
        span: undefined,
        inside: undefined,
        metadata: undefined,
        route: undefined,
        done: ignored,
        costMs: 0,
      }
      request[served] = begun
      if (ignored) {
        begun.inside = suppressTracing(ROOT_CONTEXT)
        return goInside(begun.inside, request, response)
      }
      response.on('close', end)
      if (tracer === undefined) return
      const parent = parentOf(request)
      const attributes = serverAttributes(request, method, begun.scheme, path, query)
      const span = tracer.startSpan(nameOf(method), { kind: SpanKind.SERVER, attributes }, parent)
      begun.span = span
      begun.metadata = { type: RPCType.HTTP, span }
      const of = new RequestContext(parent, span, begun.metadata)
      begun.inside = spending === undefined ? of : spending.within(of, begun)
      goInside(begun.inside, request, response)
    },
    /** Fastify tells which route it was. */
    'tracing:fastify.request.handler:start'({ request, route }: { request: { raw: Message }; route?: { url?: string } }) {
      const begun = request.raw[served]
      if (begun !== undefined) begun.route = route?.url
    },
    'tracing:fastify.request.handler:error'({ request, error }: { request: { raw: Message }; error: Error }) {
      request.raw[served]?.span?.recordException(error)
    },
  }
}

const holds = (of: Context, active: Context) => active === of || (of instanceof RequestContext && of.holds(active))

const { emit: plainEmit, listenerCount: countListeners } = EventEmitter.prototype

type Event = string | symbol

/** @param given how many arguments there were, the event among them */
function passOn(emitter: EventEmitter, given: number, event: Event, first: unknown, more: readonly unknown[]): boolean {
  if (given > 2) return plainEmit.call(emitter, event, first, ...more)
  return given === 2 ? plainEmit.call(emitter, event, first) : plainEmit.call(emitter, event)
}

/** `_OTHER` is for attributes; in names it is HTTP. */
const nameOf = (method: string) => (method === '_OTHER' ? 'HTTP' : method)

function serverAttributes(request: IncomingMessage, method: string, scheme: string, path: string, query: string): Attributes {
  const { headers, socket } = request
  const attributes: Attributes = {
    'http.request.method': method,
    'url.scheme': scheme,
    'url.path': path,
    'network.protocol.version': request.httpVersion,
  }
  if (method === '_OTHER') attributes['http.request.method_original'] = request.method ?? ''
  if (query !== '') attributes['url.query'] = cleanQuery(query)
  if (headers.host !== undefined) addAddress(attributes, headers.host)
  if (headers['user-agent'] !== undefined) attributes['user_agent.original'] = headers['user-agent']
  if (socket.remoteAddress !== undefined) {
    attributes['network.peer.address'] = socket.remoteAddress
    attributes['network.peer.port'] = socket.remotePort ?? 0
    const forwarded = headers['x-forwarded-for']
    attributes['client.address'] = (typeof forwarded === 'string' ? forwarded.split(',', 1)[0]?.trim() : undefined) || socket.remoteAddress
  }
  return attributes
}

/** Of `/a?b=1`, and of `http://host/a?b=1`, which proxies are sent. */
function splitTarget(target: string): [string, string] {
  const from = target.startsWith('/') ? target : target.replace(/^\w+:\/\/[^/?]*/, '') || '/'
  const at = from.indexOf('?')
  return at < 0 ? [from, ''] : [from.slice(0, at), from.slice(at + 1)]
}

/** Express leaves on the request what it has found. */
function expressRoute({ route, baseUrl }: Message): string | undefined {
  const path = route?.path
  if (typeof path !== 'string') return undefined
  const whole = `${typeof baseUrl === 'string' ? baseUrl : ''}${path}`
  return whole.length > 1 && whole.endsWith('/') ? whole.slice(0, -1) : whole
}

interface Address {
  readonly name: string
  readonly port: number | undefined
}

/** A service is known under few names; what an attacker makes up is not kept. */
const addresses = new Map<string, Address | undefined>()
const manyAddresses = 100

/** Of `name`, `name:80` or `[::1]:80`; undefined where it is no address. */
function addressOf(host: string): Address | undefined {
  if (addresses.has(host)) return addresses.get(host)
  const [, name, port] = /^(\[[^\]]*\]|[^:]*)(?::(\d+))?$/.exec(host) ?? []
  const found = name === undefined ? undefined : { name: name.replace(/^\[|\]$/g, ''), port: port === undefined ? undefined : Number(port) }
  if (addresses.size < manyAddresses) addresses.set(host, found)
  return found
}

function addAddress(attributes: Attributes, host: string): void {
  const address = addressOf(host)
  if (address === undefined) return
  attributes['server.address'] = address.name
  if (address.port !== undefined) attributes['server.port'] = address.port
}

// --- client

interface Asked extends Begun {
  readonly attributes: Attributes
  status: number | undefined
  version: string | undefined
  error: NodeJS.ErrnoException | undefined
}

interface FetchRequest {
  readonly origin: string | URL
  readonly path: string
  readonly method: string
  addHeader(name: string, value: string): void
}

function clientChannels({ tracer, monotonic }: HttpOptions, durations: Histogram | undefined): Channels {
  const asked = new WeakMap<object, Asked>()

  /** @returns undefined where it is our own, or of somebody who wants no trace */
  function begin(
    of: object,
    asMethod: string,
    url: string,
    host: string,
    inject: (name: string, value: string) => void,
  ): Asked | undefined {
    const active = context.active()
    if (isTracingSuppressed(active)) return undefined
    const method = known.has(asMethod.toUpperCase()) ? asMethod.toUpperCase() : '_OTHER'
    const attributes: Attributes = { 'http.request.method': method }
    addAddress(attributes, host)
    attributes['server.port'] ??= url.startsWith('https:') ? 443 : 80
    const original = method === '_OTHER' ? { 'http.request.method_original': asMethod } : {}
    const span = tracer?.startSpan(
      nameOf(method),
      { kind: SpanKind.CLIENT, attributes: { ...attributes, ...original, 'url.full': cleanUrl(url) } },
      active,
    )
    const begun: Asked = { startMs: monotonic(), method, span, attributes, status: undefined, version: undefined, error: undefined }
    asked.set(of, begun)
    if (span !== undefined) propagation.inject(trace.setSpan(active, span), null, { set: (_, name, value) => inject(name, value) })
    return begun
  }

  function end(of: object): void {
    const begun = asked.get(of)
    if (begun === undefined) return
    asked.delete(of)
    const { status, version, error, span } = begun
    const outcome: Attributes = {}
    if (status !== undefined) outcome['http.response.status_code'] = status
    if (version !== undefined) outcome['network.protocol.version'] = version
    if (error !== undefined) outcome['error.type'] = error.code ?? error.name
    else if (status !== undefined && status >= 400) outcome['error.type'] = String(status)
    durations?.record((monotonic() - begun.startMs) / 1000, { ...begun.attributes, ...outcome })
    if (span === undefined) return
    span.setAttributes(outcome)
    if (error !== undefined) span.recordException(error as Error)
    if (outcome['error.type'] !== undefined)
      span.setStatus(error === undefined ? { code: SpanStatusCode.ERROR } : { code: SpanStatusCode.ERROR, message: error.message })
    span.end()
  }

  const answered = (of: object, status: number, version?: string) => {
    const begun = asked.get(of)
    if (begun === undefined) return
    begun.status = status
    begun.version = version
  }
  const failed = (of: object, error: Error) => {
    const begun = asked.get(of)
    if (begun !== undefined) begun.error ??= error
  }

  return {
    'http.client.request.created'({ request }: { request: ClientRequest }) {
      const host = String(request.getHeader('host') ?? request.host)
      // An absolute path is what a proxy is sent.
      const url = /^\w+:\/\//.test(request.path) ? request.path : `${request.protocol}//${host}${request.path}`
      const begun = begin(request, request.method, url, host, (name, value) => {
        // With headers given as a list they are written already.
        if (!request.headersSent) request.setHeader(name, value)
      })
      if (begun !== undefined) request.once('close', () => end(request))
    },
    'http.client.response.finish'({ request, response }: { request: ClientRequest; response: IncomingMessage }) {
      answered(request, response.statusCode ?? 0, response.httpVersion)
    },
    'http.client.request.error'({ request, error }: { request: ClientRequest; error: Error }) {
      failed(request, error)
    },
    'undici:request:create'({ request }: { request: FetchRequest }) {
      const origin = String(request.origin)
      begin(request, request.method, origin + request.path, origin.replace(/^\w+:\/\//, ''), (name, value) =>
        request.addHeader(name, value),
      )
    },
    'undici:request:headers'({ request, response }: { request: FetchRequest; response: { statusCode: number } }) {
      answered(request, response.statusCode)
    },
    'undici:request:trailers'({ request }: { request: FetchRequest }) {
      end(request)
    },
    'undici:request:error'({ request, error }: { request: FetchRequest; error: Error }) {
      failed(request, error)
      end(request)
    },
  }
}
