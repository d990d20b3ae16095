/** Metrics that are born here, in the words of the data model, as a request for `encode`. */
import type { MetricType, Temporality } from '../model/dictionary.ts'
import { nanos } from './write.ts'

/** A plain record or pairs of plain JS values. */
export type PlainAttributes = Readonly<Record<string, unknown>> | readonly (readonly [string, unknown])[]

interface PlainPoint {
  readonly attributes?: PlainAttributes
  /** ms; since when a cumulative or delta value counts */
  readonly startMs?: number
  /** ms */
  readonly timeMs: number
}
/** `bigint` becomes an int64, a number a double. */
export type NumberPoint = PlainPoint & { readonly value: number | bigint }
export type HistogramPoint = PlainPoint & {
  readonly count: number | bigint
  readonly sum?: number
  readonly min?: number
  readonly max?: number
  /** one more than there are bounds, not cumulative */
  readonly bucketCounts: readonly (number | bigint)[]
  readonly explicitBounds: readonly number[]
}

interface Named {
  readonly name: string
  /** UCUM */
  readonly unit?: string
  readonly description?: string
}
export type PlainMetric =
  | (Named & { readonly type: 'gauge'; readonly points: readonly NumberPoint[] })
  | (Named & {
      readonly type: 'sum'
      readonly temporality: Temporality
      readonly monotonic: boolean
      readonly points: readonly NumberPoint[]
    })
  | (Named & { readonly type: 'histogram'; readonly temporality: Temporality; readonly points: readonly HistogramPoint[] })
/** Types that have a builder here; the others can be given to `encode` in OTLP/JSON shape. */
export type PlainMetricType = Extract<MetricType, PlainMetric['type']>

export interface PlainScope {
  readonly name: string
  readonly version?: string
  readonly attributes?: PlainAttributes
}

/** One resource, one scope; metrics without points are left out. */
export function metricsRequest(from: {
  resource: PlainAttributes
  scope: PlainScope
  schemaUrl?: string
  metrics: readonly PlainMetric[]
}): object {
  const { resource, scope, schemaUrl } = from
  const metrics = from.metrics.filter(m => m.points.length > 0).map(toMetric)
  if (metrics.length === 0) return {}
  return { resourceMetrics: [{ resource: { attributes: resource }, schemaUrl, scopeMetrics: [{ scope, schemaUrl, metrics }] }] }
}

const temporalityNumber = { unspecified: 0, delta: 1, cumulative: 2 } as const satisfies Record<Temporality, number>

function toMetric(metric: PlainMetric): object {
  const { name, unit, description } = metric
  const named = { name, unit, description }
  if (metric.type === 'gauge') return { ...named, gauge: { dataPoints: metric.points.map(toNumber) } }
  const aggregationTemporality = temporalityNumber[metric.temporality]
  if (metric.type === 'sum') {
    return { ...named, sum: { dataPoints: metric.points.map(toNumber), aggregationTemporality, isMonotonic: metric.monotonic } }
  }
  return { ...named, histogram: { dataPoints: metric.points.map(toHistogram), aggregationTemporality } }
}

const toPoint = ({ attributes, startMs, timeMs }: PlainPoint) => ({
  attributes,
  startTimeUnixNano: startMs === undefined ? undefined : nanos(startMs),
  timeUnixNano: nanos(timeMs),
})

function toNumber(point: NumberPoint): object {
  return { ...toPoint(point), ...(typeof point.value === 'bigint' ? { asInt: point.value } : { asDouble: point.value }) }
}

function toHistogram(point: HistogramPoint): object {
  const { count, sum, min, max, bucketCounts, explicitBounds } = point
  return { ...toPoint(point), count, sum, min, max, bucketCounts, explicitBounds }
}
