/** What is told at a flush, as OTLP requests for `encode`. */

import { Explicit } from '../../lib/explicit-histogram.ts'
import type { Exponential } from '../../lib/exponential-histogram.ts'
import type { ResourceState } from './aggregate.ts'
import type { Series, SeriesSet } from './series.ts'
import type { Settings } from './settings.ts'

const temporality = { AGGREGATION_TEMPORALITY_DELTA: 1, AGGREGATION_TEMPORALITY_CUMULATIVE: 2 } as const

export interface Flush {
  /** nanoseconds */
  readonly now: bigint
  /** It is the last one: a counter that was never told must tell what it has. */
  readonly last: boolean
  /** nanoseconds, where a series' point begins */
  readonly startOf: (resource: ResourceState, series: Series<unknown>) => bigint
}

/** [points] of one request at the most, so that no flush stops everything for long. */
const mostPoints = 5000

/** Every request is complete in itself. What a series tells is told once: reading on resets exemplars and freshness. */
export function* requests(
  resources: readonly ResourceState[],
  settings: Settings,
  flush: Flush,
): Generator<{ request: object; points: number }> {
  let part: object[] = []
  let points = 0
  for (const resource of resources) {
    for (const { metric, size } of metricsOf(resource, settings, flush)) {
      part.push({
        resource: { attributes: resource.attributes },
        scopeMetrics: [{ scope: { name: 'spanmetricsconnector' }, metrics: [metric] }],
      })
      points += size
      if (points < mostPoints) continue
      yield { request: { resourceMetrics: part }, points }
      part = []
      points = 0
    }
  }
  if (points > 0) yield { request: { resourceMetrics: part }, points }
}

/** Metrics of at most `mostPoints` points. */
function* metricsOf(resource: ResourceState, settings: Settings, flush: Flush): Generator<{ metric: object; size: number }> {
  const aggregationTemporality = temporality[settings.aggregation_temporality]
  const prefix = settings.namespace === '' ? '' : `${settings.namespace}.`
  const sum = (name: string, series: SeriesSet<undefined>) =>
    parts(
      series,
      one => sumPoint(resource, one, settings, flush),
      dataPoints => ({
        name: prefix + name,
        sum: { aggregationTemporality, isMonotonic: true, dataPoints },
      }),
    )
  yield* sum('calls', resource.calls)
  if (!settings.histogram.disable) {
    const named = { name: `${prefix}duration`, unit: settings.histogram.unit }
    const kind = settings.histogram.exponential === undefined ? 'histogram' : 'exponentialHistogram'
    yield* parts(
      resource.durations,
      one => histogramPoint(resource, one, flush),
      dataPoints => ({
        ...named,
        [kind]: { aggregationTemporality, dataPoints },
      }),
    )
  }
  if (settings.events.enabled) yield* sum('events', resource.events)
}

function* parts<V>(
  { all }: SeriesSet<V>,
  toPoint: (series: Series<V>) => object,
  toMetric: (points: object[]) => object,
): Generator<{ metric: object; size: number }> {
  let points: object[] = []
  for (const series of all.values()) {
    points.push(toPoint(series))
    if (points.length < mostPoints) continue
    yield { metric: toMetric(points), size: points.length }
    points = []
  }
  if (points.length > 0) yield { metric: toMetric(points), size: points.length }
}

const none: readonly object[] = []

function exemplarsOf(series: Series<unknown>, timeUnixNano: bigint): readonly object[] {
  if (series.exemplars.length === 0) return none
  const exemplars = series.exemplars.map(({ traceId, spanId, value }) => ({ timeUnixNano, asDouble: value, spanId, traceId }))
  series.exemplars = []
  return exemplars
}

// Objects are written out rather than spread: a flush makes one for every series.

function sumPoint(resource: ResourceState, series: Series<undefined>, settings: Settings, flush: Flush): object {
  const cumulative = settings.aggregation_temporality === 'AGGREGATION_TEMPORALITY_CUMULATIVE'
  const fresh = series.fresh && cumulative && !flush.last
  series.fresh = false
  const timeUnixNano = flush.now
  return {
    attributes: series.attributes,
    startTimeUnixNano: flush.startOf(resource, series),
    timeUnixNano,
    exemplars: exemplarsOf(series, timeUnixNano),
    asInt: fresh ? 0 : series.count,
  }
}

function histogramPoint(resource: ResourceState, series: Series<Explicit | Exponential>, flush: Flush): object {
  const { histogram, attributes } = series
  const timeUnixNano = flush.now
  const startTimeUnixNano = flush.startOf(resource, series)
  const exemplars = exemplarsOf(series, timeUnixNano)
  const { count, sum } = histogram
  if (histogram instanceof Explicit) {
    const { bounds: explicitBounds, buckets: bucketCounts } = histogram
    return { attributes, startTimeUnixNano, timeUnixNano, exemplars, count, sum, explicitBounds, bucketCounts }
  }
  const { min, max, zeroCount, scale, offset, buckets } = histogram
  const positive = { offset, bucketCounts: buckets }
  return { attributes, startTimeUnixNano, timeUnixNano, exemplars, count, sum, min, max, zeroCount, scale, positive }
}
