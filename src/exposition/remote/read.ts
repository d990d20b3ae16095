/** Remote write's messages, 1.0 (prometheus.WriteRequest) and 2.0 (io.prometheus.write.v2.Request), read from decompressed bytes. */
import type { CounterResetHint, FloatHistogram, Span } from '../../model/float-histogram.ts'
import { BYTES, Cursor, FIXED64, readText, VARINT } from '../../otlp/wire.ts'
import type { Label } from '../labels.ts'
import {
  type RemoteExemplar,
  type RemoteHistogram,
  type RemoteMetadata,
  type RemoteSample,
  type RemoteSeries,
  remoteTypes,
} from './series.ts'

/** A series that cannot be read; the others of its request can. */
export class SeriesError extends Error {
  override readonly name = 'SeriesError'
}

/** What is told of each series of a request: read, or why it cannot be. */
export interface RemoteListener {
  series(series: RemoteSeries): void
  /** a series that is wrong in itself, and how many samples, histograms and exemplars it has */
  wrong(problem: string): void
  /** 1.0 only: of a family of metrics */
  metadata?(family: string, metadata: RemoteMetadata): void
}

/** @throws {MalformedError} where it is no message; what was told before is told */
export function readWriteV1(bytes: Uint8Array, listener: RemoteListener): void {
  for (const field = new Cursor(bytes, 0, bytes.length, 'write request', 'remote write'); field.next(); ) {
    if (field.is(1, BYTES)) told(listener, () => seriesV1(field.message('time series')))
    else if (field.is(3, BYTES)) {
      const { family, ...metadata } = familyMetadata(field.message('metadata'))
      listener.metadata?.(family, metadata)
    }
  }
}

/** The texts of a request of 2.0, by number; undefined: not UTF-8. */
type Symbols = readonly (string | undefined)[]

/** @throws {MalformedError} */
export function readWriteV2(bytes: Uint8Array, listener: RemoteListener): void {
  const symbols: (string | undefined)[] = []
  const start = new Cursor(bytes, 0, bytes.length, 'write request', 'remote write')
  // Symbols may stand anywhere, and so are read before anything that refers to them.
  for (const field = start.again(); field.next(); ) if (field.is(4, BYTES)) symbols.push(utf8Of(field))
  for (const field = start.again(); field.next(); ) {
    if (field.is(5, BYTES)) told(listener, () => seriesV2(field.message('time series'), symbols))
  }
}

function told(listener: RemoteListener, read: () => RemoteSeries): void {
  let series: RemoteSeries
  try {
    series = read()
  } catch (error) {
    if (!(error instanceof SeriesError)) throw error
    return listener.wrong(error.message)
  }
  listener.series(series)
}

function seriesV1(field: Cursor): RemoteSeries {
  const labels: Label[] = []
  const samples: RemoteSample[] = []
  const histograms: RemoteHistogram[] = []
  const exemplars: RemoteExemplar[] = []
  while (field.next()) {
    if (field.wire !== BYTES) continue
    if (field.number === 1) labels.push(readLabel(field.message('label')))
    else if (field.number === 2) samples.push(sampleOf(field.message('sample')))
    else if (field.number === 3) exemplars.push(exemplarOf(field.message('exemplar'), undefined))
    else if (field.number === 4) histograms.push(histogramOf(field.message('histogram')))
  }
  return { labels, samples, histograms, exemplars, metadata: undefined }
}

function seriesV2(field: Cursor, symbols: Symbols): RemoteSeries {
  const refs: number[] = []
  const samples: RemoteSample[] = []
  const histograms: RemoteHistogram[] = []
  const exemplars: RemoteExemplar[] = []
  let metadata: RemoteMetadata | undefined
  // Once a field of the series itself, where it is now of each sample.
  let created = 0
  while (field.next()) {
    if (field.number === 1) numbersOf(field, refs)
    else if (field.is(2, BYTES)) samples.push(sampleOf(field.message('sample')))
    else if (field.is(3, BYTES)) histograms.push(histogramOf(field.message('histogram')))
    else if (field.is(4, BYTES)) exemplars.push(exemplarOf(field.message('exemplar'), symbols))
    else if (field.is(5, BYTES)) metadata = seriesMetadata(field.message('metadata'), symbols)
    else if (field.is(6, VARINT)) created = int64Of(field)
  }
  const labels = labelsOf(refs, symbols)
  if (created === 0) return { labels, samples, histograms, exemplars, metadata }
  const since = <T extends { readonly start: number }>(one: T): T => (one.start === 0 ? { ...one, start: created } : one)
  return { labels, samples: samples.map(since), histograms: histograms.map(since), exemplars, metadata }
}

function labelsOf(refs: readonly number[], symbols: Symbols): Label[] {
  if (refs.length % 2 === 1) throw new SeriesError('labels_refs has a name without a value')
  const labels: Label[] = []
  for (let i = 0; i < refs.length; i += 2) labels.push([symbolOf(refs[i]!, symbols), symbolOf(refs[i + 1]!, symbols)])
  return labels
}

function symbolOf(ref: number, symbols: Symbols): string {
  const symbol = symbols[ref]
  if (symbol === undefined && ref < symbols.length) throw new SeriesError('has a text that is not UTF-8')
  if (symbol === undefined) throw new SeriesError(`refers to symbol ${ref}, and there are ${symbols.length}`)
  return symbol
}

function readLabel(field: Cursor): Label {
  let name = ''
  let value = ''
  while (field.next()) {
    if (field.is(1, BYTES)) name = textOf(field)
    else if (field.is(2, BYTES)) value = textOf(field)
  }
  return [name, value]
}

/** What is not UTF-8 holds U+FFFD, which `readText` puts there, without its bytes being there. */
const replacement = Buffer.from('\ufffd')
function utf8Of(field: Cursor): string | undefined {
  const text = readText(field.bytes, field.start, field.end)
  return text.includes('\ufffd') && !Buffer.from(field.payload).includes(replacement) ? undefined : text
}

function textOf(field: Cursor): string {
  const text = utf8Of(field)
  if (text === undefined) throw new SeriesError('has a text that is not UTF-8')
  return text
}

function sampleOf(field: Cursor): RemoteSample {
  let time = 0
  let start = 0
  let value = 0
  let stale = false
  while (field.next()) {
    if (field.is(1, FIXED64)) {
      value = field.double
      stale = isStale(field)
    } else if (field.is(2, VARINT)) time = int64Of(field)
    else if (field.is(3, VARINT)) start = int64Of(field)
  }
  return { time, start, stale, value }
}

/** The one NaN that says so; its bits may not survive in a number. */
function isStale({ bytes, start }: Cursor): boolean {
  if (bytes[start] !== 2 || bytes[start + 7] !== 0x7f || bytes[start + 6] !== 0xf0) return false
  for (let i = 1; i < 6; i++) if (bytes[start + i] !== 0) return false
  return true
}

function exemplarOf(field: Cursor, symbols: Symbols | undefined): RemoteExemplar {
  const labels: Label[] = []
  const refs: number[] = []
  let value = 0
  let time = 0
  while (field.next()) {
    if (field.number === 1 && symbols !== undefined) numbersOf(field, refs)
    else if (field.is(1, BYTES)) labels.push(readLabel(field.message('label')))
    else if (field.is(2, FIXED64)) value = field.double
    else if (field.is(3, VARINT)) time = int64Of(field)
  }
  return { labels: symbols === undefined ? labels : labelsOf(refs, symbols), value, time }
}

function familyMetadata(field: Cursor): RemoteMetadata & { readonly family: string } {
  let type = 0
  let [family, help, unit] = ['', '', '']
  while (field.next()) {
    if (field.is(1, VARINT)) type = int64Of(field)
    else if (field.is(2, BYTES)) family = readText(field.bytes, field.start, field.end)
    else if (field.is(4, BYTES)) help = readText(field.bytes, field.start, field.end)
    else if (field.is(5, BYTES)) unit = readText(field.bytes, field.start, field.end)
  }
  return { family, type: remoteTypes[type] ?? 'unknown', help, unit }
}

function seriesMetadata(field: Cursor, symbols: Symbols): RemoteMetadata {
  let type = 0
  let [help, unit] = ['', '']
  while (field.next()) {
    if (field.is(1, VARINT)) type = int64Of(field)
    else if (field.is(3, VARINT)) help = symbolOf(int64Of(field), symbols)
    else if (field.is(4, VARINT)) unit = symbolOf(int64Of(field), symbols)
  }
  return { type: remoteTypes[type] ?? 'unknown', help, unit }
}

const resetHints: readonly CounterResetHint[] = ['unknown', 'reset', 'not_reset', 'gauge']

/** Integer and float histograms alike. */
function histogramOf(field: Cursor): RemoteHistogram {
  const positive: Side = { spans: [], deltas: [], counts: [] }
  const negative: Side = { spans: [], deltas: [], counts: [] }
  const customBounds: number[] = []
  let [count, sum, schema, zeroThreshold, zeroCount, hint, time, start] = [0, 0, 0, 0, 0, 0, 0, 0]
  let stale = false
  while (field.next()) {
    if (field.is(1, VARINT) || field.is(2, FIXED64)) count = field.wire === VARINT ? uint64Of(field) : field.double
    else if (field.is(3, FIXED64)) {
      sum = field.double
      stale = isStale(field)
    } else if (field.is(4, VARINT)) schema = unzigzag(uint64Of(field))
    else if (field.is(5, FIXED64)) zeroThreshold = field.double
    else if (field.is(6, VARINT) || field.is(7, FIXED64)) zeroCount = field.wire === VARINT ? uint64Of(field) : field.double
    else if (field.is(8, BYTES)) negative.spans.push(spanOf(field.message('span')))
    else if (field.number === 9) numbersOf(field, negative.deltas)
    else if (field.number === 10) doublesOf(field, negative.counts)
    else if (field.is(11, BYTES)) positive.spans.push(spanOf(field.message('span')))
    else if (field.number === 12) numbersOf(field, positive.deltas)
    else if (field.number === 13) doublesOf(field, positive.counts)
    else if (field.is(14, VARINT)) hint = int64Of(field)
    else if (field.is(15, VARINT)) time = int64Of(field)
    else if (field.number === 16) doublesOf(field, customBounds)
    else if (field.is(17, VARINT)) start = int64Of(field)
  }
  const histogram: FloatHistogram = {
    ...{ schema, count, sum, zeroThreshold, zeroCount, customBounds },
    positiveSpans: positive.spans,
    positiveCounts: countsOf(positive),
    negativeSpans: negative.spans,
    negativeCounts: countsOf(negative),
    resetHint: resetHints[hint] ?? 'unknown',
  }
  return { time, start, stale, histogram }
}

interface Side {
  readonly spans: Span[]
  /** as on the wire: zigzag */
  readonly deltas: number[]
  readonly counts: number[]
}

function countsOf({ spans, deltas, counts }: Side): readonly number[] {
  const absolute = deltas.length === 0 ? counts : summed(deltas)
  const wanted = spans.reduce((sum, { length }) => sum + length, 0)
  if (absolute.length !== wanted) throw new SeriesError(`a histogram has ${absolute.length} buckets, and spans for ${wanted}`)
  return absolute
}

function summed(deltas: readonly number[]): number[] {
  let sum = 0
  return deltas.map(delta => (sum += unzigzag(delta)))
}

function spanOf(field: Cursor): Span {
  let [offset, length] = [0, 0]
  while (field.next()) {
    if (field.is(1, VARINT)) offset = unzigzag(uint64Of(field))
    else if (field.is(2, VARINT)) length = uint64Of(field)
  }
  return { offset, length }
}

const unzigzag = (value: number): number => (value % 2 === 1 ? -(value + 1) / 2 : value / 2)

/** Varints, packed or one by one. */
export function numbersOf(field: Cursor, into: number[]): void {
  if (field.wire === VARINT) return void into.push(uint64Of(field))
  if (field.wire !== BYTES) return
  const { bytes, end } = field
  for (let at = field.start; at < end; ) {
    let value = 0
    let scale = 1
    while (at < end && bytes[at]! >= 0x80 && scale < 2 ** 63) {
      value += (bytes[at++]! & 0x7f) * scale
      scale *= 128
    }
    if (at === end) throw new SeriesError('a list of numbers is cut off')
    into.push(value + (bytes[at++]! & 0x7f) * scale)
  }
}

/** Doubles, packed or one by one. */
function doublesOf(field: Cursor, into: number[]): void {
  if (field.wire === FIXED64) return void into.push(field.double)
  if (field.wire !== BYTES) return
  if ((field.end - field.start) % 8 !== 0) throw new SeriesError('a list of doubles is cut off')
  const view = new DataView(field.bytes.buffer, field.bytes.byteOffset, field.bytes.byteLength)
  for (let at = field.start; at < field.end; at += 8) into.push(view.getFloat64(at, true))
}

/** [bytes] of a varint that a double holds exactly */
const exactBytes = 7

function uint64Of(field: Cursor): number {
  return field.end - field.start <= exactBytes ? shortVarint(field) : Number(field.uint64)
}

export function int64Of(field: Cursor): number {
  return field.end - field.start <= exactBytes ? shortVarint(field) : Number(BigInt.asIntN(64, field.uint64))
}

function shortVarint({ bytes, start, end }: Cursor): number {
  let value = 0
  for (let at = end - 1; at >= start; at--) value = value * 128 + (bytes[at]! & 0x7f)
  return value
}
