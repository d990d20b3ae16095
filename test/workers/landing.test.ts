/** Batches that an ingest thread sends together lie in one piece of memory: it goes when the last of them is let go. */
import { expect, test } from 'vitest'
import { RetryableError } from '../../src/component/errors.ts'
import type { SpanBatch } from '../../src/model/batch.ts'
import { createReader } from '../../src/otlp/reader.ts'
import { Landings } from '../../src/workers/landing.ts'
import type { Batches, Settled } from '../../src/workers/messages.ts'
import { testContext } from '../kit/context.ts'
import { rowIds, rowsBody } from '../kit/rows.ts'

const run = (first: number) => Array.from({ length: 40 }, (_, i) => first + i)

/** Three batches of 40 rows. */
function message(): Batches {
  const bodies = [1, 41, 81].map(first => rowsBody('traces', run(first)))
  let at = 0
  const list = bodies.map(({ length }, ticket) => {
    const shipped = { ticket, pipeline: 'traces', signal: 'traces' as const, from: at, to: at + length, alone: true }
    at += length
    return shipped
  })
  return { is: 'batches', bytes: Uint8Array.from(Buffer.concat(bodies)).buffer, list }
}

/** @returns what the thread was told, and the memory of its message */
async function land(consume: (batch: SpanBatch) => Promise<void>): Promise<{ told: Settled['is'][]; memory: ArrayBuffer }> {
  const landings = new Landings(() => undefined)
  const cx = testContext({ id: '(workers) traces', reader: createReader() })
  const landing = landings.factory('traces').create(cx, {}, { traces: { reserve() {}, consume } })
  await landing.start?.()
  const sent = message()
  const told: Settled['is'][] = []
  const { promise, resolve } = Promise.withResolvers<void>()
  landings.land(sent, ({ is }) => {
    told.push(is)
    if (told.length === sent.list.length) resolve()
  })
  await promise
  return { told, memory: sent.bytes }
}

test('it goes with the last of them, and not before', async () => {
  const held: SpanBatch[] = []
  const { told, memory } = await land(async batch => void held.push(batch))
  expect(told).toEqual(['taken', 'taken', 'taken'])
  for (const [i, { raw }] of held.entries()) {
    expect(memory.detached).toBe(false)
    expect(rowIds(createReader().read('traces', raw))).toEqual(run(1 + 40 * i))
    raw.release()
  }
  expect(held.length).toBe(3)
  expect(memory.detached).toBe(true)
})

test('it goes where each of them is let go at once', async () => {
  const ids: number[] = []
  const { memory } = await land(async batch => {
    ids.push(...rowIds(batch))
    batch.raw.release()
  })
  expect(ids).toEqual([...run(1), ...run(41), ...run(81)])
  expect(memory.detached).toBe(true)
})

test('it stays where one of them is refused', async () => {
  const { told, memory } = await land(async batch => {
    if (rowIds(batch)[0] === 41) throw new RetryableError('full')
    batch.raw.release()
  })
  expect(told.toSorted()).toEqual(['retryable', 'taken', 'taken'])
  expect(memory.detached).toBe(false)
})
