/** `thalamus/register` from the packed package, with the libraries that services use and the servers that these talk to: every span, once. */
import { execFile } from 'node:child_process'
import { chownSync, cpSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { pack } from '../kit/packed.ts'
import { Sink } from '../kit/sink.ts'
import { logsOf, metricsOf, Project, type Span, spansOf } from '../register/kit.ts'
import { freePorts, LOOPBACK, listens, Server } from './kit/process.ts'
import { program } from './tools.ts'

const BIN = fileURLToPath(new URL('../../node_modules/.bin', import.meta.url))
const project = new Project()
let ports: { readonly postgres: number; readonly redis: number }
const servers: Server[] = []
let sink: Sink

const run = (cwd: string, command: string, ...args: string[]) =>
  promisify(execFile)(command, args, { cwd, env: { ...process.env, PATH: `${BIN}:${process.env['PATH']}` }, maxBuffer: 1 << 24 })

beforeAll(async () => {
  const packing = join(project.folder, 'packing')
  mkdirSync(packing)
  const tarball = await pack(packing, run)
  cpSync(new URL('./register/package.json', import.meta.url), join(project.folder, 'package.json'))
  await run(project.folder, 'npm', 'install', tarball, '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund')
  const [postgres, redis] = (await freePorts(2)) as [number, number]
  ports = { postgres, redis }
  servers.push(await startPostgres(postgres), await startRedis(redis))
}, 240_000)
afterAll(async () => {
  for (const server of servers) await server[Symbol.asyncDispose]()
  project.close()
}, 240_000)
beforeEach(async () => {
  sink = await Sink.open()
})
afterEach(() => sink.close())

/** It refuses to run as root. */
async function startPostgres(port: number): Promise<Server> {
  const data = join(project.folder, 'postgres')
  mkdirSync(data)
  const asNobody: string[] = []
  if (process.getuid?.() === 0) {
    chownSync(project.folder, 0, 65534)
    chownSync(data, 65534, 65534)
    asNobody.push('setpriv', '--reuid=65534', '--regid=65534', '--clear-groups')
  }
  const as = (name: 'bin/postgres' | 'bin/initdb', ...args: string[]) => [...asNobody, ...readable(program(name)), ...args]
  const [initdb = '', ...how] = as('bin/initdb', '-D', data, '-U', 'shop', '--auth=trust', '--no-sync', '--locale=C')
  await run(project.folder, 'chmod', 'g+x', project.folder)
  await run(data, initdb, ...how)
  const [file = '', ...args] = as(
    'bin/postgres',
    '-D',
    data,
    '-p',
    `${port}`,
    '-k',
    data,
    '-c',
    `listen_addresses=${LOOPBACK}`,
    '-c',
    'fsync=off',
  )
  return Server.start({ file, args, cwd: data, ready: () => listens(port) })
}

/** The cache may be where nobody else may look: the script, which is all that is in it where the system has the server, runs from its text. */
function readable(script: string): string[] {
  const path = join(project.folder, `run-${script.slice(script.lastIndexOf('/') + 1)}`)
  cpSync(script, path)
  return ['sh', path]
}

function startRedis(port: number): Promise<Server> {
  const args = ['--port', `${port}`, '--bind', LOOPBACK, '--save', '', '--dir', project.folder]
  return Server.start({ file: program('bin/redis-server'), args, ready: () => listens(port) })
}

/** How each kind of module gets at a package: `name` is its default, `{ names }` are its named exports. */
const kinds = {
  mjs: (what: string, from: string) => `import ${what} from '${from}'`,
  cjs: (what: string, from: string) => `const ${what.replaceAll(' as ', ': ')} = require('${from}')`,
  mts: (what: string, from: string) => `import ${what} from '${from}'`,
  cts: (what: string, from: string) => `const ${what.replaceAll(' as ', ': ')} = require('${from}')`,
}

interface Case {
  readonly uses: readonly (readonly [what: string, from: string])[]
  /** the body of an async function */
  readonly body: string
  /** kind (1: internal, 2: server, 3: client), name, and where it comes from, in the order of the alphabet */
  readonly spans: readonly string[]
  check?(spans: readonly Span[]): void
}

const http = ['{ createServer, get }', 'node:http'] as const
const ask = `const ask = url => new Promise(done => get(url, answer => answer.resume().on('end', done)))`.replace('url =>', '(url) =>')
const cases: Readonly<Record<string, Case>> = {
  express: {
    uses: [['express', 'express'], http],
    body: `${ask}
      const app = express()
      app.use(express.json())
      app.use('/api', express.Router().get('/items/:id', (request, response) => response.send('hi')))
      app.get('/health', (request, response) => response.send('ok'))
      await new Promise(listening => { const server = app.listen(0, '127.0.0.1', async () => {
        const url = 'http://127.0.0.1:' + server.address().port
        await ask(url + '/api/items/7'); await ask(url + '/health'); await ask(url + '/nowhere')
        server.close(listening); server.closeAllConnections() }) })`,
    spans: [
      '1 middleware - jsonParser express',
      '1 middleware - jsonParser express',
      '1 request handler express',
      '1 router - /items/:id express',
      '2 GET /api/items/:id http',
      '2 GET http',
      '3 GET http',
      '3 GET http',
      '3 GET http',
    ],
  },
  fastify: {
    uses: [['Fastify', 'fastify'], http],
    body: `${ask}
      const app = Fastify()
      app.get('/items/:id', async () => 'hi')
      app.post('/items', async (request) => request.body)
      const url = await app.listen({ port: 0, host: '127.0.0.1' })
      await ask(url + '/items/7')
      await (await fetch(url + '/items', { method: 'POST', body: '{"a":1}', headers: { 'content-type': 'application/json' } })).text()
      app.server.closeAllConnections(); await app.close()`,
    spans: ['2 GET /items/:id http', '2 POST /items http', '3 GET http', '3 POST http'],
  },
  http: {
    uses: [http],
    body: `${ask}
      await new Promise(closed => { const server = createServer((_, response) => response.end('hi')).listen(0, '127.0.0.1', async () => {
        await ask('http://127.0.0.1:' + server.address().port + '/a'); server.close(closed); server.closeAllConnections() }) })`,
    spans: ['2 GET http', '3 GET http'],
  },
  fetch: {
    uses: [http],
    body: `void get; await new Promise(closed => { const server = createServer((_, response) => response.end('hi')).listen(0, '127.0.0.1', async () => {
        await (await fetch('http://127.0.0.1:' + server.address().port + '/a')).text(); server.close(closed); server.closeAllConnections() }) })`,
    spans: ['2 GET http', '3 GET http'],
  },
  pg: {
    uses: [['pg', 'pg']],
    body: `const client = new pg.Client({ host: '127.0.0.1', port: Number(process.env.POSTGRES), user: 'shop', database: 'postgres' })
      await client.connect()
      await client.query("select $1::text as a, 'secret' as b", ['x'])
      await client.end()
      const pool = new pg.Pool({ host: '127.0.0.1', port: Number(process.env.POSTGRES), user: 'shop', database: 'postgres' })
      await pool.query('select 42')
      await pool.end()`,
    spans: ['3 pg-pool.connect pg', '3 pg.connect pg', '3 pg.connect pg', '3 pg.query:SELECT postgres pg', '3 pg.query:SELECT postgres pg'],
    check(spans) {
      const texts = spans
        .map(({ attributes }) => attributes['db.query.text'] ?? attributes['db.statement'])
        .filter(text => text !== undefined)
      expect(texts.toSorted()).toEqual(['select $1::text as a, ? as b', 'select ?'])
    },
  },
  ioredis: {
    uses: [['{ Redis }', 'ioredis'], http],
    // Without a request around it that instrumentation makes no span.
    body: `${ask}
      const client = new Redis(Number(process.env.REDIS), '127.0.0.1')
      await client.ping()
      await new Promise(closed => { const server = createServer(async (_, response) => {
        await client.set('k', 'secret'); response.end(await client.get('k')) }).listen(0, '127.0.0.1', async () => {
        await ask('http://127.0.0.1:' + server.address().port + '/a'); server.close(closed); server.closeAllConnections() }) })
      client.disconnect()`,
    spans: ['2 GET http', '3 GET http', '3 get ioredis', '3 set ioredis'],
    check(spans) {
      expect(JSON.stringify(spans)).not.toContain('secret')
      const server = spans.find(({ kind }) => kind === 2)
      expect(
        spans
          .filter(({ parentSpanId }) => parentSpanId === server?.spanId)
          .map(({ name }) => name)
          .toSorted(),
      ).toEqual(['get', 'set'])
    },
  },
  redis: {
    uses: [['{ createClient }', 'redis']],
    body: `const client = createClient({ url: 'redis://127.0.0.1:' + process.env.REDIS })
      await client.connect(); await client.set('k', 'secret'); await client.get('k'); client.destroy()`,
    spans: ['3 redis-GET redis', '3 redis-SET redis', '3 redis-connect redis'],
    check: spans => expect(JSON.stringify(spans)).not.toContain('secret'),
  },
  pino: {
    uses: [['{ pino }', 'pino'], http],
    body: `${ask}
      const log = pino({}, pino.destination({ fd: 1, sync: true }))
      await new Promise(closed => { const server = createServer((_, response) => { log.info({ a: 1 }, 'asked'); response.end('hi') }).listen(0, '127.0.0.1', async () => {
        await ask('http://127.0.0.1:' + server.address().port + '/a'); server.close(closed); server.closeAllConnections() }) })`,
    spans: ['2 GET http', '3 GET http'],
  },
}

describe.each(Object.keys(kinds) as (keyof typeof kinds)[])('.%s', kind => {
  test.each(Object.keys(cases))('%s', async name => {
    const { uses, body, spans: expected, check } = cases[name]!
    const untyped = kind.endsWith('ts') ? 'type Typed = number\nconst typed: Typed = 1\nvoid typed\n' : ''
    project.write(
      `${name}.${kind}`,
      `${untyped}${uses.map(([what, from]) => kinds[kind](what, from)).join('\n')}\n;(async () => {\n${body}\n})()\n`,
    )
    const env = {
      OTEL_EXPORTER_OTLP_ENDPOINT: sink.url,
      OTEL_LOG_LEVEL: 'error',
      POSTGRES: `${ports.postgres}`,
      REDIS: `${ports.redis}`,
    }
    const { code, stderr, stdout } = await project.run(`${name}.${kind}`, { env })
    expect([code, stderr]).toEqual([0, ''])
    const spans = spansOf(sink)
    const shown = spans.map(({ kind, name, scope }) => `${kind} ${name} ${scope.replace(/^.*(instrumentation-|\/)/, '')}`)
    expect(shown.toSorted()).toEqual(expected)
    check?.(spans)
    if (name !== 'pino') return
    const server = spans.find(span => span.kind === 2)
    expect(JSON.parse(stdout)).toMatchObject({ msg: 'asked', a: 1, trace_id: server?.traceId, span_id: server?.spanId })
    expect(logsOf(sink)).toMatchObject([{ body: { stringValue: 'asked' }, traceId: server?.traceId, spanId: server?.spanId }])
  })
})

/** The oldest that is supported: it has no synchronous hooks that do. */
describe('on Node 22.15', () => {
  test.each((['mjs', 'cjs'] as const).flatMap(kind => Object.keys(cases).map(name => [name, kind] as const)))(
    '%s.%s',
    async (name, kind) => {
      const { uses, body, spans: expected } = cases[name]!
      const text = `${uses.map(([what, from]) => kinds[kind](what, from)).join('\n')}\n;(async () => {\n${body}\n})()\n`
      const path = project.write(`${name}.${kind}`, text)
      const env = { OTEL_EXPORTER_OTLP_ENDPOINT: sink.url, OTEL_LOG_LEVEL: 'error', POSTGRES: `${ports.postgres}`, REDIS: `${ports.redis}` }
      const node = join(project.folder, 'node_modules/node22/bin/node')
      const { code, stderr } = await project.command(node, ['--import', 'thalamus/register', path], env).ended
      expect([code, stderr]).toEqual([0, ''])
      const shown = spansOf(sink).map(({ kind, name, scope }) => `${kind} ${name} ${scope.replace(/^.*(instrumentation-|\/)/, '')}`)
      expect(shown.toSorted()).toEqual(expected)
    },
  )
})

test('metrics alone: routes without a hook', async () => {
  for (const name of ['express', 'fastify']) {
    const { uses, body } = cases[name]!
    project.write('metrics.mjs', `${uses.map(([what, from]) => kinds.mjs(what, from)).join('\n')}\n${body}\n`)
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: sink.url, OTEL_TRACES_EXPORTER: 'none', OTEL_LOGS_EXPORTER: 'none', OTEL_LOG_LEVEL: 'error' }
    const { code, stderr } = await project.run('metrics.mjs', { env })
    expect([code, stderr]).toEqual([0, ''])
    const routes = metricsOf(sink)
      .get('http.server.request.duration')
      ?.points.map(({ attributes }) => attributes['http.route'] ?? '')
    expect(routes?.toSorted()).toEqual(name === 'express' ? ['', '/api/items/:id'] : ['/items', '/items/:id'])
  }
})
