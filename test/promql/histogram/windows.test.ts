import { describe, expect, test } from 'vitest'
import { Labels } from '../../../src/model/labels.ts'
import { parseHistogram, printHistogram } from '../../../src/promql/histogram/text.ts'
import type { Windows } from '../../../src/promql/kernel.ts'
import { contextOf, type Point, runWindows, saidOf, samplesOf, windowsOf } from '../functions/kit.ts'

/** `[seconds, histogram or number, start in seconds]` */
type Sample = readonly [seconds: number, value: string | number, start?: number]

const pointOf = ([seconds, value, start = 0]: Sample): Point =>
  typeof value === 'number'
    ? { time: seconds * 1000, value, start: start * 1000 }
    : { time: seconds * 1000, value: Number.NaN, start: start * 1000, histogram: parseHistogram(`{{${value}}}`).histogram }

/** The function over (0 s, 60 s] of a metric called m, unless told otherwise. */
function run(name: string, samples: readonly Sample[], modifier?: Windows['modifier'], from = 0, to = 60) {
  const grid = { start: to * 1000, step: 1, steps: 1 }
  const cx = contextOf(grid)
  const windows = windowsOf(samplesOf(samples.map(pointOf)), grid, (to - from) * 1000, modifier, Labels.from({ __name__: 'm' }))
  const [cell] = runWindows(name, windows, cx)
  return { cell: typeof cell === 'object' ? printHistogram(cell).slice(2, -2) : cell, said: saidOf(cx.annotations) }
}

const notCounter = '1: PromQL warning: this native histogram metric is not a counter: "m"'
const notGauge = '1: PromQL warning: this native histogram metric is not a gauge: "m"'
const mixedSchemas =
  '1: PromQL warning: vector contains a mix of histograms with exponential and custom buckets schemas for metric name "m"'
const mixedFloats = '1: PromQL warning: encountered a mix of histograms and floats for metric name "m"'
const overlap = '1: PromQL warning: sample has start time that overlaps with previous sample timestamp for metric "m"'
const reconciled = (operation: string) => `1: PromQL info: mismatched custom buckets were reconciled during ${operation}`
const collision = '1: PromQL warning: conflicting counter resets during histogram aggregation'
const gauge = 'counter_reset_hint:gauge'

describe('rates of histograms', () => {
  const steady: Sample[] = [
    [15, 'count:2 sum:4 buckets:[2]'],
    [30, 'count:4 sum:6 buckets:[2 2]'],
    [45, 'count:6 sum:8 buckets:[2 4]'],
    [60, 'count:8 sum:10 buckets:[2 6]'],
  ]
  test.each<[string, string, Sample[], string | undefined, string[]]>([
    ['increase is extended to the edges of the window', 'increase', steady, `count:8 sum:8 ${gauge} offset:1 buckets:[8]`, []],
    [
      'rate is increase by the second',
      'rate',
      [
        [15, 'count:2'],
        [30, 'count:17'],
        [60, 'count:47'],
      ],
      `count:0.7833333333333334 ${gauge}`,
      [],
    ],
    [
      'a reset adds what was before it',
      'increase',
      [
        [15, 'count:3 buckets:[3]'],
        [30, 'count:6 buckets:[6]'],
        [45, 'count:2 buckets:[2]'],
        [60, 'count:5 buckets:[5]'],
      ],
      `count:10.666666666666666 ${gauge} buckets:[10.666666666666666]`,
      [],
    ],
    [
      'a reset after the first sample leaves it out, whatever its shape',
      'increase',
      [
        [20, 'schema:-53 count:9 custom_values:[1] buckets:[9]'],
        [40, 'count:2 buckets:[2]'],
        [60, 'count:4 buckets:[4]'],
      ],
      `count:6 ${gauge} buckets:[6]`,
      [],
    ],
    [
      'the lowest resolution of all is taken',
      'increase',
      [
        [15, 'schema:1 count:2 buckets:[0 1 1]'],
        [30, 'schema:0 count:3 buckets:[0 3]'],
        [60, 'schema:0 count:5 buckets:[0 5]'],
      ],
      `count:4 ${gauge} offset:1 buckets:[4]`,
      [],
    ],
    [
      'a gauge is no counter',
      'increase',
      [
        [15, `count:0 ${gauge}`],
        [60, `count:3 ${gauge}`],
      ],
      `count:3 ${gauge}`,
      [notCounter],
    ],
    [
      'a gauge between counters is no counter',
      'increase',
      [
        [20, 'count:0'],
        [40, `count:3 ${gauge}`],
        [60, 'count:6'],
      ],
      `count:6 ${gauge}`,
      [notCounter],
    ],
    [
      'delta of counters is warned of',
      'delta',
      [
        [20, 'count:6'],
        [60, 'count:2'],
      ],
      `count:-6 ${gauge}`,
      [notGauge],
    ],
    [
      'delta of gauges',
      'delta',
      [
        [20, `count:6 ${gauge}`],
        [60, `count:2 ${gauge}`],
      ],
      `count:-6 ${gauge}`,
      [],
    ],
    ['one sample is not enough', 'rate', [[30, 'count:1']], undefined, []],
    [
      'exponential after custom buckets with resets',
      'increase',
      [
        [20, 'count:1'],
        [40, 'count:2'],
        [60, 'schema:-53 count:3 custom_values:[1] buckets:[3]'],
      ],
      undefined,
      [mixedSchemas],
    ],
    [
      'custom between exponential buckets',
      'increase',
      [
        [15, 'count:1'],
        [30, 'count:2'],
        [45, 'schema:-53 count:3 custom_values:[1] buckets:[3]'],
        [60, 'count:4'],
      ],
      undefined,
      [mixedSchemas],
    ],
    [
      'floats and histograms',
      'increase',
      [
        [20, 1],
        [40, 'count:2'],
        [60, 'count:3'],
      ],
      undefined,
      [mixedFloats],
    ],
    [
      'custom bounds that differ are reconciled',
      'increase',
      [
        [20, 'schema:-53 count:0 custom_values:[1 2]'],
        [60, 'schema:-53 count:2 custom_values:[1] buckets:[1 1]'],
      ],
      `schema:-53 count:2 custom_values:[1] ${gauge} buckets:[1 1]`,
      [reconciled('subtraction')],
    ],
    [
      'custom bounds that differ at a reset are reconciled',
      'increase',
      [
        [15, 'schema:-53 count:1 custom_values:[1] buckets:[1]'],
        [30, 'schema:-53 count:2 custom_values:[1 2] buckets:[2]'],
        [60, 'schema:-53 count:1 custom_values:[1] buckets:[1]'],
      ],
      `schema:-53 count:2.6666666666666665 custom_values:[1] ${gauge} buckets:[2.6666666666666665]`,
      [reconciled('addition')],
    ],
  ])('%s', (_, name, samples, result, said) => {
    expect(run(name, samples)).toEqual({ cell: result, said })
  })

  test('a start timestamp within the window counts the first sample', () => {
    expect(run('increase', [[30, 'count:3 buckets:[3]', 10]])).toEqual({ cell: 'count:3 buckets:[3]', said: [] })
    expect(
      run('increase', [
        [30, 'count:3', 10],
        [60, 'count:5', 10],
      ]),
    ).toEqual({ cell: `count:5 ${gauge}`, said: [] })
  })

  test('a first sample that counts has to go with the others', () => {
    const custom = 'schema:-53 count:4 custom_values:[1] buckets:[4]'
    expect(
      run('increase', [
        [20, 'count:3', 10],
        [40, custom, 20],
        [60, custom, 20],
      ]),
    ).toEqual({ cell: undefined, said: [mixedSchemas] })
  })

  test('a start timestamp says that there was a reset, and is warned of where it overlaps', () => {
    expect(
      run('increase', [
        [20, 'count:3', -60],
        [40, 'count:5', 30],
        [60, 'count:7', 30],
      ]),
    ).toEqual({ cell: `count:9.999999999999998 ${gauge}`, said: [] })
    expect(
      run('increase', [
        [20, 'count:3', -60],
        [40, 'count:5', 10],
        [60, 'count:7', 10],
      ]).said,
    ).toEqual([overlap])
  })

  test.each<[string, string, Sample[], string | undefined, string[]]>([
    [
      'irate',
      'irate',
      [
        [30, 'count:1 buckets:[1]'],
        [40, 'count:6 buckets:[6]'],
      ],
      `count:0.5 ${gauge} buckets:[0.5]`,
      [],
    ],
    [
      'irate after a reset',
      'irate',
      [
        [30, 'count:6'],
        [40, 'count:5'],
      ],
      `count:0.5 ${gauge}`,
      [],
    ],
    [
      'irate of gauges',
      'irate',
      [
        [30, `count:1 ${gauge}`],
        [40, 'count:6'],
      ],
      `count:0.5 ${gauge}`,
      [notCounter],
    ],
    [
      'idelta',
      'idelta',
      [
        [30, `count:6 ${gauge}`],
        [40, `count:5 ${gauge}`],
      ],
      `count:-1 ${gauge}`,
      [],
    ],
    [
      'idelta of counters',
      'idelta',
      [
        [30, 'count:6'],
        [40, `count:5 ${gauge}`],
      ],
      `count:-1 ${gauge}`,
      [notGauge],
    ],
    [
      'of float and histogram',
      'irate',
      [
        [30, 1],
        [40, 'count:5'],
      ],
      undefined,
      [mixedFloats],
    ],
    [
      'of exponential and custom buckets',
      'idelta',
      [
        [30, `count:1 ${gauge}`],
        [40, `schema:-53 count:5 ${gauge}`],
      ],
      undefined,
      [mixedSchemas],
    ],
    [
      'of custom bounds that differ',
      'irate',
      [
        [30, 'schema:-53 custom_values:[1 2]'],
        [40, 'schema:-53 custom_values:[2]'],
      ],
      `schema:-53 custom_values:[2] ${gauge}`,
      [reconciled('subtraction')],
    ],
  ])('the last two: %s', (_, name, samples, cell, said) => {
    expect(run(name, samples)).toEqual({ cell, said })
  })
})

describe('rates of anchored and smoothed histograms', () => {
  const line: Sample[] = [
    [-10, 'count:0'],
    [20, 'count:30 buckets:[30]'],
    [50, 'count:60 buckets:[60]'],
    [80, 'count:90 buckets:[90]'],
  ]
  test.each<[string, Windows['modifier'], string, Sample[], string | undefined, string[]]>([
    ['anchored', 'anchored', 'increase', line, `count:60 ${gauge} buckets:[60]`, []],
    ['smoothed', 'smoothed', 'increase', line, `count:60 ${gauge} buckets:[60]`, []],
    ['smoothed rate', 'smoothed', 'rate', line, `count:1 ${gauge} buckets:[1]`, []],
    [
      'anchored with a reset',
      'anchored',
      'increase',
      [
        [0, 'count:5'],
        [20, 'count:8'],
        [40, 'count:2'],
        [60, 'count:3'],
      ],
      `count:6 ${gauge}`,
      [],
    ],
    [
      'smoothed with a reset across the begin',
      'smoothed',
      'increase',
      [
        [-10, 'count:50'],
        [10, 'count:20'],
        [60, 'count:70'],
      ],
      `count:60 ${gauge}`,
      [],
    ],
    [
      'smoothed with a reset across the end',
      'smoothed',
      'increase',
      [
        [0, 'count:50'],
        [40, 'count:90'],
        [80, 'count:20'],
      ],
      `count:50 ${gauge}`,
      [],
    ],
    ['one sample at the anchor', 'anchored', 'increase', [[-5, 'count:1']], undefined, []],
    ['smoothed after all', 'smoothed', 'increase', [[70, 'count:1']], undefined, []],
    [
      'delta of counters',
      'anchored',
      'delta',
      [
        [0, 'count:5'],
        [60, 'count:2'],
      ],
      `count:-3 ${gauge}`,
      [notGauge],
    ],
    [
      'increase of gauges',
      'anchored',
      'increase',
      [
        [0, `count:5 ${gauge}`],
        [60, 'count:7'],
      ],
      `count:2 ${gauge}`,
      [notCounter],
    ],
    [
      'floats and histograms',
      'anchored',
      'increase',
      [
        [0, 1],
        [60, 'count:7'],
      ],
      undefined,
      [mixedFloats],
    ],
    [
      'exponential and custom buckets',
      'smoothed',
      'increase',
      [
        [0, 'count:1'],
        [60, 'schema:-53 count:7'],
      ],
      undefined,
      [mixedSchemas],
    ],
    [
      'custom bounds that differ',
      'anchored',
      'increase',
      [
        [0, 'schema:-53 custom_values:[1 2]'],
        [60, 'schema:-53 custom_values:[2]'],
      ],
      `schema:-53 custom_values:[2] ${gauge}`,
      [reconciled('subtraction')],
    ],
  ])('%s', (_, modifier, name, samples, cell, said) => {
    expect(run(name, samples, modifier)).toEqual({ cell, said })
  })
})

describe('over time', () => {
  test.each<[string, string, Sample[], string | number | undefined, string[]]>([
    [
      'sum',
      'sum_over_time',
      [
        [10, 'count:1 sum:2 buckets:[1]'],
        [20, 'count:2 sum:3 buckets:[0 2]'],
      ],
      'count:3 sum:5 buckets:[1 2]',
      [],
    ],
    [
      'mean',
      'avg_over_time',
      [
        [10, 'count:1 sum:2 buckets:[1]'],
        [20, 'count:2 sum:3 buckets:[0 2]'],
      ],
      'count:1.5 sum:2.5 buckets:[0.5 1]',
      [],
    ],
    [
      'of floats and histograms',
      'sum_over_time',
      [
        [10, 1],
        [20, 'count:2'],
      ],
      undefined,
      [mixedFloats],
    ],
    [
      'of exponential and custom buckets',
      'avg_over_time',
      [
        [10, 'count:1'],
        [20, 'schema:-53 count:2'],
      ],
      undefined,
      [mixedSchemas],
    ],
    [
      'of custom bounds that differ',
      'sum_over_time',
      [
        [10, 'schema:-53 custom_values:[1 2]'],
        [20, 'schema:-53 custom_values:[2]'],
      ],
      'schema:-53 custom_values:[2]',
      [reconciled('aggregation')],
    ],
    [
      'with resets that collide',
      'sum_over_time',
      [
        [10, 'count:1 counter_reset_hint:reset'],
        [20, 'count:2'],
        [30, 'count:3 counter_reset_hint:not_reset'],
      ],
      'count:6',
      [collision],
    ],
    [
      'changes',
      'changes',
      [
        [10, 'count:1'],
        [20, 'count:1'],
        [30, 'count:2'],
        [40, 1],
        [50, 1],
      ],
      2,
      [],
    ],
    [
      'resets',
      'resets',
      [
        [10, 'count:5'],
        [20, 'count:6'],
        [30, 'count:2'],
        [40, 1],
        [50, 'count:9'],
      ],
      3,
      [],
    ],
    [
      'count',
      'count_over_time',
      [
        [10, 'count:5'],
        [20, 1],
      ],
      2,
      [],
    ],
    [
      'last',
      'last_over_time',
      [
        [10, 1],
        [20, 'count:5'],
      ],
      'count:5',
      [],
    ],
  ])('%s', (_, name, samples, cell, said) => {
    expect(run(name, samples)).toEqual({ cell, said })
  })
})
