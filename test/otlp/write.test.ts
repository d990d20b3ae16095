import type { HrTime } from '@opentelemetry/api'
import { ProtobufMetricsSerializer } from '@opentelemetry/otlp-transformer'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { AggregationTemporality, DataPointType, InstrumentType, type ResourceMetrics } from '@opentelemetry/sdk-metrics'
import { describe, expect, test } from 'vitest'
import { MalformedError } from '../../src/model/batch.ts'
import { protobufToJson } from '../../src/otlp/json.ts'
import { metricsRequest } from '../../src/otlp/metrics-request.ts'
import { HistogramDataPoint } from '../../src/otlp/schema.ts'
import { encode, encodeField, nanos } from '../../src/otlp/write.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const attributesOf = (attributes: unknown) => {
  const written = protobufToJson('logs', encode('logs', { resourceLogs: [{ resource: { attributes } }] }))
  return (written as { resourceLogs: [{ resource: { attributes?: unknown } }] }).resourceLogs[0].resource.attributes ?? []
}

describe('the bytes', () => {
  test('fields ascend, defaults are left out, a given oneof member or optional field is not', () => {
    const request = {
      resourceMetrics: [
        {
          scopeMetrics: [
            { metrics: [{ unit: '', name: 'm', histogram: { dataPoints: [{ sum: 0, count: 0, flags: 1, bucketCounts: [1n, '2'] }] } }] },
          ],
        },
      ],
    }
    // request{1: resource{2: scope{2: metric{1: "m", 9: histogram{1: point{5: 0.0, 6: packed [1, 2], 10: 1}}}}}}
    expect(hex(encode('metrics', request))).toBe(
      `0a28122612240a016d4a1f0a1d${'290000000000000000'}${'321001000000000000000200000000000000'}${'5001'}`,
    )
  })

  test.each([
    ['0 ms', 0, 0n],
    ['a millisecond', 1, 1_000_000n],
    ['a fraction', 1_700_000_000_000.25, 1_700_000_000_000_250_000n],
    ['before the epoch', -0.5, -500_000n],
  ])('%s in nanoseconds', (_, ms, expected) => {
    expect(nanos(ms)).toBe(expected)
  })
})

test('what is encoded already is put in as it is, and columns are numbers', () => {
  const attributes = { 'service.name': 'shop', n: 1 }
  const point = { count: 3, explicitBounds: [0.5, 2], bucketCounts: [1, 2, 0] }
  const request = (attributes: unknown, point: object) => ({
    resourceMetrics: [{ scopeMetrics: [{ metrics: [{ name: 'm', histogram: { dataPoints: [{ ...point, attributes }] } }] }] }],
  })
  const columns = { ...point, explicitBounds: Float64Array.of(0.5, 2), bucketCounts: Float64Array.of(1, 2, 0) }
  const encoded = encodeField(HistogramDataPoint, 'attributes', attributes)
  expect(hex(encode('metrics', request(encoded, columns)))).toBe(hex(encode('metrics', request(attributes, point))))
})

test.each([0, 1, 2 ** 31, 2 ** 32, 2 ** 52 + 3, Number.MAX_SAFE_INTEGER])('%d is written alike as number, bigint and text', value => {
  const write = (count: unknown) =>
    hex(encode('metrics', { resourceMetrics: [{ scopeMetrics: [{ metrics: [{ histogram: { dataPoints: [{ count, flags: 1 }] } }] }] }] }))
  expect(write(value)).toBe(write(BigInt(value)))
  expect(write(value)).toBe(write(String(value)))
})

describe('attributes', () => {
  const plain = {
    text: 'größer',
    integer: 42,
    long: 2n ** 60n,
    negative: -1,
    fraction: 0.5,
    minus: -0,
    huge: 1e300,
    yes: true,
    nothing: null,
    bytes: Uint8Array.of(1, 2, 3),
    list: ['a', 1, [true]],
    map: { deep: { x: 1.5 } },
    left: undefined,
  }
  const written = [
    { key: 'text', value: { stringValue: 'größer' } },
    { key: 'integer', value: { intValue: '42' } },
    { key: 'long', value: { intValue: '1152921504606846976' } },
    { key: 'negative', value: { intValue: '-1' } },
    { key: 'fraction', value: { doubleValue: 0.5 } },
    { key: 'minus', value: { doubleValue: '-0' } },
    { key: 'huge', value: { doubleValue: 1e300 } },
    { key: 'yes', value: { boolValue: true } },
    { key: 'nothing', value: {} },
    { key: 'bytes', value: { bytesValue: 'AQID' } },
    {
      key: 'list',
      value: { arrayValue: { values: [{ stringValue: 'a' }, { intValue: '1' }, { arrayValue: { values: [{ boolValue: true }] } }] } },
    },
    {
      key: 'map',
      value: {
        kvlistValue: { values: [{ key: 'deep', value: { kvlistValue: { values: [{ key: 'x', value: { doubleValue: 1.5 } }] } } }] },
      },
    },
  ]

  test.each([
    ['a record', plain],
    ['pairs', Object.entries(plain)],
    ['KeyValue messages', written],
  ])('may be %s', (_, attributes) => {
    expect(attributesOf(attributes)).toEqual(written)
  })

  test('may be none', () => {
    for (const none of [{}, [], undefined, null]) expect(attributesOf(none)).toEqual([])
  })

  test.each([
    [{ f: () => 1 }, /^resourceLogs\[0\]\.resource\.attributes\.f: must be a value that an attribute can have/],
    [[[1, 'x']], 'resourceLogs[0].resource.attributes: must have texts as keys, got 1'],
    ['a=1', 'resourceLogs[0].resource.attributes: must be an array, got "a=1"'],
  ])('%o are refused', (attributes, message) => {
    expect(() => attributesOf(attributes)).toThrow(MalformedError)
    expect(() => attributesOf(attributes)).toThrow(message)
  })

  test('values within themselves are refused', () => {
    const loop: Record<string, unknown> = {}
    loop['again'] = loop
    expect(() => attributesOf(loop)).toThrow(/nested more than 100 messages deep/)
  })

  test('a body and an attribute value may be plain too', () => {
    const request = { resourceLogs: [{ scopeLogs: [{ logRecords: [{ body: 'hello', attributes: [{ key: 'n', value: 5 }] }] }] }] }
    expect(protobufToJson('logs', encode('logs', request))).toEqual({
      resourceLogs: [
        { scopeLogs: [{ logRecords: [{ body: { stringValue: 'hello' }, attributes: [{ key: 'n', value: { intValue: '5' } }] }] }] },
      ],
    })
  })
})

test('a large request: the buffer grows as it must', () => {
  const logRecords = Array.from({ length: 5_000 }, (_, i) => ({
    body: { stringValue: `${i} ${'é'.repeat(i % 50)}` },
    spanId: '0102030405060708',
  }))
  const request = { resourceLogs: [{ scopeLogs: [{ logRecords }] }] }
  expect(protobufToJson('logs', encode('logs', request))).toEqual(request)
})

/** Another writer's bytes for the same metrics. */
test('agrees with the writer of the OpenTelemetry SDK', () => {
  const time = (s: number): HrTime => [s, 5]
  const point = { startTime: time(1), endTime: time(2), attributes: { a: 'b', n: 1, x: 0.5, list: ['p', 'q'] } }
  const descriptor = (name: string) => ({ name, unit: 'By', description: 'd', type: InstrumentType.COUNTER, valueType: 1, advice: {} })
  const rm: ResourceMetrics = {
    resource: resourceFromAttributes({ 'service.name': 's' }),
    scopeMetrics: [
      {
        scope: { name: 'scope', version: '1' },
        metrics: [
          {
            descriptor: descriptor('sum'),
            aggregationTemporality: AggregationTemporality.CUMULATIVE,
            dataPointType: DataPointType.SUM,
            isMonotonic: true,
            dataPoints: [{ ...point, value: 1.5 }],
          },
          {
            descriptor: descriptor('histogram'),
            aggregationTemporality: AggregationTemporality.DELTA,
            dataPointType: DataPointType.HISTOGRAM,
            dataPoints: [{ ...point, value: { buckets: { boundaries: [1, 2], counts: [1, 0, 2] }, sum: 7, count: 3, min: 0.5, max: 5 } }],
          },
        ],
      },
    ],
  }
  const theirs = protobufToJson('metrics', ProtobufMetricsSerializer.serializeRequest(rm)!)
  const attributes = point.attributes
  const at = { startMs: 1000, timeMs: 2000 }
  const ours = metricsRequest({
    resource: { 'service.name': 's' },
    scope: { name: 'scope', version: '1' },
    metrics: [
      {
        name: 'sum',
        unit: 'By',
        description: 'd',
        type: 'sum',
        temporality: 'cumulative',
        monotonic: true,
        points: [{ attributes, ...at, value: 1.5 }],
      },
      {
        name: 'histogram',
        unit: 'By',
        description: 'd',
        type: 'histogram',
        temporality: 'delta',
        points: [{ attributes, ...at, count: 3, sum: 7, min: 0.5, max: 5, bucketCounts: [1, 0, 2], explicitBounds: [1, 2] }],
      },
    ],
  })
  // Their times have nanoseconds that ours, in ms, have not; and they write a default out.
  const strip = (value: unknown): unknown =>
    JSON.parse(
      JSON.stringify(value, (key, v) =>
        key.endsWith('UnixNano') ? String(BigInt(v) / 1_000_000n) : v === 0 && key.startsWith('dropped') ? undefined : v,
      ),
    )
  expect(strip(protobufToJson('metrics', encode('metrics', ours)))).toEqual(strip(theirs))
})
