import { describe, expect, test } from 'vitest'
import { writeTime, writeValue } from '../../../src/api/prometheus/numbers.ts'
import { valueJson } from '../../../src/api/prometheus/write-value.ts'
import { Labels } from '../../../src/model/labels.ts'
import { apiNumber, parseHistogram } from '../../../src/promql/histogram/text.ts'
import { ABSENT, FLOAT, HISTOGRAM, type QueryValue, type Row } from '../../../src/promql/value.ts'
import { seeded } from '../../kit/context.ts'

const bytes = Buffer.alloc(64)
const shown = (value: number) => bytes.toString('latin1', 0, writeValue(bytes, 0, value))
const json = (value: QueryValue) => JSON.parse(`{${Buffer.concat([...valueJson(value)]).toString()}}`) as unknown

describe('numbers', () => {
  test.each<[number, string]>([
    [0, '0'],
    [-0, '-0'],
    [1, '1'],
    [-42, '-42'],
    [0.1, '0.1'],
    [-0.25, '-0.25'],
    [1.005, '1.005'],
    [100.5, '100.5'],
    [1234567.891, '1234567.891'],
    [0.1 + 0.2, '0.30000000000000004'],
    [0.001, '0.001'],
    [0.000001, '0.000001'],
    [9.999e-7, '9.999e-07'],
    [1e-8, '1e-08'],
    [5e-324, '5e-324'],
    [1e15, '1000000000000000'],
    [999999999999999, '999999999999999'],
    [2 ** 53, '9007199254740992'],
    [1e20, '100000000000000000000'],
    [1e21, '1e+21'],
    [1.7976931348623157e308, '1.7976931348623157e+308'],
    [Number.NaN, 'NaN'],
    [Number.POSITIVE_INFINITY, '+Inf'],
    [Number.NEGATIVE_INFINITY, '-Inf'],
  ])('%d', (value, text) => expect(shown(value)).toBe(text))

  test('every number is what the slow way says', () => {
    const random = seeded(3)
    const bits = new DataView(new ArrayBuffer(8))
    for (let round = 0; round < 50_000; round++) {
      bits.setUint32(0, random() * 2 ** 32)
      bits.setUint32(4, random() * 2 ** 32)
      const digits = Math.floor(random() * 9)
      const values = [
        bits.getFloat64(0),
        Math.round(random() * 1e12) / 10 ** digits,
        random() * 10 ** digits,
        Math.floor(random() * 2 ** 53),
      ]
      for (const value of values) if (shown(value) !== apiNumber(value)) expect(shown(value)).toBe(apiNumber(value))
    }
  })

  test.each<[number, string]>([
    [0, '0'],
    [1435781451781, '1435781451.781'],
    [1435781451000, '1435781451'],
    [1005, '1.005'],
    [50, '0.050'],
    [-1500, '-1.500'],
    [-7, '-0.007'],
    [253402300799999, '253402300799.999'],
  ])('time %d', (time, text) => expect(bytes.toString('latin1', 0, writeTime(bytes, 0, time))).toBe(text))
})

const a = Labels.from({ __name__: 'a', le: 'ü"\\\n' })
const histogram = parseHistogram('{{schema:0 sum:5 count:4 z_bucket:1 z_bucket_w:0.001 buckets:[1 2] n_buckets:[1]}}').histogram

const row = (labels: Labels, points: (number | undefined | typeof histogram)[], dropName = false): Row => ({
  labels,
  dropName,
  kind: Uint8Array.from(points, point => (point === undefined ? ABSENT : typeof point === 'number' ? FLOAT : HISTOGRAM)),
  value: Float64Array.from(points, point => (typeof point === 'number' ? point : Number.NaN)),
  histograms: points.some(point => typeof point === 'object')
    ? points.map(point => (typeof point === 'object' ? point : undefined))
    : undefined,
})

describe('values', () => {
  const grid = { start: 1000, step: 1500, steps: 4 }
  const buckets = [
    [1, '-1', '-0.5', '1'],
    [3, '-0.001', '0.001', '1'],
    [0, '0.5', '1', '1'],
    [0, '1', '2', '2'],
  ]
  test('scalar and string', () => {
    expect(json({ type: 'scalar', time: 1500, value: Number.POSITIVE_INFINITY })).toEqual({ resultType: 'scalar', result: [1.5, '+Inf'] })
    expect(json({ type: 'string', time: 2000, value: 'a"\ud83d\ude00' })).toEqual({ resultType: 'string', result: [2, 'a"😀'] })
  })
  test.each<[number, string]>([
    [1e21, '1000000000000000000000'],
    [-1.5e22, '-15000000000000000000000'],
    [1e-7, '0.0000001'],
    [Number.NaN, 'NaN'],
    [-0, '-0'],
  ])('a scalar has no exponent: %d', (value, text) =>
    expect(json({ type: 'scalar', time: 0, value })).toEqual({ resultType: 'scalar', result: [0, text] }),
  )
  test('bytes that are no UTF-8 are replacement characters', () => {
    expect(json({ type: 'string', time: 0, value: 'a\udcffb' })).toEqual({ resultType: 'string', result: [0, 'a\ufffdb'] })
    expect(json({ type: 'vector', time: 0, rows: [row(Labels.from({ a: '\udcff\udcfe' }), [1])] })).toMatchObject({
      result: [{ metric: { a: '\ufffd\ufffd' } }],
    })
  })
  test('vector', () => {
    const rows = [row(a, [0.5]), row(Labels.empty, [undefined]), row(Labels.empty, [histogram])]
    expect(json({ type: 'vector', time: 1500, rows })).toEqual({
      resultType: 'vector',
      result: [
        { metric: { __name__: 'a', le: 'ü"\\\n' }, value: [1.5, '0.5'] },
        { metric: {}, histogram: [1.5, { count: '4', sum: '5', buckets }] },
      ],
    })
    expect(json({ type: 'vector', time: 0, rows: [] })).toEqual({ resultType: 'vector', result: [] })
  })
  test('matrix: gaps, repeats, histograms among numbers, rows without a point', () => {
    const rows = [
      row(a, [0, -0, undefined, 7]),
      row(Labels.empty, [undefined, undefined, undefined, undefined]),
      row(Labels.empty, [7, 7, histogram, Number.NaN]),
    ]
    expect(json({ type: 'matrix', grid, rows })).toEqual({
      resultType: 'matrix',
      result: [
        {
          metric: { __name__: 'a', le: 'ü"\\\n' },
          values: [
            [1, '0'],
            [2.5, '-0'],
            [5.5, '7'],
          ],
        },
        {
          metric: {},
          values: [
            [1, '7'],
            [2.5, '7'],
            [5.5, 'NaN'],
          ],
          histograms: [[4, { count: '4', sum: '5', buckets }]],
        },
      ],
    })
  })
  test('series of a range selector', () => {
    const time = Float64Array.of(1, 1001, 2002)
    const series = [
      { labels: a, time, value: Float64Array.of(1, 2, 3), histograms: undefined },
      { labels: a, time: new Float64Array(), value: new Float64Array(), histograms: undefined },
      { labels: Labels.empty, time, value: Float64Array.of(1, Number.NaN, 3), histograms: [undefined, histogram, undefined] },
    ]
    expect(json({ type: 'series', series })).toEqual({
      resultType: 'matrix',
      result: [
        {
          metric: { __name__: 'a', le: 'ü"\\\n' },
          values: [
            [0.001, '1'],
            [1.001, '2'],
            [2.002, '3'],
          ],
        },
        {
          metric: {},
          values: [
            [0.001, '1'],
            [2.002, '3'],
          ],
          histograms: [[1.001, { count: '4', sum: '5', buckets }]],
        },
      ],
    })
  })
  test('long ones come in pieces that are one document', () => {
    const random = seeded(5)
    const steps = 3000
    const points = Array.from({ length: steps }, (_, i) => (i % 7 === 0 ? undefined : i % 3 === 0 ? 1e9 : random()))
    const value: QueryValue = {
      type: 'matrix',
      grid: { start: 0, step: 1000, steps },
      rows: Array.from({ length: 40 }, (_, i) => row(Labels.from({ i: String(i) }), points)),
    }
    const pieces = [...valueJson(value)]
    expect(pieces.length).toBeGreaterThan(10)
    const expected = points.flatMap((point, i) => (point === undefined ? [] : [[i, apiNumber(point)]]))
    expect((json(value) as { result: unknown[] }).result).toEqual(
      Array.from({ length: 40 }, (_, i) => ({ metric: { i: String(i) }, values: expected })),
    )
  })
})
