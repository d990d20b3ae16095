/** Makes pieces of what was read line by line and may be the same on the next page: how a plan begins, and goes on. */
import type { Draft } from './drafts.ts'
import { Fragment, Piece } from './piece.ts'
import type { Segment } from './plan.ts'
import type { Reading } from './reading.ts'
import { noSlots, Slots } from './slots.ts'
import { MetricNode, type ScopeNode } from './tree.ts'

/** Before the request is written: it notes where numbers are put of what may become a piece. */
export function noteNumbers(drafts: readonly Draft[], iteration: number): void {
  for (const draft of drafts) if (draft.steady) for (const metrics of metricsOf(draft, iteration)) noteIn(new Slots(true), metrics)
}

/** What a page became, and which iteration has seen it. */
export interface Written {
  readonly page: Uint8Array
  readonly request: Uint8Array
  readonly reading: Reading
  readonly iteration: number
}

/** The pieces of a page in its order, those that were found and those that are made; and what is in none. */
export function piecesOf(
  segments: readonly Segment[],
  drafts: readonly Draft[],
  written: Written,
): { pieces: readonly Piece[]; loose: readonly Draft[] } {
  const pieces: Piece[] = []
  const loose: Draft[] = []
  let next = 0
  for (const segment of segments) {
    if (segment instanceof Piece) pieces.push(segment)
    else
      for (; next < drafts.length && drafts[next]!.from < segment.to; next++) {
        const draft = drafts[next]!
        const piece = draft.steady ? pieceOf(draft, written) : undefined
        if (piece === undefined) loose.push(draft)
        else pieces.push(piece)
        for (const owner of draft.owners) owner.piece = piece
      }
  }
  return { pieces, loose }
}

/** @returns undefined where its metrics are not one after the other */
function pieceOf(draft: Draft, { page, request, reading, iteration }: Written): Piece | undefined {
  const entries = reading.entries.slice(draft.first, draft.first + draft.lines)
  const piece = new Piece({ draft, page, numbers: reading.numbers, entries })
  const fragments: Fragment[] = []
  let apart = false
  for (const metrics of metricsOf(draft, iteration)) {
    const { slots, from, scope } = metrics[0]!
    const { to } = metrics.at(-1)!
    apart ||= metrics.some((metric, i) => i > 0 && metric.from !== metrics[i - 1]!.to)
    const told = metrics.map(metric => metric.told!)
    noteIn(noSlots, metrics)
    fragments.push(new Fragment(piece, scope, told, new Uint8Array(request.subarray(from, to)), slots, from, draft.first))
  }
  if (apart) return undefined
  for (const { told } of fragments) for (const one of told) one.piece = piece
  piece.fragments = fragments
  return piece
}

/** By scope, those that it is to be written with. */
function metricsOf(draft: Draft, iteration: number): readonly (readonly MetricNode[])[] {
  const scopes = new Map<ScopeNode, MetricNode[]>()
  for (const owner of draft.owners) {
    if (!(owner instanceof MetricNode) || owner.seen !== iteration) continue
    const metrics = scopes.get(owner.scope)
    if (metrics === undefined) scopes.set(owner.scope, [owner])
    else metrics.push(owner)
  }
  return [...scopes.values()]
}

function noteIn(slots: Slots, metrics: readonly MetricNode[]): void {
  for (const metric of metrics) metric.slots = slots
}
