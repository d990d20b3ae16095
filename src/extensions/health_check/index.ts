import { createServer, type Server } from 'node:http'
import { z } from 'zod'
import { type Component, type Context, extension } from '../../component/component.ts'
import { listen } from '../../component/listen.ts'
import { endpoint, splitEndpoint } from '../../component/settings.ts'

const config = z.strictObject({
  endpoint: endpoint().default('127.0.0.1:13133').describe('Where the health of the whole is served.'),
  path: z
    .string()
    .startsWith('/')
    .default('/healthz')
    .describe('Answers 200 while everything runs, 503 before, after, and when a component cannot go on.'),
})
type Settings = z.infer<typeof config>

class HealthCheck implements Component {
  readonly #cx: Context
  readonly #settings: Settings
  #server: Server | undefined

  constructor(cx: Context, settings: Settings) {
    this.#cx = cx
    this.#settings = settings
  }

  async start(): Promise<void> {
    const { host, port } = splitEndpoint(this.#settings.endpoint)
    this.#server = createServer((request, response) => {
      if (request.url?.split('?')[0] !== this.#settings.path) return void response.writeHead(404).end()
      const { ready, problems } = this.#cx.status()
      const healthy = ready && problems.size === 0
      response.writeHead(healthy ? 200 : 503, { 'content-type': 'application/json' })
      response.end(
        `${JSON.stringify({ status: healthy ? 'healthy' : ready ? 'unhealthy' : 'not ready', problems: Object.fromEntries(problems) })}\n`,
      )
    })
    const url = await listen(this.#server, host, port, `extensions.${this.#cx.id}.endpoint`)
    this.#cx.listening('health', url + this.#settings.path)
  }

  async shutdown(): Promise<void> {
    this.#server?.close()
    this.#server?.closeAllConnections()
    this.#server = undefined
  }
}

export default extension({
  type: 'health_check',
  stability: 'beta',
  config,
  create: (cx, settings) => new HealthCheck(cx, settings),
})
