import type { MutableRow, SampleFunction } from '../kernel.ts'
import { FLOAT, type Row } from '../value.ts'
import { eachFloat } from './each-float.ts'
import { goMax, goMin } from './go-math.ts'

export const mathematics: readonly (readonly [name: string, SampleFunction])[] = [
  ['abs', eachFloat(Math.abs)],
  ['ceil', eachFloat(Math.ceil)],
  ['floor', eachFloat(Math.floor)],
  ['exp', eachFloat(Math.exp)],
  ['sqrt', eachFloat(Math.sqrt)],
  ['ln', eachFloat(Math.log)],
  ['log2', eachFloat(Math.log2)],
  ['log10', eachFloat(Math.log10)],
  ['sgn', eachFloat(Math.sign)],
  ['sin', eachFloat(Math.sin)],
  ['cos', eachFloat(Math.cos)],
  ['tan', eachFloat(Math.tan)],
  ['asin', eachFloat(Math.asin)],
  ['acos', eachFloat(Math.acos)],
  ['atan', eachFloat(Math.atan)],
  ['sinh', eachFloat(Math.sinh)],
  ['cosh', eachFloat(Math.cosh)],
  ['tanh', eachFloat(Math.tanh)],
  ['asinh', eachFloat(Math.asinh)],
  ['acosh', eachFloat(Math.acosh)],
  ['atanh', eachFloat(Math.atanh)],
  ['rad', eachFloat(x => (x * Math.PI) / 180)],
  ['deg', eachFloat(x => (x * 180) / Math.PI)],
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
