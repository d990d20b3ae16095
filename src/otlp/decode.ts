/**
 * Any OTLP message as an object in OTLP/JSON shape: for answers, statuses, debug output and the JSON encoding; requests on
 * their way are read by the Reader. Keeps what is on the wire (defaults are not added) except unknown fields.
 * int64 and times are decimal strings, ids lower-case hex, bytes base64; NaN, ±Infinity and -0 are strings, as JSON has none of them.
 */
import { MalformedError } from '../model/batch.ts'
import { type Field, type Message, maxDepth, type Scalar } from './schema.ts'
import { wireTypeOf } from './write.ts'

export type Json = string | number | boolean | Json[] | JsonObject
export interface JsonObject {
  [name: string]: Json
}

/** @throws {MalformedError} when `bytes` are not such a message; says where in the bytes */
export function decodeMessage(message: Message, bytes: Uint8Array): JsonObject {
  const decoder = new Decoder(bytes)
  const into: JsonObject = {}
  decoder.message(message, bytes.length, into, 1)
  return into
}

class Decoder {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  /** A singular message that occurs twice is merged, as protobuf asks: `into` may hold the earlier one. */
  message(message: Message, end: number, into: JsonObject, depth: number): void {
    if (depth > maxDepth) throw this.#wrong(`nested more than ${maxDepth} messages deep`)
    while (this.#at < end) {
      const tag = this.#varint(end)
      const number = Number(tag >> 3n)
      const wire = Number(tag & 7n)
      if (number === 0) throw this.#wrong('field number 0')
      const field = message.field(number)
      // A known number with another wire type counts as an unknown field: protobuf's rule.
      if (field === undefined || (wire !== wireTypeOf(field.type) && !(field.repeated && wire === 2))) this.#skip(wire, end, depth)
      else this.#field(message, field, wire, end, into, depth)
    }
  }

  #field(message: Message, field: Field, wire: number, end: number, into: JsonObject, depth: number): void {
    const native = wireTypeOf(field.type)
    if (field.oneof !== undefined) for (const f of message.fields) if (f.oneof === field.oneof && f !== field) delete into[f.name]
    const stop = wire === 2 ? this.#length(end) : end
    if (!field.repeated) into[field.name] = this.#value(field.type, stop, into[field.name], depth)
    else {
      const list = (into[field.name] ??= []) as Json[]
      if (wire === native) list.push(this.#value(field.type, stop, undefined, depth))
      else while (this.#at < stop) list.push(this.#value(field.type, stop, undefined, depth))
    }
  }

  /** What lies up to `end`; for a scalar without a length, as much of it as it needs. */
  #value(type: Scalar | Message, end: number, before: Json | undefined, depth: number): Json {
    if (typeof type === 'string') return this.#scalar(type, end)
    const into = (before ?? {}) as JsonObject
    this.message(type, end, into, depth + 1)
    return into
  }

  #scalar(type: Scalar, end: number): Json {
    switch (type) {
      case 'string':
        return this.#slice(end).toString('utf8')
      case 'bytes':
        return this.#slice(end).toString('base64')
      case 'id':
        return this.#slice(end).toString('hex')
      case 'bool':
        return this.#varint(end) !== 0n
      case 'double':
        return jsonDouble(this.#bytes.readDoubleLE(this.#fixed(8, end)))
      case 'fixed32':
        return this.#bytes.readUInt32LE(this.#fixed(4, end))
      case 'fixed64':
        return this.#bytes.readBigUInt64LE(this.#fixed(8, end)).toString()
      case 'sfixed64':
        return this.#bytes.readBigInt64LE(this.#fixed(8, end)).toString()
      case 'int64':
        return BigInt.asIntN(64, this.#varint(end)).toString()
      case 'uint64':
        return this.#varint(end).toString()
      case 'uint32':
        return Number(BigInt.asUintN(32, this.#varint(end)))
      case 'int32':
      case 'enum':
        return Number(BigInt.asIntN(32, this.#varint(end)))
      case 'sint32': {
        const zigzag = Number(BigInt.asUintN(32, this.#varint(end)))
        return zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2
      }
    }
  }

  #slice(end: number): Buffer {
    const from = this.#at
    this.#at = end
    return this.#bytes.subarray(from, end)
  }

  #fixed(size: number, end: number): number {
    const from = this.#at
    if (from + size > end) throw this.#wrong('ends within a field')
    this.#at += size
    return from
  }

  /** @returns where the field that begins with a length ends */
  #length(end: number): number {
    const length = this.#varint(end)
    if (length > BigInt(end - this.#at)) throw this.#wrong(`a length of ${length} where ${end - this.#at} are left`)
    return this.#at + Number(length)
  }

  #varint(end: number): bigint {
    let low = 0
    for (let shift = 0; shift < 28; shift += 7) {
      if (this.#at >= end) throw this.#wrong('ends within a field')
      const byte = this.#bytes[this.#at++]!
      low |= (byte & 127) << shift
      if (byte < 128) return BigInt(low)
    }
    let value = BigInt(low)
    for (let shift = 28n; shift < 70n; shift += 7n) {
      if (this.#at >= end) throw this.#wrong('ends within a field')
      const byte = this.#bytes[this.#at++]!
      value |= BigInt(byte & 127) << shift
      if (byte < 128) return BigInt.asUintN(64, value)
    }
    throw this.#wrong('a varint of more than ten bytes')
  }

  #skip(wire: number, end: number, depth: number): void {
    if (depth > maxDepth) throw this.#wrong(`nested more than ${maxDepth} messages deep`)
    if (wire === 0) this.#varint(end)
    else if (wire === 1) this.#fixed(8, end)
    else if (wire === 2) this.#at = this.#length(end)
    else if (wire === 5) this.#fixed(4, end)
    else if (wire === 3) this.#skipGroup(end, depth)
    else throw this.#wrong(`unknown wire type ${wire}`)
  }

  /** Deprecated, but other writers may use it for fields of their own. */
  #skipGroup(end: number, depth: number): void {
    for (;;) {
      const wire = Number(this.#varint(end) & 7n)
      if (wire === 4) return
      this.#skip(wire, end, depth + 1)
    }
  }

  #wrong(message: string): MalformedError {
    return new MalformedError(`byte ${this.#at}: ${message}`)
  }
}

function jsonDouble(value: number): Json {
  if (Number.isFinite(value)) return Object.is(value, -0) ? '-0' : value
  return String(value)
}
