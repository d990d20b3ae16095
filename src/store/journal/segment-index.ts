/**
 * What is known of a segment that is not written to any more, so that a start need not read it: FIRST-ID.index beside FIRST-ID.journal, a header
 * and one record. The body is a line of JSON, SegmentFacts, and for each entry its key's CRC-32 and its id less the first one, u32 each, in the
 * order of the hashes. It is made of the segment and can be made again: where it is missing, damaged, or of a segment of another size, the segment is read.
 */
import type { Disk } from '../../component/disk.ts'
import { entryVersions } from '../../model/journal.ts'
import {
  type FileFormat,
  type FileName,
  HEADER,
  RECORD,
  readSegmentHeader,
  segmentHeader,
  segmentName,
  writeRecordHeader,
} from '../segments/frame.ts'
import { walk } from '../segments/walk.ts'
import { type Keys, SealedKeys } from './keys.ts'

export const indexFormat: FileFormat = { magic: 'THALJIDX', version: 1 }

export interface SegmentFacts {
  /** [bytes] of the segment's file */
  readonly size: number
  /** ids of the first and the last entry; 0: there is none */
  readonly first: number
  readonly last: number
  /** [ms] of the newest entry; null: there is none */
  readonly newest: number | null
  /** the highest id that is written in it, entries that were refused included */
  readonly highest: number
  /** the latest version of each kind that is in it */
  readonly versions: Readonly<Record<string, number>>
  /** [from, to] of what was damaged when it was read */
  readonly holes: readonly (readonly [from: number, to: number])[]
}
export interface SegmentIndex extends SegmentFacts {
  readonly keys: Keys
}

export const indexName = (name: FileName): string => segmentName(name, 'index')

export async function writeIndex(disk: Disk, directory: string, name: FileName, facts: SegmentFacts, keys: SealedKeys): Promise<void> {
  const path = `${directory}/${indexName(name)}`
  const pieces = [Buffer.from(`${JSON.stringify(facts)}\n`), keys.bytes]
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0)
  const head = Buffer.alloc(RECORD)
  writeRecordHeader(head, 0, name.id, { pieces, length, rows: keys.count, sequence: facts.last, time: 0, flags: 0 })
  await disk.remove(path).catch(() => {})
  const file = await disk.open(path, 'create')
  try {
    // Not synced: what the loss of power leaves of it is whole, or is not taken.
    await file.write([segmentHeader(indexFormat, name, 0), head, ...pieces], 0)
  } finally {
    await file.close()
  }
}

/** undefined: there is none to go by */
export async function readIndex(disk: Disk, directory: string, name: FileName): Promise<SegmentIndex | undefined> {
  try {
    const file = await disk.open(`${directory}/${indexName(name)}`, 'read')
    try {
      const header = Buffer.alloc(HEADER)
      const facts = readSegmentHeader(header.subarray(0, await file.read(header, 0)), indexFormat)
      if (facts === 'unclear' || 'version' in facts) return undefined
      for await (const step of walk(file, HEADER, await file.size(), name.id)) return step.is === 'record' ? parse(step.body) : undefined
      return undefined
    } finally {
      await file.close()
    }
  } catch {
    return undefined
  }
}

function parse(body: Buffer): SegmentIndex {
  const end = body.indexOf(0x0a)
  const facts = JSON.parse(body.toString('utf8', 0, end)) as SegmentFacts
  return { ...facts, keys: new SealedKeys(facts.first, body.subarray(end + 1)) }
}

/** What in it this program does not understand: `version 2 of "alert"`. undefined: it understands all */
export function tooNew({ versions }: SegmentFacts): string | undefined {
  const found = Object.entries(versions).find(
    ([kind, version]) => !Object.hasOwn(entryVersions, kind) || version > entryVersions[kind as keyof typeof entryVersions],
  )
  return found && `version ${found[1]} of ${JSON.stringify(found[0])}`
}
