/** What is kept of a series of OpenTelemetry between two of its points: who it is to Prometheus, and what deltas have added up to. */
import type { Description } from '../exposition/describe.ts'
import { ExponentialState, HistogramState, SummaryState } from '../exposition/distributions.ts'
import { toSpans } from '../exposition/exponential.ts'
import { type ExponentialBuckets, newRow } from '../exposition/families.ts'
import { showFloat, wholeMs } from '../exposition/number.ts'
import type { MetricBatch, PointColumns } from '../model/batch.ts'
import type { SeriesEntry } from '../model/dictionary.ts'
import type { FloatHistogram, Span } from '../model/float-histogram.ts'
import { Labels } from '../model/labels.ts'
import type { Metadata } from '../model/query.ts'
import { type Incoming, SeriesHandle } from '../store/incoming.ts'

/** Prometheus's, for histograms that name none. */
const DEFAULT_ZERO_THRESHOLD = 1e-128

export type Refusal = 'out_of_order' | 'unsupported_scale'

/** What is known of a family: one for all of its series. */
export interface About {
  readonly family: string
  metadata: Metadata
}

/** One series of OpenTelemetry: one of Prometheus, or several. */
export abstract class Kept {
  /** [ms] monotonic */
  seenAt = 0
  /** what its resource says of itself, and when a point of it came last */
  target: { seenAt: number } | undefined
  /** what has been told of its family, and in which round what the sender says was last compared with it */
  about: About | undefined
  round = 0
  /** epoch ms of its newest point */
  protected newest = Number.NEGATIVE_INFINITY
  protected start = 0
  protected alive = false
  protected readonly delta: boolean

  constructor(delta: boolean) {
    this.delta = delta
  }

  /** Puts the samples of point `i` behind what is in `into`. @param at epoch ms @returns why there are none */
  abstract put(batch: MetricBatch, i: number, at: number, nowMs: number, into: Incoming): Refusal | undefined
  /** The series has ended, says its sender. */
  abstract end(at: number, into: Incoming): void
  /** Where an exemplar of that value belongs. */
  abstract seriesOf(value: number): SeriesHandle | undefined

  /** Deltas are added up in the order of their time, each once. */
  protected isLate(at: number): boolean {
    return this.delta && at <= this.newest
  }
  /** Does a delta that begins at `start` add to what is there? Not where the stream has begun anew. */
  protected goesOn(start: number): boolean {
    return this.alive && (start === 0 || start >= this.start)
  }
  protected renew(rows: PointColumns, i: number, at: number, added: boolean): void {
    if (!added) this.start = rows.start[i]!
    if (at > this.newest) this.newest = at
    this.alive = true
  }
  protected get startMs(): number {
    return wholeMs(this.start)
  }
}

class KeptNumber extends Kept {
  readonly #handle: SeriesHandle
  readonly #counts: boolean
  #sum = 0

  constructor(description: Description, delta: boolean) {
    super(delta)
    this.#handle = new SeriesHandle(labelsOf(description, description.family.name))
    this.#counts = description.family.type === 'counter'
  }

  put({ numbers }: MetricBatch, i: number, at: number, _nowMs: number, into: Incoming): Refusal | undefined {
    if (this.isLate(at)) return 'out_of_order'
    const value = numbers.value[i]!
    const added = this.delta && this.goesOn(numbers.start[i]!)
    if (this.delta) this.#sum = added ? this.#sum + value : value
    this.renew(numbers, i, at, added)
    into.number(this.#handle, at, this.delta ? this.#sum : value, this.#counts ? this.startMs : 0)
    return undefined
  }
  end(at: number, into: Incoming): void {
    this.alive = false
    into.stale(this.#handle, at)
  }
  seriesOf(): SeriesHandle {
    return this.#handle
  }
}

class KeptHistogram extends Kept {
  readonly #description: Description
  readonly #state: HistogramState
  readonly #row = newRow()
  readonly #sum: SeriesHandle
  readonly #count: SeriesHandle
  #bounds: Float64Array | undefined
  #buckets: readonly SeriesHandle[] = []

  constructor(description: Description, delta: boolean) {
    super(delta)
    this.#description = description
    this.#state = new HistogramState(delta)
    this.#sum = new SeriesHandle(labelsOf(description, `${description.family.name}_sum`))
    this.#count = new SeriesHandle(labelsOf(description, `${description.family.name}_count`))
  }

  put(batch: MetricBatch, i: number, at: number, nowMs: number, into: Incoming): Refusal | undefined {
    if (this.isLate(at)) return 'out_of_order'
    const rows = batch.histograms
    this.renew(rows, i, at, this.#state.take(batch, i, this.goesOn(rows.start[i]!), nowMs))
    const row = this.#row
    this.#state.show(row)
    if (row.bounds !== this.#bounds) this.#nameBuckets(row.bounds)
    const start = this.startMs
    into.number(this.#count, at, row.count, start)
    if (!Number.isNaN(row.sum)) into.number(this.#sum, at, row.sum, start)
    let below = 0
    for (let k = 0; k < row.bounds.length; k++) into.number(this.#buckets[k]!, at, (below += row.buckets[k] ?? 0), start)
    into.number(this.#buckets[row.bounds.length]!, at, row.count, start)
    return undefined
  }

  #nameBuckets(bounds: Float64Array): void {
    this.#bounds = bounds
    const name = `${this.#description.family.name}_bucket`
    this.#buckets = [...bounds, Number.POSITIVE_INFINITY].map(
      le => new SeriesHandle(labelsOf(this.#description, name, ['le', showBound(le)])),
    )
  }

  end(at: number, into: Incoming): void {
    this.alive = false
    for (const handle of [this.#count, this.#sum, ...this.#buckets]) into.stale(handle, at)
  }
  seriesOf(value: number): SeriesHandle | undefined {
    const bounds = this.#bounds ?? new Float64Array(0)
    let k = 0
    while (k < bounds.length && value > bounds[k]!) k++
    return this.#buckets[k]
  }
}

class KeptExponential extends Kept {
  readonly #handle: SeriesHandle
  readonly #state: ExponentialState
  readonly #row = newRow()

  readonly #resetHint: FloatHistogram['resetHint']

  constructor(description: Description, delta: boolean, gauge: boolean) {
    super(delta)
    this.#resetHint = gauge ? 'gauge' : 'unknown'
    this.#state = new ExponentialState(delta)
    this.#handle = new SeriesHandle(labelsOf(description, description.family.name))
  }

  put(batch: MetricBatch, i: number, at: number, _nowMs: number, into: Incoming): Refusal | undefined {
    if (this.isLate(at)) return 'out_of_order'
    const rows = batch.exponentials
    if (!this.#state.fits(rows.scale[i]!)) return 'unsupported_scale'
    this.renew(rows, i, at, this.#state.take(batch, i, this.goesOn(rows.start[i]!)))
    this.#state.show(this.#row)
    into.histogram(this.#handle, at, toNative(this.#row.count, this.#row.sum, this.#row.exponential, this.#resetHint), this.startMs)
    return undefined
  }
  end(at: number, into: Incoming): void {
    this.alive = false
    into.stale(this.#handle, at)
  }
  seriesOf(): SeriesHandle {
    return this.#handle
  }
}

class KeptSummary extends Kept {
  readonly #description: Description
  readonly #state = new SummaryState()
  readonly #row = newRow()
  readonly #sum: SeriesHandle
  readonly #count: SeriesHandle
  readonly #quantiles = new Map<number, SeriesHandle>()

  constructor(description: Description) {
    super(false)
    this.#description = description
    this.#sum = new SeriesHandle(labelsOf(description, `${description.family.name}_sum`))
    this.#count = new SeriesHandle(labelsOf(description, `${description.family.name}_count`))
  }

  put(batch: MetricBatch, i: number, at: number, _nowMs: number, into: Incoming): Refusal | undefined {
    this.#state.take(batch, i)
    this.renew(batch.summaries, i, at, false)
    const row = this.#row
    this.#state.show(row)
    const start = this.startMs
    into.number(this.#count, at, row.count, start)
    into.number(this.#sum, at, row.sum, start)
    for (let k = 0; k < row.quantiles.length; k += 2) into.number(this.#quantile(row.quantiles[k]!), at, row.quantiles[k + 1]!, start)
    return undefined
  }

  #quantile(quantile: number): SeriesHandle {
    let handle = this.#quantiles.get(quantile)
    if (handle === undefined) {
      handle = new SeriesHandle(labelsOf(this.#description, this.#description.family.name, ['quantile', showFloat(quantile)]))
      this.#quantiles.set(quantile, handle)
    }
    return handle
  }

  end(at: number, into: Incoming): void {
    for (const handle of [this.#count, this.#sum, ...this.#quantiles.values()]) into.stale(handle, at)
  }
  seriesOf(): undefined {
    return undefined
  }
}

export function keptFor(entry: SeriesEntry, description: Description): Kept {
  const delta = entry.type !== 'gauge' && entry.type !== 'summary' && entry.temporality === 'delta'
  if (entry.type === 'histogram') return new KeptHistogram(description, delta)
  if (entry.type === 'exponential_histogram') return new KeptExponential(description, delta, entry.prometheusType === 'gaugehistogram')
  return entry.type === 'summary' ? new KeptSummary(description) : new KeptNumber(description, delta)
}

function labelsOf({ labelValues }: Description, name: string, more?: readonly [string, string]): Labels {
  const labels = new Map(labelValues).set('__name__', name)
  if (more !== undefined) labels.set(more[0], more[1])
  return Labels.of(labels)
}

/** As Prometheus writes the bounds of OTLP: without an exponent, where there is none to spare. */
const showBound = (bound: number): string => (Math.abs(bound) < 1e21 ? String(bound) : showFloat(bound))

function toNative(count: number, sum: number, h: ExponentialBuckets, resetHint: FloatHistogram['resetHint']): FloatHistogram {
  const positive = side(h.positiveOffset, h.positive)
  const negative = side(h.negativeOffset, h.negative)
  return {
    schema: h.scale,
    count,
    sum: Number.isNaN(sum) ? 0 : sum,
    zeroThreshold: h.zeroThreshold || DEFAULT_ZERO_THRESHOLD,
    zeroCount: h.zeroCount,
    positiveSpans: positive.spans,
    positiveCounts: positive.counts,
    negativeSpans: negative.spans,
    negativeCounts: negative.counts,
    customBounds: [],
    resetHint,
  }
}

function side(offset: number, counts: ArrayLike<number>): { spans: Span[]; counts: number[] } {
  const { spans, deltas } = toSpans({ offset, counts })
  let count = 0
  return { spans: spans.map(([gap, length]) => ({ offset: gap, length })), counts: deltas.map(delta => (count += delta)) }
}
