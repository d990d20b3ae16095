/** The disk as it is. Callbacks of node:fs cost half of what its promises do, and a busy queue writes a thousand times a second. */
import { close, constants, fdatasync, fstat, fsync, ftruncate, open, read, writev } from 'node:fs'
import { access, mkdir, readdir, rename, stat, statfs, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { codeOf, type Disk, type DiskFile, type Lock } from './component/disk.ts'

const flags = { create: 'wx+', read: 'r', write: 'r+' } as const
/** [bits] of a file of a queue: nobody else's business */
const fileMode = 0o640

export const nodeDisk: Disk = {
  makeFolder,
  list: path => readdir(path),
  open: async (path, how) => new NodeFile(await done<number>(call => open(path, flags[how], fileMode, call))),
  rename: (from, to) => rename(from, to),
  remove: path => unlink(path),
  async syncFolder(path) {
    const fd = await done<number>(call => open(path, 'r', call))
    try {
      await done<void>(call => fsync(fd, call))
    } finally {
      await done<void>(call => close(fd, call))
    }
  },
  async statfs(path) {
    const { bsize, blocks, bfree, bavail } = await statfs(path)
    return { total: blocks * bsize, free: bfree * bsize, available: bavail * bsize }
  },
  lock,
}

/** Not mkdir's own `recursive`: where the system says of a folder that is there that it is not, as under /proc, that never ends. */
async function makeFolder(path: string, mode: number): Promise<void> {
  try {
    await makeOne(path, mode)
  } catch (error) {
    if (codeOf(error) !== 'ENOENT' || dirname(path) === path) throw error
    await makeFolder(dirname(path), mode)
    await makeOne(path, mode)
  }
}

async function makeOne(path: string, mode: number): Promise<void> {
  try {
    await mkdir(path, { mode })
  } catch (error) {
    if (codeOf(error) !== 'EEXIST' || !(await stat(path)).isDirectory()) throw error
  }
}

/** The number of a closed file soon belongs to another: nothing may be under way when it is closed, and nothing begin after. */
class NodeFile implements DiskFile {
  readonly #fd: number
  #underWay = 0
  #closing: (() => void) | undefined
  #closed: Promise<void> | undefined
  constructor(fd: number) {
    this.#fd = fd
  }
  size(): Promise<number> {
    return this.#while(() => done<{ size: number }>(call => fstat(this.#fd, call))).then(({ size }) => size)
  }
  write(pieces: readonly Uint8Array[], position: number): Promise<void> {
    return this.#while(async () => {
      let left = pieces
      let at = position
      while (left.length > 0) {
        const written = await done<number>(call => writev(this.#fd, left, at, call))
        at += written
        left = after(left, written)
      }
    })
  }
  read(into: Uint8Array, position: number): Promise<number> {
    return this.#while(async () => {
      let got = 0
      while (got < into.length) {
        const bytes = await done<number>(call => read(this.#fd, into, got, into.length - got, position + got, call))
        if (bytes === 0) break
        got += bytes
      }
      return got
    })
  }
  sync(): Promise<void> {
    return this.#while(() => done<void>(call => fdatasync(this.#fd, call)))
  }
  truncate(size: number): Promise<void> {
    return this.#while(() => done<void>(call => ftruncate(this.#fd, size, call)))
  }
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    if (this.#underWay > 0) await new Promise<void>(resolve => (this.#closing = resolve))
    await done<void>(call => close(this.#fd, call))
  }

  async #while<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closed !== undefined) throw Object.assign(new Error('the file is closed'), { code: 'EBADF' })
    this.#underWay++
    try {
      return await work()
    } finally {
      if (--this.#underWay === 0) this.#closing?.()
    }
  }
}

/** What is left of `pieces` when the first `bytes` of them are gone. */
function after(pieces: readonly Uint8Array[], bytes: number): readonly Uint8Array[] {
  let gone = bytes
  for (let i = 0; i < pieces.length; i++) {
    const piece = pieces[i]!
    if (gone < piece.length) return gone === 0 ? pieces.slice(i) : [piece.subarray(gone), ...pieces.slice(i + 1)]
    gone -= piece.length
  }
  return []
}

function done<T>(call: (back: (error: Error | null, result?: T) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => call((error, result) => (error === null ? resolve(result as T) : reject(error))))
}

/** SQLite's code for: somebody has it. */
const SQLITE_BUSY = 5
/** Its codes for what the system has codes for, too. */
const systemCodes: Readonly<Record<number, string>> = { 8: 'EROFS', 10: 'EIO', 13: 'ENOSPC' }

/**
 * Node cannot lock a file; SQLite, which comes with it, can, and its lock is one of the operating system: released when the process
 * ends, whatever its id and in whatever container it ran. The file stays empty.
 */
async function lock(path: string): Promise<Lock | undefined> {
  const { DatabaseSync } = await import('node:sqlite')
  let database: InstanceType<typeof DatabaseSync> | undefined
  try {
    database = new DatabaseSync(path)
    // The journal of what is never written is no file: one can lock where the disk is full, too.
    database.exec('PRAGMA busy_timeout = 0; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
  } catch (error) {
    database?.close()
    const { errcode = 0 } = error as { errcode?: number }
    if ((errcode & 0xff) === SQLITE_BUSY) return undefined
    // It says only that it cannot; the folder says why.
    await access(dirname(path), constants.W_OK)
    const code = systemCodes[errcode & 0xff]
    throw code === undefined ? error : Object.assign(new Error((error as Error).message, { cause: error }), { code })
  }
  const held = database
  return { release: async () => held.close() }
}
