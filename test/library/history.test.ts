/** Questions of the program around the pipeline, over samples that are there. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { OfferedStores } from '../../src/component/queries.ts'
import { type AlertChange, ParseError, QueryError, type RunningApp, start } from '../../src/index.ts'
import { Labels } from '../../src/model/labels.ts'
import type { Store } from '../../src/model/query.ts'
import { MemoryStorage } from '../../src/promql/testing/memory.ts'
import { VirtualClock } from '../kit/clock.ts'
import { testContext } from '../kit/context.ts'

const minute = 60_000
const config = (more = '') => `
receivers: { derived: }
exporters: { debug: }
service:
  api: { enabled: false }
  telemetry: { metrics: { level: none, readers: [] } }
  pipelines: { metrics: { receivers: [derived], exporters: [debug] } }
${more}`

let clock: VirtualClock
let app: RunningApp
beforeEach(async () => {
  clock = new VirtualClock()
  const storage = new MemoryStorage()
  const began = clock.now()
  for (let i = -10; i <= 0; i++) {
    storage.append(Labels.from({ __name__: 'http_requests_total', code: '200' }), began + i * minute, { value: 60 * (i + 10) })
    if (i % 2 === 0) storage.append(Labels.from({ __name__: 'level', code: '200' }), began + i * minute, { value: i })
  }
  const queries = new OfferedStores()
  queries.offer('test', storage as unknown as Store)
  app = await start({ config: config(), world: { clock, queries, log: () => testContext().log } })
})
afterEach(() => app.shutdown().then(() => undefined))

describe('query', () => {
  test('gives one value of each series, now', async () => {
    const { series, warnings, infos } = await app.query('rate(http_requests_total[5m])')
    expect(series).toEqual([{ labels: { code: '200' }, timeMs: clock.now(), value: 1, histogram: undefined }])
    expect([warnings, infos]).toEqual([[], []])
  })
  test('at another time, and of a scalar', async () => {
    const timeMs = clock.now() - 5 * minute
    expect((await app.query('level', { timeMs })).series).toMatchObject([{ value: -6, timeMs }])
    expect((await app.query('1 + 1')).series).toEqual([{ labels: {}, timeMs: clock.now(), value: 2, histogram: undefined }])
  })
  test('what it notes has line and column', async () => {
    const { infos } = await app.query('rate(level[5m])')
    expect(infos).toEqual([expect.stringMatching(/^PromQL info: metric might not be a counter.*\(1:6\)$/)])
  })
})

describe('history', () => {
  test('is columns, without the steps at which there is nothing', async () => {
    const toMs = clock.now()
    const { series } = await app.history('level', { fromMs: toMs - 30 * minute, toMs, stepMs: 4 * minute })
    expect(series).toHaveLength(1)
    expect([...series[0]!.timesMs].map(time => (time - toMs) / minute)).toEqual([-10, -6, -2])
    expect([...series[0]!.values]).toEqual([-10, -6, -2])
  })
  test('is of the last hour by default', async () => {
    const { series } = await app.history('level')
    expect(series[0]!.timesMs.at(-1)).toBe(clock.now())
    expect(series[0]!.values).toHaveLength(41)
  })
})

test.each<[string, (app: RunningApp) => Promise<unknown>, new (...args: never[]) => Error, RegExp]>([
  ['not PromQL', app => app.query('sum('), ParseError, /^1:5: parse error: unclosed left parenthesis$/],
  ['a range vector at one time', app => app.query('level[5m]'), QueryError, /got a range vector/],
  ['text', app => app.query('"text"'), QueryError, /got a string/],
  ['times in reverse', app => app.history('level', { fromMs: 2, toMs: 1 }), QueryError, /from 2 to 1/],
  ['no step', app => app.history('level', { stepMs: 0 }), QueryError, /every 0 ms/],
])('%s is refused', async (_, ask, kind, message) => {
  const error = await ask(app).catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(kind)
  expect((error as Error).message).toMatch(message)
})

test('where nothing is kept, it says what to do', async () => {
  await using empty = await start({ config: config(), world: { clock: new VirtualClock(), log: () => testContext().log } })
  await expect(empty.query('up')).rejects.toThrow('list the exporter "store" in a metrics pipeline')
})

test('alerts of rules are told to the program', async () => {
  const rules =
    'groups: [{ name: g, interval: 1m, rules: [{ alert: Always, expr: vector(7) > 1, annotations: { summary: "{{ $value }}" } }] }]'
  const files = { read: async () => new TextEncoder().encode(rules), list: async () => ['a.yml'] }
  const queries = new OfferedStores()
  queries.offer('test', new MemoryStorage() as unknown as Store)
  const told: AlertChange[] = []
  await using alerting = await start({
    config: config('  rules: { rule_files: [/rules/a.yml] }'),
    world: { clock, queries, files: files as never, log: () => testContext().log },
  })
  alerting.on('alert', change => void told.push(change))
  for (let i = 0; i < 4; i++) await clock.advance(minute)
  expect(told.map(({ name, to, annotations, value }) => ({ name, to, annotations, value }))).toContainEqual({
    ...{ name: 'Always', to: 'firing', value: 7 },
    annotations: { summary: '7' },
  })
})
