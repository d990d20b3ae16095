import { afterEach, describe, expect, test } from 'vitest'
import { OwnMetrics } from '../../src/api/own-metrics.ts'
import { Budget } from '../../src/component/budget.ts'
import { StartError } from '../../src/component/errors.ts'
import { Ledger } from '../../src/component/ledger.ts'
import { createOwnTelemetry } from '../../src/component/own-telemetry.ts'
import { VirtualClock } from '../kit/clock.ts'

const ledger = new Ledger()
const telemetry = createOwnTelemetry({
  ledger,
  budget: new Budget(),
  clock: new VirtualClock(),
  memory: () => ({ usedBytes: 1, limitBytes: 2 }),
  version: '1.2.3',
  metrics: 'normal',
  traces: 'basic',
  resource: { 'service.instance.id': 'here' },
})
const served = new OwnMetrics(telemetry, new VirtualClock())
afterEach(() => served.shutdown())
const start = () => served.start({ host: '127.0.0.1', port: 0 })
const page = async (url: string) => (await fetch(url)).text()

describe('own metrics over HTTP', () => {
  test('as the Collector serves its own: no unit suffix, no _total, no scope labels, the resource in target_info', async () => {
    ledger.account('receiver', 'otlp', 'traces').receive(1_234_567, 0)
    ledger.account('processor', 'batch', 'traces', 'traces').accepted = 2
    telemetry.meter('x').createUpDownCounter('a.b', { unit: 's', description: 'is\nit' }).add(1, { 'a.b': 'q"', n: 5 })
    telemetry.meter('y').createUpDownCounter('a.b', { unit: 's', description: 'is\nit' }).add(2)
    telemetry
      .meter('z')
      .createHistogram('h', { advice: { explicitBucketBoundaries: [1, 2] } })
      .record(1.5, { k: 'v' })
    const url = await start()
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/metrics$/)
    const response = await fetch(url)
    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
    const text = await response.text()
    const lines = text.split('\n')
    for (const line of [
      '# HELP otelcol_receiver_accepted_spans Number of spans successfully pushed into the pipeline.',
      '# TYPE otelcol_receiver_accepted_spans counter',
      'otelcol_receiver_accepted_spans{receiver="otlp"} 1.234567e+06',
      'otelcol_processor_incoming_items{otel_signal="traces",processor="batch"} 2',
      '# TYPE target_info gauge',
      'target_info{service_instance_id="here",service_name="thalamus",service_version="1.2.3"} 1',
      '# HELP a_b is\\nit',
      'a_b{a_b="q\\"",n="5"} 1',
      'a_b 2',
      'h_bucket{k="v",le="2"} 1',
      'h_bucket{k="v",le="+Inf"} 1',
      'h_sum{k="v"} 1.5',
      'h_count{k="v"} 1',
    ]) {
      expect(lines).toContain(line)
    }
    expect(text).not.toContain('otel_scope')
    expect(text).not.toMatch(/_total[ {]/)
    const types = lines.filter(line => line.startsWith('# TYPE'))
    expect(types).toEqual([...new Set(types)].sort())
  })

  test('on several addresses, and at no other path', async () => {
    const [one, other] = [await start(), await start()]
    expect(await page(one)).toContain('otelcol_process_uptime ')
    expect(await page(other)).toContain('otelcol_process_uptime ')
    expect((await fetch(one.replace('/metrics', '/'))).status).toBe(404)
    expect((await fetch(one, { method: 'POST' })).status).toBe(405)
    expect((await fetch(`${one}?name=x`)).status).toBe(200)
  })

  test('a port that is taken is said in words', async () => {
    const { port } = new URL(await start())
    await expect(served.start({ host: '127.0.0.1', port: Number(port) })).rejects.toThrow(StartError)
  })
})
