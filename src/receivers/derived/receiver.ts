/** Hands on what this process has computed of series, as OTLP: so it is exported, stored and queried like what was measured. */
import type { Consumer, Context, Receiver } from '../../component/component.ts'
import type { DerivedSample } from '../../component/derived.ts'
import { Room } from '../../component/room.ts'
import { Raw } from '../../model/raw.ts'
import type { Settings } from './index.ts'
import { derivedRequest, isWhole } from './request.ts'

export class DerivedReceiver implements Receiver {
  readonly #cx: Context
  readonly #settings: Settings
  readonly #next: Consumer<'metrics'> | undefined
  readonly #dropped
  #offer: Disposable | undefined
  /** hand-overs under way */
  readonly #running = new Set<Promise<void>>()

  constructor(cx: Context, settings: Settings, next: Consumer<'metrics'> | undefined) {
    this.#cx = cx
    this.#settings = settings
    this.#next = next
    this.#dropped = cx.meter.createCounter('thalamus_receiver_derived_dropped', {
      unit: '{sample}',
      description: 'Computed samples that were not handed on, by reason: queue_full, memory, fractional_histogram, refused.',
    })
  }

  async start(): Promise<void> {
    this.#offer = this.#cx.derived.offer((origin, samples) => this.#take(origin, samples))
  }

  async shutdown(signal: AbortSignal): Promise<void> {
    this.#offer?.[Symbol.dispose]()
    const over = Promise.withResolvers<void>()
    signal.addEventListener('abort', () => over.resolve(), { once: true })
    if (signal.aborted) over.resolve()
    await Promise.race([Promise.all(this.#running), over.promise])
  }

  async #take(origin: string, samples: readonly DerivedSample[]): Promise<void> {
    const { origins } = this.#settings
    if (this.#next === undefined || samples.length === 0) return
    if (origins.length > 0 && !origins.includes(origin)) return
    const work = this.#handOver(this.#next, origin, samples).finally(() => this.#running.delete(work))
    this.#running.add(work)
    await work
  }

  async #handOver(next: Consumer<'metrics'>, origin: string, samples: readonly DerivedSample[]): Promise<void> {
    const { budget, log, reader } = this.#cx
    const account = this.#cx.account('metrics')
    const whole = samples.filter(isWhole)
    this.#drop(samples.length - whole.length, 'fractional_histogram', origin)
    if (whole.length === 0) return
    const batch = reader.read('metrics', Raw.of(derivedRequest(origin, whole)))
    const why = budget.exceeded ? 'memory' : isFull(next, batch.raw.size) ? 'queue_full' : undefined
    if (why !== undefined) {
      account.receive(0, batch.rows)
      return this.#drop(batch.rows, why, origin)
    }
    budget.charge(batch.raw.size)
    try {
      await next.consume(batch)
      account.receive(batch.rows, 0)
    } catch (error) {
      account.receive(0, batch.rows)
      this.#drop(batch.rows, 'refused', origin)
      log.debug({ rows: batch.rows, origin, error: String(error) }, 'computed samples were refused')
    } finally {
      budget.refund(batch.raw.size)
    }
  }

  #drop(samples: number, reason: string, origin: string): void {
    if (samples > 0) this.#dropped.add(samples, { receiver: this.#cx.id, reason, origin })
  }
}

/** Whether a hand-over would have to wait: whoever computes does not. What is asked and what is done happen in one turn. */
function isFull(next: Consumer<'metrics'>, bytes: number): boolean {
  const room = new Room()
  next.reserve(bytes, room)
  const { mustWait } = room
  room.withdraw()
  return mustWait
}
