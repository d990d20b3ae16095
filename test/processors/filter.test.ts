import { describe, expect, test } from 'vitest'
import { PermanentError } from '../../src/component/errors.ts'
import type { AnyBatch } from '../../src/model/batch.ts'
import { Raw } from '../../src/model/raw.ts'
import type { Signal } from '../../src/model/signal.ts'
import { protobufToJson } from '../../src/otlp/json.ts'
import { encode } from '../../src/otlp/write.ts'
import filter from '../../src/processors/filter/index.ts'
import { processorContract, surroundings } from '../kit/contract.ts'
import { requestOf } from '../kit/otlp.ts'

processorContract({ factory: filter })
processorContract({
  factory: filter,
  settings: {
    trace_conditions: ['span.name == "no such span"'],
    metric_conditions: ['datapoint.attributes["no"] == "such"'],
    log_conditions: ['log.body == "no such body"'],
  },
})

function set(signal: Signal, settings: object) {
  const { cx, ledger } = surroundings('processor', 'filter')
  const passed: AnyBatch[] = []
  const next = { reserve() {}, consume: async (batch: AnyBatch) => void passed.push(batch) }
  const make = filter.create[signal] as (...given: unknown[]) => { consume(batch: AnyBatch): Promise<void> }
  const component = make(cx, filter.config.parse(settings), next)
  const account = cx.account(signal)
  const send = async (request: object) => {
    const batch = cx.reader.read(signal, Raw.of(encode(signal, request)))
    await component.consume(batch)
    expect(ledger.imbalance).toBe(0)
    return batch
  }
  return { cx, component, account, passed, send, json: () => passed.map(batch => protobufToJson(signal, batch.raw.bytes())) }
}

const span = (name: string, more: object = {}) => ({ traceId: '01'.repeat(16), spanId: '02'.repeat(8), name, ...more })
const traces = (resources: Record<string, object[]>) => ({
  resourceSpans: Object.entries(resources).map(([service, spans]) => ({
    resource: { attributes: { 'service.name': service } },
    scopeSpans: [{ scope: { name: `${service} lib`, version: '1' }, spans }],
  })),
})
const gauge = (name: string, ...values: number[]) => ({
  name,
  gauge: { dataPoints: values.map(asDouble => ({ asDouble, attributes: { v: String(asDouble) } })) },
})
const metrics = (resources: Record<string, object[]>) => ({
  resourceMetrics: Object.entries(resources).map(([service, all]) => ({
    resource: { attributes: { 'service.name': service } },
    scopeMetrics: [{ scope: { name: 'lib' }, metrics: all }],
  })),
})
const record = (severityNumber: number, body: unknown, attributes: object = {}) => ({
  severityNumber,
  severityText: `S${severityNumber}`,
  body,
  attributes,
})
const logs = (resources: Record<string, object[]>) => ({
  resourceLogs: Object.entries(resources).map(([service, logRecords]) => ({
    resource: { attributes: { 'service.name': service } },
    scopeLogs: [{ scope: { name: 'lib' }, logRecords }],
  })),
})

type Row = readonly [what: string, settings: object, left: object, filtered: number]

describe('spans', () => {
  const all = traces({
    a: [span('GET /', { kind: 2, attributes: { n: 1 } }), span('work', { kind: 1, events: [{ name: 'one' }, { name: 'two' }] })],
    b: [span('GET /', { kind: 3, attributes: { n: 2 } })],
  })
  const [aGet, aWork] = all.resourceSpans[0]!.scopeSpans[0]!.spans as [object, object]
  const [bGet] = all.resourceSpans[1]!.scopeSpans[0]!.spans as [object]
  test.each<Row>([
    ['by name', { trace_conditions: ['span.name == "GET /"'] }, traces({ a: [aWork] }), 2],
    ['of a resource', { trace_conditions: ['resource.attributes["service.name"] == "a"'] }, traces({ b: [bGet] }), 2],
    ['of a scope', { trace_conditions: ['scope.name == "b lib"'] }, traces({ a: [aGet, aWork] }), 1],
    ['by any condition', { trace_conditions: ['span.name == "work"', 'span.attributes["n"] == 2'] }, traces({ a: [aGet] }), 2],
    [
      'in groups',
      { trace_conditions: [{ context: 'span', conditions: ['name == "work"'] }, { conditions: ['span.kind == SPAN_KIND_CLIENT'] }] },
      traces({ a: [aGet] }),
      2,
    ],
    ['the older way', { traces: { span: ['name == "work"', 'resource.attributes["service.name"] == "b"'] } }, traces({ a: [aGet] }), 2],
    ['the older way, resources', { traces: { resource: ['attributes["service.name"] == "b"'] } }, traces({ a: [aGet, aWork] }), 1],
    [
      'events only',
      { trace_conditions: ['spanevent.name == "one"'] },
      traces({ a: [aGet, { ...aWork, events: [{ name: 'two' }] }], b: [bGet] }),
      0,
    ],
    ['events, the older way', { traces: { spanevent: ['true'] } }, traces({ a: [aGet, { ...aWork, events: undefined }], b: [bGet] }), 0],
    ['include by name', { spans: { include: { match_type: 'strict', span_names: ['work'] } } }, traces({ a: [aWork] }), 2],
    ['exclude by service', { spans: { exclude: { match_type: 'regexp', services: ['^[b-z]'] } } }, traces({ a: [aGet, aWork] }), 1],
    [
      'include and exclude',
      {
        spans: { include: { match_type: 'strict', services: ['a'] }, exclude: { match_type: 'strict', span_kinds: ['SPAN_KIND_SERVER'] } },
      },
      traces({ a: [aWork] }),
      2,
    ],
    [
      'by attribute',
      { spans: { exclude: { match_type: 'strict', attributes: [{ key: 'n', value: 1 }] } } },
      traces({ a: [aWork], b: [bGet] }),
      1,
    ],
    ['by attribute of any value', { spans: { exclude: { match_type: 'strict', attributes: [{ key: 'n' }] } } }, traces({ a: [aWork] }), 2],
    ['by attribute of another type', { spans: { exclude: { match_type: 'strict', attributes: [{ key: 'n', value: '1' }] } } }, all, 0],
    [
      'by library',
      { spans: { include: { match_type: 'strict', libraries: [{ name: 'b lib', version: '1' }] } } },
      traces({ b: [bGet] }),
      2,
    ],
    ['nothing', {}, all, 0],
  ])('%s', async (_, settings, left, filtered) => {
    const { send, json, account } = set('traces', settings)
    await send(all)
    expect(json()).toEqual([protobufToJson('traces', encode('traces', left))])
    expect(account).toMatchObject({ accepted: 3, taken: 3 - filtered, droppedTotal: filtered })
    expect(account.dropped.get('filtered') ?? 0).toBe(filtered)
  })
})

describe('metrics', () => {
  const all = metrics({ a: [gauge('x', 1, 2), gauge('y', 3)], b: [gauge('x', 4), { name: 'z' }] })
  test.each<Row>([
    ['by name', { metric_conditions: ['metric.name == "x"'] }, metrics({ a: [gauge('y', 3)] }), 3],
    [
      'without a type',
      { metric_conditions: ['metric.type == METRIC_DATA_TYPE_NONE'] },
      metrics({ a: [gauge('x', 1, 2), gauge('y', 3)], b: [gauge('x', 4)] }),
      0,
    ],
    ['data points by value', { metric_conditions: ['datapoint.value_double >= 2.0'] }, metrics({ a: [gauge('x', 1)] }), 3],
    [
      'data points by series',
      { metric_conditions: ['metric.name == "x" and datapoint.attributes["v"] == "2"'] },
      metrics({ a: [gauge('x', 1), gauge('y', 3)], b: [gauge('x', 4), { name: 'z' }] }),
      1,
    ],
    ['the older way', { metrics: { metric: ['name == "x"'], datapoint: ['attributes["v"] == "3"'] } }, undefined as unknown as object, 4],
    ['include by name', { metrics: { include: { match_type: 'strict', metric_names: ['y'] } } }, metrics({ a: [gauge('y', 3)] }), 3],
    [
      'exclude by pattern',
      { metrics: { exclude: { match_type: 'regexp', metric_names: ['^[yz]$'] } } },
      metrics({ a: [gauge('x', 1, 2)], b: [gauge('x', 4)] }),
      1,
    ],
    [
      'include by resource',
      { metrics: { include: { match_type: 'strict', resource_attributes: [{ key: 'service.name', value: 'a' }] } } },
      metrics({ a: [gauge('x', 1, 2), gauge('y', 3)] }),
      1,
    ],
  ])('%s', async (_, settings, left, filtered) => {
    const { send, json, account } = set('metrics', settings)
    await send(all)
    expect(json()).toEqual(left === undefined ? [] : [protobufToJson('metrics', encode('metrics', left))])
    expect(account).toMatchObject({ accepted: 4, taken: 4 - filtered, droppedTotal: filtered })
  })

  test('a series is asked once', async () => {
    const { send, passed } = set('metrics', { metric_conditions: ['datapoint.attributes["v"] == "2"'] })
    await send(all)
    await send(all)
    await send(metrics({ a: [gauge('x', 2, 5)] }))
    expect(passed.map(batch => batch.rows)).toEqual([3, 3, 1])
  })
})

describe('log records', () => {
  const all = logs({
    a: [record(9, { stringValue: 'GET /' }, { k: 'v' }), record(17, { stringValue: 'failed' })],
    b: [record(0, { intValue: 5 })],
  })
  const [info, error] = all.resourceLogs[0]!.scopeLogs[0]!.logRecords as [object, object]
  const [none] = all.resourceLogs[1]!.scopeLogs[0]!.logRecords as [object]
  test.each<Row>([
    ['by severity', { log_conditions: ['log.severity_number < SEVERITY_NUMBER_WARN'] }, logs({ a: [error] }), 2],
    ['by body', { log_conditions: ['IsMatch(log.body, "^(GET|5)")'] }, logs({ a: [error] }), 2],
    ['the older way', { logs: { log_record: ['attributes["k"] == "v"'] } }, logs({ a: [error], b: [none] }), 1],
    ['include by severity', { logs: { include: { match_type: 'strict', severity_number: { min: 'error' } } } }, logs({ a: [error] }), 2],
    [
      'include by severity or none',
      { logs: { include: { match_type: 'strict', severity_number: { min: '17', match_undefined: true } } } },
      logs({ a: [error], b: [none] }),
      1,
    ],
    ['exclude by body', { logs: { exclude: { match_type: 'regexp', bodies: ['^fail', '^5$'] } } }, logs({ a: [info] }), 2],
    [
      'include by record',
      { logs: { include: { match_type: 'regexp', record_attributes: [{ key: 'k', value: '.' }] } } },
      logs({ a: [info] }),
      2,
    ],
    [
      'exclude by severity text',
      { logs: { exclude: { match_type: 'strict', severity_texts: ['S9'] } } },
      logs({ a: [error], b: [none] }),
      1,
    ],
    ['properties that say nothing', { logs: { include: { match_type: 'strict' } } }, all, 0],
  ])('%s', async (_, settings, left, filtered) => {
    const { send, json, account } = set('logs', settings)
    await send(all)
    expect(json()).toEqual([protobufToJson('logs', encode('logs', left))])
    expect(account).toMatchObject({ accepted: 3, taken: 3 - filtered, droppedTotal: filtered })
  })
})

test('a batch from which nothing goes is handed on as the same object; one of which nothing is left is not', async () => {
  const { send, passed } = set('traces', { trace_conditions: ['span.name == "x"'] })
  const batch = await send(traces({ a: [span('y')] }))
  await send(traces({ a: [span('x')] }))
  expect(passed).toEqual([batch])
  expect(passed[0]).toBe(batch)
})

test('unknown fields of what stays survive', async () => {
  const { cx, component, passed } = set('traces', { trace_conditions: ['span.kind == 2'] })
  const bytes = requestOf.traces({ odd: true, resources: 3, scopes: 2, points: 6, attributes: 2 }, 11)
  const batch = cx.reader.read('traces', Raw.of(bytes))
  await component.consume(batch)
  const servers = batch.spans.kind.reduce((sum, kind) => sum + Number(kind === 2), 0)
  expect(servers).toBeGreaterThan(0)
  const left = passed[0]!
  expect(left.rows).toBe(batch.rows - servers)
  const rows = (of: typeof batch) =>
    Array.from(of.spans.from, (from, i) => Buffer.from(of.raw.bytes().subarray(from, of.spans.to[i]!)).toString('hex'))
  const kept = rows(batch).filter((_, i) => batch.spans.kind[i] !== 2)
  expect(rows(left as typeof batch)).toEqual(kept)
})

describe('a value that cannot be had', () => {
  const wrong = 'span.attributes["n"]["x"] == 1'
  const all = traces({ a: [span('a', { attributes: { n: 1 } }), span('b')] })
  test('ignore logs it, and asks the next condition', async () => {
    const { send, passed, cx } = set('traces', { trace_conditions: [wrong, 'span.name == "a"'] })
    await send(all)
    expect(passed[0]!.rows).toBe(1)
    expect(cx.lines.map(({ message, fields }) => [message, fields['condition']])).toEqual([['a condition could not be evaluated', wrong]])
  })
  test('silent does not, for a group', async () => {
    const { send, cx } = set('traces', { error_mode: 'propagate', trace_conditions: [{ error_mode: 'silent', conditions: [wrong] }] })
    await send(all)
    expect(cx.lines).toEqual([])
  })
  test('propagate refuses the batch', async () => {
    const { send, passed, account } = set('traces', { error_mode: 'propagate', trace_conditions: [wrong] })
    await expect(send(all)).rejects.toThrow(PermanentError)
    expect(passed).toEqual([])
    expect(account.accepted).toBe(0)
  })
})
