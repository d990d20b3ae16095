/** A reload while queues are on the disk: what an exporter holds is its successor's, and a storage that is in use stays as it is. */
import { afterEach, expect, test } from 'vitest'
import { type App, start, type World } from '../src/app.ts'
import { loadConfiguration } from '../src/component/config.ts'
import { systemClock } from '../src/lib/clock.ts'
import { Raw } from '../src/model/raw.ts'
import { createReader } from '../src/otlp/reader.ts'
import { components } from './components.ts'
import { settled } from './kit/clock.ts'
import { seeded, testContext } from './kit/context.ts'
import { rowIds, rowsBody } from './kit/rows.ts'
import { Sink } from './kit/sink.ts'

const cleanUp: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const clean of cleanUp.splice(0).reverse()) await clean()
})

const load = (text: string) => loadConfiguration([{ name: 'test.yaml', text }], { env: {}, factories: components })
const configuration = (to: Sink, exporter: string, storage = '') => `
extensions: { file_storage: { directory: /queues, create_directory: true, timeout: 10ms${storage} } }
receivers: { otlp: { protocols: { http: { endpoint: "127.0.0.1:0" } } } }
exporters: { otlp_http: { endpoint: "${to.url}", compression: none, sending_queue: { storage: file_storage }${exporter} } }
service:
  shutdown_timeout: 50ms
  extensions: [file_storage]
  telemetry: { metrics: { level: none } }
  pipelines: { metrics: { receivers: [otlp], exporters: [otlp_http] } }`

async function run(text: string): Promise<App> {
  const { files, disk, log } = testContext()
  const memory = () => ({ usedBytes: 0, limitBytes: 2 ** 34 })
  const world: World = { clock: systemClock, random: seeded(1), files, disk, memory, log: () => log, version: '0.0.0-test' }
  const app = await start(load(text), world)
  cleanUp.push(() => app.shutdown())
  return app
}
async function sink(): Promise<Sink> {
  const made = await Sink.open()
  cleanUp.push(() => made.close())
  return made
}
async function post(app: App, ...ids: number[]): Promise<number> {
  const { url } = app.listening.find(place => place.component === 'otlp')!
  const headers = { 'content-type': 'application/x-protobuf' }
  const response = await fetch(`${url}/v1/metrics`, { method: 'POST', body: Buffer.from(rowsBody('metrics', ids)), headers })
  await response.arrayBuffer()
  return response.status
}
const arrived = (at: Sink) =>
  at.bodies.flatMap(({ body }) => rowIds(createReader().read('metrics', Raw.of(body)))).toSorted((a, b) => a - b)
const accounts = (app: App) => app.ledger.accounts.filter(({ id }) => id === 'otlp_http')

test('an exporter that changed takes over what its predecessor had on the disk', async () => {
  const [dead, alive] = [await sink(), await sink()]
  dead.answer = () => undefined
  const app = await run(configuration(dead, ''))
  for (const id of [1, 2, 3]) expect(await post(app, id)).toBe(200)
  const reloaded = await app.reload(async () => load(configuration(alive, ', timeout: 7s')))
  expect(reloaded).toMatchObject({ changed: ['exporter otlp_http'], undelivered: [] })
  expect(await post(app, 4)).toBe(200)
  await alive.until(() => arrived(alive).length === 4)
  expect(arrived(alive)).toEqual([1, 2, 3, 4])
  for (let turns = 0; turns < 1000 && accounts(app).some(account => account.held() > 0); turns++) await settled()
  expect(app.ledger.imbalance).toBe(0)
  const sum = (of: 'accepted' | 'taken' | 'recovered') => accounts(app).reduce((rows, account) => rows + account[of], 0)
  expect([sum('accepted'), sum('recovered'), sum('taken')]).toEqual([4, 0, 4])
  expect(await app.shutdown()).toEqual([])
})

test('a storage in use changes with a restart only: the reload is refused, and all goes on as it was', async () => {
  const alive = await sink()
  const app = await run(configuration(alive, ''))
  await expect(app.reload(async () => load(configuration(alive, '', ', fsync: false')))).rejects.toThrow(/"\/queues" is in use/)
  expect(await post(app, 1)).toBe(200)
  await alive.until(() => arrived(alive).length === 1)
  expect(app.ledger.imbalance).toBe(0)
})

test('what is left on the disk at the end is not called undelivered', async () => {
  const dead = await sink()
  dead.answer = () => undefined
  const app = await run(configuration(dead, ''))
  expect(await post(app, 1)).toBe(200)
  expect(await app.shutdown()).toEqual([])
  expect(accounts(app)[0]!.kept()).toBe(1)
})
