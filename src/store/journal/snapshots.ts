/** The states that readers have left, two of each: should the newer be damaged, the older and what follows it are still there. */
import type { Logger } from '../../component/component.ts'
import type { Disk } from '../../component/disk.ts'
import type { Snapshot } from '../../model/journal.ts'
import { HEADER, newId, OWN, RECORD, readSegmentHeader, segmentHeader, writeRecordHeader } from '../segments/frame.ts'
import { walk } from '../segments/walk.ts'
import { snapshotFormat } from './body.ts'
import { attempt, newer } from './open.ts'

interface Kept {
  readonly reader: string
  readonly position: number
  readonly path: string
  /** entries after its position are kept for it */
  readonly holds: boolean
}

const nameOf = (reader: string, position: number): string => `${encodeURIComponent(reader)}-${String(position).padStart(16, '0')}.snapshot`
/** [snapshots] of each reader */
const most = 2

export class Snapshots {
  readonly #disk: Disk
  readonly #directory: string
  /** by reader, the newest last */
  readonly #kept = new Map<string, Kept[]>()
  #saving: Promise<void> = Promise.resolve()

  private constructor(disk: Disk, directory: string) {
    this.#disk = disk
    this.#directory = directory
  }

  /** What is damaged is said, and deleted: nobody can use it. @throws {StartError} */
  static async open(disk: Disk, directory: string, names: readonly string[], log: Logger): Promise<Snapshots> {
    const snapshots = new Snapshots(disk, directory)
    for (const name of names.filter(name => name.endsWith('.snapshot')).sort()) {
      const path = `${directory}/${name}`
      const kept = await attempt(path, 'read', () => snapshots.#find(name, path))
      if (kept === undefined) {
        log.error({ path }, 'a snapshot of the journal is damaged: what it covered is read again')
        await attempt(path, 'written', () => disk.remove(path))
      } else snapshots.#add(kept)
    }
    return snapshots
  }

  async #find(name: string, path: string): Promise<Kept | undefined> {
    const [, reader, position] = /^(.+)-(\d{16})\.snapshot$/.exec(name) ?? []
    if (reader === undefined) return undefined
    const read = await this.#read(path)
    return read && { reader: decodeURIComponent(reader), position: Number(position), path, holds: !read.own }
  }

  async #read(path: string): Promise<{ body: Buffer; own: boolean; position: number } | undefined> {
    const file = await this.#disk.open(path, 'read')
    try {
      const bytes = Buffer.alloc(HEADER)
      const header = readSegmentHeader(bytes.subarray(0, await file.read(bytes, 0)), snapshotFormat)
      if (header === 'unclear') return undefined
      if ('version' in header) throw newer(path, header.version, snapshotFormat)
      for await (const step of walk(file, HEADER, await file.size(), bytes.readUInt32LE(12))) {
        return step.is === 'record' ? { body: step.body, own: step.own, position: step.sequence } : undefined
      }
      return undefined
    } finally {
      await file.close()
    }
  }

  #add(kept: Kept): void {
    const before = this.#kept.get(kept.reader) ?? []
    this.#kept.set(
      kept.reader,
      [...before.filter(({ path }) => path !== kept.path), kept].sort((a, b) => a.position - b.position),
    )
  }

  /** Every entry after this id is somebody's. */
  get floor(): number {
    const held = [...this.#kept.values()].flat().filter(({ holds }) => holds)
    return Math.min(Number.POSITIVE_INFINITY, ...held.map(({ position }) => position))
  }
  /** the highest position: ids go on after it */
  get highest(): number {
    return Math.max(0, ...[...this.#kept.values()].flat().map(({ position }) => position))
  }

  async get(reader: string): Promise<Snapshot | undefined> {
    for (const { path, position } of (this.#kept.get(reader) ?? []).toReversed()) {
      const read = await this.#read(path)
      if (read?.position === position) return { position, state: JSON.parse(read.body.toString('utf8')) }
    }
    return undefined
  }

  /** One after the other. */
  save(reader: string, snapshot: Snapshot, holds: boolean, created: number, random: number): Promise<void> {
    const saved = this.#saving.then(() => this.#save(reader, snapshot, holds, created, random))
    this.#saving = saved.catch(() => {})
    return saved
  }

  async #save(reader: string, { position, state }: Snapshot, holds: boolean, created: number, random: number): Promise<void> {
    const path = `${this.#directory}/${nameOf(reader, position)}`
    const name = { first: position, id: newId(random) }
    const body = Buffer.from(JSON.stringify(state ?? null))
    const head = Buffer.alloc(RECORD)
    const record = { pieces: [body], length: body.length, rows: 1, sequence: position, time: created, flags: holds ? 0 : OWN }
    writeRecordHeader(head, 0, name.id, record)
    await this.#write(path, [segmentHeader(snapshotFormat, name, created), head, body])
    this.#add({ reader, position, path, holds })
    await this.#forget(reader, most)
  }

  async #write(path: string, pieces: readonly Uint8Array[]): Promise<void> {
    const written = `${path}.tmp`
    await this.#disk.remove(written).catch(() => {})
    const file = await this.#disk.open(written, 'create')
    try {
      await file.write(pieces, 0)
      await file.sync()
    } finally {
      await file.close()
    }
    await this.#disk.rename(written, path)
    await this.#disk.syncFolder(this.#directory)
  }

  remove(reader: string): Promise<void> {
    const removed = this.#saving.then(() => this.#forget(reader, 0))
    this.#saving = removed.catch(() => {})
    return removed
  }

  async #forget(reader: string, keep: number): Promise<void> {
    const kept = this.#kept.get(reader) ?? []
    while (kept.length > keep) {
      await this.#disk.remove(kept[0]!.path)
      kept.shift()
    }
    if (kept.length === 0) this.#kept.delete(reader)
  }

  settled(): Promise<void> {
    return this.#saving
  }
}
