/** Every page that is served, asked by somebody who does not know HTTP: each request is answered or cut off, nothing is said to be a bug, and the next is served. */
import { connect } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { type App, start } from '../src/app.ts'
import { loadConfiguration } from '../src/component/config.ts'
import { systemClock } from '../src/lib/clock.ts'
import { components } from './components.ts'
import { seeded, testContext } from './kit/context.ts'

const cx = testContext()
let app: App | undefined
afterEach(async () => void (await app?.shutdown()))

const text = `
extensions: { health_check: { endpoint: "127.0.0.1:0" } }
receivers: { otlp: { protocols: { http: { endpoint: "127.0.0.1:0" } } } }
exporters: { prometheus: { endpoint: "127.0.0.1:0" } }
service:
  extensions: [health_check]
  api: { endpoint: "127.0.0.1:0" }
  telemetry: { metrics: { readers: [{ pull: { exporter: { prometheus: { host: 127.0.0.1, port: 0 } } } }] } }
  pipelines: { metrics: { receivers: [otlp], exporters: [prometheus] } }
`

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE', 'CONNECT', 'get', 'G E T', 'PRI', 'PATCH', '']
const paths = [
  '/',
  '/metrics',
  '/healthz',
  '/-/ready',
  '/-/reload',
  '/debug/ledger',
  '/debug/../../etc/passwd',
  '/%00',
  '/%',
  '//',
  '*',
  'http://[::1/x',
  'http://elsewhere/metrics',
  `/${'a'.repeat(20_000)}`,
  '/?\u00ff=\u0001',
  '/metrics?name[]=a&name[]=b',
  '/__proto__',
  '/constructor',
  '',
]
const headers = [
  'host: x',
  'accept: application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=NaN',
  `accept: ${'text/plain;q=1,'.repeat(900)}`,
  'accept: ;;;===,,,',
  'accept-encoding: gzip;q=-1, identity;q=1e999',
  'content-length: 5',
  'content-length: -1',
  'content-length: 99999999999999999999',
  'transfer-encoding: chunked',
  'transfer-encoding: gzip, chunked',
  'expect: 100-continue',
  'expect: miracles',
  'connection: upgrade\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQCAAAAAAIAAAAA',
  'connection: upgrade\r\nupgrade: websocket',
  'origin: https://a\r\naccess-control-request-method: X',
  'authorization: Basic %%%',
  'range: bytes=0-0,0-0,0-0',
  'x: \u0000',
  ': nameless',
  ' folded: x',
  'cookie: __proto__=1',
]
const bodies = ['', '5\r\nhello\r\n0\r\n\r\n', 'hello', '\0'.repeat(1000), 'ffffffffffffffff\r\n']

test.each([1, 2, 3, 4])('requests that nobody would send (seed %i)', async seed => {
  const random = seeded(seed * 104_729)
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)]!
  cx.lines.length = 0
  const world = {
    clock: systemClock,
    random,
    files: cx.files,
    disk: cx.disk,
    memory: () => ({ usedBytes: 0, limitBytes: 2 ** 34 }),
    log: () => cx.log,
    version: '0.0.0-test',
  }
  app = await start(loadConfiguration([{ name: 'test.yaml', text }], { env: {}, factories: components }), world)
  const places = app.listening.filter(({ url }) => url.startsWith('http')).map(({ url }) => new URL(url))
  expect(places.length).toBeGreaterThanOrEqual(5)
  for (let n = 0; n < 250; n++) {
    const wanted = Array.from({ length: Math.floor(random() * 4) }, () => pick(headers))
    const version = random() < 0.8 ? 'HTTP/1.1' : pick(['HTTP/1.0', 'HTTP/0.9', 'HTTP/2.0', 'HTTP/', ''])
    const request = `${pick(methods)} ${pick(paths)} ${version}\r\n${['host: x', ...wanted].join('\r\n')}\r\n\r\n${pick(bodies)}`
    const place = pick(places)
    const status = await fate(Number(place.port), Buffer.from(request, 'latin1'))
    expect(status, `${place.href}: ${JSON.stringify(request.slice(0, 500))}`).not.toBe(500)
  }
  expect(cx.lines.filter(({ level }) => level === 'error')).toEqual([])
  for (const place of places.filter(({ pathname }) => pathname.includes('metrics') || pathname.includes('health')))
    expect((await fetch(place)).status).toBe(200)
})

/** The status, or undefined for a connection that is cut off without one. */
function fate(port: number, bytes: Buffer): Promise<number | undefined> {
  return new Promise(resolve => {
    let seen = ''
    const socket = connect(port, '127.0.0.1')
    socket.on('data', chunk => (seen += chunk.toString('latin1')))
    socket.on('error', () => {})
    socket.on('close', () => resolve(Number(/HTTP\/1\.1 (\d+)/.exec(seen)?.[1]) || undefined))
    socket.end(bytes)
  })
}
