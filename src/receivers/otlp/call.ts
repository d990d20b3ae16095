/** One unary call over gRPC: one length-prefixed message in, one out, the status in the trailers. */
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import type { ShedReason } from '../../component/connections.ts'
import { Raw } from '../../model/raw.ts'
import { encodeResponse, encodeStatus, type PartialSuccess } from '../../otlp/status.ts'
import { inflated } from './body.ts'
import { type ContentEncoding, decompress } from './decompress.ts'
import type { Intake, Unfinished } from './door.ts'
import { type GrpcServer, NotGrpc } from './grpc.ts'
import { grpcCode, outOfMemory, Refusal, tooLarge, tooSlow, verdictOn } from './verdict.ts'

/** one byte: compressed or not; four: length, big-endian */
const prefixBytes = 5
const emptyMessage = Buffer.alloc(prefixBytes)
const encodings: Readonly<Record<string, ContentEncoding>> = { gzip: 'gzip', deflate: 'deflate', zstd: 'zstd' }

const okHeaders = { ':status': 200, 'content-type': 'application/grpc', 'grpc-accept-encoding': 'identity,gzip,deflate,zstd' }
const okTrailers = { 'grpc-status': '0' }
const trailersFollow = { waitForTrailers: true }

function sendOk(this: ServerHttp2Stream): void {
  this.sendTrailers(okTrailers)
}

export class Call implements Unfinished {
  readonly since: number
  readonly #server: GrpcServer
  readonly #intake: Intake
  readonly #stream: ServerHttp2Stream
  readonly #encoding: string | undefined
  #chunks: Uint8Array[] = []
  /** [bytes] gathered so far, prefix included */
  #size = 0
  /** [bytes] of the message, prefix excluded; -1 until the prefix is whole */
  #expected = -1
  #charged = 0
  #over = false

  constructor(server: GrpcServer, intake: Intake, stream: ServerHttp2Stream, headers: IncomingHttpHeaders) {
    this.#server = server
    this.since = server.door.clock.monotonic()
    this.#intake = intake
    this.#stream = stream
    this.#encoding = headers['grpc-encoding'] as string | undefined
  }

  begin(): void {
    this.#server.door.unfinished.add(this)
    this.#stream.on('data', this.#arrive)
    this.#stream.on('end', this.#complete)
    this.#stream.on('close', this.#closed)
  }

  readonly #arrive = (chunk: Uint8Array): void => {
    if (this.#over) return
    this.#size += chunk.length
    this.#chunks.push(chunk)
    this.#charge(chunk.length)
    if (this.#expected < 0 && this.#size >= prefixBytes) this.#expected = this.#messageLength()
    const { budget } = this.#server.door
    if (this.#expected > this.#server.maxMessageBytes) return this.#settle(tooLarge(this.#server.maxMessageBytes))
    if (budget.used > budget.hardBytes) return this.#settle(outOfMemory())
    if (this.#expected >= 0 && this.#size > prefixBytes + this.#expected) {
      this.#settle(new Refusal(400, grpcCode.unimplemented, 'a unary call has one message, got more'))
    }
  }

  #messageLength(): number {
    if (this.#chunks[0]!.length < prefixBytes) this.#chunks = [Buffer.concat(this.#chunks)]
    const first = this.#chunks[0]!
    return ((first[1]! << 24) | (first[2]! << 16) | (first[3]! << 8) | first[4]!) >>> 0
  }

  readonly #complete = (): void => {
    if (this.#over) return
    this.#server.door.unfinished.delete(this)
    if (this.#expected < 0 || this.#size < prefixBytes + this.#expected) {
      return this.#settle(new Refusal(400, this.#size === 0 ? grpcCode.unimplemented : grpcCode.internal, 'the message is cut off'))
    }
    const chunks = this.#chunks
    this.#chunks = []
    const flag = chunks[0]![0]!
    chunks[0] = chunks[0]!.subarray(prefixBytes)
    if (flag === 0) return this.#intake.offer(ownCopy(chunks), 'grpc', this.#settle)
    if (flag === 1) return this.#decompress(chunks)
    this.#settle(new Refusal(400, grpcCode.internal, `the compressed flag must be 0 or 1, got ${flag}`))
  }

  #decompress(chunks: readonly Uint8Array[]): void {
    const encoding = encodings[this.#encoding ?? '']
    if (encoding === undefined) {
      const code = this.#encoding === undefined || this.#encoding === 'identity' ? grpcCode.internal : grpcCode.unimplemented
      return this.#settle(new Refusal(400, code, `grpc-encoding ${JSON.stringify(this.#encoding ?? 'none')} is not taken`))
    }
    const body = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
    decompress(encoding, body, this.#server.maxMessageBytes, (problem, bytes) => {
      if (bytes === undefined) return this.#settle(problem)
      this.#charge(bytes.length)
      this.#intake.offer(inflated(bytes), 'grpc', this.#settle)
    })
  }

  cut(reason: ShedReason): void {
    this.#server.connections.countShed(reason)
    this.#settle(tooSlow())
  }

  #charge(bytes: number): void {
    this.#charged += bytes
    this.#server.door.budget.charge(bytes)
  }

  #end(): void {
    this.#over = true
    this.#server.door.unfinished.delete(this)
    this.#chunks = []
    this.#server.door.budget.refund(this.#charged)
    this.#charged = 0
  }

  /** Cancelled, or the connection broke, before the message was whole. What is under way downstream stays charged until it settles. */
  readonly #closed = (): void => {
    if (!this.#over && !this.#stream.readableEnded) this.#end()
  }

  readonly #settle = (problem: unknown, refused?: PartialSuccess): void => {
    if (this.#over) return
    this.#end()
    this.#server.answered(this.#stream.session)
    if (problem !== undefined) return refuseCall(this.#server, this.#stream, problem)
    const stream = this.#stream
    if (stream.destroyed || stream.closed) return
    stream.on('wantTrailers', sendOk)
    stream.respond(okHeaders, trailersFollow)
    stream.end(refused === undefined ? emptyMessage : framed(encodeResponse(this.#intake.signal, refused, 'protobuf')))
  }
}

function framed(message: Uint8Array): Buffer {
  const frame = Buffer.alloc(prefixBytes + message.length)
  frame.writeUInt32BE(message.length, 1)
  frame.set(message, prefixBytes)
  return frame
}

/** Headers and trailers in one frame, no message. */
export function refuseCall(server: GrpcServer, stream: ServerHttp2Stream, problem: unknown): void {
  if (stream.destroyed || stream.closed || stream.headersSent) return
  if (problem instanceof NotGrpc) {
    stream.respond({ ':status': 415 }, { endStream: true })
  } else {
    const { grpc, http, message, retryAfterMs } = verdictOn(problem)
    if (http === 500) server.door.log.error({ err: problem }, 'a call failed for a reason that is not its own')
    const details =
      retryAfterMs === undefined
        ? {}
        : { 'grpc-status-details-bin': Buffer.from(encodeStatus(grpc, message, 'protobuf', retryAfterMs)).toString('base64') }
    stream.respond(
      {
        ':status': 200,
        'content-type': 'application/grpc',
        'grpc-status': String(grpc),
        'grpc-message': percentEncode(message),
        ...details,
      },
      { endStream: true },
    )
  }
  // What still comes is let go; the sender is told to stop.
  stream.resume()
  stream.close(0)
}

/** As the protocol asks: printable ASCII but `%` stands for itself. */
function percentEncode(message: string): string {
  return Buffer.from(message)
    .toString('latin1')
    .replace(/[^\x20-\x24\x26-\x7e]/g, c => `%${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`)
}

/**
 * A segment of the connection holds frames of many calls, and would stay until the last of them is over. So a message is copied into a buffer
 * that is freed with it: cheaper than the collections of the whole heap that segments cost.
 */
const ownCopy = (chunks: readonly Uint8Array[]): Raw => Raw.copied(chunks)
