/** Numbers as expositions write them, read from bytes. */

/** Powers of ten that a double holds exactly. */
const tens = Float64Array.from({ length: 23 }, (_, i) => 10 ** i)
const decimal = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/
const infinity = /^[+-]?inf(?:inity)?$/i

/**
 * The number in `bytes[from, to)`; undefined where there is none. Up to 2^53 and 22 powers of ten the quotient or product of two
 * exact doubles is the nearest double (Clinger), so nothing is allocated for nearly every number there is.
 */
export function readNumber(bytes: Uint8Array, from: number, to: number): number | undefined {
  let at = from
  const sign = bytes[at]
  if (sign === 0x2d || sign === 0x2b) at++
  let mantissa = 0
  let digits = 0
  let exponent = 0
  for (; at < to; at++, digits++) {
    const digit = bytes[at]! - 0x30
    if (digit < 0 || digit > 9) break
    mantissa = mantissa * 10 + digit
  }
  if (at < to && bytes[at] === 0x2e) {
    for (at++; at < to; at++, digits++, exponent--) {
      const digit = bytes[at]! - 0x30
      if (digit < 0 || digit > 9) break
      mantissa = mantissa * 10 + digit
    }
  }
  if (digits === 0) return slowNumber(bytes, from, to)
  if (at < to) {
    if ((bytes[at]! | 0x20) !== 0x65) return slowNumber(bytes, from, to)
    const below = bytes[++at] === 0x2d
    if (below || bytes[at] === 0x2b) at++
    if (at >= to || to - at > 4) return slowNumber(bytes, from, to)
    let scale = 0
    for (; at < to; at++) {
      const digit = bytes[at]! - 0x30
      if (digit < 0 || digit > 9) return undefined
      scale = scale * 10 + digit
    }
    exponent += below ? -scale : scale
  }
  if (mantissa > 2 ** 53 || exponent > 22 || exponent < -22) return slowNumber(bytes, from, to)
  const size = exponent < 0 ? mantissa / tens[-exponent]! : mantissa * tens[exponent]!
  return sign === 0x2d ? -size : size
}

function slowNumber(bytes: Uint8Array, from: number, to: number): number | undefined {
  // Nobody writes longer ones.
  if (to - from > 400) return undefined
  let text = ''
  for (let at = from; at < to; at++) text += String.fromCharCode(bytes[at]!)
  return numberOf(text)
}

/** As `readNumber`, of a text; `le` and `quantile` are such texts. */
export function numberOf(text: string): number | undefined {
  if (decimal.test(text)) {
    const value = Number(text)
    return Number.isFinite(value) ? value : undefined
  }
  if (infinity.test(text)) return text.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
  return /^[+]?nan$/i.test(text) ? Number.NaN : undefined
}
