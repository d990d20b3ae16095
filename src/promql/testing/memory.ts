/** Series in memory, to be asked: for tests of expressions and rules, and for whoever has a handful of samples and a question. */
import { quote } from '../../lib/go-text.ts'
import type { FloatHistogram } from '../../model/float-histogram.ts'
import { compareText, type Labels } from '../../model/labels.ts'
import { type Matcher, valueTest } from '../../model/matcher.ts'
import type { Queryable, Samples, SelectedSeries, SelectHints } from '../../model/query.ts'
import { equal } from '../histogram/arithmetic.ts'
import { storedHint } from '../histogram/hints.ts'

/** One sample besides its time [epoch ms]. */
export interface NewSample {
  /** NaN where it is a histogram or a stale marker */
  readonly value: number
  readonly stale?: boolean
  readonly histogram?: FloatHistogram | undefined
  /** epoch ms; 0: not known */
  readonly start?: number
}

/** A sample that cannot be taken. */
export class AppendError extends Error {
  override readonly name = 'AppendError'
}

export class MemoryStorage implements Queryable {
  /** by the key of the labels */
  readonly #series = new Map<string, MemorySeries>()

  /** Of each series by time ascending; the same sample again is ignored. @throws {AppendError} */
  append(labels: Labels, time: number, sample: NewSample): void {
    let series = this.#series.get(labels.key)
    if (series === undefined) {
      series = new MemorySeries(labels)
      this.#series.set(labels.key, series)
    }
    series.append(time, sample)
  }

  get size(): number {
    return this.#series.size
  }

  clear(): void {
    this.#series.clear()
  }

  async select(matchers: readonly Matcher[], { from, to }: SelectHints): Promise<readonly SelectedSeries[]> {
    const found: SelectedSeries[] = []
    for (const series of this.#matching(matchers)) {
      const columns = series.between(from, to)
      if (columns.time.length > 0) found.push({ labels: series.labels, read: () => columns })
    }
    return found
  }

  async labelNames(selectors: readonly (readonly Matcher[])[], from: number, to: number): Promise<readonly string[]> {
    const names = new Set<string>()
    for (const { labels } of this.#any(selectors, from, to)) for (const [name] of labels) names.add(name)
    return [...names].sort(compareText)
  }

  async labelValues(name: string, selectors: readonly (readonly Matcher[])[], from: number, to: number): Promise<readonly string[]> {
    const values = new Set<string>()
    for (const { labels } of this.#any(selectors, from, to)) if (labels.has(name)) values.add(labels.get(name))
    return [...values].sort(compareText)
  }

  *#any(selectors: readonly (readonly Matcher[])[], from: number, to: number): Generator<MemorySeries> {
    const all = selectors.length === 0 ? [this.#matching([])] : selectors.map(matchers => this.#matching(matchers))
    for (const some of all) for (const series of some) if (series.between(from, to).time.length > 0) yield series
  }

  #matching(matchers: readonly Matcher[]): MemorySeries[] {
    const tests = matchers.map(matcher => ({ name: matcher.name, test: valueTest(matcher) }))
    return [...this.#series.values()].filter(({ labels }) => tests.every(({ name, test }) => test(labels.get(name))))
  }
}

class MemorySeries {
  readonly labels: Labels
  readonly #time: number[] = []
  readonly #value: number[] = []
  readonly #stale: number[] = []
  readonly #histograms: (FloatHistogram | undefined)[] = []
  readonly #start: number[] = []
  /** of all samples; made anew when there are more */
  #columns: Samples | undefined

  constructor(labels: Labels) {
    this.labels = labels
  }

  append(time: number, { value, stale = false, histogram, start = 0 }: NewSample): void {
    const last = this.#time.at(-1)
    if (last !== undefined && time <= last) {
      if (time === last && this.#lastIs(value, stale, histogram)) return
      throw new AppendError(
        time === last
          ? `${show(this.labels)}: another sample at ${time} ms`
          : `${show(this.labels)}: ${time} ms is before the last sample at ${last} ms`,
      )
    }
    this.#time.push(time)
    this.#value.push(stale || histogram !== undefined ? Number.NaN : value)
    this.#stale.push(stale ? 1 : 0)
    this.#histograms.push(histogram && { ...histogram, resetHint: storedHint(histogram, this.#histograms.at(-1)) })
    this.#start.push(start)
    this.#columns = undefined
  }

  #lastIs(value: number, stale: boolean, histogram: FloatHistogram | undefined): boolean {
    const last = this.#histograms.at(-1)
    if (last !== undefined || histogram !== undefined) return last !== undefined && histogram !== undefined && equal(last, histogram)
    return Object.is(this.#value.at(-1), value) && this.#stale.at(-1) === (stale ? 1 : 0)
  }

  /** The samples in (from, to]. */
  between(from: number, to: number): Samples {
    const { time, value, stale, histograms, start } = (this.#columns ??= this.#freeze())
    const lo = firstAfter(time, from)
    const hi = firstAfter(time, to)
    return {
      time: time.subarray(lo, hi),
      value: value.subarray(lo, hi),
      stale: stale?.subarray(lo, hi),
      histograms: histograms?.slice(lo, hi),
      start: start?.subarray(lo, hi),
    }
  }

  #freeze(): Samples {
    return {
      time: Float64Array.from(this.#time),
      value: Float64Array.from(this.#value),
      stale: this.#stale.includes(1) ? Uint8Array.from(this.#stale) : undefined,
      histograms: this.#histograms.some(histogram => histogram !== undefined) ? [...this.#histograms] : undefined,
      start: this.#start.some(start => start !== 0) ? Float64Array.from(this.#start) : undefined,
    }
  }
}

/** Of ascending times: the index of the first one after `limit`. */
function firstAfter(time: Float64Array, limit: number): number {
  let lo = 0
  let hi = time.length
  while (lo < hi) {
    const middle = (lo + hi) >> 1
    if (time[middle]! <= limit) lo = middle + 1
    else hi = middle
  }
  return lo
}

/** As Prometheus writes a series: `name{label="value"}`. */
export function show(labels: Labels): string {
  const rest = [...labels].filter(([name]) => name !== '__name__').map(([name, value]) => `${name}=${quote(value)}`)
  return rest.length === 0 && labels.name !== '' ? labels.name : `${labels.name}{${rest.join(', ')}}`
}
