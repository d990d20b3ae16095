import { expect, test } from 'vitest'
import { z } from 'zod'
import { exporter, processor, receiver } from '../../src/component/component.ts'
import { loadConfiguration } from '../../src/component/config.ts'
import type { Configuration } from '../../src/component/configuration.ts'
import { mainPart, threadPart } from '../../src/workers/partition.ts'

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
  exporter({ ...base, type: 'board', readsColumns: true, create: { metrics: never } }),
]

function configuration(pipeline: string): Configuration {
  const text = `
receivers: { wide: , one: }
processors: { pass/1: , pass/2: , tail: }
exporters: { push: , page: , page/2: , board: }
service: { pipelines: { metrics: ${pipeline} } }`
  return loadConfiguration([{ name: 'test.yaml', text }], { env: {}, factories })
}
const show = ({ service }: Configuration) =>
  service.pipelines.map(p => [p.receivers, p.processors, p.exporters].map(ids => ids.join(', ')).join(' -> '))

const ships = {
  bytes: exporter({ ...base, type: '(main)', create: { metrics: never } }),
  columns: exporter({ ...base, type: '(columns)', create: { metrics: never } }),
}
const landing = (type: string) => receiver({ ...base, type, signals: ['metrics'], create: never })
const lands = { bytes: () => landing('(workers)'), columns: landing('(columns)') }

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
    'columns are enough for some of them',
    '{ receivers: [wide], processors: [pass/1], exporters: [page, push, board] }',
    ['wide -> pass/1 -> (main) metrics, (columns) metrics, push'],
    ['(workers) metrics ->  -> page', '(columns) metrics ->  -> board'],
  ],
  [
    'and no more than columns is shipped, where that is all of them',
    '{ receivers: [wide], processors: [pass/1], exporters: [board, push] }',
    ['wide -> pass/1 -> (columns) metrics, push'],
    ['(columns) metrics ->  -> board'],
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
  const whole = configuration(pipeline)
  const [ofThread, ofMain] = [threadPart(whole, ships)!, mainPart(whole, lands)!]
  expect(show(ofThread)).toEqual(thread)
  expect(show(ofMain)).toEqual(main)
  const { receivers, exporters } = ofThread
  for (const p of ofThread.service.pipelines) {
    expect(p.receivers.every(id => receivers.has(id))).toBe(true)
    expect(p.exporters.every(id => exporters.has(id))).toBe(true)
  }
  for (const p of ofMain.service.pipelines) expect(p.receivers.every(id => ofMain.receivers.has(id))).toBe(true)
})

test('nothing, where no pipeline begins with a receiver that can be in several threads', () => {
  const whole = configuration('{ receivers: [one], processors: [pass/1], exporters: [push] }')
  expect(threadPart(whole, ships)).toBeUndefined()
  expect(mainPart(whole, lands)).toBeUndefined()
})
