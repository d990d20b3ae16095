/** What the main thread and an ingest thread say to each other. Everything in it can be sent between threads. */
import type { ResourceMetrics } from '@opentelemetry/sdk-metrics'
import type { Origin } from '../component/configuration.ts'
import type { LedgerCopy, Undelivered } from '../component/ledger.ts'
import type { Place } from '../component/listen.ts'
import type { Signal } from '../model/signal.ts'
import type { Unheard } from '../pipeline/graph.ts'

/** What an ingest thread begins with. */
export interface Seat {
  /** from 1 */
  readonly number: number
  readonly origin: Origin
  /** that are shared, as far as they are known */
  readonly ports: Ports
  /** of the memory budget: see component/budget.ts */
  readonly slots: SharedArrayBuffer
}

/** See component/listen.ts. */
export type Ports = readonly (readonly [asked: string, port: number])[]

/** Several batches in one piece of memory: a message costs more than a batch. */
export interface Batches {
  readonly is: 'batches'
  readonly bytes: ArrayBuffer
  readonly list: readonly Shipped[]
}
export interface Shipped {
  readonly ticket: number
  readonly pipeline: string
  readonly signal: Signal
  /** [bytes] in `bytes` */
  readonly from: number
  readonly to: number
  /** nobody else of the thread's destinations had room: if the main thread's have none either, the sender waits */
  readonly alone: boolean
}

/** Where a thread writes what a pipeline of the main thread reads as columns: see ring.ts. */
export interface Ring {
  readonly is: 'ring'
  readonly pipeline: string
  readonly memory: SharedArrayBuffer
}

export type Settled =
  | { readonly ticket: number; readonly is: 'taken' }
  | { readonly ticket: number; readonly is: 'retryable'; readonly why: string; readonly retryAfterMs: number }
  | { readonly ticket: number; readonly is: 'permanent'; readonly why: string }

export type ToThread =
  | { readonly is: 'settled'; readonly list: readonly Settled[] }
  /** a ring that was full is not any more */
  | { readonly is: 'room' }
  | { readonly is: 'count'; readonly request: number }
  | { readonly is: 'reload'; readonly origin: Origin; readonly ports: Ports }
  | { readonly is: 'stop' }
/** Why a thread cannot start or reload, with what StartError and ConfigError have. */
export interface Failure {
  readonly is: 'failure'
  readonly wrong: 'configuration' | 'start' | 'bug'
  readonly message: string
  readonly remedy: string | undefined
}
export interface Standing {
  readonly listening: readonly Place[]
  readonly unheard: readonly Unheard[]
  readonly ports: Ports
}
export interface Counts {
  readonly ledger: LedgerCopy
  /** undefined where nothing is measured, or not any more */
  readonly metrics: ResourceMetrics['scopeMetrics'] | undefined
  readonly problems: readonly (readonly [component: string, problem: string])[]
}

export type ToMain =
  | Batches
  | Ring
  /** there is something in a ring that nobody looks at */
  | { readonly is: 'called' }
  /** no more will be written to the ring of that pipeline */
  | { readonly is: 'closed'; readonly pipeline: string }
  | ({ readonly is: 'started' } & Standing)
  | Failure
  | ({ readonly is: 'reloaded' } & Standing)
  | ({ readonly is: 'counts'; readonly request: number } & Counts)
  /** no more batches will come */
  | { readonly is: 'quiet' }
  | ({ readonly is: 'stopped'; readonly undelivered: readonly Undelivered[] } & Counts)
