/** A process of its own, under load, through twenty reloads of every kind: each row that was sent arrives exactly once. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { Raw } from '../src/model/raw.ts'
import { createReader } from '../src/otlp/reader.ts'
import { rowIds, rowsBody } from './kit/rows.ts'
import { Sink } from './kit/sink.ts'

const root = join(import.meta.dirname, '..')
const cleanUp: (() => unknown)[] = []
afterEach(async () => {
  for (const clean of cleanUp.splice(0).reverse()) await clean()
})

/** One of twenty: each differs from the one before in several ways. */
function configuration(round: number, ports: Ports, at: Sink): string {
  const exporters = [
    `otlp_http: { endpoint: "${at.url}", compression: ${round % 4 < 2 ? 'none' : 'none, timeout: 29s'} }`,
    `prometheus: { endpoint: "127.0.0.1:${ports.page}", namespace: n${Math.floor(round / 5)} }`,
  ]
  const also = round % 3 === 0 ? 'traces: { receivers: [otlp], exporters: [otlp_http] }' : ''
  return `
receivers:
  otlp: { protocols: { http: { endpoint: "127.0.0.1:${ports.otlp}", max_request_body_size: ${1_000_000 + Math.floor(round / 2)} } } }
processors: { batch: { send_batch_max_size: ${100 + round} }, memory_limiter: { limit_mib: ${1000 + (round % 2)} } }
exporters: { ${exporters.join(', ')} }
service:
  api: { endpoint: "127.0.0.1:${ports.api}" }
  telemetry: { metrics: { readers: [ { pull: { exporter: { prometheus: { host: 127.0.0.1, port: ${ports.own} } } } } ] } }
  pipelines:
    metrics: { receivers: [otlp], processors: [${round % 2 === 0 ? 'memory_limiter, batch' : 'batch'}], exporters: [prometheus, otlp_http] }
    ${also}`
}

test('twenty reloads under load lose no row and double none', { timeout: 60_000 }, async () => {
  const at = await Sink.open()
  cleanUp.push(() => at.close())
  const ports = await freePorts()
  const folder = mkdtempSync(join(tmpdir(), 'thalamus-reload-'))
  cleanUp.push(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'thalamus.yaml')
  const write = (text: string) => {
    writeFileSync(`${file}.new`, text)
    renameSync(`${file}.new`, file)
  }
  write(configuration(0, ports, at))
  const thalamus = new Thalamus(file)
  cleanUp.push(() => thalamus.kill())
  await thalamus.until(() => thalamus.out.includes('SDK '))

  const load = new Load(ports.otlp)
  for (const _ of [1, 2, 3, 4]) load.start()
  for (let round = 1; round <= 20; round++) {
    write(configuration(round, ports, at))
    if (round % 2 === 0) thalamus.child.kill('SIGHUP')
    else expect(await (await fetch(`http://127.0.0.1:${ports.api}/-/reload`, { method: 'POST' })).text()).toMatch(/^reloaded\n/)
    await thalamus.until(() => thalamus.reloads === round)
    await load.until(load.acknowledged.length + 25)
  }
  // A wrong one changes nothing.
  write('receivers: { otpl: }')
  const refused = await fetch(`http://127.0.0.1:${ports.api}/-/reload`, { method: 'POST' })
  expect([refused.status, await refused.text()]).toEqual([400, expect.stringContaining('did you mean "otlp"?')])
  const own = await (await fetch(`http://127.0.0.1:${ports.own}/metrics`)).text()
  expect(own).toMatch(/^thalamus_config_last_reload_successful 0$/m)
  expect(own).toMatch(/^thalamus_config_reloads\{outcome="success"\} 20$/m)
  expect(own).toMatch(/^thalamus_config_reloads\{outcome="failure"\} 1$/m)
  await load.stop()
  expect(await (await fetch(`http://127.0.0.1:${ports.page}/metrics`)).text()).toMatch(/^n4_rows\{/m)
  const ledger = (await (await fetch(`http://127.0.0.1:${ports.api}/debug/ledger`)).json()) as { imbalance: number; receivers: Told[] }
  expect(ledger.imbalance).toBe(0)
  expect(ledger.receivers.find(({ signal }) => signal === 'metrics')).toMatchObject({ id: 'otlp', accepted: load.acknowledged.length })
  thalamus.child.kill('SIGTERM')
  expect(await thalamus.ended).toBe(0)
  const reader = createReader()
  const arrived = at.bodies.flatMap(({ body }) => rowIds(reader.read('metrics', Raw.of(body))))
  expect(arrived.toSorted((a, b) => a - b)).toEqual(load.acknowledged.toSorted((a, b) => a - b))
})

interface Told {
  readonly id: string
  readonly signal: string
  readonly accepted: number
}
interface Ports {
  readonly otlp: number
  readonly page: number
  readonly api: number
  readonly own: number
}

class Thalamus {
  readonly child: ChildProcess
  readonly ended: Promise<number | null>
  out = ''
  err = ''
  #changed: (() => void)[] = []

  constructor(file: string) {
    this.child = spawn(join(root, 'node_modules/.bin/node'), [join(root, 'bin/thalamus.js'), '--config', file])
    this.child.stdout!.on('data', chunk => this.#hear(() => (this.out += chunk)))
    this.child.stderr!.on('data', chunk => this.#hear(() => (this.err += chunk)))
    this.ended = new Promise(resolve => this.child.on('close', code => this.#hear(() => resolve(code))))
  }
  get reloads(): number {
    return this.err.split('"configuration reloaded"').length - 1
  }
  async until(done: () => boolean): Promise<void> {
    while (!done()) {
      if (this.child.exitCode !== null) throw new Error(`it has ended:\n${this.err}`)
      await new Promise<void>(resolve => this.#changed.push(resolve))
    }
  }
  kill(): void {
    this.child.kill('SIGKILL')
  }
  #hear(what: () => void): void {
    what()
    for (const changed of this.#changed.splice(0)) changed()
  }
}

/** Sends row after row over kept connections, and each again until it is acknowledged, as an SDK does. */
class Load {
  readonly acknowledged: number[] = []
  readonly #agent = new Agent({ keepAlive: true })
  readonly #port: number
  #next = 1
  #stopped = false
  readonly #running: Promise<void>[] = []
  #changed: (() => void)[] = []

  constructor(port: number) {
    this.#port = port
  }
  async until(rows: number): Promise<void> {
    while (this.acknowledged.length < rows) await new Promise<void>(resolve => this.#changed.push(resolve))
  }
  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#running)
    this.#agent.destroy()
  }
  start(): void {
    this.#running.push(this.#run())
  }
  async #run(): Promise<void> {
    while (!this.#stopped) {
      const id = this.#next++
      const body = Buffer.from(rowsBody('metrics', [id]))
      while ((await this.#send(body)) !== 200) await new Promise(resolve => setImmediate(resolve))
      this.acknowledged.push(id)
      for (const changed of this.#changed.splice(0)) changed()
    }
  }

  /** 0: the connection was refused, or closed before it was asked */
  #send(body: Buffer): Promise<number> {
    return new Promise(resolve => {
      const headers = { 'content-type': 'application/x-protobuf', 'content-length': body.length }
      const asked = request(
        { port: this.#port, host: '127.0.0.1', path: '/v1/metrics', method: 'POST', agent: this.#agent, headers },
        response => {
          response.resume()
          response.on('end', () => resolve(response.statusCode ?? 0))
          response.on('error', () => resolve(0))
        },
      )
      asked.on('error', () => resolve(0))
      asked.end(body)
    })
  }
}

async function freePorts(): Promise<Ports> {
  const servers = [createServer(), createServer(), createServer(), createServer()]
  for (const server of servers) await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const [otlp = 0, page = 0, api = 0, own = 0] = servers.map(server => (server.address() as { port: number }).port)
  for (const server of servers) await new Promise(resolve => server.close(resolve))
  return { otlp, page, api, own }
}
