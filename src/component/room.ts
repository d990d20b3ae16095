/**
 * Room taken ahead of a hand-over. A fan-out asks every branch before anything is written (`Consumer.reserve`), so that it
 * knows what will happen: a full branch drops, and if all are full, or a full one blocks, the batch waits holding nothing.
 */
export interface Leaf {
  /** Gives back what was reserved and not used. */
  release(bytes: number): void
  /** Resolves when there may be room again, or when `signal` aborts. */
  freed(signal: AbortSignal): Promise<void>
}

export class Room {
  #leaves: Leaf[] = []
  #bytes: number[] = []
  readonly #full: Leaf[] = []
  #blocked = false
  #skipped: object[] | undefined

  /** `leaf` can hold `bytes` more and keeps them free until they are taken or released. */
  admit(leaf: Leaf, bytes: number): void {
    this.#leaves.push(leaf)
    this.#bytes.push(bytes)
  }

  /** `leaf` has no room. `blocks`: the sender shall wait rather than let this branch drop (`block_on_overflow`). */
  refuse(leaf: Leaf, blocks: boolean): void {
    this.#full.push(leaf)
    this.#blocked ||= blocks
  }

  /** how many leaves had no room so far */
  get refusals(): number {
    return this.#full.length
  }

  /** A fan-out remembers here which of its branches will drop. */
  skip(branch: object): void {
    this.#skipped ??= []
    this.#skipped.push(branch)
  }
  skips(branch: object): boolean {
    return this.#skipped?.includes(branch) === true
  }

  get mustWait(): boolean {
    return this.#full.length > 0 && (this.#blocked || this.#leaves.length === 0)
  }

  has(leaf: Leaf): boolean {
    return this.#leaves.includes(leaf)
  }

  /** How many reservations `leaf` has here: more than one where rooms were merged. */
  reservations(leaf: Leaf): number {
    let count = 0
    for (const admitted of this.#leaves) if (admitted === leaf) count++
    return count
  }

  /** The same leaves admitted, so that two batches may travel as one. */
  sameLeaves(other: Room): boolean {
    return this.#leaves.length === other.#leaves.length && this.#leaves.every(leaf => other.has(leaf))
  }

  /** Takes over what `other` holds. */
  merge(other: Room): void {
    this.#leaves.push(...other.#leaves)
    this.#bytes.push(...other.#bytes)
    other.#leaves = []
    other.#bytes = []
  }

  /** [bytes] reserved at `leaf`, which charges the true size from here on; 0 if it admitted nothing. */
  take(leaf: Leaf): number {
    let bytes = 0
    for (let i = this.#leaves.length - 1; i >= 0; i--) {
      if (this.#leaves[i] !== leaf) continue
      bytes += this.#bytes[i]!
      this.#leaves.splice(i, 1)
      this.#bytes.splice(i, 1)
    }
    return bytes
  }

  release(): void {
    for (let i = 0; i < this.#leaves.length; i++) this.#leaves[i]!.release(this.#bytes[i]!)
    this.#leaves = []
    this.#bytes = []
  }

  /** Resolves when one of the full leaves may have room, or when `signal` aborts. */
  async freed(signal: AbortSignal): Promise<void> {
    await Promise.race(this.#full.map(leaf => leaf.freed(signal)))
  }
}
