/** Floats and integers as Go's strconv writes and reads them. */

export type FloatVerb = 'e' | 'f' | 'g'

/**
 * @param precision digits behind the point (`e`, `f`) or significant ones (`g`); undefined: as few as read back the same
 * @returns without a plus sign; `+Inf`, `-Inf` and `NaN` as Go has them
 */
export function formatFloat(value: number, verb: FloatVerb, precision?: number): string {
  if (Number.isNaN(value)) return 'NaN'
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf'
  const sign = value < 0 || Object.is(value, -0) ? '-' : ''
  const size = Math.abs(value)
  switch (verb) {
    case 'e':
      return sign + exponential(digitsOf(size, precision === undefined ? undefined : precision + 1), precision)
    case 'f':
      return sign + fixed(size, precision)
    case 'g':
      return sign + general(size, precision)
  }
}

/** The decimal of a number: 0.DIGITS × 10^point. Digits have no zeros at the end, and are empty for zero. */
interface Decimal {
  readonly digits: string
  readonly point: number
}

/** Correctly rounded to `count` significant digits, half to even as IEEE 754 has it. */
function digitsOf(size: number, count: number | undefined): Decimal {
  if (size === 0) return { digits: '', point: 1 }
  if (count === undefined) return decimalOf(size.toExponential())
  const places = Math.min(Math.max(count, 1), 101)
  return halfToEven(size, places) ?? decimalOf(size.toExponential(places - 1))
}

function decimalOf(text: string): Decimal {
  const [mantissa, exponent] = text.split('e')
  return { digits: mantissa!.replace('.', '').replace(/0+$/, ''), point: Number(exponent) + 1 }
}

/**
 * The digits cut off after `count`, where what is behind them is exactly a half and the last one is even: there Go rounds down and JavaScript up.
 * A hundred digits tell: no double has a half and then so many zeros before something else.
 */
function halfToEven(size: number, count: number): Decimal | undefined {
  const [mantissa, exponent] = size.toExponential(100).split('e')
  const digits = mantissa!.replace('.', '')
  if (!/^50*$/.test(digits.slice(count)) || Number(digits[count - 1] ?? 0) % 2 !== 0) return undefined
  return { digits: digits.slice(0, count).replace(/0+$/, ''), point: Number(exponent) + 1 }
}

function exponential({ digits, point }: Decimal, precision: number | undefined): string {
  const all = precision === undefined ? digits || '0' : digits.padEnd(precision + 1, '0')
  const exponent = digits === '' ? 0 : point - 1
  const mantissa = all.length > 1 ? `${all[0]}.${all.slice(1)}` : all
  return `${mantissa}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`
}

function fixed(size: number, precision: number | undefined): string {
  if (precision === undefined) return plain(digitsOf(size, undefined), undefined)
  const places = Math.min(precision, 100)
  const behind = '0'.repeat(precision - places)
  if (size >= 1e21) return `${BigInt(size)}${precision > 0 ? '.' : ''}${'0'.repeat(precision)}`
  const count = decimalOf(size.toExponential()).point + places
  const even = size !== 0 && count >= 0 && count <= 100 ? halfToEven(size, count) : undefined
  return (even === undefined ? size.toFixed(places) : plain(even, places)) + behind
}

function plain({ digits, point }: Decimal, precision: number | undefined): string {
  const whole = point > 0 ? digits.slice(0, point).padEnd(point, '0') : '0'
  const rest = point > 0 ? digits.slice(point) : '0'.repeat(-point) + digits
  const places = precision === undefined ? rest : rest.padEnd(precision, '0').slice(0, precision)
  return places === '' ? whole : `${whole}.${places}`
}

function general(size: number, precision: number | undefined): string {
  const count = precision === undefined ? undefined : Math.max(precision, 1)
  const decimal = digitsOf(size, count)
  const exponent = decimal.digits === '' ? 0 : decimal.point - 1
  // The shortest form decides as if it had six digits, so that 1234567 has an exponent too.
  if (exponent < -4 || exponent >= (count ?? 6)) return exponential(decimal, undefined)
  return plain(decimal, undefined)
}

const number = /^[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)$/
const hexadecimal = /^([+-]?)0[xX]([0-9a-fA-F]*)\.?([0-9a-fA-F]*)[pP]([+-]?\d+)$/
const infinity = /^[+-]?inf(?:inity)?$/i

/** As `strconv.ParseFloat`; undefined where it is no number. What is too large is an infinity. */
export function parseFloat64(text: string): number | undefined {
  if (number.test(text)) return Number(text)
  if (infinity.test(text)) return text.startsWith('-') ? -Infinity : Infinity
  if (/^nan$/i.test(text)) return Number.NaN
  const parts = hexadecimal.exec(text)
  if (parts === null || parts[2]! + parts[3]! === '') return undefined
  const size = Number.parseInt(parts[2]! + parts[3]!, 16) * 2 ** (Number(parts[4]) - 4 * parts[3]!.length)
  return parts[1] === '-' ? -size : size
}

/** An integer literal of Go: decimal, `0x`, `0o`, `0b`, old octal, underscores between digits; undefined where it is none. */
export function parseInteger(text: string): bigint | undefined {
  const parts =
    /^([+-]?)(0[xX]_?[0-9a-fA-F]+(?:_[0-9a-fA-F]+)*|0[oO]?_?[0-7]+(?:_[0-7]+)*|0[bB]_?[01]+(?:_[01]+)*|0|[1-9]\d*(?:_\d+)*)$/.exec(text)
  if (parts === null) return undefined
  let digits = parts[2]!.replaceAll('_', '')
  if (/^0[0-7]/.test(digits)) digits = `0o${digits.slice(1)}`
  const size = BigInt(digits)
  return parts[1] === '-' ? -size : size
}
