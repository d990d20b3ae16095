import { infoTierRead } from '../annotations.ts'
import type { FunctionContext, Windows } from '../kernel.ts'

/**
 * Says that a function has seen no more than the last sample of each bucket of a coarser tier.
 * @param exact whether buckets have a column for what it asks; of histograms they have none
 */
export function noteTier(name: string, { samples: { tier, histograms } }: Windows, cx: FunctionContext, exact: boolean): void {
  if (tier !== undefined && (!exact || histograms !== undefined)) infoTierRead(cx.annotations, name, tier.step, cx.positions[0]!)
}

/** What of a sum over a bucket is meant where the range is shorter than that; 1 elsewhere. */
export const shareOfBucket = ({ samples: { tier }, range }: Windows): number =>
  tier === undefined || range >= tier.step ? 1 : range / tier.step

/**
 * Of buckets, the windows with the one before each, if it is its neighbour: what its first bucket grew by is known from there, and a window may be no wider
 * than one bucket.
 */
export function fromBucketBefore<C extends { readonly time: Float64Array; readonly lo: Int32Array; readonly hi: Int32Array }>(
  columns: C,
  step: number,
): C {
  const { time, lo, hi } = columns
  // Neighbours lie a step apart; a millisecond more or less where the series went stale, and less at the end.
  const near = (i: number): boolean => i > 0 && time[i]! - time[i - 1]! < 1.5 * step
  return { ...columns, lo: lo.map((first, i) => (hi[i]! > first && near(first) ? first - 1 : first)) }
}
