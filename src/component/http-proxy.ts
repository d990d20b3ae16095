/** Through an HTTP proxy: plain requests name the whole address, encrypted ones go through a tunnel that CONNECT opens. */
import { type ClientRequest, type ClientRequestArgs, request as httpRequest, type RequestOptions } from 'node:http'
import { type AgentOptions, Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import type { Duplex } from 'node:stream'
import { type ConnectionOptions, connect as connectTls } from 'node:tls'
import { z } from 'zod'

export const proxySetting = () =>
  z
    .string()
    .refine(text => /^https?:\/\//.test(text) && URL.canParse(text), 'must be the address of an HTTP proxy such as "http://proxy:3128"')
    .optional()
    .describe('The HTTP proxy to go through, with user and password in it where it wants them. That of the environment is not followed.')

/** [ms] for the proxy to open a tunnel */
const tunnelTimeoutMs = 30_000

/** What a plain request through `proxy` differs in. */
export function throughProxy(proxy: URL, target: URL): RequestOptions {
  return { ...addressOf(proxy), path: `${target.origin}${target.pathname}${target.search}` }
}

/** The headers of such a request. */
export const proxyHeaders = (proxy: URL, target: URL): Record<string, string> => ({ host: target.host, ...credentials(proxy) })

const addressOf = (proxy: URL) => ({
  protocol: proxy.protocol,
  host: proxy.hostname.replace(/^\[|\]$/g, ''),
  port: proxy.port === '' ? (proxy.protocol === 'https:' ? 443 : 80) : Number(proxy.port),
})

function credentials({ username, password }: URL): Record<string, string> {
  if (username === '') return {}
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
  return { 'proxy-authorization': `Basic ${Buffer.from(pair).toString('base64')}` }
}

export class TunnelAgent extends HttpsAgent {
  readonly #proxy: URL

  constructor(proxy: URL, options: AgentOptions) {
    super(options)
    this.#proxy = proxy
  }

  override createConnection(options: ClientRequestArgs, done: (error: Error | null, stream: Duplex) => void): undefined {
    const target = `${options.host}:${options.port}`
    const fail = (error: Error) => done(error, undefined as unknown as Duplex)
    const asked = this.#ask(target)
    asked.once('connect', (response, socket) => {
      if (response.statusCode === 200) return done(null, connectTls({ ...(options as ConnectionOptions), socket }))
      socket.destroy()
      fail(new Error(`the proxy answered ${response.statusCode} to CONNECT ${target}`))
    })
    asked.once('response', response => {
      response.resume()
      fail(new Error(`the proxy answered ${response.statusCode} to CONNECT ${target}`))
    })
    asked.once('timeout', () => asked.destroy(new Error(`the proxy opened no tunnel within ${tunnelTimeoutMs / 1000}s`)))
    asked.once('error', fail)
    asked.end()
  }

  #ask(target: string): ClientRequest {
    const headers = { host: target, ...credentials(this.#proxy) }
    const options = { ...addressOf(this.#proxy), method: 'CONNECT', path: target, headers, agent: false as const, timeout: tunnelTimeoutMs }
    return this.#proxy.protocol === 'https:' ? httpsRequest(options) : httpRequest(options)
  }
}
