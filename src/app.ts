/** The composition root: a checked configuration in, a running pipeline out. */

import { setImmediate as immediate } from 'node:timers/promises'
import { type Counter, createNoopMeter } from '@opentelemetry/api'
import type { ResourceMetrics } from '@opentelemetry/sdk-metrics'
import { type ProcessPage, processPage, queuesOf } from './api/debug.ts'
import { Api, json } from './api/listener.ts'
import { OwnMetrics } from './api/own-metrics.ts'
import { prometheusApi } from './api/prometheus/index.ts'
import { recordsApi } from './api/records/index.ts'
import { Reloads, reasonOf, reloadHandler } from './api/reload.ts'
import { Budget, SharedUse } from './component/budget.ts'
import type { Authenticator, Component, Context, Files, Logger, MemoryUse, Status } from './component/component.ts'
import { unchangeable } from './component/config/unchangeable.ts'
import { mergedText } from './component/config.ts'
import type { Configuration, ServiceConfig } from './component/configuration.ts'
import { DerivedSamples } from './component/derived.ts'
import type { Disk } from './component/disk.ts'
import { ConfigError, StartError, UnauthenticatedError } from './component/errors.ts'
import type { Handed } from './component/handed.ts'
import { type Journals, OfferedJournals } from './component/journals.ts'
import { type Account, type Kind, Ledger } from './component/ledger.ts'
import type { SharedPorts } from './component/listen.ts'
import { createOwnTelemetry } from './component/own-telemetry.ts'
import { OfferedStores, type Queries } from './component/queries.ts'
import { OfferedRecords } from './component/records.ts'
import type { Storage } from './component/storage.ts'
import { OfferedTargets } from './component/targets.ts'
import type { Recorded } from './component/telemetry.ts'
import { Tenancy } from './component/tenancy.ts'
import { type Clock, every } from './lib/clock.ts'
import type { Store } from './model/query.ts'
import type { Signal } from './model/signal.ts'
import { createReader } from './otlp/reader.ts'
import { begin } from './pipeline/begin.ts'
import { Graph, type Plan, type Unheard } from './pipeline/graph.ts'
import type { Node } from './pipeline/node.ts'
import { stopAll } from './pipeline/stop.ts'
import { createEngine, type Engine, type EngineOptions } from './promql/engine.ts'
import { journalled } from './rules/journalled.ts'
import type { AlertListener } from './rules/manager.ts'
import { Rules } from './rules/service.ts'
import { ColumnLandings } from './workers/column-landing.ts'
import { Crew, type Spawn } from './workers/crew.ts'
import { Landings } from './workers/landing.ts'
import { mainPart } from './workers/partition.ts'

/** What the outside gives: a test gives its own. */
export interface World {
  readonly clock: Clock
  /** 0 <= x < 1 */
  readonly random: () => number
  readonly files: Files
  readonly disk: Disk
  /** `collect` frees what nobody refers to first */
  readonly memory: (collect?: boolean) => MemoryUse
  /** who answers questions about series beside what the configuration brings; components offer themselves here too */
  readonly queries?: Queries
  /** who remembers what is decided, likewise */
  readonly journals?: Journals
  /** a logger for one component */
  readonly log: (component: string) => Logger
  /** from here on, the least important lines that all of them write; without it a reload does not change that */
  readonly setLogLevel?: (level: ServiceConfig['telemetry']['logs']['level']) => void
  readonly version: string
  /** told with own metrics: by the `self` receiver, and so wherever a pipeline leads */
  readonly recorded?: Recorded
  /** told when a component cannot go on, says why anew, or goes on again (undefined) */
  readonly healthChanged?: (component: string, problem: string | undefined) => void
  /** told when an alert of a rule begins, fires, or is over */
  readonly alertChanged?: NonNullable<AlertListener['changed']>
  /** we run inside a process that hands its own telemetry over in memory */
  readonly handed?: Handed
  /** makes an ingest thread; without it there is none */
  readonly spawn?: Spawn
  /** this is an ingest thread, and so is what it shares with the others */
  readonly seat?: { readonly number: number; readonly slots: SharedArrayBuffer; readonly ports: SharedPorts }
}

export interface Listening {
  /** the component's id */
  readonly component: string
  readonly what: string
  readonly url: string
}

/** [rows] what was still held when a shutdown's time was over. */
export interface Undelivered {
  readonly exporter: string
  readonly signal: Signal
  readonly rows: number
}

/** What a reload came to, by kind and id. */
export interface Reloaded {
  readonly added: readonly string[]
  readonly changed: readonly string[]
  readonly removed: readonly string[]
  /** how many go on as they were */
  readonly kept: number
  /** [rows] what was held by what was removed, when its time was over */
  readonly undelivered: readonly Undelivered[]
}

export interface Asked {
  /** undefined: nobody keeps series */
  readonly store: () => Store | undefined
  readonly engine: (options: Partial<EngineOptions>) => Engine
  readonly settings: () => ServiceConfig['query']
}

export interface App {
  readonly ledger: Ledger
  readonly status: () => Status
  /** what listens where, as bound */
  readonly listening: readonly Listening[]
  /** what a receiver gives and no pipeline takes */
  readonly unheard: readonly Unheard[]
  /** what questions are answered from, as the configuration has it at this moment */
  readonly asked: Asked
  /** What components have measured; undefined where nothing is. */
  measured(): Promise<ResourceMetrics['scopeMetrics'] | undefined>
  /** An error that no component handled: counted, and the whole is unhealthy from here on. */
  failed(): void
  /**
   * Reads the configuration again, or takes the one that is given, checks it, and swaps what has changed; the rest goes on as it was.
   * One after the other where several are asked for.
   * @throws {ConfigError} {StartError} with everything that is wrong; what ran before goes on running
   */
  reload(load?: () => Promise<Configuration>): Promise<Reloaded>
  /** Drains within the configuration's `shutdown_timeout`; safe twice. */
  shutdown(): Promise<readonly Undelivered[]>
}

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
  readonly #listening: Listening[] = []
  #configuration: Configuration
  readonly #world: World
  readonly #load: () => Promise<Configuration>
  readonly #graph: Graph
  /** what instances were given, to be taken back when they are gone */
  readonly #tenancies = new Map<Context, Tenancy>()
  readonly #queries: Queries
  readonly #targets = new OfferedTargets()
  readonly #journals: Journals
  readonly #records = new OfferedRecords()
  readonly #derived = new DerivedSamples()
  #rules: Rules | undefined
  readonly #budget: Budget
  /** what all threads use, where there are several */
  readonly #use: SharedUse | undefined
  readonly #slots: SharedArrayBuffer | undefined
  readonly #landings = new Landings(() => this.#crew?.quiet)
  readonly #columns: ColumnLandings
  #crew: Crew | undefined
  readonly #reader
  readonly #telemetry
  readonly #api: Api
  readonly #ownMetrics: OwnMetrics
  readonly #unhandled: Counter
  readonly #problems = new Problems((id, problem) => this.#world.healthChanged?.(id, problem))
  /** our own listeners, by what they serve and where */
  readonly #places = new Map<string, Place>()
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
    this.#telemetry = createOwnTelemetry({
      ledger: this.ledger,
      budget: this.#budget,
      clock: world.clock,
      memory: this.#memory,
      version: world.version,
      others: async () => (await this.#crew?.count()) ?? [],
      partial: world.seat !== undefined,
      recorded: world.recorded,
      metrics: service.telemetry.metrics.level,
      traces: service.telemetry.traces.level,
      resource: service.telemetry.resource,
    })
    // What the whole says of itself a thread does not say again.
    const meter = (of: string) => (world.seat === undefined ? this.#telemetry.meter(of) : createNoopMeter())
    this.#api = new Api(this.#freshLedger, this.status, world.log('api'), meter('api'), world.clock)
    this.#ownMetrics = new OwnMetrics(this.#telemetry, world.clock)
    this.#reloads = new Reloads(meter('service'), world.clock)
    this.#graph = new Graph({
      clock: world.clock,
      ledger: this.ledger,
      context: (kind, id, pipeline) => this.#context(kind, id, pipeline),
    })
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
    for (const [path, handler] of prometheusApi({
      clock: world.clock,
      log: world.log('api'),
      ...this.asked,
      server: () => this.#server(),
      targets: () => this.#targets.all(),
      rules: () => this.#rules?.status() ?? [],
    }))
      this.#api.mount(path, handler)
    const remember = journalled(() => this.#journals.get(), world.log('rules'))
    // Of several threads the main one evaluates rules.
    if (world.seat === undefined) {
      this.#rules = new Rules({
        ...{ clock: world.clock, log: world.log('rules'), meter: meter('rules'), files: world.files, derived: this.#derived },
        ...{ store: this.asked.store, engine: this.asked.engine },
        alerts: {
          changed: (...change) => {
            remember(...change)
            world.alertChanged?.(...change)
          },
        },
      })
    }
    for (const [path, handler] of recordsApi({ clock: world.clock, log: world.log('api'), records: this.#records }))
      this.#api.mount(path, handler)
    this.#unhandled = meter('service').createCounter('thalamus_process_unhandled_errors', {
      unit: '{error}',
      description: 'Errors that no component handled. The first one ends the process once what is held was sent.',
    })
    this.#unhandled.add(0)
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
    return [...(this.#crew?.listening ?? []), ...this.#listening]
  }

  async measured(): Promise<ResourceMetrics['scopeMetrics'] | undefined> {
    if (this.#configuration.service.telemetry.metrics.level === 'none') return undefined
    return (await this.#telemetry.collect()).scopeMetrics
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
    const wanted = new Set(placesOf(configuration.service).map(({ key }) => key))
    this.#closePlaces([...this.#places.keys()].filter(key => !wanted.has(key)))
    const undelivered = await this.#settling(() => stopAll(plan.removed, this.#beginning))
    this.#releaseGone()
    return { ...changes(plan), undelivered }
  }

  /** All that a configuration adds has started, and nothing has been switched over. @throws when it cannot; then all is as it was */
  async #begun(service: ServiceConfig, main: Configuration): Promise<Plan> {
    let plan: Plan | undefined
    let opened: readonly string[] = []
    try {
      plan = this.#graph.plan(main)
      opened = await this.#openPlaces(service)
      await begin(plan, this.#beginning)
      return plan
    } catch (error) {
      plan?.abandon()
      this.#closePlaces(opened)
      this.#releaseGone()
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
      release: (context: Context) => this.#release(context),
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
    const running = new Set(this.#graph.nodes.map(({ context }) => context))
    await stop()
    const goesOn = (account: Account) => !this.#stopped && [...running].some(context => this.#tenancies.get(context)?.has(account))
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

  // Our own listeners

  /** Those that do not listen yet. @returns their keys @throws {StartError} and leaves the others as they were */
  async #openPlaces(service: ServiceConfig): Promise<readonly string[]> {
    const opened: string[] = []
    for (const { key, what, address } of placesOf(service)) {
      if (this.#places.has(key)) continue
      const server = what === 'api' ? this.#api : this.#ownMetrics
      try {
        const url = await server.start(address)
        const place: Listening = what === 'api' ? { component: 'api', what, url } : { component: 'telemetry', what, url }
        this.#places.set(key, { stop: () => server.stop(address), heard: this.#heard(place) })
        opened.push(key)
      } catch (error) {
        this.#closePlaces(opened)
        throw error
      }
    }
    return opened
  }

  #closePlaces(keys: readonly string[]): void {
    for (const key of keys) {
      const place = this.#places.get(key)
      this.#places.delete(key)
      place?.stop()
      place?.heard[Symbol.dispose]()
    }
  }

  #heard(place: Listening): Disposable {
    this.#listening.push(place)
    return { [Symbol.dispose]: () => void this.#listening.splice(this.#listening.indexOf(place), 1) }
  }

  // What components are given

  /** What belongs to nothing that runs. */
  #releaseGone(): void {
    const running = new Set(this.#graph.nodes.map(({ context }) => context))
    for (const context of this.#tenancies.keys()) if (!running.has(context)) this.#release(context)
  }

  #release(context: Context): void {
    this.#tenancies.get(context)?.close()
    this.#tenancies.delete(context)
  }

  /** Always the one that runs: whoever asked before a reload goes on with the new one's credentials. */
  #authenticator(id: string): Authenticator | undefined {
    const now = (): Authenticator | undefined => {
      const component = this.#graph.extension(id)?.component
      return component !== undefined && authenticates(component) ? component : undefined
    }
    if (now() === undefined) return undefined
    return {
      check(headers) {
        const authenticator = now()
        if (authenticator === undefined) throw new UnauthenticatedError('nobody can be let in: the authenticator is gone')
        authenticator.check(headers)
      },
      headers: () => now()?.headers() ?? {},
    }
  }

  #storage(id: string): Storage | undefined {
    const component = this.#graph.extension(id)?.component
    return component !== undefined && stores(component) ? component : undefined
  }

  #context(kind: Kind | 'extension', id: string, pipeline: string): Context {
    const world = this.#world
    const tenancy = new Tenancy()
    const context: Context = {
      id,
      clock: world.clock,
      random: world.random,
      log: world.log(id),
      meter:
        this.#configuration.service.telemetry.metrics.level === 'none'
          ? this.#telemetry.meter(id)
          : tenancy.meter(this.#telemetry.meter(id)),
      tracer: this.#telemetry.tracer(id),
      telemetry: this.#telemetry,
      files: world.files,
      disk: world.disk,
      budget: this.#budget,
      reader: this.#reader,
      account: signal => {
        if (kind === 'extension') throw new Error('an extension has no rows to account for')
        return tenancy.account(
          signal,
          () => this.ledger.open(kind, id, signal, pipeline),
          account => this.ledger.close(account),
        )
      },
      mount: (path, handler) => tenancy.keep(this.#api.mount(path, handler)),
      authenticator: name => this.#authenticator(name),
      storage: name => this.#storage(name),
      queries: tenancy.offers(this.#queries),
      targets: tenancy.offers(this.#targets),
      journals: tenancy.offers(this.#journals),
      records: { traces: tenancy.offers(this.#records.traces), logs: tenancy.offers(this.#records.logs) },
      derived: tenancy.derived(this.#derived),
      memory: this.#memory,
      ports: world.seat?.ports,
      handed: world.handed,
      listening: (what, url) => tenancy.keep(this.#heard({ component: id, what, url })),
      status: this.status,
      health: problem => {
        if (problem !== undefined) this.#problems.set(id, problem)
        else this.#problems.delete(id)
      },
    }
    tenancy.keep({
      [Symbol.dispose]: () => {
        // Its successor has the same name, and speaks for itself.
        if (!this.#graph.nodes.some(node => node.id === id)) this.#problems.delete(id)
      },
    })
    this.#tenancies.set(context, tenancy)
    return context
  }
}

/** By component: why it cannot go on. What changed is told once a turn: threads tell theirs again and again. */
class Problems extends Map<string, string> {
  readonly #changed: (id: string, problem: string | undefined) => void
  #told: ReadonlyMap<string, string> = new Map()
  #due = false

  constructor(changed: (id: string, problem: string | undefined) => void) {
    super()
    this.#changed = changed
  }
  override set(id: string, problem: string): this {
    super.set(id, problem)
    this.#tell()
    return this
  }
  override delete(id: string): boolean {
    this.#tell()
    return super.delete(id)
  }
  #tell(): void {
    if (this.#due) return
    this.#due = true
    queueMicrotask(() => {
      this.#due = false
      const before = this.#told
      this.#told = new Map(this)
      for (const id of new Set([...before.keys(), ...this.keys()])) if (before.get(id) !== this.get(id)) this.#changed(id, this.get(id))
    })
  }
}

const usesOtherThreads = {
  path: ['service', 'workers'],
  message: 'cannot be changed by a reload',
  remedy: 'restart, so that threads are started, or none: what the pipelines begin with has changed',
}

interface Place {
  stop(): void
  readonly heard: Disposable
}

const placesOf = ({ api, telemetry }: ServiceConfig) => [
  ...(api === undefined ? [] : [{ what: 'api' as const, address: api, key: `api ${api.host}:${api.port}` }]),
  ...telemetry.metrics.endpoints.map(address => ({
    what: 'own metrics' as const,
    address,
    key: `metrics ${address.host}:${address.port}`,
  })),
]

function changes({ added, removed, nodes, before }: Plan): Omit<Reloaded, 'undelivered'> {
  const names = (of: readonly Node[]) => [...new Set(of.map(({ kind, id }) => `${kind} ${id}`))]
  return {
    added: names(added.filter(node => before(node) === undefined)),
    changed: names(added.filter(node => before(node) !== undefined)),
    removed: names(removed.filter(({ key }) => !nodes.some(node => node.key === key))),
    kept: nodes.length - added.length,
  }
}

function authenticates(component: Component): component is Component & Authenticator {
  return 'check' in component && 'headers' in component
}

function stores(component: Component): component is Component & Storage {
  return 'openQueue' in component
}
