/**
 * Samples → chunks as Prometheus has them (chunk.ts reads them): numbers as XOR, histograms as float histograms. A chunk of histograms has one layout and
 * no reset in it, for whoever reads it takes both for granted.
 */
import { CUSTOM_BUCKETS_SCHEMA, type FloatHistogram, type Span } from '../../model/float-histogram.ts'
import type { Samples } from '../../model/query.ts'
import { STALE_HIGH, STALE_LOW } from '../chunk.ts'
import { BitWriter, XorWriter } from './bit-writer.ts'

export interface PrometheusChunk {
  /** epoch ms */
  readonly from: number
  readonly to: number
  /** Prometheus's number of it: 1 XOR, 3 float histograms */
  readonly encoding: 1 | 3
  readonly data: Uint8Array
}

/** [samples] as many as Prometheus puts into one */
const perChunk = 120
const GAUGE = 0b1100_0000

/** In their order; times are whole milliseconds. */
export function* prometheusChunks(samples: Samples): Generator<PrometheusChunk, void> {
  const { time, histograms } = samples
  for (let from = 0; from < time.length; ) {
    const first = histograms?.[from]
    let to = from + 1
    while (to < time.length && to - from < perChunk && goesOn(histograms?.[to - 1], histograms?.[to])) to++
    const data = first === undefined ? xorChunk(samples, from, to) : histogramChunk(time, histograms!, from, to)
    yield { from: Math.floor(time[from]!), to: Math.floor(time[to - 1]!), encoding: first === undefined ? 1 : 3, data }
    from = to
  }
}

function goesOn(before: FloatHistogram | undefined, next: FloatHistogram | undefined): boolean {
  if (before === undefined || next === undefined) return before === next
  return sameLayout(before, next) && (next.resetHint === 'gauge' || (next.resetHint !== 'reset' && grows(before, next)))
}

const sameLayout = (a: FloatHistogram, b: FloatHistogram): boolean =>
  a.schema === b.schema &&
  a.zeroThreshold === b.zeroThreshold &&
  (a.resetHint === 'gauge') === (b.resetHint === 'gauge') &&
  sameSpans(a.positiveSpans, b.positiveSpans) &&
  sameSpans(a.negativeSpans, b.negativeSpans) &&
  a.customBounds.length === b.customBounds.length &&
  a.customBounds.every((bound, i) => bound === b.customBounds[i])

const sameSpans = (a: readonly Span[], b: readonly Span[]): boolean =>
  a.length === b.length && a.every(({ offset, length }, i) => offset === b[i]!.offset && length === b[i]!.length)

/** No count is smaller than it was. */
const grows = (a: FloatHistogram, b: FloatHistogram): boolean =>
  b.count >= a.count &&
  b.zeroCount >= a.zeroCount &&
  b.positiveCounts.every((count, i) => count >= a.positiveCounts[i]!) &&
  b.negativeCounts.every((count, i) => count >= a.negativeCounts[i]!)

const out = new BitWriter()

function xorChunk({ time, value, stale }: Samples, from: number, to: number): Uint8Array {
  out.clear()
  out.bits(to - from, 16)
  const xor = new XorWriter()
  let [before, delta] = [0, 0]
  for (let i = from; i < to; i++) {
    const at = Math.floor(time[i]!)
    const step = at - before
    if (i === from) out.varint(at)
    else if (i === from + 1) out.uvarint(step)
    else out.difference(step - delta)
    delta = step
    before = at
    const isStale = stale?.[i] === 1
    if (i === from) {
      if (isStale) xor.wholeWords(out, STALE_HIGH, STALE_LOW)
      else xor.whole(out, value[i]!)
    } else if (isStale) xor.nextWords(out, STALE_HIGH, STALE_LOW)
    else xor.next(out, value[i]!)
  }
  return out.take()
}

function histogramChunk(time: Float64Array, histograms: readonly (FloatHistogram | undefined)[], from: number, to: number): Uint8Array {
  const first = histograms[from]!
  out.clear()
  out.bits(to - from, 16)
  out.bits(first.resetHint === 'gauge' ? GAUGE : 0, 8)
  writeLayout(first)
  const values = Array.from({ length: 3 + first.positiveCounts.length + first.negativeCounts.length }, () => new XorWriter())
  let [before, delta] = [0, 0]
  for (let i = from; i < to; i++) {
    const { count, zeroCount, sum, positiveCounts, negativeCounts } = histograms[i]!
    const at = Math.floor(time[i]!)
    const step = at - before
    out.varbitInt(i === from ? at : i === from + 1 ? step : step - delta)
    delta = step
    before = at
    let k = 0
    const write = (number: number) => (i === from ? values[k++]!.whole(out, number) : values[k++]!.next(out, number))
    write(count)
    write(zeroCount)
    write(sum)
    for (const bucket of positiveCounts) write(bucket)
    for (const bucket of negativeCounts) write(bucket)
  }
  return out.take()
}

function writeLayout({ schema, zeroThreshold, positiveSpans, negativeSpans, customBounds }: FloatHistogram): void {
  writeZeroThreshold(zeroThreshold)
  out.varbitInt(schema)
  writeSpans(positiveSpans)
  writeSpans(negativeSpans)
  if (schema !== CUSTOM_BUCKETS_SCHEMA) return
  out.varbitUint(customBounds.length)
  for (const bound of customBounds) writeBound(bound)
}

const plain = new XorWriter()

/** A power of two from 2^-243 to 2^10 in a byte, and whatever else behind 255. */
function writeZeroThreshold(threshold: number): void {
  const exponent = Math.round(Math.log2(threshold))
  if (threshold === 0) out.bits(0, 8)
  else if (exponent >= -243 && exponent <= 10 && 2 ** exponent === threshold) out.bits(exponent + 244, 8)
  else {
    out.bits(255, 8)
    plain.whole(out, threshold)
  }
}

function writeSpans(spans: readonly Span[]): void {
  out.varbitUint(spans.length)
  for (const { offset, length } of spans) {
    out.varbitUint(length)
    out.varbitInt(offset)
  }
}

/** Thousandths up to 33,554.43 as whole numbers and one more; others as they are, behind a 0. */
function writeBound(bound: number): void {
  const thousandths = Math.round(bound * 1000)
  if (bound * 1000 >= 0 && bound * 1000 <= 33_554_430 && thousandths / 1000 === bound) return out.varbitUint(thousandths + 1)
  out.bits(0, 1)
  plain.whole(out, bound)
}
