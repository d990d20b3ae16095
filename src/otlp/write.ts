/**
 * The one OTLP writer. It writes from the back of a buffer towards its front, fields in descending order: so every length is
 * known when it is due, and nothing is measured beforehand or moved afterwards. Read from the front the fields ascend.
 *
 * Input is the OTLP/JSON shape (lowerCamelCase, oneofs as one of their members). Besides what JSON can say:
 *   64-bit integers and times   bigint, decimal string or safe integer; times are nanoseconds, always (`nanos` converts ms)
 *   ids and bytes               Uint8Array, or hex (ids) and base64 (bytes) as in JSON
 *   attributes                  also a plain record or `[key, value][]`; the values are then plain JS values all the way down:
 *                               integers become intValue, other numbers doubleValue, null an empty value, undefined is left out
 *   repeated messages           also a Uint8Array: the fields, encoded already (`encodeField`), put in as they are
 *   repeated numbers            also a Float64Array
 *   enums                       also the name of the value in the .proto file
 *   AnyValue                    also a plain string, number, bigint, boolean, Uint8Array or array
 */
import { MalformedError } from '../model/batch.ts'
import type { Signal } from '../model/signal.ts'
import { AnyValue, type Field, idLength, KeyValue, type Message, maxDepth, requestOf, type Scalar } from './schema.ts'

/** @throws {MalformedError} naming the place in `request` */
export function encode(signal: Signal, request: object): Uint8Array {
  return encodeMessage(requestOf[signal], request)
}

export interface EncodeOptions {
  /** only what JSON text can say: no plain attributes, no NaN but as a string */
  readonly strict?: boolean
  /** fields may also have the names that they have in the .proto file */
  readonly protoNames?: boolean
  /** [bytes] a guess at the result's size */
  readonly sizeHint?: number
}

export function encodeMessage(message: Message, value: unknown, options: EncodeOptions = {}): Uint8Array {
  const encoder = new Encoder(options)
  encoder.message(message, value, 1)
  return encoder.out.finish()
}

/** One field of a message, tags and lengths included, to be put into a message of that kind in place of the field's values. */
export function encodeField(message: Message, name: string, value: unknown): Uint8Array {
  return encodeMessage(message, { [name]: value }, { sizeHint: 256 })
}

/** Exact: Unix epoch milliseconds as nanoseconds, rounded to the nearest. */
export function nanos(ms: number): bigint {
  const whole = Math.floor(ms)
  return BigInt(whole) * 1_000_000n + BigInt(Math.round((ms - whole) * 1e6))
}

// Integers: what each type can hold, and which wire type carries it.

const wireTypes: Readonly<Record<Scalar, 0 | 1 | 2 | 5>> = {
  string: 2,
  bytes: 2,
  id: 2,
  bool: 0,
  enum: 0,
  double: 1,
  fixed32: 5,
  fixed64: 1,
  sfixed64: 1,
  int32: 0,
  int64: 0,
  uint32: 0,
  uint64: 0,
  sint32: 0,
}
export const wireTypeOf = (type: Scalar | Message): 0 | 1 | 2 | 5 => (typeof type === 'string' ? wireTypes[type] : 2)
const i32 = [-(2n ** 31n), 2n ** 31n - 1n] as const
const u32 = [0n, 2n ** 32n - 1n] as const
const i64 = [-(2n ** 63n), 2n ** 63n - 1n] as const
const u64 = [0n, 2n ** 64n - 1n] as const
const ranges = {
  enum: i32,
  int32: i32,
  sint32: i32,
  uint32: u32,
  fixed32: u32,
  int64: i64,
  sfixed64: i64,
  uint64: u64,
  fixed64: u64,
} as const satisfies Partial<Record<Scalar, readonly [bigint, bigint]>>
type IntegerType = keyof typeof ranges

const maxSafe = BigInt(Number.MAX_SAFE_INTEGER)

class Encoder {
  readonly out: BackWriter
  readonly #strict: boolean
  readonly #protoNames: boolean
  /** where in the input; field names and indices */
  readonly #path: (string | number)[] = []

  constructor(options: EncodeOptions) {
    this.#strict = options.strict ?? false
    this.#protoNames = options.protoNames ?? false
    this.out = new BackWriter(options.sizeHint ?? 1024)
  }

  message(message: Message, value: unknown, depth: number): void {
    if (depth > maxDepth) throw this.#wrong(`is nested more than ${maxDepth} messages deep`)
    if (message === AnyValue && !this.#strict && !isRecord(value)) this.#plainValue(value, depth)
    else this.#fields(message, value, depth)
  }

  #fields(message: Message, value: unknown, depth: number): void {
    if (!isRecord(value)) throw this.#wrong('must be an object', value)
    let chosen: Field | undefined
    const fields = message.fields
    for (let i = fields.length - 1; i >= 0; i--) {
      const field = fields[i]!
      const given = value[field.name] ?? (this.#protoNames ? value[field.protoName] : undefined)
      if (given === undefined || given === null) continue
      if (field.oneof !== undefined) {
        if (chosen !== undefined) throw this.#wrong(`has both ${JSON.stringify(field.name)} and ${JSON.stringify(chosen.name)}`)
        chosen = field
      }
      this.#path.push(field.name)
      if (field.repeated) this.#repeated(field, given, depth)
      else this.#single(field, given, depth)
      this.#path.pop()
    }
  }

  #single(field: Field, value: unknown, depth: number): void {
    const end = this.out.length
    let given = true
    if (field.names !== undefined && typeof value === 'string') given = this.#integer('enum', this.#enumNumber(field.names, value))
    else if (typeof field.type === 'string') given = this.#scalar(field.type, value) || field.presence
    else this.message(field.type, value, depth + 1)
    if (given) this.#tag(field, end)
    else this.out.rewind(end)
  }

  /** The length (where the wire type has one) and the tag of what was written since `end`. */
  #tag(field: Field, end: number): void {
    const wire = wireTypeOf(field.type)
    if (wire === 2) this.out.varint(this.out.length - end)
    this.out.varint(field.number * 8 + wire)
  }

  #repeated(field: Field, given: unknown, depth: number): void {
    if (!this.#strict && given instanceof Uint8Array && typeof field.type !== 'string') this.out.bytes(given)
    else if (field.type === KeyValue && !this.#strict && isPlain(given)) this.#plainPairs(field, given, depth)
    else if (!this.#strict && given instanceof Float64Array) this.#packed(field, given)
    else if (!Array.isArray(given)) throw this.#wrong('must be an array', given)
    else if (wireTypeOf(field.type) !== 2) this.#packed(field, given)
    else this.#items(field, given, depth)
  }

  #items(field: Field, given: readonly unknown[], depth: number): void {
    const place = this.#path.length
    for (let i = given.length - 1; i >= 0; i--) {
      this.#path[place] = i
      const end = this.out.length
      if (typeof field.type === 'string') this.#scalar(field.type, given[i])
      else this.message(field.type, given[i], depth + 1)
      this.#tag(field, end)
    }
    this.#path.length = place
  }

  #packed(field: Field, given: ArrayLike<unknown>): void {
    if (given.length === 0) return
    const end = this.out.length
    const place = this.#path.length
    for (let i = given.length - 1; i >= 0; i--) {
      this.#path[place] = i
      this.#scalar(field.type as Scalar, given[i])
    }
    this.#path.length = place
    this.out.varint(this.out.length - end)
    this.out.varint(field.number * 8 + 2)
  }

  /** Writes the value without its tag. @returns whether it differs from the type's default */
  #scalar(type: Scalar, value: unknown): boolean {
    switch (type) {
      case 'string':
        if (typeof value !== 'string') throw this.#wrong('must be a string', value)
        this.out.text(value)
        return value !== ''
      case 'bool':
        if (typeof value !== 'boolean') throw this.#wrong('must be true or false', value)
        this.out.varint(value ? 1 : 0)
        return value
      case 'double':
        return this.#double(value)
      case 'bytes':
        return this.#bytes(value instanceof Uint8Array ? value : this.#fromBase64(value))
      case 'id':
        return this.#bytes(value instanceof Uint8Array ? value : this.#fromHex(value))
      default:
        return this.#integer(type, value)
    }
  }

  #double(value: unknown): boolean {
    const number = typeof value === 'number' ? value : typeof value === 'bigint' ? Number(value) : doubleOfText(value)
    if (number === undefined) throw this.#wrong('must be a number', value)
    if (this.#strict && typeof value === 'number' && !Number.isFinite(value)) throw this.#wrong('must fit a double')
    this.out.double(number)
    return !Object.is(number, 0)
  }

  #bytes(bytes: Uint8Array): boolean {
    this.out.bytes(bytes)
    return bytes.length > 0
  }

  #fromBase64(value: unknown): Uint8Array {
    if (typeof value !== 'string' || !base64.test(value)) throw this.#wrong('must be base64', value)
    return Buffer.from(value, 'base64')
  }

  #fromHex(value: unknown): Uint8Array {
    const want = idLength[String(this.#path.at(-1))]! * 2
    if (typeof value !== 'string' || !hex.test(value) || (value.length !== want && value !== ''))
      throw this.#wrong(`must be ${want} hex digits`, value)
    return Buffer.from(value, 'hex')
  }

  #integer(type: IntegerType, value: unknown): boolean {
    if (typeof value === 'number' && value >= 0 && Number.isSafeInteger(value) && ranges[type][1] > maxSafe) {
      if (type === 'fixed64' || type === 'sfixed64') this.out.fixed64Of(value)
      else this.out.varint(value)
      return value !== 0
    }
    const exact = typeof value === 'string' ? integerOfText(value) : value
    if (typeof exact === 'number' ? !Number.isInteger(exact) : typeof exact !== 'bigint') throw this.#wrong('must be an integer', value)
    const integer = exact as number | bigint
    const [min, max] = ranges[type]
    if (integer < min || integer > max) throw this.#wrong(`must be between ${min} and ${max}`, value)
    this.#writeInteger(type, integer)
    return BigInt(integer) !== 0n
  }

  #enumNumber(names: ReadonlyMap<string, number>, name: string): number {
    const number = names.get(name)
    if (number === undefined) throw this.#wrong(`must be a number, or one of ${[...names.keys()].join(', ')}`, name)
    return number
  }

  #writeInteger(type: IntegerType, value: number | bigint): void {
    if (type === 'fixed64' || type === 'sfixed64') this.out.fixed64(BigInt(value))
    else if (type === 'fixed32') this.out.fixed32(Number(value))
    else if (type === 'sint32') this.out.varint(Number(value) < 0 ? -2 * Number(value) - 1 : 2 * Number(value))
    else if (value >= 0 && value <= Number.MAX_SAFE_INTEGER) this.out.varint(Number(value))
    else this.out.varint64(BigInt(value))
  }

  // Plain JS values as attributes.

  #plainPairs(field: Field, given: object, depth: number): void {
    const pairs: readonly (readonly [unknown, unknown])[] = Array.isArray(given) ? given : Object.entries(given)
    for (let i = pairs.length - 1; i >= 0; i--) {
      const [key, value] = pairs[i]!
      if (value === undefined) continue
      if (typeof key !== 'string') throw this.#wrong('must have texts as keys', key)
      this.#path.push(key)
      const end = this.out.length
      this.#plainValue(value, depth + 2)
      this.out.varint(this.out.length - end)
      this.out.varint(valueTag)
      if (key !== '') {
        const keyEnd = this.out.length
        this.out.text(key)
        this.out.varint(this.out.length - keyEnd)
        this.out.varint(keyTag)
      }
      this.#tag(field, end)
      this.#path.pop()
    }
  }

  /** The body of an AnyValue. */
  #plainValue(value: unknown, depth: number): void {
    if (depth > maxDepth) throw this.#wrong(`is nested more than ${maxDepth} messages deep`)
    if (value === null || value === undefined) return
    const field = anyValueFields[anyValueMember(value)]
    if (field === undefined) throw this.#wrong('must be a value that an attribute can have', value)
    const end = this.out.length
    if (typeof field.type === 'string') this.#scalar(field.type, value)
    else if (Array.isArray(value)) this.#plainList(field.type.fields[0]!, value, depth + 1)
    else this.#plainPairs(field.type.fields[0]!, value as object, depth + 1)
    this.#tag(field, end)
  }

  #plainList(field: Field, values: readonly unknown[], depth: number): void {
    for (let i = values.length - 1; i >= 0; i--) {
      const end = this.out.length
      this.#path.push(i)
      this.#plainValue(values[i], depth + 1)
      this.#path.pop()
      this.#tag(field, end)
    }
  }

  #wrong(message: string, ...got: [] | [unknown]): MalformedError {
    return new MalformedError(`${showPath(this.#path)}: ${message}${got.length === 0 ? '' : `, got ${show(got[0])}`}`)
  }
}

const keyTag = 1 * 8 + 2
const valueTag = 2 * 8 + 2
const anyValueFields: Readonly<Record<string, Field>> = Object.fromEntries(AnyValue.fields.map(f => [f.name, f]))

function anyValueMember(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return 'stringValue'
    case 'boolean':
      return 'boolValue'
    case 'bigint':
      return 'intValue'
    case 'number':
      return Number.isSafeInteger(value) && !Object.is(value, -0) ? 'intValue' : 'doubleValue'
    case 'object':
      return value instanceof Uint8Array ? 'bytesValue' : Array.isArray(value) ? 'arrayValue' : 'kvlistValue'
    default:
      return 'none'
  }
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)
/** A record, or pairs; as opposed to KeyValue messages. */
const isPlain = (value: unknown): value is object => (Array.isArray(value) ? Array.isArray(value[0]) : isRecord(value))

const base64 = /^[A-Za-z0-9+/_-]*={0,2}$/
const hex = /^[0-9a-fA-F]*$/
const decimal = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/
const special: Readonly<Record<string, number>> = {
  NaN: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  '-Infinity': Number.NEGATIVE_INFINITY,
}
function doubleOfText(value: unknown): number | undefined {
  if (typeof value !== 'string') return undefined
  return special[value] ?? (decimal.test(value) ? Number(value) : undefined)
}
/** Longer texts than any 64-bit integer's are not converted: that would cost more than it is worth. */
function integerOfText(value: string): bigint | undefined {
  return value.length <= 40 && /^-?\d+$/.test(value) ? BigInt(value) : undefined
}

function showPath(path: readonly (string | number)[]): string {
  let text = ''
  for (const part of path) text += typeof part === 'number' ? `[${part}]` : text === '' ? part : `.${part}`
  return text === '' ? 'request' : text
}
function show(value: unknown): string {
  if (Array.isArray(value)) return 'an array'
  if (typeof value === 'object' && value !== null) return 'an object'
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value)
  return text.length > 60 ? `${text.slice(0, 57)}…` : text
}

/** Bytes written from the end of a growing buffer towards its start. */
export class BackWriter {
  readonly #sizeHint: number
  #buffer: Buffer
  #view: DataView
  #at: number
  /** where what was not taken yet ends */
  #end: number

  constructor(sizeHint: number) {
    this.#sizeHint = Math.max(64, sizeHint)
    this.#buffer = Buffer.allocUnsafe(this.#sizeHint)
    this.#view = viewOf(this.#buffer)
    this.#at = this.#end = this.#buffer.length
  }

  get length(): number {
    return this.#end - this.#at
  }
  /** Forgets what was written after the length was `length`. */
  rewind(length: number): void {
    this.#at = this.#end - length
  }
  finish(): Uint8Array {
    return new Uint8Array(this.#buffer.subarray(this.#at, this.#end))
  }
  /** What was written since the last time, without a copy; the writer goes on in front of it, in the same buffer while there is room. */
  take(): Uint8Array {
    const written = this.#buffer.subarray(this.#at, this.#end)
    this.#end = this.#at
    return written
  }

  bytes(bytes: Uint8Array): void {
    this.#room(bytes.length)
    this.#buffer.set(bytes, (this.#at -= bytes.length))
  }
  text(text: string): void {
    const size = Buffer.byteLength(text)
    this.#room(size)
    this.#at -= size
    if (size !== text.length || size > 24) this.#buffer.write(text, this.#at, size, 'utf8')
    else for (let i = 0; i < size; i++) this.#buffer[this.#at + i] = text.charCodeAt(i)
  }
  /** 0 <= value <= 2^53 - 1 */
  varint(value: number): void {
    let size = 1
    for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) size++
    this.#room(size)
    let at = (this.#at -= size)
    let rest = value
    for (; rest >= 128; rest = Math.floor(rest / 128)) this.#buffer[at++] = (rest % 128) | 128
    this.#buffer[at] = rest
  }
  varint64(value: bigint): void {
    const bytes: number[] = []
    let rest = BigInt.asUintN(64, value)
    for (; rest >= 128n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128)
    bytes.push(Number(rest))
    this.bytes(Uint8Array.from(bytes))
  }
  fixed32(value: number): void {
    this.#room(4)
    this.#view.setUint32((this.#at -= 4), value, true)
  }
  /** 0 <= value <= 2^53 - 1 */
  fixed64Of(value: number): void {
    this.#room(8)
    this.#at -= 8
    this.#view.setUint32(this.#at, value >>> 0, true)
    this.#view.setUint32(this.#at + 4, Math.floor(value / 2 ** 32), true)
  }
  fixed64(value: bigint): void {
    this.#room(8)
    this.#view.setBigUint64((this.#at -= 8), BigInt.asUintN(64, value), true)
  }
  /** seconds * 1e9 + nanos, exactly, without a bigint: 0 <= seconds < 2^32, 0 <= nanos < 2^32 */
  fixed64OfTime(seconds: number, nanos: number): void {
    this.#room(8)
    this.#at -= 8
    // Halves of 16 bits: each product stays below 2^53.
    const high = (seconds >>> 16) * 1e9
    const low = (high % 65_536) * 65_536 + (seconds & 0xffff) * 1e9 + nanos
    this.#view.setUint32(this.#at, low >>> 0, true)
    this.#view.setUint32(this.#at + 4, Math.floor(high / 65_536) + Math.floor(low / 2 ** 32), true)
  }
  /** Of hexadecimal digits, two for each byte. */
  hex(digits: string): void {
    const size = digits.length >> 1
    this.#room(size)
    this.#at -= size
    for (let i = 0; i < size; i++)
      this.#buffer[this.#at + i] = (nibble(digits.charCodeAt(2 * i)) << 4) | nibble(digits.charCodeAt(2 * i + 1))
  }
  double(value: number): void {
    this.#room(8)
    this.#view.setFloat64((this.#at -= 8), value, true)
  }

  #room(bytes: number): void {
    if (this.#at >= bytes) return
    const used = this.length
    const grown = Buffer.allocUnsafe(Math.max(this.#sizeHint, 2 * used, used + bytes))
    this.#buffer.copy(grown, grown.length - used, this.#at, this.#end)
    this.#buffer = grown
    this.#view = viewOf(grown)
    this.#end = grown.length
    this.#at = grown.length - used
  }
}

const nibble = (code: number): number => (code < 58 ? code - 48 : (code | 32) - 87)

const viewOf = (buffer: Buffer): DataView => new DataView(buffer.buffer, buffer.byteOffset, buffer.length)
