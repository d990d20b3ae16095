/** Queues on the disk: a disk in memory that forgets what was not synced, cuts files, flips bits and fails on command. */
import { crc32 } from 'node:zlib'
import { afterEach, describe, expect, test } from 'vitest'
import type { Component } from '../../src/component/component.ts'
import { RetryableError } from '../../src/component/errors.ts'
import { Room } from '../../src/component/room.ts'
import type { Storage } from '../../src/component/storage.ts'
import factory from '../../src/extensions/file_storage/index.ts'
import { Ranges } from '../../src/extensions/file_storage/ranges.ts'
import { folderName } from '../../src/extensions/file_storage/storage.ts'
import { TestOutside } from '../commands/outside.ts'
import { type Bench, batchOf, bench, delivered, gate, idsOf, later, type Reply, run } from '../component/sending-kit.ts'
import { settled, VirtualClock } from '../kit/clock.ts'
import { seeded, type TestContext, testContext } from '../kit/context.ts'
import { paperworkContract } from '../kit/contract.ts'
import { failure, MemoryDisk } from '../kit/disk.ts'

paperworkContract(factory)

const directory = '/queues'
interface Process extends Bench {
  readonly disk: MemoryDisk
  readonly storage: Component & Storage
  readonly own: TestContext
  /** as a process ends that is asked to */
  end(): Promise<void>
}

/** A process that has started on that disk: a storage, and an exporter with its queue there. */
async function start(
  disk: MemoryDisk,
  options: { settings?: object; queue?: object; reply?: Reply; retry?: object; seed?: number } = {},
): Promise<Process> {
  const clock = new VirtualClock()
  const own = testContext({ clock, disk, id: 'file_storage', seed: options.seed ?? 7 })
  const config = factory.config.parse({ directory, create_directory: true, ...options.settings })
  const storage = factory.create(own, config) as Component & Storage
  const made = bench({
    ...options,
    queue: { storage: 'file_storage', ...options.queue },
    world: { clock, disk, storages: { file_storage: storage } },
  })
  const process = {
    ...made,
    disk,
    storage,
    own,
    async end() {
      await made.sending.shutdown(AbortSignal.abort())
      await storage.shutdown?.(AbortSignal.abort())
    },
  }
  try {
    await storage.start?.()
    await made.sending.start()
  } catch (error) {
    await process.end()
    throw error
  }
  running.push(process)
  return process
}

const running: Process[] = []
afterEach(async () => {
  for (const process of running.splice(0)) {
    process.disk.before = () => {}
    await process.end()
    expect(process.imbalance()).toBe(0)
    expect(process.cx.budget.used).toBe(0)
    expect(process.cx.clock.pending).toBe(0)
  }
})

/** Everything that a process of that disk delivers, in order. */
async function delivers(disk: MemoryDisk, options: Parameters<typeof start>[1] = {}): Promise<number[]> {
  const process = await start(disk, options)
  await process.cx.clock.advance(100)
  await process.end()
  return process.destination.delivered
}

const consume = ({ sending }: Process, ...ids: number[]) => sending.consume(batchOf(...ids))
/** A destination that never answers. */
const stuck = () => gate().reply

describe('what was taken over', () => {
  test('is on the disk before the sender hears yes', async () => {
    const { sending, disk } = await start(new MemoryDisk(), { reply: stuck() })
    const log: string[] = []
    disk.before = operation => void log.push(operation)
    await sending.consume(batchOf(1))
    expect(log).toEqual(['open to create', 'write', 'sync', 'syncFolder', 'write', 'sync'])
  })

  test.each(['kill', 'loss of power'] as const)('is delivered after a %s', async end => {
    const first = await start(new MemoryDisk(), { reply: stuck() })
    for (const id of run(1, 20)) await consume(first, id, id + 1000)
    const second = await start(first.disk.after(end))
    expect(second.cx.account('metrics').recovered).toBe(40)
    await settled(10)
    expect(second.destination.delivered.toSorted((a, b) => a - b)).toEqual([...run(1, 20), ...run(1001, 20)])
    expect(second.imbalance()).toBe(0)
  })

  test('is delivered once where it was delivered before the end', async () => {
    const first = await start(new MemoryDisk())
    for (const id of run(1, 20)) {
      await consume(first, id)
      await settled(5)
    }
    expect(first.destination.delivered).toEqual(run(1, 20))
    expect(await delivers(first.disk.after('kill'))).toEqual([])
  })

  test('is sent again, and counted, where the end came while it was under way', async () => {
    const line = gate()
    const first = await start(new MemoryDisk(), { reply: line.reply, queue: { num_consumers: 1 } })
    await consume(first, 1)
    await settled(5)
    for (const id of [2, 3]) await consume(first, id)
    expect(first.destination.requests).toEqual([[1]])
    const second = await start(first.disk.after('kill'))
    await settled(10)
    expect(second.destination.delivered.toSorted()).toEqual([1, 2, 3])
    expect(second.cx.account('metrics').resent).toBe(1)
    expect(await delivers(second.disk.after('kill'))).toEqual([])
    line.open()
  })

  test('stays on the disk at a shutdown, is said, and is not dropped', async () => {
    const first = await start(new MemoryDisk(), { reply: () => later })
    for (const id of run(1, 50)) await consume(first, id)
    await first.end()
    const account = first.cx.account('metrics')
    expect(account.dropped.size).toBe(0)
    expect([account.held(), account.kept(), account.imbalance]).toEqual([50, 50, 0])
    expect(first.cx.lines.filter(({ level }) => level === 'error')).toEqual([])
    expect(await delivers(first.disk)).toEqual(run(1, 50))
  })

  test('is gone from the disk when all is delivered and the process ends', async () => {
    const first = await start(new MemoryDisk())
    for (const id of run(1, 50)) await consume(first, id)
    await settled(10)
    await first.end()
    expect([...first.disk.files.keys()]).toEqual([])
  })

  test('is refused while a process ends', async () => {
    const first = await start(new MemoryDisk())
    await first.end()
    await expect(consume(first, 1)).rejects.toThrow(RetryableError)
  })
})

describe('memory', () => {
  test('what does not fit waits on the disk alone, and is delivered in order', async () => {
    let up = false
    const process = await start(new MemoryDisk(), {
      reply: () => (up ? delivered : later),
      queue: { max_bytes: 40, num_consumers: 1, batch: { max_size: 3 } },
      retry: { max_elapsed_time: 0 },
    })
    for (const id of run(1, 500)) await consume(process, id)
    expect(process.cx.budget.used).toBeLessThanOrEqual(44)
    expect(process.cx.account('metrics').held()).toBe(500)
    await process.cx.clock.advance(60_000)
    up = true
    await process.cx.clock.advance(60_000)
    expect(process.destination.delivered).toEqual(run(1, 500))
    expect(process.cx.account('metrics').held()).toBe(0)
  })

  test('segments are deleted as they are delivered', async () => {
    let up = false
    const process = await start(new MemoryDisk(), {
      settings: { max_size: 1 << 20 },
      reply: () => (up ? delivered : later),
      queue: { batch: { max_size: 1000 } },
    })
    for (let id = 0; id < 40_000; id += 1000) await consume(process, ...run(id, 1000))
    const most = [...process.disk.files.keys()].length
    expect(most).toBeGreaterThan(2)
    up = true
    await process.cx.clock.advance(60_000)
    expect(process.destination.delivered.length).toBe(40_000)
    expect([...process.disk.files.keys()].length).toBeLessThan(3)
  })
})

describe('bounds', () => {
  test('a full directory lets senders wait, and drops nothing', async () => {
    const process = await start(new MemoryDisk(), { settings: { max_size: 4096 }, reply: stuck() })
    let taken = 0
    for (let id = 0; id < 10_000; id += 100) {
      const room = new Room()
      process.sending.reserve(400, room)
      if (room.mustWait) {
        expect(room.why).toBe('/queues is full: max_size is 4KiB')
        break
      }
      await process.sending.consume(batchOf(...run(id, 100)), room)
      taken += 100
    }
    expect(taken).toBe(900)
    expect(process.cx.account('metrics').droppedTotal).toBe(0)
  })

  test('while the disk is short of space nothing is taken, and then it is again, by itself', async () => {
    const disk = new MemoryDisk()
    const process = await start(disk, { settings: { min_free_space: 1000 }, reply: stuck() })
    await consume(process, 1)
    disk.capacity = disk.bytes + 900
    await process.cx.clock.advance(1000)
    const room = new Room()
    process.sending.reserve(4, room)
    expect(room.mustWait).toBe(true)
    expect(room.why).toMatch(/^\/queues has \d+B free, and min_free_space is 1000B$/)
    await expect(consume(process, 2)).rejects.toThrow(RetryableError)
    let woken = false
    void room.freed(new AbortController().signal).then(() => {
      woken = true
    })
    await process.cx.clock.advance(1000)
    expect(woken).toBe(false)
    disk.capacity = disk.bytes + 2000
    await process.cx.clock.advance(1000)
    expect(woken).toBe(true)
    await consume(process, 2)
    expect(process.own.lines.map(({ level, message }) => [level, message])).toEqual([
      ['error', 'the disk is nearly full: senders are asked to come again'],
      ['info', 'the disk has room again'],
    ])
  })
})

// ------------------------------------------------------------------------------------------------ faults

/** The file of that kind that was made last. */
function lastFile(disk: MemoryDisk, kind: 'segment' | 'acks'): string {
  return [...disk.files.keys()]
    .filter(path => path.endsWith(`.${kind}`))
    .sort()
    .at(-1)!
}
/** That disk, with one file as it is given. */
function changed(disk: MemoryDisk, path: string, content: Uint8Array): MemoryDisk {
  const copy = disk.after('kill')
  copy.put(path, content)
  return copy
}

/** A disk that a process has left with these batches, `[i, i + 1000]` each, and none of them delivered. */
async function left(count: number, end: 'kill' | 'shutdown'): Promise<MemoryDisk> {
  const process = await start(new MemoryDisk(), { reply: stuck() })
  for (const id of run(1, count)) await consume(process, id, id + 1000)
  if (end === 'shutdown') await process.end()
  return process.disk.after('kill')
}

/** What a queue gives back, without an exporter: the first id of each batch, which must be whole, and what was said. */
async function contents(disk: MemoryDisk): Promise<{ ids: number[]; lost: number; said: string[] }> {
  const cx = testContext({ disk, id: 'file_storage' })
  const storage = factory.create(cx, factory.config.parse({ directory })) as Component & Storage
  await storage.start?.()
  const queue = await storage.openQueue({ id: 'otlp_http', signal: 'metrics', keeps: () => true, freed() {} })
  const ids: number[] = []
  let lost = 0
  for (let calls = 0; queue.unread.bodies > 0 && calls < 100; calls++) {
    const { bodies, lost: now } = await queue.read(1000)
    lost += now.bodies
    for (const { raw, rows } of bodies) {
      const found = idsOf(raw.bytes())
      expect([found, rows]).toEqual([[found[0], found[0]! + 1000], 2])
      ids.push(found[0]!)
    }
  }
  expect(queue.unread).toEqual({ bodies: 0, rows: 0, bytes: 0 })
  await storage.shutdown?.(AbortSignal.abort())
  return { ids, lost, said: cx.lines.map(({ level, message }) => `${level} ${message}`) }
}

/** `thalamus queue verify` says what is lost, `repair` keeps what is whole, and then nothing is damaged. */
async function isRepaired(disk: MemoryDisk, ids: readonly number[]): Promise<void> {
  const outside = new TestOutside()
  outside.disk = disk
  const { code, out } = await outside.thalamus('queue', 'verify', directory)
  if (ids.length < COUNT) expect([code, out]).toEqual([2, expect.stringMatching(/ lost, written /)])
  await outside.thalamus('queue', 'repair', directory)
  expect((await outside.thalamus('queue', 'verify', directory)).code).toBe(0)
  expect((await contents(disk.after('loss of power'))).ids).toEqual(ids)
}

const COUNT = 4
const named = /a part of a queue on the disk is damaged|was being written when the process ended/

describe.each(['kill', 'shutdown'] as const)('damage, after a %s', end => {
  test('cut at every byte: an exact prefix', async () => {
    const disk = await left(COUNT, end)
    const path = lastFile(disk, 'segment')
    const whole = disk.get(path)
    let most = 0
    for (let length = 0; length <= whole.length; length++) {
      const { ids } = await contents(changed(disk, path, whole.subarray(0, length)))
      expect(ids).toEqual(run(1, ids.length))
      expect(ids.length).toBeGreaterThanOrEqual(most)
      most = ids.length
    }
    expect(most).toBe(COUNT)
  })

  test('every bit flipped: what is whole is delivered in order, what is not is named', async () => {
    const disk = await left(COUNT, end)
    const path = lastFile(disk, 'segment')
    const whole = disk.get(path)
    for (let bit = 0; bit < whole.length * 8; bit++) {
      const flipped = Buffer.from(whole)
      flipped[bit >> 3]! ^= 1 << (bit & 7)
      const { ids, lost, said } = await contents(changed(disk, path, flipped))
      expect(ids).toEqual(ids.toSorted((a, b) => a - b))
      expect(ids.length).toBeGreaterThanOrEqual(COUNT - 1)
      if (ids.length < COUNT) expect([lost > 0 || named.test(said.join()), bit]).toEqual([true, bit])
      if (bit % 97 === 0) await isRepaired(changed(disk, path, flipped), ids)
    }
  })

  test('a run of zeros or of noise anywhere: never wrong data', async () => {
    const disk = await left(COUNT, end)
    const path = lastFile(disk, 'segment')
    const whole = disk.get(path)
    const random = seeded(5)
    for (let round = 0; round < 100; round++) {
      const noisy = Buffer.from(whole)
      const from = Math.floor(random() * noisy.length)
      const to = from + Math.floor(random() * 200)
      for (let at = from; at < Math.min(to, noisy.length); at++) noisy[at] = round % 2 === 0 ? 0 : Math.floor(random() * 256)
      const { ids, lost, said } = await contents(changed(disk, path, noisy))
      expect(ids).toEqual(ids.toSorted((a, b) => a - b))
      if (ids.length < COUNT) expect(lost > 0 || named.test(said.join())).toBe(true)
    }
  })
})

test('marks that are damaged cost a repetition, and never a row', async () => {
  const first = await start(new MemoryDisk())
  for (const id of run(1, 6)) {
    if (id === 4) first.destination.reply = stuck()
    await consume(first, id)
    await settled(5)
  }
  const disk = first.disk.after('kill')
  const path = lastFile(disk, 'acks')
  const whole = disk.get(path)
  for (let bit = 0; bit < whole.length * 8; bit += 29) {
    const flipped = Buffer.from(whole)
    flipped[bit >> 3]! ^= 1 << (bit & 7)
    const ids = await delivers(changed(disk, path, flipped))
    expect(ids.filter(id => id >= 4)).toEqual([4, 5, 6])
  }
  for (let length = 0; length < whole.length; length += 13) {
    const ids = await delivers(changed(disk, path, whole.subarray(0, length)))
    expect(ids.filter(id => id >= 4)).toEqual([4, 5, 6])
  }
})

/** Takes over batches one after the other while a destination is there, is gone, and is there again. */
async function someLife(process: Process, acknowledged: number[]): Promise<void> {
  for (const id of run(1, 12)) {
    process.destination.reply = id % 6 < 3 ? () => delivered : () => later
    await consume(process, id).then(
      () => acknowledged.push(id),
      (error: unknown) => expect(error).toBeInstanceOf(RetryableError),
    )
    await process.cx.clock.advance(400)
  }
}
const life = { settings: { max_size: 1 << 20 }, retry: { initial_interval: '300ms', max_elapsed_time: 0 }, queue: { max_bytes: 12 } }

/** What the world has not seen of a destination before and after a restart; and what it saw twice, though not counted as `resent`. */
async function missing(
  acknowledged: readonly number[],
  before: readonly number[],
  disk: MemoryDisk,
): Promise<{ lost: number[]; uncounted: number }> {
  const process = await start(disk)
  await process.cx.clock.advance(100)
  await process.end()
  const after = process.destination.delivered
  const there = new Set([...before, ...after])
  const twice = after.filter(id => before.includes(id)).length
  return { lost: acknowledged.filter(id => !there.has(id)), uncounted: Math.max(0, twice - process.cx.account('metrics').resent) }
}

describe('the nth operation of the disk fails, for n = 1, 2, 3, …', () => {
  test.each<[string, boolean]>([
    ['once', false],
    ['and all that follow', true],
  ])('%s: nothing that was taken over is lost', async (_name, forever) => {
    for (let n = 1; ; n++) {
      const disk = new MemoryDisk()
      let failed = false
      disk.before = (_operation, _path, count) => {
        if (count !== n && !(forever && count > n)) return
        failed = true
        throw failure('EIO')
      }
      const acknowledged: number[] = []
      let before: readonly number[] = []
      try {
        const process = await start(disk, life)
        before = process.destination.delivered
        await someLife(process, acknowledged)
        await process.end()
      } catch (error) {
        // What cannot be opened says so before anything was taken over.
        expect((error as Error).name).toBe('StartError')
        expect((error as Error).message).toMatch(/EIO/)
        expect(acknowledged).toEqual([])
      }
      disk.before = () => {}
      running.length = 0
      expect([n, (await missing(acknowledged, before, disk.after('kill'))).lost]).toEqual([n, []])
      if (!failed) {
        expect(n).toBeGreaterThan(30)
        break
      }
      if (!forever && n > 10) expect(acknowledged.length).toBeGreaterThan(7)
    }
  })

  test('while reading back: nothing is lost, and nothing is delivered wrong', async () => {
    const disk = await left(COUNT, 'shutdown')
    for (let n = 1; ; n++) {
      const copy = disk.after('kill')
      let failed = false
      copy.before = (_operation, _path, count) => {
        if (count !== n) return
        failed = true
        throw failure('EIO')
      }
      let there: number[] = []
      try {
        const process = await start(copy, { queue: { max_bytes: 16 } })
        await process.cx.clock.advance(5000)
        there = process.destination.delivered
        await process.end()
      } catch (error) {
        expect((error as Error).name).toBe('StartError')
      }
      running.length = 0
      copy.before = () => {}
      const all = new Set([...there, ...(await delivers(copy.after('kill')))])
      expect([n, [...all].filter(id => id < 1000).toSorted((a, b) => a - b)]).toEqual([n, run(1, COUNT)])
      if (!failed) break
    }
  })
})

test.each(['kill', 'loss of power'] as const)('a %s before any operation: everything that was acknowledged is there', async end => {
  for (let n = 1; ; n++) {
    const disk = new MemoryDisk()
    const acknowledged: number[] = []
    let ended: { disk: MemoryDisk; acknowledged: number[]; before: number[] } | undefined
    let process: Process | undefined
    disk.before = (_operation, _path, count) => {
      if (count === n)
        ended = { disk: disk.after(end), acknowledged: [...acknowledged], before: [...(process?.destination.delivered ?? [])] }
    }
    process = await start(disk, life)
    await someLife(process, acknowledged)
    await process.end()
    if (ended === undefined) break
    const { lost, uncounted } = await missing(ended.acknowledged, ended.before, ended.disk)
    expect([n, lost]).toEqual([n, []])
    // Marks are synced once a second: a loss of power may take them.
    if (end === 'kill') expect([n, uncounted]).toEqual([n, 0])
  }
})

test('a disk that is full, and free again', async () => {
  const disk = new MemoryDisk()
  const process = await start(disk, { settings: { min_free_space: 0 }, reply: stuck() })
  await consume(process, 1)
  disk.capacity = disk.bytes + 100
  const refused: number[] = []
  const taken = [1]
  for (const id of run(2, 20)) {
    if (id === 12) disk.capacity = Number.POSITIVE_INFINITY
    if (id === 12) await process.cx.clock.advance(1000)
    await consume(process, ...run(id * 100, 20)).then(
      () => taken.push(id),
      () => refused.push(id),
    )
  }
  expect(refused).toEqual(run(2, 10))
  expect(process.imbalance()).toBe(0)
  const ids = await delivers(disk.after('loss of power'))
  expect(ids).toEqual([1, ...run(12, 10).flatMap(id => run(id * 100, 20))])
  expect(process.own.lines.map(({ message }) => message)).toContain('the disk takes nothing: senders are asked to come again')
})

// ------------------------------------------------------------------------------------------------ the start

describe('the start', () => {
  test('refuses a directory that is not there', async () => {
    await expect(start(new MemoryDisk(), { settings: { create_directory: false } })).rejects.toThrow(
      'extensions.file_storage.directory: the queues in "/queues" cannot be read: a part of the path does not exist (ENOENT)',
    )
  })
  test('refuses a directory that another process has, after having waited', async () => {
    const disk = new MemoryDisk()
    await start(disk)
    const clock = new VirtualClock()
    const second = factory.create(testContext({ clock, disk, id: 'file_storage' }), factory.config.parse({ directory }))
    const refused = expect(second.start?.()).rejects.toThrow(/"\/queues" is in use/)
    await clock.advance(2000)
    await refused
  })
  test('waits for a process that ends', async () => {
    const disk = new MemoryDisk()
    const first = await start(disk)
    const clock = new VirtualClock()
    const second = factory.create(testContext({ clock, disk, id: 'file_storage' }), factory.config.parse({ directory }))
    const started = second.start?.()
    await clock.advance(500)
    await first.end()
    await clock.advance(500)
    await started
    await second.shutdown?.(AbortSignal.abort())
  })
  test.each([false, true])('a file of another version is refused by name, or moved aside (recreate: %s)', async recreate => {
    const disk = await left(COUNT, 'kill')
    const path = lastFile(disk, 'segment')
    const other = Buffer.from(disk.get(path))
    other.writeUInt16LE(2, 8)
    other.writeUInt32LE(crc32(other.subarray(0, 36)), 36)
    const copy = changed(disk, path, other)
    if (!recreate) {
      await expect(start(copy)).rejects.toThrow(`extensions.file_storage: ${JSON.stringify(path)} is of version 2 of the format`)
      return
    }
    const process = await start(copy, { settings: { recreate } })
    await consume(process, 99)
    await settled(5)
    expect(process.destination.delivered).toEqual([99])
    expect([...copy.files.keys()].filter(name => name.endsWith('.backup'))).toEqual([`${path}.2023-11-14T221320.000Z.backup`])
  })
  test('says what the Collector has left there', async () => {
    const disk = new MemoryDisk()
    disk.put(`${directory}/exporter_otlp_http__metrics`, Buffer.from('bbolt'))
    const { own } = await start(disk)
    expect(own.lines.map(({ level, fields }) => [level, fields['file']])).toEqual([['warn', '/queues/exporter_otlp_http__metrics']])
  })
})

test('a segment that cannot be read at all is set aside after a while, and what comes after it is delivered', async () => {
  const first = await start(new MemoryDisk(), { settings: { max_size: 1 << 20 }, reply: stuck() })
  for (let id = 0; id < 40_000; id += 1000) await consume(first, ...run(id, 1000))
  const disk = first.disk.after('kill')
  const [unreadable] = [...disk.files.keys()].filter(name => name.endsWith('.segment')).sort()
  let reads = 0
  disk.before = (operation, path) => {
    // The start reads its header and its footer.
    if (operation === 'read' && path === unreadable && ++reads > 2) throw failure('EIO')
  }
  const process = await start(disk, { settings: { max_size: 1 << 20 } })
  await process.cx.clock.advance(60_000)
  const account = process.cx.account('metrics')
  const lost = account.dropped.get('damaged')!
  expect(lost).toBeGreaterThan(0)
  expect([account.held(), account.taken + lost]).toEqual([0, 40_000])
  expect(process.destination.delivered.at(-1)).toBe(39_999)
  expect(disk.files.has(`${unreadable}.unreadable`)).toBe(true)
})

test('rows of an exporter that does not run any more are said, and kept', async () => {
  const first = await start(new MemoryDisk(), { reply: stuck() })
  await consume(first, 1, 2, 3)
  const disk = first.disk.after('kill')
  const cx = testContext({ disk, id: 'file_storage' })
  const storage = factory.create(cx, factory.config.parse({ directory }))
  await storage.start?.()
  await cx.clock.advance(5000)
  await storage.shutdown?.(AbortSignal.abort())
  expect(cx.lines).toEqual([
    {
      level: 'warn',
      message: 'rows wait for an exporter that does not run: they are kept, and not sent',
      fields: { folder: `${directory}/exporter.otlp_http.metrics`, rows: 3 },
    },
  ])
  expect(await delivers(disk)).toEqual([1, 2, 3])
})

test('names of exporters become names of folders', () => {
  expect(folderName({ id: 'otlp_http/jaeger ü', signal: 'traces' })).toBe('exporter.otlp_http~002Fjaeger~0020~00FC.traces')
})

test.each(run(1, 10))('ranges are sets (seed %d)', seed => {
  const random = seeded(seed)
  const ranges = new Ranges()
  const set = new Set<number>()
  for (let step = 0; step < 60; step++) {
    const from = Math.floor(random() * 100)
    const to = from + Math.floor(random() * 6)
    const fresh = run(from, to - from + 1).every(n => !set.has(n))
    for (const n of run(from, to - from + 1)) set.add(n)
    expect(ranges.add(from, to)).toBe(fresh)
    expect(ranges.last).toBe(Math.max(...set))
    expect(run(-2, 112).filter(n => ranges.has(n) !== set.has(n))).toEqual([])
  }
  const gaps = [...set].filter(n => !set.has(n + 1)).length
  expect(ranges.length).toBe(gaps)
})
