import { describe, expect, test } from 'vitest'
import { CUSTOM_BUCKETS_SCHEMA } from '../../../src/model/float-histogram.ts'
import {
  apiHistogram,
  apiNumber,
  emptyHistogram,
  HistogramLiteralError,
  parseHistogram,
  printHistogram,
  showHistogram,
} from '../../../src/promql/histogram/text.ts'

describe('a histogram literal', () => {
  test('is read key by key', () => {
    const text =
      '{{schema:1 sum:-0.3 count:32.1 z_bucket:7.1 z_bucket_w:0.05 buckets:[5.1 10 7] offset:-3 n_buckets:[4.1 5] n_offset:-5 counter_reset_hint:gauge}}'
    expect(parseHistogram(text)).toEqual({
      hintWritten: true,
      end: text.length,
      histogram: {
        schema: 1,
        count: 32.1,
        sum: -0.3,
        zeroThreshold: 0.05,
        zeroCount: 7.1,
        positiveSpans: [{ offset: -3, length: 3 }],
        positiveCounts: [5.1, 10, 7],
        negativeSpans: [{ offset: -5, length: 2 }],
        negativeCounts: [4.1, 5],
        customBounds: [],
        resetHint: 'gauge',
      },
    })
  })

  test('may be empty', () => {
    for (const text of ['{{}}', '{{ }}']) {
      expect(parseHistogram(text)).toEqual({ hintWritten: false, end: text.length, histogram: emptyHistogram })
    }
  })

  test('may have custom buckets, infinities and NaN, with spaces in lists', () => {
    const { histogram } = parseHistogram('{{schema:-53 sum:NaN count:Inf custom_values:[5 10 ] buckets:[1 -inf 0x10]}}')
    expect(histogram).toMatchObject({
      schema: CUSTOM_BUCKETS_SCHEMA,
      sum: Number.NaN,
      count: Number.POSITIVE_INFINITY,
      customBounds: [5, 10],
    })
    expect(histogram.positiveCounts).toEqual([1, Number.NEGATIVE_INFINITY, 16])
  })

  test('is found where it begins, and ends before what follows', () => {
    const text = 'm {{count:1}}+{{count:2}}x3'
    const first = parseHistogram(text, 2)
    expect(text.slice(first.end)).toBe('+{{count:2}}x3')
    const second = parseHistogram(text, first.end + 1)
    expect(second.histogram.count).toBe(2)
    expect(text.slice(second.end)).toBe('x3')
  })

  test.each([
    ['{count:1}}', 0, 'a histogram begins with "{{"'],
    ['{{count:1', 9, 'the histogram is not closed with "}}"'],
    ['{{count:1 count:2}}', 10, 'duplicate key "count" in histogram'],
    ['{{size:1}}', 2, 'bad histogram descriptor found: "size"'],
    ['{{count 1}}', 7, 'missing `:` for histogram descriptor'],
    ['{{count:one}}', 8, "histogram description incomplete unexpected: 'o'"],
    ['{{z_bucket_w:-1}}', 13, "histogram description incomplete unexpected: '-'"],
    ['{{schema:1.5}}', 10, "histogram description incomplete unexpected: '.'"],
    ['{{buckets:5}}', 10, "histogram description incomplete unexpected: '5'"],
    ['{{buckets:[]}}', 11, "histogram description incomplete unexpected: ']'"],
    ['{{buckets:[1,2]}}', 12, "histogram description incomplete unexpected: ','"],
    ['{{counter_reset_hint:maybe}}', 21, "histogram description incomplete unexpected: 'm'"],
  ])('%s is refused', (text, at, message) => {
    let thrown: unknown
    try {
      parseHistogram(text)
    } catch (error) {
      thrown = error
    }
    expect(thrown).toBeInstanceOf(HistogramLiteralError)
    expect(thrown).toMatchObject({ at, message })
  })

  test.each([
    '{{}}',
    '{{schema:3 count:1e+07 sum:-2.5 z_bucket:1 z_bucket_w:0.001 offset:-2 buckets:[1 0 0 2] n_offset:4 n_buckets:[1]}}',
    '{{schema:-53 count:3 sum:4 custom_values:[0.5 1] counter_reset_hint:not_reset buckets:[1 0 2]}}',
  ])('%s is printed as it was read', text => {
    expect(printHistogram(parseHistogram(text).histogram)).toBe(text)
  })

  test('is printed without what is empty around its buckets', () => {
    expect(printHistogram(parseHistogram('{{buckets:[0 0 1 0 2 0]}}').histogram)).toBe('{{offset:2 buckets:[1 0 2]}}')
  })
})

describe('a histogram is shown', () => {
  const both = parseHistogram(
    '{{schema:0 count:21 sum:5.5 z_bucket:3 z_bucket_w:0.25 offset:-1 buckets:[1 0 6] n_buckets:[4 7]}}',
  ).histogram
  const custom = parseHistogram('{{schema:-53 count:6 sum:1e9 custom_values:[-5 10] buckets:[1 2 3]}}').histogram

  test('as text, in ascending order and without empty buckets', () => {
    expect(showHistogram(both)).toBe('{count:21, sum:5.5, [-2,-1):7, [-1,-0.5):4, [-0.25,0.25]:3, (0.25,0.5]:1, (1,2]:6}')
    expect(showHistogram(custom)).toBe('{count:6, sum:1e+09, [-Inf,-5]:1, (-5,10]:2, (10,+Inf]:3}')
    expect(showHistogram(emptyHistogram)).toBe('{count:0, sum:0}')
  })

  test('as JSON of the HTTP API', () => {
    expect(apiHistogram(both)).toEqual({
      count: '21',
      sum: '5.5',
      buckets: [
        [1, '-2', '-1', '7'],
        [1, '-1', '-0.5', '4'],
        [3, '-0.25', '0.25', '3'],
        [0, '0.25', '0.5', '1'],
        [0, '1', '2', '6'],
      ],
    })
    expect(apiHistogram(custom).buckets).toEqual([
      [3, '-Inf', '-5', '1'],
      [0, '-5', '10', '2'],
      [0, '10', '+Inf', '3'],
    ])
    expect(apiHistogram(emptyHistogram)).toEqual({ count: '0', sum: '0' })
  })

  test('a bucket that the zero bucket reaches into begins at its end, but only in JSON', () => {
    const wide = parseHistogram('{{count:3 z_bucket:1 z_bucket_w:0.75 buckets:[1] n_buckets:[1]}}').histogram
    expect(apiHistogram(wide).buckets).toEqual([
      [1, '-1', '-0.75', '1'],
      [3, '-0.75', '0.75', '1'],
      [0, '0.75', '1', '1'],
    ])
    expect(showHistogram(wide)).toBe('{count:3, sum:0, [-1,-0.5):1, [-0.75,0.75]:1, (0.5,1]:1}')
  })

  test('the zero bucket has two bounds where it has no width', () => {
    const { histogram } = parseHistogram('{{count:1 z_bucket:1}}')
    expect(showHistogram(histogram)).toBe('{count:1, sum:0, [-0,0]:1}')
    expect(apiHistogram(histogram).buckets).toEqual([[3, '-0', '0', '1']])
  })

  test.each([
    [0, '0'],
    [-0, '-0'],
    [1e20, '100000000000000000000'],
    [1e21, '1e+21'],
    [1e-6, '0.000001'],
    [1.5e-7, '1.5e-07'],
    [1e-100, '1e-100'],
    [Number.NaN, 'NaN'],
    [Number.POSITIVE_INFINITY, '+Inf'],
    [Number.NEGATIVE_INFINITY, '-Inf'],
  ])('the API writes %s as %s', (value, text) => {
    expect(apiNumber(value)).toBe(text)
  })
})
