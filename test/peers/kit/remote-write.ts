/** Puts series into a real Prometheus, over remote write 1.0. */
import type { FloatHistogram, Span } from '../../../src/model/float-histogram.ts'
import type { MadeSample, MadeSeries } from '../../promql/fuzz/samples.ts'
import { type Field, protobuf } from './protobuf.ts'

/** [ms] of samples in one request. Prometheus takes the samples of all series by time, and of one series numbers before histograms: no series has both in one request. */
const BATCH = 375_000

/** @param url of the server */
export async function remoteWrite(url: string, series: readonly MadeSeries[]): Promise<void> {
  const times = series.flatMap(({ samples }) => samples.map(({ time }) => time))
  const last = times.reduce((a, b) => Math.max(a, b))
  for (let from = times.reduce((a, b) => Math.min(a, b)); from <= last; from += BATCH) await push(url, batch(series, from))
}

async function push(url: string, fields: readonly Field[]): Promise<void> {
  const response = await fetch(`${url}/api/v1/write`, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-protobuf',
      'content-encoding': 'snappy',
      'x-prometheus-remote-write-version': '0.1.0',
    },
    body: new Uint8Array(snappyLiterals(protobuf(fields))),
  })
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`)
}

function batch(series: readonly MadeSeries[], from: number): Field[] {
  return series.flatMap(({ labels, samples }): Field[] => {
    const some = samples.filter(({ time }) => time >= from && time < from + BATCH)
    if (some.length === 0) return []
    const names = [...labels].map(
      ([name, value]): Field => [
        1,
        'message',
        [
          [1, 'bytes', name],
          [2, 'bytes', value],
        ],
      ],
    )
    return [[1, 'message', [...names, ...some.map(sample)]]]
  })
}

function sample({ time, value, stale, histogram }: MadeSample): Field {
  if (histogram !== undefined) return [4, 'message', [...histogramFields(histogram), [15, 'varint', time]]]
  const number: Field = stale === true ? [1, 'fixed64', 0x7ff0000000000002n] : [1, 'double', value]
  return [2, 'message', [number, [2, 'varint', time]]]
}

const hints = ['unknown', 'reset', 'not_reset', 'gauge']

function histogramFields(histogram: FloatHistogram): Field[] {
  return [
    [2, 'double', histogram.count],
    [3, 'double', histogram.sum],
    [4, 'varint', zigzag(histogram.schema)],
    [5, 'double', histogram.zeroThreshold],
    [7, 'double', histogram.zeroCount],
    ...spans(8, histogram.negativeSpans),
    ...histogram.negativeCounts.map((count): Field => [10, 'double', count]),
    ...spans(11, histogram.positiveSpans),
    ...histogram.positiveCounts.map((count): Field => [13, 'double', count]),
    [14, 'varint', hints.indexOf(histogram.resetHint)],
    ...histogram.customBounds.map((bound): Field => [16, 'double', bound]),
  ]
}

const spans = (id: number, list: readonly Span[]): Field[] =>
  list.map(
    ({ offset, length }): Field => [
      id,
      'message',
      [
        [1, 'varint', zigzag(offset)],
        [2, 'varint', length],
      ],
    ],
  )

const zigzag = (value: number): number => (value < 0 ? -2 * value - 1 : 2 * value)

/** Snappy's block format has pieces that are not compressed. */
function snappyLiterals(bytes: Buffer): Buffer {
  const pieces: Buffer[] = []
  const length: number[] = []
  let rest = bytes.length
  for (; rest > 127; rest = Math.floor(rest / 128)) length.push((rest & 127) | 128)
  pieces.push(Buffer.from([...length, rest]))
  for (let at = 0; at < bytes.length; at += 65_536) {
    const piece = bytes.subarray(at, at + 65_536)
    const last = piece.length - 1
    pieces.push(Buffer.from([61 << 2, last & 255, last >> 8]), piece)
  }
  return Buffer.concat(pieces)
}
