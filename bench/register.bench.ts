/**
 * What `--import thalamus/register` costs a service: CPU until it listens, and CPU of each request, beside the same service bare and under
 * OpenTelemetry's own register. All from the packed package. `npm run bench -- register [--write] [--rounds N]`
 */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync } from 'node:fs'
import { Agent, createServer, get } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { pack } from '../test/kit/packed.ts'
import { Project } from '../test/register/kit.ts'
import { machine, median, spread, writeBetween } from './kit.ts'

/** of both; `--rounds N` has fewer */
let rounds = 7
const REQUESTS = 2000
const CONNECTIONS = 10
const must = { startSeconds: 0.6, metricsMicros: 50, ofPlain: 0.7 }

const BIN = fileURLToPath(new URL('../node_modules/.bin', import.meta.url))
const run = (cwd: string, command: string, ...args: string[]) =>
  promisify(execFile)(command, args, { cwd, env: { ...process.env, PATH: `${BIN}:${process.env['PATH']}` }, maxBuffer: 1 << 24 })

const tell = `
const told = () => { const { user, system } = process.cpuUsage(); return { micros: user + system, rss: process.memoryUsage.rss() } }
const end = () => setImmediate(() => process.exit(0))
const listening = server => console.log(JSON.stringify({ port: server.address().port, ...told() }))`
const services = {
  http: `import { createServer } from 'node:http'
${tell}
const server = createServer((request, response) => response.end(request.url === '/told' ? JSON.stringify(told()) : 'hello', request.url === '/end' ? end : undefined)).listen(0, '127.0.0.1', () => listening(server))`,
  express: `import express from 'express'
${tell}
const app = express()
app.get('/told', (_, response) => response.json(told()))
app.get('/end', (_, response) => response.end('hello', end))
app.get('/items/:id', (_, response) => response.send('hello'))
const server = app.listen(0, '127.0.0.1', () => listening(server))`,
} as const
type Service = keyof typeof services

interface Way {
  readonly name: string
  readonly node: readonly string[]
  readonly env: Readonly<Record<string, string>>
}
const thalamus = ['--import', 'thalamus/register']
const none = { OTEL_TRACES_EXPORTER: 'none', OTEL_METRICS_EXPORTER: 'none', OTEL_LOGS_EXPORTER: 'none' }
const otlp = (...signals: string[]) => ({
  ...none,
  ...Object.fromEntries(signals.map(signal => [`OTEL_${signal.toUpperCase()}_EXPORTER`, 'otlp'])),
})
const plain = ['--import', '@opentelemetry/auto-instrumentations-node/register']
const ways: readonly Way[] = [
  { name: 'bare', node: [], env: {} },
  { name: 'thalamus, metrics', node: thalamus, env: otlp('metrics') },
  { name: 'thalamus, metrics on a page', node: thalamus, env: { ...none, OTEL_METRICS_EXPORTER: 'prometheus' } },
  { name: 'thalamus, metrics and traces', node: thalamus, env: otlp('metrics', 'traces') },
  { name: 'thalamus, all three', node: thalamus, env: otlp('metrics', 'traces', 'logs') },
  { name: "OpenTelemetry's, metrics", node: plain, env: otlp('metrics') },
  { name: "OpenTelemetry's, metrics and traces", node: plain, env: otlp('metrics', 'traces') },
]

interface Told {
  readonly micros: number
  readonly rss: number
}

class Running {
  readonly began: Told
  readonly #port: number
  readonly #stop: () => Promise<unknown>
  readonly #agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS })

  private constructor(began: Told & { port: number }, stop: () => Promise<unknown>) {
    this.began = began
    this.#port = began.port
    this.#stop = stop
  }

  static async start(project: Project, service: Service, way: Way, endpoint: string): Promise<Running> {
    const env = {
      ...way.env,
      OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
      OTEL_LOG_LEVEL: 'error',
      NODE_COMPILE_CACHE: join(project.folder, 'cache'),
    }
    const child = spawn(join(BIN, 'node'), [...way.node, join(project.folder, `${service}.mjs`)], {
      cwd: project.folder,
      env: { PATH: process.env['PATH'], ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [line] = (await once(createInterface(child.stdout), 'line')) as [string]
    const ended = once(child, 'exit')
    return new Running(JSON.parse(line), async () => {
      // Some registers keep a process from ending.
      const late = setTimeout(() => child.kill('SIGKILL'), 5000)
      await ended
      clearTimeout(late)
    })
  }

  async stop(): Promise<void> {
    // By an end of its own: that is when the compile cache is written.
    await this.ask('/end').catch(() => {})
    await this.#stop()
    this.#agent.destroy()
  }

  async ask(path: string): Promise<string> {
    return new Promise((resolve, reject) => {
      get({ port: this.#port, host: '127.0.0.1', path, agent: this.#agent, timeout: 10_000 }, answer => {
        let text = ''
        answer.setEncoding('utf8').on('data', (piece: string) => (text += piece))
        answer.on('end', () => resolve(text))
      }).on('error', reject)
    })
  }

  /** [µs of CPU a request] */
  async round(): Promise<number> {
    const before = JSON.parse(await this.ask('/told')) as Told
    await Promise.all(
      Array.from({ length: CONNECTIONS }, async () => {
        for (let i = 0; i < REQUESTS / CONNECTIONS; i++) await this.ask(`/items/${i}`)
      }),
    )
    const after = JSON.parse(await this.ask('/told')) as Told
    return (after.micros - before.micros) / REQUESTS
  }
}

export async function bench(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: { write: { type: 'boolean', default: false }, rounds: { type: 'string', default: '7' } },
  })
  rounds = Number(values.rounds)
  const sink = createServer((request, response) => request.resume().on('end', () => response.end('{}'))).listen(0, '127.0.0.1')
  await once(sink, 'listening')
  const endpoint = `http://127.0.0.1:${(sink.address() as AddressInfo).port}`
  const project = new Project()
  try {
    await install(project)
    const started = await starts(project, endpoint)
    const asked = await requests(project, endpoint)
    const text = table(started, asked)
    console.log(text)
    if (values.write) writeBetween('register', text)
  } finally {
    project.close()
    sink.close()
    sink.closeAllConnections()
  }
}

async function install(project: Project): Promise<void> {
  const packing = join(project.folder, 'packing')
  mkdirSync(packing)
  const tarball = await pack(packing, run)
  cpSync(new URL('../test/peers/register/package.json', import.meta.url), join(project.folder, 'package.json'))
  await run(project.folder, 'npm', 'install', tarball, '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund')
  for (const [name, text] of Object.entries(services)) project.write(`${name}.mjs`, text)
}

type Figures = ReadonlyMap<string, number[]>

/** In turn, so that whatever else the machine does falls on all alike; the first round fills the cache and does not count. */
async function starts(project: Project, endpoint: string): Promise<{ cpu: Figures; rss: Figures }> {
  const [cpu, rss] = [new Map<string, number[]>(), new Map<string, number[]>()]
  for (let round = 0; round <= rounds; round++)
    for (const way of ways) {
      const running = await Running.start(project, 'express', way, endpoint)
      await running.stop()
      if (round === 0) continue
      push(cpu, way.name, running.began.micros / 1e6)
      push(rss, way.name, running.began.rss / 2 ** 20)
    }
  return { cpu, rss }
}

async function requests(project: Project, endpoint: string): Promise<Figures> {
  const micros = new Map<string, number[]>()
  for (const service of ['http', 'express'] as const) {
    const running: [string, Running][] = []
    for (const way of ways) running.push([way.name, await Running.start(project, service, way, endpoint)])
    for (let round = -2; round < rounds; round++)
      for (const [name, one] of running) {
        const took = await one.round()
        if (round >= 0) push(micros, `${service} ${name}`, took)
      }
    for (const [, one] of running) await one.stop()
  }
  return micros
}

const push = (into: Map<string, number[]>, key: string, value: number) => void into.set(key, [...(into.get(key) ?? []), value])

function table({ cpu, rss }: { cpu: Figures; rss: Figures }, micros: Figures): string {
  const mid = (of: Figures, key: string) => median(of.get(key)!)
  const added = (of: Figures, key: string, prefix = '') => mid(of, `${prefix}${key}`) - mid(of, `${prefix}bare`)
  const rows = ways.map(({ name }) => {
    const start = `${mid(cpu, name).toFixed(2)} ${spread(cpu.get(name)!)} | ${name === 'bare' ? '' : `+${added(cpu, name).toFixed(2)}`} | ${mid(rss, name).toFixed(0)}`
    const each = (['http', 'express'] as const).map(service => {
      const key = `${service} ${name}`
      return `${mid(micros, key).toFixed(0)} ${spread(micros.get(key)!)} | ${name === 'bare' ? '' : `+${added(micros, name, `${service} `).toFixed(0)}`}`
    })
    return `| ${name} | ${start} | ${each.join(' | ')} |`
  })
  const verdict = (met: boolean) => (met ? 'met' : 'MISSED')
  const start = added(cpu, 'thalamus, all three')
  const metrics = (['http', 'express'] as const).map(service => added(micros, 'thalamus, metrics', `${service} `))
  const ratio = (['http', 'express'] as const).map(
    service =>
      added(micros, 'thalamus, metrics and traces', `${service} `) / added(micros, "OpenTelemetry's, metrics and traces", `${service} `),
  )
  return [
    `${machine()}. Start: express, until it listens, compile cache warm, medians of ${rounds}. Requests: ${REQUESTS} over ${CONNECTIONS} connections, medians of ${rounds} rounds in turn. With half the spread. \`npm run bench -- register\`.`,
    '',
    '| | start: CPU s | added | RSS MiB | http: µs a request | added | express: µs a request | added |',
    '|---|---|---|---|---|---|---|---|',
    ...rows,
    '',
    `* start-up: **+${start.toFixed(2)} s** of CPU with all three signals, ≤ ${must.startSeconds} s: ${verdict(start <= must.startSeconds)}`,
    `* metrics only: **+${metrics.map(of => of.toFixed(0)).join(' and +')} µs** a request (http, express), ≤ ${must.metricsMicros} µs: ${verdict(Math.max(...metrics) <= must.metricsMicros)}`,
    `* metrics and traces: **${ratio.map(of => of.toFixed(2)).join(' and ')}×** of what OpenTelemetry's own register adds (http, express), ≤ ${must.ofPlain}×: ${verdict(Math.max(...ratio) <= must.ofPlain)}`,
  ].join('\n')
}
