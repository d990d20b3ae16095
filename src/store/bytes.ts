/** Numbers to bytes and back: varints, and fields of any width packed without gaps, the first in the lowest bits. All little-endian. */

/** [bytes] that must be readable behind everything that is decoded: fields are read in words. */
export const SLACK = 8

const TWO_32 = 2 ** 32

/** Grows as it is written to. */
export class ByteWriter {
  bytes: Uint8Array<ArrayBuffer>
  length = 0
  #view: DataView
  #bits = 0
  #filled = 0

  constructor(capacity = 1024) {
    this.bytes = new Uint8Array(capacity)
    this.#view = new DataView(this.bytes.buffer)
  }

  /** What was written; a view that the next write may change. */
  get written(): Uint8Array<ArrayBuffer> {
    return this.bytes.subarray(0, this.length)
  }

  clear(): void {
    this.length = 0
  }

  room(bytes: number): void {
    if (this.length + bytes <= this.bytes.length) return
    const grown = new Uint8Array(Math.max(2 * this.bytes.length, this.length + bytes))
    grown.set(this.written)
    this.bytes = grown
    this.#view = new DataView(grown.buffer)
  }

  u8(value: number): void {
    this.room(1)
    this.bytes[this.length++] = value
  }

  u32(value: number): void {
    this.room(4)
    this.#view.setUint32(this.length, value, true)
    this.length += 4
  }

  f64(value: number): void {
    this.room(8)
    this.#view.setFloat64(this.length, value, true)
    this.length += 8
  }

  /** @param value an integer, 0 … 2^53 */
  varint(value: number): void {
    this.room(8)
    let rest = value
    while (rest >= TWO_32) {
      this.bytes[this.length++] = (rest & 0x7f) | 0x80
      rest = Math.floor(rest / 128)
    }
    let low = rest >>> 0
    while (low >= 128) {
      this.bytes[this.length++] = (low & 0x7f) | 0x80
      low >>>= 7
    }
    this.bytes[this.length++] = low
  }

  /** @param value an integer, ±2^52 */
  signed(value: number): void {
    this.varint(zigzag(value))
  }

  raw(bytes: Uint8Array): void {
    this.room(bytes.length)
    this.bytes.set(bytes, this.length)
    this.length += bytes.length
  }

  /** A text without its length. */
  utf8(text: string): void {
    this.room(3 * text.length)
    this.length += Buffer.from(this.bytes.buffer).write(text, this.length, 'utf8')
  }

  text(text: string): void {
    const bytes = Buffer.from(text, 'utf8')
    this.varint(bytes.length)
    this.raw(bytes)
  }

  /** The lowest `width` (0 … 32) bits of `value`; higher ones must be 0. `endBits` writes the last. */
  bits(value: number, width: number): void {
    const filled = this.#filled
    this.#bits |= value << filled
    if (filled + width < 32) {
      this.#filled = filled + width
      return
    }
    this.u32(this.#bits)
    this.#bits = filled === 0 ? 0 : value >>> (32 - filled)
    this.#filled = filled + width - 32
    if (filled === 0 && width === 32) this.#bits = 0
  }

  /** Up to the next whole byte. */
  endBits(): void {
    for (; this.#filled > 0; this.#filled -= 8) {
      this.u8(this.#bits & 0xff)
      this.#bits >>>= 8
    }
    this.#bits = 0
    this.#filled = 0
  }
}

/** Reads what ByteWriter wrote. @throws {RangeError} past the end */
export class ByteReader {
  readonly bytes: Uint8Array
  at: number
  readonly #view: DataView

  constructor(bytes: Uint8Array, at = 0) {
    this.bytes = bytes
    this.at = at
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  u8(): number {
    return this.#view.getUint8(this.at++)
  }

  u32(): number {
    const value = this.#view.getUint32(this.at, true)
    this.at += 4
    return value
  }

  f64(): number {
    const value = this.#view.getFloat64(this.at, true)
    this.at += 8
    return value
  }

  varint(): number {
    let value = 0
    let factor = 1
    for (;;) {
      const byte = this.u8()
      value += (byte & 0x7f) * factor
      if (byte < 128) return value
      factor *= 128
      if (factor > 2 ** 56) throw new RangeError('a varint does not end')
    }
  }

  signed(): number {
    return unzigzag(this.varint())
  }

  text(): string {
    const length = this.varint()
    if (this.at + length > this.bytes.length) throw new RangeError('a text goes past the end')
    const { buffer, byteOffset } = this.bytes
    const text = Buffer.from(buffer, byteOffset + this.at, length).toString('utf8')
    this.at += length
    return text
  }

  /** `width` (0 … 32) bits from bit `bit` on, counted from the beginning of `bytes`. */
  bitsAt(bit: number, width: number): number {
    const byte = Math.floor(bit / 8)
    const shift = bit & 7
    let value = this.#view.getUint32(byte, true) >>> shift
    if (shift + width > 32) value |= this.bytes[byte + 4]! << (32 - shift)
    return width === 32 ? value >>> 0 : value & ((1 << width) - 1)
  }
}

export const zigzag = (value: number): number => (value < 0 ? -2 * value - 1 : 2 * value)
export const unzigzag = (value: number): number => (value % 2 === 0 ? value / 2 : -(value + 1) / 2)

/** [bits] that an integer of 0 … 2^53 needs */
export const bitWidth = (value: number): number => (value < TWO_32 ? 32 - Math.clz32(value) : 64 - Math.clz32(Math.floor(value / TWO_32)))

/** [bytes] of a varint */
export const varintSize = (value: number): number => (value < 128 ? 1 : Math.ceil(bitWidth(value) / 7))
