/** `/debug/queues` and `/debug/process`: what `thalamus top` shows beside the ledger. Their shapes are in docs/operation.md. */
import type { ResourceMetrics } from '@opentelemetry/sdk-metrics'
import type { Status } from '../component/component.ts'

export interface QueuePage {
  readonly exporter: string
  readonly signal: string
  /** in the unit of the queue's `sizer`; the sum over threads */
  readonly size: number
  readonly capacity: number
  /** requests under way, or waiting to be sent again */
  readonly in_flight: number
}

export interface ProcessPage {
  readonly version: string
  readonly uptime_seconds: number
  readonly cpu_seconds: number
  readonly rss_bytes: number
  /** what memory_limiter goes by */
  readonly memory_used_bytes: number
  readonly budget_used_bytes: number
  /** null: no memory_limiter */
  readonly budget_limit_bytes: number | null
  readonly workers: number
  readonly ready: boolean
  readonly problems: Readonly<Record<string, string>>
}

const fields = {
  otelcol_exporter_queue_size: 'size',
  otelcol_exporter_queue_capacity: 'capacity',
  otelcol_exporter_in_flight_requests: 'in_flight',
} as const

/** From own metrics, which have the sum over threads. */
export function queuesOf(scopes: ResourceMetrics['scopeMetrics']): QueuePage[] {
  const queues = new Map<string, { -readonly [K in keyof QueuePage]: QueuePage[K] }>()
  for (const { descriptor, dataPoints } of scopes.flatMap(({ metrics }) => metrics)) {
    const field = fields[descriptor.name as keyof typeof fields] as (typeof fields)[keyof typeof fields] | undefined
    if (field === undefined) continue
    for (const { attributes, value } of dataPoints) {
      const [exporter, signal] = [String(attributes['exporter']), String(attributes['data_type'])]
      const key = `${exporter} ${signal}`
      const queue = queues.get(key) ?? { exporter, signal, size: 0, capacity: 0, in_flight: 0 }
      queue[field] = Number(value)
      queues.set(key, queue)
    }
  }
  return [...queues.values()]
}

export function processPage(of: Omit<ProcessPage, 'cpu_seconds' | 'rss_bytes' | 'ready' | 'problems'> & { status: Status }): ProcessPage {
  const { status, ...rest } = of
  const { user, system } = process.cpuUsage()
  return {
    ...rest,
    cpu_seconds: (user + system) / 1e6,
    rss_bytes: process.memoryUsage.rss(),
    ready: status.ready,
    problems: Object.fromEntries(status.problems),
  }
}
