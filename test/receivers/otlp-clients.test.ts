/** What real clients make of the receiver: the OpenTelemetry SDK's exporters, and @grpc/grpc-js below one of them. */
import { inspect } from 'node:util'
import { context, logs, metrics, propagation, trace } from '@opentelemetry/api'
import { OTLPMetricExporter as GrpcMetrics } from '@opentelemetry/exporter-metrics-otlp-grpc'
import { OTLPMetricExporter as ProtoMetrics } from '@opentelemetry/exporter-metrics-otlp-proto'
import { OTLPTraceExporter as GrpcTraces } from '@opentelemetry/exporter-trace-otlp-grpc'
import { OTLPTraceExporter as JsonTraces } from '@opentelemetry/exporter-trace-otlp-http'
import { OTLPTraceExporter as ProtoTraces } from '@opentelemetry/exporter-trace-otlp-proto'
import { MeterProvider, PeriodicExportingMetricReader, type PushMetricExporter } from '@opentelemetry/sdk-metrics'
import { NodeSDK } from '@opentelemetry/sdk-node'
import { BatchSpanProcessor, type SpanExporter, TracerProvider } from '@opentelemetry/sdk-trace'
import { afterEach, expect, test, vi } from 'vitest'
import type { Consumer, Consumers } from '../../src/component/component.ts'
import { RetryableError } from '../../src/component/errors.ts'
import type { AnyBatch } from '../../src/model/batch.ts'
import { type Signal, signals } from '../../src/model/signal.ts'
import { createReader } from '../../src/otlp/reader.ts'
import factory, { type OtlpReceiver } from '../../src/receivers/otlp/index.ts'
import { testContext } from '../kit/context.ts'

const running: OtlpReceiver[] = []
afterEach(() => Promise.all(running.splice(0).map(receiver => receiver.shutdown(AbortSignal.abort()))))

/** `refusals`: so many times it says "later" first. */
async function serve(refusals = 0) {
  const batches: AnyBatch[] = []
  let left = refusals
  const consumer = {
    reserve() {},
    async consume(batch: AnyBatch) {
      if (left-- > 0) throw new RetryableError('not yet')
      batches.push(batch)
    },
  }
  const cx = testContext({ kind: 'receiver', id: 'otlp', reader: createReader() })
  const config = factory.config.parse({ protocols: { grpc: { endpoint: '127.0.0.1:0' }, http: { endpoint: '127.0.0.1:0' } } })
  const next = Object.fromEntries(signals.map(signal => [signal, consumer as Consumer<Signal>])) as Consumers
  const receiver = factory.create(cx, config, next) as OtlpReceiver
  await receiver.start()
  running.push(receiver)
  const [grpc, http] = receiver.endpoints as [string, string]
  return { batches, cx, grpc, http }
}

const gzip = 'gzip' as never

test.each<[string, number, (at: { grpc: string; http: string }) => SpanExporter]>([
  ['JSON', 0, ({ http }) => new JsonTraces({ url: `${http}/v1/traces` })],
  ['JSON, gzip', 0, ({ http }) => new JsonTraces({ url: `${http}/v1/traces`, compression: gzip })],
  ['JSON, refused once', 1, ({ http }) => new JsonTraces({ url: `${http}/v1/traces` })],
  ['protobuf', 0, ({ http }) => new ProtoTraces({ url: `${http}/v1/traces` })],
  ['protobuf, gzip', 0, ({ http }) => new ProtoTraces({ url: `${http}/v1/traces`, compression: gzip })],
  ['gRPC', 0, ({ grpc }) => new GrpcTraces({ url: grpc })],
  ['gRPC, gzip', 0, ({ grpc }) => new GrpcTraces({ url: grpc, compression: gzip })],
])('spans of the JavaScript SDK: %s', async (_, refusals, exporterTo) => {
  const { batches, cx, ...at } = await serve(refusals)
  const provider = new TracerProvider({ spanProcessors: [new BatchSpanProcessor({ exporter: exporterTo(at) })] })
  const tracer = provider.getTracer('test')
  for (let i = 0; i < 20; i++) tracer.startSpan(`work ${i}`, { attributes: { i } }).end()
  await provider.forceFlush()
  await provider.shutdown()
  expect(batches.reduce((sum, batch) => sum + batch.rows, 0)).toBe(20)
  const [batch] = batches
  if (batch?.signal !== 'traces') throw new Error('not spans')
  expect(batch.dictionary.text(batch.spans.name[7]!)).toBe('work 7')
  expect(cx.account('traces')).toMatchObject({ received: 20 * (1 + refusals), accepted: 20, refused: 20 * refusals })
})

test.each<[string, (at: { grpc: string; http: string }) => PushMetricExporter]>([
  ['protobuf', ({ http }) => new ProtoMetrics({ url: `${http}/v1/metrics` })],
  ['gRPC', ({ grpc }) => new GrpcMetrics({ url: grpc })],
])('metrics of the JavaScript SDK: %s', async (_, exporterTo) => {
  const { batches, cx, ...at } = await serve()
  const provider = new MeterProvider({ readers: [new PeriodicExportingMetricReader({ exporter: exporterTo(at) })] })
  provider.getMeter('test').createCounter('work').add(3, { kind: 'good' })
  provider.getMeter('test').createHistogram('time').record(5)
  await provider.forceFlush()
  const [batch] = batches
  if (batch?.signal !== 'metrics') throw new Error('not metrics')
  expect([...batch.numbers.value, ...batch.histograms.sum]).toEqual([3, 5])
  expect(batch.dictionary.series(batch.numbers.series[0]!)).toMatchObject({ name: 'work', attributes: [['kind', 'good']] })
  await provider.shutdown()
  expect(cx.ledger.imbalance).toBe(0)
})

test('the SDK over gRPC, which does not try again, is told the code and the words', async () => {
  const { grpc } = await serve(1)
  const provider = new TracerProvider({ spanProcessors: [new BatchSpanProcessor({ exporter: new GrpcTraces({ url: grpc }) })] })
  provider.getTracer('test').startSpan('work').end()
  const problem: unknown = await provider.forceFlush().catch(error => error)
  expect(inspect(problem)).toContain('14 UNAVAILABLE: not yet')
  await provider.shutdown()
})

test.each(['http/protobuf', 'http/json', 'grpc', undefined])(
  'an application that is told nothing but where to send; protocol: %s',
  async protocol => {
    const { batches, cx, grpc, http } = await serve()
    vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', protocol === 'grpc' ? grpc : http)
    if (protocol !== undefined) vi.stubEnv('OTEL_EXPORTER_OTLP_PROTOCOL', protocol)
    for (const signal of ['TRACES', 'METRICS', 'LOGS']) vi.stubEnv(`OTEL_${signal}_EXPORTER`, 'otlp')
    const sdk = new NodeSDK({ serviceName: 'shop', autoDetectResources: false })
    try {
      sdk.start()
      trace.getTracer('app').startSpan('order').end()
      metrics.getMeter('app').createCounter('orders').add(1)
      logs.getLogger('app').emit({ body: 'ordered' })
      await sdk.shutdown()
    } finally {
      vi.unstubAllEnvs()
      for (const api of [trace, metrics, logs, context, propagation]) api.disable()
    }
    for (const signal of signals) {
      expect([signal, cx.account(signal).accepted, cx.account(signal).refused]).toEqual([signal, 1, 0])
      const [batch] = batches.filter(one => one.signal === signal)
      expect(batch?.rows).toBe(1)
    }
  },
)
