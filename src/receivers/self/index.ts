import { z } from 'zod'
import { receiver } from '../../component/component.ts'
import { duration } from '../../component/settings.ts'
import { Self } from './self.ts'

const config = z.strictObject({
  collection_interval: duration({ min: 100 })
    .prefault('1s')
    .describe('How long from one reading of own metrics to the next, and how long spans wait.'),
  max_spans: z
    .number()
    .int()
    .min(1)
    .default(2048)
    .describe('The most spans that wait to be handed on; what is more is dropped and counted as refused.'),
})
export type Settings = z.infer<typeof config>

export default receiver({
  type: 'self',
  stability: 'beta',
  config,
  signals: ['metrics', 'traces'],
  create: (cx, settings, next) => new Self(cx, settings, next),
})
