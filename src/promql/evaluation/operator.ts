import type { Annotations } from '../annotations.ts'
import type { Grid } from '../value.ts'
import type { Budget } from './budget.ts'
import type { RowPool, Sink } from './rows.ts'

/**
 * What a node of the expression becomes once range, step and offsets are known: it pushes its rows, one after the other, into whoever asks.
 * Leaves drive: they read a series, work out all of its steps and push; operators above work on the row and push on, or gather.
 */
export interface VectorOperator {
  readonly grid: Grid
  /** All rows are of one metric, or none has a name: taking names away makes no two rows alike. */
  readonly oneName: boolean
  run(sink: Sink): Promise<void>
}

export interface ScalarOperator {
  readonly grid: Grid
  /** [steps]; read only */
  values(): Promise<Float64Array>
}

/** What the operators of one query share. */
export interface Evaluation {
  readonly pool: RowPool
  readonly budget: Budget
  readonly annotations: Annotations
  /** [ms] */
  readonly lookback: number
  readonly delayedNameRemoval: boolean
  readonly startTimestamps: boolean
}
