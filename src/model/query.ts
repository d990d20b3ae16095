import type { FloatHistogram } from './float-histogram.ts'
import type { Labels } from './labels.ts'
import type { Matcher } from './matcher.ts'

/**
 * What answers questions about series: the embedded store, samples in memory, whatever a test makes. PromQL, rules and the API know nothing below this.
 * Times are Unix epoch milliseconds throughout; an interval is left-open, as PromQL's are: from < t <= to.
 */
export interface Queryable {
  /** Every series that all the matchers match and that may have samples in (from, to], once each, in any order. */
  select(matchers: readonly Matcher[], hints: SelectHints): Promise<readonly SelectedSeries[]>
  /** Label names, sorted, of the series that one of the sets of matchers selects; of all where there is no set. */
  labelNames(selectors: readonly (readonly Matcher[])[], from: number, to: number): Promise<readonly string[]>
  /** Values of one label, sorted, likewise. */
  labelValues(name: string, selectors: readonly (readonly Matcher[])[], from: number, to: number): Promise<readonly string[]>
}

export interface SelectHints {
  readonly from: number
  readonly to: number
  /** [ms] between evaluations; 0 for one evaluation. Lets a store choose a coarser tier. */
  readonly step: number
  /** [ms] of the range selector that asks; 0 for an instant selector */
  readonly range: number
  /** the function that reads the range, or the instant vector, directly: `rate`, `max_over_time`, …; empty for none */
  readonly func: string
}

/** A series found, not yet read: `read` decodes, so that a query never holds all samples of all series at once. */
export interface SelectedSeries {
  readonly labels: Labels
  /**
   * The samples in (from, to] of the hints; where they are buckets of a tier also some that end at `from` or before: an instant selector sees the last of
   * them, if it is no further away than the tier's step, and a rate begins with it. Whoever reads may keep the columns, and writes to none of them.
   * @param lent they are asked for only until the next series of the same selection is read: the same memory may serve for all
   */
  read(lent?: boolean): Samples
}

/** Columns of one series, by time ascending, each time once. */
export interface Samples {
  /** Unix epoch milliseconds */
  readonly time: Float64Array
  /** NaN where the sample is a histogram or a stale marker */
  readonly value: Float64Array
  /** 1 where the sample is Prometheus's stale marker (a NaN by its bits, which JavaScript need not keep); undefined: nowhere */
  readonly stale: Uint8Array | undefined
  /** the histogram of each sample that is one; undefined: none is */
  readonly histograms: readonly (FloatHistogram | undefined)[] | undefined
  /** start timestamps [epoch ms], 0 where unknown; undefined: nowhere known */
  readonly start: Float64Array | undefined
  /** where the samples are buckets of a coarser tier: what each bucket saw; `time` is the bucket's end and `value` its last sample */
  readonly tier?: TierColumns | undefined
}

/** A column that the function of the hints has no use for may be empty. */
export interface TierColumns {
  /** [ms] */
  readonly step: number
  readonly first: Float64Array
  readonly min: Float64Array
  readonly max: Float64Array
  readonly sum: Float64Array
  readonly count: Float64Array
  /** reset-adjusted increase between the last sample of the bucket before and the last of this one */
  readonly increase: Float64Array
}

/** A store that also knows what came with the samples. */
export interface Store extends Queryable {
  /** Type, unit and help by family, of one name or of all. */
  metadata(name?: string): Promise<ReadonlyMap<string, readonly Metadata[]>>
  /** Of the series that one of the selectors selects, in [from, to]. */
  exemplars(selectors: readonly (readonly Matcher[])[], from: number, to: number): Promise<readonly SeriesExemplars[]>
  /** Every series, its labels only, that one of the selectors selects and that has samples in (from, to]. */
  series(selectors: readonly (readonly Matcher[])[], from: number, to: number): Promise<readonly Labels[]>
  /** For `/api/v1/status/tsdb`. */
  cardinality(limit: number): Promise<Cardinality>
}

export interface Metadata {
  readonly type: 'counter' | 'gauge' | 'histogram' | 'gaugehistogram' | 'summary' | 'info' | 'stateset' | 'unknown'
  readonly help: string
  readonly unit: string
}

export interface SeriesExemplars {
  readonly labels: Labels
  readonly exemplars: readonly { readonly labels: Labels; readonly value: number; readonly time: number }[]
}

export interface Cardinality {
  /** [series] in the part of the store that still takes samples */
  readonly headSeries: number
  readonly headChunks: number
  /** epoch ms; 0 where there is no sample */
  readonly minTime: number
  readonly maxTime: number
  readonly labelPairs: number
  readonly seriesByMetric: readonly Count[]
  readonly valuesByLabel: readonly Count[]
  readonly bytesByLabel: readonly Count[]
  readonly seriesByPair: readonly Count[]
}

export interface Count {
  readonly name: string
  readonly value: number
}
