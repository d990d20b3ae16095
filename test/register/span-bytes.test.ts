/** What we write of spans against what the SDK's serializer writes of the same: read by our reader, the two are equal. */
import { type Attributes, createTraceState, type Link, type SpanContext, SpanKind, SpanStatusCode } from '@opentelemetry/api'
import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer'
import { resourceFromAttributes } from '@opentelemetry/resources'
import type { ReadableSpan, TimedEvent } from '@opentelemetry/sdk-trace'
import { describe, expect, test } from 'vitest'
import { protobufToJson } from '../../src/otlp/json.ts'
import { byteWay, spanWay } from '../../src/register/exporters.ts'
import type { Destination, Protocol } from '../../src/register/settings.ts'
import { spanBytes, spansRequest } from '../../src/register/span-bytes.ts'
import { pick, type Random } from '../kit/any-request.ts'
import { seeded } from '../kit/context.ts'

const resources = [
  resourceFromAttributes({ 'service.name': 'shop', 'process.pid': 4711, list: ['a', 'b'] }),
  resourceFromAttributes({ 'service.name': 'other' }, { schemaUrl: 'https://opentelemetry.io/schemas/1.30.0' }),
]
const scopes = [{ name: 'http', version: '1.2.3' }, { name: 'express' }, { name: 'third', schemaUrl: 'https://example.org/schema' }]

const hex = (next: Random, digits: number) => Array.from({ length: digits }, () => Math.floor(next() * 16).toString(16)).join('')
const times = (next: Random): [number, number] => [Math.floor(next() * 2 ** 32), Math.floor(next() * 1e9)]
const texts = [
  '',
  'GET',
  '/items/:id',
  'Straße',
  '日本',
  '😀',
  'a long text that is written in another way than short ones are, from 25 characters on',
  '\u0000',
]

function value(next: Random): Attributes[string] {
  const kinds: (() => Attributes[string])[] = [
    () => pick(texts, next),
    () => next() < 0.5,
    () => pick([0, 1, -1, 127, 128, 2 ** 31, -(2 ** 31), 2 ** 32, 2 ** 53 - 1, -(2 ** 53 - 1)], next),
    () => pick([0.5, -1.25e-300, Number.POSITIVE_INFINITY, Number.NaN, 1e300], next),
    () => [pick(texts, next), pick(texts, next)],
    () => [1, 2.5, -3],
    () => [],
  ]
  return pick(kinds, next)()
}
const attributes = (next: Random): Attributes =>
  Object.fromEntries(Array.from({ length: Math.floor(next() * 6) }, (_, i) => [`${pick(texts, next)}${i}`, value(next)]))
const context = (next: Random): SpanContext => ({
  traceId: hex(next, 32),
  spanId: hex(next, 16),
  traceFlags: next() < 0.8 ? 1 : 0,
  ...(next() < 0.3 && { traceState: createTraceState('a=1,b=2') }),
  ...(next() < 0.5 && { isRemote: next() < 0.5 }),
})
const few = <T>(next: Random, make: () => T): T[] => (next() < 0.6 ? [] : Array.from({ length: 1 + Math.floor(next() * 3) }, make))
const dropped = (next: Random) => (next() < 0.8 ? 0 : Math.floor(next() * 300))

function anySpan(next: Random): ReadableSpan {
  const at = context(next)
  return {
    name: pick(texts, next),
    kind: pick([SpanKind.INTERNAL, SpanKind.SERVER, SpanKind.CLIENT, SpanKind.PRODUCER, SpanKind.CONSUMER], next),
    spanContext: () => at,
    ...(next() < 0.7 && { parentSpanContext: context(next) }),
    startTime: times(next),
    endTime: times(next),
    status: {
      code: pick([SpanStatusCode.UNSET, SpanStatusCode.OK, SpanStatusCode.ERROR], next),
      ...(next() < 0.3 && { message: 'it broke' }),
    },
    attributes: attributes(next),
    links: few(next, (): Link => ({ context: context(next), attributes: attributes(next), droppedAttributesCount: dropped(next) })),
    events: few(
      next,
      (): TimedEvent => ({
        time: times(next),
        name: pick(texts, next),
        attributes: attributes(next),
        droppedAttributesCount: dropped(next),
      }),
    ),
    duration: [0, 0],
    ended: true,
    resource: pick(resources, next),
    instrumentationScope: pick(scopes, next),
    droppedAttributesCount: dropped(next),
    droppedEventsCount: dropped(next),
    droppedLinksCount: dropped(next),
  }
}

/** The SDK writes defaults, which mean the same as nothing. */
function told(bytes: Uint8Array): unknown {
  const request = structuredClone(protobufToJson('traces', bytes)) as {
    resourceSpans: { scopeSpans: { spans: Record<string, unknown>[] }[] }[]
  }
  return JSON.parse(JSON.stringify(request), (key, of) => {
    if (/^dropped.*Count$/.test(key) && of === 0) return undefined
    if (key === 'code' && (of === 0 || of === 'STATUS_CODE_UNSET')) return undefined
    if (key === 'status' && Object.keys(of).length === 0) return undefined
    return of
  })
}

describe('spans as bytes', () => {
  test.each(Array.from({ length: 60 }, (_, seed) => seed))('are what the SDK writes, seed %i', seed => {
    const next = seeded(seed)
    const spans = Array.from({ length: 1 + Math.floor(next() * 40) }, () => anySpan(next))
    const theirs = ProtobufTraceSerializer.serializeRequest(spans)!
    expect(told(spansRequest(spans.map(spanBytes)))).toEqual(told(theirs))
  })

  test('outlive what is written after them: thousands of spans, in loads', () => {
    const next = seeded(99)
    const spans = Array.from({ length: 3000 }, () => anySpan(next))
    const waiting = spans.map(spanBytes)
    for (let i = 0; i < spans.length; i += 500) {
      const theirs = ProtobufTraceSerializer.serializeRequest(spans.slice(i, i + 500))!
      expect(told(spansRequest(waiting.slice(i, i + 500)))).toEqual(told(theirs))
    }
  })

  test('bytes and maps, which instrumentations write though types forbid it', () => {
    const span = { ...anySpan(seeded(1)), attributes: { bytes: Uint8Array.of(1, 2, 3), map: { a: 1, b: ['x'] } } as unknown as Attributes }
    expect(told(spansRequest([spanBytes(span)]))).toEqual(told(ProtobufTraceSerializer.serializeRequest([span])!))
  })
})

describe("the SDK's exporter takes them", () => {
  const destination = (protocol: Protocol): Destination => ({
    protocol,
    url: 'http://127.0.0.1:9',
    headers: {},
    timeoutMs: 1000,
    certificate: undefined,
    clientCertificate: undefined,
    clientKey: undefined,
    given: true,
  })
  test.each<[Protocol, boolean]>([
    ['http/protobuf', true],
    ['grpc', true],
    ['http/json', false],
  ])('%s: %s', async (protocol, taken) => {
    const way = await byteWay(destination(protocol))
    expect(way !== undefined).toBe(taken)
    await way?.delivery.close()
  })
  test('JSON is written by the SDK', async () => {
    const way = await spanWay(destination('http/json'))
    const span = anySpan(seeded(3))
    expect(JSON.parse(Buffer.from(way.delivery.encode([way.itemOf(span)])!).toString()).resourceSpans).toHaveLength(1)
    await way.delivery.close()
  })
})
