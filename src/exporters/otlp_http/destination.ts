import { Agent as HttpAgent, type RequestOptions } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { authenticatorOf } from '../../component/client-auth.ts'
import { clientTls, keepClientTls } from '../../component/client-tls.ts'
import type { Authenticator, Context } from '../../component/component.ts'
import { compress } from '../../component/compress.ts'
import type { Destination, Outcome } from '../../component/destination.ts'
import { post } from '../../component/http-post.ts'
import type { Raw } from '../../model/raw.ts'
import type { Signal } from '../../model/signal.ts'
import { protobufToJson } from '../../otlp/json.ts'
import type { OtlpHttpSettings } from './index.ts'
import { outcomeOf } from './outcome.ts'
import { proxyHeaders, TunnelAgent, throughProxy } from './proxy.ts'

/** An OTLP/HTTP endpoint for one signal, over connections that are kept. */
export class HttpDestination implements Destination {
  readonly #cx: Context
  readonly #signal: Signal
  readonly #settings: OtlpHttpSettings
  readonly #url: URL
  #headers: Readonly<Record<string, string>>
  #options: RequestOptions = {}
  #agent: HttpAgent | HttpsAgent | undefined
  #authenticator: Authenticator | undefined
  #reload: Disposable | undefined

  constructor(cx: Context, signal: Signal, settings: OtlpHttpSettings, url: URL) {
    this.#cx = cx
    this.#signal = signal
    this.#settings = settings
    this.#url = url
    this.#headers = {
      'user-agent': 'thalamus',
      ...lowerCase(settings.headers),
      'content-type': settings.encoding === 'json' ? 'application/json' : 'application/x-protobuf',
      ...(settings.compression === 'none' ? {} : { 'content-encoding': settings.compression }),
    }
  }

  async open(): Promise<void> {
    const { auth, max_conns_per_host, idle_conn_timeout, disable_keep_alives } = this.#settings
    const where = `exporters.${this.#cx.id}`
    this.#authenticator = authenticatorOf(auth, this.#cx, where)
    const keep = {
      keepAlive: !disable_keep_alives,
      maxFreeSockets: mostIdle(this.#settings),
      maxSockets: max_conns_per_host || Number.POSITIVE_INFINITY,
      scheduling: 'lifo' as const,
      // Of a connection that is in use, Node only says that it is silent.
      ...(idle_conn_timeout === 0 ? {} : { timeout: idle_conn_timeout }),
    }
    const secure = this.#url.protocol === 'https:'
    const proxy = this.#settings.proxy_url === undefined ? undefined : new URL(this.#settings.proxy_url)
    const tls = secure ? { ...keep, ...(await clientTls(this.#settings.tls, this.#cx.files, `${where}.tls`)) } : {}
    if (!secure) this.#agent = proxy?.protocol === 'https:' ? new HttpsAgent(keep) : new HttpAgent(keep)
    else this.#agent = proxy === undefined ? new HttpsAgent(tls) : new TunnelAgent(proxy, tls)
    if (!secure && proxy !== undefined) this.#headers = { ...this.#headers, ...proxyHeaders(proxy, this.#url) }
    // Connections that begin from then on; those that are open keep what they have.
    if (secure)
      this.#reload = keepClientTls(this.#cx, this.#settings.tls, `${where}.tls`, options =>
        Object.assign((this.#agent as HttpsAgent).options, options),
      )
    this.#options = {
      agent: this.#agent,
      protocol: this.#url.protocol,
      host: this.#url.hostname.replace(/^\[|\]$/g, ''),
      port: this.#url.port === '' ? (secure ? 443 : 80) : Number(this.#url.port),
      path: `${this.#url.pathname}${this.#url.search}`,
      method: 'POST',
      ...(secure || proxy === undefined ? {} : throughProxy(proxy, this.#url)),
    }
  }

  async send(load: Raw, stop: AbortSignal): Promise<Outcome> {
    const body = await this.#encode(load)
    const headers = { ...this.#headers, ...this.#authenticator?.headers(), 'content-length': body.size }
    const answer = await post({ ...this.#options, headers }, body.chunks, this.#settings.timeout, this.#cx.clock, stop)
    if ('status' in answer) return outcomeOf(answer, this.#signal, this.#cx.clock.now())
    return { is: 'retryable', retryAfterMs: 0, ...answer }
  }

  async close(): Promise<void> {
    this.#reload?.[Symbol.dispose]()
    this.#agent?.destroy()
  }

  #encode(load: Raw): Encoded | Promise<Encoded> {
    const { encoding, compression, compression_params } = this.#settings
    if (encoding === 'proto' && compression === 'none') return load
    const plain = encoding === 'json' ? Buffer.from(JSON.stringify(protobufToJson(this.#signal, load.bytes()))) : load.bytes()
    if (compression === 'none') return whole(plain)
    const small = compress(plain, compression, compression_params.level)
    return small instanceof Uint8Array ? whole(small) : small.then(whole)
  }
}

interface Encoded {
  readonly chunks: readonly Uint8Array[]
  readonly size: number
}
const whole = (bytes: Uint8Array): Encoded => ({ chunks: [bytes], size: bytes.length })

const lowerCase = (headers: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))

function mostIdle({ max_idle_conns, max_idle_conns_per_host }: OtlpHttpSettings): number {
  const none = Number.POSITIVE_INFINITY
  return Math.min(max_idle_conns || none, max_idle_conns_per_host || none)
}
