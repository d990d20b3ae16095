/** Made-up series of every kind that queries can trip over: counters with resets, gaps, stale markers, NaN and infinities, classic and native histograms. */
import { CUSTOM_BUCKETS_SCHEMA, type FloatHistogram } from '../../../src/model/float-histogram.ts'
import { Labels } from '../../../src/model/labels.ts'
import { emptyHistogram } from '../../../src/promql/histogram/text.ts'
import { MemoryStorage } from '../../../src/promql/testing/memory.ts'
import { Chance } from '../../kit/otlp.ts'

export interface MadeSeries {
  readonly labels: Labels
  readonly samples: readonly MadeSample[]
}

export interface MadeSample {
  /** epoch ms */
  readonly time: number
  readonly value: number
  readonly stale?: true
  readonly histogram?: FloatHistogram
}

/** epoch ms; whole hours and 15 seconds, so that samples, steps and edges of windows coincide often */
export const START = 1_793_491_200_000
export const INTERVAL = 15_000
const SAMPLES = 480
export const END = START + (SAMPLES - 1) * INTERVAL

export function made(seed: number): MadeSeries[] {
  const chance = new Chance(seed)
  const series: MadeSeries[] = []
  const put = (name: string, labels: Record<string, string>, value: (n: number) => Made, phase = 0) => {
    const samples: MadeSample[] = []
    for (let n = 0; n < SAMPLES; n++) {
      const made = value(n)
      const time = START + n * INTERVAL + phase
      if (typeof made === 'number') samples.push({ time, value: made })
      else if (made === 'stale') samples.push({ time, value: Number.NaN, stale: true })
      else if (made !== undefined) samples.push({ time, value: Number.NaN, histogram: made })
    }
    series.push({ labels: Labels.from({ __name__: name, ...labels }), samples })
  }
  floats(chance, put)
  histograms(chance, put)
  return series
}

export function memoryOf(series: readonly MadeSeries[]): MemoryStorage {
  const storage = new MemoryStorage()
  for (const { labels, samples } of series) for (const { time, ...sample } of samples) storage.append(labels, time, sample)
  return storage
}

type Made = number | 'stale' | FloatHistogram | undefined
type Put = (name: string, labels: Record<string, string>, value: (n: number) => Made, phase?: number) => void

const jobs = ['a', 'b']

function floats(chance: Chance, put: Put): void {
  for (const job of jobs) {
    for (const instance of ['1', '2', '3'])
      for (const code of ['200', '500']) {
        let total = chance.int(1000)
        put(
          'requests_total',
          { job, instance, code },
          n => {
            if (chance.int(150) === 0) total = 0
            return n === 200 && instance === '3' ? undefined : (total += chance.int(20))
          },
          // Some lie off the grid.
          instance === '2' ? chance.int(INTERVAL) : 0,
        )
      }
    for (const room of ['attic', 'cellar', 'hall']) {
      let value = 20 * chance.next()
      put('temperature', { job, room }, () => (value += chance.next() - 0.5))
    }
    // A few minutes of every ten; a stale marker ends some of them.
    put('sparse', { job }, n => {
      const place = (n + (job === 'a' ? 0 : 7)) % 40
      if (place < 12) return n % 5 === 0 ? 1.5 : n
      return place === 12 && job === 'a' ? 'stale' : undefined
    })
    put('target_info', { job, instance: '1', version: `v${job}` }, () => 1)
    put('up', { job }, () => (chance.int(20) === 0 ? 0 : 1))
    buckets(job, chance, put)
  }
  for (const [kind, value] of Object.entries(odd)) put('odd', { job: 'a', kind }, n => value(n, chance))
}

const odd: Readonly<Record<string, (n: number, chance: Chance) => Made>> = {
  nan: () => Number.NaN,
  sometimes_nan: (n, chance) => (chance.int(6) === 0 ? Number.NaN : n),
  inf: () => Number.POSITIVE_INFINITY,
  negative_inf: (n, chance) => (chance.int(3) === 0 ? Number.NEGATIVE_INFINITY : -n),
  both_inf: n => (n % 7 === 0 ? Number.POSITIVE_INFINITY : n % 7 === 3 ? Number.NEGATIVE_INFINITY : 1),
  zero: () => 0,
  negative_zero: () => -0,
  one: () => 1,
  huge: n => 1e308 * (n % 2 === 0 ? 1 : 0.9),
  tiny: () => 1e-300,
  time: n => START / 1000 + n * 86_400,
}

function buckets(job: string, chance: Chance, put: Put): void {
  const bounds = ['0.1', '0.5', '1', '2.5', '10', '+Inf']
  const counts = bounds.map(() => 0)
  const rows: number[][] = []
  for (let n = 0; n < SAMPLES; n++) {
    for (let i = chance.int(8); i > 0; i--) {
      const bucket = chance.int(bounds.length)
      for (let at = bucket; at < counts.length; at++) counts[at]!++
    }
    if (n === 300) counts.fill(0)
    rows.push([...counts])
  }
  for (const [i, le] of bounds.entries()) put('seconds_bucket', { job, le }, n => rows[n]![i])
  put('seconds_count', { job }, n => rows[n]!.at(-1))
  put('seconds_sum', { job }, n => rows[n]!.at(-1)! * 0.7)
}

function histograms(chance: Chance, put: Put): void {
  for (const job of jobs) {
    put('native', { job }, growing(chance, job === 'a' ? 1 : 0, 400))
    put('native_gauge', { job }, () => ({ ...growing(chance, 0, 1)(0), resetHint: 'gauge' }))
    put('custom', { job }, customBuckets(chance, job === 'a' ? [0.1, 1, 10] : [0.1, 0.5, 1, 5, 10]))
    // Now numbers, now histograms.
    const next = growing(chance, 0, 100)
    put('mixed', { job }, n => (n % 50 < 25 ? n : next(n)))
  }
}

/** A counter: every bucket holds as many as before or more, until it is reset. */
function growing(chance: Chance, schema: number, resetEvery: number): (n: number) => FloatHistogram {
  const LOW = -3
  const positive = new Array<number>(8).fill(0)
  const negative = new Array<number>(3).fill(0)
  let [zeroCount, sum] = [0, 0]
  return () => {
    if (chance.int(resetEvery) === 0) {
      positive.fill(0)
      negative.fill(0)
      zeroCount = sum = 0
    }
    for (let i = 1 + chance.int(6); i > 0; i--) {
      positive[chance.int(positive.length)]!++
      if (chance.int(4) === 0) negative[chance.int(negative.length)]!++
      if (chance.int(4) === 0) zeroCount++
      sum += chance.int(10) / 4
    }
    const total = (counts: readonly number[]) => counts.reduce((a, b) => a + b, 0)
    return {
      ...emptyHistogram,
      schema,
      zeroThreshold: 0.001,
      zeroCount,
      sum,
      count: total(positive) + total(negative) + zeroCount,
      positiveSpans: [{ offset: LOW, length: positive.length }],
      positiveCounts: [...positive],
      negativeSpans: [{ offset: 0, length: negative.length }],
      negativeCounts: [...negative],
    }
  }
}

/** A counter with bounds of its own. */
function customBuckets(chance: Chance, customBounds: readonly number[]): (n: number) => FloatHistogram {
  const counts = new Array<number>(customBounds.length + 1).fill(0)
  let sum = 0
  return n => {
    if (n === 250) counts.fill((sum = 0))
    for (let i = chance.int(6); i > 0; i--) {
      counts[chance.int(counts.length)]!++
      sum += chance.int(40) / 4
    }
    return {
      ...emptyHistogram,
      schema: CUSTOM_BUCKETS_SCHEMA,
      sum,
      count: counts.reduce((a, b) => a + b, 0),
      positiveSpans: [{ offset: 0, length: counts.length }],
      positiveCounts: [...counts],
      customBounds,
    }
  }
}
