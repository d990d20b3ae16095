/** The store in the whole application, on a real disk: several threads feed it, reloads change it, and no row that was acknowledged is lost. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type App, start } from '../src/app.ts'
import { loadConfiguration } from '../src/component/config.ts'
import { nodeDisk } from '../src/disk.ts'
import type { Store } from '../src/model/query.ts'
import { systemLog, systemWorld } from '../src/world.ts'
import { components } from './components.ts'
import { testContext } from './kit/context.ts'

const cleanUp: (() => Promise<unknown>)[] = []
let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'thalamus-stored-'))
})
afterEach(async () => {
  for (const clean of cleanUp.splice(0).reverse()) await clean()
  rmSync(folder, { recursive: true })
})

const load = (text: string) => loadConfiguration([{ name: 'test.yaml', text }], { env: {}, factories: components })
const reload = (app: App, text: string) => app.reload(async () => load(text))
const logs = { level: 'error', encoding: 'json', initial_fields: {}, output_paths: ['stderr'] } as const

async function run(text: string): Promise<{ app: App; lines: ReturnType<typeof testContext>['lines'] }> {
  const { log, lines } = testContext()
  const app = await start(load(text), { ...systemWorld(systemLog(), logs), log: () => log })
  cleanUp.push(() => app.shutdown())
  return { app, lines }
}

interface Parts {
  readonly exporters: string
  readonly pipeline: string
  readonly service?: string
}
const configuration = ({ exporters, pipeline, service = '' }: Parts) => `
receivers: { otlp: { protocols: { http: { endpoint: "127.0.0.1:0" } } } }
exporters: { debug: , ${exporters} }
service:
  api: { endpoint: "127.0.0.1:0" }
  telemetry: { metrics: { level: none } }
  ${service}
  pipelines: { metrics: { receivers: [otlp], exporters: [${pipeline}] } }`
const storeIn = (directory: string, more = '', name = 'store') => `${name}: { directory: "${join(folder, directory)}"${more} }`
const stored = (directory: string, more = '') => configuration({ exporters: storeIn(directory, more), pipeline: 'store' })

/** A gauge with a series for each id, over a connection of its own. @returns the status */
async function post(app: App, ...ids: readonly number[]): Promise<number> {
  const timeUnixNano = `${BigInt(Date.now()) * 1_000_000n}`
  const dataPoints = ids.map(id => ({ timeUnixNano, asDouble: id, attributes: [{ key: 'id', value: { stringValue: `${id}` } }] }))
  const body = JSON.stringify({ resourceMetrics: [{ scopeMetrics: [{ metrics: [{ name: 'rows', gauge: { dataPoints } }] }] }] })
  const { url } = app.listening.find(({ component }) => component === 'otlp')!
  const response = await fetch(`${url}/v1/metrics`, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json', connection: 'close' },
  })
  await response.arrayBuffer()
  return response.status
}

/** The ids that a store has. */
async function kept(store: Store | undefined): Promise<number[]> {
  const found = await store!.labelValues('id', [], Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY)
  return found.map(Number).sort((a, b) => a - b)
}
const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i)

/** Nobody holds it: what it is locked by is given back at once. */
async function expectFree(directory: string): Promise<void> {
  const lock = await nodeDisk.lock(join(folder, directory, 'lock'))
  expect(lock).toBeDefined()
  await lock!.release()
}

/** Posts one id after the other while `work` is done. @returns those that were acknowledged */
async function whilePosting(app: App, from: number, work: () => Promise<unknown>): Promise<number[]> {
  const taken: number[] = []
  let done = false
  const working = work().finally(() => (done = true))
  for (let id = from; !done || id < from + 20; id++) if ((await post(app, id).catch(() => 0)) === 200) taken.push(id)
  await working
  return taken
}

test('several threads: every row is in the one store of the main thread, and there after a restart', async () => {
  const text = configuration({ exporters: storeIn('a'), pipeline: 'store', service: 'workers: 2' })
  const { app } = await run(text)
  expect(new Set(await Promise.all(numbers(1, 40).map(id => post(app, id))))).toEqual(new Set([200]))
  expect(await kept(app.asked.store())).toEqual(numbers(1, 40))
  const changed = await whilePosting(app, 41, async () => {
    const reloaded = await reload(app, text.replace('store: {', 'store: { retention: { raw: 48h },'))
    expect(reloaded).toMatchObject({ changed: ['exporter store'], undelivered: [] })
  })
  expect(changed.length).toBeGreaterThan(0)
  expect(await kept(app.asked.store())).toEqual([...numbers(1, 40), ...changed])
  expect(app.ledger.imbalance).toBe(0)
  expect(await app.shutdown()).toEqual([])
  await expectFree('a')
  const { app: again } = await run(stored('a'))
  expect(await kept(again.asked.store())).toEqual([...numbers(1, 40), ...changed])
})

test.each([', retention: { raw: 48h }', ', sync_interval: 0s', ', namespace: shop'])(
  'settings that change (%s): the successor has what the predecessor had, and what came meanwhile',
  async change => {
    const { app } = await run(stored('a'))
    expect(await post(app, 1, 2, 3)).toBe(200)
    const taken = await whilePosting(app, 4, async () => {
      expect(await reload(app, stored('a', change))).toMatchObject({ changed: ['exporter store'], undelivered: [] })
    })
    expect(taken.length).toBeGreaterThan(0)
    expect(await kept(app.asked.store())).toEqual([1, 2, 3, ...taken])
    expect(app.ledger.imbalance).toBe(0)
  },
)

test('another directory: what comes goes there, and the first is whole and free', async () => {
  const { app } = await run(stored('a'))
  expect(await post(app, 1, 2)).toBe(200)
  const taken = await whilePosting(app, 3, () => reload(app, stored('b')))
  const second = await kept(app.asked.store())
  await expectFree('a')
  await reload(app, stored('a'))
  const first = await kept(app.asked.store())
  await expectFree('b')
  expect(first.slice(0, 2)).toEqual([1, 2])
  expect([...first, ...second]).toEqual([1, 2, ...taken])
})

test('removed, and added again: what it had is there', async () => {
  const { app } = await run(stored('a'))
  expect(await post(app, 1, 2)).toBe(200)
  await reload(app, configuration({ exporters: '', pipeline: 'debug' }))
  await expectFree('a')
  expect(app.asked.store()).toBeUndefined()
  expect(await post(app, 3)).toBe(200)
  await reload(app, stored('a'))
  expect(await post(app, 4)).toBe(200)
  expect(await kept(app.asked.store())).toEqual([1, 2, 4])
})

test('a directory that somebody else has: the reload is refused by its name, and all goes on as it was', async () => {
  const { app } = await run(stored('a'))
  const other = await run(stored('b'))
  expect(await post(app, 1)).toBe(200)
  const taken = await whilePosting(app, 2, async () => {
    await expect(reload(app, stored('b'))).rejects.toThrow(`the store ${JSON.stringify(join(folder, 'b'))} is in use, by another process`)
  })
  expect(await kept(app.asked.store())).toEqual([1, ...taken])
  expect(await post(other.app, 7)).toBe(200)
  expect(await kept(other.app.asked.store())).toEqual([7])
})

test('two stores that change places: refused, since neither can wait for the other, and both go on', async () => {
  const both = (a: string, b: string) =>
    configuration({ exporters: `${storeIn(a, '', 'store/1')}, ${storeIn(b, '', 'store/2')}`, pipeline: 'store/1, store/2' })
  const { app } = await run(both('a', 'b'))
  expect(await post(app, 1)).toBe(200)
  await expect(reload(app, both('b', 'a'))).rejects.toThrow('is in use')
  expect(await post(app, 2)).toBe(200)
  expect(await kept(app.asked.store())).toEqual([1, 2])
  expect(app.ledger.imbalance).toBe(0)
})
