import { z } from 'zod'
import { Actions, action } from '../../attributes/actions.ts'
import { Editing } from '../../attributes/editing.ts'
import { type Consumer, type Context, type Processor, processor } from '../../component/component.ts'
import type { BatchOf } from '../../model/batch.ts'
import type { Signal } from '../../model/signal.ts'
import { AttributeList, type Change } from '../../otlp/edit.ts'
import { resourceHolder } from '../../otlp/holders.ts'

const config = z.strictObject({
  attributes: z.array(action()).min(1).describe('What is done to the attributes of each resource, in order.'),
})

const create = <S extends Signal>(signal: S) => {
  return (cx: Context, settings: z.infer<typeof config>, next: Consumer<S>): Processor<S> => {
    const actions = new Actions(settings.attributes)
    return new Editing(signal, cx, next, (batch: BatchOf[S]) => {
      const changes: Change[] = []
      for (let i = 0; i < batch.resources.length; i++) {
        const list = new AttributeList(resourceHolder(batch, i))
        actions.apply(list)
        list.changes(changes)
      }
      return changes
    })
  }
}

export default processor({
  type: 'resource',
  stability: 'beta',
  config,
  parallel: () => true,
  create: { metrics: create('metrics'), traces: create('traces'), logs: create('logs') },
})
