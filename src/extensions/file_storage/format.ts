/**
 * The files of a queue, version 1. All numbers are little-endian; `u53` is a u64 that a double holds; every crc is CRC-32 (zlib).
 *
 *   FIRST-ID.segment   header, records, and a footer once it is sealed
 *   FIRST-ID.acks      header, marks: what of that segment was begun and what is done
 *
 *   FIRST         the lowest sequence number that may be in it, 16 digits; ID: the segment's id, 8 hexadecimal digits
 *   header (40)   magic 8 | version u16 | 0 u16 | id u32 | first u53 | created f64, Unix ms | 0 u32 | crc of the 36 bytes before
 *   record (40+)  magic u32 | length u32 | crc of the body u32 | rows u32 | sequence u53 | time f64, Unix ms | flags u32 |
 *                 crc of the 36 bytes before, seeded with the segment's id | body of `length` bytes
 *   footer        a record with the flag FOOTER; its body is bodies u53 | rows u53 | bytes u53 of all records before it
 *   mark (56)     magic u32 | kind u32 | from u53 | to u53, inclusive | bodies u53 | rows u53 | bytes u53 | 0 u32 | crc, as of a record
 *
 * A body is one record, so what is torn at the end was never acknowledged. The id is drawn for each segment: bytes of another file, or
 * of a body that holds such a file, are never taken for a record, and marks of another segment never for its own. Every version keeps the
 * header's magic, version and crc where they are, so that a later one is refused by its number and not taken for damage.
 */
import { crc32 } from 'node:zlib'

export const VERSION = 1
export const HEADER = 40
export const RECORD = 40
export const MARK = 56
const FOOTER_BODY = 24
/** [bytes] of a whole footer */
export const FOOTER = RECORD + FOOTER_BODY

const magics = { segment: 'THALQSEG', acks: 'THALQACK' } as const
export type FileKind = keyof typeof magics
/** In the order of bytes in the file: `TREC`, `TMRK`. */
const RECORD_MAGIC = 0x43455254
const MARK_MAGIC = 0x4b524d54

export const OWN = 1
const FOOTER_FLAG = 2

/** [sums] of records; bytes of the bodies alone */
export interface Totals {
  bodies: number
  rows: number
  bytes: number
}
export const noTotals = (): Totals => ({ bodies: 0, rows: 0, bytes: 0 })
export function add(to: Totals, more: Readonly<Totals>, sign: 1 | -1 = 1): void {
  to.bodies += sign * more.bodies
  to.rows += sign * more.rows
  to.bytes += sign * more.bytes
}

export interface FileName {
  readonly first: number
  readonly id: number
}
export const fileName = ({ first, id }: FileName, kind: FileKind) =>
  `${String(first).padStart(16, '0')}-${id.toString(16).padStart(8, '0')}.${kind}`
/** undefined: not a file of a queue */
export function parseFileName(name: string): (FileName & { readonly kind: FileKind }) | undefined {
  const match = /^(\d{16})-([0-9a-f]{8})\.(segment|acks)$/.exec(name)
  return match === null ? undefined : { first: Number(match[1]), id: Number.parseInt(match[2]!, 16), kind: match[3] as FileKind }
}

/** @param created Unix epoch milliseconds */
export function fileHeader(kind: FileKind, { id, first }: FileName, created: number): Buffer {
  const bytes = Buffer.alloc(HEADER)
  bytes.write(magics[kind], 'latin1')
  bytes.writeUInt16LE(VERSION, 8)
  bytes.writeUInt32LE(id, 12)
  writeU53(bytes, first, 16)
  bytes.writeDoubleLE(created, 24)
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 36)), 36)
  return bytes
}

/**
 * What a file says it is. `unclear`: shorter than a header, or damaged; its name has the rest, and records prove themselves.
 * @param bytes the first HEADER of it, or as many as there are
 */
export function readFileHeader(bytes: Uint8Array, kind: FileKind): 'good' | 'unclear' | { readonly version: number } {
  const buffer = asBuffer(bytes)
  if (bytes.length < HEADER || buffer.readUInt32LE(36) !== crc32(bytes.subarray(0, 36))) return 'unclear'
  if (buffer.toString('latin1', 0, 8) !== magics[kind]) return 'unclear'
  const version = buffer.readUInt16LE(8)
  return version === VERSION ? 'good' : { version }
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

/** As it was read. */
export function writeRecordHeaderOf(into: Buffer, id: number, { body, own, ...rest }: RecordHeader & { readonly body: Uint8Array }): void {
  writeRecordHeader(into, 0, id, { ...rest, pieces: [body], flags: own ? OWN : 0 })
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

export function footer(id: number, next: number, time: number, totals: Readonly<Totals>): Buffer {
  const bytes = Buffer.alloc(FOOTER)
  const body = bytes.subarray(RECORD)
  writeU53(body, totals.bodies, 0)
  writeU53(body, totals.rows, 8)
  writeU53(body, totals.bytes, 16)
  writeRecordHeader(bytes, 0, id, { pieces: [body], length: FOOTER_BODY, rows: 0, sequence: next, time, flags: FOOTER_FLAG })
  return bytes
}

/** @param bytes the last FOOTER bytes of a segment @returns what it says, and the sequence number after its last record */
export function readFooter(bytes: Buffer, id: number): { readonly totals: Totals; readonly next: number } | undefined {
  const header = bytes.length === FOOTER ? readRecordHeader(bytes, 0, id) : undefined
  if (header === undefined || !header.footer || header.length !== FOOTER_BODY) return undefined
  const body = bytes.subarray(RECORD)
  if (crc32(body) !== header.bodyCrc) return undefined
  return { totals: { bodies: readU53(body, 0), rows: readU53(body, 8), bytes: readU53(body, 16) }, next: header.sequence }
}

const markKinds = ['begun', 'done'] as const
export interface Mark extends Readonly<Totals> {
  readonly kind: (typeof markKinds)[number]
  /** sequence numbers */
  readonly from: number
  /** inclusive */
  readonly to: number
}

export function writeMark(into: Buffer, at: number, id: number, mark: Mark): void {
  into.writeUInt32LE(MARK_MAGIC, at)
  into.writeUInt32LE(markKinds.indexOf(mark.kind), at + 4)
  writeU53(into, mark.from, at + 8)
  writeU53(into, mark.to, at + 16)
  writeU53(into, mark.bodies, at + 24)
  writeU53(into, mark.rows, at + 32)
  writeU53(into, mark.bytes, at + 40)
  into.writeUInt32LE(0, at + 48)
  into.writeUInt32LE(crc32(into.subarray(at, at + 52), id), at + 52)
}

/** undefined: damaged, or torn; what it said is not believed, so that at worst rows are sent again */
export function readMark(bytes: Buffer, at: number, id: number): Mark | undefined {
  if (at + MARK > bytes.length || bytes.readUInt32LE(at) !== MARK_MAGIC) return undefined
  if (bytes.readUInt32LE(at + 52) !== crc32(bytes.subarray(at, at + 52), id)) return undefined
  const kind = markKinds[bytes.readUInt32LE(at + 4)]
  if (kind === undefined) return undefined
  return {
    kind,
    from: readU53(bytes, at + 8),
    to: readU53(bytes, at + 16),
    bodies: readU53(bytes, at + 24),
    rows: readU53(bytes, at + 32),
    bytes: readU53(bytes, at + 40),
  }
}

export const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

function writeU53(into: Buffer, value: number, at: number): void {
  into.writeUInt32LE(value % 2 ** 32, at)
  into.writeUInt32LE(Math.floor(value / 2 ** 32), at + 4)
}
const readU53 = (from: Buffer, at: number): number => from.readUInt32LE(at) + from.readUInt32LE(at + 4) * 2 ** 32
