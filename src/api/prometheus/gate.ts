/** At most so many questions at one time; others wait in the order they came. */
export class Gate {
  readonly #most: () => number
  #inside = 0
  readonly #waiting: (() => void)[] = []

  constructor(most: () => number) {
    this.#most = most
  }

  /** [questions] being answered, and waiting */
  get size(): { readonly inside: number; readonly waiting: number } {
    return { inside: this.#inside, waiting: this.#waiting.length }
  }

  /** Runs `work` when its turn comes. @throws what `signal` was aborted with, while it waits */
  async pass<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    if (this.#inside >= this.#most()) await this.#turn(signal)
    else this.#inside++
    try {
      return await work()
    } finally {
      // Whoever waits takes this place: it is never free in between.
      const next = this.#waiting.shift()
      if (next === undefined) this.#inside--
      else next()
    }
  }

  #turn(signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const leave = () => {
      const at = this.#waiting.indexOf(enter)
      if (at >= 0) this.#waiting.splice(at, 1)
      reject(signal.reason)
    }
    const enter = () => {
      signal.removeEventListener('abort', leave)
      resolve()
    }
    if (signal.aborted) leave()
    else {
      this.#waiting.push(enter)
      signal.addEventListener('abort', leave, { once: true })
    }
    return promise
  }
}
