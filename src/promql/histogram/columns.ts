import type { Span } from '../../model/float-histogram.ts'
import { bucketsOf, sameSpans } from './layout.ts'

/**
 * One side of a histogram that is being summed: Kahan's sums of buckets. The number a bucket stands for is count + compensation; Neumaier's variant,
 * as Prometheus has it.
 */
export interface Columns {
  /** [buckets] ascending */
  index: number[]
  count: number[]
  /** what the additions to `count` have lost to rounding */
  lost: number[]
  /** the spans that name `index`, where they are known: histograms of one layout are then added without a merge */
  spans: readonly Span[] | undefined
}

/** Sum and what its additions have lost, added to by one term; `kahan` has both. Reused, so that no addition allocates. */
export const kahan = { sum: 0, lost: 0 }

/** Leaves `sum + term` in `kahan`. */
export function kahanAdd(sum: number, lost: number, term: number): void {
  const total = sum + term
  kahan.sum = total
  if (total === Number.POSITIVE_INFINITY || total === Number.NEGATIVE_INFINITY) kahan.lost = 0
  else if (Math.abs(sum) >= Math.abs(term)) kahan.lost = lost + (sum - total + term)
  else kahan.lost = lost + (term - total + sum)
}

export function columnsOf(spans: readonly Span[], counts: readonly number[]): Columns {
  const { index, count } = bucketsOf(spans, counts)
  return { index, count, lost: new Array<number>(count.length).fill(0), spans }
}

export const copyColumns = ({ index, count, lost, spans }: Columns): Columns => ({
  index: [...index],
  count: [...count],
  lost: [...lost],
  spans,
})

function increase(columns: Columns, at: number, term: number): void {
  kahanAdd(columns.count[at]!, columns.lost[at]!, term)
  columns.count[at] = kahan.sum
  columns.lost[at] = kahan.lost
}

/** Adds `factor` times the counts, if there is a bucket for each of them already. */
export function addInPlace(columns: Columns, spans: readonly Span[], counts: readonly number[], factor: number): boolean {
  if (columns.spans !== undefined && sameSpans(columns.spans, spans)) {
    for (let i = 0; i < columns.count.length; i++) increase(columns, i, factor * (counts[i] ?? 0))
    return true
  }
  const { index } = columns
  if (!eachPlace(index, spans, () => {})) return false
  return eachPlace(index, spans, (place, at) => increase(columns, place, factor * (counts[at] ?? 0)))
}

/** Visits the place in `index` of each bucket of the spans; false, and no further, where one has none. */
function eachPlace(index: readonly number[], spans: readonly Span[], visit: (place: number, at: number) => void): boolean {
  let place = 0
  let at = 0
  let wanted = 0
  for (const { offset, length } of spans) {
    wanted += offset
    for (let i = 0; i < length; i++, wanted++) {
      while (index[place]! < wanted) place++
      if (index[place] !== wanted) return false
      visit(place, at++)
    }
  }
  return true
}

/** Adds `factor` times `other`. */
export function addColumns(columns: Columns, other: Columns, factor: number): void {
  const { index, count, lost } = columns
  const sum: Columns = { index: [], count: [], lost: [], spans: undefined }
  let i = 0
  let j = 0
  while (i < index.length || j < other.index.length) {
    const a = i < index.length ? index[i]! : Number.POSITIVE_INFINITY
    const b = j < other.index.length ? other.index[j]! : Number.POSITIVE_INFINITY
    const at = sum.index.length
    sum.index.push(Math.min(a, b))
    sum.count.push(a <= b ? count[i]! : 0)
    sum.lost.push(a <= b ? lost[i]! : 0)
    if (b <= a) {
      increase(sum, at, factor * other.count[j]!)
      increase(sum, at, factor * other.lost[j]!)
    }
    if (a <= b) i++
    if (b <= a) j++
  }
  Object.assign(columns, sum)
}

/** Index of the bucket of a schema lower by `steps` that holds bucket `index`. */
export const coarser = (index: number, steps: number): number => Math.floor((index - 1) / 2 ** steps) + 1

/** Merges buckets into those of a schema lower by `steps`. */
export function coarsen(columns: Columns, steps: number): void {
  const { index, count, lost } = columns
  const merged: Columns = { index: [], count: [], lost: [], spans: undefined }
  for (let i = 0; i < index.length; i++) addAtEnd(merged, coarser(index[i]!, steps), count[i]!, lost[i]!)
  Object.assign(columns, merged)
}

/** Moves buckets with custom bounds to those of `to`, of which each is in `from` too. */
export function rebound(columns: Columns, from: readonly number[], to: readonly number[]): void {
  const { index, count, lost } = columns
  const moved: Columns = { index: [], count: [], lost: [], spans: undefined }
  let target = 0
  for (let i = 0; i < index.length; i++) {
    const bound = from[index[i]!] ?? Number.POSITIVE_INFINITY
    while (target < to.length && to[target]! < bound) target++
    addAtEnd(moved, target, count[i]!, lost[i]!)
  }
  Object.assign(columns, moved)
}

/** To the last bucket, or to a new one behind it. */
function addAtEnd(columns: Columns, index: number, count: number, lost: number): void {
  const last = columns.index.length - 1
  if (columns.index[last] === index) {
    increase(columns, last, count)
    increase(columns, last, lost)
    return
  }
  columns.index.push(index)
  columns.count.push(count)
  columns.lost.push(lost)
}

export function scale(columns: Columns, factor: number, divisor: number): void {
  for (let i = 0; i < columns.count.length; i++) {
    columns.count[i] = (columns.count[i]! * factor) / divisor
    columns.lost[i] = (columns.lost[i]! * factor) / divisor
  }
}
