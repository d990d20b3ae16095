import { expect, test } from 'vitest'
import { z } from 'zod'
import { exporter, processor, receiver } from '../../src/component/component.ts'
import { loadConfiguration } from '../../src/component/config.ts'
import type { Configuration } from '../../src/component/configuration.ts'
import { Landings } from '../../src/workers/landing.ts'
import { partition } from '../../src/workers/partition.ts'
import { Shipping } from '../../src/workers/shipping.ts'

const base = { stability: 'stable', config: z.strictObject({}) } as const
const never = () => {
  throw new Error('nothing is made here')
}
const parallel = () => true
const factories = [
  receiver({ ...base, type: 'wide', signals: ['metrics'], parallel, create: never }),
  receiver({ ...base, type: 'one', signals: ['metrics'], create: never }),
  processor({ ...base, type: 'pass', parallel, create: { metrics: never } }),
  processor({ ...base, type: 'tail', create: { metrics: never } }),
  exporter({ ...base, type: 'push', parallel, create: { metrics: never } }),
  exporter({ ...base, type: 'page', create: { metrics: never } }),
]

function configuration(pipeline: string): Configuration {
  const text = `
receivers: { wide: , one: }
processors: { pass/1: , pass/2: , tail: }
exporters: { push: , page: , page/2: }
service: { pipelines: { metrics: ${pipeline} } }`
  return loadConfiguration([{ name: 'test.yaml', text }], { env: {}, factories })
}
const show = ({ service }: Configuration) =>
  service.pipelines.map(p => [p.receivers, p.processors, p.exporters].map(ids => ids.join(', ')).join(' -> '))

const handing = { shipping: new Shipping(() => {}).factory, landing: new Landings(() => undefined).factory }

test.each<[string, string, string[], string[]]>([
  [
    'all of it, where every part can be in several threads',
    '{ receivers: [wide], processors: [pass/1, pass/2], exporters: [push] }',
    ['wide -> pass/1, pass/2 -> push'],
    [],
  ],
  [
    'what other receivers give goes its own way',
    '{ receivers: [wide, one], processors: [pass/1], exporters: [push] }',
    ['wide -> pass/1 -> push'],
    ['one -> pass/1 -> push'],
  ],
  [
    'what has to be one place is reached once for all such exporters',
    '{ receivers: [wide], processors: [pass/1], exporters: [page, push, page/2] }',
    ['wide -> pass/1 -> (main) metrics, push'],
    ['(workers) metrics ->  -> page, page/2'],
  ],
  [
    'beside the whole of it, for other receivers',
    '{ receivers: [one, wide], processors: [pass/1], exporters: [page, push] }',
    ['wide -> pass/1 -> (main) metrics, push'],
    ['one -> pass/1 -> page, push', '(workers) metrics ->  -> page'],
  ],
  [
    'up to the processor that must be one',
    '{ receivers: [wide], processors: [pass/1, tail, pass/2], exporters: [push] }',
    ['wide -> pass/1 -> (main) metrics'],
    ['(workers) metrics -> tail, pass/2 -> push'],
  ],
  [
    'that processor is one also where other receivers feed it',
    '{ receivers: [one, wide], processors: [pass/1, tail], exporters: [push] }',
    ['wide ->  -> (main) metrics'],
    ['one, (workers) metrics -> pass/1, tail -> push'],
  ],
])('%s', (_, pipeline, thread, main) => {
  const parts = partition(configuration(pipeline), handing)!
  expect(show(parts.thread)).toEqual(thread)
  expect(show(parts.main)).toEqual(main)
  const { receivers, exporters } = parts.thread
  for (const p of parts.thread.service.pipelines) {
    expect(p.receivers.every(id => receivers.has(id))).toBe(true)
    expect(p.exporters.every(id => exporters.has(id))).toBe(true)
  }
  for (const p of parts.main.service.pipelines) expect(p.receivers.every(id => parts.main.receivers.has(id))).toBe(true)
})

test('nothing, where no pipeline begins with a receiver that can be in several threads', () => {
  expect(partition(configuration('{ receivers: [one], processors: [pass/1], exporters: [push] }'), handing)).toBeUndefined()
})
