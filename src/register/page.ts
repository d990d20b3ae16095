/**
 * `OTEL_METRICS_EXPORTER=prometheus`: the page that the pipeline's own exporter would show, so that a metric has the same name whether it is
 * scraped here or goes through a pipeline. It is read when it is asked for.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { gzipSync } from 'node:zlib'
import { MetricReader } from '@opentelemetry/sdk-metrics'
import { State } from '../exporters/prometheus/state.ts'
import { EscapedLabels, escapeFamilies } from '../exposition/escape.ts'
import { acceptsGzip, type Format, negotiate } from '../exposition/negotiate.ts'
import { openMetrics } from '../exposition/openmetrics.ts'
import { protobufPage } from '../exposition/protobuf.ts'
import { classic, textPage } from '../exposition/text.ts'
import { systemClock } from '../lib/clock.ts'
import { Raw } from '../model/raw.ts'
import { createReader } from '../otlp/reader.ts'
import { encode } from '../otlp/write.ts'
import { metricsRequest } from '../receivers/self/request.ts'
import { typed } from './typed.ts'

/** [ms] a series that has not been seen for so long leaves the page */
const expirationMs = 5 * 60_000
const formats: ReadonlySet<Format> = new Set(['text', 'protobuf', 'openmetrics'])

export class PageReader extends MetricReader {
  readonly #startMs = systemClock.now()
  readonly #decoder = createReader({ maxSeries: 100_000 })
  readonly #state = new State(
    {
      strategy: 'UnderscoreEscapingWithSuffixes',
      namespace: '',
      constLabels: [],
      scope: true,
      resource: 'none',
      maxSeries: 100_000,
      expirationMs,
      sendTimestamps: false,
    },
    systemClock,
    () => {},
  )
  readonly #escaped = new EscapedLabels()
  #server: Server | undefined

  constructor() {
    super({ metricProducers: [typed.producer()] })
  }

  /**
   * @param next whether another port may be taken where this one is not free
   * @returns the page's address @throws as node:net does
   */
  async listen(host: string, port: number, next: boolean): Promise<string> {
    for (let tried = port; ; tried++) {
      const server = createServer((request, response) => void this.#answer(request, response))
      // Nobody's scrape keeps the service alive.
      server.unref().on('connection', socket => socket.unref())
      try {
        const bound = await listening(server, host, tried)
        this.#server = server
        return `http://${host.includes(':') ? `[${host}]` : host}:${bound}/metrics`
      } catch (error) {
        if (!next || (error as NodeJS.ErrnoException).code !== 'EADDRINUSE' || tried >= port + 99) throw error
      }
    }
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const [path] = (request.url ?? '').split('?', 1)
      if (path !== '/metrics') return void response.writeHead(404).end('not found: metrics are at /metrics\n')
      if (request.method !== 'GET' && request.method !== 'HEAD') return void response.writeHead(405, { allow: 'GET, HEAD' }).end()
      const choice = negotiate(request.headers.accept, formats)
      response.setHeader('content-type', choice.contentType)
      response.setHeader('vary', 'accept, accept-encoding')
      const page = await this.#page(choice)
      if (!acceptsGzip(request.headers['accept-encoding'])) return void response.end(page)
      response.setHeader('content-encoding', 'gzip')
      response.end(gzipSync(page, { level: 1 }))
    } catch {
      if (response.headersSent) response.destroy()
      else response.writeHead(500).end('metrics could not be read\n')
    }
  }

  async #page(choice: ReturnType<typeof negotiate>): Promise<Uint8Array> {
    const { resourceMetrics } = await this.collect()
    const bytes = encode('metrics', metricsRequest(resourceMetrics, { startMs: this.#startMs, timeMs: systemClock.now() }))
    if (bytes.length > 0) this.#state.take(this.#decoder.read('metrics', Raw.of(bytes)))
    this.#state.sweep()
    const families = [...all(escapeFamilies(this.#state.page.families(), choice.escaping, this.#escaped, () => {}))]
    const { format } = choice
    const pieces = format === 'protobuf' ? protobufPage(families) : textPage(families, format === 'text' ? classic : openMetrics(families))
    return Buffer.concat([...pieces].filter(piece => piece !== undefined))
  }

  protected async onShutdown(): Promise<void> {
    this.#server?.closeAllConnections()
    this.#server?.close()
  }
  protected async onForceFlush(): Promise<void> {}
}

/** What a generator returns, past the pauses that it makes for others. */
function all<R>(work: Generator<unknown, R>): R {
  for (;;) {
    const { done, value } = work.next()
    if (done) return value as R
  }
}

/** In a cluster each worker listens by itself: what one of them counts is not what all do. */
export function listening(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port, exclusive: true }, () => {
      server.off('error', reject)
      server.on('error', () => {})
      const address = server.address()
      resolve(typeof address === 'object' && address !== null ? address.port : port)
    })
  })
}
