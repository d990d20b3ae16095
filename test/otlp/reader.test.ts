import { ROOT_CONTEXT, trace } from '@opentelemetry/api'
import { ProtobufMetricsSerializer, ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer'
import { resourceFromAttributes } from '@opentelemetry/resources'
import {
  AggregationTemporality,
  AggregationType,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'
import { describe, expect, test } from 'vitest'
import type { AnyBatch, MetricBatch, Reader } from '../../src/model/batch.ts'
import { MalformedError } from '../../src/model/batch.ts'
import { prometheusTypes } from '../../src/model/dictionary.ts'
import { Raw } from '../../src/model/raw.ts'
import { signals } from '../../src/model/signal.ts'
import { createReader, memoryOf } from '../../src/otlp/reader.ts'
import { createTwin } from '../../src/otlp/twin.ts'
import { logsRequest, metricsRequest, requestOf, tracesRequest, Writer } from '../kit/otlp.ts'
import { expectBijection, shown } from './agree.ts'

describe.each(signals)('%s: the decoder and its twin agree', signal => {
  test.each([
    ['plain', { resources: 2, scopes: 2, points: 6 }],
    ['odd', { odd: true, resources: 2, scopes: 2, points: 6 }],
    ['odd and small', { odd: true, metrics: 1, points: 1 }],
  ])('on %s requests', (_, shape) => {
    const [reader, twin] = [createReader(), createTwin()]
    const series = new Map<number, number>()
    for (let seed = 0; seed < 80; seed++) {
      const bytes = requestOf[signal](shape, seed)
      const [a, b] = [reader.read(signal, Raw.of(bytes)), twin.read(signal, Raw.of(bytes))]
      expect(shown(a), `seed ${seed}`).toEqual(shown(b))
      if (signal !== 'metrics') continue
      for (const group of ['numbers', 'histograms', 'exponentials', 'summaries'] as const) {
        expectBijection((a as MetricBatch)[group].series, (b as MetricBatch)[group].series, series)
      }
    }
    expect(reader.dictionary.size).toBe(twin.dictionary.size)
    expect(reader.dictionary.capacity).toBe(twin.dictionary.capacity)
  })
})

const readers = [
  ['decoder', createReader],
  ['twin', createTwin],
] as const

/** A request with one resource, scope and metric; `fill` writes the metric's data. */
const oneMetric = (fill: (metric: Writer) => unknown) =>
  new Writer().message(1, rm => rm.message(2, sm => sm.message(2, metric => fill(metric.text(1, 'm'))))).finish()
const attribute = (w: Writer, field: number, key: string, value: string) =>
  w.message(field, kv => kv.text(1, key).message(2, any => any.text(1, value)))
const point = (w: Writer, ...attributes: string[]) =>
  w.message(1, p => {
    for (const each of attributes) attribute(p, 7, ...(each.split('=') as [string, string]))
    p.double(4, 1)
  })
const gauge = (...points: string[][]) =>
  oneMetric(metric => metric.message(5, data => data.join(points.map(attributes => point(new Writer(), ...attributes).finish()))))
const series = (reader: Reader, bytes: Uint8Array) => [...reader.read('metrics', Raw.of(bytes)).numbers.series]

describe.each(readers)('%s', (_, create) => {
  test('reads every column of every kind of point', () => {
    const ns = 1_700_000_000_123_456_789n
    const id = (n: number) => Uint8Array.from({ length: n }, (_, i) => i + 1)
    const bytes = new Writer()
      .message(1, rm =>
        rm
          .message(1, resource => attribute(resource, 1, 'service.name', 'shop'))
          .message(2, sm =>
            sm
              .message(1, scope => attribute(scope.text(1, 'lib').text(2, '1.0'), 3, 'k', 'v'))
              .message(2, metric =>
                metric
                  .text(1, 'requests')
                  .text(2, 'How many')
                  .text(3, '{request}')
                  .message(7, sum =>
                    sum
                      .message(1, p => {
                        attribute(p, 7, 'path', '/')
                        p.fixed64(2, ns - 1_000_000_000n)
                          .fixed64(3, ns)
                          .fixed64(6, -7n)
                          .varint(8, 2)
                        p.message(5, e => e.fixed64(2, ns).double(3, 0.5).bytes(4, id(8)).bytes(5, id(16)))
                      })
                      .varint(2, 1)
                      .varint(3, 1),
                  ),
              )
              .message(2, metric =>
                metric.text(1, 'latency').message(9, h =>
                  h
                    .message(1, p => {
                      p.fixed64(3, ns).fixed64(4, 6).double(5, 12.5).double(11, 0.5).double(12, 9)
                      p.message(6, counts => counts.raw(Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0)))
                      p.double(7, 2.5)
                    })
                    .varint(2, 2),
                ),
              )
              .message(2, metric =>
                metric.text(1, 'sizes').message(10, h =>
                  h.message(1, p => {
                    p.fixed64(3, ns).fixed64(4, 10).zigzag(6, -3).fixed64(7, 2).double(14, 0.25)
                    p.message(8, b => b.zigzag(1, -5).message(2, counts => counts.bareVarint(1).bareVarint(300)))
                    p.message(9, b => b.zigzag(1, 7).varint(2, 4))
                  }),
                ),
              )
              .message(2, metric =>
                metric.text(1, 'rank').message(11, s =>
                  s.message(1, p => {
                    p.fixed64(3, ns)
                      .fixed64(4, 3)
                      .double(5, 6)
                      .message(6, q => q.double(1, 0.5).double(2, 2))
                      .message(6, q => q.double(1, 1))
                  }),
                ),
              )
              .text(3, 'https://schema.test'),
          ),
      )
      .finish()
    const batch = create().read('metrics', Raw.of(bytes))
    const ms = 1_700_000_000_123.4568
    expect(batch.rows).toBe(4)
    const { numbers, histograms, exponentials, summaries, exemplars, dictionary } = batch
    expect(list(numbers, 'series', 'metric', 'start', 'time', 'value', 'flags')).toEqual([[0], [0], [ms - 1000], [ms], [-7], [2]])
    expect(dictionary.series(0)).toEqual({
      resource: { attributes: [['service.name', 'shop']] },
      scope: { name: 'lib', version: '1.0', schemaUrl: 'https://schema.test', attributes: [['k', 'v']] },
      ...{ name: 'requests', unit: '{request}', description: 'How many', type: 'sum', temporality: 'delta', monotonic: true },
      attributes: [['path', '/']],
    })
    expect(list(histograms, 'series', 'metric', 'count', 'sum', 'min', 'max')).toEqual([[1], [1], [6], [12.5], [0.5], [9]])
    expect([...dictionary.bounds(histograms.bounds[0]!)]).toEqual([2.5])
    expect([histograms.bucketsFrom[0], histograms.bucketsLength[0]]).toEqual([0, 2])
    expect([...batch.buckets]).toEqual([1, 5, 1, 300, 4])
    expect(dictionary.series(1)).toMatchObject({ type: 'histogram', temporality: 'cumulative', monotonic: false, attributes: [] })
    expect(list(exponentials, 'scale', 'zeroCount', 'zeroThreshold', 'sum')).toEqual([[-3], [2], [0.25], [NaN]])
    expect(list(exponentials, 'positiveOffset', 'positiveFrom', 'positiveLength')).toEqual([[-5], [2], [2]])
    expect(list(exponentials, 'negativeOffset', 'negativeFrom', 'negativeLength')).toEqual([[7], [4], [1]])
    expect(list(summaries, 'count', 'sum', 'quantilesFrom', 'quantilesLength')).toEqual([[3], [6], [0], [2]])
    expect([...batch.quantiles]).toEqual([0.5, 2, 1, 0])
    expect(list(exemplars, 'group', 'row', 'time', 'value')).toEqual([[0], [0], [ms], [0.5]])
    expect([...exemplars.ids]).toEqual([...id(16), ...id(8)])
    for (const group of [numbers, histograms, exponentials, summaries]) expect(bytes[group.from[0]!]).toBe(0x0a)
    expect(numbers.to[0]).toBeLessThan(batch.metrics.to[0]!)
    expect([...batch.scopes.parent, ...batch.metrics.parent]).toEqual([0, 0, 0, 0, 0])
  })

  test('reads every column of spans', () => {
    const id = (n: number, from: number) => Uint8Array.from({ length: n }, (_, i) => i + from)
    const span = new Writer()
      .bytes(1, id(16, 1))
      .bytes(2, id(8, 17))
      .text(3, 'ot=th:8')
      .bytes(4, id(8, 25))
      .text(5, 'GET /')
      .varint(6, 2)
      .fixed64(7, 5_000_000_000n)
    const run = (w: Writer) => attribute(attribute(w, 9, 'a', '1'), 9, 'b', '2')
    run(span)
      .fixed64(8, 5_002_500_000n)
      .message(15, status => status.text(2, 'no').varint(3, 2))
      .fixed32(16, 1)
    const bytes = new Writer().message(1, rs => rs.message(2, ss => ss.bytes(2, span.finish()).message(2, () => {}))).finish()
    const { spans, dictionary, rows } = create().read('traces', Raw.of(bytes))
    expect(rows).toBe(2)
    expect(list(spans, 'kind', 'status', 'start', 'duration', 'scope')).toEqual([
      [2, 0],
      [2, 0],
      [5000, 0],
      [2.5, 0],
      [0, 0],
    ])
    expect([...spans.ids]).toEqual([...id(32, 1), ...new Uint8Array(32)])
    expect([dictionary.text(spans.name[0]!), spans.name[1]]).toEqual(['GET /', -1])
    expect(bytes.slice(spans.attributesFrom[0]!, spans.attributesTo[0]!)).toEqual(run(new Writer()).finish())
    expect([spans.attributesFrom[1], spans.attributesTo[1]]).toEqual([0, 0])
    expect(Buffer.from(bytes.slice(spans.traceStateFrom[0]!, spans.traceStateTo[0]!)).toString()).toBe('ot=th:8')
    expect([spans.traceStateFrom[1], spans.traceStateTo[1]]).toEqual([0, 0])
  })

  test('reads every column of log records', () => {
    const record = new Writer()
      .fixed64(1, 1_000_000n)
      .fixed64(11, 2_000_000n)
      .varint(2, 17)
      .text(3, 'ERROR')
      .message(5, any => any.text(1, 'it broke'))
    attribute(record, 6, 'a', '1').bytes(9, new Uint8Array(16).fill(3)).bytes(10, new Uint8Array(8).fill(4)).text(12, 'crash')
    const bytes = new Writer().message(1, rl => rl.message(2, sl => sl.bytes(2, record.finish()))).finish()
    const { records, dictionary } = create().read('logs', Raw.of(bytes))
    expect(list(records, 'time', 'observed', 'severity')).toEqual([[1], [2], [17]])
    expect([dictionary.text(records.severityText[0]!), dictionary.text(records.eventName[0]!)]).toEqual(['ERROR', 'crash'])
    expect(bytes.slice(records.bodyFrom[0]!, records.bodyTo[0]!)).toEqual(new Writer().text(1, 'it broke').finish())
    expect(bytes.slice(records.attributesFrom[0]!, records.attributesTo[0]!)).toEqual(attribute(new Writer(), 6, 'a', '1').finish())
    expect([...records.ids]).toEqual([...new Uint8Array(16).fill(3), ...new Uint8Array(8).fill(4)])
  })

  test('attributes name one series however they are ordered', () => {
    const reader = create()
    expect(series(reader, gauge(['a=1', 'b=2'], ['b=2', 'a=1'], ['a=1', 'b=3'], ['a=0', 'b=2', 'a=1'], ['a=1']))).toEqual([0, 0, 1, 0, 2])
    expect(series(reader, gauge(['b=2', 'a=1'], ['a=1', 'b=2']))).toEqual([0, 0])
    expect(reader.dictionary.size).toBe(3)
    expect(reader.dictionary.series(0).attributes).toEqual([
      ['a', '1'],
      ['b', '2'],
    ])
  })

  test('many attributes are sorted too', () => {
    const many = Array.from({ length: 300 }, (_, i) => `key ${(i * 7919) % 300}=${i}`)
    const reader = create()
    expect(series(reader, gauge(many, many.toReversed(), many.toSorted(), many.slice(1)))).toEqual([0, 0, 0, 1])
  })

  test('attributes in several runs are read together', () => {
    const apart = oneMetric(metric =>
      metric.message(5, data => data.message(1, p => attribute(attribute(p, 7, 'b', '2').double(4, 1), 7, 'a', '1'))),
    )
    expect(series(create(), new Uint8Array([...gauge(['a=1', 'b=2']), ...apart]))).toEqual([0, 0])
  })

  test('the value and not its type alone tells series apart, and the type too', () => {
    const any = (fill: (any: Writer) => unknown) =>
      oneMetric(m => m.message(5, data => data.message(1, p => p.message(7, kv => kv.text(1, 'k').message(2, fill)))))
    const values = [
      any(v => v.varint(3, 1)),
      any(v => v.varint(3, 2)),
      any(v => v.double(4, 1)),
      any(v => v.varint(2, 1)),
      any(v => v.text(1, '1')),
    ]
    const reader = create()
    expect(values.flatMap(bytes => series(reader, bytes))).toEqual([0, 1, 2, 3, 4])
    expect(values.map((_, i) => reader.dictionary.series(i).attributes[0]![1])).toEqual([1, 2, 1, true, '1'])
  })

  test.each([
    ['unit', (m: Writer) => m.text(3, 's'), 1],
    ['description', (m: Writer) => m.text(2, 'other'), 0],
    ['nothing', (m: Writer) => m, 0],
  ])('another %s makes another series or not', (_, more, expected) => {
    const bytes = (fill: (m: Writer) => Writer) => oneMetric(m => fill(m).message(5, data => point(data)))
    const reader = create()
    expect([
      ...series(
        reader,
        bytes(m => m),
      ),
      ...series(reader, bytes(more)),
    ]).toEqual([0, expected])
  })

  test('name and unit are told apart at their border', () => {
    const bytes = (name: string, unit: string) =>
      oneMetric(m =>
        m
          .text(1, name)
          .text(3, unit)
          .message(5, data => point(data)),
      )
    const reader = create()
    expect(['ab', 'a', ''].flatMap(name => series(reader, bytes(name, 'ab'.slice(name.length))))).toEqual([0, 1, 2])
  })

  test('resources are the same whatever their order, scopes are told apart by schema', () => {
    const bytes = (attributes: string[], schema: string) =>
      new Writer()
        .message(1, rm => {
          // The resource after what it describes.
          rm.message(2, sm => sm.message(2, m => m.text(1, 'm').message(5, data => point(data))).text(3, schema))
          rm.message(1, r => r.join(attributes.map(each => attribute(new Writer(), 1, ...(each.split('=') as [string, string])).finish())))
        })
        .finish()
    const reader = create()
    const all = [bytes(['a=1', 'b=2'], 'x'), bytes(['b=2', 'a=1'], 'x'), bytes(['a=1', 'b=2'], 'y'), bytes(['a=1'], 'x')]
    expect(all.flatMap(each => series(reader, each))).toEqual([0, 0, 1, 2])
  })

  test('past the bound rows have no series and are counted; known ones keep theirs', () => {
    const reader = create({ maxSeries: 2 })
    expect(series(reader, gauge(['a=1'], ['a=2'], ['a=3'], ['a=1'], ['a=4']))).toEqual([0, 1, -1, 0, -1])
    expect(reader.overflowed).toBe(2)
    expect(series(reader, gauge(['a=2'], ['a=3']))).toEqual([1, -1])
    expect(reader.overflowed).toBe(3)
    expect(reader.dictionary.size).toBe(2)
  })

  test('past the bound on texts there is no text', () => {
    const reader = create({ maxTexts: 1 })
    const bytes = new Writer()
      .message(1, rs =>
        rs.message(2, ss =>
          ss
            .message(2, s => s.text(5, 'a'))
            .message(2, s => s.text(5, 'b'))
            .message(2, s => s.text(5, 'a')),
        ),
      )
      .finish()
    const { spans, dictionary } = reader.read('traces', Raw.of(bytes))
    expect([...spans.name]).toEqual([0, -1, 0])
    expect(dictionary.text(-1)).toBe('')
    expect(reader.overflowed).toBe(0)
  })

  test('what is idle is freed, its id used again with another generation', () => {
    let now = 1_000_000
    const reader = create({ now: () => now })
    expect(series(reader, gauge(['a=1'], ['a=2'], ['a=3']))).toEqual([0, 1, 2])
    const before = [0, 1, 2].map(id => reader.dictionary.generation(id))
    now += 500
    expect(series(reader, gauge(['a=1']))).toEqual([0])
    expect(reader.sweep(now, 501)).toBe(0)
    expect(reader.sweep(now, 500)).toBe(2)
    expect(reader.dictionary.sweeps).toBe(2)
    expect(reader.dictionary.size).toBe(1)
    const [fourth] = series(reader, gauge(['a=4']))
    expect([1, 2]).toContain(fourth)
    expect(reader.dictionary.generation(fourth!)).not.toBe(before[fourth!])
    expect(reader.dictionary.generation(0)).toBe(before[0])
    expect(reader.dictionary.series(fourth!).attributes).toEqual([['a', '4']])
    expect(reader.dictionary.capacity).toBe(3)
    expect(series(reader, gauge(['a=1']))).toEqual([0])
  })

  test('a series lives as long as it comes in any order of its attributes', () => {
    let now = 0
    const reader = create({ now: () => now })
    series(reader, gauge(['a=1', 'b=2']))
    now = 1000
    expect(series(reader, gauge(['b=2', 'a=1']))).toEqual([0])
    expect(reader.sweep(now, 1000)).toBe(0)
    expect(series(reader, gauge(['a=1', 'b=2']))).toEqual([0])
    expect(reader.dictionary.generation(0)).toBe(0)
  })

  test.each([
    ['metrics', Uint8Array.of(0x0a, 5, 0x12), /^metrics request: truncated request at byte \d of 3$/],
    ['metrics', Uint8Array.of(0x02, 0), /^metrics request: field number 0 in request at byte 1? ?0? ?of 2$|field number 0 in request/],
    ['logs', Uint8Array.of(0x0b), /^logs request: .*wire type.* in request at byte \d of 1$/],
    ['logs', new Uint8Array(12).fill(0xff), /^logs request: varint of more than 64 bits in request/],
    [
      'traces',
      new Writer().message(1, rs => rs.message(2, ss => ss.message(2, s => s.bytes(1, new Uint8Array(15))))).finish(),
      /trace_id of /,
    ],
    [
      'traces',
      new Writer().message(1, rs => rs.message(2, ss => ss.message(2, s => s.bytes(2, new Uint8Array(16))))).finish(),
      /span_id of /,
    ],
    [
      'metrics',
      oneMetric(m => m.message(9, h => h.message(1, p => p.bytes(6, new Uint8Array(7))))),
      /packed field of odd length in data point/,
    ],
    ['metrics', oneMetric(m => m.message(5, h => h.message(1, p => p.bytes(7, Uint8Array.of(0x0a, 9))))), /truncated attribute at byte/],
  ] as const)('malformed %s say where: %#', (signal, bytes, message) => {
    const read = () => create().read(signal, Raw.of(bytes))
    expect(read).toThrow(MalformedError)
    expect(read).toThrow(message)
  })

  test('values nested without end are passed over', () => {
    let value = new Writer().text(1, 'inside').finish()
    for (let depth = 0; depth < 3000; depth++) value = new Writer().message(5, list => list.bytes(1, value)).finish()
    const reader = create()
    const bytes = oneMetric(m => m.message(5, data => data.message(1, p => p.message(7, kv => kv.text(1, 'k').bytes(2, value)))))
    expect(series(reader, bytes)).toEqual([0])
    expect(reader.dictionary.series(0).attributes[0]![0]).toBe('k')
  })
})

describe('what the OpenTelemetry SDK for JavaScript sends', () => {
  test('metrics', async () => {
    const exporter = new InMemoryMetricExporter(AggregationTemporality.DELTA)
    const collected = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 1e9 })
    const provider = new MeterProvider({
      resource: resourceFromAttributes({ 'service.name': 'shop' }),
      readers: [collected],
      views: [{ instrumentName: 'sizes', aggregation: { type: AggregationType.EXPONENTIAL_HISTOGRAM } }],
    })
    const meter = provider.getMeter('lib', '1.0')
    meter.createCounter('requests', { unit: '{request}', description: 'How many' }).add(3, { path: '/', code: 200 })
    meter.createGauge('temperature').record(-1.5)
    const latency = meter.createHistogram('latency', { advice: { explicitBucketBoundaries: [1, 10] } })
    for (const value of [0.5, 5, 50, 500]) latency.record(value)
    const sizes = meter.createHistogram('sizes')
    for (const value of [0, 1, 2, 4]) sizes.record(value)
    await collected.forceFlush()
    const [exported] = exporter.getMetrics()
    await provider.shutdown()
    const bytes = ProtobufMetricsSerializer.serializeRequest(exported!)!
    const batches = readers.map(([, create]) => create().read('metrics', Raw.of(bytes)))
    for (const { numbers, histograms, exponentials, buckets, dictionary, rows } of batches) {
      expect(rows).toBe(4)
      expect([...numbers.value]).toEqual([3, -1.5])
      expect(dictionary.series(numbers.series[0]!)).toEqual({
        resource: { attributes: [['service.name', 'shop']] },
        scope: { name: 'lib', version: '1.0', schemaUrl: '', attributes: [] },
        ...{ name: 'requests', unit: '{request}', description: 'How many', type: 'sum', temporality: 'delta', monotonic: true },
        attributes: [
          ['code', 200],
          ['path', '/'],
        ],
      })
      expect(list(histograms, 'count', 'sum', 'min', 'max')).toEqual([[4], [555.5], [0.5], [500]])
      expect([...dictionary.bounds(histograms.bounds[0]!)]).toEqual([1, 10])
      expect([...buckets.slice(histograms.bucketsFrom[0], histograms.bucketsFrom[0]! + histograms.bucketsLength[0]!)]).toEqual([1, 1, 2])
      expect(list(exponentials, 'count', 'sum', 'zeroCount', 'min', 'max')).toEqual([[4], [7], [1], [0], [4]])
      const [from, length] = [exponentials.positiveFrom[0]!, exponentials.positiveLength[0]!]
      expect(buckets.slice(from, from + length).reduce((a, b) => a + b)).toBe(3)
    }
    expect(shown(batches[0]!)).toEqual(shown(batches[1]!))
  })

  test('spans', async () => {
    const exporter = new InMemorySpanExporter()
    const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] })
    const tracer = provider.getTracer('lib')
    const parent = tracer.startSpan('parent', { kind: 1, startTime: [1, 0] })
    const child = tracer.startSpan('child', { startTime: [1, 1_000_000], attributes: { a: 1 } }, trace.setSpan(ROOT_CONTEXT, parent))
    child.setStatus({ code: 2 }).end([1, 3_500_000])
    parent.end([2, 0])
    const spans = exporter.getFinishedSpans()
    await provider.shutdown()
    const bytes = ProtobufTraceSerializer.serializeRequest(spans)!
    for (const [, create] of readers) {
      const batch = create().read('traces', Raw.of(bytes))
      expect(Array.from(batch.spans.name, id => batch.dictionary.text(id))).toEqual(['child', 'parent'])
      expect(list(batch.spans, 'status', 'start', 'duration')).toEqual([
        [2, 0],
        [1001, 1000],
        [2.5, 1000],
      ])
      expect(batch.spans.kind[1]).toBe(2)
      const ids = Array.from(spans, span => span.spanContext())
      const hex = (from: number, to: number) => Buffer.from(batch.spans.ids.subarray(from, to)).toString('hex')
      expect([hex(0, 16), hex(16, 24), hex(24, 32)]).toEqual([ids[0]!.traceId, ids[0]!.spanId, ids[1]!.spanId])
      expect(hex(56, 64)).toBe('0'.repeat(16))
    }
  })
})

const list = (group: object, ...names: string[]) => names.map(name => [...(group as Record<string, Iterable<number>>)[name]!])

describe('the decoder', () => {
  test('takes a request in whatever pieces it came', () => {
    const bytes = metricsRequest({ resources: 2, points: 10 }, 3)
    const reader = createReader()
    const whole = shown(reader.read('metrics', Raw.of(bytes)))
    for (const size of [1, 7, 1000]) {
      const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size))
      expect(shown(reader.read('metrics', new Raw(pieces)))).toEqual(whole)
    }
    expect(reader.read('metrics', new Raw([])).rows).toBe(0)
  })

  test('a batch stays as it is while others are read, memory grows and columns are looked at late', () => {
    const reader = createReader()
    const requests = {
      metrics: metricsRequest({ points: 20 }, 1),
      traces: tracesRequest({ points: 20 }, 1),
      logs: logsRequest({ points: 20 }, 1),
    }
    const read = () => signals.map((signal): AnyBatch => reader.read(signal, Raw.of(requests[signal])))
    const [early, late] = [read(), read()]
    const before = early.map(shown)
    expect(reader.read('metrics', Raw.of(metricsRequest({ resources: 20, scopes: 5, metrics: 20, points: 20 }, 9))).rows).toBe(40_000)
    for (let seed = 0; seed < 20; seed++) reader.read('traces', Raw.of(tracesRequest({ points: 50, odd: true }, seed)))
    expect(early.map(shown)).toEqual(before)
    expect(late.map(shown)).toEqual(before)
  })

  test('64 MiB are read, and small requests after that as before', { timeout: 60_000 }, () => {
    const reader = createReader()
    const metric = (n: number) => oneMetric(m => m.message(5, data => data.join(Array.from({ length: n }, () => value))))
    const value = new Writer().message(1, p => p.fixed64(3, 1n).double(4, 1)).finish()
    const rows = Math.floor((64 << 20) / value.length) - 10
    expect(reader.read('metrics', Raw.of(metric(rows))).rows).toBe(rows)
    const text = 'x'.repeat(32 << 20)
    expect(series(reader, gauge([`a=${text}`], ['a=1']))).toEqual([1, 2])
    expect(reader.dictionary.series(2).attributes).toEqual([['a', '1']])
    expect(series(reader, gauge(['a=1']))).toEqual([2])
  })

  test('where memory ends, requests fail and nothing else does', { timeout: 60_000 }, () => {
    let now = 0
    const reader = createReader({ now: () => now, maxMemory: 8 << 20 })
    const first = series(reader, gauge(['a=1'], ['a=2']))
    for (let cycle = 0; cycle < 3; cycle++) {
      const outcomes = new Set<string>()
      for (let i = 0; i < 60; i++) {
        now++
        try {
          series(reader, manySeries((cycle * 60 + i) * 2000, 2000))
          outcomes.add('read')
        } catch (error) {
          expect(error).not.toBeInstanceOf(MalformedError)
          outcomes.add(String(error).replace(/\d+ bytes.*/s, 'n bytes'))
        }
        // What is known needs no memory.
        expect(series(reader, gauge(['a=1'], ['a=2']))).toEqual(first)
      }
      expect([...outcomes]).toEqual(['read', 'Error: otlp reader: no memory left to read a metrics request of n bytes'])
      expect(reader.sweep(now, 1)).toBeGreaterThan(10_000)
      expect(reader.dictionary.size).toBe(2)
    }
    expect(memoryOf(reader)).toBeLessThanOrEqual(8 << 20)
  })

  test('millions of empty rows are refused, and nothing else is', { timeout: 60_000 }, () => {
    const reader = createReader()
    const data = new Uint8Array(16 << 20)
    for (let i = 0; i < data.length; i += 2) data[i] = 0x0a
    const empty = (bytes: number) => oneMetric(metric => metric.bytes(5, data.subarray(0, bytes)))
    expect(() => reader.read('metrics', Raw.of(empty(data.length)))).toThrow(
      /^metrics request: too many rows or buckets at byte \d+ of \d+$/,
    )
    expect(reader.read('metrics', Raw.of(empty(8 << 20))).rows).toBe(4 << 20)
    expect(series(reader, gauge(['a=1']))).toEqual([1])
  })
})

/** `n` series of one metric, numbered from `from`. */
const manySeries = (from: number, n: number) =>
  oneMetric(metric =>
    metric.message(5, data => Array.from({ length: n }, (_, i) => point(data, `id=${from + i}`, 'host=shop.example.test'))),
  )

describe('many series', () => {
  test('200,000 keep their ids while the tables grow', () => {
    const reader = createReader()
    const requests = Array.from({ length: 20 }, (_, i) => manySeries(i * 10_000, 10_000))
    const first = requests.map(bytes => series(reader, bytes))
    expect(first.flat()).toEqual(Array.from({ length: 200_000 }, (_, i) => i))
    expect(requests.map(bytes => series(reader, bytes))).toEqual(first)
    expect(reader.dictionary.size).toBe(200_000)
    for (const id of [0, 12_345, 199_999]) expect(reader.dictionary.series(id).attributes[1]).toEqual(['id', `${id}`])
  })

  test('memory does not grow over cycles of arriving and being freed', () => {
    let now = 0
    const reader = createReader({ now: () => now, maxSeries: 20_000 })
    const used: number[] = []
    for (let cycle = 0; cycle < 20; cycle++) {
      now += 1000
      const ids = series(reader, manySeries(cycle * 20_000, 20_000))
      expect(new Set(ids).size).toBe(20_000)
      expect(Math.min(...ids)).toBe(0)
      expect(reader.sweep(now, 0)).toBe(20_000)
      used.push(memoryOf(reader))
    }
    expect(used.at(-1)).toBe(used[2])
    expect(reader.overflowed).toBe(0)
    expect(reader.dictionary.capacity).toBe(20_000)
    expect(reader.dictionary.generation(0)).toBe(20)
  })

  test('of more than a million attribute sets a million have a name, the rest is counted, and memory stands still', {
    timeout: 60_000,
  }, () => {
    const reader = createReader()
    let unnamed = 0
    let full = 0
    for (let from = 0; from < 1_200_000; from += 20_000) {
      unnamed += series(reader, manySeries(from, 20_000)).filter(id => id === -1).length
      if (from < 1_000_000) full = memoryOf(reader)
    }
    expect([unnamed, reader.overflowed, reader.dictionary.size]).toEqual([200_000, 200_000, 1_000_000])
    expect(memoryOf(reader)).toBe(full)
    expect(full).toBeLessThan(512 << 20)
    expect(series(reader, manySeries(7, 1))).toEqual([7])
  })

  test('100,000 series take tens of megabytes', () => {
    const reader = createReader()
    expect(memoryOf(reader)).toBeLessThan(1 << 20)
    for (let i = 0; i < 10; i++) reader.read('metrics', Raw.of(manySeries(i * 10_000, 10_000)))
    expect(memoryOf(reader)).toBeLessThan(64 << 20)
  })
})

describe.each(readers)('%s: the type that Prometheus gave a metric', (_, create) => {
  const typed = (fill: (metadata: Writer) => unknown) => oneMetric(metric => point0(metric).message(12, fill))
  const point0 = (metric: Writer) => metric.message(5, data => point(data))
  const said = (value: string) => (metadata: Writer) => metadata.text(1, 'prometheus.type').message(2, any => any.text(1, value))
  const typeOf = (bytes: Uint8Array) => {
    const { dictionary, numbers } = create().read('metrics', Raw.of(bytes))
    return dictionary.series(numbers.series[0]!).prometheusType
  }

  test.each([...prometheusTypes])('%s', type => expect(typeOf(typed(said(type)))).toBe(type))

  test.each<[string, (metadata: Writer) => unknown]>([
    ['another type', said('hologram')],
    ['no type', said('')],
    ['a long one', said('x'.repeat(300))],
    ['another key', metadata => metadata.text(1, 'prometheus.kind').message(2, any => any.text(1, 'gauge'))],
    ['no value', metadata => metadata.text(1, 'prometheus.type')],
    ['a number', metadata => metadata.text(1, 'prometheus.type').message(2, any => any.varint(3, 1))],
    ['something behind it', metadata => said('gauge')(metadata.text(1, 'prometheus.type'))],
    ['nothing', () => {}],
  ])('none: %s', (_, fill) => expect(typeOf(typed(fill))).toBeUndefined())

  test('two types are two series, and none is a third', () => {
    const reader = create()
    const ids = [typed(said('gauge')), typed(said('counter')), oneMetric(point0), typed(said('gauge'))].map(
      bytes => reader.read('metrics', Raw.of(bytes)).numbers.series[0],
    )
    expect(ids).toEqual([0, 1, 2, 0])
  })

  test('it may stand before the data, and among other metadata', () => {
    const bytes = oneMetric(metric =>
      point0(metric.message(12, said('info')).message(12, other => other.text(1, 'k').message(2, any => any.text(1, 'v')))),
    )
    expect(typeOf(bytes)).toBe('info')
  })
})
