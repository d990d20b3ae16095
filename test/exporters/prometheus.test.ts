import http from 'node:http'
import https from 'node:https'
import { gunzipSync } from 'node:zlib'
import { createNoopMeter } from '@opentelemetry/api'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Exporter } from '../../src/component/component.ts'
import { Room } from '../../src/component/room.ts'
import prometheus from '../../src/exporters/prometheus/index.ts'
import { Raw } from '../../src/model/raw.ts'
import { createReader } from '../../src/otlp/reader.ts'
import { encode } from '../../src/otlp/write.ts'
import { decodedSamples, decodePage } from '../exposition/decode.ts'
import { openSamplesOf, parsePage, samplesOf } from '../exposition/parse.ts'
import { createAuthority } from '../kit/certificates.ts'
import { VirtualClock } from '../kit/clock.ts'
import { testContext } from '../kit/context.ts'
import { fingerprint, paperworkContract, read, surroundings, takingExporterContract } from '../kit/contract.ts'
import { golden } from '../kit/golden.ts'
import { metricsRequest } from '../kit/otlp.ts'

paperworkContract(prometheus)
takingExporterContract({ factory: prometheus, settings: { endpoint: '127.0.0.1:0' } })

type Attributes = Record<string, unknown>
interface PointOptions {
  readonly attributes?: Attributes
  /** ms since the test began; the time defaults to now */
  readonly start?: number
  readonly at?: number
  readonly flags?: number
  readonly exemplars?: object[]
}

const begun = 1_700_000_000_000
const openText = 'application/openmetrics-text;version=1.0.0'
const delimited = 'application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited'

/** An exporter on a free port, a reader, and words to write points with. */
async function set(settings: object = {}) {
  const clock = new VirtualClock(begun)
  const reader = createReader({ now: () => clock.now() })
  const cx = testContext({ id: 'prometheus', clock, reader })
  const exporter = prometheus.create.metrics!(
    cx,
    prometheus.config.parse({ endpoint: '127.0.0.1:0', without_scope_info: true, ...settings }),
  )
  await exporter.start!()
  onTestFinished(() => exporter.shutdown!(AbortSignal.abort()))
  const url = cx.urls[0]!.url
  const account = cx.account('metrics')
  const nanos = (ms: number) => BigInt(begun + ms) * 1_000_000n
  const time = (options: PointOptions) => ({
    ...(options.start === undefined ? {} : { startTimeUnixNano: nanos(options.start) }),
    timeUnixNano: nanos(options.at ?? clock.now() - begun),
    attributes: options.attributes ?? {},
    ...(options.flags === undefined ? {} : { flags: options.flags }),
    ...(options.exemplars === undefined ? {} : { exemplars: options.exemplars }),
  })
  const page = async (accept = 'text/plain'): Promise<string> => {
    const answer = await fetch(url, { headers: { accept } })
    expect(answer.status).toBe(200)
    return answer.text()
  }
  return {
    ...{ clock, reader, cx, exporter, url, account },
    number: (value: number, options: PointOptions = {}) => ({ ...time(options), asDouble: value }),
    histogram: (bucketCounts: number[], explicitBounds: number[], sum: number, options: PointOptions = {}) => ({
      ...{ ...time(options), bucketCounts, explicitBounds, sum, count: bucketCounts.reduce((a, b) => a + b, 0) },
    }),
    /** Sends metrics of one scope; the balance must hold afterwards. */
    async send(metrics: object[], resource: Attributes = {}, scope: object = {}) {
      const bytes = encode('metrics', { resourceMetrics: [{ resource: { attributes: resource }, scopeMetrics: [{ scope, metrics }] }] })
      await exporter.consume(reader.read('metrics', Raw.of(bytes)))
      expect(cx.ledger.imbalance).toBe(0)
    },
    page,
    /** The samples without `target_info`, as written. */
    async lines(): Promise<string[]> {
      const text = await page()
      parsePage(text, 'text')
      return text.split('\n').filter(line => line !== '' && !line.startsWith('#') && !line.startsWith('target_info'))
    },
  }
}

const gauge = (name: string, ...dataPoints: object[]) => ({ name, gauge: { dataPoints } })
const counter = (name: string, ...dataPoints: object[]) => ({ name, sum: { isMonotonic: true, aggregationTemporality: 2, dataPoints } })
const delta = (name: string, ...dataPoints: object[]) => ({ name, sum: { isMonotonic: true, aggregationTemporality: 1, dataPoints } })
const deltaHistogram = (name: string, ...dataPoints: object[]) => ({ name, histogram: { aggregationTemporality: 1, dataPoints } })
const exponential = (name: string, ...dataPoints: object[]) => ({ name, exponentialHistogram: { aggregationTemporality: 2, dataPoints } })

describe('what is on the page', () => {
  test('the same in three formats, as it was', async () => {
    const { send, page, number, histogram } = await set({ without_scope_info: false, send_timestamps: true })
    const exemplar = {
      ...{
        timeUnixNano: BigInt(begun) * 1_000_000n,
        asDouble: 0.3,
        traceId: '0af7651916cd43dd8448eb211c80319c',
        spanId: 'b7ad6b7169203331',
      },
      filteredAttributes: [{ key: 'user.id', value: { stringValue: 'u1' } }],
    }
    await send(
      [
        {
          ...counter('http.requests', number(3, { attributes: { 'http.method': 'GET', code: 200 }, exemplars: [exemplar] })),
          unit: '{request}',
          description: 'Requests.',
        },
        { ...gauge('cpu.utilization', number(0.25)), unit: '1' },
        { name: 'memory', unit: 'By', sum: { aggregationTemporality: 2, dataPoints: [number(1e6)] } },
        {
          name: 'latency',
          unit: 's',
          histogram: { aggregationTemporality: 2, dataPoints: [histogram([1, 2, 3], [0.5, 1], 4.5, { exemplars: [exemplar] })] },
        },
        {
          ...exponential('size', {
            ...number(0),
            asDouble: undefined,
            count: 6,
            sum: 20,
            scale: 0,
            zeroCount: 1,
            positive: { offset: 0, bucketCounts: [2, 3] },
          }),
          unit: 'By/s',
        },
        {
          name: 'rpc',
          summary: {
            dataPoints: [{ ...number(0), asDouble: undefined, count: 4, sum: 10, quantileValues: [{ quantile: 0.5, value: 2 }] }],
          },
        },
      ],
      {
        'service.namespace': 'shop',
        'service.name': 'cart',
        'service.instance.id': 'cart-1',
        'host.name': 'h1',
        'host.cpus': [1, 'two', true],
      },
      { name: 'library', version: '1.2', attributes: { 'a.b': 'c' } },
    )
    const text = await page()
    golden('prometheus/page.txt', text)
    golden('prometheus/page.openmetrics.txt', await page(openText))
    const samples = samplesOf(parsePage(text, 'text'))
    expect(samplesOf(parsePage(await page(openText), 'openmetrics'))).toEqual(samples)
  })

  test('odd bodies: three formats that agree, whatever comes', async () => {
    const { exporter, reader, page, url, cx } = await set({ translation_strategy: 'NoTranslation' })
    for (let seed = 1; seed <= 60; seed++) await exporter.consume(reader.read('metrics', Raw.of(metricsRequest({ odd: true }, seed))))
    expect(cx.ledger.imbalance).toBe(0)
    for (const escaping of ['underscores', 'allow-utf-8', 'dots', 'values']) {
      const parsed = parsePage(await page(`text/plain;escaping=${escaping}`), 'text')
      const [samples, open] = [samplesOf(parsed), openSamplesOf(parsed)]
      expect(open.size).toBeGreaterThan(100)
      expect(open.size).toBeLessThan(samples.size)
      expect(samplesOf(parsePage(await page(`${openText};escaping=${escaping}`), 'openmetrics'))).toEqual(open)
      const answer = await fetch(url, { headers: { accept: `${delimited};escaping=${escaping}` } })
      expect(decodedSamples(decodePage(new Uint8Array(await answer.arrayBuffer())))).toEqual(samples)
    }
  })

  test.each([
    [{ namespace: 'my.app' }, 'my_app_http_requests_bytes_total{a_b="1"} 1'],
    [{ const_labels: { region: 'eu', 'bad.name': 'x' } }, 'http_requests_bytes_total{a_b="1",bad_name="x",region="eu"} 1'],
    [{ send_timestamps: true }, `http_requests_bytes_total{a_b="1"} 1 ${begun}`],
    [{ add_metric_suffixes: false }, 'http_requests{a_b="1"} 1'],
    [{ add_metric_suffixes: false, translation_strategy: 'NoTranslation' }, 'http_requests{a_b="1"} 1'],
    [{ translation_strategy: 'NoUTF8EscapingWithSuffixes' }, 'http_requests_bytes_total{a_b="1"} 1'],
    [{ without_scope_info: false }, 'http_requests_bytes_total{a_b="1",otel_scope_name="lib",otel_scope_version="2"} 1'],
  ])('%j', async (settings, want) => {
    const { send, lines, number } = await set(settings)
    await send([{ ...counter('http.requests', number(1, { attributes: { 'a.b': '1' } })), unit: 'By' }], {}, { name: 'lib', version: '2' })
    expect(await lines()).toEqual([want])
  })

  test('resource attributes: in target_info, and as labels when asked', async () => {
    const resource = { 'service.name': 'cart', 'service.instance.id': 'i', 'host.name': 'h', host_name: 'h2' }
    const plain = await set()
    await plain.send([gauge('a', plain.number(1))], resource)
    expect(await plain.page()).toContain('target_info{host_name="h;h2",instance="i",job="cart"} 1\n')
    expect(await plain.lines()).toEqual(['a{instance="i",job="cart"} 1'])
    const all = await set({ resource_to_telemetry_conversion: { enabled: true } })
    await all.send([gauge('a', all.number(1, { attributes: { 'host.name': 'point' } }))], resource)
    expect(await all.lines()).toEqual(['a{host_name="h;h2",instance="i",job="cart",service_instance_id="i",service_name="cart"} 1'])
    const some = await set({ resource_to_telemetry_conversion: { enabled: true, exclude_service_attributes: true } })
    await some.send([gauge('a', some.number(1))], resource)
    expect(await some.lines()).toEqual(['a{host_name="h;h2",instance="i",job="cart"} 1'])
  })

  test('no target_info without both a job and an instance; it goes with its last series', async () => {
    const { send, page, number, clock } = await set({ metric_expiration: '1m' })
    await send([gauge('a', number(1))], { 'service.name': 'alone' })
    expect(await page()).not.toContain('target_info')
    await send([gauge('b', number(1))], { 'service.name': 'x', 'service.instance.id': 'y', zone: 'z' })
    expect(await page()).toContain('target_info{instance="y",job="x",zone="z"} 1')
    await clock.advance(180_000)
    expect(await page()).toBe('')
  })

  test('labels that come out the same are joined; job, instance and scope are not overwritten; le is kept apart', async () => {
    const { send, lines, number, histogram } = await set()
    const resource = { 'service.name': 's' }
    await send([gauge('a', number(1, { attributes: { 'x.y': '1', x_y: '2', job: 'mine', '': 'e', empty: '' } }))], resource)
    await send([{ name: 'h', histogram: { aggregationTemporality: 2, dataPoints: [histogram([1], [], 1, { attributes: { le: 'x' } })] } }])
    expect(await lines()).toEqual([
      'a{_="e",job="s",x_y="1;2"} 1',
      'h_bucket{exported_le="x",le="+Inf"} 1',
      'h_sum{exported_le="x"} 1',
      'h_count{exported_le="x"} 1',
    ])
  })

  test('a const label called le does not make a bucket of a histogram', async () => {
    const { send, lines, histogram } = await set({ const_labels: { le: 'x' } })
    await send([{ name: 'h', histogram: { aggregationTemporality: 2, dataPoints: [histogram([1], [], 1)] } }])
    expect(await lines()).toEqual(['h_bucket{exported_le="x",le="+Inf"} 1', 'h_sum{exported_le="x"} 1', 'h_count{exported_le="x"} 1'])
  })

  test('values of every kind', async () => {
    const { send, lines, number } = await set()
    const attributes = { a: true, b: 1.5, c: 9007199254740993n, d: new Uint8Array([0, 1, 2]), e: [1, 'x', [true]], f: null }
    await send([gauge('m', number(Number.NaN, { attributes }))])
    expect(await lines()).toEqual(['m{a="true",b="1.5",c="9007199254740993",d="AAEC",e="[1,\\"x\\",[true]]"} NaN'])
  })
})

describe('two that want one name', () => {
  test('of two types the first stays, the other is dropped, counted, and said once', async () => {
    const { send, lines, number, histogram, account, cx } = await set()
    await send([gauge('a.b', number(1)), counter('a_b', number(2)), { ...gauge('c_sum', number(3)) }])
    await send([counter('a_b_', number(2)), { name: 'a.b', histogram: { aggregationTemporality: 2, dataPoints: [histogram([1], [], 1)] } }])
    await send([{ name: 'c', histogram: { aggregationTemporality: 2, dataPoints: [histogram([1], [], 1)] } }])
    expect(await lines()).toEqual(['a_b 1', 'a_b_total 2', 'c_sum 3'])
    expect(Object.fromEntries(account.dropped)).toEqual({ type_conflict: 2 })
    expect(cx.lines.filter(line => line.level === 'warn')).toEqual([
      {
        level: 'warn',
        message: expect.stringContaining('same name'),
        fields: expect.objectContaining({ reason: 'type_conflict', metric: 'a.b' }),
      },
    ])
  })

  test('the loser gets the name when the winner has gone', async () => {
    const { send, lines, number, clock } = await set({ metric_expiration: '1m', add_metric_suffixes: false })
    await send([gauge('a.b', number(1))])
    for (let i = 0; i < 5; i++) {
      await clock.advance(30_000)
      await send([counter('a_b', number(i))])
    }
    expect(await lines()).toEqual(['a_b 4'])
  })

  test('of two that look the same the newest point stays', async () => {
    const { send, lines, number, account } = await set()
    await send([gauge('a', number(1, { at: 10 }))], { zone: 'one' })
    await send([gauge('a', number(2, { at: 20 }))], { zone: 'two' })
    await send([gauge('a', number(3, { at: 15 }))], { zone: 'one' })
    expect(await lines()).toEqual(['a 2'])
    expect(Object.fromEntries(account.dropped)).toEqual({ duplicate_series: 1 })
  })

  test('and so do a delta and a cumulative counter, which cannot be one: the first stays', async () => {
    const { send, lines, number, account } = await set()
    await send([delta('a', number(1))], { zone: 'one' })
    await send([counter('a', number(7))], { zone: 'two' })
    expect(await lines()).toEqual(['a_total 1'])
    expect(account.dropped.get('type_conflict')).toBe(1)
  })

  test('the first description stays', async () => {
    const { send, page, number } = await set()
    await send([
      { ...gauge('a.b', number(1)), description: 'one' },
      { ...gauge('a_b', number(1, { attributes: { x: 1 } })), description: 'another' },
    ])
    expect(await page()).toContain('# HELP a_b one\n')
  })

  test('only when names are escaped for an old scraper: the first stays, and it is said', async () => {
    const { send, page, number, cx } = await set({ translation_strategy: 'NoTranslation' })
    await send([gauge('a.b', number(1)), gauge('a_b', number(2)), counter('a-b', number(3))])
    expect(await page('text/plain;escaping=allow-utf-8')).toContain('{"a.b"} 1\n')
    expect(cx.lines).toEqual([])
    expect(await page()).toBe('# TYPE a_b counter\na_b 3\n')
    expect(cx.lines).toEqual([{ level: 'warn', message: expect.stringContaining('escaping'), fields: { rows: 2 } }])
  })

  describe('target_info of Prometheus, as remote write brings it', () => {
    const told = (type: string, ...dataPoints: object[]) => ({
      ...{ name: 'target_info', metadata: { 'prometheus.type': type }, gauge: { dataPoints } },
    })
    const job = { 'service.name': 'cart', 'service.instance.id': 'i' }
    const infos = async (page: () => Promise<string>) =>
      (await page()).split('\n').filter(line => /^target_info|TYPE target_info/.test(line))

    test.each(['unknown', 'gauge', 'info'])('of type %s stands beside what resources say', async type => {
      const { send, page, number, account } = await set()
      await send([gauge('a', number(1))], { ...job, zone: 'z' })
      await send([told(type, number(1, { attributes: { host: 'h' } })), gauge('b', number(1))], { ...job, 'service.name': 'shop' })
      await send([told(type, number(1, { attributes: { host: 'h', replica: 'r' } }))])
      const lines = await infos(page)
      expect(lines[0]).toBe('# TYPE target_info gauge')
      expect(lines.slice(1).sort()).toEqual([
        'target_info{host="h",instance="i",job="shop"} 1',
        'target_info{host="h",replica="r"} 1',
        'target_info{instance="i",job="cart",zone="z"} 1',
      ])
      parsePage(await page(openText), 'openmetrics')
      expect(Object.fromEntries(account.dropped)).toEqual({})
    })

    test('of one target, what was told stands instead; when it has ended, what the resource says', async () => {
      const { send, page, number, account, clock } = await set({ metric_expiration: '5m' })
      const tell = (flags: number) => send([told('gauge', number(1, { attributes: { host: 'h' }, flags }))], job)
      const own = 'target_info{instance="i",job="cart",zone="z"} 1'
      await tell(0)
      await send([gauge('a', number(1))], { ...job, zone: 'z' })
      expect((await infos(page)).slice(1)).toEqual(['target_info{host="h",instance="i",job="cart"} 1'])
      await clock.advance(1000)
      await tell(1)
      expect((await infos(page)).slice(1)).toEqual([own])
      for (let minute = 0; minute < 9; minute++) {
        await clock.advance(60_000)
        await send([gauge('a', number(1))], { ...job, zone: 'z' })
      }
      expect((await infos(page)).slice(1)).toEqual([own])
      await clock.advance(10 * 60_000)
      expect(await infos(page)).toEqual([])
      await tell(0)
      expect((await infos(page)).slice(1)).toEqual(['target_info{host="h",instance="i",job="cart"} 1'])
      expect(Object.fromEntries(account.dropped)).toEqual({})
    })

    test('a resource that is a job and an instance takes nothing away that another has said', async () => {
      const { send, page, number } = await set()
      await send([gauge('a', number(1))], { ...job, zone: 'z' })
      await send([gauge('b', number(1))], job)
      expect((await infos(page)).slice(1)).toEqual(['target_info{instance="i",job="cart",zone="z"} 1'])
    })
  })

  test('a metric called target_info that is not of Prometheus is refused', async () => {
    const { send, lines, number, account } = await set()
    await send([gauge('target.info', number(5))])
    expect(await lines()).toEqual([])
    expect(account.dropped.get('type_conflict')).toBe(1)
  })
})

describe('what is dropped', () => {
  test.each([
    ['invalid_name', [gauge('字', { asDouble: 1, timeUnixNano: 1n })]],
    ['unspecified_temporality', [{ name: 'a', sum: { dataPoints: [{ asDouble: 1, timeUnixNano: 1n }] } }]],
    ['unsupported_scale', [exponential('a', { scale: -5, count: 1, timeUnixNano: 1n, positive: { offset: 0, bucketCounts: [1] } })]],
  ])('%s', async (reason, metrics) => {
    const { send, account, lines } = await set()
    await send(metrics)
    expect(Object.fromEntries(account.dropped)).toEqual({ [reason]: 1 })
    expect(await lines()).toEqual([])
  })

  test('series past max_series, until there is room again', async () => {
    const { send, lines, number, account, clock, cx } = await set({ max_series: 2, metric_expiration: '1m' })
    const many = [1, 2, 3, 4].map(i => gauge('a', number(i, { attributes: { i } })))
    await send(many)
    expect(await lines()).toEqual(['a{i="1"} 1', 'a{i="2"} 2'])
    expect(account.dropped.get('series_limit')).toBe(2)
    expect(cx.lines.filter(line => line.level === 'warn')).toHaveLength(1)
    await clock.advance(120_000)
    await send(many.slice(2))
    expect(await lines()).toEqual(['a{i="3"} 3', 'a{i="4"} 4'])
  })

  test('rows that the reader gave no series', async () => {
    const { exporter, account, cx, number } = await set()
    const small = createReader({ maxSeries: 1 })
    const body = encode('metrics', {
      resourceMetrics: [
        { scopeMetrics: [{ metrics: [gauge('a', number(1, { attributes: { i: 1 } }), number(1, { attributes: { i: 2 } }))] }] },
      ],
    })
    await exporter.consume(small.read('metrics', Raw.of(body)))
    expect(account.dropped.get('series_limit')).toBe(1)
    expect(account.taken).toBe(1)
    expect(cx.ledger.imbalance).toBe(0)
  })

  test('points older than what is there', async () => {
    const { send, lines, number, account } = await set()
    await send([gauge('a', number(2, { at: 20 }), number(1, { at: 10 }), number(3, { at: 20 }))])
    expect(await lines()).toEqual(['a 3'])
    expect(account.dropped.get('out_of_order')).toBe(1)
  })
})

describe('time', () => {
  test.each([3_600_000, -3_600_000])(
    'the machine’s clock is set by %d ms: what is alive stays, what has ended goes in time',
    async jump => {
      const { send, lines, number, clock } = await set({ metric_expiration: '2m' })
      await send([gauge('alive', number(1)), gauge('ended', number(1))])
      clock.jump(jump)
      await clock.advance(60_000)
      expect(await lines()).toEqual(['alive 1', 'ended 1'])
      await clock.advance(90_000)
      await send([gauge('alive', number(2))])
      expect(await lines()).toEqual(['alive 2'])
    },
  )

  test('unless told otherwise, a series that has stopped leaves the page after five minutes', async () => {
    const { send, lines, number, clock } = await set()
    await send([gauge('a', number(1))])
    await clock.advance(4 * 60_000)
    expect(await lines()).toEqual(['a 1'])
    await clock.advance(90_000)
    expect(await lines()).toEqual([])
  })

  test('a series that is not updated leaves the page, and comes back as new', async () => {
    const { send, lines, number, clock } = await set({ metric_expiration: '2m' })
    await send([delta('a', number(5)), gauge('b', number(1))])
    await clock.advance(100_000)
    await send([gauge('b', number(2))])
    await clock.advance(30_000)
    expect(await lines()).toEqual(['b 2'])
    await clock.advance(100_000)
    expect(await lines()).toEqual([])
    await send([delta('a', number(7))])
    expect(await lines()).toEqual(['a_total 7'])
  })

  test('a series that says it has ended leaves the page at once', async () => {
    const { send, lines, number, account } = await set()
    await send([gauge('a', number(1, { at: 1 })), delta('b', number(4, { at: 1 }))])
    await send([gauge('a', number(0, { at: 2, flags: 1 })), delta('b', number(0, { at: 2, flags: 1 }))])
    expect(await lines()).toEqual([])
    await send([delta('b', number(5, { at: 3 }))])
    expect(await lines()).toEqual(['b_total 5'])
    expect(account.droppedTotal).toBe(0)
  })

  test('an id that comes to name another series does not take its value along', async () => {
    const { send, lines, number, clock, reader } = await set({ metric_expiration: '60m' })
    await send([delta('a', number(5))])
    await clock.advance(60_000)
    expect(reader.sweep(clock.now(), 1000)).toBe(1)
    await send([delta('other', number(7))])
    expect(reader.dictionary.capacity).toBe(1)
    expect(await lines()).toEqual(['a_total 5', 'other_total 7'])
  })

  test('two dictionaries have ids of their own', async () => {
    const { exporter, lines, number, send } = await set()
    const other = createReader()
    await send([gauge('a', number(1))])
    const body = encode('metrics', { resourceMetrics: [{ scopeMetrics: [{ metrics: [gauge('b', number(2))] }] }] })
    await exporter.consume(other.read('metrics', Raw.of(body)))
    expect(await lines()).toEqual(['a 1', 'b 2'])
  })
})

describe('deltas', () => {
  test('are added up; what is older or the same is not', async () => {
    const { send, lines, number, account } = await set()
    await send([delta('a', number(5, { start: 0, at: 10 }), number(2, { start: 10, at: 20 }))])
    await send([delta('a', number(100, { start: 0, at: 10 })), delta('a', number(100, { start: 10, at: 20 }))])
    await send([delta('a', number(1, { start: 25, at: 30 }))])
    expect(await lines()).toEqual(['a_total 8'])
    expect(account.dropped.get('out_of_order')).toBe(2)
  })

  test('a start before the first start is a new beginning', async () => {
    const { send, lines, number } = await set()
    await send([delta('a', number(5, { start: 10, at: 20 }))])
    await send([delta('a', number(3, { start: 5, at: 30 }))])
    expect(await lines()).toEqual(['a_total 3'])
  })

  test('a sum that may fall is a gauge of all that was added', async () => {
    const { send, page, number } = await set()
    const updown = (value: number, at: number) => ({ name: 'a', sum: { aggregationTemporality: 1, dataPoints: [number(value, { at })] } })
    await send([updown(5, 1), updown(-3, 2)])
    expect(await page()).toBe('# TYPE a gauge\na 2\n')
  })

  test('of histograms: added while the bounds are the same', async () => {
    const { send, lines, histogram } = await set()
    await send([deltaHistogram('h', histogram([1, 2], [1], 5, { at: 1 }), histogram([1, 0], [1], 1, { at: 2 }))])
    expect(await lines()).toEqual(['h_bucket{le="1"} 2', 'h_bucket{le="+Inf"} 4', 'h_sum 6', 'h_count 4'])
    await send([deltaHistogram('h', histogram([1, 1, 1], [1, 2], 4, { at: 3 }))])
    expect(await lines()).toEqual(['h_bucket{le="1"} 1', 'h_bucket{le="2"} 2', 'h_bucket{le="+Inf"} 3', 'h_sum 4', 'h_count 3'])
  })

  test('against a model: any mix of deltas, resets and late points', async () => {
    const { send, lines, number, cx } = await set()
    const model = new Map<number, { value: number; time: number; start: number }>()
    for (let step = 1; step <= 400; step++) {
      const i = Math.floor(cx.random() * 5)
      const at = Math.floor(cx.random() * 20) + step
      const start = Math.floor(cx.random() * 2000) - 100
      const value = Math.floor(cx.random() * 100)
      await send([delta('a', number(value, { start, at, attributes: { i } }))])
      const was = model.get(i)
      if (was === undefined || (at > was.time && start < was.start)) model.set(i, { value, time: at, start })
      else if (at > was.time) model.set(i, { value: was.value + value, time: at, start: was.start })
    }
    const want = [...model].map(([i, { value }]) => `a_total{i="${i}"} ${value}`).sort()
    expect((await lines()).sort()).toEqual(want)
  })

  test('of exponential histograms: added at the coarser scale, and never wider than 160 buckets', async () => {
    const { url, number, send } = await set()
    const one = (scale: number, offset: number, bucketCounts: number[], at: number) => ({
      name: 'e',
      exponentialHistogram: {
        aggregationTemporality: 1,
        dataPoints: [
          {
            ...number(0, { at }),
            asDouble: undefined,
            scale,
            count: bucketCounts.reduce((a, b) => a + b),
            sum: 1,
            positive: { offset, bucketCounts },
          },
        ],
      },
    })
    const native = async () => {
      const bytes = new Uint8Array(await (await fetch(url, { headers: { accept: delimited } })).arrayBuffer())
      return decodePage(bytes)[0]!.metrics[0]!.native!
    }
    await send([one(1, 0, [1, 2], 1), one(0, 1, [4], 2)])
    expect(await native()).toMatchObject({
      schema: 0,
      positive: new Map([
        [1, 3],
        [2, 4],
      ]),
    })
    await send([one(0, 400, [8], 3)])
    const wide = await native()
    expect(wide.schema).toBe(-2)
    expect([...wide.positive.values()].reduce((a, b) => a + b)).toBe(15)
    await send([one(20, 0, [1], 4)])
    expect((await native()).schema).toBe(-2)
  })
})

test('a series whose type is told later is in its place on the page, as one that was told', async () => {
  const { send, page, number, account } = await set({ max_series: 1 })
  const typed = (metric: object, type: string) => ({ ...metric, metadata: [{ key: 'prometheus.type', value: { stringValue: type } }] })
  const exemplars = [
    { timeUnixNano: BigInt(begun) * 1_000_000n, asDouble: 2, filteredAttributes: [{ key: 'of', value: { stringValue: 'two' } }] },
  ]
  await send([typed(gauge('rows_total', number(1, { at: 1000 })), 'unknown')])
  expect(await page()).toContain('# TYPE rows_total untyped\nrows_total 1\n')
  await send([{ ...typed(counter('rows_total', number(2, { at: 2000, exemplars })), 'counter'), description: 'Rows.' }])
  expect(await page(openText)).toContain(`# TYPE rows counter\n# HELP rows Rows.\nrows_total 2.0 # {of="two"} 2 ${begun / 1000}\n`)
  await send([typed(counter('rows_total', number(1, { at: 1000 })), 'counter')])
  expect(account.dropped).toEqual(new Map([['out_of_order', 1]]))
})

describe('exemplars', () => {
  const exemplar = (value: number, ms: number, attributes: Attributes = {}) => ({
    ...{ timeUnixNano: BigInt(begun + ms) * 1_000_000n, asDouble: value, spanId: 'b7ad6b7169203331' },
    filteredAttributes: Object.entries(attributes).map(([key, stringValue]) => ({ key, value: { stringValue } })),
  })
  const exemplars = async (page: string) => page.split('\n').flatMap(line => line.split(' # ').slice(1))

  test('a counter keeps the newest, a gauge none', async () => {
    const { send, page, number } = await set()
    const list = [exemplar(1, 5, { 'a.b': 'x', trace_id: 'not one' }), exemplar(2, 3)]
    await send([counter('c', number(1, { exemplars: list })), gauge('g', number(1, { exemplars: list }))])
    expect(await exemplars(await page(openText))).toEqual(['{span_id="b7ad6b7169203331",a_b="x"} 1 1700000000.005'])
    expect(await exemplars(await page())).toEqual([])
  })

  test('labels of exemplars are plain, whatever the names on the page', async () => {
    const { send, page, number } = await set({ translation_strategy: 'NoTranslation' })
    await send([counter('c', number(1, { exemplars: [exemplar(1, 1, { 'a.b': 'x' })] }))])
    expect(await exemplars(await page(openText))).toEqual(['{span_id="b7ad6b7169203331",a_b="x"} 1 1700000000.001'])
  })

  test('a histogram keeps the newest of each bucket, over many points', async () => {
    const { send, page, histogram } = await set()
    const point = (at: number, ...list: object[]) => ({
      ...{ name: 'h', histogram: { aggregationTemporality: 2, dataPoints: [histogram([1, 1, 1], [1, 2], 3, { at, exemplars: list })] } },
    })
    await send([point(1, exemplar(0.5, 1), exemplar(0.6, 2), exemplar(9, 3)), point(2, exemplar(0.7, 1), exemplar(1.5, 4))])
    const shown = await exemplars(await page(openText))
    expect(shown.map(text => text.split(' ')[1])).toEqual(['0.6', '1.5', '9'])
  })

  test('attributes that do not fit are left out, huge ones are not kept', async () => {
    const { send, page, number } = await set()
    await send([counter('c', number(1, { exemplars: [exemplar(1, 1, { big: 'x'.repeat(120), small: 'y' })] }))])
    await send([counter('d', number(1, { exemplars: [exemplar(1, 1, { big: 'x'.repeat(5000), small: 'y' })] }))])
    expect(await exemplars(await page(openText))).toEqual([
      '{span_id="b7ad6b7169203331",small="y"} 1 1700000000.001',
      '{span_id="b7ad6b7169203331"} 1 1700000000.001',
    ])
  })
})

describe('HTTP', () => {
  const ask = (url: string, method: string) => fetch(url, { method })

  test('only GET and HEAD, only that path', async () => {
    const { url } = await set()
    const head = await ask(url, 'HEAD')
    expect([head.status, head.headers.get('content-type'), await head.text()]).toEqual([
      ...[200, 'text/plain; version=0.0.4; charset=utf-8; escaping=underscores', ''],
    ])
    const post = await ask(url, 'POST')
    expect([post.status, post.headers.get('allow')]).toEqual([405, 'GET, HEAD'])
    expect((await ask(url.replace('/metrics', '/'), 'GET')).status).toBe(404)
    expect((await ask(url.replace('/metrics', '/metrics/x'), 'GET')).status).toBe(404)
    expect((await ask(`${url}?name[]=a`, 'GET')).status).toBe(200)
  })

  test('path', async () => {
    const { url } = await set({ path: '/prom' })
    expect(url).toMatch(/\/prom$/)
    expect((await ask(url, 'GET')).status).toBe(200)
  })

  test('compressed when the scraper takes it', async () => {
    const { url, send, number } = await set()
    await send([gauge('a', number(1))])
    const body = await new Promise<Buffer>((resolve, reject) => {
      const request = http.get(url, { headers: { 'accept-encoding': 'gzip' } }, response => {
        expect(response.headers['content-encoding']).toBe('gzip')
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => resolve(Buffer.concat(chunks)))
      })
      request.on('error', reject)
    })
    expect(gunzipSync(body).toString()).toBe('# TYPE a gauge\na 1\n')
  })

  test('OpenMetrics is not offered where it is turned off', async () => {
    const { url } = await set({ enable_open_metrics: false })
    const answer = await fetch(url, { headers: { accept: openText } })
    expect(answer.headers.get('content-type')).toContain('text/plain')
  })

  test('as many scrapes at once as allowed: a slow one holds its place', async () => {
    const { url, send, number } = await set({ max_concurrent_scrapes: 1 })
    // more than socket buffers hold, so that the page is still being sent
    const text = 'x'.repeat(10_000)
    for (let n = 0; n < 2000; n += 500)
      await send(Array.from({ length: 500 }, (_, k) => gauge('a', number(1, { attributes: { text, i: n + k } }))))
    const slow = await new Promise<http.IncomingMessage>(resolve => http.get(url, resolve))
    slow.pause()
    const second = await ask(url, 'GET')
    expect([second.status, second.headers.get('retry-after')]).toEqual([503, '1'])
    slow.destroy()
    await expect.poll(async () => (await ask(url, 'HEAD')).status).toBe(200)
    await expect.poll(async () => (await ask(url, 'GET')).status).toBe(200)
  })

  test('while a page is being sent nothing is freed', async () => {
    const { url, send, number, clock, lines } = await set({ metric_expiration: '1m' })
    const text = 'x'.repeat(10_000)
    for (let n = 0; n < 2000; n += 500)
      await send(Array.from({ length: 500 }, (_, k) => gauge('a', number(1, { attributes: { text, i: n + k } }))))
    const slow = await new Promise<http.IncomingMessage>(resolve => http.get(url, resolve))
    slow.pause()
    await clock.advance(90_000)
    await send([gauge('b', number(1))])
    const chunks: Buffer[] = []
    for await (const chunk of slow) chunks.push(chunk as Buffer)
    expect(parsePage(Buffer.concat(chunks).toString(), 'text').get('a')!.samples.length).toBeLessThan(2000)
    await clock.advance(31_000)
    expect(await lines()).toEqual(['b 1'])
  })

  test('a scraper that takes nothing is cut off', async () => {
    const { url, send, number, clock } = await set()
    const text = 'x'.repeat(10_000)
    for (let n = 0; n < 2000; n += 500)
      await send(Array.from({ length: 500 }, (_, k) => gauge('a', number(1, { attributes: { text, i: n + k } }))))
    const slow = await new Promise<http.IncomingMessage>(resolve => http.get(url, resolve))
    slow.pause()
    const cut = new Promise<boolean>(resolve => slow.on('close', () => resolve(slow.complete)))
    await clock.advance(121_000)
    slow.on('error', () => {}).resume()
    expect(await cut).toBe(false)
  })

  test('scrapes are counted by outcome', async () => {
    const counted: unknown[] = []
    const meter = Object.assign(createNoopMeter(), {
      createCounter: (name: string) => ({ add: (n: number, attributes: object) => counted.push([name, n, attributes]) }),
    })
    const cx = testContext({ id: 'prometheus', meter })
    const exporter = prometheus.create.metrics!(cx, prometheus.config.parse({ endpoint: '127.0.0.1:0' }))
    await exporter.start!()
    onTestFinished(() => exporter.shutdown!(AbortSignal.abort()))
    await (await fetch(cx.urls[0]!.url)).text()
    await expect.poll(() => counted).toEqual([['thalamus_prometheus_scrapes', 1, { outcome: 'served' }]])
  })

  test('over TLS', async () => {
    const authority = createAuthority()
    const { cert, key } = authority.issue('localhost')
    const files = { read: async (path: string) => Buffer.from(path === 'cert.pem' ? cert : key) }
    const cx = testContext({ id: 'prometheus', files })
    const settings = { endpoint: '127.0.0.1:0', tls: { cert_file: 'cert.pem', key_file: 'key.pem' } }
    const exporter = prometheus.create.metrics!(cx, prometheus.config.parse(settings))
    await exporter.start!()
    onTestFinished(() => exporter.shutdown!(AbortSignal.abort()))
    const { url } = cx.urls[0]!
    expect(url).toMatch(/^https:/)
    const status = await new Promise((resolve, reject) => {
      const request = https.get(url, { ca: authority.cert, agent: false }, response => resolve(response.resume().statusCode))
      request.on('error', reject)
    })
    expect(status).toBe(200)
  })

  test('a taken port is said with its remedy', async () => {
    const { url } = await set()
    const cx = testContext({ id: 'prometheus' })
    const second = prometheus.create.metrics!(cx, prometheus.config.parse({ endpoint: new URL(url).host }))
    await expect(second.start!()).rejects.toThrow(`exporters.prometheus.endpoint: ${new URL(url).host} is taken`)
    await second.shutdown!(AbortSignal.abort())
  })
})

describe('as a component', () => {
  const create = (): { exporter: Exporter<'metrics'>; around: ReturnType<typeof surroundings> } => {
    const around = surroundings('exporter', 'prometheus')
    return { around, exporter: prometheus.create.metrics!(around.cx, prometheus.config.parse({ endpoint: '127.0.0.1:0' })) }
  }

  test('shutdown without start, and twice; no timer is left', async () => {
    const { exporter, around } = create()
    await exporter.shutdown!(AbortSignal.abort())
    await exporter.start!()
    await exporter.shutdown!(AbortSignal.abort())
    await exporter.shutdown!(AbortSignal.abort())
    expect(around.clock.pending).toBe(0)
  })

  test('has room for everything, and uses what was reserved', async () => {
    const { exporter, around } = create()
    const room = new Room()
    exporter.reserve(1e9, room)
    expect(room.mustWait).toBe(false)
    await exporter.consume(read(around.cx, 'metrics', [1, 2, 3]), room)
    expect(around.ledger.imbalance).toBe(0)
    expect(around.cx.account('metrics').accepted).toBe(3)
  })

  test('a batch is unchanged after hand-over', async () => {
    const { exporter, around } = create()
    const batch = around.cx.reader.read('metrics', Raw.of(metricsRequest({ odd: true }, 3)))
    const before = fingerprint(batch)
    batch.raw.retain()
    await exporter.consume(batch)
    expect(fingerprint(batch)).toBe(before)
  })
})
