/** What every benchmark needs: both servers side by side, a sink behind each, the loader in front, and honest numbers. */
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'
import { finish, freePorts, LOOPBACK, listens, Server } from '../test/peers/kit/process.ts'
import { Collector, type Configuration, type Otlp, otlpTo, program, Thalamus, toHttp } from '../test/peers/kit/servers.ts'

/** The loader's line: see test/peers/loader. */
export interface Measured {
  readonly rows: number
  readonly requests: number
  readonly refused: number
  readonly failed: number
  readonly arrived: number
  readonly missing: number
  readonly seconds: number
  readonly cpuSeconds: number
  readonly p50ms: number
  readonly p99ms: number
  readonly rssBytes: number
  readonly bodyBytes: number
  readonly firstError?: string
}

export interface Load {
  readonly signal?: 'metrics' | 'traces'
  readonly points: number
  readonly grpc?: boolean
  readonly gzip?: boolean
  readonly bodies?: number
  /** distinct services of 110 series each */
  readonly sources?: number
  readonly connections?: number
  readonly streams?: number
  /** requests per second; without it as fast as the server answers */
  readonly rate?: number
  readonly warmSeconds?: number
  readonly seconds: number
  readonly once?: boolean
  /** where the loader runs: see `keepOn` */
  readonly cores?: string
}

export type Shape = 'otlp_http' | 'otlp_http and prometheus'

/** A server under test with its own sink. */
export class Subject implements AsyncDisposable {
  readonly name: string
  readonly server: Otlp & AsyncDisposable & { readonly server: Server }
  readonly sink: Server
  readonly sinkPort: number

  private constructor(name: string, server: Subject['server'], sink: Server, sinkPort: number) {
    this.name = name
    this.server = server
    this.sink = sink
    this.sinkPort = sinkPort
  }

  static async start(kind: typeof Collector | typeof Thalamus, shape: Shape, flags: readonly string[] = []): Promise<Subject> {
    const [prometheusPort] = (await freePorts(1)) as [number]
    // The same words for both, which is the point of speaking the Collector's language.
    const configure = (ports: Otlp, sinkPort: number) => {
      const config = otlpTo(ports, { otlp_http: toHttp(sinkPort, { compression: 'none' }) }, { batch: {} })
      if (shape === 'otlp_http') return config
      const metrics = { ...config.service.pipelines['metrics'], exporters: ['otlp_http', 'prometheus'] }
      return {
        ...config,
        exporters: { ...config.exporters, prometheus: { endpoint: `${LOOPBACK}:${prometheusPort}` } },
        service: { pipelines: { ...config.service.pipelines, metrics } },
      }
    }
    return Subject.configured(kind, configure, flags)
  }

  static async configured(
    kind: typeof Collector | typeof Thalamus,
    configure: (ports: Otlp, sinkPort: number) => Configuration,
    flags: readonly string[] = [],
  ): Promise<Subject> {
    const [sinkPort] = (await freePorts(1)) as [number]
    const sink = await startSink(sinkPort)
    const configured = (ports: Otlp) => configure(ports, sinkPort)
    const server = await (kind === Thalamus ? Thalamus.start(configured, flags) : Collector.start(configured))
    return new Subject(kind.name, server, sink, sinkPort)
  }

  /** @throws when a row is missing or a request failed: such a figure is void. */
  load(load: Load): Promise<Measured> {
    const port = load.grpc === true ? this.server.grpcPort : this.server.httpPort
    return runLoader(load, port, this.server.server.pid, this.sinkPort, this.name)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]()
    await this.sink[Symbol.asyncDispose]()
  }
}

export const startSink = (port: number) =>
  Server.start({ file: program('loader'), args: ['sink', '-listen', `${LOOPBACK}:${port}`], ready: () => listens(port) })

export async function runLoader(load: Load, port: number, pid: number, sinkPort: number | undefined, name: string): Promise<Measured> {
  const flags: Record<string, string | number | boolean | undefined> = {
    to: `${LOOPBACK}:${port}`,
    pid,
    sink: sinkPort === undefined ? '' : `${LOOPBACK}:${sinkPort}`,
    signal: load.signal,
    points: load.points,
    grpc: load.grpc,
    gzip: load.gzip,
    bodies: load.bodies,
    sources: load.sources,
    connections: load.connections ?? (load.grpc === true ? 4 : 8),
    streams: load.streams,
    rate: load.rate,
    warm: `${load.warmSeconds ?? 1}s`,
    measure: `${load.seconds}s`,
    once: load.once,
  }
  const args = Object.entries(flags).flatMap(([flag, value]) => (value === undefined || value === '' ? [] : [`-${flag}=${value}`]))
  const [file, ...first] = [...(load.cores === undefined ? [] : ['taskset', '-c', load.cores]), program('loader')]
  const measured = JSON.parse(await finish(file!, [...first, 'load', ...args])) as Measured
  if (measured.failed > 0) throw new Error(`${name}: ${measured.failed} requests failed: ${measured.firstError}`)
  if (measured.missing > 0) throw new Error(`${name}: ${measured.missing} of ${measured.rows} rows never arrived: the figure is void`)
  return measured
}

/** Keeps all threads of a process, and those that it makes, on these cores: `1`, `0-1`. @throws without `taskset` of util-linux */
export function keepOn(cores: string, { pid }: { readonly pid: number }): void {
  execFileSync('taskset', ['-a', '-c', '-p', cores, String(pid)], { stdio: ['ignore', 'ignore', 'pipe'] })
}

export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}
/** (largest − smallest) / median, in percent */
export const spread = (values: readonly number[]): number =>
  Math.round(((Math.max(...values) - Math.min(...values)) / median(values)) * 100)

export const machine = (): string =>
  `${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}, ${process.platform} ${process.arch}`

/** Puts a table between the marks `<!-- NAME -->` and `<!-- /NAME -->` of docs/benchmarks.md. */
export function writeBetween(name: string, table: string): void {
  const path = fileURLToPath(new URL('../docs/benchmarks.md', import.meta.url))
  const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`]
  const text = readFileSync(path, 'utf8')
  const [before, after] = [text.indexOf(begin), text.indexOf(end)]
  if (before < 0 || after < before) throw new Error(`${path}: the marks ${begin} and ${end} are missing`)
  writeFileSync(path, `${text.slice(0, before + begin.length)}\n${table}\n${text.slice(after)}`)
}
