/**
 * A Prometheus writes to Thalamus, which writes to another and has a page that a third scrapes: the series of all three have the same labels, those of
 * recording rules with names of their own too, and the third knows their types.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { eventually, Folder, freePorts, getJson, LOOPBACK } from './kit/process.ts'
import { otlpTo, Prometheus, Thalamus } from './kit/servers.ts'

const messages = { v1: 'prometheus.WriteRequest', v2: 'io.prometheus.write.v2.Request' } as const
const names = ['a__b', '__c_', 'job:rows:sum', 'total_of_total', 'size_seconds_bytes']

let thalamus: Thalamus
let ours: Prometheus
let scraper: Prometheus
const sources: Prometheus[] = []

beforeAll(async () => {
  const folder = new Folder()
  const rules = folder.write('rules.yml', {
    groups: [
      {
        name: 'names',
        interval: '1s',
        rules: names.map(record => ({
          record,
          expr: 'sum by (job, instance, handler) (prometheus_http_requests_total)',
          labels: { __replica__: 'r', x__y: 'v' },
        })),
      },
    ],
  })
  const [page] = (await freePorts(1)) as [number]
  ours = await Prometheus.start({}, {}, ['--web.enable-remote-write-receiver'])
  thalamus = await Thalamus.start(ports => {
    const config = otlpTo(ports, {
      prometheus: { endpoint: `${LOOPBACK}:${page}` },
      prometheus_remote_write: { endpoint: `${ours.url}/api/v1/write`, protobuf_message: messages.v2, target_info: { enabled: false } },
    })
    const exporters = ['prometheus', 'prometheus_remote_write']
    const receivers = { ...config.receivers, prometheus_remote_write: {} }
    return { ...config, receivers, service: { pipelines: { metrics: { receivers: Object.keys(receivers), exporters } } } } as never
  })
  scraper = await Prometheus.start({
    page: { target: `${LOOPBACK}:${page}`, honor_labels: true, scrape_protocols: ['PrometheusText0.0.4'] },
  })
  for (const [from, protobuf_message] of Object.entries(messages)) {
    const url = `http://${LOOPBACK}:${thalamus.apiPort}/api/v1/write`
    const remote_write = [{ url, protobuf_message, send_exemplars: true, metadata_config: { send: true, send_interval: '1s' } }]
    const target = new URL(ours.url).host
    const more = { rule_files: [rules], remote_write, global: { scrape_interval: '1s', scrape_timeout: '1s', external_labels: { from } } }
    sources.push(await Prometheus.start({ self: { target } }, more))
  }
}, 60_000)
afterAll(async () => {
  await Promise.all([...sources, thalamus, ours, scraper].map(one => one?.[Symbol.asyncDispose]()))
})

/** label sets of all series, as text */
async function seriesOf(url: string, selector: string, from = ''): Promise<string[]> {
  const { data } = await getJson<{ data: Record<string, string>[] }>(`${url}/api/v1/series?match[]=${encodeURIComponent(selector)}`)
  const shown = data.map(labels => JSON.stringify(Object.entries({ ...labels, ...(from !== '' && { from }) }).sort()))
  return shown.sort()
}

describe.each(Object.keys(messages).map((from, i) => [from, i] as const))('from %s', (from, i) => {
  const selector = `{__name__=~"${names.join('|')}|up|scrape_.*|go_.*|prometheus_build_info|prometheus_http_requests_total"`
  test('the other Prometheus, and the one that scrapes, have the same series', async () => {
    const source = () => seriesOf(sources[i]!.url, `${selector}}`, from)
    // One look at all three: a source may meet a series of its own at any time.
    const [sent, got, seen] = await eventually('all has arrived', async () => {
      const [sent, got, seen] = await Promise.all([
        source(),
        seriesOf(ours.url, `${selector},from="${from}"}`),
        seriesOf(scraper.url, `${selector},from="${from}"}`),
      ])
      const all =
        sent.length > 50 &&
        names.every(name => sent.some(labels => labels.includes(`"${name}"`))) &&
        got.length === sent.length &&
        seen.length === sent.length
      return all && ([sent, got, seen] as const)
    })
    expect(got).toEqual(sent)
    expect(seen).toEqual(sent)
  })
})

test('what is told of families after their first samples is on the page', async () => {
  const told = await eventually('metadata has arrived', async () => {
    const { data } = await getJson<{ data: Record<string, { type: string; help: string }[]> }>(`${scraper.url}/api/v1/metadata`)
    const about = [data['go_goroutines'], data['prometheus_http_requests_total'], data['go_memstats_alloc_bytes_total']].map(
      one => one?.[0]?.type,
    )
    return about.every(type => type !== undefined && type !== 'unknown') ? about : undefined
  })
  expect(told).toEqual(['gauge', 'counter', 'counter'])
})
