/**
 * What is counted, by series: a row each. The bytes of every point are kept, attributes and all; a flush writes the times and numbers into them and copies
 * them out, so that it costs neither an object nor an encoding for a series.
 */

import type { TypedAttribute } from '../../otlp/find.ts'
import type { Message } from '../../otlp/schema.ts'
import { BYTES, varintSize, writeVarint } from '../../otlp/wire.ts'
import { BackWriter, encodeField } from '../../otlp/write.ts'
import { Exemplars } from './exemplars.ts'
import { type Numbers, START, TIME } from './numbers.ts'

const overflowAttributes: readonly TypedAttribute[] = [{ key: 'otel.metric.overflow', value: { boolValue: true } }]
const overflowKey = '\0overflow'
/** the points' field in Sum, Histogram and ExponentialHistogram */
const POINT_TAG = 1 * 8 + BYTES

export interface SeriesOptions {
  /** what a series is told as */
  readonly point: Message
  /** [series] at the most; 0 is none */
  readonly limit: number
  /** [exemplars] of a series at the most */
  readonly exemplars: number
  /** [bytes] more or less is held */
  readonly charge: (bytes: number) => void
}

export interface Telling {
  /** nanoseconds */
  readonly now: bigint
  /** nanoseconds, where the point of a row begins */
  readonly startOf: (row: number) => bigint
  /** They are told no more after this. */
  readonly last: boolean
}

/** The series of one metric and one resource. */
export class SeriesSet<N extends Numbers = Numbers> {
  readonly numbers: N
  readonly #options: SeriesOptions
  readonly #rows = new Map<string, number>()
  readonly #keys: string[] = []
  /** [rows] ms, when its first span was seen, and its last */
  #startMs = new Float64Array(8)
  #seenMs = new Float64Array(8)
  /** the points' fields, one behind the other */
  #points = new Uint8Array(1024)
  #view = new DataView(this.#points.buffer)
  /** [rows + 1] where each field begins, [rows] and its payload */
  #from = new Uint32Array(9)
  #body = new Uint32Array(9)
  readonly #exemplars: Exemplars | undefined
  /** the row of all that are too many, or -1 */
  #overflow = -1

  constructor(numbers: N, options: SeriesOptions) {
    this.numbers = numbers
    this.#options = options
    this.#exemplars = options.exemplars > 0 ? new Exemplars(options.exemplars, numbers.exemplars) : undefined
  }

  get size(): number {
    return this.#keys.length
  }
  key(row: number): string {
    return this.#keys[row]!
  }
  startMs(row: number): number {
    return this.#startMs[row]!
  }

  /** The row of the series `key`, or of all which are too many. */
  of(key: string, attributes: () => readonly TypedAttribute[], nowMs: number): number {
    const known = this.#rows.get(key)
    if (known !== undefined) return known
    const { limit } = this.#options
    if (limit === 0 || this.size < limit) return this.#add(key, attributes(), nowMs)
    if (this.#overflow < 0) this.#overflow = this.#add(overflowKey, overflowAttributes, nowMs)
    return this.#overflow
  }

  /** The row has counted a span now. */
  see(row: number, nowMs: number): void {
    this.#seenMs[row] = nowMs
  }

  /** The span `span` of a batch may be an example. */
  exemplify(row: number, ids: Uint8Array, span: number, value: number): void {
    if (row !== this.#overflow) this.#exemplars?.add(row, ids, span, value)
  }

  /** Points of the rows `[from, to)`, as the field `data_points` holds them; they are good until anything else is asked of this. */
  tell(from: number, to: number, { now, startOf, last }: Telling): Uint8Array {
    for (let row = from; row < to; row++) {
      const at = this.#body[row]!
      this.#view.setBigUint64(at + START, startOf(row), true)
      this.#view.setBigUint64(at + TIME, now, true)
      this.numbers.write(this.#view, at, row, last)
    }
    return this.numbers.tailed || this.#exemplars?.held
      ? this.#withTails(from, to, now)
      : this.#points.subarray(this.#from[from], this.#from[to])
  }

  /** Forgets what was not seen since `beforeMs`; returns how many. */
  expire(beforeMs: number): number {
    let kept = 0
    const { size } = this
    for (let row = 0; row < size; row++) {
      if (this.#seenMs[row]! > beforeMs) {
        if (kept < row) this.#move(row, kept)
        kept++
        continue
      }
      const key = this.#keys[row]!
      this.#rows.delete(key)
      this.#exemplars?.drop(row)
      this.#options.charge(-this.#weightOf(key))
      if (row === this.#overflow) this.#overflow = -1
    }
    this.#keys.length = kept
    if (kept < size) this.#shrink(kept)
    return size - kept
  }

  clear(): void {
    this.expire(Number.POSITIVE_INFINITY)
  }

  #add(key: string, attributes: readonly TypedAttribute[], nowMs: number): number {
    const row = this.size
    if (row === this.#startMs.length) this.#widen(2 * row)
    this.#keys.push(key)
    this.#rows.set(key, row)
    this.#startMs[row] = this.#seenMs[row] = nowMs
    this.numbers.begin(row)
    this.#exemplars?.begin(row)
    this.#append(row, encodeField(this.#options.point, 'attributes', attributes))
    this.#options.charge(this.#weightOf(key))
    return row
  }

  #append(row: number, attributes: Uint8Array): void {
    const { head } = this.numbers
    const size = head.length + attributes.length
    const from = this.#from[row]!
    const body = from + 1 + varintSize(size)
    const end = body + size
    if (end > this.#points.length) {
      const points = this.#points
      this.#points = new Uint8Array(Math.max(2 * points.length, end))
      this.#points.set(points)
      this.#view = new DataView(this.#points.buffer)
    }
    const points = this.#points
    points[from] = POINT_TAG
    writeVarint(points, from + 1, size)
    points.set(head, body)
    points.set(attributes, body + head.length)
    this.#body[row] = body
    this.#from[row + 1] = end
  }

  /** Rows only move towards the front. */
  #move(from: number, to: number): void {
    const key = this.#keys[from]!
    this.#keys[to] = key
    this.#rows.set(key, to)
    this.#startMs[to] = this.#startMs[from]!
    this.#seenMs[to] = this.#seenMs[from]!
    this.numbers.move(from, to)
    this.#exemplars?.move(from, to)
    const [start, end, at] = [this.#from[from]!, this.#from[from + 1]!, this.#from[to]!]
    this.#points.copyWithin(at, start, end)
    this.#body[to] = at + this.#body[from]! - start
    this.#from[to + 1] = at + end - start
    if (from === this.#overflow) this.#overflow = to
  }

  #widen(rows: number): void {
    const [startMs, seenMs, from, body] = [this.#startMs, this.#seenMs, this.#from, this.#body]
    this.#startMs = new Float64Array(rows)
    this.#seenMs = new Float64Array(rows)
    this.#from = new Uint32Array(rows + 1)
    this.#body = new Uint32Array(rows + 1)
    this.#startMs.set(startMs)
    this.#seenMs.set(seenMs)
    this.#from.set(from)
    this.#body.set(body)
  }

  /** Gives back what most of is used no more. */
  #shrink(rows: number): void {
    this.numbers.truncate(rows)
    const used = this.#from[rows]!
    if (4 * used > this.#points.length) return
    this.#points = this.#points.slice(0, Math.max(1024, 2 * used))
    this.#view = new DataView(this.#points.buffer)
  }

  /** With what each has behind its attributes. */
  #withTails(from: number, to: number, now: bigint): Uint8Array {
    const out = new BackWriter(2 * (this.#from[to]! - this.#from[from]!))
    for (let row = to - 1; row >= from; row--) {
      const end = out.length
      this.#exemplars?.write(out, row, now)
      this.numbers.writeTail(out, row)
      out.bytes(this.#points.subarray(this.#body[row], this.#from[row + 1]))
      out.varint(out.length - end)
      out.varint(POINT_TAG)
    }
    return out.finish()
  }

  /** [bytes] an estimate; the key's text is there twice, once as the values of attributes. */
  #weightOf(key: string): number {
    return 250 + this.numbers.weight + 2 * key.length
  }
}
