/**
 * The journal on the disk: one writer, segment files, an entry for each record (body.ts has the format). Entries that come together are written and synced
 * together, and only then does anybody hear of them, the followers included. A start reads what has no index yet (segment-index.ts), which is at the
 * most the file that was written to when the process was killed; the newest entries are kept in memory for followers that keep up, and whoever is
 * behind reads the disk.
 */
import type { Logger } from '../../component/component.ts'
import { codeOf, type Disk, type DiskFile, type Lock } from '../../component/disk.ts'
import { PermanentError, RetryableError } from '../../component/errors.ts'
import { type Clock, every } from '../../lib/clock.ts'
import type { Appended, Entry, EntryKind, EntryOf, Journal, NewEntry, Snapshot } from '../../model/journal.ts'
import { HEADER, newId, RECORD, segmentHeader, writeRecordHeader } from '../segments/frame.ts'
import { walk } from '../segments/walk.ts'
import { journalFormat, readEntry, writeEntry } from './body.ts'
import { type OpenedJournal, openJournal } from './open.ts'
import { JournalSegment, openIfThere } from './segment.ts'
import { Snapshots } from './snapshots.ts'

export interface JournalSettings {
  readonly directory: string
  /** [ms] an entry is kept at least as long */
  readonly retentionMs: number
  /** [bytes] of all segments; past it the oldest are deleted, but for what a snapshot needs. 0: no bound */
  readonly maxBytes: number
}

export interface JournalWorld {
  readonly disk: Disk
  readonly clock: Clock
  readonly random: () => number
  readonly log: Logger
}

/** [bytes] of one entry: it is what was decided, not what that was decided of */
export const maxEntryBytes = 2 ** 20
/** [entries] that wait to be written */
const maxPending = 10_000
/** [bytes] a segment is not written to any more when it is as large */
const segmentBytes = 4 * 2 ** 20
/** [entries] in memory for followers */
const maxRecent = 1024
/** a segment takes entries for such a part of the retention, so that not much more than that is kept */
const parts = 32
const maintainMs = 60_000

interface Pending {
  readonly entry: NewEntry
  readonly key: string
  readonly body: Uint8Array
  readonly time: number
  readonly done: PromiseWithResolvers<Entry>
}

export interface JournalFigures {
  readonly entries: number
  readonly bytes: number
  /** [places] that are known to be damaged */
  readonly damaged: number
  /** [entries] deleted since then because they were old, or too many */
  readonly forgotten: number
}

export class DiskJournal implements Journal {
  readonly #settings: JournalSettings
  readonly #world: JournalWorld
  readonly #lock: Lock
  readonly #snapshots: Snapshots
  readonly #segments: JournalSegment[]
  /** `PATH:PLACE` of what was damaged when it was read, since this was opened */
  readonly #damaged = new Set<string>()
  #last: number
  #nextId: number
  /** every entry that is younger than its first */
  #recent: Entry[] = []
  #active: { readonly segment: JournalSegment; readonly file: DiskFile } | undefined
  #pending: Pending[] = []
  /** what is on its way */
  readonly #coming = new Map<string, Promise<Entry>>()
  #pumping: Promise<void> | undefined
  #upkeep: Promise<void> = Promise.resolve()
  #waiting: (() => void)[] = []
  #timer: Disposable | undefined
  #trouble: string | undefined
  #forgotten = 0
  #closed = false
  /** told when entries cannot be written, and when they can again */
  onTrouble: (problem: string | undefined) => void = () => {}

  private constructor(settings: JournalSettings, world: JournalWorld, opened: OpenedJournal, snapshots: Snapshots) {
    this.#settings = settings
    this.#world = world
    this.#lock = opened.lock
    this.#segments = opened.segments
    for (const { path, holes } of opened.segments) for (const [from] of holes) this.#damaged.add(`${path}:${from}`)
    this.#snapshots = snapshots
    this.#last = Math.max(opened.last, snapshots.highest)
    this.#nextId = Math.max(opened.highest, this.#last) + 1
  }

  /** @throws {StartError} */
  static async open(settings: JournalSettings, world: JournalWorld): Promise<DiskJournal> {
    const opened = await openJournal(world.disk, settings.directory, world.log)
    try {
      const snapshots = await Snapshots.open(world.disk, settings.directory, opened.names, world.log)
      return new DiskJournal(settings, world, opened, snapshots)
    } catch (error) {
      await opened.lock.release()
      throw error
    }
  }

  /** Begins to delete what is old. */
  start(): void {
    this.#timer = every(this.#world.clock, maintainMs, () => this.maintain())
  }

  get last(): number {
    return this.#last
  }
  get first(): number {
    return this.#segments.find(({ first }) => first > 0)?.first ?? this.#last + 1
  }
  firstSince(time: number): number {
    return this.#segments.find(({ first, newest }) => first > 0 && newest >= time)?.first ?? this.#last + 1
  }
  get trouble(): string | undefined {
    return this.#trouble
  }
  get figures(): JournalFigures {
    const bytes = this.#segments.reduce((sum, { size }) => sum + size, 0)
    const entries = this.#segments.reduce((sum, { keys }) => sum + keys.count, 0)
    return { entries, bytes, damaged: this.#damaged.size, forgotten: this.#forgotten }
  }

  // Writing

  async append(entry: NewEntry, key: string): Promise<Appended> {
    if (this.#closed) throw new RetryableError('the journal is closed')
    const coming = this.#coming.get(key)
    if (coming !== undefined) return { entry: await coming, fresh: false }
    const { last } = this
    const known = await this.find(key)
    if (known !== undefined) return { entry: known, fresh: false }
    // Somebody may have asked for the same while the disk was read, and even have got it.
    if (this.#coming.has(key) || this.last !== last) return this.append(entry, key)
    return { entry: await this.#enqueue(entry, key), fresh: true }
  }

  #enqueue(entry: NewEntry, key: string): Promise<Entry> {
    const body = writeEntry(entry, key)
    if (body.length > maxEntryBytes)
      throw new PermanentError(
        `an entry of the journal has at most ${maxEntryBytes} bytes, ${JSON.stringify(key.slice(0, 100))} has ${body.length}`,
      )
    if (this.#pending.length >= maxPending) throw new RetryableError(`the journal has ${maxPending} entries that wait to be written`)
    const done = Promise.withResolvers<Entry>()
    this.#pending.push({ entry, key, body, time: entry.time ?? this.#world.clock.now(), done })
    this.#coming.set(key, done.promise)
    this.#pumping ??= this.#pump()
    return done.promise
  }

  /** @param look whether the disk is well again, where nothing comes by which it would be seen */
  async #pump(look = false): Promise<void> {
    // What else comes in this turn goes with it.
    await Promise.resolve()
    if (look && this.#pending.length === 0) await this.#commit([])
    while (this.#pending.length > 0) await this.#commit(this.#pending.splice(0))
    this.#pumping = undefined
  }

  async #commit(group: readonly Pending[]): Promise<void> {
    const first = this.#nextId
    this.#nextId += group.length
    try {
      const { segment, file } = await this.#writable(first)
      const pieces = toRecords(group, segment.name.id, first)
      await file.write(pieces, segment.size)
      await file.sync()
      segment.size += pieces.reduce((sum, { length }) => sum + length, 0)
      this.#committed(group, segment, first)
      this.#worked()
    } catch (error) {
      await this.#abandon()
      this.#failed(error)
      for (const { key, done } of group) {
        this.#coming.delete(key)
        done.reject(new RetryableError(`the journal cannot be written: ${codeOf(error)}`, { cause: error }))
      }
    }
  }

  #committed(group: readonly Pending[], segment: JournalSegment, first: number): void {
    for (const [i, { key, time, body, done }] of group.entries()) {
      const id = first + i
      // As a reader of the disk would see it, and nobody's object but ours.
      const read = readEntry(id, time, Buffer.from(body.buffer, body.byteOffset, body.byteLength))!
      segment.took(read)
      this.#coming.delete(key)
      this.#recent.push(read)
      this.#last = id
      done.resolve(read)
    }
    if (this.#recent.length > 2 * maxRecent) this.#recent = this.#recent.slice(-maxRecent)
    this.#wake()
  }

  async #writable(first: number): Promise<{ segment: JournalSegment; file: DiskFile }> {
    const active = this.#active
    if (active !== undefined) {
      const old = this.#world.clock.now() - active.segment.created >= this.#settings.retentionMs / parts
      if (active.segment.size < segmentBytes && !old) return active
      this.#active = undefined
      await active.file.close().catch(() => {})
      await active.segment.seal(this.#world.disk)
    }
    return (this.#active = await this.#create(first))
  }

  async #create(first: number): Promise<{ segment: JournalSegment; file: DiskFile }> {
    const { disk, clock, random } = this.#world
    const name = { first, id: newId(random()) }
    const segment = new JournalSegment(this.#settings.directory, name, clock.now())
    const file = await disk.open(segment.path, 'create')
    try {
      await file.write([segmentHeader(journalFormat, name, segment.created, first - 1 - this.#last)], 0)
      await file.sync()
      await disk.syncFolder(this.#settings.directory)
    } catch (error) {
      await file.close().catch(() => {})
      await disk.remove(segment.path).catch(() => {})
      throw error
    }
    this.#segments.push(segment)
    return { segment, file }
  }

  /**
   * After a write that failed nobody knows what is on the disk, and a sync that failed is not to be trusted the second time: what comes goes to a new file,
   * whose header says which ids were refused.
   */
  async #abandon(): Promise<void> {
    const active = this.#active
    this.#active = undefined
    if (active === undefined) return
    active.segment.through = this.#last
    try {
      await active.file.truncate(active.segment.size)
      await active.file.sync()
    } catch {
      // Said by whoever hears that the write failed.
    }
    await active.file.close().catch(() => {})
    await active.segment.seal(this.#world.disk)
  }

  #failed(error: unknown): void {
    const problem = `journal ${JSON.stringify(this.#settings.directory)}: it cannot be written: ${codeOf(error)}`
    if (this.#trouble === problem) return
    this.#trouble = problem
    this.#world.log.error({ directory: this.#settings.directory, error: codeOf(error) }, 'the journal cannot be written')
    this.onTrouble(problem)
  }
  #worked(): void {
    if (this.#trouble === undefined) return
    this.#trouble = undefined
    this.#world.log.info({ directory: this.#settings.directory }, 'the journal can be written again')
    this.onTrouble(undefined)
  }

  // Reading

  async find(key: string): Promise<Entry | undefined> {
    for (const id of this.#segments.flatMap(({ keys }) => keys.candidates(key))) {
      for await (const entry of this.#read(id, id)) if (entry.key === key) return entry
    }
    return undefined
  }

  async *replay<K extends EntryKind>(kinds: readonly K[], from: number): AsyncGenerator<EntryOf<K>> {
    const wanted = new Set<EntryKind>(kinds)
    for await (const entry of this.#read(from, this.#last)) if (wanted.has(entry.kind)) yield entry as EntryOf<K>
  }

  async *follow<K extends EntryKind>(kinds: readonly K[], from: number, signal?: AbortSignal): AsyncGenerator<EntryOf<K>> {
    const wanted = new Set<EntryKind>(kinds)
    const over = () => this.#closed || signal?.aborted === true
    for (let next = from; !over(); ) {
      const to = this.#last
      for await (const entry of this.#read(next, to)) {
        if (over()) return
        if (wanted.has(entry.kind)) yield entry as EntryOf<K>
      }
      next = Math.max(next, to + 1)
      if (this.#last < next && !over()) await this.#more(signal)
    }
  }

  /** Resolves when there is more to read, or nothing is to be read any more. */
  #more(signal?: AbortSignal): Promise<void> {
    return new Promise(resolve => {
      const done = () => {
        signal?.removeEventListener('abort', done)
        resolve()
      }
      signal?.addEventListener('abort', done)
      this.#waiting.push(done)
    })
  }
  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake()
  }

  /** Entries with ids of `from` to `to`, inclusive. */
  async *#read(from: number, to: number): AsyncGenerator<Entry> {
    let next = Math.max(from, this.first)
    for (const segment of [...this.#segments]) {
      if (this.#recent.length > 0 && this.#recent[0]!.id <= next) break
      if (segment.last < next || segment.first === 0) continue
      if (segment.first > to) return
      for await (const entry of this.#readSegment(segment, next, to)) {
        next = entry.id + 1
        yield entry
      }
    }
    // A copy of the array's part: more may come, and the oldest go, while the reader is busy.
    for (const entry of this.#recent.slice(firstAt(this.#recent, next))) {
      if (entry.id > to) return
      yield entry
    }
  }

  async *#readSegment(segment: JournalSegment, from: number, to: number): AsyncGenerator<Entry> {
    const file = await openIfThere(this.#world.disk, segment.path)
    if (file === undefined) return
    try {
      let before = from - 1
      for await (const step of walk(file, HEADER, segment.size, segment.name.id)) {
        if (step.is !== 'record') {
          if (!step.torn) this.#sayDamaged(segment.path, step.at, step.end)
          continue
        }
        if (step.sequence <= before || step.sequence > segment.through) continue
        if (step.sequence > to) return
        const entry = readEntry(step.sequence, step.time, step.body)
        if (entry === undefined) {
          this.#sayDamaged(segment.path, step.at, step.end)
          continue
        }
        before = entry.id
        yield entry
      }
    } finally {
      await file.close()
    }
  }

  /** Once for each place. */
  #sayDamaged(path: string, from: number, to: number): void {
    if (this.#damaged.has(`${path}:${from}`)) return
    this.#damaged.add(`${path}:${from}`)
    this.#world.log.error({ path, from, to }, 'the journal is damaged: what was written there is lost')
  }

  // Snapshots and retention

  snapshot(reader: string): Promise<Snapshot | undefined> {
    return this.#snapshots.get(reader)
  }
  async saveSnapshot(reader: string, snapshot: Snapshot, holds = true): Promise<void> {
    const { clock, random } = this.#world
    if (this.#closed) throw new RetryableError('the journal is closed')
    if (snapshot.position > this.#last)
      throw new RangeError(`a snapshot of ${reader} covers ${snapshot.position}, the journal has ${this.#last}`)
    await this.#snapshots.save(reader, snapshot, holds, clock.now(), random())
  }
  removeSnapshots(reader: string): Promise<void> {
    return this.#snapshots.remove(reader)
  }

  /** Deletes whole segments of which nobody needs anything, the oldest first. The newest stays, so that ids go on from it. */
  maintain(): Promise<void> {
    this.#upkeep = this.#upkeep.then(async () => {
      if (this.#trouble !== undefined && !this.#closed) await (this.#pumping ??= this.#pump(true))
      const { floor } = this.#snapshots
      while (this.#segments.length > 1) {
        const [oldest] = this.#segments
        if (oldest!.last > floor || !this.#isDue(oldest!)) return
        try {
          await oldest!.remove(this.#world.disk)
        } catch (error) {
          if (codeOf(error) !== 'ENOENT') {
            this.#world.log.warn({ path: oldest!.path, error: codeOf(error) }, 'an old file of the journal cannot be deleted')
            return
          }
        }
        this.#segments.shift()
        this.#forgotten += oldest!.keys.count
        this.#recent = this.#recent.slice(firstAt(this.#recent, oldest!.last + 1))
      }
    })
    return this.#upkeep
  }

  #isDue(oldest: JournalSegment): boolean {
    if (oldest.newest < this.#world.clock.now() - this.#settings.retentionMs) return true
    return this.#settings.maxBytes > 0 && this.figures.bytes > this.#settings.maxBytes
  }

  /** Writes what waits; followers end. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#timer?.[Symbol.dispose]()
    await this.#pumping
    await this.#upkeep
    await this.#snapshots.settled()
    this.#wake()
    await this.#active?.file.close().catch(() => {})
    await this.#active?.segment.seal(this.#world.disk)
    this.#active = undefined
    await this.#lock.release()
  }
}

function toRecords(group: readonly Pending[], id: number, first: number): Uint8Array[] {
  const headers = Buffer.allocUnsafeSlow(group.length * RECORD)
  return group.flatMap(({ body, time }, i) => {
    writeRecordHeader(headers, i * RECORD, id, { pieces: [body], length: body.length, rows: 1, sequence: first + i, time, flags: 0 })
    return [headers.subarray(i * RECORD, (i + 1) * RECORD), body]
  })
}

/** The place of the first entry with an id of at least `id`. */
function firstAt(entries: readonly Entry[], id: number): number {
  let low = 0
  let high = entries.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (entries[middle]!.id < id) low = middle + 1
    else high = middle
  }
  return low
}
