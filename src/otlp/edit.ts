/**
 * Requests with some of their bytes changed. A change names whole fields, wherever they lie, and what shall stand there instead; all
 * other bytes leave as they came, unknown fields included, and only the lengths of what encloses a change are written anew.
 *
 *     const list = attributesOfSpan(bytes, from, to)     where the attributes are
 *     if (list.put('k', encodeValue('v'))) …              what shall be
 *     list.changes(changes)                               as changes
 *     rewrite('traces', bytes, changes)                   as a request
 */
import type { Signal } from '../model/signal.ts'
import { dataOf, leadsOn, levels, METRIC } from './cut.ts'
import { Scan } from './scan.ts'
import { BYTES, Cursor, concatenated, fieldHead, readText } from './wire.ts'

/** The fields in `[from, to)` become `bytes`; none: they go. Where `from` is `to`, `bytes` come before the field that begins there. */
export interface Change {
  readonly from: number
  readonly to: number
  readonly bytes: Uint8Array
}
export const GONE: Uint8Array = new Uint8Array()

/**
 * The request with all of `changes`, in any order; they must not overlap. A metric, scope or resource that loses its last row, because
 * that row (or what encloses it) goes, goes with it. `bytes` must have been read: where no decoder has looked and nothing can be read,
 * they leave as they came.
 */
export function rewrite(signal: Signal, bytes: Uint8Array, changes: readonly Change[]): Uint8Array {
  if (changes.length === 0) return bytes
  const sorted = changes.toSorted((a, b) => a.from - b.from || a.to - b.to)
  return new Rewriter(signal, sorted).whole(bytes)
}

/** What a message becomes: pieces, their length together, and whether a row was lost in it. */
interface Rewritten {
  readonly pieces: Uint8Array[]
  size: number
  lost: boolean
}

/** [level] of messages that do not lead to rows */
const ASIDE = -1

class Rewriter {
  readonly #signal: Signal
  readonly #changes: readonly Change[]
  /** [levels] of messages that lead to rows */
  readonly #rows: number
  /** index of the change that comes next */
  #next = 0

  constructor(signal: Signal, changes: readonly Change[]) {
    this.#signal = signal
    this.#changes = changes
    this.#rows = levels[signal].length
  }

  whole(bytes: Uint8Array): Uint8Array {
    const { pieces, size } = this.#message(bytes, 0, bytes.length, 0)
    return concatenated(pieces, size)
  }

  #message(bytes: Uint8Array, start: number, end: number, level: number): Rewritten {
    const data = dataAt(this.#signal, level, bytes, start, end)
    const result: Rewritten = { pieces: [], size: 0, lost: false }
    // Neighbours that stay are one piece.
    let from = start
    const flush = (to: number) => {
      if (from < to) add(result, bytes.subarray(from, to))
    }
    this.#insert(result, start)
    for (const at = new Scan().over(bytes, start, end); at.next(); ) {
      let change = this.#changes[this.#next]
      if (change !== undefined && change.to === at.from) {
        flush(at.from)
        from = at.from
        change = this.#insert(result, at.from)
      }
      if (change === undefined || change.from >= at.end) continue
      flush(at.from)
      from = at.end
      const leads = level !== ASIDE && level < this.#rows && leadsOn(at, this.#signal, level, data)
      if (change.from === at.from) {
        add(result, change.bytes)
        result.lost ||= leads && change.bytes.length === 0
        this.#next++
        while (at.end < change.to && at.next());
        from = at.end
        continue
      }
      const inner = this.#message(bytes, at.start, at.end, leads ? level + 1 : ASIDE)
      if (leads && inner.lost) {
        result.lost = true
        // A metric's data may be in pieces, and each of them says something about all points.
        const isData = this.#signal === 'metrics' && level === METRIC
        if (!isData && !this.#hasRows(inner.pieces, level + 1)) continue
      }
      add(result, fieldHead(at.number, inner.size))
      for (const piece of inner.pieces) add(result, piece)
    }
    flush(end)
    // What lies behind bytes that cannot be read stays as it is.
    while (this.#next < this.#changes.length && this.#changes[this.#next]!.from < end) this.#next++
    return result
  }

  /** @returns the change that comes next */
  #insert(result: Rewritten, at: number): Change | undefined {
    let change = this.#changes[this.#next]
    for (; change !== undefined && change.from === at && change.to === at; change = this.#changes[++this.#next]) add(result, change.bytes)
    return change
  }

  /** Whether what is left of a message of that level has rows. */
  #hasRows(pieces: readonly Uint8Array[], level: number): boolean {
    const bytes = Buffer.concat(pieces)
    return hasRows(this.#signal, level, bytes, 0, bytes.length)
  }
}

function hasRows(signal: Signal, level: number, bytes: Uint8Array, start: number, end: number): boolean {
  const data = dataAt(signal, level, bytes, start, end)
  for (const at = new Scan().over(bytes, start, end); at.next(); ) {
    if (!leadsOn(at, signal, level, data)) continue
    if (level === levels[signal].length - 1 || hasRows(signal, level + 1, bytes, at.start, at.end)) return true
  }
  return false
}

const dataAt = (signal: Signal, level: number, bytes: Uint8Array, start: number, end: number) =>
  signal === 'metrics' && level === METRIC ? dataOf(new Cursor(bytes, start, end)) : undefined

function add(result: Rewritten, piece: Uint8Array): void {
  if (piece.length === 0) return
  result.pieces.push(piece)
  result.size += piece.length
}

/** A field of bytes: text, or a message. */
export function bytesField(number: number, ...content: readonly Uint8Array[]): Uint8Array {
  let size = 0
  for (const part of content) size += part.length
  const front = fieldHead(number, size)
  const result = new Uint8Array(front.length + size)
  result.set(front)
  let at = front.length
  for (const part of content) {
    result.set(part, at)
    at += part.length
  }
  return result
}

const utf8 = new TextEncoder()
export const textField = (number: number, text: string): Uint8Array => bytesField(number, utf8.encode(text))

/** One attribute as it lies in the bytes, and what shall become of it. Nothing is decoded or copied before it is asked for. */
class Slot {
  readonly #bytes: Uint8Array
  /** the field; -1 where it is new */
  readonly from: number
  readonly to: number
  /** the inside of its KeyValue message */
  readonly start: number
  readonly #keyFrom: number
  readonly #keyTo: number
  #key: string | undefined
  #value: Uint8Array | undefined
  state: 'as it was' | 'changed' | 'gone'

  private constructor(bytes: Uint8Array, from: number, to: number, start: number, keyFrom: number, keyTo: number) {
    this.#bytes = bytes
    this.from = from
    this.to = to
    this.start = start
    this.#keyFrom = keyFrom
    this.#keyTo = keyTo
    this.state = from < 0 ? 'changed' : 'as it was'
  }

  static read(bytes: Uint8Array, field: Scan): Slot {
    let keyFrom = field.start
    let keyTo = field.start
    for (const at = inside.over(bytes, field.start, field.end); at.next(); ) {
      if (at.number !== 1 || at.wire !== BYTES) continue
      keyFrom = at.start
      keyTo = at.end
    }
    return new Slot(bytes, field.from, field.end, field.start, keyFrom, keyTo)
  }

  static added(key: string, value: Uint8Array): Slot {
    const slot = new Slot(GONE, -1, -1, -1, 0, 0)
    slot.#key = key
    slot.#value = value
    return slot
  }

  get key(): string {
    return (this.#key ??= readText(this.#bytes, this.#keyFrom, this.#keyTo))
  }

  /** The inside of its AnyValue, a view; pieces of it merge by concatenation. */
  get value(): Uint8Array {
    if (this.#value !== undefined) return this.#value
    let value = GONE
    for (const at = inside.over(this.#bytes, this.start, this.to); at.next(); ) {
      if (at.number !== 2 || at.wire !== BYTES) continue
      const piece = this.#bytes.subarray(at.start, at.end)
      value = value.length === 0 ? piece : joined([value, piece])
    }
    return (this.#value = value)
  }
  set value(value: Uint8Array) {
    this.#value = value
  }

  /** Whether its key is this one, which is given as text and as bytes. */
  is(key: string, utf8Key: Uint8Array): boolean {
    if (this.#key !== undefined) return this.#key === key
    const length = this.#keyTo - this.#keyFrom
    if (length !== utf8Key.length) return false
    for (let i = 0; i < length; i++) if (this.#bytes[this.#keyFrom + i] !== utf8Key[i]) return false
    return true
  }
}

const inside = new Scan()
const outside = new Scan()

/** Keys that were asked for, as bytes: those of configurations, so few; past the bound all are forgotten. */
const keys = new Map<string, Uint8Array>()
const MAX_KEYS = 1_000
function keyBytes(key: string): Uint8Array {
  let found = keys.get(key)
  if (found === undefined) {
    if (keys.size >= MAX_KEYS) keys.clear()
    found = utf8.encode(key)
    keys.set(key, found)
  }
  return found
}

/** A message that has attributes, in as many pieces as it came. */
export interface Holder {
  readonly bytes: Uint8Array
  /** the insides of its pieces */
  readonly pieces: readonly { readonly start: number; readonly end: number; readonly from: number }[]
  /** the field number of its attributes */
  readonly field: number
  /** its own field number */
  readonly number: number
  /** the message that it is or would be in: the field, and where its inside begins; undefined where it is certainly there */
  readonly within: { readonly number: number; readonly from: number; readonly start: number; readonly end: number } | undefined
}

/**
 * The attributes of one message, to be looked at and changed. As in the Collector the first of several equal keys counts, and a value
 * is the inside of an AnyValue, so that it is carried from one attribute to another as it is.
 */
export class AttributeList {
  readonly #holder: Holder
  readonly #slots: Slot[] = []
  #changed = false

  constructor(holder: Holder) {
    this.#holder = holder
    const { bytes, pieces, field } = holder
    for (const { start, end } of pieces) {
      for (const at = outside.over(bytes, start, end); at.next(); ) {
        if (at.number === field && at.wire === BYTES) this.#slots.push(Slot.read(bytes, at))
      }
    }
  }

  get changed(): boolean {
    return this.#changed
  }

  /** [attributes] */
  get length(): number {
    return this.#slots.length
  }

  /** In order, without what is gone. Changing while walking is fine. */
  *keys(): Generator<string> {
    for (const slot of this.#slots.slice()) if (slot.state !== 'gone') yield slot.key
  }

  get(key: string): Uint8Array | undefined {
    return this.#find(key)?.value
  }

  /** Sets the attribute, or adds it behind the others. @returns whether that changes anything */
  put(key: string, value: Uint8Array): boolean {
    const slot = this.#find(key)
    if (slot === undefined) this.#slots.push(Slot.added(key, value))
    else if (Buffer.compare(slot.value, value) === 0) return false
    else {
      slot.value = value
      slot.state = 'changed'
    }
    return (this.#changed = true)
  }

  remove(key: string): boolean {
    const slot = this.#find(key)
    if (slot === undefined) return false
    slot.state = 'gone'
    return (this.#changed = true)
  }

  /** Every attribute, equal keys included, as a pair of key and value; what `visit` returns is the value from then on, GONE removes it. */
  each(visit: (key: string, value: Uint8Array) => Uint8Array | undefined): void {
    for (const slot of this.#slots) {
      if (slot.state === 'gone') continue
      const next = visit(slot.key, slot.value)
      if (next === undefined || next === slot.value) continue
      this.#changed = true
      slot.state = next === GONE ? 'gone' : 'changed'
      slot.value = next
    }
  }

  /** What `rewrite` shall do; nothing where nothing changed. */
  changes(into: Change[]): void {
    if (!this.#changed) return
    const { bytes, pieces, number, within } = this.#holder
    const added: Uint8Array[] = []
    let last: Slot | undefined
    for (const slot of this.#slots) {
      if (slot.from >= 0) last = slot
      else if (slot.state === 'changed') added.push(this.#field(slot))
    }
    for (const slot of this.#slots) {
      if (slot.from < 0) continue
      const behind = slot === last ? added : []
      if (slot.state === 'as it was' && behind.length === 0) continue
      const own = slot.state === 'gone' ? GONE : slot.state === 'changed' ? this.#field(slot) : bytes.subarray(slot.from, slot.to)
      into.push({ from: slot.from, to: slot.to, bytes: joined([own, ...behind]) })
    }
    if (last !== undefined || added.length === 0) return
    const piece = pieces[0]
    if (piece === undefined) {
      if (within === undefined) return
      const { from, start, end } = within
      const own = bytesField(number, ...added)
      into.push(start === end ? { from, to: end, bytes: bytesField(within.number, own) } : { from: start, to: start, bytes: own })
    } else if (piece.start === piece.end) into.push({ from: piece.from, to: piece.end, bytes: bytesField(number, ...added) })
    else into.push({ from: piece.start, to: piece.start, bytes: joined(added) })
  }

  #find(key: string): Slot | undefined {
    const bytes = keyBytes(key)
    for (const slot of this.#slots) if (slot.state !== 'gone' && slot.is(key, bytes)) return slot
    return undefined
  }

  /** The KeyValue with its new value, and all that it had besides. */
  #field({ key, start, to, value }: Slot): Uint8Array {
    const { bytes, field } = this.#holder
    if (start < 0) return bytesField(field, bytesField(1, keyBytes(key)), bytesField(2, value))
    const kept: Uint8Array[] = []
    for (const at = new Scan().over(bytes, start, to); at.next(); ) {
      if (at.number !== 2 || at.wire !== BYTES) kept.push(bytes.subarray(at.from, at.end))
    }
    return bytesField(field, ...kept, bytesField(2, value))
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts)
}

/** Field numbers of attributes: what holds them. */
export const attributesField = { resource: 1, scope: 3, span: 9, event: 3, link: 4, record: 6 } as const
/** Of data points, in the order of a batch's groups: numbers, histograms, exponential histograms, summaries. */
export const pointAttributesField = [7, 9, 1, 7] as const
export const SPAN_EVENT = 11
export const SPAN_LINK = 13

/** The field in `[from, to)` as a message with attributes: a span, a log record, a data point, an event, a link. */
export function holderAt(bytes: Uint8Array, from: number, to: number, field: number): Holder {
  const at = new Scan().over(bytes, from, to)
  at.next()
  return { bytes, pieces: [{ start: at.start, end: at.end, from }], field, number: at.number, within: undefined }
}

/** The Resource of a resource entry, or the scope of a scope entry, which is the field in `[from, to)`. It may be missing, or in pieces. */
export function holderWithin(bytes: Uint8Array, from: number, to: number, of: 'resource' | 'scope'): Holder {
  const entry = new Scan().over(bytes, from, to)
  entry.next()
  const pieces: { start: number; end: number; from: number }[] = []
  const inside = new Scan().over(bytes, entry.start, entry.end)
  while (inside.next())
    if (inside.number === 1 && inside.wire === BYTES) pieces.push({ start: inside.start, end: inside.end, from: inside.from })
  return {
    bytes,
    pieces,
    field: attributesField[of],
    number: 1,
    within: { number: entry.number, from, start: entry.start, end: entry.end },
  }
}

/** The inside of one message, which is all of `bytes`, with the changes of its attributes. */
export function spliced(bytes: Uint8Array, list: AttributeList): Uint8Array {
  const changes: Change[] = []
  list.changes(changes)
  const pieces: Uint8Array[] = []
  let at = 0
  for (const change of changes) {
    pieces.push(bytes.subarray(at, change.from), change.bytes)
    at = change.to
  }
  return Buffer.concat([...pieces, bytes.subarray(at)])
}
