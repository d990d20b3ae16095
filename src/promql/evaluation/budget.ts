import { QueryError } from '../query-error.ts'

/** How long rows are worked on [ms] before others get a turn of the event loop. */
const breathEveryMs = 10

/** [steps] that a row may have however few samples are allowed: most of its steps may be empty */
const leastSteps = 1_000_000

const tooMany = (): QueryError => new QueryError('execution', 'query processing would load too many samples into memory in query execution')

/** What one query may use, and has used: samples, time, and the attention of the event loop. */
export class Budget {
  /** [samples] held at one time, at most so far */
  peak = 0
  /** [ms] of the coarsest tier that a store has answered from; 0: samples as they came */
  tier = 0
  #held = 0
  /** of all rows there are */
  #steps = 0
  readonly #maxSamples: number
  readonly #deadline: number
  readonly #signal: AbortSignal | undefined
  readonly #now: () => number
  readonly #breathe: () => Promise<void>
  #breathAt: number

  constructor(limits: {
    readonly maxSamples: number
    readonly timeout: number
    readonly signal: AbortSignal | undefined
    readonly now: () => number
    readonly breathe: () => Promise<void>
  }) {
    this.#maxSamples = limits.maxSamples
    this.#signal = limits.signal
    this.#now = limits.now
    this.#breathe = limits.breathe
    const now = limits.now()
    this.#deadline = now + limits.timeout
    this.#breathAt = now + breathEveryMs
  }

  /** @throws {QueryError} where the query holds more than it may */
  hold(samples: number): void {
    this.#held += samples
    if (this.#held > this.peak) this.peak = this.#held
    if (this.#held > this.#maxSamples) throw tooMany()
  }

  /**
   * Asked before rows of so many steps are made: a row has room for each, whether or not there is a sample. A fifth of the samples is 10 million by default, 90 MB a row.
   * @throws {QueryError} as where there are too many samples
   */
  room(steps: number): void {
    if (steps > Math.max(this.#maxSamples / 5, leastSteps)) throw tooMany()
  }

  /**
   * Counts the room of a row, 9 bytes a step: many series that are seldom there hold few samples and much memory. By default 900 MB.
   * @throws {QueryError} as where there are too many samples
   */
  reserve(steps: number): void {
    this.#steps += steps
    if (this.#steps > Math.max(2 * this.#maxSamples, 10 * leastSteps)) throw tooMany()
  }

  unreserve(steps: number): void {
    this.#steps -= steps
  }

  release(samples: number): void {
    this.#held -= samples
  }

  /** Asked between rows: whether it is time to `pause`. */
  get due(): boolean {
    return this.#now() >= this.#breathAt
  }

  /** Lets others have a turn. @throws {QueryError} where the query was given up or has taken too long */
  async pause(): Promise<void> {
    await this.#breathe()
    this.check()
    this.#breathAt = this.#now() + breathEveryMs
  }

  check(): void {
    if (this.#signal?.aborted) throw new QueryError('canceled', 'query was canceled in expression evaluation')
    if (this.#now() > this.#deadline) throw new QueryError('timeout', 'query timed out in expression evaluation')
  }
}
