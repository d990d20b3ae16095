/** Samples of Prometheus's series as data points of OTLP, for its writer. */
import type { FloatHistogram, Span } from '../../model/float-histogram.ts'
import { nanos } from '../../otlp/write.ts'
import type { Label } from '../labels.ts'
import { MAX_TIME, type RemoteExemplar, type RemoteHistogram, type RemoteSample } from './series.ts'

const pointOf = (time: number, start: number, attributes: readonly Label[], exemplars: readonly RemoteExemplar[] | undefined) => ({
  attributes,
  timeUnixNano: nanosOf(time),
  startTimeUnixNano: start > 0 && start <= time ? nanosOf(start) : undefined,
  exemplars: exemplars?.map(exemplarOf),
})

/** OTLP has no time before 1970, and none after 2554: what has another has none. */
const nanosOf = (ms: number): bigint | undefined => (ms > 0 && ms < MAX_TIME ? nanos(ms) : undefined)

/** `flags`: no value was recorded, which is what a stale marker says. */
const noValue = 1

export function numberPoint(
  { time, start, stale, value }: RemoteSample,
  attributes: readonly Label[],
  exemplars?: readonly RemoteExemplar[],
): object {
  const point = pointOf(time, start, attributes, exemplars)
  return stale ? { ...point, flags: noValue } : { ...point, asDouble: value }
}

export function exponentialPoint(
  { time, start, stale, histogram }: RemoteHistogram,
  attributes: readonly Label[],
  exemplars?: readonly RemoteExemplar[],
): object {
  const point = pointOf(time, start, attributes, exemplars)
  if (stale) return { ...point, flags: noValue }
  const { schema, count, sum, zeroCount, zeroThreshold, positiveSpans, positiveCounts, negativeSpans, negativeCounts } = histogram
  return {
    ...point,
    ...{ scale: schema, count: whole(count), sum, zeroCount: whole(zeroCount), zeroThreshold },
    positive: sideOf(positiveSpans, positiveCounts),
    negative: sideOf(negativeSpans, negativeCounts),
  }
}

/** Bucket i of Prometheus ends where bucket i of OpenTelemetry begins. */
function sideOf(spans: readonly Span[], counts: readonly number[]): object | undefined {
  if (counts.length === 0) return undefined
  return { offset: spans[0]!.offset - 1, bucketCounts: filled(spans, counts).map(whole) }
}

/** With the empty buckets between spans. */
function filled(spans: readonly Span[], counts: readonly number[]): number[] {
  const all: number[] = []
  let at = 0
  for (const [i, { offset, length }] of spans.entries()) {
    if (i > 0) for (let gap = 0; gap < offset; gap++) all.push(0)
    for (let k = 0; k < length; k++) all.push(counts[at++]!)
  }
  return all
}

export function explicitPoint(
  { time, start, stale, histogram }: RemoteHistogram,
  attributes: readonly Label[],
  exemplars?: readonly RemoteExemplar[],
): object {
  const point = pointOf(time, start, attributes, exemplars)
  if (stale) return { ...point, flags: noValue }
  const { count, sum, customBounds } = histogram
  return { ...point, count: whole(count), sum, explicitBounds: customBounds, bucketCounts: customCounts(histogram).map(whole) }
}

/** One for each bound, and one above. */
function customCounts({ customBounds, positiveSpans, positiveCounts }: FloatHistogram): number[] {
  const counts = new Array<number>(customBounds.length + 1).fill(0)
  let index = 0
  let at = 0
  for (const { offset, length } of positiveSpans) {
    index += offset
    for (let k = 0; k < length; k++) counts[index++] = positiveCounts[at++]!
  }
  return counts
}

/** OpenTelemetry counts in whole numbers. */
const whole = (count: number): bigint => (count > 0 ? BigInt(Math.round(Math.min(count, 2 ** 63))) : 0n)

const hex = /^(?:[0-9a-fA-F]{2})+$/

/** Labels `trace_id` and `span_id` are the ids, where they can be. */
function exemplarOf({ labels, value, time }: RemoteExemplar): object {
  const rest: Label[] = []
  const ids: Record<string, string> = {}
  for (const [name, text] of labels) {
    if (name === 'trace_id' && text.length === 32 && hex.test(text)) ids['traceId'] = text
    else if (name === 'span_id' && text.length === 16 && hex.test(text)) ids['spanId'] = text
    else rest.push([name, text])
  }
  return { filteredAttributes: rest, timeUnixNano: nanosOf(time), asDouble: value, ...ids }
}
