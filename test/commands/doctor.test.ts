import { expect, test } from 'vitest'
import { withRegister } from '../../src/commands/exec.ts'
import { examineAnswer, examineNode } from '../../src/register/examination.ts'
import { TestOutside } from './outside.ts'

const manifest = (name: string, version: string) => JSON.stringify({ name, version })
const package_ = (outside: TestOutside, name: string, version: string, under = '') => {
  outside.files[`/app${under}/node_modules/${name}/package.json`] = manifest(name, version)
}

function healthy(): TestOutside {
  const outside = new TestOutside()
  outside.files['/app/package.json'] = JSON.stringify({ scripts: { start: 'node --import thalamus/register app.js' } })
  package_(outside, '@opentelemetry/api', '1.10.0')
  for (const signal of ['traces', 'metrics', 'logs'])
    outside.answers[`POST http://localhost:4318/v1/${signal}`] = () => ({ status: 200, text: '' })
  return outside
}

test('where nothing is wrong it says what it has looked at', async () => {
  expect(await healthy().thalamus('doctor')).toEqual({
    code: 0,
    err: '',
    out: `good  Node v24.21.0: ES modules are hooked as they load
good  npm start: node --import thalamus/register app.js
good  packages: 1 of OpenTelemetry, @opentelemetry/api 1.10.0
good  traces to http://localhost:4318/v1/traces: taken
good  metrics to http://localhost:4318/v1/metrics: taken
good  logs to http://localhost:4318/v1/logs: taken
`,
  })
})

test.each<[string, (outside: TestOutside) => void, string]>([
  [
    'a copy of the API that is newer than the one that registers',
    outside => package_(outside, '@opentelemetry/api', '1.11.0', '/node_modules/lib'),
    `BAD   @opentelemetry/api 1.11.0 in /app/node_modules/lib/node_modules/@opentelemetry/api is disconnected: whoever uses it records nothing
      the SDK registers through 1.10.0: npm install @opentelemetry/api@1.10.0, and npm dedupe`,
  ],
  [
    'the API of logs before it was merged',
    outside => package_(outside, '@opentelemetry/api-logs', '0.223.0'),
    'BAD   @opentelemetry/api-logs 0.223.0 in /app/node_modules/@opentelemetry/api-logs is disconnected: log records of whoever uses it vanish',
  ],
  [
    'SDKs of two majors',
    outside => {
      package_(outside, '@opentelemetry/core', '3.1.0')
      package_(outside, '@opentelemetry/core', '2.9.0', '/node_modules/@fastify/otel')
    },
    'BAD   OpenTelemetry SDKs of several majors are installed: 2.x (core) and 3.x (core)',
  ],
  [
    'instrumentations for an older SDK',
    outside => package_(outside, '@opentelemetry/auto-instrumentations-node', '0.74.0'),
    'BAD   @opentelemetry/auto-instrumentations-node 0.74.0 is for an older SDK',
  ],
  [
    'a start without us',
    outside => void (outside.files['/app/package.json'] = JSON.stringify({ scripts: { start: 'NODE_ENV=production node app.js' } })),
    `BAD   npm start runs "NODE_ENV=production node app.js", with nothing that instruments it
      write "NODE_ENV=production node --import thalamus/register app.js"`,
  ],
  [
    'nobody who listens',
    outside => void (outside.answers = {}),
    `BAD   traces to http://localhost:4318/v1/traces: connect ECONNREFUSED
      start what listens there (npx thalamus listens on 4318), or set OTEL_EXPORTER_OTLP_ENDPOINT`,
  ],
  ['a Node that is too old', outside => void (outside.nodeVersion = 'v20.11.0'), 'BAD   Node v20.11.0 is too old'],
  [
    'a variable that cannot be understood',
    outside => void (outside.env['OTEL_TRACES_EXPORTER'] = 'jaeger'),
    'BAD   OTEL_TRACES_EXPORTER: unknown "jaeger"; known: otlp, console, none',
  ],
])('%s', async (_, spoil, says) => {
  const outside = healthy()
  spoil(outside)
  const { code, out } = await outside.thalamus('doctor')
  expect(out).toContain(says)
  expect(code).toBe(1)
})

test('a folder may be named', async () => {
  const outside = healthy()
  outside.files['/other/node_modules/@opentelemetry/api-logs/package.json'] = manifest('@opentelemetry/api-logs', '0.200.0')
  expect((await outside.thalamus('doctor', '/other')).out).toContain('in /other/node_modules/@opentelemetry/api-logs is disconnected')
})

test.each<[number, string]>([
  [401, 'set OTEL_EXPORTER_OTLP_HEADERS'],
  [404, 'OTEL_EXPORTER_OTLP_ENDPOINT is the address without /v1/traces; those of one signal are whole'],
  [415, 'set OTEL_EXPORTER_OTLP_PROTOCOL to http/protobuf'],
  [500, 'look at the log of what listens there'],
])('an answer of %i says what to do', (status, remedy) =>
  expect(examineAnswer('logs', 'http://x', { status })).toMatchObject({ is: 'bad', remedy }),
)

test.each<[string, string]>([
  ['v22.15.0', 'by a thread of their own'],
  ['v22.22.3', 'as they load'],
  ['v24.9.0', 'by a thread of their own'],
  ['v24.11.1', 'as they load'],
  ['v25.0.0', 'by a thread of their own'],
  ['v26.0.0', 'as they load'],
])('Node %s: ES modules are hooked %s', (version, how) => expect(examineNode(version).says).toContain(how))

test('exec adds itself to what NODE_OPTIONS has, once', async () => {
  const outside = new TestOutside()
  outside.env['NODE_OPTIONS'] = '--max-old-space-size=100'
  expect((await outside.thalamus('exec', '--', 'node', 'app.js', '--port=1')).code).toBe(42)
  expect(outside.became).toMatchObject({
    program: 'node',
    args: ['app.js', '--port=1'],
    env: { NODE_OPTIONS: '--max-old-space-size=100 --import file:///thalamus/register.js' },
  })
  expect(withRegister('--import file:///a.js -r b', 'file:///a.js')).toBe('--import file:///a.js -r b')
})

const embedded = (more: Readonly<Record<string, string>> = {}) => {
  const outside = healthy()
  outside.answers = {}
  Object.assign(outside.env, { THALAMUS_EMBED: '1', ...more })
  return outside
}
const piped = async (outside: TestOutside) => {
  const { code, out } = await outside.thalamus('doctor')
  return [code, ...out.split('\n').slice(3, -1)]
}
const pipeline = 'the pipeline in this process'
const otlp = 'otlp: { protocols: { http: { endpoint: "127.0.0.1:4318" } } }'
const file = (signals: string, receivers = otlp) => `
receivers: { ${receivers} }
exporters: { debug: }
service: { api: { enabled: false }, telemetry: { metrics: { readers: [] } }, pipelines: { ${signals} } }`

test('with THALAMUS_EMBED: what the pipeline takes, and which ports it would have', async () => {
  const outside = embedded()
  outside.takenPorts.add(4318).add(4319)
  expect(await piped(outside)).toEqual([
    0,
    `good  ${pipeline}: without a file: takes metrics; not recorded: traces, logs`,
    `good  ${pipeline}: OTLP on port 4320 (4318 is taken), the page of metrics on port 9464`,
  ])
  expect(await piped(embedded({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318' }))).toEqual([
    1,
    `good  ${pipeline}: without a file: takes metrics, traces, logs`,
    `good  ${pipeline}: OTLP on port 4318, the page of metrics on port 9464`,
    expect.stringContaining('BAD   traces to http://c:4318/v1/traces: '),
    ...Array(5).fill(expect.any(String)),
  ])
})

test.each<[string, string, string[]]>([
  [
    'is read as check reads it',
    file('traces: { receivers: [otlp], exporters: [debug] }'),
    [`good  ${pipeline}: p.yaml: takes traces; not recorded: metrics, logs`],
  ],
  [
    'has a mistake',
    file('traces: { receivers: [otlp, otpl], exporters: [debug] }'),
    [
      `BAD   ${pipeline}: /app/p.yaml:4:119: service.pipelines.traces.receivers.1: no receiver, and no connector, is called "otpl"`,
      '        did you mean "otlp"?',
      '      as it is, the service runs without it, and sends over OTLP',
    ],
  ],
  [
    'takes nothing',
    file('metrics: { receivers: [self], exporters: [debug] }', 'self:'),
    [
      `BAD   ${pipeline}: p.yaml: takes nothing; not recorded: metrics, traces, logs`,
      '      list a receiver otlp in a pipeline of each signal',
    ],
  ],
])('with THALAMUS_CONFIG: one that %s', async (_, text, says) => {
  const outside = embedded({ THALAMUS_CONFIG: 'p.yaml' })
  outside.files['/app/p.yaml'] = text
  expect(await piped(outside)).toEqual([says[0]!.startsWith('BAD') ? 1 : 0, ...says])
})

test('with THALAMUS_CONFIG: a port that is taken, and a file that is not there', async () => {
  const outside = embedded({ THALAMUS_CONFIG: 'p.yaml' })
  expect(await piped(outside)).toEqual([
    1,
    `BAD   ${pipeline}: /app/p.yaml: there is no such file`,
    expect.stringContaining('check THALAMUS_CONFIG'),
  ])
  outside.out = ''
  outside.files['/app/p.yaml'] = file('traces: { receivers: [otlp], exporters: [debug] }')
  outside.takenPorts.add(4318)
  const [code, , taken, remedy] = await piped(outside)
  expect([code, taken, remedy]).toEqual([
    1,
    `BAD   ${pipeline}: receivers.otlp.protocols.http.endpoint: 127.0.0.1:4318 is taken`,
    expect.stringMatching(/^ {6}stop the other program, or set receivers\.otlp/),
  ])
})
