/**
 * The queue of one exporter and signal on the disk. Bodies that arrive together are written and synced together, and only then are
 * they anybody's responsibility. They are read in order: from memory as long as the owner keeps up, from the disk when it does not, so
 * that a long outage costs disk and no memory. A segment is deleted when everything in it is done.
 */
import { join } from 'node:path'
import { codeOf, type Disk } from '../../component/disk.ts'
import { RetryableError } from '../../component/errors.ts'
import type { Amount, QueueOwner, StoredBody, StoredQueue } from '../../component/storage.ts'
import type { Clock } from '../../lib/clock.ts'
import { Raw } from '../../model/raw.ts'
import { walk } from '../../store/segments/walk.ts'
import {
  add,
  FOOTER,
  fileHeader,
  fileName,
  footer,
  HEADER,
  type Mark,
  noTotals,
  OWN,
  RECORD,
  type Totals,
  writeRecordHeader,
} from './format.ts'
import type { Found } from './recover.ts'
import { Segment, type SegmentBody } from './segment.ts'

/** What all queues of a storage share. */
export interface Space {
  /** Why there is no room; undefined where there is. */
  lacks(bytes: number): { readonly why: string; readonly temporary: boolean } | undefined
  /** [bytes] taken, or with a minus given back */
  used(bytes: number): void
  /** Something could not be written: nothing is tried until the disk has been looked at again. */
  failed(error: unknown): void
  /** Something was written. */
  worked(): void
}

export interface Around {
  readonly disk: Disk
  readonly clock: Clock
  readonly random: () => number
  readonly log: { warn(fields: object, message: string): void; error(fields: object, message: string): void }
  readonly space: Space
  readonly fsync: boolean
  /** [bytes] a segment is sealed when it is as large */
  readonly segmentBytes: number
}

/** [bytes] written and synced at once */
const maxGroupBytes = 16 * 2 ** 20
/** [bytes] read at once */
const chunkBytes = 256 * 1024
/** After so many failures in a row to read from one segment, it is set aside. */
const maxReadFailures = 10

/** The next unread record is looked for here. */
interface Cursor {
  readonly segment: Segment
  at: number
}

interface Pending {
  readonly raw: Raw
  readonly rows: number
  readonly own: boolean
  readonly resolve: (body: StoredBody | undefined) => void
  readonly reject: (error: RetryableError) => void
}

export class Log implements StoredQueue {
  readonly recovered: Amount
  readonly unread: Totals = noTotals()
  readonly #folder: string
  readonly #owner: QueueOwner
  readonly #around: Around
  /** in order; the last may be open */
  #segments: Segment[]
  #active: Segment | undefined
  #nextSequence: number
  /** While something is unread, or being read, everything that comes after it is. Otherwise it says nothing. */
  #cursor: Cursor | undefined
  #reading = false
  #readFailures = 0
  #pending: Pending[] = []
  #committing: Promise<void> | undefined
  /** the open segment has nothing left in it, and takes room */
  #retire = false
  #marks: { segment: Segment; mark: Mark }[] = []
  #flushing: Promise<void> | undefined
  #nextFlush: Promise<void> | undefined
  /** segments that could not be deleted */
  #leftovers: Segment[] = []
  /** names have changed that a loss of power would undo */
  #folderUnsynced = false
  #saidMarks = false
  #closed: Promise<void> | undefined

  constructor(folder: string, owner: QueueOwner, found: readonly Found[], around: Around) {
    this.#folder = folder
    this.#owner = owner
    this.#around = around
    this.#segments = found.map(({ name, size, marks, left }) => {
      const segment = new Segment(around.disk, folder, name, { size, before: marks })
      add(segment.total, left)
      add(segment.unread, left)
      add(this.unread, left)
      around.space.used(size)
      return segment
    })
    this.recovered = { ...this.unread }
    this.#nextSequence = 1 + found.reduce((last, { name, lastSequence }) => Math.max(last, lastSequence, name.first), 0)
    const [first] = this.#segments
    if (first !== undefined) this.#cursor = { segment: first, at: HEADER }
  }

  /** Deletes what is done already. */
  async start(): Promise<void> {
    for (const segment of this.#segments) if (segment.isDone) await this.#remove(segment)
  }

  lacks(bytes: number): ReturnType<Space['lacks']> {
    return this.#around.space.lacks(bytes + RECORD)
  }

  // Writing

  append(raw: Raw, rows: number, own: boolean): Promise<StoredBody | undefined> {
    if (this.#closed !== undefined) return Promise.reject(new RetryableError('the queue is closed'))
    const { promise, resolve, reject } = Promise.withResolvers<StoredBody | undefined>()
    // Counted while it is being written, so that those that come meanwhile see less room.
    this.#around.space.used(RECORD + raw.size)
    this.#pending.push({ raw, rows, own, resolve, reject })
    this.#commitSoon()
    return promise
  }

  /** What arrives in this turn of the loop shares the first sync; what arrives during a sync, the next. */
  #commitSoon(): void {
    this.#committing ??= new Promise<void>(resolve => setImmediate(resolve))
      .then(() => this.#commitAll())
      .finally(() => {
        this.#committing = undefined
        if (this.#pending.length > 0 || this.#retire) this.#commitSoon()
      })
  }

  async #commitAll(): Promise<void> {
    while (this.#pending.length > 0 || this.#retire) {
      if (this.#retire) await this.#retireActive()
      const group = this.#takeGroup()
      if (group.length > 0) await this.#commit(group)
    }
  }

  #takeGroup(): Pending[] {
    let bytes = 0
    let count = 0
    for (const { raw } of this.#pending) {
      if (count > 0 && bytes + raw.size > maxGroupBytes) break
      bytes += raw.size
      count++
    }
    return this.#pending.splice(0, count)
  }

  async #commit(group: readonly Pending[]): Promise<void> {
    const firstSequence = this.#nextSequence
    this.#nextSequence += group.length
    try {
      const segment = await this.#writable(firstSequence)
      const pieces = this.#records(group, segment, firstSequence)
      const file = await segment.file()
      await file.write(pieces, segment.size)
      if (this.#around.fsync) await file.sync()
      this.#committed(group, segment, firstSequence)
      this.#around.space.worked()
    } catch (error) {
      this.#around.space.failed(error)
      await this.#abandon()
      for (const { raw, reject } of group) {
        this.#around.space.used(-(RECORD + raw.size))
        reject(new RetryableError(`the queue of ${this.#owner.id} cannot be written: ${codeOf(error)}`, { cause: error }))
      }
    }
  }

  #records(group: readonly Pending[], segment: Segment, firstSequence: number): Uint8Array[] {
    const headers = Buffer.allocUnsafeSlow(group.length * RECORD)
    const pieces: Uint8Array[] = []
    const time = this.#around.clock.now()
    group.forEach(({ raw, rows, own }, i) => {
      const { chunks, size: length } = raw
      const record = { pieces: chunks, length, rows, sequence: firstSequence + i, time, flags: own ? OWN : 0 }
      writeRecordHeader(headers, i * RECORD, segment.name.id, record)
      pieces.push(headers.subarray(i * RECORD, (i + 1) * RECORD), ...chunks)
    })
    return pieces
  }

  /** All of a group at once, in one turn: no reader comes between. */
  #committed(group: readonly Pending[], segment: Segment, firstSequence: number): void {
    for (const [i, { raw, rows, own, resolve }] of group.entries()) {
      const one: Totals = { bodies: 1, rows, bytes: raw.size }
      const at = segment.size
      segment.size += RECORD + raw.size
      add(segment.total, one)
      if (this.unread.bodies === 0 && !this.#reading && this.#owner.keeps(raw.size)) {
        const body: SegmentBody = { raw, rows, own, begun: false, segment, sequence: firstSequence + i }
        resolve(body)
        continue
      }
      if (this.unread.bodies === 0 && !this.#reading) this.#cursor = { segment, at }
      else this.#cursor ??= { segment, at }
      add(segment.unread, one)
      add(this.unread, one)
      resolve(undefined)
    }
  }

  async #writable(firstSequence: number): Promise<Segment> {
    if (this.#active !== undefined && this.#active.size >= this.#around.segmentBytes) await this.#seal()
    this.#active ??= await this.#create(firstSequence)
    return this.#active
  }

  async #create(first: number): Promise<Segment> {
    const { disk, clock, random } = this.#around
    const name = { first, id: 1 + Math.floor(random() * (2 ** 32 - 1)) }
    const path = join(this.#folder, fileName(name, 'segment'))
    const file = await disk.open(path, 'create')
    try {
      await file.write([fileHeader('segment', name, clock.now())], 0)
      if (this.#around.fsync) {
        await file.sync()
        await disk.syncFolder(this.#folder)
        this.#folderUnsynced = false
      }
    } catch (error) {
      await file.close().catch(() => {})
      await disk.remove(path).catch(() => {})
      throw error
    }
    const segment = new Segment(disk, this.#folder, name, { file, size: HEADER })
    this.#around.space.used(HEADER)
    this.#segments.push(segment)
    return segment
  }

  /** With the sums of what is in it at its end, so that the next start need not read it. Without them it does: no more than that. */
  async #seal(): Promise<void> {
    const segment = this.#active
    if (segment === undefined) return
    this.#active = undefined
    try {
      const file = await segment.file()
      await file.write([footer(segment.name.id, this.#nextSequence, this.#around.clock.now(), segment.total)], segment.size)
      segment.size += FOOTER
      this.#around.space.used(FOOTER)
    } catch {
      // What is there is whole.
    }
    segment.sealed = true
    if (segment.isDone) await this.#remove(segment)
  }

  async #retireActive(): Promise<void> {
    this.#retire = false
    if (this.#active?.isDone !== true) return
    const segment = this.#active
    this.#active = undefined
    segment.sealed = true
    await this.#remove(segment)
  }

  /**
   * After a write that failed nobody knows what is on the disk, and a sync that failed is not to be trusted the second time. What was
   * safe before stays; what was refused is cut off if that can be done, and would otherwise be sent although its sender sends it again.
   */
  async #abandon(): Promise<void> {
    const segment = this.#active
    if (segment === undefined) return
    this.#active = undefined
    segment.sealed = true
    try {
      const file = await segment.file()
      await file.truncate(segment.size)
      if (this.#around.fsync) await file.sync()
    } catch {
      // Said by whoever hears that the write failed.
    }
    if (segment.isDone) await this.#remove(segment)
  }

  // Reading

  async read(bytes: number): Promise<{ bodies: StoredBody[]; lost: Amount }> {
    const bodies: SegmentBody[] = []
    const lost = noTotals()
    this.#reading = true
    try {
      for (let got = 0; got < bytes && this.#cursor !== undefined && this.unread.bodies > 0; ) {
        const cursor = this.#cursor
        got += await this.#readSegment(cursor, bytes - got, bodies, lost)
        if (cursor.at >= cursor.segment.size && this.#cursor === cursor) await this.#nextSegment(cursor, lost)
      }
      this.#readFailures = 0
    } catch (error) {
      // What has been read is not to be lost; the next call meets the error again.
      if (bodies.length === 0) await this.#failedToRead(error, lost)
    } finally {
      this.#reading = false
    }
    return { bodies, lost }
  }

  /** @returns [bytes] of bodies */
  async #readSegment(cursor: Cursor, bytes: number, bodies: SegmentBody[], lost: Totals): Promise<number> {
    const { segment } = cursor
    const { before } = segment
    let got = 0
    for await (const step of walk(await segment.file(), cursor.at, segment.size, segment.name.id, chunkBytes)) {
      cursor.at = step.end
      if (step.is === 'hole') {
        this.#skipHole(segment, step, lost)
        continue
      }
      const { sequence, rows, body, own } = step
      if (step.footer || before?.done.has(sequence)) continue
      this.#forget(segment, { bodies: 1, rows, bytes: body.length })
      bodies.push({ raw: Raw.of(body), rows, own, begun: before?.begun.has(sequence) ?? false, segment, sequence })
      got += body.length
      if (got >= bytes) break
    }
    return got
  }

  /** Of a body that says of itself how large it was, and is not whole, all is known but what it was. */
  #skipHole(
    segment: Segment,
    hole: {
      at: number
      end: number
      header: { rows: number; length: number; sequence: number; footer: boolean } | undefined
      torn: boolean
    },
    lost: Totals,
  ): void {
    const { at, end, header, torn } = hole
    if (torn || header?.footer === true) return
    const known = header !== undefined && segment.before?.done.has(header.sequence) !== true
    this.#around.log.error(
      { file: segment.path, at, bytes: end - at, ...(known ? { rows: header.rows } : {}) },
      'a part of a queue on the disk is damaged',
    )
    if (known && segment.unread.bodies > 0) {
      const one = { bodies: 1, rows: header.rows, bytes: header.length }
      this.#forget(segment, one)
      this.#lose(segment, one, lost, header.sequence)
    }
  }

  async #nextSegment({ segment }: Cursor, lost: Totals): Promise<void> {
    // The sums say that there were more: they were in what is damaged.
    if (segment.unread.bodies > 0) {
      const missing = { ...segment.unread }
      this.#forget(segment, missing)
      this.#lose(segment, missing, lost)
    }
    if (!segment.sealed) return
    this.#cursor = this.#after(segment)
    if (segment.isDone) await this.#remove(segment)
  }

  #after(segment: Segment): Cursor | undefined {
    const next = this.#segments[this.#segments.indexOf(segment) + 1]
    return next === undefined ? undefined : { segment: next, at: HEADER }
  }

  #lose(segment: Segment, what: Totals, lost: Totals, sequence?: number): void {
    add(lost, what)
    segment.settled += what.bodies
    if (sequence !== undefined) this.#marks.push({ segment, mark: { kind: 'done', from: sequence, to: sequence, ...what } })
  }

  #forget(segment: Segment, what: Totals): void {
    add(segment.unread, what, -1)
    add(this.unread, what, -1)
  }

  async #failedToRead(error: unknown, lost: Totals): Promise<void> {
    if (this.#cursor === undefined || ++this.#readFailures < maxReadFailures) throw error
    const { segment } = this.#cursor
    // What is being written may be somebody's responsibility a moment later: it is not touched before it is sealed.
    if (!segment.sealed) throw error
    this.#readFailures = 0
    const aside = `${segment.path}.unreadable`
    this.#around.log.error(
      { file: aside, rows: segment.unread.rows, error: codeOf(error) },
      'a part of a queue cannot be read and is set aside',
    )
    await this.#around.disk.rename(segment.path, aside).catch(() => {})
    await this.#nextSegment(this.#cursor, lost)
  }

  // Done

  async begin(bodies: readonly StoredBody[]): Promise<void> {
    if (this.#closed !== undefined) return
    this.#mark('begun', bodies)
    await this.#flush()
  }

  settle(bodies: readonly StoredBody[]): void {
    if (this.#closed !== undefined) return
    for (const { segment } of bodies as readonly SegmentBody[]) segment.settled++
    this.#mark('done', bodies)
    let last: Segment | undefined
    for (const { segment } of bodies as readonly SegmentBody[]) {
      if (segment === last) continue
      last = segment
      if (!segment.isDone) continue
      if (segment.sealed) void this.#remove(segment)
      else if (segment === this.#active && this.#isWorthRetiring(segment)) {
        this.#retire = true
        this.#commitSoon()
      }
    }
    void this.#flush()
  }

  #isWorthRetiring(segment: Segment): boolean {
    return segment.size >= this.#around.segmentBytes / 4 || this.#around.space.lacks(0) !== undefined
  }

  /** A range for each run of neighbours. */
  #mark(kind: Mark['kind'], bodies: readonly StoredBody[]): void {
    let at: { segment: Segment; from: number; to: number; totals: Totals } | undefined
    const end = () => {
      if (at !== undefined) this.#marks.push({ segment: at.segment, mark: { kind, from: at.from, to: at.to, ...at.totals } })
    }
    for (const { segment, sequence, rows, raw } of bodies as readonly SegmentBody[]) {
      if (at === undefined || at.segment !== segment || at.to + 1 !== sequence) {
        end()
        at = { segment, from: sequence, to: sequence, totals: noTotals() }
      }
      at.to = sequence
      add(at.totals, { bodies: 1, rows, bytes: raw.size })
    }
    end()
  }

  /** Resolves when every mark that was made until now is written, or could not be. */
  #flush(): Promise<void> {
    this.#nextFlush ??= (async () => {
      await (this.#flushing ?? new Promise<void>(resolve => queueMicrotask(resolve)))
      this.#flushing = this.#nextFlush
      this.#nextFlush = undefined
      await this.#writeMarks()
      if (this.#nextFlush === undefined) this.#flushing = undefined
    })()
    return this.#nextFlush
  }

  async #writeMarks(): Promise<void> {
    const marks = this.#marks
    this.#marks = []
    const bySegment = Map.groupBy(marks, ({ segment }) => segment)
    for (const [segment, list] of bySegment) {
      if (segment.removed || (segment.sealed && segment.isDone)) continue
      try {
        await segment.writeMarks(
          list.map(({ mark }) => mark),
          this.#around.clock.now(),
        )
      } catch (error) {
        // A segment that was deleted meanwhile needs none.
        if (segment.removed) continue
        // What is done is written with the next; if there is no next, it is sent again.
        this.#marks.unshift(...list.filter(({ mark }) => mark.kind === 'done'))
        if (!this.#saidMarks)
          this.#around.log.warn(
            { file: segment.acksPath, error: codeOf(error) },
            'what was delivered cannot be written down: it may be sent again',
          )
        this.#saidMarks = true
        return
      }
    }
    this.#saidMarks = false
  }

  async #remove(segment: Segment): Promise<void> {
    if (segment.removed) return
    if (this.#cursor?.segment === segment) this.#cursor = this.#after(segment)
    this.#segments = this.#segments.filter(other => other !== segment)
    this.#folderUnsynced = true
    try {
      await segment.remove()
      this.#around.space.used(-segment.size)
      this.#owner.freed()
    } catch (error) {
      this.#leftovers.push(segment)
      this.#around.log.warn({ file: segment.path, error: codeOf(error) }, 'a part of a queue that is done cannot be deleted')
    }
  }

  /** Once a second: what may wait that long. @throws as the disk does */
  async tidy(): Promise<void> {
    for (const segment of this.#leftovers.splice(0)) await this.#removeAgain(segment)
    if (this.#marks.length > 0) await this.#flush()
    if (!this.#around.fsync) return
    for (const segment of this.#segments) await segment.syncMarks()
    if (this.#folderUnsynced) {
      this.#folderUnsynced = false
      await this.#around.disk.syncFolder(this.#folder)
    }
  }

  async #removeAgain(segment: Segment): Promise<void> {
    try {
      await segment.remove()
      this.#around.space.used(-segment.size)
      this.#owner.freed()
    } catch {
      this.#leftovers.push(segment)
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    while (this.#committing !== undefined) await this.#committing
    await this.#flush()
    if (this.#active?.isDone) await this.#retireActive()
    await this.#seal()
    try {
      await this.tidy()
    } catch (error) {
      this.#around.log.warn({ error: codeOf(error) }, 'what was delivered cannot be made safe: after a loss of power it may be sent again')
    } finally {
      for (const segment of this.#segments) {
        await segment.close().catch(() => {})
        this.#around.space.used(-segment.size)
      }
    }
  }
}
