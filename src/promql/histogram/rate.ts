import type { FloatHistogram } from '../../model/float-histogram.ts'
import {
  infoMismatchedCustomBuckets,
  warnHistogramNotCounter,
  warnHistogramNotGauge,
  warnMixedExponentialCustomHistograms,
} from '../annotations.ts'
import type { RateKind } from '../functions/rates.ts'
import type { Histograms } from '../functions/split.ts'
import { startsAnew } from '../functions/start-times.ts'
import type { FunctionContext, MutableRow, Windows } from '../kernel.ts'
import { add, alignedDifference, divide, multiply } from './arithmetic.ts'
import { compact, isCustom } from './layout.ts'
import { putHistogram } from './over-time.ts'
import { detectReset } from './reset.ts'
import { HistogramSum } from './sum.ts'
import { emptyHistogram } from './text.ts'

/** What there is to say about one window; it is said once its fate is known. */
class Notes {
  notCounter = false
  notGauge = false
  subtracted = false
  added = false

  tell(windows: Windows, { annotations, positions }: FunctionContext): void {
    const at = positions[0]!
    const { name } = windows.labels
    if (this.notCounter) warnHistogramNotCounter(annotations, name, at)
    if (this.notGauge) warnHistogramNotGauge(annotations, name, at)
    if (this.subtracted) infoMismatchedCustomBuckets(annotations, 'subtraction', at)
    if (this.added) infoMismatchedCustomBuckets(annotations, 'addition', at)
  }
}

function warnMixed(windows: Windows, cx: FunctionContext): void {
  warnMixedExponentialCustomHistograms(cx.annotations, windows.labels.name, cx.positions[0]!)
}

/** rate, increase and delta of the windows that hold histograms, extended to the edges of the window as those of floats are. */
export function histogramRate(histograms: Histograms, windows: Windows, kind: RateKind, out: MutableRow, cx: FunctionContext): void {
  const resets = new Resets(histograms)
  for (let step = 0; step < histograms.lo.length; step++) {
    const first = histograms.lo[step]!
    const last = histograms.hi[step]! - 1
    if (last < first) continue
    const notes = new Notes()
    const grown = last === first ? undefined : growth(histograms, resets, first, last, kind, notes)
    const value = grown === 'mixed' ? 'mixed' : extrapolate(histograms, first, last, grown, windows, step, kind, notes)
    if (value === 'mixed') warnMixed(windows, cx)
    else if (value !== undefined) putHistogram(out, step, value)
    notes.tell(windows, cx)
  }
}

/** Whether there is a reset before a sample does not depend on the window, so it is asked once of each. */
class Resets {
  readonly #histograms: Histograms
  /** [samples] 0: not asked yet, 1: no, 2: yes */
  readonly #known: Uint8Array

  constructor(histograms: Histograms) {
    this.#histograms = histograms
    this.#known = new Uint8Array(histograms.time.length)
  }

  /** Whether the counter began anew between sample `i - 1` and `i`. */
  before(i: number): boolean {
    if (this.#known[i] === 0) {
      const { histogram } = this.#histograms
      this.#known[i] = startedAnew(this.#histograms, i) || detectReset(histogram[i]!, histogram[i - 1]!) ? 2 : 1
    }
    return this.#known[i] === 2
  }
}

const startedAnew = ({ time, start }: Histograms, i: number): boolean =>
  start !== undefined && startsAnew(start[i - 1]!, time[i - 1]!, start[i]!, time[i]!)

/** Last sample − first sample, and of a counter what it had at each reset. `mixed` where exponential and custom buckets meet. */
function growth(
  { histogram }: Histograms,
  resets: Resets,
  first: number,
  last: number,
  { counter }: RateKind,
  notes: Notes,
): FloatHistogram | 'mixed' {
  const end = histogram[last]!
  const gauge = (each: FloatHistogram): boolean => each.resetHint === 'gauge'
  if (counter) notes.notCounter = gauge(histogram[first]!) || gauge(end)

  // With a reset right after it the first sample does not matter, nor does its shape.
  const skipFirst = counter && resets.before(first + 1)
  const begin = skipFirst ? nothingLike(histogram[first + 1]!) : histogram[first]!
  if (isCustom(begin) !== isCustom(end)) return 'mixed'
  let schema = Math.min(begin.schema, end.schema)
  if (counter) {
    for (let i = first + 1; i < last; i++) {
      const each = histogram[i]!
      if (isCustom(each) !== isCustom(end)) {
        // There is nothing else to say then.
        notes.notCounter = false
        return 'mixed'
      }
      if (gauge(each)) notes.notCounter = true
      schema = Math.min(schema, each.schema)
    }
  }
  if (!counter) notes.notGauge = !gauge(histogram[first]!) || !gauge(end)
  let reset = last + 1
  if (counter) for (reset = skipFirst ? first + 2 : first + 1; reset <= last && !resets.before(reset); reset++);
  const plain = reset > last && schema === end.schema ? alignedDifference(end, begin) : undefined
  if (plain !== undefined) return plain

  const sum = new HistogramSum(end)
  if (!isCustom(end)) sum.reduceTo(schema)
  sum.add(begin, -1)
  notes.subtracted = sum.reconciled
  sum.reconciled = false
  for (; reset <= last; reset++) if (resets.before(reset)) sum.add(histogram[reset - 1]!)
  notes.added = sum.reconciled
  sum.resetHint = 'gauge'
  return sum.value()
}

const nothingLike = ({ schema, customBounds }: FloatHistogram): FloatHistogram => ({ ...emptyHistogram, schema, customBounds })

function extrapolate(
  { time, histogram, start }: Histograms,
  first: number,
  last: number,
  grown: FloatHistogram | undefined,
  windows: Windows,
  step: number,
  kind: RateKind,
  notes: Notes,
): FloatHistogram | 'mixed' | undefined {
  const from = windows.from[step]!
  let sampled = (time[last]! - time[first]!) / 1000
  const between = last > first ? sampled / (last - first) : 0
  const threshold = between * 1.1
  let toStart = (time[first]! - from) / 1000
  let value: FloatHistogram | 'mixed'
  const began = kind.counter && start !== undefined ? start[first]! : 0
  if (began !== 0 && began > from && began < time[first]!) {
    // It began within the window, at nothing: all of the first sample is growth, and there is nothing to extend to.
    toStart = 0
    sampled = (time[last]! - began) / 1000
    value = withFirst(grown, histogram[first]!, notes)
    if (value === 'mixed') return value
  } else if (grown === undefined) return undefined
  else {
    value = grown
    if (toStart >= threshold) toStart = between / 2
    // No counter was ever below zero.
    if (kind.counter && value.count > 0 && histogram[first]!.count >= 0) {
      toStart = Math.min(toStart, sampled * (histogram[first]!.count / value.count))
    }
  }
  let toEnd = (windows.to[step]! - time[last]!) / 1000
  if (toEnd >= threshold) toEnd = between / 2
  let factor = sampled === 0 ? 1 : (sampled + toStart + toEnd) / sampled
  if (kind.perSecond) factor /= windows.range / 1000
  return compact(multiply(value, factor))
}

function withFirst(grown: FloatHistogram | undefined, first: FloatHistogram, notes: Notes): FloatHistogram | 'mixed' {
  if (grown === undefined) return first
  const sum = add(grown, first)
  if (sum === undefined) return 'mixed'
  if (sum.reconciled) notes.added = true
  return sum.histogram
}

/**
 * rate, increase and delta of one window of an `anchored` or `smoothed` selector that holds histograms. Smoothed ones lie on the straight line between the samples
 * around an edge, bucket by bucket.
 * @param first the last sample at or before the window's begin, or the first there is
 * @param last the last sample of the window; the first at or after its end where `smoothed`
 */
export function extendedHistogramGrowth(
  histograms: Histograms,
  first: number,
  last: number,
  step: number,
  windows: Windows,
  kind: RateKind,
  out: MutableRow,
  cx: FunctionContext,
): void {
  const { time, histogram } = histograms
  const { counter } = kind
  const from = windows.from[step]!
  const to = windows.to[step]!
  const smoothed = windows.modifier === 'smoothed'
  const notes = new Notes()
  const window = histogram.slice(first, last + 1)
  const custom = isCustom(histogram[first]!)
  const odd = window.findIndex(each => isCustom(each) !== custom)
  if (counter) notes.notCounter = (odd < 0 ? window : window.slice(0, odd)).some(({ resetHint }) => resetHint === 'gauge')
  if (odd >= 0) {
    warnMixed(windows, cx)
    notes.tell(windows, cx)
    return
  }
  const early = smoothed && time[first]! < from
  const left = early ? between(histograms, first, from, counter, notes) : histogram[first]!
  const right = smoothed && last > first && time[last]! > to ? between(histograms, last - 1, to, counter, notes) : histogram[last]!
  if (left !== undefined && right !== undefined) {
    if (!counter) notes.notGauge = left.resetHint !== 'gauge' || right.resetHint !== 'gauge'
    const sum = new HistogramSum(right)
    sum.add(left, -1)
    if (sum.reconciled) notes.subtracted = true
    if (counter) {
      sum.reconciled = false
      for (const before of lostToResets(histogram, first, last, left, right, early)) sum.add(before)
      if (sum.reconciled) notes.added = true
    }
    sum.resetHint = 'gauge'
    putHistogram(out, step, sum.value(kind.perSecond ? windows.range / 1000 : 1))
  } else warnMixed(windows, cx)
  notes.tell(windows, cx)
}

/** What a counter had just before each of its resets between the two edges. */
function lostToResets(
  histogram: readonly FloatHistogram[],
  first: number,
  last: number,
  left: FloatHistogram,
  right: FloatHistogram,
  early: boolean,
): FloatHistogram[] {
  const lost: FloatHistogram[] = []
  let before = left
  let next = first + 1
  if (early && detectReset(histogram[next]!, histogram[first]!)) {
    // The left edge lies between a reset and the sample after it, so it has begun anew already.
    before = histogram[next]!
    next++
  }
  // Both edges lie on one piece of line.
  if (next > last) return lost
  // The last sample is the right edge, or has lent it its hint: it is not asked twice.
  for (; next < last; next++) {
    if (detectReset(histogram[next]!, before)) lost.push(before)
    before = histogram[next]!
  }
  if (detectReset(right, before)) lost.push(before)
  return lost
}

/** On the line from sample `i` to the next. A counter that was reset between them begins with nothing. Undefined where exponential and custom buckets meet. */
function between({ time, histogram }: Histograms, i: number, at: number, counter: boolean, notes: Notes): FloatHistogram | undefined {
  const [left, right] = [histogram[i]!, histogram[i + 1]!]
  if (at === time[i]) return left
  if (at === time[i + 1]) return right
  const share = (at - time[i]!) / (time[i + 1]! - time[i]!)
  if (counter && detectReset(right, left)) return multiply(right, share)
  const sum = new HistogramSum(right)
  if (!sum.add(left, -1)) return undefined
  if (sum.reconciled) notes.subtracted = true
  sum.reconciled = false
  sum.scale(share)
  sum.add(left)
  if (sum.reconciled) notes.added = true
  return sum.value()
}

/** irate and idelta of the last two samples of a window, sample `last` and the one before; both are histograms. */
export function lastTwoHistograms(
  before: FloatHistogram,
  now: FloatHistogram,
  /** the counter began anew between them, as start timestamps say */
  began: boolean,
  seconds: number,
  step: number,
  counter: boolean,
  name: string,
  out: MutableRow,
  { annotations, positions }: FunctionContext,
): void {
  const at = positions[0]!
  const gauges = (before.resetHint === 'gauge' ? 1 : 0) + (now.resetHint === 'gauge' ? 1 : 0)
  if (counter && gauges > 0) warnHistogramNotCounter(annotations, name, at)
  if (!counter && gauges < 2) warnHistogramNotGauge(annotations, name, at)
  const sum = new HistogramSum(now)
  if (!counter || !(began || detectReset(now, before))) {
    if (!sum.add(before, -1)) {
      warnMixedExponentialCustomHistograms(annotations, name, at)
      return
    }
    if (sum.reconciled) infoMismatchedCustomBuckets(annotations, 'subtraction', at)
  }
  sum.resetHint = 'gauge'
  putHistogram(out, step, counter ? divide(sum.value(), seconds) : sum.value())
}
