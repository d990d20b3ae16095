/**
 * CPU time for the same 10,000 spans a second, tail_sampling in Jaeger's binary and here: same bodies, each once, same policies. Both keep the
 * same spans, or the figure is void. CPU time is that of the server alone, from the first request until what is kept has arrived.
 */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { Raw } from '../src/model/raw.ts'
import { createReader } from '../src/otlp/reader.ts'
import { Folder, freePorts, listens, pause, Server } from '../test/peers/kit/process.ts'
import { type Configuration, type Otlp, otlpTo, program, Thalamus, toHttp } from '../test/peers/kit/servers.ts'
import { Sink } from '../test/peers/kit/sink.ts'
import { machine, median, runLoader, spread, writeBetween } from './kit.ts'
import { hotspots } from './profile.ts'

const MUST = 2
const DECISION_WAIT_S = 3

const policies = [
  { name: 'slow', type: 'latency', latency: { threshold_ms: 204 } },
  {
    name: 'errors on a route',
    type: 'and',
    and: {
      and_sub_policy: [
        { name: 'errors', type: 'status_code', status_code: { status_codes: ['ERROR'] } },
        {
          name: 'route',
          type: 'string_attribute',
          string_attribute: { key: 'url.full', values: ['users/[0-9]*77[0-9]*$'], enabled_regex_matching: true, cache_max_size: 1000 },
        },
      ],
    },
  },
  { name: 'status', type: 'numeric_attribute', numeric_attribute: { key: 'http.response.status_code', min_value: 500, max_value: 599 } },
  { name: 'some', type: 'probabilistic', probabilistic: { sampling_percentage: 5 } },
]

function configure(sinkPort: number): (ports: Otlp) => Configuration {
  const settings = {
    ...{ decision_wait: `${DECISION_WAIT_S}s`, num_traces: 100_000, expected_new_traces_per_sec: 1000, policies },
    decision_cache: { sampled_cache_size: 100_000, non_sampled_cache_size: 100_000 },
  }
  return ports => ({
    ...otlpTo(ports, { otlphttp: toHttp(sinkPort, { compression: 'none' }) }, { tail_sampling: settings }),
    service: {
      pipelines: { traces: { receivers: ['otlp'], processors: ['tail_sampling'], exporters: ['otlphttp'] } },
      telemetry: { metrics: { level: 'none' } },
    },
  })
}

interface Started extends AsyncDisposable {
  readonly httpPort: number
  readonly server: Server
}

async function startJaeger(sinkPort: number): Promise<Started> {
  const [httpPort, grpcPort] = (await freePorts(2)) as [number, number]
  const folder = new Folder()
  const file = folder.write('jaeger.yaml', configure(sinkPort)({ httpPort, grpcPort }))
  const server = await Server.start({ file: program('jaeger'), args: ['--config', file], ready: () => listens(httpPort) }, folder)
  return { httpPort, server, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() }
}

/** [s] of CPU that a process has used, user and system, all threads. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}
const rssBytes = (pid: number) => Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) * 1024

interface Round {
  readonly spansPerCpuSecond: number
  readonly rssBytes: number
  readonly kept: readonly string[]
}

async function round(name: string, start: (sinkPort: number) => Promise<Started>, seconds: number, rate: number): Promise<Round> {
  await using sink = await Sink.start()
  await using started = await start(sink.httpPort)
  const { pid } = started.server
  const before = cpuSeconds(pid)
  const load = { signal: 'traces' as const, points: 1000, bodies: (seconds * rate) / 1000, rate: rate / 1000, once: true, seconds }
  const { rows } = await runLoader(load, started.httpPort, pid, undefined, name)
  // Two ticks after the last decision nothing more can come.
  await pause((DECISION_WAIT_S + 3) * 1000)
  const used = cpuSeconds(pid) - before
  const reader = createReader()
  const kept = sink.bodies('traces').flatMap(body => {
    const { spans, rows } = reader.read('traces', Raw.of(body))
    const ids = Buffer.from(spans.ids)
    return Array.from({ length: rows }, (_, i) => ids.toString('hex', 32 * i, 32 * i + 24))
  })
  return { spansPerCpuSecond: rows / used, rssBytes: rssBytes(pid), kept: kept.sort() }
}

export async function bench(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string', default: '3' },
      seconds: { type: 'string', default: '8' },
      rate: { type: 'string', default: '10000' },
      profile: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
    },
  })
  const [rounds, seconds, rate] = [Number(values.rounds), Number(values.seconds), Number(values.rate)]
  console.log(`${machine()}\nnpm run bench -- tail-sampling ${args.join(' ')}\n`)
  if (values.profile) return profile(seconds, rate)
  const [theirs, ours]: [Round[], Round[]] = [[], []]
  for (let i = 0; i < rounds; i++) {
    const jaeger = await round('Jaeger', startJaeger, seconds, rate)
    const thalamus = await round('Thalamus', port => Thalamus.start(configure(port)), seconds, rate)
    if (jaeger.kept.length === 0 || jaeger.kept.join() !== thalamus.kept.join()) {
      throw new Error(`not the same spans were kept: ${jaeger.kept.length} and ${thalamus.kept.length}; the figure is void`)
    }
    theirs.push(jaeger)
    ours.push(thalamus)
  }
  const per = (list: readonly Round[]) => list.map(one => one.spansPerCpuSecond)
  const thousands = (list: readonly Round[]) => `${Math.round(median(per(list)) / 1000)} k ±${Math.ceil(spread(per(list)) / 2)} %`
  const ratio = median(per(ours)) / median(per(theirs))
  const rss = (list: readonly Round[]) => Math.round(median(list.map(one => one.rssBytes)) / 1e6)
  const total = (seconds * rate) / 1000
  const share = Math.round(ours[0]!.kept.length / total / 10)
  const table = [
    `${machine()}. Medians of ${rounds} rounds in turn, with half the spread. Jaeger 1.76.0 with tail_sampling 0.140.1.`,
    `${(total * 1000).toLocaleString('en')} spans of ${(total * 100).toLocaleString('en')} traces at ${rate.toLocaleString('en')} spans/s, ${share} % kept: the same spans by both.`,
    '',
    '|  | Jaeger | Thalamus | ratio | must |',
    '| --- | --- | --- | --- | --- |',
    `| spans per CPU-second of the server process | ${thousands(theirs)} | ${thousands(ours)} | **${ratio.toFixed(1)}×** | ${MUST}×${ratio < MUST ? ', NOT MET' : ''} |`,
    `| most resident memory | ${rss(theirs)} MB | ${rss(ours)} MB | | |`,
  ].join('\n')
  console.log(table)
  if (values.write) writeBetween('tail-sampling', table)
}

/** Where Thalamus spends its time. */
async function profile(seconds: number, rate: number): Promise<void> {
  using folder = new Folder()
  const flags = ['--cpu-prof', `--cpu-prof-dir=${folder.path}`, '--cpu-prof-interval=200']
  const start = async (port: number) => {
    const thalamus = await Thalamus.start(configure(port), flags)
    return {
      httpPort: thalamus.httpPort,
      server: thalamus.server,
      [Symbol.asyncDispose]: () => thalamus.stop().then(() => thalamus[Symbol.asyncDispose]()),
    }
  }
  const { spansPerCpuSecond } = await round('Thalamus', start, seconds, rate)
  console.log(`${Math.round(spansPerCpuSecond)} spans per CPU-second\n${hotspots(folder.path)}`)
}
