/** Several pipelines of one receiver, as the graph builds them: each has what it reserved, whoever else is there. */
import { expect, test } from 'vitest'
import { Budget } from '../../src/component/budget.ts'
import type { Consumer } from '../../src/component/component.ts'
import { Ledger } from '../../src/component/ledger.ts'
import { Queue, queueSettings } from '../../src/component/queue.ts'
import type { Room } from '../../src/component/room.ts'
import type { MetricBatch } from '../../src/model/batch.ts'
import { Raw } from '../../src/model/raw.ts'
import { createReader } from '../../src/otlp/reader.ts'
import { FanOut } from '../../src/pipeline/fanout.ts'
import { Batcher } from '../../src/processors/batch/batcher.ts'
import { settled, VirtualClock } from '../kit/clock.ts'
import { rowIds, rowsBody } from '../kit/rows.ts'

const reader = createReader()
const batchOf = (...ids: number[]) => reader.read('metrics', Raw.of(rowsBody('metrics', ids)))

/** A queue that nobody empties. `gate`: holds up a hand-over until it is opened. */
class End implements Consumer<'metrics'> {
  readonly queue: Queue
  readonly taken: number[] = []
  dropped = 0
  gate: Promise<void> = Promise.resolve()
  constructor(settings: object) {
    this.queue = new Queue(queueSettings().parse(settings), new Budget())
  }
  reserve(bytes: number, room: Room): void {
    this.queue.reserve(bytes, room)
  }
  async consume(batch: MetricBatch, room?: Room): Promise<void> {
    const claimed = room !== undefined && this.queue.claim(room)
    if (claimed || this.queue.fits(batch.raw.size)) {
      this.queue.push({ raw: batch.raw, rows: batch.rows })
      this.taken.push(...rowIds(batch))
    } else this.dropped += batch.rows
    await this.gate
  }
}

function setUp(heads: (branch: Consumer<'metrics'>) => Consumer<'metrics'>, ...ends: End[]) {
  const clock = new VirtualClock()
  const ledger = new Ledger()
  const wire = (to: string) => ledger.wire('in', to, 'metrics')
  const pipelines = ends.map(next => heads(new FanOut([{ wire: wire('leaf'), next, leaf: true }], clock, 5000)))
  const fanOut = new FanOut(
    pipelines.map(next => ({ wire: wire('pipeline'), next, leaf: false })),
    clock,
    5000,
  )
  return { clock, fanOut }
}
const batching = (next: Consumer<'metrics'>) =>
  new Batcher('metrics', reader, new Ledger().account('processor', 'batch', 'metrics'), next, 0)
/** Nothing is reserved any more: exactly so many bodies fit as are not held. */
function free({ queue }: End): number {
  let bodies = 0
  while (queue.fits(1)) {
    queue.push({ raw: Raw.of(new Uint8Array(1)), rows: 1 })
    bodies++
  }
  return bodies
}

test('two pipelines that share a queue have a place each', async () => {
  const end = new End({ queue_size: 3 })
  const slow = (next: Consumer<'metrics'>): Consumer<'metrics'> => ({
    reserve: (bytes, room) => next.reserve(bytes, room),
    // Comes to the queue only after the others of its turn, which take every place that is not reserved.
    consume: (batch, room) => settled().then(() => next.consume(batch, room)),
  })
  let first = true
  const { fanOut } = setUp(
    next => {
      const head = first ? next : slow(next)
      first = false
      return head
    },
    end,
    end,
  )
  const consumed = fanOut.consume(batchOf(1))
  expect(end.taken).toEqual([1])
  expect(free(end)).toBe(1)
  await consumed
  expect(end.taken).toEqual([1, 1])
  expect(end.dropped).toBe(0)
})

test('two who need two places of a queue that has one do not wake each other for ever', async () => {
  const end = new End({ queue_size: 3, block_on_overflow: true })
  const { reserve } = end
  let asked = 0
  end.reserve = (bytes, room) => {
    // Without an end no other test would ever run.
    if (++asked > 100) throw new Error('they do')
    reserve.call(end, bytes, room)
  }
  const { fanOut } = setUp(next => next, end, end)
  end.queue.push({ raw: Raw.of(new Uint8Array(1)), rows: 1 })
  end.queue.push({ raw: Raw.of(new Uint8Array(1)), rows: 1 })
  const consumed = [fanOut.consume(batchOf(1)), fanOut.consume(batchOf(2))]
  end.queue.wakeAll()
  await settled()
  expect(end.taken).toEqual([])
  end.queue.settle(2, 2, 2)
  await consumed[0]
  expect(end.taken).toEqual([1, 1])
  end.queue.settle(2, 2, 0)
  await consumed[1]
  expect(end.taken).toEqual([1, 1, 2, 2])
})

test('a merge in one pipeline takes nothing of what was reserved in another', async () => {
  const [one, two] = [new End({ queue_size: 10 }), new End({ queue_size: 10 })]
  const { fanOut } = setUp(batching, one, two)
  const held = Promise.withResolvers<void>()
  const later = Promise.withResolvers<void>()
  one.gate = held.promise
  two.gate = later.promise
  const all = [1, 2, 3].map(id => fanOut.consume(batchOf(id)))
  await settled()
  held.resolve()
  await settled()
  // The first pipeline has handed on the merged rest; the second still has its places for it.
  expect(one.taken).toEqual([1, 2, 3])
  expect(free(two)).toBe(10 - 1 - 2)
  const last = Promise.withResolvers<void>()
  two.gate = last.promise
  later.resolve()
  await settled()
  free(two)
  last.resolve()
  await Promise.all(all)
  expect([two.taken, two.dropped]).toEqual([[1, 2, 3], 0])
  expect(free(one)).toBe(10 - 2)
})
