/** From batches of OpenTelemetry to samples of Prometheus: names, target_info, deltas added up, exemplars. */
import { Describer, type Labelling, type Target } from '../exposition/describe.ts'
import { KeptExemplar } from '../exposition/exemplars.ts'
import { type FamilyName, isPrometheus, labelName } from '../exposition/naming.ts'
import { wholeMs } from '../exposition/number.ts'
import type { Clock } from '../lib/clock.ts'
import { exemplarGroups, type MetricBatch, NO_RECORDED_VALUE, type PointColumns } from '../model/batch.ts'
import type { Dictionary, SeriesEntry } from '../model/dictionary.ts'
import { Labels } from '../model/labels.ts'
import type { Metadata } from '../model/query.ts'
import { BYTES, Cursor, readText } from '../otlp/wire.ts'
import { Incoming, SeriesHandle } from '../store/incoming.ts'
import { type About, type Kept, keptFor } from './kept.ts'

/** Why a row is not in the store. */
export const reasons = [
  'series_limit',
  'invalid_name',
  'unspecified_temporality',
  'unsupported_scale',
  'out_of_order',
  'duplicate_timestamp',
  'too_old',
  'too_far_ahead',
] as const
export type Reason = (typeof reasons)[number]

/** [ms] what a target says of itself is written once in so long; shorter than the five minutes that a query looks back */
const targetInfoMs = 60_000
/** [ms] a series that was not seen for so long is forgotten here; longer than the dictionary gives an id to another */
const idleMs = 20 * 60_000

interface Known {
  readonly dictionary: Dictionary
  readonly kept: (Kept | Reason | undefined)[]
  generations: Float64Array
  usedAt: number
}

class KnownTarget {
  readonly handle: SeriesHandle
  readonly labels: string
  /** [ms] monotonic, when a point of it came last, and when it was written last */
  seenAt = 0
  toldAt = Number.NEGATIVE_INFINITY
  constructor(handle: SeriesHandle, labels: string) {
    this.handle = handle
    this.labels = labels
  }
}

/** [ms] between two looks at what is said of a family of which samples come */
const roundMs = 60_000

/** [ms] between two looks which targets are due, unless there is a new one */
const targetsMs = 5_000

export interface Translated {
  readonly incoming: Incoming
  /** by row that has samples: the place of its first */
  readonly firsts: number[]
  /** [rows] by reason, of those that have none */
  readonly dropped: Map<Reason, number>
}

/** What Prometheus's metadata calls the family: a classic histogram that came as series of numbers has one name for all of them. */
function describedBy(name: string, { type, prometheusType }: SeriesEntry): string {
  if (type !== 'gauge') return name
  if (prometheusType === 'gaugehistogram') return name.replace(/_(bucket|g?sum|g?count)$/, '')
  return prometheusType === 'histogram' || prometheusType === 'summary' ? name.replace(/_(bucket|sum|count)$/, '') : name
}

const same = (a: Metadata, b: Metadata): boolean => a.type === b.type && a.unit === b.unit && a.help === b.help

/** Of the metric whose field lies there. */
function descriptionOf(bytes: Uint8Array, from: number, to: number): string {
  const field = new Cursor(bytes, from, to, 'metric', 'metrics')
  if (!field.next()) return ''
  for (const part = field.message('metric'); part.next(); )
    if (part.is(2, BYTES)) return readText(bytes, part.start, part.end).toWellFormed()
  return ''
}

export class Translator {
  readonly #describer: Describer
  readonly #clock: Clock
  readonly #maxSeries: number
  readonly #targetInfo: string
  readonly #constLabels: Labelling['constLabels']
  readonly #refused: (reason: Reason, entry: SeriesEntry) => void
  readonly #knows: (family: string, metadata: Metadata) => boolean
  readonly #known = new Map<Dictionary, Known>()
  readonly #targets = new Map<string, KnownTarget>()
  /** of the series that was met last: the next one is mostly of the same family */
  #about: About | undefined
  #series = 0
  #targetsDue = 0

  constructor(
    labelling: Labelling,
    clock: Clock,
    maxSeries: number,
    refused: (reason: Reason, entry: SeriesEntry) => void,
    knows: (family: string, metadata: Metadata) => boolean,
  ) {
    this.#describer = new Describer(labelling)
    this.#constLabels = labelling.constLabels
    this.#clock = clock
    this.#maxSeries = maxSeries
    this.#refused = refused
    this.#knows = knows
    this.#targetInfo = labelling.namespace === '' ? 'target_info' : `${labelName(labelling.namespace, labelling)}_target_info`
  }

  /** [series] of OpenTelemetry that are known here */
  get size(): number {
    return this.#series
  }

  translate(batch: MetricBatch): Translated {
    const into: Translated = { incoming: new Incoming(batch.rows), firsts: [], dropped: new Map() }
    const known = this.#of(batch.dictionary)
    for (const rows of [batch.numbers, batch.histograms, batch.exponentials, batch.summaries]) this.#take(known, batch, rows, into)
    this.#takeExemplars(known, batch, into.incoming)
    this.#tellTargets(into.incoming)
    return into
  }

  #take(known: Known, batch: MetricBatch, rows: PointColumns, { incoming, firsts, dropped }: Translated): void {
    const now = this.#clock.now()
    const nowMs = this.#clock.monotonic()
    const round = Math.floor(nowMs / roundMs) + 1
    let compared = -1
    for (let i = 0; i < rows.length; i++) {
      const at = wholeMs(rows.time[i]! || now)
      const kept = this.#keptOf(known, rows.series[i]!, batch, rows.metric[i]!, incoming)
      const first = incoming.series.length
      let refusal: Reason | undefined
      if (typeof kept === 'string') refusal = kept
      else {
        kept.seenAt = nowMs
        if (kept.round !== round) {
          // One series speaks for its metric; new ones have just been told.
          if (kept.round !== 0 && rows.metric[i] !== compared) this.#compare(kept, batch, (compared = rows.metric[i]!), incoming)
          kept.round = round
        }
        if (kept.target !== undefined) kept.target.seenAt = nowMs
        if ((rows.flags[i]! & NO_RECORDED_VALUE) !== 0) kept.end(at, incoming)
        else refusal = kept.put(batch, i, at, nowMs, incoming)
      }
      if (refusal !== undefined) dropped.set(refusal, (dropped.get(refusal) ?? 0) + 1)
      else firsts.push(first)
    }
  }

  #keptOf(known: Known, series: number, batch: MetricBatch, metric: number, into: Incoming): Kept | Reason {
    if (series < 0) return 'series_limit'
    const kept = known.kept[series]
    if (kept !== undefined && known.generations[series] === known.dictionary.generation(series)) return kept
    return this.#meet(known, series, batch, metric, into)
  }

  /** First sight of a series. */
  #meet(known: Known, series: number, { raw, metrics }: MetricBatch, metric: number, into: Incoming): Kept | Reason {
    if (typeof known.kept[series] === 'object') this.#series--
    const entry = known.dictionary.series(series)
    // The dictionary keeps the description that the metric had at first. A row that still comes without its type comes without a description, too.
    const told = descriptionOf(raw.bytes(), metrics.from[metric]!, metrics.to[metric]!)
    const description = told === '' && isPrometheus(entry) ? entry.description : told
    const kept = this.#place({ ...entry, description }, into)
    if (typeof kept === 'string') this.#refused(kept, entry)
    else this.#series++
    known.kept[series] = kept
    known.generations[series] = known.dictionary.generation(series)
    return kept
  }

  #place(entry: SeriesEntry, into: Incoming): Kept | Reason {
    if (entry.type !== 'gauge' && entry.type !== 'summary' && entry.temporality === 'unspecified') return 'unspecified_temporality'
    if (this.#series >= this.#maxSeries) return 'series_limit'
    const description = this.#describer.describe(entry)
    if (description === undefined) return 'invalid_name'
    const { family, target } = description
    const kept = keptFor(entry, description)
    kept.about = this.#tell(family, entry, into)
    // Nothing is said of a target that is a job and an instance, and no more.
    if (target !== undefined && target.labelValues.size > 2) kept.target = this.#meetTarget(target)
    return kept
  }

  #tell(family: FamilyName, entry: SeriesEntry, into: Incoming): About {
    const help = entry.description.toWellFormed()
    const name = describedBy(family.name, entry)
    const metadata: Metadata = { type: entry.prometheusType ?? family.type, unit: family.unit, help }
    // Who writes samples has said nothing of their family yet, or will not: that is no reason to forget what is known.
    const says = entry.prometheusType !== 'unknown' || help !== '' || family.unit !== ''
    if (says && !this.#knows(name, metadata)) into.metadata.push({ family: name, metadata })
    if (this.#about?.family !== name || !same(this.#about.metadata, metadata)) this.#about = { family: name, metadata }
    return this.#about
  }

  /** The dictionary keeps the description that a metric had at first: what it says now is in the batch. */
  #compare({ about }: Kept, { raw, metrics }: MetricBatch, metric: number, into: Incoming): void {
    if (about === undefined) return
    const help = descriptionOf(raw.bytes(), metrics.from[metric]!, metrics.to[metric]!)
    if (help === '' || help === about.metadata.help) return
    about.metadata = { ...about.metadata, help }
    if (!this.#knows(about.family, about.metadata)) into.metadata.push({ family: about.family, metadata: about.metadata })
  }

  #meetTarget({ key, labels, labelValues }: Target): KnownTarget {
    let known = this.#targets.get(key)
    if (known?.labels !== labels) {
      known = new KnownTarget(
        new SeriesHandle(Labels.of(new Map([...labelValues, ...this.#constLabels]).set('__name__', this.#targetInfo))),
        labels,
      )
      this.#targets.set(key, known)
      this.#targetsDue = 0
    }
    return known
  }

  /** `target_info` of the targets that points come of, where it is due. They are no rows. */
  #tellTargets(into: Incoming): void {
    const now = this.#clock.monotonic()
    if (now < this.#targetsDue) return
    this.#targetsDue = now + targetsMs
    for (const target of this.#targets.values()) {
      if (now - target.toldAt < targetInfoMs || now - target.seenAt > targetInfoMs) continue
      target.toldAt = now
      into.number(target.handle, wholeMs(this.#clock.now()), 1)
    }
  }

  #takeExemplars(known: Known, batch: MetricBatch, into: Incoming): void {
    const { exemplars } = batch
    if (exemplars.length === 0) return
    const bytes = batch.raw.bytes()
    for (let i = 0; i < exemplars.length; i++) {
      const series = batch[exemplarGroups[exemplars.group[i]!]!].series[exemplars.row[i]!]!
      const kept = series < 0 ? undefined : known.kept[series]
      const handle = typeof kept === 'object' ? kept.seriesOf(exemplars.value[i]!) : undefined
      if (handle === undefined) continue
      const { labels, value, time } = new KeptExemplar(exemplars, i, bytes)
      into.exemplars.push({ series: handle, labels: Labels.of(labels), value, time: wholeMs(time || this.#clock.now()) })
    }
  }

  #of(dictionary: Dictionary): Known {
    let known = this.#known.get(dictionary)
    if (known === undefined) this.#known.set(dictionary, (known = { dictionary, kept: [], generations: new Float64Array(0), usedAt: 0 }))
    known.usedAt = this.#clock.monotonic()
    if (known.generations.length < dictionary.capacity) {
      const generations = new Float64Array(Math.max(64, 2 * dictionary.capacity)).fill(Number.NaN)
      generations.set(known.generations)
      known.generations = generations
    }
    return known
  }

  /** Forgets what has not been seen for long, and gives every series that found no place another try. */
  sweep(): void {
    const oldest = this.#clock.monotonic() - idleMs
    for (const known of this.#known.values()) {
      for (let series = 0; series < known.kept.length; series++) {
        const kept = known.kept[series]
        if (kept === undefined || (typeof kept === 'object' && kept.seenAt >= oldest)) continue
        if (typeof kept === 'object') this.#series--
        known.kept[series] = undefined
      }
      if (known.usedAt < oldest) this.#known.delete(known.dictionary)
    }
    for (const [key, target] of this.#targets) if (target.seenAt < oldest) this.#targets.delete(key)
  }
}
