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
  /** reasons that are told with 0 before the first row: a rate sees the step to the first */
  readonly reasons = new Set<string>()
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

  mayDrop(...reasons: readonly string[]): this {
    for (const reason of reasons) this.reasons.add(reason)
    return this
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
    this.mayDrop(...other.reasons)
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
  /** as an account's */
  readonly reasons = new Set<string>()
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
  /** by thread: what it has told */
  readonly #reflections = new Map<string, { readonly accounts: readonly Account[]; readonly wires: readonly Wire[] }>()
  /** of threads that are gone */
  readonly #past: Account[] = []

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
    const heir = this.accounts.find(a => a !== account && !this.#isOfAnotherThread(a) && isOf(a, kind, id, signal, pipeline))
    // What was sent elsewhere is told apart in own metrics.
    if (heir === undefined || rows !== 0 || !sameDestination(heir, account)) return
    heir.add(account)
    this.accounts.splice(this.accounts.indexOf(account), 1)
  }

  /** without those of other threads */
  get own(): readonly Account[] {
    return this.accounts.filter(account => !this.#isOfAnotherThread(account) && !this.#past.includes(account))
  }

  /** Everything that is counted here, to be told to another thread. */
  copy(): LedgerCopy {
    return {
      accounts: this.accounts.map(a => ({
        ...{
          kind: a.kind,
          id: a.id,
          signal: a.signal,
          pipeline: a.pipeline,
          received: a.received,
          accepted: a.accepted,
          refused: a.refused,
        },
        ...{
          recovered: a.recovered,
          taken: a.taken,
          dropped: [...a.dropped],
          reasons: [...a.reasons],
          resent: a.resent,
          limited: a.limited,
          held: a.held(),
        },
        ...{ transports: [...a.transports].map(([transport, share]) => [transport, { ...share }] as const), destination: a.destination },
      })),
      wires: this.wires.map(({ from, to, signal, offered, taken, failed, dropped, reasons }) => ({
        ...{ from, to, signal, offered, taken, failed },
        ...{ dropped: [...dropped], reasons: [...reasons] },
      })),
    }
  }

  /** What another thread has counted so far is part of this ledger, in the place of what it had counted before. */
  reflect(thread: string, copy: LedgerCopy): void {
    this.#forgetReflection(thread)
    const accounts = copy.accounts.map(toAccount)
    const wires = copy.wires.map(toWire)
    this.#reflections.set(thread, { accounts, wires })
    for (const account of accounts) this.#open.add(account)
    this.accounts.push(...accounts)
    this.wires.push(...wires)
  }

  /** That thread is gone, with all that it held: which is dropped for that reason, and stays counted. */
  lose(thread: string, reason: string): void {
    const { accounts = [], wires = [] } = this.#reflections.get(thread) ?? {}
    this.#forgetReflection(thread)
    for (const account of accounts) {
      account.drop(reason, account.held())
      account.held = () => 0
      const past = this.#past.find(
        other => isOf(other, account.kind, account.id, account.signal, account.pipeline) && sameDestination(other, account),
      )
      if (past !== undefined) past.add(account)
      else {
        this.#past.push(account)
        this.#open.add(account)
        this.accounts.push(account)
      }
    }
    for (const { from, to, signal, offered, taken, failed, dropped } of wires) {
      const own = this.wire(from, to, signal)
      own.offered += offered
      own.taken += taken
      own.failed += failed
      for (const [because, rows] of dropped) own.dropped.set(because, (own.dropped.get(because) ?? 0) + rows)
    }
  }

  #isOfAnotherThread(account: Account): boolean {
    for (const { accounts } of this.#reflections.values()) if (accounts.includes(account)) return true
    return false
  }

  #forgetReflection(thread: string): void {
    const before = this.#reflections.get(thread)
    if (before === undefined) return
    this.#reflections.delete(thread)
    for (const account of before.accounts) {
      this.#open.delete(account)
      this.accounts.splice(this.accounts.indexOf(account), 1)
    }
    for (const wire of before.wires) this.wires.splice(this.wires.indexOf(wire), 1)
  }

  #isReflected(wire: Wire): boolean {
    for (const { wires } of this.#reflections.values()) if (wires.includes(wire)) return true
    return false
  }

  /** The one of that name. */
  wire(from: string, to: string, signal: Signal): Wire {
    const found = this.wires.find(wire => wire.from === from && wire.to === to && wire.signal === signal && !this.#isReflected(wire))
    if (found !== undefined) return found
    const made = new Wire(from, to, signal)
    // Between threads: the wire that a row passes in the end is counted where that is.
    if (!from.startsWith('(') && !to.startsWith('(')) this.wires.push(made)
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
      wires: wiresByName(this.wires).map(w => ({
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

/** [rows] what was still held when a shutdown's time was over. */
export interface Undelivered {
  readonly exporter: string
  readonly signal: Signal
  readonly rows: number
}

export interface LedgerCopy {
  readonly accounts: readonly AccountCopy[]
  readonly wires: readonly WireCopy[]
}
type Counted = 'kind' | 'id' | 'signal' | 'pipeline' | 'received' | 'accepted' | 'refused' | 'recovered' | 'taken' | 'resent' | 'limited'
type AccountCopy = Readonly<Pick<Account, Counted | 'destination'>> & {
  readonly held: number
  readonly dropped: readonly (readonly [reason: string, rows: number])[]
  readonly reasons: readonly string[]
  readonly transports: readonly (readonly [transport: string, rows: { accepted: number; refused: number }])[]
}
type WireCopy = Readonly<Pick<Wire, 'from' | 'to' | 'signal' | 'offered' | 'taken' | 'failed'>> & {
  readonly dropped: readonly (readonly [reason: string, rows: number])[]
  readonly reasons: readonly string[]
}

function toAccount({ kind, id, signal, pipeline, held, dropped, reasons, transports, ...rest }: AccountCopy): Account {
  const account = Object.assign(new Account(kind, id, signal, pipeline), rest, { held: () => held }).mayDrop(...reasons)
  for (const [reason, rows] of dropped) account.dropped.set(reason, rows)
  for (const [transport, rows] of transports) account.transports.set(transport, rows)
  return account
}

function toWire({ from, to, signal, dropped, reasons, ...rest }: WireCopy): Wire {
  const wire = Object.assign(new Wire(from, to, signal), rest)
  for (const reason of reasons) wire.reasons.add(reason)
  for (const [reason, rows] of dropped) wire.dropped.set(reason, rows)
  return wire
}

/** One for each name, where several threads have it. */
function wiresByName(wires: readonly Wire[]): Wire[] {
  const sums: Wire[] = []
  for (const { from, to, signal, offered, taken, failed, dropped } of wires) {
    let sum = sums.find(wire => wire.from === from && wire.to === to && wire.signal === signal)
    if (sum === undefined) sums.push((sum = new Wire(from, to, signal)))
    sum.offered += offered
    sum.taken += taken
    sum.failed += failed
    for (const [reason, rows] of dropped) sum.dropped.set(reason, (sum.dropped.get(reason) ?? 0) + rows)
  }
  return sums
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
