import { warnMixedFloatsHistograms } from '../annotations.ts'
import { lastTwoHistograms } from '../histogram/rate.ts'
import type { WindowFunction } from '../kernel.ts'
import { FLOAT } from '../value.ts'
import { startsAnew } from './start-times.ts'
import { noteTier } from './tiers.ts'

/** irate and idelta: the last two samples of a window. After a reset a counter has grown by what it shows. */
export const irate: WindowFunction = lastTwo('irate', true)
export const idelta: WindowFunction = lastTwo('idelta', false)

function lastTwo(name: string, counter: boolean): WindowFunction {
  return {
    kind: 'window',
    dropName: true,
    run(windows, out, cx) {
      const { samples, lo, hi, labels } = windows
      const { time, value, start, histograms } = samples
      for (let step = 0; step < lo.length; step++) {
        const last = hi[step]! - 1
        if (last <= lo[step]!) continue
        const anew = counter && start !== undefined && startsAnew(start[last - 1]!, time[last - 1]!, start[last]!, time[last]!)
        const seconds = (time[last]! - time[last - 1]!) / 1000
        const before = histograms?.[last - 1]
        const now = histograms?.[last]
        if (before !== undefined && now !== undefined) {
          lastTwoHistograms(before, now, anew, seconds, step, counter, labels.name, out, cx)
          continue
        }
        if (before !== undefined || now !== undefined) {
          warnMixedFloatsHistograms(cx.annotations, labels.name, cx.positions[0]!)
          continue
        }
        const began = anew || (counter && value[last]! < value[last - 1]!)
        const grown = began ? value[last]! : value[last]! - value[last - 1]!
        out.kind[step] = FLOAT
        out.value[step] = counter ? grown / seconds : grown
      }
      noteTier(name, windows, cx, false)
    },
  }
}
