import { describe, expect, test } from 'vitest'
import type { Processor } from '../../src/component/component.ts'
import { RetryableError } from '../../src/component/errors.ts'
import { Room } from '../../src/component/room.ts'
import type { SpanBatch } from '../../src/model/batch.ts'
import { Raw } from '../../src/model/raw.ts'
import { protobufToJson } from '../../src/otlp/json.ts'
import { encode } from '../../src/otlp/write.ts'
import tailSampling from '../../src/processors/tail_sampling/index.ts'
import { settled } from '../kit/clock.ts'
import { processorContract, surroundings } from '../kit/contract.ts'

const always = { name: 'all', type: 'always_sample' }
const errors = { name: 'errors', type: 'status_code', status_code: { status_codes: ['ERROR'] } }
processorContract({ factory: tailSampling, settings: { policies: [always] }, heldWhenStuck: 50, holds: true })

interface Span {
  readonly trace: number
  readonly id: number
  readonly root?: boolean
  readonly error?: boolean
  /** ms */
  readonly took?: number
  readonly service?: string
  readonly scope?: string
}
const hex = (n: number, digits: number) => n.toString(16).padStart(digits, '0')

function request(spans: readonly Span[]): object {
  return {
    resourceSpans: spans.map(({ trace, id, root = false, error = false, took = 1, service = 'shop', scope = 'lib' }) => ({
      resource: { attributes: { 'service.name': service } },
      schemaUrl: 'https://resource',
      scopeSpans: [
        {
          scope: { name: scope },
          schemaUrl: 'https://scope',
          spans: [
            {
              ...{ traceId: hex(trace, 32), spanId: hex(id, 16), parentSpanId: root ? '' : hex(99, 16), name: `span ${id}` },
              ...{
                startTimeUnixNano: 1_000_000_000n,
                endTimeUnixNano: 1_000_000_000n + BigInt(took * 1e6),
                status: { code: error ? 2 : 0 },
              },
            },
          ],
        },
      ],
    })),
  }
}

function setUp(settings: object) {
  const { cx, clock, ledger } = surroundings('processor', 'tail_sampling')
  const taken: SpanBatch[] = []
  let manner: () => void = () => {}
  const next = {
    reserve() {},
    async consume(batch: SpanBatch) {
      manner()
      taken.push(batch)
    },
  }
  const component = tailSampling.create.traces!(cx, tailSampling.config.parse(settings), next) as Processor<'traces'>
  const bytesOf = (spans: readonly Span[]) => encode('traces', request(spans))
  const send = (...spans: Span[]) => component.consume(cx.reader.read('traces', Raw.of(bytesOf(spans))))
  /** Ids of the spans that came out since the last look. */
  const look = () =>
    taken
      .splice(0)
      .flatMap(batch => Array.from({ length: batch.rows }, (_, i) => Buffer.from(batch.spans.ids).readUInt32BE(32 * i + 20)))
      .sort((a, b) => a - b)
  return {
    cx,
    clock,
    ledger,
    component,
    send,
    look,
    taken,
    bytesOf,
    account: cx.account('traces'),
    answer: (how: () => void) => void (manner = how),
  }
}

test('a trace is kept or dropped as a whole, when its time has come', async () => {
  const { clock, component, send, look, account, cx } = setUp({ decision_wait: '5s', policies: [errors] })
  await component.start?.()
  await send({ trace: 1, id: 1, root: true }, { trace: 2, id: 2 })
  await clock.advance(3000)
  await send({ trace: 1, id: 3, error: true }, { trace: 2, id: 4 })
  await clock.advance(1900)
  expect(look()).toEqual([])
  expect(account.held()).toBe(4)
  expect(cx.budget.used).toBeGreaterThan(0)
  await clock.advance(1200)
  expect(look()).toEqual([1, 3])
  expect(account).toMatchObject({ accepted: 4, taken: 2 })
  expect([...account.dropped]).toEqual([['sampled', 2]])
  expect(account.held()).toBe(0)
  await component.shutdown?.(AbortSignal.timeout(1000))
  expect(cx.budget.used).toBe(0)
})

test('what is kept leaves byte for byte as it came, with the resource, scope and unknown fields around it', async () => {
  const { clock, component, send, taken, bytesOf } = setUp({ decision_wait: '1s', policies: [errors] })
  await component.start?.()
  const kept: Span[] = [
    { trace: 1, id: 1, error: true },
    { trace: 1, id: 3, service: 'pay', scope: 'other' },
  ]
  await send(kept[0]!, { trace: 2, id: 2 }, kept[1]!, { trace: 3, id: 4, service: 'pay' })
  await clock.advance(2000)
  expect(taken.map(({ raw }) => Buffer.from(raw.bytes()).toString('hex'))).toEqual([Buffer.from(bytesOf(kept)).toString('hex')])
  await component.shutdown?.(AbortSignal.timeout(1000))
})

test('a request is let go with the last of its rows, and what is kept of it is memory of its own', async () => {
  const { cx, clock, component, taken, bytesOf, account } = setUp({ decision_wait: '2s', policies: [errors] })
  await component.start?.()
  const raws = [
    [{ trace: 1, id: 1, error: true }],
    [
      { trace: 1, id: 2 },
      { trace: 2, id: 3 },
    ],
    [{ trace: 2, id: 4 }],
  ].map(spans => Raw.owning([bytesOf(spans)]))
  const there = () =>
    raws.map(raw => {
      try {
        return raw.chunks.length
      } catch {
        return 0
      }
    })
  const send = (i: number) => component.consume(cx.reader.read('traces', raws[i]!))
  await send(0)
  await clock.advance(1000)
  await send(1)
  await send(2)
  expect(there()).toEqual([1, 1, 1])
  await clock.advance(2000)
  // Trace 2 came a tick later, and still has a row in the second.
  expect([there(), taken.length]).toEqual([[0, 1, 1], 1])
  await clock.advance(1000)
  expect([there(), account.held()]).toEqual([[0, 0, 0], 0])
  expect(protobufToJson('traces', taken[0]!.raw.bytes())).toEqual(
    protobufToJson(
      'traces',
      bytesOf([
        { trace: 1, id: 1, error: true },
        { trace: 1, id: 2 },
      ]),
    ),
  )
  await component.shutdown?.(AbortSignal.timeout(1000))
})

test('a request is let go at once where all of it is late', async () => {
  const { cx, clock, component, taken, bytesOf, send } = setUp({
    decision_wait: '1s',
    policies: [errors],
    decision_cache: { sampled_cache_size: 9, non_sampled_cache_size: 9 },
  })
  await component.start?.()
  await send({ trace: 1, id: 1, error: true }, { trace: 2, id: 2 })
  await clock.advance(2000)
  const raw = Raw.owning([
    bytesOf([
      { trace: 1, id: 3 },
      { trace: 2, id: 4 },
    ]),
  ])
  await component.consume(cx.reader.read('traces', raw))
  await settled()
  expect(() => raw.chunks).toThrow('freed')
  expect(protobufToJson('traces', taken[1]!.raw.bytes())).toEqual(protobufToJson('traces', bytesOf([{ trace: 1, id: 3 }])))
  await component.shutdown?.(AbortSignal.timeout(1000))
})

test('a request that is kept whole leaves as it came', async () => {
  const { clock, component, send, taken, bytesOf } = setUp({ decision_wait: '1s', policies: [always] })
  await component.start?.()
  const spans = [
    { trace: 1, id: 1 },
    { trace: 2, id: 2 },
    { trace: 1, id: 3 },
  ]
  await send(...spans)
  await send({ trace: 3, id: 4 })
  await clock.advance(2000)
  const [batch] = taken
  expect(protobufToJson('traces', batch!.raw.bytes())).toEqual(
    protobufToJson('traces', Buffer.concat([bytesOf(spans), bytesOf([{ trace: 3, id: 4 }])])),
  )
  await component.shutdown?.(AbortSignal.timeout(1000))
})

test('a root span hastens the decision', async () => {
  const { clock, component, send, look } = setUp({ decision_wait: '30s', decision_wait_after_root_received: '2s', policies: [always] })
  await component.start?.()
  await send({ trace: 1, id: 1 }, { trace: 2, id: 2 })
  await clock.advance(5000)
  await send({ trace: 1, id: 3, root: true })
  await clock.advance(3000)
  expect(look()).toEqual([1, 3])
  await clock.advance(30_000)
  expect(look()).toEqual([2])
  await component.shutdown?.(AbortSignal.timeout(1000))
})

describe('late spans', () => {
  test.each([
    ['a cache', { decision_cache: { sampled_cache_size: 10, non_sampled_cache_size: 10 } }],
    ['no cache', {}],
  ])('follow their trace with %s', async (_, more) => {
    const { clock, component, send, look, account } = setUp({ decision_wait: '1s', policies: [errors], ...more })
    await component.start?.()
    await send({ trace: 1, id: 1, error: true }, { trace: 2, id: 2 })
    await clock.advance(2000)
    expect(look()).toEqual([1])
    await send({ trace: 1, id: 3 }, { trace: 2, id: 4, error: true }, { trace: 3, id: 5 })
    await settled()
    expect(look()).toEqual([3])
    expect(account.held()).toBe(1)
    expect(account.dropped.get('sampled')).toBe(2)
    await component.shutdown?.(AbortSignal.timeout(1000))
  })

  test('of a trace that the cache has forgotten begin anew', async () => {
    const { clock, component, send, look, account } = setUp({
      decision_wait: '1s',
      policies: [errors],
      decision_cache: { sampled_cache_size: 1, non_sampled_cache_size: 1 },
    })
    await component.start?.()
    await send({ trace: 1, id: 1, error: true }, { trace: 2, id: 2, error: true })
    await clock.advance(2000)
    look()
    await send({ trace: 1, id: 3 }, { trace: 2, id: 4 })
    await settled()
    expect(look()).toEqual([4])
    expect(account.held()).toBe(1)
    await component.shutdown?.(AbortSignal.timeout(1000))
  })
})

test('of too many traces the oldest goes, counted', async () => {
  const { clock, component, send, look, account, ledger } = setUp({ decision_wait: '5s', num_traces: 2, policies: [always] })
  await component.start?.()
  await send({ trace: 1, id: 1 }, { trace: 2, id: 2 }, { trace: 3, id: 3 }, { trace: 1, id: 4 })
  expect(account.dropped.get('too_many_traces')).toBe(2)
  expect(ledger.imbalance).toBe(0)
  await clock.advance(6000)
  expect(look()).toEqual([3, 4])
  await component.shutdown?.(AbortSignal.timeout(1000))
})

test('with block_on_overflow senders wait instead', async () => {
  const { clock, component, send, look } = setUp({ decision_wait: '5s', num_traces: 2, block_on_overflow: true, policies: [always] })
  await component.start?.()
  await send({ trace: 1, id: 1 }, { trace: 2, id: 2 })
  const room = new Room()
  component.reserve(100, room)
  expect(room.mustWait).toBe(true)
  let freed = false
  void room.freed(new AbortController().signal).then(() => {
    freed = true
  })
  await clock.advance(6000)
  expect(freed).toBe(true)
  const later = new Room()
  component.reserve(100, later)
  expect(later.mustWait).toBe(false)
  await send({ trace: 3, id: 3 }, { trace: 4, id: 4 })
  await clock.advance(6000)
  expect(look()).toEqual([1, 2, 3, 4])
  await component.shutdown?.(AbortSignal.timeout(1000))
})

test('a trace that is too large is let go at once, and what comes of it later', async () => {
  const { component, send, account, look, clock } = setUp({ decision_wait: '1s', maximum_trace_size_bytes: 300, policies: [always] })
  await component.start?.()
  await send({ trace: 1, id: 1 }, { trace: 2, id: 2 })
  await send({ trace: 1, id: 3 }, { trace: 1, id: 4 }, { trace: 1, id: 5 })
  expect(account.held()).toBe(1)
  expect(account.dropped.get('too_large')).toBeGreaterThan(0)
  await clock.advance(3000)
  expect(look()).toEqual([2])
  await component.shutdown?.(AbortSignal.timeout(1000))
})

describe('a shutdown', () => {
  test('decides on what is there', async () => {
    const { component, send, look, account, ledger } = setUp({ policies: [errors] })
    await component.start?.()
    await send({ trace: 1, id: 1, error: true }, { trace: 2, id: 2 }, { trace: 1, id: 3 })
    await component.shutdown?.(AbortSignal.timeout(1000))
    expect(look()).toEqual([1, 3])
    expect([...account.dropped]).toEqual([['sampled', 1]])
    expect(ledger.imbalance).toBe(0)
  })

  test('or drops it, as configured', async () => {
    const { component, send, look, account } = setUp({ policies: [always], drop_pending_traces_on_shutdown: true })
    await component.start?.()
    await send({ trace: 1, id: 1 })
    await component.shutdown?.(AbortSignal.timeout(1000))
    expect(look()).toEqual([])
    expect([...account.dropped]).toEqual([['shutdown', 1]])
  })
})

test('what nobody takes is dropped and counted, and said', async () => {
  const { clock, component, send, cx, account, ledger, answer } = setUp({ decision_wait: '1s', policies: [always] })
  answer(() => {
    throw new RetryableError('full')
  })
  await component.start?.()
  await send({ trace: 1, id: 1 })
  await clock.advance(2000)
  expect([...account.dropped]).toEqual([['refused', 1]])
  expect(cx.lines.map(({ level, message }) => [level, message])).toEqual([['warn', 'spans of traces that are kept were refused']])
  expect(ledger.imbalance).toBe(0)
  await component.shutdown?.(AbortSignal.timeout(1000))
})

describe('rates', () => {
  const rate = (settings: object) => ({ decision_wait: '1s', policies: [{ name: 'rate', ...settings }] })
  const spans = (from: number, traces: number) => Array.from({ length: traces }, (_, i) => ({ trace: from + i, id: from + i }))

  test('rate_limiting: as many spans as the burst has room for, then as many as come per second', async () => {
    const { clock, component, send, look } = setUp(
      rate({ type: 'rate_limiting', rate_limiting: { spans_per_second: 2, burst_capacity: 5 } }),
    )
    await component.start?.()
    await send(...spans(1, 10))
    await clock.advance(2000)
    expect(look()).toEqual([1, 2, 3, 4, 5])
    await send(...spans(11, 10))
    await clock.advance(2000)
    expect(look()).toEqual([11, 12, 13, 14])
    await component.shutdown?.(AbortSignal.timeout(1000))
  })

  test('composite: each policy inside has its share of every second', async () => {
    const composite = {
      max_total_spans_per_second: 10,
      policy_order: ['errors', 'rest'],
      composite_sub_policy: [errors, { name: 'rest', type: 'always_sample' }],
      rate_allocation: [
        { policy: 'errors', percent: 50 },
        { policy: 'rest', percent: 25 },
      ],
    }
    const { clock, component, send, look } = setUp(rate({ type: 'composite', composite }))
    await component.start?.()
    await send(...spans(1, 8).map(span => ({ ...span, error: true })), ...spans(9, 8))
    await clock.advance(2000)
    expect(look()).toEqual([1, 2, 3, 4, 5, 9, 10])
    await component.shutdown?.(AbortSignal.timeout(1000))
  })
})

test('sample_on_first_match asks no further', async () => {
  const asked = async (sample_on_first_match: boolean) => {
    const rate = { name: 'rate', type: 'rate_limiting', rate_limiting: { spans_per_second: 0, burst_capacity: 1 } }
    const { clock, component, send, look } = setUp({ decision_wait: '1s', sample_on_first_match, policies: [errors, rate] })
    await component.start?.()
    await send({ trace: 1, id: 1, error: true }, { trace: 2, id: 2 })
    await clock.advance(2000)
    await component.shutdown?.(AbortSignal.timeout(1000))
    return look()
  }
  expect(await asked(true)).toEqual([1, 2])
  expect(await asked(false)).toEqual([1])
})

describe('settings that cannot be', () => {
  const policies = (policy: object) => ({ policies: [{ name: 'p', ...policy }] })
  test.each<[object, string]>([
    [policies({ type: 'status_code' }), 'must be given, since the type is "status_code"'],
    [policies({ type: 'and' }), 'must be given, since the type is "and"'],
    [policies({ type: 'numeric_attribute', numeric_attribute: { key: 'a' } }), 'must have "min_value" or "max_value"'],
    [policies({ type: 'ottl_condition', ottl_condition: {} }), 'must have "span" or "spanevent"'],
    [policies({ type: 'composite', composite: { policy_order: ['x'] } }), 'must be the name of a policy inside, got "x"'],
    [{ policies: [always, always] }, 'must be the name of one policy only, got "all"'],
    [{ tail_storage: 'redis' }, 'not supported: spans are held in memory'],
    [{ sampling_strategy: 'span-ingest' }, 'not supported: traces are decided when they are complete'],
  ])('%j: %s', (settings, message) => {
    const result = tailSampling.config.safeParse(settings)
    expect(result.error?.issues.map(issue => issue.message)).toEqual([message])
  })

  test('a pattern that is none is told where it stands', () => {
    const attribute = { key: 'a', values: ['ok', '('], enabled_regex_matching: true }
    const result = tailSampling.config.safeParse(policies({ type: 'string_attribute', string_attribute: attribute }))
    expect(result.error?.issues).toMatchObject([
      {
        path: ['policies', 0, 'string_attribute', 'values', 1],
        message: 'column 1: the pattern has a "(" without its ")"',
        params: { remedy: 'patterns are those of Go (RE2)' },
      },
    ])
  })
})
