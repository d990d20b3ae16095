import type { MutableRow, SampleFunction } from '../kernel.ts'
import { FLOAT, type Row } from '../value.ts'
import { goMax, goMin } from './go-math.ts'

/** A function of each float by itself; histograms have no result. */
function ofFloats(compute: (x: number) => number): SampleFunction {
  return {
    kind: 'sample',
    dropName: true,
    run({ kind, value }, out) {
      for (let step = 0; step < kind.length; step++) {
        if (kind[step] !== FLOAT) continue
        out.kind[step] = FLOAT
        out.value[step] = compute(value[step]!)
      }
    },
  }
}

export const mathematics: readonly (readonly [name: string, SampleFunction])[] = [
  ['abs', ofFloats(Math.abs)],
  ['ceil', ofFloats(Math.ceil)],
  ['floor', ofFloats(Math.floor)],
  ['exp', ofFloats(Math.exp)],
  ['sqrt', ofFloats(Math.sqrt)],
  ['ln', ofFloats(Math.log)],
  ['log2', ofFloats(Math.log2)],
  ['log10', ofFloats(Math.log10)],
  ['sgn', ofFloats(Math.sign)],
  ['sin', ofFloats(Math.sin)],
  ['cos', ofFloats(Math.cos)],
  ['tan', ofFloats(Math.tan)],
  ['asin', ofFloats(Math.asin)],
  ['acos', ofFloats(Math.acos)],
  ['atan', ofFloats(Math.atan)],
  ['sinh', ofFloats(Math.sinh)],
  ['cosh', ofFloats(Math.cosh)],
  ['tanh', ofFloats(Math.tanh)],
  ['asinh', ofFloats(Math.asinh)],
  ['acosh', ofFloats(Math.acosh)],
  ['atanh', ofFloats(Math.atanh)],
  ['rad', ofFloats(x => (x * Math.PI) / 180)],
  ['deg', ofFloats(x => (x * 180) / Math.PI)],
]

/** To the nearest multiple of the second argument (1 where it is left out); what lies between two goes up. */
export const round: SampleFunction = {
  kind: 'sample',
  dropName: true,
  run({ kind, value }, out, cx) {
    const nearest = cx.scalars[0]
    for (let step = 0; step < kind.length; step++) {
      if (kind[step] !== FLOAT) continue
      // The inverse loses fewer digits: 0.1 is no float, 10 is.
      const inverse = nearest === undefined ? 1 : 1 / nearest[step]!
      out.kind[step] = FLOAT
      out.value[step] = Math.floor(value[step]! * inverse + 0.5) / inverse
    }
  },
}

export const clamp: SampleFunction = {
  kind: 'sample',
  dropName: true,
  run: (row, out, { scalars }) => clampTo(row, scalars[0], scalars[1], out),
}

export const clampMin: SampleFunction = {
  kind: 'sample',
  dropName: true,
  run: (row, out, { scalars }) => clampTo(row, scalars[0], undefined, out),
}

export const clampMax: SampleFunction = {
  kind: 'sample',
  dropName: true,
  run: (row, out, { scalars }) => clampTo(row, undefined, scalars[0], out),
}

/** Between bounds that cross there is nothing. */
function clampTo({ kind, value }: Row, least: Float64Array | undefined, most: Float64Array | undefined, out: MutableRow): void {
  for (let step = 0; step < kind.length; step++) {
    const low = least === undefined ? Number.NEGATIVE_INFINITY : least[step]!
    const high = most === undefined ? Number.POSITIVE_INFINITY : most[step]!
    if (kind[step] !== FLOAT || high < low) continue
    out.kind[step] = FLOAT
    out.value[step] = goMax(low, goMin(high, value[step]!))
  }
}
