/**
 * All that a store has of some metrics, for whoever takes it out: in memory that a few hundred series at once bound, and of each time the finest samples
 * there are. Before the first sample that is kept as it came it is the last of each minute, before that of each hour.
 */
import type { Labels } from '../model/labels.ts'
import type { Matcher } from '../model/matcher.ts'
import type { Block } from './block.ts'
import type { SampleColumns } from './chunk.ts'
import { byAge, type Contents, type Places } from './contents.ts'
import { appendAll, type Found } from './found.ts'
import { Selector } from './label-index.ts'
import { covers, HOUR, lacks, MINUTE } from './plan.ts'
import { selectAny } from './questions.ts'
import { reachOf } from './reach.ts'

/** [series] whose chunks are in memory at once, or one more group of them */
const AT_ONCE = 256

export interface Wanted {
  /** what any of which finds */
  readonly selectors: readonly (readonly Matcher[])[]
  /** epoch ms, exclusive, and inclusive */
  readonly from: number
  readonly to: number
  /** Series of which this is the same are given together; in the order of it. */
  readonly groupOf: (labels: Labels) => string
}

export interface Walked {
  readonly labels: Labels
  /** Into empty columns, by time. */
  read(into: SampleColumns): void
}

/** Samples of one tier in a stretch of time. */
interface Source {
  readonly step: number
  readonly from: number
  readonly to: number
}

interface Entry {
  readonly labels: Labels
  readonly group: string
  /** in the order of time, and within a tier of age */
  readonly places: { readonly source: Source; readonly block: Block; readonly series: number }[]
  readonly parts: { readonly source: Source; readonly found: Found }[]
}

export async function* walkSeries(contents: Contents, wanted: Wanted): AsyncGenerator<readonly Walked[]> {
  using held = new DisposableStack()
  for (const block of contents.blocks) held.use(block.use())
  const sources = sourcesOf(contents, wanted)
  const entries = await find(contents, sources, wanted)
  for (let begin = 0; begin < entries.length; ) {
    let end = begin
    do end = endOfGroup(entries, end)
    while (end < entries.length && endOfGroup(entries, end) - begin <= AT_ONCE)
    const some = entries.slice(begin, end)
    await load(some)
    addHeads(contents, sources, some)
    for (let i = 0; i < some.length; ) {
      const next = endOfGroup(some, i)
      yield some.slice(i, next).map(({ labels, parts }) => ({ labels, read: into => read(sources, parts, into) }))
      i = next
    }
    for (const { parts } of some) parts.length = 0
    begin = end
  }
}

function endOfGroup(entries: readonly Entry[], begin: number): number {
  let end = begin + 1
  while (end < entries.length && entries[end]!.group === entries[begin]!.group) end++
  return end
}

/** The coarser tiers end where the finer begin. */
function sourcesOf(contents: Contents, { from, to }: Wanted): Source[] {
  const sources: Source[] = []
  let end = to
  for (const step of [0, MINUTE, HOUR]) {
    if (end > from) sources.unshift({ step, from, to: end })
    end = Math.min(end, reachOf(contents, step))
  }
  return sources.map((source, i) => (i === 0 ? source : { ...source, from: Math.max(from, sources[i - 1]!.to) }))
}

/** Among buckets, also what came late and is not in them yet. */
function placesOf(contents: Contents, { step }: Source): Places {
  const raw = contents.places(0)
  if (step === 0) return raw
  const { blocks } = contents.places(step)
  const isIn = (block: Block) => blocks.some(one => covers(one, block.name.from, block.name.to) && !lacks(one, block))
  return { blocks: [...blocks, ...raw.blocks.filter(block => !isIn(block))], heads: raw.heads }
}

async function find(contents: Contents, sources: readonly Source[], { selectors: wanted, groupOf }: Wanted): Promise<Entry[]> {
  const selectors = wanted.map(matchers => new Selector(matchers))
  const byKey = new Map<string, Entry>()
  const enter = (labels: Labels): Entry => {
    let entry = byKey.get(labels.key)
    if (entry === undefined) byKey.set(labels.key, (entry = { labels, group: groupOf(labels), places: [], parts: [] }))
    return entry
  }
  for (const source of sources) {
    const { blocks, heads } = placesOf(contents, source)
    for (const block of blocks.toSorted(byAge)) {
      if (block.last <= source.from || block.first > source.to) continue
      const index = await block.index()
      const there = await block.load(index, selectAny(selectors, index), source.from, source.to, false)
      for (const { series } of there) enter(index.makeLabels(series)).places.push({ source, block, series })
    }
    for (const head of heads) {
      for (const series of selectAny(selectors, head.index)) if (head.has(series, source.from, source.to)) enter(head.labels[series]!)
    }
  }
  return [...byKey.values()].sort((a, b) => compare(a.group, b.group) || compare(a.labels.key, b.labels.key))
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** Chunks that lie beside each other are read at once. */
async function load(entries: readonly Entry[]): Promise<void> {
  const asked = new Map<Source, Map<Block, Map<number, Entry>>>()
  for (const entry of entries) {
    for (const { source, block, series } of entry.places) {
      const blocks = asked.get(source) ?? asked.set(source, new Map()).get(source)!
      const wanted = blocks.get(block) ?? blocks.set(block, new Map()).get(block)!
      wanted.set(series, entry)
    }
  }
  for (const [source, blocks] of asked) {
    for (const [block, wanted] of [...blocks].sort(([a], [b]) => byAge(a, b))) {
      const numbers = [...wanted.keys()].sort((a, b) => a - b)
      const loaded = await block.load(await block.index(), numbers, source.from, source.to, true)
      for (const found of loaded) wanted.get(found.series)!.parts.push({ source, found })
    }
  }
}

/** What is in a head is there already, and younger than blocks. */
function addHeads(contents: Contents, sources: readonly Source[], entries: readonly Entry[]): void {
  for (const head of contents.heads) {
    for (const { labels, parts } of entries) {
      const series = head.find(labels.key)
      if (series === undefined) continue
      const found: Found = { labels, count: head.countOf(series), read: (from, to, into) => head.read(series, from, to, into) }
      for (const source of sources) if (head.has(series, source.from, source.to)) parts.push({ source, found })
    }
  }
}

function read(sources: readonly Source[], parts: Entry['parts'], into: SampleColumns): void {
  into.clear()
  into.wanted = 0
  for (const source of sources) {
    const of = parts.filter(part => part.source === source).map(({ found }) => found)
    if (of.length > 0) appendAll(of, source.from, source.to, into)
    // Of a bucket it is the last sample that is wanted.
    into.aggregates = undefined
  }
}
