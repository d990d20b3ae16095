/**
 * Requests without some of their rows. What is kept is kept byte for byte, unknown fields included; only the lengths of what encloses a
 * row that goes are written anew. A metric, scope or resource that loses its last row goes with it.
 */
import type { Signal } from '../model/signal.ts'
import { BYTES, Cursor, concatenated, fieldHead } from './wire.ts'

/** Data points, spans or log records. @throws {MalformedError} */
export function countRows(signal: Signal, bytes: Uint8Array): number {
  return rowsOf(signal, bytes).length
}

/**
 * Two requests, each with half of the rows: the first with the first half. Neither is empty.
 * @returns undefined where there is but one row, or none. @throws {MalformedError}
 */
export function halve(signal: Signal, bytes: Uint8Array): [first: Uint8Array, second: Uint8Array] | undefined {
  const rows = rowsOf(signal, bytes)
  if (rows.length < 2) return undefined
  const half = rows.length >> 1
  return [cut(signal, bytes, rows.slice(half)), cut(signal, bytes, rows.slice(0, half))]
}

/**
 * `bytes` without the rows that begin at `from`: the offsets that a batch has in its columns' `from`, of all groups and in any order.
 * The request may come out empty. @throws {MalformedError}
 */
export function cutRows(signal: Signal, bytes: Uint8Array, from: ArrayLike<number>): Uint8Array {
  return from.length === 0 ? bytes : cut(signal, bytes, Float64Array.from(from).sort())
}

/** Where each row's field begins, ascending. */
function rowsOf(signal: Signal, bytes: Uint8Array): number[] {
  const rows: number[] = []
  collect(new Cursor(bytes, 0, bytes.length, 'request', `${signal} request`), signal, 0, rows)
  return rows
}

/** What a message of each level holds of the next: request → resource → scope → span or record, or → metric → data → point. */
export const levels: Readonly<Record<Signal, readonly string[]>> = {
  metrics: ['resource entry', 'scope entry', 'metric', 'metric data', 'data point'],
  traces: ['resource entry', 'scope entry', 'span'],
  logs: ['resource entry', 'scope entry', 'log record'],
}
export const METRIC = 3

/** Whether the field that `at` is on leads to rows. */
export function leadsOn(at: Pick<Cursor, 'wire' | 'number' | 'from'>, signal: Signal, level: number, data: Data | undefined): boolean {
  if (at.wire !== BYTES) return false
  if (signal === 'metrics' && level === METRIC) return data !== undefined && at.number === data.number && at.from >= data.since
  return at.number === (level === 0 || level > METRIC ? 1 : 2)
}

function collect(message: Cursor, signal: Signal, level: number, rows: number[]): void {
  const names = levels[signal]
  const data = signal === 'metrics' && level === METRIC ? dataOf(message) : undefined
  for (const at = message; at.next(); ) {
    if (!leadsOn(at, signal, level, data)) continue
    if (level === names.length - 1) rows.push(at.from)
    else collect(at.message(names[level]!), signal, level + 1, rows)
  }
}

/** Which of a metric's data fields count: it is a oneof, so the last one given, and those of its kind directly before. */
export interface Data {
  readonly number: number
  readonly since: number
}
const dataNumbers: readonly number[] = [5, 7, 9, 10, 11]

export function dataOf(message: Cursor): Data | undefined {
  let data: Data | undefined
  for (const at = message.again(); at.next(); ) {
    if (at.wire !== BYTES || !dataNumbers.includes(at.number) || at.number === data?.number) continue
    data = { number: at.number, since: at.from }
  }
  return data
}

/** Pieces of the result; `size` is their length together, `rows` whether there is a row in them. */
interface Kept {
  readonly pieces: Uint8Array[]
  size: number
  rows: boolean
}

/** `drop` is sorted. */
function cut(signal: Signal, bytes: Uint8Array, drop: ArrayLike<number>): Uint8Array {
  const { pieces, size } = keep(new Cursor(bytes, 0, bytes.length, 'request', `${signal} request`), signal, 0, drop)
  return concatenated(pieces, size)
}

function keep(message: Cursor, signal: Signal, level: number, drop: ArrayLike<number>): Kept {
  const names = levels[signal]
  const data = signal === 'metrics' && level === METRIC ? dataOf(message) : undefined
  const kept: Kept = { pieces: [], size: 0, rows: false }
  // Neighbours that stay are one piece.
  let from = -1
  const flush = (to: number) => {
    if (from >= 0) add(kept, message.bytes.subarray(from, to))
    from = -1
  }
  for (const at = message; at.next(); ) {
    const leads = leadsOn(at, signal, level, data)
    const touched = leads && anyIn(drop, at.from, at.end)
    if (!touched) {
      if (from < 0) from = at.from
      if (leads && !kept.rows) kept.rows = level === names.length - 1 || hasRows(at.message(names[level]!), signal, level + 1)
      continue
    }
    flush(at.from)
    if (level === names.length - 1) continue
    const inner = keep(at.message(names[level]!), signal, level + 1, drop)
    // A metric's data may be in pieces, and each of them says something about all points.
    if (!inner.rows && !(signal === 'metrics' && level === METRIC)) continue
    kept.rows ||= inner.rows
    add(kept, fieldHead(at.number, inner.size))
    for (const piece of inner.pieces) add(kept, piece)
  }
  flush(message.to)
  return kept
}

function add(kept: Kept, piece: Uint8Array): void {
  kept.pieces.push(piece)
  kept.size += piece.length
}

function hasRows(message: Cursor, signal: Signal, level: number): boolean {
  const rows: number[] = []
  collect(message, signal, level, rows)
  return rows.length > 0
}

/** Whether one of the sorted `drop` is in [from, to). */
function anyIn(drop: ArrayLike<number>, from: number, to: number): boolean {
  let low = 0
  let high = drop.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (drop[middle]! < from) low = middle + 1
    else high = middle
  }
  return low < drop.length && drop[low]! < to
}
