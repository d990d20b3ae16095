/** The SDK, registered with the API. */
import { context, DiagConsoleLogger, diag, metrics, propagation, type TextMapPropagator } from '@opentelemetry/api'
import type { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { diagLogLevelFromString } from '@opentelemetry/core'
import type { Instrumentation } from '@opentelemetry/instrumentation'
import type { Resource } from '@opentelemetry/resources'
import type { Sampler } from '@opentelemetry/sdk-trace'
import type { Settings } from './settings.ts'
import type { Signals } from './signals.ts'

export interface Providing {
  readonly settings: Pick<Settings, 'logLevel' | 'sdkMetrics'>
  readonly resource: Resource
  readonly signals: Pick<Signals, 'spanProcessors' | 'logProcessors' | 'readers'>
  readonly manager: AsyncLocalStorageContextManager
  readonly propagator: TextMapPropagator | null
  readonly instrumentations: Instrumentation[]
  /** undefined: the SDK makes the standard ones from the environment */
  readonly sampler: Sampler | undefined
}

/**
 * NodeSDK, which reads what else the environment says of spans and log records. It loads the exporters of all signals and protocols, gRPC and
 * YAML with them: for metrics alone, of which it reads nothing, 20 MiB that nobody asks for.
 */
export async function provide(of: Providing): Promise<void> {
  const { spanProcessors, logProcessors } = of.signals
  if (spanProcessors.length === 0 && logProcessors.length === 0) return provideMetrics(of)
  const { NodeSDK } = await import('@opentelemetry/sdk-node')
  new NodeSDK({
    resource: of.resource,
    autoDetectResources: false,
    contextManager: of.manager,
    textMapPropagator: of.propagator,
    spanProcessors,
    logRecordProcessors: logProcessors,
    metricReaders: of.signals.readers,
    instrumentations: of.instrumentations,
    ...(of.sampler !== undefined && { sampler: of.sampler }),
  }).start()
}

async function provideMetrics({ settings, resource, signals: { readers }, manager, propagator }: Providing): Promise<void> {
  if (settings.logLevel !== undefined) {
    const logLevel = diagLogLevelFromString(settings.logLevel)
    diag.setLogger(new DiagConsoleLogger(), logLevel === undefined ? {} : { logLevel })
  }
  context.setGlobalContextManager(manager.enable())
  if (propagator !== null) propagation.setGlobalPropagator(propagator)
  if (readers.length === 0) return
  const { MeterProvider } = await import('@opentelemetry/sdk-metrics')
  metrics.setGlobalMeterProvider(new MeterProvider({ resource, readers, sdkMetricsEnabled: settings.sdkMetrics }))
}
