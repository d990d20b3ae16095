/** A site that is scraped, and a receiver that scrapes it, on a clock that the test owns. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Consumer } from '../../src/component/component.ts'
import { Ledger } from '../../src/component/ledger.ts'
import type { MetricBatch } from '../../src/model/batch.ts'
import { Raw } from '../../src/model/raw.ts'
import { protobufToJson } from '../../src/otlp/json.ts'
import { createReader } from '../../src/otlp/reader.ts'
import type { Resolver } from '../../src/receivers/prometheus/discovery.ts'
import factory from '../../src/receivers/prometheus/index.ts'
import { PrometheusReceiver } from '../../src/receivers/prometheus/receiver.ts'
import type { Settings } from '../../src/receivers/prometheus/settings.ts'
import { settled, VirtualClock } from '../kit/clock.ts'
import { type TestContext, type TestWorld, testContext } from '../kit/context.ts'

export type Answer = string | Uint8Array | ((request: IncomingMessage, response: ServerResponse) => void)

export class Site implements AsyncDisposable {
  readonly pages: Record<string, Answer> = {}
  /** of every request, in order */
  readonly asked: { readonly url: string; readonly headers: IncomingMessage['headers'] }[] = []
  readonly #server: Server

  private constructor(server: Server) {
    this.#server = server
    server.on('request', (request, response) => {
      this.asked.push({ url: request.url ?? '', headers: request.headers })
      const page = this.pages[(request.url ?? '').split('?')[0]!]
      if (page === undefined) response.writeHead(404).end()
      else if (typeof page === 'function') page(request, response)
      else response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' }).end(page)
    })
  }
  static async open(pages: Record<string, Answer> = {}, server = createServer()): Promise<Site> {
    const site = new Site(server)
    Object.assign(site.pages, pages)
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    return site
  }
  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }
  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise(resolve => this.#server.close(resolve))
  }
}

/** One data point, told apart. */
export interface Told {
  readonly name: string
  /** `gauge`, `sum`, … */
  readonly type: string
  readonly resource: Readonly<Record<string, string>>
  readonly scope: string
  readonly attributes: Readonly<Record<string, string>>
  readonly value: unknown
  readonly stale: boolean
  readonly time: number
  readonly point: Readonly<Record<string, unknown>>
  readonly metric: Readonly<Record<string, unknown>>
}

type Json = Record<string, never>
const record = (attributes: readonly { key: string; value: { stringValue: string } }[] | undefined) =>
  Object.fromEntries((attributes ?? []).map(({ key, value }) => [key, value.stringValue]))

export function told(batch: MetricBatch): Told[] {
  const request = protobufToJson('metrics', batch.raw.bytes()) as { resourceMetrics?: Json[] }
  return (request.resourceMetrics ?? []).flatMap((resource: Json) =>
    ((resource['scopeMetrics'] ?? []) as Json[]).flatMap(scope =>
      ((scope['metrics'] ?? []) as Json[]).flatMap(metric => {
        const type = ['gauge', 'sum', 'histogram', 'exponentialHistogram', 'summary'].find(kind => kind in metric)!
        return ((metric[type]!['dataPoints'] ?? []) as Json[]).map(point => ({
          name: metric['name']!,
          type,
          resource: record((resource['resource'] as Json | undefined)?.['attributes']),
          scope: (scope['scope'] as Json | undefined)?.['name'] ?? '',
          attributes: record(point['attributes']),
          value: point['asDouble'],
          stale: (Number(point['flags'] ?? 0) & 1) === 1,
          time: Number(BigInt(point['timeUnixNano'] ?? 0) / 1_000_000n),
          point,
          metric,
        }))
      }),
    ),
  )
}

export const own = /^(up|scrape_.*)$/

export class Scraping implements AsyncDisposable {
  readonly clock = new VirtualClock(1_800_000_000_000)
  readonly ledger = new Ledger()
  readonly cx: TestContext
  readonly batches: MetricBatch[] = []
  readonly receiver: PrometheusReceiver
  /** what downstream says */
  answer: () => Promise<void> = async () => {}

  constructor(settings: object, world: TestWorld = {}, resolver?: Resolver) {
    this.cx = testContext({
      ...{ id: 'prometheus', kind: 'receiver' as const, ledger: this.ledger, clock: this.clock, reader: createReader() },
      ...world,
    })
    const next: Consumer<'metrics'> = {
      reserve() {},
      consume: async batch => {
        await this.answer()
        // What is kept is a copy: the receiver's own memory goes, as it does in a pipeline.
        this.batches.push(this.cx.reader.read('metrics', Raw.copied(batch.raw.chunks)))
        batch.raw.release()
      },
    }
    this.receiver = new PrometheusReceiver(this.cx, factory.config.parse(settings) as Settings, next, resolver)
  }

  /** Of the newest batch, without what the scrape says of itself. */
  get last(): Told[] {
    return told(this.batches.at(-1)!).filter(({ name }) => !own.test(name))
  }
  /** What the scrape says of itself. */
  get report(): Record<string, unknown> {
    return Object.fromEntries(
      told(this.batches.at(-1)!)
        .filter(({ name }) => own.test(name))
        .map(({ name, value, stale }) => [name, stale ? 'stale' : value]),
    )
  }
  get values(): Record<string, unknown> {
    return Object.fromEntries(
      this.last.map(({ name, attributes, value, stale }) => [
        `${name}${Object.entries(attributes).map(([key, text]) => ` ${key}=${text}`)}`,
        stale ? 'stale' : value,
      ]),
    )
  }

  /** Time goes on, and what then begins is waited for: until there are as many more batches. */
  async advance(ms: number, batches = 1): Promise<void> {
    const before = this.batches.length
    await this.clock.advance(ms)
    await until(() => this.batches.length >= before + batches)
    await settled()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.receiver.shutdown(AbortSignal.timeout(1000))
  }
}

export async function until(done: () => boolean): Promise<void> {
  for (let i = 0; !done(); i++) {
    if (i > 100_000) throw new Error('never came to be')
    await new Promise(resolve => setImmediate(resolve))
  }
}

/** One job, of one target unless it says otherwise. */
export const job = (address: string, more: object = {}) => ({
  config: { scrape_configs: [{ job_name: 'shop', scrape_interval: '10s', static_configs: [{ targets: [address] }], ...more }] },
})
