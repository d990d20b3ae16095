import { created } from './cpu.ts'
import { type Attributes, level, type Points } from './points.ts'
import { parsePidStat, parseStat, processStateWords } from './proc.ts'
import { type Scraper, Source, type Surroundings } from './scraper.ts'

const count = level('system.process.count', '{process}', 'Total number of processes in each state.')
const attributes = new Map(processStateWords.map(state => [state as string, [['process.state', state]] as Attributes]))

/** Files read in one snapshot: some ten microseconds each. A count of more processes is made over several snapshots. */
const FILES_A_SNAPSHOT = 100

/** [processes] by state */
export type StateCounts = ReadonlyMap<string, number>

export function addStates(points: Points, counts: StateCounts): void {
  for (const [state, of] of attributes) points.add(count, counts.get(state) ?? 0, of)
}

export function processesScraper(around: Surroundings): Scraper {
  const { root } = around
  const source = new Source(around)
  const census = new Census(around, source)
  return {
    name: 'processes',
    resource: 'host',
    prepare: () => census.begin(),
    scrape(points) {
      points.add(created, source.read(`${root}/proc/stat`, parseStat)?.created)
      census.goOn()
      if (census.result !== undefined) addStates(points, census.result)
    },
  }
}

/** Counts processes by state, a slice in each snapshot, from the list of all to its end and then anew. */
class Census {
  readonly #around: Surroundings
  readonly #source: Source
  #left: string[] | undefined
  #counts = new Map<string, number>()
  #listing = false
  result: StateCounts | undefined

  constructor(around: Surroundings, source: Source) {
    this.#around = around
    this.#source = source
  }

  async begin(): Promise<void> {
    if (this.#listing) return
    this.#listing = true
    const folder = `${this.#around.root}/proc`
    const names = await this.#source.attemptAsync(folder, () => this.#around.files.list(folder))
    this.#listing = false
    this.#left = names?.filter(name => /^\d+$/.test(name))
    this.#counts = new Map()
  }

  goOn(): void {
    if (this.#left === undefined) return void this.begin()
    for (const pid of this.#left.splice(0, FILES_A_SNAPSHOT)) this.#count(pid)
    if (this.#left.length > 0) return
    this.result = this.#counts
    this.#left = undefined
    void this.begin()
  }

  /** A process that has ended since the list was made is none. */
  #count(pid: string): void {
    try {
      const state = parsePidStat(this.#around.files.readSync(`${this.#around.root}/proc/${pid}/stat`))?.state
      if (state !== undefined) this.#counts.set(state, (this.#counts.get(state) ?? 0) + 1)
    } catch {}
  }
}
