/** Names, units and buckets: dashboards and rules of users depend on them, letter for letter. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { familyName } from '../../src/exposition/naming.ts'
import type { Definition } from '../../src/instruments/definition.ts'
import { componentInstruments } from '../../src/instruments/domains/component.ts'
import { domains } from '../../src/instruments/domains/index.ts'
import { refusals } from '../../src/instruments/recorder.ts'

const groups: Readonly<Record<string, Readonly<Record<string, Definition>>>> = domains
const all: readonly Definition[] = [
  ...Object.values(groups).flatMap(group => Object.values(group)),
  ...Object.values(componentInstruments('optimizer')),
  refusals,
]
const byName = new Map(all.map(definition => [definition.name, definition]))

function prometheusName({ name, unit, kind }: Definition): string | undefined {
  const type = kind === 'gauge' || kind === 'histogram' ? kind : 'sum'
  const translation = { strategy: 'UnderscoreEscapingWithSuffixes', namespace: '' } as const
  return familyName({ name, unit, type, monotonic: kind === 'counter' }, translation)?.name
}

const promised = readFileSync(new URL('./promised.txt', import.meta.url), 'utf8')
  .split('\n')
  .filter(line => line !== '' && !line.startsWith('#'))
  .map(line => line.split('|').map(cell => cell.trim()) as [string, string, string, string, string])

test('there are as many as are promised, each once', () => {
  expect(promised.length).toBeGreaterThan(80)
  expect(all.map(({ name }) => name).toSorted()).toEqual(promised.map(([name]) => name).toSorted())
})

test.each(promised)('%s: a %s of "%s" by "%s" is %s', (name, kind, unit, attributes, prometheus) => {
  const definition = byName.get(name)!
  const { description, attributes: has } = definition
  expect({ kind: definition.kind, unit: definition.unit, attributes: has.join(', '), prometheus: prometheusName(definition) }).toEqual({
    ...{ kind, unit, attributes, prometheus },
  })
  expect(description).toMatch(/^[A-Z1].*\.$/)
})

describe('buckets', () => {
  const fast = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1]
  const asHttp = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]
  const asGenAi = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92]
  const expected: Readonly<Record<string, readonly number[]>> = {
    'neural.decoder.confidence': [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1],
    'inference.request.duration': asGenAi,
    'inference.queue.duration': asGenAi,
    'inference.time_to_first_token': [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
    'inference.inter_token.latency': [0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5],
    'neural.session.duration': [10, 30, 60, 120, 300, 600, 1200, 1800, 2700, 3600, 5400, 7200],
    'task.execution.duration': [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600],
    'neural.db.query.duration': [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10],
    'app.response.duration': asHttp,
    'agent.spawn.duration': asHttp,
    'context.retrieval.duration': asHttp,
    'optimizer.duration': asHttp,
  }
  const histograms = all.filter(({ kind }) => kind === 'histogram')
  test.each(histograms.map(({ name, bounds }) => [name, bounds]))('%s', (name, bounds) => {
    expect(bounds).toEqual(expected[name as string] ?? fast)
  })
  test('only histograms have any', () => expect(all.filter(({ bounds }) => bounds !== undefined)).toEqual(histograms))
})
