import type { SampleFunction } from '../kernel.ts'
import { eachFloat } from './each-float.ts'

/**
 * Parts of a date in UTC, of floats that are Unix seconds; called without an argument, of the time of evaluation. Days are turned into dates by arithmetic
 * on years that begin in March, so that the leap day is the last (Howard Hinnant's civil_from_days): a date of any year, and no object for each.
 */
export const dates: readonly (readonly [name: string, SampleFunction])[] = [
  ['minute', ofSeconds(seconds => Math.floor(modulo(seconds, 3600) / 60))],
  ['hour', ofSeconds(seconds => Math.floor(modulo(seconds, DAY) / 3600))],
  // 1 January 1970 was a Thursday.
  ['day_of_week', ofDays(days => modulo(days + 4, 7))],
  ['day_of_month', ofDays(dayOfMonth)],
  ['day_of_year', ofDays(days => days - firstDayOf(yearOf(days)) + 1)],
  ['days_in_month', ofDays(days => daysInMonth(yearOf(days), monthOf(days)))],
  ['month', ofDays(monthOf)],
  ['year', ofDays(yearOf)],
]

const DAY = 86_400

function ofSeconds(part: (seconds: number) => number): SampleFunction {
  return eachFloat(value => part(wholeSeconds(value)))
}

/** What is no 64-bit integer is the largest there is, as in Prometheus (on amd64): NaN is on 4 December 292277026596. */
function wholeSeconds(value: number): number {
  const seconds = Math.trunc(value)
  return Math.abs(seconds) < 2 ** 63 ? seconds : 2 ** 63
}

/** @param part of days since 1 January 1970 */
function ofDays(part: (days: number) => number): SampleFunction {
  // Rounded, since not every number of this size is a float.
  return ofSeconds(seconds => part(Math.round((seconds - modulo(seconds, DAY)) / DAY)))
}

/** Never negative, and exact however large `a` is. */
const modulo = (a: number, b: number): number => ((a % b) + b) % b

/** [days] of 400 years, after which the calendar repeats */
const ERA = 146_097
/** [days] from 1 March of year 0 to 1 January 1970 */
const EPOCH = 719_468

const dayOfEra = (days: number): number => modulo(days + EPOCH, ERA)

/** 0…399, begun in March */
function yearOfEra(day: number): number {
  return Math.floor((day - Math.floor(day / 1460) + Math.floor(day / 36_524) - Math.floor(day / 146_096)) / 365)
}

/** 0…365 since 1 March */
function dayOfMarchYear(days: number): number {
  const day = dayOfEra(days)
  const year = yearOfEra(day)
  return day - (365 * year + Math.floor(year / 4) - Math.floor(year / 100))
}

/** 0 March … 11 February */
const marchMonth = (day: number): number => Math.floor((5 * day + 2) / 153)

function monthOf(days: number): number {
  const month = marchMonth(dayOfMarchYear(days))
  return month < 10 ? month + 3 : month - 9
}

function dayOfMonth(days: number): number {
  const day = dayOfMarchYear(days)
  return day - Math.floor((153 * marchMonth(day) + 2) / 5) + 1
}

function yearOf(days: number): number {
  const year = yearOfEra(dayOfEra(days)) + Math.floor((days + EPOCH) / ERA) * 400
  return monthOf(days) <= 2 ? year + 1 : year
}

/** [days since 1 January 1970] 1 January of a year */
function firstDayOf(year: number): number {
  const before = year - 1
  return before * 365 + Math.floor(before / 4) - Math.floor(before / 100) + Math.floor(before / 400) - 719_162
}

const isLeap = (year: number): boolean => modulo(year, 4) === 0 && (modulo(year, 100) !== 0 || modulo(year, 400) === 0)

const lengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

const daysInMonth = (year: number, month: number): number => (month === 2 && isLeap(year) ? 29 : (lengths[month - 1] ?? Number.NaN))
