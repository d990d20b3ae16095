import { describe, expect, test } from 'vitest'
import { familyName, familyType, labelName, type Strategy } from '../../src/exposition/naming.ts'
import type { MetricType } from '../../src/model/dictionary.ts'

const entry = (name: string, unit: string, kind: string) => ({
  name,
  unit,
  type: (kind === 'counter' || kind === 'updown' ? 'sum' : kind) as MetricType,
  monotonic: kind === 'counter',
})
const named = (strategy: Strategy, name: string, unit: string, kind: string, namespace = '') =>
  familyName(entry(name, unit, kind), { strategy, namespace })

describe('UnderscoreEscapingWithSuffixes', () => {
  test.each([
    // characters
    ['http.server.duration', 's', 'histogram', 'http_server_duration_seconds'],
    ['plain_name', '', 'gauge', 'plain_name'],
    ['with:colon', '', 'gauge', 'with:colon'],
    ['a..b--c__d', '', 'gauge', 'a_b_c_d'],
    ['.lead.and.trail.', '', 'gauge', 'lead_and_trail'],
    ['größe', '', 'gauge', 'gr_e'],
    ['😀 count', '', 'gauge', 'count'],
    ['3d.points', '', 'gauge', '_3d_points'],
    ['ünïcode', 'By', 'gauge', 'n_code_bytes'],
    // counters
    ['requests', '', 'counter', 'requests_total'],
    ['requests.total', '', 'counter', 'requests_total'],
    ['total.requests', '', 'counter', 'requests_total'],
    ['requests', '1', 'counter', 'requests_total'],
    ['io', 'By', 'counter', 'io_bytes_total'],
    ['io_total', 'By', 'counter', 'io_bytes_total'],
    ['queue', '1', 'updown', 'queue'],
    ['queue', '{item}', 'updown', 'queue'],
    // ratios
    ['cpu.utilization', '1', 'gauge', 'cpu_utilization_ratio'],
    ['cpu.ratio', '1', 'gauge', 'cpu_ratio'],
    ['ratio', '1', 'gauge', 'ratio'],
    ['ratio.of.ratio', '1', 'gauge', 'of_ratio'],
    ['share', '%', 'gauge', 'share_percent'],
    ['h', '1', 'histogram', 'h'],
    // what the name says already
    ['wait_seconds', 's', 'gauge', 'wait_seconds'],
    ['seconds.waited', 's', 'counter', 'seconds_waited_total'],
    ['memory.bytes.used', 'By', 'gauge', 'memory_bytes_used'],
    // per
    ['speed', 'm/s', 'gauge', 'speed_meters_per_second'],
    ['rate', '1/s', 'gauge', 'rate_per_second'],
    ['throughput', 'By/s', 'gauge', 'throughput_bytes_per_second'],
    ['flow', 'foo/s', 'gauge', 'flow_foo_per_second'],
    ['packets', '{packet}/s', 'gauge', 'packets_per_second'],
    ['bytes', 'By/{packet}', 'gauge', 'bytes'],
    ['r', '/s', 'gauge', 'r_per_second'],
    ['r', 'x/', 'gauge', 'r_x'],
    ['r', 'x/furlong', 'gauge', 'r_x_per_furlong'],
    ['r', 'a/b/c', 'gauge', 'r_a_per_b_c'],
    ['r', ' By / s ', 'gauge', 'r_bytes_per_second'],
    ['r', 'x/$', 'gauge', 'r_x'],
    ['r', 'x_/s', 'gauge', 'r_x_per_second'],
    ['r', '_x', 'gauge', 'r_x'],
    ['r', 'kg.m', 'gauge', 'r_kg_m'],
    ['r', '{a}', 'gauge', 'r'],
    ['r', '{a}b', 'gauge', 'r'],
    ['r', 'constructor', 'gauge', 'r_constructor'],
  ])('%s [%s] %s → %s', (name, unit, kind, want) => {
    expect(named('UnderscoreEscapingWithSuffixes', name, unit, kind)?.name).toBe(want)
  })

  test.each(
    Object.entries({
      ...{ d: 'days', h: 'hours', min: 'minutes', s: 'seconds', ms: 'milliseconds', us: 'microseconds', ns: 'nanoseconds' },
      ...{ By: 'bytes', KiBy: 'kibibytes', MiBy: 'mebibytes', GiBy: 'gibibytes', TiBy: 'tibibytes' },
      ...{ KBy: 'kilobytes', MBy: 'megabytes', GBy: 'gigabytes', TBy: 'terabytes' },
      ...{ m: 'meters', V: 'volts', A: 'amperes', J: 'joules', W: 'watts', g: 'grams', Cel: 'celsius', Hz: 'hertz', '%': 'percent' },
      ...{ 'By/s': 'bytes_per_second', 'By/m': 'bytes_per_minute', 'By/h': 'bytes_per_hour', 'By/d': 'bytes_per_day' },
      ...{ 'By/w': 'bytes_per_week', 'By/mo': 'bytes_per_month', 'By/y': 'bytes_per_year', '1/s': 'per_second' },
    }),
  )('unit %s is %s', (unit, word) => {
    expect(named('UnderscoreEscapingWithSuffixes', 'x', unit, 'updown')).toEqual({ name: `x_${word}`, type: 'gauge', unit: word })
  })

  test.each([
    ['requests', 'app', 'app_requests'],
    ['3d', 'app', 'app_3d'],
    ['requests', '3app', '_3app_requests'],
    ['requests', 'my.app', 'my_app_requests'],
  ])('%s in namespace %s → %s', (name, namespace, want) => {
    expect(named('UnderscoreEscapingWithSuffixes', name, '', 'gauge', namespace)?.name).toBe(want)
  })

  test.each(['', '.', '字', '@#$%', '___'])('nothing is left of %j', name => {
    expect(named('UnderscoreEscapingWithSuffixes', name, '', 'gauge')).toBeUndefined()
  })
})

test.each([
  ['UnderscoreEscapingWithoutSuffixes', 'http.requests', 'By', 'counter', 'http_requests'],
  ['UnderscoreEscapingWithoutSuffixes', 'a__b..c', '', 'gauge', 'a__b_c'],
  ['UnderscoreEscapingWithoutSuffixes', '_a_', '', 'gauge', '_a_'],
  ['UnderscoreEscapingWithoutSuffixes', '1a', '', 'gauge', '_1a'],
  ['UnderscoreEscapingWithoutSuffixes', '___', '', 'gauge', '___'],
  ['UnderscoreEscapingWithoutSuffixes', '@_#_', '', 'gauge', undefined],
  ['UnderscoreEscapingWithoutSuffixes', '@', '', 'gauge', undefined],
  ['NoTranslation', 'http.requests', 'By', 'counter', 'http.requests'],
  ['NoTranslation', '字', 's', 'gauge', '字'],
  ['NoTranslation', '', 's', 'gauge', undefined],
  ['NoUTF8EscapingWithSuffixes', 'http.requests', 'By', 'counter', 'http.requests_bytes_total'],
  ['NoUTF8EscapingWithSuffixes', 'http.requests_total', 'By', 'counter', 'http.requests_bytes_total'],
  ['NoUTF8EscapingWithSuffixes', 'cpu_seconds_total', 's', 'counter', 'cpu_seconds_total'],
  ['NoUTF8EscapingWithSuffixes', 'wait.seconds', 's', 'gauge', 'wait.seconds'],
  ['NoUTF8EscapingWithSuffixes', 'größe', '1', 'gauge', 'größe_ratio'],
  ['NoUTF8EscapingWithSuffixes', 'requêsts', '1/s', 'counter', 'requêsts_per_second_total'],
  ['NoUTF8EscapingWithSuffixes', 'a', 'ü/s', 'gauge', 'a_ü_per_second'],
  ['NoUTF8EscapingWithSuffixes', 'total', '', 'counter', 'total_total'],
] as const)('%s: %s [%s] %s → %s', (strategy, name, unit, kind, want) => {
  expect(named(strategy, name, unit, kind)?.name).toBe(want)
})

test.each([
  ['http.method', 'http_method', 'http.method'],
  ['plain_1', 'plain_1', 'plain_1'],
  ['1st', 'key_1st', '1st'],
  ['_one', '_one', '_one'],
  ['a__b', 'a__b', 'a__b'],
  ['a..b', 'a__b', 'a..b'],
  ['with:colon', 'with_colon', 'with:colon'],
  ['naïve', 'na_ve', 'naïve'],
  ['😀', '_', '😀'],
  ['__name__', '_name__', '_name__'],
  ['__typename', '_typename', '_typename'],
  ['', '_', '_'],
  ['____', '_', '_'],
  ['ようこそ', '_', 'ようこそ'],
  ['a\ud800b', 'a_b', 'a\ufffdb'],
])('label %j → %s, or %s in UTF-8', (key, escaped, utf8) => {
  expect(labelName(key, { strategy: 'UnderscoreEscapingWithSuffixes' })).toBe(escaped)
  expect(labelName(key, { strategy: 'NoTranslation' })).toBe(utf8)
})

test.each([
  ['gauge', false, 'gauge'],
  ['sum', true, 'counter'],
  ['sum', false, 'gauge'],
  ['histogram', false, 'histogram'],
  ['exponential_histogram', false, 'histogram'],
  ['summary', false, 'summary'],
] as const)('%s, monotonic %s, is a %s', (type, monotonic, want) => {
  expect(familyType({ type, monotonic })).toBe(want)
})
