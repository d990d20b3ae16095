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
