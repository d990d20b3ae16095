/** What a running app takes from the world around it, and what it gives. */
import type { ResourceMetrics } from '@opentelemetry/sdk-metrics'
import type { Files, Logger, MemoryUse, Status } from '../component/component.ts'
import type { Configuration, ServiceConfig } from '../component/configuration.ts'
import type { Disk } from '../component/disk.ts'
import type { Handed } from '../component/handed.ts'
import type { Journals } from '../component/journals.ts'
import type { Kind, Ledger, Undelivered } from '../component/ledger.ts'
import type { Place, SharedPorts } from '../component/listen.ts'
import type { Queries } from '../component/queries.ts'
import type { Recorded } from '../component/telemetry.ts'
import type { Clock } from '../lib/clock.ts'
import type { Store } from '../model/query.ts'
import type { Unheard } from '../pipeline/graph.ts'
import type { Engine, EngineOptions } from '../promql/engine.ts'
import type { AlertListener } from '../rules/manager.ts'
import type { Spawn } from '../workers/crew.ts'

export type { Undelivered } from '../component/ledger.ts'

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

export interface Listening extends Place {
  /** undefined for what is the service's own: `api` and `telemetry` */
  readonly kind?: Kind | 'extension'
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
