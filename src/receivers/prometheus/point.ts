/** What a series says at one moment, and how it is written. */
import type { ExponentialBuckets } from '../../exposition/families.ts'
import type { Label } from '../../exposition/labels.ts'
import type { ReadExemplar } from '../../exposition/read.ts'
import { varintSize, writeVarint } from '../../otlp/wire.ts'
import { encodeMessage } from '../../otlp/write.ts'
import { fieldSize, type Output, putCount, putNanos } from './bytes.ts'
import { BYTES, Exemplar, ExponentialPoint, layout, tag } from './fields.ts'
import type { Slots } from './slots.ts'
import type { MetricNode } from './tree.ts'

const noLine = -1
/** Shared by all points that have no buckets: never written to. */
const noNumbers: number[] = []

export class Point {
  readonly metric: MetricNode
  readonly id: string
  readonly #attributes: Uint8Array
  seen = -1
  /** the target exposes it no more */
  stale = false
  /** what vanishes is told */
  tracked = true
  /** ms */
  time = 0
  /** ms; 0: unknown */
  start = 0
  value = 0
  count = 0
  sum = 0
  bounds: number[] = noNumbers
  buckets: number[] = noNumbers
  native: ExponentialBuckets | undefined
  exemplars: ReadExemplar[] | undefined
  /** [line on the page, counted in samples] where each number stands */
  valueLine = noLine
  countLine = noLine
  sumLine = noLine
  startLine = noLine
  bucketLines: number[] = noNumbers

  constructor(metric: MetricNode, id: string, attributes: readonly Label[]) {
    this.metric = metric
    this.id = id
    this.#attributes = attributesOf(attributes, layout[metric.type].attributes)
  }

  begin(iteration: number, time: number): void {
    this.seen = iteration
    this.time = time
    this.stale = false
    this.start = 0
    this.valueLine = this.countLine = this.sumLine = this.startLine = noLine
    this.exemplars = undefined
    this.native = undefined
    if (this.bounds.length > 0) {
      this.bounds = []
      this.buckets = []
      this.bucketLines = []
    }
  }

  bucket(bound: number, value: number, line: number): void {
    if (this.bounds === noNumbers) {
      this.bounds = []
      this.buckets = []
      this.bucketLines = []
    }
    this.bounds.push(bound)
    this.buckets.push(value)
    this.bucketLines.push(line)
    // OpenMetrics has no `_count` where there is no sum: there the last bucket says it.
    if (bound === Number.POSITIVE_INFINITY && this.countLine === noLine && this.metric.type === 'histogram') {
      this.count = value
      this.countLine = line
    }
  }

  /** A distribution without its count is none, and neither is a counter that only says since when it counts. */
  get complete(): boolean {
    if (this.stale || this.native !== undefined) return true
    const { type } = this.metric
    return type === 'histogram' || type === 'summary' ? this.countLine !== noLine : this.valueLine !== noLine
  }

  write(output: Output, slots: Slots): void {
    if (this.metric.type === 'histogram') this.#histogram(output, slots)
    else if (this.metric.type === 'summary') this.#summary(output, slots)
    else if (this.metric.type === 'exponential') this.#exponential(output, slots)
    else this.#number(output, slots)
  }

  #number(output: Output, slots: Slots): void {
    const exemplars = this.#exemplars()
    this.#head(output, (this.#started ? 9 : 0) + (this.stale ? 0 : 9) + exemplars.length)
    this.#times(output, slots)
    if (!this.stale) note(slots, slots.doubles, output.double(tag(4, 1), this.value), this.valueLine)
    this.#tail(output, exemplars)
  }

  #histogram(output: Output, slots: Slots): void {
    this.#sort()
    const finite = this.bounds.at(-1) === Number.POSITIVE_INFINITY ? this.bounds.length - 1 : this.bounds.length
    const exemplars = this.#exemplars()
    const sum = this.sumLine !== noLine && !this.stale
    const boundsSize = finite === 0 ? 0 : fieldSize(8 * finite)
    const numbers = (this.#started ? 9 : 0) + (this.stale ? 0 : 9) + (sum ? 9 : 0)
    this.#head(output, numbers + fieldSize(8 * (finite + 1)) + boundsSize + exemplars.length)
    this.#times(output, slots)
    if (!this.stale) this.#count(output, slots)
    if (sum) note(slots, slots.doubles, output.double(tag(5, 1), this.sum), this.sumLine)
    output.byte(tag(6, BYTES))
    output.varint(8 * (finite + 1))
    output.room(16 * (finite + 1) + 16)
    if (slots.on) slots.histograms.push(output.at, this.countLine, finite)
    let below = 0
    for (let k = 0; k <= finite; k++) {
      const upTo = k === finite ? this.count : this.buckets[k]!
      putCount(output.view, output.at, this.stale ? 0 : upTo - below)
      below = upTo
      output.at += 8
      if (slots.on && k < finite) slots.histograms.push(this.bucketLines[k]!)
    }
    if (finite > 0) {
      output.byte(tag(7, BYTES))
      output.varint(8 * finite)
      for (let k = 0; k < finite; k++, output.at += 8) output.view.setFloat64(output.at, this.bounds[k]!, true)
    }
    this.#tail(output, exemplars)
  }

  #summary(output: Output, slots: Slots): void {
    this.#sort()
    const sum = this.sumLine !== noLine && !this.stale
    this.#head(output, (this.#started ? 9 : 0) + (this.stale ? 0 : 9) + (sum ? 9 : 0) + 20 * this.bounds.length)
    this.#times(output, slots)
    if (!this.stale) this.#count(output, slots)
    if (sum) note(slots, slots.doubles, output.double(tag(5, 1), this.sum), this.sumLine)
    for (let k = 0; k < this.bounds.length; k++) {
      output.byte(tag(6, BYTES))
      output.byte(18)
      output.double(tag(1, 1), this.bounds[k]!)
      note(slots, slots.doubles, output.double(tag(2, 1), this.stale ? 0 : this.buckets[k]!), this.bucketLines[k]!)
    }
    this.#tail(output, none)
  }

  #exponential(output: Output, slots: Slots): void {
    const exemplars = this.#exemplars()
    const native = this.native
    const body =
      this.stale || native === undefined
        ? none
        : encodeMessage(ExponentialPoint, {
            count: whole(this.count),
            sum: this.sum,
            scale: native.scale,
            zeroCount: whole(native.zeroCount),
            zeroThreshold: native.zeroThreshold,
            positive: sideOf(native.positiveOffset, native.positive),
            negative: sideOf(native.negativeOffset, native.negative),
          })
    this.#head(output, (this.#started ? 9 : 0) + body.length + exemplars.length)
    this.#times(output, slots)
    output.raw(body)
    this.#tail(output, exemplars)
  }

  get #started(): boolean {
    return this.start !== 0 && this.metric.type !== 'gauge'
  }

  /** @param size [bytes] of what is between the times and the attributes; the times and what follows are added */
  #head(output: Output, size: number): void {
    const whole = size + 9 + this.#attributes.length + (this.stale ? 2 : 0)
    output.room(whole + 10)
    output.byte(tag(1, BYTES))
    output.varint(whole)
  }

  #times(output: Output, slots: Slots): void {
    if (this.#started) {
      const at = output.fixed64(tag(2, 1))
      putNanos(output.view, at, this.start)
      if (this.startLine !== noLine) note(slots, slots.starts, at, this.startLine)
    }
    const at = output.fixed64(tag(3, 1))
    putNanos(output.view, at, this.time)
    if (slots.on) slots.times.push(at)
  }

  #count(output: Output, slots: Slots): void {
    const at = output.fixed64(tag(4, 1))
    putCount(output.view, at, this.count)
    note(slots, slots.counts, at, this.countLine)
  }

  #tail(output: Output, exemplars: Uint8Array): void {
    output.raw(exemplars)
    output.raw(this.#attributes)
    if (!this.stale) return
    output.byte(tag(layout[this.metric.type].flags, 0))
    output.byte(1)
  }

  /** Ascending by bound. Pages are, nearly always. */
  #sort(): void {
    const { bounds } = this
    let sorted = true
    for (let k = 1; k < bounds.length; k++) if (!(bounds[k]! > bounds[k - 1]!)) sorted = false
    if (sorted) return
    // Of two with the same bound the first stays.
    const order = [...bounds.keys()]
      .sort((a, b) => bounds[a]! - bounds[b]!)
      .filter((k, i, all) => i === 0 || bounds[k] !== bounds[all[i - 1]!])
    this.bounds = order.map(k => bounds[k]!)
    this.buckets = order.map(k => this.buckets[k]!)
    this.bucketLines = order.map(k => this.bucketLines[k]!)
  }

  #exemplars(): Uint8Array {
    const field = layout[this.metric.type].exemplars
    if (this.exemplars === undefined || field === 0 || this.stale) return none
    return Buffer.concat(this.exemplars.flatMap(exemplar => withLength(field, encodeMessage(Exemplar, toExemplar(exemplar, this.time)))))
  }
}

function note(slots: Slots, into: number[], at: number, line: number): void {
  if (slots.on) into.push(at, line)
}

const none = new Uint8Array()
const whole = (value: number): bigint => (value > 0 ? BigInt(Math.trunc(Math.min(value, 2 ** 63))) : 0n)
const sideOf = (offset: number, counts: ArrayLike<number>) =>
  counts.length === 0 ? undefined : { offset, bucketCounts: Array.from(counts, whole) }

function withLength(field: number, bytes: Uint8Array): Uint8Array[] {
  const head = new Uint8Array(1 + varintSize(bytes.length))
  head[0] = tag(field, BYTES)
  let rest = bytes.length
  let at = 1
  for (; rest >= 128; rest = Math.floor(rest / 128)) head[at++] = (rest % 128) | 128
  head[at] = rest
  return [head, bytes]
}

/** KeyValue fields one after the other, with the tag of `field`. */
function attributesOf(labels: readonly Label[], field: number): Uint8Array {
  const sizes = labels.map(([name, value]) => {
    const text = Buffer.byteLength(value)
    return { name: Buffer.byteLength(name), text, any: fieldSize(text) }
  })
  const whole = sizes.map(({ name, any }) => fieldSize(name) + fieldSize(any))
  const bytes = Buffer.allocUnsafe(whole.reduce((sum, size) => sum + fieldSize(size), 0))
  let at = 0
  const head = (number: number, size: number) => {
    bytes[at++] = tag(number, BYTES)
    at = writeVarint(bytes, at, size)
  }
  for (const [i, [name, value]] of labels.entries()) {
    const { name: nameSize, text, any } = sizes[i]!
    head(field, whole[i]!)
    head(1, nameSize)
    at += bytes.write(name, at)
    head(2, any)
    head(1, text)
    at += bytes.write(value, at)
  }
  return bytes
}

const hex = /^(?:[0-9a-fA-F]{2})+$/

/** Labels `trace_id` and `span_id` are the ids, whatever their case; shorter ones are filled with zeros in front, longer ones cut. */
function toExemplar({ labels, value, time }: ReadExemplar, pointTime: number): object {
  const rest: Label[] = []
  const ids: Record<string, Uint8Array> = {}
  for (const [name, text] of labels) {
    const key = ({ trace_id: 'traceId', span_id: 'spanId' } as Record<string, string>)[name.toLowerCase()]
    if (key === undefined || !hex.test(text)) rest.push([name, text])
    else ids[key] = Buffer.from(text.slice(0, key === 'traceId' ? 32 : 16).padStart(key === 'traceId' ? 32 : 16, '0'), 'hex')
  }
  const at = Math.floor(Number.isNaN(time) ? pointTime : time)
  return { filteredAttributes: Object.fromEntries(rest), timeUnixNano: BigInt(at) * 1_000_000n, asDouble: value, ...ids }
}
