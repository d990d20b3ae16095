/**
 * The ingest threads, seen from the main thread: started, counted, reloaded, stopped; and one that dies is said, counted as what it held
 * is, and started again.
 */
import type { Counter, Meter } from '@opentelemetry/api'
import type { ResourceMetrics } from '@opentelemetry/sdk-metrics'
import type { SharedUse } from '../component/budget.ts'
import type { Logger } from '../component/component.ts'
import type { Origin } from '../component/configuration.ts'
import { ConfigError, StartError } from '../component/errors.ts'
import type { Ledger, Undelivered } from '../component/ledger.ts'
import type { Place } from '../component/listen.ts'
import { counted, mergeMetrics } from '../component/merged-metrics.ts'
import { type Clock, sleep } from '../lib/clock.ts'
import type { ColumnLandings } from './column-landing.ts'
import type { Incoming } from './incoming.ts'
import type { Landings } from './landing.ts'
import type { Failure, Ports, Seat, Settled, Standing, ToMain, ToThread } from './messages.ts'

/** A thread that runs `Seat`. */
export interface Thread {
  post(message: ToThread): void
  /** to be set at once: what it says is not kept */
  hear(said: (message: ToMain) => void): void
  /** Resolves with why, once it has ended. */
  readonly ended: Promise<string>
  terminate(): void
}
export type Spawn = (seat: Seat) => Thread

export interface CrewOptions {
  readonly workers: number
  readonly spawn: Spawn
  readonly slots: SharedArrayBuffer
  readonly use: SharedUse
  readonly clock: Clock
  readonly log: Logger
  readonly ledger: Ledger
  readonly meter: Meter
  readonly landings: Landings
  readonly columns: ColumnLandings
  /** by component of a thread: what ails it */
  readonly problems: Map<string, string>
}

/** [ms] from the death of a thread to the next, so that one that cannot live does not take all the time */
const restartMs = 1_000
/** [ms] a thread that does not answer so long is counted as it was */
const patienceMs = 2_000

export class Crew {
  readonly #options: CrewOptions
  readonly #hands = new Map<number, Hand>()
  readonly #deaths: Counter
  #origin: Origin
  #standing: Standing = { listening: [], unheard: [], ports: [] }
  #past: ResourceMetrics['scopeMetrics'] = []
  #stopping: Promise<readonly Undelivered[]> | undefined
  readonly #quiet = Promise.withResolvers<void>()

  constructor(origin: Origin, options: CrewOptions) {
    this.#origin = origin
    this.#options = options
    this.#deaths = options.meter.createCounter('thalamus_worker_restarts', {
      unit: '{restart}',
      description: 'Ingest threads that died and were started again.',
    })
    this.#deaths.add(0)
    options.meter
      .createObservableGauge('thalamus_workers', { unit: '{thread}', description: 'Ingest threads that run.' })
      .addCallback(result => result.observe([...this.#hands.values()].filter(hand => hand.runs).length))
  }

  get listening(): readonly Place[] {
    return this.#standing.listening
  }
  get unheard(): Standing['unheard'] {
    return this.#standing.unheard
  }
  /** Resolves when no thread will ship any more, if they are being stopped. */
  get quiet(): Promise<void> | undefined {
    return this.#stopping === undefined ? undefined : this.#quiet.promise
  }

  /** The first alone: it finds out which ports there are. @throws {StartError} */
  async start(): Promise<void> {
    this.#standing = await this.#seat(1)
    const others = Array.from({ length: this.#options.workers - 1 }, (_, i) => this.#seat(i + 2))
    const failed = (await Promise.allSettled(others)).find(result => result.status === 'rejected')
    if (failed !== undefined) throw failed.reason
  }

  /** Brings the ledger up to what the threads have counted, and gives what they have measured. */
  async count(): Promise<ResourceMetrics['scopeMetrics'][]> {
    const metrics = await Promise.all([...this.#hands.values()].map(hand => hand.count()))
    return [this.#past, ...metrics.filter(measured => measured !== undefined)]
  }

  /** One thread after the other, each without losing anything. @throws what the first says that cannot; then all are as they were */
  async reload(origin: Origin): Promise<void> {
    const done: Hand[] = []
    const hands = [...this.#hands.values()].filter(hand => hand.runs)
    try {
      let standing = this.#standing
      for (const hand of hands) {
        standing = await hand.reload(origin, standing.ports)
        done.push(hand)
      }
      this.#origin = origin
      this.#standing = standing
    } catch (error) {
      for (const hand of done) await hand.reload(this.#origin, this.#standing.ports)
      throw error
    }
  }

  /** Each drains within the configuration's `shutdown_timeout`; who does not is ended soon after. */
  stop(timeoutMs: number): Promise<readonly Undelivered[]> {
    this.#stopping ??= this.#stop(timeoutMs)
    return this.#stopping
  }

  async #stop(timeoutMs: number): Promise<readonly Undelivered[]> {
    const hands = [...this.#hands.values()]
    void Promise.all(hands.map(hand => hand.quiet)).then(() => this.#quiet.resolve())
    using late = this.#options.clock.after(timeoutMs + patienceMs, () => {
      for (const hand of hands) hand.thread.terminate()
    })
    void late
    const undelivered = await Promise.all(hands.map(hand => hand.stop()))
    for (const hand of hands) hand.thread.terminate()
    return undelivered.flat()
  }

  async #seat(number: number): Promise<Standing> {
    const { spawn, slots } = this.#options
    const { ports } = this.#standing
    const hand = new Hand(number, spawn({ number, origin: this.#origin, ports, slots }), this.#options)
    this.#hands.set(number, hand)
    void hand.thread.ended.then(why => this.#ended(hand, why))
    const standing = await hand.started
    return standing
  }

  /** Unless it was to end. */
  async #ended(hand: Hand, why: string): Promise<void> {
    const { use, log, clock, ledger, problems } = this.#options
    hand.lost()
    use.forget(hand.number)
    for (const id of hand.problems) problems.delete(id)
    if (this.#stopping !== undefined || !hand.runs) return
    hand.runs = false
    ledger.lose(hand.name, 'worker_died')
    this.#past = mergeMetrics(this.#past, [counted(hand.measured ?? [])])
    this.#deaths.add(1)
    log.error({ worker: hand.number, why, rows: hand.held }, 'an ingest thread died with what it held; another is started')
    while (this.#stopping === undefined) {
      await sleep(clock, restartMs)
      if (this.#stopping !== undefined) return
      try {
        await this.#seat(hand.number)
        return
      } catch (error) {
        log.error({ worker: hand.number, error: String(error) }, 'an ingest thread cannot be started again yet')
      }
    }
  }
}

/** One of them. */
class Hand {
  readonly number: number
  readonly name: string
  readonly thread: Thread
  readonly started: Promise<Standing>
  readonly quiet: Promise<void>
  /** it has started, and has not ended */
  runs = false
  /** ids under which it has said what ails it */
  problems: string[] = []
  /** [rows] when it last counted */
  held = 0
  measured: ResourceMetrics['scopeMetrics'] | undefined
  readonly #options: CrewOptions
  readonly #started = Promise.withResolvers<Standing>()
  readonly #quiet = Promise.withResolvers<void>()
  readonly #stopped = Promise.withResolvers<readonly Undelivered[]>()
  #reloading: PromiseWithResolvers<Standing> | undefined
  readonly #counting = new Map<number, () => void>()
  /** by pipeline */
  readonly #incoming = new Map<string, Incoming>()
  #requests = 0
  #outcomes: Settled[] = []
  #answering = false

  constructor(number: number, thread: Thread, options: CrewOptions) {
    this.number = number
    this.name = `worker ${number}`
    this.thread = thread
    this.#options = options
    this.started = this.#started.promise
    this.quiet = this.#quiet.promise
    thread.hear(message => this.#hear(message))
  }

  async count(): Promise<ResourceMetrics['scopeMetrics'] | undefined> {
    if (!this.runs) return undefined
    const request = ++this.#requests
    const told = Promise.withResolvers<void>()
    this.#counting.set(request, told.resolve)
    using late = this.#options.clock.after(patienceMs, told.resolve)
    void late
    this.thread.post({ is: 'count', request })
    await told.promise
    this.#counting.delete(request)
    return this.measured
  }

  reload(origin: Origin, ports: Ports): Promise<Standing> {
    this.#reloading = Promise.withResolvers()
    this.thread.post({ is: 'reload', origin, ports })
    return this.#reloading.promise
  }

  stop(): Promise<readonly Undelivered[]> {
    if (this.runs) this.thread.post({ is: 'stop' })
    else this.lost()
    return this.#stopped.promise
  }

  /** It will say nothing more. */
  lost(): void {
    this.#started.reject(new StartError(`${this.name} ended before it had started`))
    this.#reloading?.reject(new StartError(`${this.name} ended during the reload`))
    this.#quiet.resolve()
    this.#stopped.resolve([])
    for (const told of this.#counting.values()) told()
    for (const incoming of this.#incoming.values()) void incoming.close()
  }

  #hear(message: ToMain): void {
    switch (message.is) {
      case 'batches':
        this.#answerSoon()
        return this.#options.landings.land(message, outcome => this.#settle(outcome))
      case 'ring':
        return void this.#incoming.set(
          message.pipeline,
          this.#options.columns.open(message, () => this.thread.post({ is: 'room' })),
        )
      case 'called':
        for (const incoming of this.#incoming.values()) void incoming.look()
        return
      case 'closed':
        return void this.#incoming.get(message.pipeline)?.close()
      case 'started':
        this.runs = true
        return this.#started.resolve(message)
      case 'failure':
        this.#started.reject(errorOf(message))
        return this.#reloading?.reject(errorOf(message))
      case 'reloaded':
        return this.#reloading?.resolve(message)
      case 'counts':
        return void this.#told(message)
      case 'quiet':
        return this.#quiet.resolve()
      case 'stopped':
        this.#reflect(message)
        return this.#stopped.resolve(message.undelivered)
    }
  }

  /** Its counts are true when what it had written by then has gone on. */
  async #told(message: ToMain & { is: 'counts' }): Promise<void> {
    await Promise.all([...this.#incoming.values()].map(incoming => incoming.drain()))
    this.#reflect(message)
    this.#counting.get(message.request)?.()
  }

  #reflect({ ledger, metrics, problems }: ToMain & { is: 'counts' | 'stopped' }): void {
    const { ledger: whole, problems: all } = this.#options
    whole.reflect(this.name, ledger)
    this.held = ledger.accounts.reduce((rows, account) => rows + account.held, 0)
    this.measured = metrics ?? this.measured
    for (const id of this.problems) all.delete(id)
    this.problems = problems.map(([id]) => `${id} (${this.name})`)
    for (const [id, problem] of problems) all.set(`${id} (${this.name})`, problem)
  }

  #settle(outcome: Settled): void {
    this.#outcomes.push(outcome)
    this.#answerSoon()
  }

  /** All that is known by the end of this turn in one message; with nothing in it, it says that a message was seen. */
  #answerSoon(): void {
    if (this.#answering) return
    this.#answering = true
    setImmediate(() => {
      this.#answering = false
      this.thread.post({ is: 'settled', list: this.#outcomes })
      this.#outcomes = []
    })
  }
}

function errorOf({ wrong, message, remedy }: Failure): Error {
  if (wrong === 'configuration') return new ConfigError([{ path: [], message, ...(remedy === undefined ? {} : { remedy }) }])
  return wrong === 'start' ? new StartError(message, remedy === undefined ? {} : { remedy }) : new Error(message)
}
