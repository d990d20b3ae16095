import { createServer } from 'node:net'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { Sink } from '../kit/sink.ts'
import { type Ended, logsOf, metricsOf, type Options, Project, spansOf } from './kit.ts'

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

const toSink = (env: Readonly<Record<string, string>> = {}): Options => ({ env: { OTEL_EXPORTER_OTLP_ENDPOINT: sink.url, ...env } })
/** A server that asks itself by http.get and by fetch, with a name that was imported before anybody could have patched it. */
const requests = `
const server = createServer((request, response) => {
  let text = ''
  request.on('data', piece => (text += piece))
  request.on('end', () => { console.log('got', request.url, text); response.statusCode = request.url === '/bad' ? 500 : 200; response.end('ok') })
})
server.listen(0, '127.0.0.1', async () => {
  const url = 'http://127.0.0.1:' + server.address().port
  await new Promise(done => get(url + '/a?token=abc&b=1', answer => answer.resume().on('end', done)))
  await (await fetch(url + '/b', { method: 'POST', body: 'hello' })).text()
  await (await fetch(url + '/bad')).text()
  await (await fetch(url + '/healthz')).text()
  server.close()
  server.closeAllConnections()
})`
const apps = {
  'app.mjs': `import { createServer, get } from 'node:http'\n${requests}`,
  'app.cjs': `const { createServer, get } = require('node:http')\n${requests}`,
  'app.mts': `import { createServer, get, type Server } from 'node:http'\nlet typed: Server | undefined\nvoid typed\n${requests}`,
  'app.cts': `const { createServer, get } = require('node:http') as typeof import('node:http')\n${requests}`,
}

describe.each(Object.keys(apps) as (keyof typeof apps)[])('%s', name => {
  test('every request is covered once, with its parent, and what is printed with its trace', async () => {
    project.write(name, apps[name])
    const { code, stderr, stdout } = await project.run(name, toSink())
    expect(stderr).toBe(`thalamus: cart: http, fetch, console; traces, logs, metrics to ${sink.url}\n`)
    expect(stdout).toBe('got /a?token=abc&b=1 \ngot /b hello\ngot /bad \ngot /healthz \n')
    expect(code).toBe(0)
    const spans = spansOf(sink)
    // The last is the client's call to /healthz, which the server leaves out.
    expect(spans.map(({ kind, name, status }) => [kind, name, status.code ?? 0]).toSorted()).toEqual([
      [2, 'GET', 0],
      [2, 'GET', 2],
      [2, 'POST', 0],
      [3, 'GET', 0],
      [3, 'GET', 0],
      [3, 'GET', 2],
      [3, 'POST', 0],
    ])
    const clients = new Map(spans.filter(({ kind }) => kind === 3).map(span => [span.spanId, span]))
    for (const { kind, parentSpanId, traceId } of spans) if (kind === 2) expect(clients.get(parentSpanId ?? '')?.traceId).toBe(traceId)
    const [a] = spans.filter(({ kind, attributes }) => kind === 2 && attributes['url.path'] === '/a')
    expect(a?.attributes).toMatchObject({
      'http.request.method': 'GET',
      'url.scheme': 'http',
      'url.query': 'token=REDACTED&b=1',
      'http.response.status_code': 200,
      'server.address': '127.0.0.1',
    })
    expect(a?.resource).toMatchObject({ 'service.name': 'cart', 'service.version': '1.2.3', 'telemetry.distro.name': 'thalamus' })
    const posted = spans.find(({ kind, name }) => kind === 2 && name === 'POST')
    const printed = logsOf(sink).find(({ body }) => body.stringValue === 'got /b hello')
    expect([printed?.traceId, printed?.spanId]).toEqual([posted?.traceId, posted?.spanId])
    const durations = metricsOf(sink)
    const counts = (metric: string) => durations.get(metric)?.points.reduce((sum, { count }) => sum + count, 0)
    expect([counts('http.server.request.duration'), counts('http.client.request.duration')]).toEqual([3, 4])
    for (const metric of ['nodejs.eventloop.utilization', 'v8js.memory.heap.used', 'process.cpu.time', 'system.memory.usage'])
      expect(durations.get(metric)?.points.length, metric).toBeGreaterThan(0)
  })
})

describe('how a process ends is as without us, and what waits is delivered', () => {
  test.each<[string, string, string?]>([
    ['on its own', "console.log('said')"],
    ['process.exit', "console.log('said'); process.exit(3)"],
    ['process.exitCode', "console.log('said'); process.exitCode = 4"],
    ['process.exit in a handler of its own', "process.on('exit', () => { process.exitCode = 9 }); console.log('said')"],
    ['an error', "console.log('said'); throw new Error('boom')"],
    ['an error, later', "console.log('said'); setTimeout(() => { throw new TypeError('late') }, 1)"],
    ['a rejection', "console.log('said'); Promise.reject(new Error('rejected'))"],
    ['SIGTERM', "console.log('said'); setInterval(() => {}, 1e6)", 'SIGTERM'],
    ['SIGINT', "console.log('said'); setInterval(() => {}, 1e6)", 'SIGINT'],
    ['SIGTERM, handled', "process.on('SIGTERM', () => process.exit(7)); console.log('said'); setInterval(() => {}, 1e6)", 'SIGTERM'],
    [
      'SIGTERM, where others count the listeners',
      `const mine = () => { if (process.listeners('SIGTERM').length === 1) { process.off('SIGTERM', mine); process.kill(process.pid, 'SIGTERM') } }
       process.on('SIGTERM', mine); console.log('said'); setInterval(() => {}, 1e6)`,
      'SIGTERM',
    ],
    ['a script that is none', "console.log('said'); await import('./not-there.mjs')"],
  ])('%s', async (_, text, signal) => {
    project.write('ends.mjs', text)
    const end = async (options: Options) => {
      const running = project.start('ends.mjs', options)
      if (signal !== undefined) {
        await running.printed('said')
        running.kill(signal as NodeJS.Signals)
      }
      return running.ended
    }
    const bare = await end({ bare: true })
    const ended = await end(toSink({ OTEL_LOG_LEVEL: 'error' }))
    expect(plain(ended)).toEqual(plain(bare))
    expect(logsOf(sink).map(({ body }) => body.stringValue)).toEqual(['said'])
  })

  test('a signal that the application ignores is ignored', async () => {
    project.write('ignores.mjs', "process.on('SIGTERM', () => console.log('no')); console.log('said'); setInterval(() => {}, 1e6)")
    const running = project.start('ignores.mjs', toSink())
    await running.printed('said')
    running.kill('SIGTERM')
    await running.printed('no')
    running.kill('SIGKILL')
    expect((await running.ended).signal).toBe('SIGKILL')
  })
})

describe('a destination that is not there', () => {
  const app = "console.log('said')"
  test.each(['http/json', 'http/protobuf', 'grpc'])('%s: one line says what is lost, and the exit is as ever', async protocol => {
    project.write('lost.mjs', `${app}; process.exit(6)`)
    const env = {
      OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9',
      OTEL_LOG_LEVEL: 'error',
      OTEL_METRICS_EXPORTER: 'none',
    }
    const { code, stderr, stdout } = await project.run('lost.mjs', { env })
    expect([code, stdout]).toEqual([6, 'said\n'])
    const place = protocol === 'grpc' ? 'http://127.0.0.1:9' : 'http://127.0.0.1:9/v1/logs'
    expect(stderr).toBe(`thalamus: not delivered: 1 log record to ${place} (no connection)\n`)
  })

  test('one that never answers is waited for two seconds', async () => {
    sink.answer = () => undefined
    project.write('lost.mjs', app)
    const { code, stderr } = await project.run('lost.mjs', toSink({ OTEL_LOG_LEVEL: 'error', OTEL_METRICS_EXPORTER: 'none' }))
    expect([code, stderr]).toEqual([0, `thalamus: not delivered: 1 log record to ${sink.url}/v1/logs (no answer within 2 s)\n`])
  })

  test('one that refuses is told', async () => {
    sink.answer = () => ({ status: 400 })
    project.write('lost.mjs', app)
    const { stderr } = await project.run('lost.mjs', toSink({ OTEL_LOG_LEVEL: 'error', OTEL_METRICS_EXPORTER: 'none' }))
    expect(stderr).toBe(`thalamus: not delivered: 1 log record to ${sink.url}/v1/logs (refused)\n`)
  })

  test('attempts under way do not hold a process that is done', async () => {
    let attempts = 0
    sink.answer = () => {
      attempts++
      return { status: 503 }
    }
    // Refused for now, and to be tried again in a second: the application is done before.
    project.write('done.mjs', "console.log('said'); setTimeout(() => {}, 300)")
    const { stderr } = await project.run(
      'done.mjs',
      toSink({ OTEL_BLRP_SCHEDULE_DELAY: '1', OTEL_METRICS_EXPORTER: 'none', OTEL_LOG_LEVEL: 'error' }),
    )
    expect(stderr).toBe(`thalamus: not delivered: 1 log record to ${sink.url}/v1/logs (refused)\n`)
    expect(attempts).toBe(2)
  })
})

describe('metrics that are pulled', () => {
  const app = `import { get } from 'node:http'
    const page = await (await fetch(process.argv[2])).text()
    process.stdout.write(page)`
  test.each<[string, RegExp, RegExp]>([
    ['prometheus', /^nodejs_eventloop_utilization_ratio\{/m, /^v8js_memory_heap_used_bytes\{/m],
    ['prometheus_sdk', /^nodejs_eventloop_utilization\{/m, /^v8js_memory_heap_used\{/m],
  ])('%s serves a page', async (exporter, ...patterns) => {
    project.write('pulled.mjs', app)
    const free = await freePort()
    const env = {
      OTEL_METRICS_EXPORTER: exporter,
      OTEL_EXPORTER_PROMETHEUS_PORT: `${free}`,
      OTEL_TRACES_EXPORTER: 'none',
      OTEL_LOGS_EXPORTER: 'none',
    }
    const { code, stdout, stderr } = await project.run('pulled.mjs', { env, args: [`http://localhost:${free}/metrics`] })
    expect(stderr).toBe(`thalamus: cart: http, fetch; metrics to http://localhost:${free}/metrics\n`)
    for (const pattern of patterns) expect(stdout).toMatch(pattern)
    expect(code).toBe(0)
  })

  test.each(['prometheus', 'prometheus_sdk'])(
    '%s: a port that is taken and was not asked for is passed by, and one that was is said',
    async exporter => {
      project.write('pulled.mjs', "console.log('runs')")
      const taken = createServer()
      const port = await new Promise<number>(resolve =>
        taken.listen(9464, 'localhost', () => resolve(9464)).on('error', () => resolve(9464)),
      )
      const env = { OTEL_METRICS_EXPORTER: exporter, OTEL_TRACES_EXPORTER: 'none', OTEL_LOGS_EXPORTER: 'none' }
      const moved = await project.run('pulled.mjs', { env })
      expect(moved).toMatchObject({ code: 0, stdout: 'runs\n' })
      expect(moved.stderr).toMatch(
        /^thalamus: cart: http, fetch; metrics to http:\/\/localhost:94(6[5-9]|[78]\d)\/metrics \(9464 is taken\)\n$/,
      )
      const refused = await project.run('pulled.mjs', { env: { ...env, OTEL_EXPORTER_PROMETHEUS_PORT: `${port}` } })
      expect(refused).toMatchObject({ code: 0, stdout: 'runs\n' })
      expect(refused.stderr).toMatch(/not: metrics on localhost:9464: .*EADDRINUSE/)
      await new Promise(resolve => taken.close(resolve))
    },
  )
})

test.each<[string, Readonly<Record<string, string>>, boolean]>([
  ['metrics alone', { OTEL_TRACES_EXPORTER: 'none', OTEL_LOGS_EXPORTER: 'none' }, false],
  ['traces too', {}, true],
])('what nobody asks for is not loaded: %s', async (_, env, loaded) => {
  project.write('loads.cjs', "console.log(Object.keys(require.cache).some(path => path.includes('@grpc/grpc-js')))")
  const { stdout } = await project.run('loads.cjs', toSink(env))
  expect(stdout).toBe(`${loaded}\n`)
  expect(metricsOf(sink).get('nodejs.eventloop.utilization')?.points).toHaveLength(1)
})

test("the SDK's own metrics of spans count the request's", async () => {
  project.write('counted.mjs', apps['app.mjs'])
  await project.run('counted.mjs', toSink({ OTEL_NODE_EXPERIMENTAL_SDK_METRICS: 'true' }))
  const points = metricsOf(sink).get('otel.sdk.span.started')?.points ?? []
  expect(points.reduce((sum, { value }) => sum + Number(value), 0)).toBe(spansOf(sink).length)
})

test("spans of the application are below the request's, and what it says of the request's is told", async () => {
  project.link('@opentelemetry/api')
  project.write(
    'within.mjs',
    `import { createServer } from 'node:http'
     import { trace } from '@opentelemetry/api'
     const tracer = trace.getTracer('app')
     const server = createServer((_, response) => {
       trace.getActiveSpan().setAttribute('cart.size', 3).addEvent('seen', { by: 'app' })
       tracer.startActiveSpan('outer', outer => setTimeout(() => tracer.startActiveSpan('inner', inner => {
         inner.end()
         outer.end()
         response.end('ok')
       })))
     })
     server.listen(0, async () => {
       await (await fetch('http://127.0.0.1:' + server.address().port)).text()
       server.close()
       server.closeAllConnections()
     })`,
  )
  await project.run('within.mjs', toSink({ OTEL_LOGS_EXPORTER: 'none', OTEL_METRICS_EXPORTER: 'none' }))
  const spans = new Map(spansOf(sink).map(span => [span.kind === 2 ? 'server' : span.name, span]))
  const parent = (name: string) => [...spans].find(([, { spanId }]) => spanId === spans.get(name)?.parentSpanId)?.[0]
  expect(['inner', 'outer', 'server'].map(parent)).toEqual(['outer', 'server', 'GET'])
  expect(spans.get('server')).toMatchObject({ attributes: { 'cart.size': 3 }, events: [{ name: 'seen' }] })
})

test.each([
  ['otlp', 'cumulative'],
  ['otlp', 'lowmemory'],
  ['prometheus', 'delta'],
])('typed instruments go where the metrics go: %s, %s', async (exporter, preference) => {
  project.write(
    'typed.mjs',
    `import { instruments } from 'thalamus'
     instruments.cache.requests.with({ hit: true }).add(3)
     instruments.device.latency.with({ 'stream.id': 'eeg-1' }).record(0.02)
     if (process.argv[2]) process.stdout.write(await (await fetch(process.argv[2])).text())`,
  )
  const port = await freePort()
  const env = {
    OTEL_METRICS_EXPORTER: exporter,
    OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: preference,
    OTEL_EXPORTER_PROMETHEUS_PORT: `${port}`,
    OTEL_LOGS_EXPORTER: 'none',
    OTEL_LOG_LEVEL: 'error',
  }
  const args = exporter === 'prometheus' ? [`http://localhost:${port}/metrics`] : []
  const { stdout, stderr } = await project.run('typed.mjs', { ...toSink(env), args })
  expect(stderr).toBe('')
  if (exporter === 'prometheus') {
    expect(stdout).toMatch(/^cache_requests_total\{.*\} 3$/m)
    expect(stdout).toMatch(/^neural_device_latency_seconds_count\{.*\} 1$/m)
  } else {
    const found = metricsOf(sink)
    expect(found.get('cache.requests')?.points).toMatchObject([{ attributes: { hit: true } }])
    expect(found.get('neural.device.latency')?.points).toMatchObject([{ attributes: { 'stream.id': 'eeg-1' }, count: 1 }])
    const [delta, cumulative] = [1, 2]
    const temporality = ['cache.requests', 'neural.device.latency'].map(name => found.get(name)?.temporality)
    expect(temporality).toEqual([cumulative, preference === 'lowmemory' ? delta : cumulative])
  }
})

test('typed histograms are on the console, where metrics are', async () => {
  project.write(
    'printed.mjs',
    `import { instruments } from 'thalamus'
     const { dir } = console
     const alive = setInterval(() => {}, 1000)
     console.dir = (what, how) => {
       dir(what, how)
       if (what.descriptor?.name === 'neural.device.latency') clearInterval(alive)
     }
     instruments.device.latency.with({ 'stream.id': 'eeg-1' }).record(0.02)`,
  )
  const env = { OTEL_METRICS_EXPORTER: 'console', OTEL_METRIC_EXPORT_INTERVAL: '100', OTEL_LOGS_EXPORTER: 'none', OTEL_LOG_LEVEL: 'error' }
  const { stdout, stderr } = await project.run('printed.mjs', toSink(env))
  expect(stderr).toBe('')
  expect(stdout).toMatch(/name: 'neural\.device\.latency'[\s\S]*'stream\.id': 'eeg-1'/)
})

describe('thalamus exec', () => {
  test('runs what it is given in its place, with all Node programs below instrumented', async () => {
    project.write(
      'below.cjs',
      'console.log(process.ppid === Number(process.env.WATCHED), process.argv.slice(2).join()); process.exitCode = 5',
    )
    const options = toSink({ OTEL_METRICS_EXPORTER: 'none', WATCHED: `${process.pid}` })
    const { code, stdout, stderr } = await project.exec(['--', 'node', 'below.cjs', '--a=1', 'b'], options.env)
    // Our child itself, and no child of it: signals and exit codes are its own.
    expect([code, stdout]).toEqual([5, 'true --a=1,b\n'])
    expect(stderr).toBe(`thalamus: cart: http, fetch, console; traces, logs to ${sink.url}\n`)
    expect(logsOf(sink).map(({ body }) => body.stringValue)).toEqual(['true --a=1,b'])
  })

  test('says when there is no such program', async () => {
    expect(await project.exec(['--', 'no-such-program'], {})).toMatchObject({
      code: 127,
      stderr: 'no program is called "no-such-program"\n',
    })
  })
})

describe('what is no plain service', () => {
  test('events of requests and responses reach their listeners as they were emitted', async () => {
    project.write(
      'emits.mjs',
      `import { createServer, get } from 'node:http'
       const emits = emitter => {
         const heard = []
         emitter.on('x', function (...given) { heard.push([this === emitter, ...given]) })
         const told = [emitter.emit('x'), emitter.emit('x', undefined), emitter.emit('x', 1), emitter.emit('x', undefined, 2, undefined), emitter.emit('y', 1)]
         return JSON.stringify([heard, told])
       }
       const server = createServer((request, response) => {
         const [before, answer] = [emits(request), emits(response)]
         setImmediate(() => response.end(before + ' ' + answer))
       }).listen(0, '127.0.0.1', () => get({ port: server.address().port, host: '127.0.0.1' }, response => {
         response.setEncoding('utf8').on('data', text => console.log(text)).on('end', () => server.close())
       }))`,
    )
    const { code, stdout } = await project.run('emits.mjs', toSink())
    const plain = '[[[true],[true,null],[true,1],[true,null,2,null]],[true,true,true,true,false]]'
    expect([code, stdout]).toEqual([0, `${plain} ${plain}\n`])
  })

  test('threads and forked processes are left as they are, and say nothing', async () => {
    project.write('worker.mjs', "import { parentPort } from 'node:worker_threads'; parentPort.postMessage(process.execArgv.length)")
    project.write('child.mjs', "process.send('hello'); process.disconnect()")
    project.write(
      'parent.mjs',
      `import { fork } from 'node:child_process'
       import { Worker } from 'node:worker_threads'
       const from = (emitter, event) => new Promise(resolve => emitter.once(event, resolve))
       const worker = new Worker(new URL('./worker.mjs', import.meta.url))
       console.log('worker', await from(worker, 'message'), await from(worker, 'exit'))
       const child = fork(new URL('./child.mjs', import.meta.url))
       console.log('child', await from(child, 'message'), await from(child, 'exit'))`,
    )
    const { code, stdout, stderr } = await project.run('parent.mjs', toSink())
    expect([code, stdout]).toEqual([0, 'worker 2 0\nchild hello 0\n'])
    expect(stderr.split('\n').filter(Boolean)).toHaveLength(1)
    // Where nothing is delivered their parent says so, and they do not.
    const lost = await project.run('parent.mjs', { env: { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9', OTEL_LOG_LEVEL: 'error' } })
    expect([lost.code, lost.stdout]).toEqual([0, 'worker 2 0\nchild hello 0\n'])
    expect(lost.stderr).toMatch(/^thalamus: not delivered: .*\n$/)
  })

  test('the workers of a cluster each measure themselves', async () => {
    project.write(
      'cluster.mjs',
      `import cluster from 'node:cluster'
       import { createServer } from 'node:http'
       if (cluster.isPrimary) {
         for (let i = 0; i < 2; i++) cluster.fork()
         let listening = 0
         cluster.on('listening', async (worker, { port }) => {
           if (++listening < 2) return
           for (let i = 0; i < 4; i++) await (await fetch('http://127.0.0.1:' + port, { headers: { connection: 'close' } })).text()
           for (const one of Object.values(cluster.workers)) one.disconnect()
         })
       } else createServer((_, response) => response.end('hi')).listen(0, '127.0.0.1')`,
    )
    const { code, stderr } = await project.run('cluster.mjs', toSink())
    expect(code).toBe(0)
    expect(stderr.split('\n').filter(Boolean)).toHaveLength(1)
    const served = spansOf(sink).filter(({ kind }) => kind === 2)
    expect(served).toHaveLength(4)
    expect(new Set(served.map(({ resource }) => resource['process.pid'])).size).toBe(2)
  })

  test('an application with an SDK of its own keeps it', async () => {
    project.write(
      'own.mjs',
      `import { trace } from '@opentelemetry/api'
       import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'
       const exporter = new InMemorySpanExporter()
       console.log(trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] })))
       trace.getTracer('own').startSpan('mine').end()
       console.log(exporter.getFinishedSpans().map(span => span.name).join())`,
    )
    for (const name of ['api', 'sdk-trace']) project.link(`@opentelemetry/${name}`)
    const { code, stdout, stderr } = await project.run('own.mjs', toSink({ OTEL_LOG_LEVEL: 'error' }))
    expect([code, stdout]).toEqual([0, 'true\nmine\n'])
    expect(stderr).toBe('thalamus: cart registers an OpenTelemetry SDK of its own: it is left to it\n')
    expect(spansOf(sink)).toEqual([])
  })

  test('one that was registered before is left alone', async () => {
    project.write('first.mjs', "import { trace } from '@opentelemetry/api'; trace.setGlobalTracerProvider({ getTracer: () => undefined })")
    for (const name of ['api', 'sdk-trace']) project.link(`@opentelemetry/${name}`)
    project.write('quiet.mjs', "console.log('runs')")
    const { stdout, stderr } = await project.command(
      process.execPath,
      ['--import', './first.mjs', '--import', 'thalamus/register', 'quiet.mjs'],
      toSink().env,
    ).ended
    expect(stdout).toBe('runs\n')
    expect(stderr).toBe('thalamus: another OpenTelemetry SDK is registered already: this process is left to it\n')
  })

  test('OTEL_SDK_DISABLED: not a word', async () => {
    project.write('quiet.mjs', "console.log('runs')")
    const { stdout, stderr } = await project.run('quiet.mjs', toSink({ OTEL_SDK_DISABLED: 'true' }))
    expect([stdout, stderr]).toEqual(['runs\n', ''])
  })

  test('what cannot be understood is said and has its default', async () => {
    project.write('quiet.mjs', "console.log('runs')")
    const { stdout, stderr } = await project.run(
      'quiet.mjs',
      toSink({ OTEL_TRACES_EXPORTER: 'carrier_pigeon', OTEL_BSP_SCHEDULE_DELAY: 'soon' }),
    )
    expect(stdout).toBe('runs\n')
    expect(stderr).toContain('OTEL_TRACES_EXPORTER: unknown "carrier_pigeon"; known: otlp, console, none')
    expect(stderr).toContain('OTEL_BSP_SCHEDULE_DELAY: must be a number of at least 1, got "soon"; it is 5000')
  })

  test('settings in code are those of the file that is loaded first', async () => {
    project.write('quiet.mjs', "console.log('runs')")
    project.write('instrument.mjs', "process.env.THALAMUS_OVERHEAD_P99_MS ??= 'little'; await import('thalamus/register')")
    const { stdout, stderr } = await project.run('quiet.mjs', { ...toSink(), bare: true, node: ['--import', './instrument.mjs'] })
    expect(stdout).toBe('runs\n')
    expect(stderr).toContain('THALAMUS_OVERHEAD_P99_MS: must be a number of at least 0.001, got "little"; it is 1')
  })
})

/** Where a module is not found, the hooks for modules are in Node's own part of the stack. */
const plain = (ended: Ended) => ({
  ...ended,
  stderr: ended.stderr.replaceAll(/^ +at .*(node:internal|node:diagnostics_channel|import-in-the-middle).*\n/gm, ''),
})

function freePort(): Promise<number> {
  const server = createServer()
  return new Promise(resolve =>
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    }),
  )
}

test('over its budget instrumentation is left out part by part, and says so', async () => {
  project.write(
    'busy.mjs',
    `import { createServer } from 'node:http'
     const server = createServer((request, response) => { console.log(request.url); response.end('ok') })
     server.listen(0, '127.0.0.1', async () => {
       const url = 'http://127.0.0.1:' + server.address().port
       process.on('SIGTERM', () => process.exit(0))
       for (;;) await (await fetch(url + '/a')).text()
     })`,
  )
  const running = project.start(
    'busy.mjs',
    toSink({ OTEL_LOG_LEVEL: 'warn', THALAMUS_OVERHEAD_P99_MS: '0.001', OTEL_METRIC_EXPORT_INTERVAL: '50' }),
  )
  await running.printed('durations of requests are left out')
  await sink.until(
    () =>
      metricsOf(sink)
        .get('thalamus.overhead.shed')
        ?.points.every(({ value }) => value === 1) ?? false,
  )
  running.kill('SIGTERM')
  const { code, stderr } = await running.ended
  expect(code).toBe(0)
  const parts = stderr.split('\n').flatMap(line => /more than 0\.001 ms: (.*) are left out$/.exec(line)?.[1] ?? [])
  expect(parts).toEqual(['records of the console', 'spans of requests', 'durations of requests'])
}, 60_000)
