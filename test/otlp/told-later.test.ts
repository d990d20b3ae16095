/** Whose type is told after its first samples is the series that it was: it has one id, and counts once. */
import { describe, expect, test } from 'vitest'
import type { Reader } from '../../src/model/batch.ts'
import type { PrometheusType } from '../../src/model/dictionary.ts'
import { Raw } from '../../src/model/raw.ts'
import { createReader } from '../../src/otlp/reader.ts'
import { createTwin } from '../../src/otlp/twin.ts'
import { Chance, Writer } from '../kit/otlp.ts'
import { expectBijection, shown } from './agree.ts'

type Data = 'gauge' | 'counter' | 'falling' | 'delta' | 'histogram' | 'exponential' | 'summary'
interface Metric {
  readonly data?: Data
  /** '' where it does not come from Prometheus */
  readonly type: PrometheusType | ''
  readonly name?: string
  readonly unit?: string
  readonly help?: string
  /** of the resource */
  readonly job?: string
  /** of each point, as key=value */
  readonly points?: readonly (readonly string[])[]
}

const fields: Readonly<Record<Data, number>> = { gauge: 5, counter: 7, falling: 7, delta: 7, histogram: 9, exponential: 10, summary: 11 }
const attributes: Readonly<Record<number, number>> = { 5: 7, 7: 7, 9: 9, 10: 1, 11: 7 }

const attribute = (w: Writer, field: number, key: string, value: string) =>
  w.message(field, kv => kv.text(1, key).message(2, any => any.text(1, value)))

function write(w: Writer, { data = 'gauge', type, name = 'm', unit = '', help = '', points = [['a=1']] }: Metric): void {
  const field = fields[data]
  w.text(1, name).text(2, help).text(3, unit)
  w.message(field, body => {
    for (const point of points)
      body.message(1, p => {
        for (const each of point) attribute(p, attributes[field]!, ...(each.split('=') as [string, string]))
      })
    if (field !== 5 && field !== 11) body.varint(2, data === 'delta' ? 1 : 2)
    if (field === 7) body.varint(3, data === 'falling' ? 0 : 1)
  })
  if (type !== '') attribute(w, 12, 'prometheus.type', type)
}

const body = (...metrics: Metric[]): Uint8Array => {
  const all = new Writer()
  for (const metric of metrics)
    all.message(1, rm =>
      rm
        .message(1, resource => attribute(resource, 1, 'service.name', metric.job ?? 'j'))
        .message(2, sm => sm.message(2, w => write(w, metric))),
    )
  return all.finish()
}

const groups = ['numbers', 'histograms', 'exponentials', 'summaries'] as const
function read(reader: Reader, ...metrics: Metric[]): number[] {
  const batch = reader.read('metrics', Raw.of(body(...metrics)))
  return groups.flatMap(group => [...batch[group].series])
}

const untold: Metric = { type: 'unknown' }
const counter: Metric = { data: 'counter', type: 'counter' }

describe.each([
  ['decoder', createReader],
  ['twin', createTwin],
] as const)('%s', (_, create) => {
  test.each<[string, Metric, Metric]>([
    ['a counter', untold, counter],
    ['a gauge', untold, { type: 'gauge' }],
    ['a part of a classic histogram', untold, { type: 'histogram' }],
    ['with a unit and a text', untold, { ...counter, unit: 'By', help: 'Bytes.' }],
    ['a gauge of histograms, classic', untold, { type: 'gaugehistogram' }],
    ['a histogram', { type: 'unknown', data: 'exponential' }, { type: 'histogram', data: 'exponential' }],
    ['a histogram with bounds', { type: 'unknown', data: 'histogram' }, { type: 'histogram', data: 'histogram' }],
    ['a summary', { type: 'unknown', data: 'summary' }, { type: 'summary', data: 'summary' }],
    ['written in another order', { ...untold, points: [['a=1', 'b=2']] }, { ...counter, points: [['b=2', 'a=1']] }],
    ['without attributes', { ...untold, points: [[]] }, { ...counter, points: [[]] }],
  ])('is the series that it was: %s', (_, before, after) => {
    const reader = create()
    expect(read(reader, before)).toEqual([0])
    expect(reader.dictionary.generation(0)).toBe(0)
    expect(read(reader, after)).toEqual([0])
    expect(reader.dictionary).toMatchObject({ size: 1, capacity: 1, sweeps: 0 })
    expect(reader.dictionary.generation(0)).toBe(1)
    expect(reader.dictionary.series(0)).toMatchObject({ prometheusType: after.type, unit: after.unit ?? '', description: after.help ?? '' })
    expect(read(reader, after)).toEqual([0])
    expect(reader.dictionary.generation(0)).toBe(1)
  })

  test.each<[string, Metric, Metric]>([
    ['of another name', untold, { ...counter, name: 'n' }],
    ['of another resource', untold, { ...counter, job: 'k' }],
    ['with other attributes', untold, { ...counter, points: [['a=2']] }],
    ['not from Prometheus', untold, { ...counter, type: '' }],
    ['that was not from Prometheus', { type: '' }, counter],
    ['whose type is told to be unknown, with a unit', untold, { ...untold, unit: 'By' }],
    ['that had a unit', { ...untold, unit: 'By' }, counter],
    ['that had another type', { type: 'gauge' }, counter],
    ['of deltas', untold, { ...counter, data: 'delta' }],
    ['of histograms, where it had numbers', untold, { type: 'histogram', data: 'exponential' }],
    // Whether a histogram is a gauge its points say, not the metadata.
    ['of gauges', { type: 'unknown', data: 'exponential' }, { type: 'gaugehistogram', data: 'exponential' }],
  ])('is another series: one %s', (_, before, after) => {
    const reader = create()
    read(reader, before, after)
    expect(reader.dictionary.size).toBe(2)
    expect([0, 1].map(id => reader.dictionary.generation(id))).toEqual([0, 0])
    expect(read(reader, before, after).toSorted()).toEqual([0, 1])
  })

  test('as many series as there may be, in metrics of their own, all get their types', () => {
    const reader = create({ maxSeries: 20 })
    const named = (metric: Metric) => Array.from({ length: 20 }, (_, i) => ({ ...metric, name: `m${i}` }))
    const ids = read(reader, ...named(untold))
    expect(read(reader, ...named(counter))).toEqual(ids)
    expect(read(reader, ...named(counter))).toEqual(ids)
    expect(read(reader, { ...untold, name: 'more' }, { ...counter, name: 'more' })).toEqual([-1, -1])
    expect(reader.overflowed).toBe(2)
  })

  test('what still comes without a type is the series with the type, in any order of its attributes', () => {
    const reader = create()
    const [ab, ba] = [
      ['a=1', 'b=2'],
      ['b=2', 'a=1'],
    ] as const
    read(reader, { ...untold, points: [ab] })
    read(reader, { ...untold, points: [ba] })
    read(reader, { ...counter, points: [ba] })
    expect(read(reader, { ...untold, points: [ab, ba] }, { ...counter, points: [ab, ba] })).toEqual([0, 0, 0, 0])
    expect(reader.dictionary.generation(0)).toBe(1)
    expect(reader.dictionary.series(0).prometheusType).toBe('counter')
  })

  test('of two types the first has the series, the other makes one', () => {
    const reader = create()
    read(reader, untold)
    expect(read(reader, counter, { type: 'gauge' }, untold)).toEqual([0, 1, 0])
    expect(reader.dictionary.series(0).prometheusType).toBe('counter')
  })

  test('a refused request has told as far as it was read', () => {
    const reader = create()
    read(reader, untold)
    const broken = Buffer.concat([body(counter), Uint8Array.of(0x0a, 9)])
    expect(() => reader.read('metrics', Raw.of(broken))).toThrow('truncated')
    expect(reader.dictionary.generation(0)).toBe(1)
    expect(reader.dictionary.series(0).prometheusType).toBe('counter')
  })

  test.each<[string, Metric]>([
    ['with', counter],
    ['without', untold],
  ])('it lives as long as it comes %s its type, and is freed after', (_, still) => {
    let now = 0
    const reader = create({ now: () => now })
    read(reader, untold)
    read(reader, counter)
    for (now = 400; now <= 4000; now += 400) {
      expect(read(reader, still)).toEqual([0])
      expect(reader.sweep(now, 1000)).toBe(0)
      expect(reader.dictionary.series(0)).toMatchObject({ name: 'm', prometheusType: 'counter' })
    }
    expect(reader.sweep(now + 1000, 1000)).toBe(1)
    expect(reader.dictionary.size).toBe(0)
    expect(reader.dictionary.generation(0)).toBe(2)
    expect(read(reader, untold)).toEqual([0])
    expect(reader.dictionary.series(0).prometheusType).toBe('unknown')
  })
})

test('the decoder and its twin agree, whatever comes in which order', () => {
  const chance = new Chance(6)
  const types: readonly Metric[] = [
    untold,
    untold,
    counter,
    { type: 'gauge' },
    { ...counter, unit: 'By' },
    { type: '' },
    { type: 'unknown', data: 'exponential' },
    { type: 'histogram', data: 'exponential' },
    { type: 'gaugehistogram', data: 'exponential' },
  ]
  const point = () => {
    const all = [`a=${chance.int(4)}`, 'b=1', 'c=1']
    return chance.pick([all, all.toReversed(), all.slice(0, 1), [all[1]!, all[0]!, all[2]!]])
  }
  let renamed = 0
  for (let round = 0; round < 40; round++) {
    let now = 0
    const options = { now: () => now, maxSeries: chance.pick([8, 1000]) }
    const [reader, twin] = [createReader(options), createTwin(options)]
    const known = new Map<number, number>()
    // Which id in which generation: a pair of here is one of there.
    const named = ({ dictionary }: Reader, ids: Iterable<number>) =>
      Array.from(ids, id => (id < 0 ? id : 1000 * id + dictionary.generation(id)))
    for (let step = 0; step < 60; step++) {
      now += chance.int(300)
      const metrics = Array.from({ length: 1 + chance.int(4) }, () => ({
        ...chance.pick(types),
        name: chance.pick(['m', 'mm']),
        points: Array.from({ length: 1 + chance.int(3) }, point),
      }))
      const bytes = body(...metrics)
      const before = Array.from({ length: reader.dictionary.capacity }, (_, id) => reader.dictionary.generation(id))
      const [here, there] = [reader.read('metrics', Raw.of(bytes)), twin.read('metrics', Raw.of(bytes))]
      renamed += before.filter((generation, id) => reader.dictionary.generation(id) !== generation).length
      expect(shown(here)).toEqual(shown(there))
      for (const group of ['numbers', 'exponentials'] as const)
        expectBijection(named(reader, here[group].series), named(twin, there[group].series), known)
      if (chance.int(4) > 0) continue
      expect(reader.sweep(now, 1000)).toBe(twin.sweep(now, 1000))
      expect(reader.dictionary.size).toBe(twin.dictionary.size)
    }
    expect(reader.overflowed).toBe(twin.overflowed)
  }
  expect(renamed).toBeGreaterThan(100)
})
