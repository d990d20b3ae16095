/**
 * Room taken ahead of a hand-over. A fan-out asks every branch before anything is written (`Consumer.reserve`), so that it
 * knows what will happen: a full branch drops, and if all are full, or a full one blocks, the batch waits holding nothing.
 */
export interface Leaf {
  /** Gives back what was reserved and not used. `unseen`: in the turn in which it was reserved, so that nobody can have missed it. */
  release(bytes: number, unseen?: boolean): void
  /** Resolves when there may be room again, or when `signal` aborts. */
  freed(signal: AbortSignal): Promise<void>
}

/** One place, or several that were merged and are used together. */
interface Reservation {
  readonly leaf: Leaf
  /** [bytes] of each */
  readonly sizes: number[]
}

export class Room {
  #reservations: Reservation[] = []
  readonly #full: Leaf[] = []
  #blocked = false
  #why: string | undefined
  #skipped: object[] | undefined
  #parts: { readonly of: object; readonly room: Room }[] | undefined

  /** `leaf` can hold `bytes` more and keeps them free until they are taken or released. */
  admit(leaf: Leaf, bytes: number): void {
    this.#reservations.push({ leaf, sizes: [bytes] })
  }

  /**
   * `leaf` has no room. `blocks`: the sender shall wait rather than let this branch drop (`block_on_overflow`).
   * @param why for whoever waits in vain, where it is not that many batches came
   */
  refuse(leaf: Leaf, blocks: boolean, why?: string): void {
    this.#full.push(leaf)
    this.#blocked ||= blocks
    this.#why ??= why
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

  /** What lies below `processor` is a part of its own: merging it with another batch's touches no other pipeline. */
  divide(processor: object, part: Room): void {
    this.#parts ??= []
    this.#parts.push({ of: processor, room: part })
    this.#full.push(...part.#full)
    this.#blocked ||= part.#blocked
    this.#why ??= part.#why
  }
  partOf(processor: object): Room | undefined {
    return this.#parts?.find(part => part.of === processor)?.room
  }

  get why(): string | undefined {
    return this.#why
  }
  get mustWait(): boolean {
    return this.#full.length > 0 && (this.#blocked || !this.admits)
  }

  /** a full leaf wants the sender to wait */
  get blocked(): boolean {
    return this.#blocked
  }

  /** somebody has room, and has not been handed anything yet */
  get admits(): boolean {
    return this.#reservations.length > 0 || this.#parts?.some(({ room }) => room.admits) === true
  }

  /** How many reservations the next `take` of `leaf` uses: more than one where rooms were merged. */
  reservations(leaf: Leaf): number {
    return this.#reservations.find(reservation => reservation.leaf === leaf)?.sizes.length ?? 0
  }

  /** The same leaves admitted, so that two batches may travel as one. */
  sameLeaves(other: Room): boolean {
    const [mine, theirs] = [this.#reservations, other.#reservations]
    const [myParts, theirParts] = [this.#parts ?? [], other.#parts ?? []]
    return (
      mine.length === theirs.length &&
      mine.every(({ leaf }, i) => leaf === theirs[i]!.leaf) &&
      myParts.length === theirParts.length &&
      myParts.every((part, i) => part.of === theirParts[i]!.of && part.room.sameLeaves(theirParts[i]!.room))
    )
  }

  /** Takes over what `other`, which has the same leaves, holds. */
  merge(other: Room): void {
    other.#reservations.forEach(({ sizes }, i) => void this.#reservations[i]!.sizes.push(...sizes))
    other.#reservations = []
    other.#parts?.forEach(({ room }, i) => void this.#parts![i]!.room.merge(room))
  }

  /** [bytes] reserved at `leaf` for one hand-over, which charges the true size from here on; 0 if it admitted nothing. */
  take(leaf: Leaf): number {
    const at = this.#reservations.findIndex(reservation => reservation.leaf === leaf)
    if (at < 0) return 0
    const [taken] = this.#reservations.splice(at, 1)
    return taken!.sizes.reduce((sum, bytes) => sum + bytes, 0)
  }

  release(): void {
    this.#giveBack(false)
  }

  /**
   * `release`, in the turn in which it was reserved. Nobody is woken for that: who looks again, finds too little and lets go would wake
   * the next who does the same, and so on, and nothing else would ever get its turn.
   */
  withdraw(): void {
    this.#giveBack(true)
  }

  #giveBack(unseen: boolean): void {
    const unused = this.#reservations
    this.#reservations = []
    for (const { leaf, sizes } of unused) for (const bytes of sizes) leaf.release(bytes, unseen)
    for (const { room } of this.#parts ?? []) room.#giveBack(unseen)
  }

  /** Resolves when one of the full leaves may have room, or when `signal` aborts. */
  async freed(signal: AbortSignal): Promise<void> {
    await Promise.race(this.#full.map(leaf => leaf.freed(signal)))
  }
}
