/** Opens the directory of a store: locks it, clears what was not finished, reads what blocks begin and end with, notes, and logs. */
import { type Disk, type DiskFile, isFull, type Lock } from '../component/disk.ts'
import { StartError } from '../component/errors.ts'
import { asStartError, attempt, otherVersion } from './attempt.ts'
import { Block, BlockError, IndexCache, parseBlockFile } from './block.ts'
import { byAge, type Stage } from './contents.ts'
import { Notes } from './notes.ts'
import { readNotes } from './notes-file.ts'
import type { Damaged } from './plan.ts'
import { replay } from './replay.ts'
import type { StoreSettings, World } from './settings.ts'
import { WAL_HEADER, WriteAheadLog, walName, walNumber } from './wal.ts'

export interface Opened {
  readonly lock: Lock
  readonly cache: IndexCache
  readonly blocks: Block[]
  /** blocks that are there and cannot be opened */
  readonly leftOut: readonly Damaged[]
  readonly sealed: Stage[]
  readonly notes: Notes
  readonly generation: number
  readonly wal: WriteAheadLog
  readonly horizon: number
  /** why the log could not be made yet: the disk is full, and what is there can be asked for all the same */
  readonly full: unknown
}

export async function openDirectory(settings: StoreSettings, world: World, readOnly = false): Promise<Opened> {
  const { disk } = world
  const { directory } = settings
  const lock = readOnly ? { release: async () => {} } : await lockDirectory(settings, world)
  const blocks: Block[] = []
  try {
    const names = await attempt(directory, 'read', () => disk.list(directory))
    for (const name of names.filter(name => name.endsWith('.tmp') && !readOnly)) {
      await attempt(directory, 'written', () => disk.remove(`${directory}/${name}`))
    }
    const cache = new IndexCache(settings.maxIndexBytes)
    const leftOut = await openBlocks(settings, world, names, cache, blocks)
    const notes = new Notes(settings.maxExemplars)
    await readNotes(disk, directory, notes, world.log)
    const sealed = await replay(settings, world, names, notes, readOnly)
    const numbers = [...blocks.map(({ name }) => name.generation), ...names.map(name => walNumber(name) ?? 0)]
    const number = Math.max(0, ...numbers) + 1
    const horizon = Math.max(Number.NEGATIVE_INFINITY, ...blocks.map(({ last }) => last), ...sealed.map(({ head }) => head.newest))
    const log = readOnly
      ? { wal: new WriteAheadLog(noFile, 0, 0, 0), full: undefined }
      : await attempt(directory, 'written', () => firstLog(disk, directory, number, horizon))
    return { lock, cache, blocks: blocks.sort(byAge), leftOut, sealed, notes, generation: number + 1, horizon, ...log }
  } catch (error) {
    for (const block of blocks) await block.close().catch(() => {})
    await lock.release()
    throw error
  }
}

async function lockDirectory({ directory }: StoreSettings, { disk }: World): Promise<Lock> {
  await attempt(directory, 'made', () => disk.makeFolder(directory, 0o750))
  const lock = await attempt(directory, 'written', () => disk.lock(`${directory}/lock`))
  if (lock !== undefined) return lock
  throw new StartError(`the store ${JSON.stringify(directory)} is in use, by another process or by another store of this one`, {
    remedy: 'end it, or give each a directory of its own',
    taken: true,
  })
}

/** Of a store that is only read. */
const noFile: DiskFile = {
  size: async () => 0,
  write: async () => {},
  read: async () => 0,
  sync: async () => {},
  truncate: async () => {},
  close: async () => {},
}

/** A damaged block is left where it is and not asked: everything else goes on. @returns those */
async function openBlocks(
  settings: StoreSettings,
  { disk, log }: World,
  names: readonly string[],
  cache: IndexCache,
  into: Block[],
): Promise<readonly Damaged[]> {
  const { directory } = settings
  const leftOut: Damaged[] = []
  for (const file of names) {
    const name = parseBlockFile(file)
    if (name === undefined) continue
    try {
      into.push(await Block.open(disk, directory, name, cache))
    } catch (error) {
      if (!(error instanceof BlockError)) throw await asStartError(directory, error)
      if (error.version !== undefined) throw otherVersion(`${directory}/${file}`, error.version)
      log.error({ block: `${directory}/${file}`, error: error.message }, 'a block is damaged and left out: see thalamus store verify')
      leftOut.push({ name })
    }
  }
  return leftOut
}

/** Where the disk is full, one that is made by the first write for which there is room. */
async function firstLog(disk: Disk, directory: string, number: number, horizon: number): Promise<{ wal: WriteAheadLog; full: unknown }> {
  try {
    return { wal: await createWal(disk, directory, number, horizon), full: undefined }
  } catch (error) {
    if (!isFull(error)) throw error
    const file = new LateFile(async () => (await createWal(disk, directory, number, horizon)).file)
    return { wal: new WriteAheadLog(file, number, WAL_HEADER, 0), full: error }
  }
}

/** A file that is made when it is first written to. */
class LateFile implements DiskFile {
  readonly #make: () => Promise<DiskFile>
  #file: DiskFile | undefined

  constructor(make: () => Promise<DiskFile>) {
    this.#make = make
  }

  async write(pieces: readonly Uint8Array[], position: number): Promise<void> {
    this.#file ??= await this.#make()
    await this.#file.write(pieces, position)
  }
  async size(): Promise<number> {
    return (await this.#file?.size()) ?? 0
  }
  async read(into: Uint8Array, position: number): Promise<number> {
    return (await this.#file?.read(into, position)) ?? 0
  }
  async sync(): Promise<void> {
    await this.#file?.sync()
  }
  async truncate(size: number): Promise<void> {
    await this.#file?.truncate(size)
  }
  async close(): Promise<void> {
    await this.#file?.close()
  }
}

/** An empty log that is there after a loss of power, too. */
export async function createWal(disk: Disk, directory: string, number: number, horizon: number): Promise<WriteAheadLog> {
  const path = `${directory}/${walName(number)}`
  const file = await disk.open(path, 'create')
  try {
    const wal = await WriteAheadLog.begin(file, number, horizon)
    await file.sync()
    await disk.syncFolder(directory)
    return wal
  } catch (error) {
    await file.close().catch(() => {})
    await disk.remove(path).catch(() => {})
    throw error
  }
}
