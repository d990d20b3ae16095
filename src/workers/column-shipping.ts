/**
 * An ingest thread's way to what reads columns only. A batch whose names the main thread knows is written to a ring as its columns and the
 * bytes of its exemplars; any other with all of its bytes, so that the main thread reads it itself and learns the names. What is in the ring
 * is the main thread's: it gets there also if this thread dies.
 */
import type { Counter } from '@opentelemetry/api'
import { z } from 'zod'
import { type Consumer, type Context, type Exporter, type ExporterFactory, exporter } from '../component/component.ts'
import type { Leaf, Room } from '../component/room.ts'
import type { Clock } from '../lib/clock.ts'
import type { MetricBatch } from '../model/batch.ts'
import { packedMetrics } from '../otlp/columns.ts'
import type { Ends } from './ends.ts'
import type { Ring, ToMain } from './messages.ts'
import { pipelineOf } from './partition.ts'
import { type Frame, newRing, RingWriter } from './ring.ts'
import { Told } from './told.ts'

/** What a frame's bytes are. */
export const EXEMPLARS = 1
export const ALL = 2

export class ColumnShipping {
  readonly #post: (message: ToMain) => void
  readonly #ends: Ends
  readonly #open = new Set<ColumnEnd>()

  constructor(post: (message: ToMain) => void, ends: Ends) {
    this.#post = post
    this.#ends = ends
  }

  readonly factory: ExporterFactory = exporter({
    type: '(columns)',
    stability: 'stable',
    config: z.strictObject({}),
    create: { metrics: cx => this.#end(cx) },
  })

  /** There may be room in a ring. */
  goOn(): void {
    for (const end of this.#open) end.goOn()
  }

  #end(cx: Context): Exporter<'metrics'> {
    const ring: Ring = { is: 'ring', pipeline: pipelineOf(cx.id), memory: newRing() }
    this.#post(ring)
    const writer = new RingWriter(ring.memory, () => this.#post({ is: 'called' }))
    const end = new ColumnEnd(cx, writer, () => {
      this.#open.delete(end)
      this.#post({ is: 'closed', pipeline: ring.pipeline })
      this.#ends.close(end)
    })
    this.#open.add(end)
    this.#ends.open(end)
    return end
  }
}

class ColumnEnd implements Consumer<'metrics'>, Leaf {
  readonly #ring: RingWriter
  readonly #clock: Clock
  readonly #told = new Told()
  readonly #closed: () => void
  readonly #waits: Counter
  #wake: (() => void)[] = []

  constructor({ clock, meter }: Context, ring: RingWriter, closed: () => void) {
    this.#clock = clock
    this.#ring = ring
    this.#closed = closed
    this.#waits = meter.createCounter('thalamus_worker_ring_waits', {
      unit: '{batch}',
      description: 'Batches that waited because the memory through which an ingest thread hands columns to the main thread was full.',
    })
    this.#waits.add(0)
  }

  reserve(_bytes: number, room: Room): void {
    if (this.#ring.full) room.refuse(this, true)
    else room.admit(this, 0)
  }

  release(): void {}

  consume(batch: MetricBatch, room?: Room): Promise<void> {
    room?.take(this)
    const written = this.#ring.write(this.#frame(batch))
    if (!this.#ring.full) {
      batch.raw.release()
      return written
    }
    this.#waits.add(1)
    return written.then(() => batch.raw.release())
  }

  goOn(): void {
    this.#ring.goOn()
    if (!this.#ring.full) for (const wake of this.#wake.splice(0)) wake()
  }

  freed(signal: AbortSignal): Promise<void> {
    return new Promise(resolve => {
      if (signal.aborted || !this.#ring.full) return resolve()
      signal.addEventListener('abort', () => resolve(), { once: true })
      this.#wake.push(resolve)
    })
  }

  async shutdown(signal: AbortSignal): Promise<void> {
    await this.freed(signal)
    this.#closed()
  }

  #frame(batch: MetricBatch): Frame {
    const columns = packedMetrics(batch)
    const now = this.#clock.monotonic()
    if (this.#told.knows(batch, now)) return { kind: EXEMPLARS, columns, bytes: exemplarsOf(batch) }
    this.#told.tell(batch, now)
    return { kind: ALL, columns, bytes: batch.raw.chunks }
  }
}

function exemplarsOf({ exemplars, raw }: MetricBatch): readonly Uint8Array[] {
  if (exemplars.length === 0) return none
  const bytes = raw.bytes()
  return Array.from(exemplars.from, (from, i) => bytes.subarray(from, exemplars.to[i]))
}
const none: readonly Uint8Array[] = []
