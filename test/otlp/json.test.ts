import { describe, expect, test } from 'vitest'
import { MalformedError } from '../../src/model/batch.ts'
import { signals } from '../../src/model/signal.ts'
import { jsonToProtobuf, protobufToJson } from '../../src/otlp/json.ts'
import { requestOf } from '../../src/otlp/schema.ts'
import { anyRequest, pick } from '../kit/any-request.ts'
import { seeded } from '../kit/context.ts'

const bytes = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))
const there = (signal: 'metrics' | 'traces' | 'logs', value: unknown) => protobufToJson(signal, jsonToProtobuf(signal, bytes(value)))
const point = (fields: object) => ({ resourceMetrics: [{ scopeMetrics: [{ metrics: [{ name: 'm', gauge: { dataPoints: [fields] } }] }] }] })
const attribute = (value: unknown) => ({ resourceLogs: [{ scopeLogs: [{ logRecords: [{ attributes: [{ key: 'k', value }] }] }] }] })

/** Puts `value` in the place of some member of some object or list within. */
function replaceSomewhere(within: Record<string, unknown> | unknown[], value: unknown, next: () => number): void {
  const keys = Object.keys(within)
  const key = keys[Math.floor(next() * keys.length)]
  if (key === undefined) return
  const member = (within as Record<string, unknown>)[key]
  if (typeof member === 'object' && member !== null && next() < 0.8) replaceSomewhere(member as Record<string, unknown>, value, next)
  else (within as Record<string, unknown>)[key] = value
}

describe('JSON to protobuf and back', () => {
  test.each(signals)('%s: whatever the schema allows comes back equal', signal => {
    const next = seeded(20 + signals.indexOf(signal))
    for (let i = 0; i < 300; i++) {
      const request = anyRequest(requestOf[signal], next)
      const wire = jsonToProtobuf(signal, bytes(request))
      expect(protobufToJson(signal, wire)).toEqual(request)
      expect(jsonToProtobuf(signal, bytes(protobufToJson(signal, wire)))).toEqual(wire)
    }
  })

  test.each([
    [
      'a bare integer beyond 2^53',
      '{"timeUnixNano":1544712660300000001,"asInt":-9007199254740993}',
      { timeUnixNano: '1544712660300000001', asInt: '-9007199254740993' },
    ],
    ['one with an exponent', '{"timeUnixNano": 1.544712660300000001e18}', { timeUnixNano: '1544712660300000001' }],
    ['one with a useless fraction', '{"timeUnixNano": 1544712660300000001.0}', { timeUnixNano: '1544712660300000001' }],
    ['a long integer as a double', '{"asDouble": 12345678901234567890}', { asDouble: 12345678901234567000 }],
    ['small numbers', '{"timeUnixNano": 5, "asInt": 7, "flags": 1}', { timeUnixNano: '5', asInt: '7', flags: 1 }],
    ['doubles as texts', '{"asDouble": "1.5"}', { asDouble: 1.5 }],
    ['null for absent', '{"asDouble": null, "attributes": null, "asInt": "0"}', { asInt: '0' }],
    ['unknown fields', '{"asInt": "1", "timeNano": "5", "future_things": {"deep": [1]}}', { asInt: '1' }],
    [
      'names of the .proto file',
      '{"as_int" : "1", "time_unix_nano": "5", "start_time_unix_nano":"4"}',
      { startTimeUnixNano: '4', timeUnixNano: '5', asInt: '1' },
    ],
    ['a zero that was given', '{"asDouble": 0}', { asDouble: 0 }],
    ['defaults, left out', '{"timeUnixNano": "0", "flags": 0, "exemplars": []}', {}],
    ['ids in either case', '{"exemplars":[{"spanId":"AAbbCCddEEff0011","traceId":""}]}', { exemplars: [{ spanId: 'aabbccddeeff0011' }] }],
  ])('takes %s', (_, fields, expected) => {
    const text = JSON.stringify(point({})).replace('{}', fields)
    expect(there('metrics', text)).toEqual(point(expected))
  })

  test.each([
    [
      'traces',
      { resource_spans: [{ scope_spans: [{ spans: [{ kind: 'SPAN_KIND_CONSUMER', status: { code: 'STATUS_CODE_ERROR' } }] }] }] },
      { kind: 5, status: { code: 2 } },
    ],
    [
      'logs',
      { resource_logs: [{ scope_logs: [{ log_records: [{ severity_number: 'SEVERITY_NUMBER_FATAL4' }] }] }] },
      { severityNumber: 24 },
    ],
    ['logs', { resourceLogs: [{ scopeLogs: [{ logRecords: [{ severityNumber: 'SEVERITY_NUMBER_DEBUG' }] }] }] }, { severityNumber: 5 }],
    [
      'logs',
      { resourceLogs: [{ scopeLogs: [{ logRecords: [{ severityNumber: 'SEVERITY_NUMBER_UNSPECIFIED', severityText: 'x' }] }] }] },
      { severityText: 'x' },
    ],
    [
      'metrics',
      { resource_metrics: [{ scope_metrics: [{ metrics: [{ sum: { aggregation_temporality: 'AGGREGATION_TEMPORALITY_DELTA' } }] }] }] },
      { aggregationTemporality: 1 },
    ],
  ] as const)("takes protobuf's own JSON in %s, as the Collector does: %j", (signal, request, expected) => {
    expect(JSON.stringify(there(signal, request))).toContain(JSON.stringify(expected).slice(1, -1))
  })

  test('integers stay exact within any text around them', () => {
    const body =
      '{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"severityText":"a: 1234567890123456789 b","observedTimeUnixNano":1544712660300000001}]}]}]}'
    expect(JSON.stringify(there('logs', body))).toContain(
      '"severityText":"a: 1234567890123456789 b","observedTimeUnixNano":"1544712660300000001"',
    )
  })

  test.each([
    [
      'metrics',
      { resourceMetrics: [{}, { scopeMetrics: [{ metrics: [{ name: 5 }] }] }] },
      'resourceMetrics[1].scopeMetrics[0].metrics[0].name: must be a string, got 5',
    ],
    ['metrics', [], 'request: must be an object, got an array'],
    ['metrics', 'nonsense', /^request: is not JSON: /],
    ['metrics', '', /^request: is not JSON: /],
    ['metrics', { resourceMetrics: {} }, 'resourceMetrics: must be an array, got an object'],
    ['metrics', { resourceMetrics: [null] }, 'resourceMetrics[0]: must be an object, got null'],
    [
      'metrics',
      point({ asInt: '1', asDouble: 1 }),
      'resourceMetrics[0].scopeMetrics[0].metrics[0].gauge.dataPoints[0]: has both "asDouble" and "asInt"',
    ],
    ['metrics', point({ asInt: 1.5 }), /\.asInt: must be an integer, got 1.5$/],
    ['metrics', point({ asInt: '1e3' }), /\.asInt: must be an integer, got "1e3"$/],
    [
      'metrics',
      point({ asInt: '9223372036854775808' }),
      /\.asInt: must be between -9223372036854775808 and 9223372036854775807, got "9223372036854775808"$/,
    ],
    ['metrics', point({ timeUnixNano: -1 }), /\.timeUnixNano: must be between 0 and 18446744073709551615, got -1$/],
    ['metrics', point({ asDouble: 'one' }), /\.asDouble: must be a number, got "one"$/],
    ['metrics', JSON.stringify(point({})).replace('{}', '{"asDouble": 1e400}'), /\.asDouble: must fit a double$/],
    ['metrics', point({ attributes: { a: 1 } }), /\.attributes: must be an array, got an object$/],
    ['metrics', point({ exemplars: [{ traceId: 'abc' }] }), /\.exemplars\[0\]\.traceId: must be 32 hex digits, got "abc"$/],
    ['metrics', point({ exemplars: [{ spanId: 'zzzzzzzzzzzzzzzz' }] }), /\.spanId: must be 16 hex digits, got "zzzzzzzzzzzzzzzz"$/],
    [
      'traces',
      { resourceSpans: [{ scopeSpans: [{ spans: [{ kind: 'server' }] }] }] },
      /\.kind: must be a number, or one of SPAN_KIND_UNSPECIFIED, SPAN_KIND_INTERNAL, .*, SPAN_KIND_CONSUMER, got "server"$/,
    ],
    ['traces', { resourceSpans: [{ scopeSpans: [{ spans: [{ kind: 'constructor' }] }] }] }, /\.kind: must be a number, or one of /],
    ['logs', attribute('plain'), /\.attributes\[0\]\.value: must be an object, got "plain"$/],
    ['logs', attribute({ boolValue: 'true' }), /\.boolValue: must be true or false, got "true"$/],
    ['logs', attribute({ bytesValue: 'not base64!' }), /\.bytesValue: must be base64, got "not base64!"$/],
  ] as const)('refuses in %s: %j', (signal, body, message) => {
    expect(() => jsonToProtobuf(signal, bytes(body))).toThrow(MalformedError)
    expect(() => jsonToProtobuf(signal, bytes(body))).toThrow(message)
  })

  test.each(signals)('%s: any shape but the right one is refused in words, at a place, and never crashes', signal => {
    const next = seeded(90 + signals.indexOf(signal))
    const wrong = [null, 5, -1, 1.5, '', 'x', true, [], {}, [null], { a: 1 }, '1e999', 1e300, [[[]]], '\u0000', Number.MAX_SAFE_INTEGER]
    let refused = 0
    for (let i = 0; i < 800; i++) {
      const request = anyRequest(requestOf[signal], next)
      replaceSomewhere(request, pick(wrong, next), next)
      try {
        protobufToJson(signal, jsonToProtobuf(signal, bytes(request)))
      } catch (error) {
        refused++
        expect(error).toBeInstanceOf(MalformedError)
        expect((error as Error).message).toMatch(/^(request|resource(Metrics|Spans|Logs))[\w.[\]]*: (must|has both) /)
      }
    }
    expect(refused).toBeGreaterThan(150)
  })

  test('text that is cut or mutated is refused, or still a request', () => {
    const next = seeded(5)
    const whole = bytes(anyRequest(requestOf.traces, next))
    for (let i = 0; i < 3_000; i++) {
      const mutant = Uint8Array.from(whole.subarray(0, next() < 0.5 ? whole.length : Math.floor(next() * whole.length)))
      if (mutant.length > 0) mutant[Math.floor(next() * mutant.length)] = Math.floor(next() * 256)
      try {
        jsonToProtobuf('traces', mutant)
      } catch (error) {
        expect(error).toBeInstanceOf(MalformedError)
      }
    }
  })

  test('refuses what is not UTF-8', () => {
    expect(() => jsonToProtobuf('logs', Uint8Array.of(0x7b, 0xff, 0x7d))).toThrow('request: is not UTF-8')
  })

  test.each([10, 1_000, 100_000])('refuses %i values within one another, or takes them, but never overflows the stack', depth => {
    const value = `${'{"arrayValue":{"values":['.repeat(depth)}{"intValue":12345678901234567890}${']}}'.repeat(depth)}`
    const body = bytes(JSON.stringify(attribute('@')).replace('"@"', value.replace('12345678901234567890', '1234567890123456789')))
    if (depth === 10) expect(jsonToProtobuf('logs', body).length).toBeGreaterThan(20)
    else expect(() => jsonToProtobuf('logs', body)).toThrow(/nested/)
  })
})

describe('protobuf to JSON', () => {
  const wire = jsonToProtobuf(
    'metrics',
    bytes({
      resourceMetrics: [
        {
          resource: { attributes: [{ key: 'a', value: { kvlistValue: { values: [{ key: 'b', value: { doubleValue: 1 } }] } } }] },
          scopeMetrics: [
            { metrics: [{ name: 'h', histogram: { dataPoints: [{ count: '3', bucketCounts: ['1', '2'], explicitBounds: [0.5] }] } }] },
          ],
        },
      ],
    }),
  )

  test('cut at any byte: an error of its own kind, or a shorter request', () => {
    for (let end = 0; end < wire.length; end++) {
      try {
        protobufToJson('metrics', wire.subarray(0, end))
      } catch (error) {
        expect(error).toBeInstanceOf(MalformedError)
        expect((error as Error).message).toMatch(/^byte \d+: /)
      }
    }
  })

  test('mutated: never another kind of error', () => {
    const next = seeded(7)
    for (let i = 0; i < 5_000; i++) {
      const mutant = Uint8Array.from(wire)
      for (let k = 0; k <= next() * 3; k++) mutant[Math.floor(next() * mutant.length)] = Math.floor(next() * 256)
      try {
        protobufToJson('metrics', mutant)
      } catch (error) {
        expect(error).toBeInstanceOf(MalformedError)
      }
    }
  })

  test('takes unpacked lists, merges a message that comes twice, lets the last of a oneof win, skips unknown fields and groups', () => {
    const field = (n: number, body: readonly number[]) => [n * 8 + 2, body.length, ...body]
    const fixed64 = (n: number, value: number) => [n * 8 + 1, value, 0, 0, 0, 0, 0, 0, 0]
    const histogram = field(9, field(1, [...fixed64(6, 1), ...fixed64(6, 2), 15 * 8 + 0, 1, 13 * 8 + 3, 8, 5, 13 * 8 + 4]))
    const metric = field(2, [...field(5, []), ...histogram, ...histogram])
    expect(protobufToJson('metrics', Uint8Array.from(field(1, field(2, metric))))).toEqual({
      resourceMetrics: [
        { scopeMetrics: [{ metrics: [{ histogram: { dataPoints: [{ bucketCounts: ['1', '2'] }, { bucketCounts: ['1', '2'] }] } }] }] },
      ],
    })
  })
})
