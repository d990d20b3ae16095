/**
 * What is known of a segment without reading its records. They are taken together in blocks of a quarter of a megabyte; each knows its times, what
 * is in it by a Bloom filter of attributes and names, and a few bounds; and the segment knows which trace may be in which block. All of a ring's indexes are in
 * memory: about two per cent of what is on the disk.
 */
import { ByteReader, type ByteWriter } from '../bytes.ts'

export interface Block {
  /** [bytes] of the file */
  readonly from: number
  readonly to: number
  readonly rows: number
  /** [ms] of its rows */
  readonly minTime: number
  readonly maxTime: number
  /** [ms] of spans */
  readonly maxDuration: number
  /** bit by bit, which status codes, or which severities, its rows have */
  readonly mask: number
  readonly bloom: Uint8Array
}

/** blocks of one segment, at most */
const maxBlocks = 2 ** 21

export class SegmentIndex {
  readonly blocks: Block[]
  readonly services: Set<string>
  /** hash × 2^21 + block, ascending once sealed */
  #traces: Float64Array
  #length: number
  #sorted: boolean

  constructor(blocks: Block[] = [], services = new Set<string>(), traces = new Float64Array(1024), length = 0) {
    this.blocks = blocks
    this.services = services
    this.#traces = traces
    this.#length = length
    this.#sorted = length > 0
  }

  /** [rows] */
  get rows(): number {
    return this.blocks.reduce((sum, { rows }) => sum + rows, 0)
  }
  /** [bytes] in memory */
  get bytes(): number {
    return this.#traces.byteLength + this.blocks.reduce((sum, { bloom }) => sum + bloom.length + 128, 0)
  }

  /** A trace with this hash has rows in the block that is being written: the one after those in `blocks`. */
  addTrace(hash: number): void {
    const key = hash * maxBlocks + this.blocks.length
    if (this.#length > 0 && this.#traces[this.#length - 1] === key) return
    if (this.#length === this.#traces.length) {
      const grown = new Float64Array(2 * this.#length)
      grown.set(this.#traces)
      this.#traces = grown
    }
    this.#traces[this.#length++] = key
  }

  /** Nothing more comes. */
  seal(): void {
    const sorted = this.#traces.slice(0, this.#length).sort()
    let kept = 0
    for (const key of sorted) if (kept === 0 || sorted[kept - 1] !== key) sorted[kept++] = key
    this.#traces = sorted.slice(0, kept)
    this.#length = kept
    this.#sorted = true
  }

  /** Places of the blocks that may have rows of one of these traces, the one that is being written included. */
  blocksOf(hashes: readonly number[]): Set<number> {
    const found = new Set<number>()
    for (const hash of hashes) {
      const first = hash * maxBlocks
      for (let i = this.#sorted ? this.#firstAt(first) : 0; i < this.#length; i++) {
        const block = this.#traces[i]! - first
        if (block >= 0 && block < maxBlocks) found.add(block)
        else if (this.#sorted) break
      }
    }
    return found
  }

  #firstAt(key: number): number {
    let low = 0
    let high = this.#length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#traces[middle]! < key) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Of a sealed one. */
  write(into: ByteWriter): void {
    into.varint(this.services.size)
    for (const service of this.services) into.text(service)
    into.varint(this.blocks.length)
    for (const { from, to, rows, minTime, maxTime, maxDuration, mask, bloom } of this.blocks) {
      for (const number of [from, to, rows]) into.varint(number)
      for (const number of [minTime, maxTime, maxDuration]) into.f64(number)
      into.u32(mask)
      into.varint(bloom.length)
      into.raw(bloom)
    }
    into.varint(this.#length)
    for (let i = 0; i < this.#length; i++) into.f64(this.#traces[i]!)
  }

  /** @throws {RangeError} where it ends too soon */
  static read(bytes: Uint8Array): SegmentIndex {
    const from = new ByteReader(bytes)
    const services = new Set(Array.from({ length: from.varint() }, () => from.text()))
    const blocks = Array.from({ length: from.varint() }, () => readBlock(from))
    const traces = new Float64Array(from.varint())
    for (let i = 0; i < traces.length; i++) traces[i] = from.f64()
    const index = new SegmentIndex(blocks, services, traces, traces.length)
    index.#sorted = true
    return index
  }
}

function readBlock(reader: ByteReader): Block {
  const [from, to, rows] = [reader.varint(), reader.varint(), reader.varint()]
  const [minTime, maxTime, maxDuration] = [reader.f64(), reader.f64(), reader.f64()]
  const mask = reader.u32()
  const length = reader.varint()
  const bloom = reader.bytes.slice(reader.at, reader.at + length)
  if (bloom.length < length) throw new RangeError('a filter goes past the end')
  reader.at += length
  return { from, to, rows, minTime, maxTime, maxDuration, mask, bloom }
}
