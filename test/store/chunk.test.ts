import { describe, expect, test } from 'vitest'
import type { FloatHistogram } from '../../src/model/float-histogram.ts'
import { ByteReader, ByteWriter, SLACK } from '../../src/store/bytes.ts'
import { aggregateNames, aggregatesFor, readChunk, SampleColumns, STALE_HIGH, STALE_LOW, writeChunk } from '../../src/store/chunk.ts'
import { decodeChunk } from '../../src/store/decode.ts'
import { toSamples } from '../../src/store/found.ts'
import { MAX_INT, readInts, writeInts } from '../../src/store/ints.ts'
import { thin } from '../../src/store/thin.ts'
import { seeded } from '../kit/context.ts'
import { golden } from '../kit/golden.ts'

function columns(values: readonly number[], time: (i: number) => number = i => 1_700_000_000_000 + i * 15_000): SampleColumns {
  const samples = new SampleColumns()
  values.forEach((value, i) => void samples.push(time(i), value))
  return samples
}

const bytesOf = (samples: SampleColumns): Uint8Array => {
  const writer = new ByteWriter(8)
  writeChunk(writer, samples)
  writer.room(SLACK)
  return writer.bytes.slice(0, writer.length + SLACK)
}

function roundTrip(samples: SampleColumns): number {
  const bytes = bytesOf(samples)
  check(samples, read => readChunk(bytes, 0, samples.length, read))
  check(samples, read => decodeChunk(bytes, 0, bytes.length - SLACK, samples.length, read))
  return bytes.length - SLACK
}

function check(samples: SampleColumns, reading: (into: SampleColumns) => void): void {
  const read = new SampleColumns()
  // Behind others, as a query reads many chunks into one column.
  read.push(1, 2)
  reading(read)
  expect(read.length).toBe(samples.length + 1)
  for (let i = 0; i < samples.length; i++) {
    expect(read.time[i + 1]).toBe(samples.time[i])
    expect(read.histograms?.[i + 1]).toEqual(samples.histograms?.[i])
    expect(read.start?.[i + 1] ?? 0).toBe(samples.start?.[i] ?? 0)
    if (samples.histograms?.[i] !== undefined) continue
    expect([read.words[2 * i + 2], read.words[2 * i + 3]]).toEqual([samples.words[2 * i], samples.words[2 * i + 1]])
  }
}

const n = 480
const random = seeded(7)
const shapes: Readonly<
  Record<string, { readonly values: readonly number[]; readonly time?: (i: number) => number; readonly most: number }>
> = {
  'one sample': { values: [42], most: 20 },
  'a constant': { values: new Array(n).fill(3.25), most: 24 },
  'a counter': {
    values: Array.from(
      { length: n },
      (() => {
        let v = 0
        return () => (v += Math.floor(random() * 60))
      })(),
    ),
    most: 0.95 * n,
  },
  'a gauge of two decimals': {
    values: Array.from(
      { length: n },
      (() => {
        let v = 2000
        return () => (v += Math.round(random() * 40 - 20)) / 100
      })(),
    ),
    most: 0.9 * n,
  },
  'a sum of four decimals': {
    values: Array.from(
      { length: n },
      (() => {
        let v = 0
        return () => Number((v += random() * 500).toFixed(4))
      })(),
    ),
    most: 3.1 * n,
  },
  'full precision': { values: Array.from({ length: n }, () => random()), most: 7.3 * n },
  'every second from 1 to 2 and back': { values: Array.from({ length: n }, (_, i) => i % 2), most: 0.25 * n },
  'a step now and then of full precision': { values: Array.from({ length: n }, (_, i) => Math.sqrt(2 + Math.floor(i / 60))), most: 2 * n },
  'jitter of 3 ms on a third of the times': {
    values: new Array(n).fill(1),
    time: i => i * 60_000 + (i % 3 === 0 ? Math.round(random() * 6 - 3) : 0),
    most: 0.5 * n,
  },
  'a missed scrape': { values: new Array(n).fill(1), time: i => (i < 200 ? i : i + 3) * 15_000, most: 60 },
  'large whole numbers': { values: Array.from({ length: n }, (_, i) => 2 ** 50 - i), most: 40 },
  'beyond whole numbers': { values: Array.from({ length: n }, (_, i) => 2 ** 53 + 2 * i), most: 8 * n },
}

describe('chunks come back bit by bit', () => {
  test.each(Object.entries(shapes))('%s', (_, { values, time, most }) => {
    expect(roundTrip(columns(values, time))).toBeLessThanOrEqual(most)
  })

  const strange = [
    0,
    -0,
    Number.NaN,
    Infinity,
    -Infinity,
    5e-324,
    -5e-324,
    Number.MAX_VALUE,
    Number.MIN_VALUE,
    2 ** 52,
    -(2 ** 53),
    0.1,
    1e-7,
    1 / 3,
  ]
  test.each(strange)('%d alone, and among others', value => {
    roundTrip(columns([value]))
    roundTrip(columns([1, value, 2]))
    roundTrip(columns(new Array(70).fill(value)))
  })

  test('any bits of any double', () => {
    const words = seeded(3)
    for (let round = 0; round < 60; round++) {
      const samples = columns(new Array(1 + Math.floor(words() * 100)).fill(0))
      for (let i = 0; i < 2 * samples.length; i++) samples.words[i] = words() * 2 ** 32
      // Not a stale marker, which a test of its own has.
      roundTrip(samples)
    }
  })

  test('any mixture of ordinary values, at any times', () => {
    const kinds: ((r: () => number) => number)[] = [
      r => Math.floor(r() * 100),
      r => Math.floor(r() * 1e15),
      r => Math.round(r() * 1e4) / 100,
      r => -Math.round(r() * 1e9) / 1e6,
      r => r(),
      () => 7,
      r => strange[Math.floor(r() * strange.length)]!,
    ]
    const r = seeded(11)
    for (let round = 0; round < 300; round++) {
      const samples = new SampleColumns()
      const several = r() < 0.5
      let kind = kinds[Math.floor(r() * kinds.length)]!
      let time = Math.floor((r() - 0.2) * 1e13)
      for (let i = Math.floor(r() * 200); i >= 0; i--) {
        if (several && r() < 0.2) kind = kinds[Math.floor(r() * kinds.length)]!
        time += 1 + Math.floor(r() * (r() < 0.1 ? 1e9 : 30))
        if (r() < 0.03) samples.pushStale(time)
        else samples.push(time, kind(r))
        if (r() < 0.3) samples.setStart(time - Math.floor(r() * 1e6))
      }
      roundTrip(samples)
    }
  })

  test('stale markers do not cost whole numbers their encoding', () => {
    const samples = new SampleColumns()
    for (let i = 0; i < n; i++) i % 50 === 49 ? samples.pushStale(i * 1000) : samples.push(i * 1000, i)
    expect(roundTrip(samples)).toBeLessThan(100)
    expect([samples.words[98], samples.words[99]]).toEqual([STALE_LOW, STALE_HIGH])
  })

  test('start times: known, unknown, reset', () => {
    const samples = columns([1, 2, 3, 4, 5])
    samples.start = Float64Array.from([0, 5, 5, 1_700_000_000_001, 0])
    roundTrip(samples)
  })
})

test('what is known to be no stale marker is none, whatever is read, cut and put behind it', () => {
  const r = seeded(17)
  for (let round = 0; round < 200; round++) {
    const into = new SampleColumns()
    let any = false
    for (let part = 0; part < 4; part++) {
      const samples = new SampleColumns()
      const stale = r() < 0.2
      for (let i = 0; i < 30; i++) {
        if (stale && r() < 0.2) samples.pushStale((part * 30 + i) * 1000)
        else samples.push((part * 30 + i) * 1000, i)
        any ||= samples.isStale(i)
      }
      const bytes = bytesOf(samples)
      const before = into.length
      decodeChunk(bytes, 0, bytes.length - SLACK, samples.length, into)
      if (r() < 0.3) into.keep(before, (part * 30 + Math.floor(r() * 40) - 5) * 1000, (part * 30 + Math.floor(r() * 40)) * 1000)
    }
    if (r() < 0.3) into.keep(0, Math.floor(r() * 130 - 5) * 1000, Math.floor(r() * 130) * 1000)
    expect(into.unmarked).toBeLessThanOrEqual(into.length)
    if (!any) expect(into.unmarked).toBe(into.length)
    for (let i = 0; i < into.unmarked; i++) expect(into.isStale(i)).toBe(false)
    const stale = Array.from({ length: into.length }, (_, i) => (into.isStale(i) ? 1 : 0))
    expect(Array.from(toSamples(into).stale ?? stale.map(() => 0))).toEqual(stale)
    into.clear()
    expect(into.unmarked).toBe(0)
  }
})

const histogram = (count: number, more: Partial<FloatHistogram> = {}): FloatHistogram => ({
  schema: 3,
  count,
  sum: count * 1.5,
  zeroThreshold: 2 ** -128,
  zeroCount: 1,
  positiveSpans: [
    { offset: -3, length: 2 },
    { offset: 4, length: 1 },
  ],
  positiveCounts: [count / 2, count / 4, count / 4],
  negativeSpans: [],
  negativeCounts: [],
  customBounds: [],
  resetHint: 'unknown',
  ...more,
})

test('buckets: every column bit by bit, whatever is in it', () => {
  const r = seeded(31)
  const kinds = [
    () => Math.floor(r() * 100),
    () => Math.round(r() * 1e4) / 100,
    () => r(),
    () => Math.floor(r() * 2 ** 49),
    () => -Math.round(r() * 2 ** 30) / 1e4,
    () => [Number.NaN, -0, 0, Infinity, 2 ** 40 + 0.5][Math.floor(r() * 5)]!,
  ]
  for (let round = 0; round < 300; round++) {
    const samples = new SampleColumns(4)
    const aggregates = samples.beginAggregates().map(() => kinds[Math.floor(r() * kinds.length)]!)
    const value = kinds[Math.floor(r() * kinds.length)]!
    const counts = r() < 0.6
    for (let i = Math.floor(r() * 100); i >= 0; i--) {
      const before = samples.length === 0 ? 0 : samples.value[samples.length - 1]!
      if (r() < 0.02) samples.pushStale(samples.length * 60_000)
      else samples.push(samples.length * 60_000, value())
      const at = samples.length - 1
      const columns = samples.beginAggregates()
      aggregates.forEach((next, k) => void (columns[k]![at] = k === 5 && counts && r() < 0.95 ? samples.value[at]! - before : next()))
    }
    const bytes = bytesOf(samples)
    for (const decode of [
      readChunk,
      (...[of, at, length, into]: Parameters<typeof readChunk>) => decodeChunk(of, at, of.length - SLACK, length, into),
    ]) {
      const read = new SampleColumns(1)
      decode(bytes, 0, samples.length, read)
      for (const [k, column] of samples.aggregates!.entries())
        expect(read.aggregates![k]!.subarray(0, samples.length)).toEqual(column.subarray(0, samples.length))
      expect(read.value.subarray(0, samples.length)).toEqual(samples.value.subarray(0, samples.length))
    }
  }
})

test('histograms: whole and fractional counts, new layouts, custom bounds, hints, gaps, numbers among them', () => {
  const samples = new SampleColumns()
  const all = [
    histogram(8),
    histogram(16, { resetHint: 'not_reset' }),
    histogram(17),
    histogram(4, { resetHint: 'reset', negativeSpans: [{ offset: 0, length: 2 }], negativeCounts: [0.25, 7] }),
    histogram(4, { schema: -53, customBounds: [0.1, 1, 5], zeroThreshold: 0, zeroCount: 0, resetHint: 'gauge' }),
    histogram(Number.NaN, { sum: Number.NaN, positiveCounts: [-0, Infinity, 2 ** 60] }),
    histogram(12),
  ]
  all.forEach((h, i) => void samples.pushHistogram(i * 1000, h))
  roundTrip(samples)
  samples.push(9000, 1)
  samples.pushStale(9500)
  samples.pushHistogram(10_000, histogram(20))
  roundTrip(samples)
})

describe('of buckets both decoders read the same, and only the aggregates that are wanted', () => {
  test.each(Object.entries(shapes))('%s', (_, { values, time }) => {
    const buckets = new SampleColumns()
    // One sample a bucket makes copies of most columns, several make none.
    thin(columns(values, time), values.length % 2 === 0 ? 60_000 : 1000, 0, buckets)
    const bytes = bytesOf(buckets)
    const all = new SampleColumns()
    readChunk(bytes, 0, buckets.length, all)
    for (const wanted of [0, 63, ...aggregateNames.map((_, k) => 1 << k)]) {
      const read = new SampleColumns()
      read.wanted = wanted
      read.beginAggregates()
      decodeChunk(bytes, 0, bytes.length - SLACK, buckets.length, read)
      expect(read.time.subarray(0, read.length)).toEqual(all.time.subarray(0, all.length))
      expect(read.value.subarray(0, read.length)).toEqual(all.value.subarray(0, all.length))
      for (const [k, name] of aggregateNames.entries()) {
        if (((wanted >> k) & 1) === 0) continue
        expect(read.aggregates![k]!.subarray(0, read.length), name).toEqual(all.aggregates![k]!.subarray(0, all.length))
      }
    }
  })

  test('whole numbers so large that rounding to four decimal places changes them', () => {
    const large = 8_812_654_036_467_431
    expect(Math.round(large * 1e4) / 1e4).not.toBe(large)
    const samples = new SampleColumns(64)
    for (const column of samples.beginAggregates().slice(0, 5)) column.fill(1)
    for (let i = 0; i < 64; i++) samples.push(i * 60_000, i % 2 === 0 ? 0 : large)
    const bytes = bytesOf(samples)
    const [all, read] = [new SampleColumns(), new SampleColumns()]
    readChunk(bytes, 0, samples.length, all)
    decodeChunk(bytes, 0, bytes.length - SLACK, samples.length, read)
    for (const of of [all, read]) expect(Array.from(of.aggregates![5]!.subarray(0, 64))).toEqual(new Array(64).fill(0))
  })

  test('a stale marker among them', () => {
    const samples = columns([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12].flatMap(v => [v, v, v, v, v * v, v / 3, v, v]))
    samples.pushStale(samples.time[samples.length - 1]! + 15_000)
    const buckets = new SampleColumns()
    thin(samples, 30_000, 0, buckets)
    const bytes = bytesOf(buckets)
    const [all, read] = [new SampleColumns(), new SampleColumns()]
    readChunk(bytes, 0, buckets.length, all)
    decodeChunk(bytes, 0, bytes.length - SLACK, buckets.length, read)
    expect(read.words.subarray(0, 2 * read.length)).toEqual(all.words.subarray(0, 2 * all.length))
    for (const k of aggregateNames.keys())
      expect(read.aggregates![k]!.subarray(0, read.length)).toEqual(all.aggregates![k]!.subarray(0, all.length))
  })

  test.each([
    ['rate', ['increase']],
    ['avg_over_time', ['sum', 'count']],
    ['last_over_time', []],
    ['deriv', [...aggregateNames]],
  ])('%s looks at %j', (func, names) => {
    expect(aggregateNames.filter((_, k) => ((aggregatesFor(func) >> k) & 1) === 1)).toEqual(names)
  })
})

test('integers of any size within bounds, alone and in runs', () => {
  const r = seeded(5)
  for (let round = 0; round < 300; round++) {
    const size = 2 ** Math.floor(r() * 51)
    const values = Float64Array.from({ length: 1 + Math.floor(r() * 80) }, () => Math.round((2 * r() - 1) * size) || 0)
    if (r() < 0.2) values.fill(values[0]!)
    const writer = new ByteWriter(1)
    writeInts(writer, values, values.length)
    const end = writer.length
    writer.room(SLACK)
    const reader = new ByteReader(writer.bytes)
    const read = new Float64Array(values.length)
    readInts(reader, read, 0, values.length)
    expect(read).toEqual(values)
    expect(reader.at).toBe(end)
  }
  expect(MAX_INT).toBe(2 ** 50)
})

test('the bytes stay what they are', () => {
  const lines = Object.entries(shapes)
    .filter(([, { values }]) => values.every(Number.isInteger) || values.length === 1)
    .slice(0, 4)
    .map(([name, { values }]) => `${name}: ${Buffer.from(bytesOf(columns(values.slice(0, 70))).subarray(0, -SLACK)).toString('hex')}`)
  golden(
    'store/chunk-v1.txt',
    `${lines.join('\n')}\nxor: ${Buffer.from(bytesOf(columns([0.1, 1 / 3, 1 / 3, -0, Infinity])).subarray(0, -SLACK)).toString('hex')}\n`,
  )
})
