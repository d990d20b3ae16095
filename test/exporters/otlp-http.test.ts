import { createServer, request as httpRequest, type IncomingMessage } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { ConfigError, StartError } from '../../src/component/errors.ts'
import otlpHttp from '../../src/exporters/otlp_http/index.ts'
import type { AnyBatch } from '../../src/model/batch.ts'
import { Raw } from '../../src/model/raw.ts'
import { signals } from '../../src/model/signal.ts'
import { jsonToProtobuf, protobufToJson } from '../../src/otlp/json.ts'
import { encodeResponse, encodeStatus } from '../../src/otlp/status.ts'
import { createAuthority } from '../kit/certificates.ts'
import { settled } from '../kit/clock.ts'
import { testContext } from '../kit/context.ts'
import { rowsBody } from '../kit/rows.ts'
import { HttpServer, type Reply } from './http-server.ts'
import { benches, idle } from './otlp-bench.ts'
import { until } from './until.ts'

const open = benches(otlpHttp, tls => HttpServer.open(tls))

describe('requests', () => {
  test.each(signals)('%s go to their own path, byte for byte', async signal => {
    const b = await open(undefined, { headers: { 'X-Tenant': 'blue' } }, {}, signal)
    const body = await b.send(1, 2, 3)
    await idle(b)
    const [request] = b.server.received
    expect(request?.path).toBe(`/v1/${signal}`)
    expect(request?.wire.equals(body)).toBe(true)
    expect(request?.headers).toMatchObject({
      'content-type': 'application/x-protobuf',
      'content-length': String(body.length),
      'x-tenant': 'blue',
      connection: 'keep-alive',
    })
    expect(request?.headers['content-encoding']).toBeUndefined()
  })

  test('batches that waited are one request, one after the other', async () => {
    const b = await open()
    const first = await b.send(1)
    await until(b.cx.clock, () => b.server.received.length === 1)
    const bodies = [first, ...(await Promise.all(Array.from({ length: 39 }, (_, i) => b.send(i + 2))))]
    await idle(b)
    expect(b.server.received.map(({ wire }) => wire.length)).toEqual([bodies[0]!.length, Buffer.concat(bodies.slice(1)).length])
    expect(Buffer.concat(b.server.received.map(({ wire }) => wire)).equals(Buffer.concat(bodies))).toBe(true)
    expect(b.server.connections).toBe(1)
  })

  test('a batch in many pieces arrives whole', async () => {
    const b = await open()
    const body = rowsBody('metrics', [1, 2, 3])
    const raw = new Raw(Array.from(body, byte => Uint8Array.of(byte)))
    await b.exporter.consume({ signal: 'metrics', raw, rows: 3 } as AnyBatch)
    await idle(b)
    expect(b.server.received[0]?.wire.equals(body)).toBe(true)
  })

  test.each(['gzip', 'deflate', 'zstd'])('%s', async compression => {
    const b = await open(undefined, { compression })
    const small = await b.send(1, 2, 3)
    await idle(b)
    const large = await b.send(...Array.from({ length: 9000 }, (_, i) => i + 1))
    await idle(b)
    expect(b.server.received.map(({ body }) => body.length)).toEqual([small.length, large.length])
    expect(b.server.received[1]?.body.equals(large)).toBe(true)
    expect(b.server.received[1]!.wire.length).toBeLessThan(large.length / 2)
    expect(b.server.received[0]?.headers['content-encoding']).toBe(compression)
  })

  test('JSON is encoded anew and says the same', async () => {
    const b = await open(() => ({ status: 200, headers: { 'content-type': 'application/json' }, body: '{}' }), { encoding: 'json' })
    const body = await b.send(1, 2, 3)
    await idle(b)
    const [request] = b.server.received
    expect(request?.headers['content-type']).toBe('application/json')
    expect(protobufToJson('metrics', jsonToProtobuf('metrics', request!.body))).toEqual(protobufToJson('metrics', body))
  })

  test('an address of its own is used as it is', async () => {
    const other = await HttpServer.open()
    const b = await open(undefined, { metrics_endpoint: `${other.url}/api/v1/otlp?x=1` })
    await b.send(1)
    await idle(b)
    expect(other.received[0]?.path).toBe('/api/v1/otlp?x=1')
    await other.close()
  })

  test('credentials come from the authenticator, afresh for each request', async () => {
    let count = 0
    const authenticators = { 'bearertokenauth/x': { check() {}, headers: () => ({ authorization: `Bearer ${++count}` }) } }
    const b = await open(undefined, { auth: { authenticator: 'bearertokenauth/x' } }, { authenticators })
    for (const id of [1, 2]) {
      await b.send(id)
      await idle(b)
    }
    expect(b.server.received.map(({ headers }) => headers.authorization)).toEqual(['Bearer 1', 'Bearer 2'])
  })

  test('an authenticator that does not run is said at start', async () => {
    const starting = open(undefined, { auth: { authenticator: 'nobody' } })
    await expect(starting).rejects.toThrow(StartError)
    await expect(starting).rejects.toThrow('exporters.otlp_http.auth.authenticator: no running extension is called "nobody"')
  })
})

describe('answers', () => {
  const status = (code: number, message: string) => encodeStatus(code, message, 'protobuf')
  const onceThen = (first: Reply): (() => Reply) => {
    let sent = false
    return () => {
      if (sent) return { status: 200 }
      sent = true
      return first
    }
  }

  test.each<[string, Reply, number]>([
    ['429', { status: 429 }, 0],
    ['502', { status: 502 }, 0],
    ['503', { status: 503 }, 0],
    ['504', { status: 504 }, 0],
    ['a reset', 'reset', 1],
    ['what is not HTTP', 'garbage', 1],
  ])('%s is tried again', async (_, first, resent) => {
    const b = await open(onceThen(first))
    const body = await b.send(1)
    await idle(b)
    expect(b.server.received.map(({ wire }) => wire.equals(body))).toEqual([true, true])
    expect(b.dropped()).toEqual({})
    expect(b.cx.account('metrics').resent).toBe(resent)
    expect(b.cx.lines.map(({ level }) => level)).toEqual(['warn', 'info'])
  })

  test('nobody listening is tried again, and nothing was lost', async () => {
    const b = await open()
    await b.server.close()
    await b.send(1)
    await until(b.cx.clock, () => b.cx.lines.length > 0)
    expect(b.cx.lines[0]?.fields['why']).toContain('ECONNREFUSED')
    expect(b.held()).toBe(1)
    expect(b.cx.account('metrics').resent).toBe(0)
  })

  test('silence ends after the time-out, and counts as a lost answer', async () => {
    const b = await open(onceThen('hang'), { timeout: '7s' })
    await b.send(1)
    await until(b.cx.clock, () => b.server.received.length === 1)
    const before = b.cx.clock.monotonic()
    await until(b.cx.clock, () => b.cx.lines.length > 0)
    expect(b.cx.clock.monotonic() - before).toBeLessThanOrEqual(7005)
    expect(b.cx.lines[0]?.fields['why']).toBe('no answer within 7s')
    await idle(b)
    expect(b.cx.account('metrics').resent).toBe(1)
    expect(b.server.received.length).toBe(2)
  })

  test.each([
    ['seconds', '20', 20_000],
    ['a date', new Date(1_700_000_000_000 + 60_000).toUTCString(), 59_000],
  ])('Retry-After as %s is honoured', async (_, value, least) => {
    const b = await open(onceThen({ status: 503, headers: { 'retry-after': value } }))
    await b.send(1)
    await until(b.cx.clock, () => b.cx.lines.length > 0)
    const from = b.cx.clock.monotonic()
    await idle(b)
    expect(b.cx.clock.monotonic() - from).toBeGreaterThanOrEqual(least - 10)
  })

  test('what the destination left out is dropped', async () => {
    const body = encodeResponse('metrics', { rejected: 2, message: 'too old' }, 'protobuf')
    const b = await open(() => ({ status: 200, body }))
    await b.send(1, 2, 3)
    await idle(b)
    expect(b.dropped()).toEqual({ rejected: 2 })
    expect(b.server.received.length).toBe(1)
    expect(b.cx.lines[0]?.fields['why']).toBe('partial success: too old')
  })

  test.each<[string, Reply]>([
    ['garbage in the body', { status: 200, body: 'what?' }],
    ['an answer without end', { status: 200, body: new Uint8Array(5 * 2 ** 20) }],
    ['half an answer', 'half'],
    ['202', { status: 202 }],
    ['204', { status: 204 }],
  ])('yes is yes: %s', async (_, reply) => {
    const b = await open(() => reply)
    await b.send(1, 2)
    await idle(b)
    expect(b.dropped()).toEqual({})
    expect(b.cx.account('metrics').taken).toBe(2)
  })

  test('400 finds the culprit', async () => {
    const b = await open()
    b.server.reply = ({ body }) =>
      JSON.stringify(protobufToJson('metrics', body)).includes('"asDouble":13')
        ? { status: 400, body: status(3, 'bad luck') }
        : { status: 200 }
    await b.send(1)
    await Promise.all([b.send(10, 11, 12), b.send(13, 14, 15), b.send(16, 17)])
    await idle(b)
    expect(b.dropped()).toEqual({ rejected: 1 })
    expect(b.cx.account('metrics').taken).toBe(8)
    expect(b.cx.lines[0]?.fields['why']).toBe('HTTP 400: bad luck')
  })

  test('413 halves', async () => {
    const b = await open()
    const limit = rowsBody('metrics', [1, 2, 3]).length
    b.server.reply = ({ wire }) => ({ status: wire.length > limit ? 413 : 200 })
    await b.send(1, 2, 3, 4, 5, 6, 7, 8)
    await idle(b)
    expect(b.dropped()).toEqual({})
    expect(b.cx.account('metrics').taken).toBe(8)
  })

  test.each([
    [301, 'HTTP 301: redirects are not followed; set the final address'],
    [307, 'HTTP 307: redirects are not followed; set the final address'],
    [401, 'HTTP 401: who are you'],
    [404, 'HTTP 404: who are you'],
  ])('%d is dropped whole', async (code, why) => {
    const headers = { location: 'http://elsewhere.example/?token=secret', 'content-type': 'text/plain' }
    const b = await open(() => ({ status: code, headers, body: 'who\nare you' }))
    await b.send(1, 2)
    await idle(b)
    expect(b.server.received.length).toBe(1)
    expect(b.dropped()).toEqual({ permanent: 2 })
    expect(b.cx.lines[0]?.fields['why']).toBe(why)
    expect(JSON.stringify(b.cx.lines)).not.toContain('secret')
  })

  test('a kept connection that was closed meanwhile costs nothing', async () => {
    const b = await open()
    await b.send(1)
    await idle(b)
    b.server.reply = onceThen('reset')
    await b.send(2)
    await idle(b)
    expect(b.server.received.length).toBe(3)
    expect(b.cx.lines).toEqual([])
    expect(b.cx.account('metrics').taken).toBe(2)
  })
})

test('no secret is in the log', async () => {
  const replies: Reply[] = [{ status: 503 }, 'reset', 'garbage', 'hang', { status: 401, body: 'no' }]
  const b = await open(() => replies.shift() ?? { status: 400 }, { headers: { Authorization: 'Basic c2VjcmV0', 'x-key': 'secret' } })
  await b.send(1, 2)
  await idle(b)
  expect(b.cx.lines.length).toBeGreaterThan(3)
  expect(JSON.stringify(b.cx.lines)).not.toMatch(/c2VjcmV0|secret/)
})

test('shutdown breaks off what hangs', async () => {
  const b = await open(() => 'hang')
  await b.send(1, 2)
  await until(b.cx.clock, () => b.server.received.length === 1)
  await b.exporter.shutdown?.(AbortSignal.abort())
  expect(b.dropped()).toEqual({ shutdown: 2 })
})

test('on a free line no time passes before a batch is delivered', async () => {
  const b = await open()
  const before = b.cx.clock.monotonic()
  await b.send(1)
  while (b.held() > 0) await settled(1)
  expect(b.cx.clock.monotonic()).toBe(before)
})

describe('through a proxy', () => {
  /** An HTTP proxy that keeps what it was asked, and lets in who has the password. */
  async function startProxy() {
    const asked: string[] = []
    const lets = (request: IncomingMessage) =>
      request.headers['proxy-authorization'] === `Basic ${Buffer.from('me:s3 cret').toString('base64')}`
    const proxy = createServer((request, response) => {
      asked.push(`${request.method} ${request.url}`)
      if (!lets(request)) return void response.writeHead(407).end()
      const { host, 'proxy-authorization': _, ...headers } = request.headers
      const sent = httpRequest(request.url!, { method: request.method, headers: { ...headers, host } }, answer => {
        response.writeHead(answer.statusCode!, answer.headers)
        answer.pipe(response)
      })
      request.pipe(sent)
    })
    proxy.on('connect', (request, socket: Socket) => {
      asked.push(`${request.method} ${request.url}`)
      if (!lets(request)) return void socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n')
      const [host, port] = request.url!.split(':')
      const out = connect(Number(port), host, () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n')
        out.pipe(socket).pipe(out)
      })
      for (const end of [socket, out]) end.on('error', () => {})
    })
    await new Promise<void>(resolve => proxy.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => {
      proxy.closeAllConnections()
      proxy.close()
    })
    return { asked, host: `127.0.0.1:${(proxy.address() as AddressInfo).port}` }
  }

  test('a plain request names the whole address', async () => {
    const proxy = await startProxy()
    const b = await open(undefined, { proxy_url: `http://me:s3%20cret@${proxy.host}` })
    await b.send(1)
    await idle(b)
    expect(b.server.received.length).toBe(1)
    expect(proxy.asked).toEqual([`POST ${b.server.url}/v1/metrics`])
  })
  test('an encrypted one goes through a tunnel, which is kept', async () => {
    const proxy = await startProxy()
    const authority = createAuthority()
    const { cert, key } = authority.issue('localhost')
    const tls = { ca_pem: authority.cert }
    const b = await open(undefined, { proxy_url: `http://me:s3%20cret@${proxy.host}`, tls }, {}, 'metrics', { cert, key })
    await b.send(1)
    await idle(b)
    await b.send(2)
    await idle(b)
    expect(b.server.received.length).toBe(2)
    expect(proxy.asked).toEqual([`CONNECT ${new URL(b.server.url).host}`])
  })
  test.each([{}, createAuthority().issue('localhost')])('who is not let in is told so', async tls => {
    const proxy = await startProxy()
    const b = await open(undefined, { proxy_url: `http://${proxy.host}` }, {}, 'metrics', 'cert' in tls ? tls : undefined)
    await b.send(1)
    await until(b.cx.clock, () => b.cx.lines.length > 0)
    expect(JSON.stringify(b.cx.lines[0])).toMatch(/407/)
    expect(b.server.received.length).toBe(0)
  })
})

describe('TLS', () => {
  const authority = createAuthority()
  const own = authority.issue('localhost')
  const files = { read: async (path: string) => Buffer.from(path === 'ca.pem' ? authority.cert : createAuthority().cert) }
  const listening = { cert: own.cert, key: own.key }
  const overTls = (tls: object, server: object = listening) => open(undefined, { tls }, { files }, 'metrics', server)

  test('the authority that is given is trusted', async () => {
    const b = await overTls({ ca_file: 'ca.pem' })
    await b.send(1)
    await idle(b)
    expect(b.server.received.length).toBe(1)
  })
  test.each([
    ['another one is not', { ca_file: 'other.pem' }],
    ['none is', {}],
    ['another name is not', { ca_file: 'ca.pem', server_name_override: 'elsewhere.example' }],
  ])('%s', async (_, tls) => {
    const b = await overTls(tls)
    await b.send(1)
    await until(b.cx.clock, () => b.cx.lines.length > 0)
    expect(b.server.received.length).toBe(0)
    expect(b.cx.lines[0]?.fields['why']).toMatch(/certificate|altnames|self.signed|issuer/i)
    expect(b.held()).toBe(1)
  })
  test('files are read again where that is asked for, and connections that begin then use them', async () => {
    let trusted = createAuthority().cert
    const own = authority.issue('localhost')
    const world = { files: { read: async () => Buffer.from(trusted) } }
    const tls = { ca_file: 'ca.pem', reload_interval: '60s' }
    const b = await open(undefined, { tls, retry_on_failure: { initial_interval: '1s', max_interval: '1s' } }, world, 'metrics', {
      cert: own.cert,
      key: own.key,
    })
    await b.send(1)
    await until(b.cx.clock, () => b.cx.lines.length > 0)
    expect(b.server.received.length).toBe(0)
    trusted = authority.cert
    await b.cx.clock.advance(60_000)
    await idle(b)
    expect(b.server.received.length).toBe(1)
  })

  test('unless nothing is checked', async () => {
    const b = await overTls({ insecure_skip_verify: true })
    await b.send(1)
    await idle(b)
    expect(b.server.received.length).toBe(1)
  })
  test('both sides show who they are', async () => {
    const demanding = { ...listening, ca: authority.cert, requestCert: true, rejectUnauthorized: true }
    const me = authority.issue('me')
    const known = await overTls({ ca_file: 'ca.pem', cert_pem: me.cert, key_pem: me.key }, demanding)
    await known.send(1)
    await idle(known)
    expect(known.server.received.length).toBe(1)
    const unknown = await overTls({ ca_file: 'ca.pem' }, demanding)
    await unknown.send(1)
    await until(unknown.cx.clock, () => unknown.cx.lines.length > 0)
    expect(unknown.server.received.length).toBe(0)
  })
  test.each([
    [{ ca_file: 'gone.pem' }, 'exporters.otlp_http.tls.ca_file: cannot read "gone.pem": no such file'],
    [{ cert_pem: own.cert }, 'exporters.otlp_http.tls: has a certificate and no key'],
    [{ key_pem: own.key }, 'exporters.otlp_http.tls: has a key and no certificate'],
  ])('%j cannot start', async (tls, message) => {
    const starting = open(undefined, { tls }, {}, 'metrics', listening)
    await expect(starting).rejects.toThrow(StartError)
    await expect(starting).rejects.toThrow(message)
  })
})

describe('settings', () => {
  const problems = (settings: object) =>
    otlpHttp.config.safeParse(settings).error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
  const bad = 'must be an address such as "http://localhost:4318", with http:// or https:// and without user and password'
  test.each<[object, string[] | undefined]>([
    [{ endpoint: 'http://localhost:4318' }, undefined],
    [{ endpoint: 'https://[::1]:4318/base' }, undefined],
    [{ traces_endpoint: 'http://localhost:4318/x' }, undefined],
    [{}, [': needs an address: set endpoint, for example "http://localhost:4318"']],
    [{ endpoint: 'localhost:4318' }, [`endpoint: ${bad}`]],
    [{ endpoint: 'http://me:secret@localhost:4318' }, [`endpoint: ${bad}`]],
    [{ endpoint: 'http://a', compression: 'snappy' }, ['compression: not supported: nothing is compressed with Snappy']],
    [{ endpoint: 'http://a', compression_params: { level: 12 } }, ['compression_params.level: must be at most 9 with gzip and deflate']],
    [{ endpoint: 'http://a', compression: 'zstd', compression_params: { level: 12 } }, undefined],
    [{ endpoint: 'http://a', read_buffer_size: 1, compression: '', headers: [{ name: 'a', value: 'b' }] }, undefined],
    [{ endpoint: 'http://a', no_such: 1 }, [': Unrecognized key: "no_such"']],
  ])('%j', (settings, expected) => expect(problems(settings)).toEqual(expected))

  test('a signal without an address', () => {
    const create = otlpHttp.kind === 'exporter' ? otlpHttp.create.logs : undefined
    const config = otlpHttp.config.parse({ traces_endpoint: 'http://localhost:4318/x' })
    expect(() => create?.(testContext({ id: 'otlp_http/x' }), config)).toThrow(ConfigError)
    expect(() => create?.(testContext({ id: 'otlp_http/x' }), config)).toThrow(
      'exporters.otlp_http/x: has no address for logs\n  set endpoint or logs_endpoint',
    )
  })
})
