/** What several threads have measured, as if one had: counts and sums are added, and so are gauges, which are of queues and the like. */
import { DataPointType, type MetricData, type ResourceMetrics } from '@opentelemetry/sdk-metrics'

type Scopes = ResourceMetrics['scopeMetrics']
type Point = MetricData['dataPoints'][number]

export function mergeMetrics(own: Scopes, others: readonly Scopes[]): Scopes {
  if (others.length === 0) return own
  const merged = new Map<string, { readonly scope: Scopes[number]['scope']; readonly metrics: Map<string, MetricData> }>()
  // One scope may come in several parts: what is observed, and what a producer adds.
  for (const { scope, metrics } of [own, ...others].flat()) {
    const into = merged.get(scope.name) ?? { scope, metrics: new Map<string, MetricData>() }
    merged.set(scope.name, into)
    for (const metric of metrics) {
      const { name } = metric.descriptor
      const before = into.metrics.get(name)
      if (before === undefined) into.metrics.set(name, metric)
      else if (before.dataPointType === metric.dataPointType) into.metrics.set(name, sumOf(before, metric))
    }
  }
  return [...merged.values()].map(({ scope, metrics }) => ({ scope, metrics: [...metrics.values()] }))
}

/** What goes on counting when the thread that counted it is gone: a gauge does not. */
export function counted(scopes: Scopes): Scopes {
  return scopes.map(({ scope, metrics }) => ({
    scope,
    metrics: metrics.filter(
      metric => metric.dataPointType === DataPointType.HISTOGRAM || (metric.dataPointType === DataPointType.SUM && metric.isMonotonic),
    ),
  }))
}

function sumOf(a: MetricData, b: MetricData): MetricData {
  const points = new Map<string, Point>()
  for (const point of [...a.dataPoints, ...b.dataPoints] as Point[]) {
    const key = JSON.stringify(Object.entries(point.attributes).sort())
    const before = points.get(key)
    points.set(key, before === undefined ? point : ({ ...before, value: add(before.value, point.value) } as Point))
  }
  return { ...a, dataPoints: [...points.values()] } as MetricData
}

function add(a: Point['value'], b: Point['value']): Point['value'] {
  if (typeof a === 'number' || typeof b === 'number') return Number(a) + Number(b)
  const both = { count: a.count + b.count, sum: (a.sum ?? 0) + (b.sum ?? 0), ...extremes(a, b) }
  // An exponential histogram of another scale cannot be added as it is: its count and sum are right.
  if (!('buckets' in a) || !('buckets' in b)) return { ...a, ...both }
  return {
    ...both,
    buckets: { boundaries: a.buckets.boundaries, counts: a.buckets.counts.map((count, i) => count + (b.buckets.counts[i] ?? 0)) },
  }
}

function extremes(a: Exclude<Point['value'], number>, b: Exclude<Point['value'], number>): { min?: number; max?: number } {
  const of = (choose: (...numbers: number[]) => number, key: 'min' | 'max') => {
    const known = [a[key], b[key]].filter(value => value !== undefined)
    return known.length === 0 ? {} : { [key]: choose(...known) }
  }
  return { ...of(Math.min, 'min'), ...of(Math.max, 'max') }
}
