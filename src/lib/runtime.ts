/** How Node's figures of its event loop and its garbage collector are read: one reading for everyone who tells `nodejs.*` and `v8js.*` of the semantic conventions. */
import type { monitorEventLoopDelay } from 'node:perf_hooks'

type IntervalHistogram = ReturnType<typeof monitorEventLoopDelay>

/** [ms] how finely delays of the event loop are measured: fifty times a second costs nothing to speak of */
export const delayResolutionMs = 20
/** [s] The histogram holds the [ns] from one tick of its timer to the next: what is over the timer's own wait is the delay. */
const late = (ns: number) => Math.max(0, ns / 1e9 - delayResolutionMs / 1000)

export interface LoopDelay {
  /** the last word of `nodejs.eventloop.delay.*` */
  readonly name: string
  readonly description: string
  /** [s] of a histogram that has waited once at the least */
  readonly of: (histogram: IntervalHistogram) => number
}
const delay = (name: string, what: string, of: LoopDelay['of']): LoopDelay => ({ name, description: `Event loop ${what} delay.`, of })

export const loopDelays = {
  min: delay('min', 'minimum', h => late(h.min)),
  max: delay('max', 'maximum', h => late(h.max)),
  mean: delay('mean', 'mean', h => late(h.mean)),
  stddev: delay('stddev', 'standard deviation of the', h => h.stddev / 1e9),
  p50: delay('p50', '50th percentile of the', h => late(h.percentile(50))),
  p90: delay('p90', '90th percentile of the', h => late(h.percentile(90))),
  p99: delay('p99', '99th percentile of the', h => late(h.percentile(99))),
} as const

/** [s] the buckets of `v8js.gc.duration`, as the conventions advise */
export const gcBounds = [0.01, 0.1, 1, 10] as const
const gcTypes: Readonly<Record<number, string>> = { 1: 'minor', 2: 'minor', 4: 'major', 8: 'incremental', 16: 'weakcb' }
/** `v8js.gc.type` of a performance entry's `detail.kind`. */
export const gcTypeOf = (kind: number): string => gcTypes[kind] ?? 'minor'
