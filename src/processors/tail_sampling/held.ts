/**
 * What is held: whole requests as they came, with their columns, and traces as runs of rows in them. Nothing is copied until a trace is kept:
 * then the request is written again with the rows that stay, piece by piece. A request is let go with the last of its rows.
 */
import type { SpanBatch } from '../../model/batch.ts'
import { Scan } from '../../otlp/scan.ts'
import { varintSize, writeVarint } from '../../otlp/wire.ts'

/** One request, and how many of its rows nothing is decided about. */
export class Held {
  readonly batch: SpanBatch
  readonly bytes: Uint8Array
  pending = 0
  /** by policy: what it said of each resource; 0 where it was not asked */
  readonly resources = new Map<object, Uint8Array>()
  #frames: Frame[] | undefined
  #scopeFrames: Frame[] | undefined

  constructor(batch: SpanBatch) {
    this.batch = batch
    this.bytes = batch.raw.bytes()
  }

  /** [bytes] that a resource or a scope takes besides what is in it */
  overhead(resource: number, scope: number): number {
    return this.#resourceFrame(resource).size + this.#scopeFrame(scope).size + 8
  }

  #resourceFrame(resource: number): Frame {
    const { from, to, length } = this.batch.resources
    this.#frames ??= new Array(length)
    return (this.#frames[resource] ??= frameOf(this.bytes, from[resource]!, to[resource]!))
  }

  #scopeFrame(scope: number): Frame {
    const { from, to, length } = this.batch.scopes
    this.#scopeFrames ??= new Array(length)
    return (this.#scopeFrames[scope] ??= frameOf(this.bytes, from[scope]!, to[scope]!))
  }

  /** The request with these rows alone, ascending, in pieces that lie one behind the other. */
  only(rows: readonly number[]): Uint8Array[] {
    const { spans, scopes } = this.batch
    if (rows.length === this.batch.rows) return [...this.batch.raw.chunks]
    const pieces: Uint8Array[] = []
    for (let i = 0; i < rows.length; ) {
      const resource = scopes.parent[spans.scope[rows[i]!]!]!
      const around = this.#resourceFrame(resource)
      const inResource: Uint8Array[] = [...around.before]
      let { size } = around
      while (i < rows.length && scopes.parent[spans.scope[rows[i]!]!] === resource) {
        const scope = spans.scope[rows[i]!]!
        const frame = this.#scopeFrame(scope)
        const inScope: Uint8Array[] = [...frame.before]
        let scopeSize = frame.size
        while (i < rows.length && spans.scope[rows[i]!] === scope) {
          const from = spans.from[rows[i]!]!
          let to = spans.to[rows[i]!]!
          for (i++; i < rows.length && spans.scope[rows[i]!] === scope && spans.from[rows[i]!] === to; i++) to = spans.to[rows[i]!]!
          inScope.push(this.bytes.subarray(from, to))
          scopeSize += to - from
        }
        const front = head(scopeSize)
        inResource.push(front, ...inScope, ...frame.after)
        size += front.length + scopeSize
      }
      pieces.push(head(size, 1), ...inResource, ...around.after)
    }
    return pieces
  }
}

/** What a message has besides the messages inside (field 2): before the first of them, and after. */
interface Frame {
  readonly before: readonly Uint8Array[]
  readonly after: readonly Uint8Array[]
  readonly size: number
}

function frameOf(bytes: Uint8Array, from: number, to: number): Frame {
  const scan = new Scan().over(bytes, from, to)
  scan.next()
  const before: Uint8Array[] = []
  const after: Uint8Array[] = []
  let into = before
  let size = 0
  for (scan.over(bytes, scan.start, scan.end); scan.next(); ) {
    if (scan.number === 2) into = after
    else {
      into.push(bytes.subarray(scan.from, scan.end))
      size += scan.end - scan.from
    }
  }
  return { before, after, size }
}

/** Tag and length of a field of bytes. */
function head(size: number, number = 2): Uint8Array {
  const bytes = new Uint8Array(1 + varintSize(size))
  bytes[0] = number * 8 + 2
  writeVarint(bytes, 1, size)
  return bytes
}

/** Rows `[from, to)` of one request, all of one trace. */
export interface Run {
  readonly held: Held
  readonly from: number
  to: number
}

export type Verdict = 'undecided' | 'sampled' | 'not_sampled' | 'dropped'

export class Trace {
  /** 16 bytes as a text of 16 characters */
  readonly id: string
  /** ms, monotonic */
  readonly arrivedMs: number
  /** the tick at which it is decided */
  due: number
  verdict: Verdict = 'undecided'
  /** ms, monotonic; when it was decided */
  decidedMs = 0
  spans = 0
  /** [bytes] as a request of its own */
  size = 0
  /** in order of arrival; none once it is decided */
  runs: Run[] = []

  constructor(id: string, arrivedMs: number, due: number) {
    this.id = id
    this.arrivedMs = arrivedMs
    this.due = due
  }
}
