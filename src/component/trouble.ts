/**
 * What a log says about a destination that fails, for hours if need be: the first failure at once, the same one again at most
 * every half minute with how many were held back, a different one at once, and the recovery.
 */
import type { Clock } from '../lib/clock.ts'
import { showDuration } from '../lib/duration.ts'
import type { Logger } from './component.ts'

/** [ms] the same failure is logged at most this often */
export const quietMs = 30_000
/** Destinations that fail in many ways at once: reasons past this one count as one. */
const maxReasons = 16

interface Reason {
  loggedAt: number
  suppressed: number
}

export class Trouble {
  readonly #log: Logger
  readonly #clock: Clock
  #since: number | undefined
  #failures = 0
  #reasons = new Map<string, Reason>()

  constructor(log: Logger, clock: Clock) {
    this.#log = log
    this.#clock = clock
  }

  /** Something failed that may yet succeed. */
  failed(why: string, facts: object): void {
    this.#since ??= this.#clock.monotonic()
    this.#failures++
    this.#say('warn', why, facts, 'sending failed, will try again')
  }

  /** What comes is dropped or must wait; which of them, whoever asked for room knows and counts. */
  full(why: string, facts: object): void {
    this.#say('warn', why, facts, 'no room: batches are dropped, or wait')
  }

  /** Rows are gone. */
  dropped(why: string, facts: object): void {
    this.#say('error', why, facts, 'rows were dropped')
  }

  /** The destination took everything and has something to say. */
  warned(why: string): void {
    this.#say('warn', why, {}, 'the destination warns')
  }

  /** A send succeeded. */
  ended(): void {
    if (this.#since === undefined) return
    const after = showDuration(Math.round(this.#clock.monotonic() - this.#since))
    this.#log.info({ after, failures: this.#failures }, 'sending works again')
    this.#since = undefined
    this.#failures = 0
    this.#reasons = new Map()
  }

  #say(level: 'warn' | 'error', why: string, facts: object, message: string): void {
    const now = this.#clock.monotonic()
    const key = `${level} ${why}`
    const known = this.#reasons.get(this.#reasons.has(key) || this.#reasons.size < maxReasons ? key : 'other')
    if (known !== undefined && now - known.loggedAt < quietMs) {
      known.suppressed++
      return
    }
    const suppressed = known === undefined || known.suppressed === 0 ? {} : { suppressed: known.suppressed }
    this.#reasons.set(this.#reasons.has(key) || this.#reasons.size < maxReasons ? key : 'other', { loggedAt: now, suppressed: 0 })
    this.#log[level]({ why, ...facts, ...suppressed }, message)
  }
}
