/**
 * Hands one batch to every branch: reserves, then commits. Who comes without a room (receivers, connectors, processors that
 * hold) gets one here, and waits, holding nothing, while every branch is full or a full one blocks.
 */
import type { Consumer } from '../component/component.ts'
import { PermanentError, RetryableError } from '../component/errors.ts'
import type { Wire } from '../component/ledger.ts'
import { Room } from '../component/room.ts'
import type { Clock } from '../lib/clock.ts'
import type { BatchOf } from '../model/batch.ts'
import type { Signal } from '../model/signal.ts'

export interface Branch<S extends Signal> {
  readonly wire: Wire
  readonly next: Consumer<S>
  /** The branch is one leaf (an exporter, a connector) and not a pipeline that ends in several: full means that it drops here. */
  readonly leaf: boolean
}

export class FanOut<S extends Signal> implements Consumer<S> {
  readonly #branches: readonly Branch<S>[]
  readonly #clock: Clock
  /** [ms] */
  readonly #timeoutMs: number

  constructor(branches: readonly Branch<S>[], clock: Clock, timeoutMs: number) {
    this.#branches = branches
    this.#clock = clock
    this.#timeoutMs = timeoutMs
  }

  reserve(bytes: number, room: Room): void {
    for (const branch of this.#branches) {
      const before = room.refusals
      branch.next.reserve(bytes, room)
      if (branch.leaf && room.refusals > before) room.skip(branch)
    }
  }

  consume(batch: BatchOf[S], room?: Room): Promise<void> {
    if (room !== undefined) return this.#commit(batch, room)
    const own = new Room()
    this.reserve(batch.raw.size, own)
    return own.mustWait ? this.#waitAndCommit(batch, own) : this.#commitAndRelease(batch, own)
  }

  async #waitAndCommit(batch: BatchOf[S], first: Room): Promise<void> {
    const patience = new AbortController()
    const timer = this.#clock.after(this.#timeoutMs, () => patience.abort())
    let room = first
    try {
      while (room.mustWait) {
        room.release()
        if (patience.signal.aborted) throw new RetryableError('every destination is full', { retryAfterMs: this.#timeoutMs })
        await room.freed(patience.signal)
        room = new Room()
        this.reserve(batch.raw.size, room)
      }
    } finally {
      timer[Symbol.dispose]()
      // The leaves that are still full forget us.
      patience.abort()
    }
    return this.#commitAndRelease(batch, room)
  }

  #commitAndRelease(batch: BatchOf[S], room: Room): Promise<void> {
    return this.#commit(batch, room).then(
      () => room.release(),
      error => {
        room.release()
        throw error
      },
    )
  }

  #commit(batch: BatchOf[S], room: Room): Promise<void> {
    const [first] = this.#branches
    if (this.#branches.length === 1 && first !== undefined) return settle(first, batch, room).then(throwIfFailed)
    return Promise.all(this.#branches.map(branch => settle(branch, batch, room))).then(outcomes => this.#judge(outcomes, batch.rows))
  }

  /** One branch that may take it later makes the batch come again; one that never will costs only its own rows. */
  #judge(outcomes: readonly Outcome[], rows: number): void {
    const failures = outcomes.filter(outcome => outcome !== undefined)
    if (failures.length === 0) return
    const retryable = failures.find(error => !(error instanceof PermanentError))
    if (retryable !== undefined) throw retryable
    if (failures.length === outcomes.length) throw failures[0]
    outcomes.forEach((outcome, i) => {
      if (outcome === undefined) return
      const { wire } = this.#branches[i]!
      wire.failed -= rows
      wire.offered -= rows
      wire.drop('rejected', rows)
    })
  }
}

/** undefined: taken, or dropped and counted */
type Outcome = Error | undefined

function settle<S extends Signal>(branch: Branch<S>, batch: BatchOf[S], room: Room): Promise<Outcome> {
  const { wire } = branch
  const { rows } = batch
  if (branch.leaf && room.skips(branch)) {
    wire.drop('queue_full', rows)
    return accepted
  }
  return consumed(branch.next, batch, room).then(
    () => {
      wire.offered += rows
      wire.taken += rows
      return undefined
    },
    (error: unknown) => {
      wire.offered += rows
      wire.failed += rows
      return error instanceof Error ? error : new Error(String(error))
    },
  )
}

/** A component that throws must cost no more than one that rejects. */
function consumed<S extends Signal>(next: Consumer<S>, batch: BatchOf[S], room: Room): Promise<void> {
  try {
    return next.consume(batch, room)
  } catch (error) {
    return Promise.reject(error)
  }
}

const accepted: Promise<Outcome> = Promise.resolve(undefined)

function throwIfFailed(outcome: Outcome): void {
  if (outcome !== undefined) throw outcome
}

/** Where a signal goes that nobody listens to: counted, and answered with yes, because that is what was configured. */
export class NoExporter<S extends Signal> implements Consumer<S> {
  readonly #wire: Wire
  constructor(wire: Wire) {
    this.#wire = wire
  }
  reserve(): void {}
  consume(batch: BatchOf[S]): Promise<void> {
    this.#wire.drop('no_exporter', batch.rows)
    return Promise.resolve()
  }
}
