import { formatG, quote } from '../lib/go-text.ts'
import type { Position } from './ast.ts'
import { lineAndColumn } from './parse-error.ts'

/** What a result says about itself besides its values: warnings (the result is likely wrong) and infos (it may surprise). */
export type Severity = 'warning' | 'info'

export interface Annotation {
  readonly severity: Severity
  /** Prometheus's wording without the position, beginning with `PromQL warning: ` or `PromQL info: ` where it does */
  readonly text: string
  /** of the expression concerned; undefined: of the whole */
  readonly position: Position | undefined
}

/** As the API tells it: with the place in the query that it is about. */
export const annotationText = ({ text, position }: Annotation, query: string): string =>
  position === undefined ? text : `${text} (${lineAndColumn(query, position.start)})`

/**
 * Gathers annotations. One of the same text counts once, at the place that had it last, as in Prometheus. There a whole is evaluated after its parts; here they take turns, and so the
 * whole keeps the place.
 */
export class Annotations {
  #all = new Map<string, Entry>()

  /** Keeps apart what `run` says, which is said again later by what this resolves to: where a side is worked out before another one that Prometheus works out before it. */
  async later(run: () => Promise<void>): Promise<() => void> {
    const before = this.#all
    const said = new Map<string, Entry>()
    this.#all = said
    await run()
    this.#all = before
    return () => {
      for (const [text, { severity, position, detail, show, merge }] of said)
        if (show === undefined) this.add(severity, text, position)
        else this.detailed(severity, text, position!, detail, merge!, show)
    }
  }

  add(severity: Severity, text: string, position?: Position): void {
    const known = this.#all.get(text)?.position
    if (known === undefined || position === undefined || !holds(known, position)) this.#all.set(text, { severity, position })
  }

  warn(text: string, position?: Position): void {
    this.add('warning', `PromQL warning: ${text}`, position)
  }

  info(text: string, position?: Position): void {
    this.add('info', `PromQL info: ${text}`, position)
  }

  /** One whose text tells more than what it is told apart by; `merge` joins what two of them tell. */
  detailed<T>(
    severity: Severity,
    text: string,
    position: Position,
    detail: T,
    merge: (old: T, now: T) => T,
    show: (detail: T) => string,
  ): void {
    const known = this.#all.get(text)?.detail as T | undefined
    this.#all.set(text, {
      severity,
      position,
      detail: known === undefined ? detail : merge(known, detail),
      show: show as Entry['show'],
      merge: merge as Entry['merge'],
    })
  }

  get size(): number {
    return this.#all.size
  }

  *[Symbol.iterator](): Generator<Annotation> {
    for (const [text, { severity, position, detail, show }] of this.#all)
      yield { severity, text: show === undefined ? text : text + show(detail), position }
  }
}

const holds = (whole: Position, part: Position): boolean =>
  whole.start <= part.start && part.end <= whole.end && whole.end - whole.start > part.end - part.start

interface Entry {
  readonly severity: Severity
  readonly position: Position | undefined
  readonly detail?: unknown
  readonly show?: ((detail: unknown) => string) | undefined
  readonly merge?: ((old: unknown, now: unknown) => unknown) | undefined
}

/** What was done to histograms when they disagreed. */
export type HistogramOperation = 'addition' | 'subtraction' | 'aggregation'

/** Names of metrics are written where they are known: `for metric name "x"`. */
const forMetric = (name: string): string => (name === '' ? '' : ` for metric name ${quote(name)}`)

export const warnInvalidQuantile = (to: Annotations, q: number, at: Position): void =>
  to.warn(`quantile value should be between 0 and 1, got ${formatG(q)}`, at)

export const warnInvalidRatio = (to: Annotations, ratio: number, capped: number, at: Position): void =>
  to.warn(`ratio value should be between -1 and 1, got ${formatG(ratio)}, capping to ${formatG(capped)}`, at)

export const warnBadBucketLabel = (to: Annotations, metric: string, le: string, at: Position): void =>
  to.warn(`bucket label "le" is missing or has a malformed value of ${quote(le)}${forMetric(metric)}`, at)

export const warnMixedFloatsHistograms = (to: Annotations, metric: string, at: Position): void =>
  to.warn(`encountered a mix of histograms and floats for metric name ${quote(metric)}`, at)

export const warnMixedFloatsHistogramsAggregation = (to: Annotations, at: Position): void =>
  to.warn('encountered a mix of histograms and floats for aggregation', at)

export const warnMixedClassicNativeHistograms = (to: Annotations, metric: string, at: Position): void =>
  to.warn(`vector contains a mix of classic and native histograms${forMetric(metric)}`, at)

export const warnHistogramNotCounter = (to: Annotations, metric: string, at: Position): void =>
  to.warn(`this native histogram metric is not a counter: ${quote(metric)}`, at)

export const warnHistogramNotGauge = (to: Annotations, metric: string, at: Position): void =>
  to.warn(`this native histogram metric is not a gauge: ${quote(metric)}`, at)

export const warnMixedExponentialCustomHistograms = (to: Annotations, metric: string, at: Position): void =>
  to.warn(`vector contains a mix of histograms with exponential and custom buckets schemas for metric name ${quote(metric)}`, at)

export const warnIncompatibleBucketLayout = (to: Annotations, operator: string, at: Position): void =>
  to.warn(`incompatible bucket layout encountered for binary operator ${operator}`, at)

export const warnSortInRangeQuery = (to: Annotations, at: Position): void =>
  to.warn('sort is ineffective for range queries since results are always ordered by labels', at)

export const warnCounterResetCollision = (to: Annotations, operation: HistogramOperation, at: Position): void =>
  to.warn(`conflicting counter resets during histogram ${operation}`, at)

export const infoPossibleNonCounter = (to: Annotations, metric: string, at: Position): void =>
  to.info(`metric might not be a counter, name does not end in _total/_sum/_count/_bucket: ${quote(metric)}`, at)

/** Where series carry their type as a label. */
export const infoPossibleNonCounterType = (to: Annotations, metric: string, type: string, at: Position): void =>
  to.info(`metric might not be a counter, __type__ label is not set to "counter" or "histogram", got ${quote(type)}: ${quote(metric)}`, at)

/** @param left `float` or `histogram`, as `right` */
export const infoIncompatibleTypes = (to: Annotations, left: string, operator: string, right: string, at: Position): void =>
  to.info(`incompatible sample types encountered for binary operator ${quote(operator)}: ${left} ${operator} ${right}`, at)

export const infoHistogramIgnoredInAggregation = (to: Annotations, aggregation: string, at: Position): void =>
  to.info(`ignored histogram in ${aggregation} aggregation`, at)

export const infoHistogramIgnoredInMixedRange = (to: Annotations, metric: string, at: Position): void =>
  to.info(`ignored histograms in a range containing both floats and histograms for metric name ${quote(metric)}`, at)

export const infoQuantileNaNResult = (to: Annotations, metric: string, at: Position): void =>
  to.info(`input to histogram_quantile has NaN observations, result is NaN${forMetric(metric)}`, at)

export const infoQuantileNaNSkew = (to: Annotations, metric: string, at: Position): void =>
  to.info(`input to histogram_quantile has NaN observations, result is skewed higher${forMetric(metric)}`, at)

export const infoFractionNaNs = (to: Annotations, metric: string, at: Position): void =>
  to.info(`input to histogram_fraction has NaN observations, which are excluded from all fractions${forMetric(metric)}`, at)

export const infoMismatchedCustomBuckets = (to: Annotations, operation: HistogramOperation, at: Position): void =>
  to.info(`mismatched custom buckets were reconciled during ${operation}`, at)

/** A coarser tier was read by a function that is exact only on raw samples. Ours: Prometheus has no tiers. @param step [ms] of the tier */
export const infoTierRead = (to: Annotations, func: string, step: number, at: Position): void =>
  to.info(`${func} read the last sample of every ${step / 1000}s, since older samples are kept no finer`, at)

/** Buckets of a coarser tier are longer than the range that was asked for, and stand for it. Ours. @param step [ms] of the tier @param range [ms] */
export const infoRangeOfTier = (to: Annotations, func: string, range: number, step: number, at: Position): void =>
  to.info(`${func} read buckets of ${step / 1000}s for a range of ${range / 1000}s, since older samples are kept no finer`, at)

/** Where classic buckets were not monotonic. */
export interface ForcedMonotonicity {
  /** epoch ms of the first and the last step concerned */
  readonly from: number
  readonly to: number
  /** upper bounds of the lowest and the highest bucket that was raised */
  readonly minBucket: number
  readonly maxBucket: number
  /** the most that one was raised by */
  readonly maxDiff: number
  /** [histograms] */
  readonly count: number
}

export const infoForcedMonotonicity = (to: Annotations, metric: string, detail: ForcedMonotonicity, at: Position): void =>
  to.detailed(
    'info',
    `PromQL info: input to histogram_quantile needed to be fixed for monotonicity (see https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)${forMetric(metric)}`,
    at,
    detail,
    joined,
    ({ from, to, minBucket, maxBucket, maxDiff, count }) =>
      `, from buckets ${formatG(minBucket)} to ${formatG(maxBucket)}, with a max diff of ${formatG(maxDiff, 2)}, over ${count} samples from ${toSecond(from)} to ${toSecond(to)}`,
  )

const joined = (a: ForcedMonotonicity, b: ForcedMonotonicity): ForcedMonotonicity => ({
  from: Math.min(a.from, b.from),
  to: Math.max(a.to, b.to),
  minBucket: Math.min(a.minBucket, b.minBucket),
  maxBucket: Math.max(a.maxBucket, b.maxBucket),
  maxDiff: Math.max(a.maxDiff, b.maxDiff),
  count: a.count + b.count,
})

/** `2026-01-31T12:00:00Z`; a time that no calendar has is written as seconds. */
const toSecond = (time: number): string => {
  const seconds = Math.trunc(time / 1000)
  return Math.abs(seconds) <= 8.64e12 ? new Date(seconds * 1000).toISOString().replace('.000Z', 'Z') : String(seconds)
}

/** @param count [series and steps] that it was seen in */
export const warnStartTimeOverlap = (to: Annotations, metric: string, count: number, at: Position): void =>
  to.detailed(
    'warning',
    `PromQL warning: sample has start time that overlaps with previous sample timestamp for metric ${quote(metric)}`,
    at,
    count,
    (a, b) => a + b,
    occurrences => (occurrences > 1 ? ` (${occurrences} occurrences)` : ''),
  )
