/** What an earlier process left in the folder of a queue. */
import { join } from 'node:path'
import { type Disk, type DiskFile, explained } from '../../component/disk.ts'
import { StartError } from '../../component/errors.ts'
import { type Hole, walk } from '../../store/segments/walk.ts'
import {
  add,
  type FileName,
  FOOTER,
  fileName,
  HEADER,
  MARK,
  noTotals,
  parseFileName,
  readFileHeader,
  readFooter,
  readMark,
  type Totals,
  VERSION,
} from './format.ts'
import { Ranges } from './ranges.ts'

export interface Marks {
  readonly done: Ranges
  /** and not done */
  readonly begun: Ranges
  /** of what is done; undefined where marks speak of the same record twice, so that nobody can tell */
  readonly doneTotals: Totals | undefined
}

export interface Found {
  readonly name: FileName
  /** [bytes] of the file */
  readonly size: number
  readonly sealed: boolean
  readonly marks: Marks
  /** what is whole, or says how large it was, and is not done */
  readonly left: Totals
  /** 0 where there is none */
  readonly lastSequence: number
  /** of a segment that was not sealed; damage in others shows when they are read */
  readonly holes: readonly Hole[]
}

/** The segments of a queue in order. @throws {StartError} where one is of another version: see `refused` */
export async function recover(disk: Disk, folder: string, refused: (path: string, version: number) => Promise<void>): Promise<Found[]> {
  const names = await disk.list(folder)
  const files = names.map(parseFileName).filter(name => name !== undefined)
  const segments = files.filter(({ kind }) => kind === 'segment').sort((a, b) => a.first - b.first)
  const found: Found[] = []
  for (const name of segments) {
    const path = join(folder, fileName(name, 'segment'))
    try {
      await using file = closing(await disk.open(path, 'read'))
      const version = await versionOf(file.file, 'segment')
      if (version === undefined) found.push(await readSegment(disk, folder, name, file.file))
      else await refused(path, version)
    } catch (error) {
      if (error instanceof StartError) throw error
      throw new StartError(`cannot read ${JSON.stringify(path)}: ${explained(error).why}`, {
        cause: error,
        remedy: `look at the disk; or move the file away: what is in it is then not delivered`,
      })
    }
  }
  return found
}

/** Marks whose segment is gone. */
export function orphans(names: readonly string[]): string[] {
  const segments = new Set(names.map(parseFileName).flatMap(name => (name?.kind === 'segment' ? [fileName(name, 'acks')] : [])))
  return names.filter(name => parseFileName(name)?.kind === 'acks' && !segments.has(name))
}

/** undefined: ours */
export async function versionOf(file: DiskFile, kind: 'segment' | 'acks'): Promise<number | undefined> {
  const bytes = Buffer.alloc(HEADER)
  const reading = readFileHeader(bytes.subarray(0, await file.read(bytes, 0)), kind)
  return typeof reading === 'object' && reading.version !== VERSION ? reading.version : undefined
}

async function readSegment(disk: Disk, folder: string, name: FileName, file: DiskFile): Promise<Found> {
  const size = await file.size()
  const marks = await readMarks(disk, join(folder, fileName(name, 'acks')), name.id)
  const known = Math.max(marks.done.last, marks.begun.last)
  const sealed = await footerOf(file, size, name.id)
  if (sealed !== undefined && marks.doneTotals !== undefined) {
    const left = { ...sealed.totals }
    add(left, marks.doneTotals, -1)
    if (left.bodies >= 0 && left.rows >= 0 && left.bytes >= 0)
      return { name, size, sealed: true, marks, left, lastSequence: Math.max(known, sealed.next - 1), holes: [] }
  }
  return { name, size, sealed: sealed !== undefined, marks, ...(await scan(file, size, name, marks, known)) }
}

async function footerOf(file: DiskFile, size: number, id: number): Promise<ReturnType<typeof readFooter>> {
  if (size < HEADER + FOOTER) return undefined
  const bytes = Buffer.alloc(FOOTER)
  return readFooter(bytes.subarray(0, await file.read(bytes, size - FOOTER)), id)
}

async function scan(file: DiskFile, size: number, { id }: FileName, marks: Marks, known: number) {
  const left = noTotals()
  const holes: Hole[] = []
  let lastSequence = known
  for await (const step of walk(file, HEADER, size, id)) {
    if (step.is === 'hole') holes.push(step)
    const header = step.is === 'record' ? step : step.torn ? undefined : step.header
    if (header === undefined || header.footer) continue
    lastSequence = Math.max(lastSequence, header.sequence)
    if (!marks.done.has(header.sequence)) add(left, { bodies: 1, rows: header.rows, bytes: header.length })
  }
  return { left, holes, lastSequence }
}

/** A file of marks that is not there, or cannot be read, says nothing: at worst rows are sent again. */
export async function readMarks(disk: Disk, path: string, id: number): Promise<Marks> {
  const done = new Ranges()
  const begun = new Ranges()
  const totals = noTotals()
  let fresh = true
  for (const mark of await marksIn(disk, path, id)) {
    if (mark.kind === 'begun') begun.add(mark.from, mark.to)
    else {
      fresh = done.add(mark.from, mark.to) && fresh
      add(totals, mark)
    }
  }
  return { done, begun, doneTotals: fresh ? totals : undefined }
}

async function marksIn(disk: Disk, path: string, id: number) {
  try {
    await using file = closing(await disk.open(path, 'read'))
    if ((await versionOf(file.file, 'acks')) !== undefined) return []
    const bytes = Buffer.alloc(await file.file.size())
    const read = bytes.subarray(0, await file.file.read(bytes, 0))
    const count = Math.ceil(Math.max(0, read.length - HEADER) / MARK)
    return Array.from({ length: count }, (_, i) => readMark(read, HEADER + i * MARK, id)).filter(mark => mark !== undefined)
  } catch {
    return []
  }
}

export const closing = (file: DiskFile) => ({ file, [Symbol.asyncDispose]: () => file.close().catch(() => {}) })
