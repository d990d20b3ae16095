import type { Clock } from '../lib/clock.ts'
import type { Logger } from './component.ts'

/** [ms] */
const quietMs = 30_000

/** Warnings of which each kind is said at most once every half minute; how many were held back is in the next one. Kinds are few, and fixed. */
export class ThrottledLog {
  readonly #log: Logger
  readonly #clock: Clock
  readonly #said = new Map<string, { at: number; suppressed: number }>()

  constructor(log: Logger, clock: Clock) {
    this.#log = log
    this.#clock = clock
  }

  warn(kind: string, facts: object, message: string): void {
    const now = this.#clock.monotonic()
    const before = this.#said.get(kind)
    if (before !== undefined && now - before.at < quietMs) {
      before.suppressed++
      return
    }
    this.#said.set(kind, { at: now, suppressed: 0 })
    const suppressed = before === undefined || before.suppressed === 0 ? {} : { suppressed: before.suppressed }
    this.#log.warn({ ...facts, ...suppressed }, message)
  }
}
