/**
 * A histogram with exponential buckets: bucket k holds (base^k, base^(k+1)] with base = 2^(2^-scale). It begins with the finest scale and
 * halves its resolution whenever its values would not fit into `maxSize` buckets. Only for values >= 0.
 */

const finestScale = 20
const smallestNormal = 2 ** -1022
const view = new DataView(new ArrayBuffer(8))

export class Exponential {
  readonly #maxSize: number
  #scale = finestScale
  /** 2^scale / ln 2 */
  #factor = Math.LOG2E * 2 ** finestScale
  #first = 0
  #last = -1
  #counts = new Float64Array(8)
  count = 0
  sum = 0
  zeroCount = 0
  min = Number.POSITIVE_INFINITY
  max = Number.NEGATIVE_INFINITY

  constructor(maxSize: number) {
    this.#maxSize = maxSize
  }

  /** 0 where every value is 0, since it does not matter then */
  get scale(): number {
    return this.count === this.zeroCount ? 0 : this.#scale
  }
  /** k of the first bucket */
  get offset(): number {
    return this.#first
  }
  get buckets(): Float64Array {
    return this.#counts.subarray(0, this.#last - this.#first + 1)
  }

  observe(value: number, times: number): void {
    this.min = Math.min(this.min, value)
    this.max = Math.max(this.max, value)
    this.count += times
    if (value === 0) {
      this.zeroCount += times
      return
    }
    this.sum += value * times
    let k = this.#bucketOf(value)
    if (this.#last >= this.#first) {
      const halvings = this.#tooWide(Math.min(k, this.#first), Math.max(k, this.#last))
      if (halvings > 0) {
        this.#coarsen(halvings)
        k = this.#bucketOf(value)
      }
    }
    this.#stretch(k)
    this.#counts[k - this.#first]! += times
  }

  #bucketOf(value: number): number {
    if (value <= smallestNormal) return this.#scale > 0 ? (-1022 << this.#scale) - 1 : (this.#scale > -2 ? -1023 : -1022) >> -this.#scale
    view.setFloat64(0, value)
    const high = view.getUint32(0)
    const exponent = ((high >>> 20) & 0x7ff) - 1023
    const power = (high & 0xf_ffff) === 0 && view.getUint32(4) === 0
    if (this.#scale <= 0) return (power ? exponent - 1 : exponent) >> -this.#scale
    if (power) return (exponent << this.#scale) - 1
    return Math.min(Math.floor(Math.log(value) * this.#factor), 2 ** (10 + this.#scale) - 1)
  }

  /** How often the resolution must be halved until buckets `low` to `high` are few enough. */
  #tooWide(low: number, high: number): number {
    let halvings = 0
    for (let [from, to] = [low, high]; to - from >= this.#maxSize; halvings++) {
      from >>= 1
      to >>= 1
    }
    return halvings
  }

  #coarsen(halvings: number): void {
    const first = this.#first >> halvings
    const counts = new Float64Array(this.#counts.length)
    for (let k = this.#first; k <= this.#last; k++) counts[(k >> halvings) - first]! += this.#counts[k - this.#first]!
    this.#counts = counts
    this.#first = first
    this.#last >>= halvings
    this.#scale -= halvings
    this.#factor = Math.LOG2E * 2 ** this.#scale
  }

  /** Makes bucket `k` one of those there are. */
  #stretch(k: number): void {
    if (this.#last < this.#first) this.#first = this.#last = k
    if (k >= this.#first && k <= this.#last) return
    const first = Math.min(k, this.#first)
    const last = Math.max(k, this.#last)
    const shift = this.#first - first
    if (last - first >= this.#counts.length) {
      const wider = new Float64Array(Math.min(this.#maxSize, 2 ** Math.ceil(Math.log2(last - first + 1))))
      wider.set(this.#counts.subarray(0, this.#last - this.#first + 1), shift)
      this.#counts = wider
    } else if (shift > 0) {
      this.#counts.copyWithin(shift, 0, this.#last - this.#first + 1)
      this.#counts.fill(0, 0, shift)
    }
    this.#first = first
    this.#last = last
  }
}
