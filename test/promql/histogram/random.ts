import { CUSTOM_BUCKETS_SCHEMA, type FloatHistogram, type Span } from '../../../src/model/float-histogram.ts'
import { emptyHistogram } from '../../../src/promql/histogram/text.ts'

/** A seeded generator (mulberry32): numbers in [0, 1). */
export function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

type Random = () => number
export const whole = (random: Random, below: number): number => Math.floor(random() * below)

function side(random: Random, offset: number, most: number): { spans: Span[]; counts: number[] } {
  const spans: Span[] = []
  const counts: number[] = []
  let room = most
  for (let i = whole(random, 4); i > 0 && room > 0; i--) {
    const gap = spans.length === 0 ? 0 : whole(random, Math.min(room, 3))
    const span = { offset: spans.length === 0 ? offset : gap, length: Math.min(room - gap, whole(random, 4)) }
    room -= gap + span.length
    spans.push(span)
    for (let j = 0; j < span.length; j++) counts.push(whole(random, 3) === 0 ? 0 : whole(random, 50))
  }
  return { spans, counts }
}

/** Exponential, with whole counts, empty buckets and spans of length 0; count is what the buckets hold. */
export function randomExponential(random: Random, schema = whole(random, 6) - 2): FloatHistogram {
  const zeroThreshold = [0, 0, 0.001, 0.25, 1][whole(random, 5)]!
  // Buckets begin above the zero bucket.
  const first = zeroThreshold === 0 ? -10 : Math.ceil(Math.log2(zeroThreshold) * 2 ** schema) + 1
  const positive = side(random, first + whole(random, 6), 100)
  const negative = side(random, first + whole(random, 6), 100)
  const zeroCount = whole(random, 3) * 5
  return {
    ...emptyHistogram,
    schema,
    count: [...positive.counts, ...negative.counts].reduce((a, b) => a + b, zeroCount),
    sum: whole(random, 2000) - 1000,
    zeroThreshold,
    zeroCount,
    positiveSpans: positive.spans,
    positiveCounts: positive.counts,
    negativeSpans: negative.spans,
    negativeCounts: negative.counts,
  }
}

export function randomCustom(random: Random): FloatHistogram {
  const customBounds = [-2, -1, 0, 0.5, 1, 2.5, 5, 10].filter(() => random() < 0.7)
  const { spans, counts } = side(random, 0, customBounds.length + 1)
  return {
    ...emptyHistogram,
    schema: CUSTOM_BUCKETS_SCHEMA,
    count: counts.reduce((a, b) => a + b, 0),
    sum: whole(random, 2000) - 1000,
    positiveSpans: spans,
    positiveCounts: counts,
    customBounds,
  }
}
