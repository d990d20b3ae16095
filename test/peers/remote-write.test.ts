/** Thalamus writes to a real Prometheus, in remote write 1.0 and 2.0: nothing is refused, and what that Prometheus knows is what was sent. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { eventually, LOOPBACK } from './kit/process.ts'
import { otlpTo, Prometheus, Thalamus } from './kit/servers.ts'

const messages = { v1: 'prometheus.WriteRequest', v2: 'io.prometheus.write.v2.Request' } as const

let prometheus: Prometheus
let thalamus: Thalamus
const now = BigInt(Date.now()) * 1_000_000n
const second = 1_000_000_000n

/** Three rounds, five seconds apart. */
const round = (i: bigint) => {
  const stamp = { startTimeUnixNano: String(now - 60n * second), timeUnixNano: String(now - (2n - i) * 5n * second) }
  const delta = { startTimeUnixNano: String(now - (3n - i) * 5n * second), timeUnixNano: String(now - (2n - i) * 5n * second) }
  const attributes = [{ key: 'http.route', value: { stringValue: '/things/:id' } }]
  const point = { ...stamp, attributes }
  return {
    resourceMetrics: [
      {
        resource: {
          attributes: Object.entries({ 'service.name': 'shop', 'service.instance.id': 'shop-1', 'host.name': 'h1' }).map(
            ([key, stringValue]) => ({
              key,
              value: { stringValue },
            }),
          ),
        },
        scopeMetrics: [
          {
            metrics: [
              { name: 'temperature', unit: 'Cel', gauge: { dataPoints: [{ ...point, asDouble: -1.5 }] } },
              {
                name: 'requests',
                sum: { aggregationTemporality: 2, isMonotonic: true, dataPoints: [{ ...point, asInt: String(10n * (i + 1n)) }] },
              },
              { name: 'added', sum: { aggregationTemporality: 1, isMonotonic: true, dataPoints: [{ ...delta, asInt: '4' }] } },
              {
                name: 'duration',
                unit: 's',
                histogram: {
                  aggregationTemporality: 2,
                  dataPoints: [{ ...point, count: '6', sum: 12.25, bucketCounts: ['3', '2', '1'], explicitBounds: [0.1, 1] }],
                },
              },
              {
                name: 'size',
                unit: 'By',
                exponentialHistogram: {
                  aggregationTemporality: 2,
                  dataPoints: [
                    { ...point, count: '6', sum: 9, scale: 2, zeroCount: '2', positive: { offset: -1, bucketCounts: ['1', '0', '3'] } },
                  ],
                },
              },
            ],
          },
        ],
      },
    ],
  }
}

beforeAll(async () => {
  prometheus = await Prometheus.start({}, {}, ['--web.enable-remote-write-receiver'])
  thalamus = await Thalamus.start(ports => {
    const exporters = Object.fromEntries(
      Object.entries(messages).map(([via, protobuf_message]) => [
        `prometheus_remote_write/${via}`,
        { endpoint: `${prometheus.url}/api/v1/write`, protobuf_message, external_labels: { via } },
      ]),
    )
    const config = otlpTo(ports, exporters)
    return { ...config, service: { pipelines: { metrics: config.service.pipelines['metrics'] as object } } }
  })
  for (const i of [0n, 1n, 2n]) {
    const response = await fetch(`http://${LOOPBACK}:${thalamus.httpPort}/v1/metrics`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(round(i)),
    })
    expect(response.status).toBe(200)
  }
  await eventually('all has arrived', async () => (await prometheus.query('count_over_time(requests_total[1m]) == 3')).length === 2)
})
afterAll(async () => {
  await Promise.all([prometheus, thalamus].map(one => one?.[Symbol.asyncDispose]()))
})

describe.each(Object.keys(messages))('as %s', via => {
  const own = `{job="shop",instance="shop-1",via="${via}"`
  test.each<[string, string]>([
    [`temperature_celsius${own},http_route="/things/:id"}`, '-1.5'],
    [`requests_total${own}}`, '30'],
    [`added_total${own}}`, '12'],
    [`duration_seconds_bucket${own},le="0.1"}`, '3'],
    [`duration_seconds_bucket${own},le="+Inf"}`, '6'],
    [`duration_seconds_sum${own}}`, '12.25'],
    [`histogram_count(size_bytes${own}})`, '6'],
    [`histogram_sum(size_bytes${own}})`, '9'],
    [`target_info${own},host_name="h1"}`, '1'],
  ])('%s is %s', async (expression, value) => {
    const found = (await prometheus.query(expression)) as unknown as { value: [number, string] }[]
    expect(found.map(one => one.value[1])).toEqual([value])
  })
})

test('nothing was refused', async () => {
  const { components } = (await (await fetch(`http://${LOOPBACK}:${thalamus.apiPort}/debug/ledger`)).json()) as {
    components: { id: string; dropped: Record<string, number>; taken: number }[]
  }
  const exporters = components.filter(({ id }) => id.startsWith('prometheus_remote_write'))
  expect(exporters.map(({ dropped, taken }) => [dropped, taken])).toEqual([
    [{}, 15],
    [{}, 15],
  ])
})
