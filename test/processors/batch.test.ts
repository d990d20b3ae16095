import { expect, test } from 'vitest'
import { Ledger } from '../../src/component/ledger.ts'
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
