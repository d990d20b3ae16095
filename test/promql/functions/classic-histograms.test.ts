import { describe, expect, test } from 'vitest'
import { ClassicBuckets } from '../../../src/promql/functions/classic-buckets.ts'
import { emptyHistogram } from '../../../src/promql/histogram/text.ts'
import type { Grid, Row } from '../../../src/promql/value.ts'
import { seeded } from '../../kit/context.ts'
import { cellsOf, constant, contextOf, rowOf, runWhole, saidOf } from './kit.ts'

const nan = Number.NaN
const inf = Number.POSITIVE_INFINITY

function bucketsOf(list: readonly (readonly [bound: number, count: number])[]): ClassicBuckets {
  const buckets = new ClassicBuckets(list.length)
  for (const [bound, count] of list) buckets.push(bound, count)
  return buckets
}

function isNear(got: number, want: number): void {
  if (Number.isFinite(want)) expect(got).toBeCloseTo(want, 12)
  else expect(got).toBe(want)
}

const positive = [
  [1, 2],
  [2, 6],
  [4, 8],
  [inf, 10],
] as const
const negative = [
  [-2, 4],
  [0, 6],
  [inf, 8],
] as const

describe('quantiles', () => {
  test.each<[Parameters<typeof bucketsOf>[0], number, number]>([
    [positive, 0, 0],
    [positive, 0.1, 0.5],
    [positive, 0.2, 1],
    [positive, 0.4, 1.5],
    [positive, 0.7, 3],
    // the last bucket has no end
    [positive, 0.9, 4],
    [positive, 1, 4],
    [positive, nan, nan],
    [positive, -1, -inf],
    [positive, 2, inf],
    // below zero nobody knows where the first bucket begins
    [negative, 0.25, -2],
    [negative, 0.625, -1],
    [[[inf, 5]], 0.5, nan],
    [[[1, 5]], 0.5, nan],
    [
      [
        [1, 0],
        [inf, 0],
      ],
      0.5,
      nan,
    ],
    // the same bound twice is one bucket
    [
      [
        [1, 1],
        [1, 1],
        [2, 4],
        [2, 2],
        [inf, 6],
      ],
      1 / 3,
      1,
    ],
  ])('%j at %d', (list, q, want) => isNear(bucketsOf(list).quantile(q), want))
})

describe('fractions', () => {
  test.each<[Parameters<typeof bucketsOf>[0], number, number, number]>([
    [positive, 0, 1, 0.2],
    [positive, 0.5, 1.5, 0.3],
    [positive, -inf, inf, 1],
    [positive, 4, inf, 0.2],
    [positive, 5, 6, 0],
    [positive, 2, 1, 0],
    [positive, nan, 1, nan],
    [negative, -inf, -2, 0.5],
    // the lowest bucket counts as a whole
    [negative, -inf, -3, 0.5],
    [negative, -1, 0, 0.125],
    [[[1, 5]], 0, 1, nan],
    [
      [
        [1, 0],
        [inf, 0],
      ],
      0,
      1,
      nan,
    ],
  ])('%j between %d and %d', (list, lower, upper, want) => isNear(bucketsOf(list).fraction(lower, upper), want))

  test('the fraction below a quantile is its rank', () => {
    const random = seeded(9)
    for (let i = 0; i < 500; i++) {
      let [bound, count] = [0, 0]
      const list: [number, number][] = Array.from({ length: 2 + Math.floor(random() * 8) }, () => [
        (bound += 0.1 + random()),
        (count += 1 + random() * 9),
      ])
      const buckets = bucketsOf([...list, [inf, count]])
      const q = random()
      expect(buckets.fraction(-inf, buckets.quantile(q))).toBeCloseTo(q, 9)
    }
  })
})

describe('counts that fall', () => {
  test.each<[Parameters<typeof bucketsOf>[0], boolean, number[]]>([
    [positive, false, []],
    [
      [
        [1, 5],
        [2, 3],
        [4, 8],
        [8, 1],
        [inf, 9],
      ],
      true,
      [2, 8, 7],
    ],
    // rounding explains it
    [
      [
        [1, 1],
        [2, 1 - 1e-13],
        [inf, 2],
      ],
      false,
      [],
    ],
    [
      [
        [1, 5],
        [2, 3],
      ],
      false,
      [],
    ],
  ])('%j', (list, fixed, want) => {
    const buckets = bucketsOf(list)
    expect(buckets.straighten()).toBe(fixed)
    if (fixed) expect([buckets.minRaised, buckets.maxRaised, buckets.maxRaise]).toEqual(want)
  })
})

describe('of vectors', () => {
  const grid: Grid = { start: 0, step: 60_000, steps: 2 }
  const bucket = (le: string, cells: (number | undefined)[], labels = {}) => rowOf({ __name__: 'h_bucket', le, ...labels }, cells)
  const classic = [bucket('1', [2, 0]), bucket('2.0', [6, 4]), bucket('+Inf', [10, 4]), bucket('1', [1, undefined], { a: 'b' })]
  const vector = (rows: readonly Row[]) => ({ type: 'vector', rows }) as const
  const scalars = (...values: number[]) => values.map(value => constant(grid, value))
  const shown = (rows: readonly Row[]) => rows.map(row => [row.labels.toJSON(), row.dropName, ...cellsOf(row)])

  test('grouped by what is not le', async () => {
    const cx = contextOf(grid, { scalars: scalars(0.5) })
    expect(shown(await runWhole('histogram_quantile', [{ type: 'scalar', values: cx.scalars[0]! }, vector(classic)], cx))).toEqual([
      [{ __name__: 'h_bucket' }, true, 1.75, 1.5],
      [{ __name__: 'h_bucket', a: 'b' }, true, nan, undefined],
    ])
    expect(saidOf(cx.annotations)).toEqual([])
  })

  test('several quantiles, one of which changes', async () => {
    const cx = contextOf(grid, { scalars: [constant(grid, 0.2), Float64Array.of(1, 0.5)], strings: ['q'] })
    const rows = await runWhole('histogram_quantiles', [vector(classic.slice(0, 3))], cx)
    expect(shown(rows)).toEqual([
      [{ __name__: 'h_bucket', q: '0.2' }, true, 1, 1.2],
      [{ __name__: 'h_bucket', q: '1.0' }, true, 2, undefined],
      [{ __name__: 'h_bucket', q: '0.5' }, true, undefined, 1.5],
    ])
  })

  test('fractions', async () => {
    const cx = contextOf(grid, { scalars: scalars(0, 1) })
    const rows = await runWhole(
      'histogram_fraction',
      [{ type: 'scalar', values: cx.scalars[0]! }, { type: 'scalar', values: cx.scalars[1]! }, vector(classic.slice(0, 3))],
      cx,
    )
    expect(shown(rows)).toEqual([[{ __name__: 'h_bucket' }, true, 0.2, 0]])
  })

  test('what is wrong with them is said', async () => {
    const native = rowOf({ __name__: 'h_bucket' }, [{ ...emptyHistogram, count: 1 }, undefined])
    const odd = [bucket('x', [1, 1]), rowOf({ __name__: 'plain' }, [1, 1])]
    const falling = [bucket('1', [5, 5], { f: '1' }), bucket('2', [3, 3], { f: '1' }), bucket('+Inf', [6, 6], { f: '1' })]
    const cx = contextOf(grid, { scalars: scalars(7) })
    const args = (q: Float64Array) => [{ type: 'scalar', values: q }, vector([...classic, native, ...odd, ...falling])] as const
    const rows = await runWhole('histogram_quantile', args(cx.scalars[0]!), cx)
    // where both kinds stand there is neither
    expect(shown(rows)[0]).toEqual([{ __name__: 'h_bucket' }, true, undefined, inf])
    expect(saidOf(cx.annotations)).toEqual([
      '1: PromQL warning: quantile value should be between 0 and 1, got 7',
      '2: PromQL warning: bucket label "le" is missing or has a malformed value of "x" for metric name "h_bucket"',
      '2: PromQL warning: bucket label "le" is missing or has a malformed value of "" for metric name "plain"',
      '2: PromQL warning: vector contains a mix of classic and native histograms for metric name "h_bucket"',
    ])
    const quiet = contextOf(grid, { scalars: scalars(0.5), delayedNameRemoval: false })
    await runWhole('histogram_quantile', [args(quiet.scalars[0]!)[0], vector(falling)], quiet)
    expect(saidOf(quiet.annotations)).toEqual([
      expect.stringMatching(
        /^2: PromQL info: input to histogram_quantile needed .*\), from buckets 2 to 2, with a max diff of 2, over 2 samples from 1970-01-01T00:00:00Z to 1970-01-01T00:01:00Z$/,
      ),
    ])
  })
})
