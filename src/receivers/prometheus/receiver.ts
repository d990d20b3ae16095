import { parse } from 'yaml'
import type { Consumer, Context, Receiver } from '../../component/component.ts'
import { ConfigError, type Problem, StartError } from '../../component/errors.ts'
import { matching, type Resolver, systemResolver } from './discovery.ts'
import { Job } from './job.ts'
import type { Telling } from './loop.ts'
import { jobProblems, type ScrapeConfig, type Settings, scrapeConfig } from './settings.ts'

/** Scrapes targets as a Prometheus server does, and hands on what it finds as OTLP. */
export class PrometheusReceiver implements Receiver {
  readonly #cx: Context
  readonly #settings: Settings
  readonly #next: Consumer<'metrics'> | undefined
  readonly #resolver: Resolver
  readonly #tell: Telling
  #jobs: Job[] = []

  constructor(cx: Context, settings: Settings, next: Consumer<'metrics'> | undefined, resolver: Resolver = systemResolver) {
    this.#cx = cx
    this.#settings = settings
    this.#next = next
    this.#resolver = resolver
    const scrapes = cx.meter.createCounter('otelcol_receiver_prometheus_scrapes', {
      description: 'Number of scrapes, by how they ended: ok, unreachable, malformed, limit, memory.',
      unit: '{scrape}',
    })
    const left = cx.meter.createCounter('otelcol_receiver_prometheus_dropped_samples', {
      description: 'Number of samples on pages that no data point was made of: duplicate, invalid, time.',
      unit: '{sample}',
    })
    this.#tell = {
      scraped: (job, outcome) => scrapes.add(1, { receiver: cx.id, job, outcome }),
      left: (job, reason, samples) => left.add(samples, { receiver: cx.id, job, reason }),
    }
  }

  async start(): Promise<void> {
    const next = this.#next
    if (next === undefined) return
    const { config, trim_metric_suffixes: trimSuffixes, initial_scrape_offset: initialOffset } = this.#settings
    const configs = [...config.scrape_configs, ...(await this.#files())]
    const of = { trimSuffixes, initialOffset, resolver: this.#resolver }
    this.#jobs = configs.map(each => new Job(this.#cx, each, config.global, of, next, this.#tell))
    for (const job of this.#jobs) await job.start()
    this.#cx.targets.offer(this.#cx.id, () => this.#jobs.map(job => job.pool))
  }

  async shutdown(signal: AbortSignal): Promise<void> {
    const over = Promise.withResolvers<void>()
    signal.addEventListener('abort', () => over.resolve(), { once: true })
    if (signal.aborted) over.resolve()
    await Promise.race([Promise.all(this.#jobs.map(job => job.shutdown(this.#settings.scrape_on_shutdown))), over.promise])
    for (const job of this.#jobs) job.abort()
  }

  /** More scrape configurations. @throws {StartError} {ConfigError} */
  async #files(): Promise<ScrapeConfig[]> {
    const { scrape_config_files: patterns, scrape_configs, global } = this.#settings.config
    const found: ScrapeConfig[] = []
    const problems: Problem[] = []
    const names = new Set(scrape_configs.map(({ job_name }) => job_name))
    for (const path of (await Promise.all(patterns.map(pattern => this.#matching(pattern)))).flat()) {
      const content = parse(await this.#read(path)) as { scrape_configs?: unknown[] } | null
      for (const [i, each] of (content?.scrape_configs ?? []).entries()) {
        const at = (rest: readonly PropertyKey[]) => [
          path,
          'scrape_configs',
          i,
          ...rest.map(step => (typeof step === 'symbol' ? '' : step)),
        ]
        const { data, error } = scrapeConfig.safeParse(each)
        if (data === undefined) {
          for (const issue of error.issues) problems.push({ path: at(issue.path), message: sentence(issue.message) })
          continue
        }
        for (const [setting, message] of jobProblems(data, global)) problems.push({ path: at([setting]), message })
        if (names.has(data.job_name)) problems.push({ path: at(['job_name']), message: 'must be another one: it is taken' })
        names.add(data.job_name)
        found.push(data)
      }
    }
    if (problems.length > 0) throw new ConfigError(problems)
    return found
  }

  async #matching(pattern: string): Promise<readonly string[]> {
    try {
      return await matching(pattern, this.#cx)
    } catch (cause) {
      throw this.#unreadable(pattern, cause)
    }
  }

  async #read(path: string): Promise<string> {
    try {
      return Buffer.from(await this.#cx.files.read(path)).toString()
    } catch (cause) {
      throw this.#unreadable(path, cause)
    }
  }

  #unreadable(path: string, cause: unknown): StartError {
    const why = cause instanceof Error ? cause.message : String(cause)
    return new StartError(`receivers.${this.#cx.id}.config.scrape_config_files: cannot read ${JSON.stringify(path)}: ${why}`, {
      cause,
      remedy: 'give a file that exists and that this user may read',
    })
  }
}

/** Zod's own sentences begin with a capital. */
const sentence = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1)
