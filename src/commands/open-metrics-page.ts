/**
 * Samples of any times as a page of OpenMetrics 1.0: families in one piece, with what is known of them; the samples of one metric by time. Those of a
 * histogram or summary come point by point, as the format has it. An exemplar stands at the sample that it came with: the first of its series from its time on.
 */
import { escapeValue, showLabels, showName } from '../exposition/labels.ts'
import { hasUnit } from '../exposition/naming.ts'
import { showFloat } from '../exposition/number.ts'
import { sampleSuffixes } from '../exposition/open-rules.ts'
import { fitExemplar } from '../exposition/openmetrics.ts'
import { showMetricName } from '../exposition/text.ts'
import type { Labels } from '../model/labels.ts'
import type { Metadata } from '../model/query.ts'
import { SampleColumns } from '../store/chunk.ts'
import type { LineExemplar } from '../store/json-lines.ts'
import type { Walked } from '../store/walk.ts'

export interface ExportedFamily {
  readonly name: string
  /** undefined: nothing is known of it */
  readonly metadata: Metadata | undefined
  /** of the metrics in it, in the order of their samples */
  readonly names: readonly string[]
}

/** What the format has no text for. */
export interface LeftOut {
  readonly histograms: number
  readonly stale: number
  readonly exemplars: number
}

const suffixes: Readonly<Record<string, readonly string[]>> = sampleSuffixes
/** By type: the label that tells samples of one point apart. */
const parts: Readonly<Record<string, string>> = { histogram: 'le', gaugehistogram: 'le', summary: 'quantile' }
const allSuffixes = [...new Set(Object.values(suffixes).flat())]

export const compareNames = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** A metric whose name does not go with the type that is known of its family is one of its own, of which nothing is known. */
export function familiesOf(names: readonly string[], metadata: ReadonlyMap<string, readonly Metadata[]>): ExportedFamily[] {
  const known = new Map<string, Metadata>()
  for (const [family, [said]] of metadata) {
    // In text a counter's family is called as its samples are.
    if (said !== undefined) known.set(said.type === 'counter' ? family.replace(/_total$/, '') : family, said)
  }
  const families = new Map<string, { metadata: Metadata | undefined; names: string[] }>()
  for (const name of names) {
    const [family, said] = familyOf(name, known)
    const there = families.get(family)
    if (there === undefined) families.set(family, { metadata: said, names: [name] })
    else there.names.push(name)
  }
  return [...families].map(([name, family]) => ({ name, ...family })).sort((a, b) => compareNames(a.name, b.name))
}

function familyOf(name: string, known: ReadonlyMap<string, Metadata>): readonly [family: string, metadata: Metadata | undefined] {
  for (const suffix of allSuffixes) {
    if (!name.endsWith(suffix)) continue
    const family = name.slice(0, name.length - suffix.length)
    const metadata = known.get(family)
    if (metadata !== undefined && suffixes[metadata.type]?.includes(suffix)) return [family, metadata]
  }
  return [name, undefined]
}

/** [characters] printed at once, about */
const PIECE = 64 * 1024

export class OpenMetricsPage {
  readonly #print: (text: string) => void
  readonly #exemplars: ReadonlyMap<string, readonly LineExemplar[]>
  readonly #columns: SampleColumns[] = []
  #lines: string[] = []
  #length = 0
  #histograms = 0
  #stale = 0
  #placed = 0

  /** @param exemplars by the key of their series, by time */
  constructor(print: (text: string) => void, exemplars: ReadonlyMap<string, readonly LineExemplar[]>) {
    this.#print = print
    this.#exemplars = exemplars
  }

  /** Of one metric, whose samples come together. */
  groupOf({ metadata }: ExportedFamily, labels: Labels): string {
    const part = parts[metadata?.type ?? '']
    return part === undefined ? labels.key : showLabels([...labels].filter(([name]) => name !== '__name__' && name !== part))
  }

  begin({ name, metadata }: ExportedFamily): void {
    if (metadata === undefined) return
    const shown = showMetricName(name)
    this.#say(`# TYPE ${shown} ${metadata.type}`)
    if (hasUnit(name, metadata.unit)) this.#say(`# UNIT ${shown} ${metadata.unit}`)
    if (metadata.help !== '') this.#say(`# HELP ${shown} ${escapeValue(metadata.help)}`)
  }

  /** Series of one metric: a histogram has several. */
  group(family: ExportedFamily, group: readonly Walked[]): void {
    const series = group.map(({ labels, read }, i) => {
      const columns = (this.#columns[i] ??= new SampleColumns())
      read(columns)
      return new SeriesLines(labels, columns, family, this.#exemplars.get(labels.key) ?? [])
    })
    if (series.length > 1) series.sort((a, b) => a.rank - b.rank || a.bound - b.bound)
    for (;;) {
      const time = Math.min(...series.map(one => one.time))
      if (time === Number.POSITIVE_INFINITY) break
      for (const one of series) if (one.time === time) this.#one(one)
    }
    for (const { placed } of series) this.#placed += placed
  }

  #one(series: SeriesLines): void {
    const line = series.next()
    if (line === 'histogram') this.#histograms++
    else if (line === 'stale') this.#stale++
    else this.#say(line)
  }

  #say(line: string): void {
    this.#lines.push(line)
    this.#length += line.length
    if (this.#length >= PIECE) this.#flush()
  }
  #flush(): void {
    if (this.#lines.length > 0) this.#print(this.#lines.join('\n'))
    this.#lines = []
    this.#length = 0
  }

  end(): LeftOut {
    this.#say('# EOF')
    this.#flush()
    let exemplars = -this.#placed
    for (const { length } of this.#exemplars.values()) exemplars += length
    return { histograms: this.#histograms, stale: this.#stale, exemplars }
  }
}

/** The samples of one series, one after the other. */
class SeriesLines {
  /** where its samples stand among others of their point */
  readonly rank: number
  readonly bound: number
  readonly #shown: string
  readonly #columns: SampleColumns
  readonly #exemplars: readonly LineExemplar[]
  #at = 0
  #exemplar = 0
  /** [exemplars] that stand at a sample */
  placed = 0

  constructor(labels: Labels, columns: SampleColumns, { name, metadata }: ExportedFamily, exemplars: readonly LineExemplar[]) {
    const type = metadata?.type ?? ''
    const suffix = labels.name.slice(name.length)
    this.rank = suffixes[type]?.indexOf(suffix) ?? 0
    this.bound = Number((labels.get(parts[type] ?? '') || '0').replace('Inf', 'Infinity'))
    this.#shown = showSeries(labels)
    this.#columns = columns
    // Of other samples the format takes none.
    this.#exemplars = (type === 'counter' && suffix === '_total') || suffix === '_bucket' ? exemplars : []
  }

  /** epoch ms of the next sample; Infinity: there is none */
  get time(): number {
    return this.#at < this.#columns.length ? this.#columns.time[this.#at]! : Number.POSITIVE_INFINITY
  }

  next(): string {
    const { time, value, histograms } = this.#columns
    const i = this.#at++
    if (histograms?.[i] !== undefined) return 'histogram'
    if (Number.isNaN(value[i]!) && this.#columns.isStale(i)) return 'stale'
    return `${this.#shown} ${showFloat(value[i]!)} ${time[i]! / 1000}${this.#exemplarAt(time[i]!)}`
  }

  /** Of several the last: a sample has one. */
  #exemplarAt(time: number): string {
    let found: LineExemplar | undefined
    while (this.#exemplar < this.#exemplars.length && this.#exemplars[this.#exemplar]!.time <= time)
      found = this.#exemplars[this.#exemplar++]
    if (found === undefined) return ''
    this.placed++
    const labels = fitExemplar([...found.labels]).map(([name, label]) => `${showName(name)}="${escapeValue(label)}"`)
    return ` # {${labels.join(',')}} ${showFloat(found.value)} ${found.time / 1000}`
  }
}

function showSeries(labels: Labels): string {
  const name = showMetricName(labels.name)
  const rest = showLabels([...labels].filter(([label]) => label !== '__name__'))
  if (name.startsWith('"')) return `{${name}${rest === '' ? '' : `,${rest}`}}`
  return rest === '' ? name : `${name}{${rest}}`
}
