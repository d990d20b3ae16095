import type { FloatHistogram } from '../model/float-histogram.ts'
import type { Labels } from '../model/labels.ts'

/**
 * What an expression is while it is evaluated: columns over all steps of a query at once, one row per series (never one object per point).
 */

/** The times at which an expression is evaluated: start, start + step, … An instant query is a grid of one step. */
export interface Grid {
  /** epoch ms */
  readonly start: number
  /** [ms], > 0 also for one step */
  readonly step: number
  readonly steps: number
}

export const timeOf = (grid: Grid, step: number): number => grid.start + step * grid.step

/** What stands at a step of a row. */
export const ABSENT = 0
export const FLOAT = 1
export const HISTOGRAM = 2

/** One series of an instant vector, at every step. */
export interface Row {
  readonly labels: Labels
  /** The metric's name is to go once the whole expression is known (delayed name removal); `labels` still has it. */
  readonly dropName: boolean
  /** [steps] ABSENT, FLOAT or HISTOGRAM */
  readonly kind: Uint8Array
  /** [steps], where FLOAT */
  readonly value: Float64Array
  /** [steps], where HISTOGRAM; undefined: there is none in this row */
  readonly histograms: (FloatHistogram | undefined)[] | undefined
}

/** What a query gives back. `vector` rows have one step. */
export type QueryValue =
  | { readonly type: 'scalar'; readonly time: number; readonly value: number }
  | { readonly type: 'string'; readonly time: number; readonly value: string }
  /** in the order the expression gave (topk and sort order theirs) */
  | { readonly type: 'vector'; readonly time: number; readonly rows: readonly Row[] }
  /** of a range query: sorted by labels, on the grid */
  | { readonly type: 'matrix'; readonly grid: Grid; readonly rows: readonly Row[] }
  /** of an instant query whose expression is a range selector: samples with times of their own */
  | { readonly type: 'series'; readonly series: readonly Series[] }

export interface Series {
  readonly labels: Labels
  /** epoch ms */
  readonly time: Float64Array
  /** NaN where there is a histogram */
  readonly value: Float64Array
  readonly histograms: readonly (FloatHistogram | undefined)[] | undefined
}
