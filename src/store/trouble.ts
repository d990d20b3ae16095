/**
 * Why the store takes nothing at the moment, if it does not: said when it begins, said again now and then, and said when it is over. A disk that is full
 * takes little and refuses much, so that it comes and goes every second: who asks for health is told that it is over when it has not come again for a while.
 */
import type { Logger } from '../component/component.ts'
import { codeOf } from '../component/disk.ts'
import type { Clock } from '../lib/clock.ts'

/** [ms] between two lines that say the same */
export const quietMs = 30_000
/** [ms] without a failure after which it is over for who asks for health: more than from one attempt to write a block to the next */
export const calmMs = 60_000

export class Trouble {
  readonly #directory: string
  readonly #clock: Clock
  readonly #log: Logger
  #problem: string | undefined
  /** the problem that was said last, and when */
  #said = ''
  #saidAt = Number.NEGATIVE_INFINITY
  /** it has been said that there is one, and not that it is over */
  #open = false
  /** [times] it came again and was not said */
  #suppressed = 0
  #failedAt = Number.NEGATIVE_INFINITY
  /** what who asks for health knows */
  #told: string | undefined
  /** told when the store cannot go on by itself, and when it could for `calmMs` */
  onChange: (problem: string | undefined) => void = () => {}

  constructor(directory: string, clock: Clock, log: Logger) {
    this.#directory = directory
    this.#clock = clock
    this.#log = log
  }

  get problem(): string | undefined {
    return this.#problem
  }
  /** The same for who asks for health. */
  get told(): string | undefined {
    return this.#told
  }

  /** @returns what is said of it */
  failed(what: string, error: unknown): string {
    const problem = `store ${JSON.stringify(this.#directory)}: ${what}: ${codeOf(error)}`
    const now = this.#clock.monotonic()
    // A disk that is full takes little and refuses much: what comes and goes every second is said as seldom as what stays.
    if (this.#said !== problem || now - this.#saidAt >= quietMs) {
      const suppressed = this.#said === problem && this.#suppressed > 0 ? { suppressed: this.#suppressed } : {}
      this.#log.error({ directory: this.#directory, error: codeOf(error), ...suppressed }, what)
      this.#said = problem
      this.#saidAt = now
      this.#open = true
      this.#suppressed = 0
    } else this.#suppressed++
    this.#problem = problem
    this.#failedAt = now
    this.#tell(problem)
    return problem
  }

  worked(): void {
    if (this.#problem === undefined) return
    this.#problem = undefined
    if (this.#open) this.#log.info({ directory: this.#directory }, 'the store takes what comes again')
    this.#open = false
  }

  /** To be called again and again. */
  look(): void {
    if (this.#problem === undefined && this.#clock.monotonic() - this.#failedAt >= calmMs) this.#tell(undefined)
  }

  #tell(problem: string | undefined): void {
    if (this.#told === problem) return
    this.#told = problem
    this.onChange(problem)
  }
}
