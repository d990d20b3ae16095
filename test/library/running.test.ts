/** The running thing, as a program around it uses it. */
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { type Context, extension, Raw, type RunningApp, receiver, type StartOptions, start } from '../../src/index.ts'
import { createReader } from '../../src/otlp/reader.ts'
import { encode, nanos } from '../../src/otlp/write.ts'
import { settled, VirtualClock } from '../kit/clock.ts'
import { testContext } from '../kit/context.ts'
import { metricsRequest } from '../kit/otlp.ts'
import { rowsBody } from '../kit/rows.ts'

const text = (more = '') => `
extensions: { moody: }
receivers: { self: { collection_interval: 1s }, given: }
exporters: { prometheus: { endpoint: "127.0.0.1:0" }, debug${more}: }
service:
  extensions: [moody]
  api: { enabled: false }
  telemetry: { resource: { service.name: shop }, metrics: { level: basic, readers: [] } }
  pipelines:
    metrics: { receivers: [given], exporters: [prometheus] }
    metrics/own: { receivers: [self], exporters: [debug${more}] }
`

/** A component of the program's own hands on what the test gives, and another one has moods. */
async function run(options: StartOptions = {}) {
  const clock = new VirtualClock()
  const { log, lines } = testContext()
  let give: (request: Uint8Array) => Promise<void> = () => Promise.reject(new Error('not started'))
  let mood: Context['health'] = () => {}
  const given = receiver({
    type: 'given',
    stability: 'development',
    config: z.strictObject({}),
    signals: ['metrics'],
    create(cx, _, next) {
      const account = cx.account('metrics')
      give = async request => {
        const batch = cx.reader.read('metrics', Raw.of(request))
        await next.metrics!.consume(batch)
        account.receive(batch.rows, 0)
      }
      return {}
    },
  })
  const moody = extension({
    type: 'moody',
    stability: 'development',
    config: z.strictObject({}),
    create(cx) {
      mood = problem => cx.health(problem)
      return {}
    },
  })
  const app = await start({ config: text(), components: [given, moody], world: { clock, log: () => log }, ...options })
  const tick = async () => {
    await clock.advance(1000)
    await settled(10)
  }
  return { app, clock, lines, tick, give: (request: Uint8Array) => give(request), mood: (problem: string | undefined) => mood(problem) }
}

const request = (name: string, kind: object, resource: object = { 'service.name': 'cart' }) =>
  encode('metrics', {
    resourceMetrics: [
      { resource: { attributes: resource }, scopeMetrics: [{ scope: { name: 'test' }, metrics: [{ name, unit: 's', ...kind }] }] },
    ],
  })
const gauge = (asDouble: number, timeMs: number, more: object = {}) => ({
  gauge: { dataPoints: [{ asDouble, timeUnixNano: nanos(timeMs), attributes: { a: 'b' }, ...more }] },
})

describe('recordMetric and current', () => {
  test('what is recorded by name is current after the next reading', async () => {
    const { app, tick } = await run()
    await using _app = app
    app.recordMetric('neural.signal.samples.lost', 3, { 'stream.id': 'running', 'neural.loss.kind': 'gap' })
    app.recordMetric('neural.signal.samples.lost', 4, { 'stream.id': 'running', 'neural.loss.kind': 'gap' })
    app.recordMetric('neural.data.quality.score', 0.5, { 'stream.id': 'running' })
    app.recordMetric('orchestrator.agents.active', 2)
    app.recordMetric('orchestrator.agents.active', -1)
    app.recordMetric('security.encryption.duration', 0.25)
    expect(app.current('neural.signal.samples.lost')).toEqual([])
    await tick()
    const [lost] = app.current('neural.signal.samples.lost')
    expect(lost).toEqual({
      ...{ name: 'neural.signal.samples.lost', unit: '{sample}', type: 'sum', value: 7, scope: 'thalamus/instruments' },
      attributes: { 'stream.id': 'running', 'neural.loss.kind': 'gap' },
      resource: expect.objectContaining({ 'service.name': 'shop' }),
      timeMs: 1_700_000_001_000,
    })
    expect(app.current('neural.data.quality.score').map(of => of.type === 'gauge' && of.value)).toEqual([0.5])
    expect(app.current('orchestrator.agents.active').map(of => of.type === 'sum' && of.value)).toEqual([1])
    expect(app.current('security.encryption.duration')).toMatchObject([{ type: 'histogram', count: 1, sum: 0.25 }])
    expect(app.current().length).toBeGreaterThan(4)
  })

  test('what may be dropped is told as 0 before anything is', async () => {
    const { app, tick } = await run()
    await using _app = app
    await tick()
    const dropped = app
      .current('thalamus_dropped_rows')
      .map(of => [of.attributes['component'], of.attributes['reason'], of.type === 'sum' && of.value])
    expect(dropped).toEqual(
      expect.arrayContaining([
        ['prometheus', 'series_limit', 0],
        ['prometheus', 'out_of_order', 0],
      ]),
    )
    expect(dropped.filter(([, , rows]) => rows !== 0)).toEqual([])
  })

  test('a wrong name or attribute is a compile error, and does nothing', async () => {
    const { app, tick } = await run()
    await using _app = app
    // @ts-expect-error nothing is called that
    app.recordMetric('neural.signal.samples.lots', 3)
    // @ts-expect-error it has no such attribute
    app.recordMetric('cache.evictions', 0, { hit: true })
    await tick()
    expect(app.current('neural.signal.samples.lots')).toEqual([])
    const refused = app.current('thalamus.instruments.refusals').map(({ attributes }) => Object.values(attributes).join(' '))
    expect(refused.toSorted()).toEqual(['cache.evictions attribute', 'neural.signal.samples.lots name'])
  })

  test('the newest point of a series stays, until it ends or was silent for five minutes', async () => {
    const { app, give, clock } = await run()
    await using _app = app
    const now = clock.now()
    const values = () =>
      app.current('x').map(of => [of.type === 'gauge' && of.value, Math.round(of.timeMs - now), of.attributes, of.resource])
    const at = (value: number, timeMs: number) => [value, timeMs, { a: 'b' }, { 'service.name': 'cart' }]
    await give(request('x', gauge(1, now + 5)))
    await give(request('x', gauge(2, now + 4)))
    expect(values()).toEqual([at(1, 5)])
    await give(request('x', gauge(3, now + 5)))
    expect(values()).toEqual([at(3, 5)])
    await give(request('x', gauge(4, now + 6), { 'service.name': 'other' }))
    expect(values()).toEqual([at(3, 5), [4, 6, { a: 'b' }, { 'service.name': 'other' }]])
    await give(request('x', gauge(0, now + 7, { flags: 1 }), { 'service.name': 'other' }))
    expect(values()).toEqual([at(3, 5)])
    await clock.advance(5 * 60_000)
    expect(values()).toEqual([at(3, 5)])
    await clock.advance(1)
    expect(values()).toEqual([])
    await give(request('x', gauge(5, now + 8)))
    expect(values()).toEqual([at(5, 8)])
  })
})

describe('export', () => {
  test.each([1, 2, 3])(
    'the page is the one of the prometheus exporter, where every point is the first of its series (seed %i)',
    async seed => {
      const { app, give } = await run()
      await using _app = app
      await give(metricsRequest({ metrics: 20, points: 10 }, seed))
      const page = await (await fetch(app.listening.find(({ component }) => component === 'prometheus')!.url)).text()
      expect(page.length).toBeGreaterThan(1000)
      expect(app.export().split('\n').toSorted()).toEqual(page.split('\n').toSorted())
    },
  )

  test('every kind of point keeps what it says, in every format', async () => {
    const { app, give, clock } = await run()
    await using _app = app
    const times = { startTimeUnixNano: nanos(clock.now() - 1000), timeUnixNano: nanos(clock.now()) }
    const kinds = {
      sum: { sum: { isMonotonic: true, aggregationTemporality: 2, dataPoints: [{ ...times, asDouble: 7 }] } },
      delta: { sum: { isMonotonic: true, aggregationTemporality: 1, dataPoints: [{ ...times, asDouble: 2 }] } },
      histogram: {
        histogram: {
          aggregationTemporality: 2,
          dataPoints: [{ ...times, count: 3, sum: 4.5, min: 0.5, max: 3, explicitBounds: [1, 2], bucketCounts: [1, 1, 1] }],
        },
      },
      exponential: {
        exponentialHistogram: {
          aggregationTemporality: 2,
          dataPoints: [
            {
              ...times,
              count: 4,
              sum: 6,
              scale: 1,
              zeroCount: 1,
              zeroThreshold: 0.25,
              positive: { offset: -1, bucketCounts: [1, 0, 2] },
              negative: { offset: 0, bucketCounts: [] },
            },
          ],
        },
      },
      summary: {
        summary: {
          dataPoints: [
            {
              ...times,
              count: 2,
              sum: 3,
              quantileValues: [
                { quantile: 0.5, value: 1 },
                { quantile: 0.99, value: 2 },
              ],
            },
          ],
        },
      },
    }
    for (const [name, kind] of Object.entries(kinds)) await give(request(name, kind))
    const json = app.export('otlp_json')
    for (const [name, kind] of Object.entries(kinds)) {
      const one = JSON.parse(json).resourceMetrics.find((of: never) => metricOf(of).name === name)
      const { resourceMetrics } = JSON.parse(await asJson(request(name, kind)))
      expect(withoutEmpty(one)).toEqual(withoutEmpty(resourceMetrics[0]))
    }
    expect(app.export('openmetrics')).toMatch(/^histogram_seconds_bucket\{.*le="2\.0"\} 2$[\s\S]*# EOF\n$/m)
    expect(app.export('prometheus')).toMatch(/^summary_seconds\{.*quantile="0\.99"\} 2$/m)
  })
})

const metricOf = (of: { scopeMetrics: { metrics: { name: string }[] }[] }) => of.scopeMetrics[0]!.metrics[0]!
const asJson = async (body: Uint8Array) => JSON.stringify((await import('../../src/otlp/json.ts')).protobufToJson('metrics', body))
/** Empty lists and texts say nothing. */
const withoutEmpty = (of: unknown): unknown =>
  JSON.parse(JSON.stringify(of), (_, value) => (value === '' || (Array.isArray(value) && value.length === 0) ? undefined : value))

describe('summary', () => {
  test('rows by signal, problems, and how many series there are', async () => {
    const { app, give, mood, clock } = await run()
    await using _app = app
    expect(app.summary()).toMatchObject({ ready: true, problems: {}, series: 0, rows: { traces: { received: 0, sent: 0 } } })
    await give(request('x', gauge(1, clock.now())))
    await give(request('x', gauge(2, clock.now())))
    mood('tired')
    expect(app.summary()).toEqual({
      ready: true,
      problems: { moody: 'tired' },
      series: 1,
      rows: {
        metrics: { received: 2, accepted: 2, refused: 0, sent: 2, dropped: 0, held: 0 },
        traces: { received: 0, accepted: 0, refused: 0, sent: 0, dropped: 0, held: 0 },
        logs: { received: 0, accepted: 0, refused: 0, sent: 0, dropped: 0, held: 0 },
      },
    })
    expect(app.ledger.accounts.some(({ id }) => id.startsWith('('))).toBe(false)
    expect(app.ledger.imbalance).toBe(0)
  })
})

describe('on', () => {
  const listen = (app: RunningApp) => {
    const heard: unknown[] = []
    for (const event of ['health', 'reloaded', 'stopped'] as const) app.on(event, of => heard.push([event, of]))
    return heard
  }

  test('health: what a component says, when it changes', async () => {
    const { app, mood } = await run()
    await using _app = app
    const heard = listen(app)
    for (const problem of ['tired', 'tired', undefined, undefined, 'hungry']) {
      mood(problem)
      await settled()
    }
    const told = ['tired', undefined, 'hungry'].map(problem => ['health', { component: 'moody', problem }])
    expect(heard).toEqual(told)
    // Within one turn it said nothing new.
    mood(undefined)
    mood('hungry')
    await settled()
    expect(heard).toEqual(told)
  })

  test('a reload takes texts, keeps what they leave out, and stays with the last that was right', async () => {
    const { app, tick } = await run()
    await using _app = app
    const level = (of: string) => ({ set: [`exporters.debug.verbosity=${of}`] })
    expect(await app.reload(level('normal'))).toMatchObject({ changed: ['exporter debug'] })
    await expect(app.reload(level('loud'))).rejects.toThrow('verbosity: must be one of')
    expect(await app.reload()).toMatchObject({ added: [], changed: [], removed: [] })
    expect(await app.reload({ config: text('/2') })).toMatchObject({ added: ['exporter debug/2'] })
    await tick()
    expect(app.current('thalamus.instruments.refusals').length).toBeGreaterThan(0)
  })

  test('reloaded and stopped, each once', async () => {
    const { app } = await run()
    const heard = listen(app)
    await app.reload()
    expect(heard).toEqual([['reloaded', { added: [], changed: [], removed: [], kept: expect.any(Number), undelivered: [] }]])
    await Promise.all([app.shutdown(), app.shutdown(), app[Symbol.asyncDispose]()])
    expect(heard.slice(1)).toEqual([['stopped', []]])
  })

  test('a handler that fails is logged, harms nobody, and can be taken away', async () => {
    const { app, lines, mood } = await run()
    await using _app = app
    const said = () => lines.filter(({ message }) => message === 'a handler of the program failed').map(({ fields }) => fields)
    const thrown = app.on('health', () => {
      throw new Error('oh')
    })
    app.on('health', async () => Promise.reject(new Error('no')))
    const heard = listen(app)
    mood('tired')
    await settled()
    expect(said()).toEqual([
      { event: 'health', error: 'Error: oh' },
      { event: 'health', error: 'Error: no' },
    ])
    expect(heard.length).toBe(1)
    thrown[Symbol.dispose]()
    mood(undefined)
    await settled()
    expect(said().length).toBe(3)
  })
})

test('with several threads nothing is handed over for it', async () => {
  const { Latest } = await import('../../src/library/latest.ts')
  const { loadConfiguration } = await import('../../src/component/config.ts')
  const { components } = await import('../components.ts')
  const config = (workers: number) =>
    loadConfiguration(
      [
        {
          name: 'x',
          text: `receivers: { self: }\nexporters: { debug: }\nservice: { workers: ${workers}, pipelines: { metrics: { receivers: [self], exporters: [debug] } } }`,
        },
      ],
      { env: {}, factories: components },
    )
  const latest = new Latest(new VirtualClock())
  expect(latest.within(config(1)).service.pipelines[0]!.exporters).toEqual(['debug', '(latest)'])
  expect(latest.within(config(2)).service.pipelines[0]!.exporters).toEqual(['debug'])
})

test('what is looked at for the latest values is let go at once', async () => {
  const { Latest } = await import('../../src/library/latest.ts')
  const { loadConfiguration } = await import('../../src/component/config.ts')
  const { components } = await import('../components.ts')
  const text = 'receivers: { self: }\nexporters: { debug: }\nservice: { pipelines: { metrics: { receivers: [self], exporters: [debug] } } }'
  const latest = new Latest(new VirtualClock())
  const { factory, settings } = latest
    .within(loadConfiguration([{ name: 'x', text }], { env: {}, factories: components }))
    .exporters.get('(latest)')!
  const tap = factory.create.metrics!(testContext(), settings)
  const raw = Raw.owning([Uint8Array.from(rowsBody('metrics', [1, 2]))])
  await tap.consume(createReader().read('metrics', raw))
  expect(() => raw.chunks).toThrow('freed')
  expect([...latest.points()].length).toBe(1)
})
