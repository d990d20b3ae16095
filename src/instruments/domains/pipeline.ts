/** Pipelines of data, from the first stage to the last. */
import { fast } from '../bounds.ts'
import { gauge, histogram } from '../definition.ts'

export const pipeline = {
  duration: histogram('neural.pipeline.duration', 's', 'One item through all stages.', fast, ['pipeline']),
  queueDepth: gauge('neural.pipeline.queue.depth', '{item}', 'Items that wait, now.', ['pipeline']),
}
