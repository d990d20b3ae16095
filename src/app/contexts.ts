/** What components are given, and what is taken back when they are gone. */
import type { Api } from '../api/listener.ts'
import type { Budget } from '../component/budget.ts'
import type { Authenticator, Component, Context, MemoryUse, Status } from '../component/component.ts'
import type { DerivedSamples } from '../component/derived.ts'
import { UnauthenticatedError } from '../component/errors.ts'
import type { Journals } from '../component/journals.ts'
import type { Account, Kind, Ledger } from '../component/ledger.ts'
import type { Queries } from '../component/queries.ts'
import type { OfferedRecords } from '../component/records.ts'
import type { Storage } from '../component/storage.ts'
import type { OfferedTargets } from '../component/targets.ts'
import type { OwnTelemetry } from '../component/telemetry.ts'
import { Tenancy } from '../component/tenancy.ts'
import type { Reader } from '../model/batch.ts'
import type { Graph } from '../pipeline/graph.ts'
import type { World } from './contract.ts'
import type { Places } from './places.ts'
import type { Problems } from './problems.ts'

/** The parts of the whole that components have a share in. */
export interface Whole {
  readonly world: World
  readonly ledger: Ledger
  readonly telemetry: OwnTelemetry
  readonly budget: Budget
  readonly reader: Reader
  readonly api: Api
  readonly places: Places
  readonly problems: Problems
  readonly queries: Queries
  readonly targets: OfferedTargets
  readonly journals: Journals
  readonly records: OfferedRecords
  readonly derived: DerivedSamples
  readonly memory: (collect?: boolean) => MemoryUse
  readonly status: () => Status
  /** nothing is measured: meters need not be taken back */
  readonly unmeasured: () => boolean
  readonly graph: () => Graph
}

export class Contexts {
  readonly #whole: Whole
  readonly #tenancies = new Map<Context, Tenancy>()
  /** why it cannot go on */
  readonly #ill = new Map<Context, string>()

  constructor(whole: Whole) {
    this.#whole = whole
  }

  /** What belongs to nothing that runs. */
  releaseGone(): void {
    const running = new Set(this.#whole.graph().nodes.map(({ context }) => context))
    for (const context of this.#tenancies.keys()) if (!running.has(context)) this.release(context)
  }

  release(context: Context): void {
    this.#tenancies.get(context)?.close()
    this.#tenancies.delete(context)
  }

  /** One of those that run has this account. */
  keeps(account: Account): boolean {
    return this.#whole.graph().nodes.some(({ context }) => this.#tenancies.get(context)?.has(account))
  }

  /** Always the one that runs: whoever asked before a reload goes on with the new one's credentials. */
  #authenticator(id: string): Authenticator | undefined {
    const now = (): Authenticator | undefined => {
      const component = this.#whole.graph().extension(id)?.component
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
    const component = this.#whole.graph().extension(id)?.component
    return component !== undefined && stores(component) ? component : undefined
  }

  /** There are several of one name: for each signal, or pipeline, and while a reload replaces one. Each speaks for itself. */
  #health(context: Context, problem: string | undefined): void {
    // What is gone has nothing to say any more.
    if (!this.#tenancies.has(context)) return
    if (problem !== undefined) this.#ill.set(context, problem)
    else if (!this.#ill.delete(context)) return
    const { id } = context
    const all = new Set([...this.#ill].filter(([{ id: other }]) => other === id).map(([, why]) => why))
    if (all.size > 0) this.#whole.problems.set(id, [...all].join('; '))
    else this.#whole.problems.delete(id)
  }

  create(kind: Kind | 'extension', id: string, pipeline: string): Context {
    const { world, ledger, telemetry, budget, reader, api, places, memory, status, ...whole } = this.#whole
    const tenancy = new Tenancy()
    const context: Context = {
      id,
      clock: world.clock,
      random: world.random,
      log: world.log(id),
      meter: whole.unmeasured() ? telemetry.meter(id) : tenancy.meter(telemetry.meter(id)),
      tracer: telemetry.tracer(id),
      telemetry,
      files: world.files,
      disk: world.disk,
      budget,
      reader,
      account: signal => {
        if (kind === 'extension') throw new Error('an extension has no rows to account for')
        return tenancy.account(
          signal,
          () => ledger.open(kind, id, signal, pipeline),
          account => ledger.close(account),
        )
      },
      mount: (path, handler) => tenancy.keep(api.mount(path, handler)),
      authenticator: name => this.#authenticator(name),
      storage: name => this.#storage(name),
      queries: tenancy.offers(whole.queries),
      targets: tenancy.offers(whole.targets),
      journals: tenancy.offers(whole.journals),
      records: { traces: tenancy.offers(whole.records.traces), logs: tenancy.offers(whole.records.logs) },
      derived: tenancy.derived(whole.derived),
      memory,
      ports: world.seat?.ports,
      handed: world.handed,
      listening: (what, url) => tenancy.keep(places.add({ kind, component: id, what, url })),
      status,
      health: problem => this.#health(context, problem),
    }
    tenancy.keep({ [Symbol.dispose]: () => this.#health(context, undefined) })
    this.#tenancies.set(context, tenancy)
    return context
  }
}

function authenticates(component: Component): component is Component & Authenticator {
  return 'check' in component && 'headers' in component
}

function stores(component: Component): component is Component & Storage {
  return 'openQueue' in component
}
