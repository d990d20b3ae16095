/**
 * Reading protobuf by hand: a cursor that walks the fields of one message and checks every length against its parent.
 * What the grammar forbids is a MalformedError that says what and where; what we do not know is skipped.
 */
import { MalformedError } from '../model/batch.ts'

export const VARINT = 0
export const FIXED64 = 1
export const BYTES = 2
export const FIXED32 = 5

/** What is being read, for the message of an error: `metrics request: truncated data point at byte 4711 of 5000`. */
export function malformed(subject: string, problem: string, at: number, size: number): MalformedError {
  return new MalformedError(`${subject}: ${problem} at byte ${at} of ${size}`)
}

/**
 * The fields of the message in `[from, to)` of `bytes`, one after the other:
 *
 *     for (const field = new Cursor(bytes, from, to); field.next(); ) if (field.is(2, BYTES)) use(field.start, field.end)
 */
export class Cursor {
  readonly bytes: Uint8Array
  readonly #first: number
  /** where the message ends */
  readonly to: number
  readonly #what: string
  readonly #subject: string
  #view: DataView | undefined
  #at: number
  /** field number */
  number = 0
  /** wire type: VARINT, FIXED64, BYTES or FIXED32 */
  wire = 0
  /** where the field's tag begins */
  from = 0
  /** where its payload begins (of BYTES: after the length) */
  start = 0
  /** where the field ends */
  end = 0

  /** @param what the message's kind, and @param subject the request's, for errors */
  constructor(bytes: Uint8Array, from = 0, to = bytes.length, what = 'message', subject = 'protobuf') {
    this.bytes = bytes
    this.#first = this.#at = from
    this.to = to
    this.#what = what
    this.#subject = subject
  }

  /** Steps to the next field. @throws {MalformedError} */
  next(): boolean {
    if (this.#at >= this.to) return false
    this.from = this.#at
    const tag = this.#varint()
    if (tag > 0xffff_ffff) this.#fail('field number out of range in')
    this.number = tag >>> 3
    this.wire = tag & 7
    if (this.number === 0) this.#fail('field number 0 in')
    this.start = this.#at
    this.end = this.#at = this.#payload()
    return true
  }

  is(number: number, wire: number): boolean {
    return this.number === number && this.wire === wire
  }

  /** The value of a VARINT field, as 64 unsigned bits. */
  get uint64(): bigint {
    return readVarint(this.bytes, this.start)
  }

  /** The value of a FIXED64 field, as unsigned bits. */
  get fixed64(): bigint {
    return this.#data().getBigUint64(this.start, true)
  }

  /** The value of a FIXED64 field, as a double. */
  get double(): number {
    return this.#data().getFloat64(this.start, true)
  }

  /** The value of a BYTES field; a view. */
  get payload(): Uint8Array {
    return this.bytes.subarray(this.start, this.end)
  }

  /** A cursor over the message in a BYTES field. */
  message(what: string): Cursor {
    return new Cursor(this.bytes, this.start, this.end, what, this.#subject)
  }

  /** A cursor before the first field of the same message. */
  again(): Cursor {
    return new Cursor(this.bytes, this.#first, this.to, this.#what, this.#subject)
  }

  #data(): DataView {
    return (this.#view ??= new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.byteLength))
  }

  #payload(): number {
    switch (this.wire) {
      case VARINT:
        this.#varint()
        return this.#at
      case FIXED64:
        return this.#ahead(8)
      case FIXED32:
        return this.#ahead(4)
      case BYTES: {
        const length = this.#varint()
        this.start = this.#at
        return length > this.to - this.#at ? this.#fail('truncated') : this.#at + length
      }
      default:
        return this.#fail(`wire type ${this.wire} in`)
    }
  }

  #ahead(bytes: number): number {
    return this.#at + bytes > this.to ? this.#fail('truncated') : this.#at + bytes
  }

  /** As a double: exact as far as a tag or a length may go, and surely too large beyond. */
  #varint(): number {
    let value = 0
    for (let shift = 0, scale = 1; ; shift++, scale *= 128) {
      if (this.#at >= this.to) this.#fail('truncated')
      const byte = this.bytes[this.#at++]!
      if (shift === 9 && byte > 1) this.#fail('varint of more than 64 bits in')
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
    }
  }

  #fail(problem: string): never {
    throw malformed(this.#subject, `${problem} ${this.#what}`, this.from, this.bytes.length)
  }
}

/** The varint at `at`, which must be known to be whole. */
export function readVarint(bytes: Uint8Array, at: number): bigint {
  let value = 0n
  for (let shift = 0n; ; shift += 7n) {
    const byte = bytes[at++]!
    value |= BigInt(byte & 0x7f) << shift
    if (byte < 0x80) return BigInt.asUintN(64, value)
  }
}

/** Bytes that `value` takes as a varint. */
export function varintSize(value: number): number {
  let size = 1
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) size++
  return size
}

/** Writes `value` as a varint and returns where it ends. */
export function writeVarint(into: Uint8Array, at: number, value: number): number {
  let rest = value
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) into[at++] = (rest % 0x80) | 0x80
  into[at++] = rest
  return at
}

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })

/** [bytes] Longer texts seldom come again. */
const maxRemembered = 64
/** Plain texts that were read lately, by a hash of their bytes: the names of attributes, and most of their values, come again and again. */
const remembered: string[] = new Array(4096).fill('')

/** Invalid UTF-8 is replaced (U+FFFD). */
export function readText(bytes: Uint8Array, from = 0, to = bytes.length): string {
  const length = to - from
  if (length === 0) return ''
  if (length > maxRemembered) return utf8.decode(bytes.subarray(from, to))
  let hash = length
  let high = 0
  for (let at = from; at < to; at++) {
    const byte = bytes[at]!
    high |= byte
    hash = Math.imul(hash ^ byte, 0x01000193)
  }
  if (high >= 0x80) return utf8.decode(bytes.subarray(from, to))
  const place = (hash ^ (hash >>> 15)) & (remembered.length - 1)
  const known = remembered[place]!
  if (known.length === length && isText(known, bytes, from)) return known
  return (remembered[place] = utf8.decode(bytes.subarray(from, to)))
}

function isText(text: string, bytes: Uint8Array, from: number): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) !== bytes[from + i]) return false
  return true
}

/** Tag and length of a field of bytes. */
export function fieldHead(number: number, size: number): Uint8Array {
  const tag = number * 8 + BYTES
  const bytes = new Uint8Array(varintSize(tag) + varintSize(size))
  writeVarint(bytes, writeVarint(bytes, 0, tag), size)
  return bytes
}

/** @param size [bytes] of all pieces together */
export function concatenated(pieces: readonly Uint8Array[], size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size)
  let at = 0
  for (const piece of pieces) {
    bytes.set(piece, at)
    at += piece.length
  }
  return bytes
}
