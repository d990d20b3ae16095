/**
 * Samples per CPU-second of the server process: Thalamus and a real Prometheus scrape the same page of 10,000 samples, five targets each
 * every second, side by side. CPU is that of the server process alone, user and system, over some seconds in the middle.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Folder, freePorts, getJson, LOOPBACK, listens, pause, Server } from '../test/peers/kit/process.ts'
import { node, otlpTo, program, Thalamus, toHttp } from '../test/peers/kit/servers.ts'
import { machine, median, spread, startSink } from './kit.ts'
import { hotspots } from './profile.ts'

const targets = 5
/** `gzip, changing`: each page has one line that the last one had not, and lacks one that it had. */
const kinds = ['plain', 'gzip', 'gzip, changing'] as const
type Kind = (typeof kinds)[number]

interface Served {
  readonly served: Readonly<Record<string, number>>
  readonly samples: number
  readonly bytes: number
  readonly packed: number
}

interface Running extends AsyncDisposable {
  readonly pid: number
}
interface Page {
  readonly port: number
  readonly path: string
  readonly gzip: boolean
}
interface Subject {
  readonly name: string
  /** what it does with what it scrapes */
  readonly does: string
  start(page: Page, flags?: readonly string[]): Promise<Running>
}

const scrapeConfigs = ({ port, path, gzip }: Page) => [
  {
    job_name: 'bench',
    scrape_interval: '1s',
    scrape_timeout: '1s',
    metrics_path: path,
    enable_compression: gzip,
    static_configs: Array.from({ length: targets }, (_, i) => ({ targets: [`${LOOPBACK}:${port}`], labels: { n: String(i) } })),
  },
]

const prometheus = (agent: boolean): Subject['start'] =>
  async function start(page) {
    const [port] = (await freePorts(1)) as [number]
    const folder = new Folder()
    const file = folder.write('prometheus.yml', { scrape_configs: scrapeConfigs(page) })
    const storage = agent ? ['--agent', `--storage.agent.path=${folder.path}/data`] : [`--storage.tsdb.path=${folder.path}/data`]
    const args = [`--config.file=${file}`, ...storage, `--web.listen-address=${LOOPBACK}:${port}`]
    const server = await Server.start({ file: program('prometheus'), args, ready: () => listens(port) }, folder)
    return { pid: server.pid, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() }
  }

const thalamus = (exporter: 'prometheus' | 'otlp_http'): Subject['start'] =>
  async function start(page, flags = []) {
    const [port] = (await freePorts(1)) as [number]
    const sink = exporter === 'otlp_http' ? await startSink(port) : undefined
    const exporters =
      exporter === 'prometheus' ? { prometheus: { endpoint: `${LOOPBACK}:${port}` } } : { otlp_http: toHttp(port, { compression: 'none' }) }
    const server = await Thalamus.start(ports => {
      const { receivers, ...rest } = otlpTo(ports, exporters)
      return {
        ...rest,
        receivers: { ...receivers, prometheus: { config: { scrape_configs: scrapeConfigs(page) } } },
        service: { pipelines: { metrics: { receivers: ['otlp', 'prometheus'], exporters: Object.keys(exporters) } } },
      }
    }, flags)
    return {
      pid: server.server.pid,
      async [Symbol.asyncDispose]() {
        if (flags.length > 0) await server.stop()
        await server[Symbol.asyncDispose]()
        await sink?.[Symbol.asyncDispose]()
      },
    }
  }

const subjects: readonly Subject[] = [
  { name: 'Prometheus', does: 'stores samples in its database (head and WAL)', start: prometheus(false) },
  { name: 'Prometheus, agent', does: 'writes samples to a WAL', start: prometheus(true) },
  { name: 'Thalamus → prometheus', does: 'keeps the last point of each series for its own page', start: thalamus('prometheus') },
  { name: 'Thalamus → otlp_http', does: 'sends everything on as OTLP, not compressed', start: thalamus('otlp_http') },
]

interface Measured {
  readonly perCpuSecond: number
  readonly samples: number
  readonly cpuSeconds: number
  readonly rssBytes: number
}

export async function bench(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string', default: '3' },
      seconds: { type: 'string', default: '5' },
      profile: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
    },
  })
  const [rounds, seconds] = [Number(values.rounds), Number(values.seconds)]
  console.log(`${machine()}\nnpm run bench -- scrape ${args.join(' ')}\n`)
  const [port] = (await freePorts(1)) as [number]
  await using _pages = await Server.start({
    file: node(),
    args: [fileURLToPath(new URL('page-server.ts', import.meta.url)), String(port)],
    ready: () => listens(port),
  })
  if (values.profile) return console.log(await profile(port, seconds))
  const found = new Map<string, Measured[]>()
  for (let round = 0; round < rounds; round++)
    for (const kind of kinds)
      for (const [name, measured] of await measure(port, kind, seconds)) {
        const key = `${name}, ${kind}`
        found.set(key, [...(found.get(key) ?? []), measured])
        console.log(
          `${key}: ${(measured.perCpuSecond / 1e6).toFixed(2)} M samples per CPU-second, ${measured.samples} samples in ${measured.cpuSeconds.toFixed(2)} s of CPU`,
        )
      }
  const about = await getJson<Served>(`http://${LOOPBACK}:${port}/served`)
  const table = markdown(found, about, rounds, seconds)
  console.log(`\n${table}`)
  if (values.write) write(table)
}

/** All of them at once, so that whatever else the machine does is done to all. */
async function measure(port: number, kind: Kind, seconds: number): Promise<Map<string, Measured>> {
  await using stack = new AsyncDisposableStack()
  const paths = subjects.map((_, i) => `/${i}/${kind.replace(', ', '-')}`)
  const running = await Promise.all(subjects.map((subject, i) => subject.start({ port, path: paths[i]!, gzip: kind !== 'plain' })))
  for (const one of running) stack.use(one)
  await pause(warmMs)
  const before = { served: await served(port), cpu: running.map(({ pid }) => cpuSeconds(pid)) }
  await pause(seconds * 1000)
  const after = { served: await served(port), cpu: running.map(({ pid }) => cpuSeconds(pid)) }
  const due = targets * seconds * 10_000
  return new Map(
    subjects.map(({ name }, i) => {
      const path = paths[i]!
      const samples = ((after.served[path] ?? 0) - (before.served[path] ?? 0)) * 10_000
      if (samples < 0.6 * due) throw new Error(`${name}: ${samples} of ${due} samples were asked for: the figure is void`)
      const cpu = after.cpu[i]! - before.cpu[i]!
      return [name, { samples, cpuSeconds: cpu, perCpuSecond: samples / cpu, rssBytes: rss(running[i]!.pid) }] as const
    }),
  )
}
/** Past the first scrapes everything is known, and compiled. */
const warmMs = 12_000

const served = async (port: number): Promise<Served['served']> => (await getJson<Served>(`http://${LOOPBACK}:${port}/served`)).served

/** User and system time of all threads, by the kernel's clock of 100 Hz. */
function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}
const rss = (pid: number): number => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) * 1024

async function profile(port: number, seconds: number): Promise<string> {
  using folder = new Folder()
  {
    await using _running = await subjects[2]!.start({ port, path: '/profile', gzip: true }, [
      '--cpu-prof',
      `--cpu-prof-dir=${folder.path}`,
      '--cpu-prof-interval=200',
    ])
    await pause(seconds * 1000)
  }
  return hotspots(folder.path)
}

function markdown(found: ReadonlyMap<string, readonly Measured[]>, about: Served, rounds: number, seconds: number): string {
  const of = (name: string, kind: Kind) => found.get(`${name}, ${kind}`)!.map(({ perCpuSecond }) => perCpuSecond)
  const shown = (values: readonly number[]) => `${(median(values) / 1e6).toFixed(2)} M ±${Math.ceil(spread(values) / 2)} %`
  const times = (name: string, kind: Kind, beside: string) => `${(median(of(name, kind)) / median(of(beside, kind))).toFixed(1)}×`
  const rows = subjects.flatMap(({ name, does }) =>
    kinds.map(kind => [
      name,
      does,
      kind,
      shown(of(name, kind)),
      times(name, kind, 'Prometheus'),
      times(name, kind, 'Prometheus, agent'),
      `${Math.round(median(found.get(`${name}, ${kind}`)!.map(({ rssBytes }) => rssBytes)) / 1e6)} MB`,
    ]),
  )
  const head = ['server', 'what it does with the samples', 'page', 'samples per CPU-second', 'of Prometheus', 'of its agent', 'RSS']
  return [
    `${machine()}. Medians of ${rounds} rounds of ${seconds} s, with half the spread. Prometheus 3.14.0. A page of 10,000 samples: ${Math.round(about.bytes / 1000)} KB, packed ${Math.round(about.packed / 1000)} KB; ${targets} targets, every second.`,
    '',
    ...[head, head.map(() => '---'), ...rows].map(cells => `| ${cells.join(' | ')} |`),
  ].join('\n')
}

/** Puts the table between the two marks of docs/benchmarks.md. */
function write(table: string): void {
  const path = fileURLToPath(new URL('../docs/benchmarks.md', import.meta.url))
  const [begin, end] = ['<!-- scrape -->', '<!-- /scrape -->']
  const text = readFileSync(path, 'utf8')
  const [before, after] = [text.indexOf(begin), text.indexOf(end)]
  if (before < 0 || after < before) throw new Error(`${path}: the marks ${begin} and ${end} are missing`)
  writeFileSync(path, `${text.slice(0, before + begin.length)}\n${table}\n${text.slice(after)}`)
}
