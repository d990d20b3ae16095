/** Samples of other days, put into a store: whatever their order and age. */
import { ExpositionError, readSeries, type Sample, type SampleType, type Visitor } from '../exposition/read.ts'
import { Labels } from '../model/labels.ts'
import type { Metadata } from '../model/query.ts'
import type { SampleColumns } from '../store/chunk.ts'
import { appendOne, outcomes } from '../store/head.ts'
import { Incoming, type IncomingExemplar, SeriesHandle } from '../store/incoming.ts'
import type { TimeSeriesStore } from '../store/store.ts'

/** [samples] handed over at once; a histogram counts as many as it is large */
const BATCH = 20_000

export class Filler {
  readonly #store: TimeSeriesStore
  readonly #handles = new Map<string, SeriesHandle>()
  #incoming = new Incoming(BATCH)
  /** what has been handed over and not been taken yet */
  #under: Promise<void> = Promise.resolve()
  /** [samples] of what waits */
  #weight = 0
  /** [series] that were told by nobody but who made them */
  #passing = 0
  samples = 0
  refused = 0
  /** [chunks] of an encoding that is not known here */
  leftOut = 0

  constructor(store: TimeSeriesStore) {
    this.#store = store
  }

  get series(): number {
    return this.#handles.size + this.#passing
  }

  /** A series that comes once: it is not kept. */
  passing(labels: Labels): SeriesHandle {
    this.#passing++
    return new SeriesHandle(labels)
  }

  handle(key: string, labels: () => Labels): SeriesHandle {
    let handle = this.#handles.get(key)
    if (handle === undefined) this.#handles.set(key, (handle = new SeriesHandle(labels())))
    return handle
  }

  number(series: SeriesHandle, time: number, value: number): void {
    this.#incoming.number(series, time, value)
    this.#weigh(1)
  }
  /** All samples of some columns, which are used again by whoever has them. */
  columns(series: SeriesHandle, columns: SampleColumns): void {
    for (let i = 0; i < columns.length; i++) {
      appendOne(columns, i, this.#incoming.samples)
      this.#incoming.series.push(series)
      const histogram = columns.histograms?.[i]
      this.#weigh(histogram === undefined ? 1 : 10 + histogram.positiveCounts.length + histogram.negativeCounts.length)
    }
  }
  #weigh(weight: number): void {
    this.#weight += weight
    if (this.#weight >= BATCH) this.#hand()
  }
  exemplar(series: SeriesHandle, exemplar: Omit<IncomingExemplar, 'series'>): void {
    this.#incoming.exemplars.push({ series, ...exemplar })
    this.#weigh(1)
  }
  metadata(family: string, metadata: Metadata): void {
    this.#incoming.metadata.push({ family, metadata })
  }

  #hand(): void {
    const incoming = this.#incoming
    this.#incoming = new Incoming(BATCH)
    this.#weight = 0
    this.#under = this.#under.then(async () => {
      const { outcomes: results } = await this.#store.append(incoming)
      for (const result of results) {
        if (outcomes[result] === 'appended' || outcomes[result] === 'duplicate') this.samples++
        else this.refused++
      }
      await this.#store.flush()
    })
  }

  /** Resolves when what was handed over so far is in the store. @throws {RetryableError} */
  settled(): Promise<void> {
    return this.#under
  }
  async end(): Promise<void> {
    this.#hand()
    await this.#under
  }

  /** Of a page of OpenMetrics whose samples have times. */
  visitor(): Visitor {
    const families = new Map<string, { type: SampleType; help: string; unit: string }>()
    const tell = (name: string, more: Partial<Metadata>) => {
      const said = { type: 'unknown' as SampleType, help: '', unit: '', ...families.get(name), ...more }
      families.set(name, said)
      this.metadata(name, said)
    }
    return {
      type: (name, type) => tell(name, { type }),
      help: (name, help) => tell(name, { help }),
      unit: (name, unit) => tell(name, { unit }),
      sample: (sample: Sample) => {
        if (Number.isNaN(sample.time)) throw new ExpositionError('the sample has no time', sample.line)
        const series = this.handle(sample.key, () => {
          const { name, labels } = readSeries(sample.key, true)
          return Labels.of([['__name__', name], ...labels])
        })
        this.number(series, Math.round(sample.time), sample.value)
        if (sample.exemplar !== undefined) {
          const { labels, value, time } = sample.exemplar
          this.exemplar(series, { labels: Labels.of(labels), value, time: Math.round(Number.isNaN(time) ? sample.time : time) })
        }
      },
    }
  }
}
