/** One scrape configuration: its discoveries, the targets that come of them, and a loop for each. */
import type { Consumer, Context } from '../../component/component.ts'
import type { ScrapePool } from '../../component/targets.ts'
import type { Label } from '../../exposition/labels.ts'
import { Relabelling } from '../../exposition/relabel.ts'
import { type Discovery, DnsDiscovery, FileDiscovery, HttpDiscovery, type Resolver, staticTargets } from './discovery.ts'
import { HttpClient, maxPage } from './http.ts'
import { type LoopSettings, ScrapeLoop, type Telling } from './loop.ts'
import { type Global, type ScrapeConfig, type ScrapeProtocol, timesOf } from './settings.ts'
import { type Found, type Target, type TargetDefaults, targetOf } from './target.ts'

/** What of the receiver's own settings concerns a job. */
export interface OfReceiver {
  readonly trimSuffixes: boolean
  /** [ms] */
  readonly initialOffset: number
  readonly resolver: Resolver
}

export class Job {
  readonly name: string
  readonly #cx: Context
  readonly #next: Consumer<'metrics'>
  readonly #tell: Telling
  readonly #client: HttpClient
  readonly #discoveries: readonly Discovery[]
  readonly #found: (readonly Found[])[]
  readonly #defaults: TargetDefaults
  readonly #loopSettings: LoopSettings
  readonly #targetLimit: number
  /** [targets] that are kept of those that relabelling drops */
  readonly #keepDropped: number
  #dropped: readonly ReadonlyMap<string, string>[] = []
  #droppedCount = 0
  readonly #loops = new Map<string, ScrapeLoop>()
  /** by the target's labels: those that are no more, until their series are ended */
  readonly #leaving = new Map<string, ScrapeLoop>()
  #ended = false
  #refused = ''

  constructor(cx: Context, config: ScrapeConfig, global: Global, of: OfReceiver, next: Consumer<'metrics'>, tell: Telling) {
    this.name = config.job_name
    this.#cx = cx
    this.#next = next
    this.#tell = tell
    this.#client = new HttpClient(config, cx.files, cx.clock)
    this.#discoveries = [
      staticTargets(config.static_configs),
      ...config.file_sd_configs.map(sd => new FileDiscovery(cx, sd)),
      ...config.http_sd_configs.map(sd => new HttpDiscovery(cx, sd)),
      ...config.dns_sd_configs.map(sd => new DnsDiscovery(cx, sd, of.resolver)),
    ]
    this.#found = this.#discoveries.map(() => [])
    this.#defaults = defaultsOf(config, global)
    this.#loopSettings = loopSettingsOf(config, global, of, this.#defaults)
    this.#targetLimit = config.target_limit ?? global.target_limit ?? 0
    this.#keepDropped = (config.keep_dropped_targets ?? global.keep_dropped_targets) || Number.POSITIVE_INFINITY
  }

  /** @throws {StartError} */
  async start(): Promise<void> {
    await this.#client.open(`receivers.${this.#cx.id}.config.scrape_configs.${this.name}`)
    // One that answers late holds up none of the others.
    const started = this.#discoveries.map((discovery, i) =>
      discovery.start(targets => {
        this.#found[i] = targets
        this.#update()
      }),
    )
    for (const each of started) each.catch((error: unknown) => this.#cx.health(error instanceof Error ? error.message : String(error)))
    await started[0]
  }

  #update(): void {
    if (this.#ended) return
    const targets = this.#targets()
    for (const [key, loop] of this.#loops) {
      if (targets.has(key)) continue
      this.#loops.delete(key)
      const labels = JSON.stringify(loop.target.labels)
      this.#leaving.get(labels)?.stop()
      this.#leaving.set(labels, loop)
      loop.gone()
    }
    for (const [key, target] of targets) if (!this.#loops.has(key)) this.#begin(key, target)
    const tooMany = this.#targetLimit > 0 && targets.size > this.#targetLimit
    for (const loop of this.#loops.values())
      loop.forced = tooMany ? `the job has ${targets.size} targets, and at most ${this.#targetLimit} may be (target_limit)` : undefined
  }

  #begin(key: string, target: Target): void {
    const labels = JSON.stringify(target.labels)
    // It is back: its series go on.
    this.#leaving.get(labels)?.stop()
    this.#leaving.delete(labels)
    const loop = new ScrapeLoop(this.#cx, this.#loopSettings, target, this.#client, this.#next, this.#tell)
    this.#loops.set(key, loop)
    loop.start()
  }

  #targets(): Map<string, Target> {
    const targets = new Map<string, Target>()
    const refused: string[] = []
    const dropped: ReadonlyMap<string, string>[] = []
    for (const found of this.#found.flat()) {
      const target = targetOf(found, this.#defaults)
      if (typeof target === 'string') refused.push(target)
      else if ('dropped' in target) dropped.push(target.dropped)
      else targets.set(target.key, target)
    }
    this.#droppedCount = dropped.length
    this.#dropped = dropped.slice(0, this.#keepDropped)
    const said = refused.join('\n')
    if (said !== this.#refused && said !== '')
      this.#cx.log.warn({ job: this.name, problems: refused.slice(0, 10), count: refused.length }, 'targets cannot be scraped')
    this.#refused = said
    return targets
  }

  /** What is scraped at the moment. */
  get pool(): ScrapePool {
    return {
      job: this.name,
      targets: [...this.#loops.values()].map(loop => loop.status),
      dropped: this.#dropped.map(labels => Object.fromEntries(labels)),
      droppedCount: this.#droppedCount,
    }
  }

  /** @param last every target is scraped once more */
  async shutdown(last: boolean): Promise<void> {
    this.#ended = true
    for (const discovery of this.#discoveries) discovery.close()
    for (const loop of this.#leaving.values()) loop.stop()
    const loops = [...this.#loops.values()]
    if (last) await Promise.all(loops.map(loop => loop.lastScrape()))
    for (const loop of loops) loop.stop()
    await Promise.all([...loops, ...this.#leaving.values()].map(loop => loop.settled))
  }

  /** Whoever waits for `shutdown` waits no longer than until this. */
  abort(): void {
    for (const loop of [...this.#loops.values(), ...this.#leaving.values()]) loop.stop()
    this.#client.close()
  }
}

function defaultsOf(config: ScrapeConfig, global: Global): TargetDefaults {
  const { interval, timeout } = timesOf(config, global)
  return {
    job: config.job_name,
    interval,
    timeout,
    metricsPath: config.metrics_path,
    scheme: config.scheme,
    params: config.params,
    relabelling: new Relabelling(config.relabel_configs),
    native: config.scrape_native_histograms ?? global.scrape_native_histograms ?? false,
    classic: config.always_scrape_classic_histograms ?? global.always_scrape_classic_histograms ?? false,
  }
}

function loopSettingsOf(config: ScrapeConfig, global: Global, of: OfReceiver, defaults: TargetDefaults): LoopSettings {
  const legacy = (config.metric_name_validation_scheme ?? global.metric_name_validation_scheme) === 'legacy'
  const limit = (setting: 'body_size_limit' | 'sample_limit' | 'label_limit' | 'label_name_length_limit' | 'label_value_length_limit') =>
    config[setting] || global[setting] || 0
  const bodySizeLimit = limit('body_size_limit')
  return {
    job: config.job_name,
    honorLabels: config.honor_labels,
    honorTimestamps: config.honor_timestamps,
    trackTimestampsStaleness: config.track_timestamps_staleness,
    externalLabels: Object.entries(global.external_labels) satisfies Label[],
    relabelling: new Relabelling(config.metric_relabel_configs, legacy),
    sampleLimit: limit('sample_limit'),
    labelLimit: limit('label_limit'),
    labelNameLengthLimit: limit('label_name_length_limit'),
    labelValueLengthLimit: limit('label_value_length_limit'),
    bucketLimit: config.native_histogram_bucket_limit ?? 0,
    maxScale: scaleOf(config.native_histogram_min_bucket_factor ?? 0),
    legacyNames: legacy,
    trimSuffixes: of.trimSuffixes,
    native: defaults.native,
    classic: defaults.classic,
    bodySizeLimit,
    maxBody: bodySizeLimit === 0 ? maxPage : Math.min(bodySizeLimit, maxPage),
    headers: headersOf(config, global, defaults, legacy),
    fallback: config.fallback_scrape_protocol,
    extraMetrics: config.extra_scrape_metrics ?? global.extra_scrape_metrics ?? false,
    initialOffset: of.initialOffset,
  }
}

/** The finest scale whose buckets grow by at least `factor`: base = 2^(2^-scale). */
function scaleOf(factor: number): number {
  if (factor <= 1) return 20
  return Math.max(-4, Math.floor(-Math.log2(Math.log2(factor))))
}

const mediaTypes: Readonly<Record<ScrapeProtocol, string>> = {
  PrometheusProto: 'application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited',
  'PrometheusText0.0.4': 'text/plain;version=0.0.4',
  'PrometheusText1.0.0': 'text/plain;version=1.0.0',
  'OpenMetricsText0.0.1': 'application/openmetrics-text;version=0.0.1',
  'OpenMetricsText1.0.0': 'application/openmetrics-text;version=1.0.0',
}
const usual: readonly ScrapeProtocol[] = ['OpenMetricsText1.0.0', 'OpenMetricsText0.0.1', 'PrometheusText1.0.0', 'PrometheusText0.0.4']

function headersOf(config: ScrapeConfig, global: Global, { native, timeout }: TargetDefaults, legacy: boolean): Record<string, string> {
  const protocols = config.scrape_protocols ?? global.scrape_protocols ?? (native ? ['PrometheusProto' as const, ...usual] : usual)
  const escaping = config.metric_name_escaping_scheme ?? global.metric_name_escaping_scheme ?? (legacy ? 'underscores' : 'allow-utf-8')
  const ranges = protocols.map((protocol, i) => {
    const escaped = protocol === 'PrometheusText1.0.0' || protocol === 'OpenMetricsText1.0.0' ? `;escaping=${escaping}` : ''
    return `${mediaTypes[protocol]}${escaped};q=0.${6 - i}`
  })
  return {
    accept: [...ranges, `*/*;q=0.${6 - protocols.length}`].join(','),
    'accept-encoding': config.enable_compression ? 'gzip' : 'identity',
    'user-agent': 'thalamus',
    'x-prometheus-scrape-timeout-seconds': String(timeout / 1000),
  }
}
