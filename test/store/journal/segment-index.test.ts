import { expect, test } from 'vitest'
import { indexName } from '../../../src/store/journal/segment-index.ts'
import { parseSegmentName } from '../../../src/store/segments/frame.ts'
import { failure, type MemoryDisk } from '../../kit/disk.ts'
import { all, day, directory, mode, openJournal, shown } from './opened.ts'

const filesOf = (disk: MemoryDisk, kind: string) => [...disk.files.keys()].filter(path => path.endsWith(`.${kind}`)).sort()

/** A file of one entry for each day, the last of which is still written to. */
async function days(count: number, settings = {}) {
  const set = await openJournal(undefined, settings)
  for (let i = 1; i <= count; i++) {
    await set.journal.append(mode(`value ${i}`), `k${i}`)
    if (i < count) await set.clock.advance(day)
  }
  return set
}

/** [paths] that were read further than their header when it was opened */
async function readAtStart(disk: MemoryDisk) {
  const reads = new Map<string, number>()
  disk.before = (operation, path) => {
    if (operation === 'read' && path.endsWith('.journal')) reads.set(path, (reads.get(path) ?? 0) + 1)
  }
  const opened = await openJournal(disk)
  disk.before = () => {}
  return { ...opened, read: [...reads].filter(([, count]) => count > 1).map(([path]) => path) }
}

test('a start reads the file that was written to when the process was killed, and none where it was shut down', async () => {
  const { journal, disk } = await days(6)
  const killed = await readAtStart(disk.after('kill'))
  expect(killed.read).toEqual(filesOf(disk, 'journal').slice(-1))
  expect(await shown(killed.journal)).toEqual(Array.from({ length: 6 }, (_, i) => `${i + 1}:k${i + 1}`))
  // Once read, it has an index too.
  expect((await readAtStart(killed.disk.after('kill'))).read).toEqual([])
  await journal.close()
  // Indexes are not synced: after a loss of power files are read, once.
  expect(await shown((await openJournal(disk.after('loss of power'))).journal)).toEqual(await shown(killed.journal))
  const shut = await readAtStart(disk.after('kill'))
  expect(shut.read).toEqual([])
  expect([shut.journal.first, shut.journal.last, shut.journal.figures.entries]).toEqual([1, 6, 6])
  expect((await shut.journal.append(mode('again'), 'k2')).fresh).toBe(false)
  expect((await shut.journal.append(mode('new'), 'k7')).entry.id).toBe(7)
})

test('an index that is cut at any byte, of another size of its file, or not written is done without', async () => {
  const { journal, disk } = await days(2)
  await journal.close()
  const [index] = filesOf(disk, 'index')
  const whole = disk.get(index!)
  for (let cut = 0; cut < whole.length; cut++) {
    const copy = disk.after('kill')
    copy.put(index!, whole.subarray(0, cut))
    const { journal: opened, lines, read } = await readAtStart(copy)
    expect(read).toEqual(filesOf(disk, 'journal').slice(0, 1))
    expect([await shown(opened), lines, (await opened.append(mode('x'), 'k1')).fresh]).toEqual([['1:k1', '2:k2'], [], false])
  }
  const [file] = filesOf(disk, 'journal')
  const longer = disk.after('kill')
  longer.put(file!, Buffer.concat([disk.get(file!), Buffer.from('torn')]))
  expect((await readAtStart(longer)).read).toEqual([file])
  const full = await openJournal()
  full.disk.before = (_, path) => {
    if (path.endsWith('.index')) throw failure('ENOSPC')
  }
  await full.journal.append(mode('x'), 'k1')
  await full.journal.close()
  expect(await shown((await openJournal(full.disk.after('kill'))).journal)).toEqual(['1:k1'])
})

test('keys of one hash are told apart by their entries', async () => {
  // CRC-32 of both is 4ddb0c25.
  const { journal, disk } = await openJournal()
  await journal.append(mode('x'), 'plumless')
  await journal.close()
  const { journal: next } = await openJournal(disk.after('kill'))
  const [first, second] = await Promise.all([next.append(mode('y'), 'buckeroo'), next.append(mode('z'), 'buckeroo')])
  expect([first.entry.id, first.fresh, second.entry.id, second.fresh]).toEqual([2, true, 2, false])
  expect((await next.find('plumless'))?.id).toBe(1)
})

test('damage that comes after its file has an index is said once, when it is met, and its key is free', async () => {
  const { journal, disk } = await openJournal()
  for (let i = 1; i <= 3; i++) await journal.append(mode(`value ${i}`), `k${i}`)
  await journal.close()
  const [path] = filesOf(disk, 'journal')
  const bytes = Buffer.from(disk.get(path!))
  bytes[bytes.indexOf('value 2')]! ^= 1
  disk.put(path!, bytes)
  const { journal: opened, lines } = await openJournal(disk)
  expect(lines).toEqual([])
  for (let time = 0; time < 2; time++) expect(await shown(opened)).toEqual(['1:k1', '3:k3'])
  expect([lines.map(({ message }) => message), opened.figures.damaged]).toEqual([
    ['the journal is damaged: what was written there is lost'],
    1,
  ])
  expect((await opened.append(mode('again'), 'k2')).entry.id).toBe(4)
})

test('what a start has found damaged the next one says too', async () => {
  const { disk } = await days(2)
  const killed = disk.after('kill')
  const last = filesOf(killed, 'journal').at(-1)!
  const bytes = Buffer.from(killed.get(last))
  bytes[bytes.indexOf('value 2')]! ^= 1
  killed.put(last, bytes)
  const first = await openJournal(killed)
  const second = await openJournal(killed.after('kill'))
  expect(second.lines).toEqual(first.lines)
  expect([first.lines.length, second.journal.figures.damaged]).toEqual([1, 1])
})

test('an entry of a later version is refused by the index as well', async () => {
  const { journal, disk } = await days(1)
  await journal.close()
  const [index] = filesOf(disk, 'index')
  const [file] = filesOf(disk, 'journal')
  const name = parseSegmentName(file!.slice(directory.length + 1))!
  expect(index).toBe(`${directory}/${indexName(name)}`)
  const { SealedKeys } = await import('../../../src/store/journal/keys.ts')
  const { readIndex, writeIndex } = await import('../../../src/store/journal/segment-index.ts')
  const facts = (await readIndex(disk, directory, name))!
  await writeIndex(disk, directory, name, { ...facts, versions: { mode: 1, omen: 3 } }, new SealedKeys(1, Buffer.alloc(0)))
  await expect(openJournal(disk)).rejects.toThrow(`"${file}": version 3 of "omen" is in it, which this program does not know`)
})

test('an index goes with its file, and one without a file is swept away', async () => {
  const { journal, disk } = await days(20, { retentionMs: 10 * day })
  await journal.maintain()
  const indexed = filesOf(disk, 'index').map(path => path.replace('.index', '.journal'))
  expect(indexed).toEqual(filesOf(disk, 'journal').slice(0, -1))
  await journal.close()
  await disk.remove(filesOf(disk, 'journal')[0]!)
  const { journal: next, disk: left } = await openJournal(disk.after('kill'))
  expect(filesOf(left, 'index').length).toBe(filesOf(left, 'journal').length)
  expect((await all(next)).length).toBe(next.figures.entries)
})
