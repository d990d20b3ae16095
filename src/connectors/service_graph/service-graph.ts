import type { Counter } from '@opentelemetry/api'
import type { Connector, Consumer, Context } from '../../component/component.ts'
import { every } from '../../lib/clock.ts'
import { Explicit } from '../../lib/explicit-histogram.ts'
import { Exponential } from '../../lib/exponential-histogram.ts'
import type { SpanBatch } from '../../model/batch.ts'
import { Raw } from '../../model/raw.ts'
import { Finder, readTyped, showTyped } from '../../otlp/find.ts'
import { Scan } from '../../otlp/scan.ts'
import { encode, nanos } from '../../otlp/write.ts'
import { type Edge, Edges } from './edges.ts'
import type { Settings } from './index.ts'

type Histogram = Explicit | Exponential

/** Requests from one service to another. */
interface Series {
  readonly attributes: Readonly<Record<string, string | boolean>>
  /** ms, monotonic */
  seenMs: number
  total: number
  failed: number
  readonly server: Histogram
  readonly client: Histogram
}

const [SERVER, CLIENT, PRODUCER, CONSUMER] = [2, 3, 4, 5]
const ERROR = 2
const ATTRIBUTES = 9
/** [ms] a series without requests is told for so long */
const STALE = 15 * 60_000
/** [bytes] roughly */
const [seriesWeight, edgeWeight] = [1500, 400]
/** [ms] */
const defaultBuckets = [2, 4, 6, 8, 10, 50, 100, 200, 400, 800, 1000, 1400, 2000, 5000, 10_000, 15_000]

/**
 * Pairs the span of whoever asks with the span of whoever answers, by trace and span id, and counts requests between services. A span is taken
 * when it has been looked at; the metrics are rows born here, with an account of their own.
 */
export class ServiceGraph implements Connector<'traces'> {
  readonly #cx: Context
  readonly #settings: Settings
  readonly #next: Consumer<'metrics'> | undefined
  readonly #edges: Edges
  readonly #series = new Map<string, Series>()
  readonly #bounds: Float64Array
  readonly #service = new Finder(['service.name'])
  readonly #ofResource: Finder
  readonly #ofSpan: Finder
  readonly #databases: readonly string[]
  readonly #startMs: number
  readonly #timers: Disposable[] = []
  readonly #counters: { readonly dropped: Counter; readonly total: Counter; readonly expired: Counter }
  #charged = 0
  #flushing: Promise<void> = Promise.resolve()
  #started = false
  #closed = false

  constructor(cx: Context, settings: Settings, next: Consumer<'metrics'> | undefined) {
    this.#cx = cx
    this.#settings = settings
    this.#next = next
    this.#edges = new Edges(settings.store.max_items, settings.store.ttl)
    this.#bounds = Float64Array.from(settings.latency_histogram_buckets ?? defaultBuckets, ms => ms / 1000)
    const { database_name_attribute: older } = settings
    this.#databases = older === undefined || older === '' ? settings.database_name_attributes : [older]
    // Dimensions, then names of databases, then what tells of a peer.
    const keys = [...settings.dimensions, ...this.#databases]
    this.#ofResource = new Finder(keys)
    this.#ofSpan = new Finder([...keys, ...settings.virtual_node_peer_attributes])
    this.#startMs = cx.clock.now()
    cx.account('traces').mayDrop('no_service_name', 'store_full')
    const counter = (name: string, description: string) =>
      cx.meter.createCounter(`otelcol_connector_servicegraph_${name}`, { description, unit: '1' })
    this.#counters = {
      dropped: counter('dropped_spans', 'Spans that found no room to wait for their other side.'),
      total: counter('total_edges', 'Requests of which a first span came.'),
      expired: counter('expired_edges', 'Requests of which the other side did not come in time.'),
    }
  }

  async start(): Promise<void> {
    this.#started = true
    const { clock } = this.#cx
    const { store_expiration_loop, cache_loop, metrics_flush_interval } = this.#settings
    this.#timers.push(every(clock, store_expiration_loop || 2000, () => this.#expire()))
    this.#timers.push(every(clock, cache_loop || 60_000, () => this.#forget()))
    if (metrics_flush_interval > 0) this.#timers.push(every(clock, metrics_flush_interval, () => this.#flushNext()))
  }

  /** Counting is always possible, so a full destination elsewhere in the pipeline is not hidden from the sender. */
  reserve(): void {}

  consume(batch: SpanBatch): Promise<void> {
    const account = this.#cx.account('traces')
    const { unnamed, full } = this.#add(batch)
    batch.raw.release()
    account.accepted += batch.rows
    account.taken += batch.rows - unnamed - full
    account.drop('no_service_name', unnamed)
    account.drop('store_full', full)
    if (full > 0) this.#counters.dropped.add(full)
    if (this.#settings.metrics_flush_interval === 0) void this.#flushNext()
    return Promise.resolve()
  }

  /** Tells a last time, so that what was counted since the last flush is not lost. */
  async shutdown(signal: AbortSignal): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    for (const timer of this.#timers.splice(0)) timer[Symbol.dispose]()
    const over = Promise.withResolvers<void>()
    signal.addEventListener('abort', () => over.resolve(), { once: true })
    if (signal.aborted) over.resolve()
    if (this.#started) await Promise.race([this.#flushNext(), over.promise])
    this.#edges.clear()
    this.#series.clear()
    this.#cx.budget.refund(this.#charged)
    this.#charged = 0
  }

  #charge(bytes: number): void {
    this.#charged += bytes
    this.#cx.budget.charge(bytes)
  }

  #add(batch: SpanBatch): { unnamed: number; full: number } {
    const { spans, scopes, raw } = batch
    const bytes = raw.bytes()
    const ids = Buffer.from(spans.ids.buffer, spans.ids.byteOffset, spans.ids.length)
    const now = this.#cx.clock.monotonic()
    const { size, begun } = this.#edges
    let unnamed = 0
    let full = 0
    let resource = -1
    let service: string | undefined
    for (let row = 0; row < batch.rows; row++) {
      const parent = scopes.parent[spans.scope[row]!]!
      if (parent !== resource) {
        resource = parent
        service = this.#resource(bytes, batch.resources.from[parent]!, batch.resources.to[parent]!)
      }
      if (service === undefined) {
        unnamed++
        continue
      }
      const kind = spans.kind[row]!
      if (kind < SERVER) continue
      const asks = kind === CLIENT || kind === PRODUCER
      // Whoever answers is a child of the span that asks.
      const idAt = 32 * row + (asks ? 16 : 24)
      const key = ids.toString('latin1', 32 * row, 32 * row + 16) + ids.toString('latin1', idAt, idAt + 8)
      const latency = spans.duration[row]! > 0 ? Math.round(spans.duration[row]! * 1e6) / 1e9 : 0
      this.#ofSpan.find(bytes, spans.attributesFrom[row]!, spans.attributesTo[row]!, ATTRIBUTES)
      const name = service
      const found = this.#edges.update(key, isZero(spans.ids, idAt), now, edge => {
        edge.failed ||= spans.status[row] === ERROR
        edge.connection = kind === PRODUCER || kind === CONSUMER ? 'messaging_system' : ''
        this.#dimensions(edge, asks ? 'client_' : 'server_', bytes)
        if (!asks) {
          edge.server = name
          edge.serverLatency = latency
          return
        }
        edge.client = name
        edge.clientLatency = latency
        edge.peer = this.#peer(bytes)
        const database = this.#database(bytes)
        if (database === undefined) return
        // A database sends no spans: the client's says all.
        edge.connection = 'database'
        edge.server = database
        edge.serverLatency = latency
      })
      if (found === 'full') full++
      else if (found !== 'waits') this.#count(found)
    }
    this.#charge((this.#edges.size - size) * edgeWeight)
    if (this.#edges.begun > begun) this.#counters.total.add(this.#edges.begun - begun)
    return { unnamed, full }
  }

  /** Looks at the resource of a ResourceSpans field. @returns the service's name */
  #resource(bytes: Uint8Array, from: number, to: number): string | undefined {
    const scan = new Scan().over(bytes, from, to)
    scan.next()
    this.#ofResource.ranges.fill(0)
    let name: string | undefined
    for (scan.over(bytes, scan.start, scan.end); scan.next(); ) {
      if (scan.number !== 1) continue
      this.#ofResource.find(bytes, scan.start, scan.end, 1)
      if (this.#service.find(bytes, scan.start, scan.end, 1) === 0) continue
      name = readTyped(bytes, this.#service.ranges[0]!, this.#service.ranges[1]!).stringValue ?? ''
    }
    return name
  }

  /** The value of the `i`th key, of the resource or else of the span. */
  #value(i: number, bytes: Uint8Array): string | undefined {
    const [resource, span] = [this.#ofResource.ranges, this.#ofSpan.ranges]
    const ranges = i < resource.length / 2 && resource[2 * i + 1] !== 0 ? resource : span
    return ranges[2 * i + 1] === 0 ? undefined : showTyped(readTyped(bytes, ranges[2 * i]!, ranges[2 * i + 1]!))
  }

  #dimensions({ dimensions }: Edge, prefix: string, bytes: Uint8Array): void {
    for (const [i, dimension] of this.#settings.dimensions.entries()) {
      const value = this.#value(i, bytes)
      if (value !== undefined) dimensions.set(prefix + dimension, value)
    }
  }

  #database(bytes: Uint8Array): string | undefined {
    const first = this.#settings.dimensions.length
    for (let i = 0; i < this.#databases.length; i++) {
      const name = this.#value(first + i, bytes)
      if (name !== undefined) return name
    }
    return undefined
  }

  #peer(bytes: Uint8Array): string {
    const first = this.#settings.dimensions.length + this.#databases.length
    for (let i = 0; i < this.#settings.virtual_node_peer_attributes.length; i++) {
      const name = this.#value(first + i, bytes)
      if (name !== undefined) return name
    }
    return ''
  }

  /** The other side did not come: it may send no spans. */
  #expire(): void {
    const virtual = this.#settings.virtual_node_peer_attributes.length > 0
    let expired = 0
    for (const edge of this.#edges.expired(this.#cx.clock.monotonic())) {
      expired++
      if (!virtual) continue
      edge.connection = 'virtual_node'
      if (edge.client === '') {
        // Its caller has an id, so it sends spans, which were lost or come too late.
        if (!edge.rootless) continue
        edge.client = 'user'
        edge.virtual = 'client'
      } else {
        edge.server = edge.peer === '' ? 'unknown' : edge.peer
        edge.virtual = 'server'
      }
      this.#count(edge)
    }
    this.#charge(-expired * edgeWeight)
    if (expired > 0) this.#counters.expired.add(expired)
  }

  #count(edge: Edge): void {
    const attributes = this.#attributes(edge)
    const key = JSON.stringify(attributes)
    let series = this.#series.get(key)
    if (series === undefined) {
      series = { attributes, seenMs: 0, total: 0, failed: 0, server: this.#histogram(), client: this.#histogram() }
      this.#series.set(key, series)
      this.#charge(seriesWeight)
    }
    series.seenMs = this.#cx.clock.monotonic()
    series.total++
    if (edge.failed) series.failed++
    series.server.observe(edge.serverLatency, 1)
    series.client.observe(edge.clientLatency, 1)
  }

  #attributes({ client, server, connection, failed, virtual, dimensions }: Edge): Record<string, string | boolean> {
    const sorted = [...dimensions].sort(([a], [b]) => (a < b ? -1 : 1))
    const label = this.#settings.virtual_node_extra_label ? { virtual_node: virtual } : {}
    return { client, server, connection_type: connection, failed, ...label, ...Object.fromEntries(sorted) }
  }

  #histogram(): Histogram {
    const { exponential_histogram_max_size: size } = this.#settings
    return size > 0 ? new Exponential(Math.max(2, size)) : new Explicit(this.#bounds)
  }

  #forget(): void {
    const before = this.#cx.clock.monotonic() - STALE
    for (const [key, { seenMs }] of this.#series) {
      if (seenMs > before) continue
      this.#series.delete(key)
      this.#charge(-seriesWeight)
    }
  }

  /** One after the other. */
  #flushNext(): Promise<void> {
    return (this.#flushing = this.#flushing.then(() => this.#flush()))
  }

  async #flush(): Promise<void> {
    if (this.#next === undefined || this.#series.size === 0) return
    const { budget, log, reader, clock } = this.#cx
    const account = this.#cx.account('metrics')
    const raw = Raw.of(encode('metrics', this.#request(clock.now())))
    const batch = reader.read('metrics', raw)
    budget.charge(raw.size)
    try {
      await this.#next.consume(batch)
      account.taken += batch.rows
    } catch (error) {
      account.drop('refused', batch.rows)
      log.warn({ points: batch.rows, error: String(error) }, 'metrics of the service graph were refused')
    } finally {
      account.accepted += batch.rows
      budget.refund(raw.size)
    }
  }

  #request(nowMs: number): object {
    const times = { startTimeUnixNano: nanos(Math.min(this.#startMs, nowMs)), timeUnixNano: nanos(nowMs) }
    const all = [...this.#series.values()]
    const sum = (name: string, dataPoints: object[]) =>
      dataPoints.length === 0 ? [] : [{ name, sum: { aggregationTemporality: CUMULATIVE, isMonotonic: true, dataPoints } }]
    const latency = (name: string, of: 'server' | 'client') => {
      const dataPoints = all.map(series => ({ attributes: series.attributes, ...times, ...pointOf(series[of]) }))
      const kind = this.#settings.exponential_histogram_max_size > 0 ? 'exponentialHistogram' : 'histogram'
      return { name, unit: 's', [kind]: { aggregationTemporality: CUMULATIVE, dataPoints } }
    }
    const failed = all.filter(({ failed }) => failed > 0)
    const metrics = [
      ...sum(
        'traces_service_graph_request_total',
        all.map(({ attributes, total }) => ({ attributes, ...times, asInt: total })),
      ),
      ...sum(
        'traces_service_graph_request_failed_total',
        failed.map(({ attributes, failed }) => ({ attributes, ...times, asInt: failed })),
      ),
      latency('traces_service_graph_request_server', 'server'),
      latency('traces_service_graph_request_client', 'client'),
    ]
    return { resourceMetrics: [{ scopeMetrics: [{ scope: { name: 'traces_service_graph' }, metrics }] }] }
  }
}

const CUMULATIVE = 2

function pointOf(histogram: Histogram): object {
  const { count, sum } = histogram
  if (histogram instanceof Explicit) return { count, sum, explicitBounds: histogram.bounds, bucketCounts: histogram.buckets }
  const { min, max, zeroCount, scale, offset, buckets } = histogram
  return { count, sum, min, max, zeroCount, scale, positive: { offset, bucketCounts: buckets } }
}

function isZero(ids: Uint8Array, at: number): boolean {
  for (let i = at; i < at + 8; i++) if (ids[i] !== 0) return false
  return true
}
