import { authenticatorOf } from '../../component/client-auth.ts'
import type { Authenticator, Context } from '../../component/component.ts'
import { compress } from '../../component/compress.ts'
import type { Destination, Outcome } from '../../component/destination.ts'
import { post } from '../../component/http-post.ts'
import { HttpTarget } from '../../component/http-target.ts'
import type { Raw } from '../../model/raw.ts'
import type { Signal } from '../../model/signal.ts'
import { protobufToJson } from '../../otlp/json.ts'
import type { OtlpHttpSettings } from './index.ts'
import { outcomeOf } from './outcome.ts'

/** An OTLP/HTTP endpoint for one signal, over connections that are kept. */
export class HttpDestination implements Destination {
  readonly #cx: Context
  readonly #signal: Signal
  readonly #settings: OtlpHttpSettings
  readonly #url: URL
  readonly #headers: Readonly<Record<string, string>>
  #target: HttpTarget | undefined
  #authenticator: Authenticator | undefined

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
    const { auth, max_conns_per_host } = this.#settings
    this.#authenticator = authenticatorOf(auth, this.#cx, `exporters.${this.#cx.id}`)
    this.#target = await HttpTarget.open(this.#cx, this.#url, this.#settings, {
      maxFreeSockets: mostIdle(this.#settings),
      maxSockets: max_conns_per_host || Number.POSITIVE_INFINITY,
      scheduling: 'lifo',
    })
  }

  async send(load: Raw, stop: AbortSignal): Promise<Outcome> {
    const body = await this.#encode(load)
    if (body !== load) load.release()
    const headers = { ...this.#headers, ...this.#target?.headers, ...this.#authenticator?.headers(), 'content-length': body.size }
    const answer = await post({ ...this.#target?.options, headers }, body.chunks, this.#settings.timeout, this.#cx.clock, stop)
    if (!('status' in answer)) return { is: 'retryable', retryAfterMs: 0, ...answer }
    if (body === load && answer.written) load.release()
    return outcomeOf(answer, this.#signal, this.#cx.clock.now())
  }

  async close(): Promise<void> {
    this.#target?.close()
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
