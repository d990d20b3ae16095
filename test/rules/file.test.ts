import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type AlertingDefinition, parseRuleFile, type RuleFile, type RuleFileOptions } from '../../src/rules/file.ts'

const data = join(import.meta.dirname, '../data/rules')
const read = (path: string, options?: RuleFileOptions) => parseRuleFile(readFileSync(join(data, path), 'utf8'), options)

function good(source: string, options?: RuleFileOptions): RuleFile {
  const result = parseRuleFile(source, options)
  if ('problems' in result) throw new Error(result.problems.join('\n'))
  return result.file
}

const bad = (source: string, options?: RuleFileOptions): readonly string[] => {
  const result = parseRuleFile(source, options)
  return 'problems' in result ? result.problems : []
}

describe("Prometheus's files", () => {
  test.each<[file: string, problems: readonly string[], options?: RuleFileOptions]>([
    [
      'bad_expr',
      [
        '5:15: group "yolo", rule 1, "yolo": could not parse expression: 1:6: parse error: expected type range vector in call to function "rate", got instant vector',
      ],
    ],
    ['bad_field', ['yaml: line 8: field annotation not found in type rulefmt.Rule']],
    ['duplicate_grp', ['3:5: groupname: "yolo" is repeated in the same file']],
    ['invalid_label_name', ['group "yolo", rule 1, "hola": invalid label name: __name__']],
    [
      'invalid_record_name',
      [
        '4:17: group "yolo", rule 1, "strawberry{flavor=\\"sweet\\"}": braces present in the recording rule name; should it be in expr?: strawberry{flavor="sweet"}',
      ],
    ],
    [
      'legacy_validation_annotation',
      ['group "yolo", rule 1, "hola": invalid annotation name: ins-tance'],
      { nameValidationScheme: 'legacy' },
    ],
    ['no_rec_alert', [`4:9: group "yolo", rule 1, "": one of 'record' or 'alert' must be set`]],
    ['noexpr', [`4:9: group "yolo", rule 1, "ylo": field 'expr' must be set in rule`]],
    ['record_and_alert', [`4:17: 5:16: group "yolo", rule 1, "Hello": only one of 'record' and 'alert' must be set`]],
    ['record_and_for', [`4:17: group "yolo", rule 1, "Hello": invalid field 'for' in recording rule`]],
    ['record_and_keep_firing_for', [`4:17: group "yolo", rule 1, "Hello": invalid field 'keep_firing_for' in recording rule`]],
  ])('%s is refused', (file, problems, options) => {
    const result = read(`rulefmt/${file}.bad.yaml`, options)
    expect('problems' in result && result.problems).toEqual(problems)
  })

  const unread = new Set([
    'fixtures/invalid_rules.yaml',
    'promtool-unittests/bad-rules-syntax.yml',
    'promtool-unittests/rules_extrafields.yml',
    'promtool-unittests/rules-bad.yml',
    'promtool-unittests/features.yml',
  ])
  const ruleFiles = globSync(['rulefmt/*.yaml', 'fixtures/*.yaml', 'promtool-unittests/*.yml', 'alert-generator/*.yaml'], {
    cwd: data,
  }).filter(file => !file.includes('.bad.') && /^groups:/m.test(readFileSync(join(data, file), 'utf8')))
  test('are all there', () => expect(ruleFiles.length).toBeGreaterThan(20))
  test.each(ruleFiles.filter(file => !unread.has(file)))('%s is read', file => {
    const result = read(file)
    expect('problems' in result ? result.problems : []).toEqual([])
  })
  test.each<[file: string, problems: readonly string[], options?: RuleFileOptions]>([
    ['fixtures/invalid_rules.yaml', ['yaml: line 6: field unexpected_field not found in type rulefmt.Rule']],
    [
      'promtool-unittests/rules-bad.yml',
      ['group "alerts", rule 1, "InstanceDown": annotation "summary": template: __alert_InstanceDown:1: undefined variable "$label"'],
    ],
    ['promtool-unittests/rules_extrafields.yml', [], { ignoreUnknownFields: true }],
    [
      'promtool-unittests/features.yml',
      [],
      { parseOptions: { experimentalFunctions: true, durationExpressions: true, extendedRangeSelectors: true, fillModifiers: true } },
    ],
  ])('%s', (file, problems, options) => {
    const result = read(file, options)
    expect('problems' in result ? result.problems : []).toEqual(problems)
  })

  test('anchors, aliases and merged mappings are what they stand for', () => {
    const { groups } = good(readFileSync(join(data, 'rulefmt/test_aliases.yaml'), 'utf8'))
    const merged = groups[0]!.rules[3] as AlertingDefinition
    expect(merged).toMatchObject({ alert: 'HighAlert2', for: 300_000 })
    expect([...merged.labels]).toEqual([['severity', 'critical']])
    expect(merged.text).toContain('rate(errors_total[5m])')
  })
  test('of several documents the first counts', () => {
    const result = read('fixtures/rules_multi_doc.yaml')
    expect('warnings' in result && result.warnings).toEqual([
      'Multiple document yaml rules files are not supported, only the first document is processed',
    ])
    expect('file' in result && result.file.groups.map(({ name }) => name)).toEqual(['multi_doc'])
  })
})

describe('what a file says', () => {
  test('a group and its rules, the labels of the group below those of the rule', () => {
    const [group] = good(`
groups:
  - name: g
    interval: 30s
    query_offset: 10s
    limit: 5
    labels: { team: a, severity: info }
    rules:
      - record: r
        expr: sum(x)
      - alert: A
        expr: up == 0
        for: 1h30m
        keep_firing_for: 2m
        labels: { severity: page, number: 007 }
        annotations: { summary: "{{ $value }} of {{ $labels.job }}" }
`).groups
    expect(group).toMatchObject({ name: 'g', interval: 30_000, queryOffset: 10_000, limit: 5 })
    expect(group!.rules[0]).toMatchObject({ kind: 'recording', record: 'r', text: 'sum(x)' })
    expect(group!.rules[1]).toMatchObject({ kind: 'alerting', alert: 'A', for: 5_400_000, keepFiringFor: 120_000 })
    expect(Object.fromEntries(group!.rules[1]!.labels)).toEqual({ team: 'a', severity: 'page', number: '007' })
  })
  test.each([[''], ['groups:'], ['# nothing'], ['groups: []']])('%j has no groups', source => expect(good(source).groups).toEqual([]))
})

describe('what is wrong is told whole', () => {
  test('all at once', () => {
    expect(
      bad(`
groups:
  - name: ''
    intervall: 5m
    limit: many
    rules:
      - record: a
        expr: sum(
      - alert: B
        expr: up
        for: 5 minutes
        annotations: { a: "{{ $labels.quantile * 100 }}", b: "{{ end }}" }
        labels: [a]
`),
    ).toEqual([
      'yaml: line 4: field intervall not found in type rulefmt.RuleGroup',
      'yaml: line 5: cannot unmarshal !!str `many` into int',
      'yaml: line 11: not a valid duration string: "5 minutes"',
      'yaml: line 13: cannot unmarshal !!seq into map[string]string',
      '3:5: Groupname must not be empty',
      '8:15: group "", rule 1, "a": could not parse expression: 1:5: parse error: unclosed left parenthesis',
      'group "", rule 2, "B": annotation "a": template: __alert_B:1: unexpected "*" in operand',
      'group "", rule 2, "B": annotation "b": template: __alert_B:1: unexpected {{end}}',
    ])
  })
  test.each<[source: string, problem: RegExp]>([
    ['groups: 5', /^yaml: line 1: cannot unmarshal !!int `5` into \[\]$/],
    ['[]', /^yaml: line 1: cannot unmarshal !!seq into rulefmt.RuleGroups$/],
    ['groups: [', /^yaml: line 1: /],
    ['groups: []\ngroups: []', /^yaml: line 2: Map keys must be unique$/],
    ['groups: [*nope]', /^yaml: line 1: /],
    ['a: &a [*a]\ngroups: *a', /^yaml: line /],
    ['groups:\n- name: g\n  labels: {a-b: c}', /^invalid label name: a-b$/],
  ])('%s', (source, problem) => expect(bad(source, { nameValidationScheme: 'legacy' })[0]).toMatch(problem))
})
