/** The one HTTP listener of ours: what components mount, and the pages of the running whole. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Meter } from '@opentelemetry/api'
import type { Handler, Logger, OptionalPage, Status } from '../component/component.ts'
import { Connections, pageConnections } from '../component/connections.ts'
import type { Ledger } from '../component/ledger.ts'
import { listen } from '../component/listen.ts'
import type { Clock } from '../lib/clock.ts'

interface Address {
  readonly host: string
  readonly port: number
}

export class Api {
  /** by path; the last one answers */
  readonly #handlers = new Map<string, readonly Handler[]>()
  readonly #servers = new Map<string, { readonly server: Server; readonly connections: Connections }>()
  readonly #log: Logger
  readonly #meter: Meter
  readonly #clock: Clock
  readonly #optional: readonly OptionalPage[]

  /** @param optional what is said of where nothing is mounted */
  constructor(
    ledger: () => Promise<Ledger>,
    status: () => Status,
    log: Logger,
    meter: Meter,
    clock: Clock,
    optional: readonly OptionalPage[],
  ) {
    this.#optional = optional
    this.#log = log
    this.#meter = meter
    this.#clock = clock
    this.mount('/-/ready', (_, response) => {
      const { ready, problems } = status()
      const why = [...problems].map(([component, problem]) => `! ${component}: ${problem}\n`)
      text(response, ready ? 200 : 503, `${ready ? 'ready' : 'not ready'}\n${why.join('')}`)
    })
    this.mount('/-/healthy', (_, response) => text(response, 200, 'healthy\n'))
    this.mount('/debug/ledger', (_, response) => {
      ledger().then(
        fresh => json(response, fresh),
        () => response.destroy(),
      )
    })
  }

  /**
   * `path` exactly, or everything below it where it ends in '/', until disposed of. Of two of the same path, as there are while a reload
   * replaces a component, the later answers.
   */
  mount(path: string, handler: Handler): Disposable {
    this.#handlers.set(path, [...(this.#handlers.get(path) ?? []), handler])
    return {
      [Symbol.dispose]: () => {
        const left = (this.#handlers.get(path) ?? []).filter(other => other !== handler)
        if (left.length > 0) this.#handlers.set(path, left)
        else this.#handlers.delete(path)
      },
    }
  }

  /** May be called for several addresses. @throws {StartError} */
  async start({ host, port }: Address): Promise<string> {
    const server = createServer((request, response) => {
      if (connections.behindTooMany(request, response)) return
      response.once('finish', () => connections.served(request.socket))
      this.#answer(request, response)
    })
    const connections = new Connections(server, { listener: 'api', most: pageConnections, meter: this.#meter, clock: this.#clock })
    const url = await listen(server, host, port, 'service.api.endpoint')
    this.#servers.set(`${host}:${port}`, { server, connections })
    return url
  }

  /** What has been asked there is still answered. */
  stop({ host, port }: Address): void {
    this.#servers.get(`${host}:${port}`)?.server.close()
    this.#servers.delete(`${host}:${port}`)
  }

  async shutdown(): Promise<void> {
    for (const { server, connections } of this.#servers.values()) {
      server.close()
      connections.destroy()
    }
    this.#servers.clear()
  }

  /** A handler that throws fails that request, and nothing else. */
  #answer(request: IncomingMessage, response: ServerResponse): void {
    try {
      this.#route(request, response)
    } catch (error) {
      this.#log.error({ err: error, path: request.url }, 'a page could not be made')
      if (response.headersSent) response.destroy()
      else text(response, 500, 'a bug: the log has it\n')
    }
  }

  #route(request: IncomingMessage, response: ServerResponse): void {
    const path = (request.url ?? '/').split('?')[0]!
    const handler = this.#at(path) ?? this.#below(path)
    if (handler !== undefined) return handler(request, response)
    const remedy = this.#optional.find(page => page.path === path)?.remedy
    const known = [...this.#handlers.keys()].join(', ')
    text(response, 404, `nothing is served at ${path}\n${remedy === undefined ? '' : `  ${remedy}\n`}  known: ${known}\n`)
  }

  #at(path: string): Handler | undefined {
    return this.#handlers.get(path)?.at(-1)
  }

  #below(path: string): Handler | undefined {
    for (let at = path.lastIndexOf('/'); at >= 0; at = path.lastIndexOf('/', at - 1)) {
      const handler = this.#at(path.slice(0, at + 1))
      if (handler !== undefined || at === 0) return handler
    }
    return undefined
  }
}

export function text(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' })
  response.end(body)
}

export function json(response: ServerResponse, body: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' })
  response.end(`${JSON.stringify(body, undefined, 2)}\n`)
}
