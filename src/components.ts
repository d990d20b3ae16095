/**
 * Every component there is: one line each. Its code is loaded when a configuration names it: all of them together are twenty megabytes, and
 * nobody uses more than a few.
 */
import type { AnyFactory } from './component/component.ts'
import { type Aliases, type LoadedConfiguration, type LoadOptions, loadConfiguration, type Source, typesNamed } from './component/config.ts'
import { hostmetrics } from './receivers/host/hostmetrics.ts'

type Load = () => Promise<{ readonly default: AnyFactory }>

const loads: Readonly<Record<AnyFactory['kind'], Readonly<Record<string, Load>>>> = {
  receiver: {
    otlp: () => import('./receivers/otlp/index.ts'),
    prometheus: () => import('./receivers/prometheus/index.ts'),
    prometheus_remote_write: () => import('./receivers/prometheus_remote_write/index.ts'),
    host: () => import('./receivers/host/index.ts'),
    self: () => import('./receivers/self/index.ts'),
    journal: () => import('./receivers/journal/index.ts'),
    derived: () => import('./receivers/derived/index.ts'),
  },
  processor: {
    memory_limiter: () => import('./processors/memory_limiter/index.ts'),
    batch: () => import('./processors/batch/index.ts'),
    filter: () => import('./processors/filter/index.ts'),
    attributes: () => import('./processors/attributes/index.ts'),
    resource: () => import('./processors/resource/index.ts'),
    probabilistic_sampler: () => import('./processors/probabilistic_sampler/index.ts'),
    redaction: () => import('./processors/redaction/index.ts'),
    resource_detection: () => import('./processors/resource_detection/index.ts'),
    tail_sampling: () => import('./processors/tail_sampling/index.ts'),
  },
  connector: {
    span_metrics: () => import('./connectors/span_metrics/index.ts'),
    service_graph: () => import('./connectors/service_graph/index.ts'),
    forward: () => import('./connectors/forward/index.ts'),
    routing: () => import('./connectors/routing/index.ts'),
  },
  exporter: {
    prometheus: () => import('./exporters/prometheus/index.ts'),
    prometheus_remote_write: () => import('./exporters/prometheus_remote_write/index.ts'),
    store: () => import('./exporters/store/index.ts'),
    otlp_http: () => import('./exporters/otlp_http/index.ts'),
    debug: () => import('./exporters/debug/index.ts'),
    otlp_grpc: () => import('./exporters/otlp_grpc/index.ts'),
  },
  extension: {
    health_check: () => import('./extensions/health_check/index.ts'),
    file_storage: () => import('./extensions/file_storage/index.ts'),
    journal: () => import('./extensions/journal/index.ts'),
    bearertokenauth: () => import('./extensions/bearertokenauth/index.ts'),
    basicauth: () => import('./extensions/basicauth/index.ts'),
  },
}

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

export function allComponents(): Promise<readonly AnyFactory[]> {
  return Promise.all(Object.values(loads).flatMap(of => Object.values(of).map(defaultOf)))
}

/**
 * What `loadConfiguration` has to know for these sources: the components that they name, loaded, and the words of the others.
 * @param own components that somebody brings, known by their types beside ours
 */
export async function known(sources: readonly Source[], options: Reading, own: readonly AnyFactory[] = []): Promise<Known> {
  const ours = typesNamed(sources, { ...options, aliases }).flatMap(({ kind, type }) =>
    Object.hasOwn(loads[kind], type) ? [loads[kind][type]!] : [],
  )
  const names = (kind: AnyFactory['kind']) => Object.keys(loads[kind])
  return { factories: [...(await Promise.all(ours.map(defaultOf))), ...own], names, aliases }
}

/** @throws {ConfigFileError} with every problem that was found */
export async function readConfiguration(
  sources: readonly Source[],
  options: Reading,
  own?: readonly AnyFactory[],
): Promise<LoadedConfiguration> {
  return loadConfiguration(sources, { ...options, ...(await known(sources, options, own)) })
}

type Known = Pick<LoadOptions, 'factories' | 'names' | 'aliases'>
type Reading = Omit<LoadOptions, keyof Known>

const defaultOf = async (load: Load) => (await load()).default
