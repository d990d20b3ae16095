/**
 * `npm run demo`: the stack of docker-compose.yml without Docker, for as long as one watches: the shop, its customers and Thalamus, and of
 * the others those that are installed (on the PATH, or by `npm run peers -- --install`).
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as later } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { program } from '../test/peers/tools.ts'
import { Local, ROOT, readCompose } from './local.ts'
import { layOutShop } from './project.ts'

const usage = `npm run demo -- [--rate N] [--seconds N]
  --rate N      requests a second (20)
  --seconds N   how long; 0, which is the default: until Ctrl-C`

/** What others make, by the service that it is, in the order in which they are started. */
const others = { jaeger: 'jaeger', 'otel-collector': 'otelcol', alertmanager: 'alertmanager', prometheus: 'prometheus' } as const
const READY_MS = 30_000
const END_MS = 10_000
/** More than all services have together. */
const MOST_PORTS = 60

const options = readArguments()
const folder = mkdtempSync(join(tmpdir(), 'thalamus-demo-'))
const running: { name: string; child: ChildProcess }[] = []
let ending = false
// Whatever happens here: what was started is not left behind.
process.on('exit', () => {
  for (const { child } of running) child.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void end(0))

function readArguments(): { rate: string; seconds: string } {
  try {
    const { values } = parseArgs({
      options: { rate: { type: 'string' }, seconds: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
    })
    if (values.help) {
      console.log(usage)
      process.exit(0)
    }
    const { rate = '20', seconds = '0' } = values
    if (!(Number(rate) >= 0.1 && Number(rate) <= 500)) throw new Error('--rate: must be a number from 0.1 to 500')
    if (!(Number(seconds) >= 0 && Number(seconds) <= 86_400)) throw new Error('--seconds: must be a number from 0 to 86400')
    return { rate, seconds }
  } catch (error) {
    console.error(`demo: ${(error as Error).message}\n${usage}`)
    process.exit(2)
  }
}

async function run(): Promise<void> {
  const installed = new Map(Object.entries(others).flatMap(([service, name]) => (find(name) === undefined ? [] : [[service, find(name)!]])))
  console.log('demo: compiling')
  const shop = layOutShop(join(folder, 'project'))
  const ports = await Ports.take(readCompose())
  // Without a Collector between them, Thalamus sends to Jaeger itself.
  const collector = installed.has('otel-collector') ? 'otel-collector' : 'jaeger'
  const local = new Local(folder, (service, port) => ports.of(service === 'otel-collector' ? collector : service, port))

  for (const [service, file] of installed) {
    const { args, env } = local.prepare(service)
    await ports.release(service)
    try {
      await startOne(service, file, args, env, portsOf(local, service))
    } catch (error) {
      if (ending) return
      console.log(`demo: without ${service}: ${(error as Error).message.split('\n', 1)[0]}`)
      installed.delete(service)
    }
  }
  const kept = installed.has('jaeger')
  for (const service of ['thalamus', 'stock', 'orders', 'gateway'] as const) {
    const { args, env } = local.prepare(service)
    await ports.release(service)
    const [first, cwd] = service === 'thalamus' ? [[join(ROOT, 'bin/thalamus.js')], ROOT] : [[], shop]
    const sets = service === 'thalamus' && !kept ? withNowhereToGo : []
    const alone = kept ? {} : { OTEL_TRACES_SAMPLER: 'parentbased_always_on' }
    await startOne(service, process.execPath, [...first, ...args, ...sets], { ...env, ...alone }, portsOf(local, service), cwd)
    if (ending) return
  }
  console.log(await whereToLook(local, installed))
  const load = local.prepare('load')
  const customers = startProcess('load', process.execPath, load.args, { ...load.env, RATE: options.rate, SECONDS: options.seconds }, shop)
  customers.stdout?.on('data', (text: Buffer) => process.stdout.write(text))
  await once(customers, 'exit')
  if (!ending) await end(0)
}

/** Without Jaeger nothing is sent on: Thalamus keeps it. */
const withNowhereToGo = [
  '--set=service.pipelines.traces.exporters=[span_metrics, service_graph, store]',
  '--set=service.pipelines.metrics.exporters=[prometheus, store]',
  '--set=service.pipelines.logs.exporters=[store]',
]

function find(name: 'jaeger' | 'otelcol' | 'alertmanager' | 'prometheus'): string | undefined {
  for (const path of (process.env['PATH'] ?? '').split(delimiter).map(folder => join(folder, name))) {
    try {
      accessSync(path, constants.X_OK)
      return path
    } catch {}
  }
  try {
    return program(name)
  } catch {
    return undefined
  }
}

/**
 * A published port is itself where it is free; for the others some are taken from where the kernel takes none by itself. They are held
 * until their service begins, so that nobody else has them by then.
 */
class Ports {
  readonly #given = new Map<string, Held>()
  readonly #more: Held[] = []

  static async take(services: Local['services']): Promise<Ports> {
    const ports = new Ports()
    for (const [service, { ports: published = [] }] of Object.entries(services)) {
      for (const [, port = ''] of published.map(text => text.split(':'))) {
        const held = await hold(Number(port))
        if (held !== undefined) ports.#given.set(`${service}:${port}`, held)
      }
    }
    for (let port = 20_000 + (process.pid % 10_000); ports.#more.length < MOST_PORTS; port++) {
      const held = await hold(port)
      if (held !== undefined) ports.#more.push(held)
    }
    return ports
  }

  of(service: string, port: number): number {
    const key = `${service}:${port}`
    const held = this.#given.get(key) ?? this.#more.pop()!
    this.#given.set(key, held)
    return held.port
  }

  /** Lets go of those of a service, which is about to listen on them. */
  async release(service: string): Promise<void> {
    for (const [key, { letGo }] of this.#given) if (key.startsWith(`${service}:`)) await letGo()
  }
}

interface Held {
  readonly port: number
  letGo(): Promise<unknown>
}

/** @returns undefined where somebody has it */
const hold = (port: number) =>
  new Promise<Held | undefined>(resolve => {
    // Whoever comes too early finds nobody.
    const server = createServer(socket => socket.destroy())
    const letGo = () => new Promise(closed => server.close(closed))
    server.on('error', () => resolve(undefined))
    server.listen(port, '127.0.0.1', () => resolve({ port, letGo }))
  })

const listens = (port: number) =>
  new Promise<boolean>(resolve => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })

/** Where it listens once it is ready: what it publishes. */
const portsOf = (local: Local, service: string) =>
  (local.services[service]?.ports ?? []).map(port => Number(new URL(local.url(service, Number(port.split(':')[2]))).port))

function startProcess(
  name: string,
  file: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  cwd: string,
): ChildProcess {
  // In a group of its own: Ctrl-C is ours to hear, and they are ended in order.
  const child = spawn(file, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  running.push({ name, child })
  return child
}

/** @throws when it ends, or is not ready in time, with the last that it said */
async function startOne(
  name: string,
  file: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  ports: readonly number[],
  cwd = ROOT,
): Promise<void> {
  const child = startProcess(name, file, args, env, cwd)
  let said = ''
  let ended: string | undefined
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', text => (said = (said + text).slice(-2_000)))
  child.on('error', error => (ended = error.message))
  child.on('exit', (code, signal) => (ended ??= `it ended with ${code ?? signal}`))
  for (const until = performance.now() + READY_MS; ended === undefined && performance.now() < until; await later(50)) {
    if ((await Promise.all(ports.map(listens))).every(Boolean)) {
      child.on('exit', () => {
        if (ending) return
        console.error(`demo: ${name}: ${ended}\n${said}`)
        void end(1)
      })
      return
    }
  }
  child.kill('SIGKILL')
  throw new Error(`${name}: ${ended ?? `not ready within ${READY_MS / 1000} s`}\n${said}`)
}

async function whereToLook(local: Local, installed: ReadonlyMap<string, string>): Promise<string> {
  const rows: (readonly [string, string])[] = [
    ['shop', `${local.url('gateway', 8080)}/products  ${options.rate} requests a second`],
    ['metrics', `${local.url('thalamus', 9464)}/metrics  of the services, this host, and spans (traces_span_metrics_…)`],
    ['ledger', `${local.url('thalamus', 2242)}/debug/ledger  or: npx thalamus top --url ${local.url('thalamus', 2242)}`],
  ]
  rows.push([
    'ask',
    `${local.url('thalamus', 2242)}/api/v1/query?query=http_server_request_duration_seconds_count  PromQL over what Thalamus keeps`,
  ])
  rows.push(['failures', `${local.url('thalamus', 2242)}/api/v1/traces?status=error&limit=1  of the traces that it keeps`])
  if (installed.has('jaeger')) {
    const page = await pageOr(local.url('jaeger', 16686), '/search', '/api/traces?service=gateway')
    rows.push(['traces', `${page}  Jaeger${installed.has('prometheus') ? '; its Monitor shows what span_metrics makes of them' : ''}`])
  } else
    rows.push([
      'traces',
      `${local.url('thalamus', 2242)}/api/v1/traces?service=gateway&limit=1  kept by Thalamus: Jaeger is not installed (npm run peers -- --install)`,
    ])
  if (installed.has('prometheus')) {
    rows.push(['queries', `${await pageOr(local.url('prometheus', 9090), '/query', '/api/v1/query?query=up')}  Prometheus`])
  }
  if (installed.has('alertmanager')) {
    rows.push(['alerts', `${await pageOr(local.url('alertmanager', 9093), '/', '/api/v2/alerts')}  Alertmanager`])
  }
  rows.push(['break it', `curl -X PUT '${local.url('stock', 8082)}/fault?latency_ms=300&errors=0.3'`])
  rows.push(['mend it', `curl -X PUT '${local.url('stock', 8082)}/fault?latency_ms=0&errors=0'`])
  return ['', ...rows.map(([name, where]) => `  ${name.padEnd(9)} ${where}`), '', 'Ctrl-C ends all of it.', ''].join('\n')
}

/** What was built from modules alone has an API and no pages. */
async function pageOr(url: string, page: string, api: string): Promise<string> {
  const answer = await fetch(url + page).catch(() => undefined)
  const text = answer?.ok ? await answer.text() : ''
  return url + (text === '' || text.includes('not compiled with the UI assets') ? api : page)
}

/** In the order in which what flows comes to its end: customers first. Further calls change nothing. */
async function end(code: number): Promise<void> {
  if (ending) return
  ending = true
  for (const { child } of running.toReversed()) {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) continue
    const ended = once(child, 'exit')
    child.kill('SIGTERM')
    if ((await Promise.race([ended, later(END_MS, 'late' as const, { ref: false })])) === 'late') child.kill('SIGKILL')
  }
  process.exit(code)
}

try {
  await run()
} catch (error) {
  if (!ending) console.error(`demo: ${error instanceof Error ? error.message : error}`)
  await end(1)
}
