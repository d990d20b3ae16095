/**
 * Reads a block as Prometheus writes it (format of the index: version 2; of chunks: version 1). All numbers are big-endian.
 *
 *   index   … | series, each at a multiple of 16: length uvarint, labels (pairs of numbers of symbols), chunks (times, reference), crc | … | toc
 *   chunks  files of chunks: length uvarint | encoding u8 | data | crc. A reference is the number of the file and the place in it, 32 bits each.
 *
 * Encoding 1 is Gorilla's: differences of differences of times in 0, 14, 17, 20 or 64 bits, and XOR of values. Others are counted and left out.
 */
import type { Disk } from '../component/disk.ts'
import { ExpositionError } from '../exposition/read.ts'
import { Labels } from '../model/labels.ts'
import { STALE_HIGH, STALE_LOW } from '../store/chunk.ts'
import type { Filler } from './store-filler.ts'

const INDEX_MAGIC = 0xbaaad700
const CHUNKS_MAGIC = 0x85bd40dd
const TOC = 52
const XOR = 1

export async function readPrometheusBlock(disk: Disk, path: string, filler: Filler): Promise<void> {
  const index = await readWhole(disk, `${path}/index`)
  if (index.length < 5 + TOC || index.readUInt32BE(0) !== INDEX_MAGIC) throw new ExpositionError('the index is none of Prometheus')
  if (index[4] !== 2) throw new ExpositionError(`the index is of version ${index[4]}, and 2 is known here`)
  const toc = Array.from({ length: 6 }, (_, i) => Number(index.readBigUInt64BE(index.length - TOC + 8 * i)))
  const symbols = readSymbols(index, toc[0]!)
  const end = Math.min(...toc.filter(at => at > toc[1]!), index.length - TOC)
  const files = new Map<number, Buffer>()
  for (let at = Math.ceil(toc[1]! / 16) * 16; at < end; ) {
    const from = new Reader(index, at)
    const length = from.uvarint()
    if (length === 0) break
    const begin = from.at
    const labels = readLabels(from, symbols)
    const handle = filler.handle(labels.key, () => labels)
    for (const { file, place } of readChunkPlaces(from)) {
      let bytes = files.get(file)
      if (bytes === undefined) {
        bytes = await readWhole(disk, `${path}/chunks/${String(file + 1).padStart(6, '0')}`)
        if (bytes.readUInt32BE(0) !== CHUNKS_MAGIC) throw new ExpositionError('a file of chunks is none of Prometheus')
        files.set(file, bytes)
      }
      const chunk = new Reader(bytes, place)
      const size = chunk.uvarint()
      const encoding = bytes[chunk.at]!
      if (encoding !== XOR) filler.leftOut++
      else {
        const put = (time: number, high: number, low: number, value: number) => {
          if (high === STALE_HIGH && low === STALE_LOW) filler.stale(handle, time)
          else filler.number(handle, time, value)
        }
        readXorChunk(bytes.subarray(chunk.at + 1, chunk.at + 1 + size), put)
      }
    }
    await filler.settled()
    at = Math.ceil((begin + length + 4) / 16) * 16
  }
}

async function readWhole(disk: Disk, path: string): Promise<Buffer> {
  const file = await disk.open(path, 'read')
  try {
    const bytes = Buffer.alloc(await file.size())
    await file.read(bytes, 0)
    return bytes
  } finally {
    await file.close()
  }
}

class Reader {
  readonly bytes: Buffer
  at: number
  constructor(bytes: Buffer, at: number) {
    this.bytes = bytes
    this.at = at
  }
  uvarint(): number {
    let value = 0
    for (let factor = 1; ; factor *= 128) {
      const byte = this.bytes.readUInt8(this.at++)
      value += (byte & 0x7f) * factor
      if (byte < 128) return value
    }
  }
  varint(): number {
    const value = this.uvarint()
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2
  }
  text(): string {
    const length = this.uvarint()
    this.at += length
    return this.bytes.toString('utf8', this.at - length, this.at)
  }
}

function readSymbols(index: Buffer, at: number): string[] {
  const from = new Reader(index, at + 8)
  return Array.from({ length: index.readUInt32BE(at + 4) }, () => from.text())
}

function readLabels(from: Reader, symbols: readonly string[]): Labels {
  const count = from.uvarint()
  return Labels.of(Array.from({ length: count }, () => [symbols[from.uvarint()] ?? '', symbols[from.uvarint()] ?? ''] as const))
}

function readChunkPlaces(from: Reader): { file: number; place: number }[] {
  const places: { file: number; place: number }[] = []
  const count = from.uvarint()
  let reference = 0
  for (let i = 0; i < count; i++) {
    if (i === 0) from.varint()
    else from.uvarint()
    from.uvarint()
    reference += i === 0 ? from.uvarint() : from.varint()
    places.push({ file: Math.floor(reference / 2 ** 32), place: reference % 2 ** 32 })
  }
  return places
}

/** A stream of bits, the highest of each byte first. */
class Bits {
  readonly #bytes: Buffer
  #at: number
  constructor(bytes: Buffer, from: number) {
    this.#bytes = bytes
    this.#at = 8 * from
  }
  bit(): number {
    const byte = this.#bytes.readUInt8(this.#at >>> 3)
    return (byte >>> (7 - (this.#at++ & 7))) & 1
  }
  /** @param count up to 32 */
  bits(count: number): number {
    let value = 0
    for (let i = 0; i < count; i++) value = value * 2 + this.bit()
    return value
  }
  uvarint(): number {
    let value = 0
    for (let factor = 1; ; factor *= 128) {
      const byte = this.bits(8)
      value += (byte & 0x7f) * factor
      if (byte < 128) return value
    }
  }
  varint(): number {
    const value = this.uvarint()
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2
  }
}

/** [bits] of a difference of differences, by the number of ones before it */
const widths = [0, 14, 17, 20] as const
const words = new Uint32Array(2)
const double = new Float64Array(words.buffer)

function readXorChunk(data: Buffer, put: (time: number, high: number, low: number, value: number) => void): void {
  const count = data.readUInt16BE(0)
  const from = new Bits(data, 2)
  let time = 0
  let delta = 0
  let high = 0
  let low = 0
  let leading = 0
  let width = 0
  for (let i = 0; i < count; i++) {
    if (i === 0) time = from.varint()
    else if (i === 1) delta = from.uvarint()
    else delta += difference(from)
    if (i > 0) time += delta
    if (i === 0) {
      high = from.bits(32)
      low = from.bits(32)
    } else if (from.bit() === 1) {
      if (from.bit() === 1) {
        leading = from.bits(5)
        width = from.bits(6) || 64
      }
      const trailing = 64 - leading - width
      let value = BigInt(from.bits(Math.max(0, width - 32)))
      value = ((value << BigInt(Math.min(width, 32))) | BigInt(from.bits(Math.min(width, 32)))) << BigInt(trailing)
      high = (high ^ Number(value >> 32n)) >>> 0
      low = (low ^ Number(value & 0xffffffffn)) >>> 0
    }
    words[0] = low
    words[1] = high
    put(time, high, low, double[0]!)
  }
}

function difference(from: Bits): number {
  let ones = 0
  while (ones < 4 && from.bit() === 1) ones++
  if (ones === 4) return Number(BigInt.asIntN(64, (BigInt(from.bits(32)) << 32n) | BigInt(from.bits(32))))
  const width = widths[ones]!
  const value = from.bits(width)
  return value > 2 ** (width - 1) ? value - 2 ** width : value
}
