/**
 * The embedded time-series store. What comes is written to a log, then acknowledged and kept in a head (intake.ts); a full head is written to
 * blocks (flush.ts), which are merged to larger ones, thinned out to coarser tiers, and deleted when they are old (upkeep.ts). A query asks
 * heads and blocks alike and puts together what it finds (questions.ts).
 *
 *   DIRECTORY/lock            held while the store is open
 *   DIRECTORY/NUMBER.wal      the log of a head (wal.ts)
 *   DIRECTORY/….block         samples of a window (block.ts)
 *   DIRECTORY/notes           metadata and exemplars, as they were when the last head was written
 *
 * One thing at a time: writes to the log wait for each other, and so do flushes, merges and deletions. Queries wait for nothing.
 */
import { codeOf, type Lock } from '../component/disk.ts'
import { every } from '../lib/clock.ts'
import type { Labels } from '../model/labels.ts'
import type { Matcher } from '../model/matcher.ts'
import type { Cardinality, Metadata, SelectedSeries, SelectHints, SeriesExemplars, Store } from '../model/query.ts'
import { Contents } from './contents.ts'
import { flushHead } from './flush.ts'
import { Head } from './head.ts'
import type { Incoming } from './incoming.ts'
import { type Appended, Intake } from './intake.ts'
import type { Notes } from './notes.ts'
import { writeNotes } from './notes-file.ts'
import { type Opened, openDirectory } from './open.ts'
import { Questions } from './questions.ts'
import { type StoreSettings, WINDOW, type World, windowOf } from './settings.ts'
import { quietMs, Trouble } from './trouble.ts'
import { Upkeep } from './upkeep.ts'
import { walName } from './wal.ts'
import { type Walked, type Wanted, walkSeries } from './walk.ts'

export type { StoreSettings } from './settings.ts'

/** [ms] a head is not written before, unless it is full */
const leastHeadMs = 5 * 60_000
const maxOpenMs = 10 * 60_000
const upkeepMs = 1000

export class TimeSeriesStore implements Store {
  readonly #settings: StoreSettings
  readonly #world: World
  readonly #lock: Lock
  readonly notes: Notes
  readonly #contents: Contents
  readonly #trouble: Trouble
  readonly #intake: Intake
  readonly #questions: Questions
  readonly #chores: Upkeep
  #upkeep: Promise<void> = Promise.resolve()
  /** [ms] monotonic: a flush that has failed is tried again no earlier */
  #flushAfter = 0
  /** numbers of logs whose heads are in blocks: they would come again with the next start */
  readonly #spent: number[] = []
  #timers: Disposable[] = []

  private constructor(settings: StoreSettings, world: World, { lock, notes, wal, horizon, cache, full, leftOut, ...held }: Opened) {
    const { disk, clock, log } = world
    const { directory } = settings
    this.#settings = settings
    this.#world = world
    this.#lock = lock
    this.notes = notes
    const stage = { head: new Head(WINDOW, horizon), logs: [wal.number], since: clock.monotonic() }
    const contents = new Contents({ directory, disk, clock, cache }, { ...held, stage })
    this.#contents = contents
    this.#trouble = new Trouble(directory, clock, log)
    if (full !== undefined) this.#trouble.failed('a new log cannot be made', full)
    this.#intake = new Intake(settings, wal, { disk, clock, contents, notes, trouble: this.#trouble })
    this.#questions = new Questions(contents, notes, settings.maxSelectBytes)
    this.#chores = new Upkeep(contents, settings.retention, this.#openMs, leftOut, { clock, log })
  }

  /** @throws {StartError} */
  static async open(settings: StoreSettings, world: World): Promise<TimeSeriesStore> {
    return new TimeSeriesStore(settings, world, await openDirectory(settings, world))
  }

  /**
   * To be asked, as it is now, whether somebody has it open or not: nothing is locked, and nothing is written.
   * @throws {StartError}
   */
  static async read(settings: StoreSettings, world: World): Promise<TimeSeriesStore> {
    const store = new TimeSeriesStore(settings, world, await openDirectory(settings, world, true))
    await store.#intake.end()
    return store
  }

  /** Begins what is done every second; without it nothing is flushed but by `maintain`. */
  start(): void {
    const { clock } = this.#world
    const { syncMs } = this.#settings
    if (syncMs > 0) this.#timers.push(every(clock, syncMs, () => this.#intake.sync()))
    this.#timers.push(every(clock, upkeepMs, () => this.maintain()))
  }

  /** Everything is written to the log and made safe; heads stay in it. */
  async close(): Promise<void> {
    const contents = this.#contents
    if (contents.closed) return
    for (const timer of this.#timers) timer[Symbol.dispose]()
    contents.close()
    await this.#intake.end()
    await this.#upkeep
    try {
      await this.#intake.closeLog()
      for (const block of contents.blocks) await block.close()
    } finally {
      await this.#lock.release()
    }
  }

  // Writing

  /** [bytes] may they be handed over? */
  hasRoom(bytes: number): boolean {
    return this.#intake.hasRoom(bytes)
  }
  get trouble(): string | undefined {
    return this.#trouble.problem
  }
  /** told when the store cannot go on by itself, and when it could for a while */
  set onTrouble(tell: (problem: string | undefined) => void) {
    this.#trouble.onChange = tell
    if (this.#trouble.told !== undefined) tell(this.#trouble.told)
  }
  /** told when there may be room again */
  set onRoom(tell: () => void) {
    this.#intake.onRoom = tell
  }
  /**
   * Resolves when all of it is in the log and can be asked for: as safe as `syncMs` says.
   * @throws {RetryableError} nothing of it is
   */
  append(incoming: Incoming): Promise<Appended> {
    return this.#intake.append(incoming)
  }
  /** From here on what comes goes to a new head. */
  seal(): Promise<void> {
    return this.#intake.seal()
  }

  /** Everything of some series, to take it out: in bounded memory, unlike `select`. */
  walk(wanted: Wanted): AsyncGenerator<readonly Walked[]> {
    return walkSeries(this.#contents, wanted)
  }

  // Upkeep

  /** What is due: a full head is sealed, sealed ones are written to blocks, and the chores. */
  maintain(): Promise<void> {
    return this.#tend('all')
  }
  /** The same, but that nothing is thinned out or deleted, however long anything is to be kept. */
  flush(): Promise<void> {
    return this.#tend('merges')
  }

  #tend(chores: 'all' | 'merges'): Promise<void> {
    this.#upkeep = this.#upkeep.then(async () => {
      if (this.#contents.closed) return
      if (this.#trouble.problem !== undefined) await this.#intake.look()
      this.#trouble.look()
      if (this.#isDue()) await this.seal()
      if (this.#world.clock.monotonic() >= this.#flushAfter) await this.#flush()
      if (this.#contents.sealed.length === 0) await this.#chores.run(chores)
      // What could not be written to blocks has found no room: what is old makes some.
      else if (chores === 'all') await this.#chores.run('deletions')
    })
    return this.#upkeep
  }

  #isDue(): boolean {
    const { clock } = this.#world
    const { head, since } = this.#contents.stage
    if (head.samples === 0) return false
    if (head.bytes >= this.#settings.maxHeadBytes) return true
    if (clock.monotonic() - since < leastHeadMs) return false
    return windowOf(head.minTime) + WINDOW + this.#openMs <= clock.now()
  }

  /** [ms] how long after its end a window is waited for; what comes later gets a block of its own */
  get #openMs(): number {
    return Math.min(this.#settings.outOfOrderMs, maxOpenMs)
  }

  async #flush(): Promise<void> {
    const contents = this.#contents
    try {
      await this.#deleteSpent()
      for (let stage = contents.sealed[0]; stage !== undefined; stage = contents.sealed[0]) {
        contents.replaceOldest(await flushHead(stage, contents))
        this.#spent.push(...stage.logs)
        await this.#deleteSpent()
      }
    } catch (error) {
      if (contents.closed) return
      this.#flushAfter = this.#world.clock.monotonic() + quietMs
      this.#trouble.failed('a block cannot be written', error)
    }
  }

  /** What came with samples is in logs, too, and is not written anywhere else before. */
  async #deleteSpent(): Promise<void> {
    if (this.#spent.length === 0) return
    const { disk } = this.#world
    const { directory } = this.#settings
    await writeNotes(disk, directory, this.notes)
    for (; this.#spent.length > 0; this.#spent.shift()) {
      await disk.remove(`${directory}/${walName(this.#spent[0]!)}`).catch(unlessGone)
    }
  }

  // Asking

  select(matchers: readonly Matcher[], hints: SelectHints): Promise<readonly SelectedSeries[]> {
    return this.#questions.select(matchers, hints)
  }
  series(selectors: readonly (readonly Matcher[])[], from: number, to: number): Promise<readonly Labels[]> {
    return this.#questions.series(selectors, from, to)
  }
  labelNames(selectors: readonly (readonly Matcher[])[], from: number, to: number): Promise<readonly string[]> {
    return this.#questions.labelNames(selectors, from, to)
  }
  labelValues(name: string, selectors: readonly (readonly Matcher[])[], from: number, to: number): Promise<readonly string[]> {
    return this.#questions.labelValues(name, selectors, from, to)
  }
  metadata(name?: string): Promise<ReadonlyMap<string, readonly Metadata[]>> {
    return this.#questions.metadata(name)
  }
  exemplars(selectors: readonly (readonly Matcher[])[], from: number, to: number): Promise<readonly SeriesExemplars[]> {
    return this.#questions.exemplars(selectors, from, to)
  }
  cardinality(limit: number): Promise<Cardinality> {
    return this.#questions.cardinality(limit)
  }

  /** For own metrics. */
  get figures() {
    const { blocks, heads, stage } = this.#contents
    return {
      headSeries: stage.head.size,
      headSamples: heads.reduce((sum, { samples }) => sum + samples, 0),
      headBytes: heads.reduce((sum, { bytes }) => sum + bytes, 0),
      walBytes: this.#intake.walBytes,
      blocks: blocks.length,
      blockBytes: blocks.reduce((sum, { size }) => sum + size, 0),
      damagedBlocks: this.#chores.damaged,
      pendingBytes: this.#intake.pendingBytes,
    }
  }
}

function unlessGone(error: unknown): void {
  if (codeOf(error) !== 'ENOENT') throw error
}
