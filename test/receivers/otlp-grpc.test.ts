import { once } from 'node:events'
import { type ClientHttp2Session, connect, type IncomingHttpHeaders, type IncomingHttpStatusHeader } from 'node:http2'
import { createConnection } from 'node:net'
import { deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { createNoopMeter } from '@opentelemetry/api'
import { afterEach, describe, expect, test } from 'vitest'
import { Budget } from '../../src/component/budget.ts'
import type { Consumer, Consumers } from '../../src/component/component.ts'
import { PermanentError, RetryableError, UnauthenticatedError } from '../../src/component/errors.ts'
import type { AnyBatch } from '../../src/model/batch.ts'
import { type Signal, signals } from '../../src/model/signal.ts'
import { createReader } from '../../src/otlp/reader.ts'
import { decodeResponse, decodeStatus } from '../../src/otlp/status.ts'
import factory, { type OtlpReceiver } from '../../src/receivers/otlp/index.ts'
import { type TestContext, type TestWorld, testContext } from '../kit/context.ts'
import { receiverContract } from '../kit/contract.ts'
import { requestOf, Writer } from '../kit/otlp.ts'
import { rowsBody } from '../kit/rows.ts'

const running: OtlpReceiver[] = []
const sessions: ClientHttp2Session[] = []
afterEach(async () => {
  for (const session of sessions.splice(0)) session.destroy()
  await Promise.all(running.splice(0).map(receiver => receiver.shutdown(AbortSignal.abort())))
})

const pathOf = {
  metrics: '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export',
  traces: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
  logs: '/opentelemetry.proto.collector.logs.v1.LogsService/Export',
} as const satisfies Record<Signal, string>

function keeper(answer: () => Promise<void> = () => Promise.resolve()) {
  const batches: AnyBatch[] = []
  const consumer = {
    reserve() {},
    consume(batch: AnyBatch) {
      batches.push(batch)
      return answer()
    },
  }
  return { batches, next: Object.fromEntries(signals.map(signal => [signal, consumer as Consumer<Signal>])) as Consumers }
}

async function serve(grpc: object, next: Consumers, world: TestWorld = {}) {
  const cx: TestContext = testContext({ kind: 'receiver', id: 'otlp', reader: createReader(), ...world })
  const settings = factory.config.parse({ protocols: { grpc: { endpoint: '127.0.0.1:0', ...grpc } } })
  const receiver = factory.create(cx, settings, next) as OtlpReceiver
  await receiver.start()
  running.push(receiver)
  return { cx, receiver, url: receiver.endpoints[0]! }
}

function client(url: string): ClientHttp2Session {
  const session = connect(url)
  session.on('error', () => {})
  sessions.push(session)
  return session
}

/** One message with its prefix. */
function framed(message: Uint8Array, flag = 0, length = message.length): Buffer {
  const prefix = Buffer.alloc(5)
  prefix[0] = flag
  prefix.writeUInt32BE(length, 1)
  return Buffer.concat([prefix, message])
}

interface Answer {
  readonly http: number
  readonly code: number
  readonly message: string
  readonly details: string | undefined
  readonly body: Buffer
}
async function call(session: ClientHttp2Session, path: string, pieces: readonly Uint8Array[], headers: object = {}): Promise<Answer> {
  const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers', ...headers })
  let found: IncomingHttpHeaders & IncomingHttpStatusHeader = {}
  const body: Buffer[] = []
  stream.on('response', given => Object.assign(found, given))
  stream.on('trailers', given => (found = { ...found, ...given }))
  stream.on('data', (chunk: Buffer) => body.push(chunk))
  stream.on('error', () => {})
  for (const piece of pieces) {
    stream.write(piece)
    await new Promise(resolve => setImmediate(resolve))
  }
  stream.end()
  await once(stream, 'close')
  return {
    http: Number(found[':status']),
    code: Number(found['grpc-status']),
    message: decodeURIComponent(String(found['grpc-message'] ?? '')),
    details: found['grpc-status-details-bin'] as string | undefined,
    body: Buffer.concat(body),
  }
}

for (const signal of signals) {
  receiverContract({
    factory,
    settings: { protocols: { grpc: { endpoint: '127.0.0.1:0' } } },
    signal,
    send: async (component, _, id) => {
      const session = client((component as OtlpReceiver).endpoints[0]!)
      const { code } = await call(session, pathOf[signal], [framed(rowsBody(signal, [id]))])
      session.close()
      return code === 0
    },
  })
}

describe.each(signals)('%s', signal => {
  const body = requestOf[signal]({}, 7)
  test.each<[string, Uint8Array[], object]>([
    ['as it is', [framed(body)], {}],
    [
      'a split prefix',
      [framed(body).subarray(0, 2), framed(body).subarray(2, 4), framed(body).subarray(4, 9), framed(body).subarray(9)],
      {},
    ],
    ['+proto', [framed(body)], { 'content-type': 'application/grpc+proto' }],
    ['gzip', [framed(gzipSync(body), 1)], { 'grpc-encoding': 'gzip' }],
    ['deflate', [framed(deflateSync(body), 1)], { 'grpc-encoding': 'deflate' }],
    ['zstd', [framed(zstdCompressSync(body), 1)], { 'grpc-encoding': 'zstd' }],
    ['gzip allowed, not used', [framed(body)], { 'grpc-encoding': 'gzip' }],
  ])('%s', async (_, pieces, headers) => {
    const { batches, next } = keeper()
    const { url, cx } = await serve({}, next)
    const answer = await call(client(url), pathOf[signal], pieces, headers)
    expect(answer).toEqual({ http: 200, code: 0, message: '', details: undefined, body: Buffer.alloc(5) })
    expect(Buffer.from(batches[0]!.raw.bytes()).equals(body)).toBe(true)
    expect(cx.account(signal).accepted).toBe(batches[0]!.rows)
    expect(cx.budget.used).toBe(0)
  })

  test('one bad row of two: the other is taken, and the sender is told', async () => {
    if (signal === 'metrics') return
    const good = rowsBody(signal, [1])
    const row = new Writer().bytes(signal === 'traces' ? 1 : 9, Buffer.of(7)).finish()
    const bad = new Writer().message(1, resource => resource.message(2, scope => scope.bytes(2, row))).finish()
    const { url, cx } = await serve({}, keeper().next)
    const answer = await call(client(url), pathOf[signal], [framed(Buffer.concat([good, bad]))])
    expect(answer.code).toBe(0)
    expect(answer.body.readUInt32BE(1)).toBe(answer.body.length - 5)
    expect(decodeResponse(signal, answer.body.subarray(5), 'protobuf')).toEqual({
      rejected: 1,
      message: expect.stringContaining('trace_id'),
    })
    expect(cx.account(signal)).toMatchObject({ received: 2, accepted: 1, refused: 1 })
  })

  test('an empty request is a success', async () => {
    const { batches, next } = keeper()
    const { url } = await serve({}, next)
    expect((await call(client(url), pathOf[signal], [framed(new Uint8Array())])).code).toBe(0)
    expect(batches).toEqual([])
  })

  test('cut at any byte, or changed: OK or INVALID_ARGUMENT, and conservation holds', async () => {
    const { url, cx } = await serve({}, keeper().next)
    const session = client(url)
    for (let i = 1; i < 40; i++) {
      const at = Math.floor((body.length * i) / 40)
      const changed = Buffer.from(body)
      changed[at] = changed[at]! ^ (1 << (i % 8))
      for (const sent of [body.subarray(0, at), changed])
        expect([0, 3]).toContain((await call(session, pathOf[signal], [framed(sent)])).code)
    }
    expect(cx.ledger.imbalance).toBe(0)
    expect(cx.budget.used).toBe(0)
  })
})

describe('refusals', () => {
  const body = rowsBody('metrics', [1])
  const large = requestOf.metrics({}, 3)
  const limitMib = (large.length - 1) / 2 ** 20

  test.each<[string, string, Uint8Array[], object, number, string]>([
    [
      'an unknown method',
      '/opentelemetry.proto.collector.profiles.v1.ProfilesService/Export',
      [framed(body)],
      {},
      12,
      'unknown method /opentelemetry',
    ],
    ['no message', pathOf.metrics, [], {}, 12, 'the message is cut off'],
    ['half a prefix', pathOf.metrics, [framed(body).subarray(0, 3)], {}, 13, 'the message is cut off'],
    ['half a message', pathOf.metrics, [framed(body).subarray(0, 9)], {}, 13, 'the message is cut off'],
    ['two messages', pathOf.metrics, [framed(body), framed(body)], {}, 12, 'a unary call has one message, got more'],
    ['a strange flag', pathOf.metrics, [framed(body, 7)], {}, 13, 'the compressed flag must be 0 or 1, got 7'],
    ['compressed, unsaid', pathOf.metrics, [framed(gzipSync(body), 1)], {}, 13, 'grpc-encoding "none" is not taken'],
    [
      'another encoding',
      pathOf.metrics,
      [framed(gzipSync(body), 1)],
      { 'grpc-encoding': 'snappy' },
      12,
      'grpc-encoding "snappy" is not taken',
    ],
    ['not gzip', pathOf.metrics, [framed(body, 1)], { 'grpc-encoding': 'gzip' }, 3, 'body: is not gzip'],
    ['not protobuf', pathOf.metrics, [framed(Buffer.from('hello'))], {}, 3, ''],
    ['too large', pathOf.metrics, [framed(large)], {}, 8, 'the request is larger than'],
    ['too large to ever send', pathOf.metrics, [framed(Buffer.of(1), 0, 2 ** 32 - 1)], {}, 8, 'the request is larger than'],
    [
      'too large once inflated',
      pathOf.metrics,
      [framed(gzipSync(Buffer.alloc(32 << 20)), 1)],
      { 'grpc-encoding': 'gzip' },
      8,
      'the request is larger than',
    ],
  ])('%s', async (_, path, pieces, headers, code, message) => {
    const { batches, next } = keeper()
    const { url, cx } = await serve({ max_recv_msg_size_mib: limitMib }, next)
    const answer = await call(client(url), path, pieces, headers)
    expect([answer.http, answer.code, answer.message, answer.details]).toEqual([200, code, expect.stringContaining(message), undefined])
    expect(batches).toEqual([])
    expect(cx.budget.used).toBe(0)
  })

  test('what is not gRPC is 415', async () => {
    const { url } = await serve({}, keeper().next)
    expect((await call(client(url), pathOf.metrics, [body], { 'content-type': 'application/json' })).http).toBe(415)
  })

  test('a signal that nobody listens to is UNIMPLEMENTED', async () => {
    const { url } = await serve({}, {})
    expect((await call(client(url), pathOf.logs, [framed(rowsBody('logs', [1]))])).code).toBe(12)
  })

  test.each<[string, unknown, number, number | undefined, string]>([
    ['later, no time named', new RetryableError('full'), 14, 1000, 'full'],
    ['later, in 2.5 s', new RetryableError('voll: für später 100 %', { retryAfterMs: 2500 }), 14, 2500, 'voll: für später 100 %'],
    ['never', new PermanentError('no'), 3, undefined, 'no'],
    ['a bug', new TypeError('x is undefined'), 13, undefined, 'internal error'],
  ])('downstream says %s', async (_, problem, code, retryAfterMs, message) => {
    const { next } = keeper(() => Promise.reject(problem))
    const { url, cx } = await serve({}, next)
    const answer = await call(client(url), pathOf.metrics, [framed(body)])
    expect([answer.code, answer.message]).toEqual([code, message])
    const details = answer.details === undefined ? undefined : decodeStatus(Buffer.from(answer.details, 'base64'), 'protobuf')
    expect(details?.retryAfterMs).toBe(retryAfterMs)
    expect(cx.account('metrics')).toMatchObject({ received: 1, accepted: 0, refused: 1 })
    expect(cx.budget.used).toBe(0)
  })

  test('memory is short: RESOURCE_EXHAUSTED with a time, before anything is read', async () => {
    const budget = new Budget()
    budget.limit(10, 20)
    budget.charge(11)
    const { url } = await serve({}, keeper().next, { budget })
    const answer = await call(client(url), pathOf.metrics, [framed(body)])
    expect([answer.code, decodeStatus(Buffer.from(answer.details!, 'base64'), 'protobuf').retryAfterMs]).toEqual([8, 1000])
    expect(budget.used).toBe(11)
  })

  test('authentication precedes reading', async () => {
    const authenticator = {
      check(headers: Readonly<Record<string, unknown>>) {
        if (headers['authorization'] !== 'Bearer open') throw new UnauthenticatedError('the token is not known')
      },
      headers: () => ({}),
    }
    const { url } = await serve({ auth: { authenticator: 'a' } }, keeper().next, { authenticators: { a: authenticator } })
    const session = client(url)
    expect(await call(session, pathOf.metrics, [framed(body)])).toMatchObject({ code: 16, message: 'the token is not known' })
    expect((await call(session, pathOf.metrics, [framed(body)], { authorization: 'Bearer open' })).code).toBe(0)
  })
})

describe('the connection', () => {
  const body = rowsBody('metrics', [1])
  const turn = () => new Promise(resolve => setImmediate(resolve))

  test('many calls at one time', async () => {
    const { batches, next } = keeper()
    const { url } = await serve({}, next)
    const session = client(url)
    const answers = await Promise.all(Array.from({ length: 100 }, () => call(session, pathOf.metrics, [framed(body)])))
    expect(answers.filter(({ code }) => code === 0).length).toBe(100)
    expect(batches.length).toBe(100)
  })

  test('a call that is cancelled mid-message leaves nothing behind', async () => {
    const { batches, next } = keeper()
    const { url, cx } = await serve({}, next)
    const stream = client(url).request({ ':method': 'POST', ':path': pathOf.metrics, 'content-type': 'application/grpc' })
    stream.on('error', () => {})
    stream.write(framed(Buffer.alloc(10), 0, 1000))
    while (cx.budget.used === 0) await turn()
    stream.close(8)
    while (cx.budget.used > 0) await turn()
    expect(batches).toEqual([])
  })

  test('a call that is cancelled while downstream thinks stays charged until it knows', async () => {
    let release = () => {}
    const { next } = keeper(() => new Promise(resolve => (release = resolve)))
    const { url, cx } = await serve({}, next)
    const stream = client(url).request({ ':method': 'POST', ':path': pathOf.metrics, 'content-type': 'application/grpc' })
    stream.on('error', () => {})
    stream.end(framed(body))
    while (cx.budget.used === 0) await turn()
    stream.close(8)
    await once(stream, 'close')
    expect(cx.budget.used).toBeGreaterThan(0)
    release()
    while (cx.budget.used > 0) await turn()
    expect(cx.account('metrics').accepted).toBe(1)
  })

  test('shutdown finishes what is begun, and no more', async () => {
    let release = () => {}
    const { next } = keeper(() => new Promise(resolve => (release = resolve)))
    const { receiver, url, cx } = await serve({}, next)
    const session = client(url)
    const answer = call(session, pathOf.metrics, [framed(body)])
    while (cx.budget.used === 0) await turn()
    const stopped = receiver.shutdown(new AbortController().signal)
    release()
    expect((await answer).code).toBe(0)
    await stopped
    expect(cx.account('metrics').accepted).toBe(1)
  })

  test('a connection without a call is closed in time, if that is asked for', async () => {
    const { cx, receiver, url } = await serve({ keepalive: { server_parameters: { max_connection_idle: '60s' } } }, keeper().next)
    const session = client(url)
    expect((await call(session, pathOf.metrics, [framed(body)])).code).toBe(0)
    await cx.clock.advance(50_000)
    expect((await call(session, pathOf.metrics, [framed(body)])).code).toBe(0)
    await cx.clock.advance(59_000)
    expect(session.closed).toBe(false)
    await cx.clock.advance(60_000)
    if (!session.closed) await once(session, 'close')
    await receiver.shutdown(AbortSignal.abort())
    expect(cx.clock.pending).toBe(0)
  })

  describe('keepalive', () => {
    const parameters = (server_parameters: object) => ({ keepalive: { server_parameters } })

    test('an old connection is told to go, and calls that are under way are finished', async () => {
      const held = Promise.withResolvers<void>()
      const { cx, url } = await serve(parameters({ max_connection_age: '60s' }), keeper(() => held.promise).next)
      const session = client(url)
      const answer = call(session, pathOf.metrics, [framed(body)])
      while (cx.budget.used === 0) await turn()
      const goaway = once(session, 'goaway')
      await cx.clock.advance(53_000)
      expect(session.closed).toBe(false)
      await cx.clock.advance(20_000)
      await goaway
      held.resolve()
      expect((await answer).code).toBe(0)
      if (!session.closed) await once(session, 'close')
    })

    test('calls that last longer than the grace are cut off', async () => {
      const never = keeper(() => new Promise(() => {}))
      const { cx, url } = await serve(parameters({ max_connection_age: '60s', max_connection_age_grace: '10s' }), never.next)
      const session = client(url)
      const stream = session.request({ ':method': 'POST', ':path': pathOf.metrics, 'content-type': 'application/grpc' })
      stream.on('error', () => {})
      stream.end(framed(body))
      while (cx.budget.used === 0) await turn()
      await cx.clock.advance(90_000)
      if (!session.destroyed) await once(session, 'close')
    })

    test('who answers when asked stays', async () => {
      const { cx, url } = await serve(parameters({ time: '30s', timeout: '10s' }), keeper().next)
      const session = client(url)
      expect((await call(session, pathOf.metrics, [framed(body)])).code).toBe(0)
      const asked = once(session, 'ping')
      await cx.clock.advance(45_000)
      await asked
      // Our answer was sent before this call.
      expect((await call(session, pathOf.metrics, [framed(body)])).code).toBe(0)
      await cx.clock.advance(15_000)
      expect(session.closed).toBe(false)
    })

    test('who asks too often is disconnected, where there is a policy', async () => {
      const policy = { keepalive: { enforcement_policy: { min_time: '10s', permit_without_stream: true } } }
      const { url } = await serve(policy, keeper().next)
      const session = client(url)
      expect((await call(session, pathOf.metrics, [framed(body)])).code).toBe(0)
      const goaway = once(session, 'goaway')
      for (let i = 0; i < 4; i++) session.ping(() => {})
      const [code, , reason] = await goaway
      expect([code, String(reason)]).toEqual([11, 'too_many_pings'])
    })

    test('without a policy one may ask as often as one likes', async () => {
      const { url } = await serve({}, keeper().next)
      const session = client(url)
      expect((await call(session, pathOf.metrics, [framed(body)])).code).toBe(0)
      for (let i = 0; i < 20; i++) await new Promise<void>((resolve, reject) => session.ping(error => (error ? reject(error) : resolve())))
      expect((await call(session, pathOf.metrics, [framed(body)])).code).toBe(0)
    })
  })

  test('shutdown is cut off by its signal', async () => {
    const { next } = keeper(() => new Promise(() => {}))
    const { receiver, url, cx } = await serve({}, next)
    void call(client(url), pathOf.metrics, [framed(body)])
    while (cx.budget.used === 0) await turn()
    const cut = new AbortController()
    const stopped = receiver.shutdown(cut.signal)
    cut.abort()
    await stopped
  })

  describe('a connection that breaks the protocol is counted', () => {
    const frame = (type: number, payload: Buffer, stream = 0) => {
      const head = Buffer.alloc(9)
      head.writeUIntBE(payload.length, 0, 3)
      head[3] = type
      head.writeUInt32BE(stream, 5)
      return Buffer.concat([head, payload])
    }
    /** As gRPC's Go client says goodbye: the id of the last stream is not one of the server's. */
    const goodbye = frame(7, Buffer.from('5fffffff00000000', 'hex'))
    test.each([
      ['not when it has nothing under way and says goodbye as Go does', 'served', goodbye, []],
      ['when a call is under way', 'calling', goodbye, ['protocol']],
      ['when it never asked for anything', 'new', goodbye, ['protocol']],
    ] as const)('%s', async (_, state, bytes, expected) => {
      const shed: unknown[] = []
      const meter = createNoopMeter()
      meter.createCounter = name => ({
        add: (_n, attributes) => void (name === 'thalamus_connections_shed' && shed.push(attributes?.['reason'])),
      })
      const { url } = await serve({}, keeper(() => new Promise(state === 'served' ? resolve => resolve() : () => {})).next, { meter })
      const { hostname, port } = new URL(url)
      const socket = createConnection(Number(port), hostname)
      const session = connect(url, { createConnection: () => socket })
      session.on('error', () => {})
      await once(session, 'remoteSettings')
      if (state === 'served') expect((await call(session, pathOf.metrics, [framed(body)])).code).toBe(0)
      if (state === 'calling') {
        void call(session, pathOf.metrics, [framed(body)]).catch(() => {})
        await new Promise(resolve => session.ping(resolve))
      }
      const closed = new Promise<void>(resolve => session.once('close', resolve))
      socket.write(bytes)
      await closed
      expect(shed).toEqual(expected)
    })
  })

  test('a flood of calls that are reset at once ends the connection, not the receiver', async () => {
    const { url, cx } = await serve({}, keeper().next)
    const session = client(url)
    for (let i = 0; i < 3000 && !session.destroyed; i++) {
      const stream = session.request({ ':method': 'POST', ':path': pathOf.metrics, 'content-type': 'application/grpc' })
      stream.on('error', () => {})
      stream.close(8)
      if (i % 100 === 0) await turn()
    }
    expect((await call(client(url), pathOf.metrics, [framed(body)])).code).toBe(0)
    expect(cx.budget.used).toBe(0)
  })
})
