/**
 * Native histograms one after the other. What rarely changes (schema, spans, bounds, zero threshold) is written when it does; counts, which are
 * whole numbers for nearly everybody, as differences to those before.
 *
 *   sample  head u8: bit 0 new layout, bit 1 counts are whole, bits 2-3 reset hint, bit 4 absent (no histogram: nothing follows)
 *           | layout | sum f64 | counts: count, zero count, positive, negative: signed differences where whole, else f64 each
 */
import { type CounterResetHint, CUSTOM_BUCKETS_SCHEMA, type FloatHistogram, type Span } from '../model/float-histogram.ts'
import type { ByteReader, ByteWriter } from './bytes.ts'

const NEW_LAYOUT = 1
const WHOLE = 2
const ABSENT = 16
const hints: readonly CounterResetHint[] = ['unknown', 'reset', 'not_reset', 'gauge']
const WHOLE_LIMIT = 2 ** 51

export function writeHistograms(into: ByteWriter, histograms: readonly (FloatHistogram | undefined)[], length: number): void {
  let before: FloatHistogram | undefined
  for (let i = 0; i < length; i++) {
    const histogram = histograms[i]
    if (histogram === undefined) into.u8(ABSENT)
    else {
      writeHistogram(into, histogram, before)
      before = histogram
    }
  }
}

export function writeHistogram(into: ByteWriter, h: FloatHistogram, before: FloatHistogram | undefined): void {
  const same = before !== undefined && sameLayout(h, before)
  const counts = countsOf(h)
  const whole = counts.every(isWhole) && (!same || countsOf(before).every(isWhole))
  into.u8((same ? 0 : NEW_LAYOUT) | (whole ? WHOLE : 0) | (hints.indexOf(h.resetHint) << 2))
  if (!same) writeLayout(into, h)
  into.f64(h.sum)
  const old = same ? countsOf(before) : undefined
  for (let k = 0; k < counts.length; k++) {
    if (whole) into.signed(counts[k]! - (old?.[k] ?? 0))
    else into.f64(counts[k]!)
  }
}

const isWhole = (count: number): boolean => Number.isInteger(count) && Math.abs(count) < WHOLE_LIMIT && !Object.is(count, -0)
const countsOf = (h: FloatHistogram): number[] => [h.count, h.zeroCount, ...h.positiveCounts, ...h.negativeCounts]

function writeLayout(into: ByteWriter, h: FloatHistogram): void {
  into.signed(h.schema)
  into.f64(h.zeroThreshold)
  for (const spans of [h.positiveSpans, h.negativeSpans]) {
    into.varint(spans.length)
    for (const { offset, length } of spans) {
      into.signed(offset)
      into.varint(length)
    }
  }
  into.varint(h.positiveCounts.length)
  into.varint(h.negativeCounts.length)
  if (h.schema !== CUSTOM_BUCKETS_SCHEMA) return
  into.varint(h.customBounds.length)
  for (const bound of h.customBounds) into.f64(bound)
}

function sameLayout(a: FloatHistogram, b: FloatHistogram): boolean {
  return (
    a.schema === b.schema &&
    Object.is(a.zeroThreshold, b.zeroThreshold) &&
    sameSpans(a.positiveSpans, b.positiveSpans) &&
    sameSpans(a.negativeSpans, b.negativeSpans) &&
    a.positiveCounts.length === b.positiveCounts.length &&
    a.negativeCounts.length === b.negativeCounts.length &&
    a.customBounds.length === b.customBounds.length &&
    a.customBounds.every((bound, k) => bound === b.customBounds[k])
  )
}

const sameSpans = (a: readonly Span[], b: readonly Span[]): boolean =>
  a === b || (a.length === b.length && a.every(({ offset, length }, k) => offset === b[k]!.offset && length === b[k]!.length))

/** @returns by sample; undefined where there is none */
export function readHistograms(from: ByteReader, length: number): (FloatHistogram | undefined)[] {
  const read: (FloatHistogram | undefined)[] = []
  let before: FloatHistogram | undefined
  for (let i = 0; i < length; i++) {
    const histogram = readHistogram(from, before)
    read.push(histogram)
    before = histogram ?? before
  }
  return read
}

export function readHistogram(from: ByteReader, before: FloatHistogram | undefined): FloatHistogram | undefined {
  const head = from.u8()
  if ((head & ABSENT) !== 0) return undefined
  const fresh = (head & NEW_LAYOUT) !== 0
  const layout = fresh ? readLayout(from) : before!
  const sum = from.f64()
  const old = fresh ? undefined : countsOf(before!)
  const positive = layout.positiveCounts.length
  const counts: number[] = []
  for (let k = 0; k < 2 + positive + layout.negativeCounts.length; k++) {
    counts.push((head & WHOLE) !== 0 ? from.signed() + (old?.[k] ?? 0) : from.f64())
  }
  return {
    ...layout,
    sum,
    count: counts[0]!,
    zeroCount: counts[1]!,
    positiveCounts: counts.slice(2, 2 + positive),
    negativeCounts: counts.slice(2 + positive),
    resetHint: hints[(head >>> 2) & 3]!,
  }
}

function readLayout(from: ByteReader): FloatHistogram {
  const schema = from.signed()
  const zeroThreshold = from.f64()
  const readSpans = () => Array.from({ length: bounded(from) }, (): Span => ({ offset: from.signed(), length: from.varint() }))
  const positiveSpans = readSpans()
  const negativeSpans = readSpans()
  const positiveCounts = new Array<number>(bounded(from)).fill(0)
  const negativeCounts = new Array<number>(bounded(from)).fill(0)
  const customBounds = schema === CUSTOM_BUCKETS_SCHEMA ? Array.from({ length: bounded(from) }, () => from.f64()) : []
  const none = { count: 0, sum: 0, zeroCount: 0, resetHint: 'unknown' as const }
  return { schema, zeroThreshold, positiveSpans, positiveCounts, negativeSpans, negativeCounts, customBounds, ...none }
}

/** A length that the bytes left could hold. */
function bounded(from: ByteReader): number {
  const length = from.varint()
  if (length > from.bytes.length) throw new RangeError('a list goes past the end')
  return length
}
