/**
 * The reader again, in plain TypeScript: one map per kind of name, one object per row, BigInt for what has 64 bits.
 * It says what `createReader` must say, a hundred times slower; tests hold the two against each other.
 */
import { systemClock } from '../lib/clock.ts'
import type {
  AnyBatch,
  BatchOf,
  ExponentialColumns,
  HistogramColumns,
  LogBatch,
  MetricBatch,
  NumberColumns,
  Reader,
  SpanBatch,
  SummaryColumns,
} from '../model/batch.ts'
import { exemplarGroups, NO_RECORDED_VALUE } from '../model/batch.ts'
import type { Dictionary, PrometheusType, ResourceEntry, ScopeEntry, SeriesEntry } from '../model/dictionary.ts'
import { metricTypes, prometheusTypes, temporalities } from '../model/dictionary.ts'
import type { Raw } from '../model/raw.ts'
import type { Signal } from '../model/signal.ts'
import { readAttributes } from './attributes.ts'
import type { ReaderOptions } from './reader.ts'
import { BYTES, Cursor, FIXED64, malformed, readText, VARINT } from './wire.ts'

export function createTwin(options: ReaderOptions = {}): Reader {
  const names = new Names(options)
  const twin = {
    dictionary: names,
    overflowed: 0,
    sweep: (nowMs: number, idleMs: number) => names.sweep(nowMs, idleMs),
    read<S extends Signal>(signal: S, raw: Raw): BatchOf[S] {
      names.tick()
      const body = new Body(signal, raw, names)
      const batch: AnyBatch = signal === 'metrics' ? readMetrics(body) : signal === 'traces' ? readSpans(body) : readLogs(body)
      twin.overflowed += body.overflowed
      return batch as BatchOf[S]
    },
  }
  return twin
}

/** A request under way: what every level of it needs. */
class Body {
  readonly raw: Raw
  readonly bytes: Uint8Array
  readonly names: Names
  readonly subject: string
  readonly resources: { from: number; to: number; id: number }[] = []
  readonly scopes: { from: number; to: number; id: number; parent: number }[] = []
  overflowed = 0

  constructor(signal: Signal, raw: Raw, names: Names) {
    this.raw = raw
    this.bytes = raw.bytes()
    this.names = names
    this.subject = `${signal} request`
  }

  fail(problem: string, at: number): never {
    throw malformed(this.subject, problem, at, this.bytes.length)
  }

  /** Calls `row` for each field 2 of each scope, with the scope's index and id. */
  walk(row: (field: Cursor, scope: number, scopeId: number) => void): void {
    for (const field = new Cursor(this.bytes, 0, this.bytes.length, 'request', this.subject); field.next(); ) {
      if (field.is(1, BYTES)) this.#resource(field, row)
    }
  }

  /** The tables that all signals share. */
  tables() {
    return {
      raw: this.raw,
      dictionary: this.names as Dictionary,
      resources: { ...ranges(this.resources), id: i32(this.resources, r => r.id) },
      scopes: { ...ranges(this.scopes), id: i32(this.scopes, s => s.id), parent: u32(this.scopes, s => s.parent) },
    }
  }

  #resource(field: Cursor, row: (field: Cursor, scope: number, scopeId: number) => void): void {
    const attributes = new AttributeList()
    const scopes: [from: number, start: number, end: number][] = []
    for (const at = field.message('resource entry'); at.next(); ) {
      if (at.is(2, BYTES)) scopes.push([at.from, at.start, at.end])
      if (!at.is(1, BYTES)) continue
      for (const inner = at.message('resource'); inner.next(); ) if (inner.is(1, BYTES)) attributes.add(inner)
    }
    const id = this.names.idOfResource(attributes)
    this.resources.push({ from: field.from, to: field.end, id })
    const parent = this.resources.length - 1
    for (const [from, start, end] of scopes) this.#scope(from, start, end, parent, id, row)
  }

  #scope(
    from: number,
    start: number,
    end: number,
    parent: number,
    resourceId: number,
    row: (field: Cursor, scope: number, scopeId: number) => void,
  ): void {
    const attributes = new AttributeList()
    let name = ''
    let version = ''
    let schemaUrl = ''
    const entry = () => new Cursor(this.bytes, start, end, 'scope entry', this.subject)
    for (const at = entry(); at.next(); ) {
      if (at.is(3, BYTES)) schemaUrl = latin1(at.payload)
      if (!at.is(1, BYTES)) continue
      for (const inner = at.message('scope'); inner.next(); ) {
        if (inner.is(1, BYTES)) name = latin1(inner.payload)
        else if (inner.is(2, BYTES)) version = latin1(inner.payload)
        else if (inner.is(3, BYTES)) attributes.add(inner)
      }
    }
    const id = this.names.idOfScope(resourceId, name, version, schemaUrl, attributes)
    this.scopes.push({ from, to: end, id, parent })
    const index = this.scopes.length - 1
    for (const at = entry(); at.next(); ) if (at.is(2, BYTES)) row(at, index, id)
  }
}

/** KeyValue fields as they come. */
class AttributeList {
  readonly #fields: Uint8Array[] = []
  readonly #found = new Map<string, string>()

  add(field: Cursor): void {
    this.#fields.push(field.payload)
    let key = ''
    let value = ''
    for (const at = field.message('attribute'); at.next(); ) {
      if (at.is(1, BYTES)) key = latin1(at.payload)
      else if (at.is(2, BYTES)) value = this.#value(at, value)
    }
    this.#found.set(key, value)
  }

  #value(field: Cursor, before: string): string {
    let value = before
    for (const at = field.message('attribute value'); at.next(); ) {
      if (at.is(2, VARINT)) value = `2:${at.uint64 !== 0n}`
      else if (at.is(3, VARINT)) value = `3:${at.uint64}`
      else if (at.is(4, FIXED64)) value = `4:${at.fixed64}`
      else if (at.wire === BYTES && [1, 5, 6, 7].includes(at.number)) value = `${at.number}:${latin1(at.payload)}`
    }
    return value
  }

  /** Equal for equal attributes, however they were ordered. */
  get key(): string {
    return JSON.stringify([...this.#found].sort(([a], [b]) => (a < b ? -1 : 1)))
  }

  /** As KeyValue fields with the number 1. */
  get bytes(): Uint8Array {
    const parts: number[] = []
    for (const payload of this.#fields) {
      parts.push(0x0a)
      let rest = payload.length
      for (; rest > 127; rest >>>= 7) parts.push((rest & 127) | 128)
      parts.push(rest, ...payload)
    }
    return Uint8Array.from(parts)
  }
}

// ---- metrics

interface Point {
  from: number
  to: number
  series: number
  metric: number
  start: number
  time: number
  flags: number
  value: number
  count: number
  sum: number
  min: number
  max: number
  bounds: number
  at: number
  length: number
  scale: number
  zeroCount: number
  zeroThreshold: number
  positive: Buckets
  negative: Buckets
}
interface Buckets {
  offset: number
  at: number
  length: number
}
interface Exemplar {
  from: number
  to: number
  group: number
  row: number
  time: number
  value: number
  ids: Uint8Array
}

/** Field number of a metric's data → what it is, and which fields its points have. */
const shapes = {
  5: { type: 'gauge', group: 'numbers', attributes: 7, flags: 8, exemplars: 5 },
  7: { type: 'sum', group: 'numbers', attributes: 7, flags: 8, exemplars: 5 },
  9: { type: 'histogram', group: 'histograms', attributes: 9, flags: 10, exemplars: 8 },
  10: { type: 'exponential_histogram', group: 'exponentials', attributes: 1, flags: 10, exemplars: 11 },
  11: { type: 'summary', group: 'summaries', attributes: 7, flags: 8, exemplars: -1 },
} as const
type Shape = (typeof shapes)[keyof typeof shapes]
const isData = (number: number): number is keyof typeof shapes => number in shapes

class Points {
  readonly metrics: { from: number; to: number; parent: number }[] = []
  readonly numbers: Point[] = []
  readonly histograms: Point[] = []
  readonly exponentials: Point[] = []
  readonly summaries: Point[] = []
  readonly exemplars: Exemplar[] = []
  readonly buckets: number[] = []
  readonly quantiles: number[] = []
}

function readMetrics(body: Body): MetricBatch {
  const points = new Points()
  body.walk((field, scope, scopeId) => readMetric(body, points, field, scope, scopeId))
  const { numbers, histograms, exponentials, summaries, exemplars } = points
  return {
    signal: 'metrics',
    ...body.tables(),
    rows: numbers.length + histograms.length + exponentials.length + summaries.length,
    metrics: { ...ranges(points.metrics), parent: u32(points.metrics, m => m.parent) },
    numbers: numberColumns(numbers),
    histograms: histogramColumns(histograms),
    exponentials: exponentialColumns(exponentials),
    summaries: summaryColumns(summaries),
    exemplars: {
      ...ranges(exemplars),
      group: Uint8Array.from(exemplars, e => e.group),
      row: u32(exemplars, e => e.row),
      time: f64(exemplars, e => e.time),
      value: f64(exemplars, e => e.value),
      ids: joined(exemplars, 24),
    },
    buckets: Float64Array.from(points.buckets),
    quantiles: Float64Array.from(points.quantiles),
  }
}

function readMetric(body: Body, points: Points, field: Cursor, scope: number, scopeId: number): void {
  points.metrics.push({ from: field.from, to: field.end, parent: scope })
  const metric = points.metrics.length - 1
  let name = ''
  let unit = ''
  let description = ''
  let prometheusType: PrometheusType | undefined
  let data: [number: keyof typeof shapes, messages: Cursor[]] | undefined
  for (const at = field.message('metric'); at.next(); ) {
    if (at.is(1, BYTES)) name = latin1(at.payload)
    else if (at.is(2, BYTES)) description = latin1(at.payload)
    else if (at.is(3, BYTES)) unit = latin1(at.payload)
    else if (at.is(12, BYTES)) prometheusType = typeOf(latin1(at.payload)) ?? prometheusType
    else if (at.wire === BYTES && isData(at.number)) {
      // A oneof: another member replaces what was there, the same member adds to it.
      if (data?.[0] !== at.number) data = [at.number, []]
      data[1].push(at.message('metric data'))
    }
  }
  if (data === undefined) return
  const shape = shapes[data[0]]
  let temporality = 0
  let monotonic = false
  const fields: [from: number, start: number, end: number][] = []
  for (const at of data[1]) {
    while (at.next()) {
      if (at.is(1, BYTES)) fields.push([at.from, at.start, at.end])
      else if (at.is(2, VARINT) && data[0] !== 5 && data[0] !== 11) temporality = small(at, 2)
      else if (at.is(3, VARINT) && data[0] === 7) monotonic = at.uint64 !== 0n
    }
  }
  // A metric without points is not a name worth keeping.
  if (fields.length === 0) return
  const id = body.names.idOfMetric(scopeId, { name, unit, description, type: shape.type, temporality, monotonic, prometheusType })
  for (const [from, start, end] of fields) readPoint(body, points, shape, from, start, end, metric, id)
}

/** `prometheus.type`, as every encoder writes it: anything else is about something else. */
function typeOf(metadata: string): PrometheusType | undefined {
  return prometheusTypes.find(
    type => metadata === `\n\x0fprometheus.type\x12${String.fromCharCode(type.length + 2)}\n${String.fromCharCode(type.length)}${type}`,
  )
}

function readPoint(body: Body, points: Points, shape: Shape, from: number, start: number, end: number, metric: number, id: number): void {
  const point: Point = {
    ...{
      from,
      to: end,
      series: -1,
      metric,
      start: 0,
      time: 0,
      flags: 0,
      value: NaN,
      count: 0,
      sum: shape.group === 'summaries' ? 0 : NaN,
      min: NaN,
      max: NaN,
    },
    ...{ bounds: -1, at: points.buckets.length, length: 0, scale: 0, zeroCount: 0, zeroThreshold: 0 },
    ...{ positive: { offset: 0, at: 0, length: 0 }, negative: { offset: 0, at: 0, length: 0 } },
  }
  const row = points[shape.group].length
  const attributes = new AttributeList()
  const pieces: { positive: Cursor[]; negative: Cursor[]; counts: number[]; bounds: bigint[]; quantiles: number[] } = {
    ...{ positive: [], negative: [], counts: [], bounds: [], quantiles: [] },
  }
  for (const at = new Cursor(body.bytes, start, end, 'data point', body.subject); at.next(); ) {
    if (at.is(shape.attributes, BYTES)) attributes.add(at)
    else if (at.is(2, FIXED64)) point.start = ms(at.fixed64)
    else if (at.is(3, FIXED64)) point.time = ms(at.fixed64)
    else if (at.is(shape.flags, VARINT)) point.flags = Number(at.uint64 & 0xffff_ffffn)
    else if (at.is(shape.exemplars, BYTES))
      points.exemplars.push(readExemplar(body, at, (exemplarGroups as readonly string[]).indexOf(shape.group), row))
    else if (shape.group === 'numbers') readNumber(point, at)
    else if (shape.group === 'histograms') readHistogram(body, point, pieces, at)
    else if (shape.group === 'exponentials') readExponential(point, pieces, at)
    else readSummary(point, pieces, at)
  }
  finishPoint(body, points, shape, point, pieces)
  point.series = body.names.idOfSeries(id, attributes)
  if (point.series < 0) body.overflowed++
  points[shape.group].push(point)
}

function finishPoint(
  body: Body,
  points: Points,
  shape: Shape,
  point: Point,
  pieces: { positive: Cursor[]; negative: Cursor[]; counts: number[]; bounds: bigint[]; quantiles: number[] },
): void {
  if (shape.group === 'numbers' && point.flags & NO_RECORDED_VALUE) point.value = NaN
  if (shape.group === 'histograms') {
    // Buckets that do not fit the bounds cannot be read; the row keeps its count and sum.
    const fits = pieces.counts.length === 0 || pieces.counts.length === pieces.bounds.length + 1
    if (fits) {
      point.length = pieces.counts.length
      for (const count of pieces.counts) points.buckets.push(count)
      point.bounds = body.names.idOfBounds(pieces.bounds)
    }
  }
  if (shape.group === 'exponentials') {
    point.positive = readBuckets(body, points, pieces.positive)
    point.negative = readBuckets(body, points, pieces.negative)
  }
  if (shape.group === 'summaries') {
    point.at = points.quantiles.length / 2
    point.length = pieces.quantiles.length / 2
    points.quantiles.push(...pieces.quantiles)
  }
}

function readNumber(point: Point, at: Cursor): void {
  if (at.is(4, FIXED64)) point.value = at.double
  else if (at.is(6, FIXED64)) point.value = Number(BigInt.asIntN(64, at.fixed64))
}

function readHistogram(body: Body, point: Point, pieces: { counts: number[]; bounds: bigint[] }, at: Cursor): void {
  if (at.is(4, FIXED64)) point.count = Number(at.fixed64)
  else if (at.is(5, FIXED64)) point.sum = at.double
  else if (at.is(11, FIXED64)) point.min = at.double
  else if (at.is(12, FIXED64)) point.max = at.double
  else if (at.number === 6) for (const count of eights(body, at)) pieces.counts.push(Number(count))
  else if (at.number === 7) for (const bound of eights(body, at)) pieces.bounds.push(bound)
}

/** A repeated field of eight bytes each, packed or one by one. */
function eights(body: Body, at: Cursor): bigint[] {
  if (at.wire === FIXED64) return [at.fixed64]
  if (at.wire !== BYTES) return []
  if (at.payload.length % 8 !== 0) body.fail('packed field of odd length in data point', at.from)
  const view = new DataView(at.bytes.buffer, at.bytes.byteOffset + at.start, at.end - at.start)
  return Array.from({ length: view.byteLength / 8 }, (_, i) => view.getBigUint64(8 * i, true))
}

function readExponential(point: Point, pieces: { positive: Cursor[]; negative: Cursor[] }, at: Cursor): void {
  if (at.is(4, FIXED64)) point.count = Number(at.fixed64)
  else if (at.is(5, FIXED64)) point.sum = at.double
  else if (at.is(6, VARINT)) point.scale = zigzag(at.uint64)
  else if (at.is(7, FIXED64)) point.zeroCount = Number(at.fixed64)
  else if (at.is(8, BYTES)) pieces.positive.push(at.message('buckets'))
  else if (at.is(9, BYTES)) pieces.negative.push(at.message('buckets'))
  else if (at.is(12, FIXED64)) point.min = at.double
  else if (at.is(13, FIXED64)) point.max = at.double
  else if (at.is(14, FIXED64)) point.zeroThreshold = at.double
}

function readBuckets(body: Body, points: Points, messages: readonly Cursor[]): Buckets {
  const first = points.buckets.length
  let offset = 0
  for (const at of messages) {
    while (at.next()) {
      if (at.is(1, VARINT)) offset = zigzag(at.uint64)
      else if (at.is(2, VARINT)) points.buckets.push(Number(at.uint64))
      else if (at.is(2, BYTES)) points.buckets.push(...varints(body, at))
    }
  }
  return { offset, at: first, length: points.buckets.length - first }
}

function varints(body: Body, at: Cursor): number[] {
  const values: number[] = []
  for (let from = at.start; from < at.end; ) {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      if (from >= at.end) body.fail('truncated buckets', at.from)
      const byte = at.bytes[from++]!
      if (shift === 63n && byte > 1) body.fail('varint of more than 64 bits in buckets', at.from)
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) break
    }
    values.push(Number(value))
  }
  return values
}

function readSummary(point: Point, pieces: { quantiles: number[] }, at: Cursor): void {
  if (at.is(4, FIXED64)) point.count = Number(at.fixed64)
  else if (at.is(5, FIXED64)) point.sum = at.double
  else if (at.is(6, BYTES)) {
    let quantile = 0
    let value = 0
    for (const inner = at.message('quantile'); inner.next(); ) {
      if (inner.is(1, FIXED64)) quantile = inner.double
      else if (inner.is(2, FIXED64)) value = inner.double
    }
    pieces.quantiles.push(quantile, value)
  }
}

function readExemplar(body: Body, field: Cursor, group: number, row: number): Exemplar {
  const found: Exemplar = { from: field.from, to: field.end, group, row, time: 0, value: NaN, ids: new Uint8Array(24) }
  for (const at = field.message('exemplar'); at.next(); ) {
    if (at.is(2, FIXED64)) found.time = ms(at.fixed64)
    else if (at.is(3, FIXED64)) found.value = at.double
    else if (at.is(6, FIXED64)) found.value = Number(BigInt.asIntN(64, at.fixed64))
    else if (at.is(4, BYTES)) readId(body, at, found.ids, 16, 8, 'span_id')
    else if (at.is(5, BYTES)) readId(body, at, found.ids, 0, 16, 'trace_id')
  }
  return found
}

// ---- spans and logs

function readSpans(body: Body): SpanBatch {
  const rows: SpanRow[] = []
  body.walk((field, scope) => rows.push(readSpan(body, field, scope)))
  return {
    signal: 'traces',
    ...body.tables(),
    rows: rows.length,
    spans: {
      ...ranges(rows),
      scope: u32(rows, r => r.scope),
      ids: joined(rows, 32),
      name: i32(rows, r => r.name),
      kind: Uint8Array.from(rows, r => r.kind),
      status: Uint8Array.from(rows, r => r.status),
      start: f64(rows, r => ms(r.start)),
      duration: f64(rows, r => Number(BigInt.asIntN(64, r.end - r.start)) * 1e-6),
      attributesFrom: u32(rows, r => r.attributes[0]),
      attributesTo: u32(rows, r => r.attributes[1]),
      traceStateFrom: u32(rows, r => r.traceState[0]),
      traceStateTo: u32(rows, r => r.traceState[1]),
    },
  }
}

interface SpanRow {
  from: number
  to: number
  scope: number
  ids: Uint8Array
  name: number
  kind: number
  status: number
  start: bigint
  end: bigint
  attributes: [number, number]
  traceState: [number, number]
}

function readSpan(body: Body, field: Cursor, scope: number): SpanRow {
  const row: SpanRow = {
    ...{ from: field.from, to: field.end, scope, ids: new Uint8Array(32), name: -1, kind: 0, status: 0, start: 0n, end: 0n },
    attributes: [0, 0],
    traceState: [0, 0],
  }
  let name = ''
  for (const at = field.message('span'); at.next(); ) {
    if (at.is(1, BYTES)) readId(body, at, row.ids, 0, 16, 'trace_id')
    else if (at.is(2, BYTES)) readId(body, at, row.ids, 16, 8, 'span_id')
    else if (at.is(3, BYTES)) row.traceState = at.start === at.end ? [0, 0] : [at.start, at.end]
    else if (at.is(4, BYTES)) readId(body, at, row.ids, 24, 8, 'parent_span_id')
    else if (at.is(5, BYTES)) name = latin1(at.payload)
    else if (at.is(6, VARINT)) row.kind = small(at, 5)
    else if (at.is(7, FIXED64)) row.start = at.fixed64
    else if (at.is(8, FIXED64)) row.end = at.fixed64
    else if (at.is(9, BYTES)) row.attributes = [row.attributes[1] === 0 ? at.from : row.attributes[0], at.end]
    else if (at.is(13, BYTES)) readLink(body, at)
    else if (at.is(15, BYTES)) row.status = readStatus(at, row.status)
  }
  row.name = body.names.idOfText(name)
  return row
}

function readLink(body: Body, field: Cursor): void {
  const ids = new Uint8Array(24)
  for (const at = field.message('link'); at.next(); ) {
    if (at.is(1, BYTES)) readId(body, at, ids, 0, 16, 'trace_id')
    else if (at.is(2, BYTES)) readId(body, at, ids, 16, 8, 'span_id')
  }
}

function readStatus(field: Cursor, before: number): number {
  let status = before
  for (const at = field.message('status'); at.next(); ) if (at.is(3, VARINT)) status = small(at, 2)
  return status
}

interface LogRow {
  from: number
  to: number
  scope: number
  time: number
  observed: number
  severity: number
  severityText: number
  eventName: number
  body: [number, number]
  attributes: [number, number]
  ids: Uint8Array
}

function readLogs(body: Body): LogBatch {
  const rows: LogRow[] = []
  body.walk((field, scope) => rows.push(readRecord(body, field, scope)))
  return {
    signal: 'logs',
    ...body.tables(),
    rows: rows.length,
    records: {
      ...ranges(rows),
      scope: u32(rows, r => r.scope),
      time: f64(rows, r => r.time),
      observed: f64(rows, r => r.observed),
      severity: Uint8Array.from(rows, r => r.severity),
      severityText: i32(rows, r => r.severityText),
      eventName: i32(rows, r => r.eventName),
      bodyFrom: u32(rows, r => r.body[0]),
      bodyTo: u32(rows, r => r.body[1]),
      attributesFrom: u32(rows, r => r.attributes[0]),
      attributesTo: u32(rows, r => r.attributes[1]),
      ids: joined(rows, 24),
    },
  }
}

function readRecord(body: Body, field: Cursor, scope: number): LogRow {
  const row: LogRow = {
    ...{ from: field.from, to: field.end, scope, time: 0, observed: 0, severity: 0, severityText: -1, eventName: -1 },
    ...{ body: [0, 0], attributes: [0, 0], ids: new Uint8Array(24) },
  }
  let severityText = ''
  let eventName = ''
  for (const at = field.message('log record'); at.next(); ) {
    if (at.is(1, FIXED64)) row.time = ms(at.fixed64)
    else if (at.is(11, FIXED64)) row.observed = ms(at.fixed64)
    else if (at.is(2, VARINT)) row.severity = small(at, 24)
    else if (at.is(3, BYTES)) severityText = latin1(at.payload)
    else if (at.is(5, BYTES)) row.body = [at.start, at.end]
    else if (at.is(6, BYTES)) row.attributes = [row.attributes[1] === 0 ? at.from : row.attributes[0], at.end]
    else if (at.is(9, BYTES)) readId(body, at, row.ids, 0, 16, 'trace_id')
    else if (at.is(10, BYTES)) readId(body, at, row.ids, 16, 8, 'span_id')
    else if (at.is(12, BYTES)) eventName = latin1(at.payload)
  }
  row.severityText = body.names.idOfText(severityText)
  row.eventName = body.names.idOfText(eventName)
  return row
}

function readId(body: Body, field: Cursor, into: Uint8Array, at: number, size: number, what: string): void {
  const id = field.payload
  if (id.length !== 0 && id.length !== size) body.fail(`${what} of ${id.length} bytes instead of ${size}`, field.from)
  into.fill(0, at, at + size)
  into.set(id, at)
}

// ---- small things

const ms = (nanoseconds: bigint): number => Number(nanoseconds) * 1e-6
const zigzag = (value: bigint): number => Number(BigInt.asIntN(32, (value >> 1n) ^ -(value & 1n)))
/** An enum's number; 0 for one that we do not know. */
const small = (field: Cursor, max: number): number => (field.uint64 <= BigInt(max) ? Number(field.uint64) : 0)
const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
const toText = (text: string): string => readText(Buffer.from(text, 'latin1'))

const f64 = <T>(rows: readonly T[], of: (row: T) => number) => Float64Array.from(rows, of)
const i32 = <T>(rows: readonly T[], of: (row: T) => number) => Int32Array.from(rows, of)
const u32 = <T>(rows: readonly T[], of: (row: T) => number) => Uint32Array.from(rows, of)
const ranges = (rows: readonly { from: number; to: number }[]) => ({
  length: rows.length,
  from: u32(rows, r => r.from),
  to: u32(rows, r => r.to),
})

function joined(rows: readonly { ids: Uint8Array }[], width: number): Uint8Array {
  const ids = new Uint8Array(rows.length * width)
  for (const [i, row] of rows.entries()) ids.set(row.ids, i * width)
  return ids
}

function pointColumns(rows: readonly Point[]) {
  return {
    ...ranges(rows),
    series: i32(rows, r => r.series),
    metric: u32(rows, r => r.metric),
    start: f64(rows, r => r.start),
    time: f64(rows, r => r.time),
    flags: u32(rows, r => r.flags),
  }
}
const numberColumns = (rows: readonly Point[]): NumberColumns => ({ ...pointColumns(rows), value: f64(rows, r => r.value) })
const distributionColumns = (rows: readonly Point[]) => ({
  ...pointColumns(rows),
  count: f64(rows, r => r.count),
  sum: f64(rows, r => r.sum),
  min: f64(rows, r => r.min),
  max: f64(rows, r => r.max),
})
const histogramColumns = (rows: readonly Point[]): HistogramColumns => ({
  ...distributionColumns(rows),
  bounds: i32(rows, r => r.bounds),
  bucketsFrom: u32(rows, r => r.at),
  bucketsLength: u32(rows, r => r.length),
})
const exponentialColumns = (rows: readonly Point[]): ExponentialColumns => ({
  ...distributionColumns(rows),
  scale: i32(rows, r => r.scale),
  zeroCount: f64(rows, r => r.zeroCount),
  zeroThreshold: f64(rows, r => r.zeroThreshold),
  positiveOffset: i32(rows, r => r.positive.offset),
  positiveFrom: u32(rows, r => r.positive.at),
  positiveLength: u32(rows, r => r.positive.length),
  negativeOffset: i32(rows, r => r.negative.offset),
  negativeFrom: u32(rows, r => r.negative.at),
  negativeLength: u32(rows, r => r.negative.length),
})
const summaryColumns = (rows: readonly Point[]): SummaryColumns => ({
  ...pointColumns(rows),
  count: f64(rows, r => r.count),
  sum: f64(rows, r => r.sum),
  quantilesFrom: u32(rows, r => r.at),
  quantilesLength: u32(rows, r => r.length),
})

// ---- names

/** Names of one kind: key → id, dense, freed when idle. */
class Kind<T> {
  readonly #ids = new Map<string, number>()
  /** names whose id another has taken over, and stands for them */
  readonly #before = new Map<string, { id: number; seen: number }>()
  readonly #entries: ({ key: string; value: T; seen: number } | undefined)[] = []
  readonly #free: number[] = []
  readonly generations: number[] = []
  /** how often one of them has changed */
  changes = 0
  readonly #max: number
  constructor(max: number) {
    this.#max = max
  }
  get size(): number {
    return this.#ids.size
  }
  get capacity(): number {
    return this.#entries.length
  }
  get(id: number): T | undefined {
    return this.#entries[id]?.value
  }
  idOf(key: string): number | undefined {
    return this.#ids.get(key)
  }
  id(key: string, now: number, value: () => T): number {
    const known = this.#ids.get(key)
    if (known !== undefined) {
      this.#entries[known]!.seen = now
      return known
    }
    const before = this.#before.get(key)
    if (before !== undefined) {
      before.seen = now
      return before.id
    }
    if (this.#ids.size >= this.#max) return -1
    const id = this.#free.pop() ?? this.#entries.length
    this.#entries[id] = { key, value: value(), seen: now }
    this.generations[id] ??= 0
    this.#ids.set(key, id)
    return id
  }
  /** The id of `before`, where it is there, is that of `key` from now on, in another generation. */
  takeOver(before: string, key: string, now: number, value: () => T): void {
    const id = this.#ids.get(before)
    if (id === undefined || this.#ids.has(key)) return
    this.#before.set(before, { id, seen: this.#entries[id]!.seen })
    this.#ids.delete(before)
    this.#ids.set(key, id)
    this.#entries[id] = { key, value: value(), seen: now }
    this.generations[id]!++
    this.changes++
  }
  see(id: number, seen: number): void {
    const entry = this.#entries[id]!
    entry.seen = Math.max(entry.seen, seen)
  }
  /** What comes by a name of before keeps what stands for it. */
  seeTakenOver(value: (value: T, seen: number) => void): void {
    for (const { id, seen } of this.#before.values()) {
      this.see(id, seen)
      value(this.#entries[id]!.value, seen)
    }
  }
  sweep(nowMs: number, idleMs: number): number {
    let freed = 0
    for (const [key, { seen }] of this.#before) if (nowMs - seen >= idleMs) this.#before.delete(key)
    for (const [id, entry] of this.#entries.entries()) {
      if (entry === undefined || nowMs - entry.seen < idleMs) continue
      this.#ids.delete(entry.key)
      this.#entries[id] = undefined
      this.#free.push(id)
      this.generations[id]!++
      this.changes++
      freed++
    }
    return freed
  }
}

interface MetricName {
  name: string
  unit: string
  description: string
  type: SeriesEntry['type']
  temporality: number
  monotonic: boolean
  prometheusType: PrometheusType | undefined
}

const metricKey = (scope: number, { name, unit, type, temporality, monotonic, prometheusType }: MetricName): string =>
  JSON.stringify([scope, name, unit, type, temporality, monotonic, prometheusType])

const cumulative = temporalities.indexOf('cumulative')

/** What a metric of Prometheus was while its type was not told; undefined where it was told with its first points. */
function beforeTold(metric: MetricName): MetricName | undefined {
  const { type, temporality, prometheusType } = metric
  if (prometheusType === undefined || prometheusType === 'unknown') return undefined
  if (type === 'exponential_histogram' && prometheusType === 'gaugehistogram') return undefined
  const untold: MetricName = { ...metric, unit: '', monotonic: false, prometheusType: 'unknown' }
  if (type !== 'sum') return untold
  return temporality === cumulative ? { ...untold, type: 'gauge', temporality: 0 } : undefined
}

class Names implements Dictionary {
  readonly #now: () => number
  #time = 0
  readonly #resources: Kind<Uint8Array>
  readonly #scopes: Kind<{ parent: number; name: string; version: string; schemaUrl: string; attributes: Uint8Array }>
  readonly #metrics: Kind<MetricName & { scope: number }>
  readonly #series: Kind<{ metric: number; attributes: Uint8Array }>
  readonly #texts: Kind<string>
  readonly #bounds: Kind<Float64Array>

  constructor(options: ReaderOptions) {
    const maxSeries = options.maxSeries ?? 1_000_000
    this.#now = options.now ?? systemClock.now
    this.#resources = new Kind(maxSeries)
    this.#scopes = new Kind(maxSeries)
    // A metric may be there twice, before its type was told and after.
    this.#metrics = new Kind(2 * maxSeries)
    this.#series = new Kind(maxSeries)
    this.#texts = new Kind(options.maxTexts ?? 100_000)
    this.#bounds = new Kind(maxSeries)
  }

  tick(): void {
    this.#time = this.#now()
  }
  idOfResource(attributes: AttributeList): number {
    return this.#resources.id(attributes.key, this.#time, () => attributes.bytes)
  }
  idOfScope(parent: number, name: string, version: string, schemaUrl: string, attributes: AttributeList): number {
    if (parent < 0) return -1
    const key = JSON.stringify([parent, name, version, schemaUrl, attributes.key])
    return this.#scopes.id(key, this.#time, () => ({ parent, name, version, schemaUrl, attributes: attributes.bytes }))
  }
  idOfMetric(scope: number, metric: MetricName): number {
    if (scope < 0) return -1
    return this.#metrics.id(metricKey(scope, metric), this.#time, () => ({ ...metric, scope }))
  }
  idOfSeries(metric: number, attributes: AttributeList): number {
    if (metric < 0) return -1
    const key = `${metric} ${attributes.key}`
    const value = () => ({ metric, attributes: attributes.bytes })
    const untold = this.#untold(metric)
    if (untold !== undefined) this.#series.takeOver(`${untold} ${attributes.key}`, key, this.#time, value)
    return this.#series.id(key, this.#time, value)
  }
  /** The metric as which it came before its type was told. */
  #untold(id: number): number | undefined {
    const { scope, ...metric } = this.#metrics.get(id)!
    const untold = beforeTold(metric)
    return untold && this.#metrics.idOf(metricKey(scope, untold))
  }
  idOfText(text: string): number {
    return text === '' ? -1 : this.#texts.id(text, this.#time, () => toText(text))
  }
  idOfBounds(bounds: readonly bigint[]): number {
    if (bounds.length === 0) return -1
    return this.#bounds.id(bounds.join(), this.#time, () => new Float64Array(BigUint64Array.from(bounds).buffer))
  }

  sweeps = 0
  sweep(nowMs: number, idleMs: number): number {
    this.sweeps++
    this.#series.seeTakenOver(({ metric }, seen) => this.#metrics.see(metric, seen))
    for (const kind of [this.#resources, this.#scopes, this.#metrics, this.#texts, this.#bounds]) kind.sweep(nowMs, idleMs)
    return this.#series.sweep(nowMs, idleMs)
  }

  get size(): number {
    return this.#series.size
  }
  get capacity(): number {
    return this.#series.capacity
  }
  get changes(): number {
    return this.#series.changes
  }
  generation(series: number): number {
    return this.#series.generations[series] ?? 0
  }
  series(series: number): SeriesEntry {
    const known = this.#series.get(series)
    const metric = known && this.#metrics.get(known.metric)
    const scope = metric && this.#scopes.get(metric.scope)
    if (!known || !metric || !scope) throw new RangeError(`dictionary: no series has the id ${series}`)
    return {
      resource: this.resource(scope.parent),
      scope: this.scope(metric.scope),
      name: toText(metric.name),
      unit: toText(metric.unit),
      description: toText(metric.description),
      type: metricTypes.find(type => type === metric.type)!,
      temporality: temporalities[metric.temporality]!,
      monotonic: metric.monotonic,
      prometheusType: metric.prometheusType,
      attributes: attributesOf(known.attributes),
    }
  }
  resource(id: number): ResourceEntry {
    return { attributes: attributesOf(this.#resources.get(id) ?? none) }
  }
  scope(id: number): ScopeEntry {
    const { name, version, schemaUrl, attributes } = this.#scopes.get(id) ?? { name: '', version: '', schemaUrl: '', attributes: none }
    return { name: toText(name), version: toText(version), schemaUrl: toText(schemaUrl), attributes: attributesOf(attributes) }
  }
  text(id: number): string {
    return this.#texts.get(id) ?? ''
  }
  bounds(id: number): Float64Array {
    return this.#bounds.get(id)?.slice() ?? new Float64Array()
  }
}

const none = new Uint8Array()
const attributesOf = (bytes: Uint8Array) => readAttributes(bytes, 0, bytes.length, 1)
