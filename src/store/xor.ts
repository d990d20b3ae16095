/**
 * Doubles bit by bit, whatever they are: each is compared with the one before (XOR, as Gorilla does), and the bits that differ are packed in
 * blocks of 32, at the width that all of a block need; where most are equal to the one before, a mask says which are not.
 *
 *   stream  the first value, 8 bytes | blocks
 *   block   head u8: width in bits 0-6, bit 7: sparse | where width > 0: trailing zeros u8 | mask u32 where sparse | fields | zeros to the byte
 */
import type { ByteReader, ByteWriter } from './bytes.ts'
import { BLOCK } from './ints.ts'

const SPARSE = 0x80

/** @param words the values as pairs of 32 bits, the low one first */
export function writeXor(into: ByteWriter, words: Uint32Array, length: number): void {
  if (length === 0) return
  into.u32(words[0]!)
  into.u32(words[1]!)
  for (let from = 1; from < length; from += BLOCK) writeBlock(into, words, from, Math.min(from + BLOCK, length))
}

function writeBlock(into: ByteWriter, words: Uint32Array, from: number, to: number): void {
  let anyLow = 0
  let anyHigh = 0
  let mask = 0
  let others = 0
  for (let i = from; i < to; i++) {
    const low = words[2 * i]! ^ words[2 * i - 2]!
    const high = words[2 * i + 1]! ^ words[2 * i - 1]!
    anyLow |= low
    anyHigh |= high
    if (low === 0 && high === 0) continue
    mask |= 1 << (i - from)
    others++
  }
  if (others === 0) return into.u8(0)
  const leading = anyHigh === 0 ? 32 + Math.clz32(anyLow) : Math.clz32(anyHigh)
  const trailing = anyLow === 0 ? 32 + trailingZeros(anyHigh) : trailingZeros(anyLow)
  const width = 64 - leading - trailing
  const sparse = 32 + width * others < width * (to - from)
  into.u8(width | (sparse ? SPARSE : 0))
  into.u8(trailing)
  if (sparse) into.u32(mask)
  for (let i = from; i < to; i++) {
    if (sparse && ((mask >>> (i - from)) & 1) === 0) continue
    const low = words[2 * i]! ^ words[2 * i - 2]!
    const high = words[2 * i + 1]! ^ words[2 * i - 1]!
    put(into, low, high, trailing, width)
  }
  into.endBits()
}

const trailingZeros = (bits: number): number => 31 - Math.clz32(bits & -bits)

/** The bits from `trailing` on, `width` of them. */
function put(into: ByteWriter, low: number, high: number, trailing: number, width: number): void {
  const shiftedHigh = trailing >= 32 ? 0 : high >>> trailing
  const shiftedLow = trailing >= 32 ? high >>> (trailing - 32) : trailing === 0 ? low : (low >>> trailing) | (high << (32 - trailing))
  into.bits(shiftedLow >>> 0, Math.min(width, 32))
  if (width > 32) into.bits(shiftedHigh >>> 0, width - 32)
}

/** @param into as `words` of `writeXor`, written from value `at` on */
export function readXor(from: ByteReader, into: Uint32Array, at: number, length: number): void {
  if (length === 0) return
  into[2 * at] = from.u32()
  into[2 * at + 1] = from.u32()
  const end = at + length
  for (let i = at + 1; i < end; i += BLOCK) readBlock(from, into, i, Math.min(i + BLOCK, end))
}

function readBlock(from: ByteReader, into: Uint32Array, begin: number, end: number): void {
  const head = from.u8()
  const width = head & 0x7f
  const trailing = width === 0 ? 0 : from.u8()
  const sparse = (head & SPARSE) !== 0
  const mask = sparse ? from.u32() : 0
  let bit = from.at * 8
  for (let i = begin; i < end; i++) {
    let low = 0
    let high = 0
    if (width > 0 && (!sparse || ((mask >>> (i - begin)) & 1) !== 0)) {
      low = from.bitsAt(bit, Math.min(width, 32))
      high = width > 32 ? from.bitsAt(bit + 32, width - 32) : 0
      bit += width
    }
    const [shiftedLow, shiftedHigh] =
      trailing >= 32
        ? [0, low << (trailing - 32)]
        : trailing === 0
          ? [low, high]
          : [low << trailing, (high << trailing) | (low >>> (32 - trailing))]
    into[2 * i] = into[2 * i - 2]! ^ shiftedLow
    into[2 * i + 1] = into[2 * i - 1]! ^ shiftedHigh
  }
  from.at = (bit + 7) >>> 3
}
