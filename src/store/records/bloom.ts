/** Which hashes a block has: gathered in a set while it is written, kept as a Bloom filter, which says no for sure and yes most of the time. */

/** Distinct hashes of 32 bits. 0 stands for an empty place, and is taken for 1. */
export class HashSet {
  #slots = new Uint32Array(1024)
  size = 0

  add(hash: number): void {
    const wanted = hash >>> 0 || 1
    const mask = this.#slots.length - 1
    for (let slot = Math.imul(wanted, 0x9e37_79b1) >>> 0; ; slot++) {
      const there = this.#slots[slot & mask]!
      if (there === wanted) return
      if (there !== 0) continue
      this.#slots[slot & mask] = wanted
      if (++this.size * 2 > this.#slots.length) this.#grow()
      return
    }
  }

  #grow(): void {
    const before = this.#slots
    this.#slots = new Uint32Array(before.length * 2)
    this.size = 0
    for (const hash of before) if (hash !== 0) this.add(hash)
  }

  /** About ten bits for each hash: one in a hundred that are not there passes. */
  toBloom(): Uint8Array {
    const bits = 2 ** Math.max(6, Math.ceil(Math.log2(this.size * 10 + 1)))
    const bloom = new Uint8Array(bits / 8)
    for (const hash of this.#slots) if (hash !== 0) put(bloom, hash)
    return bloom
  }

  clear(): void {
    this.#slots = new Uint32Array(1024)
    this.size = 0
  }

  has(hash: number): boolean {
    const wanted = hash >>> 0 || 1
    const mask = this.#slots.length - 1
    for (let slot = Math.imul(wanted, 0x9e37_79b1) >>> 0; this.#slots[slot & mask] !== 0; slot++)
      if (this.#slots[slot & mask] === wanted) return true
    return false
  }
}

/** places of one hash */
const places = 5

function put(bloom: Uint8Array, hash: number): void {
  const mask = bloom.length * 8 - 1
  const step = Math.imul(hash, 0x85eb_ca6b) | 1
  for (let i = 0, at = hash; i < places; i++, at += step) bloom[(at & mask) >>> 3]! |= 1 << (at & 7)
}

/** Whether the hash may be there. */
export function mayHave(bloom: Uint8Array, wanted: number): boolean {
  const hash = wanted >>> 0 || 1
  const mask = bloom.length * 8 - 1
  const step = Math.imul(hash, 0x85eb_ca6b) | 1
  for (let i = 0, at = hash; i < places; i++, at += step) if ((bloom[(at & mask) >>> 3]! & (1 << (at & 7))) === 0) return false
  return true
}
