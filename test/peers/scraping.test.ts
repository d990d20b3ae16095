/**
 * The same pages scraped by a real Prometheus and by Thalamus, whose own page Prometheus then scrapes: the same series and values come out of both,
 * in every format, for a page that Thalamus made and for Prometheus' own; and what vanishes vanishes for both.
 */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { eventually, freePorts, LOOPBACK } from './kit/process.ts'
import { otlpTo, Prometheus, Thalamus } from './kit/servers.ts'

const FORMATS = { protobuf: 'PrometheusProto', openmetrics: 'OpenMetricsText1.0.0', text: 'PrometheusText0.0.4' } as const
type Job = keyof typeof FORMATS
const JOBS = Object.keys(FORMATS) as Job[]

const now = BigInt(Date.now()) * 1_000_000n
const stamp = { startTimeUnixNano: String(now - 60_000_000_000n), timeUnixNano: String(now) }
const attributes = [
  { key: 'http.route', value: { stringValue: '/things/:id' } },
  { key: 'quote', value: { stringValue: 'a"b\\c\nd' } },
  { key: 'größe', value: { stringValue: 'ü' } },
]
const exemplar = { timeUnixNano: String(now), asDouble: 0.3, spanId: 'b7ad6b7169203331', traceId: '0af7651916cd43dd8448eb211c80319c' }
const point = { ...stamp, attributes }
const numbers = { aggregationTemporality: 2, isMonotonic: true }
const request = {
  resourceMetrics: [
    {
      resource: {
        attributes: [
          { key: 'service.name', value: { stringValue: 'shop' } },
          { key: 'service.instance.id', value: { stringValue: 'shop-1' } },
          { key: 'host.name', value: { stringValue: 'h1' } },
        ],
      },
      scopeMetrics: [
        {
          scope: { name: 'lib', version: '1.2.3' },
          metrics: [
            {
              name: 'level',
              unit: 'By',
              gauge: {
                dataPoints: [
                  { ...point, asDouble: 0.1 },
                  { ...stamp, asDouble: -5e-9 },
                ],
              },
            },
            { name: 'not.a.number', gauge: { dataPoints: [{ ...point, asDouble: 'NaN' }] } },
            {
              name: 'events',
              unit: '{event}',
              sum: { ...numbers, dataPoints: [{ ...point, asInt: '9007199254740993', exemplars: [exemplar] }] },
            },
            {
              name: 'wait',
              unit: 's',
              histogram: {
                aggregationTemporality: 2,
                dataPoints: [
                  { ...point, count: '6', sum: 12.25, bucketCounts: ['3', '2', '1'], explicitBounds: [0.1, 1], exemplars: [exemplar] },
                ],
              },
            },
            {
              name: 'fine',
              exponentialHistogram: {
                aggregationTemporality: 2,
                dataPoints: [
                  { ...point, count: '6', sum: 9, scale: 2, zeroCount: '2', positive: { offset: -1, bucketCounts: ['1', '0', '3'] } },
                ],
              },
            },
            {
              name: 'pauses',
              summary: {
                dataPoints: [
                  {
                    ...point,
                    count: '7',
                    sum: 3.5,
                    quantileValues: [
                      { quantile: 0.5, value: 1 },
                      { quantile: 0.99, value: 2.5 },
                    ],
                  },
                ],
              },
            },
          ],
        },
      ],
    },
  ],
}

let source: Thalamus
let thalamus: Thalamus
let prometheus: Prometheus
let site: Server
let page = 'stays 1\nvanishes{a="b"} 2\n'

beforeAll(async () => {
  const [sourcePort, ourPort] = (await freePorts(2)) as [number, number]
  source = await Thalamus.start(ports => {
    const config = otlpTo(ports, { prometheus: { endpoint: `${LOOPBACK}:${sourcePort}` } })
    return { ...config, service: { pipelines: { metrics: config.service.pipelines['metrics'] as object } } }
  })
  const response = await fetch(`http://${LOOPBACK}:${source.httpPort}/v1/metrics`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(request),
  })
  expect(response.status).toBe(200)
  site = createServer((_, answer) => answer.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' }).end(page))
  await new Promise<void>(resolve => site.listen(0, LOOPBACK, resolve))
  const sitePort = (site.address() as AddressInfo).port
  const target = `${LOOPBACK}:${sourcePort}`
  const asked = (job: Job) => ({ scrape_protocols: [FORMATS[job]], scrape_native_histograms: job === 'protobuf' })
  prometheus = await Prometheus.start({
    ...Object.fromEntries(JOBS.map(job => [`direct-${job}`, { target, ...asked(job) }])),
    'direct-site': { target: `${LOOPBACK}:${sitePort}` },
    // Its own page: it has no word for its own port in the file, so it is told by Thalamus only, and compared with what it says of itself.
    via: { target: `${LOOPBACK}:${ourPort}`, honor_labels: true, scrape_protocols: ['PrometheusProto'], scrape_native_histograms: true },
  })
  const scrape = (job_name: string, address: string, more: object = {}) => ({
    ...{ job_name, scrape_interval: '1s', static_configs: [{ targets: [address] }] },
    ...more,
  })
  thalamus = await Thalamus.start(ports => {
    const { receivers, ...rest } = otlpTo(ports, {
      prometheus: { endpoint: `${LOOPBACK}:${ourPort}`, translation_strategy: 'NoTranslation' },
    })
    const scrape_configs = [
      ...JOBS.map(job => scrape(job, target, asked(job))),
      scrape('site', `${LOOPBACK}:${sitePort}`),
      scrape('itself', new URL(prometheus.url).host),
    ]
    return {
      ...rest,
      receivers: { ...receivers, prometheus: { config: { scrape_configs } } },
      service: { pipelines: { metrics: { receivers: ['prometheus', 'otlp'], exporters: ['prometheus'] } } },
    }
  })
  for (const job of [...JOBS, 'site', 'itself'])
    await eventually(`${job} is scraped by Thalamus\n`, async () => (await prometheus.query(`up{job="${job}"}`))[0]?.value[1] === '1')
  for (const job of JOBS)
    await eventually(`direct-${job}`, async () => (await prometheus.query(`up{job="direct-${job}"}`))[0]?.value[1] === '1')
}, 120_000)
afterAll(async () => {
  for (const server of [thalamus, prometheus, source]) await server?.[Symbol.asyncDispose]()
  site?.closeAllConnections()
  site?.close()
})

const OWN = /^(up|scrape_.*|target_info|otel_scope_info)$/

/** Series and values of a job, without what the way itself adds. */
async function known(job: string): Promise<[string, string][]> {
  const all = await prometheus.query(`{job="${job}"}`)
  return all
    .filter(({ metric }) => !OWN.test(metric['__name__'] ?? ''))
    .map(({ metric: { job: _, otel_scope_name: scope, ...metric }, value }): [string, string] => {
      const labels = scope === undefined || scope === 'thalamus/prometheus' ? metric : { ...metric, otel_scope_name: scope }
      return [JSON.stringify(Object.fromEntries(Object.entries(labels).sort())), value === undefined ? 'histogram' : value[1]]
    })
    .sort(([a], [b]) => (a < b ? -1 : 1))
}

describe.each(JOBS)('scraped as %s', job => {
  test('the same series, and the same values', async () => {
    const direct = await eventually('all of it', async () => {
      const found = await known(`direct-${job}`)
      return found.length > 12 && found
    })
    await eventually('through Thalamus', async () => (await known(job)).length >= direct.length)
    expect(await known(job)).toEqual(direct)
  })
  test('a histogram is the same to a query', async () => {
    const of = async (where: string) =>
      (await prometheus.query(`histogram_quantile(0.5, wait_seconds_bucket{job="${where}"})`)).map(s => s.value[1])
    expect(await of(job)).toEqual(await of(`direct-${job}`))
    expect(await of(job)).toHaveLength(1)
  })
  test("target_info is told again as the target's", async () => {
    expect((await prometheus.query(`target_info{job="${job}"}`)).map(({ metric }) => metric)).toMatchObject([
      { host_name: 'h1', exported_job: 'shop', exported_instance: 'shop-1' },
    ])
  })
})

test('a native histogram stays one', async () => {
  const of = async (where: string) => (await prometheus.query(`histogram_quantile(0.9, fine{job="${where}"})`)).map(s => s.value[1])
  expect(await of('protobuf')).toEqual(await of('direct-protobuf'))
  expect(await of('protobuf')).toHaveLength(1)
})

test("Prometheus' own page has the same series through Thalamus as Prometheus says it has", async () => {
  /** Names and labels on the page itself, as Prometheus would store them. */
  const onPage = async () => {
    const text = await (await fetch(`${prometheus.url}/metrics`, { headers: { accept: 'text/plain' } })).text()
    return text.split('\n').filter(line => line !== '' && !line.startsWith('#')).length
  }
  await eventually('as many series as lines', async () => {
    const scraped = (await prometheus.query('scrape_samples_scraped{job="itself"}'))[0]?.value[1]
    const series = (await prometheus.query('count({job="itself",__name__!~"up|scrape_.*|target_info"})'))[0]?.value[1]
    const lines = await onPage()
    return Math.abs(Number(scraped) - lines) <= 5 && Math.abs(Number(series) - lines) <= 5
  })
  const build = async (selector: string) => (await prometheus.query(selector)).map(({ metric }) => [metric['version'], metric['goversion']])
  expect(await build('prometheus_build_info{job="itself"}')).toHaveLength(1)
})

test('what vanishes from a page vanishes for both, within seconds', async () => {
  const seen = async (job: string) =>
    (await prometheus.query(`{job="${job}",__name__=~"stays|vanishes"}`)).map(({ metric }) => metric['__name__']).sort()
  for (const job of ['direct-site', 'site']) await eventually(job, async () => (await seen(job)).length === 2)
  page = 'stays 1\n'
  // Five minutes is how long a series would linger that nobody has ended.
  for (const job of ['direct-site', 'site']) await eventually(`${job} forgets`, async () => (await seen(job)).join() === 'stays', 10_000)
})

test('a target that is down: up is 0 for both, and its series end', async () => {
  site.closeAllConnections()
  await new Promise(resolve => site.close(resolve))
  for (const job of ['direct-site', 'site']) {
    await eventually(`${job} is down`, async () => (await prometheus.query(`up{job="${job}"}`))[0]?.value[1] === '0', 10_000)
    await eventually(`${job} ends`, async () => (await prometheus.query(`stays{job="${job}"}`)).length === 0, 10_000)
  }
})

test('no row is unaccounted for', async () => {
  const { imbalance, receivers } = await thalamus.ledger()
  expect(imbalance).toBe(0)
  expect(receivers.find(({ id }) => id === 'prometheus')).toMatchObject({ refused: 0 })
})
