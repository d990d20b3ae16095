/** The same spans and log records to the Collector's probabilistic_sampler and to ours: the same are kept, and they say the same of it. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { eventually } from './kit/process.ts'
import { rows } from './kit/rows.ts'
import { hexFrom, SideBySide } from './kit/side-by-side.ts'

const cases: Readonly<Record<string, object>> = {
  hash: { sampling_percentage: 30 },
  'hash, a tenth of a percent more': { sampling_percentage: 30.1, hash_seed: 22 },
  'hash, fails open': { sampling_percentage: 50, hash_seed: 4_294_967_295, fail_closed: false },
  'hash, everything': { sampling_percentage: 150 },
  proportional: { sampling_percentage: 25, mode: 'proportional' },
  'proportional, odd': { sampling_percentage: 33.3, mode: 'proportional', sampling_precision: 14 },
  'proportional, fails open': { sampling_percentage: 12.5, mode: 'proportional', fail_closed: false, sampling_precision: 1 },
  equalizing: { sampling_percentage: 40, mode: 'equalizing', sampling_precision: 2 },
  'equalizing, fails open': { sampling_percentage: 99, mode: 'equalizing', fail_closed: false },
  'nothing but by priority': { sampling_percentage: 0, sampling_priority: 'priority' },
  'by an attribute': { sampling_percentage: 35, attribute_source: 'record', from_attribute: 'id', sampling_priority: 'priority' },
  'by an attribute where there is no trace': { sampling_percentage: 35, from_attribute: 'id' },
}
const SIGNALS = ['traces', 'logs'] as const
const names = Object.keys(cases)

const hex = hexFrom(2463534242)
const states = [
  ...[
    '',
    '',
    '',
    '',
    'ot=th:8',
    'ot=th:c;rv:ffffffffffffff',
    'ot=th:0',
    'xx=y',
    'ot=th:xyz',
    'ot=rv:9b8233f7e3a151;a:b,co=z',
    'ot=th:123456789',
  ],
  ...[
    'ot=th:8;',
    'no',
    'ot=th:fff',
    'ot=rv:0000000000000a',
    'ot=rv:00000000000000;th:8',
    'a=b , ot=th:4 ,c@d=e',
    'ot=rv:FFFFFFFFFFFFFF;th:8',
    'ot=xx:',
  ],
]
const values = [
  { intValue: '0' },
  { intValue: '1' },
  { intValue: '-1' },
  { doubleValue: 0 },
  { doubleValue: 50.5 },
  { stringValue: '0' },
  { stringValue: '1e1' },
]
const more = [{ stringValue: 'x' }, { boolValue: true }, { intValue: '50' }, { intValue: '100' }, { intValue: '200' }, {}]
const priorities = [...values, ...more]
const attribute = (key: string, value: object) => ({ key, value })
const TIME = '1780000001987654321'

const spans = Array.from({ length: 800 }, (_, n) => ({
  traceId: n % 31 === 0 ? '' : hex(32),
  spanId: hex(16),
  traceState: states[n % states.length],
  name: `span ${n}`,
  startTimeUnixNano: TIME,
  endTimeUnixNano: TIME,
  attributes:
    n % 5 === 0 ? [attribute('a', { stringValue: 'b' }), attribute('sampling.priority', priorities[(n / 5) % priorities.length]!)] : [],
  status: {},
}))
const thresholds = ['', '', '', '8', 'c', '0', 'fff', 'zz', '123456789abcdef0']
const randoms = ['', '', '', '', 'ffffffffffffff', '00000000000000', '9b8233f7e3a151', 'short']
const records = Array.from({ length: 800 }, (_, n) => ({
  timeUnixNano: TIME,
  traceId: n % 3 === 0 ? '' : hex(32),
  spanId: '',
  body: { stringValue: `record ${n}` },
  attributes: [
    ...(n % 4 === 0
      ? [attribute('id', [{ stringValue: hex(9) }, { intValue: String(n) }, { bytesValue: 'AAH/' }, { stringValue: '' }][(n / 4) % 4]!)]
      : []),
    ...(n % 5 === 0 ? [attribute('priority', priorities[(n / 5) % priorities.length]!)] : []),
    ...(n % 2 === 0 ? [attribute('sampling.threshold', { stringValue: thresholds[(n / 2) % thresholds.length] })] : []),
    ...(n % 2 === 1 ? [attribute('sampling.randomness', { stringValue: randoms[((n - 1) / 2) % randoms.length] })] : []),
  ],
}))
const half = <T>(list: readonly T[]) => [list.slice(0, 300), list.slice(300)] as const
const resource = { attributes: [attribute('service.name', { stringValue: 'shop' })] }
const requests = {
  traces: { resourceSpans: half(spans).map(spans => ({ resource, scopeSpans: [{ scope: {}, spans }] })) },
  logs: { resourceLogs: half(records).map(logRecords => ({ resource, scopeLogs: [{ scope: {}, logRecords }] })) },
}

let both: SideBySide
beforeAll(async () => {
  both = await SideBySide.start('probabilistic_sampler', SIGNALS, Object.values(cases))
  for (const signal of SIGNALS) await both.send(signal, requests[signal])
})
afterAll(() => both?.[Symbol.asyncDispose]())

describe.each(SIGNALS)('%s', signal => {
  test.each(names.map((name, i) => [name, i] as const))('%s', async (_, i) => {
    const [ours, want] = await eventually(`what is kept\n${both.thalamus.server.output}`, () => {
      const kept = [both.mine[i]!, both.theirs[i]!].map(sink => rows(signal, sink.json(signal)))
      return kept.every(list => list.length > 0) && kept
    })
    // Something is kept, and something dropped but by those that keep everything.
    expect(want!.length).toBeGreaterThan(5)
    expect(ours).toEqual(want)
  })
})
