import { describe, expect, test } from 'vitest'
import { Labels } from '../../../src/model/labels.ts'
import { ratioOf, xxHash64 } from '../../../src/promql/evaluation/label-hash.ts'

describe('xxHash64', () => {
  // The published values of the algorithm, one for each of its ways: nothing, rest bytes, four, eight, and lanes of thirty-two.
  test.each([
    ['', 0xef46db3751d8e999n],
    ['a', 0xd24ec4f1a98c6e5bn],
    ['abc', 0x44bc2cf5ad770999n],
    ['Nobody inspects the spammish repetition', 0xfbcea83c8a378bf1n],
  ])('%j', (text, hash) => {
    expect(xxHash64(new TextEncoder().encode(text))).toBe(hash)
  })
})

test('ratios lie in [0, 1) and spread over it', () => {
  const ratios = Array.from({ length: 1000 }, (_, i) =>
    ratioOf(Labels.from({ __name__: 'up', instance: `host-${i}`, long: 'x'.repeat(i) })),
  )
  expect(ratios.every(ratio => ratio >= 0 && ratio < 1)).toBe(true)
  for (const tenth of Array.from({ length: 10 }, (_, i) => i / 10))
    expect(ratios.filter(ratio => ratio >= tenth && ratio < tenth + 0.1).length).toBeGreaterThan(60)
})
