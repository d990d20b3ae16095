import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { recordsApi } from '../../../src/api/records/index.ts'
import { OfferedRecords } from '../../../src/component/records.ts'
import store from '../../../src/exporters/store/index.ts'
import { Raw } from '../../../src/model/raw.ts'
import { createReader } from '../../../src/otlp/reader.ts'
import { encode } from '../../../src/otlp/write.ts'
import { VirtualClock } from '../../kit/clock.ts'
import { testContext } from '../../kit/context.ts'

const begun = 1_700_000_000_000
const nanos = (ms: number) => BigInt(begun + ms) * 1_000_000n
const hex = (n: number, size: number) => n.toString(16).padStart(2 * size, '0')

/** Traces 1 to 3: of cart, which calls shop; the second has an error, the third is slow. */
function traces(): object {
  const span = (trace: number, id: number, more: object = {}) => ({
    ...{ traceId: hex(trace, 16), spanId: hex(id, 8), name: `op ${id}`, startTimeUnixNano: nanos(trace * 1000) },
    ...{
      endTimeUnixNano: nanos(trace * 1000 + (trace === 3 ? 500 : 5)),
      attributes: [{ key: 'order', value: { intValue: String(trace) } }],
      ...more,
    },
  })
  const of = (service: string, spans: object[]) => ({
    resource: { attributes: [{ key: 'service.name', value: { stringValue: service } }] },
    scopeSpans: [{ spans }],
  })
  return {
    resourceSpans: [
      of(
        'cart',
        [1, 2, 3].map(t => span(t, t)),
      ),
      of(
        'shop',
        [1, 2, 3].map(t => span(t, t + 10, t === 2 ? { status: { code: 2 } } : {})),
      ),
    ],
  }
}
const logs = {
  resourceLogs: [
    {
      scopeLogs: [
        {
          logRecords: [
            { timeUnixNano: nanos(1000), severityNumber: 9, body: { stringValue: 'all is well' } },
            {
              timeUnixNano: nanos(2000),
              severityNumber: 17,
              traceId: hex(2, 16),
              body: { stringValue: 'payment failed' },
              attributes: [['k', 'v']],
            },
          ],
        },
      ],
    },
  ],
}

async function serve(signals: readonly ('traces' | 'logs')[] = ['traces', 'logs']) {
  const clock = new VirtualClock(begun + 10_000)
  const reader = createReader({ now: () => clock.now() })
  const records = new OfferedRecords()
  const cx = testContext({ id: 'store', clock, reader, records })
  for (const signal of signals) {
    const exporter = store.create[signal]!(cx, store.config.parse({}))
    await exporter.start!()
    onTestFinished(() => exporter.shutdown!(AbortSignal.abort()))
    await exporter.consume(reader.read(signal, Raw.of(encode(signal, signal === 'traces' ? traces() : logs))) as never)
  }
  const handlers = recordsApi({ clock, log: cx.log, records })
  const server = createServer((request, response) => {
    const path = request.url!.split('?')[0]!
    const exact = handlers.find(([mounted]) => mounted === path)
    const found = exact ?? handlers.find(([mounted]) => mounted.endsWith('/') && path.startsWith(mounted))
    found![1](request, response)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { cx, reader, get: (path: string, headers: Record<string, string> = {}) => fetch(url + path, { headers }), url }
}

/** `TRACE/SPAN` of each span, sorted */
const spansOf = (body: { resourceSpans: { scopeSpans: { spans: { traceId: string; spanId: string }[] }[] }[] }) =>
  body.resourceSpans
    .flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans))
    .map(({ traceId, spanId }) => `${Number.parseInt(traceId, 16)}/${Number.parseInt(spanId, 16)}`)
    .sort()

test.each<[string, string[]]>([
  [`/api/v1/traces/${hex(2, 16)}`, ['2/12', '2/2']],
  ['/api/v1/traces/2', ['2/12', '2/2']],
  ['/api/v1/traces', ['1/1', '1/11', '2/12', '2/2', '3/13', '3/3']],
  ['/api/v1/traces?status=error', ['2/12', '2/2']],
  ['/api/v1/traces?min_duration=100ms', ['3/13', '3/3']],
  ['/api/v1/traces?service=shop&attribute=order%3D1', ['1/1', '1/11']],
  ['/api/v1/traces?name=op+13', ['3/13', '3/3']],
  ['/api/v1/traces?limit=1', ['3/13', '3/3']],
  [`/api/v1/traces?start=${begun / 1000}&end=${begun / 1000 + 1.5}`, ['1/1', '1/11']],
  ['/api/v1/traces?service=nobody', []],
])('%s', async (path, spans) => {
  const { get } = await serve()
  const response = await get(path)
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/json'])
  expect(spansOf((await response.json()) as never)).toEqual(spans)
  expect(response.headers.get('x-thalamus-more')).toBe(path.endsWith('limit=1') ? 'true' : null)
})

test.each<[string, string[]]>([
  ['/api/v1/logs', ['all is well', 'payment failed']],
  ['/api/v1/logs?severity=error', ['payment failed']],
  ['/api/v1/logs?severity=9&text=well', ['all is well']],
  ['/api/v1/logs?trace_id=2&attribute=k%3Dv', ['payment failed']],
])('%s', async (path, bodies) => {
  const { get } = await serve()
  const text = await (await get(path)).text()
  expect([...text.matchAll(/"body":\{"stringValue":"([^"]*)"/g)].map(([, body]) => body)).toEqual(bodies)
})

test('as protobuf it is one request', async () => {
  const { get, reader } = await serve()
  const response = await get('/api/v1/traces', { accept: 'application/x-protobuf' })
  expect(response.headers.get('content-type')).toBe('application/x-protobuf')
  expect(reader.read('traces', Raw.of(new Uint8Array(await response.arrayBuffer()))).rows).toBe(6)
})

test.each<[string, number, string]>([
  ['/api/v1/traces/77', 404, 'trace not found'],
  ['/api/v1/traces/xyz', 400, 'invalid parameter "trace_id": must be up to 32 hexadecimal digits, not all of them 0, got "xyz"'],
  ['/api/v1/traces/%zz', 400, 'invalid parameter "trace_id": must be up to 32 hexadecimal digits, not all of them 0, got "%zz"'],
  ['/api/v1/traces?limit=1000', 400, 'invalid parameter "limit": must be at most 200, got 1000'],
  ['/api/v1/traces?status=bad', 400, 'invalid parameter "status": must be unset, ok or error, got "bad"'],
  ['/api/v1/traces?start=2&end=1', 400, 'invalid parameter "end": end timestamp must not be before start time'],
  ['/api/v1/traces?attribute=x', 400, 'invalid parameter "attribute": must be KEY=VALUE, got "x"'],
  ['/api/v1/logs?severity=25', 400, 'invalid parameter "severity": must be trace, debug, info, warn, error, fatal or 1 to 24, got "25"'],
  [
    '/api/v1/traces?service=cart&bad=1',
    400,
    'invalid parameter "bad": not known; known: start, end, service, name, attribute, limit, status, min_duration',
  ],
  [
    '/api/v1/traces?severity=error',
    400,
    'invalid parameter "severity": not known; known: start, end, service, name, attribute, limit, status, min_duration',
  ],
  [
    '/api/v1/logs?min_duration=1s',
    400,
    'invalid parameter "min_duration": not known; known: start, end, service, name, attribute, limit, trace_id, severity, text',
  ],
  ['/api/v1/traces/2?limit=1', 400, 'invalid parameter "limit": there are none here'],
])('%s is refused', async (path, status, error) => {
  const { get } = await serve()
  const response = await get(path)
  expect([response.status, ((await response.json()) as { error: string }).error]).toEqual([status, error])
})

test('where nothing keeps them, and by another method', async () => {
  const { get, url } = await serve(['traces'])
  const response = await get('/api/v1/logs')
  expect(response.status).toBe(503)
  expect(await response.json()).toMatchObject({ error: 'nothing keeps logs here: no pipeline of them has an exporter store' })
  expect((await fetch(`${url}/api/v1/traces`, { method: 'DELETE' })).status).toBe(405)
})
