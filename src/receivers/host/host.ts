/** Takes a snapshot of the host at every interval and hands it on. A snapshot that is refused is gone: the next is newer. */
import { availableParallelism } from 'node:os'
import type { Counter } from '@opentelemetry/api'
import type { Consumer, Context, Receiver } from '../../component/component.ts'
import type { Account } from '../../component/ledger.ts'
import { every, sleep } from '../../lib/clock.ts'
import { Raw } from '../../model/raw.ts'
import { encode } from '../../otlp/write.ts'
import { collectorScrapers } from './collector/index.ts'
import { cpuScraper, loadScraper, systemScraper } from './cpu.ts'
import { diskScraper, filesystemScraper } from './disk.ts'
import {
  cpuElsewhere,
  diskElsewhere,
  filesystemElsewhere,
  loadElsewhere,
  memoryElsewhere,
  networkElsewhere,
  pagingElsewhere,
  processesElsewhere,
  systemElsewhere,
} from './elsewhere.ts'
import { type HostmetricsSettings, unwanted } from './hostmetrics.ts'
import type { Settings as OwnSettings } from './index.ts'
import { memoryScraper, pagingScraper } from './memory.ts'
import { networkScraper } from './network.ts'
import { type Attributes, offByDefault, Points } from './points.ts'
import { parseStat } from './proc.ts'
import { processScraper } from './process.ts'
import { processesScraper } from './processes.ts'
import { hostId, hostResource, processResource } from './resource.ts'
import { type Scraper, Source, type Surroundings } from './scraper.ts'

/** As this is configured, or as the Collector's `hostmetrics` is. */
export type Settings = OwnSettings & { readonly hostmetrics?: HostmetricsSettings }
type Parts = OwnSettings['scrapers']

/** Everything that can be measured, on Linux and elsewhere. */
const parts: Readonly<Record<keyof Parts, (around: Surroundings, settings: Parts, linux: boolean) => Scraper>> = {
  cpu: (around, _, linux) => (linux ? cpuScraper(around) : cpuElsewhere(around)),
  memory: (around, _, linux) => (linux ? memoryScraper(around) : memoryElsewhere(around)),
  load: (around, { load }, linux) => (linux ? loadScraper(around, load) : loadElsewhere(load, availableParallelism())),
  disk: (around, { disk }, linux) => (linux ? diskScraper(around, disk) : diskElsewhere(around)),
  filesystem: (around, { filesystem }, linux) => (linux ? filesystemScraper(around, filesystem) : filesystemElsewhere(around, filesystem)),
  network: (around, { network }, linux) => (linux ? networkScraper(around, network) : networkElsewhere(around, network)),
  paging: (around, _, linux) => (linux ? pagingScraper(around) : pagingElsewhere(around)),
  processes: (around, _, linux) => (linux ? processesScraper(around) : processesElsewhere(around)),
  system: (around, _, linux) => (linux ? systemScraper(around) : systemElsewhere()),
  process: (around, _, linux) => processScraper(around, linux),
}

export class Host implements Receiver {
  readonly #cx: Context
  readonly #settings: Settings
  readonly #next: Consumer<'metrics'> | undefined
  readonly #account: Account
  readonly #around: Surroundings
  readonly #source: Source
  readonly #platform: string
  readonly #off: ReadonlySet<string>
  readonly #scrapers: readonly Scraper[]
  readonly #scraped: Counter
  readonly #errored: Counter
  readonly #stop = new AbortController()
  #timer: Disposable | undefined
  #running: Promise<void> = Promise.resolve()
  #host: Attributes = []
  #bootMs = 0
  readonly #startMs: number
  /** what a snapshot was, and the next would have been */
  #lastRows = 0

  /** `platform` as Node names it: a test may say another one than that which it runs on. */
  constructor(cx: Context, settings: Settings, next: Consumer<'metrics'> | undefined, platform: string = process.platform) {
    this.#cx = cx
    this.#settings = settings
    this.#next = next
    this.#platform = platform
    this.#off = settings.hostmetrics === undefined ? turnedOff(settings.metrics) : unwanted(settings.hostmetrics)
    this.#account = cx.account('metrics')
    this.#scraped = cx.meter.createCounter('otelcol_scraper_scraped_metric_points', {
      description: 'Number of metric points successfully scraped.',
      unit: '{datapoint}',
    })
    this.#errored = cx.meter.createCounter('otelcol_scraper_errored_metric_points', {
      description: 'Number of metric points that were unable to be scraped.',
      unit: '{datapoint}',
    })
    const { files, clock, log } = cx
    const root = settings.root_path.replace(/\/+$/, '')
    this.#startMs = clock.now() - process.uptime() * 1000
    const linux = platform === 'linux'
    this.#around = { files, clock, log, root, said: new Set(), errored: () => this.#errored.add(1, { receiver: cx.id }) }
    this.#source = new Source(this.#around)
    const around = (name: string) => ({ ...this.#around, errored: () => this.#errored.add(1, { receiver: cx.id, scraper: name }) })
    const { scrapers } = settings
    this.#scrapers =
      settings.hostmetrics === undefined
        ? (Object.keys(parts) as (keyof Parts)[])
            .filter(name => scrapers[name].enabled)
            .map(name => parts[name](around(name), scrapers, linux))
        : collectorScrapers(settings.hostmetrics, around)
  }

  /** Nothing here is worth waiting for: what is slow to find out is found out in the background. */
  async start(): Promise<void> {
    if (this.#next === undefined) return
    this.#running = this.#prepare().then(() => this.#begin())
  }

  async shutdown(signal: AbortSignal): Promise<void> {
    this.#stop.abort()
    this.#timer?.[Symbol.dispose]()
    const given = Promise.withResolvers<void>()
    signal.addEventListener('abort', () => given.resolve(), { once: true })
    if (!signal.aborted) await Promise.race([this.#running, given.promise])
    for (const scraper of this.#scrapers) scraper.close?.()
  }

  async #prepare(): Promise<void> {
    const { clock, files } = this.#cx
    this.#host = hostResource(this.#around, this.#platform)
    this.#bootMs = clock.now()
    try {
      this.#bootMs = parseStat(files.readSync(`${this.#around.root}/proc/stat`)).bootMs ?? this.#bootMs
    } catch {}
    if (this.#platform !== 'linux') {
      const id = await hostId()
      if (id !== undefined) this.#host = [...this.#host, ['host.id', id]]
    }
    await Promise.all(this.#scrapers.map(scraper => this.#guard(scraper, () => scraper.prepare?.())))
  }

  async #begin(): Promise<void> {
    const { clock } = this.#cx
    await sleep(clock, this.#settings.initial_delay, this.#stop.signal)
    if (this.#stop.signal.aborted) return
    await this.#snapshot()
    if (this.#stop.signal.aborted) return
    this.#timer = every(clock, this.#settings.collection_interval, () => (this.#running = this.#snapshot()))
  }

  async #snapshot(): Promise<void> {
    const { budget } = this.#cx
    if (budget.exceeded) return this.#errored.add(this.#lastRows, { receiver: this.#cx.id })
    await this.#source.attemptAsync('snapshot', async () => {
      const bytes = encode('metrics', await this.#measure())
      budget.charge(bytes.length)
      try {
        await this.#handOver(bytes)
      } finally {
        budget.refund(bytes.length)
      }
    })
  }

  async #measure(): Promise<object> {
    const now = this.#cx.clock.now()
    const of = { host: new Points(this.#bootMs, now, this.#off), process: new Points(this.#startMs, now, this.#off) }
    const each: { resource: Attributes; points: Points }[] = []
    const pointsOf = (resource: Attributes, startMs: number) => {
      const points = new Points(startMs, now, this.#off)
      each.push({ resource, points })
      return points
    }
    const count = () => of.host.count + of.process.count + each.reduce((sum, { points }) => sum + points.count, 0)
    for (const scraper of this.#scrapers) {
      const before = count()
      await this.#guard(scraper, () => scraper.scrape(of[scraper.resource]))
      await this.#guard(scraper, () => scraper.scrapeEach?.(pointsOf))
      this.#scraped.add(count() - before, { receiver: this.#cx.id, scraper: scraper.name })
    }
    const scope = { name: 'thalamus/host' }
    // The Collector leaves it to resource detection to say which host it is.
    const host = this.#settings.hostmetrics === undefined ? this.#host : []
    const resourceMetrics = [
      { resource: { attributes: host }, scopeMetrics: [{ scope, metrics: of.host.metrics() }] },
      { resource: { attributes: [...this.#host, ...processResource()] }, scopeMetrics: [{ scope, metrics: of.process.metrics() }] },
      ...each.map(({ resource, points }) => ({ resource: { attributes: resource }, scopeMetrics: [{ scope, metrics: points.metrics() }] })),
    ]
    return { resourceMetrics: resourceMetrics.filter(({ scopeMetrics: [first] }) => first!.metrics.length > 0) }
  }

  async #handOver(bytes: Uint8Array): Promise<void> {
    const batch = this.#cx.reader.read('metrics', Raw.of(bytes))
    this.#lastRows = batch.rows
    if (batch.rows === 0) return
    try {
      await this.#next!.consume(batch)
      this.#account.receive(batch.rows, 0)
    } catch (error) {
      this.#account.receive(0, batch.rows)
      this.#cx.log.debug({ rows: batch.rows, error: String(error) }, 'a snapshot was refused')
    }
  }

  /** A part that fails costs its own points only, and is said once. */
  async #guard(scraper: Scraper, run: () => void | Promise<void>): Promise<void> {
    await this.#source.attemptAsync(scraper.name, async () => run())
  }
}

function turnedOff(metrics: Settings['metrics']): ReadonlySet<string> {
  const off = new Set(offByDefault)
  for (const [name, { enabled }] of Object.entries(metrics)) {
    if (enabled) off.delete(name)
    else off.add(name)
  }
  return off
}
