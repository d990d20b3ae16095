import { StartError, type StartErrorOptions } from './errors.ts'

/**
 * Files that must outlive the process. What a file holds is safe from a loss of power after its `sync`; that it exists, has its
 * name or is gone, after `syncFolder`. Every error carries `code` as those of node:fs do.
 */
export interface Disk {
  /** Makes the folder, and those above it. @param mode permissions, less what the process masks */
  makeFolder(path: string, mode: number): Promise<void>
  /** the names in a folder */
  list(path: string): Promise<string[]>
  /** `create` fails where the file exists, the others where it does not. */
  open(path: string, how: 'create' | 'read' | 'write'): Promise<DiskFile>
  rename(from: string, to: string): Promise<void>
  remove(path: string): Promise<void>
  syncFolder(path: string): Promise<void>
  /** The size of the file system that `path` is on, in bytes; `available` is what users may have of what is free. */
  statfs(path: string): Promise<{ readonly total: number; readonly free: number; readonly available: number }>
  /**
   * Keeps every other process, and this one, from locking the same path until it is released; the system releases it when the
   * process ends, however it ends, so that there is no stale lock. undefined: somebody has it.
   */
  lock(path: string): Promise<Lock | undefined>
}

export interface Lock {
  release(): Promise<void>
}

export interface DiskFile {
  /** [bytes] */
  size(): Promise<number>
  /** Writes all of it, one piece after the other. The pieces are not kept and must not change until then. */
  write(pieces: readonly Uint8Array[], position: number): Promise<void>
  /** @returns how many bytes were read: fewer than fit only where the file ends */
  read(into: Uint8Array, position: number): Promise<number>
  sync(): Promise<void>
  truncate(size: number): Promise<void>
  close(): Promise<void>
}

/** `ENOSPC` and the like, for messages. */
export const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : error instanceof Error ? error.message : String(error)

const elsewhere = 'or name another directory'
const making = `make the folders above it, ${elsewhere}`

/** By code: what has happened, and what to do. */
const known: Readonly<Record<string, readonly [why: string, remedy: string]>> = {
  EACCES: ['this user has no permission', `let the user that runs this write there, ${elsewhere}`],
  EPERM: ['this user has no permission', `let the user that runs this write there, ${elsewhere}`],
  EROFS: ['the file system is read-only', `mount it for writing, ${elsewhere}`],
  ENOSPC: ['there is no space left', `make room, ${elsewhere}`],
  EDQUOT: ['the quota of this user is used up', `make room, ${elsewhere}`],
  EEXIST: ['there is a file of that name', `move the file away, ${elsewhere}`],
  ENOTDIR: ['a part of the path is a file', `correct the path, ${elsewhere}`],
  EISDIR: ['there is a folder of that name', `move the folder away, ${elsewhere}`],
  ENOENT: ['a part of the path does not exist', making],
  ENAMETOOLONG: ['the name is too long', 'name another directory'],
  ELOOP: ['its symbolic links lead in a circle', `correct the links, ${elsewhere}`],
  EMFILE: ['this process has too many files open', 'raise its limit of open files (ulimit -n)'],
  ENFILE: ['the system has too many files open', 'raise its limit of open files'],
  EIO: ['the disk fails', `look at the disk and at the kernel's log, ${elsewhere}`],
}

/** What a start is told: the reason in words, with its code behind, and what to do. */
export function explained(error: unknown): { readonly why: string; readonly remedy: string } {
  const code = codeOf(error)
  const [why, remedy] = known[code] ?? ['', `look at the disk and the permissions, ${elsewhere}`]
  return { why: why === '' ? code : `${why} (${code})`, remedy }
}

/** The disk has no room, which it may have again. */
export const isFull = (error: unknown): boolean => ['ENOSPC', 'EDQUOT'].includes(codeOf(error))

/** @param said makes the error of it, whose message ends in `why`. @throws {StartError} for whatever `work` throws */
export async function attemptOn<T>(work: () => Promise<T>, said: (why: string, options: StartErrorOptions) => StartError): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof StartError) throw error
    const { why, remedy } = explained(error)
    throw said(why, { cause: error, remedy })
  }
}
