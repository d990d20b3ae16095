/** What is written as Prometheus's chunks is what its own library writes, and what is read of them. */
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import type { FloatHistogram } from '../../../src/model/float-histogram.ts'
import type { Samples } from '../../../src/model/query.ts'
import { SampleColumns } from '../../../src/store/chunk.ts'
import { chunkReaders } from '../../../src/store/prometheus/chunk.ts'
import { prometheusChunks } from '../../../src/store/prometheus/chunk-writer.ts'
import { Chance } from '../../kit/otlp.ts'
import { made } from '../../promql/fuzz/samples.ts'

const folder = new URL('../../golden/store/prometheus-native/', import.meta.url)
const golden: { Encoding: number; Data: string }[] = JSON.parse(gunzipSync(readFileSync(new URL('chunks.json.gz', folder))).toString())

function columnsOf(read: SampleColumns): Samples {
  const { length } = read
  const stale = Uint8Array.from({ length }, (_, i) => Number(read.isStale(i)))
  const value = new Float64Array(read.words.slice(0, 2 * length).buffer)
  return { time: read.time.slice(0, length), value, stale, histograms: read.histograms, start: undefined }
}

/** What is in chunks, one sample after the other. */
function readBack(samples: Samples): [number, number | 'stale' | FloatHistogram][] {
  return [...prometheusChunks(samples)].flatMap(({ from, to, encoding, data }) => {
    const columns = new SampleColumns()
    chunkReaders[encoding]!(Buffer.from(data), columns)
    expect([columns.time[0], columns.time[columns.length - 1]]).toEqual([from, to])
    const { time, value, stale, histograms } = columnsOf(columns)
    return Array.from(time, (at, i): [number, number | 'stale' | FloatHistogram] => [
      at,
      stale![i] === 1 ? 'stale' : (histograms?.[i] ?? value[i]!),
    ])
  })
}

const given = ({ time, value, stale, histograms }: Samples) =>
  Array.from(time, (at, i) => [at, stale?.[i] === 1 ? 'stale' : (histograms?.[i] ?? value[i])])

test("chunks of numbers are those of Prometheus's library, byte for byte", () => {
  const small = golden.filter(({ Encoding, Data }) => Encoding === 1 && Buffer.from(Data, 'base64').readUInt16BE(0) <= 120)
  expect(small.length).toBeGreaterThan(3)
  let same = 0
  for (const { Data } of small) {
    const data = Buffer.from(Data, 'base64')
    const columns = new SampleColumns()
    chunkReaders[1]!(data, columns)
    const samples = columnsOf(columns)
    // A NaN of other bits than ours is one all the same.
    if (samples.value.some((value, i) => Number.isNaN(value) && samples.stale![i] !== 1)) continue
    expect([...prometheusChunks(samples)].map(chunk => Buffer.from(chunk.data).toString('hex'))).toEqual([data.toString('hex')])
    same++
  }
  expect(same).toBeGreaterThan(2)
})

describe('what is written is read back', () => {
  test.each(made(7).map(({ labels, samples }) => [labels.key.replaceAll('\n', ' '), samples] as const))('%s', (_, samples) => {
    const columns: Samples = {
      time: Float64Array.from(samples, ({ time }) => time),
      value: Float64Array.from(samples, ({ value }) => value),
      stale: Uint8Array.from(samples, ({ stale }) => Number(stale === true)),
      histograms: samples.some(({ histogram }) => histogram !== undefined) ? samples.map(({ histogram }) => histogram) : undefined,
      start: undefined,
    }
    expect(readBack(columns)).toEqual(given(columns))
  })

  test('any numbers at any times', () => {
    const chance = new Chance(3)
    for (let round = 0; round < 200; round++) {
      const words = new Uint32Array(2 * (1 + chance.int(300))).map(() => (chance.is(0.3) ? 0 : chance.int(2 ** 32)))
      const value = new Float64Array(words.buffer).map(one => (Number.isNaN(one) ? 1 : chance.is(0.2) ? Math.round(one) : one))
      let at = (chance.int(2 ** 31) - 2 ** 30) * 2 ** chance.int(12)
      const time = value.map(() => (at += 1 + chance.int(2 ** chance.int(31))))
      const columns = { time, value, stale: undefined, histograms: undefined, start: undefined }
      expect(readBack(columns)).toEqual(given(columns))
    }
  })

  const histogram: FloatHistogram = {
    ...{ schema: 0, count: 3.5, sum: -1.25, zeroThreshold: 2 ** -128, zeroCount: 0.5, resetHint: 'unknown', customBounds: [] },
    ...{ positiveSpans: [{ offset: -5, length: 2 }], positiveCounts: [1, 2], negativeSpans: [], negativeCounts: [] },
  }
  const all: FloatHistogram[] = [
    histogram,
    ...[0, 1e-128, 0.001, 1024, 2048, 2 ** -243].map(zeroThreshold => ({ ...histogram, zeroThreshold })),
    { ...histogram, schema: -4, sum: Number.NaN },
    { ...histogram, resetHint: 'gauge' },
    {
      ...histogram,
      positiveSpans: [
        { offset: 70_000, length: 1 },
        { offset: 3, length: 1 },
      ],
    },
    { ...histogram, positiveSpans: [], positiveCounts: [], negativeSpans: [{ offset: 0, length: 1 }], negativeCounts: [1e300] },
    {
      ...histogram,
      schema: -53,
      zeroThreshold: 0,
      zeroCount: 0,
      positiveSpans: [{ offset: 0, length: 2 }],
      customBounds: [-1, 0, 0.005, 1.5, 33_554.43, 1e9, 1 / 3],
    },
  ]
  test('histograms of every layout, each of which is a chunk', () => {
    const columns: Samples = {
      time: Float64Array.from(all, (_, i) => i * 1000),
      value: new Float64Array(all.length),
      ...{ stale: undefined, histograms: all, start: undefined },
    }
    expect(readBack(columns)).toEqual(given(columns))
    expect([...prometheusChunks(columns)].length).toBe(all.length)
  })

  test('a chunk ends where a count falls, at a reset that is known, and after 120', () => {
    const counts = (hint: FloatHistogram['resetHint'], ...list: number[]) =>
      list.map((count): FloatHistogram => ({ ...histogram, count, resetHint: hint }))
    const lengths = (histograms: FloatHistogram[]) => {
      const time = Float64Array.from(histograms, (_, i) => i)
      return [...prometheusChunks({ time, value: time, stale: undefined, histograms, start: undefined })].map(
        ({ from, to }) => to - from + 1,
      )
    }
    expect(lengths(counts('unknown', 5, 6, 6, 4, 8))).toEqual([3, 2])
    expect(lengths(counts('gauge', 5, 6, 6, 4, 8))).toEqual([5])
    expect(lengths(counts('reset', 5, 6, 7))).toEqual([1, 1, 1])
    expect(lengths(counts('unknown', ...new Array<number>(130).fill(1)))).toEqual([120, 10])
  })
})
