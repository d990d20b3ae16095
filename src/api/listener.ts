/** The one HTTP listener of ours: what components mount, and the pages of the running whole. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Meter } from '@opentelemetry/api'
import type { Handler, Logger, Status } from '../component/component.ts'
import { Connections, pageConnections } from '../component/connections.ts'
import type { Ledger } from '../component/ledger.ts'
import { listen } from '../component/listen.ts'

export class Api {
  readonly #handlers = new Map<string, Handler>()
  readonly #log: Logger
  readonly #meter: Meter
  #server: Server | undefined
  #connections: Connections | undefined

  constructor(ledger: Ledger, status: () => Status, log: Logger, meter: Meter) {
    this.#log = log
    this.#meter = meter
    this.mount('/-/ready', (_, response) => {
      const { ready } = status()
      text(response, ready ? 200 : 503, ready ? 'ready\n' : 'not ready\n')
    })
    this.mount('/-/healthy', (_, response) => text(response, 200, 'healthy\n'))
    this.mount('/debug/ledger', (_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(`${JSON.stringify(ledger, undefined, 2)}\n`)
    })
  }

  /** `path` exactly, or everything below it where it ends in '/'. Two of the same path are a bug. */
  mount(path: string, handler: Handler): void {
    if (this.#handlers.has(path)) throw new Error(`two handlers are mounted at ${path}`)
    this.#handlers.set(path, handler)
  }

  /** @throws {StartError} */
  async start({ host, port }: { host: string; port: number }): Promise<string> {
    this.#server = createServer((request, response) => this.#answer(request, response))
    this.#connections = new Connections(this.#server, { listener: 'api', most: pageConnections, meter: this.#meter })
    return listen(this.#server, host, port, 'service.api.endpoint')
  }

  async shutdown(): Promise<void> {
    this.#server?.close()
    this.#connections?.destroy()
    this.#server = undefined
  }

  /** A handler that throws fails that request, and nothing else. */
  #answer(request: IncomingMessage, response: ServerResponse): void {
    response.once('finish', () => this.#connections?.served(request.socket))
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
    const handler = this.#handlers.get(path) ?? this.#below(path)
    if (handler !== undefined) return handler(request, response)
    text(response, 404, `nothing is served at ${path}\n  known: ${[...this.#handlers.keys()].join(', ')}\n`)
  }

  #below(path: string): Handler | undefined {
    for (let at = path.lastIndexOf('/'); at >= 0; at = path.lastIndexOf('/', at - 1)) {
      const handler = this.#handlers.get(path.slice(0, at + 1))
      if (handler !== undefined || at === 0) return handler
    }
    return undefined
  }
}

function text(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' })
  response.end(body)
}
