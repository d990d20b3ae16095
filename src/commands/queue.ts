/**
 * Queues on the disk, from outside. Exit codes: 0, all is whole; 1, it cannot be told (a wrong command line, a directory that cannot be
 * read); 2, something is damaged and lost; 3, a running process has the directory, and so it was not repaired.
 */
import { join } from 'node:path'
import type { Disk } from '../component/disk.ts'
import { inspect, isDamaged, type Lost, type QueueReport, repair, type SegmentReport } from '../extensions/file_storage/inspect.ts'
import { lockName } from '../extensions/file_storage/storage.ts'
import { showBytes } from '../lib/bytes.ts'
import { closest } from '../lib/distance.ts'
import { type Command, type Outside, UsageError } from './command.ts'
import { cannotRead } from './directory.ts'

const DAMAGED = 2
const IN_USE = 3
const verbs = { verify, repair: repairAll, stats }

export const queue: Command = {
  name: 'queue',
  takes: 'verify|repair|stats DIR',
  says: 'reads queues on the disk: what is damaged, what is whole, what waits; exit 0 if all is whole, 2 if not, 3 if a process has it',
  flags: { json: { says: 'prints what it found as JSON' } },
  async run({ flags, rest }, outside) {
    const [verb, directory] = rest
    if (verb === undefined || directory === undefined)
      throw new UsageError('queue needs to be told what to do, and a directory', 'write thalamus queue verify DIR, repair DIR or stats DIR')
    if (!Object.hasOwn(verbs, verb)) {
      const near = closest(verb, Object.keys(verbs))
      throw new UsageError(
        `queue cannot ${JSON.stringify(verb)}`,
        near === undefined ? `known: ${Object.keys(verbs).join(', ')}` : `did you mean ${JSON.stringify(near)}?`,
      )
    }
    return verbs[verb as keyof typeof verbs](directory.replace(/(?<=.)\/+$/, ''), outside, flags.has('json'))
  },
}

async function verify(directory: string, outside: Outside, json: boolean): Promise<number> {
  const reports = await read(directory, outside)
  if (json) outside.print(JSON.stringify(reports, null, 2))
  else outside.print(verdict(directory, reports).join('\n'))
  return reports.some(hasDamage) ? DAMAGED : 0
}

async function stats(directory: string, outside: Outside, json: boolean): Promise<number> {
  const reports = await read(directory, outside)
  outside.print(json ? JSON.stringify(reports.map(sums), null, 2) : shown(directory, reports).join('\n'))
  return reports.some(hasDamage) ? DAMAGED : 0
}

async function repairAll(directory: string, outside: Outside, json: boolean): Promise<number> {
  const { disk } = outside
  const lock = await lockOf(directory, disk)
  if (lock === undefined) {
    outside.complain(`${directory}: a running process has it, and nothing was touched\n  stop that process first`)
    return IN_USE
  }
  try {
    const reports = await read(directory, outside)
    const lines: string[] = []
    for (const { folder, segments } of reports) {
      for (const segment of segments) {
        const repaired = await repair(disk, folder, segment, outside.now())
        if (repaired === undefined) continue
        const { bodies, rows } = repaired.kept
        lines.push(`${segment.path}: ${batches(bodies)} with ${rows} rows are kept; the damaged file is ${repaired.aside}`)
        lines.push(...segment.lost.map(showLost))
      }
    }
    const left = (await read(directory, outside)).flatMap(({ segments }) => segments.filter(isDamaged))
    lines.push(...left.map(segment => `${segment.path}: not repaired: ${whyNot(segment)}`))
    outside.print(json ? JSON.stringify(reports, null, 2) : lines.join('\n') || `${directory}: nothing to repair`)
    return reports.some(hasDamage) ? DAMAGED : 0
  } catch (error) {
    throw cannotRead(directory, error, 'a file_storage')
  } finally {
    await lock.release()
  }
}

/** Of a storage's directory; or of one queue in it, which is locked as a whole. */
async function lockOf(directory: string, disk: Disk) {
  try {
    const names = await disk.list(directory)
    const above = names.some(name => name.startsWith('exporter.') || name === lockName) ? directory : join(directory, '..')
    const paths = [directory, above].filter((path, i, all) => all.indexOf(path) === i)
    for (const path of paths) {
      if (!(await disk.list(path)).includes(lockName)) continue
      return await disk.lock(join(path, lockName))
    }
    return { release: async () => {} }
  } catch (error) {
    throw cannotRead(directory, error, 'a file_storage')
  }
}

async function read(directory: string, { disk }: Outside): Promise<QueueReport[]> {
  try {
    const reports = await inspect(disk, directory)
    if (reports.length > 0 || (await mayHaveQueues(directory, disk))) return reports
  } catch (error) {
    throw cannotRead(directory, error, 'a file_storage')
  }
  throw new UsageError(`${directory}: there are other files here, and no queues`, 'name the directory of a file_storage')
}

async function mayHaveQueues(directory: string, disk: Disk): Promise<boolean> {
  const names = await disk.list(directory)
  return names.length === 0 || names.includes(lockName) || directory.includes('exporter.')
}

// What is said

const hasDamage = ({ segments }: QueueReport): boolean => segments.some(isDamaged)
const batches = (count: number) => `${count} ${count === 1 ? 'batch' : 'batches'}`
const when = (ms: number | undefined) => (ms === undefined ? 'unknown' : new Date(ms).toISOString())

function sums({ folder, segments }: QueueReport) {
  const add = (pick: (segment: SegmentReport) => number) => segments.reduce((sum, segment) => sum + pick(segment), 0)
  const times = (pick: (segment: SegmentReport) => number | undefined) => segments.flatMap(segment => pick(segment) ?? [])
  return {
    folder,
    files: segments.length,
    fileBytes: add(({ size }) => size),
    waiting: { batches: add(s => s.waiting.bodies), rows: add(s => s.waiting.rows), bytes: add(s => s.waiting.bytes) },
    begun: { batches: add(s => s.begun.bodies), rows: add(s => s.begun.rows) },
    done: { batches: add(s => s.done.bodies), rows: add(s => s.done.rows) },
    damaged: segments.some(isDamaged),
    oldest: Math.min(...times(({ oldest }) => oldest)),
    newest: Math.max(...times(({ newest }) => newest)),
  }
}

function describe(report: QueueReport): string[] {
  const { folder, files, fileBytes, waiting, begun, oldest, newest } = sums(report)
  return [
    `${folder}: ${files} ${files === 1 ? 'file' : 'files'}, ${showBytes(fileBytes)}`,
    `  waiting    ${waiting.rows} rows in ${batches(waiting.batches)}, ${showBytes(waiting.bytes)}`,
    ...(waiting.batches > 0 ? [`  written    ${when(oldest)} to ${when(newest)}`] : []),
    ...(begun.batches > 0 ? [`  under way  ${begun.rows} rows in ${batches(begun.batches)}: the destination may have them already`] : []),
  ]
}

function shown(directory: string, reports: readonly QueueReport[]): string[] {
  if (reports.length === 0) return [`${directory}: no queues`]
  return reports.flatMap(report => [...describe(report), ...(hasDamage(report) ? ['  damaged    see: thalamus queue verify'] : [])])
}

function verdict(directory: string, reports: readonly QueueReport[]): string[] {
  if (reports.length === 0) return [`${directory}: no queues`]
  const lines = reports.flatMap(report => [
    ...describe(report),
    ...report.segments.flatMap(segment => {
      const found = [...(isDamaged(segment) && whyNot(segment) !== '' ? [`    ${whyNot(segment)}`] : []), ...segment.lost.map(showLost)]
      return found.length === 0 ? [] : [`  ${segment.path}`, ...found]
    }),
  ])
  if (!reports.some(hasDamage)) return [...lines, `${directory}: all is whole`]
  const lost = reports.flatMap(({ segments }) => segments.flatMap(segment => segment.lost.filter(({ torn }) => !torn)))
  const rows = lost.reduce((sum, one) => sum + (one.rows ?? 0), 0)
  const more = lost.some(one => one.rows === undefined) ? ' at least' : ''
  return [
    ...lines,
    `${directory}: damaged,${more} ${rows} rows are lost; what is whole is delivered at the next start, and kept by thalamus queue repair`,
  ]
}

function whyNot({ version, unreadable }: SegmentReport): string {
  if (version !== undefined) return `version ${version} of the format, and this reads version 1`
  return unreadable === undefined ? '' : `it cannot be read: ${unreadable}`
}

function showLost({ at, bytes, rows, batches: count, from, to, torn }: Lost): string {
  if (torn) return `    at byte ${at}: ${bytes} bytes were being written when the process ended; nobody was told that they are held`
  const what = count === undefined ? 'an unknown number of batches' : batches(count)
  const much = rows === undefined ? 'an unknown number of rows' : `${rows} rows`
  const time = from === to ? `written ${when(from)}` : `written between ${when(from)} and ${when(to)}`
  return `    at byte ${at}: ${bytes} bytes are damaged: ${what} with ${much} lost, ${time}`
}
