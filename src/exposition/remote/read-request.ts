/** Remote read: prometheus.ReadRequest, read from decompressed bytes, and prometheus.ReadResponse. */
import type { Matcher } from '../../model/matcher.ts'
import { BYTES, Cursor, readText, VARINT } from '../../otlp/wire.ts'
import type { Label } from '../labels.ts'
import { ProtoWriter } from '../proto-writer.ts'
import { int64Of, numbersOf } from './read.ts'
import type { RemoteSeries } from './series.ts'
import { writeLabel, writeTimeSeries } from './write.ts'

export interface ReadQuery {
  /** epoch ms, both inclusive */
  readonly start: number
  readonly end: number
  readonly matchers: readonly Matcher[]
  /** what asks, where it is known */
  readonly hints: { readonly step: number; readonly range: number; readonly func: string }
}

export interface ReadRequest {
  readonly queries: readonly ReadQuery[]
  /** 0: samples; 1: chunks, streamed. The first that both know; none is 0. */
  readonly accepted: readonly number[]
}

const operators: readonly Matcher['op'][] = ['=', '!=', '=~', '!~']

/** @throws {MalformedError} */
export function readReadRequest(bytes: Uint8Array): ReadRequest {
  const queries: ReadQuery[] = []
  const accepted: number[] = []
  for (const field = new Cursor(bytes, 0, bytes.length, 'read request', 'remote read'); field.next(); ) {
    if (field.is(1, BYTES)) queries.push(queryOf(field.message('query')))
    else if (field.number === 2) numbersOf(field, accepted)
  }
  return { queries, accepted }
}

function queryOf(field: Cursor): ReadQuery {
  let [start, end, step, range] = [0, 0, 0, 0]
  let func = ''
  const matchers: Matcher[] = []
  while (field.next()) {
    if (field.is(1, VARINT)) start = int64Of(field)
    else if (field.is(2, VARINT)) end = int64Of(field)
    else if (field.is(3, BYTES)) matchers.push(matcherOf(field.message('matcher')))
    else if (field.is(4, BYTES)) {
      for (const hint = field.message('hints'); hint.next(); ) {
        if (hint.is(1, VARINT)) step = int64Of(hint)
        else if (hint.is(2, BYTES)) func = readText(hint.bytes, hint.start, hint.end)
        else if (hint.is(7, VARINT)) range = int64Of(hint)
      }
    }
  }
  return { start, end, matchers, hints: { step, range, func } }
}

function matcherOf(field: Cursor): Matcher {
  let op = 0
  let [name, value] = ['', '']
  while (field.next()) {
    if (field.is(1, VARINT)) op = int64Of(field)
    else if (field.is(2, BYTES)) name = readText(field.bytes, field.start, field.end)
    else if (field.is(3, BYTES)) value = readText(field.bytes, field.start, field.end)
  }
  return { name, op: operators[op] ?? '=', value }
}

/** [bytes] to begin with */
const initialBytes = 64 * 1024

/** A part of a series in Prometheus's own encoding. */
export interface ReadChunk {
  /** epoch ms */
  readonly from: number
  readonly to: number
  /** Prometheus's number of it */
  readonly encoding: number
  readonly data: Uint8Array
}

/** prometheus.ChunkedReadResponse of one series: a frame of a streamed answer. @param query which of the request's it answers */
export function writeChunkedSeries(query: number, labels: readonly Label[], chunks: readonly ReadChunk[]): Uint8Array {
  const out = new ProtoWriter(1024 + chunks.reduce((sum, { data }) => sum + data.length + 32, 0))
  const series = out.begin(1)
  for (const label of labels) writeLabel(out, label)
  for (const { from, to, encoding, data } of chunks) {
    const chunk = out.begin(2)
    out.int64(1, from)
    out.int64(2, to)
    out.varintField(3, encoding)
    out.bytes(4, data)
    out.end(chunk)
  }
  out.end(series)
  if (query > 0) out.varintField(2, query)
  return out.take()
}

/** An answer that is put together series by series. */
export class ReadResponse {
  readonly #out = new ProtoWriter(initialBytes)
  #query = 0

  /** [bytes] so far */
  get size(): number {
    return this.#out.length
  }

  beginQuery(): void {
    this.#query = this.#out.begin(1)
  }
  endQuery(): void {
    this.#out.end(this.#query)
  }
  series(series: RemoteSeries): void {
    writeTimeSeries(this.#out, series)
  }
  take(): Uint8Array {
    return this.#out.take()
  }
}
