/** The store against a plain map of maps, whatever happens in between: days go by, clocks jump, heads are written out, processes end. */
import { describe, expect, test } from 'vitest'
import { outcomes } from '../../src/store/head.ts'
import { DAY, HOUR, MINUTE } from '../../src/store/plan.ts'
import { VirtualClock } from '../kit/clock.ts'
import { seeded } from '../kit/context.ts'
import { MemoryDisk } from '../kit/disk.ts'
import { batch, openStore, shown } from './opened.ts'

const D = 20_000 * DAY
const forever = { rawMs: 9999 * DAY, minuteMs: 0, hourMs: 0, maxBytes: 0 }
const more = { retention: forever, syncMs: 0, outOfOrderMs: 3 * HOUR, aheadMs: 9999 * DAY, maxIndexBytes: 4096 }

type Row = [series: string, time: number, value: number | undefined]

/** By series and time: the value, undefined for a stale marker. */
class Model {
  readonly #series = new Map<string, Map<number, number | undefined>>()

  /** Of two samples of one time the first counts. */
  take(name: string, time: number, value: number | undefined): void {
    const samples = this.#series.get(name) ?? new Map<number, number | undefined>()
    this.#series.set(name, samples)
    if (!samples.has(time)) samples.set(time, value)
  }

  /** As `shown` says it. */
  lines(from: number, to: number): string[] {
    return [...this.#series]
      .map(([name, samples]) => {
        const inside = [...samples].filter(([time]) => time > from && time <= to).sort(([a], [b]) => a - b)
        return [name, inside.map(([time, value]) => `${time}:${value ?? 'stale'}`).join(' ')] as const
      })
      .filter(([, samples]) => samples !== '')
      .map(([name, samples]) => `{"n":"${name}"} ${samples}`)
      .sort()
  }
  names(from: number, to: number): string[] {
    return [...this.#series].filter(([, samples]) => [...samples.keys()].some(time => time > from && time <= to)).map(([name]) => name)
  }
}

describe.each([1, 2, 3, 4, 5, 6])('life %i', seed => {
  test('what was acknowledged can be asked for, once, and as it came first', async () => {
    const random = seeded(seed)
    const below = (n: number) => Math.floor(random() * n)
    const model = new Model()
    const clock = new VirtualClock(D)
    let { store, disk } = await openStore(new MemoryDisk(), clock, more)
    let time = D
    const past: Row[] = []
    for (let step = 0; step < 250; step++) {
      time += below(30 * MINUTE)
      // Some come and go, some stay; windows begin and end on the hour.
      const series = (): string => (random() < 0.6 ? `stays${below(3)}` : `life${Math.floor((time - D) / (9 * HOUR))}`)
      const edge = Math.round(time / HOUR) * HOUR
      const when = () => (random() < 0.2 ? edge + below(3) - 1 : random() < 0.3 ? time - below(4 * HOUR) : time + below(1000))
      const value = () => (random() < 0.1 ? undefined : below(1000) / 4)
      const rows = Array.from({ length: 1 + below(4) }, () => [series(), when(), value()] as Row)
      // What has come comes again, as it was or otherwise.
      const again = Array.from({ length: past.length > 0 ? below(3) : 0 }, () => past[below(past.length)]!).map(
        ([name, at, was]) => [name, at, random() < 0.5 ? was : 7777] as Row,
      )
      const all = [...rows, ...again]
      const { outcomes: got } = await store.append(batch(...all.map(([name, at, was]) => [`m{n="${name}"}`, at, was] as const)))
      for (const [i, [name, at, was]] of all.entries()) if (outcomes[got[i]!] === 'appended') model.take(name, at, was)
      past.push(...rows)

      const what = random()
      if (what < 0.1) await store.seal()
      if (what < 0.5) await store.maintain()
      if (random() < 0.3) await clock.advance(below(3 * HOUR))
      if (random() < 0.03) clock.jump(below(4 * DAY) - 2 * DAY)
      if (random() < 0.06) {
        const end = (['kill', 'loss of power', 'close'] as const)[below(3)]!
        if (end === 'close') await store.close()
        ;({ store, disk } = await openStore(disk.after(end === 'close' ? 'kill' : end), clock, more))
      }
      if (step % 10 > 0) continue
      const from = time - below(2 * DAY)
      const to = from + below(DAY)
      const answer = (await shown(store, 'm', from, to)).filter(line => !line.endsWith('} '))
      expect(answer, `step ${step}`).toEqual(model.lines(from, to))
      expect(await store.labelValues('n', [[{ name: '__name__', op: '=', value: 'm' }]], from, to)).toEqual(
        expect.arrayContaining(model.names(from, to)),
      )
    }
    await clock.advance(9 * DAY)
    await store.seal()
    for (let i = 0; i < 3; i++) {
      await store.maintain()
      await clock.advance(2 * HOUR)
    }
    expect(await shown(store, 'm')).toEqual(model.lines(Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY))
    const days = [...disk.files.keys()].filter(name => name.endsWith('.block')).map(name => name.split('-').slice(1, 3).join('-'))
    expect(new Set(days).size).toBe(days.length)
    expect(days.length).toBeLessThanOrEqual((time - D) / DAY + 2)
  })
})

test('blocks that are merged and deleted while names are asked for are read to the end', async () => {
  const clock = new VirtualClock(D)
  const slow = new MemoryDisk()
  const open = slow.open.bind(slow)
  slow.open = async (path, how) => {
    const file = await open(path, how)
    const read: typeof file.read = async (into, at) => {
      await new Promise(resolve => setImmediate(resolve))
      return file.read(into, at)
    }
    return { ...file, read }
  }
  const { store, disk } = await openStore(slow, clock, { ...more, maxIndexBytes: 0 })
  for (let hour = 1; hour <= 24; hour += 2) {
    await store.append(batch([`m{n="${hour}"}`, D + hour * HOUR, 1]))
    await store.seal()
    await store.maintain()
  }
  await clock.advance(3 * DAY)
  const blocks = () => [...disk.files.keys()].filter(name => name.endsWith('.block')).length
  expect(blocks()).toBe(12)
  let merging = true
  const merged = store.maintain().finally(() => (merging = false))
  const asked: Promise<unknown>[] = []
  while (merging) {
    asked.push(store.labelNames([], 0, 2 * D), store.labelValues('n', [], 0, 2 * D))
    await new Promise(resolve => setImmediate(resolve))
  }
  await merged
  expect(blocks()).toBe(1)
  const lengths = (await Promise.all(asked)).map(answer => (answer as unknown[]).length)
  expect(lengths).toEqual(asked.map((_, i) => [2, 12][i % 2]))
})
