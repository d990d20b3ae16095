/** The main thread's side: what ingest threads ship is read again, and handed to the pipeline where it goes on. */
import { z } from 'zod'
import { type Component, type Consumer, type Context, type ReceiverFactory, receiver } from '../component/component.ts'
import { PermanentError, RetryableError } from '../component/errors.ts'
import { Room } from '../component/room.ts'
import type { AnyBatch, Reader } from '../model/batch.ts'
import { Raw } from '../model/raw.ts'
import { type Signal, signals } from '../model/signal.ts'
import type { Batches, Settled, Shipped } from './messages.ts'

export class Landings {
  readonly #byId = new Map<string, Landing>()
  readonly #factories: ReadonlyMap<Signal, ReceiverFactory>

  /** `quiet` resolves when no more will come, if that has been asked for. */
  constructor(quiet: () => Promise<void> | undefined) {
    const factory = (signal: Signal) =>
      receiver({
        type: '(workers)',
        stability: 'stable',
        config: z.strictObject({}),
        signals: [signal],
        create: (cx, _, next) => new Landing(cx, next[signal] as Consumer<Signal>, this.#byId, quiet),
      })
    this.#factories = new Map(signals.map(signal => [signal, factory(signal)]))
  }

  factory = (signal: Signal): ReceiverFactory => this.#factories.get(signal)!

  /** Calls `settled` once for each batch, when it is known what became of it. */
  land({ bytes, list }: Batches, settled: (outcome: Settled) => void): void {
    // One piece of memory for all of them, which goes with the last.
    const whole = Raw.owning([new Uint8Array(bytes)])
    whole.retain(list.length)
    for (const shipped of list) {
      const { ticket, from, to } = shipped
      const raw = new Raw([new Uint8Array(bytes, from, to - from)], [whole])
      this.#landOne(raw, shipped).then(
        () => settled({ ticket, is: 'taken' }),
        (error: unknown) => settled(outcomeOf(ticket, error)),
      )
    }
    whole.release()
  }

  async #landOne(raw: Raw, { pipeline, signal, alone }: Shipped): Promise<void> {
    const landing = this.#byId.get(`(workers) ${pipeline}`)
    if (landing === undefined) throw new RetryableError(`${pipeline} is being reloaded`)
    await landing.land(signal, raw, alone)
  }
}

function outcomeOf(ticket: number, error: unknown): Settled {
  const why = error instanceof Error ? error.message : String(error)
  if (error instanceof PermanentError) return { ticket, is: 'permanent', why }
  return { ticket, is: 'retryable', why, retryAfterMs: error instanceof RetryableError ? error.retryAfterMs : 0 }
}

class Landing implements Component {
  readonly #id: string
  readonly #reader: Reader
  readonly #next: Consumer<Signal>
  readonly #byId: Map<string, Landing>
  readonly #quiet: () => Promise<void> | undefined
  readonly #underWay = new Set<Promise<void>>()

  constructor(cx: Context, next: Consumer<Signal>, byId: Map<string, Landing>, quiet: () => Promise<void> | undefined) {
    this.#id = cx.id
    this.#reader = cx.reader
    this.#next = next
    this.#byId = byId
    this.#quiet = quiet
  }

  async start(): Promise<void> {
    this.#byId.set(this.#id, this)
  }

  async shutdown(signal: AbortSignal): Promise<void> {
    const over = new Promise<void>(resolve => {
      if (signal.aborted) resolve()
      else signal.addEventListener('abort', () => resolve(), { once: true })
    })
    await Promise.race([this.#quiet(), over])
    this.#byId.delete(this.#id)
    await Promise.race([Promise.allSettled(this.#underWay), over])
  }

  async land(signal: Signal, raw: Raw, alone: boolean): Promise<void> {
    const landed = this.#handOn(this.#reader.read(signal, raw), alone)
    this.#underWay.add(landed)
    try {
      await landed
    } finally {
      this.#underWay.delete(landed)
    }
  }

  /** Beside destinations that have room those that have none drop, as they would if all were on one thread. */
  async #handOn(batch: AnyBatch, alone: boolean): Promise<void> {
    if (alone) return this.#next.consume(batch)
    const room = new Room()
    this.#next.reserve(batch.raw.size, room)
    if (room.blocked) {
      room.withdraw()
      return this.#next.consume(batch)
    }
    try {
      await this.#next.consume(batch, room)
    } finally {
      room.release()
    }
  }
}
