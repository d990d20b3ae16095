/**
 * Reads a log (wal.ts) from beginning to end, and gets over what is damaged: where no whole record begins it looks, byte by byte, for the next that does.
 * A record proves itself: its sequence number is higher than the last one's, and its checksum goes with the number of the log. What is left out that way is
 * a hole; what is behind the last whole record is torn: it was being written when the process ended, or it is damaged as well.
 */
import { crc32 } from 'node:zlib'
import type { DiskFile } from '../component/disk.ts'
import { WAL_HEADER, WAL_RECORD, WAL_VERSION, walMagic } from './wal.ts'

/** [bytes] that are read at once, at least */
const READ_AHEAD = 4 * 2 ** 20
/** How much higher than the last one a sequence number behind a hole may be: each write that failed has left some out. */
const MAX_LEAP = 2 ** 22

/** [bytes] where what is damaged begins, and where the next whole record does */
export interface WalHole {
  readonly at: number
  readonly end: number
}

export interface WalEnd {
  /** [bytes] up to the end of the last whole record; 0: not even the header is whole */
  readonly size: number
  /** [bytes] behind it */
  readonly torn: number
  readonly sequence: number
  readonly holes: readonly WalHole[]
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
 * Gives every whole record's body, in order; a body is a view that is used again. Where `take` throws, the record is a hole.
 * @param begin told first what a head of it begins with @throws {WalVersionError}
 */
export async function readWal(
  file: DiskFile,
  number: number,
  take: (body: Uint8Array) => void,
  begin: (horizon: number) => void = () => {},
): Promise<WalEnd> {
  const total = await file.size()
  const header = Buffer.alloc(WAL_HEADER)
  const got = await file.read(header, 0)
  if (got < WAL_HEADER || !header.subarray(0, 8).equals(walMagic) || header.readUInt32LE(28) !== crc32(header.subarray(0, 28))) {
    return { size: 0, torn: total, sequence: 0, holes: [] }
  }
  if (header.readUInt16LE(8) !== WAL_VERSION) throw new WalVersionError(header.readUInt16LE(8))
  begin(header.readDoubleLE(16))
  const records = new Records(file, number, total)
  const holes: WalHole[] = []
  let sequence = 0
  let end = WAL_HEADER
  for (let at = WAL_HEADER; ; ) {
    const record = (await records.whole(at, sequence)) ?? (await records.next(at + 1, sequence))
    if (record === undefined) break
    const next = record.at + WAL_RECORD + record.body.length
    let hole = record.at > end ? record.at : undefined
    try {
      take(record.body)
      if (hole !== undefined) holes.push({ at: end, end: hole })
      end = next
    } catch {
      // It goes with the hole around it.
      hole = undefined
    }
    sequence = record.sequence
    at = next
  }
  return { size: end, torn: total - end, sequence, holes }
}

interface WalRecord {
  readonly at: number
  readonly sequence: number
  readonly body: Buffer
}

class Records {
  readonly #file: DiskFile
  readonly #number: number
  readonly #total: number
  #buffer = Buffer.allocUnsafeSlow(READ_AHEAD)
  #base = 0
  #filled = 0

  constructor(file: DiskFile, number: number, total: number) {
    this.#file = file
    this.#number = number
    this.#total = total
  }

  /** Makes [at, at + need) be in the buffer. @returns whether the file goes so far */
  async #hold(at: number, need: number): Promise<boolean> {
    if (at >= this.#base && at + need <= this.#base + this.#filled) return true
    if (at + need > this.#total) return false
    if (need > this.#buffer.length) this.#buffer = Buffer.allocUnsafeSlow(need + READ_AHEAD)
    this.#base = at
    this.#filled = await this.#file.read(this.#buffer.subarray(0, Math.min(this.#buffer.length, this.#total - at)), at)
    return need <= this.#filled
  }

  /** The record that begins at `at`, if a whole one does. */
  async whole(at: number, after: number): Promise<WalRecord | undefined> {
    if (!(await this.#hold(at, WAL_RECORD))) return undefined
    const length = this.#buffer.readUInt32LE(at - this.#base)
    const sequence = this.#buffer.readUInt32LE(at - this.#base + 8)
    if (sequence <= after || !(await this.#hold(at, WAL_RECORD + length))) return undefined
    const record = this.#buffer.subarray(at - this.#base, at - this.#base + WAL_RECORD + length)
    if (record.readUInt32LE(4) !== crc32(record.subarray(8), this.#number)) return undefined
    return { at, sequence, body: record.subarray(WAL_RECORD) }
  }

  /** The first whole record from `from` on. */
  async next(from: number, after: number): Promise<WalRecord | undefined> {
    for (let at = from; await this.#hold(at, WAL_RECORD); at++) {
      at = this.#candidate(at, after)
      const record = await this.whole(at, after)
      if (record !== undefined) return record
    }
    return undefined
  }

  /** The next place that looks like the beginning of a record, as far as the buffer goes: its last place, where there is none. */
  #candidate(from: number, after: number): number {
    const last = this.#base + this.#filled - WAL_RECORD
    for (let at = from; at < last; at++) {
      const place = at - this.#base
      if (this.#buffer.readUInt32LE(place + 12) !== 0) continue
      const leap = this.#buffer.readUInt32LE(place + 8) - after
      if (leap > 0 && leap <= MAX_LEAP && this.#buffer.readUInt32LE(place) <= this.#total - at - WAL_RECORD) return at
    }
    return last
  }
}
