import { describe, expect, test } from 'vitest'
import type { FloatHistogram } from '../../../src/model/float-histogram.ts'
import { histogramFraction, histogramQuantile, statistics } from '../../../src/promql/histogram/quantile.ts'
import { parseHistogram } from '../../../src/promql/histogram/text.ts'
import { randomCustom, randomExponential, seeded } from './random.ts'

const h = (text: string): FloatHistogram => parseHistogram(`{{${text}}}`).histogram
const inf = Number.POSITIVE_INFINITY
const nan = Number.NaN

describe('histogram_quantile', () => {
  test.each([
    ['without observations', '', 0.5, nan],
    ['below 0', 'count:1 buckets:[1]', -0.1, -inf],
    ['above 1', 'count:1 buckets:[1]', 1.1, inf],
    ['NaN', 'count:1 buckets:[1]', nan, nan],
    ['in the logarithmic middle of a bucket', 'count:2 offset:1 buckets:[2]', 0.5, Math.SQRT2],
    ['in the logarithmic middle of a negative bucket', 'count:2 n_offset:1 n_buckets:[2]', 0.5, -Math.SQRT2],
    ['at the end of a bucket', 'count:4 buckets:[1 1 2]', 0.5, 2],
    ['at the lower end', 'count:4 buckets:[1 1 2]', 0, 0.5],
    ['at the upper end', 'count:4 buckets:[1 1 2]', 1, 4],
    ['in the zero bucket', 'count:4 z_bucket:4 z_bucket_w:1', 0.75, 0.5],
    ['in the zero bucket of a positive histogram', 'count:8 z_bucket:4 z_bucket_w:1 offset:3 buckets:[4]', 0.25, 0.5],
    ['in the zero bucket of a negative histogram', 'count:8 z_bucket:4 z_bucket_w:1 n_offset:3 n_buckets:[4]', 0.75, -0.5],
    ['of custom buckets', 'schema:-53 count:10 custom_values:[5 10] buckets:[4 6]', 0.7, 7.5],
    ['in the lowest custom bucket, which begins at 0', 'schema:-53 count:10 custom_values:[5 10] buckets:[4 6]', 0.2, 2.5],
    ['in the lowest custom bucket below zero', 'schema:-53 count:10 custom_values:[-5 10] buckets:[4 6]', 0.2, -5],
    ['in the highest custom bucket', 'schema:-53 count:10 custom_values:[5 10] buckets:[4 0 6]', 0.9, 10],
    ['where no bucket holds the observations', 'count:2 sum:3', 0.5, 0],
  ])('%s', (_, histogram, q, value) => {
    const quantile = histogramQuantile(q, h(histogram))
    if (Number.isFinite(value)) expect(quantile.value).toBeCloseTo(value, 12)
    else expect(quantile.value).toBe(value)
    expect(quantile.nan).toBeUndefined()
  })

  test('with NaN observations counts them as largest, and says so', () => {
    const histogram = h('count:10 sum:NaN offset:1 buckets:[5 1]')
    // Half of the way into the bucket (1, 2], where 2.5 of 10 lie, goes 2.5 times as far through (2, 4], the last one, as Prometheus goes.
    expect(histogramQuantile(0.25, histogram)).toEqual({ value: 8 * Math.SQRT2, nan: 'skewed' })
    expect(histogramQuantile(0.7, histogram)).toEqual({ value: nan, nan: 'nan' })
    // -Inf and +Inf make NaN too: then all observations are in buckets.
    expect(histogramQuantile(0.25, h('count:10 sum:NaN offset:1 buckets:[5 5]')).nan).toBeUndefined()
  })
})

describe('histogram_fraction', () => {
  test.each([
    ['without observations', '', 0, 1, nan],
    ['of a bound that is NaN', 'count:1 buckets:[1]', nan, 1, nan],
    ['of no interval', 'count:1 buckets:[1]', 1, 1, 0],
    ['of everything', 'count:3 buckets:[1 1] z_bucket:1', -inf, inf, 1],
    ['from bound to bound', 'count:4 buckets:[1 1 2]', 0.5, 2, 0.5],
    ['to the logarithmic middle of a bucket', 'count:4 buckets:[1 1 2]', 1, Math.SQRT2, 0.125],
    ['to the logarithmic middle of a negative bucket', 'count:4 n_buckets:[1 1 2]', -Math.SQRT2, inf, 0.375],
    ['of half the zero bucket', 'count:4 z_bucket:4 z_bucket_w:1', 0, inf, 0.5],
    ['of a zero bucket of a positive histogram', 'count:8 z_bucket:4 z_bucket_w:1 offset:3 buckets:[4]', -inf, 0.5, 0.25],
    ['of custom buckets', 'schema:-53 count:10 custom_values:[5 10] buckets:[4 6]', 2.5, 7.5, 0.5],
    ['of the highest custom bucket', 'schema:-53 count:10 custom_values:[5 10] buckets:[4 0 6]', 20, inf, 0.6],
    ['of an interval above all', 'count:4 buckets:[1 1 2]', 8, 16, 0],
  ])('%s', (_, histogram, lower, upper, value) => {
    const fraction = histogramFraction(lower, upper, h(histogram))
    if (Number.isNaN(value)) expect(fraction.value).toBe(value)
    else expect(fraction.value).toBeCloseTo(value, 12)
    expect(fraction.hasNaN).toBe(false)
  })

  test('leaves NaN observations out, and says so', () => {
    expect(histogramFraction(-inf, inf, h('count:10 sum:NaN buckets:[5]'))).toEqual({ value: 0.5, hasNaN: true })
    expect(histogramFraction(-inf, 1, h('count:10 sum:NaN buckets:[5 5]'))).toEqual({ value: 0.5, hasNaN: false })
  })
})

describe.each([
  ['exponential', randomExponential],
  ['custom', randomCustom],
])('of any %s histogram', (_, make) => {
  const histograms = Array.from({ length: 300 }, (__, seed) => make(seeded(seed + 1))).filter(({ count }) => count > 0)
  const qs = Array.from({ length: 41 }, (__, i) => i / 40)

  test('a larger q has no smaller quantile', () => {
    for (const histogram of histograms) {
      const values = qs.map(q => histogramQuantile(q, histogram).value)
      for (let i = 1; i < values.length; i++) expect(values[i]!).toBeGreaterThanOrEqual(values[i - 1]! - 1e-9 * Math.abs(values[i - 1]!))
    }
  })

  test('the share below a quantile is q', () => {
    for (const histogram of histograms) {
      for (const q of qs) {
        const { value } = histogramQuantile(q, histogram)
        // At either side of a bound where nothing is between two buckets, and at the ends of endless ones, many q have one quantile.
        const from = histogramFraction(-inf, value - 1e-9 * Math.abs(value) - 1e-12, histogram).value
        const to = histogramFraction(-inf, value + 1e-9 * Math.abs(value) + 1e-12, histogram).value
        const endless = histogram.customBounds.length > 0 || histogram.schema === -53
        if (endless) continue
        expect(from).toBeLessThanOrEqual(q + 1e-6)
        expect(to).toBeGreaterThanOrEqual(q - 1e-6)
      }
    }
  })
})

describe('statistics', () => {
  test.each([
    ['histogram_count', 'count:4 sum:6', 4],
    ['histogram_sum', 'count:4 sum:6', 6],
    ['histogram_avg', 'count:4 sum:6', 1.5],
    ['histogram_avg', '', nan],
    ['histogram_stdvar', 'schema:-53 count:2 sum:4 custom_values:[0 2 4] buckets:[0 1 1]', 1],
    ['histogram_stddev', 'schema:-53 count:2 sum:8 custom_values:[0 2 4] buckets:[0 1 1]', Math.sqrt(5)],
    ['histogram_stdvar', 'count:2 sum:0 z_bucket:2 z_bucket_w:1', 0],
    ['histogram_stdvar', 'count:2 sum:0 offset:1 buckets:[1] n_offset:1 n_buckets:[1]', 2],
    ['histogram_stddev', '', nan],
  ] as const)('%s of %s', (name, histogram, value) => {
    const result = statistics[name](h(histogram))
    if (Number.isNaN(value)) expect(result).toBe(value)
    else expect(result).toBeCloseTo(value, 12)
  })
})
