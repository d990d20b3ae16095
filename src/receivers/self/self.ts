/**
 * Hands on Thalamus's own telemetry: what was measured so far, at every interval, and the spans that have ended since.
 * The spans' batch is marked as own, so that whoever handles it makes no spans of that.
 */
import type { ReadableSpan } from '@opentelemetry/sdk-trace'
import type { Consumer, Consumers, Context, Receiver } from '../../component/component.ts'
import { every } from '../../lib/clock.ts'
import { Raw } from '../../model/raw.ts'
import type { Signal } from '../../model/signal.ts'
import { encode } from '../../otlp/write.ts'
import type { Settings } from './index.ts'
import { metricsRequest, tracesRequest } from './request.ts'

export class Self implements Receiver {
  readonly #cx: Context
  readonly #settings: Settings
  readonly #next: Consumers
  readonly #startMs: number
  readonly #timers: Disposable[] = []
  #listening: Disposable | undefined
  #spans: ReadableSpan[] = []
  /** hand-overs under way */
  readonly #running = new Set<Promise<void>>()

  constructor(cx: Context, settings: Settings, next: Consumers) {
    this.#cx = cx
    this.#settings = settings
    this.#next = next
    this.#startMs = cx.clock.now()
  }

  async start(): Promise<void> {
    const { clock, telemetry } = this.#cx
    const interval = this.#settings.collection_interval
    if (this.#next.metrics !== undefined) this.#timers.push(every(clock, interval, () => this.#track(this.#sendMetrics())))
    if (this.#next.traces !== undefined) {
      this.#listening = telemetry.onSpan(span => this.#take(span))
      this.#timers.push(every(clock, interval, () => this.#track(this.#sendSpans())))
    }
  }

  /** Reads a last time, so that what the shutdown itself counts so far is told. */
  async shutdown(signal: AbortSignal): Promise<void> {
    const started = this.#timers.length > 0
    for (const timer of this.#timers.splice(0)) timer[Symbol.dispose]()
    this.#listening?.[Symbol.dispose]()
    if (!started) return
    const given = Promise.withResolvers<void>()
    signal.addEventListener('abort', () => given.resolve(), { once: true })
    if (signal.aborted) given.resolve()
    await Promise.race([this.#finish(), given.promise])
  }

  async #finish(): Promise<void> {
    await Promise.allSettled(this.#running)
    await Promise.all([this.#track(this.#sendMetrics()), this.#track(this.#sendSpans())])
  }

  async #track(work: Promise<void>): Promise<void> {
    this.#running.add(work)
    try {
      await work
    } catch (error) {
      this.#cx.log.error({ error: String(error) }, 'own telemetry could not be read')
    } finally {
      this.#running.delete(work)
    }
  }

  #take(span: ReadableSpan): void {
    if (this.#spans.length < this.#settings.max_spans) this.#spans.push(span)
    else this.#refuse('traces', 1)
  }

  #refuse(signal: Signal, rows: number): void {
    this.#cx.account(signal).receive(0, rows)
  }

  async #sendMetrics(): Promise<void> {
    const { clock, telemetry } = this.#cx
    if (this.#next.metrics === undefined || this.#cx.budget.exceeded) return
    const collected = await telemetry.collect()
    const request = encode('metrics', metricsRequest(collected, { startMs: this.#startMs, timeMs: clock.now() }))
    await this.#handOver('metrics', Raw.of(request), this.#next.metrics)
  }

  /** While one batch is under way or memory is short, spans wait, up to their bound. */
  async #sendSpans(): Promise<void> {
    if (this.#next.traces === undefined || this.#spans.length === 0 || this.#cx.budget.exceeded) return
    const spans = this.#spans
    this.#spans = []
    const raw = Raw.of(encode('traces', tracesRequest(spans)))
    this.#cx.telemetry.markOwn(raw)
    await this.#handOver('traces', raw, this.#next.traces)
  }

  async #handOver<S extends 'metrics' | 'traces'>(signal: S, raw: Raw, next: Consumer<S>): Promise<void> {
    const { budget, log, reader } = this.#cx
    if (raw.size === 0) return
    const account = this.#cx.account(signal)
    const batch = reader.read(signal, raw)
    budget.charge(raw.size)
    try {
      await next.consume(batch)
      account.receive(batch.rows, 0)
    } catch (error) {
      account.receive(0, batch.rows)
      log.debug({ rows: batch.rows, error: String(error) }, 'own telemetry was refused')
    } finally {
      budget.refund(raw.size)
    }
  }
}
