/**
 * The service that the compliance queries ask about, made up: three instances, scraped every 5 s for 100 minutes, a counter that is reset, and a series that comes
 * and goes. Only sums and products, so that every machine makes the same samples; the golden answers are about these.
 */
import { Labels } from '../../../src/model/labels.ts'
import { MemoryStorage } from '../../../src/promql/testing/memory.ts'

/** [seconds since 1970] */
export const START = 1_793_491_200
const SCRAPE = 5
const SCRAPES = 1_200
/** [ms] of each instance's scrapes after the full second */
const phases = [137, 1_731, 3_029]

/** A value, a stale marker, or no sample. */
type Made = number | 'stale' | undefined

export function demo(): MemoryStorage {
  const storage = new MemoryStorage()
  let seed = 1
  for (const [i, phase] of phases.entries()) {
    const put = (name: string, more: Record<string, string>, value: (n: number) => Made) => {
      const labels = Labels.from({ __name__: name, instance: `demo.promlabs.com:${10_000 + i}`, job: 'demo', ...more })
      for (let n = 0; n < SCRAPES; n++) {
        const made = value(n)
        const time = (START + n * SCRAPE) * 1_000 + phase
        if (made !== undefined) storage.append(labels, time, made === 'stale' ? { value: Number.NaN, stale: true } : { value: made })
      }
    }
    seed = instance(i, seed, put)
  }
  return storage
}

type Put = (name: string, labels: Record<string, string>, value: (n: number) => Made) => void

/** @returns the next seed */
function instance(i: number, firstSeed: number, put: Put): number {
  let seed = firstSeed
  for (const [type, base, swing] of memory) {
    const random = mulberry(seed++)
    put('demo_memory_usage_bytes', { type }, n => Math.round(base * (1 + swing * triangle(n + i * 70, 900) + 0.02 * (random() - 0.5))))
  }
  put('demo_num_cpus', {}, () => 4)
  for (const [mode, rate] of modes) {
    const random = mulberry(seed++)
    let value = 10_000 * (i + 1)
    put('demo_cpu_usage_seconds_total', { mode }, n => {
      if (i === 2 && n === 700) value = 0
      return (value += Math.round(rate * SCRAPE * (0.5 + random()) * 1e6) / 1e6)
    })
  }
  const disk = mulberry(seed++)
  let used = 1.1e11
  put('demo_disk_usage_bytes', {}, () => (used += Math.round(2e6 * disk())))
  put('demo_disk_total_bytes', {}, () => 160e9)
  put('demo_batch_last_run_timestamp_seconds', {}, n => START + Math.floor((n * SCRAPE) / 60) * 60 - 5)
  put('demo_batch_last_success_timestamp_seconds', {}, n => {
    const k = Math.floor((n * SCRAPE) / 60)
    return START + (k - (k % 7 === 3 ? 1 : 0)) * 60 - 5.25
  })
  const batch = mulberry(seed++)
  put('demo_batch_last_run_duration_seconds', {}, () => Math.round(1e6 * (3 + batch())) / 1e6)
  put('demo_batch_last_run_processed_bytes', {}, () => Math.round(1e5 * batch()))
  put('demo_is_holiday', {}, () => 0)
  const shop = mulberry(seed++)
  let shipped = 5_000
  put('demo_items_shipped_total', {}, () => (shipped += Math.floor(4 * shop())))
  const busy = mulberry(seed++)
  put('demo_api_http_requests_in_progress', {}, () => Math.floor(6 * busy()))
  // A minute of every three, with a stale marker at its end.
  put('demo_intermittent_metric', {}, n => {
    const place = (n + i * 5) % 36
    if (place < 12) return 1
    return place === 12 ? 'stale' : undefined
  })
  for (const route of routes) durations(route, mulberry(seed++), put)
  return seed
}

const memory = [
  ['buffers', 0.3e9, 0.05],
  ['cached', 2.1e9, 0.2],
  ['free', 1.4e9, 0.3],
  ['used', 3.9e9, 0.25],
] as const
const modes = [
  ['idle', 2.3],
  ['system', 0.6],
  ['user', 1.1],
] as const
/** method, path, status, requests a scrape */
const routes = [
  ['GET', '/api/foo', '200', 40],
  ['POST', '/api/foo', '200', 12],
  ['GET', '/api/bar', '200', 25],
  ['POST', '/api/bar', '500', 2],
  ['GET', '/api/nonexistent', '404', 1],
] as const

/** The classic histogram of a route's durations. */
function durations([method, path, status, requests]: (typeof routes)[number], random: () => number, put: Put): void {
  const bounds: number[] = []
  for (let b = 0, bound = 0.0001; b < 25; b++, bound *= 1.5) bounds.push(bound)
  const cumulative = Array.from({ length: 26 }, (_, b) => 1e5 + b * 1_000)
  const rows: number[][] = Array.from({ length: 26 }, () => [])
  const sums: number[] = []
  let sum = 400
  for (let n = 0; n < SCRAPES; n++) {
    const served = Math.floor((requests * SCRAPE * (0.5 + random())) / 5)
    for (let request = 0; request < served; request++) {
      const [u, v] = [random(), random()]
      const b = Math.floor(26 * u * (0.4 + 0.6 * v))
      for (let x = b; x < 26; x++) cumulative[x]!++
      sum += b < 25 ? bounds[b]! * 0.8 : 3
    }
    for (const [b, row] of rows.entries()) row.push(cumulative[b]!)
    sums.push(Math.round(sum * 1e6) / 1e6)
  }
  const labels = { method, path, status }
  for (const [b, row] of rows.entries())
    put('demo_api_request_duration_seconds_bucket', { ...labels, le: b < 25 ? String(bounds[b]) : '+Inf' }, n => row[n])
  put('demo_api_request_duration_seconds_sum', labels, n => sums[n])
  put('demo_api_request_duration_seconds_count', labels, n => rows[25]![n])
}

/** A wave between -1 and 1. */
function triangle(n: number, period: number): number {
  const x = (n % period) / period
  return x < 0.5 ? 4 * x - 1 : 3 - 4 * x
}

/** Mulberry32: numbers in [0, 1). */
function mulberry(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}
