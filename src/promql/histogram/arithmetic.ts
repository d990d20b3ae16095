import type { CounterResetHint, FloatHistogram, Span } from '../../model/float-histogram.ts'
import { coarsen } from './columns.ts'
import { bucketsOf, compact, isCustom, sameBounds, sameShape, withBuckets } from './layout.ts'
import { HistogramSum, reachesIntoZero, sidesOf } from './sum.ts'

/** Two histograms as one, and what is to be said about it. */
export interface Combined {
  /** without empty buckets */
  readonly histogram: FloatHistogram
  /** one hint says reset, the other not_reset */
  readonly collided: boolean
  /** custom bounds differed, and were brought to those they share */
  readonly reconciled: boolean
}

function combine(left: FloatHistogram, right: FloatHistogram, factor: number, hint?: CounterResetHint): Combined | undefined {
  const sum = new HistogramSum(left)
  if (!sum.add(right, factor)) return undefined
  if (hint !== undefined) sum.resetHint = hint
  return { histogram: sum.value(), collided: sum.collided, reconciled: sum.reconciled }
}

/** Undefined where one has exponential and the other custom buckets. */
export const add = (left: FloatHistogram, right: FloatHistogram): Combined | undefined => combine(left, right, 1)

/** The difference is a gauge. Undefined where one has exponential and the other custom buckets. */
export const subtract = (left: FloatHistogram, right: FloatHistogram): Combined | undefined => combine(left, right, -1, 'gauge')

/** The difference with the hint of a sum: a step on the way to something else. Undefined where one has exponential and the other custom buckets. */
export const difference = (left: FloatHistogram, right: FloatHistogram): Combined | undefined => combine(left, right, -1)

/** `left - right` as a gauge, with empty buckets; undefined where the two are not of one shape. What windows with nothing special in them need. */
export function alignedDifference(left: FloatHistogram, right: FloatHistogram): FloatHistogram | undefined {
  if (!sameShape(left, right) || reachesIntoZero(right)) return undefined
  return {
    ...left,
    count: left.count - right.count,
    sum: left.sum - right.sum,
    zeroCount: left.zeroCount - right.zeroCount,
    positiveCounts: left.positiveCounts.map((count, i) => count - right.positiveCounts[i]!),
    negativeCounts: left.negativeCounts.map((count, i) => count - right.negativeCounts[i]!),
    resetHint: 'gauge',
  }
}

/** A negative factor makes a gauge. Buckets stay as they are. */
export function multiply(histogram: FloatHistogram, factor: number): FloatHistogram {
  return {
    ...histogram,
    count: histogram.count * factor,
    sum: histogram.sum * factor,
    // Custom buckets have no zero bucket, and none comes to be by 0 · Inf.
    zeroCount: isCustom(histogram) ? 0 : histogram.zeroCount * factor,
    positiveCounts: histogram.positiveCounts.map(count => count * factor),
    negativeCounts: histogram.negativeCounts.map(count => count * factor),
    resetHint: factor < 0 ? 'gauge' : histogram.resetHint,
  }
}

export const negate = (histogram: FloatHistogram): FloatHistogram => multiply(histogram, -1)

/** Division by 0 leaves no buckets, since none could say what it holds. */
export function divide(histogram: FloatHistogram, divisor: number): FloatHistogram {
  const buckets =
    divisor === 0
      ? { positiveSpans: [], positiveCounts: [], negativeSpans: [], negativeCounts: [] }
      : {
          positiveCounts: histogram.positiveCounts.map(count => count / divisor),
          negativeCounts: histogram.negativeCounts.map(count => count / divisor),
        }
  return {
    ...histogram,
    ...buckets,
    count: histogram.count / divisor,
    sum: histogram.sum / divisor,
    zeroCount: isCustom(histogram) ? 0 : histogram.zeroCount / divisor,
    resetHint: divisor < 0 ? 'gauge' : histogram.resetHint,
  }
}

/** The same histogram at a lower resolution; itself where it has that already. Custom buckets have no resolution. */
export function reduceTo(histogram: FloatHistogram, schema: number): FloatHistogram {
  if (isCustom(histogram) || schema >= histogram.schema) return histogram
  const { positive, negative } = sidesOf(histogram)
  for (const side of [positive, negative]) {
    coarsen(side, histogram.schema - schema)
    for (let i = 0; i < side.count.length; i++) side.count[i]! += side.lost[i]!
  }
  return { ...withBuckets(histogram, positive, negative), schema }
}

/** Of the same shape and the same in every number, empty buckets included; hints are not looked at. Zeros of different sign differ, NaN equals NaN. */
export function equal(a: FloatHistogram, b: FloatHistogram): boolean {
  return (
    a.schema === b.schema &&
    Object.is(a.count, b.count) &&
    Object.is(a.sum, b.sum) &&
    a.zeroThreshold === b.zeroThreshold &&
    Object.is(a.zeroCount, b.zeroCount) &&
    (!isCustom(a) || sameBounds(a.customBounds, b.customBounds)) &&
    sameSide(a.positiveSpans, a.positiveCounts, b.positiveSpans, b.positiveCounts) &&
    sameSide(a.negativeSpans, a.negativeCounts, b.negativeSpans, b.negativeCounts)
  )
}

function sameSide(aSpans: readonly Span[], aCounts: readonly number[], bSpans: readonly Span[], bCounts: readonly number[]): boolean {
  if (aCounts.length !== bCounts.length || !aCounts.every((count, i) => Object.is(count, bCounts[i]))) return false
  const { index } = bucketsOf(bSpans, bCounts)
  return bucketsOf(aSpans, aCounts).index.every((at, i) => at === index[i])
}

/**
 * What a literal `{{a}}+{{b}}xN` stands for: a, a + b, a + 2b, … of N + 1 elements.
 * @throws {RangeError} where b has fewer buckets to the doubling than what it is added to, or the two do not add
 */
export function histogramSeries(first: FloatHistogram, step: FloatHistogram, times: number, sign: 1 | -1): FloatHistogram[] {
  const series = [first]
  const sum = new HistogramSum(first)
  for (let i = 1; i <= times; i++) {
    if (sum.schema > step.schema) {
      throw new RangeError(`error combining histograms: cannot merge from schema ${step.schema} to ${sum.schema}`)
    }
    if (!sum.add(step, sign)) {
      throw new RangeError('cannot apply this operation on histograms with a mix of exponential and custom bucket schemas')
    }
    series.push(compact(sum.value()))
  }
  return series
}
