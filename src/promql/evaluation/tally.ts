/**
 * Samples as Prometheus counts them: one for each step that looks at it, whichever engine looks how often. A native histogram counts for as
 * many as it fills the room of. Subqueries, and what is evaluated once for all steps, have a tally of their own, which is added to that around it.
 */
import type { FloatHistogram } from '../../model/float-histogram.ts'
import type { Samples } from '../../model/query.ts'
import type { QueryStats, StatsDetail } from '../engine.ts'
import { ABSENT, type Grid, HISTOGRAM, type Row } from '../value.ts'
import type { VectorOperator } from './operator.ts'
import type { Sink } from './rows.ts'
import type { Bounds } from './windows.ts'

export class Tally {
  readonly grid: Grid
  readonly detail: StatsDetail
  /** [samples] that windows and instants see, each as often as it is seen */
  total = 0
  /** [samples] that are read: those of a window that were in the one before are not read again */
  read = 0
  /** [steps] of both; empty where steps are not told apart */
  readonly totals: Float64Array
  readonly reads: Float64Array

  constructor(grid: Grid, detail: StatsDetail) {
    this.grid = grid
    this.detail = detail
    const steps = detail === 'steps' ? grid.steps : 0
    this.totals = new Float64Array(steps)
    this.reads = new Float64Array(steps)
  }

  get steps(): QueryStats['steps'] {
    return this.detail === 'steps' ? { grid: this.grid, samples: this.totals, samplesRead: this.reads } : undefined
  }

  /** Of a subquery: its steps are told apart where anything more than a total is wanted, since they belong to steps around it. */
  within(grid: Grid): Tally {
    return new Tally(grid, this.detail === 'total' ? 'total' : 'steps')
  }

  /** What an instant selector found. */
  row({ kind, histograms, samples }: Row & { readonly samples: number }): void {
    if (this.totals.length === 0 && histograms === undefined && samples > 0) {
      this.total += samples
      this.read += samples
      return
    }
    for (let step = 0; step < kind.length; step++) {
      const here = kind[step]
      if (here === ABSENT) continue
      this.#add(step, here === HISTOGRAM && histograms?.[step] !== undefined ? weight(histograms[step]!) : 1)
    }
  }

  #add(step: number, samples: number): void {
    this.total += samples
    this.read += samples
    if (this.totals.length === 0) return
    this.totals[step]! += samples
    this.reads[step]! += samples
  }

  /**
   * Windows of one series; of a store they are read, of a subquery what is below them has been.
   * @param seen [samples] in all of them
   */
  windows({ histograms }: Samples, lo: Int32Array, hi: Int32Array, { range }: Bounds, seen: number, stored: boolean): void {
    if (this.detail === 'total' && histograms === undefined) {
      this.total += seen
      return
    }
    const before = histograms === undefined ? undefined : weightsBefore(histograms)
    const sum = (from: number, to: number) => (before === undefined ? to - from : before[to]! - before[from]!)
    const steps = lo.length
    const overlap = range > this.grid.step
    for (let step = 0; step < steps; step++) {
      const all = sum(lo[step]!, hi[step]!)
      this.total += all
      const fresh = !stored ? 0 : step === 0 || !overlap ? all : sum(Math.max(lo[step]!, hi[step - 1]!), hi[step]!)
      this.read += fresh
      if (this.totals.length === 0) continue
      this.totals[step]! += all
      this.reads[step]! += fresh
    }
  }

  /** What was evaluated once is seen at every step, and was read at the first. */
  repeat(once: Tally): void {
    this.total += once.total * this.grid.steps
    this.read += once.read
    if (this.totals.length === 0) return
    for (let step = 0; step < this.totals.length; step++) this.totals[step]! += once.total
    this.reads[0]! += once.read
  }

  /** All of another of the same steps. */
  add(other: Tally): void {
    this.total += other.total
    this.read += other.read
    for (let step = 0; step < this.totals.length; step++) {
      this.totals[step]! += other.totals[step]!
      this.reads[step]! += other.reads[step]!
    }
  }

  clear(): void {
    this.total = this.read = 0
    this.totals.fill(0)
    this.reads.fill(0)
  }

  /** What a subquery saw that is no function's. */
  end(inner: Tally): void {
    this.total += inner.total
    const last = this.totals.length - 1
    if (last >= 0) this.totals[last]! += inner.total
  }

  /**
   * What a subquery has read belongs to the first step whose window ends at it or later, but for what lies between windows.
   * @param offset [ms] of the subquery @param range [ms] of its windows; 0: all of it is wanted
   */
  subquery(inner: Tally, offset: number, range: number): void {
    const { start, step, steps } = this.grid
    if (steps <= 1) return this.#read(0, inner.read)
    for (let i = 0; i < inner.reads.length; i++) {
      const time = inner.grid.start + i * inner.grid.step + offset
      const at = Math.min(steps - 1, time > start ? Math.ceil((time - start) / step) : 0)
      if (range === 0 || time > start + at * step - range) this.#read(at, inner.reads[i]!)
    }
  }

  #read(step: number, samples: number): void {
    this.read += samples
    if (this.reads.length > 0) this.reads[step]! += samples
  }
}

/** [samples] with the room of 16 bytes each, that a histogram takes in Prometheus */
function weight({ positiveSpans, negativeSpans, positiveCounts, negativeCounts, customBounds }: FloatHistogram): number {
  const fields = positiveSpans.length + negativeSpans.length + positiveCounts.length + negativeCounts.length + customBounds.length
  return Math.floor((168 + 8 * fields + 8) / 16)
}

function weightsBefore(histograms: readonly (FloatHistogram | undefined)[]): Float64Array {
  const before = new Float64Array(histograms.length + 1)
  for (const [i, histogram] of histograms.entries()) before[i + 1] = before[i]! + (histogram === undefined ? 1 : weight(histogram))
  return before
}

/** An instant selector whose rows are counted, for each place that asks for them. */
export class Counted implements VectorOperator {
  readonly grid: Grid
  readonly oneName: boolean
  readonly #from: VectorOperator
  readonly #tally: Tally

  constructor(from: VectorOperator, tally: Tally) {
    this.grid = from.grid
    this.oneName = from.oneName
    this.#from = from
    this.#tally = tally
  }

  run(sink: Sink): Promise<void> {
    return this.#from.run(row => {
      this.#tally.row(row)
      sink(row)
    })
  }
}

/** What stands in several places and is evaluated for the first of them, or for each where it cannot be kept. */
export class Repeated {
  readonly #counts: Tally
  #last: Tally

  /** @param counts where an evaluation counts */
  constructor(counts: Tally) {
    this.#counts = counts
    this.#last = new Tally(counts.grid, counts.detail)
  }

  /** For one more place. */
  addTo(tally: Tally): void {
    if (this.#counts.total > 0) {
      this.#last = new Tally(this.#counts.grid, this.#counts.detail)
      this.#last.add(this.#counts)
      this.#counts.clear()
    }
    tally.add(this.#last)
  }
}

export class CountedAgain implements VectorOperator {
  readonly grid: Grid
  readonly oneName: boolean
  readonly #from: VectorOperator
  readonly #evaluation: Repeated
  readonly #tally: Tally

  constructor(from: VectorOperator, evaluation: Repeated, tally: Tally) {
    this.grid = from.grid
    this.oneName = from.oneName
    this.#from = from
    this.#evaluation = evaluation
    this.#tally = tally
  }

  async run(sink: Sink): Promise<void> {
    await this.#from.run(sink)
    this.#evaluation.addTo(this.#tally)
  }
}
