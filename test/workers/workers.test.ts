/** Several threads receive: what they do is told as one, whatever happens to one of them. */
import { createServer } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { type App, start, type World } from '../../src/app.ts'
import { loadConfiguration } from '../../src/component/config.ts'
import { Raw } from '../../src/model/raw.ts'
import { createReader } from '../../src/otlp/reader.ts'
import type { Thread } from '../../src/workers/crew.ts'
import { systemLog, systemWorld } from '../../src/world.ts'
import { components } from '../components.ts'
import { testContext } from '../kit/context.ts'
import { rowIds, rowsBody } from '../kit/rows.ts'
import { Sink } from '../kit/sink.ts'

const cleanUp: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const clean of cleanUp.splice(0).reverse()) await clean()
})

const load = (text: string) => loadConfiguration([{ name: 'test.yaml', text }], { env: {}, factories: components })
const logs = { level: 'error', encoding: 'json', initial_fields: {}, output_paths: ['stderr'] } as const

async function run(text: string): Promise<{ app: App; lines: ReturnType<typeof testContext>['lines']; threads: Thread[] }> {
  const { log, lines } = testContext()
  const threads: Thread[] = []
  const system = systemWorld(systemLog(), logs)
  const spawn: World['spawn'] = seat => {
    const thread = system.spawn!(seat)
    threads.push(thread)
    return thread
  }
  const app = await start(load(text), { ...system, log: () => log, spawn })
  cleanUp.push(() => app.shutdown())
  return { app, lines, threads }
}
async function sink(): Promise<Sink> {
  const made = await Sink.open()
  cleanUp.push(() => made.close())
  return made
}
const url = (app: App, component: string) => app.listening.find(place => place.component === component)!.url

/** Each over a connection of its own, so that the threads share them. */
async function post(app: App, ids: readonly number[], signal: 'metrics' | 'traces' = 'metrics'): Promise<number> {
  const headers = { 'content-type': 'application/x-protobuf', connection: 'close' }
  const response = await fetch(`${url(app, 'otlp')}/v1/${signal}`, { method: 'POST', body: Buffer.from(rowsBody(signal, ids)), headers })
  await response.arrayBuffer()
  return response.status
}
const arrived = (at: Sink, signal: 'metrics' | 'traces' = 'metrics') => {
  const bodies = at.bodies.filter(({ path }) => path === `/v1/${signal}`)
  return bodies.flatMap(({ body }) => rowIds(createReader().read(signal, Raw.of(body)))).toSorted((a, b) => a - b)
}
const numbers = (n: number) => Array.from({ length: n }, (_, i) => i + 1)

interface Told {
  readonly imbalance: number
  readonly receivers: readonly { id: string; signal: string; accepted: number; refused: number }[]
  readonly components: readonly { id: string; accepted: number; taken: number; held: number; dropped: Record<string, number> }[]
  readonly wires: readonly { from: string; to: string; taken: number; dropped: Record<string, number> }[]
}
const ledgerOf = async (app: App) => (await (await fetch(new URL('/debug/ledger', url(app, 'api')))).json()) as Told

const configuration = (parts: { exporters: string; pipelines: string; service?: string; port?: number; processors?: string }) => `
receivers: { otlp: { protocols: { http: { endpoint: "127.0.0.1:${parts.port ?? 0}" } } } }
processors: { memory_limiter: , batch: ${parts.processors ?? ''} }
exporters: { ${parts.exporters} }
service:
  workers: 2
  api: { endpoint: "127.0.0.1:0" }
  telemetry: { metrics: { readers: [ { pull: { exporter: { prometheus: { host: 127.0.0.1, port: 0 } } } } ] } }
  ${parts.service ?? ''}
  pipelines: { ${parts.pipelines} }`
const page = 'prometheus: { endpoint: "127.0.0.1:0" }'
const to = (at: Sink, more = '') => `otlp_http: { endpoint: "${at.url}", compression: none${more} }`

test('rows reach the page of the main thread and the destinations of the threads; the ledger tells their sum', async () => {
  const at = await sink()
  const { app } = await run(
    configuration({
      exporters: `${page}, ${to(at)}`,
      pipelines: 'metrics: { receivers: [otlp], processors: [memory_limiter, batch], exporters: [prometheus, otlp_http] }',
    }),
  )
  expect(app.unheard.map(({ signal }) => signal)).toEqual(['traces', 'logs'])
  const ids = numbers(40)
  expect(new Set(await Promise.all(ids.map(id => post(app, [id]))))).toEqual(new Set([200]))
  expect(await post(app, [99], 'traces')).toBe(200)
  await at.until(() => arrived(at).length === 40)
  expect(arrived(at)).toEqual(ids)
  expect(await (await fetch(url(app, 'prometheus'))).text()).toMatch(/^rows\{.*job="kit".*\} \d+$/m)
  const own = await (await fetch(url(app, 'telemetry'))).text()
  expect(own).toMatch(/^otelcol_receiver_accepted_metric_points\{receiver="otlp",transport="http"\} 40$/m)
  expect(own).toMatch(/^otelcol_exporter_queue_capacity\{data_type="metrics",exporter="otlp_http"\} 20000$/m)
  expect(own).toMatch(/^thalamus_workers 2$/m)
  const told = await ledgerOf(app)
  expect(told.imbalance).toBe(0)
  expect(told.receivers.map(({ signal, accepted }) => [signal, accepted])).toEqual([
    ['metrics', 40],
    ['traces', 1],
    ['logs', 0],
  ])
  expect(told.wires.map(({ from, to, taken, dropped }) => [from, to, taken, dropped]).sort()).toEqual([
    ['metrics', 'otlp_http', 40, {}],
    ['metrics', 'prometheus', 40, {}],
    ['otlp', 'metrics', 40, {}],
    ['otlp', 'nobody', 0, { no_exporter: 1 }],
    ['otlp', 'nobody', 0, {}],
  ])
  expect(told.components.map(({ id, accepted }) => [id, accepted]).sort()).toEqual([
    ['batch', 40],
    ['memory_limiter', 40],
    ['otlp_http', 40],
    ['prometheus', 40],
  ])
})

test('a shutdown drains all threads, and tells what none of them could deliver', async () => {
  const dead = await sink()
  dead.answer = () => undefined
  const { app } = await run(
    configuration({
      exporters: `${page}, ${to(dead)}`,
      service: 'shutdown_timeout: 100ms',
      pipelines: 'metrics: { receivers: [otlp], exporters: [prometheus, otlp_http] }',
    }),
  )
  expect(new Set(await Promise.all(numbers(20).map(id => post(app, [id]))))).toEqual(new Set([200]))
  const undelivered = await app.shutdown()
  expect(undelivered.every(({ exporter, signal }) => exporter === 'otlp_http' && signal === 'metrics')).toBe(true)
  expect(undelivered.reduce((rows, of) => rows + of.rows, 0)).toBe(20)
  expect(app.ledger.imbalance).toBe(0)
  expect(app.ledger.accounts.filter(({ id }) => id === 'prometheus')).toMatchObject([{ taken: 20 }])
})

test('a thread that dies is said and counted with what it held, and another takes its place', async () => {
  const dead = await sink()
  dead.answer = () => undefined
  const { app, lines, threads } = await run(
    configuration({
      exporters: to(dead),
      service: 'shutdown_timeout: 100ms',
      pipelines: 'metrics: { receivers: [otlp], exporters: [otlp_http] }',
    }),
  )
  await Promise.all(numbers(30).map(id => post(app, [id])))
  const held = (await ledgerOf(app)).components.find(({ id }) => id === 'otlp_http')!.held
  expect(held).toBe(30)
  threads[0]!.terminate()
  await threads[0]!.ended
  await until(() => threads.length === 3)
  const after = await ledgerOf(app)
  const account = after.components.find(({ id }) => id === 'otlp_http')!
  expect(account.dropped['worker_died']! + account.held).toBe(30)
  expect(account.dropped['worker_died']).toBeGreaterThan(0)
  expect(after.receivers.find(({ signal }) => signal === 'metrics')).toMatchObject({ accepted: 30 })
  expect(after.imbalance).toBe(0)
  expect(lines.map(({ message }) => message)).toContain('an ingest thread died with what it held; another is started')
  await until(async () => (await (await fetch(url(app, 'telemetry'))).text()).includes('\nthalamus_workers 2\n'))
  expect(await (await fetch(url(app, 'telemetry'))).text()).toMatch(/^thalamus_worker_restarts 1$/m)
  expect(new Set(await Promise.all(numbers(10).map(id => post(app, [id]))))).toEqual(new Set([200]))
  expect((await ledgerOf(app)).receivers.find(({ signal }) => signal === 'metrics')).toMatchObject({ accepted: 40 })
})

test('what a thread has written for the page is on the page, also when the thread dies', async () => {
  const { app, threads } = await run(
    configuration({ exporters: page, pipelines: 'metrics: { receivers: [otlp], processors: [batch], exporters: [prometheus] }' }),
  )
  expect(new Set(await Promise.all(numbers(30).map(id => post(app, [id]))))).toEqual(new Set([200]))
  for (const thread of threads.slice()) thread.terminate()
  const onPage = () => app.ledger.own.find(({ id }) => id === 'prometheus')!.taken
  await until(() => onPage() === 30)
  expect(app.ledger.imbalance).toBe(0)
  await until(() => threads.length === 4)
})

test('a reload that takes the page away loses no row of its siblings, and leaves none uncounted', async () => {
  const at = await sink()
  const text = (exporters: string) =>
    configuration({ exporters: `${page}, ${to(at)}`, pipelines: `metrics: { receivers: [otlp], exporters: [${exporters}] }` })
  const { app } = await run(text('prometheus, otlp_http'))
  const posting = Promise.all(numbers(40).map(id => post(app, [id])))
  await app.reload(async () => load(text('otlp_http')))
  expect(new Set(await posting)).toEqual(new Set([200]))
  await at.until(() => arrived(at).length === 40)
  expect((await ledgerOf(app)).imbalance).toBe(0)
  expect(arrived(at)).toEqual(numbers(40))
})

test('a reload reaches every thread, and loses nothing', async () => {
  const [before, after] = [await sink(), await sink()]
  const text = (at: Sink, more: string) =>
    configuration({
      exporters: `${page}, ${to(at)}`,
      processors: more,
      pipelines: `metrics: { receivers: [otlp], processors: [batch], exporters: [${more === '' ? 'otlp_http' : 'prometheus, otlp_http'}] }`,
    })
  const { app } = await run(text(before, ''))
  await Promise.all(numbers(20).map(id => post(app, [id])))
  const where = url(app, 'otlp')
  await app.reload(async () => load(text(after, '{ send_batch_max_size: 7 }')))
  expect(arrived(before)).toEqual(numbers(20))
  expect(url(app, 'otlp')).toBe(where)
  expect(new Set(await Promise.all(numbers(20).map(id => post(app, [id + 20]))))).toEqual(new Set([200]))
  await after.until(() => arrived(after).length === 20)
  expect(arrived(after)).toEqual(numbers(20).map(id => id + 20))
  expect(await (await fetch(url(app, 'prometheus'))).text()).toMatch(/^rows\{.*\} \d+$/m)
  const told = await ledgerOf(app)
  expect(told.imbalance).toBe(0)
  expect(told.receivers.find(({ signal }) => signal === 'metrics')).toMatchObject({ accepted: 40 })
})

test('a reload that a thread cannot follow is refused, and all threads go on as before', async () => {
  const at = await sink()
  const taken = createServer()
  await new Promise<void>(resolve => taken.listen(0, '127.0.0.1', resolve))
  cleanUp.push(() => new Promise(resolve => taken.close(resolve)))
  const { port } = taken.address() as { port: number }
  const text = (wanted: number) =>
    configuration({ exporters: to(at), port: wanted, pipelines: 'metrics: { receivers: [otlp], exporters: [otlp_http] }' })
  const { app } = await run(text(0))
  await expect(app.reload(async () => load(text(port)))).rejects.toThrow(
    `receivers.otlp.protocols.http.endpoint: 127.0.0.1:${port} is taken`,
  )
  expect(new Set(await Promise.all(numbers(10).map(id => post(app, [id]))))).toEqual(new Set([200]))
  await at.until(() => arrived(at).length === 10)
})

describe('starting', () => {
  test('a port that another program has is one clear message', async () => {
    const taken = createServer()
    await new Promise<void>(resolve => taken.listen(0, '127.0.0.1', resolve))
    cleanUp.push(() => new Promise(resolve => taken.close(resolve)))
    const { port } = taken.address() as { port: number }
    const text = configuration({ exporters: page, port, pipelines: 'metrics: { receivers: [otlp], exporters: [prometheus] }' })
    await expect(run(text)).rejects.toThrow(`receivers.otlp.protocols.http.endpoint: 127.0.0.1:${port} is taken`)
  })

  test('where nothing can be done by several threads, that is said', async () => {
    const text = configuration({ exporters: page, pipelines: 'metrics: { receivers: [host], exporters: [prometheus] }' }).replace(
      'receivers: {',
      'receivers: { host: , ',
    )
    const { lines, threads } = await run(text)
    expect(lines).toMatchObject([
      {
        level: 'warn',
        message: 'service.workers has no effect',
        fields: { workers: 2, why: expect.stringContaining('no pipeline begins with') },
      },
    ])
    expect(threads).toEqual([])
  })

  test('components of one’s own do not run in threads', async () => {
    const text = configuration({ exporters: page, pipelines: 'metrics: { receivers: [otlp], exporters: [prometheus] }' })
    const { origin, ...rest } = load(text)
    expect(origin).toBeDefined()
    await expect(start(rest, systemWorld(systemLog(), logs))).rejects.toThrow('service.workers: components of your own run on one thread')
  })
})

async function until(done: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await done())) await new Promise(resolve => setImmediate(resolve))
}
