/** From parameters to what is asked of spans and log records. */
import type { LogQuery, RecordQuery, SpanQuery } from '../../model/records.ts'
import { onlyThese } from '../answering.ts'
import { invalidParameter } from '../prometheus/answer.ts'
import type { Form } from '../prometheus/form.ts'
import { limitParameter, optionalDuration, optionalTime } from '../prometheus/times.ts'

/** [ms] what is looked through where nothing says since when */
const defaultSpanMs = 3_600_000
/** what is answered with, by default and at most: traces, log records */
const limits = { traces: { default: 20, most: 200 }, logs: { default: 100, most: 5000 } } as const
/** [spans] looked at for each trace that is wanted */
const spansOfTrace = 50
/** [spans] of all traces of one answer */
export const mostTraceSpans = 100_000

const ofRecords = ['start', 'end', 'service', 'name', 'attribute', 'limit'] as const
/** What may be asked; `trace` is one trace, by its id. */
const parameters = {
  trace: [],
  traces: [...ofRecords, 'status', 'min_duration'],
  logs: [...ofRecords, 'trace_id', 'severity', 'text'],
} as const

/** @throws {ApiError} where anything else is asked */
export const onlyKnown = (form: Form, of: keyof typeof parameters): void => onlyThese(form, parameters[of])

export function searchLimit(form: Form, of: keyof typeof limits): number {
  const limit = limitParameter(form)
  const { default: otherwise, most } = limits[of]
  if (limit > most) throw invalidParameter('limit', `must be at most ${most}, got ${limit}`)
  return limit || otherwise
}

export function spanQuery(form: Form, now: number): SpanQuery {
  const minDuration = optionalDuration(form, 'min_duration')
  const status = form.get('status')
  return {
    ...recordQuery(form, now),
    limit: spansOfTrace * searchLimit(form, 'traces'),
    ...(minDuration === undefined ? {} : { minDuration }),
    ...(status === '' ? {} : { status: statusOf(status) }),
  }
}

const statuses: readonly string[] = ['unset', 'ok', 'error']
function statusOf(text: string): number {
  const status = statuses.indexOf(text.toLowerCase())
  if (status < 0) throw invalidParameter('status', `must be unset, ok or error, got ${JSON.stringify(text.slice(0, 100))}`)
  return status
}

export function logQuery(form: Form, now: number): LogQuery {
  const severity = form.get('severity')
  const text = form.get('text')
  return {
    ...recordQuery(form, now),
    ...(form.get('trace_id') === '' ? {} : { traceIds: [traceIdOf(form.get('trace_id'))] }),
    ...(severity === '' ? {} : { minSeverity: severityOf(severity) }),
    ...(text === '' ? {} : { text }),
    limit: searchLimit(form, 'logs'),
  }
}

/** The lowest SeverityNumber of each. */
const severities: Readonly<Record<string, number>> = { trace: 1, debug: 5, info: 9, warn: 13, error: 17, fatal: 21 }
function severityOf(text: string): number {
  const named = severities[text.toLowerCase()]
  if (named !== undefined) return named
  if (!/^([1-9]|1\d|2[0-4])$/.test(text))
    throw invalidParameter(
      'severity',
      `must be trace, debug, info, warn, error, fatal or 1 to 24, got ${JSON.stringify(text.slice(0, 100))}`,
    )
  return Number(text)
}

/** 16 bytes as 32 hexadecimal digits; shorter ones are filled with zeros, as Jaeger shows those of 8 bytes. */
export function traceIdOf(text: string): Uint8Array {
  if (!/^[0-9a-f]{1,32}$/i.test(text) || /^0+$/.test(text)) {
    throw invalidParameter('trace_id', `must be up to 32 hexadecimal digits, not all of them 0, got ${JSON.stringify(text.slice(0, 100))}`)
  }
  return Buffer.from(text.padStart(32, '0'), 'hex')
}

function recordQuery(form: Form, now: number): Omit<RecordQuery, 'limit'> {
  const to = optionalTime(form, 'end', now + 1)
  const from = optionalTime(form, 'start', to - defaultSpanMs)
  if (to < from) throw invalidParameter('end', 'end timestamp must not be before start time')
  const service = form.get('service')
  const name = form.get('name')
  const attributes = form.all('attribute').map(pairOf)
  return {
    ...{ from, to, attributes },
    ...(service === '' ? {} : { service }),
    ...(name === '' ? {} : { name }),
  }
}

function pairOf(text: string): readonly [key: string, value: string] {
  const at = text.indexOf('=')
  if (at <= 0) throw invalidParameter('attribute', `must be KEY=VALUE, got ${JSON.stringify(text.slice(0, 100))}`)
  return [text.slice(0, at), text.slice(at + 1)]
}
