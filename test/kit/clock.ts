import type { Clock } from '../../src/lib/clock.ts'

/** Moves only when told; due work runs in time order, and what it awaits settles before the next. */
export class VirtualClock implements Clock {
  #now: number
  readonly #start: number
  #jumped = 0
  readonly #due = new Set<{ at: number; run: () => unknown }>()
  constructor(startMs = 1_700_000_000_000) {
    this.#now = startMs
    this.#start = startMs
  }
  now() {
    return this.#now + this.#jumped
  }
  monotonic() {
    return this.#now - this.#start
  }
  after(ms: number, run: () => unknown): Disposable {
    const entry = { at: this.#now + ms, run }
    this.#due.add(entry)
    return { [Symbol.dispose]: () => this.#due.delete(entry) }
  }
  /** Somebody sets the machine's clock: wall time moves, and nothing else. */
  jump(ms: number): void {
    this.#jumped += ms
  }
  /** Timers that are armed: a component that has shut down leaves none. */
  get pending(): number {
    return this.#due.size
  }
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms
    await settled()
    for (;;) {
      const next = [...this.#due].sort((a, b) => a.at - b.at)[0]
      if (next === undefined || next.at > end) break
      this.#due.delete(next)
      this.#now = Math.max(this.#now, next.at)
      void next.run()
      await settled()
    }
    this.#now = end
  }
}

/** Lets everything that is ready run: promises, immediates, and what they cause. */
export async function settled(turns = 3): Promise<void> {
  for (let i = 0; i < turns; i++) await new Promise(resolve => setImmediate(resolve))
}
