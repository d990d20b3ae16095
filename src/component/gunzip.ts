/**
 * gzip, over one inflater that is kept. Node's `gunzipSync` makes a stream, a handle and 40 KB of tables for each body, which for most
 * bodies costs as much as inflating them. What this cannot do at once, and any body in which something is wrong, is `gunzipSync`'s.
 *
 * The handle of a zlib stream is not documented, though npm itself lives on it (minizlib). So the first use inflates a known body,
 * and where that does not come out right, nothing is ever tried again.
 */
import { constants, createGunzip, gzipSync } from 'node:zlib'

interface Handle {
  reset(): void
  /** Leaves in the stream's `_writeState` how much of `out` is free, and how much of `body` was not read. */
  writeSync(flush: number, body: Uint8Array, from: number, length: number, out: Uint8Array, outFrom: number, outLength: number): void
  onerror: () => void
}

export class Gunzip {
  readonly #handle: Handle | undefined
  readonly #left: Uint32Array = new Uint32Array(2)
  #failed = false

  constructor() {
    try {
      const { _handle: handle, _writeState: left } = createGunzip() as unknown as { _handle: Handle; _writeState: Uint32Array }
      handle.onerror = () => {
        this.#failed = true
      }
      this.#handle = handle
      this.#left = left
      const known = Buffer.from('thalamus '.repeat(100))
      for (let twice = 0; twice < 2; twice++) {
        const found = this.inflate(gzipSync(known), known.length)
        if (found === undefined || !known.equals(found)) this.#handle = undefined
      }
    } catch {
      this.#handle = undefined
    }
  }

  /** whether this Node lets an inflater be kept */
  get works(): boolean {
    return this.#handle !== undefined
  }

  /**
   * @param size [bytes] what the body says it inflates to
   * @param into where to, if given: at least one byte more than `size`
   * @returns undefined where that is not how it is: ask `gunzipSync`, which says why
   */
  inflate(body: Uint8Array, size: number, into?: Uint8Array): Uint8Array | undefined {
    if (this.#handle === undefined) return undefined
    // One byte more, so that a body that has more to give is not taken for one that has given all.
    const out = into ?? Buffer.allocUnsafeSlow(size + 1)
    this.#failed = false
    this.#handle.reset()
    this.#handle.writeSync(constants.Z_FINISH, body, 0, body.length, out, 0, size + 1)
    const [free, unread] = this.#left
    return this.#failed || free !== 1 || unread !== 0 ? undefined : out.subarray(0, size)
  }
}
