/** Every component there is: one import and one word each. */
import type { AnyFactory } from './component/component.ts'
import type { Aliases } from './component/config.ts'
import forward from './connectors/forward/index.ts'
import routing from './connectors/routing/index.ts'
import serviceGraph from './connectors/service_graph/index.ts'
import spanMetrics from './connectors/span_metrics/index.ts'
import debug from './exporters/debug/index.ts'
import otlpGrpc from './exporters/otlp_grpc/index.ts'
import otlpHttp from './exporters/otlp_http/index.ts'
import prometheus from './exporters/prometheus/index.ts'
import prometheusRemoteWrite from './exporters/prometheus_remote_write/index.ts'
import store from './exporters/store/index.ts'
import basicAuth from './extensions/basicauth/index.ts'
import bearerTokenAuth from './extensions/bearertokenauth/index.ts'
import fileStorage from './extensions/file_storage/index.ts'
import healthCheck from './extensions/health_check/index.ts'
import journalExtension from './extensions/journal/index.ts'
import attributes from './processors/attributes/index.ts'
import batch from './processors/batch/index.ts'
import filter from './processors/filter/index.ts'
import memoryLimiter from './processors/memory_limiter/index.ts'
import probabilisticSampler from './processors/probabilistic_sampler/index.ts'
import redaction from './processors/redaction/index.ts'
import resource from './processors/resource/index.ts'
import resourceDetection from './processors/resource_detection/index.ts'
import tailSampling from './processors/tail_sampling/index.ts'
import derived from './receivers/derived/index.ts'
import { hostmetrics } from './receivers/host/hostmetrics.ts'
import host from './receivers/host/index.ts'
import journalReceiver from './receivers/journal/index.ts'
import otlp from './receivers/otlp/index.ts'
import prometheusReceiver from './receivers/prometheus/index.ts'
import prometheusRemoteWriteReceiver from './receivers/prometheus_remote_write/index.ts'
import self from './receivers/self/index.ts'

export const components: readonly AnyFactory[] = [
  otlp,
  prometheusReceiver,
  prometheusRemoteWriteReceiver,
  host,
  self,
  journalReceiver,
  derived,
  memoryLimiter,
  batch,
  filter,
  attributes,
  resource,
  probabilisticSampler,
  redaction,
  resourceDetection,
  tailSampling,
  spanMetrics,
  serviceGraph,
  prometheus,
  prometheusRemoteWrite,
  store,
  otlpHttp,
  debug,
  otlpGrpc,
  healthCheck,
  fileStorage,
  journalExtension,
  bearerTokenAuth,
  basicAuth,
  forward,
  routing,
]

/** What the OpenTelemetry Collector called some of them, and files out there still do. */
export const aliases: Aliases = {
  receiver: {
    prometheusremotewrite: 'prometheus_remote_write',
    hostmetrics: { type: 'host', config: hostmetrics },
    host_metrics: { type: 'host', config: hostmetrics },
  },
  exporter: { prometheusremotewrite: 'prometheus_remote_write', otlp: 'otlp_grpc', otlphttp: 'otlp_http' },
  connector: { spanmetrics: 'span_metrics', servicegraph: 'service_graph' },
  processor: { resourcedetection: 'resource_detection' },
}
