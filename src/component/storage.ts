/** Where an exporter's queue is kept so that it outlives the process: the extension that `sending_queue.storage` names. */
import type { Raw } from '../model/raw.ts'
import type { Signal } from '../model/signal.ts'
import type { Context } from './component.ts'
import { StartError } from './errors.ts'

export interface Storage {
  /**
   * Opens, or makes, the queue of one exporter and signal. One at a time has it open.
   * @throws {StartError}
   */
  openQueue(owner: QueueOwner): Promise<StoredQueue>
}

export interface QueueOwner {
  /** the exporter's id */
  readonly id: string
  readonly signal: Signal
  /** Asked for each body when it is safe and nothing older waits on the disk alone: whether it shall stay in memory as well. */
  keeps(bytes: number): boolean
  /** There may be room where there was none. */
  freed(): void
}

/** [sums] of bodies */
export interface Amount {
  readonly bodies: number
  readonly rows: number
  /** of the bodies alone */
  readonly bytes: number
}

/** A body that is on the disk, and in memory. */
export interface StoredBody {
  readonly raw: Raw
  readonly rows: number
  /** holds nothing but own telemetry */
  readonly own: boolean
  /** was being sent when an earlier process ended: the destination may have it */
  readonly begun: boolean
}

/** Bodies in the order they came, each on the disk until it is settled. */
export interface StoredQueue {
  /** what an earlier process left: the first that `read` gives */
  readonly recovered: Amount
  /** what is on the disk alone */
  readonly unread: Amount
  /**
   * Why there is no room for so many bytes more; undefined where there is. `temporary`: the disk is in trouble, or full by what others
   * keep there.
   */
  lacks(bytes: number): { readonly why: string; readonly temporary: boolean } | undefined
  /**
   * Resolves when the body is safe; with it, where the owner keeps it in memory. In the order of the calls.
   * @throws {RetryableError} it is not there, and will not be
   */
  append(raw: Raw, rows: number, own: boolean): Promise<StoredBody | undefined>
  /** The next of those that are on the disk alone, about so many bytes of them, and what is damaged and lost. */
  read(bytes: number): Promise<{ readonly bodies: readonly StoredBody[]; readonly lost: Amount }>
  /** These are about to be sent. Resolves when that is written down, or cannot be. */
  begin(bodies: readonly StoredBody[]): Promise<void>
  /** These were delivered or dropped. Written down soon. */
  settle(bodies: readonly StoredBody[]): void
  /** Writes down what is not yet, and closes, whatever the disk says to it. What was not settled stays. */
  close(): Promise<void>
}

/**
 * Asked at start, when extensions run.
 * @throws {StartError} when there is no such extension
 */
export function storageOf(id: string, cx: Context, where: string): Storage {
  const found = cx.storage(id)
  if (found !== undefined) return found
  throw new StartError(`${where}: no running extension that stores is called ${JSON.stringify(id)}`, {
    remedy: 'list a file_storage in service.extensions',
  })
}
