import { once } from 'node:events'
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { connect } from 'node:net'
import { deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { createNoopMeter } from '@opentelemetry/api'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { Budget } from '../../src/component/budget.ts'
import type { Consumer, Consumers } from '../../src/component/component.ts'
import { PermanentError, RetryableError, UnauthenticatedError } from '../../src/component/errors.ts'
import type { AnyBatch } from '../../src/model/batch.ts'
import { type Signal, signals } from '../../src/model/signal.ts'
import { jsonToProtobuf, protobufToJson } from '../../src/otlp/json.ts'
import { createReader } from '../../src/otlp/reader.ts'
import { decodeResponse, decodeStatus, type Encoding } from '../../src/otlp/status.ts'
import factory, { type OtlpReceiver } from '../../src/receivers/otlp/index.ts'
import { type TestContext, type TestWorld, testContext } from '../kit/context.ts'
import { paperworkContract, receiverContract } from '../kit/contract.ts'
import { requestOf, Writer } from '../kit/otlp.ts'
import { rowIds, rowsBody } from '../kit/rows.ts'

const protobuf = { 'content-type': 'application/x-protobuf' }
const json = { 'content-type': 'application/json' }
let fast = false
const running: OtlpReceiver[] = []
afterEach(() => Promise.all(running.splice(0).map(receiver => receiver.shutdown(AbortSignal.abort()))))

/** Keeps what arrives; `answer` says what becomes of it. */
function keeper(answer: () => Promise<void> = () => Promise.resolve()) {
  const batches: AnyBatch[] = []
  const consumer = {
    reserve() {},
    consume(batch: AnyBatch) {
      batches.push(batch)
      return answer()
    },
  }
  const next = Object.fromEntries(signals.map(signal => [signal, consumer as Consumer<Signal>])) as Consumers
  return { batches, next }
}

interface Running {
  readonly cx: TestContext
  readonly receiver: OtlpReceiver
  readonly url: string
  readonly port: number
}
async function serve(http: object, next: Consumers, world: TestWorld = {}): Promise<Running> {
  const cx = testContext({ kind: 'receiver', id: 'otlp', reader: createReader(), ...world })
  const settings = factory.config.parse({ protocols: { http: { endpoint: '127.0.0.1:0', fast_path: fast, ...http } } })
  const receiver = factory.create(cx, settings, next) as OtlpReceiver
  await receiver.start()
  running.push(receiver)
  const url = receiver.endpoints[0]!
  return { cx, receiver, url, port: Number(new URL(url).port) }
}

interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}
function send(url: string, path: string, body: Uint8Array | undefined, headers: object = protobuf, method = 'POST'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(url + path, { method, headers: { ...headers }, agent: false }, async response => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      await once(response, 'end')
      resolve({ status: response.statusCode!, headers: response.headers, body: Buffer.concat(chunks) })
    })
    request.on('error', reject)
    request.end(body)
  })
}
const statusIn = ({ body }: Answer, encoding: Encoding = 'protobuf') => decodeStatus(body, encoding)

paperworkContract(factory, { protocols: { http: {} } })

describe.each([false, true])('fast_path: %s', fastPath => {
  beforeAll(() => {
    fast = fastPath
  })

  for (const signal of signals) {
    receiverContract({
      factory,
      settings: { protocols: { http: { endpoint: '127.0.0.1:0', fast_path: fastPath } } },
      signal,
      send: async (component, _, id) => {
        const { status } = await send((component as OtlpReceiver).endpoints[0]!, `/v1/${signal}`, rowsBody(signal, [id]))
        return status === 200
      },
    })
  }

  describe('what is asked for', () => {
    test('only the protocols that are named are served', () => {
      expect(factory.config.safeParse({ protocols: {} }).error?.issues[0]?.message).toBe('must name "grpc" or "http" or both')
      expect(factory.config.parse({ protocols: { http: {} } })['protocols']).not.toHaveProperty('grpc')
    })

    test('a taken port is said, and nothing stays half started', async () => {
      const first = await serve({}, keeper().next)
      const cx = testContext({ kind: 'receiver', id: 'otlp/2', reader: createReader() })
      const config = { protocols: { grpc: { endpoint: '127.0.0.1:0' }, http: { endpoint: `127.0.0.1:${first.port}` } } }
      const second = factory.create(cx, factory.config.parse(config), keeper().next) as OtlpReceiver
      await expect(second.start()).rejects.toThrow(`receivers.otlp/2.protocols.http.endpoint: 127.0.0.1:${first.port} is taken`)
      const grpcPort = Number(new URL(cx.urls[0]!.url).port)
      const socket = connect(grpcPort, '127.0.0.1')
      const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException]
      expect(error.code).toBe('ECONNREFUSED')
    })

    test('an authenticator that is not running is said', async () => {
      await expect(serve({ auth: { authenticator: 'nobody' } }, {})).rejects.toThrow(
        'receivers.otlp.protocols.http.auth.authenticator: no running extension "nobody" authenticates',
      )
    })
  })

  describe.each(signals)('%s', signal => {
    const body = requestOf[signal]({}, 7)
    const path = `/v1/${signal}`
    const asJson = Buffer.from(JSON.stringify(protobufToJson(signal, body)))
    const half = body.length >> 1
    const cases: [string, Uint8Array, object][] = [
      ['identity', body, protobuf],
      ['identity, said', body, { ...protobuf, 'content-encoding': 'identity' }],
      ['gzip', gzipSync(body), { ...protobuf, 'content-encoding': 'gzip' }],
      [
        'gzip of two members',
        Buffer.concat([gzipSync(body.subarray(0, half)), gzipSync(body.subarray(half))]),
        { ...protobuf, 'content-encoding': 'gzip' },
      ],
      ['zlib', deflateSync(body), { ...protobuf, 'content-encoding': 'zlib' }],
      ['deflate', deflateSync(body), { ...protobuf, 'content-encoding': 'deflate' }],
      ['deflate without its header', deflateRawSync(body), { ...protobuf, 'content-encoding': 'deflate' }],
      ['zstd', zstdCompressSync(body), { ...protobuf, 'content-encoding': 'zstd' }],
      [
        'zstd of two frames and one that is skipped',
        Buffer.concat([
          zstdCompressSync(body.subarray(0, half)),
          Buffer.from('502a4d1803000000616263', 'hex'),
          zstdCompressSync(body.subarray(half)),
        ]),
        { ...protobuf, 'content-encoding': 'zstd' },
      ],
      ['a charset is tolerated', body, { 'content-type': 'Application/X-Protobuf; charset=utf-8' }],
      ['chunked', body, { ...protobuf, 'transfer-encoding': 'chunked' }],
    ]
    test.each(cases)('protobuf: %s', async (_, sent, headers) => {
      const { batches, next } = keeper()
      const { url, cx } = await serve({}, next)
      const answer = await send(url, path, sent, headers)
      expect([answer.status, answer.headers['content-type'], answer.body.length]).toEqual([200, 'application/x-protobuf', 0])
      expect(Buffer.from(batches[0]!.raw.bytes()).equals(body)).toBe(true)
      expect(cx.account(signal).accepted).toBe(batches[0]!.rows)
      expect(batches[0]!.rows).toBeGreaterThan(0)
      expect(cx.budget.used).toBe(0)
    })

    test.each<[string, Uint8Array, object]>([
      ['identity', asJson, json],
      ['gzip', gzipSync(asJson), { ...json, 'content-encoding': 'gzip' }],
      ['a charset is tolerated', asJson, { 'content-type': 'application/json; charset=utf-8' }],
    ])('JSON: %s', async (_, sent, headers) => {
      const { batches, next } = keeper()
      const { url } = await serve({}, next)
      const answer = await send(url, path, sent, headers)
      expect([answer.status, answer.headers['content-type'], answer.body.toString()]).toEqual([200, 'application/json', '{}'])
      expect(Buffer.from(batches[0]!.raw.bytes()).equals(jsonToProtobuf(signal, asJson))).toBe(true)
    })

    test('an empty request is a success', async () => {
      const { batches, next } = keeper()
      const { url } = await serve({}, next)
      expect((await send(url, path, new Uint8Array())).status).toBe(200)
      expect((await send(url, path, Buffer.from('{}'), json)).status).toBe(200)
      expect(batches).toEqual([])
    })

    test('the whole address as a target, as proxies send it', async () => {
      const { batches, next } = keeper()
      const { url } = await serve({}, next)
      const { hostname, port } = new URL(url)
      const request = httpRequest({
        hostname,
        port,
        method: 'POST',
        path: `http://a.proxy.example${path}?x=1`,
        headers: protobuf,
        agent: false,
      })
      request.end(body)
      const [response] = await once(request, 'response')
      response.resume()
      expect([response.statusCode, batches.length]).toEqual([200, 1])
    })

    test('a signal that nobody listens to is 404', async () => {
      const { url } = await serve({}, {})
      const answer = await send(url, path, body)
      expect([answer.status, statusIn(answer)]).toEqual([404, { code: 12, message: `no pipeline takes ${signal} from this receiver` }])
    })

    test('cut at any byte, or changed: never a 5xx, and conservation holds', async () => {
      const { next } = keeper()
      const { url, cx } = await serve({}, next)
      for (let i = 1; i < 60; i++) {
        const at = Math.floor((body.length * i) / 60)
        const changed = Buffer.from(body)
        changed[at] = changed[at]! ^ (1 << (i % 8))
        for (const sent of [body.subarray(0, at), changed]) {
          const answer = await send(url, path, sent)
          expect([200, 400]).toContain(answer.status)
          if (answer.status === 400) expect(statusIn(answer).code).toBe(3)
        }
        const answer = await send(url, path, asJson.subarray(0, at), json)
        expect(answer.status).toBe(400)
        expect(statusIn(answer, 'json').code).toBe(3)
      }
      expect(cx.ledger.imbalance).toBe(0)
      expect(cx.budget.used).toBe(0)
    })
  })

  describe('partial success', () => {
    /** Spans or log records with these ids; those in `bad` have a trace id of one byte. */
    function withBadRows(signal: 'traces' | 'logs', ids: readonly number[], bad: readonly number[]): Uint8Array {
      const row = signal === 'traces' ? { field: 1, at: 'spans' } : { field: 9, at: 'logRecords' }
      const rows = ids.map(id => {
        const good =
          signal === 'traces'
            ? new Writer().bytes(1, Buffer.alloc(16, id)).bytes(2, Buffer.of(0, 0, 0, 0, 0, 0, 0, id))
            : new Writer().fixed64(1, BigInt(id) * 1_000_000n)
        return (bad.includes(id) ? good.bytes(row.field, Buffer.of(id)) : good).finish()
      })
      const scope = new Writer()
      for (const bytes of rows) scope.bytes(2, bytes)
      return new Writer().bytes(1, new Writer().bytes(2, scope.finish()).finish()).finish()
    }

    test.each<['traces' | 'logs', number[], number[]]>([
      ['traces', [1, 2, 3, 4, 5], [3]],
      ['traces', [1, 2, 3, 4], [1, 4]],
      ['logs', [1, 2, 3, 4, 5, 6, 7], [2, 3, 7]],
    ])('%s %j without %j', async (signal, ids, bad) => {
      const { batches, next } = keeper()
      const { url, cx } = await serve({}, next)
      const answer = await send(url, `/v1/${signal}`, withBadRows(signal, ids, bad))
      expect(answer.status).toBe(200)
      expect(decodeResponse(signal, answer.body, 'protobuf')).toEqual({
        rejected: bad.length,
        message: expect.stringContaining('trace_id'),
      })
      expect(rowIds(batches[0]!)).toEqual(ids.filter(id => !bad.includes(id)))
      expect(cx.account(signal)).toMatchObject({ received: ids.length, accepted: ids.length - bad.length, refused: bad.length })
    })

    test('rows of which none is good, and more bad ones than one message explains, are refused whole', async () => {
      const { batches, next } = keeper()
      const { url, cx } = await serve({}, next)
      const many = Array.from({ length: 60 }, (_, i) => i + 1)
      for (const bad of [many, many.slice(0, 17)])
        expect((await send(url, '/v1/traces', withBadRows('traces', many, bad))).status).toBe(400)
      expect(batches).toEqual([])
      expect(cx.account('traces').received).toBe(0)
    })

    test('what was good and is refused downstream is all the sender’s again', async () => {
      const { next } = keeper(() => Promise.reject(new RetryableError('full')))
      const { url, cx } = await serve({}, next)
      expect((await send(url, '/v1/traces', withBadRows('traces', [1, 2, 3], [2]))).status).toBe(503)
      expect(cx.account('traces')).toMatchObject({ received: 3, accepted: 0, refused: 3 })
    })
  })

  describe('refusals', () => {
    const body = rowsBody('metrics', [1, 2])
    const large = requestOf.metrics({}, 3)

    test.each<[string, string, string, object, number, string]>([
      ['no such path', 'POST', '/v1/profiles', protobuf, 404, 'nothing is received here, only at /v1/metrics, /v1/traces, /v1/logs'],
      ['GET', 'GET', '/v1/metrics', protobuf, 405, 'only POST is understood here, got GET'],
      [
        'another type',
        'POST',
        '/v1/metrics',
        { 'content-type': 'text/plain' },
        415,
        'content-type must be application/x-protobuf or application/json, got "text/plain"\n',
      ],
      ['no type', 'POST', '/v1/metrics', {}, 415, 'content-type must be application/x-protobuf or application/json, got none\n'],
      [
        'another encoding',
        'POST',
        '/v1/metrics',
        { ...protobuf, 'content-encoding': 'br' },
        415,
        'content-encoding "br" is not taken, only gzip, zstd, zlib, deflate',
      ],
      ['not gzip', 'POST', '/v1/metrics', { ...protobuf, 'content-encoding': 'gzip' }, 400, 'body: is not gzip: incorrect header check'],
      ['not zstd', 'POST', '/v1/metrics', { ...protobuf, 'content-encoding': 'zstd' }, 400, 'body: is not zstd: Unknown frame descriptor'],
      ['not JSON', 'POST', '/v1/metrics', json, 400, 'request: is not UTF-8'],
    ])('%s', async (_, method, path, headers, status, message) => {
      const { url } = await serve({}, keeper().next)
      const answer = await send(url, path, method === 'GET' ? undefined : body, headers, method)
      const type = (headers as Record<string, string>)['content-type']
      const encoding = type === 'application/json' ? 'json' : 'protobuf'
      const said = answer.headers['content-type']?.startsWith('text/') ? answer.body.toString() : statusIn(answer, encoding).message
      expect([answer.status, said]).toEqual([status, expect.stringContaining(message)])
      if (status === 405) expect(answer.headers['allow']).toBe('POST')
    })

    test.each<[string, unknown, number, number, string | undefined, string]>([
      ['later, no time named', new RetryableError('full'), 503, 14, '1', 'full'],
      ['later, in 2.5 s', new RetryableError('full', { retryAfterMs: 2500 }), 503, 14, '3', 'full'],
      ['never', new PermanentError('no'), 400, 3, undefined, 'no'],
      ['a bug', new TypeError('x is undefined'), 500, 13, undefined, 'internal error'],
    ])('downstream says %s', async (_, problem, http, grpc, retryAfter, message) => {
      const { next } = keeper(() => Promise.reject(problem))
      const { url, cx } = await serve({}, next)
      for (const [headers, encoding, sent] of [
        [protobuf, 'protobuf', body],
        [json, 'json', Buffer.from(JSON.stringify(protobufToJson('metrics', body)))],
      ] as const) {
        const answer = await send(url, '/v1/metrics', sent, headers)
        expect([answer.status, answer.headers['retry-after'], answer.headers['content-type']]).toEqual([
          http,
          retryAfter,
          headers['content-type'],
        ])
        expect(statusIn(answer, encoding)).toMatchObject({ code: grpc, message })
        expect(statusIn(answer, encoding).retryAfterMs === undefined).toBe(retryAfter === undefined)
      }
      expect(cx.account('metrics')).toMatchObject({ received: 4, accepted: 0, refused: 4 })
      expect(cx.budget.used).toBe(0)
    })

    test('a consumer that throws at once is a refusal too', async () => {
      const { next } = keeper(() => {
        throw new RetryableError('now')
      })
      const { url, cx } = await serve({}, next)
      expect((await send(url, '/v1/metrics', body)).status).toBe(503)
      expect(cx.ledger.imbalance).toBe(0)
    })

    test.each<[string, Uint8Array, object]>([
      ['before decompression', large, protobuf],
      ['before decompression, chunked', large, { ...protobuf, 'transfer-encoding': 'chunked' }],
      ['gzip', gzipSync(large), { ...protobuf, 'content-encoding': 'gzip' }],
      ['zstd', zstdCompressSync(large), { ...protobuf, 'content-encoding': 'zstd' }],
      ['deflate', deflateSync(large), { ...protobuf, 'content-encoding': 'deflate' }],
      ['a gzip bomb', gzipSync(Buffer.alloc(64 << 20)), { ...protobuf, 'content-encoding': 'gzip' }],
      ['a zstd bomb', zstdCompressSync(Buffer.alloc(64 << 20)), { ...protobuf, 'content-encoding': 'zstd' }],
      [
        'a zstd bomb of many frames',
        Buffer.concat(Array(100).fill(zstdCompressSync(Buffer.alloc(large.length / 50)))),
        { ...protobuf, 'content-encoding': 'zstd' },
      ],
    ])('too large: %s', async (_, sent, headers) => {
      const limit = large.length - 1
      const { url, cx } = await serve({ max_request_body_size: limit }, keeper().next)
      const answer = await send(url, '/v1/metrics', sent, headers)
      expect([answer.status, statusIn(answer)]).toEqual([
        413,
        { code: 8, message: `the request is larger than the ${limit} bytes that are allowed` },
      ])
      expect(cx.budget.used).toBe(0)
    })

    test('a body of exactly the limit passes, whatever its encoding', async () => {
      const { url } = await serve({ max_request_body_size: large.length }, keeper().next)
      expect((await send(url, '/v1/metrics', large)).status).toBe(200)
      expect((await send(url, '/v1/metrics', gzipSync(large), { ...protobuf, 'content-encoding': 'gzip' })).status).toBe(200)
      expect((await send(url, '/v1/metrics', zstdCompressSync(large), { ...protobuf, 'content-encoding': 'zstd' })).status).toBe(200)
    })

    test('a large compressed body is inflated elsewhere, as exactly', async () => {
      const noise = Buffer.alloc(3 << 20, 0)
      for (let i = 0, x = 1; i < noise.length; i++) noise[i] = (x = (x * 48271) % 0x7fffffff) & 0xff
      const padded = Buffer.concat([body, Buffer.of(0x82, 0x7d, 0x80, 0x80, 0xc0, 0x01), noise])
      for (const [encoding, sent] of [
        ['gzip', gzipSync(padded)],
        ['deflate', deflateSync(padded)],
        ['zstd', Buffer.concat([zstdCompressSync(padded.subarray(0, 2 << 20)), zstdCompressSync(padded.subarray(2 << 20))])],
      ] as const) {
        const { batches, next } = keeper()
        const { url, cx } = await serve({}, next)
        expect((await send(url, '/v1/metrics', sent, { ...protobuf, 'content-encoding': encoding })).status).toBe(200)
        expect(Buffer.from(batches[0]!.raw.bytes()).equals(padded)).toBe(true)
        expect(cx.budget.used).toBe(0)
        const cut = await send(url, '/v1/metrics', sent.subarray(0, sent.length - 9), { ...protobuf, 'content-encoding': encoding })
        expect(cut.status).toBe(400)
      }
    })

    test('memory is short: 429 before anything is read', async () => {
      const budget = new Budget()
      budget.limit(10, 1e9)
      budget.charge(11)
      const { url } = await serve({}, keeper().next, { budget })
      const answer = await send(url, '/v1/metrics', body)
      expect([answer.status, answer.headers['retry-after'], statusIn(answer).retryAfterMs]).toEqual([429, '1', 1000])
      budget.refund(5)
      expect((await send(url, '/v1/metrics', body)).status).toBe(200)
      expect(budget.used).toBe(6)
    })

    test('memory runs out while a body arrives: 429, and all of it is given back', async () => {
      const budget = new Budget()
      budget.limit(1000, large.length - 1)
      const { url } = await serve({}, keeper().next, { budget })
      expect((await send(url, '/v1/metrics', large)).status).toBe(429)
      expect(budget.used).toBe(0)
    })

    test('authentication precedes reading, and names no secret', async () => {
      const authenticator = {
        check(headers: Readonly<Record<string, unknown>>) {
          if (headers['authorization'] !== 'Bearer open') throw new UnauthenticatedError('the token is not known')
        },
        headers: () => ({}),
      }
      const { batches, next } = keeper()
      const { url } = await serve({ auth: { authenticator: 'a' } }, next, { authenticators: { a: authenticator } })
      const answer = await send(url, '/v1/metrics', body, { ...protobuf, authorization: 'Bearer shut' })
      expect([answer.status, statusIn(answer)]).toEqual([401, { code: 16, message: 'the token is not known' }])
      expect((await send(url, '/v1/metrics', body, { ...protobuf, authorization: 'Bearer open' })).status).toBe(200)
      expect(batches.length).toBe(1)
    })
  })

  describe('the connection', () => {
    const body = rowsBody('metrics', [1])
    const head = (extra = '') => `POST /v1/metrics HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\n${extra}`

    /** Writes to a raw socket and reads until it has seen `until`, or the end. */
    async function raw(port: number, pieces: readonly (string | Uint8Array)[], until: RegExp): Promise<string> {
      const socket = connect(port, '127.0.0.1')
      let seen = ''
      const done = new Promise<void>(resolve => {
        socket.on('data', chunk => {
          seen += chunk.toString('latin1')
          if (until.test(seen)) resolve()
        })
        socket.on('close', () => resolve())
        socket.on('error', () => {})
      })
      for (const piece of pieces) {
        socket.write(piece)
        await new Promise(resolve => setImmediate(resolve))
      }
      await done
      socket.destroy()
      return seen
    }

    test('two requests in one segment, and one in many, are answered in order', async () => {
      const { batches, next } = keeper()
      const { port } = await serve({}, next)
      const one = Buffer.concat([Buffer.from(head(`content-length: ${body.length}\r\n\r\n`)), body])
      const seen = await raw(port, [Buffer.concat([one, one]), ...Array.from(one, byte => Uint8Array.of(byte))], /(200 OK[\s\S]*){3}/)
      expect(seen.match(/200 OK/g)?.length).toBe(3)
      expect(batches.length).toBe(3)
      for (const batch of batches) expect(rowIds(batch)).toEqual([1])
    })

    test('100-continue is said only to who may send', async () => {
      const { port } = await serve({ max_request_body_size: 1000 }, keeper().next)
      const expects = `expect: 100-continue\r\n`
      const welcome = await raw(port, [head(`${expects}content-length: ${body.length}\r\n\r\n`), body], /200 OK/)
      expect(welcome).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK/)
      const refused = await raw(port, [head(`${expects}content-length: 1001\r\n\r\n`)], /\r\n\r\n/)
      expect(refused).toMatch(/^HTTP\/1\.1 413 [\s\S]*connection: close/i)
    })

    test.each([
      ['a content-length that is no number', head('content-length: abc\r\n\r\n')],
      ['two lengths', head('content-length: 3\r\ncontent-length: 4\r\n\r\nabc')],
      ['length and chunks', head('content-length: 3\r\ntransfer-encoding: chunked\r\n\r\nabc')],
      ['no HTTP', 'hello\r\n\r\n'],
      ['a bad chunk', head('transfer-encoding: chunked\r\n\r\nxyz\r\n')],
    ])('%s is 400', async (_, text) => {
      const { port, cx } = await serve({}, keeper().next)
      expect(await raw(port, [text], /\r\n\r\n/)).toMatch(/^HTTP\/1\.1 400 /)
      expect(cx.budget.used).toBe(0)
    })

    describe('what a connection is shed for', () => {
      const limit = 1000
      const chunk = `10000\r\n${'a'.repeat(0x10000)}\r\n`
      const sized = head(`content-length: ${8 << 20}\r\n\r\n`)
      const chunked = head('transfer-encoding: chunked\r\n\r\n')
      test.each<[string, string, Uint8Array, 'hangs up' | 'goes on', string[]]>([
        ['too large: whoever hangs up when it is told', sized, Buffer.alloc(2000), 'hangs up', []],
        ['too large, in chunks: whoever hangs up when it is told', chunked, Buffer.from(chunk.slice(0, 2000)), 'hangs up', []],
        ['too large: whoever goes on', sized, Buffer.alloc(4 << 20), 'goes on', ['too_large']],
        ['too large, in chunks: whoever goes on', chunked, Buffer.from(chunk.repeat(64)), 'goes on', ['too_large']],
        [
          'whoever hangs up in the middle of a body that is not refused',
          head('content-length: 900\r\n\r\n'),
          Buffer.alloc(500),
          'hangs up',
          [],
        ],
        ['a bad chunk, after one that was refused', chunked, Buffer.from(`${chunk}xyz\r\n`), 'goes on', ['protocol']],
      ])('%s', async (_, start, bytes, then, expected) => {
        const shed: unknown[] = []
        const meter = createNoopMeter()
        meter.createCounter = name => ({
          add: (_n, attributes) => void (name === 'thalamus_connections_shed' && shed.push(attributes?.['reason'])),
        })
        const { receiver, port } = await serve({ max_request_body_size: limit }, keeper().next, { meter })
        const socket = connect(port, '127.0.0.1')
        socket.on('error', () => {})
        const closed = new Promise(resolve => socket.once('close', resolve))
        socket.write(start)
        socket.write(bytes)
        if (then === 'hangs up') {
          if (start.includes('900')) socket.end()
          else socket.once('data', () => socket.end())
        }
        socket.resume()
        await closed
        await receiver.shutdown(new AbortController().signal)
        expect(shed).toEqual(expected)
      })
    })

    test('a sender that goes away mid-body leaves nothing behind', async () => {
      const { batches, next } = keeper()
      const { port, cx } = await serve({}, next)
      const socket = connect(port, '127.0.0.1')
      socket.write(head('content-length: 1000\r\n\r\n'))
      socket.write(Buffer.alloc(500))
      while (cx.budget.used < 500) await new Promise(resolve => setImmediate(resolve))
      socket.destroy()
      while (cx.budget.used > 0) await new Promise(resolve => setImmediate(resolve))
      expect(batches).toEqual([])
    })

    test('a sender that goes away while downstream thinks changes nothing', async () => {
      let release = () => {}
      const { next } = keeper(() => new Promise(resolve => (release = resolve)))
      const { port, cx, url } = await serve({}, next)
      const socket = connect(port, '127.0.0.1')
      socket.write(Buffer.concat([Buffer.from(head(`content-length: ${body.length}\r\n\r\n`)), body]))
      while (cx.budget.used === 0) await new Promise(resolve => setImmediate(resolve))
      socket.resetAndDestroy()
      await once(socket, 'close')
      await new Promise(resolve => setImmediate(resolve))
      expect(cx.budget.used).toBeGreaterThan(0)
      release()
      while (cx.budget.used > 0) await new Promise(resolve => setImmediate(resolve))
      expect(cx.account('metrics').accepted).toBe(1)
      const again = send(url, '/v1/metrics', body)
      while (cx.budget.used === 0) await new Promise(resolve => setImmediate(resolve))
      release()
      expect((await again).status).toBe(200)
    })

    test('shutdown finishes what is begun and refuses what comes after', async () => {
      let release = () => {}
      const { next } = keeper(() => new Promise(resolve => (release = resolve)))
      const { receiver, port, cx } = await serve({}, next)
      const socket = connect(port, '127.0.0.1')
      let seen = ''
      socket.on('data', chunk => (seen += chunk.toString('latin1')))
      const one = Buffer.concat([Buffer.from(head(`content-length: ${body.length}\r\n\r\n`)), body])
      socket.write(one)
      while (cx.budget.used === 0) await new Promise(resolve => setImmediate(resolve))
      const stopped = receiver.shutdown(new AbortController().signal)
      release()
      await stopped
      if (!socket.closed) await once(socket, 'close')
      expect(seen).toMatch(/^HTTP\/1\.1 200 OK[\s\S]*Connection: close/i)
      await expect(send(`http://127.0.0.1:${port}`, '/v1/metrics', body)).rejects.toThrow()
      expect(cx.account('metrics').accepted).toBe(1)
    })

    test('shutdown is cut off by its signal', async () => {
      const { next } = keeper(() => new Promise(() => {}))
      const { receiver, port, cx } = await serve({}, next)
      const socket = connect(port, '127.0.0.1')
      socket.on('error', () => {})
      socket.write(Buffer.concat([Buffer.from(head(`content-length: ${body.length}\r\n\r\n`)), body]))
      while (cx.budget.used === 0) await new Promise(resolve => setImmediate(resolve))
      const cut = new AbortController()
      const stopped = receiver.shutdown(cut.signal)
      cut.abort()
      await stopped
    })
  })

  test('headers of ours are in every answer, and a connection carries one request where that is asked for', async () => {
    const response_headers = [{ name: 'X-Served-By', value: 'gateway' }]
    const { url } = await serve({ response_headers, keep_alives_enabled: false }, keeper().next)
    for (const [path, status] of [
      ['/v1/metrics', 200],
      ['/elsewhere', 404],
    ] as const) {
      const answer = await fetch(`${url}${path}`, {
        method: 'POST',
        headers: protobuf,
        body: rowsBody('metrics', [1]) as Uint8Array<ArrayBuffer>,
      })
      await answer.arrayBuffer()
      expect([answer.status, answer.headers.get('x-served-by'), answer.headers.get('connection')]).toEqual([status, 'gateway', 'close'])
    }
  })

  describe('pages in browsers', () => {
    const cors = { allowed_origins: ['https://*.example.com', 'http://localhost:8080'], allowed_headers: ['X-Lab'], max_age: 600 }
    const body = rowsBody('metrics', [1])

    test.each([
      ['https://app.example.com', true],
      ['http://localhost:8080', true],
      ['https://example.com', false],
      ['https://app.example.com.evil.org', false],
      ['http://app.example.com', false],
    ])('%s: %s', async (origin, allowed) => {
      const { url } = await serve({ cors }, keeper().next)
      const preflight = await send(url, '/v1/metrics', undefined, { origin, 'access-control-request-method': 'POST' }, 'OPTIONS')
      expect([preflight.status, preflight.headers['access-control-allow-origin']]).toEqual([204, allowed ? origin : undefined])
      if (allowed) {
        expect(preflight.headers['access-control-allow-headers']).toContain('content-encoding')
        expect(preflight.headers['access-control-allow-headers']).toContain('x-lab')
        expect(preflight.headers['access-control-max-age']).toBe('600')
      }
      const answer = await send(url, '/v1/metrics', body, { ...protobuf, origin })
      expect([answer.status, answer.headers['access-control-allow-origin']]).toEqual([200, allowed ? origin : undefined])
      const refused = await send(url, '/v1/metrics', Buffer.of(1), { ...protobuf, origin })
      expect([refused.status, refused.headers['access-control-allow-origin']]).toEqual([400, allowed ? origin : undefined])
    })

    test('without the setting nothing is said, and OPTIONS is a wrong method', async () => {
      const { url } = await serve({}, keeper().next)
      const answer = await send(url, '/v1/metrics', body, { ...protobuf, origin: 'https://app.example.com' })
      expect(answer.headers['access-control-allow-origin']).toBeUndefined()
      expect((await send(url, '/v1/metrics', undefined, {}, 'OPTIONS')).status).toBe(405)
    })
  })
})
