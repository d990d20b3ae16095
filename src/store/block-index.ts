/**
 * The index of a block: what series are in it, what labels they have, and where their chunks are. It is columns in one buffer, used as it lies on
 * the disk: opening it parses nothing.
 *
 *   counts  u32: series, chunks, names, values, labels, postings, bytes of texts, 0
 *   f64     [chunks] first time, last time, place in the file
 *   u32     [chunks] bytes, samples, crc of the bytes
 *   u32     [series + 1] first chunk | [series + 1] first label | [labels] value, in the order of the label set
 *   u32     [names + 1] first value | [values] name | [values + 1] first posting | [postings] series, ascending
 *   u32     [names + values + 1] where each text begins | UTF-8
 *
 * Names, and the values of each name, are sorted by UTF-16 unit.
 */
import { Labels } from '../model/labels.ts'
import { ByteWriter } from './bytes.ts'
import type { LabelIndex } from './label-index.ts'

const COUNTS = 8
/** [bytes] that the labels of a series take as objects */
const madeBytes = 250

/** A column that grows. */
class Column<T extends Float64Array<ArrayBuffer> | Uint32Array<ArrayBuffer>> {
  length = 0
  #values: T
  readonly #of: new (
    length: number,
  ) => T

  constructor(of: new (length: number) => T) {
    this.#of = of
    this.#values = new of(1024)
  }
  push(value: number): void {
    if (this.length === this.#values.length) {
      const grown = new this.#of(2 * this.length)
      grown.set(this.#values)
      this.#values = grown
    }
    this.#values[this.length++] = value
  }
  get values(): T {
    return this.#values.subarray(0, this.length) as T
  }
}

export class IndexBuilder {
  readonly #chunks = {
    first: new Column(Float64Array),
    last: new Column(Float64Array),
    at: new Column(Float64Array),
    bytes: new Column(Uint32Array),
    samples: new Column(Uint32Array),
    crc: new Column(Uint32Array),
  }
  readonly #seriesChunks = new Column(Uint32Array)
  readonly #seriesLabels = new Column(Uint32Array)
  /** by label of a series: the number of its value, in the order they were met */
  readonly #labels = new Column(Uint32Array)
  readonly #values = new Map<string, Map<string, number>>()
  #valueCount = 0

  constructor() {
    this.#seriesChunks.push(0)
    this.#seriesLabels.push(0)
  }

  get series(): number {
    return this.#seriesChunks.length - 1
  }
  get chunks(): number {
    return this.#chunks.at.length
  }

  /** Of the series that is added next. Times in epoch ms, the place and size in bytes. */
  addChunk(first: number, last: number, at: number, bytes: number, samples: number, crc: number): void {
    const chunks = this.#chunks
    chunks.first.push(first)
    chunks.last.push(last)
    chunks.at.push(at)
    chunks.bytes.push(bytes)
    chunks.samples.push(samples)
    chunks.crc.push(crc)
  }

  add(labels: Labels): void {
    const { pairs } = labels
    for (let i = 0; i < pairs.length; i += 2) {
      let values = this.#values.get(pairs[i]!)
      if (values === undefined) this.#values.set(pairs[i]!, (values = new Map()))
      let value = values.get(pairs[i + 1]!)
      if (value === undefined) values.set(pairs[i + 1]!, (value = this.#valueCount++))
      this.#labels.push(value)
    }
    this.#seriesChunks.push(this.chunks)
    this.#seriesLabels.push(this.#labels.length)
  }

  /** The whole, in pieces. */
  finish(): Uint8Array[] {
    const names = [...this.#values.keys()].sort()
    const texts = new ByteWriter(64 * 1024)
    const textAt = new Column(Uint32Array)
    const write = (text: string) => {
      textAt.push(texts.length)
      texts.utf8(text)
    }
    for (const name of names) write(name)
    /** by number as met: its place */
    const place = new Uint32Array(this.#valueCount)
    const nameValues = [0]
    const valueName = new Column(Uint32Array)
    names.forEach((name, n) => {
      const values = this.#values.get(name)!
      for (const value of [...values.keys()].sort()) {
        place[values.get(value)!] = valueName.length
        valueName.push(n)
        write(value)
      }
      nameValues.push(valueName.length)
    })
    textAt.push(texts.length)
    const labels = this.#labels.values.map(value => place[value]!)
    const { from: postingsFrom, postings } = this.#postings(labels)
    const { first, last, at, bytes, samples, crc } = this.#chunks
    const sections = [
      Uint32Array.of(this.series, this.chunks, names.length, valueName.length, labels.length, postings.length, texts.length, 0),
      ...[first.values, last.values, at.values, bytes.values, samples.values, crc.values],
      ...[this.#seriesChunks.values, this.#seriesLabels.values, labels],
      ...[Uint32Array.from(nameValues), valueName.values, postingsFrom, postings, textAt.values],
    ]
    return [...sections.map(({ buffer, byteLength }) => new Uint8Array(buffer, 0, byteLength)), texts.written]
  }

  #postings(labels: Uint32Array): { from: Uint32Array<ArrayBuffer>; postings: Uint32Array<ArrayBuffer> } {
    const from = new Uint32Array(this.#valueCount + 1)
    for (const value of labels) from[value + 1]!++
    for (let value = 0; value < this.#valueCount; value++) from[value + 1]! += from[value]!
    const filled = from.slice()
    const postings = new Uint32Array(labels.length)
    const ends = this.#seriesLabels.values
    for (let series = 0; series < this.series; series++) {
      for (let i = ends[series]!; i < ends[series + 1]!; i++) postings[filled[labels[i]!]!++] = series
    }
    return { from, postings }
  }
}

export class BlockIndex implements LabelIndex {
  readonly size: number
  readonly chunkFirst: Float64Array
  readonly chunkLast: Float64Array
  readonly chunkAt: Float64Array
  readonly chunkBytes: Uint32Array
  readonly chunkSamples: Uint32Array
  readonly chunkCrc: Uint32Array
  /** [series + 1] */
  readonly seriesChunks: Uint32Array
  readonly #seriesLabels: Uint32Array
  readonly #labels: Uint32Array
  readonly #nameValues: Uint32Array
  readonly #valueName: Uint32Array
  readonly #valuePostings: Uint32Array
  readonly #postings: Uint32Array
  readonly #textAt: Uint32Array
  readonly #bytes: Buffer
  readonly #names: string[]
  readonly #texts: (string | undefined)[] = []
  readonly #made: (Labels | undefined)[] = []
  /** [bytes] of the buffer, and of what is made of it once all series have been asked for */
  readonly bytes: number

  /** @param buffer whole, and compared with its checksum @throws {RangeError} where its parts do not fit into it */
  constructor(buffer: ArrayBuffer) {
    const counts = new Uint32Array(buffer, 0, COUNTS)
    const [series, chunks, names, values, labels, postings] = counts as unknown as [number, number, number, number, number, number]
    let at = 4 * COUNTS
    const doubles = (length: number) => {
      const column = new Float64Array(buffer, at, length)
      at += 8 * length
      return column
    }
    const words = (length: number) => {
      const column = new Uint32Array(buffer, at, length)
      at += 4 * length
      return column
    }
    this.size = series
    this.bytes = buffer.byteLength + madeBytes * series
    this.chunkFirst = doubles(chunks)
    this.chunkLast = doubles(chunks)
    this.chunkAt = doubles(chunks)
    this.chunkBytes = words(chunks)
    this.chunkSamples = words(chunks)
    this.chunkCrc = words(chunks)
    this.seriesChunks = words(series + 1)
    this.#seriesLabels = words(series + 1)
    this.#labels = words(labels)
    this.#nameValues = words(names + 1)
    this.#valueName = words(values)
    this.#valuePostings = words(values + 1)
    this.#postings = words(postings)
    this.#textAt = words(names + values + 1)
    this.#bytes = Buffer.from(buffer, at)
    this.#names = Array.from({ length: names }, (_, name) => this.#text(name))
  }

  labels(series: number): Labels {
    return (this.#made[series] ??= this.makeLabels(series))
  }

  /** Anew, and not kept. */
  makeLabels(series: number): Labels {
    const pairs: string[] = []
    for (let i = this.#seriesLabels[series]!; i < this.#seriesLabels[series + 1]!; i++) {
      const value = this.#labels[i]!
      pairs.push(this.#names[this.#valueName[value]!]!, this.#valueText(value))
    }
    return Labels.sorted(pairs)
  }

  names(): Iterable<string> {
    return this.#names
  }

  *values(name: string): Iterable<string> {
    const n = this.#names.indexOf(name)
    if (n < 0) return
    for (let value = this.#nameValues[n]!; value < this.#nameValues[n + 1]!; value++) yield this.#valueText(value)
  }

  postings(name: string, value: string): ArrayLike<number> {
    const n = this.#names.indexOf(name)
    if (n < 0) return []
    let low = this.#nameValues[n]!
    let high = this.#nameValues[n + 1]!
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#valueText(middle) < value) low = middle + 1
      else high = middle
    }
    if (low === this.#nameValues[n + 1]! || this.#valueText(low) !== value) return []
    return this.#postings.subarray(this.#valuePostings[low]!, this.#valuePostings[low + 1]!)
  }

  #valueText(value: number): string {
    return (this.#texts[value] ??= this.#text(this.#names.length + value))
  }
  #text(i: number): string {
    return this.#bytes.toString('utf8', this.#textAt[i]!, this.#textAt[i + 1]!)
  }
}
