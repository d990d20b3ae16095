import { describe, expect, test } from 'vitest'
import { TestOutside } from './outside.ts'

function run(files: Record<string, string>, ...argv: string[]) {
  const outside = new TestOutside()
  Object.assign(outside.files, files)
  return outside.thalamus(...argv)
}

const good = 'groups:\n- name: g\n  rules:\n  - {record: y, expr: x * 2}\n  - {alert: A, expr: x > 1}\n'
const tests = `rule_files: [rules/*.yml]
tests:
- name: double
  input_series:
  - {series: x, values: 1 2}
  promql_expr_test:
  - expr: y
    eval_time: 1m
    exp_samples: [{labels: y, value: 4}]
  alert_rule_test:
  - {eval_time: 1m, alertname: A, exp_alerts: [{}]}
- name: wrong
  input_series:
  - {series: x, values: 1}
  promql_expr_test:
  - expr: y
    exp_samples: [{labels: y, value: 3}]
`

describe('thalamus test, with rules', () => {
  test('a line for each expectation that failed', async () => {
    expect(await run({ 'dir/rules/a.yml': good, 'dir/t.yml': tests }, 'test', 'dir/t.yml')).toEqual({
      code: 1,
      out: 'dir/t.yml:16: expr: "y", time: 0s, expected y 3, got y 2\n2 passed, 1 failed\n',
      err: '',
    })
  })
  test('--run names those to run', async () => {
    const ran = await run({ 'dir/rules/a.yml': good, 'dir/t.yml': tests }, 'test', '--run', '^dou', 'dir/t.yml')
    expect(ran).toEqual({ code: 0, out: '2 passed, 0 failed\n', err: '' })
  })
  test.each<[what: string, files: Record<string, string>, out: string]>([
    [
      'a rule file that is not there',
      { 't.yml': 'rule_files: [none.yml]\ntests: [{}]' },
      't.yml:2: none.yml: there is no such file\n0 passed, 1 failed\n',
    ],
    [
      'unknown fields',
      { 't.yml': 'tests:\n- promql: []' },
      't.yml:2: yaml: line 2: field promql not found in type main.testGroup\n0 passed, 1 failed\n',
    ],
    [
      'a group named twice',
      { 't.yml': 'group_eval_order: [a, a]' },
      't.yml:1: group name repeated in evaluation order: a\n0 passed, 1 failed\n',
    ],
    [
      'an alert without a name',
      { 't.yml': 'tests:\n- alert_rule_test:\n  - eval_time: 1m' },
      't.yml:3: an item under alert_rule_test misses required attribute alertname\n0 passed, 1 failed\n',
    ],
    [
      'more evaluations than anybody waits for',
      { 't.yml': 'evaluation_interval: 1ms\ntests:\n- promql_expr_test: [{expr: x, eval_time: 1y}]' },
      't.yml:3: takes more than 1000000 evaluations\n0 passed, 1 failed\n',
    ],
    ['no YAML', { 't.yml': 'tests: [' }, 't.yml:1: '],
  ])('%s', async (_, files, out) => {
    const ran = await run(files, 'test', 't.yml')
    expect(ran).toMatchObject({ code: 1, err: '' })
    expect(ran.out.slice(0, out.length)).toBe(out)
  })
})

describe('thalamus check, of a configuration with rules', () => {
  const text =
    'receivers: { derived: }\nexporters: { debug: }\nservice: { rules: { rule_files: ["/rules/*.yml"] }, pipelines: { metrics: { receivers: [derived], exporters: [debug] } } }'
  test('names the files', async () => {
    const ran = await run({ '/rules/a.yml': good, 'c.yaml': text }, 'check', 'c.yaml')
    expect(ran).toMatchObject({ code: 0, err: '' })
    expect(ran.out).toContain('  rules: /rules/a.yml\n')
  })
  test('says what is wrong with them', async () => {
    const ran = await run({ '/rules/a.yml': good.replace('x * 2', 'x *'), 'c.yaml': text }, 'check', 'c.yaml')
    expect(ran.code).toBe(1)
    expect(ran.err).toContain(
      'service.rules.rule_files.0: /rules/a.yml: 4:23: group "g", rule 1, "y": could not parse expression: 1:4: parse error: unexpected end of input',
    )
  })
})

describe('thalamus check rules', () => {
  test('says what is there', async () => {
    expect(await run({ 'a.yml': good }, 'check', 'rules', 'a.yml')).toEqual({ code: 0, out: 'a.yml: ok, 2 rules\n', err: '' })
  })
  test('says all that is wrong, of every file', async () => {
    const files = {
      'a.yml': 'groups: [{name: "", rules: [{record: "a{}", expr: sum(}]}]',
      'b.yml': good,
      'c.yml': `${good}  - {record: y, expr: x}\n`,
    }
    expect(await run(files, 'check', 'rules', 'a.yml', 'b.yml', 'none.yml', 'c.yml')).toEqual({
      code: 1,
      out: 'b.yml: ok, 2 rules\nc.yml: ok, 3 rules\n',
      err: [
        'a.yml: 1:10: Groupname must not be empty',
        'a.yml: 1:51: group "", rule 1, "a{}": could not parse expression: 1:5: parse error: unclosed left parenthesis',
        'a.yml: 1:38: group "", rule 1, "a{}": braces present in the recording rule name; should it be in expr?: a{}',
        'none.yml: there is no such file',
        'c.yml: warning: 2 rules are y{}, and may write the same series\n',
      ].join('\n'),
    })
  })
  test('wants a file', async () => expect((await run({}, 'check', 'rules')).err).toContain('check rules needs a file'))
})
