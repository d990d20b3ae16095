/**
 * A disk in memory that forgets what was not synced, and fails when told to. Names are forgotten as contents are: what was created,
 * renamed or removed is sure only after its folder was synced.
 */
import type { Disk, DiskFile, Lock } from '../../src/component/disk.ts'

interface Inode {
  content: Buffer
  /** what a loss of power leaves */
  synced: Buffer
}

export const failure = (code: string) => Object.assign(new Error(`${code}: told to fail`), { code })

export class MemoryDisk implements Disk {
  /** by path */
  files = new Map<string, Inode>()
  /** what a loss of power leaves */
  #syncedNames = new Map<string, Inode>()
  readonly folders = new Set<string>()
  readonly #locks = new Set<string>()
  /** Called before each operation, with a number that counts them; throws to make it fail. */
  before: (operation: string, path: string, count: number) => void = () => {}
  operations = 0
  /** [bytes] of all contents; past it writes fail with ENOSPC, after having written what fits */
  capacity = Number.POSITIVE_INFINITY

  async makeFolder(path: string): Promise<void> {
    this.#do('makeFolder', path)
    for (let at = path; at !== '' && at !== '.'; at = parent(at)) this.folders.add(at)
  }
  async list(path: string): Promise<string[]> {
    this.#do('list', path)
    if (!this.folders.has(path)) throw failure('ENOENT')
    const inside = [...this.files.keys(), ...this.folders].filter(other => parent(other) === path)
    return inside.map(other => other.slice(path.length + 1)).sort()
  }
  async open(path: string, how: 'create' | 'read' | 'write'): Promise<DiskFile> {
    this.#do(`open to ${how}`, path)
    const known = this.files.get(path)
    if (how === 'create') {
      if (known !== undefined) throw failure('EEXIST')
      if (!this.folders.has(parent(path))) throw failure('ENOENT')
      const made = { content: Buffer.alloc(0), synced: Buffer.alloc(0) }
      this.files.set(path, made)
      return this.#file(path, made)
    }
    if (known === undefined) throw failure('ENOENT')
    return this.#file(path, known)
  }
  async rename(from: string, to: string): Promise<void> {
    this.#do('rename', from)
    const inode = this.files.get(from)
    if (inode === undefined) throw failure('ENOENT')
    this.files.delete(from)
    this.files.set(to, inode)
  }
  async remove(path: string): Promise<void> {
    this.#do('remove', path)
    if (!this.files.delete(path)) throw failure('ENOENT')
  }
  async syncFolder(path: string): Promise<void> {
    this.#do('syncFolder', path)
    for (const name of [...this.#syncedNames.keys()]) if (parent(name) === path && !this.files.has(name)) this.#syncedNames.delete(name)
    for (const [name, inode] of this.files) if (parent(name) === path) this.#syncedNames.set(name, inode)
  }
  async statfs(path: string) {
    this.#do('statfs', path)
    const total = Math.min(this.capacity, 2 ** 40)
    const free = Math.max(0, total - this.bytes)
    return { total, free, available: free }
  }
  async lock(path: string): Promise<Lock | undefined> {
    this.#do('lock', path)
    if (this.#locks.has(path)) return undefined
    this.#locks.add(path)
    return { release: async () => void this.#locks.delete(path) }
  }

  get bytes(): number {
    let sum = 0
    for (const { content } of this.files.values()) sum += content.length
    return sum
  }

  /** What a new process finds: everything that was written, or after a loss of power only what was synced. */
  after(end: 'kill' | 'loss of power'): MemoryDisk {
    const next = new MemoryDisk()
    for (const folder of this.folders) next.folders.add(folder)
    for (const [name, { content, synced }] of end === 'kill' ? this.files : this.#syncedNames) {
      next.put(name, end === 'kill' ? content : synced)
    }
    return next
  }

  /** A file as if it had always been there. */
  put(path: string, content: Uint8Array): void {
    const inode = { content: Buffer.from(content), synced: Buffer.from(content) }
    this.files.set(path, inode)
    this.#syncedNames.set(path, inode)
    for (let at = parent(path); at !== '' && at !== '.'; at = parent(at)) this.folders.add(at)
  }
  get(path: string): Buffer {
    const inode = this.files.get(path)
    if (inode === undefined) throw failure('ENOENT')
    return inode.content
  }

  #do(operation: string, path: string): void {
    this.operations++
    this.before(operation, path, this.operations)
  }

  #file(path: string, inode: Inode): DiskFile {
    let closed = false
    const check = (operation: string) => {
      if (closed) throw failure('EBADF')
      this.#do(operation, path)
    }
    return {
      size: async () => {
        check('size')
        return inode.content.length
      },
      write: async (pieces, position) => {
        const bytes = Buffer.concat(pieces)
        const grown = Math.max(0, position + bytes.length - inode.content.length)
        const fits = Math.max(0, bytes.length - Math.max(0, this.bytes + grown - this.capacity))
        const put = (count: number) => {
          const whole = Buffer.alloc(Math.max(inode.content.length, position + count))
          inode.content.copy(whole)
          bytes.copy(whole, position, 0, count)
          inode.content = whole
        }
        try {
          check('write')
        } catch (error) {
          // Half of it is there: nobody may rely on none being.
          if (!closed) put(bytes.length >> 1)
          throw error
        }
        put(fits)
        if (fits < bytes.length) throw failure('ENOSPC')
      },
      read: async (into, position) => {
        check('read')
        return inode.content.copy(into, 0, Math.min(position, inode.content.length))
      },
      sync: async () => {
        check('sync')
        inode.synced = Buffer.from(inode.content)
      },
      truncate: async size => {
        check('truncate')
        const whole = Buffer.alloc(size)
        inode.content.copy(whole)
        inode.content = whole
      },
      close: async () => {
        closed = true
      },
    }
  }
}

const parent = (path: string) => path.slice(0, Math.max(0, path.lastIndexOf('/')))
