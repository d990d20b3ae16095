/**
 * The truth of a batch: one `Export<Signal>ServiceRequest` as decompressed protobuf, in the pieces it arrived in.
 * Never written to once made. Two of one signal, one after the other, are one valid request (protobuf merges by concatenation).
 *
 * Bodies are buffers outside the heap, hundreds of megabytes of them a second. Those that live as long as a request is on its way are old
 * by the collector's clock, and then only a collection of the whole heap frees them. So who is the last to need them says so, and they are
 * freed at once: a holder is whoever was handed a batch and took it. A holder that never says so costs nothing but that: then the collector
 * frees them, as it frees anything. A holder that says so too early takes the bytes from under the others, who get an error, never other bytes.
 */
export class Raw {
  #chunks: readonly Uint8Array[]
  /** [bytes] the sum of the pieces */
  readonly size: number
  /** what goes when the last holder has let go: memory that nobody else refers to, and what this was put together from */
  #owned: readonly (Uint8Array | Raw)[]
  #holders = 1
  #freed = false

  constructor(chunks: readonly Uint8Array[], owned: readonly (Uint8Array | Raw)[] = nothing) {
    this.#chunks = chunks
    this.#owned = owned
    let size = 0
    for (const chunk of chunks) size += chunk.length
    this.size = size
  }

  static of(bytes: Uint8Array): Raw {
    return new Raw([bytes])
  }

  /** Of pieces whose buffers nobody else refers to: they are freed with this. */
  static owning(chunks: readonly Uint8Array[]): Raw {
    return new Raw(chunks, chunks)
  }

  /** Of a copy of these, in one buffer that is freed with it. */
  static copied(chunks: readonly Uint8Array[]): Raw {
    // Not `Buffer.concat`, which cuts small ones out of a buffer that others have a part of.
    const whole = Buffer.allocUnsafeSlow(chunks.reduce((sum, { length }) => sum + length, 0))
    let at = 0
    for (const chunk of chunks) {
      whole.set(chunk, at)
      at += chunk.length
    }
    return Raw.owning([whole])
  }

  /** One after the other. Takes the place of one holder of each. */
  static joined(raws: readonly Raw[]): Raw {
    return new Raw(
      raws.flatMap(raw => raw.chunks),
      raws,
    )
  }

  /** In order; to be written out one after the other. @throws when they have been freed */
  get chunks(): readonly Uint8Array[] {
    if (this.#freed)
      throw new Error('the bytes of this batch were freed by its last holder: whoever keeps them longer calls retain() first')
    return this.#chunks
  }

  /** All of it in one piece; joined once and kept, so that byte ranges of rows can be read. @throws when they have been freed */
  bytes(): Uint8Array {
    const { chunks } = this
    if (chunks.length === 1) return chunks[0]!
    const whole = new Uint8Array(this.size)
    let at = 0
    for (const chunk of chunks) {
      whole.set(chunk, at)
      at += chunk.length
    }
    this.#chunks = [whole]
    this.#owned = [...this.#owned, whole]
    return whole
  }

  /** So many more hold it, each of which calls `release` once, or never. */
  retain(holders = 1): void {
    this.#holders += holders
  }

  /** Called by a holder that will not look at the bytes again, and has given nobody a part of them who will. */
  release(): void {
    if (--this.#holders !== 0 || this.#owned.length === 0) return
    const owned = this.#owned
    this.#freed = true
    this.#owned = nothing
    this.#chunks = nothing
    for (const one of owned) {
      if (one instanceof Raw) one.release()
      else free(one)
    }
  }
}

const nothing: readonly never[] = []

/** A buffer that is handed to somebody else is empty at once for all who refer to it, and what nobody takes is freed. */
function free({ buffer }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength >= smallestBytes) buffer.transfer(0)
}

/** [bytes] To free less takes longer than it takes the collector. */
const smallestBytes = 1024
