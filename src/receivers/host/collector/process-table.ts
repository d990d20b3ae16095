/** The table of processes, as /proc has it. */
import { PAGE_BYTES } from '../proc.ts'
import type { Source, Surroundings } from '../scraper.ts'

/** What /proc/PID/stat tells; times in ticks. */
export interface ProcessStat {
  readonly name: string
  readonly state: string
  readonly parent: number
  readonly minorFaults: number
  readonly majorFaults: number
  readonly user: number
  readonly system: number
  readonly threads: number
  /** [ticks] since boot */
  readonly started: number
  /** [bytes] */
  readonly virtual: number
  /** [bytes] */
  readonly resident: number
  readonly waited: number
}

export interface ListedProcess {
  readonly pid: string
  /** /proc/PID */
  readonly folder: string
  readonly stat: ProcessStat
}

export function parseProcessStat(text: string): ProcessStat | undefined {
  const open = text.indexOf('(')
  const close = text.lastIndexOf(')')
  const words = text.slice(close + 2).split(' ')
  const n = (field: number) => Number(words[field - 3])
  if (open < 0 || words.length < 40) return undefined
  return {
    name: text.slice(open + 1, close),
    state: words[0]!,
    parent: n(4),
    minorFaults: n(10),
    majorFaults: n(12),
    user: n(14),
    system: n(15),
    threads: n(20),
    started: n(22),
    virtual: n(23),
    resident: n(24) * PAGE_BYTES,
    waited: n(42),
  }
}

/** Processes read in one go: some tens of microseconds each. Then whatever else waits in the event loop runs. */
const PROCESSES_AT_ONCE = 50

/** Every process that is still there when its turn comes. */
export async function* eachProcess({ files, root }: Surroundings, source: Source): AsyncGenerator<ListedProcess> {
  const names = (await source.attemptAsync(`${root}/proc`, () => files.list(`${root}/proc`))) ?? []
  for (const [i, pid] of names.filter(name => /^\d+$/.test(name)).entries()) {
    if (i % PROCESSES_AT_ONCE === PROCESSES_AT_ONCE - 1) await new Promise(resolve => setImmediate(resolve))
    const folder = `${root}/proc/${pid}`
    const stat = attempt(() => parseProcessStat(files.readSync(`${folder}/stat`)))
    if (stat !== undefined) yield { pid, folder, stat }
  }
}

/** What has ended meanwhile, or may not be read, is not known. */
export function attempt<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}
