/** The same spans and log records to the Collector's probabilistic_sampler and to ours: the same are kept, and they say the same of it. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { eventually, freePorts, LOOPBACK } from './kit/process.ts'
import { rows } from './kit/rows.ts'
import { Collector, type Configuration, type Otlp, otlpTo, Thalamus, toHttp } from './kit/servers.ts'
import { Sink } from './kit/sink.ts'

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

/** A pipeline for each case and signal, each with its own destination. */
function configure(destination: (i: number) => object): (ports: Otlp) => Configuration {
  return ports => ({
    ...otlpTo(ports, {}),
    processors: Object.fromEntries(names.map((name, i) => [`probabilistic_sampler/${i}`, cases[name]])),
    exporters: Object.fromEntries(names.map((_, i) => [`otlp_http/${i}`, destination(i)])),
    service: {
      pipelines: Object.fromEntries(
        SIGNALS.flatMap(signal =>
          names.map((_, i) => [
            `${signal}/${i}`,
            { receivers: ['otlp'], processors: [`probabilistic_sampler/${i}`], exporters: [`otlp_http/${i}`] },
          ]),
        ),
      ),
    },
  })
}

/** Passes on what comes in at each port to a sink of its own, as JSON. */
function readers(ports: readonly number[], sinks: readonly Sink[]): (own: Otlp) => Configuration {
  return own => ({
    receivers: Object.fromEntries([
      ...Object.entries(otlpTo(own, {}).receivers),
      ...ports.map((port, i) => [`otlp/${i}`, { protocols: { http: { endpoint: `${LOOPBACK}:${port}` } } }]),
    ]),
    exporters: { nop: {}, ...Object.fromEntries(sinks.map((sink, i) => [`otlp_http/${i}`, toHttp(sink.httpPort, json)])) },
    service: {
      pipelines: {
        metrics: { receivers: ['otlp'], exporters: ['nop'] },
        ...Object.fromEntries(
          SIGNALS.flatMap(signal => ports.map((_, i) => [`${signal}/${i}`, { receivers: [`otlp/${i}`], exporters: [`otlp_http/${i}`] }])),
        ),
      },
    },
  })
}
const json = { compression: 'none', encoding: 'json' }

/** xorshift32: the same ids in every run. */
let state = 2463534242
const hex = (digits: number) => {
  let text = ''
  while (text.length < digits) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    text += (state >>> 0).toString(16).padStart(8, '0')
  }
  return text.slice(0, digits)
}
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

let mine: Sink[]
let theirs: Sink[]
let reader: Collector
let thalamus: Thalamus
let collector: Collector

beforeAll(async () => {
  mine = await Promise.all(names.map(() => Sink.start()))
  theirs = await Promise.all(names.map(() => Sink.start()))
  const ports = await freePorts(names.length)
  reader = await Collector.start(readers(ports, mine))
  thalamus = await Thalamus.start(configure(i => toHttp(ports[i]!)))
  collector = await Collector.start(configure(i => toHttp(theirs[i]!.httpPort, json)))
  for (const to of [thalamus, collector]) {
    for (const signal of SIGNALS) {
      const response = await fetch(`http://${LOOPBACK}:${to.httpPort}/v1/${signal}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(requests[signal]),
      })
      expect(response.status).toBe(200)
    }
  }
})
afterAll(async () => {
  for (const server of [collector, thalamus, reader, ...theirs, ...mine]) await server?.[Symbol.asyncDispose]()
})

describe.each(SIGNALS)('%s', signal => {
  test.each(names.map((name, i) => [name, i] as const))('%s', async (_, i) => {
    const [ours, want] = await eventually(`what is kept\n${thalamus.server.output}`, () => {
      const both = [mine[i]!, theirs[i]!].map(sink => rows(signal, sink.json(signal)))
      return both.every(kept => kept.length > 0) && both
    })
    // Something is kept, and something dropped but by those that keep everything.
    expect(want!.length).toBeGreaterThan(5)
    expect(ours).toEqual(want)
  })
})
