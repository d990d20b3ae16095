import { AggregationTemporality, DataPointType } from '@opentelemetry/sdk-metrics'
import { describe, expect, test } from 'vitest'
import { counter, gauge, histogram, upDownCounter } from '../../src/instruments/definition.ts'
import { Recorder } from '../../src/instruments/recorder.ts'
import { histogramOf } from '../../src/instruments/series.ts'
import { VirtualClock } from '../kit/clock.ts'
import { seeded } from '../kit/context.ts'
import { Provider, points } from './kit.ts'

const definitions = {
  requests: counter('test.requests', '{request}', 'Requests.', ['method', 'ok']),
  active: upDownCounter('test.active', '{request}', 'Under way.'),
  depth: gauge('test.depth', '{item}', 'Waiting.', ['queue']),
  duration: histogram('test.duration', 's', 'One.', [0.1, 1, 10], ['method']),
}
const start = (maxSeries?: number) => {
  const clock = new VirtualClock()
  const recorder = new Recorder({ clock, ...(maxSeries === undefined ? {} : { maxSeries }) })
  return { clock, recorder, ...recorder.instruments(definitions) }
}
const refused = (recorder: Recorder) =>
  Object.fromEntries(
    recorder
      .series()
      .filter(({ definition }) => definition.name === 'thalamus.instruments.refusals')
      .map(({ attributes, cells, at }) => [`${attributes['instrument']} ${attributes['reason']}`, cells[at]]),
  )

describe('binding', () => {
  test('the same attributes in any order are the same handle, and others are not', () => {
    const { requests } = start()
    expect(requests.with({ method: 'GET', ok: true })).toBe(requests.with({ ok: true, method: 'GET' }))
    expect(requests.with({ method: 'GET' })).toBe(requests.with({ method: 'GET', ok: undefined }))
    expect(requests.with({ ok: true })).not.toBe(requests.with({ ok: 'true' } as never))
    expect(requests.with({})).toBe(requests.with())
  })

  test('a wrong name is a compile error; where nobody compiles, the attribute is left out and counted', () => {
    const { requests, active, recorder } = start()
    // @ts-expect-error there is no `verb`
    requests.with({ verb: 'GET', method: 'GET' }).add(2)
    // @ts-expect-error there are no attributes
    active.with({ method: 'GET' }).add(1)
    // @ts-expect-error an object is no value
    requests.with({ method: { toString: () => 'GET' } }).add(3)
    // @ts-expect-error nor is null
    expect(requests.with(null)).toBe(requests.with())
    // @ts-expect-error a gauge is set, and not added to
    expect(start().depth.with().add).toBeUndefined()
    expect(requests.with({ method: 'GET' })).not.toBe(requests.with())
    expect(refused(recorder)).toEqual({ 'test.requests attribute': 2, 'test.active attribute': 1 })
  })

  test('past the bound, one more series takes all, says so, and is counted', async () => {
    const { requests, recorder } = start(2)
    const { provider, read } = bound(new Provider())
    recorder.observe(provider)
    for (const method of ['A', 'B', 'C', 'D', 'A']) requests.with({ method }).add(1)
    const metrics = await read()
    expect(points(metrics.get('test.requests'))).toEqual({ '{"method":"A"}': 2, '{"method":"B"}': 1, '{"otel.metric.overflow":true}': 2 })
    expect(refused(recorder)).toEqual({ 'test.requests series': 2 })
  })

  test('a name has one definition', () => {
    const { recorder, requests } = start()
    expect(recorder.instruments({ again: counter('test.requests', '{request}', 'Requests.', ['method', 'ok']) }).again).toBe(requests)
    expect(() => recorder.instruments({ other: gauge('test.requests', '', 'Other.') })).toThrow(/^test.requests: is defined already, as/)
  })

  test.each([
    ['', 'instrument name: must begin with a letter'],
    ['1st', 'instrument name: must begin with a letter'],
    ['a b', 'got "a b"'],
  ])('%j is no name', (name, message) => expect(() => counter(name, '', '')).toThrow(message))
  test.each([[[2, 1]], [[1, 1]], [[Number.NaN]], [[1, Number.POSITIVE_INFINITY]]])('%j are no bounds', bounds =>
    expect(() => histogram('h', 's', '', bounds)).toThrow('bounds of h: must be finite and ascending'),
  )
})

/** Methods that go without their object. */
const bound = (of: Provider) => ({ provider: of.provider, read: () => of.read() })

describe('values', () => {
  test('a value that is none is left out and counted; a gauge may be unknown', async () => {
    const { requests, active, depth, duration, recorder } = start()
    for (const amount of [1, -1, Number.NaN, Number.POSITIVE_INFINITY, undefined]) requests.with().add(amount)
    for (const amount of [2, -1, Number.NaN, Number.NEGATIVE_INFINITY]) active.with().add(amount)
    for (const value of [0.05, 1, 1.5, 11, -1, Number.NaN, Number.POSITIVE_INFINITY]) duration.with({ method: 'GET' }).record(value)
    depth.with({ queue: 'a' }).set(-3)
    depth.with({ queue: 'b' }).set(7)
    depth.with({ queue: 'b' }).set(Number.NaN)
    depth.with({ queue: 'never set' })
    const { provider, read } = bound(new Provider([recorder.producer]))
    recorder.observe(provider, { histograms: 'produced' })
    const metrics = await read()
    expect(points(metrics.get('test.requests'))).toEqual({ '{}': 2 })
    expect(points(metrics.get('test.active'))).toEqual({ '{}': 1 })
    expect(points(metrics.get('test.depth'))).toEqual({ '{"queue":"a"}': -3 })
    expect(points(metrics.get('test.duration'))).toEqual({
      '{"method":"GET"}': { buckets: { boundaries: [0.1, 1, 10], counts: [1, 1, 1, 1] }, count: 4, sum: 13.55, min: 0.05, max: 11 },
    })
    expect(refused(recorder)).toEqual({ 'test.requests value': 3, 'test.active value': 2, 'test.duration value': 3 })
  })

  test('a histogram that has nothing says so, without extremes', () => {
    const { duration, recorder } = start()
    duration.with()
    const [series] = recorder.series()
    expect(histogramOf(series!)).toEqual({ buckets: { boundaries: [0.1, 1, 10], counts: [0, 0, 0, 0] }, count: 0, sum: 0 })
  })

  test('points begin when they were bound, and end when they are read', async () => {
    const { duration, recorder, clock } = start()
    await clock.advance(1500)
    duration.with().record(1)
    await clock.advance(250)
    const { resourceMetrics } = await recorder.producer.collect()
    const [point] = resourceMetrics.scopeMetrics[0]!.metrics[0]!.dataPoints
    expect([point!.startTime, point!.endTime]).toEqual([
      [1_700_000_001, 500_000_000],
      [1_700_000_001, 750_000_000],
    ])
  })
})

describe('histograms as differences', () => {
  test('what came since the last reading, by series; nothing where nothing came', async () => {
    const { duration, recorder, clock } = start()
    const producer = recorder.deltaProducer()
    const read = async () => {
      const { scopeMetrics } = (await producer.collect()).resourceMetrics
      return scopeMetrics.flatMap(({ metrics }) => metrics)
    }
    expect(await read()).toEqual([])
    await clock.advance(1000)
    duration.with({ method: 'A' }).record(0.5)
    duration.with({ method: 'B' })
    await clock.advance(1000)
    const point = (method: string, [from, to]: readonly [number, number], counts: number[], rest: object) => ({
      ...{ attributes: { method }, startTime: [1_700_000_000 + from, 0], endTime: [1_700_000_000 + to, 0] },
      value: { buckets: { boundaries: [0.1, 1, 10], counts }, ...rest },
    })
    expect(await read()).toEqual([
      {
        ...{ descriptor: expect.objectContaining({ name: 'test.duration', unit: 's' }), dataPointType: DataPointType.HISTOGRAM },
        aggregationTemporality: AggregationTemporality.DELTA,
        dataPoints: [point('A', [1, 2], [0, 1, 0, 0], { count: 1, sum: 0.5, min: 0.5, max: 0.5 })],
      },
    ])
    await clock.advance(1000)
    duration.with({ method: 'A' }).record(2)
    duration.with({ method: 'A' }).record(0.25)
    duration.with({ method: 'B' }).record(20)
    const [metric] = await read()
    expect(metric?.dataPoints).toEqual([
      point('A', [2, 3], [0, 1, 1, 0], { count: 2, sum: 2.25 }),
      point('B', [1, 3], [0, 0, 0, 1], { count: 1, sum: 20, min: 20, max: 20 }),
    ])
    expect(await read()).toEqual([])
    // Another reader has read nothing yet.
    const { scopeMetrics } = (await recorder.deltaProducer().collect()).resourceMetrics
    expect(scopeMetrics[0]?.metrics[0]?.dataPoints.map(({ value }) => (value as { count: number }).count)).toEqual([3, 1])
  })
})

describe('providers', () => {
  test('a foreign one is told everything: numbers as observables, histograms value by value', async () => {
    const { requests, active, depth, duration, recorder } = start()
    requests.with({ method: 'GET', ok: true }).add(2)
    const { provider, read } = bound(new Provider())
    recorder.observe(provider)
    active.with().add(1)
    depth.with({ queue: 'a' }).set(5)
    duration.with({ method: 'GET' }).record(0.5)
    const metrics = await read()
    const kinds = [...metrics].map(([name, { dataPointType, descriptor }]) => [
      name,
      dataPointType,
      descriptor.unit,
      descriptor.description,
    ])
    expect(kinds.toSorted()).toEqual([
      ['test.active', DataPointType.SUM, '{request}', 'Under way.'],
      ['test.depth', DataPointType.GAUGE, '{item}', 'Waiting.'],
      ['test.duration', DataPointType.HISTOGRAM, 's', 'One.'],
      ['test.requests', DataPointType.SUM, '{request}', 'Requests.'],
    ])
    expect(metrics.get('test.requests')).toMatchObject({ isMonotonic: true })
    expect(metrics.get('test.active')).toMatchObject({ isMonotonic: false })
    expect(points(metrics.get('test.requests'))).toEqual({ '{"method":"GET","ok":true}': 2 })
    expect(points(metrics.get('test.duration'))).toEqual({
      '{"method":"GET"}': { buckets: { boundaries: [0.1, 1, 10], counts: [0, 1, 0, 0] }, count: 1, sum: 0.5, min: 0.5, max: 0.5 },
    })
  })

  test('several are told the same, and who is disposed of is told nothing more', async () => {
    const { requests, duration, recorder } = start()
    const [a, b] = [new Provider(), new Provider()]
    const told = recorder.observe(a.provider)
    recorder.observe(b.provider)
    requests.with().add(1)
    duration.with().record(1)
    expect([...(await a.read())]).toEqual([...(await b.read())].map(([name, metric]) => [name, withTimesOf(metric)]))
    told[Symbol.dispose]()
    requests.with().add(1)
    requests.with({ method: 'GET' }).add(1)
    duration.with().record(1)
    duration.with({ method: 'GET' }).record(1)
    const [left, right] = [await a.read(), await b.read()]
    // The SDK repeats what it was told last.
    expect(points(left.get('test.requests'))).toEqual({ '{}': 1 })
    expect(points(left.get('test.duration'))).toMatchObject({ '{}': { count: 1 } })
    expect(points(right.get('test.duration'))).toMatchObject({ '{}': { count: 2 }, '{"method":"GET"}': { count: 1 } })
    expect(points(right.get('test.requests'))).toEqual({ '{}': 2, '{"method":"GET"}': 1 })
  })

  test('what was never bound costs a provider nothing', async () => {
    const { recorder } = start()
    const { provider, read } = bound(new Provider([recorder.producer]))
    recorder.observe(provider)
    expect([...(await read())]).toEqual([])
  })
})

/** Times are the SDK's own. */
const withTimesOf = (metric: object) =>
  JSON.parse(JSON.stringify(metric), (key, value) => (/^(start|end)Time$/.test(key) ? expect.anything() : value))

describe.each([1, 2, 3, 4, 5])('updates in any order (seed %i)', seed => {
  test('the sum of all updates is what is collected, whoever collects, and when', async () => {
    const random = seeded(seed * 7919)
    const pick = <T>(of: readonly T[]): T => of[Math.floor(random() * of.length)]!
    const { requests, active, depth, duration, recorder } = start()
    const ours = new Provider([recorder.producer])
    const differences = new Provider([recorder.deltaProducer()], AggregationTemporality.DELTA)
    const foreign = new Provider()
    const deltas = new Provider([], AggregationTemporality.DELTA)
    recorder.observe(ours.provider, { histograms: 'produced' })
    recorder.observe(foreign.provider)
    recorder.observe(deltas.provider)
    recorder.observe(differences.provider, { histograms: 'produced' })
    const expected: Record<'requests' | 'active' | 'depth', Map<string, number>> = {
      requests: new Map(),
      active: new Map(),
      depth: new Map(),
    }
    const values = new Map<string, number[]>()
    const summed = [deltas, differences].map(provider => ({
      ...{ provider, requests: new Map<string, number>(), counts: new Map<string, number>(), sums: new Map<string, number>() },
    }))
    const add = (to: Map<string, number>, key: string, n: number) => to.set(key, (to.get(key) ?? 0) + n)
    const takeDeltas = async () => {
      for (const { provider, requests, counts, sums } of summed) {
        const metrics = await provider.read()
        for (const [key, value] of Object.entries(points(metrics.get('test.requests')))) add(requests, key, value as number)
        for (const [key, { count, sum }] of Object.entries(points(metrics.get('test.duration'))) as [string, Record<string, number>][]) {
          add(counts, key, count!)
          add(sums, key, sum!)
        }
      }
    }
    for (let n = 0; n < 2000; n++) {
      // Multiples of an eighth: their sums are exact.
      const x = Math.floor(random() * 160) / 8
      const method = pick(['GET', 'POST', 'PUT'])
      const key = JSON.stringify({ method })
      switch (pick(['count', 'change', 'set', 'record', 'record', 'collect'])) {
        case 'count':
          requests.with({ method }).add(x)
          add(expected.requests, key, x)
          break
        case 'change':
          active.with().add(x - 10)
          add(expected.active, '{}', x - 10)
          break
        case 'set':
          depth.with({ queue: method }).set(x)
          expected.depth.set(JSON.stringify({ queue: method }), x)
          break
        case 'record':
          duration.with({ method }).record(x)
          values.set(key, [...(values.get(key) ?? []), x])
          break
        case 'collect':
          if (random() < 0.2) await Promise.all([takeDeltas(), ours.read(), foreign.read()])
      }
    }
    await takeDeltas()
    for (const who of [ours, foreign]) {
      const metrics = await who.read()
      expect(points(metrics.get('test.requests'))).toEqual(Object.fromEntries(expected.requests))
      expect(points(metrics.get('test.active'))).toEqual(Object.fromEntries(expected.active))
      expect(points(metrics.get('test.depth'))).toEqual(Object.fromEntries(expected.depth))
      expect(points(metrics.get('test.duration'))).toEqual(Object.fromEntries([...values].map(([key, of]) => [key, bucketed(of)])))
    }
    const ofValues = (say: (of: readonly number[]) => number) => Object.fromEntries([...values].map(([key, of]) => [key, say(of)]))
    for (const { requests, counts, sums } of summed) {
      expect(Object.fromEntries(requests)).toEqual(Object.fromEntries(expected.requests))
      expect(Object.fromEntries(counts)).toEqual(ofValues(of => of.length))
      expect(Object.fromEntries(sums)).toEqual(ofValues(of => of.reduce((sum, x) => sum + x, 0)))
    }
  })
})

/** The plain way. */
function bucketed(values: readonly number[]): object {
  const boundaries = [0.1, 1, 10]
  const within = (low: number, high: number) => values.filter(value => value > low && value <= high).length
  const counts = [...boundaries, Number.POSITIVE_INFINITY].map((high, i) => within(boundaries[i - 1] ?? -1, high))
  const sum = values.reduce((total, value) => total + value, 0)
  return { buckets: { boundaries, counts }, count: values.length, sum, min: Math.min(...values), max: Math.max(...values) }
}
