import { globSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { known, readConfiguration } from '../src/components.ts'
import { components } from './components.ts'

const source = (text: string) => [{ name: 'x.yaml', text }]
const words = async (text: string, options = {}) =>
  (await known(source(text), { env: {}, ...options })).factories.map(({ kind, type }) => `${kind} ${type}`).toSorted()

describe('the list of components', () => {
  test('is that of the folders', () => {
    const folders = globSync('{receivers,processors,connectors,exporters,extensions}/*/index.ts', {
      cwd: join(import.meta.dirname, '../src'),
    })
    expect(components.map(({ kind, type }) => `${kind}s/${type}/index.ts`).toSorted()).toEqual(folders.toSorted())
  })
})

describe('what is loaded for a configuration', () => {
  test.each<[string, string, object, string[]]>([
    ['what it names', 'receivers: { otlp:, otlp/2: }\nexporters: { debug/a: }', {}, ['exporter debug', 'receiver otlp']],
    [
      'what older words stand for',
      'connectors: { spanmetrics: }\nreceivers: { hostmetrics/1: }',
      {},
      ['connector span_metrics', 'receiver host'],
    ],
    [
      'what flags name',
      'receivers: { otlp: }',
      { forward: 'http://x', store: 'data' },
      ['exporter otlp_http', 'exporter store', 'extension journal', 'receiver otlp'],
    ],
    ['what --set names', 'receivers: { otlp: }', { sets: ['processors.batch.send_batch_size=1'] }, ['processor batch', 'receiver otlp']],
    ['what the environment names', 'receivers: "${env:R}"', { env: { R: '{ self: }' } }, ['receiver self']],
    ['nothing for words that are wrong', 'receivers: { otlpp: , __proto__: , constructor: }\nprocessors: [batch]', {}, []],
    ['nothing for a text that is none', 'receivers: [', {}, []],
  ])('%s', async (_, text, options, expected) => expect(await words(text, options)).toEqual(expected))

  test('a component of somebody else is known beside ours', async () => {
    const own = { ...components.find(({ kind, type }) => kind === 'exporter' && type === 'debug')!, type: 'mine' }
    const text = 'receivers: { self: }\nexporters: { mine: }\nservice: { pipelines: { metrics: { receivers: [self], exporters: [mine] } } }'
    const configuration = await readConfiguration(source(text), { env: {} }, [own])
    expect([...configuration.exporters.keys()]).toEqual(['mine'])
  })
  test('what is not loaded is suggested all the same', async () => {
    await expect(readConfiguration(source('receivers: { prometeus: }'), { env: {} })).rejects.toThrow('did you mean "prometheus"?')
  })
})
