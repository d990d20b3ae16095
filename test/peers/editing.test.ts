/**
 * The processors that filter and edit, and the connector forward: the same file and the same data through the Collector and through Thalamus. What leaves
 * Thalamus is turned into JSON by another Collector, so Thalamus' own reading is no judge.
 */
import { describe, expect, test } from 'vitest'
import { eventually, LOOPBACK, pause } from './kit/process.ts'
import { rows } from './kit/rows.ts'
import { Collector, type Configuration, type Otlp, otlpTo, SIGNALS, Thalamus, toHttp } from './kit/servers.ts'
import { Sink } from './kit/sink.ts'
import { written } from './kit/written.ts'

const plain = { compression: 'none', encoding: 'json' }
const kv = (list: Record<string, unknown>) => Object.entries(list).map(([key, value]) => ({ key, value: any(value) }))
function any(value: unknown): object {
  if (typeof value === 'string') return { stringValue: value }
  if (typeof value === 'boolean') return { boolValue: value }
  if (typeof value === 'number') return Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value }
  if (Array.isArray(value)) return { arrayValue: { values: value.map(any) } }
  if (value === null) return {}
  return { kvlistValue: { values: kv(value as Record<string, unknown>) } }
}

const time = '1700000000000000000'
const secrets = {
  'url.full': 'https://ana:hunter2@shop.example/cart?token=abc&id=7',
  'db.statement': "SELECT * FROM users WHERE password = 'hunter2' AND card = 4111111111111111",
  'http.request.header.authorization': 'Bearer abcdefghijkl',
  count: 4111111111111111,
  list: ['4111111111111111', { inner: 'token=x' }],
  flag: true,
  ratio: 0.25,
  nothing: null,
}
const resource = (service: string) => ({
  attributes: kv({ 'service.name': service, 'host.name': `${service}-1`, replicas: 3, secret: 'token=1' }),
})
const scope = (name: string) => ({ name, version: '1.2', attributes: kv({ kind: 'auto', note: 'token=2' }) })
const span = (n: number, name: string, kind: number, attributes: object, more: object = {}) => ({
  traceId: `0000000000000000000000000000000${n}`,
  spanId: `000000000000000${n}`,
  name,
  kind,
  startTimeUnixNano: time,
  endTimeUnixNano: String(BigInt(time) + BigInt(n) * 1_000_000_000n),
  attributes: kv(attributes as Record<string, unknown>),
  ...more,
})
const point = (n: number, value: object) => ({
  timeUnixNano: time,
  startTimeUnixNano: time,
  attributes: kv({ n, path: `/p${n}`, ...(n === 1 ? secrets : {}) }),
  ...value,
})
const record = (severityNumber: number, body: unknown, attributes: object) => ({
  timeUnixNano: time,
  severityNumber,
  severityText: `S${severityNumber}`,
  body: any(body),
  attributes: kv(attributes as Record<string, unknown>),
})

const data = {
  traces: {
    resourceSpans: [
      {
        resource: resource('shop'),
        scopeSpans: [
          {
            scope: scope('lib.a'),
            spans: [
              span(1, 'GET /cart', 2, { 'http.method': 'GET', code: 200, ...secrets }, { status: { code: 2, message: 'token=3' } }),
              span(
                2,
                'work',
                1,
                { code: 503, ratio: 2.5 },
                {
                  parentSpanId: '0000000000000001',
                  events: [
                    { name: 'retry', timeUnixNano: time, attributes: kv(secrets) },
                    { name: 'exception', timeUnixNano: time },
                  ],
                },
              ),
            ],
          },
          { scope: scope('lib.b'), spans: [span(3, 'GET /health', 2, { code: 200 })] },
        ],
      },
      {
        resource: resource('pay'),
        scopeSpans: [{ scope: scope('lib.a'), spans: [span(4, 'POST /pay', 3, { code: 'text', 'http.method': 'POST' })] }],
      },
    ],
  },
  metrics: {
    resourceMetrics: [
      {
        resource: resource('shop'),
        scopeMetrics: [
          {
            scope: scope('lib.a'),
            metrics: [
              {
                name: 'requests',
                unit: '1',
                sum: { aggregationTemporality: 2, isMonotonic: true, dataPoints: [point(1, { asInt: '4' }), point(2, { asInt: '5' })] },
              },
              { name: 'load', gauge: { dataPoints: [point(1, { asDouble: 1.5 }), point(3, { asDouble: -2 })] } },
              {
                name: 'latency',
                histogram: {
                  aggregationTemporality: 1,
                  dataPoints: [point(1, { count: '3', sum: 4.5, bucketCounts: ['1', '2'], explicitBounds: [1] })],
                },
              },
              {
                name: 'sizes',
                exponentialHistogram: {
                  aggregationTemporality: 2,
                  dataPoints: [point(1, { count: '3', sum: 4.5, scale: 1, zeroCount: '1', positive: { bucketCounts: ['2'] } })],
                },
              },
            ],
          },
        ],
      },
      {
        resource: resource('pay'),
        scopeMetrics: [{ scope: scope('lib.b'), metrics: [{ name: 'requests', gauge: { dataPoints: [point(2, { asInt: '9' })] } }] }],
      },
    ],
  },
  logs: {
    resourceLogs: [
      {
        resource: resource('shop'),
        scopeLogs: [
          {
            scope: scope('lib.a'),
            logRecords: [
              record(9, 'GET /cart?token=abc 200', { user: 'ana', ...secrets }),
              record(
                17,
                { message: 'card 4111111111111111 refused', nested: { token: 'abc', list: ['token=1', 5] } },
                { user: 'bob', code: 7 },
              ),
              record(0, 42, {}),
              record(5, ['a', 'token=9'], { code: 1.5 }),
            ],
          },
        ],
      },
      { resource: resource('pay'), scopeLogs: [{ scope: scope('lib.b'), logRecords: [record(13, 'slow', { user: 'eve' })] }] },
    ],
  },
}

const filter = (settings: object) => ({ filter: settings })
const actions = (...list: object[]) => ({ attributes: { actions: list } })
const masks = { allow_all_keys: true, blocked_values: ['4[0-9]{15}', 'token=[^&]*'] }

const cases: readonly [what: string, processors: Record<string, object>][] = [
  [
    'filter, by conditions with contexts',
    filter({
      trace_conditions: ['span.attributes["code"] == 200 and span.kind == SPAN_KIND_SERVER', 'spanevent.name == "retry"'],
      metric_conditions: ['metric.type == METRIC_DATA_TYPE_HISTOGRAM', 'datapoint.value_int >= 5', 'datapoint.attributes["n"] == 3'],
      log_conditions: ['IsMatch(log.body, "token")', 'resource.attributes["service.name"] == "pay"'],
    }),
  ],
  [
    'filter, by comparisons of every kind',
    filter({
      trace_conditions: [
        'span.attributes["code"] > "5"',
        'span.attributes["ratio"] >= 2 and span.attributes["missing"] == nil',
        '(span.end_time - span.start_time) > Duration("3s")',
      ],
      metric_conditions: [
        'metric.aggregation_temporality == AGGREGATION_TEMPORALITY_DELTA or datapoint.value_double < 0.0',
        'HasAttrOnDatapoint("path", "/p9") and metric.name == "x"',
      ],
      log_conditions: [
        'log.severity_number < SEVERITY_NUMBER_DEBUG',
        'log.body["nested"]["token"] == "abc"',
        'not (log.attributes["user"] != "ana")',
      ],
    }),
  ],
  [
    'filter, in groups',
    filter({
      error_mode: 'propagate',
      trace_conditions: [
        { context: 'span', conditions: ['name == "work"', 'not IsRootSpan()'] },
        { error_mode: 'silent', conditions: ['span.attributes["code"]["x"] == 1', 'scope.name == "lib.b"'] },
      ],
    }),
  ],
  [
    'filter, the older way',
    filter({
      traces: { span: ['attributes["http.method"] != nil', 'resource.attributes["replicas"] > 3'], spanevent: ['name == "exception"'] },
      metrics: { metric: ['name == "load"'], datapoint: ['metric.name == "requests" and attributes["n"] == 2'] },
      logs: { log_record: ['severity_text == "S9" or body == "slow"'] },
    }),
  ],
  [
    'filter, include and exclude',
    filter({
      spans: {
        include: { match_type: 'regexp', services: ['^sh'], span_names: ['^GET'] },
        exclude: { match_type: 'regexp', attributes: [{ key: 'code', value: '^5' }] },
      },
      metrics: {
        include: { match_type: 'strict', metric_names: ['requests', 'load'] },
        exclude: { match_type: 'strict', resource_attributes: [{ key: 'service.name', value: 'pay' }] },
      },
      logs: {
        include: { match_type: 'strict', severity_number: { min: 'INFO', match_undefined: true } },
        exclude: { match_type: 'regexp', bodies: ['^GET'] },
      },
    }),
  ],
  [
    'attributes, every action',
    actions(
      { key: 'env', action: 'insert', value: 'prod' },
      { key: 'code', action: 'update', value: 1 },
      { key: 'copy', action: 'upsert', from_attribute: 'list' },
      { key: 'fallback', action: 'insert', from_attribute: 'missing', default_value: 'none' },
      { key: 'count', action: 'hash' },
      { pattern: '^(fl|rat|db)', action: 'hash' },
      { key: 'nothing', action: 'delete' },
      { key: 'url.full', action: 'extract', pattern: '^(?P<scheme>[a-z]+)://(?P<rest>.*)$' },
      { key: 'n', action: 'convert', converted_type: 'string' },
      { key: 'path', action: 'convert', converted_type: 'int' },
      { key: 'list', action: 'convert', converted_type: 'string' },
    ),
  ],
  [
    'resource',
    {
      resource: {
        attributes: [
          { key: 'env', value: 'prod', action: 'upsert' },
          { key: 'host.name', action: 'hash' },
          { key: 'replicas', action: 'delete' },
        ],
      },
    },
  ],
  ['redaction, of nothing', { redaction: { allow_all_keys: true, blocked_values: ['^$'] } }],
  ['redaction, masks', { redaction: { ...masks, blocked_key_patterns: ['authorization$', '^nothing$'] } }],
  ['redaction, told with keys', { redaction: { ...masks, ignored_keys: ['db.statement'], allowed_values: ['^GET'], summary: 'debug' } }],
  [
    'redaction, allowed keys',
    { redaction: { allowed_keys: ['code', 'n', 'user', 'message', 'service.name'], blocked_values: ['e'], summary: 'info' } },
  ],
  [
    'redaction, all types, hashed',
    { redaction: { ...masks, redact_all_types: true, hash_function: 'sha3', blocked_key_patterns: ['^ratio'] } },
  ],
  [
    'one after the other',
    {
      ...filter({ trace_conditions: ['span.kind == SPAN_KIND_CLIENT'] }),
      ...actions({ key: 'x', action: 'upsert', value: 'token=5' }),
      redaction: masks,
    },
  ],
]

async function through(configure: (ports: Otlp, sink: string) => Configuration): Promise<void> {
  await using direct = await Sink.start()
  await using turned = await Sink.start()
  await using collector = await Collector.start(ports => configure(ports, `http://${LOOPBACK}:${direct.httpPort}`))
  await using turns = await Collector.start(ports => otlpTo(ports, { 'otlp_http/sink': toHttp(turned.httpPort, plain) }))
  await using thalamus = await Thalamus.start(ports => configure(ports, `http://${LOOPBACK}:${turns.httpPort}`))
  for (const signal of SIGNALS) {
    for (const body of [data[signal], written[signal]]) {
      for (const to of [collector, thalamus]) {
        const headers = { 'content-type': 'application/json' }
        const response = await fetch(`http://${LOOPBACK}:${to.httpPort}/v1/${signal}`, {
          method: 'POST',
          headers,
          body: JSON.stringify(body),
        })
        expect(response.status, `${signal} ${await response.text()}`).toBe(200)
      }
    }
  }
  for (const signal of SIGNALS) {
    let before = -1
    // The Collector answers before it has sent: what it sends is all here when nothing more comes.
    await eventually(`${signal} to rest`, async () => {
      const now = rows(signal, direct.json(signal)).length
      if (now === before) return true
      before = now
      await pause(400)
      return false
    })
    const want = unordered(rows(signal, direct.json(signal)))
    await eventually(`${want.length} ${signal}\n${thalamus.server.output}`, () => rows(signal, turned.json(signal)).length >= want.length)
    expect(unordered(rows(signal, turned.json(signal)))).toEqual(want)
  }
}

/** Attributes are a set: where one is removed the Collector moves the last into its place. */
function unordered(list: readonly string[]): string[] {
  const byKey = (a: { key: string }, b: { key: string }) => (a.key < b.key ? -1 : Number(a.key > b.key))
  const sorted = (name: string, value: unknown) => (name === 'attributes' && Array.isArray(value) ? value.toSorted(byKey) : value)
  return list.map(row => JSON.stringify(JSON.parse(row, sorted))).sort()
}

describe('equal through both', () => {
  test.each(cases)('%s', async (_, processors) => {
    await through((ports, sink) => otlpTo(ports, { 'otlp_http/sink': { endpoint: sink, ...plain } }, processors))
  })

  test('several pipelines of a signal, joined by forward', async () => {
    await through((ports, sink) => {
      const one = otlpTo(ports, { 'otlp_http/sink': { endpoint: sink, ...plain } })
      const pipelines = Object.fromEntries(
        SIGNALS.flatMap(signal => [
          [`${signal}/in`, { receivers: ['otlp'], exporters: ['forward'] }],
          [`${signal}/a`, { receivers: ['forward'], processors: ['resource/a'], exporters: ['otlp_http/sink'] }],
          [`${signal}/b`, { receivers: ['forward'], processors: ['resource/b'], exporters: ['otlp_http/sink'] }],
        ]),
      )
      const mark = (value: string) => ({ attributes: [{ key: 'way', action: 'insert', value }] })
      return {
        ...one,
        processors: { 'resource/a': mark('a'), 'resource/b': mark('b') },
        connectors: { forward: {} },
        service: { pipelines },
      } as Configuration
    })
  })
})
