/** What the SDK measured and traced, as OTLP requests for `encode`. */
import { type Attributes, type HrTime, type SpanContext, ValueType } from '@opentelemetry/api'
import { DataPointType, type MetricData, type ResourceMetrics } from '@opentelemetry/sdk-metrics'
import type { ReadableSpan } from '@opentelemetry/sdk-trace'
import { nanos } from '../../otlp/write.ts'

const CUMULATIVE = 2

/** [ms] All points get the same times: the clock that is handed in says what time it is, not the SDK's. */
export interface Times {
  readonly startMs: number
  readonly timeMs: number
}

export function metricsRequest({ resource, scopeMetrics }: ResourceMetrics, times: Times): object {
  const scopes = scopeMetrics
    .filter(({ metrics }) => metrics.some(metric => metric.dataPoints.length > 0))
    .map(({ scope: { name, version }, metrics }) => ({
      scope: { name, version },
      metrics: metrics.filter(metric => metric.dataPoints.length > 0).map(metric => toMetric(metric, times)),
    }))
  return scopes.length === 0 ? {} : { resourceMetrics: [{ resource: { attributes: resource.attributes }, scopeMetrics: scopes }] }
}

function toMetric(metric: MetricData, times: Times): object {
  const { name, unit, description, valueType } = metric.descriptor
  const named = { name, unit, description }
  const timeUnixNano = nanos(times.timeMs)
  // A clock that was set back must not make a point begin after its end.
  const startTimeUnixNano = nanos(Math.min(times.startMs, times.timeMs))
  const at = { startTimeUnixNano, timeUnixNano }
  const number = (value: number) => (valueType === ValueType.INT && Number.isSafeInteger(value) ? { asInt: value } : { asDouble: value })
  switch (metric.dataPointType) {
    case DataPointType.GAUGE:
      return {
        ...named,
        gauge: { dataPoints: metric.dataPoints.map(p => ({ attributes: p.attributes, timeUnixNano, ...number(p.value) })) },
      }
    case DataPointType.SUM: {
      const dataPoints = metric.dataPoints.map(p => ({ attributes: p.attributes, ...at, ...number(p.value) }))
      return { ...named, sum: { dataPoints, aggregationTemporality: CUMULATIVE, isMonotonic: metric.isMonotonic } }
    }
    case DataPointType.HISTOGRAM: {
      const dataPoints = metric.dataPoints.map(({ attributes, value: { buckets, count, sum, min, max } }) => {
        return { attributes, ...at, count, sum, min, max, explicitBounds: buckets.boundaries, bucketCounts: buckets.counts }
      })
      return { ...named, histogram: { dataPoints, aggregationTemporality: CUMULATIVE } }
    }
    case DataPointType.EXPONENTIAL_HISTOGRAM: {
      const dataPoints = metric.dataPoints.map(({ attributes, value }) => ({ attributes, ...at, ...value }))
      return { ...named, exponentialHistogram: { dataPoints, aggregationTemporality: CUMULATIVE } }
    }
  }
}

/** Spans of one process: one resource, a group for each instrumentation scope. */
export function tracesRequest(spans: readonly ReadableSpan[]): object {
  const [first] = spans
  if (first === undefined) return {}
  const scopeSpans = [...Map.groupBy(spans, span => span.instrumentationScope)].map(([{ name, version }, list]) => ({
    scope: { name, version },
    spans: list.map(toSpan),
  }))
  return { resourceSpans: [{ resource: { attributes: first.resource.attributes as Attributes }, scopeSpans }] }
}

function toSpan(span: ReadableSpan): object {
  const context = span.spanContext()
  const { name, kind, attributes, droppedAttributesCount, droppedEventsCount, droppedLinksCount, status } = span
  return {
    ...toContext(context),
    parentSpanId: span.parentSpanContext?.spanId,
    flags: flagsOf(context, span.parentSpanContext?.isRemote),
    name,
    // OTLP keeps 0 for "not said"
    kind: kind + 1,
    startTimeUnixNano: nanosOf(span.startTime),
    endTimeUnixNano: nanosOf(span.endTime),
    attributes,
    droppedAttributesCount,
    events: span.events.map(event => ({
      name: event.name,
      timeUnixNano: nanosOf(event.time),
      attributes: event.attributes,
      droppedAttributesCount: event.droppedAttributesCount,
    })),
    droppedEventsCount,
    links: span.links.map(link => ({
      ...toContext(link.context),
      flags: flagsOf(link.context, link.context.isRemote),
      attributes: link.attributes,
      droppedAttributesCount: link.droppedAttributesCount,
    })),
    droppedLinksCount,
    status: { code: status.code, message: status.message },
  }
}

const toContext = ({ traceId, spanId, traceState }: SpanContext) => ({ traceId, spanId, traceState: traceState?.serialize() })

/** The trace flags, that it is known whether the parent (or what is linked) is remote, and whether it is. */
const flagsOf = ({ traceFlags }: SpanContext, isRemote = false) => traceFlags | 0x100 | (isRemote ? 0x200 : 0)

const nanosOf = ([seconds, nanoseconds]: HrTime) => BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds)
