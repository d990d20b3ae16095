/**
 * Hours of ordinary load: metrics and spans over HTTP and gRPC from instances that come and go, forwarded and scraped. What is asked is
 * whether memory stays where it is, and whether every row arrives.
 */
import { appendFileSync } from 'node:fs'
import { Agent, request as httpRequest } from 'node:http'
import { type ClientHttp2Session, connect } from 'node:http2'
import { freePorts, get, LOOPBACK, listens, pause, Server } from '../kit/process.ts'
import { program, Thalamus, toHttp } from '../kit/servers.ts'
import { cpuSeconds, leastSquares, MB, megabytes, type Row, rss, type Say } from './row.ts'
import { metricsOf, POINTS, SPANS, spansOf } from './traffic.ts'

export interface LoadOptions {
  readonly seconds: number
  /** [s] left out of the slope */
  readonly warmSeconds: number
  readonly pointsPerSecond: number
  /** [s] so often an instance goes and another comes: series are made and forgotten all the time */
  readonly churnSeconds: number
  /** a line of JSON for each sample goes here */
  readonly log?: string | undefined
}

const INSTANCES = 64
/** Over HTTP and over gRPC in turn; every fifth brings spans besides. */
const SPANS_EVERY = 5
const SCRAPE_SECONDS = 15

export async function load(options: LoadOptions, say: Say): Promise<Row> {
  const [sinkPort, metricsPort, ownPort] = await freePorts(3)
  await using _sink = await Server.start({
    file: program('loader'),
    args: ['sink', '-listen', `${LOOPBACK}:${sinkPort}`],
    ready: () => listens(sinkPort!),
  })
  await using thalamus = await Thalamus.start(ports => configuration(ports, sinkPort!, metricsPort!, ownPort!))
  using sender = new Sender(thalamus, options)
  const { pid } = thalamus.server
  const samples: [hours: number, bytes: number][] = []
  const began = performance.now()
  const seconds = () => (performance.now() - began) / 1000
  const cpuBefore = cpuSeconds(pid)
  let nextScrape = 0
  while (seconds() < options.seconds) {
    await pause(Math.min(5000, options.seconds * 20))
    if (seconds() >= nextScrape) {
      nextScrape += SCRAPE_SECONDS
      await get(`http://${LOOPBACK}:${metricsPort}/metrics`)
    }
    const bytes = rss(pid)
    if (seconds() >= options.warmSeconds) samples.push([seconds() / 3600, bytes])
    if (options.log !== undefined)
      appendFileSync(options.log, `${JSON.stringify({ seconds: Math.round(seconds()), rss: bytes, ...sender.sent })}\n`)
  }
  const cpu = (cpuSeconds(pid) - cpuBefore) / seconds()
  const sent = await sender.stop()
  const missing = await waitForAll(sinkPort!, sent)
  const ledger = await thalamus.ledger()
  const code = await thalamus.stop()
  const { slope, error } = leastSquares(samples)
  const [first, last] = [samples[0]?.[1] ?? 0, samples.at(-1)?.[1] ?? 0]
  const perHour = slope / MB
  say(`load: RSS ${megabytes(first)} → ${megabytes(last)}, ${perHour.toFixed(2)} ± ${(error / MB).toFixed(2)} MB/h`)
  const hours = options.seconds / 3600
  return {
    fault: `${options.pointsPerSecond} points/s and spans, HTTP and gRPC, an instance replaced every ${options.churnSeconds} s`,
    rounds: `${hours >= 1 ? `${hours.toFixed(2)} h` : `${Math.round(options.seconds / 60)} min`}`,
    must: 'RSS slope ≤ 1 MB/h after the first 20 minutes, no row lost',
    measured:
      `${perHour.toFixed(2)} ± ${(error / MB).toFixed(2)} MB/h over ${((options.seconds - options.warmSeconds) / 60).toFixed(0)} min ` +
      `(${megabytes(first)} → ${megabytes(last)}); ${sent.points + sent.spans} rows, ${missing} missing, ${sent.failed} requests failed; ` +
      `imbalance ${ledger.imbalance}, exit ${code}; ${(cpu * 100).toFixed(1)} % of a core`,
    met: perHour <= 1 && missing === 0 && sent.failed === 0 && ledger.imbalance === 0 && code === 0,
  }
}

function configuration(ports: { httpPort: number; grpcPort: number }, sinkPort: number, metricsPort: number, ownPort: number) {
  const processors = ['memory_limiter', 'batch']
  return {
    receivers: {
      otlp: {
        protocols: {
          http: { endpoint: `${LOOPBACK}:${ports.httpPort}` },
          grpc: { endpoint: `${LOOPBACK}:${ports.grpcPort}` },
        },
      },
      self: { collection_interval: '1s' },
    },
    processors: { memory_limiter: {}, batch: {} },
    exporters: { otlp_http: toHttp(sinkPort), prometheus: { endpoint: `${LOOPBACK}:${metricsPort}` } },
    service: {
      telemetry: { metrics: { readers: [{ pull: { exporter: { prometheus: { host: LOOPBACK, port: ownPort } } } }] } },
      pipelines: {
        metrics: { receivers: ['otlp'], processors, exporters: ['otlp_http', 'prometheus'] },
        'metrics/self': { receivers: ['self'], exporters: ['prometheus'] },
        traces: { receivers: ['otlp'], processors, exporters: ['otlp_http'] },
      },
    },
  }
}

async function waitForAll(sinkPort: number, sent: Sent): Promise<number> {
  let missing = 0
  for (let tries = 0; tries < 200; tries++) {
    const [points, spans] = await Promise.all(
      ['metrics', 'traces'].map(async signal => Number(await get(`http://${LOOPBACK}:${sinkPort}/rows/${signal}`))),
    )
    missing = sent.points + sent.spans - points! - spans!
    if (missing === 0) break
    await pause(100)
  }
  return missing
}

interface Sent {
  points: number
  spans: number
  failed: number
}

/** Sends on schedule, whatever the server does. */
class Sender implements Disposable {
  readonly sent: Sent = { points: 0, spans: 0, failed: 0 }
  readonly #to: Thalamus
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 4 })
  readonly #session: ClientHttp2Session
  readonly #instances: { name: string; startMs: number }[]
  readonly #timer: NodeJS.Timeout
  readonly #underWay = new Set<Promise<void>>()
  #made = INSTANCES
  #requests = 0

  constructor(to: Thalamus, { pointsPerSecond, churnSeconds }: LoadOptions) {
    this.#to = to
    this.#session = connect(`http://${LOOPBACK}:${to.grpcPort}`)
    this.#session.on('error', () => {})
    this.#instances = Array.from({ length: INSTANCES }, (_, n) => ({ name: `instance-${n}`, startMs: Date.now() }))
    const began = performance.now()
    let replaced = 0
    this.#timer = setInterval(() => {
      const seconds = (performance.now() - began) / 1000
      for (; replaced < Math.floor(seconds / churnSeconds); replaced++) {
        this.#instances[replaced % INSTANCES] = { name: `instance-${this.#made++}`, startMs: Date.now() }
      }
      for (const due = Math.floor((seconds * pointsPerSecond) / POINTS); this.#requests < due; ) this.#sendNext()
    }, 20)
  }

  async stop(): Promise<Sent> {
    clearInterval(this.#timer)
    await Promise.all(this.#underWay)
    return this.sent
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
    this.#session.destroy()
    this.#agent.destroy()
  }

  #sendNext(): void {
    const n = this.#requests++
    const { name, startMs } = this.#instances[n % INSTANCES]!
    this.#send('metrics', n, metricsOf(name, startMs, Date.now(), n), sent => (sent.points += POINTS))
    if (n % SPANS_EVERY === 0) this.#send('traces', n, spansOf(name, Date.now(), n), sent => (sent.spans += SPANS))
  }

  #send(signal: 'metrics' | 'traces', n: number, body: Buffer, count: (sent: Sent) => void): void {
    const answered = n % 2 === 0 ? this.#post(signal, body) : this.#call(signal, body)
    const done = answered.then(ok => {
      if (ok) count(this.sent)
      else this.sent.failed++
      this.#underWay.delete(done)
    })
    this.#underWay.add(done)
  }

  #post(signal: string, body: Buffer): Promise<boolean> {
    return new Promise(resolve => {
      const request = httpRequest(
        {
          host: LOOPBACK,
          port: this.#to.httpPort,
          path: `/v1/${signal}`,
          method: 'POST',
          agent: this.#agent,
          headers: { 'content-type': 'application/x-protobuf', 'content-length': body.length },
        },
        response => {
          response.resume()
          response.on('end', () => resolve(response.statusCode === 200)).on('error', () => resolve(false))
        },
      )
      request.on('error', () => resolve(false))
      request.end(body)
    })
  }

  #call(signal: 'metrics' | 'traces', body: Buffer): Promise<boolean> {
    const service = signal === 'metrics' ? 'metrics.v1.MetricsService' : 'trace.v1.TraceService'
    return new Promise(resolve => {
      const stream = this.#session.request({
        ':method': 'POST',
        ':path': `/opentelemetry.proto.collector.${service}/Export`,
        'content-type': 'application/grpc',
        te: 'trailers',
      })
      let status: string | undefined
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
