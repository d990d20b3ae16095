import { describe, expect, test } from 'vitest'
import type { Connection } from '../../src/exporters/otlp_grpc/connection.ts'
import { Connections } from '../../src/exporters/otlp_grpc/connections.ts'
import otlpGrpc from '../../src/exporters/otlp_grpc/index.ts'
import { signals } from '../../src/model/signal.ts'
import { protobufToJson } from '../../src/otlp/json.ts'
import { encodeResponse, encodeStatus } from '../../src/otlp/status.ts'
import { createAuthority } from '../kit/certificates.ts'
import { VirtualClock } from '../kit/clock.ts'
import { rowsBody } from '../kit/rows.ts'
import { GrpcServer, type Reply } from './grpc-server.ts'
import { benches, idle } from './otlp-bench.ts'
import { until } from './until.ts'

const open = benches(otlpGrpc, tls => GrpcServer.open(tls))
const onceThen = (first: Reply): (() => Reply) => {
  let sent = false
  return () => {
    if (sent) return { code: 0 }
    sent = true
    return first
  }
}

describe('calls', () => {
  test.each([
    ['metrics', '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export'],
    ['traces', '/opentelemetry.proto.collector.trace.v1.TraceService/Export'],
    ['logs', '/opentelemetry.proto.collector.logs.v1.LogsService/Export'],
  ] as const)('%s go to their own service, byte for byte', async (signal, path) => {
    const b = await open(undefined, { headers: { 'X-Tenant': 'blue' } }, {}, signal)
    const body = await b.send(1, 2, 3)
    await idle(b)
    const [call] = b.server.received
    expect(call?.path).toBe(path)
    expect(call?.body.equals(body)).toBe(true)
    expect(call?.headers).toMatchObject({
      ':method': 'POST',
      ':authority': b.server.endpoint,
      'content-type': 'application/grpc',
      te: 'trailers',
      'grpc-timeout': '5000m',
      'x-tenant': 'blue',
    })
    expect(call?.headers['grpc-encoding']).toBeUndefined()
  })

  test('batches that waited are one message, on one connection', async () => {
    const b = await open()
    const first = await b.send(1)
    await until(b.cx.clock, () => b.server.received.length === 1)
    const bodies = [first, ...(await Promise.all(Array.from({ length: 39 }, (_, i) => b.send(i + 2))))]
    await idle(b)
    expect(b.server.received.length).toBe(2)
    expect(Buffer.concat(b.server.received.map(({ body }) => body)).equals(Buffer.concat(bodies))).toBe(true)
    expect(b.server.connections).toBe(1)
  })

  test.each(['gzip', 'zstd'])('%s', async compression => {
    const b = await open(undefined, { compression })
    const small = await b.send(1, 2, 3)
    await idle(b)
    const large = await b.send(...Array.from({ length: 9000 }, (_, i) => i + 1))
    await idle(b)
    expect(b.server.received.map(({ body }) => body.equals(small))).toEqual([true, false])
    expect(b.server.received[1]?.body.equals(large)).toBe(true)
    expect(b.server.received[0]?.headers['grpc-encoding']).toBe(compression)
  })

  test('a message larger than any window arrives', async () => {
    const b = await open()
    const body = await b.send(...Array.from({ length: 60_000 }, (_, i) => i + 1))
    await idle(b)
    expect(b.server.received[0]?.body.equals(body)).toBe(true)
  })

  test('credentials come from the authenticator, afresh for each call', async () => {
    let count = 0
    const authenticators = { b: { check() {}, headers: () => ({ authorization: `Bearer ${++count}` }) } }
    const b = await open(undefined, { auth: { authenticator: 'b' } }, { authenticators })
    for (const id of [1, 2]) {
      await b.send(id)
      await idle(b)
    }
    expect(b.server.received.map(({ headers }) => headers['authorization'])).toEqual(['Bearer 1', 'Bearer 2'])
  })
})

describe('answers', () => {
  test.each<[string, Reply, number]>([
    ['CANCELLED', { code: 1 }, 0],
    ['DEADLINE_EXCEEDED', { code: 4 }, 1],
    ['ABORTED', { code: 10 }, 0],
    ['OUT_OF_RANGE', { code: 11 }, 0],
    ['UNAVAILABLE', { code: 14 }, 0],
    ['DATA_LOSS', { code: 15 }, 0],
    ['RESOURCE_EXHAUSTED with a time', { code: 8, details: encodeStatus(8, 'slow down', 'protobuf', 2000) }, 0],
    ['503 of a proxy', { http: 503 }, 0],
    ['a broken call', 'broken', 1],
    ['a broken connection', 'reset', 1],
  ])('%s is tried again', async (_, first, resent) => {
    const b = await open(onceThen(first))
    const body = await b.send(1)
    await idle(b)
    expect(b.server.received.map(received => received.body.equals(body))).toEqual([true, true])
    expect(b.dropped()).toEqual({})
    expect(b.cx.account('metrics').resent).toBe(resent)
    expect(b.cx.lines.map(({ level }) => level)).toEqual(['warn', 'info'])
  })

  test.each<[string, Reply, string, string]>([
    ['UNAUTHENTICATED', { code: 16, message: 'who are you?' }, 'permanent', 'UNAUTHENTICATED: who are you?'],
    ['PERMISSION_DENIED', { code: 7 }, 'permanent', 'PERMISSION_DENIED'],
    ['UNIMPLEMENTED', { code: 12, alone: true }, 'permanent', 'UNIMPLEMENTED'],
    ['RESOURCE_EXHAUSTED', { code: 8, message: 'quota' }, 'permanent', 'RESOURCE_EXHAUSTED: quota'],
    ['404 of something else', { http: 404 }, 'permanent', 'UNIMPLEMENTED'],
  ])('%s is dropped whole', async (_, reply, reason, why) => {
    const b = await open(() => reply)
    await b.send(1, 2)
    await idle(b)
    expect(b.server.received.length).toBe(1)
    expect(b.dropped()).toEqual({ [reason]: 2 })
    expect(b.cx.lines[0]?.fields['why']).toBe(why)
  })

  test('INVALID_ARGUMENT finds the culprit', async () => {
    const b = await open()
    b.server.reply = ({ body }) => {
      const bad = JSON.stringify(protobufToJson('metrics', body)).includes('"asDouble":13')
      return bad ? { code: 3, message: 'bad luck' } : { code: 0 }
    }
    await b.send(1)
    await Promise.all([b.send(10, 11, 12), b.send(13, 14, 15), b.send(16, 17)])
    await idle(b)
    expect(b.dropped()).toEqual({ rejected: 1 })
    expect(b.cx.account('metrics').taken).toBe(8)
  })

  test('a message over the limit is halved', async () => {
    const b = await open()
    const limit = rowsBody('metrics', [1, 2, 3]).length
    b.server.reply = ({ body }) =>
      body.length > limit ? { code: 8, message: `grpc: received message larger than max (${body.length} vs. ${limit})` } : { code: 0 }
    await b.send(1, 2, 3, 4, 5, 6, 7, 8)
    await idle(b)
    expect(b.dropped()).toEqual({})
    expect(b.cx.account('metrics').taken).toBe(8)
  })

  test.each([false, true])('what the destination left out is dropped (compressed: %s)', async gzip => {
    const body = encodeResponse('metrics', { rejected: 2, message: 'too old' }, 'protobuf')
    const b = await open(() => ({ code: 0, body, gzip }))
    await b.send(1, 2, 3)
    await idle(b)
    expect(b.dropped()).toEqual({ rejected: 2 })
    expect(b.cx.lines[0]?.fields['why']).toBe('partial success: too old')
  })

  test('garbage in the answer does not undo the yes', async () => {
    const b = await open(() => ({ code: 0, body: Buffer.from('what?') }))
    await b.send(1)
    await idle(b)
    expect(b.cx.account('metrics').taken).toBe(1)
  })

  test('RetryInfo is honoured', async () => {
    const b = await open(onceThen({ code: 14, details: encodeStatus(14, 'busy', 'protobuf', 25_000) }))
    await b.send(1)
    await until(b.cx.clock, () => b.cx.lines.length > 0)
    const from = b.cx.clock.monotonic()
    await idle(b)
    expect(b.cx.clock.monotonic() - from).toBeGreaterThanOrEqual(24_990)
  })

  test('silence ends after the time-out, and counts as a lost answer', async () => {
    const b = await open(onceThen('hang'))
    await b.send(1)
    await idle(b)
    expect(b.cx.lines[0]?.fields['why']).toBe('no answer within 5s')
    expect(b.cx.account('metrics').resent).toBe(1)
    expect(b.server.connections).toBe(1)
  })
})

describe('the connection', () => {
  test('nobody listening is tried again, and nothing was lost', async () => {
    const b = await open()
    await b.server.close()
    await b.send(1)
    await until(b.cx.clock, () => b.cx.lines.length > 0)
    expect(b.cx.lines[0]?.fields['why']).toContain('ECONNREFUSED')
    expect(b.held()).toBe(1)
    expect(b.cx.account('metrics').resent).toBe(0)
  })

  test('one that goes away is replaced, and no call is lost', async () => {
    const b = await open()
    await b.send(1)
    await idle(b)
    b.server.goAway()
    await until(b.cx.clock, () => true)
    await b.send(2)
    await idle(b)
    expect(b.server.connections).toBe(2)
    expect(b.server.received.length).toBe(2)
    expect(b.cx.lines).toEqual([])
  })

  test('a call that came too late for it is sent again', async () => {
    const b = await open(onceThen('refuse'))
    await b.send(1)
    await idle(b)
    expect(b.cx.account('metrics').taken).toBe(1)
    expect(b.server.received.length).toBe(2)
  })

  test('pings go out while a call is under way', async () => {
    const b = await open(onceThen('hang'), { timeout: '60s', keepalive: { time: '2s' } })
    await b.send(1)
    await until(b.cx.clock, () => b.server.pings >= 3)
    expect(b.server.received.length).toBe(1)
  })

  test('one that accepts and never speaks is given up', async () => {
    const { createServer } = await import('node:net')
    let connections = 0
    const mute = createServer(socket => {
      connections++
      socket.on('error', () => {})
      socket.resume()
    })
    await new Promise<void>(resolve => mute.listen(0, '127.0.0.1', resolve))
    const { port } = mute.address() as { port: number }
    const b = await open(undefined, { endpoint: `http://127.0.0.1:${port}` })
    await b.send(1)
    await until(b.cx.clock, () => connections >= 2)
    expect(b.held()).toBe(1)
    await b.exporter.shutdown?.(AbortSignal.abort())
    mute.close()
  })

  test('TLS, both sides showing who they are', async () => {
    const authority = createAuthority()
    const own = authority.issue('localhost')
    const me = authority.issue('me')
    const files = { read: async () => Buffer.from(authority.cert) }
    const tls = { cert: own.cert, key: own.key, ca: authority.cert, requestCert: true, rejectUnauthorized: true }
    const b = await open(undefined, { tls: { ca_file: 'ca.pem', cert_pem: me.cert, key_pem: me.key } }, { files }, 'metrics', tls)
    await b.send(1)
    await idle(b)
    expect(b.server.received.length).toBe(1)
    const distrusting = await open(undefined, {}, {}, 'metrics', tls)
    await distrusting.send(1)
    await until(distrusting.cx.clock, () => distrusting.cx.lines.length > 0)
    expect(distrusting.server.received.length).toBe(0)
  })

  test('files are read again where that is asked for, and connections that begin then use them', async () => {
    const authority = createAuthority()
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

  test.each(['http', 'https'])('shutdown breaks off a connection over %s that is not established', async scheme => {
    const { createServer } = await import('node:net')
    let connections = 0
    const mute = createServer(socket => {
      connections++
      socket.on('error', () => {})
      socket.resume()
    })
    await new Promise<void>(resolve => mute.listen(0, '127.0.0.1', resolve))
    const { port } = mute.address() as { port: number }
    const b = await open(undefined, { endpoint: `${scheme}://127.0.0.1:${port}` })
    await b.send(1)
    await until(b.cx.clock, () => connections === 1)
    await b.exporter.shutdown?.(AbortSignal.abort())
    expect(b.dropped()).toEqual({ shutdown: 1 })
    await new Promise(resolve => mute.close(resolve))
  })

  test('shutdown breaks off what hangs', async () => {
    const b = await open(() => 'hang')
    await b.send(1, 2)
    await until(b.cx.clock, () => b.server.received.length === 1)
    await b.exporter.shutdown?.(AbortSignal.abort())
    expect(b.dropped()).toEqual({ shutdown: 2 })
  })
})

describe('several addresses of one name', () => {
  const closed: string[] = []
  const made: string[] = []
  const fake = (address: string | undefined) => {
    made.push(String(address))
    const end = (how: string) => () => void closed.push(`${how} ${address}`)
    return { address, close: end('closed'), retire: end('retired') } as unknown as Connection
  }
  const turns = (connections: Connections, count: number) =>
    Array.from({ length: count }, () => (connections.next as unknown as { address: string }).address).toSorted()

  test('take turns, come and go; a name that cannot be asked changes nothing', async () => {
    const clock = new VirtualClock()
    let addresses: string[] | undefined = ['10.0.0.1', '10.0.0.2']
    const connections = new Connections('collector', fake, async () => addresses ?? Promise.reject(new Error('no such name')))
    await connections.spread(clock)
    expect([turns(connections, 4), closed]).toEqual([['10.0.0.1', '10.0.0.1', '10.0.0.2', '10.0.0.2'], ['retired undefined']])
    addresses = undefined
    await clock.advance(30_000)
    expect(turns(connections, 2)).toEqual(['10.0.0.1', '10.0.0.2'])
    addresses = ['10.0.0.2', '10.0.0.3', '10.0.0.3']
    await clock.advance(30_000)
    expect([turns(connections, 2), made]).toEqual([
      ['10.0.0.2', '10.0.0.3'],
      ['undefined', '10.0.0.1', '10.0.0.2', '10.0.0.3'],
    ])
    connections.close()
    expect([closed, clock.pending]).toEqual([['retired undefined', 'retired 10.0.0.1', 'closed 10.0.0.2', 'closed 10.0.0.3'], 0])
  })

  test('one that cannot be connected to is left out until the name is asked again', async () => {
    const clock = new VirtualClock()
    const connections = new Connections('collector', fake, async () => ['10.0.0.1', '10.0.0.2'])
    await connections.spread(clock)
    connections.next.broken = true
    expect(new Set(turns(connections, 4)).size).toBe(1)
    await clock.advance(30_000)
    expect(turns(connections, 2)).toEqual(['10.0.0.1', '10.0.0.2'])
    connections.close()
  })

  test('calls arrive over a connection to one of them', async () => {
    const b = await open(undefined, { balancer_name: 'round_robin' })
    expect(b.server.url).toContain('127.0.0.1')
    const named = b.server.url.replace('127.0.0.1', 'localhost')
    const c = await open(undefined, {
      endpoint: named,
      balancer_name: 'round_robin',
      retry_on_failure: { initial_interval: '1ms', max_interval: '1ms' },
    })
    await c.send(1)
    await idle(c)
    expect(b.server.received.length).toBe(1)
  })
})

describe('settings', () => {
  const problems = (settings: object) =>
    otlpGrpc.config.safeParse(settings).error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
  const bad = ['endpoint: must be "host:port", "http://host:port" or "https://host:port"']
  test.each<[object, string[] | undefined]>([
    [{ endpoint: 'localhost:4317' }, undefined],
    [{ endpoint: '[::1]:4317' }, undefined],
    [{ endpoint: 'https://collector.example:443' }, undefined],
    [{ endpoint: 'localhost' }, bad],
    [{ endpoint: 'http://localhost:4317/v1/traces' }, bad],
    [{ endpoint: 'http://me:secret@localhost:4317' }, bad],
    [{ endpoint: 'dns:///localhost:4317', balancer_name: 'pick_first' }, undefined],
    [{ endpoint: 'localhost:4317', balancer_name: 'round_robin' }, undefined],
  ])('%j', (settings, expected) => expect(problems(settings)).toEqual(expected))
})

test.each(signals)('%s are supported', signal => expect(otlpGrpc).toHaveProperty(['create', signal]))
