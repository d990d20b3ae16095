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

/**
 * CSV with a line of names: `time` and `value` (or `timestamp`), `__name__` or `metric`, and every other column is a label.
 * @param parseTime seconds or RFC 3339 → epoch ms @throws {ExpositionError} with the line
 */
export async function readCsv(text: string, filler: Filler, parseTime: (text: string) => number | undefined): Promise<void> {
  const lines = rows(text)
  const first = lines.next()
  if (first.done === true) return
  const header = first.value.cells
  const place = (...names: string[]) => header.findIndex(name => names.includes(name.trim()))
  const [time, value, metric] = [place('time', 'timestamp'), place('value'), place('__name__', 'metric')]
  if (time < 0 || value < 0 || metric < 0) throw new ExpositionError('the first line must name the columns time, value and metric', 1)
  for (const { cells, line } of lines) {
    if (cells.length === 1 && cells[0] === '') continue
    const at = parseTime(cells[time] ?? '')
    const number = numberOf(cells[value] ?? '')
    if (at === undefined) throw new ExpositionError(`not a time: ${JSON.stringify(cells[time])}`, line)
    if (number === undefined) throw new ExpositionError(`not a number: ${JSON.stringify(cells[value])}`, line)
    const labels = header.flatMap((name, i): [string, string][] =>
      i === time || i === value ? [] : [[i === metric ? '__name__' : name.trim(), cells[i] ?? '']],
    )
    const handle = filler.handle(JSON.stringify(labels), () => Labels.of(labels))
    filler.number(handle, Math.round(at), number)
    if (line % BATCH === 0) await filler.settled()
  }
}

function numberOf(text: string): number | undefined {
  const plain = text.trim()
  if (/^[+-]?Inf$/.test(plain)) return plain.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
  if (plain === 'NaN') return Number.NaN
  const value = Number(plain)
  return plain === '' || Number.isNaN(value) ? undefined : value
}

/** RFC 4180: commas, quotes doubled within quotes, line breaks within quotes. */
function* rows(text: string): Generator<{ cells: string[]; line: number }, void> {
  let cells: string[] = []
  let line = 1
  let begun = 1
  for (let at = 0; at < text.length; ) {
    let cell = ''
    if (text[at] === '"') {
      let end = text.indexOf('"', at + 1)
      while (end >= 0 && text[end + 1] === '"') end = text.indexOf('"', end + 2)
      if (end < 0) throw new ExpositionError('a quotation does not end', begun)
      cell = text.slice(at + 1, end).replaceAll('""', '"')
      line += cell.split('\n').length - 1
      at = end + 1
    } else {
      const end = /[,\r\n]/g
      end.lastIndex = at
      const to = end.exec(text)?.index ?? text.length
      cell = text.slice(at, to)
      at = to
    }
    cells.push(cell)
    if (text[at] === ',') {
      at++
      if (at === text.length) cells.push('')
      continue
    }
    if (text[at] === '\r') at++
    if (text[at] === '\n') at++
    yield { cells, line: begun }
    cells = []
    begun = ++line
  }
}
