import type { FloatHistogram } from '../../model/float-histogram.ts'
import { infoMismatchedCustomBuckets, warnCounterResetCollision, warnMixedExponentialCustomHistograms } from '../annotations.ts'
import type { Histograms } from '../functions/split.ts'
import type { FunctionContext, MutableRow, Windows } from '../kernel.ts'
import { HISTOGRAM } from '../value.ts'
import { HistogramAggregate } from './aggregate.ts'

/** Puts a histogram at a step of a row. */
export function putHistogram(out: MutableRow, step: number, histogram: FloatHistogram): void {
  out.kind[step] = HISTOGRAM
  out.histograms ??= new Array(out.kind.length).fill(undefined)
  out.histograms[step] = histogram
}

/** sum_over_time and avg_over_time of the windows that hold histograms. */
export function histogramsOverTime(
  op: 'sum' | 'avg',
  { histogram, lo, hi }: Histograms,
  windows: Windows,
  out: MutableRow,
  cx: FunctionContext,
): void {
  const at = cx.positions[0]!
  for (let step = 0; step < lo.length; step++) {
    if (hi[step]! <= lo[step]!) continue
    const aggregate = new HistogramAggregate(op)
    for (let i = lo[step]!; i < hi[step]!; i++) aggregate.add(histogram[i]!)
    const value = aggregate.value()
    if (value === undefined) {
      warnMixedExponentialCustomHistograms(cx.annotations, windows.labels.name, at)
      continue
    }
    if (aggregate.collided) warnCounterResetCollision(cx.annotations, 'aggregation', at)
    if (aggregate.reconciled) infoMismatchedCustomBuckets(cx.annotations, 'aggregation', at)
    putHistogram(out, step, value)
  }
}
