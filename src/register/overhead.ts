/**
 * Keeps instrumentation within a budget: what it takes of a request, p99 over ten seconds. Over it, one part after the other is left out, the
 * dearest and most dispensable first; when it is calm they come back, the last first. Whoever comes back and is too dear again waits
 * twice as long. Pure but for the parts themselves.
 */

/** Something that can be left out. */
export interface Part {
  readonly name: string
  off(): void
  on(): void
}

export interface OverheadOptions {
  /** [ms] of one request */
  readonly budgetMs: number
  /** in the order in which they are left out */
  readonly parts: readonly Part[]
  /** [ms] */
  readonly monotonic: () => number
  /** a part was left out, or has come back */
  readonly changed: (part: string, off: boolean, p99Ms: number) => void
}

/** [s] */
export const windowS = 10
/** [requests] of the window: fewer say nothing */
export const leastRequests = 100
/** [ms] that it must be calm, which is half of the budget, before a part comes back; doubled for each that came back in vain */
export const calmMs = 60_000
export const longestCalmMs = 16 * 60_000

const perOctave = 8
/** from 0.1 µs to about 1.7 s */
const buckets = 24 * perOctave
const leastMs = 1e-4

export class Overhead {
  readonly #options: OverheadOptions
  /** a row for each second, a column for each bucket */
  readonly #counts = new Uint32Array(windowS * buckets)
  #row = 0
  /** parts that are left out */
  #off = 0
  /** [ms] monotonic; undefined: it is not calm */
  #calmSince: number | undefined
  #calmMs = calmMs
  /** [ms] monotonic */
  #backAt = Number.NEGATIVE_INFINITY

  constructor(options: OverheadOptions) {
    this.#options = options
  }

  /** What one request took. */
  record(ms: number): void {
    const bucket = ms <= leastMs ? 0 : Math.min(buckets - 1, Math.ceil(Math.log2(ms / leastMs) * perOctave))
    this.#counts[this.#row * buckets + bucket]!++
  }

  /** Every second. */
  tick(): void {
    const now = this.#options.monotonic()
    const p99 = this.p99Ms
    const tooDear = p99 > this.#options.budgetMs
    if (tooDear && this.#off < this.#options.parts.length) this.#leaveOut(now, p99)
    else if (this.#off > 0) this.#comeBack(now, p99)
    this.#row = (this.#row + 1) % windowS
    this.#counts.fill(0, this.#row * buckets, (this.#row + 1) * buckets)
  }

  /** [ms] upper bound of its bucket, at most 9 % too much; NaN while there are too few requests */
  get p99Ms(): number {
    const sums = new Float64Array(buckets)
    let all = 0
    for (let i = 0; i < this.#counts.length; i++) {
      sums[i % buckets]! += this.#counts[i]!
      all += this.#counts[i]!
    }
    if (all < leastRequests) return Number.NaN
    let left = all * 0.01
    for (let bucket = buckets - 1; bucket >= 0; bucket--) {
      left -= sums[bucket]!
      if (left < 0) return leastMs * 2 ** (bucket / perOctave)
    }
    return Number.NaN
  }

  /** By part, whether it is left out. */
  get parts(): readonly (readonly [name: string, off: boolean])[] {
    return this.#options.parts.map(({ name }, i) => [name, i < this.#off] as const)
  }

  #leaveOut(now: number, p99: number): void {
    const part = this.#options.parts[this.#off++]!
    part.off()
    // It came back too early.
    if (now - this.#backAt < this.#calmMs) this.#calmMs = Math.min(longestCalmMs, 2 * this.#calmMs)
    this.#calmSince = undefined
    this.#forget()
    this.#options.changed(part.name, true, p99)
  }

  #comeBack(now: number, p99: number): void {
    // So few requests are a burden to nobody.
    const calm = Number.isNaN(p99) || p99 <= this.#options.budgetMs / 2
    if (!calm) this.#calmSince = undefined
    else this.#calmSince ??= now
    if (this.#calmSince === undefined || now - this.#calmSince < this.#calmMs) return
    // What has been back for so long was not in vain.
    if (now - this.#backAt > 2 * longestCalmMs) this.#calmMs = calmMs
    const part = this.#options.parts[--this.#off]!
    part.on()
    this.#backAt = now
    this.#calmSince = undefined
    this.#forget()
    this.#options.changed(part.name, false, p99)
  }

  /** What was measured with another set of parts says nothing of this one. */
  #forget(): void {
    this.#counts.fill(0)
  }
}
