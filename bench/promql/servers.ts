/** Both servers over the same samples, and what a question costs them. */
import { readdirSync, readFileSync } from 'node:fs'
import { request } from 'node:http'
import { Folder, freePorts, LOOPBACK, listens, Server } from '../../test/peers/kit/process.ts'
import { program, Thalamus } from '../../test/peers/kit/servers.ts'

export interface Range {
  /** epoch ms */
  readonly start: number
  readonly end: number
  /** [ms] */
  readonly step: number
}

export interface Answered {
  /** [ms] CPU of the whole process, all threads, from the question to the end of the answer */
  readonly cpu: number
  /** [ms] by the clock */
  readonly wall: number
  readonly body: Buffer
}

export class QueryServer implements AsyncDisposable {
  readonly name: string
  readonly #server: Server
  readonly #pid: number
  readonly #port: number

  private constructor(name: string, server: Server, port: number) {
    this.name = name
    this.#server = server
    this.#pid = server.pid
    this.#port = port
  }

  /** @param data the directory that promtool wrote its blocks to */
  static async prometheus(data: string): Promise<QueryServer> {
    const [port] = (await freePorts(1)) as [number]
    const folder = new Folder()
    const flags = {
      'config.file': folder.write('prometheus.yml', {}),
      'storage.tsdb.path': data,
      'storage.tsdb.retention.time': '20y',
      'web.listen-address': `${LOOPBACK}:${port}`,
      'query.max-samples': '200000000',
    }
    const args = Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`)
    const ready = async () => (await listens(port)) && (await fetch(`http://${LOOPBACK}:${port}/-/ready`)).ok
    const server = await Server.start({ file: program('prometheus'), args, ready }, folder)
    return new QueryServer('Prometheus', server, port)
  }

  /** @param directory of a store that `fill.ts` has filled @param minute how long buckets are kept @param flags for Node */
  static async thalamus(directory: string, minute: '7300d' | '0s', flags: readonly string[] = []): Promise<QueryServer> {
    const store = { directory, retention: { raw: '7300d', minute, hour: '0s' } }
    const configure = ({ httpPort, grpcPort }: { readonly httpPort: number; readonly grpcPort: number }) => {
      const protocols = { http: { endpoint: `${LOOPBACK}:${httpPort}` }, grpc: { endpoint: `${LOOPBACK}:${grpcPort}` } }
      const pipelines = { metrics: { receivers: ['otlp'], exporters: ['store'] } }
      return { receivers: { otlp: { protocols } }, exporters: { store }, service: { pipelines } }
    }
    const server = await Thalamus.start(configure, flags)
    return new QueryServer('Thalamus', server.server, server.apiPort)
  }

  async range(query: string, { start, end, step }: Range): Promise<Answered> {
    const parameters = { query, start: `${start / 1000}`, end: `${end / 1000}`, step: `${step / 1000}` }
    const before = this.#cpu()
    const began = performance.now()
    const body = await this.#get(`/api/v1/query_range?${new URLSearchParams(parameters)}`)
    return { body, wall: performance.now() - began, cpu: this.#cpu() - before }
  }

  /** [bytes] resident: now, and the most there was since `resetPeak` */
  get memory(): { readonly now: number; readonly peak: number } {
    const status = readFileSync(`/proc/${this.#pid}/status`, 'latin1')
    const kilobytes = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]) * 1024
    return { now: kilobytes('VmRSS'), peak: kilobytes('VmHWM') }
  }

  /** [ms] of all threads that there are; exact to the nanosecond, which /proc/PID/stat is not. */
  #cpu(): number {
    let nanoseconds = 0
    for (const thread of readdirSync(`/proc/${this.#pid}/task`)) {
      nanoseconds += Number(readFileSync(`/proc/${this.#pid}/task/${thread}/schedstat`, 'latin1').split(' ')[0])
    }
    return nanoseconds / 1e6
  }

  /** Each time over a connection of its own: one that lies idle while the other server works may be closed. */
  #get(path: string): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const asked = request({ host: LOOPBACK, port: this.#port, path, agent: false }, response => {
        const pieces: Buffer[] = []
        response.on('data', (piece: Buffer) => pieces.push(piece))
        response.on('error', reject)
        response.on('end', () => {
          const body = Buffer.concat(pieces)
          if (response.statusCode === 200) resolve(body)
          else reject(new Error(`${this.name}: ${response.statusCode} ${body.toString('utf8', 0, 500)}`))
        })
      })
      asked.on('error', reject)
      asked.end()
    })
  }

  /** Lets it end by itself, as a profile needs it to. */
  async stop(): Promise<void> {
    await this.#server.stop('SIGTERM')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]()
  }
}

type Point = readonly [time: number, value: string]
type Result = readonly { readonly metric: object; readonly values: readonly Point[] }[]

const readMatrix = (body: Buffer): Result => (JSON.parse(body.toString()) as { data: { result: Result } }).data.result

export const pointsIn = (body: Buffer): number => readMatrix(body).reduce((sum, { values }) => sum + values.length, 0)

/**
 * Where two answers say something else: same series, same times, and values that are equal but for rounding.
 * @param anySeries only how many points there are at each time, and their values: which of equals are among the first nobody says
 */
export function difference(a: Buffer, b: Buffer, anySeries = false): string | undefined {
  const [left, right] = [a, b].map(readMatrix).map(result => (anySeries ? ranked(result) : result)) as [Result, Result]
  if (left.length !== right.length) return `${left.length} series and ${right.length}`
  const byKey = new Map(right.map(({ metric, values }) => [keyOf(metric), values]))
  for (const { metric, values } of left) {
    const key = keyOf(metric)
    const others = byKey.get(key)
    if (others?.length !== values.length) return `${key}: ${values.length} points and ${others?.length ?? 0}`
    const at = values.findIndex((point, i) => !alike(point, others[i]!))
    if (at >= 0) return `${key}: ${values[at]} and ${others[at]}`
  }
  return undefined
}

/** All points in one, those of one time by their values. */
function ranked(result: Result): Result {
  const values = result.flatMap(({ values }) => values)
  return [{ metric: {}, values: values.sort(([time, text], [other, otherText]) => time - other || Number(text) - Number(otherText)) }]
}

const keyOf = (metric: object): string => JSON.stringify(Object.entries(metric).sort(([x], [y]) => (x < y ? -1 : 1)))

/** What is left of a difference of equal numbers is rounding alone. */
function alike([time, text]: Point, [otherTime, otherText]: Point): boolean {
  if (time !== otherTime) return false
  if (text === otherText) return true
  const [x, y] = [Number(text), Number(otherText)]
  return Math.abs(x - y) <= 1e-9 * Math.max(Math.abs(x), Math.abs(y), 1e-3)
}
