import { describe, expect, test } from 'vitest'
import { Budget } from '../../src/component/budget.ts'
import type { Component, Consumer } from '../../src/component/component.ts'
import type { DerivedSample } from '../../src/component/derived.ts'
import { Ledger } from '../../src/component/ledger.ts'
import { Describer } from '../../src/exposition/describe.ts'
import { Labels } from '../../src/model/labels.ts'
import { Raw } from '../../src/model/raw.ts'
import { protobufToJson } from '../../src/otlp/json.ts'
import { createReader } from '../../src/otlp/reader.ts'
import { emptyHistogram, parseHistogram } from '../../src/promql/histogram/text.ts'
import factory from '../../src/receivers/derived/index.ts'
import { VirtualClock } from '../kit/clock.ts'
import { testContext } from '../kit/context.ts'
import { paperworkContract, receiverContract } from '../kit/contract.ts'
import { type Answer, Downstream } from '../kit/faults.ts'

paperworkContract(factory)

const at = 1_700_000_000_000
const sample = (labels: Record<string, string>, value: number, more: Partial<DerivedSample> = {}): DerivedSample => ({
  labels: Labels.from(labels),
  time: at,
  value,
  ...more,
})

receiverContract({
  factory,
  signal: 'metrics',
  send: async (_: Component, cx, id) => {
    const account = cx.account('metrics')
    const before = account.accepted
    await cx.derived.write('rules', [sample({ __name__: 'row', id: String(id) }, id)])
    return account.accepted > before
  },
})

function set(plan: () => Answer = () => 'yes', settings: object = {}) {
  const clock = new VirtualClock()
  const cx = testContext({ id: 'derived', kind: 'receiver', clock, ledger: new Ledger(), budget: new Budget(), reader: createReader() })
  const downstream = new Downstream<'metrics'>(clock, plan)
  const receiver = factory.create(cx, factory.config.parse(settings), { metrics: downstream })
  return { cx, clock, downstream, receiver, account: cx.account('metrics') }
}

async function written(samples: readonly DerivedSample[], settings: object = {}) {
  const { cx, receiver, downstream, account } = set(undefined, settings)
  const bodies: Uint8Array[] = []
  const consume = downstream.consume.bind(downstream)
  downstream.consume = async (batch, room) => {
    bodies.push(batch.raw.bytes().slice())
    return consume(batch, room)
  }
  await receiver.start?.()
  await cx.derived.write('rules', samples)
  await receiver.shutdown?.(AbortSignal.timeout(1000))
  return { account, json: bodies.map(body => protobufToJson('metrics', body)), bodies }
}

describe('what was computed', () => {
  test('is a gauge, its labels the attributes, and the resource says who computed it', async () => {
    const { json } = await written([
      sample({ __name__: 'job:rate', job: 'cart', instance: 'a' }, 1.5),
      sample({ __name__: 'ALERTS', alertname: 'A' }, 1),
      sample({ __name__: 'job:rate', job: 'pay' }, 0, { stale: true }),
    ])
    const time = { timeUnixNano: '1700000000000000000' }
    const text = (key: string, value: string) => ({ key, value: { stringValue: value } })
    expect(json).toEqual([
      {
        resourceMetrics: [
          {
            resource: { attributes: [text('thalamus.origin', 'rules')] },
            scopeMetrics: [
              {
                scope: {},
                metrics: [
                  {
                    name: 'job:rate',
                    metadata: [text('prometheus.type', 'unknown')],
                    gauge: {
                      dataPoints: [
                        { attributes: [text('instance', 'a'), text('job', 'cart')], ...time, asDouble: 1.5 },
                        { attributes: [text('job', 'pay')], ...time, flags: 1 },
                      ],
                    },
                  },
                  {
                    name: 'ALERTS',
                    metadata: [text('prometheus.type', 'unknown')],
                    gauge: { dataPoints: [{ attributes: [text('alertname', 'A')], ...time, asDouble: 1 }] },
                  },
                ],
              },
            ],
          },
        ],
      },
    ])
  })

  test('is to a store the very series it was', async () => {
    const labels = { __name__: 'job:rate:5m', job: 'cart', instance: 'a:1', severity: 'page' }
    const { bodies } = await written([sample(labels, 1)])
    const batch = createReader().read('metrics', Raw.of(bodies[0]!))
    const describer = new Describer({
      strategy: 'UnderscoreEscapingWithSuffixes',
      namespace: '',
      constLabels: [],
      scope: true,
      resource: 'none',
    })
    const { family, labelValues, target } = describer.describe(batch.dictionary.series(batch.numbers.series[0]!))!
    expect(Labels.of([...labelValues, ['__name__', family.name]]).toJSON()).toEqual(labels)
    expect(target).toBeUndefined()
  })

  test('histograms are what they are', async () => {
    const exponential = parseHistogram('{{schema:1 sum:3 count:6 z_bucket:1 z_bucket_w:0.01 buckets:[2 3]}}').histogram
    const custom = parseHistogram('{{schema:-53 sum:3 count:3 custom_values:[1 2] buckets:[1 2]}}').histogram
    const { json, account } = await written([
      sample({ __name__: 'e' }, 0, { histogram: exponential }),
      sample({ __name__: 'c' }, 0, { histogram: custom }),
      sample({ __name__: 'f' }, 0, { histogram: { ...emptyHistogram, count: 0.5 } }),
    ])
    const { metrics } = (json as [{ resourceMetrics: [{ scopeMetrics: [{ metrics: unknown[] }] }] }])[0].resourceMetrics[0].scopeMetrics[0]
    expect(metrics).toMatchObject([
      {
        name: 'e',
        exponentialHistogram: { dataPoints: [{ count: '6', sum: 3, scale: 1, zeroCount: '1', positive: { bucketCounts: ['2', '3'] } }] },
      },
      { name: 'c', histogram: { dataPoints: [{ count: '3', explicitBounds: [1, 2], bucketCounts: ['1', '2', '0'] }] } },
    ])
    expect(account.accepted).toBe(2)
  })

  test('goes by its origin where one is asked for', async () => {
    expect((await written([sample({ __name__: 'x' }, 1)], { origins: ['sla'] })).json).toEqual([])
    expect((await written([sample({ __name__: 'x' }, 1)], { origins: ['sla', 'rules'] })).json).toHaveLength(1)
  })
})

describe('nobody waits', () => {
  test('what finds no room is dropped, counted', async () => {
    const { cx, receiver, account, downstream } = set(() => 'full')
    await receiver.start?.()
    await cx.derived.write('rules', [sample({ __name__: 'x' }, 1), sample({ __name__: 'y' }, 1)])
    expect(account.refused).toBe(2)
    expect(cx.ledger.imbalance).toBe(0)
    expect(downstream.taken).toEqual([])
    await receiver.shutdown?.(AbortSignal.timeout(1000))
  })
  test('one destination with room is enough, where no full one blocks', async () => {
    for (const [blocks, taken] of [
      [false, 1],
      [true, 0],
    ] as const) {
      const { cx, clock, account } = set()
      const [free, full] = [new Downstream<'metrics'>(clock), new Downstream<'metrics'>(clock)]
      const next: Consumer<'metrics'> = {
        reserve(bytes, room) {
          free.reserve(bytes, room)
          room.refuse(full, blocks)
        },
        consume: batch => free.consume(batch),
      }
      const receiver = factory.create(cx, factory.config.parse({}), { metrics: next })
      await receiver.start?.()
      await cx.derived.write('rules', [sample({ __name__: 'x' }, 1)])
      expect([account.accepted, free.reserved]).toEqual([taken, 0])
      await receiver.shutdown?.(AbortSignal.timeout(1000))
    }
  })
  test('what is refused is no error of whoever computed it', async () => {
    const { cx, receiver, account } = set(() => 'never')
    await receiver.start?.()
    expect(await cx.derived.write('rules', [sample({ __name__: 'x' }, 1)])).toBe(true)
    expect(account.refused).toBe(1)
    await receiver.shutdown?.(AbortSignal.timeout(1000))
    expect(await cx.derived.write('rules', [sample({ __name__: 'x' }, 1)])).toBe(false)
  })
})
