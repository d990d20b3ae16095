/**
 * What comes: refused by its time, or written to the log, then acknowledged and entered into the head. One write at a time; what comes
 * meanwhile is written together by the next. Whatever else touches the log waits for its turn here: a new head, and a look whether the
 * disk is well again.
 */
import type { Disk } from '../component/disk.ts'
import { RetryableError } from '../component/errors.ts'
import type { Clock } from '../lib/clock.ts'
import type { Contents } from './contents.ts'
import { AHEAD, APPENDED, appendOne, Head, TOO_OLD } from './head.ts'
import { Incoming, type SeriesHandle, writeBody } from './incoming.ts'
import type { Notes } from './notes.ts'
import { createWal } from './open.ts'
import { type StoreSettings, WINDOW } from './settings.ts'
import type { Trouble } from './trouble.ts'
import type { WriteAheadLog } from './wal.ts'

export interface Appended {
  /** by sample, an index into `outcomes` */
  readonly outcomes: Uint8Array
}

/** What waits in memory to be written to the log; more is refused. */
const maxPendingBytes = 64 * 2 ** 20

interface Pending {
  readonly incoming: Incoming
  readonly done: PromiseWithResolvers<Appended>
}

export interface IntakeParts {
  readonly disk: Disk
  readonly clock: Clock
  readonly contents: Contents
  readonly notes: Notes
  readonly trouble: Trouble
}

export class Intake {
  readonly #settings: StoreSettings
  readonly #disk: Disk
  readonly #clock: Clock
  readonly #contents: Contents
  readonly #notes: Notes
  readonly #trouble: Trouble
  #wal: WriteAheadLog
  #pending: Pending[] = []
  #pendingBytes = 0
  #pumping: Promise<void> | undefined
  /** series of the head that the log does not name because a write has failed */
  readonly #unnamed = new Set<number>()
  /** asked for: a new head, and a look whether the disk is well again */
  #rotation: PromiseWithResolvers<void> | undefined
  #probe: PromiseWithResolvers<void> | undefined
  #closed = false
  /** told when there may be room again */
  onRoom: () => void = () => {}

  constructor(settings: StoreSettings, wal: WriteAheadLog, { disk, clock, contents, notes, trouble }: IntakeParts) {
    this.#settings = settings
    this.#wal = wal
    this.#disk = disk
    this.#clock = clock
    this.#contents = contents
    this.#notes = notes
    this.#trouble = trouble
  }

  get pendingBytes(): number {
    return this.#pendingBytes
  }
  get walBytes(): number {
    return this.#wal.size
  }
  /** [bytes] may they be handed over? */
  hasRoom(bytes: number): boolean {
    const fits = this.#pendingBytes === 0 || this.#pendingBytes + bytes <= maxPendingBytes
    return !this.#closed && this.#trouble.problem === undefined && fits
  }

  /**
   * Resolves when all of it is in the log and can be asked for: as safe as `syncMs` says.
   * @throws {RetryableError} nothing of it is
   */
  append(incoming: Incoming): Promise<Appended> {
    if (this.#closed) return Promise.reject(new RetryableError('the store is closed'))
    const outside = this.#outside(incoming)
    return outside === undefined ? this.#enqueue(incoming) : this.#appendWithin(incoming, outside)
  }

  #enqueue(incoming: Incoming): Promise<Appended> {
    const done = Promise.withResolvers<Appended>()
    this.#pending.push({ incoming, done })
    this.#pendingBytes += sizeOf(incoming)
    this.#pumping ??= this.#pump()
    return done.promise
  }

  /** What comes from here on goes to a new head; the one before is sealed. */
  async seal(): Promise<void> {
    if (this.#contents.stage.head.samples === 0) return
    this.#rotation ??= Promise.withResolvers()
    this.#pumping ??= this.#pump()
    await this.#rotation.promise
  }

  /** Is the disk well again? */
  async look(): Promise<void> {
    this.#probe ??= Promise.withResolvers()
    this.#pumping ??= this.#pump()
    await this.#probe.promise
  }

  /** Makes the log safe from a loss of power. */
  async sync(): Promise<void> {
    try {
      await this.#wal.sync()
    } catch (error) {
      this.#trouble.failed('the log cannot be made safe', error)
    }
  }

  /** Takes nothing more; resolves when all that was taken is written or refused. */
  async end(): Promise<void> {
    this.#closed = true
    await this.#pumping
  }
  async closeLog(): Promise<void> {
    await this.#wal.sync()
    await this.#wal.close()
  }

  /**
   * By sample why its time is refused, 0 where it is not; undefined: none is. What is refused does not come into the log, so that a log holds nothing but
   * what was taken. A batch is judged by what was there before it.
   */
  #outside(incoming: Incoming): Uint8Array | undefined {
    const { time, length } = incoming.samples
    const now = this.#clock.now()
    const latest = now + this.#settings.aheadMs
    const earliest = this.#earliest(now)
    let outside: Uint8Array | undefined
    for (let i = 0; i < length; i++) {
      if (time[i]! <= latest && time[i]! >= earliest) continue
      outside ??= new Uint8Array(length)
      outside[i] = time[i]! > latest ? AHEAD : this.#known(incoming, i) || TOO_OLD
    }
    return outside
  }

  /** epoch ms: what is older is refused */
  #earliest(now: number): number {
    const { outOfOrderMs, retention } = this.#settings
    // What is older than anything that is kept would be deleted at once.
    const kept = now - Math.max(retention.rawMs, retention.minuteMs, retention.hourMs)
    // Samples ahead of the clock do not move the window: a sender whose clock is wrong would take everybody else's late samples away.
    return Math.max(kept, Math.min(this.#contents.stage.head.newest, now) - outOfOrderMs)
  }

  /** Who sends again what is here already is not told that it is too old. @returns an index into `outcomes`, 0 where nothing of that time is in memory */
  #known({ series, samples }: Incoming, i: number): number {
    const { head } = this.#contents.stage
    const number = head.find(series[i]!.labels.key)
    return number === undefined ? APPENDED : head.compare(number, samples, i)
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
      const { outcomes } = await this.#enqueue(within)
      for (const [k, i] of places.entries()) outside[i] = outcomes[k]!
    }
    return { outcomes: outside }
  }

  async #pump(): Promise<void> {
    // What else comes in this turn goes with it.
    await Promise.resolve()
    while (this.#pending.length > 0 || this.#rotation !== undefined || this.#probe !== undefined) {
      if (this.#probe !== undefined) await this.#tryDisk()
      if (this.#rotation !== undefined) await this.#rotate()
      const group = this.#pending.splice(0)
      if (group.length > 0) await this.#write(group)
      for (const { incoming } of group) this.#pendingBytes -= sizeOf(incoming)
      this.onRoom()
    }
    this.#pumping = undefined
  }

  async #write(group: readonly Pending[]): Promise<void> {
    const { head } = this.#contents.stage
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
      if (this.#settings.syncMs === 0) await this.#wal.sync()
    } catch (error) {
      for (const { series } of fresh) this.#unnamed.add(series)
      const problem = this.#trouble.failed('the log cannot be written', error)
      for (const { done } of group) done.reject(new RetryableError(problem, { cause: error, retryAfterMs: 1000 }))
      return
    }
    for (const { series } of fresh) this.#unnamed.delete(series)
    for (const { incoming, done } of group) done.resolve({ outcomes: this.#take(head, incoming) })
  }

  /** Gives a series its number in this head. */
  #enter(head: Head, handle: SeriesHandle, fresh: SeriesHandle[]): void {
    if (handle.head === head.mark) {
      if (this.#unnamed.size === 0 || !this.#unnamed.delete(handle.series)) return
    } else {
      const known = head.find(handle.labels.key)
      handle.head = head.mark
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
    this.#notes.take(incoming)
    return results
  }

  /** Writes an empty record. */
  async #tryDisk(): Promise<void> {
    this.#wal.add(into => writeBody(into, new Incoming(0), []))
    try {
      await this.#wal.write()
      await this.#wal.sync()
      this.#trouble.worked()
    } catch (error) {
      this.#trouble.failed('the log cannot be written', error)
    }
    this.#probe?.resolve()
    this.#probe = undefined
  }

  async #rotate(): Promise<void> {
    const contents = this.#contents
    const horizon = contents.stage.head.newest
    try {
      await this.#wal.sync()
      const number = contents.nextGeneration()
      const wal = await createWal(this.#disk, this.#settings.directory, number, horizon)
      const before = this.#wal
      this.#wal = wal
      const head = new Head(WINDOW, horizon)
      contents.succeed({ head, logs: [number], since: this.#clock.monotonic() })
      this.#unnamed.clear()
      await before.close()
    } catch (error) {
      this.#trouble.failed('a new log cannot be made', error)
    }
    this.#rotation?.resolve()
    this.#rotation = undefined
  }
}

const sizeOf = ({ samples }: Incoming): number => 256 + 20 * samples.length
