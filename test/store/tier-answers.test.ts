/** What PromQL answers from a coarser tier, against the samples that its buckets were made of. */
import { beforeAll, describe, expect, test } from 'vitest'
import type { FloatHistogram } from '../../src/model/float-histogram.ts'
import { createEngine, type QueryResult } from '../../src/promql/engine.ts'
import { parseExpr } from '../../src/promql/parse.ts'
import { Incoming } from '../../src/store/incoming.ts'
import { DAY, HOUR, MINUTE } from '../../src/store/plan.ts'
import type { TimeSeriesStore } from '../../src/store/store.ts'
import { VirtualClock } from '../kit/clock.ts'
import { seeded } from '../kit/context.ts'
import { MemoryDisk } from '../kit/disk.ts'
import { handle, openStore } from './opened.ts'

const D = 20_000 * DAY
const NOW = D + 2 * DAY + 5 * HOUR + 17 * MINUTE + 11_000
const everyMs = 25_000
const lookback = 5 * MINUTE

/** `value` undefined: a stale marker */
interface Point {
  readonly time: number
  readonly value: number | undefined
}
const isNumber = (point: Point): point is Point & { value: number } => point.value !== undefined

/** A counter that begins anew now and then; a gauge of decimals that stops and comes back, with a marker or without. */
function lives(): Record<'c' | 'g', Point[]> {
  const random = seeded(41)
  const [c, g]: [Point[], Point[]] = [[], []]
  let counter = 0
  let away = 0
  for (let next = D + 1; next <= NOW; next += everyMs) {
    const time = Math.min(NOW, next + Math.floor(random() * 900))
    counter = random() < 0.002 ? Math.floor(random() * 5) : counter + Math.floor(random() * 10)
    c.push({ time, value: counter })
    if (away > 0) away--
    else if (random() < 0.01) {
      if (random() < 0.7) g.push({ time, value: undefined })
      away = Math.floor(random() * random() * 600)
    } else g.push({ time, value: Math.round(random() * 1e4) / 100 })
  }
  return { c, g }
}
const points = lives()
const metric = { c: 'c_total', g: 'g' }

const histogramOf = (count: number): FloatHistogram => ({
  schema: 0,
  count,
  sum: 2 * count,
  zeroThreshold: 0,
  zeroCount: 0,
  positiveSpans: [{ offset: 0, length: 1 }],
  positiveCounts: [count],
  negativeSpans: [],
  negativeCounts: [],
  customBounds: [],
  resetHint: 'unknown',
})

/** With samples as they came of the day that is not over, and of the days before that tier alone. */
async function livedThrough(step: number): Promise<TimeSeriesStore> {
  const clock = new VirtualClock(D)
  const retention = { rawMs: 1, minuteMs: step === MINUTE ? 99 * DAY : 0, hourMs: step === HOUR ? 99 * DAY : 0, maxBytes: 0 }
  const { store } = await openStore(new MemoryDisk(), clock, { retention, maxIndexBytes: 2 ** 24 })
  const next = { c: 0, g: 0 }
  while (clock.now() < NOW) {
    await clock.advance(Math.min(HOUR / 2, NOW - clock.now()))
    const incoming = new Incoming()
    for (const name of ['c', 'g'] as const) {
      for (; points[name][next[name]] !== undefined && points[name][next[name]]!.time <= clock.now(); next[name]++) {
        const { time, value } = points[name][next[name]]!
        if (value === undefined) incoming.stale(handle(metric[name]), time)
        else incoming.number(handle(metric[name]), time, value)
        if (name === 'c') incoming.histogram(handle('h'), time, histogramOf(value!))
      }
    }
    await store.append(incoming)
    await store.maintain()
  }
  return store
}

const engine = createEngine()
const ask = (store: TimeSeriesStore, text: string, start: number, end: number, step: number) =>
  engine.range(store, { expr: parseExpr(text), text, start, end, step })

/** [steps] undefined where there is nothing */
function shown({ value }: QueryResult): (number | undefined)[] | undefined {
  if (value.type !== 'matrix') throw new Error(value.type)
  const [row] = value.rows
  return row && Array.from(row.kind, (kind, i) => (kind === 0 ? undefined : kind === 2 ? row.histograms![i]!.count : row.value[i]!))
}

interface Bucket {
  readonly time: number
  readonly stale: boolean
  readonly values: readonly number[]
  /** by the counter, since the last number before */
  readonly grown: number
}

/** As the documentation says it. @param until where a bucket that is not over is cut off */
function bucketsOf(of: readonly Point[], step: number, until: number): Bucket[] {
  const ends = Map.groupBy(
    of.filter(({ time }) => time <= until),
    ({ time }) => Math.ceil(time / step) * step,
  )
  let last: number | undefined
  return [...ends].flatMap(([end, inside]) => {
    const values = inside.filter(isNumber).map(({ value }) => value)
    let grown = 0
    for (const value of values) {
      if (last !== undefined) grown += value < last ? value : value - last
      last = value
    }
    const whole = end <= until
    const stale = inside.at(-1)!.value === undefined
    const held = inside.findLast(isNumber)
    const marker = { time: whole ? end : inside.at(-1)!.time, stale: true, values: [], grown: 0 }
    if (held === undefined) return [marker]
    const numbers = { time: whole ? (stale ? end - 1 : end) : held.time, stale: false, values, grown }
    return stale ? [numbers, marker] : [numbers]
  })
}

/** Buckets of a day that is over come from blocks, which have none that ends later. */
const visible = (buckets: readonly Bucket[], until: number, step: number): Bucket[] =>
  buckets.filter(({ time }) => until >= D + 2 * DAY || time <= Math.floor(until / step) * step)

const plain: Record<string, (values: readonly number[]) => number> = {
  min: values => Math.min(...values),
  max: values => Math.max(...values),
  sum: values => values.reduce((a, b) => a + b, 0),
  count: values => values.length,
  avg: values => values.reduce((a, b) => a + b, 0) / values.length,
  first: values => values[0]!,
  last: values => values.at(-1)!,
}

function expectAlike(got: readonly (number | undefined)[] | undefined, wanted: readonly (number | undefined)[], what: string): void {
  const all = got ?? wanted.map(() => undefined)
  expect(
    all.map(value => value !== undefined),
    what,
  ).toEqual(wanted.map(value => value !== undefined))
  for (const [i, value] of wanted.entries()) if (value !== undefined) expect(all[i], `${what}, step ${i}`).toBeCloseTo(value, 9)
}

describe.each([MINUTE, HOUR])('a tier of %i ms', step => {
  let store: TimeSeriesStore
  beforeAll(async () => {
    store = await livedThrough(step)
  })
  const random = seeded(step)
  /** Queries that begin and end with the data, in the middle, and within the day that has no buckets yet. */
  const grids = [
    { start: D, end: NOW, step: 97 * MINUTE },
    { start: D + step, end: D + 2 * DAY, step: 6 * step },
    { start: D + DAY - 3 * HOUR, end: D + DAY + 3 * HOUR, step: 7 * MINUTE + 1 },
    { start: D + 2 * DAY - HOUR, end: NOW, step: 11 * MINUTE },
    ...Array.from({ length: 12 }, () => {
      const start = D + Math.floor(random() * 1.9 * DAY)
      return { start, end: Math.min(NOW, start + Math.floor(random() * DAY)), step: 1 + Math.floor(random() * 2 * HOUR) }
    }),
  ]
  const timesOf = (grid: (typeof grids)[number]) =>
    Array.from({ length: Math.floor((grid.end - grid.start) / grid.step) + 1 }, (_, i) => grid.start + i * grid.step)

  test.each(['c', 'g'] as const)('%s: an instant selector sees the last bucket, from the first step to the last', async name => {
    expect((await ask(store, metric[name], D, NOW, HOUR)).stats.tier).toBe(step)
    expect((await ask(store, metric[name], NOW - HOUR, NOW, HOUR)).stats.tier).toBe(0)
    for (const grid of grids) {
      const times = timesOf(grid)
      const buckets = visible(bucketsOf(points[name], step, times.at(-1)!), times.at(-1)!, step)
      const wanted = times.map(t => {
        const newest = buckets.findLast(({ time }) => time <= t)
        return newest === undefined || newest.stale || newest.time <= t - Math.max(step, lookback) ? undefined : newest.values.at(-1)
      })
      expectAlike(shown(await ask(store, metric[name], grid.start, grid.end, grid.step)), wanted, JSON.stringify(grid))
    }
  })

  test.each(Object.keys(plain))('%s_over_time over whole buckets is that of the samples themselves', async func => {
    for (const [name, range] of [
      ['g', step],
      ['g', 5 * step],
      ['c', 24 * step],
    ] as const) {
      const grid = { start: D + step, end: D + 2 * DAY + 5 * HOUR, step: (step === MINUTE ? 23 : 3) * step }
      const wanted = timesOf(grid).map(t => {
        const inside = points[name].filter(isNumber).filter(({ time }) => time > t - range && time <= t)
        return inside.length === 0 ? undefined : plain[func]!(inside.map(({ value }) => value))
      })
      const answer = await ask(store, `${func}_over_time(${metric[name]}[${range}ms])`, grid.start, grid.end, grid.step)
      expectAlike(shown(answer), wanted, `${name} ${range}`)
      expect(answer.annotations).toEqual([])
    }
  })

  test('over ranges that are none of whole buckets: of the buckets that end within', async () => {
    for (const grid of grids) {
      const range = Math.ceil(random() * 5 * step)
      const times = timesOf(grid)
      const buckets = visible(bucketsOf(points.g, step, times.at(-1)!), times.at(-1)!, step).filter(({ stale }) => !stale)
      for (const [func, of] of Object.entries(plain)) {
        const wanted = times.map(t => {
          const inside = buckets.filter(({ time }) => time > t - Math.max(range, step) && time <= t).flatMap(({ values }) => values)
          const share = func === 'sum' || func === 'count' ? Math.min(1, range / step) : 1
          return inside.length === 0 ? undefined : of(inside) * share
        })
        const answer = await ask(store, `${func}_over_time(g[${range}ms])`, grid.start, grid.end, grid.step)
        expectAlike(shown(answer), wanted, `${func} ${range} ${JSON.stringify(grid)}`)
        const said = `PromQL info: ${func}_over_time read buckets of ${step / 1000}s for a range of ${range / 1000}s, since older samples are kept no finer`
        expect(answer.annotations.map(({ text }) => text)).toEqual(range < step ? [said] : [])
      }
    }
  })

  test.each([1, 2, 7])('increase over %i whole buckets is what the counter grew by, wherever the query begins', async many => {
    const range = many * step
    const start = D + range + step
    for (const begin of [start, start + 5 * step, D + DAY, D + 2 * DAY]) {
      const grid = { start: begin, end: D + 2 * DAY + 5 * HOUR, step }
      const grown = new Map(bucketsOf(points.c, step, NOW).map(bucket => [bucket.time, bucket.grown]))
      const wanted = timesOf(grid).map(t => {
        let sum = 0
        for (let end = t; end > t - range; end -= step) sum += grown.get(end)!
        return sum
      })
      const answer = await ask(store, `increase(c_total[${range}ms])`, grid.start, grid.end, grid.step)
      expectAlike(shown(answer), wanted, `from ${begin - D}`)
      expect(answer.annotations).toEqual([])
      const perSecond = shown(await ask(store, `rate(c_total[${range}ms])`, grid.start, grid.end, grid.step))
      expectAlike(
        perSecond,
        wanted.map(value => (value * 1000) / range),
        `rate from ${begin - D}`,
      )
    }
  })

  test('a rate over less than a bucket is that of the bucket, and says so', async () => {
    const answer = await ask(store, `rate(c_total[${step / 2}ms])`, D + 2 * step, D + 12 * step, step)
    const whole = await ask(store, `rate(c_total[${step}ms])`, D + 2 * step, D + 12 * step, step)
    expectAlike(shown(answer), shown(whole)!, 'as over a bucket')
    expect(answer.annotations.length).toBe(1)
  })

  test('native histograms: what was counted, but for the part of a bucket before the counter begins anew, and an annotation', async () => {
    const range = 3 * step
    const grid = { start: D + range + step, end: D + 2 * DAY + 5 * HOUR, step: 2 * step }
    const answer = await ask(store, `increase(h[${range}ms])`, grid.start, grid.end, grid.step)
    const buckets = bucketsOf(points.c, step, NOW)
    const growth = new Map(
      buckets.map((bucket, i) => {
        const before = buckets[i - 1]?.values.at(-1) ?? bucket.values[0]!
        const values = [before, ...bucket.values]
        const anew = values.some((value, k) => k > 0 && value < values[k - 1]!)
        return [bucket.time, bucket.values.at(-1)! - (anew ? 0 : before)]
      }),
    )
    const wanted = timesOf(grid).map(t => growth.get(t)! + growth.get(t - step)! + growth.get(t - 2 * step)!)
    expectAlike(shown(answer), wanted, 'increase')
    const said = `PromQL info: increase read the last sample of every ${step / 1000}s, since older samples are kept no finer`
    expect(answer.annotations.map(({ text }) => text)).toEqual([said])
    for (const text of [`sum_over_time(h[${range}ms])`, `avg_over_time(h[${range}ms])`, `first_over_time(h[${range}ms])`]) {
      const { annotations } = await ask(store, text, grid.start, grid.end, grid.step)
      expect(annotations.map(({ text }) => text)).toEqual([said.replace('increase', text.slice(0, text.indexOf('(')))])
    }
    const quantile = `histogram_quantile(0.5, rate(h[${range}ms]))`
    const median = shown(await ask(store, quantile, grid.start, grid.end, grid.step))!
    // All that it counts is in (0.5, 1].
    expect(median.every(value => value !== undefined && value > 0.5 && value <= 1)).toBe(true)
    const counts = await ask(store, `count_over_time(h[${range}ms])`, grid.start, grid.end, grid.step)
    const numbers = await ask(store, `count_over_time(c_total[${range}ms])`, grid.start, grid.end, grid.step)
    expectAlike(shown(counts), shown(numbers)!, 'count')
    expect(counts.annotations).toEqual([])
  })
})
