/**
 * What instrumentation costs a service: express and fastify at 1,000 requests a second, sent on schedule, bare and with each way of
 * instrumenting them, from the packed package in a project of its own. Each round starts every one of them once, in another order, and what a
 * way costs is its difference from the bare service of the same round. `npm run bench -- overhead [--rounds=3] [--write]`
 */
import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { pack } from '../test/kit/packed.ts'
import { Folder, finish, freePorts, LOOPBACK, pause, Server } from '../test/peers/kit/process.ts'
import { program } from '../test/peers/kit/servers.ts'
import { machine, median, startSink, writeBetween } from './kit.ts'

const RATE = 1000
/**
 * V8 compiles most of what a request runs after some 6,000 requests, on a thread that takes the load's place: a service that has just
 * started would be measured at that.
 */
const WARM_RATE = 3000
/** Metrics are read every five seconds: `measure` is a multiple of that, or some rounds had more readings than others. */
const seconds = { idle: 3, warm: 4, measure: 10 }
const services = ['express', 'fastify'] as const
type Service = (typeof services)[number]

const quiet = { OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf', OTEL_LOGS_EXPORTER: 'none', OTEL_METRIC_EXPORT_INTERVAL: '5000' }
const metricsOnly = { ...quiet, OTEL_TRACES_EXPORTER: 'none' }
const ours = ['--import', 'thalamus/register']
const plain = ['--require', '@opentelemetry/auto-instrumentations-node/register']

interface Way {
  readonly name: string
  readonly node: readonly string[]
  readonly env: Readonly<Record<string, string>>
}
const bare: Way = { name: 'bare', node: [], env: {} }
const metrics: Way = { name: 'thalamus/register, metrics', node: ours, env: metricsOnly }
const both: Way = { name: 'thalamus/register, metrics and traces', node: ours, env: quiet }
const embedded: Way = { name: 'the same with `THALAMUS_EMBED=1`', node: ours, env: { ...quiet, THALAMUS_EMBED: '1' } }
const plainMetrics: Way = { name: 'OpenTelemetry register, metrics', node: plain, env: metricsOnly }
const plainBoth: Way = { name: 'OpenTelemetry register, metrics and traces', node: plain, env: quiet }
const ways = [bare, metrics, both, embedded, plainMetrics, plainBoth]

interface Measured {
  readonly p50: number
  readonly p95: number
  readonly p99: number
  /** [µs] CPU of the process for each request */
  readonly cpu: number
  /** ratio of a core, without a request */
  readonly idle: number
  /** [s] CPU until it listens */
  readonly start: number
  /** event-loop utilisation, 0..1 */
  readonly loop: number
  readonly rss: number
}
const figures = ['p50', 'p95', 'p99', 'cpu', 'idle', 'start', 'loop', 'rss'] as const satisfies readonly (keyof Measured)[]

/** [s] user and system time of a process and its threads, in hundredths */
function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

async function measure(folder: string, service: Service, way: Way, sinkPort: number): Promise<Measured> {
  const [port] = (await freePorts(1)) as [number]
  const env = {
    PORT: `${port}`,
    NODE_ENV: 'production',
    NODE_COMPILE_CACHE: join(folder, 'compiled', way.name.replaceAll(/\W/g, '-')),
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://${LOOPBACK}:${sinkPort}`,
    OTEL_SERVICE_NAME: service,
    ...way.env,
  }
  const ask = async () => (await fetch(`http://${LOOPBACK}:${port}/loop`)).json() as Promise<{ utilization: number }>
  await using server: Server = await Server.start({
    file: process.execPath,
    args: [...way.node, join(folder, `${service}.cjs`)],
    cwd: folder,
    env,
    ready: () =>
      ask().then(
        () => true,
        () => false,
      ),
  })
  const start = cpuSeconds(server.pid)
  const load = async (duration: number, rate: number) => {
    const flags = {
      to: `${LOOPBACK}:${port}`,
      get: '/items/4711',
      pid: server.pid,
      rate,
      connections: 16,
      warm: '0s',
      measure: `${duration}s`,
    }
    const args = Object.entries(flags).map(([flag, value]) => `-${flag}=${value}`)
    return JSON.parse(await finish(program('loader'), ['load', ...args])) as Record<string, number>
  }
  await load(seconds.warm, WARM_RATE)
  await pause(1000)
  const before = cpuSeconds(server.pid)
  await pause(seconds.idle * 1000)
  const idle = (cpuSeconds(server.pid) - before) / seconds.idle
  await ask()
  const result = await load(seconds.measure, RATE)
  const { utilization } = await ask()
  const { failed = 0, requests = 1, cpuSeconds: cpu = 0, p50ms = 0, p95ms = 0, p99ms = 0, rssBytes = 0 } = result
  if (failed > 0) throw new Error(`${service}, ${way.name}: ${failed} requests failed`)
  // Not killed: a process that ends by itself writes its compile cache.
  await server.stop()
  return { p50: p50ms, p95: p95ms, p99: p99ms, cpu: (cpu / requests) * 1e6, idle, start, loop: utilization, rss: rssBytes / 2 ** 20 }
}

type Rounds = ReadonlyMap<Way, readonly Measured[]>

const each = (rounds: Rounds, way: Way, figure: keyof Measured): number[] => rounds.get(way)!.map(of => of[figure])
/** What a way costs more than the bare service of the same round. */
const differences = (rounds: Rounds, way: Way, figure: keyof Measured): number[] =>
  each(rounds, way, figure).map((value, i) => value - rounds.get(bare)![i]![figure])
/** Half of what is between the least and the most. */
const spread = (values: readonly number[]): number => (Math.max(...values) - Math.min(...values)) / 2

const shown: Readonly<Record<(typeof figures)[number], (value: number) => string>> = {
  p50: value => value.toFixed(2),
  p95: value => value.toFixed(2),
  p99: value => value.toFixed(2),
  cpu: value => value.toFixed(0),
  idle: value => (value * 100).toFixed(1),
  start: value => value.toFixed(2),
  loop: value => (value * 100).toFixed(1),
  rss: value => value.toFixed(0),
}

function table(service: Service, rounds: Rounds): string[] {
  const cell = (way: Way, figure: (typeof figures)[number]) => {
    const values = each(rounds, way, figure)
    const is = shown[figure](median(values))
    if (way === bare) return `${is} ±${shown[figure](spread(values))}`
    const more = differences(rounds, way, figure)
    return `${is} (${signed(median(more), shown[figure])} ±${shown[figure](spread(more))})`
  }
  return [
    `| ${service} | p50, ms | p95, ms | p99, ms | CPU, µs a request | idle CPU, % | start-up CPU, s | event loop, % | RSS, MiB |`,
    '|---|---|---|---|---|---|---|---|---|',
    ...ways.map(way => `| ${way.name} | ${figures.map(figure => cell(way, figure)).join(' | ')} |`),
  ]
}

const signed = (value: number, show: (value: number) => string) => `${value < 0 ? '−' : '+'}${show(Math.abs(value))}`

/** The bars, each with what it came to, and the least and the most of the rounds. */
function verdicts(service: Service, rounds: Rounds): string[] {
  const say = (what: string, is: number, of: readonly number[], most: number, unit: string) => {
    const show = (value: number) => (unit === '×' ? value.toFixed(2) : signed(value, n => n.toFixed(n >= 10 ? 0 : 2)))
    const range = `${show(Math.min(...of))} to ${show(Math.max(...of))}`
    return `* ${service}: ${what}: ${show(is)} ${unit} (${range}), at most ${most}: ${is <= most ? 'met' : '**missed**'}`
  }
  const more = (what: string, way: Way, figure: keyof Measured, most: number, unit: string) => {
    const of = differences(rounds, way, figure)
    return say(what, median(of), of, most, unit)
  }
  const ratio = (what: string, figure: 'cpu' | 'p99') => {
    const [ours, theirs] = [differences(rounds, both, figure), differences(rounds, plainBoth, figure)]
    const of = ours.map((value, i) => value / theirs[i]!)
    return say(`metrics and traces: ${what} added, beside OpenTelemetry register`, median(ours) / median(theirs), of, 0.7, '×')
  }
  const idle = each(rounds, metrics, 'idle').map(value => value * 100)
  return [
    more('metrics: p99', metrics, 'p99', 1, 'ms'),
    more('metrics: CPU', metrics, 'cpu', 50, 'µs a request'),
    more('metrics: RSS', metrics, 'rss', 45, 'MiB'),
    say('metrics: idle CPU', median(idle), idle, 1, '%'),
    ratio('CPU', 'cpu'),
    ratio('p99', 'p99'),
    more('metrics and traces: start-up CPU', both, 'start', 0.6, 's'),
  ]
}

const run = (cwd: string, command: string, ...args: string[]) => {
  const bin = fileURLToPath(new URL('../node_modules/.bin', import.meta.url))
  return promisify(execFile)(command, args, { cwd, env: { ...process.env, PATH: `${bin}:${process.env['PATH']}` }, maxBuffer: 1 << 24 })
}

/** A project with the packed package in it, as a user has it. */
async function project(folder: Folder): Promise<string> {
  const packing = join(folder.path, 'packing')
  mkdirSync(packing)
  const tarball = await pack(packing, run)
  cpSync(new URL('./overhead', import.meta.url), folder.path, { recursive: true })
  await run(folder.path, 'npm', 'install', tarball, '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund')
  return folder.path
}

export async function bench(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({ args: [...args], options: { rounds: { type: 'string', default: '3' }, write: { type: 'boolean' } } })
  const count = Number(values.rounds)
  using home = new Folder()
  const folder = await project(home)
  const [sinkPort] = (await freePorts(1)) as [number]
  await using _sink = await startSink(sinkPort)
  const all = new Map(services.map(service => [service, new Map<Way, Measured[]>(ways.map(way => [way, []]))]))
  // The first start of each fills its compile cache, and is not counted.
  for (let round = -1; round < count; round++) {
    for (const service of services) {
      const order = ways.map((_, i) => ways[(i + Math.max(0, round)) % ways.length]!)
      for (const way of order) {
        if (round < 0) {
          await warmCache(folder, service, way, sinkPort)
          continue
        }
        const measured = await measure(folder, service, way, sinkPort)
        all.get(service)!.get(way)!.push(measured)
        const line = figures.map(figure => `${figure} ${shown[figure](measured[figure])}`).join(', ')
        console.log(`round ${round + 1}, ${service}, ${way.name}: ${line}`)
      }
    }
  }
  const lines = services.flatMap(service => [...table(service, all.get(service)!), ''])
  const text = [
    `${machine()}; ${RATE} requests a second on 16 connections, on schedule; median of ${count} rounds, in brackets the median of the differences from the bare service of the same round; ± is half of what is between the least and the most`,
    '',
    ...lines,
    ...services.flatMap(service => verdicts(service, all.get(service)!)),
  ].join('\n')
  console.log(`\n${text}`)
  if (values.write === true) writeBetween('overhead', text)
}

async function warmCache(folder: string, service: Service, way: Way, sinkPort: number): Promise<void> {
  const { idle, warm, measure: length } = seconds
  Object.assign(seconds, { idle: 0.1, warm: 0.5, measure: 0.5 })
  try {
    await measure(folder, service, way, sinkPort)
  } finally {
    Object.assign(seconds, { idle, warm, measure: length })
  }
}
