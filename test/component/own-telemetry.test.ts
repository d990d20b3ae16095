import { ROOT_CONTEXT, trace } from '@opentelemetry/api'
import type { MetricData, ResourceMetrics } from '@opentelemetry/sdk-metrics'
import { describe, expect, test } from 'vitest'
import { Budget } from '../../src/component/budget.ts'
import { Ledger } from '../../src/component/ledger.ts'
import { createOwnTelemetry, type OwnTelemetryOptions } from '../../src/component/own-telemetry.ts'
import { Raw } from '../../src/model/raw.ts'
import { VirtualClock } from '../kit/clock.ts'

function own(options: Partial<OwnTelemetryOptions> = {}) {
  const ledger = new Ledger()
  const budget = new Budget()
  const clock = new VirtualClock()
  const memory = () => ({ usedBytes: 1, limitBytes: 2 })
  const telemetry = createOwnTelemetry({
    ledger,
    budget,
    clock,
    memory,
    version: '1.2.3',
    metrics: 'normal',
    traces: 'basic',
    resource: {},
    ...options,
  })
  return { ledger, budget, clock, telemetry }
}

/** `name{a=b}` → value */
function values({ scopeMetrics }: ResourceMetrics): Map<string, unknown> {
  const found = new Map<string, unknown>()
  for (const { descriptor, dataPoints } of scopeMetrics.flatMap(s => s.metrics) as MetricData[]) {
    for (const { attributes, value } of dataPoints) {
      const labels = Object.entries(attributes).map(([k, v]) => `${k}=${v}`)
      found.set(`${descriptor.name}{${labels.join(',')}}`, value)
    }
  }
  return found
}

describe('metrics', () => {
  test("what the ledger knows, on the Collector's names", async () => {
    const { ledger, budget, telemetry } = own()
    const received = ledger.account('receiver', 'otlp', 'traces')
    received.receive(5, 2)
    ledger.account('receiver', 'idle', 'traces')
    const both = ledger.account('receiver', 'otlp/2', 'traces')
    both.receive(3, 1, 'http')
    both.receive(4, 0, 'grpc')
    both.receive(1, 1, 'http')
    const limiter = ledger.account('processor', 'memory_limiter/small', 'logs', 'logs')
    limiter.accepted = limiter.taken = 7
    limiter.limited = 3
    ledger.account('processor', 'memory_limiter/small', 'logs', 'logs/2').accepted = 1
    const sent = ledger.account('exporter', 'otlp_http', 'metrics')
    sent.taken = 11
    sent.destination = { 'server.address': 'there', 'server.port': 4318 }
    sent.resent = 13
    sent.drop('rejected', 4)
    sent.mayDrop('rejected', 'shutdown').drop('queue_full', 2)
    ledger.wire('metrics', 'debug', 'metrics').reasons.add('queue_full')
    ledger.wire('metrics', 'otlp_http', 'metrics').drop('queue_full', 6)
    ledger.wire('otlp', 'nobody', 'logs').drop('no_exporter', 9)
    budget.charge(100)
    budget.limit(1000, 2000)
    const seen = values(await telemetry.collect())
    const expected = {
      'otelcol_receiver_accepted_spans{receiver=otlp}': 5,
      'otelcol_receiver_refused_spans{receiver=otlp}': 2,
      'otelcol_receiver_accepted_spans{receiver=otlp/2,transport=http}': 4,
      'otelcol_receiver_refused_spans{receiver=otlp/2,transport=http}': 2,
      'otelcol_receiver_accepted_spans{receiver=otlp/2,transport=grpc}': 4,
      'otelcol_receiver_accepted_spans{receiver=otlp/2}': undefined,
      'otelcol_receiver_accepted_spans{receiver=idle}': undefined,
      'otelcol_exporter_sent_metric_points{exporter=otlp_http,server.address=there,server.port=4318}': 11,
      'otelcol_exporter_send_failed_metric_points{exporter=otlp_http,server.address=there,server.port=4318}': 4,
      'otelcol_exporter_enqueue_failed_metric_points{exporter=otlp_http}': 8,
      'otelcol_processor_incoming_items{processor=memory_limiter/small,otel.signal=logs}': 11,
      'otelcol_processor_outgoing_items{processor=memory_limiter/small,otel.signal=logs}': 7,
      'otelcol_processor_memory_limiter_accepted_log_records{processor=memory_limiter/small}': 7,
      'otelcol_processor_memory_limiter_refused_log_records{processor=memory_limiter/small}': 3,
      'thalamus_dropped_rows{component.kind=exporter,component=otlp_http,reason=rejected,otel.signal=metrics}': 4,
      'thalamus_dropped_rows{component.kind=exporter,component=otlp_http,reason=shutdown,otel.signal=metrics}': 0,
      'thalamus_dropped_rows{component.kind=fanout,component=debug,reason=queue_full,otel.signal=metrics}': 0,
      'thalamus_resent_rows{exporter=otlp_http,otel.signal=metrics}': 13,
      'thalamus_dropped_rows{component.kind=receiver,component=otlp,reason=no_exporter,otel.signal=logs}': 9,
      'thalamus_ledger_imbalance{}': ledger.imbalance,
      'thalamus_memory_budget_used{}': 100,
      'thalamus_memory_budget_limit{}': 1000,
    }
    expect(Object.fromEntries(Object.keys(expected).map(name => [name, seen.get(name)]))).toEqual(expected)
  })

  test('of the process', async () => {
    const { clock, telemetry } = own()
    await clock.advance(2500)
    const seen = values(await telemetry.collect())
    expect(seen.get('otelcol_process_uptime{}')).toBe(2.5)
    for (const name of ['cpu_seconds', 'memory_rss', 'runtime_heap_alloc_bytes', 'runtime_total_sys_memory_bytes']) {
      expect(seen.get(`otelcol_process_${name}{}`)).toBeGreaterThan(0)
    }
  })

  test('of components, in scopes of their own; what is for the level detailed only then', async () => {
    for (const level of ['normal', 'detailed'] as const) {
      const { telemetry } = own({ metrics: level })
      telemetry.meter('otlp_http/2').createCounter('things').add(3, { a: 'b' })
      telemetry.meter('otlp_http/2').createHistogram('otelcol_exporter_queue_batch_send_size').record(1)
      const collected = await telemetry.collect()
      expect(values(collected).get('things{a=b}')).toBe(3)
      expect(collected.scopeMetrics.map(s => s.scope.name)).toContain('thalamus/otlp_http/2')
      expect([...values(collected).keys()].some(name => name.startsWith('otelcol_exporter_queue_batch_send_size'))).toBe(
        level === 'detailed',
      )
    }
  })

  test('the resource says who this is; the configuration has the last word', async () => {
    const { telemetry } = own({ resource: { 'service.name': 'edge', team: 'x' } })
    const { attributes } = (await telemetry.collect()).resource
    expect(attributes).toMatchObject({ 'service.name': 'edge', 'service.version': '1.2.3', team: 'x' })
    expect(attributes['service.instance.id']).toMatch(/^[0-9a-f-]{36}$/)
  })

  test('none where they are off', async () => {
    const { telemetry } = own({ metrics: 'none' })
    telemetry.meter('x').createCounter('things').add(1)
    expect((await telemetry.collect()).scopeMetrics).toEqual([])
  })
})

describe('spans', () => {
  test('go to whoever listens, until disposed of', () => {
    const { telemetry } = own()
    const seen: string[] = []
    const listening = telemetry.onSpan(span => seen.push(`${span.name} of ${span.instrumentationScope.name}`))
    telemetry.tracer('otlp').startSpan('one').end()
    listening[Symbol.dispose]()
    telemetry.tracer('otlp').startSpan('two').end()
    expect(seen).toEqual(['one of thalamus/otlp'])
  })

  test('at most a hundred traces a second; a trace is whole or not at all', async () => {
    const { telemetry, clock } = own()
    let ended = 0
    telemetry.onSpan(() => ended++)
    const burst = () => {
      for (let i = 0; i < 500; i++) {
        const root = telemetry.tracer('otlp').startSpan('root')
        telemetry.tracer('otlp').startSpan('child', {}, trace.setSpan(ROOT_CONTEXT, root)).end()
        root.end()
      }
    }
    burst()
    expect(ended).toBe(200)
    burst()
    expect(ended).toBe(200)
    await clock.advance(500)
    burst()
    expect(ended).toBe(300)
  })

  test('none where they are off', () => {
    const { telemetry } = own({ traces: 'none' })
    let ended = 0
    telemetry.onSpan(() => ended++)
    telemetry.tracer('otlp').startSpan('one').end()
    expect(ended).toBe(0)
  })

  test('a body is own when all its pieces are', () => {
    const { telemetry } = own()
    const [mine, theirs] = [Raw.of(Uint8Array.of(1)), Raw.of(Uint8Array.of(1))]
    telemetry.markOwn(mine)
    expect(telemetry.isOwn(mine)).toBe(true)
    expect(telemetry.isOwn(new Raw(mine.chunks))).toBe(true)
    expect(telemetry.isOwn(theirs)).toBe(false)
    expect(telemetry.isOwn(new Raw([...mine.chunks, ...theirs.chunks]))).toBe(false)
    expect(telemetry.isOwn(new Raw([]))).toBe(false)
  })
})

test('shutdown, also twice', async () => {
  const { telemetry } = own()
  await telemetry.shutdown()
  await telemetry.shutdown()
})
