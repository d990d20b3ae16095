import { expect, test } from 'vitest'
import { exponentialBound } from '../../../src/promql/histogram/buckets.ts'

test.each([
  [0, 0, 1],
  [1, 0, 2],
  [-1, 0, 0.5],
  [1, -1, 4],
  [-2, -4, 2 ** -32],
  [-1, 1, 0.7071067811865475],
  [-3, 2, 0.5946035575013605],
  [3, 3, 1.2968395546510096],
  // As Prometheus has it: the nearest double to 2^(255/256) is 1.9945921121709402.
  [255, 8, 1.9945921121709396],
  [1024, 0, Number.MAX_VALUE],
  [64, -4, Number.MAX_VALUE],
  [2048, 1, Number.MAX_VALUE],
  [1025, 0, Number.POSITIVE_INFINITY],
  [-1074, 0, Number.MIN_VALUE],
  [-1075, 0, 0],
  [-2147, 1, Number.MIN_VALUE],
])('bucket %d of schema %d ends at %d', (index, schema, bound) => {
  expect(exponentialBound(index, schema)).toBe(bound)
})

test('every second bound of a schema is one of the schema below, and all ascend', () => {
  for (let schema = -3; schema <= 8; schema++) {
    const most = Math.min(600, 500 * 2 ** schema)
    for (let index = -most; index < most; index++) {
      expect(exponentialBound(2 * index, schema)).toBe(exponentialBound(index, schema - 1))
      expect(exponentialBound(index + 1, schema)).toBeGreaterThan(exponentialBound(index, schema))
    }
  }
})
