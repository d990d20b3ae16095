import { quote } from '../lib/go-text.ts'
import { FunctionError } from './errors.ts'
import { formatFloat, parseFloat64 } from './numbers.ts'
import { fourDigits, timeValue } from './time.ts'
import { type ObjectValue, typeName, type Value } from './value.ts'

/** Numbers for people, as Prometheus's templates write them. */

/** @throws {FunctionError} where it is none */
export function toFloat(value: Value): number {
  if (typeof value === 'number') return value
  if (typeof value === 'bigint') return Number(value)
  if (typeof value === 'string') {
    const number = parseFloat64(value)
    if (number === undefined) throw new FunctionError(`strconv.ParseFloat: parsing ${quote(value)}: invalid syntax`)
    if (!Number.isFinite(number) && /\d/.test(value))
      throw new FunctionError(`strconv.ParseFloat: parsing ${quote(value)}: value out of range`)
    return number
  }
  throw new FunctionError(`can't convert ${typeName(value)} to float`)
}

/** `1.235M`, `120m`: in powers of a thousand. */
export function humanize(value: Value): string {
  const number = toFloat(value)
  if (number === 0 || !Number.isFinite(number)) return fourDigits(number)
  return Math.abs(number) >= 1 ? scaledDown(number, 1000, 'kMGTPEZY') : scaledUp(number)
}

/** `1.177Mi`: in powers of 1024. */
export function humanize1024(value: Value): string {
  const number = toFloat(value)
  if (Math.abs(number) <= 1 || !Number.isFinite(number)) return fourDigits(number)
  const text = scaledDown(number, 1024, 'kMGTPEZY')
  return /[a-zA-Z]$/.test(text) ? `${text}i` : text
}

/** `14d 6h 56m 7s`, `1.234s`, `100ms`: of seconds. */
export function humanizeDuration(value: Value): string {
  const number = toFloat(value)
  if (!Number.isFinite(number)) return fourDigits(number)
  if (number === 0) return `${fourDigits(number)}s`
  if (Math.abs(number) < 1) return `${scaledUp(number)}s`
  const sign = number < 0 ? '-' : ''
  const size = Math.abs(number)
  const whole = Math.trunc(size)
  const [days, hours, minutes] = [Math.floor(whole / 86_400), Math.floor(whole / 3_600) % 24, Math.floor(whole / 60) % 60]
  if (days > 0) return `${sign}${days}d ${hours}h ${minutes}m ${whole % 60}s`
  if (hours > 0) return `${sign}${hours}h ${minutes}m ${whole % 60}s`
  if (minutes > 0) return `${sign}${minutes}m ${whole % 60}s`
  return `${sign}${fourDigits(size)}s`
}

export const humanizePercentage = (value: Value): string => `${fourDigits(toFloat(value) * 100)}%`

/** `2015-06-23 13:19:44.128 +0000 UTC`: of seconds since the epoch. */
export function humanizeTimestamp(value: Value): string {
  const number = toFloat(value)
  return Number.isFinite(number) ? toTime(number).show() : fourDigits(number)
}

/** A time of whole milliseconds. */
export function toTime(value: Value): ObjectValue {
  const seconds = toFloat(value)
  if (!Number.isFinite(seconds)) throw new FunctionError('value is NaN or Inf')
  const nanoseconds = seconds * 1e9
  if (nanoseconds > 2 ** 63 || nanoseconds < -(2 ** 63)) {
    throw new FunctionError(`${formatFloat(seconds, 'g')} cannot be represented as a nanoseconds timestamp since it overflows int64`)
  }
  const whole = BigInt.asIntN(64, BigInt(Math.trunc(nanoseconds)))
  return timeValue(whole - (whole % 1_000_000n))
}

function scaledDown(number: number, by: number, prefixes: string): string {
  let rest = number
  let prefix = ''
  for (const next of prefixes) {
    if (Math.abs(rest) < by) break
    prefix = next
    rest /= by
  }
  return fourDigits(rest) + prefix
}

function scaledUp(number: number): string {
  let rest = number
  let prefix = ''
  for (const next of 'munpfazy') {
    if (Math.abs(rest) >= 1) break
    prefix = next
    rest *= 1000
  }
  return fourDigits(rest) + prefix
}
