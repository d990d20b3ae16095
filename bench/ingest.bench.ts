/**
 * Rows per CPU-second of the server process, Thalamus beside the real Collector: same bodies, same configuration, rounds in turn.
 * CPU time is that of the server alone, from before the load until the sink has every row; a missing row voids the figure.
 */
import { parseArgs } from 'node:util'
import { Folder } from '../test/peers/kit/process.ts'
import { Collector, Thalamus } from '../test/peers/kit/servers.ts'
import { type Load, type Measured, machine, median, type Shape, Subject, spread, writeBetween } from './kit.ts'
import { cardinality, type Finding, memory } from './memory.ts'
import { hotspots } from './profile.ts'

interface Case {
  readonly name: string
  readonly load: Omit<Load, 'seconds'>
  /** times the Collector */
  readonly must: number
  readonly stretch: number
}

const cases: readonly Case[] = [
  { name: 'HTTP, 11 points', load: { points: 11 }, must: 2, stretch: 3 },
  { name: 'HTTP, 110 points', load: { points: 110 }, must: 4, stretch: 6 },
  { name: 'HTTP gzip, 110 points', load: { points: 110, gzip: true }, must: 4, stretch: 6 },
  { name: 'HTTP, 1,100 points', load: { points: 1100 }, must: 6, stretch: 8 },
  { name: 'HTTP gzip, 1,100 points', load: { points: 1100, gzip: true }, must: 6, stretch: 8 },
  { name: 'gRPC, 110 points', load: { points: 110, grpc: true }, must: 3, stretch: 5 },
  { name: 'HTTP, 1,000 spans', load: { signal: 'traces', points: 1000 }, must: 5, stretch: 7 },
]
const shapes: readonly Shape[] = ['otlp_http', 'otlp_http and prometheus']

interface Row extends Case {
  readonly shape: Shape
  readonly collector: readonly Measured[]
  readonly thalamus: readonly Measured[]
  /** Both on schedule, at shares of the request rate at which the Collector was saturated in the same round. */
  readonly onSchedule: readonly Scheduled[]
}

/** Latencies from the moment a request was due, whatever the answers before it did. */
interface Scheduled {
  /** of the Collector's saturation rate */
  readonly share: number
  readonly collector: readonly Measured[]
  readonly thalamus: readonly Measured[]
}

/** The rate that is asked for, at which the Collector has all it can do, and one that it can keep. */
const shares = [1, 0.8]

export async function bench(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string', default: '3' },
      seconds: { type: 'string', default: '3' },
      case: { type: 'string' },
      shape: { type: 'string' },
      profile: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
    },
  })
  const [rounds, seconds] = [Number(values.rounds), Number(values.seconds)]
  console.log(`${machine()}\nnpm run bench -- ingest ${args.join(' ')}\n`)
  const rows: Row[] = []
  for (const shape of shapes.filter(s => values.shape === undefined || s === values.shape)) {
    for (const one of cases.filter(c => values.case === undefined || c.name.includes(values.case))) {
      // The page of metrics has no part in traces.
      if (shape !== 'otlp_http' && one.load.signal === 'traces') continue
      const row = await measure(one, shape, rounds, seconds)
      rows.push(row)
      console.log(line(row))
      if (values.profile) console.log(await profile(one, shape, seconds))
    }
  }
  const findings = values.case === undefined ? [...(await memory()), ...(await cardinality(seconds))] : []
  for (const finding of findings) console.log(`${finding.what}: ${finding.value} (${finding.bar}) ${finding.met ? 'met' : 'NOT MET'}`)
  const table = markdown(rows, findings, rounds, seconds)
  console.log(`\n${table}`)
  if (values.write) writeBetween('ingest', table)
}

async function measure(one: Case, shape: Shape, rounds: number, seconds: number): Promise<Row> {
  await using theirs = await Subject.start(Collector, shape)
  await using ours = await Subject.start(Thalamus, shape)
  const collector: Measured[] = []
  const thalamus: Measured[] = []
  const onSchedule = shares.map(share => ({ share, collector: [] as Measured[], thalamus: [] as Measured[] }))
  for (let round = 0; round < rounds; round++) {
    const load = { ...one.load, seconds, warmSeconds: round === 0 ? 2 : 1 }
    const saturated = await theirs.load(load)
    collector.push(saturated)
    thalamus.push(await ours.load(load))
    for (const at of onSchedule) {
      const scheduled = { ...one.load, seconds, rate: (saturated.requests / saturated.seconds) * at.share }
      at.collector.push(await theirs.load(scheduled))
      at.thalamus.push(await ours.load(scheduled))
    }
  }
  return { ...one, shape, collector, thalamus, onSchedule }
}

/** Where Thalamus spends its time under this load. */
async function profile(one: Case, shape: Shape, seconds: number): Promise<string> {
  using folder = new Folder()
  await using ours = await Subject.start(Thalamus, shape, ['--cpu-prof', `--cpu-prof-dir=${folder.path}`, '--cpu-prof-interval=200'])
  await ours.load({ ...one.load, seconds })
  await ours.server.server.stop()
  return hotspots(folder.path)
}

const perCpuSecond = (measured: readonly Measured[]) => measured.map(m => m.rows / m.cpuSeconds)
const times = (row: Row) => median(perCpuSecond(row.thalamus)) / median(perCpuSecond(row.collector))
const verdict = (row: Row) => (times(row) >= row.stretch ? 'stretch' : times(row) >= row.must ? 'must' : 'NOT MET')
const millions = (values: readonly number[]) => `${(median(values) / 1e6).toFixed(2)} M ±${Math.ceil(spread(values) / 2)} %`
const p99 = (measured: readonly Measured[]) => median(measured.map(m => m.p99ms))
/** What is asked: no worse than the Collector; the stretch is half. */
function p99Verdict({ collector, thalamus }: Scheduled): string {
  const [theirs, ours] = [p99(collector), p99(thalamus)]
  const reached = ours <= theirs / 2 ? 'half' : ours <= theirs ? 'no worse' : '**WORSE**'
  return `${theirs.toFixed(1)} / ${ours.toFixed(1)} ms ${reached}`
}
const megabytes = (measured: readonly Measured[]) => Math.round(median(measured.map(m => m.rssBytes)) / 1e6)

function line(row: Row): string {
  const [theirs, ours] = [perCpuSecond(row.collector), perCpuSecond(row.thalamus)]
  const latency = row.onSchedule.map(at => `p99 at ${100 * at.share} %: ${p99Verdict(at)}`).join(' | ')
  return `${row.name} → ${row.shape}: ${millions(theirs)} | ${millions(ours)} | ${times(row).toFixed(1)}× (${row.must}, ${row.stretch}) ${verdict(row)} | ${latency}`
}

function markdown(rows: readonly Row[], findings: readonly Finding[], rounds: number, seconds: number): string {
  const head = [
    'body',
    'exporters',
    'Collector',
    'Thalamus',
    'ratio',
    'must / stretch',
    'reached',
    ...shares.map(share => `p99 on schedule at ${100 * share} % of the Collector's saturation rate: Collector / Thalamus`),
    'p99 of the Collector saturated, closed loop',
    'RSS',
  ]
  const body = rows.map(row => [
    row.name,
    row.shape,
    millions(perCpuSecond(row.collector)),
    millions(perCpuSecond(row.thalamus)),
    `${times(row).toFixed(1)}×`,
    `${row.must}× / ${row.stretch}×`,
    verdict(row),
    ...row.onSchedule.map(p99Verdict),
    `${p99(row.collector).toFixed(1)} ms`,
    `${megabytes(row.collector)} / ${megabytes(row.thalamus)} MB`,
  ])
  const lines = [head, head.map(() => '---'), ...body].map(cells => `| ${cells.join(' | ')} |`)
  const rest = findings.map(f => `* ${f.what}: **${f.value}**, ${f.bar}: ${f.met ? 'met' : 'not met'}`)
  return [
    `${machine()}. Medians of ${rounds} rounds of ${seconds} s in turn, with half the spread. Collector 0.155.0.`,
    '',
    'Rows per CPU-second of the server process:',
    '',
    ...lines,
    '',
    ...rest,
  ].join('\n')
}
