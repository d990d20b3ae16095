/** What the environment asks for: the standard OTEL_* variables, and three of ours. Pure; what is wrong is said, and never fatal. */
import { signals as allSignals, type Signal } from '../model/signal.ts'

export type Environment = Readonly<Record<string, string | undefined>>
export const protocols = ['http/json', 'http/protobuf', 'grpc'] as const
export type Protocol = (typeof protocols)[number]

const exporterNames = {
  traces: ['otlp', 'console', 'none'],
  metrics: ['otlp', 'prometheus', 'prometheus_sdk', 'console', 'none'],
  logs: ['otlp', 'console', 'none'],
} as const
export type MetricsExporter = Exclude<(typeof exporterNames)['metrics'][number], 'none'>

/** Where one signal goes over OTLP. */
export interface Destination {
  readonly protocol: Protocol
  /** of the request itself, with its path; for gRPC of the server */
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly timeoutMs: number
  /** paths of PEM files */
  readonly certificate: string | undefined
  readonly clientCertificate: string | undefined
  readonly clientKey: string | undefined
  /** not by the environment, which exporters read themselves */
  readonly given?: boolean
}

/** The pipeline runs in this process. */
export interface Embed {
  /** paths of files; none: the default */
  readonly configs: readonly string[]
  /** [MiB] */
  readonly memoryMiB: number
  /** where the default pipeline sends what it takes */
  readonly forward: { readonly endpoint: string; readonly headers: Readonly<Record<string, string>> } | undefined
}

/** How what is recorded waits until it is sent. */
export interface Batching {
  /** the most rows that wait; more are dropped and counted */
  readonly maxQueue: number
  /** the most rows of one request */
  readonly maxBatch: number
  readonly delayMs: number
}

export interface Settings {
  readonly traces: readonly ('otlp' | 'console')[]
  readonly metrics: readonly MetricsExporter[]
  readonly logs: readonly ('otlp' | 'console')[]
  readonly destinations: Readonly<Record<Signal, Destination>>
  readonly spans: Batching
  readonly records: Batching
  readonly metricIntervalMs: number
  readonly prometheus: { readonly host: string; readonly port: number; readonly portAskedFor: boolean }
  readonly propagators: readonly string[]
  readonly sampler: string | undefined
  readonly samplerArgument: string | undefined
  readonly detectors: ReadonlySet<string>
  /** short names, such as `pg`; undefined: all but the ones that are noise */
  readonly enabled: ReadonlySet<string> | undefined
  readonly disabled: ReadonlySet<string>
  /** paths, `*` at the end stands for anything, whose requests are neither traced nor measured */
  readonly ignoredPaths: readonly string[]
  /** undefined: the pipeline runs elsewhere */
  readonly embed: Embed | undefined
  /** [ms] what instrumentation may take of a request, p99; undefined: it is not timed */
  readonly overheadMs: number | undefined
  /** of the SDK's own words */
  readonly logLevel: string | undefined
  /** the SDK counts its own spans */
  readonly sdkMetrics: boolean
  /** say what was instrumented */
  readonly startLine: boolean
  /** say what went wrong */
  readonly warnings: boolean
  /** one line each: what is asked for and cannot be had */
  readonly problems: readonly string[]
}

const healthPaths = '/metrics,/health,/health/*,/healthz,/healthz/*,/livez,/readyz,/live,/ready,/startupz,/healthcheck,/-/healthy,/-/ready'
const knownDetectors = ['env', 'host', 'os', 'process', 'serviceinstance', 'container', 'kubernetes', 'cloud']
const knownPropagators = ['tracecontext', 'baggage', 'b3', 'b3multi', 'jaeger', 'none']

export function readSettings(env: Environment): Settings {
  const problems: string[] = []
  const text = (name: string) => env[name]?.trim() || undefined
  const list = (name: string, fallback: string) =>
    (text(name) ?? fallback)
      .split(',')
      .map(word => word.trim())
      .filter(Boolean)
  const number = (name: string, fallback: number, least = 1) => {
    const given = text(name)
    if (given === undefined) return fallback
    if (/^\d+(\.\d+)?$/.test(given) && Number(given) >= least) return Number(given)
    problems.push(`${name}: must be a number of at least ${least}, got ${JSON.stringify(given)}; it is ${fallback}`)
    return fallback
  }
  const words = <W extends string>(name: string, fallback: string, known: readonly W[]): W[] => {
    const given = [...new Set(list(name, fallback))]
    const good = given.filter((word): word is W => (known as readonly string[]).includes(word))
    const bad = given.filter(word => !(known as readonly string[]).includes(word))
    if (bad.length > 0) problems.push(`${name}: unknown ${bad.map(word => JSON.stringify(word)).join(', ')}; known: ${known.join(', ')}`)
    return good
  }
  const exporters = <S extends Signal>(signal: S) => {
    const found = words(`OTEL_${signal.toUpperCase()}_EXPORTER`, 'otlp', exporterNames[signal])
    return (found as string[]).includes('none') ? [] : (found as Exclude<(typeof exporterNames)[S][number], 'none'>[])
  }
  const batching = (prefix: string, delayMs: number): Batching => {
    const maxQueue = number(`${prefix}_MAX_QUEUE_SIZE`, 2048)
    return {
      maxQueue,
      maxBatch: Math.min(maxQueue, number(`${prefix}_MAX_EXPORT_BATCH_SIZE`, 512)),
      delayMs: number(`${prefix}_SCHEDULE_DELAY`, delayMs),
    }
  }
  const detectors = list('OTEL_NODE_RESOURCE_DETECTORS', 'env,host,os,process,serviceinstance,container,kubernetes')
  const unknown = detectors.filter(name => !['all', 'none', ...knownDetectors].includes(name))
  if (unknown.length > 0)
    problems.push(`OTEL_NODE_RESOURCE_DETECTORS: ${unknown.join(', ')} cannot be had; known: ${knownDetectors.join(', ')}, all`)
  const embed = embedding(text, list, number, problems)
  const level = (text('OTEL_LOG_LEVEL') ?? 'info').toLowerCase()
  const propagators = words('OTEL_PROPAGATORS', 'tracecontext,baggage', knownPropagators)
  return {
    traces: exporters('traces'),
    metrics: exporters('metrics'),
    logs: exporters('logs'),
    destinations: {
      traces: destination('traces', text, number, problems),
      metrics: destination('metrics', text, number, problems),
      logs: destination('logs', text, number, problems),
    },
    spans: batching('OTEL_BSP', 5000),
    records: batching('OTEL_BLRP', 1000),
    metricIntervalMs: number('OTEL_METRIC_EXPORT_INTERVAL', embed === undefined ? 60_000 : 10_000),
    prometheus: {
      host: text('OTEL_EXPORTER_PROMETHEUS_HOST') ?? 'localhost',
      port: number('OTEL_EXPORTER_PROMETHEUS_PORT', 9464, 0),
      portAskedFor: text('OTEL_EXPORTER_PROMETHEUS_PORT') !== undefined,
    },
    propagators: propagators.includes('none') ? [] : propagators,
    sampler: text('OTEL_TRACES_SAMPLER'),
    samplerArgument: text('OTEL_TRACES_SAMPLER_ARG'),
    detectors: new Set(detectors.includes('none') ? [] : detectors.includes('all') ? knownDetectors : detectors),
    enabled: text('OTEL_NODE_ENABLED_INSTRUMENTATIONS') === undefined ? undefined : new Set(list('OTEL_NODE_ENABLED_INSTRUMENTATIONS', '')),
    disabled: new Set(list('OTEL_NODE_DISABLED_INSTRUMENTATIONS', '')),
    ignoredPaths: (env['THALAMUS_IGNORED_PATHS'] ?? healthPaths)
      .split(',')
      .map(path => path.trim())
      .filter(Boolean),
    embed,
    overheadMs: text('THALAMUS_OVERHEAD_P99_MS') === undefined ? undefined : number('THALAMUS_OVERHEAD_P99_MS', 1, 0.001),
    logLevel: text('OTEL_LOG_LEVEL'),
    sdkMetrics: text('OTEL_NODE_EXPERIMENTAL_SDK_METRICS')?.toLowerCase() === 'true',
    startLine: !['none', 'error', 'warn'].includes(level),
    warnings: level !== 'none',
    problems,
  }
}

type Text = (name: string) => string | undefined

function embedding(
  text: Text,
  list: (name: string, fallback: string) => string[],
  number: (name: string, fallback: number, least?: number) => number,
  problems: string[],
): Embed | undefined {
  const asked = (text('THALAMUS_EMBED') ?? 'false').toLowerCase()
  if (!['0', '1', 'false', 'true'].includes(asked))
    problems.push(`THALAMUS_EMBED: must be true or false, got ${JSON.stringify(asked)}; it is false`)
  if (asked !== '1' && asked !== 'true') return undefined
  const endpoint = text('OTEL_EXPORTER_OTLP_ENDPOINT')
  const configs = list('THALAMUS_CONFIG', '')
  const grpc = text('OTEL_EXPORTER_OTLP_PROTOCOL') === 'grpc'
  if (grpc && endpoint !== undefined && configs.length === 0)
    problems.push('OTEL_EXPORTER_OTLP_PROTOCOL: the embedded pipeline forwards over HTTP; for gRPC name an exporter in THALAMUS_CONFIG')
  return {
    configs,
    memoryMiB: number('THALAMUS_EMBED_MEMORY_MIB', 256, 64),
    forward: endpoint === undefined || grpc ? undefined : { endpoint, headers: pairs(text('OTEL_EXPORTER_OTLP_HEADERS')) },
  }
}

function destination(signal: Signal, text: Text, number: (name: string, fallback: number) => number, problems: string[]): Destination {
  /** What is said for the one signal goes before what is said for all. */
  const either = (name: string) => text(`OTEL_EXPORTER_OTLP_${signal.toUpperCase()}_${name}`) ?? text(`OTEL_EXPORTER_OTLP_${name}`)
  const asked = either('PROTOCOL')
  const protocol = protocols.find(known => known === asked) ?? 'http/json'
  if (asked !== undefined && asked !== protocol && signal === allSignals[0])
    problems.push(`OTEL_EXPORTER_OTLP_PROTOCOL: unknown ${JSON.stringify(asked)}; it is ${protocol}; known: ${protocols.join(', ')}`)
  const base = text('OTEL_EXPORTER_OTLP_ENDPOINT') ?? `http://localhost:${protocol === 'grpc' ? 4317 : 4318}`
  const own = text(`OTEL_EXPORTER_OTLP_${signal.toUpperCase()}_ENDPOINT`)
  return {
    protocol,
    url: own ?? (protocol === 'grpc' ? base : `${base.replace(/\/+$/, '')}/v1/${signal}`),
    headers: { ...pairs(text('OTEL_EXPORTER_OTLP_HEADERS')), ...pairs(text(`OTEL_EXPORTER_OTLP_${signal.toUpperCase()}_HEADERS`)) },
    timeoutMs: number(
      text(`OTEL_EXPORTER_OTLP_${signal.toUpperCase()}_TIMEOUT`) === undefined
        ? 'OTEL_EXPORTER_OTLP_TIMEOUT'
        : `OTEL_EXPORTER_OTLP_${signal.toUpperCase()}_TIMEOUT`,
      10_000,
    ),
    certificate: either('CERTIFICATE'),
    clientCertificate: either('CLIENT_CERTIFICATE'),
    clientKey: either('CLIENT_KEY'),
  }
}

/** `key=value,key=value`, percent-encoded. */
function pairs(text: string | undefined): Record<string, string> {
  const found = (text ?? '').split(',').flatMap(pair => {
    const at = pair.indexOf('=')
    return at < 1 ? [] : [[decoded(pair.slice(0, at).trim()).toLowerCase(), decoded(pair.slice(at + 1).trim())] as const]
  })
  return Object.fromEntries(found)
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
