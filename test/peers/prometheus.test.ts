/**
 * A real Prometheus scrapes Thalamus in each of its formats and rejects nothing; what it then knows is named as the Collector's own
 * Prometheus exporter names it for the same input.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { eventually, finish, freePorts, get, LOOPBACK } from './kit/process.ts'
import { Collector, otlpTo, Prometheus, program, type Series, Thalamus } from './kit/servers.ts'

const FORMATS = { protobuf: 'PrometheusProto', openmetrics: 'OpenMetricsText1.0.0', text: 'PrometheusText0.0.4' } as const
const JOBS = Object.keys(FORMATS) as (keyof typeof FORMATS)[]

const now = BigInt(Date.now()) * 1_000_000n
const stamp = { startTimeUnixNano: String(now - 60_000_000_000n), timeUnixNano: String(now) }
const attributes = [
  { key: 'http.route', value: { stringValue: '/things/:id' } },
  { key: 'status', value: { intValue: '200' } },
  { key: 'quote', value: { stringValue: 'a"b\\c\nd' } },
]
const exemplar = { timeUnixNano: String(now), asDouble: 0.3, spanId: 'b7ad6b7169203331', traceId: '0af7651916cd43dd8448eb211c80319c' }
const point = { ...stamp, attributes }
const gauge = (name: string, unit: string) => ({
  name,
  unit,
  description: `about ${name}`,
  gauge: { dataPoints: [{ ...point, asDouble: 0.5 }] },
})
const counter = (name: string, unit: string) => ({
  name,
  unit,
  sum: { aggregationTemporality: 2, isMonotonic: true, dataPoints: [{ ...point, asInt: '7', exemplars: [exemplar] }] },
})

const metrics = [
  ...['1', 'By', 's', 'ms', '%', 'Cel', '{request}', 'By/s', 'm/s', 'KiBy', ''].map((unit, i) => gauge(`gauge.with.unit.${i}`, unit)),
  ...['1', 'By', 's', '{request}', ''].map((unit, i) => counter(`counter.with.unit.${i}`, unit)),
  counter('already.named.seconds.total', 's'),
  gauge('already.bytes', 'By'),
  gauge('9starts.with.a.digit', ''),
  gauge('has spaces/and-dashes', ''),
  gauge('größe', ''),
  gauge('double..dots', ''),
  // Two names that become one, with the same labels: never two series of one name.
  gauge('collides.here', ''),
  gauge('collides_here', ''),
  { name: 'up.and.down', unit: '{thing}', sum: { aggregationTemporality: 2, isMonotonic: false, dataPoints: [{ ...point, asInt: '-3' }] } },
  { name: 'a.delta', sum: { aggregationTemporality: 1, isMonotonic: true, dataPoints: [{ ...point, asInt: '3' }] } },
  {
    name: 'a.histogram',
    unit: 's',
    histogram: {
      aggregationTemporality: 2,
      dataPoints: [{ ...point, count: '6', sum: 12.25, bucketCounts: ['3', '2', '1'], explicitBounds: [0.1, 1], exemplars: [exemplar] }],
    },
  },
  {
    name: 'an.exponential.histogram',
    unit: 'ms',
    exponentialHistogram: {
      aggregationTemporality: 2,
      dataPoints: [{ ...point, count: '6', sum: 9, scale: 2, zeroCount: '2', positive: { offset: -1, bucketCounts: ['1', '0', '3'] } }],
    },
  },
  {
    name: 'a.summary',
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
]
const request = {
  resourceMetrics: [
    {
      resource: {
        attributes: [
          { key: 'service.name', value: { stringValue: 'shop' } },
          { key: 'service.namespace', value: { stringValue: 'eu' } },
          { key: 'service.instance.id', value: { stringValue: 'shop-1' } },
          { key: 'host.name', value: { stringValue: 'h1' } },
        ],
      },
      scopeMetrics: [{ scope: { name: 'lib', version: '1.2.3' }, metrics }],
    },
  ],
}

let prometheus: Prometheus
let thalamus: Thalamus
let collector: Collector
let page: string

beforeAll(async () => {
  const [ours, theirs] = (await freePorts(2)) as [number, number]
  const only = (port: number) => (ports: Parameters<typeof otlpTo>[0]) => {
    const config = otlpTo(ports, { prometheus: { endpoint: `${LOOPBACK}:${port}` } })
    return { ...config, service: { pipelines: { metrics: config.service.pipelines['metrics'] as object } } }
  }
  thalamus = await Thalamus.start(only(ours))
  collector = await Collector.start(only(theirs))
  page = `http://${LOOPBACK}:${ours}/metrics`
  const target = `${LOOPBACK}:${ours}`
  const jobs = JOBS.map(job => [job, { target, scrape_protocols: [FORMATS[job]], scrape_native_histograms: job === 'protobuf' }] as const)
  prometheus = await Prometheus.start({
    ...Object.fromEntries(jobs),
    collector: { target: `${LOOPBACK}:${theirs}`, scrape_protocols: ['PrometheusText0.0.4'] },
    'collector-protobuf': { target: `${LOOPBACK}:${theirs}`, scrape_protocols: ['PrometheusProto'], scrape_native_histograms: true },
  })
  for (const port of [thalamus.httpPort, collector.httpPort]) {
    const response = await fetch(`http://${LOOPBACK}:${port}/v1/metrics`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(request),
    })
    expect([response.status, await response.text()]).toEqual([200, expect.stringMatching(/^(\{\}|\{"partialSuccess":\{\}\})?$/)])
  }
  for (const job of [...JOBS, 'collector', 'collector-protobuf'])
    await eventually(
      `${job} is scraped`,
      async () => (await prometheus.query(`up{job="${job}"} and on(job) a_summary_count`))[0]?.value[1] === '1',
    )
}, 90_000)
afterAll(async () => {
  for (const server of [prometheus, collector, thalamus]) await server?.[Symbol.asyncDispose]()
})

/** Prometheus' own series about the scrape. */
const OWN = /^(up|scrape_.*)$/
/** What a scrape brought, without what Prometheus itself puts on it. */
async function identities(job: string): Promise<string[]> {
  const all = await prometheus.query(`{job="${job}"}`)
  return all
    .map(series => series.metric)
    .filter(metric => !OWN.test(metric['__name__'] ?? ''))
    .map(({ job: _job, instance: _instance, ...metric }) => JSON.stringify(Object.fromEntries(Object.entries(metric).sort())))
    .sort()
}
const value = (series: readonly Series[]) => series.map(s => Number(s.value[1]))

describe.each(JOBS)('scraped as %s', job => {
  test('is up, and no sample is rejected', async () => {
    expect(value(await prometheus.query(`up{job="${job}"}`))).toEqual([1])
    const scraped = value(await prometheus.query(`scrape_samples_scraped{job="${job}"}`))
    expect(scraped[0]).toBeGreaterThan(metrics.length)
    expect(value(await prometheus.query(`scrape_samples_post_metric_relabeling{job="${job}"}`))).toEqual(scraped)
  })

  test('holds the values that were sent', async () => {
    const of = async (selector: string) =>
      value(await prometheus.query(`${selector.replace('}', `${selector.endsWith('{}') ? '' : ','}job="${job}"}`)}`))
    expect(await of('counter_with_unit_1_bytes_total{}')).toEqual([7])
    expect(await of('up_and_down{}')).toEqual([-3])
    expect(await of('gauge_with_unit_0_ratio{http_route="/things/:id"}')).toEqual([0.5])
    expect(await of('a_summary{quantile="0.99"}')).toEqual([2.5])
    expect(await of('a_delta_total{}')).toEqual([3])
    expect(await of('target_info{host_name="h1"}')).toEqual([1])
    expect(
      await of('a_histogram_seconds_bucket{le="1.0"}').then(async found =>
        found.length > 0 ? found : of('a_histogram_seconds_bucket{le="1"}'),
      ),
    ).toEqual([5])
    const labels = await prometheus.query(`gauge_with_unit_1_bytes{job="${job}"}`)
    expect(labels[0]?.metric).toMatchObject({ quote: 'a"b\\c\nd', status: '200', exported_job: 'eu/shop', exported_instance: 'shop-1' })
  })
})

test('an exponential histogram is a native one in protobuf, and classic buckets in text', async () => {
  expect(value(await prometheus.query('histogram_count(an_exponential_histogram_milliseconds{job="protobuf"})'))).toEqual([6])
  expect(value(await prometheus.query('histogram_sum(an_exponential_histogram_milliseconds{job="protobuf"})'))).toEqual([9])
  for (const job of ['openmetrics', 'text'])
    expect(value(await prometheus.query(`an_exponential_histogram_milliseconds_bucket{job="${job}",le="+Inf"}`))).toEqual([6])
})

test('Prometheus counts no rejected sample anywhere', async () => {
  const own = await get(`${prometheus.url}/metrics`)
  const rejected = own.split('\n').filter(line => /^prometheus_target_scrapes?_(sample_|exceeded|exemplar_out)/.test(line))
  expect(rejected.length).toBeGreaterThan(3)
  expect(rejected.filter(line => !line.endsWith(' 0'))).toEqual([])
})

test('exemplars are found by Prometheus', async () => {
  const found = JSON.parse(await get(`${prometheus.url}/api/v1/query_exemplars?query=a_histogram_seconds_bucket&start=0&end=9999999999`))
  const traces = found.data.flatMap((d: { exemplars: { labels: Record<string, string> }[] }) => d.exemplars.map(e => e.labels['trace_id']))
  expect(traces).toContain('0af7651916cd43dd8448eb211c80319c')
})

describe("names and labels are those of the Collector's own exporter", () => {
  test.each([
    ['text', 'collector'],
    ['protobuf', 'collector-protobuf'],
  ])('%s', async (ours, theirs) => {
    // In text the Collector shows an exponential histogram as one bucket up to +Inf; we write its buckets out, so that quantiles work.
    const more = (id: string) => id.includes('"an_exponential_histogram_milliseconds_bucket"') && !id.includes('"le":"+Inf"')
    expect((await identities(ours)).filter(id => !more(id))).toEqual(await identities(theirs))
  })
})

test('promtool has no finding on the page that a first `npm start` serves', async () => {
  const [metricsPort] = (await freePorts(1)) as [number]
  await using started = await Thalamus.startDefault({ metricsPort })
  const url = `http://${LOOPBACK}:${metricsPort}/metrics`
  const text = await eventually('host and own metrics', async () => {
    const found = await get(url)
    return found.includes('system_cpu_time_seconds_total') && found.includes('otelcol_') && found
  })
  expect(text.split('\n').length).toBeGreaterThan(50)
  expect(await finish(program('promtool'), ['check', 'metrics'], { input: text, ok: [0, 1, 3] })).toBe('')
  expect((await started.ledger()).imbalance).toBe(0)
})

test('promtool reads the page that users make', async () => {
  // Names are the users': complaints about them are theirs, but what does not parse is ours.
  expect(await finish(program('promtool'), ['check', 'metrics'], { input: await get(page), ok: [0, 3] })).not.toContain(
    'error while parsing',
  )
})
