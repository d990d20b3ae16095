/** One request over HTTP: its body is gathered, decompressed, offered, and answered. The hot path of the receiver. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ShedReason } from '../../component/connections.ts'
import { corsHeaders } from '../../component/cors.ts'
import { type Encoding, encodeResponse, encodeStatus, type PartialSuccess } from '../../otlp/status.ts'
import { arrived, type Form, offerBody } from './body.ts'
import type { Unfinished } from './door.ts'
import type { HttpServer } from './http.ts'
import { outOfMemory, tooLarge, tooSlow, verdictOn } from './verdict.ts'

export const contentType = { protobuf: 'application/x-protobuf', json: 'application/json' } as const satisfies Record<Encoding, string>

export interface Success {
  /** flat: name, value, name, value … written as it stands */
  readonly headers: string[]
  readonly body: Uint8Array | undefined
}
/** Full success is the same for all signals. */
export const success: Readonly<Record<Encoding, Success>> = {
  protobuf: { headers: ['content-type', contentType.protobuf, 'content-length', '0'], body: undefined },
  json: { headers: ['content-type', contentType.json, 'content-length', '2'], body: encodeResponse('metrics', undefined, 'json') },
}

export class Exchange implements Unfinished {
  readonly since: number
  readonly #server: HttpServer
  readonly #request: IncomingMessage
  readonly #response: ServerResponse
  readonly #form: Form
  #chunks: Uint8Array[] = []
  /** [bytes] of the body so far */
  #size = 0
  /** [bytes] charged to the budget */
  #charged = 0
  /** Answered, or given up by the sender: what still arrives is let go. */
  #over = false

  constructor(server: HttpServer, request: IncomingMessage, response: ServerResponse, form: Form) {
    this.#server = server
    this.since = server.door.clock.monotonic()
    this.#request = request
    this.#response = response
    this.#form = form
  }

  begin(): void {
    this.#server.door.unfinished.add(this)
    this.#request.on('data', this.#arrive)
    this.#request.on('end', this.#complete)
    this.#request.on('error', this.#abandoned)
  }

  readonly #arrive = (chunk: Uint8Array): void => {
    if (this.#over) return
    this.#size += chunk.length
    if (this.#size > this.#server.maxBodyBytes) return this.#settle(tooLarge(this.#server.maxBodyBytes))
    this.#charge(chunk.length)
    const { budget } = this.#server.door
    if (budget.used > budget.hardBytes) return this.#settle(outOfMemory())
    this.#chunks.push(chunk)
  }

  readonly #complete = (): void => {
    if (this.#over) return
    this.#server.door.unfinished.delete(this)
    const chunks = this.#chunks
    this.#chunks = []
    offerBody(this.#form, arrived(chunks), this.#charge, this.#settle)
  }

  /** The sender has gone before the body was whole. */
  readonly #abandoned = (): void => {
    if (!this.#request.complete) this.#end()
  }

  cut(reason: ShedReason): void {
    this.#server.connections.countShed(reason)
    this.#response.shouldKeepAlive = false
    this.#response.once('finish', () => this.#request.destroy())
    this.#settle(tooSlow())
  }

  readonly #charge = (bytes: number): void => {
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

  readonly #settle = (problem: unknown, refused?: PartialSuccess): void => {
    if (this.#over) return
    this.#end()
    if (problem !== undefined) return refuse(this.#server, this.#request, this.#response, problem, this.#form.encoding)
    if (this.#server.door.draining) this.#response.shouldKeepAlive = false
    this.#server.connections.served(this.#request.socket)
    const { headers, body } = refused === undefined ? success[this.#form.encoding] : partialSuccess(this.#form, refused)
    const { origin } = this.#request.headers
    const extra = origin === undefined || this.#server.cors === undefined ? undefined : corsHeaders(this.#server.cors, origin)
    this.#response.writeHead(200, extra === undefined ? headers : [...headers, ...extra])
    this.#response.end(body)
  }
}

export function partialSuccess({ intake, encoding }: Form, refused: PartialSuccess): Success {
  const body = encodeResponse(intake.signal, refused, encoding)
  return { headers: ['content-type', contentType[encoding], 'content-length', String(body.length)], body }
}

/** Answers with `google.rpc.Status` in the request's own encoding; in plain text where it has none that is known. */
export function refuse(
  server: HttpServer,
  request: IncomingMessage,
  response: ServerResponse,
  problem: unknown,
  encoding: Encoding | undefined,
): void {
  const { http, grpc, message, retryAfterMs } = verdictOn(problem)
  if (http === 500) server.door.log.error({ err: problem }, 'a request failed for a reason that is not its own')
  const body = encoding === undefined ? Buffer.from(`${message}\n`) : encodeStatus(grpc, message, encoding, retryAfterMs)
  const { origin } = request.headers
  const extra = origin === undefined || server.cors === undefined ? [] : corsHeaders(server.cors, origin)
  for (let i = 0; i < extra.length; i += 2) response.setHeader(extra[i]!, extra[i + 1]!)
  response.setHeader('content-type', encoding === undefined ? 'text/plain; charset=utf-8' : contentType[encoding])
  response.setHeader('content-length', body.length)
  if (retryAfterMs !== undefined) response.setHeader('retry-after', Math.max(1, Math.ceil(retryAfterMs / 1000)))
  if (http === 401) response.setHeader('www-authenticate', 'Bearer, Basic')
  if (server.door.draining) response.shouldKeepAlive = false
  response.statusCode = http
  response.end(body)
  letGo(server, request)
}

/**
 * What the sender has already begun to send is read and forgotten, since a connection that is cut while it sends loses the
 * answer. A body without end is cut off.
 */
function letGo({ connections, maxBodyBytes }: HttpServer, request: IncomingMessage): void {
  if (request.complete) return
  let left = maxBodyBytes + 2 ** 20
  request.on('data', (chunk: Uint8Array) => {
    left -= chunk.length
    if (left < 0 && !request.socket.destroyed) connections.shed(request.socket, 'too_large')
  })
  request.on('error', () => {})
}
