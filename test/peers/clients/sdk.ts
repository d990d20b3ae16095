/** One of each signal from the OpenTelemetry SDK for JavaScript, through the exporters that are named. */
import { SpanStatusCode } from '@opentelemetry/api'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { LoggerProvider, type LogRecordExporter, SimpleLogRecordProcessor } from '@opentelemetry/sdk-logs'
import { AggregationType, MeterProvider, PeriodicExportingMetricReader, type PushMetricExporter } from '@opentelemetry/sdk-metrics'
import { SimpleSpanProcessor, type SpanExporter, TracerProvider } from '@opentelemetry/sdk-trace'

export interface Exporters {
  readonly traces: SpanExporter
  readonly metrics: PushMetricExporter
  readonly logs: LogRecordExporter
}

export async function sendOneOfEach(service: string, exporters: Exporters): Promise<void> {
  const resource = resourceFromAttributes({ 'service.name': service })
  const tracers = new TracerProvider({ resource, spanProcessors: [new SimpleSpanProcessor({ exporter: exporters.traces })] })
  tracers
    .getTracer('client')
    .startSpan('parent', { attributes: { n: 1 } })
    .end()
  const child = tracers.getTracer('client').startSpan('child')
  child.addEvent('an event', { e: true })
  child.setStatus({ code: SpanStatusCode.ERROR, message: 'went wrong' })
  child.end()

  const meters = new MeterProvider({
    resource,
    readers: [new PeriodicExportingMetricReader({ exporter: exporters.metrics })],
    views: [{ instrumentName: 'an.exponential', aggregation: { type: AggregationType.EXPONENTIAL_HISTOGRAM } }],
  })
  const meter = meters.getMeter('client')
  meter.createCounter('a.counter', { unit: 'By' }).add(7, { k: 'v' })
  meter.createGauge('a.gauge').record(0.5)
  meter.createHistogram('a.histogram', { unit: 's' }).record(0.25)
  meter.createHistogram('an.exponential', { unit: 's' }).record(0.25)

  const loggers = new LoggerProvider({ resource, processors: [new SimpleLogRecordProcessor({ exporter: exporters.logs })] })
  loggers.getLogger('client').emit({ body: 'a line', severityNumber: 13, severityText: 'WARN', attributes: { k: 'v' } })

  await Promise.all([tracers.forceFlush(), meters.forceFlush(), loggers.forceFlush()])
  await Promise.all([tracers.shutdown(), meters.shutdown(), loggers.shutdown()])
}
