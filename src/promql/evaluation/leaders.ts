import { FLOAT } from '../value.ts'
import type { FlowingRow, RowPool } from './rows.ts'

/**
 * The k best of a group at every step: for each step a heap whose root is the worst of them, all heaps in one column. Rows come one after the other; one
 * that is among the best nowhere is given back at once, so that five of a thousand series are held as five.
 */
export class Leaders {
  readonly #pool: RowPool
  /** 1: the largest are the best; −1: the smallest */
  readonly #sign: 1 | -1
  /** [steps] how many are wanted */
  readonly #wanted: Int32Array
  readonly #widest: number
  /** [steps] how many there are */
  readonly #count: Int32Array
  /** [steps][widest] */
  readonly #value: Float64Array
  readonly #row: Int32Array
  readonly #rows: (FlowingRow | undefined)[] = []
  /** [rows] steps at which one is among the best */
  readonly #steps: number[] = []

  constructor(pool: RowPool, sign: 1 | -1, wanted: Int32Array) {
    this.#pool = pool
    this.#sign = sign
    this.#wanted = wanted
    this.#widest = wanted.reduce((a, b) => Math.max(a, b), 0)
    this.#count = new Int32Array(wanted.length)
    this.#value = new Float64Array(wanted.length * this.#widest)
    this.#row = new Int32Array(wanted.length * this.#widest)
  }

  add(row: FlowingRow): void {
    const index = this.#rows.length
    this.#rows.push(row)
    this.#steps.push(0)
    const { kind, value } = row
    const sign = this.#sign
    const widest = this.#widest
    const values = this.#value
    const count = this.#count
    const wanted = this.#wanted
    for (let step = 0; step < kind.length; step++) {
      if (kind[step] !== FLOAT) continue
      const here = count[step]!
      const x = value[step]!
      if (here < wanted[step]!) this.#enter(step, index, x)
      else if (here > 0) {
        const worst = values[step * widest]!
        // NaN is worse than anything.
        if (sign * x > sign * worst || (Number.isNaN(worst) && !Number.isNaN(x))) this.#replace(step, index, x)
      }
    }
    if (this.#steps[index] === 0) this.#release(index)
  }

  /** The rows that are among the best somewhere, with nothing but the steps where they are. Of one step in order: the best first, of equals the one that came first. */
  take(): FlowingRow[] {
    const masks = new Map<number, Uint8Array>()
    const widest = this.#widest
    for (let step = 0; step < this.#count.length; step++)
      for (let at = 0; at < this.#count[step]!; at++) {
        const index = this.#row[step * widest + at]!
        let mask = masks.get(index)
        if (mask === undefined) masks.set(index, (mask = new Uint8Array(this.#count.length)))
        mask[step] = FLOAT
      }
    const order = this.#count.length === 1 ? this.#sorted() : [...masks.keys()].sort((a, b) => a - b)
    return order.map(index => {
      const own = this.#pool.own(this.#rows[index]!)
      own.kind.set(masks.get(index)!)
      own.histograms = undefined
      return own
    })
  }

  #sorted(): number[] {
    const places = Array.from({ length: this.#count[0]! }, (_, at) => at)
    return places.sort((a, b) => this.#order(this.#value[a]!, this.#value[b]!) || this.#row[a]! - this.#row[b]!).map(at => this.#row[at]!)
  }

  #order(a: number, b: number): number {
    if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b))
    return a === b ? 0 : this.#sign * a > this.#sign * b ? -1 : 1
  }

  #release(index: number): void {
    this.#pool.give(this.#rows[index]!)
    this.#rows[index] = undefined
  }

  #enter(step: number, index: number, x: number): void {
    const base = step * this.#widest
    let at = this.#count[step]!++
    this.#steps[index]!++
    for (; at > 0; ) {
      const parent = (at - 1) >> 1
      const above = this.#value[base + parent]!
      if (!this.#worse(x, above)) break
      this.#put(base + at, above, this.#row[base + parent]!)
      at = parent
    }
    this.#put(base + at, x, index)
  }

  #replace(step: number, index: number, x: number): void {
    const base = step * this.#widest
    const count = this.#count[step]!
    const gone = this.#row[base]!
    this.#steps[index]!++
    if (--this.#steps[gone]! === 0 && gone !== index) this.#release(gone)
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= count) break
      if (child + 1 < count && this.#worse(this.#value[base + child + 1]!, this.#value[base + child]!)) child++
      const below = this.#value[base + child]!
      if (!this.#worse(below, x)) break
      this.#put(base + at, below, this.#row[base + child]!)
      at = child
    }
    this.#put(base + at, x, index)
  }

  #put(place: number, x: number, index: number): void {
    this.#value[place] = x
    this.#row[place] = index
  }

  #worse(a: number, b: number): boolean {
    return Number.isNaN(a) || this.#sign * a < this.#sign * b
  }
}
