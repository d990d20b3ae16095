/** What is found of a series in several places, put together. */
import type { Labels } from '../model/labels.ts'
import type { Samples, SelectedSeries, TierColumns } from '../model/query.ts'
import { SampleColumns } from './chunk.ts'
import { appendOne, appendSorted } from './head.ts'

/** A series in one place: a head or a block. */
export interface Found {
  readonly labels: Labels
  /** [samples] at most */
  readonly count: number
  /** Appends the samples in (from, to], by time. */
  read(from: number, to: number, into: SampleColumns): void
}

const nowhere: readonly Found[] = []

/** One series, wherever it is; of two samples of one time that of the earlier place counts. */
export class Gathered {
  readonly #byKey = new Map<string, Found[]>()

  /** Places in the order of their age, the oldest first. */
  add(found: Iterable<Found>): void {
    for (const one of found) {
      const known = this.#byKey.get(one.labels.key)
      if (known === undefined) this.#byKey.set(one.labels.key, [one])
      else known.push(one)
    }
  }

  *labels(): Generator<Labels> {
    for (const [first] of this.#byKey.values()) yield first!.labels
  }
  series(): Iterable<readonly Found[]> {
    return this.#byKey.values()
  }

  /** The series of all, each with what each has of it. */
  static together(all: readonly Gathered[]): { readonly labels: Labels; readonly parts: readonly (readonly Found[])[] }[] {
    const keys = new Set(all.flatMap(one => [...one.#byKey.keys()]))
    return Array.from(keys, key => {
      const parts = all.map(one => one.#byKey.get(key) ?? nowhere)
      return { labels: parts.find(({ length }) => length > 0)![0]!.labels, parts }
    })
  }

  selected(from: number, to: number): SelectedSeries[] {
    const own = new SampleColumns(0)
    return Array.from(this.#byKey.values(), parts => ({
      labels: parts[0]!.labels,
      read: lent => toSamples(readAll(parts, from, to, lent === true ? own : undefined)),
    }))
  }
}

/** @param into is emptied first; without it the columns are the caller's to keep */
export function readAll(parts: readonly Found[], from: number, to: number, into = new SampleColumns(0)): SampleColumns {
  into.clear()
  appendAll(parts, from, to, into)
  return into
}

/** What there is in (from, to], behind what is in `into`, all of which is older. */
export function appendAll(parts: readonly Found[], from: number, to: number, into: SampleColumns): void {
  const begin = into.length
  into.reserve(begin + parts.reduce((sum, { count }) => sum + count, 0))
  let ordered = true
  for (const part of parts) {
    const before = into.length
    part.read(from, to, into)
    if (before > begin && before < into.length && into.time[before]! <= into.time[before - 1]!) ordered = false
  }
  if (!ordered) sortFrom(into, begin)
}

function sortFrom(into: SampleColumns, begin: number): void {
  const sorted = new SampleColumns(into.length - begin)
  appendSorted(into, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, sorted, begin)
  into.length = begin
  into.unmarked = Math.min(into.unmarked, begin)
  if (into.histograms !== undefined) into.histograms.length = Math.min(begin, into.histograms.length)
  for (let i = 0; i < sorted.length; i++) appendOne(sorted, i, into)
}

/** The columns become the reader's. */
export function toSamples(columns: SampleColumns, tier?: TierColumns): Samples {
  const { length, histograms } = columns
  return {
    time: columns.time.subarray(0, length),
    value: columns.value.subarray(0, length),
    stale: staleOf(columns),
    histograms: histograms === undefined ? undefined : Array.from({ length }, (_, i) => histograms[i]),
    start: columns.start?.subarray(0, length),
    tier,
  }
}

function staleOf(columns: SampleColumns): Uint8Array | undefined {
  const { length, value, unmarked } = columns
  let stale: Uint8Array | undefined
  for (let i = unmarked; i < length; i++) {
    // It is a NaN, and hardly anything is.
    if (!Number.isNaN(value[i]!) || !columns.isStale(i)) continue
    stale ??= new Uint8Array(columns.length)
    stale[i] = 1
  }
  return stale
}
