// Protobuf's grammar, and bytes compared, hashed and copied. `p` is always where to read next and `end` where the message ends.
import { FIELD_RANGE, FIELD_ZERO, TOO_LONG, TRUNCATED, WIRE, fail } from "./fail"

/** Where the last varint read by `varint` ended. */
export let after: usize = 0
/** Where the payload of the last field with a long length began. */
export let start: usize = 0

export function varint(p: usize, end: usize, message: i32): u64 {
  const first = p
  let value: u64 = 0, shift: u64 = 0
  while (true) {
    if (p >= end) fail(TRUNCATED, message, first)
    const byte = <u64>load<u8>(p++)
    if (shift == 63 && byte > 1) fail(TOO_LONG, message, first)
    value |= (byte & 0x7f) << shift
    if (byte < 0x80) break
    shift += 7
  }
  after = p
  return value
}

/** A tag of more than one byte. */
export function longTag(p: usize, end: usize, message: i32): u32 {
  const tag = varint(p, end, message)
  if (tag > 0xffffffff) fail(FIELD_RANGE, message, p)
  return <u32>tag
}

/** The end of the length-delimited payload whose length is at `p`. */
// @ts-ignore: decorator
@inline export function past(p: usize, end: usize, message: i32): usize {
  if (p < end) {
    const length = <usize>load<u8>(p)
    if (length < 128 && p + 1 + length <= end) return p + 1 + length
  }
  return longPast(p, end, message)
}
/** The start of the payload that `past` has just found the end of. */
// @ts-ignore: decorator
@inline export function payload(p: usize): usize { return load<u8>(p) < 128 ? p + 1 : start }

function longPast(p: usize, end: usize, message: i32): usize {
  if (p + 1 < end && load<u8>(p, 1) < 128) {
    const low = <usize>load<u8>(p)
    const length = low < 128 ? low : (low & 127) | (<usize>load<u8>(p, 1) << 7)
    start = low < 128 ? p + 1 : p + 2
    if (length > end - start) fail(TRUNCATED, message, p)
    return start + length
  }
  const length = varint(p, end, message)
  start = after
  if (length > <u64>(end - start)) fail(TRUNCATED, message, p)
  return start + <usize>length
}

/** Demands that eight more bytes belong to the message. */
// @ts-ignore: decorator
@inline export function eight(p: usize, end: usize, message: i32): usize {
  if (p + 8 > end) fail(TRUNCATED, message, p)
  return p + 8
}

/** Past a field that is not known, or known with another wire type. `p` is behind its tag. */
export function skip(tag: u32, p: usize, end: usize, message: i32): usize {
  if (tag < 8) fail(FIELD_ZERO, message, p)
  const wire = tag & 7
  if (wire == 2) return past(p, end, message)
  if (wire == 0) { varint(p, end, message); return after }
  if (wire == 1) return eight(p, end, message)
  if (wire != 5) fail(WIRE, message, p)
  if (p + 4 > end) fail(TRUNCATED, message, p)
  return p + 4
}

/** Whether two ranges of `length` bytes are equal. Sixteen at a time; what is left over is compared again with what came before it. */
// @ts-ignore: decorator
@inline export function equal(a: usize, b: usize, length: usize): bool {
  if (length >= 16) {
    const last = a + length - 16
    const shift = b - a
    while (a < last) {
      if (v128.any_true(v128.xor(v128.load(a), v128.load(a + shift)))) return false
      a += 16
    }
    return !v128.any_true(v128.xor(v128.load(last), v128.load(last + shift)))
  }
  if (length >= 8) return load<u64>(a) == load<u64>(b) && load<u64>(a + length - 8) == load<u64>(b + length - 8)
  if (length >= 4) return load<u32>(a) == load<u32>(b) && load<u32>(a + length - 4) == load<u32>(b + length - 4)
  for (let i: usize = 0; i < length; i++) if (load<u8>(a + i) != load<u8>(b + i)) return false
  return true
}

let secret0: u64 = 0
let secret1: u64 = 0
export function seed(a: u64, b: u64): void { secret0 = a; secret1 = b }

/** The 128 bits of a product, folded to 64: what wyhash is made of. Without the seed nobody can aim two names at one slot. */
// @ts-ignore: decorator
@inline function mix(a: u64, b: u64): u64 {
  const al = a & 0xffffffff, ah = a >> 32, bl = b & 0xffffffff, bh = b >> 32
  const ll = al * bl, lh = al * bh, hl = ah * bl
  const middle = (ll >> 32) + (lh & 0xffffffff) + (hl & 0xffffffff)
  const low = (middle << 32) | (ll & 0xffffffff)
  const high = ah * bh + (lh >> 32) + (hl >> 32) + (middle >> 32)
  return low ^ high
}

export function hash(a: usize, length: usize, parent: i32, salt: i32): u64 {
  let h = mix(secret0 ^ <u64>length, secret1 ^ (<u64><u32>parent << 32 | <u64><u32>salt))
  const end = a + length
  while (a + 16 <= end) {
    h = mix(load<u64>(a) ^ secret1, load<u64>(a, 8) ^ h)
    a += 16
  }
  let x: u64 = 0, y: u64 = 0
  if (a + 8 <= end) { x = load<u64>(a); a += 8 }
  for (let shift: u64 = 0; a < end; shift += 8) y |= <u64>load<u8>(a++) << shift
  return mix(mix(x ^ secret1, y ^ h), secret0)
}

/** Copies `length` bytes and may write up to 15 more: cheaper than memory.copy for what is short. */
// @ts-ignore: decorator
@inline export function copyLoosely(to: usize, from: usize, length: usize): void {
  if (length > 256) { memory.copy(to, from, length); return }
  for (let i: usize = 0; i < length; i += 16) v128.store(to + i, v128.load(from + i))
}
