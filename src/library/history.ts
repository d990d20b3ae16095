/** Questions in PromQL about what the exporter `store` keeps, asked by the program around it. */
import type { Asked } from '../app.ts'
import type { Clock } from '../lib/clock.ts'
import type { FloatHistogram } from '../model/float-histogram.ts'
import { type Annotation, annotationText } from '../promql/annotations.ts'
import { QueryError, type QueryResult } from '../promql/engine.ts'
import { engineFeatures, parseOptions } from '../promql/features.ts'
import { parseExpr } from '../promql/parse.ts'
import { ABSENT, HISTOGRAM, type QueryValue, type Row, timeOf } from '../promql/value.ts'

export interface Answer<S> {
  readonly series: readonly S[]
  /** the result is likely wrong, in Prometheus's words with line and column */
  readonly warnings: readonly string[]
  /** it may surprise */
  readonly infos: readonly string[]
}

export interface ValueNow {
  readonly labels: Readonly<Record<string, string>>
  /** Unix epoch milliseconds: when it was asked for */
  readonly timeMs: number
  /** NaN where it is a histogram */
  readonly value: number
  readonly histogram: FloatHistogram | undefined
}

/** Columns of one series. */
export interface ValuesOverTime {
  readonly labels: Readonly<Record<string, string>>
  /** Unix epoch milliseconds; steps without a value are left out */
  readonly timesMs: Float64Array
  /** NaN where there is a histogram */
  readonly values: Float64Array
  readonly histograms: readonly (FloatHistogram | undefined)[] | undefined
}

export interface QueryOptions {
  /** Unix epoch milliseconds; by default now */
  readonly timeMs?: number
  readonly signal?: AbortSignal
}

export interface HistoryOptions {
  /** Unix epoch milliseconds; by default an hour before `toMs` */
  readonly fromMs?: number
  /** by default now */
  readonly toMs?: number
  /** [ms] by default a 240th of the time between the two */
  readonly stepMs?: number
  readonly signal?: AbortSignal
}

const hour = 3_600_000
/** as many points as a screen shows without crowding */
const points = 240

export interface Questions {
  /**
   * What a PromQL expression gives at one time, over what the exporter `store` keeps.
   * @throws {ParseError} {QueryError} in Prometheus's words; also where nothing is kept
   */
  query(promql: string, options?: QueryOptions): Promise<Answer<ValueNow>>
  /** The same at every step between two times. @throws likewise */
  history(promql: string, options?: HistoryOptions): Promise<Answer<ValuesOverTime>>
}

export function questions({ store, engine, settings }: Asked, clock: Clock): Questions {
  const ready = (text: string) => {
    const { lookbackMs: lookback, timeoutMs: timeout, maxSamples, features } = settings()
    const found = store()
    if (found === undefined) throw new QueryError('execution', 'no series are kept: list the exporter "store" in a metrics pipeline')
    const expr = parseExpr(text, parseOptions(features))
    return { store: found, engine: engine({ lookback, timeout, maxSamples, ...engineFeatures(features) }), expr, text }
  }
  return {
    async query(promql, { timeMs: time = clock.now(), signal } = {}) {
      const { store, engine, ...asked } = ready(promql)
      const result = await engine.instant(store, { ...asked, time, ...(signal && { signal }) })
      return answer(result, promql, valuesNow(result.value))
    },
    async history(promql, { toMs: end = clock.now(), fromMs: start = end - hour, stepMs, signal } = {}) {
      const step = stepMs ?? Math.max(1, Math.floor((end - start) / points))
      if (!(start <= end && step > 0)) throw new QueryError('bad_data', `history from ${start} to ${end} every ${step} ms is empty`)
      const { store, engine, ...asked } = ready(promql)
      const result = await engine.range(store, { ...asked, start, end, step, ...(signal && { signal }) })
      return answer(result, promql, valuesOverTime(result.value))
    },
  }
}

function answer<S>({ annotations }: QueryResult, text: string, series: readonly S[]): Answer<S> {
  const of = (severity: Annotation['severity']) =>
    annotations.filter(annotation => annotation.severity === severity).map(annotation => annotationText(annotation, text))
  return { series, warnings: of('warning'), infos: of('info') }
}

function valuesNow(value: QueryValue): ValueNow[] {
  switch (value.type) {
    case 'scalar':
      return [{ labels: {}, timeMs: value.time, value: value.value, histogram: undefined }]
    case 'vector':
      return value.rows
        .filter(({ kind }) => kind[0] !== ABSENT)
        .map(({ labels, kind, value: [first = Number.NaN], histograms }) => ({
          labels: labels.toJSON(),
          timeMs: value.time,
          value: kind[0] === HISTOGRAM ? Number.NaN : first,
          histogram: histograms?.[0],
        }))
    default:
      throw new QueryError(
        'bad_data',
        `a question about one time gives numbers, got a ${value.type === 'series' ? 'range vector' : value.type}`,
      )
  }
}

function valuesOverTime(value: QueryValue): ValuesOverTime[] {
  if (value.type !== 'matrix') throw new QueryError('bad_data', `history gives series, got a ${value.type}`)
  return value.rows.map(row => columns(row, step => timeOf(value.grid, step)))
}

function columns({ labels, kind, value, histograms }: Row, timeAt: (step: number) => number): ValuesOverTime {
  const there = [...kind.keys()].filter(step => kind[step] !== ABSENT)
  return {
    labels: labels.toJSON(),
    timesMs: Float64Array.from(there, timeAt),
    values: Float64Array.from(there, step => (kind[step] === HISTOGRAM ? Number.NaN : value[step]!)),
    histograms: histograms === undefined ? undefined : there.map(step => histograms[step]),
  }
}
