/** What is recorded, encoded and handed to the pipeline in this process: no connection, no second copy. */
import { ExportResultCode } from '@opentelemetry/core'
import { ProtobufLogsSerializer, ProtobufMetricsSerializer } from '@opentelemetry/otlp-transformer'
import type { ReadableLogRecord } from '@opentelemetry/sdk-logs'
import type { ResourceMetrics } from '@opentelemetry/sdk-metrics'
import type { Pipeline } from '../embed/pipeline.ts'
import type { Signal } from '../model/signal.ts'
import { Delivery } from './delivery.ts'
import { points } from './rows.ts'
import type { Destination } from './settings.ts'
import { spanBytes, spansRequest } from './span-bytes.ts'

export const handedSpans = (pipeline: Pipeline, to: Destination) => ({
  delivery: handed('traces', pipeline, to, spansRequest, length),
  itemOf: spanBytes,
})

export const handedLogs = (pipeline: Pipeline, to: Destination) =>
  handed('logs', pipeline, to, (records: readonly ReadableLogRecord[]) => ProtobufLogsSerializer.serializeRequest([...records]), length)

export const handedMetrics = (pipeline: Pipeline, to: Destination) =>
  handed('metrics', pipeline, to, (metrics: ResourceMetrics) => ProtobufMetricsSerializer.serializeRequest(metrics), points)

const length = (rows: { readonly length: number }) => rows.length

function handed<L>(
  signal: Signal,
  pipeline: Pipeline,
  destination: Destination,
  encode: (load: L) => Uint8Array | undefined,
  rowsOf: (load: L) => number,
): Delivery<L> {
  const exporter = {
    export(load: L, done: (result: { code: ExportResultCode; error?: Error }) => void) {
      const body = encode(load)
      if (body === undefined) return done({ code: ExportResultCode.FAILED, error: new Error('it could not be encoded') })
      pipeline.hand(signal, body, problem =>
        done(problem === undefined ? { code: ExportResultCode.SUCCESS } : { code: ExportResultCode.FAILED, error: new Error(problem) }),
      )
    },
    shutdown: async () => {},
  }
  return new Delivery<L>({ signal, destination, exporter, encode, rowsOf })
}
