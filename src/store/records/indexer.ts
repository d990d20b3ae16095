/** Puts batches into a segment's index, from their columns and bytes: no object is made for a row. */
import type { LogBatch, ResourceFields, SpanBatch } from '../../model/batch.ts'
import type { Dictionary } from '../../model/dictionary.ts'
import { AttributeScan, Scan } from '../../otlp/scan.ts'
import { BYTES, readText } from '../../otlp/wire.ts'
import { HashSet } from './bloom.ts'
import { hashId, hashName, hashPair, UNNAMED } from './pairs.ts'
import type { Block, SegmentIndex } from './segment-index.ts'

/** field numbers of attributes */
export const SPAN_ATTRIBUTES = 9
export const LOG_ATTRIBUTES = 6
const RESOURCE = 1
const RESOURCE_ATTRIBUTES = 1
/** [bytes] a block ends with the record that reaches it */
const blockBytes = 256 * 1024
/** [services] known by name for each segment; more are found all the same */
const maxServices = 10_000
const serviceName = Buffer.from('service.name')
/** [names] whose hashes are remembered */
const maxNames = 65_536

export class Indexer {
  readonly index: SegmentIndex
  readonly #hashes = new HashSet()
  readonly #attributes = new AttributeScan()
  readonly #fields = new Scan()
  #names = new Map<number, number>()
  #sweeps = -1
  #dictionary: Dictionary | undefined
  /** of the block that is being written */
  #from = -1
  #to = 0
  #rows = 0
  #minTime = Number.POSITIVE_INFINITY
  #maxTime = Number.NEGATIVE_INFINITY
  #maxDuration = 0
  #mask = 0

  constructor(index: SegmentIndex) {
    this.index = index
  }

  /** `batch` is the record in `[from, to)` of the file. */
  add(batch: SpanBatch | LogBatch, from: number, to: number): void {
    if (this.#from < 0) this.#from = from
    this.#to = to
    this.#rows += batch.rows
    const bytes = batch.raw.bytes()
    this.#forgetNames(batch.dictionary)
    this.#addResources(bytes, batch.resources)
    if (batch.signal === 'traces') this.#addSpans(bytes, batch)
    else this.#addLogs(bytes, batch)
    if (to - this.#from >= blockBytes) this.endBlock()
  }

  /** What is written of the block that has no end yet. */
  get open(): Omit<Block, 'bloom'> & { readonly hashes: HashSet } {
    return {
      ...{ from: this.#from, to: this.#to, rows: this.#rows, minTime: this.#minTime, maxTime: this.#maxTime },
      ...{ maxDuration: this.#maxDuration, mask: this.#mask, hashes: this.#hashes },
    }
  }

  endBlock(): void {
    if (this.#rows > 0) {
      const { hashes, ...block } = this.open
      this.index.blocks.push({ ...block, bloom: hashes.toBloom() })
    }
    this.#hashes.clear()
    this.#from = -1
    this.#rows = this.#maxDuration = this.#mask = 0
    this.#minTime = Number.POSITIVE_INFINITY
    this.#maxTime = Number.NEGATIVE_INFINITY
  }

  #addResources(bytes: Uint8Array, resources: ResourceFields): void {
    const fields = this.#fields
    for (let i = 0; i < resources.length; i++) {
      fields.over(bytes, resources.from[i]!, resources.to[i]!)
      if (!fields.next()) continue
      fields.over(bytes, fields.start, fields.end)
      while (fields.next()) if (fields.number === RESOURCE && fields.wire === BYTES) this.#addResource(bytes, fields.start, fields.end)
    }
  }

  #addResource(bytes: Uint8Array, from: number, to: number): void {
    const at = this.#attributes.over(bytes, from, to, RESOURCE_ATTRIBUTES)
    const { services } = this.index
    while (at.next()) {
      this.#hashes.add(hashPair(bytes, at.keyFrom, at.keyTo, at.valueFrom, at.valueTo))
      if (at.is(serviceName) && services.size < maxServices) {
        const value = new Scan().over(bytes, at.valueFrom, at.valueTo)
        if (value.next() && value.number === 1 && value.wire === BYTES) services.add(readText(bytes, value.start, value.end))
      }
    }
  }

  #addSpans(bytes: Uint8Array, { spans, dictionary }: SpanBatch): void {
    const { ids, start, duration, status, name, attributesFrom, attributesTo } = spans
    for (let i = 0; i < spans.length; i++) {
      this.index.addTrace(hashId(ids, 32 * i, 32 * i + 16))
      this.#addRow(start[i]!, status[i]!)
      if (duration[i]! > this.#maxDuration) this.#maxDuration = duration[i]!
      this.#hashes.add(this.#nameHash(dictionary, name[i]!))
      this.#addAttributes(bytes, attributesFrom[i]!, attributesTo[i]!, SPAN_ATTRIBUTES)
    }
  }

  #addLogs(bytes: Uint8Array, { records, dictionary }: LogBatch): void {
    const { ids, time, observed, severity, eventName, attributesFrom, attributesTo } = records
    for (let i = 0; i < records.length; i++) {
      if (!isZero(ids, 24 * i, 24 * i + 16)) this.index.addTrace(hashId(ids, 24 * i, 24 * i + 16))
      this.#addRow(time[i]! || observed[i]!, severity[i]!)
      this.#hashes.add(this.#nameHash(dictionary, eventName[i]!))
      this.#addAttributes(bytes, attributesFrom[i]!, attributesTo[i]!, LOG_ATTRIBUTES)
    }
  }

  #addRow(time: number, code: number): void {
    if (time < this.#minTime) this.#minTime = time
    if (time > this.#maxTime) this.#maxTime = time
    this.#mask |= 1 << Math.min(code, 31)
  }

  #addAttributes(bytes: Uint8Array, from: number, to: number, field: number): void {
    const at = this.#attributes.over(bytes, from, to, field)
    while (at.next()) this.#hashes.add(hashPair(bytes, at.keyFrom, at.keyTo, at.valueFrom, at.valueTo))
  }

  #nameHash(dictionary: Dictionary, id: number): number {
    let hash = this.#names.get(id)
    if (hash === undefined) {
      if (this.#names.size >= maxNames) this.#names.clear()
      this.#names.set(id, (hash = id < 0 ? UNNAMED : hashName(dictionary.text(id))))
    }
    return hash
  }

  /** Ids mean something else once some were freed. */
  #forgetNames(dictionary: Dictionary): void {
    if (this.#dictionary === dictionary && this.#sweeps === dictionary.sweeps) return
    this.#dictionary = dictionary
    this.#sweeps = dictionary.sweeps
    this.#names = new Map()
  }
}

function isZero(bytes: Uint8Array, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (bytes[at] !== 0) return false
  return true
}
