import { expect, test } from 'vitest'
import { Ledger } from '../../src/component/ledger.ts'
import type { Reader } from '../../src/model/batch.ts'
import { Batcher } from '../../src/processors/batch/batcher.ts'
import batch from '../../src/processors/batch/index.ts'
import { settled, VirtualClock } from '../kit/clock.ts'
import { processorContract, read, surroundings } from '../kit/contract.ts'
import { Downstream, inTurn } from '../kit/faults.ts'
import { rowIds } from '../kit/rows.ts'

processorContract({ factory: batch })

function setUp(maxRows: number) {
  const { cx, clock } = surroundings('processor', 'batch')
  const next = new Downstream<'metrics'>(clock, () => 'slow')
  const account = new Ledger().account('processor', 'batch', 'metrics')
  return { cx, clock, next, batcher: new Batcher('metrics', cx.reader, account, next, maxRows) }
}

test('a free line is not waited for; a busy one merges what comes meanwhile', async () => {
  const { batcher, clock, cx, next } = setUp(100)
  const all = [[1], [2, 3], [4], [5]].map(ids => batcher.consume(read(cx, 'metrics', ids)))
  await settled()
  expect(next.offered.map(rowIds)).toEqual([[1]])
  await clock.advance(1000)
  expect(next.offered.map(rowIds)).toEqual([[1], [2, 3, 4, 5]])
  await clock.advance(1000)
  await Promise.all(all)
  expect(next.taken).toEqual([1, 2, 3, 4, 5])
})

test('a merge has at most send_batch_max_size rows, but one large batch passes whole', async () => {
  const { batcher, clock, cx, next } = setUp(3)
  for (const ids of [[1], [2, 3], [4, 5], [6, 7, 8, 9], [10]]) void batcher.consume(read(cx, 'metrics', ids))
  await clock.advance(10_000)
  expect(next.offered.map(rowIds)).toEqual([[1], [2, 3], [4, 5], [6, 7, 8, 9], [10]])
})

test('everyone in a merge hears how it went', async () => {
  const clock = new VirtualClock()
  const { cx } = surroundings('processor', 'batch')
  const next = new Downstream<'metrics'>(clock, inTurn('slow', 'later', 'yes'))
  const batcher = new Batcher('metrics', cx.reader, new Ledger().account('processor', 'batch', 'metrics'), next, 0)
  const heard = [1, 2, 3].map(id =>
    batcher.consume(read(cx, 'metrics', [id])).then(
      () => 'taken',
      (error: Error) => error.name,
    ),
  )
  await clock.advance(1000)
  expect(await Promise.all(heard)).toEqual(['taken', 'RetryableError', 'RetryableError'])
})

test.each<[string, boolean, boolean]>([
  ['a merge that cannot be read', true, false],
  ['a component that throws instead of rejecting', false, true],
])('%s fails who is in it, and nobody after', async (_, unreadable, throws) => {
  const { cx, clock } = surroundings('processor', 'batch')
  const next = new Downstream<'metrics'>(clock, () => 'slow')
  let broken = false
  const consume = next.consume.bind(next)
  next.consume = (batch, room) => {
    if (broken && throws) throw new Error('broken')
    return consume(batch, room)
  }
  const read_: Reader['read'] = (signal, raw) => {
    if (broken && unreadable) throw new Error('broken')
    return cx.reader.read(signal, raw)
  }
  const reader = { ...cx.reader, dictionary: cx.reader.dictionary, overflowed: 0, sweep: () => 0, read: read_ }
  const batcher = new Batcher('metrics', reader, new Ledger().account('processor', 'batch', 'metrics'), next, 0)
  const heard = (id: number) =>
    batcher.consume(read(cx, 'metrics', [id])).then(
      () => 'taken',
      (error: Error) => error.message,
    )
  const first = [heard(1), heard(2), heard(3)]
  await settled()
  broken = true
  await clock.advance(1000)
  expect(await Promise.all(first)).toEqual(['taken', 'broken', 'broken'])
  broken = false
  const last = heard(4)
  await clock.advance(1000)
  expect(await last).toBe('taken')
})
