/**
 * The values of a sliding window in ascending order, NaN first as Prometheus sorts. Moving the window on puts a value that comes into the place of one
 * that goes and shifts only what lies between the two.
 */
export class SortedWindow {
  readonly #column: Float64Array
  readonly #sorted: Float64Array
  #size = 0
  #nans = 0
  #begin = 0
  #end = 0

  /** @param capacity [values] that a window holds at the most */
  constructor(column: Float64Array, capacity: number) {
    this.#column = column
    this.#sorted = new Float64Array(capacity)
  }

  /** [values] with NaN */
  get size(): number {
    return this.#size + this.#nans
  }

  get nans(): number {
    return this.#nans
  }

  /** The value of a rank, 0 for the least. */
  at(rank: number): number {
    return rank < this.#nans ? Number.NaN : this.#sorted[rank - this.#nans]!
  }

  /** To the values [begin, end) of the column; windows come in ascending order. */
  moveTo(begin: number, end: number): void {
    if (begin >= this.#end) this.#fill(begin, end)
    const column = this.#column
    while (this.#begin < begin && this.#end < end) this.#replace(column[this.#begin++]!, column[this.#end++]!)
    while (this.#begin < begin) this.#remove(column[this.#begin++]!)
    while (this.#end < end) this.#insert(column[this.#end++]!)
  }

  /** All anew: no value stays. */
  #fill(begin: number, end: number): void {
    this.#size = 0
    this.#nans = 0
    for (let i = begin; i < end; i++) {
      const value = this.#column[i]!
      if (Number.isNaN(value)) this.#nans++
      else this.#sorted[this.#size++] = value
    }
    this.#sorted.subarray(0, this.#size).sort()
    this.#begin = begin
    this.#end = end
  }

  #replace(old: number, now: number): void {
    if (Number.isNaN(old) || Number.isNaN(now)) {
      this.#remove(old)
      this.#insert(now)
      return
    }
    const sorted = this.#sorted
    let place = this.#rank(old)
    if (now > old) for (; place + 1 < this.#size && sorted[place + 1]! < now; place++) sorted[place] = sorted[place + 1]!
    else for (; place > 0 && sorted[place - 1]! > now; place--) sorted[place] = sorted[place - 1]!
    sorted[place] = now
  }

  #remove(old: number): void {
    if (Number.isNaN(old)) {
      this.#nans--
      return
    }
    const sorted = this.#sorted
    this.#size--
    for (let place = this.#rank(old); place < this.#size; place++) sorted[place] = sorted[place + 1]!
  }

  #insert(now: number): void {
    if (Number.isNaN(now)) {
      this.#nans++
      return
    }
    const sorted = this.#sorted
    let place = this.#size++
    for (; place > 0 && sorted[place - 1]! > now; place--) sorted[place] = sorted[place - 1]!
    sorted[place] = now
  }

  /** How many are less than `value`. */
  #rank(value: number): number {
    const sorted = this.#sorted
    let low = 0
    let high = this.#size
    while (low < high) {
      const middle = (low + high) >>> 1
      if (sorted[middle]! < value) low = middle + 1
      else high = middle
    }
    return low
  }
}
