import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, describe, expect, test } from 'vitest'
import { Budget } from '../../src/component/budget.ts'
import type { Consumer } from '../../src/component/component.ts'
import { PermanentError, RetryableError, UnauthenticatedError } from '../../src/component/errors.ts'
import type { Label } from '../../src/exposition/labels.ts'
import type { RemoteMetadata, RemoteSeries } from '../../src/exposition/remote/series.ts'
import { writeV1, writeV2 } from '../../src/exposition/remote/write.ts'
import { snappyEncode } from '../../src/lib/snappy.ts'
import type { BatchOf } from '../../src/model/batch.ts'
import type { FloatHistogram } from '../../src/model/float-histogram.ts'
import { protobufToJson } from '../../src/otlp/json.ts'
import { createReader } from '../../src/otlp/reader.ts'
import factory from '../../src/receivers/prometheus_remote_write/index.ts'
import { WaitingExemplars } from '../../src/receivers/prometheus_remote_write/waiting.ts'
import { type TestContext, type TestWorld, testContext } from '../kit/context.ts'
import { paperworkContract, receiverContract } from '../kit/contract.ts'
import { Chance } from '../kit/otlp.ts'

paperworkContract(factory)

const servers: Server[] = []
afterAll(() => {
  for (const server of servers) {
    server.closeAllConnections()
    server.close()
  }
})

/** What the receiver mounts, on a port. */
async function address(cx: TestContext): Promise<string> {
  const server = createServer((request, response) => {
    const handler = cx.mounted.get(request.url!)
    if (handler === undefined) response.writeHead(404).end()
    else handler(request, response)
  })
  servers.push(server)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const series = (name: string, value: number, more: Partial<RemoteSeries> & { time?: number } = {}): RemoteSeries => ({
  labels: [
    ['__name__', name],
    ['instance', 'h:1'],
    ['job', 'j'],
  ],
  samples: [{ time: more.time ?? 1_700_000_000_000, start: 0, stale: false, value }],
  histograms: [],
  exemplars: [],
  metadata: undefined,
  ...more,
})

const contentTypes = {
  1: 'application/x-protobuf',
  2: 'application/x-protobuf;proto=io.prometheus.write.v2.Request',
} as const

const post = (url: string, version: 1 | 2, body: Uint8Array, headers: Record<string, string> = {}) =>
  fetch(url, {
    method: 'POST',
    headers: { 'content-type': contentTypes[version], 'content-encoding': 'snappy', ...headers },
    body: body as Uint8Array<ArrayBuffer>,
  })

const addresses = new WeakMap<TestContext, Promise<string>>()
receiverContract({
  factory,
  signal: 'metrics',
  async send(_, cx, id) {
    const known = addresses.get(cx) ?? address(cx)
    addresses.set(cx, known)
    const version = id % 2 === 0 ? 1 : 2
    const body = version === 1 ? writeV1([series('rows', id)]) : writeV2([series('rows', id)])
    return (await post(`${await known}/api/v1/write`, version, snappyEncode(body))).status === 204
  },
})

/** A pipeline that keeps what it gets, or answers otherwise. */
class Kept implements Consumer<'metrics'> {
  readonly batches: BatchOf['metrics'][] = []
  problem: Error | undefined
  reserve(): void {}
  async consume(batch: BatchOf['metrics']): Promise<void> {
    if (this.problem !== undefined) throw this.problem
    this.batches.push(batch)
  }
}

async function world(settings: object = {}, of: TestWorld = {}) {
  const cx = testContext({ id: 'prometheus_remote_write', kind: 'receiver', reader: createReader(), ...of })
  const kept = new Kept()
  const component = factory.create(cx, factory.config.parse(settings), { metrics: kept })
  await component.start?.()
  const url = await address(cx)
  const answered = async (version: 1 | 2, message: Uint8Array, headers: Record<string, string> = {}, path = '/api/v1/write') => {
    const response = await post(url + path, version, snappyEncode(message), headers)
    return { status: response.status, text: await response.text(), headers: response.headers }
  }
  const json = () => kept.batches.map(({ raw }) => protobufToJson('metrics', raw.bytes()))
  return { cx, kept, component, url, answered, json }
}

const written = (headers: Headers) =>
  ['samples', 'histograms', 'exemplars'].map(what => headers.get(`x-prometheus-remote-write-${what}-written`))

const text = (value: string) => ({ stringValue: value })
const resource = {
  attributes: [
    { key: 'service.name', value: text('j') },
    { key: 'service.instance.id', value: text('h:1') },
  ],
}
const request = (metrics: object[], of: object = resource) => ({
  resourceMetrics: [{ resource: of, scopeMetrics: [{ scope: {}, metrics }] }],
})
const at = '1700000000000000000'

const untold = { metadata: [{ key: 'prometheus.type', value: text('unknown') }] }

describe('what series become', () => {
  const about = (type: RemoteMetadata['type']): RemoteMetadata => ({ type, help: 'What it is.', unit: 's' })
  const described = (name: string, type: string) => ({
    name,
    unit: 's',
    description: 'What it is.',
    metadata: [{ key: 'prometheus.type', value: text(type) }],
  })
  const cumulative = { aggregationTemporality: 2 }
  const histogram: FloatHistogram = {
    ...{ schema: 1, count: 10, sum: 3.5, zeroThreshold: 0.001, zeroCount: 1, customBounds: [] },
    positiveSpans: [
      { offset: 2, length: 2 },
      { offset: 1, length: 1 },
    ],
    positiveCounts: [4, 2, 1],
    negativeSpans: [{ offset: -2, length: 1 }],
    negativeCounts: [2],
    resetHint: 'unknown',
  }
  const custom: FloatHistogram = {
    ...{ schema: -53, count: 6, sum: 9, zeroThreshold: 0, zeroCount: 0, customBounds: [0.5, 1, 2.5] },
    positiveSpans: [
      { offset: 1, length: 1 },
      { offset: 1, length: 1 },
    ],
    positiveCounts: [2, 4],
    ...{ negativeSpans: [], negativeCounts: [], resetHint: 'unknown' as const },
  }
  const native = (one: FloatHistogram, stale = false): RemoteSeries =>
    series('h', 0, {
      samples: [],
      histograms: [{ time: 1_700_000_000_000, start: 0, stale, histogram: one }],
      metadata: about('histogram'),
    })

  test.each<[string, RemoteSeries, object]>([
    [
      'a number without a type',
      series('up', 0.5),
      request([{ name: 'up', ...untold, gauge: { dataPoints: [{ timeUnixNano: at, asDouble: 0.5 }] } }]),
    ],
    [
      'a counter, since when it counts',
      series('rows_total', 7, {
        samples: [{ time: 1_700_000_000_000, start: 1_600_000_000_000, stale: false, value: 7 }],
        metadata: about('counter'),
      }),
      request([
        {
          ...described('rows_total', 'counter'),
          sum: {
            dataPoints: [{ startTimeUnixNano: '1600000000000000000', timeUnixNano: at, asDouble: 7 }],
            ...cumulative,
            isMonotonic: true,
          },
        },
      ]),
    ],
    ...['rows', 'total_rows_total'].map((name): [string, RemoteSeries, object] => [
      `a counter that is called ${name}`,
      series(name, 7, { metadata: about('counter') }),
      request([
        {
          ...described(name, 'counter'),
          sum: { dataPoints: [{ timeUnixNano: at, asDouble: 7 }], ...cumulative, isMonotonic: true },
        },
      ]),
    ]),
    [
      'since when a counter counts, as a series of its own',
      series('rows_created', 7, { metadata: about('counter') }),
      request([{ ...described('rows_created', 'counter'), gauge: { dataPoints: [{ timeUnixNano: at, asDouble: 7 }] } }]),
    ],
    [
      'a series that is no more',
      series('up', 0, { samples: [{ time: 1_700_000_000_000, start: 0, stale: true, value: Number.NaN }] }),
      request([{ name: 'up', ...untold, gauge: { dataPoints: [{ timeUnixNano: at, flags: 1 }] } }]),
    ],
    [
      'labels of its own, of the scope, and empty ones',
      series('up', 1, {
        labels: [
          ['__name__', 'up'],
          ['le', '0.5'],
          ['otel_scope_name', 'lib'],
          ['otel_scope_version', '1'],
          ['otel_scope_k', 'v'],
          ['x', ''],
        ],
      }),
      {
        resourceMetrics: [
          {
            resource: {},
            scopeMetrics: [
              {
                scope: { name: 'lib', version: '1', attributes: [{ key: 'k', value: text('v') }] },
                metrics: [
                  {
                    name: 'up',
                    ...untold,
                    gauge: { dataPoints: [{ timeUnixNano: at, asDouble: 1, attributes: [{ key: 'le', value: text('0.5') }] }] },
                  },
                ],
              },
            ],
          },
        ],
      },
    ],
    [
      'an exemplar',
      series('up', 1, {
        exemplars: [
          {
            labels: [
              ['trace_id', '0af7651916cd43dd8448eb211c80319c'],
              ['span_id', 'short'],
              ['k', 'v'],
            ],
            value: 0.25,
            time: 1_700_000_000_000,
          },
        ],
      }),
      request([
        {
          name: 'up',
          ...untold,
          gauge: {
            dataPoints: [
              {
                timeUnixNano: at,
                asDouble: 1,
                exemplars: [
                  {
                    timeUnixNano: at,
                    asDouble: 0.25,
                    traceId: '0af7651916cd43dd8448eb211c80319c',
                    filteredAttributes: [
                      { key: 'span_id', value: text('short') },
                      { key: 'k', value: text('v') },
                    ],
                  },
                ],
              },
            ],
          },
        },
      ]),
    ],
    [
      'a native histogram: bucket i ends where bucket i of OpenTelemetry begins, gaps are filled',
      native(histogram),
      request([
        {
          ...described('h', 'histogram'),
          exponentialHistogram: {
            dataPoints: [
              {
                ...{ timeUnixNano: at, count: '10', sum: 3.5, scale: 1, zeroCount: '1', zeroThreshold: 0.001 },
                positive: { offset: 1, bucketCounts: ['4', '2', '0', '1'] },
                negative: { offset: -3, bucketCounts: ['2'] },
              },
            ],
            ...cumulative,
          },
        },
      ]),
    ],
    [
      'a native histogram that is a gauge',
      native({ ...histogram, resetHint: 'gauge' }),
      request([
        {
          ...described('h', 'gaugehistogram'),
          exponentialHistogram: { dataPoints: [expect.objectContaining({ count: '10' })], ...cumulative },
        },
      ]),
    ],
    [
      'a native histogram with bounds of its own',
      native(custom),
      request([
        {
          ...described('h', 'histogram'),
          histogram: {
            dataPoints: [{ timeUnixNano: at, count: '6', sum: 9, bucketCounts: ['0', '2', '0', '4'], explicitBounds: [0.5, 1, 2.5] }],
            ...cumulative,
          },
        },
      ]),
    ],
    [
      'a native histogram that is no more',
      native(histogram, true),
      request([{ ...described('h', 'histogram'), exponentialHistogram: { dataPoints: [{ timeUnixNano: at, flags: 1 }], ...cumulative } }]),
    ],
  ])('%s', async (_, one, expected) => {
    const { answered, json } = await world()
    expect(await answered(2, writeV2([one]))).toMatchObject({ status: 204, text: '' })
    expect(json()).toEqual([expected])
  })

  test('1.0: what is told of a family holds from then on, for series of its name and of its parts', async () => {
    const { answered, json } = await world()
    await answered(
      1,
      writeV1(
        [],
        [
          ['rows', about('counter')],
          ['h', about('histogram')],
        ],
      ),
    )
    await answered(1, writeV1([series('rows_total', 1), series('h_bucket', 2)]))
    expect(json()).toMatchObject([
      request([
        { ...described('rows_total', 'counter'), sum: { isMonotonic: true } },
        { ...described('h_bucket', 'histogram'), gauge: {} },
      ]),
    ])
  })

  test('1.0: a series counts once against max_series, before it is told of and after', async () => {
    const reader = createReader({ maxSeries: 3 })
    const { answered, kept } = await world({}, { reader })
    const all = () => answered(1, writeV1([series('rows_total', 1), series('level', 2), series('h_bucket', 3)]))
    await all()
    await answered(1, writeV1([], [['rows', about('counter')]]))
    await all()
    await answered(
      1,
      writeV1(
        [],
        [
          ['level', about('gauge')],
          ['h', about('histogram')],
        ],
      ),
    )
    await all()
    const ids = kept.batches.map(({ numbers }) => [...numbers.series].toSorted())
    expect(ids).toEqual([
      [0, 1, 2],
      [0, 1, 2],
      [0, 1, 2],
    ])
    const types = ids[2]!.map(id => reader.dictionary.series(id)).map(({ name, prometheusType }) => [name, prometheusType])
    expect(new Map(types as [string, string][])).toEqual(
      new Map([
        ['rows_total', 'counter'],
        ['level', 'gauge'],
        ['h_bucket', 'histogram'],
      ]),
    )
    expect(reader.overflowed).toBe(0)
  })

  test('1.0: no more families are remembered than may be', async () => {
    const { answered, json } = await world({ max_metadata_families: 1 })
    await answered(
      1,
      writeV1(
        [],
        [
          ['a', about('gauge')],
          ['b', about('gauge')],
        ],
      ),
    )
    await answered(1, writeV1([series('a', 1), series('b', 1)]))
    expect(json()).toMatchObject([request([{ name: 'a' }, described('b', 'gauge')])])
    expect(JSON.stringify(json()).match(/description/g)).toHaveLength(1)
  })

  test.each<[string, Partial<RemoteSeries>, object]>([
    ['a start that is not before it', { samples: [{ time: 1_700_000_000_000, start: 2 ** 62, stale: false, value: 1 }] }, {}],
    [
      'the time of an exemplar that there cannot be',
      { exemplars: [{ labels: [], value: 1, time: 2 ** 62 }] },
      { exemplars: [{ asDouble: 1 }] },
    ],
  ])('a sample is kept without %s', async (_, more, expected) => {
    const { answered, json } = await world()
    expect((await answered(2, writeV2([series('up', 1, more)]))).status).toBe(204)
    expect(json()).toEqual([request([{ name: 'up', ...untold, gauge: { dataPoints: [{ timeUnixNano: at, asDouble: 1, ...expected }] } }])])
  })

  test('the schema of a scope, as OpenTelemetry has it', async () => {
    const { answered, json } = await world()
    const labels: Label[] = [
      ['__name__', 'up'],
      ['otel_scope_schema_url', 'https://schema'],
    ]
    await answered(2, writeV2([series('up', 1, { labels })]))
    expect(json()).toMatchObject([{ resourceMetrics: [{ scopeMetrics: [{ scope: {}, schemaUrl: 'https://schema' }] }] }])
  })

  test('2.0: where nothing is told of a series, what was told of its family holds; series of one name have each their type', async () => {
    const { answered, json } = await world()
    await answered(1, writeV1([], [['rows', about('counter')]]))
    await answered(2, writeV2([series('rows_total', 1), series('x', 1), series('x', 2, { metadata: about('gauge') })]))
    expect(json()).toMatchObject([
      request([{ ...described('rows_total', 'counter'), sum: {} }, { name: 'x', ...untold }, described('x', 'gauge')]),
    ])
  })

  test('what ends like a part of a family of another type is none', async () => {
    const { answered, json } = await world()
    await answered(
      1,
      writeV1(
        [],
        [
          ['errors', about('counter')],
          ['g', about('gaugehistogram')],
        ],
      ),
    )
    await answered(1, writeV1([series('errors_count', 1), series('g_gsum', 1)]))
    expect(json()).toMatchObject([request([{ name: 'errors_count', ...untold, gauge: {} }, described('g_gsum', 'gaugehistogram')])])
  })

  test('series of one name are one metric, of one job one resource', async () => {
    const { answered, kept } = await world()
    const of = (job: string): RemoteSeries =>
      series('up', 1, {
        labels: [
          ['__name__', 'up'],
          ['job', job],
        ],
      })
    await answered(2, writeV2([of('a'), of('b'), of('a')]))
    const batch = kept.batches[0]!
    expect([batch.rows, batch.resources.length, batch.metrics.length]).toEqual([3, 2, 2])
  })
})

describe('what is wrong with a series is told, and the others are written', () => {
  const labels = (...list: Label[]): RemoteSeries => series('x', 1, { labels: list })
  const broken = (more: Partial<FloatHistogram>): RemoteSeries => ({
    ...series('h', 0, { samples: [] }),
    histograms: [
      {
        ...{ time: 1, start: 0, stale: false },
        histogram: {
          ...{ schema: 0, count: 1, sum: 1, zeroThreshold: 0, zeroCount: 0, customBounds: [], resetHint: 'unknown' },
          ...{ positiveSpans: [], positiveCounts: [], negativeSpans: [], negativeCounts: [] },
          ...more,
        },
      },
    ],
  })
  const sample = (time: number): RemoteSeries => ({ ...series('x', 1, { time }), exemplars: [] })
  const x = '{__name__="x", instance="h:1", job="j"}:'
  const one = { positiveSpans: [{ offset: 0, length: 1 }], positiveCounts: [1] }
  const h = '{__name__="h", instance="h:1", job="j"}: a histogram'
  test.each<[RemoteSeries, string]>([
    [labels(['job', 'a']), '{job="a"} has no __name__'],
    [labels(['__name__', '']), '{__name__=""} has no __name__'],
    [labels(['__name__', 'x'], ['a', '1'], ['a', '2']), '{__name__="x", a="1", a="2"} has two labels "a"'],
    [labels(['__name__', 'x'], ['', '1']), 'a label of {__name__="x", ="1"} has no name'],
    [broken({ schema: 60 }), `${h} has schema 60`],
    [
      broken({
        positiveSpans: [
          { offset: 0, length: 1 },
          { offset: -1, length: 1 },
        ],
        positiveCounts: [1, 1],
      }),
      `${h} has spans that overlap`,
    ],
    [
      broken({
        positiveSpans: [
          { offset: 0, length: 1 },
          { offset: 1e6, length: 1 },
        ],
        positiveCounts: [1, 1],
      }),
      `${h} has more than 5000 buckets`,
    ],
    [broken({ positiveSpans: [{ offset: 0, length: 1 }], positiveCounts: [-1] }), `${h} has a count below 0`],
    [broken({ ...one, count: 0.5 }), `${h} has a count that is no whole number of 63 bits`],
    [broken({ ...one, positiveCounts: [0.25] }), `${h} has a count that is no whole number of 63 bits`],
    [broken({ ...one, count: 2 ** 63 }), `${h} has a count that is no whole number of 63 bits`],
    [broken({ ...one, count: Number.NaN }), `${h} has a count that is no whole number of 63 bits`],
    [broken({ ...one, positiveSpans: [{ offset: 2 ** 31, length: 1 }] }), `${h} has an offset of 2147483648`],
    [broken({ negativeSpans: [{ offset: -(2 ** 31), length: 1 }], negativeCounts: [1] }), `${h} has an offset of -2147483648`],
    [broken({ schema: -53, customBounds: [2, 1] }), `${h} with custom buckets has bounds that do not fit them`],
    [broken({ ...one, schema: -53, customBounds: [1, Infinity] }), `${h} with custom buckets has bounds that do not fit them`],
    [broken({ ...one, schema: -53, customBounds: [Number.NaN] }), `${h} with custom buckets has bounds that do not fit them`],
    // Microseconds, nanoseconds.
    [sample(1.7e15), `${x} the timestamp 1700000000000000 is not in milliseconds after 1970 and before 2554`],
    [sample(1.7e18), `${x} the timestamp 1700000000000000000 is not in milliseconds after 1970 and before 2554`],
    [sample(0), `${x} the timestamp 0 is not in milliseconds after 1970 and before 2554`],
    [sample(-1), `${x} the timestamp -1 is not in milliseconds after 1970 and before 2554`],
    [
      { ...broken(one), histograms: broken(one).histograms.map(each => ({ ...each, time: 1.7e15 })) },
      '{__name__="h", instance="h:1", job="j"}: the timestamp 1700000000000000 is not in milliseconds after 1970 and before 2554',
    ],
    [
      broken({ schema: -53, customBounds: [1], positiveSpans: [{ offset: 2, length: 1 }], positiveCounts: [1] }),
      `${h} with custom buckets has bounds that do not fit them`,
    ],
  ])('%#: %s', async (bad, problem) => {
    const { answered, kept } = await world()
    for (const [version, message] of [
      [1, writeV1([series('good', 1), bad, series('good', 2)])],
      [2, writeV2([series('good', 1), bad, series('good', 2)])],
    ] as const) {
      const { status, text: told, headers } = await answered(version, message)
      expect([status, told]).toEqual([400, `${problem}\n`])
      if (version === 2) expect(written(headers)).toEqual(['2', '0', '0'])
    }
    expect(kept.batches.map(({ rows }) => rows)).toEqual([2, 2])
  })
})

describe('answers', () => {
  const good = writeV2([series('up', 1, { exemplars: [{ labels: [], value: 1, time: 1 }] }), series('up', 2)])
  test('2.0 is told what was written, 1.0 is not', async () => {
    const { answered } = await world()
    expect(written((await answered(2, good)).headers)).toEqual(['2', '0', '1'])
    expect(written((await answered(1, writeV1([series('up', 1)]))).headers)).toEqual([null, null, null])
  })
  test('an empty request is fine', async () => {
    const { answered, kept } = await world()
    expect((await answered(1, new Uint8Array())).status).toBe(204)
    expect(kept.batches).toEqual([])
  })
  test.each<[string, Error, number, string | null]>([
    ['full', new RetryableError('try later', { retryAfterMs: 2500 }), 503, '3'],
    ['full, for whoever knows how long', new RetryableError('try later'), 503, '1'],
    ['never', new PermanentError('no'), 400, null],
    ['a bug', new TypeError('secret'), 500, null],
  ])('downstream says: %s', async (_, problem, status, retryAfter) => {
    const { answered, kept, cx } = await world()
    kept.problem = problem
    const answer = await answered(2, good)
    expect([answer.status, answer.headers.get('retry-after'), written(answer.headers)]).toEqual([status, retryAfter, ['0', '0', '0']])
    expect(answer.text).not.toContain('secret')
    expect([cx.budget.used, cx.account('metrics').refused]).toEqual([0, 2])
  })
  test.each<[string, Record<string, string>, number]>([
    ['another type', { 'content-type': 'application/json' }, 415],
    ['no type, which is 1.0', { 'content-type': '' }, 204],
    ['another message', { 'content-type': 'application/x-protobuf;proto=io.prometheus.write.v3.Request' }, 415],
    ['another encoding', { 'content-encoding': 'gzip' }, 415],
    ['the message of 1.0 by its name', { 'content-type': 'application/x-protobuf; proto=prometheus.WriteRequest' }, 204],
    ['an encoding in capitals', { 'content-encoding': 'Snappy' }, 204],
  ])('%s', async (_, headers, status) => {
    const { answered } = await world()
    expect((await answered(1, writeV1([series('up', 1)]), headers)).status).toBe(status)
  })
  test.each<[string, Uint8Array, number]>([
    ['no Snappy', Buffer.from('\xff\xff\xff\xff\xff\xff'), 400],
    ['cut off', snappyEncode(good).subarray(0, 20), 400],
    ['Snappy of no message', snappyEncode(Buffer.from('\x0a\xff')), 400],
    ['too large before decompression', Buffer.alloc(30_000, 1), 413],
    ['too large after it', snappyEncode(Buffer.alloc(30_000)), 413],
  ])('a body that is %s', async (_, body, status) => {
    const { url, cx } = await world({ max_request_body_size: 20_000 })
    expect((await post(`${url}/api/v1/write`, 2, body)).status).toBe(status)
    expect(cx.budget.used).toBe(0)
  })
  test('whatever the numbers and bytes: written or refused, and never a fault of ours', async () => {
    const { answered, cx } = await world()
    const chance = new Chance(3)
    const now = 1_700_000_000_000
    const whole = () => (chance.is(0.7) ? now : chance.pick([0, -1, 1, 2 ** 31, now * 1000, 2 ** 62, -(2 ** 62)]))
    const number = () => (chance.is(0.7) ? 1 : chance.pick([0, -1, 0.5, 2 ** 31, 2 ** 63, 2 ** 64, NaN, Infinity, -Infinity]))
    const span = () => ({ offset: chance.is(0.7) ? 1 : chance.pick([0, -1, 2 ** 31, -(2 ** 31), 2 ** 52, 5000]), length: 1 })
    const point = () => ({ time: whole(), start: whole(), stale: chance.is(0.1), value: number() })
    const histogram = (): FloatHistogram => ({
      ...{ schema: chance.pick([-53, 0, 0, 8, 60]), count: number(), sum: number(), zeroThreshold: number(), zeroCount: number() },
      ...{ customBounds: [number(), number()], resetHint: chance.pick(['unknown', 'gauge']) },
      ...{ positiveSpans: [span(), span()], positiveCounts: [number(), number()] },
      ...{ negativeSpans: [span()], negativeCounts: [number()] },
    })
    const seen = new Map<number, number>()
    for (let i = 0; i < 1500; i++) {
      const all = [
        series('up', 1, { samples: [point()], exemplars: [{ labels: [['trace_id', 'x']], value: number(), time: whole() }] }),
        { ...series('h', 0, { samples: [] }), histograms: chance.is(0.5) ? [{ ...point(), histogram: histogram() }] : [] },
      ]
      const version = chance.pick([1, 2] as const)
      const bytes = Uint8Array.from(version === 1 ? writeV1(all, [['up', { type: 'gauge', help: 'Is it?', unit: '' }]]) : writeV2(all))
      for (let n = chance.int(3); n > 0; n--) {
        const from = chance.int(bytes.length)
        bytes.fill(chance.pick([0, 1, 0x7f, 0x80, 0xff, 0x0a, 0x12, chance.int(256)]), from, from + 1 + chance.int(4))
      }
      const { status } = await answered(version, bytes)
      seen.set(status, (seen.get(status) ?? 0) + 1)
    }
    expect([...seen.keys()].toSorted()).toEqual([204, 400])
    expect(seen.get(204)).toBeGreaterThan(100)
    expect(cx.budget.used).toBe(0)
  })
  test('by GET', async () => {
    const { url } = await world()
    const response = await fetch(`${url}/api/v1/write`)
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'POST'])
  })
  test('another path', async () => {
    const { answered } = await world({ path: '/push' })
    expect((await answered(2, good, {}, '/push')).status).toBe(204)
    expect((await answered(2, good)).status).toBe(404)
  })
  test('memory is short: before and while a body is read', async () => {
    const budget = new Budget()
    const { answered } = await world({}, { budget })
    const limit = budget.limit(1000, 1100)
    budget.charge(1050)
    const refused = await answered(2, good)
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1'])
    budget.refund(1050)
    const large = Array.from({ length: 100 }, (_, i) => series(`noise${Math.sin(i)}`, Math.cos(i)))
    expect((await answered(2, writeV2(large))).status).toBe(503)
    expect(budget.used).toBe(0)
    limit[Symbol.dispose]()
    expect((await answered(2, good)).status).toBe(204)
  })
  test('only who is let in', async () => {
    const authenticator = {
      check(headers: Readonly<Record<string, unknown>>) {
        if (headers['authorization'] !== 'Bearer yes') throw new UnauthenticatedError('no token')
      },
      headers: () => ({}),
    }
    const { answered } = await world({ auth: { authenticator: 'who' } }, { authenticators: { who: authenticator } })
    const refused = await answered(2, good)
    expect([refused.status, refused.text, refused.headers.get('www-authenticate')]).toEqual([401, 'no token\n', 'Bearer, Basic'])
    expect((await answered(2, good, { authorization: 'Bearer yes' })).status).toBe(204)
  })
  test('while it shuts down', async () => {
    const { answered, component } = await world()
    await component.shutdown?.(AbortSignal.timeout(1000))
    expect((await answered(2, good)).status).toBe(503)
  })
})

describe('exemplars without a sample', () => {
  const exemplar = (time: number) => ({ labels: [], value: time, time })
  const alone = (name: string, ...times: number[]) => series(name, 0, { samples: [], exemplars: times.map(exemplar) })
  const send = (version: 1 | 2, ...all: RemoteSeries[]) => (version === 1 ? writeV1(all) : writeV2(all))
  /** of each series in each batch, the values of its exemplars */
  const exemplarsOf = (kept: Kept) =>
    kept.batches.map(({ numbers, exemplars, dictionary }) =>
      Array.from(
        numbers.series,
        (id, row) => `${dictionary.series(id).name} ${Array.from(exemplars.value).filter((_, i) => exemplars.row[i] === row)}`,
      ),
    )

  test.each([1, 2] as const)('%i.0: wait for the next sample of their series, once', async version => {
    const { answered, kept } = await world()
    const first = await answered(version, send(version, series('up', 1), alone('up', 1, 2), alone('down', 3)))
    if (version === 2) expect(written(first.headers)).toEqual(['1', '0', '3'])
    const labels = [...series('up', 1).labels].reverse()
    await answered(version, send(version, series('other', 1), series('up', 2, { labels, exemplars: [exemplar(4)] })))
    await answered(version, send(version, series('up', 3)))
    expect(exemplarsOf(kept)).toEqual([['up '], ['other ', 'up 1,2,4'], ['up ']])
  })

  test('a request that must come again takes none, and adds none', async () => {
    const { answered, kept } = await world()
    await answered(1, send(1, alone('up', 1)))
    kept.problem = new RetryableError('try later')
    const message = send(1, series('up', 1), alone('up', 2))
    expect((await answered(1, message)).status).toBe(503)
    kept.problem = undefined
    await answered(1, message)
    await answered(1, send(1, series('up', 2)))
    expect(exemplarsOf(kept)).toEqual([['up 1'], ['up 2']])
  })

  test('the oldest are lost where there are too many', async () => {
    const { answered, kept } = await world({ max_waiting_exemplars: 3 })
    await answered(1, send(1, alone('a', 1, 2), alone('b', 3), alone('c', 4)))
    await answered(1, send(1, series('a', 1), series('b', 1), series('c', 1)))
    expect(exemplarsOf(kept)).toEqual([['a ', 'b 3', 'c 4']])
  })

  test.each<[number, [string, number][], number, string[]]>([
    [
      3,
      [
        ['a', 2],
        ['b', 1],
      ],
      0,
      ['a', 'b'],
    ],
    [
      3,
      [
        ['a', 2],
        ['b', 2],
      ],
      2,
      ['b'],
    ],
    [3, [['a', 5]], 2, ['a']],
    [
      3,
      [
        ['a', 1],
        ['b', 1],
        ['a', 2],
      ],
      1,
      ['b', 'a'],
    ],
    [0, [['a', 1]], 1, []],
  ])('at most %i of %j: %i are lost, and %j have some', (most, all, lost, left) => {
    const waiting = new WaitingExemplars(most)
    const labels = (name: string) => [['__name__', name]] as const
    const all2 = all.map(([name, count]) =>
      waiting.keep(name, { labels: labels(name), exemplars: Array.from({ length: count }, (_, i) => exemplar(i)) }),
    )
    expect(all2.reduce((sum, one) => sum + one, 0)).toBe(lost)
    expect(waiting.size).toBe(all.reduce((sum, [, count]) => sum + count, -lost))
    expect(['a', 'b'].filter(name => waiting.take(name, labels(name)).length > 0).sort()).toEqual([...left].sort())
    expect(waiting.size).toBe(0)
  })
})
