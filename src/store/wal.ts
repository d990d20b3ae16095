/**
 * The write-ahead log of one head: what was acknowledged is here until it is in a block. All numbers are little-endian.
 *
 *   header (32)  magic "THALWAL\0" | version u16 | 0 u16 | number of the log u32 | horizon f64: the newest time there was before, epoch ms | 0 u32
 *                | crc of the 28 bytes before
 *   record (16+) length of the body u32 | crc of the 8 bytes after it and the body, seeded with the number of the log, u32
 *                | sequence u32 | 0 u32 | body (incoming.ts)
 *
 * Sequence numbers ascend and are never used twice, also where a write failed: what such a write has left behind whole records is not taken for one.
 * A log ends where the first record is not whole.
 */
import { crc32 } from 'node:zlib'
import type { DiskFile } from '../component/disk.ts'
import { ByteWriter } from './bytes.ts'

export const WAL_VERSION = 1
/** [bytes] of a log that holds nothing */
export const WAL_HEADER = 32
const HEADER = WAL_HEADER
const RECORD = 16
const magic = Buffer.from('THALWAL\0', 'latin1')
/** [bytes] that are read at once, at least */
const READ_AHEAD = 4 * 2 ** 20

export const walName = (number: number): string => `${String(number).padStart(8, '0')}.wal`
export const walNumber = (name: string): number | undefined => (/^\d{8}\.wal$/.test(name) ? Number.parseInt(name, 10) : undefined)

export class WriteAheadLog {
  readonly number: number
  readonly file: DiskFile
  /** [bytes] of whole records, and the header */
  #size: number
  #sequence: number
  #dirty = false
  readonly #body = new ByteWriter(64 * 1024)

  constructor(file: DiskFile, number: number, size: number, sequence: number) {
    this.file = file
    this.number = number
    this.#size = size
    this.#sequence = sequence
  }

  /** In an empty file. */
  static async begin(file: DiskFile, number: number, horizon: number): Promise<WriteAheadLog> {
    const header = Buffer.alloc(HEADER)
    magic.copy(header)
    header.writeUInt16LE(WAL_VERSION, 8)
    header.writeUInt32LE(number, 12)
    header.writeDoubleLE(horizon, 16)
    header.writeUInt32LE(crc32(header.subarray(0, 28)), 28)
    await file.write([header], 0)
    return new WriteAheadLog(file, number, HEADER, 0)
  }

  get size(): number {
    return this.#size
  }

  /** Puts one record behind those that wait to be written. */
  add(body: (into: ByteWriter) => void): void {
    const into = this.#body
    const at = into.length
    for (let i = 0; i < RECORD / 4; i++) into.u32(0)
    body(into)
    const view = Buffer.from(into.bytes.buffer)
    view.writeUInt32LE(into.length - at - RECORD, at)
    view.writeUInt32LE(++this.#sequence, at + 8)
    view.writeUInt32LE(crc32(into.bytes.subarray(at + 8, into.length), this.number), at + 4)
  }

  /** [bytes] that wait */
  get waiting(): number {
    return this.#body.length
  }

  /** Writes what waits; where that fails nothing of it is in the log. */
  async write(): Promise<void> {
    try {
      await this.file.write([this.#body.written], this.#size)
      this.#size += this.#body.length
      this.#dirty = true
    } finally {
      this.#body.clear()
    }
  }

  async sync(): Promise<void> {
    if (!this.#dirty) return
    this.#dirty = false
    try {
      await this.file.sync()
    } catch (error) {
      this.#dirty = true
      throw error
    }
  }

  close(): Promise<void> {
    return this.file.close()
  }
}

export interface WalEnd {
  /** [bytes] up to the end of the last whole record; 0: not even the header is whole */
  readonly size: number
  /** [bytes] behind it */
  readonly torn: number
  readonly sequence: number
}

/** A log of a version that this program does not know. */
export class WalVersionError extends Error {
  readonly version: number
  constructor(version: number) {
    super(`version ${version}`)
    this.version = version
  }
}

/**
 * Gives every whole record's body, in order; a body is a view that is used again. What `take` throws ends the log before that record.
 * @param begin told first what a head of it begins with @throws {WalVersionError}
 */
export async function readWal(
  file: DiskFile,
  number: number,
  take: (body: Uint8Array) => void,
  begin: (horizon: number) => void = () => {},
): Promise<WalEnd> {
  const total = await file.size()
  const header = Buffer.alloc(HEADER)
  const got = await file.read(header, 0)
  if (got < HEADER || !header.subarray(0, 8).equals(magic) || header.readUInt32LE(28) !== crc32(header.subarray(0, 28))) {
    return { size: 0, torn: total, sequence: 0 }
  }
  if (header.readUInt16LE(8) !== WAL_VERSION) throw new WalVersionError(header.readUInt16LE(8))
  begin(header.readDoubleLE(16))
  let buffer = Buffer.allocUnsafeSlow(READ_AHEAD)
  let base = HEADER
  let filled = 0
  let at = HEADER
  let sequence = 0
  /** Makes [at, at + need) be in the buffer. @returns whether the file goes so far */
  const hold = async (need: number): Promise<boolean> => {
    if (at + need <= base + filled) return true
    if (at + need > total) return false
    if (need > buffer.length) buffer = Buffer.allocUnsafeSlow(need + READ_AHEAD)
    base = at
    filled = await file.read(buffer.subarray(0, Math.min(buffer.length, total - at)), at)
    return need <= filled
  }
  while (await hold(RECORD)) {
    const length = buffer.readUInt32LE(at - base)
    const next = buffer.readUInt32LE(at - base + 8)
    if (next <= sequence || !(await hold(RECORD + length))) break
    const record = buffer.subarray(at - base, at - base + RECORD + length)
    if (record.readUInt32LE(4) !== crc32(record.subarray(8), number)) break
    try {
      take(record.subarray(RECORD))
    } catch {
      break
    }
    sequence = next
    at += RECORD + length
  }
  return { size: at, torn: total - at, sequence }
}
