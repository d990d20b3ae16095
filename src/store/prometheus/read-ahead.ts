/** A file read from beginning to end, more or less, in large pieces: what is asked for next most often lies in the piece that was read last. */
import type { DiskFile } from '../../component/disk.ts'

/** [bytes] read at once, unless more is asked for */
const PIECE = 2 ** 20

export class ReadAhead {
  readonly #file: DiskFile
  readonly #piece: number
  #bytes = Buffer.alloc(0)
  #base = 0

  constructor(file: DiskFile, piece = PIECE) {
    this.#file = file
    this.#piece = piece
  }

  /** [at, at + length) of the file, less where it ends; a view that nothing is written into again. */
  async read(at: number, length: number): Promise<Buffer> {
    if (at < this.#base || at + length > this.#base + this.#bytes.length) {
      const fresh = Buffer.allocUnsafeSlow(Math.max(this.#piece, length))
      this.#bytes = fresh.subarray(0, await this.#file.read(fresh, at))
      this.#base = at
    }
    return this.#bytes.subarray(at - this.#base, at - this.#base + length)
  }
}
