import type { DerivedSample } from '../../component/derived.ts'
import { explicitPoint, exponentialPoint, numberPoint } from '../../exposition/remote/points.ts'
import { CUSTOM_BUCKETS_SCHEMA } from '../../model/float-histogram.ts'
import { encode } from '../../otlp/write.ts'

const cumulative = 2

/** OpenTelemetry counts in whole numbers: a rate of a histogram has no form there, and is better left out than made zero. */
export function isWhole({ histogram, stale }: DerivedSample): boolean {
  if (histogram === undefined || stale === true) return true
  const { count, zeroCount, positiveCounts, negativeCounts } = histogram
  return [count, zeroCount, ...positiveCounts, ...negativeCounts].every(each => Number.isSafeInteger(each) && each >= 0)
}

/**
 * Computed samples as a metrics request. A series keeps its name and all its labels: `job` and `instance` too are attributes of the points and not the
 * resource, which says who computed them, and that has no name of a scope, which would become a label.
 */
export function derivedRequest(origin: string, samples: readonly DerivedSample[]): Uint8Array {
  const metrics = new Map<string, { readonly name: string; readonly kind: Kind; readonly dataPoints: object[] }>()
  for (const sample of samples) {
    const kind = kindOf(sample)
    const { name } = sample.labels
    let metric = metrics.get(`${kind} ${name}`)
    if (metric === undefined) metrics.set(`${kind} ${name}`, (metric = { name, kind, dataPoints: [] }))
    metric.dataPoints.push(pointOf(sample, kind))
  }
  const all = [...metrics.values()].map(({ name, kind, dataPoints }) =>
    kind === 'gauge'
      ? { name, metadata, gauge: { dataPoints } }
      : { name, metadata, [kind]: { dataPoints, aggregationTemporality: cumulative } },
  )
  const resource = { attributes: { 'thalamus.origin': origin } }
  return encode('metrics', { resourceMetrics: [{ resource, scopeMetrics: [{ scope: {}, metrics: all }] }] })
}

/** Names are Prometheus's, and stay as they are. */
const metadata = { 'prometheus.type': 'unknown' }

type Kind = 'gauge' | 'exponentialHistogram' | 'histogram'

function kindOf({ histogram }: DerivedSample): Kind {
  if (histogram === undefined) return 'gauge'
  return histogram.schema === CUSTOM_BUCKETS_SCHEMA ? 'histogram' : 'exponentialHistogram'
}

function pointOf({ labels, time, value, histogram, stale = false }: DerivedSample, kind: Kind): object {
  const attributes = [...labels].filter(([name]) => name !== '__name__')
  if (histogram === undefined) return numberPoint({ time, start: 0, stale, value }, attributes)
  const point = kind === 'histogram' ? explicitPoint : exponentialPoint
  return point({ time, start: 0, stale, histogram }, attributes)
}
