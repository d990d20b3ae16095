import { formatOpenFloat } from '../../lib/go-text.ts'
import type { FloatHistogram } from '../../model/float-histogram.ts'
import type { Labels } from '../../model/labels.ts'
import {
  infoForcedMonotonicity,
  infoFractionNaNs,
  infoQuantileNaNResult,
  infoQuantileNaNSkew,
  warnInvalidQuantile,
} from '../annotations.ts'
import { histogramFraction as nativeFraction, histogramQuantile as nativeQuantile } from '../histogram/quantile.ts'
import type { Argument, FunctionContext, MutableRow, WholeFunction } from '../kernel.ts'
import { FLOAT, HISTOGRAM, type Row, timeOf } from '../value.ts'
import type { ClassicBuckets } from './classic-buckets.ts'
import { type HistogramRows, histogramRows, nameOf } from './histogram-rows.ts'
import { emptyRow } from './rows.ts'

/** histogram_quantile, histogram_quantiles and histogram_fraction, of classic histograms (`le`) and native ones. */
export const histogramQuantile: WholeFunction = {
  kind: 'whole',
  run(args, cx) {
    const qs = cx.scalars[0]!
    warnInvalid(qs, 0, cx)
    return computed(
      histogramRows(rowsOf(args[1]), 1, cx),
      cx,
      quantilesOf(step => qs[step]!, 1, cx),
    )
  },
}

/** One quantile after the other, told apart by a label. A quantile that changes from step to step is a series for each of its values. */
export const histogramQuantiles: WholeFunction = {
  kind: 'whole',
  run(args, cx) {
    const label = cx.strings[0]!
    const histograms = histogramRows(rowsOf(args[0]), 0, cx)
    return cx.scalars.flatMap((qs, i) => {
      warnInvalid(qs, 2 + i, cx)
      return [...new Set(qs)].flatMap(q => {
        const isNow = (step: number) => Object.is(qs[step], q)
        const text = formatOpenFloat(q)
        return computed(histograms, cx, { ...quantilesOf(() => q, 0, cx), isNow }, labels => labels.with(label, text))
      })
    })
  },
}

export const histogramFraction: WholeFunction = {
  kind: 'whole',
  run(args, cx) {
    const [lower, upper] = cx.scalars as [Float64Array, Float64Array]
    return computed(histogramRows(rowsOf(args[2]), 2, cx), cx, {
      classic: (buckets, step) => buckets.fraction(lower[step]!, upper[step]!),
      native(histogram, step, name) {
        const { value, hasNaN } = nativeFraction(lower[step]!, upper[step]!, histogram)
        if (hasNaN) infoFractionNaNs(cx.annotations, name, cx.positions[2]!)
        return value
      },
    })
  },
}

/** @param name of the metric, where annotations name it */
interface Computation {
  classic(buckets: ClassicBuckets, step: number, name: string): number
  native(histogram: FloatHistogram, step: number, name: string): number
  isNow?(step: number): boolean
}

/** @param argument which argument the vector is */
function quantilesOf(q: (step: number) => number, argument: number, cx: FunctionContext): Computation {
  const { annotations, positions } = cx
  return {
    classic(buckets, step, name) {
      const wanted = q(step)
      if (wanted >= 0 && wanted <= 1 && buckets.straighten()) {
        const time = timeOf(cx.grid, step)
        const { minRaised: minBucket, maxRaised: maxBucket, maxRaise: maxDiff } = buckets
        infoForcedMonotonicity(annotations, name, { from: time, to: time, minBucket, maxBucket, maxDiff, count: 1 }, positions[argument]!)
      }
      return buckets.quantile(wanted)
    },
    native(histogram, step, name) {
      const { value, nan } = nativeQuantile(q(step), histogram)
      if (nan === 'nan') infoQuantileNaNResult(annotations, name, positions[argument]!)
      else if (nan === 'skewed') infoQuantileNaNSkew(annotations, name, positions[argument]!)
      return value
    },
  }
}

function computed(
  { classic, native }: HistogramRows,
  cx: FunctionContext,
  { classic: ofClassic, native: ofNative, isNow = () => true }: Computation,
  labelled = (labels: Labels) => labels,
): Row[] {
  const rows: MutableRow[] = []
  for (const { row, contested } of native) {
    const out = emptyRow(cx.grid, labelled(row.labels), true)
    const name = nameOf(row.labels, cx)
    for (let step = 0; step < cx.grid.steps; step++)
      if (row.kind[step] === HISTOGRAM && contested?.[step] !== 1 && isNow(step))
        put(out, step, ofNative(row.histograms![step]!, step, name))
    rows.push(out)
  }
  for (const group of classic) {
    const out = emptyRow(cx.grid, labelled(group.labels), true)
    const name = nameOf(group.labels, cx)
    for (let step = 0; step < cx.grid.steps; step++) {
      const buckets = isNow(step) ? group.at(step) : undefined
      if (buckets !== undefined) put(out, step, ofClassic(buckets, step, name))
    }
    rows.push(out)
  }
  return rows.filter(({ kind }) => kind.includes(FLOAT))
}

function put({ kind, value }: MutableRow, step: number, result: number): void {
  kind[step] = FLOAT
  value[step] = result
}

const rowsOf = (argument: Argument | undefined): readonly Row[] => (argument?.type === 'vector' ? argument.rows : [])

function warnInvalid(qs: Float64Array, argument: number, { annotations, positions }: FunctionContext): void {
  for (const q of qs) if (!(q >= 0 && q <= 1)) warnInvalidQuantile(annotations, q, positions[argument]!)
}
