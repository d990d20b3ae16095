/**
 * PromQL over the embedded store beside a real Prometheus over the same samples: fifteen range queries over HTTP, in turn, another range each round, and
 * CPU of the server process. Answers are compared; one that differs voids the figure. Then a raw query of 1.4 million points, a dashboard over a month, bytes a sample, restart.
 * `--in-process`: the engine alone, over samples in memory, answers not written.
 */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { createEngine } from '../src/promql/engine.ts'
import { parseExpr } from '../src/promql/parse.ts'
import { Folder, finish } from '../test/peers/kit/process.ts'
import { program } from '../test/peers/kit/servers.ts'
import { machine, median, spread, writeBetween } from './kit.ts'
import { hotspots } from './profile.ts'
import { type Day, wholeDay } from './promql/day.ts'
import { fillMonth, fillStore, InMemory, writeOpenMetrics } from './promql/fill.ts'
import { dashboard, queries } from './promql/queries.ts'
import { type Answered, difference, pointsIn, QueryServer, type Range } from './promql/servers.ts'

const MONTH = { start: Date.UTC(2026, 9, 1), days: 30 }
const mb = (bytes: number): string => `${Math.round(bytes / 1e6)} MB`
const ms = (value: number): string => (value < 10 ? value.toFixed(1) : value.toFixed(0))
const geometricMean = (values: readonly number[]): number =>
  Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length)

export async function bench(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string', default: '5' },
      instances: { type: 'string', default: '50' },
      hours: { type: 'string', default: '24' },
      case: { type: 'string', default: '' },
      'in-process': { type: 'boolean', default: false },
      profile: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
    },
  })
  const day: Day = { ...wholeDay, instances: Number(values.instances), hours: Number(values.hours) }
  const rounds = Number(values.rounds)
  const wanted = Object.entries(queries).filter(([name]) => name.includes(values.case))
  console.log(`${machine()}\nnpm run bench -- promql ${args.join(' ')}\n`)
  if (values['in-process']) return inProcess(day, wanted, rounds)
  const data = await prepared(day)
  if (values.profile) return profile(data.store, day, wanted, rounds)
  const lines = [...(await beside(data, day, wanted, rounds)), ...(values.case === '' ? await alone(data, day, rounds) : [])]
  if (values.write) writeBetween('promql', [`${machine()}. Medians of ${rounds} rounds. Prometheus 3.14.0.`, '', ...lines].join('\n'))
}

/** Another range each round, so that nobody answers from memory. */
const rangeOf = (day: Day, round: number): Range => {
  const start = day.start + 3_600_000 + (round + 1) * 7_000
  return { start, end: start + (day.hours - 1) * 3_600_000 - 120_000, step: 60_000 }
}

interface Data {
  readonly prometheus: string
  readonly store: string
  readonly month: string
}

/** Takes minutes the first time, and is kept. */
async function prepared(day: Day): Promise<Data> {
  const root = join(homedir(), '.cache', 'thalamus-bench')
  mkdirSync(root, { recursive: true })
  const name = `${day.instances}x${day.hours}h`
  const made = async (kind: string, make: (into: string) => Promise<unknown>): Promise<string> => {
    const path = join(root, kind)
    if (existsSync(path)) return path
    console.log(`making ${path}`)
    rmSync(`${path}.part`, { recursive: true, force: true })
    await make(`${path}.part`)
    renameSync(`${path}.part`, path)
    return path
  }
  return {
    prometheus: await made(`prometheus-${name}`, async into => {
      using folder = new Folder()
      const text = join(folder.path, 'day.om')
      writeOpenMetrics(text, day)
      await finish(program('promtool'), ['tsdb', 'create-blocks-from', 'openmetrics', '--max-block-duration=24h', '-q', text, into])
    }),
    store: await made(`store-${name}`, into => fillStore(into, day)),
    month: await made(`month-${MONTH.days}d`, into => fillMonth(into, MONTH.start, MONTH.days)),
  }
}

type Query = readonly [name: string, text: string]

async function beside(data: Data, day: Day, wanted: readonly Query[], rounds: number): Promise<string[]> {
  await using theirs = await QueryServer.prometheus(data.prometheus)
  await using ours = await QueryServer.thalamus(data.store, '0s')
  const both = [theirs, ours]
  const cpu = new Map<string, [number[], number[]]>(wanted.map(([name]) => [name, [[], []]]))
  // The first round warms up, and is the one whose answers are compared.
  for (let round = -1; round < rounds; round++) {
    for (const [name, text] of wanted) {
      const answers: Answered[] = []
      // Who is asked first takes turns.
      for (const i of round % 2 === 0 ? [0, 1] : [1, 0]) {
        answers[i] = await both[i]!.range(text, rangeOf(day, round))
        if (round >= 0) cpu.get(name)![i]!.push(answers[i]!.cpu)
      }
      if (round < 0 || round === rounds - 1) compare(name, answers)
    }
  }
  const rows = wanted.map(([name]) => {
    const [prometheus, thalamus] = cpu.get(name)!
    return { name, prometheus, thalamus, ratio: median(thalamus) / median(prometheus) }
  })
  const ratio = geometricMean(rows.map(row => row.ratio))
  const worst = Math.max(...rows.map(row => row.ratio))
  const mean = (pick: (row: (typeof rows)[number]) => readonly number[]) => ms(geometricMean(rows.map(row => median(pick(row)))))
  const half = (values: readonly number[]) => `${ms(median(values))} ±${Math.round(spread(values) / 2)} %`
  const verdict = ratio <= 0.2 && worst <= 1.5 ? 'stretch' : ratio <= 0.5 && worst <= 1.5 ? 'met' : 'NOT MET'
  const lines = [
    'CPU of the server process, ms a query:',
    '',
    '| query | Prometheus | Thalamus | ratio |',
    '| --- | --- | --- | --- |',
    ...rows.map(
      row => `| \`${Object.fromEntries(wanted)[row.name]}\` | ${half(row.prometheus)} | ${half(row.thalamus)} | ${row.ratio.toFixed(2)}× |`,
    ),
    `| **geometric mean** | ${mean(row => row.prometheus)} | ${mean(row => row.thalamus)} | **${ratio.toFixed(2)}×** |`,
    '',
    `* fifteen range queries, ${day.hours - 1} h at 60 s: **${ratio.toFixed(2)}×** of Prometheus, at worst ${worst.toFixed(2)}×; must ≤ 0.5× and none > 1.5×, stretch ≤ 0.2×: ${verdict}`,
    `* resident at most, while these were asked: Prometheus ${mb(theirs.memory.peak)}, Thalamus ${mb(ours.memory.peak)}`,
  ]
  console.log(lines.join('\n'))
  return lines
}

/** @throws where two servers do not say the same */
function compare(name: string, [theirs, ours]: readonly Answered[]): void {
  const found = difference(theirs!.body, ours!.body, name.endsWith('topk'))
  if (found !== undefined) throw new Error(`${name}: Prometheus and Thalamus differ: ${found}`)
}

/** The bars that have no other side. */
async function alone(data: Data, day: Day, rounds: number): Promise<string[]> {
  const lines = [...(await raw(data.store, day, rounds)), ...(await month(data.month, rounds)), size(data)]
  console.log(lines.join('\n'))
  return lines
}

/** In a process that has done nothing else. */
async function raw(store: string, day: Day, rounds: number): Promise<string[]> {
  const began = performance.now()
  await using ours = await QueryServer.thalamus(store, '0s')
  const started = performance.now() - began
  const answers: Answered[] = []
  for (let round = 0; round <= rounds; round++) answers.push(await ours.range(queries.q01_select_raw, rangeOf(day, round)))
  const [cold, ...warm] = answers
  const points = pointsIn(cold!.body)
  const wall = Math.min(...warm.map(({ wall }) => wall))
  const { peak } = ours.memory
  return [
    `* raw query of ${(points / 1e6).toFixed(2)} M points: **${ms(wall)} ms** by the clock at best, ${ms(median(warm.map(({ cpu }) => cpu)))} ms CPU (the first time ${ms(cold!.wall)} and ${ms(cold!.cpu)}), ` +
      `${mb(peak)} resident; must ≤ 1.0 s and ≤ 600 MB, stretch ≤ 0.5 s: ${peak <= 600e6 && wall <= 1000 ? (wall <= 500 ? 'stretch' : 'met') : 'NOT MET'}`,
    `* from the start of the process over that store to its first yes on \`/-/ready\`: ${(started / 1000).toFixed(1)} s`,
  ]
}

async function month(directory: string, rounds: number): Promise<string[]> {
  await using ours = await QueryServer.thalamus(directory, '7300d')
  const lines: string[] = []
  for (const [name, text] of Object.entries(dashboard)) {
    const answers: Answered[] = []
    for (let round = 0; round <= rounds; round++) {
      const end = MONTH.start + MONTH.days * 86_400_000 - round * 60_000
      answers.push(await ours.range(text, { start: MONTH.start + 86_400_000, end, step: 3_600_000 }))
    }
    const [cold, ...warm] = answers
    const wall = Math.min(...warm.map(({ wall }) => wall))
    const verdict = wall <= 100 ? 'stretch' : wall <= 300 ? 'met' : 'NOT MET'
    lines.push(
      `* ${MONTH.days} days of one-minute data, 100 series, ${name} \`${text}\` at 1 h: **${ms(wall)} ms** by the clock at best, ${ms(median(warm.map(({ cpu }) => cpu)))} ms CPU ` +
        `(the first time ${ms(cold!.wall)}), ${pointsIn(cold!.body)} points; must ≤ 300 ms, stretch ≤ 100 ms: ${verdict}`,
    )
  }
  return lines
}

function size(data: Data): string {
  const theirs = bytesUnder(data.prometheus)
  const ours = bytesUnder(data.store)
  return `* on the disk: Prometheus ${mb(theirs)}, Thalamus ${mb(ours)}: **${(ours / theirs).toFixed(2)}×**; must ≤ 0.6×: ${ours <= 0.6 * theirs ? 'met' : 'NOT MET'}`
}

/** Blocks only: what a running server adds, a log and locks, is the same for both. */
function bytesUnder(folder: string): number {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  return files
    .filter(file => /\.block$|\/(index|chunks\/\d+)$/.test(file))
    .reduce((sum, file) => sum + statSync(join(folder, file)).size, 0)
}

/** Where our server spends its time. */
async function profile(store: string, day: Day, wanted: readonly Query[], rounds: number): Promise<void> {
  for (const [name, text] of wanted) {
    using folder = new Folder()
    {
      await using ours = await QueryServer.thalamus(store, '0s', ['--cpu-prof', `--cpu-prof-dir=${folder.path}`])
      for (let round = 0; round < rounds; round++) await ours.range(text, rangeOf(day, round))
      await ours.stop()
    }
    console.log(`${name}\n${hotspots(folder.path, 20)}\n`)
  }
}

async function inProcess(day: Day, wanted: readonly Query[], rounds: number): Promise<void> {
  const samples = new InMemory(day)
  const engine = createEngine({ maxSamples: 200_000_000 })
  const medians: number[] = []
  for (const [name, text] of wanted) {
    const used: number[] = []
    let shape = ''
    for (let round = -1; round < rounds; round++) {
      const before = process.cpuUsage()
      const { value, stats } = await engine.range(samples, { expr: parseExpr(text), text, ...rangeOf(day, round) })
      const { user, system } = process.cpuUsage(before)
      if (round >= 0) used.push((user + system) / 1000)
      if (value.type === 'matrix') shape = `${value.rows.length} series, peak ${stats.peakSamples} samples`
    }
    medians.push(median(used))
    console.log(`${name.padEnd(26)} ${ms(Math.min(...used)).padStart(6)} ${ms(median(used)).padStart(6)}  ${shape}`)
  }
  console.log(`geometric mean of medians ${geometricMean(medians).toFixed(1)} ms of CPU`)
}
