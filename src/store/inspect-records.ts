/** Spans, log records and the journal, seen from outside: files of one record format (segments/frame.ts) in the directory of a store, or in folders of it. */
import { codeOf, type Disk } from '../component/disk.ts'
import { EntryVersionError, journalFormat, readEntry, snapshotFormat } from './journal/body.ts'
import { indexFormat as journalIndexFormat } from './journal/segment-index.ts'
import { formatOf, indexFormat as ringIndexFormat } from './records/segment.ts'
import { type FileFormat, HEADER, parseSegmentName, readSegmentHeader } from './segments/frame.ts'
import { inspectSegment, isWhole, repairSegment, type SegmentFound } from './segments/inspect.ts'
import type { Whole } from './segments/walk.ts'

export const recordKinds = ['spans', 'logs', 'journal', 'snapshot'] as const
export type RecordKind = (typeof recordKinds)[number]

export interface RecordsReport extends SegmentFound {
  readonly path: string
  readonly kind: RecordKind
  /** what is said, and costs nothing */
  readonly remarks: readonly string[]
}

const formats: Readonly<Record<'spans' | 'logs' | 'journal', FileFormat>> = {
  spans: formatOf.traces,
  logs: formatOf.logs,
  journal: journalFormat,
}

/** @returns undefined where it is no such file */
export async function inspectRecords(disk: Disk, folder: string, file: string): Promise<RecordsReport | undefined> {
  const path = `${folder}/${file}`
  const nothing = { path, size: 0, records: 0, rows: 0, first: 0, last: 0, torn: 0, remarks: [] }
  const kind = kindOf(file)
  if (kind === undefined) return undefined
  try {
    if (kind === 'snapshot') return { path, kind, remarks: [], ...(await inspectSnapshot(disk, path)) }
    const { id } = parseSegmentName(file)!
    const found = await inspectSegment(disk, path, id, formats[kind], kind === 'journal' ? checkEntry : () => undefined)
    return { path, kind, remarks: await inspectIndex(disk, folder, file, kind, id), ...found }
  } catch (error) {
    return { ...nothing, kind, problems: [`it cannot be read: ${codeOf(error)}`] }
  }
}

function kindOf(file: string): RecordKind | undefined {
  if (file.endsWith('.snapshot')) return 'snapshot'
  const kind = parseSegmentName(file)?.kind
  return kind === 'spans' || kind === 'logs' || kind === 'journal' ? kind : undefined
}

function checkEntry({ sequence, time, body }: Whole): string | undefined {
  try {
    return readEntry(sequence, time, body) === undefined ? 'it is no entry' : undefined
  } catch (error) {
    if (error instanceof EntryVersionError) return error.message
    throw error
  }
}

/** Where one is missing or damaged, the next start reads the file itself. */
async function inspectIndex(disk: Disk, folder: string, file: string, kind: 'spans' | 'logs' | 'journal', id: number): Promise<string[]> {
  const [path, format] =
    kind === 'journal'
      ? [`${folder}/${file.replace(/journal$/, 'index')}`, journalIndexFormat]
      : [`${folder}/${file}-index`, ringIndexFormat]
  try {
    return (await isWhole(disk, path, id, format)) ? [] : [`its index ${path} is not whole, and is made anew by the next start`]
  } catch (error) {
    return codeOf(error) === 'ENOENT' ? [] : [`its index ${path} cannot be read: ${codeOf(error)}`]
  }
}

async function inspectSnapshot(disk: Disk, path: string): Promise<SegmentFound> {
  const file = await disk.open(path, 'read')
  const header = Buffer.alloc(HEADER)
  let clear: ReturnType<typeof readSegmentHeader>
  try {
    clear = readSegmentHeader(header.subarray(0, await file.read(header, 0)), snapshotFormat)
  } finally {
    await file.close()
  }
  const found = await inspectSegment(disk, path, header.readUInt32LE(12), snapshotFormat, () => undefined)
  // It was safe before it got its name: nothing of it was ever being written.
  const whole = clear !== 'unclear' && found.records === 1 && found.problems.length === 0
  return whole || found.version !== undefined
    ? found
    : { ...found, torn: 0, problems: ['it is damaged: what it covered is read again from the entries'] }
}

/** Nobody may have it open. @returns what was done, a line */
export async function repairRecords(disk: Disk, folder: string, { path, kind, version }: RecordsReport, now: number): Promise<string> {
  if (version !== undefined) return `not repaired: it is of version ${version}`
  if (kind === 'snapshot') {
    await disk.rename(path, `${path}.damaged`)
    await disk.syncFolder(folder)
    return `put aside as ${path}.damaged`
  }
  const { records, aside } = await repairSegment(disk, folder, parseSegmentName(path.slice(folder.length + 1))!, formats[kind], now)
  return `${records} records are kept; the damaged file is ${aside}`
}
