/** What measures one part of the host, and how it reads files without one bad file spoiling the rest. */
import type { Files, Logger } from '../../component/component.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Attributes, Points } from './points.ts'

export interface Scraper {
  /** as in the configuration */
  readonly name: string
  /** what its points belong to */
  readonly resource: 'host' | 'process'
  /** Once, before the first scrape: facts that do not change, first readings of what is told as a difference. */
  prepare?(): Promise<void>
  scrape(points: Points): void | Promise<void>
  /** Measures what has resources of its own: `pointsOf` gives the points of each, which counts since `startMs`. */
  scrapeEach?(pointsOf: (resource: Attributes, startMs: number) => Points): Promise<void>
  close?(): void
}

/** What a scraper may reach. */
export interface Surroundings {
  readonly files: Files
  readonly clock: Clock
  readonly log: Logger
  /** where the host's file system is mounted, without a slash at its end: `` or `/hostfs` */
  readonly root: string
  /** what could not be read and has been said; shared, since several may read one file */
  readonly said: Set<string>
  /** something could not be measured */
  readonly errored: () => void
}

/** Reads files and says once, not every second, which ones it cannot read. */
export class Source {
  readonly #around: Surroundings

  constructor(around: Surroundings) {
    this.#around = around
  }

  /** @returns undefined where the file cannot be read or understood */
  read<T>(path: string, parse: (text: string) => T): T | undefined {
    return this.attempt(path, () => parse(this.#around.files.readSync(path)))
  }

  attempt<T>(what: string, run: () => T): T | undefined {
    try {
      const result = run()
      this.#around.said.delete(what)
      return result
    } catch (error) {
      this.failed(what, error)
      return undefined
    }
  }

  async attemptAsync<T>(what: string, run: () => Promise<T>): Promise<T | undefined> {
    try {
      const result = await run()
      this.#around.said.delete(what)
      return result
    } catch (error) {
      this.failed(what, error)
      return undefined
    }
  }

  /** What this kernel or this machine does not have is no error. */
  failed(what: string, error: unknown): void {
    const code = (error as { code?: string }).code
    const absent = code === 'ENOENT' || code === 'ENOTDIR'
    if (!absent) this.#around.errored()
    if (this.#around.said.has(what)) return
    this.#around.said.add(what)
    const facts = { what, error: String(error) }
    if (absent) this.#around.log.debug(facts, 'not present here, its metrics are left out')
    else this.#around.log.warn(facts, 'cannot be read, its metrics are left out')
  }
}

/** What changes slowly or costs much is read every ten seconds, and told in between as it was. */
export const SLOW_MS = 10_000

/** A reading that is renewed in the background, never twice at once; `value` is the last one. */
export class Slow<T> {
  readonly #clock: Clock
  readonly #read: () => Promise<T | undefined>
  #due = Number.NEGATIVE_INFINITY
  #running: Promise<void> | undefined
  value: T | undefined

  constructor(clock: Clock, read: () => Promise<T | undefined>) {
    this.#clock = clock
    this.#read = read
  }

  /** Renews the value if it is time. Does not wait for it, but can be waited for. */
  renew(): Promise<void> {
    if (this.#running !== undefined) return this.#running
    if (this.#clock.monotonic() < this.#due) return Promise.resolve()
    this.#due = this.#clock.monotonic() + SLOW_MS
    const settle = (value: T | undefined) => {
      this.value = value
      this.#running = undefined
    }
    // Whoever reads has said what went wrong.
    this.#running = this.#read().then(settle, () => settle(undefined))
    return this.#running
  }
}
