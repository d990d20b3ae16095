import type { Reader } from '../model/batch.ts'
import { createTwin } from './twin.ts'

export interface ReaderOptions {
  /** Distinct series at most; rows of others get -1. Default 1,000,000. */
  readonly maxSeries?: number
  /** Distinct span names, event names and severity texts at most; others get -1. Default 100,000. */
  readonly maxTexts?: number
  /** Unix epoch milliseconds, to know what is idle. Default: the system's clock. */
  readonly now?: () => number
  /** Seeds the hash of names; random unless given. */
  readonly seed?: bigint
}

export function createReader(options: ReaderOptions = {}): Reader {
  return createTwin(options)
}
