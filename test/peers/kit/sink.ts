/**
 * A destination that keeps what it is sent, byte for byte, over OTLP/HTTP and OTLP/gRPC, and misbehaves on request. It knows nothing of
 * OTLP but the paths and the frame of a gRPC message: it is no judge, the tests are.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createHttp2Server, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import type { AddressInfo, Server } from 'node:net'
import { gunzipSync, inflateSync, zstdDecompressSync } from 'node:zlib'
import { LOOPBACK } from './process.ts'
import { protobuf } from './protobuf.ts'
import type { Signal } from './rows.ts'

export interface Kept {
  readonly signal: Signal
  readonly over: 'http' | 'grpc'
  readonly headers: IncomingMessage['headers']
  /** decompressed */
  readonly body: Buffer
}
/**
 * `hang` never answers; `reset` ends the connection; a number is the HTTP status (over gRPC: UNAVAILABLE); `partial` keeps all and says that
 * it refused one row.
 */
export type Manner = 'ok' | 'hang' | 'reset' | 'partial' | number

const partialSuccess = protobuf([
  [
    1,
    'message',
    [
      [1, 'varint', 1n],
      [2, 'bytes', 'one row is not to our liking'],
    ],
  ],
])

const HTTP_PATHS: Readonly<Record<string, Signal>> = { '/v1/metrics': 'metrics', '/v1/traces': 'traces', '/v1/logs': 'logs' }
const GRPC_PATHS: Readonly<Record<string, Signal>> = {
  '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export': 'metrics',
  '/opentelemetry.proto.collector.trace.v1.TraceService/Export': 'traces',
  '/opentelemetry.proto.collector.logs.v1.LogsService/Export': 'logs',
}

export class Sink implements AsyncDisposable {
  /** What was answered with success. */
  readonly kept: Kept[] = []
  /** Requests that were refused, left hanging or cut off. */
  turnedAway = 0
  manner: Manner = 'ok'
  #http = createServer((request, response) => void this.#serve(request, response))
  #grpc = createHttp2Server()
  readonly #sessions = new Set<ServerHttp2Session>()

  static async start(ports: { http?: number; grpc?: number } = {}): Promise<Sink> {
    const sink = new Sink()
    sink.#grpc.on('session', session => {
      sink.#sessions.add(session)
      session.on('close', () => sink.#sessions.delete(session))
      session.on('error', () => {})
    })
    sink.#grpc.on('stream', (stream, headers) => void sink.#serveGrpc(stream, headers))
    await Promise.all([listen(sink.#http, ports.http), listen(sink.#grpc, ports.grpc)])
    return sink
  }

  get httpPort(): number {
    return (this.#http.address() as AddressInfo).port
  }
  get grpcPort(): number {
    return (this.#grpc.address() as AddressInfo).port
  }
  get httpUrl(): string {
    return `http://${LOOPBACK}:${this.httpPort}`
  }
  get grpcTarget(): string {
    return `${LOOPBACK}:${this.grpcPort}`
  }

  bodies(signal: Signal): Buffer[] {
    return this.kept.filter(k => k.signal === signal).map(k => k.body)
  }
  /** For a sink that was sent OTLP/JSON. */
  json(signal: Signal): unknown[] {
    return this.bodies(signal).map(body => JSON.parse(body.toString()))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const session of this.#sessions) session.destroy()
    this.#http.closeAllConnections()
    await Promise.all([new Promise(resolve => this.#http.close(resolve)), new Promise(resolve => this.#grpc.close(resolve))])
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    request.on('error', () => {})
    const signal = HTTP_PATHS[request.url ?? '']
    const body = await read(request)
    if (body === undefined) return
    if (signal === undefined) return void response.writeHead(404).end()
    const partial = this.manner === 'partial'
    if (partial) this.turnedAway++
    else if (this.manner !== 'ok') return this.#turnAway(request, response)
    this.kept.push({ signal, over: 'http', headers: request.headers, body: inflate(body, request.headers['content-encoding']) })
    const type = request.headers['content-type'] ?? 'application/x-protobuf'
    response.writeHead(200, { 'content-type': type }).end(partial ? partialSuccess : type.includes('json') ? '{}' : '')
  }

  #turnAway(request: IncomingMessage, response: ServerResponse): void {
    this.turnedAway++
    if (typeof this.manner === 'number') response.writeHead(this.manner).end()
    else if (this.manner === 'reset') request.socket.resetAndDestroy()
  }

  async #serveGrpc(stream: ServerHttp2Stream, headers: IncomingMessage['headers']): Promise<void> {
    stream.on('error', () => {})
    const signal = GRPC_PATHS[String(headers[':path' as keyof typeof headers])]
    const frame = await read(stream)
    if (frame === undefined) return
    const partial = this.manner === 'partial'
    if (signal === undefined || (this.manner !== 'ok' && !partial)) return this.#turnAwayGrpc(stream, signal)
    if (partial) this.turnedAway++
    const body = inflate(frame.subarray(5), frame[0] === 1 ? String(headers['grpc-encoding']) : undefined)
    this.kept.push({ signal, over: 'grpc', headers, body })
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
    stream.end(framed(partial ? partialSuccess : Buffer.alloc(0)))
  }

  #turnAwayGrpc(stream: ServerHttp2Stream, signal: Signal | undefined): void {
    this.turnedAway++
    if (this.manner === 'hang') return
    if (this.manner === 'reset') {
      stream.session?.destroy()
      return
    }
    stream.respond(
      { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': signal === undefined ? '12' : '14' },
      { endStream: true },
    )
  }
}

function framed(message: Buffer): Buffer {
  const head = Buffer.alloc(5)
  head.writeUInt32BE(message.length, 1)
  return Buffer.concat([head, message])
}

const listen = (server: Server, port = 0) => new Promise<void>(resolve => server.listen(port, LOOPBACK, () => resolve()))

/** Undefined when the sender went away. */
async function read(from: AsyncIterable<Buffer>): Promise<Buffer | undefined> {
  const chunks: Buffer[] = []
  try {
    for await (const chunk of from) chunks.push(chunk)
  } catch {
    return undefined
  }
  return Buffer.concat(chunks)
}

function inflate(body: Buffer, encoding: string | undefined): Buffer {
  if (encoding === 'gzip') return gunzipSync(body)
  if (encoding === 'zstd') return zstdDecompressSync(body)
  if (encoding === 'deflate') return inflateSync(body)
  return body
}
