/** Numbers and strings as Go's `fmt` and `strconv` write them: what Prometheus says, and takes back, is written so. */

/**
 * `%g`: the shortest decimal that reads back the same, with an exponent from a million up and below a ten-thousandth: `1e+06`.
 * With `digits` (`%.2g`): so many significant digits, an exponent where there are more before the point, no zeros at the end.
 */
export function formatG(value: number, digits?: number): string {
  if (value === 0) return Object.is(value, -0) ? '-0' : '0'
  if (!Number.isFinite(value)) return notFinite(value)
  const text =
    digits === undefined
      ? value.toExponential()
      : rounded(value, digits)
          .replace(/(\.\d*?)0*e/, '$1e')
          .replace('.e', 'e')
  const exponent = Number(text.slice(text.indexOf('e') + 1))
  return exponent < -4 || exponent >= limitOf(text, digits) ? twoDigits(text) : plain(Number(text))
}

/** So many significant digits, as `toExponential`, but of two that are as near the even one, as Go rounds. */
function rounded(value: number, digits: number): string {
  const exact = value.toExponential(100)
  const end = exact.indexOf('.') + digits
  const tie = digits > 1 && /^[02468]50*e/.test(exact.slice(end - 1))
  return tie ? exact.slice(0, end) + exact.slice(exact.indexOf('e')) : value.toExponential(digits - 1)
}

/** Below ten to this an exponent isn't written. A number of fewer digits than asked for that ends before the point counts its own. */
function limitOf(text: string, digits: number | undefined): number {
  if (digits === undefined) return 6
  const [mantissa, exponent] = text.split('e') as [string, string]
  const written = mantissa.replace(/[-.]/g, '').length
  return written < digits && written >= Number(exponent) + 1 ? written : digits
}

/** As OpenMetrics and `le` have floats: as `%g`, but with a point or an exponent always: `1.0`. */
export function formatOpenFloat(value: number): string {
  const text = value === 0 ? '0' : formatG(value)
  return /[.eIN]/.test(text) ? text : `${text}.0`
}

/** `%e` with the shortest decimal: always an exponent. */
export const formatE = (value: number): string => (Number.isFinite(value) ? twoDigits(value.toExponential()) : notFinite(value))

/** `%f` with the shortest decimal: no exponent ever. */
export function formatF(value: number): string {
  if (value === 0) return Object.is(value, -0) ? '-0' : '0'
  return Number.isFinite(value) ? plain(value) : notFinite(value)
}

/** JavaScript writes an exponent from 1e21 up and below 1e-6. */
function plain(value: number): string {
  const text = String(value)
  const at = text.indexOf('e')
  if (at < 0) return text
  const exponent = Number(text.slice(at + 1))
  const sign = value < 0 ? '-' : ''
  const [whole, fraction = ''] = text.slice(sign.length, at).split('.') as [string, string?]
  const digits = whole + fraction
  return exponent < 0 ? `${sign}0.${'0'.repeat(-exponent - 1)}${digits}` : `${sign}${digits.padEnd(exponent + 1, '0')}`
}

const notFinite = (value: number): string => (Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf')

/** Go writes at least two digits of an exponent. */
const twoDigits = (text: string): string => text.replace(/e([+-])(\d)$/, 'e$10$2')

const short: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\u0007': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
}

/** `%q`: in double quotes, with escapes for these and for what cannot be printed. */
export const quote = (text: string): string => `"${text.replace(/["\\]|\p{C}|(?! )\p{Z}/gu, escapeOf)}"`

function escapeOf(char: string): string {
  const code = char.codePointAt(0)!
  // How a byte that is no UTF-8 is kept in a text (go-literal.ts).
  if (code > 0xdc7f && code < 0xdd00) return `\\x${(code - 0xdc00).toString(16)}`
  if (code < 0x80) return short[char] ?? `\\x${code.toString(16).padStart(2, '0')}`
  return code > 0xffff ? `\\U${code.toString(16).padStart(8, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`
}

const hexadecimal = /^([+-]?)0x([\da-f]*)\.?([\da-f]*)p([+-]?\d{1,5})$/i
/** Underscores may be between digits, and behind 0x. */
const misplaced = /_(?![\da-f])|(?<!0x|[\da-f])_/i

/** What strconv.ParseFloat reads: undefined where it is no number, or one too large for a float. */
export function parseGoFloat(written: string): number | undefined {
  const text = written.includes('_') && !misplaced.test(written) ? written.replaceAll('_', '') : written
  if (/^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(text)) {
    const value = Number(text)
    return Number.isFinite(value) ? value : undefined
  }
  const [, hexSign, whole, fraction = '', exponent] = hexadecimal.exec(text) ?? []
  if (whole !== undefined) return signed(hexSign, hexadecimalOf(whole, fraction, Number(exponent)))
  const [, sign, name] = /^([+-]?)(inf|infinity|nan)$/i.exec(text) ?? []
  if (name === undefined) return undefined
  if (name.toLowerCase() === 'nan') return sign === '' ? Number.NaN : undefined
  return sign === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
}

const signed = (sign: string | undefined, value: number | undefined): number | undefined =>
  value !== undefined && sign === '-' ? -value : value

/** Digits that a double does not hold round its last. */
function hexadecimalOf(whole: string, fraction: string, exponent: number): number | undefined {
  const digits = `${whole}${fraction}`
  if (digits === '' || digits.length > 200) return undefined
  const value = Number(`0x${digits}`) * 2 ** (exponent - 4 * fraction.length)
  return Number.isFinite(value) ? value : undefined
}
