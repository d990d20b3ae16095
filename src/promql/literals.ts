import { unescaped } from '../lib/go-literal.ts'
import { quote } from '../lib/go-text.ts'

/** A literal that is none; the message is Prometheus's. */
export class LiteralError extends Error {
  override readonly name = 'LiteralError'
}

const MAX_INT64 = 2n ** 63n - 1n

/**
 * A number as Prometheus reads it: a whole one with Go's prefixes (`0x1F`, and a leading zero makes it octal), else a decimal; `Inf` and `NaN` in any case; underscores between digits.
 * @throws {LiteralError}
 */
export function parseNumber(text: string): number {
  const wrong = (what: string): LiteralError =>
    new LiteralError(`error parsing number: strconv.ParseFloat: parsing ${quote(text)}: ${what}`)
  const plain = /\d_\d/.test(text) && !/__|_$/.test(text) ? text.replaceAll('_', '') : text
  if (/^0[xX]/.test(text)) {
    const whole = /^0[xX]_?[0-9a-fA-F]+$/.test(plain) ? BigInt(plain.replace('_', '')) : undefined
    if (whole === undefined || whole > MAX_INT64) throw wrong('invalid syntax')
    return Number(whole)
  }
  if (/^0[0-7]+$/.test(plain)) {
    const whole = BigInt(`0o${plain.slice(1)}`)
    if (whole <= MAX_INT64) return Number(whole)
  }
  if (/^inf$/i.test(text)) return Number.POSITIVE_INFINITY
  if (/^nan$/i.test(text)) return Number.NaN
  if (!/^(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(plain)) throw wrong('invalid syntax')
  const value = Number(plain)
  if (value === Number.POSITIVE_INFINITY) throw wrong('value out of range')
  return value
}

/** [ms], from the biggest to the smallest, in which order they must come */
const units = [
  ['y', 31_536_000_000n],
  ['w', 604_800_000n],
  ['d', 86_400_000n],
  ['h', 3_600_000n],
  ['m', 60_000n],
  ['s', 1_000n],
  ['ms', 1n],
] as const
/** [ms] that int64 nanoseconds can hold */
const MAX_DURATION = 9_223_372_036_854n

/**
 * A duration as Prometheus writes it: `1h30m`; years have 365 days.
 * @returns milliseconds
 * @throws {LiteralError}
 */
export function parseDuration(text: string): number {
  if (text === '0') return 0
  if (text === '') throw new LiteralError('empty duration string')
  let total = 0n
  let last = -1
  let at = 0
  for (const [part, digits, unit] of text.matchAll(/(\d*)(\D*)/g)) {
    if (part === '') continue
    if (digits === '' || unit === '' || BigInt(digits!) >= 2n ** 64n) throw notDuration(text)
    at += part.length
    const index = units.findIndex(([name]) => name === unit)
    if (index < 0) throw new LiteralError(`unknown unit ${quote(unit!)} in duration ${quote(text)}`)
    if (index <= last) throw notDuration(text)
    last = index
    total += BigInt(digits!) * units[index]![1]
    if (total > MAX_DURATION) throw new LiteralError('duration out of range')
  }
  if (at !== text.length) throw notDuration(text)
  return Number(total)
}

const notDuration = (text: string): LiteralError => new LiteralError(`not a valid duration string: ${quote(text)}`)

/** Milliseconds as Prometheus writes a duration; years and weeks only where nothing is left over: `1d12h`, `90d`, `2w`. */
export function formatDuration(ms: number): string {
  let left = Math.abs(Math.trunc(ms))
  if (left === 0) return '0s'
  let text = ms < 0 ? '-' : ''
  for (const [unit, big] of units) {
    const size = Number(big)
    if ((unit === 'y' || unit === 'w') && left % size !== 0) continue
    const count = Math.floor(left / size)
    if (count > 0) text += `${count}${unit}`
    left -= count * size
  }
  return text
}

/**
 * The text that a string literal stands for; its quotes and escapes are known to be right. Bytes that are no UTF-8 are kept in a text that is
 * not well-formed, and is printed as it was written.
 */
export function unquote(literal: string): string {
  const inner = literal.slice(1, -1)
  return literal[0] === '`' ? inner : (unescaped(inner, literal[0]!) as string)
}
