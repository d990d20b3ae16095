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
