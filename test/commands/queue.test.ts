/** `thalamus queue`: of a queue that is whole, damaged, in use, or none. */
import { beforeEach, describe, expect, test } from 'vitest'
import type { Component } from '../../src/component/component.ts'
import type { Storage } from '../../src/component/storage.ts'
import factory from '../../src/extensions/file_storage/index.ts'
import { Raw } from '../../src/model/raw.ts'
import { testContext } from '../kit/context.ts'
import { MemoryDisk } from '../kit/disk.ts'
import { TestOutside } from './outside.ts'

const directory = '/queues'
const folder = `${directory}/exporter.otlp_http.traces`
let disk: MemoryDisk
let segment: string

/** Three batches of 10, 20 and 30 rows: the first done, the second begun, a second apart; the process was killed. */
beforeEach(async () => {
  const running = new MemoryDisk()
  const cx = testContext({ disk: running, id: 'file_storage' })
  const storage = factory.create(cx, factory.config.parse({ directory, create_directory: true })) as Component & Storage
  await storage.start?.()
  const queue = await storage.openQueue({ id: 'otlp_http', signal: 'traces', keeps: () => true, freed() {} })
  const bodies = []
  for (const rows of [10, 20, 30]) {
    bodies.push((await queue.append(Raw.of(Buffer.alloc(rows, rows)), rows, false))!)
    await cx.clock.advance(1000)
  }
  await queue.begin([bodies[0]!])
  queue.settle([bodies[0]!])
  await queue.begin([bodies[1]!])
  disk = running.after('kill')
  segment = [...disk.files.keys()].find(name => name.endsWith('.segment'))!
})

function thalamus(...args: string[]) {
  const outside = new TestOutside()
  outside.disk = disk
  return outside.thalamus('queue', ...args)
}

/** Turns the bytes of the batch that holds `rows` into others. */
function damage(rows: number): void {
  const bytes = Buffer.from(disk.get(segment))
  bytes[bytes.indexOf(Buffer.alloc(rows, rows)) + 3]! ^= 4
  disk.put(segment, bytes)
}

const sums = [
  `${folder}: 1 file, 220B`,
  '  waiting    50 rows in 2 batches, 50B',
  '  written    2023-11-14T22:13:21.000Z to 2023-11-14T22:13:22.000Z',
  '  under way  20 rows in 1 batch: the destination may have them already',
]

test('stats says what waits', async () => {
  expect(await thalamus('stats', directory)).toEqual({ code: 0, out: `${sums.join('\n')}\n`, err: '' })
  expect(await thalamus('stats', folder)).toEqual({ code: 0, out: `${sums.join('\n')}\n`, err: '' })
})
test('stats as JSON', async () => {
  const { code, out } = await thalamus('stats', directory, '--json')
  expect(code).toBe(0)
  expect(JSON.parse(out)).toMatchObject([
    { folder, files: 1, waiting: { batches: 2, rows: 50, bytes: 50 }, begun: { batches: 1, rows: 20 }, done: { batches: 1, rows: 10 } },
  ])
})
test('verify of what is whole', async () => {
  expect(await thalamus('verify', directory)).toEqual({ code: 0, out: [...sums, `${directory}: all is whole`, ''].join('\n'), err: '' })
})
test('a directory without queues', async () => {
  disk = new MemoryDisk()
  await disk.makeFolder(directory)
  expect(await thalamus('stats', directory)).toEqual({ code: 0, out: `${directory}: no queues\n`, err: '' })
  expect(await thalamus('verify', directory)).toEqual({ code: 0, out: `${directory}: no queues\n`, err: '' })
})
test.each(['stats', 'verify', 'repair'])('%s of a directory that is something else', async verb => {
  disk = new MemoryDisk()
  await disk.makeFolder('/var')
  await disk.makeFolder('/var/home')
  disk.put('/var/home/notes.txt', Buffer.from('milk'))
  const err = '/var/home: there are other files here, and no queues\n  name the directory of a file_storage\n'
  expect(await thalamus(verb, '/var/home')).toEqual({ code: 1, out: '', err })
})

describe('a queue that is damaged', () => {
  test('verify says where, how much, and when it was written', async () => {
    damage(20)
    const { code, out } = await thalamus('verify', directory)
    expect(code).toBe(2)
    expect(out.split('\n').slice(1)).toEqual([
      '  waiting    30 rows in 1 batch, 30B',
      '  written    2023-11-14T22:13:22.000Z to 2023-11-14T22:13:22.000Z',
      `  ${segment}`,
      '    at byte 90: 60 bytes are damaged: 1 batch with 20 rows lost, written 2023-11-14T22:13:21.000Z',
      `${directory}: damaged, 20 rows are lost; what is whole is delivered at the next start, and kept by thalamus queue repair`,
      '',
    ])
  })
  test('what was delivered already is not missed', async () => {
    damage(10)
    expect((await thalamus('verify', directory)).code).toBe(0)
  })
  test('where nobody can tell how many rows, the times around it are said', async () => {
    const bytes = Buffer.from(disk.get(segment))
    bytes.fill(7, 90, 140)
    disk.put(segment, bytes)
    const { out } = await thalamus('verify', directory)
    expect(out).toContain(
      'at byte 90: 60 bytes are damaged: 1 batch with an unknown number of rows lost, written between 2023-11-14T22:13:20.000Z and 2023-11-14T22:13:22.000Z',
    )
    expect(out).toContain('damaged, at least 0 rows are lost')
  })
  test('what was being written when the process ended is no damage', async () => {
    disk.put(segment, disk.get(segment).subarray(0, 215))
    const { code, out } = await thalamus('verify', directory)
    expect(code).toBe(0)
    expect(out).toContain('at byte 150: 65 bytes were being written when the process ended; nobody was told that they are held')
  })
  test('repair keeps what is whole, and the damaged file beside it', async () => {
    damage(20)
    const damaged = Buffer.from(disk.get(segment))
    const { code, out } = await thalamus('repair', directory)
    expect(code).toBe(2)
    expect(out.split('\n')).toEqual([
      `${segment}: 2 batches with 40 rows are kept; the damaged file is ${segment}.damaged`,
      '    at byte 90: 60 bytes are damaged: 1 batch with 20 rows lost, written 2023-11-14T22:13:21.000Z',
      '',
    ])
    expect(disk.get(`${segment}.damaged`)).toEqual(damaged)
    expect((await thalamus('verify', directory)).code).toBe(0)
    expect((await thalamus('repair', directory)).out).toBe(`${directory}: nothing to repair\n`)
    expect((await thalamus('stats', directory)).out).toContain('waiting    30 rows in 1 batch, 30B')
  })
  test('repair is interrupted at any operation: what was whole is still there', async () => {
    damage(20)
    const before = disk
    for (let n = 1; ; n++) {
      disk = before.after('kill')
      let failed = false
      disk.before = (_operation, _path, count) => {
        if (count < n) return
        failed = true
        throw Object.assign(new Error('gone'), { code: 'EIO' })
      }
      await thalamus('repair', directory)
      if (!failed) break
      for (const end of ['kill', 'loss of power'] as const) {
        const left = disk
        disk = left.after(end)
        await thalamus('repair', directory)
        expect([n, end, (await thalamus('stats', directory)).out]).toEqual([n, end, expect.stringContaining('waiting    30 rows')])
        disk = left
      }
    }
  })
  test('repair touches nothing that a process has, whichever folder is named', async () => {
    damage(20)
    disk.put(`${directory}/thalamus.lock`, Buffer.alloc(0))
    const lock = await disk.lock(`${directory}/thalamus.lock`)
    const files = new Map([...disk.files].map(([name, { content }]) => [name, content.toString('hex')]))
    for (const path of [directory, `${directory}/`, folder]) {
      const { code, err } = await thalamus('repair', path)
      expect([code, err]).toEqual([3, expect.stringContaining('a running process has it, and nothing was touched')])
    }
    expect(new Map([...disk.files].map(([name, { content }]) => [name, content.toString('hex')]))).toEqual(files)
    await lock!.release()
    expect((await thalamus('repair', folder)).code).toBe(2)
  })
})
