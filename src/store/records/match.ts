/** Which blocks may have rows that are asked for, and which rows of a batch are. */
import type { LogBatch, SpanBatch } from '../../model/batch.ts'
import type { LogQuery, QueryOf, SpanQuery } from '../../model/records.ts'
import { Finder, readTyped, showTyped } from '../../otlp/find.ts'
import { Scan } from '../../otlp/scan.ts'
import { textOf } from '../../otlp/value.ts'
import { BYTES } from '../../otlp/wire.ts'
import { mayHave } from './bloom.ts'
import { LOG_ATTRIBUTES, SPAN_ATTRIBUTES } from './indexer.ts'
import { hashesOf, hashId, hashName, UNNAMED } from './pairs.ts'
import type { Block } from './segment-index.ts'

export type AnyQuery = SpanQuery & LogQuery
export type RecordSignal = keyof QueryOf

export class Matcher {
  readonly query: AnyQuery
  readonly traceHashes: readonly number[] | undefined
  /** the attributes, the service among them, and the name: of each, one hash must be there */
  readonly #hashes: readonly (readonly number[])[]
  readonly #codes: number
  readonly #attributes: readonly (readonly [key: string, value: string])[]
  readonly #ofRow: Finder
  readonly #ofResource: Finder
  readonly #service: Finder

  constructor(signal: RecordSignal, query: AnyQuery) {
    this.query = query
    this.#attributes = query.attributes ?? []
    this.traceHashes = query.traceIds?.map(id => hashId(id, 0, id.length))
    const pairs = [...this.#attributes, ...(query.service === undefined ? [] : [['service.name', query.service] as const])]
    const name = query.name === undefined || query.name.includes('\ufffd') ? [] : [[hashName(query.name), UNNAMED]]
    // Bytes that are no UTF-8 are shown as U+FFFD: what stands for several is not looked for by its hash.
    const certain = pairs.filter(pair => !pair.join('').includes('\ufffd'))
    this.#hashes = [...certain.map(([key, value]) => hashesOf(key, value)), ...name]
    this.#codes = codesOf(signal, query)
    const keys = this.#attributes.map(([key]) => key)
    this.#ofRow = new Finder(keys)
    this.#ofResource = new Finder(keys)
    this.#service = new Finder(['service.name'])
  }

  mayBeIn({ minTime, maxTime, maxDuration, mask }: Omit<Block, 'bloom'>, has: (hash: number) => boolean): boolean {
    const { from, to, minDuration = 0 } = this.query
    if (maxTime < from || minTime >= to || maxDuration < minDuration || (mask & this.#codes) === 0) return false
    return this.#hashes.every(hashes => hashes.some(has))
  }
  mayBeInBlock(block: Block): boolean {
    return this.mayBeIn(block, hash => mayHave(block.bloom, hash))
  }

  /** Places of the rows. */
  rowsOf(batch: SpanBatch | LogBatch): number[] {
    const resources = this.#resourcesOf(batch)
    const rows: number[] = []
    for (let i = 0; i < batch.rows; i++) {
      const scope = batch.signal === 'traces' ? batch.spans.scope[i]! : batch.records.scope[i]!
      const resource = batch.scopes.parent[scope]!
      if (resources[resource] !== undefined && this.#isWanted(batch, i) && this.#hasAttributes(batch, i, resources[resource])) rows.push(i)
    }
    return rows
  }

  /** By resource: where its attributes are; undefined where it is of another service. */
  #resourcesOf({ raw, resources }: SpanBatch | LogBatch): ({ from: number; to: number } | undefined)[] {
    const bytes = raw.bytes()
    return Array.from({ length: resources.length }, (_, i) => {
      const place = resourceIn(bytes, resources.from[i]!, resources.to[i]!)
      const { service } = this.query
      if (service === undefined) return place
      this.#service.find(bytes, place.from, place.to, 1)
      return this.#isAt(bytes, this.#service, 0, service) ? place : undefined
    })
  }

  #isWanted(batch: SpanBatch | LogBatch, i: number): boolean {
    const { from, to, name, traceIds } = this.query
    const time = timeOf(batch, i)
    if (time < from || time >= to) return false
    if (
      name !== undefined &&
      batch.dictionary.text(batch.signal === 'traces' ? batch.spans.name[i]! : batch.records.eventName[i]!) !== name
    )
      return false
    if (traceIds !== undefined && !traceIds.some(id => isId(batch, i, id))) return false
    return batch.signal === 'traces' ? this.#isSpan(batch, i) : this.#isLog(batch, i)
  }

  #isSpan({ spans }: SpanBatch, i: number): boolean {
    const { status, minDuration } = this.query
    return (status === undefined || spans.status[i] === status) && (minDuration === undefined || spans.duration[i]! >= minDuration)
  }

  #isLog({ raw, records }: LogBatch, i: number): boolean {
    const { minSeverity = 0, text } = this.query
    if (records.severity[i]! < minSeverity) return false
    return text === undefined || textOf(raw.bytes(), records.bodyFrom[i]!, records.bodyTo[i]!).includes(text)
  }

  #hasAttributes(batch: SpanBatch | LogBatch, i: number, resource: { from: number; to: number }): boolean {
    if (this.#attributes.length === 0) return true
    const bytes = batch.raw.bytes()
    const { attributesFrom, attributesTo } = batch.signal === 'traces' ? batch.spans : batch.records
    this.#ofRow.find(bytes, attributesFrom[i]!, attributesTo[i]!, batch.signal === 'traces' ? SPAN_ATTRIBUTES : LOG_ATTRIBUTES)
    this.#ofResource.find(bytes, resource.from, resource.to, 1)
    return this.#attributes.every(([, value], k) => {
      const own = this.#ofRow.ranges[2 * k + 1] !== 0
      return this.#isAt(bytes, own ? this.#ofRow : this.#ofResource, k, value)
    })
  }

  #isAt(bytes: Uint8Array, { ranges }: Finder, k: number, value: string): boolean {
    const [from, to] = [ranges[2 * k]!, ranges[2 * k + 1]!]
    return to !== 0 && showTyped(readTyped(bytes, from, to)) === value
  }
}

/** Bits of the codes that may be asked for. */
function codesOf(signal: RecordSignal, { status, minSeverity = 0 }: AnyQuery): number {
  if (signal === 'traces') return status === undefined ? -1 : 1 << status
  return minSeverity === 0 ? -1 : -1 << minSeverity
}

/** [ms] */
export const timeOf = (batch: SpanBatch | LogBatch, i: number): number =>
  batch.signal === 'traces' ? batch.spans.start[i]! : batch.records.time[i]! || batch.records.observed[i]!

/** [16 bytes] a view */
export function traceIdOf(batch: SpanBatch | LogBatch, i: number): Uint8Array {
  return batch.signal === 'traces' ? batch.spans.ids.subarray(32 * i, 32 * i + 16) : batch.records.ids.subarray(24 * i, 24 * i + 16)
}

function isId(batch: SpanBatch | LogBatch, i: number, id: Uint8Array): boolean {
  const there = traceIdOf(batch, i)
  for (let k = 0; k < 16; k++) if (there[k] !== id[k]) return false
  return true
}

/** The inside of the Resource in the field of ResourceSpans or ResourceLogs; of several the last, which is how they are written in one. */
function resourceIn(bytes: Uint8Array, from: number, to: number): { from: number; to: number } {
  const fields = new Scan().over(bytes, from, to)
  const place = { from: 0, to: 0 }
  if (!fields.next()) return place
  fields.over(bytes, fields.start, fields.end)
  while (fields.next()) if (fields.number === 1 && fields.wire === BYTES) [place.from, place.to] = [fields.start, fields.end]
  return place
}
