import type { SampleFunction } from '../kernel.ts'
import { FLOAT } from '../value.ts'

/** A function of each float by itself; histograms have no result. */
export function eachFloat(compute: (x: number) => number): SampleFunction {
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
