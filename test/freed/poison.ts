/**
 * Makes visible what is read after it was freed: memory is overwritten before it goes, so that a socket that still writes from it writes
 * `poison`; and every hold is counted, so that one which is given up twice is known.
 */
import { Raw } from '../../src/model/raw.ts'

export const poison = 0xee
/** No text, number or length in a test has so many of them in a row. */
const run = Buffer.alloc(64, poison)
export const isPoisoned = (bytes: Uint8Array): boolean => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes(run)

export class Watch {
  /** [buffers] */
  freed = 0
  /** stacks of whoever let go what it did not hold */
  readonly twice: string[] = []
  readonly #undo: () => void
  #made: Raw[] | undefined

  constructor() {
    const watch = this
    const { owning } = Raw
    Raw.owning = chunks => {
      const raw = owning(chunks)
      watch.#made?.push(raw)
      return raw
    }
    const { transfer } = ArrayBuffer.prototype
    const { retain, release } = Raw.prototype
    const holders = new WeakMap<Raw, number>()
    ArrayBuffer.prototype.transfer = function (this: ArrayBuffer, size?: number) {
      new Uint8Array(this).fill(poison)
      watch.freed++
      return transfer.call(this, size)
    }
    Raw.prototype.retain = function (this: Raw, more = 1) {
      holders.set(this, (holders.get(this) ?? 1) + more)
      retain.call(this, more)
    }
    Raw.prototype.release = function (this: Raw) {
      const left = (holders.get(this) ?? 1) - 1
      holders.set(this, left)
      if (left < 0) watch.twice.push(new Error('let go twice').stack ?? '')
      release.call(this)
    }
    this.#undo = () => {
      Raw.owning = owning
      ArrayBuffer.prototype.transfer = transfer
      Raw.prototype.retain = retain
      Raw.prototype.release = release
    }
  }

  /** @returns of those that are made from here on to be freed: how many were, and the sizes of those that were not */
  follow(): () => { freed: number; left: number[] } {
    const made: Raw[] = (this.#made = [])
    return () => {
      this.#made = undefined
      const left = made.filter(isThere)
      return { freed: made.length - left.length, left: left.map(({ size }) => size) }
    }
  }

  [Symbol.dispose](): void {
    this.#undo()
  }
}

function isThere(raw: Raw): boolean {
  try {
    return raw.chunks.length > 0
  } catch {
    return false
  }
}
