/**
 * Files of Collector users, unchanged, through the real Collector and through Thalamus: the same requests go in, and what comes out
 * at the backend, on the pages and at the health checks must be the same. What a file needs stands in comments at its top:
 *
 *   # send: traces metrics logs     what is sent to both
 *   # header: NAME: VALUE           and with what
 *   # page: VARIABLE PATH           a page of metrics that both serve where that variable says, compared series by series
 *   # get: VARIABLE PATH            a page that both answer with 200
 *   # file: NAME | TEXT             a file in the folder ${env:FOLDER}
 *   # settle: 3s                    what is decided late is waited for
 *
 * Addresses come from the environment, and nothing else is changed. The backend of each is a Collector that writes OTLP/JSON.
 */
import { globSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { eventually, Folder, finish, freePorts, get, LOOPBACK, listens, pause, Server } from './kit/process.ts'
import { rows } from './kit/rows.ts'
import { Collector, node, otlpTo, program, SIGNALS, toHttp } from './kit/servers.ts'
import { shop } from './kit/shop.ts'
import { Sink } from './kit/sink.ts'

const ROOT = join(import.meta.dirname, '../..')
const FILES = join(ROOT, 'test/config/collector')
const names = (pattern: string) => globSync(pattern, { cwd: FILES }).toSorted()
const words = (text: string, key: string) => [...text.matchAll(new RegExp(`^# ${key}: (.*)$`, 'gm'))].map(([, line]) => line!)

/** Where one of the two runs, and what it sends goes. */
class Side implements AsyncDisposable {
  readonly sink: Sink
  readonly backend: Collector
  private constructor(sink: Sink, backend: Collector) {
    this.sink = sink
    this.backend = backend
  }
  static async start(): Promise<Side> {
    const sink = await Sink.start()
    const json = toHttp(sink.httpPort, { compression: 'none', encoding: 'json' })
    return new Side(sink, await Collector.start(ports => otlpTo(ports, { otlp_http: json })))
  }
  rows(): Record<string, string[]> {
    return Object.fromEntries(SIGNALS.map(signal => [signal, rows(signal, this.sink.json(signal)).map(orderless).sort()]))
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await this.backend[Symbol.asyncDispose]()
    await this.sink[Symbol.asyncDispose]()
  }
}

/** Attributes are a set: the Collector itself changes their order when it deletes one. */
const orderless = (row: string) =>
  JSON.stringify(JSON.parse(row), (_, value) =>
    Array.isArray(value) && value.every(item => typeof item?.key === 'string') ? value.toSorted((a, b) => (a.key < b.key ? -1 : 1)) : value,
  )

interface Running extends AsyncDisposable {
  readonly server: Server
  readonly env: Readonly<Record<string, string>>
}

/** Both are told nothing but where to listen, and that own metrics shall not want a port of their own. */
async function run(who: 'otelcol' | 'thalamus', file: string, text: string, side: Side): Promise<Running> {
  const folder = new Folder()
  for (const line of words(text, 'file')) {
    const [, name, content] = /^(\S+) \| (.*)$/.exec(line)!
    folder.write(name!, content!)
  }
  const wanted = [...new Set([...text.matchAll(/\$\{env:(\w+_ENDPOINT)\b/g)].map(([, name]) => name!))]
  const [apiPort, ...ports] = await freePorts(wanted.length + 1)
  const env = {
    ...Object.fromEntries(wanted.map((name, i) => [name, `${LOOPBACK}:${ports[i]}`])),
    BACKEND_HTTP: `http://${LOOPBACK}:${side.backend.httpPort}`,
    BACKEND_GRPC: `${LOOPBACK}:${side.backend.grpcPort}`,
    STORAGE_DIRECTORY: join(folder.path, 'storage'),
    FOLDER: folder.path,
  }
  const configs = ['--config', file, '--config', 'yaml:service::telemetry::metrics::level: none']
  const ours = [join(ROOT, 'bin/thalamus.js'), ...configs, '--set', `service.api.endpoint=${LOOPBACK}:${apiPort}`]
  const server = await Server.start(
    {
      file: who === 'otelcol' ? program('otelcol') : node(),
      args: who === 'otelcol' ? configs : ours,
      env,
      ready: async () => (await Promise.all(ports.map(port => listens(port!)))).every(Boolean),
    },
    folder,
  )
  return { server, env, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() }
}

async function send(to: Running, text: string, requests: ReturnType<typeof shop>): Promise<void> {
  const headers = Object.fromEntries(words(text, 'header').map(line => line.split(/: (.*)/).slice(0, 2) as [string, string]))
  for (const signal of words(text, 'send').join(' ').split(' ') as (typeof SIGNALS)[number][]) {
    for (const request of requests[signal]) {
      const response = await fetch(`http://${to.env['OTLP_HTTP_ENDPOINT']}/v1/${signal}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify(request),
      })
      expect([response.status, await response.text()]).toEqual([200, expect.stringMatching(/^(\{\}|\{"partialSuccess":\{\}\})?$/)])
    }
  }
}

/** A failure shows what differs, and not all of it. */
function difference(got: readonly string[], want: readonly string[]): { more: string[]; fewer: string[]; counts: number } {
  const without = (a: readonly string[], b: readonly string[]) => a.filter(line => !b.includes(line)).slice(0, 3)
  return { more: without(got, want), fewer: without(want, got), counts: got.length - want.length }
}
const same = { more: [], fewer: [], counts: 0 }

/** `name{labels} value`, sorted; times and remarks are no part of it. */
const series = (page: string) =>
  page
    .split('\n')
    .filter(line => line !== '' && !line.startsWith('#'))
    .map(line =>
      line.replace(/^([^{ ]+)(\{.*\})? (\S+)( \d+)?$/, (_, name, labels = '', value) => `${name}${sorted(labels)} ${Number(value)}`),
    )
    .sort()
/** An empty label is none, for Prometheus. */
const sorted = (labels: string) =>
  `{${(labels.match(/[^{},=]+="(?:[^"\\]|\\.)*"/g) ?? []).filter(label => !label.endsWith('=""')).toSorted()}}`

describe('files that run', () => {
  let theirs: Side
  let ours: Side
  beforeAll(async () => {
    theirs = await Side.start()
    ours = await Side.start()
  })
  afterAll(async () => {
    await ours?.[Symbol.asyncDispose]()
    await theirs?.[Symbol.asyncDispose]()
  })

  test.each(names('*.yaml').filter(name => !name.endsWith('.bad.yaml') && !name.endsWith('.host.yaml')))('%s', async name => {
    const file = join(FILES, name)
    const text = readFileSync(file, 'utf8')
    for (const side of [theirs, ours]) side.sink.kept.length = 0
    const requests = shop(Date.now() - 60_000)
    await using collector = await run('otelcol', file, text, theirs)
    await using thalamus = await run('thalamus', file, text, ours)
    for (const one of [collector, thalamus]) await send(one, text, requests)
    for (const [variable, path] of words(text, 'get').map(line => line.split(' ') as [string, string]))
      for (const one of [collector, thalamus]) await get(`http://${one.env[variable]}${path}`)
    const settle = /^(\d+)s$/.exec(words(text, 'settle')[0] ?? '')
    if (settle !== null) await pause(Number(settle[1]) * 1000)
    for (const [variable, path] of words(text, 'page').map(line => line.split(' ') as [string, string])) await samePage(variable, path)
    for (const { server } of [collector, thalamus]) await server.stop('SIGTERM')
    await eventually(
      `the backends have the same\n${thalamus.server.output}`,
      () => {
        const [want, got] = [theirs.rows(), ours.rows()]
        for (const signal of SIGNALS) expect(difference(got[signal]!, want[signal]!)).toEqual(same)
        return true
      },
      5_000,
    )
    const sent = Object.values(ours.rows()).flat().length
    if (text.includes('BACKEND_')) expect(sent).toBeGreaterThan(0)

    async function samePage(variable: string, path: string): Promise<void> {
      const page = async (one: Running) => series(await get(`http://${one.env[variable]}${path}`, { accept: 'text/plain;version=0.0.4' }))
      await eventually(
        `${variable} of both is the same`,
        async () => {
          const [want, got] = [await page(collector), await page(thalamus)]
          expect(difference(got, want)).toEqual(same)
          return want.length > 10
        },
        8_000,
      )
    }
  })
})

describe('files that neither runs', () => {
  test.each(names('*.bad.yaml'))('%s', async name => {
    const file = join(FILES, name)
    const theirs = await finish(program('otelcol'), ['validate', '--config', file], { ok: [1] })
    expect(theirs).toMatch(/\S/)
    const ours = await finish(node(), [join(ROOT, 'bin/thalamus.js'), 'validate', '--config', file], { ok: [1] })
    const told = ours.split('\n').filter(line => line.startsWith(file))
    expect(told).toEqual(words(readFileSync(file, 'utf8'), 'error').map(line => line.replace(basename(file), file)))
  })
})
