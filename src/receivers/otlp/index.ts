import { z } from 'zod'
import { type Component, type Consumers, type Context, receiver } from '../../component/component.ts'
import { findAuthenticator } from '../../component/http-server.ts'
import { keepServerTls, loadServerTls } from '../../component/server-tls.ts'
import { signals } from '../../model/signal.ts'
import { Door } from './door.ts'
import { GrpcServer } from './grpc.ts'
import { HttpServer } from './http.ts'
import { apiSettings, httpSettings, protocols } from './settings.ts'

const config = z.strictObject({
  protocols: protocols.describe('What is served: only the protocols that are named here are.'),
  api: apiSettings.optional().describe('Takes metrics on the `api` listener as well, where a Prometheus server takes OTLP.'),
})
type Settings = z.infer<typeof config>

interface Server {
  readonly url: string
  shutdown(signal: AbortSignal): Promise<void>
}

export class OtlpReceiver implements Component {
  readonly #cx: Context
  readonly #settings: Settings
  readonly #door: Door
  #servers: Server[] = []
  readonly #ends: Disposable[] = []

  constructor(cx: Context, settings: Settings, next: Consumers) {
    this.#cx = cx
    this.#settings = settings
    this.#door = new Door(cx, next)
  }

  /** As bound, in the order grpc, http. */
  get endpoints(): readonly string[] {
    return this.#servers.map(server => server.url).filter(url => url !== '')
  }

  /** All that is named is bound, or nothing is. */
  async start(): Promise<void> {
    try {
      await this.#startGrpc()
      await this.#startHttp()
      this.#mount()
      this.#door.open()
      if (this.#cx.handed !== undefined) this.#ends.push(this.#door.takeHanded(this.#cx.handed))
    } catch (error) {
      await this.shutdown(AbortSignal.abort())
      throw error
    }
  }

  async shutdown(signal: AbortSignal): Promise<void> {
    const servers = this.#servers
    this.#servers = []
    this.#door.draining = true
    for (const end of this.#ends.splice(0)) end[Symbol.dispose]()
    await Promise.all(servers.map(server => server.shutdown(signal)))
    this.#door.close()
  }

  /** As over HTTP, with the settings of that, on a listener that is not ours. */
  #mount(): void {
    const { api, protocols } = this.#settings
    if (api === undefined) return
    const path = api.metrics_url_path
    const settings = { ...(protocols.http ?? httpSettings.parse({})), metrics_url_path: path, fast_path: false }
    const authenticator = findAuthenticator(this.#cx, settings.auth, `receivers.${this.#cx.id}.protocols.http`)
    const server = new HttpServer(this.#door, settings, authenticator, undefined)
    this.#servers.push(server)
    this.#cx.mount(path, (request, response) => server.serve(request, response))
  }

  async #startGrpc(): Promise<void> {
    const { grpc } = this.#settings.protocols
    if (grpc === undefined) return
    const where = `receivers.${this.#cx.id}.protocols.grpc`
    const tls = grpc.tls && (await loadServerTls(this.#cx.files, grpc.tls, `${where}.tls`))
    const server = new GrpcServer(this.#door, grpc, findAuthenticator(this.#cx, grpc.auth, where), tls)
    await server.listen(`${where}.endpoint`)
    this.#servers.push(server)
    if (grpc.tls !== undefined) this.#ends.push(keepServerTls(this.#cx, server.secure, grpc.tls, `${where}.tls`))
    this.#cx.listening('OTLP over gRPC', server.url)
  }

  async #startHttp(): Promise<void> {
    const { http } = this.#settings.protocols
    if (http === undefined) return
    const where = `receivers.${this.#cx.id}.protocols.http`
    const tls = http.tls && (await loadServerTls(this.#cx.files, http.tls, `${where}.tls`))
    const server = new HttpServer(this.#door, http, findAuthenticator(this.#cx, http.auth, where), tls)
    await server.listen(`${where}.endpoint`)
    this.#servers.push(server)
    if (http.tls !== undefined) this.#ends.push(keepServerTls(this.#cx, server.secure, http.tls, `${where}.tls`))
    this.#cx.listening('OTLP over HTTP', server.url)
  }
}

export default receiver({
  type: 'otlp',
  stability: 'beta',
  config,
  // The api listener is the main thread's.
  parallel: ({ api }) => api === undefined,
  signals,
  create: (cx, settings, next) => new OtlpReceiver(cx, settings, next),
})
