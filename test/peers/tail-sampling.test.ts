/** The same spans to the Collector's tail_sampling and to ours: the same traces are kept, whole, under every policy that chance has no part in. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { eventually } from './kit/process.ts'
import { rows } from './kit/rows.ts'
import { hexFrom, SideBySide } from './kit/side-by-side.ts'

const text = (values: string[], more: object = {}) => ({ type: 'string_attribute', string_attribute: { key: 'customer', values, ...more } })
const errors = { type: 'status_code', status_code: { status_codes: ['ERROR'] } }
const slow = { type: 'latency', latency: { threshold_ms: 100 } }
const numeric = (more: object) => ({ type: 'numeric_attribute', numeric_attribute: { key: 'n', ...more } })
const bool = (more: object) => ({ type: 'boolean_attribute', boolean_attribute: { key: 'flag', ...more } })
const named = (list: object[]) => list.map((policy, i) => ({ name: `p${i}`, ...policy }))

/** Policies by case. */
const cases: Readonly<Record<string, object[]>> = {
  everything: [{ type: 'always_sample' }],
  latency: [slow],
  'latency within bounds': [{ type: 'latency', latency: { threshold_ms: 20, upper_threshold_ms: 100 } }],
  'numeric attribute': [numeric({ min_value: 3, max_value: 5 })],
  'numeric attribute, no more than': [numeric({ max_value: -1 })],
  'numeric attribute, inverted': [numeric({ min_value: 3, invert_match: true })],
  probabilistic: [{ type: 'probabilistic', probabilistic: { sampling_percentage: 33.3 } }],
  'probabilistic with a salt': [{ type: 'probabilistic', probabilistic: { sampling_percentage: 10, hash_salt: 'salt' } }],
  'status code': [errors],
  'status codes': [{ type: 'status_code', status_code: { status_codes: ['OK', 'UNSET'] } }],
  'string attribute': [text(['c1', 'c3', ''])],
  'string attribute, inverted': [text(['c1'], { invert_match: true })],
  'string attribute by pattern': [text(['^c[12]$', 'zz$'], { enabled_regex_matching: true, cache_max_size: 2 })],
  'string attribute by pattern, inverted': [text(['^$', '1'], { enabled_regex_matching: true, invert_match: true })],
  'span count': [{ type: 'span_count', span_count: { min_spans: 3, max_spans: 5 } }],
  'boolean attribute': [bool({ value: true })],
  'boolean attribute, false': [bool({ value: false })],
  'boolean attribute, inverted': [bool({ value: true, invert_match: true })],
  'trace state': [{ type: 'trace_state', trace_state: { key: 'vendor', values: ['x', 'y z'] } }],
  'trace flags': [{ type: 'trace_flags' }],
  ottl: [
    {
      type: 'ottl_condition',
      ottl_condition: {
        error_mode: 'ignore',
        span: ['span.attributes["customer"] == "c2" and span.kind.string == "Server"'],
        spanevent: ['spanevent.name == "boom"'],
      },
    },
  ],
  and: [{ type: 'and', and: { and_sub_policy: named([errors, slow]) } }],
  'and not': [{ type: 'and', and: { and_sub_policy: named([slow, { type: 'not', not: { not_sub_policy: { name: 'x', ...errors } } }]) } }],
  not: [{ type: 'not', not: { not_sub_policy: { name: 'x', ...text(['c1', 'c2']) } } }],
  drop: [{ type: 'always_sample' }, { type: 'drop', drop: { drop_sub_policy: named([errors, text(['c1', 'c0'])]) } }],
  composite: [
    {
      type: 'composite',
      composite: {
        max_total_spans_per_second: 1_000_000,
        policy_order: ['b', 'a', 'c'],
        composite_sub_policy: [
          { name: 'a', ...slow },
          { name: 'b', ...errors },
          { name: 'c', ...text(['c1']) },
        ],
        rate_allocation: [
          { policy: 'a', percent: 50 },
          { policy: 'b', percent: 0 },
        ],
      },
    },
  ],
  several: [errors, slow, text(['c4'])],
}
const entries = Object.entries(cases)

const hex = hexFrom(2463534242)
const MS = 1_000_000n
const START = 1_780_000_000_000_000_000n
const attribute = (key: string, value: object) => ({ key, value })
const durations = [
  0n,
  1n,
  19n * MS,
  20n * MS,
  21n * MS,
  50n * MS,
  99n * MS + 999_999n,
  100n * MS,
  100n * MS + 1n,
  101n * MS,
  500n * MS,
  -5n * MS,
]
const numbers = [
  { intValue: '0' },
  { intValue: '3' },
  { intValue: '5' },
  { intValue: '6' },
  { intValue: '-7' },
  { stringValue: '4' },
  { doubleValue: 4 },
]
const customers = ['c0', 'c1', 'c2', 'c3', 'c4', '', 'buzz']
const states = ['', '', 'vendor=x', 'a=b,vendor=y z', 'vendor=n', 'vendor=x,vendor=y', 'ot=th:8,vendor=x', 'bad', ' vendor=x ']

/** 300 traces of 1 to 7 spans, whose spans come in three requests. */
const traces = Array.from({ length: 300 }, (_, t) => {
  const traceId = hex(32)
  return Array.from({ length: 1 + (t % 7) }, (_, s) => {
    const n = t * 7 + s
    const start = START + BigInt(n % 3) * 10n * MS
    return {
      traceId,
      spanId: hex(16),
      parentSpanId: s === 0 ? '' : hex(16),
      traceState: states[(t + s) % states.length],
      flags: t % 2,
      name: `span ${n}`,
      kind: n % 6,
      startTimeUnixNano: String(start),
      endTimeUnixNano: String(start + durations[(t * 5 + s) % durations.length]!),
      attributes: [
        ...(n % 4 === 0 ? [attribute('customer', { stringValue: customers[(n / 4) % customers.length] })] : []),
        ...(n % 5 === 0 ? [attribute('n', numbers[(n / 5) % numbers.length]!)] : []),
        ...(n % 3 === 0 ? [attribute('flag', [{ boolValue: true }, { boolValue: false }, { stringValue: 'true' }][(n / 3) % 3]!)] : []),
      ],
      events: n % 29 === 0 ? [{ timeUnixNano: String(start), name: n % 2 === 0 ? 'boom' : 'fine' }] : [],
      status: n % 6 === 0 ? { code: 2 } : n % 6 === 1 ? { code: 1 } : {},
    }
  })
})
const resources = [
  [attribute('service.name', { stringValue: 'shop' })],
  [attribute('service.name', { stringValue: 'pay' }), attribute('customer', { stringValue: 'c4' })],
  [attribute('service.name', { stringValue: 'x' }), attribute('n', { intValue: '4' }), attribute('flag', { boolValue: true })],
]
/** Request i has the spans whose place in their trace is i, modulo 3; few traces have spans of the special resources. */
const requests = [0, 1, 2].map(i => ({
  resourceSpans: resources.map((attributes, r) => ({
    resource: { attributes },
    scopeSpans: ['a', 'b'].map((name, n) => ({
      scope: { name },
      spans: traces.flatMap((spans, t) =>
        spans.filter((_, s) => s % 3 === i && (s + t) % 2 === n && (t % 20 === 1 ? 1 : t % 20 === 2 ? 2 : 0) === r),
      ),
    })),
  })),
}))

let both: SideBySide
beforeAll(async () => {
  const settings = entries.map(([, policies]) => ({ decision_wait: '2s', policies: named(policies) }))
  both = await SideBySide.start('tail_sampling', ['traces'], settings)
  for (const request of requests) await both.send('traces', request)
})
afterAll(() => both?.[Symbol.asyncDispose]())

test.each(entries.map(([name], i) => [name, i] as const))('%s', async (name, i) => {
  const total = traces.flat().length
  const kept = await eventually(`decisions\n${both.thalamus.server.output}`, async () => {
    const { components } = await both.thalamus.ledger()
    if (components.find(({ id }) => id === `tail_sampling/${i}`)?.held !== 0) return undefined
    const lists = [both.mine[i]!, both.theirs[i]!].map(sink => rows('traces', sink.json('traces')))
    return lists[0]!.length > 0 && lists[0]!.length === lists[1]!.length && lists
  }).catch(() => [both.mine[i]!, both.theirs[i]!].map(sink => rows('traces', sink.json('traces'))))
  const [ours, want] = kept
  if (name !== 'everything') expect(want!.length).toBeLessThan(total)
  expect(want!.length).toBeGreaterThan(0)
  expect(ours).toEqual(want)
})

test('the ledger balances', async () => expect((await both.thalamus.ledger()).imbalance).toBe(0))
