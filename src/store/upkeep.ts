/** Does what `nextJob` says: merges blocks, thins them out, deletes them. One job at a time, in slices that let others run. */
import type { Logger } from '../component/component.ts'
import { codeOf } from '../component/disk.ts'
import type { Clock } from '../lib/clock.ts'
import type { Labels } from '../model/labels.ts'
import { type Block, BlockError, CHUNK_SAMPLES } from './block.ts'
import type { BlockIndex } from './block-index.ts'
import { SampleColumns } from './chunk.ts'
import type { Contents } from './contents.ts'
import { type Found, readAll } from './found.ts'
import { DAY, type Damaged, type Job, nextDeletion, nextJob, nextMerge } from './plan.ts'
import type { Retention } from './settings.ts'
import { joinBuckets, lastNumber, thin } from './thin.ts'

/** [series] read at once */
const GROUP = 256
/** [ms] after a failure nothing is tried */
const backoffMs = 60_000
/** [ms] after its end a window may get blocks in the ordinary course, beyond the out-of-order window: a head is not written before */
const flushMs = 6 * 60_000

export class Upkeep {
  readonly #contents: Contents
  readonly #retention: Retention
  readonly #openMs: number
  readonly #clock: Clock
  readonly #log: Logger
  /** blocks that could not be read, here or at the start */
  #damaged: readonly Damaged[]
  #notBefore = 0
  readonly counts = { merge: 0, thin: 0, delete: 0 }

  /** @param openMs how long after its end a window is waited for @param damaged blocks that could not even be opened */
  constructor(
    contents: Contents,
    retention: Retention,
    openMs: number,
    damaged: readonly Damaged[],
    { clock, log }: { readonly clock: Clock; readonly log: Logger },
  ) {
    this.#contents = contents
    this.#retention = retention
    this.#openMs = openMs
    this.#damaged = damaged
    this.#clock = clock
    this.#log = log
  }

  /** [blocks] */
  get damaged(): number {
    return this.#damaged.length
  }

  /** @param what `deletions` where there is no room for new blocks; `merges` are those of samples as they came, and nothing is thinned out or deleted */
  async run(what: 'all' | 'deletions' | 'merges'): Promise<void> {
    const [contents, clock, log] = [this.#contents, this.#clock, this.#log]
    if (clock.monotonic() < this.#notBefore) return
    let deletes = what === 'deletions'
    for (;;) {
      const { blocks } = contents
      const [retention, now, damaged] = [this.#retention, clock.now(), this.#damaged]
      const unwritten = Math.min(...contents.heads.map(({ minTime }) => minTime))
      // Where there is no room, it comes before what is still to be written.
      const job =
        what === 'merges'
          ? nextMerge(blocks, this.#openMs + flushMs, now, damaged)
          : deletes
            ? nextDeletion(blocks, retention, now, undefined, damaged)
            : nextJob(blocks, retention, this.#openMs + flushMs, now, unwritten, damaged)
      if (job === undefined) return
      try {
        await this.#do(contents, job)
        this.counts[job.is]++
        if (job.is === 'delete') log.debug({ why: job.why, blocks: job.blocks.map(({ path }) => path) }, 'blocks were deleted')
      } catch (error) {
        if (contents.closed) return
        if (error instanceof DamagedError) {
          this.#damaged = [...this.#damaged, error.block]
          log.error({ block: error.block.path, error: error.message }, 'a block is damaged and left alone: see thalamus store verify')
          continue
        }
        this.#notBefore = clock.monotonic() + backoffMs
        log.error({ job: job.is, error: codeOf(error) }, 'blocks cannot be merged, thinned out or deleted: it is tried again')
        if (job.is === 'delete' || what === 'merges') return
        deletes = true
      }
    }
  }

  #do(contents: Contents, job: Job<Block>): Promise<void> {
    switch (job.is) {
      case 'merge':
        return mergeBlocks(contents, job)
      case 'thin':
        return thinBlocks(contents, job)
      case 'delete':
        this.#damaged = this.#damaged.filter(({ name }) => !job.blocks.some(block => block.name === name))
        return contents.deleteBlocks(job.blocks)
    }
  }
}

class DamagedError extends Error {
  readonly block: Block
  constructor(block: Block, cause: BlockError) {
    super(cause.message, { cause })
    this.block = block
  }
}

async function mergeBlocks(contents: Contents, { step, from, to, blocks }: Job<Block> & { is: 'merge' }): Promise<void> {
  const samples = new SampleColumns(CHUNK_SAMPLES)
  const merged = await contents.writeBlock(
    { step, from, to, generation: contents.nextGeneration() },
    async add => {
      for await (const { labels, parts } of everySeries(contents, blocks, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY)) {
        await add(labels, readAll(present(parts), Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, samples))
      }
    },
    oldestOf(blocks),
  )
  contents.addBlocks(merged === undefined ? [] : [merged], blocks)
  await contents.deleteBlocks(blocks)
}

const oldestOf = (blocks: readonly Block[]): number => Math.min(...blocks.map(({ oldest }) => oldest))

type Add = (labels: Labels, samples: SampleColumns) => Promise<void> | undefined

/** One pass over the day for all tiers. */
async function thinBlocks(
  contents: Contents,
  { steps, from, to, blocks, before, instead, late }: Job<Block> & { is: 'thin' },
): Promise<void> {
  const samples = new SampleColumns(CHUNK_SAMPLES)
  const buckets = new SampleColumns(CHUNK_SAMPLES)
  const known = new SampleColumns(CHUNK_SAMPLES)
  const all = [...before, ...blocks, ...late]
  const firstLate = before.length + blocks.length
  const fill = async (adds: readonly Add[]) => {
    for await (const { labels, parts } of everySeries(contents, all, from - DAY, to)) {
      const last = lastNumber(readAll(present(parts.slice(0, before.length)), from - DAY, from, samples))
      readAll(present(parts.slice(before.length, firstLate)), from, to, samples)
      for (const [i, add] of adds.entries()) {
        buckets.clear()
        thin(samples, steps[i]!, last, buckets)
        const there = late.findIndex(({ name }) => name.step === steps[i])
        const part = there < 0 ? undefined : parts[firstLate + there]
        if (part === undefined) await add(labels, buckets)
        else await add(labels, joinBuckets(readAll([part], from, to, known), buckets, steps[i]!, last))
      }
    }
  }
  const made: Block[] = []
  /** Opens a block for each tier, one within the other. */
  const write = async (adds: readonly Add[]): Promise<void> => {
    if (adds.length === steps.length) return fill(adds)
    const name = { step: steps[adds.length]!, from, to, generation: contents.nextGeneration() }
    const oldest = oldestOf([...blocks, ...late.filter(({ name: { step } }) => step === name.step)])
    const block = await contents.writeBlock(name, add => write([...adds, add]), oldest)
    if (block !== undefined) made.push(block)
  }
  await write([])
  contents.addBlocks(made, instead)
  await contents.deleteBlocks(instead)
}

const present = (parts: readonly (Found | undefined)[]): Found[] => parts.filter(part => part !== undefined)

interface Member {
  readonly labels: Labels
  /** [blocks] its number there */
  readonly at: (number | undefined)[]
}
interface Gathering {
  readonly labels: Labels
  /** [blocks] */
  readonly parts: readonly (Found | undefined)[]
}

/** The series of all blocks, those of one metric beside each other, with what each block has of it in (from, to]. */
async function* everySeries(contents: Contents, blocks: readonly Block[], from: number, to: number): AsyncGenerator<Gathering> {
  const uses = blocks.map(block => block.use())
  try {
    // Held as long as it takes, whatever the cache has room for.
    const indexes: BlockIndex[] = []
    for (const block of blocks) indexes.push(await guarded(block, () => block.index()))
    let waiting: Member[] = []
    for await (const members of metrics(contents, indexes)) {
      waiting = waiting.concat(members)
      while (waiting.length >= GROUP) yield* load(contents, blocks, indexes, waiting.splice(0, GROUP), from, to)
    }
    yield* load(contents, blocks, indexes, waiting, from, to)
  } finally {
    for (const use of uses) use[Symbol.dispose]()
  }
}

async function* load(
  contents: Contents,
  blocks: readonly Block[],
  indexes: readonly BlockIndex[],
  group: readonly Member[],
  from: number,
  to: number,
): AsyncGenerator<Gathering> {
  await contents.breathe()
  const parts = group.map((): (Found | undefined)[] => blocks.map(() => undefined))
  for (const [b, block] of blocks.entries()) {
    const place = new Map<number, number>()
    group.forEach(({ at }, k) => {
      if (at[b] !== undefined) place.set(at[b], k)
    })
    const series = [...place.keys()].sort((x, y) => x - y)
    const found = await guarded(block, () => block.load(indexes[b]!, series, from, to, true))
    for (const one of found) parts[place.get(one.series)!]![b] = one
  }
  for (const [k, { labels }] of group.entries()) yield { labels, parts: parts[k]! }
}

/** Metric by metric, so that no more labels are held than one metric has: the series of all blocks. */
async function* metrics(contents: Contents, indexes: readonly BlockIndex[]): AsyncGenerator<Member[]> {
  const names = new Set<string>()
  for (const index of indexes) for (const name of index.values('__name__')) names.add(name)
  const nameless = indexes.map(withoutName)
  if (nameless.some(({ length }) => length > 0)) yield join(indexes, nameless)
  let met = 0
  for (const name of [...names].sort()) {
    const members = join(
      indexes,
      indexes.map(index => index.postings('__name__', name)),
    )
    met += members.length
    if (met >= 4096) {
      met = 0
      await contents.breathe()
    }
    yield members
  }
}

function withoutName(index: BlockIndex): number[] {
  const named = new Uint8Array(index.size)
  for (const name of index.values('__name__')) {
    const postings = index.postings('__name__', name)
    for (let i = 0; i < postings.length; i++) named[postings[i]!] = 1
  }
  const rest: number[] = []
  named.forEach((is, series) => void (is === 0 && rest.push(series)))
  return rest
}

/** @param lists by index, the series that are wanted of it */
function join(indexes: readonly BlockIndex[], lists: readonly ArrayLike<number>[]): Member[] {
  const byKey = new Map<string, Member>()
  for (const [b, list] of lists.entries()) {
    for (let i = 0; i < list.length; i++) {
      const labels = indexes[b]!.makeLabels(list[i]!)
      let member = byKey.get(labels.key)
      if (member === undefined) byKey.set(labels.key, (member = { labels, at: [] }))
      member.at[b] = list[i]!
    }
  }
  return [...byKey.values()]
}

async function guarded<T>(block: Block, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof BlockError) throw new DamagedError(block, error)
    throw error
  }
}
