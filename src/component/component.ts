/**
 * What a component is. A component is a folder with an `index.ts` (schema on top, factory below) and one word in
 * `src/components.ts`. It is created, started once, and shut down; it reaches the world only through its Context.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Meter, Tracer } from '@opentelemetry/api'
import type { z } from 'zod'
import type { Clock } from '../lib/clock.ts'
import type { BatchOf, Reader } from '../model/batch.ts'
import type { Signal } from '../model/signal.ts'
import type { Budget } from './budget.ts'
import type { Derived } from './derived.ts'
import type { Disk } from './disk.ts'
import type { Handed } from './handed.ts'
import type { Journals } from './journals.ts'
import type { Account } from './ledger.ts'
import type { SharedPorts } from './listen.ts'
import type { Queries } from './queries.ts'
import type { KeptRecords } from './records.ts'
import type { Room } from './room.ts'
import type { Storage } from './storage.ts'
import type { Targets } from './targets.ts'
import type { OwnTelemetry } from './telemetry.ts'

/** Takes batches of one signal. */
export interface Consumer<S extends Signal> {
  /**
   * Synchronous. Every leaf downstream (a queue, a pull exporter, a processor that holds) says in `room` whether it could take
   * `bytes` more; processors pass the question on unchanged.
   */
  reserve(bytes: number, room: Room): void
  /**
   * Resolves when the callee has taken responsibility: every branch holds the rows or has counted them as dropped. The batch
   * and its columns may be read until then and never written to; who needs longer keeps `raw`.
   * With `room`, uses what was reserved there and leaves the rest to the caller. Without, reserves for itself.
   * @throws {RetryableError} the batch is still the caller's; later it may pass.
   * @throws {PermanentError} it never will.
   */
  consume(batch: BatchOf[S], room?: Room): Promise<void>
}
/** One consumer for each signal that somebody downstream listens to. */
export type Consumers = { readonly [S in Signal]?: Consumer<S> }

/** Shutdown is safe without start, and safe twice. */
export interface Component {
  /** Quick: long work goes on in the background. Everything downstream has already started. @throws {StartError} */
  start?(): Promise<void>
  /** Takes no more, hands on what it holds, frees the rest; gives up when `signal` aborts and counts what it could not hand on. */
  shutdown?(signal: AbortSignal): Promise<void>
}
export type Receiver = Component
export type Processor<S extends Signal> = Component & Consumer<S>
export type Connector<S extends Signal> = Component & Consumer<S>
export type Exporter<S extends Signal> = Component & Consumer<S>

/** Repeated lines are the caller's to throttle; what happens often is a counter. Messages are constant, facts are fields. */
export interface Logger {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

export interface Files {
  /** @throws with `code` as node:fs does */
  read(path: string): Promise<Uint8Array>
  /** For /proc and /sys, whose files are small and never wait. */
  readSync(path: string): string
  list(path: string): Promise<string[]>
  /** The size of the file system that `path` is on, in bytes; `available` is what users may have of what is free. */
  statfs(path: string): Promise<FileSystemSize>
}

export interface FileSystemSize {
  readonly total: number
  readonly free: number
  readonly available: number
  /** how many files there may be */
  readonly inodes?: { readonly total: number; readonly free: number }
}

export interface MemoryUse {
  /** [bytes] live and not yet collected: heap, buffers, WebAssembly */
  readonly usedBytes: number
  /** [bytes] of the machine or of the control group, whichever is less */
  readonly limitBytes: number
}

export interface Status {
  /** everything has started and nothing is shutting down */
  readonly ready: boolean
  /** by component id: why it cannot go on */
  readonly problems: ReadonlyMap<string, string>
}

/**
 * Who may come in, and how to go out. An extension that implements it is named by `auth: { authenticator: ID }` of receivers
 * and exporters.
 */
export interface Authenticator {
  /** Header names are lower case. @throws {UnauthenticatedError} with words for the caller that name no secret. @throws {RetryableError} not now. */
  check(headers: Readonly<Record<string, string | string[] | undefined>>): void
  /** The headers of an outgoing request. */
  headers(): Readonly<Record<string, string>>
}

export type Handler = (request: IncomingMessage, response: ServerResponse) => void

/** What is served on the `api` listener where a configuration asks for it, and is looked for where it does not. */
export interface OptionalPage {
  readonly path: string
  /** what to write in the configuration, beginning with what for */
  readonly remedy: string
}

/** All that a component may reach: no globals, no process.env, no Date.now(). */
export interface Context {
  /** as written in the configuration, e.g. `batch/2` */
  readonly id: string
  readonly clock: Clock
  /** 0 <= x < 1 */
  readonly random: () => number
  readonly log: Logger
  /** own telemetry; a no-op where it is off */
  readonly meter: Meter
  /** spans of own work, which never trace themselves */
  readonly tracer: Tracer
  /** both of the above, for whoever sends them on */
  readonly telemetry: OwnTelemetry
  readonly files: Files
  /** for what must outlive the process */
  readonly disk: Disk
  readonly budget: Budget
  /** the one way from OTLP bytes to a batch */
  readonly reader: Reader
  /** the ledger's page for this component and `signal` */
  account(signal: Signal): Account
  /** Serves `path` (and what lies below it, if it ends in '/') on the `api` listener. */
  mount(path: string, handler: Handler): void
  /** The running extension of that id, if it is one that authenticates. */
  authenticator(id: string): Authenticator | undefined
  /** The running extension of that id, if it is one that stores. */
  storage(id: string): Storage | undefined
  /** Who answers questions about series. What this component offers there is taken back when it is gone. */
  readonly queries: Queries
  /** Who remembers what is decided; offers are taken back likewise. */
  readonly journals: Journals
  /** Who keeps spans and log records to be asked for; likewise. */
  readonly records: KeptRecords
  /** How what this process computes of series gets into its pipelines. What this component offers there is taken back when it is gone. */
  readonly derived: Derived
  /** What is scraped. What this component offers there is taken back when it is gone. */
  readonly targets: Targets
  /** What this process uses and may use. `collect` frees what nobody refers to first: everything stands still for as long as that takes. */
  memory(collect?: boolean): MemoryUse
  /** Tells the user where something of this component listens: `listening('OTLP over HTTP', 'http://127.0.0.1:4318')`. */
  listening(what: string, url: string): void
  /** The running whole, for health checks. */
  status(): Status
  /** where several threads listen on the same ports: given to `listen` */
  readonly ports?: SharedPorts | undefined
  /** where we run inside a process that hands its own telemetry over in memory */
  readonly handed?: Handed | undefined
  /** Something that cannot go on by itself: the component is reported unhealthy with this reason until `undefined`. */
  health(problem: string | undefined): void
}

export type ConfigSchema = z.ZodObject
export type Stability = 'development' | 'alpha' | 'beta' | 'stable'

interface Factory<C extends ConfigSchema> {
  /** lower_snake_case, the word users write */
  readonly type: string
  readonly stability: Stability
  /** gives the type, the defaults, the check, the README table and the JSON Schema */
  readonly config: C
  /**
   * Whether, with these settings, an instance in each of several ingest threads does together what one would do: nothing that it keeps from
   * one batch to the next matters to another, or is asked for. Without it there is one instance, on the main thread. A receiver that says
   * yes listens with `Context.ports`.
   */
  parallel?(config: z.infer<C>): boolean
}
export interface ReceiverFactory<C extends ConfigSchema = ConfigSchema> extends Factory<C> {
  readonly kind: 'receiver'
  readonly signals: readonly Signal[]
  create(cx: Context, config: z.infer<C>, next: Consumers): Receiver
}
/** A key in `create` is a promise: this component supports that signal. */
export interface ProcessorFactory<C extends ConfigSchema = ConfigSchema> extends Factory<C> {
  readonly kind: 'processor'
  readonly create: { readonly [S in Signal]?: (cx: Context, config: z.infer<C>, next: Consumer<S>) => Processor<S> }
}
/** Consumes one signal as an exporter does, and feeds the pipelines that list it as a receiver. */
export interface ConnectorFactory<C extends ConfigSchema = ConfigSchema> extends Factory<C> {
  readonly kind: 'connector'
  /** `outlets`: the pipelines of the same signal that list it, each by itself, for a connector that chooses among them. */
  readonly create: {
    readonly [S in Signal]?: (cx: Context, config: z.infer<C>, next: Consumers, outlets?: ReadonlyMap<string, Consumer<S>>) => Connector<S>
  }
  /** The pipelines that a connector which chooses names in its settings, and where: each must list it as a receiver. */
  readonly chooses?: (config: z.infer<C>) => readonly { readonly path: readonly (string | number)[]; readonly id: string }[]
}
export interface ExporterFactory<C extends ConfigSchema = ConfigSchema> extends Factory<C> {
  readonly kind: 'exporter'
  /**
   * Takes every batch of metrics at once and for good, and reads of it, until `consume` settles, the columns of points and exemplars, the names of
   * series, bounds, and the bytes of exemplars: ingest threads ship it no more than that.
   */
  readonly readsColumns?: true
  readonly create: { readonly [S in Signal]?: (cx: Context, config: z.infer<C>) => Exporter<S> }
}
export interface ExtensionFactory<C extends ConfigSchema = ConfigSchema> extends Factory<C> {
  readonly kind: 'extension'
  create(cx: Context, config: z.infer<C>): Component
}
export type AnyFactory = ReceiverFactory | ProcessorFactory | ConnectorFactory | ExporterFactory | ExtensionFactory

/** These return their argument: they are here so that TypeScript infers `config` from the schema. */
export const receiver = <C extends ConfigSchema>(f: Omit<ReceiverFactory<C>, 'kind'>) => erase<ReceiverFactory>({ kind: 'receiver', ...f })
export const processor = <C extends ConfigSchema>(f: Omit<ProcessorFactory<C>, 'kind'>) =>
  erase<ProcessorFactory>({ kind: 'processor', ...f })
export const connector = <C extends ConfigSchema>(f: Omit<ConnectorFactory<C>, 'kind'>) =>
  erase<ConnectorFactory>({ kind: 'connector', ...f })
export const exporter = <C extends ConfigSchema>(f: Omit<ExporterFactory<C>, 'kind'>) => erase<ExporterFactory>({ kind: 'exporter', ...f })
export const extension = <C extends ConfigSchema>(f: Omit<ExtensionFactory<C>, 'kind'>) =>
  erase<ExtensionFactory>({ kind: 'extension', ...f })

/** The list of components forgets each schema's own type; the configuration is checked by that same schema before `create` sees it. */
const erase = <F extends AnyFactory>(factory: unknown): F => factory as F
