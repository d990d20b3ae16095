/** Numbers and durations as Prometheus's test language reads them. */
import { LiteralError, parseDuration } from '../literals.ts'

const integer = /^[+-]?(?:0[xX](?:_?[0-9a-fA-F])+|0[bB](?:_?[01])+|0[oO]?(?:_?[0-7])+|0|[1-9](?:_?\d)*)$/
const decimal = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/
const hexFloat = /^([+-]?)0[xX]([0-9a-fA-F]*)\.?([0-9a-fA-F]*)[pP]([+-]?\d+)$/
const infinity = /^[+-]?inf(?:inity)?$/i

/** A number as Go reads one: whole with any prefix and underscores (`0755` is 493), else a float. undefined: it is none, or too large for one. */
export function numberOf(text: string): number | undefined {
  if (integer.test(text)) return wholeNumber(text.replaceAll('_', ''))
  if (decimal.test(text)) {
    const value = Number(text)
    return Number.isFinite(value) ? value : undefined
  }
  if (infinity.test(text)) return text.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
  if (/^nan$/i.test(text)) return Number.NaN
  const [, sign, whole, fraction, exponent] = hexFloat.exec(text) ?? []
  if (whole === undefined || whole + fraction! === '') return undefined
  const value = Number.parseInt(whole + fraction!, 16) * 2 ** (Number(exponent) - 4 * fraction!.length)
  return sign === '-' ? -value : value
}

function wholeNumber(text: string): number {
  const sign = text.startsWith('-') ? -1 : 1
  const digits = text.replace(/^[+-]/, '')
  return sign * (/^0[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number(digits))
}

/** [ms] of whole units, large ones first (`1h30m`); `0` needs no unit. undefined: it is none. */
export function durationOf(text: string): number | undefined {
  try {
    return parseDuration(text)
  } catch (error) {
    if (error instanceof LiteralError) return undefined
    throw error
  }
}
