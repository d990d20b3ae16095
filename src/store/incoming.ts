/** What is handed to a store in one go, and what it writes to its log: series that are new, samples, metadata, exemplars. */
import type { FloatHistogram } from '../model/float-histogram.ts'
import { Labels } from '../model/labels.ts'
import type { Metadata } from '../model/query.ts'
import { ByteReader, type ByteWriter } from './bytes.ts'
import { SampleColumns } from './chunk.ts'
import { appendOne } from './head.ts'
import { readHistogram, writeHistogram } from './histograms.ts'

/** A series as its writer knows it: made once, used for every sample. */
export class SeriesHandle {
  readonly labels: Labels
  /** the mark of the head that it was written to last, and its number there; the store's own */
  head: object | undefined
  series = -1
  constructor(labels: Labels) {
    this.labels = labels
  }
}

export interface IncomingExemplar {
  readonly series: SeriesHandle
  readonly labels: Labels
  readonly value: number
  /** epoch ms */
  readonly time: number
}

export class Incoming {
  readonly samples: SampleColumns
  /** by sample */
  readonly series: SeriesHandle[] = []
  readonly metadata: { readonly family: string; readonly metadata: Metadata }[] = []
  readonly exemplars: IncomingExemplar[] = []

  constructor(capacity = 64) {
    this.samples = new SampleColumns(capacity)
  }

  /** @param time epoch ms, whole @param start epoch ms, 0 where unknown */
  number(series: SeriesHandle, time: number, value: number, start = 0): void {
    this.series.push(series)
    this.samples.push(time, value)
    this.samples.setStart(start)
  }
  stale(series: SeriesHandle, time: number): void {
    this.series.push(series)
    this.samples.pushStale(time)
  }
  histogram(series: SeriesHandle, time: number, histogram: FloatHistogram, start = 0): void {
    this.series.push(series)
    this.samples.pushHistogram(time, histogram)
    this.samples.setStart(start)
  }
  get empty(): boolean {
    return this.series.length === 0 && this.metadata.length === 0 && this.exemplars.length === 0
  }
}

const HISTOGRAM = 1
const START = 2

/**
 * body  new series: how many, varint; each: number varint, labels
 *       | metadata: how many, varint; each: family, type, unit, help: texts
 *       | samples u32 | their series u32 each | times f64 each | values 8 bytes each
 *       | flags u8: bit 0 histograms, bit 1 starts | starts f64 each | how many histograms, varint; each: sample varint, histogram
 *       | exemplars: how many, varint; each: series varint, time f64, value f64, labels
 */
export function writeBody(into: ByteWriter, incoming: Incoming, fresh: readonly SeriesHandle[]): void {
  const { samples, series, metadata, exemplars } = incoming
  into.varint(fresh.length)
  for (const handle of fresh) {
    into.varint(handle.series)
    writeLabels(into, handle.labels)
  }
  into.varint(metadata.length)
  for (const { family, metadata: m } of metadata) for (const text of [family, m.type, m.unit, m.help]) into.text(text)
  const { length } = samples
  into.u32(length)
  into.room(20 * length + 1)
  for (let i = 0; i < length; i++) into.u32(series[i]!.series)
  into.raw(bytesOf(samples.time, length))
  into.raw(bytesOf(samples.value, length))
  const held = samples.histograms?.flatMap((histogram, i) => (histogram === undefined ? [] : [{ i, histogram }])) ?? []
  into.u8((held.length > 0 ? HISTOGRAM : 0) | (samples.start === undefined ? 0 : START))
  if (samples.start !== undefined) into.raw(bytesOf(samples.start, length))
  if (held.length > 0) {
    into.varint(held.length)
    for (const { i, histogram } of held) {
      into.varint(i)
      writeHistogram(into, histogram, undefined)
    }
  }
  into.varint(exemplars.length)
  for (const { series: handle, labels, value, time } of exemplars) {
    into.varint(handle.series)
    into.f64(time)
    into.f64(value)
    writeLabels(into, labels)
  }
}

const bytesOf = (column: Float64Array, length: number): Uint8Array => new Uint8Array(column.buffer, column.byteOffset, 8 * length)

export function writeLabels(into: ByteWriter, { pairs }: Labels): void {
  into.varint(pairs.length)
  for (const text of pairs) into.text(text)
}

export function readLabels(from: ByteReader): Labels {
  const length = from.varint()
  if (length > from.bytes.length) throw new RangeError('labels go past the end')
  return Labels.sorted(Array.from({ length }, () => from.text()))
}

export interface ReadBody {
  readonly incoming: Incoming
  /** series that were named */
  readonly fresh: readonly SeriesHandle[]
  /** [samples and exemplars] of series that nobody has named, since the record that did is lost: they are left out */
  readonly nameless: number
}

/** @param handles by number, of this log; new series are entered */
export function readBody(bytes: Uint8Array, handles: (SeriesHandle | undefined)[]): ReadBody {
  const from = new ByteReader(bytes)
  const fresh: SeriesHandle[] = []
  for (let left = from.varint(); left > 0; left--) {
    const series = from.varint()
    const handle = new SeriesHandle(readLabels(from))
    handle.series = series
    handles[series] = handle
    fresh.push(handle)
  }
  const metadata: { family: string; metadata: Metadata }[] = []
  for (let left = from.varint(); left > 0; left--) {
    const [family, type, unit, help] = [from.text(), from.text() as Metadata['type'], from.text(), from.text()]
    metadata.push({ family, metadata: { type, unit, help } })
  }
  const length = from.u32()
  if (20 * length > bytes.length) throw new RangeError('samples go past the end')
  const incoming = new Incoming(length)
  incoming.metadata.push(...metadata)
  let nameless = 0
  for (let i = 0; i < length; i++) {
    const handle = handles[from.u32()]
    if (handle === undefined) nameless++
    incoming.series.push(handle ?? lost)
  }
  const { samples } = incoming
  samples.length = length
  readColumn(from, samples.time, length)
  readColumn(from, samples.value, length)
  const flags = from.u8()
  if ((flags & START) !== 0) {
    samples.start = new Float64Array(samples.capacity)
    readColumn(from, samples.start, length)
  }
  if ((flags & HISTOGRAM) !== 0) {
    samples.histograms = []
    for (let left = from.varint(); left > 0; left--) samples.histograms[from.varint()] = readHistogram(from, undefined)
  }
  for (let left = from.varint(); left > 0; left--) {
    const series = handles[from.varint()]
    const said = { time: from.f64(), value: from.f64(), labels: readLabels(from) }
    if (series === undefined) nameless++
    else incoming.exemplars.push({ series, ...said })
  }
  return { incoming: nameless === 0 ? incoming : withNames(incoming), fresh, nameless }
}

/** Stands for every series that nobody has named. */
const lost = new SeriesHandle(Labels.of([]))

function withNames(incoming: Incoming): Incoming {
  const named = new Incoming(incoming.samples.length)
  named.metadata.push(...incoming.metadata)
  named.exemplars.push(...incoming.exemplars)
  for (const [i, series] of incoming.series.entries()) {
    if (series === lost) continue
    named.series.push(series)
    appendOne(incoming.samples, i, named.samples)
  }
  return named
}

/** Byte by byte: a NaN keeps its bits. */
function readColumn(from: ByteReader, into: Float64Array, length: number): void {
  new Uint8Array(into.buffer).set(from.bytes.subarray(from.at, from.at + 8 * length))
  from.at += 8 * length
}
