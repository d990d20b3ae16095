/**
 * The same requests to a real Prometheus and to Thalamus, over the same samples, rules and targets: the same status, type, errors and answers,
 * but for what api/differences.ts lists, each with its reason.
 */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { END, INTERVAL, made, START } from '../promql/fuzz/samples.ts'
import { type Answered, ask, difference } from './api/answers.ts'
import { accepted, acceptedOf } from './api/differences.ts'
import { type Asked, requests } from './api/requests.ts'
import { shopPage } from './api/shop.ts'
import { eventually, Folder, LOOPBACK } from './kit/process.ts'
import { remoteWrite } from './kit/remote-write.ts'
import { otlpTo, Prometheus, Thalamus } from './kit/servers.ts'

const rules = {
  groups: [
    {
      name: 'first',
      interval: '1s',
      rules: [
        { record: 'job:up:sum', expr: 'sum by (job) (up{job=~"a|b"})', labels: { kind: 'recorded' } },
        {
          alert: 'Warm',
          expr: 'temperature > -1000',
          labels: { severity: 'page', room: '{{ $labels.room }}' },
          annotations: { summary: '{{ $labels.room }} is {{ $value | humanize }} warm' },
        },
        { alert: 'Patient', expr: 'vector(1)', for: '1h', keep_firing_for: '5m' },
        { alert: 'Never', expr: 'vector(1) > 2' },
      ],
    },
    {
      name: 'second',
      interval: '1s',
      limit: 100,
      rules: [
        { alert: 'Never', expr: 'up > 5' },
        { record: 'wrong', expr: 'up + on () odd' },
      ],
    },
    { name: 'third', interval: '1s', rules: [{ record: 'later', expr: 'vector(1)' }] },
  ],
}

/** Up to a while ago. */
const shift = Math.floor((Date.now() - 20_000 - END) / INTERVAL) * INTERVAL
const [start, end] = [(START + shift) / 1000, (END + shift) / 1000]
const asked = requests({ start, end })

const folder = new Folder()
let shop: Server
let prometheus: Prometheus
let thalamus: Thalamus
let ours: string

beforeAll(async () => {
  shop = createServer((_, response) => {
    response.writeHead(200, { 'content-type': 'application/openmetrics-text; version=1.0.0; charset=utf-8' }).end(shopPage(end))
  }).listen(0, LOOPBACK)
  await new Promise(resolve => shop.once('listening', resolve))
  const target = `${LOOPBACK}:${(shop.address() as AddressInfo).port}`
  const ruleFile = folder.write('rules.yml', rules)
  const scrape_configs = [
    {
      job_name: 'shop',
      scrape_interval: '1s',
      scrape_timeout: '1s',
      extra_scrape_metrics: true,
      static_configs: [{ targets: [target], labels: { env: 'test' } }, { targets: ['dropped:1'] }],
      relabel_configs: [{ source_labels: ['__address__'], regex: 'dropped:1', action: 'drop' }],
    },
  ]
  prometheus = await Prometheus.start({}, {}, ['--web.enable-remote-write-receiver'], ['promql-per-step-stats'])
  thalamus = await Thalamus.start(ports => {
    const { receivers, ...config } = otlpTo(ports, { store: { directory: `${folder.path}/store` } })
    const pipeline = { receivers: ['otlp', 'prometheus_remote_write', 'prometheus', 'derived'], processors: [], exporters: ['store'] }
    return {
      ...config,
      receivers: { ...receivers, prometheus_remote_write: {}, derived: {}, prometheus: { config: { scrape_configs } } },
      service: {
        query: { enable_feature: ['promql-per-step-stats'] },
        rules: { rule_files: [ruleFile] },
        pipelines: { metrics: pipeline },
      },
    }
  })
  ours = `http://${LOOPBACK}:${thalamus.apiPort}`
  // Those with bounds of their own become classic ones on the way: that is the receiver's, and not asked for here.
  const plain = made(1).filter(({ labels }) => labels.name !== 'custom')
  const series = plain.map(({ labels, samples }) => ({ labels, samples: samples.map(one => ({ ...one, time: one.time + shift })) }))
  for (const url of [prometheus.url, ours]) await remoteWrite(url, series)
  // It takes nothing from before what it has: so it scrapes and evaluates from here on.
  const global = { scrape_interval: '1s', scrape_timeout: '1s' }
  prometheus.server.folder!.write('prometheus.yml', { global, scrape_configs, rule_files: [ruleFile] })
  prometheus.server.child.kill('SIGHUP')
  for (const url of [prometheus.url, ours]) {
    const holds = async (query: string) => {
      const { body } = await ask(url, { path: `query?query=${encodeURIComponent(query)}` })
      return (JSON.parse(body) as { data: { result: unknown[] } }).data.result.length > 0
    }
    await eventually(
      `${url} has scraped and evaluated`,
      async () => (await holds('sold_things_total')) && (await holds('job:up:sum')) && (await holds('ALERTS{alertname="Warm"}')),
    )
  }
})
afterAll(async () => {
  shop?.close()
  await Promise.all([prometheus, thalamus].map(one => one?.[Symbol.asyncDispose]()))
  folder[Symbol.dispose]()
})

const shown = ({ path, method = 'GET', body, headers }: Asked): string =>
  `${method} ${path}${body === undefined ? '' : ` ${body}`}${headers === undefined ? '' : ` ${JSON.stringify(headers)}`}`

test(`${asked.length} requests`, { timeout: 120_000 }, async () => {
  expect(asked.length).toBeGreaterThan(300)
  const found: string[] = []
  const reasons = new Set<string>()
  for (const one of asked) {
    const [theirs, mine] = (await Promise.all([prometheus.url, ours].map(url => ask(url, one)))) as [Answered, Answered]
    const different = difference(one, theirs, mine)
    if (different === undefined) continue
    const reason = acceptedOf(shown(one), theirs, mine)
    if (reason === undefined) found.push(`${shown(one)}\n  ${different}`)
    else reasons.add(reason)
  }
  if (process.env['SHOW'] !== undefined) console.log(found.join('\n'), found.length, 'of', asked.length)
  expect(found).toEqual([])
  // What differs no longer is struck from the list.
  expect(accepted.map(({ why }) => why).filter(why => !reasons.has(why))).toEqual([])
})
