/**
 * The files of a queue, version 1. All numbers are little-endian; `u53` is a u64 that a double holds; every crc is CRC-32 (zlib).
 *
 *   FIRST-ID.segment   header, records, and a footer once it is sealed
 *   FIRST-ID.acks      header, marks: what of that segment was begun and what is done
 *
 *   name, header, record  as of all segments: store/segments/frame.ts
 *   footer        a record with the flag FOOTER; its body is bodies u53 | rows u53 | bytes u53 of all records before it
 *   mark (56)     magic u32 | kind u32 | from u53 | to u53, inclusive | bodies u53 | rows u53 | bytes u53 | 0 u32 | crc, as of a record
 *
 * A body is one record, so what is torn at the end was never acknowledged. Marks of another segment are never taken for its own.
 */
import { crc32 } from 'node:zlib'
import {
  type FileName,
  FOOTER_FLAG,
  OWN,
  parseSegmentName,
  RECORD,
  type RecordHeader,
  readRecordHeader,
  readSegmentHeader,
  readU53,
  segmentHeader,
  segmentName,
  writeRecordHeader,
  writeU53,
} from '../../store/segments/frame.ts'

export { asBuffer, type FileName, HEADER, OWN, RECORD, readRecordHeader, writeRecordHeader } from '../../store/segments/frame.ts'

export const VERSION = 1
export const MARK = 56
const FOOTER_BODY = 24
/** [bytes] of a whole footer */
export const FOOTER = RECORD + FOOTER_BODY

const magics = { segment: 'THALQSEG', acks: 'THALQACK' } as const
export type FileKind = keyof typeof magics
const MARK_MAGIC = 0x4b524d54

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

export const fileName = (name: FileName, kind: FileKind): string => segmentName(name, kind)
/** undefined: not a file of a queue */
export function parseFileName(name: string): (FileName & { readonly kind: FileKind }) | undefined {
  const parsed = parseSegmentName(name)
  return parsed !== undefined && isKind(parsed.kind) ? { ...parsed, kind: parsed.kind } : undefined
}
const isKind = (kind: string): kind is FileKind => Object.hasOwn(magics, kind)

/** @param created Unix epoch milliseconds */
export const fileHeader = (kind: FileKind, name: FileName, created: number): Buffer =>
  segmentHeader({ magic: magics[kind], version: VERSION }, name, created)

/** What a file says it is, from the first HEADER bytes of it, or as many as there are; `unclear` as in frame.ts. */
export function readFileHeader(bytes: Uint8Array, kind: FileKind): 'good' | 'unclear' | { readonly version: number } {
  const read = readSegmentHeader(bytes, { magic: magics[kind], version: VERSION })
  return typeof read === 'object' && !('version' in read) ? 'good' : read
}

/** As it was read. */
export function writeRecordHeaderOf(into: Buffer, id: number, { body, own, ...rest }: RecordHeader & { readonly body: Uint8Array }): void {
  writeRecordHeader(into, 0, id, { ...rest, pieces: [body], flags: own ? OWN : 0 })
}

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
