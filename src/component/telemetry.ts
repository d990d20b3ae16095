/** Thalamus's own telemetry, through the OpenTelemetry API: the providers behind every `Context.meter` and `Context.tracer`. */
import type { Meter, MeterProvider, Tracer } from '@opentelemetry/api'
import type { MetricProducer, ResourceMetrics } from '@opentelemetry/sdk-metrics'
import type { ReadableSpan } from '@opentelemetry/sdk-trace'
import type { Raw } from '../model/raw.ts'

export interface OwnTelemetry {
  meter(component: string): Meter
  tracer(component: string): Tracer
  /** Everything measured so far, cumulative. */
  collect(): Promise<ResourceMetrics>
  /** Calls `take` with each span that has ended, until disposed of. Nothing that handles such a span may be traced itself. */
  onSpan(take: (span: ReadableSpan) => void): Disposable
  /** `raw` holds nothing but own spans: handing it on makes no spans. */
  markOwn(raw: Raw): void
  /** Whoever traces the handling of a batch asks this first. Bodies put together of marked ones alone are own too. */
  isOwn(raw: Raw): boolean
  shutdown(): Promise<void>
}

/** What the program around us records, to be told with our own: histograms are produced, the rest is observed. */
export interface Recorded {
  readonly producer: MetricProducer
  observe(provider: MeterProvider, options: { readonly histograms: 'produced' }): Disposable
}
