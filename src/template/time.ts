import { formatFloat } from './numbers.ts'
import type { Callable, ObjectValue, Value } from './value.ts'

/** Go's time.Time (always UTC) and time.Duration, as far as templates see them. */

const MILLISECOND = 1_000_000n
const SECOND = 1_000_000_000n
const MINUTE = 60n * SECOND
const HOUR = 60n * MINUTE

const months = 'January February March April May June July August September October November December'.split(' ')
const weekdays = 'Sunday Monday Tuesday Wednesday Thursday Friday Saturday'.split(' ')

const nanosecondsOf = (value: Value): bigint => (value as ObjectValue).inner as bigint
const method = (run: Callable['run'], ...params: Callable['params']): Callable => ({ params, run })

/** @param nanoseconds since the epoch */
export function timeValue(nanoseconds: bigint): ObjectValue {
  const date = new Date(Number(floor(nanoseconds, MILLISECOND)))
  const fraction = nanoseconds - floor(nanoseconds, SECOND) * SECOND
  return {
    kind: 'object',
    type: '*time.Time',
    fields: {},
    inner: nanoseconds,
    show: () => `${layOut(date, fraction, '2006-01-02 15:04:05.999999999')} +0000 UTC`,
    methods: {
      Format: method(([layout]) => layOut(date, fraction, layout as string), 'string'),
      Add: method(([duration]) => timeValue(nanoseconds + nanosecondsOf(duration)), 'time.Duration'),
      Sub: method(([other]) => durationValue(nanoseconds - nanosecondsOf(other)), 'time.Time'),
      Before: method(([other]) => nanoseconds < nanosecondsOf(other), 'time.Time'),
      After: method(([other]) => nanoseconds > nanosecondsOf(other), 'time.Time'),
      Equal: method(([other]) => nanoseconds === nanosecondsOf(other), 'time.Time'),
      Truncate: method(([duration]) => timeValue(truncated(nanoseconds, nanosecondsOf(duration))), 'time.Duration'),
      UTC: method(() => timeValue(nanoseconds)),
      Unix: method(() => floor(nanoseconds, SECOND)),
      UnixMilli: method(() => floor(nanoseconds, MILLISECOND)),
      UnixMicro: method(() => floor(nanoseconds, 1000n)),
      UnixNano: method(() => nanoseconds),
      Year: method(() => BigInt(date.getUTCFullYear())),
      Month: method(() => months[date.getUTCMonth()]),
      Day: method(() => BigInt(date.getUTCDate())),
      Weekday: method(() => weekdays[date.getUTCDay()]),
      YearDay: method(() => BigInt(dayOfYear(date))),
      Hour: method(() => BigInt(date.getUTCHours())),
      Minute: method(() => BigInt(date.getUTCMinutes())),
      Second: method(() => BigInt(date.getUTCSeconds())),
      Nanosecond: method(() => fraction),
      String: method(() => `${layOut(date, fraction, '2006-01-02 15:04:05.999999999')} +0000 UTC`),
    },
  }
}

export function durationValue(nanoseconds: bigint): ObjectValue {
  return {
    kind: 'object',
    type: '*time.Duration',
    fields: {},
    inner: nanoseconds,
    show: () => showDuration(nanoseconds),
    methods: {
      String: method(() => showDuration(nanoseconds)),
      Hours: method(() => Number(nanoseconds) / Number(HOUR)),
      Minutes: method(() => Number(nanoseconds) / Number(MINUTE)),
      Seconds: method(() => Number(nanoseconds) / Number(SECOND)),
      Milliseconds: method(() => nanoseconds / MILLISECOND),
      Microseconds: method(() => nanoseconds / 1000n),
      Nanoseconds: method(() => nanoseconds),
      Abs: method(() => durationValue(nanoseconds < 0n ? -nanoseconds : nanoseconds)),
      Truncate: method(([unit]) => {
        const size = nanosecondsOf(unit)
        return durationValue(size > 0n ? nanoseconds - (nanoseconds % size) : nanoseconds)
      }, 'time.Duration'),
    },
  }
}

/** `1h30m0s`, `1.5s`, `100ms`, `0s` */
function showDuration(nanoseconds: bigint): string {
  if (nanoseconds === 0n) return '0s'
  const sign = nanoseconds < 0n ? '-' : ''
  const size = nanoseconds < 0n ? -nanoseconds : nanoseconds
  if (size < 1000n) return `${sign}${size}ns`
  if (size < MILLISECOND) return `${sign}${decimal(size, 3)}µs`
  if (size < SECOND) return `${sign}${decimal(size, 6)}ms`
  const [hours, minutes] = [size / HOUR, (size % HOUR) / MINUTE]
  const seconds = `${decimal(size % MINUTE, 9)}s`
  return sign + (hours > 0n ? `${hours}h${minutes}m` : minutes > 0n ? `${minutes}m` : '') + seconds
}

/** A count of 10^-places as a decimal without zeros at its end. */
function decimal(count: bigint, places: number): string {
  const digits = String(count).padStart(places + 1, '0')
  const fraction = digits.slice(-places).replace(/0+$/, '')
  return digits.slice(0, -places) + (fraction === '' ? '' : `.${fraction}`)
}

/** What a piece of Go's reference time (Mon Jan 2 15:04:05 MST 2006) stands for; longer pieces come first. */
const pieces =
  /January|Jan|Monday|Mon|MST|2006|__2|_2|002|0[1-6]|15|1|2|3|4|5|PM|pm|Z07:00:00|Z07:00|Z0700|Z07|-07:00:00|-07:00|-070000|-0700|-07|([.,])(0+|9+)(?!\d)/g

function layOut(date: Date, fraction: bigint, layout: string): string {
  const two = (value: number): string => String(value).padStart(2, '0')
  const hour12 = date.getUTCHours() % 12 || 12
  return layout.replaceAll(pieces, (piece, point: string | undefined, digits: string | undefined) => {
    if (digits !== undefined) {
      const places = String(fraction).padStart(9, '0').slice(0, digits.length)
      if (digits.startsWith('0')) return point + places
      const kept = places.replace(/0+$/, '')
      return kept === '' ? '' : point + kept
    }
    switch (piece) {
      case 'January':
        return months[date.getUTCMonth()]!
      case 'Jan':
        return months[date.getUTCMonth()]!.slice(0, 3)
      case '1':
        return String(date.getUTCMonth() + 1)
      case '01':
        return two(date.getUTCMonth() + 1)
      case 'Monday':
        return weekdays[date.getUTCDay()]!
      case 'Mon':
        return weekdays[date.getUTCDay()]!.slice(0, 3)
      case '2':
        return String(date.getUTCDate())
      case '_2':
        return String(date.getUTCDate()).padStart(2)
      case '02':
        return two(date.getUTCDate())
      case '__2':
        return String(dayOfYear(date)).padStart(3)
      case '002':
        return String(dayOfYear(date)).padStart(3, '0')
      case '15':
        return two(date.getUTCHours())
      case '3':
        return String(hour12)
      case '03':
        return two(hour12)
      case '4':
        return String(date.getUTCMinutes())
      case '04':
        return two(date.getUTCMinutes())
      case '5':
        return String(date.getUTCSeconds())
      case '05':
        return two(date.getUTCSeconds())
      case '2006':
        return String(date.getUTCFullYear()).padStart(4, '0')
      case '06':
        return two(date.getUTCFullYear() % 100)
      case 'PM':
        return date.getUTCHours() < 12 ? 'AM' : 'PM'
      case 'pm':
        return date.getUTCHours() < 12 ? 'am' : 'pm'
      case 'MST':
        return 'UTC'
      default:
        return piece.startsWith('Z') ? 'Z' : piece.replace('-', '+').replaceAll('7', '0')
    }
  })
}

const dayOfYear = (date: Date): number => Math.floor((date.getTime() - Date.UTC(date.getUTCFullYear(), 0, 1)) / 86_400_000) + 1

function floor(value: bigint, by: bigint): bigint {
  const quotient = value / by
  return value % by < 0n ? quotient - 1n : quotient
}

/** [ns] from the year 1, where Go's zero time is, to the epoch */
const SINCE_YEAR_ONE = 62_135_596_800n * SECOND

const truncated = (nanoseconds: bigint, unit: bigint): bigint =>
  unit <= 0n ? nanoseconds : nanoseconds - ((nanoseconds + SINCE_YEAR_ONE) % unit)

/** As Go's `%.4g`. */
export const fourDigits = (value: number): string => formatFloat(value, 'g', 4)
