/** The servers by name: each takes its own configuration language and returns when it answers. */
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { program } from '../tools.ts'
import { Folder, finish, freePorts, getJson, LOOPBACK, listens, Server, type Started } from './process.ts'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))

export interface Otlp {
  readonly httpPort: number
  readonly grpcPort: number
}

async function boot(folder: Folder, what: Started): Promise<Server> {
  try {
    return await Server.start(what, folder)
  } catch (error) {
    folder[Symbol.dispose]()
    throw error
  }
}
const allListen = async (...ports: number[]) => (await Promise.all(ports.map(listens))).every(Boolean)

/** Where a Collector or Thalamus sends: both speak the same configuration. */
export const toHttp = (port: number, more: object = {}) => ({ endpoint: `http://${LOOPBACK}:${port}`, ...more })
export const toGrpc = (port: number, more: object = {}) => ({ endpoint: `${LOOPBACK}:${port}`, tls: { insecure: true }, ...more })

export const SIGNALS = ['metrics', 'traces', 'logs'] as const

export interface Configuration {
  readonly receivers: object
  readonly processors?: object
  readonly exporters: object
  readonly extensions?: object
  readonly service: { readonly pipelines: Readonly<Record<string, object>> } & Readonly<Record<string, unknown>>
}

/** otlp in, the named exporters out, for every signal. */
export function otlpTo(
  ports: Otlp,
  exporters: Readonly<Record<string, object>>,
  processors: Readonly<Record<string, object>> = {},
): Configuration {
  const pipeline = { receivers: ['otlp'], processors: Object.keys(processors), exporters: Object.keys(exporters) }
  return {
    receivers: {
      otlp: { protocols: { http: { endpoint: `${LOOPBACK}:${ports.httpPort}` }, grpc: { endpoint: `${LOOPBACK}:${ports.grpcPort}` } } },
    },
    processors,
    exporters,
    service: { pipelines: Object.fromEntries(SIGNALS.map(signal => [signal, pipeline])) },
  }
}

export class Collector implements AsyncDisposable, Otlp {
  readonly httpPort: number
  readonly grpcPort: number
  readonly server: Server
  private constructor(server: Server, ports: Otlp) {
    this.server = server
    this.httpPort = ports.httpPort
    this.grpcPort = ports.grpcPort
  }
  /** @param at ports to listen on again; otherwise free ones */
  static async start(configure: (ports: Otlp) => Configuration, at?: Otlp): Promise<Collector> {
    const [freeHttp, freeGrpc] = (await freePorts(2)) as [number, number]
    const { httpPort, grpcPort } = at ?? { httpPort: freeHttp, grpcPort: freeGrpc }
    const config = configure({ httpPort, grpcPort })
    // Its own metrics would want port 8888.
    const quiet = { ...config, service: { ...config.service, telemetry: { metrics: { level: 'none' } } } }
    const folder = new Folder()
    const file = folder.write('otelcol.yaml', quiet)
    const server = await boot(folder, {
      file: program('otelcol'),
      args: ['--config', file],
      ready: () => allListen(httpPort, grpcPort),
    })
    return new Collector(server, { httpPort, grpcPort })
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.server[Symbol.asyncDispose]()
  }
}

export interface LedgerPage {
  readonly imbalance: number
  readonly receivers: readonly { id: string; signal: string; received: number; accepted: number; refused: number }[]
  readonly wires: readonly { from: string; to: string; signal: string; offered: number; taken: number; dropped: Record<string, number> }[]
  readonly components: readonly {
    kind: string
    id: string
    signal: string
    accepted: number
    recovered: number
    taken: number
    held: number
    resent: number
    dropped: Record<string, number>
  }[]
}

/** Thalamus itself, started as a user starts it. */
export class Thalamus implements AsyncDisposable, Otlp {
  readonly httpPort: number
  readonly grpcPort: number
  readonly apiPort: number
  readonly server: Server
  private constructor(server: Server, ports: Otlp & { apiPort: number }) {
    this.server = server
    this.httpPort = ports.httpPort
    this.grpcPort = ports.grpcPort
    this.apiPort = ports.apiPort
  }
  /** @param flags for Node itself @param through a program that runs it, and its arguments */
  static async start(
    configure: (ports: Otlp) => Configuration,
    flags: readonly string[] = [],
    through: readonly string[] = [],
  ): Promise<Thalamus> {
    const [httpPort, grpcPort, apiPort] = (await freePorts(3)) as [number, number, number]
    const config = configure({ httpPort, grpcPort })
    const telemetry = { metrics: { level: 'none' }, traces: { level: 'none' } }
    const service = { telemetry, ...config.service, api: { endpoint: `${LOOPBACK}:${apiPort}` } }
    const folder = new Folder()
    const file = folder.write('thalamus.yaml', { ...config, service })
    const server = await boot(folder, {
      file: through[0] ?? node(),
      args: [...through.slice(1), ...(through.length > 0 ? [node()] : []), ...flags, 'bin/thalamus.js', '--config', file],
      cwd: ROOT,
      ready: async () => (await allListen(httpPort, grpcPort, apiPort)) && (await fetch(`http://${LOOPBACK}:${apiPort}/-/ready`)).ok,
    })
    return new Thalamus(server, { httpPort, grpcPort, apiPort })
  }
  /** As `npm start`: no file, only other ports. */
  static async startDefault({ metricsPort }: { metricsPort: number }): Promise<Thalamus> {
    const [httpPort, grpcPort, apiPort, healthPort, ownPort] = (await freePorts(5)) as [number, number, number, number, number]
    const sets = [
      `receivers.otlp.protocols.http.endpoint=${LOOPBACK}:${httpPort}`,
      `receivers.otlp.protocols.grpc.endpoint=${LOOPBACK}:${grpcPort}`,
      `exporters.prometheus.endpoint=${LOOPBACK}:${metricsPort}`,
      `extensions.health_check.endpoint=${LOOPBACK}:${healthPort}`,
      `service.telemetry.metrics.readers=[{ pull: { exporter: { prometheus: { host: ${LOOPBACK}, port: ${ownPort} } } } }]`,
      `service.api.endpoint=${LOOPBACK}:${apiPort}`,
    ]
    const server = await boot(new Folder(), {
      file: node(),
      args: ['bin/thalamus.js', ...sets.flatMap(set => ['--set', set])],
      cwd: ROOT,
      ready: () => allListen(httpPort, grpcPort, apiPort, metricsPort, healthPort),
    })
    return new Thalamus(server, { httpPort, grpcPort, apiPort })
  }
  ledger(): Promise<LedgerPage> {
    return getJson(`http://${LOOPBACK}:${this.apiPort}/debug/ledger`)
  }
  stop(signal?: NodeJS.Signals): Promise<number | string> {
    return this.server.stop(signal)
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.server[Symbol.asyncDispose]()
  }
}

/** The Node that the package brings: the one of the PATH may be too old. */
export const node = () => createRequire(import.meta.url).resolve('node/bin/node')

export class Jaeger implements AsyncDisposable, Otlp {
  readonly httpPort: number
  readonly grpcPort: number
  readonly url: string
  readonly server: Server
  private constructor(server: Server, ports: Otlp, url: string) {
    this.server = server
    this.httpPort = ports.httpPort
    this.grpcPort = ports.grpcPort
    this.url = url
  }
  static async start(): Promise<Jaeger> {
    const [httpPort, grpcPort, query, queryGrpc] = (await freePorts(4)) as [number, number, number, number]
    const config = {
      ...otlpTo({ httpPort, grpcPort }, { jaeger_storage_exporter: { trace_storage: 'mem' } }),
      extensions: {
        jaeger_query: {
          storage: { traces: 'mem' },
          http: { endpoint: `${LOOPBACK}:${query}` },
          grpc: { endpoint: `${LOOPBACK}:${queryGrpc}` },
        },
        jaeger_storage: { backends: { mem: { memory: { max_traces: 1000 } } } },
      },
      service: {
        extensions: ['jaeger_storage', 'jaeger_query'],
        pipelines: { traces: { receivers: ['otlp'], processors: [], exporters: ['jaeger_storage_exporter'] } },
        telemetry: { metrics: { level: 'none' } },
      },
    }
    const folder = new Folder()
    const file = folder.write('jaeger.yaml', config)
    const url = `http://${LOOPBACK}:${query}`
    const server = await boot(folder, {
      file: program('jaeger'),
      args: ['--config', file],
      ready: () => allListen(httpPort, grpcPort, query),
    })
    return new Jaeger(server, { httpPort, grpcPort }, url)
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.server[Symbol.asyncDispose]()
  }
}

export interface Series {
  readonly metric: Readonly<Record<string, string>>
  readonly value: readonly [number, string]
}

export class Prometheus implements AsyncDisposable {
  readonly url: string
  readonly server: Server
  private constructor(server: Server, url: string) {
    this.server = server
    this.url = url
  }
  /** @param jobs name → `host:port` and whatever else a scrape_config takes @param more of the configuration @param flags beside those that are needed @param features likewise */
  static async start(
    jobs: Readonly<Record<string, { target: string } & Record<string, unknown>>>,
    more: object = {},
    flags: readonly string[] = [],
    features: readonly string[] = [],
  ): Promise<Prometheus> {
    const [port] = (await freePorts(1)) as [number]
    const folder = new Folder()
    const file = folder.write('prometheus.yml', {
      global: { scrape_interval: '1s', scrape_timeout: '1s' },
      scrape_configs: Object.entries(jobs).map(([job_name, { target, ...settings }]) => ({
        job_name,
        static_configs: [{ targets: [target] }],
        ...settings,
      })),
      ...more,
    })
    await finish(program('promtool'), ['check', 'config', file])
    const url = `http://${LOOPBACK}:${port}`
    const enabled = `--enable-feature=${['exemplar-storage', 'extra-scrape-metrics', ...features].join(',')}`
    const server = await boot(folder, {
      file: program('prometheus'),
      args: [
        `--config.file=${file}`,
        `--storage.tsdb.path=${folder.path}/data`,
        `--web.listen-address=${LOOPBACK}:${port}`,
        enabled,
        ...flags,
      ],
      ready: async () => (await listens(port)) && (await fetch(`${url}/-/ready`)).ok,
    })
    return new Prometheus(server, url)
  }
  async query(expression: string): Promise<readonly Series[]> {
    const answer = await getJson<{ data: { result: Series[] } }>(`${this.url}/api/v1/query?query=${encodeURIComponent(expression)}`)
    return answer.data.result
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.server[Symbol.asyncDispose]()
  }
}

/** OTLP from Go. */
export const telemetrygen = (signal: (typeof SIGNALS)[number], to: Otlp, over: 'http' | 'grpc', ...more: string[]) =>
  finish(program('telemetrygen'), [
    signal,
    '--otlp-insecure',
    '--rate=0',
    ...(over === 'http'
      ? ['--otlp-http', '--otlp-endpoint', `${LOOPBACK}:${to.httpPort}`]
      : ['--otlp-endpoint', `${LOOPBACK}:${to.grpcPort}`]),
    ...more,
  ])

export { program }
