import type { FloatHistogram } from '../../model/float-histogram.ts'
import { statistics } from '../histogram/quantile.ts'
import type { SampleFunction } from '../kernel.ts'
import { FLOAT, HISTOGRAM } from '../value.ts'

/** histogram_count, histogram_sum and the like: a number of each native histogram; floats have no result. */
export const histogramStatistics: readonly (readonly [name: string, SampleFunction])[] = Object.entries(statistics).map(
  ([name, statistic]) => [name, ofHistograms(statistic)],
)

function ofHistograms(statistic: (histogram: FloatHistogram) => number): SampleFunction {
  return {
    kind: 'sample',
    dropName: true,
    run({ kind, histograms }, out) {
      for (let step = 0; step < kind.length; step++) {
        if (kind[step] !== HISTOGRAM) continue
        out.kind[step] = FLOAT
        out.value[step] = statistic(histograms![step]!)
      }
    },
  }
}
