/** OTLP's KeyValue and AnyValue in bytes → attribute values. For first sight and for showing, not for every row. */
import type { Attributes, AttributeValue } from '../model/dictionary.ts'
import { BYTES, Cursor, FIXED64, readText, VARINT } from './wire.ts'

/** Values nested deeper than this read as null: a hostile body must not overflow the stack. */
const maxDepth = 64

/**
 * The attributes among the fields in `[from, to)`: those with the number `field`, whatever lies between them.
 * Sorted by key, each key once: the last of equals wins. A value that is malformed inside reads as null.
 */
export function readAttributes(bytes: Uint8Array, from: number, to: number, field: number): Attributes {
  const found = new Map<string, AttributeValue>()
  try {
    for (const at = new Cursor(bytes, from, to, 'attributes'); at.next(); ) {
      if (at.is(field, BYTES)) found.set(...readKeyValue(bytes, at.start, at.end, 0))
    }
  } catch {
    // The rest cannot be read; what came before it stands.
  }
  return [...found].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
}

/** The AnyValue in `[from, to)`; null where it holds none or is malformed. */
export function readValue(bytes: Uint8Array, from: number, to: number): AttributeValue {
  try {
    return readAnyValue(bytes, from, to, 0)
  } catch {
    return null
  }
}

function readKeyValue(bytes: Uint8Array, from: number, to: number, depth: number): [key: string, value: AttributeValue] {
  let key = ''
  let value: AttributeValue = null
  for (const at = new Cursor(bytes, from, to, 'attribute'); at.next(); ) {
    if (at.is(1, BYTES)) key = readText(bytes, at.start, at.end)
    else if (at.is(2, BYTES)) value = tolerant(bytes, at.start, at.end, depth, value)
  }
  return [key, value]
}

/** A value given twice is merged as protobuf does: the last one set wins, and an empty one sets nothing. */
function tolerant(bytes: Uint8Array, from: number, to: number, depth: number, before: AttributeValue): AttributeValue {
  try {
    return readAnyValue(bytes, from, to, depth, before)
  } catch {
    return null
  }
}

function readAnyValue(bytes: Uint8Array, from: number, to: number, depth: number, before: AttributeValue = null): AttributeValue {
  if (depth > maxDepth) return null
  let value = before
  for (const at = new Cursor(bytes, from, to, 'attribute value'); at.next(); ) {
    if (at.is(1, BYTES)) value = readText(bytes, at.start, at.end)
    else if (at.is(2, VARINT)) value = at.uint64 !== 0n
    else if (at.is(3, VARINT)) value = toInteger(BigInt.asIntN(64, at.uint64))
    else if (at.is(4, FIXED64)) value = at.double
    else if (at.is(5, BYTES)) value = readArray(bytes, at.start, at.end, depth)
    else if (at.is(6, BYTES)) value = readMap(bytes, at.start, at.end, depth)
    else if (at.is(7, BYTES)) value = bytes.slice(at.start, at.end)
  }
  return value
}

function readArray(bytes: Uint8Array, from: number, to: number, depth: number): AttributeValue[] {
  const values: AttributeValue[] = []
  for (const at = new Cursor(bytes, from, to, 'array'); at.next(); ) {
    if (at.is(1, BYTES)) values.push(tolerant(bytes, at.start, at.end, depth + 1, null))
  }
  return values
}

function readMap(bytes: Uint8Array, from: number, to: number, depth: number): AttributeValue {
  const pairs: [string, AttributeValue][] = []
  for (const at = new Cursor(bytes, from, to, 'map'); at.next(); ) {
    if (at.is(1, BYTES)) pairs.push(readKeyValue(bytes, at.start, at.end, depth + 1))
  }
  return Object.fromEntries(pairs)
}

function toInteger(value: bigint): number | bigint {
  const near = Number(value)
  return Number.isSafeInteger(near) ? near : value
}
