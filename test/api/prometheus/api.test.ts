import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Labels } from '../../../src/model/labels.ts'
import { type Matcher, valueTest } from '../../../src/model/matcher.ts'
import type { Metadata, Store } from '../../../src/model/query.ts'
import {
  type Engine,
  type EngineOptions,
  type InstantQuery,
  QueryError,
  type QueryResult,
  type RangeQuery,
} from '../../../src/promql/engine.ts'
import { FLOAT, type QueryValue, type Row } from '../../../src/promql/value.ts'
import { defaultSettings, now, type Served, serve } from './serving.ts'

const series = [
  Labels.from({ __name__: 'up', job: 'a' }),
  Labels.from({ __name__: 'up', job: 'b' }),
  Labels.from({ __name__: 'näme', 'dotted.label': 'x', job: 'a' }),
]
const asked: { from: number; to: number }[] = []

const matching = (selectors: readonly (readonly Matcher[])[]) =>
  series.filter(
    labels => selectors.length === 0 || selectors.some(all => all.every(matcher => valueTest(matcher)(labels.get(matcher.name)))),
  )

const families = new Map<string, readonly Metadata[]>([
  [
    'up',
    [
      { type: 'gauge', help: 'Is it?', unit: '' },
      { type: 'unknown', help: 'Is it not?', unit: 's' },
    ],
  ],
  ['rows_total', [{ type: 'counter', help: '', unit: '' }]],
])

const store: Store = {
  select: async () => [],
  series: async (selectors, from, to) => {
    asked.push({ from, to })
    return matching(selectors)
  },
  labelNames: async selectors => [...new Set(matching(selectors).flatMap(labels => [...labels].map(([name]) => name)))].sort(),
  labelValues: async (name, selectors) =>
    [...new Set(matching(selectors).map(labels => labels.get(name)))].filter(value => value !== '').sort(),
  metadata: async name => new Map([...families].filter(([family]) => name === undefined || name === family)),
  exemplars: async selectors =>
    selectors.length === 0
      ? []
      : [{ labels: series[0]!, exemplars: [{ labels: Labels.from({ trace_id: 'abc' }), value: 0.5, time: 1500.25 }] }],
  cardinality: async limit => ({
    ...{ headSeries: 3, headChunks: 4, minTime: 1, maxTime: 2, labelPairs: 5 },
    seriesByMetric: [
      { name: 'up', value: 2 },
      { name: 'näme', value: 1 },
    ].slice(0, limit),
    ...{ valuesByLabel: [], bytesByLabel: [], seriesByPair: [] },
  }),
}

/** Says what it was asked, or what a test wants it to. */
let value: QueryValue | (() => Promise<QueryValue>) = { type: 'scalar', time: 0, value: 1 }
let last: (InstantQuery & Partial<RangeQuery>) | RangeQuery | undefined
let options: Partial<EngineOptions> = {}
const annotations: QueryResult['annotations'][number][] = []

const steps: QueryResult['stats']['steps'] = {
  grid: { start: 1000, step: 500, steps: 2 },
  samples: Float64Array.of(7, 5),
  samplesRead: Float64Array.of(7, 3),
}

async function answer(query: InstantQuery | RangeQuery): Promise<QueryResult> {
  last = query as RangeQuery
  const given = typeof value === 'function' ? await value() : value
  return { value: given, annotations, stats: { samples: 12, samplesRead: 10, steps, peakSamples: 7, tier: 60_000, elapsed: 250 } }
}
const engine = (given: Partial<EngineOptions>): Engine => {
  options = given
  return { instant: (_, query) => answer(query), range: (_, query) => answer(query) }
}

let api: Served
beforeAll(async () => {
  api = await serve(store, engine)
})
afterAll(() => api[Symbol.asyncDispose]())

const success = (data: unknown, more: object = {}) => ({ status: 200, body: { status: 'success', data, ...more } })
const failure = (status: number, errorType: string, error: string) => ({ status, body: { status: 'error', errorType, error } })
const badData = (error: string) => failure(400, 'bad_data', error)

const vector = (count: number): QueryValue => ({
  type: 'vector',
  time: now,
  rows: Array.from(
    { length: count },
    (_, i): Row => ({
      labels: Labels.from({ i: String(i) }),
      dropName: false,
      kind: Uint8Array.of(FLOAT),
      value: Float64Array.of(i),
      histograms: undefined,
    }),
  ),
})

describe('query', () => {
  test('by GET and by POST, with a time and without', async () => {
    value = { type: 'scalar', time: 1500, value: 1 }
    const expected = success({ resultType: 'scalar', result: [1.5, '1'] })
    expect(await api.get('query', { query: '1', time: '1.5' })).toEqual(expected)
    expect(last).toMatchObject({ text: '1', time: 1500 })
    expect(await api.post('query', { query: '2' })).toEqual(expected)
    expect(last).toMatchObject({ text: '2', time: now })
    expect(options).toMatchObject({ lookback: 300_000, timeout: 120_000, maxSamples: 50_000_000, delayedNameRemoval: false })
  })

  test('the body of a form comes before the address, and what nobody knows is no error', async () => {
    const response = await fetch(`${api.url}/api/v1/query?query=3&time=9&no_such=1`, {
      method: 'POST',
      body: new URLSearchParams({ query: 'a + b', '': '', 'x y': '%' }),
    })
    expect(response.status).toBe(200)
    expect(last).toMatchObject({ text: 'a + b', time: 9000 })
  })

  test('what a request asks for instead of what is configured', async () => {
    await api.get('query', { query: '1', timeout: '3s', lookback_delta: '1m' })
    expect(options).toMatchObject({ lookback: 60_000, timeout: 3000 })
    await api.get('query', { query: '1', timeout: '1h', lookback_delta: '0' })
    expect(options).toMatchObject({ lookback: 300_000, timeout: 120_000 })
  })

  test('a limit', async () => {
    value = vector(3)
    const { body } = await api.get('query', { query: 'up', limit: '2' })
    expect(body).toMatchObject({
      data: { result: [{ metric: { i: '0' } }, { metric: { i: '1' } }] },
      warnings: ['results truncated due to limit'],
    })
    expect((await api.get('query', { query: 'up', limit: '3' })).body).not.toHaveProperty('warnings')
    expect(((await api.get('query', { query: 'up', limit: '0' })).body as { data: { result: unknown[] } }).data.result).toHaveLength(3)
  })

  test('annotations say where, warnings and infos apart, ten of each', async () => {
    value = { type: 'scalar', time: 0, value: 1 }
    annotations.push(
      { severity: 'warning', text: 'PromQL warning: w', position: { start: 7, end: 8 } },
      { severity: 'info', text: 'PromQL info: i', position: undefined },
    )
    expect(await api.get('query', { query: '1 +\n  22' })).toEqual(
      success({ resultType: 'scalar', result: [0, '1'] }, { warnings: ['PromQL warning: w (2:4)'], infos: ['PromQL info: i'] }),
    )
    annotations.length = 0
    for (let i = 0; i < 13; i++) annotations.push({ severity: 'warning', text: `w${i}`, position: undefined })
    const { warnings } = (await api.get('query', { query: '1' })).body as { warnings: string[] }
    expect(warnings).toHaveLength(11)
    expect(warnings[10]).toBe('3 more warning annotations omitted')
    annotations.length = 0
  })

  test('stats', async () => {
    expect((await api.get('query', { query: '1', stats: 'all' })).body).toMatchObject({
      data: {
        stats: {
          timings: { evalTotalTime: 0.25 },
          samples: { totalQueryableSamples: 12, samplesRead: 10, peakSamples: 7, coarsestTier: 60 },
        },
      },
    })
    expect(last?.stats).toBe('sums')
    expect((await api.get('query', { query: '1', stats: 'all' })).body).toMatchObject({
      data: {
        stats: {
          samples: {
            totalQueryableSamplesPerStep: [
              [1, 7],
              [1.5, 5],
            ],
            samplesReadPerStep: [
              [1, 7],
              [1.5, 3],
            ],
          },
        },
      },
    })
    await api.get('query', { query: '1' })
    expect(last?.stats).toBe(undefined)
    expect((await api.get('query', { query: '1', stats: 'please' })).body).toMatchObject({
      warnings: ['value "please" for parameter "stats" is deprecated and will be rejected in the next major release, use "true" or "all"'],
    })
  })

  test('a query is cancelled when its client goes away', async () => {
    const begun = Promise.withResolvers<AbortSignal>()
    const cancelled = Promise.withResolvers<void>()
    value = () => {
      const { signal } = last!
      begun.resolve(signal!)
      signal!.addEventListener('abort', () => cancelled.resolve())
      return new Promise((_, reject) =>
        signal!.addEventListener('abort', () => reject(new QueryError('canceled', 'query was canceled in query execution'))),
      )
    }
    const client = new AbortController()
    const gone = fetch(`${api.url}/api/v1/query?query=1`, { signal: client.signal })
    expect((await begun.promise).aborted).toBe(false)
    client.abort()
    await expect(gone).rejects.toThrow()
    await cancelled.promise
    value = { type: 'scalar', time: 0, value: 1 }
  })

  test.each<[QueryError['type'], number, string, says?: string]>([
    ['execution', 422, 'execution'],
    ['timeout', 503, 'timeout'],
    ['canceled', 499, 'canceled'],
    ['internal', 500, 'internal'],
    ['bad_data', 400, 'bad_data', 'invalid parameter "query": why'],
  ])('an error of the engine: %s', async (type, status, errorType, says = 'why') => {
    value = () => Promise.reject(new QueryError(type, 'why'))
    expect(await api.get('query', { query: '1' })).toEqual(failure(status, errorType, says))
  })

  test('a bug is not told, but logged', async () => {
    value = () => Promise.reject(new TypeError('secret'))
    api.lines.length = 0
    expect(await api.get('query', { query: '1' })).toEqual(failure(500, 'internal', 'internal error: the log has it'))
    expect(api.lines).toMatchObject([{ level: 'error', fields: { path: '/api/v1/query' } }])
    value = { type: 'scalar', time: 0, value: 1 }
  })
})

describe('query_range', () => {
  test('floats and RFC 3339, seconds and durations', async () => {
    value = { type: 'matrix', grid: { start: 0, step: 1, steps: 1 }, rows: [] }
    expect(await api.post('query_range', { query: 'up', start: '1.25', end: '1970-01-01T00:00:10Z', step: '1m' })).toEqual(
      success({ resultType: 'matrix', result: [] }),
    )
    expect(last).toMatchObject({ start: 1250, end: 10_000, step: 60_000 })
    await api.get('query_range', { query: 'up', start: '1', end: '1', step: '0.5' })
    expect(last).toMatchObject({ start: 1000, end: 1000, step: 500 })
    expect((await api.get('query_range', { query: 'up', start: '0', end: '11000', step: '1' })).status).toBe(200)
  })
  const steps = 'zero or negative query resolution step widths are not accepted. Try a positive integer'
  test.each<[Record<string, string>, string]>([
    [{ start: '10', end: '5', step: '1' }, 'invalid parameter "end": end timestamp must not be before start time'],
    [
      { start: '0', end: '11001', step: '1' },
      'exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)',
    ],
    [{ start: '0', end: '1', step: '0' }, `invalid parameter "step": ${steps}`],
    [{ start: '0', end: '1', step: '-1' }, `invalid parameter "step": ${steps}`],
    [{ start: '0', end: '1', step: 'NaN' }, `invalid parameter "step": ${steps}`],
    [{ start: '0', end: '1', step: '0.0001' }, `invalid parameter "step": ${steps}`],
    [{ start: '0', end: '1', step: 'Inf' }, 'invalid parameter "step": cannot parse "Inf" to a valid duration. It overflows int64'],
    [{ start: '0', end: '1', step: '' }, 'invalid parameter "step": cannot parse "" to a valid duration'],
    [{ start: '', end: '1', step: '1' }, 'invalid parameter "start": cannot parse "" to a valid timestamp'],
    [{ start: 'NaN', end: '1', step: '1' }, 'invalid parameter "start": cannot parse "NaN" to a valid timestamp'],
    [{ start: '0', end: '+Inf', step: '1' }, 'invalid parameter "end": cannot parse "+Inf" to a valid timestamp'],
    [
      { start: '0', end: '1', step: '1', query: 'up{' },
      'invalid parameter "query": 1:4: parse error: unexpected end of input inside braces',
    ],
    [
      { start: '0', end: '1', step: '1', query: '' },
      'invalid parameter "query": unknown position: parse error: no expression found in input',
    ],
    [{ start: '0', end: '1', step: '1', timeout: 'x' }, 'invalid parameter "timeout": cannot parse "x" to a valid duration'],
    [
      { start: '0', end: '1', step: '1', lookback_delta: 'x' },
      'error parsing lookback delta duration: cannot parse "x" to a valid duration',
    ],
    [{ start: '0', end: '1', step: '1', limit: '-1' }, 'invalid parameter "limit": limit must be non-negative'],
  ])('%j', async (parameters, error) => expect(await api.get('query_range', { query: 'up', ...parameters })).toEqual(badData(error)))
})

describe('series and labels', () => {
  test('series', async () => {
    expect(await api.get('series', { 'match[]': ['up{job="a"}', '{job="b"}'], start: '10', end: '20' })).toEqual(
      success([
        { __name__: 'up', job: 'a' },
        { __name__: 'up', job: 'b' },
      ]),
    )
    expect(asked.at(-1)).toEqual({ from: 9999, to: 20_000 })
    expect(await api.post('series', { 'match[]': '{__name__!=""}', limit: '1' })).toEqual(
      success([{ __name__: 'näme', 'dotted.label': 'x', job: 'a' }], { warnings: ['results truncated due to limit'] }),
    )
  })
  test('label names', async () => {
    expect(await api.post('labels', {})).toEqual(success(['__name__', 'dotted.label', 'job']))
    expect(await api.get('labels', { 'match[]': 'up', limit: '1' })).toEqual(
      success(['__name__'], { warnings: ['results truncated due to limit'] }),
    )
  })
  test.each<[string, string[]]>([
    ['job', ['a', 'b']],
    ['__name__', ['näme', 'up']],
    ['dotted.label', ['x']],
    ['U__dotted_2e_label', ['x']],
    ['U__dotted_2E_label', ['x']],
    ['nothing', []],
    ['U__nothing_zz_', []],
  ])('values of %s', async (name, values) => expect(await api.get(`label/${name}/values`)).toEqual(success(values)))

  const empty = 'match[] must contain at least one non-empty matcher'
  test.each<[string, Record<string, string | string[]>, string]>([
    ['series', {}, 'no match[] parameter provided'],
    ['series', { 'match[]': '{}' }, `invalid parameter "match[]": ${empty}`],
    ['series', { 'match[]': ['up', '{job=~".*"}'] }, `invalid parameter "match[]": ${empty}`],
    ['series', { 'match[]': 'up{' }, 'invalid parameter "match[]": 1:4: parse error: unexpected end of input inside braces'],
    ['query_exemplars', { query: 'up{' }, '1:4: parse error: unexpected end of input inside braces'],
    [
      'labels',
      { limit: '9223372036854775808' },
      'invalid parameter "limit": strconv.Atoi: parsing "9223372036854775808": value out of range',
    ],
    ['rules', { group_limit: '0' }, 'invalid parameter "group_limit": group_limit needs to be greater than 0'],
    [
      'rules',
      { group_limit: '1.5' },
      'invalid parameter "group_limit": group_limit needs to be a valid number: strconv.ParseInt: parsing "1.5": invalid syntax',
    ],
    [
      'rules',
      { group_next_token: 'x' },
      'invalid parameter "group_next_token": group_limit needs to be present in order to paginate over the groups',
    ],
    [
      'series',
      { 'match[]': 'up', start: 'x' },
      'invalid parameter "start": invalid time value for \'start\': cannot parse "x" to a valid timestamp',
    ],
    ['labels', { 'match[]': '{job=""}' }, empty],
    ['labels', { limit: 'many' }, 'invalid parameter "limit": strconv.Atoi: parsing "many": invalid syntax'],
    ['label/job/values', { end: 'x' }, 'invalid parameter "end": invalid time value for \'end\': cannot parse "x" to a valid timestamp'],
    ['query_exemplars', { query: 'up', start: '5', end: '4' }, 'end timestamp must not be before start timestamp'],
    ['metadata', { limit: 'x' }, 'limit must be a number'],
    ['metadata', { limit_per_metric: 'x' }, 'limit_per_metric must be a number'],
    ['status/tsdb', { limit: '0' }, 'limit must be a positive number'],
    ['status/tsdb', { limit: '10001' }, 'limit must not exceed 10000'],
  ])('%s %j', async (path, parameters, error) => expect(await api.get(path, parameters)).toEqual(badData(error)))

  test('metadata', async () => {
    const up = [
      { type: 'gauge', help: 'Is it?', unit: '' },
      { type: 'unknown', help: 'Is it not?', unit: 's' },
    ]
    const rows = [{ type: 'counter', help: '', unit: '' }]
    expect(await api.get('metadata')).toEqual(success({ up, rows_total: rows }))
    expect(await api.get('metadata', { metric: 'up', limit_per_metric: '1' })).toEqual(success({ up: [up[0]] }))
    expect(await api.get('metadata', { limit: '1' })).toEqual(success({ up }))
    expect(await api.get('metadata', { limit: '0' })).toEqual(success({}))
  })
  test('exemplars', async () => {
    expect(await api.get('query_exemplars', { query: 'rate(up[5m]) / 2' })).toEqual(
      success([{ seriesLabels: { __name__: 'up', job: 'a' }, exemplars: [{ labels: { trace_id: 'abc' }, value: '0.5', timestamp: 1.5 }] }]),
    )
    expect(await api.get('query_exemplars', { query: '1 + 2' })).toEqual({ status: 204, body: '' })
  })
})

test('format_query and parse_query', async () => {
  expect(await api.post('format_query', { query: 'sum(rate( up[5m])) by(job)' })).toEqual(success('sum by (job) (rate(up[5m]))'))
  expect(await api.get('parse_query', { query: '1+x' })).toMatchObject(
    success({ type: 'binaryExpr', op: '+', lhs: { type: 'numberLiteral', val: '1' } }),
  )
  expect(await api.get('format_query', { query: '(' })).toMatchObject({ status: 400 })
})

describe('about the server', () => {
  test('buildinfo, flags, config, runtimeinfo, tsdb', async () => {
    expect((await api.get('status/buildinfo')).body).toMatchObject({
      data: { version: expect.stringMatching(/^3\./), application: 'Thalamus' },
    })
    expect((await api.get('status/flags')).body).toMatchObject({ data: { 'query.timeout': '2m', 'query.lookback-delta': '5m' } })
    expect(await api.get('status/config')).toEqual(success({ yaml: 'receivers: {}\n' }))
    expect((await api.get('status/runtimeinfo')).body).toMatchObject({
      data: { startTime: new Date(now).toISOString(), reloadConfigSuccess: true },
    })
    expect((await api.get('status/tsdb', { limit: '1' })).body).toMatchObject({
      data: {
        headStats: { numSeries: 3, numLabelPairs: 5, chunkCount: 4, minTime: 1, maxTime: 2 },
        seriesCountByMetricName: [{ name: 'up', value: 2 }],
      },
    })
  })
  test.each(['rules', 'alerts', 'targets', 'alertmanagers'])('%s', async path => expect((await api.get(path)).status).toBe(200))
})

test('targets', async () => {
  const a = {
    ...{ discoveredLabels: { __address__: 'h:1' }, labels: { job: 'a', instance: 'h:1' }, scrapePool: 'a' },
    ...{ scrapeUrl: 'http://h:1/metrics', globalUrl: 'http://h:1/metrics', lastError: 'why', lastScrape: new Date(now).toISOString() },
    ...{ lastScrapeDuration: 0.25, health: 'down', scrapeInterval: '15s', scrapeTimeout: '10s' },
  }
  const dropped = { droppedTargets: [{ discoveredLabels: { __address__: 'h:3' }, scrapePool: 'a' }], droppedTargetCounts: { a: 2, b: 0 } }
  const none = { droppedTargets: [], droppedTargetCounts: null }
  expect(await api.get('targets', { scrapePool: 'a' })).toEqual(success({ activeTargets: [a], ...dropped }))
  expect(await api.get('targets', { scrapePool: 'a', state: 'active' })).toEqual(success({ activeTargets: [a], ...none }))
  expect((await api.get('targets')).body).toMatchObject({
    data: { activeTargets: [a, { health: 'unknown', lastScrape: '0001-01-01T00:00:00Z' }] },
  })
  expect(await api.get('targets', { state: 'dropped' })).toEqual(success({ activeTargets: [], ...dropped }))
  expect(await api.get('scrape_pools')).toEqual(success({ scrapePools: ['a', 'b'] }))
})

describe('HTTP', () => {
  test('methods', async () => {
    const put = await fetch(`${api.url}/api/v1/query`, { method: 'PUT' })
    expect([put.status, put.headers.get('allow')]).toEqual([405, 'GET, POST'])
    expect((await fetch(`${api.url}/api/v1/status/config`, { method: 'POST' })).status).toBe(405)
    const options = await fetch(`${api.url}/api/v1/query`, { method: 'OPTIONS' })
    expect([options.status, options.headers.get('allow')]).toEqual([204, 'GET, POST'])
  })
  test('other paths', async () => {
    expect(await api.get('label/job')).toEqual({ status: 404, body: '404 page not found\n' })
    expect(await api.get('label/%ff/values')).toMatchObject({ status: 400, body: { errorType: 'bad_data' } })
  })
  test('a form of more than 10 MiB is refused, and the connection goes on', async () => {
    const form = (size: number) =>
      fetch(`${api.url}/api/v1/query`, { method: 'POST', body: new URLSearchParams({ query: '1'.repeat(size) }) })
    const large = await form(10 * 2 ** 20)
    expect([large.status, await large.json()]).toEqual([
      413,
      { status: 'error', errorType: 'bad_data', error: 'the form is larger than the 10485760 bytes that are allowed' },
    ])
    const long = await form(9 * 2 ** 20)
    expect(long.status).toBe(400)
    expect((await long.text()).length).toBeLessThan(1000)
  })
  test.each<[string, string]>([
    ['query=%zz', 'error parsing form values: invalid URL escape "%zz"'],
    ['query=%f', 'error parsing form values: invalid URL escape "%f"'],
    ['query=%ff', 'error parsing form values: a parameter is not UTF-8'],
    [`${'a&'.repeat(10_001)}query=1`, 'more than 10000 parameters'],
  ])('%.20s', async (body, error) => {
    const response = await fetch(`${api.url}/api/v1/query`, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    })
    expect([response.status, ((await response.json()) as { error: string }).error]).toEqual([400, error])
  })
  test('a form in parts, as curl -F sends it', async () => {
    last = undefined
    const body = new FormData()
    body.append('query', 'up{a="ü"} > 1')
    body.append('query', 'second')
    body.append('time', '1500')
    body.append('timeout', new File(['x'], 'a file is no parameter'))
    const response = await fetch(`${api.url}/api/v1/query?time=3`, { method: 'POST', body })
    expect(response.status).toBe(200)
    expect(last).toMatchObject({ text: 'up{a="ü"} > 1', time: 1_500_000 })
  })
  const part = (lines: string, value = '') => `--B\r\n${lines}\r\n\r\n${value}\r\n`
  test.each<[string, string, number, string]>([
    ['B', `${part('Content-Disposition: form-data; name=query', '1')}--B--`, 200, ''],
    ['"B"; charset=utf-8', `preamble\r\n${part('x: y\r\ncontent-disposition: form-data; name="query"', '1')}--B--\r\nepilogue`, 200, ''],
    ['B', part('Content-Disposition: form-data; name=query', '1'), 400, 'error parsing form values: the multipart form cannot be read'],
    ['B', '--B\r\nContent-Disposition: form-data; name=query', 400, 'error parsing form values: the multipart form cannot be read'],
    ['B', '', 400, 'error parsing form values: the multipart form cannot be read'],
    [
      'B',
      `${part('Content-Disposition: form-data; name=query', '\xff')}--B--`,
      400,
      'invalid parameter "query": 1:1: parse error: unexpected character: \'�\'',
    ],
    ['B', `${part('nothing: here').repeat(2)}--B--`, 400, 'error parsing form values: the multipart form cannot be read'],
    [
      'B',
      `${part('Content-Disposition: form-data; name="query"; filename="a"', '1')}--B--`,
      400,
      'invalid parameter "query": unknown position: parse error: no expression found in input',
    ],
    ['B', `${part('Content-Disposition: form-data; name=a').repeat(10_001)}--B--`, 400, 'more than 10000 parameters'],
  ])('boundary=%s %j: %d', async (boundary, body, status, error) => {
    const headers = { 'content-type': `multipart/form-data; boundary=${boundary}` }
    const response = await fetch(`${api.url}/api/v1/query`, { method: 'POST', body: Buffer.from(body, 'latin1'), headers })
    expect([response.status, ((await response.json()) as { error?: string }).error ?? '']).toEqual([status, error])
  })
  test('a body that is cut off is nobody’s query', async () => {
    last = undefined
    const socket = connect(Number(new URL(api.url).port), '127.0.0.1')
    socket.write(
      'POST /api/v1/query HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: 100\r\n\r\nquery=1',
    )
    await new Promise<void>(resolve => socket.once('connect', () => socket.end(resolve)))
    expect((await api.get('query', { query: '2' })).status).toBe(200)
    expect(last).toMatchObject({ text: '2' })
  })
  test('long answers are compressed where the client takes it', async () => {
    value = vector(2000)
    const url = `${api.url}/api/v1/query?query=up`
    const plain = await fetch(url, { headers: { 'accept-encoding': 'identity' } })
    expect(plain.headers.get('content-encoding')).toBeNull()
    const text = await plain.text()
    expect((JSON.parse(text) as { data: { result: unknown[] } }).data.result).toHaveLength(2000)
    const zipped = await fetch(url, { headers: { 'accept-encoding': 'gzip' } })
    expect(zipped.headers.get('content-encoding')).toBe('gzip')
    expect(await zipped.text()).toBe(text)
    value = { type: 'scalar', time: 0, value: 1 }
    expect((await fetch(url)).headers.get('content-encoding')).toBeNull()
  })
})

test('without a store it is said what to do', async () => {
  await using lonely = await serve(undefined, engine)
  const expected = failure(
    503,
    'unavailable',
    'no series are kept here: list the exporter "store" in a metrics pipeline, or name a query backend',
  )
  for (const [path, parameters] of [
    ['query', { query: '1' }],
    ['labels', {}],
    ['series', { 'match[]': 'up' }],
    ['status/tsdb', {}],
  ] as const) {
    expect(await lonely.get(path, parameters)).toEqual(expected)
  }
  expect((await lonely.get('query', { query: '1 +' })).status).toBe(400)
  expect((await lonely.get('status/buildinfo')).status).toBe(200)
})

test('only so many queries run at one time', async () => {
  await using narrow = await serve(store, engine, { ...defaultSettings, maxConcurrency: 1 })
  const first = Promise.withResolvers<QueryValue>()
  const order: string[] = []
  value = async () => {
    order.push(last!.text)
    return last!.text === '1' ? first.promise : { type: 'scalar', time: 0, value: 2 }
  }
  const one = narrow.get('query', { query: '1' })
  while (order.length === 0) await new Promise(setImmediate)
  const two = narrow.get('query', { query: '2' })
  // What needs no evaluation does not wait.
  expect((await narrow.get('labels')).status).toBe(200)
  expect(order).toEqual(['1'])
  first.resolve({ type: 'scalar', time: 0, value: 1 })
  expect([(await one).status, (await two).status]).toEqual([200, 200])
  expect(order).toEqual(['1', '2'])
  value = { type: 'scalar', time: 0, value: 1 }
})

describe('a backend', () => {
  test('gets every question as it is, and its answer is passed through', async () => {
    const seen: string[] = []
    const backend = createServer(async (request, response) => {
      let body = ''
      for await (const chunk of request) body += chunk
      seen.push(`${request.method} ${request.url} ${request.headers['x-scope-orgid'] ?? ''} ${body}`)
      response.writeHead(422, { 'content-type': 'application/json', 'x-more': 'y' }).end('{"status":"error"}')
    })
    await new Promise<void>(resolve => backend.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(backend.address() as AddressInfo).port}/prometheus/`
    await using front = await serve(undefined, engine, { backend: { url, headers: { 'x-scope-orgid': 'me' } } })
    const response = await fetch(`${front.url}/api/v1/query?x=1`, { method: 'POST', body: 'query=up' })
    expect([response.status, response.headers.get('x-more'), await response.text()]).toEqual([422, 'y', '{"status":"error"}'])
    await front.get('label/job/values', { start: '1' })
    expect(seen).toEqual(['POST /prometheus/api/v1/query?x=1 me query=up', 'GET /prometheus/api/v1/label/job/values?start=1 me '])
    expect((await front.get('status/config')).status).toBe(200)
    backend.closeAllConnections()
    await new Promise(resolve => backend.close(resolve))
    const dead = await front.get('query', { query: '1' })
    expect(dead.status).toBe(502)
    expect((dead.body as { error: string }).error).toContain('the query backend 127.0.0.1')
  })

  test.each([
    ['as long as a query may take', 'query?query=up', 120_000, '2m1s'],
    ['less where the question says so', 'query?query=up&timeout=2s', 2_000, '3s'],
    ['no longer because the question says so', 'query?query=up&timeout=5m', 120_000, '2m1s'],
    ['a timeout that nobody can read is the business of the backend', 'query?query=up&timeout=x', 120_000, '2m1s'],
  ])('that hangs is waited for %s', async (_, path, ms, shown) => {
    const asked = Promise.withResolvers<void>()
    const closed = Promise.withResolvers<void>()
    const backend = createServer(request => {
      request.once('close', () => closed.resolve())
      asked.resolve()
    })
    await new Promise<void>(resolve => backend.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(backend.address() as AddressInfo).port}`
    await using front = await serve(undefined, engine, { backend: { url, headers: {} } })
    const response = fetch(`${front.url}/api/v1/${path}`)
    await asked.promise
    await front.clock.advance(ms + 999)
    expect(front.clock.pending).toBe(1)
    await front.clock.advance(1)
    const answer = await response
    expect([answer.status, ((await answer.json()) as { error: string }).error]).toEqual([
      503,
      `the query backend ${new URL(url).host} has not answered within ${shown}`,
    ])
    await closed.promise
    expect(front.clock.pending).toBe(0)
    await new Promise(resolve => backend.close(resolve))
  })
})
