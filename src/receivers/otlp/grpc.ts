/** OTLP over gRPC on node:http2: unary Export of the three services. */
import {
  constants,
  createSecureServer,
  createServer,
  type Http2SecureServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import type { TlsOptions, Server as TlsServer } from 'node:tls'
import type { Authenticator } from '../../component/component.ts'
import { listen } from '../../component/listen.ts'
import { splitEndpoint } from '../../component/settings.ts'
import type { Signal } from '../../model/signal.ts'
import { Call, refuseCall } from './call.ts'
import { Connections } from './connections.ts'
import { type Door, sayAccepting } from './door.ts'
import type { GrpcSettings } from './settings.ts'
import { close, Sockets } from './sockets.ts'
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
  readonly #settings: GrpcSettings
  readonly #authenticator: Authenticator | undefined
  readonly #server: Http2Server | Http2SecureServer
  readonly #sockets: Sockets
  readonly #connections: Connections
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
    this.#sockets = new Sockets(this.#server)
    this.#connections = new Connections(door.clock, door.random, settings.keepalive)
    this.#server.on('session', (session: ServerHttp2Session) => {
      session.setLocalWindowSize(connectionWindow)
      this.#connections.welcome(session)
    })
    this.#server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => this.#open(stream, headers))
    // A connection that breaks or speaks no HTTP/2 ends; nothing else depends on it.
    this.#server.on('sessionError', ignore)
  }

  /** @throws {StartError} */
  async listen(setting: string): Promise<void> {
    const { host, port } = splitEndpoint(this.#settings.endpoint)
    this.url = await listen(this.#server, host, port, setting, this.#scheme)
    sayAccepting(this.#server, this.door)
    this.#connections.watch()
  }

  /** GOAWAY; calls that have begun are finished; `signal` cuts them off. */
  shutdown(signal: AbortSignal): Promise<void> {
    const closed = close(this.#server, this.#sockets, signal)
    this.#connections.close()
    return closed
  }

  /** Where it serves TLS, what its certificates are set on. */
  get secure(): TlsServer {
    return this.#server as unknown as TlsServer
  }

  #open(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    stream.on('error', ignore)
    this.#connections.called(stream)
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
