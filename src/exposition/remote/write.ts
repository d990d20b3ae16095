/** Remote write's messages, 1.0 and 2.0, as bytes that are to be compressed yet. */
import type { FloatHistogram, Span } from '../../model/float-histogram.ts'
import type { Label } from '../labels.ts'
import { ProtoWriter, zigzag } from '../proto-writer.ts'
import {
  type RemoteExemplar,
  type RemoteHistogram,
  type RemoteMetadata,
  type RemoteSample,
  type RemoteSeries,
  remoteTypes,
} from './series.ts'

/** [bytes] to begin with */
const initialBytes = 64 * 1024

/** prometheus.WriteRequest. @param families what is told of families of metrics, by name */
export function writeV1(series: readonly RemoteSeries[], families: Iterable<readonly [string, RemoteMetadata]> = []): Uint8Array {
  const out = new ProtoWriter(initialBytes)
  for (const one of series) writeTimeSeries(out, one)
  for (const [family, { type, help, unit }] of families) {
    const from = out.begin(3)
    out.varintField(1, remoteTypes.indexOf(type))
    out.text(2, family)
    if (help !== '') out.text(4, help)
    if (unit !== '') out.text(5, unit)
    out.end(from)
  }
  return out.take()
}

/** prometheus.TimeSeries as field 1, as in requests to write and in answers to reads. */
export function writeTimeSeries(out: ProtoWriter, { labels, samples, histograms, exemplars }: RemoteSeries): void {
  const from = out.begin(1)
  for (const label of labels) writeLabel(out, label)
  for (const sample of samples) writeSample(out, 2, sample, false)
  for (const { labels: about, value, time } of exemplars) {
    const exemplar = out.begin(3)
    for (const label of about) writeLabel(out, label)
    writeValueAndTime(out, value, time)
    out.end(exemplar)
  }
  for (const histogram of histograms) writeHistogram(out, 4, histogram, false)
  out.end(from)
}

/** io.prometheus.write.v2.Request */
export function writeV2(series: readonly RemoteSeries[]): Uint8Array {
  const symbols = new Symbols()
  const out = new ProtoWriter(initialBytes)
  const refs: number[] = []
  for (const { labels, samples, histograms, exemplars, metadata } of series) {
    const from = out.begin(5)
    out.varints(1, symbols.refs(labels, refs))
    for (const sample of samples) writeSample(out, 2, sample, true)
    for (const histogram of histograms) writeHistogram(out, 3, histogram, true)
    for (const { labels: about, value, time } of exemplars) {
      const exemplar = out.begin(4)
      out.varints(1, symbols.refs(about, refs))
      writeValueAndTime(out, value, time)
      out.end(exemplar)
    }
    if (metadata !== undefined) {
      const about = out.begin(5)
      out.varintField(1, remoteTypes.indexOf(metadata.type))
      if (metadata.help !== '') out.varintField(3, symbols.ref(metadata.help))
      if (metadata.unit !== '') out.varintField(4, symbols.ref(metadata.unit))
      out.end(about)
    }
    out.end(from)
  }
  const body = out.take()
  for (const symbol of symbols.all) out.text(4, symbol)
  return Buffer.concat([out.take(), body])
}

/** Texts by number; the empty one is 0. */
class Symbols {
  readonly #numbers = new Map<string, number>([['', 0]])

  ref(text: string): number {
    const known = this.#numbers.get(text)
    if (known !== undefined) return known
    this.#numbers.set(text, this.#numbers.size)
    return this.#numbers.size - 1
  }

  refs(labels: readonly Label[], into: number[]): readonly number[] {
    into.length = 0
    for (const [name, value] of labels) into.push(this.ref(name), this.ref(value))
    return into
  }

  get all(): Iterable<string> {
    return this.#numbers.keys()
  }
}

export function writeLabel(out: ProtoWriter, [name, value]: Label): void {
  const from = out.begin(1)
  out.text(1, name)
  out.text(2, value)
  out.end(from)
}

/** The NaN that stands for a series that is no more. */
const staleMarker = Buffer.from([0x02, 0, 0, 0, 0, 0, 0xf0, 0x7f])

function writeDouble(out: ProtoWriter, field: number, value: number, stale: boolean): void {
  if (!stale) return out.double(field, value)
  out.varint(field * 8 + 1)
  out.raw(staleMarker)
}

function writeSample(out: ProtoWriter, field: number, { time, start, stale, value }: RemoteSample, starts: boolean): void {
  const from = out.begin(field)
  writeDouble(out, 1, value, stale)
  out.int64(2, Math.floor(time))
  if (starts && start > 0) out.int64(3, Math.floor(start))
  out.end(from)
}

function writeValueAndTime(out: ProtoWriter, value: RemoteExemplar['value'], time: number): void {
  out.double(2, value)
  out.int64(3, Math.floor(time))
}

const hints = { unknown: 0, reset: 1, not_reset: 2, gauge: 3 } as const

function writeHistogram(out: ProtoWriter, field: number, { time, start, stale, histogram }: RemoteHistogram, starts: boolean): void {
  const from = out.begin(field)
  const { schema, count, sum, zeroThreshold, zeroCount, customBounds, resetHint } = histogram
  // Whole counts travel as differences, which is what receivers expect of what was counted.
  const whole = isWhole(histogram)
  if (whole) out.varintField(1, count)
  else out.double(2, count)
  writeDouble(out, 3, sum, stale)
  out.varintField(4, zigzag(schema))
  out.double(5, zeroThreshold)
  if (whole) out.varintField(6, zeroCount)
  else out.double(7, zeroCount)
  writeSide(out, 8, histogram.negativeSpans, histogram.negativeCounts, whole)
  writeSide(out, 11, histogram.positiveSpans, histogram.positiveCounts, whole)
  if (resetHint !== 'unknown') out.varintField(14, hints[resetHint])
  out.int64(15, Math.floor(time))
  out.doubles(16, customBounds)
  if (starts && start > 0) out.int64(17, Math.floor(start))
  out.end(from)
}

const isWhole = ({ count, zeroCount, positiveCounts, negativeCounts }: FloatHistogram): boolean =>
  [count, zeroCount, ...positiveCounts, ...negativeCounts].every(one => Number.isSafeInteger(one) && one >= 0)

/** Spans, differences and counts have fields one after the other. */
function writeSide(out: ProtoWriter, field: number, spans: readonly Span[], counts: readonly number[], whole: boolean): void {
  for (const { offset, length } of spans) {
    const span = out.begin(field)
    out.varintField(1, zigzag(offset))
    out.varintField(2, length)
    out.end(span)
  }
  if (!whole) return out.doubles(field + 2, counts)
  out.varints(
    field + 1,
    counts.map((count, i) => zigzag(count - (counts[i - 1] ?? 0))),
  )
}
