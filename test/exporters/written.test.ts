/**
 * What a destination is sent lies in memory that is freed as soon as the request is said to have been written. Here it is overwritten at that
 * moment: no byte of it may reach the destination afterwards, whenever that answers, and however it goes on.
 */
import { createSecureServer, createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2'
import { type AddressInfo, createServer as createTcp, type Server, type Socket } from 'node:net'
import { createServer as createTls } from 'node:tls'
import { describe, expect, onTestFinished, test } from 'vitest'
import { post } from '../../src/component/http-post.ts'
import { call, prefix } from '../../src/exporters/otlp_grpc/call.ts'
import { Connection } from '../../src/exporters/otlp_grpc/connection.ts'
import { GrpcDestination } from '../../src/exporters/otlp_grpc/destination.ts'
import otlpGrpc, { type OtlpGrpcSettings } from '../../src/exporters/otlp_grpc/index.ts'
import { HttpDestination } from '../../src/exporters/otlp_http/destination.ts'
import otlpHttp, { type OtlpHttpSettings } from '../../src/exporters/otlp_http/index.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { Raw } from '../../src/model/raw.ts'
import { createAuthority } from '../kit/certificates.ts'
import { testContext } from '../kit/context.ts'

const good = 0x11
const gone = 0xee
/** More than any socket takes at once. */
const size = 8 * 2 ** 20
const authority = createAuthority()
const certificate = authority.issue('localhost')
const never = new AbortController().signal

/** What has come of it, and whether something of it was overwritten. */
class Arrived {
  bytes = 0
  overwritten = false
  readonly ended = Promise.withResolvers<void>()
  take(chunk: Buffer): void {
    this.bytes += chunk.length
    this.overwritten ||= chunk.includes(Buffer.alloc(16, gone))
  }
}

function overwrite(chunks: readonly Uint8Array[]): void {
  for (const chunk of chunks) {
    chunk.fill(gone)
    ;(chunk.buffer as ArrayBuffer).transfer(0)
  }
}

const body = () => [good, good].map(byte => new Uint8Array(size / 2).fill(byte))

async function listening(server: Server | Http2Server): Promise<number> {
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return (server.address() as AddressInfo).port
}

const answer = (status: number, more = '') => `HTTP/1.1 ${status} Because\r\ncontent-length: 2\r\n${more}\r\nhi`
type Then = 'reads on' | 'reads on slowly' | 'ends' | 'resets' | 'destroys'

describe.each(['http:', 'https:'])('%s', protocol => {
  test.each<[after: number, text: string, then: Then, written: boolean | undefined]>([
    [size, answer(200), 'reads on', true],
    [0, answer(503), 'reads on', false],
    [0, answer(503), 'reads on slowly', false],
    [100_000, answer(413, 'connection: close\r\n'), 'reads on', false],
    [100_000, answer(413, 'connection: close\r\n'), 'ends', false],
    [100_000, answer(413, 'connection: close\r\n'), 'resets', false],
    [100_000, 'HTTP/1.1 503 No\r\ncontent-length: 9\r\n\r\nhi', 'destroys', undefined],
    [100_000, 'HTTP/1.1 503 No\r\ncontent-length: 9\r\n\r\nhi', 'resets', undefined],
    [1_000_000, answer(200), 'reads on slowly', false],
  ])('after %i bytes answers %j and %s', async (after, text, then, written) => {
    const arrived = new Arrived()
    const serve = (socket: Socket) => {
      let answered = false
      socket.on('error', () => {})
      socket.on('close', () => arrived.ended.resolve())
      socket.on('data', (chunk: Buffer) => {
        arrived.take(chunk)
        if (arrived.bytes > size) arrived.ended.resolve()
        if (answered || arrived.bytes < after) {
          if (answered && then === 'reads on slowly') {
            socket.pause()
            setImmediate(() => socket.resume())
          }
          return
        }
        answered = true
        socket.write(text, () => {
          if (then === 'ends') socket.end()
          if (then === 'resets') protocol === 'http:' ? socket.resetAndDestroy() : socket.destroy()
          if (then === 'destroys') socket.destroy()
        })
      })
    }
    const server = protocol === 'http:' ? createTcp(serve) : createTls(certificate, serve)
    const port = await listening(server)
    const chunks = body()
    const options = { protocol, host: '127.0.0.1', port, method: 'POST', ca: authority.cert, headers: { 'content-length': size } }
    const outcome = await post(options, chunks, 0, systemClock, never)
    const said = 'written' in outcome && outcome.written
    if (said) overwrite(chunks)
    if (written !== undefined) expect(said).toBe(written)
    await arrived.ended.promise
    expect(arrived.overwritten).toBe(false)
  })
})

describe.each(['http:', 'https:'])('gRPC over %s', protocol => {
  const status = { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '14' }
  const behaviours: Readonly<
    Record<string, readonly [after: number, then: (stream: ServerHttp2Stream) => void, written: boolean | undefined]>
  > = {
    'answers when all has come': [size, stream => stream.respond(status, { endStream: true }), true],
    'answers at once and reads on': [0, stream => stream.respond(status, { endStream: true }), undefined],
    'answers in the middle and closes without an error': [
      100_000,
      stream => {
        stream.respond(status, { endStream: true })
        stream.close(0)
      },
      false,
    ],
    'answers in the middle and cancels': [
      100_000,
      stream => {
        stream.respond(status, { endStream: true })
        stream.close(8)
      },
      false,
    ],
    'answers in the middle, and the connection is gone': [
      100_000,
      stream => {
        stream.respond(status, { endStream: true })
        setImmediate(() => stream.session?.destroy())
      },
      false,
    ],
    'answers with HTTP alone, in the middle': [
      100_000,
      stream => {
        stream.respond({ ':status': 503 }, { endStream: true })
        stream.close(0)
      },
      false,
    ],
  }
  test.each(Object.entries(behaviours))('%s', async (_, [after, then, written]) => {
    const arrived = new Arrived()
    // Another call shares the connection, and what was written of the first must not come in the place of its bytes.
    const beside = new Arrived()
    const settings = { settings: { initialWindowSize: 2 ** 20 } }
    const server = protocol === 'http:' ? createServer(settings) : createSecureServer({ ...certificate, ...settings })
    server.on('session', session => session.on('error', () => {}))
    server.on('sessionError', () => {})
    server.on('stream', (stream, headers) => {
      const into = headers[':path'] === '/beside' ? beside : arrived
      stream.on('error', () => {})
      stream.on('close', () => into.ended.resolve())
      let answered = false
      const look = () => {
        if (answered || into.bytes < (into === beside ? size : after)) return
        answered = true
        if (into === beside) stream.respond(status, { endStream: true })
        else then(stream)
      }
      stream.on('data', (chunk: Buffer) => {
        into.take(chunk)
        look()
      })
      look()
    })
    const port = await listening(server)
    const connection = new Connection(`${protocol}//127.0.0.1:${port}`, { ca: authority.cert }, systemClock, undefined)
    onTestFinished(() => connection.close())
    const send = async (path: string) => {
      const chunks = [prefix(false, size), ...body()]
      const outcome = await call(connection, { ':method': 'POST', ':path': path, te: 'trailers' }, chunks, 0, systemClock, never)
      const said = 'written' in outcome && outcome.written
      if (said) overwrite(chunks.slice(1))
      return said
    }
    const [said] = await Promise.all([send('/first'), send('/beside')])
    if (written !== undefined) expect(said).toBe(written)
    await Promise.all([arrived.ended.promise, beside.ended.promise])
    expect([arrived.overwritten, beside.overwritten]).toEqual([false, false])
  })
})

describe('a destination lets go of what was written, and of nothing else', () => {
  test.each([
    ['http', 'all of it'],
    ['http', 'nothing'],
    ['http', 'a part, and hangs up'],
    ['grpc', 'all of it'],
    ['grpc', 'nothing'],
    ['grpc', 'a part, and hangs up'],
  ] as const)('%s: of one that has read %s', async (protocol, read) => {
    const letsGo = read === 'all of it'
    const hangsUp = read === 'a part, and hangs up'
    const over = new AbortController()
    onTestFinished(() => over.abort())
    const serveHttp = (socket: Socket) => {
      let bytes = 0
      socket.on('error', () => {})
      over.signal.addEventListener('abort', () => socket.destroy())
      socket.on('data', chunk => {
        bytes += chunk.length
        if (hangsUp) return void socket.destroy()
        if (letsGo && bytes < size) return
        socket.write(answer(503))
        if (!letsGo) socket.pause()
      })
    }
    const serveGrpc = (stream: ServerHttp2Stream) => {
      const status = { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '14' }
      stream.on('error', () => {})
      over.signal.addEventListener('abort', () => stream.session?.destroy())
      if (hangsUp) stream.once('data', () => stream.session?.destroy())
      else if (letsGo) stream.resume().on('end', () => stream.respond(status, { endStream: true }))
      else {
        stream.respond(status, { endStream: true })
        stream.close(0)
      }
    }
    const server = protocol === 'http' ? createTcp(serveHttp) : createServer().on('stream', serveGrpc)
    const endpoint = `http://127.0.0.1:${await listening(server)}`
    const given = { endpoint, compression: 'none', ...(protocol === 'grpc' ? { tls: { insecure: true } } : {}) }
    const cx = testContext()
    const destination =
      protocol === 'http'
        ? new HttpDestination(cx, 'traces', otlpHttp.config.parse(given) as unknown as OtlpHttpSettings, new URL('/v1/traces', endpoint))
        : new GrpcDestination(cx, 'traces', otlpGrpc.config.parse(given) as unknown as OtlpGrpcSettings)
    await destination.open()
    onTestFinished(() => destination.close())
    const load = Raw.owning(body())
    load.retain()
    expect((await destination.send(load, never)).is).toBe('retryable')
    expect(load.chunks.length).toBe(2)
    load.release()
    if (letsGo) expect(() => load.chunks).toThrow('freed')
    else expect(load.chunks.length).toBe(2)
  })
})
