import { describe, expect, test } from 'vitest'
import { parseHistogram } from '../../../src/promql/histogram/text.ts'
import { almostEqual, sameHistogram } from '../../../src/promql/testing/compare.ts'
import { durationOf, numberOf } from '../../../src/promql/testing/numbers.ts'

describe('numbers that are equal but for rounding', () => {
  test.each<[a: number, b: number, equal: boolean]>([
    [1, 1, true],
    [1, 1 + 1.9e-6, true],
    [1, 1 + 2.1e-6, false],
    [1e300, 1e300 * (1 + 1e-6), true],
    [-1, -1 - 1e-6, true],
    [1, -1, false],
    [NaN, NaN, true],
    [NaN, 1, false],
    [Infinity, Infinity, true],
    [Infinity, -Infinity, false],
    [Infinity, 1e308, false],
    [Number.MAX_VALUE, -Number.MAX_VALUE, false],
    [0, -0, true],
    [0, 1e-300, false],
    [0, 5e-324, true],
    [0, 2e-314, true],
    [0, 3e-314, false],
    [0, 3e-309, false],
    [1e-310, 1.01e-310, false],
    [2e-320, 3e-320, true],
  ])('%d and %d: %s', (a, b, equal) => {
    expect(almostEqual(a, b)).toBe(equal)
    expect(almostEqual(b, a)).toBe(equal)
  })
})

describe('histograms that are equal', () => {
  test.each<[a: string, b: string, equal: boolean]>([
    ['{{}}', '{{}}', true],
    ['{{count:1}}', '{{count:1.000001}}', true],
    ['{{count:1}}', '{{count:1.00001}}', false],
    ['{{sum:1}}', '{{sum:2}}', false],
    ['{{schema:1}}', '{{schema:2}}', false],
    ['{{z_bucket:1}}', '{{z_bucket:2}}', false],
    ['{{z_bucket_w:1}}', '{{z_bucket_w:1.0000001}}', false],
    ['{{buckets:[0 1 0 2 0]}}', '{{offset:1 buckets:[1 0 2]}}', true],
    ['{{buckets:[0 1 0 2 0]}}', '{{offset:2 buckets:[1 0 2]}}', false],
    ['{{buckets:[1 2]}}', '{{n_buckets:[1 2]}}', false],
    ['{{buckets:[1 2]}}', '{{buckets:[1 3]}}', false],
    ['{{schema:-53 custom_values:[1 2] buckets:[1]}}', '{{schema:-53 custom_values:[1 3] buckets:[1]}}', false],
    ['{{counter_reset_hint:reset}}', '{{counter_reset_hint:gauge}}', true],
  ])('%s and %s: %s', (a, b, equal) => {
    const [one, other] = [parseHistogram(a).histogram, parseHistogram(b).histogram]
    expect(sameHistogram(one, other, false)).toBe(equal)
    expect(sameHistogram(other, one, false)).toBe(equal)
  })

  test('a hint counts where it is asked for', () => {
    const [reset, gauge] = ['reset', 'gauge'].map(hint => parseHistogram(`{{counter_reset_hint:${hint}}}`).histogram)
    expect(sameHistogram(reset!, gauge!, true)).toBe(false)
    expect(sameHistogram(reset!, reset!, true)).toBe(true)
  })
})

test.each<[text: string, value: number | undefined]>([
  ['1', 1],
  ['-0x1F', -31],
  ['0b11', 3],
  ['0o17', 15],
  ['017', 15],
  ['09', 9],
  ['1_000', 1000],
  ['1__0', undefined],
  ['1_000.5', undefined],
  ['.5e-3', 0.0005],
  ['+Inf', Infinity],
  ['-infinity', -Infinity],
  ['nAn', NaN],
  ['-nan', undefined],
  ['1e999', undefined],
  ['0x1.8p1', 3],
  ['-0x.8p0', -0.5],
  ['0xp0', undefined],
  ['1m', undefined],
  ['', undefined],
])('the number %s', (text, value) => expect(numberOf(text)).toBe(value))

test.each<[text: string, ms: number | undefined]>([
  ['0', 0],
  ['1y2w3d4h5m6s7ms', 31_536_000_000 + 14 * 86_400_000 + 3 * 86_400_000 + 4 * 3_600_000 + 306_007],
  ['90s', 90_000],
  ['1m30s', 90_000],
  ['30s1m', undefined],
  ['1.5m', undefined],
  ['-1m', undefined],
  ['5', undefined],
  ['', undefined],
])('the duration %s', (text, ms) => expect(durationOf(text)).toBe(ms))
