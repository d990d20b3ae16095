/** A real gRPC destination whose every answer a test chooses. */
import {
  createSecureServer,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import type { AddressInfo } from 'node:net'
import type { TlsOptions } from 'node:tls'
import { gunzipSync, gzipSync, zstdDecompressSync } from 'node:zlib'

export interface Received {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  /** the message, decompressed */
  readonly body: Buffer
}

/** hang: never · reset: the connection breaks · broken: the stream ends without a status · refuse: the stream is refused, the connection goes away */
export type Reply =
  | { code: number; message?: string; details?: Uint8Array; body?: Uint8Array; gzip?: boolean; alone?: boolean }
  | { http: number }
  | 'hang'
  | 'reset'
  | 'broken'
  | 'refuse'

export class GrpcServer {
  readonly received: Received[] = []
  reply: (received: Received) => Reply = () => ({ code: 0 })
  connections = 0
  pings = 0
  readonly #server: Http2Server
  readonly #sessions = new Set<ServerHttp2Session>()
  readonly #secure: boolean

  private constructor(tls: TlsOptions | undefined) {
    this.#secure = tls !== undefined
    this.#server = tls === undefined ? createServer() : createSecureServer({ ...tls, ALPNProtocols: ['h2'] })
    this.#server.on('session', session => {
      this.connections++
      this.#sessions.add(session)
      session.on('close', () => this.#sessions.delete(session))
      session.on('ping', () => this.pings++)
      session.on('error', () => {})
    })
    this.#server.on('sessionError', () => {})
    this.#server.on('stream', (stream, headers) => this.#take(stream, headers))
  }

  static async open(tls?: TlsOptions): Promise<GrpcServer> {
    const server = new GrpcServer(tls)
    await new Promise<void>(resolve => server.#server.listen(0, '127.0.0.1', resolve))
    return server
  }

  get endpoint(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }
  get url(): string {
    return `${this.#secure ? 'https' : 'http'}://${this.endpoint}`
  }

  goAway(): void {
    for (const session of this.#sessions) session.goaway(0)
  }

  async close(): Promise<void> {
    for (const session of this.#sessions) session.destroy()
    await new Promise(resolve => this.#server.close(resolve))
  }

  #take(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    const chunks: Buffer[] = []
    stream.on('error', () => {})
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.on('end', () => {
      const whole = Buffer.concat(chunks)
      if (whole.length < 5 || whole.readUInt32BE(1) !== whole.length - 5) throw new Error('the prefix is wrong')
      const message = whole.subarray(5)
      const body = whole[0] === 0 ? message : headers['grpc-encoding'] === 'zstd' ? zstdDecompressSync(message) : gunzipSync(message)
      const received = { path: String(headers[':path']), headers, body }
      this.received.push(received)
      answer(stream, this.reply(received))
    })
  }
}

function answer(stream: ServerHttp2Stream, reply: Reply): void {
  if (stream.destroyed || reply === 'hang') return
  if (reply === 'reset') return void stream.session?.destroy()
  if (reply === 'broken') return stream.close(2)
  if (reply === 'refuse') {
    const { session } = stream
    stream.close(7)
    return void setImmediate(() => session?.goaway(0))
  }
  if ('http' in reply) {
    stream.respond({ ':status': reply.http, 'content-type': 'text/html' })
    return void stream.end('<html>')
  }
  const status = {
    'grpc-status': String(reply.code),
    ...(reply.message === undefined ? {} : { 'grpc-message': encodeURIComponent(reply.message) }),
    ...(reply.details === undefined ? {} : { 'grpc-status-details-bin': Buffer.from(reply.details).toString('base64') }),
  }
  const head = { ':status': 200, 'content-type': 'application/grpc', ...(reply.gzip ? { 'grpc-encoding': 'gzip' } : {}) }
  if (reply.alone || reply.code !== 0) return void stream.respond({ ...head, ...status }, { endStream: true })
  stream.respond(head, { waitForTrailers: true })
  stream.on('wantTrailers', () => stream.sendTrailers(status))
  const plain = reply.body ?? new Uint8Array()
  const message = reply.gzip ? gzipSync(plain) : plain
  const prefix = Buffer.alloc(5)
  prefix[0] = reply.gzip ? 1 : 0
  prefix.writeUInt32BE(message.length, 1)
  stream.end(Buffer.concat([prefix, message]))
}
