/**
 * The one memory budget of the process. Receivers charge it as bytes arrive and inflate, until `consume` settles; queues
 * charge what they hold. Above the soft limit whoever would read more refuses instead, before reading.
 */
export class Budget {
  #used = 0
  readonly #shared: SharedUse | undefined
  #softBytes = Number.POSITIVE_INFINITY
  #hardBytes = Number.POSITIVE_INFINITY
  readonly #limits = new Set<{ readonly softBytes: number; readonly hardBytes: number }>()
  /** the process as a whole is over its limit, whatever was charged here; set by `memory_limiter` from what it measures */
  pressed = false
  /** [ms, monotonic] when garbage was last collected because it was, and how long that took */
  collection = { at: Number.NEGATIVE_INFINITY, tookMs: 0 }

  constructor(shared?: SharedUse) {
    this.#shared = shared
  }

  /** `memory_limiter` sets it, of several the lowest; without one there is no limit. Disposing takes it back. */
  limit(softBytes: number, hardBytes: number): Disposable {
    const limit = { softBytes, hardBytes }
    this.#limits.add(limit)
    this.#apply()
    return {
      [Symbol.dispose]: () => {
        this.#limits.delete(limit)
        this.#apply()
      },
    }
  }

  #apply(): void {
    const least = (of: 'softBytes' | 'hardBytes') => Math.min(Number.POSITIVE_INFINITY, ...[...this.#limits].map(limit => limit[of]))
    this.#softBytes = least('softBytes')
    this.#hardBytes = least('hardBytes')
    // Nobody measures any more.
    if (this.#limits.size === 0) this.pressed = false
  }

  get softBytes(): number {
    return this.#softBytes
  }
  get hardBytes(): number {
    return this.#hardBytes
  }
  /** [bytes] charged and not yet returned, by all threads */
  get used(): number {
    return this.#shared === undefined ? this.#used : this.#shared.charged
  }
  /** Refuse what has not been read yet. */
  get exceeded(): boolean {
    return this.pressed || this.used > this.#softBytes
  }

  charge(bytes: number): void {
    this.#used += bytes
    if (this.#shared !== undefined) this.#shared.charged = this.#used
  }
  refund(bytes: number): void {
    this.#used -= bytes
    if (this.#shared !== undefined) this.#shared.charged = this.#used
  }
}

/**
 * What each of several threads uses, in memory that all of them see. Each writes its own and reads the sum: a number that is a moment old
 * is as good, so there is no lock.
 */
export class SharedUse {
  readonly #charged: Float64Array
  readonly #measured: Float64Array
  readonly #mine: number

  /** `mine` is the main thread's 0, or an ingest thread's number. */
  constructor(slots: SharedArrayBuffer, mine: number) {
    const threads = slots.byteLength / 16
    this.#charged = new Float64Array(slots, 0, threads)
    this.#measured = new Float64Array(slots, 8 * threads, threads)
    this.#mine = mine
  }

  /** For the main thread and so many others. */
  static slots(workers: number): SharedArrayBuffer {
    return new SharedArrayBuffer(16 * (workers + 1))
  }

  /** [bytes] by all; what is set is one's own */
  get charged(): number {
    return sum(this.#charged)
  }
  set charged(bytes: number) {
    this.#charged[this.#mine] = bytes
  }
  /** [bytes] of memory that was in use when each last measured; what is set is one's own */
  get measured(): number {
    return sum(this.#measured)
  }
  set measured(bytes: number) {
    this.#measured[this.#mine] = bytes
  }
  /** That thread is gone, and what it used with it. */
  forget(thread: number): void {
    this.#charged[thread] = 0
    this.#measured[thread] = 0
  }
}

function sum(numbers: Float64Array): number {
  let all = 0
  for (const number of numbers) all += number
  return all
}
