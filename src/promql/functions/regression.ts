import type { WindowFunction } from '../kernel.ts'
import { FLOAT, timeOf } from '../value.ts'
import { overFloats } from './over-floats.ts'
import type { Floats } from './split.ts'

/** The line of least squares through the samples of a window; at least two are needed. */
export const deriv: WindowFunction = overFloats('deriv', (floats, out) => {
  const { lo, hi } = floats
  const line = new LeastSquares()
  for (let step = 0; step < lo.length; step++) {
    if (hi[step]! - lo[step]! < 2) continue
    out.kind[step] = FLOAT
    // Times are counted from one that is near, so that no digits are lost.
    line.fit(floats, lo[step]!, hi[step]!, floats.time[lo[step]!]!)
    out.value[step] = line.slope
  }
})

/** Where the line will be, so many seconds after the time of evaluation. */
export const predictLinear: WindowFunction = overFloats('predict_linear', (floats, out, cx) => {
  const { lo, hi } = floats
  const line = new LeastSquares()
  const seconds = cx.scalars[0]!
  for (let step = 0; step < lo.length; step++) {
    if (hi[step]! - lo[step]! < 2) continue
    out.kind[step] = FLOAT
    line.fit(floats, lo[step]!, hi[step]!, timeOf(cx.grid, step))
    out.value[step] = line.slope * seconds[step]! + line.intercept
  }
})

/** Sums of one window after the other; the slope and the intercept are of the last. */
class LeastSquares {
  slope = 0
  intercept = 0

  /** @param origin [epoch ms] where the intercept is */
  fit({ time, value }: Floats, begin: number, end: number, origin: number): void {
    const first = value[begin]!
    let same = true
    for (let i = begin + 1; same && i < end; i++) same = value[i] === first
    if (same) {
      this.slope = Number.isFinite(first) ? 0 : Number.NaN
      this.intercept = Number.isFinite(first) ? first : Number.NaN
    } else this.#solve(time, value, begin, end, origin)
  }

  /** The four sums are written out: as objects they take three times as long. */
  #solve(time: Float64Array, value: Float64Array, begin: number, end: number, origin: number): void {
    let [sumX, lostX, sumY, lostY, sumXY, lostXY, sumXX, lostXX] = [0, 0, 0, 0, 0, 0, 0, 0]
    for (let i = begin; i < end; i++) {
      const x = (time[i]! - origin) / 1000
      const y = value[i]!
      const xy = x * y
      const xx = x * x
      const nextX = sumX + x
      lostX += Math.abs(sumX) >= Math.abs(x) ? sumX - nextX + x : x - nextX + sumX
      sumX = nextX
      const nextXX = sumXX + xx
      lostXX += sumXX >= xx ? sumXX - nextXX + xx : xx - nextXX + sumXX
      sumXX = nextXX
      const nextY = sumY + y
      // What an infinite sum lost would be NaN.
      if (Math.abs(nextY) === Number.POSITIVE_INFINITY) lostY = 0
      else lostY += Math.abs(sumY) >= Math.abs(y) ? sumY - nextY + y : y - nextY + sumY
      sumY = nextY
      const nextXY = sumXY + xy
      if (Math.abs(nextXY) === Number.POSITIVE_INFINITY) lostXY = 0
      else lostXY += Math.abs(sumXY) >= Math.abs(xy) ? sumXY - nextXY + xy : xy - nextXY + sumXY
      sumXY = nextXY
    }
    const n = end - begin
    const x = sumX + lostX
    const y = sumY + lostY
    const covariance = sumXY + lostXY - (x * y) / n
    const variance = sumXX + lostXX - (x * x) / n
    this.slope = covariance / variance
    this.intercept = y / n - (this.slope * x) / n
  }
}
