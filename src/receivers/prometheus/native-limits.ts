import { coarser, width } from '../../exposition/exponential.ts'
import type { ExponentialBuckets } from '../../exposition/families.ts'
import { LimitError, type SeriesSettings } from './first-sight.ts'

const minScale = -4

/** A native histogram as coarse as the settings want it. @throws {LimitError} where it has too many buckets still */
export function withinLimits(
  buckets: ExponentialBuckets,
  { bucketLimit, maxScale }: Pick<SeriesSettings, 'bucketLimit' | 'maxScale'>,
): ExponentialBuckets {
  const positive = { offset: buckets.positiveOffset, counts: buckets.positive }
  const negative = { offset: buckets.negativeOffset, counts: buckets.negative }
  let by = Math.max(0, buckets.scale - maxScale)
  if (bucketLimit > 0) while (width(positive, by) + width(negative, by) > bucketLimit && buckets.scale - by > minScale) by++
  if (bucketLimit > 0 && width(positive, by) + width(negative, by) > bucketLimit)
    throw new LimitError(`a native histogram with more than ${bucketLimit} buckets (native_histogram_bucket_limit)`)
  if (by === 0) return buckets
  const [up, down] = [coarser(positive, by), coarser(negative, by)]
  return {
    ...buckets,
    scale: buckets.scale - by,
    positiveOffset: up.offset,
    positive: up.counts,
    negativeOffset: down.offset,
    negative: down.counts,
  }
}
