/**
 * An ingest thread's way to the main thread. One message is under way at a time; whatever comes before the main thread has seen it goes as
 * the next, the bytes of all of it copied into one piece of memory that changes hands: messages cost more than what is in them. A batch is
 * the thread's until the main thread has said what became of it.
 */
import { z } from 'zod'
import { type Consumer, type Context, type Exporter, type ExporterFactory, exporter } from '../component/component.ts'
import { PermanentError, RetryableError } from '../component/errors.ts'
import type { Leaf, Room } from '../component/room.ts'
import type { AnyBatch } from '../model/batch.ts'
import type { Raw } from '../model/raw.ts'
import type { Signal } from '../model/signal.ts'
import type { Ends } from './ends.ts'
import type { Batches, Settled, Shipped } from './messages.ts'
import { pipelineOf } from './partition.ts'

/** [bytes] on their way to the main thread at the most, from one pipeline of one thread: whoever has more waits, as for a full queue. */
const mostBytes = 16 * 2 ** 20

export class Shipping {
  readonly #post: (message: Batches, transfer: ArrayBuffer[]) => void
  readonly #open = new Map<number, PromiseWithResolvers<void>>()
  readonly #ends: Ends
  #waiting: { readonly shipped: Omit<Shipped, 'from' | 'to'>; readonly raw: Raw }[] = []
  #tickets = 0
  /** a message has not been answered yet, or one is about to go */
  #busy = false

  constructor(post: (message: Batches, transfer: ArrayBuffer[]) => void, ends: Ends) {
    this.#post = post
    this.#ends = ends
  }

  readonly factory: ExporterFactory = exporter({
    type: '(main)',
    stability: 'stable',
    config: z.strictObject({}),
    create: {
      metrics: cx => this.#end(cx),
      traces: cx => this.#end(cx),
      logs: cx => this.#end(cx),
    },
  })

  /** What is known by now; the first answer to a message says that it was seen. */
  settled(list: readonly Settled[]): void {
    for (const outcome of list) {
      const waiting = this.#open.get(outcome.ticket)
      this.#open.delete(outcome.ticket)
      if (outcome.is === 'taken') waiting?.resolve()
      else if (outcome.is === 'retryable') waiting?.reject(new RetryableError(outcome.why, { retryAfterMs: outcome.retryAfterMs }))
      else waiting?.reject(new PermanentError(outcome.why))
    }
    if (this.#waiting.length > 0) setImmediate(() => this.#send())
    else this.#busy = false
  }

  ship(pipeline: string, { signal, raw }: AnyBatch, alone: boolean): Promise<void> {
    const ticket = ++this.#tickets
    const settled = Promise.withResolvers<void>()
    this.#open.set(ticket, settled)
    if (!this.#busy) setImmediate(() => this.#send())
    this.#busy = true
    this.#waiting.push({ shipped: { ticket, pipeline, signal, alone }, raw })
    return settled.promise
  }

  closed(end: ShippingEnd): void {
    this.#ends.close(end)
  }

  #end<S extends Signal>(cx: Context): Exporter<S> {
    const end = new ShippingEnd(this, pipelineOf(cx.id))
    this.#ends.open(end)
    return end as unknown as Exporter<S>
  }

  #send(): void {
    const waiting = this.#waiting
    if (waiting.length === 0) return
    this.#waiting = []
    const bytes = new Uint8Array(waiting.reduce((sum, { raw }) => sum + raw.size, 0))
    let at = 0
    const list = waiting.map(({ shipped, raw }): Shipped => {
      const from = at
      for (const chunk of raw.chunks) {
        bytes.set(chunk, at)
        at += chunk.length
      }
      return { ...shipped, from, to: at }
    })
    this.#post({ is: 'batches', bytes: bytes.buffer, list }, [bytes.buffer])
  }
}

/** Where a pipeline of this thread ends, and goes on elsewhere. */
class ShippingEnd implements Consumer<Signal>, Leaf {
  readonly #shipping: Shipping
  readonly #pipeline: string
  /** [bytes] reserved or on their way */
  #bytes = 0
  #underWay = 0
  #wake: (() => void)[] = []

  constructor(shipping: Shipping, pipeline: string) {
    this.#shipping = shipping
    this.#pipeline = pipeline
  }

  reserve(bytes: number, room: Room): void {
    if (this.#bytes > 0 && this.#bytes + bytes > mostBytes) return room.refuse(this, true)
    this.#bytes += bytes
    room.admit(this, bytes)
  }

  async consume(batch: AnyBatch, room?: Room): Promise<void> {
    const reserved = room?.take(this) ?? 0
    const { size } = batch.raw
    this.#bytes += size - reserved
    this.#underWay++
    try {
      await this.#shipping.ship(this.#pipeline, batch, room?.admits !== true)
      batch.raw.release()
    } finally {
      this.#underWay--
      this.release(size)
    }
  }

  release(bytes: number, unseen = false): void {
    this.#bytes -= bytes
    if (unseen) return
    for (const wake of this.#wake.splice(0)) wake()
  }

  freed(signal: AbortSignal): Promise<void> {
    return new Promise(resolve => {
      if (signal.aborted) return resolve()
      signal.addEventListener('abort', () => resolve(), { once: true })
      this.#wake.push(resolve)
    })
  }

  async shutdown(signal: AbortSignal): Promise<void> {
    while (this.#underWay > 0 && !signal.aborted) await this.freed(signal)
    this.#shipping.closed(this)
  }
}
