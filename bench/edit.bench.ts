/**
 * What the processors that filter and edit cost: nanoseconds of CPU a row, beside the decoder's. `npm run bench -- edit [rows]`.
 * The redaction is the one of `npm start`; "nothing to hide" is what nearly all rows are.
 */
import { cpus } from 'node:os'
import { createNoopMeter, ProxyTracerProvider } from '@opentelemetry/api'
import { defaultConfiguration, defaultName } from '../src/commands/default.ts'
import { Budget } from '../src/component/budget.ts'
import type { Consumer, Context, ProcessorFactory } from '../src/component/component.ts'
import { loadConfiguration } from '../src/component/config.ts'
import { Ledger } from '../src/component/ledger.ts'
import { createOwnTelemetry } from '../src/component/own-telemetry.ts'
import { systemClock } from '../src/lib/clock.ts'
import type { AnyBatch } from '../src/model/batch.ts'
import { Raw } from '../src/model/raw.ts'
import type { Signal } from '../src/model/signal.ts'
import { createReader } from '../src/otlp/reader.ts'
import { encode } from '../src/otlp/write.ts'
import attributes from '../src/processors/attributes/index.ts'
import filter from '../src/processors/filter/index.ts'
import redaction from '../src/processors/redaction/index.ts'
import resource from '../src/processors/resource/index.ts'
import { components } from '../test/components.ts'

const RUNS = 9
/** [ms] of CPU a run */
const RUN_MS = 120
/** distinct requests, sent in turn: so many that what differs in every row is forgotten before it comes again */
const BODIES = 32

export async function bench(args: readonly string[]): Promise<void> {
  const rows = Number(args[0] ?? 1000)
  console.log(`${cpus()[0]?.model}, Node ${process.version}; ${rows} rows a request, ns of CPU a row, median of ${RUNS} (spread)`)
  const { processors } = loadConfiguration([{ name: defaultName, text: defaultConfiguration }], { env: {}, factories: components })
  const secrets = processors.get('redaction')!.settings
  const subjects: readonly [string, ProcessorFactory, object][] = [
    ['redaction of npm start', redaction, secrets],
    ['redaction without its cache', redaction, { ...secrets, decision_cache_size: 0 }],
    [
      'filter: a resource, two attributes',
      filter,
      { trace_conditions: conditions('span'), metric_conditions: conditions('datapoint'), log_conditions: conditions('log') },
    ],
    ['attributes: delete a key that is not there', attributes, { actions: [{ key: 'no.such.key', action: 'delete' }] }],
    ['attributes: upsert one', attributes, { actions: [{ key: 'env', action: 'upsert', value: 'prod' }] }],
    ['resource: upsert one', resource, { attributes: [{ key: 'env', action: 'upsert', value: 'prod' }] }],
  ]
  for (const signal of ['metrics', 'traces', 'logs'] as const) {
    const reader = createReader()
    const bodies = Array.from({ length: BODIES }, (_, i) => Raw.of(encode(signal, request(signal, rows, i, false))))
    const secret = Array.from({ length: BODIES }, (_, i) => Raw.of(encode(signal, request(signal, rows, i, true))))
    console.log(`\n${signal}, ${Math.round(bodies[0]!.size / rows)} bytes a row`)
    await report('decoding', rows, async i => void reader.read(signal, bodies[i % BODIES]!))
    const batches = bodies.map(raw => reader.read(signal, raw) as AnyBatch)
    for (const [name, factory, settings] of subjects) {
      const component = made(factory, signal, settings, reader)
      await report(name, rows, i => component.consume(batches[i % BODIES]! as never))
    }
    const withSecrets = secret.map(raw => reader.read(signal, raw) as AnyBatch)
    const component = made(redaction, signal, secrets, reader)
    await report('redaction, a secret in one row of ten', rows, i => component.consume(withSecrets[i % BODIES]! as never))
  }
}

const conditions = (context: string) => [
  'resource.attributes["service.name"] == "no such service"',
  `${context}.attributes["http.route"] == "/healthz" or IsMatch(${context}.attributes["user_agent"], "^kube-probe")`,
]

function made(factory: ProcessorFactory, signal: Signal, settings: object, reader: Context['reader']): Consumer<Signal> {
  const ledger = new Ledger()
  const next: Consumer<Signal> = { reserve() {}, consume: () => Promise.resolve() }
  const quiet = { debug() {}, info() {}, warn: console.warn, error: console.error }
  const budget = new Budget()
  const memory = () => ({ usedBytes: 0, limitBytes: 1 })
  const cx = {
    id: factory.type,
    clock: systemClock,
    random: () => 0,
    log: quiet,
    meter: createNoopMeter(),
    tracer: new ProxyTracerProvider().getTracer('bench'),
    telemetry: createOwnTelemetry({
      ledger,
      budget,
      clock: systemClock,
      memory,
      version: '0',
      metrics: 'none',
      traces: 'none',
      resource: {},
    }),
    budget,
    reader,
    account: (of: Signal) => ledger.account('processor', factory.type, of, 'bench'),
  } as unknown as Context
  const create = factory.create[signal] as (cx: Context, settings: object, next: Consumer<Signal>) => Consumer<Signal>
  return create(cx, factory.config.parse(settings), next)
}

async function report(name: string, rows: number, step: (i: number) => Promise<void>): Promise<void> {
  const costs: number[] = []
  let i = 0
  for (let run = -2; run < RUNS; run++) {
    const before = process.cpuUsage()
    let steps = 0
    let used = 0
    do {
      for (let k = 0; k < BODIES; k++, steps++) await step(i++)
      const { user, system } = process.cpuUsage(before)
      used = user + system
    } while (used < RUN_MS * 1000)
    if (run >= 0) costs.push((used * 1000) / (steps * rows))
  }
  costs.sort((a, b) => a - b)
  const spread = (costs.at(-1)! - costs[0]!) / costs[RUNS >> 1]!
  console.log(`  ${name.padEnd(46)} ${costs[RUNS >> 1]!.toFixed(0).padStart(7)}  (${Math.round(spread * 100)} %)`)
}

/** As an SDK of a web service sends it: seven attributes, one of which differs from row to row. */
function request(signal: Signal, rows: number, salt: number, secret: boolean): object {
  const attributes = (i: number) => ({
    'http.request.method': 'GET',
    'http.route': `/api/v1/things/${i % 50}`,
    'url.full': `https://shop.example/api/v1/things/${i % 50}?page=${i % 7}${secret && i % 10 === 0 ? '&token=abcdef' : ''}`,
    'server.address': 'shop.example.test',
    user_agent: 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0',
    'http.response.status_code': 200,
    ...(signal === 'metrics' ? { instance: String(i % 100) } : { 'request.id': `${salt}-${i.toString(16).padStart(12, '0')}` }),
  })
  const resourceOf = { attributes: { 'service.name': 'shop', 'host.name': 'shop-1', 'service.version': '1.2.3' } }
  const all = Array.from({ length: rows }, (_, i) => attributes(i))
  const time = 1_700_000_000_000_000_000n
  if (signal === 'metrics') {
    const dataPoints = all.map((list, i) => ({ asDouble: i, timeUnixNano: time, attributes: list }))
    return {
      resourceMetrics: [
        { resource: resourceOf, scopeMetrics: [{ scope: { name: 'lib' }, metrics: [{ name: 'requests', gauge: { dataPoints } }] }] },
      ],
    }
  }
  if (signal === 'traces') {
    const spans = all.map((list, i) => ({
      traceId: i.toString(16).padStart(32, '0'),
      spanId: i.toString(16).padStart(16, '0'),
      name: 'GET /api/v1/things/{id}',
      kind: 2,
      startTimeUnixNano: time,
      endTimeUnixNano: time + 5_000_000n,
      attributes: list,
    }))
    return { resourceSpans: [{ resource: resourceOf, scopeSpans: [{ scope: { name: 'lib' }, spans }] }] }
  }
  const logRecords = all.map((list, i) => ({
    timeUnixNano: time,
    severityNumber: 9,
    severityText: 'INFO',
    body: { stringValue: `request ${salt}-${i} of things/${i % 50} took 5 ms` },
    attributes: list,
  }))
  return { resourceLogs: [{ resource: resourceOf, scopeLogs: [{ scope: { name: 'lib' }, logRecords }] }] }
}
