/** Sets of sequence numbers as ranges, which neighbours grow into one: what was done of a segment is a handful of them. */
export class Ranges {
  /** ascending, apart from one another; both ends inclusive */
  readonly #from: number[] = []
  readonly #to: number[] = []

  /** @returns whether none of [from, to] was in it */
  add(from: number, to: number): boolean {
    // The first range that ends where `from` begins, or later.
    const low = this.#firstEndingAt(from - 1)
    let high = low
    let fresh = true
    let [first, last] = [from, to]
    while (high < this.#from.length && this.#from[high]! <= to + 1) {
      if (this.#to[high]! >= from && this.#from[high]! <= to) fresh = false
      first = Math.min(first, this.#from[high]!)
      last = Math.max(last, this.#to[high]!)
      high++
    }
    this.#from.splice(low, high - low, first)
    this.#to.splice(low, high - low, last)
    return fresh
  }

  has(sequence: number): boolean {
    const at = this.#firstEndingAt(sequence)
    return at < this.#from.length && this.#from[at]! <= sequence
  }

  /** 0 where it is empty */
  get last(): number {
    return this.#to.at(-1) ?? 0
  }
  get length(): number {
    return this.#from.length
  }

  /** index of the first range with to >= `sequence` */
  #firstEndingAt(sequence: number): number {
    let low = 0
    let high = this.#to.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#to[middle]! < sequence) low = middle + 1
      else high = middle
    }
    return low
  }
}
