/** OTLP over gRPC on node:http2: unary Export of the three services. */
import {
  constants,
  createSecureServer,
  createServer,
  type Http2SecureServer,
  type Http2Server,
  type Http2Session,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import type { Socket } from 'node:net'
import type { TlsOptions, Server as TlsServer } from 'node:tls'
import type { Authenticator } from '../../component/component.ts'
import { Connections, close } from '../../component/connections.ts'
import { listen } from '../../component/listen.ts'
import { splitEndpoint } from '../../component/settings.ts'
import { every } from '../../lib/clock.ts'
import type { Signal } from '../../model/signal.ts'
import { Call, refuseCall } from './call.ts'
import { type Door, lookMs, sayAccepting } from './door.ts'
import { Keepalive } from './keepalive.ts'
import type { GrpcSettings } from './settings.ts'
import { grpcCode, outOfMemory, Refusal, shuttingDown } from './verdict.ts'

const service = (name: string) => `/opentelemetry.proto.collector.${name}.v1.${name[0]!.toUpperCase()}${name.slice(1)}Service/Export`
const signalOf: ReadonlyMap<string, Signal> = new Map([
  [service('metrics'), 'metrics'],
  [service('trace'), 'traces'],
  [service('logs'), 'logs'],
])

/** [bytes] in flight on one call and on one connection; Node's own 64 KiB makes a sender wait for us every few segments */
const callWindow = 4 * 2 ** 20
const connectionWindow = 16 * 2 ** 20

export class GrpcServer {
  readonly door: Door
  readonly maxMessageBytes: number
  readonly connections: Connections
  readonly #settings: GrpcSettings
  readonly #authenticator: Authenticator | undefined
  readonly #server: Http2Server | Http2SecureServer
  readonly #keepalive: Keepalive
  readonly #sockets = new WeakMap<ServerHttp2Session, Socket>()
  /** of which a session is being made */
  #opening: Socket | undefined
  #watch: Disposable | undefined
  readonly #scheme: string
  url = ''

  constructor(door: Door, settings: GrpcSettings, authenticator: Authenticator | undefined, tls: TlsOptions | undefined) {
    this.door = door
    this.maxMessageBytes = Math.floor(settings.max_recv_msg_size_mib * 2 ** 20)
    this.#settings = settings
    this.#authenticator = authenticator
    this.#scheme = tls === undefined ? 'http' : 'https'
    const options = {
      // A peer that vanished without a word is found out by TCP.
      keepAlive: true,
      keepAliveInitialDelay: 60_000,
      settings: { maxConcurrentStreams: settings.max_concurrent_streams, initialWindowSize: callWindow, enablePush: false },
    }
    this.#server = tls === undefined ? createServer(options) : createSecureServer({ ...options, ...tls, ALPNProtocols: ['h2'] })
    const { max_connections: most } = settings
    this.connections = new Connections(this.#server, { listener: `${door.id}/grpc`, most, meter: door.meter, clock: door.clock })
    this.#rememberSockets(tls === undefined ? 'connection' : 'secureConnection')
    this.#keepalive = new Keepalive(door.clock, door.random, settings.keepalive)
    this.#server.on('session', (session: ServerHttp2Session) => this.#welcome(session))
    this.#server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => this.#open(stream, headers))
    this.#server.on('sessionError', (error: NodeJS.ErrnoException, session: ServerHttp2Session) => this.#broke(error, session))
  }

  /** @throws {StartError} */
  async listen(setting: string): Promise<void> {
    const { host, port } = splitEndpoint(this.#settings.endpoint)
    this.url = await listen(this.#server, host, port, setting, this.#scheme, this.door.ports)
    sayAccepting(this.#server, this.door)
    this.#keepalive.watch()
    this.#watch = every(this.door.clock, lookMs, () => this.#closeTheLate())
  }

  /** GOAWAY; calls that have begun are finished; `signal` cuts them off. */
  shutdown(signal: AbortSignal): Promise<void> {
    const closed = close(this.#server, this.connections, signal)
    this.#keepalive.close()
    this.#watch?.[Symbol.dispose]()
    return closed
  }

  /** Where it serves TLS, what its certificates are set on. */
  get secure(): TlsServer {
    return this.#server as unknown as TlsServer
  }

  /** A session does not tell which connection it is made of. */
  #rememberSockets(event: 'connection' | 'secureConnection'): void {
    const server = this.#server
    const open = server.listeners(event).at(-1) as (this: typeof server, socket: Socket) => void
    server.off(event, open)
    server.on(event, (socket: Socket) => {
      this.#opening = socket
      open.call(server, socket)
      this.#opening = undefined
    })
  }

  #welcome(session: ServerHttp2Session): void {
    session.setLocalWindowSize(connectionWindow)
    this.#keepalive.welcome(session)
    if (this.#opening !== undefined) this.#sockets.set(session, this.connections.below(this.#opening))
  }

  /** A call was answered on it. */
  answered(session: Http2Session | undefined): void {
    const socket = this.#sockets.get(session as ServerHttp2Session)
    if (socket === undefined) return
    this.connections.served(socket)
  }

  /**
   * A connection that breaks or speaks no HTTP/2 ends; nothing else depends on it. gRPC's Go clients all end theirs with a GOAWAY that is wrong for
   * nghttp2 (the id of the last stream is none of ours): whoever has asked and has nothing under way any more was about to go.
   */
  #broke({ code }: NodeJS.ErrnoException, session: ServerHttp2Session): void {
    if (code?.startsWith('ERR_HTTP2') && !this.#keepalive.mayGo(session)) this.connections.countShed('protocol')
  }

  #closeTheLate(): void {
    const { connection_timeout: firstMs, read_timeout: readMs } = this.#settings
    if (firstMs > 0) this.connections.shedTheLate(firstMs)
    if (readMs > 0) this.door.cutOff(readMs, 'timeout')
  }

  #open(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    stream.on('error', ignore)
    this.#keepalive.called(stream)
    const socket = this.#sockets.get(stream.session as ServerHttp2Session)
    const begun = socket && this.connections.began(socket)
    if (begun !== undefined) stream.on('close', begun.over)
    try {
      const signal = this.#route(headers)
      this.#admit(headers)
      const intake = this.door.intakes[signal]
      if (intake === undefined) throw new Refusal(404, grpcCode.unimplemented, `no pipeline takes ${signal} from this receiver`)
      new Call(this, intake, stream, headers).begin()
    } catch (refusal) {
      refuseCall(this, stream, refusal)
    }
  }

  #route(headers: IncomingHttpHeaders): Signal {
    const type = headers['content-type'] ?? ''
    if (!/^application\/grpc(\+proto)?(;.*)?$/.test(type)) throw new NotGrpc()
    const path = headers[constants.HTTP2_HEADER_PATH]
    const signal = signalOf.get(String(path))
    if (signal === undefined) throw new Refusal(404, grpcCode.unimplemented, `unknown method ${path}`)
    return signal
  }

  #admit(headers: IncomingHttpHeaders): void {
    if (this.door.draining) throw shuttingDown()
    this.#authenticator?.check(headers)
    if (this.door.budget.exceeded) throw outOfMemory()
  }
}

function ignore(): void {}

/** Answered with a bare 415, as the protocol asks. */
export class NotGrpc extends Error {
  override readonly name = 'NotGrpc'
}
