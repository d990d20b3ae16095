import { SpanKind, SpanStatusCode } from '@opentelemetry/api'
import { describe, expect, test } from 'vitest'
import { Budget } from '../../src/component/budget.ts'
import type { Consumer, Consumers } from '../../src/component/component.ts'
import type { Outcome } from '../../src/component/destination.ts'
import { RetryableError } from '../../src/component/errors.ts'
import { Ledger } from '../../src/component/ledger.ts'
import { createOwnTelemetry } from '../../src/component/own-telemetry.ts'
import { queueSettings } from '../../src/component/queue.ts'
import { retrySettings } from '../../src/component/retry.ts'
import { Sending } from '../../src/component/sending.ts'
import type { AnyBatch, BatchOf } from '../../src/model/batch.ts'
import { Raw } from '../../src/model/raw.ts'
import { countRows, halve } from '../../src/otlp/cut.ts'
import { protobufToJson } from '../../src/otlp/json.ts'
import { createReader } from '../../src/otlp/reader.ts'
import factory, { type Settings } from '../../src/receivers/self/index.ts'
import { Self } from '../../src/receivers/self/self.ts'
import { settled, VirtualClock } from '../kit/clock.ts'
import { testContext } from '../kit/context.ts'
import { measuringReceiverContract, paperworkContract } from '../kit/contract.ts'
import { rowsBody } from '../kit/rows.ts'

paperworkContract(factory)

function world(settings: object = {}, clock = new VirtualClock(1_800_000_000_000), ledger = new Ledger()) {
  const budget = new Budget()
  const reader = createReader()
  const telemetry = createOwnTelemetry({
    ledger,
    budget,
    clock,
    memory: () => ({ usedBytes: 0, limitBytes: 1 }),
    version: '1.2.3',
    metrics: 'normal',
    traces: 'basic',
    resource: {},
  })
  const cx = testContext({ id: 'self', kind: 'receiver', ledger, clock, budget, reader, telemetry, meter: telemetry.meter('self') })
  const batches: AnyBatch[] = []
  const answer: { with?: () => Promise<void> } = {}
  const take = <S extends 'metrics' | 'traces'>(): Consumer<S> => ({
    reserve() {},
    async consume(batch: BatchOf[S]) {
      await answer.with?.()
      batches.push(batch)
    },
  })
  const next: Consumers = { metrics: take<'metrics'>(), traces: take<'traces'>() }
  const self = (to: Consumers = next) => new Self(cx, factory.config.parse(settings) as Settings, to)
  const json = (signal: 'metrics' | 'traces') =>
    batches.filter(b => b.signal === signal).map(b => protobufToJson(signal, b.raw.bytes()) as Record<string, never>)
  return { ledger, clock, budget, reader, telemetry, cx, batches, answer, next, self, json }
}

measuringReceiverContract('self', {
  signal: 'metrics',
  create: (next, clock, ledger) => {
    const { cx, self } = world({}, clock, ledger)
    return Object.assign(self(next), { account: cx.account('metrics') })
  },
})

describe('own metrics', () => {
  test('arrive at every interval, cumulative, as of the service thalamus', async () => {
    const w = world()
    const receiver = w.self()
    w.telemetry
      .meter('x')
      .createHistogram('h', { unit: 's', advice: { explicitBucketBoundaries: [1, 2] } })
      .record(1.5, { k: 'v' })
    await receiver.start()
    w.ledger.account('receiver', 'otlp', 'logs').receive(2 ** 40, 0)
    await w.clock.advance(2000)
    expect(w.batches).toHaveLength(2)
    const [resource] = w.json('metrics')[1]!['resourceMetrics'] as unknown as [
      { resource: { attributes: unknown[] }; scopeMetrics: { scope: object; metrics: { name: string }[] }[] },
    ]
    expect(resource.resource.attributes).toContainEqual({ key: 'service.name', value: { stringValue: 'thalamus' } })
    const metric = (name: string) => resource.scopeMetrics.flatMap(s => s.metrics).find(m => m.name === name)
    const times = { startTimeUnixNano: '1800000000000000000', timeUnixNano: '1800000002000000000' }
    expect(metric('otelcol_receiver_accepted_log_records')).toEqual({
      name: 'otelcol_receiver_accepted_log_records',
      unit: '{record}',
      description: 'Number of log records successfully pushed into the pipeline.',
      sum: {
        aggregationTemporality: 2,
        isMonotonic: true,
        dataPoints: [{ ...times, asInt: String(2 ** 40), attributes: [{ key: 'receiver', value: { stringValue: 'otlp' } }] }],
      },
    })
    expect(metric('h')).toEqual({
      name: 'h',
      unit: 's',
      histogram: {
        aggregationTemporality: 2,
        dataPoints: [
          {
            ...times,
            count: '1',
            sum: 1.5,
            min: 1.5,
            max: 1.5,
            explicitBounds: [1, 2],
            bucketCounts: ['0', '1', '0'],
            attributes: [{ key: 'k', value: { stringValue: 'v' } }],
          },
        ],
      },
    })
    expect(resource.scopeMetrics.map(s => s.scope)).toContainEqual({ name: 'thalamus/x', version: '1.2.3' })
    await receiver.shutdown(AbortSignal.timeout(1000))
    expect(w.clock.pending).toBe(0)
  })

  test('what is refused is counted; while one waits there is no other', async () => {
    const w = world()
    const receiver = w.self({ metrics: w.next.metrics! })
    w.answer.with = () => Promise.reject(new RetryableError('full'))
    await receiver.start()
    await w.clock.advance(1000)
    const account = w.cx.account('metrics')
    expect(account.refused).toBeGreaterThan(0)
    const gate = Promise.withResolvers<void>()
    w.answer.with = () => gate.promise
    await w.clock.advance(10_000)
    expect(w.batches).toHaveLength(0)
    expect(w.budget.used).toBeGreaterThan(0)
    gate.resolve()
    await settled()
    expect(w.batches).toHaveLength(1)
    expect(account.imbalance).toBe(0)
    expect(w.budget.used).toBe(0)
    await receiver.shutdown(AbortSignal.timeout(1000))
  })
})

describe('own spans', () => {
  test('arrive as they were', async () => {
    const w = world()
    const receiver = w.self({ traces: w.next.traces! })
    await receiver.start()
    const tracer = w.telemetry.tracer('otlp_http')
    const linked = tracer.startSpan('linked')
    const span = tracer.startSpan('work', {
      kind: SpanKind.CLIENT,
      attributes: { a: 'b', n: 5, list: ['x'] },
      links: [{ context: linked.spanContext(), attributes: { why: 'because' } }],
      startTime: [1_800_000_000, 123_456_789],
    })
    span.addEvent('seen', { e: true }, [1_800_000_000, 200_000_001])
    span.setStatus({ code: SpanStatusCode.ERROR, message: 'no' })
    span.end([1_800_000_001, 7])
    await w.clock.advance(1000)
    expect(w.json('traces')).toMatchObject([
      {
        resourceSpans: [
          {
            scopeSpans: [
              {
                scope: { name: 'thalamus/otlp_http', version: '1.2.3' },
                spans: [
                  {
                    traceId: span.spanContext().traceId,
                    spanId: span.spanContext().spanId,
                    name: 'work',
                    kind: 3,
                    flags: 0x101,
                    startTimeUnixNano: '1800000000123456789',
                    endTimeUnixNano: '1800000001000000007',
                    attributes: [
                      { key: 'a', value: { stringValue: 'b' } },
                      { key: 'n', value: { intValue: '5' } },
                      { key: 'list', value: { arrayValue: { values: [{ stringValue: 'x' }] } } },
                    ],
                    events: [{ name: 'seen', timeUnixNano: '1800000000200000001', attributes: [{ key: 'e', value: { boolValue: true } }] }],
                    links: [{ spanId: linked.spanContext().spanId, attributes: [{ key: 'why', value: { stringValue: 'because' } }] }],
                    status: { code: 2, message: 'no' },
                  },
                ],
              },
            ],
          },
        ],
      },
    ])
    expect(w.batches[0]!.rows).toBe(1)
    expect(w.telemetry.isOwn(w.batches[0]!.raw)).toBe(true)
    await receiver.shutdown(AbortSignal.timeout(1000))
  })

  test('wait within their bound; the rest is refused, and counted', async () => {
    const w = world({ max_spans: 10 })
    const receiver = w.self({ traces: w.next.traces! })
    await receiver.start()
    for (let i = 0; i < 25; i++) w.telemetry.tracer('x').startSpan('s').end()
    await w.clock.advance(1000)
    expect(w.cx.account('traces')).toMatchObject({ received: 25, accepted: 10, refused: 15 })
    await receiver.shutdown(AbortSignal.timeout(1000))
  })

  test('a shutdown hands on what waits', async () => {
    const w = world()
    const receiver = w.self()
    await receiver.start()
    w.telemetry.tracer('x').startSpan('last').end()
    await receiver.shutdown(AbortSignal.timeout(1000))
    expect(w.batches.map(b => b.signal).sort()).toEqual(['metrics', 'traces'])
    w.telemetry.tracer('x').startSpan('later').end()
    await w.clock.advance(5000)
    expect(w.batches).toHaveLength(2)
  })

  test('shutdown without start, twice, and with a downstream that never answers', async () => {
    const w = world()
    await w.self().shutdown(AbortSignal.timeout(1000))
    const receiver = w.self()
    await receiver.start()
    w.answer.with = () => new Promise(() => {})
    await w.clock.advance(1000)
    const deadline = new AbortController()
    const done = receiver.shutdown(deadline.signal)
    deadline.abort()
    await done
    await receiver.shutdown(AbortSignal.timeout(1000))
    expect(w.clock.pending).toBe(0)
  })

  test.each<[string, Outcome]>([
    ['takes everything', { is: 'delivered', rejected: 0, message: '' }],
    ['refuses everything, so that requests are halved to the last span', { is: 'rejected', why: 'bad' }],
  ])('never make spans of themselves, though the destination %s', async (_, outcome) => {
    const w = world()
    let spans = 0
    w.telemetry.onSpan(() => spans++)
    let sent = 0
    const sending = new Sending(
      {
        ...w.cx,
        id: 'otlp_http',
        account: signal => w.ledger.account('exporter', 'otlp_http', signal),
        tracer: w.telemetry.tracer('otlp_http'),
      },
      'traces',
      { sending_queue: queueSettings().parse(undefined), retry_on_failure: retrySettings().parse(undefined) },
      {
        async send() {
          sent++
          return outcome
        },
      },
      { halve, countRows },
    )
    const receiver = w.self({ traces: sending })
    await sending.start()
    await receiver.start()
    await sending.consume(w.reader.read('traces', Raw.of(rowsBody('traces', [1, 2]))))
    for (let i = 0; i < 5; i++) w.telemetry.tracer('x').startSpan('work').end()
    await w.clock.advance(1000)
    const [before, sentBefore] = [spans, sent]
    expect(before).toBeGreaterThan(5)
    await w.clock.advance(60_000)
    expect(spans).toBe(before)
    expect(sent).toBeLessThan(sentBefore + 20)
    await receiver.shutdown(AbortSignal.timeout(1000))
    await sending.shutdown(AbortSignal.timeout(1000))
  })
})
