import type { Samples, SelectedSeries, TierColumns } from '../../model/query.ts'
import { infoRangeOfTier } from '../annotations.ts'
import type { Position } from '../ast.ts'
import type { Windows } from '../kernel.ts'
import type { Grid } from '../value.ts'
import type { Evaluation } from './operator.ts'
import { seek } from './seek.ts'
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
  let lowStride = 0
  let highStride = 0
  let samples = 0
  for (let i = 0; i < steps; i++) {
    const start = from[i]!
    const end = to[i]!
    const nextHigh = seek(time, high, length, end, highStride)
    const nextLow = seek(time, low, nextHigh, start, lowStride)
    highStride = nextHigh - high
    lowStride = nextLow - low
    lo[i] = low = nextLow
    hi[i] = high = nextHigh
    samples += high - low
  }
  return samples
}

/** The function that reads a range, empty for none, where the selector is, and what counts the samples. */
export interface Reader {
  readonly func: string
  readonly at: Position
  readonly tally: Tally
}

/** A range selector over a store. */
export class RangeSelector implements MatrixOperator {
  readonly grid: Grid
  readonly oneName: boolean
  readonly #cx: Evaluation
  readonly #series: Promise<readonly SelectedSeries[]>
  readonly #bounds: Bounds
  readonly #reader: Reader
  /** the same for every series, for a selection is of one tier */
  #ofBuckets: Bounds | undefined
  readonly #modifier: 'anchored' | 'smoothed' | undefined

  constructor(
    cx: Evaluation,
    grid: Grid,
    selection: { readonly series: Promise<readonly SelectedSeries[]>; readonly oneName: boolean },
    bounds: Bounds,
    reader: Reader,
    modifier: 'anchored' | 'smoothed' | undefined,
  ) {
    this.grid = grid
    this.oneName = selection.oneName
    this.#cx = cx
    this.#series = selection.series
    this.#bounds = bounds
    this.#reader = reader
    this.#modifier = modifier
  }

  async each(visit: (windows: Windows, dropName: boolean) => void, keep: boolean): Promise<void> {
    const { budget, startTimestamps } = this.#cx
    const { steps } = this.grid
    let lo = new Int32Array(steps)
    let hi = new Int32Array(steps)
    for (const series of await this.#series) {
      const samples = withoutStale(startTimestamps ? series.read(!keep) : withoutStart(series.read(!keep)))
      if (samples.tier !== undefined) budget.tier = Math.max(budget.tier, samples.tier.step)
      budget.hold(samples.time.length)
      const bounds = this.#boundsIn(samples.tier)
      const seen = locate(samples.time, bounds, lo, hi)
      this.#reader.tally.windows(samples, lo, hi, bounds, seen, true)
      visit({ grid: this.grid, labels: series.labels, samples, lo, hi, ...this.#bounds, modifier: this.#modifier }, false)
      if (keep) {
        lo = new Int32Array(steps)
        hi = new Int32Array(steps)
      } else budget.release(samples.time.length)
      if (budget.due) await budget.pause()
    }
  }

  /** A range that is shorter than the buckets of a coarser tier sees the last one: a lookback is at least the tier's step, too. */
  #boundsIn(tier: TierColumns | undefined): Bounds {
    const { func, at } = this.#reader
    const { to, range } = this.#bounds
    if (tier === undefined || tier.step <= range || func === '') return this.#bounds
    if (this.#ofBuckets === undefined) {
      infoRangeOfTier(this.#cx.annotations, func, range, tier.step, at)
      this.#ofBuckets = { from: to.map(end => end - tier.step), to, range }
    }
    return this.#ofBuckets
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
