/** A file of JSON lines (store/json-lines.ts), taken in line by line, in bounded memory. */
import type { Disk } from '../component/disk.ts'
import { ExpositionError } from '../exposition/read.ts'
import { SampleColumns } from '../store/chunk.ts'
import { JsonLineError, readLine } from '../store/json-lines.ts'
import { piecesOf } from './lines.ts'
import type { Filler } from './store-filler.ts'

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
  for await (const bytes of piecesOf(disk, path)) {
    let begin = 0
    for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, begin)) {
      yield bytes.toString('utf8', begin, end)
      begin = end + 1
    }
    if (begin < bytes.length) yield bytes.toString('utf8', begin)
  }
}
