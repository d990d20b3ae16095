/** The main thread's side of what ingest threads ship as columns: handed to the pipeline where it goes on. */
import { z } from 'zod'
import { type Component, type Consumer, type Context, type ReceiverFactory, receiver } from '../component/component.ts'
import { RetryableError } from '../component/errors.ts'
import { type Clock, sleep } from '../lib/clock.ts'
import type { MetricBatch, Reader } from '../model/batch.ts'
import { Incoming } from './incoming.ts'
import type { Ring } from './messages.ts'
import { pipelineOf } from './partition.ts'
import { RingReader } from './ring.ts'

/** [ms] from a try that failed to the next */
const retryMs = 100

export interface Around {
  readonly clock: Clock
  readonly reader: Reader
  /** resolves when threads that are being stopped will ship no more */
  quiet(): Promise<void> | undefined
  /** the pipeline is there no more, or will never take it: nobody has these rows */
  lost(pipeline: string, why: 'no_exporter' | 'rejected', rows: number, error?: unknown): void
}

export class ColumnLandings {
  readonly #around: Around
  readonly #byPipeline = new Map<string, Consumer<'metrics'>>()
  readonly #incoming = new Set<Incoming>()

  constructor(around: Around) {
    this.#around = around
  }

  readonly factory: ReceiverFactory = receiver({
    type: '(columns)',
    stability: 'stable',
    config: z.strictObject({}),
    signals: ['metrics'],
    create: (cx, _, next) => this.#landing(cx, next.metrics!),
  })

  /** `tell` says to the thread that there is room. */
  open({ pipeline, memory }: Ring, tell: () => void): Incoming {
    const { reader, clock, lost } = this.#around
    const incoming: Incoming = new Incoming(new RingReader(memory, tell), reader, clock, {
      take: batch => this.#handOn(pipeline, batch),
      refuse: (rows, error) => lost(pipeline, 'rejected', rows, error),
      closed: () => void this.#incoming.delete(incoming),
    })
    this.#incoming.add(incoming)
    return incoming
  }

  #landing(cx: Context, next: Consumer<'metrics'>): Component {
    const pipeline = pipelineOf(cx.id)
    return {
      start: async () => void this.#byPipeline.set(pipeline, next),
      shutdown: async signal => {
        await Promise.race([this.#drained(), aborted(signal)])
        this.#byPipeline.delete(pipeline)
      },
    }
  }

  async #drained(): Promise<void> {
    await this.#around.quiet()
    await Promise.all([...this.#incoming].map(incoming => incoming.drain()))
  }

  /** What waits for a component that is being replaced comes again. */
  async #handOn(pipeline: string, batch: MetricBatch): Promise<void> {
    const { clock, lost } = this.#around
    for (;;) {
      const next = this.#byPipeline.get(pipeline)
      if (next === undefined) return lost(pipeline, 'no_exporter', batch.rows)
      try {
        return await next.consume(batch)
      } catch (error) {
        if (!(error instanceof RetryableError)) return lost(pipeline, 'rejected', batch.rows, error)
        await sleep(clock, retryMs)
      }
    }
  }
}

function aborted(signal?: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal === undefined) return
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
