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
  /** [rows] found in a queue on the disk at start, less what was left there for a successor of the same process. */
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
  /** [rows] of those, what is on the disk and outlives the process */
  kept: () => number = () => 0

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

  /** Takes over what another of the same name has counted, and no longer counts. */
  add(other: Account): void {
    this.received += other.received
    this.accepted += other.accepted
    this.refused += other.refused
    this.recovered += other.recovered
    this.taken += other.taken
    this.resent += other.resent
    this.limited += other.limited
    for (const [reason, rows] of other.dropped) this.drop(reason, rows)
    for (const [transport, of] of other.transports) {
      const share = this.transports.get(transport)
      this.transports.set(transport, { accepted: of.accepted + (share?.accepted ?? 0), refused: of.refused + (share?.refused ?? 0) })
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
  readonly #open = new Set<Account>()

  account(kind: Kind, id: string, signal: Signal, pipeline = ''): Account {
    let found = this.accounts.find(a => isOf(a, kind, id, signal, pipeline))
    if (found === undefined) {
      found = new Account(kind, id, signal, pipeline)
      this.accounts.push(found)
    }
    return found
  }

  /**
   * The account of one instance, for as long as it runs. While a reload replaces a component two instances have the same name, and one
   * account each; an account that nobody has open is taken on by the next.
   */
  open(kind: Kind, id: string, signal: Signal, pipeline: string): Account {
    const found =
      this.accounts.find(a => isOf(a, kind, id, signal, pipeline) && !this.#open.has(a)) ?? new Account(kind, id, signal, pipeline)
    if (!this.accounts.includes(found)) this.accounts.push(found)
    this.#open.add(found)
    return found
  }

  /** Its instance is gone. Where another has the name, what was counted is told as that one's: a counter never goes back. */
  close(account: Account): void {
    this.#open.delete(account)
    // What stays on the disk is the next one's, which counts it as recovered.
    account.recovered -= account.kept()
    const rows = account.held() - account.kept()
    account.kept = () => 0
    account.held = () => rows
    const { kind, id, signal, pipeline } = account
    const heir = this.accounts.find(a => a !== account && isOf(a, kind, id, signal, pipeline))
    // What was sent elsewhere is told apart in own metrics.
    if (heir === undefined || rows !== 0 || !sameDestination(heir, account)) return
    heir.add(account)
    this.accounts.splice(this.accounts.indexOf(account), 1)
  }

  /** The one of that name. */
  wire(from: string, to: string, signal: Signal): Wire {
    const found = this.wires.find(wire => wire.from === from && wire.to === to && wire.signal === signal)
    if (found !== undefined) return found
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
    const accounts = byName(this.accounts)
    const entries = (map: ReadonlyMap<string, number>) => Object.fromEntries(map)
    return {
      imbalance: this.imbalance,
      receivers: accounts
        .filter(a => a.kind === 'receiver')
        .map(({ id, signal, received, accepted, refused, imbalance }) => ({ id, signal, received, accepted, refused, imbalance })),
      components: accounts
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

function isOf(account: Account, kind: Kind, id: string, signal: Signal, pipeline: string): boolean {
  return account.kind === kind && account.id === id && account.signal === signal && account.pipeline === pipeline
}

const sameDestination = (a: Account, b: Account) => JSON.stringify(a.destination) === JSON.stringify(b.destination)

/** One for each name, where there are several while a reload replaces a component, or afterwards for another destination. */
function byName(accounts: readonly Account[]): Account[] {
  const sums: Account[] = []
  for (const account of accounts) {
    const { kind, id, signal, pipeline } = account
    let sum = sums.find(a => isOf(a, kind, id, signal, pipeline))
    if (sum === undefined) sums.push((sum = new Account(kind, id, signal, pipeline)))
    const rows = sum.held() + account.held()
    sum.held = () => rows
    sum.add(account)
  }
  return sums
}
