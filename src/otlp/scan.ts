/**
 * Walks the fields of messages that the decoder has accepted, again and again, with one object and no garbage. It never throws:
 * bytes that make no sense end the walk. For everything that has not been read before there is `Cursor` (wire.ts).
 */
import { BYTES, FIXED32, FIXED64, VARINT } from './wire.ts'

export class Scan {
  bytes: Uint8Array = new Uint8Array()
  number = 0
  wire = 0
  /** where the field's tag begins, its payload begins (of BYTES: after the length), and it ends */
  from = 0
  start = 0
  end = 0
  #to = 0

  /** Before the first field of the message in `[from, to)`. */
  over(bytes: Uint8Array, from: number, to: number): this {
    this.bytes = bytes
    this.end = from
    this.#to = to
    return this
  }

  next(): boolean {
    const { bytes } = this
    this.from = this.end
    if (this.end >= this.#to) return false
    let at = this.end
    let tag = bytes[at++]!
    if (tag >= 128) {
      tag &= 127
      let shift = 7
      for (;;) {
        if (at >= this.#to || shift > 28) return this.#stop()
        const byte = bytes[at++]!
        tag += (byte & 127) * 2 ** shift
        if (byte < 128) break
        shift += 7
      }
    }
    this.number = tag >>> 3
    this.wire = tag & 7
    this.start = at
    switch (this.wire) {
      case BYTES: {
        let length = at < this.#to ? bytes[at++]! : 128
        if (length >= 128) {
          length &= 127
          let scale = 128
          for (;;) {
            if (at >= this.#to || scale > 2 ** 63) return this.#stop()
            const byte = bytes[at++]!
            length += (byte & 127) * scale
            if (byte < 128) break
            scale *= 128
          }
        }
        this.start = at
        at += length
        break
      }
      case VARINT:
        while (at < this.#to && bytes[at]! >= 128) at++
        at++
        break
      case FIXED64:
        at += 8
        break
      case FIXED32:
        at += 4
        break
      default:
        return this.#stop()
    }
    if (at > this.#to) return this.#stop()
    this.end = at
    return true
  }

  #stop(): false {
    this.end = this.#to
    return false
  }
}

/** The KeyValue messages among the fields of a message, one after the other. */
export class AttributeScan {
  /** the whole field */
  from = 0
  to = 0
  keyFrom = 0
  keyTo = 0
  /** the AnyValue's inside; empty where there is none. Of a value in several pieces the last. */
  valueFrom = 0
  valueTo = 0
  readonly #fields = new Scan()
  readonly #inside = new Scan()
  #number = 0

  /** The fields with this number in `[from, to)`. */
  over(bytes: Uint8Array, from: number, to: number, number: number): this {
    this.#fields.over(bytes, from, to)
    this.#number = number
    return this
  }

  next(): boolean {
    const fields = this.#fields
    while (fields.next()) {
      if (fields.number !== this.#number || fields.wire !== BYTES) continue
      this.from = fields.from
      this.to = fields.end
      this.keyFrom = this.keyTo = this.valueFrom = this.valueTo = fields.start
      const inside = this.#inside.over(fields.bytes, fields.start, fields.end)
      while (inside.next()) {
        if (inside.wire !== BYTES) continue
        if (inside.number === 1) {
          this.keyFrom = inside.start
          this.keyTo = inside.end
        } else if (inside.number === 2) {
          this.valueFrom = inside.start
          this.valueTo = inside.end
        }
      }
      return true
    }
    return false
  }

  /** Whether the key is this one, in UTF-8. */
  is(key: Uint8Array): boolean {
    const { bytes } = this.#fields
    if (this.keyTo - this.keyFrom !== key.length) return false
    for (let i = 0; i < key.length; i++) if (bytes[this.keyFrom + i] !== key[i]) return false
    return true
  }
}

/**
 * One KeyValue, written as nearly everybody writes it: the key, then the value, each once, and nothing else. It costs less than a walk that expects anything.
 */
export class PlainAttribute {
  keyFrom = 0
  keyTo = 0
  /** The value is a text, and this is where it lies. */
  isText = false
  textFrom = 0
  textTo = 0

  /** @returns whether the KeyValue in `[from, to)` is such a one; if not, nothing is known of it */
  read(bytes: Uint8Array, from: number, to: number): boolean {
    this.keyFrom = from + 2
    this.keyTo = this.keyFrom + bytes[from + 1]!
    if (bytes[from] !== KEY || bytes[from + 1]! >= 128 || this.keyTo >= to || bytes[this.keyTo] !== VALUE) return false
    const value = within(bytes, this.keyTo + 1, to)
    if (value < 0 || value === to) return false
    const tag = bytes[value]!
    this.isText = tag === TEXT
    switch (tag & 7) {
      case BYTES:
        this.textFrom = within(bytes, value + 1, to)
        this.textTo = to
        return tag < 64 && this.textFrom > 0
      case VARINT:
        for (let at = value + 1; at < to - 1; at++) if (bytes[at]! < 128) return false
        return tag < 64 && value + 1 < to && bytes[to - 1]! < 128
      case FIXED64:
        return tag < 64 && value + 9 === to
      default:
        return false
    }
  }
}
const KEY = 1 * 8 + BYTES
const VALUE = 2 * 8 + BYTES
const TEXT = 1 * 8 + BYTES

/** Behind the length at `at`, if it is that of all the rest; otherwise, and where it has more than three bytes, -1. */
function within(bytes: Uint8Array, at: number, to: number): number {
  let length = bytes[at]!
  let start = at + 1
  if (length >= 128) {
    length += (bytes[start++]! - 1) * 128
    if (length >= 128 * 128) length += (bytes[start++]! - 1) * 128 * 128
  }
  return start + length === to ? start : -1
}

/** Where the text begins that is all of the AnyValue in `[from, to)`, or -1. */
export function plainText(bytes: Uint8Array, from: number, to: number): number {
  return from < to && bytes[from] === TEXT ? within(bytes, from + 1, to) : -1
}
