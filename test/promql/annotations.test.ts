import { expect, test } from 'vitest'
import * as annotations from '../../src/promql/annotations.ts'
import type { Position } from '../../src/promql/ast.ts'

const at = { start: 5, end: 9 }
const elsewhere = { start: 20, end: 22 }
const shown = (fill: (to: annotations.Annotations) => void): string[] => {
  const all = new annotations.Annotations()
  fill(all)
  return [...all].map(({ severity, text, position }) => `${severity}@${position?.start} ${text}`)
}

test('the same text counts once, where it was said last', () => {
  const say = (to: annotations.Annotations) => {
    annotations.warnInvalidQuantile(to, 1.5, at)
    annotations.warnInvalidQuantile(to, 1.5, elsewhere)
    annotations.warnInvalidQuantile(to, Number.NaN, at)
  }
  expect(shown(say)).toEqual([
    'warning@20 PromQL warning: quantile value should be between 0 and 1, got 1.5',
    'warning@5 PromQL warning: quantile value should be between 0 and 1, got NaN',
  ])
})

test('fixed buckets of many steps are one info', () => {
  const one = { from: 1_700_000_000_000, to: 1_700_000_000_000, minBucket: 1, maxBucket: 2, maxDiff: 0.125, count: 1 }
  const say = (to: annotations.Annotations) => {
    annotations.infoForcedMonotonicity(to, 'x', one, at)
    annotations.infoForcedMonotonicity(to, 'x', { ...one, to: 1_700_000_060_500, maxBucket: 1e6, maxDiff: 130, count: 2 }, at)
    annotations.infoForcedMonotonicity(to, '', one, at)
  }
  const see = '(see https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)'
  const fixed = `info@5 PromQL info: input to histogram_quantile needed to be fixed for monotonicity ${see}`
  expect(shown(say)).toEqual([
    `${fixed} for metric name "x", from buckets 1 to 1e+06, with a max diff of 1.3e+02, over 3 samples from 2023-11-14T22:13:20Z to 2023-11-14T22:14:20Z`,
    `${fixed}, from buckets 1 to 2, with a max diff of 0.12, over 1 samples from 2023-11-14T22:13:20Z to 2023-11-14T22:13:20Z`,
  ])
})

test('overlapping start times are counted', () => {
  const say = (to: annotations.Annotations) => {
    annotations.warnStartTimeOverlap(to, 'a', 1, at)
    annotations.warnStartTimeOverlap(to, 'a', 2, at)
    annotations.warnStartTimeOverlap(to, 'b', 1, at)
  }
  const text = 'warning@5 PromQL warning: sample has start time that overlaps with previous sample timestamp for metric'
  expect(shown(say)).toEqual([`${text} "a" (3 occurrences)`, `${text} "b"`])
})

test.each<[(to: annotations.Annotations) => void, string]>([
  [to => annotations.warnInvalidRatio(to, -1.1, -1, at), 'ratio value should be between -1 and 1, got -1.1, capping to -1'],
  [
    to => annotations.warnBadBucketLabel(to, 'x', '', at),
    'bucket label "le" is missing or has a malformed value of "" for metric name "x"',
  ],
  [to => annotations.warnBadBucketLabel(to, '', 'a', at), 'bucket label "le" is missing or has a malformed value of "a"'],
  [to => annotations.warnMixedFloatsHistograms(to, '', at), 'encountered a mix of histograms and floats for metric name ""'],
  [to => annotations.warnMixedFloatsHistogramsAggregation(to, at), 'encountered a mix of histograms and floats for aggregation'],
  [
    to => annotations.warnMixedClassicNativeHistograms(to, 'x', at),
    'vector contains a mix of classic and native histograms for metric name "x"',
  ],
  [to => annotations.warnHistogramNotCounter(to, 'x', at), 'this native histogram metric is not a counter: "x"'],
  [to => annotations.warnHistogramNotGauge(to, 'x', at), 'this native histogram metric is not a gauge: "x"'],
  [
    to => annotations.warnMixedExponentialCustomHistograms(to, 'x', at),
    'vector contains a mix of histograms with exponential and custom buckets schemas for metric name "x"',
  ],
  [to => annotations.warnIncompatibleBucketLayout(to, '+', at), 'incompatible bucket layout encountered for binary operator +'],
  [to => annotations.warnSortInRangeQuery(to, at), 'sort is ineffective for range queries since results are always ordered by labels'],
  [to => annotations.warnCounterResetCollision(to, 'aggregation', at), 'conflicting counter resets during histogram aggregation'],
])('a warning, %#', (say, want) => expect(shown(say)).toEqual([`warning@5 PromQL warning: ${want}`]))

test.each<[(to: annotations.Annotations) => void, string]>([
  [
    to => annotations.infoPossibleNonCounter(to, 'x', at),
    'metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "x"',
  ],
  [
    to => annotations.infoPossibleNonCounterType(to, 'x', '', at),
    'metric might not be a counter, __type__ label is not set to "counter" or "histogram", got "": "x"',
  ],
  [
    to => annotations.infoIncompatibleTypes(to, 'float', '*', 'histogram', at),
    'incompatible sample types encountered for binary operator "*": float * histogram',
  ],
  [to => annotations.infoHistogramIgnoredInAggregation(to, 'topk', at), 'ignored histogram in topk aggregation'],
  [
    to => annotations.infoHistogramIgnoredInMixedRange(to, 'x', at),
    'ignored histograms in a range containing both floats and histograms for metric name "x"',
  ],
  [to => annotations.infoQuantileNaNResult(to, '', at), 'input to histogram_quantile has NaN observations, result is NaN'],
  [
    to => annotations.infoQuantileNaNSkew(to, 'x', at),
    'input to histogram_quantile has NaN observations, result is skewed higher for metric name "x"',
  ],
  [
    to => annotations.infoFractionNaNs(to, '', at),
    'input to histogram_fraction has NaN observations, which are excluded from all fractions',
  ],
  [to => annotations.infoMismatchedCustomBuckets(to, 'subtraction', at), 'mismatched custom buckets were reconciled during subtraction'],
  [
    to => annotations.infoTierRead(to, 'deriv', 60_000, at),
    'deriv read the last sample of every 60s, since older samples are kept no finer',
  ],
])('an info, %#', (say, want) => expect(shown(say)).toEqual([`info@5 PromQL info: ${want}`]))

test('of one text the whole keeps the place that a part of it has too', () => {
  const whole = { start: 4, end: 20 }
  const part = { start: 11, end: 15 }
  const placed = (...positions: readonly Position[]) =>
    shown(to => {
      for (const position of positions) to.warn('w', position)
    })
  expect(placed(part, whole, part)).toEqual(['warning@4 PromQL warning: w'])
  expect(placed(whole, part, { start: 30, end: 31 })).toEqual(['warning@30 PromQL warning: w'])
})
