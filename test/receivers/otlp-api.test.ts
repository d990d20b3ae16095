/** OTLP on a listener that is not the receiver's own, as a Prometheus server takes it. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { UnauthenticatedError } from '../../src/component/errors.ts'
import { createReader } from '../../src/otlp/reader.ts'
import factory from '../../src/receivers/otlp/index.ts'
import { type TestWorld, testContext } from '../kit/context.ts'
import { Downstream } from '../kit/faults.ts'
import { rowsBody } from '../kit/rows.ts'

async function world(settings: object, of: TestWorld = {}) {
  const cx = testContext({ id: 'otlp', kind: 'receiver', reader: createReader(), ...of })
  const downstream = new Downstream<'metrics'>(cx.clock, () => 'yes')
  const config = factory.config.parse({ protocols: { http: { endpoint: '127.0.0.1:0' } }, ...settings })
  const component = factory.create(cx, config, { metrics: downstream })
  await component.start?.()
  const server = createServer((request, response) => cx.mounted.get(request.url!.split('?')[0]!)!(request, response))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    ...{ cx, downstream, factory, config },
    post: (path: string, body: Uint8Array, headers: Record<string, string> = {}) =>
      fetch(url + path, {
        method: 'POST',
        headers: { 'content-type': 'application/x-protobuf', ...headers },
        body: body as Uint8Array<ArrayBuffer>,
      }),
    async [Symbol.asyncDispose]() {
      await component.shutdown?.(AbortSignal.timeout(1000))
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

test('metrics are taken where Prometheus takes them, and the receiver is the main thread’s', async () => {
  await using own = await world({ api: {} })
  expect([...own.cx.mounted.keys()]).toEqual(['/api/v1/otlp/v1/metrics'])
  const answer = await own.post('/api/v1/otlp/v1/metrics', rowsBody('metrics', [1, 2]))
  expect([answer.status, own.downstream.taken]).toEqual([200, [1, 2]])
  expect((await own.post('/api/v1/otlp/v1/metrics', Buffer.from([1, 2, 3]))).status).toBe(400)
  expect((await own.post('/api/v1/otlp/v1/metrics', Buffer.from('x'), { 'content-type': 'text/plain' })).status).toBe(415)
  expect(own.cx.account('metrics').accepted).toBe(2)
  expect(own.cx.urls.map(({ what }) => what)).toEqual(['OTLP over HTTP'])
  expect(own.factory.parallel?.(own.config)).toBe(false)
})

test('not unless it is asked to', async () => {
  await using own = await world({})
  expect(own.cx.mounted.size).toBe(0)
  expect(own.factory.parallel?.(own.config)).toBe(true)
})

test('limits and authentication are those of HTTP; the path is what was said', async () => {
  const authenticator = {
    check() {
      throw new UnauthenticatedError('no token')
    },
    headers: () => ({}),
  }
  const http = { endpoint: '127.0.0.1:0', auth: { authenticator: 'who' } }
  await using own = await world({ protocols: { http }, api: { metrics_url_path: '/push' } }, { authenticators: { who: authenticator } })
  expect((await own.post('/push', rowsBody('metrics', [1]))).status).toBe(401)
})
