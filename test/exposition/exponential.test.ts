import { describe, expect, test } from 'vitest'
import { boundary, coarser, toClassic, toSpans } from '../../src/exposition/exponential.ts'
import type { ExponentialBuckets } from '../../src/exposition/families.ts'
import { seeded } from '../kit/context.ts'

const histogram = (some: Partial<ExponentialBuckets>): ExponentialBuckets => ({
  ...{ scale: 0, zeroCount: 0, zeroThreshold: 0, positiveOffset: 0, positive: [], negativeOffset: 0, negative: [], ...some },
})
const classic = (some: Partial<ExponentialBuckets>) => {
  const { bounds, buckets } = toClassic(histogram(some))
  return { bounds: [...bounds], buckets: [...buckets] }
}

test.each([
  ['nothing', { offset: 5, counts: [] }, 1, { offset: 0, counts: [] }],
  ['only zeros', { offset: 5, counts: [0, 0] }, 1, { offset: 0, counts: [] }],
  ['no change, but for the zeros at the ends', { offset: 5, counts: [0, 1, 0, 2, 0] }, 0, { offset: 6, counts: [1, 0, 2] }],
  ['pairs', { offset: 0, counts: [1, 2, 3, 4] }, 1, { offset: 0, counts: [3, 7] }],
  ['pairs from an odd index', { offset: 1, counts: [1, 2, 3, 4] }, 1, { offset: 0, counts: [1, 5, 4] }],
  ['below zero', { offset: -3, counts: [1, 2, 3, 4] }, 1, { offset: -2, counts: [1, 5, 4] }],
  ['all into two', { offset: -3, counts: [1, 2, 3, 4] }, 70, { offset: -1, counts: [6, 4] }],
])('coarser: %s', (_, side, by, want) => expect(coarser(side, by)).toEqual(want))

test('a boundary is the same number at every scale', () => {
  for (let scale = -4; scale < 8; scale++) {
    for (let index = -40; index <= 40; index++) expect(boundary(scale, index)).toBe(boundary(scale + 1, 2 * index))
  }
  expect(boundary(0, 10)).toBe(1024)
  expect(boundary(-4, 1)).toBe(65536)
})

describe('classic buckets', () => {
  test.each([
    ['nothing', {}, { bounds: [], buckets: [0] }],
    ['zeros only', { zeroCount: 3 }, { bounds: [0], buckets: [3, 0] }],
    ['zeros within a threshold', { zeroCount: 3, zeroThreshold: 0.5 }, { bounds: [0.5], buckets: [3, 0] }],
    ['one bucket', { positiveOffset: 2, positive: [7] }, { bounds: [4, 8], buckets: [0, 7, 0] }],
    [
      'both sides of zero',
      { zeroCount: 1, positiveOffset: 0, positive: [2, 3], negativeOffset: 0, negative: [4, 5] },
      { bounds: [-2, -1, 0, 1, 2, 4], buckets: [5, 4, 1, 0, 2, 3, 0] },
    ],
    [
      'fine scales are merged to quarters of a doubling',
      { scale: 20, positiveOffset: 0, positive: [5] },
      { bounds: [1, 2 ** 0.25], buckets: [0, 5, 0] },
    ],
    ['beyond all doubles', { positiveOffset: 1022, positive: [1, 1, 1, 1] }, { bounds: [2 ** 1022, 2 ** 1023], buckets: [0, 1, 3] }],
    ['below all doubles', { zeroCount: 2, positiveOffset: -1100, positive: [1] }, { bounds: [0], buckets: [2, 1] }],
  ])('%s', (_, some, want) => expect(classic(some)).toEqual(want))

  test('never more than twenty, ascending, and nothing is lost', () => {
    const random = seeded(3)
    for (let round = 0; round < 500; round++) {
      const side = () => Array.from({ length: Math.floor(random() * 200) }, () => Math.floor(random() * 5))
      const some = histogram({
        ...{
          scale: Math.floor(random() * 25) - 4,
          zeroCount: Math.floor(random() * 3),
          zeroThreshold: random() < 0.5 ? 0 : random() / 100,
        },
        ...{
          positiveOffset: Math.floor(random() * 400) - 200,
          positive: side(),
          negativeOffset: Math.floor(random() * 400) - 200,
          negative: side(),
        },
      })
      const { bounds, buckets } = toClassic(some)
      const sum = (list: ArrayLike<number>) => Array.from(list).reduce((a, b) => a + b, 0)
      expect(bounds.length).toBeLessThanOrEqual(20)
      expect(buckets.length).toBe(bounds.length + 1)
      expect([...bounds]).toEqual([...new Set(bounds)].sort((a, b) => a - b))
      expect(sum(buckets)).toBe(sum(some.positive) + sum(some.negative) + some.zeroCount)
    }
  })

  test('every count is exact: values are where their buckets say', () => {
    const random = seeded(4)
    const values = Array.from({ length: 1000 }, () => 10 ** (random() * 4 - 2))
    const scale = 5
    const indices = values.map(value => Math.ceil(Math.log2(value) * 2 ** scale) - 1)
    const offset = Math.min(...indices)
    const positive = new Array<number>(Math.max(...indices) - offset + 1).fill(0)
    for (const index of indices) positive[index - offset]!++
    const { bounds, buckets } = classic({ scale, positiveOffset: offset, positive })
    let sum = 0
    bounds.forEach((bound, k) => {
      sum += buckets[k]!
      expect(sum).toBe(values.filter(value => value <= bound).length)
    })
  })
})

describe('spans of a native histogram', () => {
  test.each([
    ['nothing', { offset: 0, counts: [] }, { spans: [], deltas: [] }],
    ['one run', { offset: -1, counts: [1, 3, 2] }, { spans: [[0, 3]], deltas: [1, 2, -1] }],
    ['a short gap is written out', { offset: 4, counts: [1, 0, 0, 2] }, { spans: [[5, 4]], deltas: [1, -1, 0, 2] }],
    [
      'a long gap begins a span',
      { offset: 4, counts: [1, 0, 0, 0, 2, 2] },
      {
        spans: [
          [5, 1],
          [3, 2],
        ],
        deltas: [1, 1, 0],
      },
    ],
    [
      'two long gaps',
      { offset: 0, counts: [1, 0, 0, 0, 1, 0, 0, 0, 0, 1] },
      {
        spans: [
          [1, 1],
          [3, 1],
          [4, 1],
        ],
        deltas: [1, 0, 0],
      },
    ],
  ])('%s', (_, side, want) => expect(toSpans(side)).toEqual(want))
})
