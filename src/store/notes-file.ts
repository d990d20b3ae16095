/**
 * Metadata and exemplars on the disk, written anew each time a head has become blocks: what the logs say beyond that is newer.
 *
 *   file  magic "THALNOTE" | version u16 | its complement u16, so that a damaged version is not taken for a later one | bytes of the body u32 | crc of the body u32 | body
 *   body  families: how many, varint; each: family, type, unit, help: texts
 *         | exemplars: how many, varint; each: time f64, value f64, labels of the series, labels of its own
 */
import { crc32 } from 'node:zlib'
import type { Logger } from '../component/component.ts'
import { codeOf, type Disk } from '../component/disk.ts'
import { StartError } from '../component/errors.ts'
import type { Metadata } from '../model/query.ts'
import { ByteReader, ByteWriter } from './bytes.ts'
import { readLabels, writeLabels } from './incoming.ts'
import type { Notes } from './notes.ts'

const VERSION = 1
const HEADER = 20
const complement = (version: number): number => version ^ 0xffff
const magic = Buffer.from('THALNOTE', 'latin1')
export const notesName = 'notes'
const fileOf = (directory: string) => `${directory}/${notesName}`

export async function writeNotes(disk: Disk, directory: string, notes: Notes): Promise<void> {
  const body = new ByteWriter(4096)
  body.varint(notes.metadata.size)
  for (const [family, { type, unit, help }] of notes.metadata) for (const text of [family, type, unit, help]) body.text(text)
  const { exemplars } = notes
  body.varint(exemplars.length)
  for (const { series, labels, value, time } of exemplars) {
    body.f64(time)
    body.f64(value)
    writeLabels(body, series)
    writeLabels(body, labels)
  }
  const header = Buffer.alloc(HEADER)
  magic.copy(header)
  header.writeUInt16LE(VERSION, 8)
  header.writeUInt16LE(complement(VERSION), 10)
  header.writeUInt32LE(body.length, 12)
  header.writeUInt32LE(crc32(body.written), 16)
  const temporary = `${fileOf(directory)}.tmp`
  await disk.remove(temporary).catch(() => {})
  const file = await disk.open(temporary, 'create')
  try {
    await file.write([header, body.written], 0)
    await file.sync()
  } finally {
    await file.close()
  }
  await disk.rename(temporary, fileOf(directory))
  await disk.syncFolder(directory)
}

type Notebook =
  | { readonly is: 'whole'; readonly body: Buffer }
  | { readonly is: 'damaged' }
  | { readonly is: 'later'; readonly version: number }

function openNotes(bytes: Buffer): Notebook {
  if (bytes.length < HEADER || !bytes.subarray(0, 8).equals(magic)) return { is: 'damaged' }
  const version = bytes.readUInt16LE(8)
  if (bytes.readUInt16LE(10) !== complement(version)) return { is: 'damaged' }
  if (version !== VERSION) return { is: 'later', version }
  const body = bytes.subarray(HEADER)
  const whole = body.length === bytes.readUInt32LE(12) && crc32(body) === bytes.readUInt32LE(16)
  return whole ? { is: 'whole', body } : { is: 'damaged' }
}

async function readFile(disk: Disk, path: string): Promise<Buffer> {
  const file = await disk.open(path, 'read')
  try {
    const bytes = Buffer.alloc(await file.size())
    await file.read(bytes, 0)
    return bytes
  } finally {
    await file.close()
  }
}

/** Damaged notes are left out, and said: they come again with the next batches. @throws {StartError} where they are of a later version */
export async function readNotes(disk: Disk, directory: string, notes: Notes, log: Logger): Promise<void> {
  const path = fileOf(directory)
  let bytes: Buffer
  try {
    bytes = await readFile(disk, path)
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') log.warn({ path, error: codeOf(error) }, 'metadata and exemplars cannot be read')
    return
  }
  const found = openNotes(bytes)
  if (found.is === 'later') {
    throw new StartError(`${JSON.stringify(path)} is of version ${found.version}, which this program does not know`, {
      remedy: 'run the version that has written it, or a later one',
    })
  }
  if (found.is === 'damaged') log.warn({ path }, 'metadata and exemplars are damaged, and left out')
  else take(found.body, notes)
}

function take(body: Buffer, notes: Notes): void {
  const from = new ByteReader(body)
  for (let left = from.varint(); left > 0; left--) {
    const [family, type, unit, help] = [from.text(), from.text() as Metadata['type'], from.text(), from.text()]
    notes.metadata.set(family, { type, unit, help })
  }
  for (let left = from.varint(); left > 0; left--) {
    notes.keep({ time: from.f64(), value: from.f64(), series: readLabels(from), labels: readLabels(from) })
  }
}

/** From outside. @throws as the disk does */
export async function inspectNotes(disk: Disk, directory: string): Promise<{ size: number; problems: string[]; version?: number }> {
  const bytes = await readFile(disk, fileOf(directory))
  const found = openNotes(bytes)
  const size = bytes.length
  if (found.is === 'later')
    return { size, problems: [`it is of version ${found.version}, and this program knows ${VERSION}`], version: found.version }
  return { size, problems: found.is === 'whole' ? [] : ['metadata and exemplars are damaged: the next start goes on without them'] }
}
