/** Ill-behaved clients against every listener, and healthy ones beside them: what the attack costs in memory, and what the healthy ones feel. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { Agent, request as httpRequest } from 'node:http'
import { connect } from 'node:http2'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { numbered } from '../kit/bodies.ts'
import { freePorts, get, LOOPBACK, pause } from '../kit/process.ts'
import { node, type Otlp, SIGNALS, Thalamus, toHttp } from '../kit/servers.ts'
import { Sink } from '../kit/sink.ts'
import type { Attack, Report } from './attacker.ts'
import { MB, megabytes, quantile, type Row, rss, type Say } from './row.ts'

export type Listener = 'http' | 'http, fast_path' | 'grpc' | 'api' | 'prometheus' | 'health'

export interface Siege {
  readonly attack: Attack['attack']
  readonly on: Listener
  readonly connections: number
  /** [ms] how long it goes on once all are open */
  readonly forMs: number
  /** how many files the server may have open, where that is less than is usual */
  readonly files?: number
}

/** [connections] one process may have less than 20,000 files open */
const perProcess = 15_000
/** [bytes] what docs/reliability.md says that a listener under attack may take: its connections, and what has not been collected yet */
export const mostMemory = 300 * MB

const http1 = ['left', 'slow heads', 'slow bodies', 'half-closed', 'header flood', 'unread answers', 'garbage'] as const
const http2 = [
  'left',
  'left after the preface',
  'slow calls',
  'rapid reset',
  'unread calls',
  'continuation flood',
  'ping flood',
  'settings flood',
  'window update flood',
  'empty frames',
  'garbage',
] as const
const pages = ['left', 'slow heads', 'header flood', 'unread pages', 'garbage'] as const
/** of a kind whose harm is in their number, and of one where a few do it */
const howMany = (attack: Attack['attack']): number => (/left|slow|half/.test(attack) ? 12_000 : 10)

/** Every attack on every listener it is made for; and once as many connections as one may have, opened and left. */
export function sieges(forMs: number): readonly Siege[] {
  const each = (on: Listener, attacks: readonly Attack['attack'][], most = Number.POSITIVE_INFINITY) =>
    attacks.map((attack): Siege => ({ attack, on, connections: Math.min(most, howMany(attack)), forMs }))
  return [
    ...(['http', 'http, fast_path', 'grpc'] as const).map((on): Siege => ({ attack: 'left', on, connections: 50_000, forMs })),
    ...(['http', 'grpc'] as const).map((on): Siege => ({ attack: 'left', on, connections: 3_000, forMs, files: 500 })),
    ...each('http', http1.slice(1)),
    ...each('http, fast_path', http1.slice(1)),
    ...each('grpc', http2.slice(1)),
    ...(['api', 'prometheus', 'health'] as const).flatMap(on => each(on, pages, 3_000)),
  ]
}

export interface Suffered {
  readonly row: Row
  readonly reports: Report
}

export async function siege({ attack, on, connections, forMs, files }: Siege, say: Say): Promise<Suffered> {
  await using sink = await Sink.start()
  const [metricsPort, healthPort, ownPort] = await freePorts(3)
  const fewFiles = files === undefined ? [] : ['prlimit', `--nofile=${files}:${files}`]
  const configure = (ports: Otlp) => {
    const pipeline = (...exporters: string[]) => ({ receivers: ['otlp'], processors: ['memory_limiter', 'batch'], exporters })
    const http = { endpoint: `${LOOPBACK}:${ports.httpPort}`, fast_path: on === 'http, fast_path' }
    return {
      extensions: { health_check: { endpoint: `${LOOPBACK}:${healthPort}`, path: '/healthz' } },
      receivers: { otlp: { protocols: { http, grpc: { endpoint: `${LOOPBACK}:${ports.grpcPort}` } } } },
      processors: { memory_limiter: { limit_mib: 400, check_interval: '1s' }, batch: {} },
      exporters: { otlp_http: toHttp(sink.httpPort), prometheus: { endpoint: `${LOOPBACK}:${metricsPort}` } },
      service: {
        extensions: ['health_check'],
        telemetry: {
          metrics: { readers: [{ pull: { exporter: { prometheus: { host: LOOPBACK, port: ownPort } } } }] },
          traces: { level: 'none' },
        },
        pipelines: Object.fromEntries(SIGNALS.map(s => [s, s === 'metrics' ? pipeline('otlp_http', 'prometheus') : pipeline('otlp_http')])),
      },
    }
  }
  await using thalamus = await Thalamus.start(configure, [], fewFiles)
  const port = {
    http: thalamus.httpPort,
    'http, fast_path': thalamus.httpPort,
    grpc: thalamus.grpcPort,
    api: thalamus.apiPort,
    prometheus: metricsPort!,
    health: healthPort!,
  }[on]
  using healthy = new Healthy(thalamus, [`http://${LOOPBACK}:${healthPort}/healthz`, `http://${LOOPBACK}:${metricsPort}/metrics`])
  await pause(1000)
  const before = rss(thalamus.server.pid)
  healthy.forget()
  let most = before
  const timer = setInterval(() => (most = Math.max(most, rss(thalamus.server.pid))), 50)
  using watch = { [Symbol.dispose]: () => clearInterval(timer) }
  const attackers = Array.from({ length: Math.ceil(connections / perProcess) }, (_, n) =>
    attacker({ attack, port, from: 10 + 5 * n, connections: Math.min(perProcess, connections - n * perProcess) }),
  )
  await Promise.all(attackers.map(one => one.open(30_000 + 3 * connections)))
  await pause(forMs)
  const open = await shown(ownPort!, 'thalamus_connections_open')
  const shed = await shown(ownPort!, 'thalamus_connections_shed')
  const reports = (await Promise.all(attackers.map(one => one.end()))).reduce((a, b) => ({
    opened: a.opened + b.opened,
    sent: a.sent + b.sent,
  }))
  watch[Symbol.dispose]()
  const felt = await healthy.stop()
  const ledger = await settled(thalamus)
  const charged = await returned(ownPort!)
  const alive = thalamus.server.child.exitCode === null
  const grew = most - before
  const p99 = quantile(felt.latencies, 0.99)
  const words = Object.entries(shed).map(([labels, n]) => `${n} ${/reason="(\w+)"/.exec(labels)?.[1]}`)
  say(`${attack} on ${on}: +${megabytes(grew)}, p99 ${p99.toFixed(0)} ms, ${felt.failed} failed; shed ${words.join(', ') || 'none'}`)
  const held = Object.entries(open).find(([labels]) =>
    labels.includes(on === 'http, fast_path' ? 'otlp/http' : on === 'grpc' ? 'otlp/grpc' : on),
  )
  return {
    reports,
    row: {
      fault: `${attack}, on ${on}${files === undefined ? '' : `, with ${files} open files`}`,
      rounds: `${reports.opened} connections${reports.sent > 0 ? `, ${reports.sent} writes` : ''}`,
      must: 'bounded memory, healthy clients served',
      measured:
        `+${megabytes(grew)} RSS at the most; ${held?.[1] ?? '?'} open at the end, shed: ${words.join(', ') || 'none'}; ` +
        `healthy: ${felt.latencies.length} requests, ${felt.failed} failed, p99 ${p99.toFixed(0)} ms; imbalance ${ledger}, ${charged} bytes still charged`,
      met: alive && grew <= mostMemory && felt.failed === 0 && felt.latencies.length > 0 && ledger === 0 && charged === 0,
    },
  }
}

async function settled(thalamus: Thalamus): Promise<number> {
  let page = await thalamus.ledger()
  for (let tries = 0; tries < 100 && page.imbalance !== 0; tries++) {
    await pause(50)
    page = await thalamus.ledger()
  }
  return page.imbalance
}

/** [bytes] what is still charged to the memory budget when all is quiet */
async function returned(port: number): Promise<number> {
  const look = async () => Number(/^thalamus_memory_budget_used (\d+)$/m.exec(await get(`http://${LOOPBACK}:${port}/metrics`))?.[1])
  let bytes = await look()
  for (let tries = 0; tries < 100 && bytes !== 0; tries++) {
    await pause(50)
    bytes = await look()
  }
  return bytes
}

/** Values of one of own metrics, by labels. */
async function shown(port: number, name: string): Promise<Record<string, number>> {
  const page = await get(`http://${LOOPBACK}:${port}/metrics`)
  return Object.fromEntries([...page.matchAll(new RegExp(`^${name}(\\{.*\\}) (\\d+)$`, 'gm'))].map(([, labels, n]) => [labels!, Number(n)]))
}

function attacker(attack: Attack) {
  const child = spawn(node(), [fileURLToPath(new URL('./attacker.ts', import.meta.url)), JSON.stringify(attack)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const lines = createInterface(child.stdout)
  const opened = once(lines, 'line')
  return {
    open: (limitMs: number) => Promise.race([opened, pause(limitMs)]),
    async end(): Promise<Report> {
      const told = new Promise<Report>(resolve => lines.on('line', line => line.startsWith('{') && resolve(JSON.parse(line) as Report)))
      child.stdin.end()
      const report = await Promise.race([told, pause(20_000)])
      child.kill('SIGKILL')
      return report ?? { opened: 0, sent: 0 }
    },
  }
}

interface Felt {
  readonly latencies: readonly number[]
  /** requests that failed three times in a row, each on a new connection */
  readonly failed: number
}

/** [ms] between two requests of a healthy client */
const paceMs = 20
/** [ms] a client that has waited so long gives up, and tries again */
const patienceMs = 5_000

/** Sends over HTTP and gRPC, on connections that it keeps and on new ones, and asks for pages; tries again as an SDK does. */
class Healthy implements Disposable {
  readonly #to: Thalamus
  readonly #pages: readonly string[]
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 2 })
  readonly #timer: NodeJS.Timeout
  readonly #underWay = new Set<Promise<void>>()
  #session: ReturnType<typeof connect> | undefined
  #n = 0
  #latencies: number[] = []
  #failed = 0

  constructor(to: Thalamus, pages: readonly string[]) {
    this.#to = to
    this.#pages = pages
    this.#timer = setInterval(() => this.#next(), paceMs)
  }

  forget(): void {
    this.#latencies = []
    this.#failed = 0
  }

  async stop(): Promise<Felt> {
    clearInterval(this.#timer)
    await Promise.all(this.#underWay)
    return { latencies: this.#latencies, failed: this.#failed }
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
    this.#session?.destroy()
    this.#agent.destroy()
  }

  #next(): void {
    const n = this.#n++
    const body = numbered(n)
    // Of ten: four over kept HTTP, four over kept gRPC, one over a new connection, one page.
    const send =
      n % 10 === 8
        ? () => this.#post(body, false)
        : n % 10 === 9
          ? () => this.#page(n)
          : n % 2 === 0
            ? () => this.#post(body, true)
            : () => this.#call(body)
    const done: Promise<void> = this.#try(send).then(() => void this.#underWay.delete(done))
    this.#underWay.add(done)
  }

  async #try(send: () => Promise<boolean>): Promise<void> {
    const began = performance.now()
    for (let tries = 0; tries < 3; tries++) {
      if (await send()) return void this.#latencies.push(performance.now() - began)
    }
    this.#failed++
  }

  async #page(n: number): Promise<boolean> {
    try {
      const response = await fetch(this.#pages[Math.floor(n / 10) % this.#pages.length]!, { signal: AbortSignal.timeout(patienceMs) })
      await response.arrayBuffer()
      return response.ok
    } catch {
      return false
    }
  }

  #post(body: Buffer, kept: boolean): Promise<boolean> {
    return new Promise(resolve => {
      const headers = { 'content-type': 'application/x-protobuf', 'content-length': body.length }
      const to = { host: LOOPBACK, port: this.#to.httpPort, path: '/v1/logs', method: 'POST', headers, timeout: patienceMs }
      const request = httpRequest({ ...to, agent: kept ? this.#agent : false }, response => {
        response.resume()
        response.on('end', () => resolve(response.statusCode === 200)).on('error', () => resolve(false))
      })
      request.on('timeout', () => request.destroy())
      request.on('error', () => resolve(false))
      request.end(body)
    })
  }

  #call(body: Buffer): Promise<boolean> {
    if (this.#session === undefined || this.#session.destroyed || this.#session.closed) {
      this.#session = connect(`http://${LOOPBACK}:${this.#to.grpcPort}`)
      this.#session.on('error', () => {})
    }
    const session = this.#session
    return new Promise(resolve => {
      const path = '/opentelemetry.proto.collector.logs.v1.LogsService/Export'
      const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' })
      let status: string | undefined
      stream.setTimeout(patienceMs, () => stream.destroy())
      stream.on('trailers', trailers => (status = String(trailers['grpc-status'])))
      stream.on('error', () => {})
      stream.on('close', () => resolve(status === '0'))
      stream.resume()
      const prefix = Buffer.alloc(5)
      prefix.writeUInt32BE(body.length, 1)
      stream.end(Buffer.concat([prefix, body]))
    })
  }
}
