/** Typed instruments through the stock SDK and its exporter: whoever makes Prometheus names of them makes the ones that are promised. */
import { readFileSync } from 'node:fs'
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-proto'
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics'
import { expect, test } from 'vitest'
import { componentInstruments } from '../../src/instruments/domains/component.ts'
import { domains } from '../../src/instruments/domains/index.ts'
import type { Instrument } from '../../src/instruments/instrument.ts'
import { Recorder } from '../../src/instruments/recorder.ts'
import { eventually, freePorts, LOOPBACK } from './kit/process.ts'
import { Collector, type Otlp, otlpTo, Thalamus } from './kit/servers.ts'

/** Prometheus' names, by hand. */
const promised = readFileSync(new URL('../instruments/promised.txt', import.meta.url), 'utf8')
  .split('\n')
  .filter(line => line !== '' && !line.startsWith('#'))
  .map(line => {
    const [, kind, , , name] = line.split('|').map(cell => cell.trim())
    return `${name} ${kind === 'up_down_counter' ? 'gauge' : kind}`
  })
  .toSorted()

function recordAll(recorder: Recorder): void {
  const all = Object.values(recorder.instruments({ ...domains, optimizer: componentInstruments('optimizer') })) as Record<
    string,
    Instrument
  >[]
  for (const instrument of all.flatMap(group => Object.values(group))) {
    const handle = instrument.with(Object.fromEntries(instrument.definition.attributes.map(name => [name, 'x'])))
    if ('record' in handle) handle.record(0.02)
    else if ('set' in handle) handle.set(0.5)
    else handle.add(2)
  }
  // So that what counts refusals is there, too.
  recorder.get('no such instrument')
}

const ways = {
  'as observables, histograms value by value': (recorder: Recorder, exporter: OTLPMetricExporter) => {
    const provider = new MeterProvider({ readers: [new PeriodicExportingMetricReader({ exporter })] })
    recorder.observe(provider)
    return provider
  },
  'as observables, histograms produced': (recorder: Recorder, exporter: OTLPMetricExporter) => {
    const provider = new MeterProvider({ readers: [new PeriodicExportingMetricReader({ exporter, metricProducers: [recorder.producer] })] })
    recorder.observe(provider, { histograms: 'produced' })
    return provider
  },
}

const servers = { 'the Collector': Collector, Thalamus }
const cases = Object.entries(servers).flatMap(([name, kind]) => Object.entries(ways).map(([way, tell]) => ({ name, kind, way, tell })))

test.each(cases)('$name, told $way', async ({ kind, tell }) => {
  const [port] = (await freePorts(1)) as [number]
  await using server: Otlp & AsyncDisposable = await kind.start(ports => ({
    ...otlpTo(ports, { prometheus: { endpoint: `${LOOPBACK}:${port}` } }),
    service: { pipelines: { metrics: { receivers: ['otlp'], exporters: ['prometheus'] } } },
  }))
  const recorder = new Recorder()
  const provider = tell(recorder, new OTLPMetricExporter({ url: `http://${LOOPBACK}:${server.httpPort}/v1/metrics` }))
  recordAll(recorder)
  await provider.forceFlush()
  await provider.shutdown()
  const found = await eventually('every family is on the page', async () => {
    const page = await (await fetch(`http://${LOOPBACK}:${port}/metrics`)).text()
    const families = [...page.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => `${name} ${type}`)
    const ours = families.filter(family => !/^(target_info|otel_scope_info) /.test(family))
    return ours.length >= promised.length && ours
  })
  expect(found.toSorted()).toEqual(promised)
})
