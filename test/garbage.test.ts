/** How far the heaps of all threads may grow before they are collected. */
import { describe, expect, test } from 'vitest'

interface Heap {
  readonly used_heap_size: number
  readonly external_memory: number
}
interface Garbage {
  measure(thread: object, heap: Heap): void
  forget(thread: object): void
  readonly percent: number
}
// What runs before anything is loaded is JavaScript as it stands.
const { Garbage } = (await import(new URL('../bin/garbage.js', import.meta.url).href)) as { Garbage: new () => Garbage }

const MB = 1e6
/** half of it outside the heap */
const heap = (megabytes: number): Heap => ({ used_heap_size: (megabytes * MB) / 2, external_memory: (megabytes * MB) / 2 })

/** by thread: [seconds] megabytes */
function after(...threads: readonly (readonly number[])[]): number {
  const garbage = new Garbage()
  threads.forEach(measured => {
    const thread = {}
    for (const megabytes of measured) garbage.measure(thread, heap(megabytes))
  })
  return garbage.percent
}

describe('the percentage of one thread', () => {
  test.each<[string, readonly number[], number]>([
    ['20 MB at the least', [100], 20],
    ['also where it shrinks', [200, 100], 20],
    ['what comes in ten seconds', [96, 100], 40],
    ['80 MB at the most', [50, 100], 80],
    ['or half of what is used', [300, 400], 50],
    ['300 at the most', [1, 11], 300],
    ['a fifth of the haste is forgotten each second', [95, 100, 100], 40],
  ])('%s', (_, measured, percent) => expect(after(measured)).toBe(percent))
})

describe('of several', () => {
  test.each<[string, readonly (readonly number[])[], number]>([
    ['the one that makes garbage fastest decides', [[100], [50, 100]], 80],
    ['in whatever order', [[50, 100], [100]], 80],
    ['within what the largest may have', [[1000], [20, 40]], 50],
    ['none makes any: 20 MB of the largest', [[100], [100], [50]], 20],
    [
      'a small idle one does not count',
      [
        [96, 100],
        [5, 5],
      ],
      40,
    ],
  ])('%s', (_, threads, percent) => expect(after(...threads)).toBe(percent))

  test('one that has ended does not count', () => {
    const garbage = new Garbage()
    const [idle, busy] = [{}, {}]
    garbage.measure(idle, heap(100))
    for (const megabytes of [50, 100]) garbage.measure(busy, heap(megabytes))
    garbage.forget(busy)
    expect(garbage.percent).toBe(20)
  })
})
