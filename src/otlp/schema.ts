/**
 * The OTLP messages as facts: which field has which number and type (opentelemetry-proto 1.x, google.rpc). One table, read by
 * the writer, the JSON transcoder and the decoder of small messages; the fast reader of requests knows the numbers by itself.
 */
import type { Signal } from '../model/signal.ts'

/** `id` is bytes on the wire and lower-case hex in JSON; `bytes` is base64 there. `enum` is open: any int32. */
export const scalars = [
  'string',
  'bytes',
  'id',
  'bool',
  'enum',
  'double',
  'fixed32',
  'fixed64',
  'sfixed64',
  'int32',
  'int64',
  'uint32',
  'uint64',
  'sint32',
] as const
export type Scalar = (typeof scalars)[number]

export interface Field {
  /** lowerCamelCase, as in OTLP/JSON */
  readonly name: string
  /** lower_snake_case, as in the .proto file */
  readonly protoName: string
  readonly number: number
  readonly type: Scalar | Message
  readonly repeated: boolean
  /** written even when it has its default value: `optional` fields and members of a oneof */
  readonly presence: boolean
  /** the name of the oneof it is a member of */
  readonly oneof: string | undefined
  /** what an enum's numbers are called in the .proto file; others may come, so any int32 is allowed */
  readonly names?: ReadonlyMap<string, number>
}

export class Message {
  readonly name: string
  readonly #make: () => readonly Field[]
  #fields: readonly Field[] | undefined
  #byNumber: ReadonlyMap<number, Field> | undefined

  /** `make` runs at first use, so that messages may contain themselves. */
  constructor(name: string, make: () => readonly (Field | readonly Field[])[]) {
    this.name = name
    this.#make = () => make().flat()
  }
  /** Ascending by number. */
  get fields(): readonly Field[] {
    return (this.#fields ??= [...this.#make()].sort((a, b) => a.number - b.number))
  }
  field(number: number): Field | undefined {
    this.#byNumber ??= new Map(this.fields.map(f => [f.number, f]))
    return this.#byNumber.get(number)
  }
}

/** Messages within messages, the request itself included; what is nested deeper is refused (protobuf's own usual bound). */
export const maxDepth = 100

/** [bytes] Ids of any other length are refused, but none at all is fine. */
export const idLength: Readonly<Record<string, number>> = { traceId: 16, spanId: 8, parentSpanId: 8 }

const one = (name: string, number: number, type: Scalar | Message): Field => ({
  name,
  protoName: name.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`),
  number,
  type,
  repeated: false,
  presence: false,
  oneof: undefined,
})
const optional = (name: string, number: number, type: Scalar): Field => ({ ...one(name, number, type), presence: true })
/** `names` are those of 0, 1, 2 …, without the prefix that all of them have. */
const enumerated = (name: string, number: number, prefix: string, ...names: string[]): Field => ({
  ...one(name, number, 'enum'),
  names: new Map(names.map((value, i) => [prefix + value, i])),
})
const many = (name: string, number: number, type: Scalar | Message): Field => ({ ...one(name, number, type), repeated: true })
const oneOf = (oneof: string, ...fields: Field[]): Field[] => fields.map(f => ({ ...f, presence: true, oneof }))

// common, resource

export const AnyValue = new Message('AnyValue', () => [
  oneOf(
    'value',
    one('stringValue', 1, 'string'),
    one('boolValue', 2, 'bool'),
    one('intValue', 3, 'int64'),
    one('doubleValue', 4, 'double'),
    one('arrayValue', 5, ArrayValue),
    one('kvlistValue', 6, KeyValueList),
    one('bytesValue', 7, 'bytes'),
  ),
])
const ArrayValue = new Message('ArrayValue', () => [many('values', 1, AnyValue)])
const KeyValueList = new Message('KeyValueList', () => [many('values', 1, KeyValue)])
export const KeyValue = new Message('KeyValue', () => [one('key', 1, 'string'), one('value', 2, AnyValue)])

export const InstrumentationScope = new Message('InstrumentationScope', () => [
  one('name', 1, 'string'),
  one('version', 2, 'string'),
  many('attributes', 3, KeyValue),
  one('droppedAttributesCount', 4, 'uint32'),
])
const EntityRef = new Message('EntityRef', () => [
  one('schemaUrl', 1, 'string'),
  one('type', 2, 'string'),
  many('idKeys', 3, 'string'),
  many('descriptionKeys', 4, 'string'),
])
export const Resource = new Message('Resource', () => [
  many('attributes', 1, KeyValue),
  one('droppedAttributesCount', 2, 'uint32'),
  many('entityRefs', 3, EntityRef),
])

// metrics

const Exemplar = new Message('Exemplar', () => [
  one('timeUnixNano', 2, 'fixed64'),
  oneOf('value', one('asDouble', 3, 'double'), one('asInt', 6, 'sfixed64')),
  one('spanId', 4, 'id'),
  one('traceId', 5, 'id'),
  many('filteredAttributes', 7, KeyValue),
])
export const NumberDataPoint = new Message('NumberDataPoint', () => [
  one('startTimeUnixNano', 2, 'fixed64'),
  one('timeUnixNano', 3, 'fixed64'),
  oneOf('value', one('asDouble', 4, 'double'), one('asInt', 6, 'sfixed64')),
  many('exemplars', 5, Exemplar),
  many('attributes', 7, KeyValue),
  one('flags', 8, 'uint32'),
])
export const HistogramDataPoint = new Message('HistogramDataPoint', () => [
  one('startTimeUnixNano', 2, 'fixed64'),
  one('timeUnixNano', 3, 'fixed64'),
  one('count', 4, 'fixed64'),
  optional('sum', 5, 'double'),
  many('bucketCounts', 6, 'fixed64'),
  many('explicitBounds', 7, 'double'),
  many('exemplars', 8, Exemplar),
  many('attributes', 9, KeyValue),
  one('flags', 10, 'uint32'),
  optional('min', 11, 'double'),
  optional('max', 12, 'double'),
])
const Buckets = new Message('Buckets', () => [one('offset', 1, 'sint32'), many('bucketCounts', 2, 'uint64')])
export const ExponentialHistogramDataPoint = new Message('ExponentialHistogramDataPoint', () => [
  many('attributes', 1, KeyValue),
  one('startTimeUnixNano', 2, 'fixed64'),
  one('timeUnixNano', 3, 'fixed64'),
  one('count', 4, 'fixed64'),
  optional('sum', 5, 'double'),
  one('scale', 6, 'sint32'),
  one('zeroCount', 7, 'fixed64'),
  one('positive', 8, Buckets),
  one('negative', 9, Buckets),
  one('flags', 10, 'uint32'),
  many('exemplars', 11, Exemplar),
  optional('min', 12, 'double'),
  optional('max', 13, 'double'),
  one('zeroThreshold', 14, 'double'),
])
const ValueAtQuantile = new Message('ValueAtQuantile', () => [one('quantile', 1, 'double'), one('value', 2, 'double')])
const SummaryDataPoint = new Message('SummaryDataPoint', () => [
  one('startTimeUnixNano', 2, 'fixed64'),
  one('timeUnixNano', 3, 'fixed64'),
  one('count', 4, 'fixed64'),
  one('sum', 5, 'double'),
  many('quantileValues', 6, ValueAtQuantile),
  many('attributes', 7, KeyValue),
  one('flags', 8, 'uint32'),
])
const aggregationTemporality = enumerated(
  'aggregationTemporality',
  2,
  'AGGREGATION_TEMPORALITY_',
  ...['UNSPECIFIED', 'DELTA', 'CUMULATIVE'],
)
const Gauge = new Message('Gauge', () => [many('dataPoints', 1, NumberDataPoint)])
const Sum = new Message('Sum', () => [many('dataPoints', 1, NumberDataPoint), aggregationTemporality, one('isMonotonic', 3, 'bool')])
const Histogram = new Message('Histogram', () => [many('dataPoints', 1, HistogramDataPoint), aggregationTemporality])
const ExponentialHistogram = new Message('ExponentialHistogram', () => [
  many('dataPoints', 1, ExponentialHistogramDataPoint),
  aggregationTemporality,
])
const Summary = new Message('Summary', () => [many('dataPoints', 1, SummaryDataPoint)])
const Metric = new Message('Metric', () => [
  one('name', 1, 'string'),
  one('description', 2, 'string'),
  one('unit', 3, 'string'),
  oneOf(
    'data',
    one('gauge', 5, Gauge),
    one('sum', 7, Sum),
    one('histogram', 9, Histogram),
    one('exponentialHistogram', 10, ExponentialHistogram),
    one('summary', 11, Summary),
  ),
  many('metadata', 12, KeyValue),
])
const ScopeMetrics = new Message('ScopeMetrics', () => [
  one('scope', 1, InstrumentationScope),
  many('metrics', 2, Metric),
  one('schemaUrl', 3, 'string'),
])
const ResourceMetrics = new Message('ResourceMetrics', () => [
  one('resource', 1, Resource),
  many('scopeMetrics', 2, ScopeMetrics),
  one('schemaUrl', 3, 'string'),
])

// traces

const SpanEvent = new Message('Span.Event', () => [
  one('timeUnixNano', 1, 'fixed64'),
  one('name', 2, 'string'),
  many('attributes', 3, KeyValue),
  one('droppedAttributesCount', 4, 'uint32'),
])
const SpanLink = new Message('Span.Link', () => [
  one('traceId', 1, 'id'),
  one('spanId', 2, 'id'),
  one('traceState', 3, 'string'),
  many('attributes', 4, KeyValue),
  one('droppedAttributesCount', 5, 'uint32'),
  one('flags', 6, 'fixed32'),
])
const SpanStatus = new Message('Status', () => [one('message', 2, 'string'), enumerated('code', 3, 'STATUS_CODE_', 'UNSET', 'OK', 'ERROR')])
const Span = new Message('Span', () => [
  one('traceId', 1, 'id'),
  one('spanId', 2, 'id'),
  one('traceState', 3, 'string'),
  one('parentSpanId', 4, 'id'),
  one('name', 5, 'string'),
  enumerated('kind', 6, 'SPAN_KIND_', 'UNSPECIFIED', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER'),
  one('startTimeUnixNano', 7, 'fixed64'),
  one('endTimeUnixNano', 8, 'fixed64'),
  many('attributes', 9, KeyValue),
  one('droppedAttributesCount', 10, 'uint32'),
  many('events', 11, SpanEvent),
  one('droppedEventsCount', 12, 'uint32'),
  many('links', 13, SpanLink),
  one('droppedLinksCount', 14, 'uint32'),
  one('status', 15, SpanStatus),
  one('flags', 16, 'fixed32'),
])
const ScopeSpans = new Message('ScopeSpans', () => [
  one('scope', 1, InstrumentationScope),
  many('spans', 2, Span),
  one('schemaUrl', 3, 'string'),
])
const ResourceSpans = new Message('ResourceSpans', () => [
  one('resource', 1, Resource),
  many('scopeSpans', 2, ScopeSpans),
  one('schemaUrl', 3, 'string'),
])

// logs

/** UNSPECIFIED, TRACE, TRACE2, TRACE3, TRACE4, DEBUG … FATAL4 */
const severities = [
  'UNSPECIFIED',
  ...['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'].flatMap(name => ['', 2, 3, 4].map(n => `${name}${n}`)),
]
const LogRecord = new Message('LogRecord', () => [
  one('timeUnixNano', 1, 'fixed64'),
  enumerated('severityNumber', 2, 'SEVERITY_NUMBER_', ...severities),
  one('severityText', 3, 'string'),
  one('body', 5, AnyValue),
  many('attributes', 6, KeyValue),
  one('droppedAttributesCount', 7, 'uint32'),
  one('flags', 8, 'fixed32'),
  one('traceId', 9, 'id'),
  one('spanId', 10, 'id'),
  one('observedTimeUnixNano', 11, 'fixed64'),
  one('eventName', 12, 'string'),
])
const ScopeLogs = new Message('ScopeLogs', () => [
  one('scope', 1, InstrumentationScope),
  many('logRecords', 2, LogRecord),
  one('schemaUrl', 3, 'string'),
])
const ResourceLogs = new Message('ResourceLogs', () => [
  one('resource', 1, Resource),
  many('scopeLogs', 2, ScopeLogs),
  one('schemaUrl', 3, 'string'),
])

/** `Export<Signal>ServiceRequest` */
export const requestOf: Readonly<Record<Signal, Message>> = {
  metrics: new Message('ExportMetricsServiceRequest', () => [many('resourceMetrics', 1, ResourceMetrics)]),
  traces: new Message('ExportTraceServiceRequest', () => [many('resourceSpans', 1, ResourceSpans)]),
  logs: new Message('ExportLogsServiceRequest', () => [many('resourceLogs', 1, ResourceLogs)]),
}

/** What a partial success calls the rows that were not taken. */
export const rejectedField = {
  metrics: 'rejectedDataPoints',
  traces: 'rejectedSpans',
  logs: 'rejectedLogRecords',
} as const satisfies Record<Signal, string>
const response = (name: string, signal: Signal): Message => {
  const partial = new Message(`Export${name}PartialSuccess`, () => [
    one(rejectedField[signal], 1, 'int64'),
    one('errorMessage', 2, 'string'),
  ])
  return new Message(`Export${name}ServiceResponse`, () => [one('partialSuccess', 1, partial)])
}
/** `Export<Signal>ServiceResponse` */
export const responseOf: Readonly<Record<Signal, Message>> = {
  metrics: response('Metrics', 'metrics'),
  traces: response('Trace', 'traces'),
  logs: response('Logs', 'logs'),
}

// google.rpc

const Any = new Message('Any', () => [one('typeUrl', 1, 'string'), one('value', 2, 'bytes')])
export const RpcStatus = new Message('google.rpc.Status', () => [
  one('code', 1, 'int32'),
  one('message', 2, 'string'),
  many('details', 3, Any),
])
const Duration = new Message('Duration', () => [one('seconds', 1, 'int64'), one('nanos', 2, 'int32')])
export const RetryInfo = new Message('google.rpc.RetryInfo', () => [one('retryDelay', 1, Duration)])
