/** What runs in a worker, asked and told as what runs on this thread. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type AlertChange, ConfigFileError, type EmbeddedApp, ParseError, QueryError, StartError, start } from '../../src/index.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'thalamus-asked-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const config = (more = '') => `
receivers: { self: { collection_interval: 100ms }, derived: }
exporters: { store: { directory: ${folder}/kept }, debug: }
service:
  api: { enabled: false }
  telemetry: { resource: { service.name: shop }, logs: { level: error }, metrics: { level: basic, readers: [] } }
  pipelines: { metrics: { receivers: [self, derived], exporters: [store] } }
${more}`

/** Asks until there is something. */
async function until<T>(ask: () => Promise<readonly T[]>): Promise<readonly [T, ...T[]]> {
  for (;;) {
    const [first, ...rest] = await ask()
    if (first !== undefined) return [first, ...rest]
  }
}

const stream = (name: string) => ({ 'stream.id': name })
const recorded = (app: EmbeddedApp) => until(() => app.current('neural.data.quality.score'))

test('current, export and summary are those of the library, a message later', async () => {
  await using app = await start({ config: config(), embed: true })
  app.recordMetric('neural.data.quality.score', 0.5, stream('asked'))
  const scores = (await recorded(app)).filter(({ attributes }) => attributes['stream.id'] === 'asked')
  expect(scores).toEqual([
    {
      ...{ name: 'neural.data.quality.score', unit: '', type: 'gauge', value: 0.5, scope: 'thalamus/instruments' },
      attributes: { 'stream.id': 'asked' },
      resource: expect.objectContaining({ 'service.name': 'shop' }),
      timeMs: expect.any(Number),
    },
  ])
  expect(await app.current('nothing.of.the.kind')).toEqual([])
  expect(await app.export()).toMatch(/^neural_data_quality_score\{.*stream_id="asked".*\} 0\.5$/m)
  expect(JSON.parse(await app.export('otlp_json'))).toHaveProperty('resourceMetrics')
  // A batch is counted once all have it: a moment after it can be seen.
  const [{ ready, problems, series, rows }] = await until(async () => [await app.summary()].filter(({ rows }) => rows.metrics.received > 0))
  expect([ready, problems, rows.traces.received]).toEqual([true, {}, 0])
  expect(series).toBeGreaterThan(0)
})

test('query and history answer with columns, and what is wrong is of the class it has on this thread', async () => {
  await using app = await start({ config: config(), embed: true })
  app.recordMetric('neural.data.quality.score', 0.75, stream('history'))
  const asked = 'neural_data_quality_score{stream_id="history"}'
  const [now] = await until(async () => (await app.query(asked)).series)
  expect([now.value, now.labels['stream_id']]).toEqual([0.75, 'history'])
  const { series, warnings } = await app.history(asked, { fromMs: now.timeMs - 1000, toMs: now.timeMs, stepMs: 100 })
  expect(series[0]!.values).toBeInstanceOf(Float64Array)
  expect([series[0]!.values.at(-1), series[0]!.timesMs.at(-1), warnings]).toEqual([0.75, now.timeMs, []])

  const wrong = await app.query('sum(').catch((error: unknown) => error)
  expect(wrong).toBeInstanceOf(ParseError)
  expect(wrong).toMatchObject({ message: '1:5: parse error: unclosed left parenthesis', position: { start: 4 } })
  const empty = await app.history(asked, { fromMs: 2, toMs: 1 }).catch((error: unknown) => error)
  expect(empty).toBeInstanceOf(QueryError)
  expect(empty).toMatchObject({ name: 'QueryError', type: 'bad_data' })
  const gone = await app.query(asked, { signal: AbortSignal.abort() }).catch((error: unknown) => error)
  expect(gone).toMatchObject({ name: 'QueryError', type: 'canceled' })
  expect((await app.query('1 + 1')).series).toMatchObject([{ value: 2 }])
})

test('a reload goes over to another configuration, stays there, and leaves all as it was where that is wrong', async () => {
  const told: unknown[] = []
  const app = await start({ config: config(), set: ['exporters.debug.verbosity=normal'], embed: true })
  app.on('reloaded', ({ added, changed, removed }) => told.push([added, changed, removed]))
  app.on('stopped', undelivered => told.push(undelivered))
  using _none = app.on('stopped', () => {
    throw new Error('of the program')
  })
  app.on('reloaded', () => told.push('never'))[Symbol.dispose]()

  const wrong = await app.reload({ config: 'receivers: { otpl: }' }).catch((error: unknown) => error)
  expect(wrong).toBeInstanceOf(ConfigFileError)
  expect((wrong as ConfigFileError).problems).toContainEqual(
    expect.objectContaining({ path: ['receivers', 'otpl'], at: { file: 'config', line: 1, column: 14 } }),
  )
  const both = config().replace('exporters: [store]', 'exporters: [store, debug]')
  expect(await app.reload({ config: both })).toMatchObject({ added: ['exporter debug'], removed: [] })
  expect(await app.reload()).toMatchObject({ added: [], changed: [], removed: [] })
  expect(await app.reload({ set: ['exporters.debug.verbosity=basic'] })).toMatchObject({ added: [], changed: ['exporter debug'] })
  await app.shutdown()
  expect(told).toEqual([[['exporter debug'], [], []], [[], [], []], [[], ['exporter debug'], []], []])
  for (const late of [app.current(), app.query('1'), app.reload()]) {
    const error = await late.catch((error: unknown) => error)
    expect(error).toBeInstanceOf(StartError)
    expect(error).toHaveProperty('message', 'the embedded pipeline has ended')
  }
})

test('an alert of a rule is told on this thread', async () => {
  const rules = join(folder, 'rules.yml')
  writeFileSync(
    rules,
    `groups: [{ name: g, interval: 50ms, rules: [{ alert: Always, expr: vector(3), labels: { severity: page }, annotations: { summary: 'is {{ $value }}' } }] }]`,
  )
  const fires = Promise.withResolvers<AlertChange>()
  await using app = await start({ config: config().replace('\nservice:', `\nservice:\n  rules: { rule_files: [${rules}] }`), embed: true })
  app.on('alert', change => change.to === 'firing' && fires.resolve(change))
  expect(await fires.promise).toMatchObject({
    ...{ name: 'Always', value: 3, annotations: { summary: 'is 3' } },
    labels: { alertname: 'Always', severity: 'page' },
  })
})
