/**
 * A block: the samples of many series over one window of time, in one file that is never written to again.
 *
 *   header (64)  magic "THALBLK\0" | version u16 | 0 u16 | step of the tier u32, ms, 0: as they came | window f64, f64: from (exclusive), to
 *                | created f64, Unix ms | generation f64 | the least generation that its samples go back to f64 | 0 u32 | crc of the 60 bytes before
 *   chunks       of one series after the other (chunk.ts), then zeros to a multiple of 8
 *   index        block-index.ts
 *   footer (64)  magic "THALBEND" | index: place f64, bytes u32, crc u32 | first and last time f64, f64 | samples f64 | series u32 | chunks u32
 *                | 0s | crc of the 60 bytes before
 *
 * It is written beside its name and renamed once it is safe: what bears the name is whole. All numbers are little-endian, crcs are CRC-32.
 */
import { crc32 } from 'node:zlib'
import type { Disk, DiskFile } from '../component/disk.ts'
import type { Labels } from '../model/labels.ts'
import { BlockIndex, IndexBuilder } from './block-index.ts'
import { ByteWriter, SLACK } from './bytes.ts'
import { type SampleColumns, writeChunk } from './chunk.ts'
import { decodeChunk } from './decode.ts'
import type { Found } from './found.ts'

export const BLOCK_VERSION = 1
const HEADER = 64
const FOOTER = 64
const headMagic = Buffer.from('THALBLK\0', 'latin1')
const endMagic = Buffer.from('THALBEND', 'latin1')
/** [bytes] written at once */
const WRITE_BYTES = 2 ** 20
/** [bytes] a gap between two chunks that is read rather than leapt over, and the most that is read at once */
const READ_GAP = 32 * 2 ** 10
const READ_BYTES = 8 * 2 ** 20
/** [samples] a chunk, at most */
export const CHUNK_SAMPLES = 2048

export interface BlockName {
  /** [ms] of the tier; 0: samples as they came */
  readonly step: number
  /** epoch ms, exclusive */
  readonly from: number
  /** epoch ms, inclusive */
  readonly to: number
  /** a number that no other block bears, of those it may stand beside */
  readonly generation: number
}

export const blockFile = ({ step, from, to, generation }: BlockName): string => `${step}-${from}-${to}-${generation}.block`
export function parseBlockFile(name: string): BlockName | undefined {
  const match = /^(\d+)-(-?\d+)-(-?\d+)-(\d+)\.block$/.exec(name)
  if (match === null) return undefined
  const [step, from, to, generation] = match.slice(1).map(Number) as [number, number, number, number]
  return { step, from, to, generation }
}

export class BlockWriter {
  readonly #disk: Disk
  readonly #folder: string
  readonly name: BlockName
  readonly #created: number
  readonly #oldest: number
  readonly #index = new IndexBuilder()
  readonly #bytes = new ByteWriter(WRITE_BYTES + 64 * 1024)
  #file: DiskFile | undefined
  #written = 0
  #samples = 0
  #first = Number.POSITIVE_INFINITY
  #last = Number.NEGATIVE_INFINITY

  /** @param oldest the least generation of the blocks that its samples come from, its own where they come from none */
  constructor(disk: Disk, folder: string, name: BlockName, created: number, oldest = name.generation) {
    this.#disk = disk
    this.#folder = folder
    this.name = name
    this.#created = created
    this.#oldest = oldest
  }

  get samples(): number {
    return this.#samples
  }
  get #temporary(): string {
    return `${this.#folder}/${blockFile(this.name)}.tmp`
  }

  /** Compresses the samples of the next series; what it returns is to be awaited before the next. */
  add(labels: Labels, samples: SampleColumns): Promise<void> | undefined {
    const { length } = samples
    if (length === 0) return undefined
    if (this.#file === undefined && this.#written === 0 && this.#bytes.length === 0) this.#header()
    // Chunks of one size, rather than full ones and a rest.
    const size = Math.ceil(length / Math.ceil(length / CHUNK_SAMPLES))
    for (let from = 0; from < length; from += size) {
      const to = Math.min(from + size, length)
      const begin = this.#bytes.length
      writeChunk(this.#bytes, samples, from, to)
      const bytes = this.#bytes.length - begin
      const crc = crc32(this.#bytes.bytes.subarray(begin, begin + bytes))
      this.#index.addChunk(samples.time[from]!, samples.time[to - 1]!, this.#written + begin, bytes, to - from, crc)
    }
    this.#first = Math.min(this.#first, samples.time[0]!)
    this.#last = Math.max(this.#last, samples.time[length - 1]!)
    this.#samples += length
    this.#index.add(labels)
    return this.#bytes.length >= WRITE_BYTES ? this.#flush() : undefined
  }

  #header(): void {
    const { step, from, to, generation } = this.name
    const header = Buffer.alloc(HEADER)
    headMagic.copy(header)
    header.writeUInt16LE(BLOCK_VERSION, 8)
    header.writeUInt32LE(step, 12)
    header.writeDoubleLE(from, 16)
    header.writeDoubleLE(to, 24)
    header.writeDoubleLE(this.#created, 32)
    header.writeDoubleLE(generation, 40)
    header.writeDoubleLE(this.#oldest, 48)
    header.writeUInt32LE(crc32(header.subarray(0, 60)), 60)
    this.#bytes.raw(header)
  }

  async #flush(): Promise<void> {
    if (this.#file === undefined) {
      await this.#disk.remove(this.#temporary).catch(() => {})
      this.#file = await this.#disk.open(this.#temporary, 'create')
    }
    await this.#file.write([this.#bytes.written], this.#written)
    this.#written += this.#bytes.length
    this.#bytes.clear()
  }

  /** Makes it safe, and gives it its name. @returns false where there was nothing to write */
  async finish(): Promise<boolean> {
    if (this.#samples === 0) return false
    while ((this.#written + this.#bytes.length) % 8 !== 0) this.#bytes.u8(0)
    const index = this.#index.finish()
    const indexAt = this.#written + this.#bytes.length
    const indexBytes = index.reduce((sum, { length }) => sum + length, 0)
    const footer = Buffer.alloc(FOOTER)
    endMagic.copy(footer)
    footer.writeDoubleLE(indexAt, 8)
    footer.writeUInt32LE(indexBytes, 16)
    footer.writeUInt32LE(
      index.reduce((crc, piece) => crc32(piece, crc), 0),
      20,
    )
    footer.writeDoubleLE(this.#first, 24)
    footer.writeDoubleLE(this.#last, 32)
    footer.writeDoubleLE(this.#samples, 40)
    footer.writeUInt32LE(this.#index.series, 48)
    footer.writeUInt32LE(this.#index.chunks, 52)
    footer.writeUInt32LE(crc32(footer.subarray(0, 60)), 60)
    await this.#flush()
    // Large, and not copied once more.
    await this.#file!.write([...index, footer], this.#written)
    await this.#file!.sync()
    await this.#file!.close()
    await this.#disk.rename(this.#temporary, `${this.#folder}/${blockFile(this.name)}`)
    await this.#disk.syncFolder(this.#folder)
    return true
  }

  /** Leaves nothing behind, as far as the disk lets it. */
  async abandon(): Promise<void> {
    if (this.#file === undefined) return
    await this.#file.close().catch(() => {})
    await this.#disk.remove(this.#temporary).catch(() => {})
  }
}

/** It cannot be read, and what is wrong with it. */
export class BlockError extends Error {
  override readonly name = 'BlockError'
  /** where it is of a version that this program does not know */
  readonly version: number | undefined
  constructor(message: string, version?: number) {
    super(message)
    this.version = version
  }
}

/** [bytes] what a question may still read. */
export interface ReadBudget {
  left: number
}
/** A question wants more than its budget. */
export class TooLargeError extends Error {
  override readonly name = 'TooLargeError'
}

/** Where indexes are kept that were read: the ones that were used last, up to so many bytes. */
export class IndexCache {
  readonly #maxBytes: number
  readonly #byBlock = new Map<Block, BlockIndex>()
  #bytes = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }
  get(block: Block): BlockIndex | undefined {
    const index = this.#byBlock.get(block)
    if (index !== undefined) {
      this.#byBlock.delete(block)
      this.#byBlock.set(block, index)
    }
    return index
  }
  set(block: Block, index: BlockIndex): void {
    this.delete(block)
    this.#byBlock.set(block, index)
    this.#bytes += index.bytes
    for (const [oldest] of this.#byBlock) {
      if (this.#bytes <= this.#maxBytes || oldest === block) break
      this.delete(oldest)
    }
  }
  delete(block: Block): void {
    this.#bytes -= this.#byBlock.get(block)?.bytes ?? 0
    this.#byBlock.delete(block)
  }
}

/** Its labels are made when they are asked for: who merges blocks has them already. */
class FoundInBlock implements Found {
  readonly #index: BlockIndex
  /** its number */
  readonly series: number
  readonly count: number
  readonly read: Found['read']

  constructor(index: BlockIndex, series: number, count: number, read: Found['read']) {
    this.#index = index
    this.series = series
    this.count = count
    this.read = read
  }
  get labels(): Labels {
    return this.#index.labels(this.series)
  }
}

export class Block {
  readonly path: string
  readonly name: BlockName
  readonly created: number
  /** the least generation of the blocks that its samples come from */
  readonly oldest: number
  /** [bytes] */
  readonly size: number
  /** epoch ms, of the first and last sample */
  readonly first: number
  readonly last: number
  readonly samples: number
  readonly series: number
  readonly #file: DiskFile
  readonly #cache: IndexCache
  readonly #indexAt: number
  readonly #indexBytes: number
  readonly #indexCrc: number
  #users = 0
  #ended: (() => void) | undefined

  private constructor(path: string, name: BlockName, file: DiskFile, cache: IndexCache, size: number, header: Buffer, footer: Buffer) {
    this.path = path
    this.name = name
    this.#file = file
    this.#cache = cache
    this.size = size
    this.created = header.readDoubleLE(32)
    this.oldest = header.readDoubleLE(48)
    this.#indexAt = footer.readDoubleLE(8)
    this.#indexBytes = footer.readUInt32LE(16)
    this.#indexCrc = footer.readUInt32LE(20)
    this.first = footer.readDoubleLE(24)
    this.last = footer.readDoubleLE(32)
    this.samples = footer.readDoubleLE(40)
    this.series = footer.readUInt32LE(48)
  }

  /** Reads how it begins and ends. @throws {BlockError} */
  static async open(disk: Disk, folder: string, name: BlockName, cache: IndexCache): Promise<Block> {
    const path = `${folder}/${blockFile(name)}`
    const file = await disk.open(path, 'read')
    try {
      const size = await file.size()
      const [header, footer] = [Buffer.alloc(HEADER), Buffer.alloc(FOOTER)]
      await file.read(header, 0)
      if (!header.subarray(0, 8).equals(headMagic) || header.readUInt32LE(60) !== crc32(header.subarray(0, 60))) {
        throw new BlockError('it does not begin as a block does')
      }
      const version = header.readUInt16LE(8)
      if (version !== BLOCK_VERSION) throw new BlockError(`it is of version ${version}, and this program knows ${BLOCK_VERSION}`, version)
      if (size >= HEADER + FOOTER) await file.read(footer, size - FOOTER)
      if (!footer.subarray(0, 8).equals(endMagic) || footer.readUInt32LE(60) !== crc32(footer.subarray(0, 60))) {
        throw new BlockError('it does not end as a block does')
      }
      return new Block(path, name, file, cache, size, header, footer)
    } catch (error) {
      await file.close()
      throw error
    }
  }

  /** Keeps the file open until the returned is disposed of. */
  use(): Disposable {
    this.#users++
    return {
      [Symbol.dispose]: () => {
        if (--this.#users === 0) this.#ended?.()
      },
    }
  }

  /** Resolves once nobody uses it any more. */
  async close(): Promise<void> {
    if (this.#users > 0) await new Promise<void>(resolve => (this.#ended = resolve))
    this.#cache.delete(this)
    await this.#file.close()
  }

  async index(): Promise<BlockIndex> {
    const known = this.#cache.get(this)
    if (known !== undefined) return known
    const bytes = new Uint8Array(this.#indexBytes)
    const got = await this.#file.read(bytes, this.#indexAt)
    if (got < bytes.length || crc32(bytes) !== this.#indexCrc) throw new BlockError('its index is damaged')
    const index = new BlockIndex(bytes.buffer)
    this.#cache.set(this, index)
    return index
  }

  /** @param series ascending @param load without it only whether there are samples is found out */
  async load(
    index: BlockIndex,
    series: readonly number[],
    from: number,
    to: number,
    load: boolean,
    budget?: ReadBudget,
  ): Promise<FoundInBlock[]> {
    const wanted: { series: number; begin: number; end: number }[] = []
    for (const one of series) {
      let begin = index.seriesChunks[one]!
      let end = index.seriesChunks[one + 1]!
      while (begin < end && index.chunkLast[begin]! <= from) begin++
      while (end > begin && index.chunkFirst[end - 1]! > to) end--
      if (begin < end) wanted.push({ series: one, begin, end })
    }
    if (!load) return wanted.map(({ series }) => new FoundInBlock(index, series, 0, () => {}))
    if (budget !== undefined) {
      for (const { begin, end } of wanted) for (let chunk = begin; chunk < end; chunk++) budget.left -= index.chunkBytes[chunk]!
      if (budget.left < 0) throw new TooLargeError()
    }
    const found: FoundInBlock[] = []
    for (let i = 0; i < wanted.length; ) {
      const at = index.chunkAt[wanted[i]!.begin]!
      const endOf = ({ end }: { end: number }) => index.chunkAt[end - 1]! + index.chunkBytes[end - 1]!
      let k = i + 1
      let end = endOf(wanted[i]!)
      while (k < wanted.length && index.chunkAt[wanted[k]!.begin]! - end < READ_GAP && endOf(wanted[k]!) - at < READ_BYTES) {
        end = endOf(wanted[k]!)
        k++
      }
      const bytes = new Uint8Array(end - at + SLACK)
      const got = await this.#file.read(bytes.subarray(0, end - at), at)
      if (got < end - at) throw new BlockError('it ends too early')
      for (; i < k; i++) found.push(this.#found(index, wanted[i]!, bytes, at))
    }
    return found
  }

  #found(
    index: BlockIndex,
    { series, begin, end }: { series: number; begin: number; end: number },
    bytes: Uint8Array,
    at: number,
  ): FoundInBlock {
    let count = 0
    for (let chunk = begin; chunk < end; chunk++) {
      count += index.chunkSamples[chunk]!
      const place = index.chunkAt[chunk]! - at
      if (crc32(bytes.subarray(place, place + index.chunkBytes[chunk]!)) !== index.chunkCrc[chunk]) {
        throw new BlockError(`the chunk at byte ${index.chunkAt[chunk]} is damaged`)
      }
    }
    const read = (from: number, to: number, into: SampleColumns) => {
      for (let chunk = begin; chunk < end; chunk++) {
        if (index.chunkLast[chunk]! <= from || index.chunkFirst[chunk]! > to) continue
        const before = into.length
        decodeChunk(bytes, index.chunkAt[chunk]! - at, index.chunkBytes[chunk]!, index.chunkSamples[chunk]!, into)
        if (index.chunkFirst[chunk]! <= from || index.chunkLast[chunk]! > to) into.keep(before, from, to)
      }
    }
    return new FoundInBlock(index, series, count, read)
  }
}
