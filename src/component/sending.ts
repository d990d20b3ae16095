/**
 * What every exporter that pushes has in common. Batches come in and wait in a bounded queue; a free sender puts what waits into
 * one request, without decoding, because requests of one signal may be written one after the other. What fails for the moment is
 * sent again; what is refused for good is halved until the culprit is alone, and only that is dropped.
 *
 * When to send: at once when nothing is under way, which is when a turn of the event loop has brought nothing new (an idle loop
 * turns in microseconds; a busy one brings a body from every connection in each turn, and they share the request). Beside a request
 * under way only when a full load waits, or when something has waited for `flush_timeout`. So who sends little waits for no timer,
 * and a busy line, which is one whose last load was of many batches, waits a few milliseconds for a full load.
 *
 * Where the queue is stored, a batch is held when it is safe on the disk, is sent only then, and stays there until it was delivered or
 * dropped. What does not fit in memory waits on the disk alone and is read when its turn comes. What a shutdown does not deliver stays.
 */
import { setMaxListeners } from 'node:events'
import { type Attributes, SpanKind, SpanStatusCode } from '@opentelemetry/api'
import { sleep } from '../lib/clock.ts'
import type { BatchOf } from '../model/batch.ts'
import type { Raw } from '../model/raw.ts'
import type { Signal } from '../model/signal.ts'
import { Answer, type Book } from './book.ts'
import type { Context, Exporter } from './component.ts'
import type { Cutter, Destination, Outcome } from './destination.ts'
import { RetryableError } from './errors.ts'
import type { Account } from './ledger.ts'
import { halve, type Load, loadOf, storedOf } from './load.ts'
import { type Body, Queue, type QueueSettings, queueCapacity } from './queue.ts'
import { backOffMs, type RetrySettings } from './retry.ts'
import type { Room } from './room.ts'
import { SendingMeter } from './sending-meter.ts'
import { type Amount, type StoredBody, type StoredQueue, storageOf } from './storage.ts'
import { Trouble } from './trouble.ts'

export interface SendingSettings {
  readonly sending_queue: QueueSettings
  readonly retry_on_failure: RetrySettings
}

/** After this many refusals with nothing delivered between them, what is refused is dropped whole: the destination takes nothing. */
const maxRefusalsInARow = 32
/** How often in a row one load is sent again at once because a kept connection had been closed; then it is a failure like any other. */
const maxStale = 3
/** How many turns of the event loop a free line waits at the most, while each brings something. */
const maxTurns = 32
/** A load of so many batches shows that the line is busy … */
const busyBatches = 8
/** … and then a free line waits so long [ms] for a full load: a request costs as much as ten batches, and nobody waits for these. */
const busyWaitMs = 5
/** [bytes] however small the requests that a destination says are too large, batches are put together up to this. */
const smallestLoad = 64 * 1024
/** [bytes] that are read from the disk at once */
const readBytes = 4 * 2 ** 20
/** [ms] after a read that failed */
const readAgainMs = 1000

export class Sending<S extends Signal> implements Exporter<S> {
  readonly #cx: Context
  readonly #signal: S
  readonly #settings: SendingSettings
  readonly #destination: Destination
  readonly #cutter: Cutter
  readonly #queue: Queue
  #stored: StoredQueue | undefined
  #reading = false
  /** batches that are being written */
  #storing = 0
  #readTimer: Disposable | undefined
  readonly #account: Account
  readonly #trouble: Trouble
  /** the shutdown has begun … */
  readonly #closing = new AbortController()
  /** … and its time is over */
  readonly #stop = new AbortController()
  /** whoever hands over waits for the outcome, and keeps the rows if it is bad */
  readonly #answers: boolean
  readonly #maxRows: number
  readonly #minSize: number
  #maxBytes: number
  #senders = 0
  /** [rows] held, without those that somebody waits for */
  #heldRows = 0
  /** [ms, monotonic] since when the first that waits has waited */
  #waitingSince = 0
  /** [ms, monotonic] the destination asked to be left alone until then */
  #notBefore = 0
  #timer: Disposable | undefined
  #busyTimer: Disposable | undefined
  #gathering = false
  /** batches in the last load */
  #lastLoad = 0
  #refusalsInARow = 0
  #lostAtShutdown = 0
  /** stored bodies of which the shutdown has left something unsent: they stay */
  readonly #kept = new Set<Body>()
  #drained: (() => void) | undefined
  #ended: Promise<void> | undefined
  #meter: SendingMeter | undefined
  readonly #attributes: Attributes

  constructor(cx: Context, signal: S, settings: SendingSettings, destination: Destination, cutter: Cutter) {
    const { batch, enabled, wait_for_result } = settings.sending_queue
    this.#cx = cx
    this.#signal = signal
    this.#settings = settings
    this.#destination = destination
    this.#cutter = cutter
    this.#queue = new Queue(settings.sending_queue, cx.budget)
    this.#account = cx.account(signal)
    this.#account.mayDrop('queue_full', 'retry_exhausted', 'rejected', 'permanent', 'shutdown').held = () => this.#heldRows
    this.#account.kept = () => (this.#stored === undefined ? 0 : this.#heldRows)
    this.#trouble = new Trouble(cx.log, cx.clock)
    this.#answers = !enabled || wait_for_result
    const maxSize = batch.max_size === 0 ? Number.POSITIVE_INFINITY : batch.max_size
    const inRows = batch.sizer === 'items'
    this.#maxRows = inRows ? maxSize : Number.POSITIVE_INFINITY
    this.#maxBytes = inRows ? batch.max_bytes : Math.min(maxSize, batch.max_bytes)
    this.#minSize = batch.min_size ?? maxSize
    this.#attributes = { exporter: cx.id, data_type: signal }
    setMaxListeners(0, this.#stop.signal, this.#closing.signal)
  }

  async start(): Promise<void> {
    await this.#destination.open?.()
    await this.#open()
    this.#meter = new SendingMeter(this.#cx.meter, this.#attributes, {
      size: () => this.#queue.size,
      capacity: queueCapacity(this.#settings.sending_queue),
      inFlight: () => this.#senders,
    })
  }

  async #open(): Promise<void> {
    const { enabled, storage, max_bytes } = this.#settings.sending_queue
    if (!enabled || storage === undefined) return
    const { id } = this.#cx
    const queue = this.#queue
    const stored = await storageOf(storage, this.#cx, `exporters.${id}.sending_queue.storage`).openQueue({
      id,
      signal: this.#signal,
      keeps(bytes) {
        if (queue.memoryBytes > 0 && queue.memoryBytes + bytes > max_bytes) return false
        queue.occupy(bytes)
        return true
      },
      freed: () => queue.wakeAll(),
    })
    this.#stored = stored
    const { bodies, rows, bytes } = stored.recovered
    queue.hold(bodies, rows, bytes)
    this.#account.recovered += rows
    this.#heldRows += rows
    if (rows > 0) this.#cx.log.info({ rows, batches: bodies, bytes }, 'rows from before the restart wait on the disk and are sent')
    this.#readMore()
  }

  reserve(bytes: number, room: Room): void {
    const { refusals } = room
    const lacks = this.#stored?.lacks(bytes)
    this.#queue.reserve(bytes, room, lacks)
    if (room.refusals === refusals || this.#queue.closed) return
    const why = lacks === undefined ? 'the queue is full' : lacks.temporary ? 'the disk takes nothing' : 'the directory is full'
    this.#trouble.full(why, { requests: this.#queue.held, rows: this.#heldRows })
  }

  consume(batch: BatchOf[S], room?: Room): Promise<void> {
    const queue = this.#queue
    if (queue.closed) return Promise.reject(new RetryableError(`${this.#cx.id} is shutting down`))
    if (batch.rows === 0) return held
    const claimed = room !== undefined && queue.claim(room)
    if (!claimed) {
      const lacks = this.#stored?.lacks(batch.raw.size)
      if (lacks?.temporary === true) return Promise.reject(new RetryableError(`${this.#cx.id}: ${lacks.why}`))
    }
    if (!claimed && !queue.fits(batch.raw.size)) return this.#overflow(batch, room)
    if (this.#stored !== undefined) return this.#store(batch, this.#stored)
    if (this.#answers) return this.#awaitAnswer(batch)
    this.#account.accepted += batch.rows
    this.#heldRows += batch.rows
    this.#enqueue({ raw: batch.raw, rows: batch.rows })
    return held
  }

  /** With a room the caller has asked, and knows that this branch drops; without, the batch is still the caller's. */
  #overflow({ raw, rows }: BatchOf[S], room: Room | undefined): Promise<void> {
    if (room === undefined) return Promise.reject(new RetryableError(`the queue of ${this.#cx.id} is full`))
    this.#account.accepted += rows
    this.#account.drop('queue_full', rows)
    this.#trouble.dropped('the queue is full', { reason: 'queue_full' })
    raw.release()
    return held
  }

  /** Room is kept while it is being written; the rows are taken over when they are safe, and stay the caller's if they are not. */
  #store({ raw, rows }: BatchOf[S], stored: StoredQueue): Promise<void> {
    this.#queue.hold(1, rows, raw.size)
    this.#storing++
    return stored.append(raw, rows, this.#cx.telemetry.isOwn(raw)).then(
      body => {
        this.#storing--
        this.#account.accepted += rows
        this.#heldRows += rows
        if (body === undefined) {
          raw.release()
          this.#readMore()
        } else this.#enter(body)
        this.#drainedIfEmpty()
      },
      error => {
        this.#storing--
        this.#queue.forget(1, rows, raw.size)
        this.#drainedIfEmpty()
        throw error
      },
    )
  }

  #enter(stored: StoredBody): void {
    if (this.#queue.length === 0) this.#waitingSince = this.#cx.clock.monotonic()
    this.#queue.enter({ raw: stored.raw, rows: stored.rows, stored })
    this.#pump()
  }

  /** Keeps enough in memory for the next requests, as long as there is more on the disk. */
  #readMore(): void {
    const stored = this.#stored
    if (stored === undefined || this.#reading || this.#readTimer !== undefined || this.#stop.signal.aborted || !this.#wantsMore(stored))
      return
    this.#reading = true
    stored.read(readBytes).then(
      ({ bodies, lost }) => {
        this.#reading = false
        this.#lose(lost)
        for (const body of bodies) this.#recall(body)
        this.#readMore()
        this.#drainedIfEmpty()
      },
      (error: unknown) => {
        this.#reading = false
        this.#trouble.failed(`the queue cannot be read: ${error instanceof Error ? error.message : String(error)}`, {})
        this.#readTimer = this.#cx.clock.after(readAgainMs, () => {
          this.#readTimer = undefined
          this.#readMore()
        })
        this.#drainedIfEmpty()
      },
    )
  }

  #wantsMore({ unread }: StoredQueue): boolean {
    const { waitingBytes, memoryBytes } = this.#queue
    const { max_bytes } = this.#settings.sending_queue
    return unread.bodies > 0 && waitingBytes < 2 * readBytes && (memoryBytes === 0 || memoryBytes + readBytes <= max_bytes)
  }

  #recall(body: StoredBody): void {
    this.#queue.occupy(body.raw.size)
    if (body.own) this.#cx.telemetry.markOwn(body.raw)
    this.#enter(body)
  }

  /** What is damaged was ours. */
  #lose({ bodies, rows, bytes }: Amount): void {
    if (bodies === 0) return
    this.#queue.forget(bodies, rows, bytes)
    this.#ledger.dropped('damaged', rows, '')
    this.#trouble.dropped('damaged on the disk', { rows, reason: 'damaged' })
  }

  #awaitAnswer({ raw, rows }: BatchOf[S]): Promise<void> {
    const answer = Promise.withResolvers<void>()
    this.#enqueue({ raw, rows, answer })
    return answer.promise
  }

  #enqueue(body: Body): void {
    if (this.#queue.length === 0) this.#waitingSince = this.#cx.clock.monotonic()
    this.#queue.push(body)
    this.#pump()
  }

  // When to send

  #pump(): void {
    while (this.#mayStart()) this.#startSender()
  }

  /** Looks again after this turn, and after the next while more comes; then sends what there is. */
  #gather(turns: number): void {
    this.#gathering = true
    const before = this.#queue.length
    setImmediate(() => {
      this.#gathering = false
      const free = this.#senders === 0 && this.#queue.length > 0 && !this.#isPaused()
      if (free && this.#queue.length > before && turns < maxTurns) return this.#gather(turns + 1)
      if (free) this.#startSender()
      this.#pump()
    })
  }

  /** On a free line, for less than a full load. */
  #waitsForMore(): boolean {
    if (this.#lastLoad < busyBatches) return false
    const mostMs = Math.min(busyWaitMs, this.#settings.sending_queue.batch.flush_timeout)
    const leftMs = mostMs - (this.#cx.clock.monotonic() - this.#waitingSince)
    if (leftMs <= 0) return false
    this.#busyTimer ??= this.#cx.clock.after(leftMs, () => {
      this.#busyTimer = undefined
      this.#pump()
    })
    return true
  }

  #mayStart(): boolean {
    const queue = this.#queue
    if (queue.length === 0 || this.#senders >= this.#settings.sending_queue.num_consumers) return false
    if (this.#isPaused()) return false
    if (queue.closed || this.#answers || this.#hasFullLoad()) return true
    if (this.#senders === 0) {
      if (!this.#gathering && !this.#waitsForMore()) this.#gather(1)
      return false
    }
    this.#timer ??= this.#cx.clock.after(this.#settings.sending_queue.batch.flush_timeout, () => this.#flushOverdue())
    return false
  }

  #hasFullLoad(): boolean {
    const { waitingRows, waitingBytes } = this.#queue
    const waiting = this.#settings.sending_queue.batch.sizer === 'items' ? waitingRows : waitingBytes
    return waiting >= this.#minSize || waitingBytes >= this.#maxBytes
  }

  #flushOverdue(): void {
    this.#timer = undefined
    const overdue = this.#cx.clock.monotonic() - this.#waitingSince >= this.#settings.sending_queue.batch.flush_timeout
    const free = this.#senders < this.#settings.sending_queue.num_consumers
    if (overdue && free && this.#queue.length > 0 && !this.#isPaused()) this.#startSender()
    this.#pump()
  }

  #isPaused(): boolean {
    if (this.#notBefore === 0) return false
    const leftMs = this.#notBefore - this.#cx.clock.monotonic()
    if (leftMs > 0) {
      this.#timer ??= this.#cx.clock.after(leftMs, () => this.#flushOverdue())
      return true
    }
    this.#notBefore = 0
    return false
  }

  #startSender(): void {
    const bodies = this.#queue.take(this.#maxRows, this.#maxBytes)
    this.#waitingSince = this.#cx.clock.monotonic()
    this.#senders++
    this.#lastLoad = bodies.length
    void this.#sendAll(loadOf(bodies))
    this.#readMore()
  }

  async #sendAll(load: Load): Promise<void> {
    const { answer } = load.bodies[0]!
    const book = answer === undefined ? this.#ledger : new Answer(this.#account)
    this.#meter?.sends(load.rows, load.raw.size)
    if (this.#stored !== undefined) await this.#begin(load, this.#stored)
    await this.#deliver(load, book)
    this.#senders--
    this.#settle(load)
    // Whoever hears an error may come again with the same bytes.
    if (answer !== undefined && book instanceof Answer && book.give(answer)) load.raw.release()
    this.#pump()
    this.#readMore()
    this.#drainedIfEmpty()
  }

  /** What was under way when an earlier process ended is perhaps at the destination already. */
  async #begin({ bodies }: Load, stored: StoredQueue): Promise<void> {
    for (const body of bodies) if (body.stored?.begun === true) this.#account.resent += body.rows
    await stored.begin(storedOf(bodies))
  }

  /** What is kept is still held, on the disk alone. */
  #settle({ bodies, rows, raw }: Load): void {
    if (this.#kept.size === 0) {
      this.#queue.settle(bodies.length, rows, raw.size)
      if (bodies[0]!.answer === undefined) raw.release()
      this.#stored?.settle(storedOf(bodies))
      return
    }
    const done = bodies.filter(body => !this.#kept.has(body))
    const gone = loadOf(done)
    this.#queue.vacate(raw.size)
    this.#queue.forget(done.length, gone.rows, gone.raw.size)
    this.#stored?.settle(storedOf(done))
  }

  #drainedIfEmpty(): void {
    if (this.#isAtWork()) return
    if (this.#stop.signal.aborted || this.#queue.held === 0) this.#drained?.()
  }

  #isAtWork(): boolean {
    return this.#senders > 0 || this.#reading || this.#storing > 0
  }

  // What becomes of it

  readonly #ledger: Book = {
    taken: rows => {
      this.#heldRows -= rows
      this.#account.taken += rows
    },
    dropped: (reason, rows) => {
      this.#heldRows -= rows
      this.#account.drop(reason, rows)
    },
  }

  async #deliver(load: Load, book: Book): Promise<void> {
    const since = this.#cx.clock.monotonic()
    let failures = 0
    let stale = 0
    for (;;) {
      if (this.#stop.signal.aborted) return this.#dropAtShutdown(load, book)
      const outcome = await this.#attempt(load)
      if (outcome.is === 'delivered') return this.#delivered(load, outcome, book)
      if (outcome.is !== 'retryable') return this.#refused(load, outcome, book)
      if (!outcome.stale || ++stale > maxStale) {
        const { retry_on_failure: retry } = this.#settings
        const waitMs = Math.max(backOffMs(retry, ++failures, this.#cx.random()), outcome.retryAfterMs)
        const elapsed = this.#cx.clock.monotonic() - since
        if (this.#stop.signal.aborted) continue
        if (outcome.retryAfterMs > 0) this.#notBefore = Math.max(this.#notBefore, this.#cx.clock.monotonic() + outcome.retryAfterMs)
        if (!retry.enabled || (retry.max_elapsed_time > 0 && elapsed + waitMs > retry.max_elapsed_time)) {
          return this.#drop(load, 'retry_exhausted', outcome.why, book)
        }
        this.#trouble.failed(outcome.why, { rows: load.rows, retryAfterMs: Math.round(waitMs) })
        await sleep(this.#cx.clock, waitMs, this.#wakeUp(outcome.retryAfterMs))
      }
      if (outcome.lost && !this.#stop.signal.aborted) this.#account.resent += load.rows
    }
  }

  /** What ends a wait: when the shutdown begins the destination may be back, and is asked once more unless it named a time. */
  #wakeUp(retryAfterMs: number): AbortSignal {
    return this.#closing.signal.aborted || retryAfterMs > 0 ? this.#stop.signal : this.#closing.signal
  }

  /** Sending own spans makes no span: or each would make the next. */
  async #attempt(load: Load): Promise<Outcome> {
    const { tracer, telemetry, id } = this.#cx
    if (load.bodies.every(body => telemetry.isOwn(body.raw))) return this.#send(load.raw)
    const span = tracer.startSpan(`exporter/${id}/${this.#signal}`, { kind: SpanKind.CLIENT, attributes: this.#attributes })
    const outcome = await this.#send(load.raw)
    const sent = outcome.is === 'delivered' ? load.rows - outcome.rejected : 0
    span.setAttributes({ 'items.sent': sent, 'items.failed': load.rows - sent })
    if (outcome.is !== 'delivered') span.setStatus({ code: SpanStatusCode.ERROR, message: outcome.why })
    span.end()
    return outcome
  }

  async #send(raw: Raw): Promise<Outcome> {
    raw.retain()
    try {
      return await this.#destination.send(raw, this.#stop.signal)
    } catch (error) {
      return { is: 'rejected', why: `cannot be sent: ${error instanceof Error ? error.message : String(error)}` }
    }
  }

  #delivered(load: Load, { rejected, message }: Outcome & { is: 'delivered' }, book: Book): void {
    this.#refusalsInARow = 0
    this.#trouble.ended()
    const refused = Math.min(Math.max(0, rejected), load.rows)
    book.taken(load.rows - refused)
    if (refused > 0) this.#drop({ ...load, rows: refused }, 'rejected', `partial success: ${message}`, book)
    else if (message !== '') this.#trouble.warned(message)
  }

  async #refused(load: Load, outcome: Outcome & { is: 'rejected' | 'too_large' | 'permanent' }, book: Book): Promise<void> {
    const tooLarge = outcome.is === 'too_large'
    if (tooLarge) this.#maxBytes = Math.max(smallestLoad, Math.min(this.#maxBytes, Math.floor(load.raw.size / 2)))
    else this.#refusalsInARow++
    const halves =
      outcome.is === 'permanent' || this.#refusalsInARow > maxRefusalsInARow ? undefined : halve(load, this.#signal, this.#cutter)
    if (halves === undefined) return this.#drop(load, outcome.is, outcome.why, book)
    // The halves are parts of it, and may be under way for longer than it: it is left to the collector.
    load.raw.retain()
    for (const half of halves) await this.#deliver(half, book)
  }

  #drop({ rows }: Load, reason: string, why: string, book: Book): void {
    book.dropped(reason, rows, why)
    if (book === this.#ledger) this.#trouble.dropped(why, { rows, reason })
  }

  #dropAtShutdown({ rows, bodies }: Load, book: Book): void {
    if (this.#stored !== undefined) {
      for (const body of bodies) this.#kept.add(body)
      return
    }
    book.dropped('shutdown', rows, 'shutting down')
    if (book === this.#ledger) this.#lostAtShutdown += rows
  }

  // The end

  shutdown(signal: AbortSignal): Promise<void> {
    this.#ended ??= this.#end(signal)
    return this.#ended
  }

  async #end(signal: AbortSignal): Promise<void> {
    this.#queue.close()
    this.#closing.abort()
    this.#pump()
    await this.#drain(signal)
    this.#stop.abort()
    this.#dropWaiting()
    if (this.#isAtWork()) await new Promise<void>(resolve => (this.#drained = resolve))
    this.#dropWaiting()
    this.#timer?.[Symbol.dispose]()
    this.#busyTimer?.[Symbol.dispose]()
    this.#readTimer?.[Symbol.dispose]()
    this.#meter?.stop()
    await this.#stored?.close()
    if (this.#stored !== undefined && this.#heldRows > 0) {
      this.#cx.log.info({ rows: this.#heldRows }, 'rows stay on the disk and are sent after the next start')
    }
    if (this.#lostAtShutdown > 0) {
      this.#cx.log.error({ rows: this.#lostAtShutdown, reason: 'shutdown' }, 'rows were dropped: the shutdown left no time to send them')
    }
    await this.#destination.close?.()
  }

  #drain(signal: AbortSignal): Promise<void> {
    if (signal.aborted || this.#queue.held === 0) return Promise.resolve()
    return new Promise(resolve => {
      signal.addEventListener('abort', () => resolve(), { once: true })
      this.#drained = resolve
    })
  }

  #dropWaiting(): void {
    while (this.#queue.length > 0) {
      const bodies = this.#queue.take(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY)
      const load = loadOf(bodies)
      const { answer } = bodies[0]!
      if (this.#stored !== undefined) {
        this.#queue.vacate(load.raw.size)
        continue
      }
      if (answer === undefined) this.#dropAtShutdown(load, this.#ledger)
      else answer.reject(new RetryableError(`${this.#cx.id} is shutting down`))
      this.#queue.settle(bodies.length, load.rows, load.raw.size)
    }
  }
}

const held: Promise<void> = Promise.resolve()
