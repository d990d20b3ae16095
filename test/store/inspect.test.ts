/** A directory with every kind of file that a store has: whatever is damaged in any of them is found, told by its name, and repaired. */
import { describe, expect, test } from 'vitest'
import { Raw } from '../../src/model/raw.ts'
import { createReader } from '../../src/otlp/reader.ts'
import { RecordRing } from '../../src/store/records/store.ts'
import { TestOutside } from '../commands/outside.ts'
import { VirtualClock } from '../kit/clock.ts'
import { MemoryDisk } from '../kit/disk.ts'
import { logsRequest, tracesRequest } from '../kit/otlp.ts'
import { mode, openJournal } from './journal/opened.ts'
import { batch, openStore } from './opened.ts'

const T = 1_699_999_260_000

/** Samples in blocks and a log, metadata, spans in two files of which one has an index, log records, a journal of three files with a snapshot. */
async function filled(): Promise<MemoryDisk> {
  const disk = new MemoryDisk()
  const clock = new VirtualClock(T)
  const { store } = await openStore(disk, clock)
  const first = batch(['up', T, 1], ['up', T + 1, 0.25], ['down', T, 3])
  first.metadata.push({ family: 'up', metadata: { type: 'gauge', unit: '', help: 'Whether it is.' } })
  await store.append(first)
  await store.seal()
  await store.maintain()
  for (let i = 0; i < 4; i++) await store.append(batch(['up', T + 1000 + i, i], ['other', T + i, i]))
  await store.close()
  const reader = createReader()
  for (const [signal, folder, request] of [
    ['traces', 'spans', tracesRequest],
    ['logs', 'logs', logsRequest],
  ] as const) {
    for (let opened = 0; opened < 2; opened++) {
      const log = { debug() {}, info() {}, warn() {}, error() {} }
      const settings = { directory: `/store/${folder}`, retentionMs: 1e12, maxBytes: 2 ** 26, syncMs: 1000 }
      const ring = await RecordRing.open(signal, settings, { disk, clock, log, random: () => (opened + 1) / 10 })
      for (let i = 0; i < 3; i++) await ring.append(reader.read(signal, Raw.of(request({ [signal]: 1 + i } as never))) as never)
      await ring.close()
    }
  }
  for (let opened = 0; opened < 2; opened++) {
    const { journal } = await openJournal(disk, { directory: '/store/journal' }, clock)
    for (let i = 0; i < 3; i++) await journal.append(mode(`${opened}.${i}`), `key-${opened}.${i}`)
    await journal.saveSnapshot('reader', { position: 2, state: { a: 1 } })
    await journal.close()
  }
  return disk.after('kill')
}

const run = (disk: MemoryDisk, ...args: string[]) => Object.assign(new TestOutside(), { disk }).thalamus('store', ...args)
const kindOf = (path: string) => path.replace(/^.*\.(?=[a-z-]+$)/, '').replace(/^.*\//, '')
const whole = await filled()
const files = [...whole.files.keys()].filter(path => !path.endsWith('/lock'))

test('all is whole, and told by kind', async () => {
  expect([...new Set(files.map(kindOf))].sort()).toEqual([
    'block',
    'index',
    'journal',
    'logs',
    'logs-index',
    'notes',
    'snapshot',
    'spans',
    'spans-index',
    'wal',
  ])
  const { code, out } = await run(whole, 'verify', '/store')
  expect([code, out.split('\n').at(-2)]).toEqual([0, expect.stringMatching(/^\/store: \d+ files, all is whole$/)])
  const stats = await run(whole, 'stats', '/store')
  expect(
    stats.out
      .replace(/[\d.]+(B|KiB)/g, 'N')
      .split('\n')
      .filter(line => /spans|logs|journal/.test(line)),
  ).toEqual([
    expect.stringMatching(/^ {2}spans {3}2 files, N, \d+ rows in 6 batches, written 2023-11-14T22:01:00.000Z to /),
    expect.stringMatching(/^ {2}logs {4}2 files, N, \d+ rows in 6 batches, written /),
    expect.stringMatching(/^ {2}journal 2 files, N, 6 entries, written /),
  ])
})

describe.each(files)('%s', path => {
  const bytes = whole.get(path)
  const step = Math.max(1, Math.floor(bytes.length / 60))

  test('a bit of any byte', async () => {
    for (let at = 0; at < bytes.length; at += step) {
      const disk = whole.after('kill')
      const damaged = Buffer.from(bytes)
      damaged[at]! ^= 1 << (at % 8)
      disk.put(path, damaged)
      const { code, out } = await run(disk, 'verify', '/store')
      // What is made of other files is made anew: said, and no damage. The end of a log, or of a file of records, may have been under way.
      const name = out
        .split('\n')
        .slice(0, -2)
        .map(line => line.includes(path))
      expect({ at, said: name.includes(true) }).toEqual({ at, said: true })
      if (['block', 'notes', 'snapshot'].includes(kindOf(path))) expect({ at, code }).toEqual({ at, code: 2 })
      if (code !== 2) continue
      const repaired = await run(disk, 'repair', '/store')
      expect(repaired.code).toBe(2)
      if (/not repaired/.test(repaired.out)) continue
      expect((await run(disk, 'verify', '/store')).code).toBe(0)
    }
  })

  test('cut at any byte', async () => {
    const boundaries = new Set<number>()
    for (let length = 0; length < bytes.length; length += step) {
      const disk = whole.after('kill')
      disk.put(path, bytes.subarray(0, length))
      const { code, out } = await run(disk, 'verify', '/store')
      if (!out.includes(`${path}: `) && !out.includes(`${path} `)) boundaries.add(length)
      else if (['block', 'notes', 'snapshot'].includes(kindOf(path))) expect({ length, code }).toEqual({ length, code: 2 })
    }
    // A file of records that ends where one does is whole.
    const records = ['wal', 'spans', 'logs', 'journal'].includes(kindOf(path))
    expect(boundaries.size).toBeLessThanOrEqual(records ? 8 : 0)
  })
})

describe('the version of metadata and exemplars', () => {
  const path = '/store/notes'
  const withVersion = (version: number, complement: number): MemoryDisk => {
    const disk = whole.after('kill')
    const bytes = Buffer.from(disk.get(path))
    bytes.writeUInt16LE(version, 8)
    bytes.writeUInt16LE(complement, 10)
    disk.put(path, bytes)
    return disk
  }
  test('damaged, it keeps no store from starting, and is repaired', async () => {
    const { store, lines } = await openStore(withVersion(3, 1 ^ 0xffff))
    expect(lines).toContainEqual({ level: 'warn', message: 'metadata and exemplars are damaged, and left out', fields: { path } })
    await store.close()
    const disk = withVersion(3, 1 ^ 0xffff)
    expect((await run(disk, 'repair', '/store')).out).toContain(path)
    expect((await run(disk, 'verify', '/store')).code).toBe(0)
  })
  test('of a later program, it does', async () => {
    const disk = withVersion(2, 2 ^ 0xffff)
    await expect(openStore(disk)).rejects.toThrow('"/store/notes" is of version 2, which this program does not know')
    expect((await run(disk, 'repair', '/store')).out).toBe('/store/notes: not repaired: it is of version 2, and this program knows 1\n')
  })
})

test('a damaged file of spans, repaired: the rest is found as before', async () => {
  const path = files.find(file => file.endsWith('.spans'))!
  const disk = whole.after('kill')
  disk.get(path)[100]! ^= 1
  const verified = await run(disk, 'verify', '/store')
  expect(verified.out).toContain(`${path}: bytes 40 to `)
  expect((await run(disk, 'repair', '/store')).out).toBe(`${path}: 2 records are kept; the damaged file is ${path}.damaged\n`)
  const log = { debug() {}, info() {}, warn() {}, error() {} }
  const settings = { directory: '/store/spans', retentionMs: 1e12, maxBytes: 2 ** 26, syncMs: 1000 }
  const ring = await RecordRing.open('traces', settings, { disk, clock: new VirtualClock(T), log, random: () => 0.7 })
  expect(ring.figures).toMatchObject({ damaged: 0, segments: 2 })
  await ring.close()
})

test('a folder of it in use: nothing is touched', async () => {
  const path = files.find(file => file.endsWith('.journal'))!
  const disk = whole.after('kill')
  disk.get(path)[100]! ^= 1
  const held = await disk.lock('/store/journal/lock')
  expect(await run(disk, 'repair', '/store')).toMatchObject({
    code: 3,
    err: expect.stringContaining('/store/journal: a running process has it'),
  })
  await held!.release()
  expect(disk.files.has(`${path}.damaged`)).toBe(false)
})
