import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { readSettings } from '../../src/register/settings.ts'

test('without a variable everything goes to localhost', () => {
  const settings = readSettings({})
  expect([settings.traces, settings.metrics, settings.logs, settings.problems]).toEqual([['otlp'], ['otlp'], ['otlp'], []])
  expect(settings.destinations.traces).toMatchObject({ protocol: 'http/json', url: 'http://localhost:4318/v1/traces', headers: {} })
  expect(settings.prometheus).toEqual({ host: 'localhost', port: 9464, portAskedFor: false })
})

test.each<[string, Record<string, string>, string, string]>([
  ['the base has a path and a slash', { OTEL_EXPORTER_OTLP_ENDPOINT: 'https://a/b/' }, 'https://a/b/v1/traces', 'https://a/b/v1/logs'],
  ['a signal of its own, as it is', { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://t/x' }, 'http://t/x', 'http://localhost:4318/v1/logs'],
  ['gRPC has no path', { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }, 'http://localhost:4317', 'http://localhost:4317'],
])('%s', (_, env, traces, logs) => {
  const { destinations } = readSettings(env)
  expect([destinations.traces.url, destinations.logs.url]).toEqual([traces, logs])
})

test('headers of one signal go before those of all', () => {
  const { destinations } = readSettings({
    OTEL_EXPORTER_OTLP_HEADERS: 'Authorization=Basic%20x, b = 1',
    OTEL_EXPORTER_OTLP_LOGS_HEADERS: 'b=2',
  })
  expect(destinations.traces.headers).toEqual({ authorization: 'Basic x', b: '1' })
  expect(destinations.logs.headers).toEqual({ authorization: 'Basic x', b: '2' })
})

test('none is nothing, whatever stands beside it', () => {
  expect(readSettings({ OTEL_METRICS_EXPORTER: 'prometheus,none' }).metrics).toEqual([])
  expect(readSettings({ OTEL_METRICS_EXPORTER: 'prometheus, otlp' }).metrics).toEqual(['prometheus', 'otlp'])
})

test.each<[Record<string, string>, string]>([
  [{ OTEL_LOGS_EXPORTER: 'oltp' }, 'OTEL_LOGS_EXPORTER: unknown "oltp"; known: otlp, console, none'],
  [{ OTEL_PROPAGATORS: 'xray' }, 'OTEL_PROPAGATORS: unknown "xray"; known: tracecontext, baggage, b3, b3multi, jaeger, none'],
  [{ OTEL_METRIC_EXPORT_INTERVAL: '-1' }, 'OTEL_METRIC_EXPORT_INTERVAL: must be a number of at least 1, got "-1"; it is 60000'],
  [
    { OTEL_EXPORTER_OTLP_PROTOCOL: 'http' },
    'OTEL_EXPORTER_OTLP_PROTOCOL: unknown "http"; it is http/json; known: http/json, http/protobuf, grpc',
  ],
])('%o is said', (env, problem) => expect(readSettings(env).problems).toEqual([problem]))

test('docs/register.md has every variable that is read, and no other of ours', () => {
  const page = readFileSync(new URL('../../docs/register.md', import.meta.url), 'utf8')
  const source = ['settings', 'begin'].map(name => readFileSync(new URL(`../../src/register/${name}.ts`, import.meta.url), 'utf8')).join('')
  const read = [...source.matchAll(/'((?:OTEL|THALAMUS)_[A-Z_]+)'/g)].map(([, name]) => name!).filter(name => !/^OTEL_BL?S?RP?$/.test(name))
  expect(read.length).toBeGreaterThan(15)
  expect(read.filter(name => !page.includes(name))).toEqual([])
  const ours = [...page.matchAll(/THALAMUS_[A-Z_]+/g)].map(([name]) => name)
  expect(ours.filter(name => !source.includes(name))).toEqual([])
})
