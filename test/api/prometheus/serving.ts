/** The API on a port of its own, over whatever store and engine a test has. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { prometheusApi } from '../../../src/api/prometheus/index.ts'
import type { QueryConfig } from '../../../src/component/configuration.ts'
import type { ScrapePool, ScrapeTarget } from '../../../src/component/targets.ts'
import type { Store } from '../../../src/model/query.ts'
import type { Engine, EngineOptions } from '../../../src/promql/engine.ts'
import { testContext } from '../../kit/context.ts'

export const now = 1_700_000_000_000

export interface Served extends AsyncDisposable {
  readonly url: string
  readonly lines: ReturnType<typeof testContext>['lines']
  readonly clock: ReturnType<typeof testContext>['clock']
  get(path: string, parameters?: Record<string, string | readonly string[]>): Promise<Answered>
  post(path: string, parameters: Record<string, string | readonly string[]>): Promise<Answered>
}
export interface Answered {
  readonly status: number
  readonly body: unknown
}

const scraped: readonly ScrapeTarget[] = [
  {
    ...{
      job: 'a',
      url: 'http://h:1/metrics',
      labels: { job: 'a', instance: 'h:1' },
      discovered: { __address__: 'h:1' },
      interval: 15_000,
      timeout: 10_000,
    },
    ...{ health: 'down', lastError: 'why', lastScrape: now, lastDuration: 250 },
  },
  {
    ...{ job: 'b', url: 'http://h:2/metrics', labels: { job: 'b', instance: 'h:2' }, discovered: {}, interval: 60_000, timeout: 10_000 },
    ...{ health: 'unknown', lastError: '', lastScrape: undefined, lastDuration: 0 },
  },
]

const pools: readonly ScrapePool[] = scraped.map(target => ({
  job: target.job,
  targets: [target],
  dropped: target.job === 'a' ? [{ __address__: 'h:3' }] : [],
  droppedCount: target.job === 'a' ? 2 : 0,
}))

export const defaultSettings: QueryConfig = {
  lookbackMs: 300_000,
  timeoutMs: 120_000,
  maxSamples: 50_000_000,
  maxConcurrency: 20,
  features: [],
  externalLabels: {},
  backend: undefined,
}

export async function serve(
  store: Store | undefined,
  engine: (options: Partial<EngineOptions>) => Engine,
  settings: Partial<QueryConfig> = {},
): Promise<Served> {
  const cx = testContext()
  const handlers = prometheusApi({
    clock: cx.clock,
    log: cx.log,
    settings: () => ({ ...defaultSettings, ...settings }),
    store: () => store,
    engine,
    targets: () => pools,
    rules: () => [],
    server: () => ({
      ...{ version: '0.1.0', runtime: 'v24', startTime: now, lastConfigTime: now, reloadSucceeded: true, hostname: 'here', threads: 1 },
      configuration: () => 'receivers: {}\n',
    }),
  })
  const server = createServer((request, response) => {
    const path = request.url!.split('?')[0]!
    const found = handlers.find(([mounted]) => mounted === path || (mounted.endsWith('/') && path.startsWith(mounted)))
    if (found === undefined) response.writeHead(404).end()
    else found[1](request, response)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const answered = async (response: Response): Promise<Answered> => {
    const text = await response.text()
    return { status: response.status, body: text.startsWith('{') ? JSON.parse(text) : text }
  }
  return {
    url,
    lines: cx.lines,
    clock: cx.clock,
    get: async (path, parameters = {}) => answered(await fetch(`${url}/api/v1/${path}?${encoded(parameters)}`)),
    post: async (path, parameters) => answered(await fetch(`${url}/api/v1/${path}`, { method: 'POST', body: encoded(parameters) })),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

function encoded(parameters: Record<string, string | readonly string[]>): URLSearchParams {
  const form = new URLSearchParams()
  for (const [name, values] of Object.entries(parameters)) for (const value of [values].flat()) form.append(name, value as string)
  return form
}
