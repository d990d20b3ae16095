/**
 * Chunks as Prometheus 3.14 writes them, into columns. All begin with how many samples there are, u16.
 *
 *   1 XOR                  differences of differences of times in 0, 14, 17, 20 or 64 bits, values as XOR
 *   2, 3 histograms        counts are whole (2: numbers in the fewest bits) or not (3: XOR); a byte of flags, the layout, samples
 *   4 XOR2                 a byte about start times; time and value of a sample share their first bits
 *   5, 6                   as 2 and 3, with start times: the flags are in the two upper bits of how many there are
 *
 * What of a counter's histogram says whether it was reset since the one before is left out: that is found by comparing them when it is asked for,
 * and what lies between them here may be more than what lay there.
 */
import { CUSTOM_BUCKETS_SCHEMA, type FloatHistogram, MAX_STORED_SCHEMA, type Span } from '../../model/float-histogram.ts'
import { reduceTo } from '../../promql/histogram/arithmetic.ts'
import { type SampleColumns, STALE_HIGH, STALE_LOW } from '../chunk.ts'
import { BitReader, XorReader } from './bits.ts'

type ReadChunk = (data: Buffer, into: SampleColumns) => void

/** by encoding */
export const chunkReaders: Readonly<Record<number, ReadChunk>> = {
  1: readXor,
  2: (data, into) => readHistograms(data, into, false, false),
  3: (data, into) => readHistograms(data, into, true, false),
  4: readXor2,
  5: (data, into) => readHistograms(data, into, false, true),
  6: (data, into) => readHistograms(data, into, true, true),
}

const isStale = ({ words }: XorReader): boolean => words[1] === STALE_HIGH && words[0] === STALE_LOW

/** Bit by bit, for a NaN may be any. */
function push(into: SampleColumns, time: number, value: XorReader): void {
  into.push(time, 0)
  into.words[2 * into.length - 2] = value.words[0]!
  into.words[2 * into.length - 1] = value.words[1]!
}

/** [bits] of a difference of differences, by the number of ones before it */
const widths = [0, 14, 17, 20, 64] as const

function readXor(data: Buffer, into: SampleColumns): void {
  const count = data.readUInt16BE(0)
  const from = new BitReader(data, 2)
  const value = new XorReader()
  let time = 0
  let delta = 0
  for (let i = 0; i < count; i++) {
    if (i === 0) time = from.varint()
    else {
      if (i === 1) delta = from.uvarint()
      else delta += difference(from)
      time += delta
    }
    if (i === 0) value.whole(from)
    else value.next(from)
    push(into, time, value)
  }
}

function difference(from: BitReader): number {
  const ones = from.ones(4)
  return ones === 0 ? 0 : from.signed(widths[ones]!)
}

/** The start times of samples, which most chunks do not have. */
class Starts {
  readonly #first: boolean
  readonly #from: number
  #distance = 0
  #start = 0

  /** @param header bit 7: the first is known; bits 0-6: the number of the sample from which on all are written, 0: none is */
  constructor(header: number) {
    this.#first = (header & 0x80) !== 0
    this.#from = header & 0x7f
  }
  /** Of sample `i`. @returns epoch ms, 0 where it is not known */
  next(from: BitReader, i: number, time: number, before: number): number {
    if (i === 0) {
      if (this.#first) this.#start = time - from.varint()
    } else if (this.#from > 0 && i >= this.#from) {
      const written = from.varbitInt()
      this.#distance = i === this.#from ? written : this.#distance + written
      this.#start = before - this.#distance
    }
    return this.#start
  }
}

function readXor2(data: Buffer, into: SampleColumns): void {
  const count = data.readUInt16BE(0)
  const from = new BitReader(data, 3)
  const starts = new Starts(data.readUInt8(2))
  const value = new XorReader()
  let time = 0
  let delta = 0
  for (let i = 0; i < count; i++) {
    const before = time
    let stale = false
    if (i === 0) {
      time = from.varint()
      value.whole(from)
      stale = isStale(value)
      // The values after it are told by what was before it: nothing.
      if (stale) value.words.fill(0)
    } else if (i === 1) {
      delta = from.uvarint()
      time += delta
      stale = changed(from, value)
    } else {
      const ones = from.ones(5)
      if (ones >= 2 && ones <= 4) delta += plainSigned(from, [13, 20, 64][ones - 2]!)
      time += delta
      if (ones === 1) known(from, value)
      stale = ones === 5 || (ones > 1 && changed(from, value))
    }
    if (stale) into.pushStale(time)
    else push(into, time, value)
    into.setStart(starts.next(from, i, time, before))
  }
}

/** Here, other than elsewhere, the middle is negative. */
function plainSigned(from: BitReader, count: number): number {
  if (count === 64) return from.signed(64)
  const value = from.bits(count)
  return value >= 2 ** (count - 1) ? value - 2 ** count : value
}

/** @returns whether it is a stale marker: then the value is what it was */
function changed(from: BitReader, value: XorReader): boolean {
  const ones = from.ones(3)
  if (ones === 2) value.window(from)
  if (ones === 1 || ones === 2) value.difference(from)
  return ones === 3
}

function known(from: BitReader, value: XorReader): void {
  if (from.bit() === 1) value.window(from)
  value.difference(from)
}

type Layout = Pick<FloatHistogram, 'schema' | 'zeroThreshold' | 'positiveSpans' | 'negativeSpans' | 'customBounds' | 'resetHint'>
const GAUGE = 3

function readHistograms(data: Buffer, into: SampleColumns, floats: boolean, started: boolean): void {
  const head = data.readUInt16BE(0)
  const flags = started ? head >>> 14 : data.readUInt8(2) >>> 6
  const count = started ? head & 0x3fff : head
  if (count === 0) return
  const from = new BitReader(data, 3)
  const starts = new Starts(started ? data.readUInt8(2) : 0)
  const layout = readLayout(from, flags === GAUGE)
  const [positive, negative] = [lengthOf(layout.positiveSpans), lengthOf(layout.negativeSpans)]
  if (positive + negative > from.left) throw new RangeError('more buckets than there are bits')
  const counts = floats ? new FloatCounts(2 + positive + negative) : new WholeCounts(positive, negative)
  const sum = new XorReader()
  let time = 0
  let delta = 0
  for (let i = 0; i < count; i++) {
    const before = time
    if (i === 0) time = from.varbitInt()
    else time += delta += from.varbitInt()
    counts.totals(from, i)
    if (i === 0) sum.whole(from)
    else sum.next(from)
    if (isStale(sum)) {
      // The first one has a layout without buckets, and the others none of them.
      into.pushStale(time)
    } else {
      counts.buckets(from, i)
      into.pushHistogram(time, whole({ ...layout, sum: sum.value, ...counts.read(positive) }))
    }
    into.setStart(starts.next(from, i, time, before))
  }
}

const lengthOf = (spans: readonly Span[]): number => spans.reduce((sum, { length }) => sum + length, 0)
/** Schemas that a later version may write are brought to the finest that is kept. */
const whole = (histogram: FloatHistogram): FloatHistogram =>
  histogram.schema > MAX_STORED_SCHEMA ? reduceTo(histogram, MAX_STORED_SCHEMA) : histogram

type Counts = Pick<FloatHistogram, 'count' | 'zeroCount' | 'positiveCounts' | 'negativeCounts'>

/** Count, zero count and buckets, whole: of the first sample as they are, then differences of differences. A bucket is told by the one before it. */
class WholeCounts {
  readonly #values: Float64Array
  readonly #deltas: Float64Array
  readonly #positive: number

  constructor(positive: number, negative: number) {
    this.#values = new Float64Array(2 + positive + negative)
    this.#deltas = new Float64Array(2 + positive + negative)
    this.#positive = positive
  }
  totals(from: BitReader, i: number): void {
    for (let k = 0; k < 2; k++) {
      if (i === 0) this.#values[k] = from.varbitUint()
      else this.#next(from, k)
    }
  }
  buckets(from: BitReader, i: number): void {
    for (let k = 2; k < this.#values.length; k++) {
      if (i === 0) this.#values[k] = from.varbitInt()
      else this.#next(from, k)
    }
  }
  #next(from: BitReader, k: number): void {
    this.#deltas[k]! += from.varbitInt()
    this.#values[k]! += this.#deltas[k]!
  }
  read(): Counts {
    const summed = (from: number, to: number) => {
      let sum = 0
      return Array.from(this.#values.subarray(from, to), difference => (sum += difference))
    }
    return {
      count: this.#values[0]!,
      zeroCount: this.#values[1]!,
      positiveCounts: summed(2, 2 + this.#positive),
      negativeCounts: summed(2 + this.#positive, this.#values.length),
    }
  }
}

/** The same of counts that are no whole numbers, each for itself. */
class FloatCounts {
  readonly #values: readonly XorReader[]
  constructor(length: number) {
    this.#values = Array.from({ length }, () => new XorReader())
  }
  totals(from: BitReader, i: number): void {
    for (let k = 0; k < 2; k++) this.#read(from, i, k)
  }
  buckets(from: BitReader, i: number): void {
    for (let k = 2; k < this.#values.length; k++) this.#read(from, i, k)
  }
  #read(from: BitReader, i: number, k: number): void {
    if (i === 0) this.#values[k]!.whole(from)
    else this.#values[k]!.next(from)
  }
  read(positive: number): Counts {
    const [count, zeroCount, ...buckets] = this.#values.map(({ value }) => value)
    return {
      count: count!,
      zeroCount: zeroCount!,
      positiveCounts: buckets.slice(0, positive),
      negativeCounts: buckets.slice(positive),
    }
  }
}

function readLayout(from: BitReader, gauge: boolean): Layout {
  const zeroThreshold = readZeroThreshold(from)
  const schema = from.varbitInt()
  if (schema !== CUSTOM_BUCKETS_SCHEMA && (schema < -9 || schema > 52)) throw new RangeError(`schema ${schema} is not known here`)
  const [positiveSpans, negativeSpans] = [readSpans(from), readSpans(from)]
  const customBounds = schema === CUSTOM_BUCKETS_SCHEMA ? list(from, () => readBound(from)) : []
  return { schema, zeroThreshold, positiveSpans, negativeSpans, customBounds, resetHint: gauge ? 'gauge' : 'unknown' }
}

/** A power of two from 2^-243 to 2^10 in a byte, and whatever else behind 255. */
function readZeroThreshold(from: BitReader): number {
  const byte = from.bits(8)
  if (byte === 0) return 0
  return byte === 255 ? from.float() : 2 ** (byte - 244)
}

const readSpans = (from: BitReader): Span[] =>
  list(from, () => {
    const length = from.varbitUint()
    return { offset: from.varbitInt(), length }
  })

/** Thousandths up to 33,554.43 as whole numbers and one more; others as they are, behind a 0. */
function readBound(from: BitReader): number {
  const thousandths = from.varbitUint()
  return thousandths === 0 ? from.float() : (thousandths - 1) / 1000
}

function list<T>(from: BitReader, read: () => T): T[] {
  const length = from.varbitUint()
  if (length > from.left) throw new RangeError('a list goes past the end')
  return Array.from({ length }, read)
}
