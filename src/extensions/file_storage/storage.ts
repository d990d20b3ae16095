import { dirname, join } from 'node:path'
import type { Component, Context } from '../../component/component.ts'
import { attemptOn, codeOf, type Disk, type Lock } from '../../component/disk.ts'
import { StartError } from '../../component/errors.ts'
import type { QueueOwner, Storage, StoredQueue } from '../../component/storage.ts'
import { quietMs } from '../../component/trouble.ts'
import { showBytes } from '../../lib/bytes.ts'
import { every, sleep } from '../../lib/clock.ts'
import type { FileStorageSettings } from './index.ts'
import { Log, type Space } from './log.ts'
import { orphans, recover } from './recover.ts'

/** [bytes] a segment is sealed when it is as large, or at a sixteenth of `max_size` */
const largestSegment = 64 * 2 ** 20
const smallestSegment = 64 * 1024
/** [ms] between looks at the free space, and between syncs of what may wait */
const tickMs = 1000
/** [ms] between attempts to get the lock */
const lockRetryMs = 50
/** In a directory that a process has. It stays when the process has ended; what counts is the lock on it. */
export const lockName = 'thalamus.lock'

export class FileStorage implements Component, Storage, Space {
  readonly #cx: Context
  readonly #settings: FileStorageSettings
  readonly #disk: Disk
  readonly #where: string
  readonly #open = new Map<string, { log: Log; owner: QueueOwner }>()
  #lock: Lock | undefined
  #timer: Disposable | undefined
  #usedBytes = 0
  #freeBytes = Number.POSITIVE_INFINITY
  /** why nothing can be written for the moment */
  #trouble: string | undefined
  #said: { readonly why: string; readonly at: number } | undefined
  #saidTidy = false
  #saidOrphans = false
  #refusals = 0
  #unmeter: () => void = () => {}

  constructor(cx: Context, settings: FileStorageSettings) {
    this.#cx = cx
    this.#settings = settings
    this.#disk = cx.disk
    this.#where = `extensions.${cx.id}`
  }

  async start(): Promise<void> {
    const { directory, create_directory, directory_permissions, compaction, fsync } = this.#settings
    if (create_directory) {
      await this.#try('made', () => this.#disk.makeFolder(directory, Number.parseInt(directory_permissions, 8)))
      // That it exists must outlive the power as well. Whoever may not read the folder above has made it before.
      if (fsync) await this.#disk.syncFolder(dirname(directory)).catch(() => {})
    }
    const names = await this.#try('read', () => this.#disk.list(directory))
    this.#lock = await this.#getLock()
    await this.#warnOfCollectors(names)
    if (compaction !== undefined) this.#cx.log.info({}, 'compaction has nothing to do here: what was delivered is deleted at once')
    await this.#look()
    this.#timer = every(this.#cx.clock, tickMs, () => this.#tick())
    this.#meter()
  }

  async openQueue(owner: QueueOwner): Promise<StoredQueue> {
    const name = folderName(owner)
    if (this.#open.has(name)) {
      // While a reload replaces an exporter, the former finishes first.
      throw new StartError(`${this.#where}: the queue of ${owner.id} for ${owner.signal} is open`, { taken: true })
    }
    const folder = join(this.#settings.directory, name)
    await this.#try('made', () => this.#disk.makeFolder(folder, Number.parseInt(this.#settings.directory_permissions, 8)))
    const found = await this.#recover(folder)
    for (const name of orphans(await this.#try('read', () => this.#disk.list(folder)))) {
      await this.#disk.remove(join(folder, name)).catch(() => {})
    }
    const { clock, random, log } = this.#cx
    const segmentBytes = Math.min(largestSegment, Math.max(smallestSegment, Math.floor(this.#settings.max_size / 16)))
    const around = { disk: this.#disk, clock, random, log, space: this, fsync: this.#settings.fsync, segmentBytes }
    const opened = new Log(folder, owner, found, around)
    await opened.start()
    if (this.#settings.fsync) await this.#try('written', () => this.#disk.syncFolder(this.#settings.directory))
    this.#open.set(name, { log: opened, owner })
    const close = opened.close.bind(opened)
    // Whoever opens it next finds it as it was left.
    opened.close = () => close().finally(() => this.#open.delete(name))
    return opened
  }

  async #recover(folder: string) {
    const found = await this.#try('read', () => recover(this.#disk, folder, (path, version) => this.#refuse(path, version)))
    for (const { name, holes } of found) {
      for (const { at, end, torn, header } of holes) {
        if (torn)
          this.#cx.log.info({ folder, segment: name.first, at, bytes: end - at }, 'a batch was being written when the process ended')
        // Damage that says of itself how much it was is said when it is read.
        else if (header === undefined)
          this.#cx.log.error({ folder, segment: name.first, at, bytes: end - at }, 'a part of a queue on the disk is damaged')
      }
    }
    return found
  }

  async #refuse(path: string, version: number): Promise<void> {
    if (!this.#settings.recreate) {
      throw new StartError(`${this.#where}: ${JSON.stringify(path)} is of version ${version} of the format, and this reads version 1`, {
        remedy: 'let the version of Thalamus that wrote it deliver what is in it; or set recreate: true, which moves it aside',
      })
    }
    const aside = `${path}.${new Date(this.#cx.clock.now()).toISOString().replaceAll(':', '')}.backup`
    await this.#disk.rename(path, aside)
    this.#cx.log.error({ file: aside, version }, 'a queue of another version was moved aside and is not delivered')
  }

  async shutdown(): Promise<void> {
    this.#timer?.[Symbol.dispose]()
    this.#unmeter()
    for (const { log } of this.#open.values()) await log.close().catch(() => {})
    await this.#lock?.release()
    this.#lock = undefined
  }

  // The space

  lacks(bytes: number): { why: string; temporary: boolean } | undefined {
    const lack = this.#lack(bytes)
    if (lack !== undefined && bytes > 0) this.#refusals++
    return lack
  }

  #lack(bytes: number): { why: string; temporary: boolean } | undefined {
    const { min_free_space, max_size, directory } = this.#settings
    if (this.#trouble !== undefined) return { why: this.#trouble, temporary: true }
    if (this.#freeBytes - bytes < min_free_space) {
      const why = `${directory} has ${showBytes(Math.max(0, this.#freeBytes))} free, and min_free_space is ${showBytes(min_free_space)}`
      return { why, temporary: true }
    }
    if (this.#usedBytes + bytes > max_size) return { why: `${directory} is full: max_size is ${showBytes(max_size)}`, temporary: false }
    return undefined
  }

  used(bytes: number): void {
    this.#usedBytes += bytes
    this.#freeBytes -= bytes
  }

  failed(error: unknown): void {
    this.#inTrouble(`${this.#settings.directory} cannot be written: ${codeOf(error)}`)
  }

  worked(): void {
    if (this.#said === undefined) return
    this.#cx.log.info({}, 'the disk takes what comes again')
    this.#said = undefined
  }

  /** It is tried again every second, and said again every half minute. */
  #inTrouble(why: string): void {
    this.#trouble = why
    const now = this.#cx.clock.monotonic()
    if (this.#said?.why === why && now - this.#said.at < quietMs) return
    this.#said = { why, at: now }
    this.#cx.log.error({ why }, 'the disk takes nothing: senders are asked to come again')
  }

  async #tick(): Promise<void> {
    await this.#look()
    if (!this.#saidOrphans && this.#cx.status().ready) await this.#warnOfOrphans()
    for (const { log } of this.#open.values()) {
      try {
        await log.tidy()
        this.#saidTidy = false
      } catch (error) {
        if (!this.#saidTidy)
          this.#cx.log.warn({ error: codeOf(error) }, 'what was delivered cannot be made safe: after a loss of power it may be sent again')
        this.#saidTidy = true
      }
    }
  }

  #wasShort = false
  async #look(): Promise<void> {
    try {
      const { available } = await this.#disk.statfs(this.#settings.directory)
      this.#freeBytes = available
      this.#trouble = undefined
    } catch (error) {
      this.#inTrouble(`the free space of ${this.#settings.directory} is not known: ${codeOf(error)}`)
    }
    const { min_free_space } = this.#settings
    const short = this.#freeBytes < min_free_space
    if (short !== this.#wasShort) {
      const facts = { free: this.#freeBytes, min_free_space }
      if (short) this.#cx.log.error(facts, 'the disk is nearly full: senders are asked to come again')
      else this.#cx.log.info(facts, 'the disk has room again')
    }
    this.#wasShort = short
    if (this.#lack(0) === undefined) for (const { owner } of this.#open.values()) owner.freed()
  }

  // The start

  #try<T>(what: 'made' | 'read' | 'written', work: () => Promise<T>): Promise<T> {
    const { directory, create_directory } = this.#settings
    return attemptOn(work, (why, { cause, remedy }) => {
      const missing = !create_directory && codeOf(cause) === 'ENOENT' ? 'make it, or set create_directory: true' : undefined
      return new StartError(`${this.#where}.directory: the queues in ${JSON.stringify(directory)} cannot be ${what}: ${why}`, {
        ...{ cause, remedy: missing ?? remedy ?? '' },
      })
    })
  }

  async #getLock(): Promise<Lock> {
    const { directory, timeout } = this.#settings
    const { clock } = this.#cx
    const since = clock.monotonic()
    for (;;) {
      const lock = await this.#try('written', () => this.#disk.lock(join(directory, lockName)))
      if (lock !== undefined) return lock
      if (timeout > 0 && clock.monotonic() - since >= timeout) break
      await sleep(clock, lockRetryMs)
    }
    throw new StartError(
      `${this.#where}.directory: ${JSON.stringify(directory)} is in use, by another process or by another file_storage of this one`,
      {
        remedy: 'end it, or give each a directory of its own; settings of a storage that runs change with a restart, not with a reload',
      },
    )
  }

  /** Whoever comes from the Collector may have rows in its files. */
  async #warnOfCollectors(names: readonly string[]): Promise<void> {
    for (const name of names.filter(name => /^(exporter|receiver|connector)_/.test(name))) {
      this.#cx.log.warn(
        { file: join(this.#settings.directory, name) },
        'this looks like a file of the OpenTelemetry Collector, which cannot be read: let the Collector deliver what is in it',
      )
    }
  }

  /** By the first tick every exporter has opened its queue: what is left is nobody's, and would be forgotten. */
  async #warnOfOrphans(): Promise<void> {
    this.#saidOrphans = true
    const { directory } = this.#settings
    try {
      for (const name of (await this.#disk.list(directory)).filter(name => name.startsWith('exporter.') && !this.#open.has(name))) {
        const folder = join(directory, name)
        const found = await recover(this.#disk, folder, async () => {})
        const rows = found.reduce((sum, { left }) => sum + left.rows, 0)
        if (rows > 0) this.#cx.log.warn({ folder, rows }, 'rows wait for an exporter that does not run: they are kept, and not sent')
      }
    } catch (error) {
      this.#cx.log.warn({ directory, error: codeOf(error) }, 'whether rows wait for an exporter that does not run is not known')
    }
  }

  #meter(): void {
    const { meter, id } = this.#cx
    const attributes = { extension: id }
    const used = meter.createObservableGauge('thalamus_storage_used', {
      description: 'Bytes that the queues in the directory take.',
      unit: 'By',
    })
    const free = meter.createObservableGauge('thalamus_storage_free', { description: 'Bytes that the file system has free.', unit: 'By' })
    const refusals = meter.createObservableCounter('thalamus_storage_refusals', {
      description: 'How often a batch was asked to wait or come again because the directory is full or the disk takes nothing.',
      unit: '{batch}',
    })
    const observe: Parameters<typeof meter.addBatchObservableCallback>[0] = result => {
      result.observe(used, this.#usedBytes, attributes)
      result.observe(free, this.#freeBytes, attributes)
      result.observe(refusals, this.#refusals, attributes)
    }
    const observed = [used, free, refusals]
    meter.addBatchObservableCallback(observe, observed)
    this.#unmeter = () => meter.removeBatchObservableCallback(observe, observed)
  }
}

/** `otlp_http/jaeger`, traces → `exporter.otlp_http~002Fjaeger.traces`: what is no letter, digit, `.`, `-` or `_` is written as its number. */
export const folderName = ({ id, signal }: Pick<QueueOwner, 'id' | 'signal'>): string =>
  `exporter.${id.replaceAll(/[^A-Za-z0-9._-]/gu, letter => `~${letter.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}`)}.${signal}`
