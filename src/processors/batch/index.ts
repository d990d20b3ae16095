import { z } from 'zod'
import { type Consumer, type Context, type Processor, processor } from '../../component/component.ts'
import { duration, refused, withoutEffect } from '../../component/settings.ts'
import type { Signal } from '../../model/signal.ts'
import { Batcher } from './batcher.ts'

const config = z.strictObject({
  timeout: withoutEffect(duration().prefault('200ms'), 'nobody waits for a timer; rows are held only while the line is busy'),
  send_batch_size: withoutEffect(z.int().min(0).default(8192), 'a merge takes all that waits, up to `send_batch_max_size`'),
  send_batch_max_size: z.int().min(0).default(8192).describe('Rows that are merged into one batch at the most; 0 is no limit.'),
  metadata_keys: refused('requests are not told apart by the headers that they came with', 'leave it out'),
  metadata_cardinality_limit: withoutEffect(z.int().min(0).optional(), 'it belongs to metadata_keys'),
})

const create = <S extends Signal>(signal: S) => {
  return (cx: Context, settings: z.infer<typeof config>, next: Consumer<S>): Processor<S> =>
    new Batcher(signal, cx.reader, cx.account(signal), next, settings.send_batch_max_size)
}

export default processor({
  type: 'batch',
  stability: 'beta',
  config,
  parallel: () => true,
  create: { metrics: create('metrics'), traces: create('traces'), logs: create('logs') },
})
