import { expect, test } from 'vitest'
import { Leaves, ROOT } from '../../../src/connectors/span_metrics/leaves.ts'
import { Counts, Explicits, Exponentials, type Numbers } from '../../../src/connectors/span_metrics/numbers.ts'
import { SeriesSet } from '../../../src/connectors/span_metrics/series.ts'
import { Explicit } from '../../../src/lib/explicit-histogram.ts'
import { Exponential } from '../../../src/lib/exponential-histogram.ts'
import { protobufToJson } from '../../../src/otlp/json.ts'
import { ExponentialHistogramDataPoint, HistogramDataPoint, type Message, NumberDataPoint } from '../../../src/otlp/schema.ts'
import { encode } from '../../../src/otlp/write.ts'
import { seeded } from '../../kit/context.ts'

interface Kind {
  readonly point: Message
  readonly metric: (dataPoints: unknown) => object
  readonly columns: () => Numbers & { add(row: number, times: number, value: number): void }
  /** what one series counts, plainly; `tell` as the fields of its point */
  readonly plain: () => { add(value: number, times: number): void; tell(last: boolean): object }
}

const bounds = Float64Array.of(1, 10, 100)
const explicit = (at: Float64Array): Kind => ({
  point: HistogramDataPoint,
  metric: dataPoints => ({ histogram: { aggregationTemporality: 2, dataPoints } }),
  columns: () => new Explicits(at),
  plain: () => {
    const one = new Explicit(at)
    const tell = () => ({ count: one.count, sum: one.sum, explicitBounds: at, bucketCounts: one.buckets })
    return { add: (value, times) => one.observe(value, times), tell }
  },
})
const counts = (zeroFirst: boolean): Kind => ({
  point: NumberDataPoint,
  metric: dataPoints => ({ sum: { aggregationTemporality: 2, isMonotonic: true, dataPoints } }),
  columns: () => new Counts(zeroFirst),
  plain: () => {
    let count = 0
    let told = !zeroFirst
    const tell = (last: boolean) => {
      const asInt = told || last ? count : 0
      told = true
      return { asInt }
    }
    return { add: (_, times) => void (count += times), tell }
  },
})
const kinds: Readonly<Record<string, Kind>> = {
  'counts that say 0 first': counts(true),
  'counts that do not': counts(false),
  'histograms with bounds': explicit(bounds),
  'histograms with one bucket': explicit(new Float64Array()),
  'exponential histograms': {
    point: ExponentialHistogramDataPoint,
    metric: dataPoints => ({ exponentialHistogram: { aggregationTemporality: 2, dataPoints } }),
    columns: () => new Exponentials(20),
    plain: () => {
      const one = new Exponential(20)
      const tell = () => {
        const { count, sum, min, max, zeroCount, scale, offset, buckets } = one
        return { count, sum, min, max, zeroCount, scale, positive: { offset, bucketCounts: buckets } }
      }
      return { add: (value, times) => one.observe(value, times), tell }
    },
  },
}

const json = ({ metric }: Kind, dataPoints: unknown) => {
  const all = encode('metrics', { resourceMetrics: [{ scopeMetrics: [{ metrics: [{ name: 'm', ...metric(dataPoints) }] }] }] })
  return protobufToJson('metrics', all)
}

/** As of `SpanColumns`; the first span is of no trace. */
function idsOf(spans: number): Uint8Array {
  const ids = new Uint8Array(32 * spans)
  for (let i = 1; i < spans; i++) ids.fill(i, 32 * i, 32 * i + 24)
  return ids
}

test.each(Object.keys(kinds))('%s: what is told is what was counted, with exemplars, while series come and expire', name => {
  const kind = kinds[name]!
  const random = seeded(11)
  const pick = (n: number) => Math.floor(random() * n)
  let charged = 0
  const set = new SeriesSet(kind.columns(), { point: kind.point, limit: 60, exemplars: 3, charge: bytes => (charged += bytes) })
  const ids = idsOf(50)
  interface Plain {
    readonly numbers: ReturnType<Kind['plain']>
    readonly attributes: object
    readonly startMs: number
    seenMs: number
    exemplars: object[]
  }
  const want = new Map<string, Plain>()
  const overflow = '\0overflow'
  let most = 0
  for (let round = 0; round < 200; round++) {
    const now = round
    for (let i = pick(30); i > 0; i--) {
      const key = `k${pick(round % 50 < 25 ? 90 : 5)}${'x'.repeat(pick(2) * 150)}`
      const row = set.of(key, () => [{ key: 'a', value: { stringValue: key } }], now)
      const known = want.has(key) || want.size < 60 ? key : overflow
      const attributes = known === overflow ? { 'otel.metric.overflow': true } : { a: key }
      let plain = want.get(known)
      if (plain === undefined) want.set(known, (plain = { numbers: kind.plain(), attributes, startMs: now, seenMs: now, exemplars: [] }))
      const [value, times, span] = [pick(4) === 0 ? 0 : random() * 500, 1 + pick(2) * 2 ** 33, pick(50)]
      set.numbers.add(row, times, value)
      set.see(row, now)
      set.exemplify(row, ids, span, value)
      plain.numbers.add(value, times)
      plain.seenMs = now
      if (known === overflow || span === 0 || plain.exemplars.length === 3) continue
      const [traceId, spanId] = [ids.slice(32 * span, 32 * span + 16), ids.slice(32 * span + 16, 32 * span + 24)]
      plain.exemplars.push({ traceId, spanId, asDouble: value, timeUnixNano: 0n })
    }
    most = Math.max(most, set.size)
    if (pick(3) === 0) {
      const before = now - pick(12)
      let expired = 0
      for (const [key, { seenMs }] of want) if (seenMs <= before && want.delete(key)) expired++
      expect(set.expire(before)).toBe(expired)
    }
    if (pick(2) === 0) continue
    const last = pick(5) === 0
    const time = BigInt(1000 + round)
    const points = [...want.values()].map(plain => {
      const exemplars = plain.exemplars.map(one => ({ ...one, timeUnixNano: time }))
      plain.exemplars = []
      const { attributes, startMs } = plain
      return { attributes, startTimeUnixNano: BigInt(startMs), timeUnixNano: time, exemplars, ...plain.numbers.tell(last) }
    })
    // In two pieces, as a metric of very many series is told.
    const half = set.size >> 1
    const telling = { now: time, last, startOf: (row: number) => BigInt(set.startMs(row)) }
    const told = [set.tell(0, half, telling).slice(), set.tell(half, set.size, telling).slice()]
    expect(json(kind, Buffer.concat(told))).toEqual(json(kind, points))
  }
  expect(most).toBe(61)
  expect(charged).toBeGreaterThan(0)
  set.clear()
  expect([set.size, charged]).toEqual([0, 0])
})

test('a way of numbers leads to one leaf, however many there are', () => {
  const random = seeded(5)
  let nodes = 0
  const leaves = new Leaves(() => nodes++)
  const known = new Map<string, number>()
  for (let i = 0; i < 20_000; i++) {
    const way = Array.from({ length: 1 + Math.floor(random() * 3) }, () => Math.floor(random() * (random() < 0.5 ? 4 : 2 ** 31)))
    let leaf = ROOT
    for (const [depth, number] of way.entries()) {
      leaf = leaves.next(leaf, number)
      const key = way.slice(0, depth + 1).join()
      expect(known.get(key) ?? leaf).toBe(leaf)
      if (!known.has(key)) {
        expect(leaves.has(leaf)).toBe(false)
        leaves.put(leaf, known.size, -1)
        known.set(key, leaf)
      }
    }
  }
  expect(new Set(known.values()).size).toBe(nodes)
  expect([...known.values()].map(leaf => leaves.calls[leaf])).toEqual([...known.keys()].map((_, i) => i))
})
