/** Cutting requests without decoding them: a part is made of the very bytes of the fields it keeps, in envelopes with new lengths. */
import type { Signal } from '../model/signal.ts'
import { BYTES, Cursor } from './wire.ts'

/** The repeated fields to go through from a request to its rows: resources, scopes, (metrics,) rows. */
const levels: Readonly<Record<Signal, readonly (readonly number[])[]>> = {
  // A metric keeps its points in field 1 of whichever kind of data it has.
  metrics: [[1], [2], [2], [5, 7, 9, 10, 11], [1]],
  traces: [[1], [2], [2]],
  logs: [[1], [2], [2]],
}

/** [rows] in a request. @throws {MalformedError} */
export function countRows(signal: Signal, request: Uint8Array): number {
  return count(request, levels[signal], 0)
}

/**
 * Two requests that hold the rows of one, in order, with the same resources, scopes and metrics around them.
 * @returns undefined when there is one row or none
 * @throws {MalformedError}
 */
export function halve(signal: Signal, request: Uint8Array): [Uint8Array, Uint8Array] | undefined {
  const rows = countRows(signal, request)
  if (rows < 2) return undefined
  const path = levels[signal]
  const first = rows >> 1
  return [join(part(request, path, 0, 0, first)), join(part(request, path, 0, first, rows))]
}

function count(bytes: Uint8Array, path: readonly (readonly number[])[], depth: number): number {
  if (depth === path.length) return 1
  let rows = 0
  for (const field = new Cursor(bytes); field.next(); ) {
    if (field.wire === BYTES && path[depth]!.includes(field.number)) rows += count(field.payload, path, depth + 1)
  }
  return rows
}

/** The message with its rows `[from, to)` only. Children without a row of their own stay with the first part. */
function part(bytes: Uint8Array, path: readonly (readonly number[])[], depth: number, from: number, to: number): Uint8Array[] {
  const pieces: Uint8Array[] = []
  let row = 0
  for (const field = new Cursor(bytes); field.next(); ) {
    const whole = bytes.subarray(field.from, field.end)
    if (field.wire !== BYTES || !path[depth]!.includes(field.number)) {
      pieces.push(whole)
      continue
    }
    const rows = count(field.payload, path, depth + 1)
    const begin = Math.max(from - row, 0)
    const end = Math.min(to - row, rows)
    row += rows
    if (rows === 0 ? from === 0 : begin === 0 && end === rows) pieces.push(whole)
    else if (begin < end) pieces.push(...envelope(field.number, part(field.payload, path, depth + 1, begin, end)))
  }
  return pieces
}

function envelope(number: number, content: readonly Uint8Array[]): Uint8Array[] {
  let size = 0
  for (const piece of content) size += piece.length
  return [Uint8Array.from([...varint((number << 3) | BYTES), ...varint(size)]), ...content]
}

function varint(value: number): number[] {
  const bytes: number[] = []
  let rest = value
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128)
  return [...bytes, rest]
}

const join = (pieces: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(pieces))
