import { afterEach, describe, expect, test } from 'vitest'
import type { Component } from '../../src/component/component.ts'
import type { Storage } from '../../src/component/storage.ts'
import factory from '../../src/exporters/prometheus_remote_write/index.ts'
import { readWriteV1, readWriteV2 } from '../../src/exposition/remote/read.ts'
import type { RemoteMetadata, RemoteSeries } from '../../src/exposition/remote/series.ts'
import fileStorage from '../../src/extensions/file_storage/index.ts'
import { Raw } from '../../src/model/raw.ts'
import { createReader } from '../../src/otlp/reader.ts'
import { encode } from '../../src/otlp/write.ts'
import { VirtualClock } from '../kit/clock.ts'
import { type TestContext, testContext } from '../kit/context.ts'
import { exporterContract, paperworkContract } from '../kit/contract.ts'
import type { Answer } from '../kit/faults.ts'
import { HttpServer, type Received, type Reply } from './http-server.ts'
import { until } from './until.ts'

paperworkContract(factory, { endpoint: 'http://localhost:9090/api/v1/write' })

interface Message {
  readonly version: 1 | 2
  readonly series: readonly RemoteSeries[]
  readonly families: Readonly<Record<string, RemoteMetadata>>
}

function messageOf({ body, headers }: Received): Message {
  const version = headers['content-type']!.includes('v2') ? 2 : 1
  const series: RemoteSeries[] = []
  const families: Record<string, RemoteMetadata> = {}
  const listener = {
    series: (one: RemoteSeries) => void series.push(one),
    wrong(problem: string) {
      throw new Error(problem)
    },
    metadata(family: string, about: RemoteMetadata) {
      families[family] = about
    },
  }
  if (version === 1) readWriteV1(body, listener)
  else readWriteV2(body, listener)
  return { version, series, families }
}

const nameOf = ({ labels }: RemoteSeries): string => labels.find(([name]) => name === '__name__')![1]

const replies: Readonly<Record<Answer, Reply>> = {
  yes: { status: 204 },
  later: { status: 503 },
  never: { status: 400, body: 'no' },
  full: 'hang',
  slow: { status: 200 },
  hang: 'hang',
}

/** A queue on the disk, which outlives a shutdown. */
const onDisk = {
  settings: { sending_queue: { storage: 'file_storage' } },
  async world() {
    const clock = new VirtualClock()
    const storage = fileStorage.create(testContext({ clock, id: 'file_storage' }), fileStorage.config.parse({ create_directory: true }))
    await storage.start?.()
    return { clock, storages: { file_storage: storage as Component & Storage } }
  },
}
const v2 = 'io.prometheus.write.v2.Request'

for (const [protobuf_message, stored] of [['prometheus.WriteRequest'], [v2], [v2, onDisk]] as const) {
  exporterContract({
    factory,
    ...(stored && { stored }),
    async destination() {
      const server = await HttpServer.open()
      const arrived: number[] = []
      let plan: () => Answer = () => 'yes'
      server.reply = received => {
        const answer = plan()
        if (answer === 'yes' || answer === 'slow') {
          for (const series of messageOf(received).series)
            if (nameOf(series) === 'rows') arrived.push(...series.samples.map(({ value }) => value))
        }
        return replies[answer]
      }
      return {
        settings: {
          endpoint: `${server.url}/api/v1/write`,
          protobuf_message,
          retry_on_failure: { initial_interval: '1s', max_elapsed_time: '30s' },
        },
        arrived: () => arrived,
        answer(next) {
          plan = next
        },
        close: () => server.close(),
      }
    },
    until,
    bound: { settings: { sending_queue: { ...stored?.settings.sending_queue, queue_size: 25 } }, rows: 25 },
  })
}

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function world(settings: object = {}, reply: (received: Received) => Reply = () => ({ status: 204 })) {
  const server = await HttpServer.open()
  server.reply = reply
  const clock = new VirtualClock(1_700_000_000_000)
  const cx: TestContext = testContext({
    id: 'prometheus_remote_write',
    kind: 'exporter',
    clock,
    reader: createReader({ now: () => clock.monotonic() }),
  })
  const config = factory.config.parse({ endpoint: `${server.url}/w?x=1`, protobuf_message: 'io.prometheus.write.v2.Request', ...settings })
  const exporter = factory.create.metrics!(cx, config)
  await exporter.start?.()
  closing.push(async () => {
    await exporter.shutdown?.(AbortSignal.timeout(1000))
    await server.close()
  })
  const account = cx.account('metrics')
  return {
    ...{ server, cx, clock, account },
    async send(metrics: object[], resource: object = { 'service.name': 'shop', 'service.namespace': 'eu', 'service.instance.id': 'i-1' }) {
      const request = encode('metrics', {
        resourceMetrics: [{ resource: { attributes: resource }, scopeMetrics: [{ scope: {}, metrics }] }],
      })
      await exporter.consume(cx.reader.read('metrics', Raw.of(request)))
    },
    idle: () => until(clock, () => account.held() === 0),
    messages: () => server.received.map(messageOf),
    /** all series, by name */
    series: () => server.received.flatMap(received => messageOf(received).series).sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1)),
    dropped: () => Object.fromEntries(account.dropped),
  }
}

const time = 1_700_000_000_000n * 1_000_000n
const at = { timeUnixNano: time, startTimeUnixNano: time - 60_000_000_000n }
const gauge = (name: string, value: number, attributes: object = {}) => ({
  name,
  gauge: { dataPoints: [{ ...at, asDouble: value, attributes }] },
})
const sum = (name: string, value: number, aggregationTemporality: number, more: object = {}) => ({
  name,
  unit: 'By',
  description: 'How much.',
  sum: { aggregationTemporality, isMonotonic: true, dataPoints: [{ ...at, asDouble: value, ...more }] },
})
const labels = (name: string, ...more: [string, string][]) =>
  [['__name__', name], ['instance', 'i-1'], ['job', 'eu/shop'], ...more].sort(([a], [b]) => (a! < b! ? -1 : 1))

describe('what is written', () => {
  test('2.0: names, labels, start times, types', async () => {
    const { send, idle, series, server } = await world({ headers: { 'X-Scope-OrgID': 'me' } })
    await send([sum('bytes.sent', 7, 2), gauge('temperature', -0.5, { room: 'a"b', 'x.y': 1 })])
    await idle()
    expect(series()).toEqual([
      {
        labels: labels('bytes_sent_total'),
        samples: [{ time: 1_700_000_000_000, start: 1_699_999_940_000, stale: false, value: 7 }],
        ...{ histograms: [], exemplars: [], metadata: { type: 'counter', help: 'How much.', unit: 'bytes' } },
      },
      {
        labels: labels('temperature', ['room', 'a"b'], ['x_y', '1']),
        samples: [{ time: 1_700_000_000_000, start: 0, stale: false, value: -0.5 }],
        ...{ histograms: [], exemplars: [], metadata: { type: 'gauge', help: '', unit: '' } },
      },
    ])
    expect(server.received[0]).toMatchObject({
      path: '/w?x=1',
      headers: {
        'content-type': 'application/x-protobuf;proto=io.prometheus.write.v2.Request',
        ...{ 'content-encoding': 'snappy', 'x-prometheus-remote-write-version': '2.0.0', 'x-scope-orgid': 'me' },
      },
    })
  })

  test('1.0: families apart, once, where that is wanted', async () => {
    const { send, idle, messages, server } = await world({ protobuf_message: 'prometheus.WriteRequest', send_metadata: true })
    await send([sum('bytes.sent', 7, 2)])
    await idle()
    await send([sum('bytes.sent', 8, 2)])
    await idle()
    expect(messages().map(({ version, families }) => [version, families])).toEqual([
      [1, { bytes_sent_total: { type: 'counter', help: 'How much.', unit: 'bytes' } }],
      [1, {}],
    ])
    expect(server.received[0]!.headers['x-prometheus-remote-write-version']).toBe('0.1.0')
  })

  test('deltas are added up, and once, however often they are sent', async () => {
    let refusals = 2
    const { send, idle, series, clock } = await world({}, () => (refusals-- > 0 ? { status: 503 } : { status: 204 }))
    await send([sum('n', 5, 1)])
    await idle()
    await clock.advance(1000)
    await send([sum('n', 2, 1, { timeUnixNano: time + 1_000_000_000n, startTimeUnixNano: time })])
    await idle()
    // Those that were refused were the first.
    expect(series().map(({ samples }) => samples[0]!.value)).toEqual([5, 5, 5, 7])
  })

  test('histograms, classic and native, exemplars, stale markers', async () => {
    const { send, idle, series } = await world()
    const exemplar = { timeUnixNano: time, asDouble: 0.3, traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' }
    await send([
      {
        name: 'h',
        histogram: {
          aggregationTemporality: 2,
          dataPoints: [{ ...at, count: 3, sum: 1.5, bucketCounts: [1, 2], explicitBounds: [0.25], exemplars: [exemplar] }],
        },
      },
      {
        name: 'n',
        exponentialHistogram: {
          aggregationTemporality: 2,
          dataPoints: [
            { ...at, count: 4, sum: 9, scale: 1, zeroCount: 1, zeroThreshold: 0.01, positive: { offset: 1, bucketCounts: [1, 0, 2] } },
          ],
        },
      },
      { name: 'over', gauge: { dataPoints: [{ ...at, flags: 1 }] } },
    ])
    await idle()
    const all = series()
    const of = (name: string) => all.filter(one => nameOf(one) === name)
    expect(
      of('h_bucket')
        .map(one => [one.labels.find(([name]) => name === 'le')![1], one.samples[0]!.value, one.exemplars])
        .sort(),
    ).toEqual([
      [
        '+Inf',
        3,
        [
          {
            labels: [
              ['span_id', 'b7ad6b7169203331'],
              ['trace_id', '0af7651916cd43dd8448eb211c80319c'],
            ],
            value: 0.3,
            time: 1_700_000_000_000,
          },
        ],
      ],
      ['0.25', 1, []],
    ])
    expect(of('n')[0]!.histograms).toMatchObject([
      {
        time: 1_700_000_000_000,
        histogram: {
          schema: 1,
          count: 4,
          sum: 9,
          zeroCount: 1,
          zeroThreshold: 0.01,
          positiveSpans: [{ offset: 2, length: 3 }],
          positiveCounts: [1, 0, 2],
        },
      },
    ])
    expect(of('over')[0]!.samples).toMatchObject([{ stale: true }])
  })

  test('target_info, or not; resources as labels; labels for all; no suffixes', async () => {
    const resource = { 'service.name': 'shop', 'service.instance.id': 'i', 'host.name': 'h' }
    const one = await world()
    await one.send([gauge('a', 1)], resource)
    await one.idle()
    expect(one.series().map(nameOf)).toEqual(['a', 'target_info'])
    const other = await world({
      target_info: { enabled: false },
      ...{ resource_to_telemetry_conversion: { enabled: true }, external_labels: { region: 'eu' }, add_metric_suffixes: false },
    })
    await other.send([sum('bytes.sent', 1, 2)], resource)
    await other.idle()
    expect(other.series().map(({ labels }) => Object.fromEntries(labels))).toEqual([
      { __name__: 'bytes_sent', job: 'shop', instance: 'i', host_name: 'h', service_instance_id: 'i', service_name: 'shop', region: 'eu' },
    ])
  })
})

describe('requests', () => {
  const many = (count: number) => Array.from({ length: count }, (_, i) => gauge(`m${i}`, i))

  test('series are divided, and one always goes the same way', async () => {
    const { send, idle, messages } = await world({ remote_write_queue: { num_consumers: 4 } })
    await send(many(40))
    await idle()
    await send(many(40))
    await idle()
    const parts = messages().map(({ series }) => series.map(nameOf).sort().join())
    expect(parts).toHaveLength(8)
    expect(new Set(parts).size).toBe(4)
  })

  test('no request is larger than it may be', async () => {
    const { send, idle, messages, server } = await world({ max_batch_size_bytes: 1000, remote_write_queue: { num_consumers: 1 } })
    await send(many(100))
    await idle()
    expect(messages().length).toBeGreaterThan(3)
    expect(Math.max(...server.received.map(({ body }) => body.length))).toBeLessThanOrEqual(1000)
    expect(
      messages()
        .flatMap(({ series }) => series.map(nameOf))
        .sort(),
    ).toEqual(
      many(100)
        .map(({ name }) => name)
        .sort(),
    )
  })

  test('too large for the destination: halved, until one is alone', async () => {
    const { send, idle, messages, dropped } = await world({ remote_write_queue: { num_consumers: 1 } }, received =>
      messageOf(received).series.some(one => nameOf(one) === 'm3') ? { status: 413 } : { status: 204 },
    )
    await send(many(8))
    await idle()
    expect(messages().length).toBe(7)
    expect(dropped()).toEqual({ rejected: 1 })
  })

  test('415 to 2.0: 1.0 from then on', async () => {
    const { send, idle, messages, cx } = await world({ remote_write_queue: { num_consumers: 1 } }, ({ headers }) => ({
      status: headers['content-type']!.includes('v2') ? 415 : 204,
    }))
    await send([gauge('a', 1)])
    await idle()
    await send([gauge('a', 2)])
    await idle()
    expect(messages().map(({ version }) => version)).toEqual([2, 1, 1])
    expect(cx.lines.filter(({ level }) => level === 'warn')).toHaveLength(1)
  })

  test('a retry sends what is still to be sent, when it was asked to', async () => {
    let broken = true
    const { send, idle, server, clock, account } = await world({ remote_write_queue: { num_consumers: 2 } }, received => {
      const hit = messageOf(received).series.some(one => nameOf(one) === 'm3')
      return broken && hit ? { status: 429, headers: { 'retry-after': '7' } } : { status: 204 }
    })
    await send(many(10))
    await until(clock, () => server.received.length === 2)
    broken = false
    await clock.advance(6900)
    expect(server.received.length).toBe(2)
    await clock.advance(200)
    await idle()
    expect(server.received.length).toBe(3)
    expect([account.taken, account.droppedTotal]).toEqual([10, 0])
  })

  test.each<[number, Record<string, string>, Record<string, number>]>([
    [400, { 'x-prometheus-remote-write-samples-written': '3' }, { rejected: 1 }],
    [400, { 'x-prometheus-remote-write-samples-written': '0' }, { rejected: 4 }],
    [400, {}, { rejected: 4 }],
    [400, { 'x-prometheus-remote-write-samples-written': '999' }, {}],
    [422, {}, { rejected: 4 }],
    [401, {}, { permanent: 4 }],
    [404, {}, { permanent: 4 }],
    [302, {}, { permanent: 4 }],
  ])('%d with %j', async (status, headers, expected) => {
    const { send, idle, dropped, account, server } = await world({ remote_write_queue: { num_consumers: 1 } }, () => ({
      status,
      headers,
      body: 'why',
    }))
    await send(many(4))
    await idle()
    expect(dropped()).toEqual(expected)
    expect(account.taken + account.droppedTotal).toBe(4)
    expect(server.received.length).toBe(1)
  })

  test('what has no place in Prometheus is left out, and counted', async () => {
    const { send, idle, dropped, series } = await world()
    await send([gauge('a', 1), sum('n', 1, 0)])
    await idle()
    expect(dropped()).toEqual({ rejected: 1 })
    expect(series().map(nameOf)).toEqual(['a'])
  })

  test('through a proxy, which lets in who has the password', async () => {
    const proxy = await HttpServer.open()
    closing.push(() => proxy.close())
    const { send, idle } = await world({
      endpoint: 'http://far.away:9090/api/v1/write?x=1',
      proxy_url: proxy.url.replace('://', '://me:secret@'),
    })
    proxy.reply = () => ({ status: 204 })
    await send([gauge('temperature', 1)])
    await idle()
    expect(proxy.received.map(({ path, headers }) => [path, headers.host, headers['proxy-authorization']])).toEqual([
      ['http://far.away:9090/api/v1/write?x=1', 'far.away:9090', `Basic ${Buffer.from('me:secret').toString('base64')}`],
    ])
  })

  test('nobody is there: tried again', async () => {
    const { send, server, clock, account } = await world(
      { retry_on_failure: { initial_interval: '1s', max_elapsed_time: '5s' } },
      () => 'reset',
    )
    await send([gauge('a', 1)])
    await until(clock, () => account.held() === 0)
    expect(server.received.length).toBeGreaterThan(1)
    expect(Object.fromEntries(account.dropped)).toEqual({ retry_exhausted: 1 })
  })
})
