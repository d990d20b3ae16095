/**
 * The one memory budget of the process. Receivers charge it as bytes arrive and inflate, until `consume` settles; queues
 * charge what they hold. Above the soft limit whoever would read more refuses instead, before reading.
 */
export class Budget {
  #used = 0
  #softBytes = Number.POSITIVE_INFINITY
  #hardBytes = Number.POSITIVE_INFINITY
  readonly #limits = new Set<{ readonly softBytes: number; readonly hardBytes: number }>()
  /** the process as a whole is over its limit, whatever was charged here; set by `memory_limiter` from what it measures */
  pressed = false
  /** [ms, monotonic] when garbage was last collected because it was, and how long that took */
  collection = { at: Number.NEGATIVE_INFINITY, tookMs: 0 }

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
  /** [bytes] charged and not yet returned */
  get used(): number {
    return this.#used
  }
  /** Refuse what has not been read yet. */
  get exceeded(): boolean {
    return this.pressed || this.#used > this.#softBytes
  }

  charge(bytes: number): void {
    this.#used += bytes
  }
  refund(bytes: number): void {
    this.#used -= bytes
  }
}
