import { formatG } from '../../lib/go-text.ts'
import type { WindowFunction } from '../kernel.ts'
import { QueryError } from '../query-error.ts'
import { FLOAT } from '../value.ts'
import { overFloats } from './over-floats.ts'

const ofFloats: WindowFunction = overFloats('double_exponential_smoothing', ({ value, lo, hi }, out, cx) => {
  const [smoothing, trend] = cx.scalars as [Float64Array, Float64Array]
  for (let step = 0; step < lo.length; step++) {
    if (hi[step]! - lo[step]! < 2) continue
    out.kind[step] = FLOAT
    out.value[step] = smoothed(value, lo[step]!, hi[step]!, smoothing[step]!, trend[step]!)
  }
})

/**
 * Double exponential smoothing (Holt): level s and trend b, each the weighted mean of what is new and what was expected.
 * s = sf·x + (1 - sf)·(s + b); b = tf·(s - s before) + (1 - tf)·b. At least two samples are needed.
 */
export const doubleExponentialSmoothing: WindowFunction = {
  ...ofFloats,
  run(windows, out, cx) {
    const [smoothing, trend] = cx.scalars as [Float64Array, Float64Array]
    // A window of histograms alone has no result, but it asks for a factor.
    for (let step = 0; step < windows.lo.length; step++) {
      if (windows.hi[step]! <= windows.lo[step]!) continue
      checkFactor('smoothing', 'sf', smoothing[step]!)
      checkFactor('trend', 'tf', trend[step]!)
    }
    ofFloats.run(windows, out, cx)
  },
}

function smoothed(value: Float64Array, begin: number, end: number, smoothing: number, trend: number): number {
  let before = 0
  let level = value[begin]!
  let slope = value[begin + 1]! - level
  for (let i = begin + 1; i < end; i++) {
    if (i > begin + 1) slope = trend * (level - before) + (1 - trend) * slope
    const next = smoothing * value[i]! + (1 - smoothing) * (level + slope)
    before = level
    level = next
  }
  return level
}

function checkFactor(what: string, symbol: string, factor: number): void {
  if (!(factor <= 0 || factor >= 1)) return
  const got = Number.isFinite(factor) ? factor.toFixed(6) : formatG(factor)
  throw new QueryError('execution', `invalid ${what} factor. Expected: 0 < ${symbol} < 1, got: ${got}`)
}
