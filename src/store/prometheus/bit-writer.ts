/** Bits as Prometheus packs them (bits.ts reads them): the highest of each byte first, numbers big-endian. */

/** Does `value` fit into so many bits? The middle of the range is positive. */
const fits = (value: number, bits: number): boolean => value > -(2 ** (bits - 1)) && value <= 2 ** (bits - 1)

/** [bits] of a number in the fewest, each behind so many ones and, but for the last, a zero */
const classes = [0, 3, 6, 9, 12, 18, 25, 56] as const

export class BitWriter {
  #bytes = Buffer.alloc(512)
  /** [bits] */
  #at = 0

  clear(): void {
    this.#bytes.fill(0, 0, Math.ceil(this.#at / 8))
    this.#at = 0
  }
  /** A copy of what was written, the last byte filled with zeros. */
  take(): Buffer {
    return Buffer.from(this.#bytes.subarray(0, Math.ceil(this.#at / 8)))
  }

  /** @param value ≥ 0 @param count up to 32 */
  bits(value: number, count: number): void {
    if (this.#at + count > 8 * this.#bytes.length) this.#bytes = Buffer.concat([this.#bytes, Buffer.alloc(this.#bytes.length)])
    for (let left = count; left > 0; ) {
      const within = this.#at & 7
      const taken = Math.min(left, 8 - within)
      const piece = (value >>> (left - taken)) & ((1 << taken) - 1)
      this.#bytes[this.#at >>> 3]! |= piece << (8 - within - taken)
      this.#at += taken
      left -= taken
    }
  }
  /** Two's complement. @param count up to 64 */
  signed(value: number, count: number): void {
    if (count <= 32) return this.bits(value < 0 ? value + 2 ** count : value, count)
    const low = ((value % 2 ** 32) + 2 ** 32) % 2 ** 32
    const high = Math.floor(value / 2 ** 32)
    this.bits(high < 0 ? high + 2 ** (count - 32) : high, count - 32)
    this.bits(low, 32)
  }
  /** Bytes of seven bits. */
  uvarint(value: number): void {
    for (; value >= 128; value = Math.floor(value / 128)) this.bits((value % 128) | 128, 8)
    this.bits(value, 8)
  }
  varint(value: number): void {
    this.uvarint(value < 0 ? -2 * value - 1 : 2 * value)
  }
  varbitInt(value: number): void {
    const ones = classes.findIndex(bits => (bits === 0 ? value === 0 : fits(value, bits)))
    this.#class(ones)
    if (ones !== 0) this.signed(value, ones < 0 ? 64 : classes[ones]!)
  }
  varbitUint(value: number): void {
    const ones = classes.findIndex(bits => value < 2 ** bits)
    this.#class(ones)
    if (ones !== 0) this.signed(value, ones < 0 ? 64 : classes[ones]!)
  }
  #class(ones: number): void {
    if (ones < 0) this.bits(0xff, 8)
    else this.bits(2 ** (ones + 1) - 2, ones + 1)
  }
  /** A difference of differences of times: in 0, 14, 17, 20 or 64 bits. */
  difference(value: number): void {
    if (value === 0) return this.bits(0, 1)
    const width = [14, 17, 20].find(bits => fits(value, bits)) ?? 64
    const ones = [14, 17, 20, 64].indexOf(width) + 1
    this.bits(ones === 4 ? 0b1111 : 2 ** (ones + 1) - 2, Math.min(4, ones + 1))
    this.signed(value, width)
  }
}

/** Doubles of which each is written as what differs from the one before. */
export class XorWriter {
  readonly #double = new Float64Array(1)
  readonly #words = new Uint32Array(this.#double.buffer)
  readonly #before = new Uint32Array(2)
  /** [bits] of zeros before and behind what was written last; undefined: nothing yet */
  #window: { readonly leading: number; readonly trailing: number } | undefined

  /** Written whole. */
  whole(into: BitWriter, value: number): void {
    this.#double[0] = value
    this.#window = undefined
    this.wholeWords(into, this.#words[1]!, this.#words[0]!)
  }
  wholeWords(into: BitWriter, high: number, low: number): void {
    into.bits(high, 32)
    into.bits(low, 32)
    this.#before[1] = high
    this.#before[0] = low
    this.#window = undefined
  }
  next(into: BitWriter, value: number): void {
    this.#double[0] = value
    this.nextWords(into, this.#words[1]!, this.#words[0]!)
  }
  nextWords(into: BitWriter, newHigh: number, newLow: number): void {
    const high = (newHigh ^ this.#before[1]!) >>> 0
    const low = (newLow ^ this.#before[0]!) >>> 0
    this.#before[1] = newHigh
    this.#before[0] = newLow
    if (high === 0 && low === 0) return into.bits(0, 1)
    // Five bits tell how many zeros there are in front.
    const leading = Math.min(31, high === 0 ? 32 + Math.clz32(low) : Math.clz32(high))
    const trailing = low === 0 ? 32 + zerosBehind(high) : zerosBehind(low)
    const window = this.#window
    if (window !== undefined && leading >= window.leading && trailing >= window.trailing) into.bits(0b10, 2)
    else {
      this.#window = { leading, trailing }
      into.bits(0b11, 2)
      into.bits(leading, 5)
      into.bits((64 - leading - trailing) % 64, 6)
    }
    significant(into, high, low, this.#window!)
  }
}

const zerosBehind = (word: number): number => 31 - Math.clz32(word & -word)

function significant(into: BitWriter, high: number, low: number, { leading, trailing }: { leading: number; trailing: number }): void {
  const cut = Math.max(0, trailing - 32)
  const upper = Math.max(0, 32 - leading - cut)
  if (upper > 0) into.bits(high >>> cut, upper)
  if (trailing < 32) into.bits(low >>> trailing, 64 - leading - trailing - upper)
}
