import { describe, expect, onTestFinished, test } from 'vitest'
import { OfferedJournals } from '../../src/component/journals.ts'
import { Ledger } from '../../src/component/ledger.ts'
import extension from '../../src/extensions/journal/index.ts'
import type { Journal, NewEntry } from '../../src/model/journal.ts'
import { protobufToJson } from '../../src/otlp/json.ts'
import { createReader } from '../../src/otlp/reader.ts'
import factory from '../../src/receivers/journal/index.ts'
import { settled, VirtualClock } from '../kit/clock.ts'
import { testContext } from '../kit/context.ts'
import { paperworkContract } from '../kit/contract.ts'
import { MemoryDisk } from '../kit/disk.ts'
import { type Answer, Downstream } from '../kit/faults.ts'

paperworkContract(factory)
paperworkContract(extension)

const begun = 1_700_000_000_000
const mode = (to: string): NewEntry => ({ kind: 'mode', data: { subject: 'breaker', from: 'x', to } })

/** The extension and the receiver, in one process. */
async function start(disk = new MemoryDisk(), settings: object = {}, plan: () => Answer = () => 'yes') {
  const clock = new VirtualClock(begun)
  const journals = new OfferedJournals()
  const ledger = new Ledger()
  const cx = testContext({ id: 'journal', kind: 'receiver', clock, ledger, reader: createReader(), disk, journals })
  const keeper = extension.create(cx, extension.config.parse({}))
  await keeper.start!()
  const journal = journals.get() as Journal
  const downstream = new Downstream<'logs'>(clock, plan)
  /** of each batch that was taken: the events' keys */
  const keys: string[][] = []
  const bodies: object[] = []
  const consume = downstream.consume.bind(downstream)
  downstream.consume = async (batch, room) => {
    await consume(batch, room)
    const json = protobufToJson('logs', batch.raw.bytes())
    bodies.push(json)
    keys.push([...JSON.stringify(json).matchAll(/"thalamus\.entry\.key","value":\{"stringValue":"([^"]*)"/g)].map(([, key]) => key!))
  }
  const receiver = factory.create(cx, factory.config.parse(settings), { logs: downstream })
  const end = async () => {
    await receiver.shutdown!(AbortSignal.timeout(1000))
    await keeper.shutdown!(AbortSignal.timeout(1000))
  }
  onTestFinished(end)
  return { cx, clock, disk, journal, journals, keeper, receiver, keys, bodies, end, account: cx.account('logs') }
}

/** Until nothing more happens. */
const calm = async () => {
  for (let i = 0; i < 20; i++) await settled()
}

test('an entry is an event: name, body, severity, attributes', async () => {
  const { journal, receiver, bodies, account, clock } = await start()
  await receiver.start!()
  await calm()
  const labels = { service: 'cart', az: '1' }
  const data = { alert: 'CartBurn', labels, from: 'pending', to: 'firing', value: 14.9, activeAt: begun - 5 } as const
  await journal.append({ kind: 'alert', data, time: begun + 3, cause: 7 }, 'alert/1')
  await calm()
  const text = (stringValue: string) => ({ stringValue })
  expect(bodies).toEqual([
    {
      resourceLogs: [
        {
          resource: { attributes: [{ key: 'service.name', value: text('thalamus') }] },
          scopeLogs: [
            {
              scope: { name: 'thalamus/journal' },
              logRecords: [
                {
                  timeUnixNano: `${begun + 3}000000`,
                  observedTimeUnixNano: `${clock.now()}000000`,
                  severityNumber: 13,
                  severityText: 'WARN',
                  eventName: 'thalamus.alert',
                  body: text('alert CartBurn{az="1",service="cart"} pending -> firing 14.9'),
                  attributes: [
                    { key: 'thalamus.entry.id', value: { intValue: '1' } },
                    { key: 'thalamus.entry.key', value: text('alert/1') },
                    { key: 'thalamus.entry.version', value: { intValue: '1' } },
                    { key: 'thalamus.entry.cause', value: { intValue: '7' } },
                    { key: 'thalamus.alert.alert', value: text('CartBurn') },
                    { key: 'thalamus.alert.labels.service', value: text('cart') },
                    { key: 'thalamus.alert.labels.az', value: text('1') },
                    { key: 'thalamus.alert.from', value: text('pending') },
                    { key: 'thalamus.alert.to', value: text('firing') },
                    { key: 'thalamus.alert.value', value: { doubleValue: 14.9 } },
                    { key: 'thalamus.alert.active_at', value: { intValue: `${begun - 5}` } },
                  ],
                },
              ],
            },
          ],
        },
      ],
    },
  ])
  expect([account.received, account.accepted]).toEqual([1, 1])
})

describe('where it begins', () => {
  test.each<[string, object, string[][]]>([
    ['at the end', {}, [['new']]],
    ['at the beginning, in batches', { start_at: 'beginning', max_batch: 2 }, [['a', 'b'], ['c'], ['new']]],
    ['with some kinds', { start_at: 'beginning', kinds: ['approval'] }, [['b']]],
  ])('%s', async (_, settings, expected) => {
    const { journal, receiver, keys } = await start(undefined, settings)
    await journal.append(mode('x'), 'a')
    await journal.append({ kind: 'approval', data: { action: 'restart', target: 'db', decision: 'approved', by: 'ana' } }, 'b')
    await journal.append(mode('x'), 'c')
    await receiver.start!()
    await calm()
    await journal.append(mode('x'), 'new')
    await calm()
    expect(keys).toEqual(expected)
  })

  test('where the process before it ended, and after a kill a little before that', async () => {
    const first = await start(undefined, { start_at: 'beginning' })
    await first.journal.append(mode('x'), 'a')
    await first.receiver.start!()
    await calm()
    const killed = first.disk.after('kill')
    await first.end()
    await calm()
    const next = await start(first.disk.after('loss of power'), { start_at: 'beginning' })
    await next.journal.append(mode('x'), 'b')
    await next.receiver.start!()
    await calm()
    expect(next.keys).toEqual([['b']])
    const again = await start(killed, { start_at: 'end' })
    await again.receiver.start!()
    await calm()
    expect(again.keys).toEqual([['a']])
  })
})

test('what the pipeline refuses for now waits in the journal; what it refuses for good is counted', async () => {
  let answer: Answer = 'later'
  const { journal, receiver, keys, clock, account } = await start(undefined, {}, () => answer)
  await receiver.start!()
  await calm()
  await journal.append(mode('x'), 'a')
  await calm()
  await clock.advance(1000)
  await journal.append(mode('x'), 'b')
  expect(keys).toEqual([])
  expect(account.received).toBe(0)
  answer = 'yes'
  await clock.advance(30_000)
  await calm()
  expect(keys).toEqual([['a'], ['b']])
  answer = 'never'
  await journal.append(mode('x'), 'c')
  await calm()
  expect([account.accepted, account.refused]).toEqual([2, 1])
})

test('a journal that is not there yet is looked for; one that ends is no end', async () => {
  const { receiver, cx, clock, keeper, journals, keys, disk } = await start()
  await keeper.shutdown!(AbortSignal.timeout(1000))
  await receiver.start!()
  await calm()
  expect(cx.lines.map(({ message }) => message)).toEqual(['there is no journal to follow'])
  const other = testContext({ id: 'journal', clock, disk, journals })
  const next = extension.create(other, extension.config.parse({}))
  await next.start!()
  await clock.advance(1000)
  await calm()
  await journals.get()!.append(mode('x'), 'a')
  await calm()
  expect(keys).toEqual([['a']])
  await next.shutdown!(AbortSignal.timeout(1000))
  await receiver.shutdown!(AbortSignal.timeout(1000))
  expect(clock.pending).toBe(0)
})

test('shutdown without start, and twice; nobody listens', async () => {
  const cx = testContext({ id: 'journal' })
  const receiver = factory.create(cx, factory.config.parse({}), {})
  await receiver.shutdown!(AbortSignal.abort())
  await receiver.start!()
  await receiver.shutdown!(AbortSignal.abort())
  await receiver.shutdown!(AbortSignal.abort())
  const keeper = extension.create(cx, extension.config.parse({}))
  await keeper.shutdown!(AbortSignal.abort())
  await keeper.start!()
  await keeper.shutdown!(AbortSignal.abort())
  await keeper.shutdown!(AbortSignal.abort())
  expect(cx.clock.pending).toBe(0)
})
