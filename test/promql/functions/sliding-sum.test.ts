import { describe, expect, test } from 'vitest'
import { SlidingSum, slidingCapacity } from '../../../src/promql/functions/sliding-sum.ts'
import type { Grid } from '../../../src/promql/value.ts'
import { seeded } from '../../kit/context.ts'
import { runWindows, samplesOf, windowsOf } from './kit.ts'

test('windows that slide have the sum they would have alone', () => {
  const random = seeded(4)
  for (let round = 0; round < 40; round++) {
    const column = Float64Array.from({ length: 200 }, () => Math.floor((random() - 0.5) * 2 ** Math.floor(random() * 53)))
    const window = new SlidingSum(column, 200)
    let [begin, end] = [0, 0]
    while (end < 200) {
      begin += Math.floor(random() * 6)
      end = Math.min(200, Math.max(begin + 1, end + Math.floor(random() * 9)))
      if (begin >= 200) break
      window.moveTo(begin, end)
      const want = Number([...column.slice(begin, end)].reduce((sum, x) => sum + BigInt(x), 0n))
      expect(Math.abs(window.sum + window.lost - want)).toBeLessThanOrEqual(2 ** -52 * Math.abs(want))
    }
  }
})

test('what is lost comes back: a value that has left leaves nothing behind', () => {
  const column = Float64Array.of(1, 1e100, 1, -1e100, 3, 4)
  const window = new SlidingSum(column, 4)
  const sums = [
    [0, 4],
    [1, 4],
    [2, 5],
    [4, 6],
  ].map(([begin, end]) => {
    window.moveTo(begin!, end!)
    return window.sum + window.lost
  })
  expect(sums).toEqual([2, 1, -1e100, 7])
})

describe('only long windows of plain numbers slide', () => {
  const column = (length: number, value = 1) => new Float64Array(length).fill(value)
  const windows = (size: number, steps: number): [Int32Array, Int32Array] => {
    const lo = Int32Array.from({ length: steps }, (_, step) => step)
    return [lo, lo.map(begin => begin + size)]
  }
  test.each<[string, Float64Array, [Int32Array, Int32Array], number | undefined]>([
    ['long', column(400), windows(200, 200), 200],
    ['short', column(400), windows(20, 380), undefined],
    ['apart', column(400), windows(200, 2), undefined],
    ['NaN', column(400, Number.NaN), windows(200, 200), undefined],
    ['large', column(400, 1e300), windows(200, 200), undefined],
    ['infinite', column(400, Number.NEGATIVE_INFINITY), windows(200, 200), undefined],
  ])('%s', (_, values, [lo, hi], want) => expect(slidingCapacity(values, lo, hi)).toBe(want))
})

test('sum_over_time and avg_over_time of long windows', () => {
  const random = seeded(8)
  const list = Array.from({ length: 3_000 }, (_, i) => ({ time: i * 1_000, value: Math.floor(random() * 1_000) }))
  const grid: Grid = { start: 500_000, step: 7_000, steps: 300 }
  const windows = windowsOf(samplesOf(list), grid, 600_000)
  const [sums, averages] = [runWindows('sum_over_time', windows), runWindows('avg_over_time', windows)]
  expect(slidingCapacity(windows.samples.value, windows.lo, windows.hi)).toBe(600)
  for (let step = 0; step < grid.steps; step++) {
    const values = list.slice(windows.lo[step], windows.hi[step]).map(({ value }) => value)
    const sum = values.reduce((a, b) => a + b, 0)
    expect([sums[step], averages[step]]).toEqual([sum, sum / values.length])
  }
})
