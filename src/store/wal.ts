/**
 * The write-ahead log of one head: what was acknowledged is here until it is in a block. All numbers are little-endian.
 *
 *   header (32)  magic "THALWAL\0" | version u16 | 0 u16 | number of the log u32 | horizon f64: the newest time there was before, epoch ms | 0 u32
 *                | crc of the 28 bytes before
 *   record (16+) length of the body u32 | crc of the 8 bytes after it and the body, seeded with the number of the log, u32
 *                | sequence u32 | 0 u32 | body (incoming.ts)
 *
 * Sequence numbers ascend and are never used twice, also where a write failed: what such a write has left behind whole records is not taken for one.
 * wal-reader.ts reads it.
 */
import { crc32 } from 'node:zlib'
import type { DiskFile } from '../component/disk.ts'
import { ByteWriter } from './bytes.ts'

export const WAL_VERSION = 1
/** [bytes] of a log that holds nothing */
export const WAL_HEADER = 32
const HEADER = WAL_HEADER
/** [bytes] before a body */
export const WAL_RECORD = 16
const RECORD = WAL_RECORD
export const walMagic = Buffer.from('THALWAL\0', 'latin1')

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
    walMagic.copy(header)
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
