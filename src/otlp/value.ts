/** OTLP's AnyValue where its exact type matters: told apart in the bytes, written, and shown as text as the Collector does. */
import type { AttributeValue } from '../model/dictionary.ts'
import { readValue } from './attributes.ts'
import { Scan } from './scan.ts'
import { AnyValue } from './schema.ts'
import { BYTES, FIXED64, VARINT } from './wire.ts'
import { encodeMessage } from './write.ts'

export const valueTypes = ['empty', 'string', 'bool', 'int', 'double', 'array', 'map', 'bytes'] as const
export type ValueType = (typeof valueTypes)[number]

const wires = [-1, BYTES, VARINT, VARINT, FIXED64, BYTES, BYTES, BYTES]
const scan = new Scan()

/** The type of the AnyValue in `[from, to)`: of a oneof set twice, the last. */
export function valueType(bytes: Uint8Array, from: number, to: number): ValueType {
  let type: ValueType = 'empty'
  for (const at = scan.over(bytes, from, to); at.next(); ) if (wires[at.number] === at.wire) type = valueTypes[at.number]!
  return type
}

/** A double that is written as one even where it is whole. */
export const encodeDouble = (value: number): Uint8Array => encodeMessage(AnyValue, { doubleValue: value })

/** The inside of an AnyValue. Whole numbers become int64. */
export function encodeValue(value: AttributeValue): Uint8Array {
  const isMap = typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)
  return encodeMessage(AnyValue, isMap ? { kvlistValue: { values: Object.entries(value) } } : value)
}

/** The value in `[from, to)` as text; see `asText`. */
export function textOf(bytes: Uint8Array, from: number, to: number): string {
  return asText(readValue(bytes, from, to))
}

/** As the Collector shows a value: text as it is, scalars as JSON, maps and lists as JSON with sorted keys, bytes as base64, nothing as ''. */
export function asText(value: AttributeValue): string {
  if (value === null) return ''
  if (typeof value === 'string') return value
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (typeof value === 'number') return numberText(value)
  return typeof value === 'object' ? json(value) : String(value)
}

function numberText(value: number): string {
  if (Number.isFinite(value)) return Object.is(value, -0) ? '-0' : String(value)
  return `json: unsupported value: ${Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf'}`
}

/** Go's encoding/json: keys in the order of their bytes, and `<`, `>`, `&` and the line separators escaped. */
function json(value: AttributeValue): string {
  if (value === null) return 'null'
  if (typeof value === 'string') return quoted(value)
  if (value instanceof Uint8Array) return quoted(Buffer.from(value).toString('base64'))
  if (Array.isArray(value)) return `[${value.map(json).join(',')}]`
  if (typeof value !== 'object') return typeof value === 'number' ? numberText(value) : String(value)
  const keys = Object.keys(value).sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  return `{${keys.map(key => `${quoted(key)}:${json((value as { readonly [key: string]: AttributeValue })[key]!)}`).join(',')}}`
}

const quoted = (text: string) =>
  JSON.stringify(text).replaceAll(/[<>&\u2028\u2029]/g, char => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
