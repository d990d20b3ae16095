/** One file of the journal, and what is known of it without reading it. */
import type { Disk, DiskFile } from '../../component/disk.ts'
import { type FileName, HEADER, segmentName } from '../segments/frame.ts'

export class JournalSegment {
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

  constructor(directory: string, name: FileName, created: number, size = HEADER) {
    this.name = name
    this.path = `${directory}/${segmentName(name, 'journal')}`
    this.created = created
    this.size = size
  }

  took(id: number, time: number): void {
    if (this.first === 0) this.first = id
    this.last = id
    this.newest = Math.max(this.newest, time)
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
