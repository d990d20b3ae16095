import type { Clock } from '../../lib/clock.ts'

/** Of the lines of each second, the first few, and then every so many-th. */
export class Sampling {
  readonly #initial: number
  readonly #thereafter: number
  readonly #clock: Clock
  #second = Number.NaN
  #seen = 0

  /** @param thereafter 0: none after the first few */
  constructor(initial: number, thereafter: number, clock: Clock) {
    this.#initial = initial
    this.#thereafter = thereafter
    this.#clock = clock
  }

  pick(): boolean {
    const second = Math.floor(this.#clock.monotonic() / 1000)
    if (second !== this.#second) {
      this.#second = second
      this.#seen = 0
    }
    const place = ++this.#seen - this.#initial
    return place <= 0 || (this.#thereafter > 0 && place % this.#thereafter === 0)
  }
}
