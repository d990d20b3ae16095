/**
 * What was decided about byte strings, so that the same bytes are judged once: a table of hashes over one block of copies, without an object for
 * each. Bounded: when it is full, all is forgotten and begins anew, so that bytes which never come again cost no more than being judged.
 */

/** [bytes] Longer ones are judged each time. */
const MAX_LENGTH = 1024
/** [bytes] an average of what is kept of each: the block's size for each entry */
const BYTES_EACH = 96

export class ByteVerdicts {
  /** how often it was full */
  resets = 0
  readonly #capacity: number
  #size = 0
  /** index of an entry, or -1; twice as many places as entries, rounded up to a power of two */
  readonly #places: Int32Array
  readonly #hashes: Int32Array
  readonly #offsets: Int32Array
  readonly #verdicts: Uint8Array
  readonly #block: DataView
  #used = 0
  /** of the last `find` that found nothing */
  #hash = 0
  #place = 0

  /** @param capacity entries at the most; 0: nothing is remembered */
  constructor(capacity: number) {
    this.#capacity = capacity
    this.#places = new Int32Array(2 ** Math.ceil(Math.log2(2 * Math.max(1, capacity)))).fill(-1)
    this.#hashes = new Int32Array(capacity)
    this.#offsets = new Int32Array(capacity + 1)
    this.#verdicts = new Uint8Array(capacity)
    this.#block = new DataView(new ArrayBuffer(capacity * BYTES_EACH))
  }

  /** [entries] */
  get size(): number {
    return this.#size
  }

  /** The verdict on `bytes[from, to)`, from 1 to 255, or 0 where there is none yet: then `remember` may be called for the same bytes. */
  find(bytes: DataView, from: number, to: number): number {
    const length = to - from
    if (length > MAX_LENGTH) return 0
    const hash = hashOf(bytes, from, to)
    const mask = this.#places.length - 1
    let place = hash & mask
    for (; this.#places[place]! >= 0; place = (place + 1) & mask) {
      const entry = this.#places[place]!
      if (this.#hashes[entry] === hash && this.#same(entry, bytes, from, length)) return this.#verdicts[entry]!
    }
    this.#hash = hash
    this.#place = place
    return 0
  }

  /** What `find` did not know. */
  remember(bytes: DataView, from: number, to: number, verdict: number): void {
    const length = to - from
    if (length > MAX_LENGTH || length > this.#block.byteLength) return
    if (this.#size === this.#capacity || this.#used + length > this.#block.byteLength) {
      this.#forget()
      this.#place = this.#hash & (this.#places.length - 1)
    }
    this.#add(this.#place, this.#hash, bytes, from, length, verdict)
  }

  #same(entry: number, bytes: DataView, from: number, length: number): boolean {
    const at = this.#offsets[entry]!
    if (this.#offsets[entry + 1]! - at !== length) return false
    const block = this.#block
    let i = 0
    for (; i + 4 <= length; i += 4) if (block.getInt32(at + i) !== bytes.getInt32(from + i)) return false
    for (; i < length; i++) if (block.getUint8(at + i) !== bytes.getUint8(from + i)) return false
    return true
  }

  #add(place: number, hash: number, bytes: DataView, from: number, length: number, verdict: number): void {
    const entry = this.#size++
    this.#places[place] = entry
    this.#hashes[entry] = hash
    this.#verdicts[entry] = verdict
    for (let i = 0; i < length; i++) this.#block.setUint8(this.#used + i, bytes.getUint8(from + i))
    this.#used += length
    this.#offsets[entry + 1] = this.#used
  }

  #forget(): void {
    this.resets++
    this.#size = this.#used = 0
    this.#places.fill(-1)
  }
}

/** [bytes] at each end, and in the middle, that the hash is made of: equality is asked of all of them, so the rest may be left out. */
const ENDS = 16
const MIDDLE = 8

/** Four bytes at a step, and stirred at the end, since the lowest bits choose the place. */
function hashOf(bytes: DataView, from: number, to: number): number {
  const length = to - from
  let hash = 0x811c_9dc5 ^ length
  if (length <= 2 * ENDS + MIDDLE) hash = mixed(hash, bytes, from, to)
  else {
    const middle = (from + to - MIDDLE) >> 1
    hash = mixed(mixed(mixed(hash, bytes, from, from + ENDS), bytes, middle, middle + MIDDLE), bytes, to - ENDS, to)
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x7feb_352d)
  return hash ^ (hash >>> 15)
}

function mixed(start: number, bytes: DataView, from: number, to: number): number {
  let hash = start
  let at = from
  for (; at + 4 <= to; at += 4) hash = Math.imul(((hash << 5) | (hash >>> 27)) ^ bytes.getInt32(at), 0x9e37_79b1)
  for (; at < to; at++) hash = Math.imul(((hash << 5) | (hash >>> 27)) ^ bytes.getUint8(at), 0x9e37_79b1)
  return hash
}
