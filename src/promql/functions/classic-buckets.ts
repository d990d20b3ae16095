/**
 * A classic histogram at one step: how many observations are at most each bound, bounds ascending. Filled anew for every step, so that a step costs no object.
 * The last bucket is to be that of +Inf; without it nothing can be said.
 */
export class ClassicBuckets {
  /** Bounds between which counts had to be raised, since they fell; the most that one was raised by. Of the last `straighten`. */
  minRaised = 0
  maxRaised = 0
  maxRaise = 0
  readonly #bound: Float64Array
  readonly #count: Float64Array
  #length = 0

  /** @param capacity [buckets] at the most */
  constructor(capacity: number) {
    this.#bound = new Float64Array(capacity)
    this.#count = new Float64Array(capacity)
  }

  /** [buckets] */
  get length(): number {
    return this.#length
  }

  clear(): void {
    this.#length = 0
  }

  /** Bounds come in ascending order; what has the same bound is one bucket. */
  push(bound: number, count: number): void {
    if (this.#length > 0 && this.#bound[this.#length - 1] === bound) this.#count[this.#length - 1]! += count
    else {
      this.#bound[this.#length] = bound
      this.#count[this.#length++] = count
    }
  }

  get #complete(): boolean {
    return this.#length > 0 && this.#bound[this.#length - 1] === Number.POSITIVE_INFINITY
  }

  /**
   * Makes counts ascend. Differences that rounding explains are taken away in silence.
   * @returns whether counts fell that shouldn't have
   */
  straighten(): boolean {
    if (!this.#complete) return false
    this.minRaised = Number.POSITIVE_INFINITY
    this.maxRaised = Number.NEGATIVE_INFINITY
    this.maxRaise = 0
    let before = this.#count[0]!
    for (let i = 1; i < this.#length; i++) {
      const count = this.#count[i]!
      if (count === before) continue
      const near = isNear(before, count)
      if (!near && !(count < before)) {
        before = count
        continue
      }
      this.#count[i] = before
      if (near) continue
      this.minRaised = Math.min(this.minRaised, this.#bound[i]!)
      this.maxRaised = Math.max(this.maxRaised, this.#bound[i]!)
      this.maxRaise = Math.max(this.maxRaise, before - count)
    }
    return this.minRaised <= this.maxRaised
  }

  /** The value below which the share `q` of the observations lies, on a straight line within its bucket; the lowest begins at 0 if it ends above it. */
  quantile(q: number): number {
    if (Number.isNaN(q)) return Number.NaN
    if (q < 0) return Number.NEGATIVE_INFINITY
    if (q > 1) return Number.POSITIVE_INFINITY
    const last = this.#length - 1
    if (!this.#complete || last < 1 || this.#count[last] === 0) return Number.NaN
    const rank = q * this.#count[last]!
    let at = 0
    while (at < last && !(this.#count[at]! >= rank)) at++
    if (at === last) return this.#bound[last - 1]!
    const end = this.#bound[at]!
    if (at === 0) return end <= 0 ? end : end * (rank / this.#count[0]!)
    const start = this.#bound[at - 1]!
    const below = this.#count[at - 1]!
    return start + (end - start) * ((rank - below) / (this.#count[at]! - below))
  }

  /** The share of the observations between two values. */
  fraction(lower: number, upper: number): number {
    const count = this.#complete ? this.#count[this.#length - 1]! : 0
    if (count === 0 || Number.isNaN(lower) || Number.isNaN(upper)) return Number.NaN
    if (lower >= upper) return 0
    return (Math.min(count, this.#rank(upper)) - Math.min(count, this.#rank(lower))) / count
  }

  /** How many observations are below a value. */
  #rank(value: number): number {
    let start = this.#bound[0]! <= 0 ? Number.NEGATIVE_INFINITY : 0
    let below = 0
    for (let i = 0; i < this.#length; i++) {
      if (start >= value) return below
      const end = this.#bound[i]!
      const count = this.#count[i]!
      // Nobody knows where in an endless bucket observations lie: the lowest counts as a whole, the highest not at all.
      if (end > value) return start === Number.NEGATIVE_INFINITY ? count : below + ((count - below) * (value - start)) / (end - start)
      below = count
      start = end
    }
    return below
  }
}

/** As Prometheus compares floats: by their difference in relation to their sum. */
function isNear(a: number, b: number): boolean {
  const tolerance = 1e-12
  const sum = Math.abs(a) + Math.abs(b)
  const difference = Math.abs(a - b)
  if (a === 0 || b === 0 || sum < MIN_NORMAL) return difference < tolerance * MIN_NORMAL
  return difference / Math.min(sum, Number.MAX_VALUE) < tolerance || (Number.isNaN(a) && Number.isNaN(b))
}

const MIN_NORMAL = 2 ** -1022
