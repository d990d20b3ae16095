/**
 * Rows per CPU-second of the process with two ingest threads, beside the same with one thread, and beside two processes of one thread that
 * share the load: same bodies, same configuration, rounds in turn. CPU time is that of all threads. What two processes lose against one is the
 * machine's doing (two busy cores share caches), and no fault of threads; and a load that is less dense costs more for each row, which one thread
 * with half of the load, and two with twice of it, show. What a second thread brings in wall time cannot be seen where the loader has to
 * share two cores.
 */
import { parseArgs } from 'node:util'
import { freePorts, LOOPBACK } from '../test/peers/kit/process.ts'
import { type Otlp, otlpTo, Thalamus, toHttp } from '../test/peers/kit/servers.ts'
import { type Load, type Measured, machine, median, type Shape, Subject, spread, writeBetween } from './kit.ts'

/** times the rows per CPU-second of one thread */
const must = 0.9

const cases: readonly { readonly name: string; readonly load: Omit<Load, 'seconds'> }[] = [
  { name: 'HTTP, 11 points', load: { points: 11 } },
  { name: 'HTTP, 110 points', load: { points: 110 } },
  { name: 'HTTP gzip, 110 points', load: { points: 110, gzip: true } },
  { name: 'HTTP, 1,100 points', load: { points: 1100 } },
  { name: 'gRPC, 110 points', load: { points: 110, grpc: true } },
  { name: 'HTTP, 1,000 spans', load: { signal: 'traces', points: 1000 } },
]
const shapes: readonly Shape[] = ['otlp_http', 'otlp_http and prometheus']

interface Runs {
  readonly one: readonly Measured[]
  /** one thread, half of the connections */
  readonly half: readonly Measured[]
  readonly two: readonly Measured[]
  /** two threads, as many connections for each as one has */
  readonly twice: readonly Measured[]
  /** both at once */
  readonly processes: readonly Measured[]
}
interface Row extends Runs {
  readonly name: string
  readonly shape: Shape
}

export async function bench(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string', default: '3' },
      seconds: { type: 'string', default: '2' },
      case: { type: 'string' },
      shape: { type: 'string' },
      write: { type: 'boolean', default: false },
    },
  })
  const [rounds, seconds] = [Number(values.rounds), Number(values.seconds)]
  console.log(`${machine()}\nnpm run bench -- workers ${args.join(' ')}\n`)
  const rows: Row[] = []
  for (const shape of shapes.filter(s => values.shape === undefined || s === values.shape)) {
    for (const { name, load } of cases.filter(c => values.case === undefined || c.name.includes(values.case))) {
      // The page of metrics has no part in traces.
      if (shape !== 'otlp_http' && load.signal === 'traces') continue
      const row = { name, shape, ...(await measure(load, shape, rounds, seconds)) }
      rows.push(row)
      console.log(cells(row).join(' | '))
    }
  }
  const table = markdown(rows, rounds, seconds)
  console.log(`\n${table}`)
  if (values.write) writeBetween('workers', table)
}

async function measure(load: Omit<Load, 'seconds'>, shape: Shape, rounds: number, seconds: number): Promise<Runs> {
  await using first = await subject(shape, 1)
  await using second = await subject(shape, 2)
  await using left = await subject(shape, 1)
  await using right = await subject(shape, 1)
  const [one, half, two, twice, processes]: [Measured[], Measured[], Measured[], Measured[], Measured[]] = [[], [], [], [], []]
  const connections = load.grpc === true ? 8 : 16
  for (let round = 0; round < rounds; round++) {
    // Each thread compiles its own code: until it has, two of them cost twice that.
    const timed = { ...load, seconds, connections, warmSeconds: round === 0 ? 6 : 1 }
    one.push(await first.load(timed))
    two.push(await second.load(timed))
    const less = { ...timed, connections: connections / 2 }
    processes.push(together(await Promise.all([left.load(less), right.load(less)])))
    half.push(await first.load({ ...less, warmSeconds: 1 }))
    twice.push(await second.load({ ...timed, connections: connections * 2, warmSeconds: 1 }))
  }
  return { one, half, two, twice, processes }
}

function together([a, b]: readonly [Measured, Measured]): Measured {
  return { ...a, rows: a.rows + b.rows, cpuSeconds: a.cpuSeconds + b.cpuSeconds, rssBytes: a.rssBytes + b.rssBytes }
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
const times = (runs: readonly Measured[], { one }: Row) => median(perCpuSecond(runs)) / median(perCpuSecond(one))
const millions = (values: readonly number[]) => `${(median(values) / 1e6).toFixed(2)} M ±${Math.ceil(spread(values) / 2)} %`
const megabytes = (measured: readonly Measured[]) => Math.round(median(measured.map(m => m.rssBytes)) / 1e6)

function cells(row: Row): string[] {
  return [
    row.name,
    row.shape,
    millions(perCpuSecond(row.one)),
    millions(perCpuSecond(row.two)),
    `${times(row.two, row).toFixed(2)}×`,
    times(row.two, row) >= must ? 'met' : 'NOT MET',
    `${times(row.twice, row).toFixed(2)}×`,
    `${times(row.processes, row).toFixed(2)}×`,
    `${times(row.half, row).toFixed(2)}×`,
    `${[row.one, row.two, row.processes].map(megabytes).join(' / ')} MB`,
  ]
}

function markdown(rows: readonly Row[], rounds: number, seconds: number): string {
  const head = [
    ...['body', 'exporters', 'one thread', 'two workers', 'ratio', `must: ${must}×`],
    ...['two workers, twice the load', 'two processes', 'one thread, half the load', 'RSS of the three'],
  ]
  const lines = [head, head.map(() => '---'), ...rows.map(cells)].map(row => `| ${row.join(' | ')} |`)
  return [
    `${machine()}. Medians of ${rounds} rounds of ${seconds} s in turn, with half the spread.`,
    '',
    'Rows per CPU-second of the process, all threads:',
    '',
    ...lines,
  ].join('\n')
}
