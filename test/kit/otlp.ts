/**
 * OTLP request bodies for tests: written by hand with `Writer`, or generated from a seed.
 *
 *     metricsRequest({ resources: 2, points: 100 }, seed)      well-formed and plain, as an SDK writes it
 *     metricsRequest({ odd: true }, seed)                      everything protobuf allows: see `Shape.odd`
 */
import type { Signal } from '../../src/model/signal.ts'

const utf8 = new TextEncoder()

/** Writes protobuf fields one after the other. Each method takes the field number first. */
export class Writer {
  #bytes: Uint8Array = new Uint8Array(64)
  #at = 0

  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#at)
  }
  varint(field: number, value: bigint | number): this {
    return this.tag(field, 0).bareVarint(value)
  }
  /** For sint32 and sint64. */
  zigzag(field: number, value: number): this {
    return this.varint(field, BigInt(value) < 0n ? -2n * BigInt(value) - 1n : 2n * BigInt(value))
  }
  fixed64(field: number, value: bigint | number): this {
    this.tag(field, 1)
    new DataView(this.#room(8).buffer).setBigUint64(this.#at, BigInt.asUintN(64, BigInt(value)), true)
    this.#at += 8
    return this
  }
  double(field: number, value: number): this {
    this.tag(field, 1)
    new DataView(this.#room(8).buffer).setFloat64(this.#at, value, true)
    this.#at += 8
    return this
  }
  fixed32(field: number, value: number): this {
    this.tag(field, 5)
    new DataView(this.#room(4).buffer).setUint32(this.#at, value, true)
    this.#at += 4
    return this
  }
  bytes(field: number, value: Uint8Array): this {
    return this.tag(field, 2).bareVarint(value.length).raw(value)
  }
  text(field: number, value: string): this {
    return this.bytes(field, utf8.encode(value))
  }
  message(field: number, fill: (inner: Writer) => unknown): this {
    const inner = new Writer()
    fill(inner)
    return this.bytes(field, inner.finish())
  }
  tag(field: number, wire: number): this {
    return this.bareVarint(field * 8 + wire)
  }
  bareVarint(value: bigint | number): this {
    const to = this.#room(10)
    if (typeof value === 'number' && value >= 0 && value < 2 ** 53) {
      let rest = value
      for (; rest > 127; rest = Math.floor(rest / 128)) to[this.#at++] = (rest % 128) | 128
      to[this.#at++] = rest
      return this
    }
    let rest = BigInt.asUintN(64, BigInt(value))
    for (; rest > 127n; rest >>= 7n) to[this.#at++] = Number(rest & 127n) | 128
    to[this.#at++] = Number(rest)
    return this
  }
  raw(bytes: Uint8Array): this {
    this.#room(bytes.length).set(bytes, this.#at)
    this.#at += bytes.length
    return this
  }
  join(fields: readonly Uint8Array[]): this {
    for (const each of fields) this.raw(each)
    return this
  }
  #room(size: number): Uint8Array<ArrayBuffer> {
    if (this.#at + size > this.#bytes.length) {
      const wider = new Uint8Array(Math.max(2 * this.#bytes.length, this.#at + size))
      wider.set(this.#bytes)
      this.#bytes = wider
    }
    return this.#bytes as Uint8Array<ArrayBuffer>
  }
}

/** A seeded source of chance (mulberry32). */
export class Chance {
  #state: number
  constructor(seed: number) {
    this.#state = seed | 0
  }
  /** [0, 1) */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  /** An integer in [0, below) */
  int(below: number): number {
    return Math.floor(this.next() * below)
  }
  is(probability: number): boolean {
    return this.next() < probability
  }
  pick<T>(from: readonly T[]): T {
    return from[this.int(from.length)]!
  }
  shuffle<T>(list: T[]): T[] {
    for (let i = list.length - 1; i > 0; i--) {
      const j = this.int(i + 1)
      ;[list[i], list[j]] = [list[j]!, list[i]!]
    }
    return list
  }
}

export interface Shape {
  /** default 1 */
  readonly resources?: number
  /** per resource, default 1 */
  readonly scopes?: number
  /** per scope, default 5 */
  readonly metrics?: number
  /** per metric; spans or records per scope; default 4 */
  readonly points?: number
  /** per point, span or record; default 4 */
  readonly attributes?: number
  /** Metric types to use, by turns; default all five. */
  readonly types?: readonly MetricShape[]
  /**
   * Also what is allowed but rare: fields in any order, unknown fields, repeated fields unpacked or in several runs, scalars given
   * twice, messages in pieces, lengths and tags longer than needed, empty messages, no resource, special numbers, invalid UTF-8.
   */
  readonly odd?: boolean
}
export type MetricShape = 'gauge' | 'sum' | 'histogram' | 'exponential' | 'summary'
const allTypes = ['gauge', 'sum', 'histogram', 'exponential', 'summary'] as const

export function metricsRequest(shape: Shape = {}, seed = 1): Uint8Array {
  return new Generator(shape, seed).request((g, scope) =>
    times(g.count(shape.metrics ?? 5), i => g.metric(scope, i, (shape.types ?? allTypes)[i % (shape.types ?? allTypes).length]!)),
  )
}
export function tracesRequest(shape: Shape = {}, seed = 1): Uint8Array {
  return new Generator(shape, seed).request((g, scope) => times(g.count(shape.points ?? 4), i => g.span(scope, i)))
}
export function logsRequest(shape: Shape = {}, seed = 1): Uint8Array {
  return new Generator(shape, seed).request((g, scope) => times(g.count(shape.points ?? 4), i => g.record(scope, i)))
}
export const requestOf = { metrics: metricsRequest, traces: tracesRequest, logs: logsRequest } as const satisfies Record<Signal, unknown>

/** One encoded field, tag included. */
type Field = Uint8Array

const times = <T>(n: number, make: (i: number) => T): T[] => Array.from({ length: n }, (_, i) => make(i))
const field = (write: (w: Writer) => unknown): Field => {
  const w = new Writer()
  write(w)
  return w.finish()
}
const startNs = 1_700_000_000_000_000_000n
const specialDoubles = [0, -0, NaN, Infinity, -Infinity, Number.MAX_VALUE, Number.MIN_VALUE, -1.5, 2 ** 53 + 2]
const specialIntegers = [0n, -1n, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n + 1n]
const specialUnsigned = [0n, 1n, 2n ** 64n - 1n, 2n ** 53n + 1n]

class Generator {
  readonly #chance: Chance
  readonly #shape: Shape
  readonly #odd: boolean
  constructor(shape: Shape, seed: number) {
    this.#chance = new Chance(seed)
    this.#shape = shape
    this.#odd = shape.odd === true
  }

  count(n: number): number {
    return this.#sometimes(0.2) ? this.#chance.int(n + 1) : n
  }

  request(rows: (generator: this, scope: number) => Field[]): Uint8Array {
    return this.#pack(times(this.count(this.#shape.resources ?? 1), r => this.#resource(r, rows)))
  }

  #resource(r: number, rows: (generator: this, scope: number) => Field[]): Field {
    const fields = times(this.count(this.#shape.scopes ?? 1), s => this.#scope(r, s, rows))
    if (!this.#sometimes(0.2)) fields.unshift(...this.#message(1, this.#attributes(1, this.#shape.attributes ?? 4, r)))
    if (this.#chance.is(0.5)) fields.push(field(w => w.text(3, `https://example.test/schema/${r}`)))
    return this.#bytes(1, this.#pack(fields))
  }

  #scope(r: number, s: number, rows: (generator: this, scope: number) => Field[]): Field {
    const fields = rows(this, r * 100 + s)
    if (!this.#sometimes(0.2)) {
      const scope = [...this.#text(1, `scope ${s}`), ...this.#text(2, `1.${s}`), ...this.#attributes(3, s % 2, s)]
      fields.unshift(...this.#message(1, scope))
    }
    if (this.#chance.is(0.3)) fields.push(field(w => w.text(3, `https://example.test/${s}`)))
    return this.#bytes(2, this.#pack(fields))
  }

  metric(scope: number, m: number, type: MetricShape): Field {
    const fields = [
      ...this.#text(1, `metric.${scope}.${m}`),
      ...this.#text(2, `What metric ${m} counts`),
      ...this.#text(3, this.#chance.pick(['1', 'By', 'ms', ''])),
    ]
    const data = times(this.count(this.#shape.points ?? 4), i => this.#bytes(1, this.#pack(this.#point(type, i))))
    if (type !== 'gauge' && type !== 'summary') data.push(...this.#scalar(w => w.varint(2, this.#sometimes(0.2) ? 77 : 1 + (m % 2))))
    if (type === 'sum') data.push(...this.#scalar(w => w.varint(3, this.#chance.int(2))))
    if (this.#sometimes(0.1)) fields.push(field(w => w.message(5, inner => inner.raw(this.#bytes(1, this.#pack(this.#point('gauge', 0)))))))
    if (!this.#sometimes(0.05)) fields.push(...this.#message({ gauge: 5, sum: 7, histogram: 9, exponential: 10, summary: 11 }[type], data))
    return this.#bytes(2, this.#pack(fields))
  }

  #point(type: MetricShape, i: number): Field[] {
    const fields = [...this.#time(2, -1000 * i), ...this.#time(3, i)]
    if (type === 'gauge' || type === 'sum') {
      fields.push(...this.#attributes(7, undefined, i), ...this.#number(4, 6), ...this.#flags(8), ...this.#exemplars(5))
    } else if (type === 'summary') {
      fields.push(...this.#attributes(7, undefined, i), ...this.#flags(8), ...this.#unsigned(4), ...this.#double(5))
      fields.push(...times(this.#chance.int(4), () => this.#bytes(6, this.#pack([...this.#double(1), ...this.#double(2)]))))
    } else if (type === 'histogram') {
      fields.push(
        ...this.#attributes(9, undefined, i),
        ...this.#flags(10),
        ...this.#exemplars(8),
        ...this.#distribution([4, 5, 11, 12]),
        ...this.#histogram(),
      )
    } else {
      fields.push(
        ...this.#attributes(1, undefined, i),
        ...this.#flags(10),
        ...this.#exemplars(11),
        ...this.#distribution([4, 5, 12, 13]),
        ...this.#exponential(),
      )
    }
    return fields
  }

  #number(double: number, integer: number): Field[] {
    if (this.#sometimes(0.1)) return []
    if (this.#chance.is(0.5)) return this.#double(double)
    const value = this.#sometimes(0.3) ? this.#chance.pick(specialIntegers) : BigInt(this.#chance.int(1e6) - 1000)
    return this.#scalar(w => w.fixed64(integer, value))
  }

  #distribution([count, sum, min, max]: readonly [number, number, number, number]): Field[] {
    return [...this.#unsigned(count), ...[sum, min, max].flatMap(n => (this.#chance.is(0.7) ? this.#double(n) : []))]
  }

  #histogram(): Field[] {
    if (this.#chance.is(0.1)) return []
    const bounds = times(this.#chance.pick([0, 1, 4, 15]), i => 5 * 2 ** i)
    const counts = times(bounds.length + (this.#sometimes(0.1) ? 3 : 1), () =>
      this.#sometimes(0.1) ? this.#chance.pick(specialUnsigned) : BigInt(this.#chance.int(1000)),
    )
    return [
      ...this.#repeated(6, counts, (w, value) => w.fixed64(6, value), 8),
      ...this.#repeated(7, bounds, (w, value) => w.double(7, value), 8),
    ]
  }

  #exponential(): Field[] {
    const fields = [...this.#scalar(w => w.zigzag(6, this.#chance.int(28) - 8)), ...this.#scalar(w => w.fixed64(7, this.#chance.int(10)))]
    for (const side of [8, 9]) if (this.#chance.is(0.7)) fields.push(...this.#message(side, this.#buckets()))
    if (this.#chance.is(0.5)) fields.push(...this.#double(14))
    return fields
  }

  #buckets(): Field[] {
    const counts = times(this.#chance.int(12), () =>
      this.#sometimes(0.1) ? this.#chance.pick(specialUnsigned) : BigInt(this.#chance.int(1000)),
    )
    return [
      ...this.#scalar(w => w.zigzag(1, this.#chance.int(200) - 100)),
      ...this.#repeated(2, counts, (w, value) => w.varint(2, value), 1),
    ]
  }

  #exemplars(number: number): Field[] {
    return times(this.#chance.is(0.2) ? 1 + this.#chance.int(2) : 0, i =>
      this.#bytes(
        number,
        this.#pack([...this.#time(2, i), ...this.#number(3, 6), ...this.#id(4, 8), ...this.#id(5, 16), ...this.#attributes(7, 1, i)]),
      ),
    )
  }

  span(scope: number, i: number): Field {
    const fields = [
      ...this.#id(1, 16),
      ...this.#id(2, 8),
      ...this.#text(3, 'a=b'),
      ...this.#id(4, 8),
      ...this.#text(5, `operation ${scope} ${i % 7}`),
    ]
    fields.push(
      ...this.#scalar(w => w.varint(6, this.#sometimes(0.1) ? 2n ** 64n - 1n : this.#chance.int(6))),
      ...this.#time(7, i),
      ...this.#time(8, i + this.#chance.int(100) - 5),
    )
    fields.push(...this.#attributes(9, undefined, i), ...this.#scalar(w => w.varint(10, 3)))
    if (this.#chance.is(0.1))
      fields.push(this.#bytes(11, this.#pack([...this.#time(1, i), ...this.#text(2, 'exception'), ...this.#attributes(3, 2, i)])))
    if (this.#chance.is(0.1))
      fields.push(this.#bytes(13, this.#pack([...this.#id(1, 16), ...this.#id(2, 8), ...this.#attributes(4, 1, i)])))
    if (this.#chance.is(0.5))
      fields.push(...this.#message(15, [...this.#text(2, 'it failed'), ...this.#scalar(w => w.varint(3, this.#chance.int(3)))]))
    fields.push(field(w => w.fixed32(16, 0x101)))
    return this.#bytes(2, this.#pack(fields))
  }

  record(scope: number, i: number): Field {
    const fields = [...this.#time(1, i), ...this.#time(11, i + 1), ...this.#scalar(w => w.varint(2, this.#chance.int(this.#odd ? 40 : 25)))]
    fields.push(...this.#text(3, this.#chance.pick(['INFO', 'WARN', 'ERROR'])), ...this.#attributes(6, undefined, i))
    if (this.#chance.is(0.8)) fields.push(this.#bytes(5, this.#value(i + scope, 0)))
    if (this.#chance.is(0.5)) fields.push(...this.#id(9, 16), ...this.#id(10, 8))
    if (this.#chance.is(0.5)) fields.push(...this.#text(12, `event.${i % 5}`))
    fields.push(field(w => w.fixed32(8, 1)))
    return this.#bytes(2, this.#pack(fields))
  }

  #attributes(number: number, count = this.#shape.attributes ?? 4, salt = 0): Field[] {
    return times(this.count(count), i =>
      this.#bytes(
        number,
        this.#pack([
          ...this.#text(1, this.#sometimes(0.1) ? 'attribute.0' : `attribute.${i}`),
          this.#bytes(2, this.#value(salt * 7 + i, 0)),
        ]),
      ),
    )
  }

  /** The inside of an AnyValue. */
  #value(salt: number, depth: number): Uint8Array {
    const kind = this.#odd ? this.#chance.int(9) : salt % 4
    if (kind === 0) return this.#pack(this.#text(1, `value ${salt}`))
    if (kind === 1) return this.#pack(this.#scalar(w => w.varint(2, salt & 1)))
    if (kind === 2) return this.#pack(this.#scalar(w => w.varint(3, this.#sometimes(0.3) ? this.#chance.pick(specialIntegers) : salt)))
    if (kind === 3) return this.#pack(this.#scalar(w => w.double(4, salt / 8)))
    if (kind === 4) return field(w => w.bytes(7, Uint8Array.of(0, 255, salt & 255)))
    if (kind === 5) return new Uint8Array()
    if (depth > 3) return field(w => w.text(1, 'deep'))
    if (kind === 6)
      return field(w => w.message(5, list => times(this.#chance.int(3), i => list.bytes(1, this.#value(salt + i, depth + 1)))))
    return field(w =>
      w.message(6, map =>
        times(this.#chance.int(3), i => map.message(1, kv => kv.text(1, `inner.${i}`).bytes(2, this.#value(salt + i, depth + 1)))),
      ),
    )
  }

  #time(number: number, offsetMs: number): Field[] {
    if (this.#sometimes(0.1)) return this.#scalar(w => w.fixed64(number, this.#chance.pick(specialUnsigned)))
    return this.#scalar(w => w.fixed64(number, startNs + BigInt(offsetMs) * 1_000_000n + BigInt(this.#chance.int(1e6))))
  }
  #unsigned(number: number): Field[] {
    return this.#scalar(w => w.fixed64(number, this.#sometimes(0.2) ? this.#chance.pick(specialUnsigned) : BigInt(this.#chance.int(1e6))))
  }
  #double(number: number): Field[] {
    return this.#scalar(w => w.double(number, this.#sometimes(0.3) ? this.#chance.pick(specialDoubles) : this.#chance.int(1e6) / 64))
  }
  #flags(number: number): Field[] {
    return this.#chance.is(0.1) ? this.#scalar(w => w.varint(number, 1)) : []
  }
  #id(number: number, size: number): Field[] {
    if (this.#sometimes(0.2)) return this.#chance.is(0.5) ? [] : [field(w => w.bytes(number, new Uint8Array()))]
    return [
      field(w =>
        w.bytes(
          number,
          Uint8Array.from({ length: size }, () => this.#chance.int(256)),
        ),
      ),
    ]
  }
  #text(number: number, value: string): Field[] {
    if (this.#sometimes(0.05)) return [field(w => w.bytes(number, Uint8Array.of(0x61, 0xff, 0xc3)))]
    if (this.#sometimes(0.1)) return [field(w => w.text(number, 'not the last')), field(w => w.text(number, value))]
    return value === '' ? [] : [this.#bytes(number, utf8.encode(value))]
  }

  /** A scalar, now and then given twice: the last one counts. */
  #scalar(write: (w: Writer) => unknown): Field[] {
    return times(this.#sometimes(0.1) ? 2 : 1, () => field(write))
  }

  /** A repeated scalar: packed in one run, and now and then in several, or unpacked. */
  #repeated<T>(number: number, values: readonly T[], one: (w: Writer, value: T) => Writer, tagSize: 1 | 8): Field[] {
    const bare = (value: T) => {
      const whole = field(w => one(w, value))
      return whole.subarray(1)
    }
    const packed = (list: readonly T[]) => field(w => w.message(number, inner => inner.join(list.map(bare))))
    if (this.#sometimes(0.2)) return values.map(value => field(w => one(w, value)))
    if (this.#sometimes(0.2))
      return [packed(values.slice(0, 2)), ...values.slice(2, 3).map(value => field(w => one(w, value))), packed(values.slice(3))]
    return values.length === 0 && tagSize === 8 ? [] : [packed(values)]
  }

  /** A message that occurs once: now and then in two pieces, which protobuf merges. */
  #message(number: number, fields: Field[]): Field[] {
    if (!this.#sometimes(0.1)) return [this.#bytes(number, this.#pack(fields))]
    const cut = this.#chance.int(fields.length + 1)
    return [this.#bytes(number, this.#pack(fields.slice(0, cut))), this.#bytes(number, this.#pack(fields.slice(cut)))]
  }

  /** A field of bytes; now and then its tag and length are longer than they need be. */
  #bytes(number: number, payload: Uint8Array): Field {
    if (!this.#sometimes(0.03)) return field(w => w.bytes(number, payload))
    const tag = number * 8 + 2
    const length = payload.length
    return field(w =>
      w
        .raw(
          Uint8Array.of(
            (tag & 127) | 128,
            tag >> 7,
            (length & 127) | 128,
            ((length >> 7) & 127) | 128,
            ((length >> 14) & 127) | 128,
            length >> 21,
          ),
        )
        .raw(payload),
    )
  }

  #pack(fields: Field[]): Uint8Array {
    if (this.#sometimes(0.3)) this.#chance.shuffle(fields)
    if (this.#sometimes(0.2)) fields.splice(this.#chance.int(fields.length + 1), 0, this.#unknown())
    return field(w => w.join(fields))
  }

  /** Fields that no version of OTLP has, and known ones of a wire type that they do not have. */
  #unknown(): Field {
    const number = this.#chance.pick([3000, 536_870_911, 99])
    return this.#chance.pick([
      () => field(w => w.varint(number, 2n ** 64n - 1n)),
      () => field(w => w.fixed64(number, 7)),
      () => field(w => w.fixed32(number, 7)),
      () => field(w => w.text(number, 'unknown')),
      () => field(w => w.fixed32(1, 7)),
      () => field(w => w.fixed32(2, 7)),
      () => field(w => w.fixed32(9, 7)),
    ])()
  }

  #sometimes(probability: number): boolean {
    return this.#odd && this.#chance.is(probability)
  }
}
