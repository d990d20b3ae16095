/** Times, durations and limits as Prometheus's API takes them. */
import { parseGoFloat } from '../../lib/go-text.ts'
import { badData, invalidParameter } from './answer.ts'
import type { Form } from './form.ts'

/** [epoch ms] what stands for the beginning and the end of time where none is given; a double holds every millisecond between them */
export const minTime = -(2 ** 53) + 2
export const maxTime = 2 ** 53 - 2

/** Prometheus's own words for its first and its last time, which nobody else can read. */
const boundaries: Readonly<Record<string, number>> = {
  '-292273086-05-16T16:47:06Z': minTime,
  '292277025-08-18T07:12:54.999999999Z': maxTime,
}

const rfc3339 = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:[.,](\d+))?(?:Z|([+-])(\d\d):(\d\d))$/

/** RFC 3339 → epoch ms, cut off; undefined where it is no time, or none of the calendar. */
function calendarTime(text: string): number | undefined {
  const match = rfc3339.exec(text)
  if (match === null) return undefined
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [number, number, number, number, number, number]
  const offset = match[8] === undefined ? 0 : (match[8] === '-' ? -1 : 1) * (Number(match[9]) * 60 + Number(match[10]))
  const date = new Date(0)
  date.setUTCFullYear(year, month - 1, day)
  const exists = date.getUTCMonth() === month - 1 && date.getUTCDate() === day
  if (!exists || hour > 23 || minute > 59 || second > 59 || Number(match[9] ?? 0) > 23 || Number(match[10] ?? 0) > 59) return undefined
  date.setUTCHours(hour, minute, second, Number((match[7] ?? '').padEnd(3, '0').slice(0, 3)))
  return date.getTime() - offset * 60_000
}

/** Seconds since 1970, or RFC 3339 → epoch ms; undefined where `text` is neither, or beyond what a millisecond can be told of. */
export function parseTime(text: string): number | undefined {
  const seconds = parseGoFloat(text)
  if (seconds !== undefined) {
    const ms = Math.round((seconds - Math.trunc(seconds)) * 1000) + Math.trunc(seconds) * 1000
    return Number.isSafeInteger(ms) ? ms : undefined
  }
  return boundaries[text] ?? calendarTime(text)
}

/** [ms] of each unit, in the order in which they may be written */
const units = { y: 31_536_000_000, w: 604_800_000, d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000, ms: 1 } as const
const duration = /^(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/
/** [ms] what a Go duration holds */
const maxDuration = 2 ** 63 / 1e6

/** Seconds, or Prometheus's `1h30m` → ms. @throws with Prometheus's words */
export function parseDuration(text: string): number {
  const seconds = parseGoFloat(text)
  if (seconds !== undefined) {
    if (Math.abs(seconds * 1000) > maxDuration) throw badData(`cannot parse ${quote(text)} to a valid duration. It overflows int64`)
    // In whole nanoseconds, as Go's durations.
    return Number.isNaN(seconds) ? Number.NEGATIVE_INFINITY : Math.trunc(seconds * 1e9) / 1e6
  }
  const match = text === '' ? null : duration.exec(text)
  const ms = match === null ? Number.NaN : Object.values(units).reduce((sum, size, i) => sum + Number(match[i + 1] ?? 0) * size, 0)
  if (!(ms <= maxDuration)) throw badData(`cannot parse ${quote(text)} to a valid duration`)
  return ms
}

/** A text of a user's, bounded: messages do not repeat megabytes. */
const quote = (text: string): string => JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text)

/** A time that must be there. */
export function timeParameter(form: Form, name: string): number {
  const text = form.get(name)
  const time = parseTime(text)
  if (time === undefined) throw invalidParameter(name, `cannot parse ${quote(text)} to a valid timestamp`)
  return time
}

/** A time that has a default. */
export function optionalTime(form: Form, name: string, otherwise: number): number {
  const text = form.get(name)
  if (text === '') return otherwise
  const time = parseTime(text)
  if (time === undefined) {
    throw invalidParameter(name, `invalid time value for '${name}': cannot parse ${quote(text)} to a valid timestamp`)
  }
  return time
}

/** [ms] */
export function durationParameter(form: Form, name: string): number {
  try {
    return parseDuration(form.get(name))
  } catch (error) {
    throw invalidParameter(name, (error as Error).message)
  }
}

/** [ms]; undefined where it is not given */
export const optionalDuration = (form: Form, name: string): number | undefined =>
  form.get(name) === '' ? undefined : durationParameter(form, name)

/** 0: none. */
export function limitParameter(form: Form): number {
  const text = form.get('limit')
  if (text === '') return 0
  const limit = integer(text)
  if (limit === undefined) throw invalidParameter('limit', `strconv.Atoi: ${integerProblem(text)}`)
  if (limit < 0) throw invalidParameter('limit', 'limit must be non-negative')
  return limit
}

const whole = /^[+-]?\d+$/

/** As Go's ParseInt reads it; undefined where it does not. What a double cannot tell is as good as the largest that it can. */
export function integer(text: string, bits = 64): number | undefined {
  if (!whole.test(text) || text.length > 100) return undefined
  const value = BigInt(text.replace('+', ''))
  if (value !== BigInt.asIntN(bits, value)) return undefined
  return Math.max(Number.MIN_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, Number(value)))
}

/** In Go's words. */
export const integerProblem = (text: string): string =>
  `parsing ${quote(text)}: ${whole.test(text) ? 'value out of range' : 'invalid syntax'}`
