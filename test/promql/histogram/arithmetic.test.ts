import { describe, expect, test } from 'vitest'
import type { FloatHistogram } from '../../../src/model/float-histogram.ts'
import { add, divide, equal, histogramSeries, multiply, negate, reduceTo, subtract } from '../../../src/promql/histogram/arithmetic.ts'
import { allBuckets } from '../../../src/promql/histogram/buckets.ts'
import { compact } from '../../../src/promql/histogram/layout.ts'
import { HistogramMean } from '../../../src/promql/histogram/mean.ts'
import { HistogramSum } from '../../../src/promql/histogram/sum.ts'
import { parseHistogram, printHistogram } from '../../../src/promql/histogram/text.ts'
import { randomCustom, randomExponential, seeded, whole } from './random.ts'

const h = (text: string): FloatHistogram => parseHistogram(`{{${text}}}`).histogram
const print = (histogram: FloatHistogram | undefined): string | undefined => histogram && printHistogram(histogram).slice(2, -2)
const rounds = 300
const seeds = Array.from({ length: rounds }, (_, i) => i + 1)

describe('addition', () => {
  test.each([
    ['side by side', 'count:3 sum:1 buckets:[1 2]', 'count:4 sum:2 buckets:[3 0 1]', 'count:7 sum:3 buckets:[4 2 1]'],
    ['into gaps and at both ends', 'buckets:[1 0 0 0 1]', 'offset:-1 buckets:[1 0 1 0 0 0 1]', 'offset:-1 buckets:[1 1 1 0 0 1 1]'],
    ['of negative buckets', 'n_buckets:[1 2]', 'n_offset:1 n_buckets:[5 5]', 'n_buckets:[1 7 5]'],
    ['to what is empty', '', 'count:1 z_bucket:1', 'count:1 z_bucket:1'],
    ['at the lower resolution', 'schema:1 offset:-1 buckets:[1 2 3 4 5]', 'schema:0 buckets:[10 20]', 'buckets:[13 27 5]'],
    ['at the lower resolution of the second', 'buckets:[10 20]', 'schema:1 offset:-1 buckets:[1 2 3 4 5]', 'buckets:[13 27 5]'],
    [
      'with the wider zero bucket',
      'z_bucket:2 z_bucket_w:0.5 buckets:[1 1]',
      'z_bucket:3 z_bucket_w:2 offset:2 buckets:[5]',
      'z_bucket:7 z_bucket_w:2 offset:2 buckets:[5]',
    ],
    [
      'with the wider zero bucket of the first',
      'z_bucket:3 z_bucket_w:2 offset:2 buckets:[5]',
      'z_bucket:2 z_bucket_w:0.5 buckets:[1 1]',
      'z_bucket:7 z_bucket_w:2 offset:2 buckets:[5]',
    ],
    [
      'with a zero bucket that takes in a bucket it would cut',
      'z_bucket:1 z_bucket_w:0.75 offset:1 buckets:[1]',
      'z_bucket_w:0.5 buckets:[4 2]',
      'z_bucket:5 z_bucket_w:1 offset:1 buckets:[3]',
    ],
    [
      'with a zero bucket that takes in a negative bucket it would cut',
      'z_bucket:1 z_bucket_w:0.75',
      'n_buckets:[4 2] offset:1 buckets:[1]',
      'z_bucket:5 z_bucket_w:1 offset:1 buckets:[1] n_offset:1 n_buckets:[2]',
    ],
    [
      'of custom buckets',
      'schema:-53 custom_values:[1 2] buckets:[1 0 2]',
      'schema:-53 custom_values:[1 2] buckets:[1 5 2]',
      'schema:-53 custom_values:[1 2] buckets:[2 5 4]',
    ],
    [
      'to the custom bounds that both have',
      'schema:-53 custom_values:[1 2 5] buckets:[1 2 3 4]',
      'schema:-53 custom_values:[2 3 5 6] buckets:[10 20 30 40 50]',
      'schema:-53 custom_values:[2 5] buckets:[13 53 94]',
    ],
    [
      'of custom bounds that share none',
      'schema:-53 custom_values:[1] buckets:[1 2]',
      'schema:-53 custom_values:[2] buckets:[3 4]',
      'schema:-53 buckets:[10]',
    ],
  ])('%s', (_, left, right, sum) => {
    expect(print(add(h(left), h(right))?.histogram)).toBe(sum)
  })

  test('reconciles custom bounds and says so', () => {
    const a = h('schema:-53 custom_values:[1 2]')
    expect(add(a, h('schema:-53 custom_values:[1]'))?.reconciled).toBe(true)
    expect(add(a, a)?.reconciled).toBe(false)
  })

  test('of exponential and custom buckets there is none', () => {
    expect(add(h(''), h('schema:-53'))).toBeUndefined()
    expect(subtract(h('schema:-53'), h(''))).toBeUndefined()
  })

  test.each([
    ['unknown', 'unknown', 'unknown', false],
    ['unknown', 'reset', 'unknown', false],
    ['reset', 'reset', 'reset', false],
    ['not_reset', 'not_reset', 'not_reset', false],
    ['reset', 'not_reset', 'unknown', true],
    ['gauge', 'reset', 'gauge', false],
    ['not_reset', 'gauge', 'gauge', false],
    ['gauge', 'unknown', 'gauge', false],
  ] as const)('of %s and %s is %s', (left, right, hint, collided) => {
    const a = { ...h('count:1'), resetHint: left }
    const b = { ...h('count:1'), resetHint: right }
    for (const sum of [add(a, b), add(b, a)]) {
      expect(sum?.histogram.resetHint).toBe(hint)
      expect(sum?.collided).toBe(collided)
    }
    expect(subtract(a, b)).toMatchObject({ collided, histogram: { resetHint: 'gauge' } })
  })

  test('does not touch what it adds', () => {
    for (const seed of seeds.slice(0, 50)) {
      const random = seeded(seed)
      const a = deepFreeze(randomExponential(random))
      const b = deepFreeze(randomExponential(random))
      expect(() => [add(a, b), subtract(a, b), reduceTo(a, a.schema - 1), compact(a)]).not.toThrow()
    }
  })

  test('does not lose what is small beside what is large', () => {
    const sum = new HistogramSum(h('sum:1e100 count:1e100 z_bucket:1e100 buckets:[1e100]'))
    for (const text of ['sum:1 count:1 z_bucket:1 buckets:[1]', 'sum:-1e100 count:-1e100 z_bucket:-1e100 buckets:[-1e100]'])
      sum.add(h(text))
    expect(print(sum.value())).toBe('count:1 sum:1 z_bucket:1 buckets:[1]')
  })
})

describe.each([
  ['exponential', randomExponential],
  ['custom', randomCustom],
])('of any two %s histograms', (_, make) => {
  const pairs = seeds.map(seed => {
    const random = seeded(seed)
    return [make(random), make(random)] as const
  })
  /** As in Prometheus, where a coarser bucket reaches out of a wider zero bucket, what finer buckets hold within that is counted twice. */
  const plain = pairs.filter(([a, b]) => a.schema === b.schema || a.zeroThreshold === b.zeroThreshold)
  const same = (a: FloatHistogram, b: FloatHistogram) => expect(printHistogram(a)).toBe(printHistogram(b))

  test('a + b = b + a', () => {
    expect(plain.length).toBeGreaterThan(pairs.length / 5)
    for (const [a, b] of plain) same(add(a, b)!.histogram, add(b, a)!.histogram)
  })

  test('(a + b) - b = a in the shape of the sum', () => {
    for (const [first, second] of pairs) {
      // Of one zero bucket: a wider one swallows buckets, which do not come back.
      const [a, b] = [first, second].map(each => ({ ...each, zeroThreshold: 0 })) as [FloatHistogram, FloatHistogram]
      const back = subtract(add(a, b)!.histogram, b)!.histogram
      same({ ...back, resetHint: a.resetHint }, add(a, multiply(b, 0))!.histogram)
    }
  })

  test('-(-a) = a, and a - a holds nothing', () => {
    for (const [a] of pairs) {
      same({ ...negate(negate(a)), resetHint: 'unknown' }, a)
      const none = subtract(a, a)!.histogram
      expect(none).toMatchObject({ count: 0, sum: 0, zeroCount: 0, positiveCounts: [], negativeCounts: [], resetHint: 'gauge' })
    }
  })

  test('a sum holds all that its parts hold', () => {
    for (const [a, b] of plain) {
      const sum = add(a, b)!.histogram
      expect(sum.count).toBe(a.count + b.count)
      expect(allBuckets(sum).reduce((total, { count }) => total + count, 0)).toBe(sum.count)
    }
  })

  test('compact keeps every bucket that holds something, and no other', () => {
    for (const [a] of pairs) {
      const small = compact(a)
      expect(allBuckets(small)).toEqual(allBuckets(a).filter(({ count }) => count !== 0))
      expect(compact(small)).toBe(small)
      expect(small.positiveSpans.every(({ length }) => length > 0)).toBe(true)
    }
  })

  test('a histogram equals itself in whatever spans, and no other', () => {
    for (const [a, b] of pairs) {
      const split = {
        ...a,
        positiveSpans: a.positiveSpans.flatMap(({ offset, length }) =>
          length < 2
            ? [{ offset, length }]
            : [
                { offset, length: 1 },
                { offset: 0, length: length - 1 },
              ],
        ),
      }
      expect(equal(a, split)).toBe(true)
      expect(equal(a, { ...a, sum: a.sum + 1 })).toBe(false)
      if (equal(a, b)) same(a, b)
    }
  })
})

describe('resolution', () => {
  test('halves by joining pairs of buckets', () => {
    expect(print(reduceTo(h('schema:2 offset:-2 buckets:[1 2 3 4 5 6 7]'), 1))).toBe('schema:1 offset:-1 buckets:[1 5 9 13]')
    expect(print(reduceTo(h('schema:2 n_buckets:[1 2 3]'), 0))).toBe('n_buckets:[1 5]')
  })

  test('is not raised', () => {
    const low = h('schema:1 buckets:[1 2 3]')
    expect(reduceTo(low, 2)).toBe(low)
  })

  test('reduce(a + b) = reduce(a) + reduce(b)', () => {
    for (const seed of seeds) {
      const random = seeded(seed)
      const schema = whole(random, 4)
      // One zero bucket: else the sum of reduced ones may widen it further.
      const [a, b] = [randomExponential(random, schema), randomExponential(random, schema)].map(each => ({
        ...each,
        zeroThreshold: 0,
      })) as [FloatHistogram, FloatHistogram]
      const low = schema - whole(random, 3)
      expect(printHistogram(reduceTo(add(a, b)!.histogram, low))).toBe(printHistogram(add(reduceTo(a, low), reduceTo(b, low))!.histogram))
    }
  })
})

describe('scaling', () => {
  const one = h('count:4 sum:6 z_bucket:2 z_bucket_w:1 buckets:[0 0 2] n_buckets:[0 4] counter_reset_hint:reset')

  test('takes every number', () => {
    expect(print(multiply(one, 2))).toBe(
      'count:8 sum:12 z_bucket:4 z_bucket_w:1 counter_reset_hint:reset offset:2 buckets:[4] n_offset:1 n_buckets:[8]',
    )
    expect(print(divide(one, 2))).toBe(
      'count:2 sum:3 z_bucket:1 z_bucket_w:1 counter_reset_hint:reset offset:2 buckets:[1] n_offset:1 n_buckets:[2]',
    )
  })

  test('by less than nothing makes a gauge', () => {
    expect(multiply(one, -1)).toMatchObject({ count: -4, resetHint: 'gauge' })
    expect(divide(one, -2)).toMatchObject({ sum: -3, resetHint: 'gauge' })
  })

  test('by a divisor of 0 leaves no buckets', () => {
    expect(divide(one, 0)).toMatchObject({
      count: Number.POSITIVE_INFINITY,
      zeroCount: Number.POSITIVE_INFINITY,
      positiveSpans: [],
      negativeCounts: [],
      resetHint: 'reset',
    })
  })
})

test('custom buckets have no zero bucket, whatever they are multiplied or divided by', () => {
  const custom = h('schema:-53 count:1 custom_values:[1] buckets:[1]')
  expect(multiply(custom, Number.POSITIVE_INFINITY).zeroCount).toBe(0)
  expect(divide(custom, 0).zeroCount).toBe(0)
})

describe('the mean', () => {
  const meanOf = (...texts: string[]): string | undefined => {
    const [first, ...rest] = texts.map(h)
    const mean = new HistogramMean(first!)
    for (const each of rest) if (!mean.add(each)) return undefined
    return print(mean.value())
  }

  test('is the sum divided by how many', () => {
    expect(meanOf('count:1 sum:1 buckets:[1]', 'count:2 sum:3 buckets:[0 2]', 'count:3 sum:2 z_bucket:3')).toBe(
      'count:2 sum:2 z_bucket:1 buckets:[0.3333333333333333 0.6666666666666666]',
    )
  })

  test('does not overflow where the sum would', () => {
    expect(meanOf('sum:1.5e308 count:1', 'sum:1.5e308 count:1', 'sum:1.5e308 count:1')).toMatch(/^count:1 sum:1\.(5|49999999\d*)e\+308$/)
    expect(meanOf('buckets:[1.7e308]', 'buckets:[-1.7e308]', 'buckets:[1.7e308]')).toMatch(/^buckets:\[5\.66666\d*e\+307\]$/)
  })

  test('is infinite where an observation is', () => {
    expect(meanOf('sum:Inf count:1', 'sum:1 count:1')).toBe('count:1 sum:+Inf')
  })

  test('of exponential and custom buckets there is none', () => {
    expect(meanOf('count:1', 'schema:-53 count:1')).toBeUndefined()
  })

  test('of the same histogram is that histogram', () => {
    for (const seed of seeds) {
      const a = compact(randomExponential(seeded(seed)))
      const mean = new HistogramMean(a)
      mean.add(a)
      mean.add(a)
      mean.add(a)
      expect(printHistogram(mean.value())).toBe(printHistogram(a))
    }
  })
})

describe('a series of histograms', () => {
  test('grows or shrinks by a step', () => {
    const up = histogramSeries(h('count:1 buckets:[1]'), h('count:2 buckets:[0 2]'), 2, 1)
    expect(up.map(print)).toEqual(['count:1 buckets:[1]', 'count:3 buckets:[1 2]', 'count:5 buckets:[1 4]'])
    expect(histogramSeries(up[2]!, h('count:2 buckets:[0 2]'), 2, -1).map(print)).toEqual(up.map(print).reverse())
  })

  test.each([
    ['schema:1 count:1', 'schema:0 count:1', 'error combining histograms: cannot merge from schema 0 to 1'],
    [
      'schema:-53 count:1',
      'schema:0 count:1',
      'cannot apply this operation on histograms with a mix of exponential and custom bucket schemas',
    ],
  ])('%s and %s make none', (first, step, message) => {
    expect(() => histogramSeries(h(first), h(step), 1, 1)).toThrow(message)
  })
})

function deepFreeze<T extends object>(value: T): T {
  for (const each of Object.values(value)) if (typeof each === 'object' && each !== null) deepFreeze(each)
  return Object.freeze(value)
}
