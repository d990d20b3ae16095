/**
 * Requests written by hand, in OTLP/JSON as the Collector prints it (enums as numbers, 64-bit integers as strings, defaults absent):
 * every field of the protocol that the Collector carries, with values that a careless reader would bend: nanoseconds past 2^53,
 * integers past 2^53, all kinds of attribute, both temporalities, flags, links, events, exemplars.
 */
import type { Signal } from './rows.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const SPAN = 'b7ad6b7169203331'
const START = '1780000000123456789'
const TIME = '1780000001987654321'

const every = [
  { key: 'text', value: { stringValue: 'größer ≥ 1' } },
  { key: 'yes', value: { boolValue: true } },
  { key: 'big', value: { intValue: '9007199254740993' } },
  { key: 'small', value: { intValue: '-9223372036854775808' } },
  { key: 'ratio', value: { doubleValue: 0.1 } },
  { key: 'bytes', value: { bytesValue: 'AAH/' } },
  { key: 'list', value: { arrayValue: { values: [{ stringValue: 'a' }, { intValue: '2' }] } } },
  { key: 'map', value: { kvlistValue: { values: [{ key: 'inner', value: { stringValue: 'b' } }] } } },
]
const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'shop' } }, ...every], droppedAttributesCount: 3 }
const scope = { name: 'lib', version: '1.2.3', attributes: [{ key: 'scoped', value: { stringValue: 'x' } }], droppedAttributesCount: 1 }
const schemaUrl = 'https://opentelemetry.io/schemas/1.37.0'
const scopeUrl = 'https://opentelemetry.io/schemas/1.36.0'

const exemplars = [
  {
    filteredAttributes: [{ key: 'user', value: { stringValue: 'u1' } }],
    timeUnixNano: '1780000001000000007',
    asDouble: 0.3,
    spanId: SPAN,
    traceId: TRACE,
  },
  { timeUnixNano: '1780000001000000008', asInt: '9007199254740993', spanId: SPAN, traceId: TRACE },
]
const stamp = { attributes: every, startTimeUnixNano: START, timeUnixNano: TIME }

const metrics = [
  {
    name: 'a.gauge',
    description: 'a gauge',
    unit: 'By',
    metadata: [{ key: 'm', value: { stringValue: 'n' } }],
    gauge: { dataPoints: [{ ...stamp, asDouble: -0.5, exemplars }] },
  },
  { name: 'an.empty.gauge', gauge: { dataPoints: [{ timeUnixNano: TIME, flags: 1 }] } },
  {
    name: 'a.sum',
    unit: '{request}',
    sum: { aggregationTemporality: 2, isMonotonic: true, dataPoints: [{ ...stamp, asInt: '9007199254740993', exemplars }] },
  },
  { name: 'a.delta', sum: { aggregationTemporality: 1, dataPoints: [{ ...stamp, asInt: '-9007199254740993' }] } },
  {
    name: 'a.histogram',
    unit: 's',
    histogram: {
      aggregationTemporality: 1,
      dataPoints: [
        {
          ...stamp,
          count: '9007199254740993',
          sum: 12.25,
          bucketCounts: ['9007199254740990', '2', '1'],
          explicitBounds: [0.1, 1],
          min: 0.01,
          max: 3,
          exemplars,
        },
      ],
    },
  },
  {
    name: 'an.exponential.histogram',
    unit: 'ms',
    exponentialHistogram: {
      aggregationTemporality: 2,
      dataPoints: [
        {
          ...stamp,
          count: '9',
          sum: -1.5,
          scale: -3,
          zeroCount: '2',
          positive: { offset: -7, bucketCounts: ['1', '0', '3'] },
          negative: { offset: 5, bucketCounts: ['3'] },
          flags: 1,
          exemplars,
          min: -4,
          max: 8,
          zeroThreshold: 0.001,
        },
      ],
    },
  },
  {
    name: 'a.summary',
    summary: {
      dataPoints: [
        {
          ...stamp,
          count: '7',
          sum: 3.5,
          quantileValues: [
            { quantile: 0.5, value: 1 },
            { quantile: 0.99, value: 2.5 },
          ],
        },
      ],
    },
  },
]

const spans = [
  {
    traceId: TRACE,
    spanId: SPAN,
    traceState: 'vendor=1,other=2',
    parentSpanId: '00f067aa0ba902b7',
    flags: 257,
    name: 'GET /things/:id',
    kind: 2,
    startTimeUnixNano: START,
    endTimeUnixNano: TIME,
    attributes: every,
    droppedAttributesCount: 4,
    events: [{ timeUnixNano: '1780000001000000009', name: 'exception', attributes: every, droppedAttributesCount: 5 }],
    droppedEventsCount: 6,
    links: [
      {
        traceId: 'ffffffffffffffffffffffffffffffff',
        spanId: 'eeeeeeeeeeeeeeee',
        traceState: 'l=1',
        attributes: every,
        droppedAttributesCount: 7,
        flags: 768,
      },
    ],
    droppedLinksCount: 8,
    status: { message: 'went wrong', code: 2 },
  },
  { traceId: TRACE, spanId: 'aaaaaaaaaaaaaaaa', name: 'child', kind: 3, startTimeUnixNano: START, endTimeUnixNano: START, status: {} },
]

const logRecords = [
  {
    timeUnixNano: TIME,
    observedTimeUnixNano: '1780000001999999999',
    severityNumber: 17,
    severityText: 'ERROR',
    body: { kvlistValue: { values: [{ key: 'message', value: { stringValue: 'no room' } }, ...every] } },
    attributes: every,
    droppedAttributesCount: 9,
    flags: 1,
    traceId: TRACE,
    spanId: SPAN,
    eventName: 'disk.full',
  },
  { observedTimeUnixNano: TIME, body: { stringValue: 'plain' } },
]

export const written: Readonly<Record<Signal, object>> = {
  metrics: { resourceMetrics: [{ resource, scopeMetrics: [{ scope, metrics, schemaUrl: scopeUrl }], schemaUrl }] },
  traces: { resourceSpans: [{ resource, scopeSpans: [{ scope, spans, schemaUrl: scopeUrl }], schemaUrl }] },
  logs: { resourceLogs: [{ resource, scopeLogs: [{ scope, logRecords, schemaUrl: scopeUrl }], schemaUrl }] },
}

/** Each copy of `message` that lacks one leaf, with the path of what it lacks. */
export function* withoutOneLeaf(message: unknown, path: readonly (string | number)[] = []): Generator<{ path: string; message: unknown }> {
  if (typeof message !== 'object' || message === null) return
  for (const [key, value] of Object.entries(message)) {
    const inside = [...path, key]
    if (typeof value !== 'object') yield { path: inside.join('.'), message: without(message, key) }
    for (const { path: deeper, message: changed } of withoutOneLeaf(value, inside))
      yield { path: deeper, message: replaced(message, key, changed) }
  }
}

const replaced = (message: object, key: string, value: unknown) =>
  Array.isArray(message) ? message.with(Number(key), value) : { ...message, [key]: value }

function without(message: object, key: string): unknown {
  if (Array.isArray(message)) return message.filter((_, index) => String(index) !== key)
  return Object.fromEntries(Object.entries(message).filter(([k]) => k !== key))
}
