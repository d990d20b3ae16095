import type { Windows } from '../kernel.ts'
import { QueryError } from '../query-error.ts'
import type { Series } from '../value.ts'

/**
 * The samples of one window of an anchored or smoothed selector: those inside, and a value at each of its edges. Anchored, that is the value of the last sample at or
 * before the edge; smoothed, one on the straight line between the samples on both sides of it. Where nothing lies before, the first sample's value stands.
 */
export function extended({ samples, from, to, modifier }: Windows): Omit<Series, 'labels'> {
  const { time, value } = samples
  const none = { time: new Float64Array(0), value: new Float64Array(0), histograms: undefined }
  if (time.length === 0) return none
  if (samples.histograms?.some(histogram => histogram !== undefined))
    throw new QueryError('execution', `${modifier} modifier is not supported with histograms`)
  const start = from[0]!
  const end = to[0]!
  const smoothed = modifier === 'smoothed'
  let first = 0
  while (first + 1 < time.length && time[first + 1]! <= start) first++
  let last = time.length - 1
  if (smoothed) {
    last = 0
    while (last < time.length - 1 && time[last]! < end) last++
  }
  if (time[last]! <= start) return none
  const left = smoothed && time[first]! < start ? between(time, value, first, start) : value[first]!
  const right = smoothed && last > 0 && time[last]! > end ? between(time, value, last - 1, end) : value[last]!
  if (time[first]! <= start) first++
  if (time[last]! >= end) last--
  const inside = Math.max(last - first + 1, 0)
  return {
    time: Float64Array.from([start, ...time.subarray(first, first + inside), end]),
    value: Float64Array.from([left, ...value.subarray(first, first + inside), right]),
    histograms: undefined,
  }
}

/** On the straight line from the sample at `index` to the next. */
const between = (time: Float64Array, value: Float64Array, index: number, at: number): number =>
  value[index]! + ((value[index + 1]! - value[index]!) * (at - time[index]!)) / (time[index + 1]! - time[index]!)
