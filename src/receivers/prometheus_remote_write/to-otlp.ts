/**
 * Series as remote write has them → a metrics request of OTLP. A series stays what it is: its name, its labels and each of its samples come
 * out as they came in. So a classic histogram, whose series may arrive in different requests, is not put together: its buckets are numbers,
 * as they are to the sender. job and instance are the resource, as for what is scraped.
 */
import type { Label } from '../../exposition/labels.ts'
import { explicitPoint, exponentialPoint, numberPoint } from '../../exposition/remote/points.ts'
import type { RemoteMetadata, RemoteSeries } from '../../exposition/remote/series.ts'
import { toUcum } from '../../exposition/units.ts'
import { CUSTOM_BUCKETS_SCHEMA } from '../../model/float-histogram.ts'
import { encode } from '../../otlp/write.ts'

const scopePrefix = 'otel_scope_'

type Kind = 'gauge' | 'counter' | 'exponential' | 'exponential_gauge' | 'explicit'

interface Metric {
  readonly name: string
  readonly kind: Kind
  readonly about: RemoteMetadata | undefined
  readonly points: object[]
}
interface Scope {
  readonly head: { readonly scope: object; readonly schemaUrl?: string }
  readonly metrics: Map<string, Metric>
}
interface Resource {
  readonly attributes: Readonly<Record<string, string>>
  readonly scopes: Map<string, Scope>
}

export class OtlpRequest {
  readonly #resources = new Map<string, Resource>()
  /** [samples] */
  samples = 0
  histograms = 0

  get points(): number {
    return this.samples + this.histograms
  }

  /** A series that has a sample or a histogram: exemplars go to its last point. */
  add({ labels, samples, histograms, exemplars }: RemoteSeries, about: RemoteMetadata | undefined): void {
    const place = this.#place(labels)
    const { name, attributes, scope } = place
    const kind: Kind = about?.type === 'counter' && !name.endsWith('_created') ? 'counter' : 'gauge'
    const last = samples.length > 0 ? samples.at(-1) : undefined
    for (const sample of samples) {
      const given = sample === last && exemplars.length > 0 ? exemplars : undefined
      metricIn(scope, name, kind, about).points.push(numberPoint(sample, attributes, given))
    }
    for (const [i, one] of histograms.entries()) {
      const custom = one.histogram.schema === CUSTOM_BUCKETS_SCHEMA
      const given = last === undefined && i === histograms.length - 1 && exemplars.length > 0 ? exemplars : undefined
      const point = custom ? explicitPoint(one, attributes, given) : exponentialPoint(one, attributes, given)
      const gauge = one.histogram.resetHint === 'gauge'
      const told = gauge ? { unit: '', help: '', ...about, type: 'gaugehistogram' as const } : about
      metricIn(scope, name, custom ? 'explicit' : gauge ? 'exponential_gauge' : 'exponential', told).points.push(point)
    }
    this.samples += samples.length
    this.histograms += histograms.length
  }

  encode(): Uint8Array {
    return encode('metrics', {
      resourceMetrics: [...this.#resources.values()].map(({ attributes, scopes }) => ({
        resource: { attributes },
        scopeMetrics: [...scopes.values()].map(({ head, metrics }) => ({ ...head, metrics: [...metrics.values()].map(metricOf) })),
      })),
    })
  }

  #place(labels: readonly Label[]): { name: string; attributes: Label[]; scope: Scope } {
    let [name, job, instance] = ['', '', '']
    const attributes: Label[] = []
    const ofScope: Label[] = []
    for (const label of labels) {
      const [key, value] = label
      if (value === '') continue
      if (key === '__name__') name = value
      else if (key === 'job') job = value
      else if (key === 'instance') instance = value
      else if (key.startsWith(scopePrefix)) ofScope.push(label)
      else attributes.push(label)
    }
    return { name, attributes, scope: this.#scope(job, instance, ofScope) }
  }

  #scope(job: string, instance: string, labels: readonly Label[]): Scope {
    const key = `${job.length} ${job} ${instance}`
    let resource = this.#resources.get(key)
    if (resource === undefined) {
      const attributes = { ...(job !== '' && { 'service.name': job }), ...(instance !== '' && { 'service.instance.id': instance }) }
      resource = { attributes, scopes: new Map() }
      this.#resources.set(key, resource)
    }
    const scopeKey = labels.length === 0 ? '' : JSON.stringify(labels)
    let scope = resource.scopes.get(scopeKey)
    if (scope === undefined) {
      scope = { head: scopeOf(labels), metrics: new Map() }
      resource.scopes.set(scopeKey, scope)
    }
    return scope
  }
}

/** What names no scope has none: ours would be a label of every series that the sender does not know. */
function scopeOf(labels: readonly Label[]): Scope['head'] {
  if (labels.length === 0) return { scope: {} }
  const {
    name = '',
    version = '',
    schema_url: schemaUrl = '',
    ...attributes
  } = Object.fromEntries(labels.map(([label, value]) => [label.slice(scopePrefix.length), value])) as Record<string, string>
  return { scope: { name, version, attributes }, schemaUrl }
}

function metricIn({ metrics }: Scope, name: string, kind: Kind, about: RemoteMetadata | undefined): Metric {
  const key = `${kind} ${about?.type ?? 'unknown'} ${name}`
  let metric = metrics.get(key)
  if (metric === undefined) {
    metric = { name, kind, about, points: [] }
    metrics.set(key, metric)
  }
  return metric
}

const cumulative = 2

function metricOf({ name, kind, about, points: dataPoints }: Metric): object {
  // The type marks the metric as Prometheus's, so that it keeps its name, and as one whose series get the type that is told of it later.
  const head = {
    name,
    unit: toUcum(about?.unit ?? ''),
    description: about?.help,
    metadata: { 'prometheus.type': about?.type ?? 'unknown' },
  }
  switch (kind) {
    case 'gauge':
      return { ...head, gauge: { dataPoints } }
    case 'counter':
      return { ...head, sum: { dataPoints, aggregationTemporality: cumulative, isMonotonic: true } }
    // OpenTelemetry has no histograms that are gauges: the type of Prometheus says it.
    case 'exponential_gauge':
    case 'exponential':
      return { ...head, exponentialHistogram: { dataPoints, aggregationTemporality: cumulative } }
    case 'explicit':
      return { ...head, histogram: { dataPoints, aggregationTemporality: cumulative } }
  }
}
