/** A small reader of the protobuf format, to hold its page against the text one. */
import { Cursor } from '../../src/otlp/wire.ts'
import { keyOf } from './parse.ts'

export interface Native {
  readonly schema: number
  readonly zeroThreshold: number
  readonly zeroCount: number
  /** index → count */
  readonly positive: ReadonlyMap<number, number>
  readonly negative: ReadonlyMap<number, number>
}
export interface DecodedMetric {
  readonly labels: ReadonlyMap<string, string>
  readonly samples: ReadonlyMap<string, number>
  readonly native: Native | undefined
  readonly exemplars: readonly { labels: ReadonlyMap<string, string>; value: number; seconds: number }[]
  /** s, 0 where absent */
  readonly created: number
  /** ms, 0 where absent */
  readonly time: number
}
export interface DecodedFamily {
  readonly name: string
  readonly help: string
  readonly unit: string
  readonly type: string
  readonly metrics: DecodedMetric[]
}

export function decodePage(bytes: Uint8Array): DecodedFamily[] {
  const families: DecodedFamily[] = []
  for (let at = 0; at < bytes.length; ) {
    let size = 0
    let scale = 1
    for (; bytes[at]! >= 128; at++, scale *= 128) size += (bytes[at]! & 127) * scale
    size += bytes[at++]! * scale
    families.push(decodeFamily(new Cursor(bytes, at, at + size)))
    at += size
  }
  return families
}

/** As the text formats write it: classic buckets, sums and counts. */
export const decodedSamples = (families: readonly DecodedFamily[]): Map<string, number> =>
  new Map(families.flatMap(family => family.metrics.flatMap(metric => [...metric.samples])))

const types = ['counter', 'gauge', 'summary', 'untyped', 'histogram']

function decodeFamily(field: Cursor): DecodedFamily {
  const text = new Map<number, string>()
  let type = 'counter'
  const metrics: Cursor[] = []
  while (field.next()) {
    if (field.number === 3) type = types[Number(field.uint64)]!
    else if (field.number === 4) metrics.push(field.message('metric'))
    else text.set(field.number, Buffer.from(field.payload).toString('utf8'))
  }
  const name = text.get(1) ?? ''
  return { name, help: text.get(2) ?? '', unit: text.get(5) ?? '', type, metrics: metrics.map(metric => decodeMetric(name, metric)) }
}

function decodeMetric(name: string, field: Cursor): DecodedMetric {
  const labels = new Map<string, string>()
  const samples = new Map<string, number>()
  const metric = {
    labels,
    samples,
    native: undefined as Native | undefined,
    exemplars: [] as DecodedMetric['exemplars'][number][],
    created: 0,
    time: 0,
  }
  const bodies: [number, Cursor][] = []
  while (field.next()) {
    if (field.number === 1) labels.set(...decodeLabel(field.message('label')))
    else if (field.number === 6) metric.time = Number(field.uint64)
    else bodies.push([field.number, field.message('value')])
  }
  const put = (suffix: string, value: number, extra: [string, string][] = []) =>
    samples.set(keyOf({ name: name + suffix, labels: new Map([...labels, ...extra]) }), value + 0)
  for (const [number, body] of bodies) {
    if (number === 7) decodeHistogram(body, metric, put)
    else if (number === 4) decodeSummary(body, metric, put)
    else
      while (body.next()) {
        if (body.number === 1) put('', body.double)
        else if (body.number === 2) metric.exemplars.push(decodeExemplar(body.message('exemplar')))
        else metric.created = decodeTime(body.message('time'))
      }
  }
  return metric
}

type Put = (suffix: string, value: number, extra?: [string, string][]) => void
type Open = { -readonly [K in keyof DecodedMetric]: DecodedMetric[K] } & { exemplars: DecodedMetric['exemplars'][number][] }

function decodeSummary(field: Cursor, metric: Open, put: Put): void {
  while (field.next()) {
    if (field.number === 1) put('_count', Number(field.uint64))
    else if (field.number === 2) put('_sum', field.double)
    else if (field.number === 4) metric.created = decodeTime(field.message('time'))
    else {
      const [quantile, value] = decodeDoubles(field.message('quantile'))
      put('', value!, [['quantile', String(quantile)]])
    }
  }
}

function decodeHistogram(field: Cursor, metric: Open, put: Put): void {
  const spans = { 9: [] as [number, number][], 12: [] as [number, number][] }
  const deltas = { 10: [] as number[], 13: [] as number[] }
  let schema: number | undefined
  let zeroThreshold = 0
  let zeroCount = 0
  while (field.next()) {
    const n = field.number
    if (n === 1) put('_count', Number(field.uint64))
    else if (n === 2) put('_sum', field.double)
    else if (n === 3) {
      let count = 0
      let le = 0
      for (const bucket = field.message('bucket'); bucket.next(); ) {
        if (bucket.number === 1) count = Number(bucket.uint64)
        else if (bucket.number === 2) le = bucket.double
        else metric.exemplars.push(decodeExemplar(bucket.message('exemplar')))
      }
      put('_bucket', count, [['le', le === Infinity ? '+Inf' : String(le)]])
    } else if (n === 5) schema = zigzag(field.uint64)
    else if (n === 6) zeroThreshold = field.double
    else if (n === 7) zeroCount = Number(field.uint64)
    else if (n === 9 || n === 12) {
      const span: [number, number] = [0, 0]
      for (const part = field.message('span'); part.next(); )
        span[part.number - 1] = part.number === 1 ? zigzag(part.uint64) : Number(part.uint64)
      spans[n].push(span)
    } else if (n === 10 || n === 13) deltas[n].push(zigzag(field.uint64))
    else if (n === 15) metric.created = decodeTime(field.message('time'))
  }
  if (schema === undefined) return
  metric.native = { schema, zeroThreshold, zeroCount, positive: unroll(spans[12], deltas[13]), negative: unroll(spans[9], deltas[10]) }
}

function unroll(spans: readonly [number, number][], deltas: readonly number[]): Map<number, number> {
  const counts = new Map<number, number>()
  let index = 0
  let count = 0
  let next = 0
  for (const [offset, length] of spans) {
    index += offset
    for (let k = 0; k < length; k++) {
      count += deltas[next++]!
      counts.set(index++, count)
    }
  }
  if (next !== deltas.length) throw new Error(`${deltas.length} deltas for ${next} buckets`)
  return counts
}

function decodeLabel(field: Cursor): [string, string] {
  const parts = ['', '']
  while (field.next()) parts[field.number - 1] = Buffer.from(field.payload).toString('utf8')
  return parts as [string, string]
}

function decodeExemplar(field: Cursor): DecodedMetric['exemplars'][number] {
  const exemplar = { labels: new Map<string, string>(), value: 0, seconds: 0 }
  while (field.next()) {
    if (field.number === 1) exemplar.labels.set(...decodeLabel(field.message('label')))
    else if (field.number === 2) exemplar.value = field.double
    else exemplar.seconds = decodeTime(field.message('time'))
  }
  return exemplar
}

function decodeTime(field: Cursor): number {
  let seconds = 0
  while (field.next()) seconds += field.number === 1 ? Number(field.uint64) : Number(field.uint64) / 1e9
  return seconds
}

function decodeDoubles(field: Cursor): number[] {
  const values: number[] = []
  while (field.next()) values[field.number - 1] = field.double
  return values
}

const zigzag = (value: bigint): number => Number((value >> 1n) ^ -(value & 1n))
