/** The clients that users have: the SDKs of JavaScript, Python and Go, over every transport, every signal, every kind of metric. */
import { fileURLToPath } from 'node:url'
import { OTLPLogExporter as LogsGrpc } from '@opentelemetry/exporter-logs-otlp-grpc'
import { OTLPLogExporter as LogsHttp } from '@opentelemetry/exporter-logs-otlp-http'
import { OTLPLogExporter as LogsProto } from '@opentelemetry/exporter-logs-otlp-proto'
import { OTLPMetricExporter as MetricsGrpc } from '@opentelemetry/exporter-metrics-otlp-grpc'
import { OTLPMetricExporter as MetricsHttp } from '@opentelemetry/exporter-metrics-otlp-http'
import { OTLPMetricExporter as MetricsProto } from '@opentelemetry/exporter-metrics-otlp-proto'
import { OTLPTraceExporter as TracesGrpc } from '@opentelemetry/exporter-trace-otlp-grpc'
import { OTLPTraceExporter as TracesHttp } from '@opentelemetry/exporter-trace-otlp-http'
import { OTLPTraceExporter as TracesProto } from '@opentelemetry/exporter-trace-otlp-proto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sendOneOfEach } from './clients/sdk.ts'
import { eventually, finish, freePorts, get, LOOPBACK } from './kit/process.ts'
import { rows, type Signal } from './kit/rows.ts'
import { Collector, otlpTo, program, SIGNALS, Thalamus, telemetrygen, toHttp } from './kit/servers.ts'
import { Sink } from './kit/sink.ts'

let sink: Sink
let collector: Collector
let thalamus: Thalamus
let metricsUrl: string

beforeAll(async () => {
  const [port] = (await freePorts(1)) as [number]
  metricsUrl = `http://${LOOPBACK}:${port}/metrics`
  sink = await Sink.start()
  // The Collector behind Thalamus reads the protobuf and writes JSON: what the tests look at is its reading.
  collector = await Collector.start(ports => otlpTo(ports, { otlp_http: toHttp(sink.httpPort, { compression: 'none', encoding: 'json' }) }))
  thalamus = await Thalamus.start(ports => {
    const config = otlpTo(ports, { otlp_http: toHttp(collector.httpPort) })
    const { metrics, ...others } = config.service.pipelines as Record<
      Signal,
      { receivers: string[]; processors: string[]; exporters: string[] }
    >
    const prometheus = { endpoint: `${LOOPBACK}:${port}`, resource_to_telemetry_conversion: { enabled: true } }
    return {
      ...config,
      exporters: { ...config.exporters, prometheus },
      service: { pipelines: { ...others, metrics: { ...metrics, exporters: ['otlp_http', 'prometheus'] } } },
    }
  })
})
afterAll(async () => {
  for (const server of [thalamus, collector, sink]) await server?.[Symbol.asyncDispose]()
})

/** What has arrived from `service`, as the Collector read it. */
const from = (signal: Signal, service: string) =>
  rows(signal, sink.json(signal))
    .map(row => JSON.parse(row))
    .filter(row => JSON.stringify(row.resource).includes(JSON.stringify(service)))

const arrived = (signal: Signal, service: string, count: number) =>
  eventually(`${count} rows of ${signal} from ${service}\n${thalamus.server.output}`, () => {
    const found = from(signal, service)
    return found.length >= count && found
  })

async function expectOneOfEach(service: string): Promise<void> {
  const spans = await arrived('traces', service, 2)
  expect(spans.map(s => s.row.name).sort()).toEqual(['child', 'parent'])
  const [child, parent] = ['child', 'parent'].map(name => spans.find(s => s.row.name === name).row)
  expect(parent).toMatchObject({ attributes: [{ key: 'n', value: { intValue: '1' } }], traceId: expect.stringMatching(/^[0-9a-f]{32}$/) })
  expect(child).toMatchObject({
    status: { code: 2, message: 'went wrong' },
    events: [{ name: 'an event', attributes: [{ key: 'e', value: { boolValue: true } }] }],
  })

  const points = await arrived('metrics', service, 4)
  const named = Object.fromEntries(points.map(p => [p.metric.name, p]))
  expect(Object.keys(named).sort()).toEqual(['a.counter', 'a.gauge', 'a.histogram', 'an.exponential'])
  expect(named['a.counter']).toMatchObject({
    metric: { unit: 'By' },
    sum: { aggregationTemporality: 2, isMonotonic: true },
    row: { attributes: [{ key: 'k', value: { stringValue: 'v' } }] },
  })
  expect(Number(named['a.counter'].row.asInt ?? named['a.counter'].row.asDouble)).toBe(7)
  expect(named['a.gauge'].row.asDouble).toBe(0.5)
  expect(named['a.histogram']).toMatchObject({ histogram: { aggregationTemporality: 2 }, row: { count: '1', sum: 0.25 } })
  expect(named['an.exponential']).toMatchObject({ exponentialHistogram: { aggregationTemporality: 2 }, row: { count: '1', sum: 0.25 } })

  const [record] = await arrived('logs', service, 1)
  expect(record.row).toMatchObject({
    body: { stringValue: 'a line' },
    severityNumber: 13,
    severityText: 'WARN',
    attributes: [{ key: 'k', value: { stringValue: 'v' } }],
  })

  const page = await get(metricsUrl)
  const line = (name: string) => page.split('\n').find(l => l.startsWith(`${name}{`) && l.includes(`"${service}"`))
  expect(line('a_counter_bytes_total')).toMatch(/k="v".* 7( \d+)?$/)
  expect(line('a_gauge')).toMatch(/ 0\.5( \d+)?$/)
  expect(line('a_histogram_seconds_count')).toMatch(/ 1( \d+)?$/)
  expect(line('an_exponential_seconds_count')).toMatch(/ 1( \d+)?$/)
}

describe('JavaScript', () => {
  const http = (signal: Signal) => ({ url: `http://${LOOPBACK}:${thalamus.httpPort}/v1/${signal}` })
  const grpc = () => ({ url: `http://${LOOPBACK}:${thalamus.grpcPort}` })
  test.each([
    [
      'javascript-protobuf',
      () => ({ traces: new TracesProto(http('traces')), metrics: new MetricsProto(http('metrics')), logs: new LogsProto(http('logs')) }),
    ],
    [
      'javascript-json',
      () => ({ traces: new TracesHttp(http('traces')), metrics: new MetricsHttp(http('metrics')), logs: new LogsHttp(http('logs')) }),
    ],
    ['javascript-grpc', () => ({ traces: new TracesGrpc(grpc()), metrics: new MetricsGrpc(grpc()), logs: new LogsGrpc(grpc()) })],
  ])('%s: one of each signal', async (service, exporters) => {
    await sendOneOfEach(service, exporters())
    await expectOneOfEach(service)
  })
})

test.each(['http', 'grpc'] as const)('Python over %s: one of each signal', async over => {
  const endpoint = `http://${LOOPBACK}:${over === 'http' ? thalamus.httpPort : thalamus.grpcPort}`
  await finish(program('bin/python'), [fileURLToPath(new URL('./clients/sdk.py', import.meta.url)), over, endpoint])
  await expectOneOfEach(`python-${over}`)
})

describe.each(['http', 'grpc'] as const)('Go over %s', over => {
  test.each([
    ['Gauge', 'gauge'],
    ['Sum', 'sum'],
    ['Histogram', 'histogram'],
    ['ExponentialHistogram', 'exponentialHistogram'],
  ])('%s', async (type, field) => {
    const service = `go-${over}-${type}`
    await telemetrygen(
      'metrics',
      thalamus,
      over,
      '--metrics=30',
      `--metric-type=${type}`,
      `--service=${service}`,
      `--otlp-metric-name=go.${field}`,
    )
    const points = await arrived('metrics', service, 30)
    expect(points.length).toBe(30)
    expect(points.every(p => p[field] !== undefined && p.metric.name === `go.${field}`)).toBe(true)
    expect(await get(metricsUrl)).toContain(`"${service}"`)
  })
  test('traces', async () => {
    await telemetrygen('traces', thalamus, over, '--traces=20', '--child-spans=2', `--service=go-${over}`)
    expect((await arrived('traces', `go-${over}`, 60)).length).toBe(60)
  })
  test('logs', async () => {
    await telemetrygen('logs', thalamus, over, '--logs=40', '--body=from go', `--service=go-${over}`)
    const records = await arrived('logs', `go-${over}`, 40)
    expect(records.map(r => r.row.body.stringValue)).toEqual(Array(40).fill('from go'))
  })
})

test('the ledger counted every row of every client', async () => {
  const ledger = await eventually('nothing is held', async () => {
    const page = await thalamus.ledger()
    return page.components.every(c => c.held === 0) && page
  })
  expect(ledger.imbalance).toBe(0)
  for (const signal of SIGNALS) {
    const count = rows(signal, sink.json(signal)).length
    expect(ledger.receivers.find(r => r.signal === signal)).toMatchObject({ received: count, accepted: count, refused: 0 })
    expect(ledger.components.find(c => c.id === 'otlp_http' && c.signal === signal)).toMatchObject({ taken: count, dropped: {} })
  }
})
