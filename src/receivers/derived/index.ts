import { z } from 'zod'
import { receiver } from '../../component/component.ts'
import { DerivedReceiver } from './receiver.ts'

const config = z.strictObject({
  origins: z
    .array(z.string().min(1))
    .default([])
    .describe('Only what these have computed, such as `rules`; empty: all. For pipelines of their own.'),
})
export type Settings = z.infer<typeof config>

export default receiver({
  type: 'derived',
  stability: 'alpha',
  config,
  signals: ['metrics'],
  create: (cx, settings, next) => new DerivedReceiver(cx, settings, next.metrics),
})
