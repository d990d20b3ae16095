/** Samples that come when their day is over, merged, thinned out, or gone. */
import { describe, expect, test } from 'vitest'
import type { Samples } from '../../src/model/query.ts'
import { SampleColumns } from '../../src/store/chunk.ts'
import { Incoming } from '../../src/store/incoming.ts'
import { DAY, HOUR, MINUTE } from '../../src/store/plan.ts'
import type { TimeSeriesStore } from '../../src/store/store.ts'
import { VirtualClock } from '../kit/clock.ts'
import { failure, MemoryDisk } from '../kit/disk.ts'
import { batch, handle, hints, openStore, shown } from './opened.ts'

const D = 20_000 * DAY
const every = 10 * MINUTE
const anyAge = { outOfOrderMs: 30 * DAY }

/** Four days of `g`; as they came, the first are gone. */
async function fourDays(days = 4) {
  const clock = new VirtualClock(D)
  const opened = await openStore(new MemoryDisk(), clock, anyAge)
  for (let now = D; now < D + days * DAY; ) {
    await clock.advance(HOUR)
    const incoming = new Incoming()
    for (const end = now + HOUR; now < end; ) incoming.number(handle('g'), (now += every), now / HOUR)
    await opened.store.append(incoming)
    await opened.store.maintain()
  }
  return opened
}

async function hoursGoBy(store: TimeSeriesStore, clock: VirtualClock, hours: number): Promise<void> {
  for (let i = 0; i < hours; i++) {
    await clock.advance(HOUR)
    await store.append(batch(['g', clock.now(), clock.now() / HOUR]))
    await store.maintain()
  }
}

async function writtenOut(store: TimeSeriesStore, clock: VirtualClock): Promise<void> {
  await store.seal()
  for (let i = 0; i < 3; i++) {
    await store.maintain()
    await clock.advance(61_000)
  }
}

/** Writes out what is in `begun` over and over, each time with another operation of the disk that fails, then a kill, and once more. */
async function interrupted(
  begun: { readonly disk: MemoryDisk; readonly clock: VirtualClock },
  check: (store: TimeSeriesStore, disk: MemoryDisk, what: string) => Promise<void>,
): Promise<void> {
  const at = begun.clock.now()
  let failures = 0
  for (let nth = 1, failed = true; failed; nth++) {
    const clock = new VirtualClock(at)
    const { store, disk } = await openStore(begun.disk.after('kill'), clock, anyAge)
    const since = disk.operations
    failed = false
    disk.before = (_, __, count) => {
      if (count !== since + nth) return
      failed = true
      throw failure('EIO')
    }
    await writtenOut(store, clock)
    disk.before = () => {}
    const again = await openStore(disk.after('kill'), clock, anyAge)
    await writtenOut(again.store, clock)
    await check(again.store, again.disk, `operation ${nth}`)
    if (failed) failures++
  }
  expect(failures).toBeGreaterThan(25)
}

const read = async (store: TimeSeriesStore, name: string, from: number, to: number): Promise<Samples> =>
  (await store.select([{ name: '__name__', op: '=', value: name }], hints(from, to)))[0]!.read()
const raw = (disk: MemoryDisk, day: number) =>
  [...disk.files.keys()].filter(path => {
    const [, from] = /\/0-(\d+)-.*block$/.exec(path) ?? []
    return from !== undefined && Number(from) >= day && Number(from) < day + DAY
  })

describe('a day whose samples are gone, and only buckets are left', () => {
  test('what comes late is put into them, and they keep what they have', async () => {
    const { store, disk, clock } = await fourDays()
    const before = await shown(store, 'g', D, D + DAY)
    const was = await read(store, 'g', D, D + DAY)
    expect([raw(disk, D), was.time.length, was.tier!.step]).toEqual([[], 144, MINUTE])
    const t = D + 5 * HOUR
    await store.append(batch(['new', t + 1, 7], ['g', t, 999], ['g', t + 1, -5], ['g', t + 2 * MINUTE, 1]))
    await hoursGoBy(store, clock, 14)
    expect(raw(disk, D)).toEqual([])
    expect(await shown(store, 'new', D, D + DAY)).toEqual([`{} ${t + MINUTE}:7`])
    const now = await read(store, 'g', D, D + DAY)
    const at = Array.from(now.time).indexOf(t)
    const { sum, count, min, max, increase } = now.tier!
    expect([now.value[at], sum[at], count[at], min[at], max[at]]).toEqual([t / HOUR, t / HOUR + 999, 2, 999, t / HOUR])
    expect(increase[at]).toBe(was.tier!.increase[at])
    expect([now.time[at + 1], now.value[at + 1], now.time[at + 2], now.value[at + 2]]).toEqual([t + MINUTE, -5, t + 2 * MINUTE, 1])
    expect(now.time.length).toBe(was.time.length + 2)
    expect((await shown(store, 'g', D, t - 1))[0]).toBe(before[0]!.slice(0, before[0]!.indexOf(` ${t}:`)))
  })

  test('once, whichever operation of the disk fails and however often the process is killed', async () => {
    const begun = await fourDays()
    const t = D + 5 * HOUR
    await begun.store.append(batch(['g', t, 999], ['new', t, 7]))
    await interrupted(begun, async (store, disk, what) => {
      const { time, tier } = await read(store, 'g', D, D + DAY)
      const found = Array.from(time).indexOf(t)
      expect([time.length, tier!.count[found], tier!.sum[found]], what).toEqual([144, 2, t / HOUR + 999])
      expect(await shown(store, 'new', D, D + DAY), what).toEqual([`{} ${t}:7`])
      expect(raw(disk, D)).toEqual([])
    })
  })
})

describe('days that are gone, and whose buckets are merged with those of other days', () => {
  const wide = (disk: MemoryDisk) => [...disk.files.keys()].filter(path => path.includes(`/${MINUTE}-${D}-${D + 10 * DAY}-`))
  const [early, later] = [D + 2 * DAY + 5 * HOUR, D + 6 * DAY + 5 * HOUR]
  const late = batch(['g', early, 999], ['g', early + 5 * MINUTE, (early + 5 * MINUTE) / HOUR], ['g', later, 7], ['new', later + 1, 8])

  const check = async (store: TimeSeriesStore, days: number, what = '') => {
    const { time, tier } = await read(store, 'g', D, D + days * DAY)
    const { count, sum, max, increase } = tier!
    const at = (t: number) => Array.from(time).indexOf(t)
    expect([time.length, ...[early, later].map(t => [count[at(t)], sum[at(t)], max[at(t)]])], what).toEqual([
      144 * days + 1,
      [2, early / HOUR + 999, 999 > early / HOUR ? 999 : early / HOUR],
      [2, later / HOUR + 7, later / HOUR],
    ])
    // What comes between two that are known takes its part of what the counter had grown by between them.
    const between = at(early + 5 * MINUTE)
    expect(count[between], what).toBe(1)
    expect(increase[between]! + increase[between + 1]!, what).toBeCloseTo(every / HOUR, 3)
    expect(increase[between], what).toBeCloseTo(every / HOUR / 2, 3)
    expect(await shown(store, 'new', D, D + days * DAY), what).toEqual([`{} ${later + MINUTE}:8`])
  }

  test('what comes late is in the answer at once, and in them in the end', async () => {
    const { store, disk, clock } = await fourDays(12)
    expect(wide(disk).length).toBe(1)
    await store.append(late)
    await check(store, 10, 'at once')
    await store.seal()
    await check(store, 10, 'sealed')
    await hoursGoBy(store, clock, 3)
    expect([wide(disk).length, raw(disk, D + 2 * DAY), raw(disk, D + 6 * DAY)]).toEqual([1, [], []])
    await check(store, 10, 'in the end')
    await store.append(batch(['new', early, 5]))
    await hoursGoBy(store, clock, 3)
    expect(await shown(store, 'new', D, D + 10 * DAY)).toEqual([`{} ${early}:5 ${later + MINUTE}:8`])
    // What it takes to answer for days that have samples is not read from buckets for one that came late.
    const recent = await read(store, 'g', clock.now() - 20 * HOUR, clock.now())
    expect(recent.tier).toBeUndefined()
  })

  test('a sample that is late does not hide the buckets between it and samples as they came', async () => {
    const { store, clock } = await fourDays(12)
    const before = await shown(store, 'g', D + DAY, clock.now())
    const walked = async () => {
      const columns = new SampleColumns()
      let times: number[] = []
      for await (const some of store.walk({ selectors: [[]], from: D, to: clock.now(), groupOf: () => '' })) {
        for (const { labels, read } of some) {
          read(columns)
          if (labels.name === 'g') times = Array.from(columns.time.subarray(0, columns.length))
        }
      }
      return times
    }
    const taken = await walked()
    await store.append(batch(['g', D + HOUR + 1, 1]))
    for (const [what, time] of [
      ['in the head', D + HOUR + 1],
      ['in its bucket', D + HOUR + MINUTE],
    ] as const) {
      expect(await shown(store, 'g', D + DAY, clock.now()), what).toEqual(before)
      expect(await walked(), what).toEqual([...taken, time].sort((a, b) => a - b))
      await writtenOut(store, clock)
    }
  })

  test('once, whichever operation of the disk fails and however often the process is killed', async () => {
    const begun = await fourDays(12)
    await begun.store.append(late)
    await interrupted(begun, async (store, disk, what) => {
      await check(store, 10, what)
      expect([wide(disk).length, raw(disk, D + 2 * DAY)], what).toEqual([1, []])
    })
  })
})

test('what was late in a head that is older than the buckets of its day is in them in the end', async () => {
  const clock = new VirtualClock(D)
  const { store } = await openStore(new MemoryDisk(), clock, anyAge)
  await hoursGoBy(store, clock, 24)
  // It is entered into the head that is there while the day is thinned out.
  await clock.advance(10 * MINUTE)
  await store.append(batch(['g', clock.now(), 1], ['late', D + HOUR, 7]))
  await hoursGoBy(store, clock, 72)
  expect(await shown(store, 'late', D, D + DAY)).toEqual([`{} ${D + HOUR}:7`])
})

test('what a day ends with is what the next one has grown from, also where it came a day late', async () => {
  const clock = new VirtualClock(D)
  const { store } = await openStore(new MemoryDisk(), clock, { outOfOrderMs: DAY })
  const midnight = D + DAY
  await hoursGoBy(store, clock, 23)
  await store.append(batch(['c', midnight - HOUR, 10]))
  await hoursGoBy(store, clock, 1)
  await clock.advance(10 * MINUTE)
  await store.append(batch(['c', midnight + 10 * MINUTE, 30]))
  await clock.advance(50 * MINUTE)
  await hoursGoBy(store, clock, 22)
  await clock.advance(56 * MINUTE)
  expect((await store.append(batch(['c', midnight - 4 * MINUTE, 20], ['g', clock.now(), 1]))).outcomes).toEqual(new Uint8Array(2))
  await clock.advance(4 * MINUTE)
  await store.maintain()
  for (let hour = 0; hour < 30; hour++) {
    await hoursGoBy(store, clock, 1)
    const { time, tier } = await read(store, 'c', D, midnight + HOUR)
    const grown = Object.fromEntries(Array.from(time, (t, i) => [(t - midnight) / MINUTE, tier?.increase[i]]))
    expect(grown, `${hour} hours later`).toEqual({ '-60': 0, '-4': 10, '10': 10 })
  }
})

test('what came first counts, merged or not: another value of its time does not take its place', async () => {
  const clock = new VirtualClock(D)
  const { store, disk } = await openStore(new MemoryDisk(), clock, anyAge)
  await store.append(batch(['m', D + 1, 1]))
  await writtenOut(store, clock)
  await clock.advance(DAY + HOUR)
  await store.append(batch(['m', D + 3 * HOUR, 3]))
  await writtenOut(store, clock)
  expect(raw(disk, D).length).toBe(2)
  await clock.advance(2 * HOUR)
  await store.maintain()
  expect(raw(disk, D).length).toBe(1)
  await store.append(batch(['m', D + 1, 2]))
  await writtenOut(store, clock)
  expect(raw(disk, D).length).toBe(2)
  expect(await shown(store, 'm')).toEqual([`{} ${D + 1}:1 ${D + 3 * HOUR}:3`])
  await clock.advance(2 * HOUR)
  await store.maintain()
  expect(raw(disk, D).length).toBe(1)
  expect(await shown(store, 'm')).toEqual([`{} ${D + 1}:1 ${D + 3 * HOUR}:3`])
})
