/** `/api/v1/query` and `/api/v1/query_range`. */
import { annotationText } from '../../promql/annotations.ts'
import type { Engine, QueryResult, StatsDetail } from '../../promql/engine.ts'
import { engineFeatures, perStepStats } from '../../promql/features.ts'
import { ABSENT, type QueryValue, timeOf } from '../../promql/value.ts'
import { type Answer, badData, invalidParameter } from './answer.ts'
import { type Asking, queryOf, storeOf } from './asking.ts'
import { durationParameter, limitParameter, optionalDuration, optionalTime, parseDuration, timeParameter } from './times.ts'
import { valueJson } from './write-value.ts'

/** As many steps as a query may have, so that nobody asks for a week by the second by mistake. */
const maxSteps = 11_000

export async function instantQuery(asking: Asking): Promise<Answer> {
  const { form, clock, signal } = asking
  const limit = limitParameter(form)
  const time = optionalTime(form, 'time', clock.now())
  const engine = engineOf(asking)
  const query = queryOf(asking)
  const result = await engine.instant(storeOf(asking), { ...query, time, signal, ...statsOf(asking) })
  return answerOf(asking, query.text, result, limit)
}

export async function rangeQuery(asking: Asking): Promise<Answer> {
  const { form, signal } = asking
  const limit = limitParameter(form)
  const start = timeParameter(form, 'start')
  const end = timeParameter(form, 'end')
  if (end < start) throw invalidParameter('end', 'end timestamp must not be before start time')
  const step = Math.floor(durationParameter(form, 'step'))
  if (step <= 0) {
    throw invalidParameter('step', 'zero or negative query resolution step widths are not accepted. Try a positive integer')
  }
  if ((end - start) / step > maxSteps) {
    throw badData('exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)')
  }
  const engine = engineOf(asking)
  const query = queryOf(asking)
  const result = await engine.range(storeOf(asking), { ...query, start, end, step, signal, ...statsOf(asking) })
  return answerOf(asking, query.text, result, limit)
}

/** Steps are told apart only where that was turned on. */
function statsOf({ form, settings }: Asking): { readonly stats?: StatsDetail } {
  const wanted = form.get('stats')
  if (wanted === '') return {}
  return { stats: wanted === 'all' && settings().features.includes(perStepStats) ? 'steps' : 'sums' }
}

/** With what this request asks for instead of what is configured; a timeout only shortens. */
function engineOf({ form, settings, engine }: Asking): Engine {
  const { lookbackMs, timeoutMs, maxSamples, features } = settings()
  return engine({
    lookback: lookbackOf(form) ?? lookbackMs,
    timeout: Math.min(optionalDuration(form, 'timeout') ?? timeoutMs, timeoutMs),
    maxSamples,
    ...engineFeatures(features),
  })
}

function lookbackOf(form: Asking['form']): number | undefined {
  const text = form.get('lookback_delta')
  if (text === '') return undefined
  try {
    const lookback = parseDuration(text)
    return lookback > 0 ? lookback : undefined
  } catch (error) {
    throw badData(`error parsing lookback delta duration: ${(error as Error).message}`)
  }
}

function answerOf({ form }: Asking, text: string, { value, annotations, stats }: QueryResult, limit: number): Answer {
  const shown = annotations.map(annotation => [annotation.severity, annotationText(annotation, text)] as const)
  const warnings = shown.filter(([severity]) => severity === 'warning').map(([, message]) => message)
  const infos = shown.filter(([severity]) => severity === 'info').map(([, message]) => message)
  const kept = limit === 0 ? value : truncated(value, limit)
  if (kept !== value) warnings.push('results truncated due to limit')
  const wanted = form.get('stats')
  if (wanted !== '' && wanted !== 'true' && wanted !== 'all') {
    const name = JSON.stringify(wanted.slice(0, 100))
    warnings.push(`value ${name} for parameter "stats" is deprecated and will be rejected in the next major release, use "true" or "all"`)
  }
  return { data: undefined, pieces: pieces(kept, wanted === '' ? '' : `,"stats":${statsJson(stats)}`), warnings, infos }
}

function* pieces(value: QueryValue, more: string): Generator<Uint8Array | string, void> {
  yield '{'
  yield* valueJson(value)
  yield `${more}}`
}

/** The same value where it has no more rows than that. */
function truncated(value: QueryValue, limit: number): QueryValue {
  switch (value.type) {
    case 'vector':
    case 'matrix': {
      const rows = value.rows.filter(({ kind }) => kind.some(here => here !== ABSENT))
      return rows.length > limit ? { ...value, rows: rows.slice(0, limit) } : value
    }
    case 'series':
      return value.series.length > limit ? { ...value, series: value.series.slice(0, limit) } : value
    default:
      return value
  }
}

/** [s] Times that this engine does not tell apart are in the sum. */
function statsJson({ samples, samplesRead, steps, peakSamples, tier, elapsed }: QueryResult['stats']): string {
  const seconds = elapsed / 1000
  const timings = {
    evalTotalTime: seconds,
    resultSortTime: 0,
    queryPreparationTime: 0,
    innerEvalTime: seconds,
    execQueueTime: 0,
    execTotalTime: seconds,
  }
  const perStep = (name: string, counts: Float64Array | undefined) =>
    steps === undefined ? '' : `"${name}":[${Array.from(counts!, (count, i) => `[${timeOf(steps.grid, i) / 1000},${count}]`).join()}],`
  const seen = `${perStep('totalQueryableSamplesPerStep', steps?.samples)}"totalQueryableSamples":${samples}`
  const read = `${perStep('samplesReadPerStep', steps?.samplesRead)}"samplesRead":${samplesRead}`
  // Ours, and only where there is one.
  const coarsest = tier === 0 ? '' : `,"coarsestTier":${tier / 1000}`
  return `{"timings":${JSON.stringify(timings)},"samples":{${seen},${read},"peakSamples":${peakSamples}${coarsest}}}`
}
