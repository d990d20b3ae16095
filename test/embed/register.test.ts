/** THALAMUS_EMBED=1: the pipeline inside an instrumented service, each a process of its own, as a user's is. */
import { createServer, type Server } from 'node:net'
import { gunzipSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { Sink } from '../kit/sink.ts'
import { type Options, Project } from '../register/kit.ts'

let project: Project
let sink: Sink
beforeAll(() => {
  project = Project.built()
}, 60_000)
afterAll(() => project.close())
beforeEach(async () => {
  sink = await Sink.open()
})
afterEach(() => sink.close())

/** What is forwarded is protobuf: names and texts stand in it as they are. */
const texts = (signal: string) =>
  sink.bodies.filter(({ path }) => path === `/v1/${signal}`).map(({ body }) => (body[0] === 0x1f ? gunzipSync(body) : body))
const sunk = (signal: string, text: string) => texts(signal).filter(body => body.includes(text)).length
const config = (more = '') => `
receivers: { otlp: { protocols: { http: { endpoint: 127.0.0.1:0 } } }, self: { collection_interval: 100ms } }
exporters: { otlp_http: { endpoint: '${sink.url}', compression: none } }
service:
  telemetry: { logs: { level: error }, metrics: { readers: [] } }
  api: { enabled: false }
  pipelines:
    metrics: { receivers: [otlp, self], exporters: [otlp_http] }
    traces: { receivers: [otlp], exporters: [otlp_http] }
    logs: { receivers: [otlp], exporters: [otlp_http] }
${more}`
const embedded = (env: Readonly<Record<string, string>> = {}): Options => {
  const file = project.write('pipeline.yaml', config())
  return { env: { THALAMUS_EMBED: '1', THALAMUS_CONFIG: file, ...env } }
}

const requests = `import { createServer } from 'node:http'
const server = createServer((request, response) => { console.log('got', request.url); response.end('ok') })
server.listen(0, '127.0.0.1', async () => {
  await (await fetch('http://127.0.0.1:' + server.address().port + '/a')).text()
  server.close()
  server.closeAllConnections()
})`

describe('a service with its pipeline inside', () => {
  test('what is recorded reaches the destination through the pipeline, and nothing else is sent', async () => {
    project.write('app.mjs', requests)
    const { code, stdout, stderr } = await project.run('app.mjs', embedded())
    expect(stderr).toMatch(
      /^thalamus: cart: http, fetch, console; traces, logs, metrics to the pipeline in this process; otlp on http:\/\/127\.0\.0\.1:\d+\n$/,
    )
    expect([code, stdout]).toEqual([0, 'got /a\n'])
    expect(sunk('traces', 'http://127.0.0.1')).toBeGreaterThan(0)
    expect(sunk('logs', 'got /a')).toBe(1)
    expect(sunk('metrics', 'http.server.request.duration')).toBeGreaterThan(0)
    // The loop and the heap are those of the thread that serves.
    expect(sunk('metrics', 'nodejs.eventloop.utilization')).toBeGreaterThan(0)
  })

  test('typed instruments of the application go the same way', async () => {
    project.write(
      'typed.mjs',
      `import { instruments } from 'thalamus/instruments'
       instruments.signal.samplesLost.with({ 'stream.id': 'eeg-1', 'neural.loss.kind': 'gap' }).add(3)`,
    )
    const { code } = await project.run('typed.mjs', embedded({ OTEL_LOG_LEVEL: 'none' }))
    expect(code).toBe(0)
    expect(sunk('metrics', 'eeg-1')).toBeGreaterThan(0)
  })

  test('the worker inherits neither --import nor NODE_OPTIONS', async () => {
    const preload = project.write(
      'preload.mjs',
      "import { isMainThread, threadId } from 'node:worker_threads'\nprocess.stdout.write(`preloaded ${isMainThread}\\n`)",
    )
    project.write('quiet.mjs', 'setTimeout(() => {}, 50)')
    const options = embedded({ OTEL_LOG_LEVEL: 'none', NODE_OPTIONS: `--import ${preload}` })
    const { stdout } = await project.run('quiet.mjs', { ...options, node: ['--import', preload] })
    expect(stdout).toMatch(/^(preloaded true\n)+$/)
  })
})

describe('how a process ends is as without it, and what waits is delivered', () => {
  test.each<[string, string, string?]>([
    ['at once', ''],
    ['on its own', "console.log('said')"],
    ['process.exit', "console.log('said'); process.exit(3)"],
    ['an error', "console.log('said'); throw new Error('boom')"],
    ['a rejection', "console.log('said'); Promise.reject(new Error('rejected'))"],
    ['SIGTERM', "console.log('said'); setInterval(() => {}, 1e6)", 'SIGTERM'],
    ['a script that is none', "await import('./not-there.mjs')"],
  ])('%s', async (_, text, signal) => {
    project.write('ends.mjs', text)
    const end = async (options: Options) => {
      const running = project.start('ends.mjs', options)
      if (signal !== undefined) {
        await running.printed('said')
        running.kill(signal as NodeJS.Signals)
      }
      const { stderr, ...ended } = await running.ended
      return { ...ended, stderr: stderr.replaceAll(/^ {4}at .*\n/gm, '') }
    }
    const bare = await end({ bare: true })
    expect(await end(embedded({ OTEL_LOG_LEVEL: 'error' }))).toEqual(bare)
    expect(sunk('logs', 'said')).toBe(text.includes('said') ? 1 : 0)
  })

  test('a destination that never answers is waited for two seconds, and what is lost is counted', async () => {
    sink.answer = () => undefined
    project.write('lost.mjs', "console.log('said')")
    const { code, stderr } = await project.run('lost.mjs', embedded({ OTEL_LOG_LEVEL: 'warn', OTEL_METRICS_EXPORTER: 'none' }))
    expect(code).toBe(0)
    const lines = stderr.split('\n').filter(line => line.startsWith('thalamus:'))
    expect(lines).toEqual([expect.stringMatching(/^thalamus: not delivered: \d+ .*1 log record that the pipeline held|1 log record that/)])
  })
})

describe('where the pipeline cannot start, the service is instrumented as without it', () => {
  let taken: Server
  let port: number
  beforeEach(async () => {
    taken = createServer()
    await new Promise<void>(resolve => taken.listen(0, '127.0.0.1', resolve))
    port = (taken.address() as { port: number }).port
  })
  afterEach(() => new Promise(resolve => taken.close(resolve)))

  test.each<[string, () => string, RegExp]>([
    ['a port that is taken', () => config().replace('127.0.0.1:0', `127.0.0.1:${port}`), /http\.endpoint: 127\.0\.0\.1:\d+ is taken/],
    ['a wrong configuration', () => config().replace('receivers: [otlp, self]', 'receivers: [otpl]'), /"otpl"/],
    ['a file that is not there', () => '', /no such file/],
  ])('%s', async (_, text, why) => {
    project.write('said.mjs', "console.log('said')")
    const file = text() === '' ? '/nowhere.yaml' : project.write('wrong.yaml', text())
    const env = { THALAMUS_EMBED: '1', THALAMUS_CONFIG: file, OTEL_EXPORTER_OTLP_ENDPOINT: sink.url }
    const { code, stderr } = await project.run('said.mjs', { env })
    expect(code).toBe(0)
    expect(stderr).toMatch(
      new RegExp(`^thalamus: cart: http, fetch, console; traces, logs, metrics to ${sink.url}; not: the pipeline in this process: `),
    )
    expect(stderr).toMatch(why)
    expect(stderr.trimEnd().split('\n')).toHaveLength(1)
    expect(sunk('logs', 'said')).toBe(1)
  })

  test('what is asked for in vain is said', async () => {
    project.write('said.mjs', "console.log('said')")
    const { stderr } = await project.run('said.mjs', { env: { THALAMUS_EMBED: 'yes', OTEL_EXPORTER_OTLP_ENDPOINT: sink.url } })
    expect(stderr).toContain('THALAMUS_EMBED: must be true or false, got "yes"; it is false')
  })
})

test('the workers of a cluster share the pipeline of their primary', async () => {
  project.write(
    'cluster.mjs',
    `import cluster from 'node:cluster'
     if (cluster.isPrimary) {
       for (const n of [1, 2]) cluster.fork({ N: n })
       let left = 2
       cluster.on('exit', () => { if (--left === 0) console.log('primary') })
     } else {
       console.log('worker ' + process.env.N)
       cluster.worker.disconnect()
     }`,
  )
  const { code, stdout, stderr } = await project.run('cluster.mjs', embedded())
  expect(code).toBe(0)
  expect(stdout.trim().split('\n').toSorted()).toEqual(['primary', 'worker 1', 'worker 2'])
  // One pipeline, one line.
  expect(stderr.trimEnd().split('\n')).toHaveLength(1)
  for (const text of ['primary', 'worker 1', 'worker 2']) expect(sunk('logs', text), text).toBe(1)
})

describe('without a file', () => {
  test('metrics are on a page, all signals are forwarded where a destination is named, and a second service takes the next ports', async () => {
    project.write(
      'two.mjs',
      `console.log('said')
       const [url] = process.env.THALAMUS_EMBEDDED.split(' ')
       process.stdout.write(url + '\\n')
       process.on('SIGTERM', () => process.exit(0))
       setInterval(() => {}, 1e6)`,
    )
    const env = {
      THALAMUS_EMBED: '1',
      OTEL_EXPORTER_OTLP_ENDPOINT: sink.url,
      OTEL_SERVICE_NAME: 'shop-one',
      OTEL_METRIC_EXPORT_INTERVAL: '50',
    }
    const services = [project.start('two.mjs', { env }), project.start('two.mjs', { env: { ...env, OTEL_SERVICE_NAME: 'shop-two' } })]
    using _end = { [Symbol.dispose]: () => services.forEach(service => void service.kill('SIGKILL')) }
    const lines = await Promise.all(services.map(service => service.printed('http://127.0.0.1:')))
    const pages = lines.map(line => /prometheus on ([^\s;]+)/.exec(line)?.[1] ?? '')
    expect(new Set(pages).size).toBe(2)
    expect(new Set(lines.map(line => /otlp on ([^\s;]+)/.exec(line)?.[1])).size).toBe(2)
    for (const line of lines) expect(line).toContain('traces, logs, metrics to the pipeline in this process')
    // Of the second too, so that its page has it.
    await sink.until(() => texts('metrics').some(body => body.includes('nodejs.eventloop.utilization') && body.includes('shop-two')))
    expect(await (await fetch(pages[1]!)).text()).toMatch(/^nodejs_eventloop_utilization_ratio\{/m)
    for (const service of services) service.kill('SIGTERM')
    for (const { code } of await Promise.all(services.map(({ ended }) => ended))) expect(code).toBe(0)
    expect(sunk('logs', 'said')).toBe(2)
  })

  test('signals that no pipeline takes are not recorded, and that is said', async () => {
    project.write('said.mjs', "console.log('said')")
    const { stderr } = await project.run('said.mjs', { env: { THALAMUS_EMBED: '1' } })
    expect(stderr).toMatch(
      /^thalamus: cart: http, fetch; metrics to the pipeline in this process; .*; not: traces, logs: no pipeline takes them\n$/,
    )
  })
})

test('a pipeline that dies takes nobody with it: one line, and what is lost is counted', async () => {
  // More series than its heap can hold.
  project.write(
    'greedy.mjs',
    `const [url] = process.env.THALAMUS_EMBEDDED.split(' ')
     const point = n => ({ timeUnixNano: '1700000000000000000', asInt: 1, attributes: [{ key: 'n', value: { stringValue: String(n) } }] })
     let first = 0
     const flood = async () => {
       first += 4e4
       const dataPoints = Array.from({ length: 4e4 }, (_, i) => point(first + i))
       const body = JSON.stringify({ resourceMetrics: [{ scopeMetrics: [{ metrics: [{ name: 'many', gauge: { dataPoints } }] }] }] })
       await fetch(url + '/v1/metrics', { method: 'POST', headers: { 'content-type': 'application/json' }, body }).catch(() => { globalThis.over = true })
     }
     process.on('SIGTERM', () => { console.log('still here'); process.exit(5) })
     setInterval(() => {}, 1e6)
     while (!globalThis.over) await flood()`,
  )
  const file = project.write(
    'greedy.yaml',
    `receivers: { otlp: { protocols: { http: { endpoint: 127.0.0.1:0 } } } }
exporters: { prometheus: { endpoint: 127.0.0.1:0 }, otlp_http: { endpoint: '${sink.url}' } }
service:
  telemetry: { logs: { level: error }, metrics: { readers: [] } }
  api: { enabled: false }
  pipelines:
    metrics: { receivers: [otlp], exporters: [prometheus] }
    logs: { receivers: [otlp], exporters: [otlp_http] }`,
  )
  const env = {
    THALAMUS_EMBED: '1',
    THALAMUS_CONFIG: file,
    THALAMUS_EMBED_MEMORY_MIB: '64',
    OTEL_LOG_LEVEL: 'warn',
    OTEL_TRACES_EXPORTER: 'none',
  }
  const running = project.start('greedy.mjs', { env })
  await running.printed('has ended')
  running.kill('SIGTERM')
  const { code, stdout, stderr } = await running.ended
  expect([code, stdout]).toEqual([5, 'still here\n'])
  const lines = stderr.split('\n').filter(line => line.startsWith('thalamus:'))
  expect(lines[0]).toMatch(/^thalamus: the pipeline in this process has ended: .*memory limit.*; what is recorded from here on is lost$/)
  expect(lines[1]).toMatch(/^thalamus: not delivered: .*1 log record to the pipeline in this process/)
  expect(lines).toHaveLength(2)
}, 120_000)
