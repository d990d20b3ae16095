/** Small integers by their hash, in three columns: a hundred thousand entries of a Map are megabytes that every garbage collection walks over. */

export class HashIndex {
  /** by the lowest bits of a hash: an entry that has them, or -1; a power of two, never shorter than the entries are many */
  #heads = new Int32Array(64).fill(-1)
  /** by entry */
  #hashes = new Int32Array(0)
  /** by entry: the next of the same head, or -1 */
  #next = new Int32Array(0)
  #size = 0

  /** @returns an entry with that hash, or -1 */
  first(hash: number): number {
    return this.#match(this.#heads[hash & (this.#heads.length - 1)]!, hash)
  }

  /** @returns another entry with that hash, or -1 */
  next(entry: number, hash: number): number {
    return this.#match(this.#next[entry]!, hash)
  }

  #match(from: number, hash: number): number {
    let entry = from
    while (entry >= 0 && this.#hashes[entry] !== hash) entry = this.#next[entry]!
    return entry
  }

  /** `entry` must not be in. @param hash 32 bits, signed */
  add(entry: number, hash: number): void {
    if (entry >= this.#next.length) {
      this.#next = grown(this.#next, entry + 1)
      this.#hashes = grown(this.#hashes, entry + 1)
    }
    if (this.#size === this.#heads.length) this.#double()
    this.#hashes[entry] = hash
    this.#link(entry)
    this.#size++
  }

  #link(entry: number): void {
    const head = this.#hashes[entry]! & (this.#heads.length - 1)
    this.#next[entry] = this.#heads[head]!
    this.#heads[head] = entry
  }

  #double(): void {
    const old = this.#heads
    this.#heads = new Int32Array(2 * old.length).fill(-1)
    for (const head of old) {
      for (let entry = head, next = -1; entry >= 0; entry = next) {
        next = this.#next[entry]!
        this.#link(entry)
      }
    }
  }

  /** `entry` must be in. */
  remove(entry: number): void {
    const head = this.#hashes[entry]! & (this.#heads.length - 1)
    this.#size--
    if (this.#heads[head] === entry) {
      this.#heads[head] = this.#next[entry]!
      return
    }
    let before = this.#heads[head]!
    while (this.#next[before] !== entry) before = this.#next[before]!
    this.#next[before] = this.#next[entry]!
  }
}

/** A copy with room for `length` entries, rounded up to a power of two. */
export function grown(from: Int32Array<ArrayBuffer>, length: number): Int32Array<ArrayBuffer> {
  const to = new Int32Array(2 ** Math.ceil(Math.log2(Math.max(length, 64))))
  to.set(from)
  return to
}
