/** A configuration takes the place of another while data flows: what did not change goes on, and no row is lost. */
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { type App, start, type World } from '../src/app.ts'
import { loadConfiguration } from '../src/component/config.ts'
import { ConfigError, StartError } from '../src/component/errors.ts'
import { nodeDisk } from '../src/disk.ts'
import { systemClock } from '../src/lib/clock.ts'
import { Raw } from '../src/model/raw.ts'
import { createReader } from '../src/otlp/reader.ts'
import { components } from './components.ts'
import { seeded, testContext } from './kit/context.ts'
import { rowIds, rowsBody } from './kit/rows.ts'
import { Sink } from './kit/sink.ts'

const cleanUp: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const clean of cleanUp.splice(0).reverse()) await clean()
})

const load = (text: string) => loadConfiguration([{ name: 'test.yaml', text }], { env: {}, factories: components })

async function run(text: string): Promise<{ app: App; lines: ReturnType<typeof testContext>['lines'] }> {
  const { files, log, lines } = testContext()
  const world: World = {
    clock: systemClock,
    random: seeded(1),
    files,
    disk: nodeDisk,
    memory: () => ({ usedBytes: 0, limitBytes: 2 ** 34 }),
    log: () => log,
    version: '0.0.0-test',
  }
  const app = await start(load(text), world)
  cleanUp.push(() => app.shutdown())
  return { app, lines }
}
async function sink(): Promise<Sink> {
  const made = await Sink.open()
  cleanUp.push(() => made.close())
  return made
}
const reload = (app: App, text: string) => app.reload(async () => load(text))
const url = (app: App, component: string) => app.listening.find(place => place.component === component)?.url
async function post(to: string | undefined, ids: readonly number[], signal: 'metrics' | 'traces' = 'metrics'): Promise<number> {
  const body = Buffer.from(rowsBody(signal, ids))
  const response = await fetch(`${to}/v1/${signal}`, { method: 'POST', body, headers: { 'content-type': 'application/x-protobuf' } })
  await response.arrayBuffer()
  return response.status
}
const arrived = (at: Sink, signal: 'metrics' | 'traces' = 'metrics') => {
  const bodies = at.bodies.filter(({ path }) => path === `/v1/${signal}`)
  return bodies.flatMap(({ body }) => rowIds(createReader().read(signal, Raw.of(body)))).toSorted((a, b) => a - b)
}

/** What differs from one configuration to the next. */
interface Parts {
  readonly receivers?: string
  readonly processors?: string
  readonly exporters: string
  readonly service?: string
  readonly pipelines: string
}
const otlpAt = (port: number, more = '') => `otlp: { protocols: { http: { endpoint: "127.0.0.1:${port}"${more} } } }`
const configuration = ({ receivers = otlpAt(0), processors = 'batch: ', exporters, service = '', pipelines }: Parts) => `
receivers: { ${receivers} }
processors: { ${processors} }
exporters: { ${exporters} }
service:
  api: { endpoint: "127.0.0.1:0" }
  telemetry: { metrics: { level: none } }
  ${service}
  pipelines: { ${pipelines} }`
const to = (name: string, { url }: Sink, more = '') => `${name}: { endpoint: "${url}", compression: none${more} }`

test('what did not change goes on: the receiver listens, the page keeps its series, the queue keeps its rows', async () => {
  const dead = await sink()
  dead.answer = () => undefined
  const fresh = await sink()
  const prometheus = 'prometheus: { endpoint: "127.0.0.1:0" }'
  const before = configuration({
    exporters: `${prometheus}, ${to('otlp_http', dead)}`,
    service: 'shutdown_timeout: 1ms',
    pipelines: 'metrics: { receivers: [otlp], processors: [batch], exporters: [prometheus, otlp_http] }',
  })
  const after = configuration({
    exporters: `${prometheus}, ${to('otlp_http', dead)}, ${to('otlp_http/fresh', fresh)}`,
    service: 'shutdown_timeout: 1ms',
    pipelines:
      'metrics: { receivers: [otlp], processors: [batch], exporters: [prometheus, otlp_http, otlp_http/fresh] }, traces: { receivers: [otlp], exporters: [otlp_http/fresh] }',
  })
  const { app } = await run(before)
  const [receiver, page] = [url(app, 'otlp'), url(app, 'prometheus')]
  expect(await post(receiver, [1])).toBe(200)
  expect(await post(receiver, [9], 'traces')).toBe(200)
  expect(app.unheard.map(({ signal }) => signal)).toEqual(['traces', 'logs'])

  expect(await reload(app, after)).toEqual({
    added: ['exporter otlp_http/fresh'],
    changed: [],
    removed: [],
    kept: 4,
    undelivered: [],
  })
  expect([url(app, 'otlp'), url(app, 'prometheus')]).toEqual([receiver, page])
  expect(app.unheard.map(({ signal }) => signal)).toEqual(['logs'])
  expect(await (await fetch(page!)).text()).toMatch(/^rows\{.*\} 1$/m)
  expect(await post(receiver, [2])).toBe(200)
  expect(await post(receiver, [3], 'traces')).toBe(200)
  await fresh.until(() => arrived(fresh).length === 1 && arrived(fresh, 'traces').length === 1)
  expect([arrived(fresh), arrived(fresh, 'traces')]).toEqual([[2], [3]])
  const queue = app.ledger.accounts.find(({ id }) => id === 'otlp_http')!
  expect(queue).toMatchObject({ accepted: 2 })
  expect(queue.held()).toBe(2)
  expect(app.ledger.imbalance).toBe(0)
})

test('what is removed sends what it holds; what is changed is another from the next row on; accounts go on and balance', async () => {
  const [old, changed, removed] = [await sink(), await sink(), await sink()]
  const pipelines = (exporters: string) => `metrics: { receivers: [otlp], processors: [batch], exporters: [${exporters}] }`
  const { app } = await run(
    configuration({
      exporters: `${to('otlp_http', old)}, ${to('otlp_http/removed', removed)}`,
      pipelines: pipelines('otlp_http, otlp_http/removed'),
    }),
  )
  const receiver = url(app, 'otlp')
  for (let id = 1; id <= 20; id++) await post(receiver, [id])
  const after = configuration({
    processors: 'batch: { send_batch_max_size: 5 }',
    exporters: to('otlp_http', changed),
    pipelines: pipelines('otlp_http'),
  })
  const done = await reload(app, after)
  expect(done).toMatchObject({
    added: [],
    changed: ['exporter otlp_http', 'processor batch'],
    removed: ['exporter otlp_http/removed'],
    kept: 1,
  })
  const first = Array.from({ length: 20 }, (_, i) => i + 1)
  expect([arrived(old), arrived(removed)]).toEqual([first, first])
  for (let id = 21; id <= 40; id++) await post(receiver, [id])
  await changed.until(() => arrived(changed).length === 20)
  expect(arrived(changed)).toEqual(first.map(id => id + 20))
  expect([arrived(old).length, arrived(removed).length]).toEqual([20, 20])
  expect(await app.shutdown()).toEqual([])
  const { components: told, receivers } = JSON.parse(JSON.stringify(app.ledger)) as {
    components: { id: string; accepted: number; taken: number }[]
    receivers: { id: string; signal: string; accepted: number }[]
  }
  expect(told.map(({ id, accepted, taken }) => [id, accepted, taken]).sort()).toEqual([
    ['batch', 40, 40],
    ['otlp_http', 40, 40],
    ['otlp_http/removed', 20, 20],
  ])
  expect(receivers.find(({ signal }) => signal === 'metrics')).toMatchObject({ accepted: 40 })
  expect(app.ledger.imbalance).toBe(0)
})

describe('a receiver that changes on its port', () => {
  const parts = (port: number, more: string, at: Sink) =>
    configuration({
      receivers: otlpAt(port, more),
      exporters: to('otlp_http', at),
      pipelines: 'metrics: { receivers: [otlp], exporters: [otlp_http] }',
    })

  test('the old one stops and finishes, then the new one listens', async () => {
    const at = await sink()
    const port = await freePort()
    const { app } = await run(parts(port, '', at))
    expect(await post(url(app, 'otlp'), [1])).toBe(200)
    const done = await reload(app, parts(port, ', max_request_body_size: 100', at))
    expect(done).toMatchObject({ changed: ['receiver otlp'], kept: 1 })
    expect(app.listening.filter(({ component }) => component === 'otlp')).toHaveLength(1)
    expect(await post(url(app, 'otlp'), [2])).toBe(200)
    expect(
      await post(
        url(app, 'otlp'),
        Array.from({ length: 50 }, (_, i) => i + 3),
      ),
    ).toBe(413)
    await at.until(() => arrived(at).length === 2)
    expect(app.ledger.accounts.filter(({ kind, signal }) => kind === 'receiver' && signal === 'metrics')).toMatchObject([{ accepted: 2 }])
  })

  test('on another port the new one listens before the old one stops', async () => {
    const at = await sink()
    const [before, after] = [await freePort(), await freePort()]
    const { app } = await run(parts(before, '', at))
    expect(await reload(app, parts(after, '', at))).toMatchObject({ changed: ['receiver otlp'] })
    expect(url(app, 'otlp')).toBe(`http://127.0.0.1:${after}`)
    await expect(post(`http://127.0.0.1:${before}`, [1])).rejects.toThrow()
    expect(await post(url(app, 'otlp'), [2])).toBe(200)
  })

  test('where the new one cannot start, the old one is started again', async () => {
    const at = await sink()
    const [port, taken] = [await freePort(), await occupiedPort()]
    const two = (more: string, grpc: number) =>
      `otlp: { protocols: { http: { endpoint: "127.0.0.1:${port}"${more} } } }, otlp/2: { protocols: { grpc: { endpoint: "127.0.0.1:${grpc}" } } }`
    const text = (receivers: string, ids: string) =>
      configuration({ receivers, exporters: to('otlp_http', at), pipelines: `metrics: { receivers: [${ids}], exporters: [otlp_http] }` })
    const { app, lines } = await run(text(two('', 0), 'otlp'))
    const failed = await reload(app, text(two(', max_request_body_size: 10', taken), 'otlp, otlp/2')).catch((e: unknown) => e)
    expect(failed).toBeInstanceOf(StartError)
    expect((failed as StartError).message).toBe(`receivers.otlp/2.protocols.grpc.endpoint: 127.0.0.1:${taken} is taken`)
    expect(lines.map(({ message }) => message)).toEqual(['configuration not reloaded: the one before goes on'])
    expect(await post(url(app, 'otlp'), [1])).toBe(200)
    await at.until(() => arrived(at).length === 1)
    expect(app.ledger.imbalance).toBe(0)
  })
})

test('a page that changes on its port waits for the old one to leave it; no row is lost meanwhile', async () => {
  const port = await freePort()
  const text = (namespace: string) =>
    configuration({
      exporters: `prometheus: { endpoint: "127.0.0.1:${port}", namespace: ${namespace} }`,
      pipelines: 'metrics: { receivers: [otlp], exporters: [prometheus] }',
    })
  const { app } = await run(text('before'))
  let [sent, stop] = [0, false]
  const sending = (async () => {
    for (; !stop; sent++) expect(await post(url(app, 'otlp'), [sent + 1])).toBe(200)
  })()
  expect(await reload(app, text('after'))).toMatchObject({ changed: ['exporter prometheus'], kept: 1 })
  expect(await post(url(app, 'otlp'), [77])).toBe(200)
  stop = true
  await sending
  expect(await (await fetch(url(app, 'prometheus')!)).text()).toMatch(/^after_rows\{/m)
  expect(app.ledger.accounts.filter(({ id }) => id === 'prometheus')).toMatchObject([{ accepted: sent + 1, taken: sent + 1 }])
  expect(app.ledger.imbalance).toBe(0)
})

describe('what is refused', () => {
  const text = (service: string, exporter = 'debug: ') =>
    configuration({ exporters: exporter, service, pipelines: 'metrics: { receivers: [otlp], exporters: [debug] }' })

  test('a wrong configuration, with all that is wrong in it; over HTTP as well', async () => {
    const { files, disk, log } = testContext()
    let now = text('')
    const world: World = {
      clock: systemClock,
      random: seeded(1),
      files,
      disk,
      memory: () => ({ usedBytes: 0, limitBytes: 2 ** 34 }),
      log: () => log,
      version: '0',
    }
    const app = await start(load(now), world, async () => load(now))
    cleanUp.push(() => app.shutdown())
    const ask = async (method: string) => {
      const response = await fetch(`${url(app, 'api')}/-/reload`, { method })
      return [response.status, await response.text()] as const
    }
    expect(await ask('GET')).toEqual([405, 'only POST and PUT reload the configuration\n'])
    expect(await ask('POST')).toEqual([200, 'reloaded\n  kept     2\n'])
    now = text('', 'debug: { verbosty: basic }, otlp_http: { endpoint: nowhere }')
    const [status, body] = await ask('POST')
    expect(status).toBe(400)
    expect(body).toContain('not reloaded: the configuration before goes on\ntest.yaml:')
    expect(body).toContain('unknown setting "verbosty"\n  did you mean "verbosity"?')
    expect(body).toContain('exporters.otlp_http.endpoint: must be an address')
    expect(await post(url(app, 'otlp'), [1])).toBe(200)
  })

  test.each([
    ['max_series: 7', 'service.max_series'],
    ['telemetry: { metrics: { level: none }, traces: { level: none } }', 'service.telemetry.traces.level'],
    ['workers: 2', 'service.workers'],
    ['telemetry: { metrics: { level: none }, logs: { encoding: console } }', 'service.telemetry.logs.encoding'],
    ['telemetry: { metrics: { level: none }, resource: { team: blue } }', 'service.telemetry.resource'],
    ['telemetry: { metrics: { level: detailed, readers: [] } }', 'service.telemetry.metrics.level'],
  ])('%s, by name', async (service, where) => {
    const { app } = await run(text(''))
    const wanted = service.startsWith('telemetry') ? text('').replace('telemetry: { metrics: { level: none } }', service) : text(service)
    await expect(reload(app, wanted)).rejects.toThrow(
      new ConfigError([
        { path: where.split('.'), message: 'cannot be changed by a reload', remedy: 'restart to change it, or leave it as it was' },
      ]),
    )
    expect(await post(url(app, 'otlp'), [1])).toBe(200)
  })
})

test('a queue on disk is handed on: what it holds is sent by the exporter that takes its place, once', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'thalamus-reload-'))
  cleanUp.push(async () => rmSync(directory, { recursive: true }))
  const [dead, alive] = [await sink(), await sink()]
  dead.answer = () => undefined
  const text = (at: Sink) => `
extensions: { file_storage: { directory: "${directory}" } }
${configuration({
  exporters: to('otlp_http', at, ', sending_queue: { storage: file_storage }'),
  service: 'extensions: [file_storage]\n  shutdown_timeout: 200ms',
  pipelines: 'metrics: { receivers: [otlp], exporters: [otlp_http] }',
})}`
  const { app } = await run(text(dead))
  for (let id = 1; id <= 10; id++) expect(await post(url(app, 'otlp'), [id])).toBe(200)
  expect(await reload(app, text(alive))).toMatchObject({ changed: ['exporter otlp_http'], kept: 2 })
  expect(await post(url(app, 'otlp'), [11])).toBe(200)
  await alive.until(() => arrived(alive).length === 11)
  expect(arrived(alive)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
  expect(app.ledger.imbalance).toBe(0)
})

test('the api moves to another address; who asked there is answered', async () => {
  const [before, after] = [await freePort(), await freePort()]
  const text = (port: number) =>
    configuration({ exporters: 'debug: ', pipelines: 'metrics: { receivers: [otlp], exporters: [debug] }' }).replace(
      'api: { endpoint: "127.0.0.1:0" }',
      `api: { endpoint: "127.0.0.1:${port}" }`,
    )
  const { app } = await run(text(before))
  await reload(app, text(after))
  expect(app.listening.filter(({ component }) => component === 'api')).toEqual([
    { component: 'api', what: 'api', url: `http://127.0.0.1:${after}` },
  ])
  expect((await fetch(`http://127.0.0.1:${after}/-/ready`)).status).toBe(200)
  await expect(fetch(`http://127.0.0.1:${before}/-/ready`)).rejects.toThrow()
})

test('two reloads at once are one after the other, and the last one is what runs', async () => {
  const sinks = [await sink(), await sink(), await sink()]
  const text = (at: Sink) =>
    configuration({ exporters: to('otlp_http', at), pipelines: 'metrics: { receivers: [otlp], exporters: [otlp_http] }' })
  const { app } = await run(text(sinks[0]!))
  await Promise.all([reload(app, text(sinks[1]!)), reload(app, text(sinks[2]!))])
  await post(url(app, 'otlp'), [5])
  await sinks[2]!.until(() => arrived(sinks[2]!).length === 1)
  expect(sinks.map(at => arrived(at))).toEqual([[], [], [5]])
})

test('a reload during the shutdown is refused; a shutdown during a reload waits for it', async () => {
  const at = await sink()
  const text = (size: number) =>
    configuration({
      exporters: to('otlp_http', at, `, sending_queue: { queue_size: ${size} }`),
      pipelines: 'metrics: { receivers: [otlp], exporters: [otlp_http] }',
    })
  const { app } = await run(text(10))
  const [reloaded, stopped] = [reload(app, text(20)), app.shutdown()]
  await expect(reload(app, text(30))).rejects.toThrow('a reload was asked for during the shutdown')
  expect(await reloaded).toMatchObject({ changed: ['exporter otlp_http'] })
  expect(await stopped).toEqual([])
})

async function listening(): Promise<{ server: Server; port: number }> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return { server, port: (server.address() as { port: number }).port }
}
async function freePort(): Promise<number> {
  const { server, port } = await listening()
  await new Promise(resolve => server.close(resolve))
  return port
}
async function occupiedPort(): Promise<number> {
  const { server, port } = await listening()
  cleanUp.push(() => new Promise(resolve => server.close(resolve)))
  return port
}
