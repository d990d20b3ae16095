import type { FloatHistogram } from '../../model/float-histogram.ts'
import type { Samples } from '../../model/query.ts'
import type { Windows } from '../kernel.ts'
import { ABSENT, type Grid, HISTOGRAM, timeOf } from '../value.ts'
import type { Evaluation, VectorOperator } from './operator.ts'
import type { FlowingRow } from './rows.ts'
import type { Tally } from './tally.ts'
import { type Bounds, locate, type MatrixOperator } from './windows.ts'

/**
 * The inner grid of a subquery: the absolute multiples of its step in (from, to].
 * @param from epoch ms, exclusive: where the first window begins
 * @param to epoch ms, inclusive: where the last one ends
 */
export function innerGrid(from: number, to: number, step: number): Grid {
  let start = step * Math.trunc(from / step)
  if (start <= from) start += step
  return { start, step, steps: to < start ? 0 : Math.floor((to - start) / step) + 1 }
}

/** `expr[range:step]`: the rows of an expression over a grid of its own, seen through windows. */
export class Subquery implements MatrixOperator {
  readonly grid: Grid
  readonly oneName: boolean
  readonly #cx: Evaluation
  readonly #inner: VectorOperator
  readonly #bounds: Bounds
  readonly #count: SubqueryCount

  constructor(cx: Evaluation, grid: Grid, inner: VectorOperator, bounds: Bounds, count: SubqueryCount) {
    this.grid = grid
    this.oneName = inner.oneName
    this.#cx = cx
    this.#inner = inner
    this.#bounds = bounds
    this.#count = count
  }

  async each(visit: (windows: Windows, dropName: boolean) => void, keep: boolean): Promise<void> {
    const { pool } = this.#cx
    const { steps } = this.grid
    const times = timesOf(this.#inner.grid)
    let lo = new Int32Array(steps)
    let hi = new Int32Array(steps)
    let located: Float64Array | undefined
    let seen = 0
    const { tally, inner, offset, bare } = this.#count
    await this.#inner.run(row => {
      const samples = samplesOf(row, times)
      // Rows without a gap have the same windows.
      if (samples.time !== located) seen = locate(samples.time, this.#bounds, lo, hi)
      located = samples.time
      if (!bare) tally.windows(samples, lo, hi, this.#bounds, seen, false)
      visit({ grid: this.grid, labels: row.labels, samples, lo, hi, ...this.#bounds, modifier: undefined }, row.dropName)
      if (keep) {
        lo = lo.slice()
        hi = hi.slice()
      } else pool.give(row)
    })
    if (bare) tally.end(inner)
    tally.subquery(inner, bare ? 0 : offset, bare ? 0 : this.#bounds.range)
  }
}

/** How a subquery counts samples. */
export interface SubqueryCount {
  /** of what is around it, and of what is in it */
  readonly tally: Tally
  readonly inner: Tally
  /** [ms] */
  readonly offset: number
  /** it is no function's: all of it is given */
  readonly bare: boolean
}

export const timesOf = (grid: Grid): Float64Array => Float64Array.from({ length: grid.steps }, (_, step) => timeOf(grid, step))

/** The steps at which a row has something, as samples. */
export function samplesOf(row: FlowingRow, times: Float64Array): Samples {
  const histograms = row.histograms?.map(trustless)
  if (!row.kind.includes(ABSENT)) {
    const value =
      row.histograms === undefined ? row.value : row.value.map((float, step) => (row.kind[step] === HISTOGRAM ? Number.NaN : float))
    return { time: times, value, stale: undefined, histograms, start: undefined }
  }
  const kept: number[] = []
  for (let step = 0; step < times.length; step++) if (row.kind[step] !== ABSENT) kept.push(step)
  return {
    time: Float64Array.from(kept, step => times[step]!),
    value: Float64Array.from(kept, step => (row.kind[step] === HISTOGRAM ? Number.NaN : row.value[step]!)),
    stale: undefined,
    histograms: histograms && kept.map(step => (row.kind[step] === HISTOGRAM ? histograms[step] : undefined)),
    start: undefined,
  }
}

/** What a histogram says of resets holds for the sample before it in the store, which the subquery may have skipped or repeated. */
const trustless = (histogram: FloatHistogram | undefined): FloatHistogram | undefined =>
  histogram?.resetHint === 'reset' || histogram?.resetHint === 'not_reset' ? { ...histogram, resetHint: 'unknown' } : histogram
