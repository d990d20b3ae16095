/**
 * Exponential histograms in Prometheus' two shapes. Buckets of a coarser scale are exact unions of finer ones:
 * bucket k at scale s lies in bucket floor(k / 2^d) at scale s - d.
 */
import type { ExponentialBuckets } from './families.ts'

/** One side of zero. Bucket k holds `counts[k]` and has index `offset + k`. */
export interface Side {
  offset: number
  counts: ArrayLike<number>
}

/** [buckets] of one side after going `by` scales down; zeros at both ends are left out. */
export function coarser({ offset, counts }: Side, by: number): Side {
  const [first, end] = occupied(counts)
  if (first === end) return { offset: 0, counts: [] }
  const factor = 2 ** Math.min(by, 60)
  const from = Math.floor((offset + first) / factor)
  const to = Math.floor((offset + end - 1) / factor)
  const merged = new Array<number>(to - from + 1).fill(0)
  for (let k = first; k < end; k++) merged[Math.floor((offset + k) / factor) - from]! += counts[k]!
  return { offset: from, counts: merged }
}

/** [first, end) of what is not zero */
function occupied(counts: ArrayLike<number>): [number, number] {
  let first = 0
  let end = counts.length
  while (first < end && counts[first] === 0) first++
  while (end > first && counts[end - 1] === 0) end--
  return [first, end]
}

/** How many buckets a side has at a scale coarser by `by`. */
export function width({ offset, counts }: Side, by: number): number {
  const [first, end] = occupied(counts)
  if (first === end) return 0
  const factor = 2 ** Math.min(by, 60)
  return Math.floor((offset + end - 1) / factor) - Math.floor((offset + first) / factor) + 1
}

/** 2^(i/256), so that a boundary is the same double at every scale up to 8. */
const fractions = Float64Array.from({ length: 256 }, (_, i) => 2 ** (i / 256))

/** base^index at a scale of at most 8: the lower bound of bucket `index`. */
export function boundary(scale: number, index: number): number {
  if (scale <= 0) return 2 ** (index * 2 ** -scale)
  const whole = Math.floor(index / 2 ** scale)
  return 2 ** whole * fractions[(index - whole * 2 ** scale) * 2 ** (8 - scale)]!
}

/** In text there are at most this many buckets beside +Inf … */
const maxClassicBuckets = 20
/** … and none finer than a fourth of a doubling, so that `le` is the same from scrape to scrape while a series finds its range. */
const maxClassicScale = 2

export interface ClassicBuckets {
  /** ascending, without +Inf */
  readonly bounds: Float64Array
  /** not cumulative, one more than there are bounds */
  readonly buckets: Float64Array
}

/**
 * Classic buckets at boundaries of the histogram itself, so that every count is exact: the finest scale that needs at most
 * 20 boundaries, counting the one below the first bucket. Below zero a bucket is closed at the wrong end: a value that equals a negative
 * boundary is counted one bucket too high.
 */
export function toClassic(h: ExponentialBuckets): ClassicBuckets {
  const positive = { offset: h.positiveOffset, counts: h.positive }
  const negative = { offset: h.negativeOffset, counts: h.negative }
  let by = Math.max(0, h.scale - maxClassicScale)
  while (width(positive, by) + width(negative, by) > maxClassicBuckets - 2) by++
  const scale = h.scale - by
  const bounds: number[] = []
  const buckets: number[] = []
  // each boundary takes what lies below it; one that is no larger than the last, or no number, leaves it to the next
  let waiting = 0
  const close = (bound: number, count: number) => {
    waiting += count
    if (!Number.isFinite(bound) || bound <= (bounds.at(-1) ?? Number.NEGATIVE_INFINITY)) return
    // no negative zero
    bounds.push(bound + 0)
    buckets.push(waiting)
    waiting = 0
  }
  const below = coarser(negative, by)
  for (let k = below.counts.length - 1; k >= 0; k--) close(-boundary(scale, below.offset + k), below.counts[k]!)
  if (h.zeroCount > 0 || below.counts.length > 0) close(h.zeroThreshold, h.zeroCount)
  const above = coarser(positive, by)
  if (above.counts.length > 0) close(boundary(scale, above.offset), 0)
  for (let k = 0; k < above.counts.length; k++) close(boundary(scale, above.offset + k + 1), above.counts[k]!)
  return { bounds: Float64Array.from(bounds), buckets: Float64Array.from([...buckets, waiting]) }
}

/** Prometheus knows these schemas; a finer scale is merged down, a coarser one cannot be shown. */
export const maxSchema = 8
export const minSchema = -4

export interface Spans {
  /** pairs: gap to the end of the span before (the first: the index), length */
  readonly spans: readonly (readonly [offset: number, length: number])[]
  /** differences of neighbouring counts */
  readonly deltas: readonly number[]
}

/**
 * One side as a native histogram writes it: bucket k of OTLP is k + 1 there. Gaps of up to two empty buckets are written out.
 * What `coarser` returns begins and ends with a bucket that is not empty.
 */
export function toSpans({ offset, counts }: Side): Spans {
  const spans: [number, number][] = []
  const deltas: number[] = []
  let last = 0
  let end = 0
  let gap = offset + 1
  for (let k = 0; k < counts.length; k++) {
    const count = counts[k]!
    if (count === 0 && emptyRun(counts, k) > 2) {
      // a long gap: the next span begins after it
      const run = emptyRun(counts, k)
      gap += run
      k += run - 1
      end = 0
      continue
    }
    if (end === 0) {
      spans.push([gap, 0])
      gap = 0
      end = 1
    }
    spans.at(-1)![1]++
    deltas.push(count - last)
    last = count
  }
  return { spans, deltas }
}

function emptyRun(counts: ArrayLike<number>, from: number): number {
  let at = from
  while (at < counts.length && counts[at] === 0) at++
  return at - from
}
