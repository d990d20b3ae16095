/** Answers as Prometheus's engine gives them, with all that its tests can see: what differs between two. */
import type { FloatHistogram } from '../../../src/model/float-histogram.ts'
import { annotationText } from '../../../src/promql/annotations.ts'
import { createEngine, type Engine, QueryError, type QueryResult } from '../../../src/promql/engine.ts'
import { compact } from '../../../src/promql/histogram/layout.ts'
import { everything, ParseError, parseExpr } from '../../../src/promql/parse.ts'
import { MemoryStorage } from '../../../src/promql/testing/memory.ts'
import { load, testOptions } from '../../../src/promql/testing/run.ts'
import { parseScript } from '../../../src/promql/testing/script.ts'
import { ABSENT, HISTOGRAM, timeOf } from '../../../src/promql/value.ts'

export interface Asked {
  readonly query: string
  /** epoch ms */
  readonly at?: number
  readonly start?: number
  readonly end?: number
  readonly step?: number
  /** Names go at each step. */
  readonly early?: boolean
}

export interface Told {
  readonly error?: string
  readonly type?: string
  readonly text?: string
  readonly series?: readonly ToldSeries[]
  readonly warnings?: readonly string[]
  readonly infos?: readonly string[]
}

export interface ToldSeries {
  readonly labels: Readonly<Record<string, string>>
  readonly points: readonly (readonly [time: number, value: string | ToldHistogram])[]
}

export interface ToldHistogram {
  readonly schema: number
  readonly count: string
  readonly sum: string
  readonly zeroThreshold: string
  readonly zeroCount: string
  readonly positiveSpans: readonly (readonly [offset: number, length: number])[]
  readonly positiveCounts: readonly string[]
  readonly negativeSpans: readonly (readonly [offset: number, length: number])[]
  readonly negativeCounts: readonly string[]
  readonly customBounds: readonly string[]
  readonly resetHint: string
}

/** The engine over what a script loads. */
export class Ours {
  /** What of the script could not be loaded. */
  readonly error: string | undefined
  readonly #storage = new MemoryStorage()
  readonly #late = createEngine({ ...testOptions, maxSamples: 1_000_000, now: () => 0 })
  readonly #early = createEngine({ ...testOptions, maxSamples: 1_000_000, delayedNameRemoval: false, now: () => 0 })

  constructor(script: string) {
    for (const statement of parseScript(script)) {
      this.error ??=
        statement.kind === 'load' ? load(statement, this.#storage) : statement.kind === 'unreadable' ? statement.message : 'no load'
    }
  }

  ask(asked: Asked): Promise<Told> {
    return told(asked.early === true ? this.#early : this.#late, this.#storage, asked)
  }
}

async function told(engine: Engine, storage: MemoryStorage, { query: text, at, start, end, step }: Asked): Promise<Told> {
  try {
    const expr = parseExpr(text, everything)
    return shown(
      text,
      at === undefined
        ? await engine.range(storage, { expr, text, start: start!, end: end!, step: step! })
        : await engine.instant(storage, { expr, text, time: at }),
    )
  } catch (error) {
    if (error instanceof ParseError || error instanceof QueryError) return { error: error.message }
    return { error: `BROKE: ${error instanceof Error ? error.stack : error}` }
  }
}

function shown(query: string, { value, annotations }: QueryResult): Told {
  const texts = (severity: string) => annotations.filter(one => one.severity === severity).map(one => annotationText(one, query))
  const said = { type: value.type, warnings: texts('warning'), infos: texts('info') }
  if (value.type === 'string') return { ...said, text: value.value }
  if (value.type === 'scalar') return { ...said, series: [{ labels: {}, points: [[value.time, String(value.value)]] }] }
  if (value.type === 'series') {
    const series = value.series.map(
      ({ labels, time, value: values, histograms }): ToldSeries => ({
        labels: Object.fromEntries(labels),
        points: Array.from(time, (at, i) => [at, histograms?.[i] === undefined ? String(values[i]) : histogram(histograms[i])]),
      }),
    )
    return { ...said, type: 'matrix', series }
  }
  const series = value.rows.map(({ labels, kind, value: values, histograms }): ToldSeries => {
    const points: [number, string | ToldHistogram][] = []
    for (let i = 0; i < kind.length; i++) {
      if (kind[i] === ABSENT) continue
      points.push([
        value.type === 'vector' ? value.time : timeOf(value.grid, i),
        kind[i] === HISTOGRAM ? histogram(histograms![i]!) : String(values[i]),
      ])
    }
    return { labels: Object.fromEntries(labels), points }
  })
  return { ...said, series }
}

function histogram(whole: FloatHistogram): ToldHistogram {
  const one = compact(whole)
  return {
    schema: one.schema,
    count: String(one.count),
    sum: String(one.sum),
    zeroThreshold: String(one.zeroThreshold),
    zeroCount: String(one.zeroCount),
    positiveSpans: one.positiveSpans.map(({ offset, length }) => [offset, length]),
    positiveCounts: one.positiveCounts.map(String),
    negativeSpans: one.negativeSpans.map(({ offset, length }) => [offset, length]),
    negativeCounts: one.negativeCounts.map(String),
    customBounds: one.customBounds.map(String),
    resetHint: one.resetHint,
  }
}

/** @returns undefined: nothing differs */
export function exactly(wanted: Told, got: Told): string | undefined {
  if (wanted.error !== undefined || got.error !== undefined)
    return wanted.error === got.error ? undefined : `error ${wanted.error}, got ${got.error ?? JSON.stringify(got.series).slice(0, 300)}`
  if (wanted.type !== got.type) return `a ${wanted.type}, got a ${got.type}`
  if (wanted.text !== got.text) return `text ${wanted.text}, got ${got.text}`
  return seriesDifference(wanted.series ?? [], got.series ?? []) ?? said('warnings', wanted, got) ?? said('infos', wanted, got)
}

function seriesDifference(wanted: readonly ToldSeries[], got: readonly ToldSeries[]): string | undefined {
  const key = ({ labels }: ToldSeries) => JSON.stringify(Object.entries(labels ?? {}).sort(([a], [b]) => (a < b ? -1 : 1)))
  const found = new Map(got.map(one => [key(one), one]))
  for (const one of wanted) {
    const other = found.get(key(one))
    if (other === undefined) return `series ${key(one)} ${show(one.points)}, got none`
    const different = pointsDifference(one.points, other.points)
    if (different !== undefined) return `${different} of ${key(one)}`
  }
  const known = new Set(wanted.map(key))
  for (const one of got) if (!known.has(key(one))) return `no series ${key(one)}, got ${show(one.points)}`
  return undefined
}

/** Histograms come after numbers. */
function pointsDifference(wanted: ToldSeries['points'], got: ToldSeries['points']): string | undefined {
  const byTime = (points: ToldSeries['points']) => points.toSorted(([x], [y]) => x - y)
  const [a, b] = [byTime(wanted), byTime(got)]
  for (let i = 0; i < a.length; i++)
    if (b[i] === undefined || a[i]![0] !== b[i]![0] || !same(a[i]![1], b[i]![1]))
      return `${show(a.slice(i, i + 1))}, got ${show(b.slice(i, i + 1))}`
  return a.length < b.length ? `no more points, got ${show(b.slice(a.length))}` : undefined
}

function same(a: string | ToldHistogram, b: string | ToldHistogram): boolean {
  if (typeof a === 'string' || typeof b === 'string') return typeof a === 'string' && typeof b === 'string' && near(a, b)
  const all = (x: readonly string[], y: readonly string[]) => x.length === y.length && x.every((one, i) => near(one, y[i]!))
  return (
    a.schema === b.schema &&
    a.zeroThreshold === b.zeroThreshold &&
    a.resetHint === b.resetHint &&
    String(a.positiveSpans) === String(b.positiveSpans) &&
    String(a.negativeSpans) === String(b.negativeSpans) &&
    String(a.customBounds.map(Number)) === String(b.customBounds.map(Number)) &&
    all(
      [a.count, a.sum, a.zeroCount, ...a.positiveCounts, ...a.negativeCounts],
      [b.count, b.sum, b.zeroCount, ...b.positiveCounts, ...b.negativeCounts],
    )
  )
}

/** Powers and angles differ in their last digits. */
function near(a: string, b: string): boolean {
  if (a === b) return true
  const [x, y] = [Number(a), Number(b)]
  return x === y || (Number.isNaN(x) && Number.isNaN(y)) || Math.abs(x - y) <= 1e-12 * Math.max(Math.abs(x), Math.abs(y))
}

function said(what: 'warnings' | 'infos', wanted: Told, got: Told): string | undefined {
  const [a, b] = [wanted[what] ?? [], got[what] ?? []].map(list =>
    list.map(text => text.replace(/(\.\d{12})\d+|(over )\d+( samples)/g, '$1$2$3')).toSorted(),
  )
  return String(a) === String(b) ? undefined : `${what} ${JSON.stringify(a)}, got ${JSON.stringify(b)}`
}

const show = (points: ToldSeries['points']): string => (points.length === 0 ? 'nothing' : JSON.stringify(points.slice(0, 2)))
