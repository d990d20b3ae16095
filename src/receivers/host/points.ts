/** What a snapshot is made of: measured values under the names of the semantic conventions, as OTLP metrics. */
import { nanos } from '../../otlp/write.ts'

export interface Metric {
  readonly name: string
  /** UCUM */
  readonly unit: string
  readonly description: string
  /** counter: a sum that only grows; level: a sum over its attributes that may fall; gauge: no sum */
  readonly kind: 'counter' | 'level' | 'gauge' | 'histogram'
  /** whole numbers */
  readonly whole: boolean
}
const define =
  (kind: Metric['kind'], whole: boolean) =>
  (name: string, unit: string, description: string): Metric => {
    return { name, unit, description, kind, whole }
  }
export const counter = define('counter', true)
export const secondsCounter = define('counter', false)
export const level = define('level', true)
export const gauge = define('gauge', false)
export const wholeGauge = define('gauge', true)
export const histogram = define('histogram', false)

/**
 * Counts of things, which the semantic conventions name `….count`. On a page of Prometheus that ending is kept for histograms, and
 * promtool says so; the Collector leaves most of them off as well.
 */
export const offByDefault: ReadonlySet<string> = new Set([
  'system.cpu.logical.count',
  'system.cpu.physical.count',
  'system.network.connection.count',
  'system.process.count',
  'process.thread.count',
  'process.unix.file_descriptor.count',
])

/** Made once and used in every snapshot. */
export type Attributes = readonly (readonly [string, string | number])[]

/** `{ key: value, … }`, made once for each. */
export const attributes = (pairs: Readonly<Record<string, string | number>>): Attributes => Object.entries(pairs)
const none: Attributes = []

export interface Distribution {
  readonly count: number
  readonly sum: number
  readonly bounds: readonly number[]
  readonly buckets: readonly number[]
}

/** Collects the points of one resource at one moment. */
export class Points {
  readonly #metrics = new Map<Metric, object[]>()
  readonly #start: bigint
  readonly #time: bigint
  readonly #off: ReadonlySet<string>
  /** how many there are */
  count = 0

  /** [ms] `startMs`: since when counters count. `off`: names of metrics that nobody wants. */
  constructor(startMs: number, timeMs: number, off: ReadonlySet<string>) {
    this.#off = off
    this.#time = nanos(timeMs)
    // A clock that was set back must not make a point begin after its end.
    this.#start = nanos(Math.min(startMs, timeMs))
  }

  /** Whether anybody wants it: what costs much to find out may be left. */
  wants(metric: Metric): boolean {
    return !this.#off.has(metric.name)
  }

  /** What is not a finite number is not known, and left out. */
  add(metric: Metric, value: number | undefined, attributes: Attributes = none): void {
    if (value === undefined || !Number.isFinite(value)) return
    this.#push(metric, metric.whole ? { asInt: Math.round(value) } : { asDouble: value }, attributes)
  }

  addDistribution(metric: Metric, { count, sum, bounds, buckets }: Distribution, attributes: Attributes = none): void {
    this.#push(metric, { count, sum, explicitBounds: bounds, bucketCounts: buckets }, attributes)
  }

  #push(metric: Metric, value: object, attributes: Attributes): void {
    if (this.#off.has(metric.name)) return
    let points = this.#metrics.get(metric)
    if (points === undefined) this.#metrics.set(metric, (points = []))
    const startTimeUnixNano = metric.kind === 'gauge' ? undefined : this.#start
    points.push({ attributes, startTimeUnixNano, timeUnixNano: this.#time, ...value })
    this.count++
  }

  /** Metrics in OTLP/JSON shape, for `encode`. */
  metrics(): object[] {
    return [...this.#metrics].map(([{ name, unit, description, kind }, dataPoints]) => ({
      name,
      unit,
      description,
      ...data(kind, dataPoints),
    }))
  }
}

const CUMULATIVE = 2

function data(kind: Metric['kind'], dataPoints: object[]): object {
  switch (kind) {
    case 'gauge':
      return { gauge: { dataPoints } }
    case 'histogram':
      return { histogram: { dataPoints, aggregationTemporality: CUMULATIVE } }
    default:
      return { sum: { dataPoints, aggregationTemporality: CUMULATIVE, isMonotonic: kind === 'counter' } }
  }
}
