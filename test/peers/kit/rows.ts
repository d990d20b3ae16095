/**
 * The independent reading of OTLP: the Collector turns what it received into OTLP/JSON, and here that JSON is taken apart into rows.
 * A row is one span, log record or data point together with everything around it (resource, scope, schema URLs, the metric's own
 * fields), written canonically: two exports say the same exactly when their sorted rows are equal, however they were batched.
 */
export type Signal = 'metrics' | 'traces' | 'logs'

type Json = null | boolean | number | string | Json[] | { [key: string]: Json }
type Fields = { [key: string]: Json }

const LEVELS: Readonly<Record<Signal, readonly [resources: string, scopes: string, items: string]>> = {
  metrics: ['resourceMetrics', 'scopeMetrics', 'metrics'],
  traces: ['resourceSpans', 'scopeSpans', 'spans'],
  logs: ['resourceLogs', 'scopeLogs', 'logRecords'],
}
const DATA = ['gauge', 'sum', 'histogram', 'exponentialHistogram', 'summary'] as const

/** @returns sorted, duplicates kept */
export function rows(signal: Signal, requests: readonly unknown[]): string[] {
  return requests.flatMap(request => [...rowsOf(signal, request as Fields)].map(canonical)).sort()
}

function* rowsOf(signal: Signal, request: Fields): Generator<Json> {
  const [resources, scopes, items] = LEVELS[signal]
  for (const { [scopes]: inResource, ...resource } of list(request[resources])) {
    for (const { [items]: inScope, ...scope } of list(inResource)) {
      for (const item of list(inScope)) {
        const around = { resource, scope }
        if (signal === 'metrics') yield* points(item, around)
        else yield { ...around, row: item }
      }
    }
  }
}

function* points(metric: Fields, around: Fields): Generator<Json> {
  for (const kind of DATA) {
    const data = metric[kind] as Fields | undefined
    if (data === undefined) continue
    const { dataPoints, ...ofData } = data
    const { [kind]: _, ...ofMetric } = metric
    for (const point of list(dataPoints)) yield { ...around, metric: ofMetric, [kind]: ofData, row: point }
  }
}

const list = (value: Json | undefined) => (value ?? []) as Fields[]

/** Keys in order; everything else as it is. Numbers that JSON cannot hold exactly are strings in OTLP/JSON already. */
const canonical = (value: Json): string =>
  JSON.stringify(value, (_, v: Json) =>
    typeof v === 'object' && v !== null && !Array.isArray(v)
      ? Object.fromEntries(Object.entries(v).sort(([a], [b]) => (a < b ? -1 : 1)))
      : v,
  )
