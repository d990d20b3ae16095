/**
 * A Prometheus writes 1.0 to Thalamus, samples first and types a few seconds later, where there may be exactly as many series as it has: every series goes
 * on under its type, without a gap, and nothing is refused.
 */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { eventually, Folder, getJson, LOOPBACK } from './kit/process.ts'
import { otlpTo, Prometheus, Thalamus } from './kit/servers.ts'

interface Family {
  readonly type: string
  readonly series: readonly string[]
}

const families: Readonly<Record<string, Family>> = Object.fromEntries(
  Array.from({ length: 10 }, (_, i): [string, Family][] => [
    [`requests_${i}_total`, { type: 'counter', series: ['200', '500'].map(code => `requests_${i}_total{code="${code}"}`) }],
    [`level_${i}`, { type: 'gauge', series: [`level_${i}`] }],
    [
      `seconds_${i}`,
      { type: 'histogram', series: ['_bucket{le="1"}', '_bucket{le="+Inf"}', '_sum', '_count'].map(part => `seconds_${i}${part}`) },
    ],
  ]).flat(),
)
const lines = Object.entries(families).flatMap(([family, { type, series }]) => [
  `# HELP ${family} About ${family}.`,
  `# TYPE ${family} ${type}`,
  ...series.map(each => `${each} 1`),
])
const pageSeries = Object.values(families).flatMap(({ series }) => series).length
/** up, and what Prometheus says of a scrape, with its feature extra-scrape-metrics */
const scrapeSeries = 8
const most = pageSeries + scrapeSeries

let site: Server
let source: Prometheus
const receiving: Thalamus[] = []

beforeAll(async () => {
  site = createServer((_, answer) => answer.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' }).end(`${lines.join('\n')}\n`))
  await new Promise<void>(listening => site.listen(0, LOOPBACK, listening))
  for (const workers of [1, 2]) {
    receiving.push(
      await Thalamus.start(ports => {
        const config = otlpTo(ports, { store: { directory: new Folder().path, max_series: most } })
        const receivers = { ...config.receivers, prometheus_remote_write: {} }
        const pipelines = { metrics: { receivers: Object.keys(receivers), exporters: ['store'] } }
        return { ...config, receivers, service: { max_series: most, workers, pipelines } } as never
      }),
    )
  }
  const remote_write = receiving.map(({ apiPort }) => ({
    url: `http://${LOOPBACK}:${apiPort}/api/v1/write`,
    metadata_config: { send: true, send_interval: '12s' },
    queue_config: { batch_send_deadline: '200ms' },
  }))
  const target = `${LOOPBACK}:${(site.address() as AddressInfo).port}`
  source = await Prometheus.start({ page: { target } }, { remote_write })
}, 60_000)
afterAll(async () => {
  await Promise.all([source, ...receiving].map(one => one?.[Symbol.asyncDispose]()))
  site?.close()
})

const ask = async <T>(i: number, path: string) =>
  (await getJson<{ data: T }>(`http://${LOOPBACK}:${receiving[i]!.apiPort}/api/v1/${path}`)).data

interface Samples {
  readonly metric: Readonly<Record<string, string>>
  readonly values: readonly (readonly [number, string])[]
}

/** What is told of each family. */
async function told(i: number): Promise<object[]> {
  const all = await ask<Record<string, object[]>>(i, 'metadata')
  return Object.keys(families).flatMap(family => all[family] ?? [])
}

test('samples come before their types', async () => {
  await eventually('samples have arrived', async () => {
    const found = await Promise.all(receiving.map((_, i) => ask<unknown[]>(i, 'series?match[]={job="page"}')))
    return found.every(series => series.length > 0)
  })
  expect(await Promise.all(receiving.map((_, i) => told(i)))).toEqual([[], []])
})

describe.each([
  ['one thread', 0],
  ['several threads', 1],
])('%s', (_, i) => {
  test('then families have them', async () => {
    await eventually('types have arrived', async () => (await told(i)).length === Object.keys(families).length)
    expect(await told(i)).toEqual(Object.entries(families).map(([family, { type }]) => ({ type, help: `About ${family}.`, unit: '' })))
  })

  test('all are there, each sample once', async () => {
    const shown = (all: readonly Samples[]) =>
      all.map(({ metric, values }) => `${JSON.stringify(Object.entries(metric).sort())} ${values.join(' ')}`).toSorted()
    // From the types on for some seconds.
    await eventually('more samples have arrived', async () => {
      const found = await ask<{ result: unknown[] }>(i, `query?query=${encodeURIComponent('count_over_time(up[1m]) >= 18')}`)
      return found.result.length === 1
    })
    const time = Math.floor(Date.now() / 1000) - 1
    const at = `query?query=${encodeURIComponent('{job="page"}[1m]')}&time=${time}`
    await eventually('both know the same', async () => {
      const [here, there] = await Promise.all([
        ask<{ result: Samples[] }>(i, at),
        getJson<{ data: { result: Samples[] } }>(`${source.url}/api/v1/${at}`),
      ])
      return here.result.length === most && shown(here.result).join() === shown(there.data.result).join()
    })
  })

  test('nothing was refused', async () => {
    const { receivers, components } = await receiving[i]!.ledger()
    const { received, refused } = receivers.find(({ id }) => id === 'prometheus_remote_write')!
    expect(received).toBeGreaterThanOrEqual(15 * most)
    expect(refused).toBe(0)
    expect(components.map(({ dropped }) => dropped)).toEqual(components.map(() => ({})))
  })
})
