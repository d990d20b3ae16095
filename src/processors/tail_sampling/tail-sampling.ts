import type { Consumer, Context, Processor } from '../../component/component.ts'
import type { Account } from '../../component/ledger.ts'
import type { Leaf, Room } from '../../component/room.ts'
import { every } from '../../lib/clock.ts'
import type { SpanBatch } from '../../model/batch.ts'
import { Raw } from '../../model/raw.ts'
import { onValueError } from '../../ottl/ask.ts'
import { ValueError } from '../../ottl/condition.ts'
import { Counters } from './counters.ts'
import { Held, type Run, Trace, type Verdict } from './held.ts'
import { type Policy, policyOf } from './policies.ts'
import { Remembered } from './remembered.ts'
import type { Settings } from './settings.ts'

/** [ms] from one decision to the next */
const TICK = 1000
/** [bytes] of a request that is handed on, after which another one begins */
const mostBytes = 1 << 20
/** [bytes] that a trace takes besides its spans, roughly */
const traceOverhead = 400

interface NamedPolicy {
  readonly name: string
  readonly policy: Policy
  readonly answers: { sampled: number; not_sampled: number; dropped: number }
  asked: number
  us: number
}

/**
 * Holds spans until their trace is decided: a sender's yes means held in memory. Every second those traces are decided whose time has come.
 * Requests are held as they came and charged as a whole, until nothing in them is undecided.
 */
export class TailSampling implements Processor<'traces'>, Leaf {
  readonly #cx: Context
  readonly #account: Account
  readonly #settings: Settings
  readonly #next: Consumer<'traces'>
  readonly #policies: readonly NamedPolicy[]
  readonly #counters: Counters
  readonly #sampled: Remembered
  readonly #notSampled: Remembered
  /** By id, in order of arrival; decided ones without spans, so that late spans follow them. */
  readonly #traces = new Map<string, Trace>()
  /** traces that are undecided */
  #undecided = 0
  /** By the tick at which they are decided; a trace that was moved or let go is in a bucket that it does not name. */
  readonly #due = new Map<number, Trace[]>()
  #tick = 0
  /** [rows] held or on their way downstream */
  #rows = 0
  /** [bytes] charged */
  #charged = 0
  #timer: Disposable | undefined
  readonly #underWay = new Set<Promise<void>>()
  #waiting: (() => void)[] = []
  #closed = false

  constructor(cx: Context, settings: Settings, next: Consumer<'traces'>) {
    this.#cx = cx
    this.#settings = settings
    this.#next = next
    this.#account = cx.account('traces').mayDrop('shutdown', 'refused')
    this.#account.held = () => this.#rows
    this.#counters = new Counters(cx, () => this.#traces.size)
    this.#sampled = new Remembered(settings.decision_cache.sampled_cache_size)
    this.#notSampled = new Remembered(settings.decision_cache.non_sampled_cache_size)
    const { clock } = cx
    const around = {
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      onError: (mode: Parameters<typeof onValueError>[1]) => onValueError(cx, mode),
    }
    // Whoever drops is asked first.
    this.#policies = settings.policies
      .toSorted((a, b) => Number(b.type === 'drop') - Number(a.type === 'drop'))
      .map(policy => ({
        ...{ name: policy.name, policy: policyOf(policy, around), asked: 0, us: 0 },
        answers: { sampled: 0, not_sampled: 0, dropped: 0 },
      }))
  }

  async start(): Promise<void> {
    this.#timer = every(this.#cx.clock, TICK, () => this.#decide())
  }

  // Room: spans are held here, so downstream is not asked. Memory is bounded by the budget, and traces by num_traces.

  reserve(bytes: number, room: Room): void {
    if (this.#settings.block_on_overflow && this.#undecided >= this.#settings.num_traces) room.refuse(this, true)
    else room.admit(this, bytes)
  }
  release(): void {}
  freed(signal: AbortSignal): Promise<void> {
    return new Promise(resolve => {
      this.#waiting.push(resolve)
      signal.addEventListener('abort', () => resolve(), { once: true })
    })
  }

  consume(batch: SpanBatch, room?: Room): Promise<void> {
    room?.take(this)
    const { rows } = batch
    if (rows === 0) return Promise.resolve()
    this.#account.accepted += rows
    this.#rows += rows
    const held = new Held(batch)
    held.pending = rows
    this.#charge(batch.raw.size)
    const { spans, scopes } = batch
    const { ids, scope } = spans
    const text = Buffer.from(ids.buffer, ids.byteOffset, ids.length)
    /** Late rows of traces that are kept. */
    const late: number[] = []
    let dropped = 0
    let created = 0
    let id = ''
    let before = -1
    let trace: Trace | undefined
    let fate: Verdict = 'undecided'
    let run: Run | undefined
    let runScope = -1
    const now = this.#cx.clock.monotonic()
    for (let row = 0; row < rows; row++) {
      if (before < 0 || !sameTrace(ids, before, row)) {
        id = text.toString('latin1', 32 * row, 32 * row + 16)
        trace = this.#traces.get(id)
        if (trace === undefined) {
          fate = this.#remembered(id)
          if (fate === 'undecided') {
            trace = this.#begin(id, now)
            created++
          }
        } else {
          fate = trace.verdict
          if (fate !== 'undecided') this.#counters.lateSpans(now - trace.decidedMs)
        }
        run = undefined
      }
      before = row
      if (fate === 'sampled') {
        if (trace === undefined) this.#counters.early(true, 1)
        late.push(row)
        continue
      }
      if (fate !== 'undecided') {
        if (trace === undefined) this.#counters.early(false, 1)
        dropped++
        continue
      }
      const known = trace!
      if (run !== undefined && run.to === row) run.to++
      else {
        run = { held, from: row, to: row + 1 }
        known.runs.push(run)
        runScope = -1
      }
      known.spans++
      known.size += spans.to[row]! - spans.from[row]!
      if (scope[row] !== runScope) {
        runScope = scope[row]!
        known.size += held.overhead(scopes.parent[runScope]!, runScope)
      }
      if (this.#settings.decision_wait_after_root_received > 0 && isRoot(ids, row)) this.#hasten(known)
      if (this.#settings.maximum_trace_size_bytes > 0 && known.size > this.#settings.maximum_trace_size_bytes) {
        this.#counters.tooLarge()
        this.#settle(known, 'not_sampled', 'too_large')
        fate = 'not_sampled'
        trace = known
      }
    }
    this.#counters.newTraces(created)
    if (dropped > 0) this.#drop(held, dropped, 'sampled')
    if (late.length > 0) this.#send([[held, late]])
    return Promise.resolve()
  }

  /** Decides, or drops as configured, what is there, and hands it on; what is under way when time is over is dropped. */
  async shutdown(signal: AbortSignal): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#timer?.[Symbol.dispose]()
    if (this.#settings.drop_pending_traces_on_shutdown) {
      for (const trace of this.#traces.values()) if (trace.verdict === 'undecided') this.#settle(trace, 'not_sampled', 'shutdown')
    } else this.#decideThese([...this.#due.keys()].sort((a, b) => a - b).flatMap(tick => this.#take(tick)))
    const over = Promise.withResolvers<void>()
    signal.addEventListener('abort', () => over.resolve(), { once: true })
    if (signal.aborted) over.resolve()
    await Promise.race([Promise.all(this.#underWay), over.promise])
    this.#traces.clear()
    this.#due.clear()
    this.#account.drop('shutdown', this.#rows)
    this.#rows = 0
    this.#charge(-this.#charged)
  }

  #charge(bytes: number): void {
    this.#charged += bytes
    this.#cx.budget.charge(bytes)
  }

  #remembered(id: string): Verdict {
    if (this.#sampled.has(id)) return 'sampled'
    return this.#notSampled.has(id) ? 'not_sampled' : 'undecided'
  }

  #begin(id: string, now: number): Trace {
    if (this.#traces.size >= this.#settings.num_traces) this.#makeRoom()
    const trace = new Trace(id, now, this.#tick + Math.max(1, Math.trunc(this.#settings.decision_wait / TICK)))
    this.#traces.set(id, trace)
    this.#undecided++
    this.#charge(traceOverhead)
    this.#queue(trace)
    return trace
  }

  #queue(trace: Trace): void {
    const bucket = this.#due.get(trace.due)
    if (bucket === undefined) this.#due.set(trace.due, [trace])
    else bucket.push(trace)
  }

  /** Its root has come. */
  #hasten(trace: Trace): void {
    const due = this.#tick + Math.trunc(this.#settings.decision_wait_after_root_received / TICK)
    if (due >= trace.due) return
    trace.due = due
    this.#queue(trace)
  }

  /** The oldest trace goes, decided or not; where senders wait instead, the oldest that is decided. */
  #makeRoom(): void {
    const block = this.#settings.block_on_overflow
    for (const trace of this.#traces.values()) {
      if (trace.verdict === 'undecided') {
        if (block) continue
        this.#counters.droppedTooEarly(1)
        this.#settle(trace, 'not_sampled', 'too_many_traces', false)
      }
      this.#forget(trace)
      return
    }
  }

  #forget(trace: Trace): void {
    if (!this.#traces.delete(trace.id)) return
    this.#charge(-traceOverhead)
    this.#counters.removed(this.#cx.clock.monotonic() - trace.arrivedMs)
  }

  /** Removes a bucket and returns what is still to be decided in it. */
  #take(tick: number): Trace[] {
    const bucket = this.#due.get(tick) ?? []
    this.#due.delete(tick)
    return bucket.filter(trace => trace.due === tick && trace.verdict === 'undecided')
  }

  #decide(): void {
    const began = this.#cx.clock.monotonic()
    this.#decideThese(this.#take(this.#tick++))
    this.#counters.tick(this.#cx.clock.monotonic() - began)
    for (const wake of this.#waiting.splice(0)) wake()
  }

  #decideThese(traces: readonly Trace[]): void {
    const kept = new Map<Held, number[]>()
    const counts = { sampled: 0, not_sampled: 0, dropped: 0 }
    for (const trace of traces) {
      const verdict = this.#verdict(trace)
      counts[verdict]++
      if (verdict === 'sampled') {
        for (const { held, from, to } of trace.runs) {
          let rows = kept.get(held)
          if (rows === undefined) kept.set(held, (rows = []))
          for (let row = from; row < to; row++) rows.push(row)
        }
      }
      this.#settle(trace, verdict, 'sampled')
    }
    this.#count(counts)
    if (kept.size > 0) this.#send([...kept].map(([held, rows]) => [held, rows.sort((a, b) => a - b)]))
  }

  #count(counts: { readonly sampled: number; readonly not_sampled: number; readonly dropped: number }): void {
    for (const verdict of ['sampled', 'not_sampled', 'dropped'] as const) this.#counters.decided(verdict, counts[verdict])
    for (const one of this.#policies) {
      this.#counters.ofPolicy(one.name, one.answers, one.asked, one.us)
      Object.assign(one.answers, { sampled: 0, not_sampled: 0, dropped: 0 })
      one.asked = one.us = 0
    }
  }

  /** Kept if any policy keeps it and none drops it. */
  #verdict(trace: Trace): Exclude<Verdict, 'undecided'> {
    const { clock, log } = this.#cx
    let verdict: Exclude<Verdict, 'undecided'> = 'not_sampled'
    for (const one of this.#policies) {
      const began = clock.monotonic()
      try {
        const answer = one.policy.ask(trace)
        one.answers[answer]++
        if (answer === 'dropped') return 'dropped'
        if (answer === 'sampled') verdict = 'sampled'
      } catch (error) {
        if (!(error instanceof ValueError)) throw error
        this.#counters.errors(1)
        log.debug({ policy: one.name, error: error.message }, 'a policy could not say')
      } finally {
        one.asked++
        one.us += (clock.monotonic() - began) * 1000
      }
      if (verdict === 'sampled' && this.#settings.sample_on_first_match) break
    }
    return verdict
  }

  /** What becomes of a trace: rows that are not kept are dropped, those that are wait for `#send`. */
  #settle(trace: Trace, verdict: Exclude<Verdict, 'undecided'>, reason: string, remember = true): void {
    trace.verdict = verdict
    trace.decidedMs = this.#cx.clock.monotonic()
    this.#undecided--
    if (verdict !== 'sampled') for (const { held, from, to } of trace.runs) this.#drop(held, to - from, reason)
    trace.runs = []
    if (!remember) return
    const { sampled_cache_size, non_sampled_cache_size } = this.#settings.decision_cache
    const cache = verdict === 'sampled' ? this.#sampled : this.#notSampled
    cache.add(trace.id)
    if ((verdict === 'sampled' ? sampled_cache_size : non_sampled_cache_size) > 0) this.#forget(trace)
  }

  #drop(held: Held, rows: number, reason: string): void {
    this.#account.drop(reason, rows)
    this.#rows -= rows
    this.#letGo(held, rows)
  }

  #letGo(held: Held, rows: number): void {
    held.pending -= rows
    if (held.pending !== 0) return
    held.batch.raw.release()
    if (!this.#closed) this.#charge(-held.batch.raw.size)
  }

  /** Hands on what is kept, several requests as one up to a size. Nobody waits for it: the rows are ours. */
  #send(kept: readonly (readonly [Held, number[]])[]): void {
    let part: (readonly [Held, number[]])[] = []
    let pieces: Uint8Array[] = []
    let size = 0
    const flush = () => {
      if (part.length > 0) this.#track(this.#handOver(part, pieces))
      part = []
      pieces = []
      size = 0
    }
    for (const [held, rows] of kept) {
      const own = held.only(rows)
      part.push([held, rows])
      for (const piece of own) {
        pieces.push(piece)
        size += piece.length
      }
      if (size >= mostBytes) flush()
    }
    flush()
  }

  #track(work: Promise<void>): void {
    this.#underWay.add(work)
    void work.finally(() => this.#underWay.delete(work))
  }

  async #handOver(part: readonly (readonly [Held, number[]])[], pieces: Uint8Array[]): Promise<void> {
    let rows = 0
    for (const [, list] of part) rows += list.length
    let taken = false
    try {
      // In one piece, since what it was cut from is let go.
      const raw = Raw.copied(pieces)
      await this.#next.consume(this.#cx.reader.read('traces', raw))
      taken = true
    } catch (error) {
      this.#cx.log.warn({ rows, error: String(error) }, 'spans of traces that are kept were refused')
    }
    for (const [held, list] of part) this.#letGo(held, list.length)
    // After the time of a shutdown they have been counted already.
    if (this.#rows === 0) return
    this.#rows -= rows
    if (taken) this.#account.taken += rows
    else this.#account.drop('refused', rows)
  }
}

function sameTrace(ids: Uint8Array, a: number, b: number): boolean {
  const [from, other] = [32 * a, 32 * b]
  for (let i = 15; i >= 0; i--) if (ids[from + i] !== ids[other + i]) return false
  return true
}

function isRoot(ids: Uint8Array, row: number): boolean {
  for (let i = 32 * row + 24; i < 32 * row + 32; i++) if (ids[i] !== 0) return false
  return true
}
