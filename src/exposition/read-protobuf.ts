/**
 * The protobuf exposition format: io.prometheus.client.MetricFamily messages, each after its length. Histograms and summaries come
 * out as the samples that they are in text; native histograms as themselves, for whoever wants them.
 */
import { MalformedError } from '../model/batch.ts'
import { BYTES, Cursor, FIXED64, readVarint, VARINT } from '../otlp/wire.ts'
import type { Label } from './labels.ts'
import { legacyMetric } from './naming.ts'
import { showOpenFloat } from './number.ts'
import { ExpositionError, type NativeSample, newSample, type ReadExemplar, type SampleType, utf8Of, type Visitor } from './read.ts'

const types: readonly SampleType[] = ['counter', 'gauge', 'summary', 'unknown', 'histogram', 'gaugehistogram']

/** [buckets] of one side, gaps included; Prometheus' clients write 160. */
const maxBuckets = 100_000

export interface ProtobufOptions {
  /** Native histograms go to `Visitor.native`, without it and without this they are read as classic ones. */
  readonly native: boolean
  /** The classic buckets beside a native histogram are read too. */
  readonly classic: boolean
}

/** @throws {ExpositionError} whose line is the number of the family */
export function readProtobufPage(page: Uint8Array, visitor: Visitor, options: ProtobufOptions): void {
  const reading = new ProtobufReading(page, visitor, options)
  let at = 0
  for (let family = 1; at < page.length; family++) {
    try {
      at = reading.family(at, family)
    } catch (error) {
      if (error instanceof ExpositionError) throw error.line > 0 ? error : new ExpositionError(error.message, family)
      if (error instanceof MalformedError) throw new ExpositionError(error.message, family)
      throw error
    }
  }
}

class ProtobufReading {
  readonly #bytes: Buffer
  readonly #visitor: Visitor
  readonly #options: ProtobufOptions
  readonly #sample = newSample()
  #name = ''
  #labels = ''

  constructor(page: Uint8Array, visitor: Visitor, options: ProtobufOptions) {
    this.#bytes = Buffer.from(page.buffer, page.byteOffset, page.length)
    this.#visitor = visitor
    this.#options = options
  }

  /** @returns where it ends */
  family(at: number, number: number): number {
    let size = 0
    let scale = 1
    for (;;) {
      const byte = this.#bytes[at++]
      if (byte === undefined || scale > 2 ** 35) throw new ExpositionError('the length of a family is cut off')
      size += (byte & 0x7f) * scale
      scale *= 128
      if (byte < 0x80) break
    }
    const end = at + size
    if (end > this.#bytes.length)
      throw new ExpositionError(`the family is cut off: ${size} bytes announced, ${this.#bytes.length - at} are there`)
    const cursor = () => new Cursor(this.#bytes, at, end, 'metric family', 'protobuf exposition')
    let help: string | undefined
    let unit = ''
    let type: SampleType = 'counter'
    this.#name = ''
    for (const field = cursor(); field.next(); ) {
      if (field.is(1, BYTES)) this.#name = this.#latin1(field)
      else if (field.is(2, BYTES)) help = utf8Of(this.#latin1(field))
      else if (field.is(3, VARINT)) type = types[Number(field.uint64)] ?? 'unknown'
      else if (field.is(5, BYTES)) unit = utf8Of(this.#latin1(field))
    }
    if (this.#name === '') throw new ExpositionError('a family without a name')
    const name = utf8Of(this.#name)
    this.#visitor.type?.(name, type, number)
    if (help !== undefined) this.#visitor.help?.(name, help, number)
    if (unit !== '') this.#visitor.unit?.(name, unit, number)
    this.#sample.line = number
    for (const field = cursor(); field.next(); ) if (field.is(4, BYTES)) this.#metric(field.message('metric'))
    return end
  }

  #metric(metric: Cursor): void {
    const sample = this.#sample
    this.#labels = ''
    sample.time = Number.NaN
    sample.start = 0
    sample.exemplar = undefined
    let value: Cursor | undefined
    let kind = 0
    while (metric.next()) {
      if (metric.is(1, BYTES)) this.#labels += `${this.#labels === '' ? '' : ','}${this.#label(metric.message('label'))}`
      else if (metric.is(6, VARINT)) sample.time = Number(BigInt.asIntN(64, metric.uint64))
      else if (metric.wire === BYTES && [2, 3, 4, 5, 7].includes(metric.number)) {
        kind = metric.number
        value = metric.message('value')
      }
    }
    if (value === undefined) throw new ExpositionError(`a metric of ${this.#name} without a value`)
    if (kind === 7) this.#histogram(value)
    else if (kind === 4) this.#summary(value)
    else this.#number(value)
  }

  #number(value: Cursor): void {
    const sample = this.#sample
    sample.value = 0
    while (value.next()) {
      if (value.is(1, FIXED64)) sample.value = value.double
      else if (value.is(2, BYTES)) sample.exemplar = this.#exemplar(value.message('exemplar'))
      else if (value.is(3, BYTES)) sample.start = timeOf(value.message('created timestamp'))
    }
    this.#tell(this.#key('', ''))
  }

  #summary(summary: Cursor): void {
    let count = 0
    let sum = 0
    for (; summary.next(); ) {
      if (summary.is(1, VARINT)) count = Number(summary.uint64)
      else if (summary.is(2, FIXED64)) sum = summary.double
      else if (summary.is(4, BYTES)) this.#sample.start = timeOf(summary.message('created timestamp'))
    }
    this.#told('_count', '', count)
    this.#told('_sum', '', sum)
    for (const field = summary.again(); field.next(); ) {
      if (!field.is(3, BYTES)) continue
      let quantile = 0
      let value = 0
      for (const part = field.message('quantile'); part.next(); ) {
        if (part.is(1, FIXED64)) quantile = part.double
        else if (part.is(2, FIXED64)) value = part.double
      }
      this.#told('', `quantile="${showOpenFloat(quantile)}"`, value)
    }
  }

  #histogram(histogram: Cursor): void {
    const read = new HistogramFields(histogram)
    this.#sample.start = read.start
    const native = read.native && this.#options.native && this.#visitor.native !== undefined
    if (native) this.#native(histogram, read)
    if (native && (!this.#options.classic || !read.classic)) return
    this.#told('_count', '', read.count)
    this.#told('_sum', '', read.sum)
    let infinite = false
    for (const field = histogram.again(); field.next(); ) {
      if (!field.is(3, BYTES)) continue
      let count = 0
      let bound = 0
      let exemplar: ReadExemplar | undefined
      for (const part = field.message('bucket'); part.next(); ) {
        if (part.is(1, VARINT)) count = Number(part.uint64)
        else if (part.is(4, FIXED64)) count = part.double
        else if (part.is(2, FIXED64)) bound = part.double
        else if (part.is(3, BYTES)) exemplar = this.#exemplar(part.message('exemplar'))
      }
      infinite ||= bound === Number.POSITIVE_INFINITY
      this.#sample.exemplar = exemplar
      this.#told('_bucket', `le="${showOpenFloat(bound)}"`, count)
      this.#sample.exemplar = undefined
    }
    if (!infinite) this.#told('_bucket', 'le="+Inf"', read.count)
  }

  #native(histogram: Cursor, read: HistogramFields): void {
    const exemplars: ReadExemplar[] = []
    for (const field = histogram.again(); field.next(); ) {
      if (field.is(16, BYTES)) exemplars.push(this.#exemplar(field.message('exemplar')))
      else if (field.is(3, BYTES))
        for (const part = field.message('bucket'); part.next(); )
          if (part.is(3, BYTES)) exemplars.push(this.#exemplar(part.message('exemplar')))
    }
    const positive = side(read.positiveSpans, read.positiveDeltas, read.positiveCounts)
    const negative = side(read.negativeSpans, read.negativeDeltas, read.negativeCounts)
    const sample: NativeSample = {
      line: this.#sample.line,
      key: this.#key('', ''),
      time: this.#sample.time,
      start: read.start,
      count: read.count,
      sum: read.sum,
      buckets: {
        scale: read.schema,
        zeroCount: read.zeroCount,
        zeroThreshold: read.zeroThreshold,
        positiveOffset: positive.offset,
        positive: positive.counts,
        negativeOffset: negative.offset,
        negative: negative.counts,
      },
      // One without a time cannot be told from one that was seen before.
      exemplars: exemplars.filter(({ time }) => !Number.isNaN(time)),
    }
    this.#visitor.native!(sample)
  }

  #told(suffix: string, label: string, value: number): void {
    this.#sample.value = value
    this.#tell(this.#key(suffix, label))
  }

  #tell(key: string): void {
    this.#sample.key = key
    this.#visitor.sample(this.#sample)
  }

  #key(suffix: string, label: string): string {
    const name = this.#name + suffix
    const labels = this.#labels === '' || label === '' ? this.#labels + label : `${this.#labels},${label}`
    if (legacyMetric.test(name)) return labels === '' ? name : `${name}{${labels}}`
    return `{"${escaped(name)}"${labels === '' ? '' : `,${labels}`}}`
  }

  #label(pair: Cursor): string {
    let name = ''
    let value = ''
    while (pair.next()) {
      if (pair.is(1, BYTES)) name = this.#latin1(pair)
      else if (pair.is(2, BYTES)) value = this.#latin1(pair)
    }
    return `${/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name) ? name : `"${escaped(name)}"`}="${escaped(value)}"`
  }

  #exemplar(exemplar: Cursor): ReadExemplar {
    const labels: Label[] = []
    let value = 0
    let time = Number.NaN
    while (exemplar.next()) {
      if (exemplar.is(1, BYTES)) labels.push(this.#pair(exemplar.message('label')))
      else if (exemplar.is(2, FIXED64)) value = exemplar.double
      else if (exemplar.is(3, BYTES)) time = timeOf(exemplar.message('timestamp'))
    }
    return { labels, value, time }
  }

  #pair(pair: Cursor): Label {
    let name = ''
    let value = ''
    while (pair.next()) {
      if (pair.is(1, BYTES)) name = utf8Of(this.#latin1(pair))
      else if (pair.is(2, BYTES)) value = utf8Of(this.#latin1(pair))
    }
    return [name, value]
  }

  #latin1(field: Cursor): string {
    return this.#bytes.toString('latin1', field.start, field.end)
  }
}

class HistogramFields {
  count = 0
  sum = 0
  start = 0
  schema = 0
  zeroThreshold = 0
  zeroCount = 0
  /** it has classic buckets */
  classic = false
  #said = false
  readonly positiveSpans: (readonly [offset: number, length: number])[] = []
  readonly negativeSpans: (readonly [offset: number, length: number])[] = []
  readonly positiveDeltas: number[] = []
  readonly negativeDeltas: number[] = []
  readonly positiveCounts: number[] = []
  readonly negativeCounts: number[] = []

  constructor(field: Cursor) {
    while (field.next()) {
      if (field.is(1, VARINT)) this.count = Number(field.uint64)
      else if (field.is(4, FIXED64)) this.count = field.double || this.count
      else if (field.is(2, FIXED64)) this.sum = field.double
      else if (field.is(3, BYTES)) this.classic = true
      else if (field.is(5, VARINT)) this.schema = Number(zigzag(field.uint64))
      else if (field.is(6, FIXED64)) this.zeroThreshold = field.double
      else if (field.is(7, VARINT)) this.zeroCount = Number(field.uint64)
      else if (field.is(8, FIXED64)) this.zeroCount = field.double || this.zeroCount
      else if (field.is(9, BYTES)) this.negativeSpans.push(spanOf(field.message('span')))
      else if (field.is(12, BYTES)) this.positiveSpans.push(spanOf(field.message('span')))
      else if (field.number === 10) integers(field, this.negativeDeltas)
      else if (field.number === 13) integers(field, this.positiveDeltas)
      else if (field.number === 11) doubles(field, this.negativeCounts)
      else if (field.number === 14) doubles(field, this.positiveCounts)
      else if (field.is(15, BYTES)) this.start = timeOf(field.message('created timestamp'))
      if (field.is(5, VARINT)) this.#said = true
    }
  }

  /** As Prometheus decides: an empty one says that it is one by a span without length, or by its threshold. */
  get native(): boolean {
    return (
      this.#said &&
      (this.positiveSpans.length > 0 || this.negativeSpans.length > 0 || this.zeroCount > 0 || this.zeroThreshold > 0 || !this.classic)
    )
  }
}

function spanOf(span: Cursor): readonly [offset: number, length: number] {
  let offset = 0
  let length = 0
  while (span.next()) {
    if (span.is(1, VARINT)) offset = Number(zigzag(span.uint64))
    else if (span.is(2, VARINT)) length = Number(span.uint64)
  }
  return [offset, length]
}

/** Packed or not. */
function integers(field: Cursor, into: number[]): void {
  if (field.wire === VARINT) into.push(Number(zigzag(field.uint64)))
  if (field.wire !== BYTES) return
  for (let at = field.start; at < field.end; ) {
    into.push(Number(zigzag(readVarint(field.bytes, at))))
    while (at < field.end && field.bytes[at++]! >= 0x80);
  }
}

function doubles(field: Cursor, into: number[]): void {
  if (field.wire === FIXED64) into.push(field.double)
  if (field.wire !== BYTES) return
  const view = new DataView(field.bytes.buffer, field.bytes.byteOffset, field.bytes.byteLength)
  for (let at = field.start; at + 8 <= field.end; at += 8) into.push(view.getFloat64(at, true))
}

/** Buckets in a row, gaps as zeros. Bucket k there is k - 1 in OTLP, where a bucket is named by its lower bound. */
function side(
  spans: readonly (readonly [offset: number, length: number])[],
  deltas: readonly number[],
  absolute: readonly number[],
): { offset: number; counts: number[] } {
  const counts: number[] = []
  let next = 0
  let last = 0
  for (const [i, [offset, length]] of spans.entries()) {
    const gap = i === 0 ? 0 : offset
    if (gap < 0 || counts.length + gap + length > maxBuckets)
      throw new ExpositionError('the spans of a native histogram overlap, or have too many buckets')
    for (let k = 0; k < gap; k++) counts.push(0)
    for (let k = 0; k < length; k++, next++) {
      if (absolute.length === 0) last += deltas[next] ?? 0
      counts.push(absolute.length === 0 ? last : (absolute[next] ?? 0))
    }
  }
  if (next !== Math.max(deltas.length, absolute.length)) throw new ExpositionError('a native histogram whose spans do not fit its buckets')
  if (counts.some(count => count < 0)) throw new ExpositionError('a native histogram with a negative count')
  return { offset: spans.length === 0 ? 0 : spans[0]![0] - 1, counts }
}

/** google.protobuf.Timestamp → ms */
function timeOf(time: Cursor): number {
  let ms = 0
  while (time.next()) {
    if (time.is(1, VARINT)) ms += Number(BigInt.asIntN(64, time.uint64)) * 1000
    else if (time.is(2, VARINT)) ms += Number(BigInt.asIntN(64, time.uint64)) / 1e6
  }
  return ms
}

const zigzag = (value: bigint): bigint => (value >> 1n) ^ -(value & 1n)

const escaped = (text: string): string => (/["\\\n]/.test(text) ? text.replace(/["\\\n]/g, c => (c === '\n' ? '\\n' : `\\${c}`)) : text)
