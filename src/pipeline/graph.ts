/**
 * Builds what a configuration describes, downstream first, so that starting in the order of creation starts every consumer
 * before its feeders, and shutting down in reverse closes every component after its feeders.
 */
import type {
  Component,
  Connector,
  ConnectorFactory,
  Consumer,
  Consumers,
  Context,
  Exporter,
  ExporterFactory,
  ProcessorFactory,
} from '../component/component.ts'
import type { Configuration, PipelineConfig } from '../component/configuration.ts'
import type { Kind, Ledger } from '../component/ledger.ts'
import type { Clock } from '../lib/clock.ts'
import { type Signal, signals } from '../model/signal.ts'
import { type Branch, FanOut, NoExporter } from './fanout.ts'

export interface Node {
  readonly kind: Kind
  readonly id: string
  readonly component: Component
}

export interface Graph {
  /** in the order to start them */
  readonly nodes: readonly Node[]
  /** what a receiver gives and no pipeline takes: said at start */
  readonly unheard: readonly { readonly receiver: string; readonly signal: Signal }[]
}

export interface Surroundings {
  readonly clock: Clock
  readonly ledger: Ledger
  /** `pipeline` is '' for all but processors */
  context(kind: Kind, id: string, pipeline: string): Context
}

export function buildGraph(configuration: Configuration, around: Surroundings): Graph {
  return new Builder(configuration, around).build()
}

class Builder {
  readonly #configuration: Configuration
  readonly #around: Surroundings
  readonly #nodes: Node[] = []
  readonly #unheard: { receiver: string; signal: Signal }[] = []
  /** what has been built: pipeline heads by pipeline id, exporters and connectors by id and signal */
  readonly #heads = new Map<string, unknown>()
  readonly #tails = new Map<string, unknown>()

  constructor(configuration: Configuration, around: Surroundings) {
    this.#configuration = configuration
    this.#around = around
  }

  build(): Graph {
    const { service, receivers } = this.#configuration
    const used = new Set(service.pipelines.flatMap(pipeline => pipeline.receivers))
    for (const [id, { factory, settings }] of receivers) {
      if (!used.has(id)) continue
      const next = this.#listeners(id, factory.signals, true)
      this.#add('receiver', id, factory.create(this.#around.context('receiver', id, ''), settings, next))
    }
    return { nodes: this.#nodes, unheard: this.#unheard }
  }

  /** One consumer for each of `signals`: the pipelines that list `id` as a receiver. */
  #listeners(id: string, given: readonly Signal[], sayUnheard: boolean): Consumers {
    const next: { [S in Signal]?: Consumer<S> } = {}
    for (const signal of given) this.#listen(next, id, signal, sayUnheard)
    return next
  }

  #listen<S extends Signal>(next: { [T in Signal]?: Consumer<T> }, id: string, signal: S, sayUnheard: boolean): void {
    const pipelines = this.#configuration.service.pipelines.filter(p => p.signal === signal && p.receivers.includes(id))
    const { ledger } = this.#around
    if (pipelines.length > 0) {
      const branches = pipelines.map((pipeline): Branch<S> => {
        return { wire: ledger.wire(id, pipeline.id, signal), next: this.#head<S>(pipeline), leaf: false }
      })
      Object.assign(next, { [signal]: this.#fanOut(branches) })
    } else if (sayUnheard) {
      this.#unheard.push({ receiver: id, signal })
      Object.assign(next, { [signal]: new NoExporter<S>(ledger.wire(id, 'nobody', signal)) })
    }
  }

  /** The first processor of a pipeline, or its fan-out where it has none. Built once. */
  #head<S extends Signal>(pipeline: PipelineConfig): Consumer<S> {
    const known = this.#heads.get(pipeline.id)
    if (known !== undefined) return known as Consumer<S>
    const signal = pipeline.signal as S
    const branches = pipeline.exporters.map((id): Branch<S> => {
      return { wire: this.#around.ledger.wire(pipeline.id, id, signal), next: this.#tail(id, signal), leaf: true }
    })
    let next: Consumer<S> = this.#fanOut(branches)
    for (const id of pipeline.processors.toReversed()) {
      const { factory, settings } = this.#configuration.processors.get(id)!
      const create = creator<S, ProcessorFactory['create']>(factory.create, signal, id)
      next = this.#add('processor', id, create(this.#around.context('processor', id, pipeline.id), settings, next))
    }
    this.#heads.set(pipeline.id, next)
    return next
  }

  /** The exporter or connector that a pipeline ends in. Built once for each signal. */
  #tail<S extends Signal>(id: string, signal: S): Consumer<S> {
    const key = `${id} ${signal}`
    const known = this.#tails.get(key)
    if (known !== undefined) return known as Consumer<S>
    const made = this.#configuration.exporters.has(id) ? this.#exporter(id, signal) : this.#connector(id, signal)
    this.#tails.set(key, made)
    return made
  }

  #exporter<S extends Signal>(id: string, signal: S): Exporter<S> {
    const { factory, settings } = this.#configuration.exporters.get(id)!
    const create = creator<S, ExporterFactory['create']>(factory.create, signal, id)
    return this.#add('exporter', id, create(this.#around.context('exporter', id, ''), settings))
  }

  #connector<S extends Signal>(id: string, signal: S): Connector<S> {
    const { factory, settings } = this.#configuration.connectors.get(id)!
    const create = creator<S, ConnectorFactory['create']>(factory.create, signal, id)
    const next = this.#listeners(id, signals, false)
    return this.#add('connector', id, create(this.#around.context('connector', id, ''), settings, next))
  }

  #fanOut<S extends Signal>(branches: readonly Branch<S>[]): FanOut<S> {
    return new FanOut(branches, this.#around.clock, this.#configuration.service.consumeTimeoutMs)
  }

  #add<C extends Component>(kind: Kind, id: string, component: C): C {
    this.#nodes.push({ kind, id, component })
    return component
  }
}

/** The configuration's check has made sure that every component supports the signal of the pipelines it is in. */
function creator<S extends Signal, T extends { readonly [K in Signal]?: unknown }>(create: T, signal: S, id: string): NonNullable<T[S]> {
  const found = create[signal]
  if (found === undefined || found === null) throw new Error(`${id} does not support ${signal}`)
  return found
}
