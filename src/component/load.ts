/** What goes into one request: batches of one signal, written one after the other, or a part of one that was refused as a whole. */
import { Raw } from '../model/raw.ts'
import type { Signal } from '../model/signal.ts'
import type { Cutter } from './destination.ts'
import type { Body } from './queue.ts'
import type { StoredBody } from './storage.ts'

/** A run of whole batches, or a part of one. */
export interface Load {
  readonly raw: Raw
  readonly rows: number
  readonly bodies: readonly Body[]
}

export const storedOf = (bodies: readonly Body[]): StoredBody[] => bodies.flatMap(({ stored }) => stored ?? [])

export function loadOf(bodies: readonly Body[]): Load {
  const [first] = bodies
  if (bodies.length === 1) return { raw: first!.raw, rows: first!.rows, bodies }
  const rows = bodies.reduce((sum, body) => sum + body.rows, 0)
  return { raw: Raw.joined(bodies.map(({ raw }) => raw)), rows, bodies }
}

/** By batches first, then by rows. */
export function halve(load: Load, signal: Signal, cutter: Cutter): readonly [Load, Load] | undefined {
  const { bodies, rows } = load
  if (bodies.length > 1) {
    const middle = bodies.length >> 1
    return [loadOf(bodies.slice(0, middle)), loadOf(bodies.slice(middle))]
  }
  const pieces = cut(load.raw, signal, cutter)
  if (pieces === undefined) return undefined
  const [first, second, firstRows] = pieces
  return [
    { raw: Raw.of(first), rows: firstRows, bodies },
    { raw: Raw.of(second), rows: rows - firstRows, bodies },
  ]
}

function cut(raw: Raw, signal: Signal, cutter: Cutter): readonly [Uint8Array, Uint8Array, number] | undefined {
  try {
    const halves = cutter.halve(signal, raw.bytes())
    return halves && [...halves, cutter.countRows(signal, halves[0])]
  } catch {
    // Bytes that cannot be read cannot be cut.
    return undefined
  }
}
