/** What an earlier process left in the directory of a journal. */
import type { Logger } from '../../component/component.ts'
import { attemptOn, type Disk, type Lock } from '../../component/disk.ts'
import { StartError } from '../../component/errors.ts'
import { type FileFormat, type FileName, HEADER, parseSegmentName, readSegmentHeader, segmentName } from '../segments/frame.ts'
import { walk } from '../segments/walk.ts'
import { EntryVersionError, journalFormat, readEntry } from './body.ts'
import { JournalSegment, openIfThere } from './segment.ts'
import { readIndex, type SegmentIndex, tooNew } from './segment-index.ts'

export interface OpenedJournal {
  readonly lock: Lock
  /** in order */
  readonly segments: JournalSegment[]
  /** the id of the last entry */
  readonly last: number
  /** the highest id that is written anywhere, or that may be */
  readonly highest: number
  /** [files] that had to be read */
  readonly read: number
  readonly names: readonly string[]
}

/** @throws {StartError} */
export async function openJournal(disk: Disk, directory: string, log: Logger): Promise<OpenedJournal> {
  await attempt(directory, 'made', () => disk.makeFolder(directory, 0o750))
  const lock = await attempt(directory, 'written', () => disk.lock(`${directory}/lock`))
  if (lock === undefined) {
    throw new StartError(`the journal ${JSON.stringify(directory)} is in use, by another process or by another journal of this one`, {
      remedy: 'end it, or give each a directory of its own',
      taken: true,
    })
  }
  try {
    const names = await attempt(directory, 'read', () => disk.list(directory))
    for (const name of names.filter(name => name.endsWith('.tmp'))) {
      await attempt(directory, 'written', () => disk.remove(`${directory}/${name}`))
    }
    return { lock, names, ...(await readSegments(disk, directory, names, log)) }
  } catch (error) {
    await lock.release()
    throw error
  }
}

async function readSegments(disk: Disk, directory: string, names: readonly string[], log: Logger) {
  const reading = new Reading(disk, directory, log, await segmentsIn(disk, directory, names))
  for (const segment of reading.segments) await reading.learn(segment)
  await sweep(disk, directory, names)
  const { segments, last, highest, read } = reading
  return { segments, last, highest, read }
}

/** The segments of a directory in order, of which only the headers were read. @throws {StartError} */
export async function segmentsIn(disk: Disk, directory: string, names: readonly string[]): Promise<JournalSegment[]> {
  const files = names.map(parseSegmentName).filter(name => name?.kind === 'journal')
  const segments: JournalSegment[] = []
  const gaps: number[] = []
  for (const name of files.sort((a, b) => a!.first - b!.first)) {
    const found = await readHeader(disk, directory, name!)
    if (found === undefined) continue
    segments.push(found.segment)
    gaps.push(found.gap)
  }
  // What was refused while a segment was written is known from the header of a later one.
  let through = Number.POSITIVE_INFINITY
  for (let i = segments.length - 1; i >= 0; i--) {
    segments[i]!.through = through
    through = Math.min(through, segments[i]!.name.first - 1 - gaps[i]!)
  }
  return segments
}

/** undefined: it has been deleted meanwhile */
async function readHeader(disk: Disk, directory: string, name: FileName): Promise<{ segment: JournalSegment; gap: number } | undefined> {
  const { path } = new JournalSegment(directory, name, 0)
  return attempt(path, 'read', async () => {
    const file = await openIfThere(disk, path)
    if (file === undefined) return undefined
    try {
      const bytes = Buffer.alloc(HEADER)
      const header = readSegmentHeader(bytes.subarray(0, await file.read(bytes, 0)), journalFormat)
      if (typeof header === 'object' && 'version' in header) throw newer(path, header.version, journalFormat)
      const size = await file.size()
      const segment = new JournalSegment(directory, name, header === 'unclear' ? 0 : header.created, size)
      if (header === 'unclear' && size > HEADER) segment.holes.push([0, HEADER])
      return { segment, gap: header === 'unclear' ? 0 : header.gap }
    } finally {
      await file.close()
    }
  })
}

/** Indexes whose segments are gone. */
async function sweep(disk: Disk, directory: string, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const parsed = parseSegmentName(name)
    if (parsed?.kind === 'index' && !names.includes(segmentName(parsed, 'journal')))
      await disk.remove(`${directory}/${name}`).catch(() => {})
  }
}

class Reading {
  readonly #disk: Disk
  readonly #directory: string
  readonly #log: Logger
  readonly segments: JournalSegment[]
  last = 0
  highest = 0
  read = 0

  constructor(disk: Disk, directory: string, log: Logger, segments: JournalSegment[]) {
    this.segments = segments
    this.#disk = disk
    this.#directory = directory
    this.#log = log
  }

  /** What is in a segment: from its index, or else by reading all of it, once. */
  async learn(segment: JournalSegment): Promise<void> {
    const index = await readIndex(this.#disk, this.#directory, segment.name)
    if (index !== undefined && index.size === segment.size && index.last <= segment.through) this.#takeIndex(segment, index)
    else await this.#walk(segment)
    this.highest = Math.max(this.highest, segment.name.first - 1, segment.highest)
    for (const [from, to] of segment.holes)
      this.#log.error({ path: segment.path, from, to }, 'the journal is damaged: what was written there is lost')
  }

  #takeIndex(segment: JournalSegment, index: SegmentIndex): void {
    const newer = tooNew(index)
    if (newer !== undefined)
      throw new StartError(`${JSON.stringify(segment.path)}: ${newer} is in it, which this program does not know`, { remedy: newerRemedy })
    segment.takeIndex(index)
    this.last = Math.max(this.last, index.last)
  }

  async #walk(segment: JournalSegment): Promise<void> {
    const { path, name } = segment
    this.read++
    await attempt(path, 'read', async () => {
      const file = await this.#disk.open(path, 'read')
      try {
        for await (const step of walk(file, HEADER, segment.size, name.id)) {
          if (step.is === 'record') this.#take(segment, step)
          else if (!step.torn) segment.holes.push([step.at, step.end])
        }
      } finally {
        await file.close()
      }
    })
    await segment.seal(this.#disk)
  }

  #take(
    segment: JournalSegment,
    { sequence: id, time, body, at, end }: { sequence: number; time: number; body: Buffer; at: number; end: number },
  ): void {
    segment.highest = Math.max(segment.highest, id)
    if (id > segment.through || id <= this.last) return
    const entry = this.#read(segment, id, time, body)
    if (entry === undefined) return void segment.holes.push([at, end])
    this.last = id
    segment.took(entry)
  }

  #read(segment: JournalSegment, id: number, time: number, body: Buffer) {
    try {
      return readEntry(id, time, body)
    } catch (error) {
      if (!(error instanceof EntryVersionError)) throw error
      throw new StartError(`${JSON.stringify(segment.path)}: ${error.message}`, { remedy: newerRemedy })
    }
  }
}

const newerRemedy = 'start the newer version of this program, or move the directory away'
export const newer = (path: string, version: number, format: FileFormat): StartError =>
  new StartError(`${JSON.stringify(path)} is of version ${version}, this program knows up to ${format.version}`, { remedy: newerRemedy })

/** @throws {StartError} for whatever `work` throws */
export const attempt = <T>(path: string, done: 'made' | 'read' | 'written', work: () => Promise<T>): Promise<T> =>
  attemptOn(work, (why, options) => new StartError(`the journal ${JSON.stringify(path)} cannot be ${done}: ${why}`, options))
