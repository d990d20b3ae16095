/** Protobuf written forward into a buffer that grows: what has a length is moved when it is known, by the few bytes that the length takes. */
import { varintSize } from '../otlp/wire.ts'
import { maxCount } from './number.ts'

/** Exact up to 2^52. */
export const zigzag = (value: number): number => (value < 0 ? -2 * value - 1 : 2 * value)

export class ProtoWriter {
  #bytes: Buffer
  length = 0

  /** @param size [bytes] to begin with; it grows */
  constructor(size: number) {
    this.#bytes = Buffer.allocUnsafeSlow(size)
  }

  /** What has been written, as a copy; the writer is empty again. */
  take(): Uint8Array {
    const taken = Uint8Array.prototype.slice.call(this.#bytes, 0, this.length)
    this.length = 0
    return taken
  }

  /** A message, to be closed by `end` with what this returns. */
  begin(field: number): number {
    this.varint(field * 8 + 2)
    this.#reserve(1)
    return ++this.length
  }
  end(from: number): void {
    const size = this.length - from
    const extra = varintSize(size) - 1
    if (extra > 0) {
      this.#reserve(extra)
      this.#bytes.copyWithin(from + extra, from, this.length)
    }
    this.length = from - 1
    this.varint(size)
    this.length += size
  }

  varintField(field: number, value: number): void {
    this.varint(field * 8)
    this.varint(value)
  }
  /** An int64, exact up to 2^53; negative ones take ten bytes. */
  int64(field: number, value: number): void {
    if (value >= 0) return this.varintField(field, value)
    this.varint(field * 8)
    this.#reserve(10)
    let rest = BigInt.asUintN(64, BigInt(value))
    for (; rest >= 128n; rest >>= 7n) this.#bytes[this.length++] = Number(rest & 127n) | 128
    this.#bytes[this.length++] = Number(rest)
  }
  /** Of doubles, one after the other behind one length; nothing where there is none. */
  doubles(field: number, values: ArrayLike<number>): void {
    if (values.length === 0) return
    this.varint(field * 8 + 2)
    this.varint(8 * values.length)
    this.#reserve(8 * values.length)
    for (let i = 0; i < values.length; i++) this.length = this.#bytes.writeDoubleLE(values[i]!, this.length)
  }
  /** Of varints, likewise. */
  varints(field: number, values: ArrayLike<number>): void {
    if (values.length === 0) return
    const from = this.begin(field)
    for (let i = 0; i < values.length; i++) this.varint(values[i]!)
    this.end(from)
  }
  double(field: number, value: number): void {
    this.varint(field * 8 + 1)
    this.#reserve(8)
    this.length = this.#bytes.writeDoubleLE(value, this.length)
  }
  text(field: number, value: string): void {
    const size = Buffer.byteLength(value)
    this.varint(field * 8 + 2)
    this.varint(size)
    this.#reserve(size)
    this.length += this.#bytes.write(value, this.length)
  }
  bytes(field: number, value: Uint8Array): void {
    this.varint(field * 8 + 2)
    this.varint(value.length)
    this.raw(value)
  }
  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length)
    this.#bytes.set(bytes, this.length)
    this.length += bytes.length
  }
  /** Of a whole number from 0 on; what is none counts as 0. */
  varint(value: number): void {
    this.#reserve(10)
    let rest = value > 0 ? Math.min(value, maxCount) : 0
    while (rest >= 128) {
      this.#bytes[this.length++] = (rest % 128) | 128
      rest = Math.floor(rest / 128)
    }
    this.#bytes[this.length++] = rest
  }

  #reserve(size: number): void {
    if (this.length + size <= this.#bytes.length) return
    const larger = Buffer.allocUnsafe(2 * (this.length + size))
    larger.set(this.#bytes.subarray(0, this.length))
    this.#bytes = larger
  }
}
