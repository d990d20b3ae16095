import { infoPossibleNonCounter, warnStartTimeOverlap } from '../annotations.ts'
import { histogramRate } from '../histogram/rate.ts'
import type { FunctionContext, MutableRow, WindowFunction, Windows } from '../kernel.ts'
import { FLOAT } from '../value.ts'
import { extendedRate } from './extended-rates.ts'
import { type Floats, type Histograms, refuseMixed, split } from './split.ts'
import { startsAnew, startsWithin } from './start-times.ts'
import { fromBucketBefore, noteTier } from './tiers.ts'

/**
 * rate, increase and delta: what the samples of a window grew by, extended to the edges of the window where the samples come near to them.
 * A counter's drop is a reset: what it had before is added. Resets are few, so they are looked for once in a series, and a window
 * costs its two ends and the resets between them, however many samples it has.
 */
export interface RateKind {
  readonly counter: boolean
  readonly perSecond: boolean
}

export const rate: WindowFunction = rateFunction('rate', { counter: true, perSecond: true })
export const increase: WindowFunction = rateFunction('increase', { counter: true, perSecond: false })
export const delta: WindowFunction = rateFunction('delta', { counter: false, perSecond: false })

function rateFunction(name: string, kind: RateKind): WindowFunction {
  return {
    kind: 'window',
    dropName: true,
    run(windows, out, cx) {
      if (windows.modifier === undefined) extrapolatedRate(windows, kind, out, cx)
      else extendedRate(windows, kind, out, cx)
      if (kind.counter) noteNonCounter(windows, out, cx)
      noteTier(name, windows, cx, kind.counter && windows.modifier === undefined)
    },
  }
}

function extrapolatedRate(windows: Windows, kind: RateKind, out: MutableRow, cx: FunctionContext): void {
  const { floats, histograms } = refuseMixed(windows, split(windows), cx)
  const { tier } = windows.samples
  const whole = <C extends Floats | Histograms>(columns: C): C => (tier === undefined ? columns : fromBucketBefore(columns, tier.step))
  floatRate(whole(floats), windows, kind, out)
  if (histograms !== undefined) histogramRate(whole(histograms), windows, kind, out, cx)
  if (!kind.counter) return
  for (const each of [floats, histograms]) if (each?.start !== undefined) noteOverlaps(each, windows, cx)
}

function floatRate({ time, value, start, tier, lo, hi }: Floats, windows: Windows, kind: RateKind, out: MutableRow): void {
  const { from, to } = windows
  const { counter } = kind
  const seconds = windows.range / 1000
  const starts = counter ? start : undefined
  const resets = counter && tier === undefined ? resetsOf(time, value, start) : none
  const grown = counter && tier !== undefined ? runningSum(tier.increase) : undefined
  let reset = 0
  for (let step = 0; step < lo.length; step++) {
    const first = lo[step]!
    const last = hi[step]! - 1
    if (last < first) continue
    let increase = value[last]! - value[first]!
    if (grown !== undefined) increase = grown[last + 1]! - grown[first + 1]!
    while (reset < resets.length && resets[reset]! <= first) reset++
    for (let r = reset; r < resets.length && resets[r]! <= last; r++) increase += value[resets[r]! - 1]!
    let sampled = (time[last]! - time[first]!) / 1000
    const between = last > first ? sampled / (last - first) : 0
    const threshold = between * 1.1
    let toStart = (time[first]! - from[step]!) / 1000
    if (starts !== undefined && starts[first]! > from[step]! && starts[first]! < time[first]! && starts[first] !== 0) {
      // It began within the window, at zero: all of the first sample is growth, and there is nothing to extend to.
      toStart = 0
      sampled = (time[last]! - starts[first]!) / 1000
      increase += value[first]!
    } else if (last === first) continue
    else {
      if (toStart >= threshold) toStart = between / 2
      // No counter was ever below zero.
      if (counter && increase > 0 && value[first]! >= 0) {
        const toZero = sampled * (value[first]! / increase)
        if (toZero < toStart) toStart = toZero
      }
    }
    let toEnd = (to[step]! - time[last]!) / 1000
    if (toEnd >= threshold) toEnd = between / 2
    let factor = sampled === 0 ? 1 : (sampled + toStart + toEnd) / sampled
    if (kind.perSecond) factor /= seconds
    out.kind[step] = FLOAT
    out.value[step] = increase * factor
  }
}

const none = new Int32Array(0)

/** Where a counter has begun anew: the samples that are below the one before, or whose start timestamp says so. */
function resetsOf(time: Float64Array, value: Float64Array, start: Float64Array | undefined): Int32Array {
  let count = 0
  if (start === undefined) {
    // Nearly always, and then a comparison is all there is to it.
    let before = value[0]!
    for (let i = 1; i < value.length; i++) {
      const here = value[i]!
      if (here < before) count++
      before = here
    }
  } else for (let i = 1; i < value.length; i++) if (isReset(time, value, start, i)) count++
  if (count === 0) return none
  const resets = new Int32Array(count)
  for (let i = 1, r = 0; r < count; i++) if (isReset(time, value, start, i)) resets[r++] = i
  return resets
}

const isReset = (time: Float64Array, value: Float64Array, start: Float64Array | undefined, i: number): boolean =>
  value[i]! < value[i - 1]! || (start !== undefined && startsAnew(start[i - 1]!, time[i - 1]!, start[i]!, time[i]!))

/** Room for running sums, for one series after the other; more than a month of minutes is not kept. */
const room = new Float64Array(2 ** 16)

/**
 * [values + 1] of all values before each. NaN, of which nobody knows by how much it grew, counts as nothing, so that it doesn't spread.
 * They are valid until the next are asked for.
 */
function runningSum(values: Float64Array): Float64Array {
  const { length } = values
  const sums = length < room.length ? room : new Float64Array(length + 1)
  let sum = 0
  for (let i = 0; i < length; i++) {
    sums[i] = sum
    const value = values[i]!
    sum += Number.isNaN(value) ? 0 : value
  }
  sums[length] = sum
  return sums
}

function noteOverlaps({ time, start, lo, hi }: Pick<Floats, 'time' | 'start' | 'lo' | 'hi'>, windows: Windows, cx: FunctionContext): void {
  let count = 0
  let looked = 1
  let overlap = 0
  for (let step = 0; step < lo.length; step++) {
    for (looked = Math.max(looked, lo[step]! + 1); looked < hi[step]!; looked++)
      if (startsWithin(start![looked - 1]!, time[looked - 1]!, start![looked]!)) overlap = looked
    if (overlap > lo[step]! && overlap < hi[step]!) count++
  }
  if (count > 0) warnStartTimeOverlap(cx.annotations, windows.labels.name, count, cx.positions[0]!)
}

const counterName = /_(total|sum|count|bucket)$/

function noteNonCounter({ labels }: Windows, { kind }: MutableRow, cx: FunctionContext): void {
  const { name } = labels
  if (name !== '' && !counterName.test(name) && kind.includes(FLOAT)) infoPossibleNonCounter(cx.annotations, name, cx.positions[0]!)
}
