/** The API as a running application serves it, over the real engine. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type App, start, type World } from '../../../src/app.ts'
import { loadConfiguration } from '../../../src/component/config.ts'
import { OfferedStores } from '../../../src/component/queries.ts'
import { systemClock } from '../../../src/lib/clock.ts'
import { components } from '../../components.ts'
import { seeded, testContext } from '../../kit/context.ts'
import { MemoryStore } from '../../kit/memory-store.ts'

const epoch = 1_700_000_000_000
const store = new MemoryStore().load(
  `up{job="a"} 1 1 0 1
   up{job="b"} 1 1 1 stale
   rows_total{job="a"} 0+30x20
   h{} {{schema:0 sum:5 count:4 z_bucket:1 buckets:[1 2]}}`,
  epoch,
  15_000,
)

let app: App
const queries = new OfferedStores()
let offered: Disposable
beforeAll(async () => {
  const lines = testContext()
  const world: World = {
    ...{ clock: systemClock, random: seeded(1), files: lines.files, disk: lines.disk, queries },
    ...{ memory: () => ({ usedBytes: 0, limitBytes: 2 ** 34 }), log: () => lines.log, version: '0.0.0-test' },
  }
  const text = `
receivers: { prometheus_remote_write: }
exporters: { otlp_http: { endpoint: "http://127.0.0.1:1", headers: { authorization: hunter2 } } }
service:
  api: { endpoint: "127.0.0.1:0" }
  query: { enable_feature: [promql-experimental-functions], lookback_delta: 1m }
  telemetry: { metrics: { level: none } }
  pipelines: { metrics: { receivers: [prometheus_remote_write], exporters: [otlp_http] } }`
  app = await start(loadConfiguration([{ name: 'test.yaml', text }], { env: {}, factories: components }), world)
  offered = queries.offer('memory', store)
})
afterAll(() => app.shutdown())

async function ask(path: string, parameters: Record<string, string> = {}): Promise<unknown> {
  const { url } = app.listening.find(place => place.component === 'api')!
  return (await fetch(`${url}/api/v1/${path}?${new URLSearchParams(parameters)}`)).json()
}
const at = (seconds: number) => String(epoch / 1000 + seconds)

describe('queries', () => {
  test('instant', async () => {
    expect(await ask('query', { query: 'sum by (job) (up)', time: at(15) })).toMatchObject({
      status: 'success',
      data: {
        resultType: 'vector',
        result: expect.arrayContaining([{ metric: { job: 'a' }, value: [epoch / 1000 + 15, '1'] }]),
      },
    })
    expect(await ask('query', { query: '1/0' })).toMatchObject({ data: { resultType: 'scalar', result: [expect.any(Number), '+Inf'] } })
    expect(await ask('query', { query: '"text"' })).toMatchObject({ data: { resultType: 'string' } })
  })
  test('a range selector has the samples themselves', async () => {
    expect(await ask('query', { query: 'up{job="a"}[31s]', time: at(45) })).toMatchObject({
      data: {
        resultType: 'matrix',
        result: [
          {
            values: [
              [epoch / 1000 + 15, '1'],
              [epoch / 1000 + 30, '0'],
              [epoch / 1000 + 45, '1'],
            ],
          },
        ],
      },
    })
  })
  test('range', async () => {
    expect(await ask('query_range', { query: 'rows_total / 30', start: at(60), end: at(120), step: '30' })).toEqual({
      status: 'success',
      data: {
        resultType: 'matrix',
        result: [{ metric: { job: 'a' }, values: [60, 90, 120].map(seconds => [epoch / 1000 + seconds, String(seconds / 15)]) }],
      },
    })
  })
  test('a stale series is no more; the configured lookback holds', async () => {
    expect(await ask('query', { query: 'up{job="b"}', time: at(45) })).toMatchObject({ data: { result: [] } })
    expect(await ask('query', { query: 'up{job="a"}', time: at(104) })).toMatchObject({ data: { result: [{}] } })
    expect(await ask('query', { query: 'up{job="a"}', time: at(106) })).toMatchObject({ data: { result: [] } })
    expect(await ask('query', { query: 'up{job="a"}', time: at(106), lookback_delta: '2m' })).toMatchObject({ data: { result: [{}] } })
  })
  test('native histograms', async () => {
    expect(await ask('query', { query: 'h', time: at(0) })).toMatchObject({
      data: { result: [{ histogram: [epoch / 1000, { count: '4', sum: '5', buckets: expect.any(Array) }] }] },
    })
  })
  test('what is turned on', async () => {
    expect(await ask('query', { query: 'mad_over_time(up[1m])', time: at(45) })).toMatchObject({ status: 'success' })
    expect(await ask('query', { query: 'up[1m * 2]' })).toMatchObject({ status: 'error', errorType: 'bad_data' })
  })
  test('errors of the evaluation', async () => {
    expect(await ask('query', { query: 'up + on() up', time: at(15) })).toMatchObject({ status: 'error', errorType: 'execution' })
  })
  test('annotations', async () => {
    expect(await ask('query', { query: 'rate(up[1m])', time: at(45) })).toMatchObject({
      infos: ['PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "up" (1:6)'],
    })
  })
})

test('series, labels, and what a store says of itself', async () => {
  expect(await ask('series', { 'match[]': 'up' })).toEqual({
    status: 'success',
    data: [
      { __name__: 'up', job: 'a' },
      { __name__: 'up', job: 'b' },
    ],
  })
  expect(await ask('label/__name__/values')).toEqual({ status: 'success', data: ['h', 'rows_total', 'up'] })
  expect(await ask('status/tsdb')).toMatchObject({ data: { headStats: { numSeries: 4 } } })
})

test('the configuration is shown without secrets', async () => {
  const { data } = (await ask('status/config')) as { data: { yaml: string } }
  expect(data.yaml).toContain('prometheus_remote_write')
  expect(data.yaml).not.toContain('hunter2')
  expect(await ask('status/runtimeinfo')).toMatchObject({ data: { reloadConfigSuccess: true } })
})

test('a store that is gone is not asked', async () => {
  offered[Symbol.dispose]()
  expect(await ask('query', { query: 'up' })).toMatchObject({ errorType: 'unavailable' })
  offered = queries.offer('memory', store)
  expect(await ask('query', { query: 'up' })).toMatchObject({ status: 'success' })
})
