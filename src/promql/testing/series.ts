/**
 * Series as Prometheus's tests write them: `name{label="value"} 1 2 3+1x4 _ stale {{sum:1 count:1}}`. A place each; `VxN` is V and N more,
 * `V+DxN` adds D each time, `_xN` is N places without a sample. The same in rule unit tests.
 */
import { Labels } from '../../model/labels.ts'
import { histogramSeries } from '../histogram/arithmetic.ts'
import { type HistogramLiteral, HistogramLiteralError, parseHistogram } from '../histogram/text.ts'
import { durationOf, numberOf } from './numbers.ts'
import { quotedAt } from './quoted.ts'
import { MAX_VALUES, MISSING, NATIVE, NUMBER, Sequence, STALE, tooMany } from './sequence.ts'

export interface SeriesDescription {
  readonly labels: Labels
  readonly values: Sequence
}

/** What is wrong with a line, and where in it. */
export class SeriesError extends Error {
  override readonly name = 'SeriesError'
  /** [UTF-16 units] from the start of the line */
  readonly at: number
  constructor(message: string, at: number) {
    super(message)
    this.at = at
  }
}

/** @throws {SeriesError} */
export function parseSeries(line: string): SeriesDescription {
  const { labels, end } = metricAt(line, 0)
  const values = new Sequence()
  for (let at = end; at < line.length; ) {
    const item = past(line, at, space)
    if (item === line.length) break
    if (item === at) throw new SeriesError(`expected a space, got ${shown(line, at)}`, at)
    at = line.startsWith('{{', item) ? histogramItem(line, item, values) : numberItem(line, item, values)
  }
  return { labels, values }
}

/** Whether a line gives start timestamps (`name{label="value"}@st …`) to the samples of the line after it. */
export const isStartLine = (line: string): boolean => /^[^ \t]*@st[ \t]/.test(line)

/** Its values are offsets [ms] to the times of the samples. @throws {SeriesError} */
export function parseStartLine(line: string): SeriesDescription {
  const { labels, end } = metricAt(line, 0)
  if (!line.startsWith('@st', end)) throw new SeriesError(`expected @st, got ${shown(line, end)}`, end)
  const values = new Sequence()
  for (const { 0: item, index } of line.slice(end + 3).matchAll(/\S+/g)) startItem(item, end + 3 + index, values)
  return { labels, values }
}

/** The name and labels that begin at `from`: `name`, `name{l="v"}`, `{l="v"}`, `{"name", l="v"}`, `{}`. @throws {SeriesError} */
export function metricAt(text: string, from: number): { readonly labels: Labels; readonly end: number } {
  const end = past(text, from, name)
  const labels: [string, string][] = end > from ? [['__name__', text.slice(from, end)]] : []
  if (text[end] === '{' && !(end > from && text[end + 1] === '{')) return labelsAt(text, end + 1, labels)
  if (end === from) throw new SeriesError(`expected a metric's name or "{", got ${shown(text, from)}`, from)
  return { labels: Labels.of(labels), end }
}

function labelsAt(text: string, from: number, labels: [string, string][]): { readonly labels: Labels; readonly end: number } {
  for (let at = past(text, from, space); ; ) {
    if (text[at] === '}') return { labels: Labels.of(labels), end: at + 1 }
    at = past(text, labelAt(text, at, labels), space)
    if (text[at] === ',') at = past(text, at + 1, space)
    else if (text[at] !== '}') throw new SeriesError(`expected "," or "}" after a label, got ${shown(text, at)}`, at)
  }
}

/** @returns where it ends */
function labelAt(text: string, from: number, labels: [string, string][]): number {
  const name = labelName(text, from)
  const at = past(text, name.end, space)
  if (text[at] !== '=') {
    // A name before the braces stands.
    if (name.quoted && labels.some(([key]) => key === '__name__')) return name.end
    if (!name.quoted) throw new SeriesError(`expected "=" after ${JSON.stringify(name.value)}, got ${shown(text, at)}`, at)
    labels.push(['__name__', name.value])
    return name.end
  }
  const start = past(text, at + 1, space)
  const value = quotedAt(text, start)
  if (value === undefined) throw new SeriesError(`expected a string, got ${shown(text, start)}`, start)
  labels.push([name.value, value.value])
  return value.end
}

function labelName(text: string, from: number): { readonly value: string; readonly end: number; readonly quoted: boolean } {
  const string = quotedAt(text, from)
  if (string !== undefined) return { ...string, quoted: true }
  const end = past(text, from, label)
  if (end === from) throw new SeriesError(`expected a label's name or "}", got ${shown(text, from)}`, from)
  return { value: text.slice(from, end), end, quoted: false }
}

/** @returns where it ends */
function numberItem(line: string, from: number, values: Sequence): number {
  item.lastIndex = from
  const [whole, blanks, first, step, times, endless] = item.exec(line) ?? []
  if (whole === undefined) throw new SeriesError(`expected _, a number, stale or a histogram, got ${shown(line, from)}`, from)
  if (endless !== undefined) throw new SeriesError(`expected how often: ${whole}xN`, from)
  bounded(from, () => {
    if (first === undefined) repeat(Number(blanks ?? 1), () => values.add(MISSING))
    else if (first === 'stale') repeat(Number(times ?? 0) + 1, () => values.add(STALE))
    else climb(number(first, from), step === undefined ? 0 : number(step, from), Number(times ?? 0), values)
  })
  return from + whole.length
}

/** The step is added again and again, as it was when the expectations were written: the sums carry the same errors. */
function climb(first: number, step: number, times: number, values: Sequence): void {
  let value = first
  repeat(times + 1, () => {
    values.add(NUMBER, value)
    value += step
  })
}

function number(text: string, at: number): number {
  const value = numberOf(text)
  if (value === undefined) throw new SeriesError(`expected a number, got ${JSON.stringify(text)}`, at)
  return value
}

/** @returns where it ends */
function histogramItem(line: string, from: number, values: Sequence): number {
  const first = histogramAt(line, from)
  const sign = line[first.end]
  if (sign === '+' || sign === '-') return addedHistograms(line, from, first, sign === '+' ? 1 : -1, values)
  const times = timesAt(line, first.end)
  bounded(from, () => repeat((times?.times ?? 0) + 1, () => values.add(NATIVE, 0, first.histogram, first.hintWritten)))
  return times?.end ?? first.end
}

/** `{{first}}+{{step}}xN` @returns where it ends */
function addedHistograms(line: string, from: number, first: HistogramLiteral, sign: 1 | -1, values: Sequence): number {
  const step = histogramAt(line, first.end + 1)
  const times = timesAt(line, step.end)
  if (times === undefined) throw new SeriesError('expected how often: {{…}}+{{…}}xN', step.end)
  bounded(from, () => {
    if (times.times >= MAX_VALUES) throw tooMany()
    for (const histogram of histogramSeries(first.histogram, step.histogram, times.times, sign))
      values.add(NATIVE, 0, histogram, step.hintWritten)
  })
  return times.end
}

function timesAt(line: string, from: number): { readonly times: number; readonly end: number } | undefined {
  const end = past(line, from, repeated)
  return end === from ? undefined : { times: Number(line.slice(from + 1, end)), end }
}

function histogramAt(line: string, from: number): HistogramLiteral {
  try {
    return parseHistogram(line, from)
  } catch (error) {
    throw error instanceof HistogramLiteralError ? new SeriesError(error.message, error.at) : error
  }
}

function startItem(text: string, at: number, values: Sequence): void {
  const [, blanks, first, step, times] = startPattern.exec(text) ?? []
  const ms = first === undefined ? 0 : offset(first)
  const climb = step === undefined ? 0 : offset(step)
  const known = blanks !== undefined || first !== undefined || text === '_'
  if (!known || ms === undefined || climb === undefined || blanks === '0' || (step !== undefined && times === undefined))
    throw new SeriesError(`expected _ or an offset like -30s, -1mx5 or -1m+1sx5, got ${JSON.stringify(text)}`, at)
  bounded(at, () => {
    if (first === undefined) repeat(Number(blanks ?? 1), () => values.add(MISSING))
    else repeat(Number(times ?? 0) + 1, i => values.add(NUMBER, ms + i * climb))
  })
}

function offset(text: string): number | undefined {
  const ms = durationOf(text.replace(/^[+-]/, ''))
  return ms !== undefined && text.startsWith('-') ? -ms : ms
}

function repeat(times: number, run: (i: number) => void): void {
  for (let i = 0; i < times; i++) run(i)
}

/** Too many values are told where they are written. */
function bounded(at: number, run: () => void): void {
  try {
    run()
  } catch (error) {
    throw error instanceof RangeError ? new SeriesError(error.message, at) : error
  }
}

const space = /[ \t]+/y
const name = /[A-Za-z_:][\w:]*/y
const label = /[A-Za-z_]\w*/y
const digits = '(?:\\d[\\d_]*(?:\\.[\\d_]*)?|\\.\\d[\\d_]*)(?:[eE][+-]?\\d[\\d_]*)?'
const item = new RegExp(
  `(?:_(?:x(\\d+))?|([+-]?(?:${digits}|inf|nan)|stale)(?:([+-](?:${digits}|inf|nan))?x(\\d+)|([+-](?:${digits}|inf|nan)))?)(?=[ \\t]|$)`,
  'iy',
)
const repeated = /x\d+/y
const startPattern = /^(?:_(?:x(\d+))?|([+-]?\d+[A-Za-wyz]*(?:\d+[A-Za-wyz]+)*)(?:([+-]\d+[A-Za-wyz]*(?:\d+[A-Za-wyz]+)*)?x(\d+))?)$/

/** Where a run of what `pattern` matches, which may be none, ends. */
function past(text: string, from: number, pattern: RegExp): number {
  pattern.lastIndex = from
  return pattern.test(text) ? pattern.lastIndex : from
}

const shown = (text: string, at: number): string => (at >= text.length ? 'the end of the line' : JSON.stringify(text.slice(at, at + 20)))
