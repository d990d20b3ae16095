/** Every field there is, as JSON: the Collector makes the same protobuf of it as we do, and reads ours as its own. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { signals } from '../../src/model/signal.ts'
import { jsonToProtobuf, protobufToJson } from '../../src/otlp/json.ts'
import { requestOf } from '../../src/otlp/schema.ts'
import { anyRequest } from '../kit/any-request.ts'
import { seeded } from '../kit/context.ts'
import { LOOPBACK } from './kit/process.ts'
import { Collector, otlpTo, toHttp } from './kit/servers.ts'
import { Sink } from './kit/sink.ts'

const REQUESTS = 40

let sink: Sink
let collector: Collector
beforeAll(async () => {
  sink = await Sink.start()
  const direct = { compression: 'none', sending_queue: { enabled: false }, retry_on_failure: { enabled: false } }
  collector = await Collector.start(ports => otlpTo(ports, { otlp_http: toHttp(sink.httpPort, direct) }))
})
afterAll(async () => {
  await collector?.[Symbol.asyncDispose]()
  await sink?.[Symbol.asyncDispose]()
})

/** The Collector writes empty ids and empty messages where nothing was said, and leaves out a double that is -0: that is the same. */
function bare(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value), (key, item) => {
    const empty = item === '' || (typeof item === 'object' && item !== null && Object.keys(item).length === 0)
    if (item === '-0' && /^(sum|value|quantile|zeroThreshold)$/.test(key)) return undefined
    return empty && /^(traceId|spanId|parentSpanId|resource|scope|status)$/.test(key) ? undefined : item
  })
}

/** What the Collector hands on. It answers when the sink has answered. */
async function through(signal: (typeof signals)[number], contentType: string, body: Uint8Array<ArrayBuffer>): Promise<unknown> {
  const response = await fetch(`http://${LOOPBACK}:${collector.httpPort}/v1/${signal}`, {
    method: 'POST',
    headers: { 'content-type': contentType },
    body,
  })
  expect(response.status, await response.text()).toBe(200)
  return bare(protobufToJson(signal, sink.kept.at(-1)!.body))
}

test.each(signals)('%s', async signal => {
  const next = seeded(31)
  for (let i = 0; i < REQUESTS; i++) {
    const request = anyRequest(requestOf[signal], next, true)
    const json = new Uint8Array(Buffer.from(JSON.stringify(request)))
    expect(await through(signal, 'application/json', json)).toEqual(bare(request))
    const protobuf = new Uint8Array(jsonToProtobuf(signal, json))
    expect(await through(signal, 'application/x-protobuf', protobuf)).toEqual(bare(request))
  }
})
