/**
 * otlp → memory_limiter → batch → otlp_http with the queue on the disk, beside the real Collector with its file_storage: same bodies, same
 * configuration, rounds in turn; synced and not. CPU time is that of the server alone, from before the load until the sink has every row.
 * The Collector's `batch` says yes before anything is on the disk; Thalamus says yes when it is safe there.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Folder } from '../test/peers/kit/process.ts'
import { Collector, type Configuration, type Otlp, otlpTo, Thalamus, toHttp } from '../test/peers/kit/servers.ts'
import { type Measured, machine, median, Subject, spread } from './kit.ts'
import { hotspots } from './profile.ts'

interface Case {
  readonly name: string
  readonly fsync: boolean
  /** times the Collector; 0: reported */
  readonly must: number
}
const cases: readonly Case[] = [
  { name: 'fsync: true in both', fsync: true, must: 3 },
  { name: 'fsync: false in both', fsync: false, must: 3 },
]
const points = 110
/** Enough that many wait while one group is synced. */
const connections = 64

interface Row extends Case {
  readonly collector: readonly Measured[]
  readonly thalamus: readonly Measured[]
}

export async function bench(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string', default: '3' },
      seconds: { type: 'string', default: '4' },
      case: { type: 'string' },
      profile: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
    },
  })
  const [rounds, seconds] = [Number(values.rounds), Number(values.seconds)]
  console.log(`${machine()}\nnpm run bench -- queue ${args.join(' ')}\n`)
  const rows: Row[] = []
  for (const one of cases.filter(c => values.case === undefined || c.name.includes(values.case))) {
    const row = await measure(one, rounds, seconds)
    rows.push(row)
    console.log(line(row))
    if (values.profile) console.log(await profile(one, seconds))
  }
  const table = markdown(rows, rounds, seconds)
  console.log(`\n${table}`)
  if (values.write) write(table)
}

/** The same words for both. A full queue lets senders wait, so that no row is dropped. */
function configure(folder: Folder, fsync: boolean): (ports: Otlp, sinkPort: number) => Configuration {
  return (ports, sinkPort) => {
    const sending_queue = { storage: 'file_storage', block_on_overflow: true, queue_size: 5000 }
    const processors = { memory_limiter: { check_interval: '1s', limit_mib: 4000 }, batch: {} }
    const config = otlpTo(ports, { otlp_http: toHttp(sinkPort, { compression: 'none', sending_queue }) }, processors)
    return {
      ...config,
      extensions: { file_storage: { directory: folder.path, fsync } },
      service: { ...config.service, extensions: ['file_storage'] },
    }
  }
}

async function measure({ fsync, ...one }: Case, rounds: number, seconds: number): Promise<Row> {
  using theirFolder = new Folder()
  using ourFolder = new Folder()
  await using theirs = await Subject.configured(Collector, configure(theirFolder, fsync))
  await using ours = await Subject.configured(Thalamus, configure(ourFolder, fsync))
  const collector: Measured[] = []
  const thalamus: Measured[] = []
  for (let round = 0; round < rounds; round++) {
    const load = { points, connections, seconds, warmSeconds: round === 0 ? 2 : 1 }
    collector.push(await theirs.load(load))
    thalamus.push(await ours.load(load))
  }
  return { ...one, fsync, collector, thalamus }
}

/** Where Thalamus spends its time under this load. */
async function profile({ fsync }: Case, seconds: number): Promise<string> {
  using profiles = new Folder()
  using folder = new Folder()
  const flags = ['--cpu-prof', `--cpu-prof-dir=${profiles.path}`, '--cpu-prof-interval=200']
  await using ours = await Subject.configured(Thalamus, configure(folder, fsync), flags)
  await ours.load({ points, connections, seconds })
  await ours.server.server.stop()
  return hotspots(profiles.path)
}

const perCpuSecond = (measured: readonly Measured[]) => measured.map(m => m.rows / m.cpuSeconds)
const perSecond = (measured: readonly Measured[]) => measured.map(m => m.rows / m.seconds)
const times = (row: Row) => median(perCpuSecond(row.thalamus)) / median(perCpuSecond(row.collector))
const millions = (values: readonly number[]) => `${(median(values) / 1e6).toFixed(2)} M ±${Math.ceil(spread(values) / 2)} %`
const p99 = (measured: readonly Measured[]) => median(measured.map(m => m.p99ms)).toFixed(1)
const megabytes = (measured: readonly Measured[]) => Math.round(median(measured.map(m => m.rssBytes)) / 1e6)
const verdict = (row: Row) => (times(row) >= row.must ? 'met' : 'NOT MET')

function line(row: Row): string {
  const [theirs, ours] = [perCpuSecond(row.collector), perCpuSecond(row.thalamus)]
  return `${row.name}: ${millions(theirs)} | ${millions(ours)} | ${times(row).toFixed(1)}× (${row.must}) ${verdict(row)}`
}

function markdown(rows: readonly Row[], rounds: number, seconds: number): string {
  const head = ['', 'Collector', 'Thalamus', 'ratio', 'must', 'reached', 'points per second of the clock', 'p99 when saturated', 'RSS']
  const body = rows.map(row => [
    row.name,
    millions(perCpuSecond(row.collector)),
    millions(perCpuSecond(row.thalamus)),
    `${times(row).toFixed(1)}×`,
    `${row.must}×`,
    verdict(row),
    `${millions(perSecond(row.collector))} / ${millions(perSecond(row.thalamus))}`,
    `${p99(row.collector)} / ${p99(row.thalamus)} ms`,
    `${megabytes(row.collector)} / ${megabytes(row.thalamus)} MB`,
  ])
  const lines = [head, head.map(() => '---'), ...body].map(cells => `| ${cells.join(' | ')} |`)
  return [
    `${machine()}. Medians of ${rounds} rounds of ${seconds} s in turn, with half the spread; ${points} points a body, ${connections} connections. Collector 0.155.0. \`npm run bench -- queue\`.`,
    '',
    'Points per CPU-second of the server process:',
    '',
    ...lines,
  ].join('\n')
}

/** Puts the table between the two marks of docs/benchmarks.md. */
function write(table: string): void {
  const path = fileURLToPath(new URL('../docs/benchmarks.md', import.meta.url))
  const [begin, end] = ['<!-- queue -->', '<!-- /queue -->']
  const text = readFileSync(path, 'utf8')
  const [before, after] = [text.indexOf(begin), text.indexOf(end)]
  if (before < 0 || after < before) throw new Error(`${path}: the marks ${begin} and ${end} are missing`)
  writeFileSync(path, `${text.slice(0, before + begin.length)}\n${table}\n${text.slice(after)}`)
}
