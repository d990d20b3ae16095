/** A destination that fails for ten minutes, in every way that one can: what is held, what is lost, and how soon all is well again. */
import { afterEach, describe, expect, test } from 'vitest'
import { sleep } from '../../src/lib/clock.ts'
import { settled, type VirtualClock } from '../kit/clock.ts'
import { type Bench, batchOf, bench, delivered, later, lost, type Reply, run } from './sending-kit.ts'

const MINUTES = 60_000
/** [ms] of the outage */
const outage = 10 * MINUTES
/** [ms] the longest back-off: max_interval of 30 s, and half of it of chance */
const longestBackOff = 45_000
/** [ms] until a request that is not answered is given up */
const timeout = 5_000
const rowsEach = 10

const benches: Bench[] = []
afterEach(async () => {
  for (const { sending } of benches.splice(0)) await sending.shutdown(AbortSignal.abort())
})
function open(options: Parameters<typeof bench>[0]): Bench {
  const made = bench(options)
  benches.push(made)
  return made
}

const hang =
  (clock: VirtualClock): Reply =>
  async (_ids, stop) => {
    await sleep(clock, timeout, stop)
    return lost
  }
const faults: readonly [name: string, reply: (clock: VirtualClock) => Reply, mostMs: number, resends: boolean][] = [
  ['answers 503', () => () => later, longestBackOff, false],
  ['answers 503 and asks for a minute', () => () => ({ ...later, retryAfterMs: MINUTES }), MINUTES, false],
  ['hangs', hang, timeout + longestBackOff, true],
  ['resets once it has the request', () => () => lost, longestBackOff, true],
  [
    'does one after the other',
    clock => {
      const all: Reply[] = [() => later, hang(clock), () => lost]
      let n = 0
      return (ids, stop) => all[n++ % all.length]!(ids, stop)
    },
    timeout + longestBackOff,
    true,
  ],
]

/** A batch every second for as long as the outage lasts, to one that fails and one that does not. */
async function suffer(b: Bench, sibling: Bench, each: (second: number) => void): Promise<void> {
  for (let second = 0; second < outage / 1000; second++) {
    const batch = batchOf(...run(second * rowsEach, rowsEach))
    batch.raw.retain()
    await b.sending.consume(batch).catch(() => {})
    await sibling.sending.consume(batch)
    await settled()
    // What the other does is nothing to it.
    expect(sibling.destination.delivered.length).toBe((second + 1) * rowsEach)
    await b.cx.clock.advance(1000)
    each(second)
  }
}

describe.each(faults)('a destination that %s for ten minutes', (_, fault, mostMs, resends) => {
  test('loses nothing that the queue has room for, sends each row once more, and is fed again within one back-off', async () => {
    const b = open({ retry: { max_elapsed_time: '0s' } })
    const sibling = open({})
    b.destination.reply = fault(b.cx.clock)
    await suffer(b, sibling, () => expect(b.imbalance()).toBe(0))
    expect(b.destination.delivered).toEqual([])
    expect(b.cx.account('metrics').held()).toBe((outage / 1000) * rowsEach)
    b.destination.reply = () => delivered
    await b.cx.clock.advance(mostMs)
    await settled()
    expect(b.cx.account('metrics').held()).toBe(0)
    expect(b.destination.delivered.toSorted((x, y) => x - y)).toEqual(run(0, (outage / 1000) * rowsEach))
    expect(b.dropped()).toEqual({})
    expect(b.imbalance()).toBe(0)
    expect(b.cx.budget.used).toBe(0)
    expect(b.cx.account('metrics').resent > 0).toBe(resends)
  })

  test('with a queue of a hundred batches holds a hundred from then on, and the senders keep the others', async () => {
    const b = open({ queue: { queue_size: 100 }, retry: { max_elapsed_time: '0s' } })
    const sibling = open({})
    b.destination.reply = fault(b.cx.clock)
    const used = new Set<number>()
    await suffer(b, sibling, second => {
      if (second >= 100) used.add(b.cx.budget.used)
    })
    expect([...used]).toEqual([100 * rowsEach * 4])
    b.destination.reply = () => delivered
    await b.cx.clock.advance(mostMs)
    await settled()
    expect(b.destination.delivered.toSorted((x, y) => x - y)).toEqual(run(0, 100 * rowsEach))
    expect(b.imbalance()).toBe(0)
    expect(b.cx.budget.used).toBe(0)
  })
})

test('what was tried for max_elapsed_time is dropped and counted, and the outage ends for all that is left', async () => {
  const b = open({})
  const sibling = open({})
  b.destination.reply = () => later
  await suffer(b, sibling, () => expect(b.imbalance()).toBe(0))
  b.destination.reply = () => delivered
  await b.cx.clock.advance(longestBackOff)
  await settled()
  const { retry_exhausted: exhausted, ...others } = b.dropped()
  expect(others).toEqual({})
  expect(exhausted).toBeGreaterThan(0)
  expect(b.destination.delivered.length + exhausted!).toBe((outage / 1000) * rowsEach)
  expect(b.cx.account('metrics').held()).toBe(0)
})

test('partial success for ten minutes: what is refused is dropped and counted, the rest is taken, and nothing is sent twice', async () => {
  const b = open({})
  const sibling = open({})
  b.destination.reply = ids => ({ is: 'delivered', rejected: Math.floor(ids.length / 10), message: 'a tenth of them' })
  await suffer(b, sibling, () => expect(b.imbalance()).toBe(0))
  const all = (outage / 1000) * rowsEach
  expect(b.destination.requests.flat().toSorted((x, y) => x - y)).toEqual(run(0, all))
  expect(b.dropped()).toEqual({ rejected: all / 10 })
  expect(b.cx.account('metrics')).toMatchObject({ accepted: all, taken: all - all / 10, resent: 0 })
})
