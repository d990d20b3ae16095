/** What `start()` gives: the app, and what a program around it asks of it. */
import type { App, Reloaded, Undelivered, World } from '../app.ts'
import { type Texts, textsOf } from '../component/config/texts.ts'
import type { Configuration } from '../component/configuration.ts'
import { type MetricName, recordMetric } from '../instruments/record-metric.ts'
import type { Clock } from '../lib/clock.ts'
import type { AttributeValue, MetricType } from '../model/dictionary.ts'
import { type Signal, signals } from '../model/signal.ts'
import { type ExportFormat, exported } from './export.ts'
import { type Questions, questions } from './history.ts'
import type { Latest, LatestPoint } from './latest.ts'

type Named = Readonly<Record<string, AttributeValue>>

/** A series, and the latest that it said. */
export type Current = {
  readonly name: string
  /** UCUM */
  readonly unit: string
  readonly attributes: Named
  readonly resource: Named
  /** the instrumentation scope's name */
  readonly scope: string
  /** Unix epoch milliseconds */
  readonly timeMs: number
} & (
  | { readonly type: 'gauge' | 'sum'; readonly value: number }
  | { readonly type: Exclude<MetricType, 'gauge' | 'sum'>; readonly count: number; readonly sum: number | undefined }
)

/** [rows] since the start: `received = accepted + refused`, and what pipelines took on went out, was dropped, or is held. */
export interface Flow {
  readonly received: number
  readonly accepted: number
  readonly refused: number
  /** by exporters, to where they lead */
  readonly sent: number
  readonly dropped: number
  readonly held: number
}

export interface Summary {
  /** everything has started, and nothing is shutting down */
  readonly ready: boolean
  /** by component: why it cannot go on */
  readonly problems: Readonly<Record<string, string>>
  /** how many series the pipelines have said something of in the last five minutes */
  readonly series: number
  readonly rows: Readonly<Record<Signal, Flow>>
}

/** An alert of a rule has begun, fires, or is over. */
export interface AlertChange {
  /** of the rule */
  readonly name: string
  readonly from: 'inactive' | 'pending' | 'firing'
  readonly to: 'inactive' | 'pending' | 'firing'
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly value: number
  /** Unix epoch milliseconds of the evaluation */
  readonly timeMs: number
}

export interface Events {
  readonly alert: AlertChange
  /** a component cannot go on, says why anew, or goes on again: then `problem` is undefined */
  readonly health: { readonly component: string; readonly problem: string | undefined }
  /** the configuration was read again, and this is what changed */
  readonly reloaded: Reloaded
  /** the end; what could not be delivered in time */
  readonly stopped: readonly Undelivered[]
}

/** What runs, with `await using`: leaving the scope drains and stops it. */
export interface RunningApp extends Omit<App, 'reload'>, Questions, AsyncDisposable {
  /** One update of a typed instrument, by name; see `instruments` for where updates are many. */
  recordMetric: typeof recordMetric
  /**
   * The latest point of every series, or of those of a name, that the pipelines of metrics carry; one that was silent for five minutes is
   * left out. What this process records is among it after the next reading of the `self` receiver. With `service.workers` there is nothing.
   */
  current(name?: MetricName | (string & {})): Current[]
  summary(): Summary
  /** Calls `handler` at each such event, until disposed of. What it throws or rejects with is logged, and nothing else. */
  on<E extends keyof Events>(event: E, handler: (of: Events[E]) => unknown): Disposable
  /** `current` as text: a page for Prometheus, one in OpenMetrics, or OTLP as JSON, distributions with all of their buckets */
  export(format?: ExportFormat): string
  /**
   * Goes over to another configuration; what `to` leaves out stays. Without `to` the last one is read again. Only what has changed is
   * swapped, the rest goes on as it was; several are done one after the other.
   * @throws {ConfigFileError} {ConfigError} {StartError} with everything that is wrong; what ran before goes on running
   */
  reload(to?: Texts | (() => Promise<Configuration>)): Promise<Reloaded>
}

/** Who listens to what. */
export class Listeners {
  readonly #handlers = new Map<keyof Events, Set<(of: never) => unknown>>()
  readonly #failed: (event: string, error: unknown) => void

  constructor(failed: (event: string, error: unknown) => void) {
    this.#failed = failed
  }

  on<E extends keyof Events>(event: E, handler: (of: Events[E]) => unknown): Disposable {
    // Of its own, so that the same handler may listen twice.
    const own = (of: Events[E]) => handler(of)
    const handlers = this.#handlers.get(event) ?? new Set()
    this.#handlers.set(event, handlers.add(own))
    return { [Symbol.dispose]: () => void handlers.delete(own) }
  }

  tell<E extends keyof Events>(event: E, of: Events[E]): void {
    for (const handler of this.#handlers.get(event) ?? []) {
      // A handler is the program's own: what goes wrong in it must not stop what runs here.
      void (async () => (handler as (of: Events[E]) => unknown)(of))().catch((error: unknown) => this.#failed(event, error))
    }
  }
}

/** What the application tells, as handlers have it. */
export function telling(tell: Listeners['tell']): Required<Pick<World, 'healthChanged' | 'alertChanged'>> {
  return {
    healthChanged: (component, problem) => tell('health', { component, problem }),
    alertChanged: (_, { definition }, { alert, from, to }, timeMs) =>
      tell('alert', {
        ...{ name: definition.alert, from, to, timeMs, value: alert.value },
        labels: alert.labels.toJSON(),
        annotations: Object.fromEntries(alert.annotations),
      }),
  }
}

/** `read` makes a configuration of texts, and throws what is wrong with them; `given` are those that run. */
export function running(
  app: App,
  latest: Latest,
  listeners: Listeners,
  clock: Clock,
  { read, given }: { readonly read: (texts: Texts) => Promise<Configuration>; readonly given: Texts },
): RunningApp {
  const { reload, shutdown } = app
  let last: () => Promise<Configuration> = async () => read(given)
  let texts = textsOf(given)
  let stopped: Promise<readonly Undelivered[]> | undefined
  const stop = async () => {
    const undelivered = await shutdown.call(app)
    listeners.tell('stopped', undelivered)
    return undelivered
  }
  return Object.assign(app, {
    recordMetric,
    current: (name?: string) => [...latest.points()].filter(({ entry }) => name === undefined || entry.name === name).map(toCurrent),
    summary: () => summaryOf(app, latest),
    on: listeners.on.bind(listeners),
    ...questions(app.asked, clock),
    export: (format: ExportFormat = 'prometheus') => exported(latest.points(), format, clock),
    async reload(to?: Texts | (() => Promise<Configuration>)) {
      const asked: Texts = typeof to === 'object' ? { ...texts, ...textsOf(to) } : texts
      const load = to === undefined ? last : typeof to === 'function' ? to : async () => read(asked)
      const reloaded = await reload.call(app, async () => latest.within(await load()))
      ;[last, texts] = [load, asked]
      listeners.tell('reloaded', reloaded)
      return reloaded
    },
    shutdown: () => (stopped ??= stop()),
    [Symbol.asyncDispose]: async () => void (await (stopped ??= stop())),
  }) as RunningApp
}

function toCurrent({ entry, timeMs, point }: LatestPoint): Current {
  const { name, unit, type, resource, scope, attributes } = entry
  const common = {
    ...{ name, unit, timeMs, scope: scope.name },
    attributes: Object.fromEntries(attributes),
    resource: Object.fromEntries(resource.attributes),
  }
  if ('asDouble' in point) return { ...common, type: type === 'sum' ? 'sum' : 'gauge', value: point.asDouble }
  return { ...common, type: type as 'histogram', count: point.count, sum: point.sum }
}

function summaryOf(app: App, latest: Latest): Summary {
  const { ready, problems } = app.status()
  let series = 0
  for (const _ of latest.points()) series++
  return {
    ready,
    problems: Object.fromEntries(problems),
    series,
    rows: Object.fromEntries(signals.map(of => [of, flow(app, of)])) as Summary['rows'],
  }
}

function flow({ ledger }: App, signal: Signal): Flow {
  const of = ledger.accounts.filter(account => account.signal === signal)
  const receivers = of.filter(({ kind }) => kind === 'receiver')
  const exporters = of.filter(({ kind }) => kind === 'exporter')
  const wires = ledger.wires.filter(wire => wire.signal === signal)
  const sum = <T>(list: readonly T[], rows: (of: T) => number) => list.reduce((total, one) => total + rows(one), 0)
  const total = ({ dropped }: { readonly dropped: ReadonlyMap<string, number> }) => sum([...dropped.values()], rows => rows)
  return {
    received: sum(receivers, ({ received }) => received),
    accepted: sum(receivers, ({ accepted }) => accepted),
    refused: sum(receivers, ({ refused }) => refused),
    sent: sum(exporters, ({ taken }) => taken),
    dropped: sum(of, total) + sum(wires, total),
    held: sum(of, ({ held }) => held()),
  }
}
