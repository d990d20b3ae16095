/**
 * What a configuration describes, running: components, and the links and fan-outs between them. Another configuration becomes a plan,
 * which has made what is new or has changed and has touched nothing that runs; what was planned takes over in one turn of the event
 * loop. Nodes are in the order of their creation, downstream first: so starting in that order starts every consumer before its
 * feeders, and shutting down in reverse closes every component after its feeders.
 */
import type {
  Connector,
  ConnectorFactory,
  Consumer,
  Consumers,
  Context,
  Exporter,
  ExporterFactory,
  Processor,
  ProcessorFactory,
} from '../component/component.ts'
import type { Configuration, Configured, PipelineConfig } from '../component/configuration.ts'
import type { Kind, Ledger, Wire } from '../component/ledger.ts'
import type { Clock } from '../lib/clock.ts'
import { type Signal, signals } from '../model/signal.ts'
import { type Branch, FanOut } from './fanout.ts'
import { Link } from './link.ts'
import { type Made, Node, type Recipe, sameRecipe } from './node.ts'

/** What a receiver gives and no pipeline takes: said at start. */
export interface Unheard {
  readonly receiver: string
  readonly signal: Signal
}

export interface Surroundings {
  readonly clock: Clock
  readonly ledger: Ledger
  /** What one instance is given; `pipeline` is '' for all but processors. */
  context(kind: Kind | 'extension', id: string, pipeline: string): Context
}

/** A configuration that could take over. */
export interface Plan {
  /** all that will run, in the order of their start */
  readonly nodes: readonly Node[]
  /** of those, what does not run yet */
  readonly added: readonly Node[]
  /** what will not run any more, in the order of their start */
  readonly removed: readonly Node[]
  /** the one that runs in the place of an added one */
  before(added: Node): Node | undefined
  /** Whoever has something for a node that runs waits, until `lead` or `takeOver`. */
  hold(running: Node): void
  /** Hands on to it again, also if it has been renewed. */
  lead(running: Node): void
  /** From here on, it is what runs. Everything that was added has started. */
  takeOver(): void
  /** It never will be. */
  abandon(): void
}

/** By name, what a configuration comes to. */
class Wiring {
  readonly nodes = new Map<string, Node>()
  /** Link, FanOut and Branch of the signal that the name implies */
  readonly links = new Map<string, unknown>()
  readonly fanOuts = new Map<string, unknown>()
  readonly branches = new Map<string, unknown>()
  /** what leads to a node */
  readonly incoming = new Map<Node, Incoming[]>()
  readonly unheard: Unheard[] = []
}
interface Incoming {
  hold(): void
  lead(): void
}

export class Graph {
  readonly #around: Surroundings
  #now = new Wiring()
  #planned: Wiring | undefined

  constructor(around: Surroundings) {
    this.#around = around
  }

  get nodes(): readonly Node[] {
    return [...this.#now.nodes.values()]
  }
  get unheard(): readonly Unheard[] {
    return this.#now.unheard
  }

  /** The extension of that id, also one that is only planned. */
  extension(id: string): Node | undefined {
    const key = extensionKey(id)
    return this.#planned?.nodes.get(key) ?? this.#now.nodes.get(key)
  }

  /** Only one plan at a time. @throws {ConfigError} {StartError} as components do when they are made; nothing has changed then */
  plan(configuration: Configuration): Plan {
    const now = this.#now
    const planned = new Wiring()
    this.#planned = planned
    const builder = new Builder(configuration, this.#around, now, planned)
    try {
      builder.build()
    } catch (error) {
      this.#planned = undefined
      throw error
    }
    return {
      nodes: [...planned.nodes.values()],
      added: builder.added,
      removed: [...now.nodes.values()].filter(node => planned.nodes.get(node.key) !== node),
      before: ({ key }) => now.nodes.get(key),
      hold: node => {
        for (const link of now.incoming.get(node) ?? []) link.hold()
      },
      lead: node => {
        for (const link of now.incoming.get(node) ?? []) link.lead()
      },
      takeOver: () => {
        for (const change of builder.changes) change()
        this.#now = planned
        this.#planned = undefined
      },
      abandon: () => {
        this.#planned = undefined
      },
    }
  }
}

const extensionKey = (id: string) => `extension ${id}`

/** Where a link leads: to a component, whichever instance of it there is by then, or to a fan-out. */
type Target<S extends Signal> = Node | FanOut<S>

class Builder {
  readonly added: Node[] = []
  /** what to do when the plan takes over */
  readonly changes: (() => void)[] = []
  readonly #configuration: Configuration
  readonly #around: Surroundings
  readonly #now: Wiring
  readonly #planned: Wiring

  constructor(configuration: Configuration, around: Surroundings, now: Wiring, planned: Wiring) {
    this.#configuration = configuration
    this.#around = around
    this.#now = now
    this.#planned = planned
  }

  build(): void {
    const { service, receivers, extensions } = this.#configuration
    for (const id of service.extensions) {
      const configured = extensions.get(id)!
      this.#node('extension', id, '', configured, cx => configured.factory.create(cx, configured.settings))
    }
    const used = new Set(service.pipelines.flatMap(pipeline => pipeline.receivers))
    for (const [id, configured] of receivers) {
      if (!used.has(id)) continue
      const { factory, settings } = configured
      const next = this.#listeners(id, factory.signals, true)
      this.#node('receiver', id, '', configured, cx => factory.create(cx, settings, next))
    }
  }

  /** One consumer for each of `given`: the pipelines that list `id` as a receiver. */
  #listeners(id: string, given: readonly Signal[], alsoUnheard: boolean): Consumers {
    const next: { [S in Signal]?: Consumer<S> } = {}
    for (const signal of given) this.#listen(next, id, signal, alsoUnheard)
    return next
  }

  #listen<S extends Signal>(next: { [T in Signal]?: Consumer<T> }, id: string, signal: S, alsoUnheard: boolean): void {
    const pipelines = this.#configuration.service.pipelines.filter(p => p.signal === signal && p.receivers.includes(id))
    if (pipelines.length === 0 && !alsoUnheard) return
    const branches = pipelines.map(pipeline => this.#branch<S>(id, pipeline.id, signal, false, this.#head<S>(pipeline)))
    if (pipelines.length === 0) this.#planned.unheard.push({ receiver: id, signal })
    const nobody = pipelines.length === 0 ? this.#around.ledger.wire(id, 'nobody', signal) : undefined
    Object.assign(next, { [signal]: this.#fanOut(`${id} ${signal}`, branches, nobody) })
  }

  /** What leads into a pipeline: to its first processor, or to its fan-out where it has none. Built once. */
  #head<S extends Signal>(pipeline: PipelineConfig): Link<S> {
    const key = `pipeline ${pipeline.key ?? pipeline.id}`
    const known = this.#planned.links.get(key)
    if (known !== undefined) return known as Link<S>
    const signal = pipeline.signal as S
    const branches = pipeline.exporters.map(id => this.#branch<S>(pipeline.id, id, signal, true, this.#tail(id, signal)))
    let target: Target<S> = this.#fanOut<S>(key, branches, undefined)
    for (const id of pipeline.processors.toReversed()) {
      const configured = this.#configuration.processors.get(id)!
      const { factory, settings } = configured
      const create = creator<S, ProcessorFactory['create']>(factory.create, signal, id)
      const after = this.#lead<S>(`after ${id} ${pipeline.key ?? pipeline.id}`, target)
      target = this.#node('processor', id, pipeline.id, configured, (cx): Processor<S> => create(cx, settings, after))
    }
    return this.#lead(key, target)
  }

  /** What leads to the exporter or connector that a pipeline ends in. Built once for each signal. */
  #tail<S extends Signal>(id: string, signal: S): Link<S> {
    const key = `to ${id} ${signal}`
    const known = this.#planned.links.get(key)
    if (known !== undefined) return known as Link<S>
    return this.#lead(key, this.#configuration.exporters.has(id) ? this.#exporter(id, signal) : this.#connector(id, signal))
  }

  #exporter<S extends Signal>(id: string, signal: S): Node {
    const configured = this.#configuration.exporters.get(id)!
    const { factory, settings } = configured
    const create = creator<S, ExporterFactory['create']>(factory.create, signal, id)
    return this.#node('exporter', id, signal, configured, (cx): Exporter<S> => create(cx, settings))
  }

  #connector<S extends Signal>(id: string, signal: S): Node {
    const configured = this.#configuration.connectors.get(id)!
    const { factory, settings } = configured
    const create = creator<S, ConnectorFactory['create']>(factory.create, signal, id)
    const next = this.#listeners(id, signals, false)
    const outlets = factory.chooses === undefined ? new Map<string, Consumer<S>>() : this.#outlets(id, signal)
    const heard = [...Object.keys(next), ...outlets.keys()].join()
    return this.#node('connector', id, signal, configured, (cx): Connector<S> => create(cx, settings, next, outlets), heard)
  }

  /** The pipelines that list the connector, each by itself. */
  #outlets<S extends Signal>(id: string, signal: S): Map<string, Consumer<S>> {
    const pipelines = this.#configuration.service.pipelines.filter(p => p.signal === signal && p.receivers.includes(id))
    return new Map(
      pipelines.map(pipeline => {
        const branch = this.#branch<S>(id, pipeline.id, signal, false, this.#head<S>(pipeline))
        return [pipeline.id, this.#fanOut(`${id} alone ${pipeline.id}`, [branch], undefined)]
      }),
    )
  }

  // What stays is found by its name

  /** The instance that runs, where it was made from the same. */
  #node(kind: Node['kind'], id: string, part: string, of: Configured<object>, make: (cx: Context) => Made['component'], heard = ''): Node {
    const key = `${kind} ${id} ${part}`.trimEnd()
    const recipe: Recipe = { factory: of.factory, written: of.written + this.#storageOf(of.written), heard }
    const now = this.#now.nodes.get(key)
    if (now !== undefined && sameRecipe(now.recipe, recipe)) {
      this.#planned.nodes.set(key, now)
      return now
    }
    const node = new Node(kind, id, key, recipe, () => {
      const context = this.#around.context(kind, id, kind === 'processor' ? part : '')
      return { context, component: make(context) }
    })
    this.#planned.nodes.set(key, node)
    this.added.push(node)
    return node
  }

  /** Where a queue is kept on disk: moved, it is another's. Who authenticates is asked anew each time, and may change. */
  #storageOf(written: string): string {
    const [, id] = /"storage":"([^"]+)"/.exec(written) ?? []
    return (id === undefined ? undefined : this.#configuration.extensions.get(id)?.written) ?? ''
  }

  /** A link that is new leads there at once; one that is in use when the plan takes over. */
  #lead<S extends Signal>(key: string, target: Target<S>): Link<S> {
    const now = this.#now.links.get(key) as Link<S> | undefined
    const link = now ?? new Link<S>()
    this.#planned.links.set(key, link)
    const lead = () => link.lead(target instanceof Node ? (target.component as Processor<S>) : target)
    if (now === undefined) lead()
    this.changes.push(lead)
    if (target instanceof Node) {
      const { incoming } = this.#planned
      incoming.set(target, [...(incoming.get(target) ?? []), { hold: () => link.hold(), lead }])
    }
    return link
  }

  #fanOut<S extends Signal>(key: string, branches: readonly Branch<S>[], nobody: Wire | undefined): FanOut<S> {
    const timeoutMs = this.#configuration.service.consumeTimeoutMs
    const now = this.#now.fanOuts.get(key) as FanOut<S> | undefined
    const fanOut = now ?? new FanOut<S>([], this.#around.clock, timeoutMs)
    this.#planned.fanOuts.set(key, fanOut)
    const connect = () => fanOut.connect(branches, timeoutMs, nobody)
    if (now === undefined) connect()
    this.changes.push(connect)
    return fanOut
  }

  #branch<S extends Signal>(from: string, to: string, signal: S, leaf: boolean, next: Link<S>): Branch<S> {
    const key = `${from} -> ${to} ${signal}`
    // A connector that chooses has each branch twice: beside the others, and by itself.
    const now = (this.#planned.branches.get(key) ?? this.#now.branches.get(key)) as Branch<S> | undefined
    const branch = now?.next === next ? now : { wire: this.#around.ledger.wire(from, to, signal), next, leaf }
    this.#planned.branches.set(key, branch)
    return branch
  }
}

/** The configuration's check has made sure that every component supports the signal of the pipelines it is in. */
function creator<S extends Signal, T extends { readonly [K in Signal]?: unknown }>(create: T, signal: S, id: string): NonNullable<T[S]> {
  const found = create[signal]
  if (found === undefined || found === null) throw new Error(`${id} does not support ${signal}`)
  return found
}
