import type { Samples } from '../../model/query.ts'
import { equal } from '../histogram/arithmetic.ts'
import { detectReset } from '../histogram/reset.ts'
import type { FunctionContext, WindowFunction, Windows } from '../kernel.ts'
import { FLOAT } from '../value.ts'
import { startsAnew } from './start-times.ts'
import { noteTier } from './tiers.ts'

/**
 * changes and resets. Whether a sample differs from the one before doesn't depend on the window, so it is asked once of every sample,
 * and a window's number is the difference of two running counts.
 */
export const changes: WindowFunction = turns('changes', isChange)
export const resets: WindowFunction = turns('resets', isReset)

/** Whether sample `i` is another than the one before. */
type Turn = (samples: Samples, i: number) => boolean

function turns(name: string, isTurn: Turn): WindowFunction {
  return {
    kind: 'window',
    dropName: true,
    run(windows, out, cx) {
      const { samples, lo, hi } = windows
      const counts = runningCount(samples, isTurn)
      const anchored = windows.modifier === 'anchored'
      for (let step = 0; step < lo.length; step++) {
        if (hi[step]! <= lo[step]!) continue
        const first = anchored ? anchorOf(windows, step, cx) : lo[step]!
        out.kind[step] = FLOAT
        out.value[step] = counts[hi[step]! - 1]! - counts[first]!
      }
      noteTier(name, windows, cx, false)
    },
  }
}

/** The last sample before the window, if it is not too far away. */
function anchorOf({ samples, lo, from }: Windows, step: number, { lookback }: FunctionContext): number {
  const first = lo[step]!
  return first > 0 && samples.time[first - 1]! > from[step]! - lookback ? first - 1 : first
}

/** [samples] how often samples have turned up to this one */
function runningCount(samples: Samples, isTurn: Turn): Uint32Array {
  const counts = new Uint32Array(samples.time.length)
  for (let i = 1; i < counts.length; i++) counts[i] = counts[i - 1]! + (isTurn(samples, i) ? 1 : 0)
  return counts
}

function isChange({ value, histograms }: Samples, i: number): boolean {
  const before = histograms?.[i - 1]
  const now = histograms?.[i]
  if (before === undefined && now === undefined)
    return value[i] !== value[i - 1] && !(Number.isNaN(value[i]!) && Number.isNaN(value[i - 1]!))
  return before === undefined || now === undefined || !equal(now, before)
}

function isReset({ time, value, start, histograms }: Samples, i: number): boolean {
  const before = histograms?.[i - 1]
  const now = histograms?.[i]
  if ((before === undefined) !== (now === undefined)) return true
  if (start !== undefined && startsAnew(start[i - 1]!, time[i - 1]!, start[i]!, time[i]!)) return true
  return before === undefined || now === undefined ? value[i]! < value[i - 1]! : detectReset(now, before)
}
