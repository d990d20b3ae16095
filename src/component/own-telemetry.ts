/**
 * Own telemetry: a MeterProvider that is read when somebody asks, and a TracerProvider whose ended spans go to whoever
 * listens. Nothing is registered globally. What the ledger knows is observed from it, on the names that the OpenTelemetry
 * Collector uses, so that dashboards made for it work.
 */
import { randomUUID } from 'node:crypto'
import { createNoopMeter, ProxyTracerProvider, type Tracer } from '@opentelemetry/api'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { AggregationType, MeterProvider, MetricReader, type ResourceMetrics } from '@opentelemetry/sdk-metrics'
import { type ReadableSpan, type SpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'
import { ATTR_SERVICE_INSTANCE_ID, ATTR_SERVICE_NAME, ATTR_SERVICE_VERSION } from '@opentelemetry/semantic-conventions'
import type { Clock } from '../lib/clock.ts'
import type { Raw } from '../model/raw.ts'
import type { Budget } from './budget.ts'
import type { MemoryUse } from './component.ts'
import type { ServiceConfig } from './configuration.ts'
import type { Ledger } from './ledger.ts'
import { LimitedTracer, TraceRate } from './limited-tracer.ts'
import { mergeMetrics } from './merged-metrics.ts'
import { observeLedger, observeProcess } from './own-instruments.ts'
import type { OwnTelemetry, Recorded } from './telemetry.ts'

export interface OwnTelemetryOptions {
  readonly ledger: Ledger
  readonly budget: Budget
  readonly clock: Clock
  readonly memory: () => MemoryUse
  readonly version: string
  /** `none`: nothing is measured; `detailed`: also what the Collector keeps for that level, and what the SDK says of itself */
  readonly metrics: ServiceConfig['telemetry']['metrics']['level']
  readonly traces: ServiceConfig['telemetry']['traces']['level']
  /** what other threads have measured; it brings the ledger up to date as well */
  readonly others?: () => Promise<readonly ResourceMetrics['scopeMetrics'][]>
  /** an ingest thread: what all threads have in common is told by the main one */
  readonly partial?: boolean
  readonly recorded?: Recorded | undefined
  /** added to, and wins over, `service.name`, `service.version` and `service.instance.id`; null: that one is left out */
  readonly resource: Readonly<Record<string, string | null>>
}

/** Traces of own work that begin in a second; the others are not recorded. A span costs microseconds, and is exported, too. */
const TRACES_PER_SECOND = 100

export function createOwnTelemetry(options: OwnTelemetryOptions): OwnTelemetry {
  const attributes: Record<string, string | null> = {
    [ATTR_SERVICE_NAME]: 'thalamus',
    [ATTR_SERVICE_VERSION]: options.version,
    [ATTR_SERVICE_INSTANCE_ID]: randomUUID(),
    ...options.resource,
  }
  const resource = resourceFromAttributes(
    Object.fromEntries(Object.entries(attributes).flatMap(([name, value]) => (value === null ? [] : [[name, value] as const]))),
  )
  const { metrics, traces, version, clock } = options
  const detailed = metrics === 'detailed'
  const recorded = metrics === 'none' ? undefined : options.recorded
  const reader = new PullReader(recorded && { metricProducers: [recorded.producer] })
  const meters = new MeterProvider({ resource, readers: [reader], sdkMetricsEnabled: detailed, views: detailed ? [] : left })
  const spans = new Handover()
  const tracers = new TracerProvider({ resource, spanProcessors: [spans] })
  const rate = new TraceRate(clock, TRACES_PER_SECOND)
  if (metrics !== 'none' && options.partial !== true) {
    const meter = meters.getMeter('thalamus', version)
    observeLedger(meter, options.ledger, options.budget)
    observeProcess(meter, clock, options.memory)
  }
  const told = recorded?.observe(meters, { histograms: 'produced' })
  const ownBodies = new WeakSet<Uint8Array>()
  let stopped: Promise<void> | undefined
  return {
    meter: component => (metrics === 'none' ? createNoopMeter() : meters.getMeter(scope(component), version)),
    tracer(component): Tracer {
      if (traces === 'none') return new ProxyTracerProvider().getTracer(scope(component))
      return new LimitedTracer(tracers.getTracer(scope(component), version), rate)
    },
    async collect(): Promise<ResourceMetrics> {
      const others = (await options.others?.()) ?? []
      const { resourceMetrics: own } = await reader.collect()
      return { ...own, scopeMetrics: mergeMetrics(own.scopeMetrics, others) }
    },
    onSpan: take => spans.subscribe(take),
    markOwn(raw: Raw): void {
      for (const chunk of raw.chunks) ownBodies.add(chunk)
    },
    isOwn: (raw: Raw) => raw.size > 0 && raw.chunks.every(chunk => ownBodies.has(chunk)),
    shutdown() {
      told?.[Symbol.dispose]()
      stopped ??= Promise.all([meters.shutdown(), tracers.shutdown()]).then(() => undefined)
      return stopped
    },
  }
}

/** What only the level `detailed` measures. */
const left = ['otelcol_exporter_queue_batch_send_size', 'otelcol_exporter_queue_batch_send_size_bytes'].map(instrumentName => ({
  instrumentName,
  aggregation: { type: AggregationType.DROP as const },
}))

/** The instrumentation scope of a component's own telemetry. */
const scope = (component: string) => `thalamus/${component}`

/** Reads when asked, and only then. */
class PullReader extends MetricReader {
  protected async onShutdown(): Promise<void> {}
  protected async onForceFlush(): Promise<void> {}
}

/** Hands each recorded span that ends to everyone who listens. */
class Handover implements SpanProcessor {
  readonly #listeners = new Set<(span: ReadableSpan) => void>()

  subscribe(take: (span: ReadableSpan) => void): Disposable {
    const listener = (span: ReadableSpan) => take(span)
    this.#listeners.add(listener)
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) }
  }
  onStart(): void {}
  onEnd(span: ReadableSpan): void {
    for (const listener of this.#listeners) listener(span)
  }
  async forceFlush(): Promise<void> {}
  async shutdown(): Promise<void> {
    this.#listeners.clear()
  }
}
