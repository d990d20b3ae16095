import { CUSTOM_BUCKETS_SCHEMA, type FloatHistogram, MAX_STORED_SCHEMA, MIN_STORED_SCHEMA, type Span } from '../../model/float-histogram.ts'

/** Why Prometheus's storage would not take a histogram; undefined: it would. What its buckets hold need not add up to its count. */
export function invalid(histogram: FloatHistogram): string | undefined {
  const { schema, count, zeroCount, positiveCounts, negativeCounts, customBounds } = histogram
  const custom = schema === CUSTOM_BUCKETS_SCHEMA
  if (!custom && (schema < MIN_STORED_SCHEMA || schema > MAX_STORED_SCHEMA))
    return `schema ${schema} is none of ${MIN_STORED_SCHEMA} to ${MAX_STORED_SCHEMA}, nor ${CUSTOM_BUCKETS_SCHEMA} of custom buckets`
  if (!custom && customBounds.length > 0) return `custom_values are for schema ${CUSTOM_BUCKETS_SCHEMA} only`
  const wrong = custom ? invalidCustom(histogram) : undefined
  if (wrong !== undefined) return wrong
  if (count < 0) return `count is ${count}: below 0`
  if (zeroCount < 0) return `z_bucket is ${zeroCount}: below 0`
  const below = [...positiveCounts, ...negativeCounts].find(each => each < 0)
  return below === undefined ? undefined : `a bucket holds ${below}: below 0`
}

function invalidCustom({ customBounds, positiveSpans, negativeCounts, zeroCount, zeroThreshold }: FloatHistogram): string | undefined {
  const at = customBounds.findIndex((bound, i) => i > 0 && !(bound > customBounds[i - 1]!))
  if (at > 0) return `custom_values ${customBounds[at - 1]} and ${customBounds[at]} do not ascend`
  const last = customBounds.at(-1)
  if (last === Number.POSITIVE_INFINITY || customBounds.some(Number.isNaN)) return 'custom_values have +Inf or NaN among them'
  if (reach(positiveSpans) > customBounds.length + 1) return `${reach(positiveSpans)} buckets, and ${customBounds.length} custom_values`
  if (positiveSpans.some(({ offset }) => offset < 0)) return 'a custom bucket has an offset below 0'
  if (negativeCounts.length > 0) return 'custom buckets have no negative side'
  return zeroCount !== 0 || zeroThreshold !== 0 ? 'custom buckets have no zero bucket' : undefined
}

const reach = (spans: readonly Span[]): number => spans.reduce((sum, { offset, length }) => sum + offset + length, 0)
