/**
 * The PromQL engine alone: CPU of fifteen range queries over a day of 3,200 series, 23 h at 60 s, read from memory without decoding, answers not written.
 * The series are those of a service with 50 instances: 1,000 counters with resets, 1,000 gauges, 100 histograms of ten buckets, every 15 s.
 * Run: node bench/promql.bench.ts [queries, by the beginning of their names]
 */
import { cpus } from 'node:os'
import { Labels } from '../src/model/labels.ts'
import { type Matcher, valueTest } from '../src/model/matcher.ts'
import type { Queryable, Samples, SelectedSeries } from '../src/model/query.ts'
import { createEngine } from '../src/promql/engine.ts'
import { parseExpr } from '../src/promql/parse.ts'

const start = 1_793_491_200_000
const every = 15_000
const samples = (24 * 3600_000) / every
const instances = 50
const runs = 5

const queries = {
  q01_select_raw: 'bench_temperature',
  q02_sum_by_rate: 'sum by (code) (rate(bench_requests_total[5m]))',
  q03_rate_all: 'rate(bench_requests_total[5m])',
  q04_histogram_quantile: 'histogram_quantile(0.95, sum by (le) (rate(bench_duration_seconds_bucket[5m])))',
  q05_histogram_quantile_by: 'histogram_quantile(0.95, sum by (le, instance) (rate(bench_duration_seconds_bucket[5m])))',
  q06_topk: 'topk(5, rate(bench_requests_total[5m]))',
  q07_avg_over_time: 'avg_over_time(bench_temperature[10m])',
  q08_sum_increase_1h: 'sum(increase(bench_requests_total[1h]))',
  q09_ratio: 'sum by (instance) (rate(bench_requests_total{code=~"5.."}[5m])) / sum by (instance) (rate(bench_requests_total[5m]))',
  q10_max_over_time_1h: 'max by (sensor) (max_over_time(bench_temperature[1h]))',
  q11_quantile: 'quantile by (sensor) (0.9, bench_temperature)',
  q12_subquery: 'max_over_time(sum(rate(bench_requests_total[5m]))[30m:1m])',
  q13_vector_match: 'bench_temperature - on (sensor) group_left avg by (sensor) (bench_temperature)',
  q14_count_alert: 'count by (instance) (bench_temperature > 30) > 10',
  q15_quantile_over_time: 'quantile_over_time(0.9, bench_temperature[10m])',
} as const

/** mulberry32 */
function random(seed: number): () => number {
  let a = seed >>> 0
  return () => {
    a = (a + 0x6d2b79f5) >>> 0
    let t = a
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

class Day implements Queryable {
  readonly series: (SelectedSeries & { readonly samples: Samples })[] = []

  add(labels: Record<string, string>, time: Float64Array, valueAt: (n: number) => number): void {
    const value = Float64Array.from({ length: samples }, (_, n) => valueAt(n))
    const columns: Samples = { time, value, stale: undefined, histograms: undefined, start: undefined }
    this.series.push({ labels: Labels.from(labels), samples: columns, read: () => columns })
  }

  async select(matchers: readonly Matcher[]): Promise<readonly SelectedSeries[]> {
    const tests = matchers.map(matcher => [matcher.name, valueTest(matcher)] as const)
    return this.series.filter(({ labels }) => tests.every(([name, test]) => test(labels.get(name))))
  }

  async labelNames(): Promise<readonly string[]> {
    return []
  }

  async labelValues(): Promise<readonly string[]> {
    return []
  }
}

function generated(): Day {
  const day = new Day()
  const times = Array.from({ length: instances }, (_, i) => {
    const phase = Math.floor(random(9000 + i)() * every)
    return Float64Array.from({ length: samples }, (__, n) => start + n * every + phase)
  })
  let seed = 1
  for (const [i, time] of times.entries()) {
    const instance = `host-${i}:9100`
    for (const method of ['GET', 'POST', 'PUT', 'DELETE'])
      for (const code of ['200', '201', '404', '500', '503']) {
        const next = random(seed++)
        const base = (code[0] === '5' ? 0.5 : code[0] === '4' ? 2 : 20) * (0.5 + next()) * 15
        let total = 0
        day.add({ __name__: 'bench_requests_total', instance, method, code }, time, n => {
          if (next() < 0.0003) total = 0
          total += Math.floor(base * (1 + 0.5 * Math.sin((n * 15 * 2 * Math.PI) / 86_400)) * next() * 2)
          return total
        })
      }
    for (let sensor = 0; sensor < 20; sensor++) {
      const next = random(seed++)
      let degrees = 20 + 20 * next()
      day.add({ __name__: 'bench_temperature', instance, sensor: `s${sensor}` }, time, () => {
        degrees += (next() - 0.5) * 0.4
        degrees += (30 - degrees) * 0.001
        return Number(degrees.toFixed(2))
      })
    }
    for (const path of ['/api', '/web'])
      for (const [b, le] of ['0.005', '0.01', '0.025', '0.05', '0.1', '0.25', '0.5', '1', '2.5', '+Inf'].entries()) {
        const next = random(seed++)
        let total = 0
        day.add({ __name__: 'bench_duration_seconds_bucket', instance, path, le }, time, () => {
          total += Math.floor(75 * (b + 1) * (0.8 + 0.4 * next()))
          return total
        })
      }
  }
  return day
}

const wanted = process.argv.slice(2)
const day = generated()
const engine = createEngine({ maxSamples: 200_000_000 })
console.log(`${cpus()[0]?.model}; Node ${process.version}; ${day.series.length} series; ms of CPU, best and median of ${runs}`)
const medians: number[] = []
for (const [name, text] of Object.entries(queries)) {
  if (wanted.length > 0 && !wanted.some(beginning => name.startsWith(beginning))) continue
  const used: number[] = []
  let shape = ''
  for (let run = -1; run < runs; run++) {
    // Never the same range twice.
    const from = start + 3_600_000 + (run + 1) * 7_000
    const before = process.cpuUsage()
    const { value, stats } = await engine.range(day, {
      expr: parseExpr(text),
      text,
      start: from,
      end: start + 24 * 3_600_000,
      step: 60_000,
    })
    const { user, system } = process.cpuUsage(before)
    if (run >= 0) used.push((user + system) / 1000)
    if (value.type === 'matrix') shape = `${value.rows.length} series, peak ${stats.peakSamples} samples`
  }
  used.sort((a, b) => a - b)
  medians.push(used[runs >> 1]!)
  console.log(`${name.padEnd(26)} ${used[0]!.toFixed(0).padStart(6)} ${used[runs >> 1]!.toFixed(0).padStart(6)}  ${shape}`)
}
console.log(`geometric mean of medians ${Math.exp(medians.reduce((sum, ms) => sum + Math.log(ms), 0) / medians.length).toFixed(1)} ms`)
