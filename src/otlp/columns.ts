/**
 * The packed region that the decoder hands over: a header, then the groups of columns. Here is which column lies where;
 * the same is said in assembly/columns.ts. A view is made when a column is first asked for: what nobody reads costs nothing.
 */
import type {
  ExemplarColumns,
  ExponentialColumns,
  HistogramColumns,
  LogBatch,
  LogColumns,
  MetricBatch,
  MetricFields,
  NumberColumns,
  ResourceFields,
  ScopeFields,
  SpanBatch,
  SpanColumns,
  SummaryColumns,
} from '../model/batch.ts'
import type { Dictionary } from '../model/dictionary.ts'
import type { Raw } from '../model/raw.ts'

type View = Float64Array | Uint32Array | Int32Array | Uint8Array
type ViewOf = new (buffer: ArrayBuffer, offset: number, length: number) => View

interface Column {
  readonly name: string
  readonly of: ViewOf
  /** elements per row */
  readonly wide: number
}
const f64 = (name: string, wide = 1): Column => ({ name, of: Float64Array, wide })
const u32 = (name: string): Column => ({ name, of: Uint32Array, wide: 1 })
const i32 = (name: string): Column => ({ name, of: Int32Array, wide: 1 })
const u8 = (name: string, wide = 1): Column => ({ name, of: Uint8Array, wide })

const point = [i32('series'), u32('metric'), u32('flags'), u32('from'), u32('to')]
const distribution = ['start', 'time', 'count', 'sum', 'min', 'max'].map(name => f64(name))

/** In the order in which they lie: doubles, then words, then bytes. */
const groups = [
  { name: 'resources', columns: [u32('from'), u32('to'), i32('id')] },
  { name: 'scopes', columns: [u32('from'), u32('to'), u32('parent'), i32('id')] },
  { name: 'metrics', columns: [u32('from'), u32('to'), u32('parent')] },
  { name: 'numbers', columns: [f64('start'), f64('time'), f64('value'), ...point] },
  { name: 'histograms', columns: [...distribution, ...point, i32('bounds'), u32('bucketsFrom'), u32('bucketsLength')] },
  {
    name: 'exponentials',
    columns: [
      ...[...distribution, f64('zeroCount'), f64('zeroThreshold'), ...point, i32('scale')],
      ...[i32('positiveOffset'), u32('positiveFrom'), u32('positiveLength')],
      ...[i32('negativeOffset'), u32('negativeFrom'), u32('negativeLength')],
    ],
  },
  {
    name: 'summaries',
    columns: [f64('start'), f64('time'), f64('count'), f64('sum'), ...point, u32('quantilesFrom'), u32('quantilesLength')],
  },
  { name: 'exemplars', columns: [f64('time'), f64('value'), u32('from'), u32('to'), u32('row'), u8('ids', 24), u8('group')] },
  { name: 'buckets', columns: [f64('all')] },
  { name: 'quantiles', columns: [f64('all', 2)] },
  {
    name: 'spans',
    columns: [
      ...[f64('start'), f64('duration'), u32('from'), u32('to'), u32('scope'), i32('name')],
      ...[u32('attributesFrom'), u32('attributesTo'), u32('traceStateFrom'), u32('traceStateTo')],
      ...[u8('ids', 32), u8('kind'), u8('status')],
    ],
  },
  {
    name: 'records',
    columns: [
      ...[f64('time'), f64('observed'), u32('from'), u32('to'), u32('scope'), i32('severityText'), i32('eventName')],
      ...[u32('bodyFrom'), u32('bodyTo'), u32('attributesFrom'), u32('attributesTo'), u8('ids', 24), u8('severity')],
    ],
  },
] as const
type GroupName = (typeof groups)[number]['name']

/** [bytes] of the header: 12 numbers of rows, the region's size, rows without a series, spare */
const header = 64
const bytesOf: ReadonlyMap<ViewOf, number> = new Map<ViewOf, number>([
  [Float64Array, 8],
  [Uint32Array, 4],
  [Int32Array, 4],
  [Uint8Array, 1],
])
const rowSizes = groups.map(group =>
  (group.columns as readonly Column[]).reduce((sum, column) => sum + column.wide * bytesOf.get(column.of)!, 0),
)

/** The region's size, and its rows without a series, from its first words. */
export const packedSize = (words: Uint32Array, at: number): number => words[at + 12]!
export const packedOverflow = (words: Uint32Array, at: number): number => words[at + 13]!

/** One group: `length`, and a getter per column. */
class Group {
  readonly length: number
  readonly buffer: ArrayBuffer
  readonly at: number
  readonly views: (View | undefined)[] = []
  constructor(buffer: ArrayBuffer, at: number, length: number) {
    this.buffer = buffer
    this.at = at
    this.length = length
  }
}

function groupClass(columns: readonly Column[]): typeof Group {
  const Columns = class extends Group {}
  let rowOffset = 0
  for (const [i, { name, of, wide }] of columns.entries()) {
    const offset = rowOffset
    rowOffset += wide * bytesOf.get(of)!
    Object.defineProperty(Columns.prototype, name, {
      enumerable: true,
      get(this: Group) {
        return (this.views[i] ??= new of(this.buffer, this.at + offset * this.length, wide * this.length))
      },
    })
  }
  return Columns
}
const classes = groups.map(group => groupClass(group.columns))

/** The groups of one packed region. It begins at `at`, a multiple of 8, in the buffer of `words`, which other batches may share. */
class Packed {
  readonly raw: Raw
  readonly dictionary: Dictionary
  private readonly words: Uint32Array<ArrayBuffer>
  private readonly at: number
  private groups: (Group | undefined)[] | undefined

  constructor(raw: Raw, dictionary: Dictionary, words: Uint32Array<ArrayBuffer>, at: number, opened?: (Group | undefined)[]) {
    this.raw = raw
    this.dictionary = dictionary
    this.words = words
    this.at = at
    this.groups = opened
  }

  protected count(index: number): number {
    return this.words[this.at / 4 + index]!
  }

  protected group(index: number): Group {
    this.groups ??= new Array(groups.length)
    return (this.groups[index] ??= this.open(index))
  }

  private open(index: number): Group {
    let at = this.at + header
    for (let i = 0; i < index; i++) at += (rowSizes[i]! * this.count(i) + 7) & ~7
    return new classes[index]!(this.words.buffer, at, this.count(index))
  }

  get packed(): Uint8Array {
    return new Uint8Array(this.words.buffer, this.at, packedSize(this.words, this.at / 4))
  }

  protected all(index: number): Float64Array {
    return (this.group(index) as Group & { all: Float64Array }).all
  }

  get resources(): ResourceFields {
    return this.group(index.resources) as Group & ResourceFields
  }
  get scopes(): ScopeFields {
    return this.group(index.scopes) as Group & ScopeFields
  }
}
const index = Object.fromEntries(groups.map((group, i) => [group.name, i])) as Record<GroupName, number>

export class PackedMetrics extends Packed implements MetricBatch {
  readonly signal = 'metrics'
  get rows(): number {
    return this.count(index.numbers) + this.count(index.histograms) + this.count(index.exponentials) + this.count(index.summaries)
  }
  get metrics(): MetricFields {
    return this.group(index.metrics) as Group & MetricFields
  }
  get numbers(): NumberColumns {
    return this.group(index.numbers) as Group & NumberColumns
  }
  get histograms(): HistogramColumns {
    return this.group(index.histograms) as Group & HistogramColumns
  }
  get exponentials(): ExponentialColumns {
    return this.group(index.exponentials) as Group & ExponentialColumns
  }
  get summaries(): SummaryColumns {
    return this.group(index.summaries) as Group & SummaryColumns
  }
  get exemplars(): ExemplarColumns {
    return this.group(index.exemplars) as Group & ExemplarColumns
  }
  get buckets(): Float64Array {
    return this.all(index.buckets)
  }
  get quantiles(): Float64Array {
    return this.all(index.quantiles)
  }
}

export class PackedSpans extends Packed implements SpanBatch {
  readonly signal = 'traces'
  get rows(): number {
    return this.count(index.spans)
  }
  get spans(): SpanColumns {
    return this.group(index.spans) as Group & SpanColumns
  }
}

export class PackedLogs extends Packed implements LogBatch {
  readonly signal = 'logs'
  get rows(): number {
    return this.count(index.records)
  }
  get records(): LogColumns {
    return this.group(index.records) as Group & LogColumns
  }
}

/** All columns of a batch as they lie, to be put elsewhere and opened there. A multiple of eight bytes. */
export function packedMetrics(batch: MetricBatch): Uint8Array {
  if (!(batch instanceof PackedMetrics)) throw new TypeError('these columns are not packed')
  return batch.packed
}

/** numbers of rows at the front of a region, by group: its shape */
const countWords = 12
/** Senders have few shapes each, often the same. A power of two; each shape holds some twenty views, 3 KB. */
const mostShapes = 64

interface Shape {
  readonly counts: Uint32Array
  readonly opened: (Group | undefined)[]
}

/**
 * Opens columns that are written to one place, each batch over the one before, which must not be read any longer. Views are kept by shape: to make
 * them costs more than to read a dozen rows.
 */
export class MetricsInPlace {
  readonly #at: number
  #words: Uint32Array<ArrayBuffer> | undefined
  readonly #shapes = new Array<Shape | undefined>(mostShapes)

  /** They begin `at` so many bytes, a multiple of eight, in the buffer. */
  constructor(at: number) {
    this.#at = at
  }

  open(raw: Raw, dictionary: Dictionary, words: Uint32Array<ArrayBuffer>): MetricBatch {
    if (words !== this.#words) {
      this.#words = words
      this.#shapes.fill(undefined)
    }
    return new PackedMetrics(raw, dictionary, words, this.#at, this.#shapeOf(words).opened)
  }

  #shapeOf(words: Uint32Array): Shape {
    const from = this.#at / 4
    let hash = 0
    for (let i = 0; i < countWords; i++) hash = Math.imul(hash ^ words[from + i]!, 0x9e3779b1)
    const slot = (hash >>> 16) % mostShapes
    const known = this.#shapes[slot]
    if (known?.counts.every((count, i) => count === words[from + i])) return known
    const shape = { counts: words.slice(from, from + countWords), opened: new Array<Group | undefined>(groups.length) }
    this.#shapes[slot] = shape
    return shape
  }
}
