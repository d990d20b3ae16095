import { z } from 'zod'
import { type Consumer, type Context, type Exporter, exporter } from '../../component/component.ts'
import { pageServerSettings } from '../../component/http-server.ts'
import type { Account } from '../../component/ledger.ts'
import type { Leaf, Room } from '../../component/room.ts'
import { duration, endpoint, refused } from '../../component/settings.ts'
import type { Labelling } from '../../exposition/describe.ts'
import { EscapedLabels, escapeFamilies } from '../../exposition/escape.ts'
import { isEscaping, labelName, type Strategy, strategies } from '../../exposition/naming.ts'
import type { Choice, Format } from '../../exposition/negotiate.ts'
import { openMetrics } from '../../exposition/openmetrics.ts'
import { protobufPage } from '../../exposition/protobuf.ts'
import { classic, textPage } from '../../exposition/text.ts'
import { every } from '../../lib/clock.ts'
import type { MetricBatch } from '../../model/batch.ts'
import { Refusals } from './refusals.ts'
import { ScrapeServer } from './server.ts'
import { type Reason, reasons, State } from './state.ts'

const config = z.strictObject({
  endpoint: endpoint().default('127.0.0.1:9464').describe('Where scrapers find the page, `host:port`.'),
  path: z
    .string()
    .regex(/^\/[^?#\s]*$/, 'must begin with "/"')
    .default('/metrics')
    .describe('The path of the page.'),
  namespace: z.string().default('').describe('First word of every metric name.'),
  const_labels: z.record(z.string().min(1), z.string()).default({}).describe('Labels added to every series.'),
  send_timestamps: z.boolean().default(false).describe('Write the time of each point beside its value.'),
  metric_expiration: duration({ min: 1 }).prefault('5m').describe('A series that has not been updated for so long leaves the page.'),
  enable_open_metrics: z
    .boolean()
    .default(true)
    .describe('Offer OpenMetrics to scrapers that ask for it. Exemplars travel in OpenMetrics and protobuf only.'),
  translation_strategy: z
    .enum(strategies)
    .optional()
    .describe('How names become Prometheus names. Default: `UnderscoreEscapingWithSuffixes`.'),
  add_metric_suffixes: z
    .boolean()
    .default(true)
    .describe('Append unit and `_total` to names. Has no effect beside `translation_strategy`.'),
  without_scope_info: z.boolean().default(false).describe('Leave out the `otel_scope_…` labels.'),
  resource_to_telemetry_conversion: z
    .strictObject({
      enabled: z.boolean().default(false).describe('Make every resource attribute a label of every series.'),
      exclude_service_attributes: z.boolean().default(false).describe('But not those that `job` and `instance` are made of.'),
    })
    .prefault({})
    .describe('Resource attributes as labels; without it they are in `target_info`.'),
  max_series: z.number().int().min(1).default(1_000_000).describe('Series on the page at most; rows of others are dropped and counted.'),
  max_concurrent_scrapes: z.number().int().min(1).default(8).describe('Scrapes at once at most; others get 503.'),
  sending_queue: refused('rows are on the page as soon as they are taken, so that nothing waits', 'leave it out'),
  ...pageServerSettings(),
})
type Settings = z.infer<typeof config>

export default exporter({
  type: 'prometheus',
  stability: 'beta',
  config,
  readsColumns: true,
  create: { metrics: (cx, settings) => new PrometheusExporter(cx, settings) },
})

/** Takes rows for good at `consume`: they are on the page, or counted as dropped. */
class PrometheusExporter implements Exporter<'metrics'>, Consumer<'metrics'>, Leaf {
  readonly #cx: Context
  readonly #account: Account
  readonly #state: State
  readonly #server: ScrapeServer
  readonly #sweepMs: number
  #sweeps: Disposable | undefined
  readonly #refusals: Refusals
  /** every name on the page is one that every scraper takes */
  readonly #escapes: boolean
  readonly #escapedLabels = new EscapedLabels()

  constructor(cx: Context, settings: Settings) {
    this.#cx = cx
    this.#account = cx.account('metrics').mayDrop(...reasons)
    this.#refusals = new Refusals(cx.log, cx.clock)
    const labelling = toLabelling(settings)
    this.#escapes = isEscaping(labelling.strategy)
    const stateSettings = {
      ...labelling,
      maxSeries: settings.max_series,
      expirationMs: settings.metric_expiration,
      sendTimestamps: settings.send_timestamps,
    }
    this.#state = new State(stateSettings, cx.clock, (reason, entry) => this.#refusals.say(reason, entry))
    const formats: Format[] = settings.enable_open_metrics ? ['text', 'protobuf', 'openmetrics'] : ['text', 'protobuf']
    const { path, max_concurrent_scrapes: maxScrapes } = settings
    const served = { http: settings, path, maxScrapes, formats: new Set(formats) }
    this.#server = new ScrapeServer(served, cx, choice => this.#page(choice))
    this.#sweepMs = Math.max(1000, Math.min(settings.metric_expiration, 60_000) / 2)
  }

  async start(): Promise<void> {
    this.#cx.listening('Prometheus page', await this.#server.start())
    this.#sweeps = every(this.#cx.clock, this.#sweepMs, () => {
      // a page under way reads slots: nothing is freed until it is done
      if (this.#server.scraping === 0) this.#state.sweep()
    })
  }

  async shutdown(): Promise<void> {
    this.#sweeps?.[Symbol.dispose]()
    await this.#server.stop()
  }

  /** A page has room for any batch; what it has no place for is dropped and counted. */
  reserve(_bytes: number, room: Room): void {
    room.admit(this, 0)
  }
  release(): void {}
  async freed(): Promise<void> {}

  async consume(batch: MetricBatch, room?: Room): Promise<void> {
    room?.take(this)
    this.#state.take(batch)
    batch.raw.release()
    let dropped = 0
    for (let i = 0; i < reasons.length; i++) {
      const rows = this.#state.dropped[i]!
      dropped += rows
      this.#account.drop(reasons[i] as Reason, rows)
    }
    this.#account.accepted += batch.rows
    this.#account.taken += batch.rows - dropped
  }

  *#page(choice: Choice): Generator<Uint8Array | undefined> {
    const all = this.#state.page.families()
    let leftOut = 0
    const count = (rows: number) => void (leftOut += rows)
    const families = this.#escapes ? all : yield* escapeFamilies(all, choice.escaping, this.#escapedLabels, count)
    if (leftOut > 0) this.#refusals.escaped(leftOut)
    if (choice.format === 'protobuf') yield* protobufPage(families)
    else yield* textPage(families, choice.format === 'text' ? classic : openMetrics(families))
  }
}

function toLabelling(settings: Settings): Labelling {
  const legacy: Strategy = settings.add_metric_suffixes ? 'UnderscoreEscapingWithSuffixes' : 'UnderscoreEscapingWithoutSuffixes'
  const strategy = settings.translation_strategy ?? legacy
  const { enabled, exclude_service_attributes: unlessService } = settings.resource_to_telemetry_conversion
  return {
    strategy,
    namespace: settings.namespace,
    constLabels: Object.entries(settings.const_labels).map(([key, value]) => [labelName(key, { strategy }), value.toWellFormed()]),
    scope: !settings.without_scope_info,
    resource: enabled ? (unlessService ? 'unless_service' : 'all') : 'none',
  }
}
