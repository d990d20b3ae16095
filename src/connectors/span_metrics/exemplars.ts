/** Spans as examples, until they are told: each as the bytes of an Exemplar in its field, in one block whose places are used again. */
import { BYTES, FIXED64 } from '../../otlp/wire.ts'
import type { BackWriter } from '../../otlp/write.ts'

/** Exemplar: time_unix_nano 2, as_double 3, span_id 4, trace_id 5. */
const TIME = 3
const VALUE = 12
const SPAN_ID = 22
const TRACE_ID = 32
const SIZE = 48

export class Exemplars {
  readonly #most: number
  readonly #empty: Uint8Array
  /** [rows] */
  #counts = new Uint32Array(8)
  /** [rows] the place of the last one, counted from 1; 0: none */
  #last = new Uint32Array(8)
  /** [places] the one before it in its row, or the next that is free */
  #before = new Uint32Array(8)
  #free = 0
  #used = 0
  #bytes = new Uint8Array(8 * SIZE)
  #view = new DataView(this.#bytes.buffer)
  /** all that are not told yet */
  held = 0

  /** @param most of one row, @param field the point's, below 16 */
  constructor(most: number, field: number) {
    this.#most = most
    this.#empty = new Uint8Array(SIZE)
    const heads = [
      [0, [field * 8 + BYTES, SIZE - 2]],
      [TIME - 1, [2 * 8 + FIXED64]],
      [VALUE - 1, [3 * 8 + FIXED64]],
      [SPAN_ID - 2, [4 * 8 + BYTES, 8]],
      [TRACE_ID - 2, [5 * 8 + BYTES, 16]],
    ] as const
    for (const [at, bytes] of heads) this.#empty.set(bytes, at)
  }

  begin(row: number): void {
    if (row === this.#counts.length) {
      this.#counts = doubled(this.#counts)
      this.#last = doubled(this.#last)
    }
    this.#counts[row] = this.#last[row] = 0
  }
  move(from: number, to: number): void {
    this.#counts[to] = this.#counts[from]!
    this.#last[to] = this.#last[from]!
  }
  /** The row is told no more. */
  drop(row: number): void {
    for (let place = this.#last[row]!; place !== 0; ) place = this.#release(place)
    this.#counts[row] = this.#last[row] = 0
  }

  /** The span `span` of a batch, unless the row has enough or it is of no trace. @param ids [rows × 32] as of `SpanColumns` */
  add(row: number, ids: Uint8Array, span: number, value: number): void {
    if (this.#counts[row]! >= this.#most) return
    const from = 32 * span
    let any = 0
    for (let i = 0; i < 16; i++) any |= ids[from + i]!
    if (any === 0) return
    const place = this.#take()
    this.#before[place] = this.#last[row]!
    this.#last[row] = place
    this.#counts[row]!++
    const at = place * SIZE
    const bytes = this.#bytes
    for (let i = 0; i < 16; i++) bytes[at + TRACE_ID + i] = ids[from + i]!
    for (let i = 0; i < 8; i++) bytes[at + SPAN_ID + i] = ids[from + 16 + i]!
    this.#view.setFloat64(at + VALUE, value, true)
  }

  /** Tells those of the row, which begins anew. */
  write(out: BackWriter, row: number, now: bigint): void {
    for (let place = this.#last[row]!; place !== 0; ) {
      const at = place * SIZE
      this.#view.setBigUint64(at + TIME, now, true)
      out.bytes(this.#bytes.subarray(at, at + SIZE))
      place = this.#release(place)
    }
    this.#counts[row] = this.#last[row] = 0
  }

  #take(): number {
    this.held++
    const free = this.#free
    if (free !== 0) {
      this.#free = this.#before[free]!
      return free
    }
    const place = ++this.#used
    if (place === this.#before.length) {
      this.#before = doubled(this.#before)
      const bytes = this.#bytes
      this.#bytes = new Uint8Array(2 * bytes.length)
      this.#bytes.set(bytes)
      this.#view = new DataView(this.#bytes.buffer)
    }
    this.#bytes.set(this.#empty, place * SIZE)
    return place
  }

  /** @returns the place before it in its row */
  #release(place: number): number {
    const before = this.#before[place]!
    this.held--
    this.#before[place] = this.#free
    this.#free = place
    return before
  }
}

function doubled(column: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  const wider = new Uint32Array(2 * column.length)
  wider.set(column)
  return wider
}
