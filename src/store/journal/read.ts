/** A journal from outside: its entries in order, while another process may write it and delete from it. */
import type { Disk } from '../../component/disk.ts'
import type { Entry } from '../../model/journal.ts'
import { HEADER } from '../segments/frame.ts'
import { walk } from '../segments/walk.ts'
import { readEntry } from './body.ts'
import { segmentsIn } from './open.ts'
import { type JournalSegment, openIfThere } from './segment.ts'
import { readIndex } from './segment-index.ts'

export interface Wanted {
  /** ids of at least that */
  readonly from: number
  /** [ms] entries of that time and later: files that are known to have none are not read */
  readonly since: number
}

/**
 * @param damaged told of what is lost
 * @throws {StartError} where it cannot be read, or is of a later version @throws with `code` where there is no such directory
 */
export async function* readJournal(
  disk: Disk,
  directory: string,
  { from, since }: Wanted,
  damaged: (path: string, from: number, to: number) => void,
): AsyncGenerator<Entry> {
  let next = from
  for (const segment of await segmentsIn(disk, directory, await disk.list(directory))) {
    const index = await readIndex(disk, directory, segment.name)
    const known = index !== undefined && index.size === segment.size
    if (known && (index.last < next || (index.newest ?? Number.NEGATIVE_INFINITY) < since)) continue
    for await (const entry of readSegment(disk, segment, damaged)) {
      if (entry.id < next) continue
      next = entry.id + 1
      if (entry.time >= since) yield entry
    }
  }
}

async function* readSegment(
  disk: Disk,
  { path, name, size, through, holes }: JournalSegment,
  damaged: (path: string, from: number, to: number) => void,
): AsyncGenerator<Entry> {
  const file = await openIfThere(disk, path)
  if (file === undefined) return
  for (const [from, to] of holes) damaged(path, from, to)
  try {
    for await (const step of walk(file, HEADER, size, name.id)) {
      if (step.is !== 'record') {
        if (!step.torn) damaged(path, step.at, step.end)
        continue
      }
      if (step.sequence > through) continue
      const entry = readEntry(step.sequence, step.time, step.body)
      if (entry === undefined) damaged(path, step.at, step.end)
      else yield entry
    }
  } finally {
    await file.close()
  }
}
