/**
 * Bound handles: an instrument with its attributes fixed. An update finds nothing, compares nothing and makes no object: it writes cells.
 * A value that cannot be one is left out and counted, since one NaN would spoil a sum for ever.
 */
import type { Slot } from './slots.ts'

export interface Counter {
  /** `amount`: finite, not negative; 1 without it */
  add(amount?: number): void
}

export interface UpDownCounter {
  /** `amount`: finite; below 0 for what went away */
  add(amount: number): void
}

export interface Gauge {
  /** NaN: not known; then there is no point until the next value */
  set(value: number): void
}

export interface Histogram {
  /** `value`: finite, not negative */
  record(value: number): void
}

export interface Handles {
  readonly counter: Counter
  readonly up_down_counter: UpDownCounter
  readonly gauge: Gauge
  readonly histogram: Histogram
}

/** Told of an update that is left out. */
type Refuse = () => void
type Take = (value: number) => void

export class CounterHandle implements Counter {
  readonly #cells: Float64Array
  readonly #at: number
  readonly #refuse: Refuse

  constructor({ cells, at }: Slot, refuse: Refuse) {
    this.#cells = cells
    this.#at = at
    this.#refuse = refuse
  }

  add(amount = 1): void {
    if (amount >= 0 && amount < Number.POSITIVE_INFINITY) this.#cells[this.#at]! += amount
    else this.#refuse()
  }
}

export class UpDownCounterHandle implements UpDownCounter {
  readonly #cells: Float64Array
  readonly #at: number
  readonly #refuse: Refuse

  constructor({ cells, at }: Slot, refuse: Refuse) {
    this.#cells = cells
    this.#at = at
    this.#refuse = refuse
  }

  add(amount: number): void {
    // Only of finite numbers is the difference with themselves 0.
    if (amount - amount === 0) this.#cells[this.#at]! += amount
    else this.#refuse()
  }
}

export class GaugeHandle implements Gauge {
  readonly #cells: Float64Array
  readonly #at: number

  constructor({ cells, at }: Slot) {
    this.#cells = cells
    this.#at = at
    cells[at] = Number.NaN
  }

  set(value: number): void {
    this.#cells[this.#at] = value
  }
}

/** The cells of a histogram: sum, smallest, largest, and a count for each bucket. The count is the sum of the buckets. */
export const histogramCells = { sum: 0, min: 1, max: 2, buckets: 3 } as const

export class HistogramHandle implements Histogram {
  readonly #cells: Float64Array
  readonly #at: number
  readonly #bounds: Float64Array
  readonly #refuse: Refuse
  #forwards: readonly Take[] | undefined

  constructor({ cells, at }: Slot, bounds: readonly number[], refuse: Refuse) {
    this.#cells = cells
    this.#at = at
    this.#bounds = Float64Array.from(bounds)
    this.#refuse = refuse
    cells[at + histogramCells.min] = Number.POSITIVE_INFINITY
    cells[at + histogramCells.max] = Number.NEGATIVE_INFINITY
  }

  record(value: number): void {
    if (!(value >= 0 && value < Number.POSITIVE_INFINITY)) return this.#refuse()
    const cells = this.#cells
    const at = this.#at
    const bounds = this.#bounds
    let bucket = 0
    // Straight on: for the twenty bounds that there are, this is faster than halving.
    while (bucket < bounds.length && bounds[bucket]! < value) bucket++
    cells[at + histogramCells.buckets + bucket]! += 1
    cells[at]! += value
    if (value < cells[at + histogramCells.min]!) cells[at + histogramCells.min] = value
    if (value > cells[at + histogramCells.max]!) cells[at + histogramCells.max] = value
    if (this.#forwards !== undefined) for (const take of this.#forwards) take(value)
  }

  /** From here on every value also goes to `take`, until what is returned is called. */
  forward(take: Take): () => void {
    this.#forwards = [...(this.#forwards ?? []), take]
    return () => {
      const others = this.#forwards?.filter(other => other !== take)
      this.#forwards = others?.length ? others : undefined
    }
  }
}
