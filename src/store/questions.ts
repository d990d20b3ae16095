/** Questions: heads and blocks are asked alike, and what they have of a series is put together. Nobody waits for writers or for upkeep. */
import { showBytes } from '../lib/bytes.ts'
import type { Labels } from '../model/labels.ts'
import type { Matcher } from '../model/matcher.ts'
import type { Cardinality, Metadata, Samples, SelectedSeries, SelectHints, SeriesExemplars, Store } from '../model/query.ts'
import { QueryError } from '../promql/query-error.ts'
import { type Block, BlockError, type ReadBudget, TooLargeError } from './block.ts'
import { cardinalityOf } from './cardinality.ts'
import { aggregatesFor, SampleColumns } from './chunk.ts'
import { byAge, type Contents, type Places } from './contents.ts'
import { appendAll, type Found, Gathered, readAll, toSamples } from './found.ts'
import { appendOne, type Head } from './head.ts'
import { type LabelIndex, Selector } from './label-index.ts'
import type { Notes } from './notes.ts'
import { HOUR, lacks, MINUTE, standAlone } from './plan.ts'
import { reachOf } from './reach.ts'
import { bucketEnd, joinBuckets, lastNumber, thin } from './thin.ts'

export class Questions implements Store {
  readonly #contents: Contents
  readonly #notes: Notes
  readonly #maxSelectBytes: number

  constructor(contents: Contents, notes: Notes, maxSelectBytes: number) {
    this.#contents = contents
    this.#notes = notes
    this.#maxSelectBytes = maxSelectBytes
  }

  /** Blocks and heads, the oldest first: what was written twice counts as it was first. */
  async #gather(places: Places, selectors: readonly Selector[], from: number, to: number, load: boolean): Promise<Gathered> {
    const blocks = places.blocks.filter(({ first, last }) => last > from && first <= to)
    const heads = places.heads.filter(({ maxTime, minTime }) => maxTime > from && minTime <= to)
    const gathered = new Gathered()
    const uses = blocks.map(block => block.use())
    const budget = { left: this.#maxSelectBytes }
    try {
      for (const block of blocks) gathered.add(await this.#findIn(block, selectors, from, to, load, budget))
    } finally {
      for (const use of uses) use[Symbol.dispose]()
    }
    for (const head of heads) gathered.add(findInHead(head, selectors, from, to))
    return gathered
  }

  async #findIn(
    block: Block,
    selectors: readonly Selector[],
    from: number,
    to: number,
    load: boolean,
    budget: ReadBudget,
  ): Promise<Found[]> {
    try {
      const index = await block.index()
      return await block.load(index, selectAny(selectors, index), from, to, load, budget)
    } catch (error) {
      if (error instanceof TooLargeError) {
        const most = showBytes(this.#maxSelectBytes)
        throw new QueryError('execution', `query reads more than ${most} of the store: ask for fewer series or less time`)
      }
      if (!(error instanceof BlockError)) throw error
      throw new BlockError(`${block.path} cannot be read: ${error.message}; thalamus store verify says more`)
    }
  }

  async select(matchers: readonly Matcher[], hints: SelectHints): Promise<readonly SelectedSeries[]> {
    const { from, to } = hints
    const selectors = [new Selector(matchers)]
    const step = this.#tierFor(from, to)
    if (step > 0) return this.#selectBuckets(step, selectors, hints)
    return (await this.#gather(this.#contents.places(0), selectors, from, to, true)).selected(from, to)
  }

  /** What has no buckets yet is thinned out as it is read. */
  async #selectBuckets(step: number, selectors: readonly Selector[], { from, to, range, func }: SelectHints): Promise<SelectedSeries[]> {
    const [raw, tier] = [this.#contents.places(0), this.#contents.places(step)]
    // They are read one after the other, and may be merged and deleted until then.
    using held = new DisposableStack()
    for (const block of [...raw.blocks, ...tier.blocks]) held.use(block.use())
    // What a rate begins with, or an instant selector sees at its first step, and more where a bucket stands for a range that is shorter.
    const after = from - step - (range > 0 && range < step ? step - range : 0)
    const stretches = stretchesOf({ tier: tier.blocks, raw, step, after, to })
    const gathered = [await this.#gather(tier, selectors, after, to, true)]
    for (const { samples, from, to } of stretches)
      if (samples !== undefined) gathered.push(await this.#gather(samples, selectors, from, to, true))
    const wanted = range === 0 ? 0 : aggregatesFor(func)
    const own = new SampleColumns(0)
    return Gathered.together(gathered).map(({ labels, parts: [buckets, ...samples] }) => ({
      labels,
      read: lent => {
        const into = lent === true ? own : new SampleColumns(0)
        into.wanted = wanted
        return readBuckets(step, stretches, { buckets: buckets!, samples, after, to }, into)
      },
    }))
  }

  /** The finest tier that reaches back as far as is asked for, or as any does: [ms] its step, 0 for samples as they came. */
  #tierFor(from: number, to: number): number {
    const tiers = [0, MINUTE, HOUR]
    const reaches = tiers.map(step => reachOf(this.#contents, step))
    const isShort = (i: number): boolean =>
      from < reaches[i]! &&
      this.#contents.blocks.some(({ name, first, last }) => name.step > tiers[i]! && first <= reaches[i]! && last > from && first <= to)
    return tiers.find((_, i) => !isShort(i)) ?? HOUR
  }

  async series(selectors: readonly (readonly Matcher[])[], from: number, to: number): Promise<readonly Labels[]> {
    const gathered = await this.#gather(this.#contents.places(), selectorsOf(selectors), from, to, false)
    return [...gathered.labels()]
  }

  async labelNames(selectors: readonly (readonly Matcher[])[], from: number, to: number): Promise<readonly string[]> {
    const names = new Set<string>()
    if (selectors.length === 0) {
      for (const index of await this.#indexes(from, to)) for (const name of index.names()) names.add(name)
    } else for (const labels of await this.series(selectors, from, to)) for (const [name] of labels) names.add(name)
    return [...names].sort()
  }

  async labelValues(name: string, selectors: readonly (readonly Matcher[])[], from: number, to: number): Promise<readonly string[]> {
    const values = new Set<string>()
    if (selectors.length === 0) {
      for (const index of await this.#indexes(from, to)) for (const value of index.values(name)) values.add(value)
    } else for (const labels of await this.series(selectors, from, to)) values.add(labels.get(name))
    values.delete('')
    return [...values].sort()
  }

  async #indexes(from: number, to: number): Promise<LabelIndex[]> {
    const blocks = this.#contents.blocks.filter(({ first, last }) => last > from && first <= to)
    const heads = this.#contents.heads.filter(({ maxTime, minTime }) => maxTime > from && minTime <= to)
    // They are read one after the other, and may be merged and deleted until then.
    using held = new DisposableStack()
    for (const block of blocks) held.use(block.use())
    const indexes: LabelIndex[] = []
    for (const block of blocks) indexes.push(await block.index())
    return [...indexes, ...heads.map(({ index }) => index)]
  }

  async metadata(name?: string): Promise<ReadonlyMap<string, readonly Metadata[]>> {
    const { metadata } = this.#notes
    if (name === undefined) return new Map(Array.from(metadata, ([family, said]) => [family, [said]]))
    const said = metadata.get(name)
    return new Map(said === undefined ? [] : [[name, [said]]])
  }

  async exemplars(selectors: readonly (readonly Matcher[])[], from: number, to: number): Promise<readonly SeriesExemplars[]> {
    return this.#notes.select(selectorsOf(selectors), from, to)
  }

  async cardinality(limit: number): Promise<Cardinality> {
    const { head } = this.#contents.stage
    const times = [...this.#contents.blocks, ...this.#contents.heads.map(({ minTime, maxTime }) => ({ first: minTime, last: maxTime }))]
    const first = Math.min(...times.map(({ first }) => first))
    const last = Math.max(...times.map(({ last }) => last))
    return {
      ...cardinalityOf(head.index, limit),
      headSeries: head.size,
      headChunks: head.pages,
      minTime: Number.isFinite(first) ? first : 0,
      maxTime: Number.isFinite(last) ? last : 0,
    }
  }
}

/** What is in (from, to]. */
interface Stretch {
  readonly from: number
  readonly to: number
  /**
   * `buckets` as they are kept; `samples` that become buckets: where there are none yet, or where they lack what came late; `both`: buckets, the samples of
   * which are gone, and what came late.
   */
  readonly of: 'buckets' | 'samples' | 'both'
  /** where they are; undefined: of buckets alone */
  readonly samples: Places | undefined
  /** epoch ms: a bucket that ends later bears the time of its last sample */
  readonly until: number
}

interface Tier {
  readonly tier: readonly Block[]
  /** samples as they came */
  readonly raw: Places
  readonly step: number
  readonly after: number
  readonly to: number
}

/** From a border of buckets on to `to`, by turns. */
function stretchesOf({ tier, raw, step, after, to }: Tier): Stretch[] {
  const stretches: Stretch[] = []
  let at = bucketEnd(after, step) === after ? after : bucketEnd(after, step) - step
  for (const buckets of tier.toSorted(byAge)) {
    const { name } = buckets
    if (name.to <= at || name.from >= to) continue
    if (name.from > at) stretches.push({ from: at, to: name.from, of: 'samples', samples: raw, until: to })
    const [begin, end] = [Math.max(at, name.from), Math.min(to, name.to)]
    const late = lateFor(buckets, raw, begin, end)
    // Up to the first that came late they are as they were.
    const change = Math.min(end, Math.max(begin, bucketEnd(late.first, step) - step))
    if (begin < change) {
      // Whoever reads makes room for all that follows, once.
      const joined = stretches.at(-1)?.of === 'buckets' ? stretches.pop()! : undefined
      stretches.push({ from: joined?.from ?? begin, to: change, of: 'buckets', samples: undefined, until: to })
    }
    if (change < end) {
      const alone = standAlone(buckets, raw.blocks)
      const samples = alone ? late.places : raw
      stretches.push({ from: change, to: end, of: alone ? 'both' : 'samples', samples, until: Number.POSITIVE_INFINITY })
    }
    at = end
  }
  if (at < to) stretches.push({ from: at, to, of: 'samples', samples: raw, until: to })
  return stretches
}

/** Where there are samples in (from, to] that these buckets lack, and epoch ms of the first. */
function lateFor(buckets: Block, raw: Places, from: number, to: number): { readonly places: Places; readonly first: number } {
  const blocks = raw.blocks.filter(block => lacks(buckets, block) && block.last > from && block.first <= to)
  const heads = raw.heads.filter(({ minTime, maxTime }) => maxTime > from && minTime <= to)
  const first = Math.min(...blocks.map(({ first }) => first), ...heads.map(({ minTime }) => minTime))
  return { places: { blocks, heads }, first }
}

/** The buckets that end in (after, to], and one that is not over at `to`. @param of `samples`: by stretch that has some, in their order */
function readBuckets(
  step: number,
  stretches: readonly Stretch[],
  of: { readonly buckets: readonly Found[]; readonly samples: readonly (readonly Found[])[]; readonly after: number; readonly to: number },
  into: SampleColumns,
): Samples {
  into.clear()
  let next = 0
  for (const { from, to, of: what, samples: places, until } of stretches) {
    const samples = places === undefined ? none : of.samples[next++]!
    if (what === 'samples') {
      if (samples.length > 0) thin(readAll(samples, from, to), step, lastNumber(into), into, until)
    } else if (samples.length === 0) appendAll(of.buckets, from, to, into)
    else {
      const last = lastNumber(into)
      const late = new SampleColumns(0)
      thin(readAll(samples, from, to), step, last, late)
      const joined = joinBuckets(readAll(of.buckets, from, to), late, step, last)
      for (let k = 0; k < joined.length; k++) appendOne(joined, k, into)
    }
  }
  into.keep(0, of.after, of.to)
  const [first, min, max, sum, count, increase] = into
    .beginAggregates()
    .map((column, k) => (((into.wanted >> k) & 1) === 0 ? unread : column.subarray(0, into.length))) as Six
  return toSamples(into, { step, first, min, max, sum, count, increase })
}
const unread = new Float64Array(0)
const none: readonly Found[] = []
type Six = [Float64Array, Float64Array, Float64Array, Float64Array, Float64Array, Float64Array]

const selectorsOf = (selectors: readonly (readonly Matcher[])[]): Selector[] => selectors.map(matchers => new Selector(matchers))

export function selectAny(selectors: readonly Selector[], index: LabelIndex): number[] {
  if (selectors.length === 1) return selectors[0]!.select(index)
  const all = new Set<number>()
  for (const selector of selectors) for (const series of selector.select(index)) all.add(series)
  return [...all].sort((a, b) => a - b)
}

function findInHead(head: Head, selectors: readonly Selector[], from: number, to: number): Found[] {
  return selectAny(selectors, head.index)
    .filter(series => head.has(series, from, to))
    .map(series => ({
      labels: head.labels[series]!,
      count: head.countOf(series),
      read: (after, until, into) => head.read(series, after, until, into),
    }))
}
