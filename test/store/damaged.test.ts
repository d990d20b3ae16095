/** A block of samples as they came is damaged: what becomes of it, and of its day, over days and restarts, and after a repair. */
import { expect, test } from 'vitest'
import { repairBlock } from '../../src/store/inspect.ts'
import { DAY, HOUR, MINUTE } from '../../src/store/plan.ts'
import type { TimeSeriesStore } from '../../src/store/store.ts'
import { VirtualClock } from '../kit/clock.ts'
import { MemoryDisk } from '../kit/disk.ts'
import { batch, hints, openStore } from './opened.ts'

const D = 20_000 * DAY
const half = HOUR / 2

const blocksOf = (disk: MemoryDisk, step: number) =>
  [...disk.files.keys()].filter(path => path.startsWith(`/store/${step}-`) && path.endsWith('.block'))

/** Two series, a sample each half hour. */
async function live(store: TimeSeriesStore, clock: VirtualClock, hours: number): Promise<void> {
  for (let i = 0; i < 2 * hours; i++) {
    await clock.advance(half)
    await store.append(batch(['a', clock.now(), 1], ['b', clock.now(), 1]))
    await store.maintain()
  }
}

/** [samples] of the first day, as its buckets have them */
async function inBuckets(store: TimeSeriesStore, name: string): Promise<number> {
  const found = await store.select([{ name: '__name__', op: '=', value: name }], hints(D, D + DAY, { range: HOUR }))
  const { tier } = found[0]!.read()
  return tier!.count.reduce((sum, count) => sum + count, 0)
}

test.each<[what: string, at: (size: number) => number, lost: number | undefined]>([
  ['a chunk', () => 70, 1],
  ['what it begins with, so that it cannot even be opened', () => 20, undefined],
])('%s: the day waits for a repair, and what is saved comes into its buckets', async (_, at, lost) => {
  const clock = new VirtualClock(D)
  const first = await openStore(new MemoryDisk(), clock)
  await live(first.store, clock, 12)
  const disk = first.disk.after('kill')
  const path = blocksOf(disk, 0)[2]!
  const bytes = Buffer.from(disk.get(path))
  bytes[at(bytes.length)]! ^= 1
  disk.put(path, bytes)

  const second = await openStore(disk, clock)
  await live(second.store, clock, 4 * 24)
  expect(second.store.figures.damagedBlocks).toBe(1)
  expect(second.lines.filter(({ level }) => level === 'error')).toMatchObject([{ fields: { block: path } }])
  // Days after it are thinned out, and gone as they came.
  const days = (of: MemoryDisk, step: number) =>
    [...new Set(blocksOf(of, step).map(name => Math.floor((Number(name.split('-')[1]) - D) / DAY)))].sort()
  expect([days(disk, 0), days(disk, MINUTE)]).toEqual([
    [0, 3, 4],
    [1, 2, 3],
  ])

  const killed = disk.after('kill')
  const third = await openStore(killed, clock)
  await live(third.store, clock, 6)
  expect(days(killed, 0)).toContain(0)
  expect(blocksOf(killed, 0)).toContain(path)
  await third.store.close()

  expect((await repairBlock(killed, '/store', path, clock.now())).lostSeries).toBe(lost)
  const { store } = await openStore(killed, clock)
  await live(store, clock, 2)
  expect(days(killed, MINUTE)).toEqual([0, 1, 2, 3])
  expect(days(killed, 0)).not.toContain(0)
  const all = await Promise.all([inBuckets(store, 'a'), inBuckets(store, 'b')])
  expect(all.sort((x, y) => x - y)).toEqual(lost === undefined ? [44, 44] : [44, 48])
})
