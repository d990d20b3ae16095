import { z } from 'zod'
import { processor } from '../../component/component.ts'
import { leastProbability } from '../../lib/tracestate.ts'
import { LogSampler } from './logs.ts'
import { Sampling } from './sampling.ts'
import { SpanSampler } from './spans.ts'

const config = z.strictObject({
  sampling_percentage: z
    .number()
    .min(0)
    .refine(percent => percent === 0 || percent / 100 >= leastProbability, 'must be 0 or at least 1.4e-15')
    .default(0)
    .describe('percent: how much is kept; 0 keeps nothing, 100 and more everything.'),
  mode: z
    .enum(['hash_seed', 'proportional', 'equalizing', ''])
    .default('hash_seed')
    .describe(
      'What decides: a hash with `hash_seed`, or the randomness that W3C and OpenTelemetry define, and then whether the percentage is of what arrives (`proportional`) or of all there was (`equalizing`).',
    ),
  hash_seed: z
    .int()
    .min(0)
    .max(2 ** 32 - 1)
    .default(0)
    .describe('Of `mode: hash_seed`; all instances that shall decide alike have the same.'),
  fail_closed: z
    .boolean()
    .default(true)
    .describe('Whether what nothing can be decided about (no trace id, an unreadable tracestate) is dropped.'),
  sampling_precision: z.int().min(1).max(14).default(4).describe('Hexadecimal digits of the threshold that is written into what is kept.'),
  attribute_source: z
    .enum(['traceID', 'record'])
    .default('traceID')
    .describe('Logs, `mode: hash_seed`: what is hashed, the trace id or the attribute `from_attribute`.'),
  from_attribute: z
    .string()
    .default('')
    .describe('Logs, `mode: hash_seed`: the attribute that is hashed where there is no trace id, or where `attribute_source` is `record`.'),
  sampling_priority: z
    .string()
    .default('')
    .describe('Logs: an attribute that says the percentage for its record. (Of spans it is `sampling.priority`: 0 drops, more keeps.)'),
})
export type Settings = z.infer<typeof config>

export default processor({
  type: 'probabilistic_sampler',
  stability: 'beta',
  config,
  parallel: () => true,
  create: {
    traces: (cx, settings, next) => new Sampling('traces', cx, next, new SpanSampler(settings)),
    logs: (cx, settings, next) => new Sampling('logs', cx, next, new LogSampler(settings)),
  },
})
