/** A value that an attribute, a log body or an exemplar may have: OTLP's AnyValue. `bigint` where an int64 does not fit a double. */
export type AttributeValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | Uint8Array
  | readonly AttributeValue[]
  | { readonly [key: string]: AttributeValue }

/** Sorted by key, each key once. */
export type Attributes = readonly (readonly [key: string, value: AttributeValue])[]

export interface ResourceEntry {
  readonly attributes: Attributes
}
export interface ScopeEntry {
  readonly name: string
  readonly version: string
  readonly schemaUrl: string
  readonly attributes: Attributes
}

export const metricTypes = ['gauge', 'sum', 'histogram', 'exponential_histogram', 'summary'] as const
export type MetricType = (typeof metricTypes)[number]
export const temporalities = ['unspecified', 'delta', 'cumulative'] as const
export type Temporality = (typeof temporalities)[number]

/** As Prometheus's metadata names them, in the order of its enumeration. */
export const prometheusTypes = ['unknown', 'counter', 'gauge', 'histogram', 'gaugehistogram', 'summary', 'info', 'stateset'] as const
export type PrometheusType = (typeof prometheusTypes)[number]

/** Who a series is. Two series with equal entries (the description aside) have the same id, however their bytes were ordered. */
export interface SeriesEntry {
  readonly resource: ResourceEntry
  readonly scope: ScopeEntry
  readonly name: string
  /** UCUM */
  readonly unit: string
  readonly description: string
  readonly type: MetricType
  readonly temporality: Temporality
  readonly monotonic: boolean
  /**
   * The metric's metadata `prometheus.type`, by which OpenTelemetry marks what came from Prometheus: the names of such a metric and of its attributes are
   * Prometheus's own. Undefined where there is none.
   */
  readonly prometheusType?: PrometheusType | undefined
  readonly attributes: Attributes
}

/**
 * What the ids in a batch's columns stand for. An id of -1 means that the bound on distinct series or texts was reached:
 * the row has no name here, only its bytes.
 *
 * Ids are freed when nothing with that name has arrived for long (at least ten minutes, so never while a batch is under way)
 * and then name something else: whoever keeps state by id keeps the generation beside it, and drops the state when it differs.
 *
 * A series whose metric Prometheus's sender marked `unknown` keeps its id, in another generation, when it comes with its type: the entry is then the one with the
 * type, also for batches that were read before, and for rows that still come without it.
 */
export interface Dictionary {
  /** Changes whenever `series` comes to name something else, or the same by its type. */
  generation(series: number): number
  /** Parses the entry afresh at every call: ask once per series and keep what you need. */
  series(series: number): SeriesEntry
  resource(id: number): ResourceEntry
  scope(id: number): ScopeEntry
  /** Span names, event names, severity texts. `''` for -1. */
  text(id: number): string
  /** Upper bounds of a histogram's buckets, ascending, without +Inf. */
  bounds(id: number): Float64Array
  /** How many series have a name at this moment. */
  readonly size: number
  /** How often ids were freed. Whoever keeps state by the ids of resources, scopes or texts drops it when this differs. */
  readonly sweeps: number
  /** How often any of the generations may have changed: who has compared them need not again while this stays. */
  readonly changes: number
  /** One more than the largest series id given out so far: the length for an array indexed by series. */
  readonly capacity: number
}
