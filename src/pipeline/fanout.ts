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
  #branches: readonly Branch<S>[]
  readonly #clock: Clock
  /** [ms] */
  #timeoutMs: number
  #nobody: Wire | undefined

  constructor(branches: readonly Branch<S>[], clock: Clock, timeoutMs: number) {
    this.#branches = branches
    this.#clock = clock
    this.#timeoutMs = timeoutMs
  }

  /**
   * From the next batch on. A branch that stays must be the same object: what is under way knows it by that. Without any branch rows
   * are counted at `nobody` and answered with yes, because that is what was configured.
   */
  connect(branches: readonly Branch<S>[], timeoutMs: number, nobody?: Wire): void {
    this.#branches = branches
    this.#timeoutMs = timeoutMs
    this.#nobody = nobody
    for (const { leaf, wire } of branches) if (leaf) wire.reasons.add('queue_full')
    if (branches.length === 0) nobody?.reasons.add('no_exporter')
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
    if (this.#nobody !== undefined && this.#branches.length === 0) return this.#countAsUnheard(batch, this.#nobody)
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
        room.withdraw()
        if (patience.signal.aborted) throw new RetryableError(room.why ?? 'every destination is full', { retryAfterMs: this.#timeoutMs })
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
    const branches = this.#branches
    const [first] = branches
    if (branches.length === 1 && first !== undefined) return settle(first, batch, room).then(throwIfFailed)
    batch.raw.retain(branches.length - 1)
    return Promise.all(branches.map(branch => settle(branch, batch, room))).then(outcomes => judge(branches, outcomes, batch.rows))
  }

  #countAsUnheard(batch: BatchOf[S], nobody: Wire): Promise<void> {
    nobody.drop('no_exporter', batch.rows)
    batch.raw.release()
    return Promise.resolve()
  }
}

/** One branch that may take it later makes the batch come again; one that never will costs only its own rows. */
function judge<S extends Signal>(branches: readonly Branch<S>[], outcomes: readonly Outcome[], rows: number): void {
  const failures = outcomes.filter(outcome => outcome !== undefined)
  if (failures.length === 0) return
  const retryable = failures.find(error => !(error instanceof PermanentError))
  if (retryable !== undefined) throw retryable
  if (failures.length === outcomes.length) throw failures[0]
  outcomes.forEach((outcome, i) => {
    if (outcome === undefined) return
    const { wire } = branches[i]!
    wire.failed -= rows
    wire.offered -= rows
    wire.drop('rejected', rows)
  })
}

/** undefined: taken, or dropped and counted */
type Outcome = Error | undefined

function settle<S extends Signal>(branch: Branch<S>, batch: BatchOf[S], room: Room): Promise<Outcome> {
  const { wire } = branch
  const { rows } = batch
  if (branch.leaf && room.skips(branch)) {
    wire.drop('queue_full', rows)
    batch.raw.release()
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
