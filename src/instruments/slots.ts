/**
 * Where values live: cells of 64 bits in memory that threads share. One thread writes a cell and any may read it: a cell is
 * written as a whole on the 64-bit machines that Node runs on, so that a reader sees the value before an update or after it.
 */

/** Some cells, from `at` on. */
export interface Slot {
  readonly cells: Float64Array<SharedArrayBuffer>
  readonly at: number
}

/** [cells] 64 KiB: one page holds 8,192 counters or about 500 histograms */
const PAGE_CELLS = 8192

export class Slots {
  #page: Float64Array<SharedArrayBuffer> | undefined
  #used = 0

  /** @returns `count` cells that are 0; nobody gets them again */
  take(count: number): Slot {
    let page = this.#page
    if (page === undefined || this.#used + count > page.length) {
      page = this.#page = new Float64Array(new SharedArrayBuffer(8 * Math.max(PAGE_CELLS, count)))
      this.#used = 0
    }
    const at = this.#used
    this.#used += count
    return { cells: page, at }
  }
}
