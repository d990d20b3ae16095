/**
 * What segment files of records have in common, whoever writes them: queues, the journal, spans and log records. All numbers are little-endian;
 * `u53` is a u64 that a double holds; every crc is CRC-32 (zlib).
 *
 *   FIRST-ID.KIND  FIRST: the lowest sequence number that may be in it, 16 digits; ID: the file's id, 8 hexadecimal digits
 *   header (40)    magic 8 | version u16 | 0 u16 | id u32 | first u53 | created f64, Unix ms | gap u32 | crc of the 36 bytes before
 *   record (40+)   magic u32 | length u32 | crc of the body u32 | rows u32 | sequence u53 | time f64, Unix ms | flags u32 |
 *                  crc of the 36 bytes before, seeded with the file's id | body of `length` bytes
 *
 * The id is drawn for each file: bytes of another, or of a body that holds such a file, are never taken for a record. Every version keeps the
 * header's magic, version and crc where they are, so that a later one is refused by its number and not taken for damage.
 */
import { crc32 } from 'node:zlib'

export const HEADER = 40
export const RECORD = 40
/** In the order of bytes in the file: `TREC`. */
const RECORD_MAGIC = 0x43455254

export const OWN = 1
/** The record is about the others: it is written when nothing more comes. */
export const FOOTER_FLAG = 2

export interface FileName {
  readonly first: number
  readonly id: number
}
export const segmentName = ({ first, id }: FileName, kind: string): string =>
  `${String(first).padStart(16, '0')}-${id.toString(16).padStart(8, '0')}.${kind}`

/** undefined: not a file of these */
export function parseSegmentName(name: string): (FileName & { readonly kind: string }) | undefined {
  const match = /^(\d{16})-([0-9a-f]{8})\.([a-z]+)$/.exec(name)
  return match === null ? undefined : { first: Number(match[1]), id: Number.parseInt(match[2]!, 16), kind: match[3]! }
}

/** @param random 0 <= x < 1 */
export const newId = (random: number): number => 1 + Math.floor(random * (2 ** 32 - 1))

export interface FileFormat {
  /** eight characters */
  readonly magic: string
  readonly version: number
}

/** @param created Unix epoch milliseconds @param gap how many numbers before `first` were given to nothing */
export function segmentHeader({ magic, version }: FileFormat, { id, first }: FileName, created: number, gap = 0): Buffer {
  const bytes = Buffer.alloc(HEADER)
  bytes.write(magic, 'latin1')
  bytes.writeUInt16LE(version, 8)
  bytes.writeUInt32LE(id, 12)
  writeU53(bytes, first, 16)
  bytes.writeDoubleLE(created, 24)
  bytes.writeUInt32LE(gap, 32)
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 36)), 36)
  return bytes
}

/** What a whole header says besides what its file's name does. */
export interface HeaderFacts {
  readonly created: number
  readonly gap: number
}

/**
 * What a file says it is. `unclear`: shorter than a header, or damaged; its name has the rest, and records prove themselves.
 * @param bytes the first HEADER of it, or as many as there are
 */
export function readSegmentHeader(
  bytes: Uint8Array,
  { magic, version: known }: FileFormat,
): HeaderFacts | 'unclear' | { readonly version: number } {
  const buffer = asBuffer(bytes)
  if (bytes.length < HEADER || buffer.readUInt32LE(36) !== crc32(bytes.subarray(0, 36))) return 'unclear'
  if (buffer.toString('latin1', 0, 8) !== magic) return 'unclear'
  const version = buffer.readUInt16LE(8)
  return version === known ? { created: buffer.readDoubleLE(24), gap: buffer.readUInt32LE(32) } : { version }
}

export interface RecordHeader {
  readonly length: number
  readonly bodyCrc: number
  readonly rows: number
  readonly sequence: number
  /** Unix epoch milliseconds */
  readonly time: number
  readonly own: boolean
  readonly footer: boolean
}

/** What a record says of its body: `pieces` are the body. */
export interface NewRecord {
  readonly pieces: readonly Uint8Array[]
  readonly length: number
  readonly rows: number
  readonly sequence: number
  readonly time: number
  readonly flags: number
}

export function writeRecordHeader(into: Buffer, at: number, id: number, record: NewRecord): void {
  into.writeUInt32LE(RECORD_MAGIC, at)
  into.writeUInt32LE(record.length, at + 4)
  let crc = 0
  for (const piece of record.pieces) crc = crc32(piece, crc)
  into.writeUInt32LE(crc, at + 8)
  into.writeUInt32LE(record.rows, at + 12)
  writeU53(into, record.sequence, at + 16)
  into.writeDoubleLE(record.time, at + 24)
  into.writeUInt32LE(record.flags, at + 32)
  into.writeUInt32LE(crc32(into.subarray(at, at + 36), id), at + 36)
}

/** undefined: no whole record header begins at `at` */
export function readRecordHeader(bytes: Buffer, at: number, id: number): RecordHeader | undefined {
  if (at + RECORD > bytes.length || bytes.readUInt32LE(at) !== RECORD_MAGIC) return undefined
  if (bytes.readUInt32LE(at + 36) !== crc32(bytes.subarray(at, at + 36), id)) return undefined
  const flags = bytes.readUInt32LE(at + 32)
  return {
    length: bytes.readUInt32LE(at + 4),
    bodyCrc: bytes.readUInt32LE(at + 8),
    rows: bytes.readUInt32LE(at + 12),
    sequence: readU53(bytes, at + 16),
    time: bytes.readDoubleLE(at + 24),
    own: (flags & OWN) !== 0,
    footer: (flags & FOOTER_FLAG) !== 0,
  }
}

/** The next place from `at` on where a record may begin; -1: none */
export const findRecord = (bytes: Buffer, at: number): number => bytes.indexOf(recordMagic, at)
const recordMagic = Buffer.from('TREC', 'latin1')

export const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

export function writeU53(into: Buffer, value: number, at: number): void {
  into.writeUInt32LE(value % 2 ** 32, at)
  into.writeUInt32LE(Math.floor(value / 2 ** 32), at + 4)
}
export const readU53 = (from: Buffer, at: number): number => from.readUInt32LE(at) + from.readUInt32LE(at + 4) * 2 ** 32
