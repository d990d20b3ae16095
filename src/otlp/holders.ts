/** Where the attributes of a batch are: a holder for each resource, scope and row, for `AttributeList` (edit.ts). */
import type { AnyBatch, Fields, PointColumns } from '../model/batch.ts'
import { attributesField, type Holder, holderAt, holderWithin, pointAttributesField, SPAN_EVENT, SPAN_LINK } from './edit.ts'
import { Scan } from './scan.ts'
import { BYTES } from './wire.ts'

export function resourceHolder(batch: AnyBatch, i: number): Holder {
  const { from, to } = batch.resources
  return holderWithin(batch.raw.bytes(), from[i]!, to[i]!, 'resource')
}

export function scopeHolder(batch: AnyBatch, i: number): Holder {
  const { from, to } = batch.scopes
  return holderWithin(batch.raw.bytes(), from[i]!, to[i]!, 'scope')
}

/** Rows of one kind, and the field number of their attributes. */
export interface RowGroup {
  readonly rows: Fields
  readonly field: number
  readonly points: PointColumns | undefined
}

/** Data points in four groups, spans or log records in one. */
export function rowGroups(batch: AnyBatch): readonly RowGroup[] {
  if (batch.signal === 'traces') return [{ rows: batch.spans, field: attributesField.span, points: undefined }]
  if (batch.signal === 'logs') return [{ rows: batch.records, field: attributesField.record, points: undefined }]
  const groups = [batch.numbers, batch.histograms, batch.exponentials, batch.summaries]
  return groups.map((points, i) => ({ rows: points, field: pointAttributesField[i]!, points }))
}

export function rowHolder(batch: AnyBatch, { rows, field }: RowGroup, i: number): Holder {
  return holderAt(batch.raw.bytes(), rows.from[i]!, rows.to[i]!, field)
}

/** The events, or links, of the span that is the field in `[from, to)`: calls `visit` with each one's field. */
export function eachOfSpan(
  bytes: Uint8Array,
  from: number,
  to: number,
  which: 'event' | 'link',
  visit: (from: number, to: number) => void,
): void {
  const span = new Scan().over(bytes, from, to)
  span.next()
  const number = which === 'event' ? SPAN_EVENT : SPAN_LINK
  const inside = new Scan().over(bytes, span.start, span.end)
  while (inside.next()) if (inside.number === number && inside.wire === BYTES) visit(inside.from, inside.end)
}
