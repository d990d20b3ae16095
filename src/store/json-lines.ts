/**
 * All that a store keeps as text that loses nothing: a JSON object a line, in any order.
 *
 *   {"family":"up","type":"gauge","unit":"","help":"…"}
 *   {"labels":{"__name__":"up","job":"a"},"times":[epoch ms, …],"values":[…],"starts":[epoch ms, 0 where unknown, …]}     no starts: none is known
 *   {"labels":{…},"exemplars":[{"labels":{"trace_id":"…"},"value":0.5,"time":epoch ms}, …]}
 *
 * A value is a number, or a text where JSON has no number: "NaN", "+Inf", "-Inf", "-0", "stale" (a stale marker), sixteen hexadecimal digits (any other
 * NaN, by its bits); or an object: a native histogram, with the fields of `FloatHistogram`, whose numbers are likewise. What is empty, 0 or "unknown" in it is left out.
 */
import { type CounterResetHint, CUSTOM_BUCKETS_SCHEMA, type FloatHistogram, type Span } from '../model/float-histogram.ts'
import { Labels } from '../model/labels.ts'
import type { Metadata } from '../model/query.ts'
import { type SampleColumns, STALE_HIGH, STALE_LOW } from './chunk.ts'

/** What makes no sense. */
export class JsonLineError extends Error {
  override readonly name = 'JsonLineError'
}

export type Line =
  | { readonly is: 'family'; readonly family: string; readonly metadata: Metadata }
  | { readonly is: 'samples'; readonly labels: Labels }
  | { readonly is: 'exemplars'; readonly labels: Labels; readonly exemplars: readonly LineExemplar[] }

export interface LineExemplar {
  readonly labels: Labels
  readonly value: number
  /** epoch ms */
  readonly time: number
}

const words = new Uint32Array(2)
const double = new Float64Array(words.buffer)
const NAN_HIGH = 0x7ff80000

// Writing

export const familyLine = (family: string, { type, unit, help }: Metadata): string => JSON.stringify({ family, type, unit, help })

export const exemplarsLine = (labels: Labels, exemplars: readonly LineExemplar[]): string =>
  JSON.stringify({
    labels: Object.fromEntries(labels),
    exemplars: exemplars.map(({ labels, value, time }) => ({ labels: Object.fromEntries(labels), value: writeNumber(value), time })),
  })

/** Samples [begin, end) of a series. */
export function samplesLine(labels: Labels, samples: SampleColumns, begin: number, end: number): string {
  const values: unknown[] = []
  for (let i = begin; i < end; i++) {
    const histogram = samples.histograms?.[i]
    values.push(histogram === undefined ? writeBits(samples.words[2 * i]!, samples.words[2 * i + 1]!) : writeHistogram(histogram))
  }
  const starts = samples.start?.subarray(begin, end)
  return JSON.stringify({
    labels: Object.fromEntries(labels),
    times: Array.from(samples.time.subarray(begin, end)),
    values,
    ...(starts?.some(start => start !== 0) === true ? { starts: Array.from(starts) } : {}),
  })
}

function writeBits(low: number, high: number): number | string {
  if (low === STALE_LOW && high === STALE_HIGH) return 'stale'
  words[0] = low
  words[1] = high
  return writeNumber(double[0]!, low, high)
}

function writeNumber(value: number, low = 0, high = NAN_HIGH): number | string {
  if (Number.isFinite(value)) return Object.is(value, -0) ? '-0' : value
  if (!Number.isNaN(value)) return value > 0 ? '+Inf' : '-Inf'
  return low === 0 && high === NAN_HIGH ? 'NaN' : high.toString(16).padStart(8, '0') + low.toString(16).padStart(8, '0')
}

function writeHistogram(h: FloatHistogram): object {
  const numbers = (list: readonly number[]) => (list.length === 0 ? undefined : list.map(value => writeNumber(value)))
  const spans = (list: readonly Span[]) => (list.length === 0 ? undefined : list.map(({ offset, length }) => [offset, length]))
  const some = (value: number) => (Object.is(value, 0) ? undefined : writeNumber(value))
  return {
    ...{ schema: h.schema, count: writeNumber(h.count), sum: writeNumber(h.sum) },
    ...{ zeroThreshold: some(h.zeroThreshold), zeroCount: some(h.zeroCount) },
    ...{ positiveSpans: spans(h.positiveSpans), positiveCounts: numbers(h.positiveCounts) },
    ...{ negativeSpans: spans(h.negativeSpans), negativeCounts: numbers(h.negativeCounts) },
    customBounds: numbers(h.customBounds),
    resetHint: h.resetHint === 'unknown' ? undefined : h.resetHint,
  }
}

// Reading

type Json = Readonly<Record<string, unknown>>

/** @param into is cleared, and filled where the line has samples @throws {JsonLineError} */
export function readLine(text: string, into: SampleColumns): Line {
  let line: unknown
  try {
    line = JSON.parse(text)
  } catch {
    throw new JsonLineError('it is no JSON')
  }
  if (!isObject(line)) throw new JsonLineError('it is no JSON object')
  if (line['family'] !== undefined) {
    const [family, type, unit, help] = ['family', 'type', 'unit', 'help'].map(field => textOf(line[field] ?? '', field))
    return { is: 'family', family: family!, metadata: { type: type as Metadata['type'], unit: unit!, help: help! } }
  }
  const labels = labelsOf(line['labels'])
  if (labels.name === '') throw new JsonLineError('labels: there is no __name__')
  if (line['exemplars'] !== undefined) return { is: 'exemplars', labels, exemplars: listOf(line['exemplars'], 'exemplars').map(exemplarOf) }
  readSamples(line, into)
  return { is: 'samples', labels }
}

function readSamples(line: Json, into: SampleColumns): void {
  const [times, values] = [listOf(line['times'], 'times'), listOf(line['values'], 'values')]
  const starts = line['starts'] === undefined ? undefined : listOf(line['starts'], 'starts')
  if (values.length !== times.length || (starts !== undefined && starts.length !== times.length)) {
    throw new JsonLineError(
      `there are ${times.length} times, ${values.length} values${starts === undefined ? '' : ` and ${starts.length} starts`}`,
    )
  }
  into.clear()
  for (const [i, value] of values.entries()) {
    const time = timeOf(times[i], 'times')
    if (value === 'stale') into.pushStale(time)
    else if (isObject(value)) into.pushHistogram(time, histogramOf(value))
    else {
      into.push(time, numberOf(value, 'values'))
      if (typeof value === 'string' && bits.test(value)) putBits(into, value)
    }
    if (starts !== undefined) into.setStart(timeOf(starts[i], 'starts'))
  }
}

const bits = /^[0-9a-f]{16}$/

function putBits(into: SampleColumns, value: string): void {
  into.words[2 * into.length - 1] = Number.parseInt(value.slice(0, 8), 16)
  into.words[2 * into.length - 2] = Number.parseInt(value.slice(8), 16)
}

function histogramOf(h: Json): FloatHistogram {
  const numbers = (field: string) => (h[field] === undefined ? [] : listOf(h[field], field).map(value => numberOf(value, field)))
  const spans = (field: string) => (h[field] === undefined ? [] : listOf(h[field], field).map(span => spanOf(span, field)))
  const schema = numberOf(h['schema'], 'schema')
  const read = {
    ...{ schema, count: numberOf(h['count'], 'count'), sum: numberOf(h['sum'], 'sum') },
    ...{ zeroThreshold: numberOf(h['zeroThreshold'] ?? 0, 'zeroThreshold'), zeroCount: numberOf(h['zeroCount'] ?? 0, 'zeroCount') },
    ...{ positiveSpans: spans('positiveSpans'), positiveCounts: numbers('positiveCounts') },
    ...{ negativeSpans: spans('negativeSpans'), negativeCounts: numbers('negativeCounts') },
    ...{ customBounds: numbers('customBounds'), resetHint: hintOf(h['resetHint'] ?? 'unknown') },
  }
  if (schema !== CUSTOM_BUCKETS_SCHEMA && !(Number.isInteger(schema) && schema >= -4 && schema <= 8))
    throw new JsonLineError(`schema: ${schema} is not known`)
  for (const side of ['positive', 'negative'] as const) {
    const length = read[`${side}Spans`].reduce((sum, { length }) => sum + length, 0)
    if (length !== read[`${side}Counts`].length)
      throw new JsonLineError(`${side}Counts: ${read[`${side}Counts`].length}, and the spans have ${length}`)
  }
  return read
}

function spanOf(span: unknown, field: string): Span {
  const [offset, length] = listOf(span, field)
  if (!Number.isInteger(offset) || !Number.isInteger(length) || (length as number) < 0)
    throw new JsonLineError(`${field}: a span is [offset, length]`)
  return { offset: offset as number, length: length as number }
}

const hints: readonly string[] = ['unknown', 'reset', 'not_reset', 'gauge']
function hintOf(value: unknown): CounterResetHint {
  if (typeof value === 'string' && hints.includes(value)) return value as CounterResetHint
  throw new JsonLineError(`resetHint: ${JSON.stringify(value)} is not known`)
}

function exemplarOf(value: unknown): LineExemplar {
  if (!isObject(value)) throw new JsonLineError('exemplars: one is no object')
  return { labels: labelsOf(value['labels']), value: numberOf(value['value'], 'value'), time: timeOf(value['time'], 'time') }
}

const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)

function labelsOf(value: unknown): Labels {
  if (!isObject(value)) throw new JsonLineError('labels: it is no object')
  return Labels.of(Object.entries(value).map(([name, text]) => [name, textOf(text, 'labels')] as const))
}
function listOf(value: unknown, field: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new JsonLineError(`${field}: it is no list`)
  return value
}
function textOf(value: unknown, field: string): string {
  if (typeof value !== 'string') throw new JsonLineError(`${field}: it is no text`)
  return value
}
/** Epoch ms, whole. */
function timeOf(value: unknown, field: string): number {
  if (typeof value === 'number' && Number.isInteger(value) && Math.abs(value) < 2 ** 50) return value
  throw new JsonLineError(`${field}: ${JSON.stringify(value)} is no time in whole milliseconds`)
}
const special: Readonly<Record<string, number>> = {
  NaN: Number.NaN,
  '+Inf': Number.POSITIVE_INFINITY,
  '-Inf': Number.NEGATIVE_INFINITY,
  '-0': -0,
}
function numberOf(value: unknown, field: string): number {
  if (typeof value === 'number') return value
  if (typeof value === 'string' && Object.hasOwn(special, value)) return special[value]!
  if (typeof value === 'string' && bits.test(value)) return Number.NaN
  throw new JsonLineError(`${field}: ${JSON.stringify(value)} is no number`)
}
