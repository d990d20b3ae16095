import { describe, expect, onTestFinished, test } from 'vitest'
import { RetryableError } from '../../src/component/errors.ts'
import { OfferedStores } from '../../src/component/queries.ts'
import { Room } from '../../src/component/room.ts'
import store from '../../src/exporters/store/index.ts'
import type { Samples, Store } from '../../src/model/query.ts'
import { Raw } from '../../src/model/raw.ts'
import { createReader } from '../../src/otlp/reader.ts'
import { encode } from '../../src/otlp/write.ts'
import { VirtualClock } from '../kit/clock.ts'
import { testContext } from '../kit/context.ts'
import { paperworkContract, takingExporterContract } from '../kit/contract.ts'
import { MemoryDisk } from '../kit/disk.ts'

paperworkContract(store)
takingExporterContract({ factory: store })

const begun = 1_700_000_000_000

async function set(settings: object = {}, disk = new MemoryDisk()) {
  const clock = new VirtualClock(begun)
  const reader = createReader({ now: () => clock.now() })
  const queries = new OfferedStores()
  const cx = testContext({ id: 'store', clock, reader, disk, queries })
  const exporter = store.create.metrics!(cx, store.config.parse({ without_scope_info: true, ...settings }))
  await exporter.start!()
  onTestFinished(() => exporter.shutdown!(AbortSignal.abort()))
  const asked = queries.get('store') as Store
  const nanos = (ms: number) => BigInt(begun + ms) * 1_000_000n
  /** Sends it when called. */
  const read = (metrics: object[], resource: Record<string, string> = {}) => {
    const attributes = (of: object) => Object.entries(of).map(([key, value]) => ({ key, value: { stringValue: value } }))
    const body = { resourceMetrics: [{ resource: { attributes: attributes(resource) }, scopeMetrics: [{ metrics }] }] }
    const batch = reader.read('metrics', Raw.of(encode('metrics', body as never)))
    return () => exporter.consume(batch)
  }
  const send = (metrics: object[], resource: Record<string, string> = {}) => read(metrics, resource)()
  /** `name{labels}` → what it holds */
  const all = async (name: string) => {
    const found = await asked.select([{ name: '__name__', op: '=', value: name }], { from: 0, to: 2 * begun, step: 0, range: 0, func: '' })
    return new Map(found.map(({ labels, read }) => [JSON.stringify(labels.without(new Set(['__name__']))), read()]))
  }
  const values = async (name: string) => Object.fromEntries(Array.from(await all(name), ([labels, samples]) => [labels, show(samples)]))
  return { clock, cx, exporter, queries, asked, disk, read, send, all, values, nanos, account: cx.account('metrics') }
}

const show = ({ time, value, stale }: Samples) =>
  Array.from(time, (t, i) => `${t - begun}:${stale?.[i] === 1 ? 'stale' : value[i]}`).join(' ')

describe('what becomes of metrics', () => {
  test('gauges, counters with their start, target_info, metadata', async () => {
    const { send, values, all, nanos, asked, account } = await set()
    const point = (ms: number, value: number) => ({
      timeUnixNano: nanos(ms),
      startTimeUnixNano: nanos(-5000),
      asDouble: value,
      attributes: [],
    })
    await send(
      [
        { name: 'temperature', unit: 'Cel', description: 'Warmth.', gauge: { dataPoints: [point(0, 20.5), point(1000, 21)] } },
        { name: 'requests', sum: { aggregationTemporality: 2, isMonotonic: true, dataPoints: [point(0, 7)] } },
      ],
      { 'service.name': 'cart', 'service.instance.id': 'c-1', region: 'eu' },
    )
    const target = '{"instance":"c-1","job":"cart"}'
    expect(await values('temperature_celsius')).toEqual({ [target]: '0:20.5 1000:21' })
    expect(await values('requests_total')).toEqual({ [target]: '0:7' })
    expect((await all('requests_total')).get(target)!.start).toEqual(Float64Array.of(begun - 5000))
    expect((await all('temperature_celsius')).get(target)!.start).toBeUndefined()
    expect(await values('target_info')).toEqual({ '{"instance":"c-1","job":"cart","region":"eu"}': '0:1' })
    expect((await asked.metadata('temperature_celsius')).get('temperature_celsius')).toEqual([
      { type: 'gauge', unit: 'celsius', help: 'Warmth.' },
    ])
    expect([account.accepted, account.taken, account.droppedTotal]).toEqual([3, 3, 0])
  })

  test('help that changes is seen within a minute, of series that are known and of new ones', async () => {
    const { clock, send, nanos, asked } = await set()
    const help = async () => (await asked.metadata('level')).get('level')?.map(told => told.help)
    let ms = 0
    const level = async (description: string, ...rooms: string[]) => {
      ms += 1000
      const attributes = (room: string) => [{ key: 'room', value: { stringValue: room } }]
      const dataPoints = rooms.map(room => ({ timeUnixNano: nanos(ms), asDouble: 1, attributes: attributes(room) }))
      await send([{ name: 'level', description, gauge: { dataPoints } }])
    }
    await level('How full.', 'attic')
    expect(await help()).toEqual(['How full.'])
    await level('How full it is.', 'attic')
    await clock.advance(60_000)
    await level('How full it is.', 'attic')
    expect(await help()).toEqual(['How full it is.'])
    await level('How full it is.', 'attic', 'cellar')
    expect(await help()).toEqual(['How full it is.'])
    // Nothing said takes nothing back.
    await clock.advance(60_000)
    await level('', 'attic', 'cellar', 'hall')
    expect(await help()).toEqual(['How full it is.'])
    await level('How full it is now.', 'loft')
    expect(await help()).toEqual(['How full it is now.'])
  })

  test('a series whose type is told later goes on, counts once against max_series, and keeps what it was told', async () => {
    const { clock, read, send, values, nanos, asked, account } = await set({ max_series: 2 })
    const round = (ms: number, metric: object, type: string) => {
      const dataPoints = ['a', 'b'].map(room => ({
        timeUnixNano: nanos(ms),
        asDouble: ms,
        attributes: [{ key: 'room', value: { stringValue: room } }],
      }))
      const points = type === 'counter' ? { sum: { aggregationTemporality: 2, isMonotonic: true, dataPoints } } : { gauge: { dataPoints } }
      return { name: 'bytes', metadata: [{ key: 'prometheus.type', value: { stringValue: type } }], ...metric, ...points }
    }
    const told = { description: 'Bytes.', unit: 'By' }
    await send([round(0, {}, 'unknown')])
    expect([...(await asked.metadata('bytes')).values()]).toEqual([])
    // Two wait while what tells of them has been read.
    const [second, third] = [read([round(1000, {}, 'unknown')]), read([round(2000, told, 'counter')])]
    const metadata = async () => (await asked.metadata('bytes')).get('bytes')
    await second()
    expect(await metadata()).toEqual([{ type: 'counter', unit: 'bytes', help: 'Bytes.' }])
    await third()
    await send([round(3000, {}, 'unknown')])
    await clock.advance(60_000)
    await send([round(4000, told, 'counter')])
    const samples = '0:0 1000:1000 2000:2000 3000:3000 4000:4000'
    expect(await values('bytes')).toEqual({ '{"room":"a"}': samples, '{"room":"b"}': samples })
    expect(await metadata()).toEqual([{ type: 'counter', unit: 'bytes', help: 'Bytes.' }])
    expect([account.taken, account.droppedTotal]).toEqual([10, 0])
  })

  test('deltas are added up, in order, each once', async () => {
    const { send, values, nanos, account } = await set()
    const point = (from: number, ms: number, value: number) => ({
      timeUnixNano: nanos(ms),
      startTimeUnixNano: nanos(from),
      asInt: String(value),
      attributes: [],
    })
    const sum = (...dataPoints: object[]) => ({ name: 'n', sum: { aggregationTemporality: 1, isMonotonic: true, dataPoints } })
    await send([sum(point(0, 1000, 5), point(1000, 2000, 3))])
    await send([sum(point(0, 1000, 5))])
    await send([sum(point(2000, 3000, 4))])
    expect(await values('n_total')).toEqual({ '{}': '1000:5 2000:8 3000:12' })
    expect(account.dropped).toEqual(new Map([['out_of_order', 1]]))
  })

  test('histograms as buckets, sum and count; no recorded value is a stale marker', async () => {
    const { send, values, nanos } = await set()
    const histogram = (ms: number, more: object = {}) => ({
      name: 'h',
      histogram: {
        aggregationTemporality: 2,
        dataPoints: [
          {
            timeUnixNano: nanos(ms),
            bucketCounts: ['1', '2', '3'],
            explicitBounds: [0.5, 1_000_000],
            sum: 9,
            count: '6',
            attributes: [],
            ...more,
          },
        ],
      },
    })
    await send([histogram(0)])
    await send([histogram(1000, { flags: 1, bucketCounts: [], explicitBounds: [], count: '0' })])
    expect(await values('h_bucket')).toEqual({
      '{"le":"0.5"}': '0:1 1000:stale',
      '{"le":"1000000"}': '0:3 1000:stale',
      '{"le":"+Inf"}': '0:6 1000:stale',
    })
    expect(await values('h_sum')).toEqual({ '{}': '0:9 1000:stale' })
    expect(await values('h_count')).toEqual({ '{}': '0:6 1000:stale' })
  })

  test('exponential histograms are native histograms; summaries are quantiles', async () => {
    const { send, all, values, nanos } = await set()
    await send([
      {
        name: 'e',
        exponentialHistogram: {
          aggregationTemporality: 2,
          dataPoints: [
            {
              timeUnixNano: nanos(0),
              scale: 1,
              count: '9',
              sum: 12,
              zeroCount: '2',
              positive: { offset: -1, bucketCounts: ['1', '0', '4'] },
              negative: { offset: 3, bucketCounts: ['2'] },
              attributes: [],
            },
          ],
        },
      },
      {
        name: 's',
        summary: {
          dataPoints: [{ timeUnixNano: nanos(0), count: '4', sum: 8, quantileValues: [{ quantile: 0.5, value: 2 }], attributes: [] }],
        },
      },
    ])
    expect((await all('e')).get('{}')!.histograms).toEqual([
      {
        schema: 1,
        count: 9,
        sum: 12,
        zeroCount: 2,
        zeroThreshold: 1e-128,
        customBounds: [],
        resetHint: 'unknown',
        positiveSpans: [{ offset: 0, length: 3 }],
        positiveCounts: [1, 0, 4],
        negativeSpans: [{ offset: 4, length: 1 }],
        negativeCounts: [2],
      },
    ])
    await send([
      {
        name: 'g',
        metadata: [{ key: 'prometheus.type', value: { stringValue: 'gaugehistogram' } }],
        exponentialHistogram: {
          aggregationTemporality: 2,
          dataPoints: [{ timeUnixNano: nanos(0), scale: 1, count: '0', sum: 0, attributes: [] }],
        },
      },
    ])
    expect((await all('g')).get('{}')!.histograms).toMatchObject([{ resetHint: 'gauge' }])
    expect(await values('s')).toEqual({ '{"quantile":"0.5"}': '0:2' })
    expect(await values('s_count')).toEqual({ '{}': '0:4' })
  })

  test('exemplars, at the bucket they fall into', async () => {
    const { send, asked, nanos } = await set()
    const exemplars = [{ timeUnixNano: nanos(0), asDouble: 0.7, traceId: '0102030405060708090a0b0c0d0e0f10', spanId: '0102030405060708' }]
    await send([
      {
        name: 'h',
        histogram: {
          aggregationTemporality: 2,
          dataPoints: [
            {
              timeUnixNano: nanos(0),
              bucketCounts: ['0', '1', '0'],
              explicitBounds: [0.5, 1],
              sum: 0.7,
              count: '1',
              exemplars,
              attributes: [],
            },
          ],
        },
      },
    ])
    const found = await asked.exemplars([[{ name: '__name__', op: '=', value: 'h_bucket' }]], 0, 2 * begun)
    expect(
      found.map(({ labels, exemplars }) => [labels.get('le'), exemplars.map(({ value, labels }) => [value, labels.get('span_id')])]),
    ).toEqual([['1', [[0.7, '0102030405060708']]]])
  })
})

test('rows that cannot be kept are counted, with their reason', async () => {
  const { send, nanos, account, cx } = await set({ max_series: 2, out_of_order_window: '10m' })
  const gauge = (name: string, ms: number, value: number) => ({
    name,
    gauge: { dataPoints: [{ timeUnixNano: nanos(ms), asDouble: value, attributes: [] }] },
  })
  await send([gauge('a', 0, 1), gauge('a', 0, 2), gauge('a', 600_001, 1), gauge('b', 0, 1), gauge('c', 0, 1)])
  await send([gauge('b', -600_001, 1)])
  await send([{ name: 'd', sum: { dataPoints: [{ timeUnixNano: nanos(0), asDouble: 1, attributes: [] }] } }])
  expect(Object.fromEntries(account.dropped)).toEqual({
    duplicate_timestamp: 1,
    too_old: 1,
    too_far_ahead: 1,
    series_limit: 1,
    unspecified_temporality: 1,
  })
  expect([account.accepted, account.taken]).toEqual([7, 2])
  expect(cx.lines.map(({ message }) => message)).toEqual([
    'a series is not stored: max_series is reached',
    'a sample is not stored: there is another value of its series at that time',
    'a sample is not stored: it is further ahead of the clock than max_ahead_time allows',
    'a sample is not stored: it is older than out_of_order_window allows, or than anything that is kept',
    'a series is not stored: it does not say whether its points are deltas',
  ])
})

test('a full disk: the sender keeps its rows, the component says why, and it goes on when there is room', async () => {
  const { send, nanos, disk, account, cx, exporter, clock, values } = await set()
  const gauge = (ms: number) => [{ name: 'a', gauge: { dataPoints: [{ timeUnixNano: nanos(ms), asDouble: ms, attributes: [] }] } }]
  await send(gauge(0))
  disk.capacity = disk.bytes
  await expect(send(gauge(1000))).rejects.toBeInstanceOf(RetryableError)
  expect(account.accepted).toBe(1)
  const why = 'store "/var/lib/thalamus/store": the log cannot be written: ENOSPC'
  expect(cx.problems.get('store')).toBe(why)
  const room = new Room()
  exporter.reserve(10, room)
  expect([room.mustWait, room.blocked, room.why]).toEqual([true, false, why])
  disk.capacity = Number.POSITIVE_INFINITY
  const freed = room.freed(AbortSignal.timeout(5000))
  await clock.advance(2000)
  await freed
  expect(cx.problems.get('store')).toBe(why)
  await send(gauge(1000))
  // Nothing has failed for a minute.
  await clock.advance(60_000)
  expect(cx.problems.size).toBe(0)
  expect(await values('a')).toEqual({ '{}': '0:0 1000:1000' })
})

test('it offers itself from start to shutdown, and a restart has all there was', async () => {
  const { send, nanos, disk, exporter, queries } = await set()
  await send([{ name: 'a', gauge: { dataPoints: [{ timeUnixNano: nanos(0), asDouble: 5, attributes: [] }] } }])
  expect(queries.ids).toEqual(['store'])
  await exporter.shutdown!(AbortSignal.abort())
  expect(queries.ids).toEqual([])
  const again = await set({}, disk.after('loss of power'))
  expect(await again.values('a')).toEqual({ '{}': '0:5' })
})
