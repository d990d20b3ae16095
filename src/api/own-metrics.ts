/**
 * Own metrics as Prometheus text, where and how the Collector serves its own by default: `/metrics` on port 8888, names
 * without unit suffix and without `_total`, no scope labels, the resource only in `target_info`.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Attributes } from '@opentelemetry/api'
import { DataPointType, type MetricData, type ResourceMetrics } from '@opentelemetry/sdk-metrics'
import { Connections, pageConnections } from '../component/connections.ts'
import { listen } from '../component/listen.ts'
import type { OwnTelemetry } from '../component/telemetry.ts'
import type { Family, Row } from '../exposition/families.ts'
import { type Label, showLabels } from '../exposition/labels.ts'
import { type FamilyType, familyName, labelName } from '../exposition/naming.ts'
import { classic, textPage } from '../exposition/text.ts'
import { scopeName } from '../instruments/recorder.ts'
import type { Clock } from '../lib/clock.ts'

const translation = { strategy: 'UnderscoreEscapingWithoutSuffixes', namespace: '' } as const

export class OwnMetrics {
  readonly #telemetry: OwnTelemetry
  readonly #clock: Clock
  /** being made: whoever asks meanwhile gets the same */
  #page: Promise<Buffer> | undefined
  readonly #servers = new Map<string, { readonly server: Server; readonly connections: Connections }>()

  constructor(telemetry: OwnTelemetry, clock: Clock) {
    this.#telemetry = telemetry
    this.#clock = clock
  }

  /** May be called for several addresses. @returns the page's URL @throws {StartError} */
  async start({ host, port }: { host: string; port: number }): Promise<string> {
    const server = createServer((request, response) => {
      if (connections.behindTooMany(request, response)) return
      response.once('finish', () => connections.served(request.socket))
      void this.#serve(request, response)
    })
    const listener = `own metrics on port ${port}`
    const connections = new Connections(server, {
      listener,
      most: pageConnections,
      meter: this.#telemetry.meter('own metrics'),
      clock: this.#clock,
    })
    const url = `${await listen(server, host, port, 'service.telemetry.metrics')}/metrics`
    this.#servers.set(`${host}:${port}`, { server, connections })
    return url
  }

  stop({ host, port }: { host: string; port: number }): void {
    const stopped = this.#servers.get(`${host}:${port}`)
    this.#servers.delete(`${host}:${port}`)
    stopped?.server.close()
    stopped?.connections.destroy()
  }

  async shutdown(): Promise<void> {
    for (const { server, connections } of this.#servers.values()) {
      server.close()
      connections.destroy()
    }
    this.#servers.clear()
  }

  async #makePage(): Promise<Buffer> {
    return Buffer.concat([...textPage(toFamilies(await this.#telemetry.collect()), classic)])
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? '/').split('?')[0]
    if (path !== '/metrics') return void response.writeHead(404).end('own metrics are served at /metrics\n')
    if (request.method !== 'GET' && request.method !== 'HEAD') return void response.writeHead(405, { allow: 'GET, HEAD' }).end()
    try {
      this.#page ??= this.#makePage().finally(() => (this.#page = undefined))
      const page = await this.#page
      response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8', 'content-length': page.length })
      response.end(request.method === 'HEAD' ? undefined : page)
    } catch (error) {
      response.writeHead(500, { 'content-type': 'text/plain; charset=utf-8' }).end(`own metrics could not be read: ${String(error)}\n`)
    }
  }
}

type Point = MetricData['dataPoints'][number]

/** Sorted by name, and within by labels. Metrics of one name and type from several scopes are one family; what differs in type from the first is left out. */
export function toFamilies(metrics: ResourceMetrics): Family[] {
  const families = new Map<string, PointFamily>()
  for (const { scope, metrics: list } of metrics.scopeMetrics) {
    // What the program around us records is not ours: it goes where the pipelines lead.
    if (scope.name !== scopeName) for (const metric of list) addMetric(families, metric)
  }
  families.set('target_info', targetInfo(metrics))
  for (const family of families.values()) family.sort()
  return [...families.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
}

function addMetric(families: Map<string, PointFamily>, metric: MetricData): void {
  const { name: given, unit, description } = metric.descriptor
  const monotonic = metric.dataPointType === DataPointType.SUM && metric.isMonotonic
  const named = familyName({ name: given, unit, type: typeNames[metric.dataPointType], monotonic }, translation)
  if (named === undefined) return
  const family = families.get(named.name) ?? new PointFamily(named.name, named.type, description)
  if (family.type === named.type) family.points.push(...metric.dataPoints)
  families.set(named.name, family)
}

const typeNames = {
  [DataPointType.GAUGE]: 'gauge',
  [DataPointType.SUM]: 'sum',
  [DataPointType.HISTOGRAM]: 'histogram',
  [DataPointType.EXPONENTIAL_HISTOGRAM]: 'exponential_histogram',
} as const

function targetInfo({ resource }: ResourceMetrics): PointFamily {
  const info = new PointFamily('target_info', 'gauge', 'Target metadata')
  info.points.push({ attributes: resource.attributes as Attributes, value: 1, startTime: [0, 0], endTime: [0, 0] })
  return info
}

class PointFamily implements Family {
  readonly name: string
  readonly type: FamilyType
  readonly unit = ''
  readonly help: string
  readonly points: Point[] = []
  #labels: string[] = []

  constructor(name: string, type: FamilyType, help: string) {
    this.name = name
    this.type = type
    this.help = help
  }
  get length(): number {
    return this.points.length
  }
  /** By labels; to be called when all points are there, before any is read. */
  sort(): void {
    const labelled = this.points.map(point => [showLabels(toLabels(point.attributes)), point] as const)
    labelled.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    this.#labels = labelled.map(([labels]) => labels)
    this.points.splice(0, this.points.length, ...labelled.map(([, point]) => point))
  }

  read(i: number, row: Row): boolean {
    const { value } = this.points[i]!
    row.labels = this.#labels[i]!
    if (typeof value === 'number') {
      row.shape = 'number'
      row.value = value
      return true
    }
    row.count = value.count
    row.sum = value.sum ?? Number.NaN
    if ('buckets' in value) {
      row.shape = 'histogram'
      row.bounds = Float64Array.from(value.buckets.boundaries)
      row.buckets = value.buckets.counts
      return true
    }
    row.shape = 'exponential'
    const { scale, zeroCount, positive, negative } = value
    row.exponential = {
      scale,
      zeroCount,
      zeroThreshold: 0,
      positiveOffset: positive.offset,
      positive: positive.bucketCounts,
      negativeOffset: negative.offset,
      negative: negative.bucketCounts,
    }
    return true
  }
}

/** Sorted by name; of two attributes that become one label, the first stays. */
function toLabels(attributes: Attributes): Label[] {
  const labels = new Map<string, string>()
  for (const [key, value] of Object.entries(attributes)) {
    const name = labelName(key, translation)
    if (!labels.has(name)) labels.set(name, typeof value === 'string' ? value : (JSON.stringify(value) ?? ''))
  }
  return [...labels].sort(([a], [b]) => (a < b ? -1 : 1))
}
