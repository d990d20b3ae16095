/** Keeps samples on this machine, and for a while spans and log records, and answers questions about them: what the APIs and rules ask. */
import { z } from 'zod'
import { type Consumer, type Context, type Exporter, exporter } from '../../component/component.ts'
import { RetryableError } from '../../component/errors.ts'
import type { Account } from '../../component/ledger.ts'
import type { Leaf, Room } from '../../component/room.ts'
import { bytes, duration } from '../../component/settings.ts'
import type { Labelling } from '../../exposition/describe.ts'
import { labelName, strategies } from '../../exposition/naming.ts'
import { every } from '../../lib/clock.ts'
import type { MetricBatch } from '../../model/batch.ts'
import type { Metadata } from '../../model/query.ts'
import { outcomes } from '../../store/head.ts'
import { TimeSeriesStore } from '../../store/store.ts'
import { type Reason, reasons, Translator } from '../../translation/translate.ts'
import { Awaiting } from './awaiting.ts'
import { measure } from './metrics.ts'
import { RecordExporter } from './records.ts'
import { Refusals } from './refusals.ts'

const ring = (what: string) =>
  z
    .strictObject({
      retention: duration({ min: 1000 }).prefault('1h').describe(`How long ${what} are kept at least, unless that is more than fits.`),
      size: bytes().prefault('256MiB').describe(`The most bytes that ${what} take; past it the oldest are deleted.`),
    })
    .prefault({})
    .describe(`The ring that ${what} are kept in, whichever bound comes first.`)

const config = z.strictObject({
  directory: z
    .string()
    .min(1)
    .default('/var/lib/thalamus/store')
    .describe(
      'Where the samples lie, spans in `spans` and log records in `logs` below it; made where it does not exist. For one process alone.',
    ),
  retention: z
    .strictObject({
      raw: duration({ min: 1 }).prefault('24h').describe('How long samples are kept as they came, at least.'),
      minute: duration().prefault('30d').describe('How long one bucket a minute is kept. 0: none are made.'),
      hour: duration().prefault('400d').describe('How long one bucket an hour is kept. 0: none are made.'),
      size: bytes()
        .prefault(0)
        .describe('The most bytes that blocks take; past it the oldest are deleted, samples that buckets were made of first. 0: no bound.'),
    })
    .prefault({})
    .describe('What is kept for how long. Whole blocks are deleted, so that some of it stays up to a day longer.'),
  spans: ring('spans'),
  logs: ring('log records'),
  out_of_order_window: duration()
    .prefault('24h')
    .describe(
      'How much older than the newest sample of the store one may be; what is older is refused. Up to `retention.raw`, what comes late is in the buckets of its day as if it had been in time.',
    ),
  max_ahead_time: duration()
    .prefault('10m')
    .describe('How far ahead of the clock of this machine a sample may be; what is further is refused.'),
  sync_interval: duration()
    .prefault('1s')
    .describe('A yes means that the kernel has it; this is how often it is made safe from a loss of power. 0: before each yes.'),
  head_size: bytes().prefault('192MiB').describe('Samples are compressed and written to a block when they take this much memory.'),
  index_cache: bytes().prefault('128MiB').describe('Memory for indexes of blocks that queries have read.'),
  max_select_size: bytes()
    .prefault('256MiB')
    .describe('The most compressed bytes that one selector of a query may read; a query that wants more fails.'),
  max_series: z
    .number()
    .int()
    .min(1)
    .default(1_000_000)
    .describe('Series of OpenTelemetry that are followed at most; rows of others are dropped and counted.'),
  max_exemplars: z.number().int().min(0).default(10_000).describe('Exemplars kept at most, the newest. 0: none.'),
  namespace: z.string().default('').describe('First word of every metric name.'),
  const_labels: z.record(z.string().min(1), z.string()).default({}).describe('Labels added to every series.'),
  translation_strategy: z.enum(strategies).default('UnderscoreEscapingWithSuffixes').describe('How names become Prometheus names.'),
  without_scope_info: z.boolean().default(false).describe('Leave out the `otel_scope_…` labels.'),
  resource_to_telemetry_conversion: z
    .strictObject({
      enabled: z.boolean().default(false).describe('Make every resource attribute a label of every series.'),
      exclude_service_attributes: z.boolean().default(false).describe('But not those that `job` and `instance` are made of.'),
    })
    .prefault({})
    .describe('Resource attributes as labels; without it they are in `target_info`.'),
})
export type StoreExporterSettings = z.infer<typeof config>

export default exporter({
  type: 'store',
  stability: 'alpha',
  config,
  create: {
    metrics: (cx, settings) => new StoreExporter(cx, settings),
    traces: (cx, settings) => new RecordExporter('traces', cx, settings),
    logs: (cx, settings) => new RecordExporter('logs', cx, settings),
  },
})

const sweepMs = 60_000

/** Takes rows for good at `consume`: they are in the log and can be asked for, or counted as dropped. */
class StoreExporter implements Exporter<'metrics'>, Consumer<'metrics'>, Leaf {
  readonly #cx: Context
  readonly #settings: StoreExporterSettings
  readonly #account: Account
  readonly #refusals: Refusals
  readonly #translator: Translator
  #store: TimeSeriesStore | undefined
  #offer: Disposable | undefined
  #sweeps: Disposable | undefined
  #unmeter: (() => void) | undefined
  readonly #awaiting = new Awaiting()

  constructor(cx: Context, settings: StoreExporterSettings) {
    this.#cx = cx
    this.#settings = settings
    this.#account = cx.account('metrics').mayDrop(...reasons)
    this.#refusals = new Refusals(cx.log, cx.clock)
    this.#translator = new Translator(
      toLabelling(settings),
      cx.clock,
      settings.max_series,
      (reason, entry) => this.#refusals.say(reason, entry),
      (family, metadata: Metadata) => this.#store?.notes.knows(family, metadata) === true,
    )
  }

  async start(): Promise<void> {
    const { retention, ...settings } = this.#settings
    const store = await TimeSeriesStore.open(
      {
        directory: settings.directory.replace(/(?<=.)\/+$/, ''),
        outOfOrderMs: settings.out_of_order_window,
        aheadMs: settings.max_ahead_time,
        syncMs: settings.sync_interval,
        maxHeadBytes: settings.head_size,
        maxExemplars: settings.max_exemplars,
        maxIndexBytes: settings.index_cache,
        maxSelectBytes: settings.max_select_size,
        retention: { rawMs: retention.raw, minuteMs: retention.minute, hourMs: retention.hour, maxBytes: retention.size },
      },
      { disk: this.#cx.disk, clock: this.#cx.clock, log: this.#cx.log },
    )
    store.onTrouble = problem => this.#cx.health(problem)
    store.onRoom = () => this.#awaiting.wake()
    store.start()
    this.#store = store
    this.#unmeter = measure(this.#cx, store, () => this.#translator.size)
    this.#offer = this.#cx.queries.offer(this.#cx.id, store)
    this.#sweeps = every(this.#cx.clock, sweepMs, () => this.#translator.sweep())
  }

  async shutdown(): Promise<void> {
    this.#sweeps?.[Symbol.dispose]()
    this.#offer?.[Symbol.dispose]()
    this.#unmeter?.()
    this.#unmeter = undefined
    await this.#store?.close()
    this.#awaiting.wake()
  }

  /** There is room unless the disk takes nothing, or is slower than what comes. */
  reserve(bytes: number, room: Room): void {
    if (this.#store?.hasRoom(bytes) === false) room.refuse(this, false, this.#store.trouble)
    else room.admit(this, 0)
  }
  release(): void {}
  freed(signal: AbortSignal): Promise<void> {
    return this.#awaiting.freed(signal)
  }

  async consume(batch: MetricBatch, room?: Room): Promise<void> {
    room?.take(this)
    if (this.#store === undefined) throw new RetryableError('the store is not open')
    const { rows } = batch
    const { incoming, firsts, dropped } = this.#translator.translate(batch)
    const results = incoming.empty ? new Uint8Array(0) : (await this.#store.append(incoming)).outcomes
    for (const first of firsts) {
      const reason = reasonOf[results[first] ?? 0]
      if (reason === undefined) continue
      if (!dropped.has(reason)) this.#refusals.sayTime(reason, incoming, first)
      dropped.set(reason, (dropped.get(reason) ?? 0) + 1)
    }
    let lost = 0
    for (const [reason, rows] of dropped) {
      lost += rows
      this.#account.drop(reason, rows)
    }
    this.#account.accepted += rows
    this.#account.taken += rows - lost
    batch.raw.release()
  }
}

/** By outcome of a row's first sample. A sample that is there already is as good as taken. */
const reasonOf: readonly (Reason | undefined)[] = outcomes.map(outcome => {
  if (outcome === 'conflict') return 'duplicate_timestamp'
  if (outcome === 'too_old') return 'too_old'
  return outcome === 'ahead' ? 'too_far_ahead' : undefined
})

function toLabelling(settings: StoreExporterSettings): Labelling {
  const { translation_strategy: strategy, namespace } = settings
  const { enabled, exclude_service_attributes: unlessService } = settings.resource_to_telemetry_conversion
  return {
    strategy,
    namespace,
    constLabels: Object.entries(settings.const_labels).map(([key, value]) => [labelName(key, { strategy }), value.toWellFormed()]),
    scope: !settings.without_scope_info,
    resource: enabled ? (unlessService ? 'unless_service' : 'all') : 'none',
  }
}
