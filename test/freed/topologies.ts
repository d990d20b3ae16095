/** Pipelines at random, and which rows each destination must get. */
import { type Signal, signals } from '../../src/model/signal.ts'
import { laneOf } from './rows.ts'

/** yes: at least once · maybe · no */
export type Fate = 'yes' | 'maybe' | 'no'
type Path = (id: number) => Fate

/** One exporter, the destination it writes to, and of each signal which rows it must get. */
export interface Planned {
  readonly id: string
  readonly protocol: 'http' | 'grpc' | 'remote write 1' | 'remote write 2'
  readonly settings: string
  readonly fates: Map<Signal, Path[]>
}
export interface Topology {
  readonly exporters: readonly Planned[]
  /** the configuration, once it is known where destinations listen */
  text(endpointOf: (exporter: Planned) => string, folder: string): string
}

const everything: Path = () => 'yes'
const and =
  (before: Path, more: Path): Path =>
  id => {
    const [a, b] = [before(id), more(id)]
    return a === 'no' || b === 'no' ? 'no' : a === 'maybe' || b === 'maybe' ? 'maybe' : 'yes'
  }

export function topologyOf(random: () => number): Topology {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!
  const chance = (share: number) => random() < share
  const exporters: Planned[] = []
  const connectors: string[] = []
  const pipelines: string[] = []

  const processors = (signal: Signal, path: Path): [names: string[], path: Path] => {
    const names: string[] = []
    let after = path
    for (const name of [
      'memory_limiter',
      'filter',
      'attributes',
      'probabilistic_sampler',
      'batch',
      'resource',
      'tail_sampling',
      'tail_sampling/some',
    ]) {
      if (!chance(0.25)) continue
      if (name.startsWith('tail_sampling') && signal !== 'traces') continue
      if (name === 'probabilistic_sampler' && signal === 'metrics') continue
      if (name === 'filter' || name === 'tail_sampling/some') after = and(after, id => (laneOf(id) === 0 ? 'no' : 'yes'))
      if (name === 'probabilistic_sampler') after = and(after, () => 'maybe')
      names.push(name)
    }
    return [names, after]
  }

  const exporter = (signal: Signal, path: Path): string => {
    // One batch may come to it on more ways than such a queue has places: it would wait on each for the time that a sender waits at the most.
    const known = exporters.filter(({ fates, settings }) => fates.has(signal) && !settings.includes('queue_size'))
    if (known.length > 0 && chance(0.2)) {
      const again = pick(known)
      again.fates.get(signal)!.push(path)
      return again.id
    }
    const protocol = chance(0.4)
      ? 'grpc'
      : signal === 'metrics' && chance(0.4)
        ? pick(['remote write 1', 'remote write 2'] as const)
        : 'http'
    const json = protocol === 'http' && chance(0.15)
    const compression = chance(0.2) ? 'gzip' : 'none'
    const queue = pick([
      '',
      'wait_for_result: true',
      'storage: file_storage',
      'queue_size: 2, block_on_overflow: true',
      'num_consumers: 1, batch: { max_size: 30, sizer: items }',
      'storage: file_storage, max_bytes: 20KiB',
    ])
    const remote = protocol.startsWith('remote')
    const id = `${remote ? 'prometheus_remote_write' : `otlp_${protocol}`}/${exporters.length}`
    const form = remote
      ? `protobuf_message: ${protocol === 'remote write 1' ? 'prometheus.WriteRequest' : 'io.prometheus.write.v2.Request'}`
      : `compression: ${compression}${json ? ', encoding: json' : ''}`
    const settings = `${form}, sending_queue: { ${queue} }, retry_on_failure: { initial_interval: 1ms, max_interval: 2ms, max_elapsed_time: 0s }`
    exporters.push({ id, protocol, settings, fates: new Map([[signal, [path]]]) })
    return id
  }

  const ends = (signal: Signal, path: Path): string[] => {
    const names = Array.from({ length: Math.ceil(random() * 2.3) }, () => exporter(signal, path))
    if (chance(0.3)) names.push('debug')
    if (chance(0.3)) names.push('store')
    if (signal === 'metrics' && chance(0.3)) names.push('prometheus')
    if (signal === 'traces' && chance(0.3)) names.push(pick(['span_metrics', 'service_graph']))
    return [...new Set(names)]
  }

  const pipeline = (id: string, receiver: string, signal: Signal, path: Path, depth: number): void => {
    const [names, after] = processors(signal, path)
    const to = ends(signal, after)
    if (depth < 2 && chance(0.35)) {
      const forward = `forward/${connectors.length}`
      connectors.push(`${forward}: `)
      to.push(forward)
      pipeline(`${signal}/${connectors.length}f${depth}`, forward, signal, after, depth + 1)
    }
    if (depth < 2 && chance(0.5)) to.push(routing(signal, after, depth))
    pipelines.push(`    ${id}: { receivers: [${receiver}], processors: [${names.join(', ')}], exporters: [${to.join(', ')}] }`)
  }

  const routing = (signal: Signal, path: Path, depth: number): string => {
    const id = `routing/${connectors.length}`
    const at = connectors.push('') - 1
    const context = { metrics: 'datapoint', traces: 'span', logs: 'log' }[signal]
    const copies = chance(0.5)
    const [one, all, rest] = ['one', 'all', 'rest'].map(name => `${signal}/${at}${name}`)
    const action = copies ? ', action: copy' : ''
    const whole = chance(0.5) ? `, { statement: 'route() where true', action: copy, pipelines: [${all}] }` : ''
    connectors[at] =
      `${id}: { default_pipelines: [${rest}], table: [{ context: ${context}, condition: 'attributes["lane"] == 1'${action}, pipelines: [${one}] }${whole}] }`
    pipeline(
      one!,
      id,
      signal,
      and(path, id => (laneOf(id) === 1 ? 'yes' : 'no')),
      depth + 1,
    )
    const left = and(path, id => (!copies && laneOf(id) === 1 ? 'no' : 'yes'))
    if (whole !== '') pipeline(all!, id, signal, left, depth + 1)
    pipeline(rest!, id, signal, left, depth + 1)
    return id
  }

  for (const signal of signals) {
    const count = 1 + Math.floor(random() * 2)
    for (let i = 0; i < count; i++) pipeline(`${signal}/in${i}`, 'otlp', signal, everything, 0)
  }
  pipelines.push('    metrics/derived: { receivers: [span_metrics, service_graph], exporters: [debug] }')
  pipelines.push('    traces/derived: { receivers: [otlp], exporters: [span_metrics, service_graph] }')

  const text = (endpointOf: (exporter: Planned) => string, folder: string) => `
extensions: { file_storage: { directory: ${folder}/queues, create_directory: true, fsync: false } }
receivers: { otlp: { protocols: { http: { endpoint: "127.0.0.1:0", fast_path: ${chance(0.7)} }, grpc: { endpoint: "127.0.0.1:0" } } } }
processors:
  memory_limiter: { check_interval: 1s, limit_mib: 4000 }
  batch: { send_batch_max_size: 100 }
  filter: { error_mode: propagate, trace_conditions: ['span.attributes["lane"] == 0'], metric_conditions: ['datapoint.attributes["lane"] == 0'], log_conditions: ['log.attributes["lane"] == 0'] }
  attributes: { actions: [{ key: added, action: insert, value: more }] }
  resource: { attributes: [{ key: added, action: insert, value: more }] }
  probabilistic_sampler: { sampling_percentage: 50 }
  tail_sampling: { decision_wait: 1ms, policies: [{ name: all, type: always_sample }] }
  tail_sampling/some: { decision_wait: 1ms, policies: [{ name: lanes, type: numeric_attribute, numeric_attribute: { key: lane, min_value: 1, max_value: 2 } }] }
connectors: { span_metrics: , service_graph: , ${connectors.join(', ')} }
exporters:
  debug: { verbosity: ${pick(['normal', 'detailed'])}, sampling_initial: 5 }
  store: { directory: ${folder}/store }
  prometheus: { endpoint: "127.0.0.1:0", enable_open_metrics: true }
${exporters.map(one => `  ${one.id}: { endpoint: "${endpointOf(one)}", ${one.protocol === 'grpc' ? 'tls: { insecure: true }, ' : ''}${one.settings} }`).join('\n')}
service:
  shutdown_timeout: 15s
  api: { endpoint: "127.0.0.1:0" }
  extensions: [file_storage]
  telemetry: { metrics: { level: none } }
  pipelines:
${pipelines.join('\n')}`
  return { exporters, text }
}
