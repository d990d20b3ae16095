/** Spans and log records that are kept for a while, and how they are asked for: what finds "that trace", and what a search for causes reads. */

export interface RecordQuery {
  /** [ms] Unix; a span is at its start, a log record at its time, or when it was observed where it has none. `from` inclusive, `to` exclusive */
  readonly from: number
  readonly to: number
  /** [16 bytes] one of them */
  readonly traceIds?: readonly Uint8Array[]
  /** the resource's `service.name` */
  readonly service?: string
  /** all of them; a value as text, of the row itself or else of its resource */
  readonly attributes?: readonly (readonly [key: string, value: string])[]
  /** of a span, or a log record's event name */
  readonly name?: string
  /** [rows] the newest count */
  readonly limit: number
}
export interface SpanQuery extends RecordQuery {
  /** 0 unset, 1 ok, 2 error */
  readonly status?: number
  /** [ms] */
  readonly minDuration?: number
}
export interface LogQuery extends RecordQuery {
  /** SeverityNumber, 1..24 */
  readonly minSeverity?: number
  /** stands in the body */
  readonly text?: string
}
export interface QueryOf {
  traces: SpanQuery
  logs: LogQuery
}

export interface FoundRecords {
  /** Requests of OTLP, the newest row's first, each with the rows that match and nothing else; one after the other they are one request. */
  readonly requests: readonly Uint8Array[]
  readonly rows: number
  /** [hex] of those rows, in the order of their times, the newest first; each once */
  readonly traceIds: readonly string[]
  /** there are more than `limit`, or nobody looked for them */
  readonly more: boolean
}

export interface Records<S extends keyof QueryOf> {
  /** @throws what `signal` aborts with */
  find(query: QueryOf[S], signal?: AbortSignal): Promise<FoundRecords>
  /** that have rows here, sorted */
  services(): readonly string[]
}
