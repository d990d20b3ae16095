/** What the Collectors cannot judge, because they drop it or never send it: bodies written byte by byte, compared byte by byte. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { pieces, post } from './kit/bodies.ts'
import { eventually } from './kit/process.ts'
import { type Field, protobuf } from './kit/protobuf.ts'
import { otlpTo, Thalamus, toGrpc, toHttp } from './kit/servers.ts'
import { Sink } from './kit/sink.ts'

const TIME = 1_780_000_001_987_654_321n
const text = (id: number, value: string): Field => [id, 'bytes', value]
const message = (id: number, ...fields: Field[]): Field => [id, 'message', fields]
/** Fields that no version of the protocol has: one of each wire type that is in use. */
const unknown: Field[] = [
  [2000, 'varint', 18_446_744_073_709_551_615n],
  [2001, 'fixed64', 42n],
  [2002, 'bytes', 'from the future'],
]
const attribute = (id: number, key: string, value: string) => message(id, text(1, key), message(2, text(1, value)))
const resource = message(1, attribute(1, 'service.name', 'shop'), ...unknown)
const scope = message(1, text(1, 'lib'), text(2, '1.0'), ...unknown)

const summaryPoint = (n: number) =>
  message(
    1,
    attribute(7, 'n', String(n)),
    [2, 'fixed64', TIME - 1n],
    [3, 'fixed64', TIME],
    [4, 'fixed64', 9_007_199_254_740_993n],
    [5, 'double', 3.5],
    message(6, [1, 'double', 0.5], [2, 'double', 1]),
    message(6, [1, 'double', 0.99], [2, 'double', 2.5], ...unknown),
    ...unknown,
  )
const gaugePoint = (n: number) =>
  message(1, attribute(7, 'n', String(n)), [3, 'fixed64', TIME], [6, 'fixed64', BigInt.asUintN(64, -9_007_199_254_740_993n)], ...unknown)

const request = (...items: Field[]) => protobuf([message(1, resource, message(2, scope, ...items, ...unknown), ...unknown), ...unknown])

const written = {
  metrics: (n: number) =>
    request(
      message(2, text(1, 'a.summary'), message(11, summaryPoint(n), ...unknown), ...unknown),
      message(2, text(1, 'a.gauge'), message(5, gaugePoint(n), ...unknown)),
    ),
  traces: (n: number) =>
    request(
      message(
        2,
        [1, 'bytes', Buffer.alloc(16, n + 1)],
        [2, 'bytes', Buffer.alloc(8, n + 1)],
        text(5, 'a span'),
        [7, 'fixed64', TIME - 5n],
        [8, 'fixed64', TIME],
        ...unknown,
      ),
    ),
  logs: (n: number) => request(message(2, [1, 'fixed64', TIME], message(5, text(1, `line ${n}`)), ...unknown)),
}
const SIGNALS = ['metrics', 'traces', 'logs'] as const
const COUNT = 20

describe.each(['otlp_http', 'otlp_grpc'] as const)('through %s', exporter => {
  let sink: Sink
  let thalamus: Thalamus

  beforeAll(async () => {
    sink = await Sink.start()
    const to = exporter === 'otlp_http' ? toHttp(sink.httpPort) : toGrpc(sink.grpcPort)
    thalamus = await Thalamus.start(ports => otlpTo(ports, { [exporter]: to }))
  })
  afterAll(async () => {
    await thalamus?.[Symbol.asyncDispose]()
    await sink?.[Symbol.asyncDispose]()
  })

  test.each(SIGNALS)('%s with unknown fields leave byte for byte as they came, in their order', async signal => {
    const bodies = Array.from({ length: COUNT }, (_, n) => written[signal](n))
    for (const body of bodies) {
      expect(await post(thalamus, signal, body)).toEqual({ status: 200, body: '' })
    }
    const want = Buffer.concat(bodies)
    await eventually(
      `${want.length} bytes of ${signal}\n${thalamus.server.output}`,
      () => Buffer.concat(sink.bodies(signal)).length >= want.length,
    )
    // Several senders may overtake one another, and several requests may leave as one: each is there once, whole.
    expect(pieces(Buffer.concat(sink.bodies(signal)), bodies)).toEqual(bodies.map(body => body.toString('hex')).sort())
  })
})
