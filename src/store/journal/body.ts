/**
 * A journal's files, version 1: segments as of segments/frame.ts, one record for each entry. The record's sequence is the entry's id, its time the entry's
 * time; the body is JSON: { kind, version, key, cause?, data }. In a segment's header, `gap` is how many ids before its first were given to entries that were
 * refused: whole records of those that an earlier segment may still hold count for nothing.
 *
 * READER-POSITION.snapshot is a header and one record, whose sequence is the position and whose body is the state in JSON.
 */
import type { Entry, NewEntry } from '../../model/journal.ts'
import { entryVersions } from '../../model/journal.ts'
import type { FileFormat } from '../segments/frame.ts'

export const journalFormat: FileFormat = { magic: 'THALJRNL', version: 1 }
export const snapshotFormat: FileFormat = { magic: 'THALJSNP', version: 1 }

export function writeEntry({ kind, data, cause }: NewEntry, key: string): Uint8Array {
  return Buffer.from(JSON.stringify({ kind, version: entryVersions[kind], key, cause, data }))
}

/** An entry that this program does not understand. */
export class EntryVersionError extends Error {}

/** undefined: not an entry. @throws {EntryVersionError} */
export function readEntry(id: number, time: number, body: Buffer): Entry | undefined {
  let read: Partial<Entry>
  try {
    read = JSON.parse(body.toString('utf8')) as Partial<Entry>
  } catch {
    return undefined
  }
  const { kind, version, key, data } = read
  if (typeof kind !== 'string' || typeof version !== 'number' || typeof key !== 'string' || data === undefined) return undefined
  const known: number | undefined = Object.hasOwn(entryVersions, kind) ? entryVersions[kind] : undefined
  if (known === undefined)
    throw new EntryVersionError(`entry ${id} is of the kind ${JSON.stringify(kind)}, which this program does not know`)
  if (version > known) {
    throw new EntryVersionError(`entry ${id} is of version ${version} of ${JSON.stringify(kind)}, this program knows up to ${known}`)
  }
  return { id, time, ...read } as Entry
}
