/** The page beside the one that the JavaScript SDK's own Prometheus exporter makes of the same instruments: what is the same, and what is not. */
import { createServer } from 'node:http'
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus'
import { ProtobufMetricsSerializer } from '@opentelemetry/otlp-transformer'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics'
import { beforeAll, expect, test } from 'vitest'
import prometheus from '../../src/exporters/prometheus/index.ts'
import { Raw } from '../../src/model/raw.ts'
import { createReader } from '../../src/otlp/reader.ts'
import { testContext } from '../kit/context.ts'

class Asked extends MetricReader {
  protected override async onForceFlush() {}
  protected override async onShutdown() {}
}

let theirs: string
let ours: string
beforeAll(async () => {
  const [asked, exporter] = [new Asked(), new PrometheusExporter({ preventServerStart: true })]
  const resource = resourceFromAttributes({ 'service.name': 'shop', 'service.instance.id': 'one' })
  const meters = new MeterProvider({ resource, readers: [asked, exporter] })
  const meter = meters.getMeter('lib', '1.0')
  meter.createCounter('http.requests', { description: 'Requests\nby route.' }).add(3, { 'http.route': '/a"b\\c', ok: true })
  meter.createUpDownCounter('queue.length').add(-2)
  meter.createGauge('temperature', { unit: 'Cel' }).record(21.5, { room: 'lab' })
  const time = meter.createHistogram('http.duration', { unit: 's', advice: { explicitBucketBoundaries: [0.1, 1] } })
  for (const seconds of [0.05, 0.5, 5]) time.record(seconds)
  ;[theirs, ours] = [await pageOfTheirs(exporter), await pageOfOurs(asked)]
  await meters.shutdown()
})

async function pageOfTheirs(exporter: PrometheusExporter): Promise<string> {
  const server = createServer((request, response) => exporter.getMetricsRequestHandler(request, response))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  const page = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
  server.closeAllConnections()
  await new Promise(resolve => server.close(resolve))
  return page
}

async function pageOfOurs(asked: MetricReader): Promise<string> {
  const bytes = ProtobufMetricsSerializer.serializeRequest((await asked.collect()).resourceMetrics)!
  const reader = createReader()
  const cx = testContext({ id: 'prometheus', reader })
  const exporter = prometheus.create.metrics!(cx, prometheus.config.parse({ endpoint: '127.0.0.1:0' }))
  await exporter.start!()
  await exporter.consume(reader.read('metrics', Raw.of(bytes)))
  const page = await (await fetch(cx.urls[0]!.url)).text()
  await exporter.shutdown!(AbortSignal.abort())
  return page
}

/** Samples with their labels in order; what begins with `#`, and target_info, are for the tests below. */
const samples = (page: string) =>
  page
    .split('\n')
    .filter(line => line !== '' && !/^(#|target_info)/.test(line))
    .map(line => {
      const [, name, labels, value] = /^(\w+)\{(.*)\} (\S+)$/.exec(line)!
      return `${name}{${[...labels!.matchAll(/\w+="(?:[^"\\]|\\.)*"/g)].map(String).toSorted()}} ${value}`
    })
    .toSorted()
const starting = (page: string, start: string) => page.split('\n').filter(line => line.startsWith(start))

test('the same samples, but that names end in their unit, and job and instance are labels', () => {
  const inTheirWords = ours
    .replaceAll('http_duration_seconds', 'http_duration')
    .replaceAll('temperature_celsius', 'temperature')
    .replaceAll('instance="one",job="shop",', '')
  expect(samples(theirs)).toHaveLength(8)
  expect(samples(inTheirWords)).toEqual(samples(theirs))
})

test('the resource: job and instance are made of what names a service; the rest alone is repeated', () => {
  expect(starting(theirs, 'target_info')).toEqual(['target_info{service_name="shop",service_instance_id="one"} 1'])
  expect(starting(ours, 'target_info')).toEqual(['target_info{instance="one",job="shop"} 1'])
})

test('what is said of a family: a unit only where the format has one, nothing where nothing is known', () => {
  expect(starting(ours, '# HELP http_requests_total')).toEqual(starting(theirs, '# HELP http_requests_total'))
  expect(starting(theirs, '# HELP queue_length')).toEqual(['# HELP queue_length description missing'])
  expect(starting(ours, '# HELP queue_length')).toEqual([])
  expect([starting(theirs, '# UNIT').length, starting(ours, '# UNIT').length]).toEqual([2, 0])
  const types = (page: string) => starting(page, '# TYPE').map(line => line.split(' ').at(-1)!)
  expect(types(ours).toSorted()).toEqual(types(theirs).toSorted())
})
