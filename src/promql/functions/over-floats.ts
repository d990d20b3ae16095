import type { FunctionContext, MutableRow, WindowFunction } from '../kernel.ts'
import { type Floats, noteIgnored, split } from './split.ts'
import { noteTier } from './tiers.ts'

/** Fills `out` from the floats of each window; a window without any has no result. */
export type FloatKernel = (floats: Floats, out: MutableRow, cx: FunctionContext) => void

/** A function of floats that passes over histograms. */
export function overFloats(name: string, kernel: FloatKernel): WindowFunction {
  return {
    kind: 'window',
    dropName: true,
    run(windows, out, cx) {
      const both = split(windows)
      kernel(both.floats, out, cx)
      noteIgnored(windows, both, cx)
      noteTier(name, windows, cx, exactOnTiers.has(name))
    },
  }
}

/** What a coarser tier keeps a column for. */
const exactOnTiers: ReadonlySet<string> = new Set(['min_over_time', 'max_over_time'])
