/**
 * The compensated sum of a window that slides over a column, in a few additions a step however many values it holds. Nothing is ever subtracted, so that no error
 * of a value outlives its stay: the window is a front, of which the sums of all its ends are known, and a back that is added to. When the front is used up,
 * the whole window becomes the new one.
 */
export class SlidingSum {
  /** of the last window: the sum, and what it had no digits for */
  sum = 0
  lost = 0
  readonly #column: Float64Array
  /** [front] sums from each value of the front to its end, and what they lost; the first is of value `#from` */
  readonly #frontSum: Float64Array
  readonly #frontLost: Float64Array
  #from = 0
  /** where the front ends and the back begins */
  #middle = 0
  #end = 0
  #backSum = 0
  #backLost = 0

  /** @param capacity [values] that a window holds at the most */
  constructor(column: Float64Array, capacity: number) {
    this.#column = column
    this.#frontSum = new Float64Array(capacity)
    this.#frontLost = new Float64Array(capacity)
  }

  /** To the values [begin, end) of the column, which are some; windows come in ascending order. */
  moveTo(begin: number, end: number): void {
    if (begin >= this.#middle) this.#turn(begin, end)
    else for (; this.#end < end; this.#end++) this.#push(this.#column[this.#end]!)
    const front = this.#frontSum[begin - this.#from]!
    const next = front + this.#backSum
    const smaller = Math.abs(front) >= Math.abs(this.#backSum) ? front - next + this.#backSum : this.#backSum - next + front
    this.lost = this.#frontLost[begin - this.#from]! + this.#backLost + smaller
    this.sum = next
  }

  #push(x: number): void {
    const next = this.#backSum + x
    this.#backLost += Math.abs(this.#backSum) >= Math.abs(x) ? this.#backSum - next + x : x - next + this.#backSum
    this.#backSum = next
  }

  #turn(begin: number, end: number): void {
    let sum = 0
    let lost = 0
    for (let i = end - 1; i >= begin; i--) {
      const x = this.#column[i]!
      const next = sum + x
      lost += Math.abs(sum) >= Math.abs(x) ? sum - next + x : x - next + sum
      sum = next
      this.#frontSum[i - begin] = sum
      this.#frontLost[i - begin] = lost
    }
    this.#from = begin
    this.#middle = end
    this.#end = end
    this.#backSum = 0
    this.#backLost = 0
  }
}

/**
 * Whether windows hold so much in common that sliding pays, and whether values are such that the order of adding them doesn't matter: NaN and what
 * may add up to infinity goes by the order.
 * @returns [values] that a window holds at the most; undefined: sum each window by itself
 */
export function slidingCapacity(column: Float64Array, lo: Int32Array, hi: Int32Array): number | undefined {
  let most = 0
  let total = 0
  for (let step = 0; step < lo.length; step++) {
    const size = hi[step]! - lo[step]!
    total += size
    if (size > most) most = size
  }
  if (most < 32 || total < 6 * column.length) return undefined
  for (let i = 0; i < column.length; i++) if (!(Math.abs(column[i]!) < LARGE)) return undefined
  return most
}

/** Of which 2^32, the most that a column holds, add up to a number still. */
const LARGE = 2 ** 990
