import { ByteVerdicts } from '../../lib/byte-verdicts.ts'
import type { AnyBatch, LogBatch } from '../../model/batch.ts'
import { AttributeList, attributesField, bytesField, type Change, GONE, type Holder, holderAt, SPAN_EVENT } from '../../otlp/edit.ts'
import { type RowGroup, resourceHolder, rowGroups, rowHolder, scopeHolder } from '../../otlp/holders.ts'
import { AttributeScan, Scan } from '../../otlp/scan.ts'
import { encodeValue, textOf, valueType } from '../../otlp/value.ts'
import { BYTES, readText } from '../../otlp/wire.ts'
import { SeriesVerdicts } from '../../ottl/verdicts.ts'
import { Body } from './body.ts'
import type { Rules } from './rules.ts'
import { Summary } from './summary.ts'

const STAYS = 1
const CHANGES = 2

/**
 * The changes that the rules make to a batch. Nearly always there are none, so that is what is found out cheaply: of a data point once for its series, of
 * every other attribute once for its bytes, as long as they are remembered.
 */
export class Redaction {
  readonly #rules: Rules
  readonly #series = new SeriesVerdicts()
  /** whole attributes, and whole bodies: apart, since the same bytes mean something else */
  readonly #seen: ByteVerdicts
  readonly #bodies: ByteVerdicts
  readonly #row = new Scan()
  readonly #fields = new Scan()
  readonly #inner = new Scan()
  readonly #attribute = new AttributeScan()
  readonly #body: Body

  constructor(rules: Rules, cacheSize: number) {
    this.#rules = rules
    this.#seen = new ByteVerdicts(cacheSize)
    this.#bodies = new ByteVerdicts(cacheSize >> 2)
    this.#body = new Body(rules)
  }

  get resets(): number {
    return this.#seen.resets + this.#bodies.resets
  }

  changes(batch: AnyBatch): Change[] {
    const changes: Change[] = []
    const { resources, scopes } = batch
    const bytes = batch.raw.bytes()
    for (let i = 0; i < resources.length; i++) {
      if (this.#partMatters(bytes, resources.from[i]!, resources.to[i]!, attributesField.resource))
        this.#editAt(resourceHolder(batch, i), changes)
    }
    for (let i = 0; i < scopes.length; i++) {
      if (this.#partMatters(bytes, scopes.from[i]!, scopes.to[i]!, attributesField.scope)) this.#editAt(scopeHolder(batch, i), changes)
    }
    for (const group of rowGroups(batch)) {
      if (batch.signal === 'metrics') this.#points(batch, group, changes)
      else for (let i = 0; i < group.rows.length; i++) this.#rowOf(batch, group, i, changes)
    }
    return changes
  }

  #points(batch: AnyBatch, group: RowGroup, changes: Change[]): void {
    const { series } = group.points!
    const { from, to } = group.rows
    const bytes = batch.raw.bytes()
    for (let i = 0; i < group.rows.length; i++) {
      let verdict = this.#series.find(batch.dictionary, series[i]!)
      if (verdict === 0) {
        const matters = this.#matters(bytes, from[i]!, to[i]!, group.field)
        verdict = this.#series.remember(batch.dictionary, series[i]!, matters ? CHANGES : STAYS)
      }
      if (verdict === CHANGES) this.#editAt(rowHolder(batch, group, i), changes)
    }
  }

  #rowOf(batch: AnyBatch, group: RowGroup, i: number, changes: Change[]): void {
    if (batch.signal === 'logs') this.#record(batch, group, i, changes)
    else this.#span(batch, group, i, changes)
  }

  /** One walk over the span: attributes, and events, in which there are more. */
  #span(batch: AnyBatch, group: RowGroup, i: number, changes: Change[]): void {
    const bytes = batch.raw.bytes()
    const row = this.#row.over(bytes, group.rows.from[i]!, group.rows.to[i]!)
    if (!row.next()) return
    let matters = false
    const at = this.#fields.over(bytes, row.start, row.end)
    while (at.next()) {
      if (at.wire !== BYTES) continue
      if (at.number === attributesField.span) matters ||= this.#attributeMatters(bytes, at)
      else if (at.number === SPAN_EVENT && this.#anyMatters(bytes, at.start, at.end, attributesField.event))
        this.#editAt(holderAt(bytes, at.from, at.end, attributesField.event), changes)
    }
    if (matters) this.#editAt(rowHolder(batch, group, i), changes)
  }

  #record(batch: LogBatch, group: RowGroup, i: number, changes: Change[]): void {
    const bytes = batch.raw.bytes()
    const { bodyFrom, bodyTo } = batch.records
    const attributes = this.#matters(bytes, group.rows.from[i]!, group.rows.to[i]!, group.field)
    const hasBody = bodyTo[i]! > bodyFrom[i]! && this.#bodyMatters(bytes, bodyFrom[i]!, bodyTo[i]!)
    if (!attributes && !hasBody) return
    const list = new AttributeList(rowHolder(batch, group, i))
    if (attributes) this.#apply(list)
    if (hasBody) {
      const edited = this.#body.edit(bytes.subarray(bodyFrom[i]!, bodyTo[i]!), list)
      if (edited !== undefined) replaceBody(bytes, group.rows.from[i]!, group.rows.to[i]!, edited, changes)
    }
    list.changes(changes)
  }

  #bodyMatters(bytes: Uint8Array, from: number, to: number): boolean {
    let verdict = this.#bodies.find(bytes, from, to)
    if (verdict === 0) {
      // Of a body that is only counted, as of one that is masked, more must be known than its bytes tell.
      const list = new AttributeList({ bytes: GONE, pieces: [], field: 1, number: 1, within: undefined })
      const changes = this.#body.edit(bytes.subarray(from, to), list) !== undefined || list.changed
      verdict = changes ? CHANGES : STAYS
      this.#bodies.remember(bytes, from, to, verdict)
    }
    return verdict === CHANGES
  }

  #editAt(holder: Holder, changes: Change[]): void {
    const list = new AttributeList(holder)
    this.#apply(list)
    list.changes(changes)
  }

  /** Whether an attribute of the Resource, or scope, of the entry that is the field in `[from, to)` must be looked at: it may come in pieces. */
  #partMatters(bytes: Uint8Array, from: number, to: number, field: number): boolean {
    const entry = this.#row.over(bytes, from, to)
    if (!entry.next()) return false
    const part = this.#fields.over(bytes, entry.start, entry.end)
    while (part.next()) if (part.number === 1 && part.wire === BYTES && this.#anyMatters(bytes, part.start, part.end, field)) return true
    return false
  }

  /** Whether an attribute of the message that is the field in `[from, to)` must be looked at. */
  #matters(bytes: Uint8Array, from: number, to: number, field: number): boolean {
    const row = this.#row.over(bytes, from, to)
    return row.next() && this.#anyMatters(bytes, row.start, row.end, field)
  }

  #anyMatters(bytes: Uint8Array, start: number, end: number, field: number): boolean {
    const at = this.#inner.over(bytes, start, end)
    while (at.next()) {
      if (at.number === field && at.wire === BYTES && this.#attributeMatters(bytes, at)) return true
    }
    return false
  }

  /** Whether the attribute that is this field must be looked at. */
  #attributeMatters(bytes: Uint8Array, { from, start, end, number }: Scan): boolean {
    let verdict = this.#seen.find(bytes, start, end)
    if (verdict === 0) {
      const at = this.#attribute.over(bytes, from, end, number)
      verdict = at.next() ? this.#verdict(bytes, at) : STAYS
      this.#seen.remember(bytes, start, end, verdict)
    }
    return verdict === CHANGES
  }

  #verdict(bytes: Uint8Array, { keyFrom, keyTo, valueFrom, valueTo }: AttributeScan): number {
    const fate = this.#rules.fate(readText(bytes, keyFrom, keyTo), this.#text(bytes, valueFrom, valueTo))
    if (fate === 'stays') return STAYS
    // What is left as it is matters only where it is counted.
    return this.#rules.summary === 'silent' && (fate === 'ignored' || fate === 'allowed') ? STAYS : CHANGES
  }

  #text(bytes: Uint8Array, from: number, to: number): string {
    return this.#rules.allTypes || valueType(bytes, from, to) === 'string' ? textOf(bytes, from, to) : ''
  }

  #apply(list: AttributeList): void {
    const summary = new Summary(this.#rules.summary)
    const rules = this.#rules
    list.each((key, value) => {
      const text = this.#text(value, 0, value.length)
      const fate = rules.fate(key, text)
      if (fate === 'stays') return undefined
      summary[fate].push(key)
      if (fate === 'redacted') return GONE
      if (fate !== 'masked') return undefined
      return encodeValue(rules.masksKey(key) ? rules.maskedWhole(text) : rules.masked(text))
    })
    summary.tell(list, 'redaction')
  }
}

/** The last body field of the record becomes this one; what others there were goes. */
function replaceBody(bytes: Uint8Array, from: number, to: number, value: Uint8Array, changes: Change[]): void {
  const record = new Scan().over(bytes, from, to)
  record.next()
  const fields: { from: number; to: number }[] = []
  for (const at = new Scan().over(bytes, record.start, record.end); at.next(); )
    if (at.number === 5 && at.wire === BYTES) fields.push({ from: at.from, to: at.end })
  for (const [i, field] of fields.entries()) changes.push({ ...field, bytes: i === fields.length - 1 ? bytesField(5, value) : GONE })
}
