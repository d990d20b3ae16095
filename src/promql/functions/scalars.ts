import type { Argument, WholeFunction } from '../kernel.ts'
import { FLOAT, type Grid, type Row, timeOf } from '../value.ts'
import { goMax, goMin } from './go-math.ts'
import { emptyRow } from './rows.ts'

/** Scalars, which are rows without labels that have a float at every step; and vectors made of them. */
export const time: WholeFunction = scalar((grid, step) => timeOf(grid, step) / 1000)
export const pi: WholeFunction = scalar(() => Math.PI)
export const maxOf: WholeFunction = scalar((_, step, [a, b]) => goMax(scalarAt(a, step), scalarAt(b, step)))
export const minOf: WholeFunction = scalar((_, step, [a, b]) => goMin(scalarAt(a, step), scalarAt(b, step)))
export const vector: WholeFunction = scalar((_, step, [of]) => scalarAt(of, step))
/** The one float there is; NaN where there is none, or more than one. Histograms don't count. */
export const scalarOf: WholeFunction = scalar((_, step, [of]) => {
  let found = Number.NaN
  let count = 0
  if (of?.type === 'vector')
    for (const row of of.rows) {
      if (row.kind[step] !== FLOAT) continue
      count++
      found = row.value[step]!
    }
  return count === 1 ? found : Number.NaN
})

function scalar(at: (grid: Grid, step: number, args: readonly Argument[]) => number): WholeFunction {
  return {
    kind: 'whole',
    run(args, { grid }): readonly Row[] {
      const row = emptyRow(grid)
      row.kind.fill(FLOAT)
      for (let step = 0; step < grid.steps; step++) row.value[step] = at(grid, step, args)
      return [row]
    },
  }
}

const scalarAt = (argument: Argument | undefined, step: number): number =>
  argument?.type === 'scalar' ? argument.values[step]! : Number.NaN
