/**
 * Spans and log records that wait to be sent. Unlike the SDK's own batch processors it never keeps the process alive, and what waits can be
 * had at once when the process ends.
 */
import type { Batching } from './settings.ts'

export interface Timers {
  after(ms: number, run: () => void): Disposable
}

export class Waiting<T> {
  readonly #batching: Batching
  readonly #timers: Timers
  /** settles when the load is delivered, or lost and counted; never rejects */
  readonly #send: (load: readonly T[]) => Promise<void>
  #waiting: T[] = []
  #timer: Disposable | undefined
  #sending: Promise<void> | undefined
  #closed = false
  /** that found no room */
  dropped = 0

  constructor(batching: Batching, timers: Timers, send: (load: readonly T[]) => Promise<void>) {
    this.#batching = batching
    this.#timers = timers
    this.#send = send
  }

  add(item: T): void {
    if (this.#closed) return
    if (this.#waiting.length >= this.#batching.maxQueue) {
      this.dropped++
      return
    }
    this.#waiting.push(item)
    if (this.#waiting.length >= this.#batching.maxBatch) this.#begin()
    else this.#timer ??= this.#timers.after(this.#batching.delayMs, () => this.#begin())
  }

  /** All that waits, in loads of one request; nothing waits afterwards. */
  take(): (readonly T[])[] {
    this.#timer?.[Symbol.dispose]()
    this.#timer = undefined
    const loads: (readonly T[])[] = []
    while (this.#waiting.length > 0) loads.push(this.#waiting.splice(0, this.#batching.maxBatch))
    return loads
  }

  /** Resolves when all that waits now is delivered, or lost and counted. */
  async flush(): Promise<void> {
    await this.#sending
    await Promise.all(this.take().map(load => this.#send(load)))
  }

  /** Nothing is taken any more. */
  close(): void {
    this.#closed = true
    this.take()
  }

  /** One request at a time; while it is under way, what comes waits. */
  #begin(): void {
    this.#timer?.[Symbol.dispose]()
    this.#timer = undefined
    if (this.#sending !== undefined || this.#waiting.length === 0) return
    const load = this.#waiting.splice(0, this.#batching.maxBatch)
    this.#sending = this.#send(load).finally(() => {
      this.#sending = undefined
      if (this.#waiting.length >= this.#batching.maxBatch) this.#begin()
      else if (this.#waiting.length > 0) this.#timer ??= this.#timers.after(this.#batching.delayMs, () => this.#begin())
    })
  }
}
