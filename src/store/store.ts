/**
 * The embedded time-series store. What comes is written to a log, then acknowledged and kept in a head (head.ts); a full head is written to blocks
 * (block.ts), which are merged to larger ones, thinned out to coarser tiers, and deleted when they are old (upkeep.ts). A query asks heads
 * and blocks alike and puts together what it finds.
 *
 *   DIRECTORY/lock            held while the store is open
 *   DIRECTORY/NUMBER.wal      the log of a head (wal.ts)
 *   DIRECTORY/….block         samples of a window (block.ts)
 *   DIRECTORY/notes           metadata and exemplars, as they were when the last head was written
 *
 * One thing at a time: writes to the log wait for each other, and so do flushes, merges and deletions. Queries wait for nothing.
 */
import type { Logger } from '../component/component.ts'
import { codeOf, type Disk, type DiskFile, type Lock } from '../component/disk.ts'
import { RetryableError, StartError } from '../component/errors.ts'
import { showBytes } from '../lib/bytes.ts'
import { type Clock, every } from '../lib/clock.ts'
import type { Labels } from '../model/labels.ts'
import type { Matcher } from '../model/matcher.ts'
import type { Cardinality, Metadata, Samples, SelectedSeries, SelectHints, SeriesExemplars, Store } from '../model/query.ts'
import { QueryError } from '../promql/query-error.ts'
import { Block, BlockError, type BlockName, BlockWriter, IndexCache, parseBlockFile, type ReadBudget, TooLargeError } from './block.ts'
import { cardinalityOf } from './cardinality.ts'
import { aggregatesFor, SampleColumns } from './chunk.ts'
import { type Found, Gathered, readAll, toSamples } from './found.ts'
import { AHEAD, appendOne, Head, TOO_OLD } from './head.ts'
import { Incoming, readBody, type SeriesHandle, writeBody } from './incoming.ts'
import { type LabelIndex, Selector } from './label-index.ts'
import { Notes } from './notes.ts'
import { readNotes, writeNotes } from './notes-file.ts'
import { HOUR, MINUTE } from './plan.ts'
import { bucketEnd, lastNumber, thin } from './thin.ts'
import { Upkeep } from './upkeep.ts'
import { readWal, WAL_HEADER, WalVersionError, WriteAheadLog, walName, walNumber } from './wal.ts'

export interface StoreSettings {
  readonly directory: string
  /** [ms] how much older than the newest sample of all one may be that comes after a younger one of its series */
  readonly outOfOrderMs: number
  /** [ms] how far ahead of the clock a sample may be */
  readonly aheadMs: number
  /** [ms] between two syncs of the log; 0: before each acknowledgement */
  readonly syncMs: number
  /** [bytes] of samples in the head before it is written to a block */
  readonly maxHeadBytes: number
  readonly maxExemplars: number
  /** [bytes] of indexes of blocks that are kept in memory */
  readonly maxIndexBytes: number
  /** [bytes] of chunks that one selector may read */
  readonly maxSelectBytes: number
  readonly retention: Retention
}

export interface Retention {
  /** [ms] samples as they came; buckets of a minute and of an hour, 0: none are made */
  readonly rawMs: number
  readonly minuteMs: number
  readonly hourMs: number
  /** [bytes] of all blocks; 0: no bound */
  readonly maxBytes: number
}

export interface World {
  readonly disk: Disk
  readonly clock: Clock
  readonly log: Logger
}

export interface Appended {
  /** by sample, an index into `outcomes` */
  readonly outcomes: Uint8Array
}
/** What waits in memory to be written to the log; more is refused. */
const maxPendingBytes = 64 * 2 ** 20
/** [ms] a head is not written before, unless it is full */
const leastHeadMs = 5 * 60_000
/** [ms] the windows that blocks of samples as they came are cut into */
export const WINDOW = 2 * 3_600_000
const maxOpenMs = 10 * 60_000
const quietMs = 30_000
/** [series] flushed between two looks at the event loop */
const seriesAtOnce = 512

interface Pending {
  readonly incoming: Incoming
  readonly done: PromiseWithResolvers<Appended>
}

/** A head, and the logs that hold what is in it. */
interface Stage {
  readonly head: Head
  readonly logs: readonly number[]
  /** [ms] monotonic */
  readonly since: number
}

export class TimeSeriesStore implements Store {
  readonly settings: StoreSettings
  readonly #disk: Disk
  readonly #clock: Clock
  readonly #log: Logger
  readonly #lock: Lock
  readonly notes: Notes
  readonly #cache: IndexCache
  /** by time */
  #blocks: Block[] = []
  /** being written to blocks, the oldest first */
  #sealed: Stage[] = []
  #stage: Stage
  #wal: WriteAheadLog
  /** the number of the next log or block */
  #generation: number
  #pending: Pending[] = []
  #pendingBytes = 0
  #pumping: Promise<void> | undefined
  /** series of the head that the log does not name because a write has failed */
  readonly #unnamed = new Set<number>()
  /** asked for: a new head, and a look whether the disk is well again */
  #rotation: PromiseWithResolvers<void> | undefined
  #probe: PromiseWithResolvers<void> | undefined
  /** [ms] monotonic: a flush that has failed is tried again no earlier */
  #flushAfter = 0
  #timers: Disposable[] = []
  #closed = false
  #readOnly = false
  #trouble: string | undefined
  #troubleSaidAt = Number.NEGATIVE_INFINITY
  #upkeep: Promise<void> = Promise.resolve()
  /** told when the store cannot go on by itself, and when it can again */
  onTrouble: (problem: string | undefined) => void = () => {}
  /** told when there may be room again */
  onRoom: () => void = () => {}
  readonly #chores = new Upkeep()

  private constructor(settings: StoreSettings, { disk, clock, log }: World, opened: Opened) {
    this.settings = settings
    this.#disk = disk
    this.#clock = clock
    this.#log = log
    this.#lock = opened.lock
    this.#cache = opened.cache
    this.#blocks = opened.blocks
    this.#sealed = opened.sealed
    this.notes = opened.notes
    this.#generation = opened.generation
    this.#wal = opened.wal
    this.#stage = { head: new Head(settings.outOfOrderMs, WINDOW, opened.horizon), logs: [opened.wal.number], since: clock.monotonic() }
  }

  /** @throws {StartError} */
  static async open(settings: StoreSettings, world: World): Promise<TimeSeriesStore> {
    const opened = await openDirectory(settings, world)
    return new TimeSeriesStore(settings, world, opened)
  }

  /**
   * To be asked, as it is now, whether somebody has it open or not: nothing is locked, and nothing is written.
   * @throws {StartError}
   */
  static async read(settings: StoreSettings, world: World): Promise<TimeSeriesStore> {
    const store = new TimeSeriesStore(settings, world, await openDirectory(settings, world, true))
    store.#readOnly = true
    return store
  }

  /** Begins what is done every second; without it nothing is flushed but by `flush`. */
  start(): void {
    const { syncMs } = this.settings
    if (syncMs > 0) this.#timers.push(every(this.#clock, syncMs, () => this.#sync()))
    this.#timers.push(every(this.#clock, 1000, () => this.maintain()))
  }

  // Writing

  /** [bytes] may they be handed over? */
  hasRoom(bytes: number): boolean {
    return !this.#closed && this.#trouble === undefined && (this.#pendingBytes === 0 || this.#pendingBytes + bytes <= maxPendingBytes)
  }
  get trouble(): string | undefined {
    return this.#trouble
  }

  /**
   * Resolves when all of it is in the log and can be asked for: as safe as `syncMs` says.
   * @throws {RetryableError} nothing of it is
   */
  append(incoming: Incoming): Promise<Appended> {
    if (this.#closed || this.#readOnly) return Promise.reject(new RetryableError('the store is closed'))
    const outside = this.#outside(incoming.samples)
    if (outside !== undefined) return this.#appendWithin(incoming, outside)
    const done = Promise.withResolvers<Appended>()
    this.#pending.push({ incoming, done })
    this.#pendingBytes += sizeOf(incoming)
    this.#pumping ??= this.#pump()
    return done.promise
  }

  /** By sample why its time is refused, 0 where it is not; undefined: none is. What is refused does not come into the log. */
  #outside({ time, length }: SampleColumns): Uint8Array | undefined {
    const { aheadMs, retention } = this.settings
    const now = this.#clock.now()
    const latest = now + aheadMs
    // What is older than anything that is kept would be deleted at once.
    const earliest = now - Math.max(retention.rawMs, retention.minuteMs, retention.hourMs)
    let outside: Uint8Array | undefined
    for (let i = 0; i < length; i++) {
      if (time[i]! <= latest && time[i]! >= earliest) continue
      outside ??= new Uint8Array(length)
      outside[i] = time[i]! > latest ? AHEAD : TOO_OLD
    }
    return outside
  }

  async #appendWithin(incoming: Incoming, outside: Uint8Array): Promise<Appended> {
    const within = new Incoming(incoming.samples.length)
    within.metadata.push(...incoming.metadata)
    within.exemplars.push(...incoming.exemplars)
    const places: number[] = []
    for (let i = 0; i < incoming.samples.length; i++) {
      if (outside[i] !== 0) continue
      within.series.push(incoming.series[i]!)
      appendOne(incoming.samples, i, within.samples)
      places.push(i)
    }
    if (!within.empty) {
      const { outcomes } = await this.append(within)
      for (const [k, i] of places.entries()) outside[i] = outcomes[k]!
    }
    return { outcomes: outside }
  }

  async #pump(): Promise<void> {
    // What else comes in this turn goes with it.
    await Promise.resolve()
    while (this.#pending.length > 0 || this.#rotation !== undefined || this.#probe !== undefined) {
      if (this.#probe !== undefined) await this.#look()
      if (this.#rotation !== undefined) await this.#rotate()
      const group = this.#pending.splice(0)
      if (group.length > 0) await this.#write(group)
      for (const { incoming } of group) this.#pendingBytes -= sizeOf(incoming)
      this.onRoom()
    }
    this.#pumping = undefined
  }

  async #write(group: readonly Pending[]): Promise<void> {
    const { head } = this.#stage
    const fresh: SeriesHandle[] = []
    for (const { incoming } of group) {
      const before = fresh.length
      for (const handle of incoming.series) this.#enter(head, handle, fresh)
      for (const { series } of incoming.exemplars) this.#enter(head, series, fresh)
      this.#wal.add(into => writeBody(into, incoming, fresh.slice(before)))
    }
    try {
      // Pieces that wait are written together.
      await this.#wal.write()
      if (this.settings.syncMs === 0) await this.#wal.sync()
    } catch (error) {
      for (const { series } of fresh) this.#unnamed.add(series)
      this.#failed('the log cannot be written', error)
      for (const { done } of group) done.reject(new RetryableError(this.#trouble!, { cause: error, retryAfterMs: 1000 }))
      return
    }
    for (const { series } of fresh) this.#unnamed.delete(series)
    for (const { incoming, done } of group) done.resolve({ outcomes: this.#take(head, incoming) })
  }

  /** Gives a series its number in this head. */
  #enter(head: Head, handle: SeriesHandle, fresh: SeriesHandle[]): void {
    if (handle.head === head) {
      if (this.#unnamed.size === 0 || !this.#unnamed.delete(handle.series)) return
    } else {
      const known = head.find(handle.labels.key)
      handle.head = head
      handle.series = known ?? head.add(handle.labels)
      if (known !== undefined && !this.#unnamed.delete(known)) return
    }
    fresh.push(handle)
  }

  #take(head: Head, incoming: Incoming): Uint8Array {
    const { samples, series } = incoming
    const results = new Uint8Array(samples.length)
    for (let i = 0; i < samples.length; i++) {
      results[i] = head.append(series[i]!.series, samples, i)
    }
    this.notes.take(incoming)
    return results
  }

  async #sync(): Promise<void> {
    const wal = this.#wal
    try {
      await wal.sync()
    } catch (error) {
      this.#failed('the log cannot be made safe', error)
    }
  }

  #failed(what: string, error: unknown): void {
    const problem = `store ${JSON.stringify(this.settings.directory)}: ${what}: ${codeOf(error)}`
    const now = this.#clock.monotonic()
    if (this.#trouble !== problem || now - this.#troubleSaidAt >= quietMs) {
      this.#troubleSaidAt = now
      this.#log.error({ directory: this.settings.directory, error: codeOf(error) }, what)
    }
    if (this.#trouble !== problem) this.onTrouble(problem)
    this.#trouble = problem
  }

  #worked(): void {
    if (this.#trouble === undefined) return
    this.#trouble = undefined
    this.#log.info({ directory: this.settings.directory }, 'the store takes what comes again')
    this.onTrouble(undefined)
    this.onRoom()
  }

  /** Is the disk well again? Found out by writing an empty record. */
  async #look(): Promise<void> {
    this.#wal.add(into => writeBody(into, new Incoming(0), []))
    try {
      await this.#wal.write()
      await this.#wal.sync()
      this.#worked()
    } catch (error) {
      this.#failed('the log cannot be written', error)
    }
    this.#probe?.resolve()
    this.#probe = undefined
  }

  // Upkeep

  /** What is due: a full head is sealed, sealed ones are written to blocks, and the chores. */
  maintain(): Promise<void> {
    this.#upkeep = this.#upkeep.then(async () => {
      if (this.#closed) return
      if (this.#trouble !== undefined) {
        this.#probe = Promise.withResolvers()
        this.#pumping ??= this.#pump()
        await this.#probe.promise
      }
      if (this.#isDue()) await this.seal()
      if (this.#clock.monotonic() >= this.#flushAfter) await this.#flushSealed()
      if (this.#sealed.length === 0) await this.#chores.run(this)
    })
    return this.#upkeep
  }

  #isDue(): boolean {
    const { head, since } = this.#stage
    if (head.samples === 0) return false
    if (head.bytes >= this.settings.maxHeadBytes) return true
    if (this.#clock.monotonic() - since < leastHeadMs) return false
    return windowOf(head.minTime) + WINDOW + this.openMs <= this.#clock.now()
  }

  /** From here on what comes goes to a new head. */
  async seal(): Promise<void> {
    if (this.#stage.head.samples === 0) return
    this.#rotation ??= Promise.withResolvers()
    this.#pumping ??= this.#pump()
    await this.#rotation.promise
  }

  async #rotate(): Promise<void> {
    const number = this.#generation
    const horizon = this.#stage.head.newest
    try {
      const wal = await createWal(this.#disk, this.settings.directory, number, horizon)
      await this.#wal.sync()
      this.#generation++
      const before = this.#wal
      this.#sealed.push(this.#stage)
      this.#wal = wal
      this.#stage = { head: new Head(this.settings.outOfOrderMs, WINDOW, horizon), logs: [number], since: this.#clock.monotonic() }
      this.#unnamed.clear()
      await before.close()
    } catch (error) {
      this.#failed('a new log cannot be made', error)
    }
    this.#rotation?.resolve()
    this.#rotation = undefined
  }

  async #flushSealed(): Promise<void> {
    try {
      while (this.#sealed.length > 0) {
        const stage = this.#sealed[0]!
        const blocks = await this.#flush(stage)
        // In one turn: a query sees the head or the blocks.
        const again = this.#blocks.filter(({ path }) => blocks.some(block => block.path === path))
        this.addBlocks(blocks, again)
        this.#sealed.shift()
        // They were written before the process ended, and their log was not deleted: now there are other files of that name.
        for (const block of again) void block.close().catch(() => {})
        await writeNotes(this.#disk, this.settings.directory, this.notes)
        for (const number of stage.logs) await this.#disk.remove(`${this.settings.directory}/${walName(number)}`)
      }
    } catch (error) {
      if (this.#closed) return
      this.#flushAfter = this.#clock.monotonic() + quietMs
      this.#failed('a block cannot be written', error)
    }
  }

  /** A block for each window; their names are those that a second try after a crash gives them. */
  async #flush({ head, logs }: Stage): Promise<Block[]> {
    const blocks: Block[] = []
    const order = seriesByName(head)
    for (const window of [...head.windows].sort((a, b) => a - b)) {
      const name: BlockName = { step: 0, from: window, to: window + WINDOW, generation: logs[0]! }
      const samples = new SampleColumns(1024)
      const block = await this.writeBlock(name, async add => {
        for (let i = 0; i < order.length; i++) {
          if (i % seriesAtOnce === 0) await this.breathe()
          if (!head.has(order[i]!, window, window + WINDOW)) continue
          samples.clear()
          head.read(order[i]!, window, window + WINDOW, samples)
          await add(head.labels[order[i]!]!, samples)
        }
      })
      if (block !== undefined) blocks.push(block)
    }
    return blocks
  }

  /** @returns undefined where there was nothing to write */
  async writeBlock(
    name: BlockName,
    fill: (add: (labels: Labels, samples: SampleColumns) => Promise<void> | undefined) => Promise<void>,
  ): Promise<Block | undefined> {
    const { directory } = this.settings
    const writer = new BlockWriter(this.#disk, directory, name, this.#clock.now())
    try {
      await fill((labels, samples) => writer.add(labels, samples))
      if (!(await writer.finish())) return undefined
      return await Block.open(this.#disk, directory, name, this.#cache)
    } catch (error) {
      await writer.abandon()
      throw error
    }
  }

  /** Lets others run. @throws where the store has been closed: what is under way is given up */
  async breathe(): Promise<void> {
    await new Promise(resolve => setImmediate(resolve))
    if (this.#closed) throw new Error('the store is closed')
  }

  /** [ms] how long after its end a window is waited for; what comes later gets a block of its own */
  get openMs(): number {
    return Math.min(this.settings.outOfOrderMs, maxOpenMs)
  }
  get closed(): boolean {
    return this.#closed
  }
  get blocks(): readonly Block[] {
    return this.#blocks
  }
  get clock(): Clock {
    return this.#clock
  }
  get log(): Logger {
    return this.#log
  }
  nextGeneration(): number {
    return this.#generation++
  }
  addBlocks(blocks: readonly Block[], instead: readonly Block[] = []): void {
    this.#blocks = [...this.#blocks.filter(block => !instead.includes(block)), ...blocks].sort(byAge)
  }
  /** They are asked no more, and deleted once nobody reads them. */
  async deleteBlocks(blocks: readonly Block[]): Promise<void> {
    if (blocks.length === 0) return
    this.#blocks = this.#blocks.filter(block => !blocks.includes(block))
    for (const block of blocks) {
      await this.#disk.remove(block.path)
      void block.close().catch(() => {})
    }
    await this.#disk.syncFolder(this.settings.directory)
  }

  /** Everything is written to the log and made safe; heads stay in it. */
  async close(): Promise<void> {
    if (this.#closed) return
    for (const timer of this.#timers) timer[Symbol.dispose]()
    this.#closed = true
    await this.#pumping
    await this.#upkeep
    try {
      await this.#wal.sync()
      await this.#wal.close()
      for (const block of this.#blocks) await block.close()
    } finally {
      await this.#lock.release()
    }
  }

  // Reading

  /** Blocks and heads, the oldest first: what was written twice counts as it was first. */
  async #gather(places: Places, selectors: readonly Selector[], from: number, to: number, load: boolean): Promise<Gathered> {
    const blocks = places.blocks.filter(({ first, last }) => last > from && first <= to)
    const heads = places.heads.filter(({ maxTime, minTime }) => maxTime > from && minTime <= to)
    const gathered = new Gathered()
    const uses = blocks.map(block => block.use())
    const budget = { left: this.settings.maxSelectBytes }
    try {
      for (const block of blocks) gathered.add(await this.#findIn(block, selectors, from, to, load, budget))
    } finally {
      for (const use of uses) use[Symbol.dispose]()
    }
    for (const head of heads) gathered.add(findInHead(head, selectors, from, to))
    return gathered
  }

  /** At this moment; with a step, blocks of that tier alone. */
  #places(step?: number): Places {
    const heads = step === undefined || step === 0 ? [...this.#sealed, this.#stage].map(({ head }) => head) : []
    return { blocks: this.#blocks.filter(({ name }) => step === undefined || name.step === step), heads }
  }

  async #findIn(
    block: Block,
    selectors: readonly Selector[],
    from: number,
    to: number,
    load: boolean,
    budget: ReadBudget,
  ): Promise<Found[]> {
    try {
      const index = await block.index()
      return await block.load(index, selectAny(selectors, index), from, to, load, budget)
    } catch (error) {
      if (error instanceof TooLargeError) {
        const most = showBytes(this.settings.maxSelectBytes)
        throw new QueryError('execution', `query reads more than ${most} of the store: ask for fewer series or less time`)
      }
      if (!(error instanceof BlockError)) throw error
      throw new BlockError(`${block.path} cannot be read: ${error.message}; thalamus store verify says more`)
    }
  }

  async select(matchers: readonly Matcher[], { from, to, range, func }: SelectHints): Promise<readonly SelectedSeries[]> {
    const selectors = [new Selector(matchers)]
    const raw = this.#places(0)
    const step = this.#tierFor(from, to)
    if (step === 0) return (await this.#gather(raw, selectors, from, to, true)).selected(from, to)
    // They are read after what is older, and may be merged until then.
    using held = new DisposableStack()
    for (const block of raw.blocks) held.use(block.use())
    const tier = this.#places(step)
    // What has no buckets yet is thinned out as it is read.
    const tail = Math.max(from, Math.max(...tier.blocks.map(({ name }) => name.to)))
    const begin = bucketEnd(tail, step) === tail ? tail : bucketEnd(tail, step) - step
    const buckets = await this.#gather(tier, selectors, from, to, true)
    const rest = begin < to ? await this.#gather(raw, selectors, begin, to, true) : new Gathered()
    const wanted = range === 0 ? 0 : aggregatesFor(func)
    const own = new SampleColumns(0)
    return rest.joined(buckets).map(({ labels, parts: [samples, old] }) => ({
      labels,
      read: lent => {
        const into = lent === true ? own : new SampleColumns(0)
        into.wanted = wanted
        return readTier(step, old, samples, { from, begin, to }, into)
      },
    }))
  }

  /** The finest tier that reaches back as far as is asked for, or as any does: [ms] its step, 0 for samples as they came. */
  #tierFor(from: number, to: number): number {
    const tiers = [0, MINUTE, HOUR]
    const firsts = tiers.map(step => {
      const { blocks, heads } = this.#places(step)
      return Math.min(...blocks.map(({ first }) => first), ...heads.map(({ minTime }) => minTime))
    })
    const lacks = (i: number): boolean =>
      from < firsts[i]! &&
      this.#blocks.some(({ name, first, last }) => name.step > tiers[i]! && first < firsts[i]! && last > from && first <= to)
    return tiers.find((_, i) => !lacks(i)) ?? HOUR
  }

  async series(selectors: readonly (readonly Matcher[])[], from: number, to: number): Promise<readonly Labels[]> {
    const gathered = await this.#gather(this.#places(), selectorsOf(selectors), from, to, false)
    return [...gathered.labels()]
  }

  async labelNames(selectors: readonly (readonly Matcher[])[], from: number, to: number): Promise<readonly string[]> {
    const names = new Set<string>()
    if (selectors.length === 0) {
      for (const index of await this.#indexes(from, to)) for (const name of index.names()) names.add(name)
    } else for (const labels of await this.series(selectors, from, to)) for (const [name] of labels) names.add(name)
    return [...names].sort()
  }

  async labelValues(name: string, selectors: readonly (readonly Matcher[])[], from: number, to: number): Promise<readonly string[]> {
    const values = new Set<string>()
    if (selectors.length === 0) {
      for (const index of await this.#indexes(from, to)) for (const value of index.values(name)) values.add(value)
    } else for (const labels of await this.series(selectors, from, to)) values.add(labels.get(name))
    values.delete('')
    return [...values].sort()
  }

  async #indexes(from: number, to: number): Promise<LabelIndex[]> {
    const indexes: LabelIndex[] = []
    for (const block of this.#blocks.filter(({ first, last }) => last > from && first <= to)) {
      using _ = block.use()
      indexes.push(await block.index())
    }
    for (const { head } of [...this.#sealed, this.#stage]) if (head.maxTime > from && head.minTime <= to) indexes.push(head.index)
    return indexes
  }

  async metadata(name?: string): Promise<ReadonlyMap<string, readonly Metadata[]>> {
    const { metadata } = this.notes
    if (name === undefined) return new Map(Array.from(metadata, ([family, said]) => [family, [said]]))
    const said = metadata.get(name)
    return new Map(said === undefined ? [] : [[name, [said]]])
  }

  async exemplars(selectors: readonly (readonly Matcher[])[], from: number, to: number): Promise<readonly SeriesExemplars[]> {
    return this.notes.select(selectorsOf(selectors), from, to)
  }

  async cardinality(limit: number): Promise<Cardinality> {
    const { head } = this.#stage
    const times = [
      ...this.#blocks,
      ...[...this.#sealed, this.#stage].map(stage => ({ first: stage.head.minTime, last: stage.head.maxTime })),
    ]
    const first = Math.min(...times.map(({ first }) => first))
    const last = Math.max(...times.map(({ last }) => last))
    return {
      ...cardinalityOf(head.index, limit),
      headSeries: head.size,
      headChunks: head.pages,
      minTime: Number.isFinite(first) ? first : 0,
      maxTime: Number.isFinite(last) ? last : 0,
    }
  }

  /** For own metrics. */
  get figures() {
    const heads = [...this.#sealed, this.#stage]
    return {
      headSeries: this.#stage.head.size,
      headSamples: heads.reduce((sum, { head }) => sum + head.samples, 0),
      headBytes: heads.reduce((sum, { head }) => sum + head.bytes, 0),
      walBytes: this.#wal.size,
      blocks: this.#blocks.length,
      blockBytes: this.#blocks.reduce((sum, { size }) => sum + size, 0),
      pendingBytes: this.#pendingBytes,
    }
  }
}

/** Where to look. */
interface Places {
  readonly blocks: readonly Block[]
  readonly heads: readonly Head[]
}

/** Buckets up to `begin`, and from there on samples that become buckets. */
function readTier(
  step: number,
  old: readonly Found[],
  samples: readonly Found[],
  { from, begin, to }: { readonly from: number; readonly begin: number; readonly to: number },
  into: SampleColumns,
): Samples {
  const all = readAll(old, from, to, into)
  const buckets = all.beginAggregates()
  if (samples.length > 0) thin(readAll(samples, begin, to), step, lastNumber(all), all, to)
  all.keep(0, from, to)
  const [first, min, max, sum, count, increase] = (all.aggregates ?? buckets).map((column, k) =>
    ((all.wanted >> k) & 1) === 0 ? unread : column.subarray(0, all.length),
  ) as Six
  return toSamples(all, { step, first, min, max, sum, count, increase })
}
const unread = new Float64Array(0)
type Six = [Float64Array, Float64Array, Float64Array, Float64Array, Float64Array, Float64Array]

const byAge = (a: Block, b: Block): number => a.name.from - b.name.from || a.name.generation - b.name.generation
/** Windows are left-open, as every interval. */
const windowOf = (time: number): number => Math.ceil(time / WINDOW) * WINDOW - WINDOW
const selectorsOf = (selectors: readonly (readonly Matcher[])[]): Selector[] => selectors.map(matchers => new Selector(matchers))
const sizeOf = ({ samples }: Incoming): number => 256 + 20 * samples.length
export function selectAny(selectors: readonly Selector[], index: LabelIndex): number[] {
  if (selectors.length === 1) return selectors[0]!.select(index)
  const all = new Set<number>()
  for (const selector of selectors) for (const series of selector.select(index)) all.add(series)
  return [...all].sort((a, b) => a - b)
}

function findInHead(head: Head, selectors: readonly Selector[], from: number, to: number): Found[] {
  return selectAny(selectors, head.index)
    .filter(series => head.has(series, from, to))
    .map(series => ({
      labels: head.labels[series]!,
      count: head.countOf(series),
      read: (after, until, into) => head.read(series, after, until, into),
    }))
}

/** Series of one metric lie beside each other, for they are asked for together. */
function seriesByName(head: Head): number[] {
  const byName = new Map<string, number[]>()
  head.labels.forEach((labels, series) => {
    const same = byName.get(labels.name)
    if (same === undefined) byName.set(labels.name, [series])
    else same.push(series)
  })
  return [...byName.keys()].sort().flatMap(name => byName.get(name)!)
}

// Opening

interface Opened {
  readonly lock: Lock
  readonly cache: IndexCache
  readonly blocks: Block[]
  readonly sealed: Stage[]
  readonly notes: Notes
  readonly generation: number
  readonly wal: WriteAheadLog
  readonly horizon: number
}

async function openDirectory(settings: StoreSettings, world: World, readOnly = false): Promise<Opened> {
  const { disk } = world
  const { directory } = settings
  const lock = readOnly ? { release: async () => {} } : await lockDirectory(settings, world)
  const blocks: Block[] = []
  try {
    const names = await attempt(directory, 'read', () => disk.list(directory))
    for (const name of names.filter(name => name.endsWith('.tmp') && !readOnly)) {
      await attempt(directory, 'written', () => disk.remove(`${directory}/${name}`))
    }
    const cache = new IndexCache(settings.maxIndexBytes)
    await openBlocks(settings, world, names, cache, blocks)
    const notes = new Notes(settings.maxExemplars)
    await readNotes(disk, directory, notes, world.log)
    const sealed = await replay(settings, world, names, notes, readOnly)
    const numbers = [...blocks.map(({ name }) => name.generation), ...names.map(name => walNumber(name) ?? 0)]
    const number = Math.max(0, ...numbers) + 1
    const horizon = Math.max(Number.NEGATIVE_INFINITY, ...blocks.map(({ last }) => last), ...sealed.map(({ head }) => head.newest))
    const wal = readOnly
      ? new WriteAheadLog(noFile, 0, 0, 0)
      : await attempt(directory, 'written', () => createWal(disk, directory, number, horizon))
    return { lock, cache, blocks: blocks.sort(byAge), sealed, notes, generation: number + 1, wal, horizon }
  } catch (error) {
    for (const block of blocks) await block.close().catch(() => {})
    await lock.release()
    throw error
  }
}

async function lockDirectory({ directory }: StoreSettings, { disk }: World): Promise<Lock> {
  await attempt(directory, 'made', () => disk.makeFolder(directory, 0o750))
  const lock = await attempt(directory, 'written', () => disk.lock(`${directory}/lock`))
  if (lock !== undefined) return lock
  throw new StartError(`the store ${JSON.stringify(directory)} is in use, by another process or by another store of this one`, {
    remedy: 'end it, or give each a directory of its own',
    taken: true,
  })
}

/** Of a store that is only read. */
const noFile: DiskFile = {
  size: async () => 0,
  write: async () => {},
  read: async () => 0,
  sync: async () => {},
  truncate: async () => {},
  close: async () => {},
}

async function attempt<T>(directory: string, what: 'made' | 'read' | 'written', work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof StartError) throw error
    throw new StartError(`the store ${JSON.stringify(directory)} cannot be ${what}: ${codeOf(error)}`, {
      cause: error,
      remedy: 'let the user that runs this write there, make room, or name another directory',
    })
  }
}

function otherVersion(path: string, version: number): StartError {
  return new StartError(`${JSON.stringify(path)} is of version ${version}, which this program does not know`, {
    remedy: 'run the version that has written it, or a later one',
  })
}

/** A damaged block is left where it is and not asked: everything else goes on. */
async function openBlocks(settings: StoreSettings, { disk, log }: World, names: readonly string[], cache: IndexCache, into: Block[]) {
  const { directory } = settings
  for (const file of names) {
    const name = parseBlockFile(file)
    if (name === undefined) continue
    try {
      into.push(await Block.open(disk, directory, name, cache))
    } catch (error) {
      if (!(error instanceof BlockError)) throw await asStartError(directory, error)
      if (error.version !== undefined) throw otherVersion(`${directory}/${file}`, error.version)
      log.error({ block: `${directory}/${file}`, error: error.message }, 'a block is damaged and left out: see thalamus store verify')
    }
  }
}

const asStartError = (directory: string, error: unknown): Promise<StartError> =>
  attempt(directory, 'read', () => Promise.reject(error)).catch(wrapped => wrapped as StartError)

/** What logs hold becomes a head of its own, to be written to blocks. */
async function replay(settings: StoreSettings, world: World, names: readonly string[], notes: Notes, readOnly: boolean): Promise<Stage[]> {
  const { disk, clock, log } = world
  const { directory } = settings
  const numbers = names.flatMap(name => walNumber(name) ?? []).sort((a, b) => a - b)
  const stages: Stage[] = []
  for (const number of numbers) {
    const path = `${directory}/${walName(number)}`
    let head = new Head(settings.outOfOrderMs, WINDOW, Number.NEGATIVE_INFINITY)
    const since = clock.monotonic()
    const end = await attempt(directory, 'read', async () => {
      const file = await disk.open(path, 'read')
      try {
        const handles: SeriesHandle[] = []
        return await readWal(
          file,
          number,
          body => takeRecord(head, notes, body, handles),
          // What was too old for it then is so now.
          horizon => (head = new Head(settings.outOfOrderMs, WINDOW, horizon)),
        )
      } catch (error) {
        if (error instanceof WalVersionError) throw otherVersion(path, error.version)
        throw error
      } finally {
        await file.close()
      }
    })
    const facts = { log: path, series: head.size, samples: head.samples, torn: end.torn, ms: Math.round(clock.monotonic() - since) }
    if (end.torn > 0 && end.size > 0) log.warn(facts, 'a log ends in a record that is not whole: it was not acknowledged, or it is damaged')
    else if (head.samples > 0) log.info(facts, 'a log was read')
    if (head.samples > 0) stages.push({ head, logs: [number], since })
    else if (readOnly) continue
    else if (end.size === 0 && end.torn > WAL_HEADER) {
      // It may hold what was acknowledged: somebody may want to look at it.
      log.error({ log: path, aside: `${path}.damaged` }, 'a log does not begin as one does, and is put aside')
      await attempt(directory, 'written', () => disk.rename(path, `${path}.damaged`))
    } else await attempt(directory, 'written', () => disk.remove(path))
  }
  return stages
}

function takeRecord(head: Head, notes: Notes, body: Uint8Array, handles: SeriesHandle[]): void {
  const { incoming, fresh } = readBody(body, handles)
  for (const handle of fresh) {
    handle.head = head
    handle.series = head.find(handle.labels.key) ?? head.add(handle.labels)
  }
  const { samples, series } = incoming
  for (let i = 0; i < samples.length; i++) head.append(series[i]!.series, samples, i)
  notes.take(incoming)
}

async function createWal(disk: Disk, directory: string, number: number, horizon: number): Promise<WriteAheadLog> {
  const path = `${directory}/${walName(number)}`
  const file = await disk.open(path, 'create')
  try {
    const wal = await WriteAheadLog.begin(file, number, horizon)
    await file.sync()
    await disk.syncFolder(directory)
    return wal
  } catch (error) {
    await file.close().catch(() => {})
    await disk.remove(path).catch(() => {})
    throw error
  }
}
