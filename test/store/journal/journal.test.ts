import { describe, expect, test } from 'vitest'
import { PermanentError, RetryableError } from '../../../src/component/errors.ts'
import { journalFormat } from '../../../src/store/journal/body.ts'
import { RECORD, segmentHeader, segmentName, writeRecordHeader } from '../../../src/store/segments/frame.ts'
import { settled } from '../../kit/clock.ts'
import { seeded } from '../../kit/context.ts'
import { failure, MemoryDisk } from '../../kit/disk.ts'
import { all, day, directory, mode, openJournal, shown } from './opened.ts'

describe('append and follow', () => {
  test('an entry has an id, a time, its key and its version; a restart finds it as it was', async () => {
    const { journal, disk, clock } = await openJournal()
    await clock.advance(5000)
    const first = await journal.append(mode('open'), 'a')
    const second = await journal.append({ ...mode('closed'), time: 17, cause: first.entry.id }, 'b')
    const data = { subject: 'breaker', from: 'x', to: 'open' }
    expect(first).toEqual({ fresh: true, entry: { id: 1, time: clock.now(), kind: 'mode', version: 1, key: 'a', data } })
    expect(second.entry).toMatchObject({ id: 2, time: 17, cause: 1 })
    await journal.close()
    const again = await openJournal(disk.after('loss of power'))
    expect(await all(again.journal)).toEqual([first.entry, second.entry])
    expect([again.journal.first, again.journal.last]).toEqual([1, 2])
  })

  test('one key is one entry: at once, later, and in the next process', async () => {
    const { journal, disk } = await openJournal()
    const both = await Promise.all([journal.append(mode('1'), 'k'), journal.append(mode('2'), 'k')])
    expect(both.map(({ entry, fresh }) => [entry.id, fresh])).toEqual([
      [1, true],
      [1, false],
    ])
    expect((await journal.append(mode('3'), 'k')).entry).toEqual(both[0]!.entry)
    const { journal: next } = await openJournal(disk.after('kill'))
    expect(await next.append(mode('4'), 'k')).toEqual({ entry: both[0]!.entry, fresh: false })
    expect(await next.find('k')).toEqual(both[0]!.entry)
    expect(await next.find('other')).toBeUndefined()
    expect(await shown(next)).toEqual(['1:k'])
  })

  test('what comes together is synced together', async () => {
    const { journal, disk } = await openJournal()
    await journal.append(mode('x'), 'before')
    let syncs = 0
    disk.before = operation => void (operation === 'sync' && syncs++)
    await Promise.all(Array.from({ length: 50 }, (_, i) => journal.append(mode('x'), `k${i}`)))
    expect(syncs).toBe(1)
  })

  test('a follower hears what was there and what comes, of its kinds, and nothing before it is safe', async () => {
    const { journal, disk } = await openJournal()
    const heard: string[] = []
    const over = new AbortController()
    await journal.append(mode('x'), 'one')
    await journal.append({ kind: 'approval', data: { action: 'restart', target: 'db', decision: 'approved', by: 'ana' } }, 'two')
    const following = (async () => {
      for await (const { key, id } of journal.follow(['mode'], 1, over.signal)) heard.push(`${id}:${key}`)
    })()
    await settled()
    expect(heard).toEqual(['1:one'])
    disk.before = operation => {
      if (operation === 'sync') expect(heard).toEqual(['1:one'])
    }
    await journal.append(mode('y'), 'three')
    await settled()
    expect(heard).toEqual(['1:one', '3:three'])
    over.abort()
    await following
  })

  test('a follower that is slow, and one that begins in the middle, miss nothing', async () => {
    const { journal } = await openJournal()
    const heard: number[] = []
    const following = (async () => {
      for await (const { id } of journal.follow(['mode'], 500)) {
        heard.push(id)
        if (id === 500) await Promise.all(Array.from({ length: 3500 }, (_, i) => journal.append(mode('x'), `k${2500 + i}`)))
      }
    })()
    await Promise.all(Array.from({ length: 2499 }, (_, i) => journal.append(mode('x'), `k${i + 1}`)))
    for (let turn = 0; journal.last < 5999 || (heard.at(-1) ?? 0) < 5999; turn++) {
      if (turn > 10_000) throw new Error(`it stands at ${heard.at(-1)} of ${journal.last}`)
      await settled()
    }
    expect(heard).toEqual(Array.from({ length: 5500 }, (_, i) => 500 + i))
    await journal.close()
    await following
  })

  test('what is too large, and what comes when it is closed', async () => {
    const { journal } = await openJournal()
    await expect(journal.append(mode('x'.repeat(2 ** 20)), 'k')).rejects.toThrow(PermanentError)
    expect((await journal.append(mode('x'), 'k')).fresh).toBe(true)
    await journal.close()
    await journal.close()
    await expect(journal.append(mode('x'), 'l')).rejects.toThrow(RetryableError)
  })
})

/** A reader of intentions, which does something outside for each and says that it did. */
async function deliver(journal: Awaited<ReturnType<typeof openJournal>>['journal'], outside: Set<string>) {
  const told: string[] = []
  const done = new Set<string>()
  for await (const { key, data } of journal.replay(['mode'], 0)) if (data.to === 'done') done.add(key)
  for await (const { key, data } of journal.replay(['mode'], 0)) {
    if (data.to !== 'intended' || done.has(`${key}/done`)) continue
    // The other side knows the key too.
    if (!outside.has(key)) told.push(key)
    outside.add(key)
    await journal.append(mode('done'), `${key}/done`)
  }
  return told
}

describe('between append and effect', () => {
  test.each(['kill', 'loss of power'] as const)('a %s: replay finds what was intended, and it happens once', async end => {
    const outside = new Set<string>()
    const { journal, disk } = await openJournal()
    await journal.append(mode('intended'), 'n1')
    await deliver(journal, outside)
    await journal.append(mode('intended'), 'n2')
    // Here the process ends: n2 is intended, and was not done.
    const next = await openJournal(disk.after(end))
    expect(await deliver(next.journal, outside)).toEqual(['n2'])
    // And here, once more, after the effect and before it was said.
    outside.add('n3')
    await next.journal.append(mode('intended'), 'n3')
    const last = await openJournal(next.disk.after(end))
    expect(await deliver(last.journal, outside)).toEqual([])
    expect(await last.journal.find('n3/done')).toBeDefined()
    expect(await deliver(last.journal, outside)).toEqual([])
  })
})

describe('what a disk does', () => {
  test('a log that is cut at any byte opens as an exact prefix, and goes on', async () => {
    const { journal, disk } = await openJournal()
    for (let i = 1; i <= 5; i++) await journal.append(mode('x'.repeat(i)), `k${i}`)
    await journal.close()
    const [path] = [...disk.files.keys()].filter(path => path.endsWith('.journal'))
    const whole = disk.get(path!)
    const ends: number[] = []
    for (let cut = 0; cut <= whole.length; cut++) {
      const broken = new MemoryDisk()
      broken.put(path!, whole.subarray(0, cut))
      const { journal: opened, lines } = await openJournal(broken)
      const keys = (await all(opened)).map(({ key }) => key)
      expect(keys).toEqual(['k1', 'k2', 'k3', 'k4', 'k5'].slice(0, keys.length))
      expect(lines).toEqual([])
      ends.push(keys.length)
      expect((await opened.append(mode('y'), 'new')).entry.id).toBe(keys.length + 1)
      await opened.close()
      const { journal: again } = await openJournal(broken)
      expect((await all(again)).map(({ key }) => key)).toEqual([...keys, 'new'])
    }
    expect(new Set(ends)).toEqual(new Set([0, 1, 2, 3, 4, 5]))
    expect(ends.at(-1)).toBe(5)
  })

  test('damage in the middle is skipped, named and counted', async () => {
    const { journal, disk } = await openJournal()
    for (let i = 1; i <= 3; i++) await journal.append(mode(`value ${i}`), `k${i}`)
    await journal.close()
    const [path] = [...disk.files.keys()].filter(path => path.endsWith('.journal'))
    const bytes = Buffer.from(disk.get(path!))
    bytes[bytes.indexOf('value 2')]! ^= 1
    disk.put(path!, bytes)
    const { journal: opened, lines } = await openJournal(disk)
    expect(await shown(opened)).toEqual(['1:k1', '3:k3'])
    expect(opened.figures.damaged).toBe(1)
    expect(lines).toEqual([
      {
        level: 'error',
        message: 'the journal is damaged: what was written there is lost',
        fields: { path, from: expect.any(Number), to: expect.any(Number) },
      },
    ])
  })

  test('the nth operation of the disk fails: what was acknowledged is there once, and what was refused may be appended again', async () => {
    for (let n = 1, failed = true; failed; n++) {
      failed = false
      const disk = new MemoryDisk()
      const { journal } = await openJournal(disk)
      const start = disk.operations
      disk.before = (_, __, count) => {
        if (count !== start + n) return
        failed = true
        throw failure('EIO')
      }
      const given: string[] = []
      const refused: string[] = []
      for (let i = 1; i <= 4; i++) {
        await journal.append(mode('x'), `k${i}`).then(
          ({ entry }) => given.push(`${entry.id}:k${i}`),
          () => refused.push(`k${i}`),
        )
      }
      for (const key of refused) given.push(`${(await journal.append(mode('x'), key)).entry.id}:${key}`)
      disk.before = () => {}
      expect(await shown(journal)).toEqual(given)
      for (const end of ['kill', 'loss of power'] as const) {
        const { journal: next } = await openJournal(disk.after(end))
        expect(await shown(next)).toEqual(given)
        expect((await next.append(mode('x'), 'new')).entry.id).toBeGreaterThan(journal.last)
      }
      if (!failed) expect(n).toBeGreaterThan(10)
    }
  })

  test('an entry that was refused and is on the disk all the same counts for nothing once another was written', async () => {
    const { journal, disk } = await openJournal()
    await journal.append(mode('x'), 'a')
    // It is written; it cannot be synced, nor cut off.
    disk.before = operation => {
      if (operation === 'sync' || operation === 'truncate') throw failure('EIO')
    }
    await expect(journal.append(mode('x'), 'b')).rejects.toThrow('the journal cannot be written: EIO')
    expect(journal.trouble).toContain('EIO')
    disk.before = () => {}
    const { entry } = await journal.append(mode('y'), 'b')
    expect(journal.trouble).toBeUndefined()
    expect(entry.id).toBe(3)
    const { journal: next } = await openJournal(disk.after('kill'))
    expect(await all(next)).toEqual([{ ...entry, id: 1, key: 'a', data: { ...entry.data, to: 'x' } }, entry])
  })

  test('a disk that is well again is seen though nothing is to be written', async () => {
    const { journal, disk, clock, lines } = await openJournal()
    const told: (string | undefined)[] = []
    journal.onTrouble = problem => void told.push(problem)
    journal.start()
    await journal.append(mode('x'), 'a')
    disk.capacity = disk.bytes + 10
    await expect(journal.append(mode('x'), 'b')).rejects.toThrow('the journal cannot be written: ENOSPC')
    for (let minute = 0; minute < 3; minute++) await clock.advance(60_000)
    expect(told).toEqual([`journal "${directory}": it cannot be written: ENOSPC`])
    disk.capacity = Number.POSITIVE_INFINITY
    await clock.advance(60_000)
    expect(told.slice(1)).toEqual([undefined])
    expect(lines.map(({ level }) => level)).toEqual(['error', 'info'])
    const { entry } = await journal.append(mode('y'), 'b')
    await journal.close()
    const { journal: next } = await openJournal(disk.after('loss of power'))
    expect(await all(next)).toEqual([expect.objectContaining({ id: 1, key: 'a' }), entry])
  })

  test('a newer version, of the file or of an entry, is refused by name; so is a directory that another holds', async () => {
    const { journal, disk } = await openJournal()
    await expect(openJournal(disk)).rejects.toThrow(`the journal "${directory}" is in use`)
    await journal.close()
    const name = { first: 1, id: 7 }
    const path = `${directory}/${segmentName(name, 'journal')}`
    const written = (version: number, body: object) => {
      const bytes = Buffer.from(JSON.stringify(body))
      const record = Buffer.alloc(RECORD)
      writeRecordHeader(record, 0, 7, { pieces: [bytes], length: bytes.length, rows: 1, sequence: 1, time: 0, flags: 0 })
      disk.put(path, Buffer.concat([segmentHeader({ ...journalFormat, version }, name, 0), record, bytes]))
    }
    written(2, {})
    await expect(openJournal(disk)).rejects.toThrow(`"${path}" is of version 2, this program knows up to 1`)
    written(1, { kind: 'mode', version: 2, key: 'k', data: {} })
    await expect(openJournal(disk)).rejects.toThrow(`"${path}": entry 1 is of version 2 of "mode", this program knows up to 1`)
    written(1, { kind: 'omen', version: 1, key: 'k', data: {} })
    await expect(openJournal(disk)).rejects.toThrow(`"${path}": entry 1 is of the kind "omen", which this program does not know`)
    // Who was refused holds nothing.
    await disk.remove(path)
    await (await openJournal(disk)).journal.close()
  })
})

describe('snapshots and retention', () => {
  test('a reader goes on from its snapshot; the newer of two may be damaged', async () => {
    const { journal, disk } = await openJournal()
    for (let i = 1; i <= 6; i++) await journal.append(mode('x'), `k${i}`)
    expect(await journal.snapshot('alerting')).toBeUndefined()
    for (const position of [1, 3, 5]) await journal.saveSnapshot('alerting', { position, state: { upTo: position } })
    await journal.saveSnapshot('receiver/2', { position: 6, state: null })
    await expect(journal.saveSnapshot('alerting', { position: 7, state: 0 })).rejects.toThrow(RangeError)
    await journal.close()
    const snapshots = [...disk.files.keys()].filter(path => path.endsWith('.snapshot'))
    expect(snapshots.map(path => path.slice(directory.length + 1))).toEqual([
      'alerting-0000000000000003.snapshot',
      'alerting-0000000000000005.snapshot',
      'receiver%2F2-0000000000000006.snapshot',
    ])
    const next = await openJournal(disk.after('loss of power'))
    expect(await next.journal.snapshot('alerting')).toEqual({ position: 5, state: { upTo: 5 } })
    expect(await shown(next.journal, 6)).toEqual(['6:k6'])
    const bytes = Buffer.from(next.disk.get(snapshots[1]!))
    bytes[bytes.length - 2]! ^= 4
    const damaged = next.disk.after('kill')
    damaged.put(snapshots[1]!, bytes)
    const last = await openJournal(damaged)
    expect(await last.journal.snapshot('alerting')).toEqual({ position: 3, state: { upTo: 3 } })
    expect(last.lines.map(({ message }) => message)).toEqual(['a snapshot of the journal is damaged: what it covered is read again'])
    await last.journal.removeSnapshots('alerting')
    expect(await last.journal.snapshot('alerting')).toBeUndefined()
  })

  /** One entry a day. */
  async function days(count: number, more = {}) {
    const set = await openJournal(undefined, { retentionMs: 10 * day, ...more })
    for (let i = 1; i <= count; i++) {
      await set.journal.append(mode('x'), `k${i}`)
      await set.clock.advance(day)
    }
    return set
  }

  test('what is older than the retention is deleted, and its key with it; ids go on', async () => {
    const { journal, disk } = await days(20)
    await journal.maintain()
    expect(await shown(journal)).toEqual(Array.from({ length: 10 }, (_, i) => `${i + 11}:k${i + 11}`))
    expect([journal.first, journal.figures.forgotten, await journal.find('k3')]).toEqual([11, 10, undefined])
    expect((await journal.append(mode('x'), 'k3')).entry.id).toBe(21)
    const { journal: next } = await openJournal(disk.after('kill'))
    expect((await shown(next)).at(-1)).toBe('21:k3')
  })

  test('never what a snapshot needs, but for one that is a bookmark', async () => {
    const { journal, disk } = await days(20)
    await journal.saveSnapshot('alerting', { position: 5, state: {} })
    await journal.saveSnapshot('export', { position: 1, state: null }, false)
    await journal.maintain()
    expect(journal.first).toBe(6)
    const { journal: next, clock } = await openJournal(disk.after('kill'), { retentionMs: day })
    await clock.advance(30 * day)
    await next.maintain()
    expect(next.first).toBe(6)
    await next.saveSnapshot('alerting', { position: 15, state: {} })
    await next.maintain()
    // The snapshot before is still there for the case that the newer is damaged.
    expect(next.first).toBe(6)
    await next.saveSnapshot('alerting', { position: 18, state: {} })
    await next.maintain()
    expect(next.first).toBe(16)
  })

  test('by size; the newest file stays, and a snapshot alone keeps ids from coming again', async () => {
    const { journal, disk } = await days(20, { maxBytes: 1 })
    await journal.maintain()
    expect(await shown(journal)).toEqual(['20:k20'])
    await journal.saveSnapshot('alerting', { position: 20, state: {} })
    await journal.close()
    for (const path of [...disk.files.keys()]) if (path.endsWith('.journal')) await disk.remove(path)
    const { journal: next } = await openJournal(disk.after('kill'))
    expect((await next.append(mode('x'), 'k')).entry.id).toBe(21)
  })

  test('a disk that deletes nothing is no reason to end', async () => {
    const { journal, disk, lines } = await days(20)
    disk.before = operation => {
      if (operation === 'remove') throw failure('EROFS')
    }
    await journal.maintain()
    expect(journal.first).toBe(1)
    expect(lines.at(-1)).toMatchObject({ level: 'warn', message: 'an old file of the journal cannot be deleted' })
  })
})

test.each(Array.from({ length: 30 }, (_, i) => i + 1))('against a plain array: seed %i', async seed => {
  const random = seeded(seed)
  const int = (n: number) => Math.floor(random() * n)
  let set = await openJournal(undefined, { retentionMs: 10 * day })
  let model: { id: number; key: string; to: string }[] = []
  let position = 0
  for (let step = 0; step < 120; step++) {
    const what = int(10)
    if (what < 6) {
      const key = `k${int(60)}`
      const known = model.find(entry => entry.key === key)
      const { entry, fresh } = await set.journal.append(mode(`${step}`), key)
      expect(fresh).toBe(known === undefined)
      if (fresh) model.push({ id: entry.id, key, to: `${step}` })
      else expect(entry.id).toBe(known!.id)
    } else if (what === 6) {
      set = await openJournal(set.disk.after(random() < 0.5 ? 'kill' : 'loss of power'), { retentionMs: 10 * day }, set.clock)
    } else if (what === 7) await set.clock.advance(int(2) * day)
    else if (what === 8) {
      position = Math.max(position, int(set.journal.last + 1))
      await set.journal.saveSnapshot('model', { position, state: position })
    } else {
      await set.journal.maintain()
      // Whole files go, the oldest first, and nothing that is needed.
      const { first } = set.journal
      expect(model.filter(({ id }) => id < first).every(({ id }) => id <= position || position === 0)).toBe(true)
      model = model.filter(({ id }) => id >= first)
    }
    const from = int(set.journal.last + 2)
    const entries = await all(set.journal, from)
    expect(entries.map(({ id, key, data }) => ({ id, key, to: (data as { to: string }).to }))).toEqual(model.filter(({ id }) => id >= from))
    if (position > 0) expect((await set.journal.snapshot('model'))?.state).toBe(position)
  }
})
