/** What one pipeline of one ingest thread writes to its ring, on the main thread: read in order, with our ids for theirs. */
import type { Clock } from '../lib/clock.ts'
import type { ExemplarColumns, MetricBatch, Reader } from '../model/batch.ts'
import { Raw } from '../model/raw.ts'
import { MetricsInPlace } from '../otlp/columns.ts'
import { ALL } from './column-shipping.ts'
import { frameHeader, type ReadFrame, type RingReader } from './ring.ts'
import { Translation } from './translation.ts'

/** [ms] between two looks, while something comes */
const lookMs = 20

export interface Onward {
  /** The batch may be read until that resolves; never rejects. */
  take(batch: MetricBatch): Promise<void>
  /** rows that cannot be read */
  refuse(rows: number, error: unknown): void
  /** no more will come */
  closed(): void
}

/** A batch lies in memory that the next one is written to: one at a time. */
export class Incoming {
  readonly #ring: RingReader
  readonly #reader: Reader
  readonly #clock: Clock
  readonly #onward: Onward
  readonly #columns = new MetricsInPlace(frameHeader)
  #translation = new Translation()
  #last: Promise<unknown> = Promise.resolve()
  #soon: Disposable | undefined
  #open = true

  constructor(ring: RingReader, reader: Reader, clock: Clock, onward: Onward) {
    this.#ring = ring
    this.#reader = reader
    this.#clock = clock
    this.#onward = onward
  }

  /** Now, and again soon while something comes. */
  look = async (): Promise<void> => {
    this.#soon = undefined
    this.#ring.awake()
    const found = await this.drain()
    if (this.#open && (found > 0 || !this.#ring.sleep())) this.#soon ??= this.#clock.after(lookMs, this.look)
  }

  /** Resolves when all that is there by now has gone on, with how many batches that was. */
  drain(): Promise<number> {
    const drained = this.#last.then(() => this.#drain())
    this.#last = drained
    return drained
  }

  /** No more will be written; what was goes on. */
  async close(): Promise<void> {
    if (!this.#open) return
    this.#open = false
    this.#soon?.[Symbol.dispose]()
    await this.drain()
    this.#onward.closed()
  }

  async #drain(): Promise<number> {
    let batches = 0
    for (let left = this.#ring.unread; left > 0; batches++) {
      const frame = this.#ring.read()
      if (frame === undefined) break
      left -= frame.size
      await this.#take(frame)
    }
    return batches
  }

  #take({ kind, words, bytes }: ReadFrame): Promise<void> | void {
    const batch = this.#columns.open(Raw.of(bytes), this.#reader.dictionary, words)
    if (kind === ALL) return this.#learn(batch)
    this.#translation.translate(batch)
    closeUp(batch.exemplars)
    return this.#onward.take(batch)
  }

  #learn(theirs: MetricBatch): Promise<void> | void {
    try {
      const ours = this.#reader.read('metrics', theirs.raw)
      this.#translation.learn(theirs, ours)
      return this.#onward.take(ours)
    } catch (error) {
      // There was no memory for it. No id is taken for another: until they are told again, their rows have no series.
      this.#translation = new Translation()
      this.#onward.refuse(theirs.rows, error)
    }
  }
}

/** Their bytes lie one behind the other, without what was between them. */
function closeUp({ from, to, length }: ExemplarColumns): void {
  let at = 0
  for (let i = 0; i < length; i++) {
    const size = to[i]! - from[i]!
    from[i] = at
    to[i] = at += size
  }
}
