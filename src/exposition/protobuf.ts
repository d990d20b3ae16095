/**
 * The protobuf exposition format: io.prometheus.client.MetricFamily messages, each after its length. The only format with
 * native histograms: an exponential histogram is written as one, and with classic buckets beside it for whoever reads only those.
 */

import type { FloatHistogram } from '../model/float-histogram.ts'
import { coarser, maxSchema, toClassic, toSpans } from './exponential.ts'
import { type Exemplar, type Family, newRow, type Row } from './families.ts'
import { type Label, readLabels } from './labels.ts'
import { type FamilyType, hasUnit } from './naming.ts'
import { wholeMs } from './number.ts'
import { ProtoWriter, zigzag } from './proto-writer.ts'
import { placed } from './text.ts'

const types: Readonly<Record<FamilyType, number>> = { counter: 0, gauge: 1, summary: 2, unknown: 3, histogram: 4 }

/** [bytes] a piece of a page */
const pieceSize = 64 * 1024
/** What a histogram that names no zero threshold is given, as the Collector does: nothing but zero is that small. */
const smallestThreshold = 1e-128

/**
 * The page in pieces; undefined where there is nothing to send yet, but others may run: a family is sent when its length is
 * known.
 */
export function* protobufPage(families: Iterable<Family>): Generator<Uint8Array | undefined> {
  const row = newRow()
  const out = new ProtoWriter(2 * pieceSize)
  for (const family of families) {
    const metrics: Uint8Array[] = []
    let size = 0
    const flush = () => {
      const piece = out.take()
      size += piece.length
      metrics.push(piece)
    }
    // Prometheus reads all that comes after a classic histogram as classic, so that native ones of the same name must come first.
    let later = 0
    for (const native of family.type === 'histogram' ? [true, false] : [undefined]) {
      if (native === false && later === 0) break
      for (let i = 0; i < family.length; i++) {
        if (!family.read(i, row)) continue
        if (native !== undefined && isNative(row) !== native) {
          later++
          continue
        }
        writeMetric(out, row, family.type)
        if (out.length < pieceSize) continue
        flush()
        yield undefined
      }
    }
    if (out.length > 0) flush()
    if (size === 0) continue
    out.text(1, family.name)
    if (family.help !== '') out.text(2, family.help)
    out.varintField(3, types[family.type])
    if (hasUnit(family.name.replace(/_total$/, ''), family.unit)) out.text(5, family.unit)
    const head = out.take()
    out.varint(head.length + size)
    yield Buffer.concat([out.take(), head])
    yield* metrics
  }
}

function writeLabel(out: ProtoWriter, [name, value]: Label): void {
  const pair = out.begin(1)
  out.text(1, name)
  out.text(2, value)
  out.end(pair)
}

function writeMetric(out: ProtoWriter, row: Row, type: FamilyType): void {
  const metric = out.begin(4)
  for (const label of readLabels(row.labels)) writeLabel(out, label)
  if (row.shape === 'number') writeNumber(out, row, type)
  else if (row.shape === 'summary') writeSummary(out, row)
  else if (row.native !== undefined) writeFloatHistogram(out, row.native)
  else writeHistogram(out, row)
  if (!Number.isNaN(row.time)) out.varintField(6, wholeMs(row.time))
  out.end(metric)
}

/** Field numbers of the kinds of a Metric. */
const numberFields: Readonly<Partial<Record<FamilyType, number>>> = { gauge: 2, counter: 3 }
const untyped = 5

function writeNumber(out: ProtoWriter, row: Row, type: FamilyType): void {
  const number = out.begin(numberFields[type] ?? untyped)
  out.double(1, row.value)
  if (type === 'counter') {
    if (row.exemplars.length > 0) writeExemplar(out, 2, row.exemplars[0]!)
    writeTime(out, 3, row.start)
  }
  out.end(number)
}

function writeSummary(out: ProtoWriter, row: Row): void {
  const summary = out.begin(4)
  out.varintField(1, row.count)
  if (!Number.isNaN(row.sum)) out.double(2, row.sum)
  for (let k = 0; k < row.quantiles.length; k += 2) {
    const quantile = out.begin(3)
    out.double(1, row.quantiles[k]!)
    out.double(2, row.quantiles[k + 1]!)
    out.end(quantile)
  }
  writeTime(out, 4, row.start)
  out.end(summary)
}

function writeHistogram(out: ProtoWriter, row: Row): void {
  const histogram = out.begin(7)
  writeCount(out, 1, row.count)
  if (!Number.isNaN(row.sum)) out.double(2, row.sum)
  writeBuckets(out, row, row.shape === 'exponential' ? toClassic(row.exponential) : row)
  const native = isNative(row)
  if (native) writeNative(out, row)
  writeTime(out, 15, row.start)
  if (native) for (const exemplar of row.exemplars) if (exemplar.time > 0) writeExemplar(out, 16, exemplar)
  out.end(histogram)
}

const isNative = (row: Row): boolean => row.shape === 'native' || (row.shape === 'exponential' && addsUp(row))

/** Of all samples, or of those up to a bound: field 4 is, of both messages, for what is no whole number, as a rate has it. */
function writeCount(out: ProtoWriter, field: 1, count: number): void {
  if (Number.isInteger(count) && count >= 0) out.varintField(field, count)
  else out.double(4, count)
}

/** Counts as they are, which may be of a rate. */
function writeFloatHistogram(out: ProtoWriter, h: FloatHistogram): void {
  const histogram = out.begin(7)
  out.double(2, h.sum)
  out.double(4, h.count)
  out.varintField(5, zigzag(h.schema))
  out.double(6, h.zeroThreshold)
  out.double(8, h.zeroCount)
  for (const [spans, counts, spanField, countField] of [
    [h.negativeSpans, h.negativeCounts, 9, 11],
    [h.positiveSpans, h.positiveCounts, 12, 14],
  ] as const) {
    for (const { offset, length } of spans) writeSpan(out, spanField, offset, length)
    out.doubles(countField, counts)
  }
  out.end(histogram)
}

function writeSpan(out: ProtoWriter, field: number, offset: number, length: number): void {
  const span = out.begin(field)
  out.varintField(1, zigzag(offset))
  out.varintField(2, length)
  out.end(span)
}

function writeBuckets(out: ProtoWriter, row: Row, { bounds, buckets }: Pick<Row, 'bounds' | 'buckets'>): void {
  const exemplars = placed(row.exemplars, bounds)
  let sum = 0
  for (let k = 0; k <= bounds.length; k++) {
    const last = k === bounds.length
    sum = last ? row.count : sum + (buckets[k] ?? 0)
    const bucket = out.begin(3)
    writeCount(out, 1, sum)
    out.double(2, last ? Number.POSITIVE_INFINITY : bounds[k]!)
    const exemplar = exemplars?.[k]
    if (exemplar !== undefined) writeExemplar(out, 3, exemplar)
    out.end(bucket)
  }
}

/** Prometheus refuses the whole page for one native histogram whose buckets are not its count: that one is classic only. */
function addsUp({ count, exponential: h }: Row): boolean {
  let sum = h.zeroCount
  for (let k = 0; k < h.positive.length; k++) sum += h.positive[k]!
  for (let k = 0; k < h.negative.length; k++) sum += h.negative[k]!
  return sum === count && Number.isSafeInteger(count)
}

function writeNative(out: ProtoWriter, { exponential: h }: Row): void {
  const by = Math.max(0, h.scale - maxSchema)
  out.varintField(5, zigzag(h.scale - by))
  out.double(6, h.zeroThreshold > 0 && Number.isFinite(h.zeroThreshold) ? h.zeroThreshold : smallestThreshold)
  out.varintField(7, h.zeroCount)
  for (const [side, spanField, deltaField] of [
    [{ offset: h.negativeOffset, counts: h.negative }, 9, 10],
    [{ offset: h.positiveOffset, counts: h.positive }, 12, 13],
  ] as const) {
    const { spans, deltas } = toSpans(coarser(side, by))
    for (const [offset, length] of spans) writeSpan(out, spanField, offset, length)
    for (const delta of deltas) out.varintField(deltaField, zigzag(delta))
  }
}

function writeExemplar(out: ProtoWriter, field: number, { labels, value, time }: Exemplar): void {
  const exemplar = out.begin(field)
  for (const label of labels) writeLabel(out, label)
  out.double(2, value)
  writeTime(out, 3, time)
  out.end(exemplar)
}

/** google.protobuf.Timestamp; nothing where the time is unknown. */
function writeTime(out: ProtoWriter, field: number, ms: number): void {
  if (!(ms > 0)) return
  const nanos = Math.round((ms % 1000) * 1e6)
  const time = out.begin(field)
  out.varintField(1, Math.floor(ms / 1000))
  if (nanos > 0) out.varintField(2, Math.min(nanos, 999_999_999))
  out.end(time)
}
