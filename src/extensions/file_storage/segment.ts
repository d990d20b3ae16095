/** One file of records, and beside it the file of marks that say what of them is done. */
import { join } from 'node:path'
import type { Disk, DiskFile } from '../../component/disk.ts'
import type { StoredBody } from '../../component/storage.ts'
import type { Raw } from '../../model/raw.ts'
import { type FileName, fileHeader, fileName, HEADER, MARK, type Mark, noTotals, type Totals, writeMark } from './format.ts'
import type { Ranges } from './ranges.ts'

/** A body, and where it lies. */
export interface SegmentBody extends StoredBody {
  readonly raw: Raw
  readonly segment: Segment
  readonly sequence: number
}

export class Segment {
  readonly name: FileName
  readonly path: string
  readonly acksPath: string
  readonly #disk: Disk
  /** [bytes] up to here it is whole; more may follow, of a write that failed */
  size: number
  /** what is to be delivered from it: what was appended, or what was not done when it was opened */
  readonly total: Totals = noTotals()
  /** of `total`, what nobody has read yet and is not in memory */
  readonly unread: Totals = noTotals()
  /** of `total`, bodies that are done */
  settled = 0
  /** nothing more is appended */
  sealed: boolean
  /** sequence numbers that were done, or begun and not done, when it was opened */
  readonly before: { readonly done: Ranges; readonly begun: Ranges } | undefined
  removed = false
  /** marks that a loss of power would undo */
  unsynced = false
  #file: DiskFile | undefined
  #acks: DiskFile | undefined
  #acksSize = 0

  constructor(disk: Disk, folder: string, name: FileName, from: { file?: DiskFile; size: number; before?: Segment['before'] }) {
    this.#disk = disk
    this.name = name
    this.path = join(folder, fileName(name, 'segment'))
    this.acksPath = join(folder, fileName(name, 'acks'))
    this.#file = from.file
    this.size = from.size
    this.before = from.before
    this.sealed = from.file === undefined
  }

  get isDone(): boolean {
    return this.settled >= this.total.bodies
  }

  /** For reading, and for writing while it is not sealed. */
  async file(): Promise<DiskFile> {
    this.#file ??= await this.#disk.open(this.path, 'read')
    return this.#file
  }

  async writeMarks(marks: readonly Mark[], now: number): Promise<void> {
    const acks = await this.#openAcks(now)
    const bytes = Buffer.alloc(marks.length * MARK)
    marks.forEach((mark, i) => void writeMark(bytes, i * MARK, this.name.id, mark))
    await acks.write([bytes], this.#acksSize)
    this.#acksSize += bytes.length
    this.unsynced = true
  }

  async syncMarks(): Promise<void> {
    if (!this.unsynced || this.#acks === undefined) return
    this.unsynced = false
    try {
      await this.#acks.sync()
    } catch (error) {
      this.unsynced = true
      throw error
    }
  }

  async #openAcks(now: number): Promise<DiskFile> {
    if (this.#acks !== undefined) return this.#acks
    const file = await this.#disk.open(this.acksPath, 'write').catch(error => {
      if (error?.code !== 'ENOENT') throw error
      return this.#disk.open(this.acksPath, 'create')
    })
    try {
      const size = await file.size()
      if (size < HEADER) await file.write([fileHeader('acks', this.name, now)], 0)
      // A mark that is torn stays what it is: nothing.
      this.#acksSize = HEADER + Math.ceil((Math.max(size, HEADER) - HEADER) / MARK) * MARK
    } catch (error) {
      await file.close().catch(() => {})
      throw error
    }
    this.#acks = file
    return file
  }

  async close(): Promise<void> {
    const [file, acks] = [this.#file, this.#acks]
    this.#file = undefined
    this.#acks = undefined
    await file?.close()
    await acks?.close()
  }

  /** The records first: marks without records are nothing, records without marks would be sent again. */
  async remove(): Promise<void> {
    this.removed = true
    await this.close().catch(() => {})
    for (const path of [this.path, this.acksPath]) {
      await this.#disk.remove(path).catch(error => {
        if (error?.code !== 'ENOENT') throw error
      })
    }
  }
}
