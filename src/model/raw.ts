/**
 * The truth of a batch: one `Export<Signal>ServiceRequest` as decompressed protobuf, in the pieces it arrived in.
 * Never written to once made. Two of one signal, one after the other, are one valid request (protobuf merges by concatenation).
 */
export class Raw {
  #chunks: readonly Uint8Array[]
  /** [bytes] the sum of the pieces */
  readonly size: number

  constructor(chunks: readonly Uint8Array[]) {
    this.#chunks = chunks
    let size = 0
    for (const chunk of chunks) size += chunk.length
    this.size = size
  }

  static of(bytes: Uint8Array): Raw {
    return new Raw([bytes])
  }

  /** In order; to be written out one after the other. */
  get chunks(): readonly Uint8Array[] {
    return this.#chunks
  }

  /** All of it in one piece; joined once and kept, so that byte ranges of rows can be read. */
  bytes(): Uint8Array {
    if (this.#chunks.length !== 1) {
      const whole = new Uint8Array(this.size)
      let at = 0
      for (const chunk of this.#chunks) {
        whole.set(chunk, at)
        at += chunk.length
      }
      this.#chunks = [whole]
    }
    return this.#chunks[0]!
  }
}
