/**
 * The samples of the last while, in memory and as they came: pages of 32 samples in large columns, a chain of pages for each series. A sample
 * that arrives is three writes and no allocation. A head is filled, sealed, written to a block and forgotten, with its index and its series:
 * whoever is still alive has been entered into the next one.
 */
import type { FloatHistogram } from '../model/float-histogram.ts'
import type { Labels } from '../model/labels.ts'
import { SampleColumns } from './chunk.ts'
import { MutableIndex } from './label-index.ts'

const PAGE = 32
/** [pages] */
const SLAB = 512
const slabLength = PAGE * SLAB
const slabBytes = 16 * slabLength

interface Slab {
  readonly time: Float64Array
  readonly value: Float64Array
  readonly words: Uint32Array
}

/**
 * What became of a sample. `conflict`: there is another value of that time; `too_old`: older than the out-of-order window, or than anything that is
 * kept; `ahead`: too far in the future.
 */
export const outcomes = ['appended', 'duplicate', 'conflict', 'too_old', 'ahead'] as const
export type Outcome = (typeof outcomes)[number]
export const APPENDED = 0
const DUPLICATE = 1
const CONFLICT = 2
export const TOO_OLD = 3
export const AHEAD = 4

export class Head {
  /** What those who write series know it by: they may outlive it by far, and are not to keep what is in it. */
  readonly mark: object = {}
  /** by series */
  readonly labels: Labels[] = []
  readonly index = new MutableIndex()
  readonly #byKey = new Map<string, number>()
  readonly #slabs: Slab[] = []
  #pages = 0
  /** by page: the one after it, or -1 */
  #next = new Int32Array(SLAB)
  #firstPage = new Int32Array(0)
  #lastPage = new Int32Array(0)
  #counts = new Uint32Array(0)
  #newest = new Float64Array(0)
  #lastStart = new Float64Array(0)
  /** a sample came after a younger one */
  #disordered = new Uint8Array(0)
  /** by series: pairs of a sample's number and the start time from there on */
  readonly #starts = new Map<number, number[]>()
  /** by series and sample */
  readonly #histograms = new Map<number, (FloatHistogram | undefined)[]>()
  #histogramBytes = 0
  /** epoch ms: where the windows begin that have samples; they are left-open */
  readonly windows = new Set<number>()
  #window = Number.NaN
  readonly #windowMs: number
  samples = 0
  minTime = Number.POSITIVE_INFINITY
  maxTime = Number.NEGATIVE_INFINITY
  /** epoch ms of the newest sample there was before */
  readonly #horizon: number

  constructor(windowMs: number, horizon: number) {
    this.#windowMs = windowMs
    this.#horizon = horizon
  }

  /** [series] */
  get size(): number {
    return this.labels.length
  }
  /** [bytes] of samples */
  get bytes(): number {
    return this.#slabs.length * slabBytes + this.#histogramBytes
  }
  /** epoch ms, of the newest sample here or before */
  get newest(): number {
    return Math.max(this.maxTime, this.#horizon)
  }
  get pages(): number {
    return this.#pages
  }
  countOf(series: number): number {
    return this.#counts[series]!
  }

  find(key: string): number | undefined {
    return this.#byKey.get(key)
  }

  /** The number of a series that is not here yet. */
  add(labels: Labels): number {
    const series = this.labels.length
    if (series >= this.#counts.length) this.#grow(Math.max(1024, 2 * series))
    this.labels.push(labels)
    this.index.add(labels)
    this.#byKey.set(labels.key, series)
    this.#firstPage[series] = -1
    this.#lastPage[series] = -1
    this.#newest[series] = Number.NEGATIVE_INFINITY
    return series
  }

  #grow(size: number): void {
    this.#firstPage = grown(this.#firstPage, new Int32Array(size))
    this.#lastPage = grown(this.#lastPage, new Int32Array(size))
    this.#counts = grown(this.#counts, new Uint32Array(size))
    this.#newest = grown(this.#newest, new Float64Array(size))
    this.#lastStart = grown(this.#lastStart, new Float64Array(size))
    this.#disordered = grown(this.#disordered, new Uint8Array(size))
  }

  /** Sample `i` of `from`. @returns an index into `outcomes` */
  append(series: number, from: SampleColumns, i: number): number {
    const time = from.time[i]!
    const newest = this.#newest[series]!
    if (time <= newest) {
      const known = this.compare(series, from, i)
      if (known !== APPENDED) return known
      this.#disordered[series] = 1
    } else this.#newest[series] = time
    const count = this.#counts[series]!
    const within = count % PAGE
    const page = within === 0 ? this.#addPage(series) : this.#lastPage[series]!
    const slab = this.#slabs[Math.floor(page / SLAB)]!
    const at = (page % SLAB) * PAGE + within
    slab.time[at] = time
    slab.words[2 * at] = from.words[2 * i]!
    slab.words[2 * at + 1] = from.words[2 * i + 1]!
    const histogram = from.histograms?.[i]
    if (histogram !== undefined) this.#keepHistogram(series, count, histogram)
    const start = from.start?.[i] ?? 0
    if (start !== this.#lastStart[series]) this.#keepStart(series, count, start)
    this.#counts[series] = count + 1
    this.samples++
    if (!(time > this.#window && time <= this.#window + this.#windowMs)) this.#enterWindow(time)
    if (time < this.minTime) this.minTime = time
    if (time > this.maxTime) this.maxTime = time
    return APPENDED
  }

  #enterWindow(time: number): void {
    this.#window = Math.ceil(time / this.#windowMs) * this.#windowMs - this.#windowMs
    this.windows.add(this.#window)
  }

  #addPage(series: number): number {
    const page = this.#pages++
    if (page % SLAB === 0) {
      const value = new Float64Array(slabLength)
      this.#slabs.push({ time: new Float64Array(slabLength), value, words: new Uint32Array(value.buffer) })
    }
    if (page >= this.#next.length) this.#next = grown(this.#next, new Int32Array(2 * page))
    this.#next[page] = -1
    if (this.#lastPage[series]! < 0) this.#firstPage[series] = page
    else this.#next[this.#lastPage[series]!] = page
    this.#lastPage[series] = page
    return page
  }

  #keepHistogram(series: number, count: number, histogram: FloatHistogram): void {
    let kept = this.#histograms.get(series)
    if (kept === undefined) this.#histograms.set(series, (kept = []))
    kept[count] = histogram
    this.#histogramBytes += 200 + 8 * (histogram.positiveCounts.length + histogram.negativeCounts.length)
  }

  #keepStart(series: number, count: number, start: number): void {
    const runs = this.#starts.get(series)
    if (runs === undefined) this.#starts.set(series, [count, start])
    else runs.push(count, start)
    this.#lastStart[series] = start
  }

  /** Is a sample of that time there, and is it the same? @returns an index into `outcomes`: what would become of it */
  compare(series: number, from: SampleColumns, i: number): number {
    const time = from.time[i]!
    const newest = this.#newest[series]!
    let at = 0
    for (let page = this.#firstPage[series]!; page >= 0; page = this.#next[page]!, at += PAGE) {
      // The same time again is most often the newest one.
      if (time === newest && this.#disordered[series] === 0 && this.#next[page]! >= 0) continue
      const { time: times, words } = this.#slabs[Math.floor(page / SLAB)]!
      const begin = (page % SLAB) * PAGE
      const length = Math.min(PAGE, this.#counts[series]! - at)
      for (let k = 0; k < length; k++) {
        if (times[begin + k] !== time) continue
        const histogram = this.#histograms.get(series)?.[at + k]
        const other = from.histograms?.[i]
        if (histogram !== undefined || other !== undefined) return sameHistogram(histogram, other) ? DUPLICATE : CONFLICT
        const same = words[2 * (begin + k)] === from.words[2 * i] && words[2 * (begin + k) + 1] === from.words[2 * i + 1]
        return same ? DUPLICATE : CONFLICT
      }
    }
    return APPENDED
  }

  /** Whether a series has samples in (from, to]; of times out of order it may say yes where there are none. */
  has(series: number, from: number, to: number): boolean {
    const first = this.#firstPage[series]!
    if (first < 0 || this.#newest[series]! <= from) return false
    return this.#disordered[series] === 1 || this.#slabs[Math.floor(first / SLAB)]!.time[(first % SLAB) * PAGE]! <= to
  }

  /** Appends the samples of a series in (from, to] to `into`, by time. */
  read(series: number, from: number, to: number, into: SampleColumns): void {
    if (this.#disordered[series] === 1) {
      const all = new SampleColumns(this.#counts[series]!)
      this.#copy(series, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, all)
      appendSorted(all, from, to, into)
    } else this.#copy(series, from, to, into)
  }

  #copy(series: number, from: number, to: number, into: SampleColumns): void {
    const count = this.#counts[series]!
    const histograms = this.#histograms.get(series)
    const starts = this.#starts.get(series)
    into.reserve(into.length + count)
    let run = 0
    let at = 0
    for (let page = this.#firstPage[series]!; page >= 0; page = this.#next[page]!, at += PAGE) {
      const { time, words } = this.#slabs[Math.floor(page / SLAB)]!
      const begin = (page % SLAB) * PAGE
      const length = Math.min(PAGE, count - at)
      if (time[begin + length - 1]! <= from) continue
      if (time[begin]! > to) break
      for (let k = 0; k < length; k++) {
        const t = time[begin + k]!
        if (t <= from || t > to) continue
        into.push(t, 0)
        const last = into.length - 1
        into.words[2 * last] = words[2 * (begin + k)]!
        into.words[2 * last + 1] = words[2 * (begin + k) + 1]!
        const histogram = histograms?.[at + k]
        if (histogram !== undefined) {
          into.histograms ??= []
          into.histograms[last] = histogram
        }
        if (starts === undefined) continue
        while (run + 2 < starts.length && starts[run + 2]! <= at + k) run += 2
        if (starts[run]! <= at + k) into.setStart(starts[run + 1]!)
      }
    }
  }
}

/** Appends what of `samples` from `begin` on, which may be in any order, is in (from, to], by time; of equal times the first. */
export function appendSorted(samples: SampleColumns, from: number, to: number, into: SampleColumns, begin = 0): void {
  const order = new Uint32Array(samples.length - begin)
  for (let i = 0; i < order.length; i++) order[i] = begin + i
  order.sort((a, b) => samples.time[a]! - samples.time[b]! || a - b)
  let last = Number.NaN
  for (const i of order) {
    const time = samples.time[i]!
    if (time === last || time <= from || time > to) continue
    last = time
    appendOne(samples, i, into)
  }
}

export function appendOne(samples: SampleColumns, i: number, into: SampleColumns): void {
  into.push(samples.time[i]!, 0)
  const at = into.length - 1
  into.words[2 * at] = samples.words[2 * i]!
  into.words[2 * at + 1] = samples.words[2 * i + 1]!
  const histogram = samples.histograms?.[i]
  if (histogram !== undefined) {
    into.histograms ??= []
    into.histograms[at] = histogram
  }
  if (samples.start !== undefined) into.setStart(samples.start[i]!)
  if (samples.aggregates === undefined) return
  const columns = into.beginAggregates()
  samples.aggregates.forEach((column, k) => void (columns[k]![at] = column[i]!))
}

function sameHistogram(a: FloatHistogram | undefined, b: FloatHistogram | undefined): boolean {
  if (a === undefined || b === undefined) return false
  return JSON.stringify(a) === JSON.stringify(b)
}

function grown<T extends { set(from: T): void }>(from: T, to: T): T {
  to.set(from)
  return to
}
