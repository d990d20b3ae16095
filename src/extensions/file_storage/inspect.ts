/** Queues on the disk seen from outside: what is in them, what is damaged, and how to keep what is whole. Reads every byte. */
import { join } from 'node:path'
import { codeOf, type Disk, type DiskFile } from '../../component/disk.ts'
import { type Hole, walk } from '../../store/segments/walk.ts'
import {
  add,
  asBuffer,
  type FileName,
  FOOTER,
  fileHeader,
  fileName,
  HEADER,
  noTotals,
  parseFileName,
  RECORD,
  readFileHeader,
  readFooter,
  type Totals,
  writeRecordHeaderOf,
} from './format.ts'
import { closing, type Marks, readMarks, versionOf } from './recover.ts'

export interface Lost {
  /** [bytes] where in the file, and how many */
  readonly at: number
  readonly bytes: number
  /** undefined: nobody can tell */
  readonly rows: number | undefined
  /** undefined: nobody can tell; from the numbers of the batches around it */
  readonly batches: number | undefined
  /** Unix epoch milliseconds: written no earlier and no later, as far as the records around it tell */
  readonly from: number | undefined
  readonly to: number | undefined
  /** it was being written when the process ended, so that nobody was told it is held */
  readonly torn: boolean
}

export interface SegmentReport {
  readonly name: FileName
  readonly path: string
  /** [bytes] */
  readonly size: number
  /** another version of the format: nothing else is known */
  readonly version: number | undefined
  /** why it cannot be read, and nothing else is known */
  readonly unreadable: string | undefined
  readonly sealed: boolean
  readonly headerDamaged: boolean
  /** whole, and neither delivered nor dropped */
  readonly waiting: Readonly<Totals>
  /** of those, under way when the process ended: the destination may have them */
  readonly begun: Readonly<Totals>
  /** whole, and done */
  readonly done: Readonly<Totals>
  /** of what waits, when it was written: Unix epoch milliseconds */
  readonly oldest: number | undefined
  readonly newest: number | undefined
  readonly lost: readonly Lost[]
}

export interface QueueReport {
  readonly folder: string
  readonly segments: readonly SegmentReport[]
}

/** @param path of a storage's directory, or of one queue in it @throws as the disk does where it cannot be read */
export async function inspect(disk: Disk, path: string): Promise<QueueReport[]> {
  const names = await disk.list(path)
  const folders = names.some(isSegment) ? [path] : names.filter(name => name.startsWith('exporter.')).map(name => join(path, name))
  const reports: QueueReport[] = []
  for (const folder of folders.sort()) {
    const inside = await disk.list(folder)
    const segments: SegmentReport[] = []
    for (const name of inside.filter(isSegment).sort()) segments.push(await inspectSegment(disk, folder, parseFileName(name)!))
    reports.push({ folder, segments })
  }
  return reports
}

const isSegment = (name: string) => parseFileName(name)?.kind === 'segment'
const unknown = {
  sealed: false,
  headerDamaged: false,
  waiting: noTotals(),
  begun: noTotals(),
  done: noTotals(),
  oldest: undefined,
  newest: undefined,
  lost: [],
}

async function inspectSegment(disk: Disk, folder: string, name: FileName): Promise<SegmentReport> {
  const path = join(folder, fileName(name, 'segment'))
  let size = 0
  try {
    await using opened = closing(await disk.open(path, 'read'))
    size = await opened.file.size()
    const version = await versionOf(opened.file, 'segment')
    if (version !== undefined) return { name, path, size, version, unreadable: undefined, ...unknown }
    const marks = await readMarks(disk, join(folder, fileName(name, 'acks')), name.id)
    return { name, path, size, version: undefined, unreadable: undefined, ...(await look(opened.file, size, name, marks)) }
  } catch (error) {
    return { name, path, size, version: undefined, unreadable: codeOf(error), ...unknown }
  }
}

async function look(file: DiskFile, size: number, { first, id }: FileName, marks: Marks) {
  const [waiting, begun, done, whole] = [noTotals(), noTotals(), noTotals(), noTotals()]
  const lost: Lost[] = []
  const head = Buffer.alloc(HEADER)
  const headerDamaged = readFileHeader(head.subarray(0, await file.read(head, 0)), 'segment') !== 'good'
  let [oldest, newest, before]: (number | undefined)[] = []
  let sealed: ReturnType<typeof readFooter>
  let expected = first
  let hole: Hole | undefined
  const closeHole = (next: { sequence: number; time: number } | undefined) => {
    if (hole === undefined) return
    const { at, end, header, torn } = hole
    hole = undefined
    if (header?.footer === true) return
    const batches = header !== undefined ? 1 : next === undefined ? undefined : Math.max(0, next.sequence - expected)
    if (header !== undefined) expected = header.sequence + 1
    // Done already: the bytes are damaged, and nobody misses them.
    if (header !== undefined && marks.done.has(header.sequence)) return
    lost.push({ at, bytes: end - at, rows: header?.rows, batches, from: header?.time ?? before, to: header?.time ?? next?.time, torn })
  }
  for await (const step of walk(file, HEADER, size, id)) {
    if (step.is === 'hole') {
      closeHole(step.header)
      hole = step
      continue
    }
    closeHole(step)
    if (step.footer) {
      sealed = readFooter(await bytesOf(file, step.at, FOOTER), id)
      continue
    }
    const { sequence, rows, time, body } = step
    const one = { bodies: 1, rows, bytes: body.length }
    add(whole, one)
    expected = sequence + 1
    before = time
    if (marks.done.has(sequence)) add(done, one)
    else {
      add(waiting, one)
      if (marks.begun.has(sequence)) add(begun, one)
      oldest = Math.min(oldest ?? time, time)
      newest = Math.max(newest ?? time, time)
    }
  }
  closeHole(undefined)
  return { sealed: sealed !== undefined, headerDamaged, waiting, begun, done, oldest, newest, lost: withSums(lost, sealed?.totals, whole) }
}

/** What the footer says that there was, one hole of unknown size can be told. */
function withSums(lost: readonly Lost[], all: Readonly<Totals> | undefined, whole: Readonly<Totals>): Lost[] {
  const dark = lost.filter(({ rows }) => rows === undefined)
  if (all === undefined || dark.length !== 1) return [...lost]
  const known = lost.reduce(
    (sum, { rows = 0, batches = 0 }) => ({ rows: sum.rows + rows, batches: sum.batches + (rows > 0 ? batches : 0) }),
    { rows: 0, batches: 0 },
  )
  return lost.map(one =>
    one.rows !== undefined
      ? one
      : { ...one, rows: Math.max(0, all.rows - whole.rows - known.rows), batches: Math.max(0, all.bodies - whole.bodies - known.batches) },
  )
}

async function bytesOf(file: DiskFile, at: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length)
  return bytes.subarray(0, await file.read(bytes, at))
}

export const isDamaged = ({ lost, headerDamaged, version, unreadable }: SegmentReport): boolean =>
  lost.some(({ torn }) => !torn) || (headerDamaged && lost.length > 0) || version !== undefined || unreadable !== undefined

async function copy(disk: Disk, path: string, to: string): Promise<void> {
  await using source = closing(await disk.open(path, 'read'))
  await using target = closing(await disk.open(to, 'create'))
  const buffer = Buffer.allocUnsafe(copyBytes)
  for (let at = 0; ; ) {
    const read = await source.file.read(buffer, at)
    if (read === 0) break
    await target.file.write([buffer.subarray(0, read)], at)
    at += read
  }
  await target.file.sync()
}
/** [bytes] copied at once */
const copyBytes = 2 ** 20

/** What `repair` makes of a segment: another file takes its place, and it stays beside it. */
export interface Repaired {
  readonly path: string
  /** where the damaged file is now */
  readonly aside: string
  readonly kept: Readonly<Totals>
}

/**
 * Writes the whole records of a damaged segment into a file that takes its place; the damaged one stays, with `.damaged` at its end. One
 * of another version, or that cannot be read, is left as it is. What was done already stays done.
 * @param now Unix epoch milliseconds
 */
export async function repair(disk: Disk, folder: string, report: SegmentReport, now: number): Promise<Repaired | undefined> {
  if (report.version !== undefined || report.unreadable !== undefined || (report.lost.length === 0 && !report.headerDamaged))
    return undefined
  const { name, path, size } = report
  const aside = `${path}.damaged`
  const fresh = `${path}.repairing`
  // Of an attempt that was interrupted.
  for (const old of [fresh, aside]) await disk.remove(old).catch(() => {})
  await copy(disk, path, aside)
  const kept = noTotals()
  {
    await using from = closing(await disk.open(path, 'read'))
    await using to = closing(await disk.open(fresh, 'create'))
    let at = HEADER
    await to.file.write([fileHeader('segment', name, now)], 0)
    for await (const step of walk(from.file, HEADER, size, name.id)) {
      if (step.is === 'hole' || step.footer) continue
      const header = Buffer.alloc(RECORD)
      writeRecordHeaderOf(header, name.id, step)
      await to.file.write([header, asBuffer(step.body)], at)
      at += RECORD + step.body.length
      add(kept, { bodies: 1, rows: step.rows, bytes: step.body.length })
    }
    // No footer: its sums would count what is done and damaged. The next start reads all of it once.
    await to.file.sync()
  }
  // At every moment the one or the other is the segment.
  await disk.rename(fresh, path)
  await disk.syncFolder(folder)
  return { path, aside, kept }
}
