/**
 * The way of most requests, without node:http's streams and events: a POST whose head came in one piece, is plain in every
 * respect, and says how long its body is. A connection that brings anything else goes to node:http for good, with the bytes
 * that were not understood, so nothing is decided here but what is certain.
 */
import { STATUS_CODES } from 'node:http'
import type { Server, Socket } from 'node:net'
import type { ShedReason } from '../../component/connections.ts'
import { type Clock, every } from '../../lib/clock.ts'
import { Raw } from '../../model/raw.ts'
import { type Encoding, encodeStatus, type PartialSuccess } from '../../otlp/status.ts'
import { type Form, offerBody } from './body.ts'
import { slowMs } from './door.ts'
import { contentType, partialSuccess, type Success, success } from './exchange.ts'
import type { HttpServer } from './http.ts'
import { outOfMemory, tooSlow, verdictOn } from './verdict.ts'

/** [bytes] a longer head is not plain */
const maxHeadBytes = 4096
/** [ms] how often connections are asked how long they have waited */
const sweepMs = 5000

export interface Patience {
  /** [ms] between requests */
  readonly idleMs: number
  /** [ms] for a whole request; 0: without end */
  readonly readMs: number
}

export class PlainRequests {
  readonly server: HttpServer
  readonly clock: Clock
  readonly #handOver: (socket: Socket) => void
  /** [ms] in each state; 0: without end */
  readonly #longest: Readonly<Record<State, number>>
  readonly #connections = new Set<Connection>()
  readonly #sweep: Disposable

  /** Comes before the listeners that `nodeServer` has. */
  constructor(server: HttpServer, nodeServer: Server, clock: Clock, patience: Patience) {
    this.server = server
    this.clock = clock
    this.#longest = { idle: patience.idleMs, reading: patience.readMs, offered: 0, unread: patience.idleMs, over: patience.idleMs }
    const listeners = nodeServer.listeners('connection')
    nodeServer.removeAllListeners('connection')
    this.#handOver = socket => {
      for (const listener of listeners) listener.call(nodeServer, socket)
    }
    nodeServer.on('connection', (socket: Socket) => this.#connections.add(new Connection(this, socket)))
    this.#sweep = every(clock, sweepMs, () => this.#destroyTheLate())
  }

  /** No request begins any more. */
  drain(): void {
    this.#sweep[Symbol.dispose]()
    for (const connection of this.#connections) connection.drain()
  }

  closed(connection: Connection): void {
    this.#connections.delete(connection)
  }

  handOver(connection: Connection, socket: Socket, bytes: Uint8Array): void {
    this.#connections.delete(connection)
    this.#handOver(socket)
    socket.unshift(bytes)
  }

  #destroyTheLate(): void {
    const now = this.clock.monotonic()
    const short = this.server.door.budget.exceeded
    for (const connection of this.#connections) {
      const most = this.#longest[connection.is]
      if (most > 0 && now - connection.since > most) connection.late()
      else if (short && connection.is === 'reading' && now - connection.since > slowMs) connection.cut('slow')
    }
  }
}

/** `unread`: answers wait to be read before the next request is looked at. `over`: answered for the last time; what still comes is let go. */
type State = 'idle' | 'reading' | 'offered' | 'unread' | 'over'

class Connection {
  is: State = 'idle'
  /** [ms] monotonic: since when it is that */
  since: number
  readonly #plain: PlainRequests
  readonly #socket: Socket
  /** the head of the last request, and what it came to: a sender's heads hardly differ */
  #head = ''
  #parsed: PlainHead | undefined
  #chunks: Uint8Array[] = []
  /** nobody else has a part of the buffers in which the request came */
  #alone = true
  /** [bytes] of the body that have not come yet */
  #missing = 0
  #charged = 0
  /** what came after the request that is under way */
  #later: Uint8Array[] = []
  #senderEnded = false

  constructor(plain: PlainRequests, socket: Socket) {
    this.#plain = plain
    this.#socket = socket
    this.since = plain.clock.monotonic()
    socket.setNoDelay(true)
    socket.on('data', this.#arrive)
    socket.on('end', this.#ended)
    socket.on('close', this.#closed)
    socket.on('error', ignore)
  }

  /** Longer in one state than it may be. Who was served before and asks nothing more has done no wrong. */
  late(): void {
    const { connections } = this.#plain.server
    if (this.is === 'reading') this.cut('timeout')
    else if (this.is !== 'unread' && (this.is === 'over' || connections.wasServed(this.#socket))) this.#socket.destroy()
    else connections.shed(this.#socket, 'timeout')
  }

  /** What has come of the body is forgotten. */
  cut(reason: ShedReason): void {
    this.#plain.server.connections.countShed(reason)
    this.#settle(tooSlow())
    this.#socket.destroySoon()
  }

  drain(): void {
    if (this.is === 'idle') this.#socket.end()
  }

  readonly #arrive = (chunk: Buffer): void => {
    if (this.is === 'reading') return this.#gather(chunk)
    if (this.is === 'idle') return this.#begin(chunk, true)
    if (this.is === 'over') return
    this.#later.push(chunk)
    this.#socket.pause()
  }

  #begin(bytes: Buffer, alone: boolean): void {
    const { server } = this.#plain
    const end = bytes.indexOf('\r\n\r\n')
    if (end < 0 || end > maxHeadBytes || server.door.draining || server.door.budget.exceeded) return this.#handOver(bytes)
    const head = bytes.toString('latin1', 0, end)
    if (head !== this.#head) {
      this.#head = head
      this.#parsed = parseHead(head, server)
    }
    if (this.#parsed === undefined) return this.#handOver(bytes)
    this.is = 'reading'
    this.since = this.#plain.clock.monotonic()
    this.#alone = alone
    this.#missing = this.#parsed.length
    this.#gather(bytes.subarray(end + 4))
  }

  #gather(bytes: Buffer): void {
    const mine = bytes.length > this.#missing ? bytes.subarray(0, this.#missing) : bytes
    if (mine.length < bytes.length) {
      this.#later.push(bytes.subarray(mine.length))
      this.#alone = false
    }
    this.#charge(mine.length)
    this.#missing -= mine.length
    if (mine.length > 0) this.#chunks.push(mine)
    const { budget } = this.#plain.server.door
    if (this.#missing > 0) {
      // Half a body is not worth its memory; the sender is told, and its connection with it.
      if (budget.used > budget.hardBytes) this.#settle(outOfMemory())
      return
    }
    this.is = 'offered'
    const chunks = this.#chunks
    this.#chunks = []
    offerBody(this.#parsed!.form, this.#alone ? Raw.owning(chunks) : new Raw(chunks), this.#charge, this.#settle)
  }

  readonly #charge = (bytes: number): void => {
    this.#charged += bytes
    this.#plain.server.door.budget.charge(bytes)
  }

  #refund(): void {
    this.#chunks = []
    this.#plain.server.door.budget.refund(this.#charged)
    this.#charged = 0
  }

  readonly #settle = (problem: unknown, refused?: PartialSuccess): void => {
    this.#refund()
    const { door } = this.#plain.server
    const { form } = this.#parsed!
    const last = door.draining || this.#missing > 0
    this.#plain.server.connections.served(this.#socket)
    if (problem !== undefined) this.#socket.write(refusal(this.#plain.server, problem, form.encoding, last))
    else if (refused === undefined && !last) this.#socket.write(plainSuccess[form.encoding], 'latin1')
    else this.#socket.write(written('200 OK', refused === undefined ? success[form.encoding] : partialSuccess(form, refused), last))
    this.is = last ? 'over' : 'idle'
    this.since = this.#plain.clock.monotonic()
    if (last) return void this.#socket.end()
    if (this.#later.length > 0) this.#goOn()
    else if (this.#senderEnded) this.#socket.end()
  }

  /** In a turn of its own, so that a thousand requests in one segment do not nest; and not before answers are read, or we would keep them all. */
  #goOn(): void {
    const unread = this.#socket.writableNeedDrain
    this.is = unread ? 'unread' : 'offered'
    if (unread) this.#socket.once('drain', this.#nextRequest)
    else setImmediate(this.#nextRequest)
  }

  readonly #nextRequest = (): void => {
    this.is = 'idle'
    if (this.#socket.destroyed) return
    const later = this.#later.length === 1 ? (this.#later[0] as Buffer) : Buffer.concat(this.#later)
    this.#later = []
    this.#begin(later, false)
    // A segment may hold hundreds of requests: the next one is taken when all of them were begun.
    if (this.#later.length === 0) this.#socket.resume()
    if (this.#senderEnded && (this.is as State) === 'reading') this.#socket.end(cutOff)
  }

  #handOver(bytes: Buffer): void {
    this.#socket.off('data', this.#arrive)
    this.#socket.off('end', this.#ended)
    this.#socket.off('close', this.#closed)
    this.#socket.off('error', ignore)
    this.#plain.handOver(this, this.#socket, bytes)
  }

  /** Nothing more will come; what is under way is still answered. */
  readonly #ended = (): void => {
    this.#senderEnded = true
    if (this.is === 'reading') this.#socket.write(cutOff)
    if (this.is !== 'offered' && this.is !== 'unread') this.#socket.end()
  }

  /** What is under way downstream stays charged until it settles. */
  readonly #closed = (): void => {
    this.#plain.closed(this)
    if (this.is !== 'offered') this.#refund()
  }
}

interface PlainHead {
  readonly form: Form
  /** [bytes] of the body */
  readonly length: number
}

/** Names that mean what they say, or nothing here. Everything else about a header makes a request not plain. */
const header = /^([A-Za-z0-9-]+):[ \t]*([\x20-\x7e\x80-\xff]*)$/
const notPlain = new Set(['transfer-encoding', 'expect', 'upgrade', 'te', 'trailer', 'origin', 'keep-alive', 'proxy-connection'])
const once = new Set(['host', 'content-length', 'content-type', 'content-encoding', 'connection'])

/** @returns undefined where node:http shall decide */
export function parseHead(head: string, server: Pick<HttpServer, 'formOf' | 'maxBodyBytes'>): PlainHead | undefined {
  const [first, ...lines] = head.split('\r\n')
  const [, path] = /^POST (\/[!-~]*) HTTP\/1\.1$/.exec(first!) ?? []
  if (path === undefined) return undefined
  const known = new Map<string, string>()
  for (const line of lines) {
    const [, name, value] = header.exec(line) ?? []
    if (name === undefined || value === undefined) return undefined
    const lower = name.toLowerCase()
    if (notPlain.has(lower) || (once.has(lower) && known.has(lower))) return undefined
    known.set(lower, value.trimEnd())
  }
  const connection = known.get('connection')
  if (!known.has('host') || (connection !== undefined && connection.toLowerCase() !== 'keep-alive')) return undefined
  const length = /^\d{1,10}$/.test(known.get('content-length') ?? '') ? Number(known.get('content-length')) : Number.POSITIVE_INFINITY
  if (length > server.maxBodyBytes) return undefined
  const form = server.formOf(path, known.get('content-type'), known.get('content-encoding'))
  return form && { form, length }
}

const plainSuccess: Readonly<Record<Encoding, string>> = {
  protobuf: written('200 OK', success.protobuf, false).toString('latin1'),
  json: written('200 OK', success.json, false).toString('latin1'),
}

function refusal(server: HttpServer, problem: unknown, encoding: Encoding, last: boolean): Buffer {
  const { http, grpc, message, retryAfterMs } = verdictOn(problem)
  if (http === 500) server.door.log.error({ err: problem }, 'a request failed for a reason that is not its own')
  const body = encodeStatus(grpc, message, encoding, retryAfterMs)
  const headers = ['content-type', contentType[encoding], 'content-length', String(body.length)]
  if (retryAfterMs !== undefined) headers.push('retry-after', String(Math.max(1, Math.ceil(retryAfterMs / 1000))))
  return written(`${http} ${STATUS_CODES[http]}`, { headers, body }, last)
}

function written(status: string, { headers, body }: Success, last: boolean): Buffer {
  let head = `HTTP/1.1 ${status}\r\n`
  for (let i = 0; i < headers.length; i += 2) head += `${headers[i]}: ${headers[i + 1]}\r\n`
  head += last ? 'connection: close\r\n\r\n' : '\r\n'
  return body === undefined ? Buffer.from(head, 'latin1') : Buffer.concat([Buffer.from(head, 'latin1'), body])
}

/** What node:http says to a body that ends too soon. */
const cutOff = 'HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n'

function ignore(): void {}
