import type { FloatHistogram, Span } from '../../model/float-histogram.ts'
import { CUSTOM_BUCKETS_SCHEMA } from '../../model/float-histogram.ts'

/**
 * One side of a histogram as two columns: indices of buckets, ascending, and what each holds. Arithmetic works on these, spans are only how a histogram is kept:
 * a merge of two sorted columns needs no thought about where a span begins.
 */
export interface Buckets {
  /** [buckets] */
  readonly index: number[]
  /** [buckets] */
  readonly count: number[]
}

export const isCustom = ({ schema }: Pick<FloatHistogram, 'schema'>): boolean => schema === CUSTOM_BUCKETS_SCHEMA

/** The buckets that `spans` name, empty ones too. Counts that are missing are 0. */
export function bucketsOf(spans: readonly Span[], counts: readonly number[]): Buckets {
  const index: number[] = []
  const count: number[] = []
  let at = 0
  for (const span of spans) {
    at += span.offset
    for (let i = 0; i < span.length; i++) {
      count.push(counts[index.length] ?? 0)
      index.push(at++)
    }
  }
  return { index, count }
}

/** Spans that name exactly these indices; neighbours share one. */
export function spansOf(index: readonly number[]): Span[] {
  const spans: { offset: number; length: number }[] = []
  let end = 0
  for (const at of index) {
    const last = spans.at(-1)
    if (last !== undefined && at === end) last.length++
    else spans.push({ offset: at - end, length: 1 })
    end = at + 1
  }
  return spans
}

/** The buckets that hold something. */
function populated(buckets: Buckets): Buckets {
  const index: number[] = []
  const count: number[] = []
  for (let i = 0; i < buckets.index.length; i++) {
    if (buckets.count[i] === 0) continue
    index.push(buckets.index[i]!)
    count.push(buckets.count[i]!)
  }
  return { index, count }
}

function isCompact(spans: readonly Span[], counts: readonly number[]): boolean {
  for (let i = 0; i < counts.length; i++) if (counts[i] === 0) return false
  for (let i = 0; i < spans.length; i++) {
    if (spans[i]!.length === 0 || (i > 0 && spans[i]!.offset === 0)) return false
  }
  return true
}

/** Without empty buckets, and with as few spans as that allows. */
export function compact(histogram: FloatHistogram): FloatHistogram {
  const { positiveSpans, positiveCounts, negativeSpans, negativeCounts } = histogram
  if (isCompact(positiveSpans, positiveCounts) && isCompact(negativeSpans, negativeCounts)) return histogram
  const positive = populated(bucketsOf(positiveSpans, positiveCounts))
  const negative = populated(bucketsOf(negativeSpans, negativeCounts))
  return withBuckets(histogram, positive, negative)
}

/** `histogram` with other buckets. */
export function withBuckets(histogram: FloatHistogram, positive: Buckets, negative: Buckets): FloatHistogram {
  return {
    ...histogram,
    positiveSpans: spansOf(positive.index),
    positiveCounts: positive.count,
    negativeSpans: spansOf(negative.index),
    negativeCounts: negative.count,
  }
}

/** The one span from the first populated bucket to the last, empty ones between them included: how a literal writes buckets. */
export function oneSpan(
  spans: readonly Span[],
  counts: readonly number[],
): { readonly offset: number; readonly counts: readonly number[] } {
  const { index, count } = populated(bucketsOf(spans, counts))
  if (index.length === 0) return { offset: 0, counts: [] }
  const offset = index[0]!
  const all = new Array<number>(index.at(-1)! - offset + 1).fill(0)
  for (let i = 0; i < index.length; i++) all[index[i]! - offset] = count[i]!
  return { offset, counts: all }
}

export const sameBounds = (a: readonly number[], b: readonly number[]): boolean =>
  a === b || (a.length === b.length && a.every((bound, i) => bound === b[i]))

export const sameSpans = (a: readonly Span[], b: readonly Span[]): boolean =>
  a === b || (a.length === b.length && a.every(({ offset, length }, i) => offset === b[i]!.offset && length === b[i]!.length))

/** Whether each count of one stands for the same bucket as the count at its place in the other: nearly always so of neighbours in a series. */
export const sameShape = (a: FloatHistogram, b: FloatHistogram): boolean =>
  a.schema === b.schema &&
  a.zeroThreshold === b.zeroThreshold &&
  sameSpans(a.positiveSpans, b.positiveSpans) &&
  sameSpans(a.negativeSpans, b.negativeSpans) &&
  a.positiveCounts.length === b.positiveCounts.length &&
  a.negativeCounts.length === b.negativeCounts.length &&
  sameBounds(a.customBounds, b.customBounds)
