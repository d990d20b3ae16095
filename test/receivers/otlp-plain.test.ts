/** What the fast path takes, what it leaves to node:http, and that nobody can tell which it was. */
import { once } from 'node:events'
import { connect } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import type { Consumers } from '../../src/component/component.ts'
import { PermanentError } from '../../src/component/errors.ts'
import type { AnyBatch } from '../../src/model/batch.ts'
import { createReader } from '../../src/otlp/reader.ts'
import type { Form } from '../../src/receivers/otlp/body.ts'
import factory, { type OtlpReceiver } from '../../src/receivers/otlp/index.ts'
import { parseHead } from '../../src/receivers/otlp/plain.ts'
import { seeded, testContext } from '../kit/context.ts'
import { rowIds, rowsBody } from '../kit/rows.ts'

describe('a plain head', () => {
  const form = {} as Form
  const server = { formOf: (path: string) => (path === '/v1/metrics' ? form : undefined), maxBodyBytes: 1000 }
  const type = 'content-type: application/x-protobuf'
  const head = (...lines: string[]) => ['POST /v1/metrics HTTP/1.1', 'Host: x', type, ...lines].join('\r\n')

  test.each<[string, string]>([
    [
      'as SDKs send it',
      head('User-Agent: OTel/1.0 (x; y)', 'Content-Length: 7', 'Accept: */*', 'Connection: keep-alive', 'traceparent: 00-ab-cd-01'),
    ],
    ['spaces around values', head('content-length: \t7 ')],
  ])('%s', (_, text) => expect(parseHead(text, server)).toEqual({ form, length: 7 }))

  test.each<[string, string]>([
    ['GET', head('content-length: 7').replace('POST', 'GET')],
    ['HTTP/1.0', head('content-length: 7').replace('1.1', '1.0')],
    ['another path', head('content-length: 7').replace('/v1/metrics', '/v1/metrics?a')],
    ['no host', head('content-length: 7').replace('Host: x', 'A: x')],
    ['two hosts', head('content-length: 7', 'host: y')],
    ['no length', head()],
    ['two lengths', head('content-length: 7', 'Content-Length: 7')],
    ['a list of lengths', head('content-length: 7, 7')],
    ['a signed length', head('content-length: +7')],
    ['a length too large', head('content-length: 1001')],
    ['chunks', head('content-length: 7', 'Transfer-Encoding: chunked')],
    ['expectations', head('content-length: 7', 'expect: 100-continue')],
    ['an upgrade', head('content-length: 7', 'connection: upgrade', 'upgrade: h2c')],
    ['close', head('content-length: 7', 'connection: close')],
    ['a page of a browser', head('content-length: 7', 'origin: https://a')],
    ['a folded header', head('content-length: 7', 'a: b\r\n c')],
    ['a space before the colon', head('content-length : 7')],
    ['a bare line feed', head('content-length: 7', 'a: b\nhost: c')],
    ['a zero byte', head('content-length: 7', 'a: \0')],
    ['no colon', head('content-length: 7', 'abc')],
  ])('not plain: %s', (_, text) => expect(parseHead(text, server)).toBeUndefined())
})

const running: OtlpReceiver[] = []
afterEach(() => Promise.all(running.splice(0).map(receiver => receiver.shutdown(AbortSignal.abort()))))

async function serve(fast_path: boolean, consume: (batch: AnyBatch) => Promise<void> = () => Promise.resolve()) {
  const cx = testContext({ kind: 'receiver', id: 'otlp', reader: createReader() })
  const http = { endpoint: '127.0.0.1:0', fast_path, idle_timeout: '60s', read_timeout: '20s', max_request_body_size: 100_000 }
  const receiver = factory.create(cx, factory.config.parse({ protocols: { http } }), { metrics: { reserve() {}, consume } } as Consumers)
  await receiver.start?.()
  running.push(receiver as OtlpReceiver)
  return { cx, port: Number(new URL((receiver as OtlpReceiver).endpoints[0]!).port) }
}

const turn = () => new Promise(resolve => setImmediate(resolve))

describe('on one connection', () => {
  const post = (body: Uint8Array, extra = '') =>
    Buffer.concat([
      Buffer.from(
        `POST /v1/metrics HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\n${extra}content-length: ${body.length}\r\n\r\n`,
      ),
      body,
    ])
  const chunked = (body: Uint8Array) =>
    Buffer.concat([
      Buffer.from('POST /v1/metrics HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\ntransfer-encoding: chunked\r\n\r\n'),
      Buffer.from(`${body.length.toString(16)}\r\n`),
      body,
      Buffer.from('\r\n0\r\n\r\n'),
    ])

  /** Sends `bytes` cut at random; returns the status lines of the answers. */
  async function answers(port: number, bytes: Buffer, count: number, random: () => number): Promise<string[]> {
    const socket = connect(port, '127.0.0.1')
    socket.setNoDelay(true)
    let seen = ''
    const done = new Promise<void>(resolve => {
      socket.on('data', chunk => {
        seen += chunk.toString('latin1')
        if ((seen.match(/HTTP\/1\.1 \d+/g)?.length ?? 0) >= count) resolve()
      })
      socket.on('close', () => resolve())
    })
    for (let at = 0; at < bytes.length; ) {
      const to = at + 1 + Math.floor(random() ** 3 * 2000)
      socket.write(bytes.subarray(at, to))
      at = to
      await turn()
    }
    await done
    socket.destroy()
    return seen.match(/HTTP\/1\.1 \d+/g) ?? []
  }

  test.each([1, 2, 3, 4, 5, 6, 7, 8])('any mix, cut anywhere, is answered as node:http answers it (seed %i)', async seed => {
    const random = seeded(seed)
    const requests: Buffer[] = []
    for (let id = 1; id <= 30; id++) {
      const ids = Array.from({ length: 1 + Math.floor(random() ** 4 * 300) }, () => id)
      const body = random() < 0.1 ? Buffer.from('not protobuf') : rowsBody('metrics', ids)
      // Only the later half brings what the fast path leaves to node:http.
      const dice = id > 15 ? random() : 1
      requests.push(dice < 0.1 ? chunked(body) : dice < 0.2 ? post(body, 'origin: https://a\r\n') : post(body))
    }
    const outcomes = []
    for (const fast of [false, true]) {
      const ids: number[] = []
      const { cx, port } = await serve(fast, async batch => {
        if (rowIds(batch)[0]! % 7 === 0) throw new PermanentError('seven')
        ids.push(...rowIds(batch))
      })
      const got = await answers(port, Buffer.concat(requests), requests.length, seeded(seed + 100))
      expect(cx.ledger.imbalance).toBe(0)
      expect(cx.budget.used).toBe(0)
      outcomes.push({ got, ids })
    }
    expect(outcomes[1]).toEqual(outcomes[0])
    expect(outcomes[0]!.got.length).toBe(30)
  })

  /** The first status line that a connection gets for `bytes` and an end. (Node cuts off garbage after a request, we answer it too.) */
  async function fate(port: number, bytes: Uint8Array): Promise<string | undefined> {
    const socket = connect(port, '127.0.0.1')
    let seen = ''
    socket.on('data', chunk => (seen += chunk.toString('latin1')))
    socket.on('error', () => {})
    socket.end(bytes)
    if (!socket.closed) await once(socket, 'close').catch(() => {})
    return seen.match(/HTTP\/1\.1 \d+/)?.[0]
  }

  test.each([1, 2, 3, 4])('heads with faults are answered as node:http answers them (seed %i)', async seed => {
    const random = seeded(seed)
    const odd = [
      '\r',
      '\n',
      '\r\n',
      ' ',
      ':',
      '\0',
      'x',
      '0',
      '9',
      '-',
      ',',
      'Content-Length: 3\r\n',
      'Transfer-Encoding: chunked\r\n',
      '\t',
      '\x80',
    ]
    const body = rowsBody('metrics', [1])
    const accepted: number[] = []
    const servers = [await serve(false), await serve(true)]
    for (let i = 0; i < 60; i++) {
      const request = post(body, 'user-agent: x\r\naccept: */*\r\n')
      const at = Math.floor(random() * (request.length - body.length))
      const cut = random() < 0.5 ? 1 : 0
      const piece = Buffer.from(odd[Math.floor(random() * odd.length)]!, 'latin1')
      const faulty = Buffer.concat([request.subarray(0, at), piece, request.subarray(at + cut)])
      const [expected, got] = [await fate(servers[0]!.port, faulty), await fate(servers[1]!.port, faulty)]
      expect({ faulty: faulty.toString('latin1'), got }).toEqual({ faulty: faulty.toString('latin1'), got: expected })
    }
    for (const { cx } of servers) accepted.push(cx.account('metrics').accepted)
    expect(accepted[1]).toBe(accepted[0])
    expect(accepted[0]).toBeGreaterThan(0)
  })

  test.each([false, true])(
    'who sends request after request and reads no answer is not listened to without end (fast_path: %s)',
    async fast => {
      const { cx, port } = await serve(fast)
      const socket = connect(port, '127.0.0.1')
      socket.on('error', () => {})
      const many = Buffer.concat(Array.from({ length: 500 }, () => post(Buffer.alloc(0))))
      let sent = 0
      let stuck = 0
      for (; stuck < 500 && sent < 64 * 2 ** 20 && !socket.destroyed; await turn()) {
        if (socket.writableNeedDrain) stuck++
        else {
          stuck = 0
          sent += many.length
          socket.write(many)
        }
      }
      // What the kernel keeps for both sides is a few megabytes.
      expect(sent).toBeLessThan(32 * 2 ** 20)
      expect(cx.budget.used).toBe(0)
      socket.destroy()
    },
  )

  test('who keeps a connection and says nothing, or half, is let go in time', async () => {
    const { cx, port } = await serve(true)
    const idle = connect(port, '127.0.0.1')
    const half = connect(port, '127.0.0.1')
    for (const socket of [idle, half]) socket.on('error', () => {})
    let told = ''
    half.on('data', bytes => (told += bytes))
    half.write(post(Buffer.alloc(100)).subarray(0, 150))
    while (cx.budget.used === 0) await turn()
    await cx.clock.advance(15_000)
    expect(half.closed).toBe(false)
    await cx.clock.advance(10_000)
    if (!half.closed) await once(half, 'close')
    expect(told).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n/)
    expect(idle.closed).toBe(false)
    while (cx.budget.used > 0) await turn()
    await cx.clock.advance(45_000)
    if (!idle.closed) await once(idle, 'close')
  })
})
