import type { FloatHistogram } from '../../model/float-histogram.ts'
import type { TierColumns } from '../../model/query.ts'
import { infoHistogramIgnoredInMixedRange, warnMixedFloatsHistograms } from '../annotations.ts'
import type { FunctionContext, Windows } from '../kernel.ts'

/**
 * A series may hold floats and histograms by turns. Functions work on the one or the other, so they get each as columns of its own, with the windows
 * counted in them. A series of floats alone, nearly every one, is its own columns: nothing is copied.
 */
export interface Split {
  readonly floats: Floats
  /** undefined: the series has none */
  readonly histograms: Histograms | undefined
}

export interface Floats {
  /** epoch ms */
  readonly time: Float64Array
  readonly value: Float64Array
  /** epoch ms, 0 where unknown */
  readonly start: Float64Array | undefined
  /** [steps] as in Windows */
  readonly lo: Int32Array
  readonly hi: Int32Array
  readonly tier: TierColumns | undefined
}

export interface Histograms {
  /** epoch ms */
  readonly time: Float64Array
  readonly histogram: readonly FloatHistogram[]
  /** epoch ms, 0 where unknown */
  readonly start: Float64Array | undefined
  /** [steps] as in Windows */
  readonly lo: Int32Array
  readonly hi: Int32Array
}

export function split({ samples, lo, hi }: Windows): Split {
  const { time, value, start, tier } = samples
  if (samples.histograms === undefined) return { floats: { time, value, start, lo, hi, tier }, histograms: undefined }
  const are = samples.histograms
  const before = floatsBefore(are, time.length)
  const length = before[time.length]!
  const of = (column: Float64Array, wanted: boolean) => column.filter((_, i) => (are[i] === undefined) === wanted)
  const rank = (index: number) => before[index]!
  return {
    floats: {
      time: of(time, true),
      value: of(value, true),
      start: start && of(start, true),
      lo: lo.map(rank),
      hi: hi.map(rank),
      tier: undefined,
    },
    histograms:
      length === time.length
        ? undefined
        : {
            time: of(time, false),
            histogram: are.filter(histogram => histogram !== undefined),
            start: start && of(start, false),
            lo: lo.map(index => index - before[index]!),
            hi: hi.map(index => index - before[index]!),
          },
  }
}

/** [samples + 1] how many floats are before each sample */
function floatsBefore(histograms: readonly (FloatHistogram | undefined)[], length: number): Int32Array {
  const before = new Int32Array(length + 1)
  for (let i = 0; i < length; i++) before[i + 1] = before[i]! + (histograms[i] === undefined ? 1 : 0)
  return before
}

/** Empties the windows that hold both, with a warning: what functions do that cannot say what these are together. */
export function refuseMixed(windows: Windows, { floats, histograms }: Split, cx: FunctionContext): Split {
  if (histograms === undefined || !hasMixed(floats, histograms)) return { floats, histograms }
  warnMixedFloatsHistograms(cx.annotations, windows.labels.name, cx.positions[0]!)
  const unlessBoth = (lo: Int32Array, hi: Int32Array) => hi.map((end, step) => (isMixed(floats, histograms, step) ? lo[step]! : end))
  return {
    floats: { ...floats, hi: unlessBoth(floats.lo, floats.hi) },
    histograms: { ...histograms, hi: unlessBoth(histograms.lo, histograms.hi) },
  }
}

/** Says that histograms between floats were passed over: what functions do that know floats only. */
export function noteIgnored(windows: Windows, { floats, histograms }: Split, cx: FunctionContext): void {
  if (histograms !== undefined && hasMixed(floats, histograms))
    infoHistogramIgnoredInMixedRange(cx.annotations, windows.labels.name, cx.positions[0]!)
}

function hasMixed(floats: Floats, histograms: Histograms): boolean {
  for (let step = 0; step < floats.lo.length; step++) if (isMixed(floats, histograms, step)) return true
  return false
}

const isMixed = (floats: Floats, histograms: Histograms, step: number): boolean =>
  floats.hi[step]! > floats.lo[step]! && histograms.hi[step]! > histograms.lo[step]!

/** [samples] that a window holds at the most */
export function largestWindow(lo: Int32Array, hi: Int32Array): number {
  let most = 0
  for (let step = 0; step < lo.length; step++) most = Math.max(most, hi[step]! - lo[step]!)
  return most
}
