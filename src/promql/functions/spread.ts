import type { MutableRow, WindowFunction } from '../kernel.ts'
import { FLOAT } from '../value.ts'
import { overFloats } from './over-floats.ts'
import type { Floats } from './split.ts'

/** The variance of a whole population, value by value (Welford), each of the two running sums compensated (Kahan, Neumaier). */
export const stdvarOverTime: WindowFunction = overFloats('stdvar_over_time', (floats, out) => variances(floats, out, false))
export const stddevOverTime: WindowFunction = overFloats('stddev_over_time', (floats, out) => variances(floats, out, true))

function variances({ value, lo, hi }: Floats, out: MutableRow, root: boolean): void {
  for (let step = 0; step < lo.length; step++) {
    if (hi[step]! <= lo[step]!) continue
    const variance = varianceOf(value, lo[step]!, hi[step]!)
    out.kind[step] = FLOAT
    out.value[step] = root ? Math.sqrt(variance) : variance
  }
}

function varianceOf(value: Float64Array, begin: number, end: number): number {
  let mean = 0
  let meanLost = 0
  let squares = 0
  let squaresLost = 0
  for (let i = begin; i < end; i++) {
    const x = value[i]!
    const distance = x - (mean + meanLost)
    const toMean = distance / (i - begin + 1)
    const nextMean = mean + toMean
    if (Math.abs(nextMean) === Number.POSITIVE_INFINITY) meanLost = 0
    else meanLost += Math.abs(mean) >= Math.abs(toMean) ? mean - nextMean + toMean : toMean - nextMean + mean
    mean = nextMean
    const square = distance * (x - (mean + meanLost))
    const next = squares + square
    if (Math.abs(next) === Number.POSITIVE_INFINITY) squaresLost = 0
    else squaresLost += Math.abs(squares) >= Math.abs(square) ? squares - next + square : square - next + squares
    squares = next
  }
  return (squares + squaresLost) / (end - begin)
}
