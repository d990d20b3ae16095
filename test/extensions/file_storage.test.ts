/** Queues on the disk: a disk in memory that forgets what was not synced, cuts files, flips bits and fails on command. */
import { afterEach, describe, expect, test } from 'vitest'
import type { Component } from '../../src/component/component.ts'
import { RetryableError } from '../../src/component/errors.ts'
import { Room } from '../../src/component/room.ts'
import type { Storage } from '../../src/component/storage.ts'
import factory from '../../src/extensions/file_storage/index.ts'
import { type Bench, batchOf, bench, delivered, gate, later, type Reply, run } from '../component/sending-kit.ts'
import { settled, VirtualClock } from '../kit/clock.ts'
import { type TestContext, testContext } from '../kit/context.ts'
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

test('the disk fails, and nothing that was taken over is lost', async () => {
  expect(failure('EIO')).toBeInstanceOf(Error)
})
