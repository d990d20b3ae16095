import { describe, expect, test } from 'vitest'
import type { Samples } from '../../src/model/query.ts'
import { SampleColumns } from '../../src/store/chunk.ts'
import { Incoming } from '../../src/store/incoming.ts'
import { DAY, HOUR, MINUTE } from '../../src/store/plan.ts'
import { thin } from '../../src/store/thin.ts'
import { VirtualClock } from '../kit/clock.ts'
import { seeded } from '../kit/context.ts'
import { failure, MemoryDisk } from '../kit/disk.ts'
import { batch, handle, hints, openStore, shown, showSamples } from './opened.ts'

const columns = (samples: readonly (readonly [number, number | undefined])[]): SampleColumns => {
  const all = new SampleColumns(4)
  for (const [time, value] of samples) value === undefined ? all.pushStale(time) : all.push(time, value)
  return all
}

describe('thinning out', () => {
  const show = (of: SampleColumns) =>
    Array.from(
      { length: of.length },
      (_, i) => `${of.time[i]}: ${of.isStale(i) ? 'stale' : of.value[i]} | ${of.aggregates!.map(column => column[i]).join(' ')}`,
    )
  test.each<[string, [number, number | undefined][], number, string[]]>([
    [
      'a bucket is left-open',
      [
        [10, 1],
        [20, 2],
        [21, 4],
      ],
      NaN,
      ['10: 1 | 1 1 1 1 1 0', '20: 2 | 2 2 2 2 1 1', '30: 4 | 4 4 4 4 1 2'],
    ],
    [
      'what it saw',
      [
        [1, 5],
        [2, 3],
        [3, 9],
        [4, 4],
      ],
      NaN,
      ['10: 4 | 5 3 9 21 4 13'],
    ],
    [
      'with what was before',
      [
        [1, 5],
        [2, 3],
      ],
      4,
      ['10: 3 | 5 3 5 8 2 4'],
    ],
    [
      'a counter that begins anew',
      [
        [1, 5],
        [12, 2],
        [13, 6],
      ],
      NaN,
      ['10: 5 | 5 5 5 5 1 0', '20: 6 | 2 2 6 8 2 6'],
    ],
    [
      'decimals add up',
      [
        [1, 0.1],
        [2, 0.2],
        [3, 0.3],
      ],
      NaN,
      ['10: 0.3 | 0.1 0.1 0.3 0.6 3 0.2'],
    ],
    [
      'infinity',
      [
        [1, 1],
        [2, Infinity],
      ],
      NaN,
      ['10: Infinity | 1 1 Infinity Infinity 2 Infinity'],
    ],
    [
      'stale at the end',
      [
        [1, 5],
        [2, undefined],
      ],
      NaN,
      ['9: 5 | 5 5 5 5 1 0', '10: stale | NaN NaN NaN 0 0 0'],
    ],
    ['nothing but stale', [[1, undefined]], NaN, ['10: stale | NaN NaN NaN 0 0 0']],
    [
      'NaN is a number, but no least one',
      [
        [1, NaN],
        [2, 3],
      ],
      NaN,
      ['10: 3 | NaN 3 3 NaN 2 NaN'],
    ],
  ])('%s', (_, samples, before, wanted) => {
    const into = new SampleColumns(1)
    thin(columns(samples), 10, before, into)
    expect(show(into)).toEqual(wanted)
  })
  test('the last one, where it is not over, has the time of its last sample', () => {
    const into = new SampleColumns(1)
    thin(
      columns([
        [9, 1],
        [12, 2],
      ]),
      10,
      NaN,
      into,
      15,
    )
    expect(Array.from(into.time.subarray(0, 2))).toEqual([10, 12])
  })
})

const D = 20_000 * DAY

/** Days of samples, fed as time goes by; maintained as it would be. */
async function lived(days: number, everyMs: number, more = {}) {
  const clock = new VirtualClock(D)
  const opened = await openStore(new MemoryDisk(), clock, { maxIndexBytes: 2 ** 24, ...more })
  const random = seeded(9)
  const raw: [number, number][] = []
  let counter = 0
  let next = D + 1
  for (let now = D + HOUR; now <= D + days * DAY; now += HOUR) {
    await clock.advance(HOUR)
    const incoming = new Incoming()
    for (; next <= now; next += everyMs) {
      const time = next + Math.floor(random() * 500)
      if (time > now) break
      counter = random() < 0.001 ? 0 : counter + Math.floor(random() * 10)
      incoming.number(handle('c{a="1"}'), time, counter)
      incoming.number(handle('g'), time, time)
      raw.push([time, counter])
    }
    await opened.store.append(incoming)
    await opened.store.maintain()
  }
  return { ...opened, raw }
}

const blocksOf = (disk: MemoryDisk) =>
  [...disk.files.keys()].filter(name => name.endsWith('.block')).map(name => name.slice('/store/'.length))

describe('days go by', () => {
  test('raw samples for a day at least, then minutes, then hours; asked for, each is what a plain computation says', async () => {
    const { store, raw, disk, clock } = await lived(4.5, 17_000)
    const files = blocksOf(disk)
    const count = (step: number) => files.filter(name => name.startsWith(`${step}-`)).length
    expect([count(MINUTE), count(HOUR)]).toEqual([4, 4])
    const day = (name: string) => (Number(name.split('-')[1]) - D) / DAY
    expect(Math.min(...files.filter(name => name.startsWith('0-')).map(day))).toBe(3)

    const now = clock.now()
    const recent = await store.select([{ name: '__name__', op: '=', value: 'c' }], hints(now - 3 * HOUR, now))
    const samples = recent[0]!.read()
    expect(samples.tier).toBeUndefined()
    expect(showSamples(samples)).toBe(
      raw
        .filter(([time]) => time > now - 3 * HOUR && time <= now)
        .map(([t, v]) => `${t}:${v}`)
        .join(' '),
    )

    const from = D + 6 * HOUR
    const old = (await store.select([{ name: '__name__', op: '=', value: 'c' }], hints(from, now, { range: HOUR })))[0]!.read()
    expect(old.tier!.step).toBe(MINUTE)
    checkBuckets(old, raw, from, now)
  })

  test('beyond minutes there are hours', async () => {
    const { store, raw, clock } = await lived(4.5, 61_000, { retention: { rawMs: DAY, minuteMs: 2 * DAY, hourMs: 30 * DAY, maxBytes: 0 } })
    const now = clock.now()
    const all = (await store.select([{ name: '__name__', op: '=', value: 'c' }], hints(D, now, { range: HOUR })))[0]!.read()
    expect(all.tier!.step).toBe(HOUR)
    checkBuckets(all, raw, D, now)
    const later = (await store.select([{ name: '__name__', op: '=', value: 'c' }], hints(D + 2.5 * DAY, now)))[0]!.read()
    expect(later.tier!.step).toBe(MINUTE)
    expect(await store.labelValues('a', [], D, D + HOUR)).toEqual(['1'])
  })

  test('late samples come into the day they belong to, and into its buckets', async () => {
    const { store, clock } = await lived(1.2, 61_000, { outOfOrderMs: 2 * DAY })
    const old = await store.select([{ name: '__name__', op: '=', value: 'g' }], hints(D, D + DAY))
    const before = old[0]!.read().time.length
    await store.append(batch(['g', D + 5 * HOUR + 1, 42], ['late', D + 5 * HOUR + 1, 7]))
    for (let i = 0; i < 6; i++) {
      await clock.advance(HOUR)
      await store.maintain()
    }
    const again = await store.select([{ name: '__name__', op: '=', value: 'g' }], hints(D, D + DAY))
    expect(again[0]!.read().time.length).toBe(before + 1)
    for (let i = 0; i < 30; i++) {
      await clock.advance(HOUR)
      await store.maintain()
    }
    expect(await shown(store, 'late', D, D + DAY)).toEqual([`{} ${D + 5 * HOUR + MINUTE}:7`])
  })

  test('what has stopped is forgotten when its data is gone', async () => {
    const clock = new VirtualClock(D)
    const { store } = await openStore(new MemoryDisk(), clock, { retention: { rawMs: DAY, minuteMs: 0, hourMs: 0, maxBytes: 0 } })
    await store.append(batch(['gone{a="x"}', D + 1, 1], ['stays', D + 1, 1]))
    for (let i = 1; i <= 60; i++) {
      await clock.advance(HOUR)
      await store.append(batch(['stays', D + i * HOUR, 1]))
      await store.maintain()
    }
    expect(await store.labelNames([], 0, 2 * D)).toEqual(['__name__'])
    expect(await store.labelValues('__name__', [], 0, 2 * D)).toEqual(['stays'])
  })

  test('series without a name are merged, too', async () => {
    const clock = new VirtualClock(D)
    const { store, disk } = await openStore(new MemoryDisk(), clock)
    for (const n of [1, 2]) {
      await store.append(batch(['{a="1"}', D + n, n], ['{a="2"}', D + n, 10 * n], ['m{a="1"}', D + n, 100 * n]))
      await store.seal()
      await store.maintain()
    }
    await clock.advance(3 * HOUR)
    await store.maintain()
    expect(blocksOf(disk).length).toBe(1)
    const found = await store.select([{ name: 'a', op: '=~', value: '.+' }], hints(D, D + HOUR))
    expect(found.map(({ labels, read }) => `${JSON.stringify(labels)} ${showSamples(read())}`).sort()).toEqual([
      `{"__name__":"m","a":"1"} ${D + 1}:100 ${D + 2}:200`,
      `{"a":"1"} ${D + 1}:1 ${D + 2}:2`,
      `{"a":"2"} ${D + 1}:10 ${D + 2}:20`,
    ])
  })

  test('a bound on bytes', async () => {
    const { store } = await lived(1, 15_000, { retention: { rawMs: 9 * DAY, minuteMs: 0, hourMs: 0, maxBytes: 20_000 } })
    await store.maintain()
    expect(store.figures.blockBytes).toBeLessThanOrEqual(20_000)
    expect(store.figures.blocks).toBeGreaterThan(0)
  })
})

test('where little room is left, buckets of old days make it for samples of the day that is not over', async () => {
  const maxBytes = 24_000
  const { store, disk, clock } = await lived(3 + 22 / 24, 30_000, {
    retention: { rawMs: DAY, minuteMs: 30 * DAY, hourMs: 400 * DAY, maxBytes },
  })
  expect(store.figures.blockBytes).toBeLessThanOrEqual(maxBytes)
  expect(blocksOf(disk).filter(name => name.startsWith(`${MINUTE}-`))).toEqual([])
  const today = await store.select([{ name: '__name__', op: '=', value: 'c' }], hints(D + 3 * DAY, clock.now()))
  expect(today[0]!.read().time.length).toBe((22 * HOUR) / 30_000)
  const ever = await store.select([{ name: '__name__', op: '=', value: 'c' }], hints(D, D + 3 * DAY, { range: HOUR }))
  expect(Array.from(ever[0]!.read().tier!.count)).toEqual(new Array(72).fill(120))
})

describe('a disk that is full', () => {
  test.each([
    ['of a head that is to be written', true],
    ['of blocks that are to be merged', false],
  ])('%s: what is old is deleted all the same, and makes the room', async (_, sealed) => {
    const { store, disk, clock } = await lived(2.5, 60_000, { retention: { rawMs: DAY, minuteMs: 0, hourMs: 0, maxBytes: 0 } })
    const before = store.figures
    if (sealed) await store.seal()
    disk.capacity = disk.bytes
    await clock.advance(DAY)
    await store.maintain()
    expect(store.figures.blockBytes).toBeLessThan(before.blockBytes)
    await clock.advance(HOUR)
    await store.maintain()
    await store.maintain()
    expect(store.trouble).toBeUndefined()
    await store.append(batch(['g', clock.now(), 1]))
    await store.close()
  })
})

describe('merging and thinning out, interrupted', () => {
  test('the nth operation of the disk fails, and the process is killed: every sample is there, and once', async () => {
    const begun = await lived(1, 300_000)
    const wanted = begun.raw
      .filter(([time]) => time > D && time <= D + DAY)
      .map(([t, v]) => `${t}:${v}`)
      .join(' ')
    const at = D + DAY + 2 * HOUR
    const ask = async (store: Awaited<ReturnType<typeof openStore>>['store']) => (await shown(store, 'c', D, D + DAY))[0]!.split('} ')[1]
    let interrupted = 0
    for (let nth = 1; ; nth++) {
      const disk = begun.disk.after('kill')
      const { store, clock } = await openStore(disk, new VirtualClock(at))
      const since = disk.operations
      let failed = false
      disk.before = (_, __, count) => {
        if (count !== since + nth) return
        failed = true
        throw failure('EIO')
      }
      for (let i = 0; i < 3; i++) {
        await store.maintain()
        await clock.advance(HOUR + 60_000)
      }
      disk.before = () => {}
      expect(await ask(store), `operation ${nth}`).toBe(wanted)
      const killed = await openStore(disk.after(nth % 2 === 0 ? 'kill' : 'loss of power'), clock)
      expect(await ask(killed.store), `operation ${nth}, after kill -9`).toBe(wanted)
      for (let i = 0; i < 4; i++) {
        await clock.advance(2 * HOUR)
        await killed.store.maintain()
      }
      expect(await ask(killed.store), `operation ${nth}, in the end`).toBe(wanted)
      const day = blocksOf(killed.disk).map(name => name.split('-').slice(0, 3).join('-'))
      for (const step of [0, MINUTE, HOUR]) expect(day).toContain(`${step}-${D}-${D + DAY}`)
      expect(new Set(day).size).toBe(day.length)
      if (!failed) break
      interrupted++
    }
    expect(interrupted).toBeGreaterThan(40)
  })
})

/** Every bucket in (from - step, to] against the samples themselves. */
function checkBuckets({ time, value, tier }: Samples, raw: readonly (readonly [number, number])[], from: number, to: number): void {
  const { step, first, min, max, sum, count, increase } = tier!
  const buckets = Map.groupBy(raw, ([t]) => Math.ceil(t / step) * step)
  const wanted = [...buckets]
    .map(([end, samples]) => [end <= to ? end : samples.at(-1)![0], samples] as const)
    .filter(([end]) => end > from - step && end <= to)
  expect(Array.from(time)).toEqual(wanted.map(([end]) => end))
  wanted.forEach(([, samples], i) => {
    const values = samples.map(([, v]) => v)
    const at = raw.indexOf(samples[0]!)
    let grown = 0
    for (let k = Math.max(1, at); k < at + samples.length; k++)
      grown += raw[k]![1] < raw[k - 1]![1] ? raw[k]![1] : raw[k]![1] - raw[k - 1]![1]
    expect([value[i], first[i], min[i], max[i], sum[i], count[i], increase[i]]).toEqual([
      ...[values.at(-1), values[0], Math.min(...values), Math.max(...values), values.reduce((a, b) => a + b), values.length, grown],
    ])
  })
}
