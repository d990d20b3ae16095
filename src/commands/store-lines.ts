/** A file of JSON lines (store/json-lines.ts), taken in line by line, in bounded memory. */
import type { Disk } from '../component/disk.ts'
import { ExpositionError } from '../exposition/read.ts'
import { SampleColumns } from '../store/chunk.ts'
import { JsonLineError, readLine } from '../store/json-lines.ts'
import type { Filler } from './store-filler.ts'

/** [bytes] read at once, and of a line at the most */
const PIECE = 2 ** 20
const MAX_LINE = 64 * 2 ** 20

/** @throws {ExpositionError} with the line; what came before it is in the store @throws as the disk does */
export async function readJsonLines(disk: Disk, path: string, filler: Filler): Promise<void> {
  const samples = new SampleColumns()
  let number = 0
  for await (const text of linesOf(disk, path)) {
    number++
    if (text.trim() === '') continue
    try {
      const line = readLine(text, samples)
      if (line.is === 'family') filler.metadata(line.family, line.metadata)
      else {
        const handle = filler.handle(line.labels.key, () => line.labels)
        if (line.is === 'samples') filler.columns(handle, samples)
        else for (const exemplar of line.exemplars) filler.exemplar(handle, exemplar)
      }
    } catch (error) {
      if (error instanceof JsonLineError) throw new ExpositionError(error.message, number)
      throw error
    }
    await filler.settled()
  }
}

async function* linesOf(disk: Disk, path: string): AsyncGenerator<string> {
  const file = await disk.open(path, 'read')
  try {
    let rest = Buffer.alloc(0)
    let number = 0
    for (let at = 0; ; ) {
      const piece = Buffer.allocUnsafe(PIECE)
      const got = await file.read(piece, at)
      at += got
      const bytes = rest.length === 0 ? piece.subarray(0, got) : Buffer.concat([rest, piece.subarray(0, got)])
      let begin = 0
      for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, begin)) {
        number++
        yield bytes.toString('utf8', begin, end)
        begin = end + 1
      }
      rest = bytes.subarray(begin)
      if (rest.length > MAX_LINE) throw new ExpositionError(`a line of more than ${MAX_LINE} bytes`, number + 1)
      if (got < PIECE) break
    }
    if (rest.length > 0) yield rest.toString('utf8')
  } finally {
    await file.close()
  }
}
