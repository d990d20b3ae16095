/** The latest points as a page or as OTLP. */
import { State } from '../exporters/prometheus/state.ts'
import { openMetrics } from '../exposition/openmetrics.ts'
import { classic, textPage } from '../exposition/text.ts'
import type { Clock } from '../lib/clock.ts'
import { Raw } from '../model/raw.ts'
import { protobufToJson } from '../otlp/json.ts'
import { createReader } from '../otlp/reader.ts'
import { encode, nanos } from '../otlp/write.ts'
import type { LatestPoint } from './latest.ts'

export const exportFormats = ['prometheus', 'openmetrics', 'otlp_json'] as const
export type ExportFormat = (typeof exportFormats)[number]

export function exported(points: Iterable<LatestPoint>, format: ExportFormat, clock: Clock): string {
  const request = encode('metrics', requestOf(points))
  if (format === 'otlp_json') return JSON.stringify(protobufToJson('metrics', request))
  const state = new State(pageSettings, clock, () => {})
  state.take(createReader().read('metrics', Raw.of(request)))
  const families = state.page.families()
  return Buffer.concat(
    [...textPage(families, format === 'prometheus' ? classic : openMetrics(families))].filter(piece => piece !== undefined),
  ).toString()
}

/** As the prometheus exporter is without settings. */
const pageSettings = {
  strategy: 'UnderscoreEscapingWithSuffixes',
  namespace: '',
  constLabels: [],
  scope: true,
  resource: 'none',
  maxSeries: Number.POSITIVE_INFINITY,
  expirationMs: Number.POSITIVE_INFINITY,
  sendTimestamps: false,
} as const

const fields = {
  gauge: 'gauge',
  sum: 'sum',
  histogram: 'histogram',
  exponential_histogram: 'exponentialHistogram',
  summary: 'summary',
} as const
const temporalities = { unspecified: 0, delta: 1, cumulative: 2 } as const

/** One resource, scope and metric for each series: readers put together what belongs together. */
function requestOf(points: Iterable<LatestPoint>): object {
  return {
    resourceMetrics: Array.from(points, ({ entry, startMs, timeMs, point }) => {
      const { resource, scope, name, unit, description, type, temporality, monotonic, attributes } = entry
      const times = { startTimeUnixNano: startMs === 0 ? undefined : nanos(startMs), timeUnixNano: nanos(timeMs) }
      const how = type === 'gauge' || type === 'summary' ? {} : { aggregationTemporality: temporalities[temporality] }
      const data = { ...how, ...(type === 'sum' ? { isMonotonic: monotonic } : {}), dataPoints: [{ ...times, attributes, ...point }] }
      return {
        resource: { attributes: resource.attributes },
        scopeMetrics: [
          {
            scope: { name: scope.name, version: scope.version, attributes: scope.attributes },
            schemaUrl: scope.schemaUrl,
            metrics: [{ name, unit, description, [fields[type]]: data }],
          },
        ],
      }
    }),
  }
}
