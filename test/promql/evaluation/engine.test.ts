import { describe, expect, test } from 'vitest'
import { Labels } from '../../../src/model/labels.ts'
import { createEngine, type EngineOptions, type QueryError } from '../../../src/promql/engine.ts'
import { everything, parseExpr } from '../../../src/promql/parse.ts'
import { MemoryStorage } from '../../../src/promql/testing/memory.ts'
import { ABSENT, type QueryValue } from '../../../src/promql/value.ts'

const minute = 60_000

/** Three counters, a sample every 15 s for ten minutes; the third stops after five. */
function counters(): MemoryStorage {
  const storage = new MemoryStorage()
  const series = [
    ['a', 'x', 1],
    ['b', 'x', 2],
    ['c', 'y', 4],
  ] as const
  for (const [instance, job, rate] of series)
    for (let seconds = 0; seconds <= (instance === 'c' ? 300 : 600); seconds += 15)
      storage.append(Labels.from({ __name__: 'requests_total', instance, job }), seconds * 1000, { value: seconds * rate })
  return storage
}

const storage = counters()

/** As lines: labels, then a value a step, `_` for none. */
function shown(value: QueryValue): string[] {
  if (value.type !== 'matrix' && value.type !== 'vector') return [JSON.stringify(value)]
  return value.rows.map(row => {
    const values = [...row.value].map((number, step) => (row.kind[step] === ABSENT ? '_' : Number(number.toPrecision(12))))
    return `${JSON.stringify(row.labels)} ${values.join(' ')}`
  })
}

const range = async (text: string, options: Partial<EngineOptions> = {}) =>
  (
    await createEngine(options).range(storage, {
      expr: parseExpr(text, everything),
      text,
      start: 4 * minute,
      end: 12 * minute,
      step: 4 * minute,
    })
  ).value

const instant = async (text: string, time: number, options: Partial<EngineOptions> = {}) =>
  (await createEngine(options).instant(storage, { expr: parseExpr(text, everything), text, time })).value

describe('over a range', () => {
  test.each([
    ['1 + 2 * 3', ['{} 7 7 7']],
    ['requests_total{instance="a"}', ['{"__name__":"requests_total","instance":"a","job":"x"} 240 480 600']],
    ['requests_total{instance="c"}', ['{"__name__":"requests_total","instance":"c","job":"y"} 960 1200 _']],
    ['-requests_total{instance="a"}', ['{"instance":"a","job":"x"} -240 -480 -600']],
    ['2 * requests_total{instance="a"}', ['{"instance":"a","job":"x"} 480 960 1200']],
    ['sum by (job) (requests_total)', ['{"job":"x"} 720 1440 1800', '{"job":"y"} 960 1200 _']],
    ['sum without (instance) (requests_total)', ['{"job":"x"} 720 1440 1800', '{"job":"y"} 960 1200 _']],
    ['count(requests_total)', ['{} 3 3 2']],
    ['max(requests_total) - min(requests_total)', ['{} 720 720 600']],
    ['avg(requests_total)', ['{} 560 880 900']],
    ['stdvar(requests_total{job="x"})', ['{} 14400 57600 90000']],
    ['quantile(0.5, requests_total)', ['{} 480 960 900']],
    ['group by (job) (requests_total)', ['{"job":"x"} 1 1 1', '{"job":"y"} 1 1 _']],
    ['sum(rate(requests_total{job="x"}[2m]))', ['{} 3 3 _']],
    ['max_over_time(sum(requests_total)[2m:1m])', ['{} 1680 2640 1800']],
    ['sum(requests_total @ 240)', ['{} 1680 1680 1680']],
    ['count(topk(time() / 240, requests_total @ 240))', ['{} 1 1 1']],
    ['requests_total{instance="a"} offset 1m', ['{"__name__":"requests_total","instance":"a","job":"x"} 180 420 600']],
    ['requests_total{instance="b"} > 500', ['{"__name__":"requests_total","instance":"b","job":"x"} _ 960 1200']],
    ['requests_total{instance="b"} > bool 500', ['{"instance":"b","job":"x"} 0 1 1']],
    ['500 < requests_total{instance="b"}', ['{"__name__":"requests_total","instance":"b","job":"x"} _ 960 1200']],
    [
      'requests_total - on (job) group_left avg by (job) (requests_total)',
      ['{"instance":"a","job":"x"} -120 -240 -300', '{"instance":"b","job":"x"} 120 240 300', '{"instance":"c","job":"y"} 0 0 _'],
    ],
    ['requests_total / on (instance) (requests_total{instance="b"} > 500)', ['{"instance":"b"} _ 1 1']],
    ['requests_total{instance="a"} + ignoring (instance) requests_total{instance="b"}', ['{"job":"x"} 720 1440 1800']],
    ['requests_total{instance="a"} + on () fill_right(1) requests_total{instance="c"}', ['{} 1200 1680 601']],
    ['requests_total{instance="a"} and on (job) requests_total{instance="c"}', []],
    [
      'requests_total{instance="a"} unless on () requests_total{instance="c"}',
      ['{"__name__":"requests_total","instance":"a","job":"x"} _ _ 600'],
    ],
    [
      'requests_total{instance="c"} or on () requests_total{instance="a"}',
      [
        '{"__name__":"requests_total","instance":"a","job":"x"} _ _ 600',
        '{"__name__":"requests_total","instance":"c","job":"y"} 960 1200 _',
      ],
    ],
    [
      'topk(1, requests_total)',
      [
        '{"__name__":"requests_total","instance":"b","job":"x"} _ _ 1200',
        '{"__name__":"requests_total","instance":"c","job":"y"} 960 1200 _',
      ],
    ],
    ['bottomk(1, requests_total)', ['{"__name__":"requests_total","instance":"a","job":"x"} 240 480 600']],
    [
      'count_values("value", requests_total{instance=~"a|c"} > 500)',
      ['{"value":"1200"} _ 1 _', '{"value":"600"} _ _ 1', '{"value":"960"} 1 _ _'],
    ],
    ['timestamp(requests_total{instance="c"})', ['{"instance":"c","job":"y"} 240 300 _']],
    ['requests_total{instance="a"} * (end() - start()) / step()', ['{"instance":"a","job":"x"} 480 960 1200']],
    ['sum_over_time(requests_total{instance="a"}[step() / 8])', ['{"instance":"a","job":"x"} 465 945 _']],
  ])('%s', async (text, lines) => {
    expect(shown(await range(text))).toEqual(lines)
  })
})

describe('refused', () => {
  test.each([
    [
      'requests_total{instance="a"} + on (job) requests_total{job="x"}',
      'found duplicate series for the match group {job="x"} on the right hand-side of the operation: [{__name__="requests_total", instance="a", job="x"}, {__name__="requests_total", instance="b", job="x"}];many-to-many matching not allowed: matching labels must be unique on one side',
    ],
    [
      'requests_total + on (job) requests_total{instance="a"}',
      'multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)',
    ],
    [
      'requests_total + on (job) group_left (instance) requests_total{instance="a"}',
      'multiple matches for labels: grouping labels must ensure unique matches',
    ],
    ['topk(NaN, requests_total)', 'Parameter value is NaN'],
    ['topk(1e30, requests_total)', 'Scalar value 1e+30 overflows int64'],
    ['limit_ratio(NaN, requests_total)', 'Ratio value is NaN'],
    ['count_values("", requests_total)', 'invalid label name ""'],
    ['rate(requests_total[step() - step()])', '20:35: duration must be greater than 0'],
    [
      'sum_over_time(requests_total[5m] smoothed)',
      'smoothed modifier can only be used with: delta, increase, rate - not with sum_over_time',
    ],
  ])('%s', async (text, message) => {
    const failure = await range(text).then(
      () => undefined,
      (error: QueryError) => error.message,
    )
    expect(failure).toBe(message)
  })
})

describe('once', () => {
  test('what a string, a scalar and a range vector are', async () => {
    expect(await instant('"x"', 0)).toEqual({ type: 'string', time: 0, value: 'x' })
    expect(await instant('2 ^ 3', 5)).toEqual({ type: 'scalar', time: 5, value: 8 })
    expect(await instant('requests_total{instance="a"}[30s]', 60_000)).toEqual({
      type: 'series',
      series: [
        {
          labels: Labels.from({ __name__: 'requests_total', instance: 'a', job: 'x' }),
          time: Float64Array.of(45_000, 60_000),
          value: Float64Array.of(45, 60),
          histograms: undefined,
        },
      ],
    })
  })

  test('the best come first', async () => {
    expect(shown(await instant('topk(2, requests_total)', 4 * minute))).toEqual([
      '{"__name__":"requests_total","instance":"c","job":"y"} 960',
      '{"__name__":"requests_total","instance":"b","job":"x"} 480',
    ])
  })
})

describe('bounds', () => {
  test('samples that are held', async () => {
    await expect(range('requests_total', { maxSamples: 3 })).rejects.toThrow(
      'query processing would load too many samples into memory in query execution',
    )
  })

  test.each(['count_over_time(requests_total[10y:1ms])', 'count_over_time(vector(1)[1y:1ms])'])('steps: %s', async text => {
    await expect(range(text)).rejects.toThrow('query processing would load too many samples into memory in query execution')
  })

  test('a sum holds one series at a time, not all', async () => {
    await expect(range('sum(requests_total)', { maxSamples: 6 })).resolves.toMatchObject({ type: 'matrix' })
  })

  test('time', async () => {
    let now = 0
    const query = range('requests_total', { timeout: 100, now: () => (now += 50) })
    await expect(query).rejects.toMatchObject({ type: 'timeout', message: 'query timed out in expression evaluation' })
  })

  test('a query is given up while others have their turn', async () => {
    const controller = new AbortController()
    let now = 0
    const engine = createEngine({ now: () => (now += 20), breathe: async () => controller.abort() })
    const text = 'sum(requests_total)'
    const query = engine.range(storage, { expr: parseExpr(text), text, start: 0, end: minute, step: minute, signal: controller.signal })
    await expect(query).rejects.toMatchObject({ type: 'canceled', message: 'query was canceled in expression evaluation' })
  })
})

describe('each step of a range is what one evaluation at its time gives', () => {
  test.each([
    'requests_total',
    'sum by (job) (rate(requests_total[1m]))',
    'requests_total - on (job) group_left max by (job) (requests_total)',
    'avg_over_time(sum by (job) (requests_total)[3m:40s] offset 20s)',
    'requests_total > 700 or on (instance) -requests_total',
    'limitk(2, requests_total)',
    'limit_ratio(0.5, requests_total)',
    'bottomk by (job) (1, requests_total)',
  ])('%s', async text => {
    const value = await range(text)
    if (value.type !== 'matrix') throw new Error('no matrix')
    for (let step = 0; step < 3; step++) {
      const at = value.rows
        .filter(row => row.kind[step] !== ABSENT)
        .map(row => `${JSON.stringify(row.labels)} ${Number(row.value[step]!.toPrecision(12))}`)
      expect(shown(await instant(text, 4 * minute * (step + 1))).sort()).toEqual(at.sort())
    }
  })
})
