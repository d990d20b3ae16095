import { warnMixedFloatsHistograms } from '../annotations.ts'
import { extendedHistogramGrowth } from '../histogram/rate.ts'
import type { FunctionContext, MutableRow, Windows } from '../kernel.ts'
import { FLOAT } from '../value.ts'
import type { RateKind } from './rates.ts'
import { type Floats, type Histograms, split } from './split.ts'

/**
 * rate, increase and delta of `anchored` and `smoothed` selectors, which look at samples around the window instead of guessing what is between them.
 * Anchored: from the last sample at or before the window's begin to the last one in it. Smoothed: from edge to edge, both on the straight line between
 * the samples around them. Neighbours are at most the lookback away.
 */
export function extendedRate(windows: Windows, kind: RateKind, out: MutableRow, cx: FunctionContext): void {
  const reach = reachOf(windows, Math.max(cx.lookback, windows.samples.tier?.step ?? 0))
  const { floats, histograms } = split(reach)
  const growth = windows.modifier === 'smoothed' ? smoothedGrowth : anchoredGrowth
  const seconds = windows.range / 1000
  let mixed = false
  for (let step = 0; step < floats.lo.length; step++) {
    if (histograms !== undefined && histograms.hi[step]! > histograms.lo[step]!) {
      if (floats.hi[step]! > floats.lo[step]!) mixed = true
      else extendedHistogramRate(histograms, step, windows, kind, out, cx)
      continue
    }
    if (floats.hi[step]! <= floats.lo[step]!) continue
    const grown = growth(floats, step, windows.from[step]!, windows.to[step]!, kind.counter)
    if (grown === undefined) continue
    out.kind[step] = FLOAT
    out.value[step] = kind.perSecond ? grown / seconds : grown
  }
  if (mixed) warnMixedFloatsHistograms(cx.annotations, windows.labels.name, cx.positions[0]!)
}

/** The windows with as many neighbours as they may see. */
export function reachOf(windows: Windows, lookback: number): Windows {
  const { time } = windows.samples
  const lo = new Int32Array(windows.lo.length)
  const hi = new Int32Array(windows.hi)
  const after = windows.modifier === 'smoothed' ? lookback : 0
  let first = 0
  let end = 0
  for (let step = 0; step < lo.length; step++) {
    while (first < time.length && time[first]! <= windows.from[step]! - lookback) first++
    while (end < time.length && time[end]! <= windows.to[step]! + after) end++
    lo[step] = first
    hi[step] = end
  }
  return { ...windows, lo, hi }
}

type Growth = (floats: Floats, step: number, from: number, to: number, counter: boolean) => number | undefined

const anchoredGrowth: Growth = ({ time, value, lo, hi }, step, from, _, counter) => {
  const last = hi[step]! - 1
  if (time[last]! <= from) return undefined
  const first = anchorOf(time, lo[step]!, last, from)
  let lost = 0
  if (counter) for (let i = first + 1; i <= last; i++) if (value[i]! < value[i - 1]!) lost += value[i - 1]!
  return value[last]! - value[first]! + lost
}

const smoothedGrowth: Growth = ({ time, value, lo, hi }, step, from, to, counter) => {
  let last = hi[step]! - 1
  const first = anchorOf(time, lo[step]!, last, from)
  while (last > lo[step]! && time[last - 1]! >= to) last--
  if (time[last]! <= from || time[first]! > to) return undefined
  const left = time[first]! < from ? between(time, value, first, from, counter) : value[first]!
  const right = last > lo[step]! && time[last]! > to ? between(time, value, last - 1, to, counter) : value[last]!
  if (!counter) return right - left
  // The edges have taken care of resets next to them.
  let lost = 0
  let before = left
  for (let i = time[first]! <= from ? first + 1 : first; i <= last && time[i]! < to; i++) {
    if (value[i]! < before) lost += before
    before = value[i]!
  }
  if (right < before) lost += before
  return right - left + lost
}

function extendedHistogramRate(
  histograms: Histograms,
  step: number,
  windows: Windows,
  kind: RateKind,
  out: MutableRow,
  cx: FunctionContext,
): void {
  const { time, lo, hi } = histograms
  const from = windows.from[step]!
  const to = windows.to[step]!
  let last = hi[step]! - 1
  const first = anchorOf(time, lo[step]!, last, from)
  const smoothed = windows.modifier === 'smoothed'
  while (smoothed && last > lo[step]! && time[last - 1]! >= to) last--
  if (time[last]! <= from || (smoothed && time[first]! > to)) return
  extendedHistogramGrowth(histograms, first, last, step, windows, kind, out, cx)
}

/** The last sample at or before `from`; the first of all where there is none. */
function anchorOf(time: Float64Array, lo: number, last: number, from: number): number {
  let first = last
  while (first > lo && time[first]! > from) first--
  return first
}

/** On the line from sample `i` to the next. A counter that was reset between them begins at zero. */
function between(time: Float64Array, value: Float64Array, i: number, at: number, counter: boolean): number {
  const from = counter && value[i + 1]! < value[i]! ? 0 : value[i]!
  return from + ((value[i + 1]! - from) * (at - time[i]!)) / (time[i + 1]! - time[i]!)
}
