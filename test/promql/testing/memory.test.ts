import { describe, expect, test } from 'vitest'
import { Labels } from '../../../src/model/labels.ts'
import type { Matcher } from '../../../src/model/matcher.ts'
import { emptyHistogram } from '../../../src/promql/histogram/text.ts'
import { AppendError, MemoryStorage, show } from '../../../src/promql/testing/memory.ts'

const hints = (from: number, to: number) => ({ from, to, step: 0, range: 0, func: '' })
const named = (name: string): Matcher[] => [{ name: '__name__', op: '=', value: name }]
const a1 = Labels.from({ __name__: 'a', job: '1' })
const a2 = Labels.from({ __name__: 'a', job: '2', le: '3' })
const b = Labels.from({ __name__: 'b' })

function storage(): MemoryStorage {
  const storage = new MemoryStorage()
  for (const time of [10, 20, 30]) storage.append(a1, time, { value: time })
  storage.append(a2, 20, { value: 1, start: 5 })
  storage.append(a2, 30, { value: Number.NaN, stale: true })
  storage.append(b, 40, { value: Number.NaN, histogram: emptyHistogram })
  return storage
}

describe('series in memory', () => {
  test.each<[matchers: Matcher[], from: number, to: number, found: string[]]>([
    [[], 0, 100, ['a{job="1"}', 'a{job="2", le="3"}', 'b']],
    [named('a'), 0, 100, ['a{job="1"}', 'a{job="2", le="3"}']],
    [named('a'), 10, 19, []],
    [named('a'), 9, 10, ['a{job="1"}']],
    [[{ name: 'le', op: '=', value: '' }], 0, 100, ['a{job="1"}', 'b']],
    [[{ name: 'job', op: '!=', value: '1' }], 0, 100, ['a{job="2", le="3"}', 'b']],
    [[{ name: 'job', op: '=~', value: '[12]' }], 30, 100, []],
    [[{ name: 'job', op: '!~', value: '.+' }], 39, 40, ['b']],
    [named('none'), 0, 100, []],
  ])('%j in (%d, %d]', async (matchers, from, to, found) => {
    const series = await storage().select(matchers, hints(from, to))
    expect(series.map(({ labels }) => show(labels))).toEqual(found)
  })

  test('an interval is open to the left and closed to the right', async () => {
    const [series] = await storage().select(named('a'), hints(10, 30))
    expect(series!.read()).toEqual({
      time: Float64Array.of(20, 30),
      value: Float64Array.of(20, 30),
      stale: undefined,
      histograms: undefined,
      start: undefined,
    })
  })

  test('stale markers, histograms and start timestamps have columns of their own', async () => {
    const [, second] = await storage().select(named('a'), hints(0, 100))
    expect(second!.read()).toMatchObject({
      value: Float64Array.of(1, Number.NaN),
      stale: Uint8Array.of(0, 1),
      start: Float64Array.of(5, 0),
    })
    const [third] = await storage().select(named('b'), hints(0, 100))
    expect(third!.read()).toMatchObject({ value: Float64Array.of(Number.NaN), stale: undefined, histograms: [emptyHistogram] })
  })

  test('what was read stays as it was when more comes', async () => {
    const store = storage()
    const [series] = await store.select(named('a'), hints(0, 100))
    store.append(a1, 40, { value: 40 })
    expect([...series!.read().time]).toEqual([10, 20, 30])
    const [again] = await store.select(named('a'), hints(0, 100))
    expect([...again!.read().time]).toEqual([10, 20, 30, 40])
  })

  test('names and values of labels are sorted', async () => {
    const store = storage()
    expect(await store.labelNames([], 0, 100)).toEqual(['__name__', 'job', 'le'])
    expect(await store.labelNames([named('b'), named('none')], 0, 100)).toEqual(['__name__'])
    expect(await store.labelNames([], 30, 100)).toEqual(['__name__'])
    expect(await store.labelValues('job', [], 0, 100)).toEqual(['1', '2'])
    expect(await store.labelValues('job', [named('a'), named('a')], 0, 15)).toEqual(['1'])
    expect(await store.labelValues('none', [], 0, 100)).toEqual([])
  })

  test('samples come by time; the same again is ignored', async () => {
    const store = storage()
    store.append(a1, 30, { value: 30 })
    store.append(a2, 30, { value: Number.NaN, stale: true })
    store.append(b, 40, { value: Number.NaN, histogram: { ...emptyHistogram } })
    expect(() => store.append(b, 40, { value: Number.NaN, histogram: { ...emptyHistogram, count: 1 } })).toThrow(AppendError)
    expect(() => store.append(a1, 30, { value: 31 })).toThrow(new AppendError('a{job="1"}: another sample at 30 ms'))
    expect(() => store.append(a1, 29, { value: 31 })).toThrow(new AppendError('a{job="1"}: 29 ms is before the last sample at 30 ms'))
    expect(() => store.append(a2, 30, { value: Number.NaN })).toThrow(AppendError)
    expect(() => store.append(b, 40, { value: 0 })).toThrow(AppendError)
    store.clear()
    expect(store.size).toBe(0)
    store.append(a1, 1, { value: 1 })
    expect(store.size).toBe(1)
  })
})
