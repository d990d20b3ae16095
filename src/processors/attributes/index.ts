import { z } from 'zod'
import { Actions, action } from '../../attributes/actions.ts'
import { Editing } from '../../attributes/editing.ts'
import { type Consumer, type Context, type Processor, processor } from '../../component/component.ts'
import { ConfigError } from '../../component/errors.ts'
import type { Signal } from '../../model/signal.ts'
import { matches, meant, misplaced, properties } from '../../ottl/properties.ts'
import { rowEditor } from './rows.ts'

const config = z.strictObject({
  actions: z.array(action()).min(1).describe('What is done to the attributes of each row, in order.'),
  include: properties().optional().describe('Which rows; without it all.'),
  exclude: properties().optional().describe('Which of these are left alone.'),
})
type Settings = z.infer<typeof config>

const create = <S extends Signal>(signal: S) => {
  return (cx: Context, settings: Settings, next: Consumer<S>): Processor<S> => {
    const ask = (which: 'include' | 'exclude') => {
      const given = settings[which]
      if (given === undefined) return undefined
      const wrong = misplaced(given, signal)
      if (wrong !== undefined) throw new ConfigError([{ path: ['processors', cx.id, which], message: `${wrong}` }])
      return matches(given, signal)
    }
    const [include, exclude] = [ask('include'), ask('exclude')]
    const which = (include ?? exclude) === undefined ? undefined : meant(include, exclude)
    return new Editing(signal, cx, next, rowEditor(new Actions(settings.actions), which))
  }
}

export default processor({
  type: 'attributes',
  stability: 'beta',
  config,
  parallel: () => true,
  create: { metrics: create('metrics'), traces: create('traces'), logs: create('logs') },
})
