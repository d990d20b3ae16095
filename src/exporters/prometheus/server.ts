/** The listener that scrapers ask: one path, GET and HEAD, as many scrapes at once as were allowed. */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { pipeline } from 'node:stream/promises'
import type { TlsOptions } from 'node:tls'
import { constants, createGzip } from 'node:zlib'
import type { Counter } from '@opentelemetry/api'
import type { Context } from '../../component/component.ts'
import { listen } from '../../component/listen.ts'
import { splitEndpoint } from '../../component/settings.ts'
import { acceptsGzip, type Choice, type Format, negotiate } from '../../exposition/negotiate.ts'

export interface ServerSettings {
  readonly endpoint: string
  readonly path: string
  readonly maxScrapes: number
  /** offered beside classic text */
  readonly formats: ReadonlySet<Format>
  /** where `endpoint` is written, for errors */
  readonly setting: string
}

/** [ms] a scraper that has not taken its page by then is cut off: the page holds on to series that could be freed */
const scrapeTimeoutMs = 120_000

export class ScrapeServer {
  readonly #settings: ServerSettings
  readonly #cx: Context
  readonly #scrapes: Counter
  /** the page in pieces; undefined: nothing to send now, but others shall run */
  readonly #page: (choice: Choice) => Iterable<Uint8Array | undefined>
  #server: Server | undefined
  /** scrapes under way */
  scraping = 0

  constructor(settings: ServerSettings, cx: Context, page: (choice: Choice) => Iterable<Uint8Array | undefined>) {
    this.#settings = settings
    this.#cx = cx
    this.#scrapes = cx.meter.createCounter('thalamus_prometheus_scrapes', {
      unit: '{scrape}',
      description: 'Scrapes of the Prometheus page, by outcome.',
    })
    this.#page = page
  }

  /** @returns its URL @throws {StartError} */
  async start(tls: TlsOptions | undefined): Promise<string> {
    const { host, port } = splitEndpoint(this.#settings.endpoint)
    const answer = (request: IncomingMessage, response: ServerResponse) => void this.#answer(request, response)
    this.#server = tls === undefined ? createServer(answer) : createTlsServer(tls, answer)
    const url = await listen(this.#server, host, port, this.#settings.setting, tls === undefined ? 'http' : 'https')
    return `${url}${this.#settings.path}`
  }

  async stop(): Promise<void> {
    const server = this.#server
    if (!server?.listening) return
    const closed = new Promise(resolve => server.close(resolve))
    server.closeAllConnections()
    await closed
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    request.resume()
    const path = (request.url ?? '').split('?', 1)[0]
    if (path !== this.#settings.path) return refuse(response, 404, `not found: metrics are at ${this.#settings.path}`)
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('allow', 'GET, HEAD')
      return refuse(response, 405, 'only GET and HEAD')
    }
    if (this.scraping >= this.#settings.maxScrapes) {
      this.#scrapes.add(1, { outcome: 'refused' })
      response.setHeader('retry-after', '1')
      return refuse(response, 503, `${this.scraping} scrapes are under way`)
    }
    const choice = negotiate(request.headers.accept, this.#settings.formats)
    response.setHeader('content-type', choice.contentType)
    response.setHeader('vary', 'accept, accept-encoding')
    if (request.method === 'HEAD') return void response.end()
    await this.#send(choice, acceptsGzip(request.headers['accept-encoding']), response)
  }

  async #send(choice: Choice, gzip: boolean, response: ServerResponse): Promise<void> {
    this.scraping++
    const timeout = this.#cx.clock.after(scrapeTimeoutMs, () => response.destroy())
    try {
      const pieces = unhurried(this.#page(choice))
      if (gzip) response.setHeader('content-encoding', 'gzip')
      if (gzip) await pipeline(pieces, createGzip({ level: constants.Z_BEST_SPEED }), response)
      else await pipeline(pieces, response)
      this.#scrapes.add(1, { outcome: 'served' })
    } catch (error) {
      this.#scrapes.add(1, { outcome: 'broken' })
      // Who has gone away cannot be told. Anything but a broken connection is a bug.
      if ((error as NodeJS.ErrnoException).code === undefined) this.#cx.log.error({ error }, 'a page could not be made')
    } finally {
      timeout[Symbol.dispose]()
      this.scraping--
    }
  }
}

/** Between two pieces whatever else waits in the event loop runs. */
async function* unhurried(pieces: Iterable<Uint8Array | undefined>): AsyncGenerator<Uint8Array> {
  for (const piece of pieces) {
    if (piece !== undefined) yield piece
    await new Promise(resolve => setImmediate(resolve))
  }
}

function refuse(response: ServerResponse, status: number, message: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(`${message}\n`)
}
