/**
 * Rows per CPU-second of the process with two ingest threads, beside the same with one thread, and beside two processes of one thread that
 * share the load: same bodies, same configuration, rounds in turn. CPU time is that of all threads.
 *
 * Twice: with the server kept on one core, and loader and sink on the others; and where the kernel puts them. On two cores, one thread has a core
 * almost for itself, while two threads share both with loader and sink, which is the machine and no thread. Kept on one core, the neighbours are
 * the same for all three. What is left of the machine is that two busy threads empty the core's caches for each other. Two processes do the
 * same, and share nothing: two workers beside them are what threads cost. What a second thread brings in wall time cannot be seen here.
 */
import { spawnSync } from 'node:child_process'
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { freePorts, LOOPBACK } from '../test/peers/kit/process.ts'
import { type Otlp, otlpTo, Thalamus, toHttp } from '../test/peers/kit/servers.ts'
import { keepOn, type Load, type Measured, machine, median, type Shape, Subject, spread, writeBetween } from './kit.ts'

/** times the rows per CPU-second of one thread, and of two processes */
const must = 0.9

const cases: readonly { readonly name: string; readonly load: Omit<Load, 'seconds'> }[] = [
  { name: 'HTTP, 11 points', load: { points: 11 } },
  { name: 'HTTP, 110 points', load: { points: 110 } },
  { name: 'HTTP gzip, 110 points', load: { points: 110, gzip: true } },
  // With more connections the loader brings more than the sink takes beside it, and the queue overflows.
  { name: 'HTTP, 1,100 points', load: { points: 1100, connections: 16 } },
  { name: 'gRPC, 110 points', load: { points: 110, grpc: true } },
  { name: 'HTTP, 1,000 spans', load: { signal: 'traces', points: 1000 } },
]
const shapes: readonly Shape[] = ['otlp_http', 'otlp_http and prometheus']

/** Which cores are whose. */
interface Placement {
  readonly server: string
  readonly others: string
}
const last = cpus().length - 1
const anywhere: Placement = { server: `0-${last}`, others: `0-${last}` }
const apart: Placement = { server: `${last}`, others: last === 1 ? '0' : `0-${last - 1}` }
const canPin = last > 0 && spawnSync('taskset', ['--version']).error === undefined

/** [rounds] */
interface Runs {
  readonly one: Measured[]
  readonly two: Measured[]
  /** both at once */
  readonly processes: Measured[]
}
interface Row {
  readonly name: string
  readonly shape: Shape
  readonly apart: Runs
  readonly anywhere: Runs
}

export async function bench(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string', default: '3' },
      seconds: { type: 'string', default: '2' },
      connections: { type: 'string', default: '64' },
      case: { type: 'string' },
      shape: { type: 'string' },
      write: { type: 'boolean', default: false },
    },
  })
  const [rounds, seconds, connections] = [Number(values.rounds), Number(values.seconds), Number(values.connections)]
  console.log(`${machine()}\nnpm run bench -- workers ${args.join(' ')}\n`)
  if (!canPin)
    console.log('without a second core, or taskset of util-linux, nothing can be kept on one core: both halves are as the kernel likes\n')
  const rows: Row[] = []
  for (const shape of shapes.filter(s => values.shape === undefined || s === values.shape)) {
    for (const { name, load } of cases.filter(c => values.case === undefined || c.name.includes(values.case))) {
      // The page of metrics has no part in traces.
      if (shape !== 'otlp_http' && load.signal === 'traces') continue
      const row = {
        name,
        shape,
        ...(await measure({ connections, ...load }, shape, rounds, seconds)),
      }
      rows.push(row)
      console.log(cells(row).join(' | '))
    }
  }
  const table = markdown(rows, rounds, seconds, connections)
  console.log(`\n${table}`)
  if (values.write) writeBetween('workers', table)
}

async function measure(load: Omit<Load, 'seconds'>, shape: Shape, rounds: number, seconds: number): Promise<Omit<Row, 'name' | 'shape'>> {
  await using first = await subject(shape, 1)
  await using second = await subject(shape, 2)
  await using left = await subject(shape, 1)
  await using right = await subject(shape, 1)
  const kinds = { one: [first], two: [second], processes: [left, right] } as const
  const measured = { apart: noRuns(), anywhere: noRuns() }
  for (let round = 0; round < rounds; round++) {
    for (const [where, placement] of [['apart', apart] as const, ['anywhere', anywhere] as const]) {
      // Each comes once as the first, so that none is always the one that runs after something else.
      for (const kind of turned(['one', 'two', 'processes'] as const, round)) {
        const subjects = kinds[kind]
        if (canPin) place(subjects, placement)
        // Each thread compiles its own code: until it has, two of them cost twice that.
        const warmSeconds = round === 0 && where === 'apart' ? 10 : 0.5
        const each = {
          ...load,
          ...(canPin ? { cores: placement.others } : {}),
          seconds,
          warmSeconds,
          connections: load.connections! / subjects.length,
        }
        measured[where][kind].push(together(await Promise.all(subjects.map(one => one.load(each)))))
      }
    }
  }
  return measured
}

const noRuns = (): Runs => ({ one: [], two: [], processes: [] })
const turned = <T>(list: readonly T[], by: number): T[] => list.map((_, i) => list[(i + by) % list.length]!)

function place(subjects: readonly Subject[], { server, others }: Placement): void {
  for (const subject of subjects) {
    keepOn(server, subject.server.server)
    keepOn(others, subject.sink)
  }
}

function together([first, ...more]: readonly Measured[]): Measured {
  const sum = (of: 'rows' | 'cpuSeconds' | 'rssBytes') => more.reduce((all, one) => all + one[of], first![of])
  return { ...first!, rows: sum('rows'), cpuSeconds: sum('cpuSeconds'), rssBytes: sum('rssBytes') }
}

async function subject(shape: Shape, workers: number): Promise<Subject> {
  const [page] = (await freePorts(1)) as [number]
  return Subject.configured(Thalamus, (ports: Otlp, sinkPort: number) => {
    const config = otlpTo(ports, { otlp_http: toHttp(sinkPort, { compression: 'none' }) }, { batch: {} })
    const { pipelines } = config.service
    const exporters = shape === 'otlp_http' ? ['otlp_http'] : ['otlp_http', 'prometheus']
    return {
      ...config,
      exporters: { ...config.exporters, ...(shape === 'otlp_http' ? {} : { prometheus: { endpoint: `${LOOPBACK}:${page}` } }) },
      service: { ...config.service, workers, pipelines: { ...pipelines, metrics: { ...pipelines['metrics'], exporters } } },
    }
  })
}

const perCpuSecond = (measured: readonly Measured[]) => measured.map(m => m.rows / m.cpuSeconds)
/** Round by round, because what else the machine does changes from one to the next. */
function times(runs: readonly Measured[], beside: readonly Measured[]): number {
  const [ours, theirs] = [perCpuSecond(runs), perCpuSecond(beside)]
  return median(ours.map((rows, round) => rows / theirs[round]!))
}
const millions = (runs: readonly Measured[]) => {
  const values = perCpuSecond(runs)
  return `${(median(values) / 1e6).toFixed(2)} M ±${Math.ceil(spread(values) / 2)} %`
}
const megabytes = (measured: readonly Measured[]) => Math.round(median(measured.map(m => m.rssBytes)) / 1e6)
const judged = (ratio: number) => `${ratio.toFixed(2)}×, ${ratio >= must ? 'met' : 'NOT MET'}`

function cells({ name, shape, apart, anywhere }: Row): string[] {
  return [
    name,
    shape,
    millions(apart.one),
    millions(apart.two),
    millions(apart.processes),
    judged(times(apart.two, apart.one)),
    judged(times(apart.two, apart.processes)),
    `${times(apart.processes, apart.one).toFixed(2)}×`,
    judged(times(anywhere.two, anywhere.one)),
    `${times(anywhere.processes, anywhere.one).toFixed(2)}×`,
    `${[apart.one, apart.two, apart.processes].map(megabytes).join(' / ')} MB`,
  ]
}

function markdown(rows: readonly Row[], rounds: number, seconds: number, connections: number): string {
  const head = [
    ...['body', 'exporters', 'one thread', 'two workers', 'two processes'],
    ...[`workers : one thread, must be ${must}×`, `workers : processes, must be ${must}×`, 'processes : one thread'],
    ...[`workers : one thread, anywhere, must be ${must}×`, 'processes : one thread, anywhere', 'RSS of the three'],
  ]
  const lines = [head, head.map(() => '---'), ...rows.map(cells)].map(row => `| ${row.join(' | ')} |`)
  const where = canPin
    ? `the server on core ${apart.server}, loader and sink on ${last === 1 ? 'core' : 'cores'} ${apart.others}; "anywhere" is where the kernel puts them`
    : 'all of them where the kernel puts them, because taskset is missing'
  return [
    `${machine()}. ${connections} connections (1,100 points: 16). Medians of ${rounds} rounds of ${seconds} s in turn, with half the spread; ratios are medians of those of the rounds.`,
    '',
    `Rows per CPU-second of the process, all threads; ${where}:`,
    '',
    ...lines,
  ].join('\n')
}
