/**
 * Integers in little space. Each is predicted, by nothing (order 0), by the one before (1) or by the line through the two before (2), whichever
 * takes the fewest bits; what is left is packed in blocks of 32: either all of them less the least of the block (frame of reference),
 * or, where most are 0, a mask and those that are not.
 *
 *   stream  mode u8: order in bits 0-1, bit 2: all residuals are one | the first `order` values, signed | one: residual, signed; else blocks
 *   block   head u8: width in bits 0-5, bit 6: sparse, bit 7: the least is 0 | least, signed, unless bit 7 or sparse
 *           | mask u32 where sparse | fields of `width` bits, zigzag where sparse | zeros to the byte
 */
import { type ByteReader, type ByteWriter, bitWidth, unzigzag, varintSize, zigzag } from './bytes.ts'

/** Values may be ±2^50, so that every residual is exact. */
export const MAX_INT = 2 ** 50
export const BLOCK = 32
const SPARSE = 0x40
const LEAST_IS_0 = 0x80
const ONE = 4
const TWO_32 = 2 ** 32

let residuals: [Float64Array, Float64Array, Float64Array] = scratch(1024)
function scratch(length: number): [Float64Array, Float64Array, Float64Array] {
  return [new Float64Array(length), new Float64Array(length), new Float64Array(length)]
}

/** @param values integers within ±MAX_INT */
export function writeInts(into: ByteWriter, values: Float64Array, length: number): void {
  const order = bestOrder(values, length)
  const residual = residuals[order]!
  const single = allOne(residual, order, length)
  into.u8(order | (single ? ONE : 0))
  if (order > 0 && length > 0) into.signed(values[0]!)
  if (order > 1 && length > 1) into.signed(values[1]! - values[0]!)
  if (single) {
    if (length > order) into.signed(residual[order]!)
    return
  }
  for (let from = order; from < length; from += BLOCK) writeBlock(into, residual, from, Math.min(from + BLOCK, length))
}

function allOne(residual: Float64Array, from: number, length: number): boolean {
  for (let i = from + 1; i < length; i++) if (residual[i] !== residual[from]) return false
  return true
}

/** Fills the residuals of all orders. */
function bestOrder(values: Float64Array, length: number): 0 | 1 | 2 {
  if (residuals[0].length < length) residuals = scratch(2 * length)
  const [r0, r1, r2] = residuals
  let before = 0
  let slope = 0
  for (let i = 0; i < length; i++) {
    const value = values[i]!
    const delta = value - before
    r0[i] = value
    r1[i] = delta
    r2[i] = delta - slope
    before = value
    slope = delta
  }
  let best: 0 | 1 | 2 = 0
  let least = Number.POSITIVE_INFINITY
  for (const order of [1, 2, 0] as const) {
    const bits = allOne(residuals[order], order, length) ? 0 : streamBits(residuals[order], order, length)
    if (bits < least) {
      least = bits
      best = order
    }
  }
  return best
}

function streamBits(residual: Float64Array, order: number, length: number): number {
  let bits = 0
  for (let from = order; from < length; from += BLOCK) {
    measure(residual, from, Math.min(from + BLOCK, length))
    bits += 8 + Math.min(denseBits, sparseBits)
  }
  return bits
}

// What `measure` finds: module variables, for it runs three times for every 32 values that are written.
let least = 0
let denseWidth = 0
let denseBits = 0
let sparseWidth = 0
let sparseBits = 0

function measure(residual: Float64Array, from: number, to: number): void {
  let min = residual[from]!
  let max = min
  let others = 0
  for (let i = from; i < to; i++) {
    const value = residual[i]!
    if (value < min) min = value
    else if (value > max) max = value
    if (value !== 0) others++
  }
  least = min
  denseWidth = bitWidth(max - min)
  denseBits = (min === 0 ? 0 : 8 * varintSize(zigzag(min))) + denseWidth * (to - from)
  sparseWidth = bitWidth(Math.max(min < 0 ? zigzag(min) : 0, max > 0 ? zigzag(max) : 0))
  sparseBits = 32 + sparseWidth * others
}

function writeBlock(into: ByteWriter, residual: Float64Array, from: number, to: number): void {
  measure(residual, from, to)
  if (sparseBits < denseBits) {
    const width = sparseWidth
    into.u8(width | SPARSE)
    let mask = 0
    for (let i = from; i < to; i++) if (residual[i] !== 0) mask |= 1 << (i - from)
    into.u32(mask)
    for (let i = from; i < to; i++) if (residual[i] !== 0) put(into, zigzag(residual[i]!), width)
  } else {
    const width = denseWidth
    const min = least
    into.u8(width | (min === 0 ? LEAST_IS_0 : 0))
    if (min !== 0) into.signed(min)
    for (let i = from; i < to && width > 0; i++) put(into, residual[i]! - min, width)
  }
  into.endBits()
}

function put(into: ByteWriter, value: number, width: number): void {
  if (width <= 32) return into.bits(value >>> 0, width)
  into.bits(value >>> 0, 32)
  into.bits(Math.floor(value / TWO_32), width - 32)
}

/** Writes `length` integers to `into` from `at` on. */
export function readInts(from: ByteReader, into: Float64Array, at: number, length: number): void {
  const mode = from.u8()
  const order = mode & 3
  if (order > 0 && length > 0) into[at] = from.signed()
  if (order > 1 && length > 1) into[at + 1] = into[at]! + from.signed()
  const end = at + length
  const begin = at + order
  if ((mode & ONE) !== 0) {
    if (length > order) into.fill(from.signed(), begin, end)
  } else for (let i = begin; i < end; i += BLOCK) readBlock(from, into, i, Math.min(i + BLOCK, end))
  if (order === 1) for (let i = begin; i < end; i++) into[i]! += into[i - 1]!
  if (order === 2) {
    let slope = length > 1 ? into[at + 1]! - into[at]! : 0
    for (let i = begin; i < end; i++) {
      slope += into[i]!
      into[i] = into[i - 1]! + slope
    }
  }
}

function readBlock(from: ByteReader, into: Float64Array, begin: number, end: number): void {
  const head = from.u8()
  const width = head & 0x3f
  const sparse = (head & SPARSE) !== 0
  const min = sparse || (head & LEAST_IS_0) !== 0 ? 0 : from.signed()
  const mask = sparse ? from.u32() : 0
  let bit = from.at * 8
  for (let i = begin; i < end; i++) {
    if (sparse && ((mask >>> (i - begin)) & 1) === 0) {
      into[i] = 0
      continue
    }
    let value = from.bitsAt(bit, Math.min(width, 32))
    if (width > 32) value += from.bitsAt(bit + 32, width - 32) * TWO_32
    bit += width
    into[i] = sparse ? unzigzag(value) : min + value
  }
  from.at = (bit + 7) >>> 3
}
