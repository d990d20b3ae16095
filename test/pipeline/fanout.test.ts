import { describe, expect, test } from 'vitest'
import { PermanentError, RetryableError } from '../../src/component/errors.ts'
import { Ledger } from '../../src/component/ledger.ts'
import { Raw } from '../../src/model/raw.ts'
import { createReader } from '../../src/otlp/reader.ts'
import { FanOut } from '../../src/pipeline/fanout.ts'
import { settled, VirtualClock } from '../kit/clock.ts'
import { seeded } from '../kit/context.ts'
import { type Answer, atRandom, Downstream } from '../kit/faults.ts'
import { rowsBody } from '../kit/rows.ts'

const reader = createReader()
const batchOf = (...ids: number[]) => reader.read('metrics', Raw.of(rowsBody('metrics', ids)))

function setUp(...plans: (Answer | (() => Answer))[]) {
  const clock = new VirtualClock()
  const ledger = new Ledger()
  const ends = plans.map(plan => new Downstream<'metrics'>(clock, typeof plan === 'string' ? () => plan : plan))
  const branches = ends.map((next, i) => ({ wire: ledger.wire('in', `out/${i}`, 'metrics'), next, leaf: true }))
  return { clock, ledger, ends, fanOut: new FanOut(branches, clock, 5000) }
}
const outcome = (promise: Promise<void>) =>
  promise.then(
    () => 'taken',
    (error: Error) => error.name,
  )

describe('one hand-over', () => {
  test.each<[string, Answer[], string, number[][], Record<string, number>[]]>([
    [
      'all take it',
      ['yes', 'yes'],
      'taken',
      [
        [1, 2],
        [1, 2],
      ],
      [{}, {}],
    ],
    ['a full branch drops, counted, and the sibling has it', ['full', 'yes'], 'taken', [[], [1, 2]], [{ queue_full: 2 }, {}]],
    ['later from one makes the batch come again', ['later', 'yes'], 'RetryableError', [[], [1, 2]], [{}, {}]],
    ['never from one costs only its own rows', ['never', 'yes'], 'taken', [[], [1, 2]], [{ rejected: 2 }, {}]],
    ['never from all is never', ['never', 'never'], 'PermanentError', [[], []], [{}, {}]],
    ['never from the only one is never', ['never'], 'PermanentError', [[]], [{}]],
    ['later from the only one is later', ['later'], 'RetryableError', [[]], [{}]],
    ['later beside never is later', ['never', 'later'], 'RetryableError', [[], []], [{}, {}]],
  ])('%s', async (_, plan, expected, taken, dropped) => {
    const { ends, fanOut, ledger } = setUp(...plan)
    expect(await outcome(fanOut.consume(batchOf(1, 2)))).toBe(expected)
    expect(ends.map(end => end.taken)).toEqual(taken)
    expect(ledger.wires.map(wire => Object.fromEntries(wire.dropped))).toEqual(dropped)
    expect(ledger.imbalance).toBe(0)
    expect(ends.map(end => end.reserved)).toEqual(plan.map(() => 0))
  })

  test.each<[string, Answer[], number]>([
    ['one branch', ['yes'], 1],
    ['three branches', ['yes', 'yes', 'yes'], 3],
    ['a branch that is full lets go at once', ['full', 'yes'], 1],
  ])('every branch holds the bytes: %s', async (_, plan, holders) => {
    const { fanOut } = setUp(...plan)
    const raw = Raw.owning([Uint8Array.from(rowsBody('metrics', [1]))])
    await fanOut.consume(reader.read('metrics', raw))
    for (let i = 1; i < holders; i++) raw.release()
    expect(raw.bytes().length).toBeGreaterThan(0)
    raw.release()
    expect(() => raw.bytes()).toThrow('freed')
  })

  test('does not resolve before every branch holds the rows', async () => {
    const { clock, fanOut } = setUp('yes', 'slow')
    let done = false
    const consumed = fanOut.consume(batchOf(1)).then(() => {
      done = true
    })
    await clock.advance(999)
    expect(done).toBe(false)
    await clock.advance(1)
    await consumed
    expect(done).toBe(true)
  })
})

test('a component that throws instead of rejecting costs no room', async () => {
  const { ends, fanOut, ledger } = setUp('yes', 'yes')
  ends[0]!.consume = () => {
    throw new Error('broken')
  }
  await expect(fanOut.consume(batchOf(1))).rejects.toThrow('broken')
  expect(ends.map(end => end.reserved)).toEqual([0, 0])
  expect(ledger.imbalance).toBe(0)
})

describe('when all are full', () => {
  test('who has found room waits nowhere any more', async () => {
    const { ends, fanOut } = setUp('full', 'full')
    let waiting = 0
    ends[1]!.freed = signal => {
      waiting++
      return new Promise(resolve =>
        signal.addEventListener('abort', () => {
          waiting--
          resolve()
        }),
      )
    }
    const consumed = fanOut.consume(batchOf(1))
    await settled()
    expect(waiting).toBe(1)
    ends[0]!.plan = () => 'yes'
    await consumed
    expect(waiting).toBe(0)
  })

  test('waits holding nothing, and goes on when there is room', async () => {
    const { clock, ends, fanOut } = setUp('full', 'full')
    const consumed = fanOut.consume(batchOf(1))
    await clock.advance(1000)
    expect(ends.map(end => end.reserved)).toEqual([0, 0])
    ends[0]!.plan = () => 'yes'
    await consumed
    expect(ends.map(end => end.taken)).toEqual([[1], []])
    expect(clock.pending).toBe(0)
  })

  test('gives up after the time it has, and says when to come again', async () => {
    const { clock, fanOut, ledger } = setUp('full')
    const consumed = fanOut.consume(batchOf(1)).catch((error: unknown) => error)
    await clock.advance(5000)
    const error = await consumed
    expect(error).toBeInstanceOf(RetryableError)
    expect((error as RetryableError).retryAfterMs).toBe(5000)
    expect(ledger.wires[0]!.offered).toBe(0)
    expect(clock.pending).toBe(0)
  })
})

test('nothing vanishes under any mix of answers', async () => {
  const random = seeded(7)
  const mix: Answer[] = ['yes', 'later', 'never', 'full', 'slow']
  const { clock, ends, fanOut, ledger } = setUp(atRandom(random, mix), atRandom(random, mix), atRandom(random, mix))
  const outcomes: Promise<string>[] = []
  for (let id = 1; id <= 300; id++) {
    outcomes.push(outcome(fanOut.consume(batchOf(id))))
    if (id % 10 === 0) await clock.advance(700)
    expect(ledger.imbalance).toBe(0)
  }
  for (const end of ends) end.plan = () => 'yes'
  await clock.advance(60_000)
  const settled = await Promise.all(outcomes)
  expect(new Set(settled)).toEqual(new Set(['taken', 'RetryableError', 'PermanentError']))
  ends.forEach((end, i) => {
    const wire = ledger.wires[i]!
    expect(end.taken.length).toBe(wire.taken)
    expect(new Set(end.taken).size).toBe(end.taken.length)
    expect(end.reserved).toBe(0)
    // Whoever was told "taken" has its row at this branch, or the branch counted it as dropped.
    const answered = settled.filter(word => word === 'taken').length
    const dropped = [...wire.dropped.values()].reduce((a, b) => a + b, 0)
    expect(wire.taken + dropped).toBeGreaterThanOrEqual(answered)
  })
  expect(ledger.imbalance).toBe(0)
})

test('a signal that nobody listens to is taken and counted', async () => {
  const ledger = new Ledger()
  const wire = ledger.wire('otlp', 'nobody', 'metrics')
  const fanOut = new FanOut<'metrics'>([], new VirtualClock(), 5000)
  fanOut.connect([], 5000, wire)
  await fanOut.consume(batchOf(1, 2, 3))
  expect(Object.fromEntries(wire.dropped)).toEqual({ no_exporter: 3 })
  expect(ledger.imbalance).toBe(0)
})

test('errors keep their class', async () => {
  await expect(setUp('never').fanOut.consume(batchOf(1))).rejects.toBeInstanceOf(PermanentError)
})
