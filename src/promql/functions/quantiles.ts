import { warnInvalidQuantile } from '../annotations.ts'
import type { WindowFunction } from '../kernel.ts'
import { FLOAT } from '../value.ts'
import { overFloats } from './over-floats.ts'
import { SortedWindow } from './sorted-window.ts'
import { largestWindow } from './split.ts'

/** Between the two values that the rank q × (n - 1) lies between, by its distance from each. */
export const quantileOverTime: WindowFunction = overFloats('quantile_over_time', ({ value, lo, hi }, out, cx) => {
  const window = new SortedWindow(value, largestWindow(lo, hi))
  const qs = cx.scalars[0]!
  for (let step = 0; step < lo.length; step++) {
    if (hi[step]! <= lo[step]!) continue
    const q = qs[step]!
    if (!(q >= 0 && q <= 1)) warnInvalidQuantile(cx.annotations, q, cx.positions[0]!)
    window.moveTo(lo[step]!, hi[step]!)
    out.kind[step] = FLOAT
    out.value[step] = quantile(q, window)
  }
})

/** The median of the distances from the median; NaN where a value is. */
export const madOverTime: WindowFunction = overFloats('mad_over_time', ({ value, lo, hi }, out) => {
  const window = new SortedWindow(value, largestWindow(lo, hi))
  for (let step = 0; step < lo.length; step++) {
    if (hi[step]! <= lo[step]!) continue
    window.moveTo(lo[step]!, hi[step]!)
    out.kind[step] = FLOAT
    out.value[step] = window.nans > 0 ? Number.NaN : medianDistance(window, quantile(0.5, window))
  }
})

export function quantile(q: number, sorted: { readonly size: number; at(rank: number): number }): number {
  if (sorted.size === 0 || Number.isNaN(q)) return Number.NaN
  if (q < 0) return Number.NEGATIVE_INFINITY
  if (q > 1) return Number.POSITIVE_INFINITY
  const rank = q * (sorted.size - 1)
  const lower = Math.floor(rank)
  const weight = rank - lower
  return sorted.at(lower) * (1 - weight) + sorted.at(Math.min(sorted.size - 1, lower + 1)) * weight
}

/** Distances grow to both sides of the median, so they are met in order by taking the nearer of two neighbours, up to the middle one. */
function medianDistance(window: SortedWindow, median: number): number {
  // Where half of the values are infinite, they have no distance from it.
  if (!Number.isFinite(median)) return Number.NaN
  const { size } = window
  const middle = (size - 1) / 2
  const lower = Math.floor(middle)
  let above = 0
  while (above < size && window.at(above) < median) above++
  let below = above - 1
  let before = 0
  let distance = 0
  for (let rank = 0; rank <= Math.min(size - 1, lower + 1); rank++) {
    before = distance
    const down = below >= 0 ? median - window.at(below) : Number.POSITIVE_INFINITY
    const up = above < size ? window.at(above) - median : Number.POSITIVE_INFINITY
    if (above >= size || down < up) below--
    else above++
    distance = Math.min(down, up)
    if (rank === lower && rank === size - 1) before = distance
  }
  return before * (1 - (middle - lower)) + distance * (middle - lower)
}
