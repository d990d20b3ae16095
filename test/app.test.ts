/** The whole thing, from a configuration file's text to sockets and back. */
import { createServer } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { type App, start, type World } from '../src/app.ts'
import { loadConfiguration } from '../src/component/config.ts'
import { StartError } from '../src/component/errors.ts'
import { systemClock } from '../src/lib/clock.ts'
import { Raw } from '../src/model/raw.ts'
import { createReader } from '../src/otlp/reader.ts'
import { components } from './components.ts'
import { VirtualClock } from './kit/clock.ts'
import { seeded, testContext } from './kit/context.ts'
import { rowIds, rowsBody } from './kit/rows.ts'
import { metricsBody } from './kit/series.ts'
import { Sink } from './kit/sink.ts'

const cleanUp: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const clean of cleanUp.splice(0).reverse()) await clean()
})

const lines = testContext()
const systemWorld: World = {
  clock: systemClock,
  random: seeded(1),
  files: lines.files,
  disk: lines.disk,
  memory: () => ({ usedBytes: 0, limitBytes: 2 ** 34 }),
  log: () => lines.log,
  version: '0.0.0-test',
}

async function run(text: string, world: World = systemWorld): Promise<App> {
  const configuration = loadConfiguration([{ name: 'test.yaml', text }], { env: {}, factories: components })
  const app = await start(configuration, world)
  cleanUp.push(() => app.shutdown())
  return app
}
async function sink(): Promise<Sink> {
  const made = await Sink.open()
  cleanUp.push(() => made.close())
  return made
}
function url(app: App, component: string): string {
  const found = app.listening.find(place => place.component === component)
  if (found === undefined) throw new Error(`${component} does not listen`)
  return found.url
}
function post(app: App, path: string, body: Uint8Array, headers: Record<string, string> = {}): Promise<Response> {
  const to = new URL(path, url(app, 'otlp')).href
  return fetch(to, { method: 'POST', body: Buffer.from(body), headers: { 'content-type': 'application/x-protobuf', ...headers } })
}

const service = (pipelines: string, more = '') => `
service:
  api: { endpoint: "127.0.0.1:0" }
  telemetry: { metrics: { level: none } }
  ${more}
  pipelines:
${pipelines}`
const otlp = 'receivers: { otlp: { protocols: { http: { endpoint: "127.0.0.1:0" } } } }\nprocessors: { memory_limiter: , batch: }\n'

describe('data flows', () => {
  test('from OTLP to /metrics and, byte for byte, to a destination', async () => {
    const to = await sink()
    const app = await run(`${otlp}
exporters:
  prometheus: { endpoint: "127.0.0.1:0" }
  otlp_http: { endpoint: "${to.url}", compression: none }
${service(`
    metrics: { receivers: [otlp], processors: [memory_limiter, batch], exporters: [prometheus, otlp_http] }
    traces: { receivers: [otlp], processors: [memory_limiter, batch], exporters: [otlp_http] }
    logs: { receivers: [otlp], processors: [batch], exporters: [otlp_http] }`)}`)
    for (const signal of ['metrics', 'traces', 'logs'] as const) {
      const body = rowsBody(signal, [11, 12, 13])
      expect((await post(app, `/v1/${signal}`, body)).status).toBe(200)
      await to.until(() => to.joined(`/v1/${signal}`).length === body.length)
      expect(to.joined(`/v1/${signal}`)).toEqual(Buffer.from(body))
    }
    const page = await (await fetch(url(app, 'prometheus'))).text()
    expect(page).toMatch(/^rows\{.*job="kit".*\} 13$/m)
    const ledger = (await (await fetch(new URL('/debug/ledger', url(app, 'api')))).json()) as { receivers: { accepted: number }[] }
    expect(ledger).toMatchObject({ imbalance: 0 })
    expect(ledger.receivers.map(r => r.accepted)).toEqual([3, 3, 3])
  })

  test('a dead destination does not hold up its sibling; what it cannot hold is counted', async () => {
    const dead = await sink()
    dead.answer = () => undefined
    const app = await run(`${otlp}
exporters:
  prometheus: { endpoint: "127.0.0.1:0" }
  otlp_http: { endpoint: "${dead.url}", compression: none, sending_queue: { queue_size: 2 } }
${service('    metrics: { receivers: [otlp], processors: [batch], exporters: [prometheus, otlp_http] }', 'shutdown_timeout: 1ms')}`)
    for (let id = 1; id <= 5; id++) expect((await post(app, '/v1/metrics', rowsBody('metrics', [id]))).status).toBe(200)
    expect(await (await fetch(url(app, 'prometheus'))).text()).toMatch(/^rows\{.*\} 5$/m)
    expect(app.ledger.wires.find(wire => wire.to === 'otlp_http')!.dropped.get('queue_full')).toBe(3)
    expect(app.ledger.imbalance).toBe(0)
    const undelivered = await app.shutdown()
    expect(undelivered).toEqual([{ exporter: 'otlp_http', signal: 'metrics', rows: 2 }])
    expect(app.ledger.imbalance).toBe(0)
  })

  test('when the only destination is full the sender is told to come again, and nothing is lost', async () => {
    const dead = await sink()
    dead.answer = () => undefined
    const app = await run(`${otlp}
exporters:
  otlp_http: { endpoint: "${dead.url}", compression: none, sending_queue: { queue_size: 1 } }
${service('    metrics: { receivers: [otlp], exporters: [otlp_http] }', 'consume_timeout: 10ms\n  shutdown_timeout: 1ms')}`)
    expect((await post(app, '/v1/metrics', rowsBody('metrics', [1]))).status).toBe(200)
    const refused = await post(app, '/v1/metrics', rowsBody('metrics', [2]))
    expect([429, 503]).toContain(refused.status)
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(app.ledger.accounts.find(account => account.kind === 'receiver')).toMatchObject({ received: 2, accepted: 1, refused: 1 })
  })

  test('a signal without a pipeline is answered with yes, counted, and said', async () => {
    const app = await run(`${otlp}
exporters: { prometheus: { endpoint: "127.0.0.1:0" } }
${service('    metrics: { receivers: [otlp], exporters: [prometheus] }')}`)
    expect((await post(app, '/v1/traces', rowsBody('traces', [1, 2]))).status).toBe(200)
    expect(app.unheard.map(({ signal }) => signal).sort()).toEqual(['logs', 'traces'])
    expect(app.ledger.wires.find(wire => wire.signal === 'traces')!.dropped.get('no_exporter')).toBe(2)
  })

  test('shutdown delivers what is held', async () => {
    const to = await sink()
    const app = await run(`${otlp}
exporters: { otlp_http: { endpoint: "${to.url}", compression: none } }
${service('    metrics: { receivers: [otlp], exporters: [otlp_http] }')}`)
    for (let id = 1; id <= 20; id++) await post(app, '/v1/metrics', rowsBody('metrics', [id]))
    expect(await app.shutdown()).toEqual([])
    const ids = rowIds(createReader().read('metrics', Raw.of(to.joined('/v1/metrics'))))
    expect(ids.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1))
  })
})

test('who has to show a token or a password shows it, over both protocols; who does not is not let in', async () => {
  const to = await sink()
  const inner = await run(`
extensions:
  bearertokenauth: { token: a-token-of-some-length }
  basicauth: { htpasswd: { inline: "lab:a-password" } }
receivers:
  otlp:
    protocols:
      http: { endpoint: "127.0.0.1:0", auth: { authenticator: bearertokenauth } }
      grpc: { endpoint: "127.0.0.1:0", auth: { authenticator: basicauth } }
exporters: { otlp_http: { endpoint: "${to.url}", compression: none } }
${service('    traces: { receivers: [otlp], exporters: [otlp_http] }', 'extensions: [bearertokenauth, basicauth]')}`)
  const at = (protocol: RegExp) => inner.listening.find(({ component, what }) => component === 'otlp' && protocol.test(what))!.url
  const [http, grpc] = [at(/http/i), at(/grpc/i)]
  const body = rowsBody('traces', [1, 2, 3])
  const outer = await run(`${otlp}
extensions:
  bearertokenauth: { token: a-token-of-some-length }
  basicauth/known: { client_auth: { username: lab, password: a-password } }
  basicauth/unknown: { client_auth: { username: lab, password: another } }
exporters:
  otlp_http/known: { endpoint: "${http}", auth: { authenticator: bearertokenauth } }
  otlp_http/unknown: { endpoint: "${http}", auth: { authenticator: basicauth/known } }
  otlp_grpc/known: { endpoint: "${grpc}", auth: { authenticator: basicauth/known } }
  otlp_grpc/unknown: { endpoint: "${grpc}", auth: { authenticator: basicauth/unknown } }
${service(
  '    traces: { receivers: [otlp], exporters: [otlp_http/known, otlp_http/unknown, otlp_grpc/known, otlp_grpc/unknown] }',
  'extensions: [bearertokenauth, basicauth/known, basicauth/unknown]',
)}`)
  expect((await post(outer, '/v1/traces', body)).status).toBe(200)
  expect(await outer.shutdown()).toEqual([])
  const exporters = outer.ledger.accounts.filter(({ kind }) => kind === 'exporter')
  expect(Object.fromEntries(exporters.map(({ id, taken, dropped }) => [id, [taken, Object.fromEntries(dropped)]]))).toEqual({
    'otlp_http/known': [3, {}],
    'otlp_http/unknown': [0, { permanent: 3 }],
    'otlp_grpc/known': [3, {}],
    'otlp_grpc/unknown': [0, { permanent: 3 }],
  })
  await inner.shutdown()
  expect(to.joined('/v1/traces')).toEqual(Buffer.concat([body, body]))
  const said = JSON.stringify(lines.lines)
  expect(said).toContain('the token is not known')
  expect(said).not.toMatch(/a-token-of|a-password|another/)
})

test('past max_series rows lose their name and keep their bytes: all are forwarded, the rest is counted', async () => {
  const to = await sink()
  const app = await run(`${otlp}
exporters:
  prometheus: { endpoint: "127.0.0.1:0" }
  otlp_http: { endpoint: "${to.url}", compression: none }
${service('    metrics: { receivers: [otlp], exporters: [prometheus, otlp_http] }', 'max_series: 100')}`)
  const body = metricsBody(1000)
  expect((await post(app, '/v1/metrics', body)).status).toBe(200)
  await to.until(() => to.bodies.length > 0)
  expect(to.joined('/v1/metrics')).toEqual(Buffer.from(body))
  const page = await (await fetch(url(app, 'prometheus'))).text()
  expect(page.match(/^many\{/gm)).toHaveLength(100)
  const account = app.ledger.accounts.find(({ id }) => id === 'prometheus')!
  expect(Object.fromEntries(account.dropped)).toEqual({ series_limit: 900 })
  expect(app.ledger.imbalance).toBe(0)
})

test('series are forgotten when they are idle, not when somebody sets the machine’s clock', async () => {
  const clock = new VirtualClock()
  const { log, lines: said } = testContext()
  const app = await run(
    `${otlp}
exporters: { prometheus: { endpoint: "127.0.0.1:0" } }
${service('    metrics: { receivers: [otlp], exporters: [prometheus] }')}`,
    { ...systemWorld, clock, log: () => log },
  )
  expect((await post(app, '/v1/metrics', metricsBody(3))).status).toBe(200)
  const forgotten = () => said.filter(({ message }) => message === 'idle series were forgotten').map(({ fields }) => fields)
  clock.jump(3_600_000)
  await clock.advance(9 * 60_000)
  expect(forgotten()).toEqual([])
  await clock.advance(3 * 60_000)
  expect(forgotten()).toEqual([{ series: 3 }])
})

describe('starting', () => {
  test('a taken port is one clear message, and nothing is left running', async () => {
    const taken = createServer()
    await new Promise<void>(resolve => taken.listen(0, '127.0.0.1', resolve))
    cleanUp.push(() => new Promise(resolve => taken.close(resolve)))
    const { port } = taken.address() as { port: number }
    const free = await freePort()
    const text = `${otlp.replace('127.0.0.1:0', `127.0.0.1:${port}`)}
exporters: { prometheus: { endpoint: "127.0.0.1:${free}" } }
${service('    metrics: { receivers: [otlp], exporters: [prometheus] }')}`
    const error = await run(text).catch((e: unknown) => e)
    expect(error).toBeInstanceOf(StartError)
    expect((error as StartError).message).toBe(`receivers.otlp.protocols.http.endpoint: 127.0.0.1:${port} is taken`)
    expect((error as StartError).remedy).toBe('stop the other program, or set receivers.otlp.protocols.http.endpoint')
    await expect(fetch(`http://127.0.0.1:${free}/metrics`)).rejects.toThrow()
  })

  test('ready and healthy are served, and what is not served is said', async () => {
    const app = await run(`${otlp}
extensions: { health_check: { endpoint: "127.0.0.1:0" } }
exporters: { prometheus: { endpoint: "127.0.0.1:0" } }
${service('    metrics: { receivers: [otlp], exporters: [prometheus] }', 'extensions: [health_check]')}`)
    const api = url(app, 'api')
    expect((await fetch(new URL('/-/ready', api))).status).toBe(200)
    expect(await (await fetch(url(app, 'health_check'))).json()).toEqual({ status: 'healthy', problems: {} })
    const missing = await fetch(new URL('/no/such/page', api))
    expect(missing.status).toBe(404)
    expect(await missing.text()).toContain('known: /-/ready, /-/healthy, /debug/ledger')
  })
})

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise(resolve => server.close(resolve))
  return port
}
