/** The scrapes of one target: in its rhythm, one at a time, each handed over with what there is to say about it. */
import type { Consumer, Context } from '../../component/component.ts'
import type { Account } from '../../component/ledger.ts'
import type { ScrapeTarget } from '../../component/targets.ts'
import { ExpositionError, type Format } from '../../exposition/read.ts'
import { Raw } from '../../model/raw.ts'
import { LimitError, type SeriesSettings } from './first-sight.ts'
import { FetchError, type HttpClient } from './http.ts'
import { type Scraped, TargetSeries } from './series.ts'
import type { ScrapeProtocol } from './settings.ts'
import { offsetOf, type Target } from './target.ts'

export interface LoopSettings extends SeriesSettings {
  readonly job: string
  /** [bytes] 0: none */
  readonly bodySizeLimit: number
  /** [bytes] what is read at most in any case */
  readonly maxBody: number
  readonly headers: Readonly<Record<string, string>>
  readonly fallback: ScrapeProtocol
  readonly extraMetrics: boolean
  /** [ms] before the first scrape, beside the target's own offset */
  readonly initialOffset: number
}

/** What a loop tells its receiver. */
export interface Telling {
  /** one scrape, by how it ended: `ok`, `unreachable`, `malformed`, `limit`, `memory` */
  scraped(job: string, outcome: string): void
  /** [samples] on a page that no point was made of */
  left(job: string, reason: string, samples: number): void
}

/** [ms] a scrape that is late by less than this has the time at which it should have been; at most a hundredth of the interval */
const tolerance = 2

export class ScrapeLoop {
  readonly target: Target
  readonly #cx: Context
  readonly #settings: LoopSettings
  readonly #client: HttpClient
  readonly #next: Consumer<'metrics'>
  readonly #account: Account
  readonly #tell: Telling
  readonly #series: TargetSeries
  readonly #stop = new AbortController()
  #timer: Disposable | undefined
  #running: Promise<void> = Promise.resolve()
  #begun = false
  #ended = false
  /** [ms, monotonic] when a scrape is due */
  #due = 0
  /** [ms, wall] when it should have been */
  #aligned = 0
  #said: string | undefined
  #last: { readonly time: number; readonly duration: number; readonly error: string | undefined } | undefined
  /** all scrapes fail with this */
  forced: string | undefined

  constructor(cx: Context, settings: LoopSettings, target: Target, client: HttpClient, next: Consumer<'metrics'>, tell: Telling) {
    this.#cx = cx
    this.#settings = { ...settings, native: target.native, classic: target.classic }
    this.target = target
    this.#client = client
    this.#next = next
    this.#account = cx.account('metrics')
    this.#tell = tell
    this.#series = new TargetSeries(this.#settings, target)
  }

  /** For whoever asks what is scraped. */
  get status(): ScrapeTarget {
    const { url, labels, discovered, interval, timeout } = this.target
    const last = this.#last
    return {
      ...{
        job: this.#settings.job,
        url,
        labels: Object.fromEntries(labels),
        discovered: Object.fromEntries(discovered),
        interval,
        timeout,
      },
      health: last === undefined ? 'unknown' : last.error === undefined ? 'up' : 'down',
      lastError: last?.error ?? '',
      lastScrape: last?.time,
      lastDuration: last?.duration ?? 0,
    }
  }

  start(): void {
    const { clock } = this.#cx
    const wait = this.#settings.initialOffset + offsetOf(this.target.key, this.target.interval, clock.now())
    this.#due = clock.monotonic() + wait
    this.#aligned = clock.now() + wait
    this.#arm()
  }

  #arm(): void {
    if (this.#ended) return
    const { clock } = this.#cx
    this.#timer = clock.after(Math.max(0, this.#due - clock.monotonic()), () => {
      this.#running = this.#scrape().finally(() => {
        this.#advance()
        this.#arm()
      })
    })
  }

  /** To the next moment that is still to come: what was missed is not made up for. */
  #advance(): void {
    const { interval } = this.target
    const late = this.#cx.clock.monotonic() - this.#due
    const steps = Math.max(1, Math.ceil(late / interval + 1e-9))
    this.#due += steps * interval
    this.#aligned += steps * interval
  }

  /** As scrapes are late by a little, always another little, the time is that of the plan; not when the clock was set. */
  #time(): number {
    const now = this.#cx.clock.now()
    const late = now - this.#aligned
    if (late >= 0 && late <= Math.min(tolerance, this.target.interval / 100)) return Math.round(this.#aligned)
    if (Math.abs(late) > this.target.interval) this.#aligned = now
    return Math.round(now)
  }

  /** Whatever happens, it is told, and the next one comes. */
  async #scrape(): Promise<void> {
    const { clock, budget, log } = this.#cx
    const { job } = this.#settings
    if (budget.exceeded) {
      this.#tell.scraped(job, 'memory')
      return this.#say('memory is short: the scrape was left out')
    }
    this.#begun = true
    const time = this.#time()
    const began = clock.monotonic()
    let charged = 0
    try {
      const { found, failed, size } = await this.#ask(time, bytes => {
        charged += bytes
        budget.charge(bytes)
      })
      this.#tell.scraped(job, failed?.outcome ?? 'ok')
      this.#say(failed?.why)
      this.#last = { time, duration: clock.monotonic() - began, error: failed?.why }
      const report = this.#report(found, failed, size, time, (clock.monotonic() - began) / 1000)
      const request = failed === undefined ? found.request : this.#series.miss(time)
      await this.#handOver(request === undefined ? [report] : [request, report])
    } catch (error) {
      log.error({ job, target: this.target.url, error: String(error) }, 'a scrape could not be handled: this is a bug')
    } finally {
      budget.refund(charged)
    }
  }

  async #ask(time: number, charge: (bytes: number) => void): Promise<{ found: Scraped; failed: Failure | undefined; size: number }> {
    let size = 0
    try {
      if (this.forced !== undefined) throw new LimitError(this.forced)
      const { timeout, url } = this.target
      const { headers, fallback, maxBody: limit } = this.#settings
      const found = await this.#client.get(url, headers, { timeout, limit, stop: this.#stop.signal }, ({ body, contentType }) => {
        size = body.length
        charge(size)
        if (size === 0) return { ...nothing, request: this.#series.miss(time) }
        return this.#series.scrape(body, formatOf(contentType, fallback), time)
      })
      for (const [reason, samples] of Object.entries(found.left)) this.#tell.left(this.#settings.job, reason, samples)
      return { found, failed: undefined, size }
    } catch (error) {
      return { found: nothing, failed: failureOf(error), size: error instanceof FetchError && error.tooLarge ? -1 : size }
    }
  }

  #report(found: Scraped, failed: Failure | undefined, size: number, time: number, seconds: number): Uint8Array {
    const { extraMetrics, sampleLimit } = this.#settings
    return this.#series.report(
      {
        up: failed === undefined ? 1 : 0,
        scrape_duration_seconds: seconds,
        scrape_samples_scraped: found.scraped,
        scrape_samples_post_metric_relabeling: found.kept,
        scrape_series_added: found.added,
        ...(extraMetrics
          ? { scrape_timeout_seconds: this.target.timeout / 1000, scrape_sample_limit: sampleLimit, scrape_body_size_bytes: size }
          : {}),
      },
      time,
    )
  }

  async #handOver(chunks: readonly Uint8Array[]): Promise<void> {
    const { budget, reader, log } = this.#cx
    const raw = Raw.owning(chunks)
    const batch = reader.read('metrics', raw)
    budget.charge(raw.size)
    try {
      await this.#next.consume(batch)
      this.#account.receive(batch.rows, 0, 'http')
    } catch (error) {
      this.#account.receive(0, batch.rows, 'http')
      log.debug({ rows: batch.rows, target: this.target.url, error: String(error) }, 'a scrape was refused downstream')
    } finally {
      budget.refund(raw.size)
    }
  }

  /** A target that is down says so once, and once that it is back. */
  #say(why: string | undefined): void {
    if (why === this.#said) return
    const { log } = this.#cx
    const facts = { job: this.#settings.job, target: this.target.url }
    if (why === undefined) log.info(facts, 'a target is scraped again')
    else log.warn({ ...facts, why }, 'a scrape failed')
    this.#said = why
  }

  /** The target is no more: two intervals later, if it has not come back, its series are ended. */
  gone(): void {
    this.#ended = true
    this.#timer?.[Symbol.dispose]()
    if (!this.#begun) return
    const { clock } = this.#cx
    const { interval } = this.target
    this.#timer = clock.after(Math.max(0, this.#due - clock.monotonic()), () => {
      const time = Math.round(clock.now())
      this.#timer = clock.after(1.1 * interval, () => {
        this.#running = this.#running.then(() => this.#endSeries(time))
      })
    })
  }

  async #endSeries(time: number): Promise<void> {
    const request = this.#series.miss(time)
    const names = [
      'up',
      'scrape_duration_seconds',
      'scrape_samples_scraped',
      'scrape_samples_post_metric_relabeling',
      'scrape_series_added',
    ]
    const extra = this.#settings.extraMetrics ? ['scrape_timeout_seconds', 'scrape_sample_limit', 'scrape_body_size_bytes'] : []
    const report = this.#series.report(Object.fromEntries([...names, ...extra].map(name => [name, 0])), time, true)
    await this.#handOver(request === undefined ? [report] : [request, report])
  }

  /** At once. What is under way may be waited for. */
  stop(): void {
    this.#ended = true
    this.#timer?.[Symbol.dispose]()
    this.#stop.abort()
  }
  get settled(): Promise<void> {
    return this.#running
  }

  /** Once more, before the end. */
  async lastScrape(): Promise<void> {
    if (this.#ended) return
    this.#timer?.[Symbol.dispose]()
    await this.#running
    this.#timer?.[Symbol.dispose]()
    await this.#scrape()
  }
}

interface Failure {
  readonly outcome: string
  readonly why: string
}

const nothing: Scraped = { request: undefined, scraped: 0, kept: 0, added: 0, left: {} }

function failureOf(error: unknown): Failure {
  if (error instanceof FetchError) return { outcome: error.tooLarge ? 'limit' : 'unreachable', why: error.message }
  if (error instanceof LimitError) return { outcome: 'limit', why: error.message }
  if (error instanceof ExpositionError) return { outcome: 'malformed', why: `line ${error.line}: ${error.message}` }
  throw error
}

const formats: Readonly<Record<ScrapeProtocol, Format>> = {
  PrometheusProto: 'protobuf',
  'OpenMetricsText0.0.1': 'openmetrics',
  'OpenMetricsText1.0.0': 'openmetrics',
  'PrometheusText0.0.4': 'text',
  'PrometheusText1.0.0': 'text',
}

function formatOf(contentType: string, fallback: ScrapeProtocol): Format {
  const type = contentType.split(';', 1)[0]!.trim().toLowerCase()
  if (type === 'application/openmetrics-text') return 'openmetrics'
  if (type === 'application/vnd.google.protobuf') return 'protobuf'
  return type === 'text/plain' ? 'text' : formats[fallback]
}
