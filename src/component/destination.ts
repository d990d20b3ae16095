/** Where an exporter that pushes sends its requests, what became of one, and who can cut one that was refused. */
import type { Raw } from '../model/raw.ts'
import type { Signal } from '../model/signal.ts'

/** What became of one request. `why` is shown to people: short, and without secrets. */
export type Outcome =
  /** `rejected` rows of it were refused for good and must not be sent again; with 0, `message` is a warning */
  | { readonly is: 'delivered'; readonly rejected: number; readonly message: string }
  | {
      readonly is: 'retryable'
      readonly why: string
      /** 0 where the destination gave no time */
      readonly retryAfterMs: number
      /** the request was written in full, so the destination may have it: sending it again may double it */
      readonly lost: boolean
      /** the connection had been closed while it was idle: not a failure of the destination, so worth a second try at once */
      readonly stale: boolean
    }
  /** something in it is wrong: a part of it may pass */
  | { readonly is: 'rejected'; readonly why: string }
  | { readonly is: 'too_large'; readonly why: string }
  /** nothing will pass until a person acts: wrong address, not let in */
  | { readonly is: 'permanent'; readonly why: string }

/** Where requests go. */
export interface Destination {
  /** @throws {StartError} */
  open?(): Promise<void>
  /**
   * Sends one request and says what became of it, in bounded time, and soon after `stop` aborts. `load` is not written to.
   * Several are under way at once. Never rejects for anything that the network or the destination does. `load` is one holder's more: it is
   * released when nothing that is still at work, the socket above all, can read its bytes, and never where that is not certain.
   */
  send(load: Raw, stop: AbortSignal): Promise<Outcome>
  close?(): Promise<void>
}

/** How a request that was refused is cut; given by whoever knows the format. */
export interface Cutter {
  /** undefined when it has one row or none */
  halve(signal: Signal, request: Uint8Array): readonly [Uint8Array, Uint8Array] | undefined
  countRows(signal: Signal, request: Uint8Array): number
}
