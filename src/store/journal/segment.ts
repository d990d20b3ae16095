/** One file of the journal, and what is known of it without reading it. */
import type { Disk, DiskFile } from '../../component/disk.ts'
import type { Entry } from '../../model/journal.ts'
import { type FileName, HEADER, segmentName } from '../segments/frame.ts'
import { type Keys, OpenKeys } from './keys.ts'
import { indexName, type SegmentIndex, writeIndex } from './segment-index.ts'

export class JournalSegment {
  readonly #directory: string
  readonly name: FileName
  readonly path: string
  /** [ms] Unix */
  readonly created: number
  /** [bytes] of what is written and safe */
  size: number
  /** ids of the first and the last entry in it; 0: there is none */
  first = 0
  last = 0
  /** ids after it count for nothing here: they were refused */
  through = Number.POSITIVE_INFINITY
  /** [ms] of the newest entry */
  newest = Number.NEGATIVE_INFINITY
  /** the highest id that is written in it, entries that were refused included */
  highest = 0
  keys: Keys = new OpenKeys()
  readonly holes: (readonly [from: number, to: number])[] = []
  readonly #versions: Record<string, number> = {}

  constructor(directory: string, name: FileName, created: number, size = HEADER) {
    this.#directory = directory
    this.name = name
    this.path = `${directory}/${segmentName(name, 'journal')}`
    this.created = created
    this.size = size
  }

  took({ id, time, key, kind, version }: Entry): void {
    if (this.first === 0) this.first = id
    this.last = id
    this.highest = Math.max(this.highest, id)
    this.newest = Math.max(this.newest, time)
    this.#versions[kind] = Math.max(this.#versions[kind] ?? 0, version)
    if (this.keys instanceof OpenKeys) this.keys.add(key, id)
  }

  /** Knows what it would know had it been read. */
  takeIndex({ first, last, newest, highest, keys, holes, versions }: SegmentIndex): void {
    this.first = first
    this.last = last
    this.newest = newest ?? Number.NEGATIVE_INFINITY
    this.highest = highest
    this.keys = keys
    this.holes.push(...holes)
    Object.assign(this.#versions, versions)
  }

  /** Nothing is written to it any more: what is known of it is kept in less memory and, where `disk` takes it, beside the file for the next start. */
  async seal(disk: Disk): Promise<void> {
    if (!(this.keys instanceof OpenKeys)) return
    const keys = this.keys.seal(this.first)
    this.keys = keys
    const { size, first, last, highest, holes } = this
    const newest = Number.isFinite(this.newest) ? this.newest : null
    const facts = { size, first, last, newest, highest, holes, versions: this.#versions }
    // Without it the next start reads the segment.
    await writeIndex(disk, this.#directory, this.name, facts, keys).catch(() => {})
  }

  async remove(disk: Disk): Promise<void> {
    await disk.remove(this.path)
    await disk.remove(`${this.#directory}/${indexName(this.name)}`).catch(() => {})
  }
}

/** undefined: it has been deleted meanwhile */
export async function openIfThere(disk: Disk, path: string): Promise<DiskFile | undefined> {
  try {
    return await disk.open(path, 'read')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}
