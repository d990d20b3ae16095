/**
 * What an exporter holds: bodies that wait and bodies on their way, one bound over both, so that the most it can hold is the
 * same whatever the destination does. Room is reserved before a hand-over and charged at its true size when it is taken.
 * Where the queue is stored, bodies may be held that are on the disk alone; they enter when they have been read.
 */
import { z } from 'zod'
import type { Raw } from '../model/raw.ts'
import type { Budget } from './budget.ts'
import type { Leaf, Room } from './room.ts'
import { bytes, duration, refused } from './settings.ts'
import type { StoredBody } from './storage.ts'

export const queueSettings = () =>
  z
    .strictObject({
      enabled: z
        .boolean()
        .default(true)
        .describe('Off: a sender waits until its batch has been delivered, and gets the error when it could not be.'),
      num_consumers: z.number().int().min(1).default(10).describe('The most requests that are under way at once.'),
      storage: z
        .string()
        .min(1)
        .optional()
        .describe(
          'The id of an extension that stores, such as `file_storage`: the queue is kept on the disk, a restart goes on where it was, and a sender is told yes when its batch is safe there.',
        ),
      queue_size: z
        .number()
        .int()
        .min(1)
        .optional()
        .describe(
          'The most that is held, waiting or under way, in the unit of `sizer`. By default 10000 requests; with `storage` 1000000, of whatever size `max_size` of the storage allows. More than the 1000 of the Collector, whose requests have been put together before they are counted.',
        ),
      sizer: z
        .enum(['requests', 'items', 'bytes'])
        .default('requests')
        .describe('What `queue_size` counts: batches as they were received, rows, or bytes.'),
      max_bytes: bytes()
        .prefault('64MiB')
        .describe(
          'The most bytes that are held in memory, whatever `queue_size` says; with `storage` what is beyond waits on the disk alone. An empty queue takes any one batch.',
        ),
      block_on_overflow: z
        .boolean()
        .optional()
        .describe(
          'When full, let the sender wait (`service.consume_timeout`) instead of dropping the batch as `queue_full`. By default true with `storage`, otherwise false.',
        ),
      wait_for_result: z
        .boolean()
        .default(false)
        .describe('A sender waits until its batch has been delivered, and gets the error when it could not be.'),
      batch: z
        .strictObject({
          max_size: z
            .number()
            .int()
            .min(0)
            .default(8192)
            .describe(
              'Waiting batches are put into one request up to this size, in the unit of `sizer`. 0: no limit. One batch is never cut.',
            ),
          max_bytes: bytes().prefault('4MiB').describe('Waiting batches are put into one request up to this many bytes.'),
          min_size: z
            .number()
            .int()
            .min(0)
            .optional()
            .describe('While a request is under way, how much must wait before another goes out beside it. By default `max_size`.'),
          flush_timeout: duration({ min: 1 })
            .prefault('200ms')
            .describe(
              'While a request is under way, how long less than `min_size` waits. When none is, it is sent at once; after a request of eight batches or more, within 5 ms.',
            ),
          sizer: z.enum(['items', 'bytes']).default('items').describe('What `min_size` and `max_size` count: rows or bytes.'),
          partition: refused('requests are not told apart by the headers that they came with', 'leave it out'),
        })
        .prefault({})
        .describe('How batches that wait are put together.'),
    })
    .refine(settings => settings.storage === undefined || !settings.wait_for_result, {
      path: ['wait_for_result'],
      message: 'must be off with storage: what is on the disk has been taken over, and its sender waits for no outcome',
    })
    .prefault({})

export type QueueSettings = z.infer<ReturnType<typeof queueSettings>>

/** In the unit of `sizer`, where nothing else is set. */
const defaultSize = { memory: 10_000, stored: 1_000_000 } as const
export const queueCapacity = ({ queue_size, storage }: QueueSettings): number =>
  queue_size ?? defaultSize[storage === undefined ? 'memory' : 'stored']

/** One batch as it was handed over. */
export interface Body {
  readonly raw: Raw
  readonly rows: number
  /** where the queue is stored: it is on the disk */
  readonly stored?: StoredBody
  /** somebody waits for the outcome and is told it */
  readonly answer?: PromiseWithResolvers<void>
}

export class Queue implements Leaf {
  readonly #settings: QueueSettings
  readonly #capacity: number
  readonly #blocks: boolean
  readonly #stored: boolean
  readonly #budget: Budget
  #waiting: (Body | undefined)[] = []
  /** index of the first that waits */
  #head = 0
  #waitingRows = 0
  #waitingBytes = 0
  #heldBodies = 0
  #heldRows = 0
  #heldBytes = 0
  /** [bytes] of those, in memory */
  #memoryBytes = 0
  #reservedBodies = 0
  #reservedBytes = 0
  #wake: (() => void)[] = []
  #closed = false

  constructor(settings: QueueSettings, budget: Budget) {
    this.#settings = settings
    this.#stored = settings.enabled && settings.storage !== undefined
    this.#capacity = queueCapacity(settings)
    this.#blocks = settings.block_on_overflow ?? this.#stored
    this.#budget = budget
  }

  /** bodies that wait */
  get length(): number {
    return this.#waiting.length - this.#head
  }
  get waitingRows(): number {
    return this.#waitingRows
  }
  get waitingBytes(): number {
    return this.#waitingBytes
  }
  /** bodies that wait or are under way */
  get held(): number {
    return this.#heldBodies
  }
  /** in the unit of `sizer` */
  get size(): number {
    return { requests: this.#heldBodies, items: this.#heldRows, bytes: this.#heldBytes }[this.#settings.sizer]
  }

  get memoryBytes(): number {
    return this.#memoryBytes
  }

  /** @param lacks what the disk lacks, if anything */
  reserve(bytes: number, room: Room, lacks?: { readonly why: string; readonly temporary: boolean }): void {
    if (lacks?.temporary === true || (lacks !== undefined && this.#heldBodies > 0)) {
      return room.refuse(this, (lacks.temporary || this.#blocks) && !this.#closed, lacks.why)
    }
    if (!this.fits(bytes)) return room.refuse(this, this.#blocks && !this.#closed)
    this.#reservedBodies++
    this.#reservedBytes += bytes
    room.admit(this, bytes)
  }

  release(bytes: number, unseen = false): void {
    this.#unreserve(1, bytes)
    if (!unseen) this.wakeAll()
  }

  /** Uses what `room` has reserved here. @returns whether it had anything */
  claim(room: Room): boolean {
    const reservations = room.reservations(this)
    if (reservations === 0) return false
    this.#unreserve(reservations, room.take(this))
    return true
  }

  freed(signal: AbortSignal): Promise<void> {
    return new Promise(resolve => {
      const wake = () => {
        signal.removeEventListener('abort', gone)
        resolve()
      }
      const gone = () => {
        this.#wake = this.#wake.filter(other => other !== wake)
        resolve()
      }
      if (signal.aborted) return resolve()
      signal.addEventListener('abort', gone, { once: true })
      this.#wake.push(wake)
    })
  }

  /**
   * Rows are not known when room is asked for: by `items` there is room while fewer than `queue_size` are held, and the last
   * batch may reach past it.
   */
  fits(bytes: number): boolean {
    if (this.#closed) return false
    const bodies = this.#heldBodies + this.#reservedBodies
    const all = this.#heldBytes + this.#reservedBytes + bytes
    if (bodies === 0) return true
    if (!this.#stored && all > this.#settings.max_bytes) return false
    switch (this.#settings.sizer) {
      case 'requests':
        return bodies < this.#capacity
      case 'items':
        return this.#heldRows < this.#capacity
      case 'bytes':
        return all <= this.#capacity
    }
  }

  /** From here on nothing has room, and whoever waits for some is told to look again. */
  close(): void {
    this.#closed = true
    this.wakeAll()
  }
  get closed(): boolean {
    return this.#closed
  }

  push(body: Body): void {
    this.hold(1, body.rows, body.raw.size)
    this.occupy(body.raw.size)
    this.enter(body)
  }

  /** It is ours now, wherever it is. */
  hold(bodies: number, rows: number, bytes: number): void {
    this.#heldBodies += bodies
    this.#heldRows += rows
    this.#heldBytes += bytes
  }

  /** It is in memory. */
  occupy(bytes: number): void {
    this.#memoryBytes += bytes
    this.#budget.charge(bytes)
  }

  /** What is held, and in memory, waits to be sent. */
  enter(body: Body): void {
    this.#waiting.push(body)
    this.#waitingRows += body.rows
    this.#waitingBytes += body.raw.size
  }

  /** The longest run from the front within these limits, and at least one. Stays held until `settle`. */
  take(maxRows: number, maxBytes: number): Body[] {
    const taken: Body[] = []
    let rows = 0
    let bytes = 0
    while (this.#head < this.#waiting.length) {
      const body = this.#waiting[this.#head]!
      if (taken.length > 0 && (rows + body.rows > maxRows || bytes + body.raw.size > maxBytes || body.answer !== undefined)) break
      rows += body.rows
      bytes += body.raw.size
      taken.push(body)
      this.#waiting[this.#head++] = undefined
      if (body.answer !== undefined) break
    }
    this.#waitingRows -= rows
    this.#waitingBytes -= bytes
    this.#compact()
    return taken
  }

  /** What was taken has been delivered or dropped. */
  settle(bodies: number, rows: number, bytes: number): void {
    this.vacate(bytes)
    this.forget(bodies, rows, bytes)
  }

  /** What was held and not in memory is ours no more. */
  forget(bodies: number, rows: number, bytes: number): void {
    this.hold(-bodies, -rows, -bytes)
    this.wakeAll()
  }

  /** It is in memory no more. */
  vacate(bytes: number): void {
    this.#memoryBytes -= bytes
    this.#budget.refund(bytes)
  }

  #compact(): void {
    if (this.#head === this.#waiting.length) this.#waiting = []
    else if (this.#head > 1024 && this.#head * 2 > this.#waiting.length) this.#waiting = this.#waiting.slice(this.#head)
    else return
    this.#head = 0
  }

  #unreserve(bodies: number, bytes: number): void {
    this.#reservedBodies -= bodies
    this.#reservedBytes -= bytes
  }

  /** There may be room. */
  wakeAll(): void {
    if (this.#wake.length === 0) return
    for (const wake of this.#wake.splice(0)) wake()
  }
}
