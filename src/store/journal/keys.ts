/** Which entries of a segment may have a key. Whether they do, the entry says: a hash of 32 bits is right but for one in millions, and eight bytes an entry. */
import { crc32 } from 'node:zlib'

export interface Keys {
  /** [entries] */
  readonly count: number
  /** ids, ascending */
  candidates(key: string): readonly number[]
}

/** Of a segment that is written to. */
export class OpenKeys implements Keys {
  readonly #ids = new Map<string, number>()

  get count(): number {
    return this.#ids.size
  }
  add(key: string, id: number): void {
    this.#ids.set(key, id)
  }
  candidates(key: string): readonly number[] {
    const id = this.#ids.get(key)
    return id === undefined ? [] : [id]
  }

  /** @param first the lowest id */
  seal(first: number): SealedKeys {
    const pairs = Array.from(this.#ids, ([key, id]) => [crc32(key), id - first] as const).sort(([a, i], [b, j]) => a - b || i - j)
    const bytes = Buffer.allocUnsafeSlow(8 * pairs.length)
    for (const [i, [hash, offset]] of pairs.entries()) {
      bytes.writeUInt32LE(hash, 8 * i)
      bytes.writeUInt32LE(offset, 8 * i + 4)
    }
    return new SealedKeys(first, bytes)
  }
}

/** Pairs of a hash and an id less the first, in order. */
export class SealedKeys implements Keys {
  readonly #first: number
  readonly bytes: Buffer

  constructor(first: number, bytes: Buffer) {
    this.#first = first
    this.bytes = bytes
  }

  get count(): number {
    return this.bytes.length >> 3
  }

  candidates(key: string): readonly number[] {
    const { bytes, count } = this
    const wanted = crc32(key)
    let low = 0
    for (let high = count; low < high; ) {
      const middle = (low + high) >> 1
      if (bytes.readUInt32LE(8 * middle) < wanted) low = middle + 1
      else high = middle
    }
    const ids: number[] = []
    for (; low < count && bytes.readUInt32LE(8 * low) === wanted; low++) ids.push(this.#first + bytes.readUInt32LE(8 * low + 4))
    return ids
  }
}
