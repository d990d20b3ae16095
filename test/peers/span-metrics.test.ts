/** The same spans to the Collector's span_metrics and to ours: every series that comes out must be the same, number for number. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { eventually, LOOPBACK } from './kit/process.ts'
import { Collector, type Configuration, type Otlp, otlpTo, Thalamus, toHttp } from './kit/servers.ts'
import { Sink } from './kit/sink.ts'

const flush = { metrics_flush_interval: '500ms' }
const many = (n: number) => ({ aggregation_cardinality_limit: n })

/** By namespace, which tells their metrics apart. */
const cases: Readonly<Record<string, object>> = {
  plain: {},
  seconds: {
    histogram: { unit: 's', explicit: { buckets: ['100us', '1ms', '10ms', '1s', '1m'] } },
    exclude_dimensions: ['status.code', 'collector.instance.id'],
  },
  dimensions: {
    dimensions: [{ name: 'http.request.method', default: 'GET' }, { name: 'every' }, { name: 'host.name' }],
    calls_dimensions: [{ name: 'http.route', default: '/none' }],
    histogram: { dimensions: [{ name: 'n' }] },
    exemplars: { enabled: true, max_per_data_point: 2 },
  },
  globs: { dimensions: [{ glob: 'http.*.method' }, { glob: 'k8s.**' }, { glob: 'h{ost,ttp}.n[a-b]me' }, { glob: 'ever?' }] },
  exponential: { histogram: { exponential: { max_size: 20 } }, enable_metrics_sampling_method: true },
  fine: { histogram: { unit: 's', exponential: {} }, include_instrumentation_scope: ['lib-1'] },
  events: { events: { enabled: true, dimensions: [{ name: 'exception.type' }, { name: 'host.name' }] }, histogram: { disable: true } },
  limited: { ...many(5), dimensions: [{ name: 'n' }], exemplars: { enabled: true } },
  keyed: { resource_metrics_key_attributes: ['service.name'], resource_metrics_cache_size: 2 },
  delta: { aggregation_temporality: 'AGGREGATION_TEMPORALITY_DELTA', dimensions: [{ name: 'n' }], metric_timestamp_cache_size: 10 },
}

function configure(to: object): (ports: Otlp) => Configuration {
  const connectors = Object.fromEntries(
    Object.entries(cases).map(([namespace, settings]) => [`span_metrics/${namespace}`, { ...flush, namespace, ...settings }]),
  )
  return ports => ({
    ...otlpTo(ports, { otlp_http: to }),
    connectors,
    service: {
      pipelines: {
        traces: { receivers: ['otlp'], exporters: Object.keys(connectors) },
        metrics: { receivers: Object.keys(connectors), exporters: ['otlp_http'] },
      },
    },
  })
}

const attribute = (key: string, value: object) => ({ key, value })
const text = (key: string, stringValue: string) => attribute(key, { stringValue })
const every = [
  { stringValue: 'größer' },
  { stringValue: '' },
  { boolValue: true },
  { intValue: '42' },
  { doubleValue: 1 },
  { doubleValue: 0.1 },
  { doubleValue: 1e300 },
  { bytesValue: 'AAH/' },
  { arrayValue: { values: [{ stringValue: 'a' }, { intValue: '2' }] } },
  { kvlistValue: { values: [{ key: 'inner', value: { stringValue: 'b' } }] } },
  {},
]
const states = ['', '', 'ot=th:8', 'ot=th:c;rv:ffffffffffffff', 'ot=th:0', 'xx=y', 'ot=th:xyz', 'ot=th:8,ot=th:c']
const MS = 1_000_000n
const durations = [0n, 1n, 999n, MS, 2n * MS, 2n * MS + 1n, 10n * MS, 123_456_789n, 4096n, 1000n * MS, 20_000n * MS, 3_600_000n * MS, -5n]

function spans(from: number, count: number): object[] {
  return Array.from({ length: count }, (_, i) => {
    const n = from + i
    const start = 1_780_000_000_000_000_000n + BigInt(n) * MS
    return {
      traceId: n % 17 === 0 ? '' : (n + 1).toString(16).padStart(32, '0'),
      spanId: (n + 1).toString(16).padStart(16, '0'),
      traceState: states[n % states.length],
      name: n % 11 === 0 ? '' : `operation ${n % 4}`,
      kind: n % 6,
      startTimeUnixNano: String(start),
      endTimeUnixNano: String(start + durations[n % durations.length]!),
      attributes: [
        ...(n % 3 === 0 ? [text('http.request.method', ['GET', 'POST'][n % 2]!)] : []),
        attribute('every', every[n % every.length]!),
        text('n', String(n % 9)),
        ...(n % 5 === 0 ? [text('host.name', `span-host-${n % 2}`), text('http.route', '/r')] : []),
      ],
      events: Array.from({ length: n % 3 }, (_, e) => ({
        timeUnixNano: String(start),
        name: 'exception',
        attributes: [text('exception.type', `E${e}`), ...(n % 7 === 0 ? [text('host.name', 'event-host')] : [])],
      })),
      status: { code: n % 3 },
    }
  })
}

const scopeSpans = (from: number) => [
  { scope: { name: 'lib-1', version: '1.2' }, spans: spans(from, 60) },
  { scope: { name: 'lib-2' }, spans: spans(from + 60, 60) },
  { spans: spans(from + 120, 60) },
]
const resourceSpans = (n: number, attributes: object[]) => ({ resource: { attributes }, scopeSpans: scopeSpans(n) })
const request = {
  resourceSpans: [
    resourceSpans(0, [
      text('service.name', 'shop'),
      text('host.name', 'a'),
      text('k8s.pod.name', 'p-1'),
      attribute('n', { intValue: '1' }),
    ]),
    resourceSpans(1000, [text('host.name', 'a'), text('service.name', 'shop')]),
    resourceSpans(2000, [text('service.name', 'shop'), text('host.name', 'a')]),
    resourceSpans(3000, [text('service.name', 'pay'), text('host.name', 'b'), text('k8s.cluster.zone.name', 'z')]),
    resourceSpans(4000, [text('host.name', 'nobody')]),
    resourceSpans(5000, [attribute('service.name', { intValue: '7' }), attribute('list', every[8]!)]),
  ],
}

let mine: Sink
let theirs: Sink
let reader: Collector
let thalamus: Thalamus
let collector: Collector
let told: { mine: Reading; theirs: Reading }

beforeAll(async () => {
  mine = await Sink.start()
  theirs = await Sink.start()
  told = { mine: new Reading(mine), theirs: new Reading(theirs) }
  const json = { compression: 'none', encoding: 'json' }
  // What Thalamus sends is read by a Collector, so that its own reading is no judge here.
  reader = await Collector.start(ports => otlpTo(ports, { otlp_http: toHttp(mine.httpPort, json) }))
  thalamus = await Thalamus.start(configure(toHttp(reader.httpPort)))
  collector = await Collector.start(configure(toHttp(theirs.httpPort, json)))
  for (const to of [thalamus, collector]) {
    const response = await fetch(`http://${LOOPBACK}:${to.httpPort}/v1/traces`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(request),
    })
    expect(response.status).toBe(200)
  }
})
afterAll(async () => {
  for (const server of [collector, thalamus, reader, theirs, mine]) await server?.[Symbol.asyncDispose]()
})

interface Point {
  attributes?: object[]
  timeUnixNano: string
  startTimeUnixNano: string
  exemplars?: { timeUnixNano: string }[]
}
interface Metric {
  name: string
  sum?: { dataPoints?: Point[] }
  histogram?: { dataPoints?: Point[] }
  exponentialHistogram?: { dataPoints?: Point[] }
}
interface Body {
  resourceMetrics?: { resource?: { attributes?: object[] }; scopeMetrics: { scope: object; metrics?: Metric[] }[] }[]
}
interface Told {
  points: number
  /** the last point, without times */
  last: unknown
  exemplars: string[]
}
type Found = Map<string, Told>

const sorted = (list: readonly unknown[] = []) => list.map(x => JSON.stringify(x)).sort()

/** What a sink was sent so far, by namespace and by all that names a series. */
class Reading {
  readonly #sink: Sink
  #read = 0
  readonly found = new Map<string, Found>()

  constructor(sink: Sink) {
    this.#sink = sink
  }

  of(namespace: string): Found {
    const bodies = this.#sink.bodies('metrics')
    for (const body of bodies.slice(this.#read)) this.#take(JSON.parse(body.toString()) as Body)
    this.#read = bodies.length
    return this.found.get(namespace) ?? new Map()
  }

  #take({ resourceMetrics = [] }: Body): void {
    for (const { resource, scopeMetrics } of resourceMetrics) {
      for (const { scope, metrics = [] } of scopeMetrics) {
        for (const metric of metrics) this.#takeMetric(metric, { resource: sorted(resource?.attributes), scope })
      }
    }
  }

  #takeMetric({ name, sum, histogram, exponentialHistogram, ...rest }: Metric, around: object): void {
    const [namespace] = name.split('.')
    const found = this.found.get(namespace!) ?? new Map<string, Told>()
    this.found.set(namespace!, found)
    const [kind, data] = Object.entries({ sum, histogram, exponentialHistogram }).find(([, value]) => value !== undefined)!
    const { dataPoints = [], ...ofData } = data!
    for (const { attributes, timeUnixNano, startTimeUnixNano, exemplars = [], ...numbers } of dataPoints) {
      expect(BigInt(startTimeUnixNano)).toBeLessThanOrEqual(BigInt(timeUnixNano))
      const named = sorted(attributes).map(text => text.replace(/("collector.instance.id".*?)[0-9a-f-]{36}/, '$1*'))
      const key = JSON.stringify({ name, ...around, rest, kind, ofData, named })
      const told = found.get(key) ?? { points: 0, last: undefined, exemplars: [] }
      found.set(key, told)
      told.points++
      told.last = numbers
      for (const { timeUnixNano: _, ...exemplar } of exemplars) told.exemplars.push(JSON.stringify(exemplar))
    }
  }
}

/** Told twice: the first point of a counter says 0. All series of a namespace are told together. */
const complete = (found: Found, delta: boolean) => [...found.values()].some(({ points }) => delta || points > 1)
const readable = (found: Found) =>
  Object.fromEntries([...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, { last, exemplars }]) => [key, { last, exemplars }]))

test.each(Object.keys(cases))('%s: every series is the same', async namespace => {
  const [ours, want] = await eventually(`two flushes of ${namespace}\n${thalamus.server.output}${collector.server.output}`, () => {
    const both = [told.mine.of(namespace), told.theirs.of(namespace)] as const
    return both.every(found => complete(found, namespace === 'delta')) && both
  })
  expect(want.size).toBeGreaterThan(10)
  expect(readable(ours)).toEqual(readable(want))
})

test('spans without a service are told as dropped', async () => {
  const { components, imbalance } = await thalamus.ledger()
  expect(imbalance).toBe(0)
  expect(components.find(({ id, signal }) => id === 'span_metrics/plain' && signal === 'traces')).toMatchObject({
    accepted: 1080,
    taken: 900,
    dropped: { no_service_name: 180 },
  })
})
