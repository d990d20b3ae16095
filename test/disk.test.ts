/** The disk as it is, and the one in memory that tests use: what one does the other does. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import type { Disk } from '../src/component/disk.ts'
import { nodeDisk } from '../src/disk.ts'
import { MemoryDisk } from './kit/disk.ts'

const root = mkdtempSync(join(tmpdir(), 'thalamus-disk-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

describe.each<[string, Disk, string]>([
  ['of Node', nodeDisk, root],
  ['in memory', new MemoryDisk(), '/memory'],
])('a disk %s', (_name, disk, above) => {
  const folder = join(above, 'a', 'b')
  const path = join(folder, 'file')
  const codes = (work: Promise<unknown>) => work.then(() => 'no error').catch(error => error.code)

  test('folders are made with those above them, and made again without an error', async () => {
    await disk.makeFolder(folder, 0o750)
    await disk.makeFolder(folder, 0o750)
    expect(await disk.list(folder)).toEqual([])
    expect(await codes(disk.list(join(above, 'none')))).toBe('ENOENT')
  })
  test('what is written in pieces is read, wherever it is', async () => {
    const file = await disk.open(path, 'create')
    const pieces = Array.from({ length: 3000 }, (_, i) => Buffer.from(`${i} `))
    const whole = Buffer.concat(pieces)
    await file.write(pieces, 5)
    await file.sync()
    expect(await file.size()).toBe(5 + whole.length)
    const read = Buffer.alloc(whole.length)
    expect(await file.read(read, 5)).toBe(whole.length)
    expect(read.equals(whole)).toBe(true)
    expect(await file.read(Buffer.alloc(100), 5 + whole.length - 3)).toBe(3)
    expect(await file.read(Buffer.alloc(100), 10 + whole.length)).toBe(0)
    await file.truncate(7)
    expect(await file.size()).toBe(7)
    await file.close()
    expect(await codes(file.size())).toBe('EBADF')
  })
  test('names', async () => {
    expect(await codes(disk.open(path, 'create'))).toBe('EEXIST')
    expect(await codes(disk.open(`${path}2`, 'read'))).toBe('ENOENT')
    expect(await codes(disk.open(`${path}2`, 'write'))).toBe('ENOENT')
    await disk.rename(path, `${path}2`)
    await disk.syncFolder(folder)
    expect(await disk.list(folder)).toEqual(['file2'])
    await disk.remove(`${path}2`)
    expect(await codes(disk.remove(`${path}2`))).toBe('ENOENT')
    expect((await disk.statfs(folder)).available).toBeGreaterThan(0)
  })
  test('one lock at a time, until it is released', async () => {
    const lock = await disk.lock(join(folder, 'lock'))
    expect(await disk.lock(join(folder, 'lock'))).toBeUndefined()
    await lock!.release()
    const again = await disk.lock(join(folder, 'lock'))
    expect(again).toBeDefined()
    await again!.release()
  })
})

test('a file that is closed while something is under way waits for it', async () => {
  const file = await nodeDisk.open(join(root, 'busy'), 'create')
  const bytes = Buffer.alloc(8 * 2 ** 20, 1)
  let written = false
  const write = file.write([bytes], 0).then(() => (written = true))
  await file.close()
  expect(written || (await Promise.race([write, 'late']))).toBe(true)
  expect(statSync(join(root, 'busy')).size).toBe(bytes.length)
})

test('a lock where there is no folder says so', async () => {
  await expect(nodeDisk.lock(join(root, 'none', 'lock'))).rejects.toMatchObject({ code: 'ENOENT' })
})

test('a lock is one empty file, for which a full disk has room, too', async () => {
  const folder = join(root, 'locked')
  await nodeDisk.makeFolder(folder, 0o750)
  const lock = await nodeDisk.lock(join(folder, 'lock'))
  expect([readdirSync(folder), statSync(join(folder, 'lock')).size]).toEqual([['lock'], 0])
  await lock!.release()
})

test('a lock of a process that was killed is free, and one of a process that lives is not', async () => {
  const path = join(root, 'theirs')
  const script = `import { nodeDisk } from ${JSON.stringify(join(import.meta.dirname, '../src/disk.ts'))}
    await nodeDisk.lock(${JSON.stringify(path)}); console.log('locked'); setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  expect(await nodeDisk.lock(path)).toBeUndefined()
  child.kill('SIGKILL')
  await once(child, 'exit')
  const lock = await nodeDisk.lock(path)
  expect(lock).toBeDefined()
  await lock!.release()
})

test('a folder that cannot be made is an error, and soon', async () => {
  const file = join(root, 'file-in-the-way')
  await (await nodeDisk.open(file, 'create')).close()
  await expect(nodeDisk.makeFolder(file, 0o750)).rejects.toMatchObject({ code: 'EEXIST' })
  await expect(nodeDisk.makeFolder(join(file, 'a', 'b'), 0o750)).rejects.toMatchObject({ code: 'ENOTDIR' })
})
// Node's recursive mkdir tries for ever there.
test.runIf(existsSync('/proc/self'))('so it is where the system does not let folders be made at all', async () => {
  await expect(nodeDisk.makeFolder('/proc/none/of/this', 0o750)).rejects.toMatchObject({ code: 'ENOENT' })
})
