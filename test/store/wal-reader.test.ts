/** Damage of every kind to a log: what is whole is read, what is lost is told, and nothing is ever wrong. */
import { describe, expect, test } from 'vitest'
import { Incoming } from '../../src/store/incoming.ts'
import { inspectStore } from '../../src/store/inspect.ts'
import { readWal } from '../../src/store/wal-reader.ts'
import { VirtualClock } from '../kit/clock.ts'
import { MemoryDisk } from '../kit/disk.ts'
import { Chance } from '../kit/otlp.ts'
import { batch, handle, openStore, shown } from './opened.ts'

const T = 1_699_999_260_000
const BATCHES = 12

/** Batch `i` has a sample of `all`, and of `odd` or `even`; `late` is named by the seventh. */
const seriesOf = (i: number) => ['all', i % 2 === 0 ? 'even' : 'odd', ...(i < 6 ? [] : ['late'])]

interface Filled {
  readonly disk: MemoryDisk
  readonly path: string
  readonly whole: Buffer
  /** [batches + 1] where each begins, and where the last ends */
  readonly places: readonly number[]
}

async function filled(): Promise<Filled> {
  const { store, disk } = await openStore(new MemoryDisk(), new VirtualClock(T))
  const path = [...disk.files.keys()].find(name => name.endsWith('.wal'))!
  const places = [disk.get(path).length]
  for (let i = 0; i < BATCHES; i++) {
    await store.append(batch(...seriesOf(i).map(name => [name, T + i, i] as const)))
    places.push(disk.get(path).length)
  }
  return { disk: disk.after('kill'), path, whole: disk.get(path), places }
}

/** What is to be there where the batches in `lost` are not: samples whose series was named by one that is. */
function expected(lost: ReadonlySet<number>): string[] {
  const left = Array.from({ length: BATCHES }, (_, i) => i).filter(i => !lost.has(i))
  return ['all', 'even', 'late', 'odd'].flatMap(name => {
    const first = Array.from({ length: BATCHES }, (_, i) => i).find(i => seriesOf(i).includes(name))!
    const batches = lost.has(first) ? [] : left.filter(i => seriesOf(i).includes(name))
    return batches.length === 0 ? [] : [`${name} ${batches.map(i => `${T + i}:${i}`).join(' ')}`]
  })
}

async function found(disk: MemoryDisk, path: string, bytes: Buffer) {
  const damaged = disk.after('kill')
  damaged.put(path, bytes)
  const reports = await inspectStore(damaged, '/store')
  const opened = await openStore(damaged, new VirtualClock(T))
  const lines: string[] = []
  for (const name of ['all', 'even', 'late', 'odd'])
    for (const line of await shown(opened.store, name)) lines.push(`${name}${line.slice(2)}`)
  await opened.store.close()
  return {
    lines,
    said: opened.lines.filter(({ level }) => level === 'error' || level === 'warn'),
    report: reports.find(({ kind }) => kind === 'log')!,
  }
}

test('a bit here or there: all but one batch, and what nobody names without it', async () => {
  const { disk, path, whole, places } = await filled()
  for (let at = places[0]!; at < whole.length; at += 3) {
    const bytes = Buffer.from(whole)
    bytes[at]! ^= 1 << (at % 8)
    const lost = places.findLastIndex(place => place <= at)
    const { lines, said, report } = await found(disk, path, bytes)
    expect(lines).toEqual(expected(new Set([lost])))
    const last = lost === BATCHES - 1
    expect(said.map(({ level, message }) => `${level}: ${message}`)).toEqual([
      last
        ? 'warn: a log ends in a record that is not whole: it was not acknowledged, or it is damaged'
        : 'error: a log is damaged: what came before and after is read, and what lay between is lost',
    ])
    expect(report.torn).toBe(last ? whole.length - places[lost]! : 0)
    if (!last) expect(report.problems[0]).toBe(`what lies from byte ${places[lost]} to ${places[lost + 1]} is damaged and lost`)
  }
})

test('a hole says how large it is, and how many samples nobody names', async () => {
  const { disk, path, whole, places } = await filled()
  const bytes = Buffer.from(whole)
  bytes.fill(0, places[6]! + 3, places[8]! + 5)
  const { said, report } = await found(disk, path, bytes)
  expect(said.map(({ fields }) => fields)).toMatchObject([{ holes: 1, at: places[6], bytes: places[9]! - places[6]!, nameless: 3 }])
  expect(report.problems).toEqual([
    `what lies from byte ${places[6]} to ${places[9]} is damaged and lost`,
    '3 samples behind that are of series that it had named, and lost as well',
  ])
})

describe.each<[string, (bytes: Buffer, from: number, to: number, chance: Chance) => Buffer]>([
  ['zeros', (bytes, from, to) => Buffer.from(bytes).fill(0, from, to)],
  [
    'noise',
    (bytes, from, to, chance) => Buffer.from(bytes).fill(Buffer.from(Array.from({ length: to - from }, () => chance.int(256))), from, to),
  ],
  ['gone', (bytes, from, to) => Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)])],
  ['twice', (bytes, from, to) => Buffer.concat([bytes.subarray(0, to), bytes.subarray(from)])],
])('%s anywhere, of any length', (kind, damage) => {
  test('every batch that is untouched, and nothing else', async () => {
    const { disk, path, whole, places } = await filled()
    const chance = new Chance(3)
    for (let round = 0; round < 150; round++) {
      const from = places[0]! + chance.int(whole.length - places[0]!)
      const to = Math.min(whole.length, from + 1 + chance.int(chance.is(0.5) ? 20 : 400))
      const bytes = damage(whole, from, to, chance)
      const touched = kind === 'twice' ? [] : places.flatMap((begin, i) => (i < BATCHES && begin < to && places[i + 1]! > from ? [i] : []))
      // Bytes that come in between harm at most the batch they come into; and what is put in a byte's place may be that byte, at either end.
      const ends = kind === 'twice' ? [places.findLastIndex(begin => begin < to)] : [touched[0], touched.at(-1)]
      const may = [[], [ends[0]], [ends[1]], ends].flatMap(some => [
        expected(new Set(touched.filter(i => !some.includes(i)))),
        ...(kind === 'twice' ? [expected(new Set(ends as number[]))] : []),
      ])
      const { lines } = await found(disk, path, bytes)
      expect(may).toContainEqual(lines)
    }
  })
})

test('what a write that failed has left behind is not taken for a record after a hole', async () => {
  const { store, disk } = await openStore(new MemoryDisk(), new VirtualClock(T))
  const path = [...disk.files.keys()].find(name => name.endsWith('.wal'))!
  const large = new Incoming()
  for (let i = 0; i < 50; i++) large.number(handle('all'), T + 100 + i, 1)
  let failing = false
  disk.before = operation => {
    if (failing && operation === 'sync') throw Object.assign(new Error('EIO'), { code: 'EIO' })
  }
  failing = true
  await store.append(large).catch(() => {})
  failing = false
  await store.append(batch(['odd', T, 1]))
  expect(disk.get(path).length).toBeGreaterThan(100)
  const { said, lines } = await found(disk.after('kill'), path, disk.get(path))
  expect(lines.filter(line => line.startsWith('odd'))).toEqual([`odd ${T}:1`])
  expect(said.map(({ message }) => message)).not.toContain(
    'a log is damaged: what came before and after is read, and what lay between is lost',
  )
  await store.close().catch(() => {})
})

test('the header, any byte of it: put aside, and said', async () => {
  const { disk, path, whole, places } = await filled()
  for (let at = 0; at < places[0]!; at++) {
    const bytes = Buffer.from(whole)
    bytes[at]! ^= 1 << (at % 8)
    const damaged = disk.after('kill')
    damaged.put(path, bytes)
    const { problems } = (await inspectStore(damaged, '/store')).find(({ kind }) => kind === 'log')!
    expect(problems).toEqual(['it does not begin as a log does'])
    const { lines } = await openStore(damaged, new VirtualClock(T))
    expect(lines.map(({ message }) => message)).toEqual(['a log does not begin as one does, and is put aside'])
    expect(damaged.get(`${path}.damaged`)).toEqual(bytes)
  }
})

test('records larger than what is read at once, with a hole between', async () => {
  const { store, disk } = await openStore(new MemoryDisk(), new VirtualClock(T))
  const path = [...disk.files.keys()].find(name => name.endsWith('.wal'))!
  const places = [disk.get(path).length]
  for (let i = 0; i < 3; i++) {
    const large = new Incoming()
    for (let k = 0; k < 250_000; k++) large.number(handle('all'), T - 1_000_000 + 250_000 * i + k, k)
    await store.append(large)
    places.push(disk.get(path).length)
  }
  const bytes = Buffer.from(disk.get(path))
  bytes[places[1]! + 4_500_000]! ^= 1
  disk.put(path, bytes)
  const file = await disk.open(path, 'read')
  const lengths: number[] = []
  const end = await readWal(file, Number.parseInt(path.slice(-12), 10), body => void lengths.push(body.length))
  expect(lengths).toEqual([places[1]! - places[0]! - 16, places[3]! - places[2]! - 16])
  expect(end).toMatchObject({ holes: [{ at: places[1], end: places[2] }], torn: 0 })
})
