import { describe, expect, test } from 'vitest'
import type { Connector } from '../../src/component/component.ts'
import { RetryableError } from '../../src/component/errors.ts'
import { compileGlob } from '../../src/connectors/span_metrics/glob.ts'
import spanMetrics from '../../src/connectors/span_metrics/index.ts'
import type { MetricBatch } from '../../src/model/batch.ts'
import { Raw } from '../../src/model/raw.ts'
import { encode } from '../../src/otlp/write.ts'
import { connectorContract, surroundings } from '../kit/contract.ts'

connectorContract({ factory: spanMetrics, from: 'traces', dropReasons: [] })

interface Span {
  readonly service?: string
  readonly host?: string
  readonly name?: string
  readonly kind?: number
  readonly status?: number
  /** ms */
  readonly took?: number
  readonly attributes?: Readonly<Record<string, unknown>>
  readonly traceId?: string
}

function request(spans: readonly Span[]): object {
  return {
    resourceSpans: spans.map(({ service = 'shop', host, name = 'GET /', kind = 2, status = 0, took = 3, attributes = {}, traceId }) => ({
      resource: { attributes: { ...(service === '' ? {} : { 'service.name': service }), ...(host === undefined ? {} : { host }) } },
      scopeSpans: [
        {
          spans: [
            {
              ...{
                traceId: traceId ?? '0af7651916cd43dd8448eb211c80319c',
                spanId: 'b7ad6b7169203331',
                name,
                kind,
                status: { code: status },
              },
              ...{ startTimeUnixNano: 1_000_000_000n, endTimeUnixNano: 1_000_000_000n + BigInt(took * 1e6), attributes },
            },
          ],
        },
      ],
    })),
  }
}

function setUp(settings: object = {}) {
  const { cx, clock, ledger } = surroundings('connector', 'span_metrics')
  const told: { name: string; attributes: Record<string, unknown>; value: number; startMs: number; timeMs: number; exemplars: number }[] =
    []
  let manner: () => void = () => {}
  const next = {
    reserve() {},
    async consume(batch: MetricBatch) {
      manner()
      const take = (rows: MetricBatch['numbers'] | MetricBatch['histograms'], values: Float64Array, group: number) => {
        for (let i = 0; i < rows.length; i++) {
          const { name, attributes } = batch.dictionary.series(rows.series[i]!)
          const exemplars = [...batch.exemplars.row].filter((row, e) => row === i && batch.exemplars.group[e] === group).length
          const plain = Object.fromEntries(attributes.filter(([key]) => key !== 'collector.instance.id')) as Record<string, unknown>
          told.push({ name, attributes: plain, value: values[i]!, startMs: rows.start[i]!, timeMs: rows.time[i]!, exemplars })
        }
      }
      take(batch.numbers, batch.numbers.value, 0)
      take(batch.histograms, batch.histograms.count, 1)
    },
  }
  const component = spanMetrics.create.traces!(cx, spanMetrics.config.parse(settings), { metrics: next }) as Connector<'traces'>
  const send = (...spans: Span[]) => component.consume(cx.reader.read('traces', Raw.of(encode('traces', request(spans)))))
  /** What was told since the last look. */
  const look = () => told.splice(0)
  const calls = () => look().filter(({ name }) => name.endsWith('calls'))
  return { cx, clock, ledger, component, send, look, calls, answer: (how: () => void) => void (manner = how) }
}

test('a counter says 0 first, so that its first spans are an increase; the histogram says all at once', async () => {
  const { clock, component, send, look } = setUp()
  await component.start?.()
  await send({ took: 3 }, { took: 7 }, { status: 2 })
  await clock.advance(60_000)
  const values = () => look().map(({ name, attributes, value }) => [name, attributes['status.code'], value])
  expect(values()).toEqual([
    ['traces.span.metrics.calls', 'STATUS_CODE_UNSET', 0],
    ['traces.span.metrics.calls', 'STATUS_CODE_ERROR', 0],
    ['traces.span.metrics.duration', 'STATUS_CODE_UNSET', 2],
    ['traces.span.metrics.duration', 'STATUS_CODE_ERROR', 1],
  ])
  await clock.advance(60_000)
  expect(values().map(([, , value]) => value)).toEqual([2, 1, 2, 1])
  await component.shutdown?.(AbortSignal.timeout(1000))
})

test('at shutdown what was never told is told in full, and what is charged is given back', async () => {
  const { cx, component, send, calls } = setUp()
  await component.start?.()
  await send({}, {})
  expect(cx.budget.used).toBeGreaterThan(500)
  await component.shutdown?.(AbortSignal.timeout(1000))
  expect(calls().map(({ value }) => value)).toEqual([2])
  expect(cx.budget.used).toBe(0)
})

test('delta: a point begins where the last one of its series ended', async () => {
  const { clock, component, send, calls } = setUp({ aggregation_temporality: 'AGGREGATION_TEMPORALITY_DELTA' })
  const start = clock.now()
  await component.start?.()
  await clock.advance(1000)
  await send({}, {})
  await clock.advance(59_000)
  await send({})
  await clock.advance(60_000)
  await clock.advance(60_000)
  expect(calls().map(({ value, startMs, timeMs }) => [value, startMs - start, timeMs - start])).toEqual([
    [2, 1000, 60_000],
    [1, 60_000, 120_000],
  ])
  await component.shutdown?.(AbortSignal.timeout(1000))
})

test('series that are too many become one, and make room when they expire', async () => {
  const { clock, component, send, calls } = setUp({ aggregation_cardinality_limit: 2, series_expiration: '90s' })
  await component.start?.()
  await send(...['a', 'b', 'c', 'd', 'c'].map(name => ({ name })))
  await clock.advance(60_000)
  calls()
  await clock.advance(60_000)
  const told = () => calls().map(({ attributes, value }) => [attributes['span.name'] ?? attributes['otel.metric.overflow'], value])
  expect(told()).toEqual([
    ['a', 1],
    ['b', 1],
    [true, 3],
  ])
  await send({ name: 'd' })
  await clock.advance(120_000)
  expect(told()).toEqual([
    ['d', 0],
    ['d', 1],
  ])
  await component.shutdown?.(AbortSignal.timeout(1000))
})

test('a resource without spans for long is told no more, and begins anew', async () => {
  const { clock, component, send, calls } = setUp({ metrics_expiration: '100s' })
  await component.start?.()
  await send({ service: 'a' }, { service: 'b' })
  await clock.advance(60_000)
  await send({ service: 'b' })
  calls()
  await clock.advance(60_000)
  const told = () => calls().map(({ attributes, value }) => [attributes['service.name'], value])
  expect(told()).toEqual(
    [
      ['b', 2],
      ['a', 1],
    ].sort(),
  )
  await clock.advance(60_000)
  expect(told()).toEqual([['b', 2]])
  await send({ service: 'a' })
  await clock.advance(120_000)
  expect(told().filter(([service]) => service === 'a')).toEqual([
    ['a', 0],
    ['a', 1],
  ])
  await component.shutdown?.(AbortSignal.timeout(1000))
})

test('of too many resources the idle one is told once more; seen again before that, it stays', async () => {
  const { clock, component, send, calls } = setUp({ resource_metrics_cache_size: 2 })
  await component.start?.()
  await send({ service: 'a' }, { service: 'b' }, { service: 'c' }, { service: 'a' })
  await clock.advance(60_000)
  const services = () => calls().map(({ attributes }) => attributes['service.name'])
  expect(services()).toEqual(['c', 'a', 'b'])
  await clock.advance(60_000)
  expect(services()).toEqual(['c', 'a'])
  await component.shutdown?.(AbortSignal.timeout(1000))
})

test('ids that were freed and name something else now are not mistaken', async () => {
  const { cx, clock, component, send, calls } = setUp({ resource_metrics_key_attributes: ['service.name'] })
  await component.start?.()
  await send({ service: 'a', name: 'one' })
  await clock.advance(30_000)
  cx.reader.sweep(clock.now(), 0)
  await send({ service: 'b', name: 'two' })
  await clock.advance(90_000)
  expect(calls().map(({ attributes, value }) => [attributes['service.name'], attributes['span.name'], value])).toEqual([
    ['a', 'one', 0],
    ['b', 'two', 0],
    ['a', 'one', 1],
    ['b', 'two', 1],
  ])
  await component.shutdown?.(AbortSignal.timeout(1000))
})

test('exemplars are kept for one flush, and as many as allowed', async () => {
  const { clock, component, send, look } = setUp({ exemplars: { enabled: true, max_per_data_point: 2 } })
  await component.start?.()
  await send({}, {}, {}, { name: 'no trace', traceId: '' })
  await clock.advance(60_000)
  expect(look().map(({ attributes, exemplars }) => [attributes['span.name'], exemplars])).toEqual([
    ['GET /', 2],
    ['no trace', 0],
    ['GET /', 2],
    ['no trace', 0],
  ])
  await clock.advance(60_000)
  expect(look().map(({ exemplars }) => exemplars)).toEqual([0, 0, 0, 0])
  await component.shutdown?.(AbortSignal.timeout(1000))
})

test('metrics that nobody takes are dropped and counted, and cumulative ones are told again', async () => {
  const { clock, component, ledger, send, look, cx, answer } = setUp()
  answer(() => {
    throw new RetryableError('not now')
  })
  await component.start?.()
  await send({})
  await clock.advance(60_000)
  answer(() => {})
  expect(cx.account('metrics')).toMatchObject({ accepted: 2, taken: 0 })
  expect(cx.account('metrics').dropped.get('refused')).toBe(2)
  expect(cx.lines.map(({ level, message }) => [level, message])).toEqual([['warn', 'metrics of spans were refused']])
  await clock.advance(60_000)
  expect(look()).toHaveLength(2)
  expect(ledger.imbalance).toBe(0)
  await component.shutdown?.(AbortSignal.timeout(1000))
})

test('many series go out in several requests', async () => {
  const { clock, component, send, look } = setUp({ dimensions: [{ name: 'n' }] })
  await component.start?.()
  for (let from = 0; from < 12_000; from += 1000) {
    await send(...Array.from({ length: 1000 }, (_, i) => ({ attributes: { n: from + i } })))
  }
  await clock.advance(60_000)
  expect(new Set(look().map(({ name, attributes }) => `${name} ${attributes['n']}`)).size).toBe(24_000)
  await component.shutdown?.(AbortSignal.timeout(1000))
})

test('the setting without effect is said', async () => {
  const { component, cx } = setUp({ dimensions_cache_size: 5 })
  await component.start?.()
  expect(cx.lines).toMatchObject([{ level: 'warn', fields: { setting: 'dimensions_cache_size' } }])
  await component.shutdown?.(AbortSignal.timeout(1000))
})

describe('settings that contradict themselves', () => {
  test.each([
    [{ dimensions: [{}] }, 'must have either "name" or "glob"'],
    [{ dimensions: [{ name: 'a', glob: 'b' }] }, 'must have either "name" or "glob"'],
    [{ dimensions: [{ glob: 'a', default: 'b' }] }, 'must not be given with "glob"'],
    [{ dimensions: [{ glob: '[' }] }, 'must be a pattern such as "k8s.*.name"'],
    [{ dimensions: [{ name: 'a' }, { name: 'a' }] }, 'must be no dimension twice: "a"'],
    [{ calls_dimensions: [{ name: 'span.kind' }] }, 'must be no dimension twice: "span.kind"'],
    [{ dimensions: [{ glob: 'span.*' }] }, 'must not match the dimension "span.name"'],
    [{ histogram: { explicit: {}, exponential: {} } }, 'must have either "explicit" or "exponential"'],
    [{ histogram: { explicit: { buckets: ['2ms', '1ms'] } } }, 'must ascend'],
    [{ events: { enabled: true } }, 'must have "dimensions" when enabled'],
  ])('%j: %s', (settings, message) => {
    const result = spanMetrics.config.safeParse(settings)
    expect(result.error?.issues.map(issue => issue.message)).toEqual([message])
  })
})

test.each([
  ['http.*', ['http.method'], ['http.request.method', 'xhttp.method', 'http']],
  ['http.**', ['http.method', 'http.request.method'], ['http']],
  ['h?st', ['host'], ['h.st', 'hoost']],
  ['{a,b.*}.c', ['a.c', 'b.x.c'], ['b.c', 'c']],
  ['[a-c]x[!1]', ['ax2', 'cxx'], ['dx2', 'ax1']],
  ['a\\*b', ['a*b'], ['axb']],
  ['a+(b)', ['a+(b)'], ['aab']],
])('the pattern %s', (glob, matches, others) => {
  const pattern = compileGlob(glob)!
  expect(matches.filter(key => !pattern.test(key))).toEqual([])
  expect(others.filter(key => pattern.test(key))).toEqual([])
})
test.each(['{a', '[a', 'a\\'])('%s is no pattern', glob => expect(compileGlob(glob)).toBeUndefined())
