// ExportMetricsServiceRequest → points.
import { after, eight, equal, longTag, past, payload, skip, varint } from "./bytes"
import {
  BUCKETS as POOL, EXEMPLARS, EXPONENTIALS, HISTOGRAMS, METRICS, NUMBERS, QUANTILES, SUMMARIES, base, capacity, reserve, rows, setRows,
} from "./columns"
import { BUCKETS, DATA, EXEMPLAR, METRIC_BODY, ODD_LENGTH, POINT, QUANTILE, SCOPE_ENTRY, copying, fail } from "./fail"
import { bounds, metric, series } from "./names"
import { gather, ms, offset, small, spanId, traceId, zigzag } from "./request"
import { BOUNDS, PIECES, address, append, clear, used } from "./scratch"

/** [rows] without a series, in this request */
export let overflowed: u32 = 0
export function resetOverflowed(): void { overflowed = 0 }

export function readMetrics(p: usize, end: usize, scope: u32, id: i32): void {
  while (p < end) {
    const at = p
    let tag = <u32>load<u8>(p++)
    if (tag > 127) { tag = longTag(at, end, SCOPE_ENTRY); p = after }
    if (tag != 0x12) { p = skip(tag, p, end, SCOPE_ENTRY); continue }
    const to = past(p, end, SCOPE_ENTRY)
    readMetric(at, payload(p), to, scope, id)
    p = to
  }
}

const GAUGE = 0x2a, SUM = 0x3a, HISTOGRAM = 0x4a, EXPONENTIAL = 0x52, SUMMARY = 0x5a

// @ts-ignore: decorator
@inline function isData(tag: u32): bool { return tag == GAUGE || tag == SUM || tag == HISTOGRAM || tag == EXPONENTIAL || tag == SUMMARY }

/** `prometheus.type` as every encoder writes it: a key, a length, a value that is a text. */
const TYPE_KEY = memory.data<u8>([0x0a, 15, 0x70, 0x72, 0x6f, 0x6d, 0x65, 0x74, 0x68, 0x65, 0x75, 0x73, 0x2e, 0x74, 0x79, 0x70, 0x65, 0x12])
const TYPE_KEY_LENGTH: usize = 18
/** The types, one behind the other, each with its length in front: unknown, counter, gauge, histogram, gaugehistogram, summary, info, stateset. */
const TYPES = memory.data<u8>([
  7, 0x75, 0x6e, 0x6b, 0x6e, 0x6f, 0x77, 0x6e,
  7, 0x63, 0x6f, 0x75, 0x6e, 0x74, 0x65, 0x72,
  5, 0x67, 0x61, 0x75, 0x67, 0x65,
  9, 0x68, 0x69, 0x73, 0x74, 0x6f, 0x67, 0x72, 0x61, 0x6d,
  14, 0x67, 0x61, 0x75, 0x67, 0x65, 0x68, 0x69, 0x73, 0x74, 0x6f, 0x67, 0x72, 0x61, 0x6d,
  7, 0x73, 0x75, 0x6d, 0x6d, 0x61, 0x72, 0x79,
  4, 0x69, 0x6e, 0x66, 0x6f,
  8, 0x73, 0x74, 0x61, 0x74, 0x65, 0x73, 0x65, 0x74,
])

/** Which of the types the metadata at `p` names, from 1 on; `otherwise` where it is about something else. */
function prometheusType(p: usize, end: usize, otherwise: i32): i32 {
  if (end < p + TYPE_KEY_LENGTH + 3 || !equal(p, TYPE_KEY, TYPE_KEY_LENGTH)) return otherwise
  const value = p + TYPE_KEY_LENGTH + 3
  const length = end - value
  if (load<u8>(value - 3) != length + 2 || load<u8>(value - 2) != 0x0a || load<u8>(value - 1) != length) return otherwise
  let type = TYPES
  for (let i = 1; i <= 8; i++) {
    const typeLength = <usize>load<u8>(type)
    if (typeLength == length && equal(value, type + 1, length)) return i
    type += 1 + typeLength
  }
  return otherwise
}

function readMetric(from: usize, first: usize, end: usize, scope: u32, scopeId: i32): void {
  const index = addMetric(from, end, scope)
  let name: usize = 0, nameEnd: usize = 0, unit: usize = 0, unitEnd: usize = 0, description: usize = 0, descriptionEnd: usize = 0
  let prometheus = 0
  // The data is a oneof: another member replaces what was there, the same member, given again, adds to it.
  let data: u32 = 0, dataFrom: usize = 0, a: usize = 0, b: usize = 0, pieces = 0
  let p = first
  while (p < end) {
    const at = p
    let tag = <u32>load<u8>(p++)
    if (tag > 127) { tag = longTag(at, end, METRIC_BODY); p = after }
    if (tag == 0x0a) { nameEnd = past(p, end, METRIC_BODY); name = payload(p); p = nameEnd }
    else if (tag == 0x12) { descriptionEnd = past(p, end, METRIC_BODY); description = payload(p); p = descriptionEnd }
    else if (tag == 0x1a) { unitEnd = past(p, end, METRIC_BODY); unit = payload(p); p = unitEnd }
    else if (tag == 0x62) { const to = past(p, end, METRIC_BODY); prometheus = prometheusType(payload(p), to, prometheus); p = to }
    else if (isData(tag)) {
      b = past(p, end, METRIC_BODY)
      a = payload(p)
      p = b
      if (tag != data) { data = tag; dataFrom = at; pieces = 0 }
      pieces++
    } else p = skip(tag, p, end, METRIC_BODY)
  }
  if (data == 0) return
  if (pieces == 1) {
    header(a, b, data)
  } else {
    temporality = 0; monotonic = 0; points = 0
    for (p = dataFrom; p < end;) p = piece(p, end, data, headerMore, index, 0)
  }
  if (points == 0) return
  const type = data == GAUGE ? 0 : data == SUM ? 1 : data == HISTOGRAM ? 2 : data == EXPONENTIAL ? 3 : 4
  const id = metric(scopeId, type | temporality << 3 | monotonic << 5 | prometheus << 6, name, nameEnd - name, unit, unitEnd - unit, description, descriptionEnd - description)
  if (pieces == 1) readPoints(a, b, data, index, id)
  else for (p = dataFrom; p < end;) p = piece(p, end, data, readPoints, index, id)
}

/** One field of the metric; `read` gets it where it is the data. */
function piece(p: usize, end: usize, data: u32, read: (a: usize, b: usize, data: u32, index: u32, id: i32) => void, index: u32, id: i32): usize {
  const at = p
  let tag = <u32>load<u8>(p++)
  if (tag > 127) { tag = longTag(at, end, METRIC_BODY); p = after }
  const to = skip(tag, p, end, METRIC_BODY)
  if (tag == data) read(payload(p), to, data, index, id)
  return to
}

let temporality: u32 = 0
let monotonic: u32 = 0
let points: u32 = 0

function header(a: usize, b: usize, data: u32): void {
  temporality = 0; monotonic = 0; points = 0
  headerMore(a, b, data, 0, 0)
}

/** What stands beside the points, and whether there are any. */
function headerMore(p: usize, end: usize, data: u32, index: u32, id: i32): void {
  while (p < end) {
    const at = p
    let tag = <u32>load<u8>(p++)
    if (tag > 127) { tag = longTag(at, end, DATA); p = after }
    if (tag == 0x0a) { p = past(p, end, DATA); points = 1 }
    else if (tag == 0x10 && data != GAUGE && data != SUMMARY) { temporality = small(p, end, 2, DATA); p = after }
    else if (tag == 0x18 && data == SUM) { monotonic = <u32>(varint(p, end, DATA) != 0); p = after }
    else p = skip(tag, p, end, DATA)
  }
}

function addMetric(from: usize, to: usize, scope: u32): u32 {
  reserve(METRICS, 1)
  const n = rows(METRICS), step = capacity(METRICS) << 2
  const q = base(METRICS) + (<usize>n << 2)
  store<u32>(q, offset(from))
  store<u32>(q + step, offset(to))
  store<u32>(q + 2 * step, scope)
  setRows(METRICS, n + 1)
  return n
}

function readPoints(p: usize, end: usize, data: u32, index: u32, id: i32): void {
  while (p < end) {
    const at = p
    let tag = <u32>load<u8>(p++)
    if (tag > 127) { tag = longTag(at, end, DATA); p = after }
    if (tag != 0x0a) { p = skip(tag, p, end, DATA); continue }
    const to = past(p, end, DATA)
    const first = payload(p)
    if (data == GAUGE || data == SUM) readNumber(at, first, to, index, id)
    else if (data == HISTOGRAM) readHistogram(at, first, to, index, id)
    else if (data == EXPONENTIAL) readExponential(at, first, to, index, id)
    else readSummary(at, first, to, index, id)
    p = to
  }
}

// ---- what all points have

let runFrom: usize = 0
let runTo: usize = 0
let apart: bool = false

/** The end of the run of fields with this tag that begins at `at`, its tag having been read. */
// @ts-ignore: decorator
@inline function run(at: usize, p: usize, end: usize, tag: u32): usize {
  p = past(p, end, POINT)
  while (p < end && load<u8>(p) == tag) p = past(p + 1, end, POINT)
  if (runTo != 0) apart = true
  else { runFrom = at; runTo = p }
  return p
}

// @ts-ignore: decorator
@inline function seriesOf(id: i32, from: usize, first: usize, end: usize, tag: u32): i32 {
  copying(from)
  if (apart) {
    gather(first, end, tag, from)
    runFrom = address(PIECES)
    runTo = runFrom + used(PIECES)
  }
  const found = series(id, runFrom, runTo - runFrom)
  overflowed += <u32>(found < 0)
  return found
}

/** {series, metric, flags, from, to} at `q`, `step` bytes apart; returns the place after. */
// @ts-ignore: decorator
@inline function common(q: usize, step: usize, found: i32, index: u32, flags: u32, from: usize, to: usize): usize {
  store<i32>(q, found); q += step
  store<u32>(q, index); q += step
  store<u32>(q, flags); q += step
  store<u32>(q, offset(from)); q += step
  store<u32>(q, offset(to))
  return q + step
}

// ---- numbers

function readNumber(from: usize, first: usize, end: usize, index: u32, id: i32): void {
  let start: u64 = 0, time: u64 = 0, value: f64 = NaN, flags: u32 = 0
  runFrom = first; runTo = 0; apart = false
  let p = first
  while (p < end) {
    const at = p
    let tag = <u32>load<u8>(p++)
    if (tag > 127) { tag = longTag(at, end, POINT); p = after }
    switch (tag) {
      case 0x3a: p = run(at, p, end, 0x3a); break
      case 0x11: { const q = eight(p, end, POINT); start = load<u64>(p); p = q; break }
      case 0x19: { const q = eight(p, end, POINT); time = load<u64>(p); p = q; break }
      case 0x21: { const q = eight(p, end, POINT); value = load<f64>(p); p = q; break }
      case 0x31: { const q = eight(p, end, POINT); value = <f64>load<i64>(p); p = q; break }
      case 0x40: { flags = <u32>varint(p, end, POINT); p = after; break }
      case 0x2a: { const q = past(p, end, POINT); readExemplar(at, payload(p), q, 0, rows(NUMBERS)); p = q; break }
      default: p = skip(tag, p, end, POINT)
    }
  }
  if (runTo == 0) runTo = runFrom
  const found = seriesOf(id, from, first, end, 0x3a)
  reserve(NUMBERS, 1)
  const n = rows(NUMBERS), c = capacity(NUMBERS)
  const q = base(NUMBERS) + (<usize>n << 3), step = c << 3
  store<f64>(q, ms(start))
  store<f64>(q + step, ms(time))
  store<f64>(q + 2 * step, flags & 1 ? NaN : value)
  common(base(NUMBERS) + 24 * c + (<usize>n << 2), c << 2, found, index, flags, from, end)
  setRows(NUMBERS, n + 1)
}

// ---- histograms

function readHistogram(from: usize, first: usize, end: usize, index: u32, id: i32): void {
  let start: u64 = 0, time: u64 = 0, count: u64 = 0, sum: f64 = NaN, low: f64 = NaN, high: f64 = NaN, flags: u32 = 0
  let boundsFrom: usize = 0, boundsTo: usize = 0, boundsApart = false
  const pool = rows(POOL)
  runFrom = first; runTo = 0; apart = false
  let p = first
  while (p < end) {
    const at = p
    let tag = <u32>load<u8>(p++)
    if (tag > 127) { tag = longTag(at, end, POINT); p = after }
    switch (tag) {
      case 0x4a: p = run(at, p, end, 0x4a); break
      case 0x11: { const q = eight(p, end, POINT); start = load<u64>(p); p = q; break }
      case 0x19: { const q = eight(p, end, POINT); time = load<u64>(p); p = q; break }
      case 0x21: { const q = eight(p, end, POINT); count = load<u64>(p); p = q; break }
      case 0x29: { const q = eight(p, end, POINT); sum = load<f64>(p); p = q; break }
      case 0x59: { const q = eight(p, end, POINT); low = load<f64>(p); p = q; break }
      case 0x61: { const q = eight(p, end, POINT); high = load<f64>(p); p = q; break }
      case 0x32: { const q = past(p, end, POINT); counts(payload(p), q); p = q; break }
      case 0x31: { const q = eight(p, end, POINT); counts(p, q); p = q; break }
      case 0x3a: case 0x39: {
        const q = tag == 0x3a ? past(p, end, POINT) : eight(p, end, POINT)
        const a = tag == 0x3a ? payload(p) : p
        if ((q - a) & 7) fail(ODD_LENGTH, POINT, at)
        if (boundsTo == 0) { boundsFrom = a; boundsTo = q }
        else {
          if (!boundsApart) { clear(BOUNDS); append(BOUNDS, boundsFrom, boundsTo - boundsFrom); boundsApart = true }
          append(BOUNDS, a, q - a)
        }
        p = q
        break
      }
      case 0x50: { flags = <u32>varint(p, end, POINT); p = after; break }
      case 0x42: { const q = past(p, end, POINT); readExemplar(at, payload(p), q, 1, rows(HISTOGRAMS)); p = q; break }
      default: p = skip(tag, p, end, POINT)
    }
  }
  if (boundsApart) { boundsFrom = address(BOUNDS); boundsTo = boundsFrom + used(BOUNDS) }
  let length = rows(POOL) - pool, boundsId = -1
  if (length != 0 && length != <u32>((boundsTo - boundsFrom) >> 3) + 1) {
    // Buckets that do not fit the bounds cannot be read; the row keeps its count and sum.
    setRows(POOL, pool)
    length = 0
  } else boundsId = bounds(boundsFrom, boundsTo - boundsFrom)
  if (runTo == 0) runTo = runFrom
  const found = seriesOf(id, from, first, end, 0x4a)
  reserve(HISTOGRAMS, 1)
  const n = rows(HISTOGRAMS), c = capacity(HISTOGRAMS)
  distribution(base(HISTOGRAMS) + (<usize>n << 3), c << 3, start, time, count, sum, low, high)
  const step = c << 2
  let q = common(base(HISTOGRAMS) + 48 * c + (<usize>n << 2), step, found, index, flags, from, end)
  store<i32>(q, boundsId); q += step
  store<u32>(q, pool); q += step
  store<u32>(q, length)
  setRows(HISTOGRAMS, n + 1)
}

// @ts-ignore: decorator
@inline function distribution(q: usize, step: usize, start: u64, time: u64, count: u64, sum: f64, low: f64, high: f64): usize {
  store<f64>(q, ms(start)); q += step
  store<f64>(q, ms(time)); q += step
  store<f64>(q, <f64>count); q += step
  store<f64>(q, sum); q += step
  store<f64>(q, low); q += step
  store<f64>(q, high)
  return q + step
}

/** Packed fixed64 → the pool. */
function counts(p: usize, end: usize): void {
  if ((end - p) & 7) fail(ODD_LENGTH, POINT, p)
  const more = <u32>((end - p) >> 3)
  reserve(POOL, more)
  let q = base(POOL) + (<usize>rows(POOL) << 3)
  for (; p < end; p += 8) { store<f64>(q, <f64>load<u64>(p)); q += 8 }
  setRows(POOL, rows(POOL) + more)
}

// ---- exponential histograms

function readExponential(from: usize, first: usize, end: usize, index: u32, id: i32): void {
  let start: u64 = 0, time: u64 = 0, count: u64 = 0, sum: f64 = NaN, low: f64 = NaN, high: f64 = NaN, flags: u32 = 0
  let scale = 0, zeros: u64 = 0, threshold: f64 = 0
  runFrom = first; runTo = 0; apart = false
  let p = first
  while (p < end) {
    const at = p
    let tag = <u32>load<u8>(p++)
    if (tag > 127) { tag = longTag(at, end, POINT); p = after }
    switch (tag) {
      case 0x0a: p = run(at, p, end, 0x0a); break
      case 0x11: { const q = eight(p, end, POINT); start = load<u64>(p); p = q; break }
      case 0x19: { const q = eight(p, end, POINT); time = load<u64>(p); p = q; break }
      case 0x21: { const q = eight(p, end, POINT); count = load<u64>(p); p = q; break }
      case 0x29: { const q = eight(p, end, POINT); sum = load<f64>(p); p = q; break }
      case 0x30: { scale = zigzag(varint(p, end, POINT)); p = after; break }
      case 0x39: { const q = eight(p, end, POINT); zeros = load<u64>(p); p = q; break }
      case 0x50: { flags = <u32>varint(p, end, POINT); p = after; break }
      case 0x5a: { const q = past(p, end, POINT); readExemplar(at, payload(p), q, 2, rows(EXPONENTIALS)); p = q; break }
      case 0x61: { const q = eight(p, end, POINT); low = load<f64>(p); p = q; break }
      case 0x69: { const q = eight(p, end, POINT); high = load<f64>(p); p = q; break }
      case 0x71: { const q = eight(p, end, POINT); threshold = load<f64>(p); p = q; break }
      default: p = skip(tag, p, end, POINT)
    }
  }
  const positiveFrom = rows(POOL), positiveOffset = side(first, end, 0x42)
  const negativeFrom = rows(POOL), negativeOffset = side(first, end, 0x4a)
  if (runTo == 0) runTo = runFrom
  const found = seriesOf(id, from, first, end, 0x0a)
  reserve(EXPONENTIALS, 1)
  const n = rows(EXPONENTIALS), c = capacity(EXPONENTIALS)
  const d = distribution(base(EXPONENTIALS) + (<usize>n << 3), c << 3, start, time, count, sum, low, high)
  store<f64>(d, <f64>zeros)
  store<f64>(d + (c << 3), threshold)
  const step = c << 2
  let q = common(base(EXPONENTIALS) + 64 * c + (<usize>n << 2), step, found, index, flags, from, end)
  store<i32>(q, scale); q += step
  store<i32>(q, positiveOffset); q += step
  store<u32>(q, positiveFrom); q += step
  store<u32>(q, negativeFrom - positiveFrom); q += step
  store<i32>(q, negativeOffset); q += step
  store<u32>(q, negativeFrom); q += step
  store<u32>(q, rows(POOL) - negativeFrom)
  setRows(EXPONENTIALS, n + 1)
}

/** Buckets of one side of a point → the pool; returns their offset. A second pass, so that each side's counts lie together. */
function side(p: usize, end: usize, wanted: u32): i32 {
  let shift = 0
  while (p < end) {
    const at = p
    let tag = <u32>load<u8>(p++)
    if (tag > 127) { tag = longTag(at, end, POINT); p = after }
    const to = skip(tag, p, end, POINT)
    if (tag == wanted) shift = buckets(payload(p), to, shift)
    p = to
  }
  return shift
}

function buckets(p: usize, end: usize, shift: i32): i32 {
  while (p < end) {
    const at = p
    let tag = <u32>load<u8>(p++)
    if (tag > 127) { tag = longTag(at, end, BUCKETS); p = after }
    if (tag == 0x08) { shift = zigzag(varint(p, end, BUCKETS)); p = after }
    else if (tag == 0x10) { addCount(varint(p, end, BUCKETS)); p = after }
    else if (tag == 0x12) {
      const to = past(p, end, BUCKETS)
      p = payload(p)
      while (p < to) {
        const byte = <u64>load<u8>(p)
        if (byte < 128) { addCount(byte); p++ }
        else { addCount(varint(p, to, BUCKETS)); p = after }
      }
    } else p = skip(tag, p, end, BUCKETS)
  }
  return shift
}

// @ts-ignore: decorator
@inline function addCount(count: u64): void {
  reserve(POOL, 1)
  const n = rows(POOL)
  store<f64>(base(POOL) + (<usize>n << 3), <f64>count)
  setRows(POOL, n + 1)
}

// ---- summaries

function readSummary(from: usize, first: usize, end: usize, index: u32, id: i32): void {
  let start: u64 = 0, time: u64 = 0, count: u64 = 0, sum: f64 = 0, flags: u32 = 0
  const pool = rows(QUANTILES)
  runFrom = first; runTo = 0; apart = false
  let p = first
  while (p < end) {
    const at = p
    let tag = <u32>load<u8>(p++)
    if (tag > 127) { tag = longTag(at, end, POINT); p = after }
    switch (tag) {
      case 0x3a: p = run(at, p, end, 0x3a); break
      case 0x11: { const q = eight(p, end, POINT); start = load<u64>(p); p = q; break }
      case 0x19: { const q = eight(p, end, POINT); time = load<u64>(p); p = q; break }
      case 0x21: { const q = eight(p, end, POINT); count = load<u64>(p); p = q; break }
      case 0x29: { const q = eight(p, end, POINT); sum = load<f64>(p); p = q; break }
      case 0x32: { const q = past(p, end, POINT); quantile(payload(p), q); p = q; break }
      case 0x40: { flags = <u32>varint(p, end, POINT); p = after; break }
      default: p = skip(tag, p, end, POINT)
    }
  }
  if (runTo == 0) runTo = runFrom
  const found = seriesOf(id, from, first, end, 0x3a)
  reserve(SUMMARIES, 1)
  const n = rows(SUMMARIES), c = capacity(SUMMARIES)
  let d = base(SUMMARIES) + (<usize>n << 3)
  store<f64>(d, ms(start)); d += c << 3
  store<f64>(d, ms(time)); d += c << 3
  store<f64>(d, <f64>count); d += c << 3
  store<f64>(d, sum)
  const q = common(base(SUMMARIES) + 32 * c + (<usize>n << 2), c << 2, found, index, flags, from, end)
  store<u32>(q, pool)
  store<u32>(q + (c << 2), rows(QUANTILES) - pool)
  setRows(SUMMARIES, n + 1)
}

function quantile(p: usize, end: usize): void {
  let rank: f64 = 0, value: f64 = 0
  while (p < end) {
    const at = p
    let tag = <u32>load<u8>(p++)
    if (tag > 127) { tag = longTag(at, end, QUANTILE); p = after }
    if (tag == 0x09) { const q = eight(p, end, QUANTILE); rank = load<f64>(p); p = q }
    else if (tag == 0x11) { const q = eight(p, end, QUANTILE); value = load<f64>(p); p = q }
    else p = skip(tag, p, end, QUANTILE)
  }
  
  reserve(QUANTILES, 1)
  const n = rows(QUANTILES)
  store<f64>(base(QUANTILES) + (<usize>n << 4), rank)
  store<f64>(base(QUANTILES) + (<usize>n << 4), value, 8)
  setRows(QUANTILES, n + 1)
}

// ---- exemplars

function readExemplar(from: usize, p: usize, end: usize, group: u32, row: u32): void {
  reserve(EXEMPLARS, 1)
  const n = rows(EXEMPLARS), c = capacity(EXEMPLARS), b = base(EXEMPLARS)
  const ids = b + 28 * c + 24 * <usize>n
  store<u64>(ids, 0); store<u64>(ids, 0, 8); store<u64>(ids, 0, 16)
  let time: u64 = 0, value: f64 = NaN
  while (p < end) {
    const at = p
    let tag = <u32>load<u8>(p++)
    if (tag > 127) { tag = longTag(at, end, EXEMPLAR); p = after }
    switch (tag) {
      case 0x11: { const q = eight(p, end, EXEMPLAR); time = load<u64>(p); p = q; break }
      case 0x19: { const q = eight(p, end, EXEMPLAR); value = load<f64>(p); p = q; break }
      case 0x31: { const q = eight(p, end, EXEMPLAR); value = <f64>load<i64>(p); p = q; break }
      case 0x22: { const q = past(p, end, EXEMPLAR); spanId(ids + 16, payload(p), q, EXEMPLAR); p = q; break }
      case 0x2a: { const q = past(p, end, EXEMPLAR); traceId(ids, payload(p), q, EXEMPLAR); p = q; break }
      default: p = skip(tag, p, end, EXEMPLAR)
    }
  }
  store<f64>(b + (<usize>n << 3), ms(time))
  store<f64>(b + (c << 3) + (<usize>n << 3), value)
  const q = b + (c << 4) + (<usize>n << 2)
  store<u32>(q, offset(from))
  store<u32>(q + (c << 2), offset(end))
  store<u32>(q + (c << 3), row)
  store<u8>(b + 52 * c + n, group)
  setRows(EXEMPLARS, n + 1)
}
