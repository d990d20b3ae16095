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
import type { LabelIndex } from './label-index.ts'

export interface ChunkPlace {
  /** epoch ms */
  readonly first: number
  readonly last: number
  /** [bytes] */
  readonly at: number
  readonly bytes: number
  readonly samples: number
  readonly crc: number
}

const COUNTS = 8

export class IndexBuilder {
  readonly #chunks: ChunkPlace[] = []
  readonly #seriesChunks: number[] = [0]
  readonly #seriesLabels: number[] = [0]
  /** by label of a series: the number of its value, in the order they were met */
  readonly #labels: number[] = []
  readonly #values = new Map<string, Map<string, number>>()
  #valueCount = 0

  get series(): number {
    return this.#seriesChunks.length - 1
  }
  get chunks(): number {
    return this.#chunks.length
  }

  add(labels: Labels, chunks: readonly ChunkPlace[]): void {
    const { pairs } = labels
    for (let i = 0; i < pairs.length; i += 2) {
      let values = this.#values.get(pairs[i]!)
      if (values === undefined) this.#values.set(pairs[i]!, (values = new Map()))
      let value = values.get(pairs[i + 1]!)
      if (value === undefined) values.set(pairs[i + 1]!, (value = this.#valueCount++))
      this.#labels.push(value)
    }
    this.#chunks.push(...chunks)
    this.#seriesChunks.push(this.#chunks.length)
    this.#seriesLabels.push(this.#labels.length)
  }

  finish(): Uint8Array {
    const names = [...this.#values.keys()].sort()
    const texts: string[] = [...names]
    /** by number as met: its place */
    const place = new Uint32Array(this.#valueCount)
    const nameValues = [0]
    const valueName: number[] = []
    names.forEach((name, n) => {
      const values = this.#values.get(name)!
      for (const value of [...values.keys()].sort()) {
        place[values.get(value)!] = valueName.length
        valueName.push(n)
        texts.push(value)
      }
      nameValues.push(valueName.length)
    })
    const labels = Uint32Array.from(this.#labels, value => place[value]!)
    const { from: postingsFrom, postings } = this.#postings(labels)
    const bytes = texts.map(text => Buffer.from(text, 'utf8'))
    const textAt = new Uint32Array(texts.length + 1)
    bytes.forEach((text, i) => void (textAt[i + 1] = textAt[i]! + text.length))
    const chunks = this.#chunks
    const sections = [
      Uint32Array.of(this.series, chunks.length, names.length, valueName.length, labels.length, postings.length, textAt.at(-1)!, 0),
      ...(['first', 'last', 'at'] as const).map(key => Float64Array.from(chunks, chunk => chunk[key])),
      ...(['bytes', 'samples', 'crc'] as const).map(key => Uint32Array.from(chunks, chunk => chunk[key])),
      ...[Uint32Array.from(this.#seriesChunks), Uint32Array.from(this.#seriesLabels), labels],
      ...[Uint32Array.from(nameValues), Uint32Array.from(valueName), postingsFrom, postings, textAt],
    ]
    return Buffer.concat([...sections.map(({ buffer, byteLength }) => new Uint8Array(buffer, 0, byteLength)), ...bytes])
  }

  #postings(labels: Uint32Array): { from: Uint32Array; postings: Uint32Array } {
    const from = new Uint32Array(this.#valueCount + 1)
    for (const value of labels) from[value + 1]!++
    for (let value = 0; value < this.#valueCount; value++) from[value + 1]! += from[value]!
    const filled = from.slice()
    const postings = new Uint32Array(labels.length)
    for (let series = 0; series < this.series; series++) {
      for (let i = this.#seriesLabels[series]!; i < this.#seriesLabels[series + 1]!; i++) postings[filled[labels[i]!]!++] = series
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
  /** [bytes] of the buffer */
  readonly bytes: number

  /** @param buffer whole, and compared with its checksum @throws {RangeError} where its parts do not fit into it */
  constructor(buffer: ArrayBuffer) {
    this.bytes = buffer.byteLength
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
