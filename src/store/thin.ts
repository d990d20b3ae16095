/**
 * Samples to buckets: what a coarser tier keeps. A bucket is left-open, (end - step, end], its time is its end and its value its last sample;
 * beside it stand the first, least, largest, sum of its numbers, the count of its samples, and how much a counter has grown since the last
 * sample of the bucket before: v - before, or v where it is less, for then the counter has begun anew.
 *
 * Where a series goes stale within a bucket, the marker stands at its end, alone, and what there was before it is a bucket of its own, a millisecond
 * earlier: neither hides the other. Of histograms the last is kept; where the counter has begun anew within the bucket, its hint says so.
 */
import type { FloatHistogram } from '../model/float-histogram.ts'
import { detectReset } from '../promql/histogram/reset.ts'
import { SampleColumns } from './chunk.ts'
import { appendOne } from './head.ts'

/** In the order of `aggregateNames`. */
const FIRST = 0
const MIN = 1
const MAX = 2
const SUM = 3
const COUNT = 4
const INCREASE = 5

/**
 * Appends buckets to `into`.
 * @param before the last number there was before, NaN where there is none: the first sample is then no increase
 * @param until epoch ms: a bucket that ends later has the time of its last sample, so that what is new can be seen
 */
export function thin(samples: SampleColumns, step: number, before: number, into: SampleColumns, until = Number.POSITIVE_INFINITY): void {
  into.beginAggregates()
  let last = before
  let known = !Number.isNaN(before)
  for (let i = 0; i < samples.length; ) {
    const end = bucketEnd(samples.time[i]!, step)
    const from = i
    while (i < samples.length && samples.time[i]! <= end) i++
    const whole = end <= until
    let held = i - 1
    while (held > from && samples.isStale(held)) held--
    const ended = held < i - 1 && !samples.isStale(held)
    if (!ended) held = i - 1
    appendOne(samples, held, into)
    const at = into.length - 1
    const columns = into.beginAggregates()
    into.time[at] = whole ? (ended ? end - 1 : end) : samples.time[held]!
    if (into.histograms?.[at] !== undefined) into.histograms[at] = withResets(samples, from, held)
    const bucket = { first: Number.NaN, min: Number.NaN, max: Number.NaN, sum: 0, count: 0, increase: 0 }
    let lost = 0
    let numbers = 0
    // Decimals are added as decimals: what comes out is one again, and compresses as such.
    const power = powerFor(samples, from, i, known ? last : 0)
    for (let k = from; k < i; k++) {
      if (samples.isStale(k)) continue
      bucket.count++
      if (samples.histograms?.[k] !== undefined) continue
      const value = samples.value[k]!
      if (numbers === 0) bucket.first = value
      numbers++
      if (!(bucket.min <= value)) bucket.min = Number.isNaN(value) ? bucket.min : value
      if (!(bucket.max >= value)) bucket.max = Number.isNaN(value) ? bucket.max : value
      // Neumaier: what an addition loses is kept beside the sum, as Prometheus does over time.
      const sum = bucket.sum + value
      if (Number.isFinite(sum)) lost += Math.abs(bucket.sum) >= Math.abs(value) ? bucket.sum - sum + value : value - sum + bucket.sum
      bucket.sum = sum
      if (known)
        bucket.increase +=
          value < last ? value : power === 0 ? value - last : (Math.round(value * power) - Math.round(last * power)) / power
      last = value
      known = true
    }
    columns[FIRST]![at] = bucket.first
    columns[MIN]![at] = bucket.min
    columns[MAX]![at] = bucket.max
    columns[SUM]![at] = snapped(bucket.sum + lost, power)
    columns[COUNT]![at] = bucket.count
    columns[INCREASE]![at] = snapped(bucket.increase, power)
    if (ended) appendMarker(samples, i - 1, whole ? end : samples.time[i - 1]!, into)
  }
}

function appendMarker(samples: SampleColumns, i: number, time: number, into: SampleColumns): void {
  appendOne(samples, i, into)
  const at = into.length - 1
  into.time[at] = time
  into.beginAggregates().forEach((column, k) => void (column[at] = k <= MAX ? Number.NaN : 0))
}

/** The histogram of sample `last`, which says of every reset since the one before `from`. */
function withResets(samples: SampleColumns, from: number, last: number): FloatHistogram {
  const histograms = samples.histograms!
  const histogram = histograms[last]!
  let before = from > 0 ? histograms[from - 1] : undefined
  for (let k = from; k <= last; k++) {
    const here = histograms[k]
    if (here === undefined) continue
    const anew = before !== undefined && here.resetHint !== 'gauge' && detectReset(here, before)
    if (anew || here.resetHint === 'reset') return histogram.resetHint === 'gauge' ? histogram : { ...histogram, resetHint: 'reset' }
    before = here
  }
  return histogram
}

/**
 * Buckets of a day that is over, with samples that came too late for it. Where both have a bucket, nobody knows any more in which order its samples were: what
 * it ends with, begins with and has grown by within stays as it was.
 * @param before the last number there was before all of them, as `thin` was told it
 */
export function joinBuckets(known: SampleColumns, late: SampleColumns, step: number, before: number): SampleColumns {
  const joined = new SampleColumns(known.length + late.length)
  joined.beginAggregates()
  let [k, l] = [0, 0]
  /** the last number before, of either and of both */
  const last = { known: before, late: before, joined: before }
  while (k < known.length || l < late.length) {
    const end = Math.min(endOf(known, k, step), endOf(late, l, step))
    const mine = partsOf(known, k, end)
    const theirs = partsOf(late, l, end)
    const held = mine.held ?? theirs.held
    const marker = mine.marker ?? (mine.held === undefined ? theirs.marker : undefined)
    if (held !== undefined) {
      appendOne(mine.held === undefined ? late : known, held, joined)
      const at = joined.length - 1
      joined.time[at] = marker === undefined ? end : end - 1
      growFrom(joined, at, mine.held === undefined ? last.late : last.known, last.joined)
      if (mine.held !== undefined && theirs.held !== undefined) addTo(joined, at, late, theirs.held)
    }
    if (mine.held !== undefined) last.known = numberAt(known, mine.held, last.known)
    if (theirs.held !== undefined) last.late = numberAt(late, theirs.held, last.late)
    if (held !== undefined) last.joined = numberAt(joined, joined.length - 1, last.joined)
    if (marker !== undefined) appendOne(mine.marker === undefined ? late : known, marker, joined)
    k = mine.next
    l = theirs.next
  }
  return joined
}

/** How much a counter has grown from `last`, where that is known, to `value`. */
const grownFrom = (last: number, value: number): number => (Number.isNaN(last) ? 0 : value < last ? value : value - last)

/** What comes last before a bucket is another number than was thought when it was made. */
function growFrom(buckets: SampleColumns, at: number, thought: number, last: number): void {
  const [first, increase] = [buckets.aggregates![FIRST]!, buckets.aggregates![INCREASE]!]
  const more = grownFrom(last, first[at]!) - grownFrom(thought, first[at]!)
  // Without numbers it has no first one.
  if (more === 0 || Number.isNaN(more)) return
  const grown = increase[at]! + more
  const decimal = Math.round(grown * 1e4) / 1e4
  increase[at] = Math.abs(decimal - grown) < 1e-9 ? decimal : grown
}

const numberAt = (buckets: SampleColumns, i: number, otherwise: number): number =>
  buckets.histograms?.[i] === undefined ? buckets.value[i]! : otherwise

const endOf = ({ time, length }: SampleColumns, i: number, step: number): number =>
  i < length ? bucketEnd(time[i]!, step) : Number.POSITIVE_INFINITY

/** Of the bucket that ends at `end`, from `i` on: its samples, its stale marker, and where the next one begins. */
function partsOf(buckets: SampleColumns, i: number, end: number): { held?: number; marker?: number; next: number } {
  const parts: { held?: number; marker?: number; next: number } = { next: i }
  for (; parts.next < buckets.length && buckets.time[parts.next]! <= end; parts.next++) {
    if (buckets.isStale(parts.next)) parts.marker = parts.next
    else parts.held = parts.next
  }
  return parts
}

function addTo(into: SampleColumns, at: number, late: SampleColumns, i: number): void {
  const [mine, theirs] = [into.aggregates!, late.aggregates!]
  const numbers = (a: number, b: number, either: (a: number, b: number) => number) =>
    Number.isNaN(a) ? b : Number.isNaN(b) ? a : either(a, b)
  mine[MIN]![at] = numbers(mine[MIN]![at]!, theirs[MIN]![i]!, Math.min)
  mine[MAX]![at] = numbers(mine[MAX]![at]!, theirs[MAX]![i]!, Math.max)
  mine[SUM]![at] = mine[SUM]![at]! + theirs[SUM]![i]!
  mine[COUNT]![at] = mine[COUNT]![at]! + theirs[COUNT]![i]!
}

/** Sums of numbers with so many places have no more of them; what is over is what doubles cannot hold. */
const snapped = (sum: number, power: number): number => (power <= 1 || !(Math.abs(sum) < 2 ** 30) ? sum : Math.round(sum * power) / power)

/** The least power of ten, up to 10^4, that makes whole numbers of all of them; 0: none does. */
function powerFor(samples: SampleColumns, from: number, to: number, last: number): number {
  let power = 1
  const fits = (value: number): boolean => {
    while (Math.round(value * power) / power !== value) {
      if (power >= 1e4) return false
      power *= 10
    }
    return Math.abs(value) < 2 ** 30
  }
  if (!fits(last)) return 0
  for (let i = from; i < to; i++) {
    if (samples.histograms?.[i] !== undefined || samples.isStale(i)) continue
    if (!fits(samples.value[i]!)) return 0
  }
  return power
}

export const bucketEnd = (time: number, step: number): number => Math.ceil(time / step) * step

/** The last number; NaN where there is none. */
export function lastNumber(samples: SampleColumns): number {
  for (let i = samples.length - 1; i >= 0; i--) if (samples.histograms?.[i] === undefined && !samples.isStale(i)) return samples.value[i]!
  return Number.NaN
}
