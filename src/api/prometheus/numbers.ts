/** Sample values and times as Prometheus's API prints them, written straight into bytes: a long answer is nearly nothing else. */
import { apiNumber } from '../../promql/histogram/text.ts'

/** [ms] → seconds, with three digits where they are not whole. */
export function showTime(ms: number): string {
  const size = Math.abs(ms)
  const fraction = size % 1000
  const whole = String((size - fraction) / 1000)
  const sign = ms < 0 ? '-' : ''
  return fraction === 0 ? sign + whole : `${sign}${whole}.${String(fraction).padStart(3, '0')}`
}

/** [bytes] the most that `writeValue` writes */
export const maxValueBytes = 32

/** Below this every decimal of so many digits is a double of its own: what reads back the same is the shortest. */
const exactDigits = 1e15
const tens = Float64Array.from({ length: 10 }, (_, i) => 10 ** i)

/** Writes `apiNumber(value)` at `at`. @returns where it ends */
export function writeValue(bytes: Uint8Array, at: number, value: number): number {
  const size = Math.abs(value)
  if (size < exactDigits && (size >= 1e-3 || Object.is(value, 0))) {
    const integer = Math.trunc(size)
    if (integer === size) {
      if (value < 0) bytes[at++] = 0x2d
      return writeInteger(bytes, at, integer)
    }
    for (let digits = 1; digits < 10; digits++) {
      const scaled = Math.round(size * tens[digits]!)
      if (scaled >= exactDigits) break
      if (scaled / tens[digits]! !== size) continue
      if (value < 0) bytes[at++] = 0x2d
      return writeDecimal(bytes, at, scaled, digits)
    }
  }
  return writeAscii(bytes, at, apiNumber(value))
}

function writeAscii(bytes: Uint8Array, at: number, text: string): number {
  for (let i = 0; i < text.length; i++) bytes[at++] = text.charCodeAt(i)
  return at
}

/** A whole number ≥ 0, below 2^53. */
export function writeInteger(bytes: Uint8Array, at: number, value: number): number {
  if (value < 10) {
    bytes[at] = 0x30 + value
    return at + 1
  }
  let size = 2
  for (let bound = 100; value >= bound; bound *= 10) size++
  fillDigits(bytes, at, at + size, value)
  return at + size
}

/** `scaled` / 10^`digits` */
function writeDecimal(bytes: Uint8Array, at: number, scaled: number, digits: number): number {
  const scale = tens[digits]!
  const whole = Math.floor(scaled / scale)
  at = writeInteger(bytes, at, whole)
  bytes[at++] = 0x2e
  fillDigits(bytes, at, at + digits, scaled - whole * scale)
  return at + digits
}

/** Digits up to `to`, zeros in front. */
function fillDigits(bytes: Uint8Array, from: number, to: number, value: number): void {
  // Whole divisions of small integers are many times cheaper than those of doubles.
  let high = 0
  if (value >= 1e9) {
    high = Math.floor(value / 1e9)
    value -= high * 1e9
    const split = to - 9
    fillSmall(bytes, split, to, value)
    fillSmall(bytes, from, split, high)
    return
  }
  fillSmall(bytes, from, to, value)
}

function fillSmall(bytes: Uint8Array, from: number, to: number, value: number): void {
  let rest = value | 0
  for (let at = to - 1; at >= from; at--) {
    const next = (rest / 10) | 0
    bytes[at] = 0x30 + rest - next * 10
    rest = next
  }
}

/** [ms], whole. Writes `showTime(ms)`. @returns where it ends */
export function writeTime(bytes: Uint8Array, at: number, ms: number): number {
  let size = ms
  if (ms < 0) {
    bytes[at++] = 0x2d
    size = -ms
  }
  const fraction = size % 1000
  at = writeInteger(bytes, at, (size - fraction) / 1000)
  if (fraction === 0) return at
  bytes[at++] = 0x2e
  fillSmall(bytes, at, at + 3, fraction)
  return at + 3
}
