/** What is recorded in a process leaves it through the pipelines that run there, under the names that the documentation has. */
import { afterEach, expect, test } from 'vitest'
import { prometheusName } from '../../scripts/instrument-tables.ts'
import { start } from '../../src/app.ts'
import { loadConfiguration } from '../../src/component/config.ts'
import { domains } from '../../src/instruments/domains/index.ts'
import type { Instrument } from '../../src/instruments/instrument.ts'
import { Recorder } from '../../src/instruments/recorder.ts'
import { components } from '../components.ts'
import { settled, VirtualClock } from '../kit/clock.ts'
import { testContext } from '../kit/context.ts'

const text = `
receivers: { self: { collection_interval: 1s } }
exporters: { prometheus: { endpoint: "127.0.0.1:0", without_scope_info: true } }
service:
  api: { enabled: false }
  telemetry:
    resource: { service.name: shop }
    metrics: { level: LEVEL, readers: [{ pull: { exporter: { prometheus: { host: 127.0.0.1, port: 0 } } } }] }
  pipelines: { metrics: { receivers: [self], exporters: [prometheus] } }
`
const cleanUp: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const clean of cleanUp.splice(0).reverse()) await clean()
})

async function run(recorded: Recorder, clock: VirtualClock, level = 'normal') {
  const cx = testContext()
  const configuration = loadConfiguration([{ name: 'test.yaml', text: text.replace('LEVEL', level) }], { env: {}, factories: components })
  const { random, files, disk } = cx
  const memory = () => ({ usedBytes: 1, limitBytes: 2 ** 30 })
  const app = await start(configuration, { ...{ clock, random, files, disk, memory, recorded }, log: () => cx.log, version: '0.0.0-test' })
  cleanUp.push(() => app.shutdown())
  const urlOf = (component: string) => app.listening.find(place => place.component === component)!.url
  /** the page after the next reading */
  const page = async (component: string) => {
    await clock.advance(1000)
    await settled(10)
    return (await fetch(urlOf(component))).text()
  }
  return { page }
}

test('every instrument is on /metrics, under its name and with its labels', async () => {
  const clock = new VirtualClock()
  const recorder = new Recorder({ clock })
  const { page } = await run(recorder, clock)
  const groups: Readonly<Record<string, Readonly<Record<string, Instrument>>>> = recorder.instruments(domains)
  const all = Object.values(groups).flatMap(group => Object.values(group))
  const expected = all.map((instrument, i) => {
    const { definition } = instrument
    const labels = definition.attributes.map((name, n) => [name.replaceAll(/[^a-z_]/g, '_'), `v${n}`] as const)
    const handle = instrument.with(Object.fromEntries(definition.attributes.map((name, n) => [name, `v${n}`])))
    const value = i / 8
    if ('set' in handle) handle.set(value)
    else if ('record' in handle) handle.record(value)
    else handle.add(value)
    const name = prometheusName(definition)
    const shown = [['job', 'shop'] as const, ...labels].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([key, of]) => `${key}="${of}"`)
    return { name: definition.kind === 'histogram' ? `${name}_sum` : name, labels: shown, value }
  })
  const lines = (await page('prometheus')).split('\n')
  const missing = expected.filter(({ name, labels, value }) => {
    const found = lines.filter(line => line.startsWith(`${name}{`) && labels.every(label => line.includes(label)))
    return found.length !== 1 || !found[0]!.endsWith(` ${value}`)
  })
  expect(missing).toEqual([])
  expect(lines).toContain('# TYPE neural_signal_samples_lost_total counter')
  expect(lines.filter(line => line.startsWith('neural_signal_processing_duration_seconds_bucket')).length).toBe(14)
})

test("what goes on is told again at each reading, and is not on the page of Thalamus's own metrics", async () => {
  const clock = new VirtualClock()
  const recorder = new Recorder({ clock })
  const { page } = await run(recorder, clock)
  const { cache } = recorder.instruments(domains)
  const hits = cache.requests.with({ hit: true })
  hits.add(2)
  expect(await page('prometheus')).toMatch(/^cache_requests_total\{.*hit="true".*\} 2$/m)
  hits.add(3)
  cache.operationDuration.with().record(0.01)
  const after = await page('prometheus')
  expect(after).toMatch(/^cache_requests_total\{.*hit="true".*\} 5$/m)
  expect(after).toMatch(/^cache_operation_duration_seconds_count\{.*\} 1$/m)
  const own = await page('telemetry')
  expect(own).toContain('otelcol_process_uptime')
  expect(own).not.toContain('cache_')
})

test('where own metrics are off, nothing is told', async () => {
  const clock = new VirtualClock()
  const recorder = new Recorder({ clock })
  recorder.instruments(domains).cache.evictions.with().add(1)
  const { page } = await run(recorder, clock, 'none')
  expect(await page('prometheus')).not.toContain('cache_')
})
