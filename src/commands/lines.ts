/** A file in pieces of whole lines, so that one of any size is read in bounded memory. */
import type { Disk } from '../component/disk.ts'
import { ExpositionError } from '../exposition/read.ts'

/** [bytes] read at once, and of a line at the most */
const PIECE = 2 ** 20
export const MAX_LINE = 64 * 2 ** 20

/** Each ends with a newline, but for the last. @throws {ExpositionError} for a line that is too long @throws as the disk does */
export async function* piecesOf(disk: Disk, path: string): AsyncGenerator<Buffer> {
  const file = await disk.open(path, 'read')
  try {
    let rest = Buffer.alloc(0)
    let lines = 0
    for (let at = 0; ; ) {
      const piece = Buffer.allocUnsafe(PIECE)
      const got = await file.read(piece, at)
      at += got
      const bytes = rest.length === 0 ? piece.subarray(0, got) : Buffer.concat([rest, piece.subarray(0, got)])
      const end = bytes.lastIndexOf(10) + 1
      if (end > 0) {
        const whole = bytes.subarray(0, end)
        lines += newlines(whole)
        yield whole
      }
      rest = bytes.subarray(end)
      if (rest.length > MAX_LINE) throw new ExpositionError(`a line of more than ${MAX_LINE} bytes`, lines + 1)
      if (got < PIECE) break
    }
    if (rest.length > 0) yield rest
  } finally {
    await file.close()
  }
}

function newlines(bytes: Buffer): number {
  let count = 0
  for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, at + 1)) count++
  return count
}
