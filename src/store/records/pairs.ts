/**
 * Hashes of attributes, from their bytes: a key and a value by its type. What is no text, integer or boolean counts as its text, so that whoever
 * asks by text has three hashes to look for at most.
 */
import { readTyped, showTyped, type TypedValue } from '../../otlp/find.ts'

const TEXT = 1
const BOOL = 2
const INTEGER = 3

const seed = 0x811c_9dc5 | 0

/** [AnyValue] tags of `string_value` and `int_value` */
const TEXT_TAG = 0x0a
const INTEGER_TAG = 0x18

/** Of the key in `[keyFrom, keyTo)` and the AnyValue in `[from, to)`. */
export function hashPair(bytes: Uint8Array, keyFrom: number, keyTo: number, from: number, to: number): number {
  const key = hashBytes(seed, bytes, keyFrom, keyTo)
  const size = to - from
  // As everybody writes them.
  if (size >= 2 && bytes[from] === TEXT_TAG && bytes[from + 1]! < 128 && bytes[from + 1] === size - 2)
    return hashBytes(key ^ TEXT, bytes, from + 2, to)
  if (bytes[from] === INTEGER_TAG && isVarint(bytes, from + 1, to)) return hashBytes(key ^ INTEGER, bytes, from + 1, to)
  return hashTyped(key, readTyped(bytes, from, to))
}

/** Those that a key and a value may have whose text is `value`. */
export function hashesOf(key: string, value: string): number[] {
  const hash = hashBytes(seed, Buffer.from(key))
  const hashes = [hashTyped(hash, { stringValue: value })]
  if (value === 'true' || value === 'false') hashes.push(hashTyped(hash, { boolValue: value === 'true' }))
  if (/^-?(0|[1-9]\d{0,18})$/.test(value)) hashes.push(hashTyped(hash, { intValue: BigInt(value) }))
  return hashes
}

/** A name is an attribute without a key. */
export const hashName = (name: string): number => hashesOf('', name)[0]!

/** There is a row whose name nobody knows. */
export const UNNAMED: number = hashName('\0')

/** Of a trace id. */
export const hashId = (bytes: Uint8Array, from: number, to: number): number => hashBytes(seed, bytes, from, to) >>> 0

function hashTyped(key: number, value: TypedValue): number {
  if (value.boolValue !== undefined) return hashBytes(key ^ BOOL, Uint8Array.of(value.boolValue ? 1 : 0))
  if (value.intValue !== undefined) return hashBytes(key ^ INTEGER, varint(BigInt.asUintN(64, value.intValue)))
  return hashBytes(key ^ TEXT, Buffer.from(showTyped(value)))
}

/** One, in as few bytes as can be. */
function isVarint(bytes: Uint8Array, from: number, to: number): boolean {
  if (to <= from || bytes[to - 1]! > 127 || (bytes[to - 1] === 0 && to - from > 1)) return false
  for (let at = from; at < to - 1; at++) if (bytes[at]! < 128) return false
  return true
}

function varint(value: bigint): Uint8Array {
  const bytes: number[] = []
  let rest = value
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128)
  bytes.push(Number(rest))
  return Uint8Array.from(bytes)
}

/** FNV-1a, four bytes at a step, stirred at the end. */
function hashBytes(start: number, bytes: Uint8Array, from = 0, to = bytes.length): number {
  let hash = start
  let at = from
  for (; at + 4 <= to; at += 4) {
    hash = Math.imul(hash ^ (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)), 0x0100_0193)
    hash ^= hash >>> 15
  }
  for (; at < to; at++) hash = Math.imul(hash ^ bytes[at]!, 0x0100_0193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b)
  return hash ^ (hash >>> 13)
}
