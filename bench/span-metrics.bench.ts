/**
 * Spans per CPU-second, span_metrics beside the Collector's own: same bodies, same configuration, rounds in turn. The figure is void
 * unless the last flush counts every span that was sent.
 */
import { parseArgs } from 'node:util'
import { Raw } from '../src/model/raw.ts'
import { createReader } from '../src/otlp/reader.ts'
import { eventually, Folder } from '../test/peers/kit/process.ts'
import { Collector, type Configuration, type Otlp, otlpTo, Thalamus, toHttp } from '../test/peers/kit/servers.ts'
import { Sink } from '../test/peers/kit/sink.ts'
import { type Measured, machine, median, runLoader, spread, writeBetween } from './kit.ts'
import { hotspots } from './profile.ts'

interface Case {
  readonly name: string
  readonly settings: object
  /** times the Collector */
  readonly must: number
}

const cases: readonly Case[] = [
  { name: 'as it comes', settings: {}, must: 4 },
  {
    name: 'two dimensions and exemplars',
    settings: {
      dimensions: [{ name: 'http.request.method' }, { name: 'http.response.status_code' }],
      exemplars: { enabled: true },
    },
    must: 4,
  },
  { name: 'a dimension of 20 values', settings: { dimensions: [{ name: 'http.route' }] }, must: 4 },
  { name: 'exponential histograms', settings: { histogram: { exponential: {} } }, must: 4 },
]

const FLUSH = { metrics_flush_interval: '5s' }

function configure(settings: object, sinkPort: number): (ports: Otlp) => Configuration {
  return ports => ({
    ...otlpTo(ports, { otlp_http: toHttp(sinkPort, { compression: 'none' }) }),
    connectors: { span_metrics: { ...FLUSH, ...settings } },
    service: {
      pipelines: {
        traces: { receivers: ['otlp'], exporters: ['span_metrics'] },
        metrics: { receivers: ['span_metrics'], exporters: ['otlp_http'] },
      },
    },
  })
}

/** A server with a sink behind it for its metrics. */
class Subject implements AsyncDisposable {
  readonly server: Collector | Thalamus
  readonly sink: Sink
  readonly name: string

  private constructor(server: Collector | Thalamus, sink: Sink, name: string) {
    this.server = server
    this.sink = sink
    this.name = name
  }

  static async start(kind: typeof Collector | typeof Thalamus, settings: object, flags: readonly string[] = []): Promise<Subject> {
    const sink = await Sink.start()
    const config = configure(settings, sink.httpPort)
    return new Subject(await (kind === Thalamus ? Thalamus.start(config, flags) : Collector.start(config)), sink, kind.name)
  }

  async load(seconds: number, warmSeconds: number): Promise<Measured> {
    const load = { signal: 'traces' as const, points: 1000, seconds, warmSeconds }
    this.sink.kept.length = 0
    return runLoader(load, this.server.httpPort, this.server.server.pid, undefined, this.name)
  }

  /** What a flush counts after the load, once two of them say the same. The last one may not have arrived whole. */
  async counted(): Promise<number> {
    const reader = createReader()
    const sums = new Map<number, number>()
    return eventually(
      `${this.name}: two flushes that say the same`,
      () => {
        for (const body of this.sink.bodies('metrics')) {
          const { numbers, dictionary } = reader.read('metrics', Raw.of(body))
          for (let i = 0; i < numbers.length; i++) {
            if (!dictionary.series(numbers.series[i]!).name.endsWith('.calls')) continue
            sums.set(numbers.time[i]!, (sums.get(numbers.time[i]!) ?? 0) + numbers.value[i]!)
          }
        }
        this.sink.kept.length = 0
        const [, last, before] = [...sums].sort(([a], [b]) => b - a).map(([, sum]) => sum)
        return last === before && last
      },
      40_000,
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]()
    await this.sink[Symbol.asyncDispose]()
  }
}

export async function bench(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string', default: '3' },
      seconds: { type: 'string', default: '5' },
      case: { type: 'string' },
      profile: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
    },
  })
  const [rounds, seconds] = [Number(values.rounds), Number(values.seconds)]
  console.log(`${machine()}\nnpm run bench -- span-metrics ${args.join(' ')}\n`)
  const lines: string[] = []
  for (const one of cases.filter(c => values.case === undefined || c.name.includes(values.case))) {
    if (values.profile) console.log(await profile(one, seconds))
    else lines.push(await measure(one, rounds, seconds))
    console.log(lines.at(-1) ?? '')
  }
  const table = [
    `${machine()}. Medians of ${rounds} rounds of ${seconds} s in turn, with half the spread. Collector 0.155.0. A flush every ${FLUSH.metrics_flush_interval}.`,
    '',
    'Spans per CPU-second of the server process:',
    '',
    '| 1,000-span bodies over HTTP | Collector | Thalamus | ratio | must | p99: Collector / Thalamus | RSS |',
    '| --- | --- | --- | --- | --- | --- | --- |',
    ...lines,
  ].join('\n')
  if (values.write) writeBetween('span-metrics', table)
}

async function measure({ name, settings, must }: Case, rounds: number, seconds: number): Promise<string> {
  await using theirs = await Subject.start(Collector, settings)
  await using ours = await Subject.start(Thalamus, settings)
  const [collector, thalamus]: [Measured[], Measured[]] = [[], []]
  for (let round = 0; round < rounds; round++) {
    collector.push(await theirs.load(seconds, round === 0 ? 5 : 1))
    thalamus.push(await ours.load(seconds, round === 0 ? 5 : 1))
  }
  for (const [subject, measured] of [
    [theirs, collector],
    [ours, thalamus],
  ] as const) {
    const [counted, sent] = [await subject.counted(), measured.reduce((sum, { rows }) => sum + rows, 0)]
    // The loader reports the measured time only: what it sent while warming up is counted too, in whole bodies.
    if (counted < sent || counted % 1000 !== 0) throw new Error(`${subject.name}: ${counted} of at least ${sent} spans were counted`)
  }
  const per = (measured: readonly Measured[]) => measured.map(m => m.rows / m.cpuSeconds)
  const millions = (values: readonly number[]) => `${(median(values) / 1e6).toFixed(2)} M ±${Math.ceil(spread(values) / 2)} %`
  const ratio = median(per(thalamus)) / median(per(collector))
  const p99 = (measured: readonly Measured[]) => median(measured.map(m => m.p99ms)).toFixed(1)
  const rss = (measured: readonly Measured[]) => Math.round(median(measured.map(m => m.rssBytes)) / 1e6)
  return `| ${[
    name,
    millions(per(collector)),
    millions(per(thalamus)),
    `**${ratio.toFixed(1)}×**`,
    `${must}×${ratio < must ? ', NOT MET' : ''}`,
    `${p99(collector)} / ${p99(thalamus)} ms`,
    `${rss(collector)} / ${rss(thalamus)} MB`,
  ].join(' | ')} |`
}

/** Where Thalamus spends its time. */
async function profile({ settings }: Case, seconds: number): Promise<string> {
  using folder = new Folder()
  await using ours = await Subject.start(Thalamus, settings, ['--cpu-prof', `--cpu-prof-dir=${folder.path}`, '--cpu-prof-interval=200'])
  const { rows, cpuSeconds } = await ours.load(seconds, 2)
  await ours.server.server.stop()
  return `${Math.round(rows / cpuSeconds)} spans per CPU-second\n${hotspots(folder.path)}`
}
