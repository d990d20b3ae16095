/**
 * What the series of one metric count: columns, a row for each series, so that neither a span nor a flush makes an object. The bytes of a point begin with
 * its times and the numbers of fixed size, at places that are the same for all series; there they are written anew at every flush.
 */
import { bucketOf } from '../../lib/explicit-histogram.ts'
import { Exponential } from '../../lib/exponential-histogram.ts'
import { FIXED64, fieldHead } from '../../otlp/wire.ts'
import type { BackWriter } from '../../otlp/write.ts'

export interface Numbers {
  /** what the bytes of a point begin with: start and time, at `START` and `TIME`, and numbers, all 0 */
  readonly head: Uint8Array
  /** the points' field of attributes, and that of exemplars */
  readonly attributes: number
  readonly exemplars: number
  /** [bytes] an estimate of what a row takes */
  readonly weight: number
  /** Rows have a tail, besides the head. */
  readonly tailed: boolean
  /** Begins row `row`, which is the one after the last. */
  begin(row: number): void
  /** What row `from` has counted is row `to`'s from now on; to <= from. */
  move(from: number, to: number): void
  /** Only the first `rows` remain. */
  truncate(rows: number): void
  /** Writes the numbers of `row` into the point whose bytes begin at `at`. @param last it is told no more after this */
  write(view: DataView, at: number, row: number, last: boolean): void
  /** The fields whose size varies. */
  writeTail(out: BackWriter, row: number): void
}

/** [bytes] from where a point begins */
export const START = 1
export const TIME = 10
const FIRST = 19
const SECOND = 28
const THIRD = 37
const FOURTH = 46

/** Fields of eight bytes each. */
const fixed = (...numbers: readonly number[]): Uint8Array =>
  Buffer.concat(numbers.map(number => Buffer.from([number * 8 + FIXED64, ...zero])))
const zero = new Uint8Array(8)

/** NumberDataPoint: start 2, time 3, as_int 6. */
export class Counts implements Numbers {
  readonly head = fixed(2, 3, 6)
  readonly attributes = 7
  readonly exemplars = 5
  readonly weight = 16 + this.head.length
  readonly tailed = false
  readonly #zeroFirst: boolean
  #counts = new Float64Array(8)
  /** those that were told already */
  #told = new Uint8Array(8)

  /** @param zeroFirst the first point says 0, so that what follows is an increase for whoever computes rates */
  constructor(zeroFirst: boolean) {
    this.#zeroFirst = zeroFirst
  }

  add(row: number, times: number): void {
    this.#counts[row]! += times
  }

  begin(row: number): void {
    if (row === this.#counts.length) {
      this.#counts = widened(this.#counts, 2 * row)
      const told = this.#told
      this.#told = new Uint8Array(2 * row)
      this.#told.set(told)
    }
    this.#counts[row] = this.#told[row] = 0
  }
  move(from: number, to: number): void {
    this.#counts[to] = this.#counts[from]!
    this.#told[to] = this.#told[from]!
  }
  truncate(): void {}

  write(view: DataView, at: number, row: number, last: boolean): void {
    const hidden = this.#zeroFirst && this.#told[row] === 0 && !last
    this.#told[row] = 1
    writeInteger(view, at + FIRST, hidden ? 0 : this.#counts[row]!)
  }
  writeTail(): void {}
}

/** HistogramDataPoint: start 2, time 3, count 4, sum 5, bucket_counts 6, explicit_bounds 7. */
export class Explicits implements Numbers {
  readonly head: Uint8Array
  readonly attributes = 9
  readonly exemplars = 8
  readonly weight: number
  readonly tailed = false
  readonly #bounds: Float64Array
  /** columns of a row: count, sum, and one more bucket than there are bounds */
  readonly #width: number
  /** [bytes] from where a point begins to its first bucket */
  readonly #buckets: number
  /** [rows × width] */
  #all: Float64Array<ArrayBuffer>

  constructor(bounds: Float64Array) {
    const { length } = bounds
    const beforeBuckets = [fixed(2, 3, 4, 5), fieldHead(6, 8 * (length + 1))]
    const told = new Uint8Array(8 * length)
    const view = new DataView(told.buffer)
    bounds.forEach((bound, i) => void view.setFloat64(8 * i, bound, true))
    this.#bounds = bounds
    this.#width = length + 3
    this.#buckets = Buffer.concat(beforeBuckets).length
    this.head = Buffer.concat([
      ...beforeBuckets,
      new Uint8Array(8 * (length + 1)),
      ...(length === 0 ? [] : [fieldHead(7, told.length), told]),
    ])
    this.weight = 8 * this.#width + this.head.length
    this.#all = new Float64Array(8 * this.#width)
  }

  add(row: number, times: number, value: number): void {
    const all = this.#all
    const at = row * this.#width
    all[at]! += times
    all[at + 1]! += value * times
    all[at + 2 + bucketOf(this.#bounds, value)]! += times
  }

  begin(row: number): void {
    if (row * this.#width === this.#all.length) this.#all = widened(this.#all, 2 * this.#all.length)
    this.#all.fill(0, row * this.#width, (row + 1) * this.#width)
  }
  move(from: number, to: number): void {
    this.#all.copyWithin(to * this.#width, from * this.#width, (from + 1) * this.#width)
  }
  truncate(rows: number): void {
    const room = this.#all.length / this.#width
    if (room > 8 && 4 * rows <= room) this.#all = this.#all.slice(0, (room / 2) * this.#width)
  }

  write(view: DataView, at: number, row: number): void {
    const all = this.#all
    const from = row * this.#width
    writeInteger(view, at + FIRST, all[from]!)
    view.setFloat64(at + SECOND, all[from + 1]!, true)
    const buckets = at + this.#buckets
    for (let i = 2; i < this.#width; i++) writeInteger(view, buckets + 8 * (i - 2), all[from + i]!)
  }
  writeTail(): void {}
}

/** ExponentialHistogramDataPoint: start 2, time 3, count 4, sum 5, min 12, max 13; behind them scale 6, zero_count 7 and positive 8. */
export class Exponentials implements Numbers {
  readonly head = fixed(2, 3, 4, 5, 12, 13)
  readonly attributes = 1
  readonly exemplars = 11
  readonly weight: number
  readonly tailed = true
  readonly #maxSize: number
  readonly #all: Exponential[] = []

  constructor(maxSize: number) {
    this.#maxSize = maxSize
    this.weight = 200 + 8 * maxSize + this.head.length
  }

  add(row: number, times: number, value: number): void {
    this.#all[row]!.observe(value, times)
  }

  begin(row: number): void {
    this.#all[row] = new Exponential(this.#maxSize)
  }
  move(from: number, to: number): void {
    this.#all[to] = this.#all[from]!
  }
  truncate(rows: number): void {
    this.#all.length = rows
  }

  write(view: DataView, at: number, row: number): void {
    const { count, sum, min, max } = this.#all[row]!
    writeInteger(view, at + FIRST, count)
    view.setFloat64(at + SECOND, sum, true)
    view.setFloat64(at + THIRD, min, true)
    view.setFloat64(at + FOURTH, max, true)
  }

  writeTail(out: BackWriter, row: number): void {
    const { scale, zeroCount, offset, buckets } = this.#all[row]!
    const end = out.length
    if (buckets.length > 0) {
      for (let i = buckets.length - 1; i >= 0; i--) out.varint(buckets[i]!)
      out.bytes(fieldHead(2, out.length - end))
    }
    if (offset !== 0) writeZigzag(out, 1, offset)
    out.bytes(fieldHead(8, out.length - end))
    if (zeroCount > 0) {
      out.fixed64Of(zeroCount)
      out.varint(7 * 8 + FIXED64)
    }
    if (scale !== 0) writeZigzag(out, 6, scale)
  }
}

/** Of a field with a number below 16. */
function writeZigzag(out: BackWriter, field: number, value: number): void {
  out.varint(value < 0 ? -2 * value - 1 : 2 * value)
  out.varint(field * 8)
}

/** A fixed64. 0 <= value <= 2^53 - 1 */
function writeInteger(view: DataView, at: number, value: number): void {
  view.setUint32(at, value, true)
  view.setUint32(at + 4, value / 2 ** 32, true)
}

function widened(column: Float64Array<ArrayBuffer>, length: number): Float64Array<ArrayBuffer> {
  const wider = new Float64Array(length)
  wider.set(column)
  return wider
}
