import { describe, expect, test } from 'vitest'
import { RetryableError, StartError } from '../../src/component/errors.ts'
import { outcomes } from '../../src/store/head.ts'
import { Incoming } from '../../src/store/incoming.ts'
import { WINDOW } from '../../src/store/settings.ts'
import { VirtualClock } from '../kit/clock.ts'
import { seeded } from '../kit/context.ts'
import { failure, MemoryDisk } from '../kit/disk.ts'
import { batch, handle, hints, labels, openStore, shown } from './opened.ts'

const T = 1_700_000_000_000

describe('what was appended can be asked for', () => {
  test('by name, by labels, by time', async () => {
    const { store } = await openStore()
    await store.append(
      batch(['up{a="1"}', T, 1], ['up{a="2"}', T, 0], ['down', T, 7], ['up{a="1"}', T + 1000, undefined], ['up{a="1"}', T + 2000, 3]),
    )
    expect(await shown(store, 'up')).toEqual([`{"a":"1"} ${T}:1 ${T + 1000}:stale ${T + 2000}:3`, `{"a":"2"} ${T}:0`])
    // Left-open.
    expect(await shown(store, 'up', T, T + 2000)).toEqual([`{"a":"1"} ${T + 1000}:stale ${T + 2000}:3`])
    expect(await shown(store, 'up', T - 1, T)).toEqual([`{"a":"1"} ${T}:1`, `{"a":"2"} ${T}:0`])
    expect(await store.labelNames([], 0, 2 * T)).toEqual(['__name__', 'a'])
    expect(await store.labelValues('a', [[{ name: '__name__', op: '=', value: 'up' }]], 0, 2 * T)).toEqual(['1', '2'])
    expect((await store.series([[{ name: 'a', op: '=~', value: '1|3' }]], 0, 2 * T)).map(String).length).toBe(1)
    await store.close()
  })

  test.each<[string, number[]]>([
    ['{a="1"}', [1, 2]],
    ['{a!="1"}', [3, 4, 5]],
    ['{a=""}', [5]],
    ['{a=~"1|2"}', [1, 2, 3]],
    ['{a=~".+",b!~"x.*"}', [2, 3, 4]],
    ['{a!~"1|2|3"}', [5]],
    ['{b="x",a=~"1|.*"}', [1]],
    ['{c=""}', [1, 2, 3, 4, 5]],
    ['{c!=""}', []],
  ])('%s', async (text, wanted) => {
    const { store, disk } = await openStore()
    await store.append(batch(['m{a="1",b="x"}', T, 1], ['m{a="1",b="y"}', T, 2], ['m{a="2"}', T, 3], ['m{a="3",b="z"}', T, 4], ['m', T, 5]))
    const matchers = [...text.matchAll(/(\w+)(=~|!~|!=|=)"([^"]*)"/g)].map(([, name, op, value]) => ({
      name: name!,
      op: op as '=',
      value: value!,
    }))
    const ask = async () => (await store.select(matchers, hints(T - 1, T))).map(found => found.read().value[0]).sort()
    expect(await ask()).toEqual(wanted)
    await store.seal()
    await store.maintain()
    expect([...disk.files.keys()].filter(name => name.endsWith('.block')).length).toBe(1)
    expect(await ask()).toEqual(wanted)
    await store.close()
  })

  test('histograms, start times, metadata, exemplars: from the head, from a log, from a block', async () => {
    const { store, disk, clock } = await openStore()
    const incoming = new Incoming()
    const histogram = {
      schema: 0,
      count: 3,
      sum: 5,
      zeroThreshold: 0,
      zeroCount: 0,
      positiveSpans: [{ offset: 0, length: 2 }],
      positiveCounts: [1, 2],
      negativeSpans: [],
      negativeCounts: [],
      customBounds: [],
      resetHint: 'unknown' as const,
    }
    incoming.histogram(handle('h'), T, histogram, T - 5000)
    incoming.number(handle('n'), T, 4, T - 7000)
    incoming.metadata.push({ family: 'n', metadata: { type: 'counter', unit: 'seconds', help: 'N.' } })
    incoming.exemplars.push({ series: handle('n'), labels: labels('{trace_id="abc"}'), value: 9, time: T })
    await store.append(incoming)
    const check = async (store: Awaited<ReturnType<typeof openStore>>['store']) => {
      const [h] = await store.select([{ name: '__name__', op: '=', value: 'h' }], hints(0, T))
      const [n] = await store.select([{ name: '__name__', op: '=', value: 'n' }], hints(0, T))
      expect(h!.read().histograms).toEqual([histogram])
      expect(Array.from(h!.read().start!)).toEqual([T - 5000])
      expect(Array.from(n!.read().start!)).toEqual([T - 7000])
      expect(n!.read().histograms).toBeUndefined()
      expect([...(await store.metadata())]).toEqual([['n', [{ type: 'counter', unit: 'seconds', help: 'N.' }]]])
      expect(await store.exemplars([[{ name: '__name__', op: '=', value: 'n' }]], T, T)).toMatchObject([
        { exemplars: [{ value: 9, time: T }] },
      ])
      expect(await store.exemplars([[{ name: '__name__', op: '=', value: 'x' }]], T, T)).toEqual([])
    }
    await check(store)
    const second = await openStore(disk.after('kill'), clock)
    await check(second.store)
    await second.store.maintain()
    expect([...second.disk.files.keys()].filter(name => name.endsWith('.wal')).length).toBe(1)
    await check(second.store)
    await second.store.close()
    const third = await openStore(second.disk.after('kill'), clock)
    await check(third.store)
  })
})

describe('a sample that comes again, late, or twice differently', () => {
  const rows: [string, [number, number][], string[], string][] = [
    [
      'the same again',
      [
        [T, 1],
        [T, 1],
      ],
      ['appended', 'duplicate'],
      `${T}:1`,
    ],
    [
      'another value of that time',
      [
        [T, 1],
        [T, 2],
      ],
      ['appended', 'conflict'],
      `${T}:1`,
    ],
    [
      'NaN again',
      [
        [T, NaN],
        [T, NaN],
      ],
      ['appended', 'duplicate'],
      `${T}:NaN`,
    ],
    [
      'late, within the window',
      [
        [T, 1],
        [T - 600_000, 2],
      ],
      ['appended', 'appended'],
      `${T - 600_000}:2 ${T}:1`,
    ],
    [
      'later than the window',
      [
        [T, 1],
        [T - 600_001, 2],
      ],
      ['appended', 'too_old'],
      `${T}:1`,
    ],
    [
      'late, twice',
      [
        [T, 1],
        [T - 5, 2],
        [T - 5, 2],
        [T - 5, 3],
      ],
      ['appended', 'appended', 'duplicate', 'conflict'],
      `${T - 5}:2 ${T}:1`,
    ],
    [
      'late, then on',
      [
        [T, 1],
        [T - 5, 2],
        [T + 5, 3],
      ],
      ['appended', 'appended', 'appended'],
      `${T - 5}:2 ${T}:1 ${T + 5}:3`,
    ],
    [
      'older than anything that is kept',
      [
        [T - 400 * 86_400_000 - 1, 2],
        [T, 1],
      ],
      ['too_old', 'appended'],
      `${T}:1`,
    ],
    [
      'far ahead of the clock',
      [
        [T, 1],
        [T + 600_001, 2],
      ],
      ['appended', 'ahead'],
      `${T}:1`,
    ],
  ]
  test.each(rows)('%s', async (_, samples, wanted, left) => {
    const { store, disk, clock } = await openStore(new MemoryDisk(), new VirtualClock(T))
    const results: string[] = []
    for (const [time, value] of samples) {
      const { outcomes: got } = await store.append(batch(['m', time, value]))
      results.push(outcomes[got[0]!]!)
    }
    expect(results).toEqual(wanted)
    expect(await shown(store, 'm')).toEqual([`{} ${left}`])
    const { store: again } = await openStore(disk.after('kill'), clock)
    expect(await shown(again, 'm')).toEqual([`{} ${left}`])
    await again.maintain()
    expect(await shown(again, 'm')).toEqual([`{} ${left}`])
  })
})

test('whatever happens between, the samples are the same: seals, restarts, flushes, at random', async () => {
  const random = seeded(23)
  const keeps = { retention: { rawMs: 1000 * WINDOW, minuteMs: 0, hourMs: 0, maxBytes: 0 } }
  let { store, disk } = await openStore(new MemoryDisk(), new VirtualClock(T + 100 * WINDOW), keeps)
  const clock = new VirtualClock(T + 100 * WINDOW)
  const wanted = new Map<string, Map<number, number>>()
  const names = ['m{a="1"}', 'm{a="2"}', 'm{a="3",b="x"}']
  let time = T
  for (let step = 0; step < 300; step++) {
    const series = names[Math.floor(random() * names.length)]!
    time += Math.floor(random() * 400_000)
    const late = random() < 0.2 ? Math.floor(random() * 500_000) : 0
    const value = Math.floor(random() * 1000) / 4
    const { outcomes: got } = await store.append(batch([series, time - late, value]))
    if (outcomes[got[0]!] === 'appended') {
      const kept = wanted.get(series) ?? new Map<number, number>()
      wanted.set(series, kept)
      if (!kept.has(time - late)) kept.set(time - late, value)
    }
    const what = random()
    if (what < 0.05) await store.seal()
    if (what < 0.1) await store.maintain()
    if (what > 0.97) ({ store, disk } = await openStore(disk.after('kill'), clock, keeps))
  }
  const expected = [...wanted].map(([series, samples]) => {
    const { __name__: _, ...rest } = labels(series).toJSON()
    return `${JSON.stringify(rest)} ${[...samples]
      .sort(([a], [b]) => a - b)
      .map(([t, v]) => `${t}:${v}`)
      .join(' ')}`
  })
  expect(await shown(store, 'm')).toEqual(expected.sort())
})

describe('what was acknowledged is there', () => {
  const series = ['a', 'b{x="1"}', 'c{y="2"}']
  async function filled() {
    const opened = await openStore(new MemoryDisk(), new VirtualClock(T))
    for (let i = 0; i < 6; i++) await opened.store.append(batch(...series.map(name => [name, T + i * 1000, i] as const)))
    return opened
  }
  const all = async (store: Awaited<ReturnType<typeof openStore>>['store']) =>
    (await Promise.all(['a', 'b', 'c'].map(name => shown(store, name)))).flat()

  test('a log cut at every byte opens as a prefix of the batches', async () => {
    const { disk } = await filled()
    const [path, whole] = [...disk.files].map(([name, { content }]) => [name, content] as const).find(([name]) => name.endsWith('.wal'))!
    const prefixes = new Set<string>()
    for (let size = 0; size <= whole.length; size++) {
      const cut = disk.after('kill')
      cut.put(path, whole.subarray(0, size))
      const { store } = await openStore(cut)
      const lengths = (await all(store)).map(line => line.split(' ').length - 1)
      expect(new Set(lengths.length === 0 ? [0] : lengths).size).toBe(1)
      prefixes.add(`${lengths.length}x${lengths[0] ?? 0}`)
      await store.close()
    }
    expect([...prefixes]).toEqual(['0x0', ...[1, 2, 3, 4, 5, 6].map(n => `3x${n}`)])
  })

  test('the nth operation of the disk fails: nothing acknowledged is lost, then and after kill -9', async () => {
    for (const end of ['kill', 'loss of power'] as const) {
      for (let nth = 1; nth < 200; nth++) {
        const disk = new MemoryDisk()
        const clock = new VirtualClock(T)
        let failed = false
        disk.before = (_, __, count) => {
          if (count !== nth) return
          failed = true
          throw failure('EIO')
        }
        const acknowledged: number[] = []
        const opened = await openStore(disk, clock, { syncMs: 0 }).catch((error: unknown) => error as StartError)
        if (opened instanceof StartError) continue
        for (let i = 0; i < 8; i++) {
          const time = T + i * 1000
          await opened.store.append(batch(['m', time, i])).then(
            () => acknowledged.push(time),
            (error: unknown) => expect(error).toBeInstanceOf(RetryableError),
          )
          if (i % 3 === 2) await opened.store.seal()
          await opened.store.maintain()
          await clock.advance(31_000)
        }
        const check = async (store: Awaited<ReturnType<typeof openStore>>['store']) => {
          const times = (await shown(store, 'm')).flatMap(line =>
            line
              .split(' ')
              .slice(1)
              .map(sample => Number(sample.split(':')[0])),
          )
          expect(
            acknowledged.filter(time => !times.includes(time)),
            `operation ${nth}`,
          ).toEqual([])
        }
        disk.before = () => {}
        await check(opened.store)
        const next = await openStore(disk.after(end), clock)
        await check(next.store)
        await next.store.maintain()
        await check(next.store)
        if (!failed) {
          expect(nth).toBeGreaterThan(60)
          break
        }
      }
    }
  })
})

test('a question that reads too much is refused before it is read', async () => {
  const { store } = await openStore(new MemoryDisk(), new VirtualClock(T), { maxSelectBytes: 50 })
  for (let i = 0; i < 5; i++) await store.append(batch([`m{i="${i}"}`, T, Math.PI * i]))
  await store.seal()
  await store.maintain()
  await expect(shown(store, 'm')).rejects.toMatchObject({
    type: 'execution',
    message: 'query reads more than 50B of the store: ask for fewer series or less time',
  })
  expect((await store.select([{ name: 'i', op: '=', value: '3' }], hints(T - 1, T))).length).toBe(1)
})

describe('a directory that cannot be had', () => {
  test('held by another', async () => {
    const { disk } = await openStore()
    await expect(openStore(disk)).rejects.toMatchObject({
      message: 'the store "/store" is in use, by another process or by another store of this one',
      taken: true,
    })
  })
  test('read-only', async () => {
    const disk = new MemoryDisk()
    disk.before = operation => {
      if (operation === 'makeFolder') throw failure('EROFS')
    }
    await expect(openStore(disk)).rejects.toMatchObject({
      message: 'the store "/store" cannot be made: the file system is read-only (EROFS)',
      remedy: 'mount it for writing, or name another directory',
    })
  })
  test.each<[string, number]>([
    ['wal', 8],
    ['block', 8],
  ])('a %s of a later version', async (kind, at) => {
    const { store, disk } = await openStore()
    await store.append(batch(['m', T, 1]))
    if (kind === 'block') {
      await store.seal()
      await store.maintain()
    }
    const next = disk.after('kill')
    const path = [...next.files.keys()].find(name => name.endsWith(kind))!
    const bytes = Buffer.from(next.get(path))
    const { crc32 } = await import('node:zlib')
    bytes[at] = 9
    if (kind === 'wal') bytes.writeUInt32LE(crc32(bytes.subarray(0, 28)), 28)
    else bytes.writeUInt32LE(crc32(bytes.subarray(0, 60)), 60)
    next.put(path, bytes)
    await expect(openStore(next)).rejects.toThrow(`${JSON.stringify(path)} is of version 9, which this program does not know`)
  })
  test('full: what comes is refused, what is there can be asked for, and it goes on when there is room', async () => {
    const { store, disk, clock } = await openStore(new MemoryDisk(), new VirtualClock(T))
    const problems: (string | undefined)[] = []
    store.onTrouble = problem => void problems.push(problem)
    await store.append(batch(['m', T, 1]))
    disk.capacity = disk.bytes + 10
    await expect(store.append(batch(['m', T + 1000, 2]))).rejects.toThrow('store "/store": the log cannot be written: ENOSPC')
    expect(store.hasRoom(1)).toBe(false)
    expect(await shown(store, 'm')).toEqual([`{} ${T}:1`])
    await store.maintain()
    disk.capacity = Number.POSITIVE_INFINITY
    await store.maintain()
    expect(store.hasRoom(1)).toBe(true)
    await store.append(batch(['m', T + 1000, 2]))
    expect(problems).toEqual(['store "/store": the log cannot be written: ENOSPC'])
    await clock.advance(60_000)
    await store.maintain()
    expect(problems).toEqual(['store "/store": the log cannot be written: ENOSPC', undefined])
    expect(await shown((await openStore(disk.after('kill'), clock)).store, 'm')).toEqual([`{} ${T}:1 ${T + 1000}:2`])
  })
  test('full when it starts: what is there can be asked for, and it goes on when there is room', async () => {
    const { store: before, disk: old } = await openStore(new MemoryDisk(), new VirtualClock(T))
    await before.append(batch(['m', T, 1]))
    const disk = old.after('kill')
    disk.capacity = disk.bytes + 10
    const { store, clock } = await openStore(disk, new VirtualClock(T))
    const problems: (string | undefined)[] = []
    store.onTrouble = problem => void problems.push(problem)
    expect(store.hasRoom(1)).toBe(false)
    expect(await shown(store, 'm')).toEqual([`{} ${T}:1`])
    await expect(store.append(batch(['m', T + 1000, 2]))).rejects.toThrow('store "/store": the log cannot be written: ENOSPC')
    await store.maintain()
    expect(store.hasRoom(1)).toBe(false)
    disk.capacity = Number.POSITIVE_INFINITY
    await store.maintain()
    expect(store.hasRoom(1)).toBe(true)
    await store.append(batch(['m', T + 2000, 3]))
    expect(problems[0]).toBe('store "/store": a new log cannot be made: ENOSPC')
    await clock.advance(60_000)
    await store.maintain()
    expect(problems.at(-1)).toBe(undefined)
    const next = await openStore(disk.after('kill'), clock)
    expect(await shown(next.store, 'm')).toEqual([`{} ${T}:1 ${T + 2000}:3`])
    await next.store.close()
  })
  test('full when it starts, and closed before there is room', async () => {
    const disk = new MemoryDisk()
    disk.capacity = 10
    const { store } = await openStore(disk)
    await store.close()
    disk.capacity = Number.POSITIVE_INFINITY
    await (await openStore(disk)).store.close()
  })
})
