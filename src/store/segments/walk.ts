/**
 * Reads the records of a segment in order, in bounded memory, and gets over what is damaged: where no whole record begins, it looks for
 * the next that does. What it gives is never wrong: every body has been compared with its checksum.
 */
import { crc32 } from 'node:zlib'
import type { DiskFile } from '../../component/disk.ts'
import { findRecord, RECORD, type RecordHeader, readRecordHeader } from './frame.ts'

export interface Whole extends RecordHeader {
  readonly is: 'record'
  /** [bytes] where it begins in the file, and where the next does */
  readonly at: number
  readonly end: number
  /** A view of a buffer that is not used again. */
  readonly body: Buffer
}
export interface Hole {
  readonly is: 'hole'
  readonly at: number
  readonly end: number
  /** what the record said of itself, where its header is whole: one body is lost */
  readonly header: RecordHeader | undefined
  /** the file ends within it, or goes on in zeros: what was being written when the process ended, or the power went */
  readonly torn: boolean
}

/** [bytes] read at once, unless one record is larger */
const chunkBytes = 2 ** 20

/** @param to where the file ends, as far as anybody has written */
export async function* walk(file: DiskFile, from: number, to: number, id: number, chunk = chunkBytes): AsyncGenerator<Whole | Hole> {
  let bytes = Buffer.alloc(0)
  /** where `bytes` begins in the file */
  let base = from
  /** Makes `bytes` hold [at, at + need), less where the file ends. */
  const hold = async (at: number, need: number) => {
    if (at >= base && at + need <= base + bytes.length) return
    const size = Math.min(Math.max(chunk, need), to - at)
    const fresh = Buffer.allocUnsafeSlow(Math.max(0, size))
    bytes = fresh.subarray(0, await file.read(fresh, at))
    base = at
  }
  for (let at = from; at < to; ) {
    await hold(at, RECORD)
    const header = readRecordHeader(bytes, at - base, id)
    const end = header === undefined ? to : at + RECORD + header.length
    if (header !== undefined && end <= to) {
      await hold(at, RECORD + header.length)
      const body = bytes.subarray(at - base + RECORD, end - base)
      if (body.length === header.length && crc32(body) === header.bodyCrc) yield { is: 'record', at, end, body, ...header }
      else yield { is: 'hole', at, end, header, torn: false }
      at = end
      continue
    }
    const begin = bytes.subarray(at - base, at - base + RECORD)
    const unwritten = header !== undefined || begin.length < RECORD || begin.every(byte => byte === 0)
    const next = await findNext(file, at + 1, to, id, chunk)
    yield { is: 'hole', at, end: next ?? to, header, torn: unwritten && next === undefined }
    at = next ?? to
  }
}

/** Where the next record with a whole header begins. */
async function findNext(file: DiskFile, from: number, to: number, id: number, chunk: number): Promise<number | undefined> {
  const buffer = Buffer.allocUnsafeSlow(Math.min(Math.max(chunk, 2 * RECORD), to - from))
  for (let base = from; base < to; ) {
    const bytes = buffer.subarray(0, await file.read(buffer.subarray(0, Math.min(buffer.length, to - base)), base))
    for (let at = findRecord(bytes, 0); at >= 0; at = findRecord(bytes, at + 1)) {
      if (readRecordHeader(bytes, at, id) !== undefined) return base + at
    }
    if (base + bytes.length >= to || bytes.length <= RECORD) return undefined
    // A header may lie across the border.
    base += bytes.length - RECORD
  }
  return undefined
}
