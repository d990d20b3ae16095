/** The Collector of the peer tests cannot be built with this connector: what is expected here was written from its documentation. */
import { describe, expect, test } from 'vitest'
import type { Connector } from '../../src/component/component.ts'
import serviceGraph from '../../src/connectors/service_graph/index.ts'
import type { MetricBatch } from '../../src/model/batch.ts'
import { Raw } from '../../src/model/raw.ts'
import { protobufToJson } from '../../src/otlp/json.ts'
import { encode } from '../../src/otlp/write.ts'
import { connectorContract, surroundings } from '../kit/contract.ts'

connectorContract({ factory: serviceGraph, from: 'traces', dropReasons: ['store_full'] })

const [SERVER, CLIENT, PRODUCER, CONSUMER] = [2, 3, 4, 5]

interface Span {
  readonly service?: string
  readonly kind: number
  readonly id: number
  readonly parent?: number
  readonly trace?: number
  /** ms */
  readonly took?: number
  readonly error?: boolean
  readonly attributes?: Readonly<Record<string, unknown>>
  readonly resource?: Readonly<Record<string, unknown>>
}
const hex = (n: number, digits: number) => n.toString(16).padStart(digits, '0')

const request = (spans: readonly Span[]) => ({
  resourceSpans: spans.map(({ service, kind, id, parent = 0, trace = 1, took = 10, error = false, attributes = {}, resource = {} }) => ({
    resource: { attributes: { ...(service === undefined ? {} : { 'service.name': service }), ...resource } },
    scopeSpans: [
      {
        spans: [
          {
            ...{
              traceId: hex(trace, 32),
              spanId: hex(id, 16),
              parentSpanId: parent === 0 ? '' : hex(parent, 16),
              name: 's',
              kind,
              attributes,
            },
            ...{ startTimeUnixNano: 1_000_000_000n, endTimeUnixNano: 1_000_000_000n + BigInt(took * 1e6), status: { code: error ? 2 : 0 } },
          },
        ],
      },
    ],
  })),
})

function setUp(settings: object = {}) {
  const { cx, clock, ledger } = surroundings('connector', 'service_graph')
  const told: MetricBatch[] = []
  const next = {
    reserve() {},
    async consume(batch: MetricBatch) {
      told.push(batch)
    },
  }
  const component = serviceGraph.create.traces!(cx, serviceGraph.config.parse(settings), { metrics: next }) as Connector<'traces'>
  const send = (...spans: Span[]) => component.consume(cx.reader.read('traces', Raw.of(encode('traces', request(spans)))))
  /** Requests of the last flush: `client → server (connection) attributes: count, seconds at the client, at the server`. */
  const look = () => {
    const batch = told.splice(0).at(-1)
    if (batch === undefined) return []
    const { histograms, dictionary } = batch
    const rows = new Map<string, number[]>()
    for (let i = 0; i < histograms.length; i++) {
      const { name, attributes } = dictionary.series(histograms.series[i]!)
      const { client, server, connection_type, failed, ...rest } = Object.fromEntries(attributes) as Record<string, unknown>
      const more = Object.entries(rest).map(([key, value]) => ` ${key}=${value}`)
      const key = `${client} → ${server} (${connection_type})${failed === true ? ' failed' : ''}${more.join('')}`
      const row = rows.get(key) ?? [histograms.count[i]!, 0, 0]
      row[name.endsWith('client') ? 1 : 2] = histograms.sum[i]!
      rows.set(key, row)
    }
    return [...rows].map(([key, [count, client, server]]) => `${key}: ${count}, ${client}, ${server}`).sort()
  }
  return { cx, clock, ledger, component, send, look, told, account: cx.account('traces') }
}

/** What is told of these spans after a flush. */
async function graph(settings: object, ...spans: Span[]): Promise<string[]> {
  const { clock, component, send, look } = setUp(settings)
  await component.start?.()
  await send(...spans)
  await clock.advance(60_000)
  const seen = look()
  await component.shutdown?.(AbortSignal.timeout(1000))
  return seen
}

const asks: Span = { service: 'shop', kind: CLIENT, id: 1, took: 30 }
const answers: Span = { service: 'pay', kind: SERVER, id: 2, parent: 1, took: 20 }

describe('a request', () => {
  test.each<[string, Span[], string[]]>([
    ['is a client span and its server span', [asks, answers], ['shop → pay (): 1, 0.03, 0.02']],
    ['in whichever order they come', [answers, asks], ['shop → pay (): 1, 0.03, 0.02']],
    ['failed if either side did', [asks, { ...answers, error: true }], ['shop → pay () failed: 1, 0.03, 0.02']],
    [
      'goes through a messaging system',
      [
        { ...asks, kind: PRODUCER },
        { ...answers, kind: CONSUMER },
      ],
      ['shop → pay (messaging_system): 1, 0.03, 0.02'],
    ],
    ['goes to a database', [{ ...asks, attributes: { 'db.name': 'orders' } }], ['shop → orders (database): 1, 0.03, 0.03']],
    ['to a peer that sends no spans', [{ ...asks, attributes: { 'peer.service': 'bank' } }], ['shop → bank (virtual_node): 1, 0.03, 0']],
    ['to who knows whom', [asks], ['shop → unknown (virtual_node): 1, 0.03, 0']],
    ['from a user', [{ ...answers, parent: 0 }], ['user → pay (virtual_node): 1, 0, 0.02']],
    ['whose caller should have sent a span is not told', [answers], []],
    [
      'is none where spans are internal',
      [
        { ...asks, kind: 1 },
        { ...answers, kind: 1 },
      ],
      [],
    ],
    ['of another trace is another', [asks, { ...answers, trace: 2 }], ['shop → unknown (virtual_node): 1, 0.03, 0']],
  ])('%s', async (_, spans, want) => expect(await graph({}, ...spans)).toEqual(want))

  test('is told apart by attributes of both sides, the resource first', async () => {
    const region = { 'cloud.region': 'eu' }
    const dimensions = ['cloud.region', 'http.route']
    const seen = await graph(
      { dimensions, virtual_node_extra_label: true },
      { ...asks, resource: region, attributes: { 'cloud.region': 'no', 'http.route': '/a' } },
      { ...answers, attributes: { 'http.route': 7 } },
    )
    expect(seen).toEqual(['shop → pay () client_cloud.region=eu client_http.route=/a server_http.route=7 virtual_node=: 1, 0.03, 0.02'])
  })

  test('to a side that sends no spans can be labelled, or left out', async () => {
    expect(await graph({ virtual_node_extra_label: true }, asks)).toEqual(['shop → unknown (virtual_node) virtual_node=server: 1, 0.03, 0'])
    expect(await graph({ virtual_node_peer_attributes: [] }, asks)).toEqual([])
  })

  test('to a database named by another attribute', async () => {
    const span = { ...asks, attributes: { 'db.namespace': 'new', 'db.name': 'old' } }
    expect(await graph({ database_name_attributes: ['db.namespace', 'db.name'] }, span)).toEqual(['shop → new (database): 1, 0.03, 0.03'])
    expect(await graph({ database_name_attribute: 'db.name' }, span)).toEqual(['shop → old (database): 1, 0.03, 0.03'])
  })
})

test('what is told, in full', async () => {
  const { clock, component, send, told } = setUp({ latency_histogram_buckets: ['10ms', '25ms'] })
  const start = clock.now()
  await component.start?.()
  await send(asks, { ...answers, error: true })
  await clock.advance(60_000)
  const attributes = [
    { key: 'client', value: { stringValue: 'shop' } },
    { key: 'server', value: { stringValue: 'pay' } },
    { key: 'connection_type', value: { stringValue: '' } },
    { key: 'failed', value: { boolValue: true } },
  ]
  const times = { startTimeUnixNano: `${start}000000`, timeUnixNano: `${start + 60_000}000000` }
  const sum = (name: string) => ({
    name,
    sum: { dataPoints: [{ ...times, asInt: '1', attributes }], aggregationTemporality: 2, isMonotonic: true },
  })
  const latency = (name: string, sum: number, bucketCounts: string[]) => ({
    name,
    unit: 's',
    histogram: {
      dataPoints: [{ ...times, count: '1', sum, bucketCounts, explicitBounds: [0.01, 0.025], attributes }],
      aggregationTemporality: 2,
    },
  })
  expect(protobufToJson('metrics', told[0]!.raw.bytes())).toEqual({
    resourceMetrics: [
      {
        scopeMetrics: [
          {
            scope: { name: 'traces_service_graph' },
            metrics: [
              sum('traces_service_graph_request_total'),
              sum('traces_service_graph_request_failed_total'),
              latency('traces_service_graph_request_server', 0.02, ['0', '1', '0']),
              latency('traces_service_graph_request_client', 0.03, ['0', '0', '1']),
            ],
          },
        ],
      },
    ],
  })
  await component.shutdown?.(AbortSignal.timeout(1000))
})

test('spans without room to wait are dropped and counted; those that complete a request need none', async () => {
  const { component, send, account, ledger } = setUp({ store: { max_items: 1 } })
  await component.start?.()
  await send(asks, { ...asks, id: 5 }, answers, { ...asks, id: 6 }, { ...asks, service: undefined as never, id: 7 })
  expect([...account.dropped]).toEqual([
    ['no_service_name', 1],
    ['store_full', 1],
  ])
  expect(account).toMatchObject({ accepted: 5, taken: 3 })
  expect(ledger.imbalance).toBe(0)
  await component.shutdown?.(AbortSignal.timeout(1000))
})

test('a series without requests is told for a quarter of an hour', async () => {
  const { clock, component, send, look, cx } = setUp()
  await component.start?.()
  await send(asks, answers)
  await clock.advance(14 * 60_000)
  expect(look()).toHaveLength(1)
  await clock.advance(5 * 60_000)
  look()
  await clock.advance(5 * 60_000)
  expect(look()).toEqual([])
  await component.shutdown?.(AbortSignal.timeout(1000))
  expect(cx.budget.used).toBe(0)
})

test('a flush interval of 0 flushes after every batch, and a shutdown flushes', async () => {
  const { component, send, told } = setUp({ metrics_flush_interval: 0 })
  await component.start?.()
  await send(asks, answers)
  await send(asks, answers)
  await component.shutdown?.(AbortSignal.timeout(1000))
  expect(told.length).toBe(3)
})

test('exponential histograms', async () => {
  const { clock, component, send, told } = setUp({ exponential_histogram_max_size: 20 })
  await component.start?.()
  await send(asks, answers)
  await clock.advance(60_000)
  expect([...told[0]!.exponentials.count]).toEqual([1, 1])
  await component.shutdown?.(AbortSignal.timeout(1000))
})

test('buckets of two kinds are refused', () => {
  const settings = { latency_histogram_buckets: ['1s'], exponential_histogram_max_size: 5 }
  expect(serviceGraph.config.safeParse(settings).error?.issues.map(({ message }) => message)).toEqual([
    'must have either "latency_histogram_buckets" or "exponential_histogram_max_size"',
  ])
})
