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
  const found: [key: string, value: AttributeValue][] = []
  let ascend = true
  try {
    for (const at = new Cursor(bytes, from, to, 'attributes'); at.next(); ) {
      if (!at.is(field, BYTES)) continue
      const attribute = readPlain(bytes, at.start, at.end) ?? readKeyValue(bytes, at.start, at.end, 0)
      if (found.length > 0 && attribute[0] <= found.at(-1)![0]) ascend = false
      found.push(attribute)
    }
  } catch {
    // The rest cannot be read; what came before it stands.
  }
  return ascend ? found : sorted(found)
}

/** By key; of equal keys the last. */
function sorted(attributes: [key: string, value: AttributeValue][]): [key: string, value: AttributeValue][] {
  attributes.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
  let kept = 0
  for (const attribute of attributes) {
    if (kept > 0 && attributes[kept - 1]![0] === attribute[0]) kept--
    attributes[kept++] = attribute
  }
  attributes.length = kept
  return attributes
}

/** A key and a text, each shorter than 128 bytes, in this order and with nothing beside, as nearly all attributes are. Undefined where it is anything else. */
function readPlain(bytes: Uint8Array, from: number, to: number): [key: string, value: string] | undefined {
  const valueAt = from + 2 + bytes[from + 1]!
  if (valueAt + 4 > to || bytes[from] !== KEY || bytes[from + 1]! >= 128 || bytes[valueAt] !== VALUE || bytes[valueAt + 2] !== TEXT)
    return undefined
  const length = bytes[valueAt + 3]!
  if (length >= 128 || bytes[valueAt + 1] !== length + 2 || valueAt + 4 + length !== to) return undefined
  return [readText(bytes, from + 2, valueAt), readText(bytes, valueAt + 4, to)]
}

/** Tags of `KeyValue.key`, `KeyValue.value` and `AnyValue.string_value`, all of them fields of bytes. */
const KEY = 0x0a
const VALUE = 0x12
const TEXT = 0x0a

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
