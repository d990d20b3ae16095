/** What both protocols lead to: bytes of one signal are read, handed over, and counted when it is known what became of them. */

import type { Server } from 'node:net'
import { type Meter, SpanKind, type SpanOptions, SpanStatusCode, type Tracer } from '@opentelemetry/api'
import type { Budget } from '../../component/budget.ts'
import type { Consumer, Consumers, Context, Logger } from '../../component/component.ts'
import type { ShedReason } from '../../component/connections.ts'
import type { Handed } from '../../component/handed.ts'
import type { Account } from '../../component/ledger.ts'
import type { SharedPorts } from '../../component/listen.ts'
import { type Clock, every } from '../../lib/clock.ts'
import { type BatchOf, MalformedError, type Reader } from '../../model/batch.ts'
import { Raw } from '../../model/raw.ts'
import { rowWord, type Signal } from '../../model/signal.ts'
import type { PartialSuccess } from '../../otlp/status.ts'
import { salvage } from './salvage.ts'
import { outOfMemory } from './verdict.ts'

/** As own telemetry calls the way in. */
export type Transport = 'http' | 'grpc' | 'memory'

/** What own spans are called, as the Collector calls its own. */
const received = { metrics: 'MetricsReceived', traces: 'TraceDataReceived', logs: 'LogsReceived' } as const satisfies Record<Signal, string>

/** Called once for each request that was offered. `problem` undefined: the rows are held downstream, but for those `refused`. */
export type Settle = (problem: unknown, refused?: PartialSuccess) => void

export class Intake<S extends Signal = Signal> {
  readonly signal: S
  readonly #reader: Reader
  readonly #next: Consumer<S>
  readonly #account: Account
  readonly #tracer: Tracer
  readonly #spanName: string
  readonly #spanOptions: Readonly<Record<Transport, SpanOptions>>

  constructor(signal: S, cx: Context, next: Consumer<S>) {
    this.signal = signal
    this.#reader = cx.reader
    this.#next = next
    this.#account = cx.account(signal)
    this.#tracer = cx.tracer
    this.#spanName = `receiver/${cx.id}/${received[signal]}`
    const options = (transport: Transport) => ({ kind: SpanKind.SERVER, attributes: { receiver: cx.id, transport } })
    this.#spanOptions = { http: options('http'), grpc: options('grpc'), memory: options('memory') }
  }

  /** `raw`: one request as protobuf. */
  offer(raw: Raw, transport: Transport, settle: Settle): void {
    let batch: BatchOf[S]
    try {
      batch = this.#reader.read(this.signal, raw)
    } catch (problem) {
      return this.#offerWhatIsGood(raw, transport, problem, settle)
    }
    if (batch.rows === 0) return settle(undefined)
    this.#handOver(batch, transport, undefined, settle)
  }

  #offerWhatIsGood(raw: Raw, transport: Transport, problem: unknown, settle: Settle): void {
    if (!(problem instanceof MalformedError)) return settle(problem)
    let batch: BatchOf[S]
    let refused: PartialSuccess
    try {
      const found = salvage(this.signal, raw.bytes(), request => this.#reader.read(this.signal, Raw.of(request)))
      if (found === undefined) return settle(problem)
      batch = this.#reader.read(this.signal, new Raw(found.kept))
      refused = found.refused
    } catch (other) {
      return settle(other)
    }
    this.#handOver(batch, transport, refused, settle)
  }

  #handOver(batch: BatchOf[S], transport: Transport, refused: PartialSuccess | undefined, settle: Settle): void {
    const span = this.#tracer.startSpan(this.#spanName, this.#spanOptions[transport])
    let taken: Promise<void>
    try {
      taken = this.#next.consume(batch)
    } catch (error) {
      taken = Promise.reject(error)
    }
    const { rows } = batch
    const rejected = refused === undefined ? 0 : refused.rejected
    const settled = (accepted: number, refused: number) => {
      this.#account.receive(accepted, refused, transport)
      if (span.isRecording()) {
        const word = rowWord[this.signal]
        span.setAttributes({ [`accepted_${word}`]: accepted, [`refused_${word}`]: refused })
      }
      if (accepted === 0) span.setStatus({ code: SpanStatusCode.ERROR })
      span.end()
    }
    taken.then(
      () => {
        settled(rows, rejected)
        settle(undefined, refused)
      },
      problem => {
        settled(0, rows + rejected)
        settle(problem)
      },
    )
  }
}

/** A body that has not come to its end. */
export interface Unfinished {
  /** [ms] monotonic */
  readonly since: number
  /** The sender is told that it took too long, and what has come of it is forgotten. */
  cut(reason: ShedReason): void
}

/** [ms] While memory is short, a body that has been coming for longer than this makes room for others: half a body feeds nobody. */
export const slowMs = 10_000
/** [ms] how often those that come are asked how long they have */
export const lookMs = 2_000

export class Door {
  /** one for each signal that somebody listens to */
  readonly intakes: { readonly [S in Signal]?: Intake }
  readonly budget: Budget
  readonly log: Logger
  readonly clock: Clock
  readonly ports: SharedPorts | undefined
  /** 0 <= x < 1 */
  readonly random: () => number
  /** What is begun is finished, nothing else. */
  draining = false
  readonly meter: Meter
  readonly id: string
  /** in the order they began */
  readonly unfinished = new Set<Unfinished>()
  #watch: Disposable | undefined

  constructor(cx: Context, next: Consumers) {
    this.budget = cx.budget
    this.meter = cx.meter
    this.id = cx.id
    this.log = cx.log
    this.clock = cx.clock
    this.ports = cx.ports
    this.random = cx.random
    const intake = <S extends Signal>(signal: S): Intake | undefined => {
      const consumer: Consumer<S> | undefined = next[signal]
      return consumer && (new Intake(signal, cx, consumer) as unknown as Intake)
    }
    const [metrics, traces, logs] = [intake('metrics'), intake('traces'), intake('logs')]
    this.intakes = { ...(metrics && { metrics }), ...(traces && { traces }), ...(logs && { logs }) }
  }

  /** From here on bodies that are slow are cut off while memory is short. */
  open(): void {
    this.#watch ??= every(this.clock, lookMs, () => {
      if (this.budget.exceeded) this.cutOff(slowMs, 'slow')
    })
  }

  /** What the process around us hands over is taken from here on: past the network, and counted and bounded as if it came by it. */
  takeHanded(handed: Handed): Disposable {
    const taken = Object.values(this.intakes).map(intake =>
      handed.takenBy(intake.signal, (body, settle) => {
        if (this.budget.used > this.budget.hardBytes) return settle(outOfMemory())
        this.budget.charge(body.length)
        intake.offer(Raw.of(body), 'memory', problem => {
          this.budget.refund(body.length)
          settle(problem)
        })
      }),
    )
    return {
      [Symbol.dispose]() {
        for (const one of taken) one[Symbol.dispose]()
      },
    }
  }

  close(): void {
    this.#watch?.[Symbol.dispose]()
    this.#watch = undefined
  }

  cutOff(olderThanMs: number, reason: ShedReason): void {
    const now = this.clock.monotonic()
    for (const body of this.unfinished) {
      if (now - body.since <= olderThanMs) return
      body.cut(reason)
    }
  }
}

/** Says why senders cannot connect: too many open files, most often. */
export function sayAccepting(server: Server, door: Door): void {
  let saidAt = Number.NEGATIVE_INFINITY
  server.on('error', err => {
    const now = door.clock.monotonic()
    if (now - saidAt < quietMs) return
    saidAt = now
    door.log.warn({ err }, 'a connection could not be accepted')
  })
}

/** [ms] */
const quietMs = 30_000
