/** The listener that scrapers ask: one path, GET and HEAD, as many scrapes at once as were allowed. */

import type { IncomingMessage, ServerResponse } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { constants, createGzip } from 'node:zlib'
import type { Counter } from '@opentelemetry/api'
import type { Context } from '../../component/component.ts'
import { PageServer, type PageSettings } from '../../component/http-server.ts'
import { acceptsGzip, type Choice, type Format, negotiate } from '../../exposition/negotiate.ts'

export interface ServerSettings {
  readonly http: PageSettings
  readonly path: string
  readonly maxScrapes: number
  /** offered beside classic text */
  readonly formats: ReadonlySet<Format>
}

export class ScrapeServer {
  readonly #settings: ServerSettings
  readonly #cx: Context
  readonly #scrapes: Counter
  /** the page in pieces; undefined: nothing to send now, but others shall run */
  readonly #page: (choice: Choice) => Iterable<Uint8Array | undefined>
  readonly #server: PageServer
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
    this.#server = new PageServer(cx, settings.http, `exporters.${cx.id}`, (request, response) => void this.#answer(request, response))
  }

  /** @returns its URL @throws {StartError} */
  async start(): Promise<string> {
    return `${await this.#server.start()}${this.#settings.path}`
  }

  stop(): Promise<void> {
    return this.#server.stop()
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
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
