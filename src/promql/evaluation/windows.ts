import type { Samples, SelectedSeries } from '../../model/query.ts'
import type { Windows } from '../kernel.ts'
import type { Grid } from '../value.ts'
import type { Evaluation } from './operator.ts'
import type { Tally } from './tally.ts'

/** A range vector: range selector or subquery. Each series is visited with its windows. */
export interface MatrixOperator {
  readonly grid: Grid
  readonly oneName: boolean
  /**
   * `keep`: the visitor keeps what it sees; else columns are valid only while it is called.
   * @param visit also told whether the series' name is to go in the end
   */
  each(visit: (windows: Windows, dropName: boolean) => void, keep: boolean): Promise<void>
}

/** Where the window of each step lies; the same for every series. */
export interface Bounds {
  /** [steps] epoch ms, exclusive and inclusive */
  readonly from: Float64Array
  readonly to: Float64Array
  /** [ms] */
  readonly range: number
}

/** @param first epoch ms: end of the first step's window; the next one's is `step` later */
export function boundsOf(first: number, step: number, steps: number, range: number): Bounds {
  const to = Float64Array.from({ length: steps }, (_, i) => first + i * step)
  return { from: to.map(end => end - range), to, range }
}

/**
 * Fills `lo` and `hi`, both of which only move forward: O(samples + steps).
 * @returns [samples] as Prometheus counts them: one once for each window that it is in
 */
export function locate(time: Float64Array, { from, to }: Bounds, lo: Int32Array, hi: Int32Array): number {
  const length = time.length
  const steps = to.length
  let low = 0
  let high = 0
  let samples = 0
  for (let i = 0; i < steps; i++) {
    const start = from[i]!
    const end = to[i]!
    while (high < length && time[high]! <= end) high++
    while (low < high && time[low]! <= start) low++
    lo[i] = low
    hi[i] = high
    samples += high - low
  }
  return samples
}

/** A range selector over a store. */
export class RangeSelector implements MatrixOperator {
  readonly grid: Grid
  readonly oneName: boolean
  readonly #cx: Evaluation
  readonly #series: Promise<readonly SelectedSeries[]>
  readonly #bounds: Bounds
  readonly #modifier: 'anchored' | 'smoothed' | undefined
  readonly #tally: Tally

  constructor(
    cx: Evaluation,
    grid: Grid,
    selection: { readonly series: Promise<readonly SelectedSeries[]>; readonly oneName: boolean },
    bounds: Bounds,
    modifier: 'anchored' | 'smoothed' | undefined,
    tally: Tally,
  ) {
    this.grid = grid
    this.oneName = selection.oneName
    this.#cx = cx
    this.#series = selection.series
    this.#bounds = bounds
    this.#modifier = modifier
    this.#tally = tally
  }

  async each(visit: (windows: Windows, dropName: boolean) => void, keep: boolean): Promise<void> {
    const { budget, startTimestamps } = this.#cx
    const { steps } = this.grid
    let lo = new Int32Array(steps)
    let hi = new Int32Array(steps)
    for (const series of await this.#series) {
      const samples = withoutStale(startTimestamps ? series.read(!keep) : withoutStart(series.read(!keep)))
      budget.hold(samples.time.length)
      const seen = locate(samples.time, this.#bounds, lo, hi)
      this.#tally.windows(samples, lo, hi, this.#bounds, seen, true)
      visit({ grid: this.grid, labels: series.labels, samples, lo, hi, ...this.#bounds, modifier: this.#modifier }, false)
      if (keep) {
        lo = new Int32Array(steps)
        hi = new Int32Array(steps)
      } else budget.release(samples.time.length)
      if (budget.due) await budget.pause()
    }
  }
}

const withoutStart = (samples: Samples): Samples => (samples.start === undefined ? samples : { ...samples, start: undefined })

/** Without stale markers, which no window has. */
export function withoutStale(samples: Samples): Samples {
  const { stale, time } = samples
  if (stale === undefined) return samples
  const kept: number[] = []
  for (let i = 0; i < time.length; i++) if (stale[i] !== 1) kept.push(i)
  if (kept.length === time.length) return { ...samples, stale: undefined }
  const pick = (column: Float64Array): Float64Array => Float64Array.from(kept, index => column[index]!)
  const { tier } = samples
  return {
    time: pick(time),
    value: pick(samples.value),
    stale: undefined,
    histograms: samples.histograms === undefined ? undefined : kept.map(index => samples.histograms![index]),
    start: samples.start === undefined ? undefined : pick(samples.start),
    tier:
      tier === undefined
        ? undefined
        : {
            step: tier.step,
            first: pick(tier.first),
            min: pick(tier.min),
            max: pick(tier.max),
            sum: pick(tier.sum),
            count: pick(tier.count),
            increase: pick(tier.increase),
          },
  }
}
