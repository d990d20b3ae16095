/**
 * By how much a heap may grow before all of it is collected: what comes in ten seconds may be garbage, 20 MB at the least, and 80 MB, or half
 * of what is used, at the most. V8 knows one percentage for all threads. The one that makes garbage fastest decides, within what the largest
 * may have: else a small busy heap would let a large one, which may be idle, double.
 */
export class Garbage {
  /** by thread */
  #heaps = new Map()

  /** Once a second for each thread. */
  measure(thread, { used_heap_size, external_memory }) {
    const used = used_heap_size + external_memory
    const { before, growth } = this.#heaps.get(thread) ?? { before: Number.POSITIVE_INFINITY, growth: 0 }
    this.#heaps.set(thread, { before: used, growth: Math.max(used - before, 0.8 * growth) })
  }

  forget(thread) {
    this.#heaps.delete(thread)
  }

  /** of what is used after a collection */
  get percent() {
    let [largest, wanted, allowed] = [0, 0, 300]
    for (const { before: used, growth } of this.#heaps.values()) {
      const most = Math.max(80e6, used / 2)
      largest = Math.max(largest, used)
      wanted = Math.max(wanted, percentOf(Math.min(most, 10 * growth), used))
      allowed = Math.min(allowed, percentOf(most, used))
    }
    return Math.min(Math.max(wanted, percentOf(20e6, largest)), allowed)
  }
}

const percentOf = (garbage, used) => Math.ceil((100 * garbage) / used)
