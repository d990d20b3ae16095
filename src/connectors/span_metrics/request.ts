/** What is told at a flush, as OTLP requests for `encode`. */

import type { ResourceState } from './aggregate.ts'
import type { SeriesSet } from './series.ts'
import type { Settings } from './settings.ts'

const temporality = { AGGREGATION_TEMPORALITY_DELTA: 1, AGGREGATION_TEMPORALITY_CUMULATIVE: 2 } as const

/** The metrics of a resource, by the part of their name. */
export type Kind = 'calls' | 'duration' | 'events'

export interface Flush {
  /** nanoseconds */
  readonly now: bigint
  /** It is the last one: a counter that was never told must tell what it has. */
  readonly last: boolean
  /** nanoseconds, where a series' point begins */
  readonly startOf: (resource: ResourceState, kind: Kind, row: number) => bigint
}

export interface Part {
  readonly request: object
  readonly points: number
  /** [bytes] of the points */
  readonly size: number
}

/** [points] of one request at the most, so that no flush stops everything for long. */
const mostPoints = 5000

/** Every request is complete in itself, and to be encoded before the next one is asked for, or anything is counted: the points in it are written over then. */
export function* requests(resources: readonly ResourceState[], settings: Settings, flush: Flush): Generator<Part> {
  let part: object[] = []
  let points = 0
  let size = 0
  for (const resource of resources) {
    for (const { metric, rows, dataPoints } of metricsOf(resource, settings, flush)) {
      part.push({
        resource: { attributes: resource.attributes },
        scopeMetrics: [{ scope: { name: 'spanmetricsconnector' }, metrics: [metric] }],
      })
      points += rows
      size += dataPoints.length
      if (points < mostPoints) continue
      yield { request: { resourceMetrics: part }, points, size }
      part = []
      points = size = 0
    }
  }
  if (points > 0) yield { request: { resourceMetrics: part }, points, size }
}

interface Told {
  readonly metric: object
  readonly rows: number
  readonly dataPoints: Uint8Array
}

/** Metrics of at most `mostPoints` points. */
function* metricsOf(resource: ResourceState, settings: Settings, flush: Flush): Generator<Told> {
  const aggregationTemporality = temporality[settings.aggregation_temporality]
  const prefix = settings.namespace === '' ? '' : `${settings.namespace}.`
  const sum = (kind: 'calls' | 'events') =>
    parts(resource, kind, flush, dataPoints => ({
      name: prefix + kind,
      sum: { aggregationTemporality, isMonotonic: true, dataPoints },
    }))
  yield* sum('calls')
  if (!settings.histogram.disable) {
    const named = { name: `${prefix}duration`, unit: settings.histogram.unit }
    const kind = settings.histogram.exponential === undefined ? 'histogram' : 'exponentialHistogram'
    yield* parts(resource, 'duration', flush, dataPoints => ({ ...named, [kind]: { aggregationTemporality, dataPoints } }))
  }
  if (settings.events.enabled) yield* sum('events')
}

function* parts(
  resource: ResourceState,
  kind: Kind,
  { now, last, startOf }: Flush,
  toMetric: (dataPoints: Uint8Array) => object,
): Generator<Told> {
  const series: SeriesSet = resource[kind]
  const telling = { now, last, startOf: (row: number) => startOf(resource, kind, row) }
  for (let from = 0; from < series.size; from += mostPoints) {
    const to = Math.min(series.size, from + mostPoints)
    const dataPoints = series.tell(from, to, telling)
    yield { metric: toMetric(dataPoints), rows: to - from, dataPoints }
  }
}
