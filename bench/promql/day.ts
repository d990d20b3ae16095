/**
 * The samples that queries are measured over: a service with many instances, every 15 s. With 50 instances 1,000 counters with resets, 1,000 gauges of two
 * decimals, 100 histograms of ten buckets and 20 `up` with gaps: 3,220 series. Each instance is scraped at a phase of its own.
 */
import { Labels } from '../../src/model/labels.ts'

export interface Day {
  /** epoch ms */
  readonly start: number
  readonly hours: number
  /** [ms] */
  readonly every: number
  readonly instances: number
}

export const wholeDay: Day = { start: 1_793_491_200_000, hours: 24, every: 15_000, instances: 50 }

/** Those of one family come one after the other. */
export interface GeneratedSeries {
  readonly family: 'bench_requests' | 'bench_temperature' | 'bench_duration_seconds' | 'up'
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly labels: Labels
  /** epoch ms */
  readonly time: Float64Array
  readonly value: Float64Array
}

/** mulberry32 */
export function random(seed: number): () => number {
  let a = seed >>> 0
  return () => {
    a = (a + 0x6d2b79f5) >>> 0
    let t = a
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

export function* generate(day: Day): Generator<GeneratedSeries> {
  const seeds = { next: 1 }
  const times = Array.from({ length: day.instances }, (_, i) => timesOf(day, i))
  for (const [i, time] of times.entries()) yield* requests(day, `host-${i}:9100`, time, seeds)
  for (const [i, time] of times.entries()) yield* temperatures(`host-${i}:9100`, time, seeds)
  for (const [i, time] of times.entries()) yield* durations(day, `host-${i}:9100`, time, seeds)
  for (const [i, time] of times.slice(0, 20).entries()) yield up(day, `host-${i}:9100`, time, seeds)
}

interface Seeds {
  next: number
}

function timesOf({ start, hours, every }: Day, instance: number): Float64Array {
  const phase = Math.floor(random(9000 + instance)() * every)
  return Float64Array.from({ length: Math.floor((hours * 3_600_000) / every) }, (_, n) => start + n * every + phase)
}

function* requests({ start, every }: Day, instance: string, time: Float64Array, seeds: Seeds): Generator<GeneratedSeries> {
  for (const method of ['GET', 'POST', 'PUT', 'DELETE'])
    for (const code of ['200', '201', '404', '500', '503']) {
      const next = random(seeds.next++)
      const base = ((code[0] === '5' ? 0.5 : code[0] === '4' ? 2 : 20) * (0.5 + next()) * every) / 1000
      let total = 0
      const value = time.map(t => {
        if (next() < 0.0003) total = 0
        total += Math.floor(base * (1 + 0.5 * Math.sin(((t - start) / 86_400_000) * 2 * Math.PI)) * next() * 2)
        return total
      })
      const labels = Labels.from({ __name__: 'bench_requests_total', instance, method, code })
      yield { family: 'bench_requests', type: 'counter', labels, time, value }
    }
}

function* temperatures(instance: string, time: Float64Array, seeds: Seeds): Generator<GeneratedSeries> {
  for (let sensor = 0; sensor < 20; sensor++) {
    const next = random(seeds.next++)
    let degrees = 20 + 20 * next()
    const value = time.map(() => {
      degrees += (next() - 0.5) * 0.4
      degrees += (30 - degrees) * 0.001
      return Number(degrees.toFixed(2))
    })
    yield {
      family: 'bench_temperature',
      type: 'gauge',
      labels: Labels.from({ __name__: 'bench_temperature', instance, sensor: `s${sensor}` }),
      time,
      value,
    }
  }
}

const bounds = ['0.005', '0.01', '0.025', '0.05', '0.1', '0.25', '0.5', '1', '2.5', '+Inf']
const shares = [0.05, 0.1, 0.2, 0.25, 0.2, 0.1, 0.05, 0.03, 0.015, 0.005]

function* durations({ every }: Day, instance: string, time: Float64Array, seeds: Seeds): Generator<GeneratedSeries> {
  for (const path of ['/api', '/web']) {
    const next = random(seeds.next++)
    const buckets = bounds.map(() => new Float64Array(time.length))
    const sums = new Float64Array(time.length)
    const counts = new Float64Array(bounds.length)
    let sum = 0
    for (let n = 0; n < time.length; n++) {
      const load = Math.floor(0.05 * every * (0.5 + next()))
      let below = 0
      for (let b = 0; b < bounds.length; b++) {
        const here = Math.floor(load * shares[b]! * (0.8 + 0.4 * next()))
        below += here
        counts[b]! += below
        buckets[b]![n] = counts[b]!
        sum += here * (b < 9 ? Number(bounds[b]) * 0.7 : 4)
      }
      sums[n] = Number(sum.toFixed(4))
    }
    const series = (name: string, value: Float64Array, more: Record<string, string> = {}): GeneratedSeries => {
      const labels = Labels.from({ __name__: `bench_duration_seconds_${name}`, instance, path, ...more })
      return { family: 'bench_duration_seconds', type: 'histogram', labels, time, value }
    }
    for (const [b, le] of bounds.entries()) yield series('bucket', buckets[b]!, { le })
    yield series('sum', sums)
    yield series('count', buckets.at(-1)!)
  }
}

/** Four times there is nothing for ten minutes. */
function up({ every }: Day, instance: string, time: Float64Array, seeds: Seeds): GeneratedSeries {
  const next = random(seeds.next++)
  const gap = 600_000 / every
  const gaps = Array.from({ length: 4 }, () => Math.floor(next() * time.length))
  const kept = time.filter((_, n) => !gaps.some(from => n >= from && n < from + gap))
  const labels = Labels.from({ __name__: 'up', instance, job: 'bench' })
  return { family: 'up', type: 'gauge', labels, time: kept, value: kept.map(() => (next() < 0.01 ? 0 : 1)) }
}
