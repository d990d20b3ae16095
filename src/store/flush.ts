/** A head that takes nothing more is written to blocks, one for each window that it has samples of. */
import type { Block, BlockName } from './block.ts'
import { SampleColumns } from './chunk.ts'
import type { Contents, Stage } from './contents.ts'
import type { Head } from './head.ts'
import { WINDOW } from './settings.ts'

/** [series] flushed between two looks at the event loop */
const seriesAtOnce = 512

/**
 * Blocks are younger than all that is there, and so than buckets that lack what is in them. Where a crash comes before their log is deleted, another try
 * writes them again beside the first: samples that are there twice count once.
 */
export async function flushHead({ head }: Stage, contents: Contents): Promise<Block[]> {
  const blocks: Block[] = []
  try {
    await writeWindows(head, contents, blocks)
  } catch (error) {
    await contents.abandon(blocks)
    throw error
  }
  return blocks
}

async function writeWindows(head: Head, contents: Contents, blocks: Block[]): Promise<void> {
  const generation = contents.nextGeneration()
  const order = seriesByName(head)
  for (const window of [...head.windows].sort((a, b) => a - b)) {
    const name: BlockName = { step: 0, from: window, to: window + WINDOW, generation }
    const samples = new SampleColumns(1024)
    const block = await contents.writeBlock(name, async add => {
      for (let i = 0; i < order.length; i++) {
        if (i % seriesAtOnce === 0) await contents.breathe()
        if (!head.has(order[i]!, window, window + WINDOW)) continue
        samples.clear()
        head.read(order[i]!, window, window + WINDOW, samples)
        await add(head.labels[order[i]!]!, samples)
      }
    })
    if (block !== undefined) blocks.push(block)
  }
}

/** Series of one metric lie beside each other, for they are asked for together. */
function seriesByName(head: Head): number[] {
  const byName = new Map<string, number[]>()
  head.labels.forEach((labels, series) => {
    const same = byName.get(labels.name)
    if (same === undefined) byName.set(labels.name, [series])
    else same.push(series)
  })
  return [...byName.keys()].sort().flatMap(name => byName.get(name)!)
}
