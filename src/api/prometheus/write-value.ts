/**
 * A query's value as JSON, in pieces: a million points are neither a million objects nor one string. What is shared is written once: the
 * times of a grid are the same for every row, and so are kept as bytes.
 */
import { formatF } from '../../lib/go-text.ts'
import type { FloatHistogram } from '../../model/float-histogram.ts'
import type { Labels } from '../../model/labels.ts'
import { apiHistogram, apiNumber } from '../../promql/histogram/text.ts'
import { FLOAT, type Grid, HISTOGRAM, type QueryValue, type Row, type Series, timeOf } from '../../promql/value.ts'
import { textJson } from './answer.ts'
import { showTime, writeTime, writeValue } from './numbers.ts'
import { maxPointBytes, pointsAtOnce, Stamps, writePoints } from './points.ts'

/** [bytes] */
const pieceBytes = 256 * 1024

/** `resultType` and `result`, without the braces around them. */
export function* valueJson(value: QueryValue): Generator<Buffer, void> {
  const out = new Piece()
  switch (value.type) {
    case 'scalar':
      // Prometheus has two ways to write a number, and this is the other one: with no exponent, however long that is.
      out.text(`"resultType":"scalar","result":[${showTime(value.time)},"${formatF(value.value)}"]`)
      break
    case 'string':
      out.text(`"resultType":"string","result":[${showTime(value.time)},${textJson(value.value)}]`)
      break
    case 'vector':
      out.text('"resultType":"vector","result":[')
      yield* vectorJson(out, value.time, value.rows)
      out.text(']')
      break
    case 'matrix':
      out.text('"resultType":"matrix","result":[')
      yield* matrixJson(out, value.grid, value.rows)
      out.text(']')
      break
    case 'series':
      out.text('"resultType":"matrix","result":[')
      yield* seriesJson(out, value.series)
      out.text(']')
  }
  yield out.finish()
}

function* vectorJson(out: Piece, time: number, rows: readonly Row[]): Generator<Buffer, void> {
  const at = showTime(time)
  let first = true
  for (const { labels, kind, value, histograms } of rows) {
    const here = kind[0]
    if (here !== FLOAT && here !== HISTOGRAM) continue
    const histogram = here === HISTOGRAM ? histograms?.[0] : undefined
    const shown = histogram === undefined ? `"value":[${at},"${apiNumber(value[0]!)}"]` : `"histogram":[${at},${histogramJson(histogram)}]`
    out.text(`${first ? '' : ','}{"metric":${labelsJson(labels)},${shown}}`)
    first = false
    if (out.full) yield out.take()
  }
}

function* matrixJson(out: Piece, grid: Grid, rows: readonly Row[]): Generator<Buffer, void> {
  const stamps = new Stamps(grid)
  let first = true
  for (const row of rows) {
    const floats = hasKind(row, FLOAT)
    const histograms = row.histograms !== undefined && hasKind(row, HISTOGRAM)
    if (!floats && !histograms) continue
    out.text(`${first ? '' : ','}{"metric":${labelsJson(row.labels)}`)
    first = false
    if (floats) {
      out.text(',"values":[')
      for (let from = 0; from < grid.steps; from += pointsAtOnce) {
        const to = Math.min(from + pointsAtOnce, grid.steps)
        out.room((to - from) * maxPointBytes)
        out.at = writePoints(out.bytes, out.at, stamps, row, from, to)
        if (out.full) yield out.take()
      }
      out.endList()
    }
    if (histograms) {
      out.text(',"histograms":[')
      for (let step = 0; step < grid.steps; step++) {
        if (row.kind[step] !== HISTOGRAM) continue
        out.text(`[${showTime(timeOf(grid, step))},${histogramJson(row.histograms![step]!)}],`)
        if (out.full) yield out.take()
      }
      out.endList()
    }
    out.text('}')
  }
}

function* seriesJson(out: Piece, all: readonly Series[]): Generator<Buffer, void> {
  let first = true
  for (const { labels, time, value, histograms } of all) {
    if (time.length === 0) continue
    out.text(`${first ? '' : ','}{"metric":${labelsJson(labels)}`)
    first = false
    const isHistogram = (i: number) => histograms?.[i] !== undefined
    const count = histograms === undefined ? 0 : histograms.filter(one => one !== undefined).length
    if (count < time.length) {
      out.text(',"values":[')
      for (let i = 0; i < time.length; i++) {
        if (isHistogram(i)) continue
        out.room(maxPointBytes)
        out.at = writePoint(out.bytes, out.at, time[i]!, value[i]!)
        if (out.full) yield out.take()
      }
      out.endList()
    }
    if (count > 0) {
      out.text(',"histograms":[')
      for (let i = 0; i < time.length; i++) {
        if (!isHistogram(i)) continue
        out.text(`[${showTime(time[i]!)},${histogramJson(histograms![i]!)}],`)
        if (out.full) yield out.take()
      }
      out.endList()
    }
    out.text('}')
  }
}

function hasKind({ kind }: Row, wanted: number): boolean {
  return kind.includes(wanted)
}

function writePoint(bytes: Buffer, at: number, time: number, value: number): number {
  bytes[at++] = 0x5b
  at = writeTime(bytes, at, time)
  bytes[at++] = 0x2c
  bytes[at++] = 0x22
  at = writeValue(bytes, at, value)
  bytes[at] = 0x22
  bytes[at + 1] = 0x5d
  bytes[at + 2] = 0x2c
  return at + 3
}

export const labelsJson = (labels: Labels): string => {
  let text = '{'
  const { pairs } = labels
  for (let i = 0; i < pairs.length; i += 2) {
    text += `${i === 0 ? '' : ','}${textJson(pairs[i]!)}:${textJson(pairs[i + 1]!)}`
  }
  return `${text}}`
}

const histogramJson = (histogram: FloatHistogram): string => JSON.stringify(apiHistogram(histogram))

/** What is being filled; it never is empty. What was taken belongs to the taker. */
class Piece {
  bytes = Buffer.allocUnsafeSlow(pieceBytes)
  at = 0

  get full(): boolean {
    return this.at > pieceBytes - pointsAtOnce * maxPointBytes
  }

  /** Room for so many bytes more. */
  room(size: number): void {
    if (this.at + size <= this.bytes.length) return
    const wider = Buffer.allocUnsafeSlow(Math.max(pieceBytes, 2 * (this.at + size)))
    this.bytes.copy(wider, 0, 0, this.at)
    this.bytes = wider
  }

  text(text: string): void {
    this.room(text.length * 3)
    this.at += this.bytes.write(text, this.at)
  }

  /** The comma after the last item becomes the end of the list. */
  endList(): void {
    this.bytes[this.at - 1] = 0x5d
  }

  /** All but the last byte: it may be a comma that is to become the end of a list. */
  take(): Buffer {
    const last = this.at - 1
    const taken = this.bytes.subarray(0, last)
    const next = Buffer.allocUnsafeSlow(pieceBytes)
    next[0] = this.bytes[last]!
    this.bytes = next
    this.at = 1
    return taken
  }

  finish(): Buffer {
    return this.bytes.subarray(0, this.at)
  }
}
