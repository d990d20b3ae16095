import { expect, test } from 'vitest'
import { RetryableError } from '../../src/component/errors.ts'
import { Ledger } from '../../src/component/ledger.ts'
import { createReader } from '../../src/otlp/reader.ts'
import factory from '../../src/processors/memory_limiter/index.ts'
import { Limiter, limits } from '../../src/processors/memory_limiter/limiter.ts'
import { VirtualClock } from '../kit/clock.ts'
import { testContext } from '../kit/context.ts'
import { processorContract, read } from '../kit/contract.ts'
import { Downstream } from '../kit/faults.ts'

processorContract({ factory })

const MIB = 2 ** 20
const parse = (settings: object) => factory.config.parse(settings) as Parameters<typeof limits>[0]

test.each<[object, number, number, number]>([
  [{}, 1000, 640, 800],
  [{ limit_mib: 100 }, 1000, 80 * MIB, 100 * MIB],
  [{ limit_mib: 100, spike_limit_mib: 10 }, 1000, 90 * MIB, 100 * MIB],
  [{ limit_percentage: 50, spike_limit_percentage: 30 }, 1000, 200, 500],
])('%j of %i bytes: soft %i, hard %i', (settings, memory, softBytes, hardBytes) => {
  expect(limits(parse(settings), memory)).toEqual({ softBytes, hardBytes })
})

test.each([
  [{ limit_percentage: 0 }, 'limit_mib'],
  [{ limit_mib: 10, spike_limit_mib: 10 }, 'spike_limit_mib'],
  [{ limit_percentage: 10, spike_limit_percentage: 20 }, 'spike_limit_percentage'],
])('%j is refused', (settings, path) => expect(factory.config.safeParse(settings).error?.issues[0]?.path).toEqual([path]))

function setUp(settings: object = {}) {
  let usedBytes = 0
  let garbageBytes = 0
  let collections = 0
  const clock = new VirtualClock()
  const cx = testContext({
    clock,
    kind: 'processor',
    reader: createReader(),
    ledger: new Ledger(),
    memory: collect => {
      if (collect) {
        garbageBytes = 0
        collections++
      }
      return { usedBytes: usedBytes + garbageBytes, limitBytes: 1000 }
    },
  })
  const next = new Downstream<'metrics'>(clock)
  const limiter = new Limiter('metrics', cx, parse(settings), next)
  return {
    ...{ clock, cx, next, limiter },
    use: (bytes: number) => (usedBytes = bytes),
    waste: (bytes: number) => (garbageBytes = bytes),
    collections: () => collections,
  }
}

test('refuses, to be sent again, while memory is over the soft limit, and takes again below it', async () => {
  const { clock, cx, next, limiter, use } = setUp()
  await limiter.start()
  use(641)
  await clock.advance(1000)
  const refused = await limiter.consume(read(cx, 'metrics', [1, 2])).catch((error: unknown) => error)
  expect(refused).toBeInstanceOf(RetryableError)
  expect((refused as RetryableError).retryAfterMs).toBe(1000)
  expect(cx.account('metrics').limited).toBe(2)
  use(640)
  await clock.advance(1000)
  await limiter.consume(read(cx, 'metrics', [1, 2]))
  expect(next.taken).toEqual([1, 2])
  expect(cx.lines.map(line => line.level)).toEqual(['warn', 'info'])
  await limiter.shutdown()
})

test('of several limits the lowest holds, and all of them agree on where memory stands', async () => {
  const { clock, cx, limiter, next, use } = setUp({ limit_percentage: 50 })
  const other = new Limiter('metrics', cx, parse({ limit_percentage: 80 }), next)
  await limiter.start()
  await other.start()
  expect([cx.budget.softBytes, cx.budget.hardBytes]).toEqual([400, 500])
  use(500)
  await clock.advance(10_000)
  expect(cx.budget.pressed).toBe(true)
  expect(cx.lines.map(({ level }) => level)).toEqual(['warn'])
  await limiter.shutdown()
  await other.shutdown()
})

test('what is garbage refuses nobody for long: it is collected, but not more often than is set', async () => {
  const { clock, cx, limiter, waste, collections } = setUp({ min_gc_interval_when_soft_limited: '3s' })
  await limiter.start()
  waste(700)
  await clock.advance(1000)
  expect([collections(), cx.budget.pressed, cx.lines.length]).toEqual([1, false, 0])
  waste(700)
  await clock.advance(2000)
  expect([collections(), cx.budget.pressed]).toEqual([1, true])
  await clock.advance(1000)
  expect([collections(), cx.budget.pressed]).toEqual([2, false])
  waste(801)
  await clock.advance(1000)
  expect([collections(), cx.budget.pressed]).toEqual([3, false])
  await limiter.shutdown()
})

test('one collection is for the limiters of all pipelines', async () => {
  const { clock, cx, next, limiter, use, collections } = setUp()
  const second = new Limiter('metrics', cx, parse({}), next)
  await limiter.start()
  await second.start()
  use(900)
  await clock.advance(3000)
  expect([collections(), cx.budget.pressed]).toEqual([3, true])
  await limiter.shutdown()
  await second.shutdown()
})

test('what receivers and queues have charged counts at once, without waiting for a check', async () => {
  const { cx, limiter } = setUp()
  await limiter.start()
  cx.budget.charge(641)
  await expect(limiter.consume(read(cx, 'metrics', [1]))).rejects.toBeInstanceOf(RetryableError)
  cx.budget.refund(1)
  await limiter.consume(read(cx, 'metrics', [1]))
  await limiter.shutdown()
})
