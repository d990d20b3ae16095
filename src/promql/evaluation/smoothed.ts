import type { FloatHistogram } from '../../model/float-histogram.ts'
import type { SelectedSeries } from '../../model/query.ts'
import { infoMismatchedCustomBuckets, warnMixedExponentialCustomHistograms, warnMixedFloatsHistograms } from '../annotations.ts'
import type { Position } from '../ast.ts'
import { add, difference, multiply } from '../histogram/arithmetic.ts'
import { isCustom } from '../histogram/layout.ts'
import { detectReset } from '../histogram/reset.ts'
import { FLOAT, type Grid, HISTOGRAM } from '../value.ts'
import type { Look } from './instant.ts'
import type { Evaluation, VectorOperator } from './operator.ts'
import type { FlowingRow, Sink } from './rows.ts'
import { boundsOf, locate, withoutStale } from './windows.ts'

/**
 * `x smoothed`: the value on the straight line between the samples before and after the time, each at most `lookback` away. After the last sample its value stays;
 * before the first there is none.
 */
export class SmoothedSelector implements VectorOperator {
  readonly grid: Grid
  readonly oneName: boolean
  readonly #cx: Evaluation
  readonly #series: Promise<readonly SelectedSeries[]>
  readonly #look: Look
  readonly #position: Position

  constructor(
    cx: Evaluation,
    grid: Grid,
    selection: { readonly series: Promise<readonly SelectedSeries[]>; readonly oneName: boolean },
    look: Look,
    position: Position,
  ) {
    this.grid = grid
    this.oneName = selection.oneName
    this.#cx = cx
    this.#series = selection.series
    this.#look = look
    this.#position = position
  }

  async run(sink: Sink): Promise<void> {
    const { pool, budget } = this.#cx
    const { first, step, lookback } = this.#look
    const { steps } = this.grid
    const around = boundsOf(first + lookback, step, steps, 2 * lookback)
    const lo = new Int32Array(steps)
    const hi = new Int32Array(steps)
    for (const series of await this.#series) {
      const samples = withoutStale(series.read())
      if (samples.tier !== undefined) budget.tier = Math.max(budget.tier, samples.tier.step)
      locate(samples.time, around, lo, hi)
      const row = pool.take(series.labels, steps)
      for (let i = 0, at = first; i < steps; i++, at += step)
        if (hi[i]! > lo[i]!)
          this.#smooth(i, at, { time: samples.time, value: samples.value, histograms: samples.histograms, lo: lo[i]!, hi: hi[i]! }, row)
      if (pool.charge(row)) sink(row)
      else pool.give(row)
      if (budget.due) await budget.pause()
    }
  }

  #smooth(step: number, at: number, window: Window, row: FlowingRow): void {
    const { time, value, histograms, lo, hi } = window
    const kinds = kindsIn(window)
    if (kinds === (FLOAT | HISTOGRAM)) return warnMixedFloatsHistograms(this.#cx.annotations, row.labels.name, this.#position)
    let next = lo
    while (next < hi && time[next]! < at) next++
    const exact = next < hi && time[next] === at
    // Nothing before: there is no value yet.
    if (!exact && next === lo) return
    if (kinds === FLOAT) {
      row.kind[step] = FLOAT
      row.value[step] = exact
        ? value[next]!
        : next < hi
          ? value[next - 1]! + ((value[next]! - value[next - 1]!) * (at - time[next - 1]!)) / (time[next]! - time[next - 1]!)
          : value[next - 1]!
      return
    }
    const histogram = exact
      ? histograms![next]!
      : next < hi
        ? this.#between(histograms![next - 1]!, histograms![next]!, (at - time[next - 1]!) / (time[next]! - time[next - 1]!), row)
        : ({ ...histograms![next - 1]!, resetHint: 'unknown' } as const)
    if (histogram === undefined) return
    row.kind[step] = HISTOGRAM
    row.histograms ??= new Array(row.kind.length).fill(undefined)
    row.histograms[step] = histogram
  }

  /** before + (after − before) × fraction; after a reset the counter began at nothing. */
  #between(before: FloatHistogram, after: FloatHistogram, fraction: number, row: FlowingRow): FloatHistogram | undefined {
    const { annotations } = this.#cx
    if (isCustom(before) !== isCustom(after)) {
      warnMixedExponentialCustomHistograms(annotations, row.labels.name, this.#position)
      return undefined
    }
    const counter = before.resetHint !== 'gauge' || after.resetHint !== 'gauge'
    if (counter && detectReset(after, before)) return multiply(after, fraction)
    const grown = difference(after, before)!
    if (grown.reconciled) infoMismatchedCustomBuckets(annotations, 'subtraction', this.#position)
    const sum = add(multiply(grown.histogram, fraction), before)!
    if (sum.reconciled) infoMismatchedCustomBuckets(annotations, 'addition', this.#position)
    return sum.histogram
  }
}

interface Window {
  readonly time: Float64Array
  readonly value: Float64Array
  readonly histograms: readonly (FloatHistogram | undefined)[] | undefined
  readonly lo: number
  readonly hi: number
}

/** FLOAT, HISTOGRAM, or both. */
function kindsIn({ histograms, lo, hi }: Window): number {
  if (histograms === undefined) return FLOAT
  let kinds = 0
  for (let i = lo; i < hi; i++) kinds |= histograms[i] === undefined ? FLOAT : HISTOGRAM
  return kinds
}
