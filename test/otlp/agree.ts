/** Two readers agree when every column and every name they give is the same; ids may differ, as long as they differ consistently. */
import { expect } from 'vitest'
import type { AnyBatch } from '../../src/model/batch.ts'
import type { Dictionary } from '../../src/model/dictionary.ts'

const columns = {
  resources: ['from', 'to', 'id'],
  scopes: ['from', 'to', 'parent', 'id'],
  metrics: ['from', 'to', 'parent'],
  numbers: ['from', 'to', 'series', 'metric', 'start', 'time', 'flags', 'value'],
  histograms: [
    ...['from', 'to', 'series', 'metric', 'start', 'time', 'flags', 'count', 'sum', 'min', 'max'],
    ...['bounds', 'bucketsFrom', 'bucketsLength'],
  ],
  exponentials: [
    ...['from', 'to', 'series', 'metric', 'start', 'time', 'flags', 'count', 'sum', 'min', 'max', 'scale', 'zeroCount', 'zeroThreshold'],
    ...['positiveOffset', 'positiveFrom', 'positiveLength', 'negativeOffset', 'negativeFrom', 'negativeLength'],
  ],
  summaries: ['from', 'to', 'series', 'metric', 'start', 'time', 'flags', 'count', 'sum', 'quantilesFrom', 'quantilesLength'],
  exemplars: ['from', 'to', 'group', 'row', 'time', 'value', 'ids'],
  spans: [
    'from',
    'to',
    'scope',
    'ids',
    'name',
    'kind',
    'status',
    'start',
    'duration',
    'attributesFrom',
    'attributesTo',
    'traceStateFrom',
    'traceStateTo',
  ],
  records: [
    ...['from', 'to', 'scope', 'time', 'observed', 'severity', 'severityText', 'eventName', 'bodyFrom', 'bodyTo'],
    ...['attributesFrom', 'attributesTo', 'ids'],
  ],
} as const
const named: Readonly<Record<string, (dictionary: Dictionary, id: number) => unknown>> = {
  'resources.id': (dictionary, id) => dictionary.resource(id),
  'scopes.id': (dictionary, id) => dictionary.scope(id),
  series: (dictionary, id) => dictionary.series(id),
  bounds: (dictionary, id) => dictionary.bounds(id),
  name: (dictionary, id) => dictionary.text(id),
  severityText: (dictionary, id) => dictionary.text(id),
  eventName: (dictionary, id) => dictionary.text(id),
}

/** Everything a batch says, names by their entries instead of their ids. */
export function shown(batch: AnyBatch): Record<string, unknown> {
  const all: Record<string, unknown> = { signal: batch.signal, rows: batch.rows }
  for (const [group, names] of Object.entries(columns)) {
    const table = (batch as unknown as Record<string, Record<string, ArrayLike<number>> | undefined>)[group]
    if (table === undefined) continue
    all[`${group}.length`] = table['length']
    for (const name of names) {
      const show = named[`${group}.${name}`] ?? named[name]
      const values = Array.from(table[name]!)
      all[`${group}.${name}`] = show && name !== 'name' ? values.map(id => (id < 0 ? id : show(batch.dictionary, id))) : values
      if (name === 'name') all[`${group}.name`] = values.map(id => batch.dictionary.text(id))
    }
  }
  if (batch.signal === 'metrics') {
    all['buckets'] = Array.from(batch.buckets)
    all['quantiles'] = Array.from(batch.quantiles)
  }
  return all
}

/** Each of `pairs` always belongs together: equal here means equal there. */
export function expectBijection(here: ArrayLike<number>, there: ArrayLike<number>, known = new Map<number, number>()): void {
  for (let i = 0; i < here.length; i++) {
    const before = known.get(here[i]!)
    if (before === undefined) known.set(here[i]!, there[i]!)
    else expect(there[i]).toBe(before)
  }
  expect(new Set(known.values()).size).toBe(known.size)
}
