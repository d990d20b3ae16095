import { constants, type OutgoingHttpHeaders, type SecureClientSessionOptions, sensitiveHeaders } from 'node:http2'
import { isIP, type LookupFunction } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import { authenticatorOf } from '../../component/client-auth.ts'
import { clientTls, keepClientTls } from '../../component/client-tls.ts'
import type { Authenticator, Context } from '../../component/component.ts'
import { compress } from '../../component/compress.ts'
import type { Destination, Outcome } from '../../component/destination.ts'
import type { Raw } from '../../model/raw.ts'
import type { Signal } from '../../model/signal.ts'
import { call, prefix } from './call.ts'
import { Connection } from './connection.ts'
import { Connections } from './connections.ts'
import type { OtlpGrpcSettings } from './index.ts'
import { outcomeOf } from './outcome.ts'

const service = { metrics: 'metrics.v1.MetricsService', traces: 'trace.v1.TraceService', logs: 'logs.v1.LogsService' } as const

/** The Export method of one signal's service. */
export class GrpcDestination implements Destination {
  readonly #cx: Context
  readonly #signal: Signal
  readonly #settings: OtlpGrpcSettings
  readonly #authority: string
  readonly #headers: OutgoingHttpHeaders
  readonly #own: Readonly<Record<string, string>>
  #connections: Connections | undefined
  #authenticator: Authenticator | undefined
  #reload: Disposable | undefined

  constructor(cx: Context, signal: Signal, settings: OtlpGrpcSettings) {
    const { tls, timeout, compression, authority } = settings
    const endpoint = settings.endpoint.replace(/^dns:\/\/\//, '')
    this.#cx = cx
    this.#signal = signal
    this.#settings = settings
    this.#authority = /^https?:\/\//.test(endpoint) ? endpoint : `${tls.insecure ? 'http' : 'https'}://${endpoint}`
    this.#own = Object.fromEntries(Object.entries(settings.headers).map(([name, value]) => [name.toLowerCase(), value]))
    this.#headers = {
      [constants.HTTP2_HEADER_METHOD]: 'POST',
      [constants.HTTP2_HEADER_PATH]: `/opentelemetry.proto.collector.${service[signal]}/Export`,
      ...(authority === undefined ? {} : { [constants.HTTP2_HEADER_AUTHORITY]: authority }),
      te: 'trailers',
      'content-type': 'application/grpc',
      'user-agent': 'thalamus',
      'grpc-accept-encoding': 'identity,gzip',
      ...(compression === 'none' ? {} : { 'grpc-encoding': compression }),
      ...(timeout === 0 ? {} : { 'grpc-timeout': `${Math.min(Math.ceil(timeout), 99_999_999)}m` }),
    }
  }

  async open(): Promise<void> {
    const where = `exporters.${this.#cx.id}`
    this.#authenticator = authenticatorOf(this.#settings.auth, this.#cx, where)
    const secure = this.#authority.startsWith('https:')
    const http2 = (tls: ConnectionOptions): SecureClientSessionOptions => ({ ...tls, ALPNProtocols: ['h2'] })
    const options = secure ? http2(await clientTls(this.#settings.tls, this.#cx.files, `${where}.tls`)) : {}
    let tls = options
    this.#connections = new Connections(new URL(this.#authority).hostname.replace(/^\[|\]$/g, ''), address => {
      const to = address === undefined ? tls : { ...tls, ...toAddress(address) }
      return new Connection(this.#authority, to, this.#cx.clock, this.#settings.keepalive)
    })
    if (secure)
      this.#reload = keepClientTls(this.#cx, this.#settings.tls, `${where}.tls`, fresh => {
        tls = http2(fresh)
        this.#connections!.each(connection => connection.renew(tls))
      })
    if (this.#settings.balancer_name === 'round_robin') await this.#connections.spread(this.#cx.clock)
  }

  async send(load: Raw, stop: AbortSignal): Promise<Outcome> {
    const chunks = await this.#encode(load)
    const { timeout, compression } = this.#settings
    if (compression !== 'none') load.release()
    const answer = await call(this.#connections!.next, this.#withCredentials(), chunks, timeout, this.#cx.clock, stop)
    if (!('trailers' in answer)) return { is: 'retryable', retryAfterMs: 0, ...answer }
    if (compression === 'none' && answer.written) load.release()
    return outcomeOf(answer, this.#signal)
  }

  async close(): Promise<void> {
    this.#reload?.[Symbol.dispose]()
    this.#connections?.close()
  }

  /** What the user adds may be a secret: it does not enter the table of headers that the connection keeps. */
  #withCredentials(): OutgoingHttpHeaders {
    const secret = { ...this.#own, ...this.#authenticator?.headers() }
    return { ...this.#headers, ...secret, [sensitiveHeaders]: Object.keys(secret) }
  }

  async #encode(load: Raw): Promise<readonly Uint8Array[]> {
    const { compression } = this.#settings
    if (compression === 'none') return [prefix(false, load.size), ...load.chunks]
    const small = await compress(load.bytes(), compression)
    return [prefix(true, small.length), small]
  }
}

/** The name is looked up no more, and still is what the certificate must carry. */
function toAddress(address: string): SecureClientSessionOptions {
  const family = isIP(address)
  const lookup: LookupFunction = (_, { all }, done) => (all ? done(null, [{ address, family }]) : done(null, address, family))
  return { lookup } as SecureClientSessionOptions
}
