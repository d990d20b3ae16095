import type { FloatHistogram } from '../../model/float-histogram.ts'
import type { Labels } from '../../model/labels.ts'
import type { MutableRow } from '../kernel.ts'
import { ABSENT, HISTOGRAM, type Row } from '../value.ts'
import type { Budget } from './budget.ts'

/**
 * A row on its way through operators. Whoever is handed one owns it: writes into it, keeps it, hands it on or gives it back to the pool, unless it is
 * `shared`: then others read the same columns.
 */
export interface FlowingRow extends MutableRow {
  readonly shared: boolean
  /** [samples] that it counts for against the limit of the query */
  samples: number
}

/** Takes rows one by one; owns each from then on. */
export type Sink = (row: FlowingRow) => void

/** Columns that are used again and again, so that a sum over a million series needs those of a few. */
export class RowPool {
  readonly #free = new Map<number, FlowingRow[]>()
  readonly #budget: Budget

  constructor(budget: Budget) {
    this.#budget = budget
  }

  /** A row whose steps are all ABSENT. */
  take(labels: Labels, steps: number): FlowingRow {
    this.#budget.reserve(steps)
    const row = this.#free.get(steps)?.pop()
    if (row === undefined)
      return {
        labels,
        dropName: false,
        kind: new Uint8Array(steps),
        value: new Float64Array(steps),
        histograms: undefined,
        shared: false,
        samples: 0,
      }
    row.labels = labels
    row.dropName = false
    row.kind.fill(ABSENT)
    return row
  }

  /** Counts what stands in a row against the limit. @returns whether anything does */
  charge(row: FlowingRow): boolean {
    const samples = countSamples(row)
    this.#budget.hold(samples - row.samples)
    row.samples = samples
    return samples > 0
  }

  give(row: FlowingRow): void {
    this.#budget.release(row.samples)
    row.samples = 0
    if (row.shared) return
    row.histograms = undefined
    const steps = row.kind.length
    this.#budget.unreserve(steps)
    const free = this.#free.get(steps)
    if (free === undefined) this.#free.set(steps, [row])
    // More than a few are free only after something that collects; they would be kept from the collector for nothing.
    else if (free.length < 16) free.push(row)
  }

  /** A row of the pool that `row` may be written into: itself, or a copy where others read it. */
  own(row: FlowingRow): FlowingRow {
    if (!row.shared) return row
    const copy = this.take(row.labels, row.kind.length)
    copy.kind.set(row.kind)
    copy.value.set(row.value)
    copy.histograms = row.histograms?.slice()
    copy.dropName = row.dropName
    copy.samples = row.samples
    return copy
  }
}

/** As somebody else's columns, which are only read. */
export const sharedRow = (row: Row): FlowingRow => ({
  labels: row.labels,
  dropName: row.dropName,
  kind: row.kind,
  value: row.value,
  histograms: row.histograms,
  shared: true,
  samples: 0,
})

/** What stands in a row, counted as Prometheus counts: a number is one, a histogram as many as it is larger in memory. */
function countSamples({ kind, histograms }: Row): number {
  let samples = 0
  for (let i = 0; i < kind.length; i++) if (kind[i] !== ABSENT) samples++
  if (histograms === undefined) return samples
  for (let i = 0; i < kind.length; i++) if (kind[i] === HISTOGRAM) samples += samplesIn(histograms[i]!) - 1
  return samples
}

/** [samples] of 16 bytes that a histogram takes in Prometheus: its fields, and eight bytes for each span, bucket and bound */
export function samplesIn(histogram: FloatHistogram): number {
  const { positiveSpans, positiveCounts, negativeSpans, negativeCounts, customBounds } = histogram
  const parts = positiveSpans.length + positiveCounts.length + negativeSpans.length + negativeCounts.length + customBounds.length
  return Math.floor((176 + 8 * parts) / 16)
}

/** `__name__` and what else describes the metric rather than the series. */
const metadataLabels: ReadonlySet<string> = new Set(['__name__', '__type__', '__unit__'])

export const withoutName = (labels: Labels): Labels => labels.without(metadataLabels)
