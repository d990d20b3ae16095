/** The SDK's OTLP exporters, each loaded when its protocol is asked for, and made not to keep the process alive. */
import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import type { Duplex } from 'node:stream'
import type { ReadableLogRecord } from '@opentelemetry/sdk-logs'
import type { PushMetricExporter, ResourceMetrics } from '@opentelemetry/sdk-metrics'
import type { ReadableSpan } from '@opentelemetry/sdk-trace'
import type { Signal } from '../model/signal.ts'
import { Delivery, type Exporter } from './delivery.ts'
import { afterUnheld } from './outside.ts'
import { points } from './rows.ts'
import type { Destination } from './settings.ts'
import { type SpanBytes, spanBytes, spansRequest } from './span-bytes.ts'

/** The way of spans: `itemOf` makes of one that has ended what waits for its turn. */
export interface SpanWay<T> {
  readonly delivery: Delivery<readonly T[]>
  itemOf(span: ReadableSpan): T
}

/** Of spans that wait as bytes; undefined where the protocol is no protobuf, or the SDK's exporter is not built as we know it. */
export async function byteWay(destination: Destination): Promise<SpanWay<SpanBytes> | undefined> {
  if (destination.protocol === 'http/json') return undefined
  const exporter = await traceExporter(destination)
  if (!serializesWith(exporter, spansRequest)) return undefined
  return { delivery: delivery('traces', destination, exporter, spansRequest, length), itemOf: spanBytes }
}

/** Of spans that wait as they are, and are written by the SDK when they are sent. */
export async function spanWay(destination: Destination): Promise<SpanWay<ReadableSpan>> {
  const { JsonTraceSerializer, ProtobufTraceSerializer } = await import('@opentelemetry/otlp-transformer')
  const serializer = destination.protocol === 'http/json' ? JsonTraceSerializer : ProtobufTraceSerializer
  const encode = (spans: readonly ReadableSpan[]) => serializer.serializeRequest([...spans])
  return { delivery: delivery('traces', destination, await traceExporter(destination), encode, length), itemOf: span => span }
}

async function traceExporter(destination: Destination): Promise<unknown> {
  const { OTLPTraceExporter } =
    destination.protocol === 'grpc'
      ? await import('@opentelemetry/exporter-trace-otlp-grpc')
      : destination.protocol === 'http/protobuf'
        ? await import('@opentelemetry/exporter-trace-otlp-proto')
        : await import('@opentelemetry/exporter-trace-otlp-http')
  return new OTLPTraceExporter(options(destination))
}

export async function logDelivery(destination: Destination): Promise<Delivery<readonly ReadableLogRecord[]>> {
  const { JsonLogsSerializer, ProtobufLogsSerializer } = await import('@opentelemetry/otlp-transformer')
  const { OTLPLogExporter } =
    destination.protocol === 'grpc'
      ? await import('@opentelemetry/exporter-logs-otlp-grpc')
      : destination.protocol === 'http/protobuf'
        ? await import('@opentelemetry/exporter-logs-otlp-proto')
        : await import('@opentelemetry/exporter-logs-otlp-http')
  const serializer = destination.protocol === 'http/json' ? JsonLogsSerializer : ProtobufLogsSerializer
  return delivery(
    'logs',
    destination,
    new OTLPLogExporter(options(destination)),
    (records: readonly ReadableLogRecord[]) => serializer.serializeRequest([...records]),
    length,
  )
}

/** With the exporter itself, whose preferences (OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE and the like) the reader follows. */
export async function metricDelivery(
  destination: Destination,
): Promise<{ delivery: Delivery<ResourceMetrics>; exporter: PushMetricExporter }> {
  const { JsonMetricsSerializer, ProtobufMetricsSerializer } = await import('@opentelemetry/otlp-transformer')
  const { OTLPMetricExporter } =
    destination.protocol === 'grpc'
      ? await import('@opentelemetry/exporter-metrics-otlp-grpc')
      : destination.protocol === 'http/protobuf'
        ? await import('@opentelemetry/exporter-metrics-otlp-proto')
        : await import('@opentelemetry/exporter-metrics-otlp-http')
  const serializer = destination.protocol === 'http/json' ? JsonMetricsSerializer : ProtobufMetricsSerializer
  const exporter: PushMetricExporter = new OTLPMetricExporter(options(destination))
  return { delivery: delivery('metrics', destination, exporter, metrics => serializer.serializeRequest(metrics), points), exporter }
}

const length = (rows: { readonly length: number }) => rows.length

function delivery<L>(
  signal: Signal,
  destination: Destination,
  exporter: unknown,
  encode: (load: L) => Uint8Array | undefined,
  rowsOf: (load: L) => number,
): Delivery<L> {
  unholdRetries(exporter)
  return new Delivery<L>({ signal, destination, exporter: exporter as Exporter<L>, encode, rowsOf })
}

const options = ({ given, url }: Destination) => ({ ...unheld(), ...(given === true && { url }) })

/** Connections that wait for an answer do not keep the process alive; everything else the exporter reads from the environment itself. */
function unheld(): object {
  const agent = (protocol: string) => {
    const made = protocol === 'https:' ? new HttpsAgent({ keepAlive: true }) : new HttpAgent({ keepAlive: true })
    const connect = made.createConnection.bind(made)
    made.createConnection = (options, callback) => {
      const socket = connect(options, callback) as (Duplex & { unref?: () => void }) | null | undefined
      socket?.unref?.()
      return socket
    }
    // An agent holds a socket again whenever it hands it out. What else it does then must be done too: a guard on idle sockets comes off.
    const reuse = made.reuseSocket.bind(made)
    made.reuseSocket = (socket, request) => {
      reuse(socket, request)
      ;(socket as Duplex & { unref?: () => void }).unref?.()
    }
    return made
  }
  return { httpAgentOptions: agent }
}

/**
 * The exporter waits up to ten seconds between attempts with a timer that would keep the process alive. There is no setting for it: its
 * own transport is given a timer that does not. Where it is built otherwise than is known, it stays as it is, and a test says so.
 */
function unholdRetries(exporter: unknown): void {
  type Transport = { retry?: unknown; _transport?: { send(data: Uint8Array, timeoutMs: number): Promise<unknown> } }
  const transport = (exporter as { _delegate?: { _transport?: Transport } })._delegate?._transport
  const inner = transport?._transport
  if (transport === undefined || inner === undefined || typeof transport.retry !== 'function') return
  transport.retry = (data: Uint8Array, timeoutMs: number, inMs: number) =>
    new Promise((resolve, reject) => {
      afterUnheld(inMs, () => inner.send(data, timeoutMs).then(resolve, reject))
    })
}

/**
 * The exporter is given bytes, and keeps everything else: address, headers, TLS, retries, timeout. There is no setting for it, so its serializer is
 * exchanged. @returns whether it could be; where it is built otherwise than is known, it stays as it is, and a test says so
 */
function serializesWith<T>(exporter: unknown, serializeRequest: (load: readonly T[]) => Uint8Array): boolean {
  const delegate = (
    exporter as { _delegate?: { _serializer?: { serializeRequest: unknown; deserializeResponse(data: Uint8Array): unknown } } }
  )._delegate
  const serializer = delegate?._serializer
  if (delegate === undefined || typeof serializer?.serializeRequest !== 'function') return false
  delegate._serializer = { serializeRequest, deserializeResponse: data => serializer.deserializeResponse(data) }
  return true
}
