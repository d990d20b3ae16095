/** What the process that is killed and the one that looks afterwards agree on. */
import type { StoreSettings } from '../../../src/store/store.ts'

export const epoch = 1_700_000_000_000
/** [ms] the time of a batch: one a minute, so that a day is soon over */
export const secondsOf = (n: number): number => n * 60_000
export const seriesNames = Array.from({ length: 20 }, (_, i) => String(i))
const years = 100 * 365 * 86_400_000

export const storeSettings = (directory: string): StoreSettings => ({
  directory,
  outOfOrderMs: 600_000,
  aheadMs: 600_000,
  syncMs: 1000,
  maxHeadBytes: 2 ** 20,
  maxExemplars: 0,
  maxIndexBytes: 2 ** 20,
  maxSelectBytes: 2 ** 30,
  retention: { rawMs: years, minuteMs: 10 * years, hourMs: 10 * years, maxBytes: 0 },
})
