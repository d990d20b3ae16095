/** What a store is told once: where it is, what it keeps, how much of anything it takes. */
import type { Logger } from '../component/component.ts'
import type { Disk } from '../component/disk.ts'
import type { Clock } from '../lib/clock.ts'

export interface StoreSettings {
  readonly directory: string
  /** [ms] how much older than the newest sample of the store, or than now where that is earlier, a sample may be */
  readonly outOfOrderMs: number
  /** [ms] how far ahead of the clock a sample may be */
  readonly aheadMs: number
  /** [ms] between two syncs of the log; 0: before each acknowledgement */
  readonly syncMs: number
  /** [bytes] of samples in the head before it is written to a block */
  readonly maxHeadBytes: number
  readonly maxExemplars: number
  /** [bytes] of indexes of blocks that are kept in memory */
  readonly maxIndexBytes: number
  /** [bytes] of chunks that one selector may read */
  readonly maxSelectBytes: number
  readonly retention: Retention
}

export interface Retention {
  /** [ms] samples as they came; buckets of a minute and of an hour, 0: none are made */
  readonly rawMs: number
  readonly minuteMs: number
  readonly hourMs: number
  /** [bytes] of all blocks; 0: no bound */
  readonly maxBytes: number
}

export interface World {
  readonly disk: Disk
  readonly clock: Clock
  readonly log: Logger
}

/** [ms] the windows that blocks of samples as they came are cut into */
export const WINDOW = 2 * 3_600_000
/** Windows are left-open, as every interval. @returns epoch ms, where that of `time` begins */
export const windowOf = (time: number): number => Math.ceil(time / WINDOW) * WINDOW - WINDOW
