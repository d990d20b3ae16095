/** Destinations over real sockets that fail in every way that does not refuse rows for good, and keep what they said yes to. */
import { createServer as createHttp, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createHttp2, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import type { AddressInfo, Server } from 'node:net'
import { gunzipSync } from 'node:zlib'
import { snappyDecode } from '../../src/lib/snappy.ts'
import { type Signal, signals } from '../../src/model/signal.ts'
import { isPoisoned } from './poison.ts'
import { idsIn, idsOfSeries } from './rows.ts'

/** Failures that a destination allows itself. */
const mostFailures = 40

export abstract class Destination {
  /** of what was said yes to */
  readonly ids: Readonly<Record<Signal, number[]>> = { metrics: [], traces: [], logs: [] }
  readonly wrong: string[] = []
  /** [requests] answered before they had been read */
  early = 0
  #failures = 0
  readonly #random: () => number
  protected readonly server: Server

  constructor(random: () => number, server: Server) {
    this.#random = random
    this.server = server
  }

  async listen(): Promise<this> {
    await new Promise<void>(resolve => this.server.listen(0, '127.0.0.1', resolve))
    return this
  }
  get endpoint(): string {
    return `127.0.0.1:${(this.server.address() as AddressInfo).port}`
  }
  abstract close(): Promise<void>

  /** What goes wrong this time, if anything. */
  protected fault<F>(faults: readonly F[]): F | undefined {
    if (this.#failures >= mostFailures || this.#random() < 0.55) return undefined
    this.#failures++
    return faults[Math.floor(this.#random() * faults.length)]!
  }

  /** What has come of a request that will not be answered with yes. */
  protected look(chunk: Uint8Array): void {
    if (isPoisoned(chunk)) this.wrong.push('freed memory was sent')
  }

  /** @returns whether it has too many rows for this destination */
  protected take(path: string, body: Uint8Array, encoding: string | undefined, json: boolean, mostRows: number): boolean {
    try {
      const { signal, ids } = this.read(path, body, encoding, json)
      if (ids.length > mostRows) return true
      this.ids[signal].push(...ids)
    } catch (error) {
      this.wrong.push(String(error).slice(0, 400))
    }
    return false
  }

  protected read(path: string, body: Uint8Array, encoding: string | undefined, json: boolean): { signal: Signal; ids: number[] } {
    const signal = signals.find(
      one => path.toLowerCase().includes(`/v1/${one}`) || path.includes(`${one.replace(/s$/, '')}.v1.`) || path.includes(`${one}.v1.`),
    )!
    const bytes = encoding === 'gzip' ? gunzipSync(body) : body
    return { signal, ids: idsIn(signal, json ? JSON.parse(Buffer.from(bytes).toString()) : bytes) }
  }
}

const httpFaults = [
  '503',
  '503 early',
  '503 and unread',
  '503 early and gone',
  'half an answer early',
  'reset',
  'reset in the middle',
  'closed',
  'too large',
] as const

export class HttpDestination extends Destination {
  readonly #unread: IncomingMessage[] = []

  constructor(random: () => number) {
    super(
      random,
      createHttp((request, response) => this.#serve(request, response)),
    )
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const drawn = this.fault(httpFaults)
    // Of a small one nothing would be left to be read.
    const fault = drawn === '503 and unread' && Number(request.headers['content-length']) < 400_000 ? '503' : drawn
    const chunks: Buffer[] = []
    request.on('error', () => {})
    response.on('error', () => {})
    if (fault?.includes('early')) {
      this.early++
      response.writeHead(503, { 'content-length': 3 })
      if (fault === 'half an answer early') response.write('n')
      else response.end('now')
    }
    if (fault === '503 and unread') {
      // What is left of the request stays in the sender's memory until others have been taken.
      request.socket.write('HTTP/1.1 503 Not Now\r\nconnection: close\r\ncontent-length: 3\r\n\r\nnow')
      this.#unread.push(request)
    }
    request.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      this.look(chunk)
      if (fault === 'reset in the middle') request.socket.resetAndDestroy()
      if (fault === '503 early and gone') request.socket.destroy()
    })
    request.on('end', () => {
      if (fault === 'half an answer early') response.end('ow')
      if (fault === '503 and unread') return void request.socket.destroy()
      if (fault?.includes('early')) return
      if (fault === 'reset') return void request.socket.resetAndDestroy()
      if (fault === 'closed') return void request.socket.end()
      if (fault === '503') return void response.writeHead(503, { 'retry-after': '0' }).end()
      const { 'content-encoding': encoding, 'content-type': type } = request.headers
      const tooMany = this.take(
        request.url!,
        Buffer.concat(chunks),
        encoding,
        type === 'application/json',
        fault === 'too large' ? 9 : Number.POSITIVE_INFINITY,
      )
      response.writeHead(tooMany ? 413 : 200, { 'content-type': 'application/x-protobuf' }).end()
      if (!tooMany) this.#readOn()
    })
    if (fault === '503 and unread') request.pause()
  }

  /** When the sender has heard that others were taken, and has let go of them. */
  #readOn(): void {
    const unread = this.#unread.splice(0)
    const goOn = () => {
      for (const request of unread) request.resume()
    }
    setImmediate(() => setImmediate(() => setImmediate(goOn)))
  }

  async close(): Promise<void> {
    const server = this.server as ReturnType<typeof createHttp>
    server.closeAllConnections()
    await new Promise(resolve => server.close(resolve))
  }
}

/** Takes samples instead of OTLP. */
export class RemoteWriteDestination extends HttpDestination {
  readonly #version: 1 | 2

  constructor(random: () => number, version: 1 | 2) {
    super(random)
    this.#version = version
  }

  protected override read(_path: string, body: Uint8Array): { signal: Signal; ids: number[] } {
    return { signal: 'metrics', ids: idsOfSeries(snappyDecode(body, 2 ** 28), this.#version) }
  }
}

const grpcFaults = [
  'unavailable',
  'unavailable early',
  'status early and closed',
  'stream reset',
  'stream refused',
  'connection gone',
  'going away',
] as const

export class GrpcDestination extends Destination {
  readonly #sessions = new Set<ServerHttp2Session>()

  constructor(random: () => number) {
    const server = createHttp2()
    super(random, server)
    server.on('session', session => {
      this.#sessions.add(session)
      session.on('close', () => this.#sessions.delete(session))
      session.on('error', () => {})
    })
    server.on('sessionError', () => {})
    server.on('stream', (stream, headers) => this.#serve(stream, headers[':path'] ?? '', headers['grpc-encoding'] as string | undefined))
  }

  #serve(stream: ServerHttp2Stream, path: string, encoding: string | undefined): void {
    const fault = this.fault(grpcFaults)
    const chunks: Buffer[] = []
    stream.on('error', () => {})
    if (fault?.includes('early')) {
      this.early++
      status(stream, 14)
    }
    stream.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      this.look(chunk)
      if (fault === 'status early and closed') stream.close(0)
      if (fault === 'stream reset') stream.close(2)
      if (fault === 'stream refused') stream.close(7)
      if (fault === 'connection gone') stream.session?.destroy()
      if (fault === 'going away') stream.session?.goaway(0)
    })
    stream.on('end', () => {
      if (stream.destroyed || (fault !== undefined && fault !== 'unavailable' && fault !== 'going away')) return
      if (fault === 'unavailable') return status(stream, 14)
      const whole = Buffer.concat(chunks)
      this.take(path, whole.subarray(5), whole[0] === 1 ? encoding : undefined, false, Number.POSITIVE_INFINITY)
      status(stream, 0)
    })
  }

  async close(): Promise<void> {
    for (const session of this.#sessions) session.destroy()
    await new Promise(resolve => this.server.close(resolve))
  }
}

function status(stream: ServerHttp2Stream, code: number): void {
  const headers = { ':status': 200, 'content-type': 'application/grpc' }
  if (code !== 0) return stream.respond({ ...headers, 'grpc-status': String(code) }, { endStream: true })
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
  stream.respond(headers, { waitForTrailers: true })
  stream.end(Buffer.alloc(5))
}
