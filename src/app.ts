/** The composition root: a checked configuration in, a running pipeline out. */

import type { Counter } from '@opentelemetry/api'
import { Api } from './api/listener.ts'
import { OwnMetrics } from './api/own-metrics.ts'
import { Budget } from './component/budget.ts'
import type { Authenticator, Component, Context, Files, Logger, MemoryUse, Status } from './component/component.ts'
import type { Configuration } from './component/configuration.ts'
import { type Kind, Ledger } from './component/ledger.ts'
import { createOwnTelemetry } from './component/own-telemetry.ts'
import { type Clock, every } from './lib/clock.ts'
import type { Signal } from './model/signal.ts'
import { createReader } from './otlp/reader.ts'
import { buildGraph } from './pipeline/graph.ts'

/** What the outside gives: a test gives its own. */
export interface World {
  readonly clock: Clock
  /** 0 <= x < 1 */
  readonly random: () => number
  readonly files: Files
  /** `collect` frees what nobody refers to first */
  readonly memory: (collect?: boolean) => MemoryUse
  /** a logger for one component */
  readonly log: (component: string) => Logger
  readonly version: string
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

export interface App {
  readonly ledger: Ledger
  readonly status: () => Status
  /** what listens where, as bound */
  readonly listening: readonly Listening[]
  /** what a receiver gives and no pipeline takes */
  readonly unheard: readonly { readonly receiver: string; readonly signal: Signal }[]
  /** An error that no component handled: counted, and the whole is unhealthy from here on. */
  failed(): void
  /** Drains within the configuration's `shutdown_timeout`; safe twice. */
  shutdown(): Promise<readonly Undelivered[]>
}

/** A series that was not seen for so long gives its id back: twice the Prometheus exporter's `metric_expiration`. */
const SERIES_IDLE_MS = 10 * 60_000
const SWEEP_INTERVAL_MS = 60_000
const BALANCE_INTERVAL_MS = 1_000

/** @throws {StartError} and leaves nothing running */
export async function start(configuration: Configuration, world: World): Promise<App> {
  const app = new Running(configuration, world)
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
  readonly listening: Listening[] = []
  unheard: App['unheard'] = []
  readonly #configuration: Configuration
  readonly #world: World
  readonly #budget = new Budget()
  readonly #reader
  readonly #telemetry
  readonly #api: Api
  readonly #ownMetrics: OwnMetrics
  readonly #unhandled: Counter
  readonly #problems = new Map<string, string>()
  readonly #authenticators = new Map<string, Authenticator>()
  /** in the order of their start */
  readonly #started: Started[] = []
  readonly #timers: Disposable[] = []
  #ready = false
  #stopped: Promise<readonly Undelivered[]> | undefined

  constructor(configuration: Configuration, world: World) {
    this.#configuration = configuration
    this.#world = world
    const { service } = configuration
    this.#reader = createReader({ maxSeries: service.maxSeries, now: () => world.clock.monotonic() })
    this.#telemetry = createOwnTelemetry({
      ledger: this.ledger,
      budget: this.#budget,
      clock: world.clock,
      memory: world.memory,
      version: world.version,
      metrics: service.telemetry.metrics.level,
      traces: service.telemetry.traces.level,
      resource: service.telemetry.resource,
    })
    this.#api = new Api(this.ledger, this.status, world.log('api'), this.#telemetry.meter('api'))
    this.#ownMetrics = new OwnMetrics(this.#telemetry)
    this.#unhandled = this.#telemetry.meter('service').createCounter('thalamus_process_unhandled_errors', {
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

  async start(): Promise<void> {
    const { service } = this.#configuration
    const extensions = service.extensions.map(id => ({ kind: 'extension' as const, id, component: this.#extension(id) }))
    const graph = buildGraph(this.#configuration, {
      clock: this.#world.clock,
      ledger: this.ledger,
      context: (kind, id, pipeline) => this.#context(kind, id, pipeline),
    })
    this.unheard = graph.unheard
    if (service.api !== undefined) this.#heard('api', 'api', await this.#api.start(service.api))
    for (const endpoint of service.telemetry.metrics.endpoints) {
      this.#heard('telemetry', 'own metrics', await this.#ownMetrics.start(endpoint))
    }
    for (const node of [...extensions, ...graph.nodes]) {
      this.#started.push(node)
      await node.component.start?.()
    }
    this.#watch()
    this.#ready = true
  }

  shutdown(): Promise<readonly Undelivered[]> {
    this.#stopped ??= this.#drain()
    return this.#stopped
  }

  async #drain(): Promise<readonly Undelivered[]> {
    this.#ready = false
    for (const timer of this.#timers) timer[Symbol.dispose]()
    const before = new Map(this.ledger.accounts.map(account => [account, account.dropped.get('shutdown') ?? 0]))
    await this.#stopAll()
    await this.#ownMetrics.shutdown()
    await this.#api.shutdown()
    await this.#telemetry.shutdown()
    return this.ledger.accounts.flatMap(account => {
      const rows = (account.dropped.get('shutdown') ?? 0) - (before.get(account) ?? 0) + account.held()
      return rows > 0 ? [{ exporter: account.id, signal: account.signal, rows }] : []
    })
  }

  /**
   * Every component after its feeders. Receivers side by side, and exporters, so that no destination takes the time of another;
   * and senders that never finish have half of the time, so that what others were told is held can still be sent.
   */
  async #stopAll(): Promise<void> {
    const { shutdownTimeoutMs } = this.#configuration.service
    using begun = new Deadline(this.#world.clock, shutdownTimeoutMs / 2)
    using held = new Deadline(this.#world.clock, shutdownTimeoutMs)
    const latestFirst = this.#started.toReversed()
    const of = (...kinds: Started['kind'][]) => latestFirst.filter(({ kind }) => kinds.includes(kind))
    await Promise.all(of('receiver').map(one => this.#stop(one, begun)))
    for (const one of of('processor', 'connector')) await this.#stop(one, held)
    await Promise.all(of('exporter').map(one => this.#stop(one, held)))
    for (const one of of('extension')) await this.#stop(one, held)
  }

  async #stop({ id, component }: Started, deadline: Deadline): Promise<void> {
    const log = this.#world.log('service')
    try {
      const stopped = component.shutdown?.(deadline.signal).then(() => true)
      if ((await Promise.race([stopped ?? true, deadline.passed])) === false)
        log.error({ component: id }, 'a component did not stop in time')
    } catch (error) {
      log.error({ component: id, error: String(error) }, 'a component failed to shut down')
    }
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
      every(clock, BALANCE_INTERVAL_MS, () => {
        const rows = this.ledger.imbalance
        if (rows !== said && rows !== 0) log.error({ rows, ledger: '/debug/ledger' }, 'rows are unaccounted for: this is a bug')
        said = rows
      }),
    )
  }

  #extension(id: string): Component {
    const { factory, settings } = this.#configuration.extensions.get(id)!
    const made = factory.create(this.#context('extension', id, ''), settings)
    if (authenticates(made)) this.#authenticators.set(id, made)
    return made
  }

  #heard(component: string, what: string, url: string): void {
    this.listening.push({ component, what, url })
  }

  #context(kind: Kind | 'extension', id: string, pipeline: string): Context {
    const world = this.#world
    return {
      id,
      clock: world.clock,
      random: world.random,
      log: world.log(id),
      meter: this.#telemetry.meter(id),
      tracer: this.#telemetry.tracer(id),
      telemetry: this.#telemetry,
      files: world.files,
      budget: this.#budget,
      reader: this.#reader,
      account: signal => {
        if (kind === 'extension') throw new Error('an extension has no rows to account for')
        return this.ledger.account(kind, id, signal, pipeline)
      },
      mount: (path, handler) => this.#api.mount(path, handler),
      authenticator: name => this.#authenticators.get(name),
      memory: world.memory,
      listening: (what, url) => this.#heard(id, what, url),
      status: this.status,
      health: problem => void (problem === undefined ? this.#problems.delete(id) : this.#problems.set(id, problem)),
    }
  }
}

interface Started {
  readonly kind: Kind | 'extension'
  readonly id: string
  readonly component: Component
}

/** [ms] whoever is told that the time is over needs a moment to give up */
const GRACE_MS = 500

/** `signal` aborts when the time is over; soon after, `passed` says so to who waits for somebody who does not listen. */
class Deadline implements Disposable {
  readonly passed: Promise<false>
  readonly #controller = new AbortController()
  readonly #timers: readonly Disposable[]
  constructor(clock: Clock, ms: number) {
    const { promise, resolve } = Promise.withResolvers<false>()
    this.passed = promise
    this.#timers = [clock.after(ms, () => this.#controller.abort()), clock.after(ms + GRACE_MS, () => resolve(false))]
  }
  get signal(): AbortSignal {
    return this.#controller.signal
  }
  [Symbol.dispose](): void {
    for (const timer of this.#timers) timer[Symbol.dispose]()
  }
}

function authenticates(component: Component): component is Component & Authenticator {
  return 'check' in component && 'headers' in component
}
