import { describe, expect, test } from 'vitest'
import { allBuckets } from '../../../src/promql/histogram/buckets.ts'
import { histogramFraction } from '../../../src/promql/histogram/quantile.ts'
import { parseHistogram, printHistogram } from '../../../src/promql/histogram/text.ts'
import { trim } from '../../../src/promql/histogram/trim.ts'
import { randomCustom, randomExponential, seeded } from './random.ts'

const h = (text: string) => parseHistogram(`{{${text}}}`).histogram
const print = (histogram: ReturnType<typeof h>) => printHistogram(histogram).slice(2, -2)

describe('trimming', () => {
  const custom = 'schema:-53 count:16 sum:20 custom_values:[5 10] buckets:[4 8 4]'
  const noBounds = 'schema:-53 count:3 sum:9 buckets:[3]'
  const negative = 'schema:-53 count:6 sum:-9 custom_values:[-5 5] buckets:[2 2 2]'
  test.each([
    ['below a bound of buckets', 'count:7 sum:9 buckets:[1 2 4]', 2, 'below', 'count:3 sum:3.5355339059327378 buckets:[1 2]'],
    ['above a bound of buckets', 'count:7 sum:9 buckets:[1 2 4]', 1, 'above', 'count:6 sum:14.142135623730951 offset:1 buckets:[2 4]'],
    ['below all', 'count:7 sum:9 buckets:[1 2 4]', 0.1, 'below', ''],
    ['above all', 'count:7 sum:9 buckets:[1 2 4]', 4, 'above', ''],
    ['without effect, the sum stays', 'count:7 sum:9 buckets:[1 2 4]', 4, 'below', 'count:7 sum:9 buckets:[1 2 4]'],
    ['without effect, empty buckets stay', 'count:1 buckets:[1] z_bucket_w:0.5', -1, 'above', 'count:1 z_bucket_w:0.5 buckets:[1]'],
    ['within a custom bucket', custom, 7.5, 'below', 'schema:-53 count:8 sum:35 custom_values:[5 10] buckets:[4 4]'],
    ['within a custom bucket, above', custom, 7.5, 'above', 'schema:-53 count:8 sum:75 custom_values:[5 10] offset:1 buckets:[4 4]'],
    [
      'within the lowest custom bucket, which begins at 0',
      custom,
      2.5,
      'below',
      'schema:-53 count:2 sum:2.5 custom_values:[5 10] buckets:[2]',
    ],
    ['within the lowest custom bucket, above', custom, 2.5, 'above', 'schema:-53 count:14 sum:107.5 custom_values:[5 10] buckets:[2 8 4]'],
    ['below zero in a custom bucket', custom, -1, 'below', 'schema:-53 custom_values:[5 10]'],
    ['within the highest custom bucket', custom, 20, 'below', 'schema:-53 count:12 sum:70 custom_values:[5 10] buckets:[4 8]'],
    ['within the highest custom bucket, above', custom, 20, 'above', 'schema:-53 count:4 sum:80 custom_values:[5 10] offset:2 buckets:[4]'],
    ['within a lowest custom bucket below zero', negative, -7, 'below', 'schema:-53 count:2 sum:-14 custom_values:[-5 5] buckets:[2]'],
    [
      'within a lowest custom bucket below zero, above',
      negative,
      -7,
      'above',
      'schema:-53 count:4 sum:10 custom_values:[-5 5] offset:1 buckets:[2 2]',
    ],
    ['of one bucket without bounds', noBounds, 3, 'below', 'schema:-53'],
    ['of one bucket without bounds, above', noBounds, 3, 'above', 'schema:-53'],
    ['by +Inf', custom, Number.POSITIVE_INFINITY, 'below', custom],
    ['by -Inf', custom, Number.NEGATIVE_INFINITY, 'above', custom],
    ['within the zero bucket', 'count:4 z_bucket:4 z_bucket_w:1', 0.5, 'below', 'count:3 sum:-0.75 z_bucket:3 z_bucket_w:1'],
    ['within the zero bucket, above', 'count:4 z_bucket:4 z_bucket_w:1', 0.5, 'above', 'count:1 sum:0.75 z_bucket:1 z_bucket_w:1'],
    [
      'within a zero bucket of a histogram that is positive',
      'count:5 z_bucket:4 z_bucket_w:1 offset:3 buckets:[1]',
      0.5,
      'below',
      'count:2 sum:0.5 z_bucket:2 z_bucket_w:1',
    ],
    [
      'within a zero bucket of a histogram that is negative',
      'count:5 z_bucket:4 z_bucket_w:1 n_offset:3 n_buckets:[1]',
      -0.5,
      'above',
      'count:2 sum:-0.5 z_bucket:2 z_bucket_w:1',
    ],
  ] as const)('%s', (_, histogram, bound, side, trimmed) => {
    expect(print(trim(h(histogram), bound, side))).toBe(trimmed)
  })

  test('leaves alone what holds nothing that can be trimmed', () => {
    const overflowed = { ...h('count:Inf sum:Inf z_bucket:NaN z_bucket_w:1') }
    expect(trim(overflowed, 0, 'below')).toBe(overflowed)
  })

  test('at the logarithmic middle of an exponential bucket halves it', () => {
    expect(trim(h('count:8 sum:9 offset:1 buckets:[8]'), Math.SQRT2, 'below').positiveCounts[0]).toBeCloseTo(4, 10)
    expect(trim(h('count:8 sum:9 n_offset:1 n_buckets:[8]'), -Math.SQRT2, 'below').negativeCounts[0]).toBeCloseTo(4, 10)
  })

  test('keeps the share of observations that histogram_fraction gives', () => {
    for (const [make, bounds] of [
      [randomExponential, [-20, -1.5, -0.3, 0, 0.1, 0.7, 3]],
      [randomCustom, [-1.5, 0.3, 0.75, 4, 7]],
    ] as const) {
      for (let seed = 1; seed <= 300; seed++) {
        const histogram = make(seeded(seed))
        if (histogram.count === 0) continue
        // What is in an endless bucket nobody knows; trimming leaves it out where a fraction counts it.
        if (
          allBuckets(histogram).some(
            ({ lower, upper, count }) => count > 0 && (lower === Number.NEGATIVE_INFINITY || upper === Number.POSITIVE_INFINITY),
          )
        )
          continue
        for (const bound of bounds) {
          const above = trim(histogram, bound, 'above')
          const below = trim(histogram, bound, 'below')
          expect(above.count + below.count).toBeCloseTo(histogram.count, 6)
          // A fraction takes a custom bucket around zero to begin at 0, and a zero bucket to have two sides where empty buckets are named on both.
          const sides = [histogram.positiveCounts, histogram.negativeCounts]
          if (make === randomCustom || sides.some(counts => counts.length > 0 && counts.every(count => count === 0))) continue
          expect(below.count).toBeCloseTo(histogramFraction(Number.NEGATIVE_INFINITY, bound, histogram).value * histogram.count, 6)
        }
      }
    }
  })
})
