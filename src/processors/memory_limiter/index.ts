import { z } from 'zod'
import { type Consumer, type Context, type Processor, processor } from '../../component/component.ts'
import { duration } from '../../component/settings.ts'
import type { Signal } from '../../model/signal.ts'
import { Limiter } from './limiter.ts'

const config = z
  .strictObject({
    check_interval: duration({ min: 1 }).prefault('1s').describe('How often the memory in use is measured.'),
    limit_mib: z.int().min(0).default(0).describe('Hard limit in MiB; 0 takes `limit_percentage`.'),
    spike_limit_mib: z
      .int()
      .min(0)
      .default(0)
      .describe('The soft limit is the hard limit less this. 0 takes 20 % of the hard limit, or `spike_limit_percentage`.'),
    limit_percentage: z
      .int()
      .min(0)
      .max(100)
      .default(80)
      .describe("Hard limit in percent of the machine's or the control group's memory, where `limit_mib` is 0."),
    min_gc_interval_when_soft_limited: duration()
      .prefault('1s')
      .describe('While memory is over the soft limit, garbage is collected no more often than this. The Collector has 10s.'),
    min_gc_interval_when_hard_limited: duration().prefault('0s').describe('The same over the hard limit; 0: at every check.'),
    spike_limit_percentage: z.int().min(0).max(100).default(0).describe('Spike limit in percent of the memory, as `limit_percentage`.'),
  })
  .refine(c => c.limit_mib > 0 || c.limit_percentage > 0, {
    path: ['limit_mib'],
    message: 'must be greater than 0 where limit_percentage is 0',
  })
  .refine(c => c.limit_mib === 0 || c.spike_limit_mib < c.limit_mib, { path: ['spike_limit_mib'], message: 'must be less than limit_mib' })
  .refine(c => c.limit_mib > 0 || c.spike_limit_percentage < c.limit_percentage, {
    path: ['spike_limit_percentage'],
    message: 'must be less than limit_percentage',
  })
export type Settings = z.infer<typeof config>

const create = <S extends Signal>(signal: S) => {
  return (cx: Context, settings: Settings, next: Consumer<S>): Processor<S> => new Limiter(signal, cx, settings, next)
}

export default processor({
  type: 'memory_limiter',
  stability: 'beta',
  config,
  parallel: () => true,
  create: { metrics: create('metrics'), traces: create('traces'), logs: create('logs') },
})
