/** A stream of bits as Prometheus packs them: the highest of each byte first, numbers big-endian. Reading past the end throws a RangeError. */

/** [bits] that follow so many ones and a zero; eight ones have no zero behind them */
const classes = [0, 3, 6, 9, 12, 18, 25, 56, 64] as const

export class BitReader {
  readonly #bytes: Uint8Array
  /** [bits] */
  #at: number

  /** @param from [bytes] */
  constructor(bytes: Uint8Array, from: number) {
    this.#bytes = bytes
    this.#at = 8 * from
  }

  get left(): number {
    return 8 * this.#bytes.length - this.#at
  }

  /** [bytes] that were read, begun ones included */
  get at(): number {
    return Math.ceil(this.#at / 8)
  }
  /** @param bytes that are not looked at */
  skip(bytes: number): void {
    if (8 * bytes > this.left) throw new RangeError('it ends too early')
    this.#at += 8 * bytes
  }

  bit(): number {
    return this.bits(1)
  }

  /** @param count up to 32 */
  bits(count: number): number {
    if (count > this.left) throw new RangeError('it ends too early')
    let value = 0
    for (let left = count; left > 0; ) {
      const within = this.#at & 7
      const taken = Math.min(left, 8 - within)
      const piece = (this.#bytes[this.#at >>> 3]! >>> (8 - within - taken)) & ((1 << taken) - 1)
      value = value * 2 ** taken + piece
      this.#at += taken
      left -= taken
    }
    return value
  }

  /** How many ones there are before the next zero, which is read as well; `most` of them end it. */
  ones(most: number): number {
    let ones = 0
    while (ones < most && this.bit() === 1) ones++
    return ones
  }

  /** Two's complement; what is beyond ±2^53 is rounded. @param count up to 64 */
  signed(count: number): number {
    const wide = Math.max(0, count - 32)
    const high = this.bits(wide)
    const low = this.bits(count - wide)
    const half = 2 ** (count - 1)
    // Of the upper half only, so that a small negative number is exact. The middle itself is positive, as its writer means it.
    if (wide === 0) return low > half ? low - 2 ** count : low
    const top = 2 ** (wide - 1)
    return (high > top || (high === top && (low > 0 || count === 64)) ? high - 2 ** wide : high) * 2 ** 32 + low
  }

  /** Bytes of seven bits. */
  uvarint(): number {
    let value = 0
    for (let factor = 1; factor < 2 ** 70; factor *= 128) {
      const byte = this.bits(8)
      value += (byte & 0x7f) * factor
      if (byte < 128) return value
    }
    throw new RangeError('a number does not end')
  }
  varint(): number {
    const value = this.uvarint()
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2
  }

  /** A number in the fewest bits: of 0, 3, 6, … 64 (`classes`). */
  varbitInt(): number {
    const count = classes[this.ones(8)]!
    return count === 0 ? 0 : this.signed(count)
  }
  varbitUint(): number {
    const count = classes[this.ones(8)]!
    const wide = Math.max(0, count - 32)
    return this.bits(wide) * 2 ** 32 + this.bits(count - wide)
  }

  float(): number {
    words[1] = this.bits(32)
    words[0] = this.bits(32)
    return double[0]!
  }
}
const words = new Uint32Array(2)
const double = new Float64Array(words.buffer)

/** Doubles of which each is written as what differs from the one before. */
export class XorReader {
  readonly words = new Uint32Array(2)
  readonly #double = new Float64Array(this.words.buffer)
  /** [bits] that were no zeros last: how many there are before them, and how many there are */
  #leading = 0
  #width = 64

  get value(): number {
    return this.#double[0]!
  }
  /** Written whole. */
  whole(from: BitReader): void {
    this.words[1] = from.bits(32)
    this.words[0] = from.bits(32)
  }
  next(from: BitReader): void {
    if (from.bit() === 0) return
    if (from.bit() === 1) this.window(from)
    this.difference(from)
  }
  window(from: BitReader): void {
    this.#leading = from.bits(5)
    this.#width = from.bits(6) || 64
    if (this.#leading + this.#width > 64) throw new RangeError('more bits than a value has')
  }
  difference(from: BitReader): void {
    // What lies in the upper 32 bits, and what in the lower ones.
    const trailing = 64 - this.#leading - this.#width
    const upper = Math.max(0, Math.min(32, 32 - this.#leading) - Math.max(0, trailing - 32))
    if (upper > 0) this.words[1]! ^= from.bits(upper) * 2 ** Math.max(0, trailing - 32)
    if (this.#width > upper) this.words[0]! ^= from.bits(this.#width - upper) * 2 ** trailing
  }
}
