/**
 * What a store has at this moment: blocks, and heads that are not in blocks yet. It changes in one turn, so that whoever asks sees a head
 * or the blocks that were made of it, never both and never neither.
 */
import type { Disk } from '../component/disk.ts'
import type { Clock } from '../lib/clock.ts'
import type { Labels } from '../model/labels.ts'
import { Block, type BlockName, BlockWriter, type IndexCache } from './block.ts'
import type { SampleColumns } from './chunk.ts'
import type { Head } from './head.ts'

/** A head, and the logs that hold what is in it. */
export interface Stage {
  readonly head: Head
  readonly logs: readonly number[]
  /** [ms] monotonic */
  readonly since: number
}

/** Where to look. */
export interface Places {
  readonly blocks: readonly Block[]
  readonly heads: readonly Head[]
}

export class Contents {
  readonly #disk: Disk
  readonly #clock: Clock
  readonly #directory: string
  readonly #cache: IndexCache
  /** by time */
  #blocks: readonly Block[]
  /** to be written to blocks, the oldest first */
  #sealed: readonly Stage[]
  /** what is written to */
  #stage: Stage
  /** the number of the next log or block */
  #generation: number
  #closed = false

  constructor(
    { directory, disk, clock, cache }: { directory: string; disk: Disk; clock: Clock; cache: IndexCache },
    { blocks, sealed, stage, generation }: { blocks: readonly Block[]; sealed: readonly Stage[]; stage: Stage; generation: number },
  ) {
    this.#directory = directory
    this.#disk = disk
    this.#clock = clock
    this.#cache = cache
    this.#blocks = blocks
    this.#sealed = sealed
    this.#stage = stage
    this.#generation = generation
  }

  get blocks(): readonly Block[] {
    return this.#blocks
  }
  get sealed(): readonly Stage[] {
    return this.#sealed
  }
  get stage(): Stage {
    return this.#stage
  }
  get heads(): readonly Head[] {
    return [...this.#sealed, this.#stage].map(({ head }) => head)
  }
  /** With a step, blocks of that tier alone; heads are of the one with step 0. */
  places(step?: number): Places {
    const heads = step === undefined || step === 0 ? this.heads : []
    return { blocks: this.#blocks.filter(({ name }) => step === undefined || name.step === step), heads }
  }

  get closed(): boolean {
    return this.#closed
  }
  /** Long work is given up. */
  close(): void {
    this.#closed = true
  }

  nextGeneration(): number {
    return this.#generation++
  }
  /** What comes from here on goes to another head. */
  succeed(stage: Stage): void {
    this.#sealed = [...this.#sealed, this.#stage]
    this.#stage = stage
  }
  /** Blocks take the place of the oldest sealed head. */
  replaceOldest(blocks: readonly Block[]): void {
    this.addBlocks(blocks)
    this.#sealed = this.#sealed.slice(1)
  }
  addBlocks(blocks: readonly Block[], instead: readonly Block[] = []): void {
    this.#blocks = [...this.#blocks.filter(block => !instead.includes(block)), ...blocks].sort(byAge)
  }
  /** Of blocks that were written and never added, nothing is left, as far as the disk lets it. */
  async abandon(blocks: readonly Block[]): Promise<void> {
    for (const block of blocks) {
      await block.close().catch(() => {})
      await this.#disk.remove(block.path).catch(() => {})
    }
  }
  /** They are asked no more, and deleted once nobody reads them. */
  async deleteBlocks(blocks: readonly Block[]): Promise<void> {
    if (blocks.length === 0) return
    this.#blocks = this.#blocks.filter(block => !blocks.includes(block))
    for (const block of blocks) {
      await this.#disk.remove(block.path)
      void block.close().catch(() => {})
    }
    await this.#disk.syncFolder(this.#directory)
  }

  /** Nobody is told of it until it is added. @param oldest as a `BlockWriter` is told it @returns undefined where there was nothing to write */
  async writeBlock(
    name: BlockName,
    fill: (add: (labels: Labels, samples: SampleColumns) => Promise<void> | undefined) => Promise<void>,
    oldest?: number,
  ): Promise<Block | undefined> {
    const writer = new BlockWriter(this.#disk, this.#directory, name, this.#clock.now(), oldest)
    try {
      await fill((labels, samples) => writer.add(labels, samples))
      if (!(await writer.finish())) return undefined
      return await Block.open(this.#disk, this.#directory, name, this.#cache)
    } catch (error) {
      await writer.abandon()
      throw error
    }
  }

  /** Lets others run. @throws where the store has been closed: what is under way is given up */
  async breathe(): Promise<void> {
    await new Promise(resolve => setImmediate(resolve))
    if (this.#closed) throw new Error('the store is closed')
  }
}

export const byAge = (a: Block, b: Block): number => a.name.from - b.name.from || a.name.generation - b.name.generation
