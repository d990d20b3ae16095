import { describe, expect, test } from 'vitest'
import { type RemoteListener, readWriteV1, readWriteV2 } from '../../src/exposition/remote/read.ts'
import type { RemoteMetadata, RemoteSeries } from '../../src/exposition/remote/series.ts'
import { writeV1, writeV2 } from '../../src/exposition/remote/write.ts'
import { MalformedError } from '../../src/model/batch.ts'
import type { FloatHistogram } from '../../src/model/float-histogram.ts'
import { seeded } from '../kit/context.ts'

const histogram: FloatHistogram = {
  ...{ schema: 3, count: 21, sum: -1.5, zeroThreshold: 0.001, zeroCount: 2, customBounds: [] },
  positiveSpans: [
    { offset: -3, length: 2 },
    { offset: 4, length: 1 },
  ],
  positiveCounts: [5, 1, 9],
  negativeSpans: [{ offset: 0, length: 1 }],
  negativeCounts: [4],
  resetHint: 'not_reset',
}
const fractional: FloatHistogram = { ...histogram, count: 21.5, zeroCount: 2.5, positiveCounts: [5, 0.5, 9], resetHint: 'gauge' }
const custom: FloatHistogram = {
  ...{ schema: -53, count: 6, sum: 9, zeroThreshold: 0, zeroCount: 0, customBounds: [0.5, 1, 2.5] },
  positiveSpans: [{ offset: 1, length: 3 }],
  positiveCounts: [1, 2, 3],
  ...{ negativeSpans: [], negativeCounts: [], resetHint: 'unknown' as const },
}

const series: RemoteSeries[] = [
  {
    labels: [
      ['__name__', 'up'],
      ['job', 'ä"b'],
    ],
    samples: [
      { time: 1_700_000_000_123, start: 0, stale: false, value: 0.1 },
      { time: 1_700_000_001_123, start: 1_600_000_000_000, stale: true, value: Number.NaN },
      { time: -5, start: 0, stale: false, value: Number.NaN },
      { time: 0, start: 0, stale: false, value: Number.NEGATIVE_INFINITY },
    ],
    histograms: [],
    exemplars: [{ labels: [['trace_id', 'abc']], value: 2.5, time: 7 }],
    metadata: { type: 'counter', help: 'Is it?', unit: 'seconds' },
  },
  {
    labels: [['__name__', 'h']],
    samples: [],
    histograms: [histogram, fractional, custom].map((one, i) => ({ time: i + 1, start: i, stale: false, histogram: one })),
    exemplars: [],
    metadata: undefined,
  },
]

function told(read: (bytes: Uint8Array, listener: RemoteListener) => void, bytes: Uint8Array) {
  const all: { series: RemoteSeries[]; wrong: string[]; families: Record<string, RemoteMetadata> } = { series: [], wrong: [], families: {} }
  read(bytes, {
    series: one => all.series.push(one),
    wrong: problem => all.wrong.push(problem),
    metadata: (family, about) => {
      all.families[family] = about
    },
  })
  return all
}

/** What 1.0 cannot say. */
const withoutStart = (one: RemoteSeries): RemoteSeries => ({
  ...one,
  samples: one.samples.map(sample => ({ ...sample, start: 0 })),
  histograms: one.histograms.map(each => ({ ...each, start: 0 })),
  metadata: undefined,
})

test('2.0: what is written is read', () => {
  const all = told(readWriteV2, writeV2(series))
  expect(all).toMatchObject({ series, wrong: [] })
})

test('1.0: what is written is read, but for what it cannot say', () => {
  const families = [['up', { type: 'gauge', help: 'Is it?', unit: '' }]] as const
  expect(told(readWriteV1, writeV1(series, families))).toMatchObject({
    series: series.map(withoutStart),
    wrong: [],
    families: Object.fromEntries(families),
  })
})

/** Protobuf by hand: fields of bytes, and varints. */
const bytesField = (number: number, ...parts: Uint8Array[]): Buffer => {
  const body = Buffer.concat(parts)
  return Buffer.concat([Buffer.from([(number << 3) | 2, body.length]), body])
}
const numberField = (number: number, ...value: number[]) => Buffer.from([number << 3, ...value])
const textField = (number: number, value: string | number[]) => bytesField(number, Buffer.from(value as string))

describe('as others write it', () => {
  test('2.0: symbols behind the series, numbers not packed, the start time of the whole series', () => {
    const sample = bytesField(2, Buffer.from([0x09, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0x10, 5]))
    const request = Buffer.concat([
      bytesField(5, numberField(1, 1), numberField(1, 2), sample, numberField(6, 3)),
      textField(4, ''),
      textField(4, '__name__'),
      textField(4, 'up'),
    ])
    expect(told(readWriteV2, request).series).toEqual([
      {
        labels: [['__name__', 'up']],
        samples: [{ time: 5, start: 3, stale: false, value: 1 }],
        histograms: [],
        exemplars: [],
        metadata: undefined,
      },
    ])
  })
  test.each<[string, Buffer, string]>([
    ['a reference to nothing', bytesField(5, bytesField(1, Buffer.from([1, 9]))), 'refers to symbol 1, and there are 1'],
    ['a name without a value', bytesField(5, bytesField(1, Buffer.from([0]))), 'labels_refs has a name without a value'],
    [
      'a symbol that is not UTF-8',
      Buffer.concat([textField(4, [0xff]), bytesField(5, bytesField(1, Buffer.from([0, 1])))]),
      'has a text that is not UTF-8',
    ],
    ['references that are cut off', bytesField(5, bytesField(1, Buffer.from([0x80]))), 'a list of numbers is cut off'],
  ])('2.0: %s is that series’ mistake', (_, body, problem) => {
    const good = bytesField(5, bytesField(1, Buffer.from([0, 0])))
    const all = told(readWriteV2, Buffer.concat([textField(4, ''), body, good]))
    expect([all.wrong, all.series.length]).toEqual([[problem], 1])
  })
  test.each<[string, Buffer, string]>([
    ['a text that is not UTF-8', bytesField(1, bytesField(1, textField(1, 'a'), textField(2, [0xff]))), 'has a text that is not UTF-8'],
    [
      'spans for more buckets than there are',
      bytesField(1, bytesField(4, bytesField(11, numberField(2, 3)))),
      'a histogram has 0 buckets, and spans for 3',
    ],
    ['doubles that are cut off', bytesField(1, bytesField(4, bytesField(13, Buffer.from([1, 2])))), 'a list of doubles is cut off'],
  ])('1.0: %s', (_, body, problem) => expect(told(readWriteV1, body).wrong).toEqual([problem]))
  test('the replacement character itself is a character', () => {
    const label = bytesField(1, textField(1, 'a'), textField(2, '\ufffd'))
    expect(told(readWriteV1, bytesField(1, label)).series[0]!.labels).toEqual([['a', '\ufffd']])
  })
})

test.each([
  ['1.0', readWriteV1, writeV1(series)],
  ['2.0', readWriteV2, writeV2(series)],
] as const)('%s: whatever comes is read, or refused as malformed', (_, read, good) => {
  const random = seeded(13)
  for (let round = 0; round < 4000; round++) {
    const bad = Uint8Array.from(good)
    for (let i = 0; i < 1 + random() * 3; i++) bad[Math.floor(random() * bad.length)] = Math.floor(random() * 256)
    try {
      told(read, bad.subarray(0, Math.floor(random() * (bad.length + 1))))
    } catch (error) {
      expect(error).toBeInstanceOf(MalformedError)
    }
  }
})
