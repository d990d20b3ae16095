/**
 * Reads a block as Prometheus writes it (format of the index: version 2; of chunks and tombstones: version 1), one series after the other, in memory
 * that its symbols bound: every file is read in pieces. All numbers are big-endian, every crc is CRC-32C.
 *
 *   index       magic u32 | version u8 | symbols: bytes u32, how many u32, each: length uvarint, text; crc
 *               | series, each at a multiple of 16: length uvarint, labels (pairs of numbers of symbols), chunks (times, reference), crc | … | toc (52)
 *   chunks      files of chunks: magic u32 | version u8 | 0s to 8 bytes | each: length uvarint, encoding u8, data, crc of both.
 *               A reference is the number of the file and the place in it, 32 bits each.
 *   tombstones  magic u32 | version u8 | what was deleted: series (its place / 16) uvarint, first and last time varint | crc of that
 */
import { codeOf, type Disk, type DiskFile } from '../../component/disk.ts'
import { Labels } from '../../model/labels.ts'
import { SampleColumns } from '../chunk.ts'
import { BitReader } from './bits.ts'
import { chunkReaders } from './chunk.ts'
import { crc32c } from './crc32c.ts'
import { ReadAhead } from './read-ahead.ts'

const INDEX_MAGIC = 0xbaaad700
const CHUNKS_MAGIC = 0x85bd40dd
const TOMBSTONES_MAGIC = 0x0130ba30
const TOC = 52
const ALIGN = 16
/** [bytes] that a length may take */
const LENGTH = 10
/** [bytes] of symbols, at most: they are in memory as texts */
const MAX_SYMBOLS = 2 ** 30
/** [bytes] of one chunk, at most: 65,535 samples are fewer */
const MAX_CHUNK = 2 ** 28

/** The block is damaged, or none that is known here: which file, and where. */
export class PrometheusBlockError extends Error {
  override readonly name = 'PrometheusBlockError'
}

export interface PrometheusSeries {
  readonly labels: Labels
  /** of one chunk: reused, and read before the next is asked for; those of the next may be older */
  readonly chunks: AsyncIterable<SampleColumns>
}

export interface PrometheusBlock {
  readonly series: AsyncIterable<PrometheusSeries>
  close(): Promise<void>
}

/** @param unknown told of each chunk whose encoding nobody knows here: it is left out @throws {PrometheusBlockError} also while series are read */
export async function openPrometheusBlock(disk: Disk, path: string, unknown: (encoding: number) => void): Promise<PrometheusBlock> {
  const index = new OpenFile(disk, `${path}/index`)
  const chunks = new ChunkFiles(disk, path)
  const close = async () => {
    await index.close()
    await chunks.close()
  }
  try {
    const toc = await readToc(index)
    const symbols = await readSymbols(index, toc.symbols)
    const deleted = await readTombstones(disk, path)
    return { series: seriesOf(index, toc, symbols, deleted, chunks, unknown), close }
  } catch (error) {
    await close()
    throw error
  }
}

/** A file that is opened when it is read, and says what is wrong in its own name. */
class OpenFile {
  readonly path: string
  readonly #disk: Disk
  #file: DiskFile | undefined
  #ahead: ReadAhead | undefined

  constructor(disk: Disk, path: string) {
    this.#disk = disk
    this.path = path
  }
  async size(): Promise<number> {
    await this.#open()
    return this.#file!.size()
  }
  /** [at, at + length), less where the file ends */
  async some(at: number, length: number): Promise<Buffer> {
    await this.#open()
    return this.#ahead!.read(at, length)
  }
  async read(at: number, length: number): Promise<Buffer> {
    const bytes = await this.some(at, length)
    if (bytes.length < length) throw this.wrong(at, 'the file ends too early')
    return bytes
  }
  /** What a checksum at its end goes with. */
  async checked(at: number, length: number, what: string): Promise<Buffer> {
    const bytes = await this.read(at, length + 4)
    const body = bytes.subarray(0, length)
    if (crc32c(body) !== bytes.readUInt32BE(length)) throw this.wrong(at, `${what} is damaged`)
    return body
  }
  async #open(): Promise<void> {
    if (this.#file !== undefined) return
    try {
      this.#file = await this.#disk.open(this.path, 'read')
    } catch (error) {
      throw new PrometheusBlockError(`${this.path} cannot be read: ${codeOf(error)}`, { cause: error })
    }
    this.#ahead = new ReadAhead(this.#file)
  }
  /** What it reads is all there: it may still say what makes no sense. */
  parse<T>(at: number, read: () => T): T {
    try {
      return read()
    } catch (error) {
      throw error instanceof RangeError ? this.wrong(at, error.message) : error
    }
  }
  wrong(at: number, message: string): PrometheusBlockError {
    return new PrometheusBlockError(`${this.path}, byte ${at}: ${message}`)
  }
  async close(): Promise<void> {
    await this.#file?.close()
    this.#file = undefined
  }
}

interface Toc {
  readonly symbols: number
  readonly series: number
  /** where the series end */
  readonly end: number
}

async function readToc(index: OpenFile): Promise<Toc> {
  const size = await index.size()
  const head = await index.some(0, 5)
  if (size < 5 + TOC || head.readUInt32BE(0) !== INDEX_MAGIC) throw index.wrong(0, 'it is no index of Prometheus')
  if (head[4] !== 2) throw index.wrong(4, `it is of version ${head[4]}, and 2 is known here`)
  const toc = await index.checked(size - TOC, TOC - 4, 'the table of contents')
  const places = Array.from({ length: 6 }, (_, i) => Number(toc.readBigUInt64BE(8 * i)))
  const [symbols, series] = [places[0]!, places[1]!]
  const end = Math.min(...places.filter(at => at > series), size - TOC)
  if (!(symbols >= 5 && symbols < size && series >= 5 && series < size)) throw index.wrong(size - TOC, 'the table of contents is damaged')
  return { symbols, series, end }
}

async function readSymbols(index: OpenFile, at: number): Promise<string[]> {
  const length = (await index.read(at, 4)).readUInt32BE(0)
  if (length > MAX_SYMBOLS) throw index.wrong(at, `its symbols are ${length} bytes, and ${MAX_SYMBOLS} are the most`)
  const bytes = await index.checked(at + 4, length, 'the table of symbols')
  return index.parse(at, () => {
    const from = new BitReader(bytes, 4)
    const symbols: string[] = []
    for (let left = bytes.readUInt32BE(0); left > 0; left--) {
      const size = from.uvarint()
      const begin = from.at
      from.skip(size)
      symbols.push(bytes.toString('utf8', begin, begin + size))
    }
    return symbols
  })
}

/** epoch ms, both inclusive */
interface Interval {
  readonly first: number
  readonly last: number
}
type Deleted = ReadonlyMap<number, readonly Interval[]>

/** What was deleted is still in the chunks: by the place of a series. */
async function readTombstones(disk: Disk, path: string): Promise<Deleted> {
  const deleted = new Map<number, Interval[]>()
  if (!(await disk.list(path)).includes('tombstones')) return deleted
  const file = new OpenFile(disk, `${path}/tombstones`)
  try {
    const size = await file.size()
    const head = await file.some(0, 5)
    if (size < 9 || head.readUInt32BE(0) !== TOMBSTONES_MAGIC || head[4] !== 1) throw file.wrong(0, 'these are no tombstones of version 1')
    const bytes = await file.checked(5, size - 9, 'what was deleted')
    file.parse(5, () => {
      for (const from = new BitReader(bytes, 0); from.left > 0; ) {
        const place = ALIGN * from.uvarint()
        const known = deleted.get(place)
        const interval = { first: from.varint(), last: from.varint() }
        if (known === undefined) deleted.set(place, [interval])
        else known.push(interval)
      }
    })
  } finally {
    await file.close()
  }
  return deleted
}

async function* seriesOf(
  index: OpenFile,
  toc: Toc,
  symbols: readonly string[],
  deleted: Deleted,
  chunks: ChunkFiles,
  unknown: (encoding: number) => void,
): AsyncGenerator<PrometheusSeries> {
  for (let at = Math.ceil(toc.series / ALIGN) * ALIGN; at < toc.end; ) {
    const head = new BitReader(await index.some(at, LENGTH), 0)
    const length = index.parse(at, () => head.uvarint())
    // Behind the last one there may be zeros.
    if (length === 0) break
    if (at + head.at + length > toc.end) throw index.wrong(at, 'a series goes past the end')
    const bytes = await index.checked(at + head.at, length, 'a series')
    const { labels, places } = index.parse(at, () => readSeries(bytes, symbols))
    yield { labels, chunks: readChunks(places, chunks, deleted.get(at) ?? [], unknown) }
    at = Math.ceil((at + head.at + length + 4) / ALIGN) * ALIGN
  }
}

interface Place {
  readonly file: number
  readonly place: number
}

function readSeries(bytes: Buffer, symbols: readonly string[]): { readonly labels: Labels; readonly places: readonly Place[] } {
  const from = new BitReader(bytes, 0)
  const symbol = () => {
    const text = symbols[from.uvarint()]
    if (text === undefined) throw new RangeError('a label is in no table of symbols')
    return text
  }
  const labels = Labels.of(Array.from({ length: bounded(from) }, () => [symbol(), symbol()] as const))
  return { labels, places: readPlaces(from) }
}

function bounded(from: BitReader): number {
  const length = from.uvarint()
  if (8 * length > from.left) throw new RangeError('a list goes past the end')
  return length
}

function readPlaces(from: BitReader): Place[] {
  let reference = 0
  return Array.from({ length: bounded(from) }, (_, i) => {
    // The first and the last time: they are in the chunk as well.
    if (i === 0) from.varint()
    else from.uvarint()
    from.uvarint()
    reference += i === 0 ? from.uvarint() : from.varint()
    return { file: Math.floor(reference / 2 ** 32), place: reference % 2 ** 32 }
  })
}

async function* readChunks(
  places: readonly Place[],
  files: ChunkFiles,
  deleted: readonly Interval[],
  unknown: (encoding: number) => void,
): AsyncGenerator<SampleColumns> {
  const samples = new SampleColumns(128)
  for (const { file, place } of places) {
    const { encoding, data, source } = await files.read(file, place)
    const read = chunkReaders[encoding]
    if (read === undefined) {
      unknown(encoding)
      continue
    }
    samples.clear()
    source.parse(place, () => read(data, samples))
    for (const { first, last } of deleted) without(samples, first, last)
    yield samples
  }
}

/** Takes samples of [first, last] out. */
function without(samples: SampleColumns, first: number, last: number): void {
  const { length } = samples
  let begin = 0
  while (begin < length && samples.time[begin]! < first) begin++
  let end = begin
  while (end < length && samples.time[end]! <= last) end++
  if (begin === end) return
  if (end === length) samples.keep(0, Number.NEGATIVE_INFINITY, first - 1)
  else samples.keep(begin, last, Number.POSITIVE_INFINITY)
}

interface RawChunk {
  readonly encoding: number
  readonly data: Buffer
  readonly source: OpenFile
}

/** One is open at a time: series lie in the order of their chunks. */
class ChunkFiles {
  readonly #disk: Disk
  readonly #folder: string
  #number = -1
  #open: OpenFile | undefined

  constructor(disk: Disk, folder: string) {
    this.#disk = disk
    this.#folder = folder
  }

  async read(number: number, place: number): Promise<RawChunk> {
    const file = await this.#file(number)
    const head = await file.some(place, LENGTH)
    if (head.length === 0) throw file.wrong(place, 'the file ends too early')
    const from = new BitReader(head, 0)
    const length = file.parse(place, () => from.uvarint())
    if (length > MAX_CHUNK) throw file.wrong(place, `a chunk of ${length} bytes, and ${MAX_CHUNK} are the most`)
    const bytes = await file.checked(place + from.at, 1 + length, 'a chunk')
    return { encoding: bytes[0]!, data: bytes.subarray(1), source: file }
  }

  async #file(number: number): Promise<OpenFile> {
    if (number === this.#number && this.#open !== undefined) return this.#open
    await this.close()
    const file = new OpenFile(this.#disk, `${this.#folder}/chunks/${String(number + 1).padStart(6, '0')}`)
    this.#open = file
    this.#number = number
    const head = await file.some(0, 8)
    if (head.length < 8 || head.readUInt32BE(0) !== CHUNKS_MAGIC) throw file.wrong(0, 'it is no file of chunks')
    if (head[4] !== 1) throw file.wrong(4, `it is of version ${head[4]}, and 1 is known here`)
    return file
  }
  async close(): Promise<void> {
    await this.#open?.close()
    this.#open = undefined
  }
}
