import { quote } from '../lib/go-text.ts'
import { formatFloat } from './numbers.ts'
import { quoteAscii } from './quote.ts'
import { typeName, type Value } from './value.ts'

/** Go's fmt: Sprint, Sprintln, Sprintf. */

/** [characters] of a width or a precision; Go refuses more as well. */
const MAX_WIDTH = 1_000_000

/** As `%v`. */
export function show(value: Value): string {
  return format(value, 'v', plainFlags)
}

/** Spaces between two operands of which neither is a text. */
export function print(values: readonly Value[]): string {
  return values
    .map((value, i) => (i > 0 && typeof value !== 'string' && typeof values[i - 1] !== 'string' ? ' ' : '') + show(value))
    .join('')
}

export const printLine = (values: readonly Value[]): string => `${values.map(show).join(' ')}\n`

interface Flags {
  readonly plus: boolean
  readonly minus: boolean
  readonly sharp: boolean
  readonly space: boolean
  readonly zero: boolean
  readonly width: number | undefined
  readonly precision: number | undefined
}

const plainFlags: Flags = { plus: false, minus: false, sharp: false, space: false, zero: false, width: undefined, precision: undefined }
const directive = /([+\-# 0]*)(?:\[(\d+)\])?(\*|\d+)?(?:\.(?:\[(\d+)\])?(\*|\d*))?(?:\[(\d+)\])?/y

export function printFormatted(template: string, args: readonly Value[]): string {
  let result = ''
  let next = 0
  let reordered = false
  for (let at = 0; at < template.length; ) {
    const percent = template.indexOf('%', at)
    if (percent < 0) {
      result += template.slice(at)
      break
    }
    result += template.slice(at, percent)
    directive.lastIndex = percent + 1
    const parts = directive.exec(template)!
    const behind = directive.lastIndex
    const verb = behind < template.length ? String.fromCodePoint(template.codePointAt(behind)!) : ''
    at = behind + verb.length
    const jump = (index: string | undefined): void => {
      if (index === undefined) return
      next = Number(index) - 1
      reordered = true
    }
    let bad = ''
    const star = (text: string | undefined, which: string): number | undefined => {
      if (text !== '*') return text === undefined ? undefined : measure(Number(text), which)
      const value = args[next++]
      if (typeof value === 'bigint' && value <= MAX_WIDTH && value >= -MAX_WIDTH) return Number(value)
      bad += `%!(BAD${which})`
      return undefined
    }
    const measure = (size: number, which: string): number | undefined => {
      if (size <= MAX_WIDTH) return size
      bad += `%!(BAD${which})`
      return undefined
    }
    jump(parts[2])
    const width = star(parts[3], 'WIDTH')
    jump(parts[4])
    const precision = star(parts[5], 'PREC')
    jump(parts[6])
    result += bad
    if (verb === '') {
      result += '%!(NOVERB)'
      break
    }
    if (verb === '%') {
      result += '%'
      continue
    }
    if (next < 0 || next >= args.length) {
      result += reordered && next !== args.length ? `%!${verb}(BADINDEX)` : `%!${verb}(MISSING)`
      continue
    }
    result += format(args[next++], verb, flagsOf(parts[1]!, width, precision === undefined ? undefined : Math.max(precision, -1)))
  }
  if (!reordered && next < args.length) {
    const extra = args.slice(next).map(value => (value === undefined ? '<nil>' : `${typeName(value)}=${show(value)}`))
    result += `%!(EXTRA ${extra.join(', ')})`
  }
  return result
}

function flagsOf(text: string, width: number | undefined, precision: number | undefined): Flags {
  const minus = text.includes('-') || (width ?? 0) < 0
  return {
    plus: text.includes('+'),
    minus,
    sharp: text.includes('#'),
    space: text.includes(' '),
    zero: text.includes('0') && !minus,
    width: width === undefined ? undefined : Math.abs(width),
    precision: precision === undefined || precision < 0 ? undefined : precision,
  }
}

function format(value: Value, verb: string, flags: Flags): string {
  if (verb === 'T') return pad(typeName(value), flags)
  switch (typeof value) {
    case 'undefined':
      return verb === 'v' ? pad('<nil>', flags) : `%!${verb}(<nil>)`
    case 'boolean':
      return verb === 't' || verb === 'v' ? pad(String(value), flags) : wrong(value, verb)
    case 'string':
      return formatText(value, verb, flags)
    case 'number':
      return formatNumber(value, verb, flags)
    case 'bigint':
      return formatInteger(value, verb, flags)
    default:
      return formatCompound(value, verb, flags)
  }
}

function formatCompound(value: Extract<Value, object>, verb: string, flags: Flags): string {
  switch (value.kind) {
    case 'list':
      return `[${value.items.map(item => format(item, verb, flags)).join(' ')}]`
    case 'map': {
      const entries = [...value.entries].sort(([a], [b]) => (a < b ? -1 : 1))
      return `map[${entries.map(([key, item]) => `${format(key, verb, flags)}:${format(item, verb, flags)}`).join(' ')}]`
    }
    case 'object':
      return formatText(value.show(), verb, flags)
  }
}

const wrong = (value: Value, verb: string): string => `%!${verb}(${typeName(value)}=${show(value)})`

function formatText(value: string, verb: string, flags: Flags): string {
  const text = flags.precision === undefined ? value : [...value].slice(0, flags.precision).join('')
  switch (verb) {
    case 'v':
      return pad(flags.sharp ? quote(text) : text, flags)
    case 's':
      return pad(text, flags)
    case 'q':
      return pad(flags.sharp && !text.includes('`') ? `\`${text}\`` : (flags.plus ? quoteAscii : quote)(text), flags)
    case 'x':
    case 'X': {
      const bytes = [...new TextEncoder().encode(text)].map(byte => byte.toString(16).padStart(2, '0'))
      const hex = bytes.join(flags.space ? ' ' : '')
      return pad((flags.sharp && hex !== '' ? '0x' : '') + (verb === 'X' ? hex.toUpperCase() : hex), flags)
    }
    default:
      return `%!${verb}(string=${value})`
  }
}

function formatNumber(value: number, verb: string, flags: Flags): string {
  const precision = flags.precision
  switch (verb) {
    case 'v':
    case 'g':
      return signed(formatFloat(value, 'g', precision), flags)
    case 'G':
      return signed(formatFloat(value, 'g', precision).toUpperCase().replace('INF', 'Inf').replace('NAN', 'NaN'), flags)
    case 'e':
      return signed(formatFloat(value, 'e', precision ?? 6), flags)
    case 'E':
      return signed(formatFloat(value, 'e', precision ?? 6).replace('e', 'E'), flags)
    case 'f':
    case 'F':
      return signed(formatFloat(value, 'f', precision ?? 6), flags)
    default:
      return wrong(value, verb)
  }
}

const bases: Readonly<Record<string, readonly [base: number, prefix: string]>> = {
  v: [10, ''],
  d: [10, ''],
  b: [2, '0b'],
  o: [8, '0'],
  O: [8, '0o'],
  x: [16, '0x'],
  X: [16, '0X'],
}

function formatInteger(value: bigint, verb: string, flags: Flags): string {
  const character = value >= 0n && value <= 0x10ffffn ? String.fromCodePoint(Number(value)) : '\ufffd'
  if (verb === 'c') return pad(character, flags)
  if (verb === 'q') return pad(`'${quote(character).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`, flags)
  if (verb === 'U') return pad(`U+${value.toString(16).toUpperCase().padStart(4, '0')}`, flags)
  const base = bases[verb]
  if (base === undefined) return wrong(value, verb)
  const digits = (value < 0n ? -value : value).toString(base[0])
  const shown = (verb === 'X' ? digits.toUpperCase() : digits).padStart(flags.precision ?? 0, '0')
  const prefix = flags.sharp || verb === 'O' ? base[1] : ''
  // A precision takes the place of zeros that fill a width.
  return signed(`${value < 0n ? '-' : ''}${prefix}${shown}`, flags.precision === undefined ? flags : { ...flags, zero: false })
}

/** With `+` or a space where it has no sign; zeros come behind the sign. */
function signed(text: string, flags: Flags): string {
  const unsigned = text.replace(/^[+-]/, '')
  const isNumber = /^\d/.test(unsigned)
  const sign = text.startsWith('-') ? '-' : flags.plus ? '+' : flags.space ? ' ' : !isNumber && text.startsWith('+') ? '+' : ''
  if (flags.zero && isNumber) return sign + unsigned.padStart((flags.width ?? 0) - sign.length, '0')
  return pad(sign + unsigned, flags.zero && !isNumber ? { ...flags, zero: false } : flags)
}

function pad(text: string, { width, minus, zero }: Flags): string {
  const missing = (width ?? 0) - [...text].length
  if (missing <= 0) return text
  return minus ? text + ' '.repeat(missing) : (zero ? '0' : ' ').repeat(missing) + text
}
