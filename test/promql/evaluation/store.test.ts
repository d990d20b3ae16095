import { describe, expect, test } from 'vitest'
import { Labels } from '../../../src/model/labels.ts'
import type { Queryable, SelectHints } from '../../../src/model/query.ts'
import { createEngine } from '../../../src/promql/engine.ts'
import { everything, parseExpr } from '../../../src/promql/parse.ts'
import { MemoryStorage } from '../../../src/promql/testing/memory.ts'

const minute = 60_000

/** What a store is asked, and the answer of one that has a series with a sample each minute. */
class Asked implements Queryable {
  readonly hints: SelectHints[] = []
  reads = 0
  readonly #storage = new MemoryStorage()

  constructor() {
    for (let time = 0; time <= 60 * minute; time += minute)
      for (const i of ['1', '2']) this.#storage.append(Labels.from({ __name__: 'x', i }), time, { value: time / minute })
  }

  async select(...asked: Parameters<Queryable['select']>) {
    this.hints.push(asked[1])
    const found = await this.#storage.select(...asked)
    return found.map(({ labels, read }) => ({
      labels,
      read: () => {
        this.reads++
        return read()
      },
    }))
  }

  labelNames = async () => []
  labelValues = async () => []
}

const range = (store: Queryable, text: string) =>
  createEngine({ lookback: 5 * minute }).range(store, {
    expr: parseExpr(text, everything),
    text,
    start: 20 * minute,
    end: 30 * minute,
    step: 2 * minute,
  })

describe('what a store is told: left-open times, the step, the window and who reads it', () => {
  test.each<[string, ...Partial<SelectHints>[]]>([
    ['x', { from: 15 * minute, to: 30 * minute, step: 2 * minute, range: 0, func: '' }],
    ['x offset 3m', { from: 12 * minute, to: 27 * minute }],
    ['x @ 600', { from: 5 * minute, to: 10 * minute }],
    ['x @ end()', { from: 25 * minute, to: 30 * minute }],
    ['sum(x)', { from: 15 * minute, func: 'sum' }],
    ['abs(x)', { func: 'abs' }],
    ['rate(x[4m])', { from: 16 * minute, to: 30 * minute, range: 4 * minute, func: 'rate' }],
    ['rate(x[4m] anchored)', { from: 11 * minute, to: 30 * minute, range: 4 * minute }],
    ['rate(x[4m] smoothed)', { from: 11 * minute, to: 35 * minute, range: 4 * minute }],
    ['x smoothed', { from: 15 * minute, to: 35 * minute }],
    ['max_over_time(x[10m:3m])', { from: 7 * minute, to: 30 * minute, step: 3 * minute, func: '' }],
    ['max_over_time(rate(x[4m])[10m:3m] offset 1m)', { from: 8 * minute, to: 27 * minute, step: 3 * minute, func: 'rate' }],
    ['x + x', { from: 15 * minute }],
    ['x + sum(x offset 1m)', { func: '' }, { func: 'sum' }],
  ])('%s', async (text, ...hints) => {
    const store = new Asked()
    await range(store, text)
    expect(store.hints).toHaveLength(hints.length)
    expect(store.hints).toEqual(hints.map(hint => expect.objectContaining(hint)))
  })
})

describe('a selector that stands twice is read once', () => {
  test.each([
    ['x + x', 2],
    ['x - on (i) group_left () x', 2],
    ['x > bool on (i) -x', 2],
    ['sum by (i) (rate(x[5m])) / on () group_left () sum(rate(x[5m]))', 2],
    ['rate(x[5m]) + rate(x[6m])', 4],
    ['quantile_over_time(Inf, x[5m]) + quantile_over_time(NaN, x[5m])', 4],
  ])('%s', async (text, reads) => {
    const store = new Asked()
    await range(store, text)
    expect(store.reads).toBe(reads)
  })

  test.each([
    ['x + x', 40],
    ['x - x', 0],
    ['-x + x', 0],
    ['x * 2 - x', 20],
    ['(x > 0) + on (i) group_left () (x * 3)', 80],
  ])('and what is done to one leaves the other as it was: %s', async (text, first) => {
    const { value } = await range(new Asked(), text)
    expect(value.type === 'matrix' && value.rows.map(row => row.value[0])).toEqual([first, first])
  })
})

describe('a store that fails', () => {
  test('to find series', async () => {
    const store = { ...new Asked(), select: () => Promise.reject(new Error('the index is torn')) }
    await expect(range(store as Queryable, 'x + y')).rejects.toMatchObject({
      type: 'execution',
      message: 'expanding series: the index is torn',
    })
  })

  test('to read one', async () => {
    const broken = {
      labels: Labels.from({ __name__: 'x' }),
      read: () => {
        throw new Error('chunk 5 is torn')
      },
    }
    const store = { ...new Asked(), select: async () => [broken] }
    await expect(range(store as Queryable, 'sum(x)')).rejects.toMatchObject({
      type: 'internal',
      message: 'unexpected error: chunk 5 is torn',
    })
  })
})

describe('series that take turns', () => {
  /** Pods come and go; at each minute there is one in each zone. */
  function turns(): MemoryStorage {
    const storage = new MemoryStorage()
    for (let n = 0; n < 40; n++)
      for (const zone of ['a', 'b']) {
        storage.append(
          Labels.from({ __name__: 'pod_info', zone, pod: `${zone}-${n % 2 === 0 ? n : n - 1}`, node: `n${n % 3}` }),
          n * minute,
          { value: 1 },
        )
        storage.append(Labels.from({ __name__: 'load', zone, disk: 'sda' }), n * minute, { value: n })
        storage.append(Labels.from({ __name__: 'load', zone, disk: 'sdb' }), n * minute, { value: -n })
      }
    return storage
  }

  const answer = async (text: string) => {
    const engine = createEngine({ lookback: minute })
    const { value } = await engine.range(turns(), { expr: parseExpr(text), text, start: 0, end: 39 * minute, step: minute })
    return value.type === 'matrix' ? value.rows : []
  }

  test('are one partner where their labels do not come into the result', async () => {
    const rows = await answer('load * on (zone) group_left () pod_info')
    expect(rows.map(row => JSON.stringify(row.labels))).toEqual(
      ['sda', 'sdb'].flatMap(disk => ['a', 'b'].map(zone => JSON.stringify({ disk, zone }))),
    )
    expect([...rows[0]!.value]).toEqual(Array.from({ length: 40 }, (_, n) => n))
    expect(rows.every(row => row.kind.every(kind => kind === 1))).toBe(true)
  })

  test('are told apart by the labels that do', async () => {
    const rows = await answer('load * on (zone) group_left (node) pod_info')
    expect(rows).toHaveLength(12)
    for (const row of rows)
      expect([...row.kind]).toEqual(Array.from({ length: 40 }, (_, n) => (row.labels.get('node') === `n${n % 3}` ? 1 : 0)))
  })
})
