/**
 * Every connection of a listener, also one that has not got as far as a request: Node's own lists begin there. They are bounded in
 * number. When there is no room for the next, the one that has waited longest without having been served is closed, then the one that was
 * served longest ago: whoever opens connections and leaves them loses them first, and who sends is let in.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Server, Socket } from 'node:net'
import type { Meter, ObservableResult } from '@opentelemetry/api'
import { z } from 'zod'
import type { Clock } from '../lib/clock.ts'

/** An idle connection costs 3 to 9 KiB, with half a request up to 14 and over gRPC up to 48: so 8,192, and 4,096 over gRPC, are 100 to 200 MB. */
export const maxConnections = (most = 8192) =>
  z
    .number()
    .int()
    .min(1)
    .default(most)
    .describe(
      'The most connections at one time. For one more, the one that is closed has waited longest without a request, or else had its last one longest ago.',
    )

/** Requests that wait for one before them on their connection. No scraper or browser asks so; a flood of them keeps all others waiting. */
const maxPipelined = 16

/** Connections of all listeners of this thread together. */
const all = { open: 0, most: Number.POSITIVE_INFINITY, listeners: new Set<Connections>() }

/**
 * A process that has too many open files takes connections and drops them without a word, cannot reach destinations, and cannot read: so
 * connections leave some free.
 */
export function boundAllConnections(most: number): void {
  all.most = most
}

/** Of pages for people, scrapers and probes, who are few. */
export const pageConnections = 256

/** `full`: closed for the next · `timeout`: asked nothing in time, or not to its end · `slow`: too slow while memory is short · `too_large`: went on and on with a body that was refused · `protocol`: broke the protocol or its limits */
export type ShedReason = 'full' | 'timeout' | 'slow' | 'too_large' | 'protocol'

export interface ConnectionsOptions {
  /** what listens, for own metrics: the component's id, with the protocol where it has several */
  readonly listener: string
  readonly most: number
  /** requests that may wait behind the one that is not answered */
  readonly pipelined?: number
  readonly meter: Meter
  readonly clock: Clock
}

export class Connections {
  /** never served, the oldest first: since when [ms, monotonic], and how many requests are under way */
  readonly #unserved = new Map<Socket, { readonly since: number; requests: number }>()
  /** the one served longest ago first */
  readonly #served = new Set<Socket>()
  /** what HTTP gets of a connection, where TLS is between: the socket below it */
  readonly #below = new WeakMap<object, Socket>()
  /** by address and port of the peer, while TLS is being agreed on */
  readonly #greeting = new Map<string, Socket>()
  /** how many requests wait behind the first that is not answered */
  readonly #behind = new WeakMap<Socket, number>()
  readonly #pipelined: number
  readonly #most: number
  readonly #clock: Clock
  readonly #count: (reason: ShedReason) => void

  constructor(server: Server, { listener, most, pipelined = maxPipelined, meter, clock }: ConnectionsOptions) {
    this.#pipelined = pipelined
    this.#most = most
    this.#clock = clock
    const shed = meter.createCounter('thalamus_connections_shed', {
      unit: '{connection}',
      description: 'Connections that were closed before their peers wanted it, by reason.',
    })
    const attributes = { listener }
    this.#count = reason => shed.add(1, { listener, reason })
    const open = meter.createObservableUpDownCounter('thalamus_connections_open', {
      unit: '{connection}',
      description: 'Connections that are open.',
    })
    const observe = (result: ObservableResult) => result.observe(this.size, attributes)
    open.addCallback(observe)
    all.listeners.add(this)
    server.once('close', () => {
      all.listeners.delete(this)
      open.removeCallback(observe)
    })
    // Before whoever makes something of a connection.
    server.prependListener('connection', (socket: Socket) => this.#welcome(socket, 'setSecureContext' in server))
    server.prependListener('secureConnection', (socket: Socket) => this.#secured(socket))
  }

  get size(): number {
    return this.#unserved.size + this.#served.size
  }
  /** The connection below what was made of it. */
  below(of: Socket): Socket {
    return this.#below.get(of) ?? of
  }

  /**
   * Node hands over all requests of a segment at once, hundreds of them; those behind another have no socket yet. Whoever sends so many is cut off,
   * and true is returned for each that need not be looked at.
   */
  behindTooMany({ socket }: IncomingMessage, response: ServerResponse): boolean {
    if (response.socket !== null) {
      this.#behind.delete(socket)
      return false
    }
    const waiting = (this.#behind.get(socket) ?? 0) + 1
    this.#behind.set(socket, waiting)
    if (waiting === this.#pipelined) this.shed(socket, 'protocol')
    return waiting >= this.#pipelined
  }

  /** It was answered: it is the last to be closed now. */
  served(of: Socket): void {
    const socket = this.below(of)
    if (!this.#unserved.delete(socket) && !this.#served.delete(socket)) return
    this.#served.add(socket)
  }

  /** Whether it was ever answered. */
  wasServed(of: Socket): boolean {
    return this.#served.has(this.below(of))
  }

  shed(of: Socket, reason: ShedReason): void {
    this.#count(reason)
    of.destroy()
  }
  /** For whoever ends it in his own way. */
  countShed(reason: ShedReason): void {
    this.#count(reason)
  }

  /** Asks for the first time, and `over` is called when it has been answered or given up: until then it is not late. */
  began(socket: Socket): { over(): void } | undefined {
    const one = this.#unserved.get(socket)
    if (one === undefined) return undefined
    one.requests++
    return { over: () => void one.requests-- }
  }

  /** Whoever has been here for longer than this, was never served, and has nothing under way. */
  shedTheLate(olderThanMs: number): void {
    const now = this.#clock.monotonic()
    for (const [socket, { since, requests }] of this.#unserved) {
      if (now - since <= olderThanMs) return
      if (requests === 0) this.shed(socket, 'timeout')
    }
  }

  destroy(): void {
    for (const socket of [...this.#unserved.keys(), ...this.#served]) socket.destroy()
  }

  /** Those that never said a word: nothing of theirs is under way, and nobody knows how long they would stay. */
  destroyTheSilent(): void {
    for (const socket of this.#unserved.keys()) if (socket.bytesRead === 0) socket.destroy()
  }

  #welcome(socket: Socket, greets: boolean): void {
    if (this.size >= this.#most) this.#makeRoom()
    else if (all.open >= all.most) this.#makeRoomElsewhere()
    all.open++
    this.#unserved.set(socket, { since: this.#clock.monotonic(), requests: 0 })
    const peer = `${socket.remoteAddress} ${socket.remotePort}`
    if (greets) this.#greeting.set(peer, socket)
    socket.once('close', () => {
      all.open--
      this.#unserved.delete(socket)
      this.#served.delete(socket)
      if (this.#greeting.get(peer) === socket) this.#greeting.delete(peer)
    })
    socket.on('error', (error: NodeJS.ErrnoException) => this.#broke(error))
  }

  #secured(socket: Socket): void {
    const peer = `${socket.remoteAddress} ${socket.remotePort}`
    const below = this.#greeting.get(peer)
    this.#greeting.delete(peer)
    if (below !== undefined) this.#below.set(socket, below)
    socket.on('error', (error: NodeJS.ErrnoException) => this.#broke(error))
  }

  /** node:http ends a connection with what was wrong about it. */
  #broke({ code = '' }: NodeJS.ErrnoException): void {
    if (code === 'ERR_HTTP_REQUEST_TIMEOUT' || code === 'ERR_TLS_HANDSHAKE_TIMEOUT') this.#count('timeout')
    // Whoever hangs up in the middle wanted it so, as after 413.
    else if (code.startsWith('HPE_') && code !== 'HPE_INVALID_EOF_STATE') this.#count('protocol')
  }

  /** Where most were never served: a flood of one listener is not paid for by the others. */
  #makeRoomElsewhere(): void {
    let fullest: Connections = this
    for (const other of all.listeners) if (other.#unserved.size > fullest.#unserved.size) fullest = other
    fullest.#makeRoom()
  }

  #makeRoom(): void {
    const [first] = this.#unserved.size > 0 ? this.#unserved.keys() : this.#served
    if (first === undefined) return
    this.shed(first, 'full')
    // `close` comes later, and the next connection perhaps before it.
    this.#unserved.delete(first)
    this.#served.delete(first)
  }
}

/** Closes; what is under way ends by itself, or is cut off when `signal` aborts. */
export function close(server: Server, connections: Connections, signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    const cut = () => connections.destroy()
    server.close(() => {
      signal.removeEventListener('abort', cut)
      resolve()
    })
    connections.destroyTheSilent()
    if (signal.aborted) cut()
    else signal.addEventListener('abort', cut, { once: true })
  })
}
