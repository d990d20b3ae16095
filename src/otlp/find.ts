/**
 * Single attributes straight from the bytes of a row, for whoever judges every row by a few of its attributes: no object is made
 * but for values that are seen for the first time.
 */
import { BYTES, Cursor, FIXED64, readText, VARINT } from './wire.ts'

/** AnyValue in OTLP/JSON's shape, which the writer takes as it is: an int64 stays one, and 1.0 stays a double. */
export interface TypedValue {
  readonly stringValue?: string
  readonly boolValue?: boolean
  readonly intValue?: bigint
  readonly doubleValue?: number
  readonly bytesValue?: Uint8Array
  readonly arrayValue?: { readonly values: readonly TypedValue[] }
  readonly kvlistValue?: { readonly values: readonly TypedAttribute[] }
}
export interface TypedAttribute {
  readonly key: string
  readonly value: TypedValue
}

/** Looks for a fixed set of keys. Of attributes with one key the first counts, as in the Collector. */
export class Finder {
  readonly #keys: readonly Uint8Array[]
  /** [2 × keys] where each value's AnyValue lies, after `find`; 0, 0 where the row has no such attribute */
  readonly ranges: Uint32Array

  constructor(keys: readonly string[]) {
    this.#keys = keys.map(key => Buffer.from(key))
    this.ranges = new Uint32Array(2 * keys.length)
  }

  /**
   * Searches the fields with the number `field` (below 16) in `[from, to)`. What is malformed ends the search.
   * @returns how many attributes were found
   */
  find(bytes: Uint8Array, from: number, to: number, field: number): number {
    const { ranges } = this
    ranges.fill(0)
    const wanted = this.#keys.length
    if (wanted === 0) return 0
    const tag = field * 8 + BYTES
    let found = 0
    for (let at = from; at < to; ) {
      if (bytes[at] !== tag) {
        const end = skip(bytes, at, to)
        // A tag may be written in more bytes than it needs.
        if (bytes[at] === tag + 128) {
          const start = payloadOf(bytes, at, to, field)
          if (start >= 0 && this.#match(bytes, start, end) && ++found === wanted) return found
        }
        at = end
        continue
      }
      if (++at >= to) return found
      let length = bytes[at++]!
      if (length > 127) {
        length -= 128
        for (let scale = 128, byte = 128; byte > 127; scale *= 128) {
          if (at >= to || scale > 2 ** 35) return found
          byte = bytes[at++]!
          length += (byte & 127) * scale
        }
      }
      const end = at + length
      if (end > to) return found
      // What comes behind all that is wanted need not be read.
      if (this.#match(bytes, at, end) && ++found === wanted) return found
      at = end
    }
    return found
  }

  /** Whether the KeyValue in `[from, to)` is looked for and new. */
  #match(bytes: Uint8Array, from: number, to: number): boolean {
    // Everybody writes the key first, and no key is longer than 127 bytes, but for those that do and are.
    const length = bytes[from + 1]!
    const start = from + 2
    const rest = start + length
    if (bytes[from] !== KEY || length > 127 || rest > to) return this.#matchAny(bytes, from, to)
    // A key may be asked for several times.
    let found = false
    for (let i = 0; i < this.#keys.length; i++) {
      const key = this.#keys[i]!
      if (key.length === length && isAt(key, bytes, start) && this.#keep(i, bytes, rest, to)) found = true
    }
    return found
  }

  #keep(i: number, bytes: Uint8Array, from: number, to: number): boolean {
    if (this.ranges[2 * i + 1] !== 0) return false
    if (bytes[from] === VALUE && bytes[from + 1]! < 128 && from + 2 + bytes[from + 1]! === to) {
      this.ranges[2 * i] = from + 2
      this.ranges[2 * i + 1] = to
      return true
    }
    return this.#keepAny(i, bytes, from, to)
  }

  #keepAny(i: number, bytes: Uint8Array, from: number, to: number): boolean {
    // An attribute without a value has an empty one.
    let [start, end] = [to, to]
    try {
      for (const at = new Cursor(bytes, from, to, 'attribute'); at.next(); ) if (at.is(2, BYTES)) [start, end] = [at.start, at.end]
    } catch {
      return false
    }
    this.ranges[2 * i] = start
    this.ranges[2 * i + 1] = end
    return true
  }

  #matchAny(bytes: Uint8Array, from: number, to: number): boolean {
    let key = ''
    try {
      for (const at = new Cursor(bytes, from, to, 'attribute'); at.next(); ) if (at.is(1, BYTES)) key = readText(bytes, at.start, at.end)
    } catch {
      return false
    }
    let found = false
    for (const [i, wanted] of this.#keys.entries()) {
      if (readText(wanted) === key && this.ranges[2 * i + 1] === 0 && this.#keepAny(i, bytes, from, to)) found = true
    }
    return found
  }
}

const KEY = 1 * 8 + BYTES
const VALUE = 2 * 8 + BYTES

function isAt(key: Uint8Array, bytes: Uint8Array, at: number): boolean {
  // The ends differ sooner than the beginnings: http.route, http.request.method.
  for (let i = key.length - 1; i >= 0; i--) if (key[i] !== bytes[at + i]) return false
  return true
}

/** Where the field at `at` ends; `to` where it is malformed. */
function skip(bytes: Uint8Array, at: number, to: number): number {
  try {
    const field = new Cursor(bytes, at, to, 'field')
    return field.next() ? field.end : to
  } catch {
    return to
  }
}

/** Where the payload of the field at `at` begins; -1 where it is another field, or malformed. */
function payloadOf(bytes: Uint8Array, at: number, to: number, number: number): number {
  try {
    const field = new Cursor(bytes, at, to, 'field')
    return field.next() && field.is(number, BYTES) ? field.start : -1
  } catch {
    return -1
  }
}

/** The AnyValue in `[from, to)`; {} where it is empty or malformed. */
export function readTyped(bytes: Uint8Array, from: number, to: number, depth = 0): TypedValue {
  let value: TypedValue = {}
  if (depth > 64) return value
  try {
    for (const at = new Cursor(bytes, from, to, 'attribute value'); at.next(); ) {
      if (at.is(1, BYTES)) value = { stringValue: readText(bytes, at.start, at.end) }
      else if (at.is(2, VARINT)) value = { boolValue: at.uint64 !== 0n }
      else if (at.is(3, VARINT)) value = { intValue: BigInt.asIntN(64, at.uint64) }
      else if (at.is(4, FIXED64)) value = { doubleValue: at.double }
      else if (at.is(5, BYTES)) value = { arrayValue: { values: readTypedValues(bytes, at.start, at.end, depth + 1) } }
      else if (at.is(6, BYTES)) value = { kvlistValue: { values: readTypedAttributes(bytes, at.start, at.end, 1, depth + 1) } }
      else if (at.is(7, BYTES)) value = { bytesValue: bytes.slice(at.start, at.end) }
    }
    return value
  } catch {
    return {}
  }
}

function readTypedValues(bytes: Uint8Array, from: number, to: number, depth: number): TypedValue[] {
  const values: TypedValue[] = []
  for (const at = new Cursor(bytes, from, to, 'array'); at.next(); ) {
    if (at.is(1, BYTES)) values.push(readTyped(bytes, at.start, at.end, depth))
  }
  return values
}

/** The attributes among the fields in `[from, to)` with the number `field`, in their order; of equal keys the first counts. */
export function readTypedAttributes(bytes: Uint8Array, from: number, to: number, field: number, depth = 0): TypedAttribute[] {
  const found = new Map<string, TypedAttribute>()
  try {
    for (const at = new Cursor(bytes, from, to, 'attributes'); at.next(); ) {
      if (!at.is(field, BYTES)) continue
      let key = ''
      let value: TypedValue = {}
      for (const pair = at.message('attribute'); pair.next(); ) {
        if (pair.is(1, BYTES)) key = readText(bytes, pair.start, pair.end)
        else if (pair.is(2, BYTES)) value = readTyped(bytes, pair.start, pair.end, depth)
      }
      if (!found.has(key)) found.set(key, { key, value })
    }
  } catch {
    // The rest cannot be read; what came before it stands.
  }
  return [...found.values()]
}

/** A value as the Collector's `AsString` writes it: what two values have in common that are one dimension. */
export function showTyped(value: TypedValue): string {
  if (value.stringValue !== undefined) return value.stringValue
  if (value.boolValue !== undefined) return String(value.boolValue)
  if (value.intValue !== undefined) return String(value.intValue)
  if (value.doubleValue !== undefined) return String(value.doubleValue)
  if (value.bytesValue !== undefined) return Buffer.from(value.bytesValue).toString('base64')
  const plain = toPlain(value)
  return plain === null ? '' : JSON.stringify(plain)
}

function toPlain(value: TypedValue): unknown {
  if (value.arrayValue !== undefined) return value.arrayValue.values.map(toPlain)
  if (value.kvlistValue !== undefined) {
    const pairs = value.kvlistValue.values.map(({ key, value }) => [key, toPlain(value)] as const)
    return Object.fromEntries(pairs.sort(([a], [b]) => (a < b ? -1 : 1)))
  }
  if (value.intValue !== undefined) return Number(value.intValue)
  return value.stringValue ?? value.boolValue ?? value.doubleValue ?? (value.bytesValue && showTyped(value)) ?? null
}

/**
 * Attribute values by number: two that are equal byte for byte have the same one, and each is read once. Numbers are from 1;
 * when `most` are known all are forgotten, which `forgotten` tells.
 */
export class Values {
  readonly #most: number
  readonly #seed: number
  #slots = new Int32Array(1024)
  #hashes: number[] = [0]
  #bytes: Uint8Array[] = [new Uint8Array()]
  #values: (TypedValue | undefined)[] = [undefined]
  /** how often everything was forgotten */
  forgotten = 0

  /** @param seed any integer that senders do not know, so that they cannot choose values that collide */
  constructor(most: number, seed: number) {
    this.#most = most
    this.#seed = seed | 0
  }

  /** The number of the AnyValue in `[from, to)`. */
  of(bytes: Uint8Array, from: number, to: number): number {
    const hash = hashOf(bytes, from, to, this.#seed)
    const mask = this.#slots.length - 1
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const id = this.#slots[slot]!
      if (id === 0) return this.#add(bytes, from, to, hash)
      if (this.#hashes[id] === hash && same(this.#bytes[id]!, bytes, from, to)) return id
    }
  }

  value(id: number): TypedValue {
    return (this.#values[id] ??= readTyped(this.#bytes[id]!, 0, this.#bytes[id]!.length))
  }

  #add(bytes: Uint8Array, from: number, to: number, hash: number): number {
    if (this.#hashes.length > this.#most) this.#forget()
    if (this.#hashes.length * 2 >= this.#slots.length) this.#grow()
    const id = this.#hashes.length
    this.#hashes.push(hash)
    this.#bytes.push(bytes.slice(from, to))
    this.#values.push(undefined)
    this.#place(id)
    return id
  }

  #place(id: number): void {
    const mask = this.#slots.length - 1
    let slot = this.#hashes[id]! & mask
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask
    this.#slots[slot] = id
  }

  #grow(): void {
    this.#slots = new Int32Array(this.#slots.length * 2)
    for (let id = 1; id < this.#hashes.length; id++) this.#place(id)
  }

  #forget(): void {
    this.forgotten++
    this.#slots = new Int32Array(1024)
    this.#hashes = [0]
    this.#bytes = [new Uint8Array()]
    this.#values = [undefined]
  }
}

/** FNV-1a, four bytes at a step, and stirred at the end, since the lowest bits choose the place. */
function hashOf(bytes: Uint8Array, from: number, to: number, seed: number): number {
  let hash = seed
  let at = from
  for (; at + 4 <= to; at += 4) {
    hash = Math.imul(hash ^ (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)), 0x0100_0193)
    hash ^= hash >>> 15
  }
  for (; at < to; at++) hash = Math.imul(hash ^ bytes[at]!, 0x0100_0193)
  return hash ^ (hash >>> 15)
}

function same(kept: Uint8Array, bytes: Uint8Array, from: number, to: number): boolean {
  if (kept.length !== to - from) return false
  for (let i = 0; i < kept.length; i++) if (kept[i] !== bytes[from + i]) return false
  return true
}
