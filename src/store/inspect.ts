/** A store seen from outside: what is in it, what is damaged, and how to keep what is whole. Reads every byte; needs no lock. */
import { codeOf, type Disk } from '../component/disk.ts'
import { Block, BlockError, type BlockName, BlockWriter, blockFile, IndexCache, parseBlockFile } from './block.ts'
import { SampleColumns } from './chunk.ts'
import { type Incoming, readBody, type SeriesHandle } from './incoming.ts'
import { inspectRecords, type RecordsReport } from './inspect-records.ts'
import { inspectNotes, notesName } from './notes-file.ts'
import { WAL_HEADER, walName, walNumber } from './wal.ts'
import { readWal, WalVersionError } from './wal-reader.ts'

export interface FileReport {
  readonly path: string
  readonly kind: 'block' | 'log' | 'notes'
  /** [bytes] */
  readonly size: number
  /** of blocks: [ms] of the tier, 0 for samples as they came */
  readonly step: number
  readonly series: number
  readonly samples: number
  /** epoch ms; of logs that hold none 0 */
  readonly first: number
  readonly last: number
  /** what is wrong, a line each */
  readonly problems: readonly string[]
  /** of a version that this program does not know: nothing else is known */
  readonly version?: number
  /** of logs: [bytes] behind the last whole record */
  readonly torn: number
}

/** @throws as the disk does where the directory cannot be read */
export async function inspectStore(disk: Disk, directory: string): Promise<FileReport[]> {
  const reports: FileReport[] = []
  for (const file of (await disk.list(directory)).sort()) {
    const name = parseBlockFile(file)
    const number = walNumber(file)
    if (name !== undefined) reports.push(await inspectBlock(disk, directory, file, name))
    else if (number !== undefined) reports.push(await inspectLog(disk, directory, number))
    else if (file === notesName) reports.push(await inspectNotesFile(disk, directory))
  }
  return reports
}

/** Spans, log records and a journal, in the directory itself or in folders of it. */
export async function inspectRings(disk: Disk, directory: string): Promise<RecordsReport[]> {
  const reports: RecordsReport[] = []
  for (const file of (await disk.list(directory)).sort()) {
    const report = await inspectRecords(disk, directory, file)
    if (report !== undefined) reports.push(report)
    if (file.includes('.')) continue
    const folder = `${directory}/${file}`
    // Most names without a dot are files: then there is nothing in them.
    for (const inside of (await disk.list(folder).catch((): string[] => [])).sort()) {
      const found = await inspectRecords(disk, folder, inside)
      if (found !== undefined) reports.push(found)
    }
  }
  return reports
}

async function inspectNotesFile(disk: Disk, directory: string): Promise<FileReport> {
  const base = { path: `${directory}/${notesName}`, kind: 'notes' as const, step: 0, size: 0, ...nothing }
  try {
    return { ...base, ...(await inspectNotes(disk, directory)) }
  } catch (error) {
    return { ...base, problems: [`it cannot be read: ${codeOf(error)}`] }
  }
}

const nothing = { series: 0, samples: 0, first: 0, last: 0, torn: 0 }

async function inspectBlock(disk: Disk, directory: string, file: string, name: BlockName): Promise<FileReport> {
  const path = `${directory}/${file}`
  const base = { path, kind: 'block' as const, step: name.step, size: 0, ...nothing }
  let block: Block
  try {
    block = await Block.open(disk, directory, name, new IndexCache(0))
  } catch (error) {
    if (!(error instanceof BlockError)) return { ...base, problems: [`it cannot be read: ${codeOf(error)}`] }
    return { ...base, problems: [error.message], ...(error.version === undefined ? {} : { version: error.version }) }
  }
  try {
    const { size, series, samples, first, last } = block
    const problems: string[] = []
    for await (const { problem } of eachSeries(block)) if (problem !== undefined) problems.push(problem)
    return { ...base, size, series, samples, first, last, problems }
  } finally {
    await block.close()
  }
}

/** Every series of a block, read and looked at one by one. */
async function* eachSeries(block: Block) {
  let index: Awaited<ReturnType<Block['index']>>
  try {
    index = await block.index()
  } catch (error) {
    yield { problem: error instanceof BlockError ? error.message : `it cannot be read: ${codeOf(error)}` }
    return
  }
  for (let series = 0; series < index.size; series++) {
    const labels = index.makeLabels(series)
    const samples = new SampleColumns(64)
    try {
      const [found] = await block.load(index, [series], Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, true)
      found?.read(Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, samples)
      const wrong = disorder(samples)
      yield wrong === undefined ? { labels, samples } : { labels, problem: `${showLabels(labels.pairs)}: ${wrong}` }
    } catch (error) {
      yield { labels, problem: `${showLabels(labels.pairs)}: ${error instanceof Error ? error.message : String(error)}` }
    }
  }
}

function disorder({ time, length }: SampleColumns): string | undefined {
  for (let i = 1; i < length; i++) if (!(time[i]! > time[i - 1]!)) return `sample ${i} is not after the one before it`
  return undefined
}

function showLabels(pairs: readonly string[]): string {
  const shown: string[] = []
  for (let i = 0; i < pairs.length; i += 2) shown.push(`${pairs[i]}=${JSON.stringify(pairs[i + 1])}`)
  return `{${shown.join(', ')}}`
}

async function inspectLog(disk: Disk, directory: string, number: number): Promise<FileReport> {
  const path = `${directory}/${walName(number)}`
  const found = { series: 0, samples: 0, first: Number.POSITIVE_INFINITY, last: Number.NEGATIVE_INFINITY }
  const handles: SeriesHandle[] = []
  let lost = 0
  const take = (body: Uint8Array) => {
    const { incoming, fresh, nameless } = readBody(body, handles)
    lost += nameless
    found.series += fresh.length
    count(incoming, found)
  }
  const base = { path, kind: 'log' as const, step: 0, size: 0, ...nothing }
  try {
    const file = await disk.open(path, 'read')
    try {
      const size = await file.size()
      const { size: read, torn, holes } = await readWal(file, number, take)
      if (read === 0 && size > WAL_HEADER) return { ...base, size, problems: ['it does not begin as a log does'] }
      const times = found.samples === 0 ? { first: 0, last: 0 } : {}
      const problems = holes.map(({ at, end }) => `what lies from byte ${at} to ${end} is damaged and lost`)
      if (lost > 0) problems.push(`${lost} samples behind that are of series that it had named, and lost as well`)
      return { ...base, size, ...found, ...times, torn, problems }
    } finally {
      await file.close()
    }
  } catch (error) {
    if (error instanceof WalVersionError) return { ...base, problems: [`it is of ${error.message}`], version: error.version }
    return { ...base, problems: [`it cannot be read: ${codeOf(error)}`] }
  }
}

function count({ samples }: Incoming, into: { samples: number; first: number; last: number }): void {
  into.samples += samples.length
  for (let i = 0; i < samples.length; i++) {
    into.first = Math.min(into.first, samples.time[i]!)
    into.last = Math.max(into.last, samples.time[i]!)
  }
}

export interface Repaired {
  /** where the damaged file is now */
  readonly aside: string
  /** [samples] in the block that takes its place */
  readonly kept: number
  /** [series] that are not in it, or not whole; undefined: nobody can tell */
  readonly lostSeries: number | undefined
}

/**
 * Of a damaged block, what is whole takes its place and its name, so that what was made of it, as buckets, stays as it is; and the damaged one is put aside. The
 * store must not be open.
 */
export async function repairBlock(disk: Disk, directory: string, path: string, now: number): Promise<Repaired> {
  const name = parseBlockFile(path.slice(directory.length + 1))!
  const aside = `${path}.damaged`
  const fresh = { ...name, generation: await freshGeneration(disk, directory) }
  let writer = new BlockWriter(disk, directory, fresh, now)
  let kept = 0
  let lostSeries: number | undefined = 0
  try {
    const block = await Block.open(disk, directory, name, new IndexCache(0))
    writer = new BlockWriter(disk, directory, fresh, now, block.oldest)
    try {
      for await (const { labels, samples } of eachSeries(block)) {
        if (labels === undefined) lostSeries = undefined
        else if (samples === undefined) lostSeries = (lostSeries ?? 0) + 1
        else {
          kept += samples.length
          await writer.add(labels, samples)
        }
      }
    } finally {
      await block.close()
    }
  } catch (error) {
    if (!(error instanceof BlockError)) throw error
    lostSeries = undefined
  }
  const written = await writer.finish()
  await disk.rename(path, aside)
  if (written) await disk.rename(`${directory}/${blockFile(fresh)}`, path)
  await disk.syncFolder(directory)
  return { aside, kept, lostSeries }
}

async function freshGeneration(disk: Disk, directory: string): Promise<number> {
  const numbers = (await disk.list(directory)).map(file => parseBlockFile(file)?.generation ?? walNumber(file) ?? 0)
  return Math.max(0, ...numbers) + 1
}
