import type { IncomingMessage, ServerResponse } from 'node:http'
import { z } from 'zod'
import { type Component, type Context, extension } from '../../component/component.ts'
import { PageServer, pageServerSettings } from '../../component/http-server.ts'
import { duration, endpoint, refused, withoutEffect } from '../../component/settings.ts'

const notInTheLegacy = 'the Collector itself takes this only behind a feature gate'

const config = z.strictObject({
  endpoint: endpoint().default('127.0.0.1:13133').describe('Where the health of the whole is served.'),
  path: z
    .string()
    .startsWith('/')
    .default('/')
    .describe(
      'Answers 200 while everything runs, 503 before, after, and when a component cannot go on. So does `/healthz`, whatever this is.',
    ),
  response_body: z
    .strictObject({
      healthy: z.string().default('').describe('The body while everything runs. Empty: JSON.'),
      unhealthy: z.string().default('').describe('The body otherwise. Empty: JSON that names each component and its reason.'),
    })
    .prefault({})
    .describe('Fixed answers instead of ours.'),
  check_collector_pipeline: z
    .strictObject({
      enabled: refused(
        "the Collector's own documentation says that it does not work",
        'leave it out: a component that cannot go on makes the answer 503 in any case',
        [false],
      ),
      interval: withoutEffect(duration().optional(), 'it belongs to what cannot be enabled'),
      exporter_failure_threshold: withoutEffect(z.number().int().optional(), 'it belongs to what cannot be enabled'),
    })
    .optional()
    .describe('For existing files; it cannot be enabled.'),
  http: refused(notInTheLegacy, 'set endpoint and path'),
  grpc: refused(notInTheLegacy, 'set endpoint and path, and let the probe ask over HTTP'),
  component_health: refused(notInTheLegacy, 'leave it out: the answer is 503 for as long as a component cannot go on'),
  ...pageServerSettings(),
})
type Settings = z.infer<typeof config>

/** Where probes look that know nothing of the configuration. */
const everywhere = '/healthz'

class HealthCheck implements Component {
  readonly #cx: Context
  readonly #settings: Settings
  readonly #server: PageServer

  constructor(cx: Context, settings: Settings) {
    this.#cx = cx
    this.#settings = settings
    this.#server = new PageServer(cx, settings, `extensions.${cx.id}`, (request, response) => this.#answer(request, response))
  }

  async start(): Promise<void> {
    this.#cx.listening('health', (await this.#server.start()) + this.#settings.path)
  }

  shutdown(): Promise<void> {
    return this.#server.stop()
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const path = request.url?.split('?')[0]
    if (path !== this.#settings.path && path !== everywhere) return void response.writeHead(404).end()
    const { ready, problems } = this.#cx.status()
    const healthy = ready && problems.size === 0
    const fixed = this.#settings.response_body[healthy ? 'healthy' : 'unhealthy']
    response.writeHead(healthy ? 200 : 503, { 'content-type': fixed === '' ? 'application/json' : 'text/plain; charset=utf-8' })
    const status = healthy ? 'healthy' : ready ? 'unhealthy' : 'not ready'
    response.end(fixed === '' ? `${JSON.stringify({ status, problems: Object.fromEntries(problems) })}\n` : fixed)
  }
}

export default extension({
  type: 'health_check',
  stability: 'beta',
  config,
  create: (cx, settings) => new HealthCheck(cx, settings),
})
