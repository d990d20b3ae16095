/** One line of text for each row of a request, from its OTLP/JSON shape. */
import type { Signal } from '../../model/signal.ts'
import { protobufToJson } from '../../otlp/json.ts'

type Json = Readonly<Record<string, unknown>>

/** @param most lines; what is beyond is not shown */
export function linesOf(signal: Signal, request: Uint8Array, most: number): string[] {
  const lines: string[] = []
  for (const row of rowsOf[signal](protobufToJson(signal, request))) {
    if (lines.length === most) break
    lines.push(row)
  }
  return lines
}

const rowsOf: Readonly<Record<Signal, (request: Json) => Iterable<string>>> = {
  *metrics(request) {
    for (const metric of below(request, 'resourceMetrics', 'scopeMetrics', 'metrics')) {
      for (const kind of ['gauge', 'sum', 'histogram', 'exponentialHistogram', 'summary']) {
        for (const point of list((metric[kind] as Json | undefined)?.['dataPoints'])) {
          yield `${metric['name'] ?? ''}${labels(point)} ${numberOf(point)}`
        }
      }
    }
  },
  *traces(request) {
    for (const span of below(request, 'resourceSpans', 'scopeSpans', 'spans')) {
      yield `${span['name'] ?? ''}${labels(span)} ${span['traceId'] ?? ''} ${span['spanId'] ?? ''}`
    }
  },
  *logs(request) {
    for (const record of below(request, 'resourceLogs', 'scopeLogs', 'logRecords')) {
      yield `${record['severityText'] ?? ''} ${plain(record['body'])}${labels(record)}`.trimStart()
    }
  },
}

function* below(message: Json, field: string, ...fields: readonly string[]): Iterable<Json> {
  for (const child of list(message[field])) {
    const [next, ...rest] = fields
    if (next === undefined) yield child
    else yield* below(child, next, ...rest)
  }
}

function numberOf(point: Json): string {
  const value = point['asDouble'] ?? point['asInt']
  if (value !== undefined) return String(value)
  return point['count'] === undefined && point['sum'] === undefined ? '-' : `count=${point['count'] ?? 0} sum=${point['sum'] ?? '-'}`
}

function labels(row: Json): string {
  const pairs = list(row['attributes']).map(({ key, value }) => `${String(key)}=${plain(value)}`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

/** An AnyValue as a person writes it; what is nested as JSON. */
function plain(value: unknown): string {
  const [kind, inner] = Object.entries((value ?? {}) as Json)[0] ?? []
  if (kind === undefined) return ''
  return typeof inner === 'object' ? JSON.stringify(inner) : String(inner)
}

const list = (value: unknown): readonly Json[] => (Array.isArray(value) ? value : [])
