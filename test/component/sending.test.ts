import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics'
import { afterEach, describe, expect, test } from 'vitest'
import type { Outcome } from '../../src/component/destination.ts'
import { PermanentError, RetryableError } from '../../src/component/errors.ts'
import { Room } from '../../src/component/room.ts'
import { settled } from '../kit/clock.ts'
import { seeded } from '../kit/context.ts'
import { type Bench, batchOf, bench, delivered, gate, later, lost, permanent, type Reply, rejected, run, tooLarge } from './sending-kit.ts'

const benches: Bench[] = []
function open(options?: Parameters<typeof bench>[0]): Bench {
  const made = bench(options)
  benches.push(made)
  return made
}
/** Hands over one batch and lets it go out, so that the line is busy with it. */
async function occupy({ sending }: Pick<Bench, 'sending'>, id: number): Promise<void> {
  await sending.consume(batchOf(id))
  await settled()
}
/** Whatever a test did, at its end nothing is held, no timer is armed, and the ledger balances. */
afterEach(async () => {
  for (const { sending, cx, imbalance } of benches.splice(0)) {
    await sending.shutdown(AbortSignal.abort())
    expect(imbalance()).toBe(0)
    expect(cx.account('metrics').held()).toBe(0)
    expect(cx.budget.used).toBe(0)
    expect(cx.clock.pending).toBe(0)
  }
})

describe('batching', () => {
  test('on a free line a batch leaves with this turn of the loop, and no time passes', async () => {
    const { sending, destination, cx } = open()
    await sending.consume(batchOf(1, 2))
    await settled()
    expect(destination.requests).toEqual([[1, 2]])
    await sending.consume(batchOf(3))
    await settled()
    expect(destination.requests).toEqual([[1, 2], [3]])
    expect(cx.clock.monotonic()).toBe(0)
  })

  /** One batch in each turn of the loop, as a busy connection brings them. */
  const trickle = ({ sending }: Bench, ids: number[]): Promise<void> =>
    new Promise(resolve => {
      const turn = (i: number) => {
        if (i === ids.length) return resolve()
        setImmediate(turn, i + 1)
        void sending.consume(batchOf(ids[i]!))
      }
      turn(0)
    })

  test.each([
    [10, [10]],
    [33, [33]],
  ])('on a free line what comes in turn after turn shares a request: %i batches', async (count, lengths) => {
    const b = open()
    await trickle(b, run(1, count))
    await settled()
    expect(b.destination.requests.map(ids => ids.length)).toEqual(lengths)
    expect(b.destination.delivered).toEqual(run(1, count))
    expect(b.cx.clock.monotonic()).toBe(0)
  })

  test('after a load of many batches a free line waits a few milliseconds for a full load', async () => {
    const b = open()
    await trickle(b, run(1, 100))
    await settled()
    expect(b.destination.requests.map(ids => ids.length)).toEqual([33])
    await b.cx.clock.advance(4)
    await settled()
    expect(b.destination.requests.length).toBe(1)
    await b.cx.clock.advance(1)
    await settled()
    expect(b.destination.requests.map(ids => ids.length)).toEqual([33, 67])
    // A full one waits for nothing.
    await b.sending.consume(batchOf(...run(101, 8192)))
    await settled()
    expect(b.destination.requests.map(ids => ids.length)).toEqual([33, 67, 8192])
    // That was one batch: the line is not busy any more.
    await b.sending.consume(batchOf(1))
    await settled()
    expect(b.destination.requests.map(ids => ids.length)).toEqual([33, 67, 8192, 1])
  })

  test('but no longer than flush_timeout', async () => {
    const b = open({ queue: { batch: { flush_timeout: '2ms' } } })
    await trickle(b, run(1, 40))
    await settled()
    expect(b.destination.requests.map(ids => ids.length)).toEqual([33])
    await b.cx.clock.advance(2)
    await settled()
    expect(b.destination.requests.map(ids => ids.length)).toEqual([33, 7])
  })

  test('a busy line that is told to stop sends what it waits with', async () => {
    const b = open()
    await trickle(b, run(1, 40))
    await settled()
    expect(b.cx.account('metrics').held()).toBe(7)
    await b.sending.shutdown(new AbortController().signal)
    expect(b.destination.delivered).toEqual(run(1, 40))
  })

  test('while a request is under way what comes is put together, and leaves when it is over', async () => {
    const line = gate()
    const { sending, destination } = open({ reply: line.reply })
    await occupy({ sending }, 1)
    for (const id of run(2, 99)) await sending.consume(batchOf(id))
    expect(destination.requests).toEqual([[1]])
    line.open()
    await settled()
    expect(destination.requests).toEqual([[1], run(2, 99)])
  })

  test('what waits longer than flush_timeout goes out beside the request under way', async () => {
    const line = gate()
    const { sending, destination, cx } = open({ reply: line.reply })
    await occupy({ sending }, 1)
    for (const id of [2, 3]) await sending.consume(batchOf(id))
    await cx.clock.advance(199)
    expect(destination.requests).toEqual([[1]])
    await cx.clock.advance(1)
    expect(destination.requests).toEqual([[1], [2, 3]])
  })

  test('a full load does not wait for the line', async () => {
    const line = gate()
    const { sending, destination } = open({ reply: line.reply, queue: { batch: { max_size: 4 } } })
    await occupy({ sending }, 1)
    for (const id of run(2, 9)) await sending.consume(batchOf(id))
    expect(destination.requests).toEqual([[1], [2, 3, 4, 5], [6, 7, 8, 9]])
  })

  test('what a full load leaves behind on a free line is not forgotten', async () => {
    const line = gate()
    const { sending, destination, cx } = open({ reply: line.reply, queue: { batch: { max_size: 4 } } })
    for (const id of run(1, 5)) await sending.consume(batchOf(id))
    await cx.clock.advance(200)
    expect(destination.requests).toEqual([[1, 2, 3, 4], [5]])
  })

  test('min_size is what a second request needs', async () => {
    const line = gate()
    const { sending, destination } = open({ reply: line.reply, queue: { batch: { min_size: 2 } } })
    await occupy({ sending }, 1)
    for (const id of run(2, 4)) await sending.consume(batchOf(id))
    expect(destination.requests).toEqual([[1], [2, 3], [4, 5]])
  })

  test('no more than num_consumers requests are under way', async () => {
    const line = gate()
    const { sending, destination, cx } = open({ reply: line.reply, queue: { num_consumers: 3, batch: { max_size: 1 } } })
    for (const id of run(1, 10)) await sending.consume(batchOf(id))
    await cx.clock.advance(10_000)
    expect(destination.requests.length).toBe(3)
    line.open()
    await settled()
    expect(destination.requests.length).toBe(6)
  })

  test('requests end at max_bytes, and one batch is never cut', async () => {
    const line = gate()
    const { sending, destination } = open({ reply: line.reply, queue: { batch: { max_bytes: 16 } } })
    await occupy({ sending }, 1)
    for (const ids of [[2, 3], [4, 5], [6], run(10, 9)]) await sending.consume(batchOf(...ids))
    await settled()
    line.open()
    await settled()
    line.open()
    await settled()
    expect(destination.requests).toEqual([[1], [2, 3, 4, 5], [6], run(10, 9)])
  })

  test('by bytes as by rows', async () => {
    const line = gate()
    const { sending, destination } = open({ reply: line.reply, queue: { batch: { sizer: 'bytes', max_size: 8 } } })
    await occupy({ sending }, 1)
    for (const id of run(2, 4)) await sending.consume(batchOf(id))
    expect(destination.requests).toEqual([[1], [2, 3], [4, 5]])
  })

  test('what is empty is not sent', async () => {
    const { sending, destination } = open()
    await sending.consume(batchOf())
    expect(destination.requests).toEqual([])
  })
})

describe('bounds', () => {
  /** Offers batches of `rows` until one is refused. */
  async function fill(b: Bench, rows: number): Promise<number> {
    let taken = 0
    for (let id = 1; id < 5000; id += rows) {
      const refused = await b.sending.consume(batchOf(...run(id, rows))).catch((error: unknown) => error)
      if (refused !== undefined) {
        expect(refused).toBeInstanceOf(RetryableError)
        return taken
      }
      taken += rows
    }
    return taken
  }

  test.each([
    ['requests', { queue_size: 7 }, 3, 21],
    ['items', { queue_size: 7, sizer: 'items' }, 3, 9],
    ['bytes', { queue_size: 28, sizer: 'bytes' }, 3, 6],
    ['max_bytes', { queue_size: 1000, max_bytes: 60 }, 3, 15],
    ['an empty queue takes any one batch', { max_bytes: 4 }, 100, 100],
  ])('a stuck destination takes exactly what is documented: %s', async (_name, queue, rows, expected) => {
    const b = open({ reply: gate().reply, queue })
    expect(await fill(b, rows)).toBe(expected)
    await b.cx.clock.advance(1000)
    expect(b.cx.account('metrics').held()).toBe(expected)
    expect(b.cx.budget.used).toBe(expected * 4)
    expect(b.imbalance()).toBe(0)
  })

  test('what is reserved is full for others, until it is released', () => {
    const { sending } = open({ queue: { queue_size: 1 } })
    const first = new Room()
    sending.reserve(8, first)
    expect(first.mustWait).toBe(false)
    const second = new Room()
    sending.reserve(8, second)
    expect(second.mustWait).toBe(true)
    first.release()
    const third = new Room()
    sending.reserve(8, third)
    expect(third.mustWait).toBe(false)
    third.release()
  })

  test('rooms that were merged give back every reservation', async () => {
    const { sending } = open({ queue: { queue_size: 2 }, reply: gate().reply })
    const [one, two] = [new Room(), new Room()]
    sending.reserve(4, one)
    sending.reserve(4, two)
    one.merge(two)
    await sending.consume(batchOf(1, 2), one)
    const next = new Room()
    sending.reserve(4, next)
    expect(next.mustWait).toBe(false)
    next.release()
  })

  test('whoever waits for room is woken when a request is over', async () => {
    const line = gate()
    const { sending } = open({ queue: { queue_size: 1 }, reply: line.reply })
    await sending.consume(batchOf(1))
    const room = new Room()
    sending.reserve(4, room)
    let woken = false
    void room.freed(new AbortController().signal).then(() => {
      woken = true
    })
    await settled()
    expect(woken).toBe(false)
    line.open()
    await settled()
    expect(woken).toBe(true)
  })

  test('whoever waits for room is woken when what was reserved is not needed', async () => {
    const { sending } = open({ queue: { queue_size: 1 } })
    const [empty, waiting] = [new Room(), new Room()]
    sending.reserve(0, empty)
    sending.reserve(4, waiting)
    expect(waiting.mustWait).toBe(true)
    let woken = false
    void waiting.freed(new AbortController().signal).then(() => {
      woken = true
    })
    await sending.consume(batchOf(), empty)
    empty.release()
    await settled()
    expect(woken).toBe(true)
  })

  test('whoever waits for room stops waiting when told to', async () => {
    const { sending } = open({ queue: { queue_size: 1 }, reply: gate().reply })
    await sending.consume(batchOf(1))
    const room = new Room()
    sending.reserve(4, room)
    const patience = new AbortController()
    const waited = room.freed(patience.signal)
    patience.abort()
    await waited
  })

  test('block_on_overflow makes the sender wait', async () => {
    const blocks = async (block_on_overflow: boolean) => {
      const { sending } = open({ queue: { queue_size: 1, block_on_overflow }, reply: gate().reply })
      await sending.consume(batchOf(1))
      const room = new Room()
      room.admit({ release() {}, freed: () => Promise.resolve() }, 4)
      sending.reserve(4, room)
      return room.mustWait
    }
    expect(await blocks(true)).toBe(true)
    expect(await blocks(false)).toBe(false)
  })

  test('with a room that has nothing here, a full queue drops and counts', async () => {
    const { sending, dropped, cx } = open({ queue: { queue_size: 1 }, reply: gate().reply })
    await sending.consume(batchOf(1))
    await sending.consume(batchOf(2, 3), new Room())
    expect(dropped()).toEqual({ queue_full: 2 })
    expect(cx.account('metrics').accepted).toBe(3)
  })
})

describe('retry', () => {
  test('what shall come back later than its patience lasts is dropped, and what waits behind it is not sent before', async () => {
    const { sending, destination, dropped, cx } = open({
      queue: { num_consumers: 1 },
      reply: () => ({ ...later, retryAfterMs: 600_000 }),
    })
    await occupy({ sending }, 1)
    expect(dropped()).toEqual({ retry_exhausted: 1 })
    await sending.consume(batchOf(2))
    await cx.clock.advance(599_000)
    expect(destination.requests).toEqual([[1]])
    destination.reply = () => delivered
    await cx.clock.advance(1_000)
    expect(destination.delivered).toEqual([2])
  })

  test('what fails for the moment is sent again as it was, after the wait', async () => {
    let failures = 2
    const { sending, destination, cx, dropped } = open({ reply: () => (failures-- > 0 ? later : delivered) })
    await sending.consume(batchOf(1, 2))
    await cx.clock.advance(2000)
    expect(destination.requests.length).toBe(1)
    await cx.clock.advance(60_000)
    expect(destination.requests).toEqual([
      [1, 2],
      [1, 2],
      [1, 2],
    ])
    expect(dropped()).toEqual({})
    expect(cx.account('metrics').taken).toBe(2)
    expect(cx.account('metrics').resent).toBe(0)
  })

  test('no sooner than the destination asks, and nothing else is sent meanwhile', async () => {
    let first = true
    const reply = (): Outcome => {
      if (!first) return delivered
      first = false
      return { is: 'retryable', why: 'HTTP 429', retryAfterMs: 20_000, lost: false, stale: false }
    }
    const { sending, destination, cx } = open({ reply })
    await sending.consume(batchOf(1))
    await settled()
    await sending.consume(batchOf(2))
    await cx.clock.advance(19_999)
    expect(destination.requests).toEqual([[1]])
    await cx.clock.advance(300)
    expect([...destination.delivered].sort()).toEqual([1, 2])
  })

  test('is given up after max_elapsed_time', async () => {
    const { sending, cx, dropped } = open({ reply: () => later })
    await sending.consume(batchOf(1, 2, 3))
    await cx.clock.advance(200_000)
    expect(dropped()).toEqual({})
    await cx.clock.advance(100_000)
    expect(dropped()).toEqual({ retry_exhausted: 3 })
  })

  test('with 0 it is never given up', async () => {
    const { sending, cx, dropped } = open({ reply: () => later, retry: { max_elapsed_time: '0' } })
    await sending.consume(batchOf(1))
    await cx.clock.advance(86_400_000)
    expect(dropped()).toEqual({})
  })

  test('switched off, the rows are dropped', async () => {
    const { sending, dropped } = open({ reply: () => later, retry: { enabled: false } })
    await sending.consume(batchOf(1))
    await settled()
    expect(dropped()).toEqual({ retry_exhausted: 1 })
  })

  test('a lost answer is sent again and counted', async () => {
    let first = true
    const reply = () => {
      const outcome = first ? lost : delivered
      first = false
      return outcome
    }
    const { sending, destination, cx } = open({ reply })
    await sending.consume(batchOf(1, 2))
    await cx.clock.advance(10_000)
    expect(destination.requests.length).toBe(2)
    expect(cx.account('metrics').resent).toBe(2)
    expect(cx.account('metrics').taken).toBe(2)
  })

  test('a kept connection that was closed costs no wait and no line in the log', async () => {
    let first = true
    const reply = (): Outcome => {
      if (!first) return delivered
      first = false
      return { is: 'retryable', why: 'read ECONNRESET', retryAfterMs: 0, lost: true, stale: true }
    }
    const { sending, destination, cx } = open({ reply })
    await sending.consume(batchOf(1))
    await settled()
    expect(destination.delivered).toEqual([1])
    expect(cx.lines).toEqual([])
  })
})

describe('refusals', () => {
  test('what is refused is halved until the culprit is alone; the rest is delivered', async () => {
    const line = gate()
    const b = open({ reply: line.reply })
    await occupy(b, 1)
    for (let id = 10; id < 110; id += 5) await b.sending.consume(batchOf(...run(id, 5)))
    b.destination.reply = ids => (ids.includes(77) ? rejected : delivered)
    line.open()
    await settled(50)
    expect(b.dropped()).toEqual({ rejected: 1 })
    expect(b.destination.delivered.toSorted((a, c) => a - c)).toEqual([1, ...run(10, 100).filter(id => id !== 77)])
    expect(b.imbalance()).toBe(0)
  })

  test('what is too large is halved until it fits, and later requests begin smaller', async () => {
    const line = gate()
    const b = open({ reply: line.reply, queue: { batch: { max_size: 0 } } })
    await occupy(b, 1)
    await b.sending.consume(batchOf(...run(10, 50_000)))
    b.destination.reply = ids => (ids.length > 20_000 ? tooLarge : delivered)
    line.open()
    await settled(20)
    expect(b.destination.requests.slice(1).map(ids => ids.length)).toEqual([50_000, 25_000, 12_500, 12_500, 25_000, 12_500, 12_500])
    expect(b.dropped()).toEqual({})
    b.destination.reply = line.reply
    for (let id = 0; id < 40; id++) await b.sending.consume(batchOf(...run(100_000 + id * 1000, 1000)))
    line.open()
    await settled()
    expect(Math.max(...b.destination.requests.slice(8).map(ids => ids.length))).toBe(16_000)
    line.open()
  })

  test('one row that is too large is dropped', async () => {
    const { sending, dropped } = open({ reply: () => tooLarge })
    await sending.consume(batchOf(1, 2))
    await settled(20)
    expect(dropped()).toEqual({ too_large: 2 })
  })

  test('who takes nothing is not asked row by row', async () => {
    const { sending, destination, dropped } = open({ reply: () => rejected })
    await sending.consume(batchOf(...run(1, 8000)))
    await settled(200)
    expect(dropped()).toEqual({ rejected: 8000 })
    expect(destination.requests.length).toBeLessThan(60)
  })

  test('what only a person can mend is dropped whole', async () => {
    const { sending, destination, dropped, cx } = open({ reply: () => permanent })
    await sending.consume(batchOf(1, 2, 3))
    await settled()
    expect(destination.requests.length).toBe(1)
    expect(dropped()).toEqual({ permanent: 3 })
    expect(cx.lines).toEqual([{ level: 'error', message: 'rows were dropped', fields: { why: 'HTTP 401', rows: 3, reason: 'permanent' } }])
  })

  test('what a partial success leaves out is dropped and never sent again', async () => {
    const { sending, destination, dropped, cx } = open({ reply: () => ({ is: 'delivered', rejected: 2, message: 'too old' }) })
    await sending.consume(batchOf(1, 2, 3))
    await cx.clock.advance(600_000)
    expect(destination.requests.length).toBe(1)
    expect(dropped()).toEqual({ rejected: 2 })
    expect(cx.account('metrics').taken).toBe(1)
  })

  test.each([
    [99, { rejected: 3 }],
    [-5, {}],
    [Number.POSITIVE_INFINITY, { rejected: 3 }],
  ])('a destination that says it refused %d of 3 does not break the account', async (count, expected) => {
    const { sending, dropped } = open({ reply: () => ({ is: 'delivered', rejected: count, message: '' }) })
    await sending.consume(batchOf(1, 2, 3))
    await settled()
    expect(dropped()).toEqual(expected)
  })
})

describe('bytes', () => {
  const isFreed = ({ raw }: ReturnType<typeof batchOf>) => {
    try {
      return raw.bytes().length === 0
    } catch {
      return true
    }
  }

  test.each<[string, { reply?: Reply; letsGo?: boolean; queue?: object; retry?: object }, boolean[]]>([
    ['go when they were delivered', {}, [true, true]],
    ['go when they were dropped', { reply: () => permanent }, [true, true]],
    ['go when a later attempt delivers them', { reply: onceThen(later) }, [true, true]],
    ['stay where something may still read them', { letsGo: false }, [false, false]],
    [
      'stay when their request was cut in halves, of which they are parts',
      { reply: ids => (ids.length > 1 ? rejected : delivered) },
      [false, false],
    ],
    ['go when a sender who waits hears yes', { queue: { wait_for_result: true } }, [true, true]],
    [
      'stay for a sender who waits and may come again',
      { queue: { wait_for_result: true }, retry: { enabled: false }, reply: ids => (ids.includes(3) ? later : delivered) },
      [true, false],
    ],
    [
      'stay for a sender who waits and hears no',
      { queue: { wait_for_result: true }, reply: ids => (ids.includes(3) ? permanent : delivered) },
      [true, false],
    ],
  ])('%s', async (_, { letsGo = true, ...options }, freed) => {
    const { sending, destination, cx } = open(options)
    destination.letsGo = letsGo
    const batches = [batchOf(1, 2), batchOf(3)]
    const taken = batches.map(batch => sending.consume(batch).catch(() => {}))
    await settled()
    await cx.clock.advance(60_000)
    await settled()
    await Promise.all(taken)
    expect(batches.map(isFreed)).toEqual(freed)
  })

  test('go when there was no room for them', async () => {
    const { sending, dropped } = open({ queue: { queue_size: 1 }, reply: gate().reply })
    const batches = [batchOf(1, 2), batchOf(3)]
    for (const batch of batches) await sending.consume(batch, new Room())
    expect(dropped()).toEqual({ queue_full: 1 })
    expect(batches.map(isFreed)).toEqual([false, true])
  })

  test('are whole in every attempt, until the last', async () => {
    const { sending, destination, cx } = open({ reply: onceThen(lost) })
    await sending.consume(batchOf(1, 2))
    await sending.consume(batchOf(3))
    await settled()
    await cx.clock.advance(60_000)
    await settled()
    expect(destination.requests).toEqual([
      [1, 2, 3],
      [1, 2, 3],
    ])
  })
})

/** This outcome first, then yes. */
function onceThen(first: Outcome): Reply {
  let asked = 0
  return () => (asked++ === 0 ? first : delivered)
}

describe('senders that wait for the outcome', () => {
  const queue = { enabled: false }
  test('are answered when it has been delivered', async () => {
    const line = gate()
    const { sending, cx } = open({ queue, reply: line.reply })
    let answered = false
    const done = sending.consume(batchOf(1, 2)).then(() => {
      answered = true
    })
    await settled()
    expect(answered).toBe(false)
    expect(cx.account('metrics').accepted).toBe(0)
    line.open()
    await done
    expect(cx.account('metrics').taken).toBe(2)
  })
  test('keep what could not be sent', async () => {
    const { sending, cx } = open({ queue, reply: () => later, retry: { enabled: false } })
    await expect(sending.consume(batchOf(1))).rejects.toThrow(RetryableError)
    expect(cx.account('metrics').accepted).toBe(0)
  })
  test('keep what was refused', async () => {
    const { sending } = open({ queue, reply: () => rejected })
    await expect(sending.consume(batchOf(1, 2))).rejects.toThrow(PermanentError)
  })
  test('are told yes when a part was refused, and that part is counted', async () => {
    const { sending, dropped } = open({ queue, reply: ids => (ids.includes(2) ? rejected : delivered) })
    await sending.consume(batchOf(1, 2, 3))
    expect(dropped()).toEqual({ rejected: 1 })
  })
  test('are told at shutdown', async () => {
    const { sending } = open({ queue: { wait_for_result: true, num_consumers: 1 }, reply: gate().reply })
    const answers = Promise.allSettled([sending.consume(batchOf(1)), sending.consume(batchOf(2))])
    await settled()
    await sending.shutdown(AbortSignal.abort())
    expect((await answers).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  })
})

describe('shutdown', () => {
  test('what waits to be sent again is tried at once: the destination may be back', async () => {
    const { sending, destination, cx } = open({ reply: () => later })
    await occupy({ sending }, 1)
    destination.reply = () => delivered
    await sending.shutdown(new AbortController().signal)
    expect(destination.delivered).toEqual([1])
    expect(cx.clock.monotonic()).toBe(0)
  })

  test('but no more often than once, and not before the time that the destination asked for', async () => {
    const { sending, destination, cx } = open({ reply: () => later })
    await occupy({ sending }, 1)
    const busy = open({ reply: () => ({ ...later, retryAfterMs: 7000 }) })
    await occupy(busy, 2)
    const patience = new AbortController()
    const ended = [sending.shutdown(patience.signal), busy.sending.shutdown(patience.signal)]
    await settled()
    expect(destination.requests).toEqual([[1], [1]])
    expect(busy.destination.requests).toEqual([[2]])
    await cx.clock.advance(100)
    expect(destination.requests).toEqual([[1], [1]])
    patience.abort()
    await Promise.all(ended)
  })

  test('sends what is held, then closes', async () => {
    const line = gate()
    const { sending, destination } = open({ reply: line.reply })
    await occupy({ sending }, 1)
    for (const id of run(2, 49)) await sending.consume(batchOf(id))
    const down = sending.shutdown(new AbortController().signal)
    await settled()
    expect(destination.closed).toBe(0)
    line.open()
    await settled()
    line.open()
    await down
    expect(destination.delivered.toSorted((a, b) => a - b)).toEqual(run(1, 50))
    expect(destination.closed).toBe(1)
  })

  test('drops and says what it could not send in time', async () => {
    const { sending, dropped, cx } = open({ reply: gate().reply })
    for (const id of run(1, 50)) await sending.consume(batchOf(id))
    const deadline = new AbortController()
    const down = sending.shutdown(deadline.signal)
    await cx.clock.advance(10_000)
    deadline.abort()
    await down
    expect(dropped()).toEqual({ shutdown: 50 })
    expect(cx.lines.filter(({ level }) => level === 'error').map(({ fields }) => fields)).toEqual([{ rows: 50, reason: 'shutdown' }])
  })

  test('ends the wait for another try', async () => {
    const { sending, dropped, cx } = open({ reply: () => later })
    await sending.consume(batchOf(1))
    await settled()
    const deadline = new AbortController()
    const down = sending.shutdown(deadline.signal)
    deadline.abort()
    await down
    expect(dropped()).toEqual({ shutdown: 1 })
    expect(cx.clock.pending).toBe(0)
  })

  test('takes no more', async () => {
    const { sending } = open()
    await sending.shutdown(AbortSignal.abort())
    await expect(sending.consume(batchOf(1))).rejects.toThrow(RetryableError)
    const room = new Room()
    sending.reserve(4, room)
    expect(room.mustWait).toBe(true)
  })
})

describe('own metrics', () => {
  test('say what is held, what is under way, and how large requests are', async () => {
    const reader = new InMemoryReader()
    const provider = new MeterProvider({ readers: [reader] })
    const line = gate()
    const { sending } = open({ reply: line.reply, meter: provider.getMeter('test') })
    await sending.start()
    await occupy({ sending }, 1)
    await sending.consume(batchOf(2, 3))
    expect(await reader.values()).toMatchObject({
      otelcol_exporter_queue_size: 2,
      otelcol_exporter_queue_capacity: 10_000,
      otelcol_exporter_in_flight_requests: 1,
      otelcol_exporter_queue_batch_send_size: { count: 1, sum: 1 },
      otelcol_exporter_queue_batch_send_size_bytes: { count: 1, sum: 4 },
    })
    line.open()
    await settled()
    line.open()
    await settled()
    expect(await reader.values()).toMatchObject({
      otelcol_exporter_queue_size: 0,
      otelcol_exporter_in_flight_requests: 0,
      otelcol_exporter_queue_batch_send_size: { count: 2, sum: 3 },
    })
    await provider.shutdown()
  })
})

class InMemoryReader extends MetricReader {
  protected async onShutdown() {}
  protected async onForceFlush() {}
  async values(): Promise<Record<string, unknown>> {
    const { resourceMetrics } = await this.collect()
    const metrics = resourceMetrics.scopeMetrics.flatMap(scope => scope.metrics)
    return Object.fromEntries(metrics.flatMap(m => m.dataPoints.map(point => [m.descriptor.name, point.value])))
  }
}

describe('the log', () => {
  test('says that the queue is full', async () => {
    const { sending, cx } = open({ queue: { queue_size: 1 }, reply: gate().reply })
    await sending.consume(batchOf(1))
    for (const _ of [1, 2, 3]) sending.reserve(4, new Room())
    expect(cx.lines).toEqual([
      { level: 'warn', message: 'no room: batches are dropped, or wait', fields: { why: 'the queue is full', requests: 1, rows: 1 } },
    ])
  })

  test('says the first failure, then how many more, then that it is over', async () => {
    let fail = true
    const { sending, cx } = open({ reply: () => (fail ? later : delivered), retry: { randomization_factor: 0 } })
    await sending.consume(batchOf(1))
    await cx.clock.advance(60_000)
    fail = false
    await cx.clock.advance(60_000)
    expect(cx.lines).toEqual([
      { level: 'warn', message: 'sending failed, will try again', fields: { why: 'HTTP 503', rows: 1, retryAfterMs: 5000 } },
      {
        level: 'warn',
        message: 'sending failed, will try again',
        fields: { why: 'HTTP 503', rows: 1, retryAfterMs: 25313, suppressed: 3 },
      },
      { level: 'info', message: 'sending works again', fields: { after: '1m6s', failures: 5 } },
    ])
  })

  test('a different error is said at once', async () => {
    const answers: Outcome[] = [later, lost, delivered]
    const { sending, cx } = open({ reply: () => answers.shift() ?? delivered })
    await sending.consume(batchOf(1))
    await cx.clock.advance(60_000)
    expect(cx.lines.map(({ fields }) => fields['why'])).toEqual(['HTTP 503', 'no answer within 5s', undefined])
  })
})

test.each(run(1, 40))('nothing is lost or doubled under random answers (seed %d)', async seed => {
  const random = seeded(seed)
  const mood = seed % 4
  const poison = new Set<number>()
  const doubled = new Map<number, number>()
  const reply = async (ids: number[]): Promise<Outcome> => {
    const dice = random()
    for (let turns = random() * 4; turns > 1; turns--) await settled(1)
    if (ids.some(id => poison.has(id))) return rejected
    if (ids.length > 40 && mood !== 3) return tooLarge
    if (dice < 0.2) return later
    if (dice < 0.3) {
      for (const id of ids) doubled.set(id, (doubled.get(id) ?? 0) + 1)
      return lost
    }
    if (dice < 0.35) return { is: 'delivered', rejected: Math.floor(random() * (ids.length + 1)), message: 'some' }
    return delivered
  }
  const b = open({ reply, seed, queue: { queue_size: 20, num_consumers: 1 + (seed % 5), batch: { max_size: 64 } } })
  let next = 1
  let accepted = 0
  for (let step = 0; step < 120; step++) {
    const ids = run(next, 1 + Math.floor(random() * 8))
    if (random() < 0.05) poison.add(ids[0]!)
    next += ids.length
    const room = new Room()
    if (random() < 0.5) b.sending.reserve(ids.length * 4, room)
    const refused = await (room.mustWait || random() < 0.5
      ? b.sending.consume(batchOf(...ids))
      : b.sending.consume(batchOf(...ids), room)
    ).then(
      () => false,
      () => true,
    )
    if (!refused) accepted += ids.length
    room.release()
    expect(b.imbalance()).toBe(0)
    if (random() < 0.3) await b.cx.clock.advance(random() * 4000)
    expect(b.imbalance()).toBe(0)
    expect(b.cx.account('metrics').held()).toBeGreaterThanOrEqual(0)
  }
  let over = false
  void b.sending.shutdown(new AbortController().signal).then(() => {
    over = true
  })
  while (!over) await b.cx.clock.advance(1000)
  const account = b.cx.account('metrics')
  expect(account.accepted).toBe(accepted)
  expect(account.taken + account.droppedTotal).toBe(accepted)
  const seen = new Map<number, number>()
  for (const id of b.destination.delivered) seen.set(id, (seen.get(id) ?? 0) + 1)
  expect([...seen.values()].every(times => times === 1)).toBe(true)
  expect([...poison].some(id => seen.has(id))).toBe(false)
})
