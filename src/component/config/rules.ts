/** `service.rules`: rule files, and how they are evaluated, in the words of Prometheus's configuration and flags. */
import { z } from 'zod'
import type { RulesConfig } from '../configuration.ts'
import { duration } from '../settings.ts'

export const rulesSchema = z.strictObject({
  rule_files: z
    .array(z.string().min(1))
    .default([])
    .describe('Rule files of Prometheus: paths, with `*`, `?` and `[a-z]` in names. They are read at start and at every reload.'),
  evaluation_interval: duration({ min: 1 }).prefault('1m').describe('How often groups are evaluated that say nothing of it themselves.'),
  query_offset: duration()
    .prefault('0s')
    .describe('How far back groups look that say nothing of it themselves: for samples that come late.'),
  resend_delay: duration({ min: 1 }).prefault('1m').describe('How long until an alert that goes on is told again.'),
  for_outage_tolerance: duration()
    .prefault('1h')
    .describe('How long an outage may have been after which `for` goes on where it was, less the outage.'),
  for_grace_period: duration()
    .prefault('10m')
    .describe('How long an alert waits at least after a restart; one with less `for` waits its time anew.'),
  max_concurrent_evals: z
    .number()
    .int()
    .min(1)
    .default(4)
    .describe('Rules of one group that are evaluated side by side, where none reads what another gives. 1: in the order of the file.'),
  external_url: z
    .string()
    .default('')
    .describe('What users reach us by, such as `https://monitoring.example/thalamus`: links of alerts begin with it.'),
})

export const rulesConfig = (settings: z.output<typeof rulesSchema>): RulesConfig => ({
  files: settings.rule_files,
  intervalMs: settings.evaluation_interval,
  queryOffsetMs: settings.query_offset,
  resendDelayMs: settings.resend_delay,
  outageToleranceMs: settings.for_outage_tolerance,
  gracePeriodMs: settings.for_grace_period,
  maxConcurrent: settings.max_concurrent_evals,
  externalUrl: settings.external_url.replace(/\/+$/, ''),
})
