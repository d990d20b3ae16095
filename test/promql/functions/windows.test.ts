import { describe, expect, test } from 'vitest'
import { Labels } from '../../../src/model/labels.ts'
import type { Grid } from '../../../src/promql/value.ts'
import { seeded } from '../../kit/context.ts'
import { constant, contextOf, type Point, points, runWindows, saidOf, samplesOf, windowsOf } from './kit.ts'

const nan = Number.NaN
const inf = Number.POSITIVE_INFINITY
const MS = 1000

interface Case {
  readonly points: readonly (readonly [seconds: number, value: number, start?: number])[]
  /** [s] of the window, and when it ends */
  readonly range: number
  readonly at: number
  readonly scalars?: readonly number[]
}

function evaluate(name: string, { points: list, range, at, scalars = [] }: Case): number | undefined {
  const grid: Grid = { start: at * MS, step: MS, steps: 1 }
  const cx = contextOf(grid, { scalars: scalars.map(value => constant(grid, value)) })
  return runWindows(name, windowsOf(samplesOf(points(list)), grid, range * MS), cx)[0] as number | undefined
}

const counter = [
  [0, 10],
  [60, 20],
  [120, 35],
  [180, 5],
  [240, 15],
] as const

describe('rates of a counter that was reset', () => {
  test.each<[string, number, number, number | undefined]>([
    // name, end, range, want. 35-20 + 20 before the reset, …
    // samples of (0, 240]: 20, 35, 5, 15: 15 - 20 + 35 = 30 in 180 s, threshold 66 s: all of 240 s
    ['increase', 240, 240, 40],
    ['rate', 240, 240, 40 / 240],
    ['delta', 240, 240, (-5 * 240) / 180],
    // one sample isn't enough
    ['rate', 60, 60, undefined],
    ['increase', 240, 60, undefined],
    ['irate', 240, 240, 10 / 60],
    ['idelta', 240, 240, 10],
    // the reset is between the last two
    ['irate', 180, 240, 5 / 60],
    ['idelta', 180, 240, -30],
    ['irate', 60, 60, undefined],
    ['resets', 240, 240, 1],
    ['changes', 240, 240, 3],
    ['resets', 240, 60, 0],
    ['resets', 300, 60, undefined],
  ])('%s at %d over %d', (name, at, range, want) => {
    const got = evaluate(name, { points: counter, range, at })
    if (want === undefined) expect(got).toBeUndefined()
    else expect(got).toBeCloseTo(want, 12)
  })
})

describe('how far a rate is extended', () => {
  test.each<[string, Case['points'], number, number, number]>([
    // as far as the edge where it is nearer than 1.1 of the distance between samples
    [
      'to the edges',
      [
        [10, 100],
        [20, 200],
        [30, 300],
      ],
      30,
      35,
      (200 * 30) / 20,
    ],
    // half a distance where the edge is farther
    [
      'half a distance',
      [
        [40, 100],
        [50, 200],
      ],
      60,
      80,
      (100 * 20) / 10,
    ],
    // a counter wasn't below zero: 2 of 100 in 20 s reach zero 0.4 s before
    [
      'to zero',
      [
        [10, 2],
        [20, 52],
        [30, 102],
      ],
      29,
      32,
      (100 * (20 + 0.4 + 2)) / 20,
    ],
    // the same value is no growth
    [
      'flat',
      [
        [10, 7],
        [20, 7],
      ],
      20,
      25,
      0,
    ],
  ])('%s', (_, list, range, at, want) => {
    expect(evaluate('increase', { points: list, range, at })).toBeCloseTo(want, 10)
  })
})

describe('start timestamps', () => {
  test.each<[string, string, Case['points'], number | undefined]>([
    // began at 20 within the window of (0, 60]: all of the first sample is growth, from 20 on
    [
      'increase',
      'begins in the window',
      [
        [30, 5, 20],
        [60, 11, 20],
      ],
      11,
    ],
    ['increase', 'one sample is enough', [[60, 4, 20]], 4],
    ['increase', 'unknown', [[60, 4, 0]], undefined],
    ['increase', 'the start is the sample: unknown', [[60, 4, 60]], undefined],
    // a reset that the values hide
    [
      'resets',
      'hidden',
      [
        [20, 5, 1],
        [40, 8, 30],
        [60, 9, 30],
      ],
      1,
    ],
    [
      'resets',
      'delta',
      [
        [20, 5, 1],
        [40, 8, 20],
        [60, 9, 40],
      ],
      2,
    ],
    [
      'resets',
      'unknown before',
      [
        [20, 5, 0],
        [40, 8, 20],
        [60, 9, 20],
      ],
      0,
    ],
    [
      'irate',
      'hidden',
      [
        [20, 5, 1],
        [40, 8, 30],
      ],
      8 / 20,
    ],
    [
      'idelta',
      'not asked',
      [
        [20, 5, 1],
        [40, 8, 30],
      ],
      3,
    ],
    [
      'increase',
      'hidden',
      [
        [20, 6, -100],
        [40, 9, 30],
        [60, 12, 30],
      ],
      ((12 - 6 + 6) * 60) / 40,
    ],
  ])('%s, %s', (name, _, list, want) => {
    const got = evaluate(name, { points: list, range: 60, at: 60 })
    if (want === undefined) expect(got).toBeUndefined()
    else expect(got).toBeCloseTo(want, 12)
  })

  test('what overlaps is said, once for every step', () => {
    const grid = { start: 60 * MS, step: 20 * MS, steps: 3 }
    const cx = contextOf(grid)
    const labels = Labels.from({ __name__: 'x_total' })
    runWindows(
      'rate',
      windowsOf(
        samplesOf(
          points([
            [20, 1, 10],
            [40, 2, 15],
            [60, 3, 15],
            [80, 4, 15],
          ]),
        ),
        grid,
        50 * MS,
        undefined,
        labels,
      ),
      cx,
    )
    const text = 'PromQL warning: sample has start time that overlaps with previous sample timestamp for metric "x_total"'
    expect(saidOf(cx.annotations)).toEqual([`1: ${text}`])
  })
})

const plain: Case['points'] = [
  [10, 3],
  [20, -1],
  [30, 4],
  [40, -1],
  [50, 5],
]
const nans: Case['points'] = [
  [10, nan],
  [20, 2],
  [30, nan],
  [40, 1],
]
const onlyNans: Case['points'] = [
  [10, nan],
  [20, nan],
]

describe('over time', () => {
  test.each<[string, Case['points'], readonly number[], number | undefined]>([
    ['sum_over_time', plain, [], 10],
    ['avg_over_time', plain, [], 2],
    ['count_over_time', plain, [], 5],
    ['min_over_time', plain, [], -1],
    ['max_over_time', plain, [], 5],
    ['last_over_time', plain, [], 5],
    ['first_over_time', plain, [], 3],
    ['present_over_time', plain, [], 1],
    ['ts_of_first_over_time', plain, [], 10],
    ['ts_of_last_over_time', plain, [], 50],
    ['ts_of_min_over_time', plain, [], 40],
    ['ts_of_max_over_time', plain, [], 50],
    ['stdvar_over_time', plain, [], 6.4],
    ['stddev_over_time', plain, [], Math.sqrt(6.4)],
    // sorted: -1 -1 3 4 5; distances from 3: 0 1 2 4 4
    ['mad_over_time', plain, [], 2],
    ['quantile_over_time', plain, [0.5], 3],
    ['quantile_over_time', plain, [0.625], 3.5],
    ['quantile_over_time', plain, [-0.1], -inf],
    ['quantile_over_time', plain, [1.1], inf],
    ['quantile_over_time', plain, [nan], nan],
    ['min_over_time', nans, [], 1],
    ['max_over_time', nans, [], 2],
    ['max_over_time', onlyNans, [], nan],
    ['ts_of_max_over_time', onlyNans, [], 20],
    ['ts_of_min_over_time', nans, [], 40],
    ['sum_over_time', nans, [], nan],
    ['mad_over_time', nans, [], nan],
    // NaN first: NaN NaN 1 2
    ['quantile_over_time', nans, [1], 2],
    ['quantile_over_time', nans, [0], nan],
    ['changes', nans, [], 3],
    ['changes', onlyNans, [], 0],
    // what a plain sum loses
    [
      'sum_over_time',
      [
        [10, 1],
        [20, 1e100],
        [30, 1],
        [40, -1e100],
      ],
      [],
      2,
    ],
    [
      'avg_over_time',
      [
        [10, 1],
        [20, 1e100],
        [30, 1],
        [40, -1e100],
      ],
      [],
      0.5,
    ],
    [
      'sum_over_time',
      [
        [10, 1e308],
        [20, 1e308],
      ],
      [],
      inf,
    ],
    [
      'avg_over_time',
      [
        [10, 1e308],
        [20, 1e308],
        [30, 1e308],
      ],
      [],
      1e308,
    ],
    [
      'avg_over_time',
      [
        [10, inf],
        [20, 1],
      ],
      [],
      inf,
    ],
    [
      'avg_over_time',
      [
        [10, inf],
        [20, -inf],
      ],
      [],
      nan,
    ],
    [
      'mad_over_time',
      [
        [10, 1],
        [20, inf],
        [30, inf],
        [40, 2],
      ],
      [],
      nan,
    ],
    ['mad_over_time', [[10, 7]], [], 0],
    [
      'deriv',
      [
        [10, 1],
        [20, 2],
        [30, 3],
      ],
      [],
      0.1,
    ],
    [
      'deriv',
      [
        [10, 4],
        [20, 4],
      ],
      [],
      0,
    ],
    [
      'deriv',
      [
        [10, inf],
        [20, inf],
      ],
      [],
      nan,
    ],
    ['deriv', [[10, 1]], [], undefined],
    [
      'predict_linear',
      [
        [10, 1],
        [20, 2],
        [30, 3],
      ],
      [40],
      10,
    ],
    [
      'predict_linear',
      [
        [10, 4],
        [20, 4],
      ],
      [40],
      4,
    ],
    ['predict_linear', [[10, 4]], [40], undefined],
    [
      'double_exponential_smoothing',
      [
        [10, 0],
        [20, 10],
        [30, 20],
        [40, 30],
      ],
      [0.01, 0.1],
      30,
    ],
    [
      'double_exponential_smoothing',
      [
        [10, 1],
        [20, 2],
        [30, 1],
      ],
      [0.5, 0.5],
      0.5 * 1 + 0.5 * (2 + (0.5 * 1 + 0.5 * 1)),
    ],
    ['double_exponential_smoothing', [[10, 1]], [0.5, 0.5], undefined],
  ])('%s of %j with %j', (name, list, scalars, want) => {
    const got = evaluate(name, { points: list, range: 60, at: 60, scalars })
    if (want === undefined) expect(got).toBeUndefined()
    else if (Number.isFinite(want)) expect(got).toBeCloseTo(want, 12)
    else expect(got).toBe(want)
  })

  test('an empty window has no result', () => {
    const empty: Case = { points: plain, range: 5, at: 100, scalars: [0.5, 0.5] }
    const names = [
      'sum_over_time',
      'avg_over_time',
      'count_over_time',
      'max_over_time',
      'last_over_time',
      'quantile_over_time',
      'rate',
      'changes',
    ]
    expect(names.map(name => evaluate(name, empty))).toEqual(names.map(() => undefined))
  })

  test.each([
    [[0, 0.5], 'invalid smoothing factor. Expected: 0 < sf < 1, got: 0.000000'],
    [[0.5, 1.5], 'invalid trend factor. Expected: 0 < tf < 1, got: 1.500000'],
    [[0.5, inf], 'invalid trend factor. Expected: 0 < tf < 1, got: +Inf'],
  ])('factors %j are refused', (scalars, message) => {
    expect(() => evaluate('double_exponential_smoothing', { points: plain, range: 60, at: 60, scalars })).toThrow(message)
  })

  test('a quantile that is none is said', () => {
    const grid = { start: 60 * MS, step: MS, steps: 1 }
    const cx = contextOf(grid, { scalars: [constant(grid, 2)] })
    runWindows('quantile_over_time', windowsOf(samplesOf(points(plain)), grid, 60 * MS), cx)
    expect(saidOf(cx.annotations)).toEqual(['1: PromQL warning: quantile value should be between 0 and 1, got 2'])
  })

  test.each([
    ['x', ['1: PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "x"']],
    ['x_total', []],
    ['x_bucket', []],
    ['', []],
  ])('the rate of %j', (name, said) => {
    const grid = { start: 60 * MS, step: MS, steps: 1 }
    const cx = contextOf(grid)
    runWindows('rate', windowsOf(samplesOf(points(plain)), grid, 60 * MS, undefined, Labels.from({ __name__: name })), cx)
    expect(saidOf(cx.annotations)).toEqual(said)
  })
})

describe('neighbours of the window', () => {
  const list = points([
    [0, 10],
    [60, 20],
    [120, 5],
    [180, 15],
  ])
  test.each<[string, 'anchored' | 'smoothed', number, number, number | undefined]>([
    // (30, 150]: from 10 at 0 to 5 at 120, with a reset at 20
    ['increase', 'anchored', 120, 150, 15],
    ['delta', 'anchored', 120, 150, -5],
    ['rate', 'anchored', 120, 150, 15 / 120],
    ['changes', 'anchored', 120, 150, 2],
    ['resets', 'anchored', 120, 150, 1],
    // 15 at 30 to 10 at 150: 20 - 15 and 10 after the reset
    ['increase', 'smoothed', 120, 150, 15],
    ['delta', 'smoothed', 120, 150, -5],
    ['rate', 'smoothed', 120, 150, 15 / 120],
    // the reset is on the way to the edge: 5 · 30/60 at 90
    ['increase', 'smoothed', 60, 90, 5 + 2.5],
    // nothing lies in the window, but around it
    ['increase', 'smoothed', 20, 40, 10 / 3],
    ['increase', 'anchored', 20, 40, undefined],
    ['changes', 'anchored', 20, 40, undefined],
    // the neighbour is farther than the lookback of 300 s
    ['increase', 'anchored', 60, 600, undefined],
    ['increase', 'smoothed', 60, 600, undefined],
  ])('%s %s over %d at %d', (name, modifier, range, at, want) => {
    const grid = { start: at * MS, step: MS, steps: 1 }
    const got = runWindows(name, windowsOf(samplesOf(list), grid, range * MS, modifier))[0] as number | undefined
    if (want === undefined) expect(got).toBeUndefined()
    else expect(got).toBeCloseTo(want, 12)
  })
})

describe('a coarser tier', () => {
  const tier = {
    step: 60_000,
    first: Float64Array.of(1, 4, 2),
    min: Float64Array.of(0, 1, -5),
    max: Float64Array.of(9, 8, 7),
    sum: Float64Array.of(12, 20, 8),
    count: Float64Array.of(4, 4, 2),
    increase: Float64Array.of(3, 10, 20),
  }
  const samples = {
    ...samplesOf(
      points([
        [60, 3],
        [120, 6],
        [180, 2],
      ]),
    ),
    tier,
  }
  const grid = { start: 180 * MS, step: MS, steps: 1 }
  test.each<[string, number, boolean]>([
    ['min_over_time', -5, true],
    ['max_over_time', 9, true],
    ['sum_over_time', 40, true],
    ['count_over_time', 10, true],
    ['avg_over_time', 4, true],
    ['first_over_time', 1, true],
    ['last_over_time', 2, true],
    // 10 + 20 in the 120 s between three samples; zero lies 120 · 3/30 s before the first
    ['increase', (30 * (120 + 12)) / 120, true],
    ['stdvar_over_time', 26 / 9, false],
    ['changes', 2, false],
    ['irate', 2 / 60, false],
    ['delta', -1.5, false],
  ])('%s', (name, want, exact) => {
    const cx = contextOf(grid)
    expect(runWindows(name, windowsOf(samples, grid, 180 * MS), cx)[0]).toBeCloseTo(want, 12)
    const text = `PromQL info: ${name} read the last sample of every 60s, since older samples are kept no finer`
    expect(saidOf(cx.annotations)).toEqual(exact ? [] : [`1: ${text}`])
  })
})

test('a bucket whose growth is unknown spoils no other', () => {
  const list = points([
    [60, 3],
    [120, 6],
    [180, 9],
  ])
  const tier = { step: 60_000, increase: Float64Array.of(Number.NaN, 3, 3) }
  const rest = {
    first: new Float64Array(3),
    min: new Float64Array(3),
    max: new Float64Array(3),
    sum: new Float64Array(3),
    count: new Float64Array(3),
  }
  const grid = { start: 180 * MS, step: MS, steps: 1 }
  expect(runWindows('delta', windowsOf({ ...samplesOf(list), tier: { ...rest, ...tier } }, grid, 121 * MS))[0]).toBeCloseTo(
    6 * (121 / 120),
    9,
  )
  expect(runWindows('increase', windowsOf({ ...samplesOf(list), tier: { ...rest, ...tier } }, grid, 121 * MS))[0]).toBeCloseTo(
    6 * (121 / 120),
    9,
  )
})

/** What each function is, said as plainly as possible over the points of one window. */
const naive: Record<string, (window: readonly Point[], from: number, to: number, scalars: readonly number[]) => number | undefined> = {
  sum_over_time: values(list => list.reduce((sum, x) => sum + x, 0)),
  avg_over_time: values(list => list.reduce((sum, x) => sum + x, 0) / list.length),
  min_over_time: values(list => Math.min(...list)),
  max_over_time: values(list => Math.max(...list)),
  count_over_time: values(list => list.length),
  last_over_time: values(list => list.at(-1)!),
  first_over_time: values(list => list[0]!),
  stdvar_over_time: values(variance),
  stddev_over_time: values(list => Math.sqrt(variance(list))),
  changes: values(list => list.filter((x, i) => i > 0 && x !== list[i - 1]).length),
  resets: values(list => list.filter((x, i) => i > 0 && x < list[i - 1]!).length),
  quantile_over_time: (window, _, __, [q]) =>
    window.length === 0
      ? undefined
      : quantileOf(
          q!,
          window.map(({ value }) => value),
        ),
  mad_over_time: values(list => {
    const median = quantileOf(0.5, list)
    return quantileOf(
      0.5,
      list.map(x => Math.abs(x - median)),
    )
  }),
  ts_of_max_over_time: window =>
    window.length === 0 ? undefined : window.findLast(({ value }) => value === Math.max(...window.map(point => point.value)))!.time / MS,
  ts_of_min_over_time: window =>
    window.length === 0 ? undefined : window.findLast(({ value }) => value === Math.min(...window.map(point => point.value)))!.time / MS,
  deriv: window => (window.length < 2 ? undefined : slopeOf(window)),
  predict_linear: (window, _, to, [seconds]) => {
    if (window.length < 2) return undefined
    const slope = slopeOf(window)
    const mean = window.reduce((sum, { value }) => sum + value, 0) / window.length
    const center = window.reduce((sum, { time }) => sum + time, 0) / window.length
    return mean + slope * ((to - center) / MS + seconds!)
  },
  increase: (window, from, to) => growth(window, from, to, true),
  rate: (window, from, to) => {
    const grown = growth(window, from, to, true)
    return grown === undefined ? undefined : grown / ((to - from) / MS)
  },
  delta: (window, from, to) => growth(window, from, to, false),
  irate: window => {
    if (window.length < 2) return undefined
    const [a, b] = window.slice(-2) as [Point, Point]
    return (b.value < a.value ? b.value : b.value - a.value) / ((b.time - a.time) / MS)
  },
}

function values(of: (list: number[]) => number) {
  return (window: readonly Point[]) => (window.length === 0 ? undefined : of(window.map(({ value }) => value)))
}

function variance(list: readonly number[]): number {
  const mean = list.reduce((sum, x) => sum + x, 0) / list.length
  return list.reduce((sum, x) => sum + (x - mean) ** 2, 0) / list.length
}

function quantileOf(q: number, list: readonly number[]): number {
  const sorted = list.toSorted((a, b) => a - b)
  const rank = q * (sorted.length - 1)
  const lower = sorted[Math.floor(rank)]!
  return lower + (sorted[Math.ceil(rank)]! - lower) * (rank - Math.floor(rank))
}

function slopeOf(window: readonly Point[]): number {
  const t = window.reduce((sum, { time }) => sum + time, 0) / window.length
  const v = window.reduce((sum, { value }) => sum + value, 0) / window.length
  const top = window.reduce((sum, { time, value }) => sum + (time - t) * (value - v), 0)
  return (top / window.reduce((sum, { time }) => sum + (time - t) ** 2, 0)) * MS
}

function growth(window: readonly Point[], from: number, to: number, isCounter: boolean): number | undefined {
  if (window.length < 2) return undefined
  const [first, last] = [window[0]!, window.at(-1)!]
  let grown = last.value - first.value
  if (isCounter) for (let i = 1; i < window.length; i++) if (window[i]!.value < window[i - 1]!.value) grown += window[i - 1]!.value
  const sampled = last.time - first.time
  const between = sampled / (window.length - 1)
  const near = (distance: number) => (distance < between * 1.1 ? distance : between / 2)
  let before = near(first.time - from)
  if (isCounter && grown > 0 && first.value >= 0) before = Math.min(before, (sampled * first.value) / grown)
  return (grown * (sampled + before + near(to - last.time))) / sampled
}

describe('windows that slide are the windows one by one', () => {
  const random = seeded(20_260)
  const below = (limit: number) => Math.floor(random() * limit)
  const series = (length: number): Point[] => {
    let time = 0
    return Array.from({ length }, () => ({ time: (time += 1 + below(30_000)), value: below(4) === 0 ? below(5) : below(1_000) / 8 }))
  }
  const rounds = Array.from({ length: 30 }, () => ({
    list: series(below(200)),
    grid: { start: below(400_000), step: 1 + below(90_000), steps: 1 + below(60) },
    range: 1 + below(300_000),
  }))
  test.each(Object.keys(naive))('%s', name => {
    let compared = 0
    for (const { list, grid, range } of rounds) {
      const scalars = name === 'predict_linear' ? [37] : [0.3]
      const cx = contextOf(grid, { scalars: scalars.map(value => constant(grid, value)) })
      const windows = windowsOf(samplesOf(list), grid, range)
      const got = runWindows(name, windows, cx)
      for (const [step, cell] of got.entries()) {
        const [from, to] = [windows.from[step]!, windows.to[step]!]
        const want = naive[name]!(
          list.filter(({ time }) => from < time && time <= to),
          from,
          to,
          scalars,
        )
        if (want === undefined) expect(cell).toBeUndefined()
        else {
          expect(Math.abs((cell as number) - want)).toBeLessThanOrEqual(1e-9 * Math.max(1, Math.abs(want)))
          compared++
        }
      }
    }
    expect(compared).toBeGreaterThan(300)
  })
})
