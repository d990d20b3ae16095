/** Whether a result is what a test expects, and if not, in words. */

import { formatG } from '../../lib/go-text.ts'
import { CUSTOM_BUCKETS_SCHEMA, type FloatHistogram, type Span } from '../../model/float-histogram.ts'
import { compareLabels, type Labels } from '../../model/labels.ts'
import { printHistogram } from '../histogram/text.ts'
import { ABSENT, HISTOGRAM, type QueryValue, type Row, timeOf } from '../value.ts'
import type { Expectation, ExpectedSeries, Points } from './expectation.ts'
import { show } from './memory.ts'
import { MISSING, NATIVE, type Sequence, STALE } from './sequence.ts'

const EPSILON = 1e-6
const SMALLEST_NORMAL = 2 ** -1022

/** Equal but for rounding: relative to the sum of both, absolute where one is 0 or both are subnormal. NaN equals NaN. */
export function almostEqual(a: number, b: number): boolean {
  if (a === b || (Number.isNaN(a) && Number.isNaN(b))) return true
  const sum = Math.abs(a) + Math.abs(b)
  const difference = Math.abs(a - b)
  if (a === 0 || b === 0 || sum < SMALLEST_NORMAL) return difference < EPSILON * SMALLEST_NORMAL
  return difference / Math.min(sum, Number.MAX_VALUE) < EPSILON
}

/** One sample of a result. */
interface Point {
  readonly time: number
  readonly value: number
  readonly histogram: FloatHistogram | undefined
}

/** @param grid of the points of a series, where there may be several @returns what differs; undefined: nothing */
export function difference(expected: Expectation, result: QueryValue, grid: Points | undefined): string | undefined {
  switch (result.type) {
    case 'scalar':
      return scalarDifference(expected, result.value)
    case 'string':
      return stringDifference(expected, result.value)
    case 'vector':
      return shapeDifference(expected, 'a vector') ?? vectorDifference(expected, result.rows)
    case 'matrix': {
      const series = result.rows.map(row => ({ labels: row.labels, points: pointsOf(row, step => timeOf(result.grid, step)) }))
      return shapeDifference(expected, 'a matrix') ?? orderDifference(series) ?? matrixDifference(expected, series, grid)
    }
    case 'series': {
      const series = result.series.map(({ labels, time, value, histograms }) => ({
        labels,
        points: [...time].map((time, i) => ({ time, value: value[i]!, histogram: histograms?.[i] })),
      }))
      return shapeDifference(expected, 'a range vector') ?? orderDifference(series) ?? matrixDifference(expected, series, grid)
    }
  }
}

/** Of a range query: what stands at one time of it, as if it were an instant query's. */
export function momentDifference(expected: Expectation, result: QueryValue, time: number, scalar: boolean): string | undefined {
  if (result.type !== 'matrix') return `expected a matrix, got a ${result.type}`
  const step = Math.round((time - result.grid.start) / result.grid.step)
  const order = orderDifference(result.rows.map(({ labels }) => ({ labels })))
  if (order !== undefined) return order
  const present = result.rows.filter(({ kind }) => kind[step] !== ABSENT)
  if (!scalar) return shapeDifference(expected, 'a vector') ?? vectorDifference(expected, present, step)
  const [first] = present
  return first === undefined ? `expected ${number(expected.scalar!)}, got nothing` : scalarDifference(expected, first.value[step]!)
}

function scalarDifference({ scalar, string, series }: Expectation, value: number): string | undefined {
  if (scalar === undefined) return `expected ${string === undefined ? count(series.size) : 'a string'}, got the scalar ${number(value)}`
  return almostEqual(scalar, value) ? undefined : `expected ${number(scalar)}, got ${number(value)}`
}

function stringDifference({ scalar, string, series }: Expectation, value: string): string | undefined {
  if (scalar !== undefined || series.size > 0) return `expected ${scalar === undefined ? count(series.size) : 'a scalar'}, got a string`
  return (string ?? '') === value ? undefined : `expected ${JSON.stringify(string ?? '')}, got ${JSON.stringify(value)}`
}

function shapeDifference({ scalar, string }: Expectation, got: string): string | undefined {
  if (scalar !== undefined) return `expected the scalar ${number(scalar)}, got ${got}`
  return string === undefined ? undefined : `expected a string, got ${got}`
}

function orderDifference(series: readonly { readonly labels: Labels }[]): string | undefined {
  for (let i = 1; i < series.length; i++)
    if (compareLabels(series[i - 1]!.labels, series[i]!.labels) > 0)
      return `expected series sorted by labels, got ${show(series[i - 1]!.labels)} before ${show(series[i]!.labels)}`
  return undefined
}

function vectorDifference(expected: Expectation, rows: readonly Row[], step = 0): string | undefined {
  const seen = new Set<string>()
  for (const [position, row] of rows.entries()) {
    const { labels } = row
    const point = { time: 0, value: row.value[step]!, histogram: row.kind[step] === HISTOGRAM ? row.histograms?.[step] : undefined }
    if (row.kind[step] === ABSENT) return `${show(labels)}: a series without a value`
    const wanted = expected.series.get(labels.key)
    if (wanted === undefined || seen.has(labels.key))
      return `${show(labels)}: not expected${seen.has(labels.key) ? ' twice' : ''}, got ${shown(point)}`
    if (expected.ordered && wanted.position !== position)
      return `${show(labels)}: expected as number ${wanted.position + 1}, came as number ${position + 1}`
    if (!samePoint(wanted.values, 0, point)) return `${show(labels)}: expected ${item(wanted.values, 0)}, got ${shown(point)}`
    seen.add(labels.key)
  }
  return missing(expected, seen)
}

interface Line {
  readonly labels: Labels
  readonly points: readonly Point[]
}

function matrixDifference(expected: Expectation, lines: readonly Line[], grid: Points | undefined): string | undefined {
  const seen = new Set<string>()
  for (const line of lines) {
    const { key } = line.labels
    const wanted = expected.series.get(key)
    if (wanted === undefined || seen.has(key))
      return `${show(line.labels)}: not expected${seen.has(key) ? ' twice' : ''}, got ${list(line.points)}`
    const difference = lineDifference(wanted, line, grid)
    if (difference !== undefined) return `${show(line.labels)}: ${difference}`
    seen.add(key)
  }
  return missing(expected, seen)
}

function lineDifference({ values }: ExpectedSeries, { points }: Line, grid: Points | undefined): string | undefined {
  if (points.length === 0) return 'a series without a point'
  if (grid === undefined) return `expected one value, got ${list(points)}; expect range vector from … to … step … allows more`
  let next = 0
  for (let i = 0; i < values.length; i++) {
    const time = grid.start + i * grid.step
    if (time > grid.end) return `${values.length} values are expected, and the query has ${i} steps`
    if (values.kind[i] === MISSING) continue
    const point = points[next]
    if (point === undefined || point.time !== time || !samePoint(values, i, point))
      return `expected ${item(values, i)} at ${time} ms, got ${point === undefined ? 'no more' : `${shown(point)} at ${point.time} ms`} (of ${list(points)})`
    next++
  }
  return next === points.length ? undefined : `expected ${next} points, got ${points.length}: ${list(points)}`
}

function missing(expected: Expectation, seen: ReadonlySet<string>): string | undefined {
  for (const { labels, values } of expected.series.values())
    if (!seen.has(labels.key)) return `${show(labels)}: expected ${items(values)}, not found`
  return undefined
}

function samePoint(values: Sequence, i: number, { value, histogram }: Point): boolean {
  const kind = values.kind[i]
  if (kind === NATIVE) return histogram !== undefined && sameHistogram(values.histograms[i]!, histogram, values.hinted[i]!)
  // A result has no stale markers. A place without a sample is 0 where an instant query must have one.
  return histogram === undefined && kind !== STALE && almostEqual(values.value[i]!, value)
}

/** Empty buckets do not count, nor how buckets are put into spans. @param hint whether the counter reset hints must be the same */
export function sameHistogram(a: FloatHistogram, b: FloatHistogram, hint: boolean): boolean {
  return (
    a.schema === b.schema &&
    almostEqual(a.count, b.count) &&
    almostEqual(a.sum, b.sum) &&
    a.zeroThreshold === b.zeroThreshold &&
    almostEqual(a.zeroCount, b.zeroCount) &&
    (a.schema !== CUSTOM_BUCKETS_SCHEMA || sameNumbers(a.customBounds, b.customBounds, Object.is)) &&
    sameBuckets(a.positiveSpans, a.positiveCounts, b.positiveSpans, b.positiveCounts) &&
    sameBuckets(a.negativeSpans, a.negativeCounts, b.negativeSpans, b.negativeCounts) &&
    (!hint || a.resetHint === b.resetHint)
  )
}

function sameBuckets(
  spans: readonly Span[],
  counts: readonly number[],
  otherSpans: readonly Span[],
  otherCounts: readonly number[],
): boolean {
  const a = filled(spans, counts)
  const b = filled(otherSpans, otherCounts)
  return sameNumbers(a.index, b.index, Object.is) && sameNumbers(a.count, b.count, almostEqual)
}

function filled(
  spans: readonly Span[],
  counts: readonly number[],
): { readonly index: readonly number[]; readonly count: readonly number[] } {
  const index: number[] = []
  const count: number[] = []
  let bucket = 0
  let at = 0
  for (const { offset, length } of spans) {
    bucket += offset
    for (let i = 0; i < length; i++, bucket++, at++) {
      if (counts[at] === 0) continue
      index.push(bucket)
      count.push(counts[at]!)
    }
  }
  return { index, count }
}

const sameNumbers = (a: readonly number[], b: readonly number[], same: (a: number, b: number) => boolean): boolean =>
  a.length === b.length && a.every((value, i) => same(value, b[i]!))

function pointsOf(row: Row, time: (step: number) => number): Point[] {
  const points: Point[] = []
  for (let step = 0; step < row.kind.length; step++) {
    if (row.kind[step] === ABSENT) continue
    const histogram = row.kind[step] === HISTOGRAM ? row.histograms?.[step] : undefined
    points.push({ time: time(step), value: row.value[step]!, histogram })
  }
  return points
}

/** [values] shown of a series at the most: a failure is a line. */
const MANY = 12
const number = (value: number): string => formatG(value)
const count = (series: number): string => `${series} series`
const shown = ({ value, histogram }: Point): string => (histogram === undefined ? number(value) : printHistogram(histogram))
const list = (points: readonly Point[]): string => `${points.slice(0, MANY).map(shown).join(' ')}${points.length > MANY ? ' …' : ''}`

function item(values: Sequence, i: number): string {
  switch (values.kind[i]) {
    case MISSING:
      return '_'
    case STALE:
      return 'stale'
    case NATIVE:
      return printHistogram(values.histograms[i]!)
    default:
      return number(values.value[i]!)
  }
}

const items = (values: Sequence): string =>
  `${Array.from({ length: Math.min(values.length, MANY) }, (_, i) => item(values, i)).join(' ')}${values.length > MANY ? ' …' : ''}`
