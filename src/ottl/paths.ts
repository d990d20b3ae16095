/**
 * The paths of conditions: what each stands for, in which context, and how it is read. Columns are read where there is one; the rest is read from
 * the bytes, of which a path touches only its own message.
 */
import type { AttributeValue } from '../model/dictionary.ts'
import { readAttributes, readValue } from '../otlp/attributes.ts'
import { attributesField } from '../otlp/edit.ts'
import { AttributeScan, Scan } from '../otlp/scan.ts'
import { asText } from '../otlp/value.ts'
import { BYTES, FIXED32, FIXED64, readText, readVarint, VARINT } from '../otlp/wire.ts'
import type { Level, Place } from './place.ts'
import type { PathField } from './syntax.ts'
import { Time, type Value } from './value.ts'

export const contexts = ['resource', 'scope', 'span', 'spanevent', 'metric', 'datapoint', 'log'] as const
export type Context = (typeof contexts)[number]

/** What contexts a path in one may speak of, itself first. */
export const visible: Readonly<Record<Context, readonly Context[]>> = {
  resource: ['resource'],
  scope: ['scope', 'resource'],
  span: ['span', 'scope', 'resource'],
  spanevent: ['spanevent', 'span', 'scope', 'resource'],
  metric: ['metric', 'scope', 'resource'],
  datapoint: ['datapoint', 'metric', 'scope', 'resource'],
  log: ['log', 'scope', 'resource'],
}
export const levelOf: Readonly<Record<Context, Level>> = {
  resource: 'resource',
  scope: 'scope',
  metric: 'metric',
  span: 'row',
  datapoint: 'row',
  log: 'row',
  spanevent: 'event',
}

export type Getter = (at: Place) => Value
/** A value that cannot be had: an error of the data, which `error_mode` is about. */
export class ValueError extends Error {
  override readonly name = 'ValueError'
}

/** A path that exists: how to read it, and whether a series (its name and attributes) is all that it depends on. */
export interface Path {
  readonly get: Getter
  readonly identity: boolean
  /** it can be indexed */
  readonly keys: boolean
}

/** Where the inside of a message is. */
type Inside = (at: Place) => readonly [start: number, end: number]

const scan = new Scan()
const inner = new Scan()
const nowhere = [0, 0] as const

function inside(from: number, to: number, bytes: Uint8Array): readonly [number, number] {
  scan.over(bytes, from, to)
  return scan.next() ? [scan.start, scan.end] : nowhere
}

/** The last field of that number within. */
function within(
  bytes: Uint8Array,
  [start, end]: readonly [number, number],
  number: number,
  wire: number,
): readonly [number, number] | undefined {
  let found: readonly [number, number] | undefined
  for (inner.over(bytes, start, end); inner.next(); ) if (inner.number === number && inner.wire === wire) found = [inner.start, inner.end]
  return found
}

const insides: Readonly<Record<Context, Inside>> = {
  resource(at) {
    const { from, to } = at.batch.resources
    return within(at.bytes, inside(from[at.resource]!, to[at.resource]!, at.bytes), 1, BYTES) ?? nowhere
  },
  scope(at) {
    const { from, to } = at.batch.scopes
    return within(at.bytes, inside(from[at.scope]!, to[at.scope]!, at.bytes), 1, BYTES) ?? nowhere
  },
  metric(at) {
    const { from, to } = (at.batch as { metrics?: { from: Uint32Array; to: Uint32Array } }).metrics!
    return inside(from[at.metric]!, to[at.metric]!, at.bytes)
  },
  span: at => inside(at.rowFrom, at.rowTo, at.bytes),
  log: at => inside(at.rowFrom, at.rowTo, at.bytes),
  datapoint: at => inside(at.rowFrom, at.rowTo, at.bytes),
  spanevent: at => inside(at.eventFrom, at.eventTo, at.bytes),
}
/** ResourceMetrics and ScopeMetrics, and their like, whose schema_url is beside the resource or scope. */
const entries: Readonly<Record<'resource' | 'scope', Inside>> = {
  resource: at => inside(at.batch.resources.from[at.resource]!, at.batch.resources.to[at.resource]!, at.bytes),
  scope: at => inside(at.batch.scopes.from[at.scope]!, at.batch.scopes.to[at.scope]!, at.bytes),
}

const plain = (get: Getter, identity = false): Path => ({ get, identity, keys: false })
const text = (of: Inside, number: number, identity = false) =>
  plain(at => {
    const range = within(at.bytes, of(at), number, BYTES)
    return range === undefined ? '' : readText(at.bytes, range[0], range[1])
  }, identity)
const integer = (of: Inside, number: number) =>
  plain(at => {
    const range = within(at.bytes, of(at), number, VARINT)
    return range === undefined ? 0 : near(BigInt.asIntN(64, readVarint(at.bytes, range[0])))
  })
function fixed64(bytes: Uint8Array, range: readonly [number, number] | undefined): bigint {
  return range === undefined ? 0n : new DataView(bytes.buffer, bytes.byteOffset + range[0], 8).getBigUint64(0, true)
}
function double(bytes: Uint8Array, range: readonly [number, number] | undefined): number {
  return range === undefined ? 0 : new DataView(bytes.buffer, bytes.byteOffset + range[0], 8).getFloat64(0, true)
}
const nanos =
  (of: Inside, number: number): Getter =>
  at =>
    near(BigInt.asIntN(64, fixed64(at.bytes, within(at.bytes, of(at), number, FIXED64))))
const time = (of: Inside, number: number): Getter => {
  return at => new Time(BigInt.asIntN(64, fixed64(at.bytes, within(at.bytes, of(at), number, FIXED64))))
}
const times = (name: string, of: Inside, number: number): Record<string, Path> => ({
  [`${name}_unix_nano`]: plain(nanos(of, number)),
  [name]: plain(time(of, number)),
})
const id = (of: Inside, number: number, bytes: number) =>
  plain(at => {
    const range = within(at.bytes, of(at), number, BYTES)
    return range === undefined || range[0] === range[1]
      ? '0'.repeat(2 * bytes)
      : Buffer.from(at.bytes.subarray(range[0], range[1])).toString('hex')
  })

function near(value: bigint): number | bigint {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}

/** `attributes`, and `attributes["key"]`. */
function attributes(of: Inside, field: number, keys: PathField['keys'], identity: boolean): Path {
  const [key, ...rest] = keys
  if (key === undefined) {
    const all: Getter = at => {
      const [start, end] = of(at)
      return Object.fromEntries(readAttributes(at.bytes, start, end, field))
    }
    return { get: all, identity, keys: true }
  }
  const name = new TextEncoder().encode(String(key))
  const scanned = new AttributeScan()
  const get: Getter = at => {
    const [start, end] = of(at)
    for (scanned.over(at.bytes, start, end, field); scanned.next(); ) {
      if (scanned.is(name)) return index(readValue(at.bytes, scanned.valueFrom, scanned.valueTo), rest)
    }
    return index(null, rest)
  }
  return { get, identity, keys: true }
}

/** @throws {ValueError} where a value is no map or list, or the list is too short */
function index(value: AttributeValue, keys: PathField['keys']): Value {
  let found = value
  for (const key of keys) {
    if (found === null) return null
    if (typeof key === 'number') {
      if (!Array.isArray(found)) throw new ValueError(`what is indexed with ${key} is no list`)
      if (key < 0 || key >= found.length) throw new ValueError(`index ${key} is out of a list of ${found.length}`)
      found = found[key] as AttributeValue
    } else {
      if (typeof found !== 'object' || Array.isArray(found) || found instanceof Uint8Array)
        throw new ValueError(`what is indexed with ${JSON.stringify(key)} is no map`)
      found = Object.hasOwn(found, key) ? (found as { readonly [key: string]: AttributeValue })[key]! : null
    }
  }
  return found
}

const kindNames = ['Unspecified', 'Internal', 'Server', 'Client', 'Producer', 'Consumer']
const kindSymbols = ['UNSPECIFIED', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER']

/** A metric's type as the Collector numbers it; its data's field number tells. */
const metricTypes = new Map([
  [5, 1],
  [7, 2],
  [9, 3],
  [10, 4],
  [11, 5],
])
/** The data of a metric: of the oneof the last one given. */
function dataOf(at: Place): { type: number; range: readonly [number, number] } {
  let found = { type: 0, range: nowhere as readonly [number, number] }
  const [start, end] = insides.metric(at)
  for (inner.over(at.bytes, start, end); inner.next(); ) {
    const type = inner.wire === BYTES ? metricTypes.get(inner.number) : undefined
    if (type !== undefined) found = { type, range: [inner.start, inner.end] }
  }
  return found
}
const ofData = (number: number, types: readonly number[]): Getter => {
  return at => {
    const { type, range } = dataOf(at)
    if (!types.includes(type)) return null
    const found = within(at.bytes, range, number, VARINT)
    return found === undefined ? 0 : Number(readVarint(at.bytes, found[0]))
  }
}

/** Numbers of the fields of data points, by group: numbers, histograms, exponential histograms, summaries. */
const pointField = (numbers: readonly (number | undefined)[], read: (at: Place, number: number) => Value) =>
  plain(at => {
    const number = numbers[at.group]
    return number === undefined ? null : read(at, number)
  })
const pointTime = (name: string, numbers: readonly number[]): Record<string, Path> => ({
  [`${name}_unix_nano`]: pointField(numbers, (at, number) => nanos(insides.datapoint, number)(at)),
  [name]: pointField(numbers, (at, number) => time(insides.datapoint, number)(at)),
})

type Table = Readonly<Record<string, Path>>
const tables: Readonly<Record<Context, Table>> = {
  resource: {
    dropped_attributes_count: integer(insides.resource, 2),
    schema_url: text(entries.resource, 3),
  },
  scope: {
    name: text(insides.scope, 1, true),
    version: text(insides.scope, 2, true),
    dropped_attributes_count: integer(insides.scope, 4),
    schema_url: text(entries.scope, 3),
  },
  span: {
    'trace_id.string': id(insides.span, 1, 16),
    'span_id.string': id(insides.span, 2, 8),
    'parent_span_id.string': id(insides.span, 4, 8),
    trace_state: text(insides.span, 3),
    name: plain(at => {
      const name = at.spans.name[at.row]!
      return name >= 0 ? at.batch.dictionary.text(name) : text(insides.span, 5).get(at)
    }),
    kind: plain(at => at.spans.kind[at.row]!),
    'kind.string': plain(at => kindNames[at.spans.kind[at.row]!] ?? ''),
    'kind.deprecated_string': plain(at => {
      const symbol = kindSymbols[at.spans.kind[at.row]!]
      return symbol === undefined ? '' : `SPAN_KIND_${symbol}`
    }),
    ...times('start_time', insides.span, 7),
    ...times('end_time', insides.span, 8),
    dropped_attributes_count: integer(insides.span, 10),
    dropped_events_count: integer(insides.span, 12),
    dropped_links_count: integer(insides.span, 14),
    'status.code': plain(at => at.spans.status[at.row]!),
    'status.message': plain(at => {
      const status = within(at.bytes, insides.span(at), 15, BYTES)
      const message = status && within(at.bytes, status, 2, BYTES)
      return message === undefined ? '' : readText(at.bytes, message[0], message[1])
    }),
  },
  spanevent: {
    name: text(insides.spanevent, 2),
    ...times('time', insides.spanevent, 1),
    dropped_attributes_count: integer(insides.spanevent, 4),
    event_index: plain(at => at.event),
  },
  metric: {
    name: text(insides.metric, 1, true),
    description: text(insides.metric, 2),
    unit: text(insides.metric, 3, true),
    type: plain(at => dataOf(at).type, true),
    aggregation_temporality: plain(ofData(2, [2, 3, 4]), true),
    is_monotonic: plain(at => {
      const value = ofData(3, [2])(at)
      return value === null ? null : value !== 0
    }, true),
  },
  datapoint: {
    ...pointTime('start_time', [2, 2, 2, 2]),
    ...pointTime('time', [3, 3, 3, 3]),
    value_double: pointField([4], (at, number) => numberOf(at, number)),
    value_int: pointField([6], (at, number) => numberOf(at, number)),
    flags: pointField([8, 10, 10, 8], (at, number) => integer(insides.datapoint, number).get(at)),
    count: pointField([undefined, 4, 4, 4], (at, number) => nanos(insides.datapoint, number)(at)),
    sum: pointField([undefined, 5, 5, 5], (at, number) => double(at.bytes, within(at.bytes, insides.datapoint(at), number, FIXED64))),
    scale: pointField([undefined, undefined, 6], (at, number) => {
      const found = within(at.bytes, insides.datapoint(at), number, VARINT)
      const zigzag = found === undefined ? 0n : readVarint(at.bytes, found[0])
      return Number((zigzag >> 1n) ^ -(zigzag & 1n))
    }),
    zero_count: pointField([undefined, undefined, 7], (at, number) => nanos(insides.datapoint, number)(at)),
  },
  log: {
    ...times('time', insides.log, 1),
    ...times('observed_time', insides.log, 11),
    severity_number: plain(at => at.records.severity[at.row]!),
    severity_text: plain(at => {
      const id = at.records.severityText[at.row]!
      return id >= 0 ? at.batch.dictionary.text(id) : text(insides.log, 3).get(at)
    }),
    'body.string': plain(at => asText(body(at))),
    event_name: plain(at => {
      const id = at.records.eventName[at.row]!
      return id >= 0 ? at.batch.dictionary.text(id) : text(insides.log, 12).get(at)
    }),
    dropped_attributes_count: integer(insides.log, 7),
    flags: plain(at => {
      const range = within(at.bytes, insides.log(at), 8, FIXED32)
      return range === undefined ? 0 : new DataView(at.bytes.buffer, at.bytes.byteOffset + range[0], 4).getUint32(0, true)
    }),
    'trace_id.string': id(insides.log, 9, 16),
    'span_id.string': id(insides.log, 10, 8),
  },
}

function body(at: Place): AttributeValue {
  return readValue(at.bytes, at.records.bodyFrom[at.row]!, at.records.bodyTo[at.row]!)
}

/** A number point's value, of the type that is asked for; 0 where it has one of the other type, as in the Collector. */
function numberOf(at: Place, number: number): Value {
  const [start, end] = insides.datapoint(at)
  let found: readonly [number, number] | undefined
  let last = 0
  for (inner.over(at.bytes, start, end); inner.next(); ) {
    if (inner.wire !== FIXED64 || (inner.number !== 4 && inner.number !== 6)) continue
    found = [inner.start, inner.end]
    last = inner.number
  }
  if (last !== number) return 0
  return number === 4 ? double(at.bytes, found) : near(BigInt.asIntN(64, fixed64(at.bytes, found)))
}

const attributeFields: Readonly<Partial<Record<Context, number>>> = {
  resource: attributesField.resource,
  scope: attributesField.scope,
  span: attributesField.span,
  spanevent: attributesField.event,
  log: attributesField.record,
}
const pointAttributes = [7, 9, 1, 7]

/** The path of these fields in that context; undefined where there is none. */
export function pathOf(context: Context, fields: readonly PathField[]): Path | undefined {
  const [first, second, third] = fields
  if (first === undefined || third !== undefined) return undefined
  if (first.name === 'attributes' && second === undefined) {
    const field = attributeFields[context]
    if (field !== undefined) return attributes(insides[context], field, first.keys, context === 'resource' || context === 'scope')
    if (context === 'datapoint') {
      const groups = pointAttributes.map(number => attributes(insides.datapoint, number, first.keys, true))
      return { get: at => groups[at.group]!.get(at), identity: true, keys: true }
    }
  }
  if (context === 'metric' && first.name === 'metadata' && second === undefined) return attributes(insides.metric, 12, first.keys, false)
  if (context === 'log' && first.name === 'body' && second === undefined)
    return { get: at => index(body(at), first.keys), identity: false, keys: true }
  const name = fields.map(field => field.name).join('.')
  const table = tables[context]
  return Object.hasOwn(table, name) ? table[name] : undefined
}

/** What may stand behind the name of a context, for whoever misspelt it. */
export function pathNames(context: Context): string[] {
  const own = Object.keys(tables[context])
  return [...(context === 'metric' ? ['metadata'] : ['attributes']), ...(context === 'log' ? ['body'] : []), ...own]
}

/** Where the attributes of a place in that context are: the inside of their message, and their field number. */
export function attributesAt(context: Exclude<Context, 'metric'>): { readonly inside: Inside; readonly field: (at: Place) => number } {
  const field = attributeFields[context]
  return { inside: insides[context], field: field === undefined ? at => pointAttributes[at.group]! : () => field }
}
