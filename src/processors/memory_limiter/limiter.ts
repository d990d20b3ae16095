import type { Consumer, Context, Processor } from '../../component/component.ts'
import { RetryableError } from '../../component/errors.ts'
import type { Account } from '../../component/ledger.ts'
import type { Room } from '../../component/room.ts'
import { every } from '../../lib/clock.ts'
import type { BatchOf } from '../../model/batch.ts'
import type { Signal } from '../../model/signal.ts'
import type { Settings } from './index.ts'

const MIB = 2 ** 20

/** Sets the memory budget of the process, measures what is really used, and refuses, to be sent again, above the soft limit. */
export class Limiter<S extends Signal> implements Processor<S> {
  readonly #cx: Context
  readonly #settings: Settings
  readonly #account: Account
  readonly #next: Consumer<S>
  #timer: Disposable | undefined
  #limit: Disposable | undefined

  constructor(signal: S, cx: Context, settings: Settings, next: Consumer<S>) {
    this.#cx = cx
    this.#settings = settings
    this.#account = cx.account(signal)
    this.#next = next
  }

  async start(): Promise<void> {
    const { softBytes, hardBytes } = limits(this.#settings, this.#cx.memory().limitBytes)
    this.#limit = this.#cx.budget.limit(softBytes, hardBytes)
    this.#timer = every(this.#cx.clock, this.#settings.check_interval, () => this.#check())
  }

  async shutdown(): Promise<void> {
    this.#timer?.[Symbol.dispose]()
    this.#limit?.[Symbol.dispose]()
  }

  reserve(bytes: number, room: Room): void {
    this.#next.reserve(bytes, room)
  }

  consume(batch: BatchOf[S], room?: Room): Promise<void> {
    if (this.#cx.budget.exceeded) {
      this.#account.limited += batch.rows
      return Promise.reject(new RetryableError('memory is short', { retryAfterMs: this.#settings.check_interval }))
    }
    return this.#next.consume(batch, room).then(() => {
      this.#account.accepted += batch.rows
      this.#account.taken += batch.rows
    })
  }

  #check(): void {
    const { budget, log } = this.#cx
    const { softBytes: softLimitBytes } = budget
    const usedBytes = this.#measure()
    const pressed = usedBytes > softLimitBytes
    if (pressed === budget.pressed) return
    budget.pressed = pressed
    if (pressed) log.warn({ usedBytes, softLimitBytes }, 'memory is over the soft limit, new data is refused')
    else log.info({ usedBytes, softLimitBytes }, 'memory is back under the soft limit')
  }

  /** [bytes] What is used may be garbage, and while everything is refused nothing makes the runtime collect it: so we do. */
  #measure(): number {
    const { budget, clock } = this.#cx
    const { usedBytes } = this.#cx.memory()
    if (usedBytes <= budget.softBytes) return usedBytes
    const { check_interval, min_gc_interval_when_soft_limited, min_gc_interval_when_hard_limited } = this.#settings
    const interval = usedBytes > budget.hardBytes ? min_gc_interval_when_hard_limited : min_gc_interval_when_soft_limited
    const begun = clock.monotonic()
    // One collection is for the limiters of all pipelines; collections take no more than a tenth of the time; a check is never quite on time.
    const waitMs = Math.max(interval - check_interval / 2, check_interval / 2, 10 * budget.collection.tookMs)
    if (begun - budget.collection.at < waitMs) return usedBytes
    const collected = this.#cx.memory(true)
    budget.collection = { at: begun, tookMs: clock.monotonic() - begun }
    return collected.usedBytes
  }
}

/** As the Collector reads its settings: soft = hard - spike, and the spike is 20 % of the hard limit unless it is given. */
export function limits(settings: Settings, memoryBytes: number): { softBytes: number; hardBytes: number } {
  const byMib = settings.limit_mib > 0
  const hardBytes = byMib ? settings.limit_mib * MIB : (settings.limit_percentage / 100) * memoryBytes
  const given = byMib ? settings.spike_limit_mib * MIB : (settings.spike_limit_percentage / 100) * memoryBytes
  const spikeBytes = given > 0 ? given : hardBytes / 5
  return { softBytes: hardBytes - spikeBytes, hardBytes }
}
