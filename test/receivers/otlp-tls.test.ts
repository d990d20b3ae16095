import { once } from 'node:events'
import { connect } from 'node:http2'
import { type RequestOptions, request } from 'node:https'
import { connect as connectTcp } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { afterEach, describe, expect, test } from 'vitest'
import type { Consumers } from '../../src/component/component.ts'
import { createReader } from '../../src/otlp/reader.ts'
import factory, { type OtlpReceiver } from '../../src/receivers/otlp/index.ts'
import { createAuthority } from '../kit/certificates.ts'
import { testContext } from '../kit/context.ts'
import { rowsBody } from '../kit/rows.ts'

const authority = createAuthority()
const stranger = createAuthority('somebody else')
const server = authority.issue('localhost')
const client = authority.issue('lab')
const files: Readonly<Record<string, string>> = {
  'server.crt': server.cert,
  'server.key': server.key,
  'other.key': client.key,
  'ca.crt': authority.cert,
  'text.txt': 'hello',
}
const tls = { cert_file: 'server.crt', key_file: 'server.key' }
const running: OtlpReceiver[] = []
afterEach(() => Promise.all(running.splice(0).map(receiver => receiver.shutdown(AbortSignal.abort()))))

async function serve(protocol: 'http' | 'grpc', settings: object): Promise<string> {
  const read = (path: string) => {
    const text = files[path]
    const error = Object.assign(new Error(path), { code: path === 'locked.key' ? 'EACCES' : 'ENOENT' })
    return text === undefined ? Promise.reject(error) : Promise.resolve(Buffer.from(text))
  }
  const cx = testContext({ kind: 'receiver', id: 'otlp', reader: createReader(), files: { read } })
  const config = factory.config.parse({ protocols: { [protocol]: { endpoint: '127.0.0.1:0', tls: settings } } })
  const next = { metrics: { reserve() {}, consume: () => Promise.resolve() } } as Consumers
  const receiver = factory.create(cx, config, next) as OtlpReceiver
  running.push(receiver)
  await receiver.start()
  return receiver.endpoints[0]!
}

const body = rowsBody('metrics', [1])

function overHttp(url: string, options: RequestOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/x-protobuf' }
    const sent = request(`${url}/v1/metrics`, { method: 'POST', headers, agent: false, ...options }, response => {
      response.resume()
      resolve(response.statusCode!)
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

test.each(['http', 'grpc'] as const)('certificates over %s are read again, and a file that is gone changes nothing', async protocol => {
  const later = createAuthority('another authority')
  const { cert, key } = later.issue('localhost')
  const now: Record<string, string | undefined> = { 'server.crt': server.cert, 'server.key': server.key }
  const read = async (path: string) => {
    if (now[path] === undefined) throw Object.assign(new Error(path), { code: 'ENOENT' })
    return Buffer.from(now[path])
  }
  const cx = testContext({ kind: 'receiver', id: 'otlp', reader: createReader(), files: { read } })
  const settings = { endpoint: '127.0.0.1:0', tls: { ...tls, reload_interval: '10s' } }
  const next = { metrics: { reserve() {}, consume: () => Promise.resolve() } } as Consumers
  const receiver = factory.create(cx, factory.config.parse({ protocols: { [protocol]: settings } }), next) as OtlpReceiver
  running.push(receiver)
  await receiver.start()
  const trusts = async (ca: string) => {
    const { port } = new URL(receiver.endpoints[0]!)
    const socket = connectTls({ host: '127.0.0.1', port: Number(port), ca, servername: 'localhost', ALPNProtocols: ['h2', 'http/1.1'] })
    return once(socket, 'secureConnect').then(
      () => Boolean(socket.destroy()),
      () => false,
    )
  }
  expect([await trusts(authority.cert), await trusts(later.cert)]).toEqual([true, false])
  now['server.crt'] = undefined
  await cx.clock.advance(10_000)
  expect(await trusts(authority.cert)).toBe(true)
  expect(cx.lines.map(({ message }) => message)).toEqual(['certificates could not be read again, the old ones stay'])
  Object.assign(now, { 'server.crt': cert, 'server.key': key })
  await cx.clock.advance(10_000)
  expect([await trusts(authority.cert), await trusts(later.cert)]).toEqual([false, true])
  await receiver.shutdown(AbortSignal.abort())
  expect(cx.clock.pending).toBe(0)
})

test('certificates as text, one cipher suite and two curves', async () => {
  const settings = { cert_pem: server.cert, key_pem: server.key, max_version: '1.2', curve_preferences: ['P384', 'P256'] }
  const url = await serve('http', { ...settings, cipher_suites: ['TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384'] })
  const ca = authority.cert
  expect(await overHttp(url, { ca })).toBe(200)
  expect(await overHttp(url, { ca, ciphers: 'ECDHE-ECDSA-AES256-GCM-SHA384', ecdhCurve: 'secp384r1:prime256v1' })).toBe(200)
  await expect(overHttp(url, { ca, ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' })).rejects.toThrow()
  await expect(overHttp(url, { ca, ecdhCurve: 'X25519' })).rejects.toThrow()
})

async function overGrpc(url: string, options: object): Promise<number> {
  const session = connect(url, options)
  try {
    session.on('error', () => {})
    const stream = session.request({
      ':method': 'POST',
      ':path': '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export',
      'content-type': 'application/grpc',
    })
    const prefix = Buffer.alloc(5)
    prefix.writeUInt32BE(body.length, 1)
    stream.end(Buffer.concat([prefix, body]))
    stream.resume()
    let code: number | undefined
    stream.on('trailers', trailers => (code = Number(trailers['grpc-status'])))
    await once(stream, 'close')
    if (code === undefined) throw new Error('closed without an answer')
    return code
  } finally {
    session.destroy()
  }
}

describe.each([
  ['http', overHttp, 200],
  ['grpc', overGrpc, 0],
] as const)('%s', (protocol, send, good) => {
  test('who trusts the authority gets through, who does not does not', async () => {
    const url = await serve(protocol, tls)
    expect(url).toMatch(/^https:/)
    expect(await send(url, { ca: authority.cert })).toBe(good)
    await expect(send(url, { ca: stranger.cert })).rejects.toThrow()
  })

  test('mutual: only a certificate that the authority signed opens', async () => {
    const url = await serve(protocol, { ...tls, client_ca_file: 'ca.crt' })
    expect(await send(url, { ca: authority.cert, ...client })).toBe(good)
    await expect(send(url, { ca: authority.cert })).rejects.toThrow()
    await expect(send(url, { ca: authority.cert, ...stranger.issue('lab') })).rejects.toThrow()
    await expect(send(url, { ca: authority.cert, ...authority.issue('lab', -1) })).rejects.toThrow()
  })

  test('versions outside the range are refused', async () => {
    const url = await serve(protocol, { ...tls, min_version: '1.3' })
    expect(await send(url, { ca: authority.cert, minVersion: 'TLSv1.3' })).toBe(good)
    await expect(send(url, { ca: authority.cert, maxVersion: 'TLSv1.2' })).rejects.toThrow()
  })

  test('a connection that never shakes hands does not hold up a shutdown', async () => {
    const url = await serve(protocol, tls)
    const socket = connectTcp(Number(new URL(url).port), '127.0.0.1')
    socket.on('error', () => {})
    await once(socket, 'connect')
    await running[0]!.shutdown(AbortSignal.timeout(50))
  })

  const where = `receivers.otlp.protocols.${protocol}.tls`
  test.each<[string, object, string]>([
    ['missing', { cert_file: 'gone.crt' }, `${where}.cert_file: cannot read "gone.crt": there is no such file`],
    ['unreadable', { key_file: 'locked.key' }, `${where}.key_file: cannot read "locked.key": no permission to read it`],
    ['no certificate', { cert_file: 'text.txt' }, `${where}.cert_file: "text.txt" is not a certificate in PEM`],
    ['no key', { key_file: 'text.txt' }, `${where}.key_file: "text.txt" is not a private key in PEM`],
    ['a key of another', { key_file: 'other.key' }, `${where}.key_file: "other.key" is not the key of that certificate`],
    ['no authority', { client_ca_file: 'text.txt' }, `${where}.client_ca_file: "text.txt" is not a certificate in PEM`],
    [
      'versions upside down',
      { min_version: '1.3', max_version: '1.2' },
      `${where}.min_version: must not be above max_version 1.2, got 1.3`,
    ],
  ])('%s is said at start', async (_, change, message) => {
    await expect(serve(protocol, { ...tls, ...change })).rejects.toThrow(message)
  })
})
