/** `thalamus journal`: what was decided, from a directory that a process writes, has written, or has damaged. */
import { beforeEach, expect, test } from 'vitest'
import type { NewEntry } from '../../src/model/journal.ts'
import type { MemoryDisk } from '../kit/disk.ts'
import { day, mode, openJournal } from '../store/journal/opened.ts'
import { TestOutside } from './outside.ts'

const alert: NewEntry = {
  kind: 'alert',
  data: { alert: 'Down', labels: { job: 'cart' }, from: 'pending', to: 'firing', value: 3, activeAt: 0 },
}
let disk: MemoryDisk
let begun: string[]

/** A file a day: 1 and 2, 3, 4; of which the last is still written to. */
beforeEach(async () => {
  const { journal, disk: written, clock } = await openJournal()
  begun = []
  const append = async (entry: NewEntry, key: string) => {
    begun.push(new Date(clock.now()).toISOString())
    await journal.append(entry, key)
  }
  await append(mode('1'), 'a')
  await append(alert, 'b')
  await clock.advance(day)
  await append(mode('3'), 'c')
  await clock.advance(day)
  await append(mode('4'), 'd')
  disk = written
})

function thalamus(...args: string[]) {
  const outside = new TestOutside()
  outside.disk = disk
  return outside.thalamus('journal', '/journal/', ...args)
}
const lines = () => [
  `${begun[0]}  1  mode breaker x -> 1`,
  `${begun[1]}  2  alert Down{job="cart"} pending -> firing 3`,
  `${begun[2]}  3  mode breaker x -> 3`,
  `${begun[3]}  4  mode breaker x -> 4`,
]
const text = (...ids: number[]) => ids.map(id => `${lines()[id - 1]}\n`).join('')

test.each<[string, () => string[], number[]]>([
  ['all of it, while its process runs', () => [], [1, 2, 3, 4]],
  ['some kinds', () => ['--kinds', 'alert, approval'], [2]],
  ['from an id on', () => ['--from', '2'], [2, 3, 4]],
  ['since a time, up to a time', () => ['--from', begun[2]!, '--to', begun[2]!], [3]],
  ['the last flag counts', () => ['--from', '1', '--from', '4'], [4]],
])('%s', async (_, args, ids) => {
  expect(await thalamus(...args())).toEqual({ code: 0, out: text(...ids), err: '' })
})

test('nothing that is as asked', async () => {
  expect(await thalamus('--kinds', 'model')).toEqual({ code: 0, out: '', err: '/journal: no such entries\n' })
})

test('files of which an index says that nothing is wanted are not read', async () => {
  const reads = new Map<string, number>()
  disk.before = (operation, path) => void (operation === 'read' && reads.set(path, (reads.get(path) ?? 0) + 1))
  await thalamus('--from', begun[3]!)
  const files = [...disk.files.keys()].filter(path => path.endsWith('.journal')).sort()
  expect(files.filter(path => (reads.get(path) ?? 0) > 1)).toEqual(files.slice(-1))
})

test('entries whole', async () => {
  const { out } = await thalamus('--json', '--from', '2', '--kinds', 'alert')
  expect(JSON.parse(out)).toEqual({ id: 2, time: Date.parse(begun[1]!), version: 1, key: 'b', ...alert })
})

test('what is damaged is named, the rest is shown, and the exit code says so', async () => {
  const path = [...disk.files.keys()].filter(path => path.endsWith('.journal')).sort()[1]!
  const bytes = Buffer.from(disk.get(path))
  bytes[bytes.indexOf('"to":"3"')]! ^= 1
  disk.put(path, bytes)
  const { code, out, err } = await thalamus()
  expect([code, out]).toEqual([2, text(1, 2, 4)])
  expect(err).toMatch(/^\/journal\/\S+\.journal: bytes 40 to \d+ are damaged: what was written there is lost\n$/)
})
