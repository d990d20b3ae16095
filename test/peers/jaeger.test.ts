/** A trace that was sent through Thalamus, read back from Jaeger's own query interface. */
import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { eventually, getJson, LOOPBACK } from './kit/process.ts'
import { Jaeger, otlpTo, Thalamus, telemetrygen, toGrpc, toHttp } from './kit/servers.ts'

interface JaegerTag {
  readonly key: string
  readonly type: string
  readonly value: unknown
}
interface JaegerTrace {
  readonly spans: readonly {
    readonly traceID: string
    readonly spanID: string
    readonly operationName: string
    readonly startTime: number
    readonly duration: number
    readonly references: readonly { refType: string; traceID: string; spanID: string }[]
    readonly tags: readonly JaegerTag[]
    readonly logs: readonly { timestamp: number; fields: readonly JaegerTag[] }[]
    readonly processID: string
  }[]
  readonly processes: Readonly<Record<string, { serviceName: string; tags: readonly JaegerTag[] }>>
}

describe.each(['otlp_http', 'otlp_grpc'] as const)('through %s', exporter => {
  let jaeger: Jaeger
  let thalamus: Thalamus

  beforeAll(async () => {
    jaeger = await Jaeger.start()
    const to = exporter === 'otlp_http' ? toHttp(jaeger.httpPort) : toGrpc(jaeger.grpcPort)
    thalamus = await Thalamus.start(ports => {
      const { service, ...config } = otlpTo(ports, { [exporter]: to })
      return { ...config, service: { pipelines: { traces: service.pipelines['traces'] as object } } }
    })
  })
  afterAll(async () => {
    await thalamus?.[Symbol.asyncDispose]()
    await jaeger?.[Symbol.asyncDispose]()
  })

  test('a trace is shown as it was written', async () => {
    const traceId = randomBytes(16).toString('hex')
    const [parent, child] = ['b7ad6b7169203331', '00f067aa0ba902b7']
    const start = BigInt(Date.now()) * 1_000_000n
    const span = (spanId: string, more: object) => ({
      traceId,
      spanId,
      kind: 2,
      startTimeUnixNano: String(start),
      endTimeUnixNano: String(start + 1_500_000n),
      ...more,
    })
    const spans = [
      span(parent, {
        name: 'GET /cart',
        attributes: [{ key: 'big', value: { intValue: '9007199254740993' } }],
        events: [
          { timeUnixNano: String(start + 1_000_000n), name: 'cache miss', attributes: [{ key: 'key', value: { stringValue: 'cart:1' } }] },
        ],
        links: [{ traceId: 'ffffffffffffffffffffffffffffffff', spanId: 'eeeeeeeeeeeeeeee' }],
        status: { code: 2, message: 'went wrong' },
      }),
      span(child, { name: 'SELECT', parentSpanId: parent }),
    ]
    const response = await fetch(`http://${LOOPBACK}:${thalamus.httpPort}/v1/traces`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        resourceSpans: [
          {
            resource: { attributes: [{ key: 'service.name', value: { stringValue: 'cart' } }] },
            scopeSpans: [{ scope: { name: 'lib' }, spans }],
          },
        ],
      }),
    })
    expect(response.status).toBe(200)

    const trace = await eventually(`the trace in Jaeger\n${thalamus.server.output}`, async () => {
      const found = await getJson<{ data: JaegerTrace[] }>(`${jaeger.url}/api/traces/${traceId}`)
      return found.data[0]?.spans.length === 2 && found.data[0]
    })
    expect(Object.values(trace.processes).map(p => p.serviceName)).toEqual(['cart'])
    const byName = new Map(trace.spans.map(s => [s.operationName, s]))
    const micros = Number(start / 1000n)
    expect(byName.get('GET /cart')).toMatchObject({
      traceID: traceId,
      spanID: parent,
      startTime: micros,
      duration: 1500,
      references: [{ refType: 'FOLLOWS_FROM', traceID: 'ffffffffffffffffffffffffffffffff', spanID: 'eeeeeeeeeeeeeeee' }],
      tags: expect.arrayContaining([
        expect.objectContaining({ key: 'error', value: true }),
        expect.objectContaining({ key: 'otel.status_description', value: 'went wrong' }),
        expect.objectContaining({ key: 'span.kind', value: 'server' }),
        expect.objectContaining({ key: 'otel.scope.name', value: 'lib' }),
      ]),
      logs: [
        { timestamp: micros + 1000, fields: expect.arrayContaining([expect.objectContaining({ key: 'event', value: 'cache miss' })]) },
      ],
    })
    expect(byName.get('SELECT')).toMatchObject({ references: [{ refType: 'CHILD_OF', traceID: traceId, spanID: parent }] })
  })

  test('every trace of telemetrygen is there', async () => {
    await telemetrygen('traces', thalamus, 'grpc', '--traces=20', '--child-spans=4', '--service=generated')
    const traces = await eventually(`20 traces of 5 spans\n${thalamus.server.output}`, async () => {
      const found = await getJson<{ data: JaegerTrace[] | null }>(`${jaeger.url}/api/traces?service=generated&limit=1000`)
      return found.data?.length === 20 && found.data.every(t => t.spans.length === 5) && found.data
    })
    expect(traces.flatMap(t => t.spans).length).toBe(100)
  })
})
