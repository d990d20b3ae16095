/** The files of the stack: each can be read, each finds what it names, and every metric that they ask for is one that Thalamus serves. */
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as later } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { Local, readCompose } from '../../demo/local.ts'
import { layOutShop } from '../../demo/project.ts'
import { defaultConfiguration } from '../../src/commands/default.ts'
import { start } from '../../src/index.ts'
import { ROOT, startShop } from './kit.ts'
import { dashboardQueries, metricNames, ruleQueries } from './queries.ts'

const read = (file: string) => readFileSync(join(ROOT, file), 'utf8')
const services = readCompose()
const files = [
  'docker-compose.yml',
  'thalamus-config.yaml',
  'otel-collector-config.yaml',
  ...globSync(['{jaeger,prometheus,grafana}/**/*.{yml,yaml,json}'], { cwd: ROOT }),
].toSorted()

test.each(files)('%s can be read', file => {
  expect(file.endsWith('.json') ? JSON.parse(read(file)) : parse(read(file), { merge: true, strict: true })).toBeTypeOf('object')
})

test.each(files)('%s holds no secret', file => {
  const keys = [...read(file).matchAll(/^\s*"?([\w-]+)"?: *(.*)$/gm)].filter(([, key]) =>
    /passw|secret|token|api_?key|credential/i.test(key!),
  )
  expect(keys.map(([line]) => line.trim())).toEqual([])
})

describe('docker-compose.yml', () => {
  test('has all of the stack', () => {
    expect(Object.keys(services).toSorted()).toEqual(
      ['alertmanager', 'gateway', 'grafana', 'jaeger', 'load', 'orders', 'otel-collector', 'prometheus', 'stock', 'thalamus'].toSorted(),
    )
  })

  test('every image is of one version and can be replaced; ours are built here', () => {
    const images = parse(read('docker-compose.yml'), { merge: true }).services as Record<
      string,
      { image: string; build?: { target: string } }
    >
    const targets = [...read('deploy/Dockerfile').matchAll(/^FROM \S+ AS (\w+)$/gm)].map(([, name]) => name)
    for (const [name, { image, build }] of Object.entries(images)) {
      if (build === undefined) expect([name, image]).toEqual([name, expect.stringMatching(/^\$\{\w+_IMAGE:-[\w./-]+:v?\d+\.\d+\.\d+\}$/)])
      else
        expect([name, image, targets]).toEqual([
          name,
          expect.stringMatching(/^\$\{(SHOP|THALAMUS)_IMAGE:-thalamus(-shop)?\}$/),
          expect.arrayContaining([build.target]),
        ])
    }
  })

  test('its own images are of the Node that everything is tested with', () => {
    const { devDependencies } = JSON.parse(read('package.json'))
    const bases = [...read('deploy/Dockerfile').matchAll(/^FROM (\S+)/gm)].map(([, base]) => base)
    expect(new Set(bases)).toEqual(new Set([`node:${devDependencies.node}-slim`]))
  })

  test('whatever is mounted is there, and a volume is declared', () => {
    const { volumes } = parse(read('docker-compose.yml'), { merge: true })
    const mounts = Object.values(services).flatMap(({ volumes = [] }) => volumes.map(volume => volume.split(':')[0]!))
    const there = (source: string) => (source.startsWith('./') ? existsSync(join(ROOT, source)) : source in volumes)
    expect(mounts.filter(source => !there(source))).toEqual([])
    expect(mounts.length).toBeGreaterThan(10)
    expect(Object.keys(volumes).filter(name => !mounts.includes(name))).toEqual([])
  })

  test('is published on this machine only', () => {
    const ports = Object.values(services).flatMap(({ ports = [] }) => ports)
    expect(ports.filter(port => !/^127\.0\.0\.1:(\d+):\1$/.test(port))).toEqual([])
    expect(new Set(ports).size).toBe(ports.length)
  })

  test('whoever can be asked how it is has a health check, and whoever is waited for has one', () => {
    const without = Object.keys(services).filter(name => services[name]!.healthcheck === undefined)
    // thalamus: in its image. otel-collector: its image has no program to ask with. load: nobody needs it.
    expect(without.toSorted()).toEqual(['load', 'otel-collector', 'thalamus'])
    expect(read('deploy/Dockerfile')).toContain('HEALTHCHECK')
    const waitedFor = Object.values(services).flatMap(({ depends_on = {} }) => Object.entries(depends_on))
    expect(waitedFor.filter(([name, { condition }]) => !(name in services) || condition !== 'service_healthy')).toEqual([])
    expect(waitedFor.map(([name]) => name)).not.toContain('otel-collector')
  })
})

test('every address in the files is one where somebody listens', () => {
  const folder = mkdtempSync(join(tmpdir(), 'thalamus-stack-'))
  try {
    /** `SERVICE:PORT` by who names it */
    const named = new Map<string, Set<string>>()
    let by = ''
    const local = new Local(folder, (service, port) => {
      const at = `${service}:${port}`
      named.set(at, (named.get(at) ?? new Set()).add(by))
      return port
    })
    for (by of Object.keys(services)) local.prepare(by)
    // Grafana listens on 3000 with no word of ours.
    const nobody = [...named].filter(([at, who]) => !who.has(at.split(':')[0]!) && at !== 'grafana:3000')
    expect(nobody).toEqual([])
    const published = Object.entries(services).flatMap(([name, { ports = [] }]) => ports.map(port => `${name}:${port.split(':')[2]}`))
    expect(published.filter(at => !named.has(at))).toEqual([])
    expect(named.size).toBeGreaterThan(20)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('thalamus-config.yaml masks what is masked without a file', () => {
  expect(parse(read('thalamus-config.yaml')).processors.redaction).toEqual(parse(defaultConfiguration).processors.redaction)
})

test('Grafana: panels and links name data sources that are provisioned, and dashboards lie where they are looked for', () => {
  const { datasources } = parse(read('grafana/provisioning/datasources/thalamus.yaml')) as { datasources: { uid: string; type: string }[] }
  const uids = datasources.map(({ uid }) => uid)
  const used = [
    ...(read('grafana/dashboards/services.json') + read('grafana/provisioning/datasources/thalamus.yaml')).matchAll(
      /(?:"uid"|datasourceUid): "?(\w+)/g,
    ),
  ]
  expect(used.map(([, uid]) => uid).filter(uid => uid !== 'services' && !uids.includes(uid!))).toEqual([])
  const { providers } = parse(read('grafana/provisioning/dashboards/folder.yaml'))
  const mounts = services['grafana']!.volumes!.map(volume => volume.split(':'))
  expect(mounts.find(([source]) => source === './grafana/dashboards')?.[1]).toBe(providers[0].options.path)
  expect(mounts.find(([source]) => source === './grafana/provisioning')?.[1]).toBe('/etc/grafana/provisioning')
  expect(existsSync(join(ROOT, services['grafana']!.environment!['GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH']!.replace('/etc/', '')))).toBe(
    true,
  )
})

test.each([
  ['up == 0', ['up']],
  ['sum by (a, b) (rate(x_total{c=~"d", e="f(g)"}[5m])) / on (a) group_left (z) y > 0.5', ['x_total', 'y']],
  ['histogram_quantile(0.95, sum by (le) (rate(x_bucket[1m])))', ['x_bucket']],
  ['x or 0 * y and ignoring(q) z offset 5m', ['x', 'y', 'z']],
])('the metrics of %s', (expr, names) => {
  expect(metricNames(expr)).toEqual(names)
})

test('every metric of an alert or a dashboard is on a page of Thalamus, with the shop running', { timeout: 120_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'thalamus-stack-'))
  const config = read('thalamus-config.yaml')
    .replaceAll(/0\.0\.0\.0:\d+/g, '127.0.0.1:0')
    .replaceAll(/host: 0\.0\.0\.0, port: \d+/g, 'host: 127.0.0.1, port: 0')
    .replaceAll('/var/lib/thalamus', join(folder, 'kept'))
    // Nobody is there: what waits on the disk is no matter here.
    .replace('http://otel-collector:4318', 'http://127.0.0.1:1')
    .replaceAll('metrics_flush_interval: 5s', 'metrics_flush_interval: 200ms')
  const pages: string[] = []
  try {
    await using app = await start({
      config: [config, 'extensions: { file_storage: { create_directory: true } }', 'service: { telemetry: { logs: { level: error } } }'],
    })
    const url = (component: string, what = /http/i) =>
      app.listening.find(place => place.component === component && what.test(place.what))!.url
    const shop = await startShop(
      ['--import', 'thalamus/register'],
      name => ({
        OTEL_SERVICE_NAME: name,
        OTEL_EXPORTER_OTLP_ENDPOINT: url('otlp'),
        OTEL_METRIC_EXPORT_INTERVAL: '250',
        OTEL_METRIC_EXPORT_TIMEOUT: '200',
        OTEL_BSP_SCHEDULE_DELAY: '100',
      }),
      layOutShop(folder),
    )
    try {
      const order = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"product":"apple","quantity":1}' }
      expect((await fetch(`${shop.gateway.url}/orders`, order)).status).toBe(201)
      await fetch(`${shop.stock.url}/fault?errors=1`, { method: 'PUT' })
      expect((await fetch(`${shop.gateway.url}/orders`, order)).status).toBe(502)
      // Spans of nobody: span_metrics drops them, counted.
      const span = { traceId: '1'.repeat(32), spanId: '1'.repeat(16), name: 'x', startTimeUnixNano: '1', endTimeUnixNano: '2' }
      const body = JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] })
      await fetch(`${url('otlp')}/v1/traces`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })

      const all = [...ruleQueries, ...dashboardQueries]
      expect(all.length).toBeGreaterThan(30)
      let missing: unknown[] = []
      for (const until = performance.now() + 80_000; performance.now() < until; await later(100)) {
        pages.splice(0, 2, await page(url('prometheus', /./)), await page(url('telemetry', /./)))
        const served = new Set(['up', ...pages.flatMap(text => [...text.matchAll(/^([a-zA-Z_:][\w:]*)[ {]/gm)].map(([, name]) => name))])
        missing = all.flatMap(({ where, expr }) =>
          metricNames(expr)
            .filter(name => !served.has(name))
            .map(name => ({ where, name })),
        )
        if (missing.length === 0) break
      }
      expect(missing).toEqual([])
    } finally {
      await Promise.all(Object.values(shop).map(service => service[Symbol.asyncDispose]()))
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
})

const page = async (url: string) => (await fetch(url)).text()
