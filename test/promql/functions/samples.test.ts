import { describe, expect, test } from 'vitest'
import { FLOAT, type Grid } from '../../../src/promql/value.ts'
import { seeded } from '../../kit/context.ts'
import { cellsOf, constant, contextOf, rowOf, runSample, runWhole } from './kit.ts'

const nan = Number.NaN
const inf = Number.POSITIVE_INFINITY
const grid: Grid = { start: 1_700_000_000_000, step: 60_000, steps: 1 }
const one = (name: string, value: number, ...scalars: readonly number[]) =>
  runSample(name, rowOf({}, [value]), contextOf(grid, { scalars: scalars.map(scalar => constant(grid, scalar)) }))[0]

describe('mathematics', () => {
  test.each<[string, readonly number[], number | undefined]>([
    ['abs', [-3], 3],
    ['ceil', [1.2], 2],
    ['floor', [-1.2], -2],
    ['exp', [0], 1],
    ['sqrt', [9], 3],
    ['sqrt', [-1], nan],
    ['ln', [Math.E], 1],
    ['ln', [0], -inf],
    ['log2', [8], 3],
    ['log10', [1000], 3],
    ['sgn', [-7], -1],
    ['sgn', [0], 0],
    ['sgn', [nan], nan],
    ['sin', [Math.PI / 2], 1],
    ['cos', [Math.PI], -1],
    ['tan', [0], 0],
    ['asin', [1], Math.PI / 2],
    ['acos', [1], 0],
    ['atan', [inf], Math.PI / 2],
    ['sinh', [0], 0],
    ['cosh', [0], 1],
    ['tanh', [inf], 1],
    ['asinh', [0], 0],
    ['acosh', [1], 0],
    ['atanh', [1], inf],
    ['rad', [180], Math.PI],
    ['deg', [Math.PI], 180],
    ['round', [2.5], 3],
    ['round', [-2.5], -2],
    ['round', [2.34, 0.1], 2.3],
    ['round', [7, 5], 5],
    ['round', [8, 5], 10],
    ['clamp', [5, 1, 3], 3],
    ['clamp', [-5, 1, 3], 1],
    ['clamp', [2, 1, 3], 2],
    ['clamp', [2, 3, 1], undefined],
    ['clamp', [2, nan, 1], nan],
    ['clamp', [nan, -inf, -inf], -inf],
    ['clamp_min', [1, 2], 2],
    ['clamp_min', [nan, 2], nan],
    ['clamp_max', [3, 2], 2],
    ['clamp_max', [3, nan], nan],
  ])('%s(%j) is %d', (name, [value, ...scalars], want) => expect(one(name, value!, ...scalars)).toBe(want))

  test('nothing comes of nothing', () => {
    const three = { ...grid, steps: 3 }
    expect(runSample('abs', rowOf({}, [-1, undefined, -2]), contextOf(three))).toEqual([1, undefined, 2])
  })
})

describe('dates', () => {
  test.each<[string, string, number]>([
    ['minute', '2026-11-26T01:37:08Z', 37],
    ['hour', '2026-11-26T01:37:08Z', 1],
    ['hour', '1969-12-31T23:59:59Z', 23],
    ['day_of_week', '2026-11-26T00:00:00Z', 4],
    ['day_of_week', '2026-11-29T00:00:00Z', 0],
    ['day_of_month', '2024-02-29T12:00:00Z', 29],
    ['day_of_year', '2024-12-31T00:00:00Z', 366],
    ['day_of_year', '2023-03-01T00:00:00Z', 60],
    ['days_in_month', '2024-02-01T00:00:00Z', 29],
    ['days_in_month', '1900-02-01T00:00:00Z', 28],
    ['days_in_month', '2000-02-01T00:00:00Z', 29],
    ['month', '2026-01-01T00:00:00Z', 1],
    ['year', '0000-01-01T00:00:00Z', 0],
    ['year', '9999-12-31T23:59:59Z', 9999],
  ])('%s of %s', (name, text, want) => expect(one(name, Date.parse(text) / 1000)).toBe(want))

  test('seconds are cut off towards the epoch', () => {
    expect([one('hour', 3599.9), one('year', -0.5), one('year', -1.5)]).toEqual([0, 1970, 1969])
  })

  test.each([nan, inf, -inf, 1e308])('%d is after the end of time', value => {
    const names = ['minute', 'hour', 'day_of_week', 'day_of_month', 'month', 'year', 'day_of_year', 'days_in_month']
    expect(names.map(name => one(name, value))).toEqual([30, 15, 0, 4, 12, 292_277_026_596, 339, 31])
  })

  test('they are those of JavaScript, over thousands of years', () => {
    const random = seeded(3)
    for (let i = 0; i < 3_000; i++) {
      const seconds = Math.floor((random() * 2 - 1) * 2e11)
      const date = new Date(seconds * 1000)
      const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()]
      const midnight = (y: number, m: number, d: number) => new Date(0).setUTCFullYear(y, m, d)
      expect(
        ['minute', 'hour', 'day_of_week', 'day_of_month', 'month', 'year', 'day_of_year', 'days_in_month'].map(name => one(name, seconds)),
        date.toISOString(),
      ).toEqual([
        date.getUTCMinutes(),
        date.getUTCHours(),
        date.getUTCDay(),
        date.getUTCDate(),
        month + 1,
        year,
        (midnight(year, month, date.getUTCDate()) - midnight(year, 0, 1)) / 86_400_000 + 1,
        (midnight(year, month + 1, 1) - midnight(year, month, 1)) / 86_400_000,
      ])
    }
  })
})

describe('scalars', () => {
  const two: Grid = { start: 120_000, step: 60_000, steps: 2 }
  const scalar = (...values: number[]) => ({ type: 'scalar', values: Float64Array.from(values) }) as const
  const vector = (...rows: (number | undefined)[][]) =>
    ({ type: 'vector', rows: rows.map((cells, i) => rowOf({ i: String(i) }, cells)) }) as const
  test.each<[string, Parameters<typeof runWhole>[1], number[]]>([
    ['time', [], [120, 180]],
    ['pi', [], [Math.PI, Math.PI]],
    ['vector', [scalar(4, 5)], [4, 5]],
    ['max_of', [scalar(4, nan), scalar(5, 1)], [5, nan]],
    ['max_of', [scalar(inf, -1), scalar(nan, 1)], [inf, 1]],
    ['min_of', [scalar(4, -inf), scalar(5, nan)], [4, -inf]],
    ['scalar', [vector([4, undefined])], [4, nan]],
    ['scalar', [vector([4, 5], [undefined, 6])], [4, nan]],
    ['scalar', [vector()], [nan, nan]],
  ])('%s', async (name, args, want) => {
    const rows = await runWhole(name, args, contextOf(two))
    expect(rows.map(row => [row.labels.key, [...row.kind], cellsOf(row)])).toEqual([['', [FLOAT, FLOAT], want]])
  })
})
