/**
 * What the prometheus exporter costs: nanoseconds per point beside forwarding, and milliseconds per page.
 * `npm run bench -- exposition`
 */
import { cpus } from 'node:os'
import { gzipSync } from 'node:zlib'
import { State } from '../src/exporters/prometheus/state.ts'
import { openMetrics } from '../src/exposition/openmetrics.ts'
import { protobufPage } from '../src/exposition/protobuf.ts'
import { classic, textPage } from '../src/exposition/text.ts'
import { systemClock } from '../src/lib/clock.ts'
import type { MetricBatch } from '../src/model/batch.ts'
import { Raw } from '../src/model/raw.ts'
import { createReader } from '../src/otlp/reader.ts'
import { encode } from '../src/otlp/write.ts'

const rounds = 9
const settings = {
  strategy: 'UnderscoreEscapingWithSuffixes',
  namespace: '',
  constLabels: [],
  scope: true,
  resource: 'none',
  maxSeries: 2_000_000,
  expirationMs: 300_000,
  sendTimestamps: false,
} as const

/** [series] of ten metrics with three attributes each, in requests of 1,000 points */
function numbers(series: number): Uint8Array[] {
  return requests(series, (name, points) => ({
    name: `http.server.requests.${name}`,
    unit: '{request}',
    sum: { isMonotonic: true, aggregationTemporality: 2, dataPoints: points.map(p => ({ ...p, asDouble: 1e6 * Math.sin(p.id) })) },
  }))
}

function histograms(series: number): Uint8Array[] {
  const explicitBounds = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]
  return requests(series, (name, points) => ({
    name: `http.server.duration.${name}`,
    unit: 's',
    histogram: {
      aggregationTemporality: 2,
      dataPoints: points.map(p => ({ ...p, count: 120, sum: 17.5, explicitBounds, bucketCounts: Array.from({ length: 15 }, (_, i) => i) })),
    },
  }))
}

interface Point {
  readonly id: number
  readonly timeUnixNano: bigint
  readonly attributes: Record<string, string>
}

function requests(series: number, metric: (name: number, points: Point[]) => object): Uint8Array[] {
  const bodies: Uint8Array[] = []
  for (let from = 0; from < series; from += 1000) {
    const points = Array.from({ length: Math.min(1000, series - from) }, (_, k) => ({
      id: from + k,
      timeUnixNano: 1_700_000_000_000_000_000n,
      attributes: { 'http.route': `/v1/items/${(from + k) % 977}`, 'http.request.method': 'GET', worker: `worker-${from + k}` },
    }))
    const resource = { attributes: { 'service.name': 'shop', 'service.instance.id': 'instance-1', 'host.name': 'bench' } }
    const metrics = [metric((from / 1000) % 10, points)].map(one => strip(one))
    bodies.push(encode('metrics', { resourceMetrics: [{ resource, scopeMetrics: [{ scope: { name: 'bench', version: '1' }, metrics }] }] }))
  }
  return bodies
}

/** `id` is not a field of OTLP. */
const strip = (metric: object): object =>
  JSON.parse(JSON.stringify(metric, (key, v) => (key === 'id' ? undefined : typeof v === 'bigint' ? String(v) : v))) as object

function filled(bodies: readonly Uint8Array[]): { state: State; batches: MetricBatch[] } {
  const reader = createReader()
  const state = new State(settings, systemClock, () => {})
  const batches = bodies.map(body => reader.read('metrics', Raw.of(body)))
  for (const batch of batches) state.take(batch)
  return { state, batches }
}

function measure(what: string, unit: string, scale: number, run: () => void): void {
  for (let i = 0; i < 3; i++) run()
  const times = Array.from({ length: rounds }, () => {
    const from = performance.now()
    run()
    return (performance.now() - from) * scale
  }).sort((a, b) => a - b)
  const show = (value: number) => value.toFixed(value < 10 ? 2 : 1)
  console.log(`${what.padEnd(46)} ${show(times[rounds >> 1]!).padStart(8)} ${unit}   ${show(times[0]!)} … ${show(times.at(-1)!)}`)
}

function consume(what: string, bodies: readonly Uint8Array[]): void {
  const { state, batches } = filled(bodies)
  const rows = batches.reduce((sum, batch) => sum + batch.rows, 0)
  const repeat = Math.max(1, Math.round(200_000 / rows))
  measure(`consume, ${what}`, 'ns/point', 1e6 / (rows * repeat), () => {
    for (let i = 0; i < repeat; i++) for (const batch of batches) state.take(batch)
  })
}

function pages(what: string, bodies: readonly Uint8Array[]): void {
  const { state } = filled(bodies)
  const families = state.page.families()
  const formats = {
    text: () => textPage(families, classic),
    openmetrics: () => textPage(families, openMetrics(families)),
    protobuf: () => protobufPage(families),
  }
  let size = 0
  let longest = 0
  for (const [format, page] of Object.entries(formats)) {
    longest = 0
    measure(`page, ${what}, ${format}`, 'ms', 1, () => {
      size = 0
      let from = performance.now()
      for (const piece of page()) {
        size += piece?.length ?? 0
        longest = Math.max(longest, performance.now() - from)
        from = performance.now()
      }
    })
    console.log(`${''.padEnd(46)} ${(size / 1e6).toFixed(1).padStart(8)} MB   longest piece ${longest.toFixed(1)} ms`)
  }
  const text = Buffer.concat([...formats.text()])
  measure(`gzip, ${what}, text (off the event loop)`, 'ms', 1, () => void gzipSync(text, { level: 1 }))
}

export async function bench(): Promise<void> {
  console.log(`${cpus()[0]?.model}, Node ${process.version}, median of ${rounds}, fastest … slowest`)
  consume('1,000 series', numbers(1000))
  consume('100,000 series', numbers(100_000))
  consume('1,000 histograms', histograms(1000))
  pages('10,000 numbers', numbers(10_000))
  pages('100,000 numbers', numbers(100_000))
  pages('1,000 histograms', histograms(1000))
  const first = numbers(100_000)
  measure('first sight, 100,000 series', 'ms', 1, () => void filled(first))
}

if (import.meta.main) await bench()
