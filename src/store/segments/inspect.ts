/** A segment file seen from outside, whoever writes it: what is in it, what is damaged, and a new one of what is whole. */
import { codeOf, type Disk, type DiskFile } from '../../component/disk.ts'
import {
  type FileFormat,
  type FileName,
  FOOTER_FLAG,
  HEADER,
  OWN,
  RECORD,
  readSegmentHeader,
  segmentHeader,
  segmentName,
  writeRecordHeader,
} from './frame.ts'
import { type Hole, type Whole, walk } from './walk.ts'

export interface SegmentFound {
  readonly size: number
  readonly records: number
  readonly rows: number
  /** [ms] Unix, of the first and last record; 0: there is none */
  readonly first: number
  readonly last: number
  /** what is wrong, a line each */
  readonly problems: readonly string[]
  /** of a version that this program does not know: nothing else is known */
  readonly version?: number
  /** [bytes] that were being written when the process ended */
  readonly torn: number
}

/** @param check what a body is that makes no sense: `an entry of a later version` @throws as the disk does */
export async function inspectSegment(
  disk: Disk,
  path: string,
  id: number,
  format: FileFormat,
  check: (record: Whole) => string | undefined,
): Promise<SegmentFound> {
  const found = { records: 0, rows: 0, first: Number.POSITIVE_INFINITY, last: Number.NEGATIVE_INFINITY, torn: 0 }
  const problems: string[] = []
  const file = await disk.open(path, 'read')
  try {
    const size = await file.size()
    const header = await headerOf(file, format)
    if (typeof header === 'object' && 'version' in header) {
      return {
        ...found,
        ...none,
        size,
        problems: [`it is of version ${header.version}, and this program knows ${format.version}`],
        version: header.version,
      }
    }
    if (header === 'unclear' && size > HEADER) problems.push(`its header is damaged: what follows is read none the less`)
    for await (const step of walk(file, HEADER, size, id)) {
      if (step.is === 'hole') {
        if (step.torn) found.torn += step.end - step.at
        else problems.push(showHole(step))
        continue
      }
      const wrong = check(step)
      if (wrong !== undefined) problems.push(`the record at byte ${step.at}: ${wrong}`)
      found.records++
      found.rows += step.rows
      found.first = Math.min(found.first, step.time)
      found.last = Math.max(found.last, step.time)
    }
    if (size < HEADER) found.torn += size
    return { ...found, ...(found.records === 0 ? none : {}), size, problems }
  } finally {
    await file.close()
  }
}
const none = { first: 0, last: 0 }

async function headerOf(file: DiskFile, format: FileFormat) {
  const bytes = Buffer.alloc(HEADER)
  return readSegmentHeader(bytes.subarray(0, await file.read(bytes, 0)), format)
}

function showHole({ at, end, header }: Hole): string {
  const what = header === undefined ? '' : `: a record of ${new Date(header.time).toISOString()}`
  return `bytes ${at} to ${end} are damaged, and what was written there is lost${what}`
}

/** Is the one record whole that a file of this format holds? One that is made of others, and can be made again. */
export async function isWhole(disk: Disk, path: string, id: number, format: FileFormat): Promise<boolean> {
  const file = await disk.open(path, 'read')
  try {
    const size = await file.size()
    if (typeof (await headerOf(file, format)) !== 'object') return false
    let records = 0
    for await (const step of walk(file, HEADER, size, id)) {
      if (step.is === 'hole') return false
      records++
    }
    return records === 1
  } finally {
    await file.close()
  }
}

/**
 * What is whole becomes a new file of the same place, and the damaged one is put aside. Nobody may have it open.
 * @returns how many records are kept, and where the damaged file is now @throws as the disk does
 */
export async function repairSegment(
  disk: Disk,
  folder: string,
  name: FileName & { readonly kind: string },
  format: FileFormat,
  now: number,
): Promise<{ readonly records: number; readonly aside: string }> {
  const path = `${folder}/${segmentName(name, name.kind)}`
  const aside = `${path}.damaged`
  // Another id, so that nothing of the old file is ever taken for a record of the new one.
  const fresh = { first: name.first, id: (name.id % (2 ** 32 - 1)) + 1 }
  const target = `${folder}/${segmentName(fresh, name.kind)}`
  await disk.remove(`${target}.tmp`).catch(() => {})
  let records = 0
  const from = await disk.open(path, 'read')
  const to = await disk.open(`${target}.tmp`, 'create')
  try {
    const header = await headerOf(from, format)
    const facts = typeof header === 'object' && 'created' in header ? header : { created: now, gap: 0 }
    await to.write([segmentHeader(format, fresh, facts.created, facts.gap)], 0)
    let at = HEADER
    for await (const step of walk(from, HEADER, await from.size(), name.id)) {
      if (step.is === 'hole') continue
      const head = Buffer.alloc(RECORD)
      const flags = (step.own ? OWN : 0) | (step.footer ? FOOTER_FLAG : 0)
      writeRecordHeader(head, 0, fresh.id, {
        pieces: [step.body],
        length: step.length,
        rows: step.rows,
        sequence: step.sequence,
        time: step.time,
        flags,
      })
      await to.write([head, step.body], at)
      at += RECORD + step.length
      records++
    }
    await to.sync()
  } finally {
    await from.close()
    await to.close()
  }
  await disk.rename(path, aside)
  await disk.rename(`${target}.tmp`, target)
  for (const index of [`${path}-index`, `${folder}/${segmentName(name, 'index')}`]) {
    await disk.remove(index).catch((error: unknown) => {
      if (codeOf(error) !== 'ENOENT') throw error
    })
  }
  await disk.syncFolder(folder)
  return { records, aside }
}
