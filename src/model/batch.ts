/**
 * What flows. A batch is bytes (`raw`, the truth) and a reading of them: parallel columns, row i of each belonging together.
 * Columns are copied out of the decoder's memory, never written to after hand-over, and live until `consume` settles.
 * Times are Unix epoch milliseconds as doubles (good to a quarter of a microsecond); the nanoseconds are in the bytes.
 */
import type { Dictionary } from './dictionary.ts'
import type { Raw } from './raw.ts'
import type { Signal } from './signal.ts'

/** Fields of the protobuf message: `[from[i], to[i])` is the whole field in `raw.bytes()`, its tag and length included. */
export interface Fields {
  readonly length: number
  readonly from: Uint32Array
  readonly to: Uint32Array
}
/** ResourceMetrics, ResourceSpans or ResourceLogs. `id` names the resource in the dictionary. */
export interface ResourceFields extends Fields {
  readonly id: Int32Array
}
/** ScopeMetrics, ScopeSpans or ScopeLogs. `parent` is an index into the batch's resources. */
export interface ScopeFields extends Fields {
  readonly parent: Uint32Array
  readonly id: Int32Array
}
/** Metric. `parent` is an index into the batch's scopes. */
export interface MetricFields extends Fields {
  readonly parent: Uint32Array
}

/** What the data points of all types have. */
export interface PointColumns extends Fields {
  /** id in the dictionary, or -1 past the bound on distinct series */
  readonly series: Int32Array
  /** index into the batch's `metrics` */
  readonly metric: Uint32Array
  /** ms, 0 where not set */
  readonly start: Float64Array
  /** ms */
  readonly time: Float64Array
  /** OTLP's DataPointFlags; bit 0: no recorded value */
  readonly flags: Uint32Array
}
export const NO_RECORDED_VALUE = 1

export interface NumberColumns extends PointColumns {
  /** int64 read as a double; NaN where no value was recorded */
  readonly value: Float64Array
}
interface DistributionColumns extends PointColumns {
  readonly count: Float64Array
  /** NaN where absent; likewise min and max */
  readonly sum: Float64Array
  readonly min: Float64Array
  readonly max: Float64Array
}
export interface HistogramColumns extends DistributionColumns {
  /** id of the bounds in the dictionary, or -1 */
  readonly bounds: Int32Array
  /** the row's buckets are `buckets[bucketsFrom[i] ..+ bucketsLength[i]]`, not cumulative; none or one more than there are bounds */
  readonly bucketsFrom: Uint32Array
  readonly bucketsLength: Uint32Array
}
export interface ExponentialColumns extends DistributionColumns {
  /** base = 2^(2^-scale); bucket k of offset o holds (base^(o+k), base^(o+k+1)] */
  readonly scale: Int32Array
  readonly zeroCount: Float64Array
  readonly zeroThreshold: Float64Array
  readonly positiveOffset: Int32Array
  readonly positiveFrom: Uint32Array
  readonly positiveLength: Uint32Array
  readonly negativeOffset: Int32Array
  readonly negativeFrom: Uint32Array
  readonly negativeLength: Uint32Array
}
export interface SummaryColumns extends PointColumns {
  readonly count: Float64Array
  readonly sum: Float64Array
  /** the row's quantiles are pairs (quantile, value) in `quantiles[2 * (quantilesFrom[i] + k)]` and the place after it */
  readonly quantilesFrom: Uint32Array
  readonly quantilesLength: Uint32Array
}
/** A side table, in the order of the rows it belongs to. Its attributes are in the bytes. */
export interface ExemplarColumns extends Fields {
  /** which group `row` counts in */
  readonly group: Uint8Array
  readonly row: Uint32Array
  readonly time: Float64Array
  readonly value: Float64Array
  /** [length * 24] 16 bytes of trace id and 8 of span id; zeros where absent */
  readonly ids: Uint8Array
}
/** The meaning of `ExemplarColumns.group`. */
export const exemplarGroups = ['numbers', 'histograms', 'exponentials'] as const

export interface MetricBatch {
  readonly signal: 'metrics'
  readonly raw: Raw
  /** data points of all types */
  readonly rows: number
  readonly dictionary: Dictionary
  readonly resources: ResourceFields
  readonly scopes: ScopeFields
  readonly metrics: MetricFields
  readonly numbers: NumberColumns
  readonly histograms: HistogramColumns
  readonly exponentials: ExponentialColumns
  readonly summaries: SummaryColumns
  readonly exemplars: ExemplarColumns
  /** pooled bucket counts of histograms and exponential histograms */
  readonly buckets: Float64Array
  /** pooled (quantile, value) pairs of summaries */
  readonly quantiles: Float64Array
}

export interface SpanColumns extends Fields {
  /** index into the batch's `scopes` */
  readonly scope: Uint32Array
  /** [rows * 32] 16 bytes of trace id, 8 of span id, 8 of parent span id; zeros where absent */
  readonly ids: Uint8Array
  /** text id */
  readonly name: Int32Array
  /** 0 unspecified, 1 internal, 2 server, 3 client, 4 producer, 5 consumer */
  readonly kind: Uint8Array
  /** 0 unset, 1 ok, 2 error */
  readonly status: Uint8Array
  readonly start: Float64Array
  /** ms, from the difference of the nanoseconds */
  readonly duration: Float64Array
  /** the run of KeyValue fields in the bytes; empty where there is none, -1 → 0..0 */
  readonly attributesFrom: Uint32Array
  readonly attributesTo: Uint32Array
  /** the W3C tracestate's text in the bytes; 0..0 where there is none */
  readonly traceStateFrom: Uint32Array
  readonly traceStateTo: Uint32Array
}
export interface SpanBatch {
  readonly signal: 'traces'
  readonly raw: Raw
  readonly rows: number
  readonly dictionary: Dictionary
  readonly resources: ResourceFields
  readonly scopes: ScopeFields
  readonly spans: SpanColumns
}

export interface LogColumns extends Fields {
  /** index into the batch's `scopes` */
  readonly scope: Uint32Array
  readonly time: Float64Array
  readonly observed: Float64Array
  /** SeverityNumber, 0 unspecified, 1..24 */
  readonly severity: Uint8Array
  /** text ids */
  readonly severityText: Int32Array
  readonly eventName: Int32Array
  /** the body's AnyValue in the bytes, without tag and length */
  readonly bodyFrom: Uint32Array
  readonly bodyTo: Uint32Array
  readonly attributesFrom: Uint32Array
  readonly attributesTo: Uint32Array
  /** [rows * 24] 16 bytes of trace id and 8 of span id; zeros where absent */
  readonly ids: Uint8Array
}
export interface LogBatch {
  readonly signal: 'logs'
  readonly raw: Raw
  readonly rows: number
  readonly dictionary: Dictionary
  readonly resources: ResourceFields
  readonly scopes: ScopeFields
  readonly records: LogColumns
}

export interface BatchOf {
  metrics: MetricBatch
  traces: SpanBatch
  logs: LogBatch
}
/** The union over all signals, for code that only needs `raw` and `rows`. */
export type AnyBatch = BatchOf[Signal]

/** The one way into a batch: bytes in, columns out. Batches born here are encoded first (see docs/decisions). */
export interface Reader {
  readonly dictionary: Dictionary
  /** @throws {MalformedError} when the bytes are not a request of that signal; says where in the bytes. */
  read<S extends Signal>(signal: S, raw: Raw): BatchOf[S]
  /** Frees the ids of what was not seen for `idleMs`; returns how many series were freed. */
  sweep(nowMs: number, idleMs: number): number
  /** [rows] that got no series because `max_series` was reached, since the start */
  readonly overflowed: number
}

/** The bytes are not what they claim to be; they never will be. */
export class MalformedError extends Error {
  override readonly name = 'MalformedError'
}
