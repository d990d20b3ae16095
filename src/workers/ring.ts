/**
 * Frames from one thread to another through shared memory: a ring of bytes that one side fills and the other empties. How far each has come
 * stands in front of it, so that a frame costs its copies and no message. The reader looks by itself while something comes; only to one
 * that sleeps, or for a ring that is half full, goes a message (`call`), and one to a writer that waits for room (`tell`).
 */

/** [bytes] a power of two: what a busy thread writes between two looks of the reader, 20 ms at 100 MB/s */
export const ringBytes = 2 ** 21

/** What goes through the ring. */
export interface Frame {
  readonly kind: number
  /** a multiple of eight bytes long, and so placed that words and doubles can be read */
  readonly columns: Uint8Array
  readonly bytes: readonly Uint8Array[]
}

/** Words in front of the ring, each in a cache line of its own. */
const WRITTEN = 0
const READ = 16
const READER = 32
const WAITS = 48
const controlBytes = 256

/** What READER says. */
const ASLEEP = 0
const LOOKS = 1
const CALLED = 2

/** [bytes] of a frame before its columns: kind, size of the columns, size of the bytes, spare */
export const frameHeader = 16
/** [bytes] that a reader keeps for the next frame; more is given back */
const kept = 4 * 2 ** 20

export const newRing = (bytes = ringBytes) => new SharedArrayBuffer(controlBytes + bytes)

/**
 * `from.copy(to, …)` of Node, as memmove does it. Typed arrays copy shared memory word by word, and byte by byte where the two sides are not aligned
 * alike: three to twenty times the time. Node leaves a whole array to them unless what it is copied to is no Uint8Array: hence octets.
 */
const copy = (from: Uint8Array, to: Int8Array, at: number, begin: number, end: number): void => {
  nodeCopy.call(from, to as unknown as Uint8Array, at, begin, end)
}
const nodeCopy = Buffer.prototype.copy

/** Both sides of the ring see these; positions are [bytes] since the start, modulo 2^32. */
class Shared {
  readonly control: Int32Array
  readonly bytes: Uint8Array
  readonly octets: Int8Array
  readonly words: Int32Array
  constructor(memory: SharedArrayBuffer) {
    this.control = new Int32Array(memory, 0, controlBytes / 4)
    this.bytes = new Uint8Array(memory, controlBytes)
    this.octets = new Int8Array(memory, controlBytes)
    this.words = new Int32Array(memory, controlBytes)
  }
  get unread(): number {
    return (Atomics.load(this.control, WRITTEN) - Atomics.load(this.control, READ)) >>> 0
  }
}

interface Underway {
  readonly pieces: readonly Uint8Array[]
  piece: number
  /** [bytes] of that piece */
  done: number
  readonly written: PromiseWithResolvers<void>
}

export class RingWriter {
  readonly #shared: Shared
  readonly #call: () => void
  #at = 0
  readonly #waiting: Underway[] = []

  /** `call` sends the message that makes the reader look. */
  constructor(memory: SharedArrayBuffer, call: () => void) {
    this.#shared = new Shared(memory)
    this.#call = call
  }

  /** frames wait for room */
  get full(): boolean {
    return this.#waiting.length > 0
  }

  /** Resolves when all of it is in the ring: the reader will have it, whatever becomes of this thread. */
  write(frame: Frame): Promise<void> {
    const bytes = sizeOf(frame.bytes)
    if (!this.full && frameHeader + frame.columns.length + padded(bytes) <= this.#room) {
      this.#putAll(frame, bytes)
      this.#wake()
      return written
    }
    const underway = { pieces: piecesOf(frame, bytes), piece: 0, done: 0, written: Promise.withResolvers<void>() }
    this.#waiting.push(underway)
    if (this.#waiting.length === 1) this.goOn()
    return underway.written.promise
  }

  /** To be called when the reader tells that there is room. */
  goOn(): void {
    while (this.full && this.#putWhatFits(this.#waiting[0]!)) this.#waiting.shift()!.written.resolve()
    this.#wake()
  }

  get #room(): number {
    return this.#shared.bytes.length - this.#shared.unread
  }

  /** There is room for it. Nothing is allocated: this is done for each batch. */
  #putAll({ kind, columns, bytes }: Frame, size: number): void {
    const { words, control } = this.#shared
    const last = words.length - 1
    const at = this.#at >> 2
    words[at & last] = kind
    words[(at + 1) & last] = columns.length
    words[(at + 2) & last] = size
    this.#at = (this.#at + frameHeader) | 0
    this.#put(columns)
    for (const piece of bytes) this.#put(piece)
    this.#at = (this.#at + padded(size) - size) | 0
    Atomics.store(control, WRITTEN, this.#at)
  }

  /** @returns whether all of it is in the ring; if not, the reader will tell */
  #putWhatFits(underway: Underway): boolean {
    const { control, bytes } = this.#shared
    for (;;) {
      const all = this.#putPieces(underway)
      Atomics.store(control, WRITTEN, this.#at)
      if (all) return true
      Atomics.store(control, WAITS, 1)
      // It may have read all of it just before, and will not tell.
      if (this.#shared.unread === bytes.length) return false
    }
  }

  #putPieces(underway: Underway): boolean {
    let room = this.#room
    for (; underway.piece < underway.pieces.length; underway.piece++, underway.done = 0) {
      const piece = underway.pieces[underway.piece]!
      const size = Math.min(piece.length - underway.done, room)
      this.#put(piece.subarray(underway.done, underway.done + size))
      underway.done += size
      room -= size
      if (underway.done < piece.length) return false
    }
    return true
  }

  #put(piece: Uint8Array): void {
    const { octets } = this.#shared
    const to = this.#at & (octets.length - 1)
    const behind = octets.length - to
    copy(piece, octets, to, 0, Math.min(piece.length, behind))
    if (piece.length > behind) copy(piece, octets, 0, behind, piece.length)
    this.#at = (this.#at + piece.length) | 0
  }

  #wake(): void {
    const { control, bytes } = this.#shared
    const reader = Atomics.load(control, READER)
    if (reader === CALLED || (reader === LOOKS && this.#shared.unread < bytes.length / 2)) return
    if (Atomics.compareExchange(control, READER, reader, CALLED) === reader) this.#call()
  }
}

const written = Promise.resolve()

function sizeOf(pieces: readonly Uint8Array[]): number {
  let size = 0
  for (const { length } of pieces) size += length
  return size
}

function piecesOf({ kind, columns, bytes }: Frame, size: number): Uint8Array[] {
  const header = Uint32Array.of(kind, columns.length, size, 0)
  return [new Uint8Array(header.buffer), columns, ...bytes, padding.subarray(0, padded(size) - size)]
}
const padded = (size: number) => (size + 7) & ~7
const padding = new Uint8Array(8)

/** A frame in memory that the next one is written to. */
export interface ReadFrame {
  readonly kind: number
  /** all of that memory; the columns begin after `frameHeader` bytes */
  readonly words: Uint32Array<ArrayBuffer>
  readonly bytes: Uint8Array<ArrayBuffer>
  /** [bytes] in the ring */
  readonly size: number
}

/** most frames are without exemplars, and a view costs more than such a frame */
const empty = new Uint8Array(0)

export class RingReader {
  readonly #shared: Shared
  readonly #tell: () => void
  #at = 0
  #words = new Uint32Array(2 ** 14)
  #memory = new Uint8Array(this.#words.buffer)
  #octets = new Int8Array(this.#words.buffer)
  /** [bytes] of the frame under way */
  #filled = 0

  /** `tell` sends the message that there is room. */
  constructor(memory: SharedArrayBuffer, tell: () => void) {
    this.#shared = new Shared(memory)
    this.#tell = tell
  }

  /** [bytes] */
  get unread(): number {
    return this.#shared.unread
  }

  /** The next frame, if all of it is there. */
  read(): ReadFrame | undefined {
    if (this.#filled === 0 && this.#memory.length > kept) this.#grow(kept)
    if (!this.#fill(frameHeader)) return undefined
    const kind = this.#words[0]!
    const columns = this.#words[1]!
    const bytes = this.#words[2]!
    const from = frameHeader + columns
    const size = from + padded(bytes)
    if (size > this.#memory.length) this.#grow(2 * size)
    if (!this.#fill(size)) return undefined
    this.#filled = 0
    return { kind, words: this.#words, bytes: bytes === 0 ? empty : this.#memory.subarray(from, from + bytes), size }
  }

  /** It will look by itself: nobody has to call. */
  awake(): void {
    Atomics.store(this.#shared.control, READER, LOOKS)
  }

  /** @returns false when there is something to read, or a call on its way: then it is awake */
  sleep(): boolean {
    const { control } = this.#shared
    if (Atomics.compareExchange(control, READER, LOOKS, ASLEEP) !== LOOKS) return false
    if (this.#shared.unread === 0) return true
    this.awake()
    return false
  }

  /** Takes bytes out of the ring until `size` of the frame are there. */
  #fill(size: number): boolean {
    const { control, bytes } = this.#shared
    while (this.#filled < size) {
      const from = this.#at & (bytes.length - 1)
      const length = Math.min(this.#shared.unread, size - this.#filled, bytes.length - from)
      if (length === 0) return false
      copy(bytes, this.#octets, this.#filled, from, from + length)
      this.#filled += length
      this.#at = (this.#at + length) | 0
      Atomics.store(control, READ, this.#at)
      this.#tellOfRoom()
    }
    return true
  }

  /** Not of every byte: a message costs more than what fits. */
  #tellOfRoom(): void {
    const { control, bytes } = this.#shared
    if (Atomics.load(control, WAITS) === 0 || this.#shared.unread > bytes.length / 2) return
    if (Atomics.exchange(control, WAITS, 0) === 1) this.#tell()
  }

  #grow(size: number): void {
    const before = this.#memory.subarray(0, this.#filled)
    this.#words = new Uint32Array(Math.ceil(size / 8) * 2)
    this.#memory = new Uint8Array(this.#words.buffer)
    this.#octets = new Int8Array(this.#words.buffer)
    this.#memory.set(before)
  }
}
