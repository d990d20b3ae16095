/**
 * A ring on the disk of what came last: spans, or log records, as they came. A batch is written to the file that is open, and is anybody's to ask for
 * from then on; the oldest file is deleted when it is older than the retention, or when all together are too large. What is where is known from
 * indexes in memory (segment-index.ts); what is found is decoded when it is read.
 */
import type { Logger } from '../../component/component.ts'
import { attemptOn, codeOf, type Disk, type DiskFile, type Lock } from '../../component/disk.ts'
import { RetryableError, StartError } from '../../component/errors.ts'
import { type Clock, every } from '../../lib/clock.ts'
import type { BatchOf, LogBatch, Reader, SpanBatch } from '../../model/batch.ts'
import { Raw } from '../../model/raw.ts'
import type { FoundRecords, QueryOf, Records } from '../../model/records.ts'
import { createReader } from '../../otlp/reader.ts'
import { newId, parseSegmentName, RECORD, segmentHeader, writeRecordHeader } from '../segments/frame.ts'
import { walk } from '../segments/walk.ts'
import { type AnyQuery, Matcher } from './match.ts'
import { Search } from './search.ts'
import { type Extent, formatOf, kindOf, type RecordSignal, RingSegment, reopen } from './segment.ts'

export interface RingSettings {
  readonly directory: string
  /** [ms] */
  readonly retentionMs: number
  /** [bytes] of all files */
  readonly maxBytes: number
  /** [ms] between two syncs; 0: before each acknowledgement */
  readonly syncMs: number
}
export interface RingWorld {
  readonly disk: Disk
  readonly clock: Clock
  readonly random: () => number
  readonly log: Logger
}

/** Files of a ring: so much more than the bounds say may be kept, or less. */
const parts = 16
const minSegmentBytes = 64 * 1024
const maxSegmentBytes = 64 * 2 ** 20
/** [bytes] that wait to be written */
const maxPendingBytes = 64 * 2 ** 20
const maintainMs = 5000
/** [ms] until a disk that has failed is tried again */
const againMs = 1000
/** [ms] without an attempt after which one is made with nothing to write: senders may have gone */
const quietMs = 30_000
/** what a search decodes has so many distinct names at once */
const maxNames = 100_000

export interface Forgotten {
  readonly rows: number
  readonly bytes: number
}
export interface RingFigures {
  readonly rows: number
  readonly bytes: number
  readonly segments: number
  /** [bytes] of indexes */
  readonly memory: number
  /** [ms] Unix, of the oldest row; Infinity: there is none */
  readonly since: number
  readonly forgotten: { readonly age: Forgotten; readonly size: Forgotten }
  /** [places] that could not be read */
  readonly damaged: number
}

interface Pending<S extends RecordSignal> {
  readonly batch: BatchOf[S]
  readonly done: PromiseWithResolvers<void>
}

export class RecordRing<S extends RecordSignal> implements Records<S> {
  readonly signal: S
  readonly #settings: RingSettings
  readonly #world: RingWorld
  readonly #lock: Lock
  readonly #reader: Reader
  /** the oldest first */
  #segments: RingSegment[]
  #active: { readonly segment: RingSegment; readonly file: DiskFile } | undefined
  #next: number
  #pending: Pending<S>[] = []
  #pendingBytes = 0
  #pumping: Promise<void> | undefined
  #dirty = false
  #timers: Disposable[] = []
  #upkeep: Promise<void> = Promise.resolve()
  #trouble: string | undefined
  /** [ms] monotonic */
  #tryAfter = 0
  readonly #forgotten = { age: { rows: 0, bytes: 0 }, size: { rows: 0, bytes: 0 } }
  #damaged = 0
  #closed = false
  onTrouble: (problem: string | undefined) => void = () => {}
  /** told when there may be room again */
  onRoom: () => void = () => {}

  private constructor(signal: S, settings: RingSettings, world: RingWorld, lock: Lock) {
    this.signal = signal
    this.#settings = settings
    this.#world = world
    this.#lock = lock
    this.#reader = createReader({ maxSeries: maxNames, maxTexts: maxNames, now: () => world.clock.monotonic() })
    this.#segments = []
    this.#next = 1
  }

  /** @throws {StartError} */
  static async open<S extends RecordSignal>(signal: S, settings: RingSettings, world: RingWorld): Promise<RecordRing<S>> {
    const { directory } = settings
    await attempt(directory, 'made', () => world.disk.makeFolder(directory, 0o750))
    const lock = await attempt(directory, 'written', () => world.disk.lock(`${directory}/lock`))
    if (lock === undefined) {
      throw new StartError(
        `the ${kindOf[signal]} ${JSON.stringify(directory)} are in use, by another process or by another store of this one`,
        {
          remedy: 'end it, or give each a directory of its own',
          taken: true,
        },
      )
    }
    const ring = new RecordRing(signal, settings, world, lock)
    try {
      await ring.#recover()
      return ring
    } catch (error) {
      await lock.release()
      throw error
    }
  }

  async #recover(): Promise<void> {
    const { disk } = this.#world
    const { directory } = this.#settings
    const names = await attempt(directory, 'read', () => disk.list(directory))
    for (const name of names.filter(name => name.endsWith('.tmp'))) await disk.remove(`${directory}/${name}`).catch(() => {})
    const files = names.map(parseSegmentName).filter(name => name !== undefined && name.kind === kindOf[this.signal])
    for (const name of files.sort((a, b) => a!.first - b!.first)) await this.#reopen(new RingSegment(directory, this.signal, name!, 0))
  }

  async #reopen(segment: RingSegment): Promise<void> {
    const { path } = segment
    const version = await attempt(path, 'read', () =>
      reopen(this.#world.disk, segment, this.signal, this.#reader, (from, to) => this.#damage(path, from, to)),
    )
    if (version !== undefined) {
      throw new StartError(`${JSON.stringify(path)} is of version ${version}, this program knows up to ${formatOf[this.signal].version}`, {
        remedy: 'start the newer version of this program, or move the directory away',
      })
    }
    this.#next = Math.max(this.#next, segment.next)
    if (segment.rows === 0) return segment.remove(this.#world.disk).catch(() => {})
    this.#segments.push(segment)
    if (segment.indexSize === 0) await segment.writeIndex(this.#world.disk).catch(() => {})
  }

  #damage(path: string, from: number, to: number): void {
    this.#damaged++
    this.#world.log.error({ path, from, to }, `${kindOf[this.signal]} on the disk are damaged: what is there is lost`)
  }

  /** Begins to sync, and to delete what is old. */
  start(): void {
    const { clock } = this.#world
    if (this.#settings.syncMs > 0) this.#timers.push(every(clock, this.#settings.syncMs, () => this.#sync()))
    this.#timers.push(every(clock, maintainMs, () => this.maintain()))
  }

  get trouble(): string | undefined {
    return this.#trouble
  }
  get figures(): RingFigures {
    const figures = { rows: 0, bytes: 0, memory: 0 }
    for (const { rows, bytes, index } of this.#segments) {
      figures.rows += rows
      figures.bytes += bytes
      figures.memory += index.bytes
    }
    const since = Math.min(...this.#segments.map(({ since }) => since))
    const { age, size } = this.#forgotten
    return { ...figures, segments: this.#segments.length, since, forgotten: { age: { ...age }, size: { ...size } }, damaged: this.#damaged }
  }

  // Writing

  /** [bytes] may they be handed over? */
  hasRoom(bytes: number): boolean {
    if (this.#closed || (this.#trouble !== undefined && this.#world.clock.monotonic() < this.#tryAfter)) return false
    return this.#pendingBytes === 0 || this.#pendingBytes + bytes <= maxPendingBytes
  }

  /** Resolves when the kernel has it, or as `syncMs` says the disk, and it can be asked for. The batch may be read until then. @throws {RetryableError} */
  append(batch: BatchOf[S]): Promise<void> {
    if (this.#closed) return Promise.reject(new RetryableError('the store is closed'))
    const done = Promise.withResolvers<void>()
    this.#pending.push({ batch, done })
    this.#pendingBytes += batch.raw.size
    this.#pumping ??= this.#pump()
    return done.promise
  }

  /** @param look whether the disk is well again, where nothing comes by which it would be seen */
  async #pump(look = false): Promise<void> {
    // What else comes in this turn goes with it.
    await Promise.resolve()
    if (look && this.#pending.length === 0) await this.#write([])
    while (this.#pending.length > 0) {
      const group = this.#pending.splice(0)
      await this.#write(group)
      for (const { batch } of group) this.#pendingBytes -= batch.raw.size
      this.onRoom()
    }
    this.#pumping = undefined
  }

  async #write(group: readonly Pending<S>[]): Promise<void> {
    const first = this.#next
    this.#next += group.length
    try {
      const { segment, file } = await this.#writable(first)
      await file.write(this.#records(group, segment, first), segment.size)
      this.#dirty = true
      if (this.#settings.syncMs === 0) await this.#syncActive()
      for (const { batch } of group) {
        const from = segment.size
        segment.size += RECORD + batch.raw.size
        segment.take(batch, from, segment.size)
      }
      segment.written = this.#world.clock.now()
      segment.next = this.#next
      this.#worked()
    } catch (error) {
      await this.#abandon()
      this.#failed('cannot be written', error)
      for (const { done } of group) done.reject(new RetryableError(this.#trouble!, { cause: error, retryAfterMs: againMs }))
      return
    }
    for (const { done } of group) done.resolve()
    await this.#makeRoom()
  }

  #records(group: readonly Pending<S>[], { name }: RingSegment, first: number): Uint8Array[] {
    const headers = Buffer.allocUnsafeSlow(group.length * RECORD)
    const time = this.#world.clock.now()
    return group.flatMap(({ batch: { raw, rows } }, i) => {
      writeRecordHeader(headers, i * RECORD, name.id, { pieces: raw.chunks, length: raw.size, rows, sequence: first + i, time, flags: 0 })
      return [headers.subarray(i * RECORD, (i + 1) * RECORD), ...raw.chunks]
    })
  }

  async #writable(first: number): Promise<{ segment: RingSegment; file: DiskFile }> {
    if (this.#active !== undefined && this.#isFull(this.#active.segment)) await this.#seal()
    this.#active ??= await this.#create(first)
    return this.#active
  }

  #isFull({ size, created }: RingSegment): boolean {
    const { maxBytes, retentionMs } = this.#settings
    const full = Math.min(maxSegmentBytes, Math.max(minSegmentBytes, maxBytes / parts))
    return size >= full || this.#world.clock.now() - created >= retentionMs / parts
  }

  async #create(first: number): Promise<{ segment: RingSegment; file: DiskFile }> {
    const { disk, clock, random } = this.#world
    const name = { first, id: newId(random()) }
    const segment = new RingSegment(this.#settings.directory, this.signal, name, clock.now())
    const file = await disk.open(segment.path, 'create')
    try {
      await file.write([segmentHeader(formatOf[this.signal], name, segment.created)], 0)
      await disk.syncFolder(this.#settings.directory)
    } catch (error) {
      await file.close().catch(() => {})
      await disk.remove(segment.path).catch(() => {})
      throw error
    }
    this.#segments.push(segment)
    return { segment, file }
  }

  /** Without its index, should that not be written, the file is read at the next start: no more than that. */
  async #seal(): Promise<void> {
    const active = this.#active
    if (active === undefined) return
    this.#active = undefined
    active.segment.seal()
    await active.file.sync().catch(() => {})
    await active.file.close().catch(() => {})
    await active.segment.writeIndex(this.#world.disk).catch(() => {})
  }

  /** After a write that failed nobody knows what is on the disk: what comes goes to another file. */
  async #abandon(): Promise<void> {
    const active = this.#active
    if (active === undefined) return
    await active.file.truncate(active.segment.size).catch(() => {})
    await this.#seal()
  }

  async #syncActive(): Promise<void> {
    if (!this.#dirty || this.#active === undefined) return
    this.#dirty = false
    await this.#active.file.sync()
  }
  async #sync(): Promise<void> {
    try {
      await this.#syncActive()
    } catch (error) {
      this.#dirty = true
      this.#failed('cannot be made safe', error)
    }
  }

  #failed(what: string, error: unknown): void {
    const problem = `${kindOf[this.signal]} ${JSON.stringify(this.#settings.directory)} ${what}: ${codeOf(error)}`
    this.#tryAfter = this.#world.clock.monotonic() + againMs
    if (this.#trouble === problem) return
    this.#trouble = problem
    this.#world.log.error({ directory: this.#settings.directory, error: codeOf(error) }, `${kindOf[this.signal]} ${what}`)
    this.onTrouble(problem)
  }
  #worked(): void {
    if (this.#trouble === undefined) return
    this.#trouble = undefined
    this.#world.log.info({ directory: this.#settings.directory }, `${kindOf[this.signal]} are written again`)
    this.onTrouble(undefined)
  }

  // Forgetting

  /** Deletes what is too old, or too much; whole files, the oldest first. */
  maintain(): Promise<void> {
    this.#upkeep = this.#upkeep.then(() => this.#maintain())
    return this.#upkeep
  }

  async #maintain(): Promise<void> {
    if (this.#closed) return
    if (this.#trouble !== undefined) {
      this.onRoom()
      if (this.#world.clock.monotonic() - this.#tryAfter >= quietMs) await (this.#pumping ??= this.#pump(true))
    }
    // Between writes: what is written to is not sealed under its hands.
    if (this.#pumping === undefined && this.#active !== undefined && this.#isFull(this.#active.segment)) await this.#seal()
    const oldest = this.#world.clock.now() - this.#settings.retentionMs
    while (this.#segments.length > 0 && this.#segments[0] !== this.#active?.segment && this.#segments[0]!.written < oldest) {
      if (!(await this.#forget('age'))) return
    }
  }

  async #makeRoom(): Promise<void> {
    while (this.#segments.length > 1 && this.#segments.reduce((sum, { bytes }) => sum + bytes, 0) > this.#settings.maxBytes) {
      if (!(await this.#forget('size'))) return
    }
  }

  async #forget(why: 'age' | 'size'): Promise<boolean> {
    const segment = this.#segments[0]!
    try {
      // First, so that nobody begins to read it.
      this.#segments.shift()
      await segment.remove(this.#world.disk)
    } catch (error) {
      this.#segments.unshift(segment)
      this.#world.log.warn({ path: segment.path, error: codeOf(error) }, 'an old file cannot be deleted')
      return false
    }
    this.#forgotten[why].rows += segment.rows
    this.#forgotten[why].bytes += segment.bytes
    return true
  }

  // Reading

  services(): readonly string[] {
    return [...new Set(this.#segments.flatMap(({ index }) => [...index.services]))].sort()
  }

  async find(query: QueryOf[S], signal?: AbortSignal): Promise<FoundRecords> {
    const matcher = new Matcher(this.signal, query as AnyQuery)
    const search = new Search(matcher, this.signal, bytes => this.#rowsIn(bytes))
    const places = this.#segments.flatMap(segment => {
      const blocks = segment.blocks(
        block => matcher.mayBeInBlock(block),
        open => matcher.mayBeIn(open, hash => open.hashes.has(hash)),
        matcher.traceHashes,
      )
      return blocks.map(block => ({ segment, block }))
    })
    places.sort((a, b) => b.block.maxTime - a.block.maxTime)
    for (const { segment, block } of places) {
      signal?.throwIfAborted()
      if (!search.wants(block.maxTime)) break
      await this.#search(segment, block, search)
    }
    return search.found()
  }

  #rowsIn(bytes: Uint8Array): Uint32Array {
    const batch = this.#reader.read(this.signal, Raw.of(bytes)) as SpanBatch | LogBatch
    return batch.signal === 'traces' ? batch.spans.from : batch.records.from
  }

  async #search(segment: RingSegment, { from, to }: Extent, search: Search): Promise<void> {
    let file: DiskFile
    try {
      file = await this.#world.disk.open(segment.path, 'read')
    } catch (error) {
      // It was forgotten meanwhile.
      if (codeOf(error) === 'ENOENT') return
      throw error
    }
    try {
      for await (const step of walk(file, from, to, segment.name.id)) {
        if (step.is === 'hole') this.#damage(segment.path, step.at, step.end)
        else {
          search.take(this.#reader.read(this.signal, Raw.of(step.body)))
          this.#reader.sweep(Number.POSITIVE_INFINITY, 0)
        }
      }
    } finally {
      await file.close()
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    for (const timer of this.#timers) timer[Symbol.dispose]()
    await this.#pumping
    await this.#upkeep
    await this.#seal()
    await this.#lock.release()
  }
}

/** @throws {StartError} for whatever `work` throws */
const attempt = <T>(path: string, done: 'made' | 'read' | 'written', work: () => Promise<T>): Promise<T> =>
  attemptOn(work, (why, options) => new StartError(`the store ${JSON.stringify(path)} cannot be ${done}: ${why}`, options))
