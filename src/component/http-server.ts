/**
 * What every HTTP server here has in common, in the words of the Collector's `confighttp`: settings, and a server for pages that
 * are asked for and have no body (health, metrics). What receives bodies has a server of its own.
 */
import { createServer, type IncomingMessage, type Server, type ServerOptions, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { z } from 'zod'
import type { Authenticator, Context } from './component.ts'
import { Connections, maxConnections, pageConnections } from './connections.ts'
import { answerPreflight, corsHeaders, corsSettings, createCors } from './cors.ts'
import { RetryableError, StartError } from './errors.ts'
import { listen } from './listen.ts'
import { keepServerTls, loadServerTls, serverTls } from './server-tls.ts'
import { duration, headerMap, refused, splitEndpoint, withoutEffect } from './settings.ts'

/** Of the address, for every server. */
export const listenSettings = () => ({
  transport: refused('only TCP is listened on', 'name host:port, and let a proxy in front listen on what else there is', ['tcp', 'tcp4']),
  dialer: withoutEffect(
    z.strictObject({ timeout: duration().prefault('0s').describe('No effect.') }).prefault({}),
    'a server connects to nobody',
  ),
  include_metadata: withoutEffect(z.boolean().default(false), 'no component here reads the headers that a request came with'),
  middlewares: refused('there are no middleware extensions here', 'leave it out'),
})

/** Who may come in. */
export const serverAuth = () =>
  z
    .strictObject({
      authenticator: z.string().describe('The id of an extension that authenticates, such as `bearertokenauth`.'),
      request_params: refused('credentials in the address of a request end in logs', 'send them in a header'),
    })
    .optional()
    .describe('Who may come in. Without it, everyone.')

/** Of connections and answers, for every HTTP server. */
export const httpServerSettings = (most?: number) => ({
  ...listenSettings(),
  tls: serverTls().optional().describe('Serves HTTPS.'),
  auth: serverAuth(),
  cors: corsSettings().optional().describe('Lets pages in browsers in.'),
  response_headers: headerMap().prefault({}).describe('Headers added to every answer, as a map or as a list of `name` and `value`.'),
  read_header_timeout: duration().prefault('1m').describe('How long the headers of a request may take.'),
  idle_timeout: duration().prefault('1m').describe('How long a connection is kept between requests.'),
  keep_alives_enabled: z.boolean().default(true).describe('Off: every connection carries one request.'),
  max_connections: maxConnections(most),
})

/** The settings of a server for pages; `endpoint` and the path are the component's own. */
export const pageServerSettings = () => ({
  ...httpServerSettings(pageConnections),
  read_timeout: duration().prefault('1m').describe('How long a whole request may take; 0: without end.'),
  write_timeout: duration().prefault('2m').describe('Whoever has not taken the answer by then is cut off; 0: never.'),
  max_request_body_size: withoutEffect(z.number().int().min(0).optional(), 'what is sent along with a request for a page is not read'),
  compression_algorithms: withoutEffect(z.array(z.string()).optional(), 'what is sent along with a request for a page is not read'),
})
const pageSettings = z.strictObject({ endpoint: z.string(), ...pageServerSettings() })
export type PageSettings = z.output<typeof pageSettings>

/** Refusing needs no more of these than a browser or a scraper sends; a flood of them costs the parser. */
const maxHeaderBytes = 32 * 1024

export function serverOptions(settings: {
  readonly read_header_timeout: number
  readonly read_timeout: number
  readonly idle_timeout: number
}): ServerOptions {
  return {
    maxHeaderSize: maxHeaderBytes,
    // Node refuses to wait longer for the head than for the whole.
    headersTimeout: Math.min(settings.read_header_timeout, settings.read_timeout || Number.POSITIVE_INFINITY),
    requestTimeout: settings.read_timeout,
    keepAliveTimeout: settings.idle_timeout,
    connectionsCheckingInterval: Math.max(1000, Math.min(settings.read_header_timeout / 2, 30_000)),
    noDelay: true,
  }
}

/** @throws {StartError} when the extension that the setting names is not running, or does not authenticate. */
export function findAuthenticator(
  cx: Pick<Context, 'authenticator'>,
  auth: { readonly authenticator: string } | undefined,
  where: string,
): Authenticator | undefined {
  if (auth === undefined) return undefined
  const found = cx.authenticator(auth.authenticator)
  if (found === undefined) {
    throw new StartError(`${where}.auth.authenticator: no running extension ${JSON.stringify(auth.authenticator)} authenticates`, {
      remedy: 'define it under extensions, and list it in service.extensions',
    })
  }
  return found
}

/** A server for pages: who is let in, and what is put around every answer; `answer` has the rest. */
export class PageServer {
  readonly #cx: Context
  readonly #settings: PageSettings
  readonly #where: string
  readonly #answer: (request: IncomingMessage, response: ServerResponse) => void
  readonly #cors
  #server: Server | undefined
  #connections: Connections | undefined
  #reload: Disposable | undefined

  /** @param where the path of these settings, e.g. `exporters.prometheus` */
  constructor(cx: Context, settings: PageSettings, where: string, answer: (request: IncomingMessage, response: ServerResponse) => void) {
    this.#cx = cx
    this.#settings = settings
    this.#where = where
    this.#answer = answer
    this.#cors = createCors(settings.cors)
  }

  /** @returns `http://host:port` as bound @throws {StartError} */
  async start(): Promise<string> {
    const { host, port } = splitEndpoint(this.#settings.endpoint)
    const { tls } = this.#settings
    const authenticator = findAuthenticator(this.#cx, this.#settings.auth, this.#where)
    const options = serverOptions(this.#settings)
    const serve = (request: IncomingMessage, response: ServerResponse) => this.#serve(request, response, authenticator)
    if (tls === undefined) this.#server = createServer(options, serve)
    else {
      const secure = createSecureServer({ ...options, ...(await loadServerTls(this.#cx.files, tls, `${this.#where}.tls`)) }, serve)
      this.#reload = keepServerTls(this.#cx, secure, tls, `${this.#where}.tls`)
      this.#server = secure
    }
    const { max_connections: most } = this.#settings
    this.#connections = new Connections(this.#server, { listener: this.#cx.id, most, meter: this.#cx.meter, clock: this.#cx.clock })
    return listen(this.#server, host, port, `${this.#where}.endpoint`, tls === undefined ? 'http' : 'https')
  }

  async stop(): Promise<void> {
    this.#reload?.[Symbol.dispose]()
    const server = this.#server
    if (!server?.listening) return
    const closed = new Promise(resolve => server.close(resolve))
    this.#connections?.destroy()
    await closed
  }

  #serve(request: IncomingMessage, response: ServerResponse, authenticator: Authenticator | undefined): void {
    const { response_headers, keep_alives_enabled, write_timeout } = this.#settings
    request.resume()
    if (this.#connections?.behindTooMany(request, response)) return
    response.once('finish', () => this.#connections?.served(request.socket))
    for (const [name, value] of Object.entries(response_headers)) response.setHeader(name, value)
    if (!keep_alives_enabled) response.shouldKeepAlive = false
    if (write_timeout > 0) {
      const timer = this.#cx.clock.after(write_timeout, () => response.destroy())
      response.once('close', () => timer[Symbol.dispose]())
    }
    const { origin } = request.headers
    if (this.#cors !== undefined && origin !== undefined) {
      if (request.method === 'OPTIONS') return answerPreflight(this.#cors, request, response, 'GET, HEAD')
      const extra = corsHeaders(this.#cors, origin)
      for (let i = 0; i < extra.length; i += 2) response.setHeader(extra[i]!, extra[i + 1]!)
    }
    try {
      authenticator?.check(request.headers)
    } catch (error) {
      const later = error instanceof RetryableError
      response.writeHead(later ? 503 : 401, {
        'content-type': 'text/plain; charset=utf-8',
        ...(later ? { 'retry-after': '1' } : { 'www-authenticate': 'Bearer, Basic' }),
      })
      return void response.end(`${error instanceof Error ? error.message : 'not let in'}\n`)
    }
    try {
      this.#answer(request, response)
    } catch (error) {
      this.#cx.log.error({ err: error, path: request.url }, 'a page could not be made')
      if (response.headersSent) response.destroy()
      else response.writeHead(500, { 'content-type': 'text/plain; charset=utf-8' }).end('a bug: the log has it\n')
    }
  }
}
