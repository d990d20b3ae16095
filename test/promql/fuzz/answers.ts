/** Answers to a query, ours and those of Prometheus's API, in one shape, and what differs between two. */
import type { FloatHistogram } from '../../../src/model/float-histogram.ts'
import { Labels } from '../../../src/model/labels.ts'
import type { Queryable } from '../../../src/model/query.ts'
import { annotationText } from '../../../src/promql/annotations.ts'
import { type Engine, QueryError, type QueryResult } from '../../../src/promql/engine.ts'
import { type ApiHistogram, apiHistogram } from '../../../src/promql/histogram/text.ts'
import { everything, ParseError, parseExpr } from '../../../src/promql/parse.ts'
import { ABSENT, HISTOGRAM, timeOf } from '../../../src/promql/value.ts'

export interface Question {
  readonly query: string
  /** epoch ms; an instant query has one time */
  readonly at: number | { readonly start: number; readonly end: number; readonly step: number }
}

export type Answer = Failed | Answered

interface Failed {
  readonly error: string
}

interface Answered {
  readonly type: string
  /** [by labels] */
  readonly series: ReadonlyMap<string, readonly Point[]>
  readonly warnings: readonly string[]
  readonly infos: readonly string[]
}

export interface Point {
  /** epoch ms */
  readonly time: number
  readonly value: number | ApiHistogram
}

export async function ours(engine: Engine, storage: Queryable, { query: text, at }: Question): Promise<Answer> {
  try {
    const expr = parseExpr(text, everything)
    const result = typeof at === 'number' ? engine.instant(storage, { expr, text, time: at }) : engine.range(storage, { expr, text, ...at })
    return answered(text, await result)
  } catch (error) {
    if (error instanceof ParseError || (error instanceof QueryError && error.type === 'bad_data'))
      return { error: `invalid parameter "query": ${error.message}` }
    if (error instanceof QueryError) return { error: error.message }
    // A bug of ours is no failure that a query may have.
    throw new Error(`${text}: ${error}`, { cause: error })
  }
}

function answered(query: string, { value, annotations }: QueryResult): Answered {
  const texts = (severity: string) => annotations.filter(one => one.severity === severity).map(one => annotationText(one, query))
  const series = new Map<string, readonly Point[]>()
  const told = { series, warnings: texts('warning'), infos: texts('info') }
  if (value.type === 'scalar') series.set('', [{ time: value.time, value: value.value }])
  else if (value.type === 'vector' || value.type === 'matrix')
    for (const { labels, kind, value: values, histograms } of value.rows) {
      const points: Point[] = []
      for (let step = 0; step < kind.length; step++) {
        const time = value.type === 'vector' ? value.time : timeOf(value.grid, step)
        if (kind[step] !== ABSENT) points.push({ time, value: kind[step] === HISTOGRAM ? shown(histograms?.[step]) : values[step]! })
      }
      if (series.has(labels.key)) throw new Error(`twice ${JSON.stringify(labels)}`)
      series.set(labels.key, points)
    }
  return { type: value.type, ...told }
}

const shown = (histogram: FloatHistogram | undefined): ApiHistogram => apiHistogram(histogram!)

interface Api {
  readonly status: string
  readonly error: string
  readonly data: { readonly resultType: string; readonly result: readonly ApiSeries[] | readonly [number, string] }
  readonly warnings?: readonly string[]
  readonly infos?: readonly string[]
}

interface ApiSeries {
  readonly metric: Readonly<Record<string, string>>
  readonly value?: readonly [number, string]
  readonly values?: readonly (readonly [number, string])[]
  readonly histogram?: readonly [number, ApiHistogram]
  readonly histograms?: readonly (readonly [number, ApiHistogram])[]
}

/** @param url of the server */
export async function theirs(url: string, { query, at }: Question): Promise<Answer> {
  const range = typeof at === 'number' ? { time: at / 1000 } : { start: at.start / 1000, end: at.end / 1000, step: at.step / 1000 }
  const body = new URLSearchParams({ query, ...Object.fromEntries(Object.entries(range).map(([name, value]) => [name, String(value)])) })
  const response = await fetch(`${url}/api/v1/query${typeof at === 'number' ? '' : '_range'}`, { method: 'POST', body })
  const { status, error, data, warnings = [], infos = [] } = (await response.json()) as Api
  if (status !== 'success') return { error }
  const series = new Map<string, readonly Point[]>()
  if (data.resultType === 'scalar') series.set('', [point(data.result as readonly [number, string])])
  else
    for (const one of data.result as readonly ApiSeries[]) {
      const points = [
        ...(one.values ?? (one.value === undefined ? [] : [one.value])).map(point),
        ...(one.histograms ?? (one.histogram === undefined ? [] : [one.histogram])).map(([time, value]) => ({
          time: Math.round(time * 1000),
          value,
        })),
      ]
      series.set(
        Labels.from(one.metric).key,
        points.toSorted((a, b) => a.time - b.time),
      )
    }
  return { type: data.resultType, series, warnings, infos }
}

const point = ([time, text]: readonly [number, string]): Point => ({ time: Math.round(time * 1000), value: numberOf(text) })
const numberOf = (text: string): number => Number(text.replace('Inf', 'Infinity'))

/** @returns undefined where nothing differs */
export function difference({ query }: Question, wanted: Answer, got: Answer): string | undefined {
  if ('error' in wanted)
    return 'error' in got ? errorDifference(wanted.error, got.error) : `failed (${wanted.error}), got ${got.series.size} series`
  if ('error' in got) return `${wanted.series.size} series, got ${got.error}`
  if (wanted.type !== got.type) return `a ${wanted.type}, got a ${got.type}`
  for (const [key, points] of wanted.series) {
    const found = got.series.get(key)
    if (found === undefined) return `${key}: ${show(points)}, got nothing`
    const different = pointsDifference(points, found)
    if (different !== undefined) return `${key}: ${different}`
  }
  for (const [key, points] of got.series) if (!wanted.series.has(key)) return `${key}: nothing, got ${show(points)}`
  return textsDifference('warnings', wanted.warnings, got.warnings, query) ?? textsDifference('infos', wanted.infos, got.infos, query)
}

/** Of several things that are wrong each may find another first, but for what is wrong with the question itself. */
function errorDifference(wanted: string, got: string): string | undefined {
  return kindOf(wanted) === kindOf(got) ? undefined : `failed (${wanted}), got (${got})`
}

const kindOf = (error: string): string => (error.startsWith('invalid parameter') ? error : 'execution')

function pointsDifference(wanted: readonly Point[], got: readonly Point[]): string | undefined {
  const at = wanted.findIndex((point, i) => got[i]?.time !== point.time || !same(point.value, got[i]!.value))
  if (at < 0)
    return wanted.length === got.length ? undefined : `${wanted.length} points, got ${got.length}: ${show(got.slice(wanted.length))}`
  return `${show([wanted[at]!])}, got ${got[at] === undefined ? 'no more' : show([got[at]!])}`
}

function same(a: Point['value'], b: Point['value']): boolean {
  if (typeof a === 'number' || typeof b === 'number') return typeof a === 'number' && typeof b === 'number' && near(a, b)
  const [x, y] = [a.buckets ?? [], b.buckets ?? []]
  return (
    near(numberOf(a.count), numberOf(b.count)) &&
    near(numberOf(a.sum), numberOf(b.sum)) &&
    x.length === y.length &&
    x.every(
      ([edges, ...numbers], i) => edges === y[i]![0] && numbers.every((text, j) => near(numberOf(text), numberOf(y[i]![j + 1] as string))),
    )
  )
}

/** Sums are made in another order. */
const near = (a: number, b: number): boolean =>
  a === b || (Number.isNaN(a) && Number.isNaN(b)) || Math.abs(a - b) <= 1e-9 * Math.max(Math.abs(a), Math.abs(b)) + 1e-12

/** The API tells ten of each, and then how many more. A text that is true of several places is told of the one that was looked at last, which is anybody's choice. */
function textsDifference(what: string, wanted: readonly string[], got: readonly string[], query: string): string | undefined {
  if (wanted.length >= 10) return undefined
  const words = query.match(/[a-z_]{3,}/g) ?? []
  const placed = words.length === new Set(words).size
  // Powers differ in the last digit. Prometheus counts what it adds up at each step again.
  const shown = (text: string) =>
    (placed ? text : text.replace(/ \(\d+:\d+\)$/, '')).replace(/(\.\d{12})\d+|(over )\d+( samples)/g, '$1$2$3')
  const a = wanted.map(shown).sort()
  const b = lastOnly(a, got.map(shown)).toSorted()
  return a.length === b.length && a.every((text, i) => text === b[i]) ? undefined : `${what} ${JSON.stringify(a)}, got ${JSON.stringify(b)}`
}

/** Of several pairs of a step that cannot be combined Prometheus tells the last it met. */
function lastOnly(wanted: readonly string[], got: readonly string[]): readonly string[] {
  const pairs = (text: string) => text.includes('incompatible sample types')
  return wanted.some(pairs) ? got.filter(text => !pairs(text) || wanted.includes(text)) : got
}

const show = (points: readonly Point[]): string =>
  points
    .slice(0, 3)
    .map(({ time, value }) => `${typeof value === 'number' ? value : JSON.stringify(value)} @ ${time}`)
    .join(', ')
