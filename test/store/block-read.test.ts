import { expect, test } from 'vitest'
import { Block, BlockWriter, CHUNK_SAMPLES, IndexCache } from '../../src/store/block.ts'
import { SampleColumns } from '../../src/store/chunk.ts'
import { MemoryDisk } from '../kit/disk.ts'
import { labels } from './opened.ts'

const CHUNKS = 4
const SAMPLES = CHUNKS * CHUNK_SAMPLES

/** Tells how often room is made, which is once for each chunk that is decoded. */
class Counted extends SampleColumns {
  decoded = 0
  override reserve(capacity: number): void {
    super.reserve(capacity)
    this.decoded++
  }
}

/** A series of `CHUNKS` chunks, a sample a second from 1 s on. */
async function block(): Promise<Block> {
  const disk = new MemoryDisk()
  await disk.makeFolder('/store')
  const name = { step: 0, from: 0, to: SAMPLES * 1000, generation: 1 }
  const writer = new BlockWriter(disk, '/store', name, 0)
  const samples = new SampleColumns(SAMPLES)
  for (let i = 1; i <= SAMPLES; i++) samples.push(i * 1000, i)
  await writer.add(labels('a'), samples)
  await writer.finish()
  return Block.open(disk, '/store', name, new IndexCache(2 ** 20))
}

// Who reads a series stretch by stretch asks one block for each of them.
test.each([
  ['all of it', 0, SAMPLES, CHUNKS],
  ['the first chunk', 0, CHUNK_SAMPLES, 1],
  ['the first chunk and a sample of the second', 0, CHUNK_SAMPLES + 1, 2],
  ['the end of the first and the beginning of the second', CHUNK_SAMPLES - 1, CHUNK_SAMPLES + 1, 2],
  ['the last sample', SAMPLES - 1, SAMPLES, 1],
  ['nothing that is before it', -5, 0, 0],
  ['nothing that is behind it', SAMPLES, SAMPLES + 5, 0],
])('of a block that was loaded whole only the chunks that are asked for are decoded: %s', async (_, after, until, chunks) => {
  const whole = await block()
  const [found] = await whole.load(await whole.index(), [0], 0, SAMPLES * 1000, true)
  const into = new Counted(0)
  into.decoded = 0
  found!.read(after * 1000, until * 1000, into)
  expect(into.decoded).toBe(chunks)
  const wanted = Array.from({ length: SAMPLES }, (_, i) => i + 1).filter(i => i > after && i <= until)
  expect(Array.from(into.value.subarray(0, into.length))).toEqual(wanted)
})
