import { context } from '@opentelemetry/api'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { recorder } from '../../src/instruments/instruments.ts'
import { type MonitoredOptions, monitored } from '../../src/instruments/monitored.ts'
import { traceNeural } from '../../src/instruments/neural-trace.ts'
import { histogramOf } from '../../src/instruments/series.ts'
import { VirtualClock } from '../kit/clock.ts'
import { Contexts, told, traced } from './traces.ts'

beforeAll(() => void context.setGlobalContextManager(new Contexts()))
afterAll(() => context.disable())

/** What was recorded under a name and these attributes: a value, or [count, sum]. */
function recorded(name: string, attributes: object): unknown {
  const wanted = JSON.stringify(attributes)
  const series = recorder.series().find(of => of.definition.name === name && JSON.stringify(of.attributes) === wanted)
  if (series === undefined) return undefined
  if (series.definition.kind !== 'histogram') return series.cells[series.at]
  const { count, sum } = histogramOf(series)
  return [count, sum]
}
const duration = (endpoint: string) => recorded('app.response.duration', { endpoint })
const errors = (endpoint: string, type: string) => recorded('app.errors', { endpoint, 'error.type': type })

function watching() {
  const { spans, tracer } = traced()
  const clock = new VirtualClock()
  return { spans, clock, options: { tracer, clock } satisfies MonitoredOptions }
}

describe('monitored', () => {
  test('a sync function: its duration, its span, and what it returns', async () => {
    const { spans, clock, options } = watching()
    let sum = 0
    const add = monitored('add', (a: number, b = 1) => (sum = a + b), {
      ...options,
      domain: 'maths',
      attributes: { 'code.file.path': 'x' },
    })
    expect(add(2, 3)).toBe(5)
    expect(sum).toBe(5)
    await clock.advance(2)
    expect(recorded('app.response.duration', { endpoint: 'add', domain: 'maths' })).toEqual([1, 0])
    expect(told(spans)).toEqual([['add', undefined, { 'code.file.path': 'x' }]])
  })

  test('an async function: until it settles, and the promise is its own', async () => {
    const { spans, clock, options } = watching()
    const { promise, resolve } = Promise.withResolvers<string>()
    const wait = monitored('wait', () => promise, options)
    const waited = wait()
    expect(waited).toBe(promise)
    await clock.advance(1500)
    expect(spans).toEqual([])
    resolve('done')
    expect(await waited).toBe('done')
    expect(duration('wait')).toEqual([1, 1.5])
    expect(told(spans)).toEqual([['wait', undefined, {}]])
  })

  test('what is thrown or rejected is the very same, and counted by its kind', async () => {
    const { spans, options } = watching()
    const error = new TypeError('no such thing')
    const fails = monitored(
      'fails',
      () => {
        throw error
      },
      options,
    )
    const rejects = monitored('rejects', async (what: unknown) => Promise.reject(what), options)
    expect(() => fails()).toThrow(error)
    await expect(rejects(error)).rejects.toBe(error)
    await expect(rejects('a text')).rejects.toBe('a text')
    expect([errors('fails', 'TypeError'), errors('rejects', 'TypeError'), errors('rejects', '_OTHER')]).toEqual([1, 1, 1])
    expect(told(spans)).toEqual([
      ['fails', undefined, { 'error.type': 'TypeError' }, 'no such thing', 'exception'],
      ['rejects', undefined, { 'error.type': 'TypeError' }, 'no such thing', 'exception'],
      ['rejects', undefined, { 'error.type': '_OTHER' }, undefined, ''],
    ])
  })

  test('keeps `this`, type, name and length', () => {
    const { options } = watching()
    class Cart {
      readonly items = [1, 2]
      total = monitored(
        'total',
        function total(this: Cart, factor: number, _more?: string): number {
          return factor * this.items.length
        },
        options,
      )
    }
    const { total } = new Cart()
    expect(new Cart().total(2)).toBe(4)
    expect([total.name, total.length]).toEqual(['total', 2])
    const typed: (this: Cart, factor: number, more?: string) => number = total
    // @ts-expect-error a text is no factor
    expect(typed.call(new Cart(), 'x')).toBeNaN()
    const generic = monitored('generic', <T>(x: T) => x, options)
    const same: 'x' = generic('x' as const)
    expect(same).toBe('x')
  })

  test('an object that only looks like a promise is not asked', () => {
    const { spans, options } = watching()
    let asked = 0
    // biome-ignore lint/suspicious/noThenProperty: a query that runs when it is awaited
    const query = { then: () => void asked++ }
    expect(monitored('query', () => query, options)()).toBe(query)
    expect([asked, spans.length]).toEqual([0, 1])
  })

  test('one inside of another is its child; durations and failures go where they are told', async () => {
    const { spans, options } = watching()
    const into: unknown[] = []
    const elsewhere = { ...options, duration: { record: (s: number) => void into.push(s) }, failed: (type: string) => void into.push(type) }
    const inner = monitored('inner', async () => Promise.reject(new RangeError('far')), elsewhere)
    const outer = monitored('outer', async () => inner().catch(() => 'caught'), options)
    expect(await outer()).toBe('caught')
    expect(told(spans).map(([name, parent]) => [name, parent])).toEqual([
      ['inner', 'outer'],
      ['outer', undefined],
    ])
    expect(into).toEqual([0, 'RangeError'])
    expect([duration('inner'), errors('inner', 'RangeError')]).toEqual([undefined, undefined])
  })

  test('without a tracer it is measured all the same', () => {
    expect(monitored('plain', (x: number) => x + 1)(1)).toBe(2)
    expect(duration('plain')).toEqual([1, expect.any(Number)])
  })
})

describe('traceNeural', () => {
  test('processing, features and inference are spans of one trace, and histograms', async () => {
    const { spans, clock, options } = watching()
    const decision = await traceNeural(
      'motor imagery',
      async stage => {
        const clean = await stage.processing('band-pass', () => clock.advance(3).then(() => [1, 2]))
        const features = stage.featureExtraction(() => clean.length)
        return stage.inference({ name: 'csp-lda', version: '3' }, () => features * 2)
      },
      { ...options, deviceType: 'eeg', attributes: { 'stream.id': 's1' } },
    )
    expect(decision).toBe(4)
    const whole = 'neural.pipeline'
    expect(told(spans)).toEqual([
      ['neural.signal.processing', whole, { 'neural.stage': 'band-pass', 'device.type': 'eeg' }],
      ['neural.signal.feature_extraction', whole, {}],
      ['neural.inference', whole, { 'model.name': 'csp-lda', 'model.version': '3' }],
      [whole, undefined, { 'stream.id': 's1', pipeline: 'motor imagery', 'device.type': 'eeg' }],
    ])
    expect(new Set(spans.map(span => span.spanContext().traceId)).size).toBe(1)
    expect(recorded('neural.signal.processing.duration', { 'neural.stage': 'band-pass', 'device.type': 'eeg' })).toEqual([1, 0.003])
    expect(recorded('neural.signal.feature_extraction.duration', {})).toEqual([1, 0])
    expect(recorded('neural.inference.duration', { 'model.name': 'csp-lda', 'model.version': '3' })).toEqual([1, 0])
    expect(recorded('neural.pipeline.duration', { pipeline: 'motor imagery' })).toEqual([1, 0.003])
  })

  test('sync stays sync, stages get no arguments, and a failure passes through every span', () => {
    const { spans, options } = watching()
    expect(traceNeural('sync', stage => stage.featureExtraction((...args: unknown[]) => args.length), options)).toBe(0)
    spans.length = 0
    const run = () =>
      traceNeural(
        'sync',
        stage =>
          stage.inference({ name: 'm' }, () => {
            throw new Error('no model')
          }),
        options,
      )
    expect(run).toThrow('no model')
    expect(told(spans).map(([name, , , message]) => [name, message])).toEqual([
      ['neural.inference', 'no model'],
      ['neural.pipeline', 'no model'],
    ])
  })

  test('without a context manager the stages are inside all the same', () => {
    context.disable()
    try {
      const { spans, options } = watching()
      traceNeural('bare', stage => stage.featureExtraction(() => 1), options)
      expect(told(spans).map(([name, parent]) => [name, parent])).toEqual([
        ['neural.signal.feature_extraction', 'neural.pipeline'],
        ['neural.pipeline', undefined],
      ])
    } finally {
      context.setGlobalContextManager(new Contexts())
    }
  })
})
