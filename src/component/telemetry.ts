/** Thalamus's own telemetry, through the OpenTelemetry API: the providers behind every `Context.meter` and `Context.tracer`. */
import type { Meter, Tracer } from '@opentelemetry/api'
import type { ResourceMetrics } from '@opentelemetry/sdk-metrics'
import type { ReadableSpan } from '@opentelemetry/sdk-trace'

export interface OwnTelemetry {
  meter(component: string): Meter
  tracer(component: string): Tracer
  /** Everything measured so far, cumulative. */
  collect(): Promise<ResourceMetrics>
  /** Calls `take` with each span that has ended, until disposed of. Nothing that handles such a span may be traced itself. */
  onSpan(take: (span: ReadableSpan) => void): Disposable
  shutdown(): Promise<void>
}
