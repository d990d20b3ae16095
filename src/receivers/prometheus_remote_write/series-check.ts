import type { Label } from '../../exposition/labels.ts'
import { MAX_TIME, type RemoteHistogram, type RemoteSample, type RemoteSeries } from '../../exposition/remote/series.ts'
import { CUSTOM_BUCKETS_SCHEMA, type FloatHistogram, MAX_EXPONENTIAL_SCHEMA, MIN_EXPONENTIAL_SCHEMA } from '../../model/float-histogram.ts'

/** What is wrong with the labels of a series, in a sentence; undefined where nothing is. */
export function labelsProblem(labels: readonly Label[]): string | undefined {
  const seen = new Set<string>()
  for (const [name, value] of labels) {
    if (name === '') return `a label of ${showLabels(labels)} has no name`
    if (seen.has(name)) return `${showLabels(labels)} has two labels ${JSON.stringify(name)}`
    if (!name.isWellFormed() || !value.isWellFormed()) return `${showLabels(labels)} has a text that is not UTF-8`
    seen.add(name)
  }
  if (!labels.some(([name, value]) => name === '__name__' && value !== '')) return `${showLabels(labels)} has no __name__`
  return undefined
}

/** What keeps a sample from having its time in OpenTelemetry, where 0 is no time at all. */
export function timeProblem({ time }: Pick<RemoteSample, 'time'>): string | undefined {
  return time > 0 && time < MAX_TIME ? undefined : `the timestamp ${time} is not in milliseconds after 1970 and before 2554`
}

/** [buckets] of one side, those between spans included: an exponential histogram of OpenTelemetry lists them all */
const maxBuckets = 5000

/** What keeps a histogram from being one. */
export function histogramProblem({ histogram, stale, time }: RemoteHistogram): string | undefined {
  const untimely = timeProblem({ time })
  if (untimely !== undefined || stale) return untimely
  const { schema, count, positiveSpans, negativeSpans, positiveCounts, negativeCounts, zeroCount } = histogram
  const custom = schema === CUSTOM_BUCKETS_SCHEMA
  if (!custom && (schema < MIN_EXPONENTIAL_SCHEMA || schema > MAX_EXPONENTIAL_SCHEMA)) return `a histogram has schema ${schema}`
  if (width(positiveSpans) > maxBuckets || width(negativeSpans) > maxBuckets) return `a histogram has more than ${maxBuckets} buckets`
  for (const spans of [positiveSpans, negativeSpans]) {
    if (spans.some(({ offset }, i) => i > 0 && offset < 0)) return 'a histogram has spans that overlap'
  }
  for (const [first] of [positiveSpans, negativeSpans]) {
    if (first !== undefined && Math.abs(first.offset) >= 2 ** 31) return `a histogram has an offset of ${first.offset}`
  }
  if (custom && !isCustom(histogram)) return 'a histogram with custom buckets has bounds that do not fit them'
  const counts = [count, zeroCount, ...positiveCounts, ...negativeCounts]
  if (counts.some(one => one < 0)) return 'a histogram has a count below 0'
  // A rate of a histogram would be rounded to nothing.
  if (!counts.every(one => Number.isInteger(one) && one < 2 ** 63)) return 'a histogram has a count that is no whole number of 63 bits'
  return undefined
}

const width = (spans: FloatHistogram['positiveSpans']): number =>
  spans.reduce((sum, { offset, length }, i) => sum + length + (i > 0 ? offset : 0), 0)

function isCustom({ customBounds, positiveSpans, negativeSpans, zeroCount }: FloatHistogram): boolean {
  const end = positiveSpans.reduce((at, { offset, length }) => at + offset + length, 0)
  const ascending = customBounds.every((bound, i) => Number.isFinite(bound) && (i === 0 || bound > customBounds[i - 1]!))
  return (
    ascending && end <= customBounds.length + 1 && (positiveSpans[0]?.offset ?? 0) >= 0 && negativeSpans.length === 0 && zeroCount === 0
  )
}

/** For a message: not longer than a line. */
export function showLabels(labels: readonly Label[]): string {
  const text = `{${labels.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(', ')}}`
  return text.length > 200 ? `${text.slice(0, 200)}…` : text
}

/** [samples, histograms and exemplars] */
export const sizeOf = ({ samples, histograms, exemplars }: RemoteSeries): number => samples.length + histograms.length + exemplars.length
