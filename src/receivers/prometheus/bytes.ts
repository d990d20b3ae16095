/** OTLP bytes, written forward into a buffer that grows. Lengths of what encloses many points take four bytes, so that nothing moves. */
import { varintSize, writeVarint } from '../../otlp/wire.ts'

/** [bytes] what a length of four bytes can say, and so the most that one scrape may become */
export const maxMessage = 2 ** 28 - 1

export class Output {
  bytes: Buffer
  view: DataView
  at = 0
  /** of samples that have no time of their own, as `putNanos` puts it */
  readonly timeLow: number
  readonly timeHigh: number

  /** @param time [ms] */
  constructor(size: number, time = 0) {
    this.bytes = Buffer.allocUnsafeSlow(size)
    this.view = viewOf(this.bytes)
    const nanos = viewOf(new Uint8Array(8))
    putNanos(nanos, 0, time)
    this.timeLow = nanos.getUint32(0, true)
    this.timeHigh = nanos.getUint32(4, true)
  }

  /** Call before writing `size` bytes by hand. */
  room(size: number): void {
    if (this.at + size <= this.bytes.length) return
    const wider = Buffer.allocUnsafeSlow(Math.max(2 * this.bytes.length, this.at + size))
    wider.set(this.bytes.subarray(0, this.at))
    this.bytes = wider
    this.view = viewOf(wider)
  }

  raw(bytes: Uint8Array): void {
    this.room(bytes.length)
    this.bytes.set(bytes, this.at)
    this.at += bytes.length
  }

  byte(value: number): void {
    this.room(1)
    this.bytes[this.at++] = value
  }

  varint(value: number): void {
    this.room(10)
    this.at = writeVarint(this.bytes, this.at, value)
  }

  /** A message whose length is known when it ends. @returns what `end` wants */
  begin(tag: number): number {
    this.room(5)
    this.bytes[this.at] = tag
    this.at += 5
    return this.at
  }
  end(from: number): void {
    const size = this.at - from
    if (size > maxMessage) throw new RangeError('a scrape of more than 256 MiB')
    this.bytes[from - 4] = (size & 0x7f) | 0x80
    this.bytes[from - 3] = ((size >>> 7) & 0x7f) | 0x80
    this.bytes[from - 2] = ((size >>> 14) & 0x7f) | 0x80
    this.bytes[from - 1] = size >>> 21
  }

  /** A double behind its tag. @returns where it is */
  double(tag: number, value: number): number {
    this.room(9)
    this.bytes[this.at] = tag
    this.view.setFloat64(this.at + 1, value, true)
    this.at += 9
    return this.at - 8
  }
  /** A fixed64 behind its tag, to be filled by `putCount` or `putNanos`. @returns where it is */
  fixed64(tag: number): number {
    this.room(9)
    this.bytes[this.at] = tag
    this.at += 9
    return this.at - 8
  }
}

export const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

const word = 2 ** 32
/** the largest double that is a uint64 */
const maxCount = 2 ** 64 - 2048

/** A count as a uint64: cut off, 0 where it is negative or no number. */
export function putCount(view: DataView, at: number, value: number): void {
  const count = value > 0 ? Math.min(Math.trunc(value), maxCount) : 0
  view.setUint32(at, count % word, true)
  view.setUint32(at + 4, count / word, true)
}

/** Unix epoch milliseconds as nanoseconds; exact for whole ones, otherwise to the nearest. */
export function putNanos(view: DataView, at: number, ms: number): void {
  const whole = Math.floor(ms)
  // ms · 10^6 = x · 2^16 + low, all of them exact
  const x = Math.floor(whole / 65_536) * 1e6
  const low = (x % 65_536) * 65_536 + (whole % 65_536) * 1e6 + Math.round((ms - whole) * 1e6)
  view.setUint32(at, low % word, true)
  view.setUint32(at + 4, Math.floor(x / 65_536) + Math.floor(low / word), true)
}

/** [bytes] of a field with a length, its tag of one byte included */
export const fieldSize = (size: number): number => 1 + varintSize(size) + size
