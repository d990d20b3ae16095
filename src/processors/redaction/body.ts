/** Bodies of log records: texts, and maps and lists all the way down. */
import { AttributeList, bytesField, GONE, spliced } from '../../otlp/edit.ts'
import { Scan } from '../../otlp/scan.ts'
import { encodeValue, textOf, valueType } from '../../otlp/value.ts'
import { BYTES } from '../../otlp/wire.ts'
import type { Rules } from './rules.ts'
import { Summary } from './summary.ts'

/** [values in values] What is nested deeper is left as it is: a hostile body must not overflow the stack. */
const MAX_DEPTH = 64
const ARRAY = 5
const MAP = 6

export class Body {
  readonly #rules: Rules
  constructor(rules: Rules) {
    this.#rules = rules
  }

  /** The AnyValue that the body becomes, or undefined where it stays; what was done is told in the record's attributes. */
  edit(value: Uint8Array, attributes: AttributeList): Uint8Array | undefined {
    const summary = new Summary(this.#rules.summary)
    const type = valueType(value, 0, value.length)
    if (type === 'map' || type === 'array') {
      const edited = this.#compound(value, type, '', summary, 0)
      summary.tell(attributes, 'redaction.body')
      return edited
    }
    const text = textOf(value, 0, value.length)
    // As in the Collector, a body that is allowed is not counted.
    if (this.#rules.allows(text)) return undefined
    const masked = this.#rules.masked(text)
    if (masked === text) return undefined
    summary.masked.push('body')
    summary.tell(attributes, 'redaction.body')
    return encodeValue(masked)
  }

  #value(value: Uint8Array, path: string, summary: Summary, depth: number): Uint8Array | undefined {
    const type = valueType(value, 0, value.length)
    if (type === 'map' || type === 'array') return depth > MAX_DEPTH ? undefined : this.#compound(value, type, path, summary, depth)
    const text = textOf(value, 0, value.length)
    if (this.#rules.allows(text)) {
      summary.allowed.push(path)
      return undefined
    }
    const masked = this.#rules.masked(text)
    if (masked === text) return undefined
    summary.masked.push(path)
    return encodeValue(masked)
  }

  #compound(value: Uint8Array, type: 'map' | 'array', path: string, summary: Summary, depth: number): Uint8Array | undefined {
    const number = type === 'map' ? MAP : ARRAY
    const inside = lastOf(value, number)
    const edited = type === 'map' ? this.#map(inside, path, summary, depth) : this.#array(inside, path, summary, depth)
    return edited === undefined ? undefined : bytesField(number, edited)
  }

  #map(inside: Uint8Array, path: string, summary: Summary, depth: number): Uint8Array | undefined {
    const rules = this.#rules
    const list = new AttributeList({
      bytes: inside,
      pieces: [{ start: 0, end: inside.length, from: 0 }],
      field: 1,
      number: 1,
      within: undefined,
    })
    list.each((key, value) => {
      const here = path === '' ? key : `${path}.${key}`
      if (rules.ignores(key)) {
        summary.ignored.push(here)
        return undefined
      }
      if (rules.redacts(key)) {
        summary.redacted.push(here)
        return GONE
      }
      if (rules.masksKey(key)) {
        summary.masked.push(here)
        const isText = valueType(value, 0, value.length) === 'string'
        return encodeValue(rules.maskedWhole(isText ? textOf(value, 0, value.length) : ''))
      }
      return this.#value(value, here, summary, depth + 1)
    })
    return list.changed ? spliced(inside, list) : undefined
  }

  #array(inside: Uint8Array, path: string, summary: Summary, depth: number): Uint8Array | undefined {
    const parts: Uint8Array[] = []
    let index = 0
    let changed = false
    for (const at = new Scan().over(inside, 0, inside.length); at.next(); ) {
      const isValue = at.number === 1 && at.wire === BYTES
      const here = path === '' ? `[${index}]` : `${path}.[${index}]`
      if (isValue) index++
      const edited = isValue ? this.#value(inside.subarray(at.start, at.end), here, summary, depth + 1) : undefined
      changed ||= edited !== undefined
      parts.push(edited === undefined ? inside.subarray(at.from, at.end) : bytesField(1, edited))
    }
    return changed ? Buffer.concat(parts) : undefined
  }
}

function lastOf(value: Uint8Array, number: number): Uint8Array {
  let found = GONE
  for (const at = new Scan().over(value, 0, value.length); at.next(); )
    if (at.number === number && at.wire === BYTES) found = value.subarray(at.start, at.end)
  return found
}
