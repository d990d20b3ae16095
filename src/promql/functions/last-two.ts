import { infoTierRead, warnMixedFloatsHistograms } from '../annotations.ts'
import type { WindowFunction } from '../kernel.ts'
import { FLOAT } from '../value.ts'
import { startsAnew } from './start-times.ts'

/** irate and idelta: the last two samples of a window. After a reset a counter has grown by what it shows. */
export const irate: WindowFunction = lastTwo('irate', true)
export const idelta: WindowFunction = lastTwo('idelta', false)

function lastTwo(name: string, counter: boolean): WindowFunction {
  return {
    kind: 'window',
    dropName: true,
    run({ samples, lo, hi, labels }, out, cx) {
      const { time, value, start, histograms, tier } = samples
      for (let step = 0; step < lo.length; step++) {
        const last = hi[step]! - 1
        if (last <= lo[step]!) continue
        const ofHistograms = (histograms?.[last] === undefined ? 0 : 1) + (histograms?.[last - 1] === undefined ? 0 : 1)
        if (ofHistograms === 1) warnMixedFloatsHistograms(cx.annotations, labels.name, cx.positions[0]!)
        if (ofHistograms > 0) continue
        const began =
          counter &&
          (value[last]! < value[last - 1]! ||
            (start !== undefined && startsAnew(start[last - 1]!, time[last - 1]!, start[last]!, time[last]!)))
        const grown = began ? value[last]! : value[last]! - value[last - 1]!
        out.kind[step] = FLOAT
        out.value[step] = counter ? grown / ((time[last]! - time[last - 1]!) / 1000) : grown
      }
      if (tier !== undefined) infoTierRead(cx.annotations, name, tier.step, cx.positions[0]!)
    },
  }
}
