import { describe, expect, test } from 'vitest'
import { Raw } from '../../src/model/raw.ts'
import type { Signal } from '../../src/model/signal.ts'
import { eachOfSpan } from '../../src/otlp/holders.ts'
import { createReader } from '../../src/otlp/reader.ts'
import { encode } from '../../src/otlp/write.ts'
import { anyOf } from '../../src/ottl/ask.ts'
import { type Context, condition, OttlError, routeCondition, ValueError } from '../../src/ottl/condition.ts'
import { Place } from '../../src/ottl/place.ts'

const reader = createReader()
const read = <S extends Signal>(signal: S, request: object) => reader.read(signal, Raw.of(encode(signal, request)))
const start = 1_700_000_000_000_000_000n
const resource = { attributes: { 'service.name': 'shop', replicas: 3, tags: ['a', 'b'] }, droppedAttributesCount: 7 }
const scope = { name: 'lib', version: '1.2', attributes: { kind: 'auto' } }

const traces = read('traces', {
  resourceSpans: [
    {
      resource,
      schemaUrl: 'https://schema/1',
      scopeSpans: [
        {
          scope,
          schemaUrl: 'https://schema/2',
          spans: [
            {
              traceId: '0102030405060708090a0b0c0d0e0f10',
              spanId: '1112131415161718',
              parentSpanId: '2122232425262728',
              traceState: 'a=b',
              name: 'GET /cart',
              kind: 2,
              startTimeUnixNano: start,
              endTimeUnixNano: start + 1_500_000_000n,
              attributes: [
                ['http.method', 'GET'],
                ['http.status_code', 503],
                ['ratio', 0.5],
                ['ok', false],
                ['raw', Uint8Array.of(1, 2)],
                ['map', { inner: { deep: 1 } }],
                ['nothing', null],
              ],
              droppedAttributesCount: 1,
              events: [
                { name: 'exception', timeUnixNano: start + 1n, attributes: { type: 'IOError' } },
                { name: 'retry', attributes: { n: 2 } },
              ],
              status: { code: 2, message: 'it failed' },
            },
          ],
        },
      ],
    },
  ],
})
const metrics = read('metrics', {
  resourceMetrics: [
    {
      resource,
      scopeMetrics: [
        {
          scope,
          metrics: [
            {
              name: 'requests',
              unit: '1',
              description: 'how many',
              sum: {
                aggregationTemporality: 2,
                isMonotonic: true,
                dataPoints: [{ attributes: { path: '/a' }, asInt: 4, timeUnixNano: start, flags: 1 }],
              },
            },
            { name: 'load', gauge: { dataPoints: [{ attributes: { path: '/b' }, asDouble: 1.5 }] } },
            { name: 'latency', histogram: { aggregationTemporality: 1, dataPoints: [{ attributes: { path: '/c' }, count: 9, sum: 2.5 }] } },
            { name: 'sizes', exponentialHistogram: { dataPoints: [{ attributes: { path: '/d' }, count: 3, scale: -2, zeroCount: 1 }] } },
            { name: 'old', summary: { dataPoints: [{ attributes: { path: '/e' }, count: 5, sum: 1 }] } },
          ],
        },
      ],
    },
  ],
})
const logs = read('logs', {
  resourceLogs: [
    {
      resource,
      scopeLogs: [
        {
          scope,
          logRecords: [
            {
              timeUnixNano: start,
              severityNumber: 17,
              severityText: 'ERROR',
              body: {
                kvlistValue: {
                  values: [
                    ['message', 'password=1'],
                    ['list', ['x', 'y']],
                  ],
                },
              },
              attributes: { k: 'v' },
              flags: 1,
              traceId: '0102030405060708090a0b0c0d0e0f10',
              eventName: 'login',
            },
          ],
        },
      ],
    },
  ],
})

/** Every place of that context: whether the condition holds. */
function ask(text: string, context: Context, how: typeof condition = condition): boolean[] {
  const { test: holds } = how(text, { context, among: [] })
  const at = new Place().open(context === 'log' ? logs : context === 'metric' || context === 'datapoint' ? metrics : traces)
  if (context === 'resource') return [holds(at.toResource(0))]
  if (context === 'scope') return [holds(at.toScope(0))]
  if (context === 'metric') return Array.from(metrics.metrics.from, (_, i) => holds(at.toMetric(i)))
  if (context !== 'spanevent') return at.groups.flatMap(({ rows }, group) => Array.from(rows.from, (_, row) => holds(at.toRow(group, row))))
  const found: boolean[] = []
  at.toRow(0, 0)
  eachOfSpan(at.bytes, at.rowFrom, at.rowTo, 'event', (from, to) => found.push(holds(at.toEvent(found.length, from, to))))
  return found
}

describe('of a span', () => {
  test.each<[text: string, holds: boolean]>([
    ['name == "GET /cart"', true],
    ['span.name == "GET /cart"', true],
    ['name != "GET /cart"', false],
    ['kind == SPAN_KIND_SERVER', true],
    ['kind == 2', true],
    ['kind.string == "Server"', true],
    ['kind.deprecated_string == "SPAN_KIND_SERVER"', true],
    ['status.code == STATUS_CODE_ERROR', true],
    ['status.message == "it failed"', true],
    ['attributes["http.status_code"] >= 500', true],
    ['attributes["http.status_code"] >= 503.5', false],
    ['attributes["http.status_code"] == "503"', false],
    ['attributes["http.status_code"] != "503"', true],
    ['attributes["http.status_code"] < "6"', false],
    ['attributes["ratio"] == 0.5', true],
    ['attributes["ratio"] < 1', true],
    ['attributes["ok"] == false', true],
    ['attributes["ok"] < true', true],
    ['attributes["raw"] == 0x0102', true],
    ['attributes["raw"] > 0x0101', true],
    ['attributes["map"]["inner"]["deep"] == 1', true],
    ['attributes["map"]["no"]["deep"] == nil', true],
    ['attributes["missing"] == nil', true],
    ['attributes["missing"] != nil', false],
    ['attributes["missing"] <= nil', true],
    ['attributes["missing"] < 5', false],
    ['nil == attributes["nothing"]', true],
    ['attributes["http.method"] != nil and attributes["ok"] == nil', false],
    ['attributes["http.method"] == "POST" or kind == SPAN_KIND_SERVER', true],
    ['not (kind == SPAN_KIND_SERVER)', false],
    ['not attributes["ok"] == true and true', true],
    ['true or false and false', true],
    ['(true or false) and false', false],
    ['resource.attributes["service.name"] == "shop"', true],
    ['resource.attributes["replicas"] == 3', true],
    ['resource.attributes["tags"][1] == "b"', true],
    ['resource.attributes["tags"] == ["a", "b"]', true],
    ['resource.attributes["tags"] != ["a"]', true],
    ['resource.schema_url == "https://schema/1"', true],
    ['resource.dropped_attributes_count == 7', true],
    ['instrumentation_scope.name == "lib"', true],
    ['scope.version == "1.2"', true],
    ['scope.attributes["kind"] == "auto"', true],
    ['scope.schema_url == "https://schema/2"', true],
    ['trace_id.string == "0102030405060708090a0b0c0d0e0f10"', true],
    ['span_id.string == "1112131415161718"', true],
    ['parent_span_id.string == "2122232425262728"', true],
    ['trace_state == "a=b"', true],
    ['IsRootSpan()', false],
    ['not IsRootSpan()', true],
    ['start_time_unix_nano == 1700000000000000000', true],
    ['end_time_unix_nano > 1700000000000000000', true],
    ['(end_time - start_time) < Duration("1s")', false],
    ['end_time - start_time == Duration("1500ms")', true],
    ['start_time + Duration("1500ms") == end_time', true],
    ['dropped_attributes_count == 1', true],
    ['IsMatch(name, "^GET /(cart|shop)$")', true],
    ['IsMatch(attributes["http.status_code"], "5..")', true],
    ['IsMatch(attributes["missing"], ".*")', false],
    ['IsMatch(attributes["map"], "deep\\":1")', true],
    ['IsMatch(attributes["raw"], "^0102$")', true],
    ['IsMatch(name, "\\\\d")', false],
  ])('%s: %j', (text, holds) => expect(ask(text, 'span')).toEqual([holds]))
})

describe('of everything else', () => {
  test.each<[context: Context, text: string, holds: boolean[]]>([
    ['resource', 'attributes["service.name"] == "shop"', [true]],
    ['scope', 'name == "lib" and resource.attributes["replicas"] > 2', [true]],
    ['spanevent', 'name == "exception"', [true, false]],
    ['spanevent', 'attributes["n"] == 2', [false, true]],
    ['spanevent', 'event_index == 1', [false, true]],
    ['spanevent', 'spanevent.time_unix_nano > 0', [true, false]],
    ['spanevent', 'span.status.code == STATUS_CODE_ERROR and attributes["type"] == "IOError"', [true, false]],
    ['metric', 'type == METRIC_DATA_TYPE_SUM', [true, false, false, false, false]],
    ['metric', 'type == METRIC_DATA_TYPE_EXPONENTIAL_HISTOGRAM', [false, false, false, true, false]],
    ['metric', 'unit == "1" and description == "how many"', [true, false, false, false, false]],
    ['metric', 'IsMatch(metric.name, "^l")', [false, true, true, false, false]],
    ['metric', 'aggregation_temporality == AGGREGATION_TEMPORALITY_DELTA', [false, false, true, false, false]],
    ['metric', 'is_monotonic == true', [true, false, false, false, false]],
    ['metric', 'HasAttrKeyOnDatapoint("path")', [true, true, true, true, true]],
    ['metric', 'HasAttrOnDatapoint("path", "/c")', [false, false, true, false, false]],
    ['datapoint', 'attributes["path"] == "/c"', [false, false, true, false, false]],
    ['datapoint', 'metric.name == "requests" and value_int == 4', [true, false, false, false, false]],
    ['datapoint', 'value_double == 1.5', [false, true, false, false, false]],
    ['datapoint', 'value_double == 0.0', [true, false, false, false, false]],
    ['datapoint', 'count > 4', [false, false, true, false, true]],
    ['datapoint', 'sum >= 2.5', [false, false, true, false, false]],
    ['datapoint', 'scale == -2 and zero_count == 1', [false, false, false, true, false]],
    ['datapoint', 'flags == FLAG_NO_RECORDED_VALUE', [true, false, false, false, false]],
    ['datapoint', 'time_unix_nano == 1700000000000000000', [true, false, false, false, false]],
    ['log', 'severity_number >= SEVERITY_NUMBER_ERROR', [true]],
    ['log', 'severity_text == "ERROR" and event_name == "login"', [true]],
    ['log', 'body["message"] == "password=1"', [true]],
    ['log', 'body["list"][0] == "x"', [true]],
    ['log', 'IsMatch(body, "password")', [true]],
    ['log', 'body.string == "{\\"list\\":[\\"x\\",\\"y\\"],\\"message\\":\\"password=1\\"}"', [true]],
    ['log', 'log.attributes["k"] == "v" and flags == 1', [true]],
    ['log', 'trace_id.string == "0102030405060708090a0b0c0d0e0f10" and span_id.string == "0000000000000000"', [true]],
  ])('%s: %s', (context, text, holds) => expect(ask(text, context)).toEqual(holds))

  test('a statement routes where its condition holds, or always', () => {
    expect(ask('route() where attributes["service.name"] == "shop"', 'resource', routeCondition)).toEqual([true])
    expect(ask('route()', 'resource', routeCondition)).toEqual([true])
  })
})

describe('the context that is taken', () => {
  const of = (...among: Context[]) => ({ among })
  test.each<[text: string, Context, ReturnType<typeof of>]>([
    ['span.name == "a" and spanevent.name == "b"', 'spanevent', of('spanevent', 'span', 'scope', 'resource')],
    ['resource.attributes["a"] == "b"', 'resource', of('spanevent', 'span', 'scope', 'resource')],
    ['metric.name == "a" and datapoint.value_int == 4', 'datapoint', of('datapoint', 'metric', 'scope', 'resource')],
    ['instrumentation_scope.name == "a"', 'scope', of('log', 'scope', 'resource')],
  ])('%s: %s', (text, context, how) => expect(condition(text, how).context).toBe(context))

  test.each<[text: string, identity: boolean]>([
    ['metric.name == "a" and datapoint.attributes["k"] == "v"', true],
    ['IsMatch(datapoint.attributes["k"], "v") or resource.attributes["x"] != nil', true],
    ['metric.name == "a" and datapoint.value_int == 4', false],
    ['metric.description == "a" and datapoint.attributes["k"] == "v"', false],
  ])('%s depends on the series only: %j', (text, identity) =>
    expect(condition(text, of('datapoint', 'metric', 'resource')).identity).toBe(identity),
  )
})

describe('refuses', () => {
  const span = { context: 'span', among: [] } as const
  test.each<[text: string, at: number, message: string, remedy: string | undefined]>([
    ['name = "a"', 5, 'a comparison is expected here', 'compare it: == true, != nil'],
    ['name == "a', 8, 'a string without its closing quote', undefined],
    ['name == "a" or', 14, 'the condition ends too early', undefined],
    ['name == "a" xor true', 12, 'unexpected "xor"', undefined],
    ['(name == "a"', 12, 'the condition ends too early, ")" is expected', undefined],
    ['name == "\\d"', 9, 'unknown escape "\\\\d"', 'write a backslash twice'],
    ['name == "a\\U99999999"', 10, 'unknown escape "\\\\U99999999"', 'write a backslash twice'],
    ['nam == "a"', 0, 'span has no path "nam" here', 'did you mean "name"?'],
    ['status.kode == 1', 0, 'span has no path "status.kode" here', 'did you mean "status.code"?'],
    ['name["a"] == 1', 0, '"name" cannot be indexed', undefined],
    ['metric.name == "a"', 0, '"metric" cannot be reached from "span"', 'within reach: span, scope, resource'],
    ['kind == SPAN_KIND_SERVR', 8, 'unknown symbol "SPAN_KIND_SERVR"', 'did you mean "SPAN_KIND_SERVER"?'],
    ['IsMath(name, "a")', 0, 'unknown function "IsMath"', 'did you mean "IsMatch"?'],
    [
      'Len(name) > 3',
      0,
      'not supported: the function Len',
      'supported: IsMatch, Duration, IsRootSpan, HasAttrKeyOnDatapoint, HasAttrOnDatapoint',
    ],
    ['IsMatch(name)', 0, 'IsMatch takes target and pattern, got 1 arguments', undefined],
    ['IsMatch(name, trace_state)', 14, 'a pattern must be a string here', undefined],
    ['IsMatch(name, "(")', 14, 'the pattern "(" has a "(" without its ")"', 'patterns are those of Go (RE2)'],
    ['HasAttrKeyOnDatapoint("a")', 0, 'HasAttrKeyOnDatapoint can be asked of metric only, not of span', undefined],
    ['Duration("1s")', 0, 'Duration is neither true nor false', 'compare it with something'],
    ['end_time - start_time < Duration("soon")', 33, '"soon" is no duration', 'for example "1s", "200ms" or "1m30s"'],
    ['kind * 2 == 4', 5, 'not supported: "*"', 'compute with times and durations only: + and -'],
    ['name', 4, 'a comparison is expected here', 'compare it: == true, != nil'],
    ['attributes[kind] == 1', 11, 'only a string or an integer can be a key here', 'write ["key"] or [0]'],
    ['set(name, "a") == 1', 0, 'names of functions that compute begin with a capital, got "set"', undefined],
    ['name == 99999999999999999999', 8, '99999999999999999999 is no 64-bit integer', undefined],
    [`${'('.repeat(101)}true${')'.repeat(101)}`, 101, 'nested more than 100 deep', undefined],
  ])('%s', (text, at, message, remedy) => {
    try {
      condition(text, span)
      expect.unreachable()
    } catch (error) {
      expect(error).toBeInstanceOf(OttlError)
      expect(error).toMatchObject({ message, at, remedy })
    }
  })

  test.each<[text: string, message: string, remedy: string]>([
    ['name == "a"', 'a path must begin with its context here, got "name"', 'write spanevent.name, or span.name, or resource.name'],
    ['true', 'no path says where to ask this', 'give the context: {context: …, conditions: […]}'],
  ])('without a context, %s', (text, message, remedy) => {
    expect(() => condition(text, { among: ['spanevent', 'span', 'resource'] })).toThrow(expect.objectContaining({ message, remedy }))
  })

  test('a statement that is more than route()', () => {
    const how = { context: 'resource', among: [] } as const
    expect(() => routeCondition('delete_key(attributes, "a") where true', how)).toThrow(
      'not supported: delete_key() changes what is routed',
    )
    expect(() => routeCondition('attributes["a"] == 1', how)).toThrow('unexpected "["')
  })
})

describe('a value that cannot be had', () => {
  const span = { context: 'span', among: [] } as const
  const at = new Place().open(traces).toRow(0, 0)
  test.each([
    ['attributes["http.method"]["x"] == 1', 'what is indexed with "x" is no map'],
    ['resource.attributes["tags"][2] == 1', 'index 2 is out of a list of 2'],
    ['end_time - kind == Duration("1s")', 'only times and durations can be computed with'],
  ])('%s', (text, message) => {
    const made = condition(text, span)
    expect(() => made.test(at)).toThrow(ValueError)
    const heard: string[] = []
    const any = anyOf([made, condition('name != nil', span)], error => heard.push(error.message))
    expect(any(at)).toBe(true)
    expect(heard).toEqual([message])
  })
})

test('what depends on the resource only is asked once for each resource of each batch', () => {
  const two = (names: string[]) =>
    read('traces', {
      resourceSpans: names.map(name => ({
        resource: { attributes: { 'service.name': name } },
        scopeSpans: [
          {
            spans: Array.from({ length: 3 }, () => ({
              name: 'x',
              traceId: '0102030405060708090a0b0c0d0e0f10',
              spanId: '1112131415161718',
            })),
          },
        ],
      })),
    })
  const made = condition('resource.attributes["service.name"] == "b"', { context: 'span', among: [] })
  const place = new Place()
  for (const [names, expected] of [
    [
      ['a', 'b'],
      [false, false, false, true, true, true],
    ],
    [
      ['b', 'a'],
      [true, true, true, false, false, false],
    ],
  ] as const) {
    place.open(two([...names]))
    expect(Array.from({ length: 6 }, (_, row) => made.test(place.toRow(0, row)))).toEqual(expected)
  }
})
