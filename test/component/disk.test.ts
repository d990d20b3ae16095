import { expect, test } from 'vitest'
import { attemptOn, explained, isFull } from '../../src/component/disk.ts'
import { StartError, type StartErrorOptions } from '../../src/component/errors.ts'
import { failure } from '../kit/disk.ts'

test.each([
  ['EROFS', 'the file system is read-only (EROFS)', 'mount it for writing, or name another directory'],
  ['EACCES', 'this user has no permission (EACCES)', 'let the user that runs this write there, or name another directory'],
  ['EEXIST', 'there is a file of that name (EEXIST)', 'move the file away, or name another directory'],
  ['ENOSPC', 'there is no space left (ENOSPC)', 'make room, or name another directory'],
  ['EMFILE', 'this process has too many files open (EMFILE)', 'raise its limit of open files (ulimit -n)'],
  ['EODD', 'EODD', 'look at the disk and the permissions, or name another directory'],
])('%s in words', (code, why, remedy) => expect(explained(failure(code))).toEqual({ why, remedy }))

test('what is not the system’s stays what it is', async () => {
  const said = (why: string, options: StartErrorOptions) => new StartError(`no: ${why}`, options)
  await expect(attemptOn(() => Promise.reject(failure('ENOTDIR')), said)).rejects.toMatchObject({
    message: 'no: a part of the path is a file (ENOTDIR)',
    remedy: 'correct the path, or name another directory',
  })
  const known = new StartError('of another version')
  await expect(attemptOn(() => Promise.reject(known), said)).rejects.toBe(known)
})

test.each([
  ['ENOSPC', true],
  ['EDQUOT', true],
  ['EIO', false],
])('%s: full %s', (code, full) => expect(isFull(failure(code))).toBe(full))
