/** From Prometheus' names and units to OpenTelemetry's, as the Collector's receiver does. */
import type { SampleType } from '../../exposition/read.ts'
import type { PointType } from './fields.ts'
import type { Described } from './tree.ts'

/** About the series that the scrape itself makes. */
const own: Readonly<Record<string, Described>> = {
  up: { type: 'gauge', help: 'The scraping was successful', unit: '' },
  scrape_duration_seconds: { type: 'gauge', help: 'Duration of the scrape', unit: 'seconds' },
  scrape_samples_scraped: { type: 'gauge', help: 'The number of samples the target exposed', unit: '' },
  scrape_series_added: { type: 'gauge', help: 'The approximate number of new series in this scrape', unit: '' },
  scrape_samples_post_metric_relabeling: {
    type: 'gauge',
    help: 'The number of samples remaining after metric relabeling was applied',
    unit: '',
  },
}
/** Of the samples of a family. */
export const suffixes = ['_bucket', '_count', '_sum', '_total', '_info', '_created']
const unknown: Described = { type: 'unknown', help: '', unit: '' }

export interface Belongs {
  /** the metric in OpenTelemetry */
  readonly name: string
  readonly about: Described
  /** what the page calls the family */
  readonly family: string
}

/** Which metric a sample of that name is part of, by what the page says about families. */
export function belongs(name: string, known: ReadonlyMap<string, Described>): Belongs {
  const exact = own[name] ?? known.get(name)
  if (exact !== undefined) return { name, about: exact, family: name }
  const suffix = suffixes.find(each => name.endsWith(each) && name !== each)
  const base = suffix === undefined ? '' : name.slice(0, -suffix.length)
  const about = known.get(base)
  // What a gauge histogram is in OpenTelemetry nobody has said: its samples are metrics of their own.
  if (about === undefined || about.type === 'gaugehistogram') return { name, about: unknown, family: name }
  // The Collector calls it by its family; then nobody finds it by its name again.
  if (about.type === 'info' && suffix === '_info') return { name, about, family: base }
  if (about.type !== 'counter') return { name: base, about, family: base }
  return { name: suffix === '_created' ? `${base}_total` : name, about, family: base }
}

export function pointTypeOf(type: SampleType): PointType {
  if (type === 'counter') return 'monotonic'
  if (type === 'histogram' || type === 'summary') return type
  return type === 'info' || type === 'stateset' ? 'sum' : 'gauge'
}

/** `request_duration_seconds_total`, a counter in seconds → `request_duration`. */
export function trimSuffixes(name: string, type: PointType, unit: string): string {
  if (!name.includes('_')) return name
  const trimmed = (type === 'monotonic' || type === 'sum') && name.endsWith('_total') ? name.slice(0, -'_total'.length) : name
  return unit !== '' && trimmed.endsWith(`_${unit}`) && trimmed.length > unit.length + 1 ? trimmed.slice(0, -unit.length - 1) : trimmed
}
