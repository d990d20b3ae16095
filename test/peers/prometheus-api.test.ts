/**
 * A real Prometheus writes to Thalamus what it scrapes, in remote write 1.0 and 2.0; what Thalamus then answers, to promtool and over
 * HTTP, is what that Prometheus answers itself.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { eventually, Folder, finish, LOOPBACK, pause } from './kit/process.ts'
import { otlpTo, Prometheus, program, Thalamus } from './kit/servers.ts'

const messages = { v1: 'prometheus.WriteRequest', v2: 'io.prometheus.write.v2.Request' } as const
type Via = keyof typeof messages

let scraped: Prometheus
let prometheus: Prometheus
let thalamus: Thalamus
let ours: string
const folder = new Folder()
/** [s] when everything up to then has arrived */
let at = 0

beforeAll(async () => {
  thalamus = await Thalamus.start(ports => {
    const config = otlpTo(ports, { store: { directory: `${folder.path}/store` } })
    const pipeline = { receivers: ['otlp', 'prometheus_remote_write'], processors: [], exporters: ['store'] }
    return { ...config, receivers: { ...config.receivers, prometheus_remote_write: {} }, service: { pipelines: { metrics: pipeline } } }
  })
  ours = `http://${LOOPBACK}:${thalamus.apiPort}`
  scraped = await Prometheus.start({})
  prometheus = await Prometheus.start(
    { p: { target: new URL(scraped.url).host, scrape_native_histograms: true, always_scrape_classic_histograms: true } },
    {
      remote_write: Object.entries(messages).map(([via, protobuf_message]) => ({
        ...{ url: `${ours}/api/v1/write`, protobuf_message, send_exemplars: true, send_native_histograms: true },
        write_relabel_configs: [{ target_label: 'via', replacement: via }],
        queue_config: { batch_send_deadline: '200ms' },
        metadata_config: { send_interval: '1s' },
      })),
    },
    ['--enable-feature=metadata-wal-records'],
  )
  // Something to be counted, with a histogram that moves.
  await eventually('some scrapes', async () => (await prometheus.query('count_over_time(up[1m]) > 3')).length > 0)
  at = Math.floor(Date.now() / 1000) - 1
  await eventually('all that was written has arrived', async () => (await query(ours, 'count by (via) (up)', at + 1.5)).length === 2)
  await pause(1000)
})
afterAll(async () => {
  await Promise.all([prometheus, scraped, thalamus].map(one => one?.[Symbol.asyncDispose]()))
  folder[Symbol.dispose]()
})

interface Row {
  readonly metric: Record<string, string>
  readonly value?: [number, string]
  readonly histogram?: [number, { count: string; sum: string; buckets?: unknown }]
}

async function query(url: string, expression: string, time: number): Promise<Row[]> {
  const parameters = new URLSearchParams({ query: expression, time: String(time) })
  const answer = (await (await fetch(`${url}/api/v1/query`, { method: 'POST', body: parameters })).json()) as { data: { result: Row[] } }
  if (answer.data === undefined) throw new Error(JSON.stringify(answer))
  return answer.data.result
}

/**
 * Rows by their labels; which way they came is left out. Bounds of native histograms may differ in the last digit, since Prometheus's table of
 * them is a little off.
 */
function byLabels(rows: readonly Row[]): Map<string, unknown> {
  return new Map(
    rows.map(({ metric: { via: _, ...labels }, ...values }) => [
      JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1))),
      'histogram' in values ? JSON.parse(JSON.stringify(values), rounded) : values,
    ]),
  )
}

const rounded = (_: string, value: unknown) => (typeof value === 'string' ? Number(Number(value).toPrecision(12)) : value)

describe.each(Object.keys(messages) as Via[])('written as %s', via => {
  test('every series is there, with its name, its labels and its last sample, native histograms too', async () => {
    const theirs = byLabels(await query(prometheus.url, '{job="p"}', at))
    const found = byLabels(await query(ours, `{job="p", via="${via}"}`, at))
    expect(theirs.size).toBeGreaterThan(300)
    expect([...found.keys()].filter(labels => !theirs.has(labels))).toEqual([])
    expect([...theirs.keys()].filter(labels => !found.has(labels))).toEqual([])
    const native = [...theirs.values()].filter(values => 'histogram' in (values as Row))
    expect(native.length).toBeGreaterThan(0)
    expect(Object.fromEntries(found)).toEqual(Object.fromEntries(theirs))
  })

  test.each([
    'sum by (handler) (rate(prometheus_http_requests_total[1m]))',
    'histogram_quantile(0.9, sum by (le) (rate(prometheus_http_request_duration_seconds_bucket[1m])))',
    'histogram_count(prometheus_http_request_duration_seconds)',
    'topk(3, scrape_samples_scraped)',
    'go_info',
  ])('%s', async expression => {
    const theirs = byLabels(await query(prometheus.url, expression, at))
    const restricted = expression.replaceAll(/(prometheus_\w+|scrape_samples_scraped|go_info)/g, `$1{via="${via}"}`)
    expect(Object.fromEntries(byLabels(await query(ours, restricted, at)))).toEqual(Object.fromEntries(theirs))
  })
})

test('types and help have come along', async () => {
  const metadata = await eventually('metadata', async () => {
    const answer = (await (await fetch(`${ours}/api/v1/metadata?metric=prometheus_http_requests_total`)).json()) as {
      data: Record<string, unknown[]>
    }
    return answer.data['prometheus_http_requests_total']
  })
  expect(metadata).toEqual([{ type: 'counter', help: 'Counter of HTTP requests.', unit: '' }])
})

describe('promtool asks', () => {
  const promtool = async (...args: string[]) => finish(program('promtool'), ['query', ...args])
  test('instant', async () => {
    const [mine, theirs] = await Promise.all(
      [ours, prometheus.url].map(url =>
        promtool('instant', `--time=${at}`, url, 'sum(rate(prometheus_http_requests_total{via=~"v2|"}[1m]))'),
      ),
    )
    expect(mine).toBe(theirs)
    expect(mine).toContain('=>')
  })
  test('range', async () => {
    const range = [`--start=${at - 3}`, `--end=${at}`, '--step=1s']
    const [mine, theirs] = await Promise.all([ours, prometheus.url].map(url => promtool('range', ...range, url, 'sum(up{via=~"v1|"})')))
    expect(mine).toBe(theirs)
    expect(mine).toContain('=>')
  })
  test('series', async () => {
    const found = await promtool('series', '--match=up{via="v2"}', ours)
    expect(found).toContain('via="v2"')
  })
  test('labels', async () => {
    expect((await promtool('labels', ours, 'via')).trim().split('\n')).toEqual(['v1', 'v2'])
  })
  test('what is wrong', async () => {
    await expect(promtool('instant', ours, 'sum(')).rejects.toThrow('parse error: unclosed left parenthesis')
  })
})

test('with a backend, every question is sent on to it', async () => {
  await using front = await Thalamus.start(ports => {
    const { service, ...config } = otlpTo(ports, { debug: {} })
    return { ...config, service: { ...service, query: { backend: prometheus.url } } } as never
  })
  const url = `http://${LOOPBACK}:${front.apiPort}`
  const asked = ['query', 'instant', `--time=${at}`]
  const expression = 'sort(sum by (handler) (prometheus_http_requests_total))'
  const [mine, theirs] = await Promise.all([url, prometheus.url].map(each => finish(program('promtool'), [...asked, each, expression])))
  expect(mine).toBe(theirs)
  expect(mine).toContain('=>')
  await expect(finish(program('promtool'), [...asked, url, 'sum('])).rejects.toThrow('unclosed left parenthesis')
})

test('another Prometheus reads what is kept here, and scrapes it', async () => {
  await using reader = await Prometheus.start(
    {
      federated: {
        ...{ target: new URL(ours).host, metrics_path: '/federate', honor_labels: true, scrape_native_histograms: true },
        params: { 'match[]': ['up{via="v2"}', 'prometheus_http_request_duration_seconds{via="v2"}'] },
      },
    },
    { remote_read: [{ url: `${ours}/api/v1/read`, read_recent: true }] },
  )
  for (const expression of [
    'up{via="v1"}',
    'sum(rate(prometheus_http_requests_total{via="v1"}[1m]))',
    'histogram_count(prometheus_http_request_duration_seconds{via="v1"})',
  ]) {
    const [read, kept] = await Promise.all(
      [reader.url, ours].map(async url => Object.fromEntries(byLabels(await query(url, expression, at)))),
    )
    expect(Object.keys(read!).length).toBeGreaterThan(0)
    expect(read).toEqual(kept)
  }
  await eventually('it was scraped', async () => {
    const found = await query(reader.url, 'count_over_time(up{job="p", via="v2"}[10s])', Date.now() / 1000)
    const native = 'histogram_count(last_over_time(prometheus_http_request_duration_seconds{via="v2"}[1m]))'
    const [kept, scraped] = await Promise.all([ours, reader.url].map(url => query(url, native, Date.now() / 1000)))
    return found.length === 1 && scraped!.length > 0 && scraped!.length === kept!.length
  })
})

test('a series that is no more is stale here as there', async () => {
  await scraped[Symbol.asyncDispose]()
  const down = await eventually('the target is down', async () => (await prometheus.query('up == 0')).length > 0)
  expect(down).toBe(true)
  await eventually('its series are stale', async () => {
    const now = Date.now() / 1000
    const left = await query(ours, 'go_goroutines', now)
    const ups = await query(ours, 'up == 0', now)
    return left.length === 0 && ups.length === 2
  })
})
