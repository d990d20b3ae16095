import type { Matcher } from '../model/matcher.ts'
import type { Samples } from '../model/query.ts'
import type { Annotations } from './annotations.ts'
import type { Expr, Position } from './ast.ts'
import type { Grid, Row } from './value.ts'

/**
 * What a PromQL function is to the engine: work over the columns of one series (or of all), at every step of the query at once.
 * The engine finds samples, windows, parameters and labels; a function only computes. A new one: its signature in signatures.ts, its work in functions/.
 * `timestamp` and `start_timestamp` are the engine's own, since they ask about the sample behind an instant vector; so are start, end, range and step.
 */
export type PromqlFunction = WindowFunction | SampleFunction | WholeFunction

/** Of a range vector, series by series: rate, max_over_time, … */
export interface WindowFunction {
  readonly kind: 'window'
  /** The result loses the metric's name (nearly always; not last_over_time, first_over_time). */
  readonly dropName: boolean
  /** Fills `out` at every step where there is a result; it comes with all steps ABSENT. */
  run(windows: Windows, out: MutableRow, cx: FunctionContext): void
}

/** Of an instant vector, sample by sample: abs, clamp, histogram_count, hour, … */
export interface SampleFunction {
  readonly kind: 'sample'
  readonly dropName: boolean
  run(row: Row, out: MutableRow, cx: FunctionContext): void
}

/**
 * Of whole vectors: sort, label_replace, absent, histogram_quantile, info, vector, scalar, time, … Rows that come out with the same labels
 * become one where no step has two of them; where one has, the engine says so and the query fails. Arguments are not written to; rows may be handed on.
 */
export interface WholeFunction {
  readonly kind: 'whole'
  run(args: readonly Argument[], cx: FunctionContext): readonly Row[] | Promise<readonly Row[]>
}

export type Argument =
  | { readonly type: 'vector'; readonly rows: readonly Row[] }
  | { readonly type: 'matrix'; readonly windows: readonly Windows[] }
  /** [steps] */
  | { readonly type: 'scalar'; readonly values: Float64Array }
  | { readonly type: 'string'; readonly value: string }

/** A range vector's one series with, for every step, which samples lie in (from, to]. */
export interface Windows {
  readonly grid: Grid
  readonly labels: Row['labels']
  /** stale markers are taken out; reaches beyond the windows where the selector is anchored or smoothed, so that neighbours can be seen */
  readonly samples: Samples
  /** [steps] first sample of the window */
  readonly lo: Int32Array
  /** [steps] one past the last; equal to `lo` where the window is empty */
  readonly hi: Int32Array
  /** [steps] epoch ms, exclusive: time of the step − offset − range, or as `@` says */
  readonly from: Float64Array
  /** [steps] epoch ms, inclusive */
  readonly to: Float64Array
  /** [ms] */
  readonly range: number
  readonly modifier: 'anchored' | 'smoothed' | undefined
}

/** A row being made. */
export interface MutableRow {
  labels: Row['labels']
  dropName: boolean
  readonly kind: Uint8Array
  readonly value: Float64Array
  histograms: Row['histograms']
}

export interface FunctionContext {
  readonly grid: Grid
  /** the scalar parameters in order, of every function kind: [parameters][steps] */
  readonly scalars: readonly Float64Array[]
  /** the string parameters in order */
  readonly strings: readonly string[]
  readonly annotations: Annotations
  /** of the call */
  readonly position: Position
  /** of each argument: annotations point at one of them */
  readonly positions: readonly Position[]
  /** [ms] how far an instant selector looks back */
  readonly lookback: number
  /** the arguments as written, without parentheses around them: what absent() names its series after, what info() selects */
  readonly args: readonly Expr[]
  /** one evaluation, not a range of them (sort has no meaning in a range) */
  readonly instant: boolean
  /** Names stay until the whole expression is known; else the engine takes them from every row that says `dropName`. */
  readonly delayedNameRemoval: boolean
  /**
   * An instant selector at every step of the grid, or at the time that the first argument's selectors share where they share one, whose values are the times [epoch ms] of
   * the samples in place of their values: what info() tells the newest of several info series by. Of a sample that is a histogram it says so (HISTOGRAM) and gives its
   * time, too.
   */
  selectTimes(matchers: readonly Matcher[]): Promise<readonly Row[]>
  /** Asked between rows by functions that may be long at one: to be waited for where it is time to let others have their turn, else undefined. */
  breathe(): Promise<void> | undefined
}
