/** Writes what passes into the log, for people who look for something. */
import { z } from 'zod'
import { type Context, type Exporter, exporter } from '../../component/component.ts'
import type { Account } from '../../component/ledger.ts'
import type { Leaf, Room } from '../../component/room.ts'
import { refused } from '../../component/settings.ts'
import type { BatchOf } from '../../model/batch.ts'
import { rowWord, type Signal } from '../../model/signal.ts'
import { protobufToJson } from '../../otlp/json.ts'
import { linesOf } from './lines.ts'
import { Sampling } from './sampling.ts'

const schema = z.strictObject({
  verbosity: z
    .enum(['basic', 'normal', 'detailed'])
    .default('basic')
    .describe(
      '`basic`: a line with counts for each batch. `normal`: with a line of text for each row. `detailed`: with all of it, as OTLP/JSON.',
    ),
  sampling_initial: z.number().int().min(0).default(2).describe('Batches that are logged in each second in any case.'),
  sampling_thereafter: z
    .number()
    .int()
    .min(0)
    .default(1)
    .describe('Of the other batches of that second, every so many-th is logged. 1: all. 0: none.'),
  use_internal_logger: refused('what passes goes into our own log', 'leave it out, and read standard error', [true]),
  output_paths: refused('what passes goes into our own log', 'leave it out, and read standard error'),
  sending_queue: refused('what passes is logged at once, so that nothing waits', 'leave it out'),
})

/** Rows of one batch that are shown as text; the log is for people. */
const mostLines = 1000

class Debug<S extends Signal> implements Exporter<S>, Leaf {
  readonly #cx: Context
  readonly #account: Account
  readonly #verbosity: z.infer<typeof schema>['verbosity']
  readonly #sampling: Sampling

  constructor(cx: Context, signal: S, settings: z.infer<typeof schema>) {
    this.#cx = cx
    this.#account = cx.account(signal)
    this.#verbosity = settings.verbosity
    this.#sampling = new Sampling(settings.sampling_initial, settings.sampling_thereafter, cx.clock)
  }

  reserve(bytes: number, room: Room): void {
    room.admit(this, bytes)
  }
  release(): void {}
  freed(): Promise<void> {
    return Promise.resolve()
  }

  async consume(batch: BatchOf[S], room?: Room): Promise<void> {
    room?.take(this)
    this.#account.accepted += batch.rows
    this.#account.taken += batch.rows
    if (this.#sampling.pick()) this.#cx.log.info({ ...this.#counts(batch), ...this.#content(batch) }, batch.signal)
    batch.raw.release()
  }

  #counts(batch: BatchOf[S]): object {
    const counts = { resources: batch.resources.length, [rowWord[batch.signal]]: batch.rows, bytes: batch.raw.size }
    return batch.signal === 'metrics' ? { ...counts, metrics: batch.metrics.length } : counts
  }

  #content(batch: BatchOf[S]): object {
    try {
      return this.#read(batch)
    } catch (error) {
      return { unreadable: error instanceof Error ? error.message : String(error) }
    }
  }

  #read({ signal, raw, rows }: BatchOf[S]): object {
    switch (this.#verbosity) {
      case 'basic':
        return {}
      case 'normal':
        return { rows: linesOf(signal, raw.bytes(), mostLines), ...(rows > mostLines ? { omitted: rows - mostLines } : {}) }
      case 'detailed':
        return { request: protobufToJson(signal, raw.bytes()) }
    }
  }
}

const create =
  <S extends Signal>(signal: S) =>
  (cx: Context, settings: z.infer<typeof schema>): Exporter<S> =>
    new Debug(cx, signal, settings)

export default exporter({
  type: 'debug',
  stability: 'beta',
  config: schema,
  create: { metrics: create('metrics'), traces: create('traces'), logs: create('logs') },
})
