import { expect, test } from 'vitest'
import { Labels } from '../../../src/model/labels.ts'
import { Budget } from '../../../src/promql/evaluation/budget.ts'
import { RowPool } from '../../../src/promql/evaluation/rows.ts'

const budget = (maxSamples: number) => new Budget({ maxSamples, timeout: 1000, signal: undefined, now: () => 0, breathe: async () => {} })

const tooMany = 'query processing would load too many samples into memory in query execution'

test('samples are counted as long as they are held', () => {
  const limited = budget(10)
  limited.hold(6)
  limited.release(3)
  limited.hold(7)
  expect(limited.peak).toBe(10)
  expect(() => limited.hold(1)).toThrow(tooMany)
})

test('rows count for the memory they take, whatever stands in them', () => {
  const limited = budget(10_000_000)
  const pool = new RowPool(limited)
  const rows = Array.from({ length: 20 }, () => pool.take(Labels.empty, 900_000))
  pool.give(rows[0]!)
  for (let i = 0; i < 3; i++) pool.take(Labels.empty, 900_000)
  expect(() => pool.take(Labels.empty, 900_000)).toThrow(tooMany)
})

test('a row that is given back is used again, without what stood in it', () => {
  const pool = new RowPool(budget(100))
  const row = pool.take(Labels.empty, 3)
  row.kind.fill(1)
  row.dropName = true
  pool.charge(row)
  pool.give(row)
  const again = pool.take(Labels.from({ a: 'b' }), 3)
  expect(again).toBe(row)
  expect(again).toMatchObject({ dropName: false, histograms: undefined, samples: 0, labels: Labels.from({ a: 'b' }) })
  expect([...again.kind]).toEqual([0, 0, 0])
})
