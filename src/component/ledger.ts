/**
 * Conservation: every row that came in went out, was dropped for a named reason, or is held. One account per component and
 * signal, counted where responsibility changes hands and nowhere else; own telemetry and `/debug/ledger` read these numbers.
 *
 *   receivers                  received = accepted + refused
 *   everything that consumes   accepted + recovered = taken + dropped{reason} + held
 *
 * All updates of one hand-over happen in one turn of the event loop, so the sums hold at every moment they can be looked at.
 */
import type { Signal } from '../model/signal.ts'

export type Kind = 'receiver' | 'processor' | 'connector' | 'exporter'

export class Account {
  readonly kind: Kind
  readonly id: string
  readonly signal: Signal
  /** processors have one instance in each pipeline; '' for all others */
  readonly pipeline: string
  /** [rows] receivers: decoded. */
  received = 0
  /** [rows] receivers: handed over and held by every branch. Others: taken over from upstream. */
  accepted = 0
  /** [rows] receivers: given back to the sender, who still has them. */
  refused = 0
  /** [rows] read back from a queue on disk at start. */
  recovered = 0
  /** [rows] handed on for good: to the next component, or to the destination. Pull exporters take at `consume`. */
  taken = 0
  /** [rows] by reason */
  readonly dropped = new Map<string, number>()
  /** [rows] sent again because an answer was lost; not part of the balance. */
  resent = 0
  /** [rows] given back by `memory_limiter` because memory was short; they are still the sender's, so not part of the balance. */
  limited = 0
  /** [rows] receivers: what `accepted` and `refused` are made of, by transport (`http`, `grpc`), where there are several */
  readonly transports = new Map<string, { accepted: number; refused: number }>()
  /** exporters: where rows go (`server.address` and the like), as own telemetry tells what was sent */
  destination: Readonly<Record<string, string | number>> = {}
  /** [rows] at this moment; set by whoever holds. */
  held: () => number = () => 0

  constructor(kind: Kind, id: string, signal: Signal, pipeline = '') {
    this.kind = kind
    this.id = id
    this.signal = signal
    this.pipeline = pipeline
  }

  drop(reason: string, rows: number): void {
    if (rows > 0) this.dropped.set(reason, (this.dropped.get(reason) ?? 0) + rows)
  }

  /** Receivers: the fate of rows that were decoded, all at once. */
  receive(accepted: number, refused: number, transport?: string): void {
    this.received += accepted + refused
    this.accepted += accepted
    this.refused += refused
    if (transport === undefined) return
    const share = this.transports.get(transport)
    if (share === undefined) this.transports.set(transport, { accepted, refused })
    else {
      share.accepted += accepted
      share.refused += refused
    }
  }

  get droppedTotal(): number {
    let sum = 0
    for (const rows of this.dropped.values()) sum += rows
    return sum
  }

  /** [rows] 0 when the account balances; positive when rows have vanished, negative when there are too many. */
  get imbalance(): number {
    if (this.kind === 'receiver') return this.received - this.accepted - this.refused
    return this.accepted + this.recovered - this.taken - this.droppedTotal - this.held()
  }
}

/** A branch of a fan-out: what it was offered it took, dropped because it was full, or failed (and the sender was told). */
export class Wire {
  readonly from: string
  readonly to: string
  readonly signal: Signal
  offered = 0
  taken = 0
  /** [rows] by reason: the branch was full, or nobody listens */
  readonly dropped = new Map<string, number>()
  failed = 0

  constructor(from: string, to: string, signal: Signal) {
    this.from = from
    this.to = to
    this.signal = signal
  }

  drop(reason: string, rows: number): void {
    this.offered += rows
    if (rows > 0) this.dropped.set(reason, (this.dropped.get(reason) ?? 0) + rows)
  }

  get imbalance(): number {
    let dropped = 0
    for (const rows of this.dropped.values()) dropped += rows
    return this.offered - this.taken - dropped - this.failed
  }
}

export class Ledger {
  readonly accounts: Account[] = []
  readonly wires: Wire[] = []

  account(kind: Kind, id: string, signal: Signal, pipeline = ''): Account {
    let found = this.accounts.find(a => a.kind === kind && a.id === id && a.signal === signal && a.pipeline === pipeline)
    if (found === undefined) {
      found = new Account(kind, id, signal, pipeline)
      this.accounts.push(found)
    }
    return found
  }

  wire(from: string, to: string, signal: Signal): Wire {
    const made = new Wire(from, to, signal)
    this.wires.push(made)
    return made
  }

  /** [rows] the sum of absolute imbalances: anything but 0 is a bug. */
  get imbalance(): number {
    let sum = 0
    for (const account of this.accounts) sum += Math.abs(account.imbalance)
    for (const wire of this.wires) sum += Math.abs(wire.imbalance)
    return sum
  }

  /** The body of `/debug/ledger`. */
  toJSON(): object {
    const entries = (map: ReadonlyMap<string, number>) => Object.fromEntries(map)
    return {
      imbalance: this.imbalance,
      receivers: this.accounts
        .filter(a => a.kind === 'receiver')
        .map(({ id, signal, received, accepted, refused, imbalance }) => ({ id, signal, received, accepted, refused, imbalance })),
      components: this.accounts
        .filter(a => a.kind !== 'receiver')
        .map(a => ({
          kind: a.kind,
          id: a.id,
          ...(a.pipeline === '' ? {} : { pipeline: a.pipeline }),
          signal: a.signal,
          accepted: a.accepted,
          recovered: a.recovered,
          taken: a.taken,
          dropped: entries(a.dropped),
          held: a.held(),
          resent: a.resent,
          imbalance: a.imbalance,
        })),
      wires: this.wires.map(w => ({
        from: w.from,
        to: w.to,
        signal: w.signal,
        offered: w.offered,
        taken: w.taken,
        dropped: entries(w.dropped),
        failed: w.failed,
        imbalance: w.imbalance,
      })),
    }
  }
}
