/** The composition root: a checked configuration in, a running pipeline out. */

import { setImmediate as immediate } from 'node:timers/promises'
import { type Counter, createNoopMeter, type Meter } from '@opentelemetry/api'
import type { ResourceMetrics } from '@opentelemetry/sdk-metrics'
import { type ProcessPage, processPage, queuesOf } from './api/debug.ts'
import { journalApi } from './api/journal/index.ts'
import { Api, json } from './api/listener.ts'
import { OwnMetrics } from './api/own-metrics.ts'
import { prometheusApi } from './api/prometheus/index.ts'
import { recordsApi } from './api/records/index.ts'
import { Reloads, reasonOf, reloadHandler } from './api/reload.ts'
import { Contexts } from './app/contexts.ts'
import type { App, Asked, Listening, Reloaded, Undelivered, World } from './app/contract.ts'
import { optionalPages } from './app/pages.ts'
import { Places } from './app/places.ts'
import { Problems } from './app/problems.ts'
import { Budget, SharedUse } from './component/budget.ts'
import type { Context, MemoryUse, Status } from './component/component.ts'
import { unchangeable } from './component/config/unchangeable.ts'
import { mergedText } from './component/config.ts'
import type { Configuration, ServiceConfig } from './component/configuration.ts'
import { DerivedSamples } from './component/derived.ts'
import { ConfigError, StartError } from './component/errors.ts'
import { type Journals, OfferedJournals } from './component/journals.ts'
import { type Account, Ledger } from './component/ledger.ts'
import { createOwnTelemetry } from './component/own-telemetry.ts'
import { OfferedStores, type Queries } from './component/queries.ts'
import { OfferedRecords } from './component/records.ts'
import { OfferedTargets } from './component/targets.ts'
import type { OwnTelemetry } from './component/telemetry.ts'
import { every } from './lib/clock.ts'
import { createReader } from './otlp/reader.ts'
import { begin } from './pipeline/begin.ts'
import { Graph, type Plan, type Unheard } from './pipeline/graph.ts'
import type { Node } from './pipeline/node.ts'
import { stopAll } from './pipeline/stop.ts'
import { createEngine } from './promql/engine.ts'
import { journalled } from './rules/journalled.ts'
import { Rules } from './rules/service.ts'
import { ColumnLandings } from './workers/column-landing.ts'
import { Crew } from './workers/crew.ts'
import { Landings } from './workers/landing.ts'
import { mainPart } from './workers/partition.ts'

export type { App, Asked, Listening, Reloaded, Undelivered, World } from './app/contract.ts'

/** A series that was not seen for so long gives its id back: twice the Prometheus exporter's `metric_expiration`. */
const SERIES_IDLE_MS = 10 * 60_000
const SWEEP_INTERVAL_MS = 60_000
const BALANCE_INTERVAL_MS = 1_000

/** `load` reads the configuration again. @throws {StartError} and leaves nothing running */
export async function start(
  configuration: Configuration,
  world: World,
  load: () => Promise<Configuration> = async () => configuration,
): Promise<App> {
  const app = new Running(configuration, world, load)
  try {
    await app.start()
  } catch (error) {
    await app.shutdown()
    throw error
  }
  return app
}

class Running implements App {
  readonly ledger = new Ledger()
  readonly asked: Asked = {
    store: () => this.#queries.get(),
    engine: options => createEngine({ ...options, now: () => this.#world.clock.monotonic(), breathe: () => immediate() }),
    settings: () => this.#configuration.service.query,
  }
  #configuration: Configuration
  readonly #world: World
  readonly #load: () => Promise<Configuration>
  readonly #graph: Graph
  readonly #contexts: Contexts
  readonly #queries: Queries
  readonly #targets = new OfferedTargets()
  readonly #journals: Journals
  readonly #records = new OfferedRecords()
  readonly #derived = new DerivedSamples()
  readonly #rules: Rules | undefined
  readonly #budget: Budget
  /** what all threads use, where there are several */
  readonly #use: SharedUse | undefined
  readonly #slots: SharedArrayBuffer | undefined
  readonly #landings = new Landings(() => this.#crew?.quiet)
  readonly #columns: ColumnLandings
  #crew: Crew | undefined
  readonly #reader
  readonly #telemetry: OwnTelemetry
  readonly #api: Api
  readonly #ownMetrics: OwnMetrics
  readonly #unhandled: Counter
  readonly #problems = new Problems((id, problem) => this.#world.healthChanged?.(id, problem))
  readonly #places: Places
  readonly #reloads: Reloads
  readonly #timers: Disposable[] = []
  /** [ms] monotonic */
  readonly #since: number
  #ready = false
  #reloading: Promise<unknown> = Promise.resolve()
  #stopped: Promise<readonly Undelivered[]> | undefined

  constructor(configuration: Configuration, world: World, load: () => Promise<Configuration>) {
    this.#configuration = configuration
    this.#world = world
    this.#queries = world.queries ?? new OfferedStores()
    this.#journals = world.journals ?? new OfferedJournals()
    this.#load = load
    const { service } = configuration
    this.#since = world.clock.monotonic()
    this.#slots = world.seat?.slots ?? (service.workers > 1 ? SharedUse.slots(service.workers) : undefined)
    this.#use = this.#slots && new SharedUse(this.#slots, world.seat?.number ?? 0)
    this.#budget = new Budget(this.#use)
    this.#reader = createReader({ maxSeries: service.maxSeries, now: () => world.clock.monotonic() })
    this.#columns = new ColumnLandings({
      clock: world.clock,
      reader: this.#reader,
      quiet: () => this.#crew?.quiet,
      lost: this.#lostColumns,
    })
    this.#telemetry = this.#createTelemetry()
    this.#api = new Api(this.#freshLedger, this.status, world.log('api'), this.#meter('api'), world.clock, optionalPages)
    this.#ownMetrics = new OwnMetrics(this.#telemetry, world.clock)
    this.#places = new Places(this.#api, this.#ownMetrics)
    this.#contexts = this.#createContexts()
    this.#reloads = new Reloads(this.#meter('service'), world.clock)
    this.#graph = new Graph({
      clock: world.clock,
      ledger: this.ledger,
      context: (kind, id, pipeline) => this.#contexts.create(kind, id, pipeline),
    })
    this.#mountPages()
    // Of several threads the main one evaluates rules.
    this.#rules = world.seat === undefined ? this.#createRules() : undefined
    this.#unhandled = this.#meter('service').createCounter('thalamus_process_unhandled_errors', {
      unit: '{error}',
      description: 'Errors that no component handled. The first one ends the process once what is held was sent.',
    })
    this.#unhandled.add(0)
    this.#problems.measure(this.#meter('service'))
  }

  #createTelemetry(): OwnTelemetry {
    const { clock, version, seat, recorded } = this.#world
    const { metrics, traces, resource } = this.#configuration.service.telemetry
    return createOwnTelemetry({
      ...{ ledger: this.ledger, budget: this.#budget, clock, memory: this.#memory, version, recorded, resource },
      others: async () => (await this.#crew?.count()) ?? [],
      partial: seat !== undefined,
      metrics: metrics.level,
      traces: traces.level,
    })
  }

  /** What the whole says of itself a thread does not say again. */
  #meter(of: string): Meter {
    return this.#world.seat === undefined ? this.#telemetry.meter(of) : createNoopMeter()
  }

  #createContexts(): Contexts {
    return new Contexts({
      ...{
        world: this.#world,
        ledger: this.ledger,
        telemetry: this.#telemetry,
        budget: this.#budget,
        reader: this.#reader,
        api: this.#api,
      },
      ...{ places: this.#places, problems: this.#problems, queries: this.#queries, targets: this.#targets, journals: this.#journals },
      ...{ records: this.#records, derived: this.#derived, memory: this.#memory, status: this.status },
      unmeasured: () => this.#configuration.service.telemetry.metrics.level === 'none',
      graph: () => this.#graph,
    })
  }

  #createRules(): Rules {
    const { clock, files, log, alertChanged } = this.#world
    const remember = journalled(() => this.#journals.get(), log('rules'), clock.now())
    return new Rules({
      ...{ clock, log: log('rules'), meter: this.#meter('rules'), files, derived: this.#derived },
      ...{ store: this.asked.store, engine: this.asked.engine },
      alerts: {
        changed: (...change) => {
          remember(...change)
          alertChanged?.(...change)
        },
      },
    })
  }

  failed(): void {
    this.#unhandled.add(1)
    this.#problems.set('service', 'an error that nothing handled; the log has it')
  }

  status = (): Status => ({ ready: this.#ready, problems: this.#problems })

  get unheard(): readonly Unheard[] {
    return [...(this.#crew?.unheard ?? []), ...this.#graph.unheard]
  }
  get listening(): readonly Listening[] {
    return [...(this.#crew?.listening ?? []), ...this.#places.listening]
  }

  async measured(): Promise<ResourceMetrics['scopeMetrics'] | undefined> {
    if (this.#configuration.service.telemetry.metrics.level === 'none') return undefined
    return (await this.#telemetry.collect()).scopeMetrics
  }

  #mountPages(): void {
    const { clock, log } = this.#world
    this.#api.mount(
      '/-/reload',
      reloadHandler(() => this.reload()),
    )
    this.#api.mount('/debug/queues', (_, response) => {
      this.measured().then(
        scopes => json(response, queuesOf(scopes ?? [])),
        () => response.destroy(),
      )
    })
    this.#api.mount('/debug/process', (_, response) => json(response, this.#processPage()))
    const pages = [
      ...prometheusApi({
        clock,
        log: log('api'),
        ...this.asked,
        server: () => this.#server(),
        targets: () => this.#targets.all(),
        rules: () => this.#rules?.status() ?? [],
      }),
      ...recordsApi({ clock, log: log('api'), records: this.#records }),
      ...journalApi({ log: log('api'), journals: this.#journals }),
    ]
    for (const [path, handler] of pages) this.#api.mount(path, handler)
  }

  #processPage(): ProcessPage {
    const { clock, version } = this.#world
    const { softBytes, used } = this.#budget
    return processPage({
      version,
      uptime_seconds: (clock.monotonic() - this.#since) / 1000,
      memory_used_bytes: this.#memory().usedBytes,
      budget_used_bytes: used,
      budget_limit_bytes: Number.isFinite(softBytes) ? softBytes : null,
      workers: this.#crew === undefined ? 1 : this.#configuration.service.workers,
      status: this.status(),
    })
  }

  /** What clients of Prometheus's API ask of the server. */
  #server() {
    const { clock, version } = this.#world
    const { origin, service } = this.#configuration
    return {
      ...{ version, runtime: `node ${process.version}`, hostname: '', threads: service.workers },
      startTime: clock.now() - (clock.monotonic() - this.#since),
      ...this.#reloads.last,
      configuration: () => (origin === undefined ? '' : mergedText(origin.sources, { sets: origin.sets, env: origin.env, factories: [] })),
    }
  }

  /** With what other threads have counted up to now. */
  #freshLedger = async (): Promise<Ledger> => {
    await this.#crew?.count()
    return this.ledger
  }

  /** One for all threads: each measures its own, and goes by the sum. */
  #memory = (collect?: boolean): MemoryUse => {
    const { usedBytes, limitBytes } = this.#world.memory(collect)
    if (this.#use === undefined) return { usedBytes, limitBytes }
    this.#use.measured = usedBytes
    return { usedBytes: this.#use.measured, limitBytes }
  }

  async start(): Promise<void> {
    const { main, crew } = this.#divide(this.#configuration)
    const rules = await this.#readRules(this.#configuration.service)
    const plan = await this.#begun(this.#configuration.service, main)
    plan.takeOver()
    this.#crew = crew
    await crew?.start()
    await rules()
    this.#reloads.started()
    this.#watch()
    this.#ready = true
  }

  /** What this thread runs of it, and who runs the rest. */
  #divide(configuration: Configuration): { main: Configuration; crew: Crew | undefined } {
    const { spawn, seat } = this.#world
    const alone = { main: configuration, crew: undefined }
    const { workers } = configuration.service
    if (workers === 1 || seat !== undefined) return alone
    if (spawn === undefined || configuration.origin === undefined) {
      throw new StartError('service.workers: components of your own run on one thread', { remedy: 'leave it at 1' })
    }
    const main = mainPart(configuration, { bytes: this.#landings.factory, columns: this.#columns.factory })
    if (main === undefined) {
      const why = 'no pipeline begins with a receiver that several threads can share, as otlp is'
      this.#world.log('service').warn({ workers, why }, 'service.workers has no effect')
      return alone
    }
    if (this.#crew !== undefined) return { main, crew: this.#crew }
    const crew = new Crew(configuration.origin, {
      ...{ workers, spawn, slots: this.#slots!, use: this.#use!, clock: this.#world.clock, log: this.#world.log('service') },
      ...{
        ledger: this.ledger,
        meter: this.#telemetry.meter('service'),
        landings: this.#landings,
        columns: this.#columns,
        problems: this.#problems,
      },
    })
    return { main, crew }
  }

  /** Rows for a pipeline that a reload has taken away, or that it cannot take: nobody has them any more. */
  #lostColumns = (pipeline: string, why: 'no_exporter' | 'rejected', rows: number, error?: unknown): void => {
    this.ledger.wire(pipeline, 'nobody', 'metrics').drop(why, rows)
    if (error !== undefined)
      this.#world.log('service').error({ pipeline, rows, error: String(error) }, 'rows of an ingest thread were dropped')
  }

  reload(load = this.#load): Promise<Reloaded> {
    if (this.#stopped !== undefined) return Promise.reject(new StartError('a reload was asked for during the shutdown'))
    const reloaded = this.#reloading.then(() => this.#reload(load))
    this.#reloading = reloaded.catch(() => {})
    return reloaded
  }

  async #reload(load: () => Promise<Configuration>): Promise<Reloaded> {
    const log = this.#world.log('service')
    try {
      const reloaded = await this.#change(await load())
      this.#reloads.succeeded()
      const { kept, ...changes } = reloaded
      log.info({ ...changes, kept }, 'configuration reloaded')
      return reloaded
    } catch (error) {
      this.#reloads.failed()
      log.error({ problems: reasonOf(error).split('\n') }, 'configuration not reloaded: the one before goes on')
      throw error
    }
  }

  async #change(configuration: Configuration): Promise<Reloaded> {
    const before = this.#configuration
    const fixed = unchangeable(before.service, configuration.service)
    if (fixed.length > 0) throw new ConfigError(fixed)
    const { main, crew } = this.#divide(configuration)
    if (crew !== this.#crew) throw new ConfigError([usesOtherThreads])
    const done = await this.#swap(configuration, main)
    try {
      await crew?.reload(configuration.origin!)
    } catch (error) {
      await this.#swap(before, this.#divide(before).main)
      throw error
    }
    return done
  }

  async #swap(configuration: Configuration, main: Configuration): Promise<Reloaded> {
    const rules = await this.#readRules(configuration.service)
    const plan = await this.#begun(configuration.service, main)
    plan.takeOver()
    this.#configuration = configuration
    await rules()
    this.#world.setLogLevel?.(configuration.service.telemetry.logs.level)
    this.#places.closeAllBut(configuration.service)
    const undelivered = await this.#settling(() => stopAll(plan.removed, this.#beginning))
    this.#contexts.releaseGone()
    return { ...changes(plan), undelivered }
  }

  /** All that a configuration adds has started, and nothing has been switched over. @throws when it cannot; then all is as it was */
  async #begun(service: ServiceConfig, main: Configuration): Promise<Plan> {
    let plan: Plan | undefined
    let opened: readonly string[] = []
    try {
      plan = this.#graph.plan(main)
      opened = await this.#places.open(service)
      await begin(plan, this.#beginning)
      return plan
    } catch (error) {
      plan?.abandon()
      this.#places.close(opened)
      this.#contexts.releaseGone()
      throw error
    }
  }

  /** Reads rule files before anything is switched over. @returns what has them evaluated @throws {ConfigError} */
  async #readRules({ rules, query }: ServiceConfig): Promise<() => Promise<void>> {
    const read = await this.#rules?.read(rules, query)
    return async () => {
      if (read !== undefined) await this.#rules?.run(read)
    }
  }

  get #beginning() {
    return {
      clock: this.#world.clock,
      log: this.#world.log('service'),
      timeoutMs: this.#configuration.service.shutdownTimeoutMs,
      release: (context: Context) => this.#contexts.release(context),
    }
  }

  shutdown(): Promise<readonly Undelivered[]> {
    this.#stopped ??= this.#drain()
    return this.#stopped
  }

  async #drain(): Promise<readonly Undelivered[]> {
    this.#ready = false
    // What a reload has begun it finishes: both have their time.
    await this.#reloading
    for (const timer of this.#timers) timer[Symbol.dispose]()
    await this.#rules?.stop()
    const byThreads = this.#crew?.stop(this.#configuration.service.shutdownTimeoutMs)
    const undelivered = await this.#settling(() => stopAll(this.#graph.nodes, this.#beginning))
    const byOthers = (await byThreads) ?? []
    await this.#ownMetrics.shutdown()
    await this.#api.shutdown()
    await this.#telemetry.shutdown()
    return [...undelivered, ...byOthers]
  }

  /** What `stop` drops, or leaves with somebody who is stuck. */
  async #settling(stop: () => Promise<void>): Promise<readonly Undelivered[]> {
    const accounts = [...this.ledger.own]
    const before = new Map(accounts.map(account => [account, account.dropped.get('shutdown') ?? 0]))
    await stop()
    const goesOn = (account: Account) => !this.#stopped && this.#contexts.keeps(account)
    return accounts.flatMap(account => {
      const rows = (account.dropped.get('shutdown') ?? 0) - before.get(account)! + (goesOn(account) ? 0 : account.held() - account.kept())
      return rows > 0 ? [{ exporter: account.id, signal: account.signal, rows }] : []
    })
  }

  /** Frees what is idle, and says so if rows do not add up. */
  #watch(): void {
    const { clock } = this.#world
    const log = this.#world.log('service')
    // Never while a batch that speaks of it may be waiting somewhere.
    const idleMs = Math.max(SERIES_IDLE_MS, 2 * this.#configuration.service.consumeTimeoutMs)
    let said = 0
    this.#timers.push(
      every(clock, SWEEP_INTERVAL_MS, () => {
        const series = this.#reader.sweep(clock.monotonic(), idleMs)
        if (series > 0) log.debug({ series }, 'idle series were forgotten')
      }),
      every(clock, BALANCE_INTERVAL_MS, async () => {
        this.#memory()
        await this.#crew?.count()
        const rows = this.ledger.imbalance
        if (rows !== said && rows !== 0) log.error({ rows, ledger: '/debug/ledger' }, 'rows are unaccounted for: this is a bug')
        said = rows
      }),
    )
  }
}

const usesOtherThreads = {
  path: ['service', 'workers'],
  message: 'cannot be changed by a reload',
  remedy: 'restart, so that threads are started, or none: what the pipelines begin with has changed',
}

function changes({ added, removed, nodes, before }: Plan): Omit<Reloaded, 'undelivered'> {
  const names = (of: readonly Node[]) => [...new Set(of.map(({ kind, id }) => `${kind} ${id}`))]
  return {
    added: names(added.filter(node => before(node) === undefined)),
    changed: names(added.filter(node => before(node) !== undefined)),
    removed: names(removed.filter(({ key }) => !nodes.some(node => node.key === key))),
    kept: nodes.length - added.length,
  }
}
