/** How a failed send is tried again: waits that grow, with chance in them, until the patience for one load has run out. */
import { z } from 'zod'
import { duration } from './settings.ts'

export const retrySettings = () =>
  z
    .strictObject({
      enabled: z.boolean().default(true).describe('Try again what failed for the moment. Off: such rows are dropped as `retry_exhausted`.'),
      initial_interval: duration({ min: 1 }).prefault('5s').describe('The wait after the first failure.'),
      randomization_factor: z.number().min(0).max(1).default(0.5).describe('Each wait is drawn from ± this share around its length.'),
      multiplier: z.number().min(1).default(1.5).describe('Each wait is this many times the one before.'),
      max_interval: duration({ min: 1 }).prefault('30s').describe('The longest wait. A longer Retry-After of the destination is honoured.'),
      max_elapsed_time: duration()
        .prefault('300s')
        .describe('After this long the rows are dropped as `retry_exhausted`. 0: they are never given up.'),
    })
    .prefault({})

export type RetrySettings = z.infer<ReturnType<typeof retrySettings>>

/**
 * @param failures how many attempts have failed, from 1
 * @param random 0 <= random < 1
 * @returns ms: initial_interval · multiplier^(failures-1), at most max_interval, drawn evenly from ± randomization_factor around it
 */
export function backOffMs(settings: RetrySettings, failures: number, random: number): number {
  const middle = Math.min(settings.initial_interval * settings.multiplier ** (failures - 1), settings.max_interval)
  return middle * (1 + settings.randomization_factor * (2 * random - 1))
}

/**
 * @param value of the header `Retry-After`: seconds, or an HTTP date
 * @returns ms from `nowMs`; 0 where there is none, or none that can be read
 */
export function retryAfterMs(value: string | undefined, nowMs: number): number {
  if (value === undefined) return 0
  if (/^\s*\d+(\.\d+)?\s*$/.test(value)) return Number(value) * 1000
  const at = Date.parse(value)
  return Number.isNaN(at) ? 0 : Math.max(0, at - nowMs)
}
