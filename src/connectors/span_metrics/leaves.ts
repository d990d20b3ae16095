/**
 * A tree whose branches are integers: from what a span has, one number after the other, to the rows where it is counted. One table holds all edges,
 * so that a step costs one look at memory and no object.
 */

/** of node 0, where every way begins */
export const ROOT = 0
const EDGE = 3

export class Leaves {
  /** [nodes] the row of `calls`, and that of `duration` (-1: none); both unknown until `put` */
  calls = new Int32Array(8)
  durations = new Int32Array(8)
  /** [places × (node, number, next node)]; next node 0: free. At least half of them are. */
  #edges = new Int32Array(16 * EDGE)
  #size = 1
  readonly #onGrowth: () => void

  /** @param onGrowth is called for every node */
  constructor(onGrowth: () => void) {
    this.#onGrowth = onGrowth
  }

  /** The node that `number` leads to from `node`; made if it is not there. */
  next(node: number, number: number): number {
    const edges = this.#edges
    const mask = edges.length / EDGE - 1
    let place = placeOf(node, number) & mask
    for (; edges[EDGE * place + 2] !== 0; place = (place + 1) & mask) {
      if (edges[EDGE * place] === node && edges[EDGE * place + 1] === number) return edges[EDGE * place + 2]!
    }
    return this.#add(node, number, place)
  }

  /** Whether the rows of the node are known. */
  has(node: number): boolean {
    return this.calls[node]! >= 0
  }

  put(node: number, calls: number, durations: number): void {
    this.calls[node] = calls
    this.durations[node] = durations
  }

  #add(node: number, number: number, place: number): number {
    const next = this.#size++
    if (next === this.calls.length) {
      this.calls = doubled(this.calls)
      this.durations = doubled(this.durations)
    }
    this.put(next, -1, -1)
    this.#edges.set([node, number, next], EDGE * place)
    if (this.#size * 2 * EDGE > this.#edges.length) this.#spread()
    this.#onGrowth()
    return next
  }

  #spread(): void {
    const before = this.#edges
    const edges = (this.#edges = new Int32Array(2 * before.length))
    const mask = edges.length / EDGE - 1
    for (let at = 0; at < before.length; at += EDGE) {
      if (before[at + 2] === 0) continue
      let place = placeOf(before[at]!, before[at + 1]!) & mask
      while (edges[EDGE * place + 2] !== 0) place = (place + 1) & mask
      edges.set(before.subarray(at, at + EDGE), EDGE * place)
    }
  }
}

function placeOf(node: number, number: number): number {
  const hash = Math.imul(node ^ Math.imul(number, 0x9e37_79b1), 0x85eb_ca6b)
  return hash ^ (hash >>> 15)
}

function doubled(column: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const wider = new Int32Array(2 * column.length)
  wider.set(column)
  return wider
}
