/** A real OTLP/HTTP destination whose every answer a test chooses. */
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TlsOptions } from 'node:tls'
import { gunzipSync, inflateSync, zstdDecompressSync } from 'node:zlib'
import { snappyDecode } from '../../src/lib/snappy.ts'

export interface Received {
  readonly path: string
  readonly headers: IncomingMessage['headers']
  /** as it was sent */
  readonly wire: Buffer
  /** decompressed */
  readonly body: Buffer
}

/** hang: never · reset: the connection breaks once the request has arrived · garbage: not HTTP */
export type Reply = { status: number; headers?: Record<string, string>; body?: Uint8Array | string } | 'hang' | 'reset' | 'garbage' | 'half'

export class HttpServer {
  readonly received: Received[] = []
  reply: (received: Received) => Reply = () => ({ status: 200 })
  connections = 0
  readonly #server: Server
  readonly #scheme: string

  private constructor(tls: TlsOptions | undefined) {
    const listener: RequestListener = (request, response) => {
      const chunks: Buffer[] = []
      request.on('data', chunk => chunks.push(chunk))
      request.on('error', () => {})
      request.on('end', () => {
        const wire = Buffer.concat(chunks)
        const received = {
          path: request.url ?? '',
          headers: request.headers,
          wire,
          body: decompress(wire, request.headers['content-encoding']),
        }
        this.received.push(received)
        const reply = this.reply(received)
        if (reply === 'hang') return
        if (reply === 'reset') return void request.socket.resetAndDestroy()
        if (reply === 'garbage') return void request.socket.end('this is not HTTP\r\n\r\n')
        if (reply === 'half') {
          response.writeHead(200, { 'content-length': '1000' }).write('x')
          return void setImmediate(() => request.socket.destroy())
        }
        response.writeHead(reply.status, { 'content-type': 'application/x-protobuf', ...reply.headers }).end(reply.body)
      })
    }
    this.#scheme = tls === undefined ? 'http' : 'https'
    this.#server = tls === undefined ? createServer(listener) : createSecureServer(tls, listener)
    this.#server.on(tls === undefined ? 'connection' : 'secureConnection', () => this.connections++)
  }

  static async open(tls?: TlsOptions): Promise<HttpServer> {
    const server = new HttpServer(tls)
    await new Promise<void>(resolve => server.#server.listen(0, '127.0.0.1', resolve))
    return server
  }

  get url(): string {
    return `${this.#scheme}://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  dropIdle(): void {
    this.#server.closeIdleConnections()
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise(resolve => this.#server.close(resolve))
  }
}

function decompress(wire: Buffer, encoding: string | undefined): Buffer {
  switch (encoding) {
    case undefined:
      return wire
    case 'gzip':
      return gunzipSync(wire)
    case 'deflate':
      return inflateSync(wire)
    case 'zstd':
      return zstdDecompressSync(wire)
    case 'snappy':
      return Buffer.from(snappyDecode(wire, 2 ** 26))
    default:
      throw new Error(`this test knows no ${encoding}`)
  }
}
