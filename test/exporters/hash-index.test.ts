import { expect, test } from 'vitest'
import { HashIndex } from '../../src/exporters/prometheus/hash-index.ts'

const found = (index: HashIndex, hash: number): number[] => {
  const entries: number[] = []
  for (let entry = index.first(hash); entry >= 0; entry = index.next(entry, hash)) entries.push(entry)
  return entries.sort((a, b) => a - b)
}

test('finds what a Map of sets would find, through growth, removal and reuse', () => {
  const index = new HashIndex()
  const oracle = new Map<number, Set<number>>()
  const hashOf: number[] = []
  let seed = 1
  const random = (below: number) => {
    seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff
    return seed % below
  }
  const free = Array.from({ length: 3000 }, (_, i) => i)
  const used: number[] = []
  for (let step = 0; step < 20_000; step++) {
    if (free.length > 0 && (used.length === 0 || random(3) > 0)) {
      const entry = free.splice(random(free.length), 1)[0]!
      // Few different hashes, some of them negative, and many with the same lowest bits.
      const hash = (random(200) << random(20)) - (random(2) << 30) * 2
      index.add(entry, hash | 0)
      hashOf[entry] = hash | 0
      oracle.set(hash | 0, (oracle.get(hash | 0) ?? new Set()).add(entry))
      used.push(entry)
    } else {
      const entry = used.splice(random(used.length), 1)[0]!
      index.remove(entry)
      oracle.get(hashOf[entry]!)!.delete(entry)
      free.push(entry)
    }
    const asked = random(2) === 0 ? hashOf[random(3000)] : random(1 << 20)
    if (asked !== undefined) expect(found(index, asked)).toEqual([...(oracle.get(asked) ?? [])].sort((a, b) => a - b))
  }
})
