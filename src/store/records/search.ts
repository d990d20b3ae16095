/** A search through blocks, the newest first: it ends when what is left is older than what it has. */
import type { LogBatch, SpanBatch } from '../../model/batch.ts'
import type { FoundRecords } from '../../model/records.ts'
import { cutRows } from '../../otlp/cut.ts'
import { type Matcher, timeOf, traceIdOf } from './match.ts'

/** A request that has rows which match. */
interface Request {
  readonly bytes: Uint8Array
  /** [rows] where each begins */
  readonly from: Uint32Array
}
interface Row {
  readonly time: number
  readonly traceId: string
  readonly request: Request
  /** which of its request's rows */
  readonly i: number
}

/** [bytes] of requests held; past it they are reduced to the rows that are wanted */
const maxHeldBytes = 32 * 2 ** 20

export class Search {
  readonly matcher: Matcher
  readonly #signal: 'traces' | 'logs'
  /** Where the rows of a request begin. */
  readonly #rowsIn: (request: Uint8Array) => Uint32Array
  #rows: Row[] = []
  #held = 0
  #more = false

  constructor(matcher: Matcher, signal: 'traces' | 'logs', rowsIn: (request: Uint8Array) => Uint32Array) {
    this.matcher = matcher
    this.#signal = signal
    this.#rowsIn = rowsIn
  }

  /** Whether rows that are no younger than this may still be wanted. */
  wants(maxTime: number): boolean {
    const { limit } = this.matcher.query
    if (this.#rows.length < limit) return true
    this.#trim()
    if (maxTime > this.#rows[limit - 1]!.time) return true
    // They would match or not: nobody looks.
    this.#more = true
    return false
  }

  take(batch: SpanBatch | LogBatch): void {
    const places = this.matcher.rowsOf(batch)
    if (places.length === 0) return
    // A copy: the bytes are a part of what was read at once.
    const bytes = new Uint8Array(batch.raw.bytes())
    const request: Request = { bytes, from: batch.signal === 'traces' ? batch.spans.from : batch.records.from }
    for (const i of places)
      this.#rows.push({ time: timeOf(batch, i), traceId: Buffer.from(traceIdOf(batch, i)).toString('hex'), i, request })
    this.#held += bytes.length
    if (this.#held > maxHeldBytes) this.#reduce()
  }

  /** The newest `limit` rows, in order. */
  #trim(): void {
    const { limit } = this.matcher.query
    this.#rows.sort((a, b) => b.time - a.time)
    if (this.#rows.length <= limit) return
    this.#more = true
    this.#rows.length = limit
  }

  #reduce(): void {
    this.#trim()
    const byRequest = Map.groupBy(this.#rows, ({ request }) => request)
    this.#rows = []
    this.#held = 0
    for (const rows of byRequest.values()) {
      rows.sort((a, b) => a.i - b.i)
      const bytes = this.#cut(rows)
      const request: Request = { bytes, from: this.#rowsIn(bytes) }
      this.#held += bytes.length
      for (const [i, { time, traceId }] of rows.entries()) this.#rows.push({ time, traceId, request, i })
    }
    this.#trim()
  }

  /** The request of these rows without the others. */
  #cut(rows: readonly Row[]): Uint8Array {
    const { bytes, from } = rows[0]!.request
    const kept = new Set(rows.map(({ i }) => i))
    return cutRows(
      this.#signal,
      bytes,
      from.filter((_, i) => !kept.has(i)),
    )
  }

  found(): FoundRecords {
    this.#trim()
    const requests = Array.from(Map.groupBy(this.#rows, ({ request }) => request).values(), rows => this.#cut(rows))
    const traceIds = [...new Set(this.#rows.map(({ traceId }) => traceId))].filter(id => !/^0*$/.test(id))
    return { requests, rows: this.#rows.length, traceIds, more: this.#more }
  }
}
