import type { Connector, Consumer, Context } from '../../component/component.ts'
import { every } from '../../lib/clock.ts'
import type { SpanBatch } from '../../model/batch.ts'
import { Raw } from '../../model/raw.ts'
import { requestOf } from '../../otlp/schema.ts'
import { encodeMessage, nanos } from '../../otlp/write.ts'
import { Aggregator, type ResourceState } from './aggregate.ts'
import { type Kind, type Part, requests } from './request.ts'
import type { Settings } from './settings.ts'

/**
 * Spans in, metrics out at every interval. A span is taken when it has been counted. The metrics are rows born here: they have an account of
 * their own, and what nobody takes of them is a drop; cumulative ones are told again at the next flush.
 */
export class SpanMetrics implements Connector<'traces'> {
  readonly #cx: Context
  readonly #settings: Settings
  readonly #next: Consumer<'metrics'> | undefined
  readonly #aggregator: Aggregator
  /** [bytes] charged for what is counted */
  #held = 0
  /** ms, when delta series were last told; the least recently told first */
  readonly #told = new Map<string, number>()
  #timer: Disposable | undefined
  #flushing: Promise<void> = Promise.resolve()
  #closed = false

  constructor(cx: Context, settings: Settings, next: Consumer<'metrics'> | undefined) {
    this.#cx = cx
    this.#settings = settings
    this.#next = next
    cx.account('traces').mayDrop('no_service_name')
    const charge = (bytes: number) => {
      this.#held += bytes
      cx.budget.charge(bytes)
    }
    this.#aggregator = new Aggregator(settings, { now: () => cx.clock.now(), random: cx.random, instanceId: uuid(cx.random), charge })
  }

  async start(): Promise<void> {
    const { clock, log } = this.#cx
    if (this.#settings.dimensions_cache_size !== undefined) {
      log.warn(
        { setting: 'dimensions_cache_size' },
        'this setting has no effect, as in the Collector: aggregation_cardinality_limit bounds series',
      )
    }
    this.#timer = every(clock, this.#settings.metrics_flush_interval, () => this.#flushNext(false))
  }

  /** Counting is always possible, so a full destination elsewhere in the pipeline is not hidden from the sender. */
  reserve(): void {}

  consume(batch: SpanBatch): Promise<void> {
    const account = this.#cx.account('traces')
    const uncounted = this.#aggregator.add(batch)
    batch.raw.release()
    account.accepted += batch.rows
    account.taken += batch.rows - uncounted
    account.drop('no_service_name', uncounted)
    return Promise.resolve()
  }

  /** Tells a last time, so that what was counted since the last flush is not lost. */
  async shutdown(signal: AbortSignal): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    const started = this.#timer !== undefined
    this.#timer?.[Symbol.dispose]()
    const given = Promise.withResolvers<void>()
    signal.addEventListener('abort', () => given.resolve(), { once: true })
    if (signal.aborted) given.resolve()
    if (started) await Promise.race([this.#flushNext(true), given.promise])
    this.#aggregator.clear()
    this.#cx.budget.refund(this.#held)
    this.#held = 0
  }

  /** One after the other. */
  #flushNext(last: boolean): Promise<void> {
    return (this.#flushing = this.#flushing.then(() => this.#flush(last)))
  }

  async #flush(last: boolean): Promise<void> {
    const nowMs = this.#cx.clock.now()
    const delta = this.#settings.aggregation_temporality === 'AGGREGATION_TEMPORALITY_DELTA'
    // Many series begin at one time, with one batch.
    const starts = new Map<number, bigint>()
    const startOf = (resource: ResourceState, kind: Kind, row: number) => {
      // A clock that was set back must not make a point begin after its end.
      const ms = Math.min(nowMs, delta ? this.#begin(resource, kind, row, nowMs) : resource[kind].startMs(row))
      let start = starts.get(ms)
      if (start === undefined) starts.set(ms, (start = nanos(ms)))
      return start
    }
    const told = requests(this.#aggregator.resources, this.#settings, { now: nanos(nowMs), last, startOf })
    if (delta) {
      // All are told before the next span is counted, since they begin anew.
      const parts = Array.from(told, encoded)
      this.#aggregator.settle()
      for (const part of parts) await this.#handOver(part)
    } else {
      for (const part of told) await this.#handOver(encoded(part))
      this.#aggregator.settle()
    }
  }

  /** A delta point begins where the last one of its series ended. */
  #begin(resource: ResourceState, kind: Kind, row: number, nowMs: number): number {
    const key = `${resource.key}\0${resource[kind].key(row)}\0${kind}`
    const before = this.#told.get(key)
    this.#told.delete(key)
    this.#told.set(key, nowMs)
    if (this.#told.size > this.#settings.metric_timestamp_cache_size) {
      const [oldest] = this.#told.keys()
      this.#told.delete(oldest!)
    }
    return before ?? resource[kind].startMs(row)
  }

  async #handOver({ bytes, points }: Encoded): Promise<void> {
    if (this.#next === undefined) return
    const { budget, log, reader } = this.#cx
    const account = this.#cx.account('metrics')
    const raw = Raw.of(bytes)
    budget.charge(raw.size)
    try {
      await this.#next.consume(reader.read('metrics', raw))
      account.taken += points
    } catch (error) {
      account.drop('refused', points)
      log.warn({ points, error: String(error) }, 'metrics of spans were refused')
    } finally {
      account.accepted += points
      budget.refund(raw.size)
    }
  }
}

interface Encoded {
  readonly bytes: Uint8Array
  readonly points: number
}
const encoded = ({ request, points, size }: Part): Encoded => ({
  bytes: encodeMessage(requestOf.metrics, request, { sizeHint: size + (size >> 3) }),
  points,
})

/** Version 4. */
function uuid(random: () => number): string {
  const hex = Array.from({ length: 32 }, () => Math.floor(random() * 16).toString(16))
  hex[12] = '4'
  hex[16] = '89ab'[Math.floor(random() * 4)]!
  return hex.join('').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
