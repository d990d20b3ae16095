/** Rule files and unit tests of rules, to Thalamus and to the real promtool: the same alerts with the same texts at every time, and the same files refused. */
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { Folder, finish } from './kit/process.ts'
import { node, program } from './kit/servers.ts'

const main = fileURLToPath(new URL('../../bin/thalamus.js', import.meta.url))
const data = fileURLToPath(new URL('../data/rules', import.meta.url))

const minutes = Array.from({ length: 21 }, (_, minute) => minute)
const names = ['Half', 'Gone', 'Meta']
const exprs = ['ALERTS', 'ALERTS_FOR_STATE', 'job:up:sum', 'up:rate', 'count_over_time(ALERTS[5m])', 'timestamp(up:rate)']

/** Nothing is expected, so that everything is told. */
const everything = {
  rule_files: ['rules.yml'],
  evaluation_interval: '1m',
  // promtool evaluates groups in an order that it draws, unless it is told one; b reads what a gives.
  group_eval_order: ['a', 'b'],
  tests: [
    {
      external_labels: { region: 'eu' },
      external_url: 'http://x/y',
      input_series: [
        { series: 'up{job="p",instance="1"}', values: '1x3 0x20' },
        { series: 'up{job="p",instance="2"}', values: '1x10 0x4 1x10' },
        { series: 'c_total{job="p"}', values: '0+30x20' },
      ],
      alert_rule_test: minutes.flatMap(minute => names.map(alertname => ({ eval_time: `${minute}m`, alertname, exp_alerts: [] }))),
      promql_expr_test: minutes.flatMap(minute => exprs.map(expr => ({ expr, eval_time: `${minute}m`, exp_samples: [] }))),
    },
  ],
}

type Told = Map<string, readonly string[]>

const labelled = /Labels:(\{.*?\})\s+Annotations:(\{.*?\})(?=,?\s*$|,\n|; )/gm
const alertsIn = (text: string) => [...text.matchAll(labelled)].map(([, labels, annotations]) => `${labels} ${annotations}`).sort()
/** `{…} 1E+00, {…} 2E+00` or `name{…} 1; name{…} 2` */
const samplesIn = (text: string) =>
  [...text.matchAll(/([\w:]*)(\{.*?\})? (\S+?)(?:[,;] |$)/g)]
    .map(([, name = '', labels = '{}', value]) => {
      const own = name === '' ? [] : [`__name__="${name}"`]
      return `{${[...own, ...labels.slice(1, -1).split(', ')].filter(label => label !== '').join(', ')}} ${Number(value)}`
    })
    .sort()

function ofPromtool(output: string): Told {
  const told: Told = new Map()
  for (const [, name, time, got] of output.matchAll(/alertname: (\w+), time: (\w+), \n\s+exp:\[\], \n\s+got:\[(.*?)\n\s+\]\n/gs))
    told.set(`${name} ${time}`, alertsIn(got!))
  for (const [, expr, time, got] of output.matchAll(/expr: "(.*?)", time: (\w+),\n\s+exp: nil\n\s+got: (.*)/g))
    told.set(`${expr} ${time}`, samplesIn(got!))
  return told
}

function ofThalamus(output: string): Told {
  const told: Told = new Map()
  for (const [, name, time, got] of output.matchAll(/alertname: (\w+), time: (\w+), expected nothing, got (.*)/g))
    told.set(`${name} ${time}`, alertsIn(got!))
  for (const [, expr, time, got] of output.matchAll(/expr: "(.*?)", time: (\w+), expected nothing, got (.*)/g))
    told.set(`${expr} ${time}`, samplesIn(got!))
  return told
}

test('rules give the same alerts, texts and series at every time', async () => {
  using folder = new Folder()
  folder.write('rules.yml', readFileSync(new URL('rules/rules.yml', import.meta.url), 'utf8'))
  const file = folder.write('test.yml', everything)
  const mine = ofThalamus(await finish(node(), [main, 'test', file], { ok: [1] }))
  const real = ofPromtool(await finish(program('promtool'), ['test', 'rules', file], { ok: [1] }))
  expect(real.size).toBeGreaterThan(100)
  expect(Object.fromEntries(mine)).toEqual(Object.fromEntries(real))
})

describe('the same files are refused', () => {
  const succeeds = (file: string, args: readonly string[]) =>
    finish(file, args).then(
      () => true,
      () => false,
    )
  const files = (pattern: string, what: RegExp) =>
    globSync(pattern, { cwd: data })
      .filter(file => what.test(readFileSync(join(data, file), 'utf8')))
      .sort()
  test.each(files('{rulefmt,fixtures,promtool-unittests}/*.y{,a}ml', /^groups:/m))('%s', async file => {
    const path = join(data, file)
    expect(await succeeds(node(), [main, 'check', 'rules', path])).toBe(
      await succeeds(program('promtool'), ['check', 'rules', '--lint=none', path]),
    )
  })
  test.each(files('promtool-unittests/*.yml', /^tests:/m))('%s', async file => {
    const path = join(data, file)
    expect(await succeeds(node(), [main, 'test', path])).toBe(await succeeds(program('promtool'), ['test', 'rules', path]))
  })
})
