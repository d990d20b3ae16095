/**
 * A chunk: the samples of one series over some time, compressed. How many there are, whoever keeps it knows.
 *
 *   chunk   head u8: bits 0-1 values: 0 scaled integers, 1 XOR, 2 none are numbers; bit 2 stale markers; bit 3 histograms; bit 4 start times; bit 5 aggregates
 *           | times: first, signed | step, varint | what is left of each after first + i * step, integers
 *           | stale markers: how many, varint | the distance of each from the one before, varint
 *           | starts: how many runs, varint | each: samples since the one before, varint | first time - start, signed; MAX_INT: unknown
 *           | values: scaled: power of ten u8 | integers (ints.ts); XOR: xor.ts; in both stale markers and histograms repeat what was before
 *           | histograms (histograms.ts)
 *           | aggregates, six columns, each: u8: 0-5 the same as value, first, … | 8 scaled, 9 XOR: as values
 *             | 6 or 7, then u8 8 or 9 and what it is more than the difference of value to the one before, which is 0 for a counter that has not begun
 *               anew; 6: both, and their sum, are rounded to four decimal places
 *
 * Values come back bit by bit, whatever NaN they are. Of both encodings the smaller is taken.
 */
import type { FloatHistogram } from '../model/float-histogram.ts'
import { ByteReader, ByteWriter } from './bytes.ts'
import { readHistograms, writeHistograms } from './histograms.ts'
import { MAX_INT, readInts, writeInts } from './ints.ts'
import { readXor, writeXor } from './xor.ts'

const SCALED = 0
const XOR = 1
const NO_NUMBERS = 2
const KIND = 3
const STALE = 4
const HISTOGRAMS = 8
const STARTS = 16
const AGGREGATES = 32
/** Where an aggregate's column is written out; below that it is a copy of an earlier one. */
const WRITTEN = 8
const OVER_DECIMAL = 6
const OVER_DIFFERENCE = 7
/** The place of the increase behind the value. */
const INCREASE = 6

/** What a bucket of a coarser tier saw, in the order of `SampleColumns.aggregates`. */
export const aggregateNames = ['first', 'min', 'max', 'sum', 'count', 'increase'] as const

const ALL_AGGREGATES = 2 ** aggregateNames.length - 1

/** Of functions that read a range: what of a bucket they look at beside its time and value. Others look at all of it. */
const aggregatesOf: Readonly<Record<string, readonly (typeof aggregateNames)[number][]>> = {
  rate: ['increase'],
  increase: ['increase'],
  first_over_time: ['first'],
  last_over_time: [],
  min_over_time: ['min'],
  max_over_time: ['max'],
  sum_over_time: ['sum'],
  avg_over_time: ['sum', 'count'],
  count_over_time: ['count'],
}

/** As a bit for each. */
export function aggregatesFor(func: string): number {
  const names = aggregatesOf[func]
  return names === undefined ? ALL_AGGREGATES : names.reduce((bits, name) => bits | (1 << aggregateNames.indexOf(name)), 0)
}

/** Prometheus's stale marker: a NaN with these bits. */
export const STALE_LOW = 2
export const STALE_HIGH = 0x7ff00000
const MAX_POWER = 6
const powers = Float64Array.from({ length: MAX_POWER + 1 }, (_, k) => 10 ** k)

/** [samples] of one series, by time ascending, each time once; reused: whoever fills it grows it first. */
export class SampleColumns {
  length = 0
  /** epoch ms, whole, within ±2^50 */
  time = new Float64Array(0)
  value = new Float64Array(0)
  /** `value` as pairs of 32 bits, the low one first: a stale marker is told by its bits */
  words = new Uint32Array(0)
  /** by sample; undefined: none is one */
  histograms: (FloatHistogram | undefined)[] | undefined
  /** epoch ms, 0 where unknown; undefined: nowhere known */
  start: Float64Array | undefined
  /** [aggregateNames][samples]; undefined: samples are as they came, not buckets */
  aggregates: Float64Array[] | undefined
  /** [samples] from the first on that are known to be no stale markers, so that nobody need look for them there */
  unmarked = 0
  /** of the aggregates, a bit for each in their order: those that need not come out of a chunk are 0 */
  wanted = ALL_AGGREGATES
  /** columns of before it was cleared, to be used again */
  #spareStart: Float64Array | undefined
  #spareAggregates: Float64Array[] | undefined

  constructor(capacity = 256) {
    this.reserve(capacity)
  }

  get capacity(): number {
    return this.time.length
  }

  /** Room for so many in all; what is there stays. */
  reserve(capacity: number): void {
    if (capacity <= this.time.length) return
    const size = Math.max(capacity, 2 * this.time.length)
    const time = new Float64Array(size)
    time.set(this.time)
    const words = new Uint32Array(2 * size)
    words.set(this.words)
    this.time = time
    this.words = words
    this.value = new Float64Array(words.buffer)
    if (this.start !== undefined) {
      const start = new Float64Array(size)
      start.set(this.start)
      this.start = start
    }
    this.aggregates = this.aggregates?.map(column => {
      const grown = new Float64Array(size)
      grown.set(column)
      return grown
    })
  }

  clear(): void {
    this.length = 0
    this.unmarked = 0
    this.histograms = undefined
    this.#spareStart = this.start ?? this.#spareStart
    this.#spareAggregates = this.aggregates ?? this.#spareAggregates
    this.start = undefined
    this.aggregates = undefined
  }

  /** From here on start times are known; of what is there already they are not. */
  beginStarts(): Float64Array {
    if (this.start !== undefined) return this.start
    const spare = this.#spareStart
    const start = spare !== undefined && spare.length >= this.capacity ? spare : new Float64Array(this.capacity)
    if (start === spare) start.fill(0, 0, this.length)
    this.start = start
    return start
  }

  /** From here on samples are buckets. */
  beginAggregates(): Float64Array[] {
    if (this.aggregates !== undefined) return this.aggregates
    const spare = this.#spareAggregates
    const usable = spare !== undefined && spare[0]!.length >= this.capacity
    this.aggregates = usable ? spare : aggregateNames.map(() => new Float64Array(this.capacity))
    return this.aggregates
  }

  isStale(i: number): boolean {
    return this.words[2 * i + 1] === STALE_HIGH && this.words[2 * i] === STALE_LOW
  }

  push(time: number, value: number): void {
    const at = this.length++
    this.reserve(this.length)
    this.time[at] = time
    this.value[at] = value
    if (this.start !== undefined) this.start[at] = 0
  }

  pushStale(time: number): void {
    this.push(time, 0)
    this.words[2 * this.length - 2] = STALE_LOW
    this.words[2 * this.length - 1] = STALE_HIGH
  }

  pushHistogram(time: number, histogram: FloatHistogram): void {
    this.push(time, Number.NaN)
    this.histograms ??= []
    this.histograms[this.length - 1] = histogram
  }

  /** Of the samples from `begin` on, which are in order, leaves those in (from, to]. */
  keep(begin: number, from: number, to: number): void {
    let low = begin
    let high = this.length
    while (low < high && this.time[low]! <= from) low++
    while (high > low && this.time[high - 1]! > to) high--
    if (low > begin) {
      this.time.copyWithin(begin, low, high)
      this.words.copyWithin(2 * begin, 2 * low, 2 * high)
      this.start?.copyWithin(begin, low, high)
      for (const column of this.aggregates ?? []) column.copyWithin(begin, low, high)
    }
    if (this.histograms !== undefined) {
      for (let i = low; i < high; i++) this.histograms[begin + i - low] = this.histograms[i]
      this.histograms.length = begin + high - low
    }
    this.length = begin + high - low
    if (this.unmarked > begin) this.unmarked = begin + Math.max(0, Math.min(this.unmarked, high) - low)
  }

  /** The start time of the last sample. */
  setStart(start: number): void {
    if (start === 0) return
    this.beginStarts()[this.length - 1] = start
  }
}

let scaled = new Float64Array(1024)
const plain = { value: new Float64Array(0), words: new Uint32Array(0) }
const spare = new ByteWriter(4096)

/** Appends samples [from, to) as one chunk. */
export function writeChunk(into: ByteWriter, samples: SampleColumns, from = 0, to = samples.length): void {
  const length = to - from
  if (scaled.length < length) scaled = new Float64Array(2 * length)
  const { histograms } = samples
  const others = substitute(samples, from, to)
  const head = into.length
  into.u8(0)
  writeTimes(into, samples.time, from, length)
  let flags = 0
  if (others.stale) {
    flags |= STALE
    writeStale(into, samples, from, to)
  }
  if (samples.start?.subarray(from, to).some(start => start !== 0)) {
    flags |= STARTS
    writeStarts(into, samples.time[from]!, samples.start, from, to)
  }
  flags |= others.numbers === 0 ? NO_NUMBERS : writeValues(into, others.value, others.words, length)
  if (others.histograms) {
    flags |= HISTOGRAMS
    writeHistograms(into, histograms!.slice(from, to), length)
  }
  if (samples.aggregates !== undefined) {
    flags |= AGGREGATES
    writeAggregates(into, [samples.value, ...samples.aggregates], from, to)
  }
  into.bytes[head] = flags
}

function writeAggregates(into: ByteWriter, columns: readonly Float64Array[], from: number, to: number): void {
  for (let k = 1; k < columns.length; k++) {
    const column = columns[k]!
    const same = columns.findIndex((other, of) => of < k && sameBits(other, column, from, to))
    if (same >= 0) into.u8(same)
    else {
      let over: Float64Array | undefined
      for (const way of k === INCREASE ? [OVER_DECIMAL, OVER_DIFFERENCE] : []) {
        over = overDifference(columns[0]!, column, from, to, way === OVER_DECIMAL ? decimal : exact)
        if (over === undefined) continue
        into.u8(way)
        break
      }
      const kind = into.length
      into.u8(0)
      const part = over ?? column.subarray(from, to)
      const encoding = writeValues(into, part, new Uint32Array(part.buffer, part.byteOffset, 2 * part.length), to - from)
      // Not before: the bytes may have moved.
      into.bytes[kind] = WRITTEN + encoding
    }
  }
}

/** What an increase is more than the difference of the values; undefined where adding does not give it back bit by bit. */
function overDifference(
  value: Float64Array,
  increase: Float64Array,
  from: number,
  to: number,
  rounded: (x: number) => number,
): Float64Array | undefined {
  const over = new Float64Array(to - from)
  for (let i = from; i < to; i++) {
    const difference = i === from ? 0 : rounded(value[i]! - value[i - 1]!)
    const rest = rounded(increase[i]! - difference)
    if (!Object.is(rounded(difference + rest), increase[i])) return undefined
    over[i - from] = rest
  }
  return over
}

const exact = (x: number): number => x
const decimal = (x: number): number => Math.round(x * 1e4) / 1e4

/** A NaN, whose bits may be a stale marker's, is like no other. */
function sameBits(a: Float64Array, b: Float64Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (a[i] !== b[i] || (a[i] === 0 && !Object.is(a[i], b[i]))) return false
  return true
}

/** The values without what is no number: it is replaced by the number before it, or the first. */
function substitute(samples: SampleColumns, from: number, to: number) {
  const { histograms, words } = samples
  let stale = false
  let held = false
  let numbers = 0
  let first = -1
  const isNumber = (i: number) => histograms?.[i] === undefined && !samples.isStale(i)
  for (let i = from; i < to; i++) {
    if (histograms?.[i] !== undefined) held = true
    else if (samples.isStale(i)) stale = true
    else {
      numbers++
      if (first < 0) first = i
    }
  }
  const length = to - from
  if (!stale && !held) {
    return { stale, histograms: held, numbers, value: samples.value.subarray(from, to), words: words.subarray(2 * from, 2 * to) }
  }
  if (plain.value.length < length) {
    plain.words = new Uint32Array(4 * length)
    plain.value = new Float64Array(plain.words.buffer)
  }
  let last = Math.max(first, from)
  for (let i = from; i < to; i++) {
    if (isNumber(i)) last = i
    plain.words[2 * (i - from)] = words[2 * last]!
    plain.words[2 * (i - from) + 1] = words[2 * last + 1]!
  }
  return { stale, histograms: held, numbers, value: plain.value, words: plain.words }
}

function writeTimes(into: ByteWriter, time: Float64Array, from: number, length: number): void {
  const first = time[from]!
  // Missed scrapes are rare: the step of most is the one in the middle.
  const middle = from + (length >> 1)
  const step = length < 2 ? 0 : time[middle]! - time[middle - 1]!
  for (let i = 0; i < length; i++) scaled[i] = time[from + i]! - first - i * step
  into.signed(first)
  into.varint(step)
  writeInts(into, scaled, length)
}

function writeStale(into: ByteWriter, samples: SampleColumns, from: number, to: number): void {
  const at: number[] = []
  for (let i = from; i < to; i++) if (samples.histograms?.[i] === undefined && samples.isStale(i)) at.push(i - from)
  into.varint(at.length)
  let last = 0
  for (const i of at) {
    into.varint(i - last)
    last = i
  }
}

function writeStarts(into: ByteWriter, first: number, start: Float64Array, from: number, to: number): void {
  const runs: number[] = []
  for (let i = from; i < to; i++) if (i === from || start[i] !== start[i - 1]) runs.push(i)
  into.varint(runs.length)
  let last = from
  for (const i of runs) {
    into.varint(i - last)
    into.signed(start[i] === 0 ? MAX_INT : first - start[i]!)
    last = i
  }
}

function writeValues(into: ByteWriter, value: Float64Array, words: Uint32Array, length: number): number {
  const power = scale(value, length)
  if (power < 0) {
    writeXor(into, words, length)
    return XOR
  }
  const begin = into.length
  into.u8(power)
  writeInts(into, scaled, length)
  // Whole numbers that jump about over many digits may take more than their bits do.
  if ((into.length - begin) * 2 < length * 5) return SCALED
  spare.clear()
  writeXor(spare, words, length)
  if (spare.length >= into.length - begin) return SCALED
  into.length = begin
  into.raw(spare.written)
  return XOR
}

/**
 * Fills `scaled` with value * 10^k, whole numbers from which the division gives back the same doubles.
 * @returns the least such k; -1 where there is none
 */
function scale(value: Float64Array, length: number): number {
  let power = 0
  for (let i = 0; i < length; i++) {
    const x = value[i]!
    for (;;) {
      const whole = Math.round(x * powers[power]!)
      if (whole / powers[power]! === x && Math.abs(whole) <= MAX_INT && (whole !== 0 || !Object.is(x, -0))) {
        scaled[i] = whole
        break
      }
      if (power === MAX_POWER || !(Math.abs(x) <= MAX_INT) || x === 0) return -1
      power++
      // What is before was whole at the power before, and is at this one, unless it grows too large.
      for (let k = 0; k < i; k++) {
        const again = Math.round(value[k]! * powers[power]!)
        if (again / powers[power]! !== value[k] || Math.abs(again) > MAX_INT) return -1
        scaled[k] = again
      }
    }
  }
  return power
}

/** Appends the `length` samples of a chunk to `into`. @param bytes with SLACK bytes behind the chunk */
export function readChunk(bytes: Uint8Array, at: number, length: number, into: SampleColumns): void {
  const from = new ByteReader(bytes, at)
  const begin = into.length
  into.reserve(begin + length)
  into.length += length
  const flags = from.u8()
  readTimes(from, into.time, begin, length)
  const stale = (flags & STALE) !== 0 ? readStale(from, begin) : undefined
  if ((flags & STARTS) !== 0) readStarts(from, into, begin, length)
  else into.start?.fill(0, begin, begin + length)
  if ((flags & KIND) === NO_NUMBERS) into.value.fill(Number.NaN, begin, begin + length)
  else readValues(from, flags & KIND, into.value, into.words, begin, length)
  if ((flags & HISTOGRAMS) !== 0) takeHistograms(into, readHistograms(from, length), begin)
  if ((flags & AGGREGATES) !== 0) readAggregates(from, into, begin, length)
  if (stale === undefined) return
  for (const i of stale) {
    into.words[2 * i] = STALE_LOW
    into.words[2 * i + 1] = STALE_HIGH
  }
}

function readValues(from: ByteReader, kind: number, value: Float64Array, words: Uint32Array, begin: number, length: number): void {
  if (kind === XOR) return readXor(from, words, begin, length)
  const power = powers[from.u8()]!
  readInts(from, value, begin, length)
  if (power !== 1) for (let i = begin; i < begin + length; i++) value[i]! /= power
}

function readAggregates(from: ByteReader, into: SampleColumns, begin: number, length: number): void {
  const columns = [into.value, ...into.beginAggregates()]
  for (let k = 1; k < columns.length; k++) {
    const column = columns[k]!
    const kind = from.u8()
    if (kind < OVER_DECIMAL) column.set(columns[kind]!.subarray(begin, begin + length), begin)
    else {
      const over = kind < WRITTEN
      const rounded = kind === OVER_DECIMAL ? decimal : exact
      const encoding = over ? from.u8() : kind
      readValues(from, encoding - WRITTEN, column, new Uint32Array(column.buffer), begin, length)
      for (let i = begin; over && i < begin + length; i++) {
        column[i] = rounded((i === begin ? 0 : rounded(into.value[i]! - into.value[i - 1]!)) + column[i]!)
      }
    }
  }
}

function takeHistograms(into: SampleColumns, histograms: readonly (FloatHistogram | undefined)[], begin: number): void {
  into.histograms ??= []
  histograms.forEach((histogram, i) => {
    if (histogram === undefined) return
    into.histograms![begin + i] = histogram
    into.value[begin + i] = Number.NaN
  })
}

function readTimes(from: ByteReader, time: Float64Array, begin: number, length: number): void {
  const first = from.signed()
  const step = from.varint()
  readInts(from, time, begin, length)
  for (let i = 0; i < length; i++) time[begin + i]! += first + i * step
}

function readStale(from: ByteReader, begin: number): number[] {
  const count = from.varint()
  const at: number[] = []
  for (let last = begin; at.length < count; ) at.push((last += from.varint()))
  return at
}

function readStarts(from: ByteReader, into: SampleColumns, begin: number, length: number): void {
  const start = into.beginStarts()
  const first = into.time[begin]!
  let runs = from.varint()
  let at = begin
  while (runs-- > 0) {
    at += from.varint()
    const back = from.signed()
    start.fill(back === MAX_INT ? 0 : first - back, at, begin + length)
  }
}
