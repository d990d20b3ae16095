/**
 * Collector → Thalamus → Collector. Collector A sends everything twice: straight to a sink, and through Thalamus and Collector B to
 * another. Both sinks are sent OTLP/JSON by a Collector, so Thalamus' own reading is no judge here.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { eventually, LOOPBACK } from './kit/process.ts'
import { rows } from './kit/rows.ts'
import { Collector, otlpTo, SIGNALS, Thalamus, telemetrygen, toGrpc, toHttp } from './kit/servers.ts'
import { Sink } from './kit/sink.ts'
import { withoutOneLeaf, written } from './kit/written.ts'

const plain = { compression: 'none', encoding: 'json' }

describe.each(['http', 'grpc'] as const)('over %s', over => {
  let direct: Sink
  let through: Sink
  let b: Collector
  let thalamus: Thalamus
  let a: Collector

  beforeAll(async () => {
    direct = await Sink.start()
    through = await Sink.start()
    b = await Collector.start(ports => otlpTo(ports, { 'otlp_http/sink': toHttp(through.httpPort, plain) }))
    const next = (to: { httpPort: number; grpcPort: number }) =>
      over === 'http' ? { otlp_http: toHttp(to.httpPort) } : { otlp_grpc: toGrpc(to.grpcPort) }
    thalamus = await Thalamus.start(ports => otlpTo(ports, next(b)))
    a = await Collector.start(ports => otlpTo(ports, { ...next(thalamus), 'otlp_http/direct': toHttp(direct.httpPort, plain) }))
  })
  afterAll(async () => {
    for (const server of [a, thalamus, b, through, direct]) await server?.[Symbol.asyncDispose]()
  })

  const arrivedEqual = async (signal: (typeof SIGNALS)[number], atLeast: number) => {
    const want = await eventually(`${atLeast} rows straight`, () => {
      const found = rows(signal, direct.json(signal))
      return found.length >= atLeast && found
    })
    await eventually(
      `${want.length} rows through Thalamus\n${thalamus.server.output}`,
      () => rows(signal, through.json(signal)).length >= want.length,
    )
    expect(rows(signal, through.json(signal))).toEqual(want)
    return want
  }

  test.each(SIGNALS)('written %s with every field arrive once and equal', async signal => {
    const response = await fetch(`http://${LOOPBACK}:${a.httpPort}/v1/${signal}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(written[signal]),
    })
    expect(response.status).toBe(200)
    const arrived = await arrivedEqual(signal, 2)
    // The Collectors themselves lost nothing: the comparison above compared every field that was written.
    expect(arrived).toEqual(expect.arrayContaining(rows(signal, [written[signal]])))
  })

  test.each([
    ['traces', ['--traces=50', '--child-spans=3', '--span-links=2', '--status-code=Error'], 200],
    ['logs', ['--logs=100', '--trace-id=0af7651916cd43dd8448eb211c80319c', '--span-id=b7ad6b7169203331'], 100],
    ['metrics', ['--metrics=50', '--metric-type=Gauge', '--otlp-metric-name=g'], 50],
    ['metrics', ['--metrics=50', '--metric-type=Sum', '--otlp-metric-name=s', '--aggregation-temporality=delta'], 50],
    ['metrics', ['--metrics=50', '--metric-type=Histogram', '--otlp-metric-name=h'], 50],
    ['metrics', ['--metrics=50', '--metric-type=ExponentialHistogram', '--otlp-metric-name=e'], 50],
  ] as const)('%s of telemetrygen %j arrive once and equal', async (signal, args, count) => {
    const before = rows(signal, direct.json(signal)).length
    await telemetrygen(signal, a, over, ...args)
    await arrivedEqual(signal, before + count)
  })

  test('the ledger balances and lost nothing', async () => {
    const ledger = await eventually('nothing is held', async () => {
      const page = await thalamus.ledger()
      return page.components.every(c => c.held === 0) && page
    })
    expect(ledger.imbalance).toBe(0)
    for (const signal of SIGNALS) {
      const count = rows(signal, direct.json(signal)).length
      expect(ledger.receivers.find(r => r.id === 'otlp' && r.signal === signal)).toMatchObject({
        received: count,
        accepted: count,
        refused: 0,
      })
      expect(ledger.components.find(c => c.kind === 'exporter' && c.signal === signal)).toMatchObject({ taken: count, dropped: {} })
    }
  })
})

describe('the comparison itself', () => {
  const cases = SIGNALS.flatMap(signal => [...withoutOneLeaf(written[signal])].map(({ path, message }) => ({ signal, path, message })))

  test('knows every field', () => {
    expect(cases.length).toBeGreaterThan(300)
    const unnoticed = cases.filter(({ signal, message }) => rows(signal, [message]).join() === rows(signal, [written[signal]]).join())
    expect(unnoticed.map(c => c.path)).toEqual([])
  })
  test('counts: a row that comes twice is seen', () => {
    for (const signal of SIGNALS) expect(rows(signal, [written[signal], written[signal]])).not.toEqual(rows(signal, [written[signal]]))
  })
})
