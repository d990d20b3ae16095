/** Requests as services send them: a gauge, counters and a histogram for each of ten routes, and the spans of a few calls. */
import { type Field, protobuf } from '../kit/protobuf.ts'

export const POINTS = 110
export const SPANS = 20

const text = (key: string, value: string): Field => [
  1,
  'message',
  [
    [1, 'bytes', key],
    [2, 'message', [[1, 'bytes', value]]],
  ],
]
const attribute = (id: number, key: string, value: string): Field => [id, 'message', (text(key, value)[2] as readonly Field[]).slice()]
const nanos = (ms: number) => BigInt(Math.round(ms)) * 1_000_000n

/** 110 points of one instance of a service. */
export function metricsOf(instance: string, startMs: number, nowMs: number, count: number): Buffer {
  const points = (add: readonly Field[]): Field[] =>
    Array.from(
      { length: 10 },
      (_, route): Field => [
        1,
        'message',
        [attribute(7, 'http.route', `/things/${route}`), [2, 'fixed64', nanos(startMs)], [3, 'fixed64', nanos(nowMs)], ...add],
      ],
    )
  const counter = (n: number): Field => [
    2,
    'message',
    [
      [1, 'bytes', `shop.counter.${n}`],
      [7, 'message', [...points([[4, 'double', count]]), [2, 'varint', 2], [3, 'varint', 1]]],
    ],
  ]
  const histogram: Field = [
    2,
    'message',
    [
      [1, 'bytes', 'http.server.request.duration'],
      [3, 'bytes', 's'],
      [9, 'message', [...histogramPoints(startMs, nowMs, count), [2, 'varint', 2]]],
    ],
  ]
  const scope: Field = [
    2,
    'message',
    [[1, 'message', [[1, 'bytes', 'soak']]], ...Array.from({ length: 10 }, (_, n) => counter(n)), histogram],
  ]
  return protobuf([[1, 'message', [resource(instance), scope]]])
}

function histogramPoints(startMs: number, nowMs: number, count: number): Field[] {
  const packed = (values: readonly bigint[]) => Buffer.concat(values.map(v => eight(b => b.writeBigUInt64LE(v))))
  const bounds = Buffer.concat([0.01, 0.1, 1].map(v => eight(b => b.writeDoubleLE(v))))
  return Array.from(
    { length: 10 },
    (_, route): Field => [
      1,
      'message',
      [
        attribute(9, 'http.route', `/things/${route}`),
        [2, 'fixed64', nanos(startMs)],
        [3, 'fixed64', nanos(nowMs)],
        [4, 'fixed64', BigInt(count) * 4n],
        [5, 'double', count * 0.3],
        [6, 'bytes', packed([BigInt(count), BigInt(count), BigInt(count), BigInt(count)])],
        [7, 'bytes', bounds],
      ],
    ],
  )
}

/** 20 spans of one instance of a service. */
export function spansOf(instance: string, nowMs: number, count: number): Buffer {
  const id = (bytes: number, n: number) => Buffer.from(n.toString(16).padStart(bytes * 2, '0'), 'hex')
  const span = (n: number): Field => [
    2,
    'message',
    [
      [1, 'bytes', id(16, count * 31 + 1)],
      [2, 'bytes', id(8, count * SPANS + n + 1)],
      [5, 'bytes', `GET /things/${n % 10}`],
      [6, 'varint', 2],
      [7, 'fixed64', nanos(nowMs - 5)],
      [8, 'fixed64', nanos(nowMs)],
      attribute(9, 'http.route', `/things/${n % 10}`),
    ],
  ]
  return protobuf([[1, 'message', [resource(instance), [2, 'message', Array.from({ length: SPANS }, (_, n) => span(n))]]]])
}

const resource = (instance: string): Field => [
  1,
  'message',
  [attribute(1, 'service.name', 'shop'), attribute(1, 'service.instance.id', instance)],
]

function eight(write: (buffer: Buffer) => void): Buffer {
  const buffer = Buffer.alloc(8)
  write(buffer)
  return buffer
}
