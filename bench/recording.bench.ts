/**
 * What one update costs the program that is measured: a bound handle of ours beside sdk-metrics and prom-client, with three attributes,
 * in CPU time of the process. `npm run bench -- recording [--write]`
 */
import { parseArgs } from 'node:util'
import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics'
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { request } from '../src/instruments/bounds.ts'
import { counter, gauge, histogram } from '../src/instruments/definition.ts'
import { monitored } from '../src/instruments/monitored.ts'
import { Recorder } from '../src/instruments/recorder.ts'
import { machine, median, spread, writeBetween } from './kit.ts'

const ROUNDS = 9
const must = { counter: 25, gauge: 25, histogram: 40, ratio: 20 }

/** [series] taken in turn, so that no compiler keeps a cell in a register */
const SERIES = 64
const turn = SERIES - 1
const labels = Array.from({ length: SERIES }, (_, i) => ({ method: 'GET', route: `/items/${i}`, status: 200 }))
/** [1024] between 0 and 10 s, most of them small, in no order */
const values = Array.from({ length: 1024 }, (_, i) => 10 ** (((i * 619) % 1024) / 256 - 3))
const names = ['method', 'route', 'status'] as const

type Kind = 'counter' | 'gauge' | 'histogram' | 'other'

interface Case {
  readonly kind: Kind
  readonly what: string
  readonly who: 'thalamus' | 'sdk-metrics' | 'prom-client'
  /** updates in one round */
  readonly times: number
  readonly run: (times: number) => void
  /** the case that a bar is about */
  readonly judged?: boolean
}

class Pull extends MetricReader {
  protected async onShutdown(): Promise<void> {}
  protected async onForceFlush(): Promise<void> {}
}
const meterOf = () => new MeterProvider({ readers: [new Pull()] }).getMeter('bench')

function ours(): Case[] {
  const made = new Recorder().instruments({
    requests: counter('bench.requests', '{request}', '', names),
    depth: gauge('bench.depth', '{item}', '', names),
    duration: histogram('bench.duration', 's', '', request, names),
  })
  const foreign = new Recorder()
  foreign.observe(new MeterProvider({ readers: [new Pull()] }))
  const told = foreign.instruments({ duration: histogram('bench.duration', 's', '', request, names) })
  const [requests, depths, durations] = [
    labels.map(of => made.requests.with(of)),
    labels.map(of => made.depth.with(of)),
    labels.map(of => made.duration.with(of)),
  ]
  const tolds = labels.map(of => told.duration.with(of))
  const plain = (n: number) => n + 1
  const watched = monitored('bench', plain)
  const { requests: unbound } = made
  const who = 'thalamus'
  return [
    {
      ...{ kind: 'counter', what: 'bound handle', who, times: 4e6, judged: true },
      run(times) {
        for (let i = 0; i < times; i++) requests[i & turn]!.add(1)
      },
    },
    {
      ...{ kind: 'counter', what: '`with(attributes).add(1)`', who, times: 2e5 },
      run(times) {
        for (let i = 0; i < times; i++) unbound.with({ method: 'GET', route: labels[i & turn]!.route, status: 200 }).add(1)
      },
    },
    {
      ...{ kind: 'gauge', what: 'bound handle', who, times: 4e6, judged: true },
      run(times) {
        for (let i = 0; i < times; i++) depths[i & turn]!.set(i)
      },
    },
    {
      ...{ kind: 'histogram', what: 'bound handle', who, times: 4e6, judged: true },
      run(times) {
        for (let i = 0; i < times; i++) durations[i & turn]!.record(values[i & 1023]!)
      },
    },
    {
      ...{ kind: 'histogram', what: 'bound handle, observed by a foreign SDK', who, times: 1e5 },
      run(times) {
        for (let i = 0; i < times; i++) tolds[i & turn]!.record(values[i & 1023]!)
      },
    },
    {
      ...{ kind: 'other', what: 'a call through `monitored`, no tracer registered', who, times: 2e5 },
      run(times) {
        for (let i = 0; i < times; i++) watched(i)
      },
    },
  ]
}

function sdk(): Case[] {
  const meter = meterOf()
  const requests = meter.createCounter('bench.requests')
  const depth = meter.createGauge('bench.depth')
  const duration = meter.createHistogram('bench.duration', { advice: { explicitBucketBoundaries: [...request] } })
  const bare = meter.createCounter('bench.bare')
  const who = 'sdk-metrics'
  return [
    {
      ...{ kind: 'counter', what: '`add(1, attributes)`', who, times: 1e5 },
      run(times) {
        for (let i = 0; i < times; i++) requests.add(1, { method: 'GET', route: labels[i & turn]!.route, status: 200 })
      },
    },
    {
      ...{ kind: 'counter', what: '`add(1)`, no attributes', who, times: 1e6 },
      run(times) {
        for (let i = 0; i < times; i++) bare.add(1)
      },
    },
    {
      ...{ kind: 'gauge', what: '`record(value, attributes)`', who, times: 1e5 },
      run(times) {
        for (let i = 0; i < times; i++) depth.record(i, { method: 'GET', route: labels[i & turn]!.route, status: 200 })
      },
    },
    {
      ...{ kind: 'histogram', what: '`record(value, attributes)`', who, times: 1e5 },
      run(times) {
        for (let i = 0; i < times; i++) duration.record(values[i & 1023]!, { method: 'GET', route: labels[i & turn]!.route, status: 200 })
      },
    },
  ]
}

function promClient(): Case[] {
  const common = { help: 'h', labelNames: names, registers: [new Registry()] }
  const requests = new Counter({ name: 'requests_total', ...common })
  const depth = new Gauge({ name: 'depth', ...common })
  const duration = new Histogram({ name: 'duration_seconds', buckets: [...request], ...common })
  const children = labels.map(of => requests.labels(of))
  const durations = labels.map(of => duration.labels(of))
  const who = 'prom-client'
  return [
    {
      ...{ kind: 'counter', what: '`inc(labels)`', who, times: 2e5 },
      run(times) {
        for (let i = 0; i < times; i++) requests.inc({ method: 'GET', route: labels[i & turn]!.route, status: 200 })
      },
    },
    {
      ...{ kind: 'counter', what: '`labels(…)` kept, then `inc()`', who, times: 2e5 },
      run(times) {
        for (let i = 0; i < times; i++) children[i & turn]!.inc()
      },
    },
    {
      ...{ kind: 'gauge', what: '`set(labels, value)`', who, times: 2e5 },
      run(times) {
        for (let i = 0; i < times; i++) depth.set({ method: 'GET', route: labels[i & turn]!.route, status: 200 }, i)
      },
    },
    {
      ...{ kind: 'histogram', what: '`observe(labels, value)`', who, times: 2e5 },
      run(times) {
        for (let i = 0; i < times; i++) duration.observe({ method: 'GET', route: labels[i & turn]!.route, status: 200 }, values[i & 1023]!)
      },
    },
    {
      ...{ kind: 'histogram', what: '`labels(…)` kept, then `observe(value)`', who, times: 2e5 },
      run(times) {
        for (let i = 0; i < times; i++) durations[i & turn]!.observe(values[i & 1023]!)
      },
    },
  ]
}

/** [ns] of CPU, user and system, of one update */
function cost({ run, times }: Case): number {
  const from = process.cpuUsage()
  run(times)
  const { user, system } = process.cpuUsage(from)
  return ((user + system) * 1000) / times
}

interface Result extends Case {
  readonly ns: number
  readonly spread: number
}

function measure(cases: readonly Case[]): Result[] {
  const all = cases.map(() => [] as number[])
  for (const { run, times } of cases) run(times)
  for (let round = 0; round < ROUNDS; round++) for (const [i, of] of cases.entries()) all[i]!.push(cost(of))
  return cases.map((of, i) => ({ ...of, ns: median(all[i]!), spread: spread(all[i]!) }))
}

const show = (ns: number) => (ns < 10 ? ns.toFixed(1) : ns.toFixed(0))

function verdicts(results: readonly Result[]): string[] {
  return results
    .filter(({ judged }) => judged)
    .flatMap(({ kind, ns }) => {
      const peer = results.find(of => of.kind === kind && of.who === 'sdk-metrics')!
      const [bar, ratio] = [must[kind as 'counter'], peer.ns / ns]
      const met = (is: boolean) => (is ? 'met' : 'not met')
      return [
        `* ${kind}: **${show(ns)} ns**, ≤ ${bar} ns: ${met(ns <= bar)}; **${ratio.toFixed(0)}× less than sdk-metrics**, ≥ ${must.ratio}×: ${met(ratio >= must.ratio)}`,
      ]
    })
}

export async function bench(args: readonly string[]): Promise<void> {
  const { write } = parseArgs({ args: [...args], options: { write: { type: 'boolean', default: false } } }).values
  const results = measure([...ours(), ...sdk(), ...promClient()])
  const rows = (['counter', 'gauge', 'histogram', 'other'] as const).flatMap(kind =>
    results
      .filter(of => of.kind === kind)
      .map(of => `| ${kind === 'other' ? '' : kind} | ${of.who} | ${of.what} | ${show(of.ns)} ±${Math.ceil(of.spread / 2)} % |`),
  )
  const table = [
    `${machine()}. Medians of ${ROUNDS} rounds in turn, with half the spread; ${SERIES} series in turn, three attributes, ${request.length} bounds. \`npm run bench -- recording\`.`,
    '',
    '| | | update | ns of CPU |',
    '|---|---|---|---|',
    ...rows,
    '',
    ...verdicts(results),
  ].join('\n')
  console.log(table)
  if (write) writeBetween('recording', table)
}

if (import.meta.main) await bench(process.argv.slice(2))
