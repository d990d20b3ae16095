/** Whatever is asked, the answer is an answer or a refusal in Prometheus's words: never a bug, never silence. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createEngine } from '../../../src/promql/engine.ts'
import { seeded } from '../../kit/context.ts'
import { MemoryStore } from '../../kit/memory-store.ts'
import { now, type Served, serve } from './serving.ts'

const store = new MemoryStore().load(
  `up{job="a"} 0 1 1 1
   up{job="b"} 1 1 NaN stale
   h{job="a"} {{schema:0 sum:5 count:4 buckets:[1 2 1]}}x3
   h_bucket{le="1"} 1 2 3 4
   h_bucket{le="+Inf"} 2 3 4 5`,
  now - 45_000,
  15_000,
)
let api: Served
beforeAll(async () => {
  api = await serve(store, createEngine)
})
afterAll(() => api[Symbol.asyncDispose]())

const random = seeded(2026)
const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!

const paths = [
  'query',
  'query_range',
  'query_exemplars',
  'series',
  'labels',
  'label/job/values',
  'label/U__a_zz_/values',
  'label/%2F/values',
]
const more = [
  'metadata',
  'format_query',
  'parse_query',
  'rules',
  'alerts',
  'targets',
  'status/tsdb',
  'status/flags',
  'read',
  '../../federate',
]
const names = [
  'query',
  'time',
  'start',
  'end',
  'step',
  'timeout',
  'lookback_delta',
  'limit',
  'stats',
  'match[]',
  'metric',
  'limit_per_metric',
  'x',
]
const texts = [
  ...[
    '',
    '0',
    '-1',
    '1',
    '1e308',
    '-1e308',
    'NaN',
    'Inf',
    '-Inf',
    '1e-320',
    '9223372036854775807',
    '18446744073709551616',
    '0x1p-3',
    '1_0',
  ],
  ...[
    '5m',
    '-5m',
    '1y1y',
    '1.5h',
    '2015-07-01T20:10:51.781Z',
    '9999-99-99T99:99:99Z',
    '-292273086-05-16T16:47:06Z',
    '292277025-08-18T07:12:54.999999999Z',
  ],
  ...[
    '\0',
    '\ud83d\ude00',
    '\ufffd',
    '"',
    '{',
    '}',
    '{}',
    '{__name__=""}',
    '{__name__=~".*"}',
    '{__name__=~"(a+)+$"}',
    '{"a b"="c"}',
    '{a=~"["}',
  ],
  ...[
    'up',
    'up{job="a"}',
    'rate(up[5m])',
    'h',
    'sum(h)',
    'histogram_quantile(0.9, h)',
    'histogram_quantile(0.9, h_bucket)',
    'up[5m]',
    'up[5m:1ms]',
  ],
  ...[
    'up @ end()',
    'up @ 1e300',
    'up offset 1000y',
    'topk(1e300, up)',
    'topk(NaN, up)',
    'quantile(up, up)',
    'count_values("", up)',
    'label_replace(up, "a", "$1", "job", "(.*")',
  ],
  ...[
    'up + on() up',
    'up * on() group_left up',
    'vector(1) / 0',
    '"text"',
    '1',
    'time()',
    'absent(nothing)',
    'sort(up)',
    'up unless up',
    'avg_over_time(up[1000000h])',
  ],
  ...[
    '('.repeat(5000),
    '-'.repeat(5000),
    `${'1+'.repeat(3000)}1`,
    'a'.repeat(100_000),
    `{a=~"${'(a|'.repeat(500)}b${')'.repeat(500)}"}`,
    `${'sum('.repeat(900)}up${')'.repeat(900)}`,
  ],
]

test('two thousand questions drawn by chance', async () => {
  const seen = new Map<number, number>()
  for (let i = 0; i < 2000; i++) {
    const path = pick(random() < 0.8 ? paths : more)
    const parameters = new URLSearchParams()
    for (let k = 0; k < 1 + random() * 6; k++) parameters.append(pick(names), pick(texts))
    // Most questions get as far as their expression.
    if (random() < 0.7)
      for (const [name, value] of [
        ['start', String(now / 1000 - 60)],
        ['end', String(now / 1000)],
        ['step', '15'],
        ['time', String(now / 1000)],
      ])
        if (random() < 0.8) parameters.set(name!, value!)
    if (random() < 0.6) parameters.set('query', pick(texts))
    const url = `${api.url}/api/v1/${path}`
    const get = random() < 0.3 && String(parameters).length < 10_000
    const response = await (get ? fetch(`${url}?${parameters}`) : fetch(url, { method: 'POST', body: parameters }))
    const text = await response.text()
    if (![200, 204, 400, 404, 405, 413, 422, 503].includes(response.status)) {
      expect({ path, parameters: String(parameters).slice(0, 500), status: response.status, text: text.slice(0, 300) }).toBeUndefined()
    }
    if (response.headers.get('content-type') === 'application/json') expect(() => JSON.parse(text)).not.toThrow()
    seen.set(response.status, (seen.get(response.status) ?? 0) + 1)
  }
  expect(api.lines.filter(({ level }) => level === 'error')).toEqual([])
  // The test would prove nothing if all were refused at the door.
  expect(seen.get(200)).toBeGreaterThan(300)
  expect(seen.get(400)).toBeGreaterThan(300)
  expect(seen.get(422)).toBeGreaterThan(0)
}, 60_000)
