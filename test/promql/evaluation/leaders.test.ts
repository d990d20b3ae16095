import { expect, test } from 'vitest'
import { Labels } from '../../../src/model/labels.ts'
import { Budget } from '../../../src/promql/evaluation/budget.ts'
import { Leaders } from '../../../src/promql/evaluation/leaders.ts'
import { RowPool } from '../../../src/promql/evaluation/rows.ts'
import { ABSENT, FLOAT } from '../../../src/promql/value.ts'
import { Chance } from '../../kit/otlp.ts'

const newPool = () => new RowPool(new Budget({ maxSamples: 1e6, timeout: 1000, signal: undefined, now: () => 0, breathe: async () => {} }))

/** What stands at each step: some of `values`, or nothing. */
function fed(pool: RowPool, leaders: Leaders, columns: readonly (readonly (number | undefined)[])[]): void {
  for (const [index, values] of columns.entries()) {
    const row = pool.take(Labels.from({ i: String(index) }), values.length)
    for (const [step, value] of values.entries()) {
      row.kind[step] = value === undefined ? ABSENT : FLOAT
      row.value[step] = value ?? 0
    }
    leaders.add(row)
  }
}

test.each([1, -1] as const)('the k best of each step are those of a sort, for sign %i', sign => {
  const chance = new Chance(5)
  for (let round = 0; round < 200; round++) {
    const steps = 1 + chance.int(6)
    const wanted = Int32Array.from({ length: steps }, () => chance.int(5))
    const columns = Array.from({ length: chance.int(12) }, () =>
      // Values are different, so that there is one answer.
      Array.from({ length: steps }, () => (chance.is(0.2) ? undefined : chance.is(0.05) ? Number.NaN : chance.next())),
    )
    const pool = newPool()
    const leaders = new Leaders(pool, sign, wanted)
    fed(pool, leaders, columns)
    const rows = leaders.take()
    for (let step = 0; step < steps; step++) {
      const there = columns.map(values => values[step]).filter(value => value !== undefined)
      const sorted = there.filter(value => !Number.isNaN(value)).sort((a, b) => sign * (b - a))
      const best = [...sorted, ...there.filter(Number.isNaN)].slice(0, wanted[step]!)
      const got = rows.filter(({ kind }) => kind[step] === FLOAT).map(({ value }) => value[step]!)
      expect(got.map(String).sort()).toEqual(best.map(String).sort())
    }
  }
})

test('of one step they come in order, of equals the first one first', () => {
  const pool = newPool()
  const leaders = new Leaders(pool, 1, Int32Array.of(4))
  fed(pool, leaders, [[1], [Number.NaN], [3], [3], [0.5]])
  expect(leaders.take().map(({ labels }) => labels.get('i'))).toEqual(['2', '3', '0', '4'])
})

test('rows that lead nowhere are free at once', () => {
  const pool = newPool()
  const leaders = new Leaders(pool, 1, Int32Array.of(1, 1))
  fed(pool, leaders, [[9, 9]])
  const loser = pool.take(Labels.empty, 2)
  loser.kind.fill(FLOAT)
  leaders.add(loser)
  expect(pool.take(Labels.empty, 2)).toBe(loser)
})
