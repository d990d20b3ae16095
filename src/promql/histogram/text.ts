import { formatG } from '../../lib/go-text.ts'
import type { CounterResetHint, FloatHistogram, Span } from '../../model/float-histogram.ts'
import { allBuckets, type Bucket, negativeBuckets, positiveBuckets, zeroBucket } from './buckets.ts'
import { isCustom, oneSpan } from './layout.ts'

/** A histogram as it is written in tests and rule files: `{{schema:0 sum:5 count:4 buckets:[1 2 1]}}`. */
export interface HistogramLiteral {
  readonly histogram: FloatHistogram
  /** The hint is compared only where an expectation writes it. */
  readonly hintWritten: boolean
  /** [UTF-16 units] one past the closing braces */
  readonly end: number
}

/** A histogram literal that is none. */
export class HistogramLiteralError extends Error {
  override readonly name = 'HistogramLiteralError'
  /** [UTF-16 units] in the text that was given */
  readonly at: number
  constructor(message: string, at: number) {
    super(message)
    this.at = at
  }
}

export const emptyHistogram: FloatHistogram = {
  schema: 0,
  count: 0,
  sum: 0,
  zeroThreshold: 0,
  zeroCount: 0,
  positiveSpans: [],
  positiveCounts: [],
  negativeSpans: [],
  negativeCounts: [],
  customBounds: [],
  resetHint: 'unknown',
}

/**
 * Reads the literal that begins at `start`, where `{{` must stand; what follows it is not looked at.
 * Keys stand in any order, once each, and are not case-sensitive.
 * @throws {HistogramLiteralError}
 */
export function parseHistogram(text: string, start = 0): HistogramLiteral {
  if (!text.startsWith('{{', start)) throw new HistogramLiteralError('a histogram begins with "{{"', start)
  const values = new Map<Key, Value>()
  let at = start + 2
  for (;;) {
    const gap = skipSpace(text, at)
    if (text.startsWith('}}', gap)) return { ...build(values), end: gap + 2 }
    if (values.size > 0 && gap === at) throw unexpected(text, gap)
    const entry = readEntry(text, gap)
    if (values.has(entry.key)) throw new HistogramLiteralError(`duplicate key "${entry.key}" in histogram`, gap)
    values.set(entry.key, entry.value)
    at = entry.end
  }
}

type Value = number | readonly number[] | CounterResetHint
type Kind = 'int' | 'unsigned' | 'number' | 'list' | 'hint'

/** What each key takes. */
const keys = {
  schema: 'int',
  sum: 'number',
  count: 'number',
  z_bucket: 'number',
  z_bucket_w: 'unsigned',
  custom_values: 'list',
  buckets: 'list',
  offset: 'int',
  n_buckets: 'list',
  n_offset: 'int',
  counter_reset_hint: 'hint',
} as const satisfies Record<string, Kind>
type Key = keyof typeof keys

const hints: readonly string[] = ['unknown', 'reset', 'not_reset', 'gauge'] satisfies CounterResetHint[]

const word = /[a-z_]+/iy
const integer = /-?\d+/y
const float = /-?(?:0x[\da-f]+|(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|inf|nan)/iy

function match(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at
  return pattern.exec(text)?.[0]
}

function skipSpace(text: string, at: number): number {
  let end = at
  while (end < text.length && ' \t\n\r'.includes(text[end]!)) end++
  return end
}

function unexpected(text: string, at: number): HistogramLiteralError {
  if (at >= text.length) return new HistogramLiteralError('the histogram is not closed with "}}"', at)
  return new HistogramLiteralError(`histogram description incomplete unexpected: '${text[at]}'`, at)
}

function readEntry(text: string, at: number): { key: Key; value: Value; end: number } {
  const name = match(word, text, at)
  if (name === undefined) throw unexpected(text, at)
  const key = name.toLowerCase()
  if (!Object.hasOwn(keys, key)) throw new HistogramLiteralError(`bad histogram descriptor found: "${name}"`, at)
  const colon = at + name.length
  if (text[colon] !== ':') throw new HistogramLiteralError('missing `:` for histogram descriptor', colon)
  const { value, end } = readValue(text, colon + 1, keys[key as Key])
  return { key: key as Key, value, end }
}

function readValue(text: string, at: number, kind: Kind): { value: Value; end: number } {
  if (kind === 'list') return readList(text, at)
  if (kind === 'hint') {
    const hint = match(word, text, at)
    const value = hints.find(known => known === hint?.toLowerCase())
    if (hint === undefined || value === undefined) throw unexpected(text, at)
    return { value: value as CounterResetHint, end: at + hint.length }
  }
  const token = match(kind === 'int' ? integer : float, text, at)
  if (token === undefined || (kind === 'unsigned' && token.startsWith('-'))) throw unexpected(text, at)
  return { value: toNumber(token), end: at + token.length }
}

function readList(text: string, from: number): { value: readonly number[]; end: number } {
  if (text[from] !== '[') throw unexpected(text, from)
  const list: number[] = []
  let at = from + 1
  for (;;) {
    const gap = skipSpace(text, at)
    if (text[gap] === ']' && list.length > 0) return { value: list, end: gap + 1 }
    if (list.length > 0 && gap === at) throw unexpected(text, gap)
    const token = match(float, text, gap)
    if (token === undefined) throw unexpected(text, gap)
    list.push(toNumber(token))
    at = gap + token.length
  }
}

function toNumber(token: string): number {
  const negative = token.startsWith('-')
  const size = negative ? token.slice(1) : token
  const folded = size.toLowerCase()
  const value = folded === 'inf' ? Number.POSITIVE_INFINITY : folded === 'nan' ? Number.NaN : Number(size)
  return negative ? -value : value
}

function build(values: ReadonlyMap<Key, Value>): { histogram: FloatHistogram; hintWritten: boolean } {
  const number = (key: Key): number => (values.get(key) as number | undefined) ?? 0
  const list = (key: Key): readonly number[] => (values.get(key) as readonly number[] | undefined) ?? []
  const spans = (counts: readonly number[], offset: number): readonly Span[] =>
    counts.length === 0 ? [] : [{ offset, length: counts.length }]
  const positiveCounts = list('buckets')
  const negativeCounts = list('n_buckets')
  return {
    hintWritten: values.has('counter_reset_hint'),
    histogram: {
      schema: number('schema'),
      count: number('count'),
      sum: number('sum'),
      zeroThreshold: number('z_bucket_w'),
      zeroCount: number('z_bucket'),
      positiveSpans: spans(positiveCounts, number('offset')),
      positiveCounts,
      negativeSpans: spans(negativeCounts, number('n_offset')),
      negativeCounts,
      customBounds: list('custom_values'),
      resetHint: (values.get('counter_reset_hint') as CounterResetHint | undefined) ?? 'unknown',
    },
  }
}

/** The literal of a histogram, as short as it can be: what is 0 is left out, and buckets stand in one list. */
export function printHistogram(histogram: FloatHistogram): string {
  const parts: string[] = []
  const number = (key: Key, value: number): void => {
    if (value !== 0) parts.push(`${key}:${formatG(value)}`)
  }
  const list = (key: Key, values: readonly number[]): void => {
    if (values.length > 0) parts.push(`${key}:[${values.map(each => formatG(each)).join(' ')}]`)
  }
  number('schema', histogram.schema)
  number('count', histogram.count)
  number('sum', histogram.sum)
  number('z_bucket', histogram.zeroCount)
  number('z_bucket_w', histogram.zeroThreshold)
  if (isCustom(histogram)) list('custom_values', histogram.customBounds)
  if (histogram.resetHint !== 'unknown') parts.push(`counter_reset_hint:${histogram.resetHint}`)
  const positive = oneSpan(histogram.positiveSpans, histogram.positiveCounts)
  number('offset', positive.offset)
  list('buckets', positive.counts)
  const negative = oneSpan(histogram.negativeSpans, histogram.negativeCounts)
  number('n_offset', negative.offset)
  list('n_buckets', negative.counts)
  return `{{${parts.join(' ')}}}`
}

/** As Prometheus writes a sample that is a histogram, in `count_values`, in consoles and templates: `{count:4, sum:5, (0.5,1]:1}`. Empty buckets are left out. */
export function showHistogram(histogram: FloatHistogram): string {
  const parts = [`count:${formatG(histogram.count)}`, `sum:${formatG(histogram.sum)}`]
  const buckets = [...negativeBuckets(histogram).reverse(), zeroBucket(histogram), ...positiveBuckets(histogram)]
  for (const bucket of buckets) if (bucket.count !== 0) parts.push(showBucket(bucket))
  return `{${parts.join(', ')}}`
}

function showBucket({ lower, upper, lowerInclusive, upperInclusive, count }: Bucket): string {
  return `${lowerInclusive ? '[' : '('}${formatG(lower)},${formatG(upper)}${upperInclusive ? ']' : ')'}:${formatG(count)}`
}

/** A histogram in the JSON of the HTTP API: every number is a string, and each bucket is [which bounds belong to it, lower, upper, count]. */
export interface ApiHistogram {
  readonly count: string
  readonly sum: string
  /** left out where no bucket holds anything */
  readonly buckets?: readonly (readonly [0 | 1 | 2 | 3, string, string, string])[]
}

/** Empty buckets are left out. Which bounds belong: 0 the upper, 1 the lower, 2 neither, 3 both. */
export function apiHistogram(histogram: FloatHistogram): ApiHistogram {
  const totals = { count: apiNumber(histogram.count), sum: apiNumber(histogram.sum) }
  const full = allBuckets(histogram).filter(({ count }) => count !== 0)
  if (full.length === 0) return totals
  return {
    ...totals,
    buckets: full.map(bucket => [boundaries(bucket), apiNumber(bucket.lower), apiNumber(bucket.upper), apiNumber(bucket.count)]),
  }
}

function boundaries({ lowerInclusive, upperInclusive }: Bucket): 0 | 1 | 2 | 3 {
  if (lowerInclusive) return upperInclusive ? 3 : 1
  return upperInclusive ? 0 : 2
}

/** A number as the HTTP API writes it: decimal from a millionth up to 10^21, else with an exponent of two digits or more. */
export function apiNumber(value: number): string {
  if (Number.isNaN(value)) return 'NaN'
  if (value === Number.POSITIVE_INFINITY) return '+Inf'
  if (value === Number.NEGATIVE_INFINITY) return '-Inf'
  if (Object.is(value, -0)) return '-0'
  return String(value).replace(/e([+-])(\d)$/, 'e$10$2')
}
