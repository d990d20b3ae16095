/** Schema of a histogram whose buckets have bounds of their own (NHCB: native histogram with custom buckets). */
export const CUSTOM_BUCKETS_SCHEMA = -53
/** Exponential schemas of Prometheus: bucket bounds grow by 2^(2^-schema). */
export const MIN_EXPONENTIAL_SCHEMA = -9
export const MAX_EXPONENTIAL_SCHEMA = 52
/** What a query may reduce to or add with; OTLP scales above are lowered when stored. */
export const MAX_STORED_SCHEMA = 8
export const MIN_STORED_SCHEMA = -4

export type CounterResetHint = 'unknown' | 'reset' | 'not_reset' | 'gauge'

/** `length` buckets follow each other, `offset` after the end of the span before (of the first span: its index). */
export interface Span {
  readonly offset: number
  readonly length: number
}

/**
 * A native histogram of Prometheus with float counts: what a sample of a series may be instead of a number. Immutable.
 * Exponential (schema -4…8): bucket i of the positive side holds (base^(i-1), base^i], base = 2^(2^-schema); the negative side mirrors it; the zero bucket holds
 * [-zeroThreshold, zeroThreshold]. Custom (schema -53): bucket i holds (customBounds[i-1], customBounds[i]], the last one above the last bound to +Inf.
 * Counts are absolute (no deltas), one for each bucket of the spans in order.
 */
export interface FloatHistogram {
  readonly schema: number
  readonly count: number
  readonly sum: number
  readonly zeroThreshold: number
  readonly zeroCount: number
  readonly positiveSpans: readonly Span[]
  readonly positiveCounts: readonly number[]
  readonly negativeSpans: readonly Span[]
  readonly negativeCounts: readonly number[]
  /** ascending upper bounds, without +Inf; empty but for schema -53 */
  readonly customBounds: readonly number[]
  readonly resetHint: CounterResetHint
}
