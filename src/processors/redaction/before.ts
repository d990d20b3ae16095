/**
 * Attributes that had nothing to hide, in their order in the row before: rows that follow one another resemble each other, and to see that an attribute is
 * the same again costs less than to look for it anywhere.
 */
export class Before {
  readonly #from: Uint32Array
  readonly #to: Uint32Array

  /** @param most attributes of a row that are kept; of others nothing is known */
  constructor(most: number) {
    this.#from = new Uint32Array(most)
    this.#to = new Uint32Array(most)
  }

  /** Other bytes are asked about from now on. */
  begin(): void {
    this.#to.fill(0)
  }

  /** Whether the attribute in `[from, to)`, which is number `order` of its row, is that of the row before. */
  same(bytes: DataView, from: number, to: number, order: number): boolean {
    if (order >= this.#to.length) return false
    const end = this.#to[order]!
    const before = this.#from[order]!
    const length = to - from
    if (end === 0 || end - before !== length) return false
    let i = 0
    for (; i + 4 <= length; i += 4) if (bytes.getInt32(before + i) !== bytes.getInt32(from + i)) return false
    for (; i < length; i++) if (bytes.getUint8(before + i) !== bytes.getUint8(from + i)) return false
    return true
  }

  keep(from: number, to: number, order: number): void {
    if (order >= this.#to.length) return
    this.#from[order] = from
    this.#to[order] = to
  }
}
