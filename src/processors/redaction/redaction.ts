import { ByteVerdicts } from '../../lib/byte-verdicts.ts'
import type { AnyBatch, LogBatch } from '../../model/batch.ts'
import { AttributeList, attributesField, bytesField, type Change, GONE, type Holder, holderAt, SPAN_EVENT } from '../../otlp/edit.ts'
import { type RowGroup, resourceHolder, rowGroups, rowHolder, scopeHolder } from '../../otlp/holders.ts'
import { AttributeScan, PlainAttribute, plainText, Scan } from '../../otlp/scan.ts'
import { encodeValue, textOf, valueType } from '../../otlp/value.ts'
import { BYTES, readText } from '../../otlp/wire.ts'
import { SeriesVerdicts } from '../../ottl/verdicts.ts'
import { Before } from './before.ts'
import { Body } from './body.ts'
import type { Fate, Rules } from './rules.ts'
import { Summary } from './summary.ts'

const STAYS = 1
const CHANGES = 2
/** of a key: what its value hides tells; what key and value are together tells */
const BY_VALUE = 3
const BY_BOTH = 4
/** of a key: the verdict on values that are texts, and behind it that on others */
const OTHERS = 3
const TEXTS = (1 << OTHERS) - 1
/** [bytes] To ask whether a text hides something costs less, up to here, than to remember that it does not: and most that are short never come again. */
const SHORT = 40
const nothing: DataView = new DataView(new ArrayBuffer())
/** [attributes] of one row that are compared with those of the row before */
const ATTRIBUTES = 32

/**
 * The changes that the rules make to a batch. Nearly always there are none, so that is what is found out cheaply: of a data point once for its series, of
 * every other attribute by its key, once, and by the bytes of its value: short texts each time, all else once, as long as it is remembered.
 */
export class Redaction {
  readonly #rules: Rules
  readonly #series = new SeriesVerdicts()
  /** whole attributes, and whole bodies: apart, since the same bytes mean something else */
  readonly #seen: ByteVerdicts
  readonly #bodies: ByteVerdicts
  readonly #keys: ByteVerdicts
  readonly #plain = new PlainAttribute()
  /** of spans, or records; behind them of their events */
  readonly #before = new Before(2 * ATTRIBUTES)
  /** of the batch that is looked at: four bytes at a step */
  #view = nothing
  readonly #row = new Scan()
  readonly #fields = new Scan()
  readonly #inner = new Scan()
  readonly #attribute = new AttributeScan()
  readonly #body: Body

  constructor(rules: Rules, cacheSize: number) {
    this.#rules = rules
    this.#seen = new ByteVerdicts(cacheSize)
    this.#bodies = new ByteVerdicts(cacheSize >> 2)
    this.#keys = new ByteVerdicts(cacheSize >> 4)
    this.#body = new Body(rules)
  }

  get resets(): number {
    return this.#seen.resets + this.#bodies.resets + this.#keys.resets
  }

  changes(batch: AnyBatch): Change[] {
    const changes: Change[] = []
    const { resources, scopes } = batch
    const bytes = batch.raw.bytes()
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#before.begin()
    for (let i = 0; i < resources.length; i++) {
      if (this.#partMatters(bytes, resources.from[i]!, resources.to[i]!, attributesField.resource))
        this.#editAt(resourceHolder(batch, i), changes)
    }
    for (let i = 0; i < scopes.length; i++) {
      if (this.#partMatters(bytes, scopes.from[i]!, scopes.to[i]!, attributesField.scope)) this.#editAt(scopeHolder(batch, i), changes)
    }
    for (const group of rowGroups(batch)) {
      if (batch.signal === 'metrics') this.#points(batch, group, changes)
      else if (batch.signal === 'logs') this.#records(batch, group, changes)
      else this.#spans(batch, group, changes)
    }
    this.#view = nothing
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

  #spans(batch: AnyBatch, group: RowGroup, changes: Change[]): void {
    const { length, from, to } = group.rows
    const bytes = batch.raw.bytes()
    for (let i = 0; i < length; i++)
      if (this.#spanMatters(bytes, from[i]!, to[i]!, changes)) this.#editAt(rowHolder(batch, group, i), changes)
  }

  /** One walk over the span: attributes, and events, in which there are more. What events become is a change already; whether its own must be looked at is told. */
  #spanMatters(bytes: Uint8Array, from: number, to: number, changes: Change[]): boolean {
    const row = this.#row.over(bytes, from, to)
    if (!row.next()) return false
    let matters = false
    let order = 0
    const at = this.#fields.over(bytes, row.start, row.end)
    while (at.next()) {
      if (at.wire !== BYTES) continue
      if (at.number === attributesField.span) matters ||= this.#attributeMatters(bytes, at, order++)
      else if (at.number === SPAN_EVENT && this.#anyMatters(bytes, at.start, at.end, attributesField.event, ATTRIBUTES))
        this.#editAt(holderAt(bytes, at.from, at.end, attributesField.event), changes)
    }
    return matters
  }

  #records(batch: LogBatch, group: RowGroup, changes: Change[]): void {
    const { length, from, to } = group.rows
    const { bodyFrom, bodyTo } = batch.records
    const bytes = batch.raw.bytes()
    for (let i = 0; i < length; i++) {
      const attributes = this.#matters(bytes, from[i]!, to[i]!, group.field)
      const hasBody = bodyTo[i]! > bodyFrom[i]! && this.#bodyMatters(bytes, bodyFrom[i]!, bodyTo[i]!)
      if (attributes || hasBody) this.#editRecord(batch, group, i, attributes, hasBody, changes)
    }
  }

  #editRecord(batch: LogBatch, group: RowGroup, i: number, attributes: boolean, hasBody: boolean, changes: Change[]): void {
    const list = new AttributeList(rowHolder(batch, group, i))
    if (attributes) this.#apply(list)
    if (hasBody) {
      const bytes = batch.raw.bytes()
      const { bodyFrom, bodyTo } = batch.records
      const edited = this.#body.edit(bytes.subarray(bodyFrom[i]!, bodyTo[i]!), list)
      if (edited !== undefined) replaceBody(bytes, group.rows.from[i]!, group.rows.to[i]!, edited, changes)
    }
    list.changes(changes)
  }

  #bodyMatters(bytes: Uint8Array, from: number, to: number): boolean {
    // A text with nothing to mask stays, allowed or not.
    const text = plainText(bytes, from, to)
    if (text >= 0 && this.#rules.hides(bytes, text, to) === false) return false
    let verdict = this.#bodies.find(this.#view, from, to)
    if (verdict === 0) {
      // Of a body that is only counted, as of one that is masked, more must be known than its bytes tell.
      const list = new AttributeList({ bytes: GONE, pieces: [], field: 1, number: 1, within: undefined })
      const changes = this.#body.edit(bytes.subarray(from, to), list) !== undefined || list.changed
      verdict = changes ? CHANGES : STAYS
      this.#bodies.remember(this.#view, from, to, verdict)
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

  #anyMatters(bytes: Uint8Array, start: number, end: number, field: number, first = 0): boolean {
    let order = first
    const at = this.#inner.over(bytes, start, end)
    while (at.next()) {
      if (at.number === field && at.wire === BYTES && this.#attributeMatters(bytes, at, order++)) return true
    }
    return false
  }

  /** Whether the attribute that is this field must be looked at. */
  #attributeMatters(bytes: Uint8Array, { from, start, end, number }: Scan, order: number): boolean {
    if (this.#before.same(this.#view, start, end, order)) return false
    const matters = this.#judged(bytes, from, start, end, number)
    if (!matters) this.#before.keep(start, end, order)
    return matters
  }

  #judged(bytes: Uint8Array, from: number, start: number, end: number, number: number): boolean {
    const plain = this.#plain
    let byValue = false
    if (plain.read(bytes, start, end)) {
      const ofKey = this.#ofKey(bytes, plain.keyFrom, plain.keyTo)
      const verdict = plain.isText ? ofKey & TEXTS : ofKey >> OTHERS
      if (verdict < BY_VALUE) return verdict === CHANGES
      byValue = verdict === BY_VALUE
    }
    const isShort = plain.textTo - plain.textFrom <= SHORT
    if (byValue && isShort && this.#hidesNothing(bytes)) return false
    let verdict = this.#seen.find(this.#view, start, end)
    if (verdict === 0) {
      const at = this.#attribute.over(bytes, from, end, number)
      if (byValue && !isShort && this.#hidesNothing(bytes)) verdict = STAYS
      else verdict = at.next() ? this.#verdict(bytes, at) : STAYS
      this.#seen.remember(this.#view, start, end, verdict)
    }
    return verdict === CHANGES
  }

  /** Of the text that was read last. */
  #hidesNothing(bytes: Uint8Array): boolean {
    return this.#rules.hides(bytes, this.#plain.textFrom, this.#plain.textTo) === false
  }

  #ofKey(bytes: Uint8Array, from: number, to: number): number {
    let known = this.#keys.find(this.#view, from, to)
    if (known === 0) {
      known = this.#judgedKey(readText(bytes, from, to))
      this.#keys.remember(this.#view, from, to, known)
    }
    return known
  }

  #judgedKey(key: string): number {
    const rules = this.#rules
    const withoutText = this.#verdictOf(rules.fate(key, ''))
    if (rules.ignores(key) || rules.redacts(key)) return withoutText | (withoutText << OTHERS)
    // Where it is told what was allowed, a value is more than what it hides.
    const byValue = !rules.masksKey(key) && (rules.summary === 'silent' || !rules.allowsAny)
    return (byValue ? BY_VALUE : BY_BOTH) | ((rules.allTypes ? BY_BOTH : withoutText) << OTHERS)
  }

  #verdict(bytes: Uint8Array, { keyFrom, keyTo, valueFrom, valueTo }: AttributeScan): number {
    return this.#verdictOf(this.#rules.fate(readText(bytes, keyFrom, keyTo), this.#text(bytes, valueFrom, valueTo)))
  }

  #verdictOf(fate: Fate): number {
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
