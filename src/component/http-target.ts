/** Where requests go: an address, the connections to it that are kept, TLS whose files are read again, and the proxy on the way. */
import { type AgentOptions, Agent as HttpAgent, type RequestOptions } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { type ClientTlsSettings, clientTls, keepClientTls } from './client-tls.ts'
import type { Context } from './component.ts'
import { proxyHeaders, TunnelAgent, throughProxy } from './http-proxy.ts'

/** In the Collector's words. */
export interface HttpTargetSettings {
  readonly tls: ClientTlsSettings
  /** [ms] 0: as long as the other side keeps it */
  readonly idle_conn_timeout: number
  readonly disable_keep_alives: boolean
  readonly proxy_url?: string | undefined
}

export class HttpTarget {
  /** for a POST; headers are still to come */
  readonly options: RequestOptions
  /** that a proxy asks for */
  readonly headers: Readonly<Record<string, string>>
  readonly #agent: HttpAgent
  readonly #reload: Disposable | undefined

  private constructor(
    options: RequestOptions,
    headers: Readonly<Record<string, string>>,
    agent: HttpAgent,
    reload: Disposable | undefined,
  ) {
    this.options = options
    this.headers = headers
    this.#agent = agent
    this.#reload = reload
  }

  /** @param sockets how many connections there may be @throws {StartError} where a file of `tls` cannot be read */
  static async open(cx: Context, url: URL, settings: HttpTargetSettings, sockets: AgentOptions): Promise<HttpTarget> {
    const where = `exporters.${cx.id}.tls`
    const { idle_conn_timeout, disable_keep_alives, proxy_url, tls } = settings
    const keep: AgentOptions = {
      ...sockets,
      keepAlive: !disable_keep_alives,
      // Of a connection that is in use, Node only says that it is silent.
      ...(idle_conn_timeout === 0 ? {} : { timeout: idle_conn_timeout }),
    }
    const proxy = proxy_url === undefined ? undefined : new URL(proxy_url)
    if (url.protocol !== 'https:') {
      const agent = proxy?.protocol === 'https:' ? new HttpsAgent(keep) : new HttpAgent(keep)
      const through = proxy === undefined ? {} : throughProxy(proxy, url)
      return new HttpTarget(
        { ...optionsFor(url, agent), ...through },
        proxy === undefined ? {} : proxyHeaders(proxy, url),
        agent,
        undefined,
      )
    }
    const secure = { ...keep, ...(await clientTls(tls, cx.files, where)) }
    const agent = proxy === undefined ? new HttpsAgent(secure) : new TunnelAgent(proxy, secure)
    // Connections that begin from then on; those that are open keep what they have.
    const reload = keepClientTls(cx, tls, where, options => Object.assign(agent.options, options))
    return new HttpTarget(optionsFor(url, agent), {}, agent, reload)
  }

  close(): void {
    this.#reload?.[Symbol.dispose]()
    this.#agent.destroy()
  }
}

const optionsFor = (url: URL, agent: HttpAgent): RequestOptions => ({
  agent,
  protocol: url.protocol,
  host: url.hostname.replace(/^\[|\]$/g, ''),
  port: url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port),
  path: `${url.pathname}${url.search}`,
  method: 'POST',
})
