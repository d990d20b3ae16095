import type { FunctionContext, MutableRow, WindowFunction, Windows } from '../kernel.ts'
import { FLOAT, HISTOGRAM } from '../value.ts'
import { noteTier, shareOfBucket } from './tiers.ts'

/** What needs no more of a window than which samples it has: how many, whether any, the first, the last, and their times. Floats and histograms alike. */
export const countOverTime: WindowFunction = each((windows, step, out) => {
  const { tier } = windows.samples
  const { lo, hi } = windows
  out.value[step] = tier === undefined ? hi[step]! - lo[step]! : countOf(tier.count, windows, step) * shareOfBucket(windows)
})

export const presentOverTime: WindowFunction = each((_, step, out) => {
  out.value[step] = 1
})

export const tsOfFirstOverTime: WindowFunction = each(
  ({ samples, lo }, step, out) => {
    out.value[step] = samples.time[lo[step]!]! / 1000
  },
  (windows, cx) => noteTier('ts_of_first_over_time', windows, cx, false),
)

export const tsOfLastOverTime: WindowFunction = each(
  ({ samples, hi }, step, out) => {
    out.value[step] = samples.time[hi[step]! - 1]! / 1000
  },
  (windows, cx) => noteTier('ts_of_last_over_time', windows, cx, false),
)

/** Keeps the metric's name: it is the metric, as it was. */
export const lastOverTime: WindowFunction = {
  ...each((windows, step, out) => pick(windows, windows.hi[step]! - 1, windows.samples.value, step, out)),
  dropName: false,
}

export const firstOverTime: WindowFunction = {
  ...each(
    (windows, step, out) => {
      const { tier, value } = windows.samples
      pick(windows, windows.lo[step]!, tier?.first ?? value, step, out)
    },
    (windows, cx) => noteTier('first_over_time', windows, cx, true),
  ),
  dropName: false,
}

/** @param fill writes the value at a step whose window isn't empty */
function each(
  fill: (windows: Windows, step: number, out: MutableRow) => void,
  note: (windows: Windows, cx: FunctionContext) => void = () => {},
): WindowFunction {
  return {
    kind: 'window',
    dropName: true,
    run(windows, out, cx) {
      const { lo, hi } = windows
      for (let step = 0; step < lo.length; step++) {
        if (hi[step]! <= lo[step]!) continue
        out.kind[step] = FLOAT
        fill(windows, step, out)
      }
      note(windows, cx)
    },
  }
}

function pick({ samples, lo }: Windows, index: number, column: Float64Array, step: number, out: MutableRow): void {
  const histogram = samples.histograms?.[index]
  if (histogram === undefined) {
    out.value[step] = column[index]!
    return
  }
  out.kind[step] = HISTOGRAM
  out.histograms ??= new Array(lo.length).fill(undefined)
  out.histograms[step] = histogram
}

function countOf(counts: Float64Array, { lo, hi }: Windows, step: number): number {
  let count = 0
  for (let i = lo[step]!; i < hi[step]!; i++) count += counts[i]!
  return count
}
