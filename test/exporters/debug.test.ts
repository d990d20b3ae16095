import { describe, expect, test } from 'vitest'
import type { Consumer } from '../../src/component/component.ts'
import { Room } from '../../src/component/room.ts'
import debug from '../../src/exporters/debug/index.ts'
import type { AnyBatch } from '../../src/model/batch.ts'
import { Raw } from '../../src/model/raw.ts'
import type { Signal } from '../../src/model/signal.ts'
import { jsonToProtobuf, protobufToJson } from '../../src/otlp/json.ts'
import { createReader } from '../../src/otlp/reader.ts'
import { testContext } from '../kit/context.ts'
import { paperworkContract, takingExporterContract } from '../kit/contract.ts'
import { rowsBody } from '../kit/rows.ts'

paperworkContract(debug)
takingExporterContract({ factory: debug })

function open(settings: object = {}, signal: Signal = 'metrics') {
  const cx = testContext({ id: 'debug', reader: createReader() })
  const make = (debug as unknown as { create: Record<Signal, (cx: object, config: object) => Consumer<Signal>> }).create[signal]
  const exporter = make(cx, debug.config.parse(settings))
  const read = (bytes: Uint8Array): AnyBatch => cx.reader.read(signal, Raw.of(bytes))
  return { cx, exporter, read }
}
const attributes = [
  { key: 'method', value: { stringValue: 'GET' } },
  { key: 'codes', value: { arrayValue: { values: [{ intValue: '1' }] } } },
]
const requests: Readonly<Record<Signal, object>> = {
  metrics: {
    resourceMetrics: [
      {
        scopeMetrics: [
          {
            metrics: [
              { name: 'active', gauge: { dataPoints: [{ asInt: '3', attributes }, { asDouble: 0.5 }] } },
              { name: 'latency', histogram: { aggregationTemporality: 2, dataPoints: [{ count: '2', sum: 1.5 }] } },
            ],
          },
        ],
      },
    ],
  },
  traces: {
    resourceSpans: [
      { scopeSpans: [{ spans: [{ name: 'GET /', traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', attributes }] }] },
    ],
  },
  logs: { resourceLogs: [{ scopeLogs: [{ logRecords: [{ severityText: 'WARN', body: { stringValue: 'disk is full' }, attributes }] }] }] },
}

describe('what is shown', () => {
  test('basic: counts', async () => {
    const { cx, exporter, read } = open()
    await exporter.consume(read(rowsBody('metrics', [1, 2])))
    const bytes = rowsBody('metrics', [1, 2]).length
    expect(cx.lines).toEqual([{ level: 'info', message: 'metrics', fields: { resources: 1, metrics: 1, metric_points: 2, bytes } }])
  })

  test.each<[Signal, string[]]>([
    ['metrics', ['active{method=GET,codes={"values":[{"intValue":"1"}]}} 3', 'active 0.5', 'latency count=2 sum=1.5']],
    ['traces', ['GET /{method=GET,codes={"values":[{"intValue":"1"}]}} 0af7651916cd43dd8448eb211c80319c b7ad6b7169203331']],
    ['logs', ['WARN disk is full{method=GET,codes={"values":[{"intValue":"1"}]}}']],
  ])('normal: a line for each row of %s', async (signal, rows) => {
    const { cx, exporter, read } = open({ verbosity: 'normal' }, signal)
    await exporter.consume(read(jsonToProtobuf(signal, Buffer.from(JSON.stringify(requests[signal])))))
    expect(cx.lines[0]?.fields['rows']).toEqual(rows)
  })

  test('normal: no more lines than a person reads', async () => {
    const { cx, exporter, read } = open({ verbosity: 'normal' })
    await exporter.consume(
      read(
        rowsBody(
          'metrics',
          Array.from({ length: 1200 }, (_, i) => i + 1),
        ),
      ),
    )
    expect(cx.lines[0]?.fields).toMatchObject({ omitted: 200 })
    expect(cx.lines[0]?.fields['rows']).toHaveLength(1000)
  })

  test('detailed: the whole request', async () => {
    const { cx, exporter, read } = open({ verbosity: 'detailed' }, 'traces')
    const bytes = jsonToProtobuf('traces', Buffer.from(JSON.stringify(requests.traces)))
    await exporter.consume(read(bytes))
    expect(cx.lines[0]?.fields['request']).toEqual(protobufToJson('traces', bytes))
    expect(JSON.stringify(cx.lines[0])).toContain('0af7651916cd43dd8448eb211c80319c')
  })
})

describe('sampling', () => {
  test.each([
    [{}, 10],
    [{ sampling_initial: 3, sampling_thereafter: 0 }, 3],
    [{ sampling_initial: 2, sampling_thereafter: 4 }, 4],
    [{ sampling_initial: 0, sampling_thereafter: 5 }, 2],
  ])('%j logs %d of ten in a second, and begins anew in the next', async (settings, expected) => {
    const { cx, exporter, read } = open(settings)
    for (const second of [1, 2]) {
      for (let i = 0; i < 10; i++) await exporter.consume(read(rowsBody('metrics', [i + 1])))
      expect(cx.lines.length).toBe(expected * second)
      await cx.clock.advance(1000)
    }
  })
})

test('it always has room, and what it took is accounted for', async () => {
  const { cx, exporter, read } = open()
  const room = new Room()
  exporter.reserve(1e12, room)
  expect(room.mustWait).toBe(false)
  await exporter.consume(read(rowsBody('metrics', [1, 2])), room)
  expect(room.reservations(exporter as never)).toBe(0)
  const account = cx.account('metrics')
  expect([account.accepted, account.taken, account.imbalance]).toEqual([2, 2, 0])
})
