/** How old a sample may be when it comes: older than the newest of the store by the window, whatever has become of that one since. */
import { describe, expect, test } from 'vitest'
import { outcomes } from '../../src/store/head.ts'
import { DAY, HOUR, MINUTE } from '../../src/store/plan.ts'
import { VirtualClock } from '../kit/clock.ts'
import { MemoryDisk } from '../kit/disk.ts'
import { batch, openStore, shown } from './opened.ts'

const T = 20_000 * DAY + 5 * HOUR
const window = 10 * MINUTE
type Opened = Awaited<ReturnType<typeof openStore>>
type Sample = readonly [series: string, time: number, value: number | undefined]

async function append({ store }: Pick<Opened, 'store'>, ...samples: readonly Sample[]): Promise<string[]> {
  const { outcomes: got } = await store.append(batch(...samples))
  return Array.from(got, outcome => outcomes[outcome]!)
}

const restarted = async ({ disk, clock }: Opened): Promise<Opened> => openStore(disk.after('kill'), clock)

/** What it is written to, by turns. */
const ways = { seal: ({ store }: Opened) => store.seal(), upkeep: ({ store }: Opened) => store.maintain(), restart: restarted } as const

describe.each<[string, readonly (keyof typeof ways)[]]>([
  ['in the head', []],
  ['in a sealed head', ['seal']],
  ['in a block', ['seal', 'upkeep']],
  ['in a log', ['restart']],
  ['in a log, and then in a block', ['restart', 'upkeep']],
  ['in a block that was there at the start', ['seal', 'upkeep', 'restart']],
  ['in a block that was there at the start before', ['seal', 'upkeep', 'restart', 'restart']],
])('the newest sample is %s', (_, turns) => {
  test.each<[string, string, number, string]>([
    ['its own series, at the edge of the window', 'm', T - window, 'appended'],
    ['its own series, a millisecond older', 'm', T - window - 1, 'too_old'],
    ['another series, at the edge of the window', 'other', T - window, 'appended'],
    ['another series, a millisecond older', 'other', T - window - 1, 'too_old'],
    ['a day older', 'other', T - DAY, 'too_old'],
    ['younger', 'm', T + 1, 'appended'],
  ])('%s', async (_, series, time, wanted) => {
    const opened = await openStore(new MemoryDisk(), new VirtualClock(T + MINUTE))
    await append(opened, ['m', T, 1])
    let then = opened
    for (const turn of turns) then = (await ways[turn](then)) ?? then
    expect(await append(then, [series, time, 2])).toEqual([wanted])
    const found = await shown(then.store, series, time - 1, time)
    expect(found).toEqual(wanted === 'appended' ? [`{} ${time}:2`] : [])
    const again = await restarted(then)
    expect(await shown(again.store, series, time - 1, time)).toEqual(found)
  })
})

test('a batch is judged by what was there before it', async () => {
  const opened = await openStore(new MemoryDisk(), new VirtualClock(T))
  expect(await append(opened, ['m', T, 1], ['m', T - HOUR, 2], ['other', T - HOUR, 3])).toEqual(['appended', 'appended', 'appended'])
  expect(await append(opened, ['m', T - HOUR + 1, 2], ['m', T + 1, 2], ['other', T - window, 4])).toEqual([
    'too_old',
    'appended',
    'appended',
  ])
  const wanted = [`{} ${T - HOUR}:2 ${T}:1 ${T + 1}:2`]
  expect(await shown(opened.store, 'm')).toEqual(wanted)
  const again = await restarted(opened)
  expect(await shown(again.store, 'm')).toEqual(wanted)
  await again.store.seal()
  await again.store.maintain()
  expect(await shown(again.store, 'm')).toEqual(wanted)
  expect(await shown(again.store, 'other')).toEqual([`{} ${T - HOUR}:3 ${T - window}:4`])
})

test('what is too old and in the head already is a duplicate, or a conflict', async () => {
  const opened = await openStore(new MemoryDisk(), new VirtualClock(T))
  await append(opened, ['m', T - HOUR, 1], ['m', T - HOUR + 5, undefined])
  await append(opened, ['m', T, 2])
  expect(await append(opened, ['m', T - HOUR, 1], ['m', T - HOUR, 7], ['m', T - HOUR + 5, undefined], ['m', T - HOUR + 6, 1])).toEqual([
    'duplicate',
    'conflict',
    'duplicate',
    'too_old',
  ])
})

test.each<[string, (clock: VirtualClock) => void, [number, string][]]>([
  [
    'samples ahead of the clock do not move the window',
    () => {},
    [
      [T - window, 'appended'],
      [T - window - 1, 'too_old'],
    ],
  ],
  [
    'nor once the clock has caught up with them in part',
    clock => void clock.jump(5 * MINUTE),
    [
      [T - 5 * MINUTE, 'appended'],
      [T - 5 * MINUTE - 1, 'too_old'],
    ],
  ],
  [
    'they do once they are not ahead any more',
    clock => void clock.jump(HOUR),
    [
      [T, 'appended'],
      [T - 1, 'too_old'],
    ],
  ],
  [
    'where the clock goes back, samples of the time that it says are taken',
    clock => void clock.jump(-DAY),
    [
      [T - DAY, 'appended'],
      [T - DAY - window, 'appended'],
      [T - DAY - window - 1, 'too_old'],
    ],
  ],
  ['and those of the time that it should say are not', clock => void clock.jump(-DAY), [[T, 'ahead']]],
  [
    'where the clock goes forward, nothing that comes in time is refused',
    clock => void clock.jump(DAY),
    [
      [T + window + 1, 'appended'],
      [T, 'too_old'],
    ],
  ],
])('%s', async (_, happens, samples) => {
  const clock = new VirtualClock(T)
  const opened = await openStore(new MemoryDisk(), clock)
  expect(await append(opened, ['m', T + window, 1], ['m', T + window + 1, 1], ['m', T + 1000 * DAY, 1])).toEqual([
    'appended',
    'ahead',
    'ahead',
  ])
  happens(clock)
  for (const [time, wanted] of samples) expect([time - T, ...(await append(opened, ['other', time, 1]))]).toEqual([time - T, wanted])
})

test('in a store without samples any age is taken that is kept', async () => {
  const opened = await openStore(new MemoryDisk(), new VirtualClock(T))
  expect(await append(opened, ['m', T - 400 * DAY - 1, 1], ['m', T - 400 * DAY, 1])).toEqual(['too_old', 'appended'])
})
