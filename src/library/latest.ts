/**
 * The latest point of every series that reaches the end of a metrics pipeline. A point that arrives is a few writes into columns; who a
 * series is is read from the dictionary when somebody asks.
 */
import { z } from 'zod'
import { type Exporter, type ExporterFactory, exporter } from '../component/component.ts'
import type { Configuration } from '../component/configuration.ts'
import type { Room } from '../component/room.ts'
import type { Clock } from '../lib/clock.ts'
import {
  type ExponentialColumns,
  type HistogramColumns,
  type MetricBatch,
  NO_RECORDED_VALUE,
  type PointColumns,
  type SummaryColumns,
} from '../model/batch.ts'
import type { Dictionary, SeriesEntry } from '../model/dictionary.ts'

/** What a point of each type says, as OTLP/JSON has it. */
export type Point =
  | { readonly asDouble: number }
  | Distribution
  | (Distribution & { readonly explicitBounds: Float64Array; readonly bucketCounts: Float64Array })
  | (Distribution & {
      readonly scale: number
      readonly zeroCount: number
      readonly zeroThreshold: number
      readonly positive: Side
      readonly negative: Side
    })
  | (Distribution & { readonly quantileValues: readonly { readonly quantile: number; readonly value: number }[] })
interface Distribution {
  readonly count: number
  readonly sum?: number | undefined
  readonly min?: number | undefined
  readonly max?: number | undefined
}
interface Side {
  readonly offset: number
  readonly bucketCounts: Float64Array
}

export interface LatestPoint {
  readonly entry: SeriesEntry
  /** Unix epoch milliseconds; `startMs` is 0 where it is not known */
  readonly startMs: number
  readonly timeMs: number
  readonly point: Point
}

/** [ms] A series that was silent for so long is no longer told; its id is another's after ten minutes at the earliest. */
const SILENT_MS = 5 * 60_000

/** What is kept of one dictionary's series, by id. */
interface Columns {
  seen: Float64Array
  generations: Float64Array
  starts: Float64Array
  times: Float64Array
  values: Float64Array
  /** 1: the point is among `distributions`, and not of `values` */
  distributed: Uint8Array
  readonly distributions: Map<number, Point>
}

/** Begins with what no id in a file begins with, so that it is never taken for one, and is left out of the ledger. */
const id = '(latest)'

export class Latest {
  readonly #clock: Clock
  readonly #known = new Map<Dictionary, Columns>()
  readonly #factory: ExporterFactory

  constructor(clock: Clock) {
    this.#clock = clock
    const leaf = { release() {}, freed: () => Promise.resolve() }
    const tap: Exporter<'metrics'> = {
      reserve: (_, room) => room.admit(leaf, 0),
      consume: async (batch, room?: Room) => {
        room?.take(leaf)
        this.#take(batch)
        batch.raw.release()
      },
    }
    this.#factory = exporter({ type: id, stability: 'stable', config: z.strictObject({}), create: { metrics: () => tap } })
  }

  /** The same, and at the end of each pipeline of metrics this: but where threads do it all, which would have to hand everything to this one. */
  within(configuration: Configuration): Configuration {
    const { service, exporters } = configuration
    if (service.workers > 1) return configuration
    const pipelines = service.pipelines.map(of => (of.signal === 'metrics' ? { ...of, exporters: [...of.exporters, id] } : of))
    const tap = { id, factory: this.#factory, settings: {}, written: '' }
    return { ...configuration, exporters: new Map([...exporters, [id, tap]]), service: { ...service, pipelines } }
  }

  *points(): Generator<LatestPoint> {
    const since = this.#clock.monotonic() - SILENT_MS
    for (const [dictionary, columns] of this.#known) {
      const { seen, generations, starts, times, values, distributed, distributions } = columns
      for (let series = 0; series < seen.length; series++) {
        if (!(seen[series]! >= since) || generations[series] !== dictionary.generation(series)) continue
        const point = distributed[series] === 1 ? distributions.get(series)! : { asDouble: values[series]! }
        yield { entry: dictionary.series(series), startMs: starts[series]!, timeMs: times[series]!, point }
      }
    }
  }

  #take(batch: MetricBatch): void {
    const { dictionary, numbers, histograms, exponentials, summaries } = batch
    const columns = this.#of(dictionary)
    const [nowMs, seenMs] = [this.#clock.now(), this.#clock.monotonic()]
    const { series, time, start, flags, value } = numbers
    for (let i = 0; i < numbers.length; i++) {
      if (!accept(columns, dictionary, series[i]!, time[i]! || nowMs, start[i]!, flags[i]!, seenMs)) continue
      columns.values[series[i]!] = value[i]!
      columns.distributed[series[i]!] = 0
    }
    const each = <R extends PointColumns>(rows: R, point: (batch: MetricBatch, rows: R, i: number) => Point) => {
      for (let i = 0; i < rows.length; i++) {
        const id = rows.series[i]!
        if (!accept(columns, dictionary, id, rows.time[i]! || nowMs, rows.start[i]!, rows.flags[i]!, seenMs)) continue
        columns.distributions.set(id, point(batch, rows, i))
        columns.distributed[id] = 1
      }
    }
    each(histograms, histogramPoint)
    each(exponentials, exponentialPoint)
    each(summaries, summaryPoint)
  }

  #of(dictionary: Dictionary): Columns {
    let columns = this.#known.get(dictionary)
    if (columns === undefined) {
      columns = { ...empty(0), distributions: new Map() }
      this.#known.set(dictionary, columns)
    }
    const { capacity } = dictionary
    if (capacity > columns.seen.length) {
      const grown = empty(Math.max(capacity, 2 * columns.seen.length))
      for (const name of ['seen', 'generations', 'starts', 'times', 'values'] as const) {
        grown[name].set(columns[name])
        columns[name] = grown[name]
      }
      grown.distributed.set(columns.distributed)
      columns.distributed = grown.distributed
    }
    return columns
  }
}

const empty = (length: number) => ({
  seen: new Float64Array(length).fill(Number.NaN),
  generations: new Float64Array(length),
  starts: new Float64Array(length),
  times: new Float64Array(length),
  values: new Float64Array(length),
  distributed: new Uint8Array(length),
})

/** Is it a point to keep? Not without a series, not one that is older than what is there, and not one that says that the series has ended. */
function accept(
  { seen, generations, starts, times }: Columns,
  dictionary: Dictionary,
  series: number,
  timeMs: number,
  startMs: number,
  flags: number,
  seenMs: number,
): boolean {
  if (series < 0) return false
  const generation = dictionary.generation(series)
  const isKnown = !Number.isNaN(seen[series]!) && generations[series] === generation
  if (isKnown && timeMs < times[series]!) return false
  const ended = (flags & NO_RECORDED_VALUE) !== 0
  seen[series] = ended ? Number.NaN : seenMs
  generations[series] = generation
  starts[series] = startMs
  times[series] = timeMs
  return !ended
}

function distribution({ count, sum, min, max }: HistogramColumns | ExponentialColumns, i: number): Distribution {
  return { count: count[i]!, sum: known(sum[i]!), min: known(min[i]!), max: known(max[i]!) }
}

const known = (value: number) => (Number.isNaN(value) ? undefined : value)

const pooled = (from: Float64Array, at: number, length: number) => from.slice(at, at + length)

function histogramPoint({ buckets, dictionary }: MetricBatch, rows: HistogramColumns, i: number): Point {
  const bounds = rows.bounds[i]!
  const explicitBounds = bounds < 0 ? new Float64Array(0) : dictionary.bounds(bounds)
  return { ...distribution(rows, i), explicitBounds, bucketCounts: pooled(buckets, rows.bucketsFrom[i]!, rows.bucketsLength[i]!) }
}

function exponentialPoint({ buckets }: MetricBatch, rows: ExponentialColumns, i: number): Point {
  const side = (offset: Int32Array, from: Uint32Array, length: Uint32Array) => ({
    offset: offset[i]!,
    bucketCounts: pooled(buckets, from[i]!, length[i]!),
  })
  return {
    ...distribution(rows, i),
    ...{ scale: rows.scale[i]!, zeroCount: rows.zeroCount[i]!, zeroThreshold: rows.zeroThreshold[i]! },
    positive: side(rows.positiveOffset, rows.positiveFrom, rows.positiveLength),
    negative: side(rows.negativeOffset, rows.negativeFrom, rows.negativeLength),
  }
}

function summaryPoint({ quantiles }: MetricBatch, rows: SummaryColumns, i: number): Point {
  const pairs = Array.from({ length: rows.quantilesLength[i]! }, (_, k) => rows.quantilesFrom[i]! + k)
  const quantileValues = pairs.map(at => ({ quantile: quantiles[2 * at]!, value: quantiles[2 * at + 1]! }))
  return { count: rows.count[i]!, sum: rows.sum[i]!, quantileValues }
}
