/**
 * docker-compose.yml without Docker: the same commands, environments and files, given to the real programs, with the shop installed from
 * the package as its image installs it. `demo/local.ts` replaces addresses and paths, and nothing else.
 */
import { cpSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Local } from '../../demo/local.ts'
import { dashboardQueries, ruleQueries } from '../demo/queries.ts'
import { eventually, Folder, finish, get, getJson, listens, pause, Server } from './kit/process.ts'
import { node, program, type Series } from './kit/servers.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
/** In the order in which they are started. Grafana is not to be had here. */
const NAMES = ['jaeger', 'otel-collector', 'alertmanager', 'prometheus', 'thalamus', 'stock', 'orders', 'gateway', 'load'] as const
type Name = (typeof NAMES)[number]
const SHOP = ['gateway', 'orders', 'stock'] as const

let folder: Folder
let local: Local
/** where it is installed */
let shop: string
const servers = new Map<Name, Server>()
const prepared = new Map<Name, ReturnType<Local['prepare']>>()

beforeAll(async () => {
  folder = new Folder()
  local = new Local(folder.path, await portsBelowTheEphemeral())
  shop = await install(folder.path)
  for (const name of NAMES) prepared.set(name, local.prepare(name))
  for (const name of NAMES) await begin(name)
}, 240_000)
afterAll(async () => {
  for (const name of NAMES.toReversed()) await servers.get(name)?.[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

async function begin(name: Name): Promise<void> {
  const { args, env } = prepared.get(name)!
  const [file, first, cwd] = runs(name)
  servers.set(name, await Server.start({ file, args: [...first, ...args], env, cwd, ready: () => answers(name) }))
}

function runs(name: Name): [string, string[], string] {
  switch (name) {
    case 'thalamus':
      return [node(), [join(shop, 'node_modules/thalamus/bin/thalamus.js')], ROOT]
    case 'jaeger':
    case 'prometheus':
    case 'alertmanager':
      return [program(name), [], ROOT]
    case 'otel-collector':
      return [program('otelcol'), [], ROOT]
    default:
      return [node(), [], shop]
  }
}

/** What the Dockerfile does: the package is packed, and installed beside the shop's own dependencies. */
async function install(into: string): Promise<string> {
  const copy = join(into, 'copy')
  const paths = ['src', 'bin', 'scripts', 'package.json', 'tsconfig.json', 'tsconfig.build.json', 'README.md', 'CHANGELOG.md', 'LICENSE']
  for (const path of paths) cpSync(join(ROOT, path), join(copy, path), { recursive: true })
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'))
  const env = { PATH: `${dirname(node())}:${join(ROOT, 'node_modules/.bin')}:${process.env['PATH']}` }
  await finish('npm', ['pack', '--silent', '--pack-destination', into], { cwd: copy, env })
  const tarball = readdirSync(into).find(name => name.endsWith('.tgz'))!
  const shop = join(into, 'shop')
  cpSync(join(ROOT, 'demo/shop'), shop, { recursive: true })
  const quiet = ['--prefer-offline', '--no-audit', '--no-fund']
  await finish('npm', ['install', '--omit=dev', '--ignore-scripts', ...quiet, join(into, tarball)], { cwd: shop, env })
  return shop
}

/** One port for each of a container's, from where the kernel takes none for connections of its own. */
async function portsBelowTheEphemeral(): Promise<(service: string, port: number) => number> {
  const free: number[] = []
  for (let port = 20_000 + (process.pid % 10_000); free.length < 40; port++) if (!(await listens(port))) free.push(port)
  const given = new Map<string, number>()
  return (service, port) => {
    const key = `${service}:${port}`
    if (!given.has(key)) given.set(key, free.pop()!)
    return given.get(key)!
  }
}

const portsOf: Readonly<Record<Name, readonly number[]>> = {
  jaeger: [4317, 4318, 5778, 5779, 8888, 13133, 16685, 16686],
  'otel-collector': [4317, 4318, 8888, 13133],
  alertmanager: [9093],
  prometheus: [9090],
  thalamus: [2242, 4317, 4318, 8888, 9464, 13133],
  stock: [8082],
  orders: [8081],
  gateway: [8080],
  load: [],
}
const answers = async (name: Name) =>
  (await Promise.all(portsOf[name].map(port => listens(Number(new URL(local.url(name, port)).port))))).every(Boolean)

const query = async (expr: string) => {
  const answer = await getJson<{ data: { result: Series[] } }>(
    `${local.url('prometheus', 9090)}/api/v1/query?query=${encodeURIComponent(expr)}`,
  )
  return answer.data.result
}
const total = (series: readonly Series[]) => series.reduce((sum, { value }) => sum + Number(value[1]), 0)
const ofJaeger = <T>(path: string) => getJson<{ data: T }>(local.url('jaeger', 16686) + path).then(({ data }) => data)

interface Trace {
  readonly traceID: string
  readonly spans: readonly {
    readonly spanID: string
    readonly operationName: string
    readonly processID: string
    /** µs */
    readonly duration: number
    readonly references: readonly { spanID: string }[]
    readonly tags: readonly { key: string; value: unknown }[]
  }[]
  readonly processes: Readonly<Record<string, { serviceName: string }>>
}

describe('each program takes its file', () => {
  test('the Collector', async () => {
    expect(await finish(program('otelcol'), ['validate', ...prepared.get('otel-collector')!.args])).toBe('')
  })
  test('Prometheus, with its rules', async () => {
    const said = await finish(program('promtool'), ['check', 'config', `${ROOT}prometheus/prometheus.yml`])
    expect(said).toMatch(/SUCCESS: \d+ rules found[\s\S]*SUCCESS|SUCCESS[\s\S]*SUCCESS: \d+ rules found/)
  })
  test('each alert fires when it should, and not a little below', async () => {
    const cases = `${ROOT}test/peers/stack-rules.yml`
    expect(await finish(program('promtool'), ['test', 'rules', cases])).toContain('SUCCESS')
    const tested = [...readFileSync(cases, 'utf8').matchAll(/alertname: (\w+)/g)].map(([, name]) => name!)
    const named = ruleQueries.map(({ where }) => where.split(': ')[1]!)
    expect([...new Set(tested)].toSorted()).toEqual(named.toSorted())
  })
  test('Alertmanager', async () => {
    expect(await finish(program('amtool'), ['check-config', `${ROOT}prometheus/alertmanager.yml`])).toContain('SUCCESS')
  })
  test.each(NAMES)('%s has no error to tell', name => {
    expect(servers.get(name)!.output).not.toMatch(/\terror\t|level=(ERROR|WARN)|"level":"(error|warn)"|^\w*Error:/m)
  })
})

test.each(NAMES.filter(name => !['otel-collector', 'thalamus', 'load'].includes(name)))(
  'the health check of %s finds it well',
  async name => {
    const [command = '', ...args] = prepared.get(name)!.health
    const file = { node: node(), promtool: program('promtool'), amtool: program('amtool') }[command] ?? command
    await finish(file, args)
  },
)

test('the sampling strategies are those of the file', async () => {
  const answer = await getJson(`${local.url('jaeger', 5778)}/api/sampling?service=gateway`)
  expect(answer).toMatchObject({ probabilisticSampling: { samplingRate: 1 } })
})

test('every target is scraped', async () => {
  const up = await eventually('all targets are up', async () => {
    const series = await query('up')
    return series.length === 6 && total(series) === 6 && series
  })
  expect(up.map(({ metric }) => metric['job']).toSorted()).toEqual([
    'alertmanager',
    'jaeger',
    'otel-collector',
    'prometheus',
    'thalamus',
    'thalamus-self',
  ])
})

test('an order is one trace with the spans of all three services, each once', async () => {
  const trace = await eventually('a whole trace of an order', async () => {
    const traces = await ofJaeger<Trace[]>(`/api/traces?service=gateway&operation=${encodeURIComponent('POST /orders')}&limit=20`)
    return traces.find(({ spans }) => spans.length >= 5)
  })
  const { spans, processes } = trace
  const root = spans.find(({ references }) => references.length === 0)!
  const childrenOf = (id: string) => spans.filter(({ references }) => references.some(({ spanID }) => spanID === id))
  const chain = [root]
  for (let next = childrenOf(root.spanID); next.length === 1; next = childrenOf(next[0]!.spanID)) chain.push(next[0]!)
  const kind = ({ tags }: Trace['spans'][number]) => tags.find(({ key }) => key === 'span.kind')?.value
  expect(chain.map(span => `${processes[span.processID]?.serviceName} ${kind(span)} ${span.operationName}`)).toEqual([
    'gateway server POST /orders',
    'gateway client POST',
    'orders server POST /orders',
    'orders client POST',
    'stock server POST',
  ])
  expect(spans).toHaveLength(5)
  expect((await ofJaeger<string[]>('/api/services')).toSorted()).toEqual([...SHOP])
})

test('an exemplar in Prometheus is a request: Jaeger has its span, under the name of its series, as long as it says', async () => {
  const url = new URL('/api/v1/query_exemplars', local.url('prometheus', 9090))
  const series = 'traces_span_metrics_duration_milliseconds_bucket{service_name="orders",span_name="POST /orders"}'
  const now = () => Date.now() / 1000
  await eventually('an exemplar whose trace Jaeger has', async () => {
    url.search = new URLSearchParams({ query: series, start: String(now() - 600), end: String(now()) }).toString()
    type Exemplars = { seriesLabels: Record<string, string>; exemplars: { labels: Record<string, string>; value: string }[] }[]
    const { data } = await getJson<{ data: Exemplars }>(url.href)
    const { labels, value } = data.flatMap(({ exemplars }) => exemplars).at(-1) ?? { labels: {}, value: '' }
    const [found] = await ofJaeger<Trace[]>(`/api/traces/${labels['trace_id']}`)
    const span = found!.spans.find(({ spanID }) => spanID === labels['span_id'])!
    expect(span.operationName).toBe('POST /orders')
    expect(found!.processes[span.processID]?.serviceName).toBe('orders')
    // Jaeger keeps microseconds.
    expect(Math.abs(span.duration / 1000 - Number(value))).toBeLessThan(0.002)
    expect(new Set(found!.spans.map(({ processID }) => found!.processes[processID]?.serviceName))).toEqual(new Set(SHOP))
    return true
  })
})

test('what counts requests in the service and what counts spans in Thalamus count the same ones', async () => {
  // Customers go on buying: where nothing is left out, what is behind comes to what was ahead.
  const served = 'http_server_request_duration_seconds_count{job="shop/orders",http_route="/orders",http_request_method="POST"}'
  const spans = 'traces_span_metrics_calls_total{service_name="orders",span_name="POST /orders",span_kind="SPAN_KIND_SERVER"}'
  const counts = async () => [total(await query(`sum(${served})`)), total(await query(`sum(${spans})`))] as const
  const [servedBefore, spansBefore] = await eventually('both count', async () => {
    const both = await counts()
    return both.every(count => count > 0) && both
  })
  await eventually('each has reached the other', async () => {
    const [servedNow, spansNow] = await counts()
    return servedNow >= spansBefore && spansNow >= servedBefore
  })
})

interface Measured {
  readonly metrics: readonly {
    readonly labels: readonly { name: string; value: string }[]
    readonly metricPoints: readonly { gaugeValue: { doubleValue: number | 'NaN' } }[]
  }[]
}
const monitor = (what: string, service: string) =>
  getJson<Measured>(
    `${local.url('jaeger', 16686)}/api/metrics/${what}service=${service}&groupByOperation=true&spanKind=server&step=5000&ratePer=60000&lookback=120000`,
  )
const last = ({ metrics }: Measured, operation: string) =>
  Number(metrics.find(({ labels }) => labels.some(({ value }) => value === operation))?.metricPoints.at(-1)?.gaugeValue.doubleValue)

test.each([
  ['gateway', 'POST /orders'],
  ['orders', 'POST /orders'],
  ['stock', 'POST'],
])(
  "Jaeger's Monitor tab shows %s from our span_metrics",
  async (service, operation) => {
    await eventually(
      'rates, durations and errors',
      async () => {
        const rate = last(await monitor('calls?', service), operation)
        const ms = last(await monitor('latencies?quantile=0.95&', service), operation)
        const errors = last(await monitor('errors?', service), operation)
        return rate > 0.5 && rate < 20 && ms > 0 && ms < 5000 && errors === 0
      },
      90_000,
    )
  },
  100_000,
)

test('the fault switch of stock makes an alert of each service that fails, and it reaches Alertmanager', async () => {
  await get(`${local.url('gateway', 8080)}/products`)
  await fetch(`${local.url('stock', 8082)}/fault?errors=0.8`, { method: 'PUT' })
  interface Alert {
    readonly labels: Readonly<Record<string, string>>
    readonly annotations: Readonly<Record<string, string>>
    readonly status: { readonly state: string }
  }
  const fails = await eventually(
    'three alerts',
    async () => {
      const alerts = await getJson<Alert[]>(`${local.url('alertmanager', 9093)}/api/v2/alerts?filter=alertname%3DServiceFails`)
      return alerts.length === 3 && alerts
    },
    150_000,
  )
  expect(fails.map(({ labels }) => labels['job']).toSorted()).toEqual(['shop/gateway', 'shop/orders', 'shop/stock'])
  for (const { annotations, labels, status } of fails) {
    expect(annotations['summary']).toMatch(new RegExp(`^${labels['job']} fails \\d[\\d.]*% of its requests$`))
    expect(status.state).toBe('active')
  }
  expect(last(await monitor('errors?', 'stock'), 'POST')).toBeGreaterThan(0.05)
}, 180_000)

test('what the dashboards ask for is there, and every alert can be evaluated', async () => {
  // Spans of nobody, which span_metrics drops: that is shown as well.
  const span = { traceId: '1'.repeat(32), spanId: '1'.repeat(16), name: 'x', startTimeUnixNano: '1', endTimeUnixNano: '2' }
  const body = JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] })
  await fetch(`${local.url('thalamus', 4318)}/v1/traces`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
  await eventually(
    'an answer to every query',
    async () => {
      const empty: string[] = []
      for (const { where, expr } of dashboardQueries) if ((await query(expr)).length === 0) empty.push(`${where}: ${expr}`)
      if (empty.length > 0) throw new Error(empty.join('\n'))
      return true
    },
    50_000,
  )
  const { data } = await getJson<{ data: { groups: { rules: { name: string; health: string }[] }[] } }>(
    `${local.url('prometheus', 9090)}/api/v1/rules`,
  )
  const rules = data.groups.flatMap(({ rules }) => rules)
  expect(rules.map(({ health }) => health)).toEqual(ruleQueries.map(() => 'ok'))
  expect(await query('ALERTS{alertname!~"Service.*",alertstate="firing"}')).toEqual([])
})

test('nothing was lost on the way', async () => {
  const { imbalance } = await getJson<{ imbalance: number }>(`${local.url('thalamus', 2242)}/debug/ledger`)
  expect(imbalance).toBe(0)
  expect(total(await query('sum(otelcol_receiver_refused_spans)'))).toBe(0)
  expect(total(await query('sum(otelcol_exporter_send_failed_spans)'))).toBe(0)
})

test('a sampling strategy that is changed reaches the services: no more traces begin, and every request is still counted', async () => {
  const jaegers = dirname(prepared.get('jaeger')!.args[0]!.replace('--config=file:', ''))
  writeFileSync(join(jaegers, 'sampling-strategies.json'), JSON.stringify({ default_strategy: { type: 'probabilistic', param: 0 } }))
  const count = async () => ({
    spans: total(await query('sum(traces_span_metrics_calls_total{service_name="gateway"})')),
    requests: total(await query('sum(http_server_request_duration_seconds_count{job="shop/gateway"})')),
  })
  let before = await count()
  await eventually(
    'requests without spans',
    async () => {
      // What was begun before has been told, made into metrics and scraped.
      await pause(11_000)
      const now = await count()
      const only = now.requests > before.requests && now.spans === before.spans
      before = now
      return only
    },
    90_000,
  )
}, 110_000)

test('what is told while the Collector is away waits on the disk, also while Thalamus restarts, and comes to Jaeger', async () => {
  await fetch(`${local.url('stock', 8082)}/fault?errors=0`, { method: 'PUT' })
  await servers.get('otel-collector')!.stop()
  const traceId = 'feed'.repeat(8)
  const headers = { 'content-type': 'application/json', traceparent: `00-${traceId}-${'1'.repeat(16)}-01` }
  const order = { method: 'POST', headers, body: '{"product":"apple","quantity":1}' }
  expect((await fetch(`${local.url('gateway', 8080)}/orders`, order)).status).toBe(201)
  // A service that ends tells what it has before: nothing of it comes after this.
  for (const name of ['load', ...SHOP] as const) await servers.get(name)!.stop()
  await servers.get('thalamus')!.stop('SIGKILL')
  await begin('thalamus')
  await begin('otel-collector')
  await eventually(
    'the trace is whole in Jaeger',
    async () => {
      const [found] = await ofJaeger<Trace[]>(`/api/traces/${traceId}`)
      return found?.spans.length === 5
    },
    60_000,
  )
}, 100_000)
